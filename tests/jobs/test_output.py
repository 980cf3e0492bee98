"""The folder of a release: who may write it, what is resumed, what is refused; and `verify`."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys

import pyarrow.parquet as pq
import pytest

from tsynth.errors import ArtifactError, DataError, ResourceError, UsageError
from tsynth.jobs import parts
from tsynth.jobs.output import Output, writable
from tsynth.jobs.release import Release
from tsynth.jobs.run import run
from tsynth.jobs.verify import verify

# --- who may write -----------------------------------------------------------------------------------------


def test_a_finished_release_is_replaced_only_with_force(job, tmp_path):
    first = run(job())
    with pytest.raises(UsageError, match=r"holds a finished release.*--force"):
        run(job(sample={"n": 10}))
    assert verify(first.path).release.manifest["entities"] == 60
    second = run(job(sample={"n": 10}, release={"out": tmp_path / "out", "force": True}))
    assert second.manifest["entities"] == 10
    assert verify(second.path)


def test_a_folder_with_other_things_is_refused_and_left_alone(job, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.tex").write_text("dear", encoding="utf-8")
    with pytest.raises(UsageError, match=r"holds other things than a release \(thesis.tex\)"):
        run(job())
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["thesis.tex"]


def test_a_file_in_place_of_the_folder_is_refused(job, tmp_path):
    (tmp_path / "out").write_text("", encoding="utf-8")
    with pytest.raises(UsageError, match="is a file, not a folder"):
        run(job())


def test_two_writers_one_wins(job, tmp_path):
    with Output.open(tmp_path / "out"), pytest.raises(ResourceError, match="another run is writing"):
        run(job())
    assert run(job()).path == tmp_path / "out"
    assert not (tmp_path / "out" / ".lock").exists()


def test_an_output_below_a_file_is_refused_before_anything_is_read(job, tmp_path):
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(ResourceError, match="a part of the path is a file"):
        run(job(source={"path": "missing.parquet"}, release={"out": tmp_path / "file" / "out"}))


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written_is_refused(tmp_path):
    (tmp_path / "closed").mkdir(mode=0o500)
    with pytest.raises(ResourceError, match="not allowed"):
        writable(tmp_path / "closed" / "out")


# --- resuming ----------------------------------------------------------------------------------------------


def interrupted(monkeypatch, after):
    """Let `run` be interrupted after so many parts."""
    real, made = parts.write, []

    def write(*arguments):
        if len(made) == after:
            raise KeyboardInterrupt
        made.append(arguments)
        return real(*arguments)

    monkeypatch.setattr(parts, "write", write)
    return made


def test_an_interrupted_run_is_resumed_to_the_same_rows(job, tmp_path, monkeypatch):
    clean = run(job(sample={"parts": 5}, release={"out": tmp_path / "clean"}))
    with monkeypatch.context() as patch:
        interrupted(patch, 3)
        with pytest.raises(KeyboardInterrupt):
            run(job(sample={"parts": 5}))
    out = tmp_path / "out"
    assert not (out / "manifest.json").exists()
    kept = {p.name: p.stat().st_mtime_ns for p in (out / "data").iterdir()}
    assert len(kept) == 3
    with monkeypatch.context() as patch:
        made = interrupted(patch, 99)
        resumed = run(job(sample={"parts": 5}))
        assert len(made) == 2
    assert {n: (out / "data" / n).stat().st_mtime_ns for n in kept} == kept
    assert resumed.content_hash == clean.content_hash
    assert resumed.report.to_dict() == clean.report.to_dict()
    assert not (out / ".work").exists()
    assert verify(out)


def test_a_part_that_was_damaged_is_made_again(job, tmp_path, monkeypatch):
    clean = run(job(sample={"parts": 3}, release={"out": tmp_path / "clean"}))
    with monkeypatch.context() as patch:
        interrupted(patch, 2)
        with pytest.raises(KeyboardInterrupt):
            run(job(sample={"parts": 3}))
    (tmp_path / "out" / "data" / "part-00000.parquet").write_bytes(b"PAR1 not any more")
    (tmp_path / "out" / ".work" / "part-00001.json").write_text("{", encoding="utf-8")
    assert run(job(sample={"parts": 3})).content_hash == clean.content_hash


def test_a_damaged_model_is_fitted_again(job, tmp_path, monkeypatch):
    clean = run(job(release={"out": tmp_path / "clean"}))
    with monkeypatch.context() as patch:
        interrupted(patch, 0)
        with pytest.raises(KeyboardInterrupt):
            run(job())
    (tmp_path / "out" / ".work" / "model.tsynth").write_bytes(b"half")
    assert run(job()).content_hash == clean.content_hash


def test_another_job_starts_anew_and_leaves_no_part_of_the_old_one(job, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        interrupted(patch, 3)
        with pytest.raises(KeyboardInterrupt):
            run(job(sample={"parts": 5}))
    other = job(seed=4, sample={"parts": 2})
    assert run(other).content_hash == run(job(seed=4, release={"out": tmp_path / "clean"})).content_hash
    assert len(list((tmp_path / "out" / "data").iterdir())) == 2


def test_a_change_of_parts_uses_the_model_and_drops_what_does_not_fit(job, tmp_path, monkeypatch):
    clean = run(job(release={"out": tmp_path / "clean"}))
    with monkeypatch.context() as patch:
        interrupted(patch, 3)
        with pytest.raises(KeyboardInterrupt):
            run(job(sample={"parts": 5}))
    resumed = run(job(sample={"parts": 2}))
    assert resumed.content_hash == clean.content_hash
    assert verify(tmp_path / "out").files == 5


def test_temporary_files_of_a_killed_run_are_swept(job, tmp_path):
    left = tmp_path / "out" / "data" / ".part-00000.parquet.4711-abcd.part"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"half")
    run(job())
    assert not left.exists()


# --- verify ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def release(tmp_path_factory, sales):
    from tsynth.jobs.job import Job

    out = tmp_path_factory.mktemp("release") / "out"
    content = {
        "source": {"path": sales, "entity": "product", "time": "day"},
        "score": {"scores": ["marginals"]},
        "sample": {"parts": 2},
        "release": {"out": out},
    }
    return run(Job.read(content)).path


@pytest.fixture
def copy(release, tmp_path):
    return shutil.copytree(release, tmp_path / "copy")


def flip(path, at=-100):
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


def test_a_release_as_it_was_made_passes_wherever_it_stands(copy):
    found = verify(copy)
    assert found.files == 5
    assert "is as it was made" in str(found)


@pytest.mark.parametrize("name", ["report.html", "report.json", "card.md"])
def test_a_changed_page_is_an_artifact_error(copy, name):
    flip(copy / name)
    with pytest.raises(ArtifactError, match=re.escape(f"{name} was changed")):
        verify(copy)


@pytest.mark.parametrize("at", [4, 100, -100, -5])
def test_a_flipped_bit_in_the_rows_is_a_data_error_that_names_the_file(copy, at):
    flip(copy / "data" / "part-00001.parquet", at)
    with pytest.raises(DataError, match=r"data/part-00001.parquet was changed"):
        verify(copy)


def test_truncated_and_missing_rows_are_data_errors(copy):
    path = copy / "data" / "part-00000.parquet"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DataError, match="bytes, not"):
        verify(copy)
    path.unlink()
    with pytest.raises(DataError, match=r"part-00000\.parquet is missing"):
        verify(copy)


def test_rows_that_were_exchanged_with_their_sums_do_not_have_the_content_hash(copy):
    manifest = json.loads((copy / "manifest.json").read_text(encoding="utf-8"))
    path = copy / "data" / "part-00000.parquet"
    table = pq.read_table(path)
    pq.write_table(table.take(list(reversed(range(len(table))))), path)
    from tsynth.jobs.release import file_entry

    manifest["files"]["data/part-00000.parquet"] |= file_entry(path)
    (copy / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    with pytest.raises(ArtifactError, match="the rows have the content hash"):
        verify(copy)


def test_strangers_are_refused(copy):
    shutil.copy(copy / "data" / "part-00000.parquet", copy / "data" / "real.parquet")
    with pytest.raises(ArtifactError, match=r"data/real.parquet is not part of the release"):
        verify(copy)
    (copy / "data" / "real.parquet").unlink()
    (copy / ".work").mkdir()
    with pytest.raises(ArtifactError, match=r"\.work was left"):
        verify(copy)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is damaged"),
        ("[]", "is not the manifest of a release"),
        (
            '{"kind": "tsynth release", "files": {}, "format": 99, "run": {"versions": {"tsynth": "9.9"}}}',
            "9.9.*update",
        ),
        ('{"kind": "tsynth release", "files": {}, "format": 1}', "does not name report.html"),
    ],
)
def test_a_manifest_that_cannot_be_trusted_is_refused(copy, text, message):
    (copy / "manifest.json").write_text(text, encoding="utf-8")
    with pytest.raises(ArtifactError, match=message):
        verify(copy)


def test_a_manifest_that_names_files_elsewhere_is_refused(copy):
    manifest = json.loads((copy / "manifest.json").read_text(encoding="utf-8"))
    manifest["files"]["../secret"] = {"sha256": "", "bytes": 0}
    (copy / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    with pytest.raises(ArtifactError, match="outside the release"):
        verify(copy)


def test_no_release_and_an_unfinished_one_are_told_apart(tmp_path):
    with pytest.raises(ArtifactError, match="holds no release"):
        verify(tmp_path)
    (tmp_path / ".work").mkdir()
    with pytest.raises(ArtifactError, match="is an unfinished release"):
        Release.open(tmp_path)
