"""Rows of one time stand in the order in which they add up, on every side."""

import numpy as np

from tsynth.scores.harness import evaluate
from tsynth.testing import mixed


def backwards_inside_ties(data):
    """The same rows, those of one entity and day the other way round."""
    return data.reorder(np.lexsort((-np.arange(data.n_rows), data.time, data.entity_of_row)))


def thirds():
    data = mixed(entities=150)
    return [data.take(np.arange(k, 150, 3)) for k in range(3)]


def test_order_inside_a_day_costs_nothing_where_a_total_tells_it():
    train, holdout, other = thirds()
    turned = backwards_inside_ties(other)
    assert turned.content_hash() != other.content_hash(), "there are no rows of one day to turn"
    plain = evaluate(train, other, holdout, seed=0, scores=["transitions"])["transitions"]
    again = evaluate(train, turned, holdout, seed=0, scores=["transitions"])["transitions"]
    assert again.value == plain.value


def test_order_inside_a_day_is_seen_where_no_rule_tells_it():
    sides = [part.with_schema(part.schema.replace(constraints=())) for part in thirds()]
    train, holdout, other = sides
    turned = backwards_inside_ties(other)
    plain = evaluate(train, other, holdout, seed=0, scores=["transitions"])["transitions"]
    again = evaluate(train, turned, holdout, seed=0, scores=["transitions"])["transitions"]
    assert again.value != plain.value
