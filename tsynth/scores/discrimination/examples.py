"""The synthetic sequences that a judge was surest of, and what gave each of them away."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import expit

from tsynth.scores.judges import Trial, predict
from tsynth.scores.parts import CELL
from tsynth.scores.summaries import Features

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsynth.data.sequences import Sequences

__all__ = ["worst"]

SHOWN, TOLD = 5, 2
PLACES, ROWS = 8, 16
"""Real values that stand in for a feature's, and rows of a sequence that are asked about."""
LEAST = 0.3
"""Loss of log-odds from which a feature gave a sequence away."""


@dataclass(frozen=True)
class _Case:
    """Observations of one entity, as a judge sees them that has not learned from it."""

    model: Any
    rows: NDArray[np.int64]


def worst(
    trial: Trial, sides: tuple[Features, Features], candidate: Sequences, thing: str
) -> list[dict[str, Any]]:
    """The synthetic entities of the highest mean score, out of fold.

    Parameters
    ----------
    trial : Trial
    sides : (Features, Features)
        Real and synthetic, as the trial judged them.
    candidate : Sequences
        Whose entities are named.
    thing : str
        What an observation is, in the plural.

    Returns
    -------
    list of dict
        ``{"entity", "rows", "probability", "away"}``: its identifier, its size, what the judge gave for it being
        synthetic, and sentences on the features without which the judge would have been less sure. Real numbers in
        them are middles of at least ten observations.
    """
    first = trial.entities[0]
    mine = trial.truth
    owner = trial.owner[mine] - first
    count = np.bincount(owner, minlength=trial.entities[1])
    total = np.bincount(owner, trial.score[mine], trial.entities[1])
    mean = np.divide(total, count, out=np.full(len(count), -np.inf), where=count > 0)
    name = candidate.schema.entity
    names = None if name is None else candidate.entities[name]
    out = []
    for i in np.argsort(-mean, kind="stable")[:SHOWN]:
        if not np.isfinite(mean[i]):
            break
        case = _case(trial, first + int(i))
        out.append(
            {
                "entity": str(i) if names is None else str(names[int(i)].as_py()),
                "rows": int(candidate.lengths[i]),
                "probability": float(expit(mean[i])),
                "away": [] if case is None else _away(trial, case, sides, thing),
            }
        )
    return out


def _case(trial: Trial, owner: int) -> _Case | None:
    rows = np.flatnonzero(trial.owners == owner)
    rows = rows[:: 1 + len(rows) // ROWS]
    for model, held in trial.models:
        if len(rows) and np.isin(rows[0], held):
            return _Case(model, rows)
    return None


def _away(trial: Trial, case: _Case, sides: tuple[Features, Features], thing: str) -> list[str]:
    """Features in whose place real values make the judge less sure, the most telling first."""
    own = trial.features[case.rows]
    real = np.sort(sides[0].values, axis=0)
    if len(real) < 2 * CELL or not own.shape[1]:
        return []
    known = np.isfinite(real).sum(axis=0)
    places = np.linspace(0.1, 0.9, PLACES)
    # (places, features): real values in the middle 80 %, nulls left out
    stand_in = real[
        np.round(places[:, None] * np.maximum(known - 1, 0)).astype(np.int64), np.arange(len(known))
    ]
    asked = np.repeat(own[None], PLACES * own.shape[1], axis=0)  # (places * features, rows, features)
    for j in range(own.shape[1]):
        asked[j * PLACES : (j + 1) * PLACES, :, j] = stand_in[:, [j]]
    scores = predict(case.model, asked.reshape(-1, own.shape[1])).reshape(own.shape[1], -1).mean(axis=1)
    drops = predict(case.model, own).mean() - scores
    told: list[str] = []
    bases: set[str] = set()
    for j in np.argsort(-drops, kind="stable")[: 3 * TOLD]:
        if drops[j] < LEAST or known[j] < CELL or len(told) == TOLD:
            break
        base = sides[0].names[j].removesuffix(" one row before").removesuffix(" two rows before")
        if base in bases:
            continue
        bases.add(base)
        here = Features(own, sides[0].names, sides[0].levels, sides[0].said).middle(sides[0].names[j])
        usual = sides[0].middle(sides[0].names[j])
        if here != usual:
            told.append(_sentence(sides[0], sides[0].names[j], here, usual, len(case.rows) > 1, thing))
    return told


def _sentence(real: Features, name: str, here: str, usual: str, many: bool, thing: str) -> str:
    if name in real.levels:
        return f"Its {name} is {'mostly ' if many else ''}{here}; real {thing} have {usual} most often."
    return (
        f"{'The middle of its' if many else 'Its'} {name} is {here}; the middle of real {thing} is {usual}."
    )
