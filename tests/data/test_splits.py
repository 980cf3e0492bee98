"""Splits by entity and by time."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tsynth.data.reading import read
from tsynth.errors import UsageError


def panel(entities: int, rows: int) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "id": np.repeat(np.arange(entities), rows),
            "t": np.tile(np.arange(rows), entities),
            "x": np.arange(entities * rows) % 13 / 4,
        }
    )


def ids(data) -> set:
    return set(data.entities["id"].to_pylist())


def test_whole_entities_where_there_are_many():
    data = read(panel(60, 5), entity="id", time="t")
    train, holdout = data.split(0.3, seed=1)
    assert (train.n_entities, holdout.n_entities) == (42, 18)
    assert not ids(train) & ids(holdout)
    assert set(holdout.lengths) == {5}


def test_the_choice_knows_ids_not_rows():
    frame = panel(60, 5)
    one = ids(read(frame, entity="id", time="t").split()[1])
    shuffled = ids(read(frame.sample(frac=1, random_state=0), entity="id", time="t").split()[1])
    assert one == shuffled
    assert one != ids(read(frame, entity="id", time="t").split(seed=1)[1])


def test_blocks_of_time_where_there_are_few():
    data = read(panel(3, 100), entity="id", time="t")
    train, holdout = data.split(0.3)
    assert (train.n_rows, holdout.n_rows) == (210, 90)
    assert train.n_entities == holdout.n_entities == 3
    # Both see early and late times.
    for part in (train, holdout):
        assert part.time.min() < 50 < part.time.max()
    assert not set(train.time[:70]) & set(holdout.time[:30])


@pytest.mark.parametrize("share", [0.1, 0.2, 0.25, 0.5, 0.9])
@pytest.mark.parametrize("seed", [0, 3])
def test_shares_of_time(share, seed):
    data = read(panel(1, 400), entity="id", time="t")
    train, holdout = data.split(share, seed=seed)
    assert abs(holdout.n_rows / 400 - share) <= 0.1
    assert train.n_rows + holdout.n_rows == 400


def test_rows_of_one_time_stay_together():
    frame = panel(2, 90)
    frame["t"] = frame["t"] // 4
    data = read(frame, entity="id", time="t", frequency=None)
    train, holdout = data.split(0.4, by="time")
    for a, b in zip(train.ragged(["t"]), holdout.ragged(["t"]), strict=True):
        assert not set(a[:, 0]) & set(b[:, 0])


def test_short_sequences_go_whole():
    train, holdout = read(panel(4, 5), entity="id", time="t").split()
    assert train.n_entities + holdout.n_entities == 4
    train, holdout = read(pd.concat([panel(1, 100), panel(1, 5).assign(id=9)]), entity="id", time="t").split(
        by="time"
    )
    assert holdout.lengths.tolist() == [30, 0]
    assert train.lengths.tolist() == [70, 5]


def test_refused():
    data = read(panel(1, 5), entity="id", time="t")
    for arguments in ({"holdout": 0}, {"holdout": 1.0}, {"by": "row"}, {"by": "entity"}, {"by": "time"}, {}):
        with pytest.raises(UsageError):
            data.split(**arguments)
