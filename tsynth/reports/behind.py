"""Pictures behind a score: those of its own, and those that its curve asks for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tsynth.reports import figures, rows
from tsynth.reports.look import SURVIVAL, is_staircase, memory
from tsynth.reports.panel import Panel
from tsynth.reports.pictures import pictures
from tsynth.reports.scales import numbers
from tsynth.reports.words import clean, number
from tsynth.scores.base import Result

__all__ = ["panels"]


def panels(result: Result) -> tuple[list[Panel], list[str]]:
    """Pictures behind one score that the look has not shown already, and what could not be drawn, in sentences."""
    curve = result.curve
    if not curve or result.status != "ok":
        return [], []
    drawn: list[Panel] = []
    if result.name == "pairs":
        drawn = _pairs(curve)
    elif result.name == "autocorrelation":
        drawn = memory(curve, 12, first=5)
    elif isinstance(curve.get("roc"), Mapping) and "attacker" not in curve:
        drawn = _classifier(result.name, curve)
    elif isinstance(curve.get("distances"), Mapping):
        drawn = _nearest(curve)
    wanted = curve.get("pictures")
    if result.name == SURVIVAL and isinstance(wanted, list):
        wanted = [p for p in wanted if not is_staircase(p)]
    more, said = pictures(result.name, wanted)
    return drawn + more, said


# -- inside


def _pairs(curve: Mapping[str, Any]) -> list[Panel]:
    gaps = [numbers(row) for row in curve.get("gap", ())]
    if len(gaps) < 2:
        return []
    worst = sorted(range(len(gaps)), key=lambda i: (-float(max([*gaps[i][gaps[i] == gaps[i]], 0.0])), i))[:12]
    kept = sorted(worst)
    names = [clean(curve["columns"][i]) for i in kept]
    svg = figures.bubbles(
        "pairs",
        "Gap of each pair of columns",
        names,
        names,
        [[float(gaps[i][j]) for j in kept] for i in kept],
    )
    return [Panel("Pairs", svg, "area: the gap of two columns taken together", wide=True)]


def _classifier(name: str, curve: Mapping[str, Any]) -> list[Panel]:
    roc = curve["roc"]
    svg = figures.curves(
        f"{name}-roc", "Receiver operating curve", roc["false"], [], roc["true"], shares=True, diagonal=True
    )
    told = f"AUC {number(curve.get('auc'))}"
    if interval := curve.get("interval"):
        told += f" ({number(interval[0])} to {number(interval[1])})"
    drawn = [Panel("Telling them apart", svg, told, "x: real taken for synthetic; dashes: guessing")]
    features = [f for f in curve.get("features", ()) if f.get("drop") is not None]
    if features:
        svg = rows.ranking(
            f"{name}-features",
            "What gives them away",
            [clean(f["name"]) for f in features],
            [f["drop"] for f in features],
        )
        drawn.append(Panel("What gives them away", svg, "loss of AUC when shuffled"))
    return drawn


def _nearest(curve: Mapping[str, Any]) -> list[Panel]:
    distances = curve["distances"]
    if len(distances.get("edges", ())) < 2:
        return []
    label = "Distance to the nearest holdout entity (filled) and training entity (line)"
    svg = figures.histogram("nearest-distances", label, distances, names=("holdout", "train"))
    return [Panel("Distance to the nearest", svg, "filled: to holdout; line: to training entities")]
