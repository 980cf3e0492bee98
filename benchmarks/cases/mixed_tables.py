"""Do customers, patients and grafts that are made lie as near to unseen real ones as real ones do?

Six tables (purchases of two shops; trials and cohorts with statics, visits and ends; logs of diabetics), one half of
the entities to learn from, the other to compare with; median of three draws. *times floor* and the AUCs are as in the
case on bank accounts.
"""

from __future__ import annotations

from typing import Any

from benchmarks.mixed import casework
from benchmarks.mixed.running import middle

MOST = {
    "cdnow": 1.25,
    "online_retail": 1.25,
    "pbc2": 1.35,
    "aids": 1.25,
    "uci_diabetes70": 1.25,
    "renal": 1.25,
}
LONE = 0.58


def run(generator: str | None = None, minutes: float | None = None) -> dict:
    name = generator or casework.default()
    rows, lines, notes = [], [], []
    for table, most in MOST.items():
        real = casework.drawn(table, "real", 0)
        results = [real]
        for each in dict.fromkeys(["markov_renewal", name]):
            results.append(casework.drawn(table, each, casework.budget(minutes)))
        rows += [casework.entry(r) for r in results]
        result = results[-1]
        floor, lone = middle(real, "times_floor"), middle(real, "auc", "lone")
        lines.append((f"{table}: times_floor", middle(result, "times_floor"), most, True, floor))
        lines.append((f"{table}: AUC, lone", middle(result, "auc", "lone"), LONE, True, lone))
        broken: list[Any] = []
        for rule in result["draws"][0]["rules"]:
            made, held = middle(result, "rules", rule)
            if made < held - 0.005:
                broken.append(f"{rule} ({made:.3f}, held-out {held:.3f})")
        notes.append([table, casework.worst(result), "; ".join(broken) or "none"])
    shown = {"title": "What remains", "note": "", "rows": notes,
             "heads": ["table", "scores farthest above their floors",
                       "rules kept less than by held-out rows"]}  # fmt: skip
    return {"rows": rows, "limit": None, "tables": [casework.targets(lines), shown]}
