"""How fast are random numbers inside compiled loops?

Ten million draws into an array from one stream, and one draw from each of ten million streams; beside numpy's
generators (SFC64) filling the same array. The raw limit is filling the array with a constant.
"""

from __future__ import annotations

import numpy as np

from benchmarks.measure import seconds
from tsynth.compiled import random
from tsynth.data.streams import Streams

DRAWS = 10_000_000


def run() -> dict:
    out = np.empty(DRAWS)
    state = np.empty(4, np.uint64)
    random.start(state, np.uint64(1), 0)
    rng = np.random.Generator(np.random.SFC64(1))
    streams = Streams(1, "case", range(DRAWS))
    tasks = [
        ("tsynth", "uniforms", lambda: random.fill_uniform(state, out)),
        ("tsynth", "normals", lambda: random.fill_normal(state, out)),
        ("tsynth", "exponentials", lambda: random.fill_exponential(state, out)),
        ("tsynth", "one uniform an entity", lambda: streams.uniform()),
        ("numpy", "uniforms", lambda: rng.random(out=out)),
        ("numpy", "normals", lambda: rng.standard_normal(out=out)),
        ("numpy", "exponentials", lambda: rng.standard_exponential(out=out)),
    ]
    rows = []
    for by, what, task in tasks:
        timed = seconds(task)
        rows.append(
            {"by": by, "what": what, **timed, "million_a_second": round(DRAWS / timed["seconds"] / 1e6)}
        )
    return {"rows": rows, "limit": {"what": "fill as many numbers", **seconds(lambda: out.fill(1.0))}}
