"""Processes that are killed, starved, interrupted; each on a small job of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tsynth.data.datasets import demand
from tsynth.jobs.run import run


@pytest.fixture(scope="session")
def sales(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixty short daily series."""
    path = tmp_path_factory.mktemp("source") / "sales.parquet"
    pq.write_table(demand(products=60, days=42).rows.drop_columns(["group"]), path)
    return path


@pytest.fixture
def job(sales: Path, tmp_path: Path) -> Callable[..., dict]:
    """The content of a quick job; keyword arguments replace its tables."""

    def make(**tables: dict) -> dict:
        content = {
            "source": {"path": str(sales), "entity": "product", "time": "day"},
            "sample": {"parts": 3},
            "score": {"scores": ["lengths"]},
            "release": {"out": str(tmp_path / "out")},
        }
        return {**content, **tables}

    return make


@pytest.fixture(scope="session")
def clean_hash(sales: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Content hash of the quick job when nothing goes wrong."""
    out = tmp_path_factory.mktemp("clean") / "out"
    content = {
        "source": {"path": sales, "entity": "product", "time": "day"},
        "score": {"scores": ["lengths"]},
        "release": {"out": out},
    }
    return run(content).content_hash


RUN = """
from tsynth.cli.endings import ending
from tsynth.jobs.run import run
import json, sys
with ending():
    run(json.loads(sys.argv[1]))
"""


@pytest.fixture
def child(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess]:
    """Run a job in a process of its own, after some code that breaks the world for it."""

    def call(content: dict, before: str = "", **environment: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            [sys.executable, "-c", before + RUN, json.dumps(content)],
            cwd=tmp_path,
            env={**os.environ, **environment},
            capture_output=True,
            encoding="utf-8",
            check=False,
        )

    return call


def check_names(folder: Path) -> None:
    """No file under a final name is partial."""
    for path in folder.rglob("*"):
        if path.suffix == ".parquet":
            pq.ParquetFile(path, page_checksum_verification=True).read()
        elif path.suffix == ".json":
            json.loads(path.read_text(encoding="utf-8"))
        elif path.suffix == ".html":
            assert path.read_text(encoding="utf-8").rstrip().endswith("</html>")


def leftovers(folder: Path) -> list[str]:
    """Temporary files."""
    return [p.name for p in folder.rglob(".*.part")]
