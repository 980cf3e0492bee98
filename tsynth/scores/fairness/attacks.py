"""Is some group easier to attack than the others?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.spatial.distance import cdist

from tsynth.data.sequences import Sequences
from tsynth.scores.base import CannotSay, Detail, Result, Weights
from tsynth.scores.fairness.groups import RANKED, GroupScore, listed, partitions
from tsynth.scores.parts import CELL
from tsynth.scores.ruler import OTHER_TIME, Grid, ruler
from tsynth.scores.summaries import Features, aligned_features, entity_summaries
from tsynth.scores.verdicts import against_floor
from tsynth.scores.weights import sorted_auc
from tsynth.scores.words import number

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsynth.data.streams import Streams

__all__ = ["GroupAttacks"]

ASKED, NEAREST = 1_000, 8
"""Entities attacked on a side, and neighbours that are kept of each, for where weights leave some out."""


@dataclass
class _Near:
    """The nearest entities of a side to each target: their places and distances, (targets, NEAREST)."""

    place: NDArray[np.int64]
    distance: NDArray[np.float64]

    @classmethod
    def of(cls, targets: NDArray[np.float64], side: NDArray[np.float64], skip: NDArray[np.int64]) -> _Near:
        """Of `side`, without the place `skip` names for each target (-1: none)."""
        apart = cdist(targets, side)
        has = np.flatnonzero(skip >= 0)
        apart[has, skip[has]] = np.inf
        kept = min(NEAREST, len(side))
        place = np.argpartition(apart, kept - 1, axis=1)[:, :kept]
        distance = np.take_along_axis(apart, place, axis=1)
        order = np.argsort(distance, axis=1, kind="stable")
        return cls(np.take_along_axis(place, order, axis=1), np.take_along_axis(distance, order, axis=1))

    def under(self, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """Distance to the nearest one that has a weight, (B, targets)."""
        there = weights[:, self.place] > 0
        first = np.where(there.any(axis=2), there.argmax(axis=2), self.place.shape[1] - 1)
        rows = np.arange(len(self.distance))
        return np.asarray(self.distance[rows, first], dtype=np.float64)


@dataclass
class _Attacked:
    """Targets: members (training entities) first, then entities of the reference."""

    members: NDArray[np.int64]
    others: NDArray[np.int64]
    near: tuple[_Near, _Near]
    groups: list[tuple[dict[str, Any], NDArray[np.bool_], bool]]
    columns: tuple[str, ...]
    entities: tuple[int, int]

    def success(
        self,
        members: NDArray[np.float64],
        reference: NDArray[np.float64],
        candidate: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        """AUC over all targets, then inside each group, (1 + groups, B)."""
        to_candidate, to_reference = self.near[0].under(candidate), self.near[1].under(reference)
        score = to_reference - to_candidate
        weights = np.concatenate([members, reference[:, self.others]], axis=1)
        truth = np.arange(score.shape[1]) < len(self.members)
        out = np.empty((1 + len(self.groups), len(score)))
        order = np.argsort(score, axis=1, kind="stable")
        for b, sort in enumerate(order):
            s, t, w = score[b, sort], truth[sort], weights[b, sort]
            out[0, b] = sorted_auc(s, t, w)
            for g, (_, mask, _) in enumerate(self.groups):
                inside = mask[sort]
                out[g + 1, b] = sorted_auc(s[inside], t[inside], w[inside])
        return out


class GroupAttacks(GroupScore):
    """How much better an attack on membership works on the worst group than on all, as a difference of 2 AUC - 1.

    The attacker holds the synthetic data and other real entities, and says of an entity that it was learned from if
    it lies nearer to the synthetic ones: distance to the nearest reference entity less that to the nearest synthetic
    one, between summaries as normal scores of the training entities. It is tried on training entities (one reference
    entity is kept from each, so that both kinds have as many) and on the reference itself. Groups of at least 30
    entities on either side are ranked. At most 1,000 entities a side are attacked.

    Parameters
    ----------
    columns : tuple of str
        Static columns, at most two; where empty, those with the role arm or group.

    References
    ----------
    .. [1] van Breugel et al. (2023), "Membership inference attacks against synthetic data through overfitting
       detection", AISTATS: calibration by real data, and the greater risk of small groups (section 5.3).

    Examples
    --------
    >>> GroupAttacks.question
    'Is some group easier to attack than the others?'
    """

    name, title = "group_attacks", "Attacks by group"
    question = "Is some group easier to attack than the others?"
    needs_holdout = True
    cannot_see = (
        "a risk that all groups share",
        "attacks that look at more than distances between summaries",
        "groups of fewer than 30 real entities",
    )

    def cannot(self, train: Sequences, reference: Sequences | None, candidate: Sequences) -> str | None:
        """As for all groups; and nearness to another time is no sign of membership."""
        if any(note.code == OTHER_TIME for note in train.notes):
            return "the holdout lies in another time than train, which tells members from others by itself"
        return super().cannot(train, reference, candidate)

    def prepare(
        self, train: Sequences, reference: Sequences, candidate: Sequences, streams: Streams
    ) -> _Attacked:
        """The nearest entities of either side to each target."""
        measure = ruler(train)
        key = f"group attacks: targets {streams.seed}"
        if key not in measure.kept:
            order = np.argsort(
                type(streams)(streams.seed, ("group attacks",), range(train.n_entities)).uniform()
            )
            members = np.sort(order[:ASKED])
            targets = train.take(members)
            measure.kept[key] = members, targets, entity_summaries(measure, targets)
        members, targets, known = measure.kept[key]
        others = np.arange(0, reference.n_entities, 1 + reference.n_entities // ASKED)
        groups = []
        for group in listed(measure, self.columns, targets, reference.take(others)):
            n = min(len(group.real), len(group.made))
            if n < CELL:
                continue
            mask = np.zeros(len(members) + len(others), bool)
            mask[group.real] = mask[len(members) + group.made] = True
            entry = {
                "name": group.name,
                "entities": {"real": len(group.made), "train": len(group.real)},
                "small": n < RANKED,
            }
            groups.append((entry, mask, n >= RANKED))
        if sum(ranked for *_, ranked in groups) < 2:
            raise CannotSay(
                f"fewer than two groups have {RANKED} real entities, in the half of the holdout that is compared, "
                "to attack"
            )
        sides = [known, entity_summaries(measure, reference), entity_summaries(measure, candidate)]
        a, r, c = _points(sides)
        points = np.concatenate([a, r[others]])
        skip = np.concatenate([np.arange(len(members)) % reference.n_entities, others])
        near = (_Near.of(points, c, np.full(len(points), -1)), _Near.of(points, r, skip))
        columns = tuple(dict.fromkeys(name for p in partitions(measure, self.columns) for name in p.columns))
        return _Attacked(members, others, near, groups, columns, (reference.n_entities, candidate.n_entities))

    def values(
        self,
        prepared: _Attacked,
        reference_weights: NDArray[np.float64],
        candidate_weights: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        """Under weights of reference and candidate; members count alike."""
        members = np.ones((len(reference_weights), len(prepared.members)))
        return self._values(prepared, members, reference_weights, candidate_weights)

    def _values(
        self,
        prepared: _Attacked,
        members: NDArray[np.float64],
        reference: NDArray[np.float64],
        candidate: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        found = 2 * prepared.success(members, reference, candidate) - 1
        ranked = [i for i, (*_, r) in enumerate(prepared.groups, 1) if r]
        return np.asarray(found[ranked].max(axis=0) - found[0], dtype=np.float64)

    def value(
        self,
        prepared: _Attacked,
        reference_weights: NDArray[np.float64],
        candidate_weights: NDArray[np.float64],
    ) -> float:
        """As `values`."""
        return float(self.values(prepared, reference_weights[None], candidate_weights[None])[0])

    def differences(self, synthetic: _Attacked, control: _Attacked, weights: Weights) -> NDArray[np.float64]:
        """Members are weighed too, alike on both sides."""
        members = weights.train(synthetic.members)
        return self._values(synthetic, members, weights.reference, weights.synthetic) - self._values(
            control, members, weights.reference, weights.control
        )

    def _found(self, prepared: _Attacked) -> NDArray[np.float64]:
        ones = [np.ones((1, n)) for n in (len(prepared.members), *prepared.entities)]
        return prepared.success(*ones)[:, 0]

    def details(self, prepared: _Attacked) -> list[Detail]:
        """Each ranked group on which the attack works better than on all."""
        whole, *groups = self._found(prepared)
        found = []
        for (entry, _, ranked), auc in zip(prepared.groups, groups, strict=True):
            if ranked:
                value = max(0.0, float(2 * (auc - whole)))
                sentence = (
                    f"An attack tells training entities of {entry['name']} from other real ones with AUC "
                    f"{number(float(auc))}, those of all groups with {number(float(whole))}; guessing reaches 0.5."
                )
                found.append(Detail(entry["name"], value, None, sentence if value > 0 else ""))
        return sorted(found, key=lambda d: (-d.value, d.label))

    def curve(self, prepared: _Attacked) -> dict[str, Any]:
        """Every group with its AUC."""
        whole, *groups = self._found(prepared)
        entries = [
            {**entry, "auc": float(auc)} for (entry, *_), auc in zip(prepared.groups, groups, strict=True)
        ]
        rows = [
            [
                e["name"],
                e["entities"]["real"],
                e["entities"]["train"],
                number(e["auc"]),
                "small, not ranked" if e["small"] else "",
            ]
            for e in entries
        ]
        table = {
            "kind": "table",
            "title": f"Success of the attack by group (all: AUC {number(float(whole))}; guessing: 0.5)",
            "columns": ["group", "real entities", "training entities", "AUC", ""],
            "rows": rows,
        }
        return {
            "columns": list(prepared.columns),
            "auc": float(whole),
            "groups": entries,
            "pictures": [table],
        }

    def verdict(self, result: Result) -> str:
        """Whether chance explains it, and where it does not, the group."""
        sure = result.interval is not None and result.interval[0] > 0 and result.details
        return against_floor(result) + (f" Most at risk: {result.details[0].label}." if sure else "")


def _points(sides: list[Features]) -> list[NDArray[np.float64]]:
    """Summaries as normal scores of the first side; what is unknown lies in the middle."""
    names = sides[0].names
    spread = [aligned_features(s, Features(np.empty((0, len(names))), names))[0] for s in sides]
    out = [np.empty((len(s.values), len(names))) for s in sides]
    for j, name in enumerate(names):
        grid = Grid.learn(sides[0].values[:, j])
        for made, side in zip(out, spread, strict=True):
            made[:, j] = np.nan_to_num(grid.normal(side.values[:, side.names.index(name)]))
    return out
