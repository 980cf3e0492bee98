"""Dates and times written as text, read by one rule for the whole column or not at all."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tsynth.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["epoch", "iso_times", "looks_like_time", "read_dates", "words"]

TIME_WORDS = frozenset(
    "time date datetime timestamp ts epoch day dt ds when created updated at moment minute hour month year years "
    "week quarter period issued obstime".split()
)


def words(name: str) -> list[str]:
    """The words of a column's name, in lower case: split at signs, digits and changes of case."""
    split = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", name)
    return [w.lower() for w in re.findall(r"[^\W\d_]+", split)]


def looks_like_time(name: str) -> bool:
    """Whether a column's name says that it is a time."""
    found = words(name)
    return any(w in TIME_WORDS or w.endswith(("time", "date", "datetime", "timestamp")) for w in found)


_CLOCK = (
    r"(?:(?:[T ]|, )\s*(?P<h>\d{1,2}):(?P<mi>\d{2})(?::(?P<s>\d{2})(?:[.,](?P<f>\d{1,9}))?)?"
    r"\s?(?P<ap>[AaPp]\.?[Mm]\.?)?)?"
)
_NUMERIC = r"\A(?P<a>\d{1,4})(?P<sep>[-/.])(?P<b>\d{1,2})[-/.](?P<c>\d{1,4})\.?" + _CLOCK + r"\z"
_DAY_NAMED = (
    r"\A(?:[A-Za-z]{3,9},? )?(?P<a>\d{1,2})(?P<sep>[-/ .]) ?(?P<b>[A-Za-z]{3,9})\.?[-/ ,.]+(?P<c>\d{2}|\d{4})"
    + _CLOCK
    + r"\z"
)
_NAMED_DAY = (
    r"\A(?:[A-Za-z]{3,9},? )?(?P<b>[A-Za-z]{3,9})\.?(?P<sep>[- ])(?P<a>\d{1,2}),? ?[- ]?(?P<c>\d{4})"
    + _CLOCK
    + r"\z"
)
_MONTH = r"\A(?P<c>\d{4})[-/](?P<b>\d{1,2})\z"
_QUARTER = r"\A(?P<c>\d{4})[- ]?Q(?P<b>[1-4])\z"
_WEEK = r"\A(?P<c>\d{4})-?W(?P<b>\d{2})\z"
_ZONED = r"(?:[Zz]|[+-]\d{2}:?\d{2})\z"
_MONTHS = {m: i for i, m in enumerate(
    "january february march april may june july august september october november december".split(), 1)}  # fmt: skip
_MONTHS |= {m[:3]: i for m, i in _MONTHS.items()} | {"sept": 9}


def read_dates(
    name: str,
    values: pa.Array,
    *,
    dayfirst: bool | None = None,
    date_format: str | None = None,
    zone: str | None = None,
) -> tuple[pa.Array, str] | None:
    """Distinct texts as dates or times, and how they were read; None where any of them is something else.

    Parameters
    ----------
    name : str
        The column, for messages.
    values : pyarrow.Array
        Text; nulls stay null.
    dayfirst : bool, optional
        Whether 3/4/2020 is the third of April. Where not given, a value that only one reading allows decides, and a
        point between the parts (3.4.2020) means day first.
    date_format : str, optional
        A format of ``strptime``; nothing else is tried.
    zone : str, optional
        Zone in which values with unlike offsets are to be shown.

    Raises
    ------
    DataError
        Where day and month cannot be told apart, or values contradict each other, or zones are mixed.
    """
    if len(values) == values.null_count:
        return None
    if date_format is not None:
        return _by_format(values, date_format)
    iso = _iso(name, values, zone)
    if iso is not None:
        return iso
    for pattern in (_NUMERIC, _DAY_NAMED, _NAMED_DAY, _MONTH, _QUARTER, _WEEK):
        parts = pc.extract_regex(values, pattern)
        if parts.null_count == values.null_count:
            return _from_parts(name, values, parts, pattern, dayfirst)
    return None


def iso_times(column: pa.ChunkedArray) -> pa.ChunkedArray | None:
    """A column in which every text is an ISO date or time without zone, read at once; None where it is not."""
    head = pc.drop_null(column.slice(0, 100))
    pattern = r"\A\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?)?\z"
    if not len(head) or not pc.all(pc.match_substring_regex(head, pattern)).as_py():
        return None
    ends = pc.min_max(pc.binary_length(column))
    low, high = ends["min"].as_py(), ends["max"].as_py()
    try:
        if low == high == 10:
            return column.cast(pa.date32())
        if low < 10 or 10 < low < 19:
            return None
        unit = next(u for u, length in (("s", 19), ("ms", 23), ("us", 26), ("ns", 29)) if high <= length)
        return column.cast(pa.timestamp(unit))
    except (pa.ArrowInvalid, StopIteration):
        return None


