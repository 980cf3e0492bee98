"""The benchmark of mixed sequences on simulated accounts: a perfect generator passes, a planted fault fails."""

from __future__ import annotations

import importlib
import sys
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from tsynth.data.schema import Column
from tsynth.testing import FAULTS, WORLDS

pytestmark = pytest.mark.source
MODULES = ("berka", "features", "measure", "running", "substitution", "tasks")


@pytest.fixture(scope="module")
def mixed(repository):
    """The modules of benchmarks/mixed; another package of the name may be installed, so the source tree comes first."""
    sys.path.insert(0, str(repository))
    try:
        yield SimpleNamespace(
            **{name: importlib.import_module(f"benchmarks.mixed.{name}") for name in MODULES}
        )
    finally:
        sys.path.remove(str(repository))


@pytest.fixture(scope="module")
def sides():
    return [WORLDS["transactions"](60, seed) for seed in (11, 12, 13)]


def test_measure_says_that_a_perfect_generator_is_perfect_and_names_a_planted_fault(
    mixed, sides, monkeypatch
):
    train, holdout, good = sides
    few = ["marginals", "autocorrelation", "transitions"]
    monkeypatch.setattr(mixed.measure, "fidelity_scores", lambda: few)
    monkeypatch.setattr(mixed.measure, "QUICK", (1500, 20))
    bad = FAULTS["shuffled_order"](good, train)
    perfect, faulty = (mixed.measure.measure(train, made, holdout, quick=True) for made in (good, bad))
    # Of 20 worlds the ratio lay in .83 to 1.37 (standard deviation .16), each AUC in .42 to .63 (.05), and the fault
    # raised the AUC of rows with lags by .10 to .31.
    assert 0.6 < perfect["times_floor"] < 1.6
    assert all(0.3 < auc < 0.7 for auc in perfect["auc"].values())
    assert perfect["goes_back"] == 0
    assert all(made >= 0.999 for made, _ in perfect["rules"].values())
    assert faulty["times_floor"] > perfect["times_floor"] + 0.2
    assert faulty["auc"]["lagged"] > perfect["auc"]["lagged"] + 0.1
    lines = mixed.running.told(
        {"table": "world", "generator": "x", "train": [60, train.n_rows], "draws": [perfect]}
    )
    assert any(line.startswith("times_floor") for line in lines)


def test_ids_that_a_peer_does_not_make_judge_nobody(mixed, sides):
    train, holdout, good = sides
    column = Column("payee", kind="identifier", role="party", dtype="string")
    schema = train.schema.with_columns([*train.schema, column])
    with_ids = [
        data.with_columns({"payee": pa.array([f"p{i % 9}" for i in range(data.n_rows)])}, schema)
        for data in (train, holdout)
    ]
    _, made, held = mixed.measure.prepared(with_ids[0], good, with_ids[1])
    assert "payee" not in held
    assert mixed.features.lagged(made)[1] == mixed.features.lagged(held)[1]


def test_time_that_goes_back_is_counted_before_anything_is_put_in_order(mixed, sides):
    data = sides[2]
    order = np.arange(data.n_rows)
    first = data.offsets[:-1][data.lengths >= 2]
    order[first], order[first + 1] = first + 1, first
    assert mixed.measure.back_in_time(data) == 0
    assert mixed.measure.back_in_time(data.reorder(order)) == pytest.approx(len(first) / data.n_rows, rel=0.1)


def test_a_task_is_passed_by_real_rows_and_failed_by_rows_that_lost_what_it_asks(mixed, sides):
    train, holdout, good = sides
    task = mixed.tasks.Task(
        "world", "amount", "error", mixed.tasks.next_number("amount", log=True, known=("code",))
    )
    every = [mixed.substitution._examples(task, side) for side in (train, holdout, good)]
    real, tested, made = every
    same = mixed.substitution.compared(task, real, [real], [tested])
    assert same["ratio"] == pytest.approx(1, abs=1e-9)
    assert same["passed"]
    shuffled = (made[0], np.random.default_rng(0).permutation(made[1]), made[2])
    lost = mixed.substitution.compared(task, real, [shuffled], [tested])
    assert not lost["passed"]
    assert lost["high"] < 1


def test_area_under_the_curve_counts_ties_as_half(mixed):
    task = mixed.tasks.Task("world", "label", "AUC", None)
    said, truth = np.array([0.1, 0.5, 0.5, 0.9]), np.array([0.0, 0.0, 1.0, 1.0])
    weights = np.array([[1.0, 1, 1, 1], [2.0, 1, 1, 1]])
    # Pairs (negative, positive): 3 in order and one tie of 4; with the first twice, 5 and one tie of 6.
    assert mixed.substitution._reached(task, said, truth, weights) == pytest.approx([3.5 / 4, 5.5 / 6])


def test_the_rules_of_accounts_are_counted_as_they_are_stated(mixed):
    days = pd.to_datetime(
        ["1993-01-05", "1993-01-31", "1993-02-10", "1993-02-28", "1993-03-10", "1993-03-31"]
    )
    rows = pd.DataFrame(
        {
            "account_id": 1, "date": days, "type": ["PRIJEM", "PRIJEM", "VYDAJ", "PRIJEM", "VYDAJ", "PRIJEM"],
            "operation": ["VKLAD", None, "PREVOD", None, "PREVOD", None],
            "k_symbol": [None, "UROK", "SIPO", "UROK", "SIPO", "UROK"],
            "amount": [1000.0, 5, 200, 4, 200, 4], "balance": [1000.0, 1005, 805, 809, 609, 613],
        }
    )  # fmt: skip
    kept = mixed.berka.of(rows, set(mixed.berka.codes(rows)))
    for name in ("balance adds up", "opens with its first amount", "interest at month end", "interest every month",
                 "interest once a month", "standing orders go on", "combinations valid"):  # fmt: skip
        assert kept[name] == 1, name
    broken = rows.assign(
        balance=rows["balance"] + [0, 0, 0, 50, 50, 50],
        amount=[1000.0, 5, 200, 4, 210, 4],
        date=days + pd.to_timedelta([0, 0, 0, 0, 0, -3], "D"),
        k_symbol=[None, "UROK", "SIPO", None, "SIPO", "UROK"],
    )
    told = mixed.berka.of(broken, set(mixed.berka.codes(rows)))
    assert told["balance adds up"] == pytest.approx(4 / 6)
    assert told["standing orders go on"] == 0
    assert told["interest at month end"] == 0.5
    assert told["interest every month"] == 0.5
    assert told["combinations valid"] == pytest.approx(5 / 6)
