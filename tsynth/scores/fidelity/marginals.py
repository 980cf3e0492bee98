"""Do single columns look alike?"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from tsynth.data.schema import Column
from tsynth.data.sequences import Sequences
from tsynth.scores.parts import CELL, Part, PartsScore, Prepared
from tsynth.scores.pictures import bars, histogram
from tsynth.scores.ruler import Ruler
from tsynth.scores.weights import Counts, total_variation
from tsynth.scores.words import date, number, share

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsynth.data.streams import Streams

__all__ = ["Marginals"]

SPANS = 12


class Marginals(PartsScore):
    """Mean gap between the distributions of single columns, over rows (statics: over entities).

    A numeric column: the 1-Wasserstein distance on ranks among the training values, doubled, so that unit and
    skewness do not matter and 1 is the worst, and the difference in nulls. A category: total variation, null being
    a level. Columns that are constant on both sides are left out. For lengths, gaps and time there are other scores.

    Attributes
    ----------
    cannot_see : tuple of str
        What escapes it.

    References
    ----------
    .. [1] Villani (2009), *Optimal Transport: Old and New*, ch. 6. In one dimension
       ``W1 = integral |F(u) - G(u)| du``.

    Examples
    --------
    >>> Marginals.question
    'Do single columns look alike?'
    """

    name, title, question = "marginals", "Single columns", "Do single columns look alike?"
    group = "fidelity"
    counts_as_fidelity = True
    cannot_see = (
        "how columns depend on each other or on time",
        "how far values lie beyond the largest or smallest real one",
    )

    def nothing(self) -> str:
        """No column varies."""
        return "no learned column has two different values"

    def parts(self, ruler: Ruler, reference: Sequences, candidate: Sequences, streams: Streams) -> list[Part]:
        """A part a column."""
        varied = {c.name for c in ruler.varied}
        found = []
        for column in ruler.columns:
            part = _part(ruler, column, reference, candidate)
            if column.name in varied or part.gap() > 0:
                found.append(part)
        return found

    def curve(self, prepared: Prepared) -> dict[str, Any]:
        """Histograms and bars a column, and nulls over time."""
        ranked = sorted(prepared.parts, key=lambda p: (-p.gap(), p.label))
        shown = [_picture(prepared, p) for p in ranked]
        return {"columns": shown, "missing": _missing(prepared)}


def _entity(data: Sequences, column: Column) -> NDArray[np.int64]:
    return np.arange(data.n_entities) if column.static else data.entity_of_row


def _part(ruler: Ruler, column: Column, reference: Sequences, candidate: Sequences) -> Part:
    counts = []
    for data in (reference, candidate):
        cells, size = ruler.cells(data, column.name)
        counts.append(Counts(_entity(data, column), cells, data.n_entities, size))
    what = "entities" if column.static else "rows"
    if column.discrete:
        names = ruler.level_names(column.name)
        say = partial(_level_sentence, column.name, names, counts[0].entities(), what)
        return Part(column.name, tuple(counts), total_variation, say, extra={"column": column})
    grid = ruler.grid(column.name)
    unit = ruler.schema.time_unit if column.kind == "datetime" else None

    def say_edge(a: NDArray[np.float64], b: NDArray[np.float64]) -> str:
        nulls = a[-1] / max(a.sum(), 1), b[-1] / max(b.sum(), 1)
        edge, real, made = grid.widest(a, b)
        if abs(nulls[0] - nulls[1]) >= abs(real - made):
            return f"{column.name} is null in {share(nulls[0])} of real {what}, in {share(nulls[1])} of synthetic ones."
        text = date(edge, unit) if unit else number(edge) + (f" {column.unit}" if column.unit else "")
        return f"{column.name} is at most {text} in {share(real)} of real {what}, in {share(made)} of synthetic ones."

    return Part(column.name, tuple(counts), grid.distance, say_edge, extra={"column": column})


def _level_sentence(
    name: str,
    names: list[str],
    entities: NDArray[np.int64],
    what: str,
    a: NDArray[np.float64],
    b: NDArray[np.float64],
) -> str:
    real, made = a / max(a.sum(), 1), b / max(b.sum(), 1)
    told = entities >= CELL
    told[-1] = True  # how often it is null is told of any number
    at = int(np.argmax(np.where(told, np.abs(real - made), -1.0)))
    if real[at] == made[at]:
        return ""
    level = names[at]
    return f"{name} is {level} in {share(real[at])} of real {what}, in {share(made[at])} of synthetic ones."


def _picture(prepared: Prepared, part: Part) -> dict[str, Any]:
    column: Column = part.extra["column"]
    a, b = part.reference.total(), part.candidate.total()
    out: dict[str, Any] = {
        "name": column.name,
        "kind": column.kind,
        "unit": column.unit,
        "static": column.static,
    }
    out["gap"] = part.gap()
    nulls = [float(t[-1] / max(t.sum(), 1)) for t in (a, b)]
    out["null"] = {"real": nulls[0], "synthetic": nulls[1]}
    if column.discrete:
        names = prepared.ruler.level_names(column.name)[:-1]
        return {**out, "picture": "bars", **bars(a[:-1], b[:-1], names, part.reference.entities()[:-1])}
    real = prepared.reference.numeric(column.name), _entity(prepared.reference, column)
    unit = prepared.ruler.schema.time_unit if column.kind == "datetime" else None
    return {
        **out,
        "picture": "histogram",
        **histogram(real, prepared.candidate.numeric(column.name), unit=unit),
    }


def _missing(prepared: Prepared) -> list[dict[str, Any]]:
    """Share of nulls over spans of time, or of places in the sequence where time cannot be compared."""
    found = []
    sides = (prepared.reference, prepared.candidate)
    dated = sides[0].calendar and prepared.ruler.same_time
    at = [d.time if dated else d.step_of_row.astype(np.float64) for d in sides]
    edges = np.unique(np.quantile(at[0], np.linspace(0, 1, SPANS + 1)))
    if len(edges) < 2:
        return []
    span = [np.clip(np.searchsorted(edges, x, side="right") - 1, 0, len(edges) - 2) for x in at]
    held = np.unique(np.column_stack([span[0], sides[0].entity_of_row]), axis=0)[:, 0]
    enough = np.bincount(held, minlength=len(edges) - 1) >= CELL
    for column in prepared.ruler.schema.dynamic:
        nulls = [d.nulls(column.name) for d in sides]
        if not any(n.any() for n in nulls) or all(n.all() for n in nulls):
            continue
        share_of = []
        for s, n in zip(span, nulls, strict=True):
            rows = np.bincount(s, minlength=len(edges) - 1)
            share_of.append(np.bincount(s, weights=n, minlength=len(edges) - 1) / np.maximum(rows, 1))
        middle = (edges[1:] + edges[:-1]) / 2
        x = [date(m, sides[0].schema.time_unit) for m in middle] if dated else [float(m) for m in middle]
        entry: dict[str, Any] = {
            "name": column.name,
            "by": "time" if dated else "place",
            "x": x,
            "dates": dated,
        }
        entry["real"] = [float(v) if ok else None for v, ok in zip(share_of[0], enough, strict=True)]
        entry["synthetic"] = [float(v) for v in share_of[1]]
        found.append(entry)
    return found
