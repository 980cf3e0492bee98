"""A running total as networks know it: signs by code, usual values by level, heights, the lowest it may fall to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tsynth.compiled.memory import SETTLED
from tsynth.data.encoding import Field
from tsynth.data.encoding.continuous import Continuous
from tsynth.generators import balances

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsynth.data.constraints import Constraints
    from tsynth.data.encoding import Encoder
    from tsynth.generators.neural.codes import Table

__all__ = ["learn", "numbers", "openings"]


PLACES = (0.0, 0.003, 0.015, 0.05, 0.15, 0.3, 0.5, 0.7, 0.85, 0.95, 0.985, 0.997)
"""Where the knots of the total's hat functions lie: closer at the ends, where a total is drawn back."""


class _Mark:
    """The code of a row is its mark alone."""

    def __init__(self, field: Field | None) -> None:
        self.names = [] if field is None else [field.name]
        self._low = 0 if field is None or field.nullable else 1
        self.codes = 1 if field is None else field.choices - self._low
        self._field = field

    def fields(self, code: NDArray[np.int32]) -> dict[str, Field]:
        if self._field is None:
            return {}
        choice = (code + self._low).astype(np.int32)
        return {self._field.name: Field(self._field.name, choice, None, self._field.choices, -1)}


def learn(
    constraints: Constraints, encoder: Encoder, rows: Table
) -> tuple[dict[str, Any], list[NDArray[np.float64]], NDArray[np.float64]]:
    """What is known of the total, usual values per mean level and per level, and each entity's opening."""
    view = rows.view
    mark = view.fields[view.mark] if view.mark is not None and view.fields[view.mark].continuous < 0 else None
    coding = _Mark(mark)
    codes = len(rows.base)
    none = [np.zeros(codes), np.zeros(codes)]
    total = balances.signs(constraints, encoder, view, coding)  # type: ignore[arg-type]
    if not total or view.n_rows == 0:
        return {}, none, np.zeros(view.n_entities)
    encoding = encoder.encodings[total["field"]]
    assert isinstance(encoding, Continuous)
    begin = openings({"opening": total["opening"]}, encoder, view.statics, view.n_entities)
    number = np.nan_to_num(encoding.decode_values(view.fields[total["field"]]))
    change = total["sign"][rows.level[rows.code]] * number
    lengths = np.diff(view.offsets)
    summed = np.concatenate([[0.0], np.cumsum(change)])
    before = summed[:-1] - np.repeat(summed[view.offsets[:-1]], lengths) + np.repeat(begin, lengths)
    after = before + change
    total["floor"] = float(np.quantile(after, 0.002))
    heights = np.unique(np.quantile(np.arcsinh(after / total["typical"]), PLACES))
    settled = np.arange(view.n_rows) - np.repeat(view.offsets[:-1], lengths) >= SETTLED
    lows = after[settled] if settled.sum() >= 100 else after
    total["lows"] = np.quantile(lows, (0.01, 0.05, 0.2))
    total["heights"] = heights if len(heights) > 1 else np.array([heights[0], heights[0] + 1.0])
    owner = np.repeat(np.arange(view.n_entities), lengths)
    first = np.repeat(view.offsets[:-1], lengths)
    wait = np.diff(view.time, prepend=view.time[:1])
    wait[view.offsets[:-1][lengths > 0]] = 0.0
    area = np.cumsum(before * wait)
    order = np.lexsort((np.arange(len(owner)), rows.code, owner))
    same = np.zeros(len(order), np.bool_)
    same[1:] = (owner[order][1:] == owner[order][:-1]) & (rows.code[order][1:] == rows.code[order][:-1])
    previous = first.copy()
    previous[order[1:][same[1:]]] = order[:-1][same[1:]]
    span = view.time - view.time[previous]
    mean = np.where(span > 0, (area - area[previous]) / np.maximum(span, 1e-300), before)
    ratios = []
    for level in (mean, before):
        usual = np.zeros(codes)
        good = (level > 0) & (number > 0)
        for code in range(codes):
            here = good & (rows.code == code)
            if here.sum() >= 5:
                usual[code] = float(np.median(number[here] / level[here]))
        ratios.append(usual)
    return total, ratios, begin


def numbers(
    made: dict[str, Any], encoder: Encoder, choice: NDArray[np.int64], value: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Numbers of the total's field, 0 for null; choices and values of all fields are given."""
    at = int(made["total"])
    encoding = encoder.encodings[made["fields"][at]]
    assert isinstance(encoding, Continuous)
    first = int(made["field_first"][at])
    field = Field(
        made["fields"][at],
        choice[:, at].astype(np.int32),
        value[:, at],
        int(made["field_choices"][at]),
        first,
    )
    return np.nan_to_num(encoding.decode_values(field))


def openings(
    made: dict[str, Any], encoder: Encoder, statics: dict[str, Field], entities: int
) -> NDArray[np.float64]:
    """The total before each entity's first row."""
    if made["opening"] and made["opening"] in statics:
        encoding = encoder.encodings[made["opening"]]
        assert isinstance(encoding, Continuous)
        return np.nan_to_num(encoding.decode_values(statics[made["opening"]]))
    return np.zeros(entities)
