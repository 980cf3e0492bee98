"""The copula behind what is drawn once an entity: correlations of what lies behind, drawn and given values, order."""

import numpy as np
import pytest

from tsynth.generators import copula


def pair(rho, size=20_000, seed=0):
    return np.random.default_rng(seed).multivariate_normal([0, 0], [[1, rho], [rho, 1]], size).T


@pytest.mark.parametrize("rho", [-0.6, 0.0, 0.3, 0.6])
@pytest.mark.parametrize("share", [0.5, 0.14, 0.05])
def test_the_correlation_is_that_of_what_lies_behind_a_column_of_two_values(rho, share):
    """20,000 entities: the standard error is below .02; a false alarm at .05 comes about once in 100 runs of all."""
    a, b = pair(rho)
    rare = (a > np.quantile(a, 1 - share)).astype(float)
    found = copula.merge_copula(["a", "b"], [copula.sums([rare, b])]).correlation[0, 1]
    assert found == pytest.approx(rho, abs=0.05)


def test_two_columns_of_two_values_are_as_correlated_as_what_lies_behind():
    a, b = pair(0.5)
    sides = [(a > 1.0).astype(float), (b > 0.3).astype(float)]
    assert copula.merge_copula(["a", "b"], [copula.sums(sides)]).correlation[0, 1] == pytest.approx(
        0.5, abs=0.06
    )


def test_numbers_without_ties_keep_their_normal_scores():
    a, b = pair(0.4)
    found = copula.merge_copula(["a", "b"], [copula.sums([np.exp(a), b**3])]).correlation[0, 1]
    assert found == pytest.approx(0.4, abs=0.03)


def test_blocks_add_up_and_a_column_that_never_varies_does_no_harm():
    a, b = pair(0.5, 4000)
    columns = [a, b, np.zeros(4000)]
    halves = [copula.sums([c[part] for c in columns]) for part in (slice(0, 2000), slice(2000, None))]
    found = copula.merge_copula(["a", "b", "c"], halves).correlation
    assert found[0, 1] == pytest.approx(0.5, abs=0.06)
    assert np.abs(found[2, :2]).max() < 1e-6
    assert np.linalg.eigvalsh(found).min() > 0
