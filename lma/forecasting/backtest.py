"""Rolling origins: what every model would have said, seeing only what was dated up to the origin."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lma.forecasting.engine import Applied, Engine
from lma.forecasting.features import Windows
from lma.forecasting.intervals import LARGEST_ERROR
from lma.forecasting.models import ACROSS, SINGLY, Asked, Model, forecast_all
from lma.forecasting.series import Floats, Frequency, Series

Rows = npt.NDArray[np.int64]

ORIGINS = 30
FITTED_ORIGINS = ((300, 10), (3000, 6))
FEWEST_FITTED_ORIGINS = 3


@dataclass(frozen=True)
class Backtest:
    """One row per series and origin, series after series; columns are horizons.

    ``series``: place in the panel; ``period``: the origin; ``last``, ``scale``, ``step``: last value, scale
    and mean absolute step up to the origin; ``actual``: outcomes, NaN where not (yet) observed; ``forecasts``:
    by model, NaN where it made none (models fitted singly are asked at the last few origins only).
    ``rows``: each row's window in ``applied``, what the ``engine`` says of the panel.
    """

    series: Rows
    period: Rows
    last: Floats
    scale: Floats
    step: Floats
    actual: Floats
    forecasts: dict[str, Floats]
    rows: Rows
    applied: Applied | None
    engine: Engine | None

    def scaled_errors(self, model_id: str) -> Floats:
        """(Outcome - forecast) / scale; NaN where there is no outcome, forecast or scale."""
        unit = np.where(self.scale > 0, self.scale, np.nan)[:, None]
        with np.errstate(over="ignore"):
            errors = (self.actual - self.forecasts[model_id]) / unit
        return np.asarray(np.clip(errors, -LARGEST_ERROR, LARGEST_ERROR), dtype=np.float64)


_NO_PLACES, _NO_VALUES = np.zeros(0, dtype=np.int64), np.zeros(0)
NO_BACKTEST = Backtest(
    _NO_PLACES, _NO_PLACES, _NO_VALUES, _NO_VALUES, _NO_VALUES, np.zeros((0, 1)), {}, _NO_PLACES, None, None
)


def count_origins(n_series: int) -> int:
    """Origins at which models fitted to each series singly are asked, as a panel can afford: 10, 6 or 3."""
    return next((origins for size, origins in FITTED_ORIGINS if n_series <= size), FEWEST_FITTED_ORIGINS)


def run_backtest(panel: list[Series], engine: Engine, applied: Applied, *, singly: bool) -> Backtest:
    """Forecasts of the models at the last 30 origins of the series, of those fitted singly at the last few."""
    windows, freq = applied.windows, engine.freq
    horizon = freq.scored_horizon
    rows = last_rows(windows, panel, ORIGINS)
    actual = windows.in_levels(windows.targets[rows, :horizon], rows)
    kept = np.isfinite(actual).any(axis=1)
    rows, actual = rows[kept], actual[kept]
    made = forecast_all(ask(panel, applied, rows, horizon, freq), ACROSS)
    if singly:
        made |= _forecast_singly(panel, applied, rows, freq, made)
    return Backtest(
        series=windows.series[rows],
        period=windows.period[rows],
        last=windows.last[rows],
        scale=windows.scale[rows],
        step=windows.step[rows],
        actual=actual,
        forecasts=made,
        rows=rows,
        applied=applied,
        engine=engine,
    )


def _forecast_singly(
    panel: list[Series], applied: Applied, rows: Rows, freq: Frequency, made: dict[str, Floats]
) -> dict[str, Floats]:
    """Forecasts of the models fitted singly, NaN at all but the last few origins of each series."""
    series = applied.windows.series[rows]
    from_end = np.searchsorted(series, series, side="right") - np.arange(len(rows))
    asked_rows = np.flatnonzero(from_end <= count_origins(len(panel)))
    asked = ask(panel, applied, rows[asked_rows], freq.scored_horizon, freq)
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
    rows = np.flatnonzero(windows.period < ends[windows.series])
    ends_observed = [
        panel[windows.series[r]].observed[windows.period[r] - panel[windows.series[r]].start] for r in rows
    ]
    rows = rows[np.array(ends_observed, dtype=np.bool_)]
    series = windows.series[rows]
    from_end = np.searchsorted(series, series, side="right") - np.arange(len(rows))
    return rows[from_end <= most]


def ask(panel: list[Series], applied: Applied, rows: Rows, horizon: int, freq: Frequency) -> Asked:
    """What the models are shown for some windows."""
    windows = applied.windows
    histories = tuple(
        panel[place].until(int(period))
        for place, period in zip(windows.series[rows], windows.period[rows], strict=True)
    )
    return Asked(windows, rows, histories, horizon, freq.season, applied.changes)
