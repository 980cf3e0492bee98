"""One picture of a page, or one small table, with its heading."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Panel", "Table"]


@dataclass(frozen=True)
class Table:
    """A table as texts, and which of its columns hold numbers."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: tuple[bool, ...]


@dataclass(frozen=True)
class Panel:
    """One picture with its heading and what it does not show; a table in place of the picture where there is one."""

    title: str
    svg: str = ""
    note: str = ""
    caption: str = ""
    wide: bool = False
    table: Table | None = None
