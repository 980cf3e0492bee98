"""PhysioNet 2012: mortality learned from synthetic stays and tested on set b, and how often each variable is measured.

Serves the long form (a row is one measurement) and the wide one (a column a variable).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import average_precision_score, roc_auc_score
from threadpoolctl import threadpool_limits

from tsynth.data.sequences import Sequences

OUTCOME = "In-hospital_death"
STATICS = ("Age", "Gender", "Height", "ICUType", "weight_at_admission")
DRAWS = 500


def variables(train: Sequences) -> list[str]:
    """Names of what is measured."""
    if "parameter" in train.schema:
        return sorted(str(level) for level in train.schema["parameter"].levels)
    return sorted(c.name for c in train.schema if not c.static and c.role == "value" and c.learned)


def measured(data: Sequences, name: str) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Stay and value of each measurement of a variable, in order of time."""
    if "parameter" in data.schema:
        levels = [str(level) for level in data.schema["parameter"].levels]
        here = data.codes("parameter") == (levels.index(name) if name in levels else -9)
        return data.entity_of_row[here], data.numeric("value")[here]
    here = ~data.nulls(name)
    if data.schema[name].discrete:  # a variable that is either on or not measured
        values = np.array(data.rows[name].cast(pa.float64()).to_numpy(), dtype=float)
    else:
        values = data.numeric(name)
    return data.entity_of_row[here], values[here]


def table(data: Sequences, names: list[str]) -> NDArray[np.float64]:
    """Mean, smallest, largest, last and count of each variable, then the statics, (stays, 5 variables + statics)."""
    n = data.n_entities
    parts = []
    for name in names:
        stay, values = measured(data, name)
        count = np.bincount(stay, minlength=n).astype(float)
        mean = np.divide(np.bincount(stay, values, n), count, out=np.full(n, np.nan), where=count > 0)
        least, most, last = np.full(n, np.inf), np.full(n, -np.inf), np.full(n, np.nan)
        np.minimum.at(least, stay, values)
        np.maximum.at(most, stay, values)
        last[stay] = values
        parts += [mean, np.where(count > 0, least, np.nan), np.where(count > 0, most, np.nan), last, count]
    for name in STATICS:
        parts.append(_static(data, name))
    return np.column_stack(parts)


def _static(data: Sequences, name: str) -> NDArray[np.float64]:
    """A static as the number that the file holds, levels too."""
    column = data.schema[name]
    if not column.discrete:
        return data.numeric(name)
    levels = np.array([float(v) for v in column.levels or (0, 1)] + [np.nan])
    code = data.codes(name)
    return levels[np.where(code < 0, len(levels) - 1, code)]


def mortality(train: Sequences, draws: list[Sequences], test: Sequences) -> dict[str, Any]:
    """AUROC and AUPRC on set b of models that learned from the draws and from set a; interval over test stays."""
    names = variables(train)
    x, y = table(test, names), _static(test, OUTCOME)
    weights = np.random.default_rng(0).multinomial(len(y), np.full(len(y), 1 / len(y)), DRAWS)
    told: dict[str, Any] = {}
    for who, sides in (("real", [train]), ("synthetic", draws)):
        said = [_predicted(table(side, names), _static(side, OUTCOME), x) for side in sides]
        said = [s for s in said if s is not None]
        if not said:
            told[who] = {"auroc": None, "auprc": None, "interval": None}
            continue
        boot = np.mean([[roc_auc_score(y, s, sample_weight=w) for w in weights] for s in said], axis=0)
        told[who] = {
            "auroc": float(np.median([roc_auc_score(y, s) for s in said])),
            "auprc": float(np.median([average_precision_score(y, s) for s in said])),
            "interval": [float(v) for v in np.quantile(boot, (0.025, 0.975))],
        }
        told[who]["deaths"] = float(np.mean([_static(side, OUTCOME).mean() for side in sides]))
    return told


def _predicted(
    values: NDArray[np.float64], target: NDArray[np.float64], x: NDArray[np.float64]
) -> NDArray[np.float64] | None:
    if len(np.unique(target)) < 2:
        return None
    model = HistGradientBoostingClassifier(
        max_iter=200, learning_rate=0.05, max_leaf_nodes=15, l2_regularization=1.0, early_stopping=False,
        random_state=0,
    )  # fmt: skip
    empty = np.isnan(values).all(axis=0)
    with threadpool_limits(limits=1):
        model.fit(np.where(empty, 0.0, values), target)
        return model.decision_function(np.where(empty, 0.0, x))


def frequency(train: Sequences, synthetic: Sequences, holdout: Sequences) -> dict[str, Any]:
    """Measurements a stay and share of stays without any, a variable: synthetic, set a, set b; and how far apart.

    *Times* is the geometric mean over variables of how many times more or less often synthetic stays are measured than
    those of set b; beside it what set a has.
    """
    rows = {}
    for name in variables(train):
        found = []
        for data in (synthetic, train, holdout):
            count = np.bincount(measured(data, name)[0], minlength=data.n_entities)
            found.append([float(count.mean()), float((count == 0).mean())])
        rows[name] = found
    every = np.array(list(rows.values()))  # (variables, sides, 2)
    often = np.log(np.maximum(every[:, :, 0], 1e-3))
    return {
        "variables": rows,
        "times": [float(np.exp(np.abs(often[:, side] - often[:, 2]).mean())) for side in (0, 1)],
        "never measured, mean gap": [float(np.abs(every[:, s, 1] - every[:, 2, 1]).mean()) for s in (0, 1)],
        "never measured, largest gap": [float(np.abs(every[:, s, 1] - every[:, 2, 1]).max()) for s in (0, 1)],
    }
