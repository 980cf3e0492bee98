"""Pages, figures and cards; jinja2 and matplotlib are loaded when a page is made, not before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tsynth.reports.context import Context

if TYPE_CHECKING:
    from tsynth.reports.card import render_card
    from tsynth.reports.page import render_page

__all__ = ["Context", "render_card", "render_page"]


def __getattr__(name: str) -> Any:
    if name == "render_page":
        from tsynth.reports.page import render_page

        return render_page
    if name == "render_card":
        from tsynth.reports.card import render_card

        return render_card
    raise AttributeError(f"module 'tsynth.reports' has no attribute {name!r}")
