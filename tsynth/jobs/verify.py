"""Whether a release is as it was made: `verify`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tsynth.errors import ArtifactError, DataError
from tsynth.jobs.output import DATA, ENTITIES, MANIFEST, WORK, file_sum
from tsynth.jobs.release import EXPECTED, Release, content_hash

__all__ = ["Verified", "verify"]


@dataclass(frozen=True)
class Verified:
    """What was found right.

    Parameters
    ----------
    release : Release
    files : int
        Number of files whose sum was checked.
    """

    release: Release
    files: int

    def __str__(self) -> str:
        manifest = self.release.manifest
        return (
            f"{self.release.path} is as it was made: {self.files} files, {manifest['rows']:,} rows of "
            f"{manifest['entities']:,} entities, content hash {self.release.content_hash}"
        )


def verify(path: str | Path) -> Verified:
    """Check every file of a release against its manifest, and the rows against the content hash.

    Parameters
    ----------
    path : path
        The folder.

    Returns
    -------
    Verified

    Raises
    ------
    DataError
        A file of rows is missing or damaged; it is named.
    ArtifactError
        Another file is missing, damaged or was not part of the release, or the rows do not have the content hash.
    """
    release = Release.open(path)
    folder, files = release.path, release.manifest["files"]
    for name in (*EXPECTED, *files):
        if name not in files:
            raise ArtifactError(f"{MANIFEST} does not name {name}", fix="make the release anew")
        _check(folder, name, files[name])
    _refuse_strangers(folder, set(files))
    found = content_hash(folder, files)
    if found != release.content_hash:
        raise ArtifactError(
            f"the rows have the content hash {found}, {MANIFEST} says {release.content_hash}",
            fix="make the release anew",
        )
    return Verified(release, len(files))


def _check(folder: Path, name: str, entry: dict[str, object]) -> None:
    kind = DataError if name.startswith((f"{DATA}/", f"{ENTITIES}/")) else ArtifactError
    path = folder / name
    if Path(name).is_absolute() or ".." in Path(name).parts:
        raise ArtifactError(
            f"{MANIFEST} names a file outside the release: {name}", fix="do not trust this release"
        )
    if not path.is_file():
        raise kind(f"{name} is missing", fix="copy the release anew, or make it anew")
    size = path.stat().st_size
    if size != entry.get("bytes"):
        raise kind(f"{name} has {size:,} bytes, not {entry.get('bytes'):,}", fix="copy the release anew")
    if file_sum(path) != entry.get("sha256"):
        raise kind(f"{name} was changed: it does not match its checksum", fix="copy the release anew")


def _refuse_strangers(folder: Path, files: set[str]) -> None:
    for place in (DATA, ENTITIES):
        for path in sorted((folder / place).glob("*")):
            if f"{place}/{path.name}" not in files:
                raise ArtifactError(f"{place}/{path.name} is not part of the release", fix="remove it")
    if (folder / WORK).exists():
        raise ArtifactError(
            f"{WORK} was left by a run that ended early",
            fix=f"remove the folder {folder / WORK} before handing out",
        )
