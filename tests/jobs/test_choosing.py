"""The generator of a job: named or chosen, by the time there is; and what the release says of it."""

from __future__ import annotations

import shlex
import sys
from itertools import pairwise
from types import ModuleType

import pytest

from tsynth import nets, registry
from tsynth.generators import recommend as recommending
from tsynth.generators.point_process.markov_renewal import MarkovRenewal
from tsynth.jobs.account import command
from tsynth.jobs.choosing import choose
from tsynth.jobs.demo import prepare
from tsynth.jobs.job import GeneratorPart, Job, PrivacyPart, ScorePart
from tsynth.jobs.run import run
from tsynth.testing import WORLDS


class Stepwise(MarkovRenewal):
    """Stands for a generator that learns by steps: it keeps how many it took."""

    name = recommending.NEURAL

    def fit(self, data, *, minutes=None, steps=None, **given):
        super().fit(data, minutes=minutes, steps=steps, **given)
        self.steps_ = steps or round(100 * minutes)
        return self


@pytest.fixture
def stepwise(monkeypatch):
    """As if the neural generator were registered, and torch installed."""
    room = ModuleType("tsynth_stepwise")
    room.Stepwise = Stepwise
    monkeypatch.setitem(sys.modules, room.__name__, room)
    monkeypatch.setitem(registry.GENERATORS, Stepwise.name, "tsynth_stepwise:Stepwise")
    monkeypatch.setattr(nets, "find_spec", lambda name: object())


@pytest.fixture
def visits(trial, tmp_path):
    """A quick job on a small trial; keyword arguments are its generator."""

    def make(out="out", **generator):
        return Job.read(
            {
                "source": {"path": trial[0], "entity": "patient", "time": "day", "entities": trial[1]},
                "generator": generator,
                "score": {"scores": ["lengths"]},
                "release": {"out": tmp_path / out},
            }
        )

    return make


@pytest.fixture(scope="module")
def accounts():
    return WORLDS["transactions"](30, 1)


def chosen(data, **generator):
    return choose(GeneratorPart(**generator), data)


@pytest.mark.usefixtures("stepwise")
def test_noise_decides_which_generator_learns_privately(accounts):
    found = {e: choose(GeneratorPart(), accounts, PrivacyPart.of(e, 1e-5)) for e in (1.0, 8.0)}
    assert {e: one.generator.name for e, one in found.items()} == {1.0: "markov_renewal", 8.0: Stepwise.name}
    assert found[1.0].reason.startswith("at an epsilon below 3")
    named = choose(GeneratorPart(name=Stepwise.name), accounts, PrivacyPart.of(1.0, 1e-5))
    assert named.generator.name == Stepwise.name


@pytest.mark.usefixtures("stepwise")
def test_time_goes_to_a_generator_that_learns_by_steps(accounts):
    found = chosen(accounts)
    assert (found.generator.name, found.minutes, found.spends) == (Stepwise.name, 10.0, 1.5)
    assert chosen(accounts, name="auto").generator.name == Stepwise.name
    exact = chosen(accounts, steps=40)
    assert (exact.generator.name, exact.minutes, exact.steps) == (Stepwise.name, None, 40)
    quick = chosen(accounts, minutes=0.2)
    assert (quick.generator.name, quick.spends) == ("markov_renewal", None)
    named = chosen(accounts, minutes=0.2, name=Stepwise.name)
    assert (named.generator.name, named.spends, named.reason) == (Stepwise.name, 0.2, "it was asked for")


@pytest.mark.usefixtures("stepwise")
def test_the_release_says_what_was_chosen_why_and_how_long_it_learned(visits):
    release = run(visits(minutes=2))
    told = release.manifest["generator"]
    assert told["name"] == Stepwise.name
    assert (told["minutes"], told["steps"], told["advice"]) == (2.0, 200, "")
    assert "there is time to learn" in told["reason"]

    again = run(visits("again", name=Stepwise.name, steps=200))  # the steps repeat it, not the time
    assert again.content_hash == release.content_hash
    assert again.manifest["generator"]["model_hash"] == told["model_hash"]


def test_the_command_that_makes_it_again_says_the_steps(visits):
    asked = visits(minutes=2).model_copy(update={"score": ScorePart()})
    fitted = Stepwise()
    fitted.steps_ = 200
    words = shlex.split(command(asked, fitted))
    pairs = dict(pairwise(words))
    assert (pairs["--generator"], pairs["--steps"]) == (Stepwise.name, "200")
    assert "--minutes" not in words


def test_without_time_the_release_says_what_more_of_it_would_bring(visits, stepwise):
    release = run(visits(minutes=0.2))
    told = release.manifest["generator"]
    assert (told["name"], told["minutes"], told["steps"]) == ("markov_renewal", 0.2, None)
    assert told["advice"].startswith(
        "With 0.5 minutes to learn instead of 0.2 minutes it would be autoregressive"
    )
    assert told["advice"] in (release.path / "card.md").read_text(encoding="utf-8")


@pytest.mark.usefixtures("stepwise")
@pytest.mark.parametrize("name", ["fraud", "cohort", "demand"])
def test_a_demo_gives_so_little_time_that_nothing_is_learned_by_steps(name, tmp_path):
    prepared = prepare(name, tmp_path)
    part = Job.load(prepared.job).generator
    assert part.minutes is not None
    assert part.minutes < min(needed for _, needed in recommending.NEEDED)
