"""SDV metadata and Nixtla frames, there and back."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import polars as pl
import pytest

from tsynth.data.interchange import from_nixtla, from_sdv, to_nixtla, to_sdv
from tsynth.data.reading import read
from tsynth.errors import DataError, UsageError


def rows() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return pd.DataFrame({
        "account": np.repeat(np.arange(20), 30), "day": np.tile(pd.date_range("2024-01-01", periods=30), 20),
        "amount": rng.normal(size=600).round(2), "n": rng.poisson(3, 600) + 30, "kind": rng.choice(["in", "out"], 600),
        "sent": rng.random(600) < 0.5, "ref": [f"R{i:05d}" for i in rng.permutation(600)],
    })  # fmt: skip


def test_sdv_there_and_back():
    data = read(rows(), entity="account", time="day")
    metadata = json.loads(json.dumps(to_sdv(data.schema)))
    table = metadata["tables"]["rows"]
    assert (table["sequence_key"], table["sequence_index"]) == ("account", "day")
    assert {n: c["sdtype"] for n, c in table["columns"].items()} == {
        "account": "id",
        "day": "datetime",
        "amount": "numerical",
        "n": "numerical",
        "kind": "categorical",
        "sent": "boolean",
        "ref": "id",
    }
    assert from_sdv(metadata, rows()) == data.schema
    assert from_sdv(table, rows()) == data.schema


def test_sdv_overrides_inference():
    metadata = to_sdv(read(rows(), entity="account", time="day").schema)["tables"]["rows"]
    metadata["columns"]["n"] = {"sdtype": "id"}
    metadata["columns"]["kind"] = {"sdtype": "email", "pii": True}
    schema = from_sdv(metadata, rows())
    assert (schema["n"].kind, schema["kind"].kind) == ("identifier", "identifier")
    assert schema["kind"].levels is None


def test_sdv_refused():
    with pytest.raises(UsageError, match="describes 2 tables"):
        from_sdv({"tables": {"a": {"columns": {}}, "b": {"columns": {}}}}, rows())
    with pytest.raises(DataError, match="is in the metadata but not in the rows"):
        from_sdv({"columns": {"other": {"sdtype": "id"}}}, rows())


@pytest.mark.parametrize("library", [pd.DataFrame, pl.DataFrame])
def test_nixtla_there_and_back(library):
    frame = library(
        {
            "unique_id": ["a"] * 12 + ["b"] * 12,
            "ds": [*range(12), *range(12)],
            "y": [i / 4 for i in range(24)],
            "promo": [i % 3 == 0 for i in range(24)],
        }
    )
    data = from_nixtla(frame)
    assert (data.schema.entity, data.schema.time, data.schema.frequency) == ("unique_id", "ds", "1")
    back = to_nixtla(data)
    assert isinstance(back, library)
    assert list(back.columns) == ["unique_id", "ds", "y", "promo"]
    assert back.to_dict(
        **({"orient": "list"} if library is pd.DataFrame else {"as_series": False})
    ) == frame.to_dict(**({"orient": "list"} if library is pd.DataFrame else {"as_series": False}))


def test_nixtla_names_the_target():
    data = read(rows(), entity="account", time="day")
    assert list(to_nixtla(data).columns[:3]) == ["unique_id", "ds", "y"]
    assert to_nixtla(data, target="n")["y"].tolist() == data.frame["n"].tolist()
    with pytest.raises(DataError, match="unique_id"):
        from_nixtla(rows())
