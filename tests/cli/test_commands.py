"""Every command, called as a user calls it: what goes to stdout, what to stderr, the exit code."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

COMMANDS = ("demo", "inspect", "run", "fit", "sample", "evaluate", "verify", "list")
QUICK_JOB = """
[source]
path = "{path}"
entity = "product"
time = "day"
[score]
scores = ["marginals", "lengths"]
[release]
out = "out"
"""


def job_file(folder, sales):
    path = folder / "job.toml"
    path.write_text(QUICK_JOB.format(path=sales.as_posix()), encoding="utf-8")
    return path


# --- help and list -----------------------------------------------------------------------------------------


def test_help_names_every_command_and_loads_nothing_heavy():
    code = (
        "import sys, runpy; sys.argv = ['tsynth', '--help']\n"
        "try: runpy.run_module('tsynth', run_name='__main__')\n"
        "except SystemExit as end: assert not end.code, end.code\n"
        "heavy = {'numpy', 'pyarrow', 'numba', 'pandas', 'matplotlib', 'scipy', 'pydantic', 'sklearn'}\n"
        "sys.stderr.write(' '.join(sorted(heavy & set(sys.modules))))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert all(f"  {name} " in done.stdout for name in COMMANDS)
    assert done.stderr == ""


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(tsynth, command):
    done = tsynth(command, "--help")
    assert done.returncode == 0
    assert f"tsynth {command}" in done.stdout
    assert done.stderr == ""


def test_no_arguments_show_help_and_version_is_told(tsynth):
    import tsynth as package

    assert "Commands:" in (done := tsynth()).stdout + done.stderr
    assert tsynth("--version").stdout == f"tsynth {package.__version__}\n"


def test_list_names_what_can_be_plugged_in(tsynth):
    from tsynth import registry

    done = tsynth("list")
    assert done.returncode == 0
    for kind in ("generators", "scores"):
        assert all(name in done.stdout for name in registry.names(kind))
    found = json.loads(tsynth("list", "generators", "--json").stdout)
    assert set(found["generators"]) == set(registry.names("generators"))
    assert all(found["generators"].values())


# --- inspect -----------------------------------------------------------------------------------------------


def test_inspect_guesses_says_why_and_names_the_flags(tsynth, sales):
    done = tsynth("inspect", sales)
    assert done.returncode == 0
    assert "2,520 rows of 60 entities" in done.stdout
    assert "product" in done.stderr
    assert "--entity COLUMN --time COLUMN" in done.stderr
    assert f"tsynth run {sales} --entity product --time day" in done.stderr
    assert "Recommended generator: block_bootstrap, because numeric series on a regular grid" in done.stdout


def test_a_table_with_blanks_in_its_names_gives_a_command_that_a_shell_takes(tsynth, tmp_path):
    lines = [f"{i // 4},2024-01-{1 + i % 4:02d},{i * 7 % 5}.5" for i in range(40)]
    (tmp_path / "my rows.csv").write_text("\n".join(["Patient ID,seen on date,x", *lines]), encoding="utf-8")
    done = tsynth("inspect", "my rows.csv")
    assert "tsynth run 'my rows.csv' --entity 'Patient ID' --time 'seen on date' --out release" in done.stderr
    done = tsynth("run", "my rows.csv", "--out", "release")
    assert done.returncode == 2
    assert "it looks like --entity 'Patient ID' --time 'seen on date'" in done.stderr


def test_without_flags_a_table_without_ids_and_times_is_one_sequence(tsynth, tmp_path):
    lines = [f"{i * 7 % 11}.5,{i * 5 % 13}.25" for i in range(120)]
    (tmp_path / "rows.csv").write_text("\n".join(["open,close", *lines]), encoding="utf-8")
    assert "tsynth run rows.csv --out release" in tsynth("inspect", "rows.csv").stderr
    done = tsynth("run", "rows.csv", "--out", "release", "--generator", "oracle")  # so that nothing is fitted
    assert "all rows are one sequence" in done.stderr
    assert "choose one of" in done.stderr


def test_inspect_saves_a_schema_that_run_and_fit_take(tsynth, sales, tmp_path):
    done = tsynth(
        "inspect", sales, "--entity", "product", "--time", "day", "--schema", "schema.json", "--json"
    )
    assert done.returncode == 0
    content = json.loads(done.stdout)
    assert content["entities"] == 60
    assert content["schema"] == json.loads((tmp_path / "schema.json").read_text(encoding="utf-8"))
    assert content["guessed"] == []
    done = tsynth("fit", sales, "--with-schema", "schema.json", "--out", "model.tsynth")
    assert done.returncode == 0, done.stderr


# --- fit, sample, evaluate -----------------------------------------------------------------------------------


def test_fit_and_sample_give_the_same_rows_in_every_form(tsynth, sales, tmp_path):
    done = tsynth("fit", sales, "--entity", "product", "--time", "day", "--out", "model.tsynth")
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    assert "learned from 2,520 rows of 60 entities" in done.stderr
    for name in ("made.parquet", "made.csv", "made.csv.gz"):
        assert tsynth("sample", "model.tsynth", "-n", 5, "--seed", 3, "--out", name).returncode == 0
    printed = tsynth("sample", "model.tsynth", "-n", 5, "--seed", 3)
    assert printed.stdout == (tmp_path / "made.csv").read_text(encoding="utf-8")
    table = pq.read_table(tmp_path / "made.parquet")
    assert table.schema.metadata[b"synthetic"] == b"true"
    lines = list(csv.DictReader(io.StringIO(printed.stdout)))
    assert [int(line["sold"]) for line in lines] == table["sold"].to_pylist()
    assert len(set(table["product"].to_pylist())) == 5
    again = tsynth("sample", "model.tsynth", "-n", 5, "--seed", 4).stdout
    assert again != printed.stdout


def test_sample_writes_the_entity_table_beside_the_rows(tsynth, trial, tmp_path):
    visits, patients = trial
    done = tsynth(
        "fit", visits, "--entities", patients, "--entity", "patient", "--time", "day", "--out", "m.tsynth",
        "--role", "arm=arm", "--role", "followup=followup", "--minutes", 0.3,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (tmp_path / "given.csv").write_text("arm\nactive\nactive\nplacebo\n", encoding="utf-8")
    done = tsynth("sample", "m.tsynth", "--conditions", "given.csv", "--out", "made.parquet")
    assert done.returncode == 0, done.stderr
    assert pq.read_table(tmp_path / "made.entities.parquet")["arm"].to_pylist() == [
        "active",
        "active",
        "placebo",
    ]
    done = tsynth("sample", "m.tsynth", "-n", 2)
    assert "the entity table is left out" in done.stderr


def test_evaluate_scores_files_and_writes_numbers_and_page(tsynth, sales, tmp_path):
    table = pq.read_table(sales)
    names = table["product"].to_pylist()
    pq.write_table(table.filter([int(n[1:]) % 3 == 0 for n in names]), tmp_path / "holdout.parquet")
    pq.write_table(table.filter([int(n[1:]) % 3 == 1 for n in names]), tmp_path / "train.parquet")
    pq.write_table(table.filter([int(n[1:]) % 3 == 2 for n in names]), tmp_path / "synthetic.parquet")
    sides = ("--train", "train.parquet", "--holdout", "holdout.parquet", "--synthetic", "synthetic.parquet")
    keys = ("--entity", "product", "--time", "day", "--score", "marginals", "--score", "lengths")
    done = tsynth("evaluate", *sides, *keys, "--json", "scores.json", "--out", "page")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("faithful: ")
    assert {
        s["name"] for s in json.loads((tmp_path / "scores.json").read_text(encoding="utf-8"))["scores"]
    } == {
        "marginals",
        "lengths",
    }
    assert sorted(p.name for p in (tmp_path / "page").iterdir()) == ["card.md", "report.html", "report.json"]
    done = tsynth("evaluate", *sides, *keys, "--json", "-")
    assert json.loads(done.stdout)["scores"]


def test_evaluate_refuses_another_schema_with_a_line_a_difference(tsynth, sales, tmp_path):
    table = pq.read_table(sales)
    pq.write_table(table.rename_columns(["product", "day", "units"]), tmp_path / "other.parquet")
    done = tsynth(
        "evaluate", "--train", sales, "--synthetic", "other.parquet", "--entity", "product", "--time", "day"
    )
    assert done.returncode == 4
    assert "column 'sold' is missing" in done.stderr
    assert "column 'units' is not in the schema" in done.stderr
    assert "Traceback" not in done.stderr


# --- run and verify --------------------------------------------------------------------------------------------


def test_run_with_a_job_file_ends_with_answers_and_the_report(tsynth, sales, tmp_path):
    done = tsynth("run", job_file(tmp_path, sales))
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    for words in (
        "faithful?",
        "useful?",
        "private?",
        f"Read the report: {Path('out') / 'report.html'}",
        "cannot keep",
    ):
        assert words in done.stderr
    done = tsynth("verify", "out")
    assert done.returncode == 0
    assert "is as it was made" in done.stdout
    assert json.loads(tsynth("verify", "out", "--json").stdout)["verified"] is True


def test_flags_change_what_a_job_file_says_and_json_goes_to_stdout(tsynth, sales, tmp_path):
    path = job_file(tmp_path, sales)
    done = tsynth("run", path, "-n", 7, "--seed", 2, "--out", "other", "--json", "--quiet")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    manifest = json.loads(done.stdout)
    assert manifest["entities"] == 7
    assert manifest["job"]["seed"] == 2
    assert (tmp_path / "other" / "manifest.json").is_file()


def test_run_prints_the_json_schema_of_a_job(tsynth):
    assert set(json.loads(tsynth("run", "--schema").stdout)["required"]) == {"source", "release"}


def test_quiet_may_stand_anywhere_and_no_colour_reaches_a_pipe(tsynth, sales):
    done = tsynth("inspect", sales, "--quiet")
    assert done.stderr == ""
    assert "\x1b" not in done.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["run"], 2, "there is no file to learn from"),
        (["run", "rows.csv"], 2, "give --out DIR"),
        (["run", "rows.csv", "--out", "o"], 3, "rows.csv does not exist"),
        (["run", "rows.csv", "--entity", "id", "--time", "t"], 2, "give --out DIR"),
        (["run", "rows.csv", "--entity", "id", "--time", "t", "--out", "o"], 3, "rows.csv does not exist"),
        (["run", "job.toml"], 2, "job.toml does not exist"),
        (["run", "rows.csv", "--time", "t", "--out", "o", "-n", "0"], 2, "-n"),
        (["run", "rows.csv", "--time", "t", "--out", "o", "--generator", "oracle"], 2, "choose one of"),
        (["run", "rows.csv", "--time", "t", "--out", "o", "--role", "x"], 2, "COLUMN=ROLE"),
        (["fit", "rows.csv", "--out", "m"], 3, "rows.csv does not exist"),
        (["fit", "rows.csv", "--time", "t", "--out", "m", "--minutes", "1", "--steps", "2"], 2, "contradict"),
        (["fit", "rows.csv", "--time", "t", "--out", "m", "--minutes", "0"], 2, "--minutes"),
        (["inspect", "rows.csv"], 3, "does not exist"),
        (["sample", "model.tsynth"], 4, "model.tsynth does not exist"),
        (["verify", "."], 4, "holds no release"),
        (["demo", "weather"], 2, "fraud"),
        (["paint"], 2, "paint"),
        (["run", "--colour", "red"], 2, "--colour"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_a_mistake_is_one_message_and_an_exit_code(tsynth, arguments, code, words):
    done = tsynth(*arguments)
    assert done.returncode == code, done.stderr
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_a_damaged_model_and_a_damaged_release_are_told(tsynth, sales, tmp_path):
    (tmp_path / "model.tsynth").write_bytes(b"PK\x03\x04 or not")
    done = tsynth("sample", "model.tsynth")
    assert (done.returncode, "model.tsynth" in done.stderr) == (4, True)
    assert tsynth("run", job_file(tmp_path, sales), "--quiet").returncode == 0
    path = tmp_path / "out" / "data" / "part-00000.parquet"
    path.write_bytes(path.read_bytes()[:-20])
    done = tsynth("verify", "out")
    assert done.returncode == 3
    assert "data/part-00000.parquet" in done.stderr


@pytest.mark.parametrize("column", ["product", "day"])
def test_a_wrong_column_is_named_with_those_there_are(tsynth, sales, column):
    flags = {"--entity": "product", "--time": "day"}
    done = tsynth(
        "run", sales, "--out", "o", *(x for k, v in flags.items() for x in (k, "no" if v == column else v))
    )
    assert done.returncode == 3
    assert "there is no column 'no'" in done.stderr
    assert "sold" in done.stderr


# --- demo ------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("name", ["fraud", "cohort", "demand"])
def test_the_demo_ends_with_the_report_and_three_findings(tsynth, tmp_path, name):
    done = tsynth("demo", name)
    assert done.returncode == 0, done.stderr
    assert "Read the report: " in done.stderr
    assert done.stderr.split("differs most from real data")[1].split("cannot keep")[0].count("\n  - ") == 3
    assert (tmp_path / "tsynth-demo" / name / "report.html").is_file()
    assert tsynth("verify", tmp_path / "tsynth-demo" / name).returncode == 0
