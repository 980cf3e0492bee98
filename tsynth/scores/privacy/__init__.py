"""Does it give away who was in the training data: copies, nearness, attacks."""
