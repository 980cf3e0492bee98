"""Which generator is recommended, by data, time and what is installed."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

import tsynth
from tsynth import nets, registry
from tsynth.errors import UsageError
from tsynth.generators import recommend as module
from tsynth.generators.recommend import learns_by_steps, recommend
from tsynth.testing import WORLDS


@pytest.fixture(scope="module")
def accounts():
    return WORLDS["transactions"](30, 1)


@pytest.fixture
def neural(monkeypatch):
    """As if the neural generator were registered, and torch installed."""
    monkeypatch.setitem(registry.GENERATORS, module.NEURAL, "tsynth.generators.neural.nowhere:Nothing")
    monkeypatch.setattr(nets, "find_spec", lambda name: object())


def first(data, **given):
    return recommend(data, **given)[0]


def test_numeric_series_on_a_grid_are_drawn_in_blocks(neural):
    names = [one.name for one in recommend(WORLDS["panel"](30, 1))]
    assert names == ["block_bootstrap", "markov_renewal"]


def test_without_a_neural_generator_mixed_rows_go_to_markov_renewal(accounts, monkeypatch):
    monkeypatch.delitem(registry.GENERATORS, module.NEURAL, raising=False)
    found = recommend(accounts)
    assert [one.name for one in found] == ["markov_renewal"]
    assert found[0].advice == ""


@pytest.mark.usefixtures("neural")
def test_mixed_rows_go_to_the_neural_generator_where_there_is_time(accounts):
    assert [one.name for one in recommend(accounts)] == [module.NEURAL, "markov_renewal"]
    assert first(accounts, minutes=0.5).name == module.NEURAL
    quick = first(accounts, minutes=0.3)
    assert quick.name == "markov_renewal"
    assert "With 0.5 minutes to learn instead of 0.3 minutes it would be autoregressive" in quick.advice


@pytest.mark.usefixtures("neural")
@pytest.mark.parametrize(("rows", "needed"), [(10_000, 0.5), (50_000, 1), (50_001, 2), (2_000_000, 6)])
def test_more_rows_need_more_time(rows, needed, monkeypatch):
    class Large:
        """What is looked at of so many rows."""

        schema, n_entities, n_rows = WORLDS["transactions"](1).schema, 100, rows

    assert first(Large, minutes=needed).name == module.NEURAL
    monkeypatch.setattr(module, "_recurs", lambda data: 0.0)
    assert first(Large, minutes=0.99 * needed).name == "markov_renewal"


@pytest.mark.usefixtures("neural")
def test_without_the_extra_a_sentence_says_what_it_would_add(accounts, monkeypatch):
    monkeypatch.setattr(nets, "find_spec", lambda name: None)
    found = first(accounts)
    assert found.name == "markov_renewal"
    assert found.advice.startswith(
        "The extra `neural` (pip install 'tsynth[neural]') would add autoregressive, which learns"
    )


def tenants(steady):
    """Purchases at any time, and a rent a month on a day of the tenant's own: of one amount, or of any."""
    random, rows = np.random.default_rng(0), []
    for tenant in range(40):
        due, rent = int(random.integers(1, 28)), int(random.integers(40, 90))
        for month in range(1, 13):
            day = np.datetime64(f"2023-{month:02d}-{due:02d}") if steady else np.datetime64("2023-01-01")
            day += 0 if steady else int(random.integers(0, 365))
            rows.append((tenant, day, "rent", 10.0 * rent if steady else random.uniform(400, 900)))
        for day in random.integers(0, 365, 12):
            rows.append((tenant, np.datetime64("2023-01-01") + int(day), "shop", random.uniform(5, 60)))
    tenant, day, what, amount = zip(*rows, strict=True)
    table = pa.table({"tenant": tenant, "day": np.array(day), "what": what, "amount": amount})
    return tsynth.read(table, entity="tenant", time="day")


def test_recurring_rows_are_learned_apart_where_there_are_many(monkeypatch):
    monkeypatch.setitem(registry.GENERATORS, module.RECURRING, "somewhere:Recurring")
    found = recommend(tenants(True), minutes=0.1)
    assert [one.name for one in found] == [module.RECURRING, "markov_renewal"]
    assert found[0].reason.startswith("about 50 % of the rows recur")
    # false chains are held to 5 % of a code's, and amounts at random are never the same
    assert [one.name for one in recommend(tenants(False), minutes=0.1)] == ["markov_renewal"]


def test_where_nothing_can_learn_them_apart_nothing_is_looked_for(monkeypatch):
    monkeypatch.delitem(registry.GENERATORS, module.RECURRING, raising=False)
    assert first(tenants(True), minutes=0.1).name == "markov_renewal"


@pytest.mark.usefixtures("neural")
def test_few_entities_are_too_few_to_hold_some_out(accounts):
    found = first(accounts.take(range(19)))
    assert (found.name, found.advice) == ("markov_renewal", "")


def clicks(**more):
    """Visitors who do one of two things at any time, and columns beside."""
    random = np.random.default_rng(0)
    n = 400
    table = {
        "visitor": np.sort(random.integers(0, 30, n)),
        "at": np.datetime64("2024-01-01", "s") + random.integers(0, 10**7, n),
        "what": random.choice(["look", "buy"], n),
    }
    return tsynth.read(pa.table({**table, **more}), entity="visitor", time="at")


@pytest.mark.usefixtures("neural")
def test_events_without_values_name_point_processes_after_the_default():
    events = ["hawkes", "renewal", "poisson"]
    found = recommend(clicks())
    assert [one.name for one in found] == [module.NEURAL, "markov_renewal", *events]
    assert all(one.reason.startswith("rows are events without values beside them") for one in found[2:])
    assert [one.name for one in recommend(clicks(), minutes=0.1)] == ["markov_renewal", *events]
    mixed = clicks(paid=np.random.default_rng(1).uniform(1, 90, 400).round(2))
    assert [one.name for one in recommend(mixed)] == [module.NEURAL, "markov_renewal"]


def test_one_event_each_leaves_no_gaps_to_learn():
    data = clicks()
    once = data.keep_rows(data.step_of_row == 0)
    assert [one.name for one in recommend(once, minutes=0.1)] == ["markov_renewal"]


@pytest.mark.parametrize("minutes", [0, -1, float("nan")])
def test_no_time_is_refused(accounts, minutes):
    with pytest.raises(UsageError, match="minutes is a time to learn"):
        recommend(accounts, minutes)


@pytest.mark.usefixtures("neural")
def test_neural_generators_learn_by_steps():
    assert learns_by_steps(module.NEURAL)
    assert not learns_by_steps("markov_renewal")
    assert not learns_by_steps("of_a_plug_in")


def test_what_is_recommended_can_be_made(accounts):
    for one in [*recommend(accounts, minutes=0.1), *recommend(clicks(), minutes=0.1)]:
        assert tsynth.create(one.name, **one.parameters).name == one.name
