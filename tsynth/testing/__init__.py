"""The public suite: what every generator and every score must survive, for authors of plug-ins and for us.

Use it with pytest::

    import pytest
    from tsynth.testing import generator_checks

    @pytest.mark.parametrize("check", generator_checks("my_generator"), ids=str)
    def test_contract(check):
        check()

`WORLDS` are simulated data with a known truth and `FAULTS` what a generator may do wrong, so that the author of a score
can show that it finds its kind of fault and is silent about a perfect generator::

    world = WORLDS["cohort"]
    train, holdout, perfect = (world(200, seed) for seed in range(3))
    report = tsynth.evaluate(train, FAULTS["short_survival"](perfect, train), holdout=holdout, scores=["my_score"])

Needs the extra `testing`.
"""

from __future__ import annotations

from tsynth.testing.checks import Check
from tsynth.testing.examples import EXAMPLES, cohort, events, mixed, panel
from tsynth.testing.faults import FAULTS, Fault
from tsynth.testing.generators import generator_checks
from tsynth.testing.scores import score_checks
from tsynth.testing.worlds import WORLDS

__all__ = [
    "EXAMPLES",
    "FAULTS",
    "WORLDS",
    "Check",
    "Fault",
    "cohort",
    "events",
    "generator_checks",
    "mixed",
    "panel",
    "score_checks",
]
