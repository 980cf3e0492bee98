"""Is it as in real data when something is measured, and when not?"""

from __future__ import annotations

from functools import partial
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from tsynth.data.sequences import Sequences
from tsynth.scores.base import DoesNotApply
from tsynth.scores.moments import PAIR, correlation, pair_sums
from tsynth.scores.parts import CELL, Part, PartsScore, Prepared
from tsynth.scores.ruler import Grid, Ruler
from tsynth.scores.times import between, irregular
from tsynth.scores.weights import Counts, total_variation
from tsynth.scores.words import number, place, share

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsynth.data.streams import Streams

__all__ = ["Visits"]

COLUMNS, PLACES = 12, 6
"""Columns with nulls, and numeric columns, that are looked at; places in a sequence that are told apart."""


class Visits(PartsScore):
    """Mean gap between when values are missing, and when the next row comes: the visit process.

    Nulls: which columns are measured together (half the difference of the correlations of two columns' nulls, and
    total variation of the number of values in a row); whether a null follows a null (half the difference of the
    correlations of neighbouring rows); and where in a sequence nulls stand, less the share of nulls on the whole,
    which `marginals` scores; each of these four weighs alike. Visits: whether the time to the next row depends on a
    value, its distance from the middle, or its being null (half the difference of the correlations of normal
    scores, averaged). Nulls and visits count half each; what the data have not is left out.

    References
    ----------
    .. [1] Rubin (1976), "Inference and missing data", Biometrika 63: what missingness may depend on.
    .. [2] Pullenayegum, Lim (2016), "Longitudinal data subject to irregular observation", Statistical Methods in
       Medical Research 25: visits that depend on what was seen before.

    Examples
    --------
    >>> Visits.question
    'Is it as in real data when something is measured, and when not?'
    """

    name, title = "visits", "Missing values and visits"
    question = "Is it as in real data when something is measured, and when not?"
    group = "fidelity"
    counts_as_fidelity = True
    cannot_see = (
        "how many values are missing on the whole",
        "missing values that depend on the value that is missing",
        "gaps that depend on two columns at once",
    )

    def cannot(self, train: Sequences, reference: Sequences | None, candidate: Sequences) -> str | None:
        """Something has to be missing, or the times uneven."""
        nulls = any(d.nulls(c.name).any() for d in (train, candidate) for c in train.schema.dynamic)
        if nulls:
            return None
        if train.schema.time is None:
            raise DoesNotApply("nothing is missing and the rows have no time, only an order")
        if (train.lengths > 1).any() and not irregular(train):
            raise DoesNotApply("nothing is missing and the rows come at even steps of time")
        if all(c.discrete for c in train.schema.dynamic):
            raise DoesNotApply(
                "nothing is missing and the rows hold no number that the next gap could depend on"
            )
        return None

    def nothing(self) -> str:
        """Nothing to depend on."""
        return (
            "nothing is missing at times, and no number varies that the time to the next row could depend on"
        )

    def parts(self, ruler: Ruler, reference: Sequences, candidate: Sequences, streams: Streams) -> list[Part]:
        """Together, number of values, after a null, by place, and gaps after values."""
        sides = (reference, candidate)
        nulls, visits = _missing(ruler, sides), _after_values(ruler, sides)
        for family in nulls:
            for part in family:
                part.weight = 1 / len(family) / len(nulls)
        for part in visits:
            part.weight = 1 / len(visits)
        return [*(p for family in nulls for p in family), *visits]

    def curve(self, prepared: Prepared) -> dict[str, Any]:
        """Nulls by place and gaps after values, the worst three of each."""
        ranked = sorted(prepared.parts, key=lambda p: (-p.gap(), p.label))
        shown = []
        for key in ("place", "value"):
            for part in [p for p in ranked if p.extra.get("kind") == key][:3]:
                shown.append(part.extra["picture"]())
        return {"pictures": shown} if shown else {}


