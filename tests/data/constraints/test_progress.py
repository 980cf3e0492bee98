from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pytest

from tests.data.constraints.conftest import times
from tsynth.data.constraints import find, from_dict

STATES = np.array(["placed", "paid", "shipped", "delivered"])


def orders(seed=0, n=120, rows=10):
    random = np.random.default_rng(seed)
    state = np.minimum(np.cumsum(random.random((n, rows)) < 0.2, axis=1), 3)
    return {"id": np.repeat(np.arange(n), rows), "time": times(n, rows)}, state, random


def progress(data):
    return [rule for rule in find(data) if rule.name == "progress"]


@pytest.mark.parametrize("coded", [False, True])
def test_the_order_of_states_is_found_by_their_moves(sequences, coded):
    columns, state, random = orders()
    names = pa.array(STATES[state.ravel()])
    data = sequences(columns | {"state": names.dictionary_encode() if coded else names})
    rules = find(data)
    (rule,) = (r for r in rules if r.name == "progress")
    assert rule.sentence() == "state never goes back in placed, paid, shipped, delivered"
    assert not any(r.name == "absorbing" for r in rules)
    again = from_dict(json.loads(json.dumps(rule.to_dict())))
    assert again.restore(again.remove(data)).table().equals(data.table())
    drawn = pa.array(STATES[random.integers(0, 4, 1200)], mask=random.random(1200) < 0.1)
    made = data.with_columns({"state": drawn.dictionary_encode() if coded else drawn})
    assert again.holds(made) < 0.9
    fixed = again.restore(made)
    assert again.holds(fixed) == 1.0
    assert fixed.column("state").null_count == drawn.null_count
    assert fixed.column("state").type == data.column("state").type


def test_states_that_are_left_and_entered_again_have_no_order(sequences):
    columns, state, random = orders()
    state = np.where(random.random(state.shape) < 0.02, 0, state)
    assert progress(sequences(columns | {"state": STATES[state.ravel()]})) == []


def test_two_states_are_no_order(sequences):
    columns, state, _ = orders()
    assert progress(sequences(columns | {"state": STATES[np.minimum(state, 1).ravel()]})) == []


def test_a_label_that_stays_once_it_is_up_is_kept_after_any_generator(sequences):
    """Onset: what is never left; a planted recovery breaks it."""
    random = np.random.default_rng(1)
    ill = np.maximum.accumulate(random.random((150, 12)) < 0.15, axis=1)
    columns = {"id": np.repeat(np.arange(150), 12), "time": times(150, 12), "ill": ill.ravel()}
    data = sequences(columns, roles={"ill": "label"})
    (rule,) = (r for r in find(data) if r.name == "absorbing")
    assert rule.sentence() == "ill = True is never left"
    drawn = data.with_columns({"ill": pa.array(random.random(1800) < 0.3)})
    assert rule.holds(drawn) < 0.9
    assert rule.holds(rule.restore(drawn)) == 1.0
