"""Whom do attacks recognise: nobody in unseen real data, the training entities of an overfitted generator?

Four releases are attacked, in two simulated worlds and on real Czech bank accounts (Berka, where the file is there):
*unseen*, real entities that nobody learned from; *a tenth memorised*, nine tenths of such and a tenth of copies;
*overfitted*, a bootstrap of as many training entities with noise of a twentieth on all numbers and on times;
*overfitted, thrice as large*. Training, unseen and reference entities are apart and as many (400, Berka a third
each). A bootstrap of as many entities leaves out 37 % of them, so no attack on it passes an AUC of .82 by much. `auc`
is that of members against unseen entities, `low` and `high` its 95 % interval, `recognised` the share of members
found at 1 % false alarms; `value` is what `near_copies` (share of entities), `attribute_disclosure` (excess of
guesses) and `adversarial_accuracy` (privacy loss) answer in place of an AUC. *calibration*: 40 worlds of 100
training, 200 held-out and 100 unseen accounts through `evaluate`; how often the interval of the AUC covers .5 and
that of value - floor covers 0, and the mean of both AUC (`auc`) and value - floor (`value`).
"""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa

import tsynth
from tsynth import registry
from tsynth.data.clock import TICKS
from tsynth.data.sequences import Sequences
from tsynth.data.streams import Streams
from tsynth.scores.harness import evaluate
from tsynth.testing.worlds import WORLDS

ROOT = Path(__file__).resolve().parent.parent.parent
FILE = "transactions/berka/trans_1993-01_1994-03.parquet"
MEMBERSHIP = ("membership_density", "membership_nearest", "known_rows", "visit_times")
OTHERS = ("near_copies", "attribute_disclosure", "adversarial_accuracy")
ENTITIES, REPEATS, NOISE = 400, 40, 0.05


def run() -> dict:
    worlds = {
        name: [WORLDS[name](ENTITIES, seed) for seed in (1, 2, 3)] for name in ("transactions", "cohort")
    }
    if (found := file()) is not None:
        worlds["Berka"] = thirds(found)
    rows = []
    for world, (train, reference, unseen) in worlds.items():
        for what, made in releases(train, unseen).items():
            rows += [attacked(world, what, name, train, reference, made) for name in (*MEMBERSHIP, *OTHERS)]
    return {"rows": [*rows, *calibrated()], "limit": None}


def file() -> Path | None:
    path = Path(os.environ.get("TSYNTH_DATA") or ROOT.parent / "shared" / "data") / FILE
    return path if path.is_file() else None


def thirds(path: Path) -> list[Sequences]:
    data = tsynth.read(path, entity="account_id", time="date")
    part = np.random.default_rng(0).permutation(data.n_entities) % 3
    return [data.take(np.flatnonzero(part == k)) for k in range(3)]


def releases(train: Sequences, unseen: Sequences) -> dict[str, Sequences]:
    random = np.random.default_rng(1)
    n = min(train.n_entities, unseen.n_entities)
    tenth = joined(unseen.take(np.arange(n - n // 10)), train.take(np.arange(n // 10)))
    drawn = [train.take(np.sort(random.integers(train.n_entities, size=k * n))) for k in (1, 3)]
    overfitted = {name: noisy(d, random) for name, d in zip(("", ", thrice as large"), drawn, strict=True)}
    return {
        "unseen": unseen,
        "a tenth memorised": tenth,
        **{f"overfitted{n}": d for n, d in overfitted.items()},
    }


def noisy(data: Sequences, random: np.random.Generator) -> Sequences:
    """Noise on all numbers, in proportion to each, and on times, in which an entity keeps its order."""
    changed = {}
    for column in data.schema.dynamic:
        if column.kind not in ("continuous", "count") or column.role == "time":
            continue
        values = data.numeric(column.name)
        moved = values * (1 + NOISE * random.normal(size=len(values)))
        moved = np.round(moved, 0 if column.kind == "count" else column.decimals or 6)
        made = pa.array(moved, mask=~np.isfinite(values))
        changed[column.name] = made.cast(data.column(column.name).type, safe=False)
    gaps = np.diff(data.time)
    times = data.time + NOISE * np.median(gaps[gaps > 0]) * random.normal(size=data.n_rows)
    times = np.maximum.accumulate(times + 1e9 * data.entity_of_row) - 1e9 * data.entity_of_row
    if (data.time == np.round(data.time)).all():
        times = np.round(times)
    name = data.schema.time
    kind = data.column(name).type
    if data.calendar:
        seconds = np.round(times * TICKS[data.schema.time_unit] / TICKS["s"]).astype(np.int64)
        made = pa.array(seconds).cast(pa.timestamp("s")).cast(kind, safe=False)
    else:
        made = pa.array(times).cast(kind, safe=False)
    return data.with_columns({**changed, name: made})


def joined(first: Sequences, second: Sequences) -> Sequences:
    return replace(
        first,
        rows=pa.concat_tables([first.rows, second.rows]),
        offsets=np.concatenate([first.offsets, first.offsets[-1] + second.offsets[1:]]),
        entities=pa.concat_tables([first.entities, second.entities]),
        _cache={},
    )


def attacked(
    world: str, what: str, name: str, train: Sequences, reference: Sequences, made: Sequences
) -> dict:
    score = registry.find("scores", name)()
    start = time.perf_counter()
    prepared = score.prepare(train, reference, made, Streams(0, "attacks", range(made.n_entities)))
    row = {"by": "tsynth", "what": f"{world}, {what}: {name}"}
    if name in MEMBERSHIP:
        curve = score.curve(prepared)
        low, high = curve["interval"]
        rate = curve["true_positive_rate"][0]["rate"]
        row |= {"auc": curve["auc"], "low": low, "high": high, "recognised": rate}
    else:
        ones = np.ones(reference.n_entities), np.ones(made.n_entities)
        row |= {"value": score.value(prepared, *ones)}
    return row | {"seconds": time.perf_counter() - start}


def calibrated() -> list[dict]:
    names = (*MEMBERSHIP, *OTHERS)
    found: dict[str, list] = {name: [] for name in names}
    start = time.perf_counter()
    for world in range(REPEATS):
        sides = [WORLDS["transactions"](n, 10 * world + k) for k, n in ((4, 100), (5, 100), (6, 200))]
        report = evaluate(*sides, seed=world, scores=names)
        for name in names:
            result = report[name]
            low, high = result.interval
            a, b = result.curve.get("interval", (0.5, 0.5))
            found[name].append(
                (low <= 0 <= high, a <= 0.5 <= b, (low + high) / 2, result.curve.get("auc", 0.5))
            )
    seconds = (time.perf_counter() - start) / REPEATS / len(names)
    rows = []
    for name in names:
        covers, half, excess, auc = np.mean(found[name], axis=0)
        row = {
            "by": "tsynth",
            "what": f"calibration: {name}",
            "seconds": seconds,
            "value": excess,
            "covers_0": covers,
        }
        rows.append(row | ({"auc": auc, "covers_.5": half} if name in MEMBERSHIP else {}))
    return rows
