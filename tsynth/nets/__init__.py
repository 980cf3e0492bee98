"""What networks share: layers, training, judges. Importing this room loads no torch; its modules do."""

from __future__ import annotations

from importlib.util import find_spec

from tsynth.errors import MissingExtra

__all__ = ["available", "private_available", "require", "require_private"]


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


def private_available() -> bool:
    """Whether networks can be learned with differential privacy; nothing is loaded to find out."""
    return available() and find_spec("opacus") is not None


def require_private(what: str) -> None:
    """Say in one sentence what to install where Opacus is missing; it is not loaded to find out.

    Raises
    ------
    MissingExtra
    """
    if find_spec("opacus") is None:
        raise MissingExtra(what, "private")
