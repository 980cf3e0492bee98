"""Rows walked over by a fitted network, in as many parts as there are threads, and what comes back of them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tsynth.compiled.walk_rows import walk
from tsynth.data.encoding import Field
from tsynth.generators.neural import totals
from tsynth.generators.neural.arrays import empty_memory, layout, limits, weights, widest
from tsynth.generators.neural.once import draw_once
from tsynth.generators.neural.plan import fixed_features

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from tsynth.data.streams import Streams
    from tsynth.generators.neural.autoregressive import Autoregressive

__all__ = ["Given", "fields_of", "make_rows", "side_by_side", "walk_rows"]

THREADS = 2
FEWEST = 16
"""Entities from which on the threads share them."""


class Given(NamedTuple):
    """Rows as the walk takes them; a code or choice of -1 is drawn."""

    offsets: NDArray[np.int64]
    time: NDArray[np.float64]
    code: NDArray[np.int64]
    choice: NDArray[np.int64]
    value: NDArray[np.float64]


def _nothing_given(entities: int, fields: int) -> Given:
    """No rows of so many entities."""
    offsets, none = np.zeros(entities + 1, np.int64), np.zeros(0, np.int64)
    return Given(offsets, np.zeros(0), none, np.zeros((0, fields), np.int64), np.zeros((0, fields)))


def make_rows(
    model: Autoregressive, streams: Streams, conditions: dict[str, Field] | None
) -> tuple[Any, ...]:
    """Statics, first times, the window's parts, and the rows: offsets, time, code, choice, value."""
    made = model.plan_
    n = len(streams)
    statics, begin, window = draw_once(model.once_, model.encoder_, streams.purpose("once"), conditions)
    end = begin + window["watched"] if "watched" in window else np.full(n, made["span"][1])
    if made["ticked"]:
        begin = np.rint(begin / made["tick"]) * made["tick"]
    fixed = fixed_features(made, statics, n)
    origin = totals.openings(made, model.encoder_, statics, n)
    walk = streams.purpose("walk")
    walked = walk_rows(
        made, model.nets_, _nothing_given(n, len(made["fields"])), begin, origin, np.full(n, -np.inf), end, fixed,
        walk.key, np.asarray(walk.entities, np.int64), free=True,
    )  # fmt: skip
    return statics, begin, window, walked


def walk_rows(
    made: dict[str, Any],
    nets: dict[str, Any],
    given: Given,
    begin: NDArray[np.float64],
    origin: NDArray[np.float64],
    since: NDArray[np.float64],
    until: NDArray[np.float64],
    fixed: tuple[Any, ...],
    key: np.uint64,
    numbers: NDArray[np.int64],
    *,
    free: bool,
) -> tuple[Any, ...]:
    """Rows that are given, then where `free` new ones: offsets, time, code, choice, value.

    The other arguments are those of `tsynth.compiled.walk_rows.walk`.
    """
    lay, layers, lim = layout(made), weights(made, nets), limits(made)
    offsets, time, code, choice, value = given
    at, index, x = fixed

    def part(a: int, b: int) -> tuple[Any, ...]:
        low, high = offsets[a], offsets[b]
        return walk(
            lay, empty_memory(made), layers, lim, offsets[a : b + 1] - low, time[low:high], code[low:high],
            choice[low:high], value[low:high], begin[a:b], origin[a:b], since[a:b], until[a:b], free,
            at[a : b + 1] - at[a], index[at[a] : at[b]], x[at[a] : at[b]], key, numbers[a:b], widest(made),
        )  # fmt: skip

    parts = side_by_side(part, len(numbers))
    lengths = np.concatenate([np.diff(p[0]) for p in parts])
    return (
        np.concatenate([[0], np.cumsum(lengths)]),
        *(np.concatenate([p[k] for p in parts]) for k in range(1, 5)),
    )


def side_by_side(part: Callable[[int, int], Any], size: int) -> list[Any]:
    """What `part` makes of all entities, each thread from one to another."""
    cuts = np.linspace(0, size, THREADS + 1).astype(int) if size >= FEWEST else np.array([0, size])
    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(part, cuts[:-1].tolist(), cuts[1:].tolist()))


def fields_of(
    made: dict[str, Any], code: NDArray[np.int64], choice: NDArray[np.int64], value: NDArray[np.float64]
) -> dict[str, Field]:
    """Codes, choices and values of rows as fields."""
    out = {}
    if made["mark"] is not None:
        low = int(made["lowest"])
        level = (made["level"][code] + low).astype(np.int32)
        out[made["mark"]] = Field(made["mark"], level, None, int(made["mark_choices"]), nullable=low == 0)
    for j, name in enumerate(made["fields"]):
        first = int(made["field_first"][j])
        scores = None if first < 0 else value[:, j]
        out[name] = Field(name, choice[:, j].astype(np.int32), scores, int(made["field_choices"][j]), first)
    return out
