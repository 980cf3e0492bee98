"""Block bootstrap: new series from blocks of the old ones."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from tsynth.errors import DataError, UsageError
from tsynth.generators.ahead import times_ahead
from tsynth.generators.base import Generator
from tsynth.generators.statistical import bank as banks
from tsynth.generators.views import Series

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsynth.data.schema import Column
    from tsynth.data.sequences import Sequences
    from tsynth.data.streams import Streams

__all__ = ["BlockBootstrap"]


class BlockBootstrap(Generator):
    """New series from blocks of the old ones, joined so that no joint is a jump.

    Assumes regular numeric series whose behaviour does not change over the span: blocks of neighbouring steps are
    drawn with replacement and joined. Each series takes the form in which a joint is harmless, by its lag-1
    autocorrelation without its season, corrected for bias: its levels where that is at most .5, or where it is a
    small count; its differences, of logarithms where it is positive, where that is above .98, or above .9 and
    the augmented Dickey-Fuller test does not reject a unit root at 5 %; between them its innovations
    ``y[t] - phi y[t-1]``. Differences and innovations are summed up again, so a path goes on from where it is.
    Series of the same calendar share their block draws, and series that move together (the high and the low of a
    day) keep their distance. Choose another generator where rows come at irregular times, or where no run of
    real counts may come back.

    Made series i is series ``i mod m`` in replicate ``i div m``, of its length, at its times, with its gaps drawn
    along with the blocks.

    Parameters
    ----------
    method : {"stationary", "moving", "circular"}
        Blocks of geometric length (Politis, Romano 1994), of fixed length inside the series (Künsch 1989), or of
        fixed length on a circle (Politis, Romano 1992).
    block : "auto" or float
        Mean length of a block in steps; "auto" takes, for each calendar, the median over its series of the
        larger of Politis and White's lengths for the innovations and for their size.
    season : "auto", int or None
        Blocks start only where the season has the phase that is due. "auto" looks for a season of 4, 5, 7, 12,
        24, 48, 52, 168 or 365 steps in each calendar; None keeps none.
    shared : bool
        Whether series of the same calendar share their block draws, so that they keep their cross-correlation.
    smoothing : float
        Noise on the innovations of continuous columns, as a share of the usual kernel width; 0 copies real runs.

    Attributes
    ----------
    bank_ : dict of arrays
        Innovations, forms, block lengths and seasons.
    time_ : float64 array, (R,)
        Times of the source.

    Raises
    ------
    UsageError
        A parameter is outside its range.
    DataError
        There is no column to resample.

    References
    ----------
    Politis, Romano (1994), The stationary bootstrap, JASA 89(428).
    Künsch (1989), The jackknife and the bootstrap for general stationary observations, Annals of Statistics 17(3).
    Politis, White (2004), Automatic block-length selection for the dependent bootstrap, Econometric Reviews 23(1).
    Davison, Hinkley (1997), Bootstrap methods and their application, section 8.2.3 (post-blackening).

    Examples
    --------
    >>> from tsynth.generators.statistical.block_bootstrap import BlockBootstrap
    >>> BlockBootstrap(block=12, season=12)
    BlockBootstrap(block=12, season=12)
    """

    name: ClassVar[str] = "block_bootstrap"
    takes: ClassVar[str] = "series"
    keeps_statics: ClassVar[bool] = False
    cannot_keep: ClassVar[tuple[str, ...]] = (
        "It copies real steps in blocks: small counts, categories and coarse decimals come back in real runs as "
        "long as a block; only continuous values are smoothed.",
        "Dependence longer than a block, except through the level that a series returns to.",
        "Change over the span (a trend in the spread, a break): blocks are drawn from everywhere alike.",
        "Each made series has the length, the times and the static columns of the real one it stands for; no "
        "series of a new kind is made.",
        "A price that wanders starts where the real one starts, and is tilted to stay inside the column's bounds.",
    )

    bank_: dict[str, NDArray[Any]]
    time_: NDArray[np.float64]

    def __init__(
        self,
        method: Literal["stationary", "moving", "circular"] = "stationary",
        block: float | Literal["auto"] = "auto",
        season: int | Literal["auto"] | None = "auto",
        shared: bool = True,
        smoothing: float = 0.5,
    ) -> None:
        self.method = method
        self.block = block
        self.season = season
        self.shared = shared
        self.smoothing = smoothing

    def _check(self, data: Sequences) -> None:
        self._settings()
        if not data.schema.dynamic:
            raise DataError("there is no column that varies in time", fix="check the kinds in the schema")

    def _settings(self) -> dict[str, Any]:
        """Parameters, checked."""
        if self.method not in banks.METHODS:
            raise UsageError(
                f"method={self.method!r} does not exist", fix=f"use one of {', '.join(banks.METHODS)}"
            )
        for name, word, least in (("block", "auto", 1), ("season", "auto", 1), ("smoothing", None, 0)):
            value = getattr(self, name)
            if value == word or (name == "season" and value is None):
                continue
            whole = isinstance(value, int | np.integer) or (name != "season" and isinstance(value, float))
            if isinstance(value, bool) or not whole or not least <= value < np.inf:
                raise UsageError(f"{name}={value!r} is not possible", fix=f"use a number of at least {least}")
        return self.get_params()

    # -- learning: the statistics of a bootstrap are the parts themselves

    def _learn(self, view: Series, streams: Streams) -> dict[str, Any]:
        return {"view": view}

    def _merge(self, states: list[dict[str, Any]]) -> None:
        views: list[Series] = [state["view"] for state in states]
        lengths = np.concatenate([np.diff(view.offsets) for view in views])
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        self.time_ = np.concatenate([view.time for view in views])
        values = np.concatenate([view.values for view in views])
        self.bank_ = banks.build(offsets, self.time_, values, views[0].columns, self._settings())

    # -- making

    def _sample(self, entities: range, streams: Streams, conditions: dict[str, Any] | None) -> Series:
        offsets = self.bank_["offsets"]
        m, lengths = len(offsets) - 1, np.diff(offsets)
        series = streams.entities % m
        made = np.concatenate([[0], np.cumsum(lengths[series])]).astype(np.int64)
        values = banks.draw(
            self.bank_,
            self.method,
            streams.purpose("blocks").key,
            streams.purpose("noise").key,
            streams.entities,
            lengths,
            np.zeros(m, np.int64),
        )
        rows = np.repeat(offsets[series] - made[:-1], lengths[series]) + np.arange(made[-1])
        return self._view_of(made, self.time_[rows], values)

    def _forecast(self, view: Series, horizon: float, paths: int, streams: Streams) -> Series:
        lengths = np.diff(view.offsets)
        if not lengths.all():
            raise DataError("an entity has no rows to continue", fix="leave out entities without rows")
        bank = banks.build(view.offsets, view.time, view.values, view.columns, self._settings(), ahead=True)
        times = [
            times_ahead(view.time[a:b], horizon, view.unit, view.calendar)
            for a, b in zip(view.offsets[:-1], view.offsets[1:], strict=True)
        ]
        steps = np.array([len(t) for t in times], np.int64)
        m = view.n_entities
        # path p of history i is entity p m + i, so that the histories of one calendar share path p
        entities = (np.arange(m)[:, None] + m * np.arange(paths)).reshape(-1)
        values = banks.draw(
            bank,
            self.method,
            streams.purpose("blocks").key,
            streams.purpose("noise").key,
            entities,
            steps,
            lengths % bank["period"],
        )
        offsets = np.concatenate([[0], np.cumsum(np.repeat(steps, paths))]).astype(np.int64)
        return self._view_of(offsets, np.concatenate([np.tile(t, paths) for t in times]), values)

    def _view_of(
        self, offsets: NDArray[np.int64], time: NDArray[np.float64], values: NDArray[np.float64]
    ) -> Series:
        columns: tuple[Column, ...] = tuple(self.bare_schema_.dynamic)
        schema = self.bare_schema_
        kind = schema[schema.time].kind if schema.time else None
        return Series(
            offsets, time, values, columns, schema.time_unit, schema.frequency, calendar=kind == "datetime"
        )

    # -- explaining

    def diagnose(self, holdout: Sequences | None = None) -> dict[str, Any]:
        """Adds how many series take each form, and the range of block lengths and seasons."""
        found = super().diagnose(holdout)
        m, columns = self.bank_["forms"].shape[:2]
        forms = Counter(banks.describe(self.bank_, s, c) for s in range(m) for c in range(columns))
        lengths, periods = self.bank_["length"], self.bank_["period"]
        return found | {
            "forms": dict(forms.most_common()),
            "calendars": len(np.unique(self.bank_["group"])),
            "block_length": [float(lengths.min()), float(np.median(lengths)), float(lengths.max())],
            "seasons": {int(p): int((periods == p).sum()) for p in np.unique(periods)},
        }
