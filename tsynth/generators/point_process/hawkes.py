"""`Hawkes`: events that excite later ones, values by code, gap and memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from tsynth.data.encoding import Field, Rows
from tsynth.data.streams import Streams
from tsynth.errors import UsageError
from tsynth.generators.point_process import jitter, onces, without_data
from tsynth.generators.point_process.covariates import Design
from tsynth.generators.point_process.event_generator import EventGenerator
from tsynth.generators.point_process.excitation.simulation import Sizes
from tsynth.generators.point_process.hawkes_asked import Asked, check_count
from tsynth.generators.point_process.hawkes_diagnosis import judged, told
from tsynth.generators.point_process.hawkes_fit import learn_process
from tsynth.generators.point_process.hawkes_forecast import History
from tsynth.generators.point_process.hawkes_parameters import (
    process_from_state,
    process_of,
    process_to_state,
)
from tsynth.generators.point_process.hawkes_paths import Paths, batched
from tsynth.generators.point_process.windows import check_windows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from tsynth.data.schema import Schema
    from tsynth.data.sequences import Sequences
    from tsynth.generators.point_process.excitation.process import (
        Baseline,
        Events,
        Exponentials,
        Histogram,
        PowerLaw,
    )

__all__ = ["Hawkes"]

REMEMBERED = 100
"""Last rows of each entity that its new values remember; all of them where a running total is known."""


class Hawkes(EventGenerator):
    """Events that make later events likelier: clusters, aftershocks, bursts of payments; with values beside them.

    Each event raises the intensity of every type of event for a while: intensity of type i is a baseline plus the sum
    over earlier events of a kernel of their type, age and (on request) size. The type of an event is the column with
    role "mark", else a few categories together. Sequences have windows: those of the entity table (columns start and
    end), else from the first event to the end of the data, else to the last event; they may differ in rate by a
    gamma factor of their own. Values beside events follow `tsynth.generators.values`; statics, first event and rate a
    Gaussian copula. All numbers of the process are fitted by maximum likelihood, with standard errors.

    Choose `markov_renewal` where order decides (a fee after a payment, a discharge after an admission) or rows are due
    on days of the month, and `poisson` where events do not touch one another.

    Parameters
    ----------
    kernel : {"exponential", "sum", "power_law", "etas", "nonparametric"}
        How excitation fades: by one exponential, by `components` of them, as ``(1 + t / c)^-p``, so with the event's
        size as a factor (ETAS), or as steps found by expectation and maximisation.
    decay : float or array, optional
        Of the exponentials, per `time_unit` of the schema; fitted where not given.
    decays : {"shared", "pair"}
        One decay for all pairs of types or one each.
    components : int
        Exponentials of kernel "sum".
    baseline : {"auto", "constant", "hour", "hour_of_week", "weekday", "month", "piecewise"}
        How the rate of events that nothing excited changes in time; "auto" takes the season that foretells events.
    covariates : sequence of str, "auto" or None
        Static columns that multiply the baseline by ``exp(x @ coefficients)``; "auto" takes all.
    size : str, optional
        Numeric column of the events that drives how much they excite, by ``exp(power * size)``.
    link : {"linear", "softplus", "rectified"}
        All but "linear" let events inhibit.
    penalty : {"l1", "group"}, optional
        On the excitation; by itself "l1" where there are more than 60 types.
    strength : float, optional
        Of the penalty; chosen where not given.
    stable : bool
        Keep the spectral radius of the branching matrix below 1, so that no sequence explodes.
    ties : {"auto", "jitter", "keep"}
        Events at one time are spread within the lattice step of time, or kept as one batch that a chain fills.
    window : {"auto", "given", "whole", "entry", "own"}
        From where to where a sequence is observed; see `tsynth.generators.point_process.windows.choose`.
    frailty : bool
        Whether sequences may differ in rate; under the linear link only. Where sequences are short (some 20 events)
        factors take part of the clusters, and excitation comes out too low.

    Attributes
    ----------
    process_, fit_ : dict
        The process, and its estimates, standard errors, log-likelihood and messages.
    frailty_ : dict
        Variance of the gamma factors, and how sequences end.
    coding_, beside_, once_, ties_, covariates_, opening_, sizes_ : dict or array
        What else was learned, as plain values and arrays.

    References
    ----------
    Hawkes (1971), Spectra of some self-exciting and mutually exciting point processes, Biometrika 58(1).
    Ogata (1988), Statistical models for earthquake occurrences and residual analysis, JASA 83(401).

    Examples
    --------
    Payments of which each makes another likelier for about a day; nothing is learned, all is given.

    >>> import tsynth
    >>> from tsynth import Column, Schema
    >>> schema = Schema((Column("card", kind="identifier", role="entity", static=True, dtype="int64"),
    ...                  Column("day", role="time")), time_unit="d")
    >>> cards = tsynth.Hawkes.from_parameters(schema, baseline=0.1, adjacency=0.6, decay=1.0, window=(0, 365))
    >>> cards.diagnose()["radius"]
    0.6
    >>> made = cards.sample(400, seed=1)
    >>> bool(80 < made.n_rows / 400 < 102)             # 0.1 / (1 - 0.6) a day: 91
    True
    """

    name: ClassVar[str] = "hawkes"
    cannot_keep: ClassVar[tuple[str, ...]] = (
        "the order of types beyond what excitation gives: a row that must follow another may come without it",
        "rows that are due on a day (rents, interest), and silence after a row, unless a link lets events inhibit",
        "types that come once at most (a badge, a first visit): excitation may bring them again",
        "what rows do to the values of later rows beyond the last few of a type",
        "how the mix of types differs between entities: only their rate does",
        "which party goes with which price, place or time",
    )

    process_: dict[str, Any]
    fit_: dict[str, Any]
    frailty_: dict[str, Any]
    covariates_: dict[str, Any]
    opening_: NDArray[np.float64]
    sizes_: dict[str, Any]

    def __init__(
        self,
        kernel: str = "exponential",
        decay: float | Sequence[float] | None = None,
        decays: str = "shared",
        components: int = 3,
        baseline: str = "auto",
        covariates: Sequence[str] | str | None = None,
        size: str | None = None,
        link: str = "linear",
        penalty: str | None = None,
        strength: float | None = None,
        stable: bool = False,
        ties: str = "auto",
        window: str = "auto",
        frailty: bool = True,
    ) -> None:
        self.kernel = kernel
        self.decay = decay
        self.decays = decays
        self.components = components
        self.baseline = baseline
        self.covariates = covariates
        self.size = size
        self.link = link
        self.penalty = penalty
        self.strength = strength
        self.stable = stable
        self.ties = ties
        self.window = window
        self.frailty = frailty

    # -- learning

    def _asked(self) -> Asked:
        parameters = self.get_params()
        return Asked(**{n: parameters[n] for n in Asked.__dataclass_fields__})

    def _check(self, data: Sequences) -> None:
        self._asked().check(data.schema, data)
        check_windows(data)

    def _learn(self, view: Rows, streams: Streams) -> dict[str, Any]:
        return {**super()._learn(view, streams), "size": self._sizes(view)}

    def _sizes(self, view: Rows) -> NDArray[np.float64] | None:
        """What drives each row's excitation, (R,)."""
        return None if self.size is None else self._numbers(view.fields[self.size])

    def _numbers(self, field: Field) -> NDArray[np.float64]:
        encoding: Any = self.encoder_.encodings[field.name]
        numbers: NDArray[np.float64] = encoding.decode_values(field)
        return numbers

    def _merge(self, states: list[dict[str, Any]]) -> None:
        found = self._gathered(states)
        size = None if self.size is None else np.concatenate([s["size"] for s in states])
        learned = learn_process(
            self._asked(), self.encoder_, found, size, labels=self._labels(), seed=self._seed,
            calendar=self._calendar(), progress=self._progress,
        )  # fmt: skip
        self.process_, self.fit_ = process_to_state(learned.process), learned.fit
        self.ties_, self.frailty_ = learned.ties, learned.frailty
        self.covariates_, self.opening_, self.sizes_ = learned.covariates, learned.opening, learned.sizes
        once = onces.Once.of(
            found.entities,
            found.window,
            learned.extras,
            schema=self.bare_schema_,
            step=self.encoder_.time_step_,
        )
        self.once_ = once.to_state()

    # -- from parameters alone

    @classmethod
    def from_parameters(
        cls,
        schema: Schema,
        *,
        baseline: ArrayLike | Baseline,
        adjacency: ArrayLike | None = None,
        decay: ArrayLike | None = None,
        kernel: Exponentials | PowerLaw | Histogram | None = None,
        link: str = "linear",
        window: tuple[Any, Any] | None = None,
        size: str | None = None,
        sizes: ArrayLike | None = None,
        frailty: float = 0.0,
    ) -> Self:
        """A generator of which all is given and nothing learned; `sample`, `simulate` and `forecast` work.

        Parameters
        ----------
        schema : Schema
            A time, an entity and, where there are several types, a column with role "mark" with one level a type.
        baseline : float, (M,) array or Baseline
            Events of each type per `time_unit` that nothing excited.
        adjacency : float, (M, M) or (K, M, M) array, optional
            Children of type i (row) of one event of type j (column): the integral of the kernel, jump / decay.
        decay : float, (K,), (M, M) or (K, M, M) array, optional
            Per `time_unit`.
        kernel : Exponentials, PowerLaw or Histogram, optional
            In place of `adjacency` and `decay`; from `tsynth.generators.point_process.excitation.process`.
        link : {"linear", "softplus", "rectified"}
        window : (start, end), optional
            Numbers of time units or dates; where not given, from 0 for as long as gives 100 events on the average.
        size : str, optional
            Column that holds what drives excitation, where the kernel has a `power`.
        sizes : array, optional
            Sizes that events may have, each equally likely.
        frailty : float
            Variance of the gamma factors by which sequences differ in rate; 0: they are alike.

        Raises
        ------
        UsageError
            Parameters, types and columns do not go together, or the window has no end for a process that explodes.
        """
        process = process_of(baseline, adjacency, decay, kernel, link)
        self = cls(size=size, link=link, frailty=frailty > 0)
        for name, value in without_data.learned(process, schema, window, size, sizes, frailty).items():
            setattr(self, name, value)
        return self

    # -- making

    def simulate(
        self,
        n: int,
        *,
        end: float | ArrayLike | None = None,
        start: float | ArrayLike = 0.0,
        seed: int = 0,
        first: int = 0,
        most: int | None = None,
        tree: bool = False,
    ) -> Events:
        """Bare events as flat arrays, at the speed of the loop: no values, no frame.

        Parameters
        ----------
        n : int
            Sequences.
        end, start : float or (n,) array, optional
            Window, in time units; that of `from_parameters` where no end is given.
        seed, first : int
            Sequence i depends on the seed and the number ``first + i`` alone.
        most : int, optional
            Events at which a sequence stops.
        tree : bool
            Keep `parent` (row of the event that excited it, -1 for an immigrant) and `generation`.

        Returns
        -------
        Events
            `offsets`, `times`, `types`, `start`, `end`, and what was asked for.
        """
        self._fitted()
        check_count(n, "n")
        if end is None:
            if "fixed" not in self.once_:
                raise UsageError("simulate needs an end", fix="give end, in time units, or use sample")
            start, end = self.once_["fixed"]
        paths = self._paths(Streams(seed, f"simulate:{self.name}", range(first, first + int(n))))
        return paths.draw(start, end, paths.scale(), most=most, tree=tree)

    def _paths(self, streams: Streams) -> Paths:
        sizes = Sizes(**self.sizes_) if self.sizes_ else None
        return Paths(process_from_state(self.process_), streams, self.frailty_, self.opening_, sizes)

    def _sample(self, entities: range, streams: Streams, conditions: dict[str, Field] | None) -> Rows:
        paths = self._paths(streams)
        if "fixed" in self.once_:
            start, end = (np.full(len(entities), x) for x in self.once_["fixed"])
            events = paths.draw(start, end, paths.scale())
            statics, score = dict(conditions or {}), {}
        else:
            drawn = self._once().draw(streams, conditions)
            statics, score = drawn.statics, drawn.score
            scale = paths.factors(drawn, self._by_covariates(statics, len(entities)))
            events = paths.sequences(drawn, scale, self._ties())
        offsets, time, code, fixed = self._filled(events, streams)
        end = np.maximum(events.end, events.start)
        return self._rows(offsets, time, code, events.start, end, statics, score, streams, fixed)

    def _ties(self) -> jitter.Ties:
        return jitter.Ties(**self.ties_["ties"])

    def _by_covariates(self, statics: dict[str, Field], entities: int) -> NDArray[np.float64]:
        """What static columns multiply the baseline with, (N,)."""
        if not self.covariates_:
            return np.ones(entities)
        design = Design.from_state(self.covariates_["design"])
        return np.asarray(np.exp(design.matrix(statics, entities) @ self.covariates_["coefficients"]))

    def _filled(
        self, events: Events, streams: Streams
    ) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int32], dict[str, Field]]:
        """Offsets, times, types and sizes of the rows of events."""
        offsets, time, code, event = batched(events, self.ties_, streams)
        fixed = {}
        if events.size is not None and self.size is not None:
            encoding: Any = self.encoder_.encodings[self.size]
            fixed[self.size] = encoding.encode_values(events.size[event])
        return offsets, time, code, fixed

    # -- going on

    def _forecast(self, view: Rows, horizon: float, paths: int, streams: Streams) -> Rows:
        """New rows after each entity's window: to the end of the history where entities share a clock, else to their
        last row. Where sequences end after a number of rows, they are taken to go on.
        """
        if isinstance(horizon, int):
            horizon = horizon * self.encoder_.timing.typical_
        history = History.of(view, self._coding(), self._ties(), self.frailty_, self._sizes(view), streams)
        process = process_from_state(self.process_)
        by = self._by_covariates(view.statics, view.n_entities)
        scale = history.factors(process, by, float(self.frailty_["variance"]), paths)
        many = history.times(paths)
        drawn = self._paths(many.streams)
        begin = many.events.end
        made = drawn.draw(
            begin, begin + horizon, scale, most=int(self.frailty_["most"]) or None, history=many.events
        )
        offsets, time, code, fixed = self._filled(made, many.streams)
        return self._rows_after(
            view, many.whose, offsets, time, code, made.start, np.maximum(made.end, made.start),
            many.streams.purpose("values"), many.streams.purpose("opening"), REMEMBERED, fixed,
        )  # fmt: skip

    # -- telling

    def diagnose(self, holdout: Sequences | None = None) -> dict[str, Any]:
        """What was learned, and how well it describes a holdout.

        Parameters
        ----------
        holdout : Sequences, optional
            Sequences that were not learned from.

        Returns
        -------
        dict
            `parameters`: estimate and standard error by name. `radius` (of events with the mean factor of their sizes),
            `stable`, `sentences`. `iterations`,
            `converged`, `log_likelihood`, `window`, `ties`, `frailty`. With a holdout `time_rescaling`, `residuals`,
            `branching`, `dispersion` and `next_event` too; see `tsynth.generators.point_process.excitation.diagnosis`.
        """
        found = super().diagnose(holdout)
        parts = [
            told(
                process_from_state(self.process_),
                self.fit_,
                self.frailty_,
                Sizes(**self.sizes_) if self.sizes_ else None,
            )
        ]
        if holdout is not None:
            parts.append(self._judged(holdout))
        for part in parts:
            found |= {**part, "sentences": [*found["sentences"], *part["sentences"]]}
        return found

    def _judged(self, holdout: Sequences) -> dict[str, Any]:
        bare = self.constraints_.remove(holdout)
        check_windows(bare)
        view = self._view(bare)
        by = self._by_covariates(view.statics, view.n_entities)
        return judged(
            self, view, by, self._sizes(view), Streams(0, f"diagnose:{self.name}", range(view.n_entities))
        )
