"""What is fixed before a network learns: codes, the way of time, the layout of features, and what may not be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import ndtr

from tsynth.compiled import memory
from tsynth.compiled.memory import OWN, PER_CODE, PER_MOMENT, Layout
from tsynth.compiled.walk_rows import Limits
from tsynth.data.encoding.continuous import REACH, Continuous
from tsynth.data.encoding.timing import gaps_of
from tsynth.data.recurring import find_chains
from tsynth.generators.values import discrete_scores

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsynth.data.encoding import Encoder, Field, Rows

__all__ = ["Table", "fixed_features", "layout", "limits", "placed", "plan", "table", "writable"]

SLOTS = 40
"""Codes with a memory of their own."""
MEMORIES = 240
"""Values that the codes together remember."""
TALLIES = 64
"""Largest number of choices of which an entity keeps a tally."""
CLASSES = 44
"""Classes of gaps, about."""
CERTAIN = 9.0
"""What was expected so many times and never came is taken to be impossible (by chance: exp(-9))."""
PRIOR = 4.0
"""Rows that the usual share of a choice counts for beside those of a code."""
MAP_KNOTS, MAP_REACH = 41, 3.2
FEWEST = 25
"""New values from which on a code has a scale of its own."""
OPENING = 40
"""First rows of a level, and later ones, from which on first rows have a code of their own."""
CHAINED, RECURRING, STEADY = 30, 0.1, 0.5
"""Recurring rows get codes of their own from so many rows and this share of their code on; equal amounts in a chain."""
MOST_CODES = 120
DENSE = 40.0
"""Days a row up to which every day is looked at; sparser rows go by gaps."""


class Table:
    """Rows as plain arrays: codes, choices and values of the other fields.

    Parameters
    ----------
    view : Rows
    code : int64 array, (R,)
        Level of the mark, or one of the further codes of its recurring rows.
    base : int64 array, (codes,)
        Level of the mark of each code; of codes that open a sequence -1 - level.
    fields : list of Field
        The fields that are no code, labels first.
    """

    def __init__(
        self, view: Rows, code: NDArray[np.int64], base: NDArray[np.int64], fields: list[Field]
    ) -> None:
        self.view, self.code, self.base, self.fields = view, code, base, fields
        self.level = np.where(base >= 0, base, -1 - base)
        size = (view.n_rows, len(fields))
        self.choice = np.zeros(size, np.int64)
        self.value = np.zeros(size)
        for j, field in enumerate(fields):
            self.choice[:, j] = field.choice
            if field.value is not None:
                self.value[:, j] = field.value


def table(view: Rows, encoder: Encoder, known: NDArray[np.int64] | None = None) -> Table:
    """The plain arrays of a view; its mark is the code, without a mark there is one code.

    Rows that recur with equal amounts (standing orders) get codes of their own, one for each chain that runs beside
    others of its code in an entity.

    Parameters
    ----------
    view : Rows
    encoder : Encoder
    known : int64 array, optional
        The bases of a plan, so that codes mean the same.
    """
    coded = view.mark is not None and view.fields[view.mark].continuous < 0
    names = [n for n in view.labels if n != view.mark or not coded]
    names += [n for n in view.fields if n not in names and not (coded and n == view.mark)]
    code = np.zeros(view.n_rows, np.int64)
    levels = 1
    if coded:
        mark = view.fields[str(view.mark)]
        code = np.maximum(mark.choice.astype(np.int64) - _lowest(mark), 0)
        levels = mark.choices - _lowest(mark)
    fields = [view.fields[n] for n in names]
    opening = 0 if known is None else int(np.sum(known < 0))
    code, base = _recurring(view, encoder, code, levels, fields, None if known is None else known[known >= 0])
    code, base = _opening(
        view, code, base, fields, None if known is None else -1 - known[len(known) - opening :]
    )
    return Table(view, code, base, fields)


def _opening(
    view: Rows,
    code: NDArray[np.int64],
    base: NDArray[np.int64],
    fields: list[Field],
    known: NDArray[np.int64] | None,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Codes with those of first rows, which hold other values; in the bases they stand as -1 - level."""
    heads = view.offsets[:-1][np.diff(view.offsets) > 0]
    if known is None:
        level = base[code]
        first = np.bincount(level[heads], minlength=int(base.max()) + 1)
        later = np.bincount(level, minlength=len(first)) - first
        many = (first >= OPENING) & (later >= OPENING)
        known = np.flatnonzero(many) if fields else np.zeros(0, np.int64)
    code = code.copy()
    own = np.full(int(base.max()) + 1, -1)
    own[known] = len(base) + np.arange(len(known))
    place = own[base[code[heads]]]
    code[heads] = np.where(place >= 0, place, code[heads])
    return code, np.concatenate([base, -1 - known])


