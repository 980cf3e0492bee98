"""Which generator a job uses, why, and how long it may learn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tsynth import nets, registry
from tsynth.errors import UsageError
from tsynth.generators.creation import create
from tsynth.generators.recommend import MINUTES, learns_by_steps, minutes_needed, recommend

if TYPE_CHECKING:
    from tsynth.data.sequences import Sequences
    from tsynth.generators.base import Generator
    from tsynth.jobs.job import GeneratorPart, PrivacyPart
    from tsynth.jobs.progress import Progress

__all__ = ["Choice", "choose"]

ENDS = 3.0
"""Times the least time that is worth while, after which learning mostly ends by itself."""
NOISY = 3.0
"""Epsilon below which counts keep more than networks do: between 1 and 8, where it was measured."""


@dataclass(frozen=True)
class Choice:
    """A generator, not fitted.

    Parameters
    ----------
    generator : Generator
    reason : str
        Why it, in a clause that follows "because".
    advice : str
        What would allow a better one, in a sentence, or empty.
    minutes, steps : float, int or None
        How long it may learn: a time, an exact number of steps, or neither where it takes what it needs.
    spends : float, optional
        Minutes that fitting will take, about; None where the generator does not learn by steps.
    """

    generator: Generator
    reason: str
    advice: str = ""
    minutes: float | None = None
    steps: int | None = None
    spends: float | None = None

    @property
    def sentences(self) -> str:
        """Reason and advice as a page tells them."""
        reason = self.reason[:1].upper() + self.reason[1:] + "."
        return f"{reason} {self.advice}".strip()

    def said(self, progress: Progress) -> None:
        """Tell the user."""
        progress.say(f"generator: {self.generator.name}, because {self.reason}")
        if self.advice:
            progress.say(self.advice)


def can_be_private(name: str) -> bool:
    """Whether a generator of this name has the parameter `private`."""
    return "private" in registry.find("generators", name)._parameter_names()


def _ready_to_be_private(name: str, epsilon: float) -> bool:
    """Whether it can learn with differential privacy with what is installed, and does not drown in the noise."""
    by_steps = learns_by_steps(name)
    return can_be_private(name) and not (by_steps and (epsilon < NOISY or not nets.private_available()))


def choose(wanted: GeneratorPart, train: Sequences, privacy: PrivacyPart | None = None) -> Choice:
    """The generator that is named, else the first that is recommended for the time there is.

    Where `privacy` is asked for, only those that can learn with it are recommended.

    Raises
    ------
    UsageError
        There is no such generator, it has no such parameter, or it cannot learn with differential privacy.
    """
    if wanted.named is not None:
        generator = create(wanted.named, **wanted.parameters)
        reason, advice = "it was asked for", ""
    else:
        found = recommend(train, wanted.minutes or MINUTES)
        first, advice = found[0], found[0].advice
        if privacy is not None:
            ready = (r for r in found if _ready_to_be_private(r.name, privacy.epsilon))
            first, advice = next(ready, found[-1]), ""
        generator = create(first.name, **first.parameters)
        reason = first.reason
        if privacy is not None and privacy.epsilon < NOISY and learns_by_steps(found[0].name):
            reason = f"at an epsilon below {NOISY:g} noised counts keep more than noised networks"
    if privacy is not None:
        if not can_be_private(generator.name):
            raise UsageError(
                f"{generator.name} cannot learn with differential privacy",
                fix="leave the generator's name out, or name markov_renewal or autoregressive",
            )
        generator.set_params(private=privacy.asked())
    minutes = wanted.minutes
    if minutes is None and wanted.steps is None and learns_by_steps(generator.name):
        minutes = MINUTES
    spends = None
    if minutes is not None and learns_by_steps(generator.name):
        spends = min(minutes, ENDS * minutes_needed(train.n_rows))
    return Choice(generator, reason, advice, minutes, wanted.steps, spends)
