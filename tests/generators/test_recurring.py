"""`recurring` keeps day, amount, start and company of contracts around another generator; balances add up."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

import tsynth
from tsynth.errors import UsageError
from tsynth.generators.composite.numbers import Number
from tsynth.generators.composite.profiles import Profiles

FIRST = np.datetime64("2022-01-01")
SECRET = 4711.5
"""The order of one entity alone."""


def accounts(entities=70, seed=0):
    """Accounts with an opening deposit, salary or pension on a day of their own, maybe rent, and shopping."""
    rng = np.random.default_rng(seed)
    rows = []
    for account in range(entities):
        retired = rng.random() < 0.4
        income = float(rng.integers(10, 15) * 100 if retired else rng.integers(20, 40) * 100)
        own = [(FIRST, "deposit", float(rng.integers(1, 9) * 1000))]
        plan = [("pension" if retired else "salary", rng.integers(3, 25), income)]
        if rng.random() < 0.7:
            plan.append(("rent", rng.integers(1, 28), SECRET if account == 0 else income / 4))
        for what, due, amount in plan:
            for month in range(int(rng.integers(0, 4)), 14):
                day = (FIRST.astype("M8[M]") + month).astype("M8[D]") + int(due - 1)
                own.append((day, what, amount))
        for day in rng.integers(1, 420, 18):
            own.append((FIRST + day, "shop", float(np.round(income * rng.uniform(0.02, 0.04), 1))))
        balance = 0.0
        for day, what, amount in sorted(own):
            balance += -amount if what in ("rent", "shop") else amount
            rows.append((account, day, what, amount, round(balance, 1)))
    names = ("account", "day", "what", "amount", "balance")
    table = {n: [row[j] for row in rows] for j, n in enumerate(names)}
    table["day"] = np.array(table["day"]).astype("M8[us]")
    return tsynth.read(pa.table(table), entity="account", time="day", roles={"what": "mark"})


def kept(made, code):
    """Share of the rows of a code, with one a month before, that have its day of the month and amount."""
    what = np.asarray(made.column("what").to_pylist())
    own = np.flatnonzero(what == code)
    day = np.floor(made.time[own]).astype("M8[D]")
    month = day.astype("M8[M]").astype(int)
    key = list(
        zip(
            made.entity_of_row[own].tolist(), month.tolist(), (day - day.astype("M8[M]")).astype(int).tolist(),
            made.numeric("amount")[own].tolist(), strict=True,
        )
    )  # fmt: skip
    have, months = set(key), {k[:2] for k in key}
    asked = [k for k in key if (k[0], k[1] - 1) in months]
    return np.mean([(k[0], k[1] - 1, k[2], k[3]) in have for k in asked])


@pytest.fixture(scope="module")
def data():
    return accounts()


@pytest.fixture(scope="module", params=["auto", "rest"])
def fitted(request, data):
    return tsynth.Recurring(learns=request.param).fit(data, seed=1)


@pytest.fixture(scope="module")
def made(fitted):
    return fitted.sample(150, seed=2)


def test_contracts_keep_their_day_and_amount(data, fitted, made):
    """In the source all do; the inner generator alone is the planted fault."""
    alone = fitted._inner.sample(150, seed=2)
    for code in ("rent", "salary", "pension"):
        assert kept(data, code) == 1
        assert kept(made, code) > 0.97
    if fitted.contracts_["beside"]:
        assert kept(alone, "rent") < 0.98


def test_number_length_and_company_of_contracts_are_kept(data, fitted, made):
    """Shares within .16 of the source's, about two and a half standard errors of 70 entities and 150 made (one seed in
    20 fails); rows within 15 %. Which contracts exclude each other is learned where the inner generator draws none.
    """
    for code in ("rent", "salary", "pension"):
        owners = []
        for one in (data, made):
            own = np.asarray(one.column("what").to_pylist()) == code
            count = np.bincount(one.entity_of_row[own], minlength=one.n_entities)
            owners.append((np.mean(count > 0), count[count > 0].mean(), count > 0))
        assert abs(owners[0][0] - owners[1][0]) < 0.16, code
        assert owners[1][1] == pytest.approx(owners[0][1], rel=0.15), code
    what = np.asarray(made.column("what").to_pylist())
    both = [np.bincount(made.entity_of_row[what == c], minlength=150) > 0 for c in ("salary", "pension")]
    assert fitted.contracts_["beside"] or np.mean(both[0] & both[1]) < 0.1, (
        "salary and pension exclude each other"
    )


def test_an_amount_of_one_entity_does_not_come_back(data, made):
    assert SECRET in data.numeric("amount")
    assert SECRET not in made.numeric("amount")


def test_balances_add_up_over_contracts_and_other_rows(fitted, made):
    rules = [rule for rule in fitted.constraints_ if rule.name == "totals"]
    assert rules, "the balance was not found"
    assert all(rule.holds(made) > 0.999 for rule in rules)


def test_saved_is_loaded(fitted, made, tmp_path):
    fitted.save(tmp_path / "model.tsynth")
    assert tsynth.load(tmp_path / "model.tsynth").sample(150, seed=2).content_hash() == made.content_hash()
    told = fitted.diagnose()["recurring"]
    assert {one["code"]["what"] for one in told["codes"]} == {"rent", "salary", "pension"}


def test_without_recurring_rows_it_is_the_inner_generator(data):
    shop = data.keep_rows(np.asarray(data.column("what").to_pylist()) == "shop").take(np.arange(30))
    shop = shop.with_schema(shop.schema.replace(constraints=()))
    both = tsynth.Recurring(inner={"name": "markov_renewal", "order": 1}).fit(shop, seed=1)
    assert both.contracts_ == {}
    assert both.sample(20, seed=3).content_hash() == both._inner.sample(20, seed=3).content_hash()
    named = tsynth.Recurring(inner=tsynth.MarkovRenewal(order=3)).get_params()["inner"]
    assert (named["name"], named["order"]) == ("markov_renewal", 3)


@pytest.mark.parametrize("wrong", [{"inner": 3}, {"inner": "no_such"}, {"steady": 2}, {"learns": "some"}])
def test_wrong_parameters_are_told(data, wrong):
    with pytest.raises(UsageError):
        tsynth.Recurring(**wrong).fit(data)


def test_numbers_of_few_entities_are_told_by_their_spread():
    column = tsynth.Column("x", kind="continuous", decimals=0, bounds=(0, 1e6))
    schema = tsynth.Schema((column,))
    x = np.array([100.0, 230.0, 340.0, 410.0, 520.0, 777.0])
    number = Number.learn(x, np.arange(6), column, schema, 5)
    knots = number.encoding.knots_
    assert not np.isin(x, np.concatenate([number.encoding.atoms_, knots])).any()
    drawn = number.draw(np.linspace(-2, 2, 101), np.full(101, 0.5))
    assert abs(np.median(drawn) - np.median(x)) < 120
    same = Number.learn(np.full(30, 14.6), np.arange(30), tsynth.Column("y", decimals=1), schema, 5)
    assert (same.draw(np.array([-3.0, 0.0, 3.0]), np.zeros(3)) == 14.6).all()


def test_profiles_follow_scores_and_their_shares():
    """Two profiles told apart by one score; a third that 2 entities have is none."""
    rng = np.random.default_rng(0)
    side = rng.random(400) < 0.3
    holds = np.stack([side, ~side], axis=1).astype(int)
    holds[:2] = 1
    score = np.where(side, 2.0, -1.0)[:, None] + rng.normal(size=(400, 1))
    profiles, none = Profiles.learn(holds, score, 5)
    assert none.sum() == 2
    assert len(profiles.held) == 2
    drawn = profiles.draw(score, rng.random(400))
    right = profiles.held[drawn][:, 0] == side
    assert right[drawn >= 0].mean() > 0.85
    shifted = profiles.calibrated(score + 1.0)
    assert np.abs(shifted.chances(score + 1.0).mean(axis=0) - profiles.share).max() < 0.02
