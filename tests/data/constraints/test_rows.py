from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsynth.data.constraints import Constraints, find, from_dict
from tsynth.data.constraints.rows import Combination, Lookup

TRIPLES = [
    ("credit", "cash", None),
    ("credit", "transfer", "pension"),
    ("credit", "transfer", None),
    ("debit", "cash", None),
    ("debit", "cash", "household"),
    ("debit", "card", "fee"),
]


def movements(sequences, *, n=120, seed=0, wrong=0.0):
    """Rows of four triples of categories, a share of them scrambled."""
    random = np.random.default_rng(seed)
    ids = np.repeat(np.arange(n), 20)
    picks = random.integers(0, len(TRIPLES), len(ids))
    columns = [np.array([t[i] for t in TRIPLES], dtype=object)[picks] for i in range(3)]
    off = random.random(len(ids)) < wrong
    columns[1][off] = random.permutation(columns[1][off])
    names = dict(zip(("type", "operation", "symbol"), map(pa.array, columns), strict=True))
    return sequences(
        {"id": ids, "time": random.uniform(0, 9, len(ids)), **names, "x": random.normal(size=len(ids))}
    )


class TestCombination:
    def test_the_triples_that_occur_are_found_and_nothing_else(self, sequences):
        (rule,) = find(movements(sequences))
        assert rule.columns == ("type", "operation", "symbol")
        assert set(rule.combinations) == set(TRIPLES)
        assert rule.share == 1.0
        assert rule.sentence() == "type, operation, symbol: only the 6 combinations that occur"

    def test_a_tenth_of_scrambled_rows_is_not_offered_and_check_sees_them(self, sequences):
        (rule,) = find(movements(sequences))
        planted = movements(sequences, wrong=0.2)
        assert 0.8 < rule.holds(planted) < 0.95
        assert all(set(c.combinations) != set(TRIPLES) for c in find(planted) if c.name == "combination")

    def test_merged_and_apart_again(self, sequences):
        data = movements(sequences)
        rule = Constraints.from_list(json.loads(json.dumps(Constraints(find(data)).to_list())))
        bare = rule.remove(data)
        merged = bare.schema["type & operation & symbol"]
        assert bare.schema.names == ["id", "time", merged.name, "x"]
        assert {"credit · cash · null", "debit · card · fee"} < set(merged.levels)
        back = rule.restore(bare)
        assert back.schema == data.schema
        assert back.table().equals(data.table())

    def test_any_level_gives_a_real_combination(self, sequences):
        data = movements(sequences)
        rule = Combination(columns=("type", "operation", "symbol")).learned(data)
        bare = rule.remove(data)
        levels = [*bare.schema[rule.merged].levels, None, "no such level"]
        drawn = np.random.default_rng(0).integers(0, len(levels), data.n_rows)
        made = rule.restore(bare.with_columns({rule.merged: pa.array([levels[i] for i in drawn])}))
        assert rule.holds(made) == 1.0

    def test_unseen_combinations_come_off_as_null_and_names_do_not_collide(self, sequences):
        data = movements(sequences)
        named = [replace(c, name="type & operation & symbol") if c.name == "x" else c for c in data.schema]
        x = data.column("x")
        data = data.with_columns({"type & operation & symbol": x}, data.schema.with_columns(named))
        rule = Combination(columns=("type", "operation", "symbol")).learned(data)
        assert rule.merged == "type & operation & symbol (2)"
        assert rule.restore(rule.remove(data)).table().equals(data.table())
        other = movements(sequences, wrong=0.5, seed=1)
        bare = rule.remove(other)
        assert bare.schema[rule.merged].nullable
        assert bare.column(rule.merged).null_count == int(np.sum(~rule.check(other)[0]))

    def test_dictionary_columns_booleans_and_static_columns_come_back(self, sequences):
        ids = np.repeat(np.arange(60), 3)
        kind = pa.array(np.array(["a", "b", None], dtype=object)[ids % 3]).dictionary_encode()
        flag = pa.array(ids % 3 == 0)
        data = sequences(
            {"id": ids, "time": np.arange(180.0), "kind": kind, "flag": flag}, static=("kind", "flag")
        )
        data = data.with_schema(data.schema.edit("kind", kind="category", levels=("a", "b")))
        rule = Combination(columns=("kind", "flag")).learned(data)
        bare = rule.remove(data)
        assert bare.schema[rule.merged].static
        assert rule.restore(bare).table().equals(data.table())

    def test_a_pattern_of_nulls_alone_is_no_combination(self, sequences):
        random = np.random.default_rng(0)
        ids = np.repeat(np.arange(200), 10)
        both = random.random(2000) < 0.2
        signs = {n: pa.array(random.choice(["yes", "no"], 2000), mask=both) for n in ("one", "two")}
        found = find(sequences({"id": ids, "time": random.uniform(0, 1, 2000), **signs}))
        assert [rule.sentence() for rule in found] == ["two is null exactly where one is"]


