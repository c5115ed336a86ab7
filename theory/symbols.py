"""The symbols that every formula shares, with the assumptions that go with them."""

from __future__ import annotations

from sympy import IndexedBase, Symbol

z = Symbol("z", real=True)
"""The signed logit of a sample: positive iff the sample is classified correctly."""

alpha = Symbol("alpha", positive=True)
"""The strength of the penalty, in (0, 1)."""

odds = Symbol("c", positive=True)
"""c = (1 - alpha)/alpha, the weight of cross-entropy over the weight of the penalty."""

K = Symbol("K", integer=True, positive=True)
"""The number of classes."""

k = Symbol("k", integer=True, positive=True)
"""A class, as a summation index."""

logits = IndexedBase("z", shape=(K,), real=True)
"""The logits z_1, ..., z_K of a sample."""

gap = Symbol("g", real=True)
"""z_high - z_low, the gap between the target logit of the true class and of the others."""
