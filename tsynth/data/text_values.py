"""Columns of text as numbers, truth values or times, by one rule for the whole column: never half converted."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc

from tsynth.data.sequences import Note
from tsynth.data.text_dates import epoch, iso_times, looks_like_time, read_dates
from tsynth.data.text_numbers import all_hold, any_holds, evidence, integers, match, numbers, shaped
from tsynth.errors import DataError

__all__ = ["NULLS", "TextOptions", "convert", "decimal_evidence"]

NULLS = frozenset(
    [
        "NA",
        "N/A",
        "n/a",
        "na",
        "NaN",
        "nan",
        "-nan",
        "NAN",
        "NULL",
        "Null",
        "null",
        "<NA>",
        "#N/A",
        "#NA",
        "NaT",
        "None",
        "none",
        "nil",
        "-",
        "--",
        "?",
        ".",
        "missing",
        "MISSING",
        "#VALUE!",
        "#DIV/0!",
        "#NULL!",
    ]
)
"""What stands for a missing value among numbers and times."""

TEXT_NULLS = frozenset(["NA", "N/A", "NaN", "nan", "NULL", "null", "<NA>", "#N/A", "NaT"])
"""What stands for a missing value among texts, where other spellings may be words."""


@dataclass(frozen=True)
class TextOptions:
    """How a text file is to be read; what is None or empty is found.

    Parameters
    ----------
    separator, quote, encoding : str, optional
        Of the file.
    decimal : {".", ","}, optional
        Sign before the decimals.
    dayfirst : bool, optional
        Whether 3/4/2020 is the third of April.
    date_format : str, optional
        Format of times, as for ``strptime``.
    null_values : tuple of str
        Further spellings of a missing value, in all columns.
    text : tuple of str
        Columns that stay text.
    time : tuple of str
        Columns that are times, whatever their name says.
    time_zone : str, optional
        Zone in which times with unlike offsets are shown.
    """

    separator: str | None = None
    quote: str | None = None
    encoding: str | None = None
    decimal: Literal[".", ","] | None = None
    dayfirst: bool | None = None
    date_format: str | None = None
    null_values: tuple[str, ...] = ()
    text: tuple[str, ...] = field(default=())
    time: tuple[str, ...] = field(default=())
    time_zone: str | None = None


def convert(
    name: str, column: pa.ChunkedArray, options: TextOptions, decimal: str | None, separator: str = ","
) -> tuple[pa.ChunkedArray, list[Note]]:
    """A column of text in the type that all of its values have.

    Integers with leading zeros, and integers over 64 bits, stay text. A column in which only some values are
    numbers or times stays text as a whole, with a note where these are most.

    Parameters
    ----------
    name : str
    column : pyarrow.ChunkedArray
        Text.
    options : TextOptions
    decimal : {".", ","} or None
        What the file as a whole says about the sign before the decimals.
    separator : str
        The file's separator, which speaks where no value does.
    """
    if name in options.text or column.null_count == len(column):
        return column, []
    fast = None if options.null_values else integers(column)
    if fast is not None:
        return _epoch(name, fast, options)
    if options.null_values == () and options.date_format is None and (times := iso_times(column)) is not None:
        return times, []
    codes = column.combine_chunks().dictionary_encode()
    raw = codes.dictionary
    values, spelled = _blanked(raw, NULLS | set(options.null_values))
    notes = [] if not spelled else [_null_note(name, spelled)]

    def spread(found: pa.Array) -> pa.ChunkedArray:
        return pa.chunked_array([found.take(codes.indices)])

    if values.null_count == len(values):
        return pa.chunked_array([pa.nulls(len(column), pa.string())]), notes
    found = integers(values)
    if found is None:
        number = numbers(name, values, decimal or options.decimal, separator)
        if number is not None:
            found, how = number
            notes += [Note("number_format", f"{name}: read with {how}", name)] if how else []
    if found is not None:
        made, more = _epoch(name, spread(found), options)
        return made, notes + more
    truth = _truth(values)
    if truth is not None:
        return spread(truth), notes
    is_time = looks_like_time(name) or name in options.time
    dates = read_dates(
        name,
        values,
        dayfirst=options.dayfirst,
        date_format=options.date_format if is_time else None,
        zone=options.time_zone,
    )
    if dates is None and options.date_format and is_time:
        dates = read_dates(name, values, dayfirst=options.dayfirst, zone=options.time_zone)
    if dates is not None:
        found, how = dates
        if how not in ("as dates", "as times"):
            notes.append(Note("dates_read", f"{name}: text read {how}", name))
        return spread(found), notes
    return _as_text(name, column, codes, options)


def _as_text(
    name: str, column: pa.ChunkedArray, codes: pa.DictionaryArray, options: TextOptions
) -> tuple[pa.ChunkedArray, list[Note]]:
    notes = []
    raw = codes.dictionary
    odd = _misfits(raw, options)
    if odd is not None:
        what, where = odd
        in_row = where.take(codes.indices)
        share = 1 - (pc.sum(in_row).as_py() or 0) / max(len(column) - column.null_count, 1)
        row = pc.index(in_row, True).as_py()
        if share >= 0.9 and row >= 0:
            value = column[row].as_py()
            if name in options.time:
                raise DataError(
                    f"holds {value!r} in row {row}, which is no {what}", column=name, row=row,
                    fix=f"correct it, or take it as missing with null_values=[{value!r}]",
                )  # fmt: skip
            notes.append(
                Note(
                    "kept_as_text",
                    f"{name}: {share:.1%} of the values are {what}s, but row {row} holds none; kept as text as a "
                    "whole (null_values would take such values as missing)",
                    name,
                )
            )
    blank = TEXT_NULLS | set(options.null_values)
    if _codes_of_two(raw):
        blank = frozenset(options.null_values)
    values, spelled = _blanked(raw, blank, strip=False)
    values = _without_apostrophes(name, values, notes)
    if spelled:
        notes.append(_null_note(name, spelled))
    if values is raw:
        return column, notes
    return pa.chunked_array([values.take(codes.indices)]), notes


def decimal_evidence(columns: list[pa.ChunkedArray]) -> str | None:
    """The sign before the decimals that the columns of text show, None where they show none or both."""
    seen = set()
    for column in columns:
        values, _ = _blanked(pc.unique(column), NULLS)
        point, comma = evidence(values)
        if all_hold(shaped(values)):
            seen |= {"."} if point else set()
            seen |= {","} if comma else set()
    return seen.pop() if len(seen) == 1 else None


def _truth(values: pa.Array) -> pa.Array | None:
    lower = pc.utf8_lower(values)
    known = pc.or_(pc.is_null(lower), pc.is_in(lower, pa.array(["true", "false"], lower.type)))
    return pc.equal(lower, pa.scalar("true", lower.type)) if all_hold(known) else None


def _blanked(
    values: pa.Array | pa.ChunkedArray, blank: frozenset[str] | set[str], strip: bool = True
) -> tuple[pa.Array, list[str]]:
    """Texts with the spellings of a missing value as null, and those that occur."""
    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks()
    bare = pc.utf8_trim_whitespace(values)
    gone = pc.fill_null(pc.is_in(bare, pa.array(sorted(blank), values.type)), False)
    if strip:
        gone = pc.or_(gone, pc.fill_null(pc.equal(bare, ""), False))
        values = bare
    if not any_holds(gone):
        return values, []
    spelled = [s for s in pc.unique(bare.filter(gone)).to_pylist() if s]
    return pc.if_else(gone, pa.scalar(None, values.type), values), sorted(spelled)


def _null_note(name: str, spelled: list[str]) -> Note:
    return Note("null_spelling", f"{name}: {', '.join(map(repr, spelled))} read as missing", name)


def _misfits(values: pa.Array, options: TextOptions) -> tuple[str, pa.Array] | None:
    bare, _ = _blanked(values, NULLS | set(options.null_values))
    number = shaped(bare)
    date = pc.or_(pc.is_null(bare), match(bare, r"\A\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}(?:[T ,].*)?\z"))
    if not any_holds(number) and not any_holds(date):
        return None
    numbers, dates = (pc.sum(m).as_py() for m in (number, date))
    fits, what = (number, "number") if numbers >= dates else (date, "date")
    return None if all_hold(fits) else (what, pc.invert(fits))


def _codes_of_two(values: pa.Array) -> bool:
    """Whether texts are codes of two capital letters, so that NA may be Namibia."""
    others = pc.is_in(values, pa.array(["NA"], values.type))
    codes = match(values, r"\A[A-Z]{2}\z")
    return (
        len(values) > 2
        and all_hold(pc.or_(pc.or_(codes, pc.is_null(values)), others))
        and pc.sum(codes).as_py() > 2
    )


def _without_apostrophes(name: str, values: pa.Array, notes: list[Note]) -> pa.Array:
    marked = match(values, r"\A'+[=+\-@\t\r]")
    if not any_holds(marked):
        return values
    notes.append(
        Note(
            "apostrophe",
            f"{name}: the apostrophe that keeps a spreadsheet from running a text was taken off",
            name,
        )
    )
    return pc.if_else(marked, pc.utf8_slice_codeunits(values, 1), values)


def _epoch(
    name: str, values: pa.Array | pa.ChunkedArray, options: TextOptions
) -> tuple[pa.ChunkedArray, list[Note]]:
    column = values if isinstance(values, pa.ChunkedArray) else pa.chunked_array([values])
    if not (looks_like_time(name) or name in options.time):
        return column, []
    whole = pa.types.is_integer(column.type)
    unit = epoch(column)
    if unit is not None and (whole or unit == "s"):
        if whole:
            made = column.cast(pa.int64()).cast(pa.timestamp(unit))
        else:
            # A double holds seconds of our days to the microsecond.
            fine = "ms" if pc.all(pc.equal(pc.round(column, 3), column)).as_py() else "us"
            ticks = pc.round(pc.multiply(column, 1e3 if fine == "ms" else 1e6))
            made = ticks.cast(pa.int64()).cast(pa.timestamp(fine))
        return made, [Note("epoch", f"{name}: numbers read as time since 1970 in {unit}", name)]
    if whole and column.type == pa.int64():
        ends = pc.min_max(column)
        low, high = ends["min"].as_py(), ends["max"].as_py()
        if low is not None and low >= 19000101 and high <= 21001231:
            dates = read_dates(name, _dashed(pc.unique(column)))
            if dates is not None:
                found = dates[0].take(pc.index_in(column, pc.unique(column)).combine_chunks())
                return pa.chunked_array([found]), [
                    Note("dates_read", f"{name}: numbers read as dates (YYYYMMDD)", name)
                ]
    return column, []


def _dashed(values: pa.Array) -> pa.Array:
    text = values.cast(pa.string())
    return pc.replace_substring_regex(text, r"\A(\d{4})(\d{2})(\d{2})\z", r"\1-\2-\3")
