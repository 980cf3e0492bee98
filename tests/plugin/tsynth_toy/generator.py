"""Independent draws: the simplest generator that keeps the contract."""

from typing import Any, ClassVar

import numpy as np

from tsynth.data.encoding import Field, Rows
from tsynth.data.streams import Streams
from tsynth.generators.base import Generator

LONGEST = 200


class ToyIndependent(Generator):
    """Draw every column of every row on its own; only its own distribution is kept.

    Too simple to be useful: a baseline that any other generator must beat. Choose `markov_renewal` for rows.

    Parameters
    ----------
    spread : float
        Factor on the standard deviation of numbers.
    """

    name: ClassVar[str] = "toy_independent"
    takes: ClassVar[str] = "rows"
    cannot_keep: ClassVar[tuple[str, ...]] = ("any dependence between columns, or between rows",)

    def __init__(self, spread: float = 1.0) -> None:
        self.spread = spread

    def _learn(self, view: Rows, streams: Streams) -> dict[str, Any]:
        lengths = np.diff(view.offsets)
        inside = np.repeat(np.arange(len(lengths)), lengths)
        gaps = np.diff(view.time)[np.diff(inside) == 0]
        firsts = view.time[view.offsets[:-1][lengths > 0]]
        return {
            "lengths": np.bincount(np.minimum(lengths, LONGEST), minlength=LONGEST + 1),
            "gap": np.array([gaps.sum(), len(gaps)]),
            "start": np.array([firsts.min(initial=np.inf), firsts.max(initial=-np.inf)]),
            "fields": {name: _count(f) for name, f in view.fields.items()},
            "statics": {name: _count(f) for name, f in view.statics.items()},
        }

    def _merge(self, states: list[dict[str, Any]]) -> None:
        self.lengths_ = sum(s["lengths"] for s in states)
        total, count = sum(s["gap"] for s in states)
        self.gap_ = float(total / max(count, 1))
        self.start_ = [float(min(s["start"][0] for s in states)), float(max(s["start"][1] for s in states))]
        self.fields_ = _together([s["fields"] for s in states])
        self.statics_drawn_ = _together([s["statics"] for s in states])

    def _sample(self, entities: range, streams: Streams, conditions: dict[str, Field] | None) -> Rows:
        cumulative = np.cumsum(self.lengths_) / self.lengths_.sum()
        lengths = np.searchsorted(cumulative, streams.purpose("length").uniform(()), side="right")
        # a rectangle of draws an entity, always of one size: an entity's draws never depend on the others
        keep = np.arange(LONGEST) < lengths[:, None]  # (n, L)
        gaps = self.gap_ * streams.purpose("gap").exponential((LONGEST,))  # (n, L)
        low, high = self.start_
        gaps[:, 0] = low + (high - low) * streams.purpose("start").uniform(())
        time = np.cumsum(gaps, axis=1)
        fields = {
            name: _draw(name, learned, streams.purpose(name), (LONGEST,), self.spread, keep)
            for name, learned in self.fields_.items()
        }
        statics = {
            name: _draw(name, learned, streams.purpose(name), (), self.spread)
            for name, learned in self.statics_drawn_.items()
        }
        statics.update(conditions or {})
        return Rows(
            offsets=np.concatenate([[0], np.cumsum(lengths)]),
            time=time[keep],
            start=time[:, 0],
            end=time[np.arange(len(lengths)), np.maximum(lengths - 1, 0)],
            fields=fields,
            statics=statics,
            mark=None,
            calendar=False,
        )


def _count(field: Field) -> dict[str, Any]:
    values = np.empty(0) if field.value is None else field.value[field.choice == field.continuous]
    return {
        "choices": np.bincount(field.choice, minlength=field.choices),
        "sums": np.array([len(values), values.sum(), (values**2).sum()]),
        "continuous": field.continuous,
    }


def _together(parts: list[dict[str, dict[str, Any]]]) -> dict[str, dict[str, Any]]:
    return {
        name: {
            "choices": sum(part[name]["choices"] for part in parts),
            "sums": sum(part[name]["sums"] for part in parts),
            "continuous": parts[0][name]["continuous"],
        }
        for name in parts[0]
    }


def _draw(
    name: str,
    learned: dict[str, Any],
    streams: Streams,
    shape: tuple[int, ...],
    spread: float,
    keep: np.ndarray | None = None,
) -> Field:
    counts = learned["choices"]
    choice = np.searchsorted(np.cumsum(counts) / counts.sum(), streams.uniform(shape), side="right")
    count, total, squares = learned["sums"]
    mean = total / max(count, 1)
    sd = spread * np.sqrt(max(squares / max(count, 1) - mean**2, 0))
    value = mean + sd * streams.normal(shape)
    if keep is not None:
        choice, value = choice[keep], value[keep]
    return Field(name, choice.astype(np.int32), value, len(counts), learned["continuous"])
