"""A generator and a score that live in a package of their own."""
