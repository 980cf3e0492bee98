"""A fitted network as plain arrays that compiled loops take: layout, limits, weights, an empty memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tsynth.compiled import memory as memories
from tsynth.compiled.fields import Nets
from tsynth.compiled.limits import Limits
from tsynth.compiled.memory import Layout, Memory

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["MIXTURES", "empty_memory", "layout", "limits", "weights", "widest"]

MIXTURES = 6
"""Normals of which the law of a new value is mixed."""


def layout(made: dict[str, Any]) -> Layout:
    """The layout that compiled loops take."""
    parts = np.zeros(4, np.int64)
    if made["calendar"] and made["day"] > 0:
        lives = (made["span"][1] - made["span"][0]) / made["day"]
        parts[:] = (lives >= 45, True, lives >= 300, made["subday"])
    elif made["subday"]:
        parts[3] = 1
    day = float(made["day"]) if made["calendar"] or made["subday"] else 0.0
    plain = Layout(
        made["slot"], int(made["slots"]), made["field_choices"], made["field_first"], made["plain"], made["shown"],
        made["kept"], made["tallies"], made["scale"], made["knots_gap"], made["knots_age"], made["knots_time"],
        made["knots_count"], made["knots_level"], day, int(made["day_zero"]), made["days"],
        float(made["day"]) if made["ticked"] else 0.0, parts, int(made["total"]), made["sign"], made["ratio_mean"],
        made["ratio_level"], float(made["typical"]), made["lows"],
        made["atoms"], made["knots"], made["knot_scores"], made["grids"], made["maps"], made["map_scores"], made["at"],
    )  # fmt: skip
    return Layout(*map(_writable, plain))


def limits(made: dict[str, Any]) -> Limits:
    """The limits that compiled loops take."""
    plain = Limits(
        float(made["tick"]), made["edges"], made["inner"], float(made["step"]), made["hour_weight"],
        int(made["most"]), int(made["least"]), made["most_tick"], made["most_month"], made["most_ever"],
        made["day_of_month"],
        made["to_month_end"], made["weekday"], made["pair"], made["opens"], made["follows"], made["prior"],
        float(made["floor"]), made["level_edges"], made["level_keep"], made["end_shift"],
    )  # fmt: skip
    return Limits(*map(_writable, plain))


def weights(made: dict[str, Any], nets: dict[str, Any]) -> Nets:
    """The weights that compiled loops take."""
    events, fields, gaps = nets["event"], nets["fields"], nets.get("gap")
    if gaps is None:
        none, short = np.zeros((1, 1), np.float32), np.zeros(1, np.float32)
        gap = [none, short, none, short, none, np.zeros(2, np.float32)]
    else:
        gap = _layers(gaps)
    flat, begin = [], [0]
    outs = []
    for f in range(len(made["fields"])):
        parts = [
            fields[f"heads.{f}.0.weight"].T, fields[f"heads.{f}.0.bias"], fields[f"heads.{f}.1.weight"].T,
            fields[f"heads.{f}.2.weight"].T, fields[f"heads.{f}.1.bias"],
        ]  # fmt: skip
        flat += [np.ascontiguousarray(p, np.float32).ravel() for p in parts]
        begin.append(begin[-1] + sum(p.size for p in parts))
        outs.append(len(fields[f"heads.{f}.1.bias"]))
    layers = [*_layers(events), *gap]
    last: list[Any] = [
        np.ascontiguousarray(np.concatenate([fields["one.weight"], fields["kind"]])), fields["one.bias"],
        np.ascontiguousarray(fields["two.weight"].T), fields["two.bias"],
        np.concatenate(flat) if flat else np.zeros(1, np.float32), np.array(begin, np.int64),
        np.array([*outs, 0], np.int64), fields["line.weight"], made["ranks"],
        len(fields["heads.0.0.bias"]) if outs else 1, MIXTURES,
    ]  # fmt: skip
    return Nets(*map(_writable, [*layers, *last]))


def empty_memory(made: dict[str, Any]) -> Memory:
    """A memory of no rows."""
    return memories.make_memory(made["slots"], len(made["fields"]), int(made["tallies"][-1]))


def widest(made: dict[str, Any]) -> int:
    """Room for the features of one moment."""
    return int(made["features"]) + 64


def _layers(net: dict[str, NDArray[np.float32]]) -> list[NDArray[np.float32]]:
    out = []
    for name in ("one", "two", "three"):
        weight = net[f"{name}.weight"]  # the first layer is stored the other way round
        out += [np.ascontiguousarray(weight if name == "one" else weight.T), net[f"{name}.bias"]]
    return out


def _writable(value: Any) -> Any:
    """An array of one's own, that may be written to.

    Loops need not be compiled anew then for a loaded model, whose arrays may not.
    """
    return np.array(value) if isinstance(value, np.ndarray) else value