def _by_format(values: pa.Array, date_format: str) -> tuple[pa.Array, str] | None:
    # Python's own strptime knows more directives than Arrow's; values are distinct, so few.
    from datetime import datetime

    out: list[datetime | None] = []
    for value in values.to_pylist():
        try:
            out.append(None if value is None else datetime.strptime(value, date_format))
        except ValueError:
            return None
    found = pa.array(out, pa.timestamp("us"))
    if not re.search(r"%[HIMSfpcXTRs]", date_format):
        return found.cast(pa.date32()), f"in the format {date_format}"
    return _coarsest(found), f"in the format {date_format}"


def _iso(name: str, values: pa.Array, zone: str | None) -> tuple[pa.Array, str] | None:
    shape = pc.match_substring_regex(
        values,
        r"\A\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?:[Zz]|[+-]\d{2}:?\d{2})?)?\z",
    )
    if not pc.all(shape, min_count=0).as_py():
        return None
    lengths = pc.binary_length(values)
    zoned = pc.match_substring_regex(values, _ZONED)
    with_time = pc.greater(lengths, 10)
    zoned = pc.and_(zoned, with_time)
    try:
        if not pc.any(with_time).as_py():
            return values.cast(pa.date32()), "as dates"
        fraction = pc.extract_regex(values, r"(?P<f>\.\d+)")
        digits = 0
        if fraction.null_count < len(fraction):
            digits = pc.max(pc.binary_length(pc.struct_field(fraction, "f"))).as_py() - 1
        unit = "s" if digits <= 0 else "ms" if digits <= 3 else "us" if digits <= 6 else "ns"
        if not pc.any(zoned).as_py():
            return values.cast(pa.timestamp(unit)), "as times"
        if not pc.all(zoned, min_count=0).as_py():
            with_zone, without = (_example(values, m) for m in (zoned, pc.invert(zoned)))
            raise DataError(f"mixes times with a zone ({with_zone}) and without ({without})", column=name,
                            fix="write all of them in one way")  # fmt: skip
        offsets = {"+00:00" if o in "Zz" else o if ":" in o else f"{o[:3]}:{o[3:]}"
                   for o in pc.struct_field(pc.extract_regex(values, "(?P<z>" + _ZONED + ")"), "z").to_pylist()
                   if o is not None}  # fmt: skip
        if zone is None and len(offsets) > 1:
            raise DataError(
                f"mixes time zones ({', '.join(sorted(offsets)[:4])})", column=name,
                fix='name the zone to show them in, for example time_zone="Europe/Prague"',
            )  # fmt: skip
        offset = offsets.pop()
        shown = zone or ("UTC" if offset == "+00:00" else offset)
        return values.cast(pa.timestamp(unit, "UTC")).cast(
            pa.timestamp(unit, shown)
        ), f"as times in the zone {shown}"
    except pa.ArrowInvalid:
        return None


def _example(values: pa.Array, where: pa.Array) -> str:
    return str(values.filter(pc.fill_null(where, False))[0].as_py())


def _from_parts(
    name: str, values: pa.Array, parts: pa.Array, pattern: str, dayfirst: bool | None
) -> tuple[pa.Array, str] | None:
    null = np.asarray(pc.is_null(values))
    groups = {f.name: pc.struct_field(parts, f.name) for f in parts.type}
    third = _whole(groups["c"])
    if pattern is _MONTH:
        return _days(third, _whole(groups["b"]), np.ones_like(third), null, "as months")
    if pattern is _QUARTER:
        return _days(third, _whole(groups["b"]) * 3 - 2, np.ones_like(third), null, "as quarters")
    if pattern is _WEEK:
        week = _whole(groups["b"])
        if ((week < 1) | (week > 53))[~null].any():
            return None
        fourth = (third - 1970).astype("M8[Y]").astype("M8[D]") + 3
        # The fourth of January is always in week 1; the first day of 1970 was a Thursday.
        monday = fourth - ((fourth.astype(np.int64) + 3) % 7) + (week - 1) * 7
        return pa.array(monday, pa.date32(), mask=null), "as weeks (their Mondays)"
    order = "with day first"
    if pattern is _NUMERIC:
        first, second = _whole(groups["a"]), _whole(groups["b"])
        digits = pc.binary_length(groups["a"])
        if pc.all(pc.equal(digits, 4), min_count=0).as_py():
            year, month, day, order = first, second, third, "with year first"
        elif pc.any(pc.greater(digits, 2)).as_py():
            return None
        else:
            widths = pc.binary_length(groups["c"])
            if not (
                pc.all(pc.equal(widths, 4), min_count=0).as_py()
                or pc.all(pc.equal(widths, 2), min_count=0).as_py()
            ):
                return None
            first_is_day = _day_first(name, values, first, second, groups["sep"], dayfirst)
            if first_is_day is None:
                return None
            year = np.where(third < 100, third + np.where(third < 69, 2000, 1900), third)
            day, month = (first, second) if first_is_day else (second, first)
            order = "with day first" if first_is_day else "with month first"
    else:
        months = [_MONTHS.get((m or "").lower(), 0) for m in groups["b"].to_pylist()]
        year = np.where(third < 100, third + np.where(third < 69, 2000, 1900), third)
        day, month = _whole(groups["a"]), np.array(months)
        order = "with month names"
    days = _days(year, month, day, null, order)
    # A group that takes no part is an empty text.
    if days is None or pc.all(pc.equal(groups["h"], ""), min_count=0).as_py():
        return days
    return _with_clock(days[0], groups, null, order)


