from __future__ import annotations

import itertools
import json
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsynth.compiled.totals import adding_order, running_sum, sign_votes
from tsynth.data.constraints import Constraints, find, from_dict
from tsynth.data.constraints.totals import Totals


def accounts(sequences, *, n=120, seed=0, shuffle=True, opening=False, rounding=0.0, plain=False):
    """Accounts with deposits (+) and withdrawals of two codes (-), a third of the days with several rows."""
    random = np.random.default_rng(seed)
    ids, days, codes, amounts, balances = [], [], [], [], []
    for i in range(n):
        rows = int(random.integers(5, 30))
        day = np.cumsum(random.integers(0, 3, rows))
        code = random.choice(["in", "out", "fee"], rows, p=[0.5, 0.4, 0.1])
        code[0] = "in"
        amount = random.integers(10, 100_000, rows)
        signed = np.where(code == "in", amount, -amount)
        hidden = random.uniform(-rounding, rounding, rows)
        balance = np.rint(np.cumsum(signed + hidden) + (random.integers(0, 10**6) if opening else 0))
        if shuffle:
            for d in np.unique(day):
                at = np.flatnonzero(day == d)
                to = random.permutation(at)
                code[at], amount[at], balance[at], signed[at] = code[to], amount[to], balance[to], signed[to]
        ids += [i] * rows
        days += (np.datetime64("2020-01-01") + day).tolist()
        codes += code.tolist()
        amounts += ((signed if plain else amount) / 100).tolist()
        balances += (balance / 100).tolist()
    columns = {"id": ids, "time": days, "code": codes, "amount": amounts, "balance": balances}
    return sequences(columns, decimals={"amount": 2, "balance": 2})


def found_totals(data, **options):
    return [c for c in find(data, **options) if c.name == "totals"]


class TestFinding:
    def test_the_sign_is_learned_by_code_and_the_opening_is_zero(self, sequences):
        (rule,) = found_totals(accounts(sequences))
        assert rule.columns == ("balance", "amount", "code")
        assert dict(rule.signs) == {("in",): 1, ("out",): -1, ("fee",): -1}
        assert (rule.share, rule.opening, rule.orders) == (1.0, "zero", True)
        assert rule.sentence() == "balance = previous balance + signed amount (sign by code); it opens at 0"
        assert rule.interval[0] > 0.9

    def test_plain_signed_amounts_need_no_code(self, sequences):
        (rule,) = found_totals(accounts(sequences, plain=True))
        assert rule.columns == ("balance", "amount")
        assert rule.sentence() == "balance = previous balance + amount; it opens at 0"

    def test_rounding_by_one_unit_is_forgiven(self, sequences):
        data = accounts(sequences, rounding=0.4)
        (rule,) = found_totals(data)
        assert rule.holds(data) > 0.999
        assert replace(rule, slack=0, signs=rule.signs).holds(data) < 0.9

    def test_a_balance_of_other_amounts_is_not_offered(self, sequences):
        data = accounts(sequences)
        random = np.random.default_rng(1)
        other = pa.array(random.permutation(data.numeric("amount")))
        assert found_totals(data.with_columns({"amount": other})) == []

    def test_a_tenth_of_wrong_rows_is_not_offered_and_check_names_them(self, sequences):
        data = accounts(sequences, shuffle=False)
        balance = data.numeric("balance").copy()
        wrong = np.flatnonzero(data.step_of_row > 0)[::10]
        balance[wrong] += 5.0
        planted = data.with_columns({"balance": pa.array(balance)})
        (rule,) = found_totals(data)
        rule = replace(rule, orders=False)
        held, applies = rule.check(planted)
        assert not held[wrong].any()
        assert held[np.setdiff1d(np.flatnonzero(applies), np.append(wrong, wrong + 1))].all()
        assert found_totals(planted) == []

    def test_a_counter_and_its_start(self, sequences):
        random = np.random.default_rng(0)
        ids = np.repeat(np.arange(80), 6)
        start = np.repeat(random.integers(0, 50, 80), 6)
        visit = start + np.tile(np.arange(6), 80)
        data = sequences({"id": ids, "time": np.sort(random.uniform(0, 9, 480)), "visit": visit})
        (rule,) = find(data)
        assert rule.sentence() == "visit = previous visit + 1"
        back = rule.restore(rule.remove(data))
        assert back.table().equals(data.table())
        assert rule.remove(data).schema["visit before"].static


