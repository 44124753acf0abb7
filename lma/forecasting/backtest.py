"""Rolling origins: what every model would have said, seeing only what was dated up to the origin."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lma.forecasting.features import Windows
from lma.forecasting.intervals import running_scale
from lma.forecasting.models import MODELS, Origin, forecast_all
from lma.forecasting.series import Floats, Frequency, Series, mean_step

ORIGINS_BY_PANEL = ((300, 10), (3000, 6))
FEWEST_ORIGINS = 3
LARGEST_ERROR = 1e6  # a series that all but stood still before a jump must not make quantiles infinite


@dataclass(frozen=True)
class Backtest:
    """One row per series and origin, sorted by origin, then series; columns are horizons.

    ``series``: place in the panel; ``period``: the origin; ``last``, ``scale``, ``step``: last value, scale
    and mean absolute step up to the origin; ``actual``: outcomes, NaN where not (yet) observed;
    ``forecasts``: by model.
    """

    series: npt.NDArray[np.int64]
    period: npt.NDArray[np.int64]
    last: Floats
    scale: Floats
    step: Floats
    actual: Floats
    forecasts: dict[str, Floats]

    def scaled_errors(self, model_id: str) -> Floats:
        """(Outcome - forecast) / scale; NaN where there is no outcome, forecast or scale."""
        unit = np.where(self.scale > 0, self.scale, np.nan)[:, None]
        with np.errstate(over="ignore"):
            errors = (self.actual - self.forecasts[model_id]) / unit
        return np.asarray(np.clip(errors, -LARGEST_ERROR, LARGEST_ERROR), dtype=np.float64)


_NO_PLACES, _NO_VALUES = np.zeros(0, dtype=np.int64), np.zeros(0)
NO_BACKTEST = Backtest(_NO_PLACES, _NO_PLACES, _NO_VALUES, _NO_VALUES, _NO_VALUES, np.zeros((0, 1)), {})


def count_origins(n_series: int) -> int:
    """Rolling origins a panel of this size can afford: 10, 6, or 3."""
    return next((origins for size, origins in ORIGINS_BY_PANEL if n_series <= size), FEWEST_ORIGINS)


def list_origins(series: Series, freq: Frequency, n_origins: int) -> list[int]:
    """The last origins of a series that leave enough history before and an outcome after."""
    first = series.start + freq.min_train - 1
    usable = [p for p in range(first, series.end) if series.observed[p - series.start]]
    return usable[-n_origins:]


def run_backtest(panel: list[Series], windows: Windows, freq: Frequency) -> Backtest:
    """Forecasts of all models at the rolling origins of all series.

    At a calendar origin every series is cut there, also those the pooled model learns from.
    """
    n_origins = count_origins(len(panel))
    by_origin: dict[int, list[int]] = {}
    for place, series in enumerate(panel):
        for period in list_origins(series, freq, n_origins):
            by_origin.setdefault(period, []).append(place)
    parts = [
        (period, places, forecast_at(panel, places, period, windows, freq, freq.scored_horizon))
        for period, places in sorted(by_origin.items())
    ]
    return _collect(panel, parts, freq)


def forecast_at(
    panel: list[Series], places: list[int], period: int, windows: Windows, freq: Frequency, horizon: int
) -> dict[str, Floats]:
    """Forecasts of all models for some series of the panel at one origin: model_id -> (series, horizon)."""
    histories = tuple(panel[place].until(period) for place in places)
    return forecast_all(Origin(period, horizon, freq.season, histories, tuple(places), windows))


def _collect(
    panel: list[Series], parts: list[tuple[int, list[int], dict[str, Floats]]], freq: Frequency
) -> Backtest:
    rows = [(panel[place], place, period) for period, places, _ in parts for place in places]
    cuts = [series.until(period) for series, _, period in rows]
    return Backtest(
        series=np.array([place for _, place, _ in rows], dtype=np.int64),
        period=np.array([period for _, _, period in rows], dtype=np.int64),
        last=np.array([cut[-1] for cut in cuts]),
        scale=np.array([running_scale(cut)[-1] for cut in cuts]),
        step=np.array([mean_step(cut) for cut in cuts]),
        actual=np.array([_outcomes(series, period, freq.scored_horizon) for series, _, period in rows]),
        forecasts={model_id: np.concatenate([made[model_id] for _, _, made in parts]) for model_id in MODELS},
    )


def _outcomes(series: Series, period: int, horizon: int) -> Floats:
    out = np.full(horizon, np.nan)
    after = slice(period + 1 - series.start, period + 1 - series.start + horizon)
    values = np.where(series.observed[after], series.values[after], np.nan)
    out[: len(values)] = values
    return out
