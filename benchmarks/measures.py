"""Accuracy, coverage and interval score of forecasts over windows (one series at one origin each).

Arrays have one row per window and one column per horizon; outcomes are NaN where there is none. MASE and the
weighted interval score are divided by the window's mean absolute step up to the origin, RMSSE by its root mean
squared step (Hyndman and Koehler 2006; Makridakis et al. 2022). OWA: mean of sMAPE and MASE relative to naive.
Weighted interval score: Bracher et al. 2021, from the median and the 50, 80 and 95 % intervals.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from baselines import INTERVALS, Floats, Forecasts

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Windows:
    """What followed, by window: ``actual`` (window, horizon); ``step``, ``root_step`` and the ``least`` value up to
    the origin; and whose window it is.
    """

    actual: Floats
    step: Floats
    root_step: Floats
    least: Floats
    unique_id: npt.NDArray[Any]
    source: npt.NDArray[Any]
    origin: npt.NDArray[Any]

    def only(self, rows: Flags, horizons: slice) -> Windows:
        """The windows in ``rows``, outcomes of ``horizons``."""
        kept = {name: value[rows] for name, value in vars(self).items()}
        return replace(Windows(**kept), actual=kept["actual"][:, horizons])


@dataclass(frozen=True)
class Measures:
    """Means over cells (window and horizon), RMSSE over windows; coverage by nominal per cent."""

    n_windows: int
    mase: float
    smape: float
    rmsse: float
    coverage: dict[int, float]
    interval_score: float


def measure(windows: Windows, made: Forecasts, rows: Flags, horizons: slice) -> Measures:
    """Measures of one model over some windows and horizons; windows it has no forecast for are left out."""
    rows = rows & np.isfinite(made.mean).all(axis=1) & np.isfinite(windows.actual[:, horizons]).any(axis=1)
    seen = windows.only(rows, horizons)
    actual, mean, quantiles = seen.actual, made.mean[rows][:, horizons], made.quantiles[rows][:, horizons]
    error, size = np.abs(actual - mean), np.abs(actual) + np.abs(mean)
    smape = np.divide(200 * error, size, out=np.zeros_like(error), where=size > 0)
    cells = np.isfinite(actual)
    squares = np.sqrt(np.nanmean(error**2, axis=1)) / seen.root_step if rows.any() else np.zeros(0)
    has_intervals = cells & np.isfinite(quantiles).any(axis=2)
    score = interval_score(actual, quantiles) / seen.step[:, None]
    return Measures(
        n_windows=int(rows.sum()),
        mase=_mean(error / seen.step[:, None], cells),
        smape=_mean(smape, cells),
        rmsse=float(np.mean(squares)) if rows.any() else np.nan,
        coverage={
            nominal: _mean(inside(actual, quantiles, nominal), has_intervals)
            if np.isfinite(quantiles[..., INTERVALS[nominal][0]]).any() else np.nan
            for nominal in INTERVALS
        },
        interval_score=_mean(score, has_intervals),
    )  # fmt: skip


def _mean(values: Floats, cells: Flags) -> float:
    return float(values[cells].mean()) if cells.any() else np.nan


def inside(actual: Floats, quantiles: Floats, nominal: int) -> Floats:
    """1 where the outcome fell within the interval, 0 where not."""
    low, high = INTERVALS[nominal]
    return ((quantiles[..., low] <= actual) & (actual <= quantiles[..., high])).astype(np.float64)


def interval_score(actual: Floats, quantiles: Floats) -> Floats:
    """Weighted interval score of every cell, in the unit of the series; over the intervals that are there."""
    total, weight = np.abs(actual - quantiles[..., 3]) / 2, 0.5
    for nominal, (low, high) in INTERVALS.items():
        lower, upper, alpha = quantiles[..., low], quantiles[..., high], 1 - nominal / 100
        if not np.isfinite(lower).any():
            continue
        missed = np.maximum(lower - actual, 0) + np.maximum(actual - upper, 0)
        total = total + (upper - lower) * alpha / 2 + missed
        weight += 1
    return total / weight


def count_unsound(windows: Windows, made: Forecasts) -> dict[str, int]:
    """Windows with quantiles that no interval should have: missing, out of order, negative, narrower later on."""
    quantiles = made.quantiles[:, :, np.isfinite(made.quantiles).any(axis=(0, 1))]
    slack = 1e-6 * np.nanmax(np.abs(quantiles), axis=(1, 2))
    width = quantiles[:, :, -1] - quantiles[:, :, 0]
    return {
        "missing": int(np.isnan(quantiles).any(axis=(1, 2)).sum()),
        "out of order": int((np.diff(quantiles, axis=2) < -slack[:, None, None]).any(axis=(1, 2)).sum()),
        "negative": int(((quantiles < 0).any(axis=(1, 2)) & (windows.least >= 0)).sum()),
        "narrower later on": int((np.diff(width, axis=1) < -slack[:, None]).any(axis=1).sum()),
    }


def owa(model: Measures, base: Measures) -> float:
    """Mean of MASE and sMAPE relative to another model over the same windows."""
    return (model.mase / base.mase + model.smape / base.smape) / 2
