"""Rows of another tool under train's schema: what is cast, what is counted, what is refused."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import tsynth
from tsynth.data.casts import cast_column, cast_to_schema, casts_of
from tsynth.data.schema import Column
from tsynth.errors import DataError, SchemaMismatch
from tsynth.jobs.job import SourcePart
from tsynth.jobs.sides import Side, read_made
from tsynth.testing import score_checks

DAYS = [dt.datetime(2020, 1, 1) + dt.timedelta(days=i) for i in range(20)]


@pytest.fixture(scope="module")
def train():
    table = pa.table(
        {
            "id": [1, 1, 2, 2] * 5,
            "t": pa.array(DAYS, pa.timestamp("us")),
            "count": list(range(20)),
            "amount": [i / 7 for i in range(20)],
            "open": [True, False] * 10,
            "code": ["a", "b"] * 10,
            "due": pa.array([day.date() for day in DAYS]),
        }
    )
    return tsynth.read(table, entity="id", time="t")


def column(kind: str, dtype: str, **more) -> Column:
    return Column("x", kind=kind, dtype=dtype, **more)


@pytest.mark.parametrize(
    ("dtype", "kind", "given", "read", "unreadable"),
    [
        ("double", "continuous", ["1.5", " 2 ", "NA", None, "abc", "inf"], [1.5, 2.0, None, None, None, None], 2),
        ("double", "continuous", ["1,5", "2,25", "x"], [1.5, 2.25, None], 1),
        ("double", "continuous", ["1,234.5", "2", "-"], [1234.5, 2.0, None], 0),
        ("double", "continuous", ["007", "1e3", "+2"], [7.0, 1000.0, 2.0], 0),
        ("double", "continuous", [1, 2, None], [1.0, 2.0, None], 0),
        ("double", "continuous", [1.0, float("inf")], [1.0, None], 1),
        ("int64", "count", [1.0, 2.0, None], [1, 2, None], 0),
        ("int64", "count", [1.0, 2.5], [1.0, 2.5], 0),
        ("int64", "count", ["3", "4", "five"], [3, 4, None], 1),
        ("int32", "count", [2**40, 1], [2**40, 1], 0),
        ("int64", "count", [True, False], [1, 0], 0),
        ("bool", "boolean", ["yes", "No", "1", "maybe"], [True, False, True, None], 1),
        ("bool", "boolean", [1.0, 0.0, 2.0, None], [True, False, None, None], 1),
        ("bool", "boolean", [1, 0], [True, False], 0),
        ("string", "category", [1.0, 2.0, None], ["1", "2", None], 0),
        ("string", "category", [1.5, 2.0], ["1.5", "2"], 0),
        ("timestamp[us]", "datetime", ["2020-02-29", "2020-02-30", "2020-03-01 10:30:00"],
         [dt.datetime(2020, 2, 29), None, dt.datetime(2020, 3, 1, 10, 30)], 1),
        ("date32[day]", "datetime", ["31.12.2019", "1.2.2020", "32.1.2020"],
         [dt.date(2019, 12, 31), dt.date(2020, 2, 1), None], 1),
        ("date32[day]", "datetime", [20200131, 20200201], [dt.date(2020, 1, 31), dt.date(2020, 2, 1)], 0),
        ("timestamp[s]", "datetime", [dt.datetime(2020, 1, 1, 0, 0, 0, 5)], [dt.datetime(2020, 1, 1, 0, 0, 0, 5)], 0),
    ],
)  # fmt: skip
def test_cells_are_read_where_nothing_is_lost_and_counted_where_they_cannot(
    dtype, kind, given, read, unreadable
):
    values, _, cast = cast_column(column(kind, dtype), pa.chunked_array([pa.array(given)]))
    assert values.to_pylist() == read
    assert (cast.unreadable if cast else 0) == unreadable
    if unreadable:
        assert cast.example in [str(v) for v in given]
        assert repr(cast.example) in cast.message


def test_a_column_that_is_as_train_has_it_is_no_cast():
    values = pa.chunked_array([pa.array([1.5, None])])
    assert cast_column(column("continuous", "double"), values)[2] is None
    texts = pa.chunked_array([pa.array(["a"], pa.large_string())])
    assert cast_column(column("category", "string", levels=("a",)), texts)[2] is None


def test_levels_that_train_does_not_know_are_taken_in():
    texts = pa.chunked_array([pa.array(["b", "z", None, "a"])])
    assert cast_column(column("category", "string", levels=("a", "b")), texts)[1].levels == ("a", "b", "z")


def test_text_is_told_to_be_read_as_whole_numbers(train):
    assert (
        "text read as whole number" in cast_to_schema(pa.table({"count": ["1"]}), train.schema)[2][0].message
    )


def test_rows_without_a_time_are_counted_told_and_left_out(train):
    table = pa.table({"t": ["2020-01-03", "_RARE_", None, "2020-05-01"], "count": [1, 2, 3, 4]})
    out, _, (cast,) = cast_to_schema(table, train.schema)
    assert out["count"].to_pylist() == [1, 4]
    assert cast.to_dict() == {
        "column": "t", "from": "string", "to": "timestamp[us]", "cells": 4, "unreadable": 2, "example": "_RARE_",
        "rows_left_out": 2,
    }  # fmt: skip
    assert "2 of 4 rows are left out" in cast.message
    assert cast_to_schema(pa.table({"t": pa.array([DAYS[0], None], pa.timestamp("us"))}), train.schema)[2][
        0
    ].left_out


def test_a_column_of_which_nothing_can_be_read_is_of_another_nature(train):
    with pytest.raises(
        SchemaMismatch, match=r"'amount': none of its 2 cells .*such as 'red'.* read as double"
    ):
        cast_to_schema(pa.table({"amount": ["red", "green"]}), train.schema)


def test_dates_that_fit_both_ways_are_asked_back(train):
    with pytest.raises(DataError, match="day or with month first"):
        cast_to_schema(pa.table({"due": ["1/2/2020", "3/4/2020"]}), train.schema)


def test_ids_keep_their_type_where_one_does_not_fit(train):
    assert cast_to_schema(pa.table({"id": ["1", "2"]}), train.schema)[0]["id"].to_pylist() == [1, 2]
    out, schema, casts = cast_to_schema(pa.table({"id": ["1", "m2"]}), train.schema)
    assert out["id"].to_pylist() == ["1", "m2"]
    assert schema["id"].dtype == "string"
    assert not casts


def test_frames_of_the_python_interface_are_cast_too(train):
    texts = [f"{v:.2f}" for v in train.rows["amount"].to_pylist()]
    texts[3] = "n/k"
    made = train.table().set_column(3, "amount", pa.array(texts))
    report = tsynth.evaluate(
        train, tsynth.read(made, entity="id", time="t"), scores=["unreadable", "marginals"]
    )
    assert [(c["column"], c["unreadable"]) for c in report.meta["casts"]] == [("amount", 1)]
    assert report["unreadable"].value == pytest.approx(1 / 20)
    assert (
        "1 of 20 synthetic cells of amount cannot be read (such as 'n/k')"
        in report["unreadable"].details[0].sentence
    )


def test_no_cast_no_unreadable_cell(train):
    report = tsynth.evaluate(train, train, train, scores=["unreadable"])
    found = report["unreadable"]
    assert (found.value, found.floor, found.details, found.curve) == (0.0, 0.0, (), {})
    assert report.meta["casts"] == []


def test_rows_keep_the_order_of_the_file_for_the_order_of_time(train, tmp_path):
    """Dates that are text are read before the order is looked at: 3 of 6 rows come before the row before them."""
    days = ["2020-01-05", "2020-01-04", "2020-01-06", "2020-01-02", "2020-01-01", "2020-01-09"]
    rows = {"id": [1] * 6, "t": days, "count": list(range(6)), "amount": ["1.5"] * 6, "open": [True] * 6}
    pq.write_table(pa.table({**rows, "code": ["a"] * 6, "due": days}), tmp_path / "made.parquet")
    source = SourcePart.model_validate({"path": "train", "entity": "id", "time": "t"})
    made = read_made(Side(tmp_path / "made.parquet"), train.schema, source)
    assert made.out_of_order == pytest.approx(3 / 6)
    assert {c.column: c.source for c in casts_of(made)} == {
        "t": "string",
        "amount": "string",
        "due": "string",
    }


def test_a_regular_series_that_repeats_a_time_is_scored(tmp_path):
    days = np.arange("2020-01-01", "2020-02-10", dtype="M8[D]")
    table = pa.table({"id": np.repeat([1, 2, 3], 40), "t": np.tile(days, 3), "x": np.arange(120.0) % 7})
    train = tsynth.read(table, entity="id", time="t")
    assert train.schema.frequency == "D"
    pq.write_table(pa.concat_tables([table, table.slice(0, 5)]), tmp_path / "made.parquet")
    source = SourcePart.model_validate({"path": "train", "entity": "id", "time": "t"})
    made = read_made(Side(tmp_path / "made.parquet"), train.schema, source)
    report = tsynth.evaluate(train, made, scores=["marginals", "gaps", "unreadable"])
    assert report["marginals"].status == "ok"


@pytest.mark.parametrize("check", score_checks("unreadable", ["mixed"]), ids=str)
def test_the_score_keeps_the_contract(check):
    check()
