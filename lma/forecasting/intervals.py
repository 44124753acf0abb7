"""Intervals from our own rolling-origin errors: centred quantiles of error / scale, pooled over the panel.

Model-based intervals cover far too little on short annual series; these are split-conformal (Vovk et al.
2005; Lei et al. 2018, finite-sample order statistic) with a scale per series, so that series of any size
share a pool.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from lma.forecasting.series import Floats

LEVELS = (0.025, 0.1, 0.5, 0.9, 0.975)
RECENT_STEPS = 8
SMALL_POOL = 60


@dataclass(frozen=True)
class Offsets:
    """Quantiles of scaled errors: ``values`` (horizon, level) and from how many errors each horizon's came.

    ``across_horizons``: the horizon's own pool was too small, errors of all horizons stand in by the square
    root of the horizon.
    """

    values: Floats
    n_errors: tuple[int, ...]
    across_horizons: tuple[bool, ...]


def running_scale(history: Floats) -> Floats:
    """Scale at every period: sqrt(mean absolute step of all history x of the last 8 steps), from the past
    only.

    Where the last 8 steps are all zero the mean over all history stands alone; a constant history has scale
    0.
    """
    steps = np.cumsum(np.abs(np.diff(history, prepend=history[:1])))
    count = np.arange(len(history))
    overall = steps / np.maximum(count, 1)
    recent = (steps - steps[np.maximum(count - RECENT_STEPS, 0)]) / np.maximum(
        np.minimum(count, RECENT_STEPS), 1
    )
    negligible = recent <= overall * 1e-9
    return np.asarray(np.where(negligible, overall, np.sqrt(overall * recent)), dtype=np.float64)


def conformal_quantile(errors: Floats, level: float) -> float:
    """Signed quantile with the finite-sample correction: the ceil((n + 1) x level)-th smallest error.

    Where n is too small for the level, the outermost error is stretched by the ratio of normal scores.
    """
    if level == 0.5:
        return float(np.median(errors))
    if level < 0.5:
        return -conformal_quantile(-errors, round(1 - level, 6))
    n = len(errors)
    rank = int(np.ceil((n + 1) * level - 1e-9))
    ordered = np.sort(errors)
    if rank <= n:
        return float(ordered[rank - 1])
    return float(max(ordered[-1], 0.0)) * _normal_score(level) / _normal_score(n / (n + 1))


def _normal_score(level: float) -> float:
    return max(NormalDist().inv_cdf(level), 0.1)


def error_offsets(scaled_errors: Floats, horizon: int) -> Offsets:
    """Offsets for horizons 1..horizon from scaled errors (rows, scored horizons), NaN where unknown.

    Outer quantiles never move inwards with the horizon; beyond the scored horizons they grow with its
    square root.
    """
    scored = scaled_errors.shape[1]
    root = np.sqrt(np.arange(1, scored + 1))
    per_step = (scaled_errors / root)[np.isfinite(scaled_errors)]
    quantiles, counts, borrowed = [], [], []
    for h in range(1, horizon + 1):
        own = scaled_errors[:, min(h, scored) - 1]
        own = own[np.isfinite(own)] * np.sqrt(max(h / scored, 1.0))
        use_all = len(own) < SMALL_POOL
        pool = per_step * np.sqrt(h) if use_all else own
        quantiles.append(_quantiles(pool, h))
        counts.append(len(pool))
        borrowed.append(use_all)
    return Offsets(_widening(np.array(quantiles)), tuple(counts), tuple(borrowed))


def _quantiles(pool: Floats, h: int) -> list[float]:
    if len(pool) == 0:  # constant until yesterday: no error was ever made, so the random walk's own spread
        return [
            0.0
            if q == 0.5
            else float(np.sign(q - 0.5)) * _normal_score(max(q, 1 - q)) * float(np.sqrt(h * np.pi / 2))
            for q in LEVELS
        ]
    # Centred: the median error of the pool is the common drift of other series, which says nothing of this
    # one. Left in, it would move the published median away from the published mean.
    centred = pool - np.median(pool)
    return [conformal_quantile(centred, level) for level in LEVELS]


def _widening(quantiles: Floats) -> Floats:
    out = np.empty_like(quantiles)
    out[:, :2] = np.minimum.accumulate(np.minimum(quantiles[:, :2], 0.0), axis=0)
    out[:, 3:] = np.maximum.accumulate(np.maximum(quantiles[:, 3:], 0.0), axis=0)
    out[:, 0], out[:, 4] = np.minimum(out[:, 0], out[:, 1]), np.maximum(out[:, 4], out[:, 3])
    out[:, 2] = np.clip(quantiles[:, 2], out[:, 1], out[:, 3])
    return out


def place_quantiles(mean: Floats, offsets: Offsets, scale: float, *, not_negative: bool) -> Floats:
    """Quantiles (horizon, level) around a path: ordered, never narrower later, not negative where asked."""
    raw = mean[:, None] + offsets.values[: len(mean)] * scale
    return tidy_quantiles(raw, not_negative=not_negative)


def tidy_quantiles(raw: Floats, *, not_negative: bool) -> Floats:
    """Same quantiles, cut at zero where asked, and with the upper ends raised where the cut made a later
    one narrower.
    """
    out = np.maximum(raw, 0.0) if not_negative else raw.copy()
    out = np.maximum.accumulate(out, axis=1)
    out[:, 3] = out[:, 1] + np.maximum.accumulate(out[:, 3] - out[:, 1])
    out[:, 4] = np.maximum(out[:, 3], out[:, 4])
    out[:, 4] = out[:, 0] + np.maximum.accumulate(out[:, 4] - out[:, 0])
    return np.asarray(out, dtype=np.float64)
