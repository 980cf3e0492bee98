"""Does it keep what real data never break."""
