"""The card of a release: the same account as the page, as Markdown."""

from __future__ import annotations

from tsynth.reports.context import Context
from tsynth.scores.report import Report

__all__ = ["render_card"]


def render_card(report: Report, context: Context) -> str:
    """The card as Markdown."""
    raise NotImplementedError
