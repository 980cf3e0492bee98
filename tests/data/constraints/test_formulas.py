from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pytest

from tests.data.constraints.conftest import times
from tsynth.data.constraints import find, from_dict
from tsynth.data.constraints.formulas import FUNCTIONS, Transform


def prices(seed=0, n=100, lines=6):
    random = np.random.default_rng(seed)
    ids, time = np.repeat(np.arange(n), lines), times(n, lines)
    price, pieces = np.round(random.lognormal(3, 1, n * lines), 2), random.poisson(4, n * lines) + 1
    other = random.normal(size=n * lines)
    return {"id": ids, "time": time, "price": price, "pieces": pieces, "other": other}, random


def comes_back(rule, data):
    again = from_dict(json.loads(json.dumps(rule.to_dict())))
    back = again.restore(again.remove(data))
    assert back.schema == data.schema
    assert again.holds(back) == 1.0
    return back


class TestTransforms:
    @pytest.mark.parametrize(
        ("made", "digits", "sentence"),
        [
            (np.log, None, "level = log(price)"),
            (np.log1p, 3, "level = log1p(price)"),
            (np.log10, 3, "level = log10(price)"),
            (np.log2, None, "level = log2(price)"),
            (np.sqrt, 2, "level = sqrt(price)"),
            (np.square, 4, "level = square(price)"),
            (lambda x: 10 * np.log10(x) - 3, None, "level = 10 * log10(price) - 3"),
        ],
    )
    def test_each_is_found_and_comes_back(self, sequences, made, digits, sentence):
        columns, _ = prices()
        level = made(columns["price"])
        columns["level"] = level if digits is None else np.round(level, digits)
        decimals = {"price": 2} | ({} if digits is None else {"level": digits})
        data = sequences(columns, decimals=decimals)
        (rule,) = find(data)
        assert rule.sentence() == sentence
        back = comes_back(rule, data)
        np.testing.assert_allclose(back.numeric("level"), data.numeric("level"), rtol=1e-12, atol=1e-12)

    def test_floats_of_four_bytes(self, sequences):
        columns, _ = prices()
        columns["level"] = np.log(columns["price"]).astype(np.float32)
        (rule,) = find(sequences(columns, decimals={"price": 2}))
        assert rule.sentence() == "level = log(price)"

    def test_noise_in_the_second_digit_is_no_logarithm(self, sequences):
        columns, random = prices()
        columns["level"] = np.round(np.log(columns["price"]) + random.normal(0, 0.05, 600), 3)
        assert find(sequences(columns, decimals={"price": 2, "level": 3})) == []

    def test_where_there_is_no_logarithm_there_is_a_null(self, sequences):
        columns, _ = prices()
        columns["level"] = np.log(columns["price"])
        data = sequences(columns, decimals={"price": 2})
        (rule,) = find(data)
        price = data.numeric("price").copy()
        price[:5] = -1.0
        made = rule.restore(rule.remove(data).with_columns({"price": pa.array(price)}))
        assert made.column("level").null_count == 5
        assert rule.holds(made) == 1.0

    def test_every_function_has_its_sentence(self):
        for name in FUNCTIONS:
            assert Transform(columns=("y", "x"), function=name).sentence() == f"y = {name}(x)"


class TestProducts:
    def test_price_times_pieces(self, sequences):
        columns, random = prices()
        columns["total"] = np.round(columns["price"] * columns["pieces"], 2)
        data = sequences(columns, decimals={"price": 2, "total": 2})
        (rule,) = find(data)
        assert rule.sentence() == "total = price * pieces"
        assert comes_back(rule, data).table().equals(data.table())
        strange = pa.array(random.integers(-5, 10**6, 600), mask=random.random(600) < 0.1)
        made = rule.restore(rule.remove(data).with_columns({"pieces": strange}))
        assert rule.holds(made) == 1.0

    def test_a_ratio_and_a_division_by_nothing(self, sequences):
        columns, _ = prices()
        columns["each"] = np.round(columns["price"] / columns["pieces"], 1)
        data = sequences(columns, decimals={"price": 2, "each": 1})
        (rule,) = find(data)
        assert rule.sentence() == "each = price / pieces"
        made = rule.restore(rule.remove(data).with_columns({"pieces": pa.array(np.zeros(600, int))}))
        assert made.column("each").null_count == 600

    def test_a_total_of_other_prices_is_none(self, sequences):
        columns, random = prices()
        columns["total"] = np.round(random.permutation(columns["price"]) * columns["pieces"], 2)
        assert find(sequences(columns, decimals={"price": 2, "total": 2})) == []


class TestExtremes:
    def test_largest_and_smallest_of_three(self, sequences):
        random = np.random.default_rng(0)
        a, b, c = random.lognormal(3, 1, (3, 600))
        columns = {
            "id": np.repeat(np.arange(100), 6),
            "time": times(100, 6),
            "a": a,
            "b": b,
            "c": c,
        }
        data = sequences(columns | {"high": np.fmax(np.fmax(a, b), c), "low": np.fmin(a, b)})
        rules = {rule.sentence(): rule for rule in find(data)}
        assert set(rules) == {"high = largest of a, b, c", "low = smallest of a, b"}
        for rule in rules.values():
            assert comes_back(rule, data).table().equals(data.table())

    def test_a_number_that_is_only_above_both_is_no_maximum(self, sequences):
        random = np.random.default_rng(0)
        a, b = random.lognormal(3, 1, (2, 600))
        columns = {"id": np.repeat(np.arange(100), 6), "time": times(100, 6), "a": a, "b": b}
        columns["high"] = np.maximum(a, b) + random.exponential(1, 600) * (random.random(600) < 0.05)
        assert [r for r in find(sequences(columns)) if r.form == "extreme"] == []
