"""Numbers in words, pictures without single entities, and the three answers."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from tsynth.data.schema import Column, Schema
from tsynth.data.sequences import Sequences
from tsynth.scores import words
from tsynth.scores.base import Detail, Result
from tsynth.scores.discrimination.classifier import _apart
from tsynth.scores.parts import CELL
from tsynth.scores.pictures import bars, histogram
from tsynth.scores.report import Report
from tsynth.scores.ruler import Ruler
from tsynth.scores.summaries import Features
from tsynth.scores.utility.tasks import task_of
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
        (0.3, (-0.1, 0.4), "cannot say"),
        (0.12, (-0.1, 0.4), "good"),
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
        (0.7, (-0.1, 0.5), "fair"),
    ],
)
def test_useful(synthetic, interval, level):
    curve = {"task": "predicting x", "measure": "AUC", "synthetic": synthetic, "real": 0.9, "constant": 0.5}
    found = answers({"utility": result("utility", 0.2, 0.0, interval, curve=curve)})[1]
    assert found.level == level
    assert f"reaches AUC {synthetic}" in found.sentence
    assert ("leave it to chance" in found.sentence) == (interval[0] < 0)


def test_private_cannot_say_where_the_source_is_one_entity():
    copied = {"exact_runs": result("exact_runs", 0.0, 0.0, (0.0, 0.0))}
    assert answers(copied)[2].level == "good"
    found = answers(copied, alone=True)[2]
    assert found.level == "cannot say"
    assert "the source is one entity" in found.sentence
    copied = {"exact_runs": result("exact_runs", 0.5, 0.0, (0.3, 0.6))}
    assert answers(copied, alone=True)[2].level == "poor"


def test_useful_cannot_say_where_real_data_teach_nothing():
    curve = {"task": "predicting x", "measure": "R2", "synthetic": 0.0, "real": 0.01, "constant": 0.0}
    found = answers({"utility": result("utility", 0.01, 0.0, (0.0, 0.02), curve=curve)})[1]
    assert found.level == "cannot say"


def test_worst_leaves_out_what_chance_makes():
    noise, fault = Detail("noise", 0.3, 0.25, "Noise."), Detail("fault", 0.2, 0.02, "Fault.")
    report = Report({"a": result("a", 1, 1, details=(noise, fault))})
    assert [d.label for d in report.worst(1)] == ["fault"]


def test_worst_leaves_out_of_use_and_privacy_what_chance_explains_and_what_is_better():
    near = Detail("near", 0.9, 0.0, "Near.")
    better, fault = Detail("better", -0.1, -0.9, "Better."), Detail("fault", 0.2, 0.02, "Fault.")
    results = {
        "nearest": result("nearest", 0.9, 0.0, (-0.2, 1.4), group="privacy", details=(near,)),
        "a": result("a", 1, 1, details=(better, fault)),
    }
    assert [d.label for d in Report(results).worst(3)] == ["fault"]
    results["nearest"] = result("nearest", 0.9, 0.0, (0.5, 1.0), group="privacy", details=(near,))
    assert [d.label for d in Report(results).worst(3)] == ["near", "fault"]


@pytest.mark.parametrize(
    ("kind", "unit", "time_unit", "said"),
    [("count", "d", "step", "d"), ("count", None, "step", "step"), ("continuous", "year", "step", "year"),
     ("datetime", None, "s", "s")],
)  # fmt: skip
def test_time_unit_is_that_of_the_column_where_time_is_a_number(kind, unit, time_unit, said):
    schema = Schema((Column("t", kind, "time", unit=unit),), time_unit=time_unit)
    assert words.time_unit(schema) == said


def test_codes_of_numbers_name_their_columns():
    schema = Schema(
        (
            Column("id", "identifier", "entity", static=True, dtype="int64"),
            Column("pain", "category", dtype="double", levels=(0.0, 1.0)),
            Column("ward", "category", dtype="string", levels=("A", "B")),
        )
    )
    rows = {"pain": [0.0, 1.0, 0.0, 1.0], "ward": ["A", "A", "B", "B"]}
    data = Sequences(schema, pa.table(rows), np.array([0, 4]), pa.table({"id": [1]}))
    assert set(Ruler(data).code_names) == {"pain=0 / A", "pain=0 / B", "pain=1 / A", "pain=1 / B", "other"}
    assert Ruler(data).level_names("pain") == ["0", "1", "other", "null"]


def features(values, said=None, levels=None):
    return Features(np.asarray(values, float)[:, None], ["x"], {"x": levels} if levels else {}, said or {})


def test_judges_tell_the_middle_else_where_the_sides_differ_most_else_nothing():
    rng = np.random.default_rng(0)
    wide, narrow = np.round(rng.normal(0, 4, 999)), np.round(rng.normal(0, 1, 999))
    late = {"x": lambda value: words.duration(value, "d")}
    told = _apart((features(wide + 9, late), features(wide + 20, late)), "x", "rows")
    assert told == "The middle of x is 9 days in real, 20 days in synthetic rows."
    told = _apart((features(wide), features(narrow)), "x", "rows")
    assert told.startswith("x is at most")
    assert "of real rows, in" in told
    assert _apart((features(wide), features(wide)), "x", "rows") == ""
    levels = ["left", "right"]
    a, b = np.repeat([0, 1], [600, 400]), np.repeat([0, 1], [900, 100])
    told = _apart((features(a, levels=levels), features(b, levels=levels)), "x", "sequences")
    assert told == "x is left in 60 % of real sequences, in 90 % of synthetic ones."


def test_what_says_the_same_as_the_target_is_left_out():
    rng = np.random.default_rng(1)
    n, each = 200, 3
    state = rng.integers(0, 3, n)  # alive, dead, moved away
    last = np.tile([False, False, True], n)
    columns = [
        Column("id", "identifier", "entity", static=True, dtype="int64"),
        Column("died", "category", dtype="int64", levels=(0, 1)),
        Column("sign", "category", dtype="int64", levels=(0, 1)),
        Column("state", "category", "event", static=True, dtype="int64", levels=(0, 1, 2)),
        Column("dead", "category", static=True, dtype="int64", levels=(0, 1)),
        Column("sex", "category", static=True, dtype="int64", levels=(0, 1)),
    ]
    rows = {"died": np.repeat(state == 1, each) * last, "sign": rng.integers(0, 2, n * each)}
    owners = {"id": np.arange(n), "state": state, "dead": state == 1, "sex": rng.integers(0, 2, n)}
    tables = [pa.table({k: np.asarray(v, np.int64) for k, v in t.items()}) for t in (rows, owners)]
    data = Sequences(Schema(tuple(columns)), tables[0], np.arange(0, n * each + 1, each), tables[1])
    task = task_of(Ruler(data))
    assert task.target == "state"
    assert set(task.leave_out) == {"state", "dead", "died"}
