"""Which generator a job uses, why, and how long it may learn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tsynth.generators.creation import create
from tsynth.generators.recommend import MINUTES, learns_by_steps, recommend

if TYPE_CHECKING:
    from tsynth.data.sequences import Sequences
    from tsynth.generators.base import Generator
    from tsynth.jobs.job import GeneratorPart
    from tsynth.jobs.progress import Progress

__all__ = ["Choice", "choose"]


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
    """

    generator: Generator
    reason: str
    advice: str = ""
    minutes: float | None = None
    steps: int | None = None

    @property
    def spends(self) -> float | None:
        """Minutes that fitting will take; None where the generator does not learn by steps."""
        return self.minutes if learns_by_steps(self.generator.name) else None

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


def choose(wanted: GeneratorPart, train: Sequences) -> Choice:
    """The generator that is named, else the first that is recommended for the time there is.

    Raises
    ------
    UsageError
        There is no such generator, or it has no such parameter.
    """
    if wanted.named is not None:
        generator = create(wanted.named, **wanted.parameters)
        reason, advice = "the job names it", ""
    else:
        first = recommend(train, wanted.minutes or MINUTES)[0]
        generator = create(first.name, **first.parameters)
        reason, advice = first.reason, first.advice
    minutes = wanted.minutes
    if minutes is None and wanted.steps is None and learns_by_steps(generator.name):
        minutes = MINUTES
    return Choice(generator, reason, advice, minutes, wanted.steps)
