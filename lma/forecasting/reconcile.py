"""Sectors that sum to their total: minimum-trace reconciliation (Wickramasuriya, Athanasopoulos, Hyndman
2019).

With one total over its sectors there is one constraint, total - sum of sectors = 0, and the minimum-trace
solution is closed: every forecast moves by its share of the gap, ``W c / (c' W c)`` with c = (1, -1, ...,
-1) and W the covariance of the one-step errors, shrunk to its diagonal (Schaefer and Strimmer 2005). That
is what the MinTrace class of hierarchicalforecast computes, without its import (matplotlib and numba-era
helpers, several seconds), and with forecasts that stay at zero or above, which its closed form does not
promise.
"""

from __future__ import annotations

import numpy as np

from lma.forecasting.series import Floats

FEWEST_ERRORS = 3


def shrink_covariance(errors: Floats) -> Floats:
    """Covariance of errors (rows: origins, columns: series) about zero, correlations shrunk towards none.

    The shrinkage is Schaefer and Strimmer's estimate, between 0 (as measured) and 1 (diagonal).
    """
    n = len(errors)
    covariance = errors.T @ errors / n
    spread = np.sqrt(np.diag(covariance))
    if n < FEWEST_ERRORS or not (spread > 0).all():
        return np.asarray(np.diag(np.diag(covariance)), dtype=np.float64)
    scaled = errors / spread
    correlation = scaled.T @ scaled / n
    noise = ((scaled**2).T @ (scaled**2) / n - correlation**2) / (n - 1)
    off = ~np.eye(len(spread), dtype=bool)
    signal = float((correlation[off] ** 2).sum())
    shrinkage = min(1.0, max(0.0, float(noise[off].sum()) / signal)) if signal > 0 else 1.0
    shrunk = np.where(off, (1 - shrinkage) * correlation, 1.0)
    return np.asarray(shrunk * np.outer(spread, spread), dtype=np.float64)


def reconcile_total(paths: Floats, covariance: Floats, *, not_negative: bool = True) -> Floats:
    """Paths (series, horizon), the total first, moved so that the others sum to it at every horizon.

    ``covariance``: (series, series) of one-step errors in the same order and unit; a series that never
    erred does not move. Where all is certain, or the shares are undefined, the gap is shared by size. With
    ``not_negative`` a sector that would fall below zero is held at zero and the rest is reconciled again.
    Nothing is mutated.
    """
    return np.column_stack(
        [_reconcile_one(paths[:, h], covariance, not_negative) for h in range(paths.shape[1])]
    )


def _reconcile_one(path: Floats, covariance: Floats, not_negative: bool) -> Floats:
    held = np.zeros(len(path), dtype=bool)
    out = path.copy()
    for _ in range(len(path)):
        out = np.where(held, 0.0, path)
        out = out + _shares(np.where(held, 0.0, 1.0), covariance, path) * (out[1:].sum() - out[0])
        below = (out < 0) & ~held
        if not (not_negative and below.any()):
            break
        held |= below
    out[0] = out[1:].sum()  # the sum to the last bit
    return out


def _shares(free: Floats, covariance: Floats, path: Floats) -> Floats:
    """By how much each free series moves when the sectors exceed the total by one."""
    sign = np.concatenate([[1.0], -np.ones(len(path) - 1)]) * free
    moved = (covariance @ sign) * free
    gap = float(sign @ moved)
    if gap <= 1e-12 * float(np.trace(covariance)) or not np.isfinite(gap):
        sizes = np.abs(path) * free
        sizes = sizes if sizes.sum() > 0 else free
        moved = sign * sizes
        gap = float(sizes.sum())
    return np.asarray(moved / gap, dtype=np.float64) if gap > 0 else np.zeros(len(path))
