"""Speed and memory, as ratios within one run. ``python -m benchmarks`` measures, prints, and fails where a promise is broken."""
