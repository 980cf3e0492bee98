"""Scores of events and of whole sequences find what they are for, and are silent about a perfect generator."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from scipy.stats import wasserstein_distance

from tsynth import registry
from tsynth.compiled.transport import moved_mass
from tsynth.data.schema import Column, Schema
from tsynth.data.sequences import Sequences
from tsynth.data.streams import Streams
from tsynth.scores.fidelity.bursts import burstiness, run_sizes
from tsynth.scores.fidelity.dispersion import _count, _index
from tsynth.scores.harness import evaluate
from tsynth.scores.moments import between_share, correlation, group_sums, pair_sums
from tsynth.scores.times import between
from tsynth.testing import EXAMPLES

LEVELS = ("visit", "call", "alarm")
PATIENTS = Schema(
    columns=(
        Column("patient", "identifier", "entity", static=True, dtype="int64"),
        Column("day", "continuous", "time"),
        Column("kind", "category", "mark", dtype="string", levels=LEVELS),
        Column("sugar", "continuous", nullable=True),
        Column("salt", "continuous", nullable=True),
        Column("weight", "continuous"),
    ),
    time_unit="d",
)


def make_patients(n=150, seed=0):
    """Patients with bursts of visits, levels of their own, panels measured together, early visits after high
    sugar, and kinds of rows that come in runs of three.
    """
    rng = np.random.default_rng(seed)
    lengths = 12 + rng.poisson(12, n)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    entity, total = np.repeat(np.arange(n), lengths), int(offsets[-1])
    place = np.arange(total) - offsets[entity]
    pace, level = np.exp(0.5 * rng.normal(size=n)), rng.normal(size=n)
    weight = 80 + 10 * level[entity] + 5 * rng.normal(size=total)
    sugar = level[entity] + rng.normal(size=total)
    salt = rng.normal(size=total)
    busy = (place // 6 + rng.integers(0, 2, n)[entity]) % 2 == 0  # six short gaps, six long ones
    gap = rng.exponential(np.where(busy, 1.0, 9.0)) * pace[entity]
    gap[1:] *= np.where(sugar[:-1] > 1, 0.3, 1.3)
    gap[place == 0] = 0
    clock = np.cumsum(gap)
    start = rng.uniform(0, 100, n)
    time = np.round(clock - clock[offsets[:-1]][entity] + start[entity], 4)
    kind = rng.integers(0, 3, total)[offsets[entity] + place // 3 * 3]
    panel = rng.uniform(size=total) < np.where(place < 4, 0.95, 0.5)
    missing = [~panel | (rng.uniform(size=total) < 0.05) for _ in range(2)]
    return build(time, kind, sugar, salt, weight, missing, offsets)


def build(time, kind, sugar, salt, weight, missing, offsets):
    rows = {
        "day": pa.array(time),
        "kind": pa.array(np.array(LEVELS)[kind]),
        "sugar": pa.array(sugar, mask=missing[0]),
        "salt": pa.array(salt, mask=missing[1]),
        "weight": pa.array(weight),
    }
    n = len(offsets) - 1
    return Sequences(PATIENTS, pa.table(rows), offsets, pa.table({"patient": np.arange(n)}))


def gaps_of(data):
    gap = np.diff(data.time, prepend=0)
    gap[data.step_of_row == 0] = 0
    return gap


def with_gaps(data, gap):
    gap = np.where(data.step_of_row == 0, 0, gap)
    clock = np.cumsum(gap)
    first = data.offsets[:-1][data.entity_of_row]
    return data.with_columns({"day": pa.array(clock - clock[first] + data.time[first])})


def inside(data, rng, keep_first=False):
    """An order that shuffles the rows of each entity."""
    mixed = rng.uniform(size=data.n_rows)
    if keep_first:
        mixed[data.step_of_row == 0] = -1
    return np.lexsort((mixed, data.entity_of_row))


def gaps_shuffled(data, rng):
    """The gaps of an entity in another order."""
    return with_gaps(data, gaps_of(data)[inside(data, rng, keep_first=True)])


def means(data, values):
    count = np.bincount(data.entity_of_row, minlength=data.n_entities)
    return (np.bincount(data.entity_of_row, values, data.n_entities) / count)[data.entity_of_row]


def even_gaps(data, rng):
    """Gaps of the same mean in an entity, of a law without bursts."""
    lengths = data.lengths[data.entity_of_row]
    return with_gaps(
        data, rng.gamma(4.0, size=data.n_rows) / 4 * means(data, gaps_of(data)) * lengths / (lengths - 1)
    )


def poisson(data, rng):
    """Rows at random times of the same span."""
    first, last = data.time[data.offsets[:-1]], data.time[data.offsets[1:] - 1]
    time = (first + (last - first) * 0)[data.entity_of_row] + rng.uniform(size=data.n_rows) * (last - first)[
        data.entity_of_row
    ]
    return data.with_columns({"day": pa.array(time[np.lexsort((time, data.entity_of_row))])})


def nulls_apart(data, rng):
    """Nulls of each column where chance puts them, as many as before."""
    columns = {}
    for name in ("sugar", "salt"):
        values = data.numeric(name)
        known = values[np.isfinite(values)]
        columns[name] = pa.array(rng.choice(known, data.n_rows), mask=rng.permutation(data.nulls(name)))
    return data.with_columns(columns)


def nulls_moved(data, rng):
    """Rows measured together, but at any place in the sequence."""
    order = rng.permutation(data.n_rows)
    return data.with_columns({n: data.rows[n].take(pa.array(order)) for n in ("sugar", "salt")})


def rows_swapped(data, rng):
    """Rows of one place handed from entity to entity: everyone is a mixture."""
    order = np.lexsort((rng.uniform(size=data.n_rows), data.step_of_row))
    home = np.lexsort((np.arange(data.n_rows), data.step_of_row))
    source = np.empty(data.n_rows, np.int64)
    source[home] = order
    names = ["kind", "sugar", "salt", "weight"]
    return data.with_columns({n: data.rows[n].take(pa.array(source)) for n in names})


def averages(data, rng):
    """Every entity is the average entity, each value as likely as before."""
    weight = data.numeric("weight")
    inner = weight - means(data, weight)
    law = np.sort(weight)
    return data.with_columns({"weight": pa.array(law[np.argsort(np.argsort(inner))])})


def runs_broken(data, rng):
    """Kinds of rows in another order inside the entity."""
    return data.with_columns({"kind": data.rows["kind"].take(pa.array(inside(data, rng)))})


SCORES = (
    "dispersion", "bursts", "time_rescaling", "counting_distance", "runs", "persistence", "visits",
    "sliced_wasserstein",
)  # fmt: skip


@pytest.fixture(scope="module")
def patients():
    """Train, holdout and what a perfect generator makes."""
    return tuple(make_patients(150, seed) for seed in (1, 2, 3))


@pytest.fixture(scope="module")
def perfect(patients):
    """What the scores say of a perfect generator."""
    return asked(patients, SCORES)


def asked(parts, scores, fault=None):
    train, holdout, made = parts
    made = made if fault is None else fault(made, np.random.default_rng(0))
    return evaluate(train, made, holdout, seed=0, scores=scores)


FOUND = {
    gaps_shuffled: ("dispersion", "bursts", "time_rescaling"),
    even_gaps: ("dispersion", "bursts", "time_rescaling", "sliced_wasserstein"),
    poisson: ("dispersion", "bursts", "time_rescaling", "sliced_wasserstein"),
    nulls_apart: ("visits", "sliced_wasserstein"),
    nulls_moved: ("visits",),
    rows_swapped: ("persistence", "runs", "sliced_wasserstein"),
    averages: ("persistence", "sliced_wasserstein"),
    runs_broken: ("runs", "sliced_wasserstein"),
}


@pytest.mark.parametrize("fault", FOUND, ids=lambda fault: fault.__name__)
def test_a_planted_fault_is_found(patients, fault):
    """The seeds are fixed; by chance alone an interval lies above 0 in 1 of 40 worlds."""
    report = asked(patients, FOUND[fault], fault)
    for name in FOUND[fault]:
        result = report[name]
        assert result.interval[0] > 0, (name, result.value, result.floor, result.interval)
        assert result.value > (1.25 if name == "sliced_wasserstein" else 1.5) * result.floor


def test_visits_that_values_bring_about_are_found():
    """Gaps in another order: the sooner visit after high sugar is gone, and nothing else that `visits` looks at."""
    parts = tuple(make_patients(500, seed) for seed in (1, 2, 3))
    result = asked(parts, ["visits"], gaps_shuffled)["visits"]
    assert result.interval[0] > 0
    assert result.details[0].label == "next row after sugar"
    assert "the time to the next row is longer than" in result.details[0].sentence


def test_a_perfect_generator_raises_no_alarm(perfect):
    """Over 160 worlds of four kinds 0 to 5 % of the intervals of each score lay above 0; these seeds are fixed."""
    for result in perfect.values():
        assert result.interval[0] <= 0, (result.name, result.value, result.floor, result.interval)


# -- against slow and obvious computations


def test_dispersion_is_variance_over_mean(accounts):
    data = accounts(30, 4)
    windows = np.array([3.0, 11.0])
    found = _index(_count(data, np.ones(data.n_rows, bool), windows).total())
    for window, value in zip(windows, found, strict=True):
        counts, free = [], 0
        squares = 0.0
        for i in range(data.n_entities):
            times = data.time[data.offsets[i] : data.offsets[i + 1]]
            whole = int((times[-1] - times[0]) // window)
            if whole >= 2:
                held = np.histogram(times - times[0], window * np.arange(whole + 1))[0]
                held[-1] -= np.sum(times - times[0] == window * whole)  # the last cell of numpy is closed
                counts += list(held)
                squares += held.var() * whole
                free += whole - 1
        assert value == pytest.approx(squares / free / np.mean(counts))


def test_dispersion_of_a_poisson_process_is_1():
    """400 entities of 100 exponential gaps: about 20,000 windows, so a standard error of sqrt(2 / 20,000) = .01."""
    rng = np.random.default_rng(0)
    data = one_column(rng.exponential(size=40_000), 400)
    assert _index(_count(data, np.ones(data.n_rows, bool), np.array([2.0, 6.0])).total()) == pytest.approx(
        1, abs=0.05
    )


def one_column(gaps, n):
    length = len(gaps) // n
    schema = Schema(
        columns=(
            Column("id", "identifier", "entity", static=True, dtype="int64"),
            Column("t", "continuous", "time"),
        ),
        time_unit="step",
    )
    time = np.cumsum(gaps.reshape(n, length), axis=1).ravel()
    offsets = length * np.arange(n + 1)
    return Sequences(schema, pa.table({"t": time}), offsets, pa.table({"id": np.arange(n)}))


def test_burstiness_has_its_known_values():
    """Kim and Jo (2016), sec. III: -1 for even gaps, 0 for a Poisson process of any length, 1 for the extreme burst."""
    even = one_column(np.ones(20), 2)
    assert burstiness(even, between(even)) == pytest.approx(-1)
    extreme = one_column(np.tile([0.0] * 9 + [1.0], 2), 2)
    assert burstiness(extreme, between(extreme)) == pytest.approx(1)
    chance = one_column(np.random.default_rng(1).exponential(size=60_000), 6_000)
    gaps = between(chance)
    inside = gaps[np.isfinite(gaps)].reshape(6_000, 9)
    r = inside.std(axis=1) / inside.mean(axis=1)
    uncorrected = np.mean((r - 1) / (r + 1))
    assert abs(np.mean(burstiness(chance, gaps))) < 0.05 < abs(uncorrected)  # standard error .003


def test_runs_have_their_sizes():
    goes_on = np.array([False, True, True, False, False, True])
    assert run_sizes(goes_on).tolist() == [3, 3, 3, 1, 2, 2]
    assert run_sizes(np.empty(0, bool)).tolist() == []


def test_share_between_is_the_intraclass_correlation():
    """Shrout and Fleiss (1979), table 2 and 4: six targets rated by four judges, ICC(1, 1) = .17."""
    ratings = np.array(
        [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]], float
    )
    totals = group_sums(np.repeat(np.arange(6), 4), 6, ratings.ravel()).total()
    assert float(between_share(totals)) == pytest.approx(0.17, abs=0.005)


def test_correlation_is_that_of_numpy():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 50))
    y += x
    table = pair_sums(rng.integers(0, 7, 50), 7, np.array([x, -x]), y)
    expected = np.corrcoef(x, y)[0, 1]
    assert correlation(table.total().reshape(2, 6)) == pytest.approx([expected, -expected])
    missing = np.where(np.arange(50) < 10, np.nan, x)
    table = pair_sums(rng.integers(0, 7, 50), 7, missing, y)
    assert float(correlation(table.total())) == pytest.approx(np.corrcoef(x[10:], y[10:])[0, 1])


def test_moved_mass_is_the_wasserstein_distance_of_scipy():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=20), rng.normal(1, 2, size=30)
    u, v = rng.poisson(1, (3, 20)).astype(float), rng.poisson(1, (3, 30)).astype(float)
    both = np.concatenate([a, b])
    order = np.argsort(both)
    mass = np.concatenate([u / u.sum(1, keepdims=True), -v / v.sum(1, keepdims=True)], axis=1).T.copy()
    sides = order[None].astype(np.int64), np.diff(both[order])[None], mass
    expected = [wasserstein_distance(a, b, u[k], v[k]) for k in range(3)]
    assert moved_mass(*sides)[0] == pytest.approx(expected)
    assert moved_mass.py_func(*sides)[0] == pytest.approx(expected)


@pytest.mark.parametrize("name", SCORES)
def test_weights_stand_for_copies(patients, name):
    """An entity of weight 2 counts as two equal ones."""
    train, holdout, made = (data.take(np.arange(60)) for data in patients)
    score = registry.find("scores", name)()
    streams = Streams(0, "test", range(60))
    weights = np.where(np.arange(60) % 3 == 0, 2.0, np.where(np.arange(60) % 3 == 1, 1.0, 0.0))
    twice = np.repeat(np.arange(60), weights.astype(int))
    weighed = score.value(score.prepare(train, holdout, made, streams), weights, weights)
    many = Streams(0, "test", range(len(twice)))
    copied = score.prepare(train, holdout.take(twice), made.take(twice), many)
    ones = np.ones(len(twice))
    # the scale of the Wasserstein distance is that of the entities handed in; rows of one moment are spread anew
    near = {"sliced_wasserstein": 0.15, "time_rescaling": 1e-3}
    assert weighed == pytest.approx(score.value(copied, ones, ones), rel=near.get(name, 1e-9))


# -- edges


def test_short_sequences_and_nulls_get_an_answer_or_a_reason(patients):
    patients = [d.take(np.arange(45)) for d in patients]
    train, holdout, made = patients
    first = [d.keep_rows(d.step_of_row == 0) for d in patients]
    empty = pa.array([None] * made.n_rows, pa.float64())
    same = pa.array(np.full(made.n_rows, 3.0))
    cases = [
        (first[0], first[2], first[1]),
        (train, first[2], holdout),
        (train, made.with_columns({"sugar": empty, "salt": empty}), holdout),
        (train, made.with_columns({"weight": same, "day": same}), holdout),
        (train, made.with_columns({"weight": pa.array(np.full(made.n_rows, 1e300))}), holdout),
        (train.take(np.arange(2)), made.take(np.arange(2)), holdout.take(np.arange(8))),
    ]
    for one in cases:
        for result in evaluate(one[0], one[1], one[2], seed=0, scores=SCORES).values():
            assert result.status != "ok" or 0 <= result.value <= 1
            assert result.status == "ok" or result.reason


def test_questions_that_make_no_sense_do_not_apply(patients):
    panel = EXAMPLES["panel"](30)
    parts = [panel.take(np.arange(k, 30, 3)) for k in range(3)]
    report = evaluate(*parts, seed=0, scores=["dispersion", "bursts", "visits", "runs"])
    assert {r.status for r in report.values()} == {"does not apply"}
    assert report["bursts"].reason == "the rows come at even steps of time"


def test_entities_that_are_blocks_have_no_traits(accounts):
    result = evaluate(accounts(10, 1), accounts(10, 2), accounts(10, 3), seed=0, scores=["persistence"])[
        "persistence"
    ]
    assert result.status == "cannot say"


def test_pictures_are_of_the_kinds_that_pages_draw(perfect):
    kinds = {"lines", "histogram", "bars", "ranking"}
    for result in perfect.values():
        assert result.curve["pictures"], result.name
        for picture in result.curve["pictures"]:
            assert picture["kind"] in kinds
            assert picture["title"]
