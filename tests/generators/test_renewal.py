"""Gaps, codes, ties and ends of `renewal` against closed forms, slow twins and planted truths."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from scipy import stats

import tsynth
from tests.generators.test_poisson import CHANCE, table
from tsynth.compiled import gaps as loops
from tsynth.errors import PrivacyWarning, UsageError
from tsynth.generators.point_process.gaps import GapFit, Gaps, fit_gaps, log_hazard, tables
from tsynth.generators.point_process.renewal import Renewal

LAWS = {
    "weibull": (np.array([1.7, 3.0]), stats.weibull_min(1.7, scale=3.0)),
    "gamma": (np.array([0.6, 2.0]), stats.gamma(0.6, scale=2.0)),
    "lognormal": (np.array([0.5, 1.2]), stats.lognorm(1.2, scale=np.exp(0.5))),
}


def fit_of(family, parameters):
    nothing = np.empty(0)
    return GapFit(family, parameters, nothing, nothing, nothing, {}, 1, 0, np.inf)


@pytest.mark.parametrize("family", LAWS)
def test_hazards_are_those_of_scipy(family):
    parameters, law = LAWS[family]
    gap = np.concatenate([np.geomspace(1e-6, 30, 200), [200.0]])
    rate, height = log_hazard(family, parameters, gap)
    # scipy's own logsf of the gamma law loses digits as the distribution function nears 1
    np.testing.assert_allclose(height, -law.logsf(gap), rtol=1e-7, atol=1e-13)
    np.testing.assert_allclose(rate, law.logpdf(gap) - law.logsf(gap), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("family", LAWS)
def test_tables_invert_the_hazard_to_a_thousandth(family):
    parameters, law = LAWS[family]
    made = tables([fit_of(family, parameters)])
    for chance in (1e-6, 1e-3, 0.1, 0.5, 0.9, 0.999, 1 - 1e-9):
        gap = loops.gap_at(-np.log1p(-chance), 0, *made.arguments())
        assert gap == pytest.approx(law.ppf(chance), rel=1e-3)
        back = loops.height_at(gap, 0, *made.arguments())
        assert back == pytest.approx(-np.log1p(-chance), rel=1e-9)


def test_empirical_tables_are_exact_and_skip_what_never_was():
    fit = GapFit(
        "empirical",
        np.empty(0),
        np.empty(0),
        np.array([0.0, 1.0, 6.0, 7.0]),
        np.array([0.5, 0.0, 2.0]),
        {},
        1,
        0,
        np.inf,
    )
    made = tables([fit])
    for height, gap in ((0.25, 0.5), (0.4999, 0.9998), (0.5001, 6.00005), (2.5, 7.0), (4.5, 8.0)):
        assert loops.gap_at(height, 0, *made.arguments()) == pytest.approx(gap, rel=1e-9)
    np.testing.assert_allclose(
        made.heights_of(np.array([0.5, 1.0, 3.0, 6.5, 8.0]), np.zeros(5, np.int64)),
        [0.25, 0.5, 0.5, 1.5, 4.5],
    )


def made_gaps(law, seed, entities=400, variance=0.0, length=20.0):
    """Gaps in windows of one length from the first event on, the last censored; hazards times a gamma frailty."""
    draw = np.random.default_rng(seed)
    u = draw.gamma(1 / variance, variance, entities) if variance else np.ones(entities)
    rows = []
    for i in range(entities):
        t = 0.0
        while True:
            gap = law.isf(np.exp(-draw.exponential() / u[i]))
            if t + gap > length:
                rows.append((length - t, False, i))
                break
            rows.append((gap, True, i))
            t += gap
    gap, ended, owner = map(np.array, zip(*rows, strict=True))
    return Gaps(gap, ended, np.zeros(len(gap), np.int64), owner)


@pytest.mark.parametrize("family", LAWS)
def test_fits_recover_censored_gaps(family):
    """3.9 standard errors each: a chance of 1e-4 a number. Without the censored gaps the fault is told."""
    parameters, law = LAWS[family]
    gaps = made_gaps(law, 1)
    (fit,), variance, _, _ = fit_gaps(gaps, 1, 400, family, spread=False)
    assert variance == 0
    assert np.all(np.abs(fit.parameters - parameters) < 3.9 * fit.errors)
    (auto,), *_ = fit_gaps(gaps, 1, 400, "auto", spread=False)
    assert auto.family == family
    ended = Gaps(
        gaps.length[gaps.ended], gaps.ended[gaps.ended], gaps.group[gaps.ended], gaps.entity[gaps.ended]
    )
    (short,), *_ = fit_gaps(ended, 1, 400, family, spread=False)
    mean = [tables([f]) for f in (fit, short)]
    far = [m.heights_of(np.array([10.0]), np.zeros(1, np.int64))[0] for m in mean]
    assert far[1] > 1.05 * far[0]


def test_uncensored_fit_equals_scipy():
    """scipy's simplex stops within about 1e-4 of the best parameters."""
    gap = stats.weibull_min(1.3, scale=4.0).rvs(3000, random_state=5)
    gaps = Gaps(gap, np.ones(3000, bool), np.zeros(3000, np.int64), np.zeros(3000, np.int64))
    (fit,), *_ = fit_gaps(gaps, 1, 1, "weibull", spread=False)
    shape, _, scale = stats.weibull_min.fit(gap, floc=0)
    # gaps are told apart in 2,048 bins, of about 1e-3 of their length
    np.testing.assert_allclose(fit.parameters, [shape, scale], rtol=1e-3)


