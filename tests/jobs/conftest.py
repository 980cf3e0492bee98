"""Small tables and quick jobs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tsynth.data.datasets import cohort, demand
from tsynth.jobs.job import Job

QUICK = ["marginals", "lengths", "constraints"]


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
    assert data.entities is not None
    pq.write_table(data.rows, folder / "visits.parquet")
    pq.write_table(data.entities, folder / "patients.parquet")
    return folder / "visits.parquet", folder / "patients.parquet"


@pytest.fixture
def job(sales: Path, tmp_path: Path) -> Callable[..., Job]:
    """A quick job on `sales`; keyword arguments replace its tables."""

    def make(**tables: Any) -> Job:
        content = {
            "source": {"path": sales, "entity": "product", "time": "day"},
            "score": {"scores": QUICK},
            "release": {"out": tmp_path / "out"},
        }
        return Job.read({**content, **tables})

    return make


def rows_of(folder: Path) -> pa.Table:
    """All synthetic rows of a release."""
    return pa.concat_tables([pq.read_table(path) for path in sorted((folder / "data").iterdir())])
