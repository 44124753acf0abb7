"""The candidates: one factory line each in ``MODELS``.

A model is a function ``(asked) -> values`` giving forecasts (rows, horizon) in levels. A series a model cannot
handle gets NaN there: the model is then no candidate for it, and nothing else answers in its name. The order of
``MODELS`` matters: a combination sees what the models above it made.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from lma.forecasting.combine import median_of
from lma.forecasting.features import Windows
from lma.forecasting.series import Floats
from lma.forecasting.smoothing import MEMBERS

CONTINUATION = 0.9
EXPLODED = 10.0


@dataclass(frozen=True)
class Asked:
    """What every model is shown: the windows it shall go on from, and nothing dated after each one's end.

    ``rows``: of ``windows``; ``histories``: the values up to the end of each; ``changes``: scaled changes
    (all windows, near horizons) of the models trained across the panel; ``made``: what the models before
    have forecast here.
    """

    windows: Windows
    rows: npt.NDArray[np.int64]
    histories: tuple[Floats, ...]
    horizon: int
    season: int
    changes: dict[str, Floats]
    made: dict[str, Floats] = field(default_factory=dict)


Model = Callable[[Asked], Floats]

ACROSS: dict[str, Model] = {
    "naive": lambda asked: np.repeat(asked.windows.last[asked.rows, None], asked.horizon, axis=1),
    "seasonal_naive": lambda asked: last_season(asked),
    "drift": lambda asked: smoothed_path(asked, "drift", 1.0),
    "theta": lambda asked: smoothed_path(asked, "theta", 1.0),
    "smoothing": lambda asked: smoothed_path(asked, "averaged", CONTINUATION),
    "pooled": lambda asked: trained(asked, "pooled"),
    "relative": lambda asked: trained(asked, "relative"),
    "engine": lambda asked: trained(asked, "engine"),
}
SINGLY: dict[str, Model] = {
    "auto_ets": lambda asked: fit_each(asked, "AutoETS", season_length=asked.season),
    "dot": lambda asked: fit_each(asked, "DynamicOptimizedTheta", season_length=asked.season),
    "damped": lambda asked: fit_each(
        asked, "AutoETS", season_length=asked.season, model=damped_form(asked), damped=True
    ),
    "median4": lambda asked: median_of(asked.made, "auto_ets", "dot", "damped", "drift"),
}
MODELS: dict[str, Model] = {**ACROSS, **SINGLY}

LABELS = {
    "naive": "last value (naive)",
    "seasonal_naive": "same period of the year before (seasonal naive)",
    "engine": "combination of regressions trained across the panel and exponential smoothing",
}
"""In words, the models whose forecasts are published; the others stand in the scorecard under their ids."""


def forecast_all(asked: Asked, models: dict[str, Model]) -> dict[str, Floats]:
    """Forecasts of every model: model_id -> (rows, horizon); not negative where no history is.

    NaN where a model gave no number, or one ten times the largest value of the history.
    """
    lowest = asked.windows.lowest[asked.rows, None]
    largest = np.array([np.max(np.abs(history)) for history in asked.histories])[:, None]
    made: dict[str, Floats] = {}
    for model_id, model in models.items():
        forecasts = model(replace(asked, made=made))
        forecasts = np.where(lowest >= 0, np.maximum(forecasts, 0.0), forecasts)
        sound = np.isfinite(forecasts) & (np.abs(forecasts) <= EXPLODED * largest)
        made[model_id] = np.where(sound.all(axis=1, keepdims=True), forecasts, np.nan)
    return made


# ---------------------------------------------------------------- from the windows of the panel


def smoothed_path(asked: Asked, member: str, continuation: float) -> Floats:
    """Forecasts of one smoother."""
    changes = asked.windows.paths[MEMBERS.index(member)][asked.rows]
    return _in_levels(asked, continued(changes, asked.horizon, continuation))


def trained(asked: Asked, model_id: str) -> Floats:
    """Forecasts of a model that was trained across the panel."""
    return _in_levels(asked, continued(asked.changes[model_id][asked.rows], asked.horizon, CONTINUATION))


def continued(changes: Floats, horizon: int, continuation: float) -> Floats:
    """The path up to the horizon: beyond what is given, or known, it goes on with its last step, damped."""
    out = np.full((len(changes), horizon), np.nan)
    out[:, : changes.shape[1]] = changes[:, :horizon]
    for h in range(1, horizon):
        step = out[:, h - 1] - (out[:, h - 2] if h > 1 else 0.0)
        out[:, h] = np.where(np.isfinite(out[:, h]), out[:, h], out[:, h - 1] + step * continuation)
    return out


def _in_levels(asked: Asked, changes: Floats) -> Floats:
    windows, rows = asked.windows, asked.rows
    season = windows.season[rows][:, np.arange(asked.horizon) % asked.season]
    return np.asarray(
        windows.level[rows, None] + changes * windows.scale[rows, None] + season, dtype=np.float64
    )


# ---------------------------------------------------------------- one series at a time


def last_season(asked: Asked) -> Floats:
    """The value one season earlier; NaN for annual series, which have no season."""
    if asked.season == 1:
        return np.full((len(asked.rows), asked.horizon), np.nan)
    return asked.windows.year_ago[asked.rows][:, np.arange(asked.horizon) % asked.season]


def damped_form(asked: Asked) -> str:
    """ETS form of the damped trend: error and season chosen, trend additive."""
    return "ZAN" if asked.season == 1 else "ZAZ"


def fit_each(asked: Asked, name: str, **options: Any) -> Floats:
    """Forecasts of one statsforecast model, fitted to each series; a series it cannot fit is NaN."""
    import statsforecast.models as statistical

    model = getattr(statistical, name)(**options)
    fitted = [_fit_one(model, history, asked.horizon) for history in asked.histories]
    return np.array(fitted).reshape(len(asked.rows), asked.horizon)


def _fit_one(model: Any, history: Floats, horizon: int) -> Floats:
    unit = (
        float(np.mean(np.abs(history))) or 1.0
    )  # the optimisers of some models stop early on very large numbers
    try:
        with np.errstate(all="ignore"):
            return np.asarray(model.forecast(y=history / unit, h=horizon)["mean"], dtype=np.float64) * unit
    except Exception:  # one series must not fail the panel; NaN says so, and no other model takes the name
        return np.full(horizon, np.nan)
