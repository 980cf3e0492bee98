"""Block draws and paths, against slow twins and what the papers say about them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from tsynth.compiled import random
from tsynth.compiled.bootstrap import CIRCULAR, MOVING, STATIONARY, draw_blocks, make_paths, resample

RARE = 1e-6  # false-alarm rate of each random check, on fixed seeds


def state(entity: int = 0, call: int = 0, key: int = 1) -> np.ndarray:
    out = np.empty(4, np.uint64)
    random.start_call(out, np.uint64(key), entity, call)
    return out


def places(
    n: int, length: float, method: int, period: int = 1, shift: int = 0, steps: int = 50_000
) -> np.ndarray:
    out = np.empty(steps, np.int64)
    draw_blocks(state(), n, length, method, period, shift, out)
    return out


def blocks_of(out: np.ndarray, n: int, period: int = 1) -> np.ndarray:
    """Lengths of runs that go on as a block does; joints that look like a continuation are not seen."""
    goes_on = np.where(out[:-1] + 1 < n, out[:-1] + 1, n % period) == out[1:]
    return np.diff(np.flatnonzero(np.concatenate([[True], ~goes_on, [True]])))


@pytest.mark.parametrize("method", [STATIONARY, MOVING, CIRCULAR])
@pytest.mark.parametrize(
    ("n", "period", "shift"), [(100, 1, 0), (100, 12, 5), (25, 12, 11), (7, 7, 3), (1, 1, 0)]
)
def test_places_keep_the_phase(method: int, n: int, period: int, shift: int) -> None:
    out = places(n, 4.0, method, period, shift, 5000)
    assert out.min() >= 0
    assert out.max() < n
    np.testing.assert_array_equal(out % period, (np.arange(5000) + shift) % period)


def test_stationary_blocks_are_geometric_and_uniform() -> None:
    n, length = 1000, 8.0
    out = places(n, length, STATIONARY)
    lengths = blocks_of(out, n)
    # a joint goes unseen with chance 1/n, so the seen blocks stop with chance (1 - 1/n) / length a step
    chance = (1 - 1 / n) / length
    assert stats.binomtest(len(lengths), int(lengths.sum()), chance).pvalue > RARE
    starts = out[np.concatenate([[0], np.cumsum(lengths)[:-1]])]
    assert stats.kstest(starts / n, "uniform").pvalue > 1e-4  # a grid of 1/1000 moves the statistic by .001


def test_moving_and_circular_blocks_have_one_length() -> None:
    moving, circular = places(1000, 8.0, MOVING), places(1000, 8.0, CIRCULAR)
    for out in (moving, circular):
        np.testing.assert_array_equal(blocks_of(out, 1000)[:-1] % 8, 0)
    assert moving[::8].max() <= 992
    assert circular[::8].max() > 992


@pytest.mark.parametrize("method", [STATIONARY, MOVING, CIRCULAR])
@pytest.mark.parametrize("period", [1, 5])
def test_resample_is_the_places_looked_up(method: int, period: int) -> None:
    values = np.arange(103) * 1.5
    out = np.empty((20, 300))
    resample(np.uint64(9), 40, values, 6.5, method, period, out)
    for i in range(20):
        twin = np.empty(300, np.int64)
        draw_blocks(state(40 + i, 0, 9), 103, 6.5, method, period, 0, twin)
        np.testing.assert_array_equal(out[i], values[twin])


def test_mean_of_a_resample_has_the_variance_of_the_stationary_bootstrap() -> None:
    # Politis, Romano (1994), lemma 1: n var = R(0) + 2 sum_i b(i) R(i), b(i) = (1 - i/n) q^i + (i/n) q^(n-i),
    # with circular autocovariances R and q = 1 - 1/length.
    values = np.cumsum(np.random.default_rng(0).normal(size=60))
    n, length, paths = 60, 6.0, 20_000
    out = np.empty((paths, n))
    resample(np.uint64(3), 0, values, length, STATIONARY, 1, out)
    d = values - values.mean()
    circular = np.array([d @ np.roll(d, -i) / n for i in range(n)])
    i, q = np.arange(1, n), 1 - 1 / length
    weights = (1 - i / n) * q**i + i / n * q ** (n - i)
    # R of the paper at lag i is sum over all i = 1..n-1 of (1 - i/n) q^i (circular[i] + circular[n - i]) = above
    expected = (circular[0] + np.sum(weights * circular[1:])) / n + np.sum(
        (1 - i / n) * q**i * circular[1:]
    ) / n
    expected = (circular[0] + 2 * np.sum((1 - i / n) * q**i * circular[1:])) / n
    means = out.mean(axis=1)
    z = (means.var() / expected - 1) / np.sqrt(2 / paths)
    assert abs(z) < stats.norm.isf(RARE / 2) * 1.2  # the means are a little heavier than normal


# --- paths ------------------------------------------------------------------------------------------------


def twin_paths(
    bank: dict, entities: list[int], steps: np.ndarray, shift: np.ndarray, method: int
) -> np.ndarray:
    """`make_paths`, a step at a time, for paths that stay inside their bounds."""
    offsets, columns = bank["offsets"], bank["source"].shape[1]
    m = len(offsets) - 1
    made = []
    for entity in entities:
        replicate, series = divmod(entity, m)
        where = np.empty(steps[series], np.int64)
        draw_blocks(
            state(replicate, bank["group"][series], 1), offsets[series + 1] - offsets[series],
            bank["length"][series], method, bank["period"][series], shift[series], where,
        )  # fmt: skip

        def path(s: int, c: int, where: np.ndarray = where, replicate: int = replicate) -> np.ndarray:
            phi, origin, _, _, shrink, centre, noise = bank["forms"][s, c]
            rows = offsets[s] + where
            draws = state(replicate * m + s, c, 2)
            level = origin
            if np.isnan(origin):
                level = bank["levels"][rows[0] - 1, c] if where[0] > 0 else centre / (1 - phi)
            out = []
            for row in rows:
                e = bank["source"][row, c]
                if noise > 0 and bank["noisy"][row, c]:
                    e = centre + shrink * (e - centre + noise * random.normal(draws))
                level = phi * level + e
                out.append(level)
            return np.array(out)

        block = np.empty((steps[series], columns))
        for c in range(columns):
            value = path(series, c)
            leader = bank["leader"][series, c]
            if leader >= 0:
                value = value + path(leader // columns, leader % columns)
            value = np.exp(value) if bank["logged"][series, c] else value
            if bank["grid"][series, c] > 0:
                value = np.round(value / bank["grid"][series, c]) * bank["grid"][series, c]
            value[np.isnan(bank["levels"][offsets[series] + where, c])] = np.nan
            block[:, c] = value
        made.append(block)
    return np.concatenate(made)


def a_bank() -> dict:
    rng = np.random.default_rng(4)
    offsets = np.array([0, 40, 80, 80, 130])
    levels = rng.normal(size=(130, 2))
    levels[rng.random((130, 2)) < 0.1] = np.nan
    forms = np.zeros((4, 2, 7))
    forms[..., 0] = [[0, 0.7], [1, 0], [0, 0], [0.9, 1]]
    forms[..., 1] = [[0, np.nan], [5, 0], [0, 0], [np.nan, -1]]
    forms[..., 2:4] = -1e9, 1e9
    forms[..., 4:] = 0.9, 0.1, 0.3
    forms[0, 0, 6] = 0.0
    leader = np.full((4, 2), -1)
    leader[0, 1] = 2  # series 1, column 0
    return {
        "offsets": offsets, "group": np.array([0, 0, 1, 2]), "length": np.array([5.0, 5.0, 1.0, 3.0]),
        "period": np.array([4, 4, 1, 1]), "source": rng.normal(size=(130, 2)), "levels": levels,
        "noisy": rng.random((130, 2)) < 0.8, "leader": leader, "forms": forms,
        "logged": np.array([[False, True], [True, False], [False, False], [False, False]]),
        "low": np.full((4, 2), -np.inf), "high": np.full((4, 2), np.inf),
        "grid": np.array([[0.01, 0.0], [0.0, 0.5], [0, 0], [0.0, 0.25]]),
    }  # fmt: skip


def made(bank: dict, entities: list[int], steps: np.ndarray, shift: np.ndarray, method: int) -> np.ndarray:
    m = len(bank["offsets"]) - 1
    out = np.empty((int(steps[np.array(entities) % m].sum()), 2))
    for array in bank.values():
        array.setflags(write=False)
    make_paths(
        np.uint64(1), np.uint64(2), np.array(entities), bank["offsets"], bank["group"], bank["length"], bank["period"],
        method, bank["source"], bank["levels"], bank["noisy"], bank["leader"], bank["forms"], bank["logged"],
        bank["low"], bank["high"], bank["grid"], steps, shift, out,
    )  # fmt: skip
    return out


@pytest.mark.parametrize("method", [STATIONARY, MOVING, CIRCULAR])
def test_paths_are_those_of_the_twin(method: int) -> None:
    bank = a_bank()
    steps, shift = np.array([30, 30, 0, 60]), np.array([3, 3, 0, 0])
    entities = [0, 1, 2, 3, 4, 9, 7, 5]
    ours = made(bank, entities, steps, shift, method)
    # the twin multiplies by the grid where the loop divides, and exp may differ in the last digit
    np.testing.assert_allclose(ours, twin_paths(bank, entities, steps, shift, method), rtol=1e-12, atol=1e-12)


def test_an_entity_is_the_same_alone() -> None:
    bank, steps, shift = a_bank(), np.array([30, 30, 0, 60]), np.zeros(4, np.int64)
    whole = made(bank, [0, 1, 2, 3, 4, 5], steps, shift, STATIONARY)
    alone = made(bank, [4], steps, shift, STATIONARY)
    np.testing.assert_array_equal(alone, whole[120:150])


def test_a_path_that_wanders_is_brought_inside_its_bounds() -> None:
    bank, steps, shift = a_bank(), np.array([30, 30, 0, 60]), np.zeros(4, np.int64)
    bank["forms"][3, 1] = (1, 0.0, -1.0, 1.0, 1.0, 0.0, 0.0)  # a walk from 0, bounds -1 and 1
    bank["forms"][1, 0] = (1, 0.0, -0.1, 5.0, 1.0, 0.0, 0.0)  # starts near its lower bound: folded there
    bank["logged"][1, 0] = False
    bank["grid"][:] = 0
    bank["low"][3, 1], bank["high"][3, 1], bank["low"][1, 0], bank["high"][1, 0] = -1, 1, -0.1, 5
    out = made(bank, [3 + 4 * r for r in range(200)], steps, shift, STATIONARY).reshape(200, 60, 2)[..., 1]
    assert np.nanmax(out) <= 1
    assert np.nanmin(out) >= -1
    edge = np.nanmax(np.abs(out), axis=1)
    flat = (np.abs(out) == edge[:, None]).sum(axis=1)
    assert (flat <= 2).all()  # scaled, not clipped: the bound is touched once a side
    low = made(bank, [1 + 4 * r for r in range(200)], steps, shift, STATIONARY)[:, 0]
    assert np.nanmin(low) >= -0.1
    assert np.nanmax(low) <= 5


@pytest.mark.parametrize("grid", [1.0, 100.0, 0.01, 1e-6])
def test_decimals_read_back_as_they_are_written(grid: float) -> None:
    bank, steps, shift = a_bank(), np.array([30, 30, 0, 60]), np.zeros(4, np.int64)
    bank["grid"][:] = grid
    bank["source"] = bank["source"] * 1000 * max(grid, 1)
    bank["logged"] = np.zeros((4, 2), bool)
    out = made(bank, [0, 1, 3], steps, shift, STATIONARY)
    out = out[np.isfinite(out)]
    digits = max(0, -int(np.log10(grid)))
    assert [float(f"{v:.{digits}f}") for v in out] == out.tolist()
    if grid > 1:
        assert not (out % grid).any()
