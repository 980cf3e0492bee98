"""Generators that put another generator inside: what they take out of the data they put back into what it makes."""
