"""Statics and rows together: a lost link and a false one are found, wrong distributions alone are not."""

from __future__ import annotations

import json
from dataclasses import asdict

import numpy as np
import pyarrow as pa
import pytest

from tsynth.data.streams import Streams
from tsynth.scores.discrimination.statics_dynamics import StaticsDynamics, _match, _model, _normal, _Side
from tsynth.scores.harness import evaluate
from tsynth.testing import WORLDS

NAME = "statics_dynamics"


def exchanged(data, names, seed=0):
    """Statics of other entities: each column is as before, and nothing goes with the rows."""
    order = pa.array(np.random.default_rng(seed).permutation(data.n_entities))
    return data.with_columns({name: data.column(name).take(order) for name in names})


def asked(train, made, holdout):
    return evaluate(train, made, holdout, seed=0, scores=[NAME])[NAME]


@pytest.fixture(scope="module")
def accounts_world():
    """Train, holdout and the work of a perfect generator: business accounts differ, those of the east pay by cash."""
    make = WORLDS["transactions"]
    return make(240, 1), make(300, 2), make(150, 3)


@pytest.fixture(scope="module")
def perfect(accounts_world):
    train, holdout, made = accounts_world
    return asked(train, made, holdout)


def test_a_lost_link_is_found(accounts_world, perfect):
    train, holdout, made = accounts_world
    result = asked(train, exchanged(made, ["region", "segment"]), holdout)
    assert result.interval[0] > 0
    assert result.value > 2 * result.floor
    assert "Two entities that differ in segment are told apart by their rows in" in result.verdict
    worst = result.details[0]
    assert worst.label == "segment"  # the stronger link of the two
    assert worst.value > 0.5 > 2 * worst.floor
    # so it is for a perfect generator in 160 of 161 draws; the seeds are fixed
    assert perfect.interval[0] <= 0


def test_a_link_that_real_entities_do_not_have_is_found(accounts_world):
    """`region` says nothing of real rows, but synthetic entities of the north have few of them."""
    train, holdout, made = accounts_world
    by_length = np.argsort(np.argsort(made.lengths, kind="stable")) * 3 // made.n_entities
    made = made.with_columns({"region": pa.array(np.array(["north", "south", "east"])[by_length])})
    result = asked(exchanged(train, ["region"]), made, exchanged(holdout, ["region"]))
    assert result.interval[0] > 0
    assert result.details[0].label == "region"
    assert "by a model of synthetic ones" in result.details[0].sentence
    assert result.details[0].value > 0.4 > 2 * result.details[0].floor


def test_a_perfect_generator_raises_few_alarms():
    """Draws of 60 entities a side.

    Of 161 draws of three worlds at 60 to 200 entities a side an interval lay above 0 in 1; at the nominal 2.5 % three
    or more of 10 would happen in .2 % of runs. With the statics of other entities 72 of 72 intervals lay above 0 at
    200 entities a side, 64 of 89 at 60.
    """
    make = WORLDS["transactions"]
    found = [asked(make(120, 3 * d), make(60, 3 * d + 1), make(120, 3 * d + 2)) for d in range(500, 510)]
    known = [result for result in found if result.status == "ok"]
    assert len(known) >= 8
    assert sum(result.interval[0] > 0 for result in known) <= 2


def test_wrong_distributions_alone_do_not_count(accounts_world, perfect):
    """Amounts in another currency change nothing; twice as many business accounts raise no alarm."""
    train, holdout, made = accounts_world
    rich = made.with_columns({name: pa.array(3 * made.numeric(name)) for name in ("amount", "balance")})
    assert asked(train, rich, holdout).value == pytest.approx(perfect.value, abs=1e-9)
    business = made.codes("segment") == list(made.schema["segment"].levels).index("business")
    rest = np.flatnonzero(~business)[: business.sum()]
    half = made.take(np.sort(np.concatenate([np.flatnonzero(business), rest])))
    assert asked(train, half, holdout).interval[0] <= 0


