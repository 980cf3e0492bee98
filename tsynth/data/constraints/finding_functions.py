"""Looks for columns that other columns tell by arithmetic."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tsynth.data.constraints import lattice
from tsynth.data.constraints.base import Constraint
from tsynth.data.constraints.functions import (
    Advance,
    FirstRow,
    Linear,
    RunningMaximum,
    RunningMinimum,
    numbers,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsynth.data.constraints.evidence import Halves
    from tsynth.data.schema import Column
    from tsynth.data.sequences import Sequences

__all__ = ["find_clocks", "find_first_rows", "find_lines", "find_maxima"]

CHANCE = 0.5
"""Shuffled rows may keep a rule in at most this share of what rows keep it."""
RIGHT = 0.95
LIKE = 0.999
HEAD, FEW_VALUES = 2000, 64


def _plain(column: Column) -> bool:
    return column.kind in ("continuous", "count") and column.role not in (
        "entity",
        "time",
        "party",
        "label",
        "event",
    )


def find_lines(halves: Halves, taken: set[str]) -> list[Constraint]:
    """Numbers that are a line through another: pairs correlated to .999 in ranks or values.

    The rule must hold in .95 of the rows that do not have the column's most frequent value, and in at most half as
    many rows when the other column is shuffled.
    """
    data = halves.first
    names = [c.name for c in data.schema if _plain(c) and c.name not in taken]
    sources = [*names, *([data.schema.time] if data.schema.time else [])]
    some = halves.random.permutation(data.n_rows)[:4000]
    values = {n: numbers(data, n)[some] for n in sources}
    found: list[Constraint] = []
    for target in reversed(names):
        y = values[target]
        if len(np.unique(y[np.isfinite(y)])) < 3 or np.nanmax(np.abs(y)) >= 2.0**53:
            continue
        digits = lattice.decimals(halves.sample, target)
        for source in sources:
            if (
                source == target
                or source in taken
                or (data.schema[target].static and not data.schema[source].static)
            ):
                continue
            other = lattice.decimals(halves.sample, source)
            if digits is not None and other is not None and digits > other:
                continue
            if not _correlated(values[source], y):
                continue
            rule = Linear(columns=(target, source)).learned(data)
            if (
                rule.factor == 0
                or not rule.holds(data) >= halves.threshold
                or not _says(rule, halves, target, source)
            ):
                continue
            if (confirmed := halves.confirm(rule)) is not None:
                found.append(confirmed)
                taken.add(target)
                break
    return found


def _correlated(x: NDArray[np.float64], y: NDArray[np.float64]) -> bool:
    """Whether most of `y` lies on a line through `x`: half the rows or more would do so exactly."""
    both = np.isfinite(x) & np.isfinite(y)
    x, y = x[both], y[both]
    if len(x) < 20 or np.std(x) == 0 or np.std(y) == 0:
        return False
    # A few rows that break the rule may be far off, so the slopes of neighbours in order say more than moments.
    order = np.argsort(x, kind="stable")
    x, y, half = x[order], y[order], len(x) // 2
    run, rise = x[half : 2 * half] - x[:half], y[half : 2 * half] - y[:half]
    slopes = rise[run > 0] / run[run > 0]
    if len(slopes) < 10:
        return False
    middle = np.median(slopes)
    return bool(middle != 0 and np.mean(np.abs(slopes - middle) <= 0.05 * abs(middle)) > 0.5)


def _says(rule: Linear, halves: Halves, target: str, source: str) -> bool:
    data = halves.second
    values = numbers(data, target)
    kinds, code = np.unique(values, return_inverse=True)
    if len(kinds) < 3:
        return False
    held, applies = rule.check(data)
    minor = applies & (code != np.bincount(code).argmax())
    if (
        len(np.unique(data.entity_of_row[minor])) < min(10, data.n_entities // 2)
        or np.mean(held[minor]) < RIGHT
    ):
        return False
    order = halves.random.permutation(data.n_rows)
    predicted = rule.factor * numbers(data, source)[order] + rule.offset
    unit = 10.0 ** -(lattice.decimals(data, target) or 9)
    return bool(np.mean(np.abs(predicted - values) <= unit) <= CHANCE * np.mean(held[applies]))


def find_clocks(halves: Halves, taken: set[str]) -> list[Constraint]:
    """Numbers without nulls that go with the clock inside each entity.

    They must move by three units at least in 10 entities or more, and values shuffled inside the entity keep the
    rule in at most half as many rows.
    """
    data = halves.first
    if data.schema.time is None:
        return []
    found: list[Constraint] = []
    for column in data.schema.dynamic:
        if not _plain(column) or column.name in taken or halves.sample.nulls(column.name).any():
            continue
        rule = Advance(columns=(column.name, data.schema.time)).learned(data)
        unit = 0.0 if rule.digits is None else 10.0**-rule.digits
        values = data.numeric(column.name)
        first, last = data.offsets[:-1][data.lengths > 1], data.offsets[1:][data.lengths > 1] - 1
        if rule.rate == 0 or np.sum(np.abs(values[last] - values[first]) >= max(3 * unit, 1e-6)) < 10:
            continue
        share = rule.holds(data)
        if not share >= halves.threshold or rule.holds(_shuffled(data, column.name, halves)) > CHANCE * share:
            continue
        if (confirmed := halves.confirm(rule)) is not None:
            found.append(confirmed)
            taken.add(column.name)
    return found


def _shuffled(data: Sequences, name: str, halves: Halves) -> Sequences:
    """The column's values in another order inside each entity."""
    import pyarrow as pa

    order = np.lexsort((halves.random.random(data.n_rows), data.entity_of_row))
    return data.with_columns({name: data.column(name).take(pa.array(order))})


