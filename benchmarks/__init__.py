"""Benchmarks: a case a file, peers in environments of their own, one page of results.

Not part of the package; run from the root of the source tree with `python -m benchmarks [CASE...]`.
"""
