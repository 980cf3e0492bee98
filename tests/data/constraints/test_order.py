from __future__ import annotations

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from tsynth.compiled.order import free_months, order_in_time, rise, steps_between
from tsynth.data.constraints import find, from_dict
from tsynth.data.constraints.order import Absorbing, Monotone, Unique


def rows(n=120, visits=8, seed=0):
    random = np.random.default_rng(seed)
    return random, np.repeat(np.arange(n), visits), np.sort(random.uniform(0, 9, (n, visits)), axis=1).ravel()


class TestMonotone:
    def test_a_count_that_never_falls(self, sequences):
        random, ids, time = rows()
        total = np.cumsum(random.poisson(0.7, (120, 8)), axis=1).ravel()
        data = sequences({"id": ids, "time": time, "total": total})
        (rule,) = find(data)
        assert rule.sentence() == "total never falls inside an entity"
        assert rule.restore(rule.remove(data)).table().equals(data.table())
        planted = data.with_columns({"total": pa.array(np.where(np.arange(960) % 8 == 4, 0, total))})
        assert rule.holds(planted) < 0.95
        assert find(planted) == []

    def test_what_falls_is_found_too(self, sequences):
        random, ids, time = rows()
        left = 100 - np.cumsum(random.exponential(1, (120, 8)), axis=1).ravel()
        (rule,) = find(sequences({"id": ids, "time": time, "left": left}))
        assert rule.sentence() == "left never rises inside an entity"

    @given(st.integers(0, 10**6), st.sampled_from([None, 1]), st.sampled_from([1, -1]))
    def test_round_trip_with_nulls(self, sequences, seed, digits, direction):
        random, ids, time = rows(n=15, visits=6, seed=seed)
        values = (
            direction
            * np.cumsum(random.exponential(3, (15, 6)) * (random.random((15, 6)) < 0.7), axis=1).ravel()
        )
        values = values if digits is None else np.round(values, digits)
        column = pa.array(values, mask=random.random(90) < 0.3)
        data = sequences(
            {"id": ids, "time": time, "x": column}, decimals={} if digits is None else {"x": digits}
        )
        rule = from_dict(Monotone(columns=("x",), direction=direction).learned(data).to_dict())
        back = rule.restore(rule.remove(data))
        assert back.schema == data.schema
        assert back.column("x").is_null().equals(data.column("x").is_null())
        np.testing.assert_allclose(back.numeric("x"), data.numeric("x"), rtol=0 if digits else 1e-15)

    def test_any_change_gives_a_column_that_never_falls(self, sequences):
        random, ids, time = rows()
        data = sequences({"id": ids, "time": time, "x": np.cumsum(random.random((120, 8)), axis=1).ravel()})
        rule = Monotone(columns=("x",)).learned(data)
        bare = rule.remove(data)
        made = rule.restore(bare.with_columns({rule.change_column: pa.array(random.normal(size=960))}))
        assert rule.holds(made) == 1.0
        assert made.numeric("x").max() <= data.schema["x"].bounds[1]

    def test_the_loops_and_their_plain_twins(self):
        random = np.random.default_rng(0)
        values = np.where(random.random(30) < 0.3, np.nan, random.normal(size=30))
        offsets = np.array([0, 9, 9, 30], dtype=np.int64)
        for compiled, plain in zip(
            steps_between(offsets, values), steps_between.py_func(offsets, values), strict=True
        ):
            np.testing.assert_array_equal(compiled, plain)
        step, first, _ = steps_between(offsets, values)
        np.testing.assert_array_equal(rise(offsets, first, step), rise.py_func(offsets, first, step))
        # where the sign changes, the last bits of the larger number are lost
        np.testing.assert_allclose(rise(offsets, first, step), values, rtol=0, atol=1e-15)


