"""Claims: dropout of the features of a linear model."""

from __future__ import annotations

from itertools import product
from typing import NamedTuple

from sympy import (
    Eq,
    Expr,
    ImmutableMatrix,
    MatrixExpr,
    Rational,
    S,
    Sum,
    Symbol,
    diag,
    exp,
    log,
)

from ...theory import dropout as theory
from ...theory.definedness import is_defined_everywhere
from ...theory.dropout import contribution, data, error, keep, mean_logit, variance
from ...theory.identities import is_identically_zero
from ...theory.losses import sigmoid
from ...theory.symbols import z
from ..checks import all_of
from ..claim import Claim, Correction, Repair, Variant
from ..evidence import Grade, Outcome
from ..smt import prove_implication
from ..witnesses import sign_at

__all__ = ["CLAIMS"]


class _Closed(NamedTuple):
    """E ||y - s (X o R) w||^2 = ||y - mean X w||^2 + ridge w^T diag(gram) w, and the outputs.

    The output is the function of the logit whose average over the masks is taken for the output of
    the network with the scaled weights.
    """

    scale: Expr
    mean: Expr
    ridge: Expr
    gram: MatrixExpr
    output: Expr = z


def _difference_over_all_masks(content: _Closed) -> str | None:
    """Where the sum over all 2^(n d) masks of a small example differs from the closed form."""
    X, y, w = ImmutableMatrix([[1, 2], [3, -1]]), ImmutableMatrix([1, -2]), ImmutableMatrix([2, 1])
    p = Rational(1, 3)
    scale, mean, ridge = (c.subs(keep, p) for c in content[:3])
    expected = S.Zero
    for mask in product((0, 1), repeat=4):
        thinned = X.multiply_elementwise(ImmutableMatrix(2, 2, mask))
        chance = p ** sum(mask) * (1 - p) ** (4 - sum(mask))
        expected += chance * _square(y - scale * thinned * w)
    gram = content.gram.subs(data, X).doit()
    closed = _square(y - mean * X * w) + ridge * (w.T * diag(gram[0, 0], gram[1, 1]) * w)[0, 0]
    if expected == closed:
        return None
    return f"X = {X.tolist()}, y = (1, -2), w = (2, 1), p = 1/3: {expected} and {closed}"


def _square(vector: ImmutableMatrix) -> Expr:
    return (vector.T * vector)[0, 0]


def _has_the_closed_form(content: _Closed) -> Outcome:
    """By induction: one more feature changes E (y - prediction)^2 as the closed form says.

    Before the first feature both sides are y^2. Over the samples, ||Gamma w||^2 is the
    sum of all (x_ij w_j)^2 because (X^T X)_jj = sum_i x_ij^2. Its factor is positive: a penalty.
    """
    difference = _difference_over_all_masks(content)
    if difference is not None:
        return Outcome.refuted("exact sum over all masks", "the two sides differ", difference)
    after = (error - content.mean * contribution) ** 2 + variance + content.ridge * contribution**2
    step = prove_implication([keep < 1], Eq(theory.expected_square(content.scale), after))
    row, column = Symbol("i", integer=True), Symbol("j", integer=True)
    squares = Sum(data[row, column] ** 2, (row, 0, data.rows - 1))
    entry = content.gram[column, column]
    if not entry.dummy_eq(squares):
        diagonal = Outcome.undecided("symbolic identity", f"{entry} is not {squares}")
    else:
        diagonal = Outcome.proved("symbolic identity", f"{entry} = {squares}")
    return all_of((step, diagonal, prove_implication([keep < 1], content.ridge > 0)))


def _the_scaled_output_is_the_average(content: _Closed) -> Outcome:
    return _average(content.output, keep)


def _average(transformed: Expr, factor: Expr) -> Outcome:
    """E T(z_R) = T(factor z) for the logit z_R of a thinned network, z with all features kept.

    For a T affine in the logit, E T(z_R) = T(E z_R), and E z_R gains p a with each feature. Else
    one feature kept with probability 1/2 is tried.
    """
    at_logit = Rational(2)
    half = Rational(1, 2)
    average = half * transformed.subs(z, at_logit) + half * transformed.subs(z, 0)
    scaled = transformed.subs(z, factor.subs(keep, half) * at_logit)
    if sign_at(average - scaled, {}):
        values = " and ".join(f"{str(v.evalf(12))[:10]}..." for v in (average, scaled))
        where = f"one feature, p = 1/2, logits 0 and 2: {values}"
        what = f"the average of {transformed} is not its value at the scaled weights"
        return Outcome.refuted("ball arithmetic", what, where, Grade.CERTIFIED)
    slope = transformed.diff(z)
    if not is_identically_zero(slope.diff(z)):
        return Outcome.undecided("symbolic identity", f"{transformed} is not affine in the logit")
    gained = Eq(theory.expected_logit(), mean_logit + factor * contribution)
    affine = Outcome.proved("symbolic identity", f"{transformed} is affine in the logit")
    return all_of((affine, prove_implication([keep < 1], gained)))


