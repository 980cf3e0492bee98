"""Cells, axes and timelines: what is drawn is what the numbers say."""

from __future__ import annotations

import re

import numpy as np
import pyarrow as pa
import pytest

from tsynth.data.schema import Column, Schema
from tsynth.data.sequences import Sequences
from tsynth.reports.cells import cells
from tsynth.reports.figures import bubbles, curves, histogram, profile, spikes
from tsynth.reports.look import look
from tsynth.reports.rows import bars, beside
from tsynth.reports.scales import linear, stretched, tick, times
from tsynth.reports.timelines import timelines
from tsynth.scores.base import Result
from tsynth.scores.report import Report

SMOOTH = np.array([0.1, 0.3, 0.4, 0.2])


# --- cells -------------------------------------------------------------------------------------------------


def test_a_cell_of_width_zero_is_a_single_value():
    made = cells(np.array([0.0, 0.0, 1.0, 2.0]), np.array([0.5, 0.3, 0.2]), np.array([0.5, 0.3, 0.2]))
    assert made.wide.tolist() == [False, True, True]


def test_a_narrow_cell_that_towers_is_a_single_value():
    edges = np.array([0.0, 1.0, 1.001, 2.0, 3.0])
    made = cells(edges, np.array([0.2, 0.4, 0.2, 0.2]), np.zeros(4))
    assert made.wide.tolist() == [True, False, True, True]
    assert spikes(
        {"edges": edges.tolist(), "real": [0.2, 0.4, 0.2, 0.2], "synthetic": [0.2, 0.1, 0.3, 0.4]}
    ) == [("at 1", 0.4, 0.1)]


def test_narrow_cells_of_a_smooth_shape_stay_cells():
    # Quantile cells of a normal: narrow in the middle, none of them a single value. Nothing random in it.
    from scipy.stats import norm

    edges = norm.ppf(np.linspace(0.005, 0.995, 33))
    made = cells(edges, np.full(32, 1 / 32), np.full(32, 1 / 32))
    assert made.wide.all()


def test_outermost_cells_stand_no_higher_than_their_neighbours():
    edges = np.array([0.0, 0.1, 1.0, 2.0, 2.05])
    real = np.array([0.25, 0.25, 0.25, 0.25])
    made = cells(edges, real, real)
    heights = made.density(real)
    assert heights[0] <= 0.25 / (0.1 + 0.35 * 2.05) + 1e-9  # as far open as the axis allows
    assert heights[-1] <= 0.25 / (0.05 + 0.35 * 2.05) + 1e-9
    assert made.low[0] < 0 < 2.05 < made.high[-1]
    assert cells(edges, real, real, least=0.0).low[0] == 0.0


def test_density_times_width_is_share():
    made = cells(np.arange(5.0), SMOOTH, SMOOTH)
    assert made.density(SMOOTH) * (made.high - made.low) == pytest.approx(SMOOTH)


# --- axes --------------------------------------------------------------------------------------------------


def test_ticks_are_round():
    assert [text for _, text in linear(np.array([-3.0, 9.0])).ticks] == ["−2", "0", "2", "4", "6", "8"]
    assert [text for _, text in stretched(np.array([1.0, 5000.0])).ticks] == ["1", "10", "100", "1,000"]
    assert (tick(20_000), tick(1.5e6), tick(0.05)) == ("20\u202fk", "1.5\u202fM", "0.05")


def test_stretched_axis_keeps_order_and_sign():
    values = np.array([-500.0, -1.0, 0.0, 1.0, 20.0, 1e6])
    places = stretched(values).places
    assert (np.diff(places) > 0).all()
    assert places[2] == 0.0


@pytest.mark.parametrize(
    ("ends", "first"),
    [
        (("1993-01-01", "1994-03-31"), "1993-01"),
        (("1893-01-01", "1994-03-31"), "1900"),
        (("2024-01-30", "2024-02-20"), "02-02"),
        (("2024-01-30T00:00:00", "2024-01-30T12:00:00"), "00:00"),
        (("0001-01-01", "9999-12-31"), "2000"),
        (("2024-01-30T00:00:00+01:00", "2026-01-30T12:00:00+01:00"), "2024-07"),
    ],
)
def test_dates_are_labelled_by_their_span(ends, first):
    assert times(ends).ticks[0][1] == first


