"""Windows for the model that is trained across the panel: the shape of each history and what smoothing says.

Every feature of the window ending at period t is computed from values up to t alone, so one table of windows
serves every origin: a model at origin o takes the windows whose *target* is dated o or earlier, in any series.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lma.forecasting.intervals import running_scale
from lma.forecasting.series import Floats, Frequency, Series
from lma.forecasting.smoothing import MEMBERS, Rows, remove_season, smooth

LAGS = 8
CLIP = 4.0
SPANS = (3, 5, 8, 12)
RECENT = 8
CHUNK = 256
SMALLEST = 1e-300  # its logarithm stands for that of zero, in rows that are not used


@dataclass(frozen=True)
class Windows:
    """All windows of a panel, one row each, series after series, each in order of time.

    ``series``, ``period``: whose window, ending when; ``length``: periods up to there. ``last``: the last
    value, ``lowest``: the lowest so far; ``level``: the last value without its season; ``scale`` and ``step`` (mean absolute step): the units.
    ``shape`` (n, p): the history in numbers without unit. ``paths`` (member, n, horizon): what smoothing
    forecasts, as change from the level, in scales. ``season`` (n, horizon): what the season adds, in the unit
    of the series; ``year_ago`` (n, horizon): the last known value of the same season. ``targets`` (n,
    horizon): the outcome without that season, as change from the level, in scales; NaN where not known.
    """

    series: npt.NDArray[np.int64]
    period: npt.NDArray[np.int64]
    length: npt.NDArray[np.int64]
    last: Floats
    lowest: Floats
    level: Floats
    scale: Floats
    step: Floats
    shape: Floats
    paths: Floats
    season: Floats
    year_ago: Floats
    targets: Floats

    def in_levels(self, changes: Floats, rows: npt.NDArray[np.int64] | slice = slice(None)) -> Floats:
        """Scaled changes (rows, horizon) as values of the series."""
        steps = changes.shape[1]
        level, scale = self.level[rows, None], self.scale[rows, None]
        return np.asarray(level + changes * scale + self.season[rows, :steps], dtype=np.float64)


def build_windows(panel: list[Series], freq: Frequency, horizon: int, *, logs: bool = False) -> Windows:
    """Windows of all series with at least ``freq.min_train`` values that are not all one value.

    With ``logs`` the same rows of the logarithms: changes are then relative. Rows whose history is not
    positive throughout have scale 0 and no target there.
    """
    order = sorted(range(len(panel)), key=lambda place: len(panel[place].values))
    parts: list[Windows] = []
    for first in range(0, len(order), CHUNK):
        places = order[first : first + CHUNK]
        parts.append(_windows_of([panel[p] for p in places], places, freq, horizon, logs))
    joined = {
        name: np.concatenate([getattr(part, name) for part in parts], axis=1 if name == "paths" else 0)
        for name in Windows.__dataclass_fields__
    }
    sort = np.lexsort((joined["period"], joined["series"]))
    return Windows(**{name: v[:, sort] if name == "paths" else v[sort] for name, v in joined.items()})


def _windows_of(chunk: list[Series], places: list[int], freq: Frequency, horizon: int, logs: bool) -> Windows:
    lengths = np.array([len(series.values) for series in chunk])
    values, observed = _padded(chunk, int(lengths.max()))
    at = np.arange(values.shape[1])
    wanted = (at >= freq.min_train - 1) & (at < lengths[:, None]) & (_moves(values) > 0)
    series, ends = np.nonzero(wanted)
    rows: Rows = (series, ends)
    lowest = np.minimum.accumulate(values, axis=1)[rows]
    values = np.log(np.maximum(values, SMALLEST)) if logs else values
    adjusted, season = remove_season(values, freq.season)
    scale = running_scale(adjusted)
    level, unit = adjusted[rows], scale[rows]
    usable = (unit > 0) & (lowest > 0 if logs else True)
    unit = np.where(usable, unit, 1.0)
    ahead = season[rows][:, np.arange(horizon) % season.shape[2]]
    targets = _targets(values, observed & (at < lengths[:, None]), rows, ahead, level, unit)
    return Windows(
        series=np.array(places)[rows[0]],
        period=np.array([one.start for one in chunk])[rows[0]] + rows[1],
        length=rows[1] + 1,
        last=values[rows],
        lowest=lowest,
        level=level,
        scale=np.where(usable, unit, 0.0),
        step=(_moves(values) / np.maximum(at, 1))[rows],
        shape=_shape(adjusted, scale, rows),
        paths=_paths(adjusted, rows, unit, horizon),
        season=ahead,
        year_ago=_year_ago(values, rows, freq.season, horizon),
        targets=np.where(usable[:, None], targets, np.nan),
    )


def _moves(values: Floats) -> Floats:
    """Sum of the absolute steps up to every period, (series, period)."""
    return np.asarray(np.cumsum(np.abs(np.diff(values, prepend=values[:, :1])), axis=1), dtype=np.float64)


def _padded(chunk: list[Series], length: int) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Values and observed flags as (series, period); after its end a series goes on with its last value."""
    values, observed = np.empty((len(chunk), length)), np.zeros((len(chunk), length), dtype=np.bool_)
    for row, series in enumerate(chunk):
        n = len(series.values)
        values[row, :n], values[row, n:] = series.values, series.values[-1]
        observed[row, :n] = series.observed
    return values, observed


