"""The content hash sees what rows say, and nothing of how they lie in memory."""

from __future__ import annotations

import datetime
import decimal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tsynth.data.content import BATCH, ContentHash


def digest(*tables: pa.Table) -> str:
    made = ContentHash()
    for table in tables:
        made.add(table)
    return made.hexdigest()


def rows(count: int = BATCH + 12_345) -> pa.Table:
    random = np.random.default_rng(0)
    mask = random.random(count) < 0.3
    words = [None if m else f"w{i % 11}" for i, m in enumerate(mask)]
    return pa.table(
        {
            "float": pa.array(random.normal(size=count), mask=mask),
            "text": words,
            "level": pa.array(words).dictionary_encode(),
            "bool": pa.array(random.random(count) < 0.5, mask=mask),
            "whole": pa.array(random.random(count) < 0.5),
            "time": pa.array(np.arange(count)).cast(pa.timestamp("us", "Europe/Prague")),
            "day": pa.array(np.arange(count, dtype=np.int32), mask=mask).cast(pa.date32()),
            "nothing": pa.nulls(count),
        }
    )


def test_parts_slices_takes_and_a_way_through_parquet_leave_no_trace(tmp_path):
    table = rows()
    wanted = digest(table)
    pq.write_table(table, tmp_path / "x.parquet")
    assert digest(pq.read_table(tmp_path / "x.parquet")) == wanted
    assert digest(table.take(pa.array(np.arange(len(table))))) == wanted
    assert digest(*(table.slice(at, 7_001) for at in range(0, len(table), 7_001))) == wanted
    assert digest(pa.concat_tables([table.slice(0, 70_003), table.slice(70_003)])) == wanted
    assert digest(table.slice(0, 0), table) == wanted


def test_a_dictionary_is_its_values_and_the_width_of_text_does_not_count():
    plain = pa.table({"x": ["a", "b", None]})
    wide = pa.table({"x": pa.array(["a", "b", None], pa.large_string())})
    assert digest(plain) == digest(wide) == digest(pa.table({"x": plain["x"].dictionary_encode()}))


@pytest.mark.parametrize(
    "other",
    [{"x": [1, 3]}, {"x": [2, 1]}, {"y": [1, 2]}, {"x": [1, None]}, {"x": [1.0, 2.0]}, {"x": [1, 2, 0]}],
    ids=str,
)
def test_whatever_is_said_otherwise_changes_the_sum(other):
    assert digest(pa.table({"x": [1, 2]})) != digest(pa.table(other))


@pytest.mark.parametrize(
    "value",
    [
        decimal.Decimal("1.25"),
        datetime.timedelta(days=1),
        datetime.datetime(2024, 1, 1),
        datetime.time(1),
        b"x",
        2**63,
    ],
    ids=str,
)
def test_a_null_is_not_the_value_that_stands_in_for_it(value):
    kind = pa.uint64() if value == 2**63 else pa.array([value]).type
    table = pa.table({"x": pa.array([value, None], kind)})
    zero = pa.table({"x": pa.array([value, None], kind).take(pa.array([0, 0]))})
    assert digest(table) != digest(zero)


def test_no_rows_have_a_sum_that_names_their_columns():
    assert digest(pa.table({"x": pa.array([], pa.int64())})) != digest(
        pa.table({"y": pa.array([], pa.int64())})
    )
