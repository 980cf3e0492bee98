"""The public suite: what every generator and every score must survive, for authors of plug-ins and for us.

Use it with pytest::

    import pytest
    from tsynth.testing import generator_checks

    @pytest.mark.parametrize("check", generator_checks("my_generator"), ids=str)
    def test_contract(check):
        check()

Needs the extra `testing`.
"""

from __future__ import annotations

from tsynth.testing.checks import Check
from tsynth.testing.examples import EXAMPLES, cohort, events, mixed, panel
from tsynth.testing.generators import generator_checks
from tsynth.testing.scores import score_checks

__all__ = ["EXAMPLES", "Check", "cohort", "events", "generator_checks", "mixed", "panel", "score_checks"]
