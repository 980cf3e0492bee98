"""Do prices move as they really do?"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from tsynth.data.sequences import Sequences
from tsynth.scores.base import DoesNotApply
from tsynth.scores.lagged import correlations, moments
from tsynth.scores.parts import CELL, Part, PartsScore, Prepared
from tsynth.scores.ruler import Ruler
from tsynth.scores.weights import Counts
from tsynth.scores.words import number, share

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsynth.data.streams import Streams

__all__ = ["Returns"]

Fact = Callable[["NDArray[np.float64]"], "NDArray[np.float64]"]
BOTH = "{{real}} in real data, {{made}} in synthetic data."

SHORTEST, COLUMNS, CLIP, NORMAL = 16, 8, 10.0, 0.798
FLAT, WANDERS, HEAVY = 0.2, 0.1, 0.78
"""Most correlation of returns with earlier ones; most variance of returns beside that of the level they add up to;
most mean size over standard deviation of a column of returns (.80 in a normal law)."""
NEAR, FAR, NEXT = ((1,), (2, 3, 4, 5)), ((1,), (2, 3), (4, 5, 6, 7), tuple(range(8, 21))), ((1, 2, 3, 4, 5),)
"""Groups of lags: of returns, of their sizes, and from a return to the sizes after it."""


class Returns(PartsScore):
    """Root mean square gap between the stylised facts of returns.

    Of each column: the size of returns (the difference of mean sizes over their sum); heavy tails (mean size over
    standard deviation, .80 in a normal law and less where tails are heavy); no memory of returns themselves (their
    autocorrelation at lag 1 and 2 to 5); clusters of volatility (that of their sizes at lags 1, 2 to 3, 4 to 7 and
    8 to 20); the leverage effect (the correlation of a return with the sizes of the next five); and the asymmetry
    of gains and losses (the part of the mean square that lies above the median, less the part below). Differences
    of memory and asymmetry are halved. But for the size, returns count in units of the mean size in their sequence
    (not in blocks of few long ones), so that none drowns the others; they are clipped at 10 standard deviations.

    What is a price is decided on the training rows: a regular series of continuous, positive numbers whose changes
    of logarithm say little about the next ones (correlations at lags 1 to 5 below .2), are mostly not 0, and have
    less than a tenth of the variance of the logarithm itself, so that it wanders. A column counts as returns where it
    has both signs, a mean near 0, as little memory, and tails heavier than normal. Half of the sequences, or their
    blocks, must hold 16 rows or more.

    References
    ----------
    .. [1] Cont (2001), "Empirical properties of asset returns: stylized facts and statistical issues", Quantitative
       Finance 1, sec. 2: facts 1 to 3, 6 and 9.
    .. [2] Geary (1935), "The ratio of the mean deviation to the standard deviation as a test of normality",
       Biometrika 27.

    Examples
    --------
    >>> Returns.question
    'Do prices move as they really do?'
    """

    name, title, question = "returns", "Returns of prices", "Do prices move as they really do?"
    group = "fidelity"
    counts_as_fidelity = True
    cannot_see = (
        "prices that move together",
        "memory of volatility beyond 20 rows",
        "the level of prices",
    )

    def mean(self, gaps: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """Root mean square over the facts, so that one that is missing is seen."""
        return np.sqrt(np.mean(np.square(gaps), axis=0))

    def parts(self, ruler: Ruler, reference: Sequences, candidate: Sequences, streams: Streams) -> list[Part]:
        """Six facts a column of prices or returns."""
        if ruler.schema.frequency in (None, "mixed") or np.median(ruler.train.lengths) < SHORTEST:
            raise DoesNotApply(f"prices are regular series of {SHORTEST} rows or more")
        found = []
        for name, kind in _prices(ruler)[:COLUMNS]:
            known = _returns(ruler.train, name, kind)
            middle = float(np.nanmedian(known))
            scale = float(np.nanmedian(np.abs(known - middle))) / 0.6745
            sides = []
            for data in (reference, candidate):
                r = (_returns(data, name, kind) - middle) / scale
                own = r if ruler.blocks else _own(data, r)
                sides.append((data, np.clip(r, -CLIP, CLIP), np.clip(own, -CLIP, CLIP)))
            found += _facts(name, kind, scale, sides)
        if not found:
            raise DoesNotApply("no column behaves like a price or a return")
        return found

    def curve(self, prepared: Prepared) -> dict[str, Any]:
        """The facts of both sides, those farthest apart first."""
        if prepared.reference.n_entities < CELL:
            return {}
        rows = [
            [p.label, *(float(np.ravel(p.extra["fact"](c.total()))[0]) for c in p.counts)]
            for p in sorted(prepared.parts, key=lambda p: (-p.gap(), p.label))
        ]
        table = {
            "kind": "table",
            "title": "Stylised facts",
            "columns": ["fact", "real", "synthetic"],
            "rows": rows,
            "caption": "Of several lags the first. Sizes are in robust standard deviations of the training returns.",
        }
        return {"pictures": [table]}


# -- what is a price


def _prices(ruler: Ruler) -> list[tuple[str, str]]:
    """Columns that are prices ("level") or returns ("return")."""
    if "prices" not in ruler.kept:
        columns = [c.name for c in ruler.varied if c.kind == "continuous" and not c.static]
        kinds = [(name, _kind(ruler, name)) for name in columns]
        ruler.kept["prices"] = [(name, kind) for name, kind in kinds if kind]
    prices: list[tuple[str, str]] = ruler.kept["prices"]
    return prices


def _kind(ruler: Ruler, name: str) -> str | None:
    train = ruler.train
    values = train.numeric(name)
    known = values[np.isfinite(values)]
    kind = "level" if (known > 0).all() else "return"
    r = _returns(train, name, kind)
    seen = r[np.isfinite(r)]
    if len(seen) < 2 * SHORTEST:
        return None
    middle = float(np.median(seen))
    scale = float(np.median(np.abs(seen - middle))) / 0.6745
    if scale < 1e-12 or (seen == 0).mean() >= 0.5:
        return None
    r = np.clip((r - middle) / scale, -CLIP, CLIP)
    if np.abs(correlations(moments(train, r, r, [(lag,) for lag in range(1, 6)]).total())).max() > FLAT:
        return None
    seen = r[np.isfinite(r)]
    if kind == "return":
        centred = abs(float(seen.mean())) < FLAT * seen.std()
        sides = min((known > 0).mean(), (known < 0).mean()) > 0.2
        return kind if centred and sides and np.abs(seen).mean() < HEAVY * seen.std() else None
    log = np.log(np.where(np.isfinite(values), values, np.nan))
    held = np.isfinite(log)
    entity = train.entity_of_row[held]
    log = log[held]
    if not ruler.blocks:
        n = np.maximum(np.bincount(entity, minlength=train.n_entities), 1)
        log = log - (np.bincount(entity, log, train.n_entities) / n)[entity]
    return kind if (seen.std() * scale) ** 2 < WANDERS * float(log.var()) else None


def _returns(data: Sequences, name: str, kind: str) -> NDArray[np.float64]:
    """Returns by row: changes of the logarithm of a price, NaN where there is none before; or the column itself."""
    values = data.numeric(name)
    if kind == "return":
        return values
    log = np.log(np.where(values > 0, values, np.nan))
    out = np.append(np.nan, np.diff(log))[: len(log)]
    out[data.offsets[:-1][data.lengths > 0]] = np.nan
    return out


# -- facts


def _facts(
    name: str,
    kind: str,
    scale: float,
    sides: list[tuple[Sequences, NDArray[np.float64], NDArray[np.float64]]],
) -> list[Part]:
    whole, basic, returns, sizes, later = [], [], [], [], []
    for data, alike, r in sides:
        whole.append(_sums(data, alike))
        basic.append(_sums(data, r))
        returns.append(moments(data, r, r, NEAR))
        sizes.append(moments(data, np.abs(r), np.abs(r), FAR))
        later.append(moments(data, r, np.abs(r), NEXT))

    def part(
        what: str, tables: list[Counts], fact: Fact, say: str, tell: Callable[[float], str], gap: float
    ) -> Part:
        told = partial(_say, fact, say.format(name=name), tell)
        distance = _relative if fact is _size else partial(_apart, fact, gap)
        return Part(f"{what} of {name}", tuple(tables), distance, told, extra={"fact": fact})

    def size(value: float) -> str:
        return share(scale * value) if kind == "level" else number(scale * value)

    return [
        part("size of returns", whole, _size,
             "Returns of {name} have a mean size of {{real}} in real data, {{made}} in synthetic data.", size, 1.0),
        part("heavy tails", basic, _heavy,
             "The mean size of a return of {name} is {{real}} standard deviations in real data, {{made}} in synthetic "
             "data (.8 in a normal law, less where tails are heavy).", number, 1.0),
        part("memory of returns", returns, correlations,
             "A return of {name} goes with that of {{lag}} with a correlation of " + BOTH, number, 0.5),
        part("clusters of volatility", sizes, correlations,
             "The size of a return of {name} goes with that of {{lag}} with a correlation of " + BOTH, number, 1.0),
        part("leverage effect", later, correlations,
             "A return of {name} goes with the sizes of the next five with a correlation of " + BOTH, number, 1.0),
        part("gains and losses", basic, _skew,
             "Gains make up {{real}} of the mean square of returns of {name} in real data, {{made}} in synthetic data.",
             lambda skew: share((1 + skew) / 2), 0.5),
    ]  # fmt: skip


def _apart(
    fact: Fact, scale: float, first: NDArray[np.float64], second: NDArray[np.float64]
) -> NDArray[np.float64]:
    out: NDArray[np.float64] = scale * np.abs(fact(first) - fact(second)).mean(axis=-1)
    return out


def _say(
    fact: Fact,
    say: str,
    tell: Callable[[float], str],
    first: NDArray[np.float64],
    second: NDArray[np.float64],
) -> str:
    real, made = fact(first), fact(second)
    at = int(np.argmax(np.abs(real - made)))
    groups = FAR if len(real) == len(FAR) else NEAR
    lags = groups[min(at, len(groups) - 1)]
    lag = "the row before" if lags == (1,) else f"{lags[0]} to {lags[-1]} rows before"
    return say.format(real=tell(float(real[at])), made=tell(float(made[at])), lag=lag)


def _own(data: Sequences, r: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns in units of the mean size of their sequence, on the scale where a mean size is that of a normal law."""
    known = np.isfinite(r)
    held = np.bincount(data.entity_of_row, known, data.n_entities)
    total = np.bincount(data.entity_of_row, np.where(known, np.abs(r), 0), data.n_entities)
    mean = (total / np.maximum(held, 1))[data.entity_of_row]
    return NORMAL * np.divide(r, mean, out=np.full_like(r, np.nan), where=mean > 0)


