"""`tsynth evaluate` as a user meets it: other types, several files, a gate, a private look."""

from __future__ import annotations

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

KEYS = ("--entity", "product", "--time", "day", "--score", "marginals", "--score", "lengths")


@pytest.fixture
def sides(sales, tmp_path):
    """Three thirds of the series: train, holdout, and one that stands for synthetic rows."""
    table = pq.read_table(sales)
    third = [int(name[1:]) % 3 for name in table["product"].to_pylist()]
    for k, name in enumerate(("holdout", "train", "made")):
        pq.write_table(table.filter([t == k for t in third]), tmp_path / f"{name}.parquet")
    return ("--train", "train.parquet", "--holdout", "holdout.parquet", "--synthetic", "made.parquet")


def as_text(path, to, spoil):
    """The rows with numbers and dates as text, some of them spoiled."""
    table = pq.read_table(path)
    for name, (row, text) in spoil.items():
        cells = [str(v)[:10] if name == "day" else str(v) for v in table[name].to_pylist()]
        cells[row] = text
        table = table.set_column(table.column_names.index(name), name, pa.array(cells))
    pq.write_table(table, to)


def test_text_is_read_as_what_train_has_and_what_cannot_be_read_is_counted(tsynth, sides, tmp_path):
    as_text(tmp_path / "made.parquet", tmp_path / "text.parquet", {"sold": (5, "many"), "day": (7, "_RARE_")})
    done = tsynth(
        "evaluate", *sides[:4], "--synthetic", "text.parquet", *KEYS, "--score", "unreadable", "--json", "-"
    )
    assert done.returncode == 0, done.stderr
    assert "sold: text read as whole number; 1 of 840 cells cannot be read (such as 'many')" in done.stderr
    assert (
        "(such as '_RARE_'); a row without a time has no place, so 1 of 840 rows are left out" in done.stderr
    )
    report = json.loads(done.stdout)
    assert {(c["column"], c["from"], c["unreadable"]) for c in report["meta"]["casts"]} == {
        ("sold", "string", 1),
        ("day", "string", 1),
    }
    found = {s["name"]: s for s in report["scores"]}["unreadable"]
    assert found["value"] == pytest.approx(2 / 1680)
    assert found["floor"] == 0
    assert report["meta"]["sizes"]["synthetic"]["rows"] == 839


def test_several_files_get_a_row_and_a_report_each_and_a_comparison(tsynth, sides, tmp_path):
    (tmp_path / "b").mkdir()
    pq.write_table(pq.read_table(tmp_path / "train.parquet"), tmp_path / "b" / "made.parquet")
    done = tsynth(
        "evaluate", *sides, "--synthetic", "b/made.parquet", *KEYS, "--out", "out", "--json", "all.json"
    )
    assert done.returncode == 0, done.stderr
    first = f"{tmp_path.name}-made"
    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["synthetic", first, "b-made"]
    assert "times the floor" in lines[0]
    folders = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert folders == sorted([first, "b-made", "comparison.html", "comparison.json"])
    assert (tmp_path / "out" / "b-made" / "report.html").is_file()
    content = json.loads((tmp_path / "out" / "comparison.json").read_text(encoding="utf-8"))
    assert [f["name"] for f in content["files"]] == [first, "b-made"]
    assert list(json.loads((tmp_path / "all.json").read_text(encoding="utf-8"))) == [first, "b-made"]


