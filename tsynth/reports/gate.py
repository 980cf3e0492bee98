"""The gate: whether a release meets the thresholds that it was held against."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tsynth.reports.words import clean, number
from tsynth.scores.report import Report

__all__ = ["Gate", "gate"]


_NAMES = {"times_floor": "Times the noise floor"}


@dataclass(frozen=True)
class Gate:
    """A gate as a page tells it.

    Parameters
    ----------
    title : str
    passed : bool
    sentence : str
    rules : tuple of dict
        Those that failed come first.
    """

    title: str
    passed: bool
    sentence: str
    rules: tuple[dict[str, Any], ...]


def gate(report: Report) -> Gate | None:
    """What ``report.meta["gate"]`` says; None where the release was held against none.

    It holds ``{"title", "passed", "rules": [{"score", "limit", "kind", "found", "passed", "by", "why"}]}``.
    """
    told = report.meta.get("gate")
    if not isinstance(told, Mapping):
        return None
    found = told.get("rules")
    rules = [_rule(report, r) for r in found if isinstance(r, Mapping)] if isinstance(found, list) else []
    passed = bool(told.get("passed"))
    title = clean(told.get("title")) or "Gate"
    failed = [r for r in rules if not r["passed"]]
    if passed:
        sentence = f"all {len(rules)} thresholds are met" if len(rules) != 1 else "its threshold is met"
    else:
        names = ", ".join(dict.fromkeys(r["score"] for r in failed[:4]))
        more = f" and {len(failed) - 4} more" if len(failed) > 4 else ""
        are = "is" if len(failed) == 1 else "are"
        sentence = f"{len(failed)} of {len(rules)} thresholds {are} not met: {names}{more}"
    return Gate(title, passed, sentence, tuple(sorted(rules, key=lambda r: r["passed"])))


def _rule(report: Report, rule: Mapping[str, Any]) -> dict[str, Any]:
    name = str(rule.get("score") or "")
    return {
        "score": clean(report[name].title if name in report.results else _NAMES.get(name, name)),
        "kind": clean(str(rule.get("kind") or "value").replace("_", " ")),
        "limit": _said(rule.get("limit")),
        "found": _said(rule.get("found")),
        "by": _said(rule.get("by")),
        "passed": bool(rule.get("passed")),
        "why": clean(rule.get("why")),
    }


def _said(value: Any) -> str:
    return clean(value) if isinstance(value, str) else number(value)
