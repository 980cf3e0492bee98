from __future__ import annotations

import json

import numpy as np
import pyarrow as pa

from tsynth.data.constraints import find, from_dict


def stamps(seed=0, n=120, rows=10):
    random = np.random.default_rng(seed)
    ticks = np.sort(random.integers(0, 86_400 * 1500, (n, rows)), axis=1).ravel()
    time = np.datetime64("2020-01-01T00:00:00") + ticks
    return {"id": np.repeat(np.arange(n), rows), "time": time}, random


def told(data):
    return {rule.sentence(): rule for rule in find(data) if rule.form == "clock"}


def test_parts_and_flags_of_a_timestamp(sequences):
    columns, random = stamps()
    time = columns["time"]
    hour, weekday = time.astype("M8[h]").astype(int) % 24, (time.astype("M8[D]").astype(int) + 3) % 7
    columns |= {"hour": hour, "month": time.astype("M8[M]").astype(int) % 12 + 1}
    columns |= {"year": time.astype("M8[Y]").astype(int) + 1970, "weekend": weekday >= 5}
    columns |= {"shift": np.where(hour < 6, "night", "day"), "other": random.integers(0, 5, 1200)}
    data = sequences(columns)
    rules = told(data)
    assert set(rules) == {
        "hour is the hour of time",
        "month is the month of time",
        "year is the year of time",
        "weekend is told by the weekday of time",
        "shift is told by the hour of time",
    }
    later = pa.array(time + np.timedelta64(400, "D"))
    for rule in rules.values():
        again = from_dict(json.loads(json.dumps(rule.to_dict())))
        bare = again.remove(data)
        back = again.restore(bare)
        assert back.schema == data.schema
        assert back.table().equals(data.table())
        # Times that never occurred have their parts too, years included.
        assert again.holds(again.restore(bare.with_columns({"time": later}))) == 1.0
    made = rules["year is the year of time"].restore(data.with_columns({"time": later}))
    assert made.numeric("year").max() == 2025


def test_a_clock_that_counts_hours(sequences):
    random = np.random.default_rng(0)
    time = np.sort(random.integers(0, 24 * 90, (120, 10)), axis=1).ravel()
    columns = {"id": np.repeat(np.arange(120), 10), "time": time, "hour": time % 24}
    data = sequences(columns, unit="h")
    assert set(told(data)) == {"hour is the hour of time"}


def test_an_hour_that_is_another_in_one_row_of_fifty_is_not_told(sequences):
    columns, random = stamps()
    hour = columns["time"].astype("M8[h]").astype(int) % 24
    columns["hour"] = np.where(random.random(1200) < 0.02, (hour + 1) % 24, hour)
    assert told(sequences(columns)) == {}


def test_a_weekday_habit_is_no_table(sequences):
    """Nine in ten rows of a code fall on the weekend: a lean, no function."""
    columns, random = stamps()
    weekday = (columns["time"].astype("M8[D]").astype(int) + 3) % 7
    columns["leisure"] = (weekday >= 5) ^ (random.random(1200) < 0.1)
    assert told(sequences(columns)) == {}
