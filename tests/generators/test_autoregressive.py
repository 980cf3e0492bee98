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
from tsynth.errors import PrivacyWarning, ResourceError  # noqa: E402
from tsynth.generators import checkpoints  # noqa: E402
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
