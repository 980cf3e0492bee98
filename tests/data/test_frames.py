"""Frames in and out: type, dtypes and values come back (row 18 of the Inputs table)."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import hypothesis.strategies as st
import narwhals as nw
import numpy as np
import pandas as pd
import polars as pl
import polars.testing
import pyarrow as pa
import pytest
from hypothesis import given

from tsynth.data.frames import from_table, origin_facts, to_table
from tsynth.data.reading import read
from tsynth.errors import DataError, UsageError

PANDAS_3 = int(pd.__version__.split(".")[0]) >= 3


def pandas_frame() -> pd.DataFrame:
    columns = {
        "int8": np.array([1, -2, 3], "int8"),
        "uint64": np.array([1, 2**64 - 1, 0], "uint64"),
        "float32": np.array([1.5, np.nan, 3], "float32"),
        "bool": np.array([True, False, True]),
        "naive": pd.to_datetime(["2024-01-01 00:00:00", None, "2024-01-03 10:00:01"]).astype(
            "datetime64[ns]"
        ),
        "zoned": pd.to_datetime(["2024-01-01", "2024-07-01", None]).tz_localize("Europe/Prague"),
        "wait": pd.to_timedelta([1, 2, None], "s"),
        "Int64": pd.array([2**62 + 1, None, 3], dtype="Int64"),
        "Float64": pd.array([1.5, None, 3], dtype="Float64"),
        "boolean": pd.array([True, None, False], dtype="boolean"),
        "string": pd.array(["a", None, "😀"], dtype="string"),
        "category": pd.Categorical(["b", None, "a"]),
        "ordered": pd.Categorical(["low", "high", None], categories=["low", "high"], ordered=True),
        "numbered": pd.Categorical([3, 1, None]),
        "arrow_int": pd.array([1, None, 3], dtype=pd.ArrowDtype(pa.int16())),
        "arrow_text": pd.array(["a", None, "b"], dtype=pd.ArrowDtype(pa.string())),
        "arrow_date": pd.array([dt.date(2024, 1, 1), None, None], dtype=pd.ArrowDtype(pa.date32())),
        "object_text": pd.Series(["a", None, "b"], dtype=object),
        "object_date": pd.Series([dt.date(2024, 1, 1), None, dt.date(2024, 1, 3)], dtype=object),
        "object_time": pd.Series([dt.time(10, 1), None, dt.time(23)], dtype=object),
        "object_decimal": pd.Series([Decimal("1.10"), None, Decimal("2.22")], dtype=object),
        "object_bool": pd.Series([True, None, False], dtype=object),
        "object_int": pd.Series([2**60 + 1, None, 3], dtype=object),
    }
    if PANDAS_3:
        columns["str"] = pd.array(["a", None, "b"], dtype="str")
    return pd.DataFrame(columns)


@pytest.mark.parametrize("name", pandas_frame().columns)
def test_input_18_pandas_dtypes(name):
    frame = pandas_frame()[[name]]
    back = from_table(*to_table(frame))
    pd.testing.assert_frame_equal(back, frame)


def test_input_18_pandas_through_sequences():
    frame = pandas_frame().assign(t=[1, 2, 3])
    data = read(frame, time="t")
    back = data.frame
    # The categories of a column without order come back sorted; the rest as it was.
    pd.testing.assert_frame_equal(back, frame)


@pytest.mark.parametrize(
    "kind",
    [
        pl.Int8,
        pl.UInt64,
        pl.Float32,
        pl.Boolean,
        pl.String,
        pl.Categorical,
        pl.Enum(["x", "a", "b"]),
        pl.Date,
        pl.Datetime("ms"),
        pl.Datetime("ns", "Asia/Tokyo"),
        pl.Duration("us"),
        pl.Time,
        pl.Decimal(10, 2),
    ],
)
def test_input_18_polars_dtypes(kind):
    if kind in (pl.String, pl.Categorical) or isinstance(kind, pl.Enum):
        values = ["a", None, "b"]
    elif kind is pl.Boolean:
        values = [True, None, False]
    else:
        values = [1, None, 3]
    series = pl.Series("x", values, strict=False)
    frame = pl.DataFrame({"t": [1, 2, 3], "x": series.cast(kind)})
    data = read(frame, time="t")
    assert isinstance(data.frame, pl.DataFrame)
    polars.testing.assert_frame_equal(data.frame, frame)
    lazy = from_table(*to_table(frame.lazy()))
    assert isinstance(lazy, pl.LazyFrame)
    polars.testing.assert_frame_equal(lazy.collect(), frame)


@pytest.mark.parametrize(
    "kind",
    [
        pa.int8(),
        pa.uint64(),
        pa.float32(),
        pa.bool_(),
        pa.large_string(),
        pa.date32(),
        pa.date64(),
        pa.timestamp("ms"),
        pa.timestamp("us", "UTC"),
        pa.duration("s"),
        pa.time32("s"),
        pa.decimal128(9, 3),
        pa.dictionary(pa.int8(), pa.string()),
    ],
)
def test_input_18_arrow_types(kind):
    if pa.types.is_dictionary(kind) or pa.types.is_large_string(kind):
        values = pa.array(["a", None, "b"]).cast(kind)
    elif pa.types.is_date64(kind):
        values = pa.array([0, None, 86_400_000]).cast(kind)
    elif pa.types.is_decimal(kind):
        values = pa.array([Decimal("1.125"), None, Decimal(2)]).cast(kind)
    elif pa.types.is_time(kind) or pa.types.is_date32(kind):
        values = pa.array([1, None, 3], pa.int32()).cast(kind)
    else:
        values = pa.array([1, None, 3]).cast(kind)
    table = pa.table({"t": [1, 2, 3], "x": values})
    back = read(table, time="t").frame
    assert back.schema == table.schema
    assert back.to_pydict() == table.to_pydict()


class Capsule:
    """A frame that speaks only the Arrow PyCapsule protocol."""

    def __init__(self, table: pa.Table) -> None:
        self.table = table

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self.table.__arrow_c_stream__(requested_schema)


def test_input_18_other_frames():
    table = pa.table({"t": [1, 2], "x": [0.5, 1.5]})
    assert read(Capsule(table), time="t").frame.equals(table)
    wrapped = read(nw.from_native(pl.DataFrame(table)), time="t").frame
    assert isinstance(wrapped, nw.DataFrame)
    polars.testing.assert_frame_equal(wrapped.to_native(), pl.DataFrame(table))
    with pytest.raises(UsageError, match="is not a frame"):
        read(np.zeros((2, 2)))


def test_index_of_pandas_comes_back():
    frame = pd.DataFrame({"x": [1.0, 2, 3]}, index=pd.date_range("2024-01-01", periods=3, name="day"))
    data = read(frame, time="day")
    pd.testing.assert_frame_equal(data.frame, frame, check_freq=False)
    named = frame.assign(who=["a", "b", "c"]).set_index("who", append=True)
    pd.testing.assert_frame_equal(read(named, entity="who", time="day").frame, named, check_freq=False)


def test_nan_is_null_everywhere():
    frame = pl.DataFrame({"t": [1, 2, 3], "x": [1.0, float("nan"), None]})
    data = read(frame, time="t")
    assert data.frame["x"].null_count() == 2


def test_origin_is_small_and_holds_no_value():
    frame = pd.DataFrame({"t": [1, 2], "c": pd.Categorical(["secret", "other"])})
    name, facts = origin_facts(to_table(frame)[1])
    assert name == "pandas"
    assert "secret" not in str(facts)


@pytest.mark.skipif(PANDAS_3, reason="pandas 3 reads text as str")
def test_text_of_pandas_2_stays_object():
    frame = pd.DataFrame({"t": [1, 2], "x": ["a", "b"]})
    assert read(frame, time="t").frame["x"].dtype == object


def test_a_new_null_in_a_column_of_integers():
    frame = pd.DataFrame({"t": [1, 2], "x": [1, 2**60 + 1]})
    table, origin = to_table(frame)
    table = table.set_column(1, "x", pa.array([None, 2**60 + 1]))
    assert from_table(table, origin)["x"].tolist()[1] == 2**60 + 1


def test_levels_of_several_names_are_refused():
    frame = pd.DataFrame([[1, 2]], columns=pd.MultiIndex.from_tuples([("a", "b"), ("a", "c")]))
    with pytest.raises(DataError, match="several levels"):
        to_table(frame)


TEXTS = st.lists(st.one_of(st.none(), st.text(max_size=8)), min_size=1, max_size=20)


@given(TEXTS, st.sampled_from(["object", "string", "category", "polars"]))
def test_any_text_comes_back(values, kind):
    if kind == "polars":
        frame = pl.DataFrame({"x": pl.Series(values, dtype=pl.String)})
        polars.testing.assert_frame_equal(from_table(*to_table(frame)), frame)
        return
    series = pd.Series(values, dtype=kind)
    if kind == "object" and series.isna().all():
        return
    frame = series.to_frame("x")
    pd.testing.assert_frame_equal(from_table(*to_table(frame)), frame, check_categorical=kind != "category")


@given(
    st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=20),
    st.sampled_from(["int64", "Int64", "object"]),
)
def test_any_integer_comes_back(values, dtype):
    frame = pd.DataFrame({"x": pd.Series(values, dtype=dtype)})
    pd.testing.assert_frame_equal(from_table(*to_table(frame)), frame)
