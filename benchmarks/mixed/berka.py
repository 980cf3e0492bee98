"""Rules of the Berka accounts, each a share that is scored on its own: distances hardly see them.

`rules` takes frames too, so that files which peers published can stand beside.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import accuracy_score, log_loss
from threadpoolctl import threadpool_limits

from benchmarks.mixed.tasks import history
from tsynth.data.sequences import Sequences

CODE = ["type", "operation", "k_symbol"]
SLACK = 0.1 + 1e-6
RARE = 100
"""Real rows below which a code counts as "other" where the next one is predicted."""


def rules(train: Sequences, synthetic: Sequences, holdout: Sequences) -> dict[str, list[float]]:
    """Each rule's share on [synthetic, holdout]; rows of one day must stand in the order in which they add up."""
    real = pd.concat([frame(train), frame(holdout)])
    known = set(codes(real))
    sides = [of(frame(data), known) for data in (synthetic, holdout)]
    return {name: [side[name] for side in sides] for name in sides[0]}


def of(rows: pd.DataFrame, known: set[str]) -> dict[str, float]:
    """The rules of one frame in the order of account and time.

    *Interest*: in each month after the account's first interest, up to the last month of the data, there is some, or
    exactly one row of it. *Standing orders*: for each household payment (SIPO) before the last month, the next month
    has one of the same amount on the same day.
    """
    month = rows["date"].to_numpy().astype("datetime64[M]").astype(int)
    account = pd.factorize(rows["account_id"])[0]
    signed = np.where(rows["type"] == "PRIJEM", 1, -1) * rows["amount"].to_numpy()
    before = rows.groupby("account_id", sort=False)["balance"].shift().fillna(0).to_numpy()
    first = ~rows["account_id"].duplicated().to_numpy()
    adds = np.abs(rows["balance"].to_numpy() - before - signed) <= SLACK
    interest = (rows["k_symbol"] == "UROK").to_numpy()
    household = (rows["k_symbol"] == "SIPO").to_numpy()
    last = int(month.max())
    told = {
        "combinations valid": float(codes(rows).isin(known).mean()),
        "balance adds up": float(adds.mean()),
        "opens with its first amount": float(adds[first].mean()),
        "balance below 0": float((rows["balance"] < 0).mean()),
        "median balance": float(rows["balance"].median()),
        "interest at month end": float(rows["date"].dt.is_month_end[interest].mean()),
    }
    count = (
        pd.Series(1, index=pd.MultiIndex.from_arrays([account[interest], month[interest]]))
        .groupby(level=[0, 1])
        .size()
    )
    opened = pd.Series(month[interest]).groupby(account[interest]).min()
    due = [(a, m) for a, since in opened.items() for m in range(int(since) + 1, last + 1)]
    paid = count.reindex(pd.MultiIndex.from_tuples(due)).fillna(0) if due else pd.Series([np.nan])
    told["interest every month"] = float((paid >= 1).mean())
    told["interest once a month"] = float((paid == 1).mean())
    keys = pd.MultiIndex.from_arrays(
        [account[household], month[household], rows["date"].dt.day[household],
         rows["amount"].round(1)[household]]
    )  # fmt: skip
    early = keys[keys.get_level_values(1) < last]
    next_month = pd.MultiIndex.from_arrays(
        [early.get_level_values(0), early.get_level_values(1) + 1, *map(early.get_level_values, (2, 3))]
    )
    told["standing orders go on"] = float(next_month.isin(keys).mean()) if len(early) else float("nan")
    told["household payments a row"] = float(household.mean())
    return told


def frame(data: Sequences) -> pd.DataFrame:
    return data.table().to_pandas()


def codes(rows: pd.DataFrame) -> pd.Series:
    """Type, operation and symbol in one text; what is null or empty is the same."""
    parts = [rows[name].astype("string").fillna("").str.strip() for name in CODE]
    return (parts[0] + "|" + parts[1] + "|" + parts[2]).astype(object)


def next_code(train: Sequences, synthetic: Sequences, holdout: Sequences) -> dict[str, list[float]]:
    """Accuracy and log-loss on the holdout of a model of the next code, trained on [synthetic, real] rows."""
    usual = codes(frame(train)).value_counts()
    names = [*usual[usual >= RARE].index, "other"]
    number = {name: i for i, name in enumerate(names)}

    def side(data: Sequences) -> tuple[NDArray[np.float64], NDArray[Any]]:
        target = codes(frame(data)).map(lambda c: number.get(c, len(names) - 1)).to_numpy()
        return history(data), target

    x, y = side(holdout)
    told: dict[str, list[float]] = {"next code, accuracy": [], "next code, log-loss": []}
    for data in (synthetic, train):
        values, target = side(data)
        model = HistGradientBoostingClassifier(
            max_iter=40, max_leaf_nodes=15, max_bins=127, l2_regularization=5.0, min_samples_leaf=50,
            early_stopping=False, random_state=0,
        )  # fmt: skip
        with threadpool_limits(limits=1):
            model.fit(values, target)
        chance = np.full((len(y), len(names)), 1e-4)
        chance[:, model.classes_] = np.maximum(model.predict_proba(x), 1e-4)
        chance /= chance.sum(axis=1, keepdims=True)
        told["next code, accuracy"].append(float(accuracy_score(y, chance.argmax(axis=1))))
        told["next code, log-loss"].append(float(log_loss(y, chance, labels=range(len(names)))))
    return told
