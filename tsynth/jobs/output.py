"""The folder that a job writes: one writer at a time, nothing half-written, and what a resumed run can use."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from tsynth.data.files import write_text
from tsynth.errors import ResourceError, UsageError

__all__ = [
    "CARD",
    "DATA",
    "ENTITIES",
    "MANIFEST",
    "PAGE",
    "REPORT",
    "Output",
    "file_sum",
    "key_of",
    "writable",
]

DATA, ENTITIES = "data", "entities"
MANIFEST, PAGE, REPORT, CARD = "manifest.json", "report.html", "report.json", "card.md"
WORK, LOCK = ".work", ".lock"
_OURS = {DATA, ENTITIES, MANIFEST, PAGE, REPORT, CARD, WORK, LOCK}


def key_of(content: Mapping[str, Any]) -> str:
    """Sha256 of JSON types: equal where everything that goes into a result is equal."""
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()


def file_sum(path: Path) -> str:
    """Sha256 of a file."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def writable(folder: Path) -> None:
    """Make the folder and prove that a file can be written in it.

    Raises
    ------
    ResourceError
        It cannot; found before anything is computed.
    """
    probe = folder / ".writable"
    write_text(probe, "tsynth")
    probe.unlink(missing_ok=True)


class Output:
    """A release in the making; see `Output.open`.

    Parameters
    ----------
    folder : Path

    Attributes
    ----------
    work : Path
        Folder of what a resumed run can use: the model, and a record for each finished part.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.work = folder, folder / WORK

    @classmethod
    @contextmanager
    def open(cls, folder: Path, *, force: bool = False) -> Iterator[Output]:
        """The folder, locked against other writers until the end.

        Parameters
        ----------
        folder : Path
            New, empty, or left by an unfinished run.
        force : bool
            Whether a finished release in it may be replaced.

        Raises
        ------
        UsageError
            A finished release, or anything else, stands there.
        ResourceError
            It cannot be written, or another run writes it.
        """
        _refuse_foreign(folder)
        made = not folder.exists()
        writable(folder)
        lock = FileLock(folder / LOCK, timeout=0)
        try:
            lock.acquire()
        except Timeout as error:
            raise ResourceError(
                f"another run is writing {folder}", fix="wait until it has ended, or choose another folder"
            ) from error
        try:
            output = cls(folder)
            if (folder / MANIFEST).exists() and not force:
                raise UsageError(
                    f"{folder} holds a finished release",
                    fix="choose another folder, or replace it with --force",
                )
            output._sweep()
            yield output
        finally:
            with suppress(OSError):  # elsewhere than on POSIX an open file cannot be removed
                (folder / LOCK).unlink(missing_ok=True)
            lock.release()
            with suppress(OSError):
                (folder / LOCK).unlink(missing_ok=True)
            if made and not any(folder.iterdir()):
                folder.rmdir()

    # -- what an earlier run left

    def begin(self, key: str) -> bool:
        """Start the job with this key; whether an unfinished run of the same job can be resumed.

        Anything of another job is removed, the manifest first, so that no manifest ever speaks of other files.
        """
        if self._state().get("key") == key and not (self.folder / MANIFEST).exists():
            return True
        (self.folder / MANIFEST).unlink(missing_ok=True)
        for name in (PAGE, REPORT, CARD):
            (self.folder / name).unlink(missing_ok=True)
        for name in (WORK, DATA, ENTITIES):
            shutil.rmtree(self.folder / name, ignore_errors=True)
        self.work.mkdir(parents=True, exist_ok=True)
        write_text(self.work / "state.json", json.dumps({"key": key}) + "\n")
        return False

    @property
    def model(self) -> Path:
        """Where the fitted model stands until the release is finished."""
        return self.work / "model.tsynth"

    @property
    def checkpoint(self) -> Path:
        """Where a fit by steps keeps how far it is."""
        return self.work / "fit"

    def record(self, name: str, key: str) -> dict[str, Any] | None:
        """The record of a finished part, if it is of this key and its files are as they were written."""
        try:
            found: dict[str, Any] = json.loads((self.work / f"{name}.json").read_text(encoding="utf-8"))
            whole = found["key"] == key and all(
                file_sum(self.folder / file) == entry["sha256"] for file, entry in found["files"].items()
            )
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return found if whole else None

    def finish(self, manifest: Mapping[str, Any]) -> None:
        """Write the manifest, the last file of a release, and remove what only a resumed run needs."""
        self._drop_strangers(set(manifest["files"]))
        write_text(self.folder / MANIFEST, json.dumps(manifest, indent=1, ensure_ascii=False) + "\n")
        shutil.rmtree(self.work, ignore_errors=True)

    def _state(self) -> dict[str, Any]:
        try:
            found = json.loads((self.work / "state.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def _sweep(self) -> None:
        """Remove temporary files of a run that was killed."""
        for folder in (self.folder, self.folder / DATA, self.folder / ENTITIES, self.work):
            if folder.is_dir():
                for left in folder.glob(".*.part"):
                    left.unlink(missing_ok=True)

    def _drop_strangers(self, files: set[str]) -> None:
        for folder in (DATA, ENTITIES):
            for path in (self.folder / folder).glob("*"):
                if f"{folder}/{path.name}" not in files:
                    path.unlink()


def _refuse_foreign(folder: Path) -> None:
    try:
        if folder.exists() and not folder.is_dir():
            raise UsageError(f"{folder} is a file, not a folder", fix="choose another name")
        foreign = sorted(p.name for p in folder.iterdir() if p.name not in _OURS) if folder.is_dir() else []
    except PermissionError as error:
        raise ResourceError(
            f"{folder} cannot be read: {error.strerror}", fix="choose another folder"
        ) from error
    foreign = [name for name in foreign if not name.startswith(".") or not name.endswith(".part")]
    if foreign:
        raise UsageError(
            f"{folder} holds other things than a release ({', '.join(foreign[:3])})",
            fix="choose a new or empty folder",
        )
