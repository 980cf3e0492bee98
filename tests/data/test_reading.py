"""Several files, an entity table, a time in two columns, and a schema that is known."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from tsynth.data.files import write_csv
from tsynth.data.infer import guess_entity_time, infer
from tsynth.data.reading import build, read, read_table
from tsynth.data.schema import Column, Schema
from tsynth.errors import DataError, SchemaMismatch, UsageError


def visits() -> pd.DataFrame:
    rng = np.random.default_rng(5)
    return pd.DataFrame(
        {
            "patient": np.repeat(np.arange(40), 6),
            "day": np.tile(np.arange(6) * 30, 40) + rng.integers(0, 9, 240),
            "crp": rng.gamma(2, 3, 240).round(1),
            "sex": np.repeat(rng.choice(["f", "m"], 40), 6),
        }
    )


def codes(data) -> list[str]:
    return [note.code for note in data.notes]


# -- the entity table


def test_entity_table():
    people = pd.DataFrame({"patient": [5, 3, 99], "age": [71.5, 62.25, 50.0], "day": [1, 2, 3]})
    data = read(visits(), entity="patient", time="day", entities=people)
    assert data.n_entities == 41
    assert data.lengths[-1] == 0
    assert data.schema.entity_columns == ("age", "entity_day")
    assert data.schema["age"].static
    assert data.schema["age"].nullable
    assert {"renamed", "entity_unknown", "entity_without_rows"} <= set(codes(data))
    table = data.entity_frame.set_index("patient")
    assert table.loc[99, "age"] == 50
    assert table.loc[5, "age"] == 71.5
    assert table["age"].notna().sum() == 3
    # Statics of the rows are not known for an entity without rows.
    assert data.entities["sex"].null_count == 1
    assert data.frame.columns.tolist() == visits().columns.tolist()


def test_entity_table_from_a_file(tmp_path):
    people = pa.table({"patient": [str(i) for i in range(40)], "ward": ["north", "south"] * 20})
    write_csv(people, tmp_path / "people.csv")
    frame = visits().astype({"patient": "str"})
    data = read(frame, entity="patient", time="day", entities=tmp_path / "people.csv")
    assert data.entities["ward"].null_count == 0
    assert data.schema["ward"].kind == "category"


@pytest.mark.parametrize(
    ("people", "message"),
    [
        ({"patient": [1, 2, 1], "age": [1, 2, 3]}, "entity 1 2 times"),
        ({"patient": [1, None], "age": [1, 2]}, "1 rows without id"),
        ({"person": [1], "age": [1]}, "has no column 'patient'"),
        ({"patient": ["x"], "age": [1]}, "is string in the entity table but int64"),
    ],
)
def test_entity_table_refused(people, message):
    with pytest.raises(DataError, match=message):
        read(visits(), entity="patient", time="day", entities=pa.table(people))


def test_entity_table_needs_an_entity():
    with pytest.raises(UsageError, match="needs an entity"):
        read(visits(), time="day", entities=visits())


def test_observation_window():
    people = pd.DataFrame({"patient": np.arange(40), "start": 0, "end": 400})
    data = read(visits(), entity="patient", time="day", entities=people)
    assert (data.start == 0).all()
    assert (data.end == 400).all()


# -- several files


def test_same_columns_are_stacked():
    frame = visits()
    data = read([frame.iloc[:100], frame.iloc[100:]], entity="patient", time="day")
    assert data.content_hash() == read(frame, entity="patient", time="day").content_hash()


def test_unlike_columns_are_merged():
    frame = visits()
    other = frame[["patient", "day"]].iloc[::2].assign(hb=np.arange(120) / 8)
    extra = pd.DataFrame({"patient": [0], "day": [1000], "hb": [9.5]})
    data = read([frame, pd.concat([other, extra])], entity="patient", time="day")
    assert data.n_rows == 241
    assert data.frame["hb"].notna().sum() == 121
    assert "merged" in codes(data)
    last = data.frame[data.frame.patient == 0].iloc[-1]
    assert (last.day, last.hb) == (1000, 9.5)
    assert np.isnan(last.crp)


def test_merged_columns_must_agree():
    frame = visits()
    other = frame[["patient", "day", "crp"]].assign(hb=1.5)
    assert read([frame, other], entity="patient", time="day").n_rows == 240
    other.loc[3, "crp"] += 1
    with pytest.raises(DataError, match="crp: source 1 says") as caught:
        read([frame, other], entity="patient", time="day")
    assert caught.value.entity == 0


# -- time in two columns


@pytest.mark.parametrize("hour", ["int", "time"])
def test_time_in_two_columns(hour):
    rng = np.random.default_rng(2)
    hours = rng.integers(0, 24, 90)
    frame = pd.DataFrame(
        {
            "card": np.repeat(np.arange(9), 10),
            "date": rng.choice(pd.date_range("2024-01-01", periods=20), 90),
            "hour": hours if hour == "int" else pd.Series([dt.time(h, 30) for h in hours], dtype=object),
            "x": rng.normal(size=90),
        }
    )
    data = read(frame, entity="card", time=["date", "hour"])
    assert data.schema.time == "date+hour"
    assert data.schema.time_unit == ("h" if hour == "int" else "min")
    back = data.frame
    assert back.dtypes.to_dict() == frame.dtypes.to_dict()
    expected = frame.sort_values(["card", "date", "hour"], kind="stable").reset_index(drop=True)
    pd.testing.assert_frame_equal(back.drop(columns="x"), expected.drop(columns="x"))


def test_day_number_and_hour():
    frame = pa.table(
        {
            "card": [1, 1, 1],
            "day": pa.array([3, 1, 1], "int16"),
            "hour": pa.array([1, 23, 2], "int8"),
            "x": [1, 2, 3],
        }
    )
    data = read(frame, entity="card", time=["day", "hour"])
    assert data.time.tolist() == [26, 47, 73]
    assert data.schema["day+hour"].unit == "h"
    assert data.frame.schema == frame.schema
    assert data.frame["x"].to_pylist() == [3, 2, 1]
    with pytest.raises(DataError, match="no hour of a day"):
        read(frame.set_column(2, "hour", pa.array([1, 23, 77])), entity="card", time=["day", "hour"])


# -- a schema that is known


def test_schema_given_gives_the_same_sequences():
    data = read(visits(), entity="patient", time="day")
    again = read(visits().sample(frac=1, random_state=0), schema=data.schema)
    assert again.content_hash() == data.content_hash()
    assert again.schema == data.schema


def test_schema_given_casts_where_nothing_is_lost():
    schema = read(visits(), entity="patient", time="day").schema
    narrow = visits().astype({"patient": "int8", "day": "float64", "crp": "str"})
    data = read(narrow, schema=schema)
    assert codes(data).count("cast") == 3
    assert data.content_hash() == read(visits(), schema=schema).content_hash()


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (lambda f: f.drop(columns="crp"), "column 'crp' is missing"),
        (lambda f: f.assign(more=1), "column 'more' is not in the schema"),
        (lambda f: f.assign(day=f.day + 0.5), "column 'day': double that does not fit int64"),
        (lambda f: f.assign(crp="high"), "string that does not fit double"),
        (lambda f: f.assign(crp=2**60 + 1), "column 'crp': int64 that does not fit double"),
    ],
)
def test_schema_given_refuses(change, line):
    schema = read(visits(), entity="patient", time="day").schema
    with pytest.raises(SchemaMismatch) as caught:
        read(change(visits()), schema=schema)
    assert any(found.endswith(line) for found in caught.value.differences)


def test_static_of_the_schema_must_hold():
    schema = read(visits(), entity="patient", time="day").schema
    assert schema["sex"].static
    frame = visits()
    frame.loc[8, "sex"] = "other"
    with pytest.raises(DataError, match="sex: is static in the schema, but entity 1") as caught:
        read(frame, schema=schema)
    assert caught.value.entity == 1


def test_build_without_reading():
    table = pa.table({"id": ["b", "a", "a"], "t": [1.5, 3.0, 2.0]})
    schema = Schema(
        (Column("id", "identifier", "entity", static=True, dtype="string"), Column("t", "continuous", "time"))
    )
    data = build(table, schema)
    assert data.entities["id"].to_pylist() == ["a", "b"]
    assert data.time.tolist() == [2, 3, 1.5]


def test_text_that_is_time_is_parsed():
    table = pa.table(
        {
            "id": ["a"] * 3,
            "t": ["2024-01", "2024-02", "2024-03"],
            "born": ["1990-05-06"] * 3,
            "code": ["007", "008", "009"],
        }
    )
    data = read(table, entity="id", time="t")
    assert data.schema["t"].kind == "datetime"
    assert data.schema.frequency == "MS"
    assert data.schema["born"].dtype == "date32[day]"
    assert data.schema["code"].dtype == "string"
    with pytest.raises(DataError, match="t: is the time but holds text"):
        read(table.set_column(1, "t", pa.array(["a", "b", "c"])), entity="id", time="t")


def test_columns_that_do_not_exist():
    with pytest.raises(DataError, match=r"no column 'who' for the entity.*choose one of patient"):
        read(visits(), entity="who", time="day")
    with pytest.raises(DataError, match="no column 'when' for the time"):
        read(visits(), entity="patient", time="when")
    with pytest.raises(UsageError, match="role 'boss' does not exist"):
        read(visits(), entity="patient", time="day", roles={"sex": "boss"})


def test_roles_given():
    schema = read(visits(), entity="patient", time="day", roles={"sex": "group"}).schema
    assert schema["sex"].role == "group"


def test_an_index_that_pandas_saved_is_left_out(tmp_path):
    frame = pd.DataFrame({"id": [1, 1, 2], "day": [1, 2, 1], "x": [0.5, 1.5, 2.5]}).iloc[[2, 0, 1]]
    frame.to_parquet(tmp_path / "rows.parquet")
    data = read(tmp_path / "rows.parquet", entity="id", time="day")
    assert [c.name for c in data.schema] == ["id", "day", "x"]
    assert [n.column for n in data.notes if n.code == "index_left_out"] == ["__index_level_0__"]


# -- inference on made tables


def test_guess():
    entity, time, reasons = guess_entity_time(read_table(visits())[0])
    assert (entity, time) == ("patient", "day")
    assert len(reasons) == 2
    assert guess_entity_time(pa.table({"x": [1.5, 2.5]}))[:2] == (None, None)


@pytest.mark.parametrize("name", ["Kundennr", "customerid", "patientno", "konto"])
def test_guess_reads_words_written_together(name):
    table = pa.table({name: [7, 7, 7, 8, 8, 8], "x": [1.5, 2.5, 0.5, 1.0, 2.0, 3.5]})
    assert guess_entity_time(table)[0] == name


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("full name", "identifier"),
        ("Nachname", "identifier"),
        ("email", "identifier"),
        ("product name", "category"),
    ],
)
def test_names_of_people_are_never_levels(name, kind):
    table = pa.table(
        {"id": np.repeat(np.arange(60), 4), name: np.repeat([f"N {i % 20}" for i in range(60)], 4)}
    )
    assert infer(table, entity="id")[name].kind == kind


def test_levels_most_frequent_first_ties_by_value():
    table = pa.table(
        {"t": range(60), "c": ["b"] * 20 + ["a"] * 20 + ["z"] * 20, "d": ["z"] * 30 + ["a"] * 20 + ["b"] * 10}
    )
    schema = infer(table, time="t")
    assert schema["c"].levels == ("a", "b", "z")
    assert schema["d"].levels == ("z", "a", "b")


@pytest.mark.parametrize(
    ("start", "step", "frequency"),
    [
        ("2024-01-01", "D", "D"),
        ("2024-01-01", "B", "B"),
        ("2024-01-01", "MS", "MS"),
        ("2024-01-31", "ME", "ME"),
        ("2024-01-01", "QS", "QS"),
        ("2024-01-01", "YS", "YS"),
        ("2024-01-01", "h", "h"),
        ("2024-01-01", "15min", "15min"),
        ("2024-01-01", "W", "W"),
        ("2024-01-01", "2h", "2h"),
    ],
)
def test_frequency_of_dates(start, step, frequency):
    times = pd.date_range(start, periods=60, freq=step)
    table = pa.table({"id": [0] * 60 + [1] * 60, "t": [*times, *times], "x": np.arange(120) / 8})
    schema = infer(table, entity="id", time="t")
    assert schema.frequency == frequency
    assert schema.time_unit == ("h" if step in ("h", "2h") else "min" if step == "15min" else "d")


def test_frequency_of_numbers_and_of_unlike_series():
    assert infer(pa.table({"t": np.arange(50) * 5}), time="t").frequency == "5"
    assert infer(pa.table({"t": np.arange(50) * 0.25}), time="t").frequency == "0.25"
    assert infer(pa.table({"t": np.random.default_rng(0).random(50)}), time="t").frequency is None
    days, months = pd.date_range("2020-01-01", periods=50), pd.date_range("2020-01-01", periods=50, freq="MS")
    table = pa.table({"id": ["d"] * 50 + ["m"] * 50, "t": [*days, *months]})
    assert infer(table, entity="id", time="t").frequency == "mixed"


def test_times_without_zone_get_one():
    frame = pd.DataFrame({"t": pd.to_datetime(["2024-03-31 01:30", "2024-03-31 03:30"]), "x": [1.0, 2]})
    data = read(frame, time="t", time_zone="Europe/Prague")
    assert data.schema.timezone == "Europe/Prague"
    assert "zone" in codes(data)
    frame.loc[1, "t"] = pd.Timestamp("2024-03-31 02:30")
    with pytest.raises(DataError, match="local time that the zone Europe/Prague does not have"):
        read(frame, time="t", time_zone="Europe/Prague")


def test_windows_of_a_frame_may_be_text():
    rows = pa.table({"who": ["a", "a", "b"], "day": ["2024-03-01", "2024-05-20", "2024-04-02"]})
    owners = {"who": ["a", "b"], "start": ["2024-01-01"] * 2, "end": ["2024-06-01", "2024-12-31"]}
    data = read(rows, entities=pa.table(owners), entity="who", time="day")
    np.testing.assert_array_equal(data.start, np.full(2, np.datetime64("2024-01-01", "D").astype(int)))
    assert [data.schema[name].role for name in ("start", "end")] == ["start", "stop"]
    assert any(note.column == "end" and "text read as times" in note.message for note in data.notes)


def test_words_called_end_are_no_window():
    rows = pa.table({"who": ["a", "a", "b"], "day": ["2024-03-01", "2024-05-20", "2024-04-02"]})
    owners = pa.table({"who": ["a", "b"], "end": ["won", "lost"]})
    data = read(rows, entities=owners, entity="who", time="day")
    assert data.schema["end"].kind == "category"
    np.testing.assert_array_equal(data.end, data.time[[1, 2]])
