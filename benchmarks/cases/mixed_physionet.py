"""Does a model of death in intensive care learn from synthetic stays what it learns from real ones?

Learn on set a of PhysioNet 2012 (37 variables at their own irregular times, long as delivered, 4,000 stays), test on
set b: AUROC of gradient boosting over mean, smallest, largest, last and count of each variable and the statics. And:
how often each variable is measured, and in how many stays never, beside what set a has. Of synthetic stays there may be
as many as one likes, so the same is asked of four times as many.
"""

from __future__ import annotations

import time
from typing import Any

import tsynth
from benchmarks.mixed import casework, physionet, tables

DRAWS, TIMES = 3, 4


def run(generator: str | None = None, minutes: float | None = None, table: str = "physionet") -> dict:
    name = generator or casework.default()
    train, test = tables.split(table)
    rows, shown, lines = [], [], []
    for each in dict.fromkeys(["markov_renewal", name]):
        model = tsynth.create(each)
        begun = time.perf_counter()
        model.fit(train, minutes=2 * casework.budget(minutes))
        fitted = time.perf_counter() - begun
        begun = time.perf_counter()
        draws = [model.sample(train.n_entities, seed=k) for k in range(DRAWS)]
        sampled = (time.perf_counter() - begun) / DRAWS
        found = physionet.mortality(train, draws, test)
        often = physionet.frequency(train, draws[0], test)
        larger = model.sample(TIMES * train.n_entities, seed=DRAWS)
        more: dict[str, Any] = physionet.mortality(train, [larger], test)["synthetic"]
        made: dict[str, Any] = found["synthetic"]
        rows.append(
            {"by": f"tsynth {each}", "what": f"fit {train.n_rows:,} rows", "seconds": fitted, "AUROC": made["auroc"],
             "AUPRC": made["auprc"], f"AUROC_{TIMES}_times": more["auroc"],
             "sample_rows_a_second": draws[0].n_rows / sampled}
        )  # fmt: skip
        lines = [
            ("AUROC, trained on synthetic", made["auroc"], 0.82, False, found["real"]["auroc"]),
            (f"the same, {TIMES} times as many stays", more["auroc"], 0.82, False, found["real"]["auroc"]),
            ("times more or less often measured", often["times"][0], 1.25, True, often["times"][1]),
            ("never measured, mean gap", often["never measured, mean gap"][0], 0.03, True,
             often["never measured, mean gap"][1]),
            ("minutes of fit", fitted / 60, 20.0, True, None),
        ]  # fmt: skip
        shown = [
            [variable, *(f"{side[0]:.2f}" for side in sides), *(f"{side[1]:.3f}" for side in sides)]
            for variable, sides in often["variables"].items()
        ]
        rows[-1]["interval"] = " to ".join(f"{v:.3f}" for v in made["interval"] or ())
    rows.insert(0, {"by": "set a itself", "what": "train on real", "seconds": 0.0, "AUROC": found["real"]["auroc"],
                    "AUPRC": found["real"]["auprc"],
                    "interval": " to ".join(f"{v:.3f}" for v in found["real"]["interval"])})  # fmt: skip
    heads = ["variable", *(f"a stay, {s}" for s in ("synthetic", "set a", "set b")),
             *(f"never, {s}" for s in ("synthetic", "set a", "set b"))]  # fmt: skip
    table_of = {"title": f"Measurements, {name}", "note": "", "heads": heads, "rows": shown}
    return {"rows": rows, "limit": None, "tables": [casework.targets(lines), table_of]}
