"""Simulate and correct: what a fitted network makes is compared with what it learned from, and moved towards it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tsynth.data.streams import Streams
from tsynth.generators.neural import totals
from tsynth.generators.neural.walks import make_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsynth.generators.neural.autoregressive import Autoregressive
    from tsynth.generators.neural.codes import Table

__all__ = ["choices_shift", "codes_shift", "correct", "ends_shift", "levels_kept"]

MOST, MOST_ROWS = 3000, 200_000
"""Entities that are made for one comparison, at most, and rows that they have together."""
TAKING = 200
"""Rows that take from a running total, from which on its levels are compared."""

LENGTHS = np.array([1, 2, 3, 4, 5, 6, 8, 10, 13, 17, 22, 30, 40, 60, 90])
"""First lengths of the classes in which sequences end."""
CHOICES = 32
"""Most choices of a field whose shares are corrected."""
CLASSES = 12
"""Classes of a running total below its median."""
SHRINK = 4.0
"""Entities that agree, beside those that were counted."""


def correct(model: Autoregressive, rows: Table, turn: int) -> None:
    """Make rows, compare them with `rows`, and move codes, ends, choices and low totals of `model` towards these."""
    made, encoder, view = model.plan_, model.encoder_, rows.view
    # more tell nothing: few real entities err more than they do
    most = min(MOST, 200 + 4 * view.n_entities)
    n = int(np.clip(MOST_ROWS // max(1, view.n_rows // max(view.n_entities, 1)), 200, most))
    statics, _, _, (offsets, _, code, choice, score) = make_rows(
        model, Streams(turn, "correct", range(n)), None
    )
    if made["codes"] > 1 or made["ticked"]:
        shift = codes_shift(rows, code, n, made["codes"], made["ticked"])
        bias = model.nets_["event"]["three.bias"].copy()
        bias[: made["codes"]] += shift
        model.nets_["event"] = {**model.nets_["event"], "three.bias": bias.astype(np.float32)}
    if not made["ticked"] and not made["clock"]:
        made["end_shift"] = ends_shift(np.diff(view.offsets), np.diff(offsets), made["end_shift"])
    prior = made["prior"].copy()
    for f, choices in enumerate(made["field_choices"]):
        if made["field_first"][f] < 0 and 1 < choices <= CHOICES:
            prior[f, :, :choices] += choices_shift(rows, f, choice[:, f], n, int(choices))
    made["prior"] = prior
    if made["total"] >= 0:
        wanted, got = (
            _after_taking(
                at,
                made["sign"][codes] * totals.numbers(made, encoder, c, v),
                totals.openings(made, encoder, who, len(at) - 1),
            )
            for at, codes, c, v, who in (
                (view.offsets, rows.code, rows.choice, rows.value, view.statics),
                (offsets, code, choice, score, statics),
            )
        )
        if min(len(wanted), len(got)) >= TAKING:
            made["level_edges"], made["level_keep"] = levels_kept(
                wanted, got, made["level_edges"], made["level_keep"]
            )


def codes_shift(
    rows: Table, code: NDArray[np.int64], n: int, codes: int, ticked: bool
) -> NDArray[np.float64]:
    """What to add to each code's logit, so that its rows an entity come nearer to those of `rows`.

    The logarithm of the ratio, shrunk by its error: w = r^2 / (r^2 + var).

    Parameters
    ----------
    rows : Table
        What was learned from.
    code : int64 array
        Codes of the rows that were made for `n` entities.
    codes : int
    ticked : bool
        Whether "nothing" competes with the codes; else shifts average 0.
    """
    shift, wanted = _log_ratio(rows, rows.code, code, n, codes)
    if not ticked:
        shift -= np.average(shift, weights=wanted + 1e-12)
    return np.asarray(np.clip(shift, -1.0, 1.0))


def choices_shift(
    rows: Table, field: int, choice: NDArray[np.int64], n: int, choices: int
) -> NDArray[np.float64]:
    """What to add to the logit of each choice of a field, so that its share of the rows comes nearer to that in `rows`.

    As `codes_shift`; rare labels that go on once they have begun are made too seldom by the smallest slip.

    Parameters
    ----------
    rows : Table
        What was learned from.
    field : int
    choice : int64 array
        Choices of the rows that were made for `n` entities.
    choices : int
    """
    shift, wanted = _log_ratio(rows, rows.choice[:, field], choice, n, choices)
    shift -= np.average(shift, weights=wanted + 1e-12)
    return np.asarray(np.clip(shift, -1.0, 1.0))


def _log_ratio(
    rows: Table, real: NDArray[np.int64], made: NDArray[np.int64], n: int, kinds: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Logarithm of each kind's rows an entity, learned over made, shrunk by its error; and those learned."""
    view = rows.view
    owner = np.repeat(np.arange(view.n_entities), np.diff(view.offsets))
    wanted = np.bincount(real, minlength=kinds) / view.n_entities
    got = np.bincount(made, minlength=kinds) / n
    square = np.zeros(kinds)
    cells, count = np.unique(owner * kinds + real, return_counts=True)
    np.add.at(square, cells % kinds, count.astype(np.float64) ** 2)
    variance = (square / view.n_entities - wanted**2) * (1 / view.n_entities + 1 / n)
    log = np.log((wanted + 1e-9) / (got + 1e-9))
    error = variance / np.maximum(wanted, 1e-9) ** 2
    return np.where(wanted > 0, log * log**2 / (log**2 + error + 1e-12), 0.0), wanted


