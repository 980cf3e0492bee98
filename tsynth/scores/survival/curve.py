"""Do events come when they should?"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from tsynth.data.sequences import Sequences
from tsynth.scores.parts import CELL, Part, Prepared
from tsynth.scores.pictures import plain
from tsynth.scores.ruler import Ruler
from tsynth.scores.survival.followup import FollowUp, SurvivalScore, followup, groups, moment
from tsynth.scores.weights import Counts
from tsynth.scores.words import share

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsynth.data.streams import Streams

__all__ = ["SurvivalCurve", "area", "incidence", "steps", "survival", "tables"]

STEPS, DRAWN, CAUSES = 400, 40, 4


class SurvivalCurve(SurvivalScore):
    """Mean gap between the survival curves of both sides, over everyone, by arm and group, and by what happens.

    The Kaplan-Meier divergence: the area between two Kaplan-Meier curves up to the time at which 10 % of the
    training entities are still followed, divided by that time; .1 means that on average over time the shares without
    an event differ by 10 points. By what happens it is the area between Aalen-Johansen curves, the shares to which
    it has happened while the other events compete. Everyone, the arms and groups together, and the events together
    weigh alike. Times are rounded up to one of 400 where there are more.

    References
    ----------
    .. [1] Norcliffe, Cebere, Imrie, Liò, van der Schaar (2023), "SurvivalGAN: generating time-to-event data for
       survival analysis", AISTATS, sec. 3: Kaplan-Meier divergence.
    .. [2] Kaplan, Meier (1958), "Nonparametric estimation from incomplete observations", JASA 53.
    .. [3] Aalen, Johansen (1978), "An empirical transition matrix for non-homogeneous Markov chains based on censored
       observations", Scandinavian Journal of Statistics 5.

    Examples
    --------
    >>> SurvivalCurve.question
    'Do events come when they should?'
    """

    name, title = "survival_curve", "Survival"
    question = "Do events come when they should?"
    group = "fidelity"
    counts_as_fidelity = True
    cannot_see = (
        "what happens after the time that 10 % of the training entities reach",
        "dependence of events on columns other than arm and group",
        "censoring that depends on what will happen",
    )

    def parts(self, ruler: Ruler, reference: Sequences, candidate: Sequences, streams: Streams) -> list[Part]:
        """Everyone, arms and groups, then events."""
        sides = [followup(ruler, d) for d in (reference, candidate)]
        if (sides[0].cause >= 0).sum() < CELL:
            return []
        edges, causes = steps(*sides), len(sides[0].causes)
        widths = np.diff(np.append(edges, sides[0].horizon))

        def part(label: str, keep: Any, which: int = 0) -> Part:
            counts = tables(sides, edges, keep)
            view = (
                partial(incidence, causes=causes, which=which) if which else partial(survival, causes=causes)
            )

            def apart(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
                gap = np.abs(view(a) - view(b)) @ widths / sides[0].horizon
                full = a.sum(axis=-1) > 0, b.sum(axis=-1) > 0
                return np.where(full[0] & full[1], gap, np.where(full[0] != full[1], 1.0, 0.0))

            say = partial(_say, ruler, edges, view, label if keep else "", label if which else "")
            return Part(label, counts, apart, say, extra={"edges": edges, "view": view, "keep": keep})

        found = [part("everyone", None)]
        members = [groups(ruler, d) for d in (reference, candidate)]
        arms = [
            part(label, (inside, other))
            for (label, inside), (_, other) in zip(*members, strict=True)
            if (inside & (sides[0].cause >= 0)).sum() >= CELL
        ]
        events = [part(f"event {name}", None, k + 1) for k, name in enumerate(sides[0].causes[:CAUSES])]
        for several in (arms, events if causes > 1 else []):
            for one in several:
                one.weight = 1 / len(several)
            found += several
        return found

    def curve(self, prepared: Prepared) -> dict[str, Any]:
        """Staircases for everyone and each arm."""
        side = followup(prepared.ruler, prepared.reference)
        pictures = []
        for part in prepared.parts:
            keep = np.ones(len(side.time), bool) if part.extra["keep"] is None else part.extra["keep"][0]
            at = _drawn(side, keep)
            if not len(at):
                continue
            places = np.searchsorted(part.extra["edges"], at, side="right") - 1
            view, real, made = part.extra["view"], part.reference.total(), part.candidate.total()
            first = 0.0 if part.label.startswith("event ") else 1.0
            drawn = [
                [first, *plain(np.where(places >= 0, view(t)[np.maximum(places, 0)], first))]
                for t in (real, made)
            ]
            pictures.append(
                {
                    "kind": "lines",
                    "title": {"everyone": "Without an event"}.get(part.label, part.label),
                    "x": [0.0, *plain(at)],
                    "real": drawn[0],
                    "synthetic": drawn[1],
                    "x_label": "time since the start",
                    "y_label": "share that has had it" if first == 0 else "share without an event",
                    "step": True,
                    "shares": True,
                    "caption": "Drawn where at least 10 real entities end since the step before and are followed on.",
                }
            )
        return {"pictures": pictures}


def steps(first: FollowUp, second: FollowUp) -> NDArray[np.float64]:
    """Times at which curves may step: those of both sides up to the horizon, at most 400."""
    known = np.concatenate([first.time, second.time])
    edges = np.unique(known[np.isfinite(known) & (known <= first.horizon)])
    return edges if 0 < len(edges) <= STEPS else np.linspace(0, first.horizon, STEPS + 1)[1:]


def tables(sides: list[FollowUp], edges: NDArray[np.float64], keep: Any = None) -> tuple[Counts, ...]:
    """Ends of follow-ups of each side, counted by cause (0 is censored) and time; the last time is "later"."""
    found = []
    for i, side in enumerate(sides):
        n, width = len(side.time), len(edges) + 1
        cell = np.searchsorted(edges, np.nan_to_num(side.time)) + width * np.where(
            side.time <= side.horizon, np.maximum(side.cause, 0), 0
        )
        inside = side.cause >= 0 if keep is None else (side.cause >= 0) & keep[i]
        cells = np.where(inside, cell, -1)
        found.append(Counts(np.arange(n), cells, n, width * (len(side.causes) + 1)))
    return tuple(found)


def _hazards(totals: NDArray[np.float64], causes: int) -> NDArray[np.float64]:
    """Share of those at risk to which each cause happens at each time, (..., causes, times)."""
    ends = totals.reshape(*totals.shape[:-1], causes + 1, -1)
    left = np.cumsum(ends.sum(axis=-2)[..., ::-1], axis=-1)[..., ::-1]
    risk = left[..., None, :-1]
    events = ends[..., 1:, :-1]
    out: NDArray[np.float64] = np.divide(events, risk, out=np.zeros_like(events), where=risk > 0)
    return out


def survival(totals: NDArray[np.float64], causes: int) -> NDArray[np.float64]:
    """Kaplan-Meier curve after each time, (..., times)."""
    return np.cumprod(1 - _hazards(totals, causes).sum(axis=-2), axis=-1)


def incidence(totals: NDArray[np.float64], causes: int, which: int) -> NDArray[np.float64]:
    """Aalen-Johansen curve of one cause after each time, (..., times)."""
    hazards = _hazards(totals, causes)
    after = np.cumprod(1 - hazards.sum(axis=-2), axis=-1)
    before = np.concatenate([np.ones_like(after[..., :1]), after[..., :-1]], axis=-1)
    return np.cumsum(before * hazards[..., which - 1, :], axis=-1)


def area(totals: NDArray[np.float64], edges: NDArray[np.float64], causes: int, until: float) -> Any:
    """Area under the Kaplan-Meier curve: the mean time without an event up to `until`."""
    until = max(until, float(edges[0]))
    widths = np.diff(np.append(np.minimum(edges, until), until))
    return edges[0] + survival(totals, causes) @ widths


def _drawn(side: FollowUp, keep: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Times between which at least 10 entities end, while at least 10 are followed on."""
    known = np.sort(side.time[keep & (side.cause >= 0)])
    step = max(CELL, len(known) // DRAWN)
    at = np.unique(known[step - 1 : len(known) - CELL : step])
    return at[at <= side.horizon]


def _say(
    ruler: Ruler,
    edges: NDArray[np.float64],
    view: Any,
    who: str,
    what: str,
    first: NDArray[np.float64],
    second: NDArray[np.float64],
) -> str:
    among = f" with {who}" if who else ""
    if not first.sum() or not second.sum():
        return f"There is no entity{among} on one of the sides."
    real, made = view(first), view(second)
    at = int(np.argmax(np.abs(real - made)))
    when = moment(ruler, float(edges[at]))
    if what:
        name = what.removeprefix("event ")
        said = f"By {when} “{name}” has come to {share(real[at])} of real entities"
        return f"{said}, to {share(made[at])} of synthetic ones."
    said = f"At {when} {share(real[at])} of real entities{among} have had no event"
    return f"{said}, {share(made[at])} of synthetic ones."
