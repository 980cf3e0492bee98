"""`autoregressive` under differential privacy: all numbers and weights went through the ledger, within their bounds."""

import pytest

torch = pytest.importorskip("torch", reason="the extra `neural` is not installed")
pytest.importorskip("opacus", reason="the extra `private` is not installed")

import os  # noqa: E402
import subprocess  # noqa: E402
import sys  # noqa: E402
from functools import cache  # noqa: E402

import numpy as np  # noqa: E402
import pyarrow as pa  # noqa: E402

import tsynth  # noqa: E402
from tsynth import nets  # noqa: E402
from tsynth.data.privacy import Ledger, Privacy  # noqa: E402
from tsynth.data.privacy.ledger import ORDERS, epsilon_of  # noqa: E402
from tsynth.data.schema import Column, Schema  # noqa: E402
from tsynth.data.sequences import Sequences  # noqa: E402
from tsynth.errors import MissingExtra  # noqa: E402
from tsynth.generators.artifacts import model_hash  # noqa: E402
from tsynth.generators.neural import noised, private  # noqa: E402
from tsynth.nets import privacy as descent  # noqa: E402

STEPS = 8


def rows_of(draw, dates, heavy):
    """One entity: amounts that stay near the last one of their code; `c` falls on month ends, where there are dates."""
    size = 400 if heavy else int(draw.integers(8, 24))
    time = np.sort(draw.integers(0, 240, size)).astype(float)
    code = np.where(draw.random(size) < 0.6, 0, 1)
    if dates:
        month = ((START + time.astype(int)).astype("datetime64[M]") + 1).astype("datetime64[D]") - 1
        ends = draw.random(size) < 0.4
        time = np.where(ends, (month - START).astype(float), time)
        code = np.where(ends, 2, code)
        order = np.argsort(time, kind="stable")
        time, code = time[order], code[order]
    usual = draw.normal(2.0 + np.arange(3), 0.6)
    amount = np.round(np.exp(draw.normal(usual[code], 0.1)), 1)
    return time, code, amount * (1000.0 if heavy else 1.0)


START = np.datetime64("2021-01-01")


def world(dates, entities=60, heavy=True, seed=0):
    """The last entity has 400 rows and amounts a thousand times those of others; without `heavy` it is not there."""
    draw = np.random.default_rng(seed)
    parts = [
        rows_of(np.random.default_rng([seed, i]), dates, heavy and i == entities - 1) for i in range(entities)
    ]
    sex = draw.integers(0, 2, entities)
    return put_together(parts, sex, dates)


def without_last(dates, entities=60, seed=0):
    draw = np.random.default_rng(seed)
    parts = [rows_of(np.random.default_rng([seed, i]), dates, False) for i in range(entities - 1)]
    return put_together(parts, draw.integers(0, 2, entities)[:-1], dates)


def put_together(parts, sex, dates):
    time, code, amount = (np.concatenate([p[j] for p in parts]) for j in range(3))
    stamp = pa.array((START + time.astype(int)).astype("datetime64[us]") if dates else time)
    levels = ("a", "b", "c")
    schema = Schema(
        (
            Column("id", kind="identifier", role="entity", static=True, dtype="int64"),
            Column(
                "t", "datetime" if dates else "continuous", role="time", dtype=str(stamp.type), decimals=0
            ),
            Column("code", kind="category", role="mark", dtype="string", levels=levels),
            Column("amount", decimals=1, bounds=(0.0, float(amount.max()))),
            Column("sex", kind="category", static=True, dtype="string", levels=("f", "m")),
        ),
        time_unit="d",
        constraints=(),
    )
    table = pa.table({"t": stamp, "code": np.array(levels)[code], "amount": amount})
    statics = pa.table({"id": np.arange(len(parts)), "sex": np.array(["f", "m"])[sex]})
    return Sequences(schema, table, np.concatenate([[0], np.cumsum([len(p[0]) for p in parts])]), statics)


