"""How long each entity was followed and what ended it: the ground of the scores of survival."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tsynth.data.roles import MEANINGS
from tsynth.data.schema import Column, Schema
from tsynth.data.sequences import Sequences
from tsynth.scores.base import CannotSay, DoesNotApply
from tsynth.scores.parts import CELL, PartsScore
from tsynth.scores.ruler import Ruler, ruler
from tsynth.scores.words import duration, number, time_unit

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["FollowUp", "SurvivalScore", "followed", "followup", "groups", "moment"]

AT_RISK = 0.1
"""Share of the training entities that are still followed at the horizon."""


@dataclass(frozen=True)
class FollowUp:
    """Follow-up of the entities of one side.

    Parameters
    ----------
    time : float64 array, (entities,)
        Time from the start to the end of the follow-up, in units of the schema; NaN where unknown.
    cause : int array, (entities,)
        0 where it was censored, else 1 + the place of what ended it in `causes`; -1 where unknown.
    causes : tuple of str
        What can end it, most frequent first, the rare ones joined.
    horizon : float
        Time at which 10 % of the training entities are still followed.
    """

    time: NDArray[np.float64]
    cause: NDArray[np.int64]
    causes: tuple[str, ...]
    horizon: float


def followed(schema: Schema) -> bool:
    """Whether the schema tells how long entities were followed and what ended it."""
    return schema.role("event") is not None and (
        schema.role("followup") is not None
        or (schema.role("start") is not None and schema.role("stop") is not None)
    )


def followup(ruler: Ruler, data: Sequences) -> FollowUp:
    """The follow-up of these entities.

    It is the column with role followup, else from the first start to the last stop. Levels of the event that mean
    "censored" end a follow-up without an event.

    Raises
    ------
    DoesNotApply
        The schema has no event, or no time to it.
    CannotSay
        The training entities have no event.
    """
    if not followed(ruler.schema):
        raise DoesNotApply("no columns say how long entities were followed and what ended it")
    if ruler.blocks:
        raise CannotSay("the sequences are cut into blocks of time, so their ends are not seen")
    if "followup" not in ruler.kept:
        ruler.kept["followup"] = _learned(ruler)
    names, horizon = ruler.kept["followup"]
    if not names:
        raise CannotSay("no training entity has an event")
    causes = tuple(dict.fromkeys(names.values()))
    places = {key: 1 + causes.index(name) for key, name in names.items()}
    codes = _codes(data, _column(ruler.schema, "event"))
    cause = np.zeros(data.n_entities, np.int64)
    for code in np.unique(codes):
        cause[codes == code] = -1 if code < 0 else places.get(int(code), 0)
    time = _time(data)
    unknown = ~np.isfinite(time) | (time < 0) | (cause < 0)
    return FollowUp(np.where(unknown, np.nan, time), np.where(unknown, -1, cause), causes, horizon)


def _column(schema: Schema, role: str) -> Column:
    found = schema.role(role)
    assert found is not None
    return found


def _learned(ruler: Ruler) -> tuple[dict[int, str], float]:
    """What each code of the event is called, without those that mean censored, and the horizon."""
    data, event = ruler.train, _column(ruler.schema, "event")
    codes, time = _codes(data, event), _time(data)
    good = np.isfinite(time) & (time >= 0) & (codes >= 0)
    if not good.any() or not time[good].max() > 0:
        return {}, 0.0
    counts = np.bincount(codes[good])
    names, kept = {}, 0
    for code in np.argsort(-counts, kind="stable"):
        meaning = _meaning(ruler.schema, event, int(code))
        if counts[code] and not _censored(meaning):
            kept += 1
            names[int(code)] = meaning if counts[code] >= CELL or kept == 1 else "other events"
    horizon = float(np.quantile(time[good], 1 - AT_RISK, method="inverted_cdf"))
    return names, horizon if horizon > 0 else float(time[good].max())


def _meaning(schema: Schema, event: Column, code: int) -> str:
    if not event.discrete:
        return "event" if code else "censored"
    level = (event.levels or (False, True))[code]
    plain = str(level).removesuffix(".0")
    told = schema.event_levels.get(str(level)) or MEANINGS.get(plain.lower(), plain)
    return plain if told == "event" and not plain.isdigit() and plain.lower() != "true" else told


def _censored(meaning: str) -> bool:
    return meaning.lower().startswith(("censor", "alive", "lost to"))


def _codes(data: Sequences, event: Column) -> NDArray[np.int64]:
    if event.discrete:
        return _edge(data, data.codes(event.name).astype(np.float64), event, -1.0, True).astype(np.int64)
    values = _edge(data, data.numeric(event.name), event, np.nan, True)
    return np.where(np.isfinite(values), values > 0, -1).astype(np.int64)


def _time(data: Sequences) -> NDArray[np.float64]:
    length = data.schema.role("followup")
    if length is not None:
        time = _edge(data, data.numeric(length.name), length, np.nan, True)
        if length.kind != "datetime":
            return time
        first = np.full(data.n_entities, np.nan)
        first[data.lengths > 0] = data.time[data.offsets[:-1][data.lengths > 0]]
        return time - first
    start, stop = _column(data.schema, "start"), _column(data.schema, "stop")
    return _edge(data, data.numeric(stop.name), stop, np.nan, True) - _edge(
        data, data.numeric(start.name), start, np.nan, False
    )


def _edge(
    data: Sequences, values: NDArray[np.float64], column: Column, missing: float, last: bool
) -> NDArray[np.float64]:
    """A static value, or that of the last or first row of each entity."""
    if len(values) == data.n_entities and column.name in data.entities.column_names:
        return values
    out = np.full(data.n_entities, missing)
    has = data.lengths > 0
    out[has] = values[(data.offsets[1:] - 1 if last else data.offsets[:-1])[has]]
    return out


def groups(ruler: Ruler, data: Sequences) -> list[tuple[str, NDArray[np.bool_]]]:
    """Members of each arm and group that holds at least 10 training entities, with what it is called."""
    found = []
    for column in (*ruler.schema.roles("arm"), *ruler.schema.roles("group")):
        if not (column.static and column.discrete and column.name in {c.name for c in ruler.varied}):
            continue
        size = np.bincount(ruler.discrete(ruler.train, column.name))
        cells = ruler.discrete(data, column.name)
        for place, name in enumerate(ruler.level_names(column.name)[:-2]):
            if size[place] >= CELL:
                found.append((f"{column.name} {name}", cells == place))
    return found


def moment(ruler: Ruler, value: float, long: bool = False) -> str:
    """A time of the follow-up in words, or how long it is."""
    length = ruler.schema.role("followup")
    unit = time_unit(ruler.schema)
    if unit == "step" and length is not None and length.unit is not None:
        unit = length.unit
    if unit == "step":
        return f"{number(value)} units of time" if long else f"time {number(value)}"
    return duration(value, unit)


class SurvivalScore(PartsScore):
    """Base of scores that ask how long entities were followed and what ended it."""

    def cannot(self, train: Sequences, reference: Sequences | None, candidate: Sequences) -> str | None:
        """Nothing ends, or no end is seen."""
        followup(ruler(train), train)
        return None

    def nothing(self) -> str:
        """Too few."""
        return "fewer than 10 real entities have a known follow-up"
