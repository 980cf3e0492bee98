"""`evaluate`: asks every score about the synthetic rows, and about real ones that it has never seen."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow.compute as pc

from tsynth import registry
from tsynth.data.casts import casts_of
from tsynth.data.sequences import Note, Sequences
from tsynth.data.streams import Streams
from tsynth.errors import DataError, UsageError
from tsynth.scores.alignment import aligned, blocks, in_rule_order
from tsynth.scores.base import CannotSay, Detail, DoesNotApply, Result, Score, Weights
from tsynth.scores.report import Report
from tsynth.scores.ruler import OTHER_TIME
from tsynth.scores.verdicts import answers

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["REWEIGHTINGS", "evaluate", "evaluate_each"]

REWEIGHTINGS = 200
"""Bootstrap draws behind an interval."""
FEW, FEW_TWINS = 20, 50
"""Entities of the holdout below which time is cut into blocks, the same where they also stand in train."""
HALVINGS = ((500, 5), (2_000, 2))
"""Entities of the holdout below which so many halvings are averaged; above there is one."""
DEAR_HALVINGS, SPREAD_HALVINGS = 2, 5
"""Halvings that a dear score is asked for at most, and that an interval from halvings needs."""
MOST_DETAILS = 40
MOST_ENTITIES, MOST_ROWS = 5_000, 200_000
"""Entities and rows of a side that are looked at."""
MOST_TRAIN_ENTITIES, MOST_TRAIN_ROWS = 20_000, 500_000
"""Entities and rows of train that are looked at, but by scores that search all of it."""

Progress = Callable[[str, int, int], None]


@dataclass
class _Halving:
    """One way to halve the holdout, with as many synthetic and training entities."""

    number: int
    reference: NDArray[np.int64]
    synthetic: NDArray[np.int64]
    control: NDArray[np.int64] | None = None
    train: NDArray[np.int64] | None = None

    @property
    def key(self) -> tuple[int, int]:
        """What two candidates share that have the same reference and control."""
        return self.number, len(self.reference)


def evaluate(
    train: Sequences,
    synthetic: Sequences,
    holdout: Sequences | None = None,
    *,
    seed: int = 0,
    scores: str | Iterable[str | Score] = "standard",
    progress: Progress | None = None,
) -> Report:
    """How faithful, useful and private synthetic rows are, each number beside what held-out real data score.

    The holdout is halved by entity into reference and control. Each score is asked for the gap of the synthetic
    rows to the reference (`value`), of the control (`floor`: what real data score) and of a sample of train
    (`copied`: what copying scores), all cut to the same number of entities. Below 500 entities five halvings are
    averaged, below 2,000 two; below 20, or where the holdout is another time of the same sequences, they are cut
    into blocks of time that alternate between reference and control.
    The interval of value - floor is an entity bootstrap: 200 Poisson reweightings, centred, nothing refitted.
    Without a holdout the reference is train itself, floor and copied are unknown, and scores of privacy cannot say.

    Parameters
    ----------
    train : Sequences
        What the generator learned from.
    synthetic : Sequences
        What it made; may lack identifiers and texts.
    holdout : Sequences, optional
        Real rows that it has not seen.
    seed : int
        The same seed, the same report.
    scores : "standard", "all" or iterable of str or Score
        Names of the registry, or scores of your own.
    progress : callable, optional
        Called as ``progress(name, done, total)`` before each score and once at the end.

    Returns
    -------
    Report

    Raises
    ------
    SchemaMismatch
        Columns are missing, new or of another nature.
    DataError
        One side has no rows.
    """
    made = {"synthetic": synthetic}
    return evaluate_each(train, made, holdout, seed=seed, scores=scores, progress=progress)["synthetic"]


def evaluate_each(
    train: Sequences,
    made: Mapping[str, Sequences],
    holdout: Sequences | None = None,
    *,
    seed: int = 0,
    scores: str | Iterable[str | Score] = "standard",
    progress: Progress | None = None,
) -> dict[str, Report]:
    """`evaluate` for several synthetic sides beside each other, under one schema: the real sides are scored once.

    Parameters
    ----------
    train : Sequences
    made : mapping of str to Sequences
        Each synthetic side by name ("train" and "holdout" are taken).
    holdout : Sequences, optional
    seed : int
    scores : "standard", "all" or iterable of str or Score
    progress : callable, optional
        As for `evaluate`; a step is a score for all sides.

    Returns
    -------
    dict of str to Report

    Raises
    ------
    SchemaMismatch, DataError
        As `evaluate`, for the first side that cannot be scored.
    UsageError
        A name is taken, or there is no synthetic side.
    """
    asked = _scores(scores)
    if not made or {"train", "holdout"} & set(made):
        raise UsageError(
            "each synthetic side needs a name of its own",
            fix='name one at least, other than "train" and "holdout"',
        )
    others = {**made} if holdout is None else {**made, "holdout": holdout}
    train, others = aligned(train, others)
    for who, data in {"train": train, **others}.items():
        if not data.n_rows:
            raise DataError(f"{who} has no rows", fix="hand in rows on every side")
    alone = train.n_entities == 1
    sides = _Sides(train, others, seed)
    done: dict[str, dict[str, Result]] = {name: {} for name in made}
    for i, score in enumerate(asked):
        if progress:
            progress(score.name, i, len(asked))
        shared: dict[tuple[int, int], _Control] = {}
        for name in made:
            done[name][score.name] = _ask(score, sides, name, shared)
    if progress:
        progress("", len(asked), len(asked))
    return {n: Report(found, answers(found, alone=alone), sides.meta(n)) for n, found in done.items()}


def _scores(asked: str | Iterable[str | Score]) -> list[Score]:
    if isinstance(asked, str):
        if asked not in ("standard", "all"):
            raise UsageError(f"there is no suite {asked!r}", fix='use "standard", "all" or a list of names')
        classes = [registry.find("scores", name) for name in registry.names("scores")]
        return [c() for c in classes if asked == "all" or c.standard]
    return [registry.find("scores", s)() if isinstance(s, str) else s for s in asked]


# -- sides and halvings


class _Sides:
    """Train, holdout and the synthetic sides as they are compared, and what is taken from them, kept for all scores."""

    def __init__(self, train: Sequences, others: dict[str, Sequences], seed: int) -> None:
        self.seed = seed
        self.notes: dict[str, Any] = {}
        self._kept: dict[Any, Any] = {}
        self._sizes = {w: _size(d) for w, d in {"train": train, **others}.items()}
        holdout = others.get("holdout")
        judge = holdout if holdout is not None else train
        self.parity = None
        self.unit = "entity"
        if holdout is not None and _later(train, holdout):
            self.notes["holdout_in_other_time"] = True
            train = train.with_notes(
                Note(OTHER_TIME, "the holdout lies later than train; absolute time is not compared")
            )
        if _split_by_time(train, judge):
            length = int(np.clip(judge.n_rows // 40, 4, 64))
            self.unit = f"block of {length} rows"
            train, others = in_rule_order(train, others)
            train, others = blocks(train, length), {who: blocks(d, length) for who, d in others.items()}
            self.whole = train
            train, others = self._capped(train, others)
            if holdout is not None:
                self.parity = np.arange(others["holdout"].n_entities) % 2
        else:
            self.whole = train
            train, others = in_rule_order(*self._capped(train, others))
            if self.whole.n_entities > train.n_entities:
                stated = self.whole.schema.replace(constraints=train.schema.constraints)
                self.whole = self.whole.with_schema(stated)
            else:
                self.whole = train
        self.train, self.holdout = train, others.pop("holdout", None)
        self.made = others

    def _capped(
        self, train: Sequences, others: dict[str, Sequences]
    ) -> tuple[Sequences, dict[str, Sequences]]:
        """What can be looked at: a sample of the entities of each side that has more than are compared."""
        self.limit = MOST_ENTITIES
        for data in (train, *others.values()):
            self.limit = min(
                self.limit, max(2, int(MOST_ROWS / max(data.n_rows / max(data.n_entities, 1), 1)))
            )
        most = max(2 * self.limit, int(MOST_TRAIN_ROWS / max(train.n_rows / max(train.n_entities, 1), 1)))
        most = min(MOST_TRAIN_ENTITIES, most)
        if train.n_entities > most:
            train = train.take(_drawn(train, "train cap", most, self.seed))
            self.notes["train_looked_at"] = _size(train)
        out = {}
        for who, data in others.items():
            wanted = 2 * self.limit if who == "holdout" else self.limit
            # halves of a holdout in blocks are every other block
            if data.n_entities > 2 * wanted and (who != "holdout" or self.unit == "entity"):
                data = data.take(_drawn(data, f"{who} cap", wanted, self.seed))
            out[who] = data
        return train, out

    def train_for(self, score: Score) -> Sequences:
        """Train as a score looks at it: a sample where it is large, unless the score searches all of it."""
        if not score.whole_train or self.whole is self.train:
            return self.train
        if "whole" not in self._kept:
            self._kept["whole"] = in_rule_order(self.whole, {})[0] if self.unit == "entity" else self.whole
        whole: Sequences = self._kept["whole"]
        return whole

    def halvings(self, name: str) -> list[_Halving]:
        """The ways to halve the holdout against one synthetic side."""
        if ("halvings", name) not in self._kept:
            self._kept["halvings", name] = self._halved(name)
        out: list[_Halving] = self._kept["halvings", name]
        return out

    def _halved(self, name: str) -> list[_Halving]:
        made, train, seed = self.made[name], self.train, self.seed
        who = "synthetic"
        if self.holdout is None:
            n = min(train.n_entities, made.n_entities, self.limit)
            return [_Halving(0, _drawn(train, "train", n, seed), _drawn(made, who, n, seed))]
        out, count = [], self.holdout.n_entities
        repeats = 2 if self.parity is not None else next((k for below, k in HALVINGS if count < below), 1)
        for h in range(repeats):
            order = _order(count, ("halve", h), seed)
            if self.parity is not None:
                first, second = order[self.parity[order] == h % 2], order[self.parity[order] != h % 2]
            else:
                first, second = order[: count // 2], order[count // 2 :]
            n = min(len(first), len(second), train.n_entities, made.n_entities, self.limit)
            drawn = _drawn(made, who, n, seed, h), _drawn(train, "train", n, seed, h)
            out.append(_Halving(h, first[:n], drawn[0], second[:n], drawn[1]))
        return out

    def taken(self, who: str, halving: _Halving) -> Sequences:
        """The entities that a halving compares: taken once, so that what is computed of them is kept."""
        key = (who, *halving.key)
        if key not in self._kept:
            real = self.holdout if self.holdout is not None else self.train
            source, index = {
                "reference": (real, halving.reference),
                "control": (real, halving.control),
                "train": (self.train, halving.train),
            }.get(who, (self.made.get(who, real), halving.synthetic))
            assert index is not None
            self._kept[key] = source.take(index)
        out: Sequences = self._kept[key]
        return out

    def weights(self, name: str, halving: _Halving) -> Weights:
        """Bootstrap weights of what is compared, drawn once for all scores."""
        key = ("weights", name, *halving.key)
        if key not in self._kept:
            control = np.empty(0, np.int64) if halving.control is None else halving.control
            self._kept[key] = Weights(
                _weights("holdout", halving.reference, self.seed),
                _weights("synthetic", halving.synthetic, self.seed),
                _weights("holdout", control, self.seed),
                lambda entities: _weights("train", entities, self.seed),
            )
        out: Weights = self._kept[key]
        return out

    def meta(self, name: str) -> dict[str, Any]:
        """What was compared, for the report on one synthetic side."""
        halvings = self.halvings(name)
        sizes = {"train": self._sizes["train"], "synthetic": self._sizes[name]}
        if self.holdout is not None:
            sizes["holdout"] = self._sizes["holdout"]
        return {
            "seed": self.seed,
            "reweightings": REWEIGHTINGS,
            "caps": {"entities": MOST_ENTITIES, "rows": MOST_ROWS},
            "sizes": sizes,
            "casts": [cast.to_dict() for cast in casts_of(self.made[name])],
            **self.notes,
            "unit": self.unit,
            "halvings": len(halvings) if self.holdout is not None else 0,
            "compared": {"entities": len(halvings[0].reference)},
        }


def _size(data: Sequences) -> dict[str, int]:
    return {"entities": data.n_entities, "rows": data.n_rows}


def _twins(train: Sequences, holdout: Sequences) -> NDArray[np.int64]:
    """For each entity of the holdout its place in train, -1 where it is not there."""
    name = train.schema.entity
    if name is None or name not in train or name not in holdout:
        return np.full(holdout.n_entities, -1)
    ids = train.column(name).cast(holdout.column(name).type).combine_chunks()
    twin = pc.index_in(holdout.column(name), value_set=ids).fill_null(-1)
    return np.asarray(twin.combine_chunks(), dtype=np.int64)


def _later(train: Sequences, holdout: Sequences) -> bool:
    """Whether the holdout lies after train: as a whole, or sequence by sequence where they are the same ones."""
    if np.nanmin(holdout.time) >= np.nanmax(train.time):
        return True
    at = _twins(train, holdout)
    both = (at >= 0) & (holdout.lengths > 0) & (train.lengths[at] > 0)
    if both.mean() < 0.5:
        return False
    first = holdout.time[holdout.offsets[:-1][both]]
    last = train.time[train.offsets[1:][at[both]] - 1]
    return bool(np.mean(first >= last) > 0.9)


def _split_by_time(train: Sequences, judge: Sequences) -> bool:
    """Whether blocks of time must stand for entities: few, or the same sequences on both sides of the split."""
    if judge.n_entities < FEW:
        return True
    same = float(np.mean(_twins(train, judge) >= 0)) > 0.5
    return judge is not train and same and (judge.n_entities < FEW_TWINS or _later(train, judge))


def _order(count: int, purpose: tuple[str | int, ...], seed: int) -> NDArray[np.int64]:
    return np.argsort(Streams(seed, ("evaluate", *purpose), range(count)).uniform(), kind="stable")


def _drawn(data: Sequences, who: str, n: int, seed: int, halving: int = 0) -> NDArray[np.int64]:
    return np.sort(_order(data.n_entities, ("draw", who, halving), seed)[:n])


# -- asking one score


def _ask(score: Score, sides: _Sides, name: str, shared: dict[tuple[int, int], _Control]) -> Result:
    blank = Result(
        score.name, score.title, score.question, score.group, counts_as_fidelity=score.counts_as_fidelity
    )
    halvings = sides.halvings(name)
    if score.needs_holdout and sides.holdout is None:
        return _silent(blank, "it needs a holdout, real rows that the generator has not seen")
    if len(halvings[0].reference) < 2:
        return _silent(blank, "fewer than two entities can be compared on each side")
    if score.dear:
        halvings = halvings[:DEAR_HALVINGS]
    try:
        asked = [_Answers(score, sides, name, halving, shared) for halving in halvings]
    except DoesNotApply as reason:
        return replace(
            blank, status="does not apply", reason=str(reason), verdict=f"Does not apply: {reason}."
        )
    except CannotSay as reason:
        return _silent(blank, str(reason))
    if not all(np.isfinite(a.value) for a in asked):
        return _silent(blank, "the data give no number")
    value = _mean([a.value for a in asked])
    floor, copied = (_mean([getattr(a.real, key) for a in asked]) for key in ("floor", "copied"))
    interval, by = None, ""
    if value is not None and floor is not None and score.interval_by != "none":
        interval, by = _interval(score, asked, value - floor)
    result = replace(
        blank,
        value=_shown(value),
        floor=_shown(floor),
        copied=_shown(copied),
        interval=interval,
        interval_by=by,
        details=tuple([d for d in asked[0].details() if d.sentence][:MOST_DETAILS]),
        curve=score.curve(asked[0].synthetic),
    )
    return replace(result, verdict=score.verdict(result))


def _silent(blank: Result, reason: str) -> Result:
    return replace(blank, status="cannot say", reason=reason, verdict=f"Cannot say: {reason}.")


def _shown(value: float | None) -> float | None:
    """A gap as it is shown: not below 0, where the candidate did better than could be asked of it."""
    return None if value is None else max(0.0, value)


def _mean(values: list[float | None]) -> float | None:
    known = [v for v in values if v is not None and np.isfinite(v)]
    return float(np.mean(known)) if len(known) == len(values) else None


@dataclass
class _Control:
    """What real data score in one halving, the same for every synthetic side."""

    prepared: Any = None
    floor: float | None = None
    copied: float | None = None
    drawn: NDArray[np.float64] | None = None


class _Answers:
    """A score's answers for one halving, kept prepared for reweighting."""

    def __init__(
        self,
        score: Score,
        sides: _Sides,
        name: str,
        halving: _Halving,
        shared: dict[tuple[int, int], _Control],
    ) -> None:
        self.score, self.sides, self.name, self.halving = score, sides, name, halving
        self.train, self.reference = sides.train_for(score), sides.taken("reference", halving)
        candidate = sides.made[name] if score.whole_candidate else sides.taken(name, halving)
        reason = score.cannot(self.train, self.reference, candidate)
        if reason:
            raise CannotSay(reason)
        self.synthetic, self.value = self._answer(candidate)
        if halving.key not in shared:
            shared[halving.key] = self._control()
        self.real = shared[halving.key]

    def _answer(self, data: Sequences) -> tuple[Any, float]:
        streams = Streams(
            self.sides.seed, ("score", self.score.name, self.halving.number), range(data.n_entities)
        )
        prepared = self.score.prepare(self.train, self.reference, data, streams)
        ones = np.ones(len(self.halving.reference))
        return prepared, float(self.score.value(prepared, ones, ones))

    def _control(self) -> _Control:
        found = _Control()
        if self.halving.control is not None and self.halving.train is not None:
            try:
                found.prepared, found.floor = self._answer(self.sides.taken("control", self.halving))
                copy = (
                    self.sides.train
                    if self.score.whole_candidate
                    else self.sides.taken("train", self.halving)
                )
                found.copied = self._answer(copy)[1]
            except CannotSay:
                pass
        return found

    def details(self) -> list[Detail]:
        """The parts with their floors."""
        real = self.real.prepared
        floors = {} if real is None else {d.label: d.value for d in self.score.details(real)}
        return [replace(d, floor=floors.get(d.label, d.floor)) for d in self.score.details(self.synthetic)]

    def differences(self) -> NDArray[np.float64]:
        """Value - floor under bootstrap weights of the entities, (B,)."""
        weights, real = self.sides.weights(self.name, self.halving), self.real
        if type(self.score).differences is not Score.differences:
            return self.score.differences(self.synthetic, real.prepared, weights)
        if real.drawn is None:
            real.drawn = self.score.values(real.prepared, weights.reference, weights.control)
        return self.score.values(self.synthetic, weights.reference, weights.synthetic) - real.drawn


def _interval(score: Score, asked: list[_Answers], excess: float) -> tuple[tuple[float, float] | None, str]:
    if score.interval_by == "halvings":
        if len(asked) < SPREAD_HALVINGS:
            return None, ""
        spread = 2 * float(np.std([a.value - (a.real.floor or 0) for a in asked], ddof=1))
        return (excess - spread, excess + spread), f"twice the spread over {len(asked)} halvings"
    draws = np.mean([a.differences() for a in asked], axis=0)
    around = draws - draws.mean()
    low, high = np.quantile(around, [0.025, 0.975])
    return (float(excess + low), float(excess + high)), f"entity bootstrap, {REWEIGHTINGS} reweightings"


def _weights(who: str, entities: NDArray[np.int64], seed: int) -> NDArray[np.float64]:
    """Poisson weights of entities of a side, (B, entities): an entity has the same ones in every halving."""
    drawn = Streams(seed, ("bootstrap", who), entities).poisson(1.0, REWEIGHTINGS)
    return np.ascontiguousarray(drawn.T, dtype=np.float64)
