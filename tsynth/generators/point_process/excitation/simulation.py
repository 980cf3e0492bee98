"""Sampling of event sequences from a point process: many at once, in windows, continued from a history or not."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from tsynth.compiled.hawkes import clusters, paths, thinning, vectors
from tsynth.errors import DataError, ResourceError
from tsynth.generators.point_process.excitation import checks, tables
from tsynth.generators.point_process.excitation.moments import mean_factors
from tsynth.generators.point_process.excitation.process import Events, Exponentials, PowerLaw
from tsynth.generators.point_process.excitation.seasons import rates_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike, NDArray

    from tsynth.generators.point_process.excitation.process import Process

__all__ = ["CEILING", "Sizes", "simulate"]

CEILING = 10_000_000
"""Events at which a sequence of a process that explodes is refused, where `most` does not stop it before."""


@dataclass(frozen=True)
class Sizes:
    """Sizes that events of each type may have, each equally likely: ``values[offsets[m]:offsets[m + 1]]``.

    Parameters
    ----------
    offsets : int64 array, (M + 1,)
    values : float64 array
    """

    offsets: NDArray[np.int64]
    values: NDArray[np.float64]

    @classmethod
    def of(
        cls, kinds: NDArray[np.int64], size: NDArray[np.float64], types: int, most: int | None = None
    ) -> Sizes:
        """Sizes that events had, by type, sorted; a type without any has those of all.

        Parameters
        ----------
        kinds, size : arrays, (R,)
        types : int
            Number M.
        most : int, optional
            Quantiles that stand for the sizes of a type with more of them.
        """
        groups = [_few(size[kinds == m] if np.any(kinds == m) else size, most) for m in range(types)]
        offsets = np.concatenate([[0], np.cumsum([len(group) for group in groups])]).astype(np.int64)
        return cls(offsets, np.concatenate(groups))


def _few(size: NDArray[np.float64], most: int | None) -> NDArray[np.float64]:
    if most is None or len(size) <= most:
        return np.sort(size)
    return np.asarray(np.quantile(size, (np.arange(most) + 0.5) / most))


def simulate(
    process: Process,
    start: ArrayLike,
    end: ArrayLike,
    *,
    key: np.uint64,
    entities: NDArray[np.int64],
    scale: ArrayLike | None = None,
    most: int | None = None,
    tree: bool = False,
    history: Events | None = None,
    sizes: Sizes | None = None,
) -> Events:
    """Draw one sequence of events a window, exactly.

    A sequence depends on the process, its own window, scale and history, `key`, its entity number, `tree` and whether
    `most` is given or not; never on the other sequences. Exponential kernels with one decay a component are drawn by
    competing clocks; others, and all with `tree`, as clusters; a link other than "linear" by thinning.

    Parameters
    ----------
    process : Process
    start, end : float64 array, (N,)
        Windows, in the process's unit of time. `end` may be infinite where `most` is given.
    key : uint64
        `tsynth.data.streams.Streams.key`.
    entities : int64 array, (N,)
        Entity numbers; equal numbers get equal draws.
    scale : float64 array, (N,), optional
        Factor of the baseline of each sequence.
    most : int, optional
        Stop a sequence at so many new events. Its window then ends at the last of them.
    tree : bool
        Keep each event's `parent` and `generation`; only with the link "linear".
    history : Events, optional
        N sequences of events up to each `start`. Only new events come back. A parent in row r of the history is
        coded -(r + 2), and its generation is 0 where the history does not know it.
    sizes : Sizes, optional
        Needed where the kernel's `power` is not 0, and drawn only there.

    Returns
    -------
    Events

    Raises
    ------
    UsageError
        The process, windows, scales, history or sizes do not fit one another.
    DataError
        The process explodes: a sequence reached `CEILING` events.
    ResourceError
        The events do not fit into memory.

    Notes
    -----
    With "softplus" the scale of the link is the baseline's level without `scale` and factors.

    References
    ----------
    Hawkes (1971), Spectra of some self-exciting and mutually exciting point processes, Biometrika 58(1).
    Dassios, Zhao (2013), Exact simulation of Hawkes process with exponentially decaying intensity, ECP 18(62).
    Hawkes, Oakes (1974), A cluster process representation of a self-exciting process, J. Appl. Prob. 11(3).
    Ogata (1981), On Lewis' simulation method for point processes, IEEE Trans. Inf. Theory 27(1).
    """
    n = len(entities)
    begin = checks.each(start, n, "start")
    stop = checks.each(end, n, "end")
    factor = checks.each(1.0 if scale is None else scale, n, "scale")
    checks.check_process(process, begin, stop, factor, most, tree)
    checks.check_sizes(process, sizes)
    past = None if history is None else checks.known_history(process, history, begin)
    entities = tables.flat(entities, np.int64)
    draw = _Draw(process, begin, stop, factor, np.uint64(key), entities, most, past, sizes)
    kernel = process.kernel
    if process.link != "linear":
        return draw.thinned()
    if tree or kernel.power != 0 or not (isinstance(kernel, Exponentials) and kernel.shared):
        return draw.clustered(tree)
    if process.types == 1 and len(kernel.adjacency) == 1:
        return draw.path()
    return draw.clocks()


class _Draw:
    """One call of `simulate`, checked: the arrays that all loops take, and how room for rows grows."""

    def __init__(
        self,
        process: Process,
        begin: NDArray[np.float64],
        end: NDArray[np.float64],
        scale: NDArray[np.float64],
        key: np.uint64,
        entities: NDArray[np.int64],
        most: int | None,
        history: Events | None,
        sizes: Sizes | None,
    ) -> None:
        self.process, self.sizes, self.most = process, sizes, most
        self.begin, self.end, self.scale = begin, end, scale
        self.head = (key, entities, begin, end, scale, tables.clock_of(process.baseline))
        if history is None:
            none = np.zeros(0, np.int64)
            history = Events(np.zeros(len(entities) + 1, np.int64), np.zeros(0), none, begin, begin)
        self.history = history
        self.matrix = _children(process, sizes, float(np.max(end - begin, initial=0.0)))

    def path(self) -> Events:
        """One type, one kernel."""
        kernel = self.process.kernel
        decay = float(kernel.decay.reshape(()))  # type: ignore[union-attr]
        jump = float(kernel.adjacency.reshape(())) * decay  # type: ignore[union-attr]
        past = self.history
        excited = paths.remains(past.offsets, past.times, self._factors(), self.begin, jump, decay)

        def loop(first: int, most: int, offsets: Any, rows: list[Any]) -> int:
            return paths.exponential_paths(*self.head, excited, jump, decay, most, first, offsets, *rows)

        offsets, (times,) = self._grow(loop, (np.float64,))
        return self._events(offsets, times, np.zeros(len(times), np.int64))

    def clocks(self) -> Events:
        """Kernels with one decay a component."""
        columns, targets, jumps, decays = tables.columns_of(self.process.kernel)  # type: ignore[arg-type]
        past = (self.history.offsets, self.history.times, self.history.types)
        origin = tables.immigrants_of(self.process.baseline)
        one = len(decays) == 1
        run = vectors.one_clock if one else vectors.many_clocks
        laws = (origin, columns, targets, *((jumps[0], float(decays[0])) if one else (jumps, decays)), past)

        def loop(first: int, most: int, offsets: Any, rows: list[Any]) -> int:
            return run(*self.head, *laws, most, first, offsets, *rows)

        offsets, (times, types) = self._grow(loop, (np.float64, np.int64))
        return self._events(offsets, times, types)

    def clustered(self, tree: bool) -> Events:
        """Any kernel, as clusters."""
        births = tables.births_of(self.process.kernel, self.sizes)
        origin = tables.immigrants_of(self.process.baseline)
        past = self.history
        generations = past.generation if past.generation is not None else np.zeros(past.n_events, np.int64)
        before = (past.offsets, past.times, past.types, self._factors(), generations)
        sized, empty = len(births.sizes) > 0, (np.zeros(0), np.zeros(0, np.int64))

        def loop(first: int, most: int, offsets: Any, rows: list[Any]) -> int:
            rows = list(rows)
            size = rows.pop() if sized else empty[0]
            parent, generation = (rows.pop(), rows.pop()) if tree else (empty[1], empty[1])
            times, types = rows
            return clusters.clusters(
                *self.head,
                origin,
                births,
                before,
                most,
                first,
                offsets,
                times,
                types,
                size,
                parent,
                generation,
            )

        kinds = (
            np.float64,
            np.int64,
            *((np.int64, np.int64) if tree else ()),
            *((np.float64,) if sized else ()),
        )
        offsets, rows = self._grow(loop, kinds)
        size = rows.pop() if sized else None
        parent, generation = (rows.pop(), rows.pop()) if tree else (None, None)
        events = self._events(offsets, rows[0], rows[1])
        return replace(events, size=size, parent=parent, generation=generation)

    def thinned(self) -> Events:
        """A link that is not linear."""
        baseline = self.process.baseline
        drives = tables.drives_of(self.process.kernel, self.sizes)  # type: ignore[arg-type]
        past = (self.history.offsets, self.history.times, self.history.types, self._factors())
        head = (*self.head[:-1], tables.flat(baseline.edges, np.float64))
        link = thinning.SOFTPLUS if self.process.link == "softplus" else thinning.RECTIFIED
        period, phase = float(baseline.period), float(baseline.phase)
        levels = tables.flat(baseline.level, np.float64)
        law = (tables.flat(rates_of(baseline)), period, phase, levels, link, drives, past)
        sized = len(drives.sizes) > 0

        def loop(first: int, most: int, offsets: Any, rows: list[Any]) -> int:
            size = rows[2] if sized else np.zeros(0)
            return thinning.thinned(*head, *law, most, first, offsets, rows[0], rows[1], size)

        offsets, rows = self._grow(loop, (np.float64, np.int64, *((np.float64,) if sized else ())))
        return replace(self._events(offsets, rows[0], rows[1]), size=rows[2] if sized else None)

    def _factors(self) -> NDArray[np.float64]:
        """How many times each past event counts."""
        kernel = self.process.kernel
        if kernel.power == 0:
            return np.ones(self.history.n_events)
        size = self.history.size if self.history.size is not None else np.zeros(0)
        return np.exp(kernel.power * (size - kernel.reference))

    def _grow(
        self, loop: Callable[[int, int, Any, list[Any]], int], kinds: tuple[Any, ...]
    ) -> tuple[NDArray[np.int64], list[Any]]:
        """Run a loop in rooms that grow in place until all sequences are done; returns offsets and rows.

        The first room is the expected one, so that memory is seldom moved; what is not written is never touched.
        """
        begin, end, scale = self.begin, self.end, self.scale
        wanted, stable = tables.expected_events(
            self.process.baseline, self.matrix, begin, end, scale, self.most
        )
        most, refused = self.most, False
        if most is None:
            most, refused = (np.iinfo(np.int64).max // 2, False) if stable else (CEILING, True)
        room = 1024 + int(min(1.05 * wanted + 20 * np.sqrt(wanted), 2e13))
        offsets = np.zeros(len(begin) + 1, np.int64)
        try:
            rows = [np.empty(room, kind) for kind in kinds]
            done = 0
            while True:
                done = loop(done, most, offsets, rows)
                reached = offsets[1 : done + 1] - offsets[:done] >= most if refused else np.zeros(1, bool)
                if done < 0 or reached.any():
                    where = -done - 1 if done < 0 else int(np.argmax(reached))
                    raise DataError(
                        f"the process explodes: entity number {self.head[1][where]} has more events in its window than"
                        f" can be drawn ({CEILING:,} in a sequence, {clusters.CROWD:,} children to come); the spectral"
                        f" radius of its branching matrix is {tables.spectral_radius(self.matrix):.4g}",
                        fix="give `most`, a shorter window, or a process with a spectral radius below 1",
                    )
                if done == len(begin):
                    break
                room += max(room // 2, 1024)
                for row in rows:
                    row.resize(room, refcheck=False)
            for row in rows:
                row.resize(int(offsets[-1]), refcheck=False)
        except MemoryError:
            raise ResourceError(
                f"about {max(wanted, room):,.0f} events do not fit into memory",
                fix="draw fewer entities at once, or shorter windows",
            ) from None
        return offsets, rows

    def _events(self, offsets: NDArray[np.int64], times: Any, types: Any) -> Events:
        end = self.end
        if self.most is not None:
            full = np.flatnonzero(np.diff(offsets) >= self.most)
            end = end.copy()
            end[full] = times[offsets[full + 1] - 1]
        return Events(offsets, times, types, self.begin, end)


def _children(process: Process, sizes: Sizes | None, longest: float) -> NDArray[np.float64]:
    """Children of type i of one event of type j, sizes and the longest window counted, (M, M)."""
    kernel = process.kernel
    if isinstance(kernel, PowerLaw):
        matrix = np.where(kernel.jump > 0, kernel.jump * _omori(longest, kernel.c, kernel.p), 0.0)
    elif isinstance(kernel, Exponentials):
        matrix = np.maximum(kernel.adjacency, 0.0).sum(axis=0)
    else:
        matrix = kernel.branching
    with np.errstate(over="ignore"):
        return matrix * mean_factors(process, sizes)


def _omori(delay: float, c: float, p: float) -> float:
    """As `clusters.omori`; also for an infinite delay."""
    if np.isfinite(delay):
        return float(clusters.omori(delay, c, p))
    return c / (p - 1) if p > 1 else np.inf
