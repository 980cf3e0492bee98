"""The page a release is judged by: one self-contained HTML file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tsynth.reports import figures, sections
from tsynth.reports.context import Context
from tsynth.reports.examples import plainest
from tsynth.reports.gate import gate
from tsynth.reports.look import look
from tsynth.reports.making import casts, made
from tsynth.reports.palette import variables
from tsynth.reports.panel import Panel
from tsynth.reports.risks import fairness, groups, privacy
from tsynth.reports.scoring import scores
from tsynth.reports.timelines import Timeline, timelines
from tsynth.reports.words import clean, number, slug
from tsynth.scores.report import Report

if TYPE_CHECKING:
    from jinja2 import Environment

__all__ = ["environment", "render_page", "style"]

_TEMPLATES = Path(__file__).parent / "templates"


def render_page(report: Report, context: Context) -> str:
    """Make the page of a release.

    Parameters
    ----------
    report : Report
        Results of the scores; their curves are what is drawn.
    context : Context
        Where the rows come from and what made the synthetic ones.

    Returns
    -------
    str
        One HTML file with style and pictures inside: no script, nothing fetched, every name escaped; the same
        bytes for the same report and context.

    Notes
    -----
    No real row enters the page: real shapes come from the curves, whose cells hold at least 10 entities, and
    whole sequences are drawn from ``context.synthetic`` only.
    """
    strips = scores(report)
    drawn, plain, say = _sequences(report, context)
    told = made(context)
    attacks, attempts = privacy(report)
    return (
        environment()
        .get_template("page.html.j2")
        .render(
            title=clean(context.title),
            style=style(),
            head=sections.head(context),
            headline=sections.headline(report),
            answers=report.answers,
            levels=sections.LEVELS,
            worst=sections.worst(report),
            look=look(report),
            compared=_compared(report),
            sequences=drawn,
            plain=plain,
            sequences_say=say,
            gate=gate(report),
            structure=sections.structure(report, context),
            scores=strips.groups,
            unasked=strips.unasked,
            ticks=strips.axis.ticks(),
            groups=groups(report, context),
            fairness=fairness(report),
            attacks=attacks,
            attempts=attempts,
            made=told,
            casts=casts(report),
            training=_training(told["generator"]["curve"]),
            version=clean((context.run.get("versions") or {}).get("tsynth", "")),
        )
    )


def _compared(report: Report) -> str:
    """How many of each side the pictures show, in a clause: fewer than were made where the held-out side is small."""
    told = report.meta.get("compared", {}).get("entities")
    what = "entities" if report.meta.get("unit", "entity") == "entity" else "blocks"
    return f", {told:,} {what} of each" if told else ""


def environment(plain: Callable[[Any], Any] | None = None) -> Environment:
    """Templates that escape all they are given; `drawn` lets pass what this package drew itself.

    Parameters
    ----------
    plain : callable, optional
        Escapes each value of a template that is not HTML.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    def finalize(value: Any) -> Any:
        if not isinstance(value, str) or isinstance(value, Markup):
            return value
        return clean(value).replace(" %", "\u00a0%")

    made = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=plain is None,
        undefined=StrictUndefined,
        finalize=plain or finalize,
        trim_blocks=True,
        keep_trailing_newline=True,
    )
    made.filters.update(number=number, slug=slug, drawn=Markup)
    return made


def style() -> str:
    """The style sheet after its variables, light for paper whatever the reader's scheme."""
    light, dark = variables(False), variables(True)
    sheet = (_TEMPLATES / "style.css").read_text(encoding="utf-8")
    return (
        f":root {{ color-scheme: light dark; {light} }}\n"
        f"@media screen and (prefers-color-scheme: dark) {{ :root {{ {dark} }} }}\n{sheet}"
    )


def _sequences(report: Report, context: Context) -> tuple[list[Timeline], list[Timeline], str]:
    """Whole synthetic sequences, and those that gave themselves away."""
    if context.synthetic is None:
        return [], [], ""
    return timelines(context.synthetic, plain=plainest(report.values(), context.synthetic))


def _training(curve: Any) -> Panel | None:
    """The training curve, where the generator has one."""
    if not isinstance(curve, Mapping) or not curve.get("x"):
        return None
    svg = figures.curves("training", "Training curve", curve["x"], [], curve["y"])
    return Panel("Training", svg, clean(curve.get("y_label")), f"x: {clean(curve.get('x_label') or 'step')}")
