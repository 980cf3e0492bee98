"""What a generator has learned, as plain values: taken out, put back, written to a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Self

from tsynth.data.constraints import Constraints
from tsynth.data.encoding import Encoder
from tsynth.data.schema import Schema
from tsynth.errors import NotFitted
from tsynth.generators.parameters import Parameters

__all__ = ["Stateful"]

_BASE_STATE = ("schema_", "bare_schema_", "constraints_", "encoder_", "statics_", "n_entities_", "n_rows_")


class Stateful(Parameters):
    """Parameters, and what was learned: attributes that end in "_"."""

    name: ClassVar[str] = ""
    takes: ClassVar[str] = "rows"

    schema_: Schema
    bare_schema_: Schema
    constraints_: Constraints
    encoder_: Encoder
    statics_: dict[str, dict[str, Any]]
    n_entities_: int
    n_rows_: int

    def save(self, path: str | Path) -> None:
        """Write the fitted generator as one file; see `tsynth.load`."""
        from tsynth.generators.artifacts import save

        self._fitted()
        save(self, Path(path))  # type: ignore[arg-type]

    def get_state(self) -> dict[str, Any]:
        """All that was learned: nested dicts, lists, plain values and arrays."""
        self._fitted()
        learned = {
            k: v
            for k, v in vars(self).items()
            if k.endswith("_") and not k.startswith("_") and k not in _BASE_STATE
        }
        return {
            "schema": self.schema_.to_dict(),
            "bare_schema": self.bare_schema_.to_dict(),
            "encoder": self.encoder_.to_state(),
            "statics": self.statics_,
            "n_entities": self.n_entities_,
            "n_rows": self.n_rows_,
            "origin": getattr(self, "_origin", "pyarrow"),
            "learned": learned,
        }

    def set_state(self, state: dict[str, Any]) -> Self:
        """Become the generator whose `get_state` this was."""
        self.schema_ = Schema.from_dict(state["schema"])
        self.constraints_ = Constraints.from_list(self.schema_.constraints or ())
        self.bare_schema_ = Schema.from_dict(state["bare_schema"])
        self.n_entities_, self.n_rows_ = state["n_entities"], state["n_rows"]
        self.statics_ = state["statics"]
        self._origin = state["origin"]
        self.encoder_ = Encoder.from_state(self._encoded_schema(), state["encoder"])
        for name, value in state["learned"].items():
            setattr(self, name, value)
        return self

    def _fitted(self) -> None:
        if not hasattr(self, "schema_"):
            raise NotFitted(f"{self.name} is not fitted", fix="call fit first")

    def _encoded_schema(self) -> Schema:
        """Columns that the encoder handles: for series, dynamic columns pass beside it as numbers."""
        if self.takes != "series":
            return self.bare_schema_
        passed = {column.name for column in self.bare_schema_.dynamic}
        return self.bare_schema_.with_columns([c for c in self.bare_schema_ if c.name not in passed])
