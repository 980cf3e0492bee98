"""How long does it take to read the first million rows of the Handbook months and infer their schema?

From one CSV and from one Parquet file, each to `Sequences`: read, schema inferred, rows sorted by card and time. The
raw limits are Arrow's readers, which neither infer a schema nor sort. The three months hold 872,795 rows.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

import tsynth.data.reading
from benchmarks.measure import peak, seconds
from tsynth.data import files

FOLDER = Path(os.environ.get("TSYNTH_DATA") or Path(__file__).resolve().parents[3] / "shared" / "data")
MONTHS = FOLDER / "transactions" / "fraud_handbook_simulated"
CODE = "from tsynth.data.reading import read; read({path!r}, entity='CUSTOMER_ID', time='TX_DATETIME')"


def run() -> dict:
    months = [pa.parquet.read_table(path) for path in sorted(MONTHS.glob("*.parquet"))]
    table = pa.concat_tables(months).slice(0, 1_000_000)
    with tempfile.TemporaryDirectory() as folder:
        paths = {kind: str(Path(folder) / f"rows.{kind}") for kind in ("csv", "parquet")}
        files.write_csv(table, paths["csv"])
        files.write_parquet(table, paths["parquet"])

        def read(kind: str) -> object:
            return tsynth.data.reading.read(paths[kind], entity="CUSTOMER_ID", time="TX_DATETIME")

        rows = []
        for kind, limit in (("csv", 6), ("parquet", 2)):
            timed = seconds(lambda kind=kind: read(kind), repeats=3)
            memory = peak(CODE.format(path=paths[kind]))["peak_mib"]
            what = f"{table.num_rows:,} rows of {kind}, limit {limit} s"
            rows.append({"by": "tsynth", "what": what, **timed, "peak_mib": memory})
        return {
            "rows": rows,
            "limit": {
                "what": "Arrow's reader of CSV, no schema, no order",
                **seconds(lambda: pa.csv.read_csv(paths["csv"]), repeats=3),
            },
        }
