"""Do the rules of the real data hold?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tsynth.data.sequences import Sequences
from tsynth.scores.base import CannotSay, Detail, Result, Score
from tsynth.scores.ruler import ruler
from tsynth.scores.weights import Counts
from tsynth.scores.words import share

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsynth.data.constraints import Constraint
    from tsynth.data.streams import Streams

__all__ = ["ConstraintsHeld"]


@dataclass
class _Checked:
    """Cells: rows, rows that break a rule, then for each rule the rows it applies to and those that break it."""

    rules: list[Constraint]
    reference: Counts
    candidate: Counts


class ConstraintsHeld(Score):
    """Share of rows that break at least one rule: totals that add up, combinations that exist, order, calendar.

    The rules are those of the schema; where it says nothing they are looked for in train, as
    `tsynth.data.constraints.find` does. Needs no holdout; the floor is the share of held-out real rows that break one.

    Examples
    --------
    >>> ConstraintsHeld.question
    'Do the rules of the real data hold?'
    """

    name, title, question = "constraints", "Rules", "Do the rules of the real data hold?"
    group = "structure"
    cannot_see = ("rules that nobody stated or found",)

    def prepare(
        self, train: Sequences, reference: Sequences, candidate: Sequences, streams: Streams
    ) -> _Checked:
        """Check every rule on both sides."""
        rules = [r for r in _rules(train) if all(n in d for d in (reference, candidate) for n in r.columns)]
        if not rules:
            raise CannotSay("no rule was found that the real data hold")
        return _Checked(rules, _table(rules, reference), _table(rules, candidate))

    def value(
        self,
        prepared: _Checked,
        reference_weights: NDArray[np.float64],
        candidate_weights: NDArray[np.float64],
    ) -> float:
        """The share of the candidate."""
        rows, broken = prepared.candidate.total(candidate_weights)[:2]
        return float(broken / max(rows, 1e-300))

    def details(self, prepared: _Checked) -> list[Detail]:
        """A rule each, with the share of rows that hold it."""
        found = []
        for rule, real, made in _shares(prepared):
            held = f"It holds in {share(real)} of real rows, in {share(made)} of synthetic ones."
            said = rule.sentence().rstrip(".")
            found.append(Detail(said, 1 - made, None, f"{said[:1].upper()}{said[1:]}. {held}"))
        return sorted(found, key=lambda d: (-d.value, d.label))

    def curve(self, prepared: _Checked) -> dict[str, Any]:
        """Each rule and its shares."""
        return {
            "rules": [
                {"name": rule.name, "sentence": rule.sentence(), "real": real, "synthetic": made}
                for rule, real, made in _shares(prepared)
            ]
        }

    def verdict(self, result: Result) -> str:
        """The share in words."""
        text = f"{share(result.value or 0)} of the synthetic rows break a rule"
        return text + ("." if result.floor is None else f", {share(result.floor)} of held-out real ones.")


def _rules(train: Sequences) -> list[Constraint]:
    """Rules of the schema, or those found in train; looked for once."""
    from tsynth.data import constraints

    kept = ruler(train).kept
    if "rules" not in kept:
        stated = train.schema.constraints
        kept["rules"] = (
            constraints.find(train) if stated is None else [constraints.from_dict(r) for r in stated]
        )
    rules: list[Constraint] = kept["rules"]
    return rules


def _table(rules: list[Constraint], data: Sequences) -> Counts:
    columns = [data.lengths.astype(np.float64)]
    broken = np.zeros(data.n_rows, bool)
    for rule in rules:
        held, applies = rule.check(data)
        breaks = applies & ~held
        broken |= breaks
        columns += [_per_entity(data, mask) for mask in (applies, breaks)]
    columns.insert(1, _per_entity(data, broken))
    return Counts.dense(np.column_stack(columns))


def _per_entity(data: Sequences, mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    return np.bincount(data.entity_of_row[mask], minlength=data.n_entities).astype(np.float64)


def _shares(prepared: _Checked) -> list[tuple[Constraint, float, float]]:
    """Each rule with the share of rows that hold it, real and of the candidate."""
    totals = [t.total()[2:].reshape(-1, 2) for t in (prepared.reference, prepared.candidate)]
    held = [1 - t[:, 1] / np.maximum(t[:, 0], 1) for t in totals]
    return [(rule, float(held[0][i]), float(held[1][i])) for i, rule in enumerate(prepared.rules)]
