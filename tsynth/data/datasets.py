"""Simulated tables with a known truth, for the demo, the examples and the tests; nothing is downloaded.

Each function draws from a generator of its own: the same seed, the same table; no global state is read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from tsynth.errors import UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["DATASETS", "Dataset", "cohort", "demand", "fraud", "simulate"]

DAY = np.timedelta64(1, "D")


@dataclass(frozen=True)
class Dataset:
    """A simulated table and what is true of it.

    Parameters
    ----------
    name : str
    story : str
        What the rows are, in a sentence.
    rows : pyarrow.Table
    entity, time : str
        Names of the columns that say who and when.
    entities : pyarrow.Table, optional
        One row an entity.
    roles : mapping of str to str
        Roles that inference cannot know.
    truth : mapping
        Parameters that the rows were drawn with, by name.
    """

    name: str
    story: str
    rows: pa.Table
    entity: str
    time: str
    entities: pa.Table | None = None
    roles: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    truth: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))


# --- fraud -------------------------------------------------------------------------------------------------

CASH_DAYS = 2
FRAUD_TRUTH = {
    "share_of_accounts_with_fraud": 0.12,
    "interest_rate_a_month": 0.002,
    "share_that_withdraws_within_2_days_of_salary": 0.6,
    "online_share_of_fraud": 0.8,
}


def fraud(accounts: int = 400, months: int = 8, seed: int = 0) -> Dataset:
    """Current accounts: salaries, rents, card payments, cash, interest at month end, bursts of card fraud.

    The balance is the one before plus the signed amount, to the cent; it opens with the first amount.
    Interest falls on the last day of a month, rent leaves on a day of the account's own. A fraud is a small
    payment, mostly online, followed within hours by several large ones, each labelled.

    Parameters
    ----------
    accounts : int
    months : int
        Months watched, from 2023-01-01.
    seed : int

    Returns
    -------
    Dataset
        Entity "account", time "booked", label "fraud".
    """
    random = np.random.default_rng([seed, 1])
    first = np.datetime64("2023-01", "M")
    columns: dict[str, list[NDArray[Any]]] = {
        n: [] for n in ("account", "booked", "type", "code", "channel", "amount", "balance", "fraud")
    }
    for number in range(accounts):
        account = _Account(random, first, months)
        account.live()
        minute, code, amount, label = account.sorted_rows()
        signed = np.where(np.isin(code, ("salary", "deposit", "interest")), amount, -amount)
        signed = _with_interest(random, minute, code, signed)
        rows = len(minute)
        columns["account"].append(np.full(rows, 10_000 + 7 * number))
        columns["booked"].append(minute)
        columns["type"].append(np.where(signed > 0, "credit", "debit"))
        columns["code"].append(code)
        columns["channel"].append(_channels(random, code, label))
        columns["amount"].append(np.abs(signed) / 100)
        columns["balance"].append(np.cumsum(signed) / 100)
        columns["fraud"].append(label)
    flat = {name: np.concatenate(parts) for name, parts in columns.items()}
    table = pa.table({name: pa.array(values) for name, values in flat.items()})
    return Dataset(
        "fraud",
        f"simulated payments of {accounts} accounts over {months} months, with labelled bursts of card fraud",
        table,
        entity="account",
        time="booked",
        roles={"fraud": "label", "code": "mark"},
        truth=FRAUD_TRUTH,
    )


class _Account:
    """One account's life as flat lists: minute, code, amount in cents, whether it is a fraud."""

    def __init__(self, random: np.random.Generator, first: np.datetime64, months: int) -> None:
        self.random, self.months = random, months
        opened = random.integers(0, max(1, months - 3)) if random.random() < 0.3 else 0
        self.start = (first + opened).astype("datetime64[D]") + random.integers(0, 25) * DAY
        self.end = (first + months).astype("datetime64[D]")
        self.days = int((self.end - self.start) / DAY)
        self.rows: list[tuple[np.datetime64, str, int, bool]] = []

    def add(
        self, day: np.datetime64, hours: tuple[float, float], code: str, cents: float, fraud: bool = False
    ) -> None:
        minute = day.astype("datetime64[m]") + int(60 * self.random.uniform(*hours))
        if day >= self.start and minute < self.end.astype("datetime64[m]"):
            self.rows.append((minute, code, max(1, round(cents)), fraud))

    def live(self) -> None:
        random = self.random
        salary = 100 * float(random.lognormal(np.log(2200), 0.35))
        rent = round(salary * random.uniform(0.2, 0.35), -3)
        payday, rent_day = int(random.integers(24, 28)), int(random.integers(1, 6))
        spends, taste = float(random.gamma(4, 0.06)), float(random.normal(0, 0.3))
        self.add(self.start, (8, 9), "deposit", 10_000 * int(random.integers(2, 40)))
        month = self.start.astype("datetime64[M]")
        while month.astype("datetime64[D]") < self.end:
            head = month.astype("datetime64[D]")
            paid = head + payday * DAY
            self.add(paid, (3, 5), "salary", salary * random.normal(1, 0.01))
            self.add(head + rent_day * DAY, (1, 3), "rent", rent)
            self.add((month + 1).astype("datetime64[D]") - DAY, (23.5, 23.9), "interest", 1)
            if random.random() < FRAUD_TRUTH["share_that_withdraws_within_2_days_of_salary"]:
                after = int(random.integers(0, CASH_DAYS + 1))
                self.add(paid + after * DAY, (9, 20), "cash", 2000 * int(random.integers(2, 12)))
            month = month + 1
        for day in self.start + np.flatnonzero(random.random(self.days) < spends) * DAY:
            for _ in range(1 + random.poisson(0.3)):
                self.add(day, (8, 22), "card", 100 * random.lognormal(3.1 + taste, 0.8))
        if random.random() < FRAUD_TRUTH["share_of_accounts_with_fraud"] and self.days > 30:
            self.be_robbed()

    def be_robbed(self) -> None:
        random = self.random
        day = self.start + int(random.integers(20, self.days)) * DAY
        hour = float(random.uniform(0, 20))
        self.add(day, (hour, hour + 0.1), "card", 100 * random.uniform(0.5, 2), fraud=True)
        for _ in range(int(random.integers(2, 8))):
            self.add(day, (hour + 0.2, hour + 4), "card", 100 * random.lognormal(5.6, 0.4), fraud=True)

    def sorted_rows(self) -> tuple[NDArray[Any], NDArray[Any], NDArray[np.int64], NDArray[np.bool_]]:
        rows = sorted(self.rows, key=lambda row: row[0])
        minute = np.array([row[0] for row in rows], "datetime64[s]")
        code = np.array([row[1] for row in rows])
        return minute, code, np.array([row[2] for row in rows]), np.array([row[3] for row in rows])


