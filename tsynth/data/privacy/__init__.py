"""Differential privacy: what may be spent, what was spent, and statistics with noise."""

from tsynth.data.privacy.ledger import Ledger, Privacy
from tsynth.data.privacy.noised import Histogram, noised_counts, noised_histogram

__all__ = ["Histogram", "Ledger", "Privacy", "noised_counts", "noised_histogram"]
