from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tsynth.compiled.codes import fill
from tsynth.data.constraints import Constraints, find, from_dict
from tsynth.data.constraints.evidence import halve
from tsynth.data.constraints.null_rules import NullTogether, NullWhere, find_null_rules
from tsynth.data.streams import Streams


def payments(seed=0, n=150):
    """A bank where money is sent or comes, a fee in cents there too, two signs that are measured together, and a
    remark that is missing wherever they are, and often elsewhere."""
    random = np.random.default_rng(seed)
    rows = 12 * n
    code = random.choice(["sent", "came", "cash", "card"], rows)
    off = ~np.isin(code, ["sent", "came"])
    both = random.random(rows) < 0.3
    fee = np.where(code == "sent", random.integers(100, 200, rows), random.integers(1, 9, rows))
    return {
        "id": np.repeat(np.arange(n), 12),
        "time": random.uniform(0, 1, rows),
        "code": code,
        "bank": pa.array(random.choice(["AB", "CD", "EF"], rows), mask=off),
        "fee": pa.array(fee, mask=off),
        "low": pa.array(np.round(random.normal(80, 9, rows), 1), mask=both),
        "high": pa.array(np.round(random.normal(120, 9, rows), 1), mask=both),
        "note": pa.array(random.choice(["yes", "no"], rows), mask=both | (random.random(rows) < 0.4)),
    }


SENTENCES = {
    "bank is null exactly where code = card or cash",
    "fee is null exactly where code = card or cash",
    "high is null exactly where low is",
    "note is null wherever low is",
}


def built(sequences, columns):
    return sequences(columns, decimals={"low": 1, "high": 1})


def without_sense(data, random):
    """Nulls anywhere, and codes at random."""
    columns = {"code": data.column("code").take(pa.array(random.permutation(data.n_rows)))}
    for name in ("bank", "fee", "low", "high", "note"):
        values = data.column(name).drop_null()
        values = values.take(pa.array(random.integers(0, len(values), data.n_rows))).combine_chunks()
        columns[name] = pa.array(values.to_pylist(), values.type, mask=random.random(data.n_rows) < 0.4)
    return data.with_columns(columns)


class TestFinding:
    def test_each_is_found(self, sequences):
        rules = find(built(sequences, payments()))
        said = {rule.sentence().replace("cash or card", "card or cash") for rule in rules}
        assert said == SENTENCES

    def test_shuffled_nulls_have_none(self, sequences):
        data = without_sense(built(sequences, payments()), np.random.default_rng(0))
        assert find_null_rules(halve(data, 0, 0.995), []) == []

    def test_nulls_that_are_sometimes_elsewhere_are_passed_over(self, sequences):
        columns = payments()
        for k, name in enumerate(("bank", "fee", "high", "note")):
            values = columns[name].to_pylist()
            some = next(v for v in values if v is not None)
            values[k::50] = [some if v is None else None for v in values[k::50]]
            columns[name] = pa.array(values, columns[name].type)
        assert find_null_rules(halve(built(sequences, columns), 0, 0.995), []) == []

    def test_the_shorter_list_of_codes_is_read(self):
        rule = NullWhere(columns=("x", "k"), levels=("a", "b", None), others=("c",))
        assert rule.sentence() == "x has a value exactly where k = c"


