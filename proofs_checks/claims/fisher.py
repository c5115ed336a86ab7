"""Claims: least-squares targets and Fisher's scatter ratio (Beck et al.)."""

from __future__ import annotations

from collections.abc import Callable
from functools import cmp_to_key
from itertools import combinations, product
from typing import NamedTuple

from sympy import (
    Eq,
    Expr,
    Identity,
    Matrix,
    MatrixSymbol,
    Ne,
    Rational,
    S,
    Symbol,
    Trace,
    diag,
    eye,
    ones,
    simplify,
    zeros,
)
from sympy.logic.boolalg import Boolean

from ...theory import fisher as theory
from ...theory.fisher import scale
from ..checks import all_of, identical
from ..claim import Claim, Correction, Repair, Variant
from ..evidence import Grade, Outcome
from ..matrix_identities import vanishes
from ..smt import prove_implication
from ..witnesses import sign_at

__all__ = ["CLAIMS"]

_q = scale
_s = Symbol("s", real=True)


class _Scaling(NamedTuple):
    """Targets q e_c + s_c, the condition on q, and how a class is read off the logits."""

    condition: Boolean
    decision: str = "largest logit"
    shift: Expr = _s
    other_shift: Expr = _s


_X = Matrix([[1, 1, -1, -1, 2, -3], [1] * 6])
_CLASSES = (1, 1, 2, 2, 1, 2)


def _decisions_on_a_sample(statement: _Scaling) -> Outcome:
    """Least squares in exact rationals at several q that meet the condition, six samples, K = 2."""
    y = Matrix([[int(c == label) for c in _CLASSES] for label in (1, 2)])
    level = Rational(3)
    shifts = Matrix([statement.shift, statement.other_shift]).subs(_s, level)
    solve = _X.T * (_X * _X.T).inv()
    plain = _accuracy(y * solve * _X, S.One, zeros(2, 1), "largest logit")
    for q in (S.One, Rational(2), Rational(1, 3), Rational(-1), S.Zero):
        if statement.condition.subs(_q, q) == True:  # noqa: E712
            logits = (q * y + shifts * ones(1, len(_CLASSES))) * solve * _X
            accuracy = _accuracy(logits, q, shifts, statement.decision)
            if accuracy != plain:
                where = f"x = {list(_X[0, :])}, classes {_CLASSES}"
                told = f"{where}: accuracy {plain} for targets e_c, {accuracy} for {q} e_c"
                told += f" + {list(shifts)}"
                return Outcome.refuted("exact least squares", "another accuracy", told)
    return Outcome.tested("exact least squares", f"accuracy {plain} at each q tried")


def _accuracy(logits: Matrix, q: Expr, shifts: Matrix, decision: str) -> Rational:
    right = 0
    for i, label in enumerate(_CLASSES):
        z = logits[:, i]
        if decision == "nearest target":
            z = Matrix([-((z - shifts - q * eye(2)[:, j]).norm() ** 2) for j in (0, 1)])
        right += bool(z[label - 1] > z[2 - label])
    return Rational(right, len(_CLASSES))


def _order_of_the_logits_stays(statement: _Scaling) -> Outcome:
    """The logits at q are q z + s w.x, z those at q = 1 and s = 0; the order of two is that of z.

    For the nearest of the targets q e_c + s 1 the order of q z_c decides.
    """
    u, v, fit = (Symbol(name, real=True) for name in ("u", "v", "w"))
    nearest = statement.decision == "nearest target"
    factor = _q**2 if nearest else _q
    shifted = S.Zero if nearest else (statement.shift - statement.other_shift) * fit
    order = prove_implication([statement.condition, u > v], factor * (u - v) + shifted > 0)
    return all_of(
        (vanishes("q W + s w 1^T minimises", theory.residual_of_normal_equations()), order)
    )


def _exact_where_proved(statement: _Scaling) -> Outcome:
    """The example refutes; where it does not, the order of the logits decides."""
    example = _decisions_on_a_sample(statement)
    return example if example.refutes else _order_of_the_logits_stays(statement)


class _Criterion(NamedTuple):
    """An objective of U^T S_W U and U^T S_B U, what is to maximise it, and the hypotheses."""

    objective: Callable[[Matrix, Matrix], Expr]
    definite: bool
    top: bool = True
    fewer: int = 0
    centred: bool = True
    at_two_classes: Expr = Symbol("r", positive=True) ** -2


class _Population(NamedTuple):
    """Class means as columns, equal proportions, and a diagonal S_W."""

    means: Matrix
    within: Matrix


