"""Disk full, memory short, output closed, two writers, another locale, time zone and hash seed."""

from __future__ import annotations

import json
import subprocess
import sys

import pyarrow.parquet as pq
import pytest

from tsynth.data.datasets import fraud
from tsynth.jobs.output import Output
from tsynth.jobs.run import run

from .conftest import check_names, leftovers

pytestmark = [pytest.mark.slow, pytest.mark.linux]

FULL = """
import resource
from tsynth.jobs import parts
real = parts.write
def write(*arguments):
    if arguments[3].number == 1:
        resource.setrlimit(resource.RLIMIT_FSIZE, (512, resource.RLIM_INFINITY))
    return real(*arguments)
parts.write = write
"""


def test_a_full_disk_is_told_and_finished_parts_are_kept(job, child, clean_hash, tmp_path):
    done = child(job(), FULL)
    assert done.returncode == 5, done.stderr
    assert (
        "part-00001.parquet cannot be written: the file would be larger than the system allows" in done.stderr
    )
    assert "Traceback" not in done.stderr
    assert [p.name for p in (tmp_path / "out" / "data").iterdir()] == ["part-00000.parquet"]
    assert leftovers(tmp_path / "out") == []
    check_names(tmp_path / "out")
    assert run(job()).content_hash == clean_hash


def test_rows_to_a_full_device_are_told(job, sales, tmp_path):
    run(job(release={"out": str(tmp_path / "out"), "model": str(tmp_path / "m.tsynth")}))
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "tsynth", "sample", str(tmp_path / "m.tsynth"), "-n", "3"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 5
    assert "no room left on the disk" in done.stderr
    assert "Traceback" not in done.stderr


# Everything is imported and compiled before the cap falls, so that it is the rows that do not fit.
CAP = """
import json, resource, sys
from tsynth.jobs.run import run
first = json.loads(sys.argv[1])
first["sample"]["n"], first["release"]["out"] = 10, "warm"
run(first)
now = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (now + {megabytes} * 2**20, resource.RLIM_INFINITY))
"""


def test_memory_that_does_not_suffice_is_told_with_advice(job, child):
    done = child(job(sample={"n": 3_000_000, "parts": 1}), CAP.format(megabytes=150))
    assert done.returncode == 5, done.stderr
    assert "not enough memory" in done.stderr
    assert "fewer rows or entities" in done.stderr
    assert "Traceback" not in done.stderr


def test_what_fits_under_a_cap_ends_well(job, child):
    done = child(job(sample={"n": 200}), CAP.format(megabytes=600))
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("place", ["/sys/tsynth", "/dev/null/tsynth"])
def test_a_place_that_cannot_be_written_is_told_before_anything_is_read(job, child, place):
    content = job(source={"path": "missing.parquet"}, release={"out": place})
    done = child(content)
    assert done.returncode == 5, done.stderr
    assert place in done.stderr
    assert "Traceback" not in done.stderr


def test_a_second_writer_is_sent_away(job, child, tmp_path):
    with Output.open(tmp_path / "out"):
        done = child(job())
    assert done.returncode == 5
    assert "another run is writing" in done.stderr


def test_a_damaged_source_is_named(job, child, sales, tmp_path):
    whole = sales.read_bytes()
    (tmp_path / "cut.parquet").write_bytes(whole[: len(whole) // 2])
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 255
    (tmp_path / "flipped.parquet").write_bytes(flipped)
    done = child(job(source={"path": "cut.parquet", "entity": "product", "time": "day"}))
    assert done.returncode == 3
    assert "cut.parquet" in done.stderr
    assert not (tmp_path / "out").exists()


OTHER_WORLDS = [
    {"PYTHONHASHSEED": "1", "TZ": "UTC", "LC_ALL": "C"},
    {"PYTHONHASHSEED": "2", "TZ": "Pacific/Chatham", "LC_ALL": "tr_TR.UTF-8", "LANG": "tr_TR.UTF-8"},
    {"PYTHONHASHSEED": "3", "TZ": "America/St_Johns", "NUMBA_NUM_THREADS": "2", "OMP_NUM_THREADS": "2"},
]


def test_locale_zone_threads_and_hash_seed_leave_no_trace(child, tmp_path):
    pq.write_table(fraud(accounts=60, months=3).rows, tmp_path / "rows.parquet")
    hashes = set()
    for i, world in enumerate(OTHER_WORLDS):
        content = {
            "source": {"path": "rows.parquet", "entity": "account", "time": "booked"},
            "generator": {"steps": 30},
            "score": {"scores": ["lengths"]},
            "release": {"out": f"out{i}"},
        }
        done = child(content, **world)
        assert done.returncode == 0, done.stderr
        manifest = json.loads((tmp_path / f"out{i}" / "manifest.json").read_text(encoding="utf-8"))
        hashes.add((manifest["content_hash"], manifest["generator"]["model_hash"]))
    assert len(hashes) == 1
