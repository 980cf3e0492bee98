"""What is wrong in a file that a person wrote, one line a mistake, with the nearest name where one was mistyped."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError

__all__ = ["mistakes", "nearest"]


def mistakes(error: ValidationError, model: type[BaseModel], whole: str) -> list[str]:
    """A line a problem; `whole` is what the file as a whole is called ("the job")."""
    return [_line(entry, model, whole) for entry in error.errors()]


def nearest(name: str, known: list[str]) -> str:
    """The question whether the nearest known name was meant, to be put behind a message; empty where none is near."""
    near = difflib.get_close_matches(name, known, 1)
    return f"; did you mean {near[0]}?" if near else ""


def _line(entry: Mapping[str, Any], model: type[BaseModel], whole: str) -> str:
    place = [step if isinstance(step, str) else step + 1 for step in entry["loc"]]
    where = ".".join(map(str, place)) or whole
    if entry["type"] == "missing":
        return f"{where} is missing"
    if entry["type"] == "extra_forbidden":
        return f"{where} is not known" + nearest(str(place[-1]), _known(place[:-1], model))
    message = str(entry["msg"]).removeprefix("Value error, ")
    if entry["type"] == "value_error":
        return f"{where}: {message}" if place else message
    given = entry.get("input")
    shown = "" if isinstance(given, dict) else f" (it is {given!r})"
    return f"{where}: {message[:1].lower()}{message[1:]}{shown}"


def _known(place: list[Any], model: type[BaseModel]) -> list[str]:
    """Names that may stand at a place of the file."""
    for step in place:
        fields = {f.alias or name: f.annotation for name, f in model.model_fields.items()}
        if step in fields:
            model = _inner(fields[step]) or model
    return [f.alias or name for name, f in model.model_fields.items()]


def _inner(kind: Any) -> type[BaseModel] | None:
    """The model in an annotation: itself, or that of the items of a list or mapping."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return kind
    inner = [_inner(part) for part in get_args(kind)] if get_origin(kind) is not None else []
    return next((found for found in inner if found is not None), None)
