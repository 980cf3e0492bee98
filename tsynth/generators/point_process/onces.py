"""What is drawn once an entity for event tables: statics, window, first event, rate and first values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tsynth.data.encoding import Field, Rows
from tsynth.data.encoding.base import threshold
from tsynth.data.encoding.sketch import compress, summarise
from tsynth.data.encoding.timing import Lengths
from tsynth.data.schema import Column, Schema
from tsynth.generators.copula import Copula, Margin, merge_copula, order_of, sums
from tsynth.generators.point_process.windows import Window, choose

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsynth.data.encoding.timing import Timing
    from tsynth.data.streams import Streams

__all__ = ["Drawn", "Entities", "Once", "gather", "learn"]

BLOCK = 1024
"""Entities whose normal scores are ranked together."""
_BOUNDS = {"begin": None, "length": (0.0, np.inf), "wait": (0.0, np.inf)}


@dataclass(frozen=True)
class Entities:
    """What is known of each of N entities, of all blocks together; unknown times are NaN.

    Parameters
    ----------
    offsets : int64 array, (N + 1,)
        Rows of the entities.
    statics : dict of str to Field
    start, end : float64 array, (N,)
        Window as the view has it.
    first, last : float64 array, (N,)
        First and last event.
    heads : dict of str to float64 array, (N,)
        Other numbers an entity, such as scores of first values.
    """

    offsets: NDArray[np.int64]
    statics: dict[str, Field]
    start: NDArray[np.float64]
    end: NDArray[np.float64]
    first: NDArray[np.float64]
    last: NDArray[np.float64]
    heads: dict[str, NDArray[np.float64]]

    @property
    def rows(self) -> NDArray[np.int64]:
        """Events of each entity."""
        return np.diff(self.offsets)

    def window(self, rule: str, timing: Timing, *, windowed: bool, calendar: bool) -> Window:
        """The window rule; see `tsynth.generators.point_process.windows.choose`."""
        return choose(
            rule, windowed=windowed, shared=calendar or timing.clock_, span=timing.span_, rows=self.rows,
            start=self.start, end=self.end, first=self.first, last=self.last,
        )  # fmt: skip


@dataclass(frozen=True)
class Drawn:
    """What was drawn for N entities.

    Parameters
    ----------
    statics : dict of str to Field
    start, end : float64 array, (N,)
        Window; NaN: an entity without rows, because the source has such ones.
    wait : float64 array, (N,)
        From the window's start to the first event, NaN where there is none; all NaN where it is not learned.
    lone : bool array, (N,)
        Whether the entity has one event alone, because it made the whole window.
    score : dict of str to float64 array, (N,)
        Normal score of every name of the copula: rates and first values too.
    """

    statics: dict[str, Field]
    start: NDArray[np.float64]
    end: NDArray[np.float64]
    wait: NDArray[np.float64]
    lone: NDArray[np.bool_]
    score: dict[str, NDArray[np.float64]]


def learn(view: Rows, heads: dict[str, NDArray[np.float64]]) -> dict[str, Any]:
    """What is needed of one block, for `gather`.

    Parameters
    ----------
    view : Rows
    heads : dict of str to float64 array, (N,)
        Further numbers an entity that the copula shall know, NaN where unknown: see `beside.learn`.
    """
    has = np.diff(view.offsets) > 0
    first = np.full(view.n_entities, np.nan)
    last = first.copy()
    first[has] = view.time[view.offsets[:-1][has]]
    last[has] = view.time[view.offsets[1:][has] - 1]
    return {
        "offsets": view.offsets, "statics": view.statics, "start": view.start, "end": view.end,
        "first": first, "last": last, "heads": heads,
    }  # fmt: skip


def gather(states: list[dict[str, Any]]) -> Entities:
    """The entities of all blocks, in order."""
    lengths = np.concatenate([np.diff(s["offsets"]) for s in states])
    flat = {n: np.concatenate([s[n] for s in states]) for n in ("start", "end", "first", "last")}
    return Entities(
        np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        {n: _joined([s["statics"][n] for s in states]) for n in states[0]["statics"]},
        **flat,
        heads={n: np.concatenate([s["heads"][n] for s in states]) for n in states[0]["heads"]},
    )


class Once:
    """A Gaussian copula over statics, window, wait for the first event, and further scores.

    Parameters
    ----------
    window : Window
    lengths : dict of str to Lengths
        Of the margins "begin", "length" and "wait" that the window rule needs.
    margins : dict of str to dict
        Rows of each choice and the first one with a value, of statics ("static:" before the name) and lengths.
    copula : Copula
    empty : float
        Share of entities that have no window, and no rows.
    """

    def __init__(
        self,
        window: Window,
        lengths: dict[str, Lengths],
        margins: dict[str, dict[str, Any]],
        copula: Copula,
        empty: float,
    ) -> None:
        self.window, self.lengths, self.margins = window, lengths, margins
        self.copula, self.empty = copula, empty

    @classmethod
    def of(
        cls,
        found: Entities,
        window: Window,
        extras: dict[str, NDArray[np.float64]],
        *,
        schema: Schema,
        step: float,
        wait: bool = False,
        length: bool = True,
    ) -> Once:
        """Learn from entities.

        Parameters
        ----------
        found : Entities
        window : Window
        extras : dict of str to float64 array, (N,)
            Numbers an entity beside those of ``found.heads``, such as how lively it is; NaN where unknown.
        schema : Schema
        step : float
            Lattice that times lie on, 0 where there is none.
        wait : bool
            Whether the time from a given start to the first event is drawn, as renewal processes need it.
        length : bool
            Whether the length of a window that ends with the last event is drawn; else it follows from the events.
        """
        start, end = window.bounds(found.start, found.end, found.first, found.last)
        known = np.isfinite(start) & np.isfinite(end)
        times: dict[str, NDArray[np.float64]] = {}
        if window.rule != "whole":
            times["begin"] = start
        if window.rule == "given" or (window.rule == "own" and length):
            # of an entity with one row there is no length between events: null, so that 0 means two at one moment
            lone = window.opened and window.closed
            times["length"] = np.where(lone & (found.rows < 2), np.nan, np.maximum(end - start, 0.0))
        if wait and not window.opened:
            times["wait"] = np.maximum(found.first - start, 0.0)
        lengths = {name: _lengths(name, schema, step) for name in times}
        fields = {f"static:{n}": f for n, f in found.statics.items()}
        for name, x in times.items():
            at = np.flatnonzero(np.isfinite(x))
            lengths[name].fit_sketch(compress(summarise(x[at], at)), threshold(len(x)))
            fields[name] = lengths[name].encode_values(x)
        margins, columns = {}, {}
        for name, field in fields.items():
            use = known if name in times else np.ones(len(known), np.bool_)
            margins[name] = {
                "rows": np.bincount(field.choice[use], minlength=field.choices),
                "first": field.continuous,
            }
            columns[name] = np.where(use, order_of(field), np.nan)
        columns |= extras | found.heads
        names = list(columns)
        blocks = [slice(a, a + BLOCK) for a in range(0, len(start), BLOCK)]
        copula = merge_copula(names, [sums([columns[n][b] for n in names]) for b in blocks])
        return cls(window, lengths, margins, copula, float(np.mean(~known)))

    def draw(self, streams: Streams, given: dict[str, Field] | None = None) -> Drawn:
        """What stands once an entity, with these static fields given.

        Parameters
        ----------
        streams : Streams
        given : dict of str to Field, optional
            Static columns, as conditions of a generator's `_sample`.
        """
        n = len(streams)
        margins = {name: Margin(m["rows"], m["first"]) for name, m in self.margins.items()}
        u = streams.purpose("places").uniform(len(margins) + 1)
        place = {name: u[:, j] for j, name in enumerate(margins)}
        held = {f"static:{name}": field for name, field in (given or {}).items()}
        scores = {name: margins[name].score(field, place[name]) for name, field in held.items()}
        score = self.copula.draw(streams.purpose("once"), scores)
        once = {
            name: margin.field(name.removeprefix("static:"), score[name], place[name])
            for name, margin in margins.items()
        }
        statics = {name.removeprefix("static:"): f for name, f in once.items() if name.startswith("static:")}
        times = {name: one.decode_values(once[name]) for name, one in self.lengths.items()}
        span = self.window.span
        start = times.get("begin", np.full(n, span[0]))
        start = np.where(u[:, -1] < self.empty, np.nan, start)
        if "length" in times:
            end = start + np.nan_to_num(times["length"])
            if self.window.rule == "own" and self.window.shared:
                end = np.minimum(end, np.maximum(start, span[1]))
        else:
            end = np.where(np.isnan(start), np.nan, np.maximum(start, span[1]))
        wait = times.get("wait", np.full(n, np.nan))
        lone = np.zeros(n, np.bool_)
        if self.window.opened and self.window.closed and "length" in times:
            lone = np.isnan(times["length"])
        return Drawn(statics | (given or {}), start, end, wait, lone, score)

    def to_state(self) -> dict[str, Any]:
        """Plain values and arrays."""
        return {
            "window": self.window.to_state(),
            "lengths": {name: one.to_state() for name, one in self.lengths.items()},
            "margins": self.margins,
            "copula": {"names": self.copula.names, "correlation": self.copula.correlation},
            "empty": self.empty,
        }

    @classmethod
    def from_state(cls, state: dict[str, Any], schema: Schema) -> Once:
        """What `to_state` gave, with the schema that was learned."""
        lengths = {name: _lengths(name, schema, 0.0) for name in state["lengths"]}
        for name, one in lengths.items():
            one.restore(state["lengths"][name])
        copula = Copula(list(state["copula"]["names"]), state["copula"]["correlation"])
        return cls(
            Window.from_state(state["window"]), lengths, state["margins"], copula, float(state["empty"])
        )


def _lengths(name: str, schema: Schema, step: float) -> Lengths:
    made = Lengths(Column(name, bounds=_BOUNDS[name]), schema)
    made.lattice_ = step
    return made


def _joined(fields: list[Field]) -> Field:
    head = fields[0]
    value = None if head.value is None else np.concatenate([f.value for f in fields if f.value is not None])
    choice = np.concatenate([f.choice for f in fields])
    return Field(head.name, choice, value, head.choices, head.continuous, head.nullable)
