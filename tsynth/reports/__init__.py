"""Pages, figures and cards; jinja2 and matplotlib are loaded when a page is made, not before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tsynth.reports.context import Context

if TYPE_CHECKING:
    from tsynth.reports.card import render_card
    from tsynth.reports.comparison import render_comparison
    from tsynth.reports.page import render_page
    from tsynth.reports.private import write_private_look

__all__ = ["Context", "render_card", "render_comparison", "render_page", "write_private_look"]

_HOMES = {
    "render_card": "card",
    "render_comparison": "comparison",
    "render_page": "page",
    "write_private_look": "private",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        from importlib import import_module

        return getattr(import_module(f"tsynth.reports.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'tsynth.reports' has no attribute {name!r}")