class TestRestoring:
    @settings(max_examples=15)
    @given(st.integers(0, 10**6))
    def test_any_nulls_are_put_right(self, sequences, seed):
        data = built(sequences, payments(n=30))
        rules = Constraints(rule.learned(data) for rule in (
            NullWhere(columns=("bank", "code")), NullWhere(columns=("fee", "code")),
            NullTogether(columns=("high", "low")), NullTogether(columns=("note", "low"), exactly=False),
        ))  # fmt: skip
        assert rules.restore(rules.remove(data)) is data
        rough = without_sense(data, np.random.default_rng(seed))
        streams = Streams(seed, "test", range(30))
        made = rules.restore(rough, streams)
        assert [rule.holds(made) for rule in rules] == [1.0] * 4
        assert made.schema == data.schema
        for name in ("bank", "fee", "low", "high", "note"):
            assert made.column(name).type == data.column(name).type
            # what was there, and may be, is what it was
            same = np.flatnonzero(~rough.nulls(name) & ~made.nulls(name))
            assert made.column(name).take(pa.array(same)).equals(rough.column(name).take(pa.array(same)))
        # an entity's values do not depend on the others
        part = rules.restore(rough.take(np.arange(10, 20)), Streams(seed, "test", range(10, 20)))
        assert part.table().equals(made.take(np.arange(10, 20)).table())

    def test_what_is_given_suits_the_code(self, sequences):
        data = built(sequences, payments())
        rule = NullWhere(columns=("fee", "code")).learned(data)
        empty = data.with_columns({"fee": pa.nulls(data.n_rows, pa.int64())})
        made = rule.restore(empty, Streams(1, "test", range(data.n_entities)))
        code, fee = np.array(data.column("code").to_pylist()), made.numeric("fee")
        assert fee[code == "sent"].min() >= 100
        assert fee[code == "came"].max() < 9
        # 900 draws from 20 quantiles of a uniform on 100 to 199: the standard error of the mean is .96
        assert fee[code == "sent"].mean() == pytest.approx(149.5, abs=4)
        assert len(np.unique(fee[code == "sent"])) == 20
        assert rule.restore(empty).content_hash() == rule.restore(empty).content_hash()

    def test_an_entitys_own_value_is_taken_first(self, sequences):
        data = sequences(
            {"id": [1] * 4, "time": [0.0, 1.0, 2.0, 3.0], "k": ["a", "b", "a", "b"], "x": [None, 5, 7, None]}
        )
        rule = NullWhere(columns=("x", "k"), levels=("c",), others=("a", "b"), picks=((1.0,), (2.0,), (3.0,)))
        assert rule.restore(data).column("x").to_pylist() == [7, 5, 7, 5]

    def test_nothing_to_give(self, sequences):
        data = sequences({"id": [1, 1], "time": [0.0, 1.0], "k": ["a", "b"], "x": pa.nulls(2, pa.float64())})
        rule = NullWhere(columns=("x", "k"), levels=("b",)).learned(data)
        assert rule.restore(data).column("x").to_pylist() == [None, None]
        assert rule.restore(data.keep_rows(np.zeros(2, bool))).n_rows == 0

    def test_dictionaries(self, sequences):
        data = sequences(
            {"id": [1] * 3, "time": [0.0, 1.0, 2.0], "k": ["a", "b", "b"], "x": ["u", "v", None]}
        )
        coded = data.with_columns({"x": data.column("x").combine_chunks().dictionary_encode()})
        coded = coded.with_schema(coded.schema.edit("x", dtype=str(coded.column("x").type)))
        rule = NullWhere(columns=("x", "k"), levels=("a",)).learned(coded)
        made = rule.restore(coded)
        assert made.column("x").to_pylist() == [None, "v", "v"]
        assert made.column("x").type == coded.column("x").type

    def test_json_and_back(self, sequences):
        for rule in find(built(sequences, payments())):
            assert from_dict(rule.to_dict()) == rule


def test_the_loop_and_its_plain_twin():
    random = np.random.default_rng(0)
    offsets, codes = np.array([0, 9, 9, 30], dtype=np.int64), random.integers(0, 3, 30)
    wanted = random.random(30) < 0.3
    usable = ~wanted & (random.random(30) < 0.3)
    arguments = (np.uint64(0), np.arange(3), offsets, codes, 3, wanted, usable, np.array([2, 0, 3]), False)
    for a, b in zip(fill(*arguments), fill.py_func(*arguments), strict=True):
        np.testing.assert_array_equal(a, b)
