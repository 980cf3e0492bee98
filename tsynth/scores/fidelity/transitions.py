"""Do kinds of rows follow each other as they really do?"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from tsynth.data.sequences import Sequences
from tsynth.scores.base import Detail
from tsynth.scores.parts import CELL, Part, PartsScore, Prepared
from tsynth.scores.ruler import Ruler
from tsynth.scores.weights import Counts, total_variation
from tsynth.scores.words import share

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsynth.data.streams import Streams

__all__ = ["Transitions"]

GRAMS, SHOWN = 2_000, 11


class Transitions(PartsScore):
    """Mean total variation between 1-, 2- and 3-grams of codes, with start and end of a sequence as codes.

    The code of a row is its mark, joined with further categories while few combinations exist. The 2,000 grams most
    frequent in training are told apart, the rest is one cell an order, so that with thousands of marks the 3-grams
    fade and the 1-grams still count.

    References
    ----------
    .. [1] Levin, Peres (2017), *Markov Chains and Mixing Times*, sec. 4.1: ``TV(p, q) = 1/2 sum |p_i - q_i|``.

    Examples
    --------
    >>> Transitions.question
    'Do kinds of rows follow each other as they really do?'
    """

    name, title = "transitions", "What follows what"
    question = "Do kinds of rows follow each other as they really do?"
    group = "fidelity"
    counts_as_fidelity = True
    cannot_see = ("time between rows", "memory longer than three rows", "values that are not categories")

    def nothing(self) -> str:
        """No code."""
        return "no column of the rows is a category with two levels or more"

    def parts(self, ruler: Ruler, reference: Sequences, candidate: Sequences, streams: Streams) -> list[Part]:
        """A part an order."""
        if not ruler.code_columns:
            return []
        found = []
        for order, name in ((1, "kinds of rows"), (2, "pairs of rows"), (3, "triples of rows")):
            entity, grams = zip(
                *(_grams(ruler, d, order) for d in (ruler.train, reference, candidate)), strict=True
            )
            values, counts = np.unique(grams[0], return_counts=True)
            known = np.sort(values[np.argsort(-counts, kind="stable")[:GRAMS]])
            tables = [
                Counts(entity[i], _lookup(known, grams[i]), d.n_entities, len(known) + 1)
                for i, d in ((1, reference), (2, candidate))
            ]
            say = partial(_say, ruler.code_names, known, order, tables[0].entities())
            found.append(Part(name, tuple(tables), total_variation, say))
        return found

    def details(self, prepared: Prepared) -> list[Detail]:
        """The orders, and the single steps that differ most."""
        return [*super().details(prepared), *_steps(prepared)]

    def curve(self, prepared: Prepared) -> dict[str, Any]:
        """The matrix of steps between the most frequent codes."""
        ruler, sides = prepared.ruler, (prepared.reference, prepared.candidate)
        names, tables = _matrices(ruler, *sides, most=SHOWN)
        enough = tables[0].entities().reshape(len(names), -1).sum(1) >= CELL
        held = tables[0].entities().reshape(len(names), -1)
        shown = []
        for table in tables:
            totals = table.total().reshape(len(names), -1)
            shown.append(totals / np.maximum(totals.sum(1, keepdims=True), 1))
        real = [
            [float(v) if ok and (n >= CELL or v == 0) else None for v, n in zip(row, ns, strict=True)]
            for row, ns, ok in zip(shown[0], held, enough, strict=True)
        ]
        made = [[float(v) for v in row] for row in shown[1]]
        apart = [
            [None if a is None else b - a for a, b in zip(x, y, strict=True)]
            for x, y in zip(real, made, strict=True)
        ]
        return {"codes": names, "next": [*names, "end"], "real": real, "synthetic": made, "difference": apart}


def _grams(ruler: Ruler, data: Sequences, order: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Entity and number of each gram; the sequence has a start before its first row and an end after its last."""
    base = len(ruler.code_names) + 1
    pads = 1 if order > 1 else 0
    codes = ruler.codes(data)
    offsets = data.offsets + 2 * pads * np.arange(data.n_entities + 1)
    padded = np.full(data.n_rows + 2 * pads * data.n_entities, base - 1)
    entity = np.repeat(np.arange(data.n_entities), np.diff(offsets))
    padded[np.arange(data.n_rows) + pads * (2 * data.entity_of_row + 1)] = codes
    count = max(len(padded) - order + 1, 0)
    grams = np.zeros(count, np.int64)
    for k in range(order):
        grams = grams * base + padded[k : k + count]
    inside = entity[:count] == entity[order - 1 : order - 1 + count]
    return entity[:count][inside], grams[inside]


