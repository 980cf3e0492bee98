"""The command line as a user calls it: a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tsynth.data.datasets import cohort, demand

Done = subprocess.CompletedProcess


@pytest.fixture
def tsynth(tmp_path: Path) -> Callable[..., Done]:
    """Call `tsynth` with arguments in an empty folder."""

    def call(*arguments: object, **environment: str) -> Done:
        return subprocess.run(
            [sys.executable, "-m", "tsynth", *map(str, arguments)],
            cwd=tmp_path,
            env={**os.environ, "PYTHONWARNINGS": "error", **environment},
            capture_output=True,
            encoding="utf-8",
            check=False,
        )

    return call


@pytest.fixture(scope="session")
def sales(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixty short daily series."""
    path = tmp_path_factory.mktemp("source") / "sales.parquet"
    pq.write_table(demand(products=60, days=42).rows.drop_columns(["group"]), path)
    return path


@pytest.fixture(scope="session")
def trial(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Rows and entity table of a small trial."""
    folder = tmp_path_factory.mktemp("trial")
    data = cohort(patients=80)
    pq.write_table(data.rows, folder / "visits.parquet")
    pq.write_table(data.entities, folder / "patients.parquet")
    return folder / "visits.parquet", folder / "patients.parquet"
