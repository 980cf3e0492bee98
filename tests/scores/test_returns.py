"""The score of returns: its facts, what it takes for a price, and the faults that it finds."""

from __future__ import annotations

from functools import cache

import numpy as np
import pyarrow as pa
import pytest

from tsynth.data.reading import read
from tsynth.scores.fidelity import returns
from tsynth.scores.harness import evaluate
from tsynth.scores.ruler import ruler

SERIES, STEPS = 60, 250


def table(name, values):
    entities, rows = values.shape
    item = np.repeat([f"s{k}" for k in range(entities)], rows)
    columns = {"series": item, "step": np.tile(np.arange(rows), entities), name: values.ravel()}
    return read(pa.table(columns), entity="series", time="step")


def moves(seed, entities, rows, leverage=0.1):
    """Returns of a GJR-GARCH(1, 1) with t errors (Glosten, Jagannathan, Runkle 1993), of 1 % a step."""
    random = np.random.default_rng([seed, 9])
    errors = random.standard_t(6, (entities, rows + 200)) / np.sqrt(1.5)
    variance, out = np.full(entities, 1e-4), np.empty((entities, rows + 200))
    for t in range(rows + 200):
        out[:, t] = np.sqrt(variance) * errors[:, t]
        square = out[:, t] ** 2
        shock = (0.05 + leverage * (out[:, t] < 0)) * square
        variance = 2e-6 + shock + (0.93 - leverage / 2) * variance
    return out[:, 200:]


@cache
def prices(seed, independent=False, scale=1.0):
    made = moves(seed, SERIES, STEPS) * scale
    if independent:
        made = np.random.default_rng(seed).permuted(made, axis=1)
    return table("price", np.round(100 * np.exp(np.cumsum(made, axis=1)), 6))


def score(synthetic):
    return evaluate(prices(1), synthetic, prices(2), scores=["returns"])["returns"]


def test_independent_returns_in_place_of_clusters_are_found():
    result = score(prices(3, independent=True))
    assert result.interval[0] > 0
    assert result.details[0].label == "clusters of volatility of price"
    assert result.details[0].sentence.startswith("The size of a return of price goes with that of ")


def test_returns_too_large_are_found():
    result = score(prices(3, scale=1.6))
    assert result.interval[0] > 0
    assert result.details[0].label == "size of returns of price"


def test_memory_of_returns_is_found():
    made = moves(3, SERIES, STEPS)
    made[:, 1:] = (made[:, 1:] + 0.5 * made[:, :-1]) / np.sqrt(1.25)
    result = score(table("price", 100 * np.exp(np.cumsum(made, axis=1))))
    assert result.interval[0] > 0
    assert result.details[0].label == "memory of returns of price"


def test_perfect_generator_raises_no_alarm():
    # None of 40 worlds of 50 series did, where 2.5 % is nominal; the seed is fixed.
    result = score(prices(3))
    assert result.interval[0] <= 0 <= result.interval[1]


def test_facts_are_those_of_numpy():
    data = prices(1)
    r = np.diff(np.log(data.numeric("price").reshape(SERIES, STEPS)), axis=1)
    middle, scale = np.median(r), np.median(np.abs(r - np.median(r))) / 0.6745
    r = (r - middle) / scale
    whole = np.clip(r, -10, 10)
    r = np.clip(returns.NORMAL * r / np.abs(r).mean(axis=1, keepdims=True), -10, 10)
    parts = returns.Returns().parts(ruler(data), data, data, None)
    found = {p.label.removesuffix(" of price"): p.extra["fact"](p.reference.total()) for p in parts}
    assert float(found["size of returns"][0]) == pytest.approx(np.abs(whole).mean())
    assert float(found["heavy tails"][0]) == pytest.approx(np.abs(r).mean() / r.std())
    later = np.corrcoef(r[:, :-1].ravel(), r[:, 1:].ravel())[0, 1]
    assert float(found["memory of returns"][0]) == pytest.approx(later)
    sizes = np.corrcoef(np.abs(r[:, :-1]).ravel(), np.abs(r[:, 1:]).ravel())[0, 1]
    assert float(found["clusters of volatility"][0]) == pytest.approx(sizes)
    pairs = [(r[:, :-k].ravel(), np.abs(r[:, k:]).ravel()) for k in range(1, 6)]
    leverage = np.corrcoef(*(np.concatenate(side) for side in zip(*pairs, strict=True)))[0, 1]
    assert float(found["leverage effect"][0]) == pytest.approx(leverage)
    assert leverage < -0.03  # losses are followed by larger moves
    gains = (r[r > 0] ** 2).sum() / (r**2).sum()
    assert float(found["gains and losses"][0]) == pytest.approx(2 * gains - 1)


def test_no_part_differs_from_itself():
    data = prices(1)
    parts = returns.Returns().parts(ruler(data), data, data, None)
    assert len(parts) == 6
    assert [p.gap() for p in parts] == [0.0] * 6


def kind(name, values):
    return returns._prices(ruler(table(name, values)))


def test_what_is_a_price():
    random = np.random.default_rng(0)
    shape = (20, 200)
    walk = 100 * np.exp(np.cumsum(moves(1, *shape), axis=1))
    assert kind("walk", walk) == [("walk", "level")]
    assert kind("returns", moves(1, *shape)) == [("returns", "return")]
    assert kind("noise", random.normal(size=shape)) == []  # tails no heavier than normal
    assert kind("positive noise", np.exp(random.normal(size=shape))) == []  # changes have memory
    season = 2 + np.sin(2 * np.pi * np.arange(200) / 24) + 0.1 * random.uniform(size=shape)
    assert kind("season", season) == []
    still = 100 * np.exp(np.cumsum(np.where(random.uniform(size=shape) < 0.8, 0, moves(1, *shape)), axis=1))
    assert kind("seldom", still) == []


def test_one_long_series_is_compared_by_blocks():
    sides = [read(pa.table({"r": moves(seed, 1, 3000)[0]})) for seed in (1, 2, 3)]
    independent = read(pa.table({"r": np.random.default_rng(0).permutation(moves(3, 1, 3000)[0])}))
    assert evaluate(sides[0], sides[2], sides[1], scores=["returns"])["returns"].interval[0] <= 0
    result = evaluate(sides[0], independent, sides[1], scores=["returns"])["returns"]
    assert result.value > 1.5 * result.floor


def test_irregular_rows_do_not_apply(accounts):
    result = evaluate(accounts(60, 1), accounts(60, 3), accounts(60, 2), scores=["returns"])["returns"]
    assert result.status == "does not apply"