class TestRoundTrip:
    @given(st.integers(0, 10**6), st.booleans(), st.booleans())
    def test_rows_that_add_up_come_back_exactly(self, sequences, seed, opening, plain):
        data = accounts(sequences, n=40, seed=seed, opening=opening, plain=plain)
        columns = ("balance", "amount") if plain else ("balance", "amount", "code")
        rule = Totals(columns=columns).learned(data)
        assert rule.opening == ("kept" if opening else "zero")
        assert rule.holds(data) == 1.0
        again = from_dict(json.loads(json.dumps(rule.to_dict())))
        back = again.restore(again.remove(data))
        assert back.schema == data.schema
        assert back.table().equals(rule.ordered(data).table())
        assert again.holds(back) == 1.0

    def test_the_sum_holds_for_any_amount(self, sequences):
        data = accounts(sequences)
        rule = Totals(columns=("balance", "amount", "code")).learned(data)
        bare = rule.remove(data)
        random = np.random.default_rng(0)
        strange = pa.array(random.uniform(0, 1e6, data.n_rows), mask=random.random(data.n_rows) < 0.1)
        made = rule.restore(bare.with_columns({"amount": strange}))
        assert rule.holds(made) == 1.0
        assert made.column("balance").type == data.column("balance").type

    def test_two_balances_share_one_order(self, sequences):
        data = accounts(sequences)
        double = np.round(data.numeric("balance") * 2 + 7, 2)
        twice = np.round(data.numeric("amount") * 2, 2)
        columns = {"second": pa.array(double), "twice": pa.array(twice)}
        schema = data.schema
        for name, source in (("second", "balance"), ("twice", "amount")):
            schema = schema.with_columns([*schema.columns, replace(schema[source], name=name, bounds=None)])
        both = data.with_columns(columns, schema)
        rules = Constraints(find(both))
        back = rules.restore(rules.remove(both))
        assert back.schema == both.schema
        for rule in rules:
            assert rule.holds(back) == 1.0


def best_order_by_trying_all(balance, change, before, slack):
    """Most rows that can follow the one before, over all orders of one tie."""
    best = 0
    for order in itertools.permutations(range(len(balance))):
        last, held = before, 0
        for r in order:
            held += abs(balance[r] - last - change[r]) <= slack
            last = balance[r]
        best = max(best, held)
    return best


@given(st.data())
def test_the_order_found_adds_up_wherever_some_order_does(data):
    n = data.draw(st.integers(1, 6))
    change = np.array(data.draw(st.lists(st.integers(-5, 5), min_size=n, max_size=n)), dtype=np.int64)
    order = np.array(data.draw(st.permutations(range(n))))
    balance = np.cumsum(change)
    balance, change = balance[order], change[order]
    found = adding_order(np.array([0, n]), np.array([True]), balance, change, 0, True, 4096)
    assert sorted(found) == list(range(n))
    last = 0
    for r in found:
        assert balance[r] == last + change[r]
        last = balance[r]
    assert best_order_by_trying_all(balance, change, 0, 0) == n


@given(st.data())
def test_a_tie_that_cannot_add_up_is_only_reordered_and_as_the_plain_twin_says(data):
    n = data.draw(st.integers(2, 5))
    numbers = st.lists(st.integers(-3, 3), min_size=n, max_size=n)
    balance, change = (np.array(data.draw(numbers), dtype=np.int64) for _ in range(2))
    found = adding_order(np.array([0, n]), np.array([True]), balance, change, 0, False, 4096)
    assert sorted(found) == list(range(n))
    plain = adding_order.py_func(np.array([0, n]), np.array([True]), balance, change, 0, False, 4096)
    assert np.array_equal(found, plain)


def test_rows_that_add_up_keep_their_order():
    balance = np.array([5, 8, 5, 8, 5], dtype=np.int64)
    change = np.array([5, 3, -3, 3, -3], dtype=np.int64)
    found = adding_order(np.array([0, 5]), np.array([True]), balance, change, 0, True, 4096)
    assert found.tolist() == [0, 1, 2, 3, 4]


def test_votes_and_sums_agree_with_their_plain_twins():
    random = np.random.default_rng(0)
    ties = np.array([0, 1, 3, 4, 6, 9], dtype=np.int64)
    opens = np.array([True, False, False, True, False])
    balance, amount = random.integers(-4, 5, (2, 9))
    code = random.integers(0, 2, 9)
    arguments = (ties, opens, balance, amount, code, 2, 0, 64)
    assert np.array_equal(sign_votes(*arguments), sign_votes.py_func(*arguments))
    offsets = np.array([0, 4, 4, 9], dtype=np.int64)
    opening = np.array([3, 0, -1], dtype=np.int64)
    parts = [o + np.cumsum(amount[a:b]) for o, a, b in zip(opening, offsets[:-1], offsets[1:], strict=True)]
    assert np.array_equal(running_sum(offsets, opening, amount), np.concatenate(parts))


@pytest.mark.needs_data
def test_berka_adds_up_in_the_best_order_inside_each_day(sequences, shared_data):
    import pyarrow.parquet as pq

    table = pq.read_table(shared_data / "transactions" / "berka" / "trans_1993-01_1994-03.parquet")
    names = ["account_id", "date", "type", "operation", "amount", "balance", "k_symbol"]
    data = sequences(
        {n: table[n] for n in names}, entity="account_id", time="date", decimals={"amount": 1, "balance": 1}
    )
    (rule,) = found_totals(data)
    # The README of the shared data: .75 in file order, .999 in the best order inside each day; here rows of one
    # day stand in file order.
    assert rule.holds(data) > 0.999
    assert replace(rule, orders=False).holds(data) == pytest.approx(0.75, abs=0.01)
    assert rule.opening == "zero"
    back = rule.restore(rule.remove(data))
    assert replace(rule, orders=False).holds(back) == 1.0
