"""Can a model tell synthetic data from real data?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tsynth.data.sequences import Sequences
from tsynth.scores.base import CannotSay, Detail, Result, Score
from tsynth.scores.discrimination.examples import worst
from tsynth.scores.judges import Trial, try_apart
from tsynth.scores.parts import CELL
from tsynth.scores.ruler import ruler
from tsynth.scores.summaries import Features, aligned_features, entity_summaries, row_features
from tsynth.scores.weights import roc
from tsynth.scores.words import number, share

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsynth.data.streams import Streams

__all__ = ["ClassifierEntities", "ClassifierRows"]

FOLDS, ENTITIES, ROWS = 3, 2_000, 6_000
TOLD, LEAST = 8, 0.005
COMMON = 0.05
"""Share of the real side from which a level is named, so that no rare one is."""
SEEN = 0.03
"""Difference between shares from which a feature alone is worth a sentence."""
SHIFTED = 0.1
"""Difference between middles, in quartile ranges, from which the middles themselves are told."""


@dataclass
class _Judged:
    trials: list[Trial]
    sides: tuple[Features, Features]
    streams: Streams
    candidate: Sequences
    drops: NDArray[np.float64] | None = None


class _Classifier(Score):
    group = "fidelity"
    dear = True

    def cannot(self, train: Sequences, reference: Sequences | None, candidate: Sequences) -> str | None:
        """Too few entities for the folds."""
        fewest = min(
            candidate.n_entities, candidate.n_entities if reference is None else reference.n_entities
        )
        if fewest < 2 * FOLDS:
            return f"{fewest} entities a side are too few to hold some of them out {FOLDS} times"
        return None

    def value(
        self,
        prepared: _Judged,
        reference_weights: NDArray[np.float64],
        candidate_weights: NDArray[np.float64],
    ) -> float:
        """Twice the AUC's excess over .5, the mean of the trials; below 0 where the judge is worse than guessing."""
        return float(np.mean([2 * t.auc(reference_weights, candidate_weights) - 1 for t in prepared.trials]))

    def details(self, prepared: _Judged) -> list[Detail]:
        """The features without which the last judge loses most, with what tells both sides apart on each."""
        drops, found = self._drops(prepared), []
        told: set[str] = set()
        for place, j in enumerate(np.argsort(-drops, kind="stable")):
            if place >= TOLD or drops[j] <= LEAST:
                found.append(
                    Detail(f"{self._thing}: {prepared.sides[0].names[j]}", float(max(2 * drops[j], 0)))
                )
                continue
            name = prepared.sides[0].names[j]
            told.add(name)
            base = name.removesuffix(" one row before").removesuffix(" two rows before")
            sentence = "" if base != name and base in told else _apart(prepared.sides, name, self._thing)
            found.append(Detail(f"{self._thing}: {name}", float(2 * drops[j]), None, sentence))
        return found

    _thing = ""

    def _drops(self, prepared: _Judged) -> NDArray[np.float64]:
        if prepared.drops is None:
            prepared.drops = prepared.trials[-1].drops(prepared.streams)
        return prepared.drops

    def curve(self, prepared: _Judged) -> dict[str, Any]:
        """The ROC curve, what the features are worth, and the synthetic entities that gave themselves away."""
        trial, drops = prepared.trials[-1], self._drops(prepared)
        ones = [np.ones(n) for n in trial.entities]
        names = prepared.sides[0].names
        best = np.argsort(-drops, kind="stable")[:TOLD]
        out = {
            "auc": trial.auc(*ones),
            "folds": FOLDS,
            "roc": roc(trial.score, trial.truth),
            "features": [{"name": names[j], "drop": float(drops[j])} for j in best if drops[j] > 0],
            "examples": worst(trial, prepared.sides, prepared.candidate, self._thing),
        }
        if len(prepared.trials) > 1:
            out["auc_alone"] = prepared.trials[0].auc(*ones)
        return out

    def verdict(self, result: Result) -> str:
        """What the judge reaches on data it has not seen."""
        right = number(50 + 50 * (result.value or 0))
        text = f"Given one real and one synthetic, a model picks the synthetic one in {right} of 100 cases"
        if result.floor is None:
            return text + " (50 is guessing)."
        return (
            text
            + f"; between two halves of real data it reaches {number(50 + 50 * result.floor)} (50 is guessing)."
        )


