"""Is every group as large as in real data?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tsynth.data.sequences import Sequences
from tsynth.scores.base import Detail, Result
from tsynth.scores.fairness.groups import GroupScore, Partition, listed, partitions
from tsynth.scores.parts import CELL, Part, PartsScore, Prepared
from tsynth.scores.pictures import bars
from tsynth.scores.ruler import Ruler
from tsynth.scores.verdicts import against_floor
from tsynth.scores.weights import Counts, total_variation
from tsynth.scores.words import share, texts

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsynth.data.streams import Streams

__all__ = ["Representation"]

WHAT = ("entities", "rows")


class Representation(GroupScore, PartsScore):
    """Total variation between the shares of groups: of entities and of rows, by each column and by both together.

    Groups are the levels of one or two static columns and their intersections. The gap is the part of all entities
    (rows) that would have to change its group, averaged over entities, rows and the ways to group.

    Parameters
    ----------
    columns : tuple of str
        Static columns, at most two; where empty, those with the role arm or group.

    References
    ----------
    .. [1] Bhanot et al. (2021), "The problem of fairness in synthetic healthcare data", Entropy 23(9): 1165;
       representation of subgroups in place of whole tables.

    Examples
    --------
    >>> Representation.question
    'Is every group as large as in real data?'
    """

    name, title = "representation", "Size of groups"
    question = "Is every group as large as in real data?"
    cannot_see = ("what stands in the rows of a group", "groups by other columns than those named")

    def parts(self, ruler: Ruler, reference: Sequences, candidate: Sequences, streams: Streams) -> list[Part]:
        """For each way to group, entities and rows."""
        found = []
        for partition in partitions(ruler, self.columns):
            cells = [partition.cells(ruler, data) for data in (reference, candidate)]
            for what in WHAT:
                counts = [
                    Counts(
                        np.arange(data.n_entities),
                        cell,
                        data.n_entities,
                        len(partition.names),
                        data.lengths.astype(np.float64) if what == "rows" else None,
                    )
                    for data, cell in zip((reference, candidate), cells, strict=True)
                ]
                extra = {"partition": partition, "what": what}
                label = f"{what} by {partition.label}"
                found.append(Part(label, tuple(counts), total_variation, lambda a, b: "", extra=extra))
        return found

    def details(self, prepared: Prepared) -> list[Detail]:
        """A sentence for each group of at least 10 real entities, worst first."""
        found = []
        for at in range(0, len(prepared.parts), 2):
            partition: Partition = prepared.parts[at].extra["partition"]
            pair = [_shares(part) for part in prepared.parts[at : at + 2]]
            held = prepared.parts[at].reference.entities()
            for cell in np.flatnonzero(held >= CELL):
                gaps = [float(abs(real[cell] - made[cell])) for real, made in pair]
                of = int(gaps[1] > 1.2 * gaps[0])  # rows are told where they say more
                real, made = pair[of][0][cell], pair[of][1][cell]
                sentence = (
                    f"{partition.names[cell]}: {share(real)} of real {WHAT[of]}, {_no(made)} synthetic ones."
                )
                found.append(Detail(partition.names[cell], gaps[of], None, sentence if gaps[of] > 0 else ""))
        return sorted(found, key=lambda d: (-d.value, d.label))

    def curve(self, prepared: Prepared) -> dict[str, Any]:
        """Every group with its shares, and bars for each way to group."""
        groups = listed(prepared.ruler, self.columns, prepared.reference, prepared.candidate)
        sides = [max(data.n_entities, 1) for data in (prepared.reference, prepared.candidate)]
        rows = [max(data.n_rows, 1) for data in (prepared.reference, prepared.candidate)]
        entries = []
        for group in groups:
            told = len(group.real) >= CELL
            real, made = len(group.real) / sides[0], len(group.made) / sides[1]
            lengths = prepared.reference.lengths[group.real], prepared.candidate.lengths[group.made]
            shares = {"real": real if told else None, "synthetic": made}
            of_rows = {
                "real": float(lengths[0].sum() / rows[0]) if told else None,
                "synthetic": float(lengths[1].sum() / rows[1]),
            }
            entries.append(group.entry(gap=abs(real - made)) | {"share": shares, "rows": of_rows})
        pictures = []
        for part in prepared.parts[::2]:
            partition = part.extra["partition"]
            a, b = part.reference.total(), part.candidate.total()
            shown = bars(a, b, partition.names, part.reference.entities(), most=16)
            pictures.append({"kind": "bars", "title": f"Entities by {partition.label}", **shown})
        named = list(dict.fromkeys(n for part in prepared.parts for n in part.extra["partition"].columns))
        return {"columns": named, "groups": entries, "pictures": pictures}

    def verdict(self, result: Result) -> str:
        """Groups that are lost come first: that nobody is left of ten real entities is no work of chance."""
        lost = [
            g["name"]
            for g in result.curve["groups"]
            if g["entities"]["real"] and not g["entities"]["synthetic"]
        ]
        said = f"No synthetic entity is of {texts(lost)}. " if lost else ""
        return said + against_floor(result)


def _shares(part: Part) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    totals = part.reference.total(), part.candidate.total()
    return totals[0] / max(totals[0].sum(), 1), totals[1] / max(totals[1].sum(), 1)


def _no(value: float) -> str:
    return f"{share(value)} of" if value > 0 else "none of the"