def test_frailty_is_recovered_and_leaves_the_law_as_it_is():
    """Variance .5 of 600 entities with 5 to 10 gaps: a standard error of about .045; the shape's is .02."""
    parameters, law = LAWS["weibull"]
    gaps = made_gaps(law, 3, 600, variance=0.5)
    (fit,), variance, own, _ = fit_gaps(gaps, 1, 600, "weibull")
    assert abs(variance - 0.5) < 4 * 0.045
    assert np.all(np.abs(fit.parameters - parameters) < [0.08, 0.3])
    assert np.corrcoef(own, np.bincount(gaps.entity[gaps.ended], minlength=600))[0, 1] > 0.9
    (alike,), none, *_ = fit_gaps(gaps, 1, 600, "weibull", spread=False)
    assert none == 0
    assert alike.parameters[0] < fit.parameters[0] - 0.1  # a mixture looks like a hazard that falls


def test_marginal_likelihood_is_at_its_top():
    """With one group of Weibull gaps the frailty integrates out; a grid around the fit is nowhere likelier."""
    _, law = LAWS["weibull"]
    gaps = made_gaps(law, 4, 150, variance=0.6)
    (fit,), variance, *_ = fit_gaps(gaps, 1, 150, "weibull")

    def marginal(shape, scale, v):
        a = 1 / v
        rate, height = log_hazard("weibull", np.array([shape, scale]), gaps.length)
        lived = np.bincount(gaps.entity, height, 150)
        events = np.bincount(gaps.entity[gaps.ended], minlength=150)
        from scipy.special import gammaln

        return rate[gaps.ended].sum() + np.sum(
            gammaln(a + events) - gammaln(a) + a * np.log(a) - (a + events) * np.log(a + lived)
        )

    best = marginal(*fit.parameters, variance)
    for step in (0.97, 1.03):
        for which in range(3):
            moved = [*fit.parameters, variance]
            moved[which] *= step
            assert marginal(*moved) < best + 0.01


def test_empirical_hazard_equals_events_over_time_at_risk():
    gaps = made_gaps(LAWS["lognormal"][1], 6, 200)
    (fit,), *_ = fit_gaps(gaps, 1, 200, "empirical", spread=False)
    for low, high, hazard in zip(fit.edges[:-1], fit.edges[1:], fit.hazard, strict=True):
        last = high == fit.edges[-1]
        events = np.sum(gaps.ended & (gaps.length > low) & (gaps.length <= high))
        spent = np.clip((gaps.length if last else np.minimum(gaps.length, high)) - low, 0, None).sum()
        assert hazard == pytest.approx(events / spent, rel=0.02)  # bins of gaps at the edges


# -- walks


def test_walk_has_the_renewal_function_of_its_gaps():
    """Mean events in a window after one, by solving the renewal equation numerically."""
    parameters, law = LAWS["weibull"]
    n, length = 40_000, 10.0
    made = tables([fit_of("weibull", parameters)])
    offsets, time, _ = loops.renewals(
        np.uint64(1), np.arange(n), np.zeros(n), np.full(n, length), np.full(n, -1.0), np.ones((n, 1), np.int64),
        np.ones(n), 10_000, 1, np.empty(0, np.int64), np.zeros(1, np.int64), 1, np.ones((2, 1), np.float32),
        np.zeros(1, np.int64), np.zeros((1, 1)), *made.arguments(), 0.0, False,
    )  # fmt: skip
    counts = np.diff(offsets) - 1
    grid = np.linspace(0, length, 2001)
    jump = np.diff(law.cdf(grid))
    mean = np.zeros(len(grid))
    for k in range(1, len(grid)):  # m(t) = F(t) + integral of m(t - s) dF(s), m at the middle of each step
        middle = np.append(0.5 * (mean[1:k] + mean[: k - 1]), 0.5 * mean[k - 1])[::-1]
        mean[k] = law.cdf(grid[k]) + middle @ jump[:k]
    assert abs(counts.mean() - mean[-1]) < 3.9 * counts.std() / np.sqrt(n) + 0.005
    gap = np.diff(time)[np.diff(np.repeat(np.arange(n), np.diff(offsets))) == 0]
    first = time[offsets[:-1] + 1][counts > 0]
    assert gap.min() > 0
    ahead = law.cdf(first) / law.cdf(length)
    assert stats.kstest(ahead, "uniform").pvalue > CHANCE


