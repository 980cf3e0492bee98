"""What `Hawkes.diagnose` tells: the fit in numbers and sentences, and how a holdout looks under it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from tsynth.generators.point_process import onces
from tsynth.generators.point_process.coding import Coding
from tsynth.generators.point_process.excitation import diagnosis
from tsynth.generators.point_process.excitation.moments import excitation, sized
from tsynth.generators.point_process.excitation.simulation import Sizes
from tsynth.generators.point_process.hawkes_events import observed
from tsynth.generators.point_process.hawkes_forecast import posterior_factors
from tsynth.generators.point_process.hawkes_parameters import process_from_state
from tsynth.generators.point_process.jitter import Ties
from tsynth.generators.point_process.windows import Window
from tsynth.generators.point_process.without_data import mean_rate

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsynth.data.encoding import Rows
    from tsynth.data.streams import Streams
    from tsynth.generators.point_process.excitation.process import Process
    from tsynth.generators.point_process.hawkes import Hawkes

__all__ = ["judged", "told"]


def told(
    process: Process, fit: dict[str, Any], frailty: dict[str, Any], sizes: Sizes | None = None
) -> dict[str, Any]:
    """The fit in plain values, with sentences on stability, convergence and how sequences differ.

    The radius counts the mean factor of an event's sizes. Under a link other than the linear one the intensity is at
    most that of the excitation without the inhibition, so the process is stable where its radius is below 1.
    """
    process = sized(process, sizes)
    radius = float(process.radius)
    linear = process.link == "linear"
    bound = radius if linear else float(excitation(process).radius)
    stable = bound < 1
    if not linear:
        tells = (
            "the process is stable" if stable else "the process may explode; use stable=True or short windows"
        )
        said = [
            f"spectral radius {radius:.3g}, that of the excitation without the inhibition {bound:.3g}: {tells}."
        ]
    elif stable:
        said = [f"spectral radius {radius:.3g}: the process is stable{_set_off(process)}."]
    else:
        said = [
            f"spectral radius {radius:.4g}: the process explodes, its rate grows without end; use stable=True, a "
            "baseline that changes in time, or short windows."
        ]
    found: dict[str, Any] = {"radius": radius, "stable": stable}
    if frailty["variance"] > 0:
        said.append(f"sequences differ in rate: a gamma factor with variance {frailty['variance']:.3g}.")
    if fit:
        if not fit["converged"]:
            said.append(
                f"the fit had not converged after {fit['iterations']} steps; its errors may be wrong."
            )
        said += [f"{line}." for line in (*fit["ties"], f"windows: {fit['window']}", *fit["messages"])]
        found["parameters"] = {
            name: {"estimate": float(x), "error": None if np.isnan(e) else float(e)}
            for name, x, e in zip(fit["names"], fit["estimates"], fit["errors"], strict=False)
        }
        found |= {n: fit[n] for n in ("iterations", "converged", "log_likelihood", "events", "sequences")}
        found["log_likelihood_per_event"] = fit["log_likelihood"] / max(fit["events"], 1)
    found["frailty"] = {"variance": float(frailty["variance"])}
    return {**found, "sentences": said}


def _set_off(process: Process) -> str:
    """Which share of the events others bring about, in a clause."""
    immigrants = float(process.baseline.mean.sum())
    if immigrants <= 0 or not process.kernel.branching.any():
        return ""
    share = 100 * (1 - immigrants / mean_rate(process))
    return f"; in the long run {share:.2g} % of the events are set off by earlier ones, the others come by themselves"


def judged(
    model: Hawkes,
    view: Rows,
    by: NDArray[np.float64],
    size: NDArray[np.float64] | None,
    streams: Streams,
) -> dict[str, Any]:
    """Residuals, dispersion of counts and next-event scores of a holdout's events under the process.

    Where sequences differ in rate each has the mean factor that its own events tell, which makes the residuals look a
    little better than they are. A window that ends with the data ends with the data of the holdout.

    Parameters
    ----------
    model : Hawkes
    view : Rows
    by : float64 array, (N,)
        What covariates multiply the baseline with.
    size : float64 array, (R,), optional
    streams : Streams
    """
    process = process_from_state(model.process_)
    coding, variance = Coding.from_state(model.coding_), float(model.frailty_["variance"])
    span = (float(view.time.min(initial=0.0)), float(view.time.max(initial=0.0)))
    window = Window("given", opened=False, closed=False, span=span, shared=False, why="")
    if "fixed" not in model.once_:
        window = replace(Window.from_state(model.once_["window"]), span=span)
    found = onces.gather([onces.learn(view, {})])
    code = coding.known(view).astype(np.int64)
    ties = Ties(**model.ties_["ties"])
    seen = observed(view.time, code, size, coding.codes, found, window, ties, streams)
    scale = by
    if variance > 0:
        shape, rate = posterior_factors(process, seen.events, by, variance)
        scale = by * shape / rate
    errors, fit = None, model.fit_
    if fit:
        errors = diagnosis.branching_errors(process, fit["names"], fit["errors"][: len(fit["names"])])
    result: dict[str, Any] = diagnosis.diagnose(
        process, seen.events, scale, key=streams.purpose("draws").key, errors=errors,
        sizes=Sizes(**model.sizes_) if model.sizes_ else None, prior=by, variance=variance,
        labels=coding.labels(model.encoder_),
    )  # fmt: skip
    return result
