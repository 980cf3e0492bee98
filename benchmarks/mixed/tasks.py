"""Prediction tasks on the shared tables: next value, label, outcome, demand. `examples` makes them of any side.

A task is told what is known when it is asked: the rows before, for a value also when its row comes, for an outcome the
rows up to a landmark. Nothing here depends on what made the rows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from benchmarks.mixed import features
from tsynth.data.sequences import Sequences

Examples = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]
"""Features, target (NaN where unknown), entity of each example."""


@dataclass(frozen=True)
class Task:
    """What is predicted of rows of `table`, and by what it is measured.

    Parameters
    ----------
    table, name : str
    measure : {"AUC", "accuracy", "error"}
        Area under the ROC curve, share of right classes, or root mean square error; the first two are the better the
        larger they are.
    examples : callable
        Of a side, its `Examples`.
    """

    table: str
    name: str
    measure: Literal["AUC", "accuracy", "error"]
    examples: Callable[[Sequences], Examples]


# -- what is known


def history(data: Sequences, *, when: bool = False, known: tuple[str, ...] = ()) -> NDArray[np.float64]:
    """What the rows before say: the last two, means so far; with `when` also when this row comes, and `known` of it."""
    values, _ = features.lagged(data, own=False)
    parts = [values]
    for column in features.columns(data, static=False):
        parts.append(_so_far(data, features.cells(data, column.name))[:, None])
    if when:
        gap = data.time - features.shifted(data, data.time, 1)
        parts += [part[:, None] for part in (gap, *features.calendar(data).values())]
    parts += [features.cells(data, name)[:, None] for name in known]
    return np.hstack(parts)


def _so_far(data: Sequences, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean of the rows before in the same entity, NaN in the first."""
    known = np.isfinite(values)
    before = []
    for each in (np.where(known, values, 0.0), known.astype(float)):
        total = np.concatenate([[0.0], np.cumsum(each)])
        before.append(total[:-1] - total[data.offsets[:-1]][data.entity_of_row])
    return np.divide(before[0], before[1], out=np.full(len(values), np.nan), where=before[1] > 0)


# -- kinds of tasks


def next_number(
    column: str, *, log: bool = False, where: Callable[[Sequences], NDArray[np.bool_]] | None = None,
    known: tuple[str, ...] = (),
) -> Callable[[Sequences], Examples]:  # fmt: skip
    """A row's number from the rows before it and when it comes; `log` predicts ``log1p``."""

    def make(data: Sequences) -> Examples:
        target = features.cells(data, column).copy()
        if log:
            target = np.sign(target) * np.log1p(np.abs(target))
        target[data.step_of_row == 0] = np.nan
        if where is not None:
            target[~where(data)] = np.nan
        return history(data, when=True, known=known), target, data.entity_of_row

    return make


def next_gap(data: Sequences) -> Examples:
    """The logarithm of the time to the next row, from the rows up to this one."""
    gap = np.log1p(np.maximum(data.time - features.shifted(data, data.time, 1), 0))
    return history(data), gap, data.entity_of_row


def next_code(*names: str) -> Callable[[Sequences], Examples]:
    """What kind of row comes next: the levels of these columns together, from the rows before."""

    def make(data: Sequences) -> Examples:
        code = np.zeros(data.n_rows)
        for name in names:
            levels = len(data.schema[name].levels or (False, True)) + 1
            code = code * levels + np.maximum(features.cells(data, name), -1) + 1
        code[data.step_of_row == 0] = np.nan
        return history(data), code, data.entity_of_row

    return make


def label(column: str, level: object) -> Callable[[Sequences], Examples]:
    """Whether a row bears a label, from itself and the rows before, labels apart."""

    def make(data: Sequences) -> Examples:
        values, _ = features.lagged(data, (column,))
        return values, _is(data, column, level), data.entity_of_row

    return make


def sign(column: str, level: object) -> Callable[[Sequences], Examples]:
    """Whether the next row has this level, from the rows before it and when it comes."""

    def make(data: Sequences) -> Examples:
        target = _is(data, column, level)
        target[data.step_of_row == 0] = np.nan
        return history(data, when=True), target, data.entity_of_row

    return make


def again_within(span: float) -> Callable[[Sequences], Examples]:
    """Whether another row comes within this time, of rows that can be followed as long; ties count as one row."""

    def make(data: Sequences) -> Examples:
        values, _ = features.lagged(data)
        wait = features.shifted(data, data.time, -1) - data.time
        target = np.where(np.nan_to_num(wait, nan=np.inf) <= span, 1.0, 0.0)
        target[data.time + span > data.time.max()] = np.nan
        target[wait <= 0] = np.nan
        return values, target, data.entity_of_row

    return make


def over_period(
    since: float, horizon: float, total: Callable[[Sequences], NDArray[np.float64]], *, any_: bool = False
) -> Callable[[Sequences], Examples]:
    """What comes after a moment, over a horizon, from the summaries of the rows up to it; its logarithm, or any at all.

    `total` gives what a row counts for. Entities that have no row up to the moment are left out.
    """

    def make(data: Sequences) -> Examples:
        past = data.keep_rows(data.time <= since)
        values, _ = features.summaries(past)
        later = (data.time > since) & (data.time <= since + horizon)
        amount = np.bincount(data.entity_of_row[later], total(data)[later], data.n_entities)
        target = (amount > 0).astype(float) if any_ else np.log1p(np.maximum(amount, 0))
        target[past.lengths == 0] = np.nan
        return values, target, np.arange(data.n_entities)

    return make


