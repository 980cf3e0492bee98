from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.data.constraints.conftest import times
from tsynth.data.constraints import find, from_dict
from tsynth.data.constraints.ledgers import Ledger

CENTS = {"credit": 2, "debit": 2, "fee": 2, "balance": 2}


def book(seed=0, n=120, rows=10, opens=False):
    """Accounts whose credits and debits stand in columns of their own, with a fee now and then."""
    random = np.random.default_rng(seed)
    side = random.random((n, rows)) < 0.5
    credit, debit = random.integers(1, 10_000, (n, rows)), random.integers(1, 8_000, (n, rows))
    fee = np.where(random.random((n, rows)) < 0.3, 50, 0)
    balance = np.cumsum(np.where(side, credit, -debit) - fee, axis=1)
    balance = balance + (random.integers(0, 10**6, (n, 1)) if opens else 0)
    columns = {"id": np.repeat(np.arange(n), rows), "time": times(n, rows)}
    columns["credit"] = pa.array(credit.ravel() / 100, mask=~side.ravel())
    columns["debit"] = pa.array(debit.ravel() / 100, mask=side.ravel())
    return columns | {"fee": fee.ravel() / 100, "balance": balance.ravel() / 100}, random


@pytest.mark.parametrize("opens", [False, True])
def test_a_balance_is_told_by_all_that_moves_it(sequences, opens):
    columns, _ = book(opens=opens)
    data = sequences(columns, decimals=CENTS)
    rule = next(r for r in find(data) if r.form == "ledger")
    opening = "" if opens else "; it opens at 0"
    assert rule.sentence() == f"balance = previous balance + credit - debit - fee{opening}"
    assert rule.share == 1.0
    assert ("balance before" in rule.remove(data).schema) == opens


@settings(max_examples=5)
@given(st.integers(0, 10**6))
def test_rows_of_one_day_come_back_in_the_order_in_which_they_add_up(sequences, seed):
    columns, random = book(seed=seed, n=40)
    day = np.datetime64("2020-01-01") + np.sort(random.integers(0, 20, (40, 10)), axis=1)
    data = sequences(columns | {"time": day.ravel()}, decimals=CENTS)
    mixed = data.reorder(np.lexsort((random.random(400), data.time, data.entity_of_row)))
    rule = Ledger(columns=("balance", "credit", "debit", "fee"), signs=(1, -1, -1)).learned(data)
    rule = from_dict(json.loads(json.dumps(rule.to_dict())))
    assert rule.holds(mixed) == 1.0
    back = rule.restore(rule.remove(mixed))
    assert back.schema == data.schema
    assert back.table().equals(rule.ordered(mixed).table())


def test_any_amounts_add_up_and_the_first_balance_is_the_first_amount(sequences):
    columns, random = book()
    data = sequences(columns, decimals=CENTS)
    rule = next(r for r in find(data) if r.form == "ledger")
    strange = pa.array(random.uniform(0, 1e5, 1200), mask=random.random(1200) < 0.5)
    made = rule.restore(rule.remove(data).with_columns({"credit": strange}))
    assert rule.holds(made) == 1.0
    moves = np.nan_to_num(np.round(made.numeric("credit"), 2))
    moves = moves - np.nan_to_num(made.numeric("debit")) - made.numeric("fee")
    first = made.offsets[:-1]
    np.testing.assert_allclose(made.numeric("balance")[first], moves[first], atol=0.011)


def test_a_balance_that_other_things_move_too_is_none(sequences):
    columns, random = book()
    columns["balance"] = np.round(columns["balance"] + 5 * np.cumsum(random.random(1200) < 0.1), 2)
    assert [r for r in find(sequences(columns, decimals=CENTS)) if r.form == "ledger"] == []
