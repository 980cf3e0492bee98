"""Does `tsynth run` end well on ten real tables, and what does it make of the bank accounts?

Needs the folder of real data (`TSYNTH_DATA`, or `../shared/data`). A row a table: seconds of the whole command, the
most memory it held, rows made for rows learned from, times_floor. The first table is read back from the files of its
release and checked against the source: time, combinations, balance, month ends, rows an account.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

DATA = Path(os.environ.get("TSYNTH_DATA") or Path(__file__).resolve().parents[3] / "shared" / "data")
BANK = "transactions/berka/trans_1993-01_1994-03.parquet"
TABLES = {
    "bank accounts": (BANK, "account_id", "date", []),
    "music buyers": ("transactions/cdnow_master.parquet", "customer_id", "date", []),
    "retail": (
        "transactions/online_retail_uci352.parquet",
        "CustomerID",
        "InvoiceDate",
        ["--null-entity", "drop"],
    ),
    "liver trial": ("clinical/pbc2.csv.gz", "id", "year", []),
    "heart recipients": ("clinical/msm_cav.csv.gz", "PTNUM", "years", []),
    "diabetes logs": ("clinical/uci_diabetes70.csv.gz", "patient_id", "timestamp", []),
    "car parts": ("series/carparts.parquet", "series_id", "time", []),
    "financial series": ("series/arch_financial.parquet", "series_id", "time", []),
    "badges": ("events/stackoverflow_badges.parquet", "seq_id", "time", []),
    "bank accounts with their table": (
        BANK,
        "account_id",
        "date",
        ["--entities", str(DATA / "transactions/berka/account.csv.gz")],
    ),
}
_RUN = (
    "import resource, subprocess, sys, json\n"
    "code = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)\n"
    "print(json.dumps({'rc': code.returncode, 'tail': code.stderr[-500:],"
    " 'peak_mib': resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024}))\n"
)


def run() -> dict:
    if not DATA.is_dir():
        raise SystemExit(f"{DATA} is missing: name the folder of real data in TSYNTH_DATA")
    rows = []
    for what, (file, entity, when, more) in TABLES.items():
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder, "release")
            tsynth = [
                sys.executable,
                "-m",
                "tsynth",
                "run",
                str(DATA / file),
                "--entity",
                entity,
                "--time",
                when,
            ]
            start = time.perf_counter()
            done = subprocess.run(
                [sys.executable, "-c", _RUN, *tsynth, "--out", str(out), *more],
                check=True,
                capture_output=True,
                text=True,
            )
            ended = json.loads(done.stdout)
            row = {"by": "tsynth", "what": what, "seconds": time.perf_counter() - start}
            row["peak_mib"] = round(ended["peak_mib"])
            if ended["rc"]:
                rows.append({**row, "ended": f"exit {ended['rc']}: {ended['tail']}"})
                continue
            manifest = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
            row |= {"rows_made": manifest["rows"], "rows_real": manifest["source"]["rows"]}
            row["times_floor"] = round(manifest["times_floor"] or float("nan"), 2)
            row["ended"] = "well"
            if what == "bank accounts":
                row |= bank(out / "data")
            rows.append(row)
    return {"rows": rows, "limit": None}


def bank(folder: Path) -> dict:
    """What an analyst would check first, on the rows as they stand in the files."""
    made = pa.concat_tables(pq.read_table(part) for part in sorted(folder.glob("*.parquet")))
    real = pq.read_table(DATA / BANK)
    triple = ["type", "operation", "k_symbol"]
    known = {tuple(r.values()) for r in real.select(triple).to_pylist()}
    kept = np.mean([tuple(r.values()) in known for r in made.select(triple).to_pylist()])
    account = made["account_id"].to_numpy()
    date = made["date"].to_numpy().astype("M8[D]")
    same = account[1:] == account[:-1]
    sign = np.where(np.asarray(pc.equal(made["type"], "PRIJEM")), 1.0, -1.0)
    amount, balance = made["amount"].to_numpy() * sign, made["balance"].to_numpy()
    adds = np.abs(balance[1:] - balance[:-1] - amount[1:])[same] < 0.1001
    first = np.concatenate([[True], ~same])
    interest = np.asarray(pc.fill_null(pc.equal(made["k_symbol"], "UROK"), False))
    return {
        "back_in_time": float(np.mean((np.diff(date) < np.timedelta64(0, "D"))[same])),
        "known_triples": float(kept),
        "balance_adds_up": round(float(np.mean(adds)), 5),
        "opens_with_amount": round(float(np.mean(np.abs(balance - amount)[first] < 0.1001)), 5),
        "interest_on_month_end": float(
            np.mean((date + 1).astype("M8[M]") > date.astype("M8[M]"), where=interest)
        ),
        "rows_an_account": round(made.num_rows / int(first.sum()), 2),
        "rows_an_account_real": round(real.num_rows / pc.count_distinct(real["account_id"]).as_py(), 2),
    }
