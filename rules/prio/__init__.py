"""Priorities."""