def _sums(data: Sequences, r: NDArray[np.float64]) -> Counts:
    """Number, and sums of sizes, squares, returns and signed squares, by entity."""
    known = np.isfinite(r)
    entity, r = data.entity_of_row[known], r[known]
    amounts = (np.ones(len(r)), np.abs(r), r * r, r, r * np.abs(r))
    return Counts.dense(np.column_stack([np.bincount(entity, a, data.n_entities) for a in amounts]))


def _size(totals: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean size in robust standard deviations of the training returns."""
    out: NDArray[np.float64] = totals[..., 1:2] / np.maximum(totals[..., :1], 1e-300)
    return out


def _relative(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    a, b = _size(first)[..., 0], _size(second)[..., 0]
    return np.divide(np.abs(a - b), a + b, out=np.zeros_like(a), where=a + b > 0)


def _heavy(totals: NDArray[np.float64]) -> NDArray[np.float64]:
    """Geary's ratio: mean size over standard deviation."""
    n = np.maximum(totals[..., :1], 1e-300)
    deviation = np.sqrt(np.maximum(totals[..., 2:3] / n - (totals[..., 3:4] / n) ** 2, 0))
    return np.divide(_size(totals), deviation, out=np.zeros_like(deviation), where=deviation > 1e-9)


def _skew(totals: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean square above the median less that below, of the whole."""
    square = totals[..., 2:3]
    return np.divide(totals[..., 4:5], square, out=np.zeros_like(square), where=square > 0)
