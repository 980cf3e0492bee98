"""What do the scores of papers say about real Stocks windows, about copies of them, and about copies with noise?

Daily Google prices and volume, 3,685 rows, windows of 24 rows at stride 1, min-max scaled: the benchmark of the TimeGAN
paper. *halves*: half of the real windows against the other half (drawn at random for the published scores, alternate
blocks of 120 rows for the corrected ones), so the noise floor. *copies*: the real windows against themselves. *noise*:
the real windows against themselves with normal noise of sd .01 on every scaled value. Low and high are the 95 %
interval over five repeats, *guessing* what a judge that guesses scores on so many windows, .63 / sqrt(windows). *last
value* is the error of foretelling the last value again, which the published forecaster is not shown.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np

from tsynth import registry
from tsynth.scores.published.windows import LENGTH

ROOT = Path(__file__).resolve().parent.parent.parent
FILE = "windows/stocks.csv"
PUBLISHED = ("timegan_discriminative", "timegan_predictive", "context_fid", "correlational")
NOISE, BLOCK = 0.01, 120


def run() -> dict:
    rows = read()
    real = np.lib.stride_tricks.sliding_window_view(rows, LENGTH, axis=0).transpose(0, 2, 1)
    random = np.random.default_rng(0)
    noisy = real + random.normal(0, NOISE, real.shape) * (rows.max(0) - rows.min(0))
    order = random.permutation(len(real))
    scattered = tuple(real[np.sort(part)] for part in np.array_split(order, 2))
    block = np.arange(len(real)) // BLOCK
    inside = np.arange(len(real)) % BLOCK <= BLOCK - LENGTH  # no row is shared between blocks
    blocks = tuple(real[(block % 2 == k) & inside] for k in (0, 1))
    found = []
    for name in (*PUBLISHED, *(f"{n}_held_out" for n in PUBLISHED), "window_trees"):
        sides = {
            "halves": scattered if name in PUBLISHED else blocks,
            "copies": (real, real),
            f"noise of sd {NOISE}": (real, noisy),
        }
        found += [measured(name, what, *pair) for what, pair in sides.items()]
    return {"rows": found, "limit": None}


def measured(name: str, what: str, real: np.ndarray, made: np.ndarray) -> dict:
    start = time.perf_counter()
    answer = registry.find("scores", name)().of(real, made, seed=0)
    seconds = time.perf_counter() - start
    low, high = answer.interval
    row = {"by": "tsynth", "what": f"{name}, {what}", "seconds": seconds, "value": answer.value}
    row |= {"low": low, "high": high} if len(answer.repeats) > 1 else {}
    row |= {} if answer.chance is None else {"guessing": answer.chance}
    return row | answer.more


def read() -> np.ndarray:
    folder = Path(os.environ.get("TSYNTH_DATA") or ROOT.parent / "shared" / "data")
    return np.loadtxt(folder / FILE, delimiter=",", skiprows=1)
