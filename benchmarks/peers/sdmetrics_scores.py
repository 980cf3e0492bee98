"""SDMetrics on the rows of a folder: train.parquet, holdout.parquet, each made-NAME.parquet; 1 is the best score."""

import json
import statistics
import sys
import time
import warnings
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
from sdmetrics.column_pairs import ContingencySimilarity, CorrelationSimilarity, InterRowMSAS, StatisticMSAS
from sdmetrics.reports import DiagnosticReport, QualityReport
from sdmetrics.single_column import SequenceLengthSimilarity
from sdmetrics.single_table import DCRBaselineProtection, DCROverfittingProtection, NewRowSynthesis

SAMPLED = 1_000
"""Synthetic rows that the scores of nearest and equal rows look at."""
NUMBERS = ("amount", "balance", "distance")
KINDS = {"account": "id", "when": "datetime", "fraud": "boolean"} | dict.fromkeys(NUMBERS, "numerical")
KINDS |= dict.fromkeys(("code", "region", "segment"), "categorical")
CLASSES = ("code", "fraud", "region", "segment")
METADATA = {"columns": {name: {"sdtype": kind} for name, kind in KINDS.items()}}


def properties(report, train: pd.DataFrame, made: pd.DataFrame) -> dict:
    report.generate({"rows": train}, {"rows": made}, {"tables": {"rows": METADATA}}, verbose=False)
    table = report.get_properties()
    return dict(zip(table["Property"], table["Score"], strict=True))


def pairs(metric, columns: tuple[str, ...], train: pd.DataFrame, made: pd.DataFrame) -> float:
    """The mean over all pairs, below the report's thresholds too."""
    chosen = [list(pair) for pair in combinations(columns, 2)]
    return statistics.mean(metric.compute(train[pair], made[pair]) for pair in chosen)


def scores(train: pd.DataFrame, holdout: pd.DataFrame, made: pd.DataFrame) -> dict:
    quality = properties(QualityReport(), train, made)
    sides = [frame.assign(when=frame["when"].astype("int64") / 1e3) for frame in (train, made)]
    columns = {name: [(side["account"], side[name]) for side in sides] for name in ("when", *NUMBERS)}
    rows = made.sample(min(SAMPLED, len(made)), random_state=0).reset_index(drop=True)
    names = {"metadata": METADATA, "table_name": None}
    return {
        "Column Shapes": quality["Column Shapes"],
        "Column Pair Trends": quality["Column Pair Trends"],
        "Correlation": pairs(CorrelationSimilarity, ("when", *NUMBERS), *sides),
        "Contingency": pairs(ContingencySimilarity, CLASSES, train, made),
        "Data Validity": properties(DiagnosticReport(), train, made)["Data Validity"],
        "Sequence Length": SequenceLengthSimilarity.compute(train["account"], made["account"]),
        "InterRowMSAS, time": InterRowMSAS.compute(*columns["when"]),
        "InterRowMSAS, numbers": statistics.mean(InterRowMSAS.compute(*columns[n]) for n in NUMBERS),
        "StatisticMSAS, numbers": statistics.mean(StatisticMSAS.compute(*columns[n]) for n in NUMBERS),
        "NewRowSynthesis": NewRowSynthesis.compute(train, rows, METADATA),
        "DCROverfitting": DCROverfittingProtection.compute(train, rows, holdout, **names),
        "DCRBaseline": DCRBaselineProtection.compute(train, rows, **names),
    }


warnings.simplefilter("ignore")
np.random.seed(0)
folder = Path(sys.argv[1])
real = [pd.read_parquet(folder / f"{name}.parquet") for name in ("train", "holdout")]
found, runs = {}, []
for path in sorted(folder.glob("made-*.parquet")):
    made = pd.read_parquet(path)
    start = time.perf_counter()
    told = scores(*real, made)
    runs.append(time.perf_counter() - start)
    found[path.stem.removeprefix("made-")] = {name: float(value) for name, value in told.items()}
print(json.dumps({"seconds": statistics.median(runs), "runs": runs, "scores": found}))
