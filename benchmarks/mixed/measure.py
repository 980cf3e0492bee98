"""What is measured on rows that were made: distances over the floor, judges, rules.

Rows of one time come in no order that means anything in most files, so on every side they are put in order of content
and then, where a rule of the real rows says in which order they add up, in that one.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedGroupKFold
from threadpoolctl import threadpool_limits

from benchmarks.mixed import features
from tsynth import registry
from tsynth.data import constraints
from tsynth.data.sequences import Sequences
from tsynth.scores.alignment import aligned, in_rule_order
from tsynth.scores.harness import evaluate

FOLDS = 3
MOST_ENTITIES = 2_000
"""Entities of a side that a judge sees."""
QUICK, THOROUGH = (8_000, 80), (20_000, 200)
"""Rows of a side that a judge sees, and its trees."""
COPIES = ("exact_rows", "exact_runs")
OTHERS = ("time_goes_back", "constraints", *COPIES)


def fidelity_scores() -> list[str]:
    """Scores of the standard suite that `times_floor` is the geometric mean of."""
    found = [registry.find("scores", name) for name in registry.names("scores")]
    return [c.name for c in found if c.standard and c.counts_as_fidelity]


def measure(
    train: Sequences,
    synthetic: Sequences,
    holdout: Sequences,
    table: str | None = None,
    *,
    quick: bool = False,
) -> dict[str, Any]:
    """All that one draw is judged by.

    Parameters
    ----------
    train, synthetic, holdout : Sequences
        Judges and rules compare with the holdout; train itself may stand as synthetic (what real rows score).
    table : str, optional
        Name of a table whose own rules are measured too.
    quick : bool
        Leave out models that are trained on the synthetic rows.

    Returns
    -------
    dict
        ``times_floor``; ``scores``: value and floor by name; ``auc``: lone, lagged, summaries; ``goes_back``;
        ``rules``: [share in synthetic, share in holdout] by sentence; ``copies``; ``own``: the table's own
        numbers as {name: [synthetic, holdout]}; ``seconds``.
    """
    begun = time.perf_counter()
    goes_back = back_in_time(synthetic)
    train, synthetic, holdout = prepared(train, synthetic, holdout)
    report = evaluate(train, synthetic, holdout, seed=0, scores=[*fidelity_scores(), *OTHERS])
    found: dict[str, Any] = {
        "entities": synthetic.n_entities,
        "rows": synthetic.n_rows,
        "times_floor": report.times_floor,
        "scores": {
            r.name: [r.value, r.floor] for r in report.values() if r.status == "ok" and r.counts_as_fidelity
        },
        "auc": {
            name: judged(
                make, holdout, synthetic, entities=name == "summaries", size=QUICK if quick else THOROUGH
            )
            for name, make in JUDGES.items()
        },
        "goes_back": goes_back,
        "rules": {rule.sentence(): [rule.holds(synthetic), rule.holds(holdout)] for rule in _rules(train)},
        "copies": {r: [report[r].value, report[r].floor] for r in COPIES},
    }
    if table in ("berka", "berka_accounts"):
        from benchmarks.mixed import berka

        found["own"] = berka.rules(train, synthetic, holdout)
        if not quick:
            found["own"] |= berka.next_code(train, synthetic, holdout)
    if table == "ucsd":
        from benchmarks.mixed import ucsd

        found["own"] = ucsd.rules(train, synthetic, holdout)
        if not quick:
            found["own"] |= ucsd.detector(train, synthetic, holdout)
    found["seconds"] = time.perf_counter() - begun
    return found


def prepared(train: Sequences, synthetic: Sequences, holdout: Sequences) -> tuple[Sequences, ...]:
    """All sides under one schema, rows of one time in one order on all of them."""
    sides = {"synthetic": by_content(synthetic), "holdout": by_content(holdout)}
    train, sides = aligned(by_content(train), sides)
    every = (train, *sides.values())
    lacking = [
        c.name for c in train.schema if not all(c.name in data for data in every) and c.role != "entity"
    ]
    if lacking:  # a peer makes no ids: then nobody is judged by them
        schema = train.schema.with_columns([c for c in train.schema if c.name not in lacking])
        train, sides = (
            train.with_schema(schema),
            {who: data.with_schema(schema) for who, data in sides.items()},
        )
    if train.schema.constraints is None:
        found = tuple(rule.to_dict() for rule in constraints.find(train))
        train = train.with_schema(train.schema.replace(constraints=found))
    train, sides = in_rule_order(train, sides)
    return train, sides["synthetic"], sides["holdout"]


def by_content(data: Sequences) -> Sequences:
    """Rows of one time in an entity in the order of what they hold."""
    inside = data.entity_of_row[1:] == data.entity_of_row[:-1]
    if data.n_rows < 2 or not (inside & (np.diff(data.time) <= 0)).any():
        return data
    keys = [features.cells(data, c.name) for c in reversed(features.columns(data, static=False))]
    return data.reorder(np.lexsort([*keys, data.time, data.entity_of_row]))


def back_in_time(data: Sequences) -> float:
    """Share of rows before the row of their entity that was delivered before them."""
    inside = data.entity_of_row[1:] == data.entity_of_row[:-1]
    here = float((inside & (np.diff(data.time) < 0)).sum()) / max(data.n_rows, 1)
    return max(here, data.out_of_order)


JUDGES = {"lone": features.lone, "lagged": features.lagged, "summaries": features.summaries}


def judged(
    make: Any, real: Sequences, made: Sequences, *, entities: bool = False, size: tuple[int, int] = THOROUGH,
    seed: int = 0,
) -> float:  # fmt: skip
    """AUC of gradient boosting that tells made from real, out of fold, whole entities apart.

    As many entities a side, and at most `MOST_ENTITIES`, spread evenly, as their rows are.
    """
    count = min(real.n_entities, made.n_entities, MOST_ENTITIES)
    if count < 2 * FOLDS:
        return float("nan")
    sides, owners = [], []
    for number, data in enumerate((real, made)):
        index = np.linspace(0, data.n_entities - 1, count).round().astype(np.int64)
        data = data.take(index)
        values, _ = make(data)
        owner = np.arange(count) if entities else data.entity_of_row
        rows = np.linspace(0, len(values) - 1, min(len(values), size[0])).round().astype(np.int64)
        sides.append(values[rows])
        owners.append(owner[rows] + number * count)
    x, owner = np.concatenate(sides), np.concatenate(owners)
    y = np.repeat([0, 1], [len(s) for s in sides])
    score = np.zeros(len(y))
    for fit, test in StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed).split(x, y, owner):
        score[test] = boosted(x[fit], y[fit], seed=seed, rounds=size[1]).decision_function(x[test])
    return float(roc_auc_score(y, score))


def boosted(x: NDArray[np.float64], y: NDArray[Any], *, seed: int = 0, rounds: int = 80) -> Any:
    """A gradient boosting classifier of fixed size on one thread."""
    model = HistGradientBoostingClassifier(
        max_iter=rounds, learning_rate=0.1, max_leaf_nodes=15, max_bins=127, early_stopping=False,
        min_samples_leaf=int(np.clip(len(y) // 50, 2, 20)), random_state=seed,
    )  # fmt: skip
    with threadpool_limits(limits=1):
        return model.fit(np.where(np.isnan(x).all(axis=0), 0.0, x), y)


def _rules(train: Sequences) -> list[Any]:
    return [constraints.from_dict(rule) for rule in train.schema.constraints or ()]
