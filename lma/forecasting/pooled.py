"""The model trained across the panel: one robust linear regression per horizon on the windows of all series.

Least absolute deviations with a ridge penalty, by iteratively reweighted scikit-learn ``Ridge`` (Schlossmacher
1973, JASA 68): squares would let the few series that jump speak for all. Every calendar period weighs the same,
however many series it has: what happened in one year to a thousand series is nearer to one event than to a
thousand, and without it the model learns the last boom by heart. Windows whose target is dated after the origin
are not seen, in any series.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lma.forecasting.features import CLIP, Windows
from lma.forecasting.series import Floats

FEWEST_WINDOWS, FEWEST_PERIODS = 60, 8
MOST_WINDOWS = 20_000
PENALTY = 10_000.0
NEAR = 5  # horizons whose smoothed paths every horizon's regression sees
LARGEST_PATH = 2 * CLIP
LARGEST_TARGET = 20.0
LEAST_DEVIATION = 0.05
ITERATIONS, ITERATIONS_WARM = 8, 2
LARGEST_RATIO = float(np.log(10.0))

Rows = npt.NDArray[np.int64]


def features_at(windows: Windows, h: int, rows: Rows | slice = slice(None)) -> Floats:
    """Features of the regression h periods ahead, (rows, features)."""
    paths = windows.paths[:, rows]
    near = [path[:, : min(NEAR, path.shape[1])] for path in paths]
    far = [paths[:, :, h - 1].T * (NEAR / h)] if h > NEAR else []
    clipped = np.clip(np.column_stack([*near, *far]), -LARGEST_PATH, LARGEST_PATH)
    return np.column_stack([windows.shape[rows], clipped])


def known_rows(windows: Windows, h: int, origin: int) -> Rows:
    """Windows whose target h periods ahead is dated at or before the origin, thinned evenly to 20,000.

    None where there are fewer than 60, or all are of fewer than eight periods: from three years nobody learns
    what ten years ahead brings, however many series went through them.
    """
    rows = np.flatnonzero((windows.period + h <= origin) & np.isfinite(windows.targets[:, h - 1]))
    if len(rows) < FEWEST_WINDOWS or len(np.unique(windows.period[rows])) < FEWEST_PERIODS:
        return rows[:0]
    return rows[:: len(rows) // MOST_WINDOWS + 1]


@dataclass(frozen=True)
class Regression:
    """Coefficients by horizon and origin, ``[h - 1][origin]`` with the constant last; NaN where too little was known."""

    origins: tuple[int, ...]
    coefficients: tuple[Floats, ...]

    @property
    def horizon(self) -> int:
        """Horizons with coefficients of their own."""
        return len(self.coefficients)

    def apply(self, windows: Windows) -> Floats:
        """Scaled change (windows, horizon) by the fit of the last origin not after each window; NaN before."""
        out = np.full((len(windows.period), self.horizon), np.nan)
        places = np.searchsorted(self.origins, windows.period, side="right") - 1
        fitted = np.flatnonzero(places >= 0)
        for h in range(1, self.horizon + 1):
            chosen = self.coefficients[h - 1][places[fitted]]
            features = features_at(windows, h, fitted)
            out[fitted, h - 1] = np.einsum("ij,ij->i", features, chosen[:, :-1]) + chosen[:, -1]
        return out


def fit_pooled(windows: Windows, origins: list[int], horizon: int) -> Regression:
    """The regression fitted anew at every origin, to windows whose target was known there."""
    return Regression(tuple(origins), tuple(_fit_horizon(windows, origins, h) for h in range(1, horizon + 1)))


def _fit_horizon(windows: Windows, origins: list[int], h: int) -> Floats:
    width = features_at(windows, h, slice(0, 0)).shape[1] + 1
    out, start = np.full((len(origins), width), np.nan), None
    for place, origin in enumerate(origins):
        known = known_rows(windows, h, origin)
        if len(known):
            weights = calendar_weights(windows.period[known])
            start = fit_absolute(
                features_at(windows, h, known), windows.targets[known, h - 1], weights, start
            )
            out[place] = start
    return out


def calendar_weights(period: Rows) -> Floats:
    """Weights of mean 1 by which every period counts the same."""
    _, place, count = np.unique(period, return_inverse=True, return_counts=True)
    return np.asarray(len(period) / (len(count) * count[place]), dtype=np.float64)


def fit_absolute(features: Floats, target: Floats, weights: Floats, start: Floats | None = None) -> Floats:
    """Coefficients, the constant last, of the penalised regression that minimises weighted absolute errors.

    ``start``: coefficients to begin with, for instance those of the origin before.
    """
    from sklearn.linear_model import Ridge

    target = np.clip(target, -LARGEST_TARGET, LARGEST_TARGET)
    reweighted = weights if start is None else _reweigh(weights, target - features @ start[:-1] - start[-1])
    coefficients = np.zeros(features.shape[1] + 1)
    for _ in range(ITERATIONS if start is None else ITERATIONS_WARM):
        model = Ridge(alpha=PENALTY, solver="cholesky").fit(features, target, sample_weight=reweighted)
        coefficients = np.append(model.coef_, model.intercept_)
        reweighted = _reweigh(weights, target - model.predict(features))
    return coefficients


def _reweigh(weights: Floats, errors: Floats) -> Floats:
    return np.asarray(weights / np.maximum(np.abs(errors), LEAST_DEVIATION), dtype=np.float64)


def as_changes(windows: Windows, logs: Windows, relative: Floats) -> Floats:
    """Scaled changes of the logarithms as scaled changes of the values; NaN where a history is not positive.

    Never more than tenfold, or less than a tenth, of the level.
    """
    steps = relative.shape[1]
    change = np.clip(relative * logs.scale[:, None], -LARGEST_RATIO, LARGEST_RATIO)
    values = np.exp(logs.level[:, None] + change + logs.season[:, :steps])
    unit = np.where(windows.scale > 0, windows.scale, np.nan)[:, None]
    scaled = (values - windows.level[:, None] - windows.season[:, :steps]) / unit
    return np.where(logs.scale[:, None] > 0, scaled, np.nan)
