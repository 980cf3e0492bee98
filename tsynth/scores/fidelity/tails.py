"""Are the extremes as frequent, as large and as clustered as they really are?"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from tsynth.data.sequences import Sequences
from tsynth.scores.base import DoesNotApply
from tsynth.scores.parts import CELL, Part, PartsScore, Prepared
from tsynth.scores.pictures import plain
from tsynth.scores.ruler import Ruler
from tsynth.scores.weights import Counts
from tsynth.scores.words import number, share

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsynth.data.streams import Streams

__all__ = ["Tails"]

BEYOND = (0.05, 0.025, 0.01, 0.005)
"""Shares of the training values beyond the thresholds; the first is where a tail begins."""
OFTEN = 0.25
"""Weight of the share beyond the first threshold."""
FEWEST, FARTHEST = 20, 15
"""Real values beyond the first threshold, and beyond the others, that are expected at least."""
COLUMNS, SHOWN = 12, 6


class Tails(PartsScore):
    """Root mean square gap between the tails of numeric columns, upper and lower: how often, how far, in what clusters.

    A tail begins at a threshold that 5 % of the training values lie beyond, where 20 real values of 10 entities are
    expected there. How often: the share beyond it, as the difference of both sides over their sum. How far: of the
    values beyond, the shares beyond the 2.5, 1 and .5 % thresholds, likewise, and Hill's index, the mean of
    log(distance from the training median / that of the threshold), likewise. In what clusters: the share of rows
    beyond whose next row is beyond too, one less the extremal index. How often counts a quarter, because `marginals`
    asks that too. A threshold that many values share, so that far more or fewer lie beyond, is left out.

    References
    ----------
    .. [1] Hill (1975), "A simple general approach to inference about the tail of a distribution", Annals of
       Statistics 3.
    .. [2] Ferro, Segers (2003), "Inference for clusters of extreme values", JRSS B 65: the extremal index.

    Examples
    --------
    >>> Tails.question
    'Are the extremes as frequent, as large and as clustered as they really are?'
    """

    name, title = "tails", "Extremes"
    question = "Are the extremes as frequent, as large and as clustered as they really are?"
    group = "fidelity"
    counts_as_fidelity = True
    cannot_see = (
        "the middle of a column",
        "columns that are extreme together",
        "extremes rarer than the data can show",
    )

    def mean(self, gaps: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """Root mean square over the parts, so that one cut tail among many is seen."""
        return np.sqrt(np.average(np.square(gaps), axis=0, weights=weights))

    def nothing(self) -> str:
        """No tail with values enough."""
        return f"no number has {FEWEST} real values, of {CELL} entities, beyond its training 95 % or 5 % quantile"

    def parts(self, ruler: Ruler, reference: Sequences, candidate: Sequences, streams: Streams) -> list[Part]:
        """Up to three parts a tail."""
        columns = [c for c in ruler.varied if c.numeric and c.kind != "datetime"][:COLUMNS]
        if not columns:
            raise DoesNotApply("no column is a number that varies")
        found = []
        for column in columns:
            values = [d.numeric(column.name) for d in (ruler.train, reference, candidate)]
            middle = float(np.nanmedian(values[0]))
            for side in (1, -1):
                far = [side * (v - middle) for v in values]
                who = np.arange(ruler.train.n_entities) if column.static else ruler.train.entity_of_row
                edges = _edges(far[0], who, int(np.isfinite(values[1]).sum()), reference.n_entities)
                if len(edges):
                    sides = [(reference, far[1]), (candidate, far[2])]
                    found += _tail(column.name, column.static, side, middle, edges, sides)
        return found

    def curve(self, prepared: Prepared) -> dict[str, Any]:
        """Shares beyond rising thresholds of the worst tails."""
        pictures = []
        frequent = [p for p in prepared.parts if "edges" in p.extra]
        for part in sorted(frequent, key=lambda p: (-p.gap(), p.label))[:SHOWN]:
            real, made = (_beyond(c.total()) for c in part.counts)
            enough = part.reference.entities()[:-1] >= CELL
            rows = [
                [f"{part.extra['than']} {number(e)}", *plain(np.array([a, b]))]
                for e, a, b, ok in zip(part.extra["edges"], real, made, enough, strict=True)
                if ok
            ]
            if rows:
                columns = [part.extra["name"], "share of real values", "share of synthetic values"]
                pictures.append({"kind": "table", "title": part.label, "columns": columns, "rows": rows})
        return {"pictures": pictures}


def _edges(
    far: NDArray[np.float64], entity: NDArray[np.int64], values: int, entities: int
) -> NDArray[np.float64]:
    """Thresholds on the distance from the median on one side, for so many real values of so many entities."""
    held = np.isfinite(far)
    far, entity = far[held], entity[held]
    among = len(np.unique(entity))
    edges: list[float] = []
    for beyond in BEYOND:
        edge = float(np.quantile(far, 1 - beyond, method="inverted_cdf"))
        rows = far > edge
        part = float(rows.mean())
        fits = beyond / 2 <= part <= 2 * beyond and edge > (edges[-1] if edges else 0.0)
        holders = len(np.unique(entity[rows])) / among * entities
        if not edges and not (fits and part * values >= FEWEST and holders >= CELL):
            break
        if fits and part * values >= FARTHEST and holders >= CELL:
            edges.append(edge)
    return np.array(edges)


def _tail(
    name: str,
    static: bool,
    side: int,
    middle: float,
    edges: NDArray[np.float64],
    sides: list[tuple[Sequences, NDArray[np.float64]]],
) -> list[Part]:
    which, than = ("high", "more than") if side > 0 else ("low", "less than")
    often, size, cluster = [], [], []
    for data, far in sides:
        entity = np.arange(data.n_entities) if static else data.entity_of_row
        beyond = far[:, None] > edges
        amounts = [np.bincount(entity, beyond[:, k], data.n_entities) for k in range(len(edges))]
        held = np.bincount(entity, np.isfinite(far), data.n_entities)
        often.append(Counts.dense(np.column_stack([*amounts, held])))
        excess = np.log(np.maximum(np.where(beyond[:, 0], far, edges[0]) / edges[0], 1.0))
        excess = np.bincount(entity, excess, data.n_entities)
        size.append(Counts.dense(np.column_stack([excess, amounts[0]])))
        if static:
            continue
        later = np.flatnonzero(data.step_of_row >= 1)
        later = later[beyond[later - 1, 0]]
        again = np.bincount(data.entity_of_row[later], beyond[later, 0], data.n_entities)
        follow = np.bincount(data.entity_of_row[later], minlength=data.n_entities)
        cluster.append(Counts.dense(np.column_stack([again, follow]).astype(np.float64)))
    edge = middle + side * edges
    extra = {"name": name, "edges": [float(e) for e in edge], "than": than}
    say = partial(_say_often, name, than, float(edge[0]))
    found = [Part(f"{which} {name}", tuple(often), partial(_often, 0), say, OFTEN, extra)]
    if len(edges) > 1:
        say = partial(_say_tail, name, than, edge)
        found.append(Part(f"tail of {which} {name}", tuple(often), partial(_often, 1), say))
    say = partial(_say_size, name, than, float(edge[0]), middle)
    found.append(Part(f"size of {which} {name}", tuple(size), _sizes, say))
    if cluster and cluster[0].total()[1] >= FEWEST:
        say = partial(_say_cluster, name, than, float(edge[0]))
        found.append(Part(f"clusters of {which} {name}", tuple(cluster), _clusters, say))
    return found


def _beyond(totals: NDArray[np.float64]) -> NDArray[np.float64]:
    """Shares beyond each threshold."""
    out: NDArray[np.float64] = totals[..., :-1] / np.maximum(totals[..., -1:], 1e-300)
    return out


def _often(farther: int, first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    """Relative difference of the shares beyond the first threshold, or of the shares of those beyond the others."""
    a, b = _beyond(first), _beyond(second)
    if farther:
        a, b = (t[..., 1:] / np.maximum(t[..., :1], 1e-300) for t in (a, b))
    else:
        a, b = a[..., :1], b[..., :1]
    return _relative(a, b).mean(axis=-1)


def _relative(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.divide(np.abs(a - b), a + b, out=np.zeros_like(a), where=a + b > 0)


def _ratio(totals: NDArray[np.float64]) -> NDArray[np.float64]:
    out: NDArray[np.float64] = totals[..., 0] / np.maximum(totals[..., 1], 1e-300)
    return out


def _sizes(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    return _relative(_ratio(first), _ratio(second))


def _clusters(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.abs(_ratio(first) - _ratio(second))


def _say_often(
    name: str, than: str, edge: float, first: NDArray[np.float64], second: NDArray[np.float64]
) -> str:
    real, made = (float(_beyond(t)[0]) for t in (first, second))
    return f"{name} is {than} {number(edge)} in {share(real)} of real values, in {share(made)} of synthetic ones."


def _say_tail(
    name: str, than: str, edge: NDArray[np.float64], first: NDArray[np.float64], second: NDArray[np.float64]
) -> str:
    if not second[0]:
        return f"No synthetic {name} is {than} {number(float(edge[0]))}."
    real, made = (t[1 : len(edge)] / max(t[0], 1e-300) for t in (first, second))
    at = int(np.argmax(_relative(real, made)))
    return (
        f"Where {name} is {than} {number(float(edge[0]))}, it is even {than} {number(float(edge[at + 1]))} in "
        f"{share(float(real[at]))} of real cases, in {share(float(made[at]))} of synthetic ones."
    )


def _say_size(
    name: str,
    than: str,
    edge: float,
    middle: float,
    first: NDArray[np.float64],
    second: NDArray[np.float64],
) -> str:
    if not second[1]:
        return f"No synthetic {name} is {than} {number(edge)}."
    real, made = (middle + float(np.exp(_ratio(t))) * (edge - middle) for t in (first, second))
    return (
        f"Where {name} is {than} {number(edge)}, it is typically {number(real)} in real data, {number(made)} in "
        "synthetic data."
    )


def _say_cluster(
    name: str, than: str, edge: float, first: NDArray[np.float64], second: NDArray[np.float64]
) -> str:
    return (
        f"After a row where {name} is {than} {number(edge)}, the next one is so too in "
        f"{share(float(_ratio(first)))} of real cases, in {share(float(_ratio(second)))} of synthetic ones."
    )
