"""Which field adds up to a running total, and with which sign each code's values do.

The total itself is taken off the rows before a generator sees them and put back after; here its signs are read from
how it comes back, so that values can know the total that they are added to.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from tsynth.data.constraints import Constraints
from tsynth.data.encoding import Encoder, Field, Rows
from tsynth.data.encoding.continuous import Continuous
from tsynth.data.streams import Streams
from tsynth.generators.values import Level, Skeleton

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsynth.generators.point_process.coding import Coding

__all__ = ["learn", "level", "merge", "signs"]


def signs(constraints: Constraints, encoder: Encoder, view: Rows, coding: Coding) -> dict[str, Any]:
    """Name of the field, sign of each code, typical size of a value and the column that the total opens with.

    Empty where no total is known, or where its signs do not hang on the code alone.
    """
    for rule in constraints:
        amount = rule.columns[1] if rule.name == "totals" and len(rule.columns) > 1 else ""
        field = view.fields.get(amount)
        if field is None or field.continuous < 0 or amount in coding.names:
            continue
        low, high = (_totals(constraints, rule.columns[:2], encoder, view, coding, s) for s in (0.0, 1.0))
        if low is None or high is None:
            continue
        step = high[1] - low[1]
        sign = np.where(step != 0, np.rint((high[0] - low[0]) / np.where(step == 0, 1.0, step)), 0.0)
        if not np.any(sign):
            continue
        encoding = encoder.encodings[amount]
        assert isinstance(encoding, Continuous)
        middle = encoding.knots_[len(encoding.knots_) // 2]
        return {
            "field": amount,
            "sign": np.clip(sign, -1.0, 1.0),
            "typical": float(max(abs(middle), 1e-9)),
            "opening": getattr(rule, "opening_column", None) or "",
            "span": np.array([-np.inf, np.inf, -np.inf]),
        }
    return {}


def _totals(
    constraints: Constraints,
    columns: tuple[str, ...],
    encoder: Encoder,
    view: Rows,
    coding: Coding,
    score: float,
) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Total and value of lone rows, one of each code, all with a value at `score`."""
    size = coding.codes

    def plain(field: Field) -> Field:
        choice = np.full(
            size, field.continuous if field.continuous >= 0 else min(1, field.choices - 1), np.int32
        )
        value = None if field.value is None else np.full(size, score if field.name == columns[1] else 0.0)
        return replace(field, choice=choice, value=value)

    timing = view.timing
    time = np.full(size, timing.span_[0] if timing is not None else 0.0)
    fields = {name: plain(field) for name, field in view.fields.items()}
    fields |= coding.fields(np.arange(size, dtype=np.int32))
    statics = {name: plain(field) for name, field in view.statics.items()}
    lone = replace(
        view, offsets=np.arange(size + 1), time=time, start=time, end=time, fields=fields, statics=statics
    )
    streams = Streams(0, "signs", range(size))
    # Rules that only put rows right would change the codes of rows that stand alone.
    making = Constraints([rule for rule in constraints if rule.writes])
    made = making.restore(encoder.decode(lone, streams, 0), streams)
    if made.n_rows != size:
        return None
    return made.numeric(columns[0]), made.numeric(columns[1])


def level(
    total: dict[str, Any], encoder: Encoder, statics: dict[str, Field], field: Field | None, entities: int
) -> tuple[Level, NDArray[np.float64]]:
    """The running total as the value model wants it, and the plain numbers of `field`."""
    encoding = encoder.encodings[total["field"]]
    assert isinstance(encoding, Continuous)
    begin = np.zeros(entities)
    if total["opening"] in statics:
        opening = encoder.encodings[total["opening"]]
        assert isinstance(opening, Continuous)
        begin = np.nan_to_num(opening.decode_values(statics[total["opening"]]))
    number = np.empty(0) if field is None else np.nan_to_num(encoding.decode_values(field))
    span = np.array([total["typical"], *total["span"]])
    return Level(total["sign"], begin, span, encoding.atoms_, encoding.knots_), number


def learn(
    total: dict[str, Any], encoder: Encoder, view: Rows, skeleton: Skeleton
) -> NDArray[np.float64] | None:
    """The running total before each row as a regressor; its span is noted in `total`."""
    if not total:
        return None
    made, number = level(total, encoder, view.statics, view.fields[total["field"]], view.n_entities)
    before = made.before(skeleton, number)
    after = before + made.sign[skeleton.code] * number
    if view.n_rows == 0:
        total["rows"] = 0
        return np.zeros(0)
    total["span"] = np.array([*np.quantile(made.height(before), (0.01, 0.99)), np.quantile(after, 0.002)])
    total["rows"] = view.n_rows
    return np.clip(made.height(before), *total["span"][:2])


def merge(states: list[dict[str, Any]]) -> dict[str, Any]:
    """What is known of the total from all blocks."""
    if not states[0]:
        return {}
    rows = np.array([s["rows"] for s in states], np.float64)
    return {
        **states[0],
        "span": np.average([s["span"] for s in states], axis=0, weights=np.maximum(rows, 1e-9)),
    }
