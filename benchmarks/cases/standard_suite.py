"""How long does the standard suite of scores take on 100,000 rows, and how much memory on ten million?

Simulated accounts (`tsynth.testing.worlds`): real rows split into 70 % train and 30 % holdout, and as many entities as
train by the same law as synthetic rows. The ten million real and seven million synthetic rows lie in Parquet files;
`read_entities_sample` reads a sample of the entities, whose share is told, and the suite looks at it. *Processor
seconds* are those of all threads; on a machine that does other work beside it they say more than the clock.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from itertools import pairwise
from pathlib import Path

ROWS, MANY, PART = 100_000, 10_000_000, 10_000
"""Rows of the two tasks, and entities that are simulated at a time."""
AN_ENTITY = 24
"""Rows of an entity of the world, roughly."""
SAMPLED = 500_000
"""Rows that are read of each file at most."""


def run() -> dict:
    rows = [_measured("100,000 rows", f"suite({ROWS})")]
    with tempfile.TemporaryDirectory() as folder:
        for name, rows_of, seed in (("real", MANY, 1), ("synthetic", MANY * 7 // 10, 2)):
            write(Path(folder, name), rows_of, seed)
        rows.append(_measured("10,000,000 rows, sample of entities", f"sampled({folder!r})"))
    return {"rows": rows, "limit": None}


def _measured(what: str, call: str) -> dict:
    code = f"from benchmarks.cases import standard_suite as s; s.tell(s.{call})"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return {"by": "tsynth", "what": what, **json.loads(done.stdout.splitlines()[-1])}


def tell(found: dict) -> None:
    """Add what this process held and used, and print it."""
    import resource

    used = resource.getrusage(resource.RUSAGE_SELF)
    found |= {"peak_mib": round(used.ru_maxrss / (1 << (20 if sys.platform == "darwin" else 10)))}
    print(json.dumps({**found, "processor_seconds": round(used.ru_utime + used.ru_stime, 1)}))


def write(folder: Path, rows: int, seed: int) -> None:
    """Accounts in parts, each with ids of its own."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from tsynth.testing import WORLDS

    folder.mkdir()
    for part in range(-(-rows // (PART * AN_ENTITY))):
        table = WORLDS["transactions"](PART, 1000 * seed + part).table()
        ids = pa.compute.add(
            pa.compute.subtract(table["account"], pa.compute.min(table["account"])), part * PART
        )
        pq.write_table(table.set_column(0, "account", ids), folder / f"{part:03d}.parquet")


def suite(rows: int) -> dict:
    """The standard suite on simulated accounts."""
    from tsynth.testing import WORLDS

    make = WORLDS["transactions"]
    data = make(rows // AN_ENTITY, 1)
    train, holdout = data.split(holdout=0.3, by="entity", seed=0)
    return {"rows": data.n_rows, **asked(train, make(train.n_entities, 2), holdout)}


def sampled(folder: str) -> dict:
    """The standard suite on a sample of the entities of two folders."""
    import time

    from tsynth import read
    from tsynth.data.sampling import read_entities_sample
    from tsynth.testing.worlds import TRANSACTIONS

    start = time.perf_counter()
    sides, shares = [], []
    for name in ("real", "synthetic"):
        table, share = read_entities_sample(Path(folder, name), "account", at_most_rows=SAMPLED)
        sides.append(read(table, schema=TRANSACTIONS))
        shares.append(share)
    reading = time.perf_counter() - start
    train, holdout = sides[0].split(holdout=0.3, by="entity", seed=0)
    found = asked(train, sides[1], holdout)
    return {"rows": sides[0].n_rows, "share_of_entities": shares[0], "reading": reading, **found,
            "seconds": found["seconds"] + reading}  # fmt: skip


def asked(train: object, made: object, holdout: object) -> dict:
    import time

    from tsynth.scores.harness import evaluate

    clock: list[tuple[str, float]] = []
    start = time.perf_counter()
    report = evaluate(
        train, made, holdout, progress=lambda name, *_: clock.append((name, time.perf_counter()))
    )
    seconds = time.perf_counter() - start
    took = {name: after - at for (name, at), (_, after) in pairwise(clock)}
    for name, took_so_long in sorted(took.items(), key=lambda pair: -pair[1]):
        print(f"{name} {took_so_long:.2f}", file=sys.stderr)
    dearest = sorted(took, key=lambda name: -took[name])[:3]
    return {
        "seconds": seconds,
        "scores": len(report),
        "dearest": ", ".join(f"{name} {took[name]:.1f}" for name in dearest),
    }
