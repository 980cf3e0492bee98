"""Which score finds which fault, and how often is a perfect generator accused?

Three simulated worlds with a known truth: accounts, a cohort of patients, a panel of daily series. Each draw of a world
is trained on, halved as holdout, and compared with a third draw, once as it is (a perfect generator) and once with each
planted fault that such data can have. A score *finds* a fault where the interval of value - floor lies above 0 (without
an interval: where the value exceeds the floor). *Alarms* is how often it does so on a perfect generator, nominally
2.5 %; *off 0* how often the interval does not cover 0, nominally 5 %. All in per cent; `n` draws, so that the 95 %
Wilson interval of a share of 0 in 20 ends at 16 %, of 2.5 % in 120 at 7 %. A fault's column shows the world in which
the score finds it most often; an empty cell, that it says nothing about such data.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import math
import multiprocessing
import os
import time
from itertools import pairwise
from pathlib import Path

from benchmarks.runner import RESULTS

TRAIN, HOLDOUT, MADE = 200, 320, 260
"""Entities; 160 are compared on each side, so that a lost group leaves enough."""
DRAWS, DEAR_DRAWS, QUIET_DRAWS = 20, 6, 20
"""Draws of a world with all faults; those for dear scores; further ones of a perfect generator alone."""
MINUTES, WORKERS = 25.0, 2
LEFT_OUT = ("window_trees", "timegan", "context_fid", "correlational", "sequence_judge")
"""The published protocol, for windows of one panel, and what needs torch."""
FOUND = 50
"""Per cent of the draws in which a score must find a fault of its kind."""


def run() -> dict:
    """Environment: TSYNTH_CALIBRATION_DRAWS, _DEAR_DRAWS, _QUIET_DRAWS, _MINUTES, _WORKERS, _SCORES (names)."""
    start = time.perf_counter()
    tasks = _tasks()
    limit = start + 60 * _setting("MINUTES", MINUTES)
    os.environ |= {name: "1" for name in ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "OPENBLAS_NUM_THREADS")}
    workers = int(_setting("WORKERS", WORKERS))
    done = 0
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        waiting = [(task, pool.apply_async(measure, task)) for task in tasks[: 2 * workers]]
        rest = iter(tasks[2 * workers :])
        while waiting:
            task, answer = waiting.pop(0)
            took = answer.get()
            done += 1
            spent = time.perf_counter() - start
            print(
                f"  {done}/{len(tasks)} {task[0]} {task[1]} {task[2]}: {took:.1f} s, {spent / 60:.1f} min",
                flush=True,
            )
            following = next(rest, None) if time.perf_counter() < limit else None
            if following is not None:
                waiting.append((following, pool.apply_async(measure, following)))
    found = collect()
    for line in told(found):
        print("  " + line, flush=True)
    seconds = time.perf_counter() - start
    row = {"by": "tsynth", "what": f"{done} of {len(tasks)} parts", "seconds": seconds}
    return {"rows": [row], "limit": None, "tables": tables(found)}


def _setting(name: str, usual: float) -> float:
    return float(os.environ.get(f"TSYNTH_CALIBRATION_{name}", usual))


def _tasks() -> list[tuple[str, str, int, bool]]:
    """(tier, world, draw, with faults), in an order that leaves all worlds alike where time ends early."""
    from tsynth.testing import WORLDS

    draws, quiet = int(_setting("DRAWS", DRAWS)), int(_setting("QUIET_DRAWS", QUIET_DRAWS))
    dear = int(_setting("DEAR_DRAWS", DEAR_DRAWS))
    out, given = [], 0
    for draw in range(draws):
        out += [("cheap", world, draw, True) for world in WORLDS]
        while given < dear and given * draws <= draw * dear:
            out += [("dear", world, given, True) for world in WORLDS]
            given += 1
        if draw < quiet:
            out += [("cheap", world, draws + draw, False) for world in WORLDS]
    return out


def scores(tier: str) -> list[str]:
    from tsynth import registry

    asked = os.environ.get("TSYNTH_CALIBRATION_SCORES", "").split()
    names = [n for n in registry.names("scores") if not n.startswith(LEFT_OUT) and (not asked or n in asked)]
    return [n for n in names if registry.find("scores", n).dear == (tier == "dear")]


# -- measuring, in a process of its own


def measure(tier: str, world: str, draw: int, faults: bool) -> float:
    """Ask the scores of a tier about one draw of a world; what was asked before of the same code is kept."""
    from tsynth.scores.harness import evaluate_each
    from tsynth.testing import FAULTS, WORLDS

    start = time.perf_counter()
    path = RESULTS / "calibration" / f"{world}-{draw:03d}.json"
    kept = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    asked = [n for n in scores(tier) if kept.get(n, {}).get("code") != [_code(n), faults]]
    if not asked:
        return 0.0
    make = WORLDS[world]
    train, holdout, perfect = (make(n, 3 * draw + part) for part, n in enumerate((TRAIN, HOLDOUT, MADE)))
    made = {"perfect": perfect}
    if faults:
        made |= {n: f(perfect, train, draw) for n, f in FAULTS.items() if f.applies(perfect, train)}
    clock: list[tuple[str, float]] = []
    reports = evaluate_each(
        train, made, holdout, seed=draw, scores=asked,
        progress=lambda name, *_: clock.append((name, time.perf_counter())),
    )  # fmt: skip
    took = {name: after - at for (name, at), (_, after) in pairwise(clock)}
    for name in asked:
        answers = {
            side: [r.value, r.floor, *(r.interval or (None, None))]
            for side, report in reports.items()
            if (r := report[name]).status == "ok"
        }
        kept[name] = {"code": [_code(name), faults], "seconds": took[name], "answers": answers}
    path.parent.mkdir(parents=True, exist_ok=True)
    # the tiers of one draw may run side by side
    now = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    half = path.with_suffix(f".{os.getpid()}")
    half.write_text(json.dumps({**now, **{n: kept[n] for n in asked}}), encoding="utf-8")
    half.replace(path)
    return time.perf_counter() - start


def _code(score: str) -> str:
    """What an answer rests on: the score's own file, the worlds and the faults."""
    from tsynth import registry
    from tsynth.testing import faults, worlds

    files = [inspect.getfile(registry.find("scores", score)), faults.__file__, worlds.__file__]
    text = b"".join(Path(file).read_bytes() for file in files)
    return hashlib.sha256(text + repr((TRAIN, HOLDOUT, MADE)).encode()).hexdigest()[:16]