def ends_shift(
    lengths: NDArray[np.int64], made: NDArray[np.int64], before: NDArray[np.float64]
) -> NDArray[np.float64]:
    """What to add to the logit of the end after each number of rows, beyond `before`.

    Parameters
    ----------
    lengths, made : int64 arrays
        Rows of each entity that was learned from, and that was made.
    before : float64 array
        What was added so far.
    """
    size = int(LENGTHS[-1]) + 1
    place = np.searchsorted(LENGTHS, np.arange(size), side="right") - 1

    def log_odds(length: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        held = length[length > 0]
        ends = np.bincount(np.minimum(held, size - 1), minlength=size).astype(np.float64)
        alive = np.cumsum(ends[::-1])[::-1]
        alive[-1] = np.maximum(held - size + 2, 0).sum()  # rows at which the long ones could have ended
        ended, at_risk = (np.bincount(place[1:], x[1:], len(LENGTHS)) for x in (ends, alive))
        rate = (ended + 0.5) / (at_risk + 1.0)
        return np.log(rate / (1 - rate)), 1.0 / (ended + 0.5) + 1.0 / np.maximum(at_risk - ended, 0.5)

    wanted, error = log_odds(lengths)
    got, noise = log_odds(made)
    log = wanted - got
    shift = np.clip(log * log**2 / (log**2 + error + noise), -1.0, 1.0)
    whole = before if len(before) == size else np.zeros(size)
    return np.asarray(whole + shift[np.maximum(place, 0)])


def levels_kept(
    wanted: NDArray[np.float64],
    got: NDArray[np.float64],
    edges: NDArray[np.float64],
    before: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Classes of a running total after rows that take from it, and the chance with which such a row is kept.

    Below the median, rows that lead to a class too often are drawn anew: the chance is the ratio of what was wanted to
    what was made.

    Parameters
    ----------
    wanted, got : float64 arrays
        Totals after such rows, learned and made.
    edges, before : float64 arrays
        Classes and chances so far; empty and 1 at first.
    """
    if len(edges) == 0:
        edges = np.unique(np.quantile(wanted, 0.5 * np.linspace(0.0, 1.0, CLASSES + 1) ** 1.5))
        before = np.ones(len(edges) + 1)
    classes = len(edges) + 1
    have, made = (
        np.bincount(np.searchsorted(edges, x), minlength=classes) / max(len(x), 1) for x in (wanted, got)
    )
    floor = SHRINK / max(len(wanted), 1)
    kept = np.clip(before * (have + floor) / (made + floor), 0.02, None)
    kept[-1] = max(1.0, kept[-1])
    return edges, np.minimum(kept / np.median(kept[len(kept) // 2 :]), 1.0)


def _after_taking(
    offsets: NDArray[np.int64], change: NDArray[np.float64], begin: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The running total after each row that takes from it."""
    lengths = np.diff(offsets)
    summed = np.concatenate([[0.0], np.cumsum(change)])
    after = summed[1:] - np.repeat(summed[offsets[:-1]], lengths) + np.repeat(begin, lengths)
    return np.asarray(after[change < 0])
