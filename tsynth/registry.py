"""What can be plugged in: generators and scores by name, with entry points for other packages.

A name is looked up first among the lines below, then among the entry points `tsynth.generators` and
`tsynth.scores`; the module behind it is imported only when the name is used.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any

from tsynth.errors import UsageError

__all__ = ["GENERATORS", "SCORES", "find", "names"]

GENERATORS = {
    "autoregressive": "tsynth.generators.neural.autoregressive:Autoregressive",
    "block_bootstrap": "tsynth.generators.statistical.block_bootstrap:BlockBootstrap",
    "hawkes": "tsynth.generators.point_process.hawkes:Hawkes",
    "markov_renewal": "tsynth.generators.point_process.markov_renewal:MarkovRenewal",
    "poisson": "tsynth.generators.point_process.poisson:Poisson",
    "recurring": "tsynth.generators.composite.recurring:Recurring",
    "renewal": "tsynth.generators.point_process.renewal:Renewal",
}
SCORES = {
    "marginals": "tsynth.scores.fidelity.marginals:Marginals",
    "pairs": "tsynth.scores.fidelity.pairs:Pairs",
    "lengths": "tsynth.scores.fidelity.lengths:Lengths",
    "gaps": "tsynth.scores.fidelity.gaps:Gaps",
    "autocorrelation": "tsynth.scores.fidelity.autocorrelation:Autocorrelation",
    "transitions": "tsynth.scores.fidelity.transitions:Transitions",
    "calendar": "tsynth.scores.fidelity.calendar:Calendar",
    "dispersion": "tsynth.scores.fidelity.dispersion:Dispersion",
    "bursts": "tsynth.scores.fidelity.bursts:Bursts",
    "time_rescaling": "tsynth.scores.fidelity.time_rescaling:TimeRescaling",
    "counting_distance": "tsynth.scores.fidelity.counting_distance:CountingDistance",
    "runs": "tsynth.scores.fidelity.runs:Runs",
    "persistence": "tsynth.scores.fidelity.persistence:Persistence",
    "visits": "tsynth.scores.fidelity.visits:Visits",
    "sliced_wasserstein": "tsynth.scores.fidelity.sliced_wasserstein:SlicedWasserstein",
    "cross_correlation": "tsynth.scores.fidelity.cross_correlation:CrossCorrelation",
    "spectrum": "tsynth.scores.fidelity.spectrum:Spectrum",
    "seasonality": "tsynth.scores.fidelity.seasonality:Seasonality",
    "tails": "tsynth.scores.fidelity.tails:Tails",
    "returns": "tsynth.scores.fidelity.returns:Returns",
    "survival_curve": "tsynth.scores.survival.curve:SurvivalCurve",
    "optimism": "tsynth.scores.survival.optimism:Optimism",
    "short_sightedness": "tsynth.scores.survival.short_sighted:ShortSightedness",
    "hazard_ratio": "tsynth.scores.survival.hazard_ratio:HazardRatio",
    "time_goes_back": "tsynth.scores.structure.time_goes_back:TimeGoesBack",
    "constraints": "tsynth.scores.structure.constraints:ConstraintsHeld",
    "unreadable": "tsynth.scores.structure.unreadable:Unreadable",
    "classifier_entities": "tsynth.scores.discrimination.classifier:ClassifierEntities",
    "classifier_rows": "tsynth.scores.discrimination.classifier:ClassifierRows",
    "utility": "tsynth.scores.utility.training:Utility",
    "ranking": "tsynth.scores.utility.ranking:Ranking",
    "exact_rows": "tsynth.scores.privacy.exact:ExactRows",
    "exact_runs": "tsynth.scores.privacy.exact:ExactRuns",
    "nearest": "tsynth.scores.privacy.nearest:Nearest",
    "near_copies": "tsynth.scores.privacy.near_copies:NearCopies",
    "membership_density": "tsynth.scores.privacy.membership_density:MembershipDensity",
    "membership_nearest": "tsynth.scores.privacy.membership_nearest:MembershipNearest",
    "known_rows": "tsynth.scores.privacy.known_rows:KnownRows",
    "visit_times": "tsynth.scores.privacy.visit_times:VisitTimes",
    "attribute_disclosure": "tsynth.scores.privacy.attribute_disclosure:AttributeDisclosure",
    "adversarial_accuracy": "tsynth.scores.privacy.adversarial_accuracy:AdversarialAccuracy",
    "representation": "tsynth.scores.fairness.representation:Representation",
    "group_fidelity": "tsynth.scores.fairness.fidelity:GroupFidelity",
    "group_utility": "tsynth.scores.fairness.utility:GroupUtility",
    "group_attacks": "tsynth.scores.fairness.attacks:GroupAttacks",
    "statics_dynamics": "tsynth.scores.discrimination.statics_dynamics:StaticsDynamics",
    "sequence_judge": "tsynth.scores.discrimination.sequence_judge:SequenceJudge",
    "window_trees": "tsynth.scores.published.trees:WindowTrees",
    "timegan_discriminative": "tsynth.scores.published.discriminative:TimeGANDiscriminative",
    "timegan_discriminative_held_out": "tsynth.scores.published.discriminative:TimeGANDiscriminativeHeldOut",
    "timegan_predictive": "tsynth.scores.published.predictive:TimeGANPredictive",
    "timegan_predictive_held_out": "tsynth.scores.published.predictive:TimeGANPredictiveHeldOut",
    "context_fid": "tsynth.scores.published.context_fid:ContextFID",
    "context_fid_held_out": "tsynth.scores.published.context_fid:ContextFIDHeldOut",
    "correlational": "tsynth.scores.published.correlational:Correlational",
    "correlational_held_out": "tsynth.scores.published.correlational:CorrelationalHeldOut",
}

_KINDS: dict[str, dict[str, str]] = {"generators": GENERATORS, "scores": SCORES}


@cache
def _plugged(kind: str) -> dict[str, str]:
    """Names that installed packages add, in the order of their distributions."""
    return {point.name: point.value for point in entry_points(group=f"tsynth.{kind}")}


def names(kind: str) -> list[str]:
    """All names of a kind ("generators", "scores"), our own first, then those of plug-ins."""
    own = _KINDS[kind]
    return [*own, *(name for name in _plugged(kind) if name not in own)]


def find(kind: str, name: str) -> Any:
    """The class behind a name.

    Parameters
    ----------
    kind : {"generators", "scores"}
    name : str

    Returns
    -------
    type

    Raises
    ------
    UsageError
        The name is not known; the message lists those that are.
    """
    target = _KINDS[kind].get(name) or _plugged(kind).get(name)
    if target is None:
        raise UsageError(f"no {kind[:-1]} is called {name!r}", fix="choose one of " + ", ".join(names(kind)))
    module, _, attribute = target.partition(":")
    return getattr(import_module(module), attribute)
