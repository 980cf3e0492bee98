"""tick's simulation of Hawkes processes with exponential kernels, of "one" type or "ten" as hawkes_sampling draws."""

import json
import statistics
import sys
import time

import numpy as np
from tick.hawkes import SimuHawkesExpKernels

if sys.argv[1] == "one":
    adjacency, baseline, end = np.array([[0.8]]), np.array([0.5]), 4e6
else:
    adjacency = np.random.default_rng(0).random((10, 10))
    adjacency *= 0.8 / np.abs(np.linalg.eigvals(adjacency)).max()
    baseline, end = np.full(10, 0.1), 2e5

events, runs = 0, []
for _ in range(4):
    process = SimuHawkesExpKernels(adjacency, 1.5, baseline=baseline, end_time=end, verbose=False, seed=1)
    start = time.perf_counter()
    process.simulate()
    runs.append(time.perf_counter() - start)
    events = process.n_total_jumps
runs = runs[1:]
print(
    json.dumps(
        {"by": "tick 0.8.0.2", "events": int(events), "seconds": statistics.median(runs), "runs": runs}
    )
)
