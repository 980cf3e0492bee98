from __future__ import annotations

import numpy as np
import pyarrow as pa

from tsynth.data.constraints import find, from_dict
from tsynth.data.constraints.evidence import halve
from tsynth.data.constraints.unique_rows import OnceAtATime, find_once_at_a_time


def panels(sequences, seed=0, n=120, axis="number"):
    """Each visit measures 3 of 6 signs, each once; time is a number, a minute, or a day."""
    random = np.random.default_rng(seed)
    signs = np.array([random.permutation(list("abcdef"))[:3] for _ in range(n * 5)]).ravel()
    group = {a: g for a, g in zip("abcdef", "uuvvww", strict=True)}
    ids, visit = np.repeat(np.arange(n), 15), np.tile(np.repeat(np.arange(5), 3), n)
    time = visit.astype(float)
    if axis == "minute":
        when = visit * 1440 + random.integers(0, 1440, len(ids))
        time = np.datetime64("2022-01-01T00:00:00", "us") + when.astype("m8[m]")
    kind = [group[s] for s in signs]
    return sequences(
        {"id": ids, "time": time, "sign": signs, "kind": kind, "x": random.normal(size=len(ids))}
    )


def test_a_sign_is_measured_once_a_visit(sequences):
    data = panels(sequences)
    (rule,) = find_once_at_a_time(halve(data, 0, 0.995), [])
    assert rule.sentence() == "each sign occurs once at most at one time of an entity"
    assert rule in find(data)
    assert rule.restore(data) is data
    assert from_dict(rule.to_dict()) == rule
    mixed = data.with_columns(
        {"sign": data.column("sign").take(pa.array(np.random.default_rng(0).permutation(data.n_rows)))}
    )
    assert find_once_at_a_time(halve(mixed, 0, 0.995), []) == []
    made = rule.restore(mixed)
    assert rule.holds(mixed) < 0.9
    assert rule.holds(made) == 1.0
    assert made.n_rows == int(np.sum(rule.check(mixed)[0]))


def test_a_sign_is_measured_once_a_day(sequences):
    (rule,) = find_once_at_a_time(halve(panels(sequences, axis="minute"), 0, 0.995), [])
    assert rule.sentence() == "each sign occurs once at most on one day of an entity"


def test_a_repetition_in_a_few_rows_is_enough_to_pass_it_over(sequences):
    data = panels(sequences)
    signs = np.array(data.column("sign").to_pylist(), dtype=object)
    signs[1::60] = signs[::60]
    assert (
        find_once_at_a_time(halve(data.with_columns({"sign": pa.array(signs.tolist())}), 0, 0.995), []) == []
    )


def test_nulls_may_repeat(sequences):
    data = sequences({"id": [1] * 4, "time": [0.0, 0.0, 0.0, 1.0], "k": ["a", None, None, "a"]})
    rule = OnceAtATime(columns=("k", "time"))
    assert rule.holds(data) == 1.0
    assert rule.restore(data.keep_rows(np.zeros(4, bool))).n_rows == 0
