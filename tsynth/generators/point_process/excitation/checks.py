"""Checks of events, and of what `simulate` takes before it draws: each error with its fix."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from tsynth.compiled.hawkes import gathering
from tsynth.errors import DataError, UsageError
from tsynth.generators.point_process.excitation.process import Events, Exponentials, Histogram
from tsynth.generators.point_process.excitation.tables import flat

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from tsynth.generators.point_process.excitation.process import Process
    from tsynth.generators.point_process.excitation.simulation import Sizes

__all__ = ["check_process", "check_sizes", "checked", "each", "known_history"]


def checked(events: Events, types: int) -> Events:
    """The events as contiguous float64 and int64 arrays, each inside its window, in order, of a known type.

    Raises
    ------
    DataError
        Names the sequence, the row and what to do.
    """
    offsets = np.ascontiguousarray(events.offsets, np.int64)
    times, kinds = (
        np.ascontiguousarray(events.times, np.float64),
        np.ascontiguousarray(events.types, np.int64),
    )
    start = np.ascontiguousarray(events.start, np.float64)
    end = np.ascontiguousarray(events.end, np.float64)
    size = None if events.size is None else np.ascontiguousarray(events.size, np.float64)
    n, rows = len(offsets) - 1, len(times)
    whole = n >= 0 and offsets[0] == 0 and offsets[-1] == rows and bool(np.all(np.diff(offsets) >= 0))
    if not whole or len(kinds) != rows or len(start) != n or len(end) != n:
        raise DataError(
            f"offsets, times, types and windows of events do not agree ({n} sequences, {rows} times, "
            f"{len(kinds)} types, {len(start)} starts, {len(end)} ends)",
            fix="offsets run from 0 to the number of events; every sequence has a window",
        )
    what, sequence, row = gathering.fault(offsets, times, kinds, start, end, types)
    if what:
        _raise(what, sequence, row, times, kinds, start, end, types)
    if size is not None and (len(size) != rows or not np.all(np.isfinite(size))):
        raise DataError("sizes of events are missing or not finite", fix="give every event a finite size")
    given = None if events.given is None else np.ascontiguousarray(events.given, np.int64)
    return Events(offsets, times, kinds, start, end, size, given=given)


def _raise(
    what: int,
    sequence: int,
    row: int,
    times: NDArray[np.float64],
    kinds: NDArray[np.int64],
    start: NDArray[np.float64],
    end: NDArray[np.float64],
    types: int,
) -> None:
    window = f"[{start[sequence]:.10g}, {end[sequence]:.10g}]"
    if what == 1:
        raise DataError(f"window {window} of a sequence is empty or not finite", entity=sequence,
                        fix=f"give sequence {sequence} a start before its end")  # fmt: skip
    at = f"sequence {sequence} has an event at {times[row]:.10g} (row {row})"
    if what == 2:
        raise DataError(f"{at}, which is no time", entity=sequence, row=row, fix="remove the row")
    if what == 3:
        raise DataError(f"{at} outside its window {window}", entity=sequence, row=row,
                        fix="widen the window or remove the row")  # fmt: skip
    if what == 4:
        raise DataError(f"{at} after a later one", entity=sequence, row=row, fix="sort each sequence by time")
    raise DataError(f"{at} of type {kinds[row]}, but types run from 0 to {types - 1}", entity=sequence, row=row,
                    fix="count the types or code them anew")  # fmt: skip


def each(value: ArrayLike, n: int, name: str) -> NDArray[np.float64]:
    """One value an entity, (n,), in an array of its own."""
    values = np.asarray(value, np.float64)
    if values.ndim > 1 or (values.ndim == 1 and len(values) != n):
        raise UsageError(f"{name} has shape {values.shape} for {n} entities", fix="give one value an entity")
    if np.isnan(values).any():
        raise UsageError(f"{name} is not a number for an entity", fix="give a number for each")
    return np.array(np.broadcast_to(values, (n,)))


def check_process(
    process: Process,
    begin: NDArray[np.float64],
    end: NDArray[np.float64],
    scale: NDArray[np.float64],
    most: int | None,
    tree: bool,
) -> None:
    """Refuse windows, scales, baselines, kernels and links that do not fit one another."""
    if not np.isfinite(begin).all() or not (end >= begin).all():
        at = int(np.argmax(~(np.isfinite(begin) & (end >= begin))))
        raise UsageError(
            f"window {at} runs from {begin[at]:g} to {end[at]:g}",
            fix="let each window end at or after its start",
        )
    if most is None and not np.isfinite(end).all():
        raise UsageError("a window has no end and no number of events to stop at", fix="give `most`")
    if most is not None and most < 1:
        raise UsageError(f"most = {most} stops before the first event", fix="use most >= 1")
    if not (scale >= 0).all() or not np.isfinite(scale).all():
        raise UsageError(
            "scale is below 0 or not finite for an entity", fix="use finite scales of at least 0"
        )
    if process.link not in ("linear", "softplus", "rectified"):
        raise UsageError(f"no link {process.link!r}", fix='use "linear", "softplus" or "rectified"')
    baseline, kernel = process.baseline, process.kernel
    for name, values in (("level", baseline.level), ("factors", baseline.factors)):
        if not np.isfinite(values).all() or (np.asarray(values) < 0).any():
            raise UsageError(
                f"the baseline's {name} are below 0 or not finite", fix="use numbers of at least 0"
            )
    if process.link != "linear":
        if tree:
            raise UsageError(
                f'events under the link "{process.link}" have no parents', fix="leave `tree` out"
            )
        if not isinstance(kernel, Exponentials):
            raise UsageError(
                f'the link "{process.link}" is drawn only with exponential kernels', fix="use `Exponentials`"
            )
    _check_kernel(process)


def _check_kernel(process: Process) -> None:
    kernel = process.kernel
    types = process.types
    name = "adjacency"
    if isinstance(kernel, Exponentials):
        values = kernel.adjacency
        if not ((kernel.decay > 0) & np.isfinite(kernel.decay)).all():
            raise UsageError("a decay is not above 0 and finite", fix="use decays above 0 per unit of time")
    elif isinstance(kernel, Histogram):
        name, values = "height", kernel.height
        if (
            kernel.edges[0] < 0
            or not (np.diff(kernel.edges) > 0).all()
            or not np.isfinite(kernel.edges).all()
        ):
            raise UsageError("the kernel's edges do not rise from 0", fix="give rising, finite edges")
    else:
        name, values = "jump", kernel.jump
        if not (kernel.c > 0 and kernel.p > 0 and np.isfinite([kernel.c, kernel.p]).all()):
            raise UsageError(
                f"c = {kernel.c:g}, p = {kernel.p:g} are not both above 0", fix="use c > 0 and p > 0"
            )
    if values.shape[-2:] != (types, types):
        raise UsageError(
            f"the kernel's {name} has shape {values.shape} for {types} types",
            fix=f"use (..., {types}, {types})",
        )
    bad = ~np.isfinite(values) | ((values < 0) & (process.link == "linear"))
    if bad.any():
        i, j = (int(v[0]) for v in np.nonzero(bad)[-2:])
        value = values[tuple(v[0] for v in np.nonzero(bad))]
        raise UsageError(
            f"the kernel's {name} of type {i} by events of type {j} is {value:g}",
            fix='use finite numbers of at least 0, or the link "softplus" or "rectified" for inhibition',
        )


def check_sizes(process: Process, sizes: Sizes | None) -> None:
    """Refuse sizes that the kernel needs and that are not there or do not fit."""
    if process.kernel.power == 0:
        return
    if sizes is None:
        raise UsageError("the kernel asks for the size of events and `sizes` is missing", fix="give `sizes`")
    if len(sizes.offsets) != process.types + 1 or sizes.offsets[-1] != len(sizes.values):
        raise UsageError(
            f"sizes have {len(sizes.offsets) - 1} types and the process {process.types}",
            fix="give one group a type",
        )
    if (np.diff(sizes.offsets) < 1).any() or not np.isfinite(sizes.values).all():
        raise UsageError(
            f"type {int(np.argmin(np.diff(sizes.offsets)))} has no sizes, or a size is not finite",
            fix="give each type at least one finite size",
        )


def known_history(process: Process, history: Events, begin: NDArray[np.float64]) -> Events:
    """The history in the loops' dtypes, once it is known to fit."""
    if history.n_sequences != len(begin):
        raise UsageError(
            f"the history has {history.n_sequences} sequences for {len(begin)} windows",
            fix="give one a window",
        )
    offsets = flat(history.offsets, np.int64)
    times = flat(history.times, np.float64)
    kinds = flat(history.types, np.int64)
    late = ~(times <= np.repeat(begin, np.diff(offsets)))
    if late.any():
        row = int(np.argmax(late))
        at = int(np.searchsorted(offsets, row, "right")) - 1
        raise UsageError(
            f"event {row} of the history, at {times[row]:g}, is after the start {begin[at]:g} of window {at}",
            fix="cut the history at each start",
        )
    if len(kinds) and (kinds.min() < 0 or kinds.max() >= process.types):
        raise UsageError(
            f"the history has a type {int(kinds.max() if kinds.min() >= 0 else kinds.min())} and the process "
            f"{process.types} types",
            fix="code the history's types as the process does",
        )
    size = history.size
    if process.kernel.power != 0 and (size is None or len(size) != len(times) or not np.isfinite(size).all()):
        raise UsageError(
            "the kernel asks for the size of past events and the history lacks it", fix="give sizes"
        )
    generation = None if history.generation is None else flat(history.generation, np.int64)
    return replace(history, offsets=offsets, times=times, types=kinds, generation=generation)
