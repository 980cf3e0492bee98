"""Where a fit by steps stands, in a folder: an interrupted fit goes on from there to the same weights.

Steps are counted, not seconds: the number of steps that a time budget allowed is kept with the weights, so that a fit
that goes on ends where it would have ended without the interruption.
"""

from __future__ import annotations

import hashlib
import json
import logging
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from tsynth.data.files import write_atomic, write_text
from tsynth.errors import ResourceError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Checkpoint", "discard", "fingerprint"]

log = logging.getLogger("tsynth")

EVERY = 15.0
"""Seconds between two writings of a network."""

Arrays = dict[str, "NDArray[Any]"]


class Checkpoint:
    """A folder with the number of steps and a file for each network that learns.

    Parameters
    ----------
    folder : path
        Made where it is missing. What it holds of another fit is not used, and replaced.
    key : str
        Equal where everything that goes into the weights is equal; see `fingerprint`.

    Raises
    ------
    ResourceError
        Writing there is refused by the system, or the folder holds other things.
    """

    def __init__(self, folder: str | Path, key: str) -> None:
        self.folder, self.key = Path(folder), key
        self._since: dict[str, float] = {}
        if self.folder.is_dir() and any(not _ours(path) for path in self.folder.iterdir()):
            raise ResourceError(
                f"{self.folder} holds other things than an interrupted fit", fix="name a new or empty folder"
            )

    # -- the number of steps

    def steps(self) -> int | None:
        """Steps that the interrupted fit would have taken, None where there was none of this key."""
        try:
            found = json.loads((self.folder / "fit.json").read_text(encoding="utf-8"))
            return int(found["steps"]) if found["key"] == self.key else None
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def begin(self, steps: int) -> None:
        """Note how many steps there will be, once this is known."""
        if self.steps() != steps:
            discard(self.folder)
            write_text(self.folder / "fit.json", json.dumps({"key": self.key, "steps": steps}) + "\n")

    # -- the networks

    def read(self, name: str) -> tuple[Arrays, dict[str, Any]] | None:
        """Arrays and plain values of a network, as they were last written; None where they are not whole."""
        self._since[name] = time.monotonic()
        path = self.folder / f"{name}.safetensors"
        try:
            with safe_open(path, "np") as file:
                told = file.metadata() or {}
                arrays = {array: file.get_tensor(array) for array in file.keys()}  # noqa: SIM118
            if told.get("key") != self.key or told.get("sum") != _sum(arrays):
                return None
            return arrays, json.loads(told["facts"])
        except FileNotFoundError:
            return None
        except (SafetensorError, OSError, ValueError, KeyError) as error:
            log.warning("%s is damaged (%s); %s is learned from the beginning", path, error, name)
            return None

    def due(self, name: str) -> bool:
        """Whether the network should be written now."""
        return time.monotonic() - self._since.get(name, 0.0) >= EVERY

    def write(self, name: str, arrays: Arrays, facts: dict[str, Any]) -> None:
        """Write a network, whole or not at all."""
        told = {"key": self.key, "sum": _sum(arrays), "facts": json.dumps(facts)}
        whole = {array: np.ascontiguousarray(values) for array, values in arrays.items()}
        write_atomic(self.folder / f"{name}.safetensors", lambda part: save_file(whole, part, told))
        self._since[name] = time.monotonic()


def discard(folder: str | Path) -> None:
    """Remove what a fit kept in `folder`, and the folder where nothing else is in it."""
    folder = Path(folder)
    if folder.is_dir():
        for path in folder.iterdir():
            if _ours(path):
                path.unlink(missing_ok=True)
        with suppress(OSError):
            folder.rmdir()


def fingerprint(*parts: Any) -> str:
    """Sha256 of plain values and arrays, in their order."""
    digest = hashlib.sha256()
    for part in parts:
        _feed(digest, part)
    return digest.hexdigest()


def _feed(digest: Any, part: Any) -> None:
    if isinstance(part, np.ndarray):
        digest.update(f"{part.dtype.str}{part.shape}".encode())
        digest.update(np.ascontiguousarray(part).view(np.uint8).data if part.size else b"")
    elif isinstance(part, dict):
        digest.update(b"{")
        for key, value in part.items():
            digest.update(repr(key).encode())
            _feed(digest, value)
    elif isinstance(part, list | tuple):
        digest.update(b"[")
        for value in part:
            _feed(digest, value)
    else:
        digest.update(repr(part).encode())


def _sum(arrays: Arrays) -> str:
    return fingerprint(dict(sorted(arrays.items())))


def _ours(path: Path) -> bool:
    return path.name == "fit.json" or path.suffix in (".safetensors", ".part")
