from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tsynth.compiled.delays import due, likely_gaps, paired
from tsynth.data.constraints import Constraints, find, from_dict
from tsynth.data.constraints.delays import Delay, find_delays
from tsynth.data.constraints.evidence import halve


def laboratory(sequences, seed=0, n=120, dates=True):
    """Each test is followed by its result after 3 days; visits fall anywhere."""
    random = np.random.default_rng(seed)
    ids, time, codes = [], [], []
    for i in range(n):
        when = random.integers(0, 60, 8).tolist()
        own = [(t, "visit") for t in when[:4]] + [(t, "test") for t in when[4:]]
        own += [(t + 3, "result") for t in when[4:]]
        for t, code in sorted(own):
            ids.append(i)
            time.append(t)
            codes.append(code)
    stamp = np.array(time, dtype=float)
    if dates:
        stamp = np.datetime64("2021-03-01T00:00:00", "us") + np.array(time) * np.timedelta64(
            86_400_000_000, "us"
        )
        stamp = stamp + random.integers(0, 80_000_000_000, len(time)).astype("m8[us]")
    return sequences({"id": ids, "time": stamp, "code": codes, "x": random.normal(size=len(ids))})


@pytest.mark.parametrize("dates", [True, False])
class TestDelay:
    def test_it_is_found(self, sequences, dates):
        data = laboratory(sequences, dates=dates)
        (rule,) = find_delays(halve(data, 0, 0.995), [])
        assert rule.sentence() == "each code = test is followed by result when time is 3 later"
        assert rule.share == 1.0
        assert rule in find(data)
        assert rule.restore(data) is data
        assert from_dict(rule.to_dict()) == rule

    def test_another_order_of_codes_has_none(self, sequences, dates):
        data = laboratory(sequences, dates=dates)
        random = np.random.default_rng(0)
        mixed = data.column("code").take(pa.array(random.permutation(data.n_rows)))
        assert find_delays(halve(data.with_columns({"code": mixed}), 0, 0.995), []) == []

    def test_a_delay_that_varies_is_passed_over(self, sequences, dates):
        data = laboratory(sequences, dates=dates)
        codes = np.array(data.column("code").to_pylist(), dtype=object)
        results = np.flatnonzero(codes == "result")
        codes[results[::25]] = "visit"
        assert find_delays(halve(data.with_columns({"code": pa.array(codes.tolist())}), 0, 0.995), []) == []

    @settings(max_examples=15)
    @given(seed=st.integers(0, 10**6))
    def test_any_codes_are_put_right(self, sequences, seed, dates):
        data = laboratory(sequences, n=20, dates=dates)
        rule = Delay(columns=("code", "time"), level="test", follows="result", gap=3.0)
        random = np.random.default_rng(seed)
        codes = random.choice(np.array(["visit", "test", "result"]), data.n_rows)
        made = rule.restore(data.with_columns({"code": pa.array(codes)}))
        assert rule.holds(made) == 1.0
        inside = np.diff(made.entity_of_row) == 0
        assert (np.diff(made.time)[inside] >= 0).all()
        assert made.schema == data.schema
        # only tests without a result are left out
        gone = data.n_rows - made.n_rows
        kept = np.array(made.column("code").to_pylist())
        assert np.sum(codes == "test") - np.sum(kept == "test") == gone
        if dates:  # a moved row keeps its time of day
            clock = np.mod(data.time, 1.0)
            assert np.isin(np.round(np.mod(made.time, 1.0), 6), np.round(clock, 6)).all()


def test_one_result_too_late_is_moved_and_nothing_else(sequences):
    data = sequences({"id": [1] * 5, "time": [0.0, 1.0, 3.0, 5.0, 9.0], "code": list("abaca")})
    rule = Delay(columns=("code", "time"), level="a", follows="b", gap=2.0)
    made = rule.restore(data)
    # the first "a" takes the only "b"; the second has none left; the last is too near to the end
    assert made.column("code").to_pylist() == ["a", "b", "c", "a"]
    assert made.time.tolist() == [0.0, 2.0, 5.0, 9.0]
    assert rule.holds(made) == 1.0
    assert rule.restore(data.keep_rows(np.zeros(5, bool))).n_rows == 0


def test_codes_of_a_delay_have_no_other_rule_of_order(sequences):
    rules = find(laboratory(sequences))
    assert [rule.name for rule in rules] == ["delay"]
    assert len(Constraints(rules)) == 1


def test_the_loops_and_their_plain_twins():
    random = np.random.default_rng(0)
    offsets = np.array([0, 9, 9, 40], dtype=np.int64)
    axis = np.concatenate([np.sort(random.integers(0, 9, 9)), np.sort(random.integers(0, 20, 31))]).astype(
        float
    )
    codes = random.integers(-1, 3, 40).astype(np.int32)
    places = codes.astype(np.int64)
    for loop, arguments in (
        (likely_gaps, (offsets, axis, codes, 3)),
        (due, (offsets, axis, places, 2.0)),
        (paired, (offsets, axis, places, 2.0)),
    ):
        for a, b in zip(loop(*arguments), loop.py_func(*arguments), strict=True):
            np.testing.assert_array_equal(a, b)
