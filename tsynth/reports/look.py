"""The pictures: real and synthetic over each other, read from the curves of the scores."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tsynth.reports import figures, rows
from tsynth.reports.panel import Panel
from tsynth.reports.pictures import pictures
from tsynth.reports.scales import numbers
from tsynth.reports.words import UNITS, clean, number, share, shorten
from tsynth.scores.report import Report

__all__ = ["COLUMNS", "SURVIVAL", "Look", "is_staircase", "look", "memory"]

COLUMNS = 24
"""Most panels of columns; the worst come first and the rest is a table."""

SURVIVAL = "survival_curve"
"""The score whose staircases are shown here."""
_LONG = (
    "Monday Tuesday Wednesday Thursday Friday Saturday Sunday January February March April June July August "
    "September October November December"
).split()


@dataclass(frozen=True)
class Look:
    """All pictures of the page, and the columns that found no room."""

    columns: list[Panel] = field(default_factory=list)
    rest: list[dict[str, str]] = field(default_factory=list)
    time: list[Panel] = field(default_factory=list)
    codes: list[Panel] = field(default_factory=list)
    transitions: Panel | None = None
    missing: list[Panel] = field(default_factory=list)
    survival: list[Panel] = field(default_factory=list)


def look(report: Report) -> Look:
    """Everything that the report's curves allow to draw."""
    curves = {name: r.curve for name, r in report.items() if r.status == "ok" and r.curve}
    marginals = curves.get("marginals", {})
    columns = list(marginals.get("columns", ()))
    floors = {d.label: d.floor for d in report["marginals"].details} if "marginals" in report.results else {}
    times: list[Panel] = []
    codes: list[Panel] = []
    if calendar := curves.get("calendar"):
        times += _volume(calendar)
        times += [_profile(f"profile-{i}", p["name"], p) for i, p in enumerate(calendar.get("profiles", ()))]
        for i, p in enumerate(list(calendar.get("codes", ()))[:4]):
            codes.append(_profile(f"code-{i}", clean(p["code"]), p, note=clean(p["name"])))
    times += _gaps(curves.get("gaps", {})) + _lengths(curves.get("lengths", {}))
    times += memory(curves.get("autocorrelation", {}), 5)
    return Look(
        columns=[_column(i, c, floors) for i, c in enumerate(columns[:COLUMNS])],
        rest=[_rest(c, floors) for c in columns[COLUMNS:]],
        time=times,
        codes=codes,
        transitions=_transitions(curves.get("transitions", {})),
        missing=[_missing(i, m) for i, m in enumerate(list(marginals.get("missing", ()))[:8])],
        survival=_survival(curves.get(SURVIVAL, {})),
    )


def is_staircase(picture: Any) -> bool:
    """Whether a picture of a score is a survival curve."""
    return isinstance(picture, Mapping) and picture.get("kind") == "lines" and bool(picture.get("step"))


# -- columns


def _column(i: int, column: Mapping[str, Any], floors: Mapping[str, float | None]) -> Panel:
    name, unit = clean(column["name"]), clean(column.get("unit"))
    label = f"{name}: distribution in real and in synthetic rows"
    note = [f"gap {number(column.get('gap'))}"]
    if floors.get(column["name"]) is not None:
        note.append(f"real {number(floors[column['name']])}")
    caption = []
    if column.get("picture") == "bars":
        svg = rows.bars(f"column-{i}", label, column["levels"], column["real"], column["synthetic"])
    elif len(column.get("edges", ())) > 1:
        svg = figures.histogram(f"column-{i}", label, column)
        caption = [_spike(*s, unit=unit) for s in figures.spikes(column)[:2]]
    else:
        svg = ""
        caption = ["too few real entities to draw"]
    null = column.get("null") or {}
    if (null.get("real") or 0) + (null.get("synthetic") or 0) > 0:
        caption.append(f"empty: {_both(null)}")
    if unit and column.get("picture") != "bars":
        caption.insert(0, f"in {unit}")
    if column.get("static"):
        caption.insert(0, "one value an entity")
    return Panel(shorten(name, 30), svg, " · ".join(note), "; ".join(caption))


def _spike(what: str, real: Any, synthetic: Any, unit: str = "") -> str:
    return f"{what}: {_both({'real': real, 'synthetic': synthetic})}"


def _both(pair: Mapping[str, Any]) -> str:
    return f"real {share(pair.get('real'))}, synthetic {share(pair.get('synthetic'))}"


def _rest(column: Mapping[str, Any], floors: Mapping[str, float | None]) -> dict[str, str]:
    null = column.get("null") or {}
    return {
        "name": clean(column["name"]),
        "kind": clean(column.get("kind")),
        "gap": number(column.get("gap")),
        "floor": number(floors.get(column["name"])),
        "empty": _both(null) if null else "",
    }


# -- time


def _volume(calendar: Mapping[str, Any]) -> list[Panel]:
    volume = calendar.get("volume")
    if not volume:
        return []
    svg = figures.histogram("volume", "Rows over calendar time, real and synthetic", volume, log=False)
    return [Panel("Volume", svg, "rows over calendar time")]


