"""Which fields of a row make its code."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tsynth.data.encoding import Field, Rows
from tsynth.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsynth.data.encoding import Encoder

__all__ = ["Coding"]

TOGETHER = 40
"""Largest code made of several fields."""
LABELLED = 128
"""Largest code made of a mark and labels."""


@dataclass(frozen=True)
class Coding:
    """The code of a row: labels with its mark, else with as many categories as `TOGETHER` codes allow.

    Labels come first, so that when the next row comes, of which kind and what it holds all know the label and the
    label knows the rows before it. Without any category all rows have one code.

    Parameters
    ----------
    names : list of str
        Fields, the last one varying fastest; the mark, if any, is the last.
    sizes : list of int
        Choices of each.
    lowest : list of int
        First choice of each: 1 where null does not occur.
    marked : bool
        Whether the last is the field with role "mark".
    """

    names: list[str]
    sizes: list[int]
    lowest: list[int]
    marked: bool

    @classmethod
    def of(cls, view: Rows) -> Coding:
        """The coding of a view; the same for all views of one schema and encoder."""
        fields = [view.fields[name] for name in view.labels]
        marked = view.mark is not None and view.fields[view.mark].continuous < 0
        if view.mark is not None and marked:
            chosen = [view.fields[view.mark]]
            product, limit, more = _size(chosen[0]), LABELLED, fields
        else:
            others = [field for name, field in view.fields.items() if name not in view.labels]
            chosen, product, limit, more = [], 1, TOGETHER, [*fields, *others]
        for field in more:
            size = _size(field)
            if field.continuous < 0 and size > 1 and product * size <= limit:
                chosen.insert(0, field) if marked else chosen.append(field)
                product *= size
        return cls(
            [field.name for field in chosen],
            [_size(field) for field in chosen],
            [_lowest(field) for field in chosen],
            marked,
        )

    @property
    def codes(self) -> int:
        """Number of codes."""
        return int(np.prod(self.sizes, dtype=np.int64))

    @property
    def mark(self) -> str | None:
        """Name of the mark, where it is part of the code."""
        return self.names[-1] if self.marked else None

    def code(self, view: Rows) -> NDArray[np.int32]:
        """Code of each row."""
        out = np.zeros(view.n_rows, np.int32)
        for name, size, low in zip(self.names, self.sizes, self.lowest, strict=True):
            out = out * size + np.maximum(view.fields[name].choice - low, 0)
        return out.astype(np.int32)

    def known(self, view: Rows) -> NDArray[np.int32]:
        """Code of each row of data that were not learned from.

        Raises
        ------
        DataError
            A row is of a type that was never seen.
        """
        for name, low in zip(self.names, self.lowest, strict=True):
            strange = view.fields[name].choice < low
            if strange.any():
                row = int(np.argmax(strange))
                entity = int(np.searchsorted(view.offsets, row, side="right")) - 1
                raise DataError(
                    f"row {row}, of entity number {entity}, is of a type that was never seen when learning",
                    column=name,
                    row=row,
                    fix="learn from data that hold every type, or leave such rows out",
                )
        return self.code(view)

    def rest(self, view: Rows) -> list[Field]:
        """Fields that are no part of the code."""
        return [field for name, field in view.fields.items() if name not in self.names]

    def fields(self, code: NDArray[np.int32]) -> dict[str, Field]:
        """The fields that made the code."""
        out = {}
        for name, size, low in reversed(list(zip(self.names, self.sizes, self.lowest, strict=True))):
            out[name] = Field(name, (code % size + low).astype(np.int32), None, size + low, nullable=low == 0)
            code = code // size
        return out

    def labels(self, encoder: Encoder) -> list[str]:
        """Each code in words: the level of its one field, else "field=level" of all."""
        parts: list[list[str]] = []
        for name, field in self.fields(np.arange(self.codes, dtype=np.int32)).items():
            names = getattr(encoder.encodings[name], "names", None)
            told = [str(c) if names is None else names[c] for c in field.choice]
            parts.insert(0, told if len(self.names) == 1 else [f"{name}={level}" for level in told])
        return [" and ".join(one) for one in zip(*parts, strict=True)] or ["any"]

    def to_state(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "names": list(self.names),
            "sizes": [int(s) for s in self.sizes],
            "lowest": [int(s) for s in self.lowest],
            "marked": self.marked,
        }

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Coding:
        """The coding whose `to_state` this was."""
        sizes, lowest = ([int(s) for s in state[name]] for name in ("sizes", "lowest"))
        return cls(list(state["names"]), sizes, lowest, bool(state["marked"]))


def _lowest(field: Field) -> int:
    return 0 if field.nullable or field.choices < 2 else 1


def _size(field: Field) -> int:
    return field.choices - _lowest(field)
