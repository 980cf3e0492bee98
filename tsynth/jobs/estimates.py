"""About how long a stage takes, so that nobody waits in the dark. Seconds, rough to a factor of two or three."""

from __future__ import annotations

from pathlib import Path

__all__ = ["WORTH_SAYING", "constraints", "fit", "read", "sample", "score"]

WORTH_SAYING = 10.0
"""Seconds from which on an estimate is shown."""


def read(paths: list[Path]) -> float:
    """By bytes: text is slower than Parquet, compressed text slower still."""
    seconds = 0.5
    for path in paths:
        files = [p for p in path.rglob("*") if p.is_file()] if path.is_dir() else [path]
        for file in files:
            try:
                megabytes = file.stat().st_size / 1e6
            except OSError:
                continue
            name = file.name.lower()
            rate = 0.1 if name.endswith((".parquet", ".pq")) else 0.3 if name.endswith(".gz") else 0.05
            seconds += rate * megabytes
    return seconds


def constraints(rows: int, columns: int) -> float:
    """Finding rules looks at pairs of columns."""
    return 0.5 + 4e-7 * rows * columns**2


def fit(rows: int, columns: int, minutes: float | None) -> float:
    """The budget, where there is one."""
    return 60 * minutes if minutes is not None else 2.0 + 5e-6 * rows * columns


def sample(rows: float) -> float:
    """A million rows take some ten seconds."""
    return 1.0 + 1e-5 * rows


def score(rows: float, columns: int) -> float:
    """Scores look at no more than 200,000 rows a side."""
    return 15.0 + 2e-4 * min(rows, 200_000) * columns
