"""Windows for the model that is trained across the panel: scaled steps and the shape of each history.

Every feature of the window ending at period t is computed from values up to t alone, so one table of
windows serves every origin: a model at origin o takes the windows whose *target* is dated o or earlier, in
any series.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lma.forecasting.intervals import running_scale
from lma.forecasting.series import Floats, Frequency, Series

LAGS = 6
CLIP = 4.0
SPANS = (3, 5, 8)


@dataclass(frozen=True)
class Windows:
    """All windows of a panel: ``features`` (n, p), ``seasonal`` and ``targets`` (n, horizon), scaled
    changes.

    ``series``, ``period``: whose window, ending when. ``last``, ``scale``: to turn a scaled change into a
    level.
    """

    features: Floats
    seasonal: Floats
    targets: Floats
    series: npt.NDArray[np.int64]
    period: npt.NDArray[np.int64]
    last: Floats
    scale: Floats


def build_windows(panel: list[Series], freq: Frequency, horizon: int) -> Windows:
    """Windows of all series, in the order of the panel; targets after the end of a series are NaN."""
    parts = [_windows_of(series, index, freq, horizon) for index, series in enumerate(panel)]
    return Windows(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


def _windows_of(
    series: Series, index: int, freq: Frequency, horizon: int
) -> tuple[Floats, Floats, Floats, npt.NDArray[np.int64], npt.NDArray[np.int64], Floats, Floats]:
    values, scale = series.values, running_scale(series.values)
    ends = np.arange(freq.min_train - 1, len(values))
    ends = ends[scale[ends] > 0]
    unit = scale[ends]
    ahead = ends[:, None] + np.arange(1, horizon + 1)
    known = ahead < len(values)
    reached = np.where(known, values[np.minimum(ahead, len(values) - 1)], np.nan)
    observed = known & series.observed[np.minimum(ahead, len(values) - 1)]
    targets = np.where(observed, (reached - values[ends, None]) / unit[:, None], np.nan)
    features = np.clip(_shape(values, scale, ends), -CLIP, CLIP)
    seasonal = np.clip(_season_ago(values, ends, freq, horizon) / unit[:, None], -CLIP, CLIP)
    return features, seasonal, targets, np.full(len(ends), index), ends + series.start, values[ends], unit


def _shape(values: Floats, scale: Floats, ends: npt.NDArray[np.int64]) -> Floats:
    """Scaled steps, mean steps over spans, distance from recent levels, trend strength, volatility."""
    unit, steps = scale[ends], np.diff(values, prepend=values[0])
    lags = [np.where(ends - k >= 1, steps[np.maximum(ends - k, 0)], 0.0) / unit for k in range(LAGS)]
    drifts = [
        (values[ends] - values[np.maximum(ends - span, 0)]) / np.minimum(span, ends) / unit for span in SPANS
    ]
    drift = (values[ends] - values[0]) / ends / unit
    sums, moves = np.cumsum(values), np.cumsum(np.abs(steps))
    first = np.maximum(ends - 5, 0)
    distance = (values[ends] - (sums[ends] - sums[first]) / np.minimum(5, ends)) / unit
    first = np.maximum(ends - 8, 0)
    recent = moves[ends] - moves[first]
    strength = np.abs(values[ends] - values[first]) / np.maximum(recent, unit * 1e-6)
    swing = np.log(np.maximum(recent / np.minimum(8, ends), unit * 1e-2) / unit)
    size = np.log(unit / np.maximum(np.abs(values[ends]), unit * 1e-2)) / 2
    columns = [*lags, *drifts, drift, distance, strength, swing, size, strength * drifts[1], size * drift]
    return np.column_stack(columns)


def _season_ago(values: Floats, ends: npt.NDArray[np.int64], freq: Frequency, horizon: int) -> Floats:
    """Change over the same periods one season earlier; empty for annual series."""
    if freq.season == 1:
        return np.zeros((len(ends), horizon))
    offset = (np.arange(horizon) % freq.season) + 1
    start = np.maximum(ends - freq.season, 0)
    return values[np.minimum(start[:, None] + offset, ends[:, None])] - values[start, None]
