"""The job file: what may stand in it, and what is said where something else does."""

from __future__ import annotations

import json
import shlex
import tomllib

import pytest

from tsynth.errors import UsageError
from tsynth.jobs.account import command
from tsynth.jobs.job import Job

WHOLE = """
seed = 7

[source]
path = "trans.parquet"
entity = "account_id"
time = ["date", "hour"]
entities = "accounts.parquet"
null_entity = "drop"
roles = {fraud = "label"}

[schema]
time_unit = "d"
[schema.columns.amount]
kind = "continuous"
decimals = 2
[schema.columns."what it was"]
levels = ["a", 1]

[constraints]
drop = ["totals"]
add = [{rule = "calendar", columns = ["date"]}]

[generator]
name = "markov_renewal"
parameters = {order = 2}
minutes = 3

[sample]
n = 100
seed = 1
parts = 4

[split]
holdout = 0.25
by = "entity"

[score]
scores = ["marginals"]

[release]
out = "release"
"""
LEAST = {"source": {"path": "rows.csv"}, "release": {"out": "out"}}


def test_a_whole_file_is_read_with_paths_relative_to_it(tmp_path):
    path = tmp_path / "job.toml"
    path.write_text(WHOLE, encoding="utf-8")
    job = Job.load(path)
    assert job.source.path == [tmp_path / "trans.parquet"]
    assert job.source.entities == tmp_path / "accounts.parquet"
    assert job.release.out == tmp_path / "release"
    assert job.source.time == ["date", "hour"]
    assert job.schema_.columns["what it was"].levels == ["a", 1]
    assert (job.seed, job.sample.seed) == (7, 1)


def test_the_least_job_is_a_path_and_a_place():
    job = Job.read(LEAST)
    assert job.sample.n is None
    assert job.score.scores == "standard"


def test_what_is_shown_names_no_folder_and_reads_as_a_job(tmp_path):
    path = tmp_path / "job.toml"
    path.write_text(WHOLE, encoding="utf-8")
    shown = Job.load(path).shown()
    assert str(tmp_path) not in json.dumps(shown)
    assert Job.read(shown).source.path[0].name == "trans.parquet"
    assert shown["schema"]["columns"]["amount"] == {"kind": "continuous", "decimals": 2}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sample": {"nn": 3}}, r"sample.nn is not known; did you mean n\?"),
        ({"surce": {}}, r"surce is not known; did you mean source\?"),
        (
            {"schema": {"columns": {"x": {"kid": "count"}}}},
            r"schema.columns.x.kid is not known; did you mean kind\?",
        ),
        (
            {"schema": {"columns": {"x": {"kind": "number"}}}},
            r"schema.columns.x.kind: input should be .*'number'",
        ),
        ({"sample": {"n": 0}}, r"sample.n: .*greater than or equal to 1 \(it is 0\)"),
        ({"split": {"holdout": 1.5}}, r"split.holdout: .*less than 1"),
        ({"generator": {"minutes": 1, "steps": 2}}, r"minutes and steps contradict each other"),
        ({"source": {"entity": "id"}}, r"source.path is missing"),
        ({"source": {"path": []}}, r"source.path: .*at least 1"),
    ],
)
def test_what_does_not_belong_is_named_with_what_was_meant(change, message):
    with pytest.raises(UsageError, match=message) as caught:
        Job.read({**LEAST, **change}, where="job.toml")
    assert "job.toml" in str(caught.value)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "does not exist"),
        ("[source\npath=", r"is not TOML.*line 1"),
        ("\xff", "source is missing|is not TOML"),
    ],
)
def test_a_file_that_is_no_job_is_refused(tmp_path, text, message):
    path = tmp_path / "job.toml"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=message):
        Job.load(path)


def test_a_file_in_another_encoding_is_refused(tmp_path):
    path = tmp_path / "job.toml"
    path.write_bytes('[source]\npath = "Zürich.csv"\n'.encode("latin-1"))
    with pytest.raises(UsageError, match="cannot be read"):
        Job.load(path)


def test_the_json_schema_describes_every_key():
    schema = json.loads(Job.json_schema())
    assert schema["additionalProperties"] is False
    assert set(tomllib.loads(WHOLE)) <= set(schema["properties"])
    assert {"path", "entity", "time"} <= set(schema["$defs"]["SourcePart"]["properties"])


def test_the_command_that_makes_it_again_says_all_and_is_one_that_a_shell_takes():
    source = {
        "path": ["my rows.csv"],
        "entity": "Patient ID",
        "roles": {"was fraud": "label"},
        "order": "file",
    }
    content = {"source": source, "sample": {"conditions": "given.csv"}, "release": {"out": "made"}}
    words = shlex.split(command(Job.read(content)))
    assert words[:3] == ["tsynth", "run", "my rows.csv"]
    pairs = dict(zip(words[3::2], words[4::2], strict=True))
    assert pairs == {
        "--entity": "Patient ID", "--role": "was fraud=label", "--order": "file", "--conditions": "given.csv",
        "--seed": "0", "--out": "made",
    }  # fmt: skip
    source["decimal"] = ","
    assert command(Job.read(content)) == "tsynth run job.toml"
