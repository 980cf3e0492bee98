from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from tsynth.data.constraints import Constraints, find, from_dict
from tsynth.data.constraints.calendar import MonthDay, MonthEnd, Weekday, days, months


def statements(sequences, *, n=80, seed=0, dtype="datetime64[s]", zone=None):
    """Accounts with purchases at any time and interest at each month end of a year and a half."""
    random = np.random.default_rng(seed)
    ids, when, codes = [], [], []
    ends = np.arange("2020-02", "2021-08", dtype="datetime64[M]").astype("datetime64[D]") - 1
    for i in range(n):
        some = np.datetime64("2020-01-01") + random.integers(0, 540, 25)
        from_here = ends[random.integers(0, 6) :]
        day = np.concatenate([some, from_here])
        ids += [i] * len(day)
        when += (day.astype("datetime64[s]") + random.integers(0, 86_400, len(day))).tolist()
        codes += ["buy"] * 25 + ["interest"] * len(from_here)
    kind = pa.timestamp("s", tz=zone) if dtype == "datetime64[s]" else pa.date32()
    time = pa.array(np.array(when, dtype="datetime64[s]").astype(dtype)).cast(
        pa.timestamp("s") if zone else kind
    )
    if zone:
        time = pa.compute.assume_timezone(time, zone, ambiguous="earliest", nonexistent="latest")
    data = sequences({"id": ids, "time": time, "code": codes, "x": random.normal(size=len(ids))})
    return data.with_schema(data.schema.replace(time_unit="d", timezone=zone))


class TestMonthEnd:
    def test_interest_falls_on_month_ends_once_a_month(self, sequences):
        (rule,) = find(statements(sequences))
        assert (
            rule.sentence() == "rows with code = interest fall on the last day of a month, once a month only"
        )
        assert rule.columns == ("time", "code")

    @pytest.mark.parametrize(
        ("dtype", "zone"),
        [("datetime64[s]", None), ("datetime64[D]", None), ("datetime64[s]", "Europe/Prague")],
    )
    def test_rows_move_to_month_ends_in_order_and_others_stay(self, sequences, dtype, zone):
        data = statements(sequences, dtype=dtype, zone=zone)
        rule = from_dict(MonthEnd(columns=("time", "code"), levels=("interest",)).learned(data).to_dict())
        assert rule.restore(data) is data
        random = np.random.default_rng(0)
        mixed = data.with_columns(
            {"code": data.column("code").take(pa.array(random.permutation(data.n_rows)))}
        )
        assert rule.holds(mixed) < 0.6
        made = rule.restore(mixed)
        assert rule.holds(made) == 1.0
        assert made.column("time").type == data.column("time").type
        same = made.entity_of_row[1:] == made.entity_of_row[:-1]
        assert np.all(np.diff(made.time)[same] >= 0)
        interest = np.asarray(pa.compute.equal(made.column("code"), "interest"))
        keys = np.column_stack([made.entity_of_row, months(days(made))])[interest]
        assert len(np.unique(keys, axis=0)) == len(keys)
        # Rows of the other code are the same rows, at the same times.
        was = mixed.keep_rows(np.asarray(pa.compute.equal(mixed.column("code"), "buy")))
        now = made.keep_rows(~interest)
        assert sorted(now.column("x").to_pylist()) == sorted(was.column("x").to_pylist())
        assert np.array_equal(np.sort(now.time), np.sort(was.time))

    def test_rows_without_a_free_month_are_left_out(self, sequences):
        ids = [1] * 4
        time = np.array(["2020-01-05", "2020-01-10", "2020-01-31", "2020-02-29"], dtype="datetime64[D]")
        data = sequences({"id": ids, "time": time, "code": ["a", "a", "a", "a"]})
        rule = MonthEnd(columns=("time",), span=(int(days(data)[2]), int(days(data)[3])), once=True)
        assert rule.restore(data).n_rows == 2

    def test_an_entity_window_is_kept(self, sequences):
        data = statements(sequences)
        rule = MonthEnd(columns=("time", "code"), levels=("interest",)).learned(data)
        mixed = data.with_columns({"code": pa.array(["interest"] * data.n_rows)})
        begin = pa.array(np.full(data.n_entities, "2020-01-01", dtype="datetime64[s]"))
        end = pa.array(np.full(data.n_entities, "2020-12-30", dtype="datetime64[s]"))
        early = mixed.keep_rows(days(mixed) < np.datetime64("2020-12-30").astype(int))
        windowed = early.with_columns({}, early.schema)
        windowed = type(windowed)(
            schema=windowed.schema,
            rows=windowed.rows,
            offsets=windowed.offsets,
            entities=windowed.entities.append_column("start", begin).append_column("end", end),
        )
        made = rule.restore(windowed)
        assert rule.holds(made) == 1.0
        assert days(made).max() == np.datetime64("2020-11-30").astype(int)

    def test_few_months_are_too_few(self, sequences):
        data = statements(sequences)
        short = data.keep_rows(days(data) < np.datetime64("2020-05-15").astype(int))
        assert find(short) == []

    def test_a_tenth_off_is_not_offered(self, sequences):
        data = statements(sequences)
        code = np.array(data.column("code").to_pylist())
        code[np.random.default_rng(0).random(len(code)) < 0.05] = "interest"
        assert find(data.with_columns({"code": pa.array(code)})) == []


