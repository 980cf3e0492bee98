"""Groups and risks: who is there, how each group fares, and what an attacker gets."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from tsynth.reports.context import Context
from tsynth.reports.methods import method
from tsynth.reports.words import clean, count, number, share
from tsynth.scores.base import Result
from tsynth.scores.report import Report

__all__ = ["attack", "fairness", "groups", "privacy"]

_SMALL, _MOST = 10, 40
_LOW = 0.01
"""The false-positive rate at which an attack's hits are told."""


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


def fairness(report: Report) -> list[dict[str, Any]]:
    """A table a score of fairness: the groups in the order in which the score names them, never ranked.

    A score's curve holds ``"groups": [{"name", "entities": {"real", "synthetic"}, "small", ...numbers}]``; each
    number is a column of the table, a pair of real and synthetic is two.
    """
    tables = []
    for result in report.values():
        if result.group != "fairness" or result.status == "does not apply":
            continue
        found = result.curve.get("groups") if result.status == "ok" else None
        entries = [g for g in found if isinstance(g, Mapping)] if isinstance(found, (list, tuple)) else []
        names = _numbers_of(entries)
        by = result.curve.get("columns")
        rows = [
            {
                "name": clean(entry.get("name")),
                "small": bool(entry.get("small")),
                "cells": [(_head(key), _value(key, _at(entry, key))) for key in names],
            }
            for entry in entries[:_MOST]
        ]
        tables.append(
            {
                "title": clean(result.title),
                "question": clean(result.question),
                "verdict": clean(result.verdict or result.reason),
                "reason": clean(result.reason),
                "known": result.status == "ok",
                "by": ", ".join(clean(c) for c in by) if isinstance(by, (list, tuple)) else "",
                "columns": [_head(key) for key in names],
                "rows": rows,
                "more": max(len(entries) - _MOST, 0),
                "small": any(row["small"] for row in rows),
            }
        )
    return tables


def privacy(report: Report) -> tuple[list[dict[str, Any]], list[dict[str, str]]]:
    """What was tried against the privacy of the source: attacks that guess who was there, and other looks."""
    attacks, others = [], []
    for result in report.values():
        if result.group != "privacy" or result.status == "does not apply":
            continue
        how = method(result.name)
        told = {
            "title": clean(result.title),
            "verdict": clean(result.verdict or result.reason),
            "value": number(result.value),
            "floor": number(result.floor),
        }
        found = attack(result)
        if found is None:
            others.append({**told, "asks": how.attacker or clean(result.question)})
        else:
            attacks.append({**told, **found, "knows": found["knows"] or how.attacker})
    return attacks, others


def attack(result: Result) -> dict[str, Any] | None:
    """An attack's success as texts; None where a score is no attack with an AUC.

    AUC and interval are those of the gap, 2 AUC - 1, where it has one: they rest on all halvings of the holdout, the
    curve on the first.

    The curve holds ``{"auc", "interval", "true_positive_rate": [{"false_positive_rate", "rate", "interval"}],
    "attacker": sentence}``, and the same of held-out entities under ``"control"`` where the score has it.
    """
    curve = result.curve
    if result.status != "ok" or not _finite(curve.get("auc")) or "attacker" not in curve:
        return None
    control = curve.get("control")
    control = control if isinstance(control, Mapping) else {}
    auc: float = curve["auc"]
    floor: Any = control.get("auc")
    low, high = _pair(curve.get("interval"))
    if result.value is not None and result.floor is not None:  # over all halvings; a gap is 2 AUC - 1
        auc, floor = 0.5 + result.value / 2, 0.5 + result.floor / 2
        if result.interval is not None:
            low, high = (floor + bound / 2 for bound in result.interval)
    return {
        "knows": clean(curve.get("attacker")),
        "auc": number(auc),
        "interval": f"{number(max(low, 0.0))} to {number(min(high, 1.0))}" if low is not None else "",
        "control": number(floor) if _finite(floor) else "–",
        "hits": _hits(curve),
        "control_hits": _hits(control)[0] if control else "",
        "above": low is not None and low > (floor if _finite(floor) and floor > 0.5 else 0.5),
    }


# -- inside


def _hits(curve: Mapping[str, Any]) -> tuple[str, str]:
    """Members found at the false-positive rate nearest to 1 % that is known, and the interval."""
    found = curve.get("true_positive_rate")
    rates = [
        r
        for r in (found if isinstance(found, (list, tuple)) else ())
        if isinstance(r, Mapping) and _finite(r.get("rate")) and _finite(r.get("false_positive_rate"))
    ]
    if not rates:
        return "–", ""
    rate = min(rates, key=lambda r: abs(math.log(max(r["false_positive_rate"], 1e-9) / _LOW)))
    low, high = _pair(rate.get("interval"))
    at = rate["false_positive_rate"]
    text = f"{share(rate['rate'])}, at {share(at)} accused"
    return text, f"{share(low)} to {share(high)}" if low is not None else ""


def _finite(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _pair(value: Any) -> tuple[Any, Any]:
    pair = isinstance(value, (list, tuple)) and len(value) == 2 and all(_finite(v) for v in value)
    return (value[0], value[1]) if pair else (None, None)


_Key = tuple[str, str]
_SKIPPED = ("name", "small", "level", "levels", "columns", "why", "reason", "sentence")


def _numbers_of(entries: list[Mapping[str, Any]]) -> list[_Key]:
    """What stands in the columns: keys of numbers, and of pairs of them."""
    keys: dict[_Key, None] = {}
    for entry in entries:
        for key, value in entry.items():
            if key in _SKIPPED:
                continue
            if isinstance(value, Mapping):
                keys |= {
                    (str(key), str(k)): None for k, v in value.items() if v is None or _finite(v) or _span(v)
                }
            elif value is None or _finite(value) or _span(value):
                keys[(str(key), "")] = None
    return list(keys)[:8]


def _span(value: Any) -> bool:
    return _pair(value)[0] is not None


def _at(entry: Mapping[str, Any], key: _Key) -> Any:
    value = entry.get(key[0])
    return value.get(key[1]) if key[1] and isinstance(value, Mapping) else value


def _head(key: _Key) -> str:
    return clean(" ".join(part.replace("_", " ") for part in key if part).strip())


def _value(key: _Key, value: Any) -> str:
    if _span(value):
        return f"{number(value[0])} to {number(value[1])}"
    if not _finite(value):
        return "–"
    if key[0].startswith(("share", "rate")) or key[0].endswith(("share", "rate")):
        return share(value)
    return count(value) if isinstance(value, int) else number(value)


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
