"""Distributions of numbers that a contract has: drawn at a normal score, protected like the columns of a table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from scipy.special import ndtri

from tsynth.data.encoding.continuous import Continuous
from tsynth.data.encoding.sketch import Sketch, summarise
from tsynth.generators.copula import Margin

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsynth.data.schema import Column, Schema

__all__ = ["Number", "Ranks", "guarded_counts"]

FEW = 4
"""Times the protected number of entities, below which only mean and spread are kept."""
KNOTS = 65


@dataclass(frozen=True)
class Number:
    """One distribution: spikes, grids and a curve of quantiles.

    Values of few entities are told by their mean and spread alone, so that none of them comes back.
    """

    encoding: Continuous
    rows: NDArray[np.int64]

    @classmethod
    def learn(
        cls, x: NDArray[np.float64], owner: NDArray[np.int64], column: Column, schema: Schema, protect: int
    ) -> Self:
        """The distribution of values `x` of entities `owner`; there must be one at least."""
        encoding = Continuous(column, schema)
        held = np.unique(owner)
        if protect > 1 and len(held) < FEW * protect and len(np.unique(x)) > 1:
            step = encoding.step()
            scale = np.log(x) if x.min() > 0 else x
            middle = scale.mean() + scale.std() * ndtri((np.arange(64) + 0.5) / 64)
            smooth = np.exp(middle) if x.min() > 0 else middle
            smooth = np.unique(np.rint(smooth / step) * step if step > 0 else smooth)
            smooth = smooth[smooth > 0] if x.min() > 0 and np.any(smooth > 0) else smooth
            same = np.ones(len(smooth), np.int64)
            # One entity each: none of them may become a spike.
            encoding.fit_sketch(Sketch(smooth, same, same), 2)
            x = smooth
        else:
            encoding.fit_sketch(summarise(x, owner), protect)
        field = encoding.encode_values(x)
        return cls(encoding, np.bincount(field.choice, minlength=field.choices))

    def draw(self, z: NDArray[np.float64], u: NDArray[np.float64]) -> NDArray[np.float64]:
        """Values at normal scores `z`; `u` chooses how round they are."""
        margin = Margin(self.rows, self.encoding.continuous)
        return self.encoding.decode_values(margin.field("", z, u))

    def score(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Normal scores of values."""
        margin = Margin(self.rows, self.encoding.continuous)
        return margin.score(self.encoding.encode_values(x), np.full(len(x), 0.5))

    def to_state(self) -> dict[str, Any]:
        """Plain values and arrays."""
        return {"encoding": self.encoding.to_state(), "rows": self.rows}

    @classmethod
    def from_state(cls, state: dict[str, Any], column: Column, schema: Schema) -> Self:
        """What `to_state` gave."""
        encoding = Continuous(column, schema)
        encoding.restore(state["encoding"])
        return cls(encoding, np.asarray(state["rows"], np.int64))


@dataclass(frozen=True)
class Ranks:
    """A number an entity as a normal score, by the quantiles of the source, its ends left out."""

    knots: NDArray[np.float64]

    @classmethod
    def learn(cls, x: NDArray[np.float64], protect: int) -> Self:
        """Quantiles that leave `protect` entities beyond each end."""
        known = x[np.isfinite(x)]
        if not len(known):
            return cls(np.zeros(1))
        edge = min(0.25, protect / len(known))
        return cls(np.quantile(known, np.linspace(edge, 1 - edge, KNOTS)))

    def score(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Scores; 0 where the number is unknown."""
        low = np.searchsorted(self.knots, x, side="left")
        high = np.searchsorted(self.knots, x, side="right")
        place = (low + high + 1) / (2 * len(self.knots) + 2)
        return np.where(np.isfinite(x), ndtri(np.clip(place, 0.01, 0.99)), 0.0)


def guarded_counts(
    choice: NDArray[np.int64], owner: NDArray[np.int64], size: int, protect: int
) -> NDArray[np.float64]:
    """Weights of choices; those of fewer than `protect` entities share what they have."""
    pairs = np.unique(np.column_stack([choice, owner]), axis=0)
    entities = np.bincount(pairs[:, 0], minlength=size)
    weight = np.bincount(choice, minlength=size).astype(np.float64)
    rare = (entities > 0) & (entities < protect)
    if rare.any():
        weight[rare] = weight[rare].sum() / rare.sum()
    return weight
