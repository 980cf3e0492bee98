"""The conditional value model: choices by a chain, values by a regression of normal scores.

A field of a row (see `tsynth.data.encoding.Field`) is drawn in two steps. Its choice (null, a spike, a grid of
values, or a copy of its last value) comes from counts by the row's code and the choice before, tilted by one other
field of the same row. A value then comes from the distribution of its code, at a normal score that is regressed on the
last value of the same code, the last value of the entity, the mean of the code's values so far and of all, the age and
the fields drawn before in the row. All are counts and sums of products, so blocks merge.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.sparse import csr_array
from scipy.special import ndtr, ndtri
from scipy.stats import rankdata

from tsynth.compiled import values as loops
from tsynth.data.encoding import Field

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsynth.data.streams import Streams

__all__ = ["FieldModel", "Level", "Skeleton", "discrete_scores", "field_scores", "learn_field", "merge_field"]

GROUPS = 128
"""Codes beyond this many share one distribution."""
CELLS = 400_000
"""Largest table of choices."""
OTHERS = 10
"""Fields of a row that a later one is regressed on."""
TOLD = 0.95
"""A running total must leave at most this share of a code's variance to be used."""
AGED = 24
"""States of an age that a choice may depend on, four to a unit of its logarithm."""
SLICES = 8
"""Slices of a value that the choice of another field may depend on."""
_CUTS = ndtri(np.arange(1, SLICES) / SLICES)


@dataclass(frozen=True)
class Skeleton:
    """Rows before they have values: whose they are, of which code, at which age (in typical gaps, logged)."""

    offsets: NDArray[np.int64]
    code: NDArray[np.int32]
    codes: int
    age: NDArray[np.float64]


@dataclass(frozen=True)
class Level:
    """A running total that a field adds up to: a balance.

    Parameters
    ----------
    sign : float64 array, (codes,)
        Sign of each code's values in the total.
    begin : float64 array, (N,)
        The total before the first row of each entity.
    total : float64 array, (4,)
        Size of a value; lowest and highest regressor told apart; the total below which values are drawn anew.
    atoms, knots : float64 array
        Numbers that choices and scores stand for; see `tsynth.data.encoding.continuous.Continuous`.
    """

    sign: NDArray[np.float64]
    begin: NDArray[np.float64]
    total: NDArray[np.float64]
    atoms: NDArray[np.float64]
    knots: NDArray[np.float64]

    def before(self, skeleton: Skeleton, number: NDArray[np.float64]) -> NDArray[np.float64]:
        """The total before each row, from the plain numbers of the rows."""
        lengths = np.diff(skeleton.offsets)
        change = self.sign[skeleton.code] * number
        total = np.concatenate([[0.0], np.cumsum(change)])
        own = total[:-1] - np.repeat(total[skeleton.offsets[:-1]], lengths) + np.repeat(self.begin, lengths)
        return np.asarray(own)

    def height(self, before: NDArray[np.float64]) -> NDArray[np.float64]:
        """A total as a regressor."""
        return np.clip(0.5 * np.arcsinh(before / self.total[0]), self.total[1], self.total[2])


def field_scores(field: Field) -> NDArray[np.float64]:
    """A number a row that other fields may be regressed on: its value, or the place of its choice."""
    plain = discrete_scores(np.bincount(field.choice, minlength=field.choices), field.continuous)
    score = plain[field.choice]
    if field.value is not None:
        valued = field.valued
        score[valued] = field.value[valued]
    return score


def discrete_scores(rows: NDArray[np.int64], first_valued: int) -> NDArray[np.float64]:
    """Score of each choice that is no null and carries no value, by its place among them."""
    out = np.zeros(len(rows))
    stop = len(rows) if first_valued < 0 else first_valued
    held = rows[1:stop].astype(np.float64)
    if held.sum() > 0:
        out[1:stop] = ndtri(np.clip((np.cumsum(held) - held / 2) / held.sum(), 1e-4, 1 - 1e-4))
    return out


def _ranked(value: NDArray[np.float64], cell: NDArray[np.int64]) -> NDArray[np.float64]:
    order = np.argsort(cell, kind="stable")
    out = np.empty(len(value))
    cuts = np.flatnonzero(np.diff(cell[order])) + 1
    for part in np.split(order, cuts):
        out[part] = ndtri((rankdata(value[part]) - 0.5) / len(part))
    return out


def slices(field: Field, score: NDArray[np.float64]) -> NDArray[np.int32]:
    """State of a row for the choice of a later field: its choice, values cut in slices by score."""
    if field.continuous < 0:
        return field.choice
    valued = field.valued
    state = field.choice.copy()
    state[valued] = field.continuous + np.searchsorted(_CUTS, score[valued]).astype(np.int32)
    return state


