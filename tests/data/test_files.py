"""Files are written whole or not at all, and damaged ones are refused by name."""

from __future__ import annotations

import errno
import os
import resource
import signal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tsynth.data.files import read_file, write_atomic, write_csv, write_parquet, write_text
from tsynth.errors import DataError, ResourceError

TABLE = pa.table({"id": list(range(5000)), "word": [f"word {i * 7919 % 5000}" for i in range(5000)]})


def test_parquet_comes_back_with_its_metadata(tmp_path):
    path = tmp_path / "deep" / "rows.parquet"
    write_parquet(TABLE, path, {"tsynth": "synthetic"})
    assert read_file(path).table.equals(TABLE)
    assert pq.read_schema(path).metadata[b"tsynth"] == b"synthetic"


def test_same_rows_same_bytes(tmp_path):
    for name in ("a.csv.gz", "b.csv.gz"):
        write_csv(TABLE, tmp_path / name)
    assert (tmp_path / "a.csv.gz").read_bytes() == (tmp_path / "b.csv.gz").read_bytes()


@pytest.mark.parametrize("place", [0.02, 0.2, 0.5, 0.8])
def test_flipped_bits_are_found(tmp_path, place):
    path = tmp_path / "rows.parquet"
    write_parquet(TABLE, path)
    content = bytearray(path.read_bytes())
    content[int(len(content) * place)] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"rows\.parquet is damaged"):
        read_file(path)


@pytest.mark.parametrize("share", [0.0, 0.001, 0.5, 0.999])
def test_truncated_files_are_refused(tmp_path, share):
    path = tmp_path / "rows.parquet"
    write_parquet(TABLE, path)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    with pytest.raises(DataError, match=r"rows\.parquet"):
        read_file(path)


def test_folder_of_parts(tmp_path):
    for i in range(3):
        write_parquet(TABLE.slice(i * 1000, 1000), tmp_path / "data" / f"part-{i}.parquet")
    (tmp_path / "data" / ".part-3.parquet.1-2.part").write_bytes(b"half")
    assert read_file(tmp_path / "data").table.equals(TABLE.slice(0, 3000))
    assert read_file(tmp_path).table.num_rows == 3000
    write_parquet(TABLE.rename_columns(["id", "other"]), tmp_path / "data" / "part-4.parquet")
    with pytest.raises(DataError, match=r"part-4\.parquet has columns id, other"):
        read_file(tmp_path / "data")


def test_parts_of_unlike_types(tmp_path):
    write_parquet(pa.table({"x": pa.array([1], "int32")}), tmp_path / "a.parquet")
    write_parquet(pa.table({"x": pa.array([2**40], "int64")}), tmp_path / "b.parquet")
    assert read_file(tmp_path).table["x"].to_pylist() == [1, 2**40]
    write_parquet(pa.table({"x": ["text"]}), tmp_path / "c.parquet")
    with pytest.raises(DataError, match=r"x: is string in c\.parquet"):
        read_file(tmp_path)


@pytest.mark.parametrize("name", ["rows.xlsx", "rows.json", "rows.zip"])
def test_other_formats_are_refused(tmp_path, name):
    (tmp_path / name).write_bytes(b"PK\x03\x04 something")
    with pytest.raises(DataError, match="neither Parquet nor CSV"):
        read_file(tmp_path / name)


def test_missing_and_empty(tmp_path):
    with pytest.raises(DataError, match="does not exist"):
        read_file(tmp_path / "none.csv")
    (tmp_path / "hollow").mkdir()
    with pytest.raises(DataError, match="holds no Parquet or CSV"):
        read_file(tmp_path / "hollow")


def test_nothing_half_written(tmp_path):
    path = tmp_path / "rows.txt"
    write_text(path, "before")

    def fail(part: Path) -> None:
        part.write_text("half")
        raise ValueError("on purpose")

    with pytest.raises(ValueError, match="on purpose"):
        write_atomic(path, fail)
    assert path.read_text() == "before"
    assert os.listdir(tmp_path) == ["rows.txt"]


@pytest.mark.parametrize(
    ("number", "what"),
    [
        (errno.ENOSPC, "disk is full"),
        (errno.EROFS, "read-only"),
        (errno.EACCES, "not allowed"),
        (errno.EDQUOT, "quota"),
    ],
)
def test_the_system_refuses(tmp_path, number, what):
    def fail(part: Path) -> None:
        part.write_text("half")
        raise OSError(number, os.strerror(number))

    with pytest.raises(ResourceError, match=what) as caught:
        write_atomic(tmp_path / "rows.txt", fail)
    assert caught.value.fix
    assert caught.value.exit_code == 5
    assert os.listdir(tmp_path) == []


def test_a_file_where_a_folder_should_be(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(ResourceError, match="a part of the path is a file"):
        write_text(tmp_path / "file" / "rows.txt", "x")


@pytest.mark.linux
@pytest.mark.parametrize("write", [write_parquet, write_csv])
def test_no_room(tmp_path, write):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, before[1]))
    try:
        with pytest.raises(ResourceError, match="larger than the system allows"):
            write(TABLE, tmp_path / "rows")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert os.listdir(tmp_path) == []