# --- figures -----------------------------------------------------------------------------------------------


def texts(svg):
    return re.findall(r"<text[^>]*>([^<]*)</text>", svg)


def test_many_levels_are_folded():
    levels = [f"code {i}" for i in range(20)]
    real = np.linspace(1, 0.1, 20) / 11
    written = texts(bars("k", "l", levels, real, real))
    assert "other (12)" in written
    assert "code 0" in written
    assert "code 12" not in written


def test_labels_of_a_profile_do_not_touch():
    written = texts(profile("k", "l", [f"{d}" for d in range(1, 32)], [1 / 31] * 31, [1 / 31] * 31))
    days = [t for t in written if t.isdigit()]
    assert len(days) < 16
    assert "1" in days


def test_long_codes_are_numbered():
    codes = ["a very long name of a code", "another very long name", "x"]
    written = texts(bubbles("k", "l", codes, [*codes, "end"], np.eye(3, 4)))
    assert {"1", "2", "3", "end"} <= set(written)
    assert any(t.endswith(" 2") for t in written)


def test_a_lone_real_point_is_seen():
    alone = curves("k", "l", [1, 2, 3], [None, 0.5, None], [0.1, 0.2, 0.3])
    assert alone.count("var(--real)") > curves("k", "l", [1, 2, 3], [], [0.1, 0.2, 0.3]).count("var(--real)")


def test_few_lags_become_one_picture():
    columns = [{"name": n, "what": "level", "real": [0.5], "synthetic": [0.4]} for n in "abc"]
    memory = Result("autocorrelation", "Memory", "?", "fidelity", curve={"lags": [1], "columns": columns})
    assert [p.title for p in look(Report({"autocorrelation": memory})).time] == ["Memory"]
    assert "nan" not in beside("k", "l", ["a"], [None], [0.3])


def test_figures_are_the_same_whatever_was_drawn_before():
    curve = {"edges": [0.0, 1.0, 2.0, 3.0], "real": [0.2, 0.5, 0.3], "synthetic": [0.3, 0.4, 0.3]}
    first = histogram("k", "l", curve)
    bars("other", "l", ["a"], [1.0], [1.0])
    assert histogram("k", "l", curve) == first


# --- timelines ---------------------------------------------------------------------------------------------


def sequences(lengths, columns, rows, **schema):
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    return Sequences(
        Schema(tuple(columns), **schema), pa.table(rows), offsets, pa.table({"id": range(len(lengths))})
    )


ID = Column("id", "identifier", "entity", static=True, dtype="int64")


def test_eight_from_short_to_long(examples):
    drawn, _, said = timelines(examples.payments(examples.random(), 40))
    assert len(drawn) == 8
    sizes = [int(t.note.split()[0]) for t in drawn]
    assert sizes == sorted(sizes)
    assert "amount" in said
    assert "operation" in said


def test_pure_events_have_lanes_only():
    times_of = Column("t", "continuous", "time")
    mark = Column("mark", "category", "mark", dtype="string", levels=("a", "b"))
    data = sequences(
        [3, 0, 2], [ID, times_of, mark], {"t": [0.0, 1, 2, 0, 5], "mark": ["a", "b", "a", "b", "b"]}
    )
    drawn, _, said = timelines(data)
    assert [t.note for t in drawn] == ["2 rows", "3 rows"]
    assert "ticks show mark" in said
    assert {"a", "b"} <= set(texts(drawn[0].svg))


def test_rows_without_time_or_values():
    drawn, _, said = timelines(sequences([1], [ID, Column("note", "text", dtype="string")], {"note": ["x"]}))
    assert len(drawn) == 1
    assert "ticks show rows" in said
    assert timelines(sequences([0, 0], [ID, Column("v")], {"v": pa.array([], pa.float64())})) == ([], [], "")


def test_a_long_sequence_stays_small():
    count = 200_000
    rows = {
        "t": np.arange(count, dtype=float),
        "v": np.sin(np.arange(count) / 9),
        "m": ["a", "b"] * (count // 2),
    }
    columns = [
        ID,
        Column("t", "continuous", "time"),
        Column("v"),
        Column("m", "category", "mark", levels=("a", "b")),
    ]
    drawn, *_ = timelines(sequences([count], columns, rows))
    assert len(drawn[0].svg.encode()) < 60_000
