"""Does it repeat the training data?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from tsynth.data.sequences import Sequences
from tsynth.scores.base import CannotSay, Result, Score, Weights
from tsynth.scores.ruler import ruler
from tsynth.scores.times import between
from tsynth.scores.weights import Counts
from tsynth.scores.words import share

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsynth.data.streams import Streams

__all__ = ["ExactRows", "ExactRuns", "folded"]


@dataclass
class _Repeated:
    columns: list[str]
    reference: Counts
    candidate: Counts
    streams: Streams


class _Exact(Score):
    group = "privacy"
    needs_holdout = True
    whole_train = True
    run: ClassVar[int] = 1
    thing: ClassVar[str] = "rows"

    def prepare(
        self, train: Sequences, reference: Sequences, candidate: Sequences, streams: Streams
    ) -> _Repeated:
        """Which rows or runs stand in train."""
        measure = ruler(train)
        names = [c.name for c in measure.varied if not c.static]
        if not names:
            raise CannotSay("no column of the rows varies")
        timed = train.schema.time is not None and (self.run > 1 or len(names) < 2)
        if f"hashes {self.run}" not in measure.kept:
            measure.kept[f"hashes {self.run}"] = np.unique(_hashes(train, names, self.run, timed)[0])
        known = measure.kept[f"hashes {self.run}"]
        tables = []
        for data in (reference, candidate):
            hashes, entity = _hashes(data, names, self.run, timed)
            if not len(hashes):
                raise CannotSay(f"no entity has {self.run} rows")
            tables.append(Counts(entity, np.isin(hashes, known).astype(np.int64), data.n_entities, 2))
        return _Repeated(
            [*names, *(["time since the row before"] if timed else [])], tables[0], tables[1], streams
        )

    def value(
        self,
        prepared: _Repeated,
        reference_weights: NDArray[np.float64],
        candidate_weights: NDArray[np.float64],
    ) -> float:
        """The share of the candidate."""
        fresh, repeated = prepared.candidate.total(candidate_weights)
        return float(repeated / max(fresh + repeated, 1e-300))

    def differences(self, synthetic: _Repeated, control: _Repeated, weights: Weights) -> NDArray[np.float64]:
        """Value - floor, each with the noise of one row more that may repeat or not.

        Where next to nothing repeats a bootstrap has nothing to draw from, and a single row would look certain.
        """
        out = super().differences(synthetic, control, weights)
        sides = (("synthetic", synthetic, weights.synthetic, 1), ("control", control, weights.control, -1))
        for who, side, drawn, sign in sides:
            own = type(side.streams)(side.streams.seed, ("one row more", self.name, who), range(1))
            more = own.poisson(1.0, len(drawn))[0] - 1.0
            out = out + sign * more / np.maximum(side.candidate.total(drawn).sum(axis=-1), 1)
        return out

    def curve(self, prepared: _Repeated) -> dict[str, Any]:
        """Both shares and what was compared."""
        ones = np.ones(prepared.candidate.n_entities)
        real = prepared.reference.total()
        both = {"real": float(real[1] / max(real.sum(), 1)), "synthetic": self.value(prepared, ones, ones)}
        return {"share": both, "columns": prepared.columns}

    def verdict(self, result: Result) -> str:
        """Both shares."""
        return (
            f"{share(result.value or 0)} of the synthetic {self.thing} equal one in the training data, "
            f"{share(result.floor or 0)} of held-out real ones do by chance."
        )


class ExactRows(_Exact):
    """Share of rows that equal a training row in every column that varies, beside the share of held-out real rows.

    Time itself is not compared, so a copied row with another date counts; where fewer than two columns vary, the
    time since the row before is.

    Examples
    --------
    >>> ExactRows.question
    'Are rows copied from the training data?'
    """

    name, title, question = "exact_rows", "Copied rows", "Are rows copied from the training data?"
    cannot_see = ("copies with a small change", "copies of statics")


class ExactRuns(_Exact):
    """Share of runs of three rows that equal a run in train, with the times between them.

    Single rows of few columns repeat by chance; three in a row seldom do, and where they do the floor shows it.

    Examples
    --------
    >>> ExactRuns.question
    'Are stretches of rows copied from the training data?'
    """

    name, title = "exact_runs", "Copied runs of three rows"
    question = "Are stretches of rows copied from the training data?"
    cannot_see = ("copies with a small change", "stretches shorter than three rows")
    run = 3
    thing = "runs of three rows"


def _mixed(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """SplitMix64's finaliser, which spreads every bit over the word."""
    values = values ^ (values >> np.uint64(30))
    values = values * np.uint64(0xBF58476D1CE4E5B9)
    values = values ^ (values >> np.uint64(27))
    values = values * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def _hashes(
    data: Sequences, names: list[str], run: int, timed: bool
) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """A hash a run of rows inside one entity, and its entity."""
    columns = []
    for name in names:
        discrete = data.schema[name].discrete
        columns.append(data.codes(name).astype(np.float64) if discrete else data.numeric(name))
    rows = folded(columns, data.n_rows)
    count = max(data.n_rows - run + 1, 0)
    gaps = between(data) if timed else np.empty(0)
    hashes = np.zeros(count, np.uint64)
    for k in range(run):
        hashes = _mixed(hashes + rows[k : k + count] + np.uint64(0x9E3779B97F4A7C15))
        if timed and (k or run == 1):
            hashes = folded([gaps[k : k + count]], count, hashes)
    first, last = data.entity_of_row[:count], data.entity_of_row[run - 1 :]
    inside = first == last[:count]
    return hashes[inside], first[inside]


def folded(
    columns: list[NDArray[np.float64]], n: int, start: NDArray[np.uint64] | None = None
) -> NDArray[np.uint64]:
    """A hash of each row of some columns, (n,), upon those of `start`; values that are not finite count as one."""
    out = np.zeros(n, np.uint64) if start is None else start
    for values in columns:
        bits = (np.where(np.isfinite(values), values, np.inf) + 0.0).view(
            np.uint64
        )  # + 0.0: no negative zero
        out = _mixed(out + bits + np.uint64(0x9E3779B97F4A7C15))
    return out