def _targets(
    values: Floats,
    observed: npt.NDArray[np.bool_],
    rows: Rows,
    season: Floats,
    level: Floats,
    unit: Floats,
) -> Floats:
    out = np.full(season.shape, np.nan)
    for h in range(1, season.shape[1] + 1):
        later = np.minimum(rows[1] + h, values.shape[1] - 1)
        known = (rows[1] + h < values.shape[1]) & observed[rows[0], later]
        change = (values[rows[0], later] - season[:, h - 1] - level) / unit
        out[:, h - 1] = np.where(known, change, np.nan)
    return out


def _year_ago(values: Floats, rows: Rows, season: int, horizon: int) -> Floats:
    back = season - 1 - np.arange(horizon) % season
    return np.asarray(values[rows[0][:, None], np.maximum(rows[1][:, None] - back, 0)], dtype=np.float64)


def _paths(adjusted: Floats, rows: Rows, unit: Floats, horizon: int) -> Floats:
    smoothed, level = smooth(adjusted), adjusted[rows]
    return np.array(
        [
            np.column_stack(
                [(smoothed.path(member, rows, level, h) - level) / unit for h in range(1, horizon + 1)]
            )
            for member in MEMBERS
        ]
    )


def _ago(values: Floats, periods: int) -> Floats:
    """Values so many periods earlier; the first value where that lies before the start."""
    at = np.maximum(np.arange(values.shape[1]) - periods, 0)
    return values[:, at]


def _shape(values: Floats, scale: Floats, rows: Rows) -> Floats:
    """Steps, mean steps over spans, distance from recent levels, strength, roughness, swing, size and length."""
    at = np.arange(values.shape[1])
    unit, tiny = np.where(scale > 0, scale, 1.0), np.finfo(float).tiny
    steps = np.diff(values, prepend=values[:, :1])
    lags = [np.where(at - k >= 1, _ago(steps, k), 0.0) / unit for k in range(LAGS)]
    spans = [(values - _ago(values, span)) / np.maximum(np.minimum(span, at), 1) / unit for span in SPANS]
    drift = (values - values[:, :1]) / np.maximum(at, 1) / unit
    sums = np.cumsum(values - values[:, :1], axis=1)
    mean5 = (sums - _ago(sums, 5)) / np.maximum(np.minimum(5, at), 1) + values[:, :1]
    moves = np.cumsum(np.abs(steps), axis=1)
    recent = moves - _ago(moves, RECENT)
    strength = np.abs(values - _ago(values, RECENT)) / np.maximum(recent, unit * 1e-6)
    strength_all = np.abs(values - values[:, :1]) / np.maximum(moves, unit * 1e-6)
    bends = np.abs(np.diff(steps, prepend=steps[:, :1]))
    turned = np.cumsum(bends, axis=1)
    roughness = (turned - _ago(turned, RECENT)) / np.maximum(recent, unit * 1e-6)
    straight = np.cumsum(bends < 1e-6 * np.maximum(np.abs(steps), tiny), axis=1).astype(np.float64)
    swing = np.log(np.maximum(recent / np.maximum(np.minimum(RECENT, at), 1), unit * 1e-2) / unit)
    size = np.log(unit / np.maximum(np.abs(values), unit * 1e-2)) / 2
    length = np.broadcast_to(np.log(at + 1.0) / 3, values.shape)
    columns = [
        *lags, *spans, drift, (values - mean5) / unit, strength, strength_all, swing, size, roughness,
        (straight - _ago(straight, RECENT)) / RECENT, strength * spans[1], size * drift, length,
    ]  # fmt: skip
    return np.asarray(np.clip(np.column_stack([column[rows] for column in columns]), -CLIP, CLIP))
