"""The grouped recurrent unit against torch's own, its written-out gradient against differences."""

import pytest

torch = pytest.importorskip("torch", reason="the extra `neural` is not installed")

from tsynth.nets.layers import GroupedGRU, GroupedLinear  # noqa: E402


def unit(groups=2, inputs=4, hidden=3, seed=0):
    return GroupedGRU(groups, inputs, hidden, torch.Generator().manual_seed(seed)).double()


def numbers(*shape, seed=1):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def twin(net, group):
    """torch's own recurrent unit with the weights of one group."""
    own = torch.nn.GRU(net.enter.shape[2], net.hidden).double()
    with torch.no_grad():
        own.weight_ih_l0.copy_(net.enter[group])
        own.weight_hh_l0.copy_(net.turn[group])
        own.bias_ih_l0.copy_(net.bias[group, :, 0])
        own.bias_hh_l0.zero_()
        own.bias_hh_l0[2 * net.hidden :] = net.late[group, :, 0]
    return own


@pytest.mark.parametrize("group", [0, 1])
def test_each_group_is_torchs_gru(group):
    net, x = unit(), numbers(6, 2, 4, 5)
    torch.nn.init.normal_(net.late, generator=torch.Generator().manual_seed(2))
    torch.nn.init.normal_(net.bias, generator=torch.Generator().manual_seed(3))
    states = net(x)[:, group].transpose(1, 2)  # (t, b, h)
    expected = twin(net, group)(x[:, group].transpose(1, 2))[0]
    torch.testing.assert_close(states, expected, rtol=0, atol=1e-14)  # the same sums in another order


def test_gradient_is_that_of_differences():
    net, x = unit(), numbers(5, 2, 4, 3).requires_grad_()
    names = [name for name, _ in net.named_parameters()]

    def run(x, *values):
        return torch.func.functional_call(net, dict(zip(names, values, strict=True)), (x,))

    assert torch.autograd.gradcheck(run, (x, *net.parameters()))


def test_a_wrong_gradient_would_be_found():
    class Wrong(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, slope):
            return slope * 2.01

    with pytest.raises(RuntimeError, match="Jacobian mismatch"):
        torch.autograd.gradcheck(Wrong.apply, (numbers(3).requires_grad_(),))


def test_state_stays_where_a_sequence_is_over():
    net, x = unit(), numbers(6, 2, 4, 5)
    lengths = torch.tensor([1, 2, 3, 4, 6])
    ends = (torch.arange(6)[:, None] >= lengths).unsqueeze(1).expand(-1, 2, -1)  # (t, g, b)
    last = net(x, ends)[-1]
    for b, length in enumerate(lengths.tolist()):
        alone = net(x[:length, :, :, b : b + 1].contiguous())[-1]
        torch.testing.assert_close(last[:, :, b : b + 1], alone, rtol=0, atol=1e-14)


def test_linear_is_an_affine_map_a_group():
    net = GroupedLinear(2, 3, 1, torch.Generator().manual_seed(0)).double()
    x = numbers(4, 2, 3, 5)
    expected = torch.einsum("goi,tgib->tgob", net.weight, x) + net.bias
    torch.testing.assert_close(net(x), expected, rtol=0, atol=1e-14)
