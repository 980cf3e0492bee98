"""A sample of whole entities, read from Parquet."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tsynth.data.sampling import read_entities_sample
from tsynth.errors import DataError, UsageError


@pytest.fixture
def table():
    rng = np.random.default_rng(0)
    return pa.table({"id": rng.integers(0, 1000, 20_000), "x": rng.normal(size=20_000)})


def ids(table):
    return set(table["id"].to_pylist())


def test_entities_come_whole_and_by_seed(tmp_path, table):
    path = tmp_path / "a.parquet"
    pq.write_table(table, path)
    some, share = read_entities_sample(path, "id", share=0.25, seed=1)
    assert share == 0.25
    # 250 entities of 1,000 with a standard deviation of 14
    assert 190 < len(ids(some)) < 310
    kept = np.isin(table["id"].to_numpy(), list(ids(some)))
    assert some.equals(table.filter(pa.array(kept)))
    assert ids(read_entities_sample(path, "id", share=0.25, seed=2)[0]) != ids(some)


def test_parts_and_order_of_rows_do_not_matter(tmp_path, table):
    for k in range(3):
        pq.write_table(table.take(pa.array(np.arange(k, table.num_rows, 3)[::-1])), tmp_path / f"{k}.parquet")
    one = tmp_path / "one.file"
    pq.write_table(table, one)
    parts = tmp_path / "parts"
    parts.mkdir()
    for k in range(3):
        (tmp_path / f"{k}.parquet").rename(parts / f"{k}.parquet")
    assert ids(read_entities_sample(parts, "id", share=0.1)[0]) == ids(
        read_entities_sample(one, "id", share=0.1)[0]
    )


def test_rows_fit_in(tmp_path, table):
    path = tmp_path / "a.parquet"
    pq.write_table(table, path)
    some, share = read_entities_sample(path, "id", at_most_rows=6_000)
    assert some.num_rows <= 6_000
    assert share == 0.25
    assert read_entities_sample(path, "id", at_most_rows=20_000)[1] == 1.0
    with pytest.raises(DataError, match="no sample"):
        read_entities_sample(path, "id", at_most_rows=1)


def test_ids_may_be_texts_and_null(tmp_path, table):
    names = pa.array([None if i == 3 else f"n{i}" for i in table["id"].to_pylist()])
    path = tmp_path / "a.parquet"
    pq.write_table(table.set_column(0, "id", names), path)
    everything, _ = read_entities_sample(path, "id", share=1.0)
    assert None not in ids(everything)
    assert everything.num_rows == table.num_rows - names.null_count
    assert 0 < len(ids(read_entities_sample(path, "id", share=0.1)[0])) < 200


def test_refusals(tmp_path, table):
    path = tmp_path / "a.parquet"
    pq.write_table(table, path)
    with pytest.raises(UsageError, match="share of the entities or a number"):
        read_entities_sample(path, "id")
    with pytest.raises(UsageError, match="lies between"):
        read_entities_sample(path, "id", share=0.0)
    with pytest.raises(UsageError, match="no column"):
        read_entities_sample(path, "name", share=0.5)
