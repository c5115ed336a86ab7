"""Nodes on the logits that sum to zero: exact where they say so, and not by chance."""

from __future__ import annotations

import numpy as np
import pytest
from logitreg.numerics.simplex_nodes import mean_of_power_sums, product_nodes, scrambled_nodes
from numpy.testing import assert_allclose


def test_power_sums_have_the_means_of_a_product_rule() -> None:
    nodes = product_nodes(4, 1, 0.4)
    others = nodes.parts[0][:, 1:] - nodes.parts[0][:, 1:].mean(axis=1, keepdims=True)
    for powers in ((2,), (3, 3), (2, 4), (2, 2, 2), (6,)):
        product = np.prod([np.sum(others**power, axis=1) for power in powers], axis=0)
        assert_allclose(nodes.weights @ product, mean_of_power_sums(powers, 3), rtol=1e-9)
        assert abs(mean_of_power_sums(powers, 4) / mean_of_power_sums(powers, 3) - 1) > 0.1


@pytest.mark.parametrize("blocks", [1, 2])
def test_corrected_weights_integrate_symmetric_polynomials(blocks: int) -> None:
    nodes = scrambled_nodes(6, blocks, 9, seed=3)
    z = nodes.parts.sum(axis=0)
    exact = 6 if blocks == 2 else 5
    assert_allclose(nodes.weights.sum(), 1, rtol=1e-12)
    assert_allclose(nodes.weights @ np.sum(z**2, axis=1), exact, rtol=1e-11)
    # |z|^2 is chi-square.
    cube = np.sum(z**2, axis=1) ** 3
    assert_allclose(nodes.weights @ cube, exact * (exact + 2) * (exact + 4), rtol=1e-10)
    assert abs(cube.mean() / (exact * (exact + 2) * (exact + 4)) - 1) > 1e-5
    # One of the other classes by itself is not covered.
    assert abs(nodes.weights @ z[:, 1] ** 3) > 1e-6
