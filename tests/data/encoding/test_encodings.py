"""Columns go to choices and values and come back in their own type; what is rare does not come back."""

from __future__ import annotations

import dataclasses
import datetime
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest

from tsynth.data.encoding import Encoder
from tsynth.data.encoding.party import relations
from tsynth.data.encoding.sketch import combine, compress, summarise
from tsynth.data.streams import Streams
from tsynth.errors import SchemaMismatch

ENTITIES, ROWS = 200, 10
ENTITY = np.repeat(np.arange(ENTITIES), ROWS)


def back(encoder, data, seed=0):
    streams = Streams(seed, "test", range(data.n_entities))
    return encoder.decode(encoder.encode(data), streams, 0)


def test_lattice_comes_back_and_scores_are_normal(build, fit):
    draw = np.random.default_rng(0)
    x = np.round(np.exp(draw.normal(3, 1, len(ENTITY))), 2)
    data = build({"x": ({"decimals": 2}, pa.array(x))}, ENTITY)
    encoder = fit(data)
    field = encoder.encode(data).fields["x"]
    made = back(encoder, data).numeric("x")
    # All but the blurred ends (5 entities each side of 200) come back to the cent or one lattice step off.
    assert np.mean(np.abs(made - x) < 0.011 + 0.002 * x) > 0.97
    score = field.value[field.valued]
    # Rank scores: mean 0 and deviation 1 but for ties and the ends.
    assert abs(score.mean()) < 0.05
    assert abs(score.std() - 1) < 0.05


def test_spikes_and_grids_are_found(build, fit):
    draw = np.random.default_rng(1)
    kind = draw.integers(0, 4, len(ENTITY))
    x = np.select(
        [kind == 0, kind == 1, kind == 2],
        [0.0, 14.6, draw.integers(1, 200, len(ENTITY)) * 100.0],
        np.round(draw.uniform(1, 20_000, len(ENTITY)), 1),
    )
    data = build({"x": ({"decimals": 1}, pa.array(x))}, ENTITY)
    encoder = fit(data)
    encoding = encoder.encodings["x"]
    assert {0.0, 14.6} <= set(encoding.atoms_)
    assert 100.0 in encoding.grids_
    made = back(encoder, data).numeric("x")
    np.testing.assert_array_equal(made[kind < 2], x[kind < 2])
    np.testing.assert_allclose(made[kind == 2] % 100, 0)


def test_a_single_extreme_value_is_blurred(build, fit):
    x = np.random.default_rng(2).normal(100, 10, len(ENTITY))
    x[7] = 12_345.678
    data = build({"x": ({}, pa.array(x))}, ENTITY)
    encoder = fit(data)
    assert back(encoder, data).numeric("x").max() < 12_000
    assert not np.any(np.isclose(encoder.encodings["x"].knots_, 12_345.678, rtol=1e-9))


def test_rare_levels_are_counted_by_entity(build, fit):
    letters = np.array(["a", "b"], object)[np.random.default_rng(3).integers(0, 2, len(ENTITY))]
    letters[:40] = "loud"  # 40 rows, but of 4 entities
    letters[np.arange(5) * 100 + 50] = "shared"  # 5 rows of 5 entities
    levels = ("a", "b", "loud", "shared")
    data = build({"x": ({"kind": "category", "levels": levels}, pa.array(letters))}, ENTITY)
    made = set(back(fit(data), data).column("x").to_pylist())
    assert made == {"a", "b", "shared"}


def test_where_no_level_is_shared_the_column_comes_back_null(build, fit):
    names = [f"name {i}" for i in range(ENTITIES)]
    data = build({}, ENTITY, statics={"x": ({"kind": "category", "levels": tuple(names)}, pa.array(names))})
    assert back(fit(data), data).column("x").null_count == ENTITIES


