"""Exponential smoothing of a whole panel at every origin at once, averaged over a grid of parameters.

Instead of searching the best parameters of each series at each origin anew, every series is smoothed once by
each member of a fixed grid, and at every period the members are weighted by how well they did so far: weight
~ (sum of squared one-step errors) ** (-n / 2), the Bayesian model average of Gaussian models with equal priors
(Hoeting et al. 1999, "Bayesian Model Averaging: A Tutorial"). The recursions are the additive damped trend and
simple exponential smoothing (Gardner 1985; Hyndman et al. 2008, *Forecasting with Exponential Smoothing*),
those of the season Holt and Winters'. A recursion sees the past only, so one pass gives the forecast at every
rolling origin; this is what makes an honest backtest of a panel affordable. statsforecast, the library for one
series at a time, fits each origin anew; docs/forecasting.md compares the two.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lma.forecasting.series import Floats

ALPHAS = (0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.95, 1.0)
BETAS = (0.05, 0.15, 0.3, 0.5, 0.8)
DAMPINGS = (0.8, 0.9, 0.98)
SEASON_ALPHAS = (0.2, 0.6)
SEASON_GAMMAS = (0.0, 0.1, 0.3, 0.6)
SEASON_BETA, SEASON_DAMPING = 0.1, 0.9
Rows = tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]  # series and period of each window

MEMBERS = ("averaged", "best", "level", "theta", "drift")


@dataclass(frozen=True)
class Smoothed:
    """What smoothing says at every period of every series, as (series, period) arrays in the unit of the
    series.

    ``level``, ``trends`` (series, period, damping): the damped trend, averaged over the grid; ``best_*``: its
    single best member; ``flat``: simple exponential smoothing, averaged; ``slope``: half the least-squares
    slope, the long line of Theta (Assimakopoulos and Nikolopoulos 2000); ``drift``: mean step since the start.
    """

    level: Floats
    trends: Floats
    best_level: Floats
    best_trend: Floats
    best_damping: Floats
    flat: Floats
    slope: Floats
    drift: Floats

    def path(self, member: str, rows: Rows, last: Floats, h: int) -> Floats:
        """Forecast h periods ahead of one of ``MEMBERS`` at the chosen (series, period) rows, in levels."""
        if member == "averaged":
            sums = np.array([_damped_sum(damping, h) for damping in DAMPINGS])
            return np.asarray(self.level[rows] + self.trends[rows] @ sums, dtype=np.float64)
        if member == "best":
            damping = self.best_damping[rows]
            reach = damping * (1 - damping**h) / (1 - damping)
            return np.asarray(self.best_level[rows] + self.best_trend[rows] * reach, dtype=np.float64)
        if member == "level":
            return np.asarray(self.flat[rows], dtype=np.float64)
        if member == "theta":
            return np.asarray(self.flat[rows] + self.slope[rows] * h, dtype=np.float64)
        return np.asarray(last + self.drift[rows] * h, dtype=np.float64)


def _damped_sum(damping: float, h: int) -> float:
    return damping * (1 - damping**h) / (1 - damping)


def smooth(values: Floats) -> Smoothed:
    """Smoothing of series (rows) of one length; a value beyond the end of a series changes nothing before it."""
    damped = _grid(ALPHAS, BETAS, DAMPINGS)
    n, length = values.shape
    level, trends = np.empty((n, length)), np.empty((n, length, len(DAMPINGS)))
    best = np.empty((3, n, length))
    for t, state in enumerate(_run(values, *damped)):
        at, slope, errors = state
        weights = _weights(errors, t)
        level[:, t] = (weights * at).sum(axis=1)
        trends[:, t] = (weights * slope).reshape(n, -1, len(DAMPINGS)).sum(axis=1)
        chosen = weights.argmax(axis=1)
        rows = np.arange(n)
        best[:, :, t] = at[rows, chosen], slope[rows, chosen], damped[2][chosen]
    flat = np.empty((n, length))
    for t, (at, _, errors) in enumerate(_run(values, np.array(ALPHAS), np.zeros(8), np.zeros(8))):
        flat[:, t] = (_weights(errors, t) * at).sum(axis=1)
    return Smoothed(level, trends, best[0], best[1], best[2], flat, _half_slope(values), _mean_step(values))


def _grid(*axes: tuple[float, ...]) -> tuple[Floats, ...]:
    """Every combination; the last axis runs fastest."""
    return tuple(axis.ravel() for axis in np.meshgrid(*map(np.array, axes), indexing="ij"))


def _run(
    values: Floats, alpha: Floats, beta: Floats, damping: Floats
) -> Iterator[tuple[Floats, Floats, Floats]]:
    """Level, trend and sum of squared one-step errors (series, member) after every period."""
    level = np.repeat(values[:, :1], len(alpha), axis=1)
    trend, errors = np.zeros_like(level), np.zeros_like(level)
    gain = alpha * beta
    yield level, trend, errors
    for t in range(1, values.shape[1]):
        trend = damping * trend
        level = level + trend
        error = values[:, t, None] - level
        level, trend, errors = level + alpha * error, trend + gain * error, errors + error * error
        yield level, trend, errors


def _weights(errors: Floats, steps: int) -> Floats:
    """Weights of the members by their errors over so many steps; equal where nobody erred."""
    floor = np.maximum(errors.max(axis=1, keepdims=True) * 1e-9, np.finfo(float).tiny)
    likelihood = -0.5 * steps * np.log(np.maximum(errors, floor))
    weights = np.exp(likelihood - likelihood.max(axis=1, keepdims=True))
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), dtype=np.float64)


def _half_slope(values: Floats) -> Floats:
    """Half the least-squares slope of everything up to each period; zero at the first."""
    x = np.arange(values.shape[1], dtype=np.float64)
    centred = values - values[:, :1]
    count = x + 1
    sums, cross = np.cumsum(centred, axis=1), np.cumsum(centred * x, axis=1)
    spread = np.cumsum(x * x) - np.cumsum(x) ** 2 / count
    slope = (cross - np.cumsum(x) * sums / count) / np.where(spread > 0, spread, np.inf)
    return np.asarray(slope / 2, dtype=np.float64)


def _mean_step(values: Floats) -> Floats:
    steps = np.arange(values.shape[1], dtype=np.float64)
    return np.asarray((values - values[:, :1]) / np.maximum(steps, 1.0), dtype=np.float64)


# ---------------------------------------------------------------- the season


def remove_season(values: Floats, season: int) -> tuple[Floats, Floats]:
    """Values without their season, and the season of the next ``season`` periods, as known at every period.

    Returns (series, period) and (series, period, season): ``[:, t, k]`` is the effect on period t + 1 + k. Each
    period is adjusted by the season known then (Holt and Winters, additive), never by one learnt later; only
    the first two seasons, of which no origin is one, share their mean pattern. The members of the grid, among
    them that there is no season at all, are weighted as in ``smooth``.
    """
    n, length = values.shape
    if season == 1 or length < 2 * season:
        return values, np.zeros((n, length, max(season, 1)))
    alpha, gamma = _grid(SEASON_ALPHAS, SEASON_GAMMAS)
    first = values[:, : 2 * season].reshape(n, 2, season)
    pattern = (first - first.mean(axis=2, keepdims=True)).mean(axis=1)
    effects = pattern[:, None, :] * (gamma > 0)[None, :, None]
    level = np.repeat(first[:, 0].mean(axis=1)[:, None], len(alpha), axis=1)
    trend, errors = np.zeros_like(level), np.zeros_like(level)
    adjusted, ahead = np.empty((n, length)), np.empty((n, length, season))
    for t in range(length):
        phase = t % season
        expected = level + SEASON_DAMPING * trend
        error = values[:, t, None] - expected - effects[:, :, phase]
        level = expected + alpha * error
        trend = SEASON_DAMPING * trend + alpha * SEASON_BETA * error
        if t >= 2 * season:
            effects[:, :, phase] += gamma * (1 - alpha) * error
            errors = errors + error * error
        weights = _weights(errors, max(t - 2 * season + 1, 0))
        mean = np.einsum("ng,ngs->ns", weights, effects)
        adjusted[:, t] = values[:, t] - mean[:, phase]
        ahead[:, t] = np.roll(mean, -(phase + 1), axis=1)
    return adjusted, ahead
