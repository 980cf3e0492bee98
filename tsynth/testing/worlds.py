"""Simulated worlds with a known truth, of any size: the same law with another seed is a perfect generator.

Scores are calibrated on them: train, holdout and what a perfect generator makes are three draws of one world, and a
fault of `tsynth.testing.faults` is planted into the third.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from tsynth.data.constraints.inequalities import Inequality
from tsynth.data.constraints.totals import Totals
from tsynth.data.schema import Column, Schema
from tsynth.data.sequences import Sequences

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

__all__ = ["WORLDS", "cohort", "panel", "transactions"]

CODES = ("card", "cash", "salary", "rent", "fee")
"""What a row of `transactions` is."""
SIGNS = np.array([-1, -1, 1, -1, -1])
FOLLOWS = np.array(
    [
        [0.50, 0.22, 0.14, 0.08, 0.06],
        [0.52, 0.12, 0.18, 0.10, 0.08],
        [0.20, 0.25, 0.00, 0.50, 0.05],
        [0.55, 0.30, 0.05, 0.00, 0.10],
        [0.45, 0.25, 0.20, 0.10, 0.00],
    ]
)
GAPS = np.array([1.5, 4.0, 2.0, 5.0, 3.0])
SIZES = np.array([3.2, 4.2, 6.8, 6.0, 1.5])
SPREADS = np.array([0.7, 0.4, 0.25, 0.15, 0.05])
SECONDS = 86_400
FIRST_DAY = 19_358  # 2023-01-01, in days since 1970


def transactions(entities: int, seed: int = 0) -> Sequences:
    """Bank accounts: codes, gaps, calendar, amounts with memory, a balance that adds up, and a rare label.

    Codes follow a Markov chain, but with a probability of its own an account repeats its favourite of card and cash.
    The gap before the next row goes by the code and is three times shorter in busy spells. Cards and cash avoid
    Sundays and nights; salary and rent fall on month ends. Amounts go by code, by the account's level and by an
    autoregression over its rows, and one in fifty has a Pareto factor. ``balance`` = previous balance + signed amount,
    as the schema states. ``distance`` is known for cards and cash alone, and on some accounts rarely. ``fraud`` (about
    one row in fifty) follows short gaps and large amounts. ``region`` and ``segment`` are static; business accounts
    have larger amounts and shorter gaps, those of the east pay by cash.

    Parameters
    ----------
    entities : int
    seed : int
    """
    random = np.random.default_rng([seed, 11])
    n = entities
    region = random.choice(3, n, p=[0.5, 0.3, 0.2])
    business = random.uniform(size=n) < 0.25
    level = 0.5 * random.normal(size=n) + 0.8 * business
    speed = np.exp(0.3 * random.normal(size=n) - 0.3 * business)
    favour = random.beta(1.5, 4.0, n)
    favourite = (random.uniform(size=n) < np.array([0.25, 0.35, 0.75])[region]).astype(np.int64)
    silent = random.uniform(size=n) < 0.3
    length = 2 + random.negative_binomial(4, 4 / 26, n)
    chain = FOLLOWS.cumsum(axis=1)
    code, busy = np.full(n, 2), random.uniform(size=n) < 0.4
    memory, at = random.normal(size=n), FIRST_DAY + random.uniform(0, 120, n)
    steps: dict[str, list[Array]] = {name: [] for name in ("code", "at", "amount", "distance", "fraud")}
    for step in range(int(length.max(initial=0))):
        if step:
            gap = random.exponential(size=n) * GAPS[code] * speed * np.where(busy, 0.4, 1.6)
            drawn = (random.uniform(size=(n, 1)) > chain[code]).sum(axis=1)
            code = np.where(random.uniform(size=n) < favour, favourite, np.minimum(drawn, 4))
            busy = np.where(random.uniform(size=n) < 0.15, ~busy, busy)
        else:
            gap = np.zeros(n)
        at = _on_the_calendar(random, at, gap, code)
        memory = 0.7 * memory + np.sqrt(1 - 0.49) * random.normal(size=n)
        tail = np.where(random.uniform(size=n) < 0.02, 1 + random.pareto(1.5, n), 1.0)
        wild = SPREADS[code]
        size = SIZES[code] + level + wild * (0.8 * memory + 0.6 * random.normal(size=n))
        amount = np.round(np.exp(size) * np.where(code < 2, tail, 1.0), 2)
        far = np.round(np.exp(1 + 0.6 * memory + 0.5 * random.normal(size=n)), 1)
        hidden = (code > 1) | (random.uniform(size=n) < np.where(silent, 0.7, 0.05))
        odds = -5.5 + 1.6 * memory + 1.5 * (gap < 0.5) * (code < 2) + 2.0 * (tail > 2)
        values = (code, at, amount, np.where(hidden, np.nan, far), random.uniform(size=n) < _logistic(odds))
        for name, value in zip(steps, values, strict=True):
            steps[name].append(value)
    kept = np.arange(int(length.max(initial=0))) < length[:, None]
    flat = {name: np.stack(parts, axis=1)[kept] for name, parts in steps.items()} if n else {}
    signed = np.round(SIGNS[flat["code"]] * flat["amount"] * 100).astype(np.int64)
    offsets = np.concatenate([[0], np.cumsum(length)])
    total = np.cumsum(signed)
    before = np.repeat(np.append(0, total)[offsets[:-1]], length)
    ticks = np.round(flat["at"] * SECONDS).astype(np.int64)
    rows = {
        "when": pa.array(ticks).cast(pa.timestamp("s")),
        "code": pa.array(np.array(CODES)[flat["code"]]),
        "amount": pa.array(flat["amount"]),
        "balance": pa.array((total - before) / 100),
        "distance": pa.array(flat["distance"], mask=np.isnan(flat["distance"])),
        "fraud": pa.array(flat["fraud"]),
    }
    table = {
        "account": pa.array(_ids(n, seed)),
        "region": pa.array(np.array(["north", "south", "east"])[region]),
        "segment": pa.array(np.where(business, "business", "private")),
    }
    return Sequences(TRANSACTIONS, pa.table(rows), offsets, pa.table(table))


def _on_the_calendar(random: np.random.Generator, at: Array, gap: Array, code: Array) -> Array:
    """The time of the next rows, `gap` days later or when the calendar lets them happen."""
    day = np.floor(at + gap).astype(np.int64)
    month = day.astype("datetime64[D]").astype("datetime64[M]")
    last = (month + 1).astype("datetime64[D]").astype(np.int64) - 1
    day = np.where((code == 2) | (code == 3), last, day)
    sunday = ((day + 3) % 7 == 6) & (code < 2) & (random.uniform(size=len(day)) < 0.8)
    day = np.where(sunday, day + 1, day)
    hour = np.where(code < 2, 7 + 15 * random.beta(2.5, 2.0, len(day)), 6 * random.uniform(size=len(day)))
    # never before the row before, which may be later on the same day
    earliest = at + random.exponential(30 / 1440, len(day))
    return np.where(gap == 0, day + hour / 24, np.maximum(day + hour / 24, earliest))


def _logistic(x: Array) -> Array:
    out: Array = 1 / (1 + np.exp(-x))
    return out


def _ids(n: int, seed: int) -> Array:
    """Numbers that two draws of a world do not share by chance of order."""
    return np.arange(n, dtype=np.int64) + 10_000_019 * (1 + seed % 1000)


TRANSACTIONS = Schema(
    columns=(
        Column("account", "identifier", "entity", static=True, dtype="int64"),
        Column("when", "datetime", "time", dtype="timestamp[s]"),
        Column("code", "category", "mark", dtype="string", levels=CODES),
        Column("amount", "continuous", decimals=2),
        Column("balance", "continuous", decimals=2),
        Column("distance", "continuous", nullable=True, decimals=1),
        Column("fraud", "boolean", "label", dtype="bool"),
        Column("region", "category", "group", static=True, dtype="string", levels=("north", "south", "east")),
        Column("segment", "category", static=True, dtype="string", levels=("private", "business")),
    ),
    time_unit="d",
    constraints=(
        Totals(
            columns=("balance", "amount", "code"),
            digits=2,
            slack=1,
            opening="zero",
            signs=tuple(((name,), int(sign)) for name, sign in zip(CODES, SIGNS, strict=True)),
        ).to_dict(),
    ),
)


def cohort(entities: int, seed: int = 0) -> Sequences:
    """Patients: visits whose gap goes by the last value, two labs that are missing together, an event with censoring.

    Log bilirubin starts by age and sex, drifts upwards, more slowly under the active arm; albumin falls as it rises
    and has a memory of its own. The next visit comes sooner the higher bilirubin is. Both labs are null together in a
    tenth of the visits, more often after a null. The hazard of death rises with bilirubin and age and is halved by
    the active arm; follow-up is censored between 2 and 9 years. ``site`` is a group, the smallest of them sicker.

    Parameters
    ----------
    entities : int
    seed : int
    """
    random = np.random.default_rng([seed, 12])
    n = entities
    active, male = random.uniform(size=n) < 0.5, random.uniform(size=n) < 0.4
    site = random.choice(3, n, p=[0.5, 0.3, 0.2])
    age = np.round(random.normal(55, 9, n), 1)
    level = 0.4 + 0.02 * (age - 55) + 0.2 * male + 0.5 * (site == 2) + 0.7 * random.normal(size=n)
    drift = 0.12 - 0.14 * active + 0.1 * random.normal(size=n)
    mood, gone = random.normal(size=n), random.uniform(size=n) < 0.1
    censored = random.uniform(2.0, 9.0, n)
    at, followup, dead = np.zeros(n), np.full(n, np.nan), np.zeros(n, bool)
    steps: dict[str, list[Array]] = {name: [] for name in ("open", "at", "bilirubin", "albumin", "gone")}
    while True:
        open_now = np.isnan(followup)
        if not open_now.any():
            break
        mood = 0.6 * mood + 0.8 * random.normal(size=n)
        bilirubin = np.round(np.exp(level + 0.15 * random.normal(size=n)), 2)
        albumin = np.round(3.8 - 0.35 * level + 0.25 * mood, 2)
        for name, value in zip(steps, (open_now, at, bilirubin, albumin, gone), strict=True):
            steps[name].append(value)
        gap = 0.15 + random.gamma(3.0, 0.25, n) * np.exp(-0.35 * level)
        hazard = 0.06 * np.exp(0.9 * level + 0.03 * (age - 55) - 0.7 * active)
        death = at + random.exponential(size=n) / hazard
        stop = np.minimum(death, censored)
        ends = open_now & (stop <= at + gap)
        followup = np.where(ends, stop, followup)
        dead |= ends & (death <= censored)
        moved = drift * gap + 0.25 * np.sqrt(gap) * random.normal(size=n)
        level = np.where(open_now, level + moved, level)
        gone = random.uniform(size=n) < np.where(gone, 0.4, 0.07)
        at = at + gap
    kept = np.stack(steps["open"], axis=1) if steps["open"] else np.empty((n, 0), bool)
    flat = {name: np.stack(steps[name], axis=1)[kept] for name in ("at", "bilirubin", "albumin", "gone")}
    rows = {
        "year": pa.array(np.round(flat["at"], 3)),
        "bilirubin": pa.array(flat["bilirubin"], mask=flat["gone"]),
        "albumin": pa.array(flat["albumin"], mask=flat["gone"]),
    }
    table = {
        "patient": pa.array(_ids(n, seed)),
        "years": pa.array(np.ceil(followup * 1000) / 1000),
        "status": pa.array(np.where(dead, "dead", "alive")),
        "drug": pa.array(np.where(active, "active", "placebo")),
        "sex": pa.array(np.where(male, "male", "female")),
        "age": pa.array(age),
        "site": pa.array(np.array(["A", "B", "C"])[site]),
    }
    offsets = np.concatenate([[0], np.cumsum(kept.sum(axis=1))])
    return Sequences(COHORT, pa.table(rows), offsets, pa.table(table))


COHORT = Schema(
    columns=(
        Column("patient", "identifier", "entity", static=True, dtype="int64"),
        Column("year", "continuous", "time", decimals=3, unit="year"),
        Column("years", "continuous", "followup", static=True, decimals=3, unit="year"),
        Column("status", "category", "event", static=True, dtype="string", levels=("alive", "dead")),
        Column("drug", "category", "arm", static=True, dtype="string", levels=("active", "placebo")),
        Column("sex", "category", static=True, dtype="string", levels=("female", "male")),
        Column("age", "continuous", static=True, decimals=1),
        Column("site", "category", "group", static=True, dtype="string", levels=("A", "B", "C")),
        Column("bilirubin", "continuous", nullable=True, decimals=2),
        Column("albumin", "continuous", nullable=True, decimals=2),
    ),
    event_levels={"alive": "censored", "dead": "event"},
    constraints=(Inequality(columns=("year", "years"), moved="years", by="difference").to_dict(),),
)

LAGS, BURN = 84, 30
"""Days of a series, and days before them that are thrown away."""


def panel(entities: int, seed: int = 0) -> Sequences:
    """Daily series of 84 days: demand with a week and a trend, a price whose volatility comes in spells, and orders.

    Demand is an autoregression about a level of the shop's own with a weekly profile, a slope and a fall when the
    price rises; the log price is a random walk whose steps follow a GARCH(1, 1) with t innovations; orders follow
    yesterday's demand. ``kind`` is a group whose smallest level has a week of its own. Shops are independent.

    Parameters
    ----------
    entities : int
    seed : int
    """
    random = np.random.default_rng([seed, 13])
    n = entities
    kind = random.choice(3, n, p=[0.5, 0.3, 0.2])
    level, slope = 3.5 + 0.5 * random.normal(size=n), 0.004 * random.normal(size=n)
    week = np.array([0.0, 0.05, 0.1, 0.15, 0.4, 0.5, -0.6])
    weeks = np.stack([week, week, np.roll(week, 3)])[kind]
    noise, size, shock = np.zeros(n), np.full(n, 1.0), np.zeros(n)
    price, last = 10 * np.exp(0.2 * random.normal(size=n)), np.zeros(n)
    columns: list[list[Array]] = [[], [], []]
    for day in range(-BURN, LAGS):
        size = 0.06 + 0.22 * shock**2 + 0.72 * size
        shock = np.sqrt(size) * random.standard_t(6, n) * np.sqrt(4 / 6)
        price = price * np.exp(0.012 * np.clip(shock, -12, 12))
        noise = 0.6 * noise + 0.2 * random.normal(size=n)
        mean = level + slope * day + weeks[:, (day + 6) % 7] - 4 * 0.012 * np.clip(shock, -12, 12) + noise
        demand = np.round(np.exp(mean), 1)
        orders = np.round(0.8 * last + np.exp(level) * (0.2 + 0.1 * random.normal(size=n)), 1)
        last = demand
        if day >= 0:
            for held, value in zip(columns, (demand, np.round(price, 2), orders), strict=True):
                held.append(value)
    days = (np.datetime64("2023-01-01") + np.arange(LAGS)).astype("datetime64[D]")
    names = ("demand", "price", "orders")
    rows = {"day": pa.array(np.tile(days, n))}
    rows |= {
        name: pa.array(np.stack(held, axis=1).ravel()) for name, held in zip(names, columns, strict=True)
    }
    table = {"shop": pa.array(_ids(n, seed)), "kind": pa.array(np.array(["food", "tools", "books"])[kind])}
    return Sequences(PANEL, pa.table(rows), LAGS * np.arange(n + 1), pa.table(table))


PANEL = Schema(
    columns=(
        Column("shop", "identifier", "entity", static=True, dtype="int64"),
        Column("day", "datetime", "time", dtype="date32[day]"),
        Column("demand", "continuous", decimals=1),
        Column("price", "continuous", decimals=2),
        Column("orders", "continuous", decimals=1),
        Column("kind", "category", "group", static=True, dtype="string", levels=("food", "tools", "books")),
    ),
    time_unit="d",
    frequency="D",
    constraints=(),
)

WORLDS: dict[str, Callable[..., Sequences]] = {"transactions": transactions, "cohort": cohort, "panel": panel}
"""Each world by name: ``WORLDS[name](entities, seed)``."""
