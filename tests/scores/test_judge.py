"""The judge of raw sequences: training and test apart, a broken order found, a perfect generator passed."""

from __future__ import annotations

import importlib.util
import json
from dataclasses import asdict
from itertools import pairwise

import numpy as np
import pytest

from tsynth import nets
from tsynth.data.streams import Streams
from tsynth.scores.alignment import blocks
from tsynth.scores.base import CannotSay
from tsynth.scores.discrimination.sequence_judge import SequenceJudge
from tsynth.scores.harness import evaluate
from tsynth.scores.ruler import ruler
from tsynth.scores.stretches import folds, numbers, stretches

needs_torch = pytest.mark.skipif(
    importlib.util.find_spec("torch") is None, reason="the extra `neural` is not installed"
)
NAME = "sequence_judge"


@pytest.fixture(scope="module")
def world(accounts):
    """Train, holdout and the work of a perfect generator."""
    return accounts(400, 1), accounts(400, 2), accounts(400, 3)


def shuffled_order(data, seed=0):
    """Rows of each entity in another order at the same times: every row is real, their order is not."""
    random = np.random.default_rng(seed)
    order = np.concatenate([random.permutation(np.arange(a, b)) for a, b in pairwise(data.offsets)])
    moved = data.reorder(order)
    return moved.with_columns({data.schema.time: data.rows[data.schema.time]})


def cut_up(data, cut, most=64, seed=0):
    rows = numbers(ruler(data), data)[0]
    return stretches(data, rows, most, cut, Streams(seed, "stretch", range(data.n_entities)))


def test_stretches_are_rows_of_one_entity_in_order(world):
    data = world[0]
    rows = numbers(ruler(data), data)[0]
    found = stretches(data, rows, 5, None, Streams(0, "stretch", range(data.n_entities)))
    assert found.lengths.max() == 5
    for i in (0, 7, 99):
        whole = rows[data.offsets[found.owner[i]] : data.offsets[found.owner[i] + 1]]
        piece = found.values[i, : found.lengths[i]]
        assert any((whole[s : s + len(piece)] == piece).all() for s in range(len(whole) - len(piece) + 1))
        assert not found.values[i, found.lengths[i] :].any()


def test_numbers_are_finite_and_of_one_shape(world):
    sides = numbers(ruler(world[0]), *world[1:])
    assert sides[0].shape[1] == sides[1].shape[1]
    assert all(np.isfinite(side).all() for side in sides)


def streams(*sides):
    return tuple(Streams(0, ("judge", i), range(d.n_entities)) for i, d in enumerate(sides))


def test_entities_and_times_of_training_and_test_are_apart(world):
    a, b = world[1:]
    cut = float(np.median(a.time))
    found = cut_up(a, cut), cut_up(b, cut)
    for fold in folds(found, cut, 4, False, streams(a, b)):
        for side, learn, held in zip(found, fold.learn, fold.held, strict=True):
            assert not set(side.owner[learn]) & set(side.owner[held])
        spans = [
            (
                min(side.first[i].min() for side, i in zip(found, part, strict=True)),
                max(side.last[i].max() for side, i in zip(found, part, strict=True)),
            )
            for part in (fold.learn, fold.held)
        ]
        assert spans[0][1] < spans[1][0] or spans[1][1] < spans[0][0]


def test_blocks_are_held_out_by_spans_of_time(world):
    a, b = (blocks(data, 4) for data in world[1:])
    found = cut_up(a, None), cut_up(b, None)
    for fold in folds(found, None, 4, True, streams(a, b)):
        low = min(side.first[i].min() for side, i in zip(found, fold.held, strict=True))
        high = max(side.last[i].max() for side, i in zip(found, fold.held, strict=True))
        for side, learn in zip(found, fold.learn, strict=True):
            assert ((side.last[learn] < low) | (side.first[learn] > high)).all()


def test_too_few_sequences_cannot_be_held_apart(world):
    a, b = (data.take(np.arange(6)) for data in world[1:])
    with pytest.raises(CannotSay, match="too few sequences"):
        folds((cut_up(a, None), cut_up(b, None)), None, 4, False, streams(a, b))


@needs_torch
def test_a_report_holds_auc_interval_and_examples(world):
    train, holdout, made = (data.take(np.arange(60)) for data in world)
    first, again = (
        evaluate(train, made, holdout, seed=1, scores=[SequenceJudge(steps=4, hidden=4, rows=16)])[NAME]
        for _ in range(2)
    )
    assert first.status == "ok", first.reason
    assert asdict(first) == asdict(again)
    curve = json.loads(json.dumps(first.curve, allow_nan=False))
    assert curve["interval"][0] <= curve["auc"] <= curve["interval"][1]
    assert curve["apart"] == "entities and times"
    assert len(curve["examples"]) == 5
    chances = [e["probability"] for e in curve["examples"]]
    assert chances == sorted(chances, reverse=True)
    assert "of 100 cases" in first.verdict


@needs_torch
@pytest.mark.slow
def test_a_broken_order_is_found_and_real_data_pass(accounts):
    train, holdout, made = (accounts(n, seed) for n, seed in ((120, 1), (240, 2), (120, 3)))
    score = SequenceJudge(rows=16, steps=100, hidden=16)
    result = evaluate(train, shuffled_order(made), holdout, seed=0, scores=[score])[NAME]
    # 120 entities a side, asked about twice: 2 AUC - 1 of chance has an sd of about .06, and two halvings are averaged
    assert result.floor < 0.2
    assert result.value > result.floor + 0.1
    assert result.interval[0] > 0


def test_without_torch_it_says_so(world, monkeypatch):
    monkeypatch.setattr(nets, "find_spec", lambda name: None)  # as if it were not installed
    train, holdout, made = (data.take(np.arange(60)) for data in world)
    result = evaluate(train, made, holdout, scores=[SequenceJudge()])[NAME]
    assert result.status == "cannot say"
    assert result.reason == "it needs the extra `neural` (pip install 'tsynth[neural]')"


@needs_torch
def test_few_sequences_cannot_be_judged(world):
    train, holdout, made = (data.take(np.arange(n)) for data, n in zip(world, (60, 60, 10), strict=True))
    result = evaluate(train, made, holdout, scores=[SequenceJudge(steps=1)])[NAME]
    assert result.status == "cannot say"
    assert "10 sequences with rows on a side, and it needs 16" in result.reason
