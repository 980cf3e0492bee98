"""A release: synthetic rows with an account of them, in a folder for handing out."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tsynth.data.content import ContentHash, sum_of_sums
from tsynth.data.files import read_file
from tsynth.errors import ArtifactError
from tsynth.jobs.output import CARD, DATA, ENTITIES, MANIFEST, PAGE, REPORT, file_sum

if TYPE_CHECKING:
    import pyarrow as pa

    from tsynth.scores.report import Report

__all__ = ["FORMAT", "KIND", "Release", "content_hash", "file_entry"]

FORMAT = 1
KIND = "tsynth release"


@dataclass(frozen=True)
class Release:
    """A folder with synthetic rows, a manifest, a report and a card.

    Parameters
    ----------
    path : Path
    manifest : mapping
        What `manifest.json` holds.
    """

    path: Path
    manifest: Mapping[str, Any]

    @classmethod
    def open(cls, path: str | Path) -> Release:
        """The release in a folder; its files are not checked, see `tsynth.jobs.verify`.

        Raises
        ------
        ArtifactError
            There is none, or its manifest is damaged or newer than this code.
        """
        path = Path(path)
        try:
            content = json.loads((path / MANIFEST).read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            what = "is an unfinished release" if (path / ".work").is_dir() else "holds no release"
            raise ArtifactError(
                f"{path} {what}: it has no {MANIFEST}", fix="make it with `tsynth run`"
            ) from error
        except (OSError, ValueError) as error:
            raise ArtifactError(
                f"{path / MANIFEST} is damaged: {error}", fix="make the release anew"
            ) from error
        if (
            not isinstance(content, dict)
            or content.get("kind") != KIND
            or not isinstance(content.get("files"), dict)
        ):
            raise ArtifactError(
                f"{path / MANIFEST} is not the manifest of a release", fix="make the release anew"
            )
        version = content.get("format")
        if not isinstance(version, int) or version > FORMAT:
            made = content.get("run", {}).get("versions", {}).get("tsynth", "of an unknown version")
            raise ArtifactError(
                f"the release has format {version!r} (tsynth {made}), this tsynth knows up to {FORMAT}",
                fix="update tsynth",
            )
        return cls(path, content)

    @property
    def content_hash(self) -> str:
        """Sha256 of the rows in entity order, whatever the parts."""
        return str(self.manifest["content_hash"])

    @property
    def page(self) -> Path:
        """The page to read."""
        return self.path / PAGE

    @cached_property
    def report(self) -> Report:
        """The scores."""
        from tsynth.scores.report import Report

        return Report.from_dict(json.loads((self.path / REPORT).read_text(encoding="utf-8"))["report"])

    def findings(self, count: int = 3) -> list[str]:
        """The worst differences from real data, in plain words."""
        return [detail.sentence for detail in self.report.worst(count)]

    def __str__(self) -> str:
        lines = [
            f"{self.manifest['rows']:,} synthetic rows of {self.manifest['entities']:,} entities in {self.path}"
        ]
        lines += [f"{answer.question}: {answer.sentence}" for answer in self.report.answers]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        return "<br>".join(escape(line) for line in str(self).splitlines())


def file_entry(path: Path) -> dict[str, Any]:
    """What the manifest says of a file."""
    return {"sha256": file_sum(path), "bytes": path.stat().st_size}


def content_hash(folder: Path, files: Mapping[str, Any]) -> str:
    """Sha256 of the rows that stand in the files, in the order of their parts: rows first, then entity tables."""
    return sum_of_sums([_sum_of(folder, place, files) for place in (DATA, ENTITIES)])


def _sum_of(folder: Path, place: str, files: Mapping[str, Any]) -> str | None:
    names = sorted(name for name in files if name.startswith(f"{place}/"))
    if not names:
        return None
    digest = ContentHash()
    for table in _tables(folder, names, files):
        digest.add(table)
    return digest.hexdigest()


def _tables(folder: Path, names: list[str], files: Mapping[str, Any]) -> Iterator[pa.Table]:
    for name in names:
        table = read_file(folder / name).table
        rows = files[name].get("rows")
        if rows is not None and rows != table.num_rows:
            raise ArtifactError(
                f"{name} holds {table.num_rows} rows, the manifest says {rows}", fix="make it anew"
            )
        yield table


EXPECTED = (PAGE, REPORT, CARD)
"""Files that every release has beside its data."""