_POPULATIONS = (
    _Population(Matrix([[3, -3], [1, -1]]), diag(1, 0)),
    _Population(Matrix([[2, 1], [0, 2]]), diag(1, 1)),
    _Population(Matrix([[2, -2, 0], [1, 1, -2], [0, 0, 0]]), diag(1, 2, 3)),
    _Population(Matrix([[3, 1, 2], [1, 1, 1], [0, 0, 0]]), diag(4, 1, 1)),
)


def _eigenvectors_maximise(criterion: _Criterion) -> Outcome:
    """In the basis E with E^T S_W E = 1, E^T S_B E = diag(lambda_i), U = E V, V^T V = 1:

    J = sum lambda_i p_i, p_i the diagonal of the projector V V^T, p_i = p_i^2 + rest <= 1: at most
    sum lambda_i. S_B has rank K - 1 at most, so that K - 1 eigenvectors attain it.
    """
    for population in _POPULATIONS:
        if criterion.definite and not population.within.is_positive_definite:
            continue
        refuted = _beaten(criterion, population)
        if refuted is not None:
            return refuted
    if not criterion.definite:
        return Outcome.undecided("generalised eigenvalues", "no proof for a singular S_W")
    m = Symbol("m", integer=True, positive=True)
    a, w, b = (MatrixSymbol(name, m, m) for name in ("A", "W", "B"))
    moved = _rotated(criterion.objective(a.T * w * a, a.T * b * a).doit())
    eigenvalue, p = Symbol("lambda_i", nonnegative=True), Symbol("p_i", nonnegative=True)
    rest = Symbol("rest", nonnegative=True)
    return all_of(
        (
            _equal("J(U A) = J(U)", moved, criterion.objective(w, b).doit()),
            _equal("J = tr B at W = 1", criterion.objective(Identity(m), b).doit(), Trace(b)),
            prove_implication([Eq(p, p**2 + rest)], p <= 1),
            prove_implication([p <= 1], eigenvalue * p <= eigenvalue),
            vanishes("S_B = M C M^T, C 1 = 0", theory.kernel_of_the_weights(criterion.centred)),
        )
    )


def _rotated(trace: Expr) -> Expr:
    """tr(M_1 ... M_k) with the last factor moved to the front."""
    if not isinstance(trace, Trace) or not trace.arg.is_MatMul:
        return trace
    factors = trace.arg.args
    return Trace((factors[-1] * trace.arg.func(*factors[:-1])).doit()).doit()


def _equal(name: str, left: Expr, right: Expr) -> Outcome:
    if left == right:
        return Outcome.proved("matrix algebra, symbolic size", name)
    return Outcome.undecided("matrix algebra, symbolic size", f"{name}: {left} is not {right}")


def _beaten(criterion: _Criterion, population: _Population) -> Outcome | None:
    """A U of small integers at which the objective is larger than at the stated one."""
    d, classes = population.means.shape
    proportions = Matrix([Rational(1, classes)] * classes)
    between = theory.between_scatter(population.means, proportions, centred=criterion.centred)
    chosen = _generalised_eigenvectors(criterion, population.within, between, classes)
    value = _at(criterion, chosen, population.within, between) if chosen is not None else None
    shown = f"means {population.means.tolist()}, S_W = {population.within.tolist()}"
    vectors = [Matrix(v) for v in product((-1, 0, 1), repeat=d) if v > (0,) * d]
    for count in (1, 2):
        for columns in combinations(vectors, count):
            u = Matrix.hstack(*columns)
            other = _at(criterion, u, population.within, between)
            if other is None:
                continue
            more = None if value is None else simplify(other - value)
            if more is None or sign_at(more, {}) > 0:
                at = "not defined at the eigenvectors" if value is None else f"{value} at them"
                told = f"{shown}: {other} at U = {u.tolist()}, {at}"
                exact = more is None or more.is_Rational
                method = "exact rationals" if exact else "ball arithmetic, exact populations"
                grade = Grade.PROVED if exact else Grade.CERTIFIED
                return Outcome.refuted(method, "not the maximum", told, grade)
    return None


def _at(criterion: _Criterion, u: Matrix, within: Matrix, between: Matrix) -> Expr | None:
    inner = u.T * within * u
    if u.rank() < u.cols or inner.det() == 0:
        return None
    return criterion.objective(inner, u.T * between * u).doit()


