"""What the published scores share: windows, repeats with their interval, the noise of the protocol itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from scipy import stats

from tsynth import nets
from tsynth.data.sequences import Sequences
from tsynth.errors import DataError
from tsynth.scores.base import CannotSay, Result, Score
from tsynth.scores.published.windows import LENGTH, Windows, columns, scaled, windows
from tsynth.scores.verdicts import against_floor
from tsynth.scores.words import number

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsynth.data.streams import Streams

__all__ = ["REPEATS", "Measured", "PublishedScore", "spread"]

REPEATS = 5
LEAST = 20
"""Windows of a side below which there is nothing to split."""


def spread(values: NDArray[np.float64]) -> tuple[float, float]:
    """95 % interval of the mean of repeats by Student's t, as the papers print it; it knows of no other noise."""
    if len(values) < 2:
        return float(values.mean()), float(values.mean())
    half = float(stats.t.ppf(0.975, len(values) - 1) * np.std(values, ddof=1) / np.sqrt(len(values)))
    return float(values.mean()) - half, float(values.mean()) + half


@dataclass(frozen=True)
class Measured:
    """A score's answer on windows.

    Parameters
    ----------
    value : float
        Mean of the repeats.
    interval : (float, float)
        95 % interval of that mean over repeats.
    repeats : tuple of float
    chance : float, optional
        What a judge that guesses scores on so many windows.
    more : dict
        Further numbers ("auc").
    """

    value: float
    interval: tuple[float, float]
    repeats: tuple[float, ...]
    chance: float | None = None
    more: dict[str, float] = field(default_factory=dict)

    def __str__(self) -> str:
        low, high = (f"{bound:.4f}" for bound in self.interval)
        text = f"{self.value:.4f} ({low} to {high} over {len(self.repeats)} repeats)"
        text += "" if self.chance is None else f"; guessing scores {self.chance:.4f}"
        return text + "".join(f"; {name} {value:.4f}" for name, value in self.more.items())


class PublishedScore(Score):
    """Base of scores over windows: a leaf has `measure` and `by_repeat`.

    Curves hold ``{"repeats": [...], "interval": [low, high], "chance": number or None, "windows": {"real",
    "synthetic"}, "more": {...}}``.

    Parameters
    ----------
    length : int
        Rows of a window.
    repeats : int
    """

    group = "fidelity"
    standard: ClassVar[bool] = False
    dear = True
    needs_torch: ClassVar[bool] = True
    least_columns: ClassVar[int] = 1

    def __init__(self, length: int = LENGTH, repeats: int = REPEATS) -> None:
        self.length, self.repeats = length, repeats

    # -- for a leaf

    def measure(
        self, real: Windows, made: Windows, seed: int, times: tuple[NDArray[np.float64] | None, ...]
    ) -> Any:
        """The dear part, over scaled windows; `times` order the entities of both sides where they have a time."""
        raise NotImplementedError

    def by_repeat(
        self, measured: Any, real: NDArray[np.float64], made: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """The score in each repeat under weights of the entities, (repeats,)."""
        raise NotImplementedError

    def chance(self, real: int, made: int) -> float | None:
        """What guessing scores on so many windows."""
        return None

    def more(self, measured: Any, real: NDArray[np.float64], made: NDArray[np.float64]) -> dict[str, float]:
        """Further numbers."""
        return {}

    # -- alone

    def of(
        self,
        real: Sequences | NDArray[np.float64],
        synthetic: Sequences | NDArray[np.float64],
        *,
        seed: int = 0,
    ) -> Measured:
        """The score of windows, without floor and copied reference.

        Parameters
        ----------
        real, synthetic : Sequences or float64 arrays, (N, T, D)
            Windows in the order of time, stride 1; scaled here by the real ones.
        seed : int

        Returns
        -------
        Measured

        Raises
        ------
        MissingExtra
            torch is not installed.
        DataError
            Windows are too few, unlike in shape, or no numbers.
        """
        if self.needs_torch:
            nets.require(f"the score {self.name!r}")
        sides = [windows(data, self.length) for data in (real, synthetic)]
        if sides[0].values.shape[1:] != sides[1].values.shape[1:]:
            shapes = " and ".join(str(side.values.shape[1:]) for side in sides)
            raise DataError(f"windows of the two sides have the shapes {shapes}", fix="cut both alike")
        if reason := self._cannot(sides[0].values.shape[2], min(map(len, sides))):
            raise DataError(reason, fix="hand in more windows or columns")
        first, second = scaled(sides[0], *sides)
        ones = [np.ones(side.owners) for side in sides]
        times = tuple(_times(data) for data in (real, synthetic))
        try:
            measured = self.measure(first, second, seed, times)
        except CannotSay as reason:
            raise DataError(str(reason), fix="hand in more windows") from None
        repeats = self.by_repeat(measured, ones[0], ones[1])
        return Measured(
            float(repeats.mean()),
            spread(repeats),
            tuple(float(v) for v in repeats),
            self.chance(len(first), len(second)),
            self.more(measured, ones[0], ones[1]),
        )

    # -- in a report

    def cannot(self, train: Sequences, reference: Sequences | None, candidate: Sequences) -> str | None:
        """No torch, no numeric columns, or too few windows."""
        if self.needs_torch and not nets.available():
            return "it needs the extra `neural` (pip install 'tsynth[neural]')"
        sides = [data for data in (train, reference, candidate) if data is not None]
        fewest = min(int(np.maximum(d.lengths - self.length + 1, 0).sum()) for d in sides)
        if reason := self._cannot(len(columns(train)), fewest):
            return reason
        return self._cannot(len(columns(train)), min(len(windows(d, self.length)) for d in sides))

    def _cannot(self, features: int, fewest: int) -> str | None:
        if features < self.least_columns:
            few = "no numeric column" if not features else f"{features} numeric column"
            return f"{few}, and it needs {self.least_columns} or more"
        if fewest < LEAST:
            return f"{fewest} windows of {self.length} rows on a side, and it needs {LEAST}"
        return None

    def prepare(self, train: Sequences, reference: Sequences, candidate: Sequences, streams: Streams) -> Any:
        """Windows of both sides on the scale of train, and the dear part."""
        base, real, made = (windows(d, self.length) for d in (train, reference, candidate))
        real, made = scaled(base, real, made)
        measured = self.measure(real, made, int(streams.key), (_times(reference), _times(candidate)))
        return measured, real, made

    def value(
        self, prepared: Any, reference_weights: NDArray[np.float64], candidate_weights: NDArray[np.float64]
    ) -> float:
        """Mean of the repeats."""
        return float(self.by_repeat(prepared[0], reference_weights, candidate_weights).mean())

    def curve(self, prepared: Any) -> dict[str, Any]:
        """The repeats, their interval, and what guessing scores."""
        measured, real, made = prepared
        ones = np.ones(real.owners), np.ones(made.owners)
        repeats = self.by_repeat(measured, *ones)
        return {
            "repeats": [float(v) for v in repeats],
            "interval": list(spread(repeats)),
            "chance": self.chance(len(real), len(made)),
            "windows": {"real": len(real), "synthetic": len(made)},
            "more": self.more(measured, *ones),
        }

    def verdict(self, result: Result) -> str:
        """The default, and the noise of the protocol itself."""
        text = against_floor(result)
        chance = result.curve.get("chance")
        return text if chance is None else f"{text} A judge that guesses scores {number(chance)}."


def _times(data: Sequences | NDArray[np.float64]) -> NDArray[np.float64] | None:
    """First time of each entity; None where there is none."""
    return data.start if isinstance(data, Sequences) else None
