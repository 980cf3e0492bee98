"""The scores that a user asked for, as objects: by suite or name, with tasks and groups where they take them."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from tsynth import registry
from tsynth.errors import UsageError
from tsynth.jobs.mistakes import nearest

if TYPE_CHECKING:
    from tsynth.data.sequences import Sequences
    from tsynth.scores.base import Score

__all__ = ["check_asked", "scores_of"]

TAKES = {"tasks": "--task", "columns": "--group"}
"""Parameter of a score's constructor, and the flag that fills it."""


def scores_of(
    names: str | Iterable[str] = "standard",
    tasks: Sequence[str] = (),
    groups: Sequence[str] = (),
    also: Iterable[str] = (),
) -> list[Score]:
    """The scores of a suite or of names, and those of `also` (what a gate needs).

    A score whose constructor takes ``tasks`` is given the tasks, a score of fairness that takes ``columns`` the
    groups; where none that was asked does, those that do are asked too.

    Raises
    ------
    UsageError
        A suite or a score that does not exist, or a task that cannot be understood.
    """
    known = registry.names("scores")
    if isinstance(names, str):
        if names not in ("standard", "all"):
            raise UsageError(f"there is no suite {names!r}", fix='use "standard", "all" or a list of names')
        asked = [name for name in known if names == "all" or registry.find("scores", name).standard]
    else:
        asked = list(names)
    asked += also
    given = {"tasks": tuple(tasks), "columns": tuple(groups)}
    for parameter, values in given.items():
        if values and not any(_takes(name, parameter) for name in asked):
            takers = [name for name in known if _takes(name, parameter)]
            if not takers:
                raise UsageError(f"no score takes {TAKES[parameter]}", fix="leave it out")
            asked += takers
    return [_made(name, given) for name in dict.fromkeys(asked)]


def check_asked(tasks: Sequence[str], groups: Sequence[str], train: Sequences) -> None:
    """Refuse groups by columns that are not there, and tasks that such data do not have, before anything is scored."""
    for name in groups:
        if name not in train.schema:
            raise UsageError(
                f"group {name!r}: there is no such column{nearest(name, train.schema.names)}",
                fix="choose one of " + ", ".join(c.name for c in train.schema if c.learned),
            )
    if tasks:
        from tsynth.scores.base import CannotSay
        from tsynth.scores.ruler import ruler
        from tsynth.scores.utility.tasks import named

        for text in tasks:
            with suppress(CannotSay):
                named(ruler(train), text)


def _takes(name: str, parameter: str) -> bool:
    score = registry.find("scores", name)
    if parameter == "columns" and score.group != "fairness":
        return False
    return parameter in inspect.signature(score).parameters


def _made(name: str, given: dict[str, tuple[str, ...]]) -> Score:
    wanted = {key: values for key, values in given.items() if values and _takes(name, key)}
    score: Score = registry.find("scores", name)(**wanted)
    return score