def test_what_comes_after_a_silence():
    """After 2 units without an event the rest of the gap has the law that is left."""
    parameters, law = LAWS["lognormal"]
    n = 20_000
    made = tables([fit_of("lognormal", parameters)])
    offsets, time, _ = loops.renewals(
        np.uint64(2), np.arange(n), np.zeros(n), np.full(n, 1e6), np.full(n, 2.0), np.zeros((n, 1), np.int64),
        np.ones(n), 1, 1, np.empty(0, np.int64), np.zeros(1, np.int64), 1, np.ones((2, 1), np.float32),
        np.zeros(1, np.int64), np.zeros((1, 1)), *made.arguments(), 0.0, False,
    )  # fmt: skip
    first = time[offsets[:-1]]
    assert first.min() > 2.0
    place = (law.cdf(first) - law.cdf(2.0)) / law.sf(2.0)
    assert stats.kstest(place, "uniform").pvalue > CHANCE


# -- the generator


def planted(seed, entities=300, given=True):
    """After "a" a short gap, after "b" a long one; "b" follows "a" always, "a" follows "b" in half of the cases."""
    draw = np.random.default_rng(seed)
    rows = []
    for i in range(entities):
        t, kind = draw.uniform(0, 3), int(draw.integers(2))
        while t <= 60:
            rows.append((i, t, kind))
            t += draw.weibull(2.0) if kind == 0 else draw.gamma(3.0, 2.0)
            kind = 1 if kind == 0 else int(draw.integers(2))
    entity, time, kind = map(np.array, zip(*rows, strict=True))
    edges = {"start": np.zeros(entities), "end": np.full(entities, 60.0)} if given else {}
    return table(entity, time, kind=kind, **edges)


def test_gaps_hang_on_the_type_before_and_types_on_the_chain():
    data = planted(0)
    generator = Renewal().fit(data)
    told = {tuple(x["types"]): x for x in generator.diagnose()["gaps"]}
    assert told[(0,)]["family"] == "weibull"
    assert told[(1,)]["family"] == "gamma"
    # 9 families' parameters are known to 3.9 standard errors; both laws' shape and scale are planted
    for key, want in (((0,), (2.0, 1.0)), ((1,), (3.0, 2.0))):
        assert np.all(np.abs(np.array(told[key]["parameters"]) - want) < 3.9 * np.array(told[key]["errors"]))
    made = generator.sample(300, seed=1)
    assert abs(made.lengths.mean() / data.lengths.mean() - 1) < 0.04
    code, inside = made.codes("kind"), np.diff(made.entity_of_row) == 0
    after_a = code[1:][inside & (code[:-1] == 0)]
    assert (after_a == 1).mean() > 0.99
    after_b = code[1:][inside & (code[:-1] == 1)]
    assert abs((after_b == 1).mean() - 0.5) < 0.03
    gap = np.diff(made.time)
    for kind, law in ((0, stats.weibull_min(2.0)), (1, stats.gamma(3.0, scale=2.0))):
        mine = gap[inside & (code[:-1] == kind)]
        assert abs(np.median(mine) / law.median() - 1) < 0.08
    assert (made.time <= made.end[made.entity_of_row]).all()


def test_own_windows_keep_lengths():
    draw = np.random.default_rng(2)
    lengths = draw.choice([2, 5, 9], 400)
    entity = np.repeat(np.arange(400), lengths)
    time = np.cumsum(draw.gamma(2.0, 1.0, len(entity)))
    first = np.cumsum(lengths) - lengths
    data = table(
        entity,
        time - np.repeat(time[first], lengths) + np.repeat(draw.uniform(0, 9, 400), lengths),
        unit="year",
    )
    generator = Renewal(gaps="gamma").fit(data)
    assert generator.diagnose()["window"].startswith("own")
    made = generator.sample(400, seed=1)
    assert set(made.lengths) <= {2, 5, 9}
    for n in (2, 5, 9):
        assert abs(np.mean(made.lengths == n) - np.mean(lengths == n)) < 3.9 * np.sqrt(2 * 0.22 / 400)


@pytest.mark.filterwarnings("ignore::tsynth.errors.DataWarning")
def test_silences_alone_make_hardly_any_rows():
    """Five entities of one row each: none was ever followed."""
    renewal = Renewal(window="entry").fit(table(np.arange(5), np.array([0.0, 7.0, 19.0, 20.0, 40.0])))
    assert renewal.diagnose()["frailty"]["variance"] == 0
    assert renewal.sample(50, seed=1).n_rows < 100


