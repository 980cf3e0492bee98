"""The real tables as a user reads them, and their halves: one to learn from, one to compare with.

The folder is `../shared/data` beside the project or what the variable `TSYNTH_DATA` names. Roles are given only where a
user would have to say them: what ends a patient's follow-up cannot be told from values.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

import tsynth
from tsynth.data.sequences import Sequences

FOLDER = Path(os.environ.get("TSYNTH_DATA") or Path(__file__).resolve().parents[3] / "shared" / "data")
BERKA = FOLDER / "transactions" / "berka"
CLINICAL = FOLDER / "clinical"


def berka() -> Sequences:
    """Rows of Czech accounts from January 1993 to March 1994, as the file has them."""
    return tsynth.read(BERKA / "trans_1993-01_1994-03.parquet", entity="account_id", time="date")


def berka_accounts() -> Sequences:
    """As `berka`, with district and frequency of statements beside the rows."""
    rows = pd.read_parquet(BERKA / "trans_1993-01_1994-03.parquet")
    accounts = pd.read_csv(BERKA / "account.csv.gz").drop(columns="date")
    accounts = accounts[accounts["account_id"].isin(rows["account_id"])]
    accounts["district_id"] = accounts["district_id"].astype(str)
    return tsynth.read(rows, entities=accounts, entity="account_id", time="date")


def ucsd() -> Sequences:
    """Payments of cards that paid twice or more; day and hour are one time."""
    rows = pd.read_parquet(FOLDER / "transactions" / "ucsd_fico_2009_task2_train.parquet")
    rows = rows[rows.groupby("card_code")["amount"].transform("size") >= 2]
    when = ("day_index_derived", "hour1")
    return tsynth.read(rows, entity="card_code", time=when, roles={"is_fraud": "label"})


def cdnow() -> Sequences:
    return tsynth.read(
        FOLDER / "transactions" / "cdnow_master.parquet", entity="customer_id", time="date", frequency=None
    )


def online_retail() -> Sequences:
    """Lines of invoices of known customers; invoice and article numbers are ids, descriptions text."""
    rows = pd.read_parquet(FOLDER / "transactions" / "online_retail_uci352.parquet")
    return tsynth.read(
        rows[rows["CustomerID"].notna()], entity="CustomerID", time="InvoiceDate", frequency=None
    )


def pbc2() -> Sequences:
    """Visits of patients; years of follow-up and what ended it are theirs, `status2` says the same and is left out."""
    rows = pd.read_csv(CLINICAL / "pbc2.csv.gz").drop(columns="status2")
    return tsynth.read(rows, entity="id", time="year", roles={"years": "followup", "status": "event"})


def aids() -> Sequences:
    """CD4 counts at five visits; the counting-process columns say again what visits and follow-up say."""
    rows = pd.read_csv(CLINICAL / "aids_ddi_ddc.csv.gz").drop(columns=["start", "stop", "event"])
    return tsynth.read(rows, entity="patient", time="obstime", roles={"Time": "followup", "death": "event"})


def uci_diabetes70() -> Sequences:
    """What diabetics logged: insulin, glucose, meals, exercise. The code says again what the event says."""
    rows = pd.read_csv(CLINICAL / "uci_diabetes70.csv.gz", parse_dates=["timestamp"]).drop(columns="code")
    return tsynth.read(rows, entity="patient_id", time="timestamp", roles={"event": "mark"}, frequency=None)


def renal() -> Sequences:
    """Kidney grafts: three laboratory files merged on day of measurement, the survival table as statics."""
    keys = ["id", "years"]
    files = {"gfr": "gfr", "haem": "haematocrit", "prot": "proteinuria"}
    labs = [
        pd.read_csv(CLINICAL / f"renal_transplant_{f}.csv.gz")[[*keys, column]] for f, column in files.items()
    ]
    rows = labs[0].merge(labs[1], on=keys, how="outer").merge(labs[2], on=keys, how="outer")
    grafts = pd.read_csv(CLINICAL / "renal_transplant_surv.csv.gz")
    roles = {"fuyears": "followup", "failure": "event"}
    return tsynth.read(rows, entities=grafts, entity="id", time="years", roles=roles)


def carparts() -> Sequences:
    """Monthly demand for 2,674 spare parts, most months none, some unknown."""
    rows = pd.read_parquet(FOLDER / "series" / "carparts.parquet")
    return tsynth.read(rows, entity="series_id", time="time")


def hospital() -> Sequences:
    """Monthly counts of 767 products of a hospital."""
    return tsynth.read(FOLDER / "series" / "hospital.parquet", entity="series_id", time="time")


def nn5() -> Sequences:
    """Daily withdrawals from 111 cash machines, some days unknown."""
    return tsynth.read(FOLDER / "series" / "nn5.parquet", entity="series_id", time="time")


def physionet(which: str = "a") -> Sequences:
    """Stays in intensive care, long as delivered: a row is a variable's name and value at a minute.

    Scores of severity and lengths of stay, which are made from the rows or look ahead, are left out. Three stays have
    no row.
    """
    rows = pd.read_parquet(CLINICAL / f"physionet2012_set_{which}_long.parquet")
    rows["parameter"] = rows["parameter"].astype(str)
    return tsynth.read(
        rows, entities=_stays(which), entity="record_id", time="minute", roles={"parameter": "mark"},
        frequency=None,
    )  # fmt: skip


def physionet_wide(which: str = "a") -> Sequences:
    """As `physionet`, a row a minute of a stay with 37 columns, null where nothing was measured; the last of twins."""
    rows = pd.read_parquet(CLINICAL / f"physionet2012_set_{which}_long.parquet")
    rows["parameter"] = rows["parameter"].astype(str)
    rows = rows.drop_duplicates(["record_id", "minute", "parameter"], keep="last")
    wide = rows.pivot(index=["record_id", "minute"], columns="parameter", values="value").reset_index()
    wide.columns.name = None
    return tsynth.read(wide, entities=_stays(which), entity="record_id", time="minute", frequency=None)


def _stays(which: str) -> pd.DataFrame:
    stays = pd.read_csv(CLINICAL / f"physionet2012_set_{which}_static_outcomes.csv.gz")
    stays = stays[["record_id", "Age", "Gender", "Height", "ICUType", "Weight", "In-hospital_death"]]
    stays = stays.rename(columns={"Weight": "weight_at_admission"})
    return stays.astype({"ICUType": "Int64", "Gender": "Int64"})


TABLES: dict[str, Callable[[], Sequences]] = {
    "berka": berka,
    "berka_accounts": berka_accounts,
    "ucsd": ucsd,
    "cdnow": cdnow,
    "online_retail": online_retail,
    "pbc2": pbc2,
    "aids": aids,
    "uci_diabetes70": uci_diabetes70,
    "renal": renal,
    "carparts": carparts,
    "hospital": hospital,
    "nn5": nn5,
    "physionet": physionet,
    "physionet_wide": physionet_wide,
}


def halves(data: Sequences, seed: int = 0) -> tuple[Sequences, Sequences]:
    """Train and holdout, an odd entity to the holdout; each half in the order of the data."""
    order = np.random.default_rng(seed).permutation(data.n_entities)
    middle = data.n_entities // 2
    return data.take(np.sort(order[:middle])), data.take(np.sort(order[middle:]))


def split(name: str, seed: int = 0) -> tuple[Sequences, Sequences]:
    """The halves of a table by name; of PhysioNet set a and set b."""
    if name.startswith("physionet"):
        read = {"physionet": physionet, "physionet_wide": physionet_wide}[name]
        return read("a"), read("b")
    return halves(TABLES[name](), seed)
