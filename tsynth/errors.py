"""Every error and warning that tsynth raises, and the exit code each one becomes on the command line.

TsynthError
├── UsageError            2   a wrong argument, option or job file
├── DataError             3   the rows cannot be read or used as they are
├── ArtifactError         4   a model, schema or release is damaged, hostile or of another version
│   └── SchemaMismatch    4   the rows do not have the schema that was learned
├── ResourceError         5   disk, memory, a lock or a worker gave out
└── GateFailed            6   a quality gate was not passed

A message has three parts: what is wrong, where (column, entity, row, value), what to do.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

__all__ = [
    "ArtifactError",
    "DataError",
    "DataWarning",
    "GateFailed",
    "MissingExtra",
    "NotFitted",
    "PrivacyWarning",
    "ResourceError",
    "SchemaMismatch",
    "TsynthError",
    "TsynthWarning",
    "UsageError",
]


class TsynthError(Exception):
    """Base of all errors of tsynth.

    Parameters
    ----------
    problem : str
        What is wrong and where, in one clause.
    column, entity, row : optional
        Where: the column's name, the entity's id, the row's number in the source (from 0).
    fix : str, optional
        What the user can do about it.
    """

    exit_code = 1

    def __init__(
        self,
        problem: str,
        *,
        column: str | None = None,
        entity: object = None,
        row: int | None = None,
        fix: str | None = None,
    ) -> None:
        self.problem, self.column, self.entity, self.row, self.fix = problem, column, entity, row, fix
        text = f"{column}: {problem}" if column is not None else problem
        if fix:
            text = f"{text}; {fix}"
        super().__init__(text if text.endswith((".", "?", "!")) else text + ".")

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled as what it says, whatever its constructor takes: errors cross from workers to their parent."""
        return _again, (type(self), self.args, dict(self.__dict__))


def _again(kind: type[TsynthError], args: tuple[Any, ...], state: dict[str, Any]) -> TsynthError:
    made = kind.__new__(kind, *args)
    made.__dict__.update(state)
    return made


class UsageError(TsynthError, ValueError):
    """A wrong argument, option or job file."""

    exit_code = 2


class MissingExtra(UsageError):
    """A part needs a package that is not installed."""

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(f"{what} needs the extra `{extra}`", fix=f"pip install 'tsynth[{extra}]'")


class NotFitted(UsageError):
    """A generator was asked to sample before it was fitted."""


class DataError(TsynthError, ValueError):
    """The rows cannot be read or used as they are."""

    exit_code = 3


class ArtifactError(TsynthError):
    """A model, schema or release is damaged, hostile or of another version."""

    exit_code = 4


class SchemaMismatch(ArtifactError):
    """The rows do not have the schema that was learned.

    Parameters
    ----------
    differences : sequence of str
        One line a difference, as the user reads it.
    """

    def __init__(self, differences: Sequence[str], *, fix: str | None = None) -> None:
        self.differences = list(differences)
        super().__init__("the schema differs:\n  " + "\n  ".join(self.differences), fix=fix)


class ResourceError(TsynthError):
    """Disk, memory, a lock or a worker gave out."""

    exit_code = 5


class GateFailed(TsynthError):
    """A quality gate was not passed."""

    exit_code = 6


class TsynthWarning(UserWarning):
    """Base of all warnings of tsynth."""


class DataWarning(TsynthWarning):
    """The rows can be used, but hold next to nothing of what is asked of them."""


class PrivacyWarning(TsynthWarning):
    """What was asked for can give a source entity away."""