def model(data, epsilon=8.0, noise_seed=1, steps=STEPS, corrections=1):
    asked = Privacy(epsilon, 1e-5, noise_seed=noise_seed)
    return tsynth.Autoregressive(corrections=corrections, private=asked).fit(data, steps=steps)


@cache
def bank():
    data = world(True, entities=300, heavy=False, seed=1)
    return data, model(data, epsilon=20.0, steps=60)


class Replay:
    """Stands in for sums that noise is added to: notes them of one source, then tells the same of another."""

    def __init__(self):
        self.sums, self.moved, self.learning = [], [], True

    def pass_through(self, exact, bound):
        """The sums of the first source, whichever is asked for."""
        if self.learning:
            self.sums.append(exact)
            return exact
        before = self.sums[len(self.moved)]
        self.moved.append(float(np.linalg.norm(before - exact)) / bound)
        return before

    def patch(self, patch):
        gaussian, sums = Ledger.gaussian, descent._sums

        def noised_sum(book, what, values, sensitivity, rho):
            exact = np.asarray(values, np.float64)
            flat = self.pass_through(exact.ravel(), sensitivity)
            return gaussian(book, what, flat.reshape(exact.shape), sensitivity, rho)

        def gradients(net, each, rows, offsets, clip, scale):
            found = sums(net, each, rows, offsets, clip, scale)
            flat = self.pass_through(np.concatenate([g.numpy().ravel() for g in found]), clip)
            parts = np.split(flat, np.cumsum([g.numel() for g in found])[:-1])
            return [torch.from_numpy(p).reshape(g.shape) for p, g in zip(parts, found, strict=True)]

        patch.setattr(Ledger, "gaussian", noised_sum)
        patch.setattr(descent, "_sums", gradients)


def compared(dates):
    """The model with the heavy entity and, told the same sums, the model without it."""
    replay, made = Replay(), []
    with pytest.MonkeyPatch.context() as patch:
        replay.patch(patch)
        for data in (world(dates), without_last(dates)):
            made.append(model(data))
            replay.learning = False
    return made, np.array(replay.moved)


@pytest.mark.parametrize("dates", [True, False])
def test_one_entity_moves_no_sum_and_no_step_beyond_its_bound_and_nothing_else_is_kept(dates):
    (one, two), moved = compared(dates)
    assert one.plan_["ticked"] == dates
    assert len(moved) > 10 + 2 * STEPS
    # gradients are sums of float32 numbers
    assert moved.max() <= 1 + 1e-4
    assert moved[-2 * STEPS :].max() > 0.9  # the heavy entity uses the bound of a step up
    # All that was told is the same, so whatever differs was taken from the data past the ledger.
    assert model_hash(one) == model_hash(two)
    assert one.privacy_["spent"] <= 8.0 * (1 + 1e-6)


def test_the_comparison_finds_a_gradient_that_is_not_clipped_and_a_number_past_the_ledger(monkeypatch):
    with monkeypatch.context() as patch:  # planted: every entity seems to have a gradient of norm 0
        patch.setattr(
            descent, "entity_norms", lambda net, losses, uses, offsets: torch.zeros(len(offsets) - 1)
        )
        _, moved = compared(False)
    assert moved[-2 * STEPS :].max() > 5
    free = noised.Figures._free

    def spoiled(self, made):  # planted: the longest sequence is kept as it is
        return free(self, made) | {"most": int(np.diff(self.view.offsets).max())}

    with monkeypatch.context() as patch:
        patch.setattr(noised.Figures, "_free", spoiled)
        (one, two), _ = compared(False)
    assert model_hash(one) != model_hash(two)


