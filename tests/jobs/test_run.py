"""The main job: what a release holds, and that it is the same however it was made."""

from __future__ import annotations

import json
import logging

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import tsynth
from tsynth.data.datasets import cohort, fraud
from tsynth.errors import DataError, UsageError
from tsynth.jobs.job import ConstraintsPart, Job
from tsynth.jobs.run import run
from tsynth.jobs.source import choose_constraints
from tsynth.jobs.verify import verify

from .conftest import QUICK, rows_of


class Told:
    """Progress that remembers."""

    def __init__(self):
        self.stages, self.sayings, self.steps = [], [], 0

    def stage(self, name, total=None, estimate=None):
        self.stages.append(name)
        assert estimate is None or estimate > 0

    def advance(self, n=1):
        self.steps += n

    def done(self):
        pass

    def say(self, message):
        self.sayings.append(message)


def test_a_release_holds_rows_page_report_card_and_manifest(job, tmp_path):
    told = Told()
    release = run(job(), progress=told)
    names = sorted(p.relative_to(tmp_path / "out").as_posix() for p in (tmp_path / "out").rglob("*"))
    assert names == [
        "card.md",
        "data",
        "data/part-00000.parquet",
        "manifest.json",
        "report.html",
        "report.json",
    ]
    rows = rows_of(release.path)
    source = pq.read_table(job().source.path[0])
    assert rows.schema.remove_metadata() == source.schema.remove_metadata()
    assert len(set(rows["product"].to_pylist())) == 60
    assert not set(rows["product"].to_pylist()) & set(source["product"].to_pylist())
    assert [s for s in told.stages if not s.startswith("learning")] == [
        "reading", "looking for rules", "fitting", "sampling", "scoring", "writing the report",
    ]  # fmt: skip
    assert verify(release.path).files == 4


def test_every_file_of_rows_says_that_it_is_synthetic(job):
    release = run(job())
    for path in (release.path / "data").iterdir():
        assert pq.read_schema(path).metadata[b"synthetic"] == b"true"


def test_the_manifest_says_what_was_done_and_nothing_of_the_machine_outside_run(job, sales):
    manifest = run(job()).manifest
    assert manifest["synthetic"] is True
    assert manifest["source"]["rows"] == 60 * 42
    assert manifest["source"]["files"] == ["sales.parquet"]
    assert manifest["split"]["by"] == "entity"
    assert manifest["generator"]["name"] == "block_bootstrap"
    assert manifest["generator"]["cannot_keep"]
    assert set(manifest["run"]) == {"date", "machine", "versions", "seconds"}
    text = json.dumps(manifest)
    assert str(sales.parent) not in text
    assert json.loads(text) == manifest


def test_the_release_object_answers_and_finds(job):
    release = run(job())
    assert [answer.question for answer in release.report.answers] == ["faithful", "useful", "private"]
    assert all(isinstance(sentence, str) for sentence in release.findings())
    assert "60 entities" in str(release)
    assert release._repr_html_()
    assert release.page.is_file()


def test_an_entity_table_comes_back_as_one(trial, tmp_path):
    visits, patients = trial
    content = {
        "source": {"path": visits, "entity": "patient", "time": "day", "entities": patients},
        "generator": {"minutes": 0.3},
        "score": {"scores": QUICK},
        "sample": {"n": 50, "parts": 3},
        "release": {"out": tmp_path / "out"},
    }
    release = run(content)
    assert sorted(p.name for p in (release.path / "entities").iterdir()) == [
        f"part-0000{i}.parquet" for i in range(3)
    ]
    made = tsynth.read(
        release.path / "data", entities=release.path / "entities", entity="patient", time="day"
    )
    assert made.n_entities == 50
    assert {"arm", "age", "sex", "followup", "died"} <= set(made.entity_table().column_names)
    assert verify(release.path).files == 9


def test_few_sequences_are_held_out_in_time_and_the_user_is_told(job, sales, tmp_path):
    table = pq.read_table(sales)
    few = table.filter([int(name[1:]) <= 8 for name in table["product"].to_pylist()])
    pq.write_table(few, tmp_path / "few.parquet")
    told = Told()
    release = run(
        job(source={"path": tmp_path / "few.parquet", "entity": "product", "time": "day"}), progress=told
    )
    assert release.manifest["split"]["by"] == "time"
    assert release.manifest["entities"] == 8
    assert any("spans of time were held out" in said for said in told.sayings)


# --- sameness --------------------------------------------------------------------------------------------


