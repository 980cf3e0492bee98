"""In how many prediction tasks does a model that learned from synthetic rows do as well as one that learned from real?

Train on synthetic, train on real, test both on the same held-out entities (one half of each table), with the same
gradient boosting. A task is passed where the synthetic-trained model reaches 98 % of the other's score (AUC, share of
right classes; of an error: is at most 1 / .98 of it), or where the 95 % interval of the ratio over test entities
reaches 1. The synthetic score is the mean over three draws. *A perfect generator*: the same question where one half of
the training entities stands for synthetic rows and the other for real ones; what it fails, chance fails.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.mixed import casework, running, tables
from benchmarks.mixed.substitution import substituted
from benchmarks.mixed.tasks import TASKS

DRAWS = 3
SHARE = 0.9
TWIN = "a perfect generator"


def run(generator: str | None = None, minutes: float | None = None) -> dict:
    name = generator or casework.default()
    found: dict[str, list[dict[str, Any]]] = {TWIN: [], "markov_renewal": [], name: []}
    fits = dict.fromkeys(found, 0.0)
    for table in dict.fromkeys(task.table for task in TASKS):
        train, holdout = tables.split(table)
        for each in found:
            if each == TWIN:
                quarters = [train.take(np.arange(k, train.n_entities, 2)) for k in (0, 1)]
                found[each] += substituted(table, quarters[0], [quarters[1]], holdout)
                continue
            made = running.maker(
                each, train, minutes=casework.budget(minutes), steps=None, parameters=None, draws=DRAWS
            )
            fits[each] += made["fit"]
            found[each] += substituted(table, train, made["draws"], holdout)
    rows = []
    for each, tasks in found.items():
        judged = [task for task in tasks if task["passed"] is not None]
        passed = sum(task["passed"] for task in judged)
        within = sum(task.get("within", False) for task in judged)
        by = each if each == TWIN else f"tsynth {each}"
        rows.append({"by": by, "what": f"fits, {len(judged)} tasks", "seconds": fits[each],
                     "passed": passed / len(judged), "within_2_%": within / len(judged)})  # fmt: skip
    last = rows[-1]["passed"]
    lines = [("share of tasks passed", last, SHARE, False, rows[0]["passed"])]
    twin = {task["task"]: task for task in found[TWIN]}
    tasks = sorted(found[name], key=lambda task: (task["passed"] is not False, task["ratio"] or 0.0))
    shown = [
        [task["task"], task["measure"], *(_number(task.get(k)) for k in ("real", "synthetic", "ratio")),
         f"{_number(task.get('low'))} to {_number(task.get('high'))}", _number(twin[task["task"]].get("ratio")),
         {True: "yes", False: "NO", None: task.get("why", "")}[task["passed"]]]
        for task in tasks
    ]  # fmt: skip
    heads = ["task", "measure", "trained on real", f"on {name}", "ratio", "95 % interval"]
    heads += [f"ratio, {TWIN}", "passed"]
    every = {
        "title": f"All tasks, {name}",
        "note": "Those that fail come first.",
        "heads": heads,
        "rows": shown,
    }
    return {"rows": rows, "limit": None, "tables": [casework.targets(lines), every]}


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"
