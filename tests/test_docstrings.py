"""What the docstrings of the public face and of plug-ins promise: examples run, limits are said."""

from __future__ import annotations

import doctest
import inspect

import pytest

import tsynth
from tsynth import nets, registry

OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def registered(kind: str) -> list:
    return [pytest.param(kind, name, id=f"{kind}-{name}") for name in registry.names(kind)]


def run_examples(thing: object, name: str) -> int:
    """Run the examples of a docstring and of its members' docstrings; how many there were."""
    if getattr(thing, "__module__", "").startswith("tsynth.generators.neural.") and not nets.available():
        pytest.skip("the extra `neural` is not installed")
    finder, runner = doctest.DocTestFinder(exclude_empty=True), doctest.DocTestRunner(optionflags=OPTIONS)
    lines: list[str] = []
    known = {"tsynth": tsynth, getattr(thing, "__name__", name): thing}
    for test in finder.find(thing, name, globs=known):
        runner.run(test, out=lines.append)
    assert runner.failures == 0, "".join(lines)
    return runner.tries


def public() -> list[str]:
    """Names of the public face that no registered thing has: the examples of those run as such."""
    plugged = [
        registry.find(kind, name) for kind in ("generators", "scores") for name in registry.names(kind)
    ]
    return [name for name in tsynth.__all__ if name != "errors" and getattr(tsynth, name) not in plugged]


@pytest.mark.parametrize("name", public())
def test_examples_of_the_public_face_run(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run_examples(getattr(tsynth, name), name)


@pytest.mark.parametrize(("kind", "name"), registered("generators") + registered("scores"))
def test_examples_of_what_is_registered_run(kind, name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    examples = run_examples(registry.find(kind, name), name)
    assert kind != "generators" or examples > 0, "a generator's docstring shows it at work"


@pytest.mark.parametrize(("kind", "name"), registered("generators"))
def test_generator_says_what_it_cannot_keep(kind, name):
    assert registry.find(kind, name).cannot_keep


@pytest.mark.parametrize(("kind", "name"), registered("scores"))
def test_score_asks_a_question_and_says_what_it_cannot_see(kind, name):
    score = registry.find(kind, name)
    assert score.question.endswith("?")
    assert score.cannot_see


@pytest.mark.parametrize(("kind", "name"), registered("generators") + registered("scores"))
def test_registered_name_is_the_name_of_the_class(kind, name):
    thing = registry.find(kind, name)
    assert thing.name == name
    assert inspect.getdoc(thing)


def test_a_wrong_example_would_be_found():
    def planted():
        """
        >>> 1 + 1
        3
        """

    with pytest.raises(AssertionError, match="Expected"):
        run_examples(planted, "planted")
