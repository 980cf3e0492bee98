from __future__ import annotations

import json

import numpy as np
import pyarrow as pa

from tsynth.data.constraints import find, from_dict


def followed(seed=0, n=150):
    """Visits of patients, some of whom have the event at the last."""
    random = np.random.default_rng(seed)
    lengths = random.integers(1, 9, n)
    ids = np.repeat(np.arange(n), lengths)
    died = (random.random(n) < 0.4).astype(int)
    last = np.append(ids[1:] != ids[:-1], True)
    time = np.cumsum(random.exponential(size=len(ids)))
    return {"id": ids, "time": time, "x": random.normal(size=len(ids))}, died[ids], last, random


def test_the_event_of_a_counting_process(sequences):
    columns, died, last, _ = followed()
    columns |= {"death": died, "event": np.where(last, died, 0)}
    kinds = {"death": "category", "event": "category"}
    data = sequences(columns, static=("death",), kinds=kinds)
    (rule,) = (rule for rule in find(data) if rule.form == "last row")
    assert rule.sentence() == "event is 0 before the last row of an entity, and equals death there"
    again = from_dict(json.loads(json.dumps(rule.to_dict())))
    back = again.restore(again.remove(data))
    assert back.schema == data.schema
    assert back.table().equals(data.table())
    # With other deaths drawn, the events follow.
    other = pa.array(1 - np.asarray(data.entities["death"]))
    made = again.restore(again.remove(data).with_columns({"death": other}))
    assert again.holds(made) == 1.0
    assert again.holds(data.with_columns({"death": other})) < 0.9


def test_a_flag_that_is_up_in_every_last_row(sequences):
    columns, _, last, _ = followed()
    data = sequences(columns | {"closed": last})
    (rule,) = find(data)
    assert rule.sentence() == "closed is True in the last row of an entity and False before"
    few = data.keep_rows(np.random.default_rng(0).random(data.n_rows) < 0.5)
    assert rule.holds(few) < 0.9
    assert rule.holds(rule.restore(rule.remove(few))) == 1.0


def test_a_flag_that_is_up_anywhere_is_not_told(sequences):
    columns, died, _, random = followed()
    columns |= {"death": died, "event": died * (random.random(len(died)) < 0.2)}
    data = sequences(columns, static=("death",), kinds={"death": "category", "event": "category"})
    assert [rule for rule in find(data) if rule.form == "last row"] == []
