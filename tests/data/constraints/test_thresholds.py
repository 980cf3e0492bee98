from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pytest

from tests.data.constraints.conftest import times
from tsynth.data.constraints import Constraints, find, from_dict
from tsynth.data.constraints.thresholds import Threshold, roundest


def payments(seed=0, n=120, lines=8):
    random = np.random.default_rng(seed)
    ids, time = np.repeat(np.arange(n), lines), times(n, lines)
    amount, other = np.round(random.lognormal(3, 1, n * lines), 2), random.normal(size=n * lines)
    return {"id": ids, "time": time, "amount": amount, "other": other}, random


@pytest.mark.parametrize(
    ("low", "high", "cut"),
    [(219.98, 220.05, 220), (64, 65, 65), (64, 71, 70), (-3, 2, 0), (-7.3, -6.8, -7), (0.0123, 0.0131, 0.013)],
)  # fmt: skip
def test_the_roundest_number_of_a_gap(low, high, cut):
    assert roundest(low, high) == cut
    assert low < roundest(low, high) <= high


class TestFinding:
    def test_a_flag_and_bands(self, sequences):
        columns, _ = payments()
        amount = columns["amount"]
        columns["large"] = amount >= 50
        columns["band"] = np.array(["low", "mid", "high"])[np.searchsorted([10, 30], amount, side="right")]
        data = sequences(columns, decimals={"amount": 2})
        rules = Constraints(find(data))
        assert {rule.sentence() for rule in rules} == {
            "large is True where amount >= 50, else False",
            "band is told by amount: low below 10, mid from 10, high from 30",
        }
        assert rules.restore(rules.remove(data)).table().equals(data.table())

    def test_a_static_is_told_by_a_static(self, sequences):
        random = np.random.default_rng(0)
        age, ids = random.integers(18, 90, 200), np.repeat(np.arange(200), 3)
        columns = {"id": ids, "time": times(200, 3), "age": age[ids]}
        columns["senior"] = np.where(age >= 65, "Y", "N")[ids]
        data = sequences(columns, static=("age", "senior"))
        (rule,) = find(data)
        assert rule.sentence() == "senior is Y where age >= 65, else N"
        made = rule.restore(rule.remove(data))
        assert made.schema == data.schema
        assert made.table().equals(data.table())

    def test_a_level_for_nulls(self, sequences):
        columns, random = payments()
        amount, gone = columns["amount"], random.random(960) < 0.1
        columns["amount"] = pa.array(amount, mask=gone)
        columns["size"] = np.where(gone, "unknown", np.where(amount >= 20, "large", "small"))
        data = sequences(columns, decimals={"amount": 2})
        rule = Threshold(columns=("size", "amount")).learned(data)
        rule = next(r for r in find(data) if r.form == "threshold")
        assert rule.blank == "unknown"
        assert rule.restore(rule.remove(data)).table().equals(data.table())

    def test_one_row_in_thirty_on_the_wrong_side_is_too_many(self, sequences):
        columns, random = payments()
        for share, found in ((0.002, 1), (0.033, 0)):
            wrong = random.random(960) < share
            rules = find(sequences(columns | {"large": (columns["amount"] >= 50) ^ wrong}))
            assert len(rules) == found

    def test_a_rare_flag_that_only_leans_to_large_amounts_is_not_told(self, sequences):
        columns, random = payments()
        large = columns["amount"] > np.quantile(columns["amount"], 0.95)
        columns["fraud"] = large & (random.random(960) < 0.5)
        assert find(sequences(columns)) == []


def test_any_amount_keeps_the_rule(sequences):
    columns, random = payments()
    data = sequences(columns | {"large": columns["amount"] >= 50}, decimals={"amount": 2})
    rule = Threshold(columns=("large", "amount")).learned(data)
    rule = from_dict(json.loads(json.dumps(rule.to_dict())))
    strange = pa.array(random.normal(50, 1e3, 960), mask=random.random(960) < 0.1)
    made = rule.restore(rule.remove(data).with_columns({"amount": strange}))
    assert rule.holds(made) == 1.0