def test_unknown_level_is_refused(build, fit):
    how = {"kind": "category", "levels": ("a", "b")}
    data = build({"x": (how, pa.array(["a", "b"] * (len(ENTITY) // 2)))}, ENTITY)
    other = build({"x": (how, pa.array(["a", "c"] * (len(ENTITY) // 2)))}, ENTITY)
    with pytest.raises(SchemaMismatch, match=r"'c'"):
        fit(data).encode(other)


def test_all_null_and_constant_come_back(build, fit):
    n = len(ENTITY)
    data = build(
        {
            "nothing": ({"nullable": True}, pa.nulls(n, pa.float64())),
            "one": ({"kind": "count"}, pa.array(np.full(n, 7, np.int16))),
            "half": ({"nullable": True}, pa.array([1.5, None] * (n // 2))),
        },
        ENTITY,
    )
    made = back(fit(data), data)
    for name in ("nothing", "one", "half"):
        assert made.column(name).combine_chunks().equals(data.column(name).combine_chunks())


DAY = datetime.date(2020, 2, 1)


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("count", pa.array([2**53 + 1, 2**62, 5, 6] * 500, pa.int64())),
        ("count", pa.array([2**64 - 1, 0, 5, 6] * 500, pa.uint64())),
        ("continuous", pa.array([Decimal("0.10"), Decimal("99.99")] * 1000, pa.decimal128(6, 2))),
        ("continuous", pa.array([1, 2, 3, 4] * 500, pa.int64()).cast(pa.duration("ms"))),
        ("continuous", pa.array([1e300, -1e300, 5e-324, 1.0] * 500)),
        ("boolean", pa.array([True, None, False, False] * 500)),
        ("category", pa.array(["x", "y", None, "x"] * 500).dictionary_encode()),
        ("datetime", pa.array([DAY, DAY + datetime.timedelta(40)] * 1000, pa.date32())),
        ("continuous", pa.array(np.arange(2000, dtype=np.float32))),
    ],
    ids=str,
)
def test_types_come_back(build, fit, kind, values):
    how = {"kind": kind, "nullable": True}
    if kind == "category":
        how["levels"] = ("x", "y")
    data = build({"x": (how, values)}, ENTITY)
    made = back(fit(data), data).column("x")
    assert made.type == values.type
    assert made.null_count == values.null_count
    if kind != "continuous" and "int" not in str(values.type):
        assert made.combine_chunks().equals(values)


def test_names_are_made_up_and_unique(build, fit):
    n = len(ENTITY)
    data = build(
        {
            "code": ({"kind": "identifier"}, pa.array([f"S{i}" for i in range(n)])),
            "number": ({"kind": "identifier"}, pa.array(np.arange(n))),
            "words": ({"kind": "text", "nullable": True}, pa.array(["secret"] * n)),
        },
        ENTITY,
    )
    made = back(fit(data), data)
    for name in ("code", "number"):
        names = made.column(name).to_pylist()
        assert len(set(names)) == n
        assert not set(names) & set(data.column(name).to_pylist())
    assert made.column("words").null_count == n
    ids = made.column("id").to_pylist()
    assert len(set(ids)) == ENTITIES
    assert not set(ids) & set(data.column("id").to_pylist())


def test_relations_of_a_party():
    names = np.array([0, 0, 1, 0, -1, 0, 2, 0, 3])
    entity = np.array([0, 0, 0, 0, 0, 0, 0, 1, 1])
    # new, same, new, earlier, null, same as the last that is known, new | new, new
    np.testing.assert_array_equal(relations(names, entity), [3, 1, 3, 2, 0, 1, 3, 3, 3])


@pytest.mark.parametrize("kind", ["category", "identifier"])
def test_party_keeps_relations_and_no_name(build, fit, kind):
    draw = np.random.default_rng(4)
    shops = np.array([f"shop {i}" for i in np.minimum(draw.zipf(1.5, len(ENTITY)), 500)])
    data = build({"shop": ({"kind": kind, "role": "party"}, pa.array(shops))}, ENTITY)
    encoder = fit(data)
    made = back(encoder, data)
    assert not set(made.column("shop").to_pylist()) & set(shops)
    there, here = encoder.encode(data).fields["shop"].choice, encoder.encode(made).fields["shop"].choice
    # A shop that is drawn as new may by chance be one that the entity had: few are.
    assert np.mean(there == here) > 0.9
    assert 0.5 < len(set(made.column("shop").to_pylist())) / len(set(shops)) < 2


def test_sketches_merge():
    draw = np.random.default_rng(5)
    x, owner = np.round(draw.normal(size=5000), 2), np.sort(draw.integers(0, 300, 5000))
    whole = summarise(x, owner)
    parts = [summarise(x[owner // 100 == i], owner[owner // 100 == i]) for i in range(3)]
    merged = combine(parts)
    for name in ("value", "rows", "entities"):
        np.testing.assert_array_equal(getattr(whole, name), getattr(merged, name))
    # The slow, obvious twin.
    for value, rows, entities in zip(whole.value[:50], whole.rows[:50], whole.entities[:50], strict=True):
        assert rows == np.sum(x == value)
        assert entities == len(set(owner[x == value]))


def test_thinned_sketch_keeps_ranks():
    x = np.random.default_rng(6).normal(size=20_000)
    thin = compress(summarise(x, np.arange(20_000)))
    assert len(thin.value) < 3_000
    assert thin.rows.sum() == 20_000
    at = np.searchsorted(np.cumsum(thin.rows), 10_000)
    # A rank interval holds 20,000 / 2,048 rows, so the median is off by ten ranks at most.
    assert abs(np.mean(x < thin.value[at]) - 0.5) < 10 / 20_000 + 1e-9


def test_state_repeats_the_encoder(build, fit):
    draw = np.random.default_rng(7)
    data = build({"x": ({"decimals": 1}, pa.array(np.round(draw.gamma(2, 10, len(ENTITY)), 1)))}, ENTITY)
    encoder = fit(data, block=64)
    again = Encoder.from_state(data.schema, encoder.to_state())
    assert back(encoder, data).content_hash() == back(again, data).content_hash()


@pytest.mark.parametrize("unit", ["step", "d"])
@pytest.mark.parametrize(
    "written",
    [lambda h: h / 24, lambda h: np.round(h / 24, 4), lambda h: (h / 24).astype(np.float32), np.float64],
    ids=["exact", "four decimals", "single precision", "whole"],
)
def test_hours_written_in_days_are_a_lattice(build, fit, unit, written):
    draw = np.random.default_rng(2)
    hours = np.sort(draw.integers(0, 1000, (ENTITIES, ROWS)), axis=1).ravel()
    data = build({"x": ({}, pa.array(np.zeros(len(ENTITY))))}, ENTITY)
    time = pa.array(np.asarray(written(hours), np.float64))
    on = dataclasses.replace(
        data, schema=dataclasses.replace(data.schema, time_unit=unit), rows=data.rows.set_column(0, "t", time)
    )
    assert fit(on, 50).time_step_ == pytest.approx(1.0 if written is np.float64 else 1 / 24)
    between = np.round(np.asarray(time) + draw.uniform(0, 1, len(hours)) * 0.02, 4)
    off = dataclasses.replace(on, rows=data.rows.set_column(0, "t", pa.array(np.sort(between))))
    assert fit(off).time_step_ < 1 / 24
