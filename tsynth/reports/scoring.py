"""The strip of scores and what stands behind each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tsynth.reports.behind import panels
from tsynth.reports.examples import examples
from tsynth.reports.methods import method
from tsynth.reports.panel import Panel
from tsynth.reports.strip import Ruler, ruler
from tsynth.reports.words import clean, number, share
from tsynth.scores.base import Detail, Result
from tsynth.scores.report import Report

__all__ = ["QUESTIONS", "Strips", "scores"]

QUESTIONS = {
    "faithful": ("Is it faithful?", ("fidelity", "structure")),
    "useful": ("Is it useful?", ("utility",)),
    "private": ("Is it private?", ("privacy",)),
    "fair": ("Does it serve every group?", ("fairness",)),
}
"""Each question of the page: its heading and the groups of scores that answer it."""
ROOM = 1_700_000
"""Bytes that the pictures behind all scores may take."""


@dataclass
class Strips:
    """The strip's axis, its rows by question, and the scores that were not asked of such data.

    Parameters
    ----------
    axis : Ruler
    groups : list of dict
    unasked : list of (str, str)
        Title and reason.
    """

    axis: Ruler
    groups: list[dict[str, Any]] = field(default_factory=list)
    unasked: list[tuple[str, str]] = field(default_factory=list)


def scores(report: Report) -> Strips:
    """All scores by question and by excess over the floor."""
    strips = Strips(ruler(report.values()))
    asked = [r for r in report.values() if r.status != "does not apply"]
    strips.unasked = [
        (clean(r.title), clean(r.reason)) for r in report.values() if r.status == "does not apply"
    ]
    room = ROOM
    placed: set[str] = set()
    kinds = [*QUESTIONS.items(), ("other", ("Asked besides", ()))]
    for question, (title, groups) in kinds:
        found = [r for r in asked if r.group in groups or (question == "other" and r.name not in placed)]
        placed |= {r.name for r in found}
        if not found:
            continue
        rows = []
        for result in sorted(found, key=_excess):
            drawn, said = panels(result)
            size = sum(len(p.svg.encode()) for p in drawn)
            if size > room:
                drawn, said = (
                    [],
                    ["Its pictures found no room in this page; report.json holds their numbers."],
                )
            else:
                room -= size
            rows.append(_row(result, strips.axis, drawn, said))
        strips.groups.append({"question": question, "title": title, "rows": rows})
    return strips


# -- inside


def _excess(result: Result) -> tuple[bool, float, str]:
    known = result.status == "ok" and result.value is not None
    return (not known, -((result.value or 0.0) - (result.floor or 0.0)), result.name)


def _row(result: Result, axis: Ruler, drawn: list[Panel], said: list[str]) -> dict[str, Any]:
    known = result.status == "ok" and result.value is not None
    return {
        "name": result.name,
        "title": clean(result.title),
        "question": clean(result.question),
        "known": known,
        "strip": axis.svg(result) if known else "",
        "value": number(result.value),
        "floor": number(result.floor),
        "copied": number(result.copied),
        "interval": _interval(result),
        "sentence": clean(result.verdict or result.reason) or ("" if known else "Cannot say."),
        "details": [_detail(d) for d in result.details[:12]],
        "more": max(len(result.details) - 12, 0),
        "panels": drawn,
        "said": said,
        "facts": _facts(result),
        "examples": examples(result),
        "interval_by": clean(result.interval_by),
        "method": method(result.name),
    }


def _interval(result: Result) -> str:
    if result.interval is None:
        return ""
    return f"{number(result.interval[0])} to {number(result.interval[1])}"


def _detail(detail: Detail) -> dict[str, str]:
    return {
        "label": clean(detail.label),
        "value": number(detail.value),
        "floor": number(detail.floor),
        "sentence": clean(detail.sentence),
    }


def _facts(result: Result) -> list[tuple[str, str]]:
    """Single numbers of a curve, for scores whose picture is a few numbers."""
    curve: Mapping[str, Any] = result.curve
    facts: list[tuple[str, str]] = []
    if isinstance(curve.get("share"), float) and "chance" in curve:
        facts.append(("nearer to a training than to a holdout entity", share(curve["share"])))
        facts.append(("by chance", share(curve.get("chance"))))
    if curve.get("task"):
        measure = clean(curve.get("measure"))
        facts.append(("task", clean(curve["task"])))
        facts += [
            (f"{measure}, trained on {what}", number(curve.get(key)))
            for key, what in (
                ("real", "real rows"),
                ("synthetic", "synthetic rows"),
                ("constant", "nothing (a constant)"),
            )
        ]
    if curve.get("auc_alone") is not None:
        facts.append(("AUC from lone rows", number(curve["auc_alone"])))
    if isinstance(curve.get("apart"), str):
        facts.append(("judge and judged held apart by", clean(curve["apart"])))
    if curve.get("columns") and result.name in ("exact_rows", "exact_runs"):
        facts.append(("columns compared", ", ".join(clean(c) for c in curve["columns"])))
    return facts
