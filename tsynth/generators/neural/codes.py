"""Rows as plain arrays, with their codes: levels of the mark, first rows and recurring rows apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tsynth.data.encoding.continuous import Continuous
from tsynth.data.recurring import find_chains

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsynth.data.encoding import Encoder, Field, Rows

__all__ = ["Table", "levels_of", "lowest", "table"]

OPENING = 40
"""First rows of a level, and later ones, from which on first rows have a code of their own."""
CHAINED, RECURRING, STEADY = 30, 0.1, 0.5
"""Recurring rows get codes of their own from so many rows and this share of their code on; equal amounts in a chain."""
MOST_CODES = 120


class Table:
    """Rows as plain arrays: codes, choices and values of the other fields.

    Parameters
    ----------
    view : Rows
    code : int64 array, (R,)
        Level of the mark, or one of the further codes of its recurring rows.
    base : int64 array, (codes,)
        Level of the mark of each code; of codes that open a sequence -1 - level.
    fields : list of Field
        The fields that are no code, labels first.
    """

    def __init__(
        self, view: Rows, code: NDArray[np.int64], base: NDArray[np.int64], fields: list[Field]
    ) -> None:
        self.view, self.code, self.base, self.fields = view, code, base, fields
        self.level = np.where(base >= 0, base, -1 - base)
        size = (view.n_rows, len(fields))
        self.choice = np.zeros(size, np.int64)
        self.value = np.zeros(size)
        for j, field in enumerate(fields):
            self.choice[:, j] = field.choice
            if field.value is not None:
                self.value[:, j] = field.value


def table(view: Rows, encoder: Encoder, known: NDArray[np.int64] | None = None) -> Table:
    """The plain arrays of a view; its mark is the code, without a mark there is one code.

    Rows that recur with equal amounts (standing orders) get codes of their own, one for each chain that runs beside
    others of its code in an entity.

    Parameters
    ----------
    view : Rows
    encoder : Encoder
    known : int64 array, optional
        The bases of a plan, so that codes mean the same.
    """
    coded, levels = _coded(view), levels_of(view)
    names = [n for n in view.labels if n != view.mark or not coded]
    names += [n for n in view.fields if n not in names and not (coded and n == view.mark)]
    code = np.zeros(view.n_rows, np.int64)
    if coded:
        mark = view.fields[str(view.mark)]
        code = np.maximum(mark.choice.astype(np.int64) - lowest(mark), 0)
    fields = [view.fields[n] for n in names]
    opening = 0 if known is None else int(np.sum(known < 0))
    code, base = _recurring(view, encoder, code, levels, fields, None if known is None else known[known >= 0])
    code, base = _opening(
        view, code, base, fields, None if known is None else -1 - known[len(known) - opening :]
    )
    return Table(view, code, base, fields)


def _coded(view: Rows) -> bool:
    return view.mark is not None and view.fields[view.mark].continuous < 0


def levels_of(view: Rows) -> int:
    """Codes that are plain levels of the mark; 1 without a mark."""
    if not _coded(view):
        return 1
    mark = view.fields[str(view.mark)]
    return mark.choices - lowest(mark)


def _opening(
    view: Rows,
    code: NDArray[np.int64],
    base: NDArray[np.int64],
    fields: list[Field],
    known: NDArray[np.int64] | None,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Codes with those of first rows, which hold other values; in the bases they stand as -1 - level."""
    heads = view.offsets[:-1][np.diff(view.offsets) > 0]
    if known is None:
        level = base[code]
        first = np.bincount(level[heads], minlength=int(base.max()) + 1)
        later = np.bincount(level, minlength=len(first)) - first
        many = (first >= OPENING) & (later >= OPENING)
        known = np.flatnonzero(many) if fields else np.zeros(0, np.int64)
    code = code.copy()
    own = np.full(int(base.max()) + 1, -1)
    own[known] = len(base) + np.arange(len(known))
    place = own[base[code[heads]]]
    code[heads] = np.where(place >= 0, place, code[heads])
    return code, np.concatenate([base, -1 - known])


def _recurring(
    view: Rows,
    encoder: Encoder,
    code: NDArray[np.int64],
    levels: int,
    fields: list[Field],
    known: NDArray[np.int64] | None,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Codes with those of recurring rows, and the level of each."""
    base = np.arange(levels, dtype=np.int64)
    if not (view.calendar and view.day > 0 and view.n_rows) or (known is not None and len(known) == levels):
        return code, base
    amounts = [f for f in fields if isinstance(encoder.encodings.get(f.name), Continuous)]
    amount = np.full(view.n_rows, np.nan)
    if amounts:
        amount = encoder.encodings[amounts[0].name].decode_values(amounts[0])  # type: ignore[attr-defined]
    found = find_chains(view.offsets, view.time / view.day, code, amount)
    same = np.nan_to_num(found.same) >= STEADY
    place = np.append(np.where(same, found.slot, -1), -1)[found.chain]
    further = []
    if known is None:
        for level in range(levels):
            here = code == level
            inside = here & (place >= 0)
            if inside.sum() < max(CHAINED, RECURRING * here.sum()):
                continue
            if place[inside].max() == 0 and inside.sum() > 0.9 * here.sum():
                continue  # all rows of the code are one chain an entity: it needs no code of its own
            count = np.bincount(place[inside])
            further += [level] * int(np.sum(np.cumprod(count >= CHAINED))) if count[0] >= CHAINED else []
        further = further[: max(0, MOST_CODES - levels)]
        known = np.concatenate([base, np.asarray(further, np.int64)])
    code = code.copy()
    for level in np.unique(known[levels:]):
        own = np.flatnonzero(known[levels:] == level) + levels
        rows = np.flatnonzero((code == level) & (place >= 0))
        code[rows] = own[np.minimum(place[rows], len(own) - 1)]
    return code, known


def lowest(field: Field) -> int:
    """The first choice that occurs: 1 where null does not."""
    return 0 if field.nullable else 1
