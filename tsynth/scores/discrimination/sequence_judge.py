"""Can a recurrent network tell synthetic from real sequences, given their raw rows?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from scipy.special import expit

from tsynth import nets
from tsynth.data.sequences import Sequences
from tsynth.scores.base import CannotSay, Result, Score
from tsynth.scores.ruler import ruler
from tsynth.scores.stretches import Fold, Stretches, folds, numbers, stretches
from tsynth.scores.weights import auc, roc
from tsynth.scores.words import number

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsynth.data.streams import Streams

__all__ = ["SequenceJudge"]

FOLDS, FEWEST, DRAWS, SHOWN = 4, 16, 200, 5


@dataclass
class _Asked:
    """What the judge of one fold said of sequences it had not seen, sorted."""

    score: NDArray[np.float64]
    truth: NDArray[np.bool_]
    owner: NDArray[np.int64]  # of the reference, then those of the candidate, counted on


@dataclass
class _Judged:
    asked: list[_Asked]
    apart: str
    examples: list[dict[str, Any]]
    streams: Streams
    sizes: tuple[int, int]


class SequenceJudge(Score):
    """How well a recurrent network tells synthetic from real sequences by their raw rows, ``2 AUC - 1``.

    Four judges, each a GRU of 24 units that reads at most 64 rows of an entity: the columns (normal scores among the
    training values, levels, nulls), the calendar and the time since the row before. Each learns from other entities
    than it is asked about and, where entities share a calendar, from the other half of the time, so that it can know
    neither an entity nor what happened on a day; blocks of few long series are held out by spans of time. The value is
    0 where the judges guess and 1 where they are never wrong; below 0 by chance, which a report shows as 0.

    The curve holds ``{"auc", "interval": [low, high], "folds", "apart": how training and test were held apart,
    "roc", "examples": [{"entity", "rows", "probability"}]}``: the AUC's 95 % interval by a bootstrap of entities, and
    the synthetic entities that gave themselves away most plainly.

    Parameters
    ----------
    hidden, steps, batch, rows : int
        Units, steps of training, sequences of a side in a batch, most rows of a sequence.

    References
    ----------
    .. [1] Lopez-Paz, Oquab (2017), "Revisiting classifier two-sample tests", ICLR, sec. 3.
    .. [2] Hanley, McNeil (1982), Radiology 143: the AUC is the share of pairs put in order.

    Examples
    --------
    >>> SequenceJudge.question
    'Can a network that reads raw rows tell synthetic sequences from real ones?'
    """

    name, title = "sequence_judge", "Judge of raw sequences"
    question = "Can a network that reads raw rows tell synthetic sequences from real ones?"
    group = "fidelity"
    standard: ClassVar[bool] = False
    dear = True
    cannot_see = (
        "small differences that boosted trees find in hand-made features; it finds order and memory",
        "rows beyond the stretch it reads, and where entities share a calendar what spans both halves of the time",
        "copies: they pass as real",
    )

    def __init__(self, hidden: int = 24, steps: int = 300, batch: int = 64, rows: int = 64) -> None:
        self.hidden, self.steps, self.batch, self.rows = hidden, steps, batch, rows

    def cannot(self, train: Sequences, reference: Sequences | None, candidate: Sequences) -> str | None:
        """No torch, or too few sequences."""
        if not nets.available():
            return "it needs the extra `neural` (pip install 'tsynth[neural]')"
        fewest = min(int((d.lengths > 0).sum()) for d in (reference or candidate, candidate))
        return None if fewest >= FEWEST else f"{fewest} sequences with rows on a side, and it needs {FEWEST}"

    def prepare(
        self, train: Sequences, reference: Sequences, candidate: Sequences, streams: Streams
    ) -> _Judged:
        """Train the judges and ask each about what it has not seen."""
        nets.require("the score 'sequence_judge'")
        measure, sides = ruler(train), (reference, candidate)
        rows = numbers(measure, *sides)
        own = tuple(type(streams)(streams.seed, (*streams.path, who), range(d.n_entities))
                    for who, d in zip(("reference", "candidate"), sides, strict=True))  # fmt: skip
        cut = float(np.median(reference.time)) if train.calendar and not measure.blocks else None
        apart = "entities and times" if cut is not None or measure.blocks else "entities"
        held, found = self._apart(sides, rows, cut, measure.blocks, (own[0], own[1]))
        if held is None and cut is not None:
            apart = "entities"  # one side has too few rows in a half of the time
            held, found = self._apart(sides, rows, None, measure.blocks, (own[0], own[1]))
        if held is None:
            raise CannotSay("there are too few sequences to hold entities and times apart")
        logits = self._judge(found, held, int(streams.key))
        asked: list[_Asked] = []
        mean: list[list[float]] = [[] for _ in range(candidate.n_entities)]
        for k, fold in enumerate(held):
            score = np.concatenate([side[k][i] for side, i in zip(logits, fold.held, strict=True)])
            truth = np.repeat([False, True], [len(i) for i in fold.held])
            owner = np.concatenate(
                [found[0].owner[fold.held[0]], found[1].owner[fold.held[1]] + reference.n_entities]
            )
            order = np.argsort(score, kind="stable")
            asked.append(_Asked(score[order], truth[order], owner[order]))
            for i in fold.held[1]:
                mean[found[1].owner[i]].append(float(logits[1][k][i]))
        examples = _examples(candidate, mean)
        return _Judged(asked, apart, examples, streams, (reference.n_entities, candidate.n_entities))

    def _apart(
        self,
        sides: tuple[Sequences, Sequences],
        rows: list[NDArray[np.float32]],
        cut: float | None,
        blocks: bool,
        own: tuple[Streams, Streams],
    ) -> tuple[list[Fold] | None, tuple[Stretches, Stretches]]:
        first, second = (
            stretches(d, r, self.rows, cut, s.purpose("stretch"))
            for d, r, s in zip(sides, rows, own, strict=True)
        )
        try:
            return folds((first, second), cut, FOLDS, blocks, own), (first, second)
        except CannotSay:
            return None, (first, second)

    def _judge(
        self, found: tuple[Stretches, Stretches], held: list[Fold], seed: int
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        from tsynth.nets.judges import judge_sequences

        learn = []
        for side in (0, 1):
            least = min(len(fold.learn[side]) for fold in held)
            # every so manyth, so that each judge learns from as many
            learn.append(np.stack([f.learn[side][np.linspace(0, len(f.learn[side]) - 1, least).astype(np.int64)]
                                   for f in held]))  # fmt: skip
        longest = max(side.values.shape[1] for side in found)
        values = [np.pad(s.values, ((0, 0), (0, longest - s.values.shape[1]), (0, 0))) for s in found]
        return judge_sequences(
            (values[0], values[1]),
            (found[0].lengths, found[1].lengths),
            (learn[0], learn[1]),
            hidden=self.hidden,
            steps=self.steps,
            batch=self.batch,
            seed=seed,
        )

    def value(
        self,
        prepared: _Judged,
        reference_weights: NDArray[np.float64],
        candidate_weights: NDArray[np.float64],
    ) -> float:
        """Twice the AUC's excess over .5, the mean of the folds."""
        weights = np.concatenate([reference_weights, candidate_weights])
        return 2 * float(np.mean([auc(a.score, a.truth, weights[a.owner]) for a in prepared.asked])) - 1

    def curve(self, prepared: _Judged) -> dict[str, Any]:
        """AUC with interval, ROC curve, worst examples."""
        weights = [
            type(prepared.streams)(prepared.streams.seed, (*prepared.streams.path, "interval", who), range(n))
            .poisson(1.0, DRAWS)
            .T.astype(np.float64)
            for who, n in enumerate(prepared.sizes)
        ]
        whole = (self.value(prepared, *(np.ones(n) for n in prepared.sizes)) + 1) / 2
        draws = (self.values(prepared, *weights) + 1) / 2
        low, high = np.clip(whole + np.quantile(draws - draws.mean(), [0.025, 0.975]), 0, 1)
        score, truth = (
            np.concatenate([part for part in parts])
            for parts in ([_ranks(a.score) for a in prepared.asked], [a.truth for a in prepared.asked])
        )
        return {
            "auc": whole,
            "interval": [float(low), float(high)],
            "folds": len(prepared.asked),
            "apart": prepared.apart,
            "roc": roc(score, truth),
            "examples": prepared.examples,
        }

    def verdict(self, result: Result) -> str:
        """What the judges reach, its interval, and the worst examples."""
        low, high = (number(100 * bound) for bound in result.curve["interval"])
        text = (
            f"Given one real and one synthetic sequence, a network that reads the rows picks the synthetic one in "
            f"{number(50 + 50 * (result.value or 0))} of 100 cases ({low} to {high}; 50 is guessing)"
        )
        if result.floor is not None:
            text += f"; between two halves of real data it reaches {number(50 + 50 * result.floor)}"
        plain = [e["entity"] for e in result.curve["examples"] if e["probability"] > 0.9]
        return text + (
            f". Most plainly synthetic: {', '.join(plain)}."
            if plain and result.curve["interval"][0] > 0.5
            else "."
        )


def _ranks(score: NDArray[np.float64]) -> NDArray[np.float64]:
    """Judges have scales of their own, so their answers are put together by rank; scores are sorted."""
    return np.searchsorted(score, score) / len(score)


def _examples(candidate: Sequences, logits: list[list[float]]) -> list[dict[str, Any]]:
    mean = np.array([np.mean(known) if known else -np.inf for known in logits])
    names = None if candidate.schema.entity is None else candidate.entities[candidate.schema.entity]
    out = []
    for i in np.argsort(-mean, kind="stable")[:SHOWN]:
        if np.isfinite(mean[i]):
            label = str(i) if names is None else str(names[int(i)].as_py())
            out.append(
                {"entity": label, "rows": int(candidate.lengths[i]), "probability": float(expit(mean[i]))}
            )
    return out
