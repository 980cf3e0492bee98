"""What models are asked to predict: tasks that the schema tells, or that the user names."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from tsynth.data.schema import Column
from tsynth.errors import UsageError
from tsynth.scores.base import CannotSay
from tsynth.scores.ruler import Ruler
from tsynth.scores.survival.followup import followed

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Task", "named", "task_of", "tasks_of", "telling"]

CLASSES, MOST = 6, 3
TELLS, RARE = 0.05, 0.2
"""A column tells the target where it leaves less than this part of the errors that guessing makes. Below this share a
label is a thing to detect."""
ENTITY_ROLES = ("outcome", "event", "followup", "start", "stop")
FARTHEST = 12

Kind = Literal["class", "number", "detection", "survival", "forecast"]


@dataclass(frozen=True)
class Task:
    """What is predicted, of what, and how it is measured.

    Parameters
    ----------
    target : str
        Column, or "code" for what kind of row comes next.
    unit : {"entity", "row", "next", "ahead"}
        Of an entity, of a row, of the row after, or of one several rows ahead.
    classes : int
        Number of classes; 0 for a number.
    sentence : str
        The task in words: "predicting ...".
    leave_out : tuple of str
        Columns that would give the answer away.
    kind : {"class", "number", "detection", "survival", "forecast"}
    ahead : int
        Rows ahead of a forecast.
    """

    target: str
    unit: str
    classes: int
    sentence: str
    leave_out: tuple[str, ...] = ()
    kind: Kind = "class"
    ahead: int = 0

    @property
    def measure(self) -> str:
        """What models reach: "AUC", "R2", "concordance" or "skill"."""
        known = {"number": "R2", "survival": "concordance", "forecast": "skill"}
        return known.get(self.kind, "AUC")

    @property
    def constant(self) -> float:
        """What a model reaches that predicts the same for all, or (a forecast) the last value."""
        return 0.0 if self.kind in ("number", "forecast") else 0.5

    @property
    def scale(self) -> float:
        """What makes a loss of the measure a gap."""
        return 2.0 if self.constant else 1.0


def tasks_of(ruler: Ruler) -> list[Task]:
    """The tasks of this schema, at most 3: labels, survival, outcomes and events; else the next code or value."""
    varied = {c.name for c in ruler.varied}
    found = [_column(ruler, c, True) for c in ruler.schema.roles("label") if c.name in varied]
    if followed(ruler.schema) and not ruler.blocks:
        found.append(_survival(ruler))
    else:
        found += [
            _column(ruler, c)
            for role in ("outcome", "event")
            for c in ruler.schema.roles(role)
            if c.name in varied
        ]
    if found:
        return found[:MOST]
    if ruler.code_columns:
        kinds = min(len(ruler.code_names) - 1, CLASSES)
        return [Task("code", "next", kinds, f"predicting the next {' and '.join(ruler.code_columns)}")]
    numbers = [c for c in ruler.varied if not c.static and not c.discrete]
    if numbers:
        return [_next(ruler, numbers[0])]
    raise CannotSay("no column can serve as a target")


def task_of(ruler: Ruler) -> Task:
    """The first of `tasks_of`."""
    return tasks_of(ruler)[0]


def named(ruler: Ruler, text: str) -> Task:
    """The task that a text names: "COLUMN", "next COLUMN", "forecast COLUMN", "detection of COLUMN" or "survival".

    Raises
    ------
    UsageError
        There is no such column, or it cannot be predicted in this way.
    CannotSay
        The column is the same in all training rows.
    """
    text = text.strip()
    if text in ruler.schema:
        return _column(ruler, _target(ruler, text, text))
    if text == "survival":
        if not followed(ruler.schema):
            raise UsageError(
                "task 'survival': no columns say how long entities were followed and what ended it",
                fix="give the roles followup and event",
            )
        if ruler.blocks:
            raise CannotSay("the sequences are cut into blocks of time, so their ends are not seen")
        return _survival(ruler)
    for prefix in ("next ", "forecast ", "detection of "):
        if text.startswith(prefix):
            column = _target(ruler, text[len(prefix) :].strip(), text)
            if prefix == "detection of ":
                return _detection(ruler, column, text)
            if column.static:
                raise UsageError(
                    f"task {text!r}: it is the same in all rows of an entity",
                    column=column.name,
                    fix=f'write "{column.name}"',
                )
            return _next(ruler, column) if prefix == "next " else _forecast(ruler, column, text)
    return _column(ruler, _target(ruler, text, text))


def _target(ruler: Ruler, name: str, text: str) -> Column:
    """The column of this name, which must be one that is learned and varies."""
    known = [c.name for c in ruler.columns]
    if name not in ruler.schema:
        near = difflib.get_close_matches(name, [*known, "survival"], 3, 0.5)
        raise UsageError(
            f"task {text!r}: no column is called {name!r}", fix="choose one of " + ", ".join(near or known)
        )
    if name not in known:
        raise UsageError(
            f"task {text!r}: nothing learns a column of role or kind {ruler.schema[name].role}, "
            f"{ruler.schema[name].kind}",
            column=name,
            fix="choose one of " + ", ".join(known),
        )
    if name not in {c.name for c in ruler.varied}:
        raise CannotSay(f"{name} is the same in all training rows")
    return ruler.schema[name]


def _column(ruler: Ruler, column: Column, rare: bool = False) -> Task:
    """The column itself, of a row or of an entity; a rare one is a thing to detect where `rare` says so."""
    if rare and not column.static and column.discrete and _share(ruler, column) < RARE:
        return _detection(ruler, column, column.name)
    classes = min(len(ruler.levels(column.name)), CLASSES) if column.discrete else 0
    kind: Kind = "class" if classes else "number"
    if column.static:
        hidden = tuple(c.name for c in ruler.schema if c.role in ENTITY_ROLES)
        left_out = dict.fromkeys((*hidden, column.name, *telling(ruler, column)))
        what = f"predicting {column.name} of an entity from its rows"
        return Task(column.name, "entity", classes, what, tuple(left_out), kind)
    out = (column.name, *telling(ruler, column))
    return Task(column.name, "row", classes, f"predicting {column.name} of a row", out, kind)


def _share(ruler: Ruler, column: Column) -> float:
    """Share of training rows that do not hold the most frequent level."""
    return float((ruler.discrete(ruler.train, column.name) > 0).mean())


def _detection(ruler: Ruler, column: Column, text: str) -> Task:
    if not column.discrete:
        raise UsageError(
            f"task {text!r}: it has no levels", column=column.name, fix=f'write "{column.name}" or "next ..."'
        )
    unit, plain = ("entity" if column.static else "row"), _column(ruler, column)
    what = f"detecting rare {column.name}" + (" of an entity from its rows" if column.static else "")
    return Task(column.name, unit, 1, what, plain.leave_out, "detection")


def _next(ruler: Ruler, column: Column) -> Task:
    classes = min(len(ruler.levels(column.name)), CLASSES) if column.discrete else 0
    kind: Kind = "class" if classes else "number"
    return Task(column.name, "next", classes, f"predicting the next {column.name}", (), kind)


def _forecast(ruler: Ruler, column: Column, text: str) -> Task:
    if column.discrete:
        raise UsageError(
            f"task {text!r}: it is no number", column=column.name, fix=f'write "next {column.name}"'
        )
    rows = float(np.median(ruler.train.lengths)) if len(ruler.train) else 0.0
    ahead = int(np.clip(rows // 8, 1, FARTHEST))
    what = f"forecasting {column.name} {ahead} row{'s' if ahead > 1 else ''} ahead"
    return Task(column.name, "ahead", 0, what, (), "forecast", ahead)


def _survival(ruler: Ruler) -> Task:
    hidden = [c.name for c in ruler.schema if c.role in (*ENTITY_ROLES, "label")]
    events = ruler.schema.roles("event")
    told = [name for c in events if c.discrete and c in ruler.varied for name in telling(ruler, c)]
    what = "telling from statics and first rows who has the event earlier"
    return Task(events[0].name, "entity", 0, what, tuple(dict.fromkeys((*hidden, *told))), "survival")


def telling(ruler: Ruler, target: Column) -> list[str]:
    """Columns that say the same as the target: a function of it, or one that it is a function of.

    Rules of the schema name them, and of categories the training rows show it. Where an entity is asked about, its
    last row counts, and whether it ever holds anything but the usual level: what ends a history stands in its end.
    """
    data = ruler.train
    found = [
        name
        for rule in data.schema.constraints or ()
        if rule.get("name") == "function" and rule.get("form") == "linear" and target.name in rule["columns"]
        for name in rule["columns"]
    ]
    if not target.discrete:
        return [name for name in dict.fromkeys(found) if name != target.name]
    truth = ruler.discrete(data, target.name)
    for column in ruler.varied:
        if column.name == target.name or not column.discrete:
            continue
        cells = ruler.discrete(data, column.name)
        if target.static and not column.static:
            has = data.lengths > 0
            ever = np.bincount(data.entity_of_row[cells > 0], minlength=data.n_entities) > 0
            views = [(cells[data.offsets[1:][has] - 1], truth[has]), (ever[has].astype(np.int64), truth[has])]
        elif column.static and not target.static:
            views = [(cells[data.entity_of_row], truth)]
        else:
            views = [(cells, truth)]
        if any(_function(a, b) or _function(b, a) for a, b in views):
            found.append(column.name)
    return [name for name in dict.fromkeys(found) if name != target.name]


def _function(source: NDArray[np.int64], target: NDArray[np.int64]) -> bool:
    """Whether the levels of one column tell those of the other; each level that must be learned counts as an error,
    unless there is none and the levels are few.
    """
    if not len(source):
        return False
    width = int(target.max()) + 1
    table = np.bincount(source * width + target, minlength=(int(source.max()) + 1) * width).reshape(-1, width)
    guessing = len(target) - table.sum(axis=0).max()
    wrong, learned = len(target) - table.max(axis=1).sum(), (table.sum(axis=1) > 0).sum()
    return bool(wrong + learned <= TELLS * guessing or (wrong == 0 and 5 * learned <= guessing))
