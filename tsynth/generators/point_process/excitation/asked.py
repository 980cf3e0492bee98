"""What a fit is asked and what it answers."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from tsynth.errors import DataError, UsageError
from tsynth.generators.point_process.excitation.process import Baseline

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from numpy.typing import NDArray

    from tsynth.generators.point_process.excitation.process import Events, Process

__all__ = ["KERNELS", "LINKS", "NAMED", "Asked", "Fit", "named"]

KERNELS = ("exponential", "sum", "power_law", "etas", "nonparametric")
LINKS = ("linear", "softplus", "rectified")
NAMED = 10
"""Types that a message names, at most."""


@dataclass
class Fit:
    """A fitted process and how sure it is.

    Parameters
    ----------
    process : Process
    log_likelihood : float
        Without penalties.
    names : list of str
        Of the parameters: ``level[i]`` (``rate[b,i]`` where there are cells), ``adjacency[k,i,j]`` of target i and
        parent j, ``decay[k]`` (``decay[i,j]``), ``power``, ``coefficient[p]``, ``factor[b]``.
    estimates, errors : float64 array
        One a name; a standard error is NaN where the parameter lies at a bound, was given, or the events say
        nothing of it.
    coefficients : float64 array, (P,)
        Of the covariates.
    iterations : int
    converged : bool
    radius : float
        Spectral radius of the branching matrix.
    messages : list of str
    """

    process: Process
    log_likelihood: float
    names: list[str]
    estimates: NDArray[np.float64]
    errors: NDArray[np.float64]
    coefficients: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    iterations: int = 0
    converged: bool = True
    radius: float = 0.0
    messages: list[str] = field(default_factory=list)


@dataclass
class Asked:
    """The arguments of `tsynth.generators.point_process.excitation.fitting.fit`."""

    types: int
    kernel: str = "exponential"
    decay: float | NDArray[np.float64] | None = None
    decays: str = "shared"
    components: int = 1
    baseline: Baseline | None = None
    covariates: NDArray[np.float64] | None = None
    penalty: str | None = None
    strength: float | str = 0.0
    groups: NDArray[np.int64] | None = None
    link: str = "linear"
    stable: bool = False
    power: float | None = 0.0
    reference: float = 0.0
    progress: Callable[[int, float], Any] | None = None
    scale: NDArray[np.float64] | None = None
    labels: Sequence[str] | None = None

    def never_seen(self, seen: NDArray[Any]) -> list[str]:
        """What to say of types without events, where there are any, from the number of events of each."""
        silent = np.flatnonzero(seen == 0)
        if not len(silent):
            return []
        names = named(silent[:NAMED], self.labels) + (", ..." if len(silent) > NAMED else "")
        return [f"types never seen, so no rate was learned of them: {names}"]

    def checked(self, events: Events) -> Asked:
        """The same with arrays in place, or an error that says which argument is wrong."""
        _one_of("kernel", self.kernel, KERNELS)
        _one_of("link", self.link, LINKS)
        _one_of("decays", self.decays, ("shared", "pair"))
        _one_of("penalty", self.penalty, (None, "l1", "group"))
        if self.types < 1:
            raise UsageError(f"types must be 1 or more, not {self.types}")
        if events.n_events == 0:
            raise DataError("there is no event at all, so no rate can be learned", fix="give events")
        if not np.any(events.end > events.start):
            raise DataError("every window has length 0", fix="give each sequence the time that was observed")
        if isinstance(self.strength, str) and self.strength != "auto":
            raise UsageError(f'strength must be a number or "auto", not {self.strength!r}')
        if not isinstance(self.strength, str) and not self.strength >= 0:
            raise UsageError(f"strength must not be negative, not {self.strength!r}")
        if self.strength == "auto" and self.penalty is None:
            raise UsageError('strength="auto" needs a penalty', fix='use penalty="l1" or "group"')
        if self.decays == "pair" and (self.kernel == "sum" or self.penalty == "group" or self.power is None):
            raise UsageError(
                'decays="pair" goes with one component, a given power and the penalty "l1"',
                fix='use decays="shared"',
            )
        if (self.power is None or self.power != 0.0) and events.size is None:
            raise UsageError("power needs the events' size", fix="give events a size, or power=0")
        baseline = Baseline(np.ones(self.types)) if self.baseline is None else self.baseline
        edges, factors = np.asarray(baseline.edges, np.float64), np.asarray(baseline.factors)
        if (
            len(edges) != len(factors) + 1
            or factors.shape[1] not in (1, self.types)
            or np.any(np.diff(edges) <= 0)
        ):
            raise UsageError(
                f"a baseline with {len(edges)} edges and factors of shape {factors.shape} does not go with "
                f"{self.types} types",
                fix="rising edges (B + 1,) and factors (B, types) or (B, 1)",
            )
        covariates = self.covariates
        if covariates is not None:
            covariates = np.ascontiguousarray(covariates, np.float64).reshape(events.n_sequences, -1)
            _check_covariates(covariates)
        return replace(self, baseline=baseline, covariates=covariates, decay=self._decay())

    def _decay(self) -> NDArray[np.float64] | None:
        if self.decay is None:
            if self.kernel == "sum" and self.components < 2:
                raise UsageError("a sum of fitted decays needs components=2 or more")
            return None
        decay = np.asarray(self.decay, np.float64)
        shape = (self.types, self.types) if self.decays == "pair" else (decay.size,)
        if not (np.all(np.isfinite(decay)) and np.all(decay > 0)) or (self.kernel == "exponential" and
                self.decays == "shared" and decay.size != 1):  # fmt: skip
            raise UsageError(f"decay must be positive, of one number or (K,) for a sum, not {self.decay!r}")
        out: NDArray[np.float64] = np.broadcast_to(
            decay.reshape(-1) if self.decays == "shared" else decay, shape
        )
        return np.ascontiguousarray(out)


def named(types: Iterable[int], labels: Sequence[str] | None) -> str:
    """Types by their names, or by their numbers where they have none."""
    return ", ".join(str(m) if labels is None else labels[m] for m in types)


def _one_of(name: str, value: Any, known: tuple[Any, ...]) -> None:
    if value not in known:
        raise UsageError(f"{name} must be one of {', '.join(map(repr, known))}, not {value!r}")


def _check_covariates(x: NDArray[np.float64]) -> None:
    for p in range(x.shape[1]):
        if not np.all(np.isfinite(x[:, p])):
            raise DataError(f"covariate {p} is missing or not finite in sequence "
                            f"{int(np.argmin(np.isfinite(x[:, p])))}", fix="fill it")  # fmt: skip
        before = np.column_stack([np.ones(len(x)), x[:, : p + 1]])
        scale = np.maximum(np.abs(before).max(axis=0), 1e-300)
        if np.linalg.matrix_rank(before / scale) <= p + 1:
            raise UsageError(
                f"covariate {p} is constant or a sum of those before it, so its coefficient is not determined",
                fix="leave it out",
            )
