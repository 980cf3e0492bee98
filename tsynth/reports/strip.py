"""The strip: every score as a dot with its interval, beside where real data and a copy stand."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from tsynth.reports.words import number
from tsynth.scores.base import Result

__all__ = ["Ruler", "ruler"]


@dataclass(frozen=True)
class Ruler:
    """One axis for all scores, from 0 to `top`; the square root makes room near 0, where good data stand.

    Places are percentages of the width, so that the strip fits any page without becoming small print.
    """

    top: float

    def at(self, value: float) -> float:
        """Place of a value in percent."""
        part = math.sqrt(min(max(value, 0.0), self.top) / self.top)
        return round(1.5 + 97.0 * part, 2)

    def ticks(self) -> list[tuple[float, str]]:
        """Places and numbers of the axis."""
        return [(self.at(m), text) for m, text in self._marks()]

    def _marks(self) -> list[tuple[float, str]]:
        marks = [0.0, *(self.top * part for part in (0.01, 0.05, 0.2, 0.5, 1.0))]
        return [(m, number(m)) for m in marks]

    def svg(self, result: Result, small: bool = False) -> str:
        """The row of one score: its marks only, words stand beside it.

        Parameters
        ----------
        result : Result
        small : bool
            Half as tall, for many side by side.
        """
        middle = 8 if small else 15
        grid = (0.0, self.top) if small else [m for m, _ in self._marks()]
        pieces = [
            f'<line x1="{at}%" x2="{at}%" y1="0" y2="{2 * middle}" class="grid"/>'
            for at in map(self.at, grid)
        ]
        pieces.append(f'<line x1="1.5%" x2="98.5%" y1="{middle}" y2="{middle}" class="base"/>')
        said = []
        for value, kind, tall in (
            (result.copied, "copied", 10 if small else 14),
            (result.floor, "floor", 14 if small else 26),
        ):
            if value is not None:
                wide = 8 if kind == "copied" else 3
                box = f'x="{-wide / 2:g}" y="{middle - tall / 2:g}" width="{wide}" height="{tall}"'
                mark = f'<rect {box} class="{kind}"/>'
                pieces.append(f'<svg x="{self.at(value)}%" y="0" overflow="visible">{mark}</svg>')
        if result.copied is not None:
            said.append(f"a copy {number(result.copied)}")
        if result.floor is not None:
            said.append(f"held-out real data {number(result.floor)}")
        if result.value is not None:
            if result.interval is not None:
                low, high = (self.at((result.floor or 0.0) + edge) for edge in result.interval)
                pieces.append(
                    f'<line x1="{low}%" x2="{high}%" y1="{middle}" y2="{middle}" class="interval"/>'
                )
            pieces.append(
                f'<circle cx="{self.at(result.value)}%" cy="{middle}" r="{4.5 if small else 5.5}" class="dot"/>'
            )
            said.insert(0, f"synthetic {number(result.value)}")
        label = ", ".join(said) or "no number"
        return f'<svg class="strip{" small" if small else ""}" role="img" aria-label="{label}">{"".join(pieces)}</svg>'


def ruler(results: Iterable[Result]) -> Ruler:
    """The axis that holds all numbers of these results; an interval that reaches further is cut."""
    ends = [0.1]
    for result in results:
        if result.status != "ok":
            continue
        ends += [v for v in (result.value, result.floor, result.copied) if v is not None and math.isfinite(v)]
    top = max(ends)
    power = 10.0 ** math.floor(math.log10(top))
    return Ruler(next(m * power for m in (1, 2, 5, 10) if m * power >= top * (1 - 1e-9)))
