"""Input: documents, comments and annotations that mlaudit reads."""