def _recurring(
    view: Rows,
    encoder: Encoder,
    code: NDArray[np.int64],
    levels: int,
    fields: list[Field],
    known: NDArray[np.int64] | None,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Codes with those of recurring rows, and the level of each."""
    base = np.arange(levels, dtype=np.int64)
    if not (view.calendar and view.day > 0 and view.n_rows) or (known is not None and len(known) == levels):
        return code, base
    amounts = [f for f in fields if isinstance(encoder.encodings.get(f.name), Continuous)]
    amount = np.full(view.n_rows, np.nan)
    if amounts:
        amount = encoder.encodings[amounts[0].name].decode_values(amounts[0])  # type: ignore[attr-defined]
    found = find_chains(view.offsets, view.time / view.day, code, amount)
    same = np.nan_to_num(found.same) >= STEADY
    place = np.append(np.where(same, found.slot, -1), -1)[found.chain]
    further = []
    if known is None:
        for level in range(levels):
            here = code == level
            inside = here & (place >= 0)
            if inside.sum() < max(CHAINED, RECURRING * here.sum()):
                continue
            if place[inside].max() == 0 and inside.sum() > 0.9 * here.sum():
                continue  # all rows of the code are one chain an entity: it needs no code of its own
            count = np.bincount(place[inside])
            further += [level] * int(np.sum(np.cumprod(count >= CHAINED))) if count[0] >= CHAINED else []
        further = further[: max(0, MOST_CODES - levels)]
        known = np.concatenate([base, np.asarray(further, np.int64)])
    code = code.copy()
    for level in np.unique(known[levels:]):
        own = np.flatnonzero(known[levels:] == level) + levels
        rows = np.flatnonzero((code == level) & (place >= 0))
        code[rows] = own[np.minimum(place[rows], len(own) - 1)]
    return code, known


def _lowest(field: Field) -> int:
    return 0 if field.nullable else 1


def plan(
    rows: Table, encoder: Encoder, total: dict[str, Any], ratios: list[NDArray[np.float64]]
) -> dict[str, Any]:
    """Everything that stands before learning, as plain values and arrays.

    Parameters
    ----------
    rows : Table
        All rows that are learned from.
    encoder : Encoder
    total : dict
        What `tsynth.generators.balances.signs` found.
    ratios : list of two arrays, (codes,)
        Usual value of the total's field per mean level since the code's last row, and per level.
    """
    view, timing = rows.view, encoder.timing
    mark = view.fields[view.mark] if view.mark is not None and view.fields[view.mark].continuous < 0 else None
    codes = len(rows.base)
    span = timing.span_
    lattice = float(encoder.time_step_)
    day = float(view.day)
    if day == 0 and not view.calendar:
        day = _cycle(view.time, lattice)
    ticked = bool(timing.clock_ and day > 0 and lattice > 0 and lattice % day == 0 and timing.pace_ <= DENSE)
    counts = np.bincount(rows.code, minlength=codes)
    slot, slots = _slots(counts, rows)
    fields = rows.fields
    width = max([f.choices for f in fields], default=1)
    plain = np.zeros((len(fields), width))
    for j, field in enumerate(fields):
        plain[j, : field.choices] = _plain(field, encoder)
    shown = np.array([f.choices if f.choices <= memory.ONE_HOT else 0 for f in fields], np.int64)
    tallies = np.array([f.choices if f.choices <= TALLIES else 0 for f in fields], np.int64)
    kept = [j for j, f in enumerate(fields) if f.continuous >= 0][: max(1, MEMORIES // (2 * slots))]
    unit = (lattice if ticked else timing.typical_ / 4.0) or 1.0
    decay = np.array([1.5, 7.0, 30.0]) * day if ticked else np.array([0.5, 2.0, 10.0]) * timing.typical_
    longest = int(np.diff(view.offsets).max(initial=1))
    gaps, inside = gaps_of(view.offsets, view.time)
    widest = float(gaps.max(initial=unit))
    lives = span[1] - span[0] if span[1] > span[0] else 1.0
    made: dict[str, Any] = {
        "codes": codes,
        "base": rows.base,
        "level": rows.level,
        "lowest": 0 if mark is None else _lowest(mark),
        "mark": None if mark is None else mark.name,
        "mark_choices": 0 if mark is None else mark.choices,
        "fields": [f.name for f in fields],
        "field_choices": np.array([f.choices for f in fields], np.int64),
        "field_first": np.array([f.continuous for f in fields], np.int64),
        "plain": plain,
        "slot": slot,
        "slots": slots,
        "shown": shown,
        "kept": np.array(kept, np.int64),
        "tallies": np.concatenate([[0], np.cumsum(tallies)]).astype(np.int64),
        "scale": np.array([unit, *decay]),
        "knots_gap": np.linspace(0.0, np.log2(1.0 + widest / unit) + 1e-9, 12),
        "knots_age": np.linspace(0.0, np.log2(1.0 + lives / unit) + 1e-9, 8),
        "knots_time": np.linspace(span[0], span[0] + lives, 9),
        "knots_count": np.linspace(0.0, np.log2(1.0 + longest) + 1e-9, 8),
        "day": day,
        "view_day": float(view.day),
        "span": np.array(span, np.float64),
        "calendar": bool(view.calendar),
        "subday": bool(day > 0 and (lattice <= 0 or lattice % day != 0)),
        "ticked": ticked,
        "tick": max(lattice, day) if ticked else 0.0,
        "step": lattice,
        "most": 3 * longest + 32,
        "clock": bool(timing.clock_),
        "windowed": bool(view.windowed),
    }  # fmt: skip
    made |= _total(rows, encoder, total, ratios, codes)
    made |= _gap_classes(gaps[inside], view, lattice)
    made["hour_weight"] = _hours(view, gaps, inside, made)
    made |= _limits(rows, made)
    made["statics"] = [
        {"name": n, "choices": f.choices, "first": f.continuous} for n, f in view.statics.items()
    ]
    made |= _values(rows, made)
    made |= {"level_edges": np.zeros(0), "level_keep": np.ones(1), "end_shift": np.zeros(1)}
    made["at"], made["features"] = _places(made)
    made["widths"] = _widths(made)
    return made


def _cycle(time: NDArray[np.float64], lattice: float) -> float:
    """Length of the day of times whose unit is not known: the cycle in which rows gather, 0 where there is none.

    Whole numbers of 24, 12 or 7 steps are tried; rows must gather there with a chi-square of ten times its degrees of
    freedom and more, and the more so the better.
    """
    if lattice <= 0 or len(time) < 500 or np.ptp(time) < 100 * lattice:
        return 0.0
    step = np.rint((time - time.min()) / lattice).astype(np.int64)
    best, found = 10.0, 0.0
    for size in (24, 12, 7):
        place = np.rint(time / lattice).astype(np.int64) % size
        seen = np.bincount(place, minlength=size)
        every = np.bincount(np.arange(step.max() + 1) % size, minlength=size)
        expected = len(time) * np.roll(every / every.sum(), int(np.rint(time.min() / lattice)) % size)
        excess = float(np.sum((seen - expected) ** 2 / expected)) / (size - 1)
        if excess > best:
            best, found = excess, size * lattice
    return found


def _slots(counts: NDArray[np.int64], rows: Table) -> tuple[NDArray[np.int64], int]:
    """Memory of each code: its own for the most frequent, one for the rest together; first rows share their level's."""
    own = np.flatnonzero(rows.base >= 0)
    order = own[np.argsort(-counts[own], kind="stable")]
    slots = min(len(own), SLOTS)
    slot = np.full(len(counts), slots - 1, np.int64)
    slot[order[:slots]] = np.arange(slots)
    opens = np.flatnonzero(rows.base < 0)
    slot[opens] = slot[rows.level[opens]]
    return slot, slots


def _plain(field: Field, encoder: Encoder) -> NDArray[np.float64]:
    """Score of each choice that carries no value: of a number its place among the scores."""
    encoding = encoder.encodings.get(field.name)
    if isinstance(encoding, Continuous) and len(encoding.atoms_):
        out = np.zeros(field.choices)
        if len(encoding.knots_):
            scores = np.linspace(-REACH, REACH, len(encoding.knots_))
            out[1 : 1 + len(encoding.atoms_)] = np.interp(encoding.atoms_, encoding.knots_, scores)
            return out
    return discrete_scores(np.bincount(field.choice, minlength=field.choices), field.continuous)


def _total(
    rows: Table, encoder: Encoder, total: dict[str, Any], ratios: list[NDArray[np.float64]], codes: int
) -> dict[str, Any]:
    if not total:
        none = np.zeros(0)
        return {
            "total": -1, "sign": np.zeros(codes), "ratio_mean": np.zeros(codes), "ratio_level": np.zeros(codes),
            "typical": 1.0, "lows": np.zeros(3), "atoms": none, "knots": none, "knot_scores": none, "grids": none,
            "floor": -1e300, "knots_level": np.array([0.0, 1.0]), "opening": "",
        }  # fmt: skip
    encoding = encoder.encodings[total["field"]]
    assert isinstance(encoding, Continuous)
    names = [f.name for f in rows.fields]
    heights = np.asarray(total["heights"])
    return {
        "total": names.index(total["field"]),
        "sign": np.asarray(total["sign"], np.float64)[rows.level],
        "ratio_mean": ratios[0],
        "ratio_level": ratios[1],
        "typical": float(total["typical"]),
        "lows": np.asarray(total["lows"]),
        "atoms": encoding.atoms_,
        "knots": encoding.knots_,
        "knot_scores": np.linspace(-REACH, REACH, len(encoding.knots_)),
        "grids": encoding.grids_,
        "floor": float(total["floor"]),
        "knots_level": heights,
        "opening": total["opening"],
    }


def _gap_classes(gaps: NDArray[np.float64], view: Rows, lattice: float) -> dict[str, Any]:
    """Lower edges of classes of about equal size, heavy single gaps apart, and quantiles inside each."""
    if len(gaps) == 0:
        return {"edges": np.array([0.0, np.inf]), "inner": np.array([[0.0, 1.0]])}
    distinct, count = np.unique(gaps, return_counts=True)
    size = max(8.0, len(gaps) / CLASSES)
    edges, cuts, held = [float(distinct[0])], [0], 0
    for j in range(1, len(distinct)):
        held += int(count[j - 1])
        enough = held >= size or (held >= 4 and count[j] >= size) or (distinct[j - 1] == 0 and held >= 4)
        if enough and len(gaps) - np.sum(count[:j]) >= 4:
            edges.append(float(distinct[j]))
            cuts.append(j)
            held = 0
    cuts.append(len(distinct))
    inner = np.zeros((len(edges), 9))
    for k in range(len(edges)):
        values = np.repeat(distinct[cuts[k] : cuts[k + 1]], count[cuts[k] : cuts[k + 1]])
        inner[k] = np.quantile(values, np.linspace(0.0, 1.0, 9))
        if lattice > 0 and inner[k, -1] > inner[k, 0]:
            inner[k, 0] -= 0.5 * lattice
            inner[k, -1] += 0.499 * lattice
    if len(values) >= 8:  # the longest gap is one entity's own
        inner[-1, -1] = min(inner[-1, -1], float(np.mean(values[-5:])))
        inner[-1] = np.minimum(inner[-1], inner[-1, -1])
    return {"edges": np.array([*edges, np.inf]), "inner": inner}


def _hours(
    view: Rows, gaps: NDArray[np.float64], inside: NDArray[np.bool_], made: dict[str, Any]
) -> NDArray[np.float64]:
    """Weight of each hour of the week (of the day, where rows are few) beyond what the classes of gaps say."""
    if not (made["subday"] and not made["ticked"]):
        return np.ones(1)
    hours = 168 if inside.sum() >= 20_000 and made["calendar"] else 24
    edges, inner, day = made["edges"], made["inner"], made["day"]
    at = np.flatnonzero(inside)
    kind = np.searchsorted(edges, gaps[at], side="right") - 1
    wide = (inner[kind, -1] - inner[kind, 0]) > day / 48
    at, kind = at[wide], kind[wide]
    if len(at) < 50:
        return np.ones(1)
    u = np.linspace(0.02, 0.98, 24) * (inner.shape[1] - 1)
    low = u.astype(np.int64)
    between = inner[:, low] + (u - low) * (inner[:, low + 1] - inner[:, low])
    began = view.time[at] - gaps[at]
    where = np.floor((began[:, None] + between[kind]) / day * 24.0).astype(np.int64) % hours
    seen = np.bincount(np.floor(view.time[at] / day * 24.0 + 1e-6).astype(np.int64) % hours, minlength=hours)
    weight = np.ones(hours)
    for _ in range(6):
        drawn = weight[where]
        drawn /= drawn.sum(axis=1, keepdims=True)
        expected = np.bincount(where.ravel(), weights=drawn.ravel(), minlength=hours)
        weight *= (seen + 0.5) / (expected + 0.5)
        weight = np.clip(weight / weight.mean(), 1e-4, 1e3)
    return weight


def _limits(rows: Table, made: dict[str, Any]) -> dict[str, Any]:
    """What never came although it was expected often, and the most rows of a code."""
    view, code, codes = rows.view, rows.code, made["codes"]
    count = np.bincount(code, minlength=codes).astype(np.float64)
    share = count / max(count.sum(), 1.0)
    _, inside = gaps_of(view.offsets, view.time)
    ordinal = view.offsets[:-1][np.diff(view.offsets) > 0]
    opens = np.bincount(code[ordinal], minlength=codes)
    later = count - opens
    out: dict[str, Any] = {
        "opens": (opens > 0) | (len(ordinal) * share < CERTAIN),
        "follows": ((later > 0) | (count < CERTAIN)) & (rows.base >= 0),
    }
    owner = np.repeat(np.arange(view.n_entities), np.diff(view.offsets))
    new = ~inside
    new[1:] |= view.time[1:] != view.time[:-1]
    tick = np.cumsum(new.astype(np.int64))
    out["most_tick"] = _most(tick, code, codes)
    ever = _most(owner, code, codes)
    once = (ever == 1) & (count >= 30)
    out["most_ever"] = np.where(once, 1, np.ceil(1.3 * ever).astype(np.int64) + 2)
    same = np.flatnonzero(~new)
    pair = np.ones((codes + 1, codes), np.bool_)
    if codes <= 400:
        seen = np.zeros((codes, codes))
        np.add.at(seen, (code[same - 1], code[same]), 1.0)
        expected = seen.sum(axis=1, keepdims=True) * seen.sum(axis=0) / max(seen.sum(), 1.0)
        pair[:codes] = (seen > 0) | (expected < CERTAIN)
    out["pair"] = pair
    dom, ends, weekday = (np.ones((codes, k), np.bool_) for k in (31, 8, 7))
    out["most_month"] = np.full(codes, 1 << 40)
    if made["calendar"] and made["day"] > 0:
        table, zero = _calendar(made)
        out["days"], out["day_zero"] = table, zero
        day = np.floor(view.time / made["day"] + 1e-9).astype(np.int64) - zero
        span = (np.floor(np.asarray(made["span"]) / made["day"]).astype(np.int64)) - zero
        every = np.arange(span[0], span[1] + 1)
        for column, allowed in ((0, dom), (1, ends), (2, weekday)):
            size = allowed.shape[1]
            place = np.minimum(table[:, column], size - 1)
            base = np.bincount(place[every], minlength=size) / len(every)
            seen = np.zeros((codes, size))
            np.add.at(seen, (code, place[day]), 1.0)
            allowed[:] = (seen > 0) | (count[:, None] * base < CERTAIN)
        month = owner * 100_000 + table[day, 3]
        most = _most(month, code, codes)
        out["most_month"] = np.where(count >= 30, most, 1 << 40)
    else:
        out["days"], out["day_zero"] = np.zeros((1, 4), np.int64), 0
    out |= {"day_of_month": dom, "to_month_end": ends, "weekday": weekday}
    return out


def _values(rows: Table, made: dict[str, Any]) -> dict[str, Any]:
    """Of each code and field: logarithms of how often each choice is taken, and the scores of its new values."""
    view, code, codes = rows.view, rows.code, made["codes"]
    owner = np.repeat(np.arange(view.n_entities), np.diff(view.offsets))
    count = np.bincount(code, minlength=codes).astype(np.float64)
    fields = rows.fields
    width = max([f.choices + 2 for f in fields], default=1)
    prior = np.full((len(fields), codes, width), -1e9, np.float32)
    scores = np.linspace(-MAP_REACH, MAP_REACH, MAP_KNOTS)
    # a score beyond a code's own ends keeps to them
    maps = np.tile(scores * REACH / MAP_REACH, (codes, len(fields), 1))
    _, inside = gaps_of(view.offsets, view.time)
    order = np.lexsort((np.arange(len(owner)), code, owner))
    same = (owner[order][1:] == owner[order][:-1]) & (code[order][1:] == code[order][:-1])
    for j, field in enumerate(fields):
        size, first = field.choices, field.continuous
        aim = field.choice.astype(np.int64).copy()
        if first >= 0:
            value = rows.value[:, j]
            last = inside.copy()
            last[1:] &= (field.choice[1:] == field.choice[:-1]) & (value[1:] == value[:-1])
            mine = np.zeros(len(owner), np.bool_)
            now, before = order[1:][same], order[:-1][same]
            mine[now] = (field.choice[now] == field.choice[before]) & (value[now] == value[before])
            aim = np.where((aim >= first) & mine, size, np.where((aim >= first) & last, size + 1, aim))
        options = size + (2 if first >= 0 else 0)
        seen = np.zeros((codes, options))
        np.add.at(seen, (code, aim), 1.0)
        usual = seen.sum(axis=0) / max(seen.sum(), 1.0)
        share = (seen + PRIOR * usual) / (count[:, None] + PRIOR)
        never = (seen[:, :size] == 0) & (count[:, None] * usual[:size] >= CERTAIN)
        share[:, :size][never] = 0.0
        with np.errstate(divide="ignore"):
            prior[j, :, :options] = np.where(share > 0, np.log(share), -1e9)
        if first >= 0:
            prior[j, :, size:options] = np.maximum(prior[j, :, size:options], np.log(1e-4))
            for c in range(codes):
                fresh = rows.value[(code == c) & (aim >= first) & (aim < size), j]
                if len(fresh) < FEWEST:
                    fresh = rows.value[(code == c) & (field.choice >= first), j]
                if len(fresh) >= FEWEST:
                    maps[c, j] = _map(np.sort(fresh), scores)
    return {"prior": prior, "maps": maps, "map_scores": scores}


def _map(value: NDArray[np.float64], scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Quantiles of sorted values at normal scores; the ends are means over the few most extreme."""
    edge = min(3, len(value) // 10)
    if edge > 1:
        value = value.copy()
        value[:edge], value[-edge:] = value[:edge].mean(), value[-edge:].mean()
    at = np.interp(ndtr(scores), (np.arange(len(value)) + 0.5) / len(value), value)
    return np.maximum.accumulate(at) + np.arange(len(at)) * 1e-9


def placed(made: dict[str, Any], rows: Table) -> NDArray[np.float64]:
    """Place of every value among those of its code."""
    out = rows.value.copy()
    for c in range(made["codes"]):
        here = np.flatnonzero(rows.code == c)
        for j in range(out.shape[1]):
            if made["field_first"][j] >= 0:
                out[here, j] = np.interp(out[here, j], made["maps"][c, j], made["map_scores"])
    return out


def _most(group: NDArray[np.int64], code: NDArray[np.int64], codes: int) -> NDArray[np.int64]:
    """Most rows of each code in one group."""
    _, first, count = np.unique(group * codes + code, return_index=True, return_counts=True)
    out = np.zeros(codes, np.int64)
    np.maximum.at(out, code[first], count)
    return out


def _calendar(made: dict[str, Any]) -> tuple[NDArray[np.int64], int]:
    """Day of month, days to its end, weekday and month of every day that may be looked at, and the first day."""
    low, high = (int(np.floor(x / made["day"])) for x in made["span"])
    zero, days = low - 40, high - low + 2_000
    dates = (np.datetime64(0, "D") + zero) + np.arange(days)
    month = dates.astype("datetime64[M]")
    dom = (dates - month.astype("datetime64[D]")).astype(np.int64)
    ends = ((month + 1).astype("datetime64[D]") - dates).astype(np.int64) - 1
    weekday = (np.arange(zero, zero + days) + 3) % 7
    return np.column_stack([dom, ends, weekday, month.astype(np.int64) + 1970 * 12]), zero


def _places(made: dict[str, Any]) -> tuple[NDArray[np.int64], int]:
    """First feature of each group, and how many there are; statics come first."""
    statics = sum(_static_width(s) for s in made["statics"])
    slots, kept = made["slots"], len(made["kept"])
    fields = sum(int(4 + k + (3 * k if k <= 12 else 0)) for k in made["shown"])
    level = len(made["knots_level"])
    sizes = [
        len(made["knots_count"]), slots + 1, slots + 1, slots * (PER_CODE + 2 * kept), fields, level, level,
        5, len(made["knots_gap"]), len(made["knots_age"]), len(made["knots_time"]), 31, 8, 7, 12, 24,
        slots * PER_MOMENT, memory.AGES, memory.GAPS, 2 * memory.BESIDE + 1, len(made["knots_gap"]),
        len(made["knots_gap"]), slots * memory.SINCE if made["ticked"] else 0,
    ]  # fmt: skip
    at = statics + np.concatenate([[0], np.cumsum(sizes)])
    return at[:-1].astype(np.int64), int(at[-1])


def _widths(made: dict[str, Any]) -> NDArray[np.int64]:
    """Where each field's own features begin; the last entry is their number."""
    shown = made["shown"]
    own = [OWN + sum(2 + int(k) for k in shown[:f]) for f in range(len(shown))]
    return np.concatenate([[0], np.cumsum(own)]).astype(np.int64)


def _static_width(static: dict[str, Any]) -> int:
    return int(static["choices"]) if static["first"] < 0 else int(static["first"]) + 7


_STATIC_KNOTS = np.array([-2.0, -1.2, -0.5, 0.0, 0.5, 1.2, 2.0])


def fixed_features(
    made: dict[str, Any], statics: dict[str, Field], entities: int
) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float64]]:
    """Features of each entity's statics as compressed rows."""
    indices, values = [], []
    base = 0
    for static in made["statics"]:
        field = statics[static["name"]]
        first = static["first"]
        if first < 0:
            indices.append(base + np.minimum(field.choice, static["choices"] - 1))
            values.append(np.ones(entities))
        else:
            valued = field.choice >= first
            z = np.clip(field.value if field.value is not None else np.zeros(entities), -2.0, 2.0)
            low = np.clip(np.searchsorted(_STATIC_KNOTS, z, side="right") - 1, 0, 5)
            share = (z - _STATIC_KNOTS[low]) / (_STATIC_KNOTS[low + 1] - _STATIC_KNOTS[low])
            indices.append(base + np.where(valued, first + low, field.choice))
            values.append(np.where(valued, 1.0 - share, 1.0))
            indices.append(base + np.where(valued, first + low + 1, field.choice))
            values.append(np.where(valued, share, 0.0))
        base += _static_width(static)
    if not indices:
        return np.zeros(entities + 1, np.int64), np.zeros(0, np.int32), np.zeros(0)
    each = len(indices)
    at = np.arange(entities + 1, dtype=np.int64) * each
    return at, np.column_stack(indices).ravel().astype(np.int32), np.column_stack(values).ravel()


