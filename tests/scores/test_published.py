"""The scores of papers: their formulas on known answers, what they miss, and what their corrected forms find."""

from __future__ import annotations

import importlib.util
from dataclasses import asdict

import numpy as np
import pyarrow as pa
import pytest

from tsynth import nets, registry
from tsynth.data.schema import Column, Schema
from tsynth.data.sequences import Sequences
from tsynth.errors import DataError, MissingExtra
from tsynth.scores.base import CannotSay
from tsynth.scores.harness import evaluate
from tsynth.scores.published.base import Measured, spread
from tsynth.scores.published.context_fid import ContextFID, frechet
from tsynth.scores.published.correlational import Correlational, CorrelationalHeldOut
from tsynth.scores.published.discriminative import (
    TimeGANDiscriminative,
    TimeGANDiscriminativeHeldOut,
    _Tally,
)
from tsynth.scores.published.predictive import TimeGANPredictive, TimeGANPredictiveHeldOut, _Errors
from tsynth.scores.published.trees import WindowTrees
from tsynth.scores.published.windows import Windows, apart, scaled, windows

needs_torch = pytest.mark.skipif(
    importlib.util.find_spec("torch") is None, reason="the extra `neural` is not installed"
)
NAMES = [name for name, target in registry.SCORES.items() if ".published." in target]
NETS = [name for name in NAMES if registry.find("scores", name).needs_torch]
QUICK = {
    "timegan_discriminative": {"steps": 20},
    "timegan_discriminative_held_out": {"steps": 20},
    "timegan_predictive": {"steps": 20},
    "timegan_predictive_held_out": {"steps": 20},
    "context_fid": {"steps": 2, "size": 8, "repeats": 2},
    "context_fid_held_out": {"steps": 2, "size": 8, "repeats": 2},
    "window_trees": {"repeats": 2},
}


def walk(rows=700, seed=0, columns=3):
    """A series of correlated steps, (rows, columns)."""
    random = np.random.default_rng(seed)
    mixed = (
        random.normal(size=(rows, columns))
        @ np.array([[1, 0.8, 0], [0, 0.6, 0.3], [0, 0, 1]])[:columns, :columns]
    )
    out = np.zeros_like(mixed)
    for t in range(1, rows):
        out[t] = 0.9 * out[t - 1] + mixed[t]
    return out


def cut(series, length=24):
    return np.lib.stride_tricks.sliding_window_view(series, length, axis=0).transpose(0, 2, 1)


def panel(entities=30, rows=48, seed=0):
    """Entities with a walk each."""
    series = [walk(rows, 1000 * seed + i, 2) for i in range(entities)]
    columns = (
        Column("who", "identifier", "entity", static=True, dtype="int64"),
        Column("step", "count", "time", dtype="int64"),
        Column("a", "continuous"),
        Column("b", "continuous"),
    )
    flat = np.concatenate(series)
    rows_table = {"step": np.tile(np.arange(rows), entities), "a": flat[:, 0], "b": flat[:, 1]}
    return Sequences(
        Schema(columns=columns, time_unit="d"),
        pa.table(rows_table),
        np.arange(entities + 1) * rows,
        pa.table({"who": np.arange(entities)}),
    )


def world():
    """Train, what a perfect generator made of it, and a holdout."""
    return panel(16, 30, 1), panel(16, 30, 2), panel(32, 30, 3)


# --- windows ---------------------------------------------------------------------------------------------


def test_windows_know_where_they_come_from():
    data = panel(3, 30)
    found = windows(data)
    assert found.values.shape == (21, 24, 2)
    np.testing.assert_array_equal(np.bincount(found.owner), [7, 7, 7])
    at = data.offsets[found.owner[10]] + found.start[10]
    np.testing.assert_array_equal(found.values[10, :, 0], data.numeric("a")[at : at + 24])


def test_scaling_is_min_max_with_the_published_guard():
    a = windows(cut(walk(100)))
    (b,) = scaled(a, a)
    low, high = a.values.min((0, 1)), a.values.max((0, 1))
    np.testing.assert_allclose(b.values, (a.values - low) / (high - low + 1e-7), rtol=1e-15)
    assert b.values.min() == 0.0
    assert 1 - 1e-6 < b.values.max() <= 1


@pytest.mark.parametrize(
    "found", [windows(cut(walk(700))), windows(panel(30)), windows(panel(4, 400))], ids=str
)
def test_windows_of_training_and_test_share_no_row(found):
    tests, trains = apart(found, 5, 0)
    for test, train in zip(tests, trains, strict=True):
        rows = [
            {(o, r) for o, s in zip(found.owner[i], found.start[i], strict=True) for r in range(s, s + 24)}
            for i in (test, train)
        ]
        assert rows[0]
        assert rows[1]
        assert not rows[0] & rows[1]
    if len(np.unique(found.owner)) >= 10:
        assert all(not set(found.owner[a]) & set(found.owner[b]) for a, b in zip(tests, trains, strict=True))