def test_weekly_gaps_on_a_lattice_stay_weekly():
    draw = np.random.default_rng(3)
    n, rows = 200, 30
    days = 24.0 * 19_000 + 24.0 * np.cumsum(draw.choice([7, 7, 7, 14, 1], (n, rows)), axis=1)
    data = table(np.repeat(np.arange(n), rows), 3600.0 * days.ravel(), dates=True)
    generator = Renewal(window="own").fit(data)
    told = generator.diagnose()
    assert told["gaps"][0]["family"] == "empirical"
    made = generator.sample(200, seed=1)
    gap = np.rint(np.diff(made.time)[np.diff(made.entity_of_row) == 0] / 24).astype(int)
    assert set(gap) == {1, 7, 14}
    assert np.mean(gap == 7) == pytest.approx(0.6, abs=0.04)


def test_ties_hang_on_both_types():
    """Each visit has "a", then at the same moment "b", then perhaps "c" an hour later."""
    draw = np.random.default_rng(4)
    rows = []
    for i in range(200):
        t = draw.integers(0, 50)
        for _ in range(12):
            t += int(draw.integers(24, 300))
            rows += [(i, t, 0), (i, t, 1)] + ([(i, t + 1, 2)] if draw.random() < 0.5 else [])
    entity, time, kind = map(np.array, zip(*rows, strict=True))
    data = table(entity, time.astype(float), kind=kind)
    made = Renewal(order=1).fit(data).sample(200, seed=1)
    code, inside, gap = made.codes("kind"), np.diff(made.entity_of_row) == 0, np.diff(made.time)
    pair = inside & (code[:-1] == 0) & (code[1:] == 1)
    assert np.mean(gap[pair] == 0) > 0.99
    assert np.mean(gap[inside & (code[1:] == 0)] == 0) < 0.01


def test_forecast_goes_on_after_the_silence():
    data = planted(5, 100)
    generator = Renewal().fit(data)
    ahead = generator.forecast(data, 30.0, paths=4, seed=1)
    whose = np.repeat(np.arange(100), 4)
    assert (ahead.time > 60.0).all()
    assert (ahead.time <= 90.0).all()
    per = ahead.n_rows / 400 / 30.0
    assert per == pytest.approx(data.n_rows / 100 / 58.5, rel=0.1)
    last = data.codes("kind")[data.offsets[1:] - 1][whose]
    first = ahead.codes("kind")[ahead.offsets[:-1][ahead.lengths > 0]]
    assert np.mean(first[last[ahead.lengths > 0] == 0] == 1) > 0.98
    assert generator.forecast(data, 30.0, paths=4, seed=1).content_hash() == ahead.content_hash()


def test_saved_and_conditions(tmp_path):
    draw = np.random.default_rng(6)
    group = np.arange(200) % 2
    entity = np.repeat(np.arange(200), np.where(group, 30, 10))
    time = np.concatenate([np.sort(draw.uniform(0, 50, k)) for k in np.where(group, 30, 10)])
    statics = {"sex": ({"kind": "category", "levels": ("f", "m")}, np.array(["f", "m"], object)[group])}
    data = table(entity, time, start=np.zeros(200), end=np.full(200, 50.0), statics=statics)
    generator = Renewal().fit(data)
    assert generator.diagnose()["frailty"]["variance"] > 0.1
    generator.save(tmp_path / "r.tsynth")
    again = tsynth.load(tmp_path / "r.tsynth")
    assert again.sample(20, seed=5).content_hash() == generator.sample(20, seed=5).content_hash()
    made = [generator.sample(conditions=pa.table({"sex": [level] * 200}), seed=1) for level in "fm"]
    assert made[0].column("sex").to_pylist() == ["f"] * 200
    assert made[1].n_rows > 1.7 * made[0].n_rows


@pytest.mark.filterwarnings("ignore::tsynth.errors.DataWarning")
def test_bad_input_is_refused():
    data = planted(7, 20)
    for wrong in ({"gaps": "normal"}, {"order": 0}, {"window": "whole"}, {"window": "entry"}, {"ties": "x"}):
        with pytest.raises(UsageError):
            Renewal(**wrong).fit(table(np.arange(9) // 3, np.arange(9.0) ** 1.5, unit="year"))
    assert Renewal(gaps="gamma").fit(data).sample(3, seed=0).n_entities == 3
    with pytest.warns(PrivacyWarning):
        lone = Renewal().fit(table(np.zeros(1, int), np.array([3.0])))
    assert lone.sample(4, seed=1).lengths.max() <= 1
