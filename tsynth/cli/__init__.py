"""The command line: a command a file, no logic; data to stdout or files, words to stderr."""

from __future__ import annotations

__all__ = ["main"]


def main() -> None:
    """What the script `tsynth` calls."""
    from tsynth.cli.app import start

    start()
