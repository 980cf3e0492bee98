from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pytest

from tests.data.constraints.conftest import times
from tsynth.data.constraints import Constraints, find, from_dict
from tsynth.data.constraints.chains import Chain


def intervals(seed=0, n=120, rows=8):
    """Times of visits, and the time of the next one or of the end of follow-up."""
    random = np.random.default_rng(seed)
    length = random.uniform(1, 20, n)
    time = np.sort(np.round(random.uniform(0, length[:, None], (n, rows)), 3), axis=1)
    end = np.round(time[:, -1] + random.uniform(0.01, 2, n), 3)
    stop = np.column_stack([time[:, 1:], end])
    columns = {"id": np.repeat(np.arange(n), rows), "time": time.ravel(), "stop": stop.ravel()}
    columns |= {"end of study": np.repeat(end, rows), "x": random.normal(size=n * rows)}
    return columns, random


DECIMALS = {"time": 3, "stop": 3, "end of study": 3}
ROLES = {"stop": "stop", "end of study": "followup"}


def said(rules):
    return {rule.sentence() for rule in rules if rule.name == "chain"}


class TestIntervals:
    def test_stop_is_the_next_time_and_the_last_the_end_of_follow_up(self, sequences):
        columns, random = intervals()
        data = sequences(columns, decimals=DECIMALS, roles=ROLES, static=("end of study",))
        rules = Constraints(find(data))
        assert said(rules) == {"stop = time of the next row; end of study in the last row"}
        assert "time <= end of study" in {rule.sentence() for rule in rules}
        bare = rules.remove(data)
        assert "stop" not in bare.schema
        assert rules.restore(bare).table().equals(data.table())
        # Whatever a generator draws, visits chain, and end before follow-up does.
        time = np.round(np.sort(random.uniform(0, 99, (120, 8)), axis=1), 3).ravel()
        made = rules.restore(bare.with_columns({"time": pa.array(time)}))
        assert [rule.holds(made) for rule in rules] == [1.0] * len(rules)

    def test_without_a_follow_up_the_last_length_is_kept(self, sequences):
        columns, _ = intervals()
        del columns["end of study"]
        data = sequences(columns, decimals=DECIMALS, roles={"stop": "stop"})
        rules = Constraints(find(data))
        assert said(rules) == {"stop = time of the next row"}
        bare = rules.remove(data)
        assert bare.schema["stop at last"].static
        assert bare.numeric("stop at last").min() > 0
        assert rules.restore(bare).table().equals(data.table())

    def test_dates(self, sequences):
        random = np.random.default_rng(0)
        day = np.datetime64("2020-01-01") + np.cumsum(random.integers(1, 20, (120, 8)), axis=1)
        end = day[:, -1] + random.integers(1, 9, 120)
        columns = {"id": np.repeat(np.arange(120), 8), "time": day.ravel()}
        columns |= {"stop": np.column_stack([day[:, 1:], end]).ravel(), "exit": np.repeat(end, 8)}
        data = sequences(columns, static=("exit",))
        rules = Constraints(find(data))
        assert said(rules) == {"stop = time of the next row; exit in the last row"}
        assert rules.restore(rules.remove(data)).table().equals(data.table())

    def test_gaps_between_intervals_are_no_chain(self, sequences):
        columns, random = intervals()
        columns["stop"] = np.round(columns["stop"] - 0.01 * (random.random(960) < 0.1), 3)
        data = sequences(columns, decimals=DECIMALS, roles=ROLES, static=("end of study",))
        assert said(find(data)) == set()

    def test_a_time_that_stays_the_same_is_no_chain(self, sequences):
        """Columns alike because they hardly move: only rows where the earlier one moves count."""
        random = np.random.default_rng(0)
        level = np.repeat(random.normal(size=120), 8)
        columns = {"id": np.repeat(np.arange(120), 8), "time": times(120, 8)}
        columns |= {"a": level + (random.random(960) < 0.01), "b": level + (random.random(960) < 0.01)}
        assert said(find(sequences(columns))) == set()


class TestBefore:
    @pytest.mark.parametrize("coded", [False, True])
    def test_the_previous_state(self, sequences, coded):
        random = np.random.default_rng(0)
        state = random.choice(list("abc"), (120, 8))
        before = np.column_stack([np.full(120, None), state[:, :-1]]).ravel()
        columns = {
            "id": np.repeat(np.arange(120), 8),
            "time": times(120, 8),
            "state": state.ravel(),
        }
        array = pa.array(before.tolist())
        data = sequences(columns | {"previous": array.dictionary_encode() if coded else array})
        (rule,) = find(data)
        assert rule.sentence() == "previous = state of the row before; null in the first row"
        again = from_dict(json.loads(json.dumps(rule.to_dict())))
        back = again.restore(again.remove(data))
        assert back.schema == data.schema
        assert back.table().equals(data.table())

    def test_the_last_amount_with_a_first_one_of_its_own(self, sequences):
        random = np.random.default_rng(0)
        amount = np.round(random.lognormal(3, 1, (120, 9)), 2)
        columns = {"id": np.repeat(np.arange(120), 8), "time": times(120, 8)}
        columns |= {"amount": amount[:, 1:].ravel(), "last": amount[:, :-1].ravel()}
        data = sequences(columns, decimals={"amount": 2, "last": 2})
        (rule,) = find(data)
        assert rule.sentence() == "last = amount of the row before"
        bare = rule.remove(data)
        assert bare.schema["last at first"].static
        assert rule.restore(bare).table().equals(data.table())

    def test_entities_without_rows(self, sequences):
        random = np.random.default_rng(0)
        amount = np.round(random.lognormal(3, 1, (120, 9)), 2)
        columns = {"id": np.repeat(np.arange(120), 8), "time": times(120, 8)}
        columns |= {"amount": amount[:, 1:].ravel(), "last": amount[:, :-1].ravel()}
        data = sequences(columns, decimals={"amount": 2, "last": 2})
        rule = Chain(columns=("last", "amount")).learned(data)
        few = data.keep_rows(data.entity_of_row % 3 > 0)
        back = rule.restore(rule.remove(few))
        assert back.n_entities == 120
        assert back.table().equals(few.table())
