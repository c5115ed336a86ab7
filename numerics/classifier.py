"""The regularised linear classifier as a scikit-learn estimator."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import issparse

from ..errors import DataError, MissingDependencyError
from .alignment import AlignmentCertificate, alignment
from .fit import fit
from .losses import check_alpha
from .probabilities import posterior, require_sign

try:
    from sklearn.base import BaseEstimator, ClassifierMixin
    from sklearn.utils.multiclass import check_classification_targets
    from sklearn.utils.validation import check_is_fitted, column_or_1d, validate_data
except ImportError as error:
    raise MissingDependencyError(
        "LogitRegularizedClassifier is an estimator of scikit-learn, of which 1.6 or newer was not "
        "found; run: pip install 'logitreg[sklearn]'"
    ) from error

__all__ = ["LogitRegularizedClassifier"]

_FLOATS = (np.float64, np.float32)


class LogitRegularizedClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Linear classifier that minimises (1 - alpha) cross-entropy + alpha f over the logits.

    With alpha > 0 the minimiser is finite for separable data too, and no penalty on the weights is
    needed; scaling or mixing linearly independent features does not change the predictions.

    Parameters
    ----------
    penalty : name, expression or Penalty, as in :func:`logitreg.fit`. By default label smoothing:
        its form for K classes agrees with that for two, and the posterior that belongs to given
        logits, (softmax - alpha/K)/(1 - alpha), sums to one whatever their common level.
    alpha : strength in [0, 1); 0 is logistic regression without a penalty.
    fit_intercept : whether the logits have an intercept, on which the penalty acts too.
    max_iter : limit on Newton steps.
    on_separable : where alpha = 0 and the classes are separable, raise SeparableError, or take the
        max-margin separator (``"max-margin"``).

    Attributes
    ----------
    coef_ : (1, n_features) for two classes, (n_classes, n_features) for more; float32 if X is.
    intercept_ : (1,) or (n_classes,).
    classes_ : (n_classes,) the sorted labels; 0..K-1 if the labels are distributions.
    n_iter_ : Newton steps.
    n_features_in_, feature_names_in_ : of the X that was fitted, as everywhere in scikit-learn.
    support_ : the samples that hold the max-margin separator; None unless it was taken.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.array([[-2.0], [-1.0], [1.0], [2.0]])
    >>> model = LogitRegularizedClassifier(alpha=0.2).fit(X, ["no", "no", "yes", "yes"])
    >>> model.predict([[0.5]]).tolist()
    ['yes']
    >>> model.predict_proba([[0.0], [0.5]]).round(3)
    array([[0.5  , 0.5  ],
           [0.285, 0.715]])
    """

    def __init__(
        self,
        penalty: Any = "label-smoothing",
        alpha: float = 0.1,
        *,
        fit_intercept: bool = True,
        max_iter: int = 200,
        on_separable: Literal["raise", "max-margin"] = "raise",
    ) -> None:
        self.penalty = penalty
        self.alpha = alpha
        self.fit_intercept = fit_intercept
        self.max_iter = max_iter
        self.on_separable = on_separable

    def fit(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> LogitRegularizedClassifier:
        """Find the minimiser, to rounding level.

        Parameters
        ----------
        X : (n_samples, n_features) real numbers, dense.
        y : (n_samples,) labels of at least two classes; or (n_samples, n_classes) distributions
            over the classes 0..K-1, K >= 2, rows that sum to one.
        sample_weight : (n_samples,) non-negative; a weight of 2 counts as the same sample twice.

        Raises
        ------
        DataError : y holds one class, or two columns or more that are no distributions.
        UnsupportedPenaltyError : see :func:`logitreg.numerics.probabilities.require_sign`.
        SeparableError, NotConvergedError, AlphaError, ShapeError, NonFiniteError
        """
        features, given = validate_data(self, X, y, dtype=_FLOATS, multi_output=True)
        classes, labels = _classes_and_labels(given)
        if len(classes) == 2:
            require_sign(self.penalty, check_alpha(self.alpha, zero=True))
        result = fit(
            features,
            labels,
            penalty=self.penalty,
            alpha=self.alpha,
            bias=self.fit_intercept,
            sample_weight=sample_weight,
            on_separable=self.on_separable,
            max_iter=self.max_iter,
        )
        self.classes_ = classes
        self.coef_ = np.atleast_2d(result.weights)
        self.intercept_ = np.zeros(len(self.coef_), dtype=self.coef_.dtype)
        if self.fit_intercept:
            self.intercept_[:] = result.bias
        self.n_iter_ = result.iterations
        self.support_ = result.support
        return self

    def decision_function(self, X: ArrayLike) -> NDArray[Any]:
        """The logits: (n_samples,) of the second class for two, else (n_samples, n_classes)."""
        check_is_fitted(self)
        features = validate_data(self, X, dtype=_FLOATS, reset=False)
        logits = features @ self.coef_.T + self.intercept_
        return np.asarray(logits[:, 0] if len(self.classes_) == 2 else logits)

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """(n_samples,) the class of the largest logit."""
        best = _largest(self.decision_function(X))
        return np.asarray(self.classes_[best])

    def predict_proba(self, X: ArrayLike) -> NDArray[Any]:
        """(n_samples, n_classes) the probabilities for which these logits would be the best ones.

        The penalty pulls the logits back, so that their softmax is too timid; here that is undone,
        see :func:`logitreg.numerics.probabilities.posterior`. They are consistent if the best
        logits of the true probabilities are linear in X. A logit at the target or beyond it means
        certainty: where the classes are far apart, probabilities of exactly 0 and 1 are common, and
        a log loss that is infinite. They are 0 and 1 everywhere for a max-margin separator, along
        which the logits of gradient descent grow for ever.
        """
        logits = self.decision_function(X)
        if self.support_ is not None:
            return np.eye(len(self.classes_), dtype=logits.dtype)[_largest(logits)]
        probabilities = posterior(logits, penalty=self.penalty, alpha=self.alpha)
        if logits.ndim == 1:
            probabilities = np.stack([1 - probabilities, probabilities], axis=1)
        return np.asarray(probabilities)

    def score(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """The mean accuracy; for distributions, the mean share of the predicted class."""
        if np.ndim(y) != 2 or np.shape(y)[1] == 1:
            return float(super().score(X, y, sample_weight))
        columns = _largest(self.decision_function(X))
        shares = np.take_along_axis(np.asarray(y), columns[:, None], axis=1)
        weights = None if sample_weight is None else np.asarray(sample_weight)
        return float(np.average(shares[:, 0], weights=weights))

    def fisher_alignment(self, X: ArrayLike, y: ArrayLike) -> AlignmentCertificate:
        """Certify the angle between the weights and Fisher's discriminant of labelled data.

        See :func:`logitreg.alignment`, which says what it raises.
        """
        check_is_fitted(self)
        binary = len(self.classes_) == 2
        bias = (self.intercept_[0] if binary else self.intercept_) if self.fit_intercept else None
        return alignment(
            X,
            self.coef_[0] if binary else self.coef_,
            y,
            penalty=self.penalty,
            alpha=self.alpha,
            bias=bias,
        )


def _largest(logits: NDArray[Any]) -> NDArray[np.intp]:
    """The position of the class of the largest logit in each sample."""
    return (logits > 0).astype(np.intp) if logits.ndim == 1 else np.argmax(logits, axis=1)


def _classes_and_labels(y: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """The classes, and labels as :func:`logitreg.fit` takes them."""
    if issparse(y):
        raise DataError("y is sparse; expected a dense array; use y.toarray()")
    if y.ndim == 2 and y.shape[1] > 1:
        return np.arange(y.shape[1]), y
    labels = column_or_1d(y, warn=True)
    check_classification_targets(labels)
    classes, codes = np.unique(labels, return_inverse=True)
    if len(classes) < 2:
        raise DataError(
            f"y holds one class, {classes[0]}; expected at least two classes; check how the "
            "samples were selected"
        )
    return classes, codes
