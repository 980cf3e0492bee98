"""How the release came to be."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tsynth.reports.context import Context
from tsynth.reports.words import UNITS, clean, count, duration, of
from tsynth.scores.report import Report
from tsynth.scores.words import time_unit

__all__ = ["casts", "made"]


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
        "privacy": _privacy(context.privacy),
        "unsuitable": [clean(u) for u in context.unsuitable],
        "files": [clean(f) for f in context.source.get("files") or ()],
        "versions": [(clean(k), clean(v)) for k, v in (run.get("versions") or {}).items()],
        "machine": clean(run.get("machine")),
        "command": clean(run.get("command")),
        "job": json.dumps(dict(context.job), indent=2, ensure_ascii=False, default=str)
        if context.job
        else "",
    }


def casts(report: Report) -> list[dict[str, Any]]:
    """Columns whose values were read as what the training rows hold, and cells that could not be read so."""
    found = report.meta.get("casts")
    rows: list[dict[str, Any]] = []
    for cast in found if isinstance(found, (list, tuple)) else ():
        if isinstance(cast, Mapping):
            unreadable = cast.get("unreadable")
            rows.append(
                {
                    "column": clean(cast.get("column")),
                    "from": clean(cast.get("from")),
                    "to": clean(cast.get("to")),
                    "cells": count(cast.get("cells")),
                    "unreadable": count(unreadable),
                    "lost": isinstance(unreadable, int) and unreadable > 0,
                }
            )
    return sorted(rows, key=lambda row: not row["lost"])


# -- inside


def _sentence(text: Any) -> str:
    text = clean(text).strip()
    text = text[:1].upper() + text[1:]
    return text + "." if text and text[-1] not in ".!?" else text


def _privacy(account: Mapping[str, Any]) -> dict[str, Any]:
    """The account of differential privacy, in sentences; empty where there is none."""
    if not account:
        return {}
    spendings = account.get("spendings") or ()
    counters = dict.fromkeys(
        [account.get("accountant"), *(s["accountant"] for s in spendings if "accountant" in s)]
    )
    unit = clean(account.get("unit"))
    what = f"The {unit} is the unit: two sources are told apart that differ in one {unit} with all its rows."
    bound = f"Contribution bound: {count(account.get('rows'))} rows ({clean(account.get('rows_from'))})."
    clipped = [f"gradients clipped to {s['clip']:g}" for s in spendings if "clip" in s]
    return {
        "headline": f"The model was learned with ({account['epsilon']:g}, {account['delta']:.3g})-differential privacy;"
        f" {account['spent']:.4g} of epsilon was spent, in {len(spendings)} parts."
        " What is named as taken without budget is not covered.",
        "lines": [
            f"{what} {bound}",
            f"Counted by {', '.join(clean(c) for c in counters)}. {_sentence(account.get('mechanism'))}",
            *(f"{_sentence(text)}" for text in clipped),
        ],
        "leaks": [clean(leak) for leak in account.get("leaks") or ()],
        "not_learned": [clean(text) for text in account.get("not_learned") or ()],
    }


def _time(context: Context) -> str:
    schema = context.schema
    rhythm = f"regular ({clean(schema.frequency)})" if schema.frequency else "irregular"
    zone = f", zone {clean(schema.timezone)}" if schema.timezone else ""
    return f"Time in {UNITS[time_unit(schema)]}, {rhythm}{zone}."
