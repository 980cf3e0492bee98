"""Loops over flat arrays, compiled by numba; nothing here knows the rest of tsynth."""