# -- the table


def collect() -> dict[str, dict[tuple[str, str], list[list]]]:
    """Answers by score, then by (fault or "perfect", world)."""
    found: dict[str, dict[tuple[str, str], list[list]]] = {
        n: {} for t in ("cheap", "dear") for n in scores(t)
    }
    for path in sorted((RESULTS / "calibration").glob("*.json")):
        world = path.stem.rpartition("-")[0]
        for name, entry in json.loads(path.read_text(encoding="utf-8")).items():
            if name in found and entry["code"][0] == _code(name):
                for side, answer in entry["answers"].items():
                    found[name].setdefault((side, world), []).append(answer)
    return found


def alarm(answer: list) -> bool:
    value, floor, low, _ = answer
    if low is None:
        return floor is not None and value > floor + 1e-12
    return low > 0


def off(answer: list) -> bool:
    return answer[2] is not None and not answer[2] <= 0 <= answer[3]


def share(hits: list[bool]) -> float:
    return 100 * sum(hits) / len(hits)


def wilson(hits: int, n: int) -> tuple[float, float]:
    """95 % interval of a share, in per cent."""
    z = 1.96
    middle, half = (
        (hits + z * z / 2) / (n + z * z),
        z * math.sqrt(hits * (n - hits) / n + z * z / 4) / (n + z * z),
    )
    return 100 * max(0.0, middle - half), 100 * min(1.0, middle + half)


def powers(answers: dict[tuple[str, str], list[list]], fault: str) -> dict[str, float]:
    """Per cent of the draws in which a fault is found, by world."""
    return {w: share([alarm(a) for a in found]) for (side, w), found in answers.items() if side == fault}


def tables(found: dict) -> list[dict]:
    from tsynth.testing import FAULTS

    rows = []
    for name, answers in found.items():
        quiet = [a for (side, _), some in answers.items() if side == "perfect" for a in some]
        if not quiet:
            continue
        draws = max((len(v) for (side, _), v in answers.items() if side != "perfect"), default=0)
        row = [
            name,
            f"{share([alarm(a) for a in quiet]):.0f}",
            f"{share([off(a) for a in quiet]):.0f}",
            str(len(quiet)),
        ]
        row.append(str(draws))
        for fault in FAULTS:
            best = powers(answers, fault)
            row.append(f"{max(best.values()):.0f}" if best else "")
        rows.append(row)
    heads = ["score", "alarms", "off 0", "n", "n a fault", *(f.replace("_", " ") for f in FAULTS)]
    meaning = "; ".join(f"*{n.replace('_', ' ')}*: {f.sentence}" for n, f in FAULTS.items())
    note = f"{HOLDOUT // 2} entities are compared on each side. {meaning}."
    return [{"title": "Alarms and power, per cent", "note": note, "heads": heads, "rows": rows}]


def told(found: dict) -> list[str]:
    """Scores that accuse a perfect generator too often, that find nothing, and faults that nothing finds."""
    from tsynth.testing import FAULTS

    lines, seen = [], dict.fromkeys(FAULTS, "")
    for name, answers in found.items():
        quiet = {w: v for (side, w), v in answers.items() if side == "perfect"}
        hits = sum(alarm(a) for v in quiet.values() for a in v)
        n = sum(map(len, quiet.values()))
        if not n:
            lines.append(f"{name}: says nothing about any world")
            continue
        low, high = wilson(hits, n)
        if low > 2.5:
            worlds = {w: f"{sum(map(alarm, v))}/{len(v)}" for w, v in quiet.items()}
            lines.append(f"{name}: {hits} false alarms of {n} ({low:.0f} to {high:.0f} %), {worlds}")
        best = {f: max(p.values()) for f in FAULTS if (p := powers(answers, f))}
        for fault, power in best.items():
            if power >= FOUND:
                seen[fault] += f" {name} {power:.0f}"
        top = sorted(best.items(), key=lambda pair: -pair[1])[:3]
        if not top or top[0][1] < FOUND:
            lines.append(f"{name}: finds nothing; best {top}")
    lines += [
        f"{fault} ({FAULTS[fault].kind}) is found by:{names or ' nothing'}" for fault, names in seen.items()
    ]
    return lines