def _parent_states(
    skeleton: Skeleton, others: list[tuple[Field, NDArray[np.float64]]]
) -> list[tuple[NDArray[np.int32], int]]:
    """What a choice may lean on beside the chain, a state a row and the number of states: each field drawn before,
    then the age, which is how nulls that grow with time keep their pattern.
    """
    age = np.minimum(4.0 * skeleton.age, AGED - 1.0).astype(np.int32)
    return [*((slices(field, score), _states(field)) for field, score in others), (age, AGED)]


def _states(field: Field) -> int:
    return field.choices if field.continuous < 0 else field.continuous + SLICES


def learn_field(
    field: Field,
    skeleton: Skeleton,
    others: list[tuple[Field, NDArray[np.float64]]],
    level: NDArray[np.float64] | None = None,
) -> tuple[dict[str, Any], NDArray[np.float64]]:
    """Sums of one field over one block, and its scores for the fields that come after it.

    Parameters
    ----------
    field : Field
    skeleton : Skeleton
    others : list of (Field, scores)
        Fields drawn before it, in order.
    level : float64 array, optional
        The running total before each row; see `Level.height`.
    """
    group = np.minimum(skeleton.code, GROUPS - 1).astype(np.int64)
    groups = min(skeleton.codes, GROUPS)
    score = field_scores(field)
    value = np.zeros(len(field.choice)) if field.value is None else field.value
    before, now, remembered, age = loops.memory(
        skeleton.offsets,
        skeleton.code,
        skeleton.codes,
        field.choice,
        value,
        field.continuous,
        field.choices,
    )
    width, states = field.choices + 1, field.choices + 2
    coarse = np.minimum(group, table_groups(groups, field.choices) - 1)
    tables = [
        np.bincount(
            (coarse * states + before[basis]) * width + now[basis],
            minlength=table_groups(groups, field.choices) * states * width,
        ).reshape(-1, states, width)
        for basis in range(2)
    ]
    state: dict[str, Any] = {"tables": tables, "others": len(others), "level": level is not None}
    state["parents"] = [
        _parent_sums(
            tables[basis], coarse, before[basis], now[basis], field.choices, _parent_states(skeleton, others)
        )
        for basis in range(2)
    ]
    state["rows"] = np.bincount(field.choice, minlength=field.choices)
    if field.continuous >= 0:
        valued = field.valued
        grids = field.choices - field.continuous
        bins = np.clip(
            ((value[valued] + loops.REACH) / (2 * loops.REACH) * loops.BINS).astype(np.int64),
            0,
            loops.BINS - 1,
        )
        cell = (group[valued] * grids + field.choice[valued] - field.continuous) * loops.BINS + bins
        state["histogram"] = np.bincount(cell, minlength=groups * grids * loops.BINS).reshape(
            groups, grids, loops.BINS
        )
        fresh = valued & (now[0] < field.choices) & (now[1] < field.choices)
        design = np.column_stack(
            [np.ones(fresh.sum()), remembered[fresh], skeleton.age[fresh]]
            + [s[fresh] for _, s in others[:OTHERS]]
            + ([] if level is None else [level[fresh]])
            + [_ranked(value[fresh], (group * field.choices + field.choice)[fresh])]
        )
        state["moments"] = _moments(design, group[fresh] * loops.AGES + age[fresh], groups * loops.AGES)
    return state, score


def _parent_sums(
    table: NDArray[np.int64],
    group: NDArray[np.int64],
    before: NDArray[np.int32],
    now: NDArray[np.int32],
    choices: int,
    parents: list[tuple[NDArray[np.int32], int]],
) -> list[NDArray[np.float64]]:
    """Observed and expected choices (2, states, choices) by each parent, its states and their number.

    Expected is what the chain alone says; a copy is no choice of the row.
    """
    if choices < 2:
        return []
    fresh = np.flatnonzero(now < choices)
    chance = _smoothed(table.astype(np.float64))[group[fresh], before[fresh], :choices]
    chance /= np.maximum(chance.sum(axis=1, keepdims=True), 1e-300)
    out = []
    for states, size in parents:
        state = states[fresh]
        spread = csr_array((np.ones(len(fresh)), (state, np.arange(len(fresh)))), shape=(size, len(fresh)))
        seen = np.bincount(state.astype(np.int64) * choices + now[fresh], minlength=size * choices)
        out.append(np.stack([seen.reshape(size, choices).astype(np.float64), spread @ chance]))
    return out


