"""What stands in each section of the page, as plain values that the templates only set."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from tsynth.reports.context import Context
from tsynth.reports.look import panels
from tsynth.reports.methods import method
from tsynth.reports.strip import Ruler, ruler
from tsynth.reports.words import UNITS, clean, count, duration, number, of, share
from tsynth.scores.base import Detail, Result
from tsynth.scores.report import Report
from tsynth.scores.words import time_unit

__all__ = ["Headline", "groups", "head", "headline", "made", "privacy", "scores", "structure", "worst"]

LEVELS = {"good": 3, "fair": 2, "poor": 1, "cannot say": 0}
_QUESTIONS = {
    "faithful": ("Is it faithful?", ("fidelity", "structure")),
    "useful": ("Is it useful?", ("utility",)),
    "private": ("Is it private?", ("privacy",)),
}
_SMALL = 10


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


def scores(report: Report) -> tuple[Ruler, list[dict[str, Any]]]:
    """The strip's axis and its rows, by question and by excess over the floor."""
    axis = ruler(report.values())
    out = []
    for question, (title, kinds) in _QUESTIONS.items():
        found = [r for r in report.values() if r.group in kinds]
        if found:
            ordered = sorted(found, key=_excess)
            out.append({"question": question, "title": title, "rows": [_row(r, axis) for r in ordered]})
    return axis, out


def privacy(report: Report) -> list[dict[str, Any]]:
    """What was tried against the privacy of the source."""
    rows = []
    for result in report.values():
        if result.group == "privacy":
            how = method(result.name)
            rows.append(
                {
                    "title": clean(result.title),
                    "attacker": how.attacker or clean(result.question),
                    "value": number(result.value),
                    "floor": number(result.floor),
                    "verdict": clean(result.verdict or result.reason),
                }
            )
    return rows


def groups(report: Report, context: Context) -> list[dict[str, Any]]:
    """Shares of arms, groups and labels in real and in synthetic data; small cells are flagged."""
    if "marginals" not in report.results or report["marginals"].status != "ok":
        return []
    drawn = {
        str(c["name"]): c for c in report["marginals"].curve.get("columns", ()) if c.get("picture") == "bars"
    }
    wanted = [
        c.name
        for c in context.schema
        if c.role in ("arm", "group", "label", "outcome", "event") and c.discrete
    ]
    wanted += [c.name for c in context.schema.statics if c.discrete and c.name not in wanted][:3]
    rows = []
    for name in wanted:
        column = drawn.get(name)
        if column is None:
            continue
        entities = _entities(context, name)
        for level, real, synthetic in list(
            zip(column["levels"], column["real"], column["synthetic"], strict=True)
        )[:12]:
            made = entities.get(str(level))
            small = real is None or (made is not None and made < _SMALL)
            rows.append(
                {
                    "column": clean(name),
                    "level": clean(level),
                    "real": share(real) if real is not None else f"fewer than {_SMALL} entities",
                    "synthetic": share(synthetic),
                    "entities": count(made) if made is not None else "–",
                    "small": small,
                }
            )
    return rows


def made(context: Context) -> dict[str, Any]:
    """How the release came to be."""
    generator, run, splits = context.generator, context.run, context.splits
    parts = []
    if splits.get("train_entities") is not None:
        by = {"time": "blocks of time", "entity": "whole entities"}.get(
            str(splits.get("by")), clean(splits.get("by"))
        )
        parts.append(
            f"The generator learned from {of(splits['train_entities'], 'entity', 'entities')}; "
            f"{count(splits.get('holdout_entities'))} were held out to measure it, split by {by}."
        )
    return {
        "generator": {
            "name": clean(generator.get("name")),
            "summary": _sentence(generator.get("summary")),
            "reason": _sentence(generator.get("reason")),
            "cannot_keep": [clean(c) for c in generator.get("cannot_keep") or ()],
            "parameters": [(clean(k), clean(v)) for k, v in (generator.get("parameters") or {}).items()],
            "fit": duration(generator["fit_seconds"]) if generator.get("fit_seconds") is not None else "",
            "curve": generator.get("curve"),
        },
        "splits": " ".join(parts),
        # Bounds are the source's extremes, and an extreme is one entity's.
        "schema": context.schema.with_columns([replace(c, bounds=None) for c in context.schema]).rows(),
        "time": _time(context),
        "notes": [
            clean(
                note.message
                if note.column is None or note.column in note.message
                else f"{note.column}: {note.message}"
            )
            for note in context.notes
        ],
        "unsuitable": [clean(u) for u in context.unsuitable],
        "files": [clean(f) for f in context.source.get("files") or ()],
        "versions": [(clean(k), clean(v)) for k, v in (run.get("versions") or {}).items()],
        "machine": clean(run.get("machine")),
        "command": clean(run.get("command")),
        "job": json.dumps(dict(context.job), indent=2, ensure_ascii=False, default=str)
        if context.job
        else "",
    }