class TestAbsorbing:
    def test_nothing_comes_after_death(self, sequences):
        random = np.random.default_rng(0)
        ids, states = [], []
        for i in range(300):
            seen = random.choice(["well", "ill"], random.integers(1, 9)).tolist() + ["dead"] * (i % 2)
            ids += [i] * len(seen)
            states += seen
        data = sequences({"id": ids, "time": np.arange(float(len(ids))), "state": states})
        (rule,) = [c for c in find(data) if c.name == "absorbing"]
        assert rule.sentence() == "nothing comes after state = dead"
        assert rule.remove(data) is data
        assert rule.restore(data) is data
        mixed = data.with_columns(
            {"state": data.column("state").take(pa.array(random.permutation(data.n_rows)))}
        )
        assert rule.holds(mixed) < 0.5
        made = rule.restore(mixed)
        assert rule.holds(made) == 1.0
        assert made.n_entities == data.n_entities

    def test_a_label_that_stays_on(self, sequences):
        random, ids, time = rows(n=400)
        onset = random.integers(1, 16, 400)
        flag = (np.tile(np.arange(8), 400) >= np.repeat(onset, 8)).astype(bool)
        data = sequences({"id": ids, "time": time, "flag": flag})
        (rule,) = find(data)
        assert rule.sentence() == "flag = True is never left"
        made = rule.restore(data.with_columns({"flag": pa.array(random.permutation(flag))}))
        assert rule.holds(made) == 1.0
        assert made.column("flag").type == pa.bool_()

    def test_the_usual_state_of_a_rare_flag_is_not_absorbing(self, sequences):
        random, ids, time = rows(n=400, visits=40)
        flag = random.random(len(ids)) < 0.002
        assert find(sequences({"id": ids, "time": time, "flag": flag})) == []

    def test_a_sticky_state_that_is_left_now_and_then_is_not_absorbing(self, sequences):
        random, ids, time = rows(n=400, visits=40)
        state = np.zeros((400, 40), np.int64)
        for step in range(1, 40):
            to = random.random(400)
            now = state[:, step - 1]
            state[:, step] = np.where(now == 0, to < 0.2, np.where(to < 0.003, 0, now))
        names = np.array(["low", "high"])[state.ravel()]
        found = find(sequences({"id": ids, "time": time, "state": names}))
        assert [rule.sentence() for rule in found] == ["every entity begins with state = low"]


class TestUnique:
    def test_each_code_once(self, sequences):
        random = np.random.default_rng(0)
        codes = np.concatenate([random.permutation(list("abcdefgh"))[:5] for _ in range(100)])
        ids = np.repeat(np.arange(100), 5)
        data = sequences({"id": ids, "time": random.uniform(0, 1, 500), "code": codes})
        (rule,) = find(data)
        assert rule.sentence() == "each code occurs once at most in an entity"
        mixed = data.with_columns({"code": data.column("code").take(pa.array(random.permutation(500)))})
        assert rule.holds(mixed) < 0.9
        assert rule.holds(rule.restore(mixed)) == 1.0
        assert rule.restore(data) is data

    def test_nulls_may_repeat(self, sequences):
        data = sequences({"id": [1, 1, 1], "time": [0.0, 1.0, 2.0], "code": ["a", None, None]})
        assert Unique(columns=("code",)).holds(data) == 1.0

    def test_entities_without_rows_have_no_column_to_look_at(self, sequences):
        data = sequences({"id": [1, 2], "time": np.array(["2024-01-01", "2024-01-02"], "datetime64[s]")})
        nobody = data.keep_rows(np.zeros(2, np.bool_))
        assert np.isnan(Unique(columns=("time",)).holds(nobody)), "it applies nowhere"

    def test_visits_of_a_patient_have_times_of_their_own(self, sequences):
        random = np.random.default_rng(0)
        days = np.concatenate([random.choice(30, 6, replace=False) for _ in range(100)])
        data = sequences({"id": np.repeat(np.arange(100), 6), "time": days})
        assert [rule.sentence() for rule in find(data)] == ["each time occurs once at most in an entity"]


def test_rows_are_sorted_inside_each_entity_and_ties_stay():
    random = np.random.default_rng(0)
    offsets = np.array([0, 4, 4, 30, 31], dtype=np.int64)
    time = random.integers(0, 6, 31).astype(float)
    owner = np.repeat(np.arange(4), np.diff(offsets))
    assert np.array_equal(order_in_time(offsets, time), np.lexsort((np.arange(31), time, owner)))


def test_an_absorbing_level_of_a_dictionary_column(sequences):
    data = sequences({"id": [1, 1, 1], "time": [0.0, 1.0, 2.0], "s": ["a", "z", "a"]})
    coded = data.with_columns({"s": data.column("s").combine_chunks().dictionary_encode()})
    coded = coded.with_schema(coded.schema.edit("s", dtype=str(coded.column("s").type)))
    made = Absorbing(columns=("s",), level="z").restore(coded)
    assert made.column("s").to_pylist() == ["a", "z", "z"]
    assert made.column("s").type == coded.column("s").type


@given(st.data())
def test_months_are_free_near_and_as_the_plain_twin_says(data):
    n = data.draw(st.integers(1, 7))
    group = np.sort(np.array(data.draw(st.lists(st.integers(0, 1), min_size=n, max_size=n)), dtype=np.int64))
    wish = np.array(data.draw(st.lists(st.integers(-3, 8), min_size=n, max_size=n)), dtype=np.int64)
    low, high = np.zeros(n, np.int64), np.full(n, 4, np.int64)
    found = free_months(group, wish, low, high, low, high, True)
    assert np.array_equal(found, free_months.py_func(group, wish, low, high, low, high, True))
    for g in (0, 1):
        own = found[(group == g) & (found != -(2**62))]
        assert len(set(own)) == len(own)
        assert len(own) == min(5, np.sum(group == g))
        assert np.all((own >= 0) & (own <= 4))
    assert found[0] == np.clip(wish[0], 0, 4)
