"""Rows one after another: rules over long memory are learned, fits repeat and resume, hard input comes back."""

import pytest

torch = pytest.importorskip("torch", reason="the extra `neural` is not installed")

import signal  # noqa: E402
import threading  # noqa: E402
import warnings  # noqa: E402
from functools import cache  # noqa: E402

import numpy as np  # noqa: E402
import pyarrow as pa  # noqa: E402

import tsynth  # noqa: E402
from tsynth.data.streams import Streams  # noqa: E402
from tsynth.errors import PrivacyWarning, ResourceError  # noqa: E402
from tsynth.generators import checkpoints  # noqa: E402
from tsynth.generators.neural.arrays import empty_memory  # noqa: E402
from tsynth.generators.neural.once import draw_once  # noqa: E402
from tsynth.generators.neural.tasks import field_decay  # noqa: E402
from tsynth.testing import EXAMPLES  # noqa: E402

STEPS = 30


def model(data, steps=STEPS, seed=1, corrections=0, **keywords):
    return tsynth.Autoregressive(corrections=corrections).fit(data, steps=steps, seed=seed, **keywords)


@cache
def fitted(example):
    return model(EXAMPLES[example]())


def same(one, other):
    """Whether two fits hold the same weights, to the bit."""
    return all(
        np.array_equal(one.nets_[net][name], other.nets_[net][name])
        for net in one.nets_
        for name in one.nets_[net]
    )


# -- a fit repeats, and resumes


class Halt(Exception):
    pass


class StopAt:
    """Progress that breaks off at a step."""

    def __init__(self, step, error=Halt):
        self.left, self.error, self.lock = step, error, threading.Lock()

    def stage(self, name, total=None, estimate=None):
        self.networks = name == "learning networks"

    def advance(self, n=1):
        with self.lock:
            self.left -= n if self.networks else 0
            if self.left == 0:
                raise self.error


@pytest.mark.parametrize("every", [0.0, 1e9], ids=["at each step", "at the end alone"])
def test_an_interrupted_fit_goes_on_to_the_same_weights(tmp_path, monkeypatch, every):
    monkeypatch.setattr(checkpoints, "EVERY", every)
    data, folder = EXAMPLES["cohort"](), tmp_path / "fit"
    for at in (25, 20):  # interrupted twice; both networks are under way
        with pytest.raises(Halt):
            model(data, progress=StopAt(at), checkpoint=folder)
        assert (folder / "fit.json").exists()
        assert list(folder.glob("*.safetensors"))
    kept = checkpoints.Checkpoint(folder, "?").folder
    assert not list(kept.glob("*.part"))
    whole, resumed = fitted("cohort"), model(data, checkpoint=folder)
    assert same(whole, resumed)
    assert whole.losses_ == pytest.approx(resumed.losses_, abs=0, nan_ok=True)
    # planted fault: weights that are off by one bit are seen
    resumed.nets_["gap"]["one.weight"] = np.nextafter(resumed.nets_["gap"]["one.weight"], 9, dtype=np.float32)
    assert not same(whole, resumed)


def test_steps_repeat_a_fit_by_minutes_whatever_was_timed():
    data = EXAMPLES["cohort"]()
    timed = tsynth.Autoregressive(corrections=0).fit(data, minutes=1e-4, seed=1)
    assert timed.steps_ == 20, "less time than an epoch needs: the fewest steps, and no error"
    again = model(data, steps=timed.steps_)
    assert same(timed, again)
    assert not same(timed, model(data, steps=timed.steps_ + 1))


def test_a_damaged_checkpoint_is_not_used(tmp_path):
    data, folder = EXAMPLES["cohort"](), tmp_path / "fit"
    with pytest.raises(Halt):
        model(data, progress=StopAt(25), checkpoint=folder)
    for path in folder.glob("*.safetensors"):
        raw = bytearray(path.read_bytes())
        raw[-5] ^= 0xFF
        path.write_bytes(bytes(raw))
    assert same(fitted("cohort"), model(data, checkpoint=folder))


def test_a_checkpoint_of_other_rows_or_seed_is_not_used(tmp_path):
    data, folder = EXAMPLES["cohort"](), tmp_path / "fit"
    with pytest.raises(Halt):
        model(data, progress=StopAt(25), checkpoint=folder, seed=2)
    assert same(fitted("cohort"), model(data, checkpoint=folder))
    (folder / "notes.txt").write_text("mine")
    with pytest.raises(ResourceError, match="other things"):
        model(data, checkpoint=folder)


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="signals to a thread are POSIX's")
def test_an_interrupt_ends_soon_and_leaves_a_checkpoint(tmp_path):
    """^C arrives in the main thread while the networks learn in others."""

    class Interrupt(StopAt):
        def advance(self, n=1):
            try:
                super().advance(n)
            except Halt:
                signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

    data, folder = EXAMPLES["cohort"](), tmp_path / "fit"
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # whatever a test before left here
    try:
        with pytest.raises(KeyboardInterrupt):
            model(data, steps=5000, progress=Interrupt(25), checkpoint=folder)
    finally:
        signal.signal(signal.SIGINT, before)
    told = [checkpoints.safe_open(p, "np").metadata()["facts"] for p in folder.glob("*.safetensors")]
    assert told
    assert all('"step": 5000' not in facts for facts in told)