def layout(made: dict[str, Any]) -> Layout:
    """The layout that compiled loops take."""
    parts = np.zeros(4, np.int64)
    if made["calendar"] and made["day"] > 0:
        lives = (made["span"][1] - made["span"][0]) / made["day"]
        parts[:] = (lives >= 45, True, lives >= 300, made["subday"])
    elif made["subday"]:
        parts[3] = 1
    day = float(made["day"]) if made["calendar"] or made["subday"] else 0.0
    plain = Layout(
        made["slot"], int(made["slots"]), made["field_choices"], made["field_first"], made["plain"], made["shown"],
        made["kept"], made["tallies"], made["scale"], made["knots_gap"], made["knots_age"], made["knots_time"],
        made["knots_count"], made["knots_level"], day, int(made["day_zero"]), made["days"],
        float(made["day"]) if made["ticked"] else 0.0, parts, int(made["total"]), made["sign"], made["ratio_mean"],
        made["ratio_level"], float(made["typical"]), made["lows"],
        made["atoms"], made["knots"], made["knot_scores"], made["grids"], made["maps"], made["map_scores"], made["at"],
    )  # fmt: skip
    return Layout(*map(writable, plain))


def limits(made: dict[str, Any]) -> Limits:
    """The limits that compiled loops take."""
    plain = Limits(
        float(made["tick"]), made["edges"], made["inner"], float(made["step"]), made["hour_weight"],
        int(made["most"]), made["most_tick"], made["most_month"], made["most_ever"], made["day_of_month"],
        made["to_month_end"], made["weekday"], made["pair"], made["opens"], made["follows"], made["prior"],
        float(made["floor"]), made["level_edges"], made["level_keep"], made["end_shift"],
    )  # fmt: skip
    return Limits(*map(writable, plain))


def writable(value: Any) -> Any:
    """An array of one's own, that may be written to.

    Loops need not be compiled anew then for a loaded model, whose arrays may not.
    """
    return np.array(value) if isinstance(value, np.ndarray) else value
