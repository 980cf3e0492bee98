"""The benchmark of event streams on simulated ones: what is known of the next event is found, and trivial ones win."""

from __future__ import annotations

import importlib
import sys

import numpy as np
import pandas as pd
import pytest

import tsynth

pytestmark = pytest.mark.source


@pytest.fixture(scope="module")
def case(repository):
    """The module; another package of the name may be installed, so the source tree comes first."""
    sys.path.insert(0, str(repository))
    try:
        yield importlib.import_module("benchmarks.cases.event_streams")
    finally:
        sys.path.remove(str(repository))


def stream(turning, users=250, seed=0):
    """Events of three types: in turn, with a wait by the type before (1, 4, 9 on average), or at random moments."""
    random = np.random.default_rng(seed)
    rows = []
    for user in range(users):
        now, kind = 0.0, int(random.integers(3))
        for _ in range(int(random.integers(10, 20))):
            rows.append((user, round(now, 4), "abc"[kind]))
            now += random.exponential([1.0, 4.0, 9.0][kind] if turning else 4.0)
            kind = (kind + 1) % 3 if turning else int(random.choice(3, p=[0.6, 0.2, 0.2]))
    table = pd.DataFrame(rows, columns=["user", "at", "kind"])
    return tsynth.read(table, entity="user", time="at", roles={"kind": "mark"}, frequency=None)


def asked(case, monkeypatch, turning):
    monkeypatch.setattr(case, "TABLES", {"world": (lambda: stream(turning), 250, "constant")})
    told = case.run(["world"])
    return {row[1]: row for row in told["tables"][0]["rows"]}, told


def test_types_in_turn_are_foretold_by_the_chain(case, monkeypatch):
    """A rate by the type before has the log-likelihood of its own waits: -(1 + log mean) on average, here -2.19."""
    rows, told = asked(case, monkeypatch, True)
    chain, flat = rows["markov_renewal"], rows["trivial"]
    assert float(chain[4]) > 0.95
    assert float(flat[4]) < 0.45
    truth = -np.mean([1 + np.log(m) for m in (1.0, 4.0, 9.0)])
    # 350 waits: standard error .05; a density of 40 cells from made sequences loses some .05
    assert float(chain[3]) == pytest.approx(truth, abs=0.3)
    assert float(chain[3]) > float(flat[3]) + 0.8
    assert chain[7] in ("nothing", "gap error, by the median gap")
    assert float(rows["hawkes"][3]) > float(flat[3])
    assert [row[1] for row in told["tables"][1]["rows"]] == ["real users", "hawkes", "markov_renewal"]
    assert all(0 <= float(row[2]) < 0.5 for row in told["tables"][1]["rows"])


def test_where_nothing_is_to_be_known_trivial_predictors_are_no_worse(case, monkeypatch):
    """Random types at random moments: the truth is the trivial log-likelihood, log(rate) - 1 and the types' entropy."""
    rows, _ = asked(case, monkeypatch, False)
    truth = np.log(1 / 4) - 1 + 0.6 * np.log(0.6) + 0.4 * np.log(0.2)
    for by in ("trivial", "hawkes", "markov_renewal"):
        assert float(rows[by][3]) == pytest.approx(truth, abs=0.2)
        assert float(rows[by][4]) == pytest.approx(0.6, abs=0.12)
