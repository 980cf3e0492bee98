"""The kind of a column, from its values and, where these leave it open, the words of its name."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tsynth.data.facts import Facts
from tsynth.data.schema import Kind

__all__ = ["CODE_WORDS", "ID_WORDS", "QUANTITY_WORDS", "Verdict", "kind_of"]

ID_WORDS = frozenset(
    "id ids uuid guid key nr no num number ref reference code account iban card customer user client patient subject "
    "terminal merchant payee store shop device sensor invoice order transaction trans tx ticket zip postcode postal "
    "email phone ip address url hash serial sku stock ptnum".split()
)
"""Words of names that point at something instead of measuring it."""

CODE_WORDS = frozenset(
    "code type state status stage class category group level grade flag indicator field fold sex gender race arm "
    "treatment trt drug kind mark scenario label region district cluster cause reason mode channel icutype is has diag "
    "diagnosis fraud ward unit site".split()
)
"""Words of names whose numbers stand for levels."""

QUANTITY_WORDS = frozenset(
    "n count counts quantity qty total sum value values amount price sales demand volume size "
    "age years days hours months "
    "minutes seconds duration length rate score y cum cumulative cases visits balance weight "
    "height temperature pressure "
    "dose payments open high low close".split()
)
"""Words of names whose numbers measure something."""

_WHOSE = frozenset(
    "surname lastname firstname fullname forename middlename email mail phone telephone mobile iban ssn passport "
    "address street nachname vorname".split()
)
"""Words of names whose values tell a person."""

_PERSON = frozenset(
    "full first last given family middle maiden customer client patient person people user holder cardholder member "
    "employee student driver contact owner".split()
)
"""Words that make of a "name" that of a person."""

MAX_LEVELS = 100

Verdict = tuple[Kind, str]


def kind_of(facts: Facts) -> Verdict:
    """The kind, and why in a clause."""
    if facts.present == 0:
        return "text", "never filled: comes back null"
    kind = facts.kind
    if pa.types.is_boolean(kind):
        return "boolean", "true or false"
    if pa.types.is_temporal(kind) and not pa.types.is_duration(kind):
        return "datetime", "dates or times"
    if pa.types.is_duration(kind):
        return "continuous", f"durations in {kind.unit}"
    if facts.distinct == 1 and not (pa.types.is_floating(kind) and not facts.whole):
        return "category", "one value throughout"
    if pa.types.is_dictionary(facts.column.type) and facts.distinct <= MAX_LEVELS:
        return "category", f"declared as categories, {_levels(facts)}"
    if facts.text:
        return _kind_of_text(facts)
    if facts.whole:
        return _kind_of_whole(facts)
    digits = facts.decimals
    return "continuous", "numbers" + (
        f" with {digits} decimal{'s' * (digits != 1)}" if digits is not None else ""
    )


def _levels(facts: Facts) -> str:
    return f"{facts.distinct} level" + ("s" if facts.distinct != 1 else "")


def _names_people(facts: Facts) -> bool:
    """Whether the name of a column says that its values tell a person: names and addresses, which none may learn."""
    whose = facts.words & _WHOSE or (facts.words & _PERSON and "name" in facts.words)
    return bool(whose) and facts.distinct > 10


def _kind_of_text(facts: Facts) -> Verdict:
    distinct, present = facts.distinct, facts.present
    if _names_people(facts):
        return "identifier", f"named as what tells a person, {distinct:,} different"
    spaces = pc.mean(pc.count_substring(facts.unique, " ")).as_py()
    length = pc.mean(pc.utf8_length(facts.unique)).as_py()
    prose = spaces >= 1.5 and length >= 12
    unique = distinct / present
    if (unique > 0.9 and present >= 20) or (distinct > MAX_LEVELS and unique > 0.5):
        if prose:
            return "text", f"free text, {distinct:,} of {present:,} differ"
        return "identifier", f"{distinct:,} of {present:,} values differ"
    if prose and (distinct > MAX_LEVELS or (length > 60 and distinct > 20)):
        return "text", f"free text, {distinct:,} different"
    if distinct <= MAX_LEVELS:
        return "category", _levels(facts)
    if (
        facts.words & CODE_WORDS
        and not facts.words & {"id", "account", "customer"}
        and present / distinct >= 20
        and (distinct <= 2000 and not facts.words & {"stock", "postal", "zip"})
    ):
        return "category", f"{_levels(facts)}, {present / distinct:,.0f} rows each"
    return "identifier", f"{distinct:,} different ids, {present / distinct:,.1f} rows each"


def _kind_of_whole(facts: Facts) -> Verdict:
    distinct, present, numbers = facts.distinct, facts.present, facts.numbers
    named_id, named_code = bool(facts.words & ID_WORDS), bool(facts.words & CODE_WORDS)
    named_quantity = bool(facts.words & QUANTITY_WORDS)
    span = float(numbers[-1] - numbers[0]) if len(numbers) else 0.0
    pointing = named_id and not named_quantity
    if pa.types.is_integer(facts.kind) or pointing:
        if distinct >= 0.95 * present and present >= 20:
            dense = span <= 1.5 * distinct
            if pointing:
                return "identifier", f"named as an id, {distinct:,} of {present:,} differ"
            if dense and distinct == present and not named_quantity and _rises(facts):
                return "identifier", "numbers the rows"
        if pointing and distinct > MAX_LEVELS:
            return "identifier", f"{distinct:,} different ids, {present / distinct:,.1f} rows each"
    if distinct == 2 and span == 1 and not (named_quantity and numbers[0] != 0):
        return "category", "two levels"
    if (
        named_code
        and not named_quantity
        and (
            distinct <= 50
            or (distinct <= 5000 and present / distinct >= 20 and facts.words & {"mark", "code", "type"})
        )
    ):
        return "category", f"named as a code, {_levels(facts)}"
    if pointing and not named_code and distinct <= MAX_LEVELS and present / max(distinct, 1) >= 5:
        return "category", f"named as an id, {_levels(facts)}"
    if distinct <= 10 and not named_quantity and present >= 5 * distinct and _like_codes(facts):
        return "category", f"{_levels(facts)} that do not fall off like counts"
    if numbers[0] >= 0:
        return "count", "whole numbers from 0 up" if numbers[0] == 0 else "whole numbers"
    return "continuous", "whole numbers of both signs"


def _rises(facts: Facts) -> bool:
    """Whether a column rises from row to row of the source."""
    values = np.asarray(pc.drop_null(facts.values))
    return bool((values[1:] > values[:-1]).all())


def _like_codes(facts: Facts) -> bool:
    """Whether few small whole numbers look like levels: a dense range from 1, or from 0 with an unsteady fall."""
    numbers = facts.numbers
    low, high = numbers[0], numbers[-1]
    if low < 0 or high - low > 2 * len(numbers):
        return False
    if low == 1 and len(numbers) <= 6:
        return True
    if low != 0:
        return False
    order = np.argsort(np.asarray(facts.unique.cast(pa.float64(), safe=False)))
    counts = facts.counts[order]
    peak = int(np.argmax(counts))
    falls = (np.diff(counts[peak:]) <= 0).all() and (np.diff(counts[: peak + 1]) >= 0).all()
    return len(numbers) <= 3 or not bool(falls)
