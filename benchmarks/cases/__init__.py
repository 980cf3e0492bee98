"""The cases, a file each; benchmarks/runner.py says what a case is."""
