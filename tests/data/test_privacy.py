"""The ledger counts what is told and refuses more; no entity moves a statistic beyond its bound."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from scipy.special import ndtr
from scipy.stats import beta

from tsynth.data.privacy import Ledger, Privacy, noised_counts, noised_histogram
from tsynth.data.privacy.ledger import ORDERS, epsilon_of
from tsynth.data.privacy.noised import clipped_counts, noised_lengths
from tsynth.errors import UsageError


def ledger(epsilon=8.0, delta=1e-5, seed=1, **more):
    return Ledger(Privacy(epsilon, delta, noise_seed=seed, **more), 100)


# -- the cost


@pytest.mark.parametrize("rho", [0.001, 0.05, 0.5, 3.0])
def test_the_cost_of_gaussian_noise_lies_between_the_exact_one_and_the_simple_bound(rho):
    delta = 1e-5
    found = epsilon_of(rho * ORDERS, delta)
    # Bun, Steinke (2016), proposition 1.3, is the simple bound.
    assert found < rho + 2 * math.sqrt(rho * math.log(1 / delta))
    # Balle, Wang (2018), Improving the Gaussian mechanism, theorem 8: the delta that is exact for this epsilon.
    noise = 1 / math.sqrt(2 * rho)
    exact = ndtr(0.5 / noise - found * noise) - math.exp(found) * ndtr(-0.5 / noise - found * noise)
    assert exact < delta
    # planted: at 2/3 of this epsilon the exact delta is beyond the one asked for
    low = found * 2 / 3
    assert ndtr(0.5 / noise - low * noise) - math.exp(low) * ndtr(-0.5 / noise - low * noise) > delta


def test_costs_add_up_and_what_goes_beyond_is_refused():
    book = ledger(2.0)
    half, _ = epsilon_of(book.rho / 2 * ORDERS, book.delta), book.gaussian("one", [1.0], 1.0, book.rho / 2)
    assert book.epsilon == pytest.approx(half)
    assert book.rho_left == pytest.approx(book.rho / 2, rel=1e-6)
    with pytest.raises(UsageError, match=r"two would bring epsilon to .*, beyond 2"):
        book.gaussian("two", [1.0], 1.0, 0.51 * book.rho)
    assert len(book.spendings) == 1
    book.gaussian("two", [1.0], 1.0, book.rho_left)
    assert book.epsilon == pytest.approx(2.0, rel=1e-5)
    assert json.loads(json.dumps(book.to_dict()))["spent"] <= 2.0 * (1 + 1e-6)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"epsilon": 0}, "epsilon must be a number above 0"),
        ({"epsilon": float("nan")}, "epsilon must be a number above 0"),
        ({"epsilon": True}, "epsilon must be a number above 0"),
        ({"epsilon": 1, "delta": 1.0}, "delta must be above 0 and below 1"),
        ({"epsilon": 1, "unit": "row"}, "there is no unit 'row'"),
        ({"epsilon": 1, "rows": 0}, "rows is a count of at least 1"),
        ({"delta": 1e-5}, "private lacks epsilon"),
        ({"epsilon": 1, "budget": 2}, "private has no field 'budget'"),
        ("much", "private takes a tsynth.Privacy"),
    ],
)
def test_what_cannot_be_is_refused(given, said):
    with pytest.raises(UsageError, match=said):
        Privacy.read(given)


def test_a_delta_that_hangs_on_the_number_of_entities_is_named_as_told():
    assert Ledger(Privacy(1.0), 250).delta == 1 / 2500
    assert "number of entities" in Ledger(Privacy(1.0), 250).leaks[0]
    assert Ledger(Privacy(1.0, 1e-5), 250).leaks == []


# -- the noise


def test_noise_is_as_large_as_said_and_secret_unless_its_seed_is_given():
    book = ledger(seed=3)
    told, deviation = book.gaussian("zeros", np.zeros(4000), 2.0, book.rho / 2)
    assert deviation == pytest.approx(2.0 / math.sqrt(book.rho))
    # 4,000 normals: a deviation off by 5 % happens once in 100,000, a mean off by 4 errors once in 16,000
    assert np.std(told) == pytest.approx(deviation, rel=0.05)
    assert abs(np.mean(told)) < 4 * deviation / math.sqrt(4000)
    again = ledger(seed=3)
    assert np.array_equal(again.gaussian("zeros", np.zeros(4000), 2.0, again.rho / 2)[0], told)
    assert "the noise, to whoever knows its seed" in again.leaks
    assert "noise_seed" not in json.dumps(again.privacy.to_dict()) + repr(again.privacy)
    one, two = (Ledger(Privacy(8.0, 1e-5), 9) for _ in range(2))
    assert one.leaks == []
    assert not np.array_equal(one.normal(3), two.normal(3))
    drawn = one.normal(20_000)
    assert np.isfinite(drawn).all()
    # 20,000 normals: 5 errors of mean and of variance, once in a million
    assert abs(drawn.mean()) < 5 / math.sqrt(20_000)
    assert abs(drawn.var() - 1) < 5 * math.sqrt(2 / 20_000)


def audited(scale, draws=4000, epsilon=1.0, delta=1e-3):
    """A lower bound of epsilon, at 99.9 %, from telling two neighbours apart by a count many times."""
    cell, entity = np.zeros(25, np.int64), np.zeros(25, np.int64)
    hits = []
    for present in (0, 1):
        book = Ledger(Privacy(epsilon, delta, noise_seed=5 + present), 10)
        exact = clipped_counts(cell[: 25 * present], entity[: 25 * present], 1, 5.0)
        told, _ = book.gaussian("count", np.repeat(exact, draws), 5.0 * scale, 0.999 * book.rho)
        hits.append(int((told > 2.5).sum()))
    low = beta.ppf(0.001, hits[1], draws - hits[1] + 1)
    high = beta.ppf(0.999, hits[0] + 1, draws - hits[0])
    return math.log(max(low - delta, 1e-9) / high)


def test_an_attacker_who_sees_a_count_learns_no_more_than_epsilon():
    # fails by chance twice in 1,000 at most; the mechanism leaves room, so far less
    assert audited(1.0) < 1.0
    # planted: noise for a sixth of the true sensitivity is found out
    assert audited(1 / 6) > 1.0


# -- statistics


def test_no_entity_moves_counts_by_more_than_the_bound():
    draw = np.random.default_rng(0)
    entity = np.repeat(np.arange(40), draw.integers(1, 60, 40))
    cell = np.minimum(draw.integers(0, 12, len(entity)), draw.integers(0, 12, len(entity)))
    whole = clipped_counts(cell, entity, 12, 3.0)
    moved = [
        np.linalg.norm(whole - clipped_counts(cell[entity != e], entity[entity != e], 12, 3.0))
        for e in range(40)
    ]
    assert max(moved) == pytest.approx(3.0)
    # planted: without a bound the same entities move it further
    assert np.linalg.norm(np.bincount(cell[entity == entity[0]], minlength=12)) > 3.0
    # an entity that is below its bound is counted as it is
    assert np.array_equal(clipped_counts(np.array([0, 1]), np.array([7, 7]), 3, 2.0), [1.0, 1.0, 0.0])


def test_a_histogram_finds_its_range_and_no_extreme():
    draw = np.random.default_rng(2)
    entity = np.repeat(np.arange(1500), 4)
    x = np.round(np.exp(draw.normal(4, 0.8, len(entity))), 2)
    x[::5] = 0.0
    x[1] = 1e9
    book = ledger(rows=4)
    found = noised_histogram(book, "amounts", x, entity, rho=0.2 * book.rho, clip=2.0, step=0.01)
    assert found.edges[-1] < 1e4  # the plain maximum is the planted 1e9
    # the deviation of the noise of a quantile is some 1 % of the rows at this budget: 10 % is 5 deviations and more
    wanted = np.quantile(x[x > 0], [0.25, 0.5, 0.75])
    assert found.quantiles(np.array([0.25, 0.5, 0.75])) == pytest.approx(wanted, rel=0.1)
    assert found.zero / (found.zero + found.mass.sum()) == pytest.approx(0.2, abs=0.02)
    assert len(book.spendings) == 3


def test_few_points_of_a_lattice_have_bins_of_their_own():
    draw = np.random.default_rng(3)
    x = draw.integers(1, 7, 3000).astype(float)
    book = ledger()
    found = noised_histogram(book, "dice", x, np.arange(3000), rho=0.3 * book.rho, step=1.0)
    assert set(np.diff(found.edges)) == {1.0}
    assert found.edges[found.mass.argmax()] % 1 == 0.5
    # 500 of each, noise of some 3, draws of some 20: 100 is 5 deviations
    assert np.abs(found.mass[found.mass > 100] - 500).max() < 100
    assert (found.mass > 100).sum() == 6


def test_lengths_set_the_contribution_bound_within_the_budget():
    lengths = np.random.default_rng(4).poisson(20, 800)
    lengths[0] = 100_000
    book = ledger()
    found = noised_lengths(book, lengths, 0.1 * book.rho)
    assert book.rows == 31
    assert found.edges[-1] < 1000
    assert found.sizes()[0] == pytest.approx(800, abs=60)  # noise of some 4 in 6 classes
    assert [s["what"] for s in book.spendings] == ["rows of each entity"]
    given = ledger(rows=7)
    noised_lengths(given, lengths, 0.1 * given.rho)
    assert given.rows == 7


def test_counts_of_an_empty_source_are_noise_alone():
    none = np.empty(0, np.int64)
    told, noise = noised_counts(ledger(), "nothing", none, none, 5, rho=0.1)
    assert told.shape == (5,)
    assert np.abs(told).max() < 6 * noise