# -- nulls


def _missing(ruler: Ruler, sides: tuple[Sequences, ...]) -> list[list[Part]]:
    train = ruler.train
    names = [c.name for c in ruler.schema.dynamic]
    rates = {n: max(float(d.nulls(n).mean()) if d.n_rows else 0.0 for d in (train, *sides)) for n in names}
    least = {n: min(float(d.nulls(n).mean()) if d.n_rows else 0.0 for d in (train, *sides)) for n in names}
    names = [n for n in names if rates[n] > 0 and least[n] < 1]
    names.sort(key=lambda n: -_variance(float(train.nulls(n).mean())))
    names = names[:COLUMNS]
    if not names:
        return []
    nulls = [{n: d.nulls(n).astype(np.float64) for n in names} for d in sides]
    families: list[list[Part]] = []
    if len(names) > 1:
        together = []
        for a, b in combinations(names, 2):
            tables = tuple(
                pair_sums(d.entity_of_row, d.n_entities, x[a], x[b])
                for d, x in zip(sides, nulls, strict=True)
            )
            held = tables[0].entities()[[1, 2]].min()
            say = partial(_say_together, a, b, held)
            together.append(Part(f"{a} and {b} null", tables, _half_apart, say))
        tables = tuple(
            Counts(
                d.entity_of_row,
                len(names) - np.sum(list(x.values()), axis=0).astype(np.int64),
                d.n_entities,
                len(names) + 1,
            )
            for d, x in zip(sides, nulls, strict=True)
        )
        families += [together, [Part("values in a row", tables, total_variation, _say_values)]]
    if all((d.lengths > 1).any() for d in (train, *sides)):
        families.append([_after_null(n, sides, [x[n] for x in nulls]) for n in names])
    if np.median(train.lengths) >= 2:
        edges = np.unique(np.quantile(train.step_of_row, np.linspace(0, 1, PLACES + 1)[1:-1]))
        families.append([_by_place(n, edges, sides, [x[n] for x in nulls]) for n in names])
    return families


def _variance(rate: float) -> float:
    return rate * (1 - rate)


