"""How a score measures, taken from its own documentation, so that page and code cannot drift apart."""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass

from tsynth.errors import TsynthError
from tsynth.reports.words import clean

__all__ = ["Method", "method"]


@dataclass(frozen=True)
class Method:
    """What a score does, what it cannot see, and where it comes from."""

    text: tuple[str, ...] = ()
    cannot_see: tuple[str, ...] = ()
    sources: str = ""
    attacker: str = ""


def method(name: str) -> Method:
    """The method of a registered score; empty where the score is not known here."""
    from tsynth.registry import find

    try:
        score = find("scores", name)
    except (TsynthError, ImportError, AttributeError):
        return Method()
    parts = _sections(inspect.cleandoc(score.__doc__ or ""))
    text = [" ".join(p.split()) for p in parts.get("", "").split("\n\n") if p.strip()]
    text = [p for p in text if not p.startswith("The curve holds")]  # said to those who draw it
    return Method(
        tuple(_plain(p) for p in text),
        tuple(_plain(c) for c in getattr(score, "cannot_see", ())),
        _plain(" ".join(parts.get("References", "").split())),
        _plain(getattr(score, "attacker", "")),
    )


def _sections(text: str) -> dict[str, str]:
    """The parts of a numpydoc text by heading; what comes before the first one under ""."""
    pieces = re.split(r"^(\w[\w ]*)\n-{3,}$", text, flags=re.MULTILINE)
    return {"": pieces[0], **dict(zip(pieces[1::2], pieces[2::2], strict=True))}


def _plain(text: str) -> str:
    """Without marks of reStructuredText."""
    text = re.sub(r":\w+:`~?([^`]*)`", r"\1", text)
    text = re.sub(r"\*([^*\s][^*]*)\*", r"\1", text.replace("**", ""))
    text = re.sub(r"\.\. \[\d+\]|\[\d+\]_", "", text)
    return clean(text.replace("``", "").replace("`", "").strip())
