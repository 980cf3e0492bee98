"""What the judges of whole sequences and of rows name as most plainly synthetic, and why."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pytest

from tsynth.data.streams import Streams
from tsynth.scores.discrimination.classifier import ClassifierEntities, ClassifierRows

PLANTED = 40


@pytest.fixture(scope="module")
def world(accounts):
    """Train, reference, and a candidate of which the first 40 accounts pay twenty times as much."""
    train, reference, candidate = accounts(200, 1), accounts(200, 2), accounts(200, 3)
    amount = candidate.numeric("amount").copy()
    amount[candidate.entity_of_row < PLANTED] *= 20
    return train, reference, candidate.with_columns({"amount": pa.array(np.round(amount, 2))})


@pytest.mark.parametrize("score", [ClassifierEntities, ClassifierRows])
def test_the_planted_ones_are_named_with_the_reason(world, score):
    """By chance 1 in 5 examples were planted; that all five are has a chance of 1 in 3,000."""
    made = score().prepare(*world, Streams(0, ("test", score.name), range(200)))
    curve = score().curve(made)
    json.dumps(curve, allow_nan=False)
    found = curve["examples"]
    assert len(found) == 5
    assert all(int(e["entity"]) < PLANTED for e in found)
    assert all(e["rows"] == world[2].lengths[int(e["entity"])] for e in found)
    chances = [e["probability"] for e in found]
    assert chances == sorted(chances, reverse=True)
    assert chances[0] > 0.9
    assert all(any("amount" in sentence for sentence in e["away"]) for e in found)


def test_real_numbers_in_sentences_are_middles(world):
    """No other number of the real side: the sentence names the median, which half of the entities share in."""
    made = ClassifierRows().prepare(*world, Streams(0, ("test", "middles"), range(200)))
    median = made.sides[0].middle("amount")
    told = [s for e in ClassifierRows().curve(made)["examples"] for s in e["away"] if "its amount is " in s]
    assert told
    assert all(s.endswith(f"the middle of real rows is {median}.") for s in told)


def test_few_real_observations_give_no_reason(accounts):
    few = [accounts(8, seed) for seed in (1, 2, 3)]
    curve = ClassifierEntities().curve(
        ClassifierEntities().prepare(*few, Streams(0, ("test", "few"), range(8)))
    )
    assert all(e["away"] == [] for e in curve["examples"])
