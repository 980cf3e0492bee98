"""A schema that leaves the house shows no extreme of a single entity."""

import numpy as np
import pyarrow as pa
import pytest

import tsynth
from tsynth.data.disclosure import guarded
from tsynth.data.encoding.base import threshold
from tsynth.testing import mixed


def table(extremes):
    """100 entities of three rows with values 1 to 3, and one extreme an entity for the first few."""
    value = np.tile([1.0, 2.0, 3.0], 100)
    for entity, extreme in enumerate(extremes):
        value[3 * entity] = extreme
    return pa.table(
        {"id": np.repeat(np.arange(100) + 10**6, 3), "time": np.tile(np.arange(3.0), 100), "x": value / 3}
    )


@pytest.mark.parametrize(
    ("extremes", "high"),
    [([900.0], 1.0), ([900.0] * 4, 1.0), ([900.0] * 5, 300.0), ([900.0, 60.0, 60.0, 60.0, 60.0, 60.0], 20.0)],
)
def test_bounds_are_reached_by_five_entities(extremes, high):
    data = tsynth.read(table(extremes), entity="id", time="time")
    assert guarded(data).schema == data.schema
    assert data.schema["x"].bounds == (pytest.approx(1 / 3), pytest.approx(high))


@pytest.mark.parametrize(("entities", "count"), [(1, 1), (19, 1), (20, 2), (50, 5), (10**6, 5)])
def test_fewer_are_asked_for_where_there_are_few(entities, count):
    assert threshold(entities) == count


def test_a_model_holds_no_single_extreme():
    data = mixed()
    amounts = data.numeric("amount")
    fitted = tsynth.create("markov_renewal").fit(data)
    assert fitted.schema_["amount"].bounds[1] < amounts.max()
    assert fitted.sample(50, seed=1).numeric("amount").max() <= fitted.schema_["amount"].bounds[1]
    assert str(amounts.max()) not in str(fitted.schema_.to_dict())


def test_few_unlike_series_keep_their_levels():
    levels = np.repeat(10.0 ** np.arange(23), 30)
    series = {"id": np.repeat(np.arange(23) + 10**6, 30), "time": np.tile(np.arange(30.0), 23), "x": levels}
    assert tsynth.read(pa.table(series), entity="id", time="time").schema["x"].bounds == (1.0, 10.0**22)