def _apart(sides: tuple[Features, Features], name: str, thing: str) -> str:
    """How a feature differs: its middle, else the value up to which the sides differ most, else its levels.

    Nothing where it tells the sides apart only together with others.
    """
    real, made = (side.values[:, side.names.index(name)] for side in sides)
    real, made = real[np.isfinite(real)], made[np.isfinite(made)]
    if min(len(real), len(made)) < CELL:
        return ""
    if name in sides[0].levels:
        names = sides[0].levels[name]
        shares = [
            np.bincount(side.astype(np.int64), minlength=len(names)) / len(side) for side in (real, made)
        ]
        often = (shares[0] >= COMMON) & (shares[0] * len(real) >= CELL)
        apart = np.where(often, np.abs(shares[0] - shares[1]), -1.0)
        at = int(np.argmax(apart))
        if apart[at] < SEEN:
            return ""
        return f"{name} is {names[at]} {_both(shares[0][at], shares[1][at], thing)}"
    medians = [float(np.median(side)) for side in (real, made)]
    middle = [sides[0].say(name, m) for m in medians]
    spread = float(np.subtract(*np.quantile(real, (0.75, 0.25))))
    edges = np.unique(np.quantile(real, np.linspace(0.05, 0.95, 19)))
    below = [np.searchsorted(np.sort(side), edges, side="right") / len(side) for side in (real, made)]
    at = int(np.argmax(np.abs(below[0] - below[1])))
    widest = float(abs(below[0][at] - below[1][at]))
    if middle[0] != middle[1] and abs(medians[0] - medians[1]) >= SHIFTED * spread and widest >= SEEN:
        return f"The middle of {name} is {middle[0]} in real, {middle[1]} in synthetic {thing}."
    if widest < SEEN:
        return ""
    edge = sides[0].say(name, float(edges[at]))
    return f"{name} is at most {edge} {_both(below[0][at], below[1][at], thing)}"


def _both(real: float, made: float, thing: str) -> str:
    return f"in {share(real)} of real {thing}, in {share(made)} of synthetic ones."


class ClassifierEntities(_Classifier):
    """How well gradient boosting tells synthetic from real entities by their summaries, ``2 AUC - 1``.

    Summaries: length, times, statistics of each column, shares of levels, statics. Three folds with entities apart;
    at most 2,000 entities a side. The value is 0 where the judge guesses and 1 where it is never wrong.

    References
    ----------
    .. [1] Lopez-Paz, Oquab (2017), "Revisiting classifier two-sample tests", ICLR.
    .. [2] Hanley, McNeil (1982), Radiology 143: the AUC is the share of pairs put in order.

    Examples
    --------
    >>> ClassifierEntities.question
    'Can a model tell synthetic sequences from real ones?'
    """

    name, title = "classifier_entities", "Judge of whole sequences"
    question = "Can a model tell synthetic sequences from real ones?"
    cannot_see = ("the order of rows beyond neighbours", "what no summary holds", "copies: they pass as real")
    _thing = "sequences"

    def prepare(
        self, train: Sequences, reference: Sequences, candidate: Sequences, streams: Streams
    ) -> _Judged:
        """Judge out of fold."""
        measure = ruler(train)
        sides = [entity_summaries(measure, d) for d in (reference, candidate)]
        a, b = aligned_features(*sides)
        picked = [np.arange(0, len(f.values), 1 + len(f.values) // ENTITIES) for f in (a, b)]
        trial = try_apart(
            a.values[picked[0]],
            b.values[picked[1]],
            (picked[0], picked[1]),
            (len(reference), len(candidate)),
            FOLDS,
            streams,
        )
        return _Judged([trial], (a, b), streams, candidate)


class ClassifierRows(_Classifier):
    """How well gradient boosting tells synthetic from real rows, ``2 AUC - 1``, lone and with the rows before them.

    The mean of two judges: one sees a row alone with its calendar, one also how long ago the row before was and what
    the two rows before held. Three folds with whole entities apart; at most 6,000 rows a side.

    References
    ----------
    .. [1] Lopez-Paz, Oquab (2017), "Revisiting classifier two-sample tests", ICLR.

    Examples
    --------
    >>> ClassifierRows.question
    'Can a model tell synthetic rows from real ones?'
    """

    name, title = "classifier_rows", "Judge of rows"
    question = "Can a model tell synthetic rows from real ones?"
    cannot_see = ("memory longer than two rows", "differences between entities", "copies: they pass as real")
    _thing = "rows"

    def prepare(
        self, train: Sequences, reference: Sequences, candidate: Sequences, streams: Streams
    ) -> _Judged:
        """Judge out of fold, without and with lags."""
        measure = ruler(train)
        chosen = [_some_rows(d) for d in (reference, candidate)]
        owners = tuple(d.entity_of_row[rows] for d, rows in zip((reference, candidate), chosen, strict=True))
        trials = []
        for lags in (False, True):
            a, b = (
                Features(f.values[rows], f.names, f.levels)
                for f, rows in zip(
                    (row_features(measure, d, lags) for d in (reference, candidate)), chosen, strict=True
                )
            )
            if not a.names:
                continue
            trials.append(
                try_apart(
                    a.values,
                    b.values,
                    (owners[0], owners[1]),
                    (len(reference), len(candidate)),
                    FOLDS,
                    streams.purpose("lags", int(lags)),
                )
            )
        if not trials:
            raise CannotSay("no column varies")
        return _Judged(trials, (a, b), streams, candidate)


def _some_rows(data: Sequences) -> NDArray[np.int64]:
    """Every k-th row, so that at most `ROWS` are judged."""
    return np.arange(0, data.n_rows, 1 + data.n_rows // ROWS)
