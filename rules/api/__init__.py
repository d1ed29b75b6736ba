"""API versions."""
