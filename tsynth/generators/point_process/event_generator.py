"""What generators of events share: types of rows, windows, what stands once an entity, values beside events."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from tsynth.errors import DataWarning
from tsynth.generators.base import Generator
from tsynth.generators.point_process import beside, onces
from tsynth.generators.point_process.coding import Coding

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsynth.data.encoding import Field, Rows
    from tsynth.data.sequences import Sequences
    from tsynth.data.streams import Streams
    from tsynth.generators.point_process.windows import Window

__all__ = ["EventGenerator", "Gathered"]

FEW = 20
"""Rows below which what was learned is guessed."""


@dataclass(frozen=True)
class Gathered:
    """All blocks of the source together.

    Parameters
    ----------
    codes : int
        Number M of types.
    entities : Entities
    window : Window
    time, code : arrays, (R,)
        Of all rows.
    """

    codes: int
    entities: onces.Entities
    window: Window
    time: NDArray[np.float64]
    code: NDArray[np.int32]


class EventGenerator(Generator):
    """A generator whose leaves learn and draw types and times of events alone."""

    takes: ClassVar[str] = "rows"

    window: str
    coding_: dict[str, Any]
    once_: dict[str, Any]
    ties_: dict[str, Any]
    beside_: dict[str, Any]

    # -- learning

    def _learn(self, view: Rows, streams: Streams) -> dict[str, Any]:
        coding = Coding.of(view)
        code = coding.code(view)
        values, heads = beside.learn(view, coding, code, self.encoder_, self.constraints_)
        return {
            "coding": coding.to_state(), "beside": values, "once": onces.learn(view, heads), "time": view.time,
            "code": code,
        }  # fmt: skip

    def _gathered(self, states: list[dict[str, Any]]) -> Gathered:
        """What `_learn` gave of all blocks; sets `coding_` and `beside_`, and warns where there is next to nothing."""
        if self.n_rows_ < FEW:
            warnings.warn(self._few(), DataWarning, stacklevel=4)  # at the call of `fit`
        self.coding_ = states[0]["coding"]
        self.beside_ = beside.merge([s["beside"] for s in states])
        entities = onces.gather([s["once"] for s in states])
        window = entities.window(
            self.window, self.encoder_.timing, windowed=self.encoder_.windowed_, calendar=self._calendar()
        )
        time, code = (np.concatenate([s[n] for s in states]) for n in ("time", "code"))
        return Gathered(self._coding().codes, entities, window, time, code)

    # -- making

    def _coding(self) -> Coding:
        return Coding.from_state(self.coding_)

    def _once(self) -> onces.Once:
        return onces.Once.from_state(self.once_, self.bare_schema_)

    def _labels(self) -> list[str]:
        return self._coding().labels(self.encoder_)

    def _calendar(self) -> bool:
        time = self.bare_schema_.time
        return time is not None and self.bare_schema_[time].kind == "datetime"

    def _rows(
        self,
        offsets: NDArray[np.int64],
        time: NDArray[np.float64],
        code: NDArray[np.int32],
        start: NDArray[np.float64],
        end: NDArray[np.float64],
        statics: dict[str, Field],
        score: dict[str, NDArray[np.float64]],
        streams: Streams,
        fixed: dict[str, Field] | None = None,
    ) -> Rows:
        """Rows of new entities: values beside these events, in windows [start, end]; see `beside.draw`."""
        coding = self._coding()
        fields = beside.draw(
            self.beside_, self.encoder_, coding, offsets, time, code, statics, score,
            streams.purpose("values"), fixed=fixed,
        )  # fmt: skip
        if not self.beside_:  # nothing was learned, of statics neither
            nulls = {c.name: beside.nothing(c.name, len(start)) for c in self.bare_schema_.statics}
            statics = nulls | statics
        return beside.rows_of(
            self.encoder_, self.bare_schema_, coding, offsets, time, start, end, fields, statics
        )

    def _rows_after(
        self,
        history: Rows,
        whose: NDArray[np.int64],
        offsets: NDArray[np.int64],
        time: NDArray[np.float64],
        code: NDArray[np.int32],
        start: NDArray[np.float64],
        end: NDArray[np.float64],
        streams: Streams,
        opening: Streams,
        most: int | None = None,
        fixed: dict[str, Field] | None = None,
    ) -> Rows:
        """New rows alone of paths that go on from a history; see `beside.go_on`."""
        coding = self._coding()
        fields = beside.go_on(
            self.beside_, self.encoder_, coding, history, whose, offsets, time, code, streams, opening, most, fixed
        )  # fmt: skip
        statics = {name: beside.picked(field, whose) for name, field in history.statics.items()}
        return beside.rows_of(
            self.encoder_, self.bare_schema_, coding, offsets, time, start, end, fields, statics
        )

    # -- explaining

    def diagnose(self, holdout: Sequences | None = None) -> dict[str, Any]:
        """Adds "type_names", in the order of all numbers by type, and "sentences": what a reader should know first."""
        found = super().diagnose(holdout)
        said = [f"{self._few()}."] if self.beside_ and self.n_rows_ < FEW else []
        return {**found, "type_names": self._labels(), "sentences": said}

    def _few(self) -> str:
        rows = "1 row was" if self.n_rows_ == 1 else f"{self.n_rows_} rows were"
        return f"only {rows} learned from: rates and all that follows from them are guesses"
