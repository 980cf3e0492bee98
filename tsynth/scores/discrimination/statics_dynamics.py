"""Do rows go with what is fixed of their entity?"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import ndtri
from scipy.stats import rankdata

from tsynth.data.schema import Column
from tsynth.data.sequences import Sequences
from tsynth.scores.base import CannotSay, Detail, DoesNotApply, Result, Score
from tsynth.scores.ruler import Ruler, ruler
from tsynth.scores.summaries import entity_summaries
from tsynth.scores.words import number, texts

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsynth.data.streams import Streams

__all__ = ["StaticsDynamics"]

FEWEST, MOST, COLUMNS = 30, 500, 8
"""Entities of a side that are needed and that are looked at, and static columns that are."""
LEVELS, HELD = 40, 5
"""Levels of a column that are told apart, and training entities that each needs."""
RIDGE, PRIOR, BEYOND = 0.1, 2.0, 1.5
"""Ridge of correlations, entities by which a level's mean is shrunk, F ratio up to which a direction is noise."""
SEEN = 3.0
"""Standard errors beyond guessing from which real data show a link, on training entities that were held out."""


@dataclass
class _Side:
    """What one side shows: summaries and statics of each entity that is looked at, free of their own distributions."""

    picked: NDArray[np.int64]
    summaries: NDArray[np.float64]
    names: list[str]
    statics: list[NDArray[np.float64]]
    """A basis a static column, (n, features): levels as 0 and 1, numbers as normal scores and their squares."""
    keys: list[NDArray[np.float64]]
    """The static itself, to tell whether two entities have the same."""


