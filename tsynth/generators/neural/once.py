"""What an entity has once: statics, its first time, what is left before and after its rows; a Gaussian copula."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tsynth.data.encoding import Field, Rows
from tsynth.data.encoding.base import threshold
from tsynth.data.encoding.sketch import compress, summarise
from tsynth.data.encoding.timing import Lengths
from tsynth.data.schema import Column
from tsynth.generators.copula import Copula, Margin, merge_copula, order_of, sums

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsynth.data.encoding import Encoder
    from tsynth.data.streams import Streams

__all__ = [
    "draw_once",
    "learn_once",
    "once_fields",
    "watched_encoding",
    "watched_lengths",
    "window_encodings",
]


def learn_once(view: Rows, encoder: Encoder) -> dict[str, Any]:
    """Margins and the copula of what entities have once, as plain values and arrays."""
    watched = None
    if view.windowed:
        watched, (length, entity) = watched_encoding(encoder), watched_lengths(view)
        watched.fit_sketch(compress(summarise(length, entity)), threshold(view.n_entities))
    found = once_fields(view, encoder, watched)
    columns = [_spread(order_of(f), h) for f, h in found.values()]
    copula = merge_copula(list(found), [sums(columns)])
    made = {
        "names": copula.names,
        "correlation": copula.correlation,
        "rows": {n: np.bincount(f.choice[h], minlength=f.choices) for n, (f, h) in found.items()},
        "valued": {n: f.continuous for n, (f, _) in found.items()},
        "empty": float(np.mean(np.diff(view.offsets) == 0)),
    }
    return made if watched is None else made | {"watched": watched.to_state()}


def watched_encoding(encoder: Encoder) -> Lengths:
    """Encoding of the time from the first row to the window's end, yet to be learned."""
    made = Lengths(Column("watched", bounds=(0.0, np.inf)), encoder.schema)
    made.lattice_ = encoder.time_step_
    return made


def watched_lengths(view: Rows) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Time from the first row to the window's end of each entity that has rows, and its number."""
    living = np.flatnonzero(np.diff(view.offsets) > 0)
    return np.maximum(view.end[living] - view.time[view.offsets[:-1][living]], 0.0), living


def once_fields(
    view: Rows, encoder: Encoder, watched: Lengths | None
) -> dict[str, tuple[Field, NDArray[np.bool_]]]:
    """Fields with one value an entity, and the entities that have it; `watched` where there are windows."""
    timing = encoder.timing
    has = np.diff(view.offsets) > 0
    first = np.full(view.n_entities, np.nan)
    first[has] = view.time[view.offsets[:-1][has]]
    every = np.ones(view.n_entities, np.bool_)
    found = {f"static:{n}": (f, every) for n, f in view.statics.items()}
    found["first"] = (timing.first.encode_values(first), has)
    if watched is not None:
        found["lead"] = (timing.lead.encode_values(np.maximum(first - view.start, 0)), has)
        found["watched"] = (watched.encode_values(np.maximum(view.end - first, 0)), has)
    return found


def window_encodings(state: dict[str, Any], encoder: Encoder) -> dict[str, Lengths]:
    """Encodings of the window's parts by name; none where there are no windows."""
    if "watched" not in state:
        return {}
    watched = watched_encoding(encoder)
    watched.restore(state["watched"])
    return {"lead": encoder.timing.lead, "watched": watched}


def draw_once(
    state: dict[str, Any], encoder: Encoder, streams: Streams, given: dict[str, Field] | None
) -> tuple[dict[str, Field], NDArray[np.float64], dict[str, NDArray[np.float64]]]:
    """Statics, first times (NaN for an entity without rows), and the window's parts by name."""
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
    begin = encoder.timing.first.decode_values(fields["first"])
    begin[u[:, -1] < state["empty"]] = np.nan
    window = {
        name: np.nan_to_num(encoding.decode_values(fields[name]))
        for name, encoding in window_encodings(state, encoder).items()
    }
    return statics, begin, window


def _spread(values: NDArray[np.float64], known: NDArray[np.bool_]) -> NDArray[np.float64]:
    out = np.full(len(known), np.nan)
    out[known] = values[known]
    return out
