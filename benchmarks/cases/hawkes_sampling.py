"""How fast are Hawkes processes sampled, through the public `simulate`?

One type with an exponential kernel (baseline .5, branching .8, decay 1.5): ten million events in one sequence, and a
million sequences over windows of 10. Ten types with one decay and spectral radius .8, a million events; three
exponential kernels; the cluster form with its tree; 1,754 types. The peers, tick and hawkes-rs, draw the first and the
ten types. The raw limit is as many unit exponentials, one an event.
"""

from __future__ import annotations

import numpy as np

from benchmarks.measure import ask_peer, seconds
from tsynth.compiled import random
from tsynth.data.streams import key
from tsynth.generators.point_process.excitation.process import Baseline, Exponentials, Process
from tsynth.generators.point_process.excitation.simulation import simulate

LIMIT = 10_000_000


def processes() -> dict[str, tuple[Process, int, float, bool]]:
    """What is drawn: process, sequences, window, whether with a tree."""
    one = Process(Baseline(np.array([0.5])), Exponentials(np.array([[[0.8]]]), np.array([[[1.5]]])))
    draw = np.random.default_rng(0)
    ten = draw.random((10, 10))
    ten *= 0.8 / np.abs(np.linalg.eigvals(ten)).max()
    many = (draw.random((1754, 1754)) < 0.01) * draw.random((1754, 1754))
    many *= 0.8 / many.sum(axis=0).max()
    decay = np.array([[[1.5]]])
    three = Exponentials(np.full((3, 1, 1), 0.8 / 3), np.array([0.5, 1.5, 5.0]).reshape(3, 1, 1))
    return {
        "one type, one sequence": (one, 1, 4e6, False),
        "one type, a million sequences": (one, 1_000_000, 10.0, False),
        "ten types": (Process(Baseline(np.full(10, 0.1)), Exponentials(ten[None], decay)), 1, 2e5, False),
        "three kernels": (Process(one.baseline, three), 1, 4e5, False),
        "one type, with its tree": (one, 1, 4e5, True),
        "1,754 types": (
            Process(Baseline(np.full(1754, 0.01)), Exponentials(many[None], decay)),
            1,
            2e4,
            False,
        ),
    }


def run() -> dict:
    rows = []
    for what, (process, n, window, tree) in processes().items():
        begin, end, entities = np.zeros(n), np.full(n, window), np.arange(n)

        def task(process=process, begin=begin, end=end, entities=entities, tree=tree) -> int:
            return simulate(process, begin, end, key=key(1), entities=entities, tree=tree).n_events

        rows.append(_row("tsynth", what, task(), seconds(task)))
    for peer in ("tick", "hawkes_rs"):
        for what, task in (("one type, one sequence", "one"), ("ten types", "ten")):
            answer = ask_peer(peer, f"{peer}_sampling.py", task)
            rows.append(_row(answer.pop("by"), what, answer.pop("events"), answer))
    out, state = np.empty(LIMIT), np.empty(4, np.uint64)
    random.start(state, key(1), 0)
    limit = seconds(lambda: random.fill_exponential(state, out))
    return {"rows": rows, "limit": _row("", "as many unit exponentials", LIMIT, limit)}


def _row(by: str, what: str, events: int, timed: dict) -> dict:
    rate = round(events / timed["seconds"] / 1e6, 1)
    return {"by": by, "what": what, "events": events, **timed, "million_a_second": rate}
