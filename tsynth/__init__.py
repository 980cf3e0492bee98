"""Learn from real time series and event sequences, make synthetic ones, and prove how good they are.

The names below are loaded when they are first used, so that ``import tsynth`` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_LAZY = {
    "Autoregressive": "tsynth.generators.neural.autoregressive",
    "BlockBootstrap": "tsynth.generators.statistical.block_bootstrap",
    "Column": "tsynth.data.schema",
    "Hawkes": "tsynth.generators.point_process.hawkes",
    "MarkovRenewal": "tsynth.generators.point_process.markov_renewal",
    "Poisson": "tsynth.generators.point_process.poisson",
    "Privacy": "tsynth.data.privacy.ledger",
    "Recurring": "tsynth.generators.composite.recurring",
    "Renewal": "tsynth.generators.point_process.renewal",
    "Report": "tsynth.scores.report",
    "Schema": "tsynth.data.schema",
    "Sequences": "tsynth.data.sequences",
    "create": "tsynth.generators.creation",
    "errors": "tsynth",
    "evaluate": "tsynth.scores.harness",
    "list_generators": "tsynth.generators.creation",
    "list_scores": "tsynth.scores.listing",
    "load": "tsynth.generators.artifacts",
    "read": "tsynth.data.reading",
    "recommend": "tsynth.generators.recommend",
    "run": "tsynth.jobs.run",
}

__all__ = [
    "Autoregressive",
    "BlockBootstrap",
    "Column",
    "Hawkes",
    "MarkovRenewal",
    "Poisson",
    "Privacy",
    "Recurring",
    "Renewal",
    "Report",
    "Schema",
    "Sequences",
    "create",
    "errors",
    "evaluate",
    "list_generators",
    "list_scores",
    "load",
    "read",
    "recommend",
    "run",
]


def __getattr__(name: str) -> Any:
    if name == "errors":
        return import_module("tsynth.errors")
    if name not in _LAZY:
        raise AttributeError(f"module 'tsynth' has no attribute {name!r}")
    value = getattr(import_module(_LAZY[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
