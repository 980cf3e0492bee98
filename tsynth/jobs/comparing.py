"""Several generators side by side: one row a file, as a table, as JSON and as a page."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tsynth.data.files import write_text
from tsynth.scores.words import number

if TYPE_CHECKING:
    from tsynth.reports.context import Context
    from tsynth.scores.report import Report

__all__ = ["COMPARISON", "HEAD", "rows", "summary", "write_comparison"]

COMPARISON = "comparison"
HEAD = ("synthetic", "times the floor", "faithful", "useful", "private", "gate", "worst gap")
"""Columns of the table."""


def summary(report: Report) -> dict[str, Any]:
    """What of a report enters a comparison."""
    worst = report.worst(1)
    gate = report.meta.get("gate")
    return {
        "times_floor": report.times_floor,
        "answers": {
            a.question: {
                "level": a.level, "number": a.number, "reference": a.reference, "unit": a.unit, "sentence": a.sentence
            }
            for a in report.answers
        },
        "worst": worst[0].sentence if worst else None,
        "gate": None if gate is None else gate["passed"],
        "scores": {
            r.name: {
                "group": r.group, "status": r.status, "value": r.value, "floor": r.floor, "copied": r.copied,
                "interval": None if r.interval is None else list(r.interval),
            }
            for r in report.values()
        },
    }  # fmt: skip


def rows(reports: Mapping[str, Report]) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Head and rows of the table, without columns that are empty throughout."""
    table = []
    for name, report in reports.items():
        found = summary(report)
        answers = {q: _cell(a) for q, a in found["answers"].items()}
        floor = "" if found["times_floor"] is None else number(found["times_floor"])
        gate = {None: "", True: "passed", False: "failed"}[found["gate"]]
        said = [answers.get(q, "") for q in ("faithful", "useful", "private")]
        table.append((name, floor, *said, gate, found["worst"] or "none"))
    kept = [i for i in range(len(HEAD)) if i == 0 or any(row[i] for row in table)]
    return tuple(HEAD[i] for i in kept), [tuple(row[i] for i in kept) for row in table]


def write_comparison(
    out: Path, reports: Mapping[str, Report], files: Mapping[str, str], about: Context
) -> list[Path]:
    """``comparison.json`` and ``comparison.html``; `about` says what was learned from, and when."""
    from tsynth.reports.comparison import render_comparison

    page, numbers = out / f"{COMPARISON}.html", out / f"{COMPARISON}.json"
    content = {
        "source": dict(about.source),
        "run": dict(about.run),
        "files": [{"name": name, "file": files[name], **summary(report)} for name, report in reports.items()],
    }
    write_text(numbers, json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n")
    title = f"{len(reports)} synthetic versions of {about.source['name']}"
    write_text(page, render_comparison(reports, title, about.source, about.run))
    return [page, numbers]


def _cell(answer: Mapping[str, Any]) -> str:
    if answer["number"] is None:
        return str(answer["level"])
    beside = "" if answer["reference"] is None else f", real {number(answer['reference'])}"
    unit = (
        f" {answer['unit']}" if 0 < len(answer["unit"]) <= 4 else ""
    )  # AUC, R2; the page says the longer ones
    return f"{answer['level']} ({number(answer['number'])}{unit}{beside})"
