"""The harness: references, halvings, seeds, what it refuses and where it cannot say."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from tsynth import registry
from tsynth.data.schema import Column, Schema
from tsynth.data.sequences import Sequences
from tsynth.errors import DataError, SchemaMismatch, UsageError
from tsynth.scores.base import Result
from tsynth.scores.harness import evaluate
from tsynth.scores.report import Report

QUICK = ["marginals", "pairs", "lengths", "gaps", "autocorrelation", "transitions", "calendar", "time_goes_back",
         "exact_rows", "exact_runs", "nearest"]  # fmt: skip


@pytest.fixture
def world(accounts):
    return accounts(60, 1), accounts(60, 3), accounts(60, 2)


def plain(report):
    return json.dumps(report.to_dict(), allow_nan=False)


def numbers(result):
    return result.value, result.floor, result.copied, result.interval


def one_column(values, lengths, kind="continuous", first=0, **changes):
    schema = Schema((
        Column("id", "identifier", "entity", static=True, dtype="int64"),
        Column("t", "continuous", "time"),
        Column("x", kind, **changes),
    ))  # fmt: skip
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    time = np.concatenate([np.arange(n) for n in lengths]).astype(float)
    rows = pa.table({"t": time, "x": pa.array(values)})
    return Sequences(schema, rows, offsets, pa.table({"id": first + np.arange(len(lengths))}))


@pytest.mark.slow
def test_standard_suite_is_json_and_comes_back(world):
    report = evaluate(*world)
    standard = [n for n in registry.names("scores") if registry.find("scores", n).standard]
    assert list(report) == standard
    assert all(isinstance(r, Result) for r in report.values())
    assert plain(Report.from_dict(json.loads(plain(report)))) == plain(report)
    for result in report.values():
        assert result.verdict.endswith(".")
        assert result.status == "ok" or result.reason
        assert all(d.value >= 0 or result.group != "structure" for d in result.details)


def test_same_seed_same_report(world):
    assert plain(evaluate(*world, seed=4, scores=QUICK)) == plain(evaluate(*world, seed=4, scores=QUICK))
    assert plain(evaluate(*world, seed=5, scores=["lengths"])) != plain(
        evaluate(*world, seed=4, scores=["lengths"])
    )


@pytest.mark.slow
def test_same_seed_same_judges(world):
    judges = ["classifier_entities", "classifier_rows", "utility"]
    assert plain(evaluate(*world, scores=judges)) == plain(evaluate(*world, scores=judges))


def test_a_score_alone_says_the_same_as_in_company(world):
    alone, company = evaluate(*world, scores=["gaps"]), evaluate(*world, scores=["nearest", "pairs", "gaps"])
    assert numbers(alone["gaps"]) == numbers(company["gaps"])


def test_sides_are_cut_to_one_size(accounts):
    report = evaluate(accounts(60, 1), accounts(25, 3), accounts(80, 2), scores=["lengths"])
    assert report.meta["compared"] == {"entities": 25}
    assert report.meta["halvings"] == 5
    assert report.meta["sizes"]["synthetic"]["entities"] == 25


def test_without_holdout_floor_and_privacy_are_unknown(accounts):
    report = evaluate(accounts(60, 1), accounts(60, 3), scores=QUICK)
    assert report["marginals"].value > 0
    assert (report["marginals"].floor, report["marginals"].copied, report["marginals"].interval) == (
        None,
    ) * 3
    for name in ("exact_rows", "exact_runs", "nearest"):
        assert report[name].status == "cannot say"
        assert "holdout" in report[name].reason
    assert report.times_floor is None
    assert [a.level for a in report.answers] == ["cannot say"] * 3


def test_few_series_are_compared_with_themselves(accounts):
    train, made, holdout = accounts(5, 1), accounts(5, 3), accounts(5, 2)
    report = evaluate(train, made, holdout, scores=QUICK)
    assert report.meta["unit"].startswith("block of ")
    assert report["lengths"].status == "cannot say"
    assert report["nearest"].status == "cannot say"
    assert report["marginals"].floor is not None


def test_one_series_without_entity(accounts):
    rng = np.random.default_rng(0)

    def series(seed):
        schema = Schema((Column("t", "continuous", "time"), Column("x", "continuous")))
        rows = pa.table({"t": np.arange(300.0), "x": rng.normal(size=300).cumsum()})
        return Sequences(schema, rows, np.array([0, 300]), pa.table({}))

    report = evaluate(series(1), series(3), series(2), scores=QUICK)
    assert report["autocorrelation"].status == "ok"
    assert plain(report)


def test_holdout_of_a_later_time_is_noticed(world):
    train, made, holdout = world
    ticks = ((holdout.time + 4000) * 86_400).astype(np.int64)
    later = holdout.with_columns({"when": pa.array(ticks).cast(pa.timestamp("s"))})
    report = evaluate(train, made, later, scores=["calendar", "nearest"])
    assert report.meta["holdout_in_other_time"]
    assert report["nearest"].status == "cannot say"
    assert report["calendar"].curve["volume"] is None


def test_later_part_of_the_same_sequences_is_noticed(accounts):
    data = accounts(60, 1)
    early = data.step_of_row < data.lengths[data.entity_of_row] // 2
    report = evaluate(data.keep_rows(early), accounts(60, 3), data.keep_rows(~early), scores=["nearest"])
    assert report.meta["holdout_in_other_time"]


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (lambda d: d.with_schema(without(d.schema, "mood")), "column 'mood' is missing"),
        (lambda d: added(d, "extra"), "column 'extra' is not in the schema"),
        (
            lambda d: d.with_columns({"amount": pa.array(["much"] * d.n_rows)}),
            "column 'amount'",
        ),
    ],
)
def test_other_columns_are_a_mismatch(world, change, line):
    train, made, holdout = world
    with pytest.raises(SchemaMismatch) as caught:
        evaluate(train, change(made), holdout, scores=["lengths"])
    assert any(line in text for text in caught.value.differences)
    assert caught.value.exit_code == 4


def without(schema, name):
    return schema.with_columns([c for c in schema if c.name != name])


def added(data, name):
    schema = data.schema.with_columns([*data.schema.columns, Column(name)])
    return data.with_columns({name: pa.array(np.zeros(data.n_rows))}, schema)


def test_identifiers_may_be_missing_and_levels_new(world):
    train, made, holdout = world
    ids = Column("ref", "identifier", dtype="string")

    def named(data):
        schema = data.schema.with_columns([*data.schema.columns, ids])
        return data.with_columns({"ref": pa.array([f"r{i}" for i in range(data.n_rows)])}, schema)

    codes = np.array(made.rows["code"].to_pylist())
    codes[::7] = "bonus"
    levels = (*made.schema["code"].levels, "bonus")
    other = made.with_columns({"code": pa.array(codes)}, made.schema.edit("code", levels=levels))
    result = evaluate(named(train), other, named(holdout), scores=["marginals"])["marginals"]
    assert result.details[0].label == "code"
    assert result.details[0].value > 0.1  # a seventh of the rows


def test_refusals(world):
    train, made, holdout = world
    with pytest.raises(UsageError, match="no suite"):
        evaluate(*world, scores="everything")
    with pytest.raises(UsageError, match="no score"):
        evaluate(*world, scores=["everything"])
    with pytest.raises(DataError, match="synthetic has no rows"):
        evaluate(train, made.keep_rows(np.zeros(made.n_rows, bool)), holdout)


def test_progress_is_told(world):
    told = []
    evaluate(*world, scores=["lengths", "gaps"], progress=lambda *step: told.append(step))
    assert told == [("lengths", 0, 2), ("gaps", 1, 2), ("", 2, 2)]


@pytest.mark.parametrize(
    ("values", "changes"),
    [
        (np.full(300, 3.0), {}),
        (np.full(300, np.nan), {"nullable": True}),
        (["a"] * 300, {"kind": "category", "levels": ("a",), "dtype": "string"}),
    ],
    ids=["constant", "all null", "one level"],
)
def test_a_column_without_news_is_no_crash(values, changes):
    data, other = (one_column(values, [10] * 30, first=first, **changes) for first in (0, 30))
    report = evaluate(data, data, other, scores=[*QUICK, "classifier_entities", "classifier_rows", "utility"])
    assert plain(report)
    assert report["marginals"].status == "cannot say"
    assert report["lengths"].value == 0.0
    assert report["utility"].status == "cannot say"
    assert report["exact_rows"].status == "cannot say"


def test_a_constant_column_that_varies_in_synthetic_is_seen():
    rng = np.random.default_rng(0)
    data, other = (one_column(np.full(300, 3.0), [10] * 30, first=first) for first in (0, 30))
    made = one_column(rng.normal(size=300), [10] * 30)
    assert evaluate(data, made, other, scores=["marginals"])["marginals"].value > 0.5


def test_sequences_of_one_row_and_of_none():
    rng = np.random.default_rng(0)
    data = [one_column(rng.normal(size=30), [1] * 30 + [0] * 5, first=first) for first in (0, 90, 40)]
    report = evaluate(*data)
    assert plain(report)
    assert report["gaps"].reason == "no entity has two rows"
    assert report["exact_runs"].reason == "no entity has 3 rows"


@pytest.mark.slow
def test_huge_and_tiny_numbers():
    rng = np.random.default_rng(0)
    values = np.exp(rng.normal(0, 300, size=900).clip(-700, 690))
    report = evaluate(*(one_column(values[i::3], [10] * 30, first=100 * i) for i in range(3)))
    assert plain(report)
    assert all(
        r.status == "ok" for r in report.values() if r.name in ("marginals", "classifier_rows", "nearest")
    )


def test_two_entities_are_no_crash(accounts):
    report = evaluate(accounts(2, 1), accounts(2, 3), accounts(2, 2))
    assert plain(report)
    assert evaluate(accounts(60, 1), accounts(1, 3), accounts(60, 2))["marginals"].status == "cannot say"


def test_few_entities_are_too_few_for_folds(accounts):
    result = evaluate(accounts(60, 1), accounts(4, 3), accounts(60, 2), scores=["classifier_entities"])
    assert "too few" in result["classifier_entities"].reason


def test_inputs_stay_as_they_were(world):
    before = [d.content_hash() for d in world]
    evaluate(*world, scores=QUICK)
    assert [d.content_hash() for d in world] == before
    assert all(not d.notes for d in world)


def test_out_of_order_of_a_sample_is_that_of_its_source(world):
    train, made, holdout = world
    report = evaluate(train, made, replace(holdout, out_of_order=0.3), scores=["time_goes_back"])
    assert (report["time_goes_back"].value, report["time_goes_back"].floor) == (0.0, 0.3)
