"""Small simulated data of every shape that a generator may meet, each with a truth that is known."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import pyarrow as pa

from tsynth.data.reading import read
from tsynth.data.sequences import Sequences

__all__ = ["EXAMPLES", "cohort", "events", "mixed", "panel"]


@cache
def mixed(entities: int = 80, seed: int = 0) -> Sequences:
    """Accounts with coded transactions on dates, amounts with two decimals, a balance that adds up, nulls.

    Balance = previous balance + amount where `kind` is "in", - amount where it is "out" or "fee"; the fee falls on
    month ends; `channel` is a function of `kind` or null.
    """
    random = np.random.default_rng([seed, 1])
    columns: dict[str, list[object]] = {
        n: [] for n in ("account", "day", "kind", "channel", "amount", "balance", "branch")
    }
    first = np.datetime64("2023-01-01")
    for account in range(entities):
        length, balance, at = int(random.integers(8, 40)), 0, 0
        branch = str(random.choice(["north", "south"], p=[0.7, 0.3]))
        for row in range(length):
            kind = "in" if row == 0 else str(random.choice(["in", "out", "fee"], p=[0.4, 0.5, 0.1]))
            at += int(random.integers(0, 12))
            day = first + np.timedelta64(at, "D")
            if kind == "fee":
                day = (day.astype("M8[M]") + 1).astype("M8[D]") - np.timedelta64(1, "D")
                at = int((day - first).astype(int))
            cents = 250 if kind == "fee" else int(np.exp(random.normal(9.0 if kind == "in" else 8.4, 0.6)))
            balance += cents if kind == "in" else -cents
            channel = None if kind == "fee" else ("wire" if kind == "in" else "card")
            values = (1000 + 7 * account, day, kind, channel, cents / 100, balance / 100, branch)
            for name, value in zip(columns, values, strict=True):
                columns[name].append(value)
    table = pa.table({n: pa.array(np.array(v)) if n == "day" else pa.array(v) for n, v in columns.items()})
    return read(table, entity="account", time="day")


@cache
def cohort(entities: int = 80, seed: int = 0) -> Sequences:
    """Patients with an arm, irregular visits in years, two labs of which one is missing at times, an event."""
    random = np.random.default_rng([seed, 2])
    columns: dict[str, list[object]] = {
        n: [] for n in ("patient", "year", "drug", "sex", "age", "bilirubin", "platelets", "years", "status")
    }
    for patient in range(1, entities + 1):
        followup = round(float(random.exponential(6.0)) + 0.5, 3)
        status = str(random.choice(["alive", "dead"]))
        drug, sex = (
            str(random.choice(["placebo", "active"])),
            str(random.choice(["female", "male"], p=[0.8, 0.2])),
        )
        age, level = round(float(random.normal(50, 10)), 1), float(random.normal(0.5, 0.8))
        at = 0.0
        while at <= followup:
            level += float(random.normal(0.1, 0.2))
            platelets = None if random.random() < 0.2 else int(random.normal(250, 60))
            values = (
                patient,
                round(at, 3),
                drug,
                sex,
                age,
                round(float(np.exp(level)), 1),
                platelets,
                followup,
                status,
            )
            for name, value in zip(columns, values, strict=True):
                columns[name].append(value)
            at += 0.5 + float(random.exponential(0.4))
    return read(pa.table(columns), entity="patient", time="year")


@cache
def events(entities: int = 80, seed: int = 0) -> Sequences:
    """Marked events on a real-valued time axis: four marks, each likely to follow itself."""
    random = np.random.default_rng([seed, 3])
    users, times, marks = [], [], []
    for user in range(entities):
        length, mark, at = int(random.integers(2, 30)), int(random.integers(4)), 0.0
        for _ in range(length):
            at += float(random.exponential(1.0 + mark))
            mark = mark if random.random() < 0.5 else int(random.integers(4))
            users.append(f"u{user:03d}")
            times.append(at)
            marks.append("abcd"[mark])
    return read(pa.table({"user": users, "time": times, "mark": marks}), entity="user", time="time")


@cache
def panel(entities: int = 12, seed: int = 0) -> Sequences:
    """Monthly counts with a season and zeros, and a price beside them: regular numeric series."""
    random = np.random.default_rng([seed, 4])
    months = np.arange("2018-01", "2024-01", dtype="M8[M]").astype("M8[D]")
    season = 1.0 + 0.8 * np.sin(2 * np.pi * np.arange(len(months)) / 12)
    tables = []
    for item in range(entities):
        demand = random.poisson(float(random.gamma(2.0, 2.0)) * season)
        price = np.round(10 + np.cumsum(random.normal(0, 0.1, len(months))), 2)
        tables.append(
            pa.table(
                {"item": [f"item-{item}"] * len(months), "month": months, "demand": demand, "price": price}
            )
        )
    return read(pa.concat_tables(tables), entity="item", time="month")


EXAMPLES: dict[str, Callable[..., Sequences]] = {
    "mixed": mixed,
    "cohort": cohort,
    "events": events,
    "panel": panel,
}
"""Each shape by name."""
