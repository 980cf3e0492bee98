"""The one way out for files, and the way in: written whole under a temporary name, synced, then renamed."""

from __future__ import annotations

import contextlib
import errno
import gzip
import os
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from tsynth.data import arrow_types
from tsynth.data.sequences import Note
from tsynth.data.text_files import TextOptions, read_text_file
from tsynth.errors import DataError, ResourceError

__all__ = ["FileRead", "read_file", "write_atomic", "write_csv", "write_parquet", "write_text"]

TEXT_SUFFIXES = (".csv", ".tsv", ".txt", ".tab", ".dat")
PARQUET_SUFFIXES = (".parquet", ".pq")


class FileRead(NamedTuple):
    """A table from a file, and what was noted on the way."""

    table: pa.Table
    notes: tuple[Note, ...]


# -- out


def write_atomic(path: str | Path, write: Callable[[Path], None]) -> None:
    """Make a file whole or not at all.

    `write` gets a temporary name in the same folder; what it wrote is synced and renamed to `path`, which replaces
    what stood there. Where anything fails the temporary file is removed and `path` is as before.

    Raises
    ------
    ResourceError
        Where the system refuses: no room, no permission, a file system that is read-only.
    """
    path = Path(path)
    part = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write(part)
        with part.open("rb") as handle:
            os.fsync(handle.fileno())
        part.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        raise _resource_error(error, path) from error
    finally:
        with contextlib.suppress(OSError):
            part.unlink()


def _sync_folder(folder: Path) -> None:
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


_ADVICE = {
    errno.ENOSPC: ("the disk is full", "free some room or choose another folder"),
    errno.EDQUOT: ("the quota is used up", "free some room or choose another folder"),
    errno.EFBIG: (
        "the file would be larger than the system allows",
        "raise the limit or write smaller parts",
    ),
    errno.EROFS: ("the file system is read-only", "choose another folder"),
    errno.EACCES: ("writing there is not allowed", "choose another folder or change its permissions"),
    errno.EPERM: ("writing there is not allowed", "choose another folder or change its permissions"),
    errno.ENOTDIR: ("a part of the path is a file", "choose another folder"),
    errno.EEXIST: ("a part of the path is a file", "choose another folder"),
    errno.EISDIR: ("that is a folder", "choose another name"),
    errno.ENAMETOOLONG: ("the name is too long", "choose a shorter one"),
}


def _resource_error(error: OSError, path: Path) -> ResourceError:
    # Arrow hands on errors of the system as text only.
    number = error.errno or next((n for n in _ADVICE if f"errno {n}]" in str(error)), None)
    what, fix = _ADVICE.get(number or 0, (error.strerror or str(error), "choose another folder"))
    return ResourceError(f"{path} cannot be written: {what}", fix=fix)


def write_text(path: str | Path, text: str) -> None:
    """Write text as UTF-8, whole or not at all."""

    def write(part: Path) -> None:
        part.write_text(text, encoding="utf-8", newline="\n")

    write_atomic(path, write)


def write_parquet(table: pa.Table, path: str | Path, metadata: Mapping[str, str] | None = None) -> None:
    """Write Parquet with a checksum a page, whole or not at all.

    Parameters
    ----------
    table : pyarrow.Table
    path : path
    metadata : mapping of str to str, optional
        Kept in the file's schema beside the data.
    """
    table = table.replace_schema_metadata(dict(metadata) if metadata else None)

    def write(part: Path) -> None:
        pq.write_table(table, part, compression="zstd", version="2.6", write_page_checksum=True)

    write_atomic(path, write)


def write_csv(table: pa.Table, path: str | Path) -> None:
    """Write CSV (compressed where the name ends in ``.gz``), whole or not at all.

    Text is quoted, null is an empty field without quotes. Text that a spreadsheet would run as a formula (it begins
    with ``=``, ``+``, ``-``, ``@``, a tab or a carriage return and is no plain number) gets an apostrophe in
    front, as does text that would look so after taking apostrophes off; `read_file` takes one off again, so that
    values read back.
    """
    path = Path(path)
    columns = [_safe_text(column) for column in table.columns]
    names = [_safe_text(pa.chunked_array([[name]]))[0].as_py() for name in table.column_names]
    table = pa.table(columns, names=names)

    def write(part: Path) -> None:
        with part.open("wb") as raw:
            if path.suffix == ".gz":
                # No name and no clock in the header: same rows, same bytes.
                with gzip.GzipFile("", "wb", fileobj=raw, mtime=0) as packed:
                    pa_csv.write_csv(table, packed)
            else:
                pa_csv.write_csv(table, raw)

    write_atomic(path, write)


