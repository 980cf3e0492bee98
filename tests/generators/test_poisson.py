"""Rates, covariates, frailty, windows and ties of `poisson` against numpy twins, references and planted truths."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from scipy import stats

import tsynth
from tsynth.compiled import rates as loops
from tsynth.data.schema import Column, Schema
from tsynth.data.sequences import Sequences
from tsynth.data.streams import Streams
from tsynth.errors import DataError, DataWarning, PrivacyWarning, UsageError
from tsynth.generators.point_process import jitter
from tsynth.generators.point_process.counts import fit_counts
from tsynth.generators.point_process.excitation import seasons
from tsynth.generators.point_process.poisson import Poisson
from tsynth.generators.point_process.windows import choose

CHANCE = 1e-4
"""How often each random check fails by chance, on another seed; ours are fixed."""


def table(entity, time, *, kind=None, start=None, end=None, statics=None, unit="h", dates=False, extra=None):
    """Rows of entities 0, 1 ..., some of which may have none where windows are given."""
    n = len(start) if start is not None else int(np.max(entity)) + 1
    order = np.lexsort((time, entity))
    entity, time = np.asarray(entity)[order], np.asarray(time)[order]
    stamp = pa.array((time * 1e6).astype("int64").astype("datetime64[us]") if dates else time)
    columns = [
        Column("id", kind="identifier", role="entity", static=True, dtype="int64"),
        Column("t", kind="datetime" if dates else "continuous", role="time", dtype=str(stamp.type)),
    ]
    rows, entities = {"t": stamp}, {"id": pa.array(np.arange(n) + 100)}
    if kind is not None:
        levels = tuple("abcdefgh"[: int(np.max(kind)) + 1])
        rows["kind"] = pa.array(np.array(levels, object)[np.asarray(kind)[order]], pa.string())
        columns.append(Column("kind", kind="category", role="mark", levels=levels, dtype="string"))
    for name, (how, values) in (statics or {}).items():
        entities[name] = pa.array(values)
        columns.append(Column(name, static=True, dtype=str(entities[name].type), **how))
    for name, values in (extra or {}).items():
        rows[name] = pa.array(np.asarray(values)[order])
        columns.append(Column(name, kind="continuous", dtype="double", decimals=2))
    if start is not None:
        entities |= {"start": pa.array(start), "end": pa.array(end)}
    offsets = np.concatenate([[0], np.cumsum(np.bincount(entity, minlength=n))])
    schema = Schema(tuple(columns), time_unit=unit, constraints=())
    return Sequences(schema, pa.table(rows), offsets, pa.table(entities))


def planted(seed, n=400, level=(2.0, 0.5), beta=0.0, variance=0.0, length=20.0):
    """Poisson events of two types in given windows, of which every second entity has `beta` more."""
    draw = np.random.default_rng(seed)
    start = draw.uniform(0, 5, n)
    end = start + draw.uniform(0.5, 1.5, n) * length
    group = np.arange(n) % 2
    u = draw.gamma(1 / variance, variance, n) if variance else np.ones(n)
    rows = [
        (i, t, m)
        for i in range(n)
        for m in range(2)
        for t in draw.uniform(
            start[i], end[i], draw.poisson(level[m] * np.exp(beta * group[i]) * u[i] * (end - start)[i])
        )
    ]
    entity, time, kind = map(np.array, zip(*rows, strict=True))
    statics = {"sex": ({"kind": "category", "levels": ("f", "m")}, np.array(["f", "m"], object)[group])}
    return table(entity, time, kind=kind, start=start, end=end, statics=statics)


# -- loops against twins


def shape(period, cells=5, types=3, seed=0, zero=False):
    draw = np.random.default_rng(seed)
    edges = np.concatenate([[0.0], np.cumsum(draw.uniform(0.2, 2.0, cells))])
    factors = draw.gamma(1.0, 1.0, (cells, types))
    if zero:
        factors[[0, 2, cells - 1]] = 0.0
    base = seasons.Baseline(
        draw.uniform(0.5, 2, types), edges, factors, float(edges[-1]) if period else 0.0, 0.3
    )
    return base


def slow_rise(base, a, b, size=200_001):
    """Integral of the rate by the midpoint rule."""
    grid = np.linspace(a, b, size)
    middle = 0.5 * (grid[1:] + grid[:-1])
    x = (middle - base.phase) % base.period if base.period else middle
    cell = np.clip(np.searchsorted(base.edges, x, side="right") - 1, 0, len(base.factors) - 1)
    return (base.factors * base.level).sum(axis=1)[cell] * np.diff(grid), cell, np.diff(grid)


@pytest.mark.parametrize("period", [True, False])
def test_cumulative_rates_and_exposures_equal_a_sum_over_small_steps(period):
    base = shape(period)
    for a, b in ((-3.7, 11.2), (0.1, 0.2), (4.0, 50.0), (-20.0, -15.0)):
        rise, cell, width = slow_rise(base, a, b)
        made = seasons.cumulative(base, np.array([a, b]))
        # 2e5 steps, of which at most 60 hold an edge: the twin is off by less than 60 steps times the rate
        room = 60 * (b - a) / 2e5 * 20
        assert abs(made[1] - made[0] - rise.sum()) < room
        spent = seasons.exposures(base, np.array([a]), np.array([b]), np.array([2.0]))
        np.testing.assert_allclose(spent, 2 * np.bincount(cell, width, len(base.factors)), atol=room)


@pytest.mark.parametrize("period", [True, False])
@pytest.mark.parametrize("zero", [True, False])
def test_moment_inverts_the_cumulative_rate(period, zero):
    base = shape(period, zero=zero)
    rate = seasons.rates_of(base).sum(axis=1)
    running = np.concatenate([[0.0], np.cumsum(rate * np.diff(base.edges))])
    arguments = (base.edges, base.period, base.phase, rate, running)
    for time in np.random.default_rng(1).uniform(0.5, 30.0 if period else base.edges[-1], 200):
        height = loops.rising(time, *arguments)
        again, cell = loops.moment(height, *arguments)
        assert loops.rising(again, *arguments) == pytest.approx(height, rel=1e-9, abs=1e-9)
        if rate[cell] > 0 and seasons.cells_of(base, np.array([time]))[0] == cell:
            assert again == pytest.approx(time, rel=1e-9)
    if zero and not period:
        assert loops.moment(running[-1] + 1.0, *arguments)[0] == np.inf


def events_of(
    base, begin, end, scale=None, opened=False, closed=False, more=0.0, step=0.0, apart=False, key=3
):
    rates = seasons.rates_of(base)
    rate, m = rates.sum(axis=1), base.types
    running = np.concatenate([[0.0], np.cumsum(rate * np.diff(base.edges))])
    n = len(begin)
    return loops.poisson_events(
        np.uint64(key), np.arange(n), begin, end, np.ones(n) if scale is None else scale, np.zeros(n, bool),
        base.edges, base.period, base.phase, rate, running, np.cumsum(rates, axis=1), opened, closed,
        np.cumsum(np.ones(m)), np.cumsum(np.ones(m)), np.full(m, more), np.cumsum(np.ones((1, m)), axis=1),
        np.ones((1, 1)), step, apart,
    )  # fmt: skip


def test_samples_are_poisson_in_every_cell_and_uniform_after_rescaling():
    base = shape(True)
    draw = np.random.default_rng(2)
    begin = draw.uniform(-5, 5, 2000)
    end = begin + draw.uniform(0, 20, 2000)
    scale = draw.gamma(2, 0.5, 2000)
    offsets, time, code = events_of(base, begin, end, scale)
    owner = np.repeat(np.arange(2000), np.diff(offsets))
    assert np.all((time >= begin[owner]) & (time <= end[owner]))
    counts = np.zeros(base.factors.shape)
    np.add.at(counts, (seasons.cells_of(base, time), code), 1.0)
    mean = seasons.exposures(base, begin, end, scale)[:, None] * seasons.rates_of(base)
    z = (counts - mean) ** 2 / mean
    assert stats.chi2.sf(z.sum(), z.size) > CHANCE
    assert stats.chi2.cdf(z.sum(), z.size) > CHANCE
    low = seasons.cumulative(base, begin)[owner]
    place = (seasons.cumulative(base, time) - low) / (seasons.cumulative(base, end)[owner] - low)
    assert stats.kstest(place, "uniform").pvalue > CHANCE
    # A planted fault: with one type's season shifted by a cell the first check fails.
    wrong = replace(base, factors=np.roll(base.factors, 1, axis=0))
    bad = seasons.exposures(wrong, begin, end, scale)[:, None] * seasons.rates_of(wrong)
    assert stats.chi2.sf(((counts - bad) ** 2 / bad).sum(), z.size) < CHANCE


def test_a_sequence_hangs_on_its_own_number_alone():
    base = shape(True)
    begin, end = np.zeros(50), np.full(50, 30.0)
    whole = events_of(base, begin, end)
    offsets, time, code = events_of(base, begin[:7], end[:7])
    assert np.array_equal(time, whole[1][: len(time)])
    assert np.array_equal(code, whole[2][: len(time)])
    assert np.array_equal(offsets, whole[0][:8])


def test_lattice_keeps_batches_apart_at_the_rate_that_was_learned():
    """With rate 3 and steps of .1 an event falls in a step with chance 1 - exp(-.3), and never two."""
    base = seasons.Baseline(np.array([3.0]))
    begin, end = np.zeros(200), np.full(200, 99.9)
    offsets, time, _ = events_of(base, begin, end, step=0.1, apart=True)
    assert np.abs(time / 0.1 - np.rint(time / 0.1)).max() < 1e-6
    inside = np.ones(len(time), bool)
    inside[offsets[:-1]] = False
    assert np.diff(time, prepend=0)[inside].min() > 0.05
    share = len(time) / (200 * 1000)
    want = -np.expm1(-0.3)
    assert abs(share - want) < 3.9 * np.sqrt(want * (1 - want) / 200_000)


# -- regression against references


def test_count_regression_equals_published_software():
    """Poisson: scikit-learn. Negative binomial: R's MASS::glm.nb parametrisation, by statsmodels 0.15.

    The four rows of numbers came from statsmodels 0.15.0 with the seed below:
    ``sm.NegativeBinomial(n, sm.add_constant(x), exposure=e).fit()`` and
    ``sm.GLM(n, sm.add_constant(x), family=sm.families.Poisson(), exposure=e).fit()``.
    """
    draw = np.random.default_rng(1)
    x, e = draw.normal(size=(2000, 3)), draw.gamma(2, 3, 2000)
    u = draw.gamma(2, 0.5, 2000)
    n = draw.poisson(e * u * np.exp(-0.2 + x @ [0.3, -0.5, 0.0])).astype(float)
    plain = fit_counts(n, e, x, spread=False, penalty=0.0)
    np.testing.assert_allclose(plain.coefficients, [0.33307165, -0.49661041, 0.0092028], atol=2e-8)
    np.testing.assert_allclose(plain.errors, [0.00966896, 0.00950648, 0.00930217], atol=2e-8)
    assert plain.log_likelihood == pytest.approx(-6499.449479215672, abs=1e-8)
    mixed = fit_counts(n, e, x, penalty=0.0)
    # statsmodels stops its search at gradients of 1e-5, so its own numbers are good to about 5 digits
    np.testing.assert_allclose(mixed.coefficients, [0.32378653, -0.51202932, -0.01404936], atol=2e-5)
    assert mixed.variance == pytest.approx(0.51930751, abs=2e-5)
    assert mixed.log_likelihood == pytest.approx(-4840.975501888195, abs=1e-5)
    from sklearn.linear_model import PoissonRegressor

    # scikit-learn's penalty is alpha times half the squares, of a mean over weights
    alpha = 40.0 / e.sum()
    peer = PoissonRegressor(alpha=alpha, tol=1e-10, max_iter=2000).fit(x, n / e, sample_weight=e)
    ours = fit_counts(n, e, x, spread=False, penalty=40.0)
    np.testing.assert_allclose(ours.coefficients, peer.coef_, atol=1e-6)


# -- the generator


def test_recovers_rates_coefficient_and_frailty():
    """Intervals of 3.9 standard errors miss with a chance of 1e-4 each."""
    data = planted(0, beta=0.7, variance=0.4)
    told = Poisson(baseline="constant").fit(data).diagnose()
    assert told["window"].startswith("given")
    name = "sex=m" if "sex=m" in told["coefficients"] else "sex=f"
    want = 0.7 if name == "sex=m" else -0.7
    assert abs(told["coefficients"][name] - want) < 3.9 * told["errors"][name]
    frail = told["frailty"]
    assert abs(np.log(frail["variance"] / 0.4)) < 3.9 * frail["error_of_logarithm"]
    ratio = told["levels"][0] / told["levels"][1]
    assert abs(np.log(ratio / 4.0)) < 3.9 * np.sqrt(1 / 2000)  # about 20,000 and 5,000 events
    without = Poisson(baseline="constant", frailty=False).fit(data).diagnose()
    assert without["frailty"]["variance"] == 0
    assert without["log_likelihood"] < told["log_likelihood"] - 100


def test_counts_of_samples_are_as_spread_as_those_of_the_data():
    data = planted(1, variance=0.5, beta=0.5)
    made = Poisson().fit(data).sample(400, seed=2)
    assert abs(made.lengths.mean() / data.lengths.mean() - 1) < 0.15  # 4 standard errors of both means
    ratio = made.lengths.var() / data.lengths.var()
    assert 0.6 < ratio < 1.6
    groups = [x.codes("sex") for x in (data, made)]
    gap = [
        np.log(x.lengths[g == 1].mean() / x.lengths[g == 0].mean())
        for x, g in zip((data, made), groups, strict=True)
    ]
    assert abs(gap[0] - gap[1]) < 0.35
    inside = made.start[made.entity_of_row] <= made.time
    assert inside.all()
    assert (made.time <= made.end[made.entity_of_row]).all()


def test_a_season_is_found_and_kept():
    draw = np.random.default_rng(3)
    n, days = 60, 70
    rate = np.where(np.arange(168) // 24 < 5, 0.2, 0.02) * (1 + 0.9 * np.sin(np.arange(168) / 24 * 2 * np.pi))
    first = 18_998 * 24  # a Thursday
    hours = first + np.arange(days * 24)
    # hour 0 of 1970-01-01 was a Thursday, 72 hours after Monday's midnight
    own = rate[(hours + 72) % 168]
    counts = draw.poisson(own[None, :], (n, len(hours)))
    entity, at = np.repeat(np.arange(n), counts.sum(1)), np.concatenate([np.repeat(hours, c) for c in counts])
    time = (at + draw.uniform(0, 1, len(at))) * 3600
    data = table(entity, time, dates=True)
    generator = Poisson().fit(data)
    told = generator.diagnose()
    assert told["cells"] == 168, told["shapes"]
    made = generator.sample(60, seed=4)
    hour = (np.floor(made.time).astype(int) + 72) % 168
    assert np.isin(hour // 24, [5, 6]).mean() == pytest.approx(
        np.isin((at + 72) % 168 // 24, [5, 6]).mean(), abs=0.02
    )
    assert np.corrcoef(np.bincount(hour, minlength=168), rate)[0, 1] > 0.95


@pytest.mark.parametrize(
    ("name", "cells"), [("weekday", 7), ("hour", 24), ("month", 12), ("hour_of_week", 168)]
)
def test_calendar_cells_begin_where_they_should(name, cells):
    base = seasons.seasonal(name, types=2, day=24.0)
    assert base.factors.shape == (cells, 2)
    dates = np.arange("1999-01-01T00", "2003-01-01T00", dtype="datetime64[h]")
    found = seasons.cells_of(base, dates.astype(np.int64) + 0.5)
    day = dates.astype("datetime64[D]")
    weekday = (day.astype(int) + 3) % 7
    hour = (dates - day).astype(int)
    month = dates.astype("datetime64[M]").astype(int) % 12
    want = {"weekday": weekday, "hour": hour, "hour_of_week": weekday * 24 + hour, "month": month}[name]
    assert np.mean(found != want) <= (12 * 0.7 / 365 if name == "month" else 0.0)


def test_an_event_that_made_the_window_is_not_counted():
    """Entities with two events at the least: their first and last are ends, and only 18 of 20 are explained."""
    draw = np.random.default_rng(5)
    time = np.sort(draw.uniform(0, 100, (300, 20)), axis=1) + draw.uniform(0, 900, (300, 1))
    data = table(np.repeat(np.arange(300), 20), time.ravel(), unit="year")
    generator = Poisson(frailty=False).fit(data)
    told = generator.diagnose()
    assert told["window"].startswith("own")
    spent = (time[:, -1] - time[:, 0]).sum()
    assert told["levels"][0] == pytest.approx(300 * 18 / spent, rel=1e-9)
    made = generator.sample(300, seed=1)
    assert abs(made.lengths.mean() - 20) < 3.9 * np.sqrt(2 * 18 / 300) + 0.3


def test_windows_are_chosen_as_stated():
    one = {
        "windowed": False,
        "span": (0.0, 100.0),
        "start": np.array([5.0, 1.0]),
        "end": np.array([90.0, 95.0]),
    }
    one |= {"first": one["start"], "last": one["end"], "rows": np.array([20, 30])}
    assert choose("auto", shared=True, **one).rule == "entry"
    assert choose("auto", shared=False, **one).rule == "own"
    gone = one | {"last": np.array([30.0, 40.0])}
    assert choose("auto", shared=True, **gone).rule == "own"
    lone = {k: (v[:1] if isinstance(v, np.ndarray) else v) for k, v in one.items()}
    assert choose("auto", shared=False, **lone).rule == "whole"
    given = choose("auto", shared=False, **(one | {"windowed": True}))
    assert (given.rule, given.opened, given.closed) == ("given", True, True)
    with pytest.raises(UsageError, match="given"):
        choose("given", shared=False, **one)
    with pytest.raises(UsageError, match="calendar"):
        choose("entry", shared=False, **one)


def test_jitter_keeps_the_order_and_fills_the_step_uniformly():
    draw = np.random.default_rng(6)
    time = np.sort(draw.integers(0, 50, 20_000)).astype(float)
    offsets = np.array([0, 20_000])
    ties = jitter.choose("auto", offsets, time, 1.0)
    assert not ties.keep
    spread = jitter.spread(ties, offsets, time, Streams(0, "jitter", range(1)))
    assert np.all(np.diff(spread) > 0)
    np.testing.assert_array_equal(jitter.floor(spread, 1.0), time)
    assert stats.kstest(spread - time, "uniform").pvalue > CHANCE


def test_simultaneous_events_stay_together():
    """Orders of 1 to 5 lines at times of their own: far more ties than rounding gives."""
    draw = np.random.default_rng(7)
    n, orders = 100, 30
    when = np.sort(draw.integers(0, 3000, (n, orders)), axis=1).astype(float)
    lines = draw.geometric(0.5, (n, orders))
    entity = np.repeat(np.repeat(np.arange(n), orders), lines.ravel())
    data = table(entity, np.repeat(when.ravel(), lines.ravel()), kind=np.arange(len(entity)) % 2)
    generator = Poisson().fit(data)
    assert "kept together" in generator.diagnose()["ties"]
    made = generator.sample(200, seed=1)

    def tied(x):
        gap = np.diff(x.time)
        return np.mean(gap[np.diff(x.entity_of_row) == 0] == 0)

    assert tied(made) == pytest.approx(tied(data), abs=0.03)
    apart = Poisson(ties="jitter").fit(data).sample(200, seed=1)
    assert tied(apart) < 0.2 * tied(data)


def test_what_shares_a_moment_follows_the_season_too():
    """A visit is led by "a" at any hour; "b" comes with it in the morning, "c" in the evening."""
    draw = np.random.default_rng(12)
    rows = []
    for i in range(60):
        for t in np.unique(draw.integers(0, 24 * 60, 60)):
            rows += [(i, 24 * 18_998 + t, 0), (i, 24 * 18_998 + t, 1 if t % 24 < 12 else 2)]
    entity, time, kind = map(np.array, zip(*rows, strict=True))
    data = table(entity, 3600.0 * time, kind=kind, dates=True)
    made = Poisson(baseline="hour", window="entry").fit(data).sample(100, seed=1)
    hour, code = np.floor(made.time).astype(int) % 24, made.codes("kind")
    tied = np.r_[False, (np.diff(made.time) == 0) & (np.diff(made.entity_of_row) == 0)]
    assert np.mean(code[tied & (hour < 12)] == 1) > 0.95
    assert np.mean(code[tied & (hour >= 12)] == 2) > 0.95


def test_forecast_goes_on_at_the_pace_of_the_history():
    data = planted(8, n=200, variance=1.0, beta=0.0)
    generator = Poisson(baseline="constant").fit(data)
    ahead = generator.forecast(data, 50.0, paths=5, seed=1)
    whose = np.repeat(np.arange(200), 5)
    assert (ahead.time > data.end[whose][ahead.entity_of_row]).all()
    assert (ahead.time <= data.end[whose][ahead.entity_of_row] + 50.0 + 1e-9).all()
    past = data.lengths / (data.end - data.start)
    future = ahead.lengths.reshape(200, 5).mean(axis=1) / 50.0
    assert np.corrcoef(past, future)[0, 1] > 0.9
    assert abs(future.mean() / past.mean() - 1) < 0.1
    again = generator.forecast(data, 50.0, paths=5, seed=1)
    assert again.content_hash() == ahead.content_hash()


def test_from_parameters_has_the_rates_that_were_given():
    schema = Schema(
        (
            Column("id", kind="identifier", role="entity", static=True, dtype="string"),
            Column("t", kind="continuous", role="time", dtype="double"),
            Column("what", kind="category", role="mark", levels=("a", "b"), dtype="string"),
        ),
        time_unit="h",
        constraints=(),
    )
    generator = tsynth.Poisson.from_parameters(schema, baseline=[2.0, 0.5], window=(10.0, 30.0))
    made = generator.sample(500, seed=1)
    counts = np.bincount(made.codes("what"), minlength=2)
    for seen, want in zip(counts, (20_000, 5_000), strict=True):
        assert abs(seen - want) < 3.9 * np.sqrt(want)
    assert made.time.min() >= 10
    assert made.time.max() <= 30
    ahead = generator.forecast(made.take(np.arange(100)), 10.0, paths=2, seed=1)
    assert ahead.time.min() > 30
    assert ahead.time.max() <= 40
    assert abs(ahead.n_rows - 5_000) < 3.9 * np.sqrt(5_000)
    negative = seasons.Baseline(np.ones(2), np.array([0.0, 1.0, 2.0]), np.array([[1.0], [-1.0]]))
    for wrong in (-1.0, [1.0, np.nan], "many", [[1.0], [2.0]], seasons.Baseline(-np.ones(2)), negative):
        with pytest.raises(UsageError):
            Poisson.from_parameters(schema, baseline=wrong)
    with pytest.raises(UsageError, match="levels"):
        Poisson.from_parameters(schema, baseline=[1.0, 2.0, 3.0])
    with pytest.raises(UsageError, match="ends"):
        Poisson.from_parameters(schema, baseline=[2.0, 0.5], window=(3.0, 3.0))


def test_saved_conditions_and_holdout(tmp_path):
    data = planted(9, n=120, beta=1.0)
    generator = Poisson().fit(data)
    generator.save(tmp_path / "p.tsynth")
    again = tsynth.load(tmp_path / "p.tsynth")
    assert again.sample(20, seed=5).content_hash() == generator.sample(20, seed=5).content_hash()
    rates = []
    for level in "fm":
        made = generator.sample(conditions=pa.table({"sex": [level] * 200}), seed=1)
        assert made.column("sex").to_pylist() == [level] * 200
        rates.append(made.n_rows / (made.end - made.start).sum())
    assert rates[1] / rates[0] == pytest.approx(np.e, rel=0.15)
    told = generator.diagnose(planted(10, n=120, beta=1.0))["holdout"]
    assert abs(told["per_event"] - generator.diagnose()["per_event"]) < 0.1


def test_bad_input_is_refused():
    data = planted(11, n=20)
    with pytest.raises(UsageError, match="baseline"):
        Poisson(baseline="often").fit(data)
    with pytest.raises(UsageError, match="penalty"):
        Poisson(penalty=-1).fit(data)
    with pytest.raises(UsageError, match="ties"):
        Poisson(ties="maybe").fit(data)
    with pytest.raises(UsageError, match="days"):
        Poisson(baseline="hour").fit(table(np.arange(20) // 5, np.arange(20.0), unit="year"))
    with pytest.raises(UsageError, match="whole days"):
        Poisson(baseline="hour").fit(table(np.arange(20) // 5, 24.0 * np.arange(20.0), unit="h"))
    outside = table(np.array([0, 0, 1]), np.array([1.0, 9.0, 2.0]), start=np.zeros(2), end=np.full(2, 5.0))
    with pytest.raises(DataError, match="100 has an event at 9"):
        Poisson().fit(outside)
    with pytest.raises(UsageError, match="piecewise"):
        Poisson(baseline="piecewise").fit(table(np.arange(20) // 5, np.arange(20.0)))


@pytest.mark.filterwarnings("ignore::tsynth.errors.DataWarning")  # of few rows, tested below
def test_one_event_and_empty_entities():
    one = table(np.zeros(1, int), np.array([3.0]))
    with pytest.warns(PrivacyWarning):
        made = Poisson().fit(one).sample(5, seed=1)
    assert made.n_entities == 5
    few = table(np.array([0, 0, 2]), np.sqrt([2.0, 3.0, 5.0]), start=np.zeros(3), end=np.full(3, 10.0))
    generator = Poisson(frailty=False).fit(few)
    assert generator.diagnose()["levels"][0] == pytest.approx(3 / 30)
    lengths = generator.sample(2000, seed=1).lengths
    assert np.mean(lengths == 0) == pytest.approx(np.exp(-1), abs=0.05)


@pytest.mark.parametrize("name", ["poisson", "renewal", "hawkes"])
def test_few_rows_are_told(name):
    draw = np.random.default_rng(14)
    says = "only 19 rows were learned from: rates and all that follows from them are guesses"
    data = table(np.arange(20) % 2, draw.uniform(0, 50, 20))
    with pytest.warns(DataWarning, match=says):
        guessed = tsynth.create(name).fit(data.keep_rows(np.arange(20) > 0))
    assert f"{says}." in guessed.diagnose()["sentences"]
    assert "learned from" not in " ".join(tsynth.create(name).fit(data).diagnose()["sentences"])


@pytest.mark.parametrize("name", ["poisson", "renewal"])
def test_a_type_never_seen_is_refused(name):
    draw = np.random.default_rng(13)
    kind, time = draw.integers(0, 3, 200), draw.uniform(0, 50, 200)
    whole = table(np.arange(200) // 20, time, kind=kind)
    generator = tsynth.create(name).fit(whole.keep_rows(whole.codes("kind") < 2))
    with pytest.raises(DataError, match=r"kind: row .* never seen"):
        generator.forecast(whole, 5.0, paths=1)
    if name == "poisson":
        with pytest.raises(DataError, match=r"kind: row .* never seen"):
            generator.diagnose(whole)


def test_static_columns_of_which_nothing_was_learned_come_back_null():
    schema = Schema(
        (
            Column("id", kind="identifier", role="entity", static=True, dtype="string"),
            Column("t", kind="continuous", role="time", dtype="double"),
            Column("sex", kind="category", static=True, nullable=True, levels=("f", "m"), dtype="string"),
        ),
        time_unit="h",
    )
    made = Poisson.from_parameters(schema, baseline=2.0, window=(0.0, 5.0)).sample(3, seed=1)
    assert made.column("sex").null_count == 3


@pytest.mark.parametrize("name", ["poisson", "renewal", "hawkes"])
def test_a_wrong_window_is_told_in_dates(name):
    rows = {"who": ["a", "a", "b"], "day": np.array(["2024-03-01", "2024-05-20", "2024-04-02"], "M8[D]")}

    def read(*ends):
        start, end = np.full(2, "2024-01-01", "M8[D]"), np.array(ends, "M8[D]")
        table = pa.table({"who": ["a", "b"], "start": start, "end": end})
        return tsynth.read(pa.table(rows), entities=table, entity="who", time="day")

    late = r"'a' has an event at 2024-05-20, after the window's end \(2024-05-01\)"
    with pytest.raises(DataError, match=late):
        tsynth.create(name).fit(read("2024-05-01", "2024-12-31"))
    with pytest.raises(DataError, match=r"'b' ends \(2023-05-01\) before it starts \(2024-01-01\)"):
        tsynth.create(name).fit(read("2024-12-31", "2023-05-01"))