def table_groups(groups: int, choices: int) -> int:
    """Groups of codes that a table of choices has room for."""
    return max(1, min(groups, CELLS // ((choices + 1) * (choices + 2))))


def _moments(design: NDArray[np.float64], cell: NDArray[np.int64], cells: int) -> NDArray[np.float64]:
    out = np.zeros((cells, design.shape[1], design.shape[1]))
    order = np.argsort(cell, kind="stable")
    for part in np.split(order, np.flatnonzero(np.diff(cell[order])) + 1):
        if len(part):
            out[cell[part[0]]] = design[part].T @ design[part]
    return out


@dataclass
class FieldModel:
    """What was learned of one field; arrays as `tsynth.compiled.values.draw` takes them."""

    name: str
    choices: int
    first_valued: int
    basis: int
    parent: int
    table: NDArray[np.float64]
    ratio: NDArray[np.float64]
    histogram: NDArray[np.float64]
    beta: NDArray[np.float64]
    sigma: NDArray[np.float64]
    discrete: NDArray[np.float64]

    def draw(
        self,
        streams: Streams,
        skeleton: Skeleton,
        opening: NDArray[np.float64],
        others: list[tuple[Field, NDArray[np.float64]]],
        level: Level | None = None,
        known: tuple[NDArray[np.int64], Field] | None = None,
    ) -> tuple[Field, NDArray[np.float64]]:
        """The field for all rows of a skeleton, and its scores.

        `known` gives the leading rows of each entity that are there already (how many) and a field that holds them,
        so that a history is continued.
        """
        code = skeleton.code.astype(np.int64)
        group = np.minimum(code, len(self.beta) - 1)
        other = np.column_stack([skeleton.age] + [s for _, s in others[:OTHERS]])
        if self.parent >= 0:
            parent = _parent_states(skeleton, others)[self.parent][0]
        else:
            parent = np.full(len(skeleton.code), -1, np.int32)
        none = np.empty(0)
        if level is None:
            level = Level(none, np.zeros(len(skeleton.offsets) - 1), np.ones(4), none, none)
        if known is None:
            rows, held, numbers = np.zeros(len(skeleton.offsets) - 1, np.int64), np.empty(0, np.int32), none
        else:
            rows, held = known[0], known[1].choice
            numbers = np.zeros(len(held)) if known[1].value is None else known[1].value
        own = streams.purpose(self.name)
        choice, value, score = loops.draw(
            own.key, own.entities, skeleton.offsets, skeleton.code, np.minimum(code, len(self.table) - 1), group,
            skeleton.codes, self.basis, self.choices, self.first_valued, self.table, parent, self.ratio,
            self.histogram, self.beta, self.sigma, opening, np.ascontiguousarray(other), self.discrete,
            level.sign, level.begin, level.total, level.atoms, level.knots, rows, held, numbers,
        )  # fmt: skip
        made = Field(
            self.name, choice, value if self.first_valued >= 0 else None, self.choices, self.first_valued
        )
        return made, score

    def score(self, field: Field) -> NDArray[np.float64]:
        """Scores of a field that was not drawn but is known, such as the gaps of a walk."""
        score = self.discrete[field.choice]
        if field.value is not None:
            valued = field.valued
            score[valued] = field.value[valued]
        return score

    def to_state(self) -> dict[str, Any]:
        """Plain values and arrays."""
        return dict(vars(self))


def merge_field(name: str, choices: int, first_valued: int, states: list[dict[str, Any]]) -> FieldModel:
    """The model of a field from the sums of all blocks."""
    tables = [np.sum([s["tables"][basis] for s in states], axis=0).astype(np.float64) for basis in range(2)]
    basis = int(np.argmin([_entropy(t) for t in tables]))
    parents = [
        np.sum([s["parents"][basis][j] for s in states], axis=0)
        for j in range(len(states[0]["parents"][basis]))
    ]
    parent, ratio = _parent(parents, choices)
    rows = np.sum([s["rows"] for s in states], axis=0)
    model = FieldModel(
        name=name,
        choices=choices,
        first_valued=first_valued,
        basis=basis,
        parent=parent,
        table=_smoothed(tables[basis]),
        ratio=ratio,
        histogram=np.ones((1, 1, loops.BINS + 1)),
        beta=np.zeros((1, loops.AGES, 6 + min(states[0]["others"], OTHERS))),
        sigma=np.ones((1, loops.AGES)),
        discrete=discrete_scores(rows, first_valued),
    )
    if first_valued >= 0:
        model.histogram = _distribution(np.sum([s["histogram"] for s in states], axis=0).astype(np.float64))
        moments = np.sum([s["moments"] for s in states], axis=0)
        model.beta, model.sigma = _regressions(moments)
        if states[0]["level"]:
            # A total that tells a code's values little would only let the errors of the total back into them.
            kept = [j for j in range(moments.shape[1]) if j != moments.shape[1] - 2]
            beta, sigma = _regressions(moments[:, kept][:, :, kept])
            rows = moments[:, 0, 0].reshape(sigma.shape)
            left, bare = ((rows * x**2).sum(axis=1) for x in (model.sigma, sigma))
            idle = left > TOLD * bare
            model.beta[idle, :, :-1], model.beta[idle, :, -1], model.sigma[idle] = (
                beta[idle],
                0.0,
                sigma[idle],
            )
    return model


def _entropy(table: NDArray[np.float64]) -> float:
    """Conditional entropy of the choice in nats a row, each distinct choice costing one row's worth."""
    total = table.sum(axis=2, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.where(table > 0, np.log(table / total), 0.0)
    return float(-(table * logs).sum() + 2 * np.count_nonzero(table))


def _back_off(counts: NDArray[np.float64], behind: NDArray[np.float64]) -> NDArray[np.float64]:
    """Witten and Bell's estimate along the last axis, falling back on `behind`."""
    kinds = np.count_nonzero(counts, axis=-1)[..., None]
    total = counts.sum(axis=-1, keepdims=True)
    return np.where(total > 0, (counts + kinds * behind) / np.maximum(total + kinds, 1e-300), behind)


def _smoothed(table: NDArray[np.float64]) -> NDArray[np.float64]:
    """Probabilities of choices by code and state before; a state that is unknown falls back on the code's own."""
    everywhere = _back_off(table.sum(axis=(0, 1)), np.full(table.shape[2], 1e-9))
    by_code = _back_off(table.sum(axis=1), everywhere)
    out = _back_off(table, np.broadcast_to(by_code[:, None, :], table.shape))
    out[:, -1, -1] = 0.0  # nothing to copy
    return out


def _parent(parents: list[NDArray[np.float64]], choices: int) -> tuple[int, NDArray[np.float64]]:
    """The field before it in the row that tells most of its choice, and by how much each state tilts it."""
    best, gain, ratio = -1, 0.0, np.ones((1, choices))
    for j, (seen, expected) in enumerate(parents):
        total = seen.sum()
        if total == 0:
            continue
        with np.errstate(divide="ignore", invalid="ignore"):
            told = float(np.where(seen > 0, seen * np.log(seen / np.maximum(expected, 1e-9)), 0.0).sum())
        told -= np.count_nonzero(seen)
        if told > gain and told > 0.002 * total:
            best, gain, ratio = j, told, (seen + 1.0) / (expected + 1.0)
    return best, ratio


def _distribution(histogram: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distribution functions at the edges of the bins, of few rows leaning on their code, then on all."""
    everywhere = histogram.sum(axis=(0, 1)) + 1e-6
    by_code = histogram.sum(axis=1)
    by_code = by_code + everywhere / everywhere.sum()
    share = histogram + 2.0 * (by_code / by_code.sum(axis=-1, keepdims=True))[:, None, :]
    # A bin's mass is spread a little over its neighbours where rows are few, so that no value is met again.
    rows = histogram.sum(axis=-1, keepdims=True)
    spread = np.minimum(0.25, 8.0 / np.maximum(rows, 1.0))
    padded = np.pad(share, [(0, 0), (0, 0), (1, 1)], mode="edge")
    share = (1 - 2 * spread) * share + spread * (padded[..., :-2] + padded[..., 2:])
    cdf = np.cumsum(share, axis=-1)
    return np.concatenate([np.zeros((*cdf.shape[:2], 1)), cdf / cdf[..., -1:]], axis=-1)


def _regressions(
    moments: NDArray[np.float64], strength: float = 20.0
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Coefficients and residual deviations by group and age, leaning on those of all groups."""
    size = moments.shape[1]
    cells = moments.reshape(-1, loops.AGES, size, size)
    pooled = cells.sum(axis=0)
    rows = np.maximum(pooled[:, 0, 0], 1.0)[:, None, None]
    whole = cells + strength * pooled[None] / rows[None]
    sxx, sxy = whole[..., :-1, :-1], whole[..., :-1, -1]
    ridge = np.eye(size - 1) * (0.5 + 1e-3 * whole[..., 0, 0])[..., None, None]
    beta = np.linalg.solve(sxx + ridge, sxy[..., None])[..., 0]
    count = np.maximum(whole[..., 0, 0], 1e-9)
    left = (
        whole[..., -1, -1]
        - 2 * np.einsum("gai,gai->ga", beta, sxy)
        + np.einsum("gai,gaij,gaj->ga", beta, sxx, beta)
    ) / count
    known = whole[..., 0, 0] > 1e-6
    beta[~known] = 0.0
    sigma = np.where(known, np.sqrt(np.clip(left, 1e-4, 1.5)), 1.0)
    return np.ascontiguousarray(beta), np.ascontiguousarray(sigma)


def uniform_of(score: NDArray[np.float64]) -> NDArray[np.float64]:
    """Uniform of a normal score, never 0 or 1."""
    return np.clip(ndtr(score), 1e-12, 1 - 1e-12)