def test_windows_drawn_at_random_would_share_rows():
    found = windows(cut(walk(700)))
    order = np.random.default_rng(0).permutation(len(found))
    rows = [{r for s in found.start[i] for r in range(s, s + 24)} for i in (order[:100], order[100:])]
    assert len(rows[0] & rows[1]) > 0.9 * len(rows[0])


def test_too_short_a_series_cannot_be_held_out():
    with pytest.raises(CannotSay, match="too short to hold out 5 blocks"):
        apart(windows(cut(walk(90))), 5, 0)


# --- formulas on known answers ---------------------------------------------------------------------------


def test_discriminative_score_is_the_distance_of_accuracy_from_a_half():
    # two entities a side with two tested windows each; 3 of 4 real and 2 of 4 synthetic ones right: 5/8
    tally = _Tally(
        (np.array([[2.0, 1.0]]), np.array([[1.0, 1.0]])), (np.full((1, 2), 2.0), np.full((1, 2), 2.0))
    )
    ones = np.ones(2)
    assert TimeGANDiscriminative().by_repeat(tally, ones, ones) == pytest.approx([0.125], abs=1e-15)
    assert TimeGANDiscriminative().by_repeat(tally, np.array([0, 1.0]), np.array([0, 0.0])) == pytest.approx(
        [0.0]
    )
    wrong = _Tally((np.zeros((1, 2)), np.zeros((1, 2))), tally.tested)
    assert TimeGANDiscriminative().by_repeat(wrong, ones, ones) == pytest.approx([0.5])
    assert TimeGANDiscriminativeHeldOut().by_repeat(wrong, ones, ones) == pytest.approx([-0.5])


def test_noise_of_the_published_judge_is_that_of_a_coin():
    n = 1831
    assert TimeGANDiscriminative().chance(n, n) == pytest.approx(0.63 / np.sqrt(n), rel=0.003)  # .6308
    tested = int(0.2 * 2 * n)
    coins = np.random.default_rng(0).binomial(tested, 0.5, 20_000) / tested
    # mean of 20,000; its standard error is .6 % of it, so 3 % fails once in a million runs
    assert np.abs(coins - 0.5).mean() == pytest.approx(TimeGANDiscriminative().chance(n, n), rel=0.03)


def test_predictive_score_is_the_mean_absolute_error():
    errors = _Errors(np.array([[3.0, 1.0]]), np.array([[10.0, 10.0]]), np.array([[1.0, 1.0]]))
    ones = np.ones(2)
    assert TimeGANPredictive().by_repeat(errors, ones, ones) == pytest.approx([0.2])
    assert TimeGANPredictive().by_repeat(errors, np.array([1.0, 0.0]), ones) == pytest.approx([0.3])
    assert TimeGANPredictiveHeldOut().by_repeat(errors, ones, ones) == pytest.approx([0.1])


