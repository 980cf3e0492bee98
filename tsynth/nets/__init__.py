"""What networks share: layers, training, judges. Importing this room loads no torch; its modules do."""

from __future__ import annotations

from importlib.util import find_spec

from tsynth.errors import MissingExtra

__all__ = ["available", "require"]


def available() -> bool:
    """Whether torch is installed; it is not loaded to find out."""
    return find_spec("torch") is not None


def require(what: str) -> None:
    """Say in one sentence what to install where torch is missing.

    Parameters
    ----------
    what : str
        What needs it, the subject of the sentence.

    Raises
    ------
    MissingExtra
    """
    if not available():
        raise MissingExtra(what, "neural")
