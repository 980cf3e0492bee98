from __future__ import annotations

import json

import numpy as np
import pyarrow as pa

from tests.data.constraints.conftest import times
from tsynth.compiled.lookups import right_shares
from tsynth.data.constraints import find, from_dict
from tsynth.data.constraints.joint_lookups import JointLookup


def shop(seed=0, n=120, lines=8):
    """Products in sizes, with a price list."""
    random = np.random.default_rng(seed)
    ids, time = np.repeat(np.arange(n), lines), times(n, lines)
    product, size = random.integers(0, 5, n * lines), random.integers(0, 3, n * lines)
    price = random.integers(1, 5, (5, 3))[product, size]
    columns = {"id": ids, "time": time, "product": np.array(list("abcde"))[product]}
    columns |= {"size": np.array(["S", "M", "L"])[size], "price": price}
    return columns, random


class TestFinding:
    def test_a_price_list_of_two_keys(self, sequences):
        columns, _ = shop()
        data = sequences(columns)
        (rule,) = find(data)
        assert rule.sentence() == "price is a function of product and size"
        assert len(rule.table) == 15
        again = from_dict(json.loads(json.dumps(rule.to_dict())))
        back = again.restore(again.remove(data))
        assert back.schema == data.schema
        assert back.table().equals(data.table())

    def test_of_three_keys_and_with_nulls_in_the_table(self, sequences):
        columns, random = shop()
        sale = random.random(960) < 0.5
        gone = (columns["product"] == "b") & (columns["size"] == "S")
        columns["sale"] = sale
        columns["price"] = pa.array(np.where(sale, 9, columns["price"]), mask=gone)
        data = sequences(columns)
        (rule,) = find(data)
        assert rule.sentence() == "price is a function of product, size and sale"
        assert rule.restore(rule.remove(data)).table().equals(data.table())

    def test_two_in_a_hundred_other_prices_are_no_list(self, sequences):
        columns, random = shop()
        wrong = random.random(960) < 0.02
        columns["price"] = np.where(wrong, random.permutation(columns["price"]), columns["price"])
        assert find(sequences(columns)) == []

    def test_a_key_that_adds_nothing_is_left_out(self, sequences):
        columns, random = shop()
        columns["colour"] = random.choice(["red", "blue"], 960)
        (rule,) = find(sequences(columns))
        assert rule.columns == ("price", "product", "size")


def test_combinations_that_were_not_seen_get_the_usual_value(sequences):
    columns, _ = shop()
    data = sequences(columns)
    rule = JointLookup(columns=("price", "product", "size")).learned(data)
    few = JointLookup(columns=rule.columns, table=rule.table[:5], usual=rule.usual, lost=rule.lost)
    made = few.restore(few.remove(data))
    assert few.holds(made) == 1.0
    assert rule.holds(made) < 0.9


def test_shares_agree_with_their_plain_twin():
    random = np.random.default_rng(0)
    codes = random.integers(0, 4, (4, 200))
    codes[0] = (codes[1] + codes[2]) % 4
    options = np.array([[1, 2, -1], [1, 3, -1], [1, 2, 3]])
    arguments = (codes, np.full(4, 4), 0, 0, options, 40)
    shares = right_shares(*arguments)
    assert np.array_equal(shares, right_shares.py_func(*arguments))
    assert shares[0].tolist() == [1.0, 1.0]
    assert shares[1, 0] < 0.6
    assert shares[2].tolist() == [-1.0, -1.0]
