"""Generators by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tsynth import registry
from tsynth.errors import UsageError

if TYPE_CHECKING:
    from tsynth.generators.base import Generator

__all__ = ["create", "list_generators"]


def create(name: str, **parameters: Any) -> Generator:
    """An unfitted generator.

    Parameters
    ----------
    name : str
        A name that `list_generators` shows.
    **parameters
        Parameters of its constructor.

    Returns
    -------
    Generator

    Raises
    ------
    UsageError
        There is no such generator, or it has no such parameter.
    """
    kind = registry.find("generators", name)
    known = kind._parameter_names()
    for parameter in parameters:
        if parameter not in known:
            raise UsageError(
                f"{name} has no parameter {parameter!r}",
                fix="choose one of " + (", ".join(known) or "none: it has none"),
            )
    made: Generator = kind(**parameters)
    return made


def list_generators() -> dict[str, str]:
    """Names of all generators, those of plug-ins too, each with its first line of description."""
    return {name: _first_line(registry.find("generators", name)) for name in registry.names("generators")}


def _first_line(kind: type) -> str:
    return (kind.__doc__ or "").strip().split("\n", 1)[0]
