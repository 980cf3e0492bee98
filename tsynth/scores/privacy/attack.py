"""What attacks on membership share: who is attacked, how success is measured, and how it is told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from tsynth.data.sequences import Sequences
from tsynth.data.streams import Streams
from tsynth.scores.base import Detail, Result, Score, Weights
from tsynth.scores.parts import CELL
from tsynth.scores.privacy.field import Field, cannot_attack
from tsynth.scores.words import number, share

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Attacked", "MembershipAttack", "areas"]

REWEIGHTINGS = 200
FALSE = (0.01, 0.05, 0.1)
"""Rates of false alarms at which the rate of members that are recognised is told."""
OUTLYING, WIDE = 0.1, 10.0
NORMAL = (-1.2816, -0.5244)
"""The normal quantiles of .1 and .3."""


def areas(
    score: NDArray[np.float64], truth: NDArray[np.bool_], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Area under the ROC curve under many weights, (B, n), ties counted half, as (B,); .5 where a side is empty."""
    order = np.argsort(score, kind="stable")
    score, truth, weights = score[order], truth[order], weights[:, order]
    first = np.flatnonzero(np.r_[True, score[1:] != score[:-1]])
    up = np.add.reduceat(np.where(truth, weights, 0.0), first, axis=1)
    down = np.add.reduceat(np.where(truth, 0.0, weights), first, axis=1)
    whole = up.sum(axis=1) * down.sum(axis=1)
    won = (up * (np.cumsum(down, axis=1) - down / 2)).sum(axis=1)
    return np.divide(won, whole, out=np.full(len(weights), 0.5), where=whole > 0)


@dataclass
class Attacked:
    """How much each target looks like a member, members first, to each variant of an attack and to all together.

    Parameters
    ----------
    score : float array, (targets,)
        Of all variants together.
    truth : bool array, (targets,)
    variants : dict of str to float array
    members, strangers : int64 arrays
        Their places in train and in the reference.
    outlying : bool array, (targets,)
        Those farthest from the population.
    seen : int
        Entities that the attacker sees.
    seed : int
    """

    score: NDArray[np.float64]
    truth: NDArray[np.bool_]
    variants: dict[str, NDArray[np.float64]]
    members: NDArray[np.int64]
    strangers: NDArray[np.int64]
    outlying: NDArray[np.bool_]
    seen: int
    seed: int


