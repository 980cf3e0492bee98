"""The part each column plays, by the words of its name and by what its values do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pyarrow as pa

from tsynth.data.facts import Facts
from tsynth.data.schema import Column

__all__ = ["assign_roles"]

LABEL = frozenset(
    "fraud isfraud anomaly anomalous outlier label target chargeback default churn churned attack laundering".split()
)
ARM = frozenset("arm drug treatment treat trt therapy rx randomized randomised allocation".split())
GROUP = frozenset("group cohort site center centre".split())
FOLLOWUP = frozenset(
    "years time futime followup fuyears survival surv tte os pfs fu exit futures duration endtime".split()
)
EVENT = frozenset(
    "status event death dead died deceased failure censored censoring cens delta outcome transplant".split()
)
OUTCOME = frozenset("death dead died mortality outcome survived readmission readmitted".split())
MARKS = ("mark", "event", "activity", "action", "code", "type", "state", "status", "category", "kind", "operation", "parameter",
         "variable", "item")  # fmt: skip
"""Words for what happened, the most telling first."""

MEANINGS = {
    "0": "censored", "1": "event", "false": "censored", "true": "event", "alive": "censored", "censored": "censored",
    "lost": "censored", "dead": "event", "died": "event", "death": "event", "failed": "event", "failure": "event",
}  # fmt: skip


def assign_roles(
    columns: list[Column], facts: Mapping[str, Facts], given: Mapping[str, str], regular: bool
) -> tuple[list[Column], dict[str, str]]:
    """Columns with their roles, and the meaning of the levels of the column with role "event".

    Parameters
    ----------
    columns : list of Column
        With kind and static; entity and time have their roles already.
    facts : mapping of str to Facts
        Of the columns that stand in the rows.
    given : mapping of str to str
        Roles the user gave.
    regular : bool
        Whether sequences are regular; then there are no marks.
    """
    roles: dict[str, tuple[str, str]] = {c.name: (c.role, "") for c in columns if c.role != "value"}
    by_name = {c.name: c for c in columns}
    for name, role in given.items():
        roles[name] = (role, "role given")
    taken = {role for role, _ in roles.values()}
    free = [c for c in columns if c.name not in roles]

    def give(column: Column, role: str, why: str) -> None:
        roles[column.name] = (role, why)
        taken.add(role)

    def words(column: Column) -> frozenset[str]:
        return facts[column.name].words if column.name in facts else frozenset(_words(column.name))

    for column in free:
        if (
            column.discrete
            and column.levels is not None
            and words(column) & LABEL
            and len(column.levels) == 2
            or (column.kind == "boolean" and words(column) & LABEL)
        ):
            give(column, "label", "named as a label, two levels")
    _survival(free, facts, roles, taken, words, give)
    for column in free:
        levels = len(column.levels or ())
        if column.name not in roles and column.static and column.discrete and 2 <= levels <= 12:
            if words(column) & ARM and "arm" not in taken:
                give(column, "arm", "named as a treatment, one value an entity")
            elif words(column) & GROUP and "group" not in taken:
                give(column, "group", "named as a group, one value an entity")
    for column in free:
        if column.name not in roles and column.kind == "identifier" and column.name in facts:
            role = _pointer(column, facts[column.name], "order" in taken)
            if role:
                give(column, *role)
    if "mark" not in taken and not regular:
        found = [
            c
            for c in free
            if c.name not in roles and not c.static and c.discrete and c.levels and len(c.levels) > 1
        ]
        if "start" in taken and "stop" in taken:
            found = [c for c in found if not words(c) & EVENT]
        ranked = [
            (MARKS.index(w), i)
            for i, c in enumerate(found)
            for w in words(c)
            if w in MARKS and not _place(c, words(c))
        ]
        if ranked:
            give(found[min(ranked)[1]], "mark", "names what happens, varies inside an entity")
    event = next((n for n, (role, _) in roles.items() if role == "event"), None)
    meanings = {}
    if event is not None and event in by_name:
        for level in by_name[event].levels or ((False, True) if by_name[event].kind == "boolean" else ()):
            key = str(int(level)) if isinstance(level, float) and level == int(level) else str(level)
            meanings[str(level)] = MEANINGS.get(key.lower(), key)
    out = []
    for column in columns:
        role, why = roles.get(column.name, ("value", ""))
        reason = "; ".join(part for part in (column.reason, why) if part)
        out.append(replace(column, role=role, reason=reason))  # type: ignore[arg-type]
    return out, meanings


def _words(name: str) -> list[str]:
    from tsynth.data.text_dates import words

    return words(name)


def _place(column: Column, found: frozenset[str]) -> bool:
    """Whether "state" may be a place: many text levels of two letters."""
    return (
        "state" in found
        and bool(column.levels)
        and all(isinstance(v, str) and len(v) == 2 for v in column.levels or ())
    )


def _survival(free, facts, roles, taken, words, give) -> None:  # type: ignore[no-untyped-def]
    """Roles followup and event, start and stop."""
    numeric = [c for c in free if c.kind in ("continuous", "count") and c.name not in roles]
    names = {c.name.lower(): c for c in numeric if not c.static}
    for begin, end in (("start", "stop"), ("tstart", "tstop"), ("start", "end"), ("begin", "end")):
        if begin in names and end in names and "start" not in taken:
            give(names[begin], "start", "start of the row's interval")
            give(names[end], "stop", "end of the row's interval")
    time = next((n for n, (role, _) in roles.items() if role == "time"), None)
    if "followup" not in taken and time in facts and facts[time].numeric:
        for column in numeric:
            if (
                column.static
                and column.name in facts
                and words(column) & FOLLOWUP
                and _covers(facts[column.name], facts[time])
            ):
                give(column, "followup", "one value an entity, never before its last row")
                break
    role = "event" if "followup" in taken else "outcome"
    vocabulary = EVENT if role == "event" else OUTCOME
    if role not in taken:
        for column in free:
            levels = 2 if column.kind == "boolean" else len(column.levels or ())
            if (
                column.name not in roles
                and column.static
                and column.discrete
                and 2 <= levels <= 6
                and words(column) & vocabulary
            ):
                give(
                    column,
                    role,
                    "named as what ends the follow-up" if role == "event" else "named as an outcome",
                )
                break


def _covers(followup: Facts, time: Facts) -> bool:
    """Whether the follow-up reaches the last row of (nearly) every entity."""
    layout = time.layout
    has = np.diff(layout.offsets) > 0
    last = layout.offsets[1:][has] - 1
    at = pa.array(layout.order[last])
    ends = np.asarray(followup.values.take(at).cast(pa.float64()).fill_null(np.nan))
    times = np.asarray(time.values.take(at).cast(pa.float64()).fill_null(np.nan))
    return bool((ends >= times - 1e-9).mean() >= 0.99)


def _pointer(column: Column, facts: Facts, order_taken: bool) -> tuple[str, str] | None:
    """Role of an identifier: party, order or none."""
    if column.static:
        return None
    repeats = facts.present / max(facts.distinct, 1)
    if facts.distinct > 1 and repeats > 1.2 and not _one_moment(facts):
        shared = facts.entities_per_level
        return "party", f"a second identity, shared by {shared:,.1f} entities on average"
    if not order_taken and not facts.text and facts.distinct == len(facts.column) and _rises_with_time(facts):
        return "order", "rises with time inside each entity"
    return None


def _one_moment(facts: Facts) -> bool:
    """Whether (nearly) every value belongs to one entity at one time, as the number of an invoice does."""
    layout = facts.layout
    moment = np.cumsum(~layout.tied) if len(layout.times) else np.arange(len(layout.order))
    values = facts.sorted_ranks
    order = np.lexsort((moment, values))
    values, moment = values[order], moment[order]
    same = values[1:] == values[:-1]
    return bool(same.any()) and float((moment[1:] == moment[:-1])[same].mean()) >= 0.98


def _rises_with_time(facts: Facts) -> bool:
    layout = facts.layout
    if not len(layout.times):
        return False
    later = ~layout.first[1:] & (layout.times[1:] > layout.times[:-1])
    if later.sum() < 10:
        return False
    # Among rows that share a time the lowest and highest value speak: the order inside is what we ask for.
    values = facts.sorted_ranks
    starts = np.flatnonzero(~layout.tied)
    low, high = np.minimum.reduceat(values, starts), np.maximum.reduceat(values, starts)
    inside = ~layout.first[starts][1:]
    return bool((low[1:] > high[:-1])[inside].mean() >= 0.999)
