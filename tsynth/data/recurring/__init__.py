"""Rows that recur: a payment a month on one day, a fee at its end, something every so many days."""

from tsynth.data.recurring.chains import DAY_OF_MONTH, MONTH_END, PERIOD, PERIODS, Chains, find_chains
from tsynth.data.recurring.kinds import Kind, describe
from tsynth.data.recurring.rows import Recurring, find_recurring

__all__ = [
    "DAY_OF_MONTH",
    "MONTH_END",
    "PERIOD",
    "PERIODS",
    "Chains",
    "Kind",
    "Recurring",
    "describe",
    "find_chains",
    "find_recurring",
]
