"""Do values swing as fast and as slowly as they really do?"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from tsynth.data.sequences import Sequences
from tsynth.scores.base import DoesNotApply
from tsynth.scores.parts import CELL, Part, PartsScore, Prepared
from tsynth.scores.ruler import Ruler
from tsynth.scores.weights import Counts, shares, total_variation
from tsynth.scores.words import number, share

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsynth.data.streams import Streams

__all__ = ["Spectrum"]

SHORTEST, LONGEST = 16, 128
KNOWN, CLIP = 0.8, 4.0
"""Share of a window that must not be null; robust standard deviations at which its extremes are clipped."""
COLUMNS, SHOWN = 12, 6


class Spectrum(PartsScore):
    """Mean total variation between the spectra of numeric columns: shares of variance by the length of swings.

    Sequences are cut into windows of equal length, the largest power of 2 up to the median length, 16 to 128 rows;
    times between rows do not enter. In each window the values, less their mean, extremes clipped and tapered by
    Hann's window, give a periodogram; its shares of variance, averaged over windows, fall into bands half an octave
    wide. A window that does not vary is a band of its own, and nulls, where few, count as the mean.

    References
    ----------
    .. [1] Brillinger (1981), *Time Series: Data Analysis and Theory*, ch. 5: the periodogram and its averages.
    .. [2] Welch (1967), IEEE Transactions on Audio and Electroacoustics 15: averages over tapered windows.

    Examples
    --------
    >>> Spectrum.question
    'Do values swing as fast and as slowly as they really do?'
    """

    name, title = "spectrum", "Fast and slow swings"
    question = "Do values swing as fast and as slowly as they really do?"
    group = "fidelity"
    counts_as_fidelity = True
    cannot_see = (
        "when a swing is at its top",
        "swings longer than a window",
        "two columns that swing together",
        "how large swings are",
    )

    def parts(self, ruler: Ruler, reference: Sequences, candidate: Sequences, streams: Streams) -> list[Part]:
        """A part a numeric column."""
        columns = [c.name for c in ruler.varied if c.numeric and not c.static and c.kind != "datetime"]
        if not columns:
            raise DoesNotApply("no number varies over time")
        median = float(np.median(ruler.train.lengths))
        if median < SHORTEST:
            raise DoesNotApply(
                f"sequences are short, half of them have {number(median)} rows or fewer, and a spectrum "
                f"needs {SHORTEST}"
            )
        width = 2 ** int(np.log2(min(median, LONGEST)))
        bands = _bands(width)
        sides, found = (reference, candidate), []
        for name in columns[:COLUMNS]:
            tables = tuple(_spectra(d, d.numeric(name), bands) for d in sides)
            if tables[0].entities().sum():
                say = partial(_say, name, _lengths(bands))
                found.append(Part(name, tables, total_variation, say, extra={"bands": bands}))
        return found

    def nothing(self) -> str:
        """No window."""
        return "no sequence of the holdout is long enough"

    def curve(self, prepared: Prepared) -> dict[str, Any]:
        """The spectra of the worst columns."""
        pictures = []
        for part in sorted(prepared.parts, key=lambda p: (-p.gap(), p.label))[:SHOWN]:
            real, made = (shares(c.total()) for c in part.counts)
            if part.reference.entities().max() < CELL:
                continue
            middles = [float(np.sqrt(low * high)) for low, high in _lengths(part.extra["bands"])]
            pictures.append(
                {
                    "kind": "lines",
                    "title": part.label,
                    "x": middles[::-1],
                    "real": [float(x) for x in real[:-1][::-1]],
                    "synthetic": [float(x) for x in made[:-1][::-1]],
                    "x_label": "length of a swing in rows",
                    "y_label": "share of variance",
                    "log_x": True,
                }
            )
        return {"pictures": pictures}


def _bands(width: int) -> NDArray[np.int64]:
    """Band of each frequency 1 .. width / 2, half an octave wide, (width / 2,)."""
    places = np.rint(2 * np.log2(np.arange(1, width // 2 + 1)))
    return np.unique(places, return_inverse=True)[1].astype(np.int64)


def _lengths(bands: NDArray[np.int64]) -> list[tuple[float, float]]:
    """Shortest and longest swing of each band, in rows."""
    periods = 2 * len(bands) / np.arange(1, len(bands) + 1)
    return [
        (float(periods[bands == b].min()), float(periods[bands == b].max())) for b in range(bands[-1] + 1)
    ]


def _spectra(data: Sequences, values: NDArray[np.float64], bands: NDArray[np.int64]) -> Counts:
    """Shares of variance by band, summed over windows; the last cell holds windows that do not vary."""
    width = 2 * len(bands)
    n = data.lengths // width
    entity = np.repeat(np.arange(data.n_entities), n)
    number = np.arange(len(entity)) - np.repeat(np.cumsum(n) - n, n)
    windows = values[(data.offsets[:-1][entity] + number * width)[:, None] + np.arange(width)]
    known = np.isfinite(windows)
    kept = known.mean(axis=1) >= KNOWN
    windows, known, entity = windows[kept], known[kept], entity[kept]
    if not len(entity):
        return Counts.dense(np.zeros((data.n_entities, bands[-1] + 2)))
    windows = _scaled(windows, known)
    taper = np.sin(np.pi * (np.arange(width) + 0.5) / width) ** 2
    windows = windows - (windows @ taper / taper.sum())[:, None]  # the tapered window has mean 0
    power = np.square(np.abs(np.fft.rfft(windows * taper, axis=1)[:, 1:]))
    power[:, -1] /= 2  # the fastest swing has no twin among negative frequencies
    banded = power @ np.eye(bands[-1] + 1)[bands]
    still = (windows**2).mean(axis=1) < 1e-9
    cells = np.column_stack([np.where(still[:, None], 0.0, shares(banded)), still])
    out = np.zeros((data.n_entities, cells.shape[1]))
    np.add.at(out, entity, cells)
    return Counts.dense(out)


def _scaled(windows: NDArray[np.float64], known: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Windows in standard deviations of their own, about 0, single extremes clipped; 0 where null or all alike."""
    windows = np.where(known, windows, np.nan)
    windows = windows - np.nanmedian(windows, axis=1, keepdims=True)
    windows = windows / np.maximum(np.nanmax(np.abs(windows), axis=1, keepdims=True), 1e-300)
    spread = np.nanmedian(np.abs(windows), axis=1, keepdims=True) / 0.6745
    windows = np.clip(windows, *(s * np.where(spread > 0, CLIP * spread, 1) for s in (-1, 1)))
    windows = windows - np.nanmean(windows, axis=1, keepdims=True)
    deviation = np.nanstd(windows, axis=1, keepdims=True)
    return np.nan_to_num(np.divide(windows, deviation, out=np.zeros_like(windows), where=deviation > 1e-9))


def _say(
    name: str, lengths: list[tuple[float, float]], first: NDArray[np.float64], second: NDArray[np.float64]
) -> str:
    if not second.sum():
        return f"No synthetic sequence is long enough for the spectrum of {name}."
    real, made = shares(first), shares(second)
    at = int(np.argmax(np.abs(real - made)))
    if at == len(lengths):
        return f"{name} does not vary in {share(real[at])} of real stretches, in {share(made[at])} of synthetic ones."
    low, high = (number(x) for x in lengths[at])
    rows = f"{low} rows" if low == high else f"{low} to {high} rows"
    return (
        f"Swings of {rows} make up {share(real[at])} of the variance of {name} in real data, "
        f"{share(made[at])} in synthetic data."
    )