def test_parts_leave_no_trace_in_the_content_hash(job, tmp_path):
    one = run(job(sample={"parts": 1}, release={"out": tmp_path / "one"}))
    many = run(job(sample={"parts": 8}, release={"out": tmp_path / "many"}))
    assert len(list((tmp_path / "many" / "data").iterdir())) == 8
    assert one.content_hash == many.content_hash
    assert one.report.to_dict() == many.report.to_dict()
    assert rows_of(one.path).equals(rows_of(many.path))


@pytest.mark.slow
def test_workers_leave_no_trace(job, tmp_path):
    one = run(job(sample={"parts": 4}, release={"out": tmp_path / "one"}))
    two = run(job(sample={"parts": 4, "workers": 2}, release={"out": tmp_path / "two"}))
    assert one.content_hash == two.content_hash
    assert one.report.to_dict() == two.report.to_dict()


def test_the_order_of_input_rows_leaves_no_trace(job, sales, tmp_path):
    table = pq.read_table(sales)
    shuffled = tmp_path / "shuffled.parquet"
    pq.write_table(table.take(pa.array(np.random.default_rng(0).permutation(len(table)))), shuffled)
    source = {"path": shuffled, "entity": "product", "time": "day"}
    one = run(job(release={"out": tmp_path / "one"}))
    two = run(job(source=source, release={"out": tmp_path / "two"}))
    assert one.content_hash == two.content_hash


def test_another_seed_gives_other_rows_of_the_same_model(job, tmp_path):
    one = run(job(release={"out": tmp_path / "one"}))
    two = run(job(sample={"seed": 1}, release={"out": tmp_path / "two"}))
    assert one.content_hash != two.content_hash
    assert one.manifest["generator"]["model_hash"] == two.manifest["generator"]["model_hash"]


def test_the_hash_is_that_of_rows_in_entity_order(job):
    from tsynth.data.content import ContentHash

    release = run(job(sample={"parts": 3}))
    digest = ContentHash()
    digest.add(rows_of(release.path))
    assert digest.hexdigest() == release.content_hash


# --- what the job says -----------------------------------------------------------------------------------


def test_schema_edits_and_roles_are_obeyed(trial, tmp_path):
    visits, _ = trial
    content = {
        "source": {"path": visits, "entity": "patient", "time": "day"},
        "generator": {"minutes": 0.3},
        "schema": {"columns": {"platelets": {"kind": "continuous", "decimals": 0, "bounds": [1, 5000]}}},
        "score": {"scores": ["marginals"]},
        "release": {"out": tmp_path / "out"},
    }
    release = run(content)
    column = next(c for c in release.manifest["schema"]["columns"] if c["name"] == "platelets")
    assert (column["kind"], column["bounds"], column["reason"]) == (
        "continuous",
        [1, 5000],
        "the job says so",
    )


def test_a_whole_schema_from_a_file_is_obeyed(job, tmp_path, sales):
    data = tsynth.read(sales, entity="product", time="day")
    data.schema.edit("sold", bounds=(0, 7)).save(tmp_path / "schema.json")
    release = run(job(schema={"file": tmp_path / "schema.json"}, generator={"name": "markov_renewal"}))
    assert max(rows_of(release.path)["sold"].to_pylist()) <= 7


def test_constraints_are_found_dropped_by_kind_or_words_and_unknown_ones_refused():
    simulated = cohort()
    train = tsynth.read(
        simulated.rows, entities=simulated.entities, entity="patient", time="day", roles=simulated.roles
    )
    found = choose_constraints(train, ConstraintsPart(), 0)
    rule = next(rule for rule in found if "followup" in rule.sentence())
    assert rule not in choose_constraints(train, ConstraintsPart(drop=["<= FOLLOWUP"]), 0)
    assert rule.name not in [r.name for r in choose_constraints(train, ConstraintsPart(drop=[rule.name]), 0)]
    assert choose_constraints(train, ConstraintsPart(find=False), 0) == []
    with pytest.raises(UsageError, match=r"no constraint is meant by 'gravity'.*the constraints are: "):
        choose_constraints(train, ConstraintsPart(drop=["gravity"]), 0)


def test_a_rule_written_by_hand_is_learned_and_one_that_does_not_exist_refused():
    simulated = cohort()
    train = tsynth.read(
        simulated.rows, entities=simulated.entities, entity="patient", time="day", roles=simulated.roles
    )
    (rule,) = (r for r in choose_constraints(train, ConstraintsPart(), 0) if "followup" in r.sentence())
    by_hand = {"rule": rule.name, "form": rule.form, "columns": list(rule.columns)}
    (made,) = choose_constraints(train, ConstraintsPart(find=False, add=[by_hand]), 0)
    assert made.sentence() == rule.sentence()
    assert made.share == 1
    with pytest.raises(UsageError, match="there is no constraint 'gravity'"):
        choose_constraints(train, ConstraintsPart(add=[{"rule": "gravity", "columns": ["day"]}]), 0)


