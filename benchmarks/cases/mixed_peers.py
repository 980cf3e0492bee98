"""How near to real rows do TabularARGN and SDV's PAR come, and how fast do they learn and sample, beside tsynth?

The same halves, the columns that tsynth learns (ids left out), the same time to fit for all; of each one fit and one
sample of as many entities. TabularARGN takes statics as its context table and absolute times, as its documentation
does; PAR has no limit of time, so an epoch is timed and as many are trained as fit in, at most its default of 128. It
is not asked about the cards, which are thousands of very short sequences. *Fit rows a second* are
rows of the training half over the seconds of the fit.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq

import tsynth
from benchmarks.measure import ask_peer
from benchmarks.mixed import casework, tables
from benchmarks.mixed.measure import measure
from tsynth.data.sequences import Sequences

PEERS = {"TabularARGN 2.7.3": ("mostlyai", "mostlyai_rows.py"), "SDV 2.0.0 PAR": ("sdv", "sdv_rows.py")}
TABLES = ("berka", "ucsd", "pbc2")
LEFT_OUT = {("SDV 2.0.0 PAR", "ucsd")}


def run(generator: str | None = None, minutes: float | None = None) -> dict:
    rows = []
    for table in TABLES:
        train, holdout = tables.split(table)
        for by in PEERS:
            if (by, table) not in LEFT_OUT:
                rows.append(asked(by, table, train, holdout, casework.budget(minutes)))
        result = casework.drawn(table, generator or casework.default(), casework.budget(minutes), draws=1)
        rows.append(casework.entry(result))
    return {"rows": rows, "limit": None}


def asked(by: str, table: str, train: Sequences, holdout: Sequences, minutes: float) -> dict[str, Any]:
    """One peer on one table: a row of the page."""
    schema = train.schema
    names = [c.name for c in schema if c.learned or c.role in ("entity", "time")]
    statics = ",".join(c.name for c in schema if c.static and c.role != "entity" and c.learned)
    with tempfile.TemporaryDirectory() as folder:
        source, made = Path(folder, "train.parquet"), Path(folder, "made.parquet")
        pq.write_table(train.table().select(names), source)
        told = ask_peer(
            *PEERS[by], str(source), str(made), str(schema.entity), str(schema.time), statics,
            str(60 * minutes), str(train.n_entities),
        )  # fmt: skip
        frame = pd.read_parquet(made)
    synthetic = tsynth.read(frame, entity=schema.entity, time=schema.time, frequency=None)
    found = measure(train, synthetic, holdout, table, quick=True)
    speed = [train.n_rows / told["seconds"], len(frame) / told["sample"]]
    result = {
        "generator": by,
        "table": table,
        "draws": [found],
        "fit": told["seconds"],
        "rows_a_second": speed,
    }
    return casework.entry(result) | {"by": by}