def test_a_report_is_plain_json_and_repeats(accounts_world, perfect):
    train, holdout, made = accounts_world
    assert asdict(asked(train, made, holdout)) == asdict(perfect)
    curve = json.loads(json.dumps(perfect.curve, allow_nan=False))
    picture = curve["pictures"][0]
    assert picture["levels"] == ["segment", "region"]
    assert picture["real"][0] > 0.75  # what business accounts are known by
    assert "held-out real data score" in perfect.verdict


def test_no_link_in_real_data_cannot_be_judged(accounts):
    result = asked(accounts(120, 1), accounts(120, 2), accounts(240, 3))
    assert result.status == "cannot say"
    assert result.reason.startswith("real data show no link between region and the rows that 120 training")


def test_few_entities_cannot_be_judged(accounts_world):
    train, holdout, made = accounts_world
    result = asked(train, made, holdout.take(np.arange(50)))
    assert result.status == "cannot say"
    assert "25 entities on a side are too few" in result.reason


def test_without_statics_it_does_not_apply(accounts_world):
    same = {"region": pa.array(["north"] * 400), "segment": pa.array(["private"] * 400)}
    train, holdout, made = (
        data.with_columns({k: v[: data.n_entities] for k, v in same.items()}) for data in accounts_world
    )
    assert asked(train, made, holdout).status == "does not apply"


def test_sides_without_a_level_or_without_rows_get_an_answer(accounts_world):
    train, holdout, made = accounts_world
    one = made.with_columns({"segment": pa.array(["private"] * made.n_entities)})
    lost = asked(train, one, holdout)
    assert lost.status == "ok"
    assert (
        lost.details[0].label == "segment"
    )  # no two entities differ, so nothing can be told apart: 50 of 100
    silent = asked(train, made.keep_rows(made.entity_of_row % 2 == 0), holdout)
    assert silent.status == "ok"


def test_pairs_are_matched_as_slow_counting_does():
    """Share of right pairs, and what happens when an entity counts twice, against loops."""
    random = np.random.default_rng(0)
    n = 40
    level = random.integers(0, 3, n)
    z = _normal(random.normal(size=(n, 4)) + (level == 1)[:, None])
    side = _Side(np.arange(n), z, list("abcd"), [np.eye(3)[level]], [level.astype(float)])
    model = _model(z, np.eye(3)[level])
    found = _match(model, side, 0, np.ones(n))

    def slow(weights):
        right = whole = 0.0
        for i in range(n):
            for j in range(n):
                if level[i] != level[j]:
                    d = (np.eye(3)[level[i]] - np.eye(3)[level[j]]) @ model.T @ (z[i] - z[j])
                    right += weights[i] * weights[j] * (0.5 + np.sign(d) / 2)
                    whole += weights[i] * weights[j]
        return right / whole

    assert found.share == pytest.approx(slow(np.ones(n)))
    twice = np.ones(n)
    twice[7] = 1.01  # the interval is made to first order: exact for small changes
    assert found.under(twice[None])[0] - found.share == pytest.approx(slow(twice) - found.share, rel=0.02)


def test_a_static_without_a_link_is_matched_by_guessing():
    random = np.random.default_rng(1)
    z, level = _normal(random.normal(size=(400, 30))), random.integers(0, 2, 400)
    model = _model(z[:200], np.eye(2)[level[:200]])
    side = _Side(np.arange(400), z, [], [np.eye(2)[level]], [level.astype(float)])
    # 200 unseen entities: a standard error of about .04
    assert _match(model, side, 0, np.ones(400), np.arange(200, 400)).share == pytest.approx(0.5, abs=0.12)


def test_prepare_is_the_same_for_any_batch(accounts_world):
    train, holdout, made = accounts_world
    score = StaticsDynamics()
    ones = np.ones(150)
    first, again = (
        score.value(
            score.prepare(train, holdout.take(np.arange(150)), made, Streams(0, "test", range(150))),
            ones,
            ones,
        )
        for _ in range(2)
    )
    assert first == again