def test_torchs_global_generator_is_left_alone():
    before = torch.get_rng_state()
    model(EXAMPLES["cohort"](), steps=2)
    assert torch.equal(torch.get_rng_state(), before)


# -- what it learns


def table(rows, names, **keywords):
    columns = dict(zip(names, zip(*rows, strict=True), strict=True))
    arrays = {n: pa.array(np.array(v)) for n, v in columns.items()}
    return tsynth.read(pa.table(arrays), entity="who", time="day", **keywords)


def by_month(entities=80, months=8, seed=0):
    """A payment "rent" each month on the entity's own day and of its own amount, among random purchases."""
    random, rows = np.random.default_rng(seed), []
    for who in range(entities):
        day, amount = int(random.integers(1, 28)), float(random.integers(300, 900))
        for month in range(1, months + 1):
            rows.append((who, np.datetime64(f"2024-{month:02d}-{day:02d}"), "rent", amount))
            for _ in range(3):
                when = np.datetime64(f"2024-{month:02d}-01") + int(random.integers(0, 28))
                rows.append((who, when, "buy", round(float(random.lognormal(3, 1)), 2)))
    return table(rows, ["who", "day", "kind", "amount"], roles={"kind": "mark"})


def kept_by_month(made, shuffled=False):
    """Of rents with a rent before: the share that comes a month later on the same day, and of the same amount."""
    frame = made.table()
    kind, amount = np.array(frame["kind"].to_pylist()), np.array(frame["amount"].to_pylist())
    day = np.array(frame["day"].to_numpy(zero_copy_only=False), "datetime64[D]")
    rent = np.flatnonzero(kind == "rent")
    if shuffled:  # planted fault: days and amounts of other rents
        amount[rent], day[rent] = (np.random.default_rng(0).permutation(a[rent]) for a in (amount, day))
    pair = made.entity_of_row[rent[1:]] == made.entity_of_row[rent[:-1]]
    month = day.astype("datetime64[M]")
    later = (month[rent[1:]] - month[rent[:-1]]).astype(int) == 1
    on_day = (day - month.astype("datetime64[D]"))[rent]
    return np.mean((later & (on_day[1:] == on_day[:-1]))[pair]), np.mean(
        (amount[rent[1:]] == amount[rent[:-1]])[pair]
    )


def test_a_payment_comes_back_after_a_month_with_its_amount():
    """Three purchases lie between two rents, so the row before does not tell. 80 entities, 200 steps; by chance on the
    same day with a probability of about 1/28, on the same amount of 1/600."""
    made = model(by_month(), steps=200).sample(80, seed=3)
    on_day, same_amount = kept_by_month(made)
    assert on_day > 0.6
    assert same_amount > 0.8
    assert max(kept_by_month(made, shuffled=True)) < 0.3


def count_so_far(entities=100, seed=0):
    """The label is true in exactly the fourth row of an entity and after it."""
    random, rows = np.random.default_rng(seed), []
    for who in range(entities):
        at = 0.0
        for k in range(int(random.integers(2, 9))):
            at += float(random.exponential(2.0))
            rows.append((who, at, str(random.choice(["a", "b"])), k >= 3))
    return table(rows, ["who", "day", "kind", "label"], roles={"kind": "mark", "label": "label"})


def test_a_label_that_hangs_on_the_count_of_rows_is_learned():
    """Agreement over some 500 rows: chance alone gives .5 to .6."""
    data = count_so_far().with_schema(count_so_far().schema.replace(constraints=()))
    made = model(data, steps=200).sample(100, seed=3)
    place = np.arange(made.n_rows) - made.offsets[:-1][made.entity_of_row]
    label = np.array(made.column("label").to_pylist()).astype(str) == "True"
    assert np.mean(label == (place >= 3)) > 0.9
    assert np.mean(np.roll(label, 3) == (place >= 3)) < 0.8, "a label that does not know the count is seen"


def test_statics_go_with_their_rows():
    """Entities of one arm have twice the values of the other; 60 sampled entities an arm, sd .1: no chance to fail."""
    random, rows = np.random.default_rng(0), []
    for who in range(80):
        arm = who % 2
        for k in range(6):
            rows.append(
                (who, float(k + random.random()), "xy"[arm], (1 + arm) * float(random.normal(1, 0.1)))
            )
    made = model(table(rows, ["who", "day", "arm", "value"]), steps=150).sample(120, seed=3)
    arm = (
        np.array(made.column("arm").to_pylist())[made.entity_of_row]
        if "arm" in made.entities.column_names
        else None
    )
    value = made.numeric("value")
    assert np.median(value[arm == "x"]) < 1.35 < np.median(value[arm == "y"])


