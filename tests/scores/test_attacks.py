"""Attacks recognise who was copied, and nobody in unseen real data."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from sklearn.metrics import roc_auc_score, roc_curve
from sklearn.neighbors import NearestNeighbors

from tsynth import registry
from tsynth.data.streams import Streams
from tsynth.scores.base import Result
from tsynth.scores.harness import evaluate
from tsynth.scores.privacy import attack
from tsynth.scores.privacy.attack import Attacked, areas
from tsynth.scores.privacy.field import Field, neighbours, normal_scores
from tsynth.scores.privacy.matches import Known, best_match
from tsynth.scores.verdicts import answers
from tsynth.testing.examples import EXAMPLES

MEMBERSHIP = ("membership_density", "membership_nearest", "known_rows", "visit_times")
OTHERS = ("near_copies", "attribute_disclosure", "adversarial_accuracy")


def noisy(data, seed):
    """A bootstrap of entities with noise of a twentieth on amounts, and of minutes on times."""
    random = np.random.default_rng(seed)
    drawn = data.take(np.sort(random.integers(data.n_entities, size=data.n_entities)))
    amount = np.round(drawn.numeric("amount") * np.exp(0.05 * random.normal(size=drawn.n_rows)), 2)
    mood = drawn.numeric("mood") + 0.02 * random.normal(size=drawn.n_rows)
    moved = drawn.time * 86_400 + 600 * random.normal(size=drawn.n_rows)
    moved = np.maximum.accumulate(moved + 1e9 * drawn.entity_of_row) - 1e9 * drawn.entity_of_row
    when = pa.array(np.round(moved).astype(np.int64)).cast(pa.timestamp("s"))
    made = {"amount": pa.array(amount), "mood": pa.array(mood, mask=np.isnan(mood)), "when": when}
    return drawn.with_columns(made)


def joined(first, second):
    return replace(
        first,
        rows=pa.concat_tables([first.rows, second.rows]),
        offsets=np.concatenate([first.offsets, first.offsets[-1] + second.offsets[1:]]),
        entities=pa.concat_tables([first.entities, second.entities]),
        _cache={},
    )


def prepared(name, train, reference, made, seed=0):
    score = registry.find("scores", name)()
    return score, score.prepare(train, reference, made, Streams(seed, "test", range(made.n_entities)))


@pytest.mark.parametrize("name", MEMBERSHIP)
def test_copies_are_recognised_and_unseen_entities_are_not(name, accounts):
    train, holdout, unseen = accounts(120, 1), accounts(240, 2), accounts(120, 5)
    result = evaluate(train, train, holdout, scores=[name])[name]
    assert result.interval[0] > 0.3
    assert result.value > (0.7 if name == "membership_density" else 0.95)
    assert result.curve["auc"] > 0.85
    assert result.curve["true_positive_rate"][1]["rate"] > 0.3
    assert "more than chance explains" in result.verdict
    result = evaluate(train, unseen, holdout, scores=[name])[name]
    low, high = result.curve["interval"]
    assert low <= 0.5 <= high  # holds in 95 % of worlds for each attack; the seeds are fixed
    assert result.interval[0] <= 0 <= result.interval[1]
    assert "chance explains the difference" in result.verdict


@pytest.mark.parametrize("name", OTHERS)
def test_other_attacks_find_copies_and_are_silent_about_unseen_entities(name, accounts):
    train, holdout, unseen = accounts(150, 1), accounts(300, 2), accounts(150, 4)
    result = evaluate(train, train, holdout, scores=[name])[name]
    assert result.interval[0] > 0.2
    assert result.copied == pytest.approx(result.value)
    result = evaluate(train, unseen, holdout, scores=[name])[name]
    assert result.interval[0] <= 0 <= result.interval[1]


def test_overfitted_generator_is_found_out(accounts):
    train, holdout = accounts(300, 1), accounts(600, 2)
    report = evaluate(train, noisy(train, 0), holdout, scores=["membership_nearest", "exact_rows"])
    # A bootstrap holds 63 % of the training entities: an attack that knows each of them has an AUC of .82.
    assert report["membership_nearest"].curve["auc"] > 0.8
    assert report["membership_nearest"].interval[0] > 0.4
    assert report["exact_rows"].value < 0.02
    answer = report.answers[2]
    assert answer.level == "poor"
    assert answer.sentence.startswith(
        "An attack finds out who was in the training data: the most successful attacker"
    )
    assert answer.reference == 0.5
    assert answer.number > 0.8


def test_tenth_that_is_memorised_is_found(accounts):
    train, holdout, fresh = accounts(400, 1), accounts(800, 2), accounts(360, 3)
    made = joined(fresh, train.take(np.arange(40)))
    report = evaluate(train, made, holdout, scores=["near_copies", "known_rows"])
    assert report["near_copies"].interval[0] > 0
    # The AUC of .55 at best is lost in its interval, while at few false alarms all the copied are recognised.
    rate = report["known_rows"].curve["true_positive_rate"][0]
    assert rate["rate"] == pytest.approx(0.1, abs=0.03)
    assert rate["interval"][0] > 0.05


def test_private_names_the_best_attack_where_none_succeeds(accounts):
    train, holdout, unseen = accounts(150, 1), accounts(300, 2), accounts(150, 3)
    names = ["membership_nearest", "known_rows", "attribute_disclosure"]
    answer = evaluate(train, unseen, holdout, scores=names).answers[2]
    assert answer.level == "good"
    assert answer.sentence.startswith(
        "No attack succeeded, which is no proof that none can: the most successful attacker"
    )


def outcome(name, value, interval, **more):
    return Result(name, name, "?", "privacy", value=value, floor=0.0, interval=interval, **more)


@pytest.mark.parametrize(
    ("value", "interval", "level"),
    [
        (0.6, (0.4, 0.7), "poor"),
        (0.12, (0.08, 0.16), "fair"),
        (0.3, (-0.1, 0.6), "cannot say"),
        (0.1, (-0.1, 0.3), "good"),
    ],
)
def test_level_of_an_attack_is_that_of_its_interval(value, interval, level):
    found = answers({"visit_times": outcome("visit_times", value, interval)})[2]
    assert found.level == level
    assert f"in {50 + 50 * value:g} of 100 pairs" in found.sentence or level == "cannot say"


def test_one_of_many_attacks_that_succeeds_by_chance_is_no_leak():
    names = ["membership_density", "membership_nearest", "known_rows", "visit_times"]
    results = {name: outcome(name, 0.0, (-0.1, 0.1)) for name in names[1:]}
    results[names[0]] = outcome(names[0], 0.11, (0.01, 0.21))
    assert answers({names[0]: results[names[0]]})[2].level == "fair"
    answer = answers(results)[2]
    assert answer.level == "good"
    assert "who knows the population, tells a training entity from an unseen one in 55.5" in answer.sentence


@pytest.mark.parametrize(("value", "level"), [(0.1, "good"), (0.9, "poor")])
def test_most_successful_attack_is_the_one_that_is_right_most_often(value, level):
    interval = (-0.1, 0.3) if level == "good" else (0.8, 1.0)
    results = {
        "membership_nearest": replace(outcome("membership_nearest", value + 0.05, interval), floor=0.07),
        "visit_times": outcome("visit_times", value, interval),
    }
    found = answers(results)[2]
    assert found.level == level
    assert "the most successful attacker, who looks for the nearest synthetic entity" in found.sentence
    assert found.number == pytest.approx(0.5 + (value + 0.05) / 2)


def test_copying_and_the_best_attack_are_both_told():
    results = {
        "exact_runs": outcome("exact_runs", 0.9, (0.8, 1.0)),
        "known_rows": outcome("known_rows", 0.5, (0.4, 0.6)),
        "visit_times": outcome("visit_times", 0.3, (0.2, 0.4)),
    }
    sentence = answers(results)[2].sentence
    assert "Synthetic data repeat training data: 90 % of the runs of three rows" in sentence
    assert "; the most successful attacker, who knows three rows, tells a training entity" in sentence
    assert "(AUC 0.75)" in sentence


@pytest.mark.parametrize("name", [*MEMBERSHIP, *OTHERS])
def test_without_a_holdout_it_cannot_say(name, accounts):
    result = evaluate(accounts(60, 1), accounts(60, 3), scores=[name])[name]
    assert result.status == "cannot say"
    assert "holdout" in result.reason


@pytest.mark.parametrize(
    "name", ["known_rows", "near_copies", "attribute_disclosure", "adversarial_accuracy"]
)
def test_another_time_and_blocks_cannot_say(name, accounts):
    train, later, few = accounts(40, 1), accounts(40, 2), accounts(8, 2)
    ticks = (later.time * 86_400 + 86_400 * 4000).astype(np.int64)
    later = later.with_columns({"when": pa.array(ticks).cast(pa.timestamp("s"))})
    ids = {"account": pa.array(np.arange(1000, 1040))}
    later = replace(
        later, entities=pa.table({**{n: later.entities[n] for n in ("region",)}, **ids}), _cache={}
    )
    assert "another time" in evaluate(train, later, later, scores=[name])[name].reason
    assert "too few entities" in evaluate(train, few, few, scores=[name])[name].reason


def test_entities_with_the_same_times_have_no_rhythm():
    panel = EXAMPLES["panel"](entities=90)
    parts = [panel.take(np.arange(k, 90, 3)) for k in range(3)]
    result = evaluate(*parts, scores=["visit_times"])["visit_times"]
    assert result.status == "does not apply"


# -- parts


def test_area_and_recognised_members_are_those_of_scikit_learn():
    random = np.random.default_rng(0)
    truth = random.uniform(size=600) < 0.5
    score = np.round(random.normal(size=600) + truth, 1)
    weights = random.poisson(1.0, (3, 600)).astype(float)
    for got, weight in zip(areas(score, truth, weights), weights, strict=True):
        assert got == pytest.approx(roc_auc_score(truth, score, sample_weight=weight))
    none, places = np.zeros(600, bool), np.arange(300)
    found = Attacked(score, truth, {}, places, places, none, 600, 0)
    false, true, _ = roc_curve(truth, score)
    asked = np.array([0.01, 0.05, 0.5, 1.0])
    got = attack._true(found, asked, np.ones((1, 600)))[0]
    assert got == pytest.approx(
        np.interp(asked, false, true), abs=0.01
    )  # roc_curve leaves out points in a line


def test_members_at_no_stranger_of_a_hundred_are_not_told():
    places = np.arange(50)
    found = Attacked(
        np.arange(100.0), places.repeat(2) % 2 == 0, {}, places, places, np.zeros(100, bool), 9, 0
    )
    assert attack._recognised(found, 0.01, np.ones((5, 100)))["rate"] is None


def test_curve_of_few_entities_is_not_drawn(accounts):
    score, found = prepared("membership_nearest", accounts(30, 1), accounts(14, 2), accounts(30, 3))
    curve = score.curve(found)
    assert [p["kind"] for p in curve["pictures"]] == ["table"]
    assert curve["roc"] == {"false": [], "true": []}


def test_neighbours_are_those_of_scikit_learn():
    random = np.random.default_rng(0)
    asked, among = random.normal(size=(40, 7)), random.normal(size=(300, 7))
    distance, who = neighbours(asked, among, 4)
    slow = NearestNeighbors(n_neighbors=4, algorithm="brute").fit(among).kneighbors(asked)
    np.testing.assert_allclose(distance, slow[0])
    np.testing.assert_array_equal(who, slow[1])
    alone = neighbours(among, among, itself=True)[0][:, 0]
    slow = NearestNeighbors(n_neighbors=2, algorithm="brute").fit(among).kneighbors(among)[0]
    np.testing.assert_allclose(alone, slow[:, 1])
    assert neighbours(asked, among[:2], 4)[0].shape == (40, 4)


def test_normal_scores_put_what_is_unknown_in_the_middle():
    points = normal_scores(np.array([[1.0, np.nan, 5.0], [2.0, np.nan, 5.0], [np.nan, 1.0, 5.0]]))
    np.testing.assert_allclose(points[:, 0], [-0.6745, 0.6745, 0.0], atol=1e-4)
    np.testing.assert_allclose(points[:, 1:], 0.0, atol=1e-12)


def test_best_match_is_that_of_a_slow_search():
    random = np.random.default_rng(0)
    hashes, entity, time = (random.integers(0, n, 300) for n in (60, 10, 20))
    owner = np.repeat(np.arange(20), 3)
    asked, when, weight = random.integers(0, 60, 60), random.integers(0, 20, 60), random.uniform(size=60)
    among = Known(hashes.astype(np.uint64), entity, time.astype(float))
    got = best_match(owner, asked.astype(np.uint64), when.astype(float), weight, among, 20, 1.0)
    for k in range(20):
        best = 0.0
        for e in range(10):
            held = set(zip(hashes[entity == e], time[entity == e], strict=True))
            for shift in range(-20, 21):
                mine = [w for a, t, w in zip(asked[owner == k], when[owner == k], weight[owner == k], strict=True)
                        if (a, t + shift) in held]  # fmt: skip
                best = max(best, sum(mine))
        assert got[k] == pytest.approx(best)


def test_sides_of_a_field_are_apart(accounts):
    train, reference, made = accounts(80, 1), accounts(60, 2), accounts(50, 3)
    field = Field.of(train, reference, made, 0)
    assert not set(field.strangers) & set(field.people)
    assert len(field.strangers) + len(field.people) == 60
    assert len(field.members) == len(set(field.members)) == 60
    assert [len(p) for p in (field.summaries.targets, field.summaries.population)] == [90, 30]
    assert Field.of(train, reference, made, 0) is field
    assert Field.of(train, reference, train, 0) is not field


def test_an_outlier_that_is_copied_is_told_apart(accounts):
    train, reference, unseen = accounts(400, 1), accounts(400, 2), accounts(400, 3)
    field = Field.of(train, reference, unseen, 0)
    lonely = np.argsort(-field.near[1][: len(field.members), -1])[:60]
    score, found = prepared(
        "membership_nearest", train, reference, train.take(np.sort(field.members[lonely]))
    )
    curve = score.curve(found)
    assert curve["outliers"]["auc"] > curve["auc"] + 0.1
    assert curve["outliers"]["members"] >= 10
    assert any(d.label == "outlying entities" for d in score.details(found))
