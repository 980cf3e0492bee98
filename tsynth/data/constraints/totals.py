"""Running totals and counters: a column that is what it was in the row before plus what the row says."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import combinations
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from tsynth.compiled.totals import adding_order, running_sum, sign_votes
from tsynth.data.constraints import lattice
from tsynth.data.constraints.base import ORDER, Constraint, register
from tsynth.data.constraints.columns import drop, free_name, put, take_off
from tsynth.data.schema import Column

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsynth.data.constraints.evidence import Halves
    from tsynth.data.sequences import Sequences
    from tsynth.data.streams import Streams

__all__ = ["Counter", "Running", "Totals", "find_totals"]

TRIES = 4096
WIDEST = 64
SCREEN = 8192
LONE = 100
EXACT = 2**53


@dataclass(frozen=True, kw_only=True)
class Running(Constraint):
    """What totals and counters share: ``columns[0]`` runs on by a change that the row tells."""

    name: ClassVar[str] = "totals"

    digits: int = 0
    slack: int = 0
    opening: str = ""
    opening_column: str | None = None
    typical: int = 0
    orders: bool = True

    @property
    def reads(self) -> frozenset[str]:
        return frozenset({*self.columns[1:], ORDER})

    def _change(self, data: Sequences) -> NDArray[np.int64]:
        raise NotImplementedError

    def _order(self, data: Sequences, change: NDArray[np.int64]) -> NDArray[np.int64]:
        begins, opens = lattice.ties(data)
        if not self.orders or len(begins) == data.n_rows + 1:
            return np.arange(data.n_rows)
        balance = lattice.to_counts(data, self.columns[0], self.digits)
        found: NDArray[np.int64] = adding_order(
            begins, opens, balance, change, self.slack, self.opening == "zero", TRIES
        )
        return found

    def ordered(self, data: Sequences) -> Sequences:
        """The rows inside each tie in the order in which they add up."""
        order = self._order(data, self._change(data))
        return data if np.array_equal(order, np.arange(len(order))) else data.reorder(order)

    def check(self, data: Sequences) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Rows of one time are taken in the best order. A first row is checked where entities open at 0."""
        change = self._change(data)
        order = self._order(data, change)
        balance = lattice.to_counts(data, self.columns[0], self.digits)[order]
        before = np.zeros_like(balance)
        before[1:] = balance[:-1]
        first = data.step_of_row == 0
        before[first] = 0
        held = np.abs(balance - before - change[order]) <= self.slack
        null = data.nulls(self.columns[0])[order]
        applies = ~null
        applies[1:] &= ~null[:-1] | first[1:]
        if self.opening != "zero":
            applies &= ~first
        out, where = np.empty_like(held), np.empty_like(applies)
        out[order], where[order] = held, applies
        return out, where

    def _opened(self, data: Sequences) -> Self:
        """With the opening learned: 0, or a value an entity that becomes a static column."""
        balance = lattice.to_counts(data, self.columns[0], self.digits)
        change = self._change(data)
        at = self._order(data, change)[data.offsets[:-1][data.lengths > 0]]
        before = balance[at] - change[at]
        zero = bool(np.mean(np.abs(before) <= self.slack) >= 0.995) if len(before) else True
        typical = int(np.median(before)) if len(before) else 0
        return replace(
            self,
            lost=take_off(data.schema, [self.columns[0]]),
            opening="zero" if zero else "kept",
            opening_column=None if zero else free_name(data.schema, f"{self.columns[0]} before"),
            typical=typical,
        )

    def remove(self, data: Sequences) -> Sequences:
        data = self.ordered(data)
        if self.opening_column is None:
            return drop(data, [self.columns[0]])
        source = data.schema[self.columns[0]]
        balance = lattice.to_counts(data, self.columns[0], self.digits)
        change = self._change(data)
        opening = np.zeros(data.n_entities, np.int64)
        has = data.lengths > 0
        first = data.offsets[:-1][has]
        opening[has] = balance[first] - change[first]
        seen = opening[has] if has.any() else np.zeros(1, np.int64)
        column = Column(
            self.opening_column, kind="continuous", static=True, nullable=bool((~has).any()), dtype="double",
            decimals=self.digits, bounds=(float(seen.min()) / 10.0**self.digits, float(seen.max()) / 10.0**self.digits),
            reason=f"{source.name} before the first row",
        )  # fmt: skip
        schema = data.schema.with_columns([*(c for c in data.schema if c.name != source.name), column])
        return data.with_columns(
            {column.name: lattice.from_counts(opening, self.digits, column, ~has)}, schema
        )

    def restore(self, data: Sequences, streams: Streams | None = None) -> Sequences:
        opening = np.zeros(data.n_entities, np.int64)
        if self.opening_column is not None:
            opening = lattice.to_counts(data, self.opening_column, self.digits)
            opening = np.where(data.nulls(self.opening_column), self.typical, opening)
        total = running_sum(data.offsets, opening, self._change(data))
        lost = self.lost[0]
        without = [] if self.opening_column is None else [self.opening_column]
        return put(
            data, self.lost, {lost.column.name: lattice.from_counts(total, self.digits, lost.column)}, without
        )


