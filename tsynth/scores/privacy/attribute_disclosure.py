"""Can an attacker who knows the rest of an entity learn a secret of it from the synthetic data?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.stats import rankdata

from tsynth.data.schema import Column
from tsynth.data.sequences import Sequences
from tsynth.scores.base import CannotSay, Detail, Result, Score, Weights
from tsynth.scores.privacy.field import Field, cannot_attack, neighbours
from tsynth.scores.ruler import Ruler
from tsynth.scores.summaries import entity_summaries
from tsynth.scores.words import share

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsynth.data.streams import Streams

__all__ = ["AttributeDisclosure"]

SECRETS, NEARLY, TRIVIAL = 3, 0.05, 0.95
FIRST = ("label", "outcome", "event", "followup", "arm", "group")
"""Roles that make a column a secret before others."""


@dataclass
class _Learned:
    secrets: dict[str, NDArray[np.bool_]]  # whether each target's secret is guessed: members, then strangers
    members: NDArray[np.int64]
    strangers: NDArray[np.int64]
    seen: int


class AttributeDisclosure(Score):
    """How much better a secret is guessed for training entities than for unseen ones.

    The attacker knows the summaries of all other columns of an entity, takes the synthetic entity nearest to it, and
    guesses that the secret is the same. A static category is right where it equals, a number where it lies within 5 %
    of the ranks; of columns that change the most frequent level and the mean are the secret. That synthetic data teach
    how columns depend on each other is their use, so only success beyond that on unseen entities is a leak. The value
    is the mean over up to three secrets: labels and outcomes first, then statics, then the other columns.

    References
    ----------
    .. [1] Hittmeir, Mayer, Ekelhart (2020), "A baseline for attribute disclosure risk in synthetic data", CODASPY.

    Examples
    --------
    >>> AttributeDisclosure.question
    'Are secrets of training entities learned better than those of others?'
    """

    name, title = "attribute_disclosure", "Attack on a secret column"
    question = "Are secrets of training entities learned better than those of others?"
    group = "privacy"
    needs_holdout = True
    whole_candidate = True
    cannot_see = ("secrets in single rows", "attackers who know other synthetic neighbours than the nearest")
    attacker = "The attacker knows all columns of a target but the secret one, in summary."

    def cannot(self, train: Sequences, reference: Sequences | None, candidate: Sequences) -> str | None:
        """Attacks need entities, of the same time."""
        return cannot_attack(train)

    def prepare(
        self, train: Sequences, reference: Sequences, candidate: Sequences, streams: Streams
    ) -> _Learned:
        """Whether each secret of each target is guessed."""
        field = Field.of(train, reference, candidate, streams.seed)
        points = field.summaries
        targets, made = np.concatenate([points.targets, points.population]), points.candidates
        found: dict[str, NDArray[np.bool_]] = {}
        for column in _candidates(field.ruler):
            if len(found) == SECRETS:
                break
            other = _others(field, column)
            values = [_secret(field.ruler, d, column) for d in field.sides]
            if not other.any() or _trivial(column, np.concatenate(values[:3])):
                continue
            nearest = neighbours(targets[:, other], made[:, other])[1][:, 0]
            truth = len(targets)
            pooled = np.concatenate(values)
            if not column.discrete:
                pooled = np.where(np.isfinite(pooled), rankdata(np.nan_to_num(pooled, nan=np.inf)), np.inf)
                near = NEARLY * np.isfinite(pooled).sum()
            else:
                near = 0.5
            with np.errstate(invalid="ignore"):
                found[column.name] = np.abs(pooled[:truth] - pooled[truth:][nearest]) <= near
        if not found:
            raise CannotSay("no column is a secret that others could tell")
        strangers = np.concatenate([field.strangers, field.people])
        return _Learned(found, field.members, strangers, candidate.n_entities)

    def value(
        self,
        prepared: _Learned,
        reference_weights: NDArray[np.float64],
        candidate_weights: NDArray[np.float64],
    ) -> float:
        """Success on members less that on strangers, the mean over secrets."""
        ones = np.ones((1, len(prepared.members)))
        return float(_excess(prepared, ones, reference_weights[None, prepared.strangers])[0].mean())

    def differences(self, synthetic: _Learned, control: _Learned, weights: Weights) -> NDArray[np.float64]:
        """Value - floor under weights of members and strangers, the same for both."""
        both = weights.train(synthetic.members), weights.reference[:, synthetic.strangers]
        first, second = (_excess(side, *both).mean(axis=1) for side in (synthetic, control))
        return np.asarray(first - second)

    def details(self, prepared: _Learned) -> list[Detail]:
        """Each secret."""
        found = []
        for name, hit in prepared.secrets.items():
            ours, others = _rates(hit, len(prepared.members))
            rates = f"{share(ours)} of the training entities, for {share(others)} of unseen ones"
            sentence = f"“{name}” is guessed for {rates}."
            found.append(Detail(name, max(ours - others, 0.0), None, sentence))
        return sorted(found, key=lambda d: -d.value)

    def curve(self, prepared: _Learned) -> dict[str, Any]:
        """Success by secret."""
        rates = {name: _rates(hit, len(prepared.members)) for name, hit in prepared.secrets.items()}
        table = {
            "kind": "table", "title": "Secrets guessed", "columns": ["secret", "training entities", "unseen ones"],
            "rows": [[name, share(a), share(b)] for name, (a, b) in rates.items()],
            "caption": f"{self.attacker} He sees {prepared.seen} synthetic entities.",
        }  # fmt: skip
        ours, others = np.mean(list(rates.values()), axis=0)
        success = {"members": float(ours), "others": float(others)}
        return {"success": success, "attacker": table["caption"], "pictures": [table]}

    def verdict(self, result: Result) -> str:
        """Both rates."""
        c = result.curve["success"]
        return (
            f"A secret column is guessed for {share(c['members'])} of the training entities and for "
            f"{share(c['others'])} of unseen ones."
        )


def _candidates(ruler: Ruler) -> list[Column]:
    """Columns, the most secret first."""
    order = {c.name: i for i, c in enumerate(ruler.varied)}
    return sorted(
        ruler.varied,
        key=lambda c: (FIRST.index(c.role) if c.role in FIRST else len(FIRST), not c.static, order[c.name]),
    )


def _others(field: Field, column: Column) -> NDArray[np.bool_]:
    """Summaries that do not rest on a column."""
    key = f"attack others {column.name}"
    kept = field.ruler.kept
    if key not in kept:
        few = field.train.take(np.arange(min(len(field.members), 4)))
        kept[key] = entity_summaries(field.ruler, few, (column.name,)).names
    known = {*kept[key]}
    whole = [c.name for c in field.ruler.varied if c.name != column.name]
    nulls = {f"share of null {name}" for name in whole}
    return np.array([name in known or name in nulls for name in field.names])


def _secret(ruler: Ruler, data: Sequences, column: Column) -> NDArray[np.float64]:
    """The secret of each entity: a static value, or the most frequent level or the mean of one that changes."""
    if column.static:
        values = ruler.discrete(data, column.name) if column.discrete else data.numeric(column.name)
        return values.astype(np.float64)
    n = data.n_entities
    if column.discrete:
        cells = ruler.discrete(data, column.name).astype(np.int64)
        size = len(ruler.levels(column.name)) + 2
        counts = np.bincount(data.entity_of_row * size + cells, minlength=n * size).reshape(n, size)
        return counts.argmax(axis=1).astype(np.float64)
    values = data.numeric(column.name)
    known = np.isfinite(values)
    count = np.bincount(data.entity_of_row[known], minlength=n)
    with np.errstate(over="ignore", invalid="ignore"):
        total = np.bincount(data.entity_of_row[known], values[known], n)
    return np.divide(total, count, out=np.full(n, np.nan), where=count > 0)


def _trivial(column: Column, values: NDArray[np.float64]) -> bool:
    """Whether nearly all entities share the secret, or hardly two do."""
    known = values[np.isfinite(values)]
    if not len(known):
        return True
    counts = np.unique(known, return_counts=True)[1]
    alone = column.discrete and len(counts) > len(known) / 2
    return bool(alone or counts.max() > TRIVIAL * len(known))


def _rates(hit: NDArray[np.bool_], members: int) -> tuple[float, float]:
    return float(hit[:members].mean()), float(hit[members:].mean())


def _excess(
    prepared: _Learned, ours: NDArray[np.float64], others: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Success on members less that on strangers under weights, (B, secrets)."""
    hit = np.column_stack(list(prepared.secrets.values())).astype(np.float64)
    n = len(prepared.members)
    first, second = (
        w @ h / np.maximum(w.sum(axis=1, keepdims=True), 1e-300)
        for w, h in ((ours, hit[:n]), (others, hit[n:]))
    )
    out: NDArray[np.float64] = first - second
    return out
