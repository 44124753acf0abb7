"""Rolling origins: what every model would have said, seeing only what was dated up to the origin."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lma.forecasting.combine import combine
from lma.forecasting.features import Windows, build_windows
from lma.forecasting.intervals import LARGEST_ERROR
from lma.forecasting.models import ACROSS, SINGLY, Asked, Model, forecast_all
from lma.forecasting.pooled import as_changes, forecast_pooled
from lma.forecasting.series import Floats, Frequency, Series

Rows = npt.NDArray[np.int64]

ORIGINS = 30
FITTED_ORIGINS = ((300, 10), (3000, 6))
FEWEST_FITTED_ORIGINS = 3
YEARS_BETWEEN_FITS = 3
YEARS_TRAINED = 40


@dataclass(frozen=True)
class Trained:
    """The windows of a panel and what the models trained across it forecast from each, in scaled changes.

    ``changes``: model_id -> (windows, near horizons), each row by a model that saw nothing dated after the
    end of its window. ``fitted_at``: the origins at which the regression was fitted.
    """

    freq: Frequency
    windows: Windows
    changes: dict[str, Floats]
    fitted_at: tuple[int, ...]


@dataclass(frozen=True)
class Backtest:
    """One row per series and origin, series after series; columns are horizons.

    ``series``: place in the panel; ``period``: the origin; ``last``, ``scale``, ``step``: last value, scale
    and mean absolute step up to the origin; ``actual``: outcomes, NaN where not (yet) observed; ``forecasts``:
    by model, NaN where it made none (models fitted singly are asked at the last few origins only).
    ``rows``: each row's window in ``trained``.
    """

    series: Rows
    period: Rows
    last: Floats
    scale: Floats
    step: Floats
    actual: Floats
    forecasts: dict[str, Floats]
    rows: Rows
    trained: Trained | None

    def scaled_errors(self, model_id: str) -> Floats:
        """(Outcome - forecast) / scale; NaN where there is no outcome, forecast or scale."""
        unit = np.where(self.scale > 0, self.scale, np.nan)[:, None]
        with np.errstate(over="ignore"):
            errors = (self.actual - self.forecasts[model_id]) / unit
        return np.asarray(np.clip(errors, -LARGEST_ERROR, LARGEST_ERROR), dtype=np.float64)

    def window_errors(self, model_id: str) -> Floats:
        """Scaled errors at every window of the panel (windows, near horizons); NaN where it was not asked."""
        if self.trained is None:
            return np.zeros((0, 1))
        windows, near = self.trained.windows, self.trained.changes["engine"].shape[1]
        if model_id in self.trained.changes:
            return windows.targets[:, :near] - self.trained.changes[model_id]
        if model_id == "naive":
            naive = (windows.last - windows.level)[:, None] - windows.season[:, :near]
            return np.asarray(windows.targets[:, :near] - naive / windows.scale[:, None], dtype=np.float64)
        out = np.full((len(windows.period), near), np.nan)
        errors = self.scaled_errors(model_id)
        out[self.rows, : errors.shape[1]] = errors[:, :near]
        return out


_NO_PLACES, _NO_VALUES = np.zeros(0, dtype=np.int64), np.zeros(0)
NO_BACKTEST = Backtest(
    _NO_PLACES, _NO_PLACES, _NO_VALUES, _NO_VALUES, _NO_VALUES, np.zeros((0, 1)), {}, _NO_PLACES, None
)


def train(panel: list[Series], freq: Frequency, horizon: int) -> Trained:
    """The models across the panel at every window, fitted anew every three years and at the end."""
    windows, logs = (build_windows(panel, freq, horizon, logs=in_logs) for in_logs in (False, True))
    fits = list_fits(windows.period, freq)
    pooled = forecast_pooled(windows, fits, horizon)
    relative = as_changes(windows, logs, forecast_pooled(logs, fits, horizon))
    made = {"pooled": pooled, "relative": relative, "engine": combine(windows, pooled, relative)}
    return Trained(freq, windows, made, tuple(fits))


def list_fits(period: Rows, freq: Frequency) -> list[int]:
    """Origins at which the regression is fitted: the last, and every three years back from it."""
    if not len(period):
        return []
    last, first = int(period.max()), max(int(period.min()), int(period.max()) - YEARS_TRAINED * freq.season)
    return sorted(range(last, first - 1, -YEARS_BETWEEN_FITS * freq.season))


def count_origins(n_series: int) -> int:
    """Origins at which models fitted to each series singly are asked, as a panel can afford: 10, 6 or 3."""
    return next((origins for size, origins in FITTED_ORIGINS if n_series <= size), FEWEST_FITTED_ORIGINS)


def run_backtest(panel: list[Series], trained: Trained, freq: Frequency, *, singly: bool) -> Backtest:
    """Forecasts of the models at the last 30 origins of the series, of those fitted singly at the last few."""
    windows, horizon = trained.windows, freq.scored_horizon
    rows = last_rows(windows, panel, ORIGINS)
    actual = windows.in_levels(windows.targets[rows, :horizon], rows)
    kept = np.isfinite(actual).any(axis=1)
    rows, actual = rows[kept], actual[kept]
    made = forecast_all(ask(panel, trained, rows, horizon, freq), ACROSS)
    if singly:
        made |= _forecast_singly(panel, trained, rows, freq, made)
    return Backtest(
        series=windows.series[rows],
        period=windows.period[rows],
        last=windows.last[rows],
        scale=windows.scale[rows],
        step=windows.step[rows],
        actual=actual,
        forecasts=made,
        rows=rows,
        trained=trained,
    )


def _forecast_singly(
    panel: list[Series], trained: Trained, rows: Rows, freq: Frequency, made: dict[str, Floats]
) -> dict[str, Floats]:
    """Forecasts of the models fitted singly, NaN at all but the last few origins of each series."""
    series = trained.windows.series[rows]
    from_end = np.array([np.searchsorted(series, place, side="right") for place in series]) - np.arange(
        len(rows)
    )
    asked_rows = np.flatnonzero(from_end <= count_origins(len(panel)))
    asked = ask(panel, trained, rows[asked_rows], freq.scored_horizon, freq)
    fitted = forecast_all(asked, {**{m: _given(made[m][asked_rows]) for m in ACROSS}, **SINGLY})
    out = {model_id: np.full((len(rows), freq.scored_horizon), np.nan) for model_id in SINGLY}
    for model_id, values in out.items():
        values[asked_rows] = fitted[model_id]
    return out


def _given(values: Floats) -> Model:
    return lambda asked: values


def last_rows(windows: Windows, panel: list[Series], most: int) -> Rows:
    """The last so many windows of each series of the panel that end in an observed value before its end."""
    ends = np.array([series.end for series in panel])
    mine = windows.series < len(panel)
    before = mine & (windows.period < ends[np.where(mine, windows.series, 0)])
    rows = np.flatnonzero(before)
    observed = np.array(
        [panel[windows.series[r]].observed[windows.period[r] - panel[windows.series[r]].start] for r in rows],
        dtype=np.bool_,
    )
    rows = rows[observed] if len(rows) else rows
    place = np.searchsorted(windows.series[rows], np.arange(len(panel)), side="right")
    from_end = place[windows.series[rows]] - np.arange(len(rows))
    return rows[from_end <= most]


def ask(panel: list[Series], trained: Trained, rows: Rows, horizon: int, freq: Frequency) -> Asked:
    """What the models are shown for some windows."""
    windows = trained.windows
    histories = tuple(
        panel[place].until(int(period))
        for place, period in zip(windows.series[rows], windows.period[rows], strict=True)
    )
    return Asked(windows, rows, histories, horizon, freq.season, trained.changes)
