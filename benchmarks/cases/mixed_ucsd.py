"""Do card payments keep how fraud comes: rare, in bursts, on few cards; and does a detector learn from them?

Cards with two or more payments, one half to learn from, the other to compare with; median of three draws. Shares of
fraud must lie where two real sides of this size differ in 95 of 100. The detector is gradient boosting on a payment and
the two before it (labels apart); its average precision on held-out real cards, when trained on synthetic cards, is
divided by that when trained on real cards drawn again: mean of five splits with a 95 % interval. Of synthetic cards
there may be as many as one likes, so the same is asked of four times as many.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from benchmarks.mixed import casework
from benchmarks.mixed.running import middle
from benchmarks.mixed.ucsd import NAMES, detector

TIMES = 4
RATIO = "fraud detector, ratio and interval"


def run(generator: str | None = None, minutes: float | None = None) -> dict:
    name = generator or casework.default()
    results = [casework.drawn("ucsd", "real", 0)]
    for each in dict.fromkeys(["markov_renewal", name]):
        ask = partial(detector, times=TIMES)
        results.append(casework.drawn("ucsd", each, casework.budget(minutes), times=TIMES, ask=ask))
    real, result = results[0], results[-1]
    lines: list[Any] = [
        ("times_floor", middle(result, "times_floor"), 1.25, True, middle(real, "times_floor"))
    ]
    for share in NAMES:
        made, held, low, high = middle(result, "own", share)
        lines.append((f"{share}, not too low", made, low, False, held))
        lines.append((f"{share}, not too high", made, high, True, held))
    held = middle(real, "own", RATIO)[0]
    lines.append((RATIO, middle(result, "own", RATIO)[0], 0.95, False, held))
    lines.append((f"the same, {TIMES} times as many cards", result["larger"][RATIO][0], 0.95, False, held))
    lines.append(("time goes back", middle(result, "goes_back"), 0.0, True, 0.0))
    rows = []
    for r in results:
        ratio = middle(r, "own", RATIO)
        cells = [f"{middle(r, 'own', share)[0]:.4f}" for share in NAMES]
        for each in (ratio, r["larger"][RATIO] if "larger" in r else None):
            cells.append("" if each is None else f"{each[0]:.3f} ({each[1]:.3f} to {each[2]:.3f})")
        rows.append([casework.entry(r)["by"], *cells, casework.worst(r)])
    held = middle(real, "own", NAMES[0])
    rows.insert(0, ["held-out real", *(f"{middle(real, 'own', s)[1]:.4f}" for s in NAMES), "", "", ""])
    note = f"Held-out fraud share {held[1]:.4f}; 95 of 100 real halves {held[2]:.4f} to {held[3]:.4f}."
    shown = {"title": "Fraud", "note": note, "heads": ["made by", *NAMES, "detector, ratio", f"{TIMES} times as many",
             "scores farthest above their floors"], "rows": rows}  # fmt: skip
    return {
        "rows": [casework.entry(r) for r in results],
        "limit": None,
        "tables": [casework.targets(lines), shown],
    }
