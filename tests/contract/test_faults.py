"""Worlds repeat and scale; faults spoil what they say, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from tsynth.data import constraints
from tsynth.testing import EXAMPLES, FAULTS, WORLDS

SIZE = 120
PAIRS = [
    (world, fault)
    for world, make in WORLDS.items()
    for fault in FAULTS
    if FAULTS[fault].applies(make(20, 0), make(20, 1))
]


@pytest.fixture(scope="module")
def drawn():
    return {name: [make(SIZE, seed) for seed in range(2)] for name, make in WORLDS.items()}


def rules(data):
    return [constraints.from_dict(rule).holds(data) for rule in data.schema.constraints or ()]


@pytest.mark.parametrize("world", WORLDS)
def test_a_world_repeats_and_keeps_its_rules(world, drawn):
    train, other = drawn[world]
    assert train.content_hash() == WORLDS[world](SIZE, 0).content_hash()
    assert train.content_hash() != other.content_hash()
    assert train.n_entities == SIZE
    assert WORLDS[world](2, 0).n_entities == 2
    assert rules(train) == [1.0] * len(rules(train))
    inside = train.step_of_row[1:] > 0
    assert (np.diff(train.time)[inside] > 0).all()
    names = train.schema.entity
    assert not set(train.column(names).to_pylist()) & set(other.column(names).to_pylist())


@pytest.mark.parametrize(("world", "fault"), PAIRS)
def test_a_fault_spoils_the_same_way_again_and_keeps_the_schema(world, fault, drawn):
    train, made = drawn[world]
    before = made.content_hash(), train.content_hash()
    spoiled = FAULTS[fault](made, train, 3)
    assert (made.content_hash(), train.content_hash()) == before
    assert spoiled.content_hash() == FAULTS[fault](made, train, 3).content_hash()
    assert spoiled.content_hash() != made.content_hash()
    assert spoiled.schema == made.schema
    assert spoiled.table().schema == made.table().schema
    assert (np.diff(spoiled.time)[spoiled.step_of_row[1:] > 0] >= 0).all()
    broken = fault in ("broken_rule", "wrong_gaps", "aimless_gaps", "overfitted", "shifted_season")
    assert broken or all(share == 1.0 for share in rules(spoiled))


@pytest.mark.parametrize("example", EXAMPLES)
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_planted_or_refused_on_every_example(example, fault):
    data, train = (EXAMPLES[example](entities=20, seed=seed) for seed in (1, 2))
    if FAULTS[fault].applies(data, train):
        assert FAULTS[fault](data, train).n_rows > 0


def test_faults_do_what_they_say(drawn):
    train, made = drawn["transactions"]
    gaps = FAULTS["wrong_gaps"](made, train)
    assert gaps.time[-1] == pytest.approx(made.time[-1], abs=1e-4)  # the same span, so the same mean
    tenth = FAULTS["memorised_tenth"](made, train)
    assert (
        np.isin(tenth.numeric("amount"), train.numeric("amount")).mean()
        > np.isin(made.numeric("amount"), train.numeric("amount")).mean()
    )
    assert set(FAULTS["lost_group"](made, train).column("region").to_pylist()) == {"north", "south"}
    nulls = FAULTS["independent_nulls"](made, train)
    assert nulls.nulls("distance").sum() == made.nulls("distance").sum()
    assert rules(FAULTS["broken_rule"](made, train))[0] < 0.95
    assert np.mean(np.floor(FAULTS["shifted_season"](made, train).time) - np.floor(made.time) >= 3) == 1
