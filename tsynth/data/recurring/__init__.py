"""Rows that recur: a payment a month on one day, a fee at its end, something every so many days."""

from tsynth.data.recurring.chains import (
    DAY_OF_MONTH,
    MONTH_END,
    PERIOD,
    PERIODS,
    Chains,
    find_chains,
    with_short,
)
from tsynth.data.recurring.kinds import Kind, describe
from tsynth.data.recurring.rows import RecurringRows, day_length, find_recurring, parties_of, row_codes

__all__ = [
    "DAY_OF_MONTH",
    "MONTH_END",
    "PERIOD",
    "PERIODS",
    "Chains",
    "Kind",
    "RecurringRows",
    "day_length",
    "describe",
    "find_chains",
    "find_recurring",
    "parties_of",
    "row_codes",
    "with_short",
]
