"""Do models trained on it work on real data."""
