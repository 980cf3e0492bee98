"""The gate: what a file may say, what is found, and how it is told."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path

import pytest

from tsynth.errors import GateFailed, UsageError
from tsynth.jobs.asked import check_asked, scores_of
from tsynth.jobs.evaluating import Wanted, _refuse_look
from tsynth.jobs.gate import Gate, about, failures, names
from tsynth.jobs.job import Job
from tsynth.jobs.release import Release
from tsynth.jobs.run import run
from tsynth.jobs.sides import Side, name_sides
from tsynth.scores.base import Result
from tsynth.scores.report import Report

from .conftest import QUICK


def result(name: str, **more) -> Result:
    return Result(name, name.title(), f"{name}?", "fidelity", **more)


REPORT = Report(
    {
        "marginals": result(
            "marginals", value=0.12, floor=0.04, interval=(0.05, 0.11), counts_as_fidelity=True
        ),
        "time_goes_back": result("time_goes_back", value=0.11),
        "gaps": result("gaps", status="cannot say", reason="too few rows"),
        "lengths": result("lengths", status="does not apply", reason="all sequences are equally long"),
        "pairs": result("pairs", value=0.2, floor=0.1),
    }
)


def judged(**rule) -> list[dict]:
    return Gate.read({"title": "T", "rule": [rule]}).judge(REPORT)["rules"]


@pytest.mark.parametrize(
    ("rule", "found", "passed", "by"),
    [
        ({"score": "marginals", "value": 0.12}, 0.12, True, 0),
        ({"score": "marginals", "value": 0.1}, 0.12, False, 0.02),
        ({"score": "marginals", "excess": 0.05}, 0.08, False, 0.03),
        ({"score": "marginals", "bound": 0.11}, 0.11, True, 0),
        ({"score": "marginals", "bound": 0.1}, 0.11, False, 0.01),
        ({"score": "times_floor", "value": 2.5}, 3.0, False, 0.5),
        ({"score": "time_goes_back", "excess": 0.5}, None, False, None),
        ({"score": "pairs", "bound": 0.5}, None, False, None),
        ({"score": "gaps", "value": 1}, None, False, None),
        ({"score": "gaps", "value": 1, "missing": "pass"}, None, True, None),
        ({"score": "lengths", "value": 1}, None, True, None),
        ({"score": "nearest", "value": 1}, None, False, None),
    ],
)
def test_a_limit_is_held_against_value_excess_or_bound(rule, found, passed, by):
    (got,) = judged(**rule)
    assert got["found"] == (None if found is None else pytest.approx(found))
    assert got["passed"] is passed
    assert got["by"] == (None if by is None else pytest.approx(by))
    assert {"score", "limit", "kind", "found", "passed", "by", "why"} <= got.keys()


def test_of_several_limits_all_hold():
    rules = judged(score="marginals", value=0.2, excess=0.01, bound=0.2)
    assert [(r["kind"], r["passed"]) for r in rules] == [("value", True), ("excess", False), ("bound", True)]


def test_a_score_that_cannot_say_is_told_with_its_reason():
    (got,) = judged(score="gaps", value=1, why="gaps matter")
    assert got["why"] == "It cannot say: too few rows. Gaps matter"


def test_what_failed_is_a_table_and_an_error_that_names_it():
    gate = Gate.read(
        {
            "title": "Door",
            "rule": [{"score": "time_goes_back", "value": 0, "why": "dates"}, {"score": "gaps", "value": 1}],
        }
    )
    REPORT.meta["gate"] = gate.judge(REPORT)
    assert failures(REPORT.meta["gate"]) == [
        ("time_goes_back (value)", "0.11", "0", "0.11", "dates"),
        ("gaps (value)", "cannot say", "1", "", "It cannot say: too few rows."),
    ]
    json.dumps(REPORT.meta["gate"], allow_nan=False)
    with pytest.raises(GateFailed, match="'Door' was not passed") as error:
        gate.demand({"one": REPORT}, where="read it there")
    assert error.value.exit_code == 6
    assert "time_goes_back is 0.11, allowed is 0" in str(error.value)
    assert "gaps cannot say: too few rows" in str(error.value)
    assert str(error.value).endswith("read it there.")
    with pytest.raises(GateFailed, match="a: time_goes_back"):
        gate.demand({"a": REPORT, "b": REPORT})


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('title = "x"\n[[rule]]\nscore = "gaps"\nvalu = 1', "rule.1.valu is not known; did you mean value?"),
        ('titel = "x"\n[[rule]]\nscore = "gaps"\nvalue = 1', "titel is not known; did you mean title?"),
        ('title = "x"\n[[rule]]\nscore = "gap"\nvalue = 1', "no score is called 'gap'; did you mean gaps?"),
        ('title = "x"\n[[rule]]\nscore = "gaps"', "gaps has no limit; give value, excess or bound"),
        ('title = "x"\n[[rule]]\nscore = "times_floor"\nexcess = 1', "has no floor of its own; give value alone"),
        (
            'title = "x"\n[[rule]]\nscore = "gaps"\nvalue = 1\nmissing = "skip"',
            "rule.1.missing: input should be 'fail' or 'pass'",
        ),
        ('title = "x"', "rule is missing"),
        ('title = "x"\nrule = []', "rule: list should have at least 1 item"),
        ("title = ", "gate.toml is not TOML"),
    ],
)  # fmt: skip
def test_mistakes_in_a_file_are_named(tmp_path, content, said):
    (tmp_path / "gate.toml").write_text(content, encoding="utf-8")
    with pytest.raises(UsageError) as error:
        Gate.load(tmp_path / "gate.toml")
    assert said in str(error.value)


def test_a_name_that_is_no_gate_is_answered_with_the_ready_ones():
    with pytest.raises(
        UsageError, match=r"did you mean publication.* one of model-training, publication, software"
    ):
        Gate.load("publicaton")


@pytest.mark.parametrize("name", ["software-testing", "model-training", "publication"])
def test_ready_gates_are_packaged_and_say_why(name):
    assert name in names()
    gate = Gate.load(name)
    assert about(name)
    assert all(rule.why for rule in gate.rule)
    assert (files("tsynth.jobs") / "gates" / f"{name}.toml").is_file()


def test_publication_asks_for_a_holdout_and_model_training_too():
    for name in ("model-training", "publication"):
        found = Gate.load(name).judge(Report({}))
        assert {r["score"] for r in found["rules"] if not r["passed"]} >= {
            "times_floor",
            "exact_rows",
            "exact_runs",
        }


# --- scores that are asked


def test_a_gate_adds_the_scores_it_needs():
    assert [s.name for s in scores_of(["gaps"], also=["pairs", "gaps"])] == ["gaps", "pairs"]
    with pytest.raises(UsageError, match="no suite 'fast'"):
        scores_of("fast")


def test_groups_and_tasks_that_the_data_do_not_have_are_refused(sales):
    from tsynth.data.reading import read

    train = read(sales, entity="product", time="day")
    with pytest.raises(UsageError, match="group 'solt': there is no such column; did you mean sold"):
        check_asked([], ["solt"], train)
    with pytest.raises(UsageError, match="task 'nonsense': no column is called 'nonsense'"):
        check_asked(["nonsense"], [], train)
    check_asked(["next sold"], ["sold"], train)


def test_tasks_reach_the_score_that_takes_them():
    (gaps, utility, *_) = scores_of(["gaps"], tasks=["next sold"])
    assert (gaps.name, utility.name, utility.tasks) == ("gaps", "utility", ("next sold",))


# --- names and folders of several files


def test_files_that_are_called_alike_get_names_of_their_own():
    paths = ["a/rows.csv.gz", "b/rows.parquet", "b/rows.csv", "c/v1.2.parquet", "holdout.parquet"]
    assert list(name_sides([Side(Path(p)) for p in paths])) == [
        "a-rows", "b-rows", "b-rows-2", "v1.2", "holdout-synthetic",
    ]  # fmt: skip


@pytest.mark.parametrize("look", ["out", "out/look", "made/private", "made/../out/x"])
def test_a_private_look_lies_outside_of_what_is_handed_out(tmp_path, look):
    (tmp_path / "made").mkdir()
    wanted = Wanted(out=tmp_path / "out", look=tmp_path / look)
    with pytest.raises(UsageError, match="holds real rows, which must not be handed out"):
        _refuse_look(wanted, [Side(tmp_path / "made")])
    _refuse_look(Wanted(out=tmp_path / "out", look=tmp_path / "look"), [Side(tmp_path / "made")])


# --- the job


def test_a_release_that_fails_its_gate_is_written_and_says_so(job, tmp_path):
    (tmp_path / "gate.toml").write_text(
        'title = "Shut"\n[[rule]]\nscore = "lengths"\nvalue = -1\n', encoding="utf-8"
    )
    shut = job(score={"scores": QUICK, "gate": str(tmp_path / "gate.toml")})
    with pytest.raises(GateFailed, match="the release is written"):
        run(shut)
    release = Release.open(tmp_path / "out")
    assert release.manifest["gate"]["passed"] is False
    assert release.report.meta["gate"]["title"] == "Shut"
    assert release.manifest["job"]["score"]["gate"] == "gate.toml"


def test_a_job_refuses_a_gate_that_does_not_exist_before_it_reads(job):
    with pytest.raises(UsageError, match="there is no gate 'publish'"):
        run(job(score={"scores": QUICK, "gate": "publish"}))


def test_a_gate_stands_beside_the_job_file(tmp_path):
    content = {"source": {"path": "x.csv"}, "release": {"out": "out"}}
    by_file = Job.read({**content, "score": {"gate": "strict.toml"}}).placed(tmp_path)
    by_name = Job.read({**content, "score": {"gate": "publication"}}).placed(tmp_path)
    assert (by_file.score.gate, by_name.score.gate) == (str(tmp_path / "strict.toml"), "publication")