def _lookup(known: NDArray[np.int64], grams: NDArray[np.int64]) -> NDArray[np.int64]:
    at = np.searchsorted(known, grams)
    hit = known[np.minimum(at, len(known) - 1)] == grams
    return np.where(hit, at, len(known))


def _say(
    names: list[str],
    known: NDArray[np.int64],
    order: int,
    entities: NDArray[np.int64],
    a: NDArray[np.float64],
    b: NDArray[np.float64],
) -> str:
    real, made = a / max(a.sum(), 1), b / max(b.sum(), 1)
    at = int(np.argmax(np.abs(real - made)))
    what = {1: "rows", 2: "pairs of neighbouring rows", 3: "triples of neighbouring rows"}[order]
    text = "rare"
    if at < len(known) and entities[at] >= CELL:
        base, gram = len(names) + 1, int(known[at])
        digits = [(gram // base**k) % base for k in range(order - 1, -1, -1)]
        last = ["start", *[""] * (order - 2), "end"]
        text = " → ".join(f"“{names[d]}”" if d < base - 1 else last[i] for i, d in enumerate(digits))
    return f"{share(real[at])} of real {what} are {text}, {share(made[at])} of synthetic ones."


def _matrices(ruler: Ruler, *sides: Sequences, most: int) -> tuple[list[str], list[Counts]]:
    """Steps from each of the most frequent codes to each, to "other", to the end."""
    names = list(ruler.code_names)
    if len(names) - 1 > most:
        names = [*names[:most], "other"]
    elif not any((ruler.codes(d) == len(names) - 1).any() for d in sides):
        names = names[:-1]
    size = len(names)
    tables = []
    for data in sides:
        codes = np.minimum(ruler.codes(data), size - 1)
        after = np.full(len(codes), size)
        inside = data.entity_of_row[1:] == data.entity_of_row[:-1]
        after[:-1][inside] = codes[1:][inside]
        tables.append(
            Counts(data.entity_of_row, codes * (size + 1) + after, data.n_entities, size * (size + 1))
        )
    return names, tables


def _steps(prepared: Prepared) -> list[Detail]:
    names, tables = _matrices(prepared.ruler, prepared.reference, prepared.candidate, most=SHOWN)
    size = len(names)
    real, made = (t.total().reshape(size, -1) for t in tables)
    after = [t / np.maximum(t.sum(1, keepdims=True), 1) for t in (real, made)]
    weight = real.sum(1, keepdims=True) / max(real.sum(), 1)
    apart = np.abs(after[0] - after[1]) * weight
    apart[tables[0].entities().reshape(size, -1).sum(1) < CELL] = 0
    found = []
    for at in np.argsort(-apart, axis=None, kind="stable"):
        i, j = divmod(int(at), size + 1)
        if apart[i, j] <= 0:
            break
        then = f"the next row is “{names[j]}”" if j < size else "the sequence ends"
        sentence = (
            f"After “{names[i]}” {then} in {share(after[0][i, j])} of real cases, "
            f"in {share(after[1][i, j])} of synthetic ones."
        )
        found.append(
            Detail(f"{names[i]} → {names[j] if j < size else 'end'}", float(apart[i, j]), None, sentence)
        )
    return found
