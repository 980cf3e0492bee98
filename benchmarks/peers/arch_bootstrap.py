"""arch's stationary bootstrap of one series: paths, steps, mean block length."""

import json
import statistics
import sys
import time

import numpy as np
from arch.bootstrap import StationaryBootstrap

paths, steps, length = map(int, sys.argv[1:])
series = np.random.default_rng(0).standard_t(5, steps)
out = np.empty((paths, steps))


def resample() -> None:
    bootstrap = StationaryBootstrap(length, series, seed=1)
    for i, (data, _) in enumerate(bootstrap.bootstrap(paths)):
        out[i] = data[0]


resample()
runs = []
for _ in range(5):
    start = time.perf_counter()
    resample()
    runs.append(time.perf_counter() - start)
print(json.dumps({"seconds": statistics.median(runs), "runs": runs}))