def _with_interest(
    random: np.random.Generator, minute: NDArray[Any], code: NDArray[Any], signed: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Amounts with each month's interest on the balance then; nothing is paid on what is owed."""
    out, balance = signed.copy(), 0
    for i, name in enumerate(code):
        if name == "interest":
            out[i] = max(1, round(FRAUD_TRUTH["interest_rate_a_month"] * max(balance, 0)))
        balance += int(out[i])
    return out


def _channels(random: np.random.Generator, code: NDArray[Any], label: NDArray[np.bool_]) -> NDArray[Any]:
    channel = np.select(
        [code == "cash", np.isin(code, ("salary", "rent")), np.isin(code, ("deposit", "interest"))],
        ["machine", "transfer", "branch"],
        "shop",
    )
    online = random.random(len(code)) < np.where(label, FRAUD_TRUTH["online_share_of_fraud"], 0.25)
    return np.where((code == "card") & online, "online", channel)


# --- cohort ------------------------------------------------------------------------------------------------

COHORT_TRUTH = {
    "log_hazard_ratio_of_active_arm": -0.7,
    "log_hazard_ratio_a_unit_of_log_bilirubin": 0.9,
    "hazard_a_year_at_log_bilirubin_0": 0.05,
    "share_of_labs_missing": 0.12,
}


def cohort(patients: int = 320, seed: int = 0) -> Dataset:
    """A trial of two arms: irregular visits with labs and a sign, some missing; follow-up and death.

    Bilirubin grows along a line of the patient's own on the log scale and drives both the sign and the hazard
    of death, which the active arm lowers.

    Parameters
    ----------
    patients : int
    seed : int

    Returns
    -------
    Dataset
        Entity "patient", time "day"; an entity table with arm, age, sex, follow-up and event.
    """
    random = np.random.default_rng([seed, 2])
    truth = COHORT_TRUTH
    arm = np.where(random.random(patients) < 0.5, "active", "placebo")
    age = np.round(random.normal(52, 11, patients).clip(20, 85), 1)
    sex = np.where(random.random(patients) < 0.7, "female", "male")
    level, slope = random.normal(0.3, 0.8, patients), random.normal(0.12, 0.12, patients)
    log_rate = np.log(truth["hazard_a_year_at_log_bilirubin_0"]) + np.where(
        arm == "active", truth["log_hazard_ratio_of_active_arm"], 0.0
    )
    effect = truth["log_hazard_ratio_a_unit_of_log_bilirubin"]
    # The hazard is exp(a + b t), so its integral inverts in closed form.
    a, b = log_rate + effect * level + 0.02 * (age - 52), effect * slope
    b = np.where(np.abs(b) < 1e-6, 1e-6, b)
    inner = 1 + b * random.exponential(1, patients) / np.exp(a)
    death = np.where(inner > 0, np.log(np.where(inner > 0, inner, 1)) / b, np.inf)
    censored = random.uniform(3, 9, patients)
    followup = np.maximum(np.minimum(death, censored), 0.05)
    rows: dict[str, list[NDArray[Any]]] = {
        n: [] for n in ("patient", "day", "bilirubin", "albumin", "platelets", "oedema")
    }
    for i in range(patients):
        planned = np.concatenate([[0.0, 0.5], np.arange(1.0, 10.0)])
        years = np.maximum(0, planned + np.where(planned > 0, random.normal(0, 0.08, len(planned)), 0))
        years = np.sort(
            years[(years < followup[i]) & ((planned == 0) | (random.random(len(planned)) < 0.88))]
        )
        log_bilirubin = level[i] + slope[i] * years + random.normal(0, 0.15, len(years))
        sign = log_bilirubin + random.normal(0, 0.5, len(years))
        rows["patient"].append(np.full(len(years), i + 1))
        rows["day"].append(np.round(365.25 * years).astype(np.int64))
        rows["bilirubin"].append(np.round(np.exp(log_bilirubin), 1).clip(0.1))
        rows["albumin"].append(np.round(3.6 - 0.25 * log_bilirubin + random.normal(0, 0.25, len(years)), 2))
        rows["platelets"].append(np.round(np.exp(random.normal(5.4, 0.3, len(years)))).astype(np.int64))
        rows["oedema"].append(np.select([sign > 1.8, sign > 1.0], ["severe", "mild"], "none"))
    flat = {name: np.concatenate(parts) for name, parts in rows.items()}
    total = len(flat["day"])
    share = truth["share_of_labs_missing"]
    missing = {
        n: random.random(total) < share * k for n, k in (("albumin", 1), ("platelets", 1), ("oedema", 0.3))
    }
    table = pa.table({n: pa.array(v, mask=missing.get(n)) for n, v in flat.items()})
    entities = pa.table(
        {
            "patient": pa.array(np.arange(1, patients + 1)),
            "arm": pa.array(arm),
            "age": pa.array(age),
            "sex": pa.array(sex),
            "followup": pa.array(np.round(365.25 * followup).astype(np.int64)),
            "died": pa.array(death <= censored),
        }
    )
    return Dataset(
        "cohort",
        f"a simulated trial of {patients} patients in two arms: irregular visits, labs with gaps, deaths",
        table,
        entity="patient",
        time="day",
        entities=entities,
        roles={"arm": "arm", "followup": "followup", "died": "event"},
        truth=truth,
    )


# --- demand ------------------------------------------------------------------------------------------------

DEMAND_TRUTH = {"weekly_amplitude": 0.5, "yearly_amplitude": 0.35, "share_of_intermittent_products": 0.4}


def demand(products: int = 80, days: int = 364, seed: int = 0, monthly: bool = False) -> Dataset:
    """Units sold a day (or a month): a weekly and a yearly season, many zeros, whole numbers, two groups.

    Fast sellers are Poisson about a level that drifts; slow ones sell on few days, then a handful.

    Parameters
    ----------
    products : int
    days : int
        Days watched, from 2022-01-03, a Monday.
    seed : int
    monthly : bool
        Sums of calendar months instead of days.

    Returns
    -------
    Dataset
        Entity "product", time "day" (or "month").
    """
    random = np.random.default_rng([seed, 3])
    day = np.datetime64("2022-01-03", "D") + np.arange(days) * DAY
    weekday, of_year = np.arange(days) % 7, 2 * np.pi * np.arange(days) / 365.25
    week = DEMAND_TRUTH["weekly_amplitude"] * np.array([-0.4, -0.3, -0.2, 0.0, 0.6, 1.0, -0.7])[weekday]
    parts: list[pa.Table] = []
    for i in range(products):
        slow = random.random() < DEMAND_TRUTH["share_of_intermittent_products"]
        year = DEMAND_TRUTH["yearly_amplitude"] * np.cos(of_year - random.normal(0, 0.4))
        drift = np.cumsum(random.normal(0, 0.02, days))
        rate = np.exp(random.normal(2.3, 0.6) + week + year + drift)
        sold = random.poisson(rate)
        if slow:
            sold = np.where(random.random(days) < 0.12, 1 + random.poisson(rate / 6), 0)
        when, units = day, sold
        if monthly:
            months, at = np.unique(day.astype("datetime64[M]"), return_inverse=True)
            when, units = months.astype("datetime64[D]"), np.bincount(at, sold).astype(np.int64)
        name = pa.array([f"P{i + 1:03d}"] * len(when))
        group = pa.array(["slow" if slow else "fast"] * len(when))
        parts.append(
            pa.table({"product": name, "day": pa.array(when), "group": group, "sold": pa.array(units)})
        )
    table = pa.concat_tables(parts)
    if monthly:
        table = table.rename_columns(["product", "month", "group", "sold"])
    grain = "monthly" if monthly else "daily"
    return Dataset(
        "demand",
        f"simulated {grain} sales of {products} products, with seasons and many days without a sale",
        table,
        entity="product",
        time="month" if monthly else "day",
        truth=DEMAND_TRUTH,
    )


DATASETS: Mapping[str, Callable[..., Dataset]] = {"fraud": fraud, "cohort": cohort, "demand": demand}
"""What `tsynth demo` can simulate, by name."""


def simulate(name: str, seed: int = 0) -> Dataset:
    """The simulated table of that name.

    Raises
    ------
    UsageError
        There is none.
    """
    if name not in DATASETS:
        raise UsageError(f"no simulated data are called {name!r}", fix="choose one of " + ", ".join(DATASETS))
    return DATASETS[name](seed=seed)
