"""Is it like real data: columns, pairs, times and what follows what."""
