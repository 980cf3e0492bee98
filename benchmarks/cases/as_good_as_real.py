"""In how many prediction tasks does a model that learned from synthetic rows do as well as one that learned from real?

Train on synthetic, train on real, test both on the same held-out entities (one half of each table), with the same
gradient boosting. A task is passed where the synthetic-trained model reaches 98 % of the other's score (AUC, share of
right classes; of an error: is at most 1 / .98 of it), or where the 95 % interval of the ratio over test entities
reaches 1. The synthetic score is the mean over three draws of as many entities as were learned from. Of synthetic rows
there may be as many as one likes, so the same is asked of one draw of four times as many, told beside. *A perfect
generator*: the same question where one half of the training entities stands for synthetic rows and the other for real
ones; what it fails, chance fails.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.mixed import casework, running, tables
from benchmarks.mixed.substitution import substituted
from benchmarks.mixed.tasks import TASKS

DRAWS, TIMES = 3, 4
SHARE = 0.9
TWIN = "a perfect generator"


def run(generator: str | None = None, minutes: float | None = None) -> dict:
    name = generator or casework.default()
    larger = f"{name}, {TIMES} times as many"
    found: dict[str, list[dict[str, Any]]] = {TWIN: [], "markov_renewal": [], name: [], larger: []}
    fits = dict.fromkeys(found, 0.0)
    for table in dict.fromkeys(task.table for task in TASKS):
        train, holdout = tables.split(table)
        for each in (TWIN, "markov_renewal", name):
            if each == TWIN:
                quarters = [train.take(np.arange(k, train.n_entities, 2)) for k in (0, 1)]
                found[each] += substituted(table, quarters[0], [quarters[1]], holdout)
                continue
            made = running.maker(
                each, train, minutes=casework.budget(minutes), steps=None, parameters=None, draws=DRAWS,
                times=TIMES if each == name else 0,
            )  # fmt: skip
            fits[each] += made["fit"]
            found[each] += substituted(table, train, made["draws"], holdout)
            if each == name:
                found[larger] += substituted(table, train, [made["larger"]], holdout)
    rows = []
    for each, tasks in found.items():
        judged = [task for task in tasks if task["passed"] is not None]
        passed = sum(task["passed"] for task in judged)
        within = sum(task.get("within", False) for task in judged)
        by = each if each == TWIN else f"tsynth {each}"
        rows.append({"by": by, "what": f"fits, {len(judged)} tasks", "seconds": fits[each],
                     "passed": passed / len(judged), "within_2_%": within / len(judged)})  # fmt: skip
    lines = [
        (f"share of tasks passed{more}", row["passed"], SHARE, False, rows[0]["passed"])
        for row, more in zip(rows[-2:], ("", f", {TIMES} times as many entities"), strict=True)
    ]
    twin, more = ({task["task"]: task for task in found[each]} for each in (TWIN, larger))
    tasks = sorted(found[name], key=lambda task: (task["passed"] is not False, task["ratio"] or 0.0))
    shown = [
        [task["task"], task["measure"], *(_number(task.get(k)) for k in ("real", "synthetic", "ratio")),
         f"{_number(task.get('low'))} to {_number(task.get('high'))}", _number(twin[task["task"]].get("ratio")),
         _passed(task), _number(more[task["task"]].get("ratio")), _passed(more[task["task"]])]
        for task in tasks
    ]  # fmt: skip
    heads = ["task", "measure", "trained on real", f"on {name}", "ratio", "95 % interval"]
    heads += [f"ratio, {TWIN}", "passed", f"ratio, {TIMES} times as many", "passed then"]
    every = {
        "title": f"All tasks, {name}",
        "note": "Those that fail come first.",
        "heads": heads,
        "rows": shown,
    }
    return {"rows": rows, "limit": None, "tables": [casework.targets(lines), every]}


def _passed(task: dict[str, Any]) -> str:
    return {True: "yes", False: "NO", None: task.get("why", "")}[task["passed"]]


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"
