"""What an entity has once: statics, its first time, what is left before and after its rows; a Gaussian copula."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tsynth.data.encoding import Field, Rows
from tsynth.generators.copula import Copula, Margin, merge_copula, order_of, sums

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsynth.data.encoding import Encoder
    from tsynth.data.streams import Streams

__all__ = ["draw_once", "learn_once"]


def learn_once(view: Rows) -> dict[str, Any]:
    """Margins and the copula of what entities have once, as plain values and arrays."""
    timing = view.timing
    assert timing is not None
    has = np.diff(view.offsets) > 0
    first, last = np.full(view.n_entities, np.nan), np.full(view.n_entities, np.nan)
    first[has] = view.time[view.offsets[:-1][has]]
    last[has] = view.time[view.offsets[1:][has] - 1]
    every = np.ones(view.n_entities, np.bool_)
    found = {f"static:{n}": (f, every) for n, f in view.statics.items()}
    found["first"] = (timing.first.encode_values(first), has)
    if view.windowed:
        found["lead"] = (timing.lead.encode_values(np.maximum(first - view.start, 0)), has)
        found["watched"] = (timing.tail.encode_values(np.maximum(view.end - first, 0)), has)
    columns = [_spread(order_of(f), h) for f, h in found.values()]
    copula = merge_copula(list(found), [sums(columns)])
    return {
        "names": copula.names,
        "correlation": copula.correlation,
        "rows": {n: np.bincount(f.choice[h], minlength=f.choices) for n, (f, h) in found.items()},
        "valued": {n: f.continuous for n, (f, _) in found.items()},
        "empty": float(np.mean(~has)),
    }


def draw_once(
    state: dict[str, Any], encoder: Encoder, streams: Streams, given: dict[str, Field] | None
) -> tuple[dict[str, Field], NDArray[np.float64], dict[str, NDArray[np.float64]]]:
    """Statics, first times (NaN for an entity without rows), and the window's parts by name."""
    timing = encoder.timing
    margins = {n: Margin(state["rows"][n], state["valued"][n]) for n in state["names"]}
    u = streams.purpose("places").uniform(len(margins) + 1)
    place = {n: u[:, j] for j, n in enumerate(margins)}
    known = {
        f"static:{n}": margins[f"static:{n}"].score(f, place[f"static:{n}"]) for n, f in (given or {}).items()
    }
    score = Copula(state["names"], state["correlation"]).draw(streams.purpose("once"), known)
    fields = {n: margins[n].field(n.removeprefix("static:"), score[n], place[n]) for n in margins}
    statics = {n.removeprefix("static:"): f for n, f in fields.items() if n.startswith("static:")}
    statics.update(given or {})
    begin = timing.first.decode_values(fields["first"])
    begin[u[:, -1] < state["empty"]] = np.nan
    window = {
        name: np.nan_to_num(encoding.decode_values(fields[name]))
        for name, encoding in (("lead", timing.lead), ("watched", timing.tail))
        if name in fields
    }
    return statics, begin, window


def _spread(values: NDArray[np.float64], known: NDArray[np.bool_]) -> NDArray[np.float64]:
    out = np.full(len(known), np.nan)
    out[known] = values[known]
    return out
