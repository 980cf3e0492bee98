"""Contracts: what recurs of an entity, learned as counts, days, amounts and ends, and drawn beside other rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import ndtr, ndtri
from scipy.stats import rankdata

from tsynth.compiled.contracts import drift, lay_rows
from tsynth.data.encoding.base import threshold
from tsynth.data.recurring import PERIOD, PERIODS
from tsynth.data.schema import Column
from tsynth.generators.composite.numbers import Number, Ranks, guarded_counts
from tsynth.generators.composite.profiles import Profiles
from tsynth.generators.composite.standing import Standing
from tsynth.generators.composite.summaries import Months, Summaries, at_codes, summaries
from tsynth.generators.copula import Copula, Margin, merge_copula, order_of, sums

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsynth.data.encoding import Encoder, Field
    from tsynth.data.recurring import Chains, RecurringRows
    from tsynth.data.sequences import Sequences
    from tsynth.data.streams import Streams

__all__ = ["Drawn", "calibrate", "certain", "draw", "learn", "members", "typed"]

LEAST = 3
"""Rows from which on a contract is not short."""
SPAN, ENTITY, ENDED = 0, 1, 2
"""How a contract stops: the source's span ends, the entity's rows end, or by itself."""
NEAR = 15
"""Days by which the first row of a contract may precede what it stands in place of, or follow it."""
RECENT = 45
"""Days before the end of the span within which an entity's last row means that it goes on."""
DUE = 31
PURE, ONLY = 0.8, 0.95
"""Shares of the rows of a code in contracts from which on all entities with such rows have one, and no other rows."""
TOLD = 6
"""Codes with the most other rows, whose rows and amounts contracts may go with."""
_START = Column("start", decimals=0, bounds=(-np.inf, np.inf))
_LENGTH = Column("length", decimals=0, bounds=(1.0, np.inf))


@dataclass(frozen=True)
class Drawn:
    """Rows of drawn contracts, in order of their entities.

    Parameters
    ----------
    entity : int64 array, (R,)
        Place of the entity.
    contract : int64 array, (R,)
        Number of the contract of each row.
    kind : int64 array, (R,)
        Type of the contract: code and slot.
    day : int64 array, (R,)
    amount : float64 array, (R,)
        NaN where null.
    u : float64 array, (R, D)
        Uniforms for what else the rows hold.
    """

    entity: NDArray[np.int64]
    contract: NDArray[np.int64]
    kind: NDArray[np.int64]
    day: NDArray[np.int64]
    amount: NDArray[np.float64]
    u: NDArray[np.float64]


