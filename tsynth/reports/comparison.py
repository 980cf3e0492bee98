"""The page that holds several generators against each other, on the same real rows."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tsynth.errors import UsageError
from tsynth.reports import sections
from tsynth.reports.gate import gate
from tsynth.reports.page import environment, style
from tsynth.reports.plane import Place, plane
from tsynth.reports.risks import attack
from tsynth.reports.scoring import QUESTIONS
from tsynth.reports.strip import Ruler, ruler
from tsynth.reports.words import clean, duration, number, of
from tsynth.scores.base import Result
from tsynth.scores.report import Answer, Report

__all__ = ["render_comparison"]

_FEWEST, _MOST = 2, 8
_BLANK = Answer("", "cannot say", "Not asked.")


@dataclass(frozen=True)
class _Threat:
    """The attack that gets furthest on one generator's rows, beside what it gets on held-out real rows."""

    title: str
    excess: float
    interval: tuple[float, float] | None

    @property
    def said(self) -> str:
        if self.interval is None:
            return number(self.excess)
        return f"{number(self.excess)} ({number(self.interval[0])} to {number(self.interval[1])})"


def render_comparison(
    reports: Mapping[str, Report], title: str, source: Mapping[str, Any], run: Mapping[str, Any]
) -> str:
    """Make the page that compares several generators.

    Parameters
    ----------
    reports : mapping of str to Report
        From two to eight, by the name of the generator or of its file; all measured against the same real rows.
    title : str
        The source's name.
    source, run : mapping
        As for `tsynth.reports.Context`.

    Returns
    -------
    str
        One HTML file without script and without any address outside; the same bytes for the same input.

    Raises
    ------
    UsageError
        Fewer than two reports or more than eight.
    """
    if not _FEWEST <= len(reports) <= _MOST:
        raise UsageError(
            f"{len(reports)} generators cannot be compared on a page",
            fix=f"hand in from {_FEWEST} to {_MOST}",
        )
    named = {clean(name): report for name, report in reports.items()}
    if len(named) < len(reports):
        raise UsageError("two generators have the same name", fix="give each a name of its own")
    threats = {name: _threat(report) for name, report in named.items()}
    axis = ruler(result for report in named.values() for result in report.values())
    picture, unplaced = _picture(named, threats)
    answers = _answers(named, threats)
    return (
        environment()
        .get_template("comparison.html.j2")
        .render(
            title=clean(title),
            style=style(),
            levels=sections.LEVELS,
            head=_head(source, run, named),
            headline=_headline(named, threats),
            names=list(named),
            picture=picture,
            unplaced=unplaced,
            answers=answers,
            gated=any(row["gate"] for row in answers),
            scores=_scores(named, axis),
            ticks=axis.ticks(),
            worst={name: sections.worst(report) for name, report in named.items()},
            command=clean(run.get("command")),
            version=clean((run.get("versions") or {}).get("tsynth", "")),
        )
    )


# -- what it says


def _head(
    source: Mapping[str, Any], run: Mapping[str, Any], named: Mapping[str, Report]
) -> list[tuple[str, str]]:
    rows = [("Source", clean(source.get("name") or "not named"))]
    if source.get("rows") is not None:
        size = of(source["rows"], "row", "rows")
        if source.get("entities") is not None:
            size += f" of {of(source['entities'], 'entity', 'entities')}"
        rows.append(("Real", size))
    span = [clean(source[k]) for k in ("start", "end") if source.get(k) not in (None, "")]
    if span:
        rows.append(("Span", " to ".join(span)))
    rows.append(("Compared", of(len(named), "generator", "generators")))
    if run.get("seed") is not None:
        rows.append(("Seed", str(run["seed"])))
    if run.get("date"):
        took = f", in {duration(run['duration_s'])}" if run.get("duration_s") is not None else ""
        rows.append(("Made", clean(run["date"]) + took))
    if "tsynth" in (run.get("versions") or {}):
        rows.append(("With", f"tsynth {clean(run['versions']['tsynth'])}"))
    return rows


def _headline(named: Mapping[str, Report], threats: Mapping[str, _Threat | None]) -> list[str]:
    """Who stands closest to the source, and whose rows give it away, in sentences."""
    said = []
    times = {name: report.times_floor for name, report in named.items()}
    known = sorted((t, name) for name, t in times.items() if t is not None)
    if len(known) > 1:
        said.append(
            f"By the mean of the scores {known[0][1]} stands closest to the source, at {number(known[0][0])} times the "
            f"noise floor; {known[-1][1]} furthest from it, at {number(known[-1][0])} times."
        )
        poor = [a.question for a in named[known[0][1]].answers if a.level == "poor"]
        if poor:
            said.append(f"Even so {known[0][1]} is poor: {' and '.join(f'{q}?' for q in poor)}")
    elif not known:
        said.append("How faithful they are cannot be said.")
    heard = {name: t for name, t in threats.items() if t is not None and t.interval is not None}
    caught = [name for name, t in heard.items() if t.interval is not None and t.interval[0] > 0]
    if caught:
        who = _listed(caught) if len(caught) <= 3 else f"{len(caught)} of them"
        who = "all of them" if len(caught) == len(named) else who
        said.append(f"On the rows of {who} an attack gets further than on held-out real rows.")
    elif len(heard) == len(named):
        said.append("No attack gets further on any of them than chance explains.")
    elif not heard:
        said.append("Nothing was measured that would say how private they are.")
    return said


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _threat(report: Report) -> _Threat | None:
    """The attack that exceeds held-out real rows most; nearest neighbours where no attack was made."""
    asked = [
        r
        for r in report.values()
        if r.group == "privacy" and r.status == "ok" and r.value is not None and r.floor is not None
    ]
    attacks = [r for r in asked if attack(r) is not None] or [r for r in asked if r.name == "nearest"]
    if not attacks:
        return None
    worst = max(attacks, key=lambda r: ((r.value or 0.0) - (r.floor or 0.0), r.name))
    excess = (worst.value or 0.0) - (worst.floor or 0.0)
    return _Threat(clean(worst.title), excess, worst.interval)


