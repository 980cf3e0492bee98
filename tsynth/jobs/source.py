"""What a job learns from: rows as the job says they are, and the rules that they keep."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tsynth.data.reading import read
from tsynth.data.schema import Schema
from tsynth.errors import UsageError

if TYPE_CHECKING:
    from tsynth.data.constraints import Constraint
    from tsynth.data.sequences import Sequences
    from tsynth.jobs.job import ConstraintsPart, SchemaPart, SourcePart

__all__ = ["choose_constraints", "describe", "dropped", "edited", "read_source"]


def read_source(source: SourcePart, schema: SchemaPart) -> Sequences:
    """The rows under the schema that the job gives, or under the inferred one with the job's edits.

    Raises
    ------
    DataError
        The rows cannot be read or used as they are.
    UsageError
        The job speaks of a column that is not there.
    """
    given = None if schema.file is None else Schema.load(schema.file)
    paths: Any = source.path[0] if len(source.path) == 1 else list(source.path)
    time: Any = source.time
    if time is not None and len(time) == 1:
        time = time[0]

    options: dict[str, Any] = source.model_dump(exclude={"path", "entities", "entity", "time", "roles"})
    if schema.frequency is not None:
        options["frequency"] = None if schema.frequency == "none" else schema.frequency

    def reading(known: Schema | None) -> Sequences:
        return read(
            paths,
            entities=source.entities,
            entity=source.entity,
            time=time,
            schema=known,
            roles=source.roles or None,
            **options,
        )

    data = reading(given)
    wanted = edited(data.schema, schema)
    return data if wanted == data.schema else reading(wanted)


def edited(schema: Schema, edits: SchemaPart) -> Schema:
    """The schema with the edits of a job file."""
    for name, edit in edits.columns.items():
        changes = edit.model_dump(exclude_none=True)
        if "kind" in changes and changes["kind"] != schema[name].kind:
            # What inference found out about the old kind says nothing of the new one.
            changes = {"bounds": None, "decimals": None, "levels": None, **changes}
        schema = schema.edit(name, **changes, reason="the job says so")
    if edits.time_unit is not None:
        schema = schema.replace(time_unit=edits.time_unit)
    if edits.event_levels:
        schema = schema.replace(event_levels=dict(edits.event_levels))
    return schema


def choose_constraints(train: Sequences, wanted: ConstraintsPart, seed: int) -> list[Constraint]:
    """The rules that hold in the training rows, less those dropped, and those added.

    Raises
    ------
    UsageError
        A rule to drop was not found; a rule to add does not exist or speaks of other columns.
    """
    from tsynth.data import constraints as rules

    if not wanted.find:
        found: list[Constraint] = []
    elif train.schema.constraints is not None:
        found = [rules.from_dict(entry) for entry in train.schema.constraints]
    else:
        found = list(rules.find(train, seed=seed))
    kept = dropped(found, wanted.drop)
    for entry in wanted.add:
        (rule,) = rules.Constraints([rules.from_dict(entry)]).learned(train)
        kept.append(replace(rule, share=rule.holds(train)) if math.isnan(rule.share) else rule)
    return list(rules.Constraints(kept))


def dropped(found: Sequence[Constraint], words: Sequence[str]) -> list[Constraint]:
    """The rules without those named: by kind ("totals"), or by words of the sentence that is printed."""
    kept = list(found)
    for word in words:
        hit = [rule for rule in found if _named(rule, word)]
        if not hit:
            known = "; ".join(f"{rule.name}: {rule.sentence()}" for rule in found) or "none was found"
            raise UsageError(f"no constraint is meant by {word!r}", fix=f"the constraints are: {known}")
        kept = [rule for rule in kept if rule not in hit]
    return kept


def _named(rule: Constraint, word: str) -> bool:
    form = f"{rule.name}/{rule.form}" if rule.form else rule.name
    return word in (rule.name, form) or word.casefold() in rule.sentence().casefold()


def describe(data: Sequences, names: Sequence[str]) -> dict[str, Any]:
    """Size and span of a source, for the reader; dates as dates."""
    start, end = span(data)
    facts: dict[str, Any] = {
        "name": " + ".join(names),
        "files": list(names),
        "rows": data.n_rows,
        "entities": data.n_entities,
    }
    if start is not None and end is not None:
        facts |= {"start": start, "end": end}
    return facts


def span(data: Sequences) -> tuple[str | None, str | None]:
    """First and last time as text."""
    import pyarrow.compute as pc

    name = data.schema.time
    if name is None or data.n_rows == 0:
        return None, None
    ends = pc.min_max(data.rows[name])
    return _moment(ends["min"].as_py()), _moment(ends["max"].as_py())


def _moment(value: Any) -> str:
    if hasattr(value, "isoformat"):
        text: str = value.isoformat(sep=" ") if hasattr(value, "hour") else value.isoformat()
        return text.removesuffix(" 00:00:00")
    return (
        json.dumps(value)
        if isinstance(value, int)
        else f"{value:g}"
        if isinstance(value, float)
        else str(value)
    )
