"""What the user sees: words and bars on stderr, data on stdout."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress

__all__ = ["Bars", "Lines", "heading", "progress", "say", "seconds", "settings", "size", "table"]


@dataclass
class Settings:
    """What the user asked of the whole program."""

    quiet: bool = False
    debug: bool = False


settings = Settings()


def say(message: str = "", *, style: str | None = None) -> None:
    """Words to stderr, plain where it is no terminal; nothing with ``--quiet``."""
    if settings.quiet:
        return
    _print(message, style)


def heading(message: str) -> None:
    """A line that stands out."""
    say(message, style="bold")


def _print(message: str, style: str | None = None) -> None:
    if sys.stderr.isatty():
        from rich.console import Console

        Console(stderr=True, highlight=False).print(message, style=style, markup=False, soft_wrap=True)
    else:
        print(message, file=sys.stderr, flush=True)  # noqa: T201 - this is the one place that speaks


def size(rows: int, entities: int, row: str = "row") -> str:
    """How many rows of how many entities: "1,405 rows of 467 entities", "1 row of 1 entity"."""
    return f"{rows:,} {row}{'' if rows == 1 else 's'} of {entities:,} {'entity' if entities == 1 else 'entities'}"


def table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]], *, wide: int = -1) -> None:
    """A table to stdout: lines of a terminal, or plain columns for a file or a pipe."""
    if sys.stdout.isatty():
        from rich.box import SIMPLE_HEAD
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        shown = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
        for i, name in enumerate(head):
            shown.add_column(name, overflow="fold", ratio=1 if i == wide % len(head) else None)
        for row in rows:
            shown.add_row(*(Text(cell) for cell in row))
        Console(highlight=False).print(shown)
        return
    lines = [head, *rows]
    widths = [max(len(row[i]) for row in lines) for i in range(len(head))]
    for row in lines:
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        sys.stdout.write(line + "\n")


def seconds(value: float) -> str:
    """A duration as a person says it."""
    if value < 90:
        return f"{max(1, round(value))} s"
    if value < 5400:
        return f"{round(value / 60)} min"
    return f"{value / 3600:.1f} h"


def progress() -> Bars | Lines:
    """Bars on a terminal, lines elsewhere, nothing with ``--quiet``; to be entered with ``with``."""
    return Bars() if sys.stderr.isatty() and not settings.quiet else Lines()


def _titled(name: str, estimate: float | None, least: float) -> str:
    return f"{name} (about {seconds(estimate)})" if estimate is not None and estimate >= least else name


class Lines:
    """Progress as plain lines, for files and pipes."""

    def __init__(self) -> None:
        self._name, self._since = "", 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def stage(self, name: str, total: int | None = None, estimate: float | None = None) -> None:
        from tsynth.jobs.estimates import WORTH_SAYING

        self._name, self._since = name, time.monotonic()
        say(f"{_titled(name, estimate, WORTH_SAYING)} ...")

    def advance(self, n: int = 1) -> None:
        pass

    def done(self) -> None:
        passed = time.monotonic() - self._since
        if self._name and passed >= 5:
            say(f"{self._name}: {seconds(passed)}")
        self._name = ""

    def say(self, message: str) -> None:
        say(f"  {message}")


class Bars:
    """Progress as bars with time gone and time left."""

    def __init__(self) -> None:
        self._bars: RichProgress | None = None
        self._task: Any = None

    def __enter__(self) -> Self:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            Progress,
            TaskProgressColumn,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )

        self._bars = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            TaskProgressColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(compact=True),
            console=Console(stderr=True, highlight=False),
            transient=True,
        )
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bars is not None:
            self._bars.stop()

    def stage(self, name: str, total: int | None = None, estimate: float | None = None) -> None:
        from tsynth.jobs.estimates import WORTH_SAYING

        if self._bars is None:
            return
        self.done()
        self._task = self._bars.add_task(_titled(name, estimate, WORTH_SAYING), total=total)

    def advance(self, n: int = 1) -> None:
        if self._bars is not None and self._task is not None:
            self._bars.advance(self._task, n)

    def done(self) -> None:
        if self._bars is not None and self._task is not None:
            self._bars.remove_task(self._task)
            self._task = None

    def say(self, message: str) -> None:
        if self._bars is not None:
            self._bars.console.print(f"  {message}", markup=False, soft_wrap=True)
