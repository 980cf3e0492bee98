"""What the cases of mixed sequences share: which generator, which budget, targets beside what was reached."""

from __future__ import annotations

import os
from typing import Any

from benchmarks.mixed.running import middle, run
from tsynth import registry

MINUTES = 10.0
"""Minutes that a fit may take; those of PhysioNet have twice as many."""


def default() -> str:
    """The generator under test: `autoregressive` where it is registered; `TSYNTH_GENERATOR` overrides."""
    names = registry.names("generators")
    return os.environ.get("TSYNTH_GENERATOR") or (
        "autoregressive" if "autoregressive" in names else "markov_renewal"
    )


def budget(minutes: float | None = None) -> float:
    """Minutes a fit: what is asked for, else `TSYNTH_MINUTES`, else `MINUTES`."""
    return minutes if minutes is not None else float(os.environ.get("TSYNTH_MINUTES") or MINUTES)


def drawn(table: str, generator: str, minutes: float, draws: int = 3, **more: Any) -> dict[str, Any]:
    """`running.run` under the budget; what needs no fit has none."""
    if generator in ("real", "again"):
        return run(table, generator, draws=draws)
    return run(table, generator, minutes=minutes, draws=draws, **more)


def entry(result: dict[str, Any]) -> dict[str, Any]:
    """A row of the page."""
    row = {
        "by": {"real": "training half itself", "again": "training half drawn again"}.get(
            result["generator"], f"tsynth {result['generator']}"
        ),
        "what": result["table"],
        "seconds": result.get("fit", 0.0),
        "times_floor": middle(result, "times_floor"),
        "AUC_lone": middle(result, "auc", "lone"),
        "AUC_lagged": middle(result, "auc", "lagged"),
        "AUC_summaries": middle(result, "auc", "summaries"),
        "time_goes_back": middle(result, "goes_back"),
    }
    if "rows_a_second" in result:
        row["fit_rows_a_second"], row["sample_rows_a_second"] = result["rows_a_second"]
    return row


def worst(result: dict[str, Any], count: int = 5) -> str:
    """The scores farthest above their floors, in a cell."""
    times = []
    for name in result["draws"][0]["scores"]:
        value, floor = middle(result, "scores", name)
        if floor:
            times.append((value / floor, name))
    return ", ".join(f"{name} {ratio:.1f}" for ratio, name in sorted(reversed(times), reverse=True)[:count])


def verdict(reached: float | None, target: float, *, most: bool) -> str:
    """Whether a number keeps its target."""
    if reached is None or reached != reached:
        return "cannot say"
    return "yes" if (reached <= target if most else reached >= target) else "NO"


def targets(lines: list[tuple[str, float | None, float, bool, float | None]]) -> dict[str, Any]:
    """A table of the page: what, reached, target (at most or at least), what real rows reach; misses first."""
    rows = [
        [what, _number(reached), f"{'at most' if most else 'at least'} {target:.4g}", _number(real),
         verdict(reached, target, most=most)]
        for what, reached, target, most, real in lines
    ]  # fmt: skip
    rows.sort(key=lambda row: row[-1] == "yes")
    return {"title": "Targets", "note": "Those missed come first; medians of the draws.",
            "heads": ["what", "reached", "target", "held-out real", "kept"], "rows": rows}  # fmt: skip


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"
