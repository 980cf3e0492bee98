"""Which fields of a row make its code."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tsynth.data.encoding import Field, Rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Coding"]

TOGETHER = 40
"""Largest code made of several fields."""


@dataclass(frozen=True)
class Coding:
    """The code of a row: its mark, else as many categories together as `TOGETHER` codes allow, else one code for all.

    Parameters
    ----------
    names : list of str
    sizes : list of int
        Choices of each.
    marked : bool
        Whether it is the field with role "mark".
    """

    names: list[str]
    sizes: list[int]
    marked: bool

    @classmethod
    def of(cls, view: Rows) -> Coding:
        """The coding of a view; the same for all views of one schema and encoder."""
        if view.mark is not None and view.fields[view.mark].continuous < 0:
            return cls([view.mark], [view.fields[view.mark].choices], True)
        names, sizes, product = [], [], 1
        for name, field in view.fields.items():
            if field.continuous < 0 and field.choices > 1 and product * field.choices <= TOGETHER:
                names.append(name)
                sizes.append(field.choices)
                product *= field.choices
        return cls(names, sizes, False)

    @property
    def codes(self) -> int:
        """Number of codes."""
        return int(np.prod(self.sizes, dtype=np.int64))

    def code(self, view: Rows) -> NDArray[np.int32]:
        """Code of each row."""
        out = np.zeros(view.n_rows, np.int32)
        for name, size in zip(self.names, self.sizes, strict=True):
            out = out * size + view.fields[name].choice
        return out.astype(np.int32)

    def rest(self, view: Rows) -> list[Field]:
        """Fields that are no part of the code."""
        return [field for name, field in view.fields.items() if name not in self.names]

    def fields(self, code: NDArray[np.int32]) -> dict[str, Field]:
        """The fields that made the code."""
        out = {}
        for name, size in reversed(list(zip(self.names, self.sizes, strict=True))):
            out[name] = Field(name, (code % size).astype(np.int32), None, size)
            code = code // size
        return out

    def to_state(self) -> dict[str, Any]:
        """Plain values."""
        return {"names": list(self.names), "sizes": [int(s) for s in self.sizes], "marked": self.marked}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Coding:
        """The coding whose `to_state` this was."""
        return cls(list(state["names"]), [int(s) for s in state["sizes"]], bool(state["marked"]))
