"""Sectors that sum, in every draw, to a total whose distribution is the published one.

Two steps. The correlation of the sectors is raised (a factor common to all) until the spread of their sum is
that of the total, which leaves every sector's own quantiles as published. What still differs is carried to
the sectors along their regression on the sum: the draw with the k-th smallest sum gets the k-th smallest
value of the total. Probabilistic reconciliation after Panagiotelis et al. (2023), European Journal of
Operational Research 306; the choice of these two steps is an own default.
"""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


def find_common_weight(correlation: Array, spreads: Array, total_spread: Array) -> float:
    """Weight in 0..1 of a common factor with which the sum of the sectors spreads as the total does.

    ``correlation``: (sectors, sectors). ``spreads``: (sectors, years), width of each sector's distribution.
    ``total_spread``: (years,) of the total. With weight w the variance of the sum is (1 - w) s'Cs + w (sum of
    s)^2, summed over the years; 0 where the sectors alone spread as much, 1 where nothing suffices.
    """
    alone = float(np.einsum("iy,ij,jy->", spreads, correlation, spreads))
    together = float(np.square(spreads.sum(axis=0)).sum())
    missing = float(np.square(total_spread).sum()) - alone
    return min(max(missing / (together - alone), 0.0), 1.0) if together - alone > 1e-9 * together else 0.0


def raise_correlation(correlation: Array, weight: float) -> Array:
    """The correlation with ``weight`` of a factor that is common to all sectors."""
    raised: Array = (1 - weight) * correlation + weight * np.ones_like(correlation)
    return raised


def rank_values(values: Array) -> npt.NDArray[np.intp]:
    """Rank of each value, ties in their own order; rounded so that the last digit decides nothing."""
    order = np.argsort(np.round(values, 6), kind="stable")
    return np.argsort(order, kind="stable")


def order_scores(values: Array) -> Array:
    """Normal score of each value's rank."""
    normal, n = NormalDist(), len(values)
    scores: Array = np.array([normal.inv_cdf((i + 0.5) / n) for i in range(n)])[rank_values(values)]
    return scores


def accumulate_anew(scores: Array, factor: Array, own_factor: Array) -> Array:
    """Scores (draws, years) whose yearly surprises accumulate by ``own_factor`` instead of ``factor``.

    Both are lower Cholesky factors (years, years) of correlations between years. The surprises behind the scores
    stay the same, so the result moves with the scores as closely as the two correlations allow.
    """
    surprises = np.zeros_like(scores)
    for k in range(scores.shape[1]):
        rest = scores[:, k] - np.einsum("dj,j->d", surprises[:, :k], factor[k, :k])
        surprises[:, k] = rest / factor[k, k]
    anew: Array = np.einsum("dj,kj->dk", surprises, own_factor)
    return anew


def find_loadings(drawn: Array) -> Array:
    """Share of each sector in a change of the sum: its regression on the sum; not negative, sums to one.

    ``drawn``: (draws, sectors). Where nothing varies, the share in the mean.
    """
    away = drawn - drawn.mean(axis=0)
    together = np.maximum(np.einsum("ds,d->s", away, away.sum(axis=1)), 0.0)
    weights = together if together.sum() > 0 else drawn.mean(axis=0)
    n_sectors = drawn.shape[1]
    loadings: Array = weights / weights.sum() if weights.sum() > 0 else np.full(n_sectors, 1 / n_sectors)
    return loadings


def fit_total(drawn: Array, total: Array) -> Array:
    """Sectors (draws, sectors) moved so that they sum to ``total`` (draws,) in every draw; never negative.

    Differences go to the sectors by their loadings; a sector that would fall below zero stays at zero and the
    others bear its part in proportion.
    """
    moved = np.maximum(drawn + (total - drawn.sum(axis=1))[:, None] * find_loadings(drawn), 0.0)
    summed = moved.sum(axis=1)
    factor = np.divide(total, summed, out=np.zeros_like(total), where=summed > 0)
    fitted: Array = moved * factor[:, None]
    return fitted
