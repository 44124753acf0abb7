"""Forecast of any panel: champions chosen by backtest, intervals from pooled errors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from lma.forecasting.backtest import NO_BACKTEST, Backtest, forecast_at, run_backtest
from lma.forecasting.combine import choose_champions
from lma.forecasting.features import Windows, build_windows
from lma.forecasting.intervals import Offsets, error_offsets, place_quantiles, running_scale
from lma.forecasting.models import LONGEST_DIRECT, MODELS
from lma.forecasting.periods import check_horizon
from lma.forecasting.rounding import round_by_series
from lma.forecasting.series import (
    Absence,
    Floats,
    Frequency,
    Series,
    format_period,
    frequency,
    is_count_like,
    read_panel,
)

COLUMNS = ["unique_id", "h", "ds", "mean", "lo80", "hi80", "lo95", "hi95", "q50", "model_id", "reason"]
ENOUGH_SERIES = 60
DECIMALS = 6


@dataclass(frozen=True)
class PanelForecast:
    """Everything a panel's forecast is made of; series 0..len(targets)-1 of the backtest are the targets."""

    freq: Frequency
    targets: list[Series]
    absences: list[Absence]
    backtest: Backtest
    champions: list[str]
    forecasts: dict[str, Floats]
    offsets: dict[str, Offsets]

    def mean(self, place: int, model_id: str) -> Floats:
        """Forecast path of one target by one model."""
        return np.asarray(self.forecasts[model_id][place], dtype=np.float64)

    def quantiles(self, place: int, model_id: str) -> Floats:
        """Quantiles (horizon, level) of one target by one model."""
        values = self.targets[place].values
        scale = float(running_scale(values)[-1])
        return place_quantiles(
            self.mean(place, model_id), self.offsets[model_id], scale, not_negative=is_count_like(values)
        )


def forecast_panel(
    panel: pd.DataFrame, horizon: int, freq: str, pool: pd.DataFrame | None = None, seed: int = 0
) -> pd.DataFrame:
    """Forecasts of any panel: one row per unique_id and h, sorted, with exactly ``COLUMNS``.

    ``panel``: unique_id, ds (2020, 2020-Q2 or 2020-05), y in any unit; optional is_break (nothing before
    the last break is used) and is_future (rows that have not happened). ``pool``: further series of the
    same shape that the pooled model may learn from. A series that cannot be forecast has one row with
    h = 0, its last period, no numbers and a reason: TOO_SHORT (below 8 annual, 16 quarterly, 36 monthly
    values), SHORT_AFTER_BREAK, GAPS, ALL_MISSING, BAD_PERIOD, NOT_A_NUMBER, DUPLICATE_PERIOD,
    FUTURE_PERIOD: see ``read_panel``.
    ``model_id`` is the model that made the row. Forecasts are not negative where no value of the history
    is. Nothing random is used: ``seed`` is accepted so that a caller can pass one everywhere, and changes
    nothing.

    ``InputError`` where the table itself is wrong, or every series of it; ``UsageError`` for horizon and
    freq.
    """
    result = run_panel(panel, horizon, freq, pool)
    rows = [row for place in range(len(result.targets)) for row in _forecast_rows(result, place, horizon)]
    rows += [_absence_row(absence, result.freq) for absence in result.absences]
    out = pd.DataFrame(rows, columns=COLUMNS).sort_values(
        ["unique_id", "h"], kind="stable", ignore_index=True
    )
    return _as_published(round_by_series(out, COLUMNS[3:9]), panel)


def _forecast_rows(result: PanelForecast, place: int, horizon: int) -> list[tuple[object, ...]]:
    series, model_id = result.targets[place], result.champions[place]
    mean, quantiles = result.mean(place, model_id), result.quantiles(place, model_id)
    return [
        (series.unique_id, h + 1, format_period(series.end + h + 1, result.freq), mean[h],
         quantiles[h, 1], quantiles[h, 3], quantiles[h, 0], quantiles[h, 4], quantiles[h, 2], model_id, "")
        for h in range(horizon)
    ]  # fmt: skip


