"""How long does `markov_renewal` take to learn 500,000 rows, and to draw, decode and write a million?

Accounts with five kinds of rows over two years: pay once a month, a fee at month ends, cash at random.
"""

from __future__ import annotations

import resource
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tsynth.data.schema import Column, Schema
from tsynth.data.sequences import Sequences
from tsynth.generators.point_process.markov_renewal import MarkovRenewal

ROWS = 500_000
MADE = 1_000_000


def simulated(rows: int, seed: int = 0) -> Sequences:
    draw = np.random.default_rng(seed)
    days = np.arange("2022-01-01", "2024-01-01", dtype="datetime64[D]")
    month_end = days.astype("datetime64[M]") != (days + 1).astype("datetime64[M]")
    dom = (days - days.astype("datetime64[M]")).astype(int)
    entities = rows // 190
    pay_day = draw.integers(1, 28, entities)
    lively = draw.gamma(4, 0.05, entities)
    chance = np.stack(
        [
            np.broadcast_to(month_end, (entities, len(days))),
            dom == pay_day[:, None],
            *(np.broadcast_to(lively[:, None] * w, (entities, len(days))) for w in (0.5, 0.3, 0.2)),
        ],
        axis=2,
    )
    entity, day, code = np.nonzero(draw.random(chance.shape) < chance)
    amount = np.round(np.where(code == 0, 14.6, np.exp(draw.normal(5 + code / 2, 0.7))), 1)
    levels = ("fee", "pay", "cash", "card", "transfer")
    schema = Schema(
        (
            Column("account", kind="identifier", role="entity", static=True, dtype="int64"),
            Column("date", kind="datetime", role="time", dtype="timestamp[us]"),
            Column("code", kind="category", role="mark", dtype="string", levels=levels),
            Column("amount", decimals=1, dtype="double"),
        ),
        time_unit="d",
        constraints=(),
    )
    table = pa.table(
        {
            "date": pa.array(days[day].astype("datetime64[us]")),
            "code": pa.array(np.array(levels)[code]),
            "amount": pa.array(amount),
        }
    )
    offsets = np.r_[0, np.cumsum(np.bincount(entity, minlength=entities))]
    return Sequences(schema, table, offsets, pa.table({"account": pa.array(np.arange(entities))}))


def run() -> dict:
    MarkovRenewal().fit(simulated(20_000)).sample(10)  # compiled before the clock starts
    data = simulated(ROWS)
    begin, used = time.perf_counter(), time.process_time()
    generator = MarkovRenewal().fit(data)
    learned, learned_cpu = time.perf_counter() - begin, time.process_time() - used
    n = int(MADE * data.n_entities / data.n_rows) + 1
    made = 0
    begin, used = time.perf_counter(), time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        for number, part in enumerate(generator.stream(n, seed=1, part=1024)):
            pq.write_table(part.table(), Path(folder) / f"part-{number:05d}.parquet")
            made += part.n_rows
        drawn, drawn_cpu = time.perf_counter() - begin, time.process_time() - used
        again, written = time.perf_counter(), 0
        while written < made:
            pq.write_table(part.table(), Path(folder) / "again.parquet")
            written += part.n_rows
        writing = time.perf_counter() - again
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {
        "rows": [
            {"by": "tsynth", "what": f"fit on {data.n_rows:,} rows", "seconds": learned, "cpu": learned_cpu},
            {
                "by": "tsynth",
                "what": f"sample and write {made:,} rows",
                "seconds": drawn,
                "cpu": drawn_cpu,
                "MiB": peak,
            },
        ],
        "limit": {"what": "write as many rows that are there already", "seconds": writing},
    }
