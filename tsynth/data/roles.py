"""The part each column plays, by the words of its name and by what its values do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import cast

import numpy as np
import pyarrow as pa

from tsynth.data.facts import Facts
from tsynth.data.schema import Column, Role
from tsynth.data.text_dates import words

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
MARKS = (
    "mark",
    "event",
    "activity",
    "action",
    "code",
    "type",
    "state",
    "status",
    "category",
    "kind",
    "operation",
    "parameter",
    "variable",
    "item",
)
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
    casting = _Casting(columns, facts, given)
    casting.labels()
    casting.intervals()
    casting.followup()
    casting.arms()
    casting.pointers()
    if not regular:
        casting.mark()
    return casting.done(), casting.meanings()


class _Casting:
    """Roles given out one after the other, each column and each role but once."""

    def __init__(self, columns: list[Column], facts: Mapping[str, Facts], given: Mapping[str, str]) -> None:
        self.columns, self.facts = columns, facts
        self.roles: dict[str, tuple[str, str]] = {c.name: (c.role, "") for c in columns if c.role != "value"}
        self.roles |= {name: (role, "role given") for name, role in given.items()}

    def free(self) -> list[Column]:
        return [column for column in self.columns if column.name not in self.roles]

    def taken(self, role: str) -> bool:
        return any(role == held for held, _ in self.roles.values())

    def holder(self, role: str) -> str | None:
        return next((name for name, (held, _) in self.roles.items() if held == role), None)

    def labels(self) -> None:
        for column in self.free():
            if _levels(column) == 2 and _named(column, LABEL):
                self.roles[column.name] = ("label", "named as a label, two levels")

    def intervals(self) -> None:
        """Start and stop of a row's interval."""
        moving = {
            c.name.lower(): c for c in self.free() if c.kind in ("continuous", "count") and not c.static
        }
        for begin, end in (("start", "stop"), ("tstart", "tstop"), ("start", "end"), ("begin", "end")):
            if begin in moving and end in moving and not self.taken("start"):
                self.roles[moving[begin].name] = ("start", "start of the row's interval")
                self.roles[moving[end].name] = ("stop", "end of the row's interval")

    def followup(self) -> None:
        """Time to the end and what ended it; an outcome where there is no time to the end."""
        time = self.holder("time")
        if (
            time is not None
            and time in self.facts
            and self.facts[time].numeric
            and not self.taken("followup")
        ):
            for column in self.free():
                known = column.static and column.kind in ("continuous", "count") and column.name in self.facts
                if known and _named(column, FOLLOWUP) and _covers(self.facts[column.name], self.facts[time]):
                    self.roles[column.name] = ("followup", "never before the entity's last row")
                    break
        followed = self.taken("followup")
        role, vocabulary = ("event", EVENT) if followed else ("outcome", OUTCOME)
        why = "named as what ends the follow-up" if followed else "named as an outcome"
        fit = [c for c in self.free() if c.static and 2 <= _levels(c) <= 6 and _named(c, vocabulary)]
        if fit and not self.taken(role):
            self.roles[fit[0].name] = (role, why)

    def arms(self) -> None:
        for role, vocabulary, why in (
            ("arm", ARM, "named as a treatment"),
            ("group", GROUP, "named as a group"),
        ):
            fit = [c for c in self.free() if c.static and 2 <= _levels(c) <= 12 and _named(c, vocabulary)]
            if fit and not self.taken(role):
                self.roles[fit[0].name] = (role, why)

    def pointers(self) -> None:
        """Second identities, and the number that breaks ties."""
        for column in self.free():
            if column.kind == "identifier" and column.name in self.facts:
                found = _pointer(column, self.facts[column.name], self.taken("order"))
                if found is not None:
                    self.roles[column.name] = found

    def mark(self) -> None:
        found = [c for c in self.free() if not c.static and _levels(c) > 1 and not _place(c)]
        if self.taken("start") and self.taken("stop"):
            found = [c for c in found if not _named(c, EVENT)]
        ranked = [(MARKS.index(w), i) for i, c in enumerate(found) for w in words(c.name) if w in MARKS]
        if ranked and not self.taken("mark"):
            self.roles[found[min(ranked)[1]].name] = ("mark", "names what happens")

    def meanings(self) -> dict[str, str]:
        """What the levels of the event mean."""
        name = self.holder("event")
        column = next((c for c in self.columns if c.name == name), None)
        if column is None:
            return {}
        out = {}
        for level in column.levels or ((False, True) if column.kind == "boolean" else ()):
            key = str(int(level)) if isinstance(level, float) and level == int(level) else str(level)
            out[str(level)] = MEANINGS.get(key.lower(), key)
        return out

    def done(self) -> list[Column]:
        out = []
        for column in self.columns:
            role, why = self.roles.get(column.name, ("value", ""))
            reason = "; ".join(part for part in (column.reason, why) if part)
            out.append(replace(column, role=cast(Role, role), reason=reason))
        return out


def _named(column: Column, vocabulary: frozenset[str]) -> bool:
    return not vocabulary.isdisjoint(words(column.name))


def _levels(column: Column) -> int:
    return 2 if column.kind == "boolean" else len(column.levels or ())


def _place(column: Column) -> bool:
    """Whether "state" may be a place: text levels of two letters."""
    two = all(isinstance(v, str) and len(v) == 2 for v in column.levels or ())
    return "state" in words(column.name) and column.levels is not None and two


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
