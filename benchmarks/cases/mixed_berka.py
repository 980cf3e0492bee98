"""Do bank accounts keep their structure when they are made: distances, judges, and rules that must hold?

One half of the accounts of the real slice to learn from, the other to compare with; median of three draws. *times
floor* is the geometric mean of value / floor over the fidelity scores of the standard suite; an AUC is that of gradient
boosting that tells made from held-out rows, entities apart (lone rows with their calendar; with the two rows before;
summaries of accounts). The files that peers published are of another span (1993 to 1998) and are compared on rules
only. *Interest every month*: some in each month after an account's first; *once a month*: one row of it. *Standing
orders go on*: a household payment is followed a month later by one of the same amount on the same day.
"""

from __future__ import annotations

from typing import Any

import pandas as pd

import tsynth
from benchmarks.cases.berka_peers import FILES, PEERS
from benchmarks.mixed import berka, casework, tables
from benchmarks.mixed.measure import prepared
from benchmarks.mixed.running import middle

AT_LEAST = {
    "combinations valid": 1.0, "balance adds up": 0.999, "opens with its first amount": 1.0,
    "interest at month end": 1.0, "interest every month": 0.95, "interest once a month": 0.95,
    "standing orders go on": 0.96,
}  # fmt: skip


def run(generator: str | None = None, minutes: float | None = None) -> dict:
    name = generator or casework.default()
    results = [casework.drawn("berka", "real", 0)]
    for each in dict.fromkeys(["markov_renewal", name]):
        results.append(casework.drawn("berka", each, casework.budget(minutes)))
    real, result = results[0], results[-1]
    own = result["draws"][0]["own"]
    rules = [["held-out real", *(f"{middle(real, 'own', rule)[1]:.3f}" for rule in AT_LEAST)]]
    rules += [
        [casework.entry(r)["by"], *(f"{middle(r, 'own', rule)[0]:.3f}" for rule in AT_LEAST)] for r in results
    ]
    for by, made in published().items():
        rules.append([by, *(f"{made[rule]:.3f}" for rule in AT_LEAST)])
    lines: list[Any] = [
        ("times_floor", middle(result, "times_floor"), 1.10, True, middle(real, "times_floor"))
    ]
    for judge, limit in (("lone", 0.55), ("lagged", 0.57), ("summaries", 0.63)):
        lines.append((f"AUC, {judge}", middle(result, "auc", judge), limit, True, middle(real, "auc", judge)))
    lines.append(("time goes back", middle(result, "goes_back"), 0.0, True, 0.0))
    lines += [
        (rule, middle(result, "own", rule)[0], least, False, own[rule][1]) for rule, least in AT_LEAST.items()
    ]
    made, best = middle(result, "own", "next code, accuracy")
    lines.append(("next code, accuracy", made, 0.99 * best, False, best))
    made, best = middle(result, "own", "next code, log-loss")
    lines.append(("next code, log-loss", made, 1.01 * best, True, best))
    for copies in ("exact_rows", "exact_runs"):
        value, floor = middle(result, "copies", copies)
        lines.append((copies.replace("_", " "), value, floor, True, floor))
    shown = {"title": "Rules", "note": "Shares; files of peers over 1993 to 1998, in the best order of a day.",
             "heads": ["made by", *AT_LEAST], "rows": rules}  # fmt: skip
    return {
        "rows": [casework.entry(r) for r in results],
        "limit": None,
        "tables": [casework.targets(lines), shown],
    }


def published() -> dict[str, dict[str, float]]:
    """The rules of each file that a peer published; what cannot be read as a date is dropped."""
    train, holdout = tables.split("berka")
    found = {}
    for by, names in FILES.items():
        for number, name in enumerate(names, 1):
            rows = pd.read_parquet(PEERS / f"{name}.parquet").drop(columns="trans_id", errors="ignore")
            rows["date"] = pd.to_datetime(rows["date"], errors="coerce")
            for column in ("amount", "balance"):
                rows[column] = pd.to_numeric(rows[column], errors="coerce")
            made = tsynth.read(rows[rows["date"].notna()], entity="account_id", time="date")
            sides = prepared(train, made, holdout)
            found[f"{by}, run {number}"] = {k: v[0] for k, v in berka.rules(*sides).items()}
    return found
