"""Queues that workloads wait in."""
