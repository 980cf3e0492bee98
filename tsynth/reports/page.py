"""The page a release is judged by: one self-contained HTML file."""

from __future__ import annotations

from tsynth.reports.context import Context
from tsynth.scores.report import Report

__all__ = ["render_page"]


def render_page(report: Report, context: Context) -> str:
    """The page as one self-contained HTML file."""
    raise NotImplementedError