def typed(
    chains: Chains, chosen: NDArray[np.bool_], protect: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Types (code, slot) that `protect` entities have, and the type of each chain, -1 where it has none."""
    kind = np.full(len(chains), -1, np.int64)
    at = np.flatnonzero(chosen)
    order = at[np.lexsort((at, chains.code[at], chains.entity[at]))]
    new = np.ones(len(order), np.bool_)
    new[1:] = (np.diff(chains.entity[order]) != 0) | (np.diff(chains.code[order]) != 0)
    place = np.arange(len(order))
    slot = place - np.maximum.accumulate(np.where(new, place, 0)) if len(order) else place
    pairs, joined, many = np.unique(
        np.column_stack([chains.code[order], slot]), axis=0, return_inverse=True, return_counts=True
    )
    held = many >= protect
    number = np.where(held, np.cumsum(held) - 1, -1)
    kind[order] = number[joined.reshape(-1)]
    return pairs[held].astype(np.int64), kind


def certain(
    found: RecurringRows, types: NDArray[np.int64], kind: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The types that can be told in what the inner generator makes: of codes that are next to all contracts, and no
    further contracts that are short (a bonus beside the salary).
    """
    chains, size = found.chains, len(found.levels)
    short = [slot > 0 and np.median(chains.rows[kind == t]) < LEAST for t, (_, slot) in enumerate(types)]
    held = ~np.array(short, np.bool_)
    own = (kind >= 0) & np.append(held, False)[kind]
    share = np.bincount(chains.code[own], chains.rows[own], minlength=size)
    held &= share[types[:, 0]] >= PURE * np.bincount(found.code, minlength=size)[types[:, 0]]
    number = np.append(np.where(held, np.cumsum(held) - 1, -1), -1)
    return types[held], number[kind]


def learn(
    bare: Sequences,
    rest: Sequences,
    found: RecurringRows,
    types: NDArray[np.int64],
    kind: NDArray[np.int64],
    encoder: Encoder,
    beside: bool,
) -> dict[str, Any]:
    """What is kept of the contracts of `bare` as plain values and arrays.

    Parameters
    ----------
    found : RecurringRows
    types : int64 array, (T, 2)
        Code and slot of each type.
    kind : int64 array, (C,)
        Type of each chain, -1 for those that are no contracts.
    rest : Sequences
        What the inner generator learns.
    beside : bool
        Whether that is all rows, so that contracts stand in the place of what it makes of their codes.
    """
    chains, protect = found.chains, threshold(bare.n_entities)
    at = np.flatnonzero(kind >= 0)
    kind, entity = kind[at], chains.entity[at]
    day = np.floor(found.day).astype(np.int64)
    first, last = int(day.min()), int(day.max())
    here = at_codes(rest, found.columns, found.levels)
    own = np.unique(types[:, 0]) if beside else np.zeros(0, np.int64)
    most = np.argsort(-np.bincount(here[here >= 0], minlength=1), kind="stable")
    codes = [int(c) for c in (*own, *most[~np.isin(most, own)][:TOLD])]
    told = summaries(rest, found.columns, found.levels, found.amount, codes)
    begins = np.where(np.isfinite(told.first), told.first, first)
    ends = np.where(np.isfinite(told.last), told.last, first)
    step = np.where(chains.kind[at] == PERIOD, chains.due[at], 31)
    stop = np.where(
        chains.stop[at] + step > last, SPAN, np.where(chains.stop[at] + step > ends[entity], ENTITY, ENDED)
    )
    recent = (ends >= last - RECENT).astype(np.int64)
    beat = np.where(
        chains.kind[at] == PERIOD, DUE + np.searchsorted(PERIODS, chains.due[at]), chains.due[at] - 1
    )
    number, place = members(found, at, len(chains))
    amount = np.full(bare.n_rows, np.nan) if found.amount is None else bare.numeric(found.amount)
    links = number[1:] == number[:-1]
    opens = np.concatenate([[True], ~links])
    size = len(types)
    paid = np.full((bare.n_entities, size), np.nan)
    starts = paid.copy()
    starts[entity, kind] = chains.start[at] - begins[entity]
    rows = np.bincount(found.code, minlength=len(found.levels))
    paid_by = np.bincount(chains.code[at], chains.rows[at], minlength=len(found.levels))
    owned = np.zeros(bare.n_entities * len(found.levels), np.bool_)
    owned[entity * len(found.levels) + chains.code[at]] = True
    near = np.bincount(
        found.code[owned[bare.entity_of_row * len(found.levels) + found.code]], minlength=len(found.levels)
    )
    state: dict[str, Any] = {
        "beside": beside, "types": types, "columns": list(found.columns), "levels": found.levels,
        "amount": found.amount or "",
        "pure": [int(c) for c in own if paid_by[c] >= PURE * rows[c]],
        "only": [int(c) for c in own if paid_by[c] >= ONLY * rows[c]],
        "near": [int(c) for c in own if paid_by[c] >= PURE * near[c]],
        "told": codes, "span": [first, last], "kinds": [],
    }  # fmt: skip
    value = amount[place]
    fresh = opens.copy()
    fresh[1:] |= ~((value[1:] == value[:-1]) | (np.isnan(value[1:]) & np.isnan(value[:-1])))
    heads = np.flatnonzero(opens)
    paid[entity[number[heads]], kind[number[heads]]] = value[heads]
    of_row = kind[number]
    for t in range(size):
        own, rows = kind == t, of_row == t
        inner = rows & ~opens
        known = rows & fresh & np.isfinite(value)
        ended = own & (stop == ENDED)
        counts = np.bincount(recent[entity[own]] * 3 + stop[own], minlength=6).reshape(2, 3)
        state["kinds"].append(
            {
                "beat": guarded_counts(beat[own], entity[own], DUE + len(PERIODS), protect),
                "step": float(np.where(step[own] == 31, 30.44, step[own]).mean()),
                "missed": float(
                    1 - chains.rows[at][own].sum() / (chains.rows[at] / chains.kept[at])[own].sum()
                ),
                "ends": counts + counts.sum(axis=0) / (2 * counts.sum()),
                "start": _number(starts[entity[own], t], entity[own], _START, bare, protect),
                "length": _number(
                    np.rint(chains.rows[at] / chains.kept[at])[ended], entity[ended], _LENGTH, bare, protect
                ),
                "amount": None
                if found.amount is None
                else _number(value[known], entity[number[known]], bare.schema[found.amount], bare, protect),
                "again": float(1 - np.mean(fresh[inner])) if inner.any() else 1.0,
                "lean": _lean(value, inner & fresh),
            }
        )
    months = Months.of(first, last)
    state["shifts"] = np.stack(
        [
            months.shifts(day[place], chains.due[at][number], (of_row == t) & (chains.kind[at][number] != PERIOD))
            for t in range(size)
        ]
    ) if size else np.zeros((0, 7, 7))  # fmt: skip
    statics = encoder.encode_statics(bare, [c.name for c in bare.schema.statics])
    state["once"] = _once(bare, told.values, types, kind, entity, paid, starts, statics, protect)
    codes_held = np.unique(types[:, 0])
    counts = np.stack(
        [np.bincount(entity[types[kind, 0] == c], minlength=bare.n_entities) for c in codes_held], axis=1
    )
    given = _given(state["once"], told.values, statics, np.full((bare.n_entities, len(statics)), 0.5))
    profiles, none = Profiles.learn(
        (counts > 0).astype(np.int64), np.column_stack(list(given.values())), protect
    )
    state["once"]["profiles"] = profiles.to_state()
    state["once"]["alone"] = np.mean(counts[none] > 0, axis=0) if none.any() else np.zeros(len(codes_held))
    return state


def calibrate(
    state: dict[str, Any], rest: Sequences, statics: dict[str, Field], streams: Streams
) -> dict[str, Any]:
    """`state`, with counts, amounts and starts as they are in the source beside what the inner generator makes.

    Parameters
    ----------
    rest : Sequences
        Made by the inner generator.
    """
    once = {**state["once"], "made": {}}
    state = {**state, "once": once}
    given, scores, _ = _scores(state, rest, statics, streams)
    matrix = np.column_stack(list(given.values()))
    once["profiles"] = Profiles.from_state(once["profiles"]).calibrated(matrix).to_state()
    drawn = [name for name in once["names"] if name not in given]
    once["made"] = {name: Ranks.learn(scores[name], 1).knots for name in drawn}
    return state


def _given(
    once: dict[str, Any],
    told: dict[str, NDArray[np.float64]],
    statics: dict[str, Field],
    u: NDArray[np.float64],
) -> dict[str, NDArray[np.float64]]:
    """Normal scores of statics and of what the other rows are like."""
    given = {}
    for j, (name, margin) in enumerate(once["statics"].items()):
        given[f"static:{name}"] = Margin(margin["rows"], margin["first"]).score(statics[name], u[:, j])
    for name, knots in once["ranks"].items():
        given[f"rest:{name}"] = Ranks(np.asarray(knots)).score(told[name])
    return given


def _scores(
    state: dict[str, Any], rest: Sequences, statics: dict[str, Field], streams: Streams
) -> tuple[dict[str, NDArray[np.float64]], dict[str, NDArray[np.float64]], Summaries]:
    """What is given of each entity, what is drawn with it, and summaries of its other rows."""
    once = state["once"]
    told = summaries(
        rest, tuple(state["columns"]), np.asarray(state["levels"]), state["amount"] or None, state["told"]
    )
    u = streams.purpose("places").uniform(len(once["statics"]))
    given = _given(once, told.values, statics, u)
    z = Copula(once["names"], np.asarray(once["correlation"])).draw(streams.purpose("together"), given)
    for name, knots in once["made"].items():
        z[name] = Ranks(np.asarray(knots)).score(z[name])
    return given, z, told


def members(
    found: RecurringRows, at: NDArray[np.int64], chains: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows of the contracts, one contract after another: number of the contract, and place of the row."""
    number = np.full(chains + 1, -1, np.int64)
    number[at] = np.arange(len(at))
    of_row = number[found.chains.chain]
    place = np.flatnonzero(of_row >= 0)
    place = place[np.argsort(of_row[place], kind="stable")]
    return of_row[place], place


def _number(
    x: NDArray[np.float64], owner: NDArray[np.int64], column: Column, bare: Sequences, protect: int
) -> dict[str, Any] | None:
    return Number.learn(x, owner, column, bare.schema, protect).to_state() if len(x) else None


def _lean(value: NDArray[np.float64], changed: NDArray[np.bool_]) -> float:
    """Correlation of the ranks of new amounts with those before."""
    at = np.flatnonzero(changed)
    x, y = value[at - 1], value[at]
    held = np.isfinite(x) & np.isfinite(y)
    if held.sum() < 10 or np.ptp(x[held]) == 0 or np.ptp(y[held]) == 0:
        return 0.9
    return float(np.clip(np.corrcoef(rankdata(x[held]), rankdata(y[held]))[0, 1], 0.0, 0.999))


def _once(
    bare: Sequences,
    told: dict[str, NDArray[np.float64]],
    types: NDArray[np.int64],
    kind: NDArray[np.int64],
    entity: NDArray[np.int64],
    paid: NDArray[np.float64],
    starts: NDArray[np.float64],
    fields: dict[str, Field],
    protect: int,
) -> dict[str, Any]:
    """How statics, summaries of the other rows, counts, first amounts and starts of contracts go together."""
    columns: dict[str, NDArray[np.float64]] = {}
    statics = {}
    for name, field in fields.items():
        columns[f"static:{name}"] = order_of(field)
        statics[name] = {
            "rows": np.bincount(field.choice, minlength=field.choices),
            "first": field.continuous,
        }
    columns |= {f"rest:{name}": x for name, x in told.items()}
    counts = {}
    for code in np.unique(types[:, 0]):
        own = types[kind, 0] == code
        count = np.bincount(entity[own], minlength=bare.n_entities)
        counts[int(code)] = np.bincount(count, minlength=int(np.sum(types[:, 0] == code)) + 1)
        columns[f"count:{code}"] = count.astype(np.float64)
    for t in range(len(types)):
        columns[f"amount:{t}"], columns[f"start:{t}"] = paid[:, t], starts[:, t]
    copula = merge_copula(list(columns), [sums(list(columns.values()))])
    return {
        "names": copula.names, "correlation": copula.correlation, "statics": statics, "counts": counts,
        "ranks": {name: Ranks.learn(x, protect).knots for name, x in told.items()}, "made": {},
    }  # fmt: skip


def draw(
    state: dict[str, Any], rest: Sequences, statics: dict[str, Field], streams: Streams, columns: int
) -> Drawn:
    """Contracts for the entities of `rest`, given their statics and what their other rows are like.

    Parameters
    ----------
    statics : dict of str to Field
    streams : Streams
        Of the entities in `rest`.
    columns : int
        Columns beside the amount for which rows get three uniforms each.
    """
    types, once = np.asarray(state["types"]), state["once"]
    size, many = len(types), rest.n_entities
    given, z, told = _scores(state, rest, statics, streams)
    of_code = at_codes(rest, tuple(state["columns"]), np.asarray(state["levels"]))
    u = streams.purpose("once").uniform(5 * size + 1)
    profiles = Profiles.from_state(once["profiles"])
    profile = profiles.draw(np.column_stack(list(given.values())), u[:, -1])
    has = np.zeros((many, size), np.bool_)
    counts = np.zeros((many, size), np.int64)
    standing: dict[int, Standing] = {}
    for j, (code, rows) in enumerate(once["counts"].items()):
        place = ndtr(z[f"count:{code}"])
        holds = place >= 1 - once["alone"][j]
        holds[profile >= 0] = profiles.held[profile[profile >= 0], j] > 0
        more = np.cumsum(rows[1:]) / max(np.sum(rows[1:]), 1)
        count = np.where(holds, 1 + np.searchsorted(more, np.minimum(place, 1 - 1e-9), side="right"), 0)
        if int(code) in state["near"]:
            standing[int(code)] = stands = Standing.of(rest, of_code == int(code), state["amount"] or None)
            first_of = state["kinds"][int(np.flatnonzero(types[:, 0] == int(code))[0])]
            likely = stands.contracts(first_of["step"], len(rows) - 1)
            count = likely if int(code) in state["pure"] else np.where(holds, likely, 0)
        here = np.flatnonzero(types[:, 0] == int(code))
        has[:, here] = types[here, 1] < count[:, None]
        counts[:, here] = count[:, None]
    first, last = (int(x) for x in state["span"])
    begins = np.where(np.isfinite(told.first), told.first, first)
    ends = np.where(np.isfinite(told.last), told.last, first)
    recent = (ends >= last - RECENT).astype(np.int64)
    begin, end, most, beat = (np.zeros((many, size), np.int64) for _ in range(4))
    score = np.zeros((many, size))
    fixed = np.full((many, size), np.nan)
    for t, one in enumerate(state["kinds"]):
        own = u[:, 5 * t : 5 * t + 5]
        start = Number.from_state(one["start"], _START, rest.schema).draw(z[f"start:{t}"], own[:, 0])
        begin[:, t] = np.clip(begins + start, first, last)
        weight = np.cumsum(one["beat"])
        pick = np.searchsorted(weight, own[:, 1] * weight[-1], side="right")
        beat[:, t] = np.where(pick < DUE, pick + 1, -np.asarray(PERIODS)[np.maximum(pick - DUE, 0)])
        table = np.cumsum(np.asarray(one["ends"]), axis=1)
        stop = np.sum(own[:, 2:3] * table[recent, 2:] >= table[recent], axis=1)
        end[:, t] = np.where(stop == ENTITY, np.maximum(ends, begin[:, t]), last)
        most[:, t] = 2**31
        if one["length"] is not None:
            length = Number.from_state(one["length"], _LENGTH, rest.schema)
            drawn = length.draw(ndtri(np.clip(own[:, 3], 1e-9, 1 - 1e-9)), own[:, 4])
            most[:, t] = np.where(stop == ENDED, np.maximum(np.rint(drawn), 1), most[:, t])
        score[:, t] = z[f"amount:{t}"]
        if int(types[t, 0]) in standing:
            stands = standing[int(types[t, 0])]
            # In the place of what the inner generator made of the code: about as long as that, and as much.
            begin[:, t] = np.clip(np.maximum(stands.low - NEAR, begins), first, last)
            end[:, t] = np.where(stands.high + 3 * NEAR > last, last, stands.high + NEAR)
            most[:, t] = 2**31
            fixed[:, t] = stands.amounts(int(types[t, 1]), counts[:, t])
    entity, kind = np.nonzero(has)
    months = Months.of(first, last)
    missed = np.array([one["missed"] for one in state["kinds"]])
    contract, day, v = lay_rows(
        streams.purpose("rows").key, streams.entities[entity], kind, beat[has], begin[has], end[has], most[has],
        missed[kind], np.ascontiguousarray(np.asarray(state["shifts"])[kind]), months.origin, months.month_of,
        months.start, months.length, 3 + 3 * columns,
    )  # fmt: skip
    of_row = kind[contract]
    amount = _amounts(state, contract, of_row, kind, score[has], fixed[has], v, rest)
    return Drawn(entity[contract], contract, of_row, day, amount, v[:, 3:])


def _amounts(
    state: dict[str, Any],
    contract: NDArray[np.int64],
    of_row: NDArray[np.int64],
    kind: NDArray[np.int64],
    score: NDArray[np.float64],
    fixed: NDArray[np.float64],
    v: NDArray[np.float64],
    rest: Sequences,
) -> NDArray[np.float64]:
    """Amount of each row: the contract's own, now and then a new one that leans on it.

    Amounts that the inner generator made (`fixed`) tell the score only: what is written is always drawn from the
    distribution over contracts, in which an amount counts once a contract and not once a row.
    """
    out = np.full(len(contract), np.nan)
    if not state["amount"] or not len(contract):
        return out
    again = np.array([one["again"] for one in state["kinds"]])[of_row]
    lean = np.array([one["lean"] for one in state["kinds"]])[kind]
    opens = np.concatenate([[True], np.diff(contract) != 0])
    fresh = opens | (v[:, 0] >= again)
    column = rest.schema[state["amount"]]
    numbers = [
        None if one["amount"] is None else Number.from_state(one["amount"], column, rest.schema)
        for one in state["kinds"]
    ]
    for t, number in enumerate(numbers):
        own = (kind == t) & np.isfinite(fixed)
        if number is not None and own.any():
            score[own] = number.score(fixed[own])
    z = drift(contract, fresh, score, lean, ndtri(np.clip(v[:, 1], 1e-9, 1 - 1e-9)))
    # How round an amount is goes with the amount: it stays while the amount does.
    held = np.maximum.accumulate(np.where(fresh, np.arange(len(contract)), 0))
    for t, number in enumerate(numbers):
        rows = of_row == t
        if number is not None and rows.any():
            out[rows] = number.draw(z[rows], v[held[rows], 2])
    return out