def test_frechet_distance_of_known_laws():
    # |m|^2 + tr(C + D - 2 (C D)^(1/2)) for C = I, D = 4 I, m = (3, 0): 9 + 2 + 8 - 8 = 11
    signs = np.array([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
    one = signs * np.sqrt(3 / 4)  # covariance I by n - 1
    assert frechet(one, 2 * one + [3.0, 0.0]) == pytest.approx(11.0, abs=1e-12)
    assert frechet(one, one) == pytest.approx(0.0, abs=1e-12)


def test_correlational_score_against_corrcoef():
    a, b = cut(walk(200)), cut(walk(200, 1))
    real, made = (np.corrcoef(x.reshape(-1, 3), rowvar=False) for x in (a, b))
    expected = np.abs(np.tril(real - made, -1)).sum() / 10
    assert Correlational().of(a, b).value == pytest.approx(expected, rel=1e-9)


def test_lagged_correlations_against_corrcoef():
    a, b = cut(walk(200)), cut(walk(200, 1))
    gaps = []
    for lag in (0, 1, 2, 4, 8):
        for i in range(3):
            for j in range(i if lag == 0 else 3):
                pair = [np.corrcoef(x[:, : 24 - lag, i].ravel(), x[:, lag:, j].ravel())[0, 1] for x in (a, b)]
                gaps.append(abs(pair[0] - pair[1]))
    assert CorrelationalHeldOut().of(a, b).value == pytest.approx(np.mean(gaps), rel=1e-9)


def test_interval_is_students():
    # mean 3, sd 1.5811, t(.975, 4) = 2.7764: 3 -+ 1.9632
    assert spread(np.array([1.0, 2, 3, 4, 5])) == pytest.approx((1.0368, 4.9632), abs=1e-4)


def test_an_answer_prints_its_interval_and_its_noise():
    text = str(Measured(0.016, (0.01, 0.02), (0.01, 0.02), 0.0147, {"AUC": 0.5}))
    assert text == "0.0160 (0.0100 to 0.0200 over 2 repeats); guessing scores 0.0147; AUC 0.5000"


# --- what is found and what is missed --------------------------------------------------------------------


def test_trees_find_small_noise_and_pass_copies():
    real = cut(walk(700))
    noisy = real + np.random.default_rng(1).normal(0, 0.3, real.shape)
    assert WindowTrees(repeats=2).of(real, noisy).more["AUC"] > 0.7  # .86 with five folds when written
    assert WindowTrees(repeats=2).of(real, real).more["AUC"] == pytest.approx(0.5)


def test_lags_find_what_the_published_score_cannot():
    real = cut(walk(700))
    order = np.random.default_rng(0).permuted(np.tile(np.arange(24), (len(real), 1)), axis=1)
    shuffled = np.take_along_axis(real, order[:, :, None], 1)
    assert Correlational().of(real, shuffled).value < 1e-9
    assert CorrelationalHeldOut().of(real, shuffled).value > 0.1


@pytest.mark.slow
@needs_torch
def test_the_judge_finds_another_law_and_the_forecaster_loses_by_it():
    real = cut(walk(900))
    noise = np.random.default_rng(0).uniform(real.min(), real.max(), real.shape)
    for score in (TimeGANDiscriminative(steps=400), TimeGANDiscriminativeHeldOut(steps=400)):
        assert score.of(real, noise).value > 0.1  # .27 as published when written; guessing scores .02
    loss = TimeGANPredictiveHeldOut(steps=600, repeats=2).of(real, noise)
    assert loss.value > 0.01
    assert loss.more["synthetic"] > loss.more["real"]


@pytest.mark.slow
@needs_torch
def test_context_fid_ranks_copies_before_another_law():
    real = cut(walk(400))
    score = ContextFID(steps=20, size=16, repeats=2)
    copies, reverse = score.of(real, real), score.of(real, 3 * real)
    assert copies.value == pytest.approx(0, abs=1e-6)
    assert reverse.value > 0.01


# --- in a report -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_none_is_standard(name):
    assert not registry.find("scores", name).standard


@needs_torch
@pytest.mark.parametrize("name", NAMES)
def test_the_harness_can_ask_it(name):
    score = registry.find("scores", name)(**QUICK.get(name, {}))
    report = evaluate(*world(), seed=0, scores=[score])
    result = report[name]
    assert result.status == "ok", result.reason
    assert result.value is not None
    assert result.value >= 0
    assert result.floor is not None
    assert result.copied is not None
    if score.chance(100, 100) is not None:
        assert "guesses" in result.verdict


@needs_torch
def test_same_seed_same_answer():
    train, made, holdout = world()
    first, again = (
        asdict(
            evaluate(train, made, holdout, seed=3, scores=[TimeGANDiscriminative(steps=5)])[
                "timegan_discriminative"
            ]
        )
        for _ in range(2)
    )
    assert first == again


@pytest.mark.parametrize("name", NAMES)
def test_short_sequences_cannot_be_judged(name):
    score = registry.find("scores", name)()
    result = evaluate(panel(30, 10, 1), panel(30, 10, 2), panel(60, 10, 3), scores=[score])[name]
    assert result.status == "cannot say"
    if score.needs_torch and importlib.util.find_spec("torch") is None:
        assert "neural" in result.reason
    else:
        assert "0 windows of 24 rows" in result.reason


@pytest.mark.parametrize("name", NETS)
def test_without_torch_it_says_so_in_one_sentence(name, monkeypatch):
    monkeypatch.setattr(nets, "find_spec", lambda name: None)  # as if it were not installed
    score = registry.find("scores", name)()
    with pytest.raises(MissingExtra, match=r"needs the extra `neural`; pip install 'tsynth\[neural\]'"):
        score.of(cut(walk(100)), cut(walk(100)))
    result = evaluate(*world(), scores=[score])[name]
    assert result.status == "cannot say"
    assert "neural" in result.reason


def test_unlike_or_broken_windows_are_refused():
    good = cut(walk(100))
    with pytest.raises(DataError, match=r"shapes \(24, 3\) and \(12, 3\)"):
        Correlational().of(good, good[:, :12])
    with pytest.raises(DataError, match="nulls or infinite"):
        Correlational().of(good, np.where(good > 0, np.nan, good))
    with pytest.raises(DataError, match="hand in an array"):
        Correlational().of(good[0], good)
    with pytest.raises(DataError, match="1 numeric column, and it needs 2"):
        Correlational().of(good[..., :1], good[..., :1])
    with pytest.raises(DataError, match="5 windows"):
        WindowTrees().of(good, good[:5])


def test_constant_columns_have_no_correlation_and_do_no_harm():
    flat = cut(walk(200)).copy()
    flat[..., 1] = 2.0
    assert np.isfinite(Correlational().of(flat, flat).value)
    assert np.isfinite(WindowTrees().of(flat, flat).value)


def test_windows_keep_their_entity():
    values = Windows(np.zeros((3, 2, 1)), np.array([0, 2, 2]), np.arange(3), 3)
    np.testing.assert_array_equal(values.sums(np.array([1.0, 2.0, 3.0])), [1, 0, 5])
