"""Numbers written as text, in any of the styles people use, read by one rule for the whole column."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tsynth.errors import DataError

__all__ = ["all_hold", "any_holds", "evidence", "integers", "match", "numbers", "shaped"]

_NUMBER = r"\A[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?\z"
_COMMA = r"\A[+-]?\d*,\d+\z"
_BY_COMMA = r"\A[+-]?\d{1,3}(?:,\d{3})+(?:\.\d+)?\z"
_BY_POINT = r"\A[+-]?\d{1,3}(?:\.\d{3})+(?:,\d+)?\z"
_BY_SPACE = "\\A[+-]?\\d{1,3}(?:[ \u00a0\u202f'’]\\d{3})+(?:[.,]\\d+)?\\z"
_ZEROS = r"\A[+-]?0\d"


def integers(values: pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray | None:
    """Texts as integers where all of them are written as an integer is, without leading zeros or plus."""
    for kind in (pa.int64(), pa.uint64()):
        try:
            whole = values.cast(kind)
        except pa.ArrowInvalid:
            continue
        # No text of an integer is shorter than its plain form, so equal totals mean that all are plain.
        return whole if pc.sum(pc.binary_length(values)).as_py() == _plain_length(whole) else None
    return None


def _plain_length(whole: pa.Array | pa.ChunkedArray) -> int:
    numbers = np.asarray(pc.drop_null(whole))
    total = len(numbers) + int((numbers < 0).sum())
    if numbers.dtype == np.int64:
        size = np.abs(numbers).view(
            np.uint64
        )  # of the smallest integer too, whose absolute value wraps around
    else:
        size = numbers
    top = int(size.max(initial=0))
    power = 10
    while power <= top:
        total += int((size >= np.uint64(power)).sum())
        power *= 10
    return total


def match(values: pa.Array, pattern: str) -> pa.Array:
    """Which texts hold the pattern; null holds none."""
    return pc.fill_null(pc.match_substring_regex(values, pattern), False)


def all_hold(mask: pa.Array) -> bool:
    """Whether a mask is true throughout, also where it is empty."""
    return bool(pc.all(mask, min_count=0).as_py())


def any_holds(mask: pa.Array) -> bool:
    """Whether a mask is true anywhere."""
    return bool(pc.any(mask, min_count=0).as_py())


def shaped(values: pa.Array) -> pa.Array:
    """Which values have the shape of a number of any style, null counted as one."""
    fits = pc.is_null(values)
    for pattern in (_NUMBER, _COMMA, _BY_COMMA, _BY_POINT, _BY_SPACE, r"\A[+-]?(?i:inf|infinity)\z"):
        fits = pc.or_(fits, match(values, pattern))
    return fits


def evidence(values: pa.Array) -> tuple[bool, bool]:
    """Whether some value can only have a decimal point, and whether some can only have a decimal comma."""
    grouped_comma, grouped_point = match(values, _BY_COMMA), match(values, _BY_POINT)
    has_point, has_comma = match(values, r"\."), match(values, ",")
    both = pc.and_(has_point, has_comma)
    leading = match(values, r"\A[+-]?0[.,]\d{3}\z")
    point = pc.or_(
        pc.and_(pc.and_(match(values, _NUMBER), has_point), pc.or_(pc.invert(grouped_point), leading)),
        pc.or_(pc.and_(grouped_comma, both), match(values, r"\A[+-]?[1-9]\d{0,2}(?:,\d{3}){2,}\z")),
    )
    comma = pc.or_(
        pc.and_(match(values, _COMMA), pc.or_(pc.invert(grouped_comma), leading)),
        pc.or_(pc.and_(grouped_point, both), match(values, r"\A[+-]?[1-9]\d{0,2}(?:\.\d{3}){2,}\z")),
    )
    comma = pc.or_(comma, pc.and_(match(values, _BY_SPACE), has_comma))
    return any_holds(point), any_holds(comma)


def numbers(name: str, values: pa.Array, decimal: str | None, separator: str) -> tuple[pa.Array, str] | None:
    """Distinct texts as numbers and a clause on their style; None where any of them is none."""
    if not all_hold(shaped(values)) or any_holds(match(values, _ZEROS)):
        return None
    if any_holds(match(values, r"\A[+-]?\d{16,}\z")):
        # Integers that did not fit 64 bits, or would lose digits as float.
        return None
    point, comma = evidence(values)
    if point and comma:
        return None
    sign = "." if point else "," if comma else decimal
    has_point, has_comma = any_holds(match(values, r"\.")), any_holds(match(values, ","))
    if sign is None and (has_comma or (has_point and separator in ";\t")) and not _plain(values):
        if has_comma and separator == "," and not has_point:
            sign = "."
        else:
            example = values.filter(match(values, "[.,]"))[0].as_py()
            raise DataError(
                f"could be read with thousands or with decimals: every value fits both, as {example} does", column=name,
                fix='say decimal="." or decimal=","',
            )  # fmt: skip
    sign = sign or "."
    other = "," if sign == "." else "."
    grouped = any_holds(match(values, "[ \u00a0\u202f'’]")) or (has_comma if sign == "." else has_point)
    clean = pc.replace_substring_regex(values, "[ \u00a0\u202f'’]", "")
    clean = pc.replace_substring(clean, other, "")
    if sign == ",":
        clean = pc.replace_substring(clean, ",", ".")
    try:
        if not any_holds(match(clean, r"[.eEiI]")):
            made = pc.replace_substring_regex(clean, r"\A\+", "").cast(pa.int64())
        else:
            made = pc.replace_substring_regex(clean, r"\A\+", "").cast(pa.float64())
    except pa.ArrowInvalid:
        return None
    how = ["a decimal comma"] if sign == "," and has_comma else []
    how += ["signs between thousands"] if grouped else []
    return made, " and ".join(how)


def _plain(values: pa.Array) -> bool:
    """Whether no value has the shape of groups of three digits."""
    return not any_holds(pc.or_(match(values, _BY_COMMA), match(values, _BY_POINT)))
