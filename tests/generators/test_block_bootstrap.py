"""The block bootstrap: forms, block lengths and seasons against references; what is kept; what is copied."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from statsmodels.tsa.adfvalues import mackinnoncrit
from statsmodels.tsa.stattools import adfuller

from tsynth.data.reading import read
from tsynth.data.sequences import Sequences
from tsynth.errors import DataError, UsageError
from tsynth.generators.statistical.block_bootstrap import BlockBootstrap
from tsynth.generators.statistical.blocks import find_season, optimal_length, phase_means
from tsynth.generators.statistical.forms import choose_form, fill, grid_of, innovations, smoothing, unit_root

# One series is one entity, which is warned of; tests/contract/test_inputs.py tests that.
pytestmark = pytest.mark.filterwarnings("ignore::tsynth.errors.PrivacyWarning")


def panel(series: dict[str, np.ndarray], start: str = "2020-01-01", freq: str = "D") -> Sequences:
    frames = [
        pd.DataFrame({"id": name, "day": pd.date_range(start, periods=len(x), freq=freq), "x": x})
        for name, x in series.items()
    ]
    return read(pd.concat(frames), entity="id", time="day")


def ragged(data: Sequences) -> list[np.ndarray]:
    return data.ragged()


def noise(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


# --- block lengths, seasons, forms ------------------------------------------------------------------------


def test_block_lengths_are_those_of_arch() -> None:
    # arch 8.0.0, optimal_block_length of statsmodels' Nile, sunspots and macrodata: columns stationary, circular,
    # printed by the session that wrote this test. Both take sums in another order, hence 1e-9.
    macro = sm.datasets.macrodata.load_pandas().data
    series = {
        "nile": (sm.datasets.nile.load_pandas().data.volume, 12.33349425828262, 14.118326537905858),
        "sun": (sm.datasets.sunspots.load_pandas().data.SUNACTIVITY, 21.050693046008156, 24.097028145383916),
        "unemp": (macro.unemp, 18.178640023762316, 20.80934814545076),
        "infl": (macro.infl, 19.44971172168748, 22.26436202137214),
        "gdp": (np.diff(np.log(macro.realgdp)), 5.905507552118852, 6.760118604416713),
    }
    for x, stationary, circular in series.values():
        x = np.asarray(x, float)
        assert optimal_length(x) == pytest.approx(stationary, rel=1e-9)
        assert optimal_length(x, "circular") == pytest.approx(circular, rel=1e-9)


@pytest.mark.parametrize("x", [np.zeros(0), np.ones(50), np.arange(5.0), noise(0, 9), np.full(40, 1e300)])
def test_a_block_length_is_always_possible(x: np.ndarray) -> None:
    assert 1 <= optimal_length(x) <= max(1, len(x) / 3 + 1)


@pytest.mark.filterwarnings("ignore:adfuller currently returns")  # both forms unpack alike here
def test_unit_root_is_the_augmented_dickey_fuller_test() -> None:
    for seed in range(20):
        phi = [1.0, 0.97, 0.9, 0.5][seed % 4]
        x = np.zeros(200)
        for t, e in enumerate(noise(seed, 199)):
            x[t + 1] = phi * x[t] + e
        lags = int(199 ** (1 / 3))
        statistic, *_ = adfuller(x, maxlag=lags, autolag=None, regression="c", store=False)
        assert unit_root(x) == (statistic > mackinnoncrit(1, "c", nobs=len(x) - 1 - lags)[1])


def test_seasons() -> None:
    t = np.arange(24 * 28)
    day, week = np.sin(2 * np.pi * t / 24), np.where(t // 24 % 7 >= 5, 0.3, 1.0)
    assert find_season((10 * day + noise(1, len(t)))[:, None]) == 24
    assert find_season((10 * day * week + 0.3 * noise(2, len(t)))[:, None]) == 168
    # Noise of 8 periods, 200 times: the bar of four standard errors lets none of them through here.
    found = [find_season(noise(seed, 120)[:, None]) for seed in range(200)]
    assert np.mean(np.array(found) != 1) < 0.03
    assert find_season(np.ones((50, 2))) == 1
    assert find_season(noise(3, 8, 1)) == 1


def test_phase_means() -> None:
    x = np.array([1.0, 10, 3, 20, 5])
    np.testing.assert_array_equal(phase_means(x, 2), [3, 15, 3, 15, 3])
    np.testing.assert_array_equal(phase_means(x, 1), np.full(5, 7.8))


def test_forms() -> None:
    walk = np.cumsum(noise(1, 500))
    ar = np.zeros(500)
    for t, e in enumerate(noise(2, 499)):
        ar[t + 1] = 0.85 * ar[t] + e
    counts = np.random.default_rng(3).poisson(0.7, 500).astype(float)

    def form(x: np.ndarray, discrete: bool = False) -> tuple[str, float]:
        found = choose_form(x, x, 1, discrete)
        return found.name, found.phi

    assert form(noise(0, 500))[0] == "level"
    assert form(walk) == ("difference", 1.0)
    assert form(np.exp(0.02 * walk) * 50) == ("log difference", 1.0)
    assert form(ar)[0] == "reverting"
    assert form(ar)[1] == pytest.approx(0.85, abs=0.08)  # three standard errors of sqrt((1 - .85**2) / 500)
    assert form(np.exp(0.3 * ar))[0] == "log reverting"
    assert form(np.sort(counts))[0] == "level"  # small counts always
    assert form(walk, discrete=True)[0] == "level"
    assert form(np.arange(5.0))[0] == "level"  # too short to ask


def test_innovations_undo_themselves() -> None:
    y = np.cumsum(noise(1, 30))
    for phi in (0.0, 0.7, 1.0):
        e = innovations(y, phi, 4)
        if phi == 0.7:  # centred, so that they lead back to the mean
            assert e.mean() == pytest.approx(0.3 * y.mean())
            e += y[1] - phi * y[0] - e[1]
        back = [y[0]]
        for t in range(1, 30):
            back.append(phi * back[-1] + e[t])
        np.testing.assert_allclose(back, y, atol=1e-12)
    assert innovations(y, 1.0, 4)[0] == y[4] - y[3]


def test_grid() -> None:
    assert grid_of(np.array([0.25, 1.5])) == 0.01
    assert grid_of(np.array([1200.0, 300.0])) == 100
    assert grid_of(np.array([1.0, 7.0])) == 1
    assert grid_of(np.array([np.pi])) == 0
    assert grid_of(np.array([1e300, 0.1])) == 0
    assert grid_of(np.array([0.1 + 0.2, 0.7])) == 0.1


def test_smoothing_keeps_mean_and_variance_and_leaves_frequent_values() -> None:
    e = np.where(np.arange(1000) % 4 == 0, 0.0, noise(1, 1000))
    centre, shrink, width, noisy = smoothing(e, 0.5)
    assert not noisy[e == 0].any()
    assert noisy[e != 0].all()
    assert centre == e.mean()
    assert shrink**2 * (e.var() + width**2) == pytest.approx(e.var())
    assert not smoothing(e, 0.0)[3].any()
    np.testing.assert_array_equal(fill(np.array([np.nan, 1, np.nan, 3])), [1, 1, 2, 3])


# --- what is kept -----------------------------------------------------------------------------------------


def test_shape_of_a_panel_and_determinism() -> None:
    data = panel({"a": noise(1, 60), "b": noise(2, 60) + 5, "c": noise(3, 45)})
    fitted = BlockBootstrap().fit(data)
    made = fitted.sample(7, seed=3)
    assert made.lengths.tolist() == [60, 60, 45, 60, 60, 45, 60]
    np.testing.assert_array_equal(made.time[:165], data.time)
    again = BlockBootstrap().fit(data).sample(7, seed=3)
    assert made.content_hash() == again.content_hash()
    assert fitted.sample(7, seed=4).content_hash() != made.content_hash()
    alone = fitted.sample(2, seed=3, first=4)
    for ours, whole in zip(ragged(alone), ragged(made)[4:6], strict=True):
        np.testing.assert_array_equal(ours, whole)
    parts = list(fitted.stream(7, seed=3, part=2))
    np.testing.assert_array_equal(np.concatenate([p.matrix() for p in parts]), made.matrix())
    assert fitted.diagnose()["forms"] == {"level": 3}
    assert fitted.diagnose()["calendars"] == 2


def test_series_of_one_calendar_keep_their_correlation() -> None:
    common = noise(1, 300)
    series = {"a": common + 0.3 * noise(2, 300), "b": common + 0.3 * noise(3, 300)}
    real = np.corrcoef(series["a"], series["b"])[0, 1]

    def correlation(**parameters: object) -> float:
        made = ragged(BlockBootstrap(**parameters).fit(panel(series)).sample(40, seed=1))
        return float(np.mean([np.corrcoef(made[i][:, 0], made[i + 1][:, 0])[0, 1] for i in range(0, 40, 2)]))

    assert correlation(smoothing=0) == pytest.approx(real, abs=0.03)
    assert correlation() == pytest.approx(real, abs=0.05)  # smoothing is drawn series by series
    assert abs(correlation(shared=False)) < 0.15  # planted: without shared draws it is gone


def test_columns_of_one_series_keep_their_correlation() -> None:
    common = noise(1, 300)
    frame = pd.DataFrame(
        {
            "day": pd.date_range("2020-01-01", periods=300),
            "x": common + 0.3 * noise(2, 300),
            "y": common + 0.3 * noise(3, 300),
            "weekday": pd.date_range("2020-01-01", periods=300).day_name(),
        }
    )
    made = BlockBootstrap().fit(read(frame, time="day")).sample(20, seed=1).frame
    assert np.corrcoef(made.x, made.y)[0, 1] == pytest.approx(np.corrcoef(frame.x, frame.y)[0, 1], abs=0.05)
    assert set(made.weekday) <= set(frame.weekday)


def test_prices_do_not_jump_and_stay_positive() -> None:
    steps = 0.01 * noise(5, 1500)
    close = np.round(100 * np.exp(np.cumsum(steps)), 2)
    made = np.column_stack(
        [x[:, 0] for x in ragged(BlockBootstrap().fit(panel({"p": close})).sample(50, seed=2))]
    )
    moves = np.abs(np.diff(np.log(made), axis=0))
    assert made.min() > 0
    assert moves.max() < 1.6 * np.abs(np.diff(np.log(close))).max()
    assert np.std(np.diff(np.log(made), axis=0)) == pytest.approx(np.std(steps), rel=0.1)
    assert np.std(made[-1] / made[0]) > 0.02  # paths go apart
    # planted: levels joined without their form do jump
    free = BlockBootstrap(smoothing=0).fit(panel({"p": close}))
    free.bank_ = free.bank_ | {
        "forms": np.zeros_like(free.bank_["forms"]), "source": np.log(close)[:, None],
    }  # fmt: skip
    joined = np.column_stack([x[:, 0] for x in ragged(free.sample(50, seed=2))])
    assert np.abs(np.diff(np.log(joined), axis=0)).max() > 5 * moves.max()


def test_high_and_low_stay_together() -> None:
    close = 100 * np.exp(np.cumsum(0.01 * noise(5, 1500)))
    high = close * np.exp(0.005 + 0.002 * np.abs(noise(6, 1500)))
    data = panel({"close": np.round(close, 2), "high": np.round(high, 2)})
    fitted = BlockBootstrap().fit(data)
    made = ragged(fitted.sample(20, seed=1))
    gap = np.array([np.log(made[i + 1][:, 0] / made[i][:, 0]) for i in range(0, 20, 2)])
    real = np.log(high / close)
    assert fitted.diagnose()["forms"] == {"log difference": 1, "spread, log level": 1}
    assert gap.mean() == pytest.approx(real.mean(), rel=0.02)
    assert gap.std() == pytest.approx(real.std(), rel=0.1)
    np.testing.assert_array_equal(made[3], ragged(fitted.sample(1, seed=1, first=3))[0])  # without its leader


def test_persistent_series_return_to_their_level() -> None:
    x = np.zeros(2000)
    for t, e in enumerate(noise(2, 1999)):
        x[t + 1] = 0.95 * x[t] + e
    made = np.concatenate([m[:, 0] for m in ragged(BlockBootstrap().fit(panel({"x": x})).sample(30, seed=1))])
    assert made.std() == pytest.approx(x.std(), rel=0.1)
    assert made.mean() == pytest.approx(x.mean(), abs=3 * x.std() / np.sqrt(30 * 2000 / 39))
    assert made.max() <= x.max()
    assert np.abs(np.diff(made[:2000])).max() < 1.5 * np.abs(np.diff(x)).max()


def test_intermittent_counts_stay_counts() -> None:
    rng = np.random.default_rng(1)
    series = {f"part{i}": rng.poisson(0.4, 51) * rng.integers(1, 5, 51) for i in range(40)}
    data = panel(series, freq="MS")
    made = BlockBootstrap().fit(data).sample(400, seed=1)
    values = made.matrix()[:, 0]
    assert made.rows["x"].type == data.rows["x"].type
    assert values.min() == 0
    assert set(values) <= set(data.matrix()[:, 0])
    assert np.mean(values == 0) == pytest.approx(np.mean(data.matrix() == 0), abs=0.02)


def test_gaps_and_decimals_are_kept() -> None:
    x = np.round(noise(1, 400) + 20, 1)
    x[100:110] = np.nan
    x[np.random.default_rng(2).random(400) < 0.05] = np.nan
    data = panel({"x": x})
    made = BlockBootstrap().fit(data).sample(50, seed=1).matrix()[:, 0]
    assert np.isnan(made).mean() == pytest.approx(np.isnan(x).mean(), abs=0.02)
    runs = np.isnan(made)[:-1] & np.isnan(made)[1:]
    assert runs.sum() > 5 * 50  # the long gap comes in one piece, not as single nulls
    some = made[np.isfinite(made)]
    np.testing.assert_array_equal(some, np.round(some, 1))


def test_season_is_kept() -> None:
    t = np.arange(24 * 21)
    x = 50 + 10 * np.sin(2 * np.pi * t / 24) + noise(1, len(t))
    data = panel({"x": x}, freq="h")
    made = np.column_stack([m[:, 0] for m in ragged(BlockBootstrap().fit(data).sample(20, seed=1))])
    np.testing.assert_allclose(phase_means(made.mean(axis=1), 24)[:24], phase_means(x, 24)[:24], atol=0.7)
    flat = BlockBootstrap(season=None, block=5).fit(data)
    lost = np.column_stack([m[:, 0] for m in ragged(flat.sample(20, seed=1))]).mean(axis=1)
    assert np.ptp(phase_means(lost, 24)) < 0.5 * np.ptp(phase_means(x, 24))  # planted


def exact_runs(real: Sequences, made: Sequences, length: int = 3) -> float:
    known = {w.tobytes() for w in real.windows(length)[..., 0]}
    return float(np.mean([w.tobytes() in known for w in made.windows(length)[..., 0]]))


def test_smoothing_leaves_no_real_run() -> None:
    data = panel({"x": np.round(noise(1, 500) + 20, 4)})
    assert exact_runs(data, BlockBootstrap().fit(data).sample(20, seed=1)) < 0.001
    assert exact_runs(data, BlockBootstrap(smoothing=0, block=20).fit(data).sample(20, seed=1)) > 0.8


def test_odd_sources() -> None:
    series = {
        "constant": np.full(30, 2.5), "huge": 1e300 * np.abs(noise(1, 30)), "null": np.full(20, np.nan),
        "one": np.array([3.5]), "tiny": 5e-324 * np.arange(20), "two": np.array([1.5, 2.5]),
    }  # fmt: skip
    parts = ragged(BlockBootstrap().fit(panel(series)).sample(12, seed=1))
    assert [len(p) for p in parts] == [30, 30, 20, 1, 20, 2] * 2
    assert (parts[0] == 2.5).all()
    assert np.isfinite(parts[1]).all()
    assert np.isnan(parts[2]).all()
    assert (parts[3] == 3.5).all()


def test_models_come_back_the_same(tmp_path: Path) -> None:
    from tsynth.generators.artifacts import load

    fitted = BlockBootstrap(method="moving", block=5).fit(panel({"a": noise(1, 60), "b": noise(2, 30)}))
    fitted.save(tmp_path / "model.tsynth")
    loaded = load(tmp_path / "model.tsynth")
    assert loaded.sample(4, seed=1).content_hash() == fitted.sample(4, seed=1).content_hash()


@pytest.mark.parametrize(
    "parameters", [{"method": "maximum"}, {"block": 0}, {"block": "long"}, {"season": 1.5}, {"smoothing": -1}]
)
def test_parameters_are_checked(parameters: dict) -> None:
    with pytest.raises(UsageError, match=next(iter(parameters))):
        BlockBootstrap(**parameters).fit(panel({"a": noise(1, 60)}))


def test_nothing_to_resample() -> None:
    with pytest.raises(DataError, match="no column that varies"):
        BlockBootstrap().fit(
            read(
                pd.DataFrame({"id": [1, 1, 2], "day": pd.date_range("2020-01-01", periods=3)}),
                entity="id",
                time="day",
            )
        )


# --- forecasts --------------------------------------------------------------------------------------------


def test_forecast_goes_on_from_the_end() -> None:
    t = np.arange(120)
    x = 100 * np.exp(0.01 * t + 0.1 * np.sin(2 * np.pi * t / 12) + 0.01 * noise(1, 120))
    data = panel({"a": x, "b": 2 * x}, freq="MS")
    paths = BlockBootstrap().fit(data).forecast(data, 24, paths=200, seed=1)
    assert paths.n_entities == 400
    assert set(paths.lengths) == {24}
    frame = paths.frame
    assert pd.DatetimeIndex(frame.day[:24]).equals(pd.date_range("2030-01-01", periods=24, freq="MS"))
    values = frame.x.to_numpy().reshape(2, 200, 24)
    future = 100 * np.exp(0.01 * np.arange(120, 144) + 0.1 * np.sin(2 * np.pi * np.arange(120, 144) / 12))
    inside = np.mean(
        (np.quantile(values[0], 0.02, axis=0) < future) & (future < np.quantile(values[0], 0.98, axis=0))
    )
    assert inside > 0.6
    assert abs(np.log(values[0, :, 0] / x[-1])).max() < 0.3


def test_forecast_skips_weekends() -> None:
    data = panel({"a": noise(1, 100)}, freq="B")
    made = BlockBootstrap().fit(data).forecast(data, 7, paths=2, seed=1).frame
    expected = pd.date_range("2020-01-01", periods=107, freq="B")[100:]
    assert pd.DatetimeIndex(made.day[:7]).equals(expected)


# --- real data --------------------------------------------------------------------------------------------


@pytest.mark.needs_data
@pytest.mark.parametrize("name", ["arch_financial", "carparts", "m4_hourly"])
def test_real_series(shared_data: Path, name: str) -> None:
    data = read(shared_data / "series" / f"{name}.parquet", entity="series_id", time="time")
    fitted = BlockBootstrap().fit(data)
    made = fitted.sample(seed=1)
    assert made.lengths.tolist() == data.lengths.tolist()
    jumps = []
    for ours, real in zip(ragged(made), ragged(data), strict=True):
        real = real[np.isfinite(real[:, 0]), 0]
        assert not (real.min() >= 0 and np.nanmin(ours) < 0)
        if (real == np.rint(real)).all():
            assert (ours == np.rint(ours))[np.isfinite(ours)].all()
        usual = np.mean(np.abs(np.diff(real)))
        if usual > 0 and name != "carparts":
            jumps.append(np.nanmean(np.abs(np.diff(ours[:, 0]))) / usual)
    if name == "carparts":
        zeros = [np.mean(d.matrix() == 0) for d in (made, data)]
        assert zeros[0] == pytest.approx(zeros[1], abs=0.03)
    else:
        assert 0.8 < np.median(jumps) < 1.25
