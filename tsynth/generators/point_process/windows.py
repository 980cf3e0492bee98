"""In which window each entity is observed, and which of its events made that window."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from tsynth.data import clock
from tsynth.errors import DataError, UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsynth.data.schema import Schema
    from tsynth.data.sequences import Sequences

__all__ = ["RULES", "Window", "check_windows", "choose"]

RULES = ("auto", "given", "whole", "entry", "own")
SILENT = 3.0
"""Median surprise of the silence before the end of the data from which entities are taken to have left."""


@dataclass(frozen=True)
class Window:
    """How an entity's window comes about.

    Parameters
    ----------
    rule : {"given", "whole", "entry", "own"}
        "given": start and end of the entity table. "whole": from the first to the last moment of the data. "entry":
        from the entity's first event to the last moment of the data. "own": from its first to its last event.
    opened, closed : bool
        Whether an event stands at the start, or at the end, because the window was made by it. Such events are not
        random: no rate is learned from them, and one is put there when sampling.
    span : (float, float)
        First and last moment of the data.
    shared : bool
        Whether all entities live in that span.
    why : str
        A sentence.
    """

    rule: str
    opened: bool
    closed: bool
    span: tuple[float, float]
    shared: bool
    why: str

    def bounds(
        self,
        start: NDArray[np.float64],
        end: NDArray[np.float64],
        first: NDArray[np.float64],
        last: NDArray[np.float64],
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Start and end of each entity's window, NaN where it has none; arguments are (N,), NaN where unknown."""
        if self.rule == "given":
            return start, end
        if self.rule == "whole":
            return np.full(len(first), self.span[0]), np.full(len(first), self.span[1])
        return first, (np.where(np.isfinite(first), self.span[1], np.nan) if self.rule == "entry" else last)

    def until(self, times: NDArray[np.float64]) -> Window:
        """The same rule for entities of a history: where they share a calendar it ends with their last event."""
        return replace(self, span=(self.span[0], float(np.max(times, initial=self.span[0]))))

    def to_state(self) -> dict[str, Any]:
        """Plain values."""
        return {**vars(self), "span": list(self.span)}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Window:
        """The window rule whose `to_state` this was."""
        return cls(**{**state, "span": (float(state["span"][0]), float(state["span"][1]))})


def check_windows(data: Sequences) -> None:
    """Refuse windows that end before they start, and events outside the window that the entity table gives.

    Raises
    ------
    DataError
        Names the entity and the times.
    """
    schema = data.schema
    backward = data.end < data.start
    if backward.any():
        i = int(np.argmax(backward))
        who = _entity(data, i)
        end, start = (_moment(float(x[i]), schema) for x in (data.end, data.start))
        raise DataError(
            f"the window of entity {who!r} ends ({end}) before it starts ({start})",
            column="end",
            entity=who,
            fix="correct start and end in the entity table",
        )
    has = np.flatnonzero(data.lengths > 0)
    first, last = data.time[data.offsets[:-1][has]], data.time[data.offsets[1:][has] - 1]
    for name, wrong, at in (
        ("start", data.start[has] > first, first),
        ("end", data.end[has] < last, last),
    ):
        if wrong.any():
            i = int(np.argmax(wrong))
            who = _entity(data, int(has[i]))
            edge = _moment(float((data.start if name == "start" else data.end)[has[i]]), schema)
            side = "before the window's start" if name == "start" else "after the window's end"
            raise DataError(
                f"entity {who!r} has an event at {_moment(float(at[i]), schema)}, {side} ({edge})",
                column=name,
                entity=who,
                fix="correct the window in the entity table or remove the event",
            )


def _entity(data: Sequences, i: int) -> Any:
    """The name of entity `i`, or its number where no column names it."""
    column = data.schema.entity
    return i if column is None else data.entities[column][i].as_py()


def _moment(value: float, schema: Schema) -> str:
    """A time as the source writes it: a date where it holds dates."""
    assert schema.time is not None
    if schema[schema.time].kind != "datetime":
        return f"{value:g}"
    at = clock.from_units(np.array([value]), schema.time_unit, pa.timestamp("us"))
    return str(at[0].as_py()).removesuffix(" 00:00:00")


def choose(
    rule: str,
    *,
    windowed: bool,
    shared: bool,
    span: tuple[float, float],
    rows: NDArray[np.int64],
    start: NDArray[np.float64],
    end: NDArray[np.float64],
    first: NDArray[np.float64],
    last: NDArray[np.float64],
) -> Window:
    """The window rule of some data.

    With "auto" the given windows are taken where there are any. Else, where entities share a calendar: one entity
    alone is observed in the whole span; of several each enters with its first event, since who has none is not in the
    data, and stays to the end of the span, unless it has left long before: under a constant rate the share of the
    time since entry that had passed at the last of n events, to the power n - 1, is uniform, and where the median of
    its negative logarithm is above `SILENT` (it should be .69) windows end with the last event. Without a calendar
    windows go from the first to the last event.

    Parameters
    ----------
    rule : str
        One of `RULES`.
    windowed : bool
        Whether the source gives windows.
    shared : bool
        Whether all entities share a calendar.
    span : (float, float)
        First and last moment of the data.
    rows, start, end, first, last : arrays, (N,)
        Events, given window, first and last event of each entity, NaN where unknown.

    Raises
    ------
    UsageError
        There is no such rule, or the data have no windows or no calendar for it.
    """
    if rule not in RULES:
        raise UsageError(f"window={rule!r} does not exist", fix=f"use one of {', '.join(RULES)}")
    if rule == "given" and not windowed:
        raise UsageError(
            'window="given", but no entity has a window that is longer than its events',
            fix='add columns start and end to the entity table, or use window="auto"',
        )
    if rule == "entry" and not shared:
        raise UsageError(
            'window="entry" needs a calendar that entities share',
            fix='use window="own", or "whole" if all entities are observed from the first to the last time',
        )
    has = rows > 0
    why = "as asked for"
    if rule == "auto":
        rule, why = _auto(windowed, shared, span, rows, first, last)
    opened, closed = rule in ("entry", "own"), rule == "own"
    if rule == "given" and has.any():
        opened = bool(np.mean(start[has] == first[has]) > 0.5)
        closed = bool(np.mean(end[has] == last[has]) > 0.5)
        if opened:
            why += "; most windows start with an event, which therefore is not random"
        if closed:
            why += "; most windows end with an event, which therefore is not random"
    return Window(rule, opened, closed, (float(span[0]), float(span[1])), shared, why)


def _auto(
    windowed: bool,
    shared: bool,
    span: tuple[float, float],
    rows: NDArray[np.int64],
    first: NDArray[np.float64],
    last: NDArray[np.float64],
) -> tuple[str, str]:
    if windowed:
        return "given", "the entity table gives windows"
    if int(np.sum(rows > 0)) == 1:
        return "whole", "one entity is observed from the first to the last moment of the data"
    if not shared:
        return "own", "each entity has a time of its own: its window goes from its first to its last event"
    left = span[1] - first
    many = (rows > 1) & (left > 0)
    if not many.any():
        return "entry", "each entity enters with its first event and stays to the end of the data"
    share = np.maximum((last[many] - first[many]) / left[many], 1e-12)
    surprise = float(np.median(-(rows[many] - 1) * np.log(share)))
    if surprise > SILENT:
        return "own", (
            f"most entities fall silent long before the end of the data (median surprise {surprise:.1f}): windows go "
            "from the first to the last event"
        )
    return "entry", "each entity enters with its first event and stays to the end of the data"