@register
@dataclass(frozen=True, kw_only=True)
class Totals(Running):
    """A balance: what it was in the row before, plus the row's amount with the sign of its code.

    `remove` puts rows of one time in the order in which they add up (a search with backtracking) and drops the
    balance; `restore` adds the amounts up in the order given, in whole units of the last decimal, so that every
    row adds up. Nothing keeps the sum near the balances that were seen: what the amounts add up to stands.

    Parameters
    ----------
    columns : tuple of str
        Balance, amount, and none, one or two category columns whose levels tell the sign.
    signs : tuple of ((level, ...), int)
        1, -1 or 0 for each combination of levels.
    other : int
        Sign of combinations that were not seen.
    digits : int
        Decimals of the sum.
    slack : int
        By how many units of the last decimal a row may miss.
    opening : {"zero", "kept"}
        An entity opens at 0, so that its first balance is its first amount, or at a value of its own.
    opening_column : str, optional
        Static column that `remove` adds for that value.
    typical : int
        Opening where that column is null.
    orders : bool
        Whether rows of one time are put in order.
    """

    signs: tuple[tuple[tuple[Any, ...], int], ...] = ()
    other: int = 1

    def sentence(self) -> str:
        balance, amount, *codes = self.columns
        kinds = sorted({sign for _, sign in self.signs} or {self.other})
        what = f"signed {amount}"
        if len(kinds) == 1:
            what = amount if kinds[0] == 1 else f"minus {amount}"
        by = f" (sign by {', '.join(codes)})" if codes else ""
        opening = "; it opens at 0" if self.opening == "zero" else ""
        return f"{balance} = previous {balance} + {what}{by}{opening}"

    def _change(self, data: Sequences) -> NDArray[np.int64]:
        amount = np.clip(lattice.to_counts(data, self.columns[1], self.digits), -EXACT, EXACT)
        if len(self.columns) == 2:
            return (self.signs[0][1] if self.signs else self.other) * amount
        code, levels = _joint(data, self.columns[2:])
        known: dict[tuple[Any, ...], int] = dict(self.signs)
        table = np.array([known.get(level, self.other) for level in levels], dtype=np.int64)
        return table[code] * amount

    def learned(self, data: Sequences) -> Self:
        digits, slack = _grid(data, self.columns[0], self.columns[1])
        votes, levels = _votes(data, self.columns, digits, slack)
        # An unlucky tie-break would be a wrong sign, so plus wins over minus, and both over nothing.
        best = np.argmax(votes[:, :3], axis=1)
        signs = tuple((level, (1, -1, 0)[b]) for level, b, v in zip(levels, best, votes, strict=True) if v[4])
        other = (1, -1, 0)[int(np.argmax(votes[:, :3].sum(axis=0)))]
        return replace(self, digits=digits, slack=slack, signs=signs, other=other)._opened(data)


@register
@dataclass(frozen=True, kw_only=True)
class Counter(Running):
    """A column that goes up (or down) by the same step in every row of an entity: a visit number, a running count.

    Parameters
    ----------
    columns : (str,)
        The counter.
    step : int
        What a row adds, in units of the last decimal.
    """

    form: ClassVar[str] = "count"

    step: int = 1

    def sentence(self) -> str:
        step = self.step / 10**self.digits
        return f"{self.columns[0]} = previous {self.columns[0]} {'+' if step > 0 else '-'} {abs(step):g}"

    def _change(self, data: Sequences) -> NDArray[np.int64]:
        return np.full(data.n_rows, self.step, np.int64)

    def learned(self, data: Sequences) -> Self:
        digits = lattice.decimals(data, self.columns[0]) or 0
        step = _usual_step(data, self.columns[0], digits)
        rule = replace(self, digits=digits, step=step or 1)._opened(data)
        return rule


def _joint(data: Sequences, names: tuple[str, ...]) -> tuple[NDArray[np.int64], list[tuple[Any, ...]]]:
    """Code of each row over several category columns, and what each code means; the last of each is null."""
    code = np.zeros(data.n_rows, np.int64)
    levels: list[tuple[Any, ...]] = [()]
    for name in names:
        known = [*lattice.levels(data.schema[name]), None]
        own = lattice.in_rows(data, name, data.codes(name).astype(np.int64))
        code = code * len(known) + np.where(own < 0, len(known) - 1, own)
        levels = [(*level, value) for level in levels for value in known]
    return code, levels


def _grid(data: Sequences, balance: str, amount: str) -> tuple[int, int]:
    """Decimals of the sum, and by how many units a row may miss: one of the balance's last, if it has decimals."""
    own, other = lattice.decimals(data, balance), lattice.decimals(data, amount)
    own, other = lattice.MOST if own is None else own, lattice.MOST if other is None else other
    digits = max(own, other)
    return digits, 10 ** (digits - own) if digits else 0