def _safe_text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    column = arrow_types.plain(column)
    if pa.types.is_duration(column.type):
        return column.cast(pa.int64())
    if pa.types.is_decimal(column.type):
        return column.cast(pa.string())
    if not arrow_types.is_text(column.type):
        return column
    risky = pc.and_(
        pc.match_substring_regex(column, r"\A'*[=+\-@\t\r]"),
        pc.invert(pc.match_substring_regex(column, r"\A[+\-][0-9 .,]*\z")),
    )
    if not pc.any(risky).as_py():
        return column
    marked = pc.binary_join_element_wise(pa.scalar("'", column.type), column, pa.scalar("", column.type))
    return pc.if_else(risky, marked, column)


# -- in


def read_file(path: str | Path, options: TextOptions | None = None) -> FileRead:
    """Read a Parquet file, a folder of parts, or a text file (CSV, TSV, also compressed).

    Raises
    ------
    DataError
        Where the file is missing, empty, damaged or of another format; the file is named.
    """
    path = Path(path)
    try:
        if path.is_dir():
            return _read_folder(path, options)
        if not path.exists():
            raise DataError(f"{path} does not exist", fix="check the path")
        if path.stat().st_size == 0:
            raise DataError(f"{path} is empty", fix="write it anew")
        with path.open("rb") as handle:
            magic = handle.read(4)
    except OSError as error:
        raise DataError(f"{path} cannot be opened: {error.strerror}") from error
    if magic == b"PAR1" or path.suffix.lower() in PARQUET_SUFFIXES:
        return _read_parquet(path)
    stems = [suffix.lower() for suffix in path.suffixes]
    if magic[:4] == b"PK\x03\x04" or (
        stems and stems[-1] in (".xlsx", ".xls", ".json", ".feather", ".arrow", ".zip")
    ):
        raise DataError(f"{path.name} is neither Parquet nor CSV", fix="save it as one of them")
    table, notes = read_text_file(path, options or TextOptions())
    return FileRead(arrow_types.settle(table), notes)


def _read_parquet(path: Path) -> FileRead:
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            table = file.read()
    except (OSError, pa.ArrowException, ValueError) as error:
        why = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(
            f"{path} is damaged or no Parquet file: {why}", fix="write or copy it anew"
        ) from error
    return FileRead(arrow_types.settle(table.replace_schema_metadata(None)), ())


def _read_folder(path: Path, options: TextOptions | None) -> FileRead:
    known = (*PARQUET_SUFFIXES, *TEXT_SUFFIXES, ".gz")
    parts = sorted(
        p for p in path.iterdir() if p.suffix.lower() in known and not p.name.startswith((".", "_"))
    )
    if not parts and (path / "data").is_dir():
        return _read_folder(path / "data", options)
    if not parts:
        raise DataError(f"{path} holds no Parquet or CSV file", fix="check the path")
    tables: list[pa.Table] = []
    notes: list[Note] = []
    for part in parts:
        table, found = read_file(part, options)
        if tables and table.column_names != tables[0].column_names:
            raise DataError(
                f"{part.name} has columns {', '.join(table.column_names)}, but {parts[0].name} has "
                f"{', '.join(tables[0].column_names)}",
                fix="put parts of one table into a folder of their own",
            )
        tables.append(table)
        notes += [note for note in found if note not in notes]
    return FileRead(stack(tables, [p.name for p in parts]), tuple(notes))


def stack(tables: list[pa.Table], names: list[str]) -> pa.Table:
    """Tables with the same columns as one; types are widened where nothing is lost."""
    try:
        return pa.concat_tables([_decoded(t) for t in tables], promote_options="permissive").combine_chunks()
    except pa.ArrowException as error:
        for name in tables[0].column_names:
            fields = [pa.schema([table.schema.field(name)]) for table in tables]
            for field, source in zip(fields, names, strict=True):
                try:
                    pa.unify_schemas([fields[0], field], promote_options="permissive")
                except pa.ArrowException:
                    what = f"is {field.types[0]} in {source} but {fields[0].types[0]} in {names[0]}"
                    raise DataError(what, column=name, fix="write the parts with one type") from error
        raise DataError(f"{', '.join(names)} cannot be stacked: {error}", fix="write them alike") from error


def _decoded(table: pa.Table) -> pa.Table:
    return pa.table({n: arrow_types.plain(table[n]) for n in table.column_names})
