"""One small figure as inline SVG: matplotlib draws, and what it writes is made fit for a page."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import escape
from threading import Lock
from typing import TYPE_CHECKING, Any

from tsynth.reports.palette import INK, MUTED, RULE, STAND_INS
from tsynth.reports.words import shorten, slug

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["Drawing", "draw"]

_LOCK = Lock()  # matplotlib keeps its settings in one place for all threads
_STYLE: dict[str, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "tsynth",
    "text.parse_math": False,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": MUTED,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.unicode_minus": True,
    "font.size": 10.5,
    "grid.color": RULE,
    "grid.linewidth": 0.6,
    "text.color": INK,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.major.size": 3,
    "xtick.major.width": 0.6,
    "ytick.major.size": 0,
    "path.simplify": True,
    "path.simplify_threshold": 0.4,
}


class Drawing:
    """The figure being drawn; lengths are in pixels of a page at 100 %, from the top left.

    Parameters
    ----------
    width, height : float
    """

    def __init__(self, width: float, height: float) -> None:
        from matplotlib.figure import Figure

        self.width, self.height = width, height
        self.figure: Figure = Figure(figsize=(width / 72, height / 72), dpi=72)
        self.figure.patch.set_visible(False)
        self._names: list[str] = []

    def axes(self, left: float, top: float, right: float, bottom: float) -> Axes:
        """Axes with these margins to the edges of the figure."""
        box = (
            left / self.width,
            bottom / self.height,
            (self.width - left - right) / self.width,
            (self.height - top - bottom) / self.height,
        )
        axes = self.figure.add_axes(box)
        axes.patch.set_visible(False)
        axes.set_axisbelow(True)
        return axes

    def name(self, text: Any, width: float) -> str:
        """A stand-in for a name that comes from the data, at most `width` em wide.

        Matplotlib never sees the name: it could hold what its fonts lack, or what it takes for mathematics.
        """
        self._names.append(shorten(text, width))
        return f"@{len(self._names) - 1}@"

    def svg(self, key: str, label: str) -> str:
        """The figure as an SVG element; `key` makes its ids unique in the page, `label` is read aloud."""
        from io import StringIO

        sink = StringIO()
        self.figure.savefig(sink, format="svg", metadata={"Date": None, "Creator": None})
        return self._fit(sink.getvalue(), key, label)

    def _fit(self, text: str, key: str, label: str) -> str:
        body = text[text.index("<svg") :]
        body = body[body.index(">") + 1 :]
        body = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->|<style.*?</style>", "", body, flags=re.DOTALL)
        body = body.replace("xlink:href", "href")
        for stand_in, variable in STAND_INS.items():
            body = body.replace(stand_in, variable)
        body = re.sub(r"font-family: [^;\"]*;? ?", "", body)
        body = re.sub(r' transform="rotate\(-0 [^"]*"', "", body)
        used = set(re.findall(r'href="#([^"]+)"', body)) | set(re.findall(r"url\(#([^)]+)\)", body))
        prefix = slug(key)
        body = re.sub(r' id="([^"]*)"', lambda m: f' id="{prefix}-{m[1]}"' if m[1] in used else "", body)
        body = re.sub(r'href="#', f'href="#{prefix}-', body)
        body = re.sub(r"url\(#", f"url(#{prefix}-", body)
        body = re.sub(r"(\d\.\d\d)\d+", r"\1", body)
        body = _unwrap(re.sub(r"\s*\n\s*", " ", body))
        body = re.sub(r"@(\d+)@", lambda m: escape(self._names[int(m[1])]), body)
        return (
            f'<svg viewBox="0 0 {self.width:g} {self.height:g}" style="max-width:{1.6 * self.width:.0f}px" '
            f'role="img" aria-label="{escape(shorten(label, 400))}">' + body.strip()
        )


def draw(key: str, width: float, height: float, label: str, paint: Callable[[Drawing], None]) -> str:
    """Draw one figure.

    Parameters
    ----------
    key : str
        Unique in the page.
    width, height : float
        Size in pixels; the page scales it to the room there is.
    label : str
        What the figure shows, for those who do not see it.
    paint : callable
        Draws on the `Drawing` that it is given.

    Returns
    -------
    str
        An ``<svg>`` element in which names are escaped, the same bytes for the same numbers.
    """
    import matplotlib as mpl

    with _LOCK, mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(_STYLE)
        drawing = Drawing(width, height)
        paint(drawing)
        return drawing.svg(key, label)


def _unwrap(body: str) -> str:
    """Without groups that say nothing."""
    kept: list[bool] = []
    out = []
    for piece in re.split(r"(<g[^>]*>|</g>)", body):
        if piece == "</g>":
            if kept.pop():
                out.append(piece)
        elif piece.startswith("<g") and not piece.startswith("<gl"):
            if piece.endswith("/>"):
                continue
            kept.append(piece != "<g>")
            if kept[-1]:
                out.append(piece)
        else:
            out.append(piece.strip())
    return "".join(out)