def test_rules_reach_manifest_and_synthetic_rows(tmp_path):
    pq.write_table(fraud(accounts=80, months=4).rows, tmp_path / "rows.parquet")
    content = {
        "source": {"path": tmp_path / "rows.parquet", "entity": "account", "time": "booked"},
        "generator": {"minutes": 0.3},
        "score": {"scores": ["marginals"]},
        "release": {"out": tmp_path / "out"},
    }
    told = Told()
    rules = run(content, progress=told).manifest["constraints"]
    assert rules
    assert all(rule["real"] > 0.99 and rule["synthetic"] > 0.99 for rule in rules)
    assert sum(said.startswith("rule: ") for said in told.sayings) == len(rules)


@pytest.mark.parametrize(
    ("tables", "message"),
    [
        ({"generator": {"name": "crystal_ball"}}, "no generator is called 'crystal_ball'"),
        ({"generator": {"name": "block_bootstrap", "parameters": {"colour": 1}}}, "no parameter 'colour'"),
        ({"generator": {"parameters": {"length": 3}}}, "parameters without a generator"),
        ({"score": {"scores": ["beauty"]}}, "no score is called 'beauty'"),
    ],
)
def test_what_does_not_exist_is_refused_before_anything_is_read(job, tmp_path, tables, message):
    with pytest.raises(UsageError, match=message):
        run(job(**tables, source={"path": "missing.parquet"}))
    assert not (tmp_path / "out").exists()


def test_a_column_that_is_not_there_is_refused_and_nothing_is_left(job, sales, tmp_path):
    with pytest.raises(DataError, match="there is no column 'shop'"):
        run(job(source={"path": sales, "entity": "shop", "time": "day"}))
    assert not (tmp_path / "out").exists()


def test_the_model_is_saved_beside_the_release_where_asked(job, tmp_path):
    run(job(release={"out": tmp_path / "out", "model": tmp_path / "model.tsynth"}))
    assert tsynth.load(tmp_path / "model.tsynth").name == "block_bootstrap"


def test_conditions_set_the_number_of_entities(trial, tmp_path):
    visits, patients = trial
    arms = pa.table({"arm": ["active"] * 7})
    pq.write_table(arms, tmp_path / "arms.parquet")
    content = {
        "source": {"path": visits, "entity": "patient", "time": "day", "entities": patients},
        "generator": {"minutes": 0.3},
        "sample": {"conditions": tmp_path / "arms.parquet", "parts": 2},
        "score": {"scores": ["marginals"]},
        "release": {"out": tmp_path / "out"},
    }
    release = run(content)
    made = pa.concat_tables([pq.read_table(p) for p in sorted((release.path / "entities").iterdir())])
    assert made["arm"].to_pylist() == ["active"] * 7
    content["sample"]["n"] = 9
    content["release"]["out"] = tmp_path / "other"
    with pytest.raises(UsageError, match="n is 9, but the conditions hold 7 entities"):
        run(content)
    del content["sample"]["n"]
    visits_given = arms.append_column("day", pa.array([float(d) for d in range(7)]))
    pq.write_table(visits_given, tmp_path / "arms.parquet")  # a file that changed is read anew
    with pytest.raises(UsageError, match="not on rows in time"):
        run(content)


def test_a_job_file_runs_as_its_content_does(job, sales, tmp_path):
    path = tmp_path / "job.toml"
    path.write_text(
        f'[source]\npath = {json.dumps(str(sales))}\nentity = "product"\ntime = "day"\n'
        f'[score]\nscores = {json.dumps(QUICK)}\n[release]\nout = "from-file"\n',
        encoding="utf-8",
    )
    assert tsynth.run(path).content_hash == run(job()).content_hash
    assert (tmp_path / "from-file" / "manifest.json").is_file()


def test_the_library_logs_and_never_prints(job, capsys, caplog):
    with caplog.at_level(logging.INFO, logger="tsynth"):
        run(job())
    assert capsys.readouterr() == ("", "")
    assert "fitting" in caplog.messages


def test_a_job_is_read_once():
    with pytest.raises(UsageError, match="source is missing"):
        run({"release": {"out": "x"}})
    assert isinstance(Job.read({"source": {"path": "a"}, "release": {"out": "x"}}), Job)
