"""Looks for rules of the order of codes; see `tsynth.data.constraints.code_rules`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from tsynth.compiled.codes import orders
from tsynth.data.constraints import lattice
from tsynth.data.constraints.base import ORDER, Constraint
from tsynth.data.constraints.chance import (
    BROKEN,
    ROWS,
    SURPRISE,
    codes_of,
    places,
    shuffled_inside,
    speak_of,
    surprise,
)
from tsynth.data.constraints.code_rules import FirstOnly, Once, OnlyAfter, Opens
from tsynth.data.constraints.delays import Delay
from tsynth.data.constraints.order import Absorbing, Unique
from tsynth.data.constraints.rows import Combination

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsynth.data.constraints.evidence import Halves
    from tsynth.data.schema import Column
    from tsynth.data.sequences import Sequences

__all__ = ["find_code_rules"]

TRIES = 3
"""Codes that may be needed before another, of which the most telling are measured."""


def find_code_rules(halves: Halves, others: Sequence[Constraint]) -> list[Constraint]:
    """Codes that come first, at the first moment only, once at most, and only after another.

    The null hypothesis is that an entity's codes stand in an order of no meaning: codes are shuffled inside each
    entity, and in at least .02 of the entities with the code (of its rows, for "at the first moment only") that must
    break the rule. The logarithm of the chance must be -20 or less: of the share of entities that keep the rule, given
    that of the shuffled ones (first, after); of all rows of a code at random places falling on the first moment; of no
    second row in any entity with the code, at its rate over all rows (once).

    Of the codes that must have come before another, one at most is named, that which shuffled rows keep least, and
    none that comes first anyway.

    Parameters
    ----------
    halves : Halves
    others : sequence of Constraint
        All other rules that were found: where one speaks of a code, rows that break a rule are left out and not given
        another code.
    """
    made = {entry.column.name for rule in others if not isinstance(rule, Combination) for entry in rule.lost}
    columns = [c for c in codes_of(halves.first) if c.name not in made and c.role not in ("label", "event")]
    looked = [seen for c in columns if (seen := _Seen.of(halves, c, others)).able]
    openers = _openers(halves, looked, others)
    found: list[Constraint] = []
    for seen in looked:
        found += _of_rows(halves, seen, others, openers)
    first = {(rule.columns[0], rule.level) for rule in found if isinstance(rule, FirstOnly)}
    return [*found, *_beside_each_other(halves.first, _without_echo(halves.first, openers), first)]


@dataclass(frozen=True)
class _Orders:
    """What `tsynth.compiled.codes.orders` says."""

    entities: NDArray[np.int64]
    opened: NDArray[np.int64]
    first: NDArray[np.int64]
    repeated: NDArray[np.int64]
    odds: NDArray[np.float64]
    earlier: NDArray[np.int64]


@dataclass(frozen=True)
class _Seen:
    """A column of codes on the first half, as it is and shuffled inside entities; and the codes that may be ruled."""

    column: Column
    rows: NDArray[np.int64]
    able: tuple[int, ...]
    real: _Orders
    mixed: _Orders

    @classmethod
    def of(cls, halves: Halves, column: Column, others: Sequence[Constraint]) -> _Seen:
        data, size = halves.first, len(lattice.levels(column))
        codes = data.codes(column.name)
        rows = np.bincount(codes[codes >= 0], minlength=size)
        real = _Orders(*orders(data.offsets, data.time, codes, size))
        enough = (rows >= ROWS) & (real.entities >= ROWS // 2)
        for rule in speak_of(others, column.name):
            if isinstance(rule, Delay):  # which moves its rows as it needs them
                enough &= [level not in (rule.level, rule.follows) for level in lattice.levels(column)]
        able = tuple(np.flatnonzero(enough).tolist())
        if able:
            codes = shuffled_inside(data, codes, halves.seed, "codes", column.name)
            return cls(column, rows, able, real, _Orders(*orders(data.offsets, data.time, codes, size)))
        return cls(column, rows, able, real, real)

    @property
    def name(self) -> str:
        return self.column.name

    @property
    def levels(self) -> tuple[Any, ...]:
        return lattice.levels(self.column)


def _of_rows(
    halves: Halves, seen: _Seen, others: Sequence[Constraint], openers: list[tuple[float, Opens]]
) -> list[Constraint]:
    """Rules that single rows break."""
    schema = halves.first.schema
    about = speak_of(others, seen.name)
    regular = schema.frequency is not None or schema.time is None
    lone = [c.name for c in schema.dynamic if c.learned and c.role != "time"] == [seen.name]
    relabel = not about and (regular or lone)
    if regular and not relabel:
        return []  # rows of a regular series cannot be left out
    own = [rule for _, rule in openers if rule.columns[0] == seen.name]
    firsts = _first_only(halves, seen)
    done = {rule.level for rule in firsts} | {r.level for r in about if isinstance(r, Absorbing)}
    once = [] if any(isinstance(r, Unique) for r in about) else _once(halves, seen, done)
    after = _after(halves, seen, {rule.level for rule in own if rule.always})
    # restored in the order of this list backwards: what is needed stands before those that need it
    found: list[FirstOnly | Once | OnlyAfter] = [*after, *once, *firsts]
    ruled = {rule.level for rule in found} | {rule.level for rule in own}
    free = tuple(level for level in seen.levels if level not in ruled) if relabel else ()
    if regular and not free:
        return []
    return [replace(rule, by="relabel" if free else "leave out", free=free) for rule in found]


def _openers(halves: Halves, looked: list[_Seen], others: Sequence[Constraint]) -> list[tuple[float, Opens]]:
    """Codes that come first, each with the share of entities in which shuffled rows keep that."""
    data = halves.first
    with_rows = int(np.sum(data.lengths > 0))
    time = data.schema.time
    moves = time is not None and data.schema.frequency is None and any(_moves(r, time) for r in others)
    found: list[tuple[float, Opens]] = []
    for seen in looked:
        about = speak_of(others, seen.name)
        states = {rule.level for rule in about if isinstance(rule, Absorbing)}
        for i in seen.able:
            n, level = int(seen.real.entities[i]), seen.levels[i]
            share, by_chance = seen.real.opened[i] / n, seen.mixed.opened[i] / n
            if share < halves.threshold or surprise(n, share, by_chance) < SURPRISE:
                continue
            if states.issuperset(set(seen.levels) - {level}):
                continue  # all others are never left, so none can come before
            rule = Opens(
                columns=(seen.name, str(time)) if moves else (seen.name,), level=level,
                always=bool(n >= halves.threshold * with_rows), by="move" if moves else "swap",
            )  # fmt: skip
            if (confirmed := halves.confirm(rule)) is not None:
                found.append((float(by_chance), _with_setting(confirmed, others, time)))
    return found


def _without_echo(data: Sequences, openers: list[tuple[float, Opens]]) -> list[Opens]:
    """Of codes of several columns that stand in the same first rows, the one that chance explains least."""
    begins = data.offsets[:-1][data.lengths > 0]
    kept: list[tuple[Opens, NDArray[np.bool_]]] = []
    for _, rule in sorted(openers, key=lambda entry: entry[0]):
        own = places(data, rule.columns[0], (rule.level,))[begins] == 0
        if not any(np.mean(own == theirs) >= 1 - BROKEN for _, theirs in kept):
            kept.append((rule, own))
    return [rule for rule, _ in kept]


def _beside_each_other(data: Sequences, openers: list[Opens], first: set[tuple[str, Any]]) -> list[Opens]:
    """Codes that come first, in an order and a way in which none takes the place of another.

    Those of every entity are restored before those that some have, which then join them at the first moment.
    """
    time = data.schema.time
    rules = [rule for rule in openers if rule.always or (rule.columns[0], rule.level) not in first]
    rules.sort(key=lambda rule: rule.always)
    if len(rules) < 2:
        return rules
    if time is None or data.schema.frequency is not None:
        return rules[-1:]
    setting: set[str] = set()
    for i, rule in reversed(list(enumerate(rules))):
        own = {name for name, _ in rule.sets}
        moved = replace(rule, columns=(rule.columns[0], time), by="move")
        rules[i] = moved if own.isdisjoint(setting) else replace(moved, sets=(), quiet=())
        setting |= own
    return rules


def _with_setting(rule: Opens, others: Sequence[Constraint], time: str | None) -> Opens:
    """With what the first row of an entity without the code may get, where other rules allow that."""
    name, quiet = rule.columns[0], set()
    merged = [r for r in others if isinstance(r, Combination) and name in r.columns]
    sets: tuple[tuple[str, Any], ...] = ((name, rule.level),)
    if merged:
        at = merged[0].columns.index(name)
        usual = next((own for own in merged[0].combinations if own[at] == rule.level), None)
        if usual is None:
            return rule
        sets = tuple(zip(merged[0].columns, usual, strict=True))
    for own, value in sets:
        about = [r for r in speak_of(others, own) if r not in merged]
        if any(_moves(r, str(time)) for r in about):
            quiet.add(own)
        for other in about:
            moves = _moves(other, str(time))
            if (
                isinstance(other, Delay)
                or own in other.writes
                or (moves and value in getattr(other, "levels", ()))
            ):
                return rule
            # what reads a column that is changed in silence must come back later for another reason
            if own in quiet and not moves and ORDER not in other.reads - other.changes:
                return rule
    return replace(rule, sets=sets, quiet=tuple(sorted(quiet)))


def _moves(rule: Constraint, time: str) -> bool:
    """Whether a rule of the calendar, so that what stands in a row belongs to its day."""
    return time in rule.columns and {ORDER, time} <= rule.changes


def _first_only(halves: Halves, seen: _Seen) -> list[FirstOnly]:
    data = halves.first
    out: list[FirstOnly] = []
    opening = None
    for i in seen.able:
        if seen.real.first[i] < halves.threshold * seen.rows[i] or -seen.real.odds[i] < SURPRISE:
            continue
        if opening is None:
            begin = data.time[np.repeat(data.offsets[:-1], data.lengths)] == data.time
            opening = np.bincount(data.entity_of_row, begin, data.n_entities) / np.maximum(1, data.lengths)
        if np.mean(opening[data.entity_of_row[data.codes(seen.name) == i]]) > 1 - BROKEN:
            continue
        rule = halves.confirm(FirstOnly(columns=(seen.name,), level=seen.levels[i]))
        out += [] if rule is None else [rule]
    return out


def _once(halves: Halves, seen: _Seen, done: set[Any]) -> list[Once]:
    data, real = halves.first, seen.real
    out: list[Once] = []
    for i in seen.able:
        if seen.levels[i] in done or real.repeated[i] > (1 - halves.threshold) * real.entities[i]:
            continue
        n = data.lengths[np.unique(data.entity_of_row[data.codes(seen.name) == i])].astype(np.float64)
        p = seen.rows[i] / data.n_rows
        single = n * p * (1 - p) ** (n - 1) / (1 - (1 - p) ** n)  # one row, given that there is any
        by_chance = float(np.mean(single))
        if surprise(len(n), 1 - real.repeated[i] / real.entities[i], by_chance) < SURPRISE:
            continue
        rule = halves.confirm(Once(columns=(seen.name,), level=seen.levels[i]))
        out += [] if rule is None else [rule]
    return out


def _after(halves: Halves, seen: _Seen, always: set[Any]) -> list[OnlyAfter]:
    """Rules that need a code stand before the rules of that code."""
    levels, real = seen.levels, seen.real
    # A code needs only more usual ones, so that there is no circle.
    rank = np.lexsort((np.arange(len(levels)), -real.entities)).argsort()
    out: list[OnlyAfter] = []
    for i in sorted(seen.able, key=lambda k: -rank[k]):
        n = int(real.entities[i])
        share = real.earlier[i] / n
        by_chance = seen.mixed.earlier[i] / n
        likely = [
            (float(by_chance[j]), int(rank[j]), j)
            for j in np.flatnonzero((share >= halves.threshold) & (rank < rank[i])).tolist()
            if j in seen.able and levels[j] not in always and levels[i] not in always
            and surprise(n, float(share[j]), float(by_chance[j])) >= SURPRISE
        ]  # fmt: skip
        for _, _, j in sorted(likely)[:TRIES]:
            rule = halves.confirm(OnlyAfter(columns=(seen.name,), level=seen.levels[i], needs=levels[j]))
            if rule is not None:
                out.append(rule)
                break
    return out
