"""The candidates: one factory line each in ``MODELS``.

A model is a function ``(origin) -> changes`` giving forecasts (series, horizon) in levels. A series a model
cannot handle gets NaN there: the model is then no candidate for it, and nothing else answers in its name.
The order of ``MODELS`` matters: a combination sees what the models above it made.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from lma.forecasting.combine import mean_of, median_of
from lma.forecasting.features import Windows
from lma.forecasting.intervals import running_scale
from lma.forecasting.series import Floats, is_count_like

FEWEST_WINDOWS = 60
RIDGE_PENALTY = 30.0
TARGET_CLIP = 6.0
LONGEST_DIRECT = 10
CONTINUATION = 0.9
EXPLODED = 10.0


@dataclass(frozen=True)
class Origin:
    """What every model is shown at one origin, and nothing else.

    ``histories``: the series to forecast, cut at ``period``. ``ids``: their places in the panel of
    ``windows``. ``windows``: all windows of the panel; only those whose target is dated ``period`` or
    earlier may be learnt from. ``made``: what the models before have forecast here.
    """

    period: int
    horizon: int
    season: int
    histories: tuple[Floats, ...]
    ids: tuple[int, ...]
    windows: Windows
    made: dict[str, Floats] = field(default_factory=dict)


Model = Callable[[Origin], Floats]

MODELS: dict[str, Model] = {
    "naive": lambda origin: each(origin, last_value),
    "seasonal_naive": lambda origin: each(origin, last_season),
    "drift": lambda origin: fit_each(origin, "RandomWalkWithDrift"),
    "auto_ets": lambda origin: fit_each(origin, "AutoETS", season_length=origin.season),
    "dot": lambda origin: fit_each(origin, "DynamicOptimizedTheta", season_length=origin.season),
    "damped": lambda origin: fit_each(
        origin, "AutoETS", season_length=origin.season, model=damped_form(origin), damped=True
    ),
    "median4": lambda origin: median_of(origin.made, "auto_ets", "dot", "damped", "drift"),
    "global_ridge": lambda origin: pooled_ridge(origin),
    "combination": lambda origin: mean_of(origin.made, "global_ridge", "median4"),
}

LABELS = {
    "naive": "last value (naive)",
    "seasonal_naive": "same period of the year before (seasonal naive)",
    "drift": "RandomWalkWithDrift",
    "auto_ets": "AutoETS",
    "dot": "DynamicOptimizedTheta",
    "damped": "damped trend (ETS)",
    "median4": "median of AutoETS, DynamicOptimizedTheta, damped trend and drift",
    "global_ridge": "Ridge trained across the panel",
    "combination": (
        "mean of Ridge trained across the panel and the median of AutoETS, DynamicOptimizedTheta, damped "
        "trend and drift"
    ),
}


def forecast_all(origin: Origin) -> dict[str, Floats]:
    """Forecasts of every model at one origin: model_id -> (series, horizon); not negative where no history
    is.
    """
    counts = np.array([is_count_like(history) for history in origin.histories])[:, None]
    largest = np.array([np.max(np.abs(history)) for history in origin.histories])[:, None]
    made: dict[str, Floats] = {}
    for model_id, model in MODELS.items():
        forecasts = model(replace(origin, made=made))
        forecasts = np.where(counts, np.maximum(forecasts, 0.0), forecasts)
        sound = np.isfinite(forecasts) & (np.abs(forecasts) <= EXPLODED * largest)
        made[model_id] = np.where(sound.all(axis=1, keepdims=True), forecasts, np.nan)
    return made


# ---------------------------------------------------------------- one series at a time


def each(origin: Origin, rule: Callable[[Floats, Origin], Floats]) -> Floats:
    """Forecasts of a rule that cannot fail, one row per series."""
    return np.array([rule(history, origin) for history in origin.histories])


def last_value(history: Floats, origin: Origin) -> Floats:
    """The last value at every horizon."""
    return np.repeat(history[-1], origin.horizon)


def last_season(history: Floats, origin: Origin) -> Floats:
    """The value one season earlier; NaN for annual series, which have no season."""
    if origin.season == 1 or len(history) < origin.season:
        return np.full(origin.horizon, np.nan)
    return np.resize(history[-origin.season :], origin.horizon)


def damped_form(origin: Origin) -> str:
    """ETS form of the damped trend: error and season chosen, trend additive."""
    return "ZAN" if origin.season == 1 else "ZAZ"


def fit_each(origin: Origin, name: str, **options: Any) -> Floats:
    """Forecasts of one statsforecast model, fitted to each series; a series it cannot fit is NaN."""
    import statsforecast.models as statistical

    model = getattr(statistical, name)(**options)
    return np.array([_fit_one(model, history, origin.horizon) for history in origin.histories])


def _fit_one(model: Any, history: Floats, horizon: int) -> Floats:
    unit = (
        float(np.mean(np.abs(history))) or 1.0
    )  # the optimisers of some models stop early on very large numbers
    try:
        with np.errstate(all="ignore"):
            return np.asarray(model.forecast(y=history / unit, h=horizon)["mean"], dtype=np.float64) * unit
    except Exception:  # one series must not fail the panel; NaN says so, and no other model takes the name
        return np.full(horizon, np.nan)


# ---------------------------------------------------------------- across the panel


def pooled_ridge(origin: Origin) -> Floats:
    """Direct forecasts of one Ridge per horizon on scaled steps and shape features of the whole panel.

    Learns from windows whose target is dated at or before the origin. Beyond ten periods, or where too few
    windows reach, the path goes on with its last step, damped. All NaN where even one period ahead has too
    few windows.
    """
    windows = origin.windows
    rows = _rows_at(origin)
    changes = np.full((len(origin.histories), origin.horizon), np.nan)
    reach = 0
    for h in range(1, min(origin.horizon, LONGEST_DIRECT, windows.targets.shape[1]) + 1):
        usable = (windows.period + h <= origin.period) & np.isfinite(windows.targets[:, h - 1])
        if int(usable.sum()) < FEWEST_WINDOWS:
            break
        changes[:, h - 1] = _ridge_change(windows, usable, rows, h)
        reach = h
    return _in_levels(origin, _continued(changes, reach))


def _rows_at(origin: Origin) -> Floats:
    """Row of each series' window that ends at the origin; NaN where it has none (a constant history)."""
    ending = np.flatnonzero(origin.windows.period == origin.period)
    row_of = {int(origin.windows.series[row]): row for row in ending}
    return np.array([row_of.get(place, np.nan) for place in origin.ids], dtype=np.float64)


