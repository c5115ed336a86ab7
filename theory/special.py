"""The r-Lambert function W_r(y): the solution w of w (exp(w) + r) = y."""

from __future__ import annotations

from typing import Any

import mpmath
from mpmath.libmp import prec_to_dps
from sympy import Expr, Float, Function, LambertW, Number, O, exp, log, oo
from sympy.core.function import ArgumentIndexError

__all__ = ["RLambertW"]


class RLambertW(Function):  # type: ignore[misc]
    r"""W_r(y), the solution w >= 0 of w e^w + r w = y, for r >= 0 and y >= 0.

    The left side increases strictly on w >= 0 from 0 to infinity, so the solution exists and is
    unique; r = 0 gives Lambert's W. Source: Mezo and Baricz, "On the generalization of the Lambert
    W function", Trans. Amer. Math. Soc. 369 (2017).

    Parameters
    ----------
    r : the coefficient of the linear term, non-negative.
    y : the argument, non-negative.

    Examples
    --------
    >>> from sympy import Symbol, LambertW
    >>> y = Symbol("y", positive=True)
    >>> RLambertW(0, y)
    LambertW(y)
    >>> RLambertW(1, y).diff(y)
    1/((RLambertW(1, y) + 1)*exp(RLambertW(1, y)) + 1)
    >>> RLambertW(1, y).series(y, 0, 3)
    y/2 - y**2/8 + O(y**3)
    >>> RLambertW(1, 2).evalf(20)
    0.67483161434239935090
    """

    nargs = 2

    @classmethod
    def eval(cls, r: Expr, y: Expr) -> Expr | None:
        if y.is_zero:
            return y * 0
        if r.is_zero and y.is_extended_nonnegative:
            return LambertW(y)
        if y is oo and r.is_nonnegative:
            return oo
        return None

    def fdiff(self, argindex: int = 1) -> Expr:
        """The derivative from the implicit-function theorem."""
        r = self.args[0]
        slope = exp(self) * (1 + self) + r
        if argindex == 1:
            return -self / slope
        if argindex == 2:
            return 1 / slope
        raise ArgumentIndexError(self, argindex)

    def _eval_is_extended_real(self) -> bool | None:
        return self._arguments_admitted()

    def _eval_is_finite(self) -> bool | None:
        r, y = self.args
        return True if self._arguments_admitted() and r.is_finite and y.is_finite else None

    def _eval_is_nonnegative(self) -> bool | None:
        return self._arguments_admitted()

    def _eval_is_positive(self) -> bool | None:
        return True if self._arguments_admitted() and self.args[1].is_positive else None

    def _eval_is_zero(self) -> bool | None:
        return self.args[1].is_zero if self._arguments_admitted() else None

    def _arguments_admitted(self) -> bool | None:
        r, y = self.args
        return True if r.is_nonnegative and y.is_extended_nonnegative else None

    def _eval_evalf(self, prec: int) -> Expr | None:
        # evalf, unlike _eval_evalf, works around cancellation in the arguments.
        r, y = (argument.evalf(prec_to_dps(prec + 20)) for argument in self.args)
        if not (isinstance(r, Number) and isinstance(y, Number) and r >= 0 and y >= 0):
            return None
        if not (r.is_finite and y.is_finite):
            return None
        with mpmath.workprec(prec + 20):
            root = _root(r._to_mpmath(prec + 20), y._to_mpmath(prec + 20))
        return Float._new(root._mpf_, prec)

    def _eval_rewrite_as_LambertW(self, r: Expr, y: Expr, **kwargs: Any) -> Expr:  # noqa: N802
        return LambertW(y) if r.is_zero else self

    def _eval_rewrite_as_log(self, r: Expr, y: Expr, **kwargs: Any) -> Expr:
        """The logarithmic form w = log(y/w - r), from which the expansion at infinity follows."""
        return log(y / self - r)

    def _eval_aseries(self, n: int, args0: Any, x: Expr, logx: Expr) -> Expr:
        """For y -> oo, r bounded: log y - log log y + log log y/log y; r enters below each term."""
        if args0[1] is not oo or not args0[0].is_finite:
            return super()._eval_aseries(n, args0, x, logx)
        outer = log(self.args[1])
        inner = log(outer)
        return outer - inner + inner / outer + O((inner / outer) ** 2, (x, oo))


def _root(r: mpmath.mpf, y: mpmath.mpf) -> mpmath.mpf:
    """Newton from the right of the root: the left side is convex, so the steps never cross it."""
    w = mpmath.log1p(y)
    for _ in range(10 * mpmath.mp.prec):
        e = mpmath.exp(w)
        step = (w * (e + r) - y) / (e * (1 + w) + r)
        w -= step
        if abs(step) <= abs(w) * mpmath.mpf(2) ** (-mpmath.mp.prec + 8):
            return w
    raise ArithmeticError(f"no convergence of the r-Lambert function at r = {r}, y = {y}")