_PLAIN = _Closed(S.One, keep, keep * (1 - keep), theory.gram)
_LOGISTIC = _PLAIN._replace(output=sigmoid(z))

_DROPOUT = Claim(
    id="primer.dropout",
    printed=Variant(
        "Dropout regularises by averaging many thinned networks. (For a linear model under squared "
        "loss its expected loss has a closed form.)",
        _LOGISTIC,
    ),
    source="primer, regularisation of weights",
    hypotheses=(
        "features kept independently, with probability p in (0, 1)",
        "not by machine: the induction over the features, and the sum over the samples, of the "
        "steps that are",
        "averaging: the output with the weights p w is the mean of the thinned outputs",
    ),
    checks=(_the_scaled_output_is_the_average, _has_the_closed_form),
    correction=Correction(
        Repair.HYPOTHESIS,
        Variant(
            "For a linear model the network with the weights $p w$ is the average of the thinned "
            "ones, and $\\mathrm{E} \\|y - (X \\circ R) w\\|^2 = \\|y - p X w\\|^2 + p (1 - p) "
            "\\|\\Gamma w\\|^2$ with $\\Gamma = \\mathrm{diag}(X^T X)^{1/2}$: its loss plus an L2 "
            "penalty scaled by the features. With a nonlinear output it is not the average.",
            _PLAIN,
        ),
    ),
    controls=(
        Variant("penalty (1 - p) ||Gamma w||^2", _PLAIN._replace(ridge=1 - keep)),
        Variant("penalty p^2 ||Gamma w||^2", _PLAIN._replace(ridge=keep**2)),
        Variant("mean X w", _PLAIN._replace(mean=S.One)),
        Variant("Gamma from X^T X/2", _PLAIN._replace(gram=theory.gram / 2)),
        Variant("inverted dropout, the plain penalty", _PLAIN._replace(scale=1 / keep, mean=S.One)),
        Variant("an exponential output", _PLAIN._replace(output=exp(z))),
    ),
    derivation=theory.dropout_derivation,
)

_INVERTED = Claim(
    id="weights.dropout-inverted",
    printed=Variant(
        "With inverted dropout, features divided by $p$ when kept, $\\mathrm{E} \\|y - (X \\circ "
        "R) w/p\\|^2 = \\|y - X w\\|^2 + \\frac{1 - p}{p} \\|\\Gamma w\\|^2$.",
        _PLAIN._replace(scale=1 / keep, mean=S.One, ridge=(1 - keep) / keep),
    ),
    source="derived: w replaced by w/p in primer.dropout",
    hypotheses=("features kept independently, with probability p in (0, 1)",),
    checks=(_has_the_closed_form,),
    controls=(
        Variant("the plain penalty", _PLAIN._replace(scale=1 / keep, mean=S.One)),
        Variant(
            "penalty p/(1 - p)",
            _PLAIN._replace(scale=1 / keep, mean=S.One, ridge=keep / (1 - keep)),
        ),
        Variant("mean p X w", _PLAIN._replace(scale=1 / keep, ridge=(1 - keep) / keep)),
    ),
)


class _Mean(NamedTuple):
    """T, averaged over the masks, of the thinned predictions, and the factor of the weights."""

    transformed: Expr
    factor: Expr


def _the_transformed_prediction_averages(content: _Mean) -> Outcome:
    """T takes real values, and tells one logit from another: else its mean is no prediction."""
    if is_identically_zero(content.transformed.diff(z)):
        where = f"{content.transformed} at every logit"
        return Outcome.refuted("symbolic identity", "it tells no prediction from another", where)
    if not is_defined_everywhere(content.transformed):
        return Outcome.undecided("symbolic identity", f"{content.transformed} may not be real")
    return _average(content.transformed, content.factor)


_log_odds = log(sigmoid(z)) - log(sigmoid(-z))

_GEOMETRIC_MEAN = Claim(
    id="weights.dropout-geometric-mean",
    printed=Variant(
        "For a logistic model with dropout on its features, the prediction with the weights $p w$ "
        "is the geometric mean of the thinned predictions, normalised over the two classes.",
        _Mean(_log_odds, keep),
    ),
    source="derived from primer.dropout",
    hypotheses=(
        "features kept independently, with probability p in (0, 1)",
        "a normalised geometric mean has the mean log-odds",
    ),
    checks=(_the_transformed_prediction_averages,),
    controls=(
        Variant("the arithmetic mean", _Mean(sigmoid(z), keep)),
        Variant("the geometric mean, not normalised", _Mean(log(sigmoid(z)), keep)),
        Variant("the weights p^2 w", _Mean(_log_odds, keep**2)),
        Variant("the weights w", _Mean(_log_odds, S.One)),
    ),
    derivation=theory.prediction_derivation,
)

CLAIMS = (_DROPOUT, _INVERTED, _GEOMETRIC_MEAN)
