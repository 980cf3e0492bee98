"""Numbers for pictures: histograms and bars whose cells rest on at least ten real entities."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tsynth.scores.parts import CELL
from tsynth.scores.words import date

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["bars", "histogram", "plain"]


def plain(values: NDArray[np.float64]) -> list[float | None]:
    """As JSON: floats, None where not finite."""
    return [float(v) if np.isfinite(v) else None for v in values]


def histogram(
    real: tuple[NDArray[np.float64], NDArray[np.int64]],
    synthetic: NDArray[np.float64],
    cells: int = 32,
    unit: str | None = None,
    even: bool = False,
) -> dict[str, Any]:
    """Histogram over quantile cells of the real values; {} where no two cells hold 10 entities.

    Parameters
    ----------
    real : (values, entity of each value)
    synthetic : values
    cells : int
        Cells at most.
    unit : str, optional
        Time unit of the values where they are dates.
    even : bool
        Cells of even width where they hold enough entities, in place of quantiles.
    """
    values, entity = real
    known = np.isfinite(values)
    values, entity = values[known], entity[known]
    synthetic = synthetic[np.isfinite(synthetic)]
    if len(np.unique(entity)) < 2 * CELL:
        return {}
    low, high = _clipped(values, entity), -_clipped(-values, entity)
    if not low < high:
        return {}
    if even:
        edges = np.linspace(low, high, cells + 1)
    else:
        edges = np.unique(np.quantile(values, np.linspace(0, 1, cells + 1), method="inverted_cdf"))
        edges = np.r_[low, edges[(edges > low) & (edges < high)], high]
    edges = _merged(edges, values, entity)
    out: dict[str, Any] = {"edges": [float(e) for e in edges], "real": _held(edges, values)}
    out["synthetic"] = _held(edges, synthetic)
    if unit is not None:
        out["edges"], out["dates"] = [date(e, unit) for e in edges], True
    return out


def _clipped(values: NDArray[np.float64], entity: NDArray[np.int64]) -> float:
    """The smallest value that ten entities reach or stay below."""
    lowest = np.full(int(entity.max()) + 1, np.inf)
    np.minimum.at(lowest, entity, values)
    return float(np.partition(lowest, CELL - 1)[CELL - 1])


def _place(edges: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.int64]:
    return np.clip(np.searchsorted(edges, values, side="right") - 1, 0, len(edges) - 2)


def _held(edges: NDArray[np.float64], values: NDArray[np.float64]) -> list[float]:
    counts = np.bincount(_place(edges, values), minlength=len(edges) - 1)
    return [float(c) for c in counts / max(len(values), 1)]


def _merged(
    edges: NDArray[np.float64], values: NDArray[np.float64], entity: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Edges without those that would leave a cell with fewer than ten entities."""
    while len(edges) > 2:
        pairs = np.unique(np.column_stack([_place(edges, values), entity]), axis=0)
        held = np.bincount(pairs[:, 0], minlength=len(edges) - 1)
        short = int(np.argmin(held))
        if held[short] >= CELL:
            break
        drop = (
            short if short and (short == len(held) - 1 or held[short - 1] <= held[short + 1]) else short + 1
        )
        edges = np.delete(edges, drop)
    return edges


def bars(
    real: NDArray[np.float64],
    synthetic: NDArray[np.float64],
    names: list[str],
    entities: NDArray[np.int64],
    most: int = 12,
    ordered: bool = False,
) -> dict[str, Any]:
    """Bars of totals over levels; levels of fewer than 10 real entities, and those past `most`, become "other".

    Where the levels are `ordered` all stay, and those of few real entities are None.
    """
    a, b = real / max(real.sum(), 1e-300), synthetic / max(synthetic.sum(), 1e-300)
    enough = entities >= CELL
    if ordered:
        shown = [float(x) if ok or x == 0 else None for x, ok in zip(a, enough, strict=True)]
        return {"levels": names, "real": shown, "synthetic": [float(x) for x in b]}
    order = np.argsort(-a, kind="stable")
    kept = [int(i) for i in order if enough[i]][:most]
    rest = [i for i in range(len(names)) if i not in kept]
    out: dict[str, Any] = {
        "levels": [names[i] for i in kept],
        "real": [float(a[i]) for i in kept],
        "synthetic": [float(b[i]) for i in kept],
    }
    if a[rest].sum() + b[rest].sum() > 0:
        out["levels"].append("other")
        out["real"].append(float(a[rest].sum()))
        out["synthetic"].append(float(b[rest].sum()))
    return out