def _absence_row(absence: Absence, freq: Frequency) -> tuple[object, ...]:
    return (absence.unique_id, 0, format_period(absence.end, freq), *[np.nan] * 6, "none", absence.reason)


def _as_published(out: pd.DataFrame, panel: pd.DataFrame) -> pd.DataFrame:
    """Keys in the caller's own types, so that the result can be merged with the panel."""
    originals = {str(uid): uid for uid in panel["unique_id"].unique()}
    ids = out["unique_id"].map(originals)
    are_years = pd.api.types.is_integer_dtype(panel["ds"]) and out["ds"].str.isdigit().all()
    years = out["ds"].astype(int) if are_years else out["ds"]
    return out.assign(unique_id=ids, ds=years)


# ---------------------------------------------------------------- the steps


def run_panel(
    panel: pd.DataFrame, horizon: int, freq: str, pool: pd.DataFrame | None = None
) -> PanelForecast:
    """All models at all origins for a panel: champions, paths and error quantiles. See ``forecast_panel``."""
    from threadpoolctl import threadpool_limits

    kind = frequency(freq)
    horizon = check_horizon(horizon)
    targets, absences = read_panel(panel, kind)
    if not targets:
        return PanelForecast(kind, [], absences, NO_BACKTEST, [], {}, {})
    with threadpool_limits(
        limits=1
    ):  # the order of additions, and so the last digits, must not depend on threads
        return _run(targets, absences, _pool_series(pool, targets, kind), horizon, kind)


def _pool_series(pool: pd.DataFrame | None, targets: list[Series], freq: Frequency) -> list[Series]:
    if pool is None or pool.empty:
        return []
    own = {series.unique_id for series in targets}
    return [series for series in read_panel(pool, freq)[0] if series.unique_id not in own]


def _run(
    targets: list[Series], absences: list[Absence], pool: list[Series], horizon: int, freq: Frequency
) -> PanelForecast:
    companions, rest = split_pool(pool, ENOUGH_SERIES - len(targets))
    panel = [*targets, *companions, *rest]
    windows = build_windows(panel, freq, max(min(horizon, LONGEST_DIRECT), freq.scored_horizon))
    backtest = run_backtest(panel[: len(targets) + len(companions)], windows, freq)
    forecasts = _latest_forecasts(panel, len(targets), windows, freq, horizon)
    errors = {model_id: backtest.scaled_errors(model_id) for model_id in MODELS}
    available = {model_id: np.isfinite(paths.sum(axis=1)) for model_id, paths in forecasts.items()}
    sizes = {model_id: np.abs(e) for model_id, e in errors.items()}
    champions = choose_champions(sizes, backtest.series, available)
    offsets = {model_id: error_offsets(e, horizon) for model_id, e in errors.items()}
    return PanelForecast(freq, targets, absences, backtest, champions, forecasts, offsets)


def _latest_forecasts(
    panel: list[Series], n_targets: int, windows: Windows, freq: Frequency, horizon: int
) -> dict[str, Floats]:
    """Forecasts of the targets from their own last periods: model_id -> (targets, horizon)."""
    out = {model_id: np.full((n_targets, horizon), np.nan) for model_id in MODELS}
    for period in sorted({series.end for series in panel[:n_targets]}):
        places = [place for place in range(n_targets) if panel[place].end == period]
        for model_id, paths in forecast_at(panel, places, period, windows, freq, horizon).items():
            out[model_id][places] = paths
    return out


def split_pool(pool: list[Series], wanted: int) -> tuple[list[Series], list[Series]]:
    """Companions that are backtested beside a small panel, evenly spread over the pool, and the rest."""
    if wanted <= 0 or not pool:
        return [], pool
    chosen = set(
        np.unique(np.linspace(0, len(pool) - 1, min(wanted, len(pool))).round().astype(int)).tolist()
    )
    return [s for i, s in enumerate(pool) if i in chosen], [s for i, s in enumerate(pool) if i not in chosen]
