"""Columns that add up: to another column, or to a constant."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import pyarrow as pa

from tsynth.data.constraints import lattice
from tsynth.data.constraints.base import Constraint, register
from tsynth.data.constraints.columns import drop, put, take_off
from tsynth.data.constraints.screen import values_in

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsynth.data.sequences import Sequences
    from tsynth.data.streams import Streams

__all__ = ["Sum"]


@register
@dataclass(frozen=True, kw_only=True)
class Sum(Constraint):
    """A number that is a sum or difference of others, or what they leave of a constant.

    `remove` takes the first column off, `restore` works it out from the others, whatever these are. Where the
    columns share out a constant (parts of 1, of 100) and none was ever below 0, parts that are drawn too large
    together are made smaller in proportion, so that something of the constant is left for the first.

    Parameters
    ----------
    columns : tuple of str
        The column that is told, and its parts.
    factors : tuple of float
        What each part is multiplied by, mostly 1 or -1.
    offset : float
    blank : {"null", "zero"}
        Whether a null part makes the sum null, or counts as 0.
    """

    name: ClassVar[str] = "function"
    form: ClassVar[str] = "sum"

    factors: tuple[float, ...] = ()
    offset: float = 0.0
    blank: str = "null"
    floors: tuple[float, ...] = ()

    @property
    def changes(self) -> frozenset[str]:
        return frozenset(self.columns[1:]) if self.shares else frozenset()

    @property
    def reads(self) -> frozenset[str]:
        return frozenset(self.columns[1:])

    @property
    def ready(self) -> bool:
        return bool(self.lost and self.factors)

    @property
    def shares(self) -> bool:
        """Whether the columns share out a constant among them."""
        return bool(self.floors)

    def sentence(self) -> str:
        target, *parts = self.columns
        if self.offset and self.factors and all(f == -1 for f in self.factors):
            return f"{' + '.join([*parts, target])} = {self.offset:g}"
        text = ""
        terms = zip(self.factors or (1.0,) * len(parts), parts, strict=True)
        for factor, part in sorted(terms, key=lambda term: term[0] < 0):
            sign = (" - " if factor < 0 else " + ") if text else ("-" if factor < 0 else "")
            text += sign + (part if abs(factor) == 1 else f"{abs(factor):g} * {part}")
        if self.offset:
            text += f" {'+' if self.offset > 0 else '-'} {abs(self.offset):g}"
        return f"{target} = {text}" + (", a null counts 0" if self.blank == "zero" else "")

    def learned(self, data: Sequences) -> Self:
        factors = self.factors or (1.0,) * (len(self.columns) - 1)
        floors: tuple[float, ...] = ()
        movable = not any(data.schema[n].role == "time" for n in self.columns)
        alike = len({data.schema[n].static for n in self.columns}) == 1
        if self.offset > 0 and all(f == -1 for f in factors) and movable and alike:
            lows = [data.schema[n].bounds for n in self.columns]
            if all(low is not None and low[0] >= 0 for low in lows):
                floors = tuple(float(low[0]) for low in lows if low is not None)
        return replace(self, factors=factors, floors=floors, lost=take_off(data.schema, self.columns[:1]))

    def total(self, data: Sequences, static: bool) -> NDArray[np.float64]:
        """What the parts add up to, one number an entity or one a row."""
        total = np.full(data.n_entities if static else data.n_rows, self.offset)
        for factor, name in zip(self.factors, self.columns[1:], strict=True):
            values = values_in(data, name, static)
            total = total + factor * (np.nan_to_num(values, nan=0.0) if self.blank == "zero" else values)
        return total

    def slack(self, data: Sequences) -> NDArray[np.float64]:
        """By how much each row may miss, (R,).

        Each number may be rounded by half a unit of its last decimal, whole numbers not at all; floats may lose
        their last bits to each number that is added.
        """
        size = np.full(data.n_rows, max(1.0, abs(self.offset)))
        bits, unit = 1e-9, 0.0
        for name, factor in zip(self.columns, (1.0, *self.factors), strict=True):
            size = np.fmax(size, np.abs(factor * values_in(data, name, False)))
            if pa.types.is_float32(data.column(name).type) or pa.types.is_float16(data.column(name).type):
                bits = 1e-6
            digits = lattice.decimals(data, name) if data.schema[name].kind != "datetime" else None
            unit += abs(factor) * 10.0**-digits / 2 if digits else 0.0
        own = lattice.decimals(data, self.columns[0])
        return np.asarray((max(unit, 10.0**-own) if own else 0.0) * (1 + 1e-6) + bits * size)

    def check(self, data: Sequences) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        own = values_in(data, self.columns[0], False)
        total = self.total(data, False)
        close = np.abs(own - total) <= self.slack(data)
        null = np.isnan(own), np.isnan(total)
        return close | (null[0] & null[1]), ~(null[0] & null[1])

    def remove(self, data: Sequences) -> Sequences:
        return drop(data, self.columns[:1])

    def restore(self, data: Sequences, streams: Streams | None = None) -> Sequences:
        column = self.lost[0].column
        if self.shares:
            data = self._shared_out(data)
        total = self.total(data, column.static)
        return put(data, self.lost, {column.name: lattice.typed(total, column)})

    def _shared_out(self, data: Sequences) -> Sequences:
        """Parts made smaller, where they leave less of the constant than the first column ever was."""
        static = self.lost[0].column.static
        parts = [values_in(data, n, static) for n in self.columns[1:]]
        above = [np.nan_to_num(p) - low for p, low in zip(parts, self.floors[1:], strict=True)]
        room = self.offset - sum(self.floors)
        spent = np.sum(above, axis=0)
        wrong = np.sum([np.nan_to_num(p) for p in parts], axis=0) > self.offset - self.floors[0] + 1e-9
        wrong &= ~np.isnan(np.sum(parts, axis=0)) if self.blank == "null" else True
        if not wrong.any():
            return data
        scale = np.where(wrong & (spent > 0), np.maximum(room, 0.0) / np.where(spent > 0, spent, 1.0), 1.0)
        arrays: dict[str, Any] = {}
        for name, part, extra, low in zip(self.columns[1:], parts, above, self.floors[1:], strict=True):
            column = data.schema[name]
            made = low + extra * scale
            digits = 0 if column.kind == "count" else column.decimals
            if digits is not None:
                made = np.floor(made * 10.0**digits + 1e-6) / 10.0**digits
            arrays[name] = lattice.typed(np.where(wrong, made, part), column, np.isnan(part))
        return data.with_columns(arrays)
