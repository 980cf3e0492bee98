"""Scores by name."""

from __future__ import annotations

from tsynth import registry

__all__ = ["list_scores"]


def list_scores() -> dict[str, str]:
    """Names of all scores, those of plug-ins too, each with the question it answers.

    Examples
    --------
    >>> import tsynth
    >>> tsynth.list_scores()["lengths"].endswith("?")
    True
    """
    return {name: registry.find("scores", name).question for name in registry.names("scores")}
