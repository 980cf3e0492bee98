"""`Generator`: the base does the dull work (checks, constraints, encoding, order, types, parts, saving); a leaf
has the idea.

A leaf says in `takes` which view it wants and has, over arrays only:

``_learn(view, streams) -> state``
    Sufficient statistics of one block of entities: nested dicts, lists, plain values and arrays.
``_merge(states)``
    The states of all blocks, in block order, become attributes that end in "_".
``_sample(entities, streams, conditions) -> view``
    A view of ``len(entities)`` entities. Entity i may depend only on the seed and its own number.
``_forecast(view, horizon, paths, streams) -> view``
    Where it can: `paths` continuations of each entity, one after another.
``_fill(view, missing, missing_once, empty, streams) -> view``
    Where it can: the view with what is missing drawn; masks by column, `empty` says whether it may be null.

Attributes ending in "_" must be nested dicts, lists, plain values or arrays: they are what is saved.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from tsynth.data import constraints as rules
from tsynth.data.constraints import Constraints
from tsynth.data.encoding import Encoder
from tsynth.data.privacy import Histogram, Ledger, Privacy
from tsynth.data.sequences import Sequences, concat
from tsynth.data.streams import Streams
from tsynth.errors import DataError, PrivacyWarning, SchemaMismatch, UsageError
from tsynth.generators.conditions import Conditions
from tsynth.generators.decoding import series_columns, series_rows, series_statics
from tsynth.generators.filling import complete, fill_holes
from tsynth.generators.forecasts import continue_with
from tsynth.generators.privately import fit_noised
from tsynth.generators.shares import Shares
from tsynth.generators.states import Stateful
from tsynth.generators.views import Series, series_view

__all__ = ["BLOCK", "Generator"]

log = logging.getLogger("tsynth")

BLOCK = 1024
"""Entities learned at a time; fixed, so that the order of sums never depends on the machine."""


class Generator(Stateful):
    """Learns from `Sequences`, makes `Sequences` of the same schema.

    Attributes
    ----------
    schema_ : Schema
        Schema that was learned and that comes back, with its constraints.
    constraints_ : Constraints
        Structure that is taken off before learning and put back after sampling.
    n_entities_, n_rows_ : int
        Sizes of what was learned; noised under differential privacy.
    privacy_ : dict
        What was spent, and what was told without budget; only where learned with differential privacy.
    """

    cannot_keep: ClassVar[tuple[str, ...]] = ()
    keeps_statics: ClassVar[bool] = True
    """Whether rows follow from static columns that are given, so that a group can be made more frequent."""

    privacy_: dict[str, Any]
    _budget: tuple[float | None, int | None]
    _seed: int
    _progress: Any
    _checkpoint: str | Path | None

    # -- what a leaf writes

    def _learn(self, view: Any, streams: Streams) -> Any:
        raise NotImplementedError(f"{type(self).__name__} has no _learn")

    def _merge(self, states: list[Any]) -> None:
        raise NotImplementedError(f"{type(self).__name__} has no _merge")

    def _sample(self, entities: range, streams: Streams, conditions: dict[str, Any] | None) -> Any:
        raise NotImplementedError(f"{type(self).__name__} has no _sample")

    def _learn_noised(self, view: Any, lengths: Histogram, ledger: Ledger, streams: Streams) -> None:
        """In place of `_learn` and `_merge` under differential privacy, for leaves with a parameter `private`.

        `view` holds all entities, `lengths` the noised rows of each. Whatever becomes an attribute must come from
        `ledger`, which has what is left of the budget, or be named by ``ledger.leak``.
        """
        raise UsageError(
            f"{self.name} cannot learn with differential privacy", fix="use markov_renewal or autoregressive"
        )

    def _check(self, data: Sequences) -> None:
        """A leaf refuses here, with a typed error, what it cannot learn from."""

    # -- learning

    def fit(
        self,
        data: Sequences,
        *,
        seed: int = 0,
        minutes: float | None = None,
        steps: int | None = None,
        progress: Any = None,
        checkpoint: str | Path | None = None,
    ) -> Self:
        """Learn from `data`.

        Parameters
        ----------
        data : Sequences
            What `tsynth.read` returns. Constraints that its schema lists are kept; where nobody has looked for
            them (``schema.constraints is None``) they are looked for.
        seed : int
            Keys the streams that learning draws from.
        minutes : float, optional
            Time budget, for generators that learn by steps.
        steps : int, optional
            Exact number of steps, for generators that learn by steps; repeats an earlier fit.
        progress : object, optional
            Has ``stage(name, total, estimate)``, whose estimate is in seconds or None, and ``advance(n)``.
        checkpoint : path, optional
            Folder in which a generator that learns by steps keeps how far it is. After an interruption the same call
            goes on from there, to the same weights. Remove it once the model is saved.

        Returns
        -------
        Generator
            Itself.

        Raises
        ------
        DataError
            There is nothing to learn from, or this generator cannot take such data.
        """
        if not isinstance(data, Sequences):
            raise UsageError(
                f"fit takes Sequences, not {type(data).__name__}", fix="read the frame with tsynth.read"
            )
        if data.n_entities == 0 or data.n_rows == 0:
            raise DataError("there are no rows to learn from", fix="check the file and its filters")
        if data.n_entities == 1:
            alone = (
                "only one entity is learned from, so nobody hides it: do not hand out what is made as private"
            )
            warnings.warn(alone, PrivacyWarning, stacklevel=2)
        found = (
            Constraints(rules.find(data, seed=seed))
            if data.schema.constraints is None
            else Constraints.from_list(data.schema.constraints).learned(data)
        )
        bare = found.remove(data)
        self._check(bare)
        self._budget, self._seed = (minutes, steps), seed
        vars(self).pop("privacy_", None)
        privacy = Privacy.read(getattr(self, "private", None))
        if privacy is not None:
            fit_noised(self, data, bare, found, privacy, seed)
            return self
        self.constraints_, self.schema_ = found, data.schema.replace(constraints=tuple(found.to_list()))
        self.bare_schema_ = bare.schema
        self.n_entities_, self.n_rows_ = data.n_entities, data.n_rows
        self._origin = data.origin
        blocks = [range(a, min(a + BLOCK, bare.n_entities)) for a in range(0, bare.n_entities, BLOCK)]
        parts = [bare.take(np.asarray(block)) for block in blocks]
        encoder = Encoder(self._encoded_schema())
        self.encoder_ = encoder.merge([encoder.learn(part) for part in parts])
        self.statics_ = series_statics(bare, self.encoder_) if self.takes == "series" else {}
        if progress is not None:
            progress.stage(f"learning {self.name}", len(parts))
        states = []
        for block, part in zip(blocks, parts, strict=True):
            states.append(self._learn(self._view(part), Streams(seed, f"fit:{self.name}", block)))
            if progress is not None:
                progress.advance(1)
        self._progress, self._checkpoint = progress, checkpoint
        try:
            self._merge(states)
        finally:
            del self._progress, self._checkpoint
        return self

    # -- making

    def sample(
        self,
        n: int | None = None,
        *,
        seed: int = 0,
        conditions: Any = None,
        first: int = 0,
        until: Any = None,
        rows: int | None = None,
        shares: Mapping[Any, Mapping[Any, float]] | None = None,
    ) -> Sequences:
        """Make `n` new entities.

        Parameters
        ----------
        n : int, optional
            Number of entities; as many as were learned from where neither `n`, `rows` nor `conditions` says.
        seed : int
            Same environment, same seed: same bytes, for any split into parts.
        conditions : frame, optional
            One row an entity: static columns that are given. A column of the entity's name gives the ids too. With the
            time column it holds rows instead, in as many entities as are made: they come back to the letter, with
            blank cells and columns left out drawn, and no further rows; not every generator can.
        first : int
            Number of the first entity: ``sample(5, first=5)`` continues ``sample(5)``.
        until : optional
            Rows later than this (a date, or a number of the time column) are left out.
        rows : int, optional
            Instead of `n`: as many whole entities as are needed for so many rows.
        shares : mapping, optional
            Target shares of levels of static columns, ``{"region": {"north": 0.5, "south": 0.5}}``; of several
            columns together ``{("sex", "arm"): {("female", "placebo"): 0.5, ...}}``. Each level comes back exactly
            ``n * share`` times, rounded. Levels without a share keep their learned proportions in what is left.

        Returns
        -------
        Sequences
            In the schema and frame type that was learned.

        Raises
        ------
        NotFitted, UsageError
            Not fitted; a count below 1; conditions with unknown columns, levels or another number of entities;
            shares of what is unknown, that add up to more than 1, or of a generator that cannot keep them.
        """
        if rows is not None:
            if n is not None or conditions is not None or shares is not None:
                raise UsageError("rows stands in place of n, conditions and shares", fix="give one of them")
            return self._enough(_positive(rows, "rows"), seed, first, until)
        if n is None and conditions is None:
            self._fitted()
            n = self.n_entities_
        return concat(
            list(
                self._parts(
                    n,
                    seed=seed,
                    part=4 * BLOCK,
                    first=first,
                    conditions=conditions,
                    until=until,
                    shares=shares,
                )
            )
        )

    def stream(
        self,
        n: int,
        *,
        seed: int = 0,
        part: int = 100_000,
        first: int = 0,
        conditions: Any = None,
        shares: Mapping[Any, Mapping[Any, float]] | None = None,
    ) -> Iterator[Sequences]:
        """Make `n` entities in parts of `part` entities; together they equal ``sample(n, seed=seed)``."""
        _positive(part, "part")
        return self._parts(
            _positive(n, "n"),
            seed=seed,
            part=part,
            first=first,
            conditions=conditions,
            until=None,
            shares=shares,
        )

    def target_shares(self, shares: Mapping[Any, Mapping[Any, float]]) -> Shares:
        """Target shares of `sample`, checked against what was learned.

        Raises
        ------
        UsageError
            They ask for what is unknown, or this generator cannot keep them.
        """
        self._fitted()
        if not self.keeps_statics:
            raise UsageError(
                f"{self.name} cannot keep target shares, because what it makes does not follow from static columns",
                fix="leave shares out, or choose another generator",
            )
        return Shares.read(shares, self.schema_, self.encoder_)

    def _parts(
        self,
        n: int | None,
        *,
        seed: int,
        part: int,
        first: int,
        conditions: Any,
        until: Any,
        shares: Mapping[Any, Mapping[Any, float]] | None,
    ) -> Iterator[Sequences]:
        self._fitted()
        given = None
        if conditions is not None:
            fills = hasattr(self, "_fill")
            given = Conditions.read(conditions, self.schema_, self.bare_schema_, rows=fills)
        if given is not None:
            n = given.check_count(n)
        n = _positive(self.n_entities_ if n is None else n, "n")
        if first < 0:
            raise UsageError(f"first is the number of an entity, not {first!r}", fix="count from 0")
        if shares is not None:
            drawn = self.target_shares(shares).draw(n, seed, first)
            asked = Conditions.read(drawn, self.schema_, self.bare_schema_)
            given = asked if given is None else given.with_columns(asked)
        inner = min(part, 4 * BLOCK)
        for begin in range(first, first + n, part):
            end = min(begin + part, first + n)
            pieces = [
                self._make(range(a, min(a + inner, end)), seed, given, first, until)
                for a in range(begin, end, inner)
            ]
            yield concat(pieces)

    def _make(
        self, entities: range, seed: int, given: Conditions | None, first: int, until: Any
    ) -> Sequences:
        streams = Streams(seed, f"sample:{self.name}", entities)
        here = None if given is None else given.take(range(entities.start - first, entities.stop - first))
        if here is not None and here.rows is not None:
            names = [c.name for c in self.schema_ if c.role not in ("entity", "time")]
            made = complete(self, here.rows, names, streams, first=entities.start, empty=True)
        else:
            made = self._bare(entities, seed, given, first)
            if here is not None:
                made = here.apply_bare(made)
            made = self.constraints_.restore(made, streams.purpose("constraints"))
            if here is not None:
                made = here.apply(made)
        made = replace(
            made.with_schema(self.schema_),
            origin=getattr(self, "_origin", "pyarrow"),
            notes=(),
            out_of_order=0.0,
        )
        return made if until is None else made.keep_rows(made.time <= _moment(until, made))

    def _bare(self, entities: range, seed: int, given: Conditions | None, first: int) -> Sequences:
        """Rows before constraints, and what was given to the letter, come back."""
        streams = Streams(seed, f"sample:{self.name}", entities)
        here = None if given is None else given.take(range(entities.start - first, entities.stop - first))
        fields = None if here is None else here.fields(self.encoder_)
        view = self._sample(entities, streams.purpose("model"), fields)
        return self._decode(view, streams.purpose("decode"), entities.start)

    def _enough(self, rows: int, seed: int, first: int, until: Any) -> Sequences:
        self._fitted()
        parts: list[Sequences] = []
        made, at = 0, first
        share = max(1.0, self.n_rows_ / self.n_entities_)
        while made < rows:
            n = int(np.clip(np.ceil((rows - made) / share), 1, 4 * BLOCK))
            part = self.sample(n, seed=seed, first=at, until=until)
            if part.n_rows == 0 and at - first > 1000 * (1 + rows / share):
                raise UsageError(
                    "the generator makes entities without rows", fix="ask for a number of entities"
                )
            parts.append(part)
            made, at = made + part.n_rows, at + n
        whole = concat(parts)
        needed = int(np.searchsorted(whole.offsets[1:], rows)) + 1
        return whole.take(np.arange(needed))

    def forecast(self, history: Sequences, horizon: Any, *, paths: int = 100, seed: int = 0) -> Sequences:
        """Continue each entity of `history` by `paths` sample paths.

        Parameters
        ----------
        history : Sequences
            In the schema that was learned.
        horizon : int or str
            Steps of a regular series, else a duration ("30d", "12h") or a number of the schema's time units.
        paths : int
            Sample paths an entity.
        seed : int

        Returns
        -------
        Sequences
            Only the new rows; a static column `path` numbers the paths, and ids are those of `history`.

        Raises
        ------
        UsageError
            This generator cannot continue a history.
        """
        self._fitted()
        if not hasattr(self, "_forecast"):
            raise UsageError(
                f"{self.name} cannot continue a history", fix="sample, or choose another generator"
            )
        self._same(history)
        return continue_with(self, history, horizon, _positive(paths, "paths"), seed)

    def impute(
        self,
        data: Sequences,
        *,
        paths: int = 1,
        seed: int = 0,
        columns: Sequence[str] | None = None,
    ) -> Sequences:
        """Fill the holes of `data`, where the generator can; cells that are not null come back to the letter.

        Parameters
        ----------
        data : Sequences
            In the schema that was learned.
        paths : int
            Times that the holes are filled; with several a static column `path` numbers them, and the fills of one
            entity stand one after another.
        seed : int
        columns : sequence of str, optional
            Columns whose nulls are holes, every column that has nulls without it. Name them where null is a value of
            its own in others ("not measured").

        Returns
        -------
        Sequences
            The rows of `data`. A hole stays where the column never had a value beside such a code, and in identifiers
            and texts.

        Raises
        ------
        UsageError
            This generator cannot, or a column is not there or cannot be filled.
        """
        self._fitted()
        if not hasattr(self, "_fill"):
            raise UsageError(f"{self.name} cannot fill holes", fix="choose another generator")
        self._same(data)
        return fill_holes(self, data, columns, _positive(paths, "paths"), seed)

    def diagnose(self, holdout: Sequences | None = None) -> dict[str, Any]:
        """What was learned, from how much, and what this generator cannot keep; leaves add residuals and order."""
        self._fitted()
        found: dict[str, Any] = {
            "generator": self.name,
            "entities": self.n_entities_,
            "rows": self.n_rows_,
            "constraints": [c.sentence() for c in self.constraints_],
            "cannot_keep": list(self.cannot_keep),
        }
        if "privacy_" in vars(self):
            found["privacy"] = self.privacy_
        if holdout is not None:
            self._same(holdout)
        return found

    # -- showing

    def _repr_html_(self) -> str:
        from html import escape

        fitted = (
            f", fitted on {self.n_rows_:,} rows of {self.n_entities_:,} entities"
            if hasattr(self, "schema_")
            else ""
        )
        limits = "".join(f"<li>{escape(line)}</li>" for line in self.cannot_keep)
        return f"<p><code>{escape(repr(self))}</code>{fitted}</p><p>Cannot keep:</p><ul>{limits}</ul>"

    # -- inside

    def _same(self, data: Sequences) -> None:
        lines = self.schema_.differences(data.schema)
        if lines:
            raise SchemaMismatch(lines, fix="read the rows with the generator's schema_")

    def _view(self, part: Sequences) -> Any:
        return series_view(part) if self.takes == "series" else self.encoder_.encode(part)

    def _decode(self, view: Any, streams: Streams, first: int) -> Sequences:
        if not isinstance(view, Series):
            return self.encoder_.decode(view, streams, first)
        series = np.arange(first, first + view.n_entities) % self.n_entities_
        made = self.encoder_.decode(series_rows(view, self.statics_, series), streams, first)
        return made.with_columns(series_columns(view), self.bare_schema_)


def _positive(value: Any, name: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
        raise UsageError(f"{name} is a count of at least 1, not {value!r}")
    return int(value)


def _moment(until: Any, data: Sequences) -> float:
    """`until` on the scale of ``data.time``."""
    import pyarrow as pa

    from tsynth.data import clock

    if not data.calendar or isinstance(until, int | float):
        return float(until)
    try:
        moment = np.datetime64(until, "us")
    except ValueError as error:
        raise UsageError(f"until={until!r} is no date", fix='write it as "2024-03-31"') from error
    return float(clock.to_units(pa.array([moment]), data.schema.time_unit)[0])
