"""Which generator fits some data, and why."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tsynth.data.sequences import Sequences

__all__ = ["Recommendation", "recommend"]


@dataclass(frozen=True)
class Recommendation:
    """A generator and why it fits.

    Parameters
    ----------
    name : str
        Its name in the registry.
    reason : str
        Why, in a sentence.
    parameters : dict
        Parameters of its constructor.
    """

    name: str
    reason: str
    parameters: dict[str, Any] = field(default_factory=dict)


def recommend(data: Sequences) -> list[Recommendation]:
    """Generators that fit `data`, the best first.

    Parameters
    ----------
    data : Sequences

    Returns
    -------
    list of Recommendation
        Never empty.
    """
    schema = data.schema
    dynamic = schema.dynamic
    numbers = bool(dynamic) and all(column.kind in ("continuous", "count") for column in dynamic)
    regular = schema.frequency is not None
    chain = Recommendation(
        "markov_renewal",
        "rows come at irregular times or hold categories: it learns which code follows which, after what gap, with "
        "what values",
    )
    blocks = Recommendation(
        "block_bootstrap",
        "numeric series on a regular grid: blocks of them keep dependence, season and shape without a model",
    )
    if regular and numbers:
        return [blocks, chain]
    return [chain]
