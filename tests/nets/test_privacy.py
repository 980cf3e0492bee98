"""Gradients of entities stay within their bound, the cost is that of the literature, the noise repeats."""

import pytest

torch = pytest.importorskip("torch", reason="the extra `neural` is not installed")
pytest.importorskip("opacus", reason="the extra `private` is not installed")

import numpy as np  # noqa: E402

from tsynth.data.privacy import Ledger, Privacy  # noqa: E402
from tsynth.data.privacy.ledger import ORDERS, epsilon_of  # noqa: E402
from tsynth.errors import UsageError  # noqa: E402
from tsynth.nets import privacy  # noqa: E402
from tsynth.nets.training import generator  # noqa: E402


class Small(torch.nn.Module):
    def __init__(self):
        super().__init__()
        draw = generator(0, "small")
        self.one, self.two = torch.nn.Linear(3, 5), torch.nn.Linear(5, 1)
        with torch.no_grad():
            for p in self.parameters():
                p.normal_(0.0, 0.5, generator=draw)

    def forward(self, x):
        return self.two(torch.tanh(self.one(x)))[:, 0]  # (B,)


def problem(rows=(1, 4, 1000, 2), seed=0):
    draw = np.random.default_rng(seed)
    entity = np.repeat(np.arange(len(rows)), rows)
    x = torch.from_numpy(draw.normal(size=(len(entity), 3)).astype(np.float32))
    y = torch.from_numpy(draw.normal(size=len(entity)).astype(np.float32)) + 3.0

    def each(net, at):
        return (net(x[at]) - y[at]) ** 2

    return entity, each


def slow(net, each, rows, offsets, clip):
    """The obvious twin: one gradient an entity, made and scaled."""
    total, norms = [torch.zeros_like(p) for p in net.parameters()], []
    for e in range(len(offsets) - 1):
        net.zero_grad()
        each(net, rows[offsets[e] : offsets[e + 1]]).sum().backward()
        norm = torch.sqrt(sum((p.grad**2).sum() for p in net.parameters()))
        norms.append(norm)
        for t, p in zip(total, net.parameters(), strict=True):
            t += p.grad * min(1.0, clip / float(norm))
    return total, torch.stack(norms)


def test_clipped_sums_equal_those_of_one_gradient_an_entity():
    entity, each = problem()
    net = Small()
    offsets = np.concatenate([[0], np.cumsum(np.bincount(entity))])
    rows = np.arange(len(entity))
    wanted, expected = slow(net, each, rows, offsets, 2.0)
    norms = privacy.clipped_gradients(net, each, rows, offsets, 2.0)
    # float32 sums over 1,000 rows in another order
    torch.testing.assert_close(norms, expected, rtol=1e-4, atol=1e-4)
    for p, w in zip(net.parameters(), wanted, strict=True):
        torch.testing.assert_close(p.grad, w, rtol=1e-4, atol=1e-4)


def test_an_entity_of_a_thousand_rows_moves_the_sum_by_no_more_than_the_bound():
    entity, each = problem()
    net = Small()
    offsets = np.concatenate([[0], np.cumsum(np.bincount(entity))])
    rows = np.arange(len(entity))
    privacy.clipped_gradients(net, each, rows, offsets, 1.0)
    with_it = [p.grad.clone() for p in net.parameters()]
    keep = entity != 2
    less = np.concatenate([[0], np.cumsum(np.bincount(entity[keep])[[0, 1, 3]])])
    privacy.clipped_gradients(net, each, rows[keep], less, 1.0)
    moved = torch.sqrt(sum(((a - p.grad) ** 2).sum() for a, p in zip(with_it, net.parameters(), strict=True)))
    assert float(moved) <= 1.0 + 1e-4
    # planted: without clipping, the same entity moves it by thousands
    _, norms = slow(net, each, rows, offsets, 1.0)
    assert float(norms[2]) > 1000


def test_the_cost_is_that_of_the_moments_accountant_and_no_less_than_it_may_be():
    # Abadi and others (2016), section 3.2: q = .01, noise 4, 10,000 steps, delta 1e-5: epsilon 1.26, by the older
    # conversion rdp + log(1 / delta) / (order - 1). The newer one is tighter.
    curve = privacy.rdp(0.01, 4.0, 10_000)
    older = (curve + np.log(1e5) / (ORDERS - 1)).min()
    assert older == pytest.approx(1.26, abs=0.005)
    assert 0.9 < epsilon_of(curve, 1e-5) < older


def test_the_noise_for_a_budget_spends_it_and_no_more():
    found = privacy.noise_multiplier(2.0, 1e-5, 0.05, 200)
    spent = epsilon_of(privacy.rdp(0.05, found, 200), 1e-5)
    assert 1.97 < spent <= 2.0
    # What others spent makes the noise larger; where they spent all, none is enough.
    ledger = Ledger(Privacy(2.0, 1e-5, noise_seed=1), 100)
    ledger.gaussian("a count", [5.0], 1.0, 0.5 * ledger.rho)
    assert privacy.noise_multiplier(2.0, 1e-5, 0.05, 200, ledger.curve) > 1.1 * found
    ledger.gaussian("another", [5.0], 1.0, 0.5 * ledger.rho)
    with pytest.raises(UsageError, match="nothing is left"):
        privacy.noise_multiplier(2.0, 1e-5, 0.05, 200, ledger.curve + 1e-3 * ORDERS)


def fitted(noise_seed, epsilon=50.0, steps=60):
    entity, each = problem(rows=[8] * 300, seed=3)
    net = Small()
    ledger = Ledger(Privacy(epsilon, 1e-5, rows=4, noise_seed=noise_seed), 300)
    before = float(each(net, np.arange(2400)).mean().detach())
    how = privacy.fit_private(
        net, each, entity, 300, ledger=ledger, what="small", steps=steps, sample_rate=0.1, rate=0.05
    )
    after = float(each(net, np.arange(2400)).mean().detach())
    return net, ledger, how, before, after


def test_it_learns_within_the_budget_and_repeats_with_the_seed_of_its_noise():
    net, ledger, how, before, after = fitted(1)
    assert after < 0.5 * before
    assert how.most == 4
    assert ledger.epsilon <= 50.0
    assert ledger.spendings[-1]["accountant"].startswith("opacus ")
    with pytest.raises(UsageError, match="nothing is left"):
        privacy.fit_private(
            net, problem(rows=[8] * 300)[1], np.repeat(np.arange(300), 8), 300,
            ledger=ledger, what="again", steps=20_000, sample_rate=1.0,
        )  # fmt: skip
    again, other, secret = fitted(1)[0], fitted(2)[0], fitted(None)[0]

    def same(a, b):
        return all(torch.equal(x, y) for x, y in zip(a.parameters(), b.parameters(), strict=True))

    assert same(net, again)
    assert not same(net, other)
    assert not same(net, secret)


def test_a_network_with_other_parameters_is_refused():
    entity, each = problem()
    net = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.LayerNorm(4), torch.nn.Linear(4, 1))
    with pytest.raises(UsageError, match="linear layers only"):
        privacy.fit_private(
            net, each, entity, 4, ledger=Ledger(Privacy(8.0, 1e-5), 4), what="other", steps=1, sample_rate=0.5
        )