def event_by(
    landmark: float, horizon: float, followup: str, event: str, level: object
) -> Callable[[Sequences], Examples]:
    """Whether the event comes by `horizon` in those followed past `landmark`, from statics and rows up to it.

    Who was lost before the horizon without the event is left out.
    """

    def make(data: Sequences) -> Examples:
        values, _ = features.summaries(data.keep_rows(data.time <= landmark), (followup, event))
        time, happened = data.numeric(followup), _is(data, event, level)
        target = ((happened == 1) & (time <= horizon)).astype(float)
        target[(target == 0) & (time < horizon)] = np.nan
        target[~(time > landmark)] = np.nan
        return values, target, np.arange(data.n_entities)

    return make


def ones(data: Sequences) -> NDArray[np.float64]:
    return np.ones(data.n_rows)


def amounts(name: str) -> Callable[[Sequences], NDArray[np.float64]]:
    return lambda data: np.nan_to_num(features.cells(data, name))


def _is(data: Sequences, column: str, level: object) -> NDArray[np.float64]:
    """1 where the column has this level, 0 elsewhere; NaN where it is null."""
    levels = [str(each) for each in data.schema[column].levels or (False, True)]
    code = data.codes(column)
    found = (code == (levels.index(str(level)) if str(level) in levels else -9)).astype(float)
    return np.where(code == -1, np.nan, found)


# -- the tasks


def _day(text: str) -> float:
    return float((np.datetime64(text) - np.datetime64("1970-01-01")).astype("timedelta64[D]").astype(int))


MINUTES = 1440.0
"""A day in the unit of tables whose times have minutes."""

TASKS: tuple[Task, ...] = (
    Task("berka", "code of the next row", "accuracy", next_code("type", "operation", "k_symbol")),
    Task("berka", "next amount", "error", next_number("amount", log=True, known=("type", "operation", "k_symbol"))),
    Task("berka", "time to the next row", "error", next_gap),
    Task("berka", "rows in March 1994", "error", over_period(_day("1994-02-28"), 31, ones)),
    Task("berka", "next balance", "error", next_number("balance", known=("type", "operation", "k_symbol"))),
    Task("ucsd", "fraud", "AUC", label("is_fraud", 1)),
    Task("ucsd", "next amount", "error", next_number("amount")),
    Task("ucsd", "time to the next payment", "error", next_gap),
    Task("ucsd", "pays again within a week", "AUC", again_within(7 * 24)),
    Task("cdnow", "buys again within 90 days", "AUC", again_within(90)),
    Task("cdnow", "next order's amount", "error", next_number("amount", log=True)),
    Task("cdnow", "next order's number of CDs", "error", next_number("n_cds", log=True)),
    Task("cdnow", "buys in 1998", "AUC", over_period(_day("1997-12-31"), 181, ones, any_=True)),
    Task("online_retail", "orders again within 30 days", "AUC", again_within(30 * MINUTES)),
    Task("online_retail", "next line's quantity", "error", next_number("Quantity", log=True)),
    Task("online_retail", "next line's unit price", "error", next_number("UnitPrice", log=True)),
    Task("online_retail", "orders in November 2011", "AUC",
         over_period(MINUTES * _day("2011-10-31"), 30 * MINUTES, ones, any_=True)),
    Task("pbc2", "dead within eight years", "AUC", event_by(1.0, 8.0, "years", "status", "dead")),
    Task("pbc2", "next bilirubin", "error", next_number("serBilir", log=True)),
    Task("pbc2", "next albumin", "error", next_number("albumin")),
    Task("pbc2", "hepatomegaly at the next visit", "AUC", sign("hepatomegaly", "Yes")),
    Task("aids", "dead within 15 months", "AUC", event_by(2.0, 15.0, "Time", "death", 1)),
    Task("aids", "next CD4 count", "error", next_number("CD4")),
    Task("uci_diabetes70", "next glucose", "error",
         next_number("value", known=("event",),
                     where=lambda data: ~np.isin(features.cells(data, "event"), _insulin(data)))),
    Task("uci_diabetes70", "what is logged next", "accuracy", next_code("event")),
    Task("renal", "graft failure within ten years", "AUC", event_by(1.0, 10.0, "fuyears", "failure", 1)),
    Task("renal", "next GFR", "error", next_number("gfr")),
    Task("renal", "next haematocrit", "error", next_number("haematocrit")),
    Task("carparts", "any demand next month", "AUC", lambda data: _demand(data, True)),
    Task("carparts", "demand of the next month", "error", lambda data: _demand(data, False)),
    Task("hospital", "next month's count", "error", next_number("value", log=True)),
    Task("nn5", "next day's withdrawals", "error", next_number("value")),
)  # fmt: skip


def _demand(data: Sequences, any_: bool) -> Examples:
    values, target, owner = next_number("value", log=True)(data)
    return values, np.where(np.isnan(target), np.nan, target > 0) if any_ else target, owner


def _insulin(data: Sequences) -> list[int]:
    """Codes of the events that are no measurement of glucose."""
    levels = data.schema["event"].levels or ()
    return [-1, *(i for i, name in enumerate(levels) if "glucose" not in str(name))]