def _copied(report: Report) -> tuple[float, float] | None:
    """Where a copy of the training rows stands."""
    ratios = [
        r.copied / r.floor
        for r in report.values()
        if r.counts_as_fidelity and r.status == "ok" and r.copied is not None and r.floor
    ]
    copies = replace(
        report,
        results={
            n: replace(r, value=r.copied, interval=None)
            for n, r in report.items()
            if r.copied is not None and r.group == "privacy"
        },
    )
    threat = _threat(copies)
    if not ratios or threat is None:
        return None
    return float(np.exp(np.mean(np.log(np.maximum(ratios, 1e-3))))), threat.excess


def _picture(named: Mapping[str, Report], threats: Mapping[str, _Threat | None]) -> tuple[str, list[str]]:
    """The plane of fidelity and privacy, and whom it cannot place."""
    places, unplaced = [], []
    for name, report in named.items():
        times, threat = report.times_floor, threats[name]
        if times is None or threat is None or not math.isfinite(times):
            what = "fidelity" if times is None else "privacy"
            unplaced.append(f"{name}: {what} was not measured")
        else:
            places.append(Place(name, times, threat.excess, threat.interval))
    if not places:
        return "", unplaced
    return plane("plane", places, next((c for r in named.values() if (c := _copied(r))), None)), unplaced


def _answers(named: Mapping[str, Report], threats: Mapping[str, _Threat | None]) -> list[dict[str, Any]]:
    rows = []
    for name, report in named.items():
        by = {a.question: a for a in report.answers}
        threat = threats[name]
        rows.append(
            {
                "name": name,
                "cells": [by.get(q, replace(_BLANK, question=q)) for q in ("faithful", "useful", "private")],
                "times": number(report.times_floor),
                "gate": gate(report),
                "threat": threat.said if threat else "–",
                "attack": threat.title if threat else "none was made",
            }
        )
    return rows


def _scores(named: Mapping[str, Report], axis: Ruler) -> list[dict[str, Any]]:
    """Each score with a cell a generator, those that tell the generators apart most first."""
    order: dict[str, Result] = {}
    for report in named.values():
        for result in report.values():
            order.setdefault(result.name, result)
    placed: set[str] = set()
    out: list[dict[str, Any]] = []
    kinds: list[tuple[str, tuple[str, ...]]] = [*QUESTIONS.values(), ("Asked besides", ())]
    for title, groups in kinds:
        found = [r for r in order.values() if r.group in groups or (not groups and r.name not in placed)]
        placed |= {r.name for r in found}
        rows: list[dict[str, Any]] = [
            row for r in found if (row := _side_by_side(r, named, axis)) is not None
        ]
        if rows:
            out.append({"title": title, "rows": sorted(rows, key=lambda row: (-row["spread"], row["title"]))})
    return out


def _side_by_side(first: Result, named: Mapping[str, Report], axis: Ruler) -> dict[str, Any] | None:
    results = {name: report.results.get(first.name) for name, report in named.items()}
    known = {n: r for n, r in results.items() if r is not None and r.status == "ok" and r.value is not None}
    if all(r is None or r.status == "does not apply" for r in results.values()):
        return None
    best = _best(known)
    cells = []
    for name, result in results.items():
        shown = known.get(name)
        cells.append(
            {
                "name": name,
                "value": number(shown.value)
                if shown
                else "cannot say"
                if result is not None
                else "not asked",
                "known": shown is not None,
                "best": name in best,
                "strip": axis.svg(shown, small=True) if shown else "",
                "sentence": clean((shown.verdict if shown else result.reason) if result is not None else ""),
            }
        )
    values = [r.value or 0.0 for r in known.values()]
    floors = [r.floor for r in known.values() if r.floor is not None]
    return {
        "title": clean(first.title),
        "question": clean(first.question),
        "cells": cells,
        "floor": number(float(np.mean(floors))) if floors else "–",
        "spread": max(values) - min(values) if values else -1.0,
        "together": bool(known) and len(best) == len(known) and len(known) > 1,
    }


def _best(known: Mapping[str, Result]) -> set[str]:
    """The lowest gap, and those that its interval does not tell apart from it."""
    if len(known) < 2:
        return set()
    lowest = min(known.values(), key=lambda r: r.value or 0.0)
    found = set()
    for name, result in known.items():
        if result.value == lowest.value:
            found.add(name)
        elif lowest.interval and result.interval:
            top = (lowest.floor or 0.0) + lowest.interval[1]
            if (result.floor or 0.0) + result.interval[0] <= top:
                found.add(name)
    return found
