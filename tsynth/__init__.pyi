# Written by tools/write_stub.py.

from tsynth import errors as errors
from tsynth.data.privacy.ledger import Privacy as Privacy
from tsynth.data.reading import read as read
from tsynth.data.schema import Column as Column
from tsynth.data.schema import Schema as Schema
from tsynth.data.sequences import Sequences as Sequences
from tsynth.generators.artifacts import load as load
from tsynth.generators.composite.recurring import Recurring as Recurring
from tsynth.generators.creation import create as create
from tsynth.generators.creation import list_generators as list_generators
from tsynth.generators.neural.autoregressive import Autoregressive as Autoregressive
from tsynth.generators.point_process.hawkes import Hawkes as Hawkes
from tsynth.generators.point_process.markov_renewal import MarkovRenewal as MarkovRenewal
from tsynth.generators.point_process.poisson import Poisson as Poisson
from tsynth.generators.point_process.renewal import Renewal as Renewal
from tsynth.generators.recommend import recommend as recommend
from tsynth.generators.statistical.block_bootstrap import BlockBootstrap as BlockBootstrap
from tsynth.jobs.run import run as run
from tsynth.scores.harness import evaluate as evaluate
from tsynth.scores.listing import list_scores as list_scores
from tsynth.scores.report import Report as Report

__version__: str
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
