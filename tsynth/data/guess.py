"""A guess at entity and time for a table about which nothing was said, with reasons."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tsynth.data.arrow_types import is_text, plain
from tsynth.data.facts import Facts
from tsynth.data.ordering import lay_out
from tsynth.data.text_dates import TIME_WORDS, words

__all__ = ["guess_entity_time"]

_OWNERS = (
    (
        "patient",
        "subject",
        "customer",
        "user",
        "account",
        "client",
        "member",
        "person",
        "household",
        "participant",
        "ptnum",
        "cardholder",
        "employee",
        "student",
        "driver",
        "kunde",
        "kunden",
        "konto",
        "konten",
        "patienten",
        "cliente",
        "compte",
        "cuenta",
    ),
    (
        "unique",
        "series",
        "seq",
        "sequence",
        "entity",
        "panel",
        "record",
        "card",
        "device",
        "sensor",
        "machine",
        "vehicle",
        "store",
        "case",
        "session",
        "visitor",
        "group",
    ),
    (
        "id",
        "key",
        "name",
        "symbol",
        "ticker",
        "item",
        "sku",
        "product",
        "country",
        "region",
        "station",
        "site",
        "code",
        "number",
        "num",
    ),
)
"""Words for what has a history, the most telling first."""

_ENDINGS = ("id", "nr", "no", "num", "number", "code", "key", "nummer")
"""What is written together with the word for an owner: customerid, patientno, kundennr."""

_EVENTS = frozenset(
    "transaction trans tx invoice order row index visit event ticket message log terminal "
    "merchant zip status type".split()
)
"""Words for things that are rows, or that rows point at."""


@dataclass(frozen=True)
class _Candidate:
    name: str
    score: float
    why: str


def guess_entity_time(table: pa.Table) -> tuple[str | None, str | None, list[str]]:
    """Guess which columns are the entity and the time.

    An entity repeats over rows and is named as something that has a history; where rows of one value stand together,
    that counts too. A time is a date, or a number named as time, that varies inside the entity. Nothing is read into a
    table that shows neither.

    Parameters
    ----------
    table : pyarrow.Table
        As `tsynth.data.reading.read_table` gives it.

    Returns
    -------
    entity, time : str or None
    reasons : list of str
        One sentence for each of the two, for the reader.
    """
    layout = lay_out(table, None, None)
    facts = [Facts(name, table[name], layout) for name in table.column_names]
    owners = sorted((c for f in facts if (c := _as_entity(f))), key=lambda c: -c.score)
    entity = owners[0] if owners else None
    if entity is not None and table[entity.name].null_count:
        table = table.filter(pc.is_valid(table[entity.name]))
    times = sorted(
        (c for f in facts if (c := _as_time(f, table, entity.name if entity else None))),
        key=lambda c: -c.score,
    )
    time = times[0] if times else None
    reasons = [
        f"entity: {entity.name}, because it {entity.why}"
        if entity
        else "entity: none, because no column repeats and is named as an id; all rows are one sequence",
        f"time: {time.name}, because it {time.why}"
        if time
        else "time: none, because no column holds dates or is named as a time; rows stay in their order",
    ]
    return entity.name if entity else None, time.name if time else None, reasons


def _as_entity(facts: Facts) -> _Candidate | None:
    kind = facts.kind
    named = words(facts.name)
    if not (is_text(kind) or pa.types.is_integer(kind)) or facts.present == 0 or facts.distinct < 2:
        return None
    repeats = facts.present / facts.distinct
    if repeats < 1.05 or facts.distinct > 0.95 * facts.present:
        return None
    rank = min(
        (i for i, group in enumerate(_OWNERS) for w in named if _among(w, group)),
        default=None,
    )
    if rank is None:
        return None
    score = (
        (3.0, 2.0, 1.0)[rank]
        + (0.7 if "id" in named or named[-1:] == ["id"] else 0.0)
        - 2.0 * bool(set(named) & _EVENTS)
    )
    ranks = np.asarray(plain(facts.column).combine_chunks().dictionary_encode().indices.fill_null(-1))
    together = float((ranks[1:] == ranks[:-1]).mean())
    beyond_chance = together > 2 * float(((facts.counts / facts.counts.sum()) ** 2).sum())
    score += 0.8 * together * beyond_chance
    score += 0.3 * (facts.distinct >= 20) + 0.2 * (facts.column.null_count == 0)
    if score < 1:
        return None
    why = f"is named as something that has a history and has {facts.distinct:,} values with {repeats:,.1f} rows each"
    if together > 0.5 and beyond_chance:
        why += ", which stand together"
    return _Candidate(facts.name, score, why)


def _among(word: str, group: tuple[str, ...]) -> bool:
    """Whether a word is one of the group, also in the plural or written together with "id" or "number"."""
    stems = [word, word.rstrip("s"), *(word.removesuffix(end) for end in _ENDINGS if word.endswith(end))]
    return any(stem in group for stem in stems)


def _as_time(facts: Facts, table: pa.Table, entity: str | None) -> _Candidate | None:
    kind = facts.kind
    if facts.name == entity or facts.column.null_count or facts.distinct < 2:
        return None
    dated = pa.types.is_timestamp(kind) or pa.types.is_date(kind)
    named = words(facts.name)
    telling = [w for w in named if w in TIME_WORDS or w.endswith(("time", "date"))]
    if not dated and not (facts.numeric and telling):
        return None
    if not facts.numeric and not dated:
        return None
    inside = Facts(facts.name, table[facts.name], lay_out(table, entity, None))
    if entity is not None and inside.constant_inside:
        return None
    first, values = inside.layout.first, inside.sorted_ranks
    rising = float((values[1:] >= values[:-1])[~first[1:]].mean()) if (~first[1:]).any() else 0.0
    distinct_inside = float((values[1:] != values[:-1])[~first[1:]].mean()) if (~first[1:]).any() else 0.0
    score = 3.0 * dated + 1.0 * bool(telling) + rising + 0.5 * distinct_inside
    if set(named) & {"stop", "end", "start", "birth", "due"}:
        score -= 1
    if not dated and facts.numbers[0] < 0:
        score -= 0.5
    if not dated and rising < 0.7 and not set(named) & {"time", "timestamp", "t"}:
        return None
    why = ("holds dates" if dated else "is a number named as time") + " that vary inside the entity" * (
        entity is not None and dated
    )
    if not dated and entity is not None:
        why += " and varies inside the entity"
    if rising > 0.95:
        why += ", rising from row to row"
    return _Candidate(facts.name, score, why)
