"""Do rows fall on the days they really fall on?"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from tsynth.data.clock import TICKS
from tsynth.data.sequences import Sequences
from tsynth.scores.parts import CELL, Part, PartsScore, Prepared
from tsynth.scores.pictures import bars, histogram
from tsynth.scores.ruler import Grid, Ruler
from tsynth.scores.times import PROFILES, Days
from tsynth.scores.weights import Counts, total_variation
from tsynth.scores.words import date, share

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsynth.data.streams import Streams

__all__ = ["Calendar"]

CODES, SHOWN = 6, 12


class Calendar(PartsScore):
    """Mean total variation between calendar profiles: weekday, day of month, days to its end, hour, month, volume.

    Each profile is compared over all rows and within the six most frequent codes; half the weight lies on either.
    Profiles with one value in the training rows are left out, the month where train spans less than a year, the
    volume over time where the holdout lies in another time. For dates only.

    Examples
    --------
    >>> Calendar.question
    'Do rows fall on the days they really fall on?'
    """

    name, title, question = "calendar", "Calendar", "Do rows fall on the days they really fall on?"
    group = "fidelity"
    counts_as_fidelity = True
    cannot_see = ("holidays", "standing dates of a single entity", "time between rows")

    def cannot(self, train: Sequences, reference: Sequences | None, candidate: Sequences) -> str | None:
        """No dates."""
        return None if train.calendar else "the time is not a date"

    def nothing(self) -> str:
        """All rows on one day."""
        return "all rows fall on one day"

    def parts(self, ruler: Ruler, reference: Sequences, candidate: Sequences, streams: Streams) -> list[Part]:
        """Profiles over all rows, then within codes."""
        sides = (reference, candidate)
        train, days = Days.of(ruler.train).profiles, [Days.of(d).profiles for d in sides]
        year = TICKS["d"] / TICKS.get(ruler.schema.time_unit, TICKS["d"]) * 365
        long = bool(np.ptp(ruler.train.time) >= year)
        used = [
            n
            for n in PROFILES
            if len(np.unique(train[n])) > 1 and (n != "month" or (long and ruler.same_time))
        ]
        found = []
        for name in used:
            cells = [d[name] for d in days]
            found.append(_part(name, None, sides, cells, 1 / max(len(used), 1)))
        if ruler.same_time and np.ptp(ruler.train.time) > 0:
            found.append(_volume(ruler, sides, 1 / max(len(used), 1)))
        if ruler.code_columns:
            codes = [ruler.codes(d) for d in sides]
            counts = np.bincount(ruler.codes(ruler.train), minlength=len(ruler.code_names))[:-1][:CODES]
            for i, count in enumerate(counts):
                for name in used:
                    cells = [np.where(c == i, d[name], -1) for c, d in zip(codes, days, strict=True)]
                    weight = float(count / counts.sum() / len(used))
                    found.append(_part(name, ruler.code_names[i], sides, cells, weight))
        return found

    def curve(self, prepared: Prepared) -> dict[str, Any]:
        """Volume over time and profiles."""
        out: dict[str, Any] = {"volume": None, "profiles": [], "codes": []}
        ruler, reference = prepared.ruler, prepared.reference
        if ruler.same_time:
            real = reference.time, reference.entity_of_row
            shown = histogram(real, prepared.candidate.time, 24, unit=ruler.schema.time_unit, even=True)
            out["volume"] = shown or None
        for part in sorted(prepared.parts, key=lambda p: (-p.gap() * p.weight, p.label)):
            name, code = part.extra["profile"], part.extra["code"]
            if name == "volume":
                continue
            a, b = part.reference.total(), part.candidate.total()
            shown = {
                "name": name,
                **bars(a, b, list(PROFILES[name]), part.reference.entities(), ordered=True),
            }
            if code is None:
                out["profiles"].append(shown)
            elif len(out["codes"]) < SHOWN:
                out["codes"].append({"code": code, **shown})
        out["profiles"].sort(key=lambda p: list(PROFILES).index(p["name"]))
        return out


def _part(
    name: str, code: str | None, sides: tuple[Sequences, ...], cells: list[NDArray[np.int64]], weight: float
) -> Part:
    size = len(PROFILES[name])
    tables = tuple(Counts(d.entity_of_row, c, d.n_entities, size) for d, c in zip(sides, cells, strict=True))
    label = name if code is None else f"{name} of {code}"
    say = partial(_say, name, code, tables[0].entities())
    return Part(label, tables, total_variation, say, weight, {"profile": name, "code": code})


def _volume(ruler: Ruler, sides: tuple[Sequences, ...], weight: float) -> Part:
    edges = np.unique(np.quantile(ruler.train.time, np.linspace(0, 1, 21)))
    grid = Grid(edges, np.linspace(0, 1, 2 * len(edges) + 1))
    tables = tuple(Counts(d.entity_of_row, grid.cells(d.time), d.n_entities, grid.size) for d in sides)

    def say(a: NDArray[np.float64], b: NDArray[np.float64]) -> str:
        edge, real, made = grid.widest(a, b)
        until = date(edge, ruler.schema.time_unit)
        return f"{share(real)} of real rows lie up to {until}, {share(made)} of synthetic ones."

    return Part("volume over time", tables, total_variation, say, weight, {"profile": "volume", "code": None})


def _say(
    name: str, code: str | None, entities: NDArray[np.int64], a: NDArray[np.float64], b: NDArray[np.float64]
) -> str:
    if not a.sum() or not b.sum():
        return f"There is no “{code}” on one of the sides."
    real, made = a / a.sum(), b / b.sum()
    apart = np.where((entities >= CELL) | (real == 0), np.abs(real - made), -1)
    at = int(np.argmax(apart))
    weekdays, months = PROFILES["weekday"], PROFILES["month"]
    when = {
        "weekday": f"on a {weekdays[at % 7]}",
        "day of month": f"on day {at + 1} of the month",
        "days to month end": ("on the last day of the month", "one day before the month ends",
                              "2 days before the month ends", "3 days before the month ends",
                              "4 days or more before the month ends")[min(at, 4)],
        "hour": f"between {at:02d}:00 and {at + 1:02d}:00",
        "month": f"in {months[at % 12]}",
    }[name]  # fmt: skip
    what = "rows" if code is None else f"“{code}” rows"
    return f"{share(real[at])} of real {what} fall {when}, {share(made[at])} of synthetic ones."
