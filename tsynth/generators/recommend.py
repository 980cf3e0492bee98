"""Which generator fits some data in the time there is, and why."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tsynth import nets, registry
from tsynth.data.sequences import Sequences
from tsynth.errors import UsageError

__all__ = ["MINUTES", "Recommendation", "learns_by_steps", "minutes_needed", "recommend"]

MINUTES = 10.0
"""Time to learn, where nobody says."""
NEURAL = "autoregressive"
"""The generator of mixed rows that learns by steps and needs the extra `neural`."""
NEEDED = ((10_000, 0.5), (50_000, 1.0), (200_000, 2.0), (1_000_000, 4.0), (float("inf"), 6.0))
"""Rows up to which so many minutes are enough for it to learn something that simpler generators do not know."""
EVENTS = (
    (
        "hawkes",
        "rows are events without values beside them: it learns how each event makes later ones likelier, and its "
        "diagnosis says whether that holds",
    ),
    (
        "renewal",
        "rows are events without values beside them: it learns the gap after each type of event, and its times know "
        "neither the calendar nor more than the last event",
    ),
    (
        "poisson",
        "rows are events without values beside them: it learns rates with a season and statics, the yardstick for the "
        "others, and its events know nothing of each other",
    ),
)
"""Generators of times and types alone, and why they fit such data."""
FEWEST = 20
"""Entities that it needs, because it stops by those that it holds out."""
RECURRING, RECURS, STEADY, LOOKED_AT = "recurring", 0.05, 0.5, 50_000
"""The generator that learns recurring rows apart; their share from which that is worth it, the share of equal amounts
from which a row counts as one of them, and rows that are looked at."""


@dataclass(frozen=True)
class Recommendation:
    """A generator and why it fits.

    Parameters
    ----------
    name : str
        Its name in the registry.
    reason : str
        Why, in a clause that follows "because".
    parameters : dict
        Parameters of its constructor.
    advice : str
        What would allow a better one, more time or an extra, in a sentence; empty where nothing would.
    """

    name: str
    reason: str
    parameters: dict[str, Any] = field(default_factory=dict)
    advice: str = ""


def recommend(data: Sequences, minutes: float = MINUTES) -> list[Recommendation]:
    """Generators that fit `data`, the best first.

    Numeric series on a regular grid are best drawn in blocks. For mixed rows (irregular times, categories) the neural
    generator is first where the extra `neural` is installed and the time suffices; otherwise the Markov renewal model,
    with recurring rows (rents, fees) learned apart where there are many. Where rows are events, a time and at most
    categories, `hawkes`, `renewal` and `poisson` follow; none of them is best on all such tables. Nothing is fitted to
    find out: the choice goes by schema, number of rows and entities, the share of recurring rows, and `minutes`.

    Parameters
    ----------
    data : Sequences
    minutes : float
        Time to learn.

    Returns
    -------
    list of Recommendation
        Never empty. The first one's `advice` says what more time or an extra would add.

    Raises
    ------
    UsageError
        The time is no positive number.

    Examples
    --------
    >>> import tsynth
    >>> from tsynth.data.datasets import demand
    >>> sales = demand(products=30, days=28)
    >>> data = tsynth.read(sales.rows, entity=sales.entity, time=sales.time)
    >>> tsynth.recommend(data, minutes=1)[0].name
    'block_bootstrap'
    """
    if not minutes > 0:
        raise UsageError(f"minutes is a time to learn, not {minutes!r}", fix="give a positive number")
    dynamic = data.schema.dynamic
    numbers = bool(dynamic) and all(column.kind in ("continuous", "count") for column in dynamic)
    if data.schema.frequency is not None and numbers:
        blocks = Recommendation(
            "block_bootstrap",
            "numeric series on a regular grid: blocks of them keep dependence, season and shape without a model",
        )
        return [blocks, _chain()]
    return _mixed(data, minutes) + _events(data)


def learns_by_steps(name: str) -> bool:
    """Whether a generator of this name spends the time that it is given; the others take what they need."""
    return name == NEURAL or registry.GENERATORS.get(name, "").startswith("tsynth.generators.neural.")


def minutes_needed(rows: int) -> float:
    """Minutes from which on it is worth while to learn so many rows by steps."""
    return next(enough for most, enough in NEEDED if rows <= most)


def _events(data: Sequences) -> list[Recommendation]:
    """Point processes, where rows are times and types and nothing else."""
    schema = data.schema
    if schema.time is None or schema.frequency is not None or not all(c.discrete for c in schema.dynamic):
        return []
    if data.n_rows <= data.n_entities:  # hardly an entity has a second event, so there are no gaps to learn
        return []
    return [Recommendation(n, why) for n, why in EVENTS if n in registry.names("generators")]


def _mixed(data: Sequences, minutes: float) -> list[Recommendation]:
    if NEURAL not in registry.names("generators") or data.n_entities < FEWEST:
        return _simple(data)
    needed = minutes_needed(data.n_rows)
    better = f"{NEURAL}, which learns how a row follows from all rows before it and from what is fixed of the entity"
    if not nets.available():
        return _simple(data, f"The extra `neural` (pip install 'tsynth[neural]') would add {better}.")
    if minutes < needed:
        spent = f"With {_minutes(needed)} to learn instead of {_minutes(minutes)} it would be {better}."
        return _simple(data, spent)
    neural = Recommendation(
        NEURAL,
        "rows come at irregular times or hold categories, and there is time to learn how each row follows from all "
        "rows before it and from what is fixed of its entity",
    )
    return [neural, _chain()]


def _simple(data: Sequences, advice: str = "") -> list[Recommendation]:
    """What learns in seconds."""
    share = _recurs(data)
    if share < RECURS:
        return [_chain(advice)]
    found = Recommendation(
        RECURRING,
        f"about {100 * share:.0f} % of the rows recur (same kind, same day of the month or every so many days): they "
        "are learned as contracts, all other rows by markov_renewal",
        advice=advice,
    )
    return [found, _chain()]


def _recurs(data: Sequences) -> float:
    """Share of the rows that recur with the same amount, on a sample of the entities where there are many."""
    if RECURRING not in registry.names("generators"):
        return 0.0
    from tsynth.data.recurring import find_recurring

    every = 1 + data.n_rows // LOOKED_AT
    some = data.take(np.arange(0, data.n_entities, every)) if every > 1 else data
    chains = find_recurring(some).chains
    steady = chains.rows[chains.same >= STEADY].sum()
    return float(steady / max(some.n_rows, 1))


def _chain(advice: str = "") -> Recommendation:
    return Recommendation(
        "markov_renewal",
        "rows come at irregular times or hold categories: it learns which code follows which, after what gap, with "
        "what values",
        advice=advice,
    )


def _minutes(value: float) -> str:
    return f"{value:g} minute{'' if value == 1 else 's'}"
