"""Cells of another tool as numbers, truth values, times or texts, cell by cell: null where one cannot be read.

`tsynth.data.text_values` reads a column by one rule or not at all; here a column's meaning is known already, and what
does not fit it is to be counted.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tsynth.data.arrow_types import is_text
from tsynth.data.text_dates import read_dates
from tsynth.data.text_numbers import integers, match, numbers, shaped
from tsynth.data.text_values import NULLS, TextOptions, convert
from tsynth.errors import DataError

__all__ = ["as_dates", "as_numbers", "as_text", "as_truth", "blank"]

_TRUE = ("true", "t", "yes", "y", "1", "1.0")
_FALSE = ("false", "f", "no", "n", "0", "0.0")
_BARE = r"\A[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?\z"
_DAY = r"\A(?P<y>\d{4})-(?P<m>\d{2})-(?P<d>\d{2})(?:[T ].*)?\z"


def blank(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Which cells hold nothing: null, or a text that stands for a missing value."""
    if not is_text(values.type):
        return pc.is_null(values)
    bare = pc.utf8_trim_whitespace(values)
    spelled = pc.is_in(bare, value_set=pa.array(["", *sorted(NULLS)], values.type))
    return pc.or_(pc.is_null(values), spelled)


def as_numbers(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Texts as numbers; null where a text is none."""
    return _by_text(values, lambda texts: _numbers(texts))


def as_truth(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Texts and numbers as true or false: true and false, yes and no, 1 and 0; null where a cell is neither."""
    if not is_text(values.type):
        if pa.types.is_temporal(values.type):
            return pa.chunked_array([pa.nulls(len(values), pa.bool_())])
        values = values.cast(pa.float64()) if not pa.types.is_boolean(values.type) else values
        values = values.cast(pa.int8()).cast(pa.float64()) if pa.types.is_boolean(values.type) else values
        known = pc.or_(pc.equal(values, 0.0), pc.equal(values, 1.0))
        return pc.if_else(known, pc.equal(values, 1.0), pa.scalar(None, pa.bool_()))

    def read(texts: pa.Array) -> pa.Array:
        lower = pc.utf8_lower(texts)
        true = pc.is_in(lower, pa.array(_TRUE, lower.type))
        false = pc.is_in(lower, pa.array(_FALSE, lower.type))
        return pc.if_else(pc.or_(true, false), true, pa.scalar(None, pa.bool_()))

    return _by_text(values, read)


def as_text(values: pa.ChunkedArray, levels: tuple[Any, ...] | None = None) -> pa.ChunkedArray:
    """Anything as text; a truth value as the levels spell it."""
    kind = values.type
    if pa.types.is_boolean(kind):
        known = {str(level).lower(): str(level) for level in levels or ()}
        true, false = (known.get(word, word) for word in ("true", "false"))
        return pc.if_else(values, true, false)
    if pa.types.is_floating(kind):
        whole = pc.and_(pc.equal(pc.floor(values), values), pc.less(pc.abs(values), 2.0**53))
        if pc.all(whole, min_count=0).as_py():
            values = values.cast(pa.int64())
    return values.cast(pa.string())


def as_dates(name: str, values: pa.ChunkedArray, target: pa.DataType) -> pa.ChunkedArray:
    """Texts, or numbers since 1970 or as YYYYMMDD, as times; null where a cell is none.

    Raises
    ------
    DataError
        Every date could be read with day or with month first.
    """
    unit, zone = ("us", None) if pa.types.is_date(target) else (target.unit, target.tz)
    fine = pa.timestamp("ns" if unit == "ns" else "us", zone)
    if pa.types.is_integer(values.type):
        made, _ = convert(
            name,
            pa.chunked_array([values.cast(pa.string()).combine_chunks()]),
            TextOptions(time=(name,)),
            None,
        )
        if pa.types.is_date(made.type) or pa.types.is_timestamp(made.type):
            return _zoned(made, fine)
        return pa.chunked_array([pa.nulls(len(values), fine)])
    return _by_text(values, lambda texts: _dates(name, texts, fine))


def _by_text(values: pa.ChunkedArray, read: Any) -> pa.ChunkedArray:
    """What `read` makes of each distinct text that is not blank."""
    codes = pc.if_else(blank(values), pa.scalar(None, values.type), pc.utf8_trim_whitespace(values))
    coded = codes.combine_chunks().dictionary_encode()
    coded = coded.combine_chunks() if isinstance(coded, pa.ChunkedArray) else coded
    made = read(coded.dictionary)
    made = made.combine_chunks() if isinstance(made, pa.ChunkedArray) else made
    return pa.chunked_array([made.take(coded.indices)])


def _numbers(texts: pa.Array) -> pa.Array:
    fits = shaped(texts)
    some = texts.filter(fits)
    found = integers(some)
    if found is None:
        try:
            read = numbers("", some, ".", ",")
        except DataError:
            read = None
        found = None if read is None else read[0]
    if found is None:
        fits = match(texts, _BARE)
        some = texts.filter(fits)
        whole = pc.all(match(some, r"\A-?\d{1,15}\z"), min_count=0).as_py()
        found = pc.replace_substring_regex(some, r"\A\+", "").cast(pa.int64() if whole else pa.float64())
    return _spread(found, fits)


def _dates(name: str, texts: pa.Array, kind: pa.DataType) -> pa.Array:
    digits = match(texts, r"\d")
    days = pc.and_(match(texts, _DAY), pa.array(_possible(texts)))
    others = pc.and_(digits, pc.invert(match(texts, _DAY)))
    made = pa.nulls(len(texts), kind)
    for mask in (days, others):
        some = texts.filter(mask)
        if len(some):
            made = pc.coalesce(made, _spread(_some_dates(name, some, kind), mask))
    return made


def _possible(texts: pa.Array) -> Any:
    """Which ISO dates exist, so that a 30th of February does not spoil the others."""
    parts = pc.extract_regex(texts, _DAY)
    year, month, day = (
        np.asarray(pc.struct_field(parts, key).fill_null("1").cast(pa.int64())) for key in ("y", "m", "d")
    )
    fits = (month >= 1) & (month <= 12) & (day >= 1) & (year >= 1)
    first = ((year - 1970) * 12 + np.where(fits, month, 1) - 1).astype("M8[M]")
    length = ((first + 1).astype("M8[D]") - first.astype("M8[D]")).astype(np.int64)
    return fits & (day <= length)


def _some_dates(name: str, texts: pa.Array, kind: pa.DataType) -> pa.Array:
    problem: DataError | None = None
    try:
        found = read_dates(name, texts)
        if found is not None:
            return _zoned(found[0], kind)
    except DataError as error:
        problem = error
    readings = [_halves(name, texts, dayfirst, kind) for dayfirst in (True, False)]
    nulls = [reading.null_count for reading in readings]
    if problem is not None and nulls[0] == nulls[1]:
        raise problem
    return readings[int(nulls[1] < nulls[0])]


def _halves(name: str, texts: pa.Array, dayfirst: bool, kind: pa.DataType) -> pa.Array:
    """Dates read together where they can be, else by halves, down to the one that cannot be read."""
    try:
        found = read_dates(name, texts, dayfirst=dayfirst)
    except DataError:
        found = None
    if found is not None:
        return _zoned(found[0], kind)
    if len(texts) < 2:
        return pa.nulls(len(texts), kind)
    middle = len(texts) // 2
    parts = [_halves(name, part, dayfirst, kind) for part in (texts[:middle], texts[middle:])]
    return pa.concat_arrays(parts)


def _zoned(times: Any, kind: pa.DataType) -> Any:
    """Dates and times in one type: wall clock where the type has no zone."""
    have = getattr(times.type, "tz", None)
    if kind.tz is not None and have is None:
        wall = times.cast(pa.timestamp(kind.unit))
        return pc.assume_timezone(wall, kind.tz, ambiguous="earliest", nonexistent="earliest")
    if kind.tz is None and have is not None:
        times = pc.local_timestamp(times)
    return times.cast(kind)


def _spread(found: pa.Array, mask: pa.Array) -> pa.Array:
    """Values back at the places of the mask, null elsewhere."""
    held = np.asarray(mask)
    place = np.cumsum(held) - 1
    return (
        found.take(pa.array(np.where(held, place, 0), mask=~held))
        if len(found)
        else pa.nulls(len(held), found.type)
    )
