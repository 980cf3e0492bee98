from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsynth.compiled.totals import running_maximum
from tsynth.data.constraints import Constraints, find, from_dict
from tsynth.data.constraints.functions import Advance, FirstRow, Linear, RunningMaximum


def patients(n=100, seed=0, visits=6):
    random = np.random.default_rng(seed)
    ids = np.repeat(np.arange(n), visits)
    time = np.sort(random.uniform(0, 12, (n, visits)), axis=1)
    return random, ids, time


class TestLinear:
    @pytest.mark.parametrize(
        ("factor", "offset", "sentence"),
        [
            (1, 0, "copy equals amount"),
            (2.5, 0, "copy = 2.5 * amount"),
            (1, -7, "copy = amount - 7"),
            (-1.2, 3, "copy = -1.2 * amount + 3"),
        ],
    )
    def test_a_line_is_found_and_comes_back(self, sequences, factor, offset, sentence):
        random, ids, time = patients()
        amount = np.round(random.lognormal(3, 1, 600), 2)
        copy = np.round(factor * amount + offset, 3)
        data = sequences(
            {"id": ids, "time": time.ravel(), "amount": amount, "copy": copy},
            decimals={"amount": 2, "copy": 3},
        )
        if factor == 1:
            data = data.with_schema(data.schema.edit("copy", decimals=2))
        (rule,) = find(data) if factor == 1 else [Linear(columns=("copy", "amount")).learned(data)]
        assert rule.sentence() == sentence
        assert rule.restore(rule.remove(data)).table().equals(data.table())

    def test_one_unit_of_the_last_decimal_is_forgiven_but_not_two(self, sequences):
        random, ids, time = patients()
        amount = np.round(random.lognormal(3, 1, 600), 2)
        near = np.round(amount + random.choice([-0.01, 0, 0.01], 600), 2)
        columns = {"id": ids, "time": time.ravel(), "amount": amount}
        digits = {"amount": 2, "total": 2}
        (rule,) = find(sequences({**columns, "total": near}, decimals=digits))
        assert rule.sentence() == "total equals amount"
        far = np.round(amount + random.choice([-0.02, 0, 0.02], 600), 2)
        planted = sequences({**columns, "total": far}, decimals=digits)
        assert rule.holds(planted) < 0.5
        assert find(planted) == []

    def test_nulls_must_agree(self, sequences):
        random, ids, time = patients()
        amount = random.normal(size=600)
        some = random.random(600) < 0.2
        columns = {"id": ids, "time": time.ravel(), "amount": pa.array(amount, mask=some)}
        (rule,) = find(sequences({**columns, "copy": pa.array(amount, mask=some)}))
        planted = sequences({**columns, "copy": pa.array(amount)})
        assert rule.holds(planted) == pytest.approx(1 - some.mean())


class TestAdvance:
    def test_an_age_goes_with_the_clock(self, sequences):
        random, ids, time = patients()
        age = np.repeat(random.uniform(20, 60, 100), 6) + time.ravel()
        data = sequences({"id": ids, "time": time.ravel(), "age": age})
        (rule,) = find(data)
        assert rule.sentence() == "age = its first value + time since the first row"
        back = rule.restore(rule.remove(data))
        assert back.schema == data.schema
        np.testing.assert_allclose(back.numeric("age"), data.numeric("age"), rtol=1e-12)
        assert rule.holds(data.with_columns({"age": pa.array(np.roll(age, 3))})) < 0.2

    @given(st.integers(0, 10**6))
    def test_full_years_against_days_come_back_exactly(self, sequences, seed):
        random, ids, _ = patients(seed=seed)
        days = np.sort(random.integers(0, 4000, (100, 6)), axis=1).ravel()
        age = np.floor(np.repeat(random.uniform(20, 60, 100), 6) + days / 365.25).astype(int)
        columns = {"id": ids, "time": np.datetime64("2000-01-01") + days, "age": age}
        data = sequences(columns)
        rule = from_dict(Advance(columns=("age", "time")).learned(data).to_dict())
        assert rule.rate == 1 / 365.25
        assert rule.restore(rule.remove(data)).table().equals(data.table())

    def test_a_trend_with_noise_is_not_offered(self, sequences):
        random, ids, time = patients()
        noisy = np.repeat(random.uniform(20, 60, 100), 6) + time.ravel() + random.normal(0, 0.01, 600)
        found = find(sequences({"id": ids, "time": time.ravel(), "age": noisy}))
        assert [rule for rule in found if rule.name == "function"] == []


