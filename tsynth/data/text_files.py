"""CSV as people have it: separator, quotes and encoding are found; then each column is read as a whole."""

from __future__ import annotations

import codecs
import csv
import io
import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from tsynth.data.arrow_types import check_names
from tsynth.data.sequences import Note
from tsynth.data.text_values import TextOptions, convert, decimal_evidence
from tsynth.errors import DataError

__all__ = ["TextOptions", "read_text_file"]

_SAMPLE = 1 << 16
_SEPARATORS = (",", ";", "\t", "|")


def read_text_file(path: Path, options: TextOptions) -> tuple[pa.Table, tuple[Note, ...]]:
    """Read a text file with a header.

    Raises
    ------
    DataError
        Where it has no header, rows of unlike length, or values that allow two readings.
    """
    data, notes = _decoded(path, _unpacked(path), options.encoding)
    # Excel writes and reads a first line that names the separator.
    separator = options.separator
    if hint := re.match(rb"sep=(.)\r?\n", data):
        separator, data = separator or hint[1].decode(), data[hint.end() :]
    data = data.lstrip(b"\r\n")
    if b"\n" not in data:
        data = data.replace(b"\r", b"\n")
    if not data.strip():
        raise DataError(f"{path.name} holds nothing", fix="write it anew")
    sample = data[:_SAMPLE].decode(errors="ignore")
    quote = options.quote or _quote(sample)
    separator = separator or _separator(sample, quote)
    reader = csv.reader(io.StringIO(sample), delimiter=separator, quotechar=quote)
    names = next(reader)
    _check_header(path, names, sample, separator, quote)
    names = [re.sub(r"\A'(?='*[=+\-@])", "", name.strip()) for name in names]
    table = _texts(path, data, names, separator, quote, reader.line_num)
    table, names, more = _without_nameless(table, names)
    check_names(names)
    notes += more
    columns: dict[str, pa.ChunkedArray] = {}
    decimal: str | None = options.decimal
    if decimal is None:
        decimal = decimal_evidence([c for c in table.columns if _may_have_decimals(c)])
    for name, column in zip(names, table.columns, strict=True):
        columns[name], found = convert(name, column, options, decimal, separator)
        notes += found
    return pa.table(columns), tuple(notes)


def _unpacked(path: Path) -> bytes:
    try:
        with pa.input_stream(str(path), compression="detect") as stream:
            return bytes(stream.read())
    except (OSError, pa.ArrowException) as error:
        raise DataError(
            f"{path} is damaged: {str(error).splitlines()[0]}", fix="write or copy it anew"
        ) from error


def _decoded(path: Path, data: bytes, encoding: str | None) -> tuple[bytes, list[Note]]:
    """The file's bytes as UTF-8 without a mark."""
    if encoding is None:
        for mark, name in (
            (codecs.BOM_UTF8, "utf-8-sig"),
            (codecs.BOM_UTF16_LE, "utf-16"),
            (codecs.BOM_UTF16_BE, "utf-16"),
        ):
            if data.startswith(mark):
                encoding = name
        head = data[:200]
        if encoding is None and len(head) >= 4 and head[1::2].count(0) > len(head) // 3:
            encoding = "utf-16-le"
        elif encoding is None and len(head) >= 4 and head[::2].count(0) > len(head) // 3:
            encoding = "utf-16-be"
        if encoding == "utf-8-sig":
            data, encoding = data[3:], None
    if encoding is not None:
        try:
            return data.decode(encoding).encode(), [Note("encoding", f"{path.name}: read as {encoding}")]
        except LookupError as error:
            raise DataError(
                f"no encoding is called {encoding!r}", fix="use utf-8, cp1252 or utf-16"
            ) from error
        except UnicodeError as error:
            raise DataError(f"{path.name} is not {encoding}: {error}", fix="name another encoding") from error
    try:
        data.decode()
        return data, []
    except UnicodeDecodeError:
        pass
    for name in ("cp1252", "latin-1"):
        try:
            text = data.decode(name)
        except UnicodeDecodeError:
            continue
        return text.encode(), [Note("encoding", f"{path.name}: not UTF-8, read as {name}")]
    raise AssertionError("latin-1 decodes every byte")


def _quote(sample: str) -> str:
    if '"' in sample:
        return '"'
    single = re.findall(r"(?:^|[,;\t|])'[^'\n]*'(?=[,;\t|\r\n])", sample, re.MULTILINE)
    return "'" if len(single) >= max(sample.count("\n"), 1) else '"'