def _ridge_change(windows: Windows, usable: Any, rows: Floats, h: int) -> Floats:
    from sklearn.linear_model import Ridge

    features = np.column_stack([windows.features, windows.seasonal[:, h - 1]])
    bound = TARGET_CLIP * np.sqrt(h)
    targets = np.clip(windows.targets[usable, h - 1], -bound, bound)
    model = Ridge(alpha=RIDGE_PENALTY, solver="cholesky").fit(features[usable], targets)
    known = np.isfinite(rows)
    change = np.full(len(rows), np.nan)
    if known.any():
        change[known] = model.predict(features[rows[known].astype(int)])
    return change


def _continued(changes: Floats, reach: int) -> Floats:
    out = changes.copy()
    if 0 < reach < changes.shape[1]:
        step = out[:, reach - 1] - (out[:, reach - 2] if reach > 1 else 0.0)
        for h in range(reach, changes.shape[1]):
            step = step * CONTINUATION
            out[:, h] = out[:, h - 1] + step
    return out


def _in_levels(origin: Origin, changes: Floats) -> Floats:
    scale = np.array([running_scale(history)[-1] for history in origin.histories])
    last = np.array([history[-1] for history in origin.histories])
    return np.asarray(last[:, None] + changes * scale[:, None], dtype=np.float64)
