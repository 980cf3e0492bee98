"""Faults to plant into good rows, so that an author can show that a score finds its kind.

Each is a function of what a good generator made, of the training rows and of a seed, and spoils one thing; rules that
the schema states are put back afterwards, so that a fault in time or values does not show as a broken balance.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tsynth.data import constraints
from tsynth.data.clock import TICKS
from tsynth.data.schema import Column
from tsynth.data.sequences import Sequences, concat
from tsynth.errors import UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["FAULTS", "Fault"]

Change = Callable[[Sequences, Sequences, np.random.Generator], Sequences]


@dataclass(frozen=True)
class Fault:
    """One thing that a generator may do wrong.

    Parameters
    ----------
    name : str
    sentence : str
        What is wrong with the rows.
    kind : str
        Which kind of score should find it: "marginals", "time", "events", "dependence", "survival", "missing",
        "groups", "rules", "privacy" or "utility".
    change : callable
        ``(made, train, random) -> spoiled``; raises `UsageError` where such data cannot have the fault.
    """

    name: str
    sentence: str
    kind: str
    change: Change

    def __call__(self, made: Sequences, train: Sequences, seed: int = 0) -> Sequences:
        """The rows with the fault.

        Raises
        ------
        UsageError
            Such data cannot have it: no nulls, no groups, no arms.
        """
        return self.change(made, train, np.random.default_rng([seed, len(self.name), *self.name.encode()]))

    def applies(self, made: Sequences, train: Sequences) -> bool:
        """Whether such data can have the fault."""
        try:
            self(made, train)
        except UsageError:
            return False
        return True


def _cannot(why: str) -> UsageError:
    return UsageError(f"such data cannot have this fault: {why}", fix="plant another fault")


def _keeping_rules(change: Change) -> Change:
    """The change under the rules that the schema states, which are taken off before and put back after."""

    def kept(made: Sequences, train: Sequences, random: np.random.Generator) -> Sequences:
        stated = made.schema.constraints
        if not stated:
            return change(made, train, random)
        rules = constraints.Constraints.from_list(stated).learned(made)
        totals = constraints.Constraints(rule for rule in rules if rule.name == "totals")
        bare = change(totals.remove(made), totals.remove(train), random)
        return replace(totals.restore(bare), schema=made.schema, _cache={})

    return kept


# -- columns


def _dynamic(data: Sequences, *, numbers: bool = False) -> list[Column]:
    columns = [c for c in data.schema.dynamic if not numbers or c.kind in ("continuous", "count")]
    if not columns:
        raise _cannot("no column of that kind")
    return columns


def _numbers(data: Sequences, column: Column, values: NDArray[np.float64]) -> pa.Array:
    """Values as the column holds them: rounded, within its type, null where NaN."""
    if column.decimals is not None or column.kind == "count":
        values = np.round(values, column.decimals or 0)
    kind = data.column(column.name).type
    if pa.types.is_integer(kind):
        whole = np.where(np.isfinite(values), values, 0).round().astype(np.int64)
        return pa.array(whole, mask=~np.isfinite(values)).cast(kind)
    return pa.array(values, mask=~np.isfinite(values)).cast(kind, safe=False)


def _taken(data: Sequences, names: list[str], rows: NDArray[np.int64]) -> Sequences:
    """With those columns taken from other rows."""
    index = pa.array(rows)
    return data.with_columns({name: data.rows[name].take(index) for name in names})


def _within(data: Sequences, random: np.random.Generator) -> NDArray[np.int64]:
    """Rows of each entity in another order."""
    order: NDArray[np.int64] = np.lexsort((random.uniform(size=data.n_rows), data.entity_of_row))
    return order


def _per_entity(data: Sequences, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean of each entity over its known values, one a row."""
    known = np.isfinite(values)
    count = np.bincount(data.entity_of_row[known], minlength=data.n_entities)
    total = np.bincount(data.entity_of_row[known], values[known], data.n_entities)
    mean = np.divide(total, count, out=np.full(data.n_entities, np.nan), where=count > 0)
    out: NDArray[np.float64] = mean[data.entity_of_row]
    return out