def _generalised_eigenvectors(
    criterion: _Criterion, within: Matrix, between: Matrix, classes: int
) -> Matrix | None:
    """Of S_B v = lambda S_W v; None where S_W is singular on the top of them (lambda infinite)."""
    if within.det() == 0:
        return None
    pairs = [(value, v) for value, _, vs in (within.inv() * between).eigenvects() for v in vs]
    pairs.sort(key=cmp_to_key(_by_eigenvalue), reverse=criterion.top)
    count = max(1, classes - 1 - criterion.fewer)
    return Matrix.hstack(*(v for _, v in pairs[:count]))


def _by_eigenvalue(first: tuple[Expr, Matrix], second: tuple[Expr, Matrix]) -> int:
    return sign_at(first[0] - second[0], {})


def _two_classes_give_r(criterion: _Criterion) -> Outcome:
    """Balanced means +-mu: S_B = mu mu^T, so that U = S gives mu(S)^2 and sigma(S)^2."""
    mean, deviation = Symbol("mu", positive=True), Symbol("sigma", positive=True)
    between = theory.between_scatter(Matrix([[mean, -mean]]), Matrix([1, 1]) / 2)
    value = criterion.objective(Matrix([[deviation**2]]), between).doit()
    stated = criterion.at_two_classes.subs(Symbol("r", positive=True), deviation / mean)
    return identical(value, stated)


def _ratio_trace(within: Matrix, between: Matrix) -> Expr:
    return Trace(within.inv() * between)


def _trace_ratio(within: Matrix, between: Matrix) -> Expr:
    return Trace(between) / Trace(within)


_POSITIVE_Q = _Scaling(_q > 0)
_RATIO_TRACE = _Criterion(_ratio_trace, definite=True)

CLAIMS = (
    Claim(
        id="beck.prop-D1",
        printed=Variant(
            "For $\\ell(z, c) = |z - z^*_c|^2$ with $z^*_c = q e_c$ (up to a shift): accuracy is "
            "the same for any $q \\neq 0$.",
            _Scaling(Ne(_q, 0)),
        ),
        source="Beck et al. 2026, prop. D.1",
        hypotheses=("the minimiser, or that of least norm", "the class is the largest logit"),
        checks=(_exact_where_proved,),
        correction=Correction(
            Repair.HYPOTHESIS,
            Variant(
                "It is the same for any $q > 0$, and for any $q \\neq 0$ if the class is that of "
                "the nearest target; for $q < 0$ the largest logit is that of the class with the "
                "smallest one at $q > 0$. The shift is one number for all classes.",
                _POSITIVE_Q,
            ),
        ),
        controls=(
            Variant("q < 0", _Scaling(_q < 0)),
            Variant("q >= 0", _Scaling(_q >= 0)),
            Variant("a shift of one class only", _POSITIVE_Q._replace(other_shift=S.Zero)),
        ),
    ),
    Claim(
        id="beck.fisher-multi",
        printed=Variant(
            "The analogue of $r$ is Fisher's scatter ratio "
            "$\\mathrm{tr}((U^T S_W U)^{-1} U^T S_B U)$, "
            "$S_B = \\sum_c \\pi_c (\\mu_c - \\mu)(\\mu_c - \\mu)^T$, maximised by the top $K - 1$ "
            "generalised eigenvectors of $(S_B, S_W)$.",
            _RATIO_TRACE._replace(definite=False),
        ),
        source="Beck et al. 2026, eqs 26-27",
        hypotheses=(
            "not by machine: a basis E with E^T S_W E = 1 and E^T S_B E diagonal",
            "not by machine: p_i is the diagonal of a projector of rank K - 1",
        ),
        checks=(_two_classes_give_r, _eigenvectors_maximise),
        correction=Correction(
            Repair.HYPOTHESIS,
            Variant(
                "It is if $S_W$ is positive definite and $d \\geq K - 1$, with the maximum "
                "$\\mathrm{tr}(S_W^{-1} S_B)$; for two balanced classes with means $\\pm\\mu$ it "
                "is $1/r^2$, so that it is maximised where $r$ is minimised.",
                _RATIO_TRACE,
            ),
        ),
        controls=(
            Variant("the bottom eigenvectors", _RATIO_TRACE._replace(top=False)),
            Variant("K - 2 eigenvectors", _RATIO_TRACE._replace(fewer=1)),
            Variant("S_B not centred", _RATIO_TRACE._replace(centred=False)),
            Variant("tr(U^T S_B U)/tr(U^T S_W U)", _Criterion(_trace_ratio, definite=True)),
            Variant(
                "r^2 at two classes",
                _RATIO_TRACE._replace(at_two_classes=Symbol("r", positive=True) ** 2),
            ),
        ),
    ),
)
