"""What must never be released: real sequences beside synthetic ones, and the sheet that experts judge blind."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from tsynth.data.files import write_csv, write_text
from tsynth.data.streams import Streams
from tsynth.errors import UsageError
from tsynth.reports.context import Context
from tsynth.reports.examples import Example, plainest
from tsynth.reports.page import environment, style
from tsynth.reports.palette import INK, REAL, SYNTHETIC
from tsynth.reports.timelines import Sheet, choose
from tsynth.reports.words import clean, of, share
from tsynth.scores.alignment import blocks
from tsynth.scores.report import Report

if TYPE_CHECKING:
    from tsynth.data.sequences import Sequences

__all__ = ["MARK", "write_private_look"]

MARK = "NOT-FOR-RELEASE"
"""What the name of every file begins with."""
BESIDE, BLIND = 8, 12
"""Sequences of a side on the page, and on the sheet."""
_FEW = 8
_FILES = ("look.html", "blind-sheet.html", "blind-key.csv")


@dataclass(frozen=True)
class _Drawn:
    """One picture with what stands over and under it."""

    title: str
    note: str
    svg: str
    away: tuple[str, ...] = ()


def write_private_look(
    folder: Path,
    report: Report,
    context: Context,
    train: Sequences,
    holdout: Sequences | None,
    synthetic: Sequences,
) -> Path:
    """Write real beside synthetic sequences, and the same drawings unmarked, for eyes inside the house.

    Parameters
    ----------
    folder : Path
        Outside of any release; made where it is missing. Three files are written, each named as not for release: the
        page, the sheet that experts judge blind, and its key.
    report : Report
        Its judges name the synthetic sequences that gave themselves away.
    context : Context
    train, holdout : Sequences
        Real rows are drawn from the holdout, which the generator has not seen; from train where there is none.
    synthetic : Sequences

    Returns
    -------
    Path
        The page.

    Raises
    ------
    UsageError
        The folder is, or lies in, a release.
    """
    folder = Path(folder)
    _refuse_release(folder)
    real, where = (train, "train") if holdout is None or not holdout.n_rows else (holdout, "holdout")
    told = plainest(report.values(), synthetic, 6)
    sides, cut = _cut(real, synthetic)
    later = bool(report.meta.get("holdout_in_other_time"))
    seed = report.meta.get("seed", context.run.get("seed"))
    seed = seed if isinstance(seed, int) else 0
    folder.mkdir(parents=True, exist_ok=True)
    common: dict[str, Any] = {
        "title": clean(context.title),
        "style": style(),
        "levels": {},
        "version": clean((context.run.get("versions") or {}).get("tsynth", "")),
        "cut": cut,
    }
    page = folder / f"{MARK}-{_FILES[0]}"
    write_text(page, _look_page(common, sides, [] if cut else told, synthetic, where, later or bool(cut)))
    sheet, key = _blind(common, sides, later or bool(cut), seed)
    write_text(folder / f"{MARK}-{_FILES[1]}", sheet)
    write_csv(key, folder / f"{MARK}-{_FILES[2]}")
    return page


# -- inside


def _refuse_release(folder: Path) -> None:
    """No release may hold real rows, not even in a folder below it."""
    where = folder.resolve()
    for place in (where, *where.parents):
        manifest = place / "manifest.json"
        if (place == where and manifest.exists()) or _is_release(manifest) or (place / ".work").is_dir():
            raise UsageError(
                f"{folder} lies in a release ({place}), and this look shows real rows",
                fix="choose a folder outside of it",
            )


def _is_release(manifest: Path) -> bool:
    try:
        content = json.loads(manifest.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(content, dict) and content.get("kind") == "tsynth release"


def _cut(real: Sequences, synthetic: Sequences) -> tuple[tuple[Sequences, Sequences], str]:
    """Both sides, cut into stretches of equal length where a side has too few sequences to look at."""
    if min(int((d.lengths > 0).sum()) for d in (real, synthetic)) >= _FEW:
        return (real, synthetic), ""
    length = int(np.clip(min(real.n_rows, synthetic.n_rows) // (2 * BLIND), 2, 400))
    cut = tuple(blocks(d, length) for d in (real, synthetic))
    return (cut[0], cut[1]), f"Sequences are few, so each is cut into stretches of {length} rows."


def _picked(sides: tuple[Sequences, Sequences], most: int) -> tuple[Sequences, Sequences]:
    """As many of either, evenly from short to long."""
    chosen = [choose(d, most) for d in sides]
    n = min(len(c) for c in chosen)
    chosen = [choose(d, n) if len(c) > n else c for d, c in zip(sides, chosen, strict=True)]
    return sides[0].take(chosen[0]), sides[1].take(chosen[1])


def _look_page(
    common: dict[str, Any],
    sides: tuple[Sequences, Sequences],
    told: Sequence[tuple[int, Sequence[Example]]],
    synthetic: Sequences,
    where: str,
    relative: bool,
) -> str:
    real, made = _picked(sides, BESIDE)
    drawn = [real, made]
    if told:
        drawn.append(synthetic.take(np.array([i for i, _ in told], dtype=np.int64)))
    sheet = Sheet(drawn, relative)
    pairs = [
        (
            _drawn(sheet, i, 0, f"Real {i + 1}", "A real sequence", REAL),
            _drawn(sheet, i, 1, f"Synthetic {i + 1}", "A synthetic sequence", SYNTHETIC),
        )
        for i in range(min(real.n_entities, made.n_entities))
    ]
    plain = [
        replace(
            _drawn(sheet, i, 2, f"Synthetic {said[0].entity}", "A synthetic sequence", SYNTHETIC),
            away=tuple(f"{e.judge}: {share(e.probability)} sure. " + " ".join(e.away) for e in said),
        )
        for i, (_, said) in enumerate(told)
    ]
    return (
        environment()
        .get_template("private.html.j2")
        .render(
            **common, pairs=pairs, plain=plain, where=where, say=sheet.sentence(), sheet=_FILES[1:], mark=MARK
        )
    )


def _blind(
    common: dict[str, Any], sides: tuple[Sequences, Sequences], relative: bool, seed: int
) -> tuple[str, pa.Table]:
    """The sheet and its key: the drawings shuffled, in one colour, without a name."""
    chosen = _picked(sides, BLIND)
    sheet = Sheet(list(chosen), relative)
    n = chosen[0].n_entities
    order = np.argsort(Streams(seed, ("private", "blind"), range(2 * n)).uniform(), kind="stable")
    drawn = [
        _drawn(
            sheet, int(k) % n, int(k) // n, f"Drawing {place + 1}", "A sequence", INK, f"drawing-{place + 1}"
        )
        for place, k in enumerate(order)
    ]
    key = pa.table(
        {
            "drawing": pa.array(range(1, 2 * n + 1), pa.int64()),
            "is": pa.array(["synthetic" if k >= n else "real" for k in order], pa.string()),
            "entity": pa.array([_entity(chosen[int(k) // n], int(k) % n) for k in order], pa.string()),
        }
    )
    least = _surprising(2 * n)
    page = (
        environment()
        .get_template("blind.html.j2")
        .render(**common, drawn=drawn, say=sheet.sentence(), half=n, least=least, mark=MARK)
    )
    return page, key


def _surprising(drawings: int) -> int | None:
    """The right answers that a guess reaches in at most 1 of 20 tries; None where none does.

    An expert who knows that half are real does a little better by guessing in balance; each drawing counts alone here.
    """
    from scipy.stats import binom

    least = int(binom.isf(0.05, drawings, 0.5)) + 1
    return least if least <= drawings else None


def _drawn(sheet: Sheet, i: int, side: int, title: str, label: str, colour: str, key: str = "") -> _Drawn:
    rows = int(sheet.sides[side].lengths[i])
    svg = sheet.svg(key or f"side-{side}-{i}", i, side, label, colour)
    return _Drawn(clean(title), of(rows, "row", "rows"), svg)


def _entity(data: Sequences, i: int) -> str:
    name = data.schema.entity
    if name is None or name not in data.entities.column_names:
        return ""
    return clean(data.entities[name][i].as_py())