class TestLookup:
    def test_a_code_tells_its_name(self, sequences):
        random = np.random.default_rng(0)
        ids = np.repeat(np.arange(100), 10)
        code = random.integers(0, 4, 1000)
        name = np.array(["red", "green", "blue", "blue"])[code]
        data = sequences({"id": ids, "time": random.uniform(0, 1, 1000), "code": code, "name": name})
        (rule,) = find(data)
        assert rule.sentence() == "name is a function of code"
        assert dict(rule.table)[2] == "blue"
        assert rule.restore(rule.remove(data)).table().equals(data.table())
        wrong = data.with_columns({"name": pa.array(np.roll(data.column("name").to_pylist(), 1))})
        assert rule.holds(wrong) < 0.6

    def test_a_rare_flag_is_not_told_by_what_it_does_not_depend_on(self, sequences):
        random = np.random.default_rng(0)
        ids = np.repeat(np.arange(200), 50)
        flag = random.random(10_000) < 0.003
        code = random.integers(0, 3, 10_000)
        assert (
            find(sequences({"id": ids, "time": random.uniform(0, 1, 10_000), "flag": flag, "code": code}))
            == []
        )

    def test_unseen_and_null_levels_get_a_value(self, sequences):
        data = sequences({"id": [1, 1, 2], "time": [0.0, 1.0, 0.0], "a": ["x", "y", "x"], "b": [1, 2, 1]})
        rule = Lookup(columns=("b", "a")).learned(data)
        bare = rule.remove(data).with_columns({"a": pa.array(["y", None, "new"])})
        assert rule.restore(bare).column("b").to_pylist() == [2, 1, 1]

    @given(st.lists(st.sampled_from(["a", "b", None]), min_size=4, max_size=30), st.randoms())
    def test_round_trip_with_nulls(self, sequences, source, random):
        table = {v: random.choice([0.5, 2.25, None]) for v in ("a", "b", None)}
        source = ["a", "b", *source]
        data = sequences(
            {
                "id": list(range(len(source))),
                "time": [0.0] * len(source),
                "s": source,
                "t": pa.array([table[v] for v in source], pa.float64()),
            }
        )
        rule = from_dict(Lookup(columns=("t", "s")).learned(data).to_dict())
        assert rule.restore(rule.remove(data)).table().equals(data.table())


def test_static_categories_that_keep_together(sequences):
    random = np.random.default_rng(0)
    ids = np.repeat(np.arange(600), 2)
    town = random.choice(["north 1", "north 2", "south 1", "south 2"], 600)
    region = np.array([t.split()[0] for t in town])
    plan = np.where(region == "north", random.choice(["A", "B"], 600), random.choice(["B", "C"], 600))
    columns = {"id": ids, "time": random.uniform(0, 1, 1200), "town": town[ids], "plan": plan[ids]}
    (rule,) = find(sequences(columns, static=("town", "plan")))
    assert rule.name == "combination"
    assert len(rule.combinations) == 8


@pytest.mark.parametrize("threshold", [0.9, 0.995])
def test_the_threshold_is_applied_to_the_half_that_was_not_looked_at(sequences, threshold):
    data = movements(sequences, wrong=0.06, n=300)
    found = [c for c in find(data, threshold=threshold) if set(c.columns) == {"type", "operation", "symbol"}]
    assert all(rule.share >= threshold for rule in found)
