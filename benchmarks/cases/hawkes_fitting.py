"""How long does it take to fit a Hawkes process by maximum likelihood, the decay too?

Univariate exponential on 1,000,000 events (mu .5, branching .8, decay 1.5); ten types with spectral radius .8 on
100,000 events; 1,000 types with five parents each on 1,000,000 events by the lasso, the decay given and fitted, in a
process of its own, whose memory is told. The peer is intensify, which always fits the decay. The raw limit is one
exponential function an event.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.measure import ask_peer, peak, seconds
from tsynth.data.streams import key
from tsynth.generators.point_process.excitation.fitting import fit
from tsynth.generators.point_process.excitation.process import Baseline, Events, Exponentials, Process
from tsynth.generators.point_process.excitation.simulation import simulate

STRENGTH = 600.0
"""About what noise alone pulls at the strongest of 1,000,000 pairs here."""
LISTS = """
from benchmarks.cases.hawkes_fitting import STRENGTH, fit, many, warm
warm()
import time
events = many(1_000_000)
begin, used = time.perf_counter(), time.process_time()
found = fit(events, types=1000, penalty="l1", strength=STRENGTH, {decay})
print("log-likelihood", found.log_likelihood, "seconds", time.perf_counter() - begin, "cpu", time.process_time() - used)
"""


def drawn(process: Process, events: float) -> Events:
    """One sequence of about so many events."""
    m = process.types
    rate = np.linalg.solve(np.eye(m) - process.kernel.branching, process.baseline.level).sum()
    one, entity = np.zeros(1), np.zeros(1, np.int64)
    return simulate(process, one, np.full(1, events / rate), key=key(1, "hawkes"), entities=entity)


def single(events: float) -> Events:
    one = np.ones((1, 1, 1))
    return drawn(Process(Baseline(np.full(1, 0.5)), Exponentials(0.8 * one, 1.5 * one)), events)


def ten(events: float) -> Events:
    draw = np.random.default_rng(0)
    adjacency = draw.random((10, 10)) * (draw.random((10, 10)) < 0.4)
    adjacency *= 0.8 / np.abs(np.linalg.eigvals(adjacency)).max()
    kernel = Exponentials(adjacency[None], np.full((1, 1, 1), 1.5))
    return drawn(Process(Baseline(np.full(10, 0.1)), kernel), events)


def many(events: float, types: int = 1000) -> Events:
    draw = np.random.default_rng(0)
    adjacency = np.zeros((types, types))
    for i in range(types):
        adjacency[i, draw.choice(types, 5, replace=False)] = draw.uniform(0.5, 1.5, 5)
    adjacency *= 0.8 / np.abs(np.linalg.eigvals(adjacency)).max()
    kernel = Exponentials(adjacency[None], np.full((1, 1, 1), 1.5))
    return drawn(Process(Baseline(np.full(types, 0.02)), kernel), events)


def warm() -> None:
    """Compile what the lists use."""
    fit(many(5_000, 120), types=120, penalty="l1", strength=20.0)


def run() -> dict:
    rows = []
    one, several = single(1e6), ten(1e5)
    for name, events, types in (("1 type", one, 1), ("10 types", several, 10)):
        for decay in (1.5, None):
            timed = seconds(
                lambda events=events, types=types, decay=decay: fit(events, types=types, decay=decay)
            )
            used = time.process_time()
            found = fit(events, types=types, decay=decay)
            what = f"{name}, {events.n_events:,} events, decay {'given' if decay else 'fitted'}"
            cpu = time.process_time() - used
            rows.append(
                {"by": "tsynth", "what": what, **timed, "cpu": cpu, "log-likelihood": found.log_likelihood}
            )
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "events.npz"
            np.savez(file, times=events.times, types=events.types)
            timed = ask_peer(
                "intensify", "intensify_hawkes.py", str(file), str(types), repr(float(events.end[0]))
            )
        rows.append(
            {"by": "intensify 0.3.3", "what": f"{name}, {events.n_events:,} events, decay fitted", **timed}
        )
    for decay in ("decay=1.5", "decay=None"):
        rows.append(
            {
                "by": "tsynth",
                "what": f"1000 types, draw and lasso, {decay}",
                **peak(LISTS.format(decay=decay)),
            }
        )
    gaps, out = np.diff(one.times, prepend=0.0), np.empty(one.n_events)
    limit = {"what": "an exponential an event", **seconds(lambda: np.exp(-1.5 * gaps, out=out))}
    return {"rows": rows, "limit": limit}
