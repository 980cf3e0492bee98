"""Plain sentences on results, and the three answers a reader looks for first.

Thresholds
----------
faithful
    The worst of three: `Report.times_floor`, good up to 1.5, fair up to 3, else poor; the share of rows, beyond that
    of real ones, that break a found rule or go back in time, good up to .05, fair up to .5; and the better of the
    two judges, beyond what it reaches between halves of real data, good up to a gap of .5 (AUC .75), fair up to .9.
useful
    The part that is lost of what real data teach (their AUC or concordance above .5, their R2 or skill above 0) in
    the worst task that they teach: good up to .1 or where the interval of `utility` reaches 0, fair up to .3, else
    poor. Where real data teach less than .03 it cannot say.
private
    Excess over real data of equal rows (fair above .05, poor above .2), equal runs of three rows (.01, .1) and near
    copies or entities that lie nearest to a training entity (.05, .2, where the interval lies above 0). Attacks on
    membership and on a secret are fair where the excess is above .05 and its interval above 0, poor where the
    interval lies above .1: for membership surely right in over 55 of 100 pairs. Intervals are widened for the number
    of attacks (Bonferroni), because one of many succeeds by chance. The worst counts, the most successful of them is
    named. "good" says that none of these attacks works, not that none can; where an excess would be poor (above .2
    for attacks) but chance can make it, or where train is one entity, it cannot say.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import ndtri

from tsynth.scores.report import Answer, Report
from tsynth.scores.words import number, share

if TYPE_CHECKING:
    from tsynth.scores.base import Result

__all__ = ["FAITHFUL", "JUDGED", "PRIVATE", "STRUCTURE", "USEFUL", "against_floor", "answers"]

FAITHFUL, USEFUL, STRUCTURE, JUDGED = (1.5, 3.0), (0.1, 0.3), (0.05, 0.5), (0.5, 0.9)
TAUGHT = 0.03
COPIED = {
    "exact_rows": (0.05, 0.2),
    "exact_runs": (0.01, 0.1),
    "near_copies": (0.05, 0.2),
    "nearest": (0.05, 0.2),
}
MEMBERSHIP = {
    "membership_density": "knows the population",
    "membership_nearest": "looks for the nearest synthetic entity",
    "known_rows": "knows three rows",
    "visit_times": "knows only the times of rows",
}
ATTACKED = (*MEMBERSHIP, "attribute_disclosure")
FOUND, SURELY, UNSURE = 0.05, 0.1, 0.2
"""Excess of an attack that is fair, its lower bound that is poor, its excess that is unsure if chance can make it."""
PRIVATE = (*COPIED, *ATTACKED)
ATTACKS = {
    "exact_rows": "of the synthetic rows equal a training row",
    "exact_runs": "of the runs of three rows equal one in training",
    "near_copies": "of the synthetic entities are near copies of a training entity",
    "nearest": "of the synthetic entities lie nearest to a training entity",
    "attribute_disclosure": "of the training entities have a secret guessed",
    **dict.fromkeys(MEMBERSHIP, "AUC"),
}
LEVELS = ("good", "fair", "poor")


def against_floor(result: Result) -> str:
    """The gap beside what held-out real data score, and whether chance explains the difference."""
    if result.value is None:
        return f"Cannot say: {result.reason}."
    value = number(result.value)
    if result.floor is None:
        return f"The gap is {value}; without held-out real data nothing says whether that is much."
    both = f"The gap is {value}, held-out real data score {number(result.floor)}"
    if result.interval is None:
        return both + "."
    if result.interval[0] > 0:
        ratio = result.value / result.floor if result.floor > 0 else 0.0
        times = f", {number(ratio)} times as much" if 0 < ratio < 100 else ""
        return both + f"{times}: a difference that chance does not explain."
    if result.interval[1] < 0:
        return both + ": closer than held-out real data, which copying can cause."
    return both + ": chance explains the difference."


def answers(results: Mapping[str, Result], *, alone: bool = False) -> tuple[Answer, ...]:
    """Faithful, useful, private, in that order; `alone` where train is one entity, which nobody can hide."""
    return _faithful(results), _useful(results), _private(results, alone)


def _ok(results: Mapping[str, Result], name: str) -> Result | None:
    result = results.get(name)
    return result if result is not None and result.status == "ok" and result.value is not None else None


def _excess(result: Result) -> float:
    return (result.value or 0.0) - (result.floor or 0.0)


def _level(value: float, bounds: tuple[float, float]) -> int:
    return int(value > bounds[0]) + int(value > bounds[1])


def _faithful(results: Mapping[str, Result]) -> Answer:
    times = Report(dict(results)).times_floor
    if times is None:
        return Answer(
            "faithful", "cannot say", "Cannot say: there are no held-out real data to compare with."
        )
    said, levels = [], [_level(times, FAITHFUL)]
    broken = {"constraints": "break a rule that real data hold", "time_goes_back": "go back in time"}
    for name, what in broken.items():
        found = _ok(results, name)
        if found is not None and (level := _level(_excess(found), STRUCTURE)):
            levels.append(level)
            said.append(f"{share(found.value or 0)} of the rows {what}")
    judges = [r for name in ("classifier_entities", "classifier_rows") if (r := _ok(results, name))]
    if judges:
        best = max(judges, key=_excess)
        if level := _level(_excess(best), JUDGED):
            levels.append(level)
            said.append(
                f"a model tells them from real data in {number(50 + 50 * (best.value or 0))} of 100 cases"
            )
    level = max(levels)
    words = ("Close to real data", "Alike in the main, with visible differences", "Clearly unlike real data")
    sentence = f"{words[level]}: gaps are {number(times)} times those between two halves of real data"
    sentence += "".join(f"; {part}" for part in said)
    return Answer("faithful", LEVELS[level], sentence + ".", times, 1.0, "times the noise floor")


def _worst_task(curve: Mapping[str, Any]) -> tuple[Mapping[str, Any], float]:
    """The task of which most is lost of what real data teach, among those that they teach, and how much they do."""
    tasks = [(task, task["real"] - task["constant"]) for task in curve.get("tasks") or [curve]]
    teach = [(task, taught) for task, taught in tasks if taught >= TAUGHT]
    if not teach:
        return max(tasks, key=lambda pair: pair[1])
    return max(teach, key=lambda pair: (pair[0]["real"] - pair[0]["synthetic"]) / pair[1])


def _useful(results: Mapping[str, Result]) -> Answer:
    result = _ok(results, "utility")
    if result is None:
        reason = results["utility"].reason if "utility" in results else "the score was not asked for"
        return Answer("useful", "cannot say", f"Cannot say: {reason}.")
    curve, taught = _worst_task(result.curve)
    if taught < TAUGHT:
        sentence = (
            f"Cannot say: real data themselves teach next to nothing here, {curve['task']} reaches {curve['measure']} "
            f"{number(curve['real'])} after training on them."
        )
        return Answer("useful", "cannot say", sentence, curve["synthetic"], curve["real"], curve["measure"])
    level = _level((curve["real"] - curve["synthetic"]) / taught, USEFUL)
    if level and result.interval is not None and result.interval[0] <= 0:
        level, words = (
            1,
            "Models trained on it seem to lose something, but so few entities leave it to chance",
        )
    else:
        words = (
            "Models trained on it do as well",
            "Models trained on it lose something",
            "Models trained on it lose much",
        )[level]
    sentence = (
        f"{words}: {curve['task']} reaches {curve['measure']} {number(curve['synthetic'])} "
        f"on real data after training on synthetic rows, {number(curve['real'])} after training on real ones."
    )
    return Answer("useful", LEVELS[level], sentence, curve["synthetic"], curve["real"], curve["measure"])


def _private(results: Mapping[str, Result], alone: bool) -> Answer:
    known = [r for name in PRIVATE if (r := _ok(results, name)) is not None and r.floor is not None]
    if not known:
        reasons = [results[name].reason for name in PRIVATE if name in results and results[name].reason]
        return Answer(
            "private", "cannot say", f"Cannot say: {reasons[0] if reasons else 'no attack was tried'}."
        )
    tries = sum(r.interval is not None for r in known)
    levels, unsure = [], []
    for result in known:
        level, doubt = _leak(result, tries)
        levels.append(level)
        unsure += [result] if doubt else []
    if unsure and not max(levels):
        result = unsure[-1]
        made, real, said = _attack(result)
        sentence = f"Cannot say: {said}, but of so few chance can make as many."
        return Answer("private", "cannot say", sentence, made, real, ATTACKS[result.name])
    level = max(levels)
    worst = [r for r, one in zip(known, levels, strict=True) if one == level]
    attacks = (
        [r for r in worst if r.name in ATTACKED] if level else [r for r in known if r.name in MEMBERSHIP]
    )
    best = max(attacks, key=lambda result: result.value or 0.0, default=None)
    shown = max(worst, key=_leaked) if level else best or max(worst, key=_leaked)
    if best is not None and shown.name in ATTACKED:
        shown = best
    if alone and not level:
        made, real, said = _attack(shown)
        sentence = (
            "Cannot say: the source is one entity, so what is made tells of it alone, even where nothing was copied "
            f"({said})."
        )
        return Answer("private", "cannot say", sentence, made, real, ATTACKS[shown.name])
    if level == 0:
        words = (
            "No attack succeeded, which is no proof that none can"
            if shown.name in ATTACKED
            else "No copying was found, which is no proof that there is none"
        )
    elif shown.name in ATTACKED:
        words = ("An attack finds something", "An attack finds out who was in the training data")[level - 1]
    elif level == 1:
        words = "Some synthetic data lie closer to the training data than they should"
    else:
        words = (
            "Synthetic data lie closer to the training data than chance explains"
            if shown.name in ("nearest", "near_copies")
            else "Synthetic data repeat training data"
        )
    made, real, said = _attack(shown)
    if level and best is not None and best is not shown:
        said += f"; {_attack(best)[2]}"
    return Answer("private", LEVELS[level], f"{words}: {said}.", made, real, ATTACKS[shown.name])


def _leak(result: Result, tries: int) -> tuple[int, bool]:
    """How bad a leak is, and whether it would be bad but chance can make it."""
    excess, lowest = _excess(result), -np.inf
    if result.interval is not None:
        low, high = result.interval
        wider = float(ndtri(1 - 0.025 / max(tries, 1)) / ndtri(0.975))
        lowest = (low + high) / 2 - wider * (high - low) / 2
    if result.name in COPIED:
        level = _level(excess, COPIED[result.name])
        chance = result.interval is not None and lowest <= 0
        return (0, level == 2) if chance else (level, False)
    if lowest > SURELY:
        return 2, False
    if lowest > 0 and excess > FOUND:
        return 1, False
    return 0, excess > UNSURE


def _leaked(result: Result) -> float:
    """Excess beside the one that is poor, to find the worst of leaks that are equally bad."""
    bad = COPIED[result.name][1] if result.name in COPIED else UNSURE
    return _excess(result) / bad


def _attack(result: Result) -> tuple[float, float, str]:
    """What an attack finds, what it finds in real data, and both in words."""
    value, floor = result.value or 0.0, result.floor or 0.0
    if result.name in MEMBERSHIP:
        said = (
            f"the most successful attacker, who {MEMBERSHIP[result.name]}, tells a training entity from an unseen "
            f"one in {number(50 + 50 * value)} of 100 pairs (AUC {number(0.5 + value / 2)}), guessing does in 50"
        )
        return 0.5 + value / 2, 0.5, said
    if result.name == "attribute_disclosure":
        ours, others = (float(result.curve["success"][who]) for who in ("members", "others"))
        said = (
            f"the most successful attacker, who knows the other columns, guesses a secret one of {share(ours)} of "
            f"the training entities and of {share(others)} of unseen ones"
        )
        return ours, others, said
    if result.name == "nearest":  # a share of a share means little to a reader, so the plain share is shown
        made, real, rest = result.curve["share"], result.curve["chance"], "would by chance"
    else:
        made, real, rest = value, floor, "of held-out real ones"
    return made, real, f"{share(made)} {ATTACKS[result.name]}, {share(real)} {rest}"