# -- time


def _timed(data: Sequences, time: NDArray[np.float64]) -> Sequences:
    """With other times, in `schema.time_unit`."""
    name = data.schema.time
    assert name is not None
    column, kind = data.schema[name], data.column(name).type
    if column.kind != "datetime":
        return data.with_columns({name: _numbers(data, column, time)})
    seconds = time * (TICKS.get(data.schema.time_unit, TICKS["d"]) / TICKS["s"])
    ticks = np.round(seconds * 1_000_000).astype(np.int64)
    stamps = pa.array(ticks).cast(pa.timestamp("us"))
    zone = getattr(kind, "tz", None)
    return data.with_columns(
        {
            name: stamps.cast(pa.timestamp("us", zone)).cast(kind, safe=False)
            if zone
            else stamps.cast(kind, safe=False)
        }
    )


def _regaped(data: Sequences, gaps: NDArray[np.float64], *, keep_span: bool) -> Sequences:
    """With other gaps before the rows that are not first; where asked scaled so that each entity lasts as long."""
    if data.schema.time is None or data.n_rows <= data.n_entities:
        raise _cannot("no times between rows")
    gaps = np.where(data.step_of_row == 0, 0.0, gaps)
    run = np.cumsum(gaps)
    first = data.offsets[:-1][data.entity_of_row]
    since = run - run[first]
    if keep_span:
        last = data.offsets[1:][data.entity_of_row] - 1
        span, drawn = data.time[last] - data.time[first], since[last]
        since = since * np.divide(span, drawn, out=np.zeros_like(span), where=drawn > 0)
    return _timed(data, data.time[first] + since)


def _gaps(data: Sequences) -> NDArray[np.float64]:
    out: NDArray[np.float64] = np.diff(data.time, prepend=data.time[:1])
    return np.where(data.step_of_row == 0, 0.0, out)


def shuffled_order(made: Sequences, train: Sequences, random: np.random.Generator) -> Sequences:
    """Values in another order inside each entity; times stay."""
    return _taken(made, [c.name for c in _dynamic(made)], _within(made, random))


def wrong_gaps(made: Sequences, train: Sequences, random: np.random.Generator) -> Sequences:
    """Gaps of another law with the same mean in each entity: nearly regular, or exponential where they were regular."""
    gaps = _gaps(made)[made.step_of_row > 0]
    bursty = len(gaps) > 0 and gaps.std() > 0.3 * max(gaps.mean(), 1e-300)
    drawn = random.uniform(0.8, 1.2, made.n_rows) if bursty else random.exponential(size=made.n_rows)
    return _regaped(made, drawn, keep_span=True)


def aimless_gaps(made: Sequences, train: Sequences, random: np.random.Generator) -> Sequences:
    """Each entity's gaps in another order, so that they go by no value and no code and have no memory."""
    gaps, later = _gaps(made), np.flatnonzero(made.step_of_row > 0)
    order = np.lexsort((random.uniform(size=len(later)), made.entity_of_row[later]))
    shuffled = gaps.copy()
    shuffled[later] = gaps[later][order]
    if not (shuffled != gaps).any():
        raise _cannot("all gaps of an entity are equal")
    return _regaped(made, shuffled, keep_span=False)


def shifted_season(made: Sequences, train: Sequences, random: np.random.Generator) -> Sequences:
    """Everything three days later, and six hours where there are hours."""
    if not made.calendar:
        raise _cannot("time is no date")
    day = TICKS["d"] / TICKS.get(made.schema.time_unit, TICKS["d"])
    hours = 0.0 if (np.mod(made.time, day) == 0).all() else 0.25
    return _timed(made, made.time + (3 + hours) * day)


