"""What each column means: `Column` and `Schema`, shown as a table, saved as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from html import escape
from pathlib import Path
from typing import Any, Literal, get_args

from tsynth.errors import ArtifactError, SchemaMismatch, UsageError

__all__ = ["FORMAT", "KINDS", "ROLES", "Column", "Kind", "Role", "Schema", "TimeUnit"]

FORMAT = 1

Kind = Literal["continuous", "count", "category", "boolean", "datetime", "identifier", "text"]
Role = Literal[
    "entity", "time", "order", "mark", "label", "party", "arm", "group", "followup", "event", "start", "stop",
    "outcome", "value",
]  # fmt: skip
TimeUnit = Literal["ns", "us", "ms", "s", "min", "h", "d", "w", "month", "quarter", "year", "step"]
KINDS: tuple[str, ...] = get_args(Kind)
ROLES: tuple[str, ...] = get_args(Role)


@dataclass(frozen=True)
class Column:
    """One column: what its values are (`kind`) and what part it plays (`role`).

    Parameters
    ----------
    name : str
        The column's name.
    kind : {"continuous", "count", "category", "boolean", "datetime", "identifier", "text"}
        What the values are. Identifiers and texts are never learned: identifiers come back as surrogates,
        texts as nulls.
    role : str
        What part it plays, one of `ROLES`; "value" where it has none of its own.
    static : bool
        One value an entity.
    nullable : bool
        Whether a null may occur.
    dtype : str
        The Arrow type it came in and comes back in, as ``str(pyarrow.DataType)``.
    unit : str, optional
        Unit of the values, for the reader; for a time column that is a number, the unit it counts.
    bounds : (float, float), optional
        Smallest and largest value that may be made (datetime: in ticks of `dtype`).
    decimals : int, optional
        Digits after the point; the grid of what is made is ``10**-decimals``.
    levels : tuple, optional
        Levels of a category, most frequent first. Values are str, int, bool, float or Decimal as text.
    inf : {"error", "null"}
        What to do with infinite values.
    reason : str
        Why inference chose this kind and role, in one clause.
    """

    name: str
    kind: Kind = "continuous"
    role: Role = "value"
    static: bool = False
    nullable: bool = False
    dtype: str = "double"
    unit: str | None = None
    bounds: tuple[float, float] | None = None
    decimals: int | None = None
    levels: tuple[Any, ...] | None = None
    inf: Literal["error", "null"] = "error"
    reason: str = ""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise UsageError(
                f"kind {self.kind!r} does not exist", column=self.name, fix=f"use one of {', '.join(KINDS)}"
            )
        if self.role not in ROLES:
            raise UsageError(
                f"role {self.role!r} does not exist", column=self.name, fix=f"use one of {', '.join(ROLES)}"
            )
        for flag in ("static", "nullable"):  # a numpy bool is no JSON
            object.__setattr__(self, flag, bool(getattr(self, flag)))
        if self.bounds is not None:
            object.__setattr__(self, "bounds", tuple(self.bounds))
        if self.levels is not None:
            object.__setattr__(self, "levels", tuple(self.levels))

    @property
    def discrete(self) -> bool:
        """Whether values are levels (category, boolean)."""
        return self.kind in ("category", "boolean")

    @property
    def numeric(self) -> bool:
        """Whether values are numbers or times that can be put on a line."""
        return self.kind in ("continuous", "count", "datetime")

    @property
    def learned(self) -> bool:
        """Whether a generator ever sees the values."""
        return self.kind not in ("identifier", "text")


@dataclass(frozen=True)
class Schema:
    """What each column of a source means.

    Parameters
    ----------
    columns : tuple of Column
        Columns of the rows, in file order; static columns that came in the entity table last.
    entity_columns : tuple of str
        Names of those static columns that live in the entity table instead of the rows.
    time_unit : TimeUnit, optional
        Unit in which generators see time; rates are per this unit. "step" where there is no time column.
    frequency : str, optional
        Pandas-like alias ("D", "MS", "h" ...) or a number of time units where every sequence is regular,
        else None. "mixed" where sequences are regular with unlike frequencies.
    timezone : str, optional
        Time zone of the time column.
    event_levels : mapping of str to str, optional
        Meaning of the codes of the column with role "event".
    constraints : tuple of mapping, optional
        Constraints as found or edited, in the form of `tsynth.data.constraints`; None where nobody has looked
        for them yet, so that `fit` does; an empty tuple means that there are none.
    format : int
        Version of this description, migrated on load.
    """

    columns: tuple[Column, ...] = ()
    entity_columns: tuple[str, ...] = ()
    time_unit: TimeUnit = "step"
    frequency: str | None = None
    timezone: str | None = None
    event_levels: Mapping[str, str] = field(default_factory=dict)
    constraints: tuple[Mapping[str, Any], ...] | None = None
    format: int = FORMAT

    def __post_init__(self) -> None:
        object.__setattr__(self, "columns", tuple(self.columns))
        names = [column.name for column in self.columns]
        doubled = sorted({name for name in names if names.count(name) > 1})
        if doubled:
            raise UsageError(
                f"the schema names {doubled[0]!r} twice", fix="give each column a name of its own"
            )
        for role in ("entity", "time", "order", "mark"):
            held = [column.name for column in self.columns if column.role == role]
            if len(held) > 1:
                raise UsageError(
                    f"columns {held} all have role {role!r}", fix="leave the role to one of them"
                )

    # -- looking up

    def __getitem__(self, name: str) -> Column:
        for column in self.columns:
            if column.name == name:
                return column
        raise UsageError(f"no column is called {name!r}", fix="choose one of " + ", ".join(self.names))

    def __contains__(self, name: object) -> bool:
        return any(column.name == name for column in self.columns)

    def __iter__(self) -> Iterator[Column]:
        return iter(self.columns)

    def __len__(self) -> int:
        return len(self.columns)

    @property
    def names(self) -> list[str]:
        """All names, in order."""
        return [column.name for column in self.columns]

    def role(self, role: str) -> Column | None:
        """The first column with this role, or None."""
        return next((column for column in self.columns if column.role == role), None)

    def roles(self, role: str) -> list[Column]:
        """All columns with this role."""
        return [column for column in self.columns if column.role == role]

    @property
    def entity(self) -> str | None:
        """Name of the entity column; None where the source is one sequence."""
        column = self.role("entity")
        return column.name if column else None

    @property
    def time(self) -> str | None:
        """Name of the time column; None where rows are only ordered."""
        column = self.role("time")
        return column.name if column else None

    @property
    def row_columns(self) -> list[Column]:
        """Columns that stand in the rows."""
        return [column for column in self.columns if column.name not in self.entity_columns]

    @property
    def dynamic(self) -> list[Column]:
        """Learned columns that vary inside an entity, without entity and time."""
        return [c for c in self.columns if not c.static and c.learned and c.role not in ("entity", "time")]

    @property
    def statics(self) -> list[Column]:
        """Learned columns with one value an entity, wherever they stand, without the entity itself."""
        return [c for c in self.columns if c.static and c.learned and c.role != "entity"]

    # -- editing: a schema is a value, edits return a new one

    def edit(self, name: str, **changes: Any) -> Schema:
        """This schema with fields of one column changed, for example ``edit("zip", kind="category")``."""
        self[name]
        unknown = set(changes) - set(Column.__dataclass_fields__)
        if unknown:
            raise UsageError(
                f"a column has no field {sorted(unknown)[0]!r}",
                column=name,
                fix="use one of " + ", ".join(Column.__dataclass_fields__),
            )
        return self.with_columns([replace(c, **changes) if c.name == name else c for c in self.columns])

    def with_columns(self, columns: list[Column] | tuple[Column, ...]) -> Schema:
        """This schema with other columns."""
        kept = {column.name for column in columns}
        return replace(
            self, columns=tuple(columns), entity_columns=tuple(n for n in self.entity_columns if n in kept)
        )

    def replace(self, **changes: Any) -> Schema:
        """This schema with fields of its own changed."""
        return replace(self, **changes)

    # -- comparing

    def differences(self, other: Schema) -> list[str]:
        """What `other` has, lacks or holds in another kind, one line each; empty where they agree."""
        lines = [f"column {n!r} is missing" for n in self.names if n not in other]
        lines += [f"column {n!r} is not in the schema" for n in other.names if n not in self]
        for column in self.columns:
            if column.name in other:
                twin = other[column.name]
                for key in ("kind", "role", "static"):
                    if getattr(column, key) != getattr(twin, key):
                        lines.append(
                            f"column {column.name!r}: {key} {getattr(column, key)!r}, not {getattr(twin, key)!r}"
                        )
        return lines

    def check(self, other: Schema) -> None:
        """Raise `SchemaMismatch` where `other` differs."""
        lines = self.differences(other)
        if lines:
            raise SchemaMismatch(lines, fix="read the rows with this schema")

    # -- saving

    def to_dict(self) -> dict[str, Any]:
        """Plain types only; fields at their default are left out."""
        defaults = {n: f.default for n, f in Column.__dataclass_fields__.items()}
        columns = []
        for column in self.columns:
            entry: dict[str, Any] = {"name": column.name, "kind": column.kind, "role": column.role}
            for key in (
                "static",
                "nullable",
                "dtype",
                "unit",
                "bounds",
                "decimals",
                "levels",
                "inf",
                "reason",
            ):
                value = getattr(column, key)
                if value != defaults[key] or key == "dtype":
                    entry[key] = list(value) if isinstance(value, tuple) else value
            columns.append(entry)
        return {
            "format": self.format,
            "time_unit": self.time_unit,
            "frequency": self.frequency,
            "timezone": self.timezone,
            "event_levels": dict(self.event_levels),
            "entity_columns": list(self.entity_columns),
            "columns": columns,
            "constraints": None if self.constraints is None else [dict(c) for c in self.constraints],
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Schema:
        """The schema that `to_dict` wrote; older formats are migrated, newer ones refused."""
        version = content.get("format", FORMAT)
        if not isinstance(version, int) or version > FORMAT:
            raise ArtifactError(
                f"the schema has format {version!r}, this tsynth knows up to {FORMAT}", fix="update tsynth"
            )
        try:
            columns = tuple(Column(**entry) for entry in content["columns"])
            return cls(
                columns=columns,
                entity_columns=tuple(content.get("entity_columns", ())),
                time_unit=content.get("time_unit", "step"),
                frequency=content.get("frequency"),
                timezone=content.get("timezone"),
                event_levels=dict(content.get("event_levels", {})),
                constraints=None if (found := content.get("constraints")) is None else tuple(found),
            )
        except (KeyError, TypeError) as error:
            raise ArtifactError(
                f"the schema cannot be read: {error}", fix="write it anew with `tsynth inspect --schema`"
            ) from error

    def save(self, path: str | Path) -> None:
        """Write as JSON."""
        from tsynth.data.files import write_text

        write_text(Path(path), json.dumps(self.to_dict(), indent=1, ensure_ascii=False) + "\n")

    @classmethod
    def load(cls, path: str | Path) -> Schema:
        """Read what `save` wrote."""
        try:
            content = json.loads(Path(path).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ArtifactError(f"{Path(path).name} is not a schema: {error}") from error
        return cls.from_dict(content)

    # -- showing

    def rows(self) -> list[tuple[str, str, str, str, str]]:
        """Name, kind, role, details and reason of each column, as text: what every printed form shows."""
        return [
            (c.name, c.kind, c.role, _details(c, c.name in self.entity_columns), c.reason)
            for c in self.columns
        ]

    def __str__(self) -> str:
        head = ("column", "kind", "role", "details", "because")
        table = [head, *self.rows()]
        widths = [max(len(row[i]) for row in table) for i in range(5)]
        lines = [
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in table
        ]
        lines.insert(1, "  ".join("-" * width for width in widths))
        lines.append(
            f"time in {self.time_unit}, frequency {self.frequency or 'irregular'}"
            + (f", zone {self.timezone}" if self.timezone else "")
        )
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        body = "".join(
            "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in self.rows()
        )
        head = "".join(f"<th>{name}</th>" for name in ("column", "kind", "role", "details", "because"))
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _details(column: Column, in_entity_table: bool) -> str:
    parts = []
    if column.static:
        parts.append("static, entity table" if in_entity_table else "static")
    if column.nullable:
        parts.append("nulls")
    if column.levels is not None:
        parts.append(f"{len(column.levels)} level" + "s" * (len(column.levels) != 1))
    if column.decimals and column.kind == "continuous":
        parts.append(f"{column.decimals} decimal" + "s" * (column.decimals != 1))
    if column.bounds is not None and column.kind in ("continuous", "count"):
        parts.append(" to ".join(map(_bound, column.bounds)))
    if column.unit:
        parts.append(column.unit)
    return ", ".join(parts)


def _bound(value: float) -> str:
    """A bound, large ones in full: 62,671,800 rather than 6.26718e+07."""
    return f"{value:,.0f}" if 1e5 <= abs(value) < 1e15 else f"{value:g}"
