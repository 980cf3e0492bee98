"""Streams: what an entity draws depends on the seed, the purpose and its number alone."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

import tsynth.data.streams as module
from tsynth.data.streams import Streams, key
from tsynth.errors import UsageError

DRAWS = {
    "uniform": lambda s: s.uniform((2, 3)),
    "normal": lambda s: s.normal(4),
    "exponential": lambda s: s.exponential(),
    "gamma": lambda s: s.gamma(2.5, 2),
    "poisson": lambda s: s.poisson(3.0, (2,)),
    "integers": lambda s: s.integers(10, 3),
}


def test_key_is_the_head_of_a_sha256() -> None:
    # sha256 over (8-byte little-endian length, word) pairs, words "seed:" + b"\x07" and "text:prices"; printed by
    # hashlib in the session that wrote the function. It must never change: models and manifests rest on it.
    import hashlib

    words = [b"seed:\x07", b"text:prices"]
    text = b"".join(len(w).to_bytes(8, "little") + w for w in words)
    assert int(key(7, "prices")) == int.from_bytes(hashlib.sha256(text).digest()[:8], "little")
    assert int(key(7, "prices")) == 12455516073121395163


def test_keys_differ() -> None:
    keys = [
        key(0), key(1), key(-1), key(2**200), key(-(2**200)), key(0, "a"), key(0, "a", "b"), key(0, "ab"),
        key(0, 1), key(0, "1"), key(255), key(256), key(0, "b", "a"), key(0, "\ud800"),
    ]  # fmt: skip
    assert len({int(k) for k in keys}) == len(keys)
    assert key(np.int64(5), "a") == key(5, "a")


@pytest.mark.parametrize("seed", [1.5, None, "7", np.float64(3)])
def test_a_seed_is_a_whole_number(seed: object) -> None:
    with pytest.raises(UsageError, match="seed must be a whole number"):
        key(seed)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", DRAWS)
def test_rows_do_not_depend_on_the_batch(kind: str) -> None:
    draw = DRAWS[kind]
    whole = Streams(7, "x", range(20))
    first, second = draw(whole), draw(whole)
    assert not np.array_equal(first, second)
    parts = [Streams(7, "x", np.array(part)) for part in ([17, 3], [0], list(range(10, 15)))]
    for part in parts:
        np.testing.assert_array_equal(draw(part), first[part.entities])
        np.testing.assert_array_equal(draw(part), second[part.entities])


def test_shapes_and_types() -> None:
    streams = Streams(1, ("a", 2), range(5, 8))
    assert streams.normal().shape == (3,)
    assert streams.normal((2, 0)).shape == (3, 2, 0)
    assert streams.uniform(4).dtype == np.float64
    assert streams.integers(3, (2, 2)).dtype == np.int64
    assert Streams(1, "a", range(0)).normal(3).shape == (0, 3)
    assert streams.entities.dtype == np.int64
    assert streams.path == ("a", 2)
    assert len(streams) == 3


def test_purposes_are_independent() -> None:
    streams = Streams(1, "a", range(2000))
    child = streams.purpose("b")
    assert child.key == key(1, "a", "b")
    assert streams.purpose("b").key == child.key != streams.key
    r = np.corrcoef(streams.normal(), child.normal())[0, 1]
    assert abs(r) * np.sqrt(2000) < stats.norm.isf(5e-7)  # false alarm 1e-6


def test_a_subset_goes_on_where_its_entities_stand() -> None:
    whole, twin = Streams(3, "x", range(6)), Streams(3, "x", range(6))
    rows = [twin.normal() for _ in range(3)]
    np.testing.assert_array_equal(whole.normal(), rows[0])
    part = whole.take([4, 1])
    np.testing.assert_array_equal(part.normal(), rows[1][[4, 1]])
    # entities that drew in the subset are one draw ahead of those that did not
    mixed = whole.normal()
    np.testing.assert_array_equal(mixed[[4, 1]], rows[2][[4, 1]])
    np.testing.assert_array_equal(mixed[[0, 2, 3, 5]], rows[1][[0, 2, 3, 5]])
    np.testing.assert_array_equal(whole.take(np.arange(6) > 3).entities, [4, 5])
    np.testing.assert_array_equal(whole.take(slice(1, 3)).entities, [1, 2])
    with pytest.raises(UsageError, match="taken twice"):
        whole.take([1, 1])


def test_parameters_an_entity() -> None:
    streams = Streams(5, "x", range(4000))
    shape = np.repeat([0.5, 8.0], 2000)
    out = streams.gamma(shape)
    for value in (0.5, 8.0):
        assert stats.kstest(out[shape == value], stats.gamma(value).cdf).pvalue > 1e-6
    high = np.arange(1, 4001)
    assert (streams.integers(high) < high).all()
    for bad in (lambda: streams.gamma(0.0), lambda: streams.poisson(-1.0), lambda: streams.integers(0)):
        with pytest.raises(UsageError, match="too small"):
            bad()


def test_draws_have_their_laws() -> None:
    streams = Streams(-9, "law", range(500))
    for out, law in [
        (streams.uniform(100), "uniform"),
        (streams.normal(100), "norm"),
        (streams.exponential(100), "expon"),
    ]:
        assert stats.kstest(out.reshape(-1), law).pvalue > 1e-6
        assert stats.kstest(out[:, 0], law).pvalue > 1e-6


def test_same_under_another_hash_seed() -> None:
    script = (
        "from tsynth.data.streams import Streams; print(Streams(7, 'a', range(3)).integers(2**40).tolist())"
    )
    root = str(Path(module.__file__).parents[2])
    found = {
        subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, "PYTHONPATH": root, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(found) == 1
