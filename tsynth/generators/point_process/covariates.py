"""Static columns as covariates of a rate: indicators of levels and normal scores of numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsynth.data.encoding import Encoder, Field

__all__ = ["Design"]

FEWEST = 5
"""Entities that a level must have, to have a coefficient of its own."""
MOST = 32
"""Largest number of levels of one column that have coefficients."""


@dataclass(frozen=True)
class Design:
    """Which columns a design matrix has.

    Parameters
    ----------
    names : list of str
        "sex=female", or the column's name where the regressor is the normal score of its number.
    columns : list of str
        The static column of each.
    choices : list of int
        The choice that an indicator stands for, -1 for a score.
    """

    names: list[str]
    columns: list[str]
    choices: list[int]

    @classmethod
    def of(cls, statics: dict[str, Field], encoder: Encoder) -> Design:
        """The design for these entities: the most common choice of each column is the one that others are told from."""
        names: list[str] = []
        columns: list[str] = []
        choices: list[int] = []
        for name, field in statics.items():
            plain = field.choices if field.continuous < 0 else field.continuous
            rows = np.bincount(field.choice, minlength=field.choices)
            kept = rows[:plain].copy()
            if field.value is None or not field.valued.any():
                kept[int(np.argmax(kept))] = 0
            chosen = np.argsort(-kept, kind="stable")[:MOST]
            for choice in np.sort(chosen[kept[chosen] >= FEWEST]):
                names.append(f"{name}={_label(name, int(choice), encoder)}")
                columns.append(name)
                choices.append(int(choice))
            if (
                field.value is not None
                and np.sum(field.valued) >= FEWEST
                and np.ptp(field.value[field.valued]) > 0
            ):
                names.append(name)
                columns.append(name)
                choices.append(-1)
        return cls(names, columns, choices)

    @property
    def size(self) -> int:
        """Number P of regressors."""
        return len(self.names)

    def matrix(self, statics: dict[str, Field], entities: int) -> NDArray[np.float64]:
        """The regressors of `entities` entities, (N, P)."""
        out = np.zeros((entities, self.size))
        for j, (name, choice) in enumerate(zip(self.columns, self.choices, strict=True)):
            field = statics[name]
            if choice >= 0:
                out[:, j] = field.choice == choice
            elif field.value is not None:
                out[:, j] = np.where(field.valued, field.value, 0.0)
        return out

    def effect(
        self, statics: dict[str, Field], coefficients: NDArray[np.float64], entities: int
    ) -> NDArray[np.float64]:
        """What each entity's rate is multiplied with, (N,); summed in one order, whatever the number of entities."""
        x, total = self.matrix(statics, entities), np.zeros(entities)
        for j in range(self.size):
            total += x[:, j] * coefficients[j]
        return np.exp(np.clip(total, -30.0, 30.0))

    def to_state(self) -> dict[str, Any]:
        """Plain values."""
        return {name: list(value) for name, value in vars(self).items()}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Design:
        """The design whose `to_state` this was."""
        return cls(list(state["names"]), list(state["columns"]), [int(c) for c in state["choices"]])


def _label(name: str, choice: int, encoder: Encoder) -> str:
    """What a choice stands for, in words."""
    if choice == 0:
        return "null"
    encoding: Any = encoder.encodings.get(name)
    kept, atoms = getattr(encoding, "kept_", None), getattr(encoding, "atoms_", None)
    if kept is not None:
        return str(encoding._levels()[int(kept[choice - 1])]) if choice <= len(kept) else "rare"
    return f"{atoms[choice - 1]:g}" if atoms is not None and choice <= len(atoms) else f"choice {choice}"
