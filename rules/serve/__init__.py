"""Serving: scaling and server configuration."""