# -- inside


def _size(rows: int, entities: int | None) -> str:
    said = of(rows, "row", "rows")
    return said if entities is None else f"{said} of {of(entities, 'entity', 'entities')}"


def _sentence(text: Any) -> str:
    text = clean(text).strip()
    text = text[:1].upper() + text[1:]
    return text + "." if text and text[-1] not in ".!?" else text


def _listed(words: list[str], joint: str) -> str:
    return f" {joint} ".join(words) if len(words) < 3 else f"{', '.join(words[:-1])} {joint} {words[-1]}"


def _excess(result: Result) -> tuple[bool, float, str]:
    known = result.status == "ok" and result.value is not None
    return (not known, -((result.value or 0.0) - (result.floor or 0.0)), result.name)


def _row(result: Result, axis: Ruler) -> dict[str, Any]:
    known = result.status == "ok" and result.value is not None
    above = known and result.interval is not None and result.interval[0] > 0
    within = known and result.interval is not None and result.interval[0] <= 0
    how = method(result.name)
    return {
        "name": result.name,
        "title": clean(result.title),
        "question": clean(result.question),
        "known": known,
        "strip": axis.svg(result) if known else "",
        "value": number(result.value),
        "floor": number(result.floor),
        "copied": number(result.copied),
        "interval": _interval(result),
        "sign": "above" if above else ("within" if within else ""),
        "sentence": clean(result.verdict or result.reason) or ("" if known else "Cannot say."),
        "details": [_detail(d) for d in result.details[:12]],
        "more": max(len(result.details) - 12, 0),
        "panels": panels(result),
        "facts": _facts(result),
        "interval_by": clean(result.interval_by),
        "method": how,
    }


def _interval(result: Result) -> str:
    if result.interval is None:
        return ""
    return f"{number(result.interval[0])} to {number(result.interval[1])}"


def _detail(detail: Detail) -> dict[str, str]:
    return {
        "label": clean(detail.label),
        "value": number(detail.value),
        "floor": number(detail.floor),
        "sentence": clean(detail.sentence),
    }


def _facts(result: Result) -> list[tuple[str, str]]:
    """Single numbers of a curve, for scores whose picture is a few numbers."""
    curve = result.curve
    facts: list[tuple[str, str]] = []
    if isinstance(curve.get("share"), float):
        facts.append(("nearer to a training than to a holdout entity", share(curve["share"])))
        facts.append(("by chance", share(curve.get("chance"))))
    if curve.get("task"):
        measure = clean(curve.get("measure"))
        facts.append(("task", clean(curve["task"])))
        facts += [
            (f"{measure}, trained on {what}", number(curve.get(key)))
            for key, what in (
                ("real", "real rows"),
                ("synthetic", "synthetic rows"),
                ("constant", "nothing (a constant)"),
            )
        ]
    if curve.get("auc_alone") is not None:
        facts.append(("AUC from lone rows", number(curve["auc_alone"])))
    if curve.get("columns") and result.name in ("exact_rows", "exact_runs"):
        facts.append(("columns compared", ", ".join(clean(c) for c in curve["columns"])))
    return facts


def _entities(context: Context, name: str) -> dict[str, int]:
    """How many synthetic entities show each level of a column."""
    import numpy as np

    data = context.synthetic
    column = context.schema[name]
    if data is None or name not in data or not column.discrete:
        return {}
    codes = data.codes(name)
    owner = (
        np.arange(data.n_entities) if len(codes) == data.n_entities and column.static else data.entity_of_row
    )
    levels = column.levels or (False, True)
    known = codes >= 0
    pairs = np.unique(np.stack([codes[known], owner[known]]), axis=1)
    found = np.bincount(pairs[0], minlength=len(levels))
    return {str(level): int(n) for level, n in zip(levels, found, strict=True)}


def _time(context: Context) -> str:
    schema = context.schema
    rhythm = f"regular ({clean(schema.frequency)})" if schema.frequency else "irregular"
    zone = f", zone {clean(schema.timezone)}" if schema.timezone else ""
    return f"Time in {UNITS[time_unit(schema)]}, {rhythm}{zone}."
