"""Fit on one half, draw, measure each draw; the median of the draws, and it in lines."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

import tsynth
from benchmarks.mixed import tables
from benchmarks.mixed.measure import measure
from tsynth.data.reading import build
from tsynth.data.sequences import Sequences


def run(
    table: str, generator: str, *, minutes: float | None = None, steps: int | None = None, draws: int = 3,
    quick: bool = False, parameters: dict[str, Any] | None = None, seed: int = 0,
    times: int = 0, ask: Callable[[Sequences, Sequences, Sequences], Any] | None = None,
) -> dict[str, Any]:  # fmt: skip
    """The draws of one generator on one table.

    Returns
    -------
    dict
        ``table``, ``generator``, ``train`` (entities, rows), ``fit`` and ``sample`` (seconds), ``rows_a_second`` of
        fit and sample, ``draws``: what `measure` found, one each; where `ask` is given, ``larger``: its answer of
        train, one sample of `times` as many entities, and holdout.
    """
    train, holdout = tables.split(table, seed)
    made = maker(
        generator, train, minutes=minutes, steps=steps, parameters=parameters, draws=draws, times=times
    )
    if ask is not None:
        made["larger"] = ask(train, made["larger"], holdout)
    found = [measure(train, one, holdout, table, quick=quick) for one in made.pop("draws")]
    rows = {"train": [train.n_entities, train.n_rows], "holdout": [holdout.n_entities, holdout.n_rows]}
    return {"table": table, "generator": generator, **rows, **made, "draws": found}


def maker(
    generator: str, train: Sequences, *, minutes: float | None, steps: int | None,
    parameters: dict[str, Any] | None, draws: int, times: int = 0,
) -> dict[str, Any]:  # fmt: skip
    """The draws, and how long they took; of a fitted generator also ``larger``: `times` as many entities, if asked."""
    if generator == "real":
        return {"draws": [train]}
    if generator == "again":
        n = train.n_entities
        return {
            "draws": [train.take(np.sort(np.random.default_rng(k).integers(n, size=n))) for k in range(draws)]
        }
    if Path(generator).is_file():
        return {"draws": [read_made(generator, train)]}
    model = tsynth.create(generator, **(parameters or {}))
    begun = time.perf_counter()
    model.fit(train, minutes=minutes, steps=steps)
    fit = time.perf_counter() - begun
    begun = time.perf_counter()
    found = [model.sample(train.n_entities, seed=k) for k in range(draws)]
    sample = time.perf_counter() - begun
    rows = sum(one.n_rows for one in found)
    larger = {"larger": model.sample(times * train.n_entities, seed=draws)} if times else {}
    return {
        **larger,
        "fit": fit,
        "sample": sample,
        "rows_a_second": [train.n_rows / fit, rows / sample],
        "draws": found,
    }


def read_made(path: str, train: Sequences) -> Sequences:
    """Rows that another tool made, under the schema of train."""
    from tsynth.data.reading import read_table

    table, origin, notes = read_table(path)
    return build(table, train.schema, origin=origin, notes=notes)


def middle(result: dict[str, Any], *path: str) -> Any:
    """The median over the draws of a number, or of each number of a list, that stands at `path`."""
    values = []
    for draw in result["draws"]:
        for key in path:
            draw = draw[key]
        values.append(draw)
    if isinstance(values[0], list):
        return [None if v[0] is None else float(np.nanmedian(v)) if any(x == x for x in v) else float("nan")
                for v in zip(*values, strict=True)]  # fmt: skip
    return None if values[0] is None else median(values)


def told(result: dict[str, Any]) -> list[str]:
    """A compact table."""
    first = result["draws"][0]
    spread = ", ".join(f"{d['times_floor']:.2f}" for d in result["draws"])
    lines = [
        f"{result['table']}, {result['generator']}: train {result['train'][0]:,} entities, "
        f"{result['train'][1]:,} rows; made {first['entities']:,}, {first['rows']:,}"
    ]
    if "fit" in result:
        fit, sample = result["rows_a_second"]
        lines.append(f"fit {result['fit']:.1f} s ({fit:,.0f} rows/s), sample {sample:,.0f} rows/s")
    auc = {name: middle(result, "auc", name) for name in first["auc"]}
    lines.append(f"times_floor {middle(result, 'times_floor'):.3f} ({spread})")
    lines.append("AUC " + ", ".join(f"{name} {value:.3f}" for name, value in auc.items()))
    lines.append(f"time goes back {middle(result, 'goes_back'):.4f}")
    for name in first["copies"]:
        value, floor = middle(result, "copies", name)
        if value is not None:
            lines.append(
                f"{name} {value:.4f} (holdout {floor:.4f})" if floor is not None else f"{name} {value:.4f}"
            )
    ratios = []
    for name in first["scores"]:
        value, floor = middle(result, "scores", name)
        ratios.append((value / floor if floor else np.inf if value else 0.0, name, value, floor))
    lines.append("score                  value   floor   times")
    lines += [f"{n:20s} {v:7.4f} {f or 0:7.4f} {r:7.2f}" for r, n, v, f in sorted(ratios, reverse=True)]
    lines.append("rule                                   synthetic  holdout")
    for name, _values in first.get("own", {}).items():
        shown = middle(result, "own", name)
        lines.append(f"{name:38s} " + " ".join(f"{v:9.4g}" for v in shown))
    for name in first["rules"]:
        made, real = middle(result, "rules", name)
        lines.append(f"{made:.4f} {real:.4f}  {name[:110]}")
    lines.append(f"measured in {sum(d['seconds'] for d in result['draws']):.0f} s")
    return lines
