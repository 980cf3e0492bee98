"""Inputs whose outcome shows only after sampling; the others stand in tests/data/test_inputs.py, by number."""

import datetime
import warnings
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pytest

import tsynth
from tsynth.errors import PrivacyWarning, UsageError
from tsynth.testing import cohort, mixed, panel


def rows(entities=60, length=20, **columns):
    """Entities with daily-ish rows; `columns` are functions of (number of rows, generator)."""
    random = np.random.default_rng(5)
    n = entities * length
    gaps = random.integers(1, 5, (entities, length)).cumsum(axis=1)
    table = {
        "who": np.repeat(np.arange(entities) + 500, length),
        "when": np.datetime64("2024-01-01") + gaps.ravel().astype("m8[D]"),
        "x": np.round(random.normal(50, 10, n), 1),
    }
    return pa.table(table | {name: make(n, random) for name, make in columns.items()})


def fitted(table, **keywords):
    return tsynth.create("markov_renewal").fit(tsynth.read(table, entity="who", time="when", **keywords))


@pytest.mark.parametrize("generator", ["markov_renewal", "block_bootstrap"])
def test_input_02_one_entity_warns(generator):
    data = panel().take(np.array([0]))
    with pytest.warns(PrivacyWarning, match="one entity"):
        made = tsynth.create(generator).fit(data).sample(3, seed=1)
    assert made.n_entities == 3


def test_input_02_is_noted_where_it_is_read():
    data = tsynth.read(pa.table({"when": np.arange(30.0), "x": np.arange(30.0) % 7}), time="when")
    assert "one_entity" in [note.code for note in data.notes]


def test_input_04_all_null_column_comes_back_null():
    made = fitted(rows(empty=lambda n, _: pa.nulls(n, pa.float64()))).sample(20, seed=1).table()
    assert made["empty"].type == pa.float64()
    assert made["empty"].null_count == made.num_rows > 0


def test_input_05_null_rate_and_its_pattern_over_time():
    """A tenth null in the first half of each sequence, six tenths in the second; 60 x 20 rows give a standard error
    of .02 a half on each side, so .12 is missed by chance in fewer than 1 of 10,000 runs."""

    def holes(n, random):
        late = np.arange(n) % 20 >= 10
        return pa.array(np.round(random.normal(0, 1, n), 2), mask=random.random(n) < np.where(late, 0.6, 0.1))

    model = fitted(rows(y=holes))
    made = model.sample(300, seed=1)
    null = made.nulls("y")
    assert null.mean() == pytest.approx(0.35, abs=0.12)
    late = made.step_of_row >= 10
    assert null[late].mean() > null[~late].mean() + 0.2


def test_input_11_no_local_time_that_never_existed():
    """2024-03-31 02:30 does not exist in Prague: rows each hour around the change of summer time."""
    zone = ZoneInfo("Europe/Prague")
    start = datetime.datetime(2024, 3, 30, 20, tzinfo=datetime.UTC)
    times, who = [], []
    for entity in range(40):
        for step in range(12):
            moment = start + datetime.timedelta(minutes=37 * step + entity)
            times.append(moment)
            who.append(entity + 900)
    when = pa.array(times, pa.timestamp("us", tz="Europe/Prague"))
    made = (
        fitted(pa.table({"who": who, "when": when, "x": np.arange(len(who)) % 9})).sample(60, seed=1).table()
    )
    assert made["when"].type == when.type
    for moment in made["when"].to_pylist():
        local = moment.astimezone(zone)
        assert local.astimezone(datetime.UTC).astimezone(zone).replace(tzinfo=None) == local.replace(
            tzinfo=None
        )
        assert not (local.date() == datetime.date(2024, 3, 31) and local.hour == 2)


def test_input_13_gaps_of_a_regular_series_stay():
    data = panel()
    keep = np.random.default_rng(1).random(data.n_rows) > 0.1
    gappy = tsynth.read(data.table().filter(pa.array(keep)), entity="item", time="month")
    assert gappy.schema.frequency == "MS"
    made = tsynth.create("block_bootstrap").fit(gappy).sample(gappy.n_entities, seed=1)
    months = made.table()["month"].to_numpy().astype("M8[M]").astype(int)
    steps = np.diff(months)[np.diff(made.entity_of_row) == 0]
    assert steps.min() >= 1
    assert (steps > 1).mean() == pytest.approx(0.1, abs=0.04)


def test_input_20_unused_level_at_fit_and_unseen_level_at_sample():
    data = cohort()
    schema = data.schema.edit("drug", levels=(*data.schema["drug"].levels, "never given"))
    model = tsynth.create("markov_renewal").fit(data.with_schema(schema))
    assert "never given" not in model.sample(200, seed=1).table()["drug"].to_pylist()
    with pytest.raises(UsageError, match=r"drug.*never occurred.*use one of"):
        model.sample(conditions=pa.table({"drug": ["unknown drug"]}))


def test_input_21_text_and_ids_are_never_memorised():
    def text(n, _):
        return pa.array(
            [f"called the bank about matter {i * 7919 % 10007}, will call again" for i in range(n)]
        )

    table = rows(note=text, reference=lambda n, _: pa.array([f"R-{i:06d}" for i in range(n)]))
    model = fitted(table)
    made = model.sample(60, seed=1).table()
    assert made["note"].null_count == made.num_rows
    assert not set(made["reference"].to_pylist()) & set(table["reference"].to_pylist())
    assert "called the bank" not in str(model.get_state())


@pytest.mark.slow
def test_input_25_one_entity_of_a_million_rows():
    n = 1_000_000
    random = np.random.default_rng(3)
    table = pa.table(
        {"when": np.cumsum(random.exponential(1.0, n)), "mark": random.choice(["a", "b", "c"], n)}
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PrivacyWarning)
        made = tsynth.create("markov_renewal").fit(tsynth.read(table, time="when")).sample(1, seed=1)
    assert np.isfinite(made.time).all()
    assert made.n_rows > 1000


def test_input_25_huge_numbers_stay_finite():
    def huge(n, random):
        return pa.array(np.where(random.random(n) < 0.5, 1e300, 5e-324) * random.random(n))

    made = fitted(rows(y=huge)).sample(40, seed=1)
    assert np.isfinite(made.numeric("y")).all()


def test_rows_out_of_a_release_are_never_source_rows():
    data = mixed()
    made = tsynth.create("markov_renewal").fit(data).sample(data.n_entities, seed=1)
    assert not set(map(str, made.table().to_pylist())) & set(map(str, data.table().to_pylist()))
