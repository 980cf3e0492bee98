"""`evaluate`: asks every score about the synthetic rows, and about real ones that it has never seen."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow.compute as pc

from tsynth import registry
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

__all__ = ["REWEIGHTINGS", "evaluate"]

REWEIGHTINGS = 200
"""Bootstrap draws behind an interval."""
FEW, FEW_TWINS, SMALL = 20, 50, 2_000
"""Entities of the holdout below which time is cut into blocks, the same where they also stand in train, and below
which several halvings are averaged."""
HALVINGS, DEAR_HALVINGS = 5, 2
MOST_DETAILS = 40
MOST_ENTITIES, MOST_ROWS = 5_000, 200_000
"""Entities and rows of a side that are looked at."""

Progress = Callable[[str, int, int], None]


@dataclass
class _Halving:
    """One way to halve the holdout, with as many synthetic and training entities."""

    number: int
    reference: NDArray[np.int64]
    synthetic: NDArray[np.int64]
    control: NDArray[np.int64] | None = None
    train: NDArray[np.int64] | None = None
    kept: Weights | None = None

    def weights(self, seed: int) -> Weights:
        """Bootstrap weights of what is compared, drawn once for all scores."""
        if self.kept is None:
            control = np.empty(0, np.int64) if self.control is None else self.control
            self.kept = Weights(
                _weights("holdout", self.reference, seed),
                _weights("synthetic", self.synthetic, seed),
                _weights("holdout", control, seed),
                lambda entities: _weights("train", entities, seed),
            )
        return self.kept


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
    (`copied`: what copying scores), all cut to the same number of entities. Below 2,000 entities five halvings are
    averaged; below 20, or where the holdout is another time of the same sequences, they are cut into blocks of time
    that alternate between reference and control.
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
    asked = _scores(scores)
    others = {"synthetic": synthetic} if holdout is None else {"synthetic": synthetic, "holdout": holdout}
    train, others = aligned(train, others)
    for who, data in {"train": train, **others}.items():
        if not data.n_rows:
            raise DataError(f"{who} has no rows", fix="hand in rows on every side")
    train, others = in_rule_order(train, others)
    meta: dict[str, Any] = {
        "seed": seed,
        "reweightings": REWEIGHTINGS,
        "caps": {"entities": MOST_ENTITIES, "rows": MOST_ROWS},
        "sizes": {
            w: {"entities": d.n_entities, "rows": d.n_rows} for w, d in {"train": train, **others}.items()
        },
    }
    alone = train.n_entities == 1
    train, others, halvings = _halve(train, others, seed, meta)
    done = {}
    for i, score in enumerate(asked):
        if progress:
            progress(score.name, i, len(asked))
        done[score.name] = _ask(score, train, others, halvings, seed)
    if progress:
        progress("", len(asked), len(asked))
    return Report(done, answers(done, alone=alone), meta)


def _scores(asked: str | Iterable[str | Score]) -> list[Score]:
    if isinstance(asked, str):
        if asked not in ("standard", "all"):
            raise UsageError(f"there is no suite {asked!r}", fix='use "standard", "all" or a list of names')
        classes = [registry.find("scores", name) for name in registry.names("scores")]
        return [c() for c in classes if asked == "all" or c.standard]
    return [registry.find("scores", s)() if isinstance(s, str) else s for s in asked]


# -- halving


def _halve(
    train: Sequences, others: dict[str, Sequences], seed: int, meta: dict[str, Any]
) -> tuple[Sequences, dict[str, Sequences], list[_Halving]]:
    holdout = others.get("holdout")
    judge = holdout if holdout is not None else train
    parity = None
    if holdout is not None and _later(train, holdout):
        meta["holdout_in_other_time"] = True
        train = train.with_notes(
            Note(OTHER_TIME, "the holdout lies later than train; absolute time is not compared")
        )
    if _split_by_time(train, judge):
        length = int(np.clip(judge.n_rows // 40, 4, 64))
        meta["unit"] = f"block of {length} rows"
        train, others = blocks(train, length), {who: blocks(data, length) for who, data in others.items()}
        if holdout is not None:
            parity = np.arange(others["holdout"].n_entities) % 2
    else:
        meta["unit"] = "entity"
    sides = {"train": train, **others}
    limit = MOST_ENTITIES
    for data in sides.values():
        limit = min(limit, max(2, int(MOST_ROWS / max(data.n_rows / max(data.n_entities, 1), 1))))
    halvings = []
    if holdout is None:
        n = min(train.n_entities, others["synthetic"].n_entities, limit)
        halvings.append(
            _Halving(0, _drawn(train, "train", n, seed), _drawn(others["synthetic"], "synthetic", n, seed))
        )
    else:
        count = others["holdout"].n_entities
        repeats = 2 if parity is not None else 1 if count >= SMALL else HALVINGS
        for h in range(repeats):
            order = _order(count, ("halve", h), seed)
            if parity is not None:
                first, second = order[parity[order] == h % 2], order[parity[order] != h % 2]
            else:
                first, second = order[: count // 2], order[count // 2 :]
            n = min(len(first), len(second), train.n_entities, others["synthetic"].n_entities, limit)
            halvings.append(
                _Halving(
                    h,
                    first[:n],
                    _drawn(others["synthetic"], "synthetic", n, seed, h),
                    second[:n],
                    _drawn(train, "train", n, seed, h),
                )
            )
    meta["halvings"] = len(halvings) if holdout is not None else 0
    meta["compared"] = {"entities": len(halvings[0].reference)}
    return train, others, halvings


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


def _ask(
    score: Score, train: Sequences, others: dict[str, Sequences], halvings: list[_Halving], seed: int
) -> Result:
    blank = Result(
        score.name, score.title, score.question, score.group, counts_as_fidelity=score.counts_as_fidelity
    )
    if score.needs_holdout and "holdout" not in others:
        return _silent(blank, "it needs a holdout, real rows that the generator has not seen")
    if len(halvings[0].reference) < 2:
        return _silent(blank, "fewer than two entities can be compared on each side")
    if score.dear:
        halvings = halvings[:DEAR_HALVINGS]
    try:
        asked = [_Answers(score, train, others, halving, seed) for halving in halvings]
    except DoesNotApply as reason:
        return replace(
            blank, status="does not apply", reason=str(reason), verdict=f"Does not apply: {reason}."
        )
    except CannotSay as reason:
        return _silent(blank, str(reason))
    if not all(np.isfinite(a.value) for a in asked):
        return _silent(blank, "the data give no number")
    value, floor, copied = (_mean([getattr(a, key) for a in asked]) for key in ("value", "floor", "copied"))
    interval, by = None, ""
    if value is not None and floor is not None and score.interval_by != "none":
        interval, by = _interval(score, asked, seed, value - floor)
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


class _Answers:
    """A score's answers for one halving, kept prepared for reweighting."""

    def __init__(
        self, score: Score, train: Sequences, others: dict[str, Sequences], halving: _Halving, seed: int
    ) -> None:
        self.score, self.halving = score, halving
        source = others.get("holdout", train)
        reference, candidate = source.take(halving.reference), others["synthetic"].take(halving.synthetic)
        reason = score.cannot(train, reference, candidate)
        if reason:
            raise CannotSay(reason)

        def prepared(data: Sequences) -> Any:
            streams = Streams(seed, ("score", score.name, halving.number), range(data.n_entities))
            return score.prepare(train, reference, data, streams)

        self.ones = np.ones(len(halving.reference))
        self.synthetic = prepared(candidate)
        self.value = float(score.value(self.synthetic, self.ones, self.ones))
        self.control = self.floor = self.copied = None
        if halving.control is not None and halving.train is not None:
            try:
                self.control = prepared(source.take(halving.control))
                self.floor = float(score.value(self.control, self.ones, self.ones))
                self.copied = float(score.value(prepared(train.take(halving.train)), self.ones, self.ones))
            except CannotSay:
                pass

    def details(self) -> list[Detail]:
        floors = {} if self.control is None else {d.label: d.value for d in self.score.details(self.control)}
        return [replace(d, floor=floors.get(d.label, d.floor)) for d in self.score.details(self.synthetic)]

    def differences(self, seed: int) -> NDArray[np.float64]:
        """Value - floor under bootstrap weights of the entities, (B,)."""
        return self.score.differences(self.synthetic, self.control, self.halving.weights(seed))


def _interval(
    score: Score,
    asked: list[_Answers],
    seed: int,
    excess: float,
) -> tuple[tuple[float, float] | None, str]:
    if score.interval_by == "halvings":
        if len(asked) < HALVINGS:
            return None, ""
        spread = 2 * float(np.std([a.value - (a.floor or 0) for a in asked], ddof=1))
        return (excess - spread, excess + spread), f"twice the spread over {len(asked)} halvings"
    draws = np.mean([a.differences(seed) for a in asked], axis=0)
    around = draws - draws.mean()
    low, high = np.quantile(around, [0.025, 0.975])
    return (float(excess + low), float(excess + high)), f"entity bootstrap, {REWEIGHTINGS} reweightings"


def _weights(who: str, entities: NDArray[np.int64], seed: int) -> NDArray[np.float64]:
    """Poisson weights of entities of a side, (B, entities): an entity has the same ones in every halving."""
    drawn = Streams(seed, ("bootstrap", who), entities).poisson(1.0, REWEIGHTINGS)
    return np.ascontiguousarray(drawn.T, dtype=np.float64)
