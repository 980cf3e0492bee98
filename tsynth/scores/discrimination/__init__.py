"""Can a model tell it from real data, and by what."""
