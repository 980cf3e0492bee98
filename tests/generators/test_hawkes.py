"""`Hawkes` end to end: parameters come back, windows, ties and histories are kept, bad input is told."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

import tsynth
from tsynth.compiled.hawkes import ties as loops
from tsynth.data.encoding import Field
from tsynth.data.schema import Column, Schema
from tsynth.data.sequences import Sequences
from tsynth.data.streams import Streams
from tsynth.errors import DataError, TsynthError, UsageError
from tsynth.generators.point_process.excitation.process import (
    Baseline,
    Events,
    Exponentials,
    PowerLaw,
    Process,
)
from tsynth.generators.point_process.frailty import expected_immigrants
from tsynth.generators.point_process.hawkes_events import joined
from tsynth.generators.point_process.hawkes_parameters import process_from_state, process_to_state
from tsynth.generators.values import Skeleton, learn_field, merge_field

ID = Column("id", kind="identifier", role="entity", static=True, dtype="int64")
DAY = Column("t", role="time")
PLAIN = Schema((ID, DAY), time_unit="d")
MATRIX = np.array([[0.4, 0.2], [0.0, 0.3]])


def marked(levels="ab"):
    mark = Column("what", kind="category", role="mark", dtype="string", levels=tuple(levels))
    return Schema((ID, DAY, mark), time_unit="d")


def pair(window=(0, 50), **more):
    return tsynth.Hawkes.from_parameters(
        marked(), baseline=[0.2, 0.1], adjacency=MATRIX, decay=2.0, window=window, **more
    )


def build(entity, time, columns=None, *, kind="continuous", entities=None, unit="d"):
    """Rows of entities in order, with windows where `entities` has start and end."""
    entity = np.asarray(entity)
    cut = np.flatnonzero(np.r_[True, entity[1:] != entity[:-1]]) if len(entity) else np.empty(0, int)
    stamp = np.asarray(time, np.float64)
    rows = {
        "t": pa.array(stamp.astype("datetime64[D]").astype("datetime64[us]") if kind == "datetime" else stamp)
    }
    made = [ID, Column("t", kind=kind, role="time", dtype=str(rows["t"].type))]
    for name, (how, x) in (columns or {}).items():
        rows[name] = pa.array(x)
        made.append(Column(name, dtype=str(rows[name].type), **how))
    home = {"id": pa.array(entity[cut])}
    for name, x in (entities or {}).items():
        home[name] = pa.array(x)
        if name not in ("start", "end"):
            made.append(Column(name, kind="category", static=True, levels=("f", "m"), dtype="string"))
    return Sequences(
        Schema(tuple(made), time_unit=unit, constraints=()),
        pa.table(rows),
        np.r_[cut, len(entity)],
        pa.table(home),
    )


def within(fit, name, truth, errors=4.5):
    """An estimate within so many standard errors; 4.5 fails in 7 of a million for one normal estimate."""
    at = fit["names"].index(name)
    return abs(fit["estimates"][at] - truth) < errors * fit["errors"][at]


@pytest.fixture(scope="module")
def pairs():
    data = pair(frailty=0.4).sample(300, seed=1)
    return data, tsynth.Hawkes().fit(data)


# -- from parameters


def test_parameters_alone_make_tables_and_arrays():
    cards = pair()
    # (I - A)^-1 mu = (.3810, .1429) a day makes 26.19 in 50 days; after a start from nothing the excitation, .1810 and
    # .0429 a day in the end, builds up at 2 (I - A): less by the sum of its inverse times them, .19.
    made = cards.sample(800, seed=1)
    assert abs(made.n_rows / 800 - 26.0) < 4.5 * np.sqrt(made.lengths.var() / 800)
    assert made.schema.names == ["id", "t", "what"]
    assert made.end.max() == 50
    flat = cards.simulate(200, seed=1, tree=True)
    child = np.flatnonzero(flat.parent >= 0)
    owner = np.repeat(np.arange(200), np.diff(flat.offsets))
    assert np.all(flat.times[flat.parent[child]] < flat.times[child])
    assert np.all(owner[flat.parent[child]] == owner[child])
    assert np.all(flat.generation[child] == flat.generation[flat.parent[child]] + 1)
    assert not np.any((flat.types[flat.parent[child]] == 0) & (flat.types[child] == 1))  # MATRIX[1, 0] is 0
    part = cards.simulate(50, seed=1, first=150, tree=True)
    np.testing.assert_array_equal(part.times, flat.times[flat.offsets[150] :])


def test_a_window_of_dates_and_the_default_window():
    time = Column("t", kind="datetime", role="time", dtype="timestamp[s]")
    dated = Schema((ID, time), time_unit="d")
    year = tsynth.Hawkes.from_parameters(dated, baseline=1.0, window=("2024-01-01", "2025-01-01"))
    days = year.sample(20, seed=1).column("t").to_numpy()
    assert days.min() >= np.datetime64("2024-01-01")
    assert days.max() < np.datetime64("2025-01-01")
    made = tsynth.Hawkes.from_parameters(PLAIN, baseline=2.0, adjacency=0.5, decay=1.0).sample(300, seed=1)
    assert 92 < made.n_rows / 300 < 104  # 100 by the long-run rate, a little less from an empty start


def test_sizes_drive_excitation_and_stand_in_their_column():
    quake = Schema((ID, DAY, Column("magnitude", decimals=1)), time_unit="d")
    law = PowerLaw(np.array([[0.5]]), c=0.1, p=1.5, power=1.0, reference=4.0)
    made = tsynth.Hawkes.from_parameters(
        quake, baseline=0.2, kernel=law, size="magnitude", sizes=[4.0, 4.5, 6.0], window=(0, 200)
    )
    rows = made.sample(20, seed=1)
    assert set(rows.numeric("magnitude")) == {4.0, 4.5, 6.0}
    after = np.diff(rows.time)[np.diff(rows.entity_of_row) == 0]
    strong = rows.numeric("magnitude")[:-1][np.diff(rows.entity_of_row) == 0] == 6.0
    assert np.median(after[strong]) < np.median(after[~strong])
    assert made.forecast(rows, 20.0, paths=2, seed=1).n_rows > 0


def test_a_size_that_is_no_column_names_those_that_are():
    quake = Schema((ID, DAY, Column("magnitude"), Column("depth", nullable=True)), time_unit="d")
    with pytest.raises(UsageError, match="'magn' is the name of no column; name one of magnitude, depth"):
        tsynth.Hawkes.from_parameters(quake, baseline=0.2, size="magn", sizes=[4.0], window=(0, 9))


def test_how_many_events_others_set_off_is_told():
    """All events are (I - A)^-1 mu = (.3810, .1429) a day, those that nothing excited .3: 42.7 % are set off."""
    assert "43 % of the events are set off" in pair().diagnose()["sentences"][0]
    poisson = tsynth.Hawkes.from_parameters(PLAIN, baseline=1.0, window=(0, 5)).diagnose()["sentences"]
    assert poisson == ["spectral radius 0: the process is stable."]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"adjacency": [[0.1]]}, "2 types"),
        ({"decay": None}, "needs a decay"),
        ({"decay": -1.0}, "above 0"),
        ({"decay": [1.0, 2.0, 3.0]}, "does not go with"),
        ({"baseline": [-1.0, 1.0]}, "0 and more"),
        ({"adjacency": -MATRIX}, "linear link"),
        ({"link": "log"}, "link must be one of"),
        ({"adjacency": 2 * np.eye(2), "window": None}, "no mean rate"),
        ({"window": (5, 1)}, "before it starts"),
        ({"window": ("2024-01-01", 7)}, "is a date"),
        ({"frailty": -1.0}, "variance of 0 or more"),
        ({"schema": PLAIN}, "role mark"),
        ({"schema": marked("abc")}, "3 levels"),
        ({"schema": Schema((*marked().columns, Column("x")), time_unit="d")}, "x: nothing was learned"),
        ({"schema": Schema((ID,))}, "no time column"),
        ({"kernel": PowerLaw(np.ones((2, 2)), 1.0, 2.0)}, "in place of"),
    ],
)
def test_parameters_that_make_no_sense_are_refused(change, says):
    given = {
        "schema": marked(),
        "baseline": [0.2, 0.1],
        "adjacency": MATRIX,
        "decay": 2.0,
        "window": (0, 9),
        **change,
    }
    with pytest.raises(UsageError, match=says):
        tsynth.Hawkes.from_parameters(given.pop("schema"), **given)


def test_columns_that_may_be_null_come_back_null():
    schema = Schema((*PLAIN.columns, Column("x", nullable=True)), time_unit="d")
    made = tsynth.Hawkes.from_parameters(schema, baseline=1.0, window=(0, 5)).sample(3, seed=1)
    assert made.column("x").null_count == made.n_rows > 0


def test_a_process_survives_its_state():
    for kernel in (Exponentials(MATRIX[None], np.ones((1, 1, 1))), PowerLaw(MATRIX, 1.0, 2.0)):
        process = Process(Baseline(np.array([1.0, 2.0])), kernel, "linear")
        again = process_from_state(process_to_state(process))
        assert type(again.kernel) is type(kernel)
        np.testing.assert_array_equal(again.kernel.branching, kernel.branching)


# -- learning


def test_the_process_and_how_sequences_differ_come_back(pairs):
    _, model = pairs
    fit = model.fit_
    for name, truth in {
        "adjacency[0,0,0]": 0.4,
        "adjacency[0,0,1]": 0.2,
        "adjacency[0,1,1]": 0.3,
        "decay[0]": 2.0,
    }.items():
        assert within(fit, name, truth), name
    # The log of the variance of 300 gamma factors has a standard error of .15: e^.6 is four of them.
    assert 0.4 / 1.8 < model.frailty_["variance"] < 0.4 * 1.8
    assert fit["converged"]


def test_lengths_keep_their_mean_and_dispersion(pairs):
    data, model = pairs
    made = model.sample(1200, seed=2)
    error = np.sqrt(data.lengths.var() / 300 + made.lengths.var() / 1200)
    assert abs(made.lengths.mean() - data.lengths.mean()) < 4.5 * error
    assert 0.6 < made.lengths.var() / data.lengths.var() < 1.6
    # types of neighbours: of some 4,000 and 16,000 pairs, so correlations have errors of .016 and .008
    follow = [
        np.corrcoef(x.codes("what")[1:], x.codes("what")[:-1], rowvar=False)[0, 1] for x in (data, made)
    ]
    assert abs(follow[0] - follow[1]) < 4.5 * np.hypot(0.016, 0.008)


def test_a_holdout_passes_and_a_wrong_process_does_not(pairs):
    _, model = pairs
    holdout = pair(frailty=0.4).sample(150, seed=9)
    told = model.diagnose(holdout)
    assert not told["time_rescaling"]["alarm"]
    assert told["next_event"]["log_likelihood"]["process"] > told["next_event"]["log_likelihood"]["trivial"]
    assert told["parameters"]["decay[0]"]["error"] > 0
    assert told["stable"]
    low, high = told["branching"]["interval"]
    assert low < 0.4 < high
    wrong = tsynth.Hawkes.from_parameters(marked(), baseline=[0.286, 0.143], window=(0, 50)).diagnose(holdout)
    assert wrong["time_rescaling"]["alarm"]
    assert wrong["dispersion"]["alarm"]


def test_static_columns_multiply_the_rate():
    draw = np.random.default_rng(3)
    entity, time = [], []
    for i in range(400):
        count = draw.poisson(20.0 if i % 2 else 10.0)
        entity += [i] * count
        time += sorted(draw.uniform(0, 10, count))
    data = build(
        entity, time,
        entities={"sex": ["f", "m"] * 200, "start": np.zeros(400), "end": np.full(400, 10.0)},
    )  # fmt: skip
    model = tsynth.Hawkes(covariates=["sex"], frailty=False).fit(data)
    name = model.covariates_["design"]["names"][0]
    truth = np.log(2.0) if name == "sex=m" else -np.log(2.0)
    assert within(model.fit_, "coefficient[0]", truth)
    made = model.sample(conditions=pa.table({"sex": ["f", "m"] * 200}), seed=1)
    assert 1.8 < made.lengths[1::2].mean() / made.lengths[::2].mean() < 2.2
    with pytest.raises(UsageError, match="no static column"):
        tsynth.Hawkes(covariates=["t"]).fit(data)


def test_the_first_event_that_opens_a_window_tells_no_rate():
    """Customers come with a purchase and then buy at .02 a day for 100 days: 2 more; counting the first says 3."""
    draw = np.random.default_rng(4)
    entity, time = [], []
    for i in range(500):
        begin = draw.uniform(0, 3)
        count = draw.poisson(0.02 * (100 - begin))
        entity += [i] * (1 + count)
        time += [begin, *sorted(draw.uniform(begin, 100, count))]
    data = build(entity, np.floor(time), kind="datetime")
    model = tsynth.Hawkes(window="entry").fit(data)
    made = model.sample(500, seed=1)
    # Lengths have a deviation of 1.4: the difference of two means of 500 has an error of .09.
    assert abs(made.lengths.mean() - data.lengths.mean()) < 0.4
    rate = model.process_["baseline"]["level"][0] / (1 - model.fit_["radius"])
    assert 0.017 < rate < 0.023


def test_sequences_with_a_time_of_their_own_keep_their_lengths():
    draw = np.random.default_rng(5)
    lengths = draw.choice([2, 5, 9], 300)
    entity = np.repeat(np.arange(300), lengths)
    gap = draw.exponential(1.0, len(entity)) * np.repeat(draw.choice([0.5, 2.0], 300), lengths)
    time = np.cumsum(gap)
    time -= np.repeat(time[np.r_[0, np.cumsum(lengths)[:-1]]], lengths)
    data = build(entity, time, unit="step")
    model = tsynth.Hawkes().fit(data)
    made = model.sample(600, seed=1)
    assert (
        np.mean(np.isin(made.lengths, [2, 5, 9])) > 0.98
    )  # the slowest are given up after four times the longest
    assert abs(made.lengths.mean() - data.lengths.mean()) < 0.6
    ends = [np.mean(x.end - x.start) for x in (data, made)]
    assert 0.75 < ends[1] / ends[0] < 1.33


# -- ties


def test_simultaneous_rows_stay_together():
    """Every order has a row "a" and at the same moment a row "b"."""
    draw = np.random.default_rng(6)
    orders = [np.sort(draw.uniform(0, 30, draw.integers(3, 9))) for _ in range(100)]
    entity = np.repeat(np.arange(100), [2 * len(x) for x in orders])
    time = np.repeat(np.concatenate(orders), 2)
    what = ({"kind": "category", "role": "mark", "levels": ("a", "b")}, ["a", "b"] * (len(time) // 2))
    model = tsynth.Hawkes(ties="auto").fit(build(entity, time, {"what": what}))
    made = model.sample(100, seed=1)
    assert np.mean(made.lengths % 2 == 0) > 0.95
    tied = made.time[1:] == made.time[:-1]
    assert np.all(tied[:-1] != tied[1:])
    assert np.mean(made.codes("what")[:-1][tied] == 0) > 0.95


def test_whole_days_are_spread_and_put_back():
    truth = tsynth.Hawkes.from_parameters(PLAIN, baseline=0.2, adjacency=0.5, decay=0.5, window=(0, 300))
    flat = truth.simulate(120, seed=1)
    entity = np.repeat(np.arange(120), np.diff(flat.offsets))
    data = build(entity, np.floor(flat.times), kind="datetime")
    model = tsynth.Hawkes(ties="jitter", window="whole").fit(data)
    assert 0.3 < model.fit_["radius"] < 0.6  # rounding blurs what happens within a day
    made = model.sample(60, seed=1)
    np.testing.assert_array_equal(made.time, np.floor(made.time))
    shares = [np.mean(np.diff(x.time)[np.diff(x.entity_of_row) == 0] == 0) for x in (data, made)]
    assert abs(shares[0] - shares[1]) < 0.06


def test_batches_agree_with_python():
    offsets, types = np.array([0, 2, 2, 5]), np.array([0, 1, 1, 0, 2])
    more, following = (
        np.array([0.9, 0.5, 0.0]),
        np.cumsum(np.array([[1.0, 2, 1], [0, 1, 1], [1, 0, 0]]), axis=1),
    )
    entities = np.arange(3)
    quick = loops.filled(np.uint64(5), entities, offsets, types, more, following)
    slow = loops.filled.py_func(np.uint64(5), entities, offsets, types, more, following)
    for a, b in zip(quick, slow, strict=True):
        np.testing.assert_array_equal(a, b)
    first = np.r_[True, np.diff(quick[1]) > 0]
    np.testing.assert_array_equal(quick[2][first], types)


def test_events_before_and_after_are_joined_by_sequence():
    before = Events(np.array([0, 1, 1]), np.array([1.0]), np.array([0]), np.zeros(2), np.ones(2))
    after = Events(
        np.array([0, 1, 3]), np.array([2.0, 5.0, 6.0]), np.array([1, 1, 0]), np.ones(2), np.full(2, 9.0)
    )
    both = joined(before, after)
    np.testing.assert_array_equal(both.times, [1, 2, 5, 6])
    np.testing.assert_array_equal(both.offsets, [0, 2, 4])
    np.testing.assert_array_equal(both.end, [9, 9])


def test_immigrants_are_counted_by_their_share_of_the_intensity():
    process = Process(Baseline(np.array([0.5])), Exponentials(np.array([[[0.8]]]), np.array([[[1.5]]])))
    times = np.array([0.0, 1.0, 1.5, 4.0])
    events = Events(
        np.array([0, 4]), times, np.zeros(4, int), np.zeros(1), np.array([5.0]), given=np.array([1])
    )
    counts, exposure = expected_immigrants(process, events, np.array([2.0]))
    excited = [sum(1.2 * np.exp(-1.5 * (t - s)) for s in times[:k]) for k, t in enumerate(times)]
    np.testing.assert_allclose(counts, sum(1.0 / (1.0 + x) for x in excited[1:]))
    np.testing.assert_allclose(exposure, 2.5)


# -- going on


def test_a_forecast_knows_what_came_before():
    """After 12 events in a minute the rate is .5 + 12 * .8 * 1.5 e^..., and falls at 1.5 * (1 - .8) = .3 a day."""
    one = tsynth.Hawkes.from_parameters(PLAIN, baseline=0.5, adjacency=0.8, decay=1.5, window=(0, 20))
    history = build(
        [1] * 12 + [2],
        [*np.linspace(19.999, 20, 12), 3.0],
        entities={"start": [0.0, 0.0], "end": [20.0, 20.0]},
    )
    made = one.forecast(history, 4.0, paths=3000, seed=1)
    rows = made.lengths.reshape(2, 3000)
    begin = np.array([0.5 + 12 * 1.2, 0.5])  # just after the burst; the lone event is long past
    level = 0.5 / (1 - 0.8)
    expected = level * 4 + (begin - level) * (1 - np.exp(-0.3 * 4)) / 0.3
    np.testing.assert_allclose(
        rows.mean(axis=1), expected, atol=4.5 * np.max(np.sqrt(rows.var(axis=1) / 3000))
    )
    assert made.time.min() >= 20
    assert made.time.max() <= 24
    again = one.forecast(history, 4.0, paths=3000, seed=1)
    assert again.content_hash() == made.content_hash()


def test_values_of_a_forecast_remember_their_history():
    draw = np.random.default_rng(8)
    entity = np.repeat(np.arange(80), 20)
    time = np.tile(np.arange(20.0), 80) + draw.uniform(0, 0.9, 1600)
    colour = np.repeat(draw.choice(["red", "blue", "green"], 80), 20)  # each entity keeps its own
    how = {"kind": "category", "levels": ("red", "blue", "green")}
    code = {"kind": "category", "role": "mark", "levels": ("a", "b")}
    data = build(
        entity, time, {"what": (code, draw.choice(["a", "b"], 1600)), "colour": (how, colour)}, unit="step"
    )
    made = tsynth.Hawkes().fit(data).forecast(data.take(np.arange(20)), 10.0, paths=3, seed=1)
    own = colour[::20][:20][made.entity_of_row // 3]
    assert made.n_rows > 300
    assert np.mean(np.asarray(made.column("colour").to_pylist()) == own) > 0.9


def test_given_rows_come_back_and_are_remembered():
    draw = np.random.default_rng(9)
    offsets = np.arange(0, 4001, 20)
    choice = np.repeat(draw.integers(1, 4, 200), 20).astype(np.int32)
    code, age = np.zeros(4000, np.int32), np.zeros(4000)
    skeleton = Skeleton(offsets, code, 1, age)
    field = Field("x", choice, None, 4)
    state, _ = learn_field(field, skeleton, [])
    model = merge_field("x", 4, -1, [state])
    known = (np.full(200, 5), field)
    made, _ = model.draw(Streams(1, "x", range(200)), skeleton, np.zeros(200), [], None, known)
    step = np.arange(4000) % 20
    np.testing.assert_array_equal(made.choice[step < 5], choice[step < 5])
    assert np.mean(made.choice == choice) > 0.9


def test_the_page_on_events_runs(capsys):
    page = (Path(__file__).parents[2] / "docs" / "events.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    assert len(blocks) == 5
    exec("\n".join(blocks), {})
    assert "spectral radius" in capsys.readouterr().out


# -- bad input


def test_an_event_outside_its_window_is_named():
    data = build([1, 1, 2], [0.5, 9.0, 1.0], entities={"start": [0.0, 0.0], "end": [5.0, 5.0]})
    with pytest.raises(DataError, match="entity 1 has an event at 9, after the window's end"):
        tsynth.Hawkes().fit(data)


def test_empty_sequences_count_their_windows():
    full = pair().sample(60, seed=1)
    some = full.keep_rows(full.entity_of_row % 3 > 0)
    assert (some.lengths == 0).sum() >= 20
    model = tsynth.Hawkes(frailty=False).fit(some)
    made = model.sample(300, seed=1)
    assert abs(made.lengths.mean() - some.lengths.mean()) < 4.5 * some.lengths.std() / np.sqrt(50)


def test_types_are_called_by_their_levels():
    """Types are pairs of two categories, of which one never comes."""
    data = pair().sample(60, seed=1)
    what = data.codes("what")
    other = np.where((what == 1) & (np.arange(data.n_rows) % 2 == 0), "y", "x")
    columns = (
        Column("what", kind="category", levels=("a", "b"), dtype="string"),
        Column("other", kind="category", levels=("x", "y"), dtype="string"),
    )
    schema = Schema((ID, DAY, *columns), time_unit="d", constraints=())
    told = (
        tsynth.Hawkes(baseline="constant")
        .fit(data.with_columns({"other": pa.array(other)}, schema))
        .diagnose()
    )
    never = "what=a and other=y"
    assert told["type_names"] == ["what=a and other=x", never, "what=b and other=x", "what=b and other=y"]
    assert f"types never seen, so no rate was learned of them: {never}." in told["sentences"]
    assert pair().diagnose()["type_names"] == ["a", "b"]


def test_a_type_never_seen_is_refused(pairs):
    _, model = pairs
    more = tsynth.Hawkes.from_parameters(
        marked("abz"), baseline=np.ones(3), window=(0, 50)
    ).sample(3, seed=1)  # fmt: skip
    with pytest.raises(TsynthError, match=r"what: row .* never seen"):
        model.diagnose(more)


@pytest.mark.filterwarnings("ignore::tsynth.errors.DataWarning")
def test_one_event_in_all_makes_sequences_of_one():
    model = tsynth.Hawkes().fit(build([1, 2], [3.0, 4.0], unit="step"))
    assert model.sample(5, seed=1).lengths.max() <= 1
    said = " ".join(model.diagnose()["sentences"])
    assert "no rate was learned" in said
    assert "only 2 rows were learned from" in said
    with pytest.warns(tsynth.errors.PrivacyWarning):
        lone = tsynth.Hawkes().fit(build([1], [3.0], entities={"start": [0.0], "end": [10.0]}))
    assert "one event" in " ".join(lone.diagnose()["sentences"])
    assert 0 < lone.sample(200, seed=1).lengths.mean() < 2


def test_an_explosive_fit_is_told_and_can_be_bounded():
    grow = tsynth.Hawkes.from_parameters(PLAIN, baseline=1.0, adjacency=1.3, decay=1.0, window=(0, 8))
    data = grow.sample(60, seed=1)
    free = tsynth.Hawkes(frailty=False).fit(data)
    assert "explodes" in " ".join(free.diagnose()["sentences"])
    assert free.sample(20, seed=1).n_rows > 0
    held = tsynth.Hawkes(frailty=False, stable=True).fit(data)
    assert held.fit_["radius"] <= 0.991
    assert held.diagnose()["stable"]


@pytest.mark.parametrize(
    ("parameters", "says"),
    [
        ({"kernel": "gauss"}, "kernel"),
        ({"decays": "own"}, "decays"),
        ({"baseline": "moon"}, "baseline"),
        ({"components": 0}, "components"),
        ({"penalty": "l2"}, "penalty"),
        ({"ties": "drop"}, "ties"),
        ({"window": "all"}, "window"),
        ({"kernel": "etas"}, "size"),
        ({"size": "what"}, "is not a number that each event has; leave size out"),
        ({"size": "magn"}, "is the name of no column; leave size out"),
        ({"link": "softplus", "kernel": "power_law"}, "link"),
        ({"decay": -1.0}, "decay"),
    ],
)
def test_wrong_parameters_are_told_before_learning(pairs, parameters, says):
    with pytest.raises(UsageError, match=says):
        tsynth.Hawkes(**parameters).fit(pairs[0])


@pytest.mark.slow
def test_a_million_events_in_one_sequence():
    truth = tsynth.Hawkes.from_parameters(PLAIN, baseline=0.5, adjacency=0.8, decay=1.5, window=(0, 400_000))
    data = truth.sample(1, seed=1)
    assert data.n_rows > 900_000
    with pytest.warns(tsynth.errors.PrivacyWarning):
        model = tsynth.Hawkes().fit(data)
    assert within(model.fit_, "adjacency[0,0,0]", 0.8)
    assert within(model.fit_, "decay[0]", 1.5)
    assert within(model.fit_, "level[0]", 0.5)


def test_a_saved_model_draws_the_same(pairs, tmp_path):
    _, model = pairs
    model.save(tmp_path / "pairs.tsynth")
    again = tsynth.load(tmp_path / "pairs.tsynth")
    assert again.sample(20, seed=5).content_hash() == model.sample(20, seed=5).content_hash()
    alone = pair()
    alone.save(tmp_path / "alone.tsynth")
    assert (
        tsynth.load(tmp_path / "alone.tsynth").sample(9, seed=1).content_hash()
        == alone.sample(9, seed=1).content_hash()
    )