def find_maxima(halves: Halves, taken: set[str]) -> list[Constraint]:
    """Columns without nulls that keep the largest or smallest value so far of another.

    They must be right in .95 of the rows where the two differ, at least 30 rows of 10 entities.
    """
    data = halves.second
    usable = [
        c for c in data.schema.dynamic
        if c.name not in taken and not data.nulls(c.name).any() and c.kind != "datetime"
        and (not c.discrete or all(_number(v) for v in lattice.levels(c)))
    ]  # fmt: skip
    values = {c.name: numbers(data, c.name) for c in usable}
    found: list[Constraint] = []
    for target in usable:
        for source in usable:
            a, b = values[target.name], values[source.name]
            if source is target or source.name in taken or (not (above := np.all(a >= b)) and np.any(a > b)):
                continue
            kind = RunningMaximum if above else RunningMinimum
            rule = kind(columns=(target.name, source.name))
            held, _ = rule.check(data)
            unlike = a != b
            if (
                unlike.sum() < 30
                or np.mean(held[unlike]) < RIGHT
                or len(np.unique(data.entity_of_row[unlike])) < 10
            ):
                continue
            if (confirmed := halves.confirm(rule)) is not None:
                found.append(confirmed)
                taken.add(target.name)
                break
    return found


def _number(value: object) -> bool:
    try:
        float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return False
    return True


def find_first_rows(halves: Halves, taken: set[str]) -> list[Constraint]:
    """Flags that mark the first row of each entity, in entities of two rows or more."""
    data = halves.first
    found: list[Constraint] = []
    for column in data.schema.dynamic:
        if (
            column.name in taken
            or column.kind == "datetime"
            or column.role in ("label", "event", "mark", "party")
        ):
            continue
        if not column.discrete and len(np.unique(data.numeric(column.name)[:HEAD])) > FEW_VALUES:
            continue
        rule = FirstRow(columns=(column.name,)).learned(data)
        if rule.values[0] == rule.values[1] or np.sum(data.lengths > 1) < 10:
            continue
        if rule.holds(data) >= halves.threshold and (confirmed := halves.confirm(rule)) is not None:
            found.append(confirmed)
            taken.add(column.name)
    return found
