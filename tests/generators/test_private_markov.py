"""`markov_renewal` under differential privacy: every number that is kept went through the ledger, within its bound."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest

import tsynth
from tsynth.data.encoding.noised import take_rules
from tsynth.data.privacy import Ledger, Privacy, noised
from tsynth.data.schema import Column, Schema
from tsynth.data.sequences import Sequences
from tsynth.errors import UsageError
from tsynth.generators.artifacts import model_hash
from tsynth.generators.point_process import markov_renewal
from tsynth.generators.point_process.markov_renewal import MarkovRenewal

HEAVY = 3


@pytest.fixture(autouse=True, scope="module")
def short_walks():
    """Corrections compare with noised rows alone, so their length is of no matter here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(markov_renewal, "WALKED", 200_000)
        yield


def rows_of(draw, dates, many):
    """One entity: codes that like to repeat, amounts by code, gaps of some days; month ends get an `interest`."""
    size = 600 if many else int(draw.integers(4, 16))
    time = np.sort(draw.integers(0, 360, size)).astype(float)
    code = np.where(draw.random(size) < 0.6, 0, 1)
    if dates:
        days = np.datetime64("2021-01-01") + time.astype(int)
        month = (days.astype("datetime64[M]") + 1).astype("datetime64[D]") - 1
        ends = draw.random(size) < 0.4
        time = np.where(ends, (month - np.datetime64("2021-01-01")).astype(float), time)
        code = np.where(ends, 2, code)
        order = np.argsort(time, kind="stable")
        time, code = time[order], code[order]
    amount = np.round(np.exp(draw.normal(2.0 + code, 0.5)), 1)
    return time, code, amount * (1000.0 if many else 1.0)


def world(dates, entities=240, seed=0, without=None):
    draw = np.random.default_rng(seed)
    parts = [rows_of(np.random.default_rng([seed, i]), dates, i == HEAVY) for i in range(entities)]
    sex = draw.integers(0, 2, entities)
    age = np.where(np.arange(entities) == HEAVY, 900.0, np.round(draw.normal(50, 10, entities)))
    kept = [i for i in range(entities) if i != without]
    time, code, amount = (np.concatenate([parts[i][j] for i in kept]) for j in range(3))
    stamp = pa.array(
        (np.datetime64("2021-01-01") + time.astype(int)).astype("datetime64[us]") if dates else time
    )
    levels = ("a", "b", "c")
    schema = Schema(
        (
            Column("id", kind="identifier", role="entity", static=True, dtype="int64"),
            Column(
                "t",
                kind="datetime" if dates else "continuous",
                role="time",
                dtype=str(stamp.type),
                decimals=0,
            ),
            Column("code", kind="category", role="mark", dtype="string", levels=levels),
            Column("amount", decimals=1, bounds=(0.0, float(amount.max()))),
            Column("sex", kind="category", static=True, dtype="string", levels=("f", "m")),
            Column("age", static=True, decimals=0, bounds=(0.0, float(age[kept].max()))),
        ),
        time_unit="d",
        constraints=(),
    )
    table = pa.table({"t": stamp, "code": np.array(levels)[code], "amount": amount})
    statics = pa.table({"id": np.array(kept), "sex": np.array(["f", "m"])[sex[kept]], "age": age[kept]})
    offsets = np.concatenate([[0], np.cumsum([len(parts[i][0]) for i in kept])])
    return Sequences(schema, table, offsets, statics)


class Replay:
    """Stands in for `Ledger.gaussian`: first notes what was told, then tells the same of other data."""

    def __init__(self):
        self.told, self.exact, self.moved = [], [], []

    def first(self):
        true = Ledger.gaussian

        def gaussian(book, what, values, sensitivity, rho):
            found = true(book, what, values, sensitivity, rho)
            self.told.append((what, found))
            self.exact.append(np.asarray(values, float))
            return found

        return gaussian

    def second(self):
        true = Ledger.gaussian

        def gaussian(book, what, values, sensitivity, rho):
            true(book, what, values, sensitivity, rho)
            at = len(self.moved)
            assert self.told[at][0] == what
            self.moved.append(
                (what, np.linalg.norm(self.exact[at] - np.asarray(values, float)) / sensitivity)
            )
            return self.told[at][1]

        return gaussian


def compared(monkeypatch, dates, epsilon=8.0):
    """The model with the heavy entity and, told the same noised numbers, the model without it."""
    replay, made = Replay(), []
    private = Privacy(epsilon, 1e-5, noise_seed=1)
    for without, how in ((None, replay.first()), (HEAVY, replay.second())):
        with monkeypatch.context() as patch:
            patch.setattr(Ledger, "gaussian", how)
            made.append(MarkovRenewal(private=private).fit(world(dates, without=without)))
    return made, replay


@pytest.mark.parametrize("dates", [True, False])
def test_one_entity_moves_no_statistic_beyond_its_bound_and_nothing_else_is_kept(monkeypatch, dates):
    (one, two), replay = compared(monkeypatch, dates)
    assert len(replay.moved) == len(replay.told) > 20
    beyond = [entry for entry in replay.moved if entry[1] > 1 + 1e-9]
    assert not beyond
    assert max(share for _, share in replay.moved) > 0.9  # the heavy entity uses its bound up
    # All that was told is the same, so whatever differs was taken from the data past the ledger.
    assert model_hash(one) == model_hash(two)
    assert one.privacy_["spent"] <= 8.0 * (1 + 1e-6)


