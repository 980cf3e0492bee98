"""The card of a release: the same account as the page, as Markdown, for the folder and for catalogues."""

from __future__ import annotations

import re
from typing import Any

from tsynth.reports import sections
from tsynth.reports.context import Context
from tsynth.reports.gate import gate
from tsynth.reports.making import made
from tsynth.reports.page import environment
from tsynth.reports.words import clean, number
from tsynth.scores.report import Report

__all__ = ["render_card"]


def render_card(report: Report, context: Context) -> str:
    """Make the card of a release.

    Parameters
    ----------
    report : Report
        Results of the scores.
    context : Context
        Where the rows come from and what made the synthetic ones.

    Returns
    -------
    str
        Markdown without pictures; names are escaped, so that none can become a heading, a link or HTML.
    """
    template = environment(plain=_escape).get_template("card.md.j2")
    text = template.render(
        title=clean(context.title),
        head=sections.head(context),
        headline=sections.headline(report).text,
        answers=report.answers,
        worst=sections.worst(report),
        structure=sections.structure(report, context),
        results=[
            {
                "title": r.title,
                "value": number(r.value),
                "floor": number(r.floor),
                "copied": number(r.copied),
                "verdict": r.verdict or r.reason,
            }
            for r in report.values()
            if r.status != "does not apply"
        ],
        unasked=[
            {"title": r.title, "reason": r.reason} for r in report.values() if r.status == "does not apply"
        ],
        gate=gate(report),
        made=made(context),
        command=_Ready(" ".join(clean(context.run.get("command")).split())),
    )
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


class _Ready(str):
    """Text that stands as it is: in a code block nothing means anything to Markdown."""

    __slots__ = ()


def _escape(value: Any) -> Any:
    """Text on one line in which no character means anything to Markdown or HTML."""
    if not isinstance(value, str) or isinstance(value, _Ready):
        return value
    text = " ".join(clean(value).split())
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    text = re.sub(r"([\\`*_\[\]|~#$])", r"\\\1", text)
    text = re.sub(r"^(\d+)([.)])(?= |$)", r"\1\\\2", text)
    return re.sub(r"^([-+=])(?=[ -+=]|$)", r"\\\1", text)