def _with_clock(
    days: pa.Array, groups: dict[str, pa.Array], null: NDArray[np.bool_], order: str
) -> tuple[pa.Array, str] | None:
    hour, minute, second = (_whole(groups[k]) for k in ("h", "mi", "s"))
    half = np.array([(h or "").lower()[:1] for h in groups["ap"].to_pylist()])
    if (half != "").any():
        if ((hour < 1) | (hour > 12))[half != ""].any():
            return None
        hour = np.where(half == "", hour, hour % 12 + np.where(half == "p", 12, 0))
    if ((hour > 23) | (minute > 59) | (second > 59)).any():
        return None
    fraction = np.array([int((f or "0").ljust(9, "0")) for f in groups["f"].to_pylist()], np.int64)
    ticks = (hour * 3600 + minute * 60 + second) * 10**6 + fraction // 1000
    whole = days.cast(pa.timestamp("us")).cast(pa.int64()).fill_null(0).to_numpy(zero_copy_only=False) + ticks
    return _coarsest(pa.array(whole, mask=null).cast(pa.timestamp("us"))), f"as times {order}"


def _day_first(
    name: str,
    values: pa.Array,
    first: NDArray[np.int64],
    second: NDArray[np.int64],
    seps: pa.Array,
    dayfirst: bool | None,
) -> bool | None:
    big_first, big_second = first > 12, second > 12
    if (big_first & big_second).any() or (first > 31).any() or (second > 31).any():
        return None
    if big_first.any() and big_second.any():
        day, month = (str(values[int(np.argmax(m))].as_py()) for m in (big_first, big_second))
        raise DataError(
            f"mixes dates with day first ({day}) and month first ({month})",
            column=name,
            fix="write all of them in one way",
        )
    if big_first.any() or big_second.any():
        found = bool(big_first.any())
        if dayfirst is not None and dayfirst != found:
            at = str(values[int(np.argmax(big_first | big_second))].as_py())
            raise DataError(
                f"holds {at}, which contradicts dayfirst={dayfirst}", column=name, fix=f"use dayfirst={found}"
            )
        return found
    if dayfirst is not None:
        return dayfirst
    if pc.all(pc.equal(seps, "."), min_count=0).as_py() or (first == second).all():
        return True
    example = str(values[int(np.argmax(first != second))].as_py())
    raise DataError(
        f"could be read with day or with month first: every value fits both, as {example} does", column=name,
        fix='say dayfirst=True, dayfirst=False or date_format="%d/%m/%Y"',
    )  # fmt: skip


def _whole(texts: pa.Array) -> NDArray[np.int64]:
    empty = pc.if_else(pc.equal(texts, ""), pa.scalar("0", texts.type), texts)
    return np.asarray(empty.cast(pa.int64()).fill_null(0))


def _days(
    year: NDArray[np.int64],
    month: NDArray[np.int64],
    day: NDArray[np.int64],
    null: NDArray[np.bool_],
    how: str,
) -> tuple[pa.Array, str] | None:
    year, month, day = (np.where(null, 1, part) for part in (year, month, day))
    if ((month < 1) | (month > 12) | (day < 1) | (day > 31) | (year < 1)).any():
        return None
    months = ((year - 1970) * 12 + month - 1).astype("M8[M]")
    days = months.astype("M8[D]") + (day - 1)
    if (days.astype("M8[M]") != months).any():
        return None
    return pa.array(days, pa.date32(), mask=null), how if how.startswith("as") else f"as dates {how}"


def _coarsest(times: pa.Array) -> pa.Array:
    ticks = np.asarray(times.cast(pa.int64()).fill_null(0))
    for unit, size in (("s", 10**6), ("ms", 10**3)):
        if (ticks % size == 0).all():
            return times.cast(pa.timestamp(unit))
    return times


_EPOCH = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
_FROM, _TO = 315_532_800, 4_102_444_800  # 1980 and 2100


def epoch(values: pa.Array | pa.ChunkedArray) -> str | None:
    """The unit in which all `values` are times since 1970 that lie between 1980 and 2100, or None."""
    ends = pc.min_max(values)
    low, high = ends["min"].as_py(), ends["max"].as_py()
    if low is None:
        return None
    return next((u for u, size in _EPOCH.items() if _FROM * size <= low and high < _TO * size), None)
