"""Corrections of an autoregressive network: shifts go the right way, and nowhere where chance alone differs."""

from types import SimpleNamespace

import numpy as np

from tsynth.generators.neural import correcting


def rows(choice, each):
    """A table of entities with `each` rows."""
    n = len(choice) // each
    view = SimpleNamespace(n_entities=n, offsets=np.arange(n + 1) * each)
    return SimpleNamespace(view=view, choice=np.asarray(choice)[:, None], code=np.asarray(choice))


def test_a_label_that_is_made_too_seldom_is_raised():
    random = np.random.default_rng(0)
    real = (random.random(20_000) < 0.1).astype(np.int64)
    made = (random.random(20_000) < 0.05).astype(np.int64)
    shift = correcting.choices_shift(rows(real, 4), 0, made, 5000, 2)
    assert abs(shift[1] - np.log(2)) < 0.12, "the odds are doubled"
    assert abs(shift[0]) < 0.1, "what is frequent stays"


def test_shares_that_differ_by_chance_stay():
    random = np.random.default_rng(1)
    label = np.repeat(random.random(400) < 0.05, 10).astype(
        np.int64
    )  # entities of one kind: 20 count, not 200 rows
    other = np.repeat(random.random(400) < 0.06, 10).astype(np.int64)
    assert np.abs(correcting.choices_shift(rows(label, 10), 0, other, 400, 2)).max() < 0.1


def test_no_shift_is_larger_than_one():
    real, made = np.repeat([0, 1], 500), np.zeros(1000, np.int64)
    shift = correcting.choices_shift(rows(real, 2), 0, made, 500, 2)
    assert shift[1] == 1.0
