"""Credentials and model artefacts."""