class TestRunningMaximum:
    def test_found_and_back(self, sequences):
        random, ids, time = patients()
        state = random.integers(1, 5, (100, 6))
        worst = np.maximum.accumulate(state, axis=1)
        data = sequences({"id": ids, "time": time.ravel(), "state": state.ravel(), "worst": worst.ravel()})
        (rule,) = find(data)
        assert rule.sentence() == "worst = largest state so far"
        assert rule.restore(rule.remove(data)).table().equals(data.table())

    def test_levels_that_are_numbers(self, sequences):
        data = sequences(
            {"id": [1, 1, 1], "time": [0.0, 1.0, 2.0], "s": ["1", "3", "2"], "m": [1.0, 3.0, 3.0]}
        )
        rule = RunningMaximum(columns=("m", "s"))
        assert rule.holds(data) == 1.0

    def test_the_loop_and_its_plain_twin(self):
        random = np.random.default_rng(0)
        values = np.where(random.random(40) < 0.3, np.nan, random.normal(size=40))
        offsets = np.array([0, 0, 13, 40], dtype=np.int64)
        expected = np.concatenate([np.fmax.accumulate(values[a:b]) for a, b in ((0, 13), (13, 40))])
        np.testing.assert_array_equal(running_maximum(offsets, values), expected)


def test_a_flag_of_the_first_row(sequences):
    _, ids, time = patients()
    flag = np.tile([1, 0, 0, 0, 0, 0], 100)
    data = sequences({"id": ids, "time": time.ravel(), "first": flag})
    (rule,) = find(data)
    assert rule.sentence() == "first is 1 in the first row of an entity and 0 later"
    assert rule.restore(rule.remove(data)).table().equals(data.table())
    assert FirstRow(columns=("first",), values=(0, 1)).holds(data) == 0.0


@pytest.mark.needs_data
def test_cav_patients(shared_data):
    from tsynth.data.reading import read

    data = read(shared_data / "clinical" / "msm_cav.csv.gz", entity="PTNUM", time="years")
    # few patients reach the largest counts, so the inferred bounds would cut them on the way back
    data = data.with_schema(data.schema.edit("cumrej", bounds=(0, 12)))
    rules = Constraints(find(data))
    said = [rule.sentence() for rule in rules]
    for sentence in (
        "age = its first value + time since the first row",
        "statemax = largest state so far",
        "firstobs is 1 in the first row of an entity and 0 later",
        "cumrej never falls inside an entity",
        "nothing comes after state = 4",
    ):
        assert sentence in said
    back = rules.restore(rules.remove(data))
    assert back.schema == data.schema
    np.testing.assert_allclose(back.numeric("age"), data.numeric("age"), rtol=1e-12)
    for name in set(data.schema.names) - {"age"}:
        assert back.table()[name].equals(data.table()[name])


def test_the_smallest_value_so_far(sequences):
    random, ids, time = patients()
    x = random.normal(size=(100, 6))
    low = np.minimum.accumulate(x, axis=1)
    columns = {"id": ids, "time": time.ravel(), "x": x.ravel(), "low": low.ravel()}
    data = sequences(columns)
    (rule,) = find(data)
    assert rule.sentence() == "low = smallest x so far"
    assert rule.restore(rule.remove(data)).table().equals(data.table())
    assert find(sequences(columns | {"low": np.roll(low.ravel(), 1)})) == []
