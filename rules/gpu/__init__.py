"""Accelerator requests."""