def _profile(key: str, name: str, curve: Mapping[str, Any], note: str = "share of rows") -> Panel:
    levels = [clean(level).replace(" or more", "+") for level in curve["levels"]]
    levels = [level[:3] if level in _LONG else level for level in levels]
    title = name[:1].upper() + name[1:] if key.startswith("profile") else name
    svg = figures.profile(
        key, f"{name}: share of rows, real and synthetic", levels, curve["real"], curve["synthetic"]
    )
    return Panel(title, svg, note)


def _gaps(curve: Mapping[str, Any]) -> list[Panel]:
    if len(curve.get("edges", ())) < 2:
        return []
    svg = figures.histogram(
        "gaps", "Time between neighbouring rows, real and synthetic", curve, log=curve.get("log")
    )
    zero = curve.get("zero")
    unit = clean(curve.get("unit") or "step")
    said = ["in units of the time column" if unit == "step" else f"in {UNITS.get(unit, unit)}"]
    if zero and ((zero.get("real") or 0) > 0 or (zero.get("synthetic") or 0) > 0):
        said.append(f"at the same time as the row before: {_both(zero)}")
    said += [_spike(*s) for s in figures.spikes(curve, curve.get("log"))[:2]]
    return [Panel("Gaps", svg, "time to the row before", "; ".join(said))]


def _lengths(curve: Mapping[str, Any]) -> list[Panel]:
    if len(curve.get("edges", ())) < 2:
        return []
    svg = figures.histogram("lengths", "Rows per entity, real and synthetic", curve, log=curve.get("log"))
    return [
        Panel("Lengths", svg, "rows per entity", "; ".join(_spike(*s) for s in figures.spikes(curve)[:2]))
    ]


_WHAT = {
    "level": "correlation with the row so many rows before",
    "size": "correlation of distances from the middle",
    "same": "share of rows with the same value so many rows before",
}


def memory(curve: Mapping[str, Any], most: int, first: int = 0) -> list[Panel]:
    """Autocorrelations, those furthest apart first."""
    lags, drawn = curve.get("lags", ()), []

    def apart(column: Mapping[str, Any]) -> float:
        difference = abs(numbers(column["real"]) - numbers(column["synthetic"]))
        known = difference[difference == difference]
        return float(known.mean()) if known.size else -1.0

    columns = [c for c in curve.get("columns", ()) if apart(c) >= 0]
    if 0 < len(lags) < 3:
        return _one_back(columns, most, first)
    ranked = sorted(columns, key=lambda c: (-apart(c), str(c["name"]), c["what"]))
    for i, c in enumerate(ranked[first:most], start=first):
        what = _WHAT.get(c["what"], clean(c["what"]))
        label = f"{clean(c['name'])}: {what}, real and synthetic"
        svg = figures.curves(
            f"lags-{i}",
            label,
            lags,
            c["real"],
            c["synthetic"],
            signed=c["what"] != "same",
            shares=c["what"] == "same",
        )
        drawn.append(
            Panel(
                shorten(c["name"], 30),
                svg,
                "memory of size" if c["what"] == "size" else "memory",
                f"{what}; x: rows back",
            )
        )
    return drawn


def _one_back(columns: list[Mapping[str, Any]], most: int, first: int) -> list[Panel]:
    """Memory where sequences are too short for more than the row before: a row a column."""
    named = sorted(columns, key=lambda c: (c["what"] == "same", str(c["name"])))[: most if first else 12]
    if not named or first:
        return []
    names = [clean(c["name"]) for c in named]
    label = "Memory of the row before, real and synthetic"
    svg = rows.beside("lags", label, names, [c["real"][0] for c in named], [c["synthetic"][0] for c in named])
    return [Panel("Memory", svg, "the row before", "correlation; for categories the share of rows that stay")]


def _missing(i: int, curve: Mapping[str, Any]) -> Panel:
    label = f"{clean(curve['name'])}: share of empty values over time, real and synthetic"
    svg = figures.curves(
        f"missing-{i}",
        label,
        curve["x"],
        curve["real"],
        curve["synthetic"],
        dates=bool(curve.get("dates")),
        shares=True,
    )
    along = (
        ""
        if curve.get("dates")
        else ("over time" if curve.get("by") == "time" else "x: rows since the start")
    )
    return Panel(shorten(curve["name"], 30), svg, "share empty", along)


def _survival(curve: Mapping[str, Any]) -> list[Panel]:
    wanted = curve.get("pictures")
    return pictures("survival", [p for p in wanted if is_staircase(p)] if isinstance(wanted, list) else None)[
        0
    ]


# -- matrices


def _transitions(curve: Mapping[str, Any]) -> Panel | None:
    if not curve.get("codes"):
        return None
    columns = list(curve.get("next") or [*curve["codes"], "end"])[: len(curve["difference"][0])]
    label = "What follows what: share of next codes, synthetic minus real"
    svg = figures.bubbles("transitions", label, curve["codes"], columns, curve["difference"])
    known = numbers([v for row in curve["difference"] for v in row])
    known = abs(known[known == known])
    caption = [f"the largest circle is {number(100 * float(known.max()))} points"] if known.size else []
    if any(v is None for row in curve["difference"] for v in row):
        caption.append("blank where some, but too few real entities do it")
    return Panel("Synthetic minus real", svg, "row: a code; column: the next", "; ".join(caption), wide=True)
