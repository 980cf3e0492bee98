"""The contrastive loss against its formula, and an encoder that tells shapes apart."""

import pytest

torch = pytest.importorskip("torch", reason="the extra `neural` is not installed")

import numpy as np  # noqa: E402

from tsynth.nets.contrast import _contrast, _Conv, contrast_embeddings  # noqa: E402


def test_contrast_is_the_cross_entropy_of_the_twin_among_all_others():
    # Yue et al. (2022), eq. 1: -log exp(r_i . r'_i) / sum of exp over all other vectors, mean over vectors
    pairs = 3
    z = torch.randn(2, 4, 2 * pairs, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    total = 0.0
    for g in range(2):
        losses = []
        for at in range(4):
            for i in range(2 * pairs):
                twin = (i + pairs) % (2 * pairs)
                dots = z[g, at] @ z[g, at, i]
                others = [k for k in range(2 * pairs) if k != i]
                losses.append(float(torch.logsumexp(dots[others], 0) - dots[twin]))
        total += np.mean(losses)
    assert float(_contrast(z)) == pytest.approx(total, rel=1e-12)  # the same sums in another order


@pytest.mark.parametrize("dilation", [1, 2, 4])
def test_convolution_is_torchs(dilation):
    g = torch.Generator().manual_seed(0)
    net = _Conv(2, 3, 5, 3, dilation, 4, g)
    x = torch.randn(2, 3, 6, 4, generator=g)  # (g, c, b, t)
    taps = 3 if dilation < 4 else 1
    weight = net.weight.view(2, 5, taps, 3)
    for group in range(2):
        kernel = torch.zeros(5, 3, 3)
        kernel[:, :, slice(0, 3) if taps == 3 else slice(1, 2)] = weight[group].transpose(1, 2).detach()
        expected = torch.nn.functional.conv1d(
            x[group].transpose(0, 1), kernel, net.bias[group, :, 0], padding=dilation, dilation=dilation
        )
        torch.testing.assert_close(net(x)[group].transpose(0, 1), expected, rtol=1e-5, atol=1e-5)  # float32


def test_windows_become_vectors_the_same_for_the_same_seed():
    windows = np.random.default_rng(0).normal(size=(40, 12, 2))
    index = np.tile(np.arange(40), (2, 1))

    def run(seed):
        return contrast_embeddings(
            windows, index, [windows[:7]], seed=seed, steps=3, channels=4, depth=2, size=6
        )[0]

    state = torch.get_rng_state()
    first = run(0)
    assert first.shape == (2, 7, 6)
    assert np.isfinite(first).all()
    np.testing.assert_array_equal(first, run(0))
    assert (first != run(1)).any()
    assert (first[0] != first[1]).any()  # repeats have first weights of their own
    assert torch.equal(state, torch.get_rng_state())
