"""Target shares of a job: kept over all parts together, shown in the manifest, refused before anything is learned."""

from __future__ import annotations

from collections import Counter

import pyarrow.parquet as pq
import pytest

from tsynth.errors import UsageError
from tsynth.jobs.job import Job
from tsynth.jobs.run import run

from .conftest import rows_of


@pytest.fixture
def balanced(trial, tmp_path):
    """A job on the trial; its sample table is given."""
    visits, patients = trial

    def make(name="out", **sample):
        source = {"path": visits, "entities": patients, "entity": "patient", "time": "day"}
        content = {
            "source": source,
            "generator": {"minutes": 0.3},
            "sample": sample,
            "score": {"scores": ["representation"]},
            "release": {"out": tmp_path / name},
        }
        return Job.read(content)

    return make


def of_patients(release, name):
    folder = release.path / "entities"
    return Counter(v for path in sorted(folder.iterdir()) for v in pq.read_table(path)[name].to_pylist())


def test_a_job_keeps_shares_over_all_parts(balanced):
    whole = run(balanced("whole", n=50, shares={"sex": {"male": 0.5, "female": 0.5}}))
    parts = run(balanced("parts", n=50, parts=3, shares={"sex": {"male": 0.5, "female": 0.5}}))
    assert of_patients(whole, "sex") == {"male": 25, "female": 25}
    assert rows_of(whole.path).equals(rows_of(parts.path))
    assert whole.manifest["job"]["sample"]["shares"] == {"sex": {"male": 0.5, "female": 0.5}}
    assert "sex male 50 %, female 50 %" in (whole.path / "card.md").read_text()


def test_unknown_groups_are_refused_before_anything_is_learned(balanced, tmp_path):
    with pytest.raises(UsageError, match="sex: level 'mail' never occurred"):
        run(balanced(shares={"sex": {"mail": 0.5}}))
    assert not list((tmp_path / "out").rglob("*.parquet"))


def test_shares_in_a_job_file_are_numbers(balanced):
    with pytest.raises(UsageError, match=r"sample\.shares\.sex"):
        balanced(shares={"sex": 0.5})
