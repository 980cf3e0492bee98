"""A score made of parts: the mean gap over columns, pairs, codes or profiles, each a table of counts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from tsynth.data.sequences import Sequences
from tsynth.scores.base import CannotSay, Detail, Score
from tsynth.scores.ruler import Ruler, ruler
from tsynth.scores.weights import Counts

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsynth.data.streams import Streams

__all__ = ["CELL", "Part", "PartsScore", "Prepared"]

CELL = 10
"""Real entities that a published number rests on at least."""


@dataclass
class Part:
    """Counts of both sides over the same cells, the distance between them, and how to say it.

    Parameters
    ----------
    label : str
    counts : (Counts, Counts)
        Of reference and candidate.
    distance : callable
        ``(reference totals, candidate totals) -> gap``, over the last axis.
    sentence : callable
        ``(reference totals, candidate totals) -> str``.
    weight : float
        Its share in the mean.
    extra : dict
        What a curve needs beside.
    """

    label: str
    counts: tuple[Counts, ...]
    distance: Callable[[NDArray[np.float64], NDArray[np.float64]], NDArray[np.float64]]
    sentence: Callable[[NDArray[np.float64], NDArray[np.float64]], str]
    weight: float = 1.0
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def reference(self) -> Counts:
        """Counts of the real side."""
        return self.counts[0]

    @property
    def candidate(self) -> Counts:
        """Counts of the other side."""
        return self.counts[1]

    def gap(self) -> float:
        """The distance where all entities count alike."""
        return float(self.distance(self.reference.total(), self.candidate.total()))

    def detail(self) -> Detail:
        """This part in words."""
        a, b = self.reference.total(), self.candidate.total()
        gap = float(self.distance(a, b))
        return Detail(self.label, gap, None, self.sentence(a, b) if gap > 0 else "")


@dataclass
class Prepared:
    """What a score of parts keeps: the parts, and both sides for its curve."""

    parts: list[Part]
    ruler: Ruler
    reference: Sequences
    candidate: Sequences


class PartsScore(Score):
    """Base of scores that are a weighted mean of parts: a leaf has `parts`, and perhaps `curve`."""

    def parts(self, ruler: Ruler, reference: Sequences, candidate: Sequences, streams: Streams) -> list[Part]:
        """The parts; an empty list means that there is nothing to compare."""
        raise NotImplementedError

    def nothing(self) -> str:
        """Why there are no parts, a clause."""
        return "there is nothing to compare"

    def prepare(
        self, train: Sequences, reference: Sequences, candidate: Sequences, streams: Streams
    ) -> Prepared:
        """Count both sides."""
        measure = ruler(train)
        parts = self.parts(measure, reference, candidate, streams)
        if not parts:
            raise CannotSay(self.nothing())
        return Prepared(parts, measure, reference, candidate)

    def mean(self, gaps: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """The gaps of the parts, (parts, B), as one, (B,)."""
        return np.average(gaps, axis=0, weights=weights)

    def values(
        self,
        prepared: Prepared,
        reference_weights: NDArray[np.float64],
        candidate_weights: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        """The gap under many weights at once."""
        gaps = [
            p.distance(p.reference.total(reference_weights), p.candidate.total(candidate_weights))
            for p in prepared.parts
        ]
        return self.mean(np.array(gaps), np.array([p.weight for p in prepared.parts]))

    def value(
        self,
        prepared: Prepared,
        reference_weights: NDArray[np.float64],
        candidate_weights: NDArray[np.float64],
    ) -> float:
        """Weighted mean of the gaps of the parts."""
        return float(self.values(prepared, reference_weights[None], candidate_weights[None])[0])

    def details(self, prepared: Prepared) -> list[Detail]:
        """Every part in words, worst first."""
        return sorted((p.detail() for p in prepared.parts), key=lambda d: (-d.value, d.label))
