"""`Constraint`: a rule of the data that is taken off before learning and put back after; and the set of them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeVar

import numpy as np

from tsynth.data.constraints.columns import Lost
from tsynth.data.schema import Column, Schema
from tsynth.errors import ArtifactError, UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsynth.data.sequences import Sequences
    from tsynth.data.streams import Streams

__all__ = ["ORDER", "Constraint", "Constraints", "fits", "from_dict", "register"]

ORDER = "\0order of rows"
"""Stands among `Constraint.reads` and `writes` for the order and number of rows, which is no column."""

KINDS: dict[str, type[Constraint]] = {}


@dataclass(frozen=True, kw_only=True)
class Constraint:
    """A rule that rows keep: found, shown with its share, taken off before learning, put back after.

    A value. What is learned (levels, factors, signs) stands in its fields, so it can be saved; a rule written by
    hand names only `columns` and gets the rest by `learned`.

    Parameters
    ----------
    columns : tuple of str
        The columns that it speaks of.
    share : float
        Share of the rows that kept it, on the half of the entities that it was not found on.
    interval : (float, float)
        95 % Wilson interval of that share, counted over entities.
    lost : tuple of Lost
        The columns that `remove` takes off.
    """

    name: ClassVar[str] = ""
    form: ClassVar[str] = ""

    columns: tuple[str, ...]
    share: float = math.nan
    interval: tuple[float, float] = (math.nan, math.nan)
    lost: tuple[Lost, ...] = ()

    # -- what a rule says of itself

    @property
    def reads(self) -> frozenset[str]:
        """Columns that must be in their final form before `restore` of this rule runs."""
        return frozenset(self.columns) - self.writes - self.changes

    @property
    def writes(self) -> frozenset[str]:
        """Columns that `remove` takes off and `restore` makes."""
        return frozenset(entry.column.name for entry in self.lost)

    @property
    def changes(self) -> frozenset[str]:
        """Columns that stay on, but whose values `restore` may change."""
        return frozenset()

    @property
    def ready(self) -> bool:
        """Whether it knows all that it needs to be taken off and put back; else `learned` finds it out."""
        return bool(self.lost)

    def sentence(self) -> str:
        """The rule in plain words."""
        raise NotImplementedError

    # -- what a rule does

    def learned(self, data: Sequences) -> Self:
        """This rule with all that it needs to be put back, learned from `data`."""
        return self

    def check(self, data: Sequences) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Which rows keep the rule, and which rows it applies to, both (R,)."""
        raise NotImplementedError

    def remove(self, data: Sequences) -> Sequences:
        """The data without what the rule says, for a generator to learn."""
        return data

    def restore(self, data: Sequences, streams: Streams | None = None) -> Sequences:
        """What a generator made, with the rule put back so that it holds in every row."""
        return data

    def holds(self, data: Sequences) -> float:
        """Share of the rows that keep the rule among those it applies to; NaN where it applies to none."""
        if not all(name in data for name in self.columns):
            return math.nan
        held, applies = self.check(data)
        return float(np.mean(held[applies])) if applies.any() else math.nan

    # -- saving

    def to_dict(self) -> dict[str, Any]:
        """Plain types only, for JSON; what is at its default is left out."""
        content: dict[str, Any] = {"rule": self.name}
        if self.form:
            content["form"] = self.form
        for entry in fields(self):
            value = getattr(self, entry.name)
            if entry.default is MISSING or value != entry.default:
                content[entry.name] = _plain(value)
        return content

    def _known(self, data: Sequences) -> Self:
        """Itself, if it has been learned; else an error that says what to do."""
        missing = [name for name in self.columns if name not in data.schema]
        if missing:
            raise UsageError(
                f"the constraint {self.name} speaks of {missing[0]!r}, which is not in the data",
                fix="leave the constraint out or name another column",
            )
        return self


C = TypeVar("C", bound=type[Constraint])


def register(kind: C) -> C:
    """Make a class of rules known to `from_dict`."""
    KINDS[f"{kind.name}/{kind.form}"] = kind
    return kind


def from_dict(content: Mapping[str, Any]) -> Constraint:
    """The rule that `to_dict` wrote, or that a person wrote in a job file.

    Raises
    ------
    UsageError
        There is no such rule, or it lacks or has fields that it should not.
    """
    found = dict(content)
    rule, form = found.pop("rule", None), found.pop("form", "")
    forms = [key.partition("/")[2] for key in KINDS if key.partition("/")[0] == rule]
    if not forms:
        known = sorted({key.partition("/")[0] for key in KINDS})
        raise UsageError(f"there is no constraint {rule!r}", fix="use one of " + ", ".join(known))
    if form not in forms:
        raise UsageError(
            f"the constraint {rule} has no form {form!r}", fix="use one of " + ", ".join(map(repr, forms))
        )
    kind = KINDS[f"{rule}/{form}"]
    names = {entry.name for entry in fields(kind)}
    if "columns" not in found or not set(found) <= names:
        wrong = sorted(set(found) - names)
        problem = f"has no field {wrong[0]!r}" if wrong else "names no columns"
        raise UsageError(f"the constraint {rule} {problem}", fix="use the fields " + ", ".join(sorted(names)))
    lost = found.pop("lost", ())
    values = {name: _tuples(value) for name, value in found.items()}
    for name in ("share", "interval"):
        if name in values:
            values[name] = _numbers(values[name])
    try:
        return kind(**values, lost=tuple(_lost(entry) for entry in lost))
    except (TypeError, KeyError) as error:
        raise ArtifactError(f"the constraint {rule} cannot be read: {error}") from error