# -- values


def broken_pairs(made: Sequences, train: Sequences, random: np.random.Generator) -> Sequences:
    """Each column but the first turned round inside each entity by a number of rows of its own."""
    columns = _dynamic(made)
    if len(columns) < 2:
        raise _cannot("one column alone")
    step, length = made.step_of_row, made.lengths[made.entity_of_row]
    for column in columns[1:]:
        turn = random.integers(0, np.maximum(made.lengths, 1))[made.entity_of_row]
        rows = made.offsets[:-1][made.entity_of_row] + (step + turn) % length
        made = _taken(made, [column.name], rows)
    return made


def independent_columns(made: Sequences, train: Sequences, random: np.random.Generator) -> Sequences:
    """Every column drawn anew from all rows, or all entities where it is static; times stay."""
    for column in _dynamic(made):
        made = _taken(made, [column.name], random.permutation(made.n_rows))
    tables = {
        c.name: made.entities[c.name].take(pa.array(random.permutation(made.n_entities)))
        for c in made.schema.statics
        if c.role in ("value", "group", "label", "arm")
    }
    return made.with_columns(tables)


def cut_tail(made: Sequences, train: Sequences, random: np.random.Generator) -> Sequences:
    """Numbers above the 95 % quantile are drawn in to a tenth of their distance from it."""
    changed = {}
    for column in _dynamic(made, numbers=True):
        values = made.numeric(column.name)
        if np.isfinite(values).any():
            limit = np.nanquantile(values, 0.95)
            changed[column.name] = _numbers(
                made, column, np.where(values > limit, limit + (values - limit) / 10, values)
            )
    return made.with_columns(changed)


def mean_collapse(made: Sequences, train: Sequences, random: np.random.Generator) -> Sequences:
    """Numbers drawn in to a fifth of their distance from the entity's mean; categories mostly the most frequent one."""
    changed: dict[str, Any] = {}
    for column in _dynamic(made):
        if column.kind in ("continuous", "count"):
            values = made.numeric(column.name)
            mean = _per_entity(made, values)
            changed[column.name] = _numbers(made, column, mean + (values - mean) / 5)
        elif column.discrete:
            codes = made.codes(column.name)
            usual = np.argmax(np.bincount(codes[codes >= 0])) if (codes >= 0).any() else -1
            place = int(np.flatnonzero(codes == usual)[0]) if usual >= 0 else 0
            rows = np.where(random.uniform(size=made.n_rows) < 0.6, place, np.arange(made.n_rows))
            changed[column.name] = made.rows[column.name].take(pa.array(rows))
    return made.with_columns(changed)


def no_traits(made: Sequences, train: Sequences, random: np.random.Generator) -> Sequences:
    """Numbers without what is typical of their entity: its mean (of logarithms, where positive) is the common one."""
    changed = {}
    for column in _dynamic(made, numbers=True):
        values = made.numeric(column.name)
        known = np.isfinite(values)
        positive = bool((values[known] > 0).all())
        level = np.log(values) if positive else values
        if known.any():
            mean = _per_entity(made, level)
            moved = level - mean + np.nanmean(level)
            changed[column.name] = _numbers(made, column, np.exp(moved) if positive else moved)
    return made.with_columns(changed)


def independent_nulls(made: Sequences, train: Sequences, random: np.random.Generator) -> Sequences:
    """As many nulls of each column, anywhere; values that take their place are drawn from the column."""
    changed = {}
    for column in _dynamic(made):
        null = made.nulls(column.name)
        if null.any() and not null.all():
            known = np.flatnonzero(~null)
            rows = np.where(null, random.choice(known, made.n_rows), np.arange(made.n_rows))
            taken = made.rows[column.name].take(pa.array(rows))
            changed[column.name] = pc.if_else(pa.array(random.permutation(null)), None, taken)
    if not changed:
        raise _cannot("no nulls")
    return made.with_columns(changed)