def test_the_comparison_finds_a_missing_bound_and_a_number_past_the_ledger(monkeypatch):
    plain = noised.clipped_counts
    with monkeypatch.context() as patch:  # planted: nobody is scaled down
        patch.setattr(
            noised, "clipped_counts", lambda cell, entity, size, clip: plain(cell, entity, size, 1e9)
        )
        _, replay = compared(monkeypatch, False)
    assert max(share for _, share in replay.moved) > 5
    true = MarkovRenewal._learn_noised

    def spoiled(self, view, *rest):  # planted: the longest sequence is kept as it is
        true(self, view, *rest)
        self.timing_["most"] = int(np.diff(view.offsets).max())

    with monkeypatch.context() as patch:
        patch.setattr(MarkovRenewal, "_learn_noised", spoiled)
        (one, two), _ = compared(monkeypatch, False)
    assert model_hash(one) != model_hash(two)


@pytest.fixture(scope="module")
def bank():
    data = world(True, entities=1500, seed=1)
    return data, MarkovRenewal(private=Privacy(8.0, 1e-5, noise_seed=2)).fit(data)


def test_what_matters_most_is_kept(bank):
    data, generator = bank
    made = generator.sample(1500, seed=1)
    share = np.bincount(made.codes("code"), minlength=3) / made.n_rows
    wanted = np.bincount(data.codes("code")[data.entity_of_row != HEAVY], minlength=3)
    # The noise has a fixed seed, so these do not fail by chance; limits are three times what was seen over 5 seeds.
    assert share == pytest.approx(wanted / wanted.sum(), abs=0.08)
    assert made.n_rows / made.n_entities == pytest.approx(wanted.sum() / 1499, rel=0.25)
    day = made.time[made.codes("code") == 2].astype(int).astype("datetime64[D]")
    assert np.mean((day + 1).astype("datetime64[M]") != day.astype("datetime64[M]")) > 0.5  # by chance .03
    middle = [np.median(made.numeric("amount")[made.codes("code") == c]) for c in range(3)]
    assert middle[0] < middle[1] < middle[2]
    assert made.numeric("age").max() < 200  # one entity is 900


def test_the_account_is_kept_and_says_what_was_told_for_nothing(bank, tmp_path):
    data, generator = bank
    account = generator.diagnose()["privacy"]
    assert account["unit"] == "entity"
    assert account["delta"] == 1e-5
    assert 7.5 < account["spent"] <= 8.0 * (1 + 1e-6)
    text = " ".join(account["leaks"])
    assert "id, t, code, amount, sex, age" in text
    assert "where made-up names begin" in text
    assert generator.n_entities_ != data.n_entities or generator.n_rows_ != data.n_rows
    assert all(column.bounds is None for column in generator.schema_)
    generator.save(tmp_path / "model.tsynth")
    again = tsynth.load(tmp_path / "model.tsynth")
    assert again.diagnose()["privacy"] == account
    assert b"noise_seed" not in (tmp_path / "model.tsynth").read_bytes()
    assert again.sample(50, seed=3).content_hash() == generator.sample(50, seed=3).content_hash()


def test_parts_equal_the_whole(bank):
    _, generator = bank
    parts = [generator.sample(20, seed=4, first=a) for a in (0, 20, 40)]
    whole = generator.sample(60, seed=4)
    assert np.array_equal(np.concatenate([p.time for p in parts]), whole.time)


def test_what_is_public_is_no_leak_and_its_bounds_are_kept():
    data = world(False, entities=60)
    made = MarkovRenewal(private={"epsilon": 8, "delta": 1e-5, "public": ["age", "code"]}).fit(data)
    assert made.schema_["age"].bounds == (0.0, 900.0)
    assert made.schema_["amount"].bounds is None
    assert "age" not in made.privacy_["leaks"][0]
    every = MarkovRenewal(private=Privacy(8.0, 1e-5, public="*")).fit(data)
    assert every.privacy_["leaks"] == ["where made-up names begin, clear of all real ones: id"]


@pytest.mark.parametrize(
    ("share", "lost", "public", "named"),
    [
        (0.999, (), (), "a rule found in the data"),
        (
            0.999,
            (),
            "*",
            "a rule found in the data",
        ),  # what a fit finds is from the data, whatever was public
        (float("nan"), ("column",), (), "what a written rule needs"),
        (float("nan"), ("column",), "*", None),
        (float("nan"), (), (), None),
    ],
)
def test_rules_that_come_from_the_data_are_named(share, lost, public, named):
    book = Ledger(Privacy(8.0, 1e-5, public=public), 9)
    take_rules([SimpleNamespace(share=share, lost=lost, sentence=lambda: "a <= b")], book)
    assert len(book.leaks) == (named is not None)
    assert all(leak.startswith(named) and leak.endswith("a <= b") for leak in book.leaks)


def test_little_budget_for_few_entities_still_makes_rows():
    data = world(False, entities=40)
    made = MarkovRenewal(private=Privacy(0.3, 1e-4, noise_seed=1)).fit(data)
    assert any("faint" in text for text in made.privacy_["not_learned"])
    assert made.sample(30, seed=1).n_rows >= 30


def test_a_fit_without_privacy_has_no_account(bank):
    data, _ = bank
    generator = MarkovRenewal(private=Privacy(8.0, 1e-5))
    generator.fit(world(False, entities=20)).set_params(private=None).fit(world(False, entities=20))
    assert "privacy" not in generator.diagnose()
    with pytest.raises(UsageError, match="private takes"):
        MarkovRenewal(private="yes").fit(data)