def _half_apart(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.abs(correlation(first) - correlation(second)) / 2


def _say_together(
    a: str,
    b: str,
    held: int,
    first: NDArray[np.float64],
    second: NDArray[np.float64],
) -> str:
    if held < CELL:
        return ""
    both = [t[3] / max(t[0], 1) for t in (first, second)]
    real, made = (number(float(correlation(t))) for t in (first, second))
    return (
        f"{a} and {b} are null together in {share(both[0])} of real rows, in {share(both[1])} of synthetic ones; "
        f"the correlation of their nulls is {real} and {made}."
    )


def _say_values(first: NDArray[np.float64], second: NDArray[np.float64]) -> str:
    real, made = (np.cumsum(t) / max(t.sum(), 1) for t in (first, second))
    at = int(np.argmax(np.abs(real - made)))
    return (
        f"{share(real[at])} of real rows hold at most {at} of the {len(first) - 1} values that may be missing, "
        f"{share(made[at])} of synthetic ones."
    )


def _after_null(name: str, sides: tuple[Sequences, ...], nulls: list[NDArray[np.float64]]) -> Part:
    tables = []
    for data, null in zip(sides, nulls, strict=True):
        later = np.flatnonzero(data.step_of_row > 0)
        tables.append(pair_sums(data.entity_of_row[later], data.n_entities, null[later - 1], null[later]))

    def say(first: NDArray[np.float64], second: NDArray[np.float64]) -> str:
        real, made = (t[3] / t[1] if t[1] > 0 else float("nan") for t in (first, second))
        if not enough or np.isnan(real):
            return ""
        if np.isnan(made):
            return f"After a null, {name} is null again in {share(real)} of real rows; no synthetic row follows a null."
        return f"After a null, {name} is null again in {share(real)} of real rows, in {share(made)} of synthetic ones."

    enough = tables[0].entities()[1] >= CELL  # entities with a null
    return Part(f"{name} null after null", tuple(tables), _half_apart, say)


def _by_place(
    name: str, edges: NDArray[np.float64], sides: tuple[Sequences, ...], nulls: list[NDArray[np.float64]]
) -> Part:
    tables = []
    for data, null in zip(sides, nulls, strict=True):
        at = np.searchsorted(edges, data.step_of_row, side="right")
        tables.append(
            Counts(data.entity_of_row, 2 * at + null.astype(np.int64), data.n_entities, 2 * len(edges) + 2)
        )

    def say(first: NDArray[np.float64], second: NDArray[np.float64]) -> str:
        (real, _), (made, others) = _rates(first), _rates(second)
        apart = np.abs(_less_mean(first) - _less_mean(second))
        enough = tables[0].entities().reshape(-1, 2).max(axis=1) >= CELL
        at = int(np.argmax(np.where(enough & (others > 0), apart, -1)))
        if not enough[at]:
            return ""
        low = int(np.ceil(edges[at - 1])) + 1 if at else 1
        where = place(low, int(np.ceil(edges[at])) if at < len(edges) else None)
        all_real, all_made = (t.reshape(-1, 2)[:, 1].sum() / max(t.sum(), 1) for t in (first, second))
        return (
            f"{where.capitalize()} of an entity {name} is null in {share(real[at])} of real rows, in "
            f"{share(made[at])} of synthetic ones (in all rows {share(all_real)} and {share(all_made)})."
        )

    def picture() -> dict[str, Any]:
        (real, _), (made, _) = (_rates(t.total()) for t in tables)
        enough = tables[0].entities().reshape(-1, 2).max(axis=1) >= CELL
        starts = [1, *(int(np.ceil(e)) + 1 for e in edges)]
        return {
            "kind": "lines",
            "title": f"Nulls of {name} by place in the sequence",
            "x": [float(s) for s in starts],
            "real": [float(r) if ok else None for r, ok in zip(real, enough, strict=True)],
            "synthetic": [float(m) for m in made],
            "x_label": "row of the entity, from",
            "y_label": "share of nulls",
            "step": True,
            "shares": True,
        }

    return Part(
        f"{name} null by place", tuple(tables), _place_gap, say, 1.0, {"kind": "place", "picture": picture}
    )


def _rates(totals: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    pairs = totals.reshape(*totals.shape[:-1], -1, 2)
    rows = pairs.sum(axis=-1)
    return pairs[..., 1] / np.maximum(rows, 1), rows


def _less_mean(totals: NDArray[np.float64]) -> NDArray[np.float64]:
    """Share of nulls at each place less the share in all rows."""
    rates, rows = _rates(totals)
    whole = (rates * rows).sum(axis=-1, keepdims=True) / np.maximum(rows.sum(axis=-1, keepdims=True), 1)
    return rates - whole


def _place_gap(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    rows = np.where(_rates(second)[1] > 0, _rates(first)[1], 0)
    apart = np.minimum(np.abs(_less_mean(first) - _less_mean(second)), 1)
    return (apart * rows).sum(axis=-1) / np.maximum(rows.sum(axis=-1), 1)


# -- visits


def _after_values(ruler: Ruler, sides: tuple[Sequences, ...]) -> list[Part]:
    if not irregular(ruler.train):
        return []
    law = Grid.learn(between(ruler.train))
    gaps = [between(d) for d in sides]
    numeric = [c.name for c in ruler.varied if not c.discrete and not c.static][:COLUMNS]
    return [_after(ruler, law, name, sides, gaps) for name in numeric]


def _after(
    ruler: Ruler, law: Grid, name: str, sides: tuple[Sequences, ...], gaps: list[NDArray[np.float64]]
) -> Part:
    """How the gap to the next row goes with the value, its distance from the middle, and its being null."""
    scores = ruler.grid(name).normal
    tables, means = [], []
    for data, gap in zip(sides, gaps, strict=True):
        later = np.flatnonzero(np.isfinite(gap) & (data.step_of_row > 0))
        entity, n, before = data.entity_of_row[later], data.n_entities, later - 1
        value, wait = scores(data.numeric(name)[before]), law.normal(gap[later])
        causes = np.array([value, np.abs(value), np.isnan(value)])
        tables.append(pair_sums(entity, n, causes, wait))
        means.append(_rank_table(*ruler.coarse(data, name), before, entity, n, law.ranks(gap[later])))
    size = means[0].n_cells // 2
    names, held = ruler.coarse(sides[0], name)[1], means[0].entities()[:size]
    tell = partial(_tell_after, name, names, held, means)
    picture = partial(_picture_after, name, names, held, means)
    return Part(
        f"next row after {name}",
        tuple(tables),
        _causes_apart,
        tell,
        1.0,
        {"kind": "value", "picture": picture},
    )


def _causes_apart(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    shape = (*first.shape[:-1], -1, PAIR)
    apart: NDArray[np.float64] = _half_apart(first.reshape(shape), second.reshape(shape)).mean(axis=-1)
    return apart


def _rank_table(
    cells: NDArray[np.int64],
    names: list[str],
    before: NDArray[np.int64],
    entity: NDArray[np.int64],
    n_entities: int,
    ranks: NDArray[np.float64],
) -> Counts:
    cell, size = cells[before], len(names)
    amount = np.concatenate([np.ones(len(before)), ranks])
    cell = np.concatenate([cell, cell + size])
    return Counts(np.concatenate([entity, entity]), cell, n_entities, 2 * size, amount)


def _tell_after(
    name: str,
    names: list[str],
    held: NDArray[np.int64],
    means: list[Counts],
    first: NDArray[np.float64],
    second: NDArray[np.float64],
) -> str:
    (real, n), (made, others) = (_mean_rank(m.total()) for m in means)
    apart = np.abs(real - made) * np.sqrt(n)
    at = int(np.argmax(np.where((held >= CELL) & (others > 0), apart, -1)))
    if held[at] < CELL or real[at] == made[at]:
        return ""
    usual = [float(m.total()[len(names) :].sum() / max(m.total()[: len(names)].sum(), 1)) for m in means]
    longer = [share(mean + float(shift[at])) for mean, shift in zip(usual, (real, made), strict=True)]
    return (
        f"After a row where {name} is {names[at]}, the time to the next row is longer than {longer[0]} of all gaps on "
        f"average in real data, than {longer[1]} in synthetic data (after any row {share(usual[0])} and "
        f"{share(usual[1])})."
    )


def _picture_after(
    name: str, names: list[str], held: NDArray[np.int64], means: list[Counts]
) -> dict[str, Any]:
    (real, _), (made, others) = (_mean_rank(m.total()) for m in means)
    kept = [i for i in range(len(names)) if held[i] > 0 or others[i] > 0]
    return {
        "kind": "bars",
        "title": f"Time to the next row after {name}, less the mean",
        "levels": [names[i] for i in kept],
        "real": [float(real[i]) if held[i] >= CELL else None for i in kept],
        "synthetic": [float(made[i]) if others[i] else None for i in kept],
        "shares": False,
        "caption": "As mean rank among the training gaps, 0 to 1; below 0 the next row comes sooner.",
    }


def _mean_rank(totals: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean rank of the gap after each cell less the mean of all, and rows in the cell; 0 where there are none."""
    n, rank = np.split(totals, 2, axis=-1)
    whole = rank.sum(axis=-1, keepdims=True) / np.maximum(n.sum(axis=-1, keepdims=True), 1e-12)
    return np.where(n > 0, rank / np.where(n > 0, n, 1) - whole, 0.0), n
