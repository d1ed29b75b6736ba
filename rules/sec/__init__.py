"""Pod security."""
