from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsynth.data.constraints import Constraints, find, from_dict
from tsynth.data.constraints.inequalities import Inequality


def stays(sequences, *, n=150, seed=0, digits=1):
    """Visits of patients until the end of their follow-up, each with a start and a stop."""
    random = np.random.default_rng(seed)
    lengths = random.integers(1, 8, n)
    ids = np.repeat(np.arange(n), lengths)
    time = np.round(random.uniform(0, 1, len(ids)) * np.repeat(random.uniform(1, 14, n), lengths), digits)
    last = np.zeros(n)
    np.maximum.at(last, ids, time)
    followed = np.round(last + random.exponential(1, n), digits)
    return sequences(
        {"id": ids, "time": time, "followed": followed[ids], "x": random.normal(size=len(ids))},
        static=("followed",),
        decimals={"time": digits, "followed": digits},
    )


class TestFinding:
    def test_no_visit_after_the_end_of_follow_up(self, sequences):
        (rule,) = find(stays(sequences))
        assert rule.sentence() == "time <= followed"
        assert (rule.moved, rule.by) == ("followed", "difference")

    def test_a_large_code_is_no_bound_of_an_amount(self, sequences):
        """99.5 % of the amounts lie below a code that counts up: true, and without meaning."""
        random = np.random.default_rng(0)
        ids = np.repeat(np.arange(500), 10)
        code = ids * 10 + random.integers(0, 10, 5000)
        amount = np.round(random.exponential(8, 5000), 2)
        columns = {"id": ids, "time": random.uniform(0, 1, 5000), "amount": amount, "code": code}
        data = sequences(columns, decimals={"amount": 2})
        assert np.mean(amount <= code) > 0.995
        assert find(data) == []
        assert find(data.with_schema(data.schema.edit("code", kind="continuous"))) == []

    def test_counts_below_prices_are_not_of_one_unit(self, sequences):
        random = np.random.default_rng(0)
        ids = np.repeat(np.arange(500), 10)
        count = 1 + random.poisson(2, 5000)
        amount = np.round(count * random.uniform(1, 20, 5000), 2)
        columns = {"id": ids, "time": random.uniform(0, 1, 5000), "count": count, "amount": amount}
        assert find(sequences(columns, decimals={"amount": 2})) == []

    def test_low_open_close_high(self, sequences):
        random = np.random.default_rng(0)
        price = np.exp(np.cumsum(random.normal(0, 0.02, (40, 100)), axis=1)).ravel() * 100
        one, two = price * np.exp(random.normal(0, 0.01, (2, 4000)))
        low = np.minimum(one, two) * np.exp(-random.exponential(0.01, 4000))
        high = np.maximum(one, two) * np.exp(random.exponential(0.01, 4000))
        columns = {"id": np.repeat(np.arange(40), 100), "time": np.tile(np.arange(100.0), 40)}
        prices = {"low": low, "open": one, "close": two, "high": high}
        data = sequences(
            {**columns, **{k: np.round(v, 2) for k, v in prices.items()}}, decimals=dict.fromkeys(prices, 2)
        )
        rules = Constraints(rule for rule in find(data) if rule.name == "inequality")
        assert {rule.sentence() for rule in rules} == {
            "low <= open", "low <= close", "open <= high", "close <= high"
        }  # fmt: skip
        bare = rules.remove(data)
        assert rules.restore(bare).table().equals(data.table())
        shuffled = {
            n: bare.column(n).take(pa.array(random.permutation(4000)))
            for n in bare.rows.column_names
            if n != "time"
        }
        made = rules.restore(bare.with_columns(shuffled))
        assert all(rule.holds(made) == 1.0 for rule in rules)

    def test_a_tenth_of_wrong_rows_is_not_offered(self, sequences):
        data = stays(sequences)
        (rule,) = find(data)
        short = data.numeric("followed").copy()
        short[::5] /= 4
        planted = data.with_columns({"followed": pa.array(short)})
        held, applies = rule.check(planted)
        assert applies.all()
        assert not held[planted.time > planted.numeric("followed")[planted.entity_of_row]].any()
        assert find(planted) == []