# -- hard input


def hard(entities=30, length=6, **columns):
    random = np.random.default_rng(5)
    n = entities * length
    frame = {
        "who": np.repeat(np.arange(entities), length),
        "day": np.tile(np.arange(length), entities) * 2.0 + random.random(n),
        "x": np.round(random.normal(50, 10, n), 1),
    }
    return pa.table({**frame, **{name: make(n, random) for name, make in columns.items()}})


HARD = {
    "all null": lambda n, r: pa.nulls(n, pa.float64()),
    "constant": lambda n, r: np.full(n, 3),
    "huge": lambda n, r: r.choice([1e300, -1e300, 1e-300, 1.0], n),
    "integers beyond doubles": lambda n, r: (2**53 + 1 + r.integers(0, 1000, n)).astype(np.int64),
    "one level": lambda n, r: ["only"] * n,
    "mostly null": lambda n, r: pa.array(r.normal(size=n), mask=r.random(n) < 0.97),
}


def test_hard_columns_come_back():
    source = hard(**HARD)
    data = tsynth.read(source, entity="who", time="day")
    data = data.with_schema(data.schema.replace(constraints=()))  # the finding of rules is tested elsewhere
    made = model(data, steps=5).sample(40, seed=1)
    assert made.schema.differences(data.schema) == []
    frame = made.table()
    assert frame["all null"].null_count == frame.num_rows
    assert set(frame["constant"].to_pylist()) == {3}
    assert set(frame["one level"].to_pylist()) == {"only"}
    huge = np.array(frame["huge"].to_pylist())
    assert np.isfinite(huge).all()
    assert np.abs(huge).max() <= 1e300


@pytest.mark.parametrize("what", ["no mark, no columns", "no time column", "one row an entity", "one entity"])
def test_little_is_enough(what):
    source = hard()
    keywords = {"entity": "who", "time": "day"}
    if what == "no mark, no columns":
        source = source.select(["who", "day"])
    elif what == "no time column":
        source, keywords = source.select(["who", "x"]), {"entity": "who"}
    elif what == "one row an entity":
        source = source.take(pa.array(np.arange(0, 180, 6)))
    else:
        source = source.slice(0, 6)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PrivacyWarning)
        made = model(tsynth.read(source, **keywords)).sample(10, seed=1)
    assert made.n_entities == 10
    assert made.n_rows > 0
    if what == "one row an entity":
        assert made.lengths.max() == 1


def test_a_long_entity_is_made_in_bounded_memory():
    """Memory of the walk grows with rows made, not with the memory kept of them: two lengths of one entity, a hundred
    times apart, keep the same arrays."""
    from tsynth.compiled import memory

    one = fitted("events")
    kept = empty_memory(one.plan_)
    size = sum(a.nbytes for a in kept)
    assert size < 100_000
    n = 20_000
    rows = pa.table({"user": ["u"] * n, "time": np.arange(n) / 7.0, "mark": np.tile(list("abcd"), n // 4)})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PrivacyWarning)
        long = model(tsynth.read(rows, entity="user", time="time", roles={"mark": "mark"}), steps=5)
    assert sum(a.nbytes for a in empty_memory(long.plan_)) < 100_000
    made = long.sample(1, seed=1)
    assert 0 < made.n_rows <= long.plan_["most"]
    assert isinstance(kept, memory.Memory)


def test_windows_that_end_soon_after_the_last_row_hold_all_rows():
    random = np.random.default_rng(0)
    entities, each = 120, 12
    start = np.round(random.uniform(0.0, 10.0, entities), 2)
    time = np.round(start[:, None] + np.cumsum(random.uniform(2.0, 8.0, (entities, each)), axis=1), 2)
    end = np.round(time[:, -1] + random.uniform(0.1, 1.0, entities), 2)
    rows = {"id": np.repeat(np.arange(entities), each), "t": time.ravel(), "x": random.normal(size=time.size)}
    windows = {"id": np.arange(entities), "start": start, "end": end}
    data = tsynth.read(pa.table(rows), entity="id", time="t", entities=pa.table(windows))
    generator = model(data)
    _, begin, window = draw_once(generator.once_, generator.encoder_, Streams(1, "once", range(2000)), None)
    levels = np.linspace(0.05, 0.95, 10)
    assert np.isfinite(begin).all()
    wanted = np.quantile(end - time[:, 0], levels)
    assert np.quantile(window["watched"], levels) == pytest.approx(wanted, rel=0.05)
    made = generator.sample(300, seed=2)
    span = made.time[made.offsets[1:] - 1] - made.time[made.offsets[:-1]]
    assert np.median(span) > 0.7 * np.median(time[:, -1] - time[:, 0])


@pytest.mark.parametrize(("rows", "decay"), [(1, 1.0), (30_000, 0.25), (10_000_000, 0.02)])
def test_fields_decay_the_more_the_fewer_rows_there_are(rows, decay):
    """Without it they learn few rows by heart; see `DECAYED`."""
    assert field_decay(rows) == decay
