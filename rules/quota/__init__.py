"""Quotas and limits of namespaces."""
