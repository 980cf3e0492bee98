"""Random numbers in compiled loops, against published values, slow twins and theory.

Each check of a law has a false-alarm rate of 1e-6 on a fixed seed: it passes or fails the same way every time.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from tsynth.compiled import random

MASK = 2**64 - 1
RARE = 1e-6
N = 200_000


def fresh(key: int = 1, entity: int = 0) -> np.ndarray:
    state = np.empty(4, np.uint64)
    random.start(state, np.uint64(key), entity)
    return state


def rotl(x: int, k: int) -> int:
    return ((x << k) | (x >> (64 - k))) & MASK


def xoshiro_twin(s: list[int]) -> int:
    """xoshiro256plusplus.c by Blackman and Vigna, line by line, on Python integers."""
    result = (rotl((s[0] + s[3]) & MASK, 23) + s[0]) & MASK
    t = (s[1] << 17) & MASK
    s[2] ^= s[0]
    s[3] ^= s[1]
    s[1] ^= s[2]
    s[0] ^= s[3]
    s[2] ^= t
    s[3] = rotl(s[3], 45)
    return result


ROTATIONS = [(14, 16), (52, 57), (23, 40), (5, 37), (25, 33), (46, 12), (58, 22), (32, 32)]


def threefry_twin(counter: list[int], key: list[int]) -> list[int]:
    """Threefry-4x64-20 of Salmon et al. (2011), on Python integers."""
    schedule = [*key, 0x1BD11BDAA9FC1A22 ^ key[0] ^ key[1] ^ key[2] ^ key[3]]
    x = [(c + k) & MASK for c, k in zip(counter, key, strict=True)]
    for turn in range(20):
        pairs = [(0, 1), (2, 3)] if turn % 2 == 0 else [(0, 3), (2, 1)]
        for (i, j), by in zip(pairs, ROTATIONS[turn % 8], strict=True):
            x[i] = (x[i] + x[j]) & MASK
            x[j] = rotl(x[j], by) ^ x[i]
        if turn % 4 == 3:
            r = turn // 4 + 1
            x = [(v + schedule[(r + i) % 5]) & MASK for i, v in enumerate(x)]
            x[3] = (x[3] + r) & MASK
    return x


def test_words_are_those_of_the_published_code() -> None:
    # From the state 1, 2, 3, 4; printed by the C code at prng.di.unimi.it, as rand_xoshiro's tests record it.
    published = [
        41943041, 58720359, 3588806011781223, 3591011842654386, 9228616714210784205, 9973669472204895162,
        14011001112246962877, 12406186145184390807, 15849039046786891736, 10450023813501588000,
    ]  # fmt: skip
    state, twin = np.array([1, 2, 3, 4], np.uint64), [1, 2, 3, 4]
    assert [int(random.next_word(state)) for _ in published] == published
    assert [xoshiro_twin(twin) for _ in published] == published


def test_start_is_a_block_of_threefry() -> None:
    # Random123's kat_vectors: threefry4x64 20, all zero and all one. The second holds for the twin alone, since
    # our counter's last words are always 0.
    zeros = [0x09218EBDE6C85537, 0x55941F5266D86105, 0x4BD25E16282434DC, 0xEE29EC846BD2E40B]
    ones = [0x29C24097942BBA1B, 0x0371BBFB0F6F4E11, 0x3C231FFA33F83A1C, 0xCD29113FDE32D168]
    assert threefry_twin([0] * 4, [0] * 4) == zeros
    assert threefry_twin([MASK] * 4, [MASK] * 4) == ones
    assert fresh(0, 0).tolist() == zeros
    state = np.empty(4, np.uint64)
    for key, entity, call in [(7, 0, 0), (2**64 - 1, 2**62, 5), (123456789, 4711, 1)]:
        random.start_call(state, np.uint64(key), entity, call)
        assert state.tolist() == threefry_twin([entity, call, 0, 0], [key, 0, 0, 0])


@pytest.mark.parametrize(
    ("fill", "law"),
    [("fill_uniform", stats.uniform()), ("fill_normal", stats.norm()), ("fill_exponential", stats.expon())],
)
def test_laws(fill: str, law: stats.rv_continuous) -> None:
    out = np.empty(N)
    getattr(random, fill)(fresh(), out)
    assert stats.kstest(out, law.cdf).pvalue > RARE
    far = law.isf(1e-3)  # the far tail has a code path of its own
    assert stats.binomtest(int((out > far).sum()), N, 1e-3).pvalue > RARE
    assert stats.binomtest(int((out < law.ppf(1e-3)).sum()), N, 1e-3).pvalue > RARE


def test_far_tails() -> None:
    out = np.empty(5_000_000)
    state = fresh(3)
    for fill, law, edge in [
        (random.fill_normal, stats.norm, random.NORMAL_X[1]),
        (random.fill_exponential, stats.expon, random.EXPONENTIAL_X[1]),
    ]:
        fill(state, out)
        beyond = out[out > edge]
        assert stats.binomtest(len(beyond), len(out), law.sf(edge)).pvalue > RARE
        assert stats.kstest(law.sf(beyond) / law.sf(edge), "uniform").pvalue > RARE


def test_a_wrong_ziggurat_is_found() -> None:
    # Planted fault: one draw in 32 is halved.
    out = np.empty(N)
    random.fill_normal(fresh(), out)
    out[::32] *= 0.5
    assert stats.kstest(out, "norm").pvalue < RARE


def test_ziggurat_constants() -> None:
    # Marsaglia, Tsang (2000), section 3: r = 7.69711747013104972 and 3.6541528853610088 for 256 layers.
    assert random.EXPONENTIAL_X[1] == pytest.approx(7.69711747013104972, rel=1e-14)
    assert random.NORMAL_X[1] == pytest.approx(3.6541528853610088, rel=1e-14)
    for x, f in [(random.EXPONENTIAL_X, random.EXPONENTIAL_F), (random.NORMAL_X, random.NORMAL_F)]:
        assert len(x) == 257
        assert x[-1] == 0
        # the top layer closes to within the rounding that 255 steps of the recursion gather
        np.testing.assert_allclose(x[1:-1] * np.diff(f[1:]), x[0] * f[1], rtol=1e-9)


@pytest.mark.parametrize("shape", [0.05, 0.7, 1.0, 2.5, 300.0])
def test_gamma(shape: float) -> None:
    state = fresh(11)
    out = np.array([random.gamma(state, shape) for _ in range(20_000)])
    assert stats.kstest(out, stats.gamma(shape).cdf).pvalue > RARE


@pytest.mark.parametrize("rate", [0.0, 0.3, 9.99, 10.0, 47.0, 1e5])
def test_poisson(rate: float) -> None:
    state = fresh(12)
    out = np.array([random.poisson(state, rate) for _ in range(20_000)])
    if rate == 0:
        assert not out.any()
        return
    edges = np.unique(stats.poisson(rate).ppf(np.linspace(0.01, 0.99, 30)))
    chance = np.diff(stats.poisson(rate).cdf(np.concatenate([[-1], edges, [np.inf]])))
    chance[-1] = 1 - chance[:-1].sum()
    seen = np.bincount(np.searchsorted(edges, out), minlength=len(chance))
    assert stats.chisquare(seen, chance * len(out)).pvalue > RARE


@pytest.mark.parametrize("n", [1, 2, 7, 256, 2**32 - 1, 2**32 + 1, 3 * 2**61])
def test_integer(n: int) -> None:
    state = fresh(13)
    out = np.array([random.integer(state, n) for _ in range(20_000)])
    assert out.min() >= 0
    assert out.max() < n
    if n <= 256:
        assert n == 1 or stats.chisquare(np.bincount(out, minlength=n)).pvalue > RARE
    else:
        assert stats.kstest(out / n, "uniform").pvalue > RARE


def test_categorical() -> None:
    weights = np.array([0.0, 2.0, 0.0, 1.0, 5.0, 0.0])
    state = fresh(14)
    out = np.array([random.categorical(state, np.cumsum(weights)) for _ in range(20_000)])
    seen = np.bincount(out, minlength=6)
    assert not seen[weights == 0].any()
    assert stats.chisquare(seen[weights > 0], weights[weights > 0] / 8 * len(out)).pvalue > RARE


def test_open_ends() -> None:
    state = fresh(15)
    out = np.array([random.open_uniform(state) for _ in range(1000)])
    assert np.isfinite(np.log(out)).all()
    assert np.isfinite(np.log1p(-out)).all()


def test_neighbours_are_independent() -> None:
    first = np.empty((2000, 50))
    for entity in range(len(first)):
        random.fill_normal(fresh(5, entity), first[entity])
    across = [float((first[:-lag] * first[lag:]).sum()) for lag in (1, 2, 3)]
    other = np.empty_like(first)
    for entity in range(len(first)):
        random.fill_normal(fresh(6, entity), other[entity])
    across.append(float((first * other).sum()))
    for total in across:  # a sum of n products of independent normals has variance n
        assert abs(total) / math.sqrt(first.size) < stats.norm.isf(RARE / 2)
    assert stats.kstest(first[:, 0], "norm").pvalue > RARE  # first draws of all entities
