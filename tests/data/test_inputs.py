"""The rows of the Inputs table of robustness.md as far as reading decides them."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from tsynth.data.reading import read
from tsynth.errors import DataError


def daily(entities: int = 3, days: int = 20) -> pd.DataFrame:
    """A regular table: one row an entity and day."""
    frame = pd.DataFrame(
        {
            "id": np.repeat(np.arange(entities), days),
            "time": np.tile(pd.date_range("2024-01-01", periods=days), entities),
        }
    )
    return frame.assign(x=np.sin(np.arange(len(frame))).round(3))


def codes(data, code: str) -> list:
    return [note for note in data.notes if note.code == code]


@pytest.mark.parametrize(
    "frame", [pd.DataFrame(), daily().iloc[:0], pl.DataFrame(), pa.table({"id": pa.array([], "int64")})]
)
def test_input_01_empty_frame(frame):
    with pytest.raises(DataError, match="no rows"):
        read(frame, entity=None)


def test_input_02_one_entity():
    data = read(daily(1), entity="id", time="time")
    assert (data.n_entities, data.n_rows, data.schema.frequency) == (1, 20, "D")
    alone = read(daily(1).drop(columns="id"), time="time")
    assert (alone.n_entities, alone.schema.entity) == (1, None)


def test_input_03_sequences_of_one_row():
    frame = pd.concat([daily(1, 5), daily(4, 1).assign(id=[7, 8, 9, 10])])
    data = read(frame, entity="id", time="time")
    assert data.lengths.tolist() == [5, 1, 1, 1, 1]


@pytest.mark.parametrize("empty", [None, np.nan, pd.NaT])
def test_input_04_all_null_column(empty):
    frame = daily().assign(void=empty)
    data = read(frame, entity="id", time="time")
    column = data.schema["void"]
    assert not column.learned
    assert column.nullable
    assert data.nulls("void").all()
    pd.testing.assert_frame_equal(data.frame, frame)


def test_input_05_partly_null():
    frame = daily()
    frame.loc[frame.index % 3 == 0, "x"] = np.nan
    data = read(frame, entity="id", time="time")
    assert data.schema["x"].nullable
    assert not data.schema["time"].nullable
    assert (data.nulls("x") == frame.x.isna()).all()


@pytest.mark.parametrize("value", [np.inf, -np.inf])
def test_input_06_infinite(value):
    frame = daily()
    frame.loc[33, "x"] = value
    with pytest.raises(DataError, match=f"x: entity 1 has {value} in row 33") as caught:
        read(frame, entity="id", time="time")
    assert (caught.value.column, caught.value.entity, caught.value.row) == ("x", 1, 33)
    assert 'inf="null"' in caught.value.fix
    data = read(frame, entity="id", time="time", inf="null")
    assert data.nulls("x").sum() == 1
    assert len(codes(data, "infinite_to_null")) == 1
    assert data.schema["x"].bounds[1] < 2
    again = read(frame, schema=data.schema)
    assert again.content_hash() == data.content_hash()


def test_input_07_same_time_twice():
    frame = daily()
    frame.loc[25, "time"] = frame.loc[24, "time"]
    with pytest.raises(DataError, match=r"frequency D\) of entity 1 has 2024-01-05") as caught:
        read(frame, entity="id", time="time")
    assert caught.value.row == 25
    events = read(frame, entity="id", time="time", frequency=None)
    assert events.n_rows == len(frame)
    irregular = frame.assign(time=pd.Timestamp("2024-01-01") + pd.to_timedelta(frame.index % 7 * 37, "s"))
    assert read(irregular, entity="id", time="time").schema.frequency is None


def test_input_08_unsorted_rows():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "id": rng.integers(0, 9, 400),
            "time": rng.integers(0, 30, 400),
            "x": rng.normal(size=400),
            "c": rng.choice(list("abc"), 400),
        }
    )
    data = read(frame, entity="id", time="time")
    assert codes(data, "sorted")
    for part in np.split(data.time, data.offsets[1:-1]):
        assert (np.diff(part) >= 0).all()
    shuffled = read(frame.sample(frac=1, random_state=1), entity="id", time="time")
    assert shuffled.content_hash() == data.content_hash()
    late = sum(int((np.diff(group) < 0).sum()) for _, group in frame.groupby("id").time)
    assert data.out_of_order == late / 400
    kept = read(frame, entity="id", time="time", order="file")
    expected = frame.sort_values(["id", "time"], kind="stable").reset_index(drop=True)
    pd.testing.assert_frame_equal(kept.frame, expected)
    assert kept.content_hash() != data.content_hash()


def test_input_08_order_column_breaks_ties():
    frame = pd.DataFrame(
        {
            "id": np.repeat([1, 2], 60),
            "time": np.repeat(np.arange(60), 2) // 2,
            "trans_id": np.arange(120) * 3,
            "x": np.arange(120)[::-1] % 7,
        }
    )
    data = read(frame.sample(frac=1, random_state=3), entity="id", time="time")
    assert data.schema["trans_id"].role == "order"
    assert data.frame["trans_id"].is_monotonic_increasing


def test_input_09_null_entity():
    frame = daily().astype({"id": "Int64"})
    frame.loc[[3, 4, 40], "id"] = pd.NA
    with pytest.raises(DataError, match="3 of 60 rows have no entity") as caught:
        read(frame, entity="id", time="time")
    assert (caught.value.column, caught.value.row) == ("id", 3)
    assert "--null-entity drop" in caught.value.fix
    data = read(frame, entity="id", time="time", null_entity="drop")
    assert data.n_rows == 57
    assert "3 rows" in codes(data, "null_entity_dropped")[0].message


def test_input_10_missing_time():
    frame = daily()
    frame.loc[7, "time"] = pd.NaT
    with pytest.raises(DataError, match="1 of 60 rows have no time") as caught:
        read(frame, entity="id", time="time")
    assert (caught.value.column, caught.value.row, caught.value.entity) == ("time", 7, 0)


def test_input_11_daylight_saving():
    times = pd.date_range("2024-03-30 22:00", periods=12, freq="h", tz="Europe/Prague")
    data = read(pd.DataFrame({"time": times, "x": np.arange(12.0)}), time="time")
    assert data.schema.timezone == "Europe/Prague"
    assert data.frame["time"].tolist() == times.tolist()
    # The hour that the change leaves out is left out on the wall clock too.
    hours = data.time - 24 * np.floor(data.time / 24)
    assert 2 not in hours[3:6]


def test_input_12_mixed_zones(tmp_path):
    mixed = pd.Series(
        [
            pd.Timestamp("2024-01-01", tz="UTC"),
            pd.Timestamp("2024-01-02", tz="Asia/Tokyo"),
            pd.Timestamp("2024-01-03", tz="UTC"),
        ],
        dtype=object,
    )
    with pytest.raises(DataError, match="mixes time zones UTC and Asia/Tokyo") as caught:
        read(pd.DataFrame({"time": mixed, "x": [1, 2, 3]}), time="time")
    assert (caught.value.column, caught.value.row) == ("time", 1)
    path = tmp_path / "rows.csv"
    path.write_text("time,x\n2024-03-30T12:00:00+01:00,1\n2024-03-31T12:00:00+02:00,2\n")
    with pytest.raises(DataError, match="mixes time zones"):
        read(path, time="time")
    shown = read(path, time="time", time_zone="Europe/Prague")
    assert shown.schema.timezone == "Europe/Prague"
    assert shown.time.tolist() == [
        (dt.datetime(2024, 3, 30 + i, 12) - dt.datetime(1970, 1, 1)).total_seconds() / 3600 for i in (0, 1)
    ]


def test_input_13_gaps():
    frame = daily().drop(index=[5, 6, 31])
    data = read(frame, entity="id", time="time")
    assert data.schema.frequency == "D"
    assert data.n_rows == 57


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_input_14_units_of_time(unit):
    last = "9999-12-31" if unit != "ns" else "2261-01-01"
    times = np.array(["1700-01-01", "1970-01-01", last], dtype=f"M8[{unit}]")
    data = read(pd.DataFrame({"time": times, "x": [1.5, 2, 3]}), time="time")
    assert data.schema["time"].dtype == f"timestamp[{unit}]"
    assert data.frame["time"].dtype == times.dtype
    assert (data.frame["time"].to_numpy() == times).all()


def test_input_15_wide_integers():
    wide = np.array([2**53 + 1, 2**63 + 5, 2**64 - 1, 0], dtype="uint64")
    signed = np.array([2**53 + 1, -(2**63), 2**63 - 1, 0])
    frame = pd.DataFrame({"time": range(4), "wide": wide, "signed": signed})
    data = read(frame, time="time")
    pd.testing.assert_frame_equal(data.frame, frame)


def test_input_15_wide_integers_in_text(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text(f"time,a,b,c\n1,{2**53 + 1},{2**64 - 1},{10**30}\n2,5,7,1\n")
    table = read(path, time="time").table()
    assert table["a"].to_pylist() == [2**53 + 1, 5]
    assert table["b"].to_pylist() == [2**64 - 1, 7]
    assert table["c"].to_pylist() == [str(10**30), "1"]


def test_input_16_integers_over_64_bits():
    frame = daily().astype({"x": object})
    frame["x"] = [1] * 59 + [2**64]
    with pytest.raises(DataError, match="more than 64 bits") as caught:
        read(frame, entity="id", time="time")
    assert (caught.value.column, caught.value.row) == ("x", 59)
    frame["x"] = pd.Series([-1] + [1] * 58 + [2**63], dtype=object)
    with pytest.raises(DataError, match="more than 64 bits together"):
        read(frame, entity="id", time="time")


@pytest.mark.parametrize(
    "values", [[1, "a", 2.5], ["a", 3, "b"], [dt.date(2024, 1, 1), "x", 1], [True, "yes", False]]
)
def test_input_17_mixed_objects(values):
    frame = pd.DataFrame({"time": [1, 2, 3], "x": pd.Series(values, dtype=object)})
    with pytest.raises(DataError, match="mixes") as caught:
        read(frame, time="time")
    assert (caught.value.column, caught.value.row) == ("x", 1)
    assert caught.value.fix


# Row 18 has a file of its own: test_frames.py.


def test_input_19_one_level():
    frame = daily().assign(only="a", same=5, flat=0.25, flag=False)
    data = read(frame, entity="id", time="time")
    assert data.schema["only"].levels == ("a",)
    assert data.schema["same"].levels == (5,)
    assert data.schema["flat"].bounds == (0.25, 0.25)
    assert data.schema["flag"].kind == "boolean"
    assert not data.schema["only"].static
    pd.testing.assert_frame_equal(data.frame, frame)


def test_input_20_unused_levels():
    grade = pd.Categorical(["low", "high", "low"] * 20, categories=["low", "mid", "high"], ordered=True)
    colour = pd.Categorical(["red", "blue", "red"] * 20, categories=["red", "green", "blue"])
    frame = daily().assign(grade=grade, colour=colour)
    data = read(frame, entity="id", time="time")
    assert data.schema["grade"].levels == ("low", "mid", "high")
    assert data.schema["colour"].levels == ("red", "blue", "green")
    back = data.frame
    assert back["grade"].dtype == frame["grade"].dtype
    assert set(back["colour"].cat.categories) == {"red", "green", "blue"}
    assert back["colour"].astype(str).tolist() == frame["colour"].astype(str).tolist()


def test_input_21_free_text_and_ids():
    frame = daily(5, 40)
    frame = frame.assign(
        note=[f"called about the {i} letter and went home" for i in range(200)],
        ref=[f"R{i * 7919 % 100_003:06d}" for i in range(200)],
        ticket_id=np.random.default_rng(0).permutation(100_000)[:200],
        payee=np.random.default_rng(1).choice([f"P{i:04d}" for i in range(110)], 200),
    )
    frame["payee"] = np.tile([f"P{i:04d}" for i in range(100, 201)], 2)[:200]
    data = read(frame, entity="id", time="time")
    assert data.schema["note"].kind == "text"
    assert data.schema["ref"].kind == "identifier"
    assert data.schema["ticket_id"].kind == "identifier"
    assert (data.schema["payee"].kind, data.schema["payee"].role) == ("identifier", "party")
    assert not any(data.schema[n].levels for n in ("note", "ref", "ticket_id", "payee"))
    assert {n.column for n in codes(data, "identifier_left_out")} == {"ref", "ticket_id", "payee"}
    assert codes(data, "text_left_out")[0].column == "note"


def test_input_22_unicode():
    words = ["straße", "שלום", "😀", "nul\0inside", "e\u0301"] * 12
    frame = daily().assign(word=words)
    data = read(frame, entity="id", time="time")
    assert data.frame["word"].tolist() == words
    frame = daily().assign(word=pd.Series([*words[:-1], "\ud800"], dtype=object))
    with pytest.raises(DataError, match="lone surrogate") as caught:
        read(frame, entity="id", time="time")
    assert (caught.value.column, caught.value.row) == ("word", 59)


def test_input_23_column_names():
    doubled = daily()
    doubled.columns = ["id", "time", "time"]
    with pytest.raises(DataError, match="same name"):
        read(doubled, entity="id", time="time")
    with pytest.raises(DataError, match="no name"):
        read(daily().rename(columns={"x": ""}), entity="id", time="time")
    with pytest.raises(DataError, match="same name"):
        read(pd.DataFrame([[1, 2]], columns=[1, "1"]))
    numbered = read(daily().rename(columns={"x": 7}), entity="id", time="time")
    assert numbered.schema.names == ["id", "time", "7"]
    assert codes(numbered, "names_to_text")
    script = read(daily().rename(columns={"x": "<script>alert(1)</script>"}), entity="id", time="time")
    assert "<script>" not in script._repr_html_()


def test_input_24_decimals_durations_and_flags():
    frame = daily(1, 3).assign(
        price=[Decimal("1.10"), None, Decimal("12345678901234567890.12")],
        wait=pd.to_timedelta([1, None, 3], "s"),
        flag=pd.Series([True, None, False], dtype=object),
        nullable=pd.array([True, None, False], dtype="boolean"),
    )
    data = read(frame, entity="id", time="time")
    back = data.frame
    pd.testing.assert_frame_equal(back, frame)
    assert back["price"].tolist() == frame["price"].tolist()
    assert data.schema["price"].decimals == 2
    assert data.schema["flag"].kind == data.schema["nullable"].kind == "boolean"
    assert data.schema["wait"].unit in ("s", "ms", "us", "ns")


@pytest.mark.parametrize(
    ("values", "what"),
    [
        (np.array([1 + 2j, 0, 0]), "complex"),
        (pd.Series([[1], [2], [3]]), "nested"),
        (pd.Series([{"a": 1}, {}, {}]), "nested"),
        (pd.period_range("2024-01", periods=3, freq="M"), "period"),
        (pd.interval_range(0, 3), "interval"),
    ],
)
def test_input_24_refused_types(values, what):
    with pytest.raises(DataError, match=f"(?i){what}") as caught:
        read(daily(1, 3).assign(bad=values), entity="id", time="time")
    assert caught.value.column == "bad"
    assert caught.value.fix


def test_input_24_refused_types_of_others():
    for table in (
        pa.table({"bad": [[1], [2]]}),
        pa.table({"bad": [b"a", b"b"]}),
        pl.DataFrame({"bad": [[1], [2]]}),
        pl.DataFrame({"bad": [{"a": 1}]}),
    ):
        with pytest.raises(DataError) as caught:
            read(table)
        assert caught.value.column == "bad"


def test_input_25_extreme_numbers():
    frame = daily(1, 4).assign(x=[1e300, -1e300, 5e-324, 0.1 + 0.2])
    data = read(frame, entity="id", time="time")
    assert data.schema["x"].bounds == (-1e300, 1e300)
    pd.testing.assert_frame_equal(data.frame, frame)


def test_input_25_a_million_rows():
    rows = 1_000_000
    table = pa.table({"time": np.arange(rows), "x": np.arange(rows) % 977 / 8})
    data = read(table, time="time")
    assert data.n_rows == rows
    assert data.schema.frequency == "1"
    assert data.schema["x"].decimals == 3