def broken_rule(made: Sequences, train: Sequences, random: np.random.Generator) -> Sequences:
    """One number of twenty that a stated rule speaks of is wrong."""
    for rule in constraints.Constraints.from_list(made.schema.constraints or ()):
        target = rule.columns[-1] if rule.name == "inequality" else rule.columns[0]
        column = made.schema[target]
        if column.kind not in ("continuous", "count") or column.role == "time":
            continue
        values = made.numeric(target)
        hit = random.uniform(size=len(values)) < 0.05
        off = values / 3 if rule.name == "inequality" else values + random.choice([-1, 1], len(values)) * 7.0
        return made.with_columns({target: _numbers(made, column, np.where(hit, off, values))})
    raise _cannot("its schema states no rule of numbers")


# -- groups and survival


def _group(data: Sequences) -> tuple[Column, NDArray[np.bool_]]:
    """The column of groups and who belongs to the smallest that holds a tenth of the entities."""
    for column in (*data.schema.roles("group"), *data.schema.roles("arm"), *data.schema.statics):
        if column.static and column.discrete:
            codes = data.codes(column.name)
            counts = np.bincount(codes[codes >= 0], minlength=2)
            large = np.flatnonzero(counts >= 0.1 * data.n_entities)
            if len(large) > 1:
                return column, codes == large[np.argmin(counts[large])]
    raise _cannot("no groups")


def lost_group(made: Sequences, train: Sequences, random: np.random.Generator) -> Sequences:
    """No entity of the smallest group."""
    return made.take(np.flatnonzero(~_group(made)[1]))


def neglected_group(made: Sequences, train: Sequences, random: np.random.Generator) -> Sequences:
    """The smallest group has the values of all, drawn without order; the other groups are right."""
    member = _group(made)[1][made.entity_of_row]
    rows = np.where(member, random.integers(0, made.n_rows, made.n_rows), np.arange(made.n_rows))
    return _taken(made, [c.name for c in _dynamic(made)], rows)


def exchanged_arms(made: Sequences, train: Sequences, random: np.random.Generator) -> Sequences:
    """Who got the one treatment is said to have got the other, so that its effect has the other sign."""
    arm = made.schema.role("arm")
    if arm is None or not arm.static or not arm.discrete or len(np.unique(made.codes(arm.name))) < 2:
        raise _cannot("no arms")
    codes = made.codes(arm.name)
    levels = np.unique(codes[codes >= 0])
    places = np.array([np.flatnonzero(codes == level)[0] for level in levels])
    partner = places[(np.searchsorted(levels, codes) + 1) % len(levels)]
    return made.with_columns({arm.name: made.entities[arm.name].take(pa.array(partner))})


def short_survival(made: Sequences, train: Sequences, random: np.random.Generator) -> Sequences:
    """Follow-up ends at two thirds of its time; rows behind it are gone."""
    followup = made.schema.role("followup")
    if followup is None or not followup.static:
        raise _cannot("no follow-up")
    start = np.zeros(made.n_entities)
    if made.calendar:
        start[made.lengths > 0] = made.time[made.offsets[:-1][made.lengths > 0]]
    ends = np.ceil(made.numeric(followup.name) * 2 / 3 * 1000) / 1000
    shorter = made.with_columns({followup.name: _numbers(made, followup, ends)})
    kept = (made.time <= (start + ends)[made.entity_of_row]) | (made.step_of_row == 0)
    return shorter.keep_rows(kept)


# -- privacy


def _own_ids(data: Sequences, made: Sequences) -> Sequences:
    """With the identifiers of `made`, so that a copy is not known by its name."""
    name = made.schema.entity
    if name is None or name not in made:
        return data
    return data.with_columns({name: made.entities[name].slice(0, data.n_entities)})


