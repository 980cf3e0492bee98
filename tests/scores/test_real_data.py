"""Real tables scored against themselves, and with faults; simulated twins stand in test_faults.py."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from tsynth.data.reading import read
from tsynth.scores.harness import evaluate

pytestmark = [pytest.mark.needs_data, pytest.mark.slow]

QUICK = ["marginals", "pairs", "lengths", "gaps", "autocorrelation", "transitions", "calendar", "exact_rows",
         "exact_runs", "nearest"]  # fmt: skip
TABLES = {
    "cdnow": ("transactions/cdnow_master.parquet", "customer_id", "date"),
    "pbc2": ("clinical/pbc2.csv.gz", "id", "year"),
    "stackoverflow": ("events/stackoverflow_badges.parquet", "seq_id", "time"),
    "arch_financial": ("series/arch_financial.parquet", "series_id", "time"),
    "carparts": ("series/carparts.parquet", "series_id", "time"),
}


def thirds(data, most=900):
    """Train, holdout and a stand-in for synthetic rows: three parts that share no entity."""
    order = np.argsort(np.random.default_rng(0).uniform(size=data.n_entities))[:most]
    return tuple(data.take(np.sort(order[k::3])) for k in range(3))


@pytest.fixture(scope="module")
def berka(shared_data):
    path = shared_data / "transactions/berka/trans_1993-01_1994-03.parquet"
    return thirds(read(path, entity="account_id", time="date"))


def moved(data, order):
    """Rows in another order, their times left where they were."""
    columns = {n: data.rows[n].take(pa.array(order)) for n in data.rows.column_names if n != data.schema.time}
    rows = pa.table({n: columns.get(n, data.rows[n]) for n in data.rows.column_names})
    return replace(data, rows=rows, _cache={})


def test_real_accounts_score_about_the_floor(berka):
    train, holdout, other = berka
    report = evaluate(train, other, holdout, scores=QUICK)
    assert 0.7 < report.times_floor < 1.4  # 1.12 measured; noise of one draw is .2
    assert report.answers[2].level == "good"


def test_shuffled_rows_of_an_account_are_found(berka):
    train, holdout, other = berka
    order = np.lexsort((np.random.default_rng(1).uniform(size=other.n_rows), other.entity_of_row))
    report = evaluate(train, moved(other, order), holdout, scores=QUICK)
    for name in ("gaps", "autocorrelation", "transitions", "calendar"):
        assert report[name].interval[0] > 0, name
    assert (
        report["marginals"].value == evaluate(train, other, holdout, scores=["marginals"])["marginals"].value
    )
    assert report.answers[0].level != "good"


def test_independent_columns_are_found(berka):
    train, holdout, other = berka
    rng, rows = np.random.default_rng(1), {}
    for name in other.rows.column_names:
        taken = other.rows[name].take(pa.array(rng.permutation(other.n_rows)))
        rows[name] = other.rows[name] if name == other.schema.time else taken
    report = evaluate(train, replace(other, rows=pa.table(rows), _cache={}), holdout, scores=QUICK)
    for name in ("pairs", "autocorrelation", "transitions"):
        assert report[name].interval[0] > 0, name
    assert report["pairs"].value > 3 * report["pairs"].floor


def test_copied_accounts_are_found(berka):
    train, holdout, _ = berka
    report = evaluate(train, train, holdout, scores=QUICK)
    assert report["nearest"].value > 0.99
    assert report["exact_runs"].value > 0.99
    assert report.answers[2].level == "poor"


@pytest.mark.parametrize("name", TABLES)
def test_standard_suite_ends_well(shared_data, name):
    path, entity, time = TABLES[name]
    train, holdout, other = thirds(read(shared_data / path, entity=entity, time=time), most=450)
    report = evaluate(train, other, holdout)
    json.dumps(report.to_dict(), allow_nan=False)
    assert report.times_floor is not None