@dataclass
class _Matched:
    """How often two entities' rows are matched with their statics: the share, and what each entity moves it by."""

    share: float = 0.5
    influence: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))

    def under(self, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """The share under weights of the entities, (B, n), to first order: (B,)."""
        means = np.maximum(weights.mean(axis=1), 1e-300)
        out: NDArray[np.float64] = np.clip(self.share + (weights @ self.influence) / means, 0.0, 1.0)
        return out


@dataclass
class _Link:
    """One static column: matches on both sides by the model of real rows, and by the model of the candidate's."""

    column: Column
    weight: float
    by_real: tuple[_Matched, _Matched]
    by_made: tuple[_Matched, _Matched]


@dataclass
class _Prepared:
    links: list[_Link]
    picked: tuple[NDArray[np.int64], NDArray[np.int64]]
    quiet: list[str]


class StaticsDynamics(Score):
    """Root mean square gap between how well rows tell which of two entities has which static value.

    For each static column a model learns from the training entities how summaries of the rows (length, times,
    statistics of each column) go with it. Two entities that differ in the static are then drawn, and the model says
    whose rows are whose: right in half of the pairs where rows and statics have nothing to do with each other, in
    more where they do. The gap is twice the difference of these shares between the sides. A second model, learned
    from one half of the candidate's entities, is asked about its other half and about the real ones, so that a link
    which only synthetic entities have is seen as well; both count alike. Columns in which most training entities are
    alike count less, ``4 p (1 - p)`` where a share p > 1/2 has the same, because few pairs say little.

    The model is a linear discriminant: summaries are replaced by normal scores of their ranks within their own side
    and whitened, the means of a level are shrunk, and directions without a link are left out. Its answer about a pair
    is ``(s_i - s_j)' A (z_i - z_j)``, from which whatever depends on statics alone or on summaries alone cancels; ranks
    within the side, and levels weighed as in the reference, keep wrong distributions out too. So this score is about
    the link and nothing else. At most 8 static columns, those with the strongest link, and 500 entities a side.
    Copies of training entities score above the floor, because the model knows these very entities better than others.

    References
    ----------
    .. [1] Fisher (1936), "The use of multiple measurements in taxonomic problems", Annals of Eugenics 7.
    .. [2] Hoeffding (1948), "A class of statistics with asymptotically normal distribution", Annals of Mathematical
       Statistics 19: the share of pairs is a U-statistic, and its projection makes the interval.

    Examples
    --------
    >>> StaticsDynamics.question
    'Do rows go with what is fixed of their entity?'
    """

    name, title = "statics_dynamics", "Statics and rows together"
    question = "Do rows go with what is fixed of their entity?"
    group = "fidelity"
    cannot_see = (
        "links that neither raise nor lower a summary of the rows",
        "links of two static columns together",
        "wrong statics or wrong rows that go together as they should",
    )

    def cannot(self, train: Sequences, reference: Sequences | None, candidate: Sequences) -> str | None:
        """There must be statics that vary, rows, and entities enough."""
        measure = ruler(train)
        if not any(column.static for column in measure.varied):
            raise DoesNotApply("no column is fixed for an entity and differs between entities")
        if measure.blocks:
            return "entities are too few to see which rows go with which of them"
        fewest = min(d.n_entities for d in (train, reference, candidate) if d is not None)
        if fewest < FEWEST:
            return f"{fewest} entities on a side are too few to see which rows go with which, {FEWEST} are needed"
        return None

    def prepare(
        self, train: Sequences, reference: Sequences, candidate: Sequences, streams: Streams
    ) -> _Prepared:
        """Learn from train once, match both sides; learn from the candidate, match both sides."""
        measure = ruler(train)
        if self.name not in measure.kept:
            measure.kept[self.name] = _learned(measure, train)
        columns, weights, models, quiet = measure.kept[self.name]
        if not columns:
            raise CannotSay(
                f"real data show no link between {texts(quiet)} and the rows that {train.n_entities} training "
                "entities make certain"
            )
        real, made = (_side(measure, data, columns) for data in (reference, candidate))
        order = np.argsort(streams.uniform()[made.picked], kind="stable")
        halves = order[: len(order) // 2], order[len(order) // 2 :]
        links = []
        for k, column in enumerate(columns):
            even = _even(real.statics[k], made.statics[k]) if column.discrete else np.ones(len(made.picked))
            ones = np.ones(len(real.picked))
            by_real = _match(models[k], real, k, ones), _match(models[k], made, k, even)
            found: tuple[list[_Matched], list[_Matched]] = [], []
            for learn, test in (halves, halves[::-1]):
                model = _model(made.summaries[learn], made.statics[k][learn], even[learn])
                found[0].append(_match(model, real, k, ones))
                found[1].append(_match(model, made, k, even, test))
            links.append(_Link(column, weights[k], by_real, (_both(found[0]), _both(found[1]))))
        return _Prepared(links, (real.picked, made.picked), quiet)

    def values(
        self,
        prepared: _Prepared,
        reference_weights: NDArray[np.float64],
        candidate_weights: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        """Root mean square over both models and static columns, by their weights."""
        w = reference_weights[:, prepared.picked[0]], candidate_weights[:, prepared.picked[1]]
        gaps = [
            2 * (real.under(w[0]) - made.under(w[1]))
            for link in prepared.links
            for real, made in (link.by_real, link.by_made)
        ]
        weights = np.repeat([link.weight for link in prepared.links], 2)
        return np.sqrt(np.average(np.square(gaps), axis=0, weights=weights))

    def value(
        self,
        prepared: _Prepared,
        reference_weights: NDArray[np.float64],
        candidate_weights: NDArray[np.float64],
    ) -> float:
        """As `values`, once."""
        return float(self.values(prepared, reference_weights[None], candidate_weights[None])[0])

    def details(self, prepared: _Prepared) -> list[Detail]:
        """Every static column, worst first."""
        found = []
        for link in prepared.links:
            gaps = [2 * (real.share - made.share) for real, made in (link.by_real, link.by_made)]
            gap = float(np.sqrt(np.mean(np.square(gaps))))
            only_made = gaps[1] < 0 and abs(gaps[1]) > abs(gaps[0])
            real, made = (100 * one.share for one in (link.by_made if only_made else link.by_real))
            teacher = "synthetic" if only_made else "real"
            found.append(
                Detail(
                    link.column.name,
                    gap,
                    None,
                    f"Two entities that differ in {link.column.name} are told apart by their rows in "
                    f"{number(round(real))} of 100 real pairs and in {number(round(made))} of 100 synthetic ones "
                    f"(50 is guessing; by a model of {teacher} ones)."
                    if gap > 0
                    else "",
                )
            )
        return sorted(found, key=lambda d: (-d.value, d.label))

    def curve(self, prepared: _Prepared) -> dict[str, Any]:
        """Pairs that are matched right, a bar a static column."""
        return {
            "pictures": [
                {
                    "kind": "bars",
                    "title": "Pairs whose rows are matched with the right static",
                    "levels": [link.column.name for link in prepared.links],
                    "real": [link.by_real[0].share for link in prepared.links],
                    "synthetic": [link.by_real[1].share for link in prepared.links],
                    "shares": True,
                    "caption": "Half of the pairs are right where rows have nothing to do with the static.",
                }
            ]
        }

    def verdict(self, result: Result) -> str:
        """The gap beside its floor, and where it is beyond chance the column that exceeds its floor most."""
        from tsynth.scores.verdicts import against_floor

        if result.interval is None or result.interval[0] <= 0 or not result.details:
            return against_floor(result)
        worst = max(result.details, key=lambda d: d.value - (d.floor or 0.0))
        return f"{against_floor(result)} {worst.sentence}"


# -- what is compared


def _side(measure: Ruler, data: Sequences, columns: list[Column], most: int = MOST) -> _Side:
    """Summaries and statics of at most `most` entities, in the order of the entities."""
    count = data.n_entities
    picked = np.unique(np.linspace(0, count - 1, min(count, most)).astype(np.int64))
    summaries = entity_summaries(measure, data.take(picked), tuple(c.name for c in measure.schema.statics))
    statics, keys = [], []
    for column in columns:
        basis, key = _basis(measure, column, data)
        statics.append(basis[picked])
        keys.append(key[picked])
    # A side may have nulls or levels that train lacks: all sides have the summaries of train, which is seen first.
    names = measure.kept.setdefault("statics_dynamics: summaries", list(summaries.names))
    values = np.zeros((len(picked), len(names)))
    for j, name in enumerate(names):
        if name in summaries.names:
            values[:, j] = summaries.values[:, summaries.names.index(name)]
    return _Side(picked, _normal(values), names, statics, keys)


def _basis(
    measure: Ruler, column: Column, data: Sequences
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Features of a static, (n, features), and the value by which entities are the same or not, (n,)."""
    if column.discrete:
        cells, kept = measure.discrete(data, column.name, LEVELS), _kept(measure, column)
        places = np.append(kept, -1)  # cells beyond the kept ones are one: rare levels, unknown ones
        at = np.searchsorted(kept, cells)
        at = np.where(places[at] == cells, at, len(kept))
        return np.eye(len(kept) + 1)[at], at.astype(np.float64)
    values = data.numeric(column.name).astype(np.float64)
    scores = _normal(values[:, None])[:, 0]
    unknown = ~np.isfinite(values)
    basis = np.column_stack([scores, (scores**2 - 1) / np.sqrt(2), unknown.astype(np.float64)])
    return basis, np.where(unknown, np.inf, values)


def _kept(measure: Ruler, column: Column) -> NDArray[np.int64]:
    """Cells of a discrete static that enough training entities have."""
    cells = measure.discrete(measure.train, column.name, LEVELS)
    return np.flatnonzero(np.bincount(cells) >= HELD)


def _normal(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Normal scores of the ranks in each column; 0 where unknown."""
    known = np.isfinite(values)
    ranks = rankdata(np.where(known, values, np.inf), axis=0)  # unknown ones come last
    count = np.maximum(known.sum(axis=0), 1)
    scores: NDArray[np.float64] = ndtri(np.clip((ranks - 0.5) / count, 1e-6, 1 - 1e-6))
    return np.where(known, scores, 0.0)


def _even(real: NDArray[np.float64], made: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weights that give the levels of the candidate the shares they have in the reference, within a factor of 5."""
    wanted, has = real.mean(axis=0), made.mean(axis=0)
    ratio = np.divide(wanted, has, out=np.zeros(len(has)), where=has > 0)
    out: NDArray[np.float64] = made @ np.clip(ratio, 0.2, 5.0)
    return out


# -- the model, and what it is asked


def _model(
    summaries: NDArray[np.float64], statics: NDArray[np.float64], weights: NDArray[np.float64] | None = None
) -> NDArray[np.float64]:
    """A, (summaries, features of the static): the discriminant of the class's docstring."""
    n = len(summaries)
    w = np.ones(n) if weights is None else weights / weights.mean()
    z = summaries - np.average(summaries, axis=0, weights=w)
    values, vectors = np.linalg.eigh((z * w[:, None]).T @ z / n + RIDGE * np.eye(z.shape[1]))
    turn = vectors / np.sqrt(values)
    z = z @ turn
    s = statics - np.average(statics, axis=0, weights=w)
    weighed = s * w[:, None]
    found = np.linalg.solve(weighed.T @ s + PRIOR * np.eye(s.shape[1]), weighed.T @ z)  # (features, d)
    free = max(int(np.linalg.matrix_rank(s)), 1)
    explained = np.average((s @ found) ** 2, axis=0, weights=w)
    rest = np.maximum(np.average(z**2, axis=0, weights=w) - explained, 1e-12)
    ratio = explained * max(n - free - 1, 1) / (rest * free)
    shrunk = np.maximum(0.0, 1 - BEYOND / np.maximum(ratio, 1e-12))
    out: NDArray[np.float64] = turn @ (found * shrunk).T
    return out


def _match(
    model: NDArray[np.float64],
    side: _Side,
    static: int,
    weights: NDArray[np.float64],
    only: NDArray[np.int64] | None = None,
) -> _Matched:
    """Ask a model about all pairs of entities (of `only`, where given) that differ in the static."""
    size = len(side.picked)
    rows = np.arange(size) if only is None else only
    v, key = weights[rows], side.keys[static][rows]
    fit = side.statics[static][rows] @ (side.summaries[rows] @ model).T
    own = np.diagonal(fit)
    right = np.sign(own[:, None] + own[None, :] - fit - fit.T) / 2
    differ = (key[:, None] != key[None, :]).astype(np.float64)
    pairs = differ @ v
    total = float(v @ pairs)
    influence = np.zeros(size)
    if total <= 0:
        return _Matched(0.5, influence)
    gained = (right * differ) @ v
    excess = float(v @ gained) / total
    # first-order effect of a weight on the ratio of two U-statistics; a subset's weights are means over all entities
    influence[rows] = 2 * v * (gained - excess * pairs) / total
    return _Matched(0.5 + excess, influence)


def _both(found: list[_Matched]) -> _Matched:
    """The mean of several."""
    return _Matched(
        float(np.mean([one.share for one in found])), np.mean([one.influence for one in found], axis=0)
    )


def _learned(
    measure: Ruler, train: Sequences
) -> tuple[list[Column], list[float], list[NDArray[np.float64]], list[str]]:
    """Static columns, the strongest link first, with weights and models; none where training entities show no link.

    Also the names of the columns whose link is not certain.
    """
    columns = [c for c in measure.varied if c.static and _told_apart(measure, c)]
    side = _side(measure, train, columns, 2 * MOST)
    sure = []
    halves = np.arange(0, len(side.picked), 2), np.arange(1, len(side.picked), 2)
    for k in range(len(columns)):
        ones, errors = np.ones(len(side.picked)), []
        for learn, test in (halves, halves[::-1]):
            match = _match(_model(side.summaries[learn], side.statics[k][learn]), side, k, ones, test)
            spread = float(np.sqrt(np.sum(match.influence**2)))
            errors.append((match.share - 0.5) / spread if spread > 0 else 0.0)
        sure.append(sum(errors) / np.sqrt(2))
    quiet = [c.name for c, z in zip(columns, sure, strict=True) if z <= SEEN]
    if len(quiet) == len(columns):
        return [], [], [], quiet or [c.name for c in measure.varied if c.static]
    order = np.argsort(-np.array(sure), kind="stable")[:COLUMNS]
    models = [_model(side.summaries, side.statics[k]) for k in order]
    return [columns[k] for k in order], [_weight(side.keys[k]) for k in order], models, quiet


def _weight(key: NDArray[np.float64]) -> float:
    """How much pairs that differ say, of at most 1: the inverse variance of their share where there is no link."""
    most = float(np.unique(key, return_counts=True)[1].max() / len(key))
    return 4 * most * (1 - most) if most > 0.5 else 1.0


def _told_apart(measure: Ruler, column: Column) -> bool:
    """Whether enough training entities differ in a static."""
    if not column.discrete:
        return True
    held = np.bincount(measure.discrete(measure.train, column.name, LEVELS))
    return int((held >= HELD).sum()) >= 2
