"""Target shares: how many of the entities to be made have which levels of their static columns."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from tsynth.data.arrow_types import parse
from tsynth.data.sequences import level_array
from tsynth.data.streams import Streams
from tsynth.errors import UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsynth.data.encoding import Encoder
    from tsynth.data.schema import Column, Schema

__all__ = ["Shares", "apportion", "parse_shares", "told"]

SLACK = 1e-6
"""By how much shares may miss 1, so that thirds can be written."""


@dataclass(frozen=True)
class _Target:
    """Levels of some columns together, as places among the levels of each, and the share of each combination."""

    columns: tuple[Column, ...]
    places: NDArray[np.int64]
    shares: NDArray[np.float64]


@dataclass(frozen=True)
class Shares:
    """Checked target shares.

    Parameters
    ----------
    targets : tuple
        One a column, or a group of columns that are drawn together; independent of each other.
    """

    targets: tuple[_Target, ...]

    @classmethod
    def read(cls, given: Any, schema: Schema, encoder: Encoder | None = None) -> Shares:
        """Check shares against a schema.

        Parameters
        ----------
        given : mapping
            ``{"region": {"north": 0.5, "south": 0.5}}``, or of several columns together
            ``{("sex", "arm"): {("female", "placebo"): 0.5, ...}}``. Levels may be written as text.
        schema : Schema
        encoder : Encoder, optional
            Knows the proportions that were learned, which the levels without a share keep among each other; without
            it shares are checked only.

        Raises
        ------
        UsageError
            A column is no static category, a level was never seen, shares are no shares or add up to more than 1.
        """
        if not isinstance(given, Mapping) or not given:
            raise UsageError("shares is a mapping of columns to the shares of their levels", fix=_EXAMPLE)
        targets, seen = [], set[str]()
        for key, wanted in given.items():
            names = key if isinstance(key, tuple) else (key,)
            for name in names:
                if name in seen:
                    raise UsageError("has shares twice", column=name, fix="give each column once")
                seen.add(name)
            targets.append(_target(names, wanted, [_column(n, schema) for n in names], encoder))
        return cls(tuple(targets))

    @property
    def columns(self) -> list[str]:
        """Names of the columns that are given."""
        return [column.name for target in self.targets for column in target.columns]

    def draw(self, n: int, seed: int, first: int = 0) -> pa.Table:
        """Levels of `n` entities, one row each: as many of each as its share says, in random order.

        Which entity gets which level depends on the seed and the entity's number, given `n` and `first`.
        """
        columns: dict[str, pa.Array] = {}
        for target in self.targets:
            names = [column.name for column in target.columns]
            order = np.argsort(
                Streams(seed, ("shares", *names), range(first, first + n)).uniform(), kind="stable"
            )
            drawn = np.empty(n, np.int64)
            drawn[order] = np.repeat(np.arange(len(target.shares)), apportion(target.shares, n))
            for column, places in zip(target.columns, target.places.T, strict=True):
                levels = level_array(_levels(column), parse(column.dtype))
                columns[column.name] = pa.DictionaryArray.from_arrays(
                    pa.array(places[drawn].astype(np.int32)), levels
                )
        return pa.table(columns)


def told(shares: Mapping[str, Mapping[str, float]]) -> str:
    """Target shares in words: "sex male 50 %, female 50 %"."""
    columns = [
        f"{name} " + ", ".join(f"{level} {100 * share:.3g} %" for level, share in levels.items())
        for name, levels in shares.items()
    ]
    return "; ".join(columns)


def parse_shares(words: Iterable[str]) -> dict[str, dict[str, float]]:
    """Shares as a command takes them: ``COLUMN=LEVEL:SHARE,LEVEL:SHARE``, a word a column.

    Raises
    ------
    UsageError
        A word does not read so, or a column or a level stands twice.
    """
    found: dict[str, dict[str, float]] = {}
    for word in words:
        column, sign, rest = word.partition("=")
        if not sign or not column or not rest or column in found:
            raise UsageError(f"shares {word!r} do not read as {_FORM}", fix="give each column once")
        found[column] = levels = {}
        for piece in rest.split(","):
            level, sign, number = piece.rpartition(":")
            try:
                share = float(number)
            except ValueError:
                share = float("nan")
            if not sign or not level or level in levels or not np.isfinite(share):
                raise UsageError(
                    f"shares {word!r}: {piece!r} does not read as LEVEL:SHARE",
                    fix="write for example region=north:.5,south:.5, each level once",
                )
            levels[level] = share
    return found


_FORM = "COLUMN=LEVEL:SHARE,LEVEL:SHARE"
_EXAMPLE = 'write {"region": {"north": 0.5, "south": 0.5}}'


def apportion(shares: NDArray[np.float64], n: int) -> NDArray[np.int64]:
    """`n` by shares in whole numbers: rounded down, the rest to the largest remainders, ties to the first."""
    exact = shares / shares.sum() * n
    counts = np.floor(exact + 1e-9).astype(np.int64)
    rest = n - int(counts.sum())
    counts[np.argsort(-(exact - counts), kind="stable")[:rest]] += 1
    return counts


def _column(name: Any, schema: Schema) -> Column:
    known = [c.name for c in schema.statics if c.discrete]
    fix = (
        f"static columns with levels are {', '.join(known)}" if known else "no static column here has levels"
    )
    if name not in schema:
        raise UsageError(f"shares: no column is called {name!r}", fix=fix)
    column = schema[name]
    if not column.static:
        raise UsageError("varies inside an entity, so it has no share of entities", column=name, fix=fix)
    if not column.discrete:
        raise UsageError(f"has no levels to give shares of ({column.kind})", column=name, fix=fix)
    return column


def _levels(column: Column) -> tuple[Any, ...]:
    return column.levels if column.levels is not None else (False, True)


def _target(names: tuple[str, ...], wanted: Any, columns: list[Column], encoder: Encoder | None) -> _Target:
    label = ", ".join(names)
    if not isinstance(wanted, Mapping) or not wanted:
        raise UsageError("shares are a mapping of levels to numbers", column=label, fix=_EXAMPLE)
    places, shares = [], []
    for key, share in wanted.items():
        levels = key if len(columns) > 1 else (key,)
        if not isinstance(levels, tuple) or len(levels) != len(columns):
            raise UsageError(f"{key!r} does not name a level of each column", column=label)
        if isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share <= 1 + SLACK:
            raise UsageError(
                f"the share of {key!r} is {share!r}", column=label, fix="use a number from 0 to 1"
            )
        places.append([_place(column, level) for column, level in zip(columns, levels, strict=True)])
        shares.append(float(share))
    if len({tuple(place) for place in places}) < len(places):
        raise UsageError("a level has two shares", column=label, fix="give each level once")
    total = sum(shares)
    if total > 1 + SLACK:
        raise UsageError(f"shares add up to {total:.6g}", column=label, fix="let them add up to 1 or less")
    if total < 1 - SLACK:
        more, rest = _rest(columns, [place[0] for place in places], encoder, total)
        places += [[place] for place in more]
        shares += [(1 - total) * share for share in rest]
    return _Target(tuple(columns), np.array(places, np.int64), np.array(shares))


def _rest(
    columns: list[Column], named: list[int], encoder: Encoder | None, total: float
) -> tuple[list[int], list[float]]:
    """Levels that were not named, with their learned proportions among each other."""
    label = ", ".join(column.name for column in columns)
    if len(columns) > 1:
        raise UsageError(
            f"shares add up to {total:.6g}", column=label, fix="give shares of combinations that add up to 1"
        )
    known = _levels(columns[0])
    learned = np.ones(len(known))
    if encoder is not None:
        encoding: Any = encoder.encodings.get(columns[0].name)
        if encoding is None:
            raise UsageError(
                f"shares add up to {total:.6g}, and what is learned of it stands in other columns",
                column=label,
                fix="let them add up to 1",
            )
        learned = np.zeros(len(known))
        learned[encoding.kept_] = encoding.share_
    learned[named] = 0.0
    if learned.sum() <= 0:
        raise UsageError(
            f"shares add up to {total:.6g}, and no other level is left",
            column=label,
            fix="let them add up to 1",
        )
    others = [int(place) for place in np.flatnonzero(learned > 0)]
    return others, [float(learned[place] / learned.sum()) for place in others]


def _place(column: Column, level: Any) -> int:
    """Place of a level, which may be written as text."""
    known = _levels(column)
    for place, one in enumerate(known):
        if type(one) is type(level) and one == level:
            return place
    for place, one in enumerate(known):
        if _text(one) == _text(level):
            return place
    shown = ", ".join(map(str, known[:10])) + (f" and {len(known) - 10} more" if len(known) > 10 else "")
    raise UsageError(f"level {level!r} never occurred", column=column.name, fix=f"use one of {shown}")


def _text(level: Any) -> str:
    text = str(level).strip()
    if isinstance(level, bool) or text.lower() in ("true", "false"):
        return text.lower()
    return text.removesuffix(".0") if re.fullmatch(r"-?\d+\.0", text) else text