def memorised_tenth(made: Sequences, train: Sequences, random: np.random.Generator) -> Sequences:
    """One entity of ten is one of the training rows, value by value."""
    n = min(max(1, made.n_entities // 10), train.n_entities)
    fresh = made.take(np.sort(random.permutation(made.n_entities)[: made.n_entities - n]))
    copied = train.take(np.sort(random.permutation(train.n_entities)[:n]))
    both = concat([_bare(fresh), _bare(replace(copied, schema=made.schema, _cache={}))])
    return _own_ids(both.take(random.permutation(both.n_entities)), made)


def overfitted(made: Sequences, train: Sequences, random: np.random.Generator) -> Sequences:
    """A bootstrap of the training entities; numbers with noise of a fiftieth of their spread, gaps with one of 5 %."""
    drawn = random.integers(0, train.n_entities, made.n_entities)
    copied = replace(_bare(train.take(drawn)), schema=made.schema, _cache={})
    changed = {}
    for column in copied.schema.dynamic:
        if column.kind in ("continuous", "count"):
            values = copied.numeric(column.name)
            known = values[np.isfinite(values)]
            if len(known):
                wide = np.subtract(*np.quantile(known, [0.75, 0.25])) / 1.35
                noisy = values + 0.02 * wide * random.normal(size=len(values))
                low = known.min()
                changed[column.name] = _numbers(copied, column, np.maximum(noisy, low))
    copied = _own_ids(copied.with_columns(changed), made)
    if copied.schema.time is None or copied.schema.frequency is not None:
        return copied
    gaps = _gaps(copied) * np.exp(0.05 * random.normal(size=copied.n_rows))
    return _regaped(copied, gaps, keep_span=True)


def _bare(data: Sequences) -> Sequences:
    return replace(data, notes=(), _cache={})


FAULTS: dict[str, Fault] = {
    fault.name: fault
    for fault in (
        Fault(
            "shuffled_order",
            "rows of an entity stand in another order",
            "time",
            _keeping_rules(shuffled_order),
        ),
        Fault(
            "broken_pairs",
            "columns of a row have nothing to do with each other",
            "dependence",
            _keeping_rules(broken_pairs),
        ),
        Fault("wrong_gaps", "time between rows has the right mean but the wrong law", "events", wrong_gaps),
        Fault(
            "aimless_gaps",
            "time between rows goes by no value, no code and no spell",
            "events",
            aimless_gaps,
        ),
        Fault("shifted_season", "everything happens three days later", "events", shifted_season),
        Fault(
            "independent_columns",
            "every value is drawn from its column alone",
            "dependence",
            _keeping_rules(independent_columns),
        ),
        Fault(
            "cut_tail",
            "the largest twentieth of the values is drawn in",
            "marginals",
            _keeping_rules(cut_tail),
        ),
        Fault(
            "mean_collapse",
            "values keep near the mean of their entity",
            "marginals",
            _keeping_rules(mean_collapse),
        ),
        Fault("no_traits", "no entity has a level of its own", "dependence", _keeping_rules(no_traits)),
        Fault("independent_nulls", "nulls stand anywhere", "missing", _keeping_rules(independent_nulls)),
        Fault("lost_group", "the smallest group is not there", "groups", lost_group),
        Fault(
            "neglected_group",
            "the smallest group has the values of the others",
            "groups",
            _keeping_rules(neglected_group),
        ),
        Fault("broken_rule", "one number of twenty breaks a rule", "rules", broken_rule),
        Fault("exchanged_arms", "the effect of the treatment has the other sign", "survival", exchanged_arms),
        Fault("short_survival", "follow-up ends at two thirds of its time", "survival", short_survival),
        Fault("memorised_tenth", "one entity of ten is copied from train", "privacy", memorised_tenth),
        Fault("overfitted", "entities of train with a little noise", "privacy", _keeping_rules(overfitted)),
    )
}
"""Every fault by name: ``FAULTS[name](made, train, seed)``."""
