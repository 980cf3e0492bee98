"""What stands in each section of the page, as plain values that the templates only set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tsynth.reports.context import Context
from tsynth.reports.words import UNITS, clean, duration, of, share
from tsynth.scores.report import Report
from tsynth.scores.words import time_unit

__all__ = ["LEVELS", "Headline", "head", "headline", "structure", "worst"]

LEVELS = {"good": 3, "fair": 2, "poor": 1, "cannot say": 0}


@dataclass(frozen=True)
class Headline:
    """The verdict in a sentence, and the level that decides its colour and sign."""

    level: str
    text: str


def headline(report: Report) -> Headline:
    """One sentence over the three answers; a bad release is called bad here."""
    by = {level: [a.question for a in report.answers if a.level == level] for level in LEVELS}
    if by["poor"]:
        text = f"This release falls short: it is not {_listed(by['poor'], 'and not')}."
        level = "poor"
    elif by["fair"]:
        text = f"Use it with care: it is {_listed(by['fair'], 'and')} only in part."
        level = "fair"
    elif by["good"]:
        text = f"It holds up: {_listed(by['good'], 'and')}, as far as these checks can see."
        level = "good"
    else:
        return Headline("cannot say", "Too little was measured to say how good this release is.")
    if by["cannot say"]:
        text += f" Whether it is {_listed(by['cannot say'], 'or')} cannot be said."
    return Headline(level, text)


def worst(report: Report) -> list[str]:
    """The worst gaps in plain words."""
    return [clean(d.sentence) for d in report.worst(3)]


def head(context: Context) -> list[tuple[str, str]]:
    """What it is, as pairs of name and text."""
    source, run, generator = context.source, context.run, context.generator
    rows = [("Source", clean(source.get("name") or context.title))]
    if source.get("rows") is not None:
        rows.append(("Real", _size(source["rows"], source.get("entities"))))
    span = [clean(source[k]) for k in ("start", "end") if source.get(k) not in (None, "")]
    if span:
        when = context.schema.time
        dated = when is not None and context.schema[when].kind == "datetime"
        unit = "step" if dated else time_unit(context.schema)
        rows.append(("Span", " to ".join(span) + ("" if unit == "step" else f" {UNITS[unit]}")))
    if context.synthetic is not None:
        scored = context.synthetic.n_rows, context.synthetic.n_entities
        said = _size(*(context.made or scored))
        if context.made not in (None, scored):
            said += f"; {_size(*scored)} of them were scored"
        rows.append(("Synthetic", said))
    if generator.get("name"):
        rows.append(("Generator", clean(generator["name"])))
    if run.get("seed") is not None:
        rows.append(("Seed", str(run["seed"])))
    if run.get("date"):
        took = f", in {duration(run['duration_s'])}" if run.get("duration_s") is not None else ""
        rows.append(("Made", clean(run["date"]) + took))
    versions = run.get("versions") or {}
    if "tsynth" in versions:
        rows.append(("With", f"tsynth {clean(versions['tsynth'])}"))
    return rows


def structure(report: Report, context: Context) -> list[dict[str, Any]]:
    """Each constraint with the share of rows that hold it, those that were lost first."""
    given: list[Mapping[str, Any]] = list(context.constraints)
    if not given and "constraints" in report.results:
        given = list(report["constraints"].curve.get("rules", ()))
    rows = []
    for rule in given:
        real, synthetic = rule.get("real"), rule.get("synthetic")
        interval = rule.get("interval")
        low = interval[0] if interval else real
        known = low is not None and synthetic is not None
        lost = low is not None and synthetic is not None and synthetic < low - 5e-4
        rows.append(
            {
                "sentence": clean(rule.get("sentence") or rule.get("name")),
                "columns": [clean(c) for c in rule.get("columns") or ()],
                "real": share(real),
                "interval": f"{share(interval[0])} to {share(interval[1])}" if interval else "",
                "synthetic": share(synthetic),
                "lost": lost,
                "word": "lost in part" if lost else ("kept" if known else "not measured"),
            }
        )
    return sorted(rows, key=lambda row: not row["lost"])


# -- inside


def _size(rows: int, entities: int | None) -> str:
    said = of(rows, "row", "rows")
    return said if entities is None else f"{said} of {of(entities, 'entity', 'entities')}"


def _listed(words: list[str], joint: str) -> str:
    return f" {joint} ".join(words) if len(words) < 3 else f"{', '.join(words[:-1])} {joint} {words[-1]}"
