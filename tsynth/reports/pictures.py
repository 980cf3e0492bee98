"""Pictures that a curve asks for, whatever the score: what cannot be drawn is told, and never stops a page."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from tsynth.reports import figures, rows
from tsynth.reports.panel import Panel, Table
from tsynth.reports.words import clean, ems, number, share, shorten

__all__ = ["LARGEST", "pictures"]

LARGEST = 60_000
"""Bytes that one picture may take."""
_MOST, _POINTS, _CELLS, _ROWS, _COLUMNS = 8, 400, 120, 40, 10


class _Unfit(ValueError):
    """Why a picture is not drawn, a clause."""


def pictures(key: str, wanted: Any) -> tuple[list[Panel], list[str]]:
    """Draw the pictures of a curve, see "Pictures of any score" in `tsynth.scores`.

    Parameters
    ----------
    key : str
        Unique in the page.
    wanted : list of mapping
        What ``curve["pictures"]`` holds. It may come from a plug-in, so nothing is taken for granted.

    Returns
    -------
    list of Panel
        At most eight.
    list of str
        A sentence for each picture that could not be drawn, and one for those that found no room.
    """
    if not isinstance(wanted, (list, tuple)):
        return [], [] if wanted is None else ["The pictures of this score are no list, so none is drawn."]
    drawn: list[Panel] = []
    said: list[str] = []
    for i, picture in enumerate(wanted):
        if len(drawn) == _MOST:
            said.append(f"{len(wanted) - i} more in report.json.")
            break
        title = shorten(picture.get("title") or "", 60) if isinstance(picture, Mapping) else ""
        try:
            panel = _draw(f"{key}-picture-{i}", picture)
            if len(panel.svg.encode()) > LARGEST:
                raise _Unfit("it is too large for a page")
            drawn.append(panel)
        except _Unfit as reason:
            said.append(f"{title or f'Picture {i + 1}'}: not drawn, {reason}.")
        except Exception:  # what a plug-in hands in may be anything
            said.append(f"{title or f'Picture {i + 1}'}: not drawn, its numbers cannot be read.")
    return drawn, said


# -- kinds


def _draw(key: str, picture: Any) -> Panel:
    if not isinstance(picture, Mapping):
        raise _Unfit("it is no mapping")
    kind = picture.get("kind")
    draw = _KINDS.get(kind) if isinstance(kind, str) else None
    if draw is None:
        raise _Unfit(f"there is no kind of picture {shorten(kind, 30)!r}")
    with np.errstate(all="ignore"):
        return draw(key, picture)


def _lines(key: str, picture: Mapping[str, Any]) -> Panel:
    synthetic = _numbers(picture.get("synthetic"), "synthetic")
    real = None if picture.get("real") is None else _numbers(picture["real"], "real", len(synthetic))
    dates = bool(picture.get("dates"))
    x = _list(picture.get("x"), "x", len(synthetic))
    at = [str(v) for v in x] if dates else _numbers(x, "x")
    known = [dates or math.isfinite(float(v)) for v in at]
    keep = _thin([i for i, ok in enumerate(known) if ok])
    if not keep or not _any(synthetic, real):
        raise _Unfit("there is nothing to show")
    svg = figures.curves(
        key,
        _label(picture),
        [at[i] for i in keep],
        [] if real is None else [real[i] for i in keep],
        [synthetic[i] for i in keep],
        dates=dates,
        log_x=bool(picture.get("log_x")),
        step=bool(picture.get("step")),
        shares=bool(picture.get("shares")),
        top=1.0 if picture.get("shares") else None,
    )
    along = clean(picture.get("x_label"))
    return _panel(picture, svg, clean(picture.get("y_label")), f"x: {along}" if along else "")


def _histogram(key: str, picture: Mapping[str, Any]) -> Panel:
    real = _numbers(picture.get("real"), "real")
    synthetic = _numbers(picture.get("synthetic"), "synthetic", len(real))
    edges: list[Any] = _list(picture.get("edges"), "edges", len(real) + 1)
    dates = bool(picture.get("dates"))
    edges = [str(e) for e in edges] if dates else _numbers(edges, "edges")
    if not real or not _any(real, synthetic):
        raise _Unfit("there is nothing to show")
    if any(math.isnan(e) for e in edges if isinstance(e, float)) or sorted(edges) != edges:
        raise _Unfit("its edges do not rise")
    every = -(-len(real) // _CELLS)
    starts = np.arange(0, len(real), every)
    curve = {
        "edges": [*(edges[i] for i in starts), edges[-1]],
        "real": _parts(real, starts),
        "synthetic": _parts(synthetic, starts),
        "dates": dates,
    }
    svg = figures.histogram(key, _label(picture), curve, picture.get("log"))
    spikes = [
        f"{what}: real {share(a)}, synthetic {share(b)}"
        for what, a, b in figures.spikes(curve, picture.get("log"))[:2]
    ]
    unit = clean(picture.get("unit"))
    return _panel(picture, svg, f"in {unit}" if unit else "", "; ".join(spikes))


def _bars(key: str, picture: Mapping[str, Any]) -> Panel:
    real = _numbers(picture.get("real"), "real")
    synthetic = _numbers(picture.get("synthetic"), "synthetic", len(real))
    levels = [clean(v) for v in _list(picture.get("levels"), "levels", len(real))]
    if not _any(real, synthetic):
        raise _Unfit("there is nothing to show")
    shares = picture.get("shares") is not False
    signed = min((v for v in (*real, *synthetic) if math.isfinite(v)), default=0.0) < 0
    if not signed and 9 < len(levels) <= 60 and max(ems(v) for v in levels) <= 3.2:
        svg = figures.profile(key, _label(picture), levels, real, synthetic, shares=shares)
    elif shares and not signed:
        svg = rows.bars(key, _label(picture), levels, real, synthetic)
    else:  # what are no shares cannot be added up to "other"
        svg = rows.beside(key, _label(picture), levels[:24], real[:24], synthetic[:24], least=0.0)
    more = f"the first 24 of {len(levels)}" if len(levels) > 24 and (signed or not shares) else ""
    return _panel(picture, svg, "", more)


def _ranking(key: str, picture: Mapping[str, Any]) -> Panel:
    values = _numbers(picture.get("values"), "values")
    names = [clean(v) for v in _list(picture.get("names"), "names", len(values))]
    if not _any(values):
        raise _Unfit("there is nothing to show")
    known = [(n, v) for n, v in zip(names, values, strict=True) if math.isfinite(v)]
    svg = rows.ranking(key, _label(picture), [n for n, _ in known], [v for _, v in known])
    more = f"the largest 8 of {len(known)}" if len(known) > 8 else ""
    return _panel(picture, svg, clean(picture.get("label")), more)


def _table(key: str, picture: Mapping[str, Any]) -> Panel:
    names = [clean(v) for v in _list(picture.get("columns"), "columns")]
    lines = [_list(row, "a row", len(names)) for row in _list(picture.get("rows"), "rows")]
    if not names or not lines:
        raise _Unfit("there is nothing to show")
    numeric = tuple(
        all(row[j] is None or _is_number(row[j]) for row in lines) for j in range(min(len(names), _COLUMNS))
    )
    shown = tuple(tuple(_cell(v) for v in row[:_COLUMNS]) for row in lines[:_ROWS])
    table = Table(tuple(names[:_COLUMNS]), shown, numeric)
    said = [f"{len(lines) - _ROWS} more rows"] if len(lines) > _ROWS else []
    said += [f"{len(names) - _COLUMNS} more columns"] if len(names) > _COLUMNS else []
    return _panel(picture, "", "", " and ".join(said) + " in report.json" if said else "", table)


_KINDS: dict[str, Callable[[str, Mapping[str, Any]], Panel]] = {
    "lines": _lines,
    "histogram": _histogram,
    "bars": _bars,
    "ranking": _ranking,
    "table": _table,
}


# -- inside


def _panel(
    picture: Mapping[str, Any], svg: str, note: str = "", caption: str = "", table: Table | None = None
) -> Panel:
    said = [shorten(picture.get("caption"), 160), shorten(caption, 160)]
    title = shorten(picture.get("title") or str(picture["kind"]).capitalize(), 60)
    return Panel(
        title, svg, shorten(note, 30), "; ".join(s.rstrip(".") for s in said if s), table is not None, table
    )


def _label(picture: Mapping[str, Any]) -> str:
    caption = clean(picture.get("caption"))
    return f"{clean(picture.get('title'))}, real and synthetic{': ' + caption if caption else ''}"


def _list(values: Any, what: str, size: int | None = None) -> list[Any]:
    if not isinstance(values, (list, tuple)):
        raise _Unfit(f"{what} is no list")
    if size is not None and len(values) != size:
        raise _Unfit(f"{what} has {len(values)} entries where {size} are needed")
    return list(values)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _numbers(values: Any, what: str, size: int | None = None) -> list[float]:
    """Finite numbers as floats, NaN where there is none."""
    found = []
    for value in _list(values, what, size):
        if value is not None and not _is_number(value):
            raise _Unfit(f"{what} holds {shorten(value, 20)!r}, which is no number")
        try:
            found.append(math.nan if value is None else float(value))
        except OverflowError:
            found.append(math.nan)
    return [v if math.isfinite(v) else math.nan for v in found]


def _any(*lists: list[float] | None) -> bool:
    return any(math.isfinite(v) for values in lists if values for v in values)


def _thin(places: list[int]) -> list[int]:
    """At most 400 of these places, evenly, with the first and the last."""
    if len(places) <= _POINTS:
        return places
    kept = np.unique(np.round(np.linspace(0, len(places) - 1, _POINTS)).astype(int))
    return [places[i] for i in kept]


def _parts(values: list[float], starts: np.ndarray[Any, Any]) -> list[float | None]:
    """Sums of runs of cells; None where one of them is not known."""
    sums = np.add.reduceat(np.array(values), starts)
    return [None if math.isnan(v) else float(v) for v in sums]


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return number(value) if value is None or _is_number(value) else shorten(value, 200)