def test_the_cost_is_counted_and_what_was_told_for_nothing_is_named():
    _, generator = bank()
    account = generator.diagnose()["privacy"]
    assert account["unit"] == "entity"
    assert 19.0 < account["spent"] <= 20.0 * (1 + 1e-6)
    networks = [s for s in account["spendings"] if s["what"].startswith("weights of the network")]
    assert [s["what"].split()[-1] for s in networks] == ["event", "fields"]
    for spent in networks:
        assert spent["accountant"].startswith("opacus ")
        assert (spent["steps"], spent["decisions_an_entity"]) == (60, private.DECISIONS)
        assert spent["clip"] > 0
    # Counted anew, from what the account says of each mechanism.
    curve = sum(s["rho"] for s in account["spendings"] if "rho" in s) * ORDERS
    for s in networks:
        curve = curve + descent.rdp(s["sample_rate"], s["noise_multiplier"], s["steps"])
    assert epsilon_of(curve, 1e-5) == pytest.approx(account["spent"], rel=1e-9)
    assert any("levels and their order" in leak for leak in account["leaks"])
    assert any("one linear layer" in text for text in account["not_learned"])
    assert all(column.bounds is None for column in generator.schema_)
    assert generator.steps_ == 60


def test_what_descent_adds_is_learned():
    data, generator = bank()
    made = generator.sample(300, seed=1)
    # The seed of the noise is fixed, so these do not fail by chance.
    share = np.bincount(made.codes("code"), minlength=3) / made.n_rows
    wanted = np.bincount(data.codes("code"), minlength=3) / data.n_rows
    assert share == pytest.approx(wanted, abs=0.08)
    assert made.n_rows / made.n_entities == pytest.approx(data.n_rows / data.n_entities, rel=0.3)
    day = made.time[made.codes("code") == 2].astype(int).astype("datetime64[D]")
    assert np.mean((day + 1).astype("datetime64[M]") != day.astype("datetime64[M]")) > 0.3  # by chance .03
    middle = [np.median(made.numeric("amount")[made.codes("code") == c]) for c in range(3)]
    assert middle[0] < middle[1] < middle[2]


def test_a_saved_model_needs_no_torch(tmp_path):
    _, generator = bank()
    path = tmp_path / "model.tsynth"
    generator.save(path)
    assert b"noise_seed" not in path.read_bytes()
    code = (
        f"import sys, tsynth; print(tsynth.load({str(path)!r}).sample(20, seed=3).content_hash())\n"
        "assert not {'torch', 'opacus'} & set(sys.modules)"
    )
    told = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=os.environ, check=True
    )
    assert told.stdout.strip() == generator.sample(20, seed=3).content_hash()
    assert tsynth.load(path).diagnose()["privacy"] == generator.diagnose()["privacy"]


def test_parts_equal_the_whole_and_histories_go_on():
    data, generator = bank()
    parts = [generator.sample(10, seed=4, first=a) for a in (0, 10)]
    assert np.array_equal(np.concatenate([p.time for p in parts]), generator.sample(20, seed=4).time)
    ahead = generator.forecast(data.take(np.arange(5)), "30d", paths=2, seed=1)
    assert ahead.n_entities == 10


def test_a_fit_repeats_with_the_seed_of_its_noise_and_with_nothing_else():
    data = world(False, entities=50, heavy=False)
    one, again, other, secret = (model(data, noise_seed=s, steps=3, corrections=0) for s in (1, 1, 2, None))
    assert model_hash(one) == model_hash(again)
    assert model_hash(one) != model_hash(other)
    assert model_hash(one) != model_hash(secret)
    assert not any("the noise" in leak for leak in secret.privacy_["leaks"])


def test_little_budget_for_few_entities_still_makes_rows():
    made = model(world(False, entities=40, heavy=False), epsilon=0.3, steps=3)
    assert any("faint" in text for text in made.privacy_["not_learned"])
    assert made.sample(20, seed=1).n_rows >= 20


def test_the_extra_that_is_missing_is_named_before_anything_is_spent(monkeypatch):
    monkeypatch.setattr(nets, "find_spec", lambda name: None if name == "opacus" else object())
    with pytest.raises(MissingExtra, match="private"):
        model(world(False, entities=20, heavy=False))
