"""One page, docs/benchmarks.md, from the kept results. They are not in git, the page is."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from benchmarks.measure import HERE
from benchmarks.runner import RESULTS

PAGE = HERE.parent / "docs" / "benchmarks.md"
HEAD = """\
# Benchmarks

Written by `python -m benchmarks`; do not edit. A time is the median of its repeats, after a call that is not
counted. The *raw limit* is the bare task on the same machine: the closer to it, the less there is to gain.
Peers run in environments of their own, on the same data, with the settings that their documentation gives.
"""
LEFT_OUT = {"by", "what", "seconds", "runs"}


def write(known: Iterable[str]) -> Path:
    """Write the page: a section a known case, new where a result is kept here, else as it stood."""
    sections = _standing()
    for path in sorted(RESULTS.glob("*.json")):
        result = json.loads(path.read_text(encoding="utf-8"))
        sections[title(result["case"])] = section(result)
    parts = [sections[title(name)] for name in known if title(name) in sections]
    PAGE.write_text("\n".join([HEAD, *(parts or ["No case has been run yet.\n"])]), encoding="utf-8")
    return PAGE


def _standing() -> dict[str, str]:
    text = PAGE.read_text(encoding="utf-8") if PAGE.is_file() else ""
    parts = text.split("\n## ")[1:]
    return {part.splitlines()[0]: "## " + part.rstrip("\n") + "\n" for part in parts}


def title(case: str) -> str:
    return case.replace("_", " ")


def section(result: dict) -> str:
    rows, limit = result["rows"], result["limit"]
    further = sorted({key for row in rows for key in row} - LEFT_OUT)
    heads = ["task", "by", "seconds", "repeats", *(key.replace("_", " ") for key in further)]
    if limit:
        heads.append("times the raw limit")
    table = [heads, ["---"] * len(heads)]
    for row in rows:
        cells = [row["what"], row["by"], number(row["seconds"]), str(len(row.get("runs", [0])))]
        cells += [number(row.get(key)) for key in further]
        if limit:
            cells.append(number(row["seconds"] / limit["seconds"]))
        table.append(cells)
    lines = drawn(table)
    text = [f"## {title(result['case'])}", "", result["question"], ""]
    if result["note"]:
        text += [result["note"], ""]
    text += lines
    if limit:
        text += ["", f"Raw limit: {limit['what']}, {number(limit['seconds'])} s."]
    for more in result.get("tables", ()):
        heads = more["heads"]
        text += ["", f"### {more['title']}", "", *([more["note"], ""] if more.get("note") else [])]
        text += drawn([heads, ["---"] * len(heads), *more["rows"]])
    return "\n".join([*text, "", described(result), ""])


def drawn(table: list[list[str]]) -> list[str]:
    return ["| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |" for cells in table]


def described(result: dict) -> str:
    where = result["machine"]
    memory = f", {where['memory_gib']:g} GiB" if where.get("memory_gib") else ""
    versions = ", ".join(f"{name} {version}" for name, version in where["versions"].items())
    return (
        f"Measured {result['date']} on {where['processor']}, {where['cores']} cores{memory}, "
        f"{where['system']}, Python {where['python']}: {versions}."
    )


def number(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"
    return f"{value:,}" if isinstance(value, int) else str(value)
