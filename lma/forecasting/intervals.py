"""Intervals from our own rolling-origin errors: quantiles of error / (scale x expected spread), pooled over the
panel.

Model-based intervals cover far too little on short annual series; these are split-conformal (Vovk et al. 2005;
Lei et al. 2018, finite-sample order statistic) with a scale per series and a spread that a regression expects
from the shape of its history (locally weighted conformal inference, Lei et al. 2018 section 5.2). Errors of one
year are not independent: what n series did in k years is nearer to k observations of a common shock, so the
quantiles are widened as a Student's t is wider than the normal (``widen_for_shocks``).
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from lma.forecasting.series import Floats, Frequency

if TYPE_CHECKING:
    from lma.forecasting.features import Windows

LEVELS = (0.025, 0.1, 0.25, 0.5, 0.75, 0.9, 0.975)
RECENT_STEPS = 8
SMALL_POOL = 60
ENOUGH_FOR_SPREAD = 500
MOST_ERRORS = 20_000
YEARS_CALIBRATED = 30
SPREAD_PENALTY = 100.0
FEWEST_DEGREES = 3.0
SMALLEST_ERROR = 0.1
TRENDED = (0, 1, 3, 4)  # smoothers with a trend: their disagreement tells an uncertain one
LARGEST_ERROR = 100.0  # one error in a thousand: a series that leaps must not speak for a small panel


@dataclass(frozen=True)
class Calibration:
    """Quantiles of scaled errors by horizon, and the regression of their spread where one was made.

    ``quantiles`` (horizon, level), in expected spreads; ``spreads``: coefficients by horizon, the constant
    last, or None where the pool was too small and the spread is that of the scale. ``n_errors``: from how many
    errors; ``across_horizons``: the horizon's own pool was too small, errors of all horizons stand in by the
    square root of the horizon, each with either sign: so few errors do not tell that one side is safe.
    """

    quantiles: Floats
    spreads: tuple[Floats | None, ...]
    n_errors: tuple[int, ...]
    across_horizons: tuple[bool, ...]

    def offsets(self, windows: Windows, changes: Floats, rows: npt.NDArray[np.int64]) -> Floats:
        """What to add to a forecast, in scales: (rows, horizon, level), wider with the horizon.

        ``changes`` (all windows, horizon): the scaled changes of the engine, which the spread depends on.
        """
        out = np.empty((len(rows), len(self.quantiles), len(LEVELS)))
        near = changes.shape[1]
        for h in range(1, len(self.quantiles) + 1):
            spread = np.ones(len(rows))
            coefficients = self.spreads[h - 1]
            if coefficients is not None:
                spread = _expected(coefficients, windows, changes, min(h, near), rows)
            out[:, h - 1] = self.quantiles[h - 1] * spread[:, None]
        return _widening(out)


def running_scale(history: Floats) -> Floats:
    """Scale at every period (last axis): sqrt(mean absolute step of all history x of the last 8 steps), from
    the past only.

    Where the last 8 steps are all zero the mean over all history stands alone; a constant history has scale
    0.
    """
    steps = np.cumsum(np.abs(np.diff(history, prepend=history[..., :1])), axis=-1)
    count = np.arange(history.shape[-1])
    overall = steps / np.maximum(count, 1)
    recent = (steps - steps[..., np.maximum(count - RECENT_STEPS, 0)]) / np.maximum(
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


# ---------------------------------------------------------------- calibration


def spread_features(
    windows: Windows, changes: Floats, h: int, rows: npt.NDArray[np.int64] | slice = slice(None)
) -> Floats:
    """What the spread of errors h periods ahead may depend on: shape, disagreement, and size of the change."""
    shape = windows.shape[rows]
    smoothers = np.array([windows.paths[place, rows, h - 1] for place in TRENDED])
    disagreement = np.log(np.std(smoothers, axis=0) + 0.05)
    size = np.log(np.abs(np.nan_to_num(changes[rows, h - 1])) + 0.1)
    return np.column_stack([shape, np.abs(shape[:, :8]), np.clip(disagreement, -5, 5), np.clip(size, -5, 5)])


def calibrate(
    windows: Windows, errors: Floats, changes: Floats, origin: int, horizon: int, freq: Frequency
) -> Calibration:
    """Quantiles for horizons 1..horizon from errors (windows, near horizons) known at the origin.

    ``errors``: in scales, NaN where there is none; those of the last 30 years count, of windows long enough
    to be forecast. Beyond the near horizons the quantiles grow with the square root.
    """
    near = errors.shape[1]
    errors = np.clip(errors, -LARGEST_ERROR, LARGEST_ERROR)
    quantiles, spreads, counts, borrowed = [], [], [], []
    for h in range(1, near + 1):
        rows = _known_errors(windows, errors, h, origin, freq)
        if len(rows) < SMALL_POOL:
            pool, periods = _errors_of_all_horizons(windows, errors, h, origin)
            quantile, spread = _quantiles(np.concatenate([pool, -pool]), h), None
        else:
            pool, periods = errors[rows, h - 1], len(np.unique(windows.period[rows]))
            spread = _fit_spread(windows, changes, rows, pool, h)
            quantile = _quantiles(
                pool if spread is None else pool / _expected(spread, windows, changes, h, rows), h
            )
        quantiles.append(quantile * widen_for_shocks(periods, h))
        spreads.append(spread)
        counts.append(len(pool))
        borrowed.append(len(rows) < SMALL_POOL)
    at = [min(h, near) - 1 for h in range(1, horizon + 1)]
    growth = np.sqrt(np.maximum(np.arange(1, horizon + 1) / near, 1.0))
    return Calibration(
        np.array(quantiles)[at] * growth[:, None],
        tuple(spreads[k] for k in at),
        tuple(counts[k] for k in at),
        tuple(borrowed[k] for k in at),
    )


def widen_for_shocks(periods: int, h: int) -> Floats:
    """Factor per level: Student's t over the normal quantile, with 2 x periods / h degrees of freedom.

    Errors h ahead of one period share its shock, and those of neighbouring origins overlap; so many periods
    are so many observations of it, however many series there are. At least three degrees.
    """
    from scipy.special import ndtri, stdtrit

    tails = np.array([max(level, 1 - level) for level in LEVELS])
    with np.errstate(invalid="ignore"):  # the median, 0 / 0, is the forecast itself
        factor = stdtrit(max(2 * periods / h, FEWEST_DEGREES), tails) / ndtri(tails)
    return np.asarray(np.where(tails > 0.5, factor, 1.0), dtype=np.float64)


def _known_errors(
    windows: Windows, errors: Floats, h: int, origin: int, freq: Frequency
) -> npt.NDArray[np.int64]:
    due = windows.period + h
    known = (
        (due <= origin)
        & (due > origin - YEARS_CALIBRATED * freq.season)
        & (windows.length >= freq.min_points)
    )
    rows = np.flatnonzero(known & np.isfinite(errors[:, h - 1]))
    return rows[:: len(rows) // MOST_ERRORS + 1]


def _errors_of_all_horizons(windows: Windows, errors: Floats, h: int, origin: int) -> tuple[Floats, int]:
    """Errors of every horizon known at the origin, brought to horizon h by the square root, and their periods."""
    steps = np.arange(1, errors.shape[1] + 1)
    due = windows.period[:, None] + steps
    known = np.isfinite(errors) & (due <= origin)
    scaled = errors * np.sqrt(h / steps)
    return scaled[known], len(np.unique(due[known]))


def _fit_spread(
    windows: Windows, changes: Floats, rows: npt.NDArray[np.int64], errors: Floats, h: int
) -> Floats | None:
    if len(rows) < ENOUGH_FOR_SPREAD:
        return None
    from sklearn.linear_model import Ridge

    target = np.log(np.abs(errors) + SMALLEST_ERROR)
    model = Ridge(alpha=SPREAD_PENALTY, solver="cholesky").fit(
        spread_features(windows, changes, h, rows), target
    )
    return np.append(model.coef_, model.intercept_)


def _expected(
    spread: Floats, windows: Windows, changes: Floats, h: int, rows: npt.NDArray[np.int64]
) -> Floats:
    features = spread_features(windows, changes, h, rows)
    return np.asarray(np.exp(np.clip(features @ spread[:-1] + spread[-1], -5.0, 5.0)), dtype=np.float64)


def _quantiles(pool: Floats, h: int) -> Floats:
    """Quantiles of a pool; the median is the forecast itself, which minimises absolute errors already."""
    if len(pool) == 0:  # constant until yesterday: no error was ever made, so the random walk's own spread
        spread = float(np.sqrt(h * np.pi / 2))
        return np.array([0.0 if q == 0.5 else NormalDist().inv_cdf(q) * spread for q in LEVELS])
    return np.array([0.0 if level == 0.5 else conformal_quantile(pool, level) for level in LEVELS])


def _widening(offsets: Floats) -> Floats:
    """Offsets (rows, horizon, level): the lower ones below zero, the upper above, none nearer at a later horizon."""
    middle = LEVELS.index(0.5)
    low = np.minimum.accumulate(np.minimum(offsets[..., :middle], 0.0), axis=1)
    high = np.maximum.accumulate(np.maximum(offsets[..., middle + 1 :], 0.0), axis=1)
    low = np.minimum.accumulate(low[..., ::-1], axis=2)[..., ::-1]
    high = np.maximum.accumulate(high, axis=2)
    return np.concatenate([low, offsets[..., middle : middle + 1], high], axis=2)


def tidy_quantiles(raw: Floats, *, not_negative: bool) -> Floats:
    """Quantiles (horizon, level) in order, cut at zero where asked, and with the upper ends raised where the
    cut made a later interval narrower.
    """
    out = np.maximum(raw, 0.0) if not_negative else raw.copy()
    out = np.maximum.accumulate(out, axis=1)
    middle, last = LEVELS.index(0.5), len(LEVELS) - 1
    for upper in range(middle + 1, last + 1):
        lower = last - upper
        out[:, upper] = np.maximum(out[:, upper], out[:, upper - 1])
        out[:, upper] = out[:, lower] + np.maximum.accumulate(out[:, upper] - out[:, lower])
    return np.asarray(out, dtype=np.float64)
