"""Numbers that a formula tells: a logarithm or root of another, a product or ratio, the largest of several."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np
import pyarrow as pa

from tsynth.data.constraints import lattice
from tsynth.data.constraints.base import Constraint, register
from tsynth.data.constraints.columns import drop, put, take_off
from tsynth.data.constraints.screen import values_in

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from tsynth.data.sequences import Sequences
    from tsynth.data.streams import Streams

__all__ = ["FUNCTIONS", "Extreme", "Formula", "Product", "Transform"]


def _where(positive: NDArray[np.bool_], values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(positive, values, np.nan)


def _squared(x: NDArray[np.float64]) -> NDArray[np.float64]:
    with np.errstate(over="ignore"):
        square = x * x
    return _where(np.isfinite(square), square)


FUNCTIONS: dict[str, Callable[[NDArray[np.float64]], NDArray[np.float64]]] = {
    "log": lambda x: np.log(_where(x > 0, x)),
    "log2": lambda x: np.log2(_where(x > 0, x)),
    "log10": lambda x: np.log10(_where(x > 0, x)),
    "log1p": lambda x: np.log1p(_where(x > -1, x)),
    "sqrt": lambda x: np.sqrt(_where(x >= 0, x)),
    "square": _squared,
}
"""Functions of one number; NaN where there is no value."""


def bits(data: Sequences, names: tuple[str, ...]) -> float:
    """Relative error that the narrowest of the columns' types allows."""
    narrow = [pa.types.is_float32(data.column(n).type) for n in names]
    return 2e-6 if any(narrow) else 1e-9


@dataclass(frozen=True, kw_only=True)
class Formula(Constraint):
    """What these share: ``columns[0]`` is worked out from the other columns of its row.

    They agree within one unit of the last decimal (whole numbers exactly); numbers without one to nine digits.
    """

    name: ClassVar[str] = "function"

    def told(self, data: Sequences, static: bool) -> NDArray[np.float64]:
        """What the other columns say, one number an entity or one a row."""
        raise NotImplementedError

    def learned(self, data: Sequences) -> Self:
        return replace(self, lost=take_off(data.schema, self.columns[:1]))

    def check(self, data: Sequences) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        own, told = values_in(data, self.columns[0], False), self.told(data, False)
        digits = lattice.decimals(data, self.columns[0])
        unit = 10.0**-digits if digits else 0.0
        close = np.abs(own - told) <= unit * (1 + 1e-6) + bits(data, self.columns) * np.fmax(1.0, np.abs(own))
        empty = np.isnan(own) & np.isnan(told)
        return close | empty, ~empty

    def remove(self, data: Sequences) -> Sequences:
        return drop(data, self.columns[:1])

    def restore(self, data: Sequences, streams: Streams | None = None) -> Sequences:
        column = self.lost[0].column
        return put(
            data, self.lost, {column.name: lattice.typed(self.told(data, column.static), column, None)}
        )


@register
@dataclass(frozen=True, kw_only=True)
class Transform(Formula):
    """A logarithm, root or square of another number, times a factor, plus a constant.

    Parameters
    ----------
    columns : (str, str)
        The column that is told, and the one that tells it.
    function : {"log", "log2", "log10", "log1p", "sqrt", "square"}
    factor, offset : float
    """

    form: ClassVar[str] = "transform"

    function: str = "log"
    factor: float = 1.0
    offset: float = 0.0

    def sentence(self) -> str:
        factor = {1.0: "", -1.0: "-"}.get(self.factor, f"{self.factor:g} * ")
        offset = f" {'+' if self.offset > 0 else '-'} {abs(self.offset):g}" if self.offset else ""
        return f"{self.columns[0]} = {factor}{self.function}({self.columns[1]}){offset}"

    def told(self, data: Sequences, static: bool) -> NDArray[np.float64]:
        made = FUNCTIONS[self.function](values_in(data, self.columns[1], static))
        return self.factor * made + self.offset


@register
@dataclass(frozen=True, kw_only=True)
class Product(Formula):
    """A number that is the product of two others, or one divided by the other.

    Parameters
    ----------
    columns : (str, str, str)
        The column that is told, and the two that tell it.
    divided : bool
        Whether the second of these divides the first.
    """

    form: ClassVar[str] = "product"

    divided: bool = False

    def sentence(self) -> str:
        target, one, two = self.columns
        return f"{target} = {one} {'/' if self.divided else '*'} {two}"

    def told(self, data: Sequences, static: bool) -> NDArray[np.float64]:
        one, two = (values_in(data, n, static) for n in self.columns[1:])
        if not self.divided:
            return one * two
        return np.asarray(one / np.where(two == 0, np.nan, two))


@register
@dataclass(frozen=True, kw_only=True)
class Extreme(Formula):
    """The largest, or the smallest, of several numbers of the row; nulls are passed over.

    Parameters
    ----------
    columns : tuple of str
        The column that is told, and those that it is the largest of.
    largest : bool
        False for the smallest.
    """

    form: ClassVar[str] = "extreme"

    largest: bool = True

    def sentence(self) -> str:
        return f"{self.columns[0]} = {'largest' if self.largest else 'smallest'} of {', '.join(self.columns[1:])}"

    def told(self, data: Sequences, static: bool) -> NDArray[np.float64]:
        outermost = np.fmax if self.largest else np.fmin
        made = values_in(data, self.columns[1], static)
        for name in self.columns[2:]:
            made = outermost(made, values_in(data, name, static))
        return np.asarray(made)