class Constraints:
    """Rules in the order in which they are taken off.

    A rule goes off before the rules that make what it reads, and so comes back after them.

    Parameters
    ----------
    rules : iterable of Constraint

    Raises
    ------
    UsageError
        Two rules make the same column, or rules need each other in a circle.
    """

    def __init__(self, rules: Iterable[Constraint] = ()) -> None:
        self.rules: tuple[Constraint, ...] = _sorted(tuple(rules))

    def __iter__(self) -> Iterator[Constraint]:
        return iter(self.rules)

    def __len__(self) -> int:
        return len(self.rules)

    def __getitem__(self, at: int) -> Constraint:
        return self.rules[at]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Constraints) and self.to_list() == other.to_list()

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return "Constraints(" + "; ".join(rule.sentence() for rule in self.rules) + ")"

    def learned(self, data: Sequences) -> Constraints:
        """These rules, with what those that a person wrote need to be put back learned from `data`."""
        return Constraints(rule if rule.ready else rule._known(data).learned(data) for rule in self.rules)

    def remove(self, data: Sequences) -> Sequences:
        """The data with every rule taken off, in order.

        Raises
        ------
        UsageError
            A rule speaks of a column that is not there, or has not been learned.
        """
        for rule in self.rules:
            if not rule.ready:
                raise UsageError(
                    f"the constraint {rule.name} of {rule.columns[0]!r} has not been learned",
                    fix="call learned",
                )
            data = rule._known(data).remove(data)
        return data

    def restore(self, data: Sequences, streams: Streams | None = None) -> Sequences:
        """What a generator made, with every rule put back, in reverse order."""
        for rule in reversed(self.rules):
            data = rule.restore(data, streams)
        return data

    def to_list(self) -> list[dict[str, Any]]:
        """Plain types only, for JSON."""
        return [rule.to_dict() for rule in self.rules]

    @classmethod
    def from_list(cls, content: Iterable[Mapping[str, Any]]) -> Constraints:
        """The rules that `to_list` wrote, or a person."""
        return cls(from_dict(entry) for entry in content)


def _sorted(rules: tuple[Constraint, ...]) -> tuple[Constraint, ...]:
    """Makers of a column after its readers; otherwise as given."""
    owner: dict[str, Constraint] = {}
    for rule in rules:
        for lost in rule.lost:
            other = owner.setdefault(lost.column.name, rule)
            if other is not rule:
                raise UsageError(
                    f"two constraints make the column: {other.sentence()}; {rule.sentence()}",
                    column=lost.column.name,
                    fix="leave one of them out",
                )
    left, out = list(rules), []
    while left:
        ready = next((r for r in left if not any(o is not r and _first(o, r) for o in left)), None)
        if ready is None:
            raise UsageError(
                "constraints need each other in a circle: " + "; ".join(r.sentence() for r in left),
                fix="leave one of them out",
            )
        left.remove(ready)
        out.append(ready)
    return tuple(out)


def _first(reader: Constraint, maker: Constraint) -> bool:
    """Whether `reader` goes off before `maker`, which makes or changes what `reader` needs in its final form.

    Rules that change the same column stand in the order given.
    """
    if (reader.reads | reader.changes) & maker.writes:
        return True
    return bool((reader.reads - reader.changes) & maker.changes)


def fits(rules: Sequence[Constraint], rule: Constraint) -> bool:
    """Whether a rule can join others: it makes no column that they make, and there is no circle."""
    try:
        _sorted((*rules, rule))
    except UsageError:
        return False
    return True


# -- plain types


def _plain(value: Any) -> Any:
    if isinstance(value, Lost):
        return {
            "column": _plain(Schema(columns=(value.column,)).to_dict()["columns"][0]),
            "before": list(value.before),
            "entity_table": value.entity_table,
        }
    if isinstance(value, dict):
        return {key: _plain(v) for key, v in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(v) for v in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and math.isnan(value) else value


def _tuples(value: Any) -> Any:
    return tuple(_tuples(v) for v in value) if isinstance(value, list | tuple) else value


def _numbers(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(_numbers(v) for v in value)
    return math.nan if value is None else value


def _lost(entry: Any) -> Lost:
    if isinstance(entry, Lost):
        return entry
    return Lost(Column(**entry["column"]), tuple(entry["before"]), bool(entry["entity_table"]))
