"""The model trained across the panel: one robust linear regression per horizon on the windows of all series.

Least absolute deviations with a ridge penalty, by iteratively reweighted scikit-learn ``Ridge`` (Schlossmacher
1973, JASA 68): squares would let the few series that jump speak for all. Every calendar period weighs the same,
however many series it has: what happened in one year to a thousand series is nearer to one event than to a
thousand, and without it the model learns the last boom by heart. Windows whose target is dated after the origin
are not seen, in any series.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from lma.forecasting.features import CLIP, Windows
from lma.forecasting.series import Floats

FEWEST_WINDOWS = 60
MOST_WINDOWS = 20_000
PENALTY = 10_000.0
NEAR = 5  # horizons whose smoothed paths every horizon's regression sees
LARGEST_PATH = 2 * CLIP
LARGEST_TARGET = 20.0
LEAST_DEVIATION = 0.05
ITERATIONS, ITERATIONS_WARM = 8, 2
LARGEST_RATIO = float(np.log(10.0))

Rows = npt.NDArray[np.int64]


def features_at(windows: Windows, h: int) -> Floats:
    """Features of the regression h periods ahead, (windows, features)."""
    near = [path[:, : min(NEAR, path.shape[1])] for path in windows.paths]
    far = [windows.paths[:, :, h - 1].T * (NEAR / h)] if h > NEAR else []
    paths = np.clip(np.column_stack([*near, *far]), -LARGEST_PATH, LARGEST_PATH)
    return np.column_stack([windows.shape, paths])


def known_rows(windows: Windows, h: int, origin: int) -> Rows:
    """Windows whose target h periods ahead is dated at or before the origin, thinned evenly to 20,000."""
    rows = np.flatnonzero((windows.period + h <= origin) & np.isfinite(windows.targets[:, h - 1]))
    return rows[:: len(rows) // MOST_WINDOWS + 1]


def forecast_pooled(windows: Windows, origins: list[int], horizon: int) -> Floats:
    """Scaled change (windows, horizon) by the model of the last of the ``origins`` not after each window.

    NaN before the first origin, and where fewer than 60 windows were known.
    """
    out = np.full((len(windows.period), horizon), np.nan)
    places = np.searchsorted(origins, windows.period, side="right") - 1
    for h in range(1, horizon + 1):
        features, start = features_at(windows, h), None
        for place, origin in enumerate(origins):
            known, asked = known_rows(windows, h, origin), np.flatnonzero(places == place)
            if len(known) < FEWEST_WINDOWS or not len(asked):
                continue
            start = fit_absolute(
                features[known], windows.targets[known, h - 1], calendar_weights(windows.period[known]), start
            )
            out[asked, h - 1] = features[asked] @ start[:-1] + start[-1]
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
    scaled = (values - windows.level[:, None] - windows.season[:, :steps]) / windows.scale[:, None]
    return np.where(logs.scale[:, None] > 0, scaled, np.nan)