class MembershipAttack(Score):
    """Base of attacks that ask of a real entity whether the generator learned from it.

    The value is 2 AUC - 1: 0 where a training entity looks more like a member than an unseen real one in half of
    the pairs, 1 where it always does. Variants of an attack are scaled by lower quantiles, cut at ±10 and summed, which
    brings no success by itself, as choosing the best would. The interval weighs members and strangers; the
    candidate stays as it is, because the attack is on this one release.

    A leaf has `attacker`, one sentence on what he knows, and `scores`.
    """

    group = "privacy"
    needs_holdout = True
    whole_candidate = True
    attacker: ClassVar[str]

    def cannot(self, train: Sequences, reference: Sequences | None, candidate: Sequences) -> str | None:
        """Attacks need entities, of the same time."""
        return cannot_attack(train)

    def scores(self, field: Field, streams: Streams) -> dict[str, NDArray[np.float64]]:
        """How much each target looks like a member, to each variant of the attack, by its name."""
        raise NotImplementedError

    def prepare(
        self, train: Sequences, reference: Sequences, candidate: Sequences, streams: Streams
    ) -> Attacked:
        """Attack all targets."""
        field = Field.of(train, reference, candidate, streams.seed)
        variants = self.scores(field, streams)
        lonely = field.near[1][:, -1]
        outlying = np.zeros(len(lonely), bool)
        outlying[np.argsort(-lonely, kind="stable")[: int(OUTLYING * len(lonely))]] = True
        return Attacked(
            np.sum([_scaled(score) for score in variants.values()], axis=0), field.truth, variants,
            field.members, field.strangers, outlying, candidate.n_entities, streams.seed,
        )  # fmt: skip

    def value(
        self,
        prepared: Attacked,
        reference_weights: NDArray[np.float64],
        candidate_weights: NDArray[np.float64],
    ) -> float:
        """2 AUC - 1."""
        strangers = reference_weights[prepared.strangers]
        weights = np.concatenate([np.ones(len(prepared.members)), strangers])
        return 2 * float(areas(prepared.score, prepared.truth, weights[None])[0]) - 1

    def differences(self, synthetic: Attacked, control: Attacked, weights: Weights) -> NDArray[np.float64]:
        """Value - floor under weights of members and strangers, the same for both."""
        drawn = [weights.train(synthetic.members), weights.reference[:, synthetic.strangers]]
        both = np.concatenate(drawn, axis=1)
        first, second = (areas(side.score, side.truth, both) for side in (synthetic, control))
        return 2 * (first - second)

    def details(self, prepared: Attacked) -> list[Detail]:
        """Each variant, and entities that lie apart, with intervals."""
        weights, everyone = _weights(prepared), np.ones(len(prepared.truth), bool)
        found = []
        for name, score in prepared.variants.items():
            auc, low, high = _area(prepared, score, everyone, weights)
            sentence = f"{_upper(name)}: {_pairs(auc, low, high)}."
            found.append(Detail(name, max(2 * auc - 1, 0.0), None, sentence))
        found.sort(key=lambda d: -d.value)
        if _enough(prepared):
            auc, low, high = _area(prepared, prepared.score, prepared.outlying, weights)
            sentence = (
                f"The {share(OUTLYING)} of entities that lie farthest from others: {_pairs(auc, low, high)}."
            )
            found.append(Detail("outlying entities", max(2 * auc - 1, 0.0), None, sentence))
        return found

    def curve(self, prepared: Attacked) -> dict[str, Any]:
        """AUC, its interval, members recognised at few false alarms, the ROC curve."""
        weights, everyone = _weights(prepared), np.ones(len(prepared.truth), bool)
        auc, low, high = _area(prepared, prepared.score, everyone, weights)
        rates = [_recognised(prepared, false, weights) for false in FALSE]
        outliers = None
        if _enough(prepared):
            apart = _area(prepared, prepared.score, prepared.outlying, weights)
            members = int(prepared.truth[prepared.outlying].sum())
            outliers = {"auc": apart[0], "interval": [apart[1], apart[2]], "members": members}
        false = np.linspace(0, 1, 33)
        true = _true(prepared, false, np.ones((1, len(prepared.truth))))[0]
        attacker = f"{self.attacker} He sees {prepared.seen} synthetic entities."
        rows: list[list[Any]] = [["AUC", number(auc), f"{number(low)} to {number(high)}", "0.5"]]
        for rate in rates:
            said = "too few" if rate["rate"] is None else share(rate["rate"])
            between = "" if rate["rate"] is None else " to ".join(share(x) for x in rate["interval"])
            false_rate = share(rate["false_positive_rate"])
            rows.append([f"members recognised at {false_rate} false alarms", said, between, false_rate])
        if outliers:
            between = f"{number(apart[1])} to {number(apart[2])}"
            rows.append(["AUC among outlying entities", number(apart[0]), between, "0.5"])
        lines = {
            "kind": "lines", "title": "Members recognised", "x": [float(x) for x in false], "real": None,
            "synthetic": [float(x) for x in true], "x_label": "share of unseen entities taken for members",
            "y_label": "share of members recognised", "shares": True, "caption": attacker,
        }  # fmt: skip
        table = {
            "kind": "table", "title": "Success of the attack", "rows": rows,
            "columns": ["measure", "attack", "95 % interval", "guessing"],
            "caption": f"On {len(prepared.members)} training entities and {len(prepared.strangers)} unseen ones.",
        }  # fmt: skip
        few = min(len(prepared.members), len(prepared.strangers)) < CELL
        return {
            "auc": auc, "interval": [low, high], "true_positive_rate": rates,
            "roc": {"false": [] if few else lines["x"], "true": [] if few else lines["synthetic"]},
            "outliers": outliers, "attacker": attacker, "pictures": [table] if few else [lines, table],
        }  # fmt: skip

    def verdict(self, result: Result) -> str:
        """How often the attacker is right."""
        said = (
            f"An attacker tells a training entity from an unseen one in {number(50 + 50 * (result.value or 0))} of "
            f"100 pairs, guessing does in 50"
        )
        if result.interval is None:
            return said + "."
        if result.interval[0] > 0:
            return said + ": more than chance explains."
        return said + ": chance explains the difference."


