"""Does some group fare worse than the others?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tsynth.data.sequences import Sequences
from tsynth.scores.base import CannotSay, Detail, Result
from tsynth.scores.fairness.groups import RANKED, Group, GroupScore, listed
from tsynth.scores.fidelity.lengths import Lengths
from tsynth.scores.fidelity.marginals import Marginals
from tsynth.scores.parts import CELL, Part
from tsynth.scores.ruler import Grid, Ruler, ruler
from tsynth.scores.times import between
from tsynth.scores.verdicts import against_floor
from tsynth.scores.weights import Counts
from tsynth.scores.words import number

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsynth.data.streams import Streams

__all__ = ["GroupFidelity"]

HALVES = 16
"""Ways to halve the real entities of a group, to see what chance makes."""


@dataclass
class _Inside:
    """What is compared inside a group: columns, times and lengths, and what chance alone makes of it."""

    group: Group
    parts: list[Part]
    chance: float = 0.0

    def gap(self, real: NDArray[np.float64], made: NDArray[np.float64]) -> NDArray[np.float64]:
        """Mean gap of the parts, (B,), under weights of all entities of either side."""
        if not len(self.group.made):
            return np.ones(len(real))
        return self._mean(real[:, self.group.real], made[:, self.group.made], False)

    def halves(self, half: NDArray[np.bool_]) -> float:
        """Mean gap between halves of the real entities, brought to the sizes of both sides."""
        n, m = len(self.group.real), len(self.group.made)
        if not m:
            return 0.0
        chosen = half[:, self.group.real].astype(np.float64)
        apart = float(self._mean(chosen, 1 - chosen, True).mean())
        return min(1.0, apart * float(np.sqrt(1 + n / m)) / 2)

    def _mean(self, a: NDArray[np.float64], b: NDArray[np.float64], real: bool) -> NDArray[np.float64]:
        sides = [(p, p.reference if real else p.candidate) for p in self.parts]
        gaps = [p.distance(p.reference.total(a), side.total(b)) for p, side in sides]
        return np.asarray(np.mean(gaps, axis=0), dtype=np.float64)


@dataclass
class _Compared:
    ranked: list[_Inside]
    small: list[_Inside]
    entities: tuple[int, int]
    columns: tuple[str, ...]

    def excesses(self, real: NDArray[np.float64], made: NDArray[np.float64]) -> NDArray[np.float64]:
        """Gap of each ranked group beyond what chance makes, (groups, B)."""
        return np.array([one.gap(real, made) - one.chance for one in self.ranked])


class GroupFidelity(GroupScore):
    """How much farther the worst group lies from real data than the mean group.

    Inside each group of at least 30 real entities: the mean gap of columns (as `marginals`), of the time between rows
    and of rows per entity, each counting alike. A small group has a larger gap by chance alone, so what halves of its
    real entities differ by is taken off, brought to the sizes compared (a gap of two samples shrinks with
    ``sqrt(1 / n + 1 / m)``). The score is the largest of these less their mean: 0 where no group fares worse than the
    others, however bad all are. A group that is lost has the gap 1.

    Parameters
    ----------
    columns : tuple of str
        Static columns, at most two; where empty, those with the role arm or group.

    References
    ----------
    .. [1] Bhanot et al. (2021), "The problem of fairness in synthetic healthcare data", Entropy 23(9): 1165: a good
       resemblance of the whole can hide a bad one of subgroups.

    Examples
    --------
    >>> GroupFidelity.question
    'Does some group come out worse than the others?'
    """

    name, title = "group_fidelity", "Likeness by group"
    question = "Does some group come out worse than the others?"
    cannot_see = (
        "a fault that all groups share",
        "how columns depend on each other inside a group",
        "groups of fewer than 30 real entities",
    )

    def prepare(
        self, train: Sequences, reference: Sequences, candidate: Sequences, streams: Streams
    ) -> _Compared:
        """Count inside each group."""
        measure = ruler(train)
        groups = [g for g in listed(measure, self.columns, reference, candidate) if len(g.real) >= CELL]
        if sum(not g.small for g in groups) < 2:
            raise CannotSay(
                f"fewer than two groups have {RANKED} real entities, in the half of the holdout that is compared"
            )
        places = type(streams)(streams.seed, (*streams.path, "halves"), range(reference.n_entities))
        half = np.ascontiguousarray(places.uniform(HALVES).T < 0.5)
        columns = tuple(dict.fromkeys(name for g in groups for name in g.columns))
        made = [_Inside(g, _parts(measure, g, columns, reference, candidate, streams)) for g in groups]
        made = [one for one in made if one.parts or not len(one.group.made)]
        if not any(one.parts for one in made):
            raise CannotSay("there is nothing to compare inside the groups")
        for one in made:
            one.chance = one.halves(half)
        ranked, small = ([one for one in made if one.group.small == s] for s in (False, True))
        return _Compared(ranked, small, (reference.n_entities, candidate.n_entities), columns)

    def values(
        self,
        prepared: _Compared,
        reference_weights: NDArray[np.float64],
        candidate_weights: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        """The largest excess less the mean excess."""
        excesses = prepared.excesses(reference_weights, candidate_weights)
        return np.asarray(excesses.max(axis=0) - excesses.mean(axis=0), dtype=np.float64)

    def value(
        self,
        prepared: _Compared,
        reference_weights: NDArray[np.float64],
        candidate_weights: NDArray[np.float64],
    ) -> float:
        """As `values`."""
        return float(self.values(prepared, reference_weights[None], candidate_weights[None])[0])

    def details(self, prepared: _Compared) -> list[Detail]:
        """Each ranked group that lies farther than the mean group, worst first."""
        ones = [np.ones((1, n)) for n in prepared.entities]
        excesses = prepared.excesses(*ones)[:, 0]
        mean, found = float(excesses.mean()), []
        gaps = [float(one.gap(*ones)[0]) for one in prepared.ranked]
        for one, gap, excess in zip(prepared.ranked, gaps, excesses, strict=True):
            value = max(0.0, float(excess) - mean)
            sentence = (
                f"Inside {one.group.name} the gap of columns, times and lengths is {number(gap)}, where chance makes "
                f"{number(one.chance)}; over all groups it is {number(float(np.mean(gaps)))}."
            )
            if not len(one.group.made):
                sentence = (
                    f"No synthetic entity is of {one.group.name}, beside {len(one.group.real)} real ones."
                )
            else:
                worst = max(one.parts, key=Part.gap).detail()
                sentence += f" Most: {worst.sentence}" if worst.sentence else ""
            found.append(Detail(one.group.name, value, None, sentence if value > 0 else ""))
        return sorted(found, key=lambda d: (-d.value, d.label))

    def curve(self, prepared: _Compared) -> dict[str, Any]:
        """Every group with its gap and what chance makes of it."""
        ones = [np.ones((1, n)) for n in prepared.entities]
        entries = [
            one.group.entry(gap=float(one.gap(*ones)[0]), chance=one.chance)
            for one in (*prepared.ranked, *prepared.small)
        ]
        table = {
            "kind": "table",
            "title": "Gap inside each group",
            "columns": ["group", "real entities", "synthetic entities", "gap", "by chance", ""],
            "rows": [
                [
                    e["name"],
                    e["entities"]["real"],
                    e["entities"]["synthetic"],
                    number(e["gap"]),
                    number(e["chance"]),
                    "small, not ranked" if e["small"] else "",
                ]
                for e in entries
            ],
        }
        return {"columns": list(prepared.columns), "groups": entries, "pictures": [table]}

    def verdict(self, result: Result) -> str:
        """Whether chance explains it, and where it does not, the worst group."""
        sure = result.interval is not None and result.interval[0] > 0 and result.details
        return against_floor(result) + (f" Worst: {result.details[0].label}." if sure else "")


def _parts(
    ruler: Ruler,
    group: Group,
    apart: tuple[str, ...],
    reference: Sequences,
    candidate: Sequences,
    streams: Streams,
) -> list[Part]:
    """Columns other than those that make the groups, whose shares `representation` compares; times; lengths."""
    if not len(group.made):
        return []
    real, made = reference.take(group.real), candidate.take(group.made)
    columns = [p for p in Marginals().parts(ruler, real, made, streams) if p.label not in apart]
    rows = [] if ruler.schema.entity is None else Lengths().parts(ruler, real, made, streams)
    return [*columns, *_times(ruler, real, made), *rows]


def _times(ruler: Ruler, real: Sequences, made: Sequences) -> list[Part]:
    """The time between neighbouring rows, as `gaps` measures it."""
    if ruler.schema.time is None:
        return []
    if "waits between rows" not in ruler.kept:
        ruler.kept["waits between rows"] = Grid.learn(between(ruler.train))
    grid: Grid = ruler.kept["waits between rows"]
    waits = [between(data) for data in (real, made)]
    known = [np.isfinite(w) for w in waits]
    if not known[0].any():
        return []
    counts = tuple(
        Counts(d.entity_of_row[k], grid.cells(w[k]), d.n_entities, grid.size)
        for d, w, k in zip((real, made), waits, known, strict=True)
    )
    return [Part("time between rows", counts, grid.distance, lambda a, b: "")]
