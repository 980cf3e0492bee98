"""A balance that several columns move: what comes in, what goes out, what it costs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np

from tsynth.data.constraints import lattice
from tsynth.data.constraints.base import Constraint, register
from tsynth.data.constraints.finding_sums import relations
from tsynth.data.constraints.screen import Screen, says
from tsynth.data.constraints.totals import Running

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsynth.data.constraints.evidence import Halves
    from tsynth.data.schema import Column
    from tsynth.data.sequences import Sequences

__all__ = ["Ledger", "find_ledgers"]

EXACT = 2**53


@register
@dataclass(frozen=True, kw_only=True)
class Ledger(Running):
    """A balance that is what it was in the row before, plus some columns and less others; a null moves nothing.

    `remove` and `restore` are those of `tsynth.data.constraints.totals.Totals`: rows of one time are put in the
    order in which they add up, and the balance before an entity's first row is 0 or a static column.

    Parameters
    ----------
    columns : tuple of str
        The balance, and the columns that move it.
    signs : tuple of int
        1 or -1 for each of these.
    """

    form: ClassVar[str] = "ledger"

    signs: tuple[int, ...] = ()

    def sentence(self) -> str:
        balance, *parts = self.columns
        terms = zip(self.signs or (1,) * len(parts), parts, strict=True)
        text = "".join(
            f" {'+' if sign > 0 else '-'} {part}" for sign, part in sorted(terms, key=lambda t: -t[0])
        )
        return f"{balance} = previous {balance}{text}" + ("; it opens at 0" if self.opening == "zero" else "")

    def _change(self, data: Sequences) -> NDArray[np.int64]:
        change = np.zeros(data.n_rows, np.int64)
        for sign, name in zip(self.signs, self.columns[1:], strict=True):
            moved = np.clip(lattice.to_counts(data, name, self.digits), -EXACT, EXACT)
            change += sign * lattice.in_rows(data, name, moved)
        return change

    def learned(self, data: Sequences) -> Self:
        digits = [lattice.decimals(data, name) for name in self.columns]
        finest = max(lattice.MOST if d is None else d for d in digits)
        own = lattice.MOST if digits[0] is None else digits[0]
        slack = 10 ** (finest - own) if finest else 0
        signs = self.signs or (1,) * (len(self.columns) - 1)
        return replace(self, digits=finest, slack=slack, signs=signs)._opened(data)


# -- finding

LEAST = 100


def find_ledgers(halves: Halves, taken: set[str]) -> list[Constraint]:
    """Balances without nulls whose step from row to row is the sum or difference of two or more columns.

    On rows that share their time with no other, the step is tried as a combination of the other numbers, with
    factors of 1 and -1 (`tsynth.data.constraints.finding_sums.relations`). Each part must say something
    (`tsynth.data.constraints.screen.says`).
    """
    data = halves.first
    numbers = [
        c for c in data.schema.dynamic
        if c.kind in ("continuous", "count") and c.role not in ("label", "event", "order") and c.name not in taken
    ]  # fmt: skip
    balances = [
        c
        for c in numbers
        if not data.nulls(c.name).any() and lattice.decimals(halves.sample, c.name) is not None
    ]
    rows = lattice.lone(data)
    if len(numbers) < 3 or not balances or len(rows) < LEAST:
        return []
    screen = _steps(data, numbers, balances, rows)
    found: list[Constraint] = []
    wide = len(numbers)
    moving = [i for i in range(len(screen)) if np.std(screen.values[:, i]) > 0]
    parts = sum(i < wide for i in moving)
    for weights, offset in relations(screen, moving, "zero", parts):
        step = max(weights)
        names = [screen.columns[i].name for i in sorted(weights) if i != step]
        balance = balances[step - wide].name if step >= wide else ""
        if not balance or offset or balance in names or {balance, *names} & taken:
            continue
        factors = [-weights[i] for i in sorted(weights) if i != step]
        if any(abs(f) != 1 for f in factors):
            continue
        rule = Ledger(columns=(balance, *names), signs=tuple(int(f) for f in factors)).learned(data)
        rule = replace(rule, orders=not found)
        if not rule.holds(data) >= halves.threshold or not says(rule, halves, tuple(names)):
            continue
        if (confirmed := halves.confirm(rule)) is not None:
            found.append(confirmed)
            taken.add(balance)
    return found


def _steps(data: Sequences, numbers: list[Column], balances: list[Column], rows: NDArray[np.int64]) -> Screen:
    """Numbers of those rows, a null as 0, and after them the step of each balance since the row before."""
    own = [np.nan_to_num(data.numeric(c.name)[rows], nan=0.0) for c in numbers]
    steps = [data.numeric(c.name)[rows] - data.numeric(c.name)[rows - 1] for c in balances]
    columns = (*numbers, *(replace(c, name=f"step of {c.name}") for c in balances))
    return Screen(columns, np.column_stack([*own, *steps]), rows)
