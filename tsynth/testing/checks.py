"""A check: something callable with a name that a test runner can show."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

__all__ = ["Check"]


@dataclass(frozen=True)
class Check:
    """One check on one subject.

    Parameters
    ----------
    name : str
        What is checked, in words joined by underscores.
    run : callable
        Raises AssertionError with what broke.
    subject : str
        Name of the generator or score.
    example : str
        Name of the data it is checked on.
    """

    name: str
    run: Callable[[], Any]
    subject: str = ""
    example: str = ""

    def __call__(self) -> None:
        self.run()

    def __str__(self) -> str:
        return "-".join(part for part in (self.subject, self.example, self.name) if part)
