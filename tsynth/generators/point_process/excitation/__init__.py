"""Processes that excite themselves, over plain arrays: what they are, their paths, likelihood, fit and residuals."""
