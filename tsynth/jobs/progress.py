"""How a job says where it stands: `Progress`, four calls that a command line, a notebook or a test can answer."""

from __future__ import annotations

import logging
from typing import Protocol

__all__ = ["Progress", "Silent", "asked_scores"]

log = logging.getLogger("tsynth")


class Progress(Protocol):
    """What a job calls. One stage is open at a time; the next one closes it."""

    def stage(self, name: str, total: int | None = None, estimate: float | None = None) -> None:
        """A stage begins.

        Parameters
        ----------
        name : str
            What it does, as the user reads it.
        total : int, optional
            Steps it has, where they can be counted.
        estimate : float, optional
            Seconds it will take, roughly.
        """

    def advance(self, n: int = 1) -> None:
        """So many steps of the stage are done."""

    def done(self) -> None:
        """The stage has ended."""

    def say(self, message: str) -> None:
        """Something that the user should know, in a sentence."""


class Silent:
    """Progress that only goes to the log."""

    def stage(self, name: str, total: int | None = None, estimate: float | None = None) -> None:
        log.info("%s", name)

    def advance(self, n: int = 1) -> None:
        pass

    def done(self) -> None:
        pass

    def say(self, message: str) -> None:
        log.info("%s", message)


class asked_scores:
    """`progress` in the form in which `tsynth.evaluate` calls it: (score, done, total)."""

    def __init__(self, progress: Progress, estimate: float | None = None) -> None:
        self._progress, self._estimate, self._open = progress, estimate, False

    def __call__(self, name: str, done: int, total: int) -> None:
        if not self._open:
            self._open = True
            self._progress.stage("scoring", total, self._estimate)
        elif done:
            self._progress.advance(1)