def test_a_gate_that_is_not_passed_ends_with_6_and_says_what_failed(tsynth, sides, tmp_path):
    rules = (
        '[[rule]]\nscore = "marginals"\nvalue = 0.9\n[[rule]]\nscore = "gaps"\nvalue = -1\nwhy = "none can"\n'
    )
    (tmp_path / "gate.toml").write_text('title = "Door"\n' + rules, encoding="utf-8")
    done = tsynth("evaluate", *sides, *KEYS, "--gate", "gate.toml", "--out", "page")
    assert done.returncode == 6
    assert "what does not pass the gate 'Door'" in done.stdout
    failed = next(line for line in done.stdout.splitlines() if line.startswith("gaps (value)"))
    assert failed.split()[3:] == ["-1", "1", "none", "can"]
    assert "marginals (value)" not in done.stdout
    assert "error: the gate 'Door' was not passed:\n  gaps is" in done.stderr
    assert "Traceback" not in done.stderr
    gate = json.loads((tmp_path / "page" / "report.json").read_text(encoding="utf-8"))["meta"]["gate"]
    assert [rule["passed"] for rule in gate["rules"]] == [True, False]
    done = tsynth("evaluate", *sides, *KEYS, "--gate", "software-testing")
    assert done.returncode == 0, done.stderr
    assert "the gate 'Software testing' is passed" in done.stderr


@pytest.mark.parametrize(
    ("more", "code", "said"),
    [
        (("--gate", "publicaton"), 2, "did you mean publication?"),
        (("--group", "products"), 2, "group 'products': there is no such column; did you mean product?"),
        (("--out", "out", "--private-look", "out/look"), 2, "must not be handed out; choose a folder elsewhere"),
        (("--synthetic", "made.parquet") * 8, 2, "give at most 8 at a time"),
        (("--synthetic-entities", "a.csv", "--synthetic-entities", "b.csv"), 2, "once, --synthetic-entities 2 times"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_in_words(tsynth, sides, more, code, said):
    done = tsynth("evaluate", *sides, *KEYS, *more)
    assert done.returncode == code
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_private_look_stands_apart(tsynth, sides, tmp_path):
    done = tsynth("evaluate", *sides, *KEYS, "--out", "out", "--private-look", "look")
    assert done.returncode == 0, done.stderr
    assert "not for release: look" in done.stderr
    assert any((tmp_path / "look").iterdir())
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["card.md", "report.html", "report.json"]


def test_ready_gates_are_listed(tsynth):
    done = tsynth("list", "gates")
    assert [line.split()[0] for line in done.stdout.splitlines()] == [
        "gates", "model-training", "publication", "software-testing",
    ]  # fmt: skip


def test_of_a_large_file_a_sample_of_entities_is_read_and_that_is_said(tsynth, sides, tmp_path):
    done = tsynth("evaluate", *sides, *KEYS, "--most-rows", "500", "--json", "-", "--out", "out")
    assert done.returncode == 0, done.stderr
    meta = json.loads(done.stdout)["meta"]
    assert [s["who"] for s in meta["sampled"]] == ["train", "holdout", "made"]
    for sample in meta["sampled"]:
        assert 0 < sample["rows"] <= 500 < sample["of"] == 840
    assert meta["sizes"]["train"]["rows"] == meta["sampled"][0]["rows"]
    assert "840 rows are many" in done.stderr
    assert "840 rows are many" in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("spoiled", ["holdout", "made"])
def test_a_static_that_varies_is_refused_in_real_rows_and_counted_in_synthetic_ones(
    tsynth, sides, tmp_path, spoiled
):
    for name in ("train", "holdout", "made"):
        table = pq.read_table(tmp_path / f"{name}.parquet")
        products = table["product"].to_pylist()
        shelf = ["left" if int(p[1:]) % 2 else "right" for p in products]
        if name == spoiled:
            shelf[0] = "left" if shelf[0] == "right" else "right"
        pq.write_table(table.append_column("shelf", pa.array(shelf)), tmp_path / f"{name}.parquet")
    done = tsynth("evaluate", *sides, *KEYS, "--score", "unreadable", "--json", "-")
    if spoiled == "made":
        assert done.returncode == 0, done.stderr
        assert "shelf: " in done.stderr
        assert "cells differ from the first of their entity" in done.stderr
        assert (
            json.loads(done.stdout)["meta"]["casts"][0]["varying"] > 0
        )  # all but the first where that one is wrong
    else:
        assert done.returncode == 3
        assert "holdout.parquet (holdout): shelf: is static in the schema, but entity" in done.stderr
        assert "--with-schema" in done.stderr
