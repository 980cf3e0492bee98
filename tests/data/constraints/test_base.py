from __future__ import annotations

import json
import math

import pytest

from tsynth.data.constraints import Constraints, from_dict
from tsynth.data.constraints.columns import drop, free_name, put, take_off
from tsynth.data.constraints.functions import Linear
from tsynth.data.constraints.inequalities import Inequality
from tsynth.data.constraints.rows import Combination
from tsynth.errors import UsageError


@pytest.fixture
def data(sequences):
    return sequences(
        {
            "id": [1, 1, 2],
            "time": [0.0, 1.0, 0.0],
            "a": [1, 2, 3],
            "b": [2, 4, 6],
            "c": [3, 5, 9],
            "k": ["x", "y", "x"],
        }
    )


def linear(data, target, source):
    return Linear(columns=(target, source)).learned(data)


def test_makers_come_back_before_their_readers_whatever_the_order_given(data):
    rules = [linear(data, "b", "a"), linear(data, "c", "b")]
    for given in (rules, rules[::-1]):
        constraints = Constraints(given)
        assert [rule.columns for rule in constraints] == [("c", "b"), ("b", "a")]
        back = constraints.restore(constraints.remove(data))
        assert back.column("b").to_pylist() == [2, 4, 6]
        assert back.schema == data.schema


def test_a_circle_and_two_makers_of_one_column_are_refused(data):
    with pytest.raises(UsageError, match="circle"):
        Constraints([linear(data, "b", "a"), linear(data, "a", "b")])
    with pytest.raises(UsageError, match="two constraints make the column"):
        Constraints([linear(data, "c", "a"), linear(data, "c", "b")])


def test_json_and_back(data):
    rules = Constraints([linear(data, "b", "a"), Combination(columns=("k",)).learned(data)])
    text = json.dumps(rules.to_list(), allow_nan=False)
    again = Constraints.from_list(json.loads(text))
    assert again == rules
    assert math.isnan(again[0].share)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"rule": "sum", "columns": ["a"]}, "there is no constraint 'sum'; use one of .*totals"),
        ({"rule": "function", "form": "cubic", "columns": ["a"]}, "has no form 'cubic'"),
        ({"rule": "unique"}, "names no columns"),
        ({"rule": "unique", "columns": ["a"], "colour": 1}, "has no field 'colour'"),
    ],
)
def test_a_wrong_entry_says_what_to_write(content, message):
    with pytest.raises(UsageError, match=message):
        from_dict(content)


def test_a_rule_written_by_hand_is_learned_and_then_works(data):
    written = Constraints.from_list([{"rule": "inequality", "columns": ["a", "b"]}])
    with pytest.raises(UsageError, match="has not been learned"):
        written.remove(data)
    learned = written.learned(data)
    assert isinstance(learned[0], Inequality)
    assert learned.restore(learned.remove(data)).table().equals(data.table())
    assert learned.learned(data) == learned


def test_a_rule_of_a_column_that_is_not_there(data):
    with pytest.raises(UsageError, match="'z', which is not in the data"):
        Constraints.from_list([{"rule": "unique", "columns": ["z"]}]).remove(data)
    assert math.isnan(from_dict({"rule": "unique", "columns": ["z"]}).holds(data))


def test_columns_come_back_where_they_stood(data):
    lost = take_off(data.schema, ["a", "c"])
    bare = drop(data, ["a", "c"])
    back = put(bare, lost, {"a": data.column("a"), "c": data.column("c")})
    assert back.schema == data.schema
    assert back.table().equals(data.table())


def test_a_free_name_is_no_column(data):
    assert free_name(data.schema, "a") == "a (2)"
    assert free_name(data.schema, "new") == "new"
    assert free_name(data.schema, "end") == "end (2)"
