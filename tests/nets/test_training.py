"""Batches are samples without replacement; threads and torch's global state stay as they were."""

import pytest

torch = pytest.importorskip("torch", reason="the extra `neural` is not installed")

import numpy as np  # noqa: E402

from tsynth.nets.judges import foretell, judge_sequences, tell_apart  # noqa: E402
from tsynth.nets.training import batches, generator, one_thread  # noqa: E402


@pytest.mark.parametrize(("count", "size"), [(30, 8), (200, 8), (5, 8), (32, 8)])
def test_a_batch_holds_no_window_twice_and_favours_none(count, size):
    drawn = torch.stack(list(batches(count, size, 600, 2, generator(0, "test"))))  # (steps, groups, size)
    assert drawn.shape == (600, 2, min(size, count))
    ordered = drawn.sort(-1).values
    assert (ordered[..., 1:] > ordered[..., :-1]).all()
    if size < count:
        counts = torch.bincount(drawn.flatten(), minlength=count).double()
        expected = drawn.numel() / count
        # 6 standard deviations of a binomial, over at most 200 numbers: fails by chance once in a million runs
        assert ((counts - expected).abs() < 6 * expected**0.5).all()


def test_threads_come_back_even_after_an_error():
    def broken():
        with one_thread():
            assert torch.get_num_threads() == 1
            raise RuntimeError("planted")

    before = torch.get_num_threads()
    with pytest.raises(RuntimeError, match="planted"):
        broken()
    assert torch.get_num_threads() == before


def walks(n, length=8, columns=2, seed=0):
    return np.random.default_rng(seed).normal(size=(n, length, columns)).cumsum(1)


def judged(seed=0, steps=5):
    learn = np.tile(np.arange(60), (2, 1))
    return tell_apart(
        walks(80), walks(70, seed=1), (learn, learn), hidden=2, steps=steps, batch=16, seed=seed
    )


def test_same_seed_same_answers_and_nothing_global_is_touched():
    state, threads = torch.get_rng_state(), torch.get_num_threads()
    first, again, other = judged(), judged(), judged(seed=1)
    np.testing.assert_array_equal(first[0], again[0])
    np.testing.assert_array_equal(first[1], again[1])
    assert (first[0] != other[0]).any()
    assert torch.equal(state, torch.get_rng_state())
    assert torch.get_num_threads() == threads
    assert (first[0].shape, first[1].shape) == ((2, 80), (2, 70))


def test_a_judge_learns_what_is_easy():
    learn = np.tile(np.arange(60), (3, 1))
    real, made = walks(100), walks(100, seed=1) + 4.0
    logits = tell_apart(real, made, (learn, learn), hidden=3, steps=300, batch=32, seed=0)
    right = [(logits[0][:, 60:] > 0).mean(1), (logits[1][:, 60:] < 0).mean(1)]
    assert np.mean(right) > 0.7  # .82 when written; .5 is guessing


def test_a_forecaster_learns_what_is_easy():
    x = np.random.default_rng(0).uniform(size=(200, 8, 1))
    learn = np.tile(np.arange(150), (2, 1))
    untrained, trained = (
        foretell(x, x[..., 0], learn, x[150:], x[150:, :, 0], hidden=4, steps=steps, batch=32, seed=0).mean()
        for steps in (0, 400)
    )
    assert trained < untrained / 2


def test_a_judge_of_sequences_ignores_what_stands_behind_their_ends():
    random = np.random.default_rng(0)
    sides = [random.normal(size=(20, 6, 2)).astype(np.float32) for _ in range(2)]
    lengths = [random.integers(1, 7, 20) for _ in range(2)]
    learn = np.tile(np.arange(20), (2, 1))

    def run(sides):
        return judge_sequences(
            tuple(sides), tuple(lengths), (learn, learn), hidden=3, steps=4, batch=8, seed=0
        )

    filled = []
    for side, length in zip(sides, lengths, strict=True):
        inside = np.arange(6)[None, :, None] < length[:, None, None]
        filled.append(np.where(inside, side, 9).astype(np.float32))
    for first, second in zip(run(sides), run(filled), strict=True):
        np.testing.assert_array_equal(first, second)
