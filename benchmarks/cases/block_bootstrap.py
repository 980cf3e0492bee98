"""How long does it take to resample 1,000 paths of 10,000 steps by the stationary bootstrap?

Blocks of mean length 20 and 150 from one series of 10,000 steps: the bare loop (index arithmetic and straight copies),
and the generator's loop, which rebuilds each path from smoothed innovations, rounds and bounds it. The peer is arch.
The raw limit is a copy of as many bytes.
"""

from __future__ import annotations

import numpy as np

from benchmarks.measure import ask_peer, seconds
from tsynth.compiled.bootstrap import STATIONARY, resample
from tsynth.data.schema import Column
from tsynth.data.streams import key
from tsynth.generators.statistical import bank

PATHS, STEPS = 1_000, 10_000


def run() -> dict:
    returns = np.random.default_rng(0).standard_t(5, STEPS)
    out = np.empty((PATHS, STEPS))
    rows = []
    for length in (20, 150):
        timed = seconds(lambda length=length: resample(key(1), 0, returns, float(length), STATIONARY, 1, out))
        rows.append({"by": "tsynth", "what": f"blocks of {length}, copied", **timed})
    offsets, time = np.array([0, STEPS]), np.arange(float(STEPS))
    for name, values in (("levels", returns), ("log prices", 100 * np.exp(np.cumsum(0.01 * returns)))):
        for smoothing in (0.0, 0.5):
            settings = {
                "method": "stationary", "block": 20, "season": None, "shared": True, "smoothing": smoothing,
            }  # fmt: skip
            learned = bank.build(offsets, time, values[:, None], [Column("x")], settings)
            steps, shift = np.array([STEPS]), np.zeros(1, np.int64)
            entities = np.arange(PATHS)
            timed = seconds(
                lambda learned=learned, steps=steps, shift=shift, entities=entities: bank.draw(
                    learned, "stationary", key(1), key(2), entities, steps, shift
                )
            )
            rows.append({"by": "tsynth", "what": f"generator, {name}, smoothing {smoothing}", **timed})
    for length in (20, 150):
        timed = ask_peer("arch", "arch_bootstrap.py", str(PATHS), str(STEPS), str(length))
        rows.append({"by": "arch 8.0.0", "what": f"blocks of {length}, copied", **timed})
    source = np.ones((PATHS, STEPS))
    copy = {"what": "copy as many bytes", **seconds(lambda: np.copyto(out, source))}
    return {"rows": rows, "limit": copy}
