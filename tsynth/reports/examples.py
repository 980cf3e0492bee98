"""The synthetic sequences that gave themselves away most plainly, as the judges name them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tsynth.reports.words import clean, of, share
from tsynth.scores.base import Result

if TYPE_CHECKING:
    from tsynth.data.sequences import Sequences

__all__ = ["Example", "examples", "plainest"]

_MOST = 8


@dataclass(frozen=True)
class Example:
    """One synthetic entity that a judge was sure of.

    Parameters
    ----------
    entity : str
        Its identifier.
    rows : str
        Its size, in words.
    probability : float
        What the judge gave for it being synthetic.
    away : tuple of str
        What gave it away, sentences.
    judge : str
        The score's title.
    """

    entity: str
    rows: str
    probability: float
    away: tuple[str, ...]
    judge: str

    @property
    def sure(self) -> str:
        """How sure the judge was, as a share."""
        return share(self.probability)


def examples(result: Result) -> list[Example]:
    """Those of one score, the plainest first; what cannot be read is left out."""
    found = result.curve.get("examples") if result.status == "ok" else None
    out = []
    for entry in found if isinstance(found, (list, tuple)) else ():
        if not isinstance(entry, Mapping) or not _share(entry.get("probability")):
            continue
        rows, away = entry.get("rows"), entry.get("away")
        sentences = tuple(clean(a) for a in away) if isinstance(away, (list, tuple)) else ()
        size = of(rows, "row", "rows") if isinstance(rows, int) and not isinstance(rows, bool) else ""
        name = clean(entry.get("entity"))
        out.append(Example(name, size, float(entry["probability"]), sentences, clean(result.title)))
    return sorted(out, key=lambda e: -e.probability)[:_MOST]


def plainest(
    results: Iterable[Result], synthetic: Sequences, most: int = 4
) -> list[tuple[int, list[Example]]]:
    """Entities to be drawn: their places among `synthetic`, with what each judge said of them.

    Only judges that tell the two sides apart better than chance are heard, and only of what they were rather sure of
    (3 in 4). An entity named by more judges comes first.
    """
    name = synthetic.schema.entity
    if name is None or name not in synthetic.entities.column_names:
        return []
    heard: dict[str, list[Example]] = {}
    for result in results:
        if result.interval is not None and result.interval[0] <= 0:
            continue
        for example in examples(result):
            if example.probability >= 0.75:
                heard.setdefault(example.entity, []).append(example)
    if not heard:
        return []
    places: dict[str, int] = {}
    for i, entity in enumerate(synthetic.entities[name].to_pylist()):
        label = clean(entity)
        if label in heard:
            places.setdefault(label, i)
    known = [(places[entity], said) for entity, said in heard.items() if entity in places]
    known = [(i, said) for i, said in known if synthetic.lengths[i] > 0]
    return sorted(known, key=lambda k: (-len(k[1]), -max(e.probability for e in k[1]), k[0]))[:most]


def _share(value: Any) -> bool:
    """Whether this is a probability."""
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return number and math.isfinite(value) and 0 <= value <= 1
