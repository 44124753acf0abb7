"""Scorecard of a backtest: every candidate against the naive model, by horizon and over all horizons."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lma.forecasting.backtest import Backtest
from lma.forecasting.intervals import LEVELS, SMALL_POOL
from lma.forecasting.series import Floats

CLAIMS_NO_DIRECTION = ("naive",)
WITH_INTERVALS = ("engine", "naive", "seasonal_naive")
COVERAGE_ORIGINS = 10


@dataclass(frozen=True)
class Score:
    """Accuracy of one model for one series at one horizon (0: all); None where it cannot be measured."""

    horizon: int
    n_origins: int
    mae: float | None
    mase: float | None
    mase_ratio: float | None
    bias: float | None
    coverage_80: float | None
    coverage_95: float | None
    sign_hit: float | None


@dataclass(frozen=True)
class Inside:
    """Whether outcomes fell inside intervals calibrated on what was known at each origin; NaN where not
    scored.
    """

    eighty: Floats
    ninety_five: Floats


def measure_coverage(backtest: Backtest, model_id: str) -> Inside:
    """Honest coverage: at every origin the error quantiles come from outcomes dated at or before that origin.

    Measured at the last ten origins of the panel, for the models whose intervals are published; origins at
    which fewer than 60 such errors were known are not scored.
    """
    eighty, ninety_five = (np.full(backtest.actual.shape, np.nan) for _ in range(2))
    engine, applied = backtest.engine, backtest.applied
    if engine is None or applied is None or model_id not in WITH_INTERVALS:
        return Inside(eighty, ninety_five)
    own = backtest.scaled_errors(model_id)
    if not np.isfinite(own).any():  # as of the seasonal naive model of annual figures
        return Inside(eighty, ninety_five)
    errors = engine.learnt.errors(model_id)
    due = engine.learnt.windows.period[:, None] + np.arange(1, errors.shape[1] + 1)
    for origin in np.unique(backtest.period)[-COVERAGE_ORIGINS:]:
        if (np.isfinite(errors) & (due <= origin)).sum() < SMALL_POOL:
            continue
        here = np.flatnonzero(backtest.period == origin)
        calibration = engine.calibrated(model_id, int(origin), own.shape[1])
        offsets = calibration.offsets(applied.windows, applied.changes["engine"], backtest.rows[here])
        at = {level: offsets[:, :, LEVELS.index(level)] for level in (0.025, 0.1, 0.9, 0.975)}
        eighty[here] = _inside(own[here], at[0.1], at[0.9])
        ninety_five[here] = _inside(own[here], at[0.025], at[0.975])
    return Inside(eighty, ninety_five)


def _inside(errors: Floats, low: Floats, high: Floats) -> Floats:
    return np.where(np.isfinite(errors), (errors >= low) & (errors <= high), np.nan)


def score_series(backtest: Backtest, place: int, model_id: str, inside: Inside) -> list[Score]:
    """Scores of one model for one series: horizon 0 (all together), then 1, 2, ... ; unreconciled
    forecasts.

    ``mae`` and ``bias`` in the unit of the series; ``mase`` = mean of |error| / mean absolute step up to
    the origin; ``mase_ratio`` = MAE / MAE of naive on the same origins and horizons.
    """
    rows = backtest.series == place
    error = backtest.forecasts[model_id][rows] - backtest.actual[rows]
    cells = np.isfinite(error)
    return [
        _score(backtest, rows, model_id, inside, _of_horizon(cells, h), h) for h in range(error.shape[1] + 1)
    ]


def _of_horizon(cells: npt.NDArray[np.bool_], h: int) -> npt.NDArray[np.bool_]:
    columns = np.arange(1, cells.shape[1] + 1)
    return cells & ((columns == h) if h else True)


def _score(
    backtest: Backtest,
    rows: npt.NDArray[np.bool_],
    model_id: str,
    inside: Inside,
    cells: npt.NDArray[np.bool_],
    h: int,
) -> Score:
    forecast, actual, last = (
        backtest.forecasts[model_id][rows],
        backtest.actual[rows],
        backtest.last[rows, None],
    )
    step = np.where(backtest.step[rows] > 0, backtest.step[rows], np.nan)[:, None]
    error = forecast - actual
    mae, naive_mae = mean_over(np.abs(error), cells), mean_over(np.abs(last - actual), cells)
    hits = (np.sign(forecast - last) == np.sign(actual - last)).astype(float)
    return Score(
        horizon=h,
        n_origins=int(cells.any(axis=1).sum()),
        mae=mae,
        mase=mean_over(np.abs(error) / step, cells),
        mase_ratio=mae / naive_mae if mae is not None and naive_mae else None,
        bias=mean_over(error, cells),
        coverage_80=mean_over(inside.eighty[rows], cells),
        coverage_95=mean_over(inside.ninety_five[rows], cells),
        sign_hit=None if model_id in CLAIMS_NO_DIRECTION else mean_over(hits, cells),
    )


def mean_over(values: Floats, cells: npt.NDArray[np.bool_]) -> float | None:
    """Mean of the values in the cells that have one; None where no cell has."""
    chosen = values[cells & np.isfinite(values)]
    return float(np.mean(chosen)) if len(chosen) else None
