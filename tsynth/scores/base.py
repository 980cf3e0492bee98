"""What a score is: one question, answered as a gap (0 is perfect, lower is better)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from tsynth.data.sequences import Sequences

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tsynth.data.streams import Streams

__all__ = ["CannotSay", "Detail", "DoesNotApply", "Group", "Result", "Score", "Weights"]

Group = Literal["fidelity", "structure", "utility", "privacy", "fairness"]


class CannotSay(Exception):
    """Raised in `Score.cannot` or `Score.prepare` where such data have no answer; the text is the reason, a clause."""


class DoesNotApply(CannotSay):
    """The question makes no sense of such data, whatever rows one had: survival where nothing ends, say."""


@dataclass(frozen=True)
class Weights:
    """Bootstrap weights of the entities that one halving compares, (B, entities) each.

    Parameters
    ----------
    reference, synthetic, control : float64 arrays
    train : callable
        ``train(entities) -> (B, len(entities))``, weights of the training entities at these places.
    """

    reference: NDArray[np.float64]
    synthetic: NDArray[np.float64]
    control: NDArray[np.float64]
    train: Callable[[NDArray[np.int64]], NDArray[np.float64]]


@dataclass(frozen=True)
class Detail:
    """One part of a score: a column, a pair, a code, a rule.

    Parameters
    ----------
    label : str
        What part, as the reader names it ("amount", "type x operation").
    value : float
        The gap of the synthetic rows on this part.
    floor : float, optional
        What held-out real data score on it.
    sentence : str
        The gap in plain words, with the real and the synthetic number.
    """

    label: str
    value: float
    floor: float | None = None
    sentence: str = ""


@dataclass(frozen=True)
class Result:
    """A score's answer beside its references.

    Parameters
    ----------
    name, title, question, group : str
        The score's registry name, its heading, the question it answers, and under which question it is shown.
    status : {"ok", "cannot say", "does not apply"}
    reason : str
        Why it cannot say, or does not apply.
    value : float, optional
        Gap of the synthetic rows to the reference half of the holdout.
    floor : float, optional
        Gap of the control half, which is real: what noise alone scores.
    copied : float, optional
        Gap of a sample of the training rows: what copying scores.
    interval : (float, float), optional
        95 % interval of value - floor over entities.
    interval_by : str
        How the interval was made, in a clause.
    verdict : str
        A plain sentence.
    details : tuple of Detail
        Parts, worst first.
    curve : dict
        Numbers behind a picture, JSON types only.
    counts_as_fidelity : bool
        Whether it enters `Report.times_floor`.
    """

    name: str
    title: str
    question: str
    group: Group
    status: Literal["ok", "cannot say", "does not apply"] = "ok"
    reason: str = ""
    value: float | None = None
    floor: float | None = None
    copied: float | None = None
    interval: tuple[float, float] | None = None
    interval_by: str = ""
    verdict: str = ""
    details: tuple[Detail, ...] = ()
    curve: dict[str, Any] = field(default_factory=dict)
    counts_as_fidelity: bool = False


class Score:
    """Base of all scores. A leaf has a few class attributes, `prepare` and `value`; the harness does the rest.

    `prepare` does what is dear, once for each candidate: summaries, fitted models, out-of-fold predictions, an
    entry an entity. `value` is cheap and is asked again and again with other weights of the entities, because the
    interval is a bootstrap that re-weights and refits nothing.

    The harness calls with candidate = synthetic (`value`), the control half of the holdout (`floor`) and a sample
    of train (`copied`), all cut to the same number of entities; `train` is whole, and what is learned from it once
    (grids, codes) is kept by `tsynth.scores.ruler.ruler`. A score whose `prepare` is `dear` is asked for at
    most two halvings of the holdout. One with `whole_train` is handed all of train, the others a sample where it is
    large. One with `whole_candidate` (an attack: more of a release gives away more) is handed all of the synthetic
    entities that are looked at, however many the reference has; it must not read `candidate_weights`. One that counts
    over all rows, so that weights do not enter, has ``interval_by = "none"``.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    question: ClassVar[str]
    group: ClassVar[Group]
    standard: ClassVar[bool] = True
    counts_as_fidelity: ClassVar[bool] = False
    needs_holdout: ClassVar[bool] = False
    dear: ClassVar[bool] = False
    whole_train: ClassVar[bool] = False
    whole_candidate: ClassVar[bool] = False
    interval_by: ClassVar[Literal["bootstrap", "halvings", "none"]] = "bootstrap"
    cannot_see: ClassVar[tuple[str, ...]] = ()

    def cannot(self, train: Sequences, reference: Sequences | None, candidate: Sequences) -> str | None:
        """Why this score has nothing to say about such data, in a clause; None where it has.

        Raises
        ------
        DoesNotApply
            The question makes no sense of such data.
        """
        return None

    def prepare(self, train: Sequences, reference: Sequences, candidate: Sequences, streams: Streams) -> Any:
        """The dear part: anything that `value` reads."""
        raise NotImplementedError

    def value(
        self,
        prepared: Any,
        reference_weights: NDArray[np.float64],
        candidate_weights: NDArray[np.float64],
    ) -> float:
        """The gap under weights of the entities, (entities of reference,) and (entities of candidate,).

        It may fall below 0 by chance; it is then shown as 0, while the interval is made from the signed number.
        """
        raise NotImplementedError

    def values(
        self,
        prepared: Any,
        reference_weights: NDArray[np.float64],
        candidate_weights: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        """The gap under many weights, (B, entities of reference) and (B, entities of candidate), as (B,).

        A score that can do this faster than one by one does so.
        """
        import numpy as np

        pairs = zip(reference_weights, candidate_weights, strict=True)
        return np.array([self.value(prepared, reference, candidate) for reference, candidate in pairs])

    def differences(self, synthetic: Any, control: Any, weights: Weights) -> NDArray[np.float64]:
        """Value - floor under many weights, (B,): what the interval is made of.

        A score that samples train (an attack on its entities) weighs those too.
        """
        value = self.values(synthetic, weights.reference, weights.synthetic)
        return value - self.values(control, weights.reference, weights.control)

    def details(self, prepared: Any) -> list[Detail]:
        """Parts of the gap, worst first, with sentences; their floors are filled in by the harness by label."""
        return []

    def curve(self, prepared: Any) -> dict[str, Any]:
        """Numbers behind a picture; JSON types only. Curves of real rows use cells of at least 10 entities."""
        return {}

    def verdict(self, result: Result) -> str:
        """A plain sentence on the result; the default compares value with floor and interval."""
        from tsynth.scores.verdicts import against_floor

        return against_floor(result)