class TestPuttingBack:
    @given(st.integers(0, 10**6), st.sampled_from([1, 4]))
    def test_round_trip(self, sequences, seed, digits):
        data = stays(sequences, n=30, seed=seed, digits=digits)
        rule = from_dict(Inequality(columns=("time", "followed")).learned(data).to_dict())
        assert rule.restore(rule.remove(data)).table().equals(data.table())

    def test_any_distance_gives_a_bound(self, sequences):
        data = stays(sequences)
        rule = Inequality(columns=("time", "followed")).learned(data)
        bare = rule.remove(data)
        strange = pa.array(np.random.default_rng(0).normal(0, 5, data.n_entities))
        made = rule.restore(bare.with_columns({rule.gap: strange}))
        assert rule.holds(made) == 1.0
        assert made.column("followed").null_count == 0
        assert made.numeric("followed").max() <= data.schema["followed"].bounds[1]

    def test_datetimes_subtract_exactly_and_keep_their_zone(self, sequences):
        random = np.random.default_rng(0)
        ids = np.repeat(np.arange(100), 5)
        begin = np.datetime64("2021-03-20T00:00:00", "us") + random.integers(0, 10**13, 500)
        stop = begin + random.integers(0, 10**12, 500)
        zone = pa.timestamp("us", tz="Europe/Prague")
        data = sequences({"id": ids, "time": pa.array(begin, zone), "stop": pa.array(stop, zone)})
        (rule,) = find(data)
        assert rule.sentence() == "time <= stop"
        back = rule.restore(rule.remove(data))
        assert back.schema == data.schema
        assert back.table().equals(data.table())

    def test_by_clip_only_rows_that_break_the_rule_change(self, sequences):
        data = sequences(
            {"id": [1, 1, 2], "time": [0.0, 1.0, 0.0], "low": [1.0, 5.0, None], "high": [2.0, 3.0, 4.0]}
        )
        rule = Inequality(columns=("low", "high"), by="clip").learned(data)
        assert rule.remove(data) is data
        made = rule.restore(data)
        assert made.column("high").to_pylist() == [2.0, 5.0, 4.0]
        assert made.column("low").to_pylist() == [1.0, 5.0, None]

    def test_a_bound_whose_partner_is_null_is_clipped_so_that_it_is_kept(self, sequences):
        data = sequences({"id": [1, 1], "time": [0.0, 1.0], "low": [1.0, None], "high": [2.0, 4.0]})
        assert Inequality(columns=("low", "high")).learned(data).by == "clip"


@pytest.mark.needs_data
@pytest.mark.parametrize(
    ("file", "keys", "expected"),
    [
        ("pbc2.csv.gz", {"entity": "id", "time": "year"}, {"year <= years"}),
        (
            "aids_ddi_ddc.csv.gz",
            {"entity": "patient", "time": "obstime"},
            {"obstime <= Time"},
        ),
    ],
)
def test_clinical_tables(shared_data, file, keys, expected):
    from tsynth.data.reading import read

    data = read(shared_data / "clinical" / file, **keys)
    rules = Constraints(find(data))
    assert {rule.sentence() for rule in rules if rule.name == "inequality"} == expected
    back = rules.restore(rules.remove(data))
    mended = {name for rule in rules if rule.share < 1 for name in rule.changes}
    for name in (n for n in data.schema.names if n not in mended):
        own, was = back.table()[name], data.table()[name]
        if pa.types.is_floating(was.type):
            # A distance is a float, so a bound without decimals may come back one bit beside itself.
            np.testing.assert_allclose(np.asarray(own, dtype=float), np.asarray(was, dtype=float), rtol=3e-16)
        else:
            assert own.equals(was)
