"""hawkes-rs's simulation of Hawkes processes: "one" type or "ten" types, as hawkes_sampling draws."""

import json
import statistics
import sys
import time

import numpy as np
from hawkes import multivariate, univariate

if sys.argv[1] == "one":
    module, end = univariate, 4e6
    parameters = univariate.Parameters(baseline=0.5, excitation=0.8, decay=1.5)
else:
    module, end = multivariate, 2e5
    adjacency = np.random.default_rng(0).random((10, 10))
    adjacency *= 0.8 / np.abs(np.linalg.eigvals(adjacency)).max()
    parameters = multivariate.Parameters(baseline=np.full(10, 0.1), excitation=adjacency, decay=1.5)

runs, events = [], 0
for _ in range(4):
    start = time.perf_counter()
    made = module.simulate(parameters, end, 1)
    runs.append(time.perf_counter() - start)
    events = len(made) if module is univariate else sum(map(len, made))
runs = runs[1:]
print(
    json.dumps({"by": "hawkes-rs 0.1.2", "events": events, "seconds": statistics.median(runs), "runs": runs})
)
