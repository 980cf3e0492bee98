"""`Recurring`: standing orders, rents and fees as contracts of their own, every other row by another generator."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import pyarrow as pa

from tsynth.data.encoding import Field, Rows
from tsynth.data.encoding.base import threshold
from tsynth.data.recurring import RecurringRows, find_recurring, parties_of, with_short
from tsynth.data.sequences import Sequences, concat
from tsynth.data.streams import Streams
from tsynth.errors import PrivacyWarning, UsageError
from tsynth.generators.base import Generator
from tsynth.generators.composite import choosing, columns, contracts, standing
from tsynth.generators.creation import create

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsynth.generators.conditions import Conditions

__all__ = ["Recurring"]

TRIES = 4
"""Sets of contracts that are tried for an entity where a column is a running total."""
TRIED = 1024
"""Most entities of the inner generator to which contracts are calibrated."""
PURE = 0.8
"""Share of the rows of a code in steady contracts from which on its few others are contracts too, short ones."""


class Recurring(Generator):
    """Recurring payments as contracts, and another generator for all other rows.

    Rows of one kind and party that stand a calendar month or a fixed number of days apart are found in the data (see
    `tsynth.data.recurring.find_chains`). Those whose amount stays the same become contracts: how many of each code an
    entity has, on which day they fall due and how weekends move it, their amount and its changes, start and stop, rows
    that lack. They are taken out, the inner generator learns the rest, and contracts are drawn beside what it makes:
    statics, the number, times and amounts of an entity's other rows, counts, amounts and starts of its contracts go
    together by a Gaussian copula. Balances are added up after that, over all rows.

    Choose the inner generator alone where nothing recurs; without contracts the two are the same.

    Parameters
    ----------
    inner : str, mapping or Generator
        The generator of all other rows: its name, ``{"name": ..., parameter: value}``, or an unfitted one.
    steady : float
        Share of a contract's rows that must repeat the amount of the row before, 0 to 1. At 0 rows of
        changing amount on a fixed day (interest) are contracts too; what they depend on from row to row is then lost.
    learns : {"auto", "rest", "all"}
        What the inner generator learns from. "rest": rows that are no contracts. "all": every row, and contracts then
        stand in the place of what it makes of codes that are next to all contracts, so that a withdrawal that follows
        from the balance still does. "auto": "all" where the table has a running total, else "rest".

    Attributes
    ----------
    contracts_ : dict
        What was learned of contracts, as plain values and arrays; empty where nothing recurs.

    References
    ----------
    Sklar (1959), Fonctions de répartition à n dimensions et leurs marges: the copula.

    Examples
    --------
    Tenants pay rent on a day of their own, and buy at any time.

    >>> import numpy, pandas, tsynth
    >>> rng, rows = numpy.random.default_rng(0), []
    >>> for tenant in range(60):
    ...     due, rent = rng.integers(1, 28), float(rng.integers(40, 90) * 10)
    ...     rows += [(tenant, f"2023-{month:02d}-{due:02d}", "rent", rent) for month in range(1, 13)]
    ...     for day in rng.integers(0, 365, 10):
    ...         rows.append((tenant, str(numpy.datetime64("2023-01-01") + day), "shop", float(rng.integers(5, 60))))
    >>> table = pandas.DataFrame(rows, columns=["tenant", "day", "what", "amount"])
    >>> table["day"] = pandas.to_datetime(table["day"])
    >>> data = tsynth.read(table, entity="tenant", time="day")
    >>> made = tsynth.Recurring().fit(data, seed=1).sample(40, seed=2).frame
    >>> rents = made[made["what"] == "rent"].groupby("tenant")["amount"]
    >>> bool((rents.nunique() == 1).all())
    True
    """

    name: ClassVar[str] = "recurring"
    takes: ClassVar[str] = "rows"
    cannot_keep: ClassVar[tuple[str, ...]] = (
        "other rows that follow from a contract's row (a withdrawal after each salary), beyond the entity's level",
        "a contract's row that lacks in one month for all (no salary in December)",
        "one party with several contracts of an entity",
        "contracts due every two or more months",
        "what the inner generator cannot keep; where it learns all rows, which entities have which contracts too",
    )

    contracts_: dict[str, Any]
    _inner: Generator

    def __init__(self, inner: Any = "markov_renewal", steady: float = 0.5, learns: str = "auto") -> None:
        self.inner = inner
        self.steady = steady
        self.learns = learns

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Parameters of the constructor; an inner generator as its name and parameters."""
        inner = self.inner
        if isinstance(inner, Generator):
            inner = {"name": inner.name, **inner.get_params()}
        return {"inner": inner, "steady": self.steady, "learns": self.learns}

    # -- learning

    def _learn(self, view: Rows, streams: Streams) -> dict[str, Any]:
        return {}

    def _merge(self, states: list[dict[str, Any]]) -> None:
        pass

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
        """Learn from `data`; `minutes`, `steps` and `checkpoint` are the inner generator's. See `Generator.fit`.

        Raises
        ------
        UsageError
            `inner` is no generator, or `steady` no share.
        """
        steady: Any = self.steady
        if not isinstance(steady, int | float) or not 0 <= steady <= 1:
            raise UsageError(f"steady is a share from 0 to 1, not {steady!r}")
        if self.learns not in ("auto", "rest", "all"):
            raise UsageError(f'learns is "auto", "rest" or "all", not {self.learns!r}')
        inner = self._made()
        super().fit(data, seed=seed)
        bare = self.constraints_.remove(data)
        bare = bare.with_schema(bare.schema.replace(constraints=()))
        found, types, kind = self._found(bare)
        taken = np.append(kind >= 0, False)[found.chains.chain]
        beside = self.learns == "all" or (self.learns == "auto" and bool(choosing.running(self.constraints_)))
        if beside:
            types, kind = contracts.certain(found, types, kind)
            taken = np.append(kind >= 0, False)[found.chains.chain]
        rest = bare if beside else bare.keep_rows(~taken)
        if rest.n_rows == 0:  # nothing but contracts: the inner generator cannot learn from nothing
            beside, rest = True, bare
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", PrivacyWarning)  # told once already
            # Learning all rows, it learns with the constraints, which tell it of balances.
            source = data.with_schema(self.schema_) if beside else rest
            self._inner = inner.fit(
                source, seed=seed, minutes=minutes, steps=steps, progress=progress, checkpoint=checkpoint
            )
        self.contracts_ = {}
        if np.any(kind >= 0):
            self.contracts_ = contracts.learn(bare, rest, found, types, kind, self.encoder_, beside)
            self.contracts_["rows"] = int(taken.sum())
            at = np.flatnonzero(kind >= 0)
            number, place = contracts.members(found, at, len(kind))
            self.contracts_["else"] = columns.learn_columns(
                bare, self.encoder_, self._known(found), len(types), kind[at][number], number, place
            )
            self._calibrate(data, seed)
        return self

    def _calibrate(self, data: Sequences, seed: int) -> None:
        """Sample the inner generator, and let contracts be beside its rows what they are in the source."""
        size = min(TRIED, 4 * self.n_entities_)
        made = self._inner._bare(range(size), seed, None, 0).with_schema(self.bare_schema_)
        streams = Streams(seed, f"calibrate:{self.name}", range(size))
        self.contracts_ = contracts.calibrate(self.contracts_, made, self._statics(made), streams)
        totals = choosing.running(self.constraints_)
        if totals:
            tried = np.stack([self._paths(t, totals, streams) for t in self._tried(made, streams, 0)])
            self.contracts_["choosing"] = choosing.learn_weights(choosing.paths(data, totals), tried)

    def _made(self) -> Generator:
        inner: Any = self.get_params()["inner"]
        if isinstance(inner, str):
            return create(inner)
        if isinstance(inner, Mapping) and isinstance(inner.get("name"), str):
            return create(inner["name"], **{k: v for k, v in inner.items() if k != "name"})
        raise UsageError(
            f"inner is a generator, not {inner!r}", fix='give a name, such as inner="markov_renewal"'
        )

    def _found(self, bare: Sequences) -> tuple[RecurringRows, NDArray[np.int64], NDArray[np.int64]]:
        """What recurs, with the short contracts of codes of which next to every row does; types; type of each chain."""
        found = find_recurring(bare)
        chains = found.chains
        steady = (
            (chains.same >= self.steady) | np.isnan(chains.same)
            if self.steady
            else np.ones(len(chains), bool)
        )
        if len(chains):
            size = len(found.levels)
            rows = np.bincount(found.code, minlength=size)
            own = np.bincount(chains.code[steady], chains.rows[steady], minlength=size)
            pure = np.flatnonzero(own >= PURE * np.maximum(rows, 1))
            amount = np.full(bare.n_rows, np.nan) if found.amount is None else bare.numeric(found.amount)
            party = None if found.party is None else parties_of(bare.column(found.party))
            chains = with_short(
                chains, bare.offsets, found.day, found.code, amount, party, pure, calendar=bare.calendar
            )
            found = replace(found, chains=chains)
            steady = np.isin(chains.code, pure) | (chains.same >= self.steady)
            steady |= np.isnan(chains.same) if found.amount is None else self.steady == 0
        # Where most of what recurs changes its amount, the few chains that do not are steady by chance.
        size = len(found.levels)
        all_rows = np.bincount(chains.code, chains.rows, minlength=size)
        steady &= (np.bincount(chains.code[steady], chains.rows[steady], minlength=size) >= 0.5 * all_rows)[
            chains.code
        ]
        types, kind = contracts.typed(chains, steady, threshold(bare.n_entities))
        return found, types, kind

    @staticmethod
    def _known(found: RecurringRows) -> set[str]:
        return {*found.columns, *([found.amount] if found.amount else [])}

    # -- making

    def _bare(self, entities: range, seed: int, given: Conditions | None, first: int) -> Sequences:
        rest = self._inner._bare(entities, seed, given, first).with_schema(self.bare_schema_)
        if not self.contracts_:
            return rest
        streams = Streams(seed, f"sample:{self.name}", entities)
        if "choosing" not in self.contracts_:
            return self._with_contracts(rest, streams, entities.start)
        totals = choosing.running(self.constraints_)
        tried = self._tried(rest, streams, entities.start)
        log = choosing.weights(
            self.contracts_["choosing"], np.stack([self._paths(t, totals, streams) for t in tried])
        )
        # A race of exponentials, the heavier the faster, is won with chances in proportion to the weights.
        chosen = np.argmin(streams.purpose("choice").exponential(len(tried)).T / np.exp(log), axis=0)
        size = rest.n_entities
        return concat(tried).take(chosen * size + np.arange(size))

    def _tried(self, rest: Sequences, streams: Streams, first: int) -> list[Sequences]:
        return [self._with_contracts(rest, streams.purpose("try", k), first) for k in range(TRIES)]

    def _paths(self, made: Sequences, totals: list[str], streams: Streams) -> NDArray[np.float64]:
        return choosing.paths(self.constraints_.restore(made, streams.purpose("constraints")), totals)

    def _with_contracts(self, rest: Sequences, streams: Streams, first: int) -> Sequences:
        state, encoder = self.contracts_, self.encoder_
        drawn = contracts.draw(state, rest, self._statics(rest), streams, 1 + len(state["else"]["columns"]))
        code = np.asarray(state["types"])[drawn.kind, 0]
        level = {n: np.asarray(state["levels"])[code, j] for j, n in enumerate(state["columns"])}
        time, table = columns.fill(
            state["else"], rest.rows, self.bare_schema_, encoder, drawn, level, state["amount"] or None,
            streams.purpose("contracts"),
        )  # fmt: skip
        inside = np.ones(len(time), np.bool_)
        if encoder.windowed_:
            inside = (time >= rest.start[drawn.entity]) & (time <= rest.end[drawn.entity])
        table, time, owner = table.filter(pa.array(inside)), time[inside], drawn.entity[inside]
        rest = rest.keep_rows(standing.kept(state, rest, drawn))
        entity = np.concatenate([rest.entity_of_row, owner])
        order = np.lexsort((np.concatenate([rest.time, time]), entity))
        offsets = np.concatenate([[0], np.cumsum(np.bincount(entity, minlength=rest.n_entities))])
        rows = pa.concat_tables([rest.rows, table]).take(pa.array(order))
        made = replace(rest, rows=rows, offsets=offsets.astype(np.int64), _cache={})
        return self._renamed(made, first)

    def _statics(self, rest: Sequences) -> dict[str, Field]:
        return self.encoder_.encode_statics(rest, [c.name for c in self.bare_schema_.statics])

    def _renamed(self, made: Sequences, first: int) -> Sequences:
        """With a name of its own for every row, where the source names its rows."""
        edge = np.zeros(made.n_entities)
        view = Rows(made.offsets, np.zeros(made.n_rows), edge, edge)
        named = {
            c.name: self.encoder_._identifier(c, view, first)
            for c in self.bare_schema_
            if c.kind == "identifier" and not c.static and c.role not in ("entity", "party")
        }
        return made.with_columns(named) if named else made

    # -- saving and showing

    def get_state(self) -> dict[str, Any]:
        """All that was learned, the inner generator's state included."""
        state, inner = super().get_state(), self._inner
        state["inner"] = {"name": inner.name, "parameters": inner.get_params(), "state": inner.get_state()}
        return state

    def set_state(self, state: dict[str, Any]) -> Self:
        """Become the generator whose `get_state` this was."""
        super().set_state(state)
        inner = state["inner"]
        self._inner = create(inner["name"], **inner["parameters"]).set_state(inner["state"])
        return self

    def diagnose(self, holdout: Sequences | None = None) -> dict[str, Any]:
        """What was learned; `recurring` has the rows that are contracts and the contracts of each code."""
        found = super().diagnose(holdout)
        found["recurring"] = {"rows": self.contracts_.get("rows", 0), "codes": self._codes()}
        found["inner"] = self._inner.diagnose()
        return found

    def _codes(self) -> list[dict[str, Any]]:
        if not self.contracts_:
            return []
        told = []
        for code, rows in self.contracts_["once"]["counts"].items():
            level = np.asarray(self.contracts_["levels"])[int(code)]
            named = {}
            for name, at in zip(self.contracts_["columns"], level, strict=True):
                known = self.bare_schema_[name].levels or (False, True)
                named[name] = None if at < 0 else known[int(at)]
            told.append({"code": named, "contracts": int(np.arange(len(rows)) @ np.asarray(rows))})
        return told