def test_the_first_of_the_month(sequences):
    random = np.random.default_rng(0)
    first = np.arange("2020-01", "2021-06", dtype="datetime64[M]").astype("datetime64[D]")
    time = np.concatenate([first[random.random(len(first)) < 0.8] for _ in range(100)])
    ids = np.cumsum(np.append(True, time[1:] <= time[:-1]))
    data = sequences({"id": ids, "time": time})
    (rule,) = [c for c in find(data) if c.name == "month_day"]
    assert rule.sentence() == "rows fall on day 1 of a month, once a month only"
    later = data.with_columns({"time": pa.array(time + 9).cast(data.column("time").type)})
    assert rule.holds(later) == 0.0
    assert rule.holds(rule.restore(later)) == 1.0
    assert MonthDay(columns=("time",), day=31)._in_month(np.array([1]))[0] == 31 + 28 - 1  # February 1970


class TestWeekday:
    def shop(self, sequences, closed=(5, 6)):
        random = np.random.default_rng(0)
        day = random.integers(18_000, 18_400, 6000)
        day = day[~np.isin((day + 3) % 7, closed)]
        ids = random.integers(0, 200, len(day))
        return sequences(
            {"id": ids, "time": np.datetime64("1970-01-01") + day, "x": random.normal(size=len(day))}
        )

    def test_a_shop_closed_at_weekends(self, sequences):
        data = self.shop(sequences)
        (rule,) = find(data)
        assert rule.sentence() == "rows fall on every day but Saturday and Sunday only"
        moved = data.with_columns(
            {"time": pa.array(np.datetime64("1970-01-01") + np.clip(days(data) + 2, 18_000, 18_399))}
        )
        moved = moved.reorder(np.lexsort((moved.step_of_row, moved.time, moved.entity_of_row)))
        assert rule.holds(moved) < 0.7
        made = rule.restore(moved)
        assert rule.holds(made) == 1.0
        assert made.n_rows == data.n_rows

    def test_one_day_of_rest_needs_more_dates(self, sequences):
        (rule,) = find(self.shop(sequences, closed=(5,)))
        assert rule.sentence() == "rows fall on every day but Saturday only"
        assert find(self.shop(sequences, closed=())) == []

    def test_sentence(self):
        assert Weekday(columns=("t", "c"), levels=("x", None), weekdays=(0,)).sentence() == (
            "rows with c = x or null fall on Monday only"
        )


@pytest.mark.needs_data
def test_berka_interest_and_fees(shared_data):
    from tsynth.data.reading import read

    data = read(
        shared_data / "transactions" / "berka" / "trans_1993-01_1994-03.parquet",
        entity="account_id",
        time="date",
    )
    rules = Constraints(find(data))
    said = {rule.sentence() for rule in rules}
    assert "balance = previous balance + signed amount (sign by type); it opens at 0" in said
    assert "rows with k_symbol = UROK fall on the last day of a month only" in said
    (combination,) = [rule for rule in rules if rule.name == "combination"]
    assert {"type", "operation", "k_symbol"} <= set(combination.columns)
    back = rules.restore(rules.remove(data))
    assert back.schema == data.schema
    assert back.n_rows == data.n_rows
    assert all(rule.holds(back) >= 0.9999 for rule in rules)
