"""Checks that every score must pass."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from functools import cache, partial

import numpy as np

from tsynth import registry
from tsynth.data.sequences import Sequences
from tsynth.scores.base import Result, Score
from tsynth.scores.harness import evaluate
from tsynth.testing.checks import Check
from tsynth.testing.examples import EXAMPLES

__all__ = ["score_checks"]


def score_checks(score: str, examples: list[str] | None = None) -> list[Check]:
    """All checks of the contract for a score.

    Parameters
    ----------
    score : str
        A name in the registry, plug-ins too.
    examples : list of str, optional
        Names of `EXAMPLES`; all where None.

    Returns
    -------
    list of Check
    """
    kind: type[Score] = registry.find("scores", score)
    checks = [Check("describes_itself", partial(_describes_itself, kind, score), score)]
    for example in examples or list(EXAMPLES):
        for name, run in _ON_DATA.items():
            checks.append(Check(name, partial(run, score, example), score, example))
    return checks


def _describes_itself(kind: type[Score], name: str) -> None:
    assert kind.name == name, f"is registered as {name!r} but calls itself {kind.name!r}"
    assert kind.question.endswith("?"), "a question ends with a question mark"
    assert kind.title, "a score has a title"
    assert kind.group in ("fidelity", "structure", "utility", "privacy", "fairness")
    assert kind.cannot_see, "a score says what it cannot see"
    assert kind.__doc__, "a score has a docstring"


@cache
def _halves(example: str) -> tuple[Sequences, Sequences, Sequences]:
    data = EXAMPLES[example](entities=90)
    third = np.arange(data.n_entities) % 3
    return tuple(data.take(np.flatnonzero(third == k)) for k in range(3))  # type: ignore[return-value]


@cache
def _first_answer(score: str, example: str) -> Result:
    """The answer that several checks look at, computed once a process."""
    return _answers(score, example)


def _answers(score: str, example: str) -> Result:
    train, holdout, other = _halves(example)
    return evaluate(train, other, holdout, seed=0, scores=[score])[score]


def _is_a_gap(score: str, example: str) -> None:
    result = _first_answer(score, example)
    if result.status != "ok":
        assert result.reason, "a score that cannot say gives the reason"
        return
    assert result.value is not None
    assert np.isfinite(result.value), "a gap is a finite number"
    assert result.value >= 0, "a gap is not negative"
    if result.interval is not None:
        low, high = result.interval
        assert low <= high, "an interval has its lower bound first"
    assert result.verdict, "a verdict is a sentence"


def _repeats(score: str, example: str) -> None:
    assert asdict(_first_answer(score, example)) == asdict(_answers(score, example)), (
        "the same seed scores differently"
    )


def _is_plain_json(score: str, example: str) -> None:
    json.dumps(asdict(_first_answer(score, example)), allow_nan=False)


def _leaves_the_data_alone_without_holdout(score: str, example: str) -> None:
    train, _, other = _halves(example)
    before = [part.content_hash() for part in (train, other)]
    result = evaluate(train, other, None, seed=0, scores=[score])[score]
    if result.status != "ok":
        assert result.reason
    else:
        assert result.floor is None, "there is no floor without a holdout"
    assert [part.content_hash() for part in (train, other)] == before, "a score changed its data"


_ON_DATA: dict[str, Callable[[str, str], None]] = {
    "is_a_gap": _is_a_gap,
    "repeats": _repeats,
    "is_plain_json": _is_plain_json,
    "leaves_the_data_alone_without_holdout": _leaves_the_data_alone_without_holdout,
}
