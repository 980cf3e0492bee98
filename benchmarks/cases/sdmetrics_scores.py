"""What do SDMetrics' scores say of planted faults, beside tsynth's?

Train, holdout and made rows are three draws of 160 simulated accounts (`tsynth.testing.worlds`), so that what is made
is perfect; then a fault of `tsynth.testing.faults` is planted into it. SDMetrics gets the same rows as Parquet, the
static columns beside them, and compares with train, as its documentation does. *Column Shapes* (KSComplement,
TVComplement) and *Column Pair Trends* are those of its quality report, which leaves out pairs below a threshold (here
all but three of 28) and cuts a number beside a class into bins of each side's own, so that one large value moves them;
*Correlation* and *Contingency* are means of CorrelationSimilarity and ContingencySimilarity over all pairs of numbers
and of classes. *Data Validity* is that of its diagnostic report; *InterRowMSAS* takes the time in seconds, and the mean
over amount, balance and distance, as *StatisticMSAS* (of means) does; *NewRowSynthesis* and both *DCR* look at 1,000 of
the made rows against all of train and holdout. LSTMDetection needs torch and is left out. Seconds are those of one made
table: for SDMetrics the median, for tsynth the mean, whose real sides are scored once.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import pyarrow.parquet as pq

from benchmarks.measure import ask_peer
from tsynth.data.sequences import Sequences
from tsynth.scores.base import Result
from tsynth.scores.harness import evaluate_each
from tsynth.scores.report import Report
from tsynth.testing import FAULTS, WORLDS

ENTITIES, NAMED = 160, 5
"""Accounts of a side, and scores that a cell names at most."""
PERFECT = ("perfect", "perfect, another draw")
PLANTED = ("shuffled_order", "broken_pairs", "wrong_gaps", "cut_tail", "lost_group", "broken_rule", "memorised_tenth",
           "overfitted")  # fmt: skip


def run() -> dict:
    train, holdout, *good = [WORLDS["transactions"](ENTITIES, seed) for seed in (1, 2, 3, 4)]
    made = dict(zip(PERFECT, good, strict=True))
    made |= {name: FAULTS[name](good[0], train) for name in PLANTED}
    theirs = asked(train, holdout, made)
    scores = theirs.pop("scores")
    start = time.perf_counter()
    ours = evaluate_each(train, made, holdout)
    seconds = (time.perf_counter() - start) / len(made)
    rows = [
        {"by": "SDMetrics 0.32.0", "what": "twelve scores of a made table", **theirs},
        {"by": "tsynth", "what": "standard suite of a made table", "seconds": seconds, "runs": [seconds]},
    ]
    return {"rows": rows, "limit": None, "tables": [their_table(scores), our_table(scores, ours)]}


def asked(train: Sequences, holdout: Sequences, made: dict[str, Sequences]) -> dict:
    with tempfile.TemporaryDirectory() as folder:
        sides = {"train": train, "holdout": holdout, **{f"made-{name}": data for name, data in made.items()}}
        for name, data in sides.items():
            pq.write_table(data.table(), Path(folder, f"{name}.parquet"))
        return ask_peer("sdmetrics", "sdmetrics_scores.py", folder)


def their_table(scores: dict[str, dict[str, float]]) -> dict:
    names = list(scores[PERFECT[0]])
    rows = [[made, *(f"{scores[made][name]:.3f}" for name in names)] for made in (*PERFECT, *PLANTED)]
    note = "1 is best. There is no floor and no interval; two perfect draws show how far noise alone goes."
    return {"title": "SDMetrics", "note": note, "heads": ["made", *names], "rows": rows}


def our_table(scores: dict[str, dict[str, float]], ours: dict[str, Report]) -> dict:
    rows = [
        [made, fall(scores, made), *(told(ours[made], privacy) for privacy in (False, True))]
        for made in (*PERFECT, *PLANTED)
    ]
    note = (
        "*Largest fall* is how far the SDMetrics score that falls most lies below the lower of the two perfect draws. "
        "Of tsynth those scores are counted whose 95 % interval of value - floor lies above 0 (without an interval: "
        f"whose value is above its floor), and the {NAMED} clearest named, with value and floor. Some two in a hundred "
        "do so by chance."
    )
    heads = ["made", "SDMetrics, largest fall", "tsynth, likeness and use", "tsynth, privacy"]
    return {"title": "Both", "note": note, "heads": heads, "rows": rows}


def fall(scores: dict[str, dict[str, float]], made: str) -> str:
    if made in PERFECT:
        return ""
    falls = {name: min(scores[p][name] for p in PERFECT) - value for name, value in scores[made].items()}
    most = max(falls, key=lambda name: falls[name])
    return f"{most} {falls[most]:.3f}" if falls[most] > 0 else "none"


def told(report: Report, privacy: bool) -> str:
    results = [r for r in report.values() if r.status == "ok" and (r.group == "privacy") == privacy]
    above = sorted((r for r in results if clear(r) > 1), key=clear, reverse=True)
    named = [f"{r.name} {r.value:.3f} ({r.floor:.3f})" for r in above[:NAMED]]
    more = [f"{len(above) - NAMED} more"] if len(above) > NAMED else []
    return f"{len(above)} of {len(results)}" + (": " if above else "") + ", ".join(named + more)


def clear(result: Result) -> float:
    """Value - floor in half widths of its interval; above 1 it lies above 0."""
    if result.value is None or result.floor is None:
        return 0.0
    if result.interval is None:
        return 1e9 * max(0.0, result.value - result.floor)
    low, high = result.interval
    # the interval is not symmetric: what counts is its lower end
    middle = (low + high) / 2
    return middle / max(middle - low, 1e-9) if low > 0 else 0.0
