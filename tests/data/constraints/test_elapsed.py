from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pytest

from tests.data.constraints.conftest import times
from tsynth.data.constraints import find, from_dict


def gaps(time):
    """Time since the row before, 0 in the first."""
    return np.column_stack([np.zeros(len(time)), np.diff(time, axis=1)])


def comes_back(rule, data):
    again = from_dict(json.loads(json.dumps(rule.to_dict())))
    bare = again.remove(data)
    back = again.restore(bare)
    assert back.schema == data.schema
    assert again.columns[0] not in bare.schema
    np.testing.assert_allclose(
        back.numeric(rule.columns[0]), data.numeric(rule.columns[0]), rtol=1e-9, atol=1e-9
    )
    return back


@pytest.mark.parametrize(
    ("rate", "digits", "first", "sentence"),
    [
        (1, None, 0.0, "gap = time since the row before; 0 in the first row"),
        (12, 2, None, "gap = 12 * time since the row before; null in the first row"),
    ],
)
def test_the_gap_is_told_by_the_times(sequences, rate, digits, first, sentence):
    time = times(120, 8)
    gap = rate * gaps(time.reshape(120, 8)).ravel()
    gap = gap if digits is None else np.round(gap, digits)
    column = pa.array(gap, mask=np.arange(960) % 8 == 0 if first is None else None)
    data = sequences(
        {"id": np.repeat(np.arange(120), 8), "time": time, "gap": column},
        decimals={} if digits is None else {"gap": digits},
    )
    (rule,) = (r for r in find(data) if r.form == "elapsed")
    assert rule.sentence() == sentence
    comes_back(rule, data)


def test_seconds_between_timestamps(sequences):
    random = np.random.default_rng(0)
    ticks = np.sort(random.integers(0, 86_400 * 300, (120, 8)), axis=1)
    columns = {
        "id": np.repeat(np.arange(120), 8),
        "time": np.datetime64("2020-01-01T00:00:00") + ticks.ravel(),
    }
    data = sequences(columns | {"seconds": gaps(ticks).ravel().astype(int)})
    (rule,) = (r for r in find(data) if r.form == "elapsed")
    assert rule.sentence() == "seconds = 86400 * time since the row before; 0 in the first row"
    comes_back(rule, data)


def test_days_that_are_wrong_now_and_then_are_not_told(sequences):
    random = np.random.default_rng(0)
    day = np.sort(random.integers(0, 400, (120, 8)), axis=1)
    columns = {"id": np.repeat(np.arange(120), 8), "time": np.datetime64("2020-01-01") + day.ravel()}
    days = gaps(day).ravel().astype(int)
    assert any(r.form == "elapsed" for r in find(sequences(columns | {"days": days})))
    wrong = days + (random.random(960) < 0.03)
    assert not any(r.form == "elapsed" for r in find(sequences(columns | {"days": wrong})))
