"""Numbers in words, pictures without single entities, and the three answers."""

from __future__ import annotations

import numpy as np
import pytest

from tsynth.scores import words
from tsynth.scores.base import Detail, Result
from tsynth.scores.parts import CELL
from tsynth.scores.pictures import bars, histogram
from tsynth.scores.report import Report
from tsynth.scores.verdicts import against_floor, answers


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (0.012345, "0.0123"), (61, "61"), (1234567, "1,230,000"), (-2.5, "-2.5"), (99.96, "100"),
     (1e300, "1e+300"), (1e-9, "1e-09"), (float("nan"), "no number")],
)  # fmt: skip
def test_number(value, text):
    assert words.number(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0 %"), (0.61, "61 %"), (0.004, "0.4 %"), (1e-5, "less than 0.1 %"), (1, "100 %"),
     (0.99999, "more than 99.9 %"), (0.995, "99.5 %")],
)  # fmt: skip
def test_share(value, text):
    assert words.share(value) == text


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [(2, "d", "2 days"), (1, "d", "1 day"), (0.5, "h", "30 minutes"), (400, "d", "400 days"), (3, "year", "3 years"),
     (1, "step", "1 step"), (0.25, "month", "0.25 months")],
)  # fmt: skip
def test_duration(value, unit, text):
    assert words.duration(value, unit) == text


def test_date():
    assert words.date(8432, "d") == "1993-02-01"
    assert words.date(8432.5, "d") == "1993-02-01 12:00:00"
    assert words.date(1e12, "d").startswith("9999")


def test_names_in_a_row():
    assert words.texts(["a"]) == "a"
    assert words.texts(["a", "b", "c"]) == "a, b and c"
    assert words.texts(list("abcde")) == "a, b, c and 2 more"


@pytest.mark.parametrize("even", [False, True])
@pytest.mark.parametrize("entities", [20, 57, 400])
def test_histogram_cells_hold_ten_entities_and_clip_extremes(even, entities):
    rng = np.random.default_rng(entities)
    entity = np.repeat(np.arange(entities), 5)
    values = np.exp(rng.normal(size=len(entity)) * 2)
    shown = histogram((values, entity), values * 2, even=even)
    edges = np.array(shown["edges"])
    place = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, len(edges) - 2)
    assert min(len(set(entity[place == k])) for k in range(len(edges) - 1)) >= CELL
    assert len(set(entity[values <= edges[0]])) >= CELL
    assert len(set(entity[values >= edges[-1]])) >= CELL
    assert sum(shown["real"]) == pytest.approx(1)
    assert sum(shown["synthetic"]) == pytest.approx(1)


def test_histogram_of_too_few_entities_is_withheld():
    assert histogram((np.arange(19.0), np.arange(19)), np.arange(19.0)) == {}
    assert histogram((np.full(50, 2.0), np.arange(50)), np.arange(19.0)) == {}


def test_bars_hide_levels_of_few_entities():
    shown = bars(np.array([50.0, 3, 40]), np.array([40.0, 5, 50]), ["a", "rare", "b"], np.array([30, 3, 30]))
    assert shown["levels"] == ["a", "b", "other"]
    kept = bars(
        np.array([50.0, 3, 0]), np.array([40.0, 5, 1]), ["a", "b", "c"], np.array([30, 3, 0]), ordered=True
    )
    assert kept["real"][1:] == [None, 0.0]


def result(name, value, floor, interval=None, group="fidelity", **more):
    return Result(name, name, "?", group, value=value, floor=floor, interval=interval, **more)


def test_verdict_names_chance():
    assert "chance explains" in against_floor(result("a", 0.03, 0.02, (-0.01, 0.03)))
    assert "1.5 times as much: a difference that chance does not explain" in against_floor(
        result("a", 0.03, 0.02, (0.005, 0.03))
    )
    assert "closer than held-out" in against_floor(result("a", 0.01, 0.02, (-0.02, -0.001)))
    assert "without held-out" in against_floor(result("a", 0.01, None))


@pytest.mark.parametrize(("ratio", "level"), [(1.2, "good"), (2, "fair"), (4, "poor")])
def test_faithful(ratio, level):
    found = answers({"marginals": result("marginals", 0.02 * ratio, 0.02, counts_as_fidelity=True)})[0]
    assert (found.level, found.number) == (level, pytest.approx(ratio))


@pytest.mark.parametrize(
    ("name", "value", "level", "words"),
    [
        ("constraints", 0.3, "fair", "30 % of the rows break a rule"),
        ("time_goes_back", 0.6, "poor", "60 % of the rows go back in time"),
        ("classifier_rows", 0.7, "fair", "in 85 of 100 cases"),
        ("classifier_entities", 0.97, "poor", "in 98.5 of 100 cases"),
        ("constraints", 0.01, "good", ""),
    ],
)
def test_faithful_counts_rules_and_judges(name, value, level, words):
    close = result("marginals", 0.02, 0.02, counts_as_fidelity=True)
    found = answers({"marginals": close, name: result(name, value, 0.0)})[0]
    assert found.level == level
    assert words in found.sentence


@pytest.mark.parametrize(
    ("value", "interval", "level"),
    [
        (0.3, (0.2, 0.4), "poor"),
        (0.12, (0.02, 0.2), "fair"),
        (0.3, (-0.1, 0.4), "good"),
        (0.03, (0.0, 0.06), "good"),
    ],
)
def test_private(value, interval, level):
    curve = {"share": 0.9, "chance": 0.8}
    found = answers({"nearest": result("nearest", value, 0.0, interval, curve=curve)})[2]
    assert found.level == level
    assert (
        "90 % of the synthetic entities lie nearest to a training entity, 80 % would by chance"
        in found.sentence
    )


@pytest.mark.parametrize(
    ("synthetic", "interval", "level"),
    [
        (0.89, (0.01, 0.05), "good"),
        (0.8, (0.1, 0.3), "fair"),
        (0.7, (0.3, 0.5), "poor"),
        (0.7, (-0.1, 0.5), "good"),
    ],
)
def test_useful(synthetic, interval, level):
    curve = {"task": "predicting x", "measure": "AUC", "synthetic": synthetic, "real": 0.9, "constant": 0.5}
    found = answers({"utility": result("utility", 0.2, 0.0, interval, curve=curve)})[1]
    assert found.level == level
    assert f"reaches AUC {synthetic}" in found.sentence


def test_useful_cannot_say_where_real_data_teach_nothing():
    curve = {"task": "predicting x", "measure": "R2", "synthetic": 0.0, "real": 0.01, "constant": 0.0}
    found = answers({"utility": result("utility", 0.01, 0.0, (0.0, 0.02), curve=curve)})[1]
    assert found.level == "cannot say"


def test_worst_leaves_out_what_chance_makes():
    noise, fault = Detail("noise", 0.3, 0.25, "Noise."), Detail("fault", 0.2, 0.02, "Fault.")
    report = Report({"a": result("a", 1, 1, details=(noise, fault))})
    assert [d.label for d in report.worst(1)] == ["fault"]
