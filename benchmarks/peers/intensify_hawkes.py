"""intensify's joint fit (decay too) of one sequence: file of times and types, number of types, end of the window."""

import json
import statistics
import sys
import time

import intensify
import numpy as np

file, types, end = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
found = np.load(file)
times, kinds = found["times"], found["types"]
repeats = 3


def fit() -> object:
    kernel = intensify.ExponentialKernel(0.3 / types, 1.0)
    if types == 1:
        return intensify.Hawkes(0.3, kernel).fit(times, T=end)
    return intensify.MultivariateHawkes(types, 0.3, kernel).fit(
        [times[kinds == i] for i in range(types)], T=end
    )


runs = []
for _ in range(repeats):
    start, used = time.perf_counter(), time.process_time()
    result = fit()
    runs.append(time.perf_counter() - start)
    cpu = time.process_time() - used
value = float(result.log_likelihood)
print(json.dumps({"seconds": statistics.median(runs), "runs": runs, "cpu": cpu, "log-likelihood": value}))