def _separator(sample: str, quote: str) -> str:
    """The separator that cuts the first lines into the same number of fields, the more fields the better."""
    lines = sample.splitlines(keepends=True)
    text = "".join(lines[:-1][:200] if len(lines) > 2 and len(sample) > _SAMPLE // 2 else lines[:200])
    best, score = ",", (0.0, 0)
    for separator in _SEPARATORS:
        try:
            counts = [
                len(row) for row in csv.reader(io.StringIO(text), delimiter=separator, quotechar=quote) if row
            ]
        except csv.Error:
            continue
        fields = counts[0] if counts else 1
        if fields < 2:
            continue
        same = sum(c == fields for c in counts) / len(counts)
        if (round(same, 2), fields) > score:
            best, score = separator, (round(same, 2), fields)
    return best


_NUMBER = re.compile(r"[+-]?[\d.,]*\d(?:[eE][+-]?\d+)?")


def _check_header(path: Path, names: list[str], sample: str, separator: str, quote: str) -> None:
    """Refuse a file whose first line holds values; whole numbers that count from 0 or 1 may be names."""
    if not all(
        _NUMBER.fullmatch(name.strip()) or re.fullmatch(r"\d{4}-\d\d-\d\d.*", name.strip()) for name in names
    ):
        return
    if [n.strip() for n in names] in ([str(i) for i in range(k, k + len(names))] for k in (0, 1)):
        return
    raise DataError(
        f"{path.name} has no header: its first line holds {separator.join(names)[:60]!r}",
        fix="add a line with the columns' names",
    )


def _texts(
    path: Path, data: bytes, names: list[str], separator: str, quote: str, header_lines: int
) -> pa.Table:
    """All columns as text; an empty field is null unless it stands in quotes."""
    places = [str(i) for i in range(len(names))]
    try:
        return pa_csv.read_csv(
            pa.py_buffer(data),
            read_options=pa_csv.ReadOptions(column_names=places, skip_rows=header_lines, block_size=4 << 20),
            parse_options=pa_csv.ParseOptions(
                delimiter=separator, quote_char=quote, newlines_in_values=quote.encode() in data
            ),
            convert_options=pa_csv.ConvertOptions(
                column_types=dict.fromkeys(places, pa.string()),
                null_values=[""],
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
                check_utf8=False,
            ),
        )
    except pa.ArrowInvalid as error:
        raise _row_error(path, data, names, separator, quote, error) from error


def _row_error(
    path: Path, data: bytes, names: list[str], separator: str, quote: str, error: Exception
) -> DataError:
    if "Empty CSV file" in str(error):
        return DataError(f"{path.name} has a header but no rows", fix="write it anew")
    rows = csv.reader(io.StringIO(data.decode()), delimiter=separator, quotechar=quote)
    try:
        next(rows)
        for number, row in enumerate(r for r in rows if r):
            if len(row) != len(names):
                where = f"in row {number} (line {rows.line_num})"
                return DataError(
                    f"{path.name} has {len(names)} columns but {len(row)} fields {where}",
                    row=number,
                    fix="correct that line, or name the separator",
                )
    except csv.Error as other:
        error = other
    return DataError(
        f"{path.name} cannot be read: {str(error).splitlines()[0]}", fix="name separator and quote"
    )


def _without_nameless(table: pa.Table, names: list[str]) -> tuple[pa.Table, list[str], list[Note]]:
    """Without nameless columns that hold nothing, and without a nameless first one that only numbers the rows."""
    notes = []
    empty = [i for i, name in enumerate(names) if not name and table.column(i).null_count == table.num_rows]
    if empty and len(empty) < len(names):
        kept = [i for i in range(len(names)) if i not in empty]
        table, names = table.select(kept), [names[i] for i in kept]
        notes.append(Note("nameless", "a column without name and without values was left out"))
    if names[0] or len(names) < 2 or table.num_rows == 0:
        return table, names, notes
    try:
        numbers = np.asarray(table.column(0).cast(pa.int64()))
    except pa.ArrowInvalid:
        return table, names, notes
    if numbers[0] not in (0, 1) or (numbers != np.arange(len(numbers)) + numbers[0]).any():
        return table, names, notes
    notes.append(Note("row_numbers", "the first column has no name and only numbers the rows; left out"))
    return table.remove_column(0), names[1:], notes


def _may_have_decimals(column: pa.ChunkedArray) -> bool:
    head = column.slice(0, 2000)
    return bool(pc.any(pc.match_substring_regex(head, r"\A\s*[+-]?[\d'’ \x{a0}]*[.,]\d")).as_py())