def _scaled(score: NDArray[np.float64]) -> NDArray[np.float64]:
    """A score in units of its spread where it is low, within ±10; it knows nothing of who is a member.

    Members that stand out are high, so the lower quantiles show what the score of others is like.
    """
    tenth, third = np.quantile(score, [0.1, 0.3])
    if third - tenth > 1e-9 * max(abs(tenth), abs(third)):
        spread = (third - tenth) / (NORMAL[1] - NORMAL[0])
        middle = third - NORMAL[1] * spread
    else:
        spread, middle = float(score.std()), float(score.mean())
    return np.clip((score - middle) / spread, -WIDE, WIDE) if spread > 0 else np.zeros(len(score))


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]


def _pairs(auc: float, low: float, high: float) -> str:
    return (
        f"a training entity looks more like a member than an unseen one in {number(100 * auc)} of 100 pairs "
        f"({number(100 * low)} to {number(100 * high)}), in 50 by chance"
    )


def _weights(prepared: Attacked) -> NDArray[np.float64]:
    """Poisson weights of the targets, (B, targets)."""
    streams = Streams(prepared.seed, ("attacks", "targets"), range(len(prepared.truth)))
    return np.ascontiguousarray(streams.poisson(1.0, REWEIGHTINGS).T, dtype=np.float64)


def _area(
    prepared: Attacked, score: NDArray[np.float64], who: NDArray[np.bool_], weights: NDArray[np.float64]
) -> tuple[float, float, float]:
    """AUC among some targets, and its interval."""
    auc = float(areas(score[who], prepared.truth[who], np.ones((1, int(who.sum()))))[0])
    drawn = areas(score[who], prepared.truth[who], weights[:, who])
    low, high = np.quantile(drawn, [0.025, 0.975])
    return auc, min(float(low), auc), max(float(high), auc)


def _enough(prepared: Attacked) -> bool:
    members = int(prepared.truth[prepared.outlying].sum())
    return members >= CELL and int(prepared.outlying.sum()) - members >= CELL


def _true(
    prepared: Attacked, false: NDArray[np.float64], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Share of members recognised at these shares of false alarms, (B, k); targets that tie are told by chance."""
    order = np.argsort(-prepared.score, kind="stable")
    score, truth, weights = prepared.score[order], prepared.truth[order], weights[:, order]
    last = np.flatnonzero(np.r_[score[1:] != score[:-1], True])
    sides = []
    for side in (~truth, truth):
        rising = np.cumsum(np.where(side, weights, 0.0), axis=1)
        rising = np.concatenate([np.zeros((len(weights), 1)), rising[:, last]], axis=1)
        sides.append(rising / np.maximum(rising[:, -1:], 1e-300))
    return np.array([_at(a, b, false) for a, b in zip(*sides, strict=True)])


def _at(
    false: NDArray[np.float64], true: NDArray[np.float64], asked: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The curve at some places; where it rises upright, its top."""
    right = np.searchsorted(false, asked + 1e-12, side="right")
    low = right - 1
    high = np.minimum(right, len(false) - 1)
    width = false[high] - false[low]
    part = np.divide(asked - false[low], width, out=np.zeros(len(asked)), where=width > 0)
    out: NDArray[np.float64] = true[low] + np.clip(part, 0, 1) * (true[high] - true[low])
    return out


def _recognised(prepared: Attacked, false: float, weights: NDArray[np.float64]) -> dict[str, Any]:
    """Members recognised where a share of strangers is taken for members; None where that is not one stranger."""
    if len(prepared.strangers) * false < 1:
        return {"false_positive_rate": false, "rate": None, "interval": None}
    at = np.array([false])
    rate = float(_true(prepared, at, np.ones((1, len(prepared.truth))))[0, 0])
    low, high = np.quantile(_true(prepared, at, weights)[:, 0], [0.025, 0.975])
    return {
        "false_positive_rate": false,
        "rate": rate,
        "interval": [min(float(low), rate), max(float(high), rate)],
    }
