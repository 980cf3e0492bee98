"""Static columns that vary in another tool's rows: the first value counts, and what differs is counted."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import tsynth
from tsynth.data.casts import Cast, casts_of
from tsynth.data.static_cells import steadied
from tsynth.errors import DataError
from tsynth.jobs.job import SourcePart
from tsynth.jobs.sides import Side, read_made, read_real
from tsynth.scores.harness import evaluate

ENTITIES, ROWS = 60, 5


def table(seed=0):
    """Entities with an arm and an age of their own; rows in no order."""
    random = np.random.default_rng(seed)
    entity = np.repeat(np.arange(ENTITIES), ROWS)
    rows = {
        "id": entity,
        "day": np.tile(np.arange(ROWS), ENTITIES),
        "arm": np.array(["active", "placebo"])[random.integers(0, 2, ENTITIES)][entity],
        "age": random.integers(40, 80, ENTITIES)[entity],
        "value": random.normal(size=ENTITIES * ROWS),
    }
    order = random.permutation(ENTITIES * ROWS)
    return pa.table({name: pa.array(values[order]) for name, values in rows.items()})


def changed(rows, name, where, value):
    """With another value in some rows."""
    values = rows[name].to_pylist()
    for at in where:
        values[at] = value
    return rows.set_column(rows.column_names.index(name), name, pa.array(values))


@pytest.fixture(scope="module")
def train():
    return tsynth.read(table(), entity="id", time="day")


def places(rows, entity, days):
    ids, times = np.asarray(rows["id"]), np.asarray(rows["day"])
    return [int(np.flatnonzero((ids == entity) & (times == day))[0]) for day in days]


def test_rows_whose_statics_hold_are_left_alone(train):
    rows = table(1)
    same, casts = steadied(rows, train.schema, [])
    assert same is rows
    assert casts == []


def test_the_earliest_value_counts_whatever_the_order_of_the_file(train):
    rows = table(1)
    first = rows["arm"][places(rows, 7, [0])[0]].as_py()
    other = "placebo" if first == "active" else "active"
    broken = changed(rows, "arm", places(rows, 7, [2, 4]), other)
    for file in (broken, broken.take(pa.array(np.arange(broken.num_rows)[::-1]))):
        steady, (cast,) = steadied(file, train.schema, [])
        assert steady["id"].equals(file["id"])
        assert set(steady.filter(pa.compute.equal(steady["id"], 7))["arm"].to_pylist()) == {first}
        assert (cast.column, cast.unreadable, cast.varying, cast.cells) == ("arm", 2, 2, 300)
        assert cast.example == other
        assert "2 of 300 cells differ from the first of their entity" in cast.message


def test_a_column_that_was_cast_too_keeps_what_could_not_be_read(train):
    rows = changed(table(1), "age", places(table(1), 3, [1]), 99)
    before = Cast("cast", "age: text read as whole number", "age", "string", "int64", 300, 4, "old")
    _, (cast,) = steadied(rows, train.schema, [before])
    assert (cast.source, cast.unreadable, cast.varying) == ("string", 5, 1)
    assert cast.message.startswith("age: text read as whole number; 1 of 300 cells differ")


def test_a_sequence_without_entity_has_one_value():
    rows = pa.table({"t": [3, 1, 2], "kind": ["b", "a", "a"], "x": [0.1, 0.2, 0.5]})
    data = tsynth.read(pa.table({"t": [1, 2, 3], "kind": ["a"] * 3, "x": [0.1, 0.2, 0.5]}), time="t")
    schema = data.schema.with_columns(
        [c.__class__(**{**vars(c), "static": c.name == "kind"}) for c in data.schema]
    )
    steady, (cast,) = steadied(rows, schema, [])
    assert steady["kind"].to_pylist() == ["a", "a", "a"]
    assert cast.varying == 1


def test_synthetic_rows_are_scored_and_the_fault_is_told_while_real_ones_are_refused(train, tmp_path):
    rows = table(2)
    kept = rows["arm"][places(rows, 9, [0])[0]].as_py()
    broken = changed(rows, "arm", places(rows, 9, [1]), "placebo" if kept == "active" else "active")
    pq.write_table(broken, tmp_path / "made.parquet")
    source = SourcePart(path=[tmp_path / "made.parquet"], entity="id", time=["day"])
    made = read_made(Side(tmp_path / "made.parquet"), train.schema, source)
    assert [cast.varying for cast in casts_of(made)] == [1]
    report = evaluate(train, made, scores=["unreadable", "marginals"])
    assert report["unreadable"].value == pytest.approx(1 / 300)
    assert (
        "1 of 300 synthetic cells of arm differ from the first of their entity"
        in report["unreadable"].details[0].sentence
    )
    assert report.meta["casts"][0]["varying"] == 1
    assert report["marginals"].status == "ok"
    with pytest.raises(DataError, match="is static in the schema, but entity 9 has"):
        read_real(Side(tmp_path / "made.parquet"), train.schema, source)
