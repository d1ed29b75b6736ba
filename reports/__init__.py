"""Output formats, one module each: ``render(report, view) -> str``."""
