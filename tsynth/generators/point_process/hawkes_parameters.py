"""Parameters of a Hawkes process as a person writes them, checked; a process as plain values and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tsynth.errors import UsageError
from tsynth.generators.point_process.excitation.asked import LINKS
from tsynth.generators.point_process.excitation.process import (
    Baseline,
    Exponentials,
    Histogram,
    PowerLaw,
    Process,
)
from tsynth.generators.point_process.excitation.seasons import baseline_of, check_baseline

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from tsynth.data.schema import Schema

    Kernel = Exponentials | PowerLaw | Histogram

__all__ = ["check_process", "check_size", "process_from_state", "process_of", "process_to_state"]

_KERNELS: dict[str, type[Exponentials] | type[PowerLaw] | type[Histogram]] = {
    "exponentials": Exponentials,
    "power_law": PowerLaw,
    "histogram": Histogram,
}


def process_of(
    baseline: ArrayLike | Baseline,
    adjacency: ArrayLike | None = None,
    decay: ArrayLike | None = None,
    kernel: Kernel | None = None,
    link: str = "linear",
) -> Process:
    """A process from its parameters.

    Parameters
    ----------
    baseline : float, (M,) array or Baseline
        Immigrants of each type per unit of time.
    adjacency : (M, M) or (K, M, M) array, optional
        Children of type i (row) of one event of type j (column): the integral of the kernel, jump / decay. A number
        where there is one type; 0 where neither it nor `kernel` is given.
    decay : float, (K,), (M, M) or (K, M, M) array, optional
        Per unit of time; with `adjacency` only.
    kernel : Exponentials, PowerLaw or Histogram, optional
        In place of `adjacency` and `decay`.
    link : {"linear", "softplus", "rectified"}

    Raises
    ------
    UsageError
        Shapes do not go together; a rate or decay is not a positive number; an excitation is below 0 under the
        linear link.
    """
    made = baseline_of(baseline)
    size = made.types
    if kernel is None:
        kernel = _exponentials(adjacency, decay, size)
    elif adjacency is not None or decay is not None:
        raise UsageError("kernel stands in place of adjacency and decay", fix="give one of them")
    return check_process(Process(made, kernel, link))


def _exponentials(adjacency: ArrayLike | None, decay: ArrayLike | None, size: int) -> Exponentials:
    if adjacency is None:
        return Exponentials(np.zeros((1, size, size)), np.ones((1, 1, 1)))
    matrix = _numbers(adjacency, "adjacency", 2)
    matrix = matrix[None] if matrix.ndim == 2 else matrix
    if matrix.ndim != 3 or matrix.shape[1:] != (size, size):
        raise UsageError(
            f"adjacency has shape {np.shape(adjacency)}, but the baseline has {size} types",
            fix=f"give ({size}, {size}) numbers, or (K, {size}, {size}) for K components",
        )
    if decay is None:
        raise UsageError("adjacency needs a decay", fix="give decay, per unit of time")
    rates = _numbers(decay, "decay", 0)
    components = len(matrix)
    if rates.ndim == 0:
        rates = np.full((components, 1, 1), float(rates))
    elif rates.shape == (components,):
        rates = rates.reshape(components, 1, 1)
    elif rates.shape == (size, size) and components == 1:
        rates = rates[None]
    if rates.shape not in ((components, 1, 1), (components, size, size)):
        raise UsageError(
            f"decay has shape {np.shape(decay)}, which does not go with {components} components of {size} types",
            fix="give one number, one a component, or one a pair of types",
        )
    return Exponentials(matrix, rates)


def _numbers(x: ArrayLike, name: str, least: int) -> NDArray[np.float64]:
    try:
        out = np.array(x, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise UsageError(f"{name} must be numbers, not {x!r}") from error
    return out.reshape((1,) * (least - out.ndim) + out.shape) if out.ndim < least else out


def check_process(process: Process) -> Process:
    """The process, where its numbers make sense.

    Raises
    ------
    UsageError
        They do not; the message names the parameter.
    """
    kernel, size = process.kernel, process.types
    if process.link not in LINKS:
        raise UsageError(f"link must be one of {', '.join(LINKS)}, not {process.link!r}")
    check_baseline(process.baseline)
    if isinstance(kernel, Exponentials):
        shapes, positive = {"adjacency": kernel.adjacency}, {"decay": kernel.decay}
    elif isinstance(kernel, PowerLaw):
        shapes, positive = {"jump": kernel.jump}, {"c": np.array(kernel.c), "p": np.array(kernel.p)}
    else:
        shapes, positive = {"height": kernel.height}, {"steps between edges": np.diff(kernel.edges)}
    for name, x in shapes.items():
        if x.shape[-2:] != (size, size):
            raise UsageError(f"{name} has shape {x.shape}, but the baseline has {size} types")
        if not np.all(np.isfinite(x)):
            raise UsageError(f"{name} must be finite numbers")
        if process.link == "linear" and np.any(x < 0):
            raise UsageError(
                f"{name} is below 0, and an intensity under the linear link would be too",
                fix='use link="softplus" or "rectified" for inhibition',
            )
    for name, x in positive.items():
        if not (np.all(np.isfinite(x)) and np.all(x > 0)):
            raise UsageError(f"{name} must be above 0", fix="give it per unit of time")
    return process


def check_size(schema: Schema, size: str) -> None:
    """Refuse a size that is no numeric column of the events.

    Raises
    ------
    UsageError
        It says which columns would do.
    """
    able = [c.name for c in schema.dynamic if c.kind in ("continuous", "count")]
    if size in able:
        return
    wrong = "is not a number that each event has" if size in schema else "is the name of no column"
    fix = (
        f"name one of {', '.join(able)}" if able else "leave size out: no column of the events holds numbers"
    )
    raise UsageError(f"size={size!r} {wrong}", fix=fix)


def process_to_state(process: Process) -> dict[str, Any]:
    """Plain values and arrays."""
    kind = next(name for name, k in _KERNELS.items() if isinstance(process.kernel, k))
    return {
        "baseline": dict(vars(process.baseline)),
        "kind": kind,
        "kernel": dict(vars(process.kernel)),
        "link": process.link,
    }


def process_from_state(state: dict[str, Any]) -> Process:
    """The process whose `process_to_state` this was."""
    return Process(
        Baseline(**state["baseline"]), _KERNELS[state["kind"]](**state["kernel"]), str(state["link"])
    )
