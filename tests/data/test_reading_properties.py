"""What holds for any input: a typed error or sequences, and the same sequences whatever the order of rows."""

from __future__ import annotations

import datetime as dt

import hypothesis.strategies as st
import numpy as np
import pyarrow as pa
from hypothesis import given

from tsynth.data.files import read_file
from tsynth.data.infer import guess_entity_time
from tsynth.data.reading import read, read_table
from tsynth.errors import TsynthError

COLUMNS = {
    "whole": (pa.int64(), st.integers(-3, 12)),
    "wide": (pa.uint64(), st.integers(0, 2**64 - 1)),
    "real": (pa.float64(), st.floats(allow_infinity=False, allow_nan=False)),
    "flag": (pa.bool_(), st.booleans()),
    "word": (pa.string(), st.text(max_size=4)),
    "day": (pa.date32(), st.dates(dt.date(1900, 1, 1), dt.date(2100, 1, 1))),
    "wait": (pa.duration("s"), st.integers(0, 10**6)),
    "price": (pa.decimal128(12, 2), st.decimals(-1000, 1000, places=2)),
}


@st.composite
def tables(draw) -> pa.Table:
    rows = draw(st.integers(1, 25))
    names = draw(st.lists(st.sampled_from(sorted(COLUMNS)), unique=True))
    columns = {
        "id": pa.array(draw(st.lists(st.sampled_from(["b", "a", "é", "aa"]), min_size=rows, max_size=rows))),
        "t": pa.array(draw(st.lists(st.integers(0, 9), min_size=rows, max_size=rows))),
    }
    for name in names:
        kind, values = COLUMNS[name]
        columns[name] = pa.array(
            draw(st.lists(st.one_of(st.none(), values), min_size=rows, max_size=rows)), kind
        )
    return pa.table(columns)


@given(tables(), st.randoms(use_true_random=False))
def test_order_of_rows_does_not_matter(table, random):
    data = read(table, entity="id", time="t", frequency=None)
    order = list(range(table.num_rows))
    random.shuffle(order)
    again = read(table.take(pa.array(order)), entity="id", time="t", frequency=None)
    assert again.content_hash() == data.content_hash()
    assert again.schema == data.schema


@given(tables())
def test_every_row_comes_back_once(table):
    back = read(table, entity="id", time="t", frequency=None).frame
    assert back.schema == table.schema

    def rows(one: pa.Table) -> list[str]:
        return sorted(repr(tuple(row.values())) for row in one.to_pylist())

    # Minus zero equals zero, and which of the two rows comes first is open; all values are there.
    assert rows(back) == rows(table)


@given(tables())
def test_a_schema_reads_its_own_rows(table):
    data = read(table, entity="id", time="t", frequency=None)
    again = read(table, schema=type(data.schema).from_dict(data.schema.to_dict()))
    assert again.content_hash() == data.content_hash()


SNIPPETS = st.sampled_from(
    [
        "a",
        "b",
        "id",
        "time",
        "1",
        "2",
        "0",
        "-",
        "+",
        ".",
        ",",
        ";",
        "\t",
        "|",
        '"',
        "'",
        "\n",
        "\r\n",
        " ",
        "=",
        "NA",
        "nan",
        "2024-01-05",
        "3/4/2024",
        "13/4/2024",
        "1,234",
        "1.234",
        "12:30",
        "T",
        "Z",
        "+01:00",
        "é",
        "\0",
        "1e5",
        "true",
        "2024-W03",
        "inf",
    ]
)


@given(st.one_of(st.lists(SNIPPETS, max_size=40).map("".join).map(str.encode), st.binary(max_size=60)))
def test_any_file_is_read_or_refused(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("any") / "rows.csv"
    path.write_bytes(content)
    try:
        table = read_file(path).table
    except TsynthError:
        return
    guess_entity_time(read_table(path)[0])
    first = table.column_names[0]
    for options in ({}, {"time": first}, {"entity": first, "null_entity": "drop"}):
        try:
            data = read(path, **options)
        except TsynthError:
            continue
        assert data.n_rows <= table.num_rows


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=30))
def test_decimals_hold_for_every_number(values):
    column = read(pa.table({"t": range(len(values)), "x": values}), time="t").schema["x"]
    if column.kind == "continuous" and column.decimals is not None:
        found = np.array(values)
        assert np.allclose(np.round(found, column.decimals), found, rtol=1e-15, atol=0)
    if column.bounds is not None:
        assert column.bounds[0] <= min(values) <= max(values) <= column.bounds[1]
