"""A fitted generator as one file: a zip of a manifest, arrays in safetensors and the rest in JSON.

Nothing in it is ever run: no pickle, no class name is followed other than through the registry, and sizes, names
and sums are checked before anything is parsed.
"""

from __future__ import annotations

import hashlib
import json
import math
import zipfile
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from safetensors.numpy import load as load_arrays
from safetensors.numpy import save as save_arrays

from tsynth import registry
from tsynth.data.files import write_atomic
from tsynth.errors import ArtifactError, TsynthError

if TYPE_CHECKING:
    from tsynth.generators.base import Generator

__all__ = ["FORMAT", "load", "model_hash", "save"]

FORMAT = 1
MAX_BYTES = 4 * 2**30
_FILES = ("manifest.json", "state.json", "arrays.safetensors")
_LIBRARIES = ("tsynth", "numpy", "numba", "pyarrow")


def save(generator: Generator, path: Path) -> None:
    """Write a fitted generator; the file appears under its name only when it is whole."""
    files = _contents(generator)

    def write(temporary: Path) -> None:
        with zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive:
            for name in _FILES:
                # a fixed date keeps equal models equal to the byte
                archive.writestr(
                    zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), files[name], zipfile.ZIP_DEFLATED
                )

    write_atomic(path, write)


def load(path: str | Path) -> Generator:
    """Read what `save` wrote.

    Raises
    ------
    ArtifactError
        The file is damaged, hostile, or of a newer version; nothing of it was run.
    """
    path = Path(path)
    files = _checked(path)
    manifest = files["manifest.json"]
    try:
        made: Generator = registry.find("generators", manifest["generator"])(**manifest["parameters"])
        state = _unpack(json.loads(files["state.json"]), load_arrays(files["arrays.safetensors"]))
        return made.set_state(state)
    except TsynthError as error:
        raise ArtifactError(f"{path.name} cannot be loaded: {error}") from error
    except Exception as error:
        raise ArtifactError(
            f"{path.name} is damaged: {type(error).__name__}: {error}", fix="fit and save it anew"
        ) from error


def model_hash(generator: Generator) -> str:
    """Sha256 of arrays and parameters: equal for equal models, whatever library versions or date."""
    files = _contents(generator)
    manifest = json.loads(files["manifest.json"])
    text = json.dumps({k: manifest[k] for k in ("generator", "parameters")}, sort_keys=True).encode()
    return hashlib.sha256(text + files["state.json"] + files["arrays.safetensors"]).hexdigest()


def _contents(generator: Generator) -> dict[str, bytes]:
    arrays: dict[str, np.ndarray[Any, Any]] = {}
    state = _json(_pack(generator.get_state(), arrays))
    files = {"state.json": state, "arrays.safetensors": save_arrays({"_": np.zeros(1), **arrays})}
    manifest = {
        "format": FORMAT,
        "generator": generator.name,
        "parameters": generator.plain_params(),
        "libraries": {name: version(name) for name in _LIBRARIES},
        "files": {n: {"bytes": len(b), "sha256": hashlib.sha256(b).hexdigest()} for n, b in files.items()},
    }
    return {"manifest.json": _json(manifest), **files}


def _json(content: Any) -> bytes:
    return json.dumps(content, sort_keys=True, ensure_ascii=False, allow_nan=False).encode()


def _checked(path: Path) -> dict[str, Any]:
    """Contents of the file, after every size, name and sum was found right; the manifest parsed."""
    damaged = "fit and save it anew"
    try:
        with zipfile.ZipFile(path) as archive:
            infos = archive.infolist()
            if sorted(i.filename for i in infos) != sorted(_FILES):
                raise ArtifactError(f"{path.name} holds other files than a model has", fix=damaged)
            if sum(i.file_size for i in infos) > MAX_BYTES:
                raise ArtifactError(f"{path.name} would unpack to more than {MAX_BYTES >> 30} GiB")
            files: dict[str, Any] = {}
            for info in infos:
                with archive.open(info) as stream:
                    files[info.filename] = stream.read(info.file_size + 1)
    except FileNotFoundError as error:
        raise ArtifactError(f"{path} does not exist", fix="name a file that `tsynth fit` wrote") from error
    except (zipfile.BadZipFile, OSError, EOFError, ValueError, NotImplementedError, RuntimeError) as error:
        raise ArtifactError(
            f"{path.name} is no model of tsynth: {error}", fix="name a file that `tsynth fit` wrote"
        ) from error
    except Exception as error:  # zlib.error has no public base
        raise ArtifactError(f"{path.name} is damaged: {error}", fix=damaged) from error
    try:
        manifest = json.loads(files["manifest.json"])
        if manifest["format"] > FORMAT:
            raise ArtifactError(
                f"{path.name} has format {manifest['format']} (tsynth {manifest['libraries']['tsynth']}), this tsynth"
                f" {version('tsynth')} knows up to {FORMAT}",
                fix="update tsynth",
            )
        for name in _FILES[1:]:
            entry = manifest["files"][name]
            if (
                entry["bytes"] != len(files[name])
                or entry["sha256"] != hashlib.sha256(files[name]).hexdigest()
            ):
                raise ArtifactError(f"{path.name}: {name} does not match its checksum", fix=damaged)
        if not isinstance(manifest["generator"], str) or not isinstance(manifest["parameters"], dict):
            raise ArtifactError(f"{path.name} names no generator", fix=damaged)
    except (ValueError, KeyError, TypeError) as error:
        raise ArtifactError(f"{path.name} has no readable manifest: {error}", fix=damaged) from error
    files["manifest.json"] = manifest
    return files


def _pack(value: Any, arrays: dict[str, np.ndarray[Any, Any]]) -> Any:
    """Plain JSON in which each array is a reference into `arrays`; what JSON has no word for is marked."""
    if isinstance(value, np.ndarray):
        key = f"a{len(arrays)}"
        arrays[key] = np.ascontiguousarray(value)
        return {"$array": key, "shape": list(value.shape)}
    if isinstance(value, np.generic):
        return _pack(value.item(), arrays)
    if isinstance(value, dict):
        return {"$map": [[_pack(k, arrays), _pack(v, arrays)] for k, v in value.items()]}
    if isinstance(value, tuple):
        return {"$tuple": [_pack(v, arrays) for v in value]}
    if isinstance(value, list):
        return [_pack(v, arrays) for v in value]
    if isinstance(value, float) and not math.isfinite(value):
        return {"$float": repr(value)}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(f"a state holds plain values and arrays, not {type(value).__name__}")


def _unpack(value: Any, arrays: dict[str, np.ndarray[Any, Any]]) -> Any:
    if isinstance(value, list):
        return [_unpack(v, arrays) for v in value]
    if isinstance(value, dict):
        if "$array" in value:
            array = arrays[value["$array"]].reshape(value["shape"])
            array.setflags(write=False)
            return array
        if "$map" in value:
            return {_unpack(k, arrays): _unpack(v, arrays) for k, v in value["$map"]}
        if "$tuple" in value:
            return tuple(_unpack(v, arrays) for v in value["$tuple"])
        return float(value["$float"])
    return value