def _votes(
    data: Sequences,
    columns: tuple[str, ...],
    digits: int,
    slack: int,
    amount: NDArray[np.int64] | None = None,
) -> tuple[NDArray[np.int64], list[tuple[Any, ...]]]:
    begins, opens = lattice.ties(data)
    code, levels = _joint(data, columns[2:])
    if amount is None:
        amount = lattice.to_counts(data, columns[1], digits)
    balance = lattice.to_counts(data, columns[0], digits)
    votes: NDArray[np.int64] = sign_votes(begins, opens, balance, amount, code, len(levels), slack, WIDEST)
    return votes, levels


def _usual_step(data: Sequences, name: str, digits: int) -> int:
    """The change from row to row that occurs most often; 0 where there is none."""
    counts = lattice.to_counts(data, name, digits)
    step = np.diff(counts)[(data.step_of_row[1:] > 0)] if data.n_rows > 1 else np.zeros(0, np.int64)
    values, many = np.unique(step, return_counts=True)
    return int(values[np.argmax(many)]) if len(values) else 0


def find_totals(halves: Halves, taken: set[str]) -> list[Constraint]:
    """Counters and running totals.

    A pair of columns is a candidate where most rows of the first half differ from a possible predecessor by the
    amount, and with amounts shuffled over the rows at most half as many do.
    """
    data = halves.first
    numbers = [c for c in data.schema.dynamic if c.kind in ("continuous", "count")]
    names = [c.name for c in numbers if c.role not in ("label", "event")]
    names = [n for n in names if n not in taken and not data.nulls(n).any()]
    exact = [n for n in names if lattice.decimals(halves.sample, n) is not None]
    found: list[Constraint] = []
    for name in exact:
        if (rule := _counter(halves, name)) is not None:
            found.append(rule)
            taken.add(name)
    head = _head(data, SCREEN)
    for balance in exact:
        if balance in taken:
            continue
        best = None
        for amount in names:
            if (
                amount == balance
                or amount in taken
                or (seen := _screened(halves, head, balance, amount)) is None
            ):
                continue
            rule = halves.confirm(
                replace(Totals(columns=(balance, amount, *seen)), orders=not found).learned(data)
            )
            if rule is not None and (best is None or rule.share > best.share):
                best = rule
        if best is not None:
            found.append(best)
            taken.add(balance)
    return found


def _counter(halves: Halves, name: str) -> Constraint | None:
    # Rows of one time need a search for their order, which columns that are no counters shall not pay for.
    data = halves.first
    lone = lattice.lone(data)
    if len(lone) >= LONE:
        values = data.numeric(name)
        step = values[lone] - values[lone - 1]
        if np.mean(np.abs(step - np.median(step)) <= 1e-9 * np.maximum(1.0, np.abs(step))) < 0.9:
            return None
    rule = Counter(columns=(name,)).learned(halves.first)
    if rule.step == 0 or not rule.holds(halves.first) >= halves.threshold:
        return None
    # A step that is as large as the column's whole range is a flag that was switched once, not a count.
    if not np.any(halves.first.lengths >= 4):
        return None
    return halves.confirm(rule)


def _head(data: Sequences, rows: int) -> Sequences:
    """The first entities, up to so many rows."""
    many = int(np.searchsorted(np.cumsum(data.lengths), rows)) + 1
    return data if many >= data.n_entities else data.take(np.arange(many))


def _screened(halves: Halves, head: Sequences, balance: str, amount: str) -> tuple[str, ...] | None:
    """The fewest code columns that tell the sign; None where the pair is no running total."""
    digits, slack = _grid(halves.first, balance, amount)
    counts = lattice.to_counts(head, amount, digits)
    if np.mean(np.abs(counts) > 5 * slack) < 0.5:
        return None
    if np.abs(lattice.to_counts(head, balance, digits)).max(initial=0) >= EXACT:
        return None
    votes = _votes(head, (balance, amount), digits, slack)[0][0]
    if votes[4] < 50 or votes[3] < 0.8 * votes[4]:
        return None
    shuffled = halves.random.permutation(counts)
    chance = _votes(head, (balance, amount), digits, slack, shuffled)[0][0]
    if chance[4] and chance[3] / chance[4] > 0.5 * votes[3] / votes[4]:
        return None
    data = halves.first
    codes = [c.name for c in data.schema.dynamic if c.discrete and 1 < len(lattice.levels(c)) <= 200]
    options: list[tuple[str, ...]] = [(), *((c,) for c in codes), *combinations(codes, 2)]
    shares = {}
    for option in options:
        votes, levels = _votes(data, (balance, amount, *option), digits, slack)
        if len(levels) <= 1000:
            shares[option] = votes[:, :3].max(axis=1).sum() / max(1, votes[:, 4].sum())
    top = max(shares.values())
    return min((option for option, share in shares.items() if share >= top - 0.002), key=len)
