"""Forecast of any panel: champions chosen by backtest, intervals from pooled errors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from lma.errors import UsageError
from lma.forecasting.backtest import NO_BACKTEST, Backtest, ask, run_backtest
from lma.forecasting.combine import choose_champions
from lma.forecasting.engine import Applied, Engine, fit_engine
from lma.forecasting.intervals import LEVELS, Calibration, tidy_quantiles
from lma.forecasting.models import ACROSS, MODELS, forecast_all
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

NUMBERS = ["mean", "lo50", "hi50", "lo80", "hi80", "lo95", "hi95", "q50"]
COLUMNS = ["unique_id", "h", "ds", *NUMBERS, "model_id", "mase_ratio", "n_origins", "reason"]
PUBLISHED = (0.25, 0.75, 0.1, 0.9, 0.025, 0.975, 0.5)
CONSTANT = "CONSTANT"
DECIMALS = 6


@dataclass(frozen=True)
class PanelForecast:
    """Everything a panel's forecast is made of; ``series`` of the backtest are places in ``targets``.

    ``rows``: the last window of each target, -1 where it never moved; ``offsets``: how the intervals of a
    model were calibrated; ``spread``: what its quantiles add to its path, (targets, horizon, level).
    """

    freq: Frequency
    targets: list[Series]
    absences: list[Absence]
    backtest: Backtest
    champions: list[str]
    forecasts: dict[str, Floats]
    offsets: dict[str, Calibration]
    spread: dict[str, Floats]
    rows: npt.NDArray[np.int64]

    @property
    def n_learnt(self) -> int:
        """Series whose errors calibrate the intervals: those of the pool that ever moved."""
        engine = self.backtest.engine
        return 0 if engine is None else engine.n_series

    def mean(self, place: int, model_id: str) -> Floats:
        """Forecast path of one target by one model."""
        return np.asarray(self.forecasts[model_id][place], dtype=np.float64)

    def quantiles(self, place: int, model_id: str) -> Floats:
        """Quantiles (horizon, level) of one target by one model; its one value where it never moved."""
        raw = self.raw_quantiles(place, model_id)
        return tidy_quantiles(raw, not_negative=is_count_like(self.targets[place].values))

    def raw_quantiles(self, place: int, model_id: str) -> Floats:
        """The same before they are cut at zero: to be moved with a path that is reconciled, and cut then."""
        spread = self.spread[model_id][place]
        return np.asarray(self.mean(place, model_id)[:, None] + spread, dtype=np.float64)


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
    ``model_id`` is the model that made the row, ``mase_ratio`` its error relative to naive over the series' own
    ``n_origins`` rolling origins. A series that never moved is forecast as its one value, with the reason
    CONSTANT: no error was ever made, so its intervals say nothing. Forecasts are not negative where no value of the history
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
    return _as_published(round_by_series(out, NUMBERS), panel)


def _forecast_rows(result: PanelForecast, place: int, horizon: int) -> list[tuple[object, ...]]:
    series, model_id = result.targets[place], result.champions[place]
    mean, quantiles = result.mean(place, model_id), result.quantiles(place, model_id)
    record = own_record(result.backtest, place, model_id)
    reason = CONSTANT if result.rows[place] < 0 else ""
    levels = [LEVELS.index(level) for level in PUBLISHED]
    return [
        (series.unique_id, h + 1, format_period(series.end + h + 1, result.freq), mean[h], *quantiles[h, levels],
         model_id, *record, reason)
        for h in range(horizon)
    ]  # fmt: skip


def own_record(backtest: Backtest, place: int, model_id: str) -> tuple[float, int]:
    """Error of a model relative to naive over the series' own origins (NaN without any), and their number."""
    rows = slice(*np.searchsorted(backtest.series, [place, place + 1]))
    errors, naive = (np.abs(backtest.actual[rows] - backtest.forecasts[m][rows]) for m in (model_id, "naive"))
    both = np.isfinite(errors) & np.isfinite(naive)
    base = float(naive[both].sum())
    ratio = round(float(errors[both].sum()) / base, 4) if base > 0 else np.nan
    return ratio, int(both.any(axis=1).sum())


def _absence_row(absence: Absence, freq: Frequency) -> tuple[object, ...]:
    numbers = [np.nan] * len(NUMBERS)
    return (
        absence.unique_id,
        0,
        format_period(absence.end, freq),
        *numbers,
        "none",
        np.nan,
        0,
        absence.reason,
    )


def _as_published(out: pd.DataFrame, panel: pd.DataFrame) -> pd.DataFrame:
    """Keys in the caller's own types, so that the result can be merged with the panel."""
    originals = {str(uid): uid for uid in panel["unique_id"].unique()}
    ids = out["unique_id"].map(originals)
    are_years = pd.api.types.is_integer_dtype(panel["ds"]) and out["ds"].str.isdigit().all()
    years = out["ds"].astype(int) if are_years else out["ds"]
    return out.assign(unique_id=ids, ds=years)


# ---------------------------------------------------------------- the steps


def run_panel(
    panel: pd.DataFrame,
    horizon: int,
    freq: str,
    pool: pd.DataFrame | None = None,
    *,
    singly: bool = False,
    engine: Engine | None = None,
) -> PanelForecast:
    """All models at all origins for a panel: champions, paths and error quantiles. See ``forecast_panel``.

    With ``singly`` also the models that are fitted to each series by itself, for the scorecard; they take
    many times as long as the rest. ``engine``: one fitted before (``prepare_engine``) instead of one that
    is fitted to panel and pool; ``UsageError`` where that was on another frequency.
    """
    from threadpoolctl import threadpool_limits

    kind = frequency(freq)
    horizon = check_horizon(horizon)
    targets, absences = read_panel(panel, kind)
    if not targets:
        return PanelForecast(kind, [], absences, NO_BACKTEST, [], {}, {}, {}, np.zeros(0, dtype=np.int64))
    with threadpool_limits(
        limits=1
    ):  # the order of additions, and so the last digits, must not depend on threads
        return _run(targets, absences, pool, horizon, kind, singly, engine)


def prepare_engine(pool: pd.DataFrame, horizon: int, freq: str) -> Engine | None:
    """The engine fitted once on a pool, to be applied to many panels: see ``run_panel``.

    None where the pool has no series that is long enough: then each panel fits its own.
    """
    from threadpoolctl import threadpool_limits

    kind = frequency(freq)
    series = [] if pool.empty else read_panel(pool, kind)[0]
    if not series:
        return None
    with threadpool_limits(limits=1):
        return fit_engine(series, kind, count_near(check_horizon(horizon), kind))


def count_near(horizon: int, freq: Frequency) -> int:
    """Horizons with a regression of their own."""
    return max(min(horizon, freq.longest_direct), freq.scored_horizon)


def _pool_series(pool: pd.DataFrame | None, targets: list[Series], freq: Frequency) -> list[Series]:
    if pool is None or pool.empty:
        return []
    own = {series.unique_id for series in targets}
    return [series for series in read_panel(pool, freq)[0] if series.unique_id not in own]


def _run(
    targets: list[Series],
    absences: list[Absence],
    pool: pd.DataFrame | None,
    horizon: int,
    freq: Frequency,
    singly: bool,
    engine: Engine | None,
) -> PanelForecast:
    if engine is not None and engine.freq != freq:
        raise UsageError(f"the engine was fitted on frequency {engine.freq.code}, the panel has {freq.code}.")
    if engine is None:
        taught = [*targets, *_pool_series(pool, targets, freq)]
        engine = fit_engine(taught, freq, count_near(horizon, freq))
        applied = engine.learnt if len(taught) == len(targets) else engine.apply(targets)
    else:
        applied = engine.apply(targets)
    backtest = run_backtest(targets, engine, applied, singly=singly)
    rows = find_last_windows(targets, applied)
    forecasts = forecast_latest(targets, applied, rows, horizon, freq, singly=singly)
    fallback = find_fallback(backtest, freq)
    errors = {model_id: np.abs(backtest.scaled_errors(model_id)) for model_id in ("engine", fallback)}
    available = {model_id: np.isfinite(paths.sum(axis=1)) for model_id, paths in forecasts.items()}
    champions = choose_champions(errors, backtest.series, available, fallback)
    champions = ["naive" if row < 0 else champion for champion, row in zip(champions, rows, strict=True)]
    offsets = {m: engine.calibrated(m, engine.end, horizon) for m in {"engine", "naive", fallback}}
    spread = {model_id: spread_targets(offset, applied, rows) for model_id, offset in offsets.items()}
    return PanelForecast(freq, targets, absences, backtest, champions, forecasts, offsets, spread, rows)


def spread_targets(calibration: Calibration, applied: Applied, rows: npt.NDArray[np.int64]) -> Floats:
    """What the quantiles add to the path of each target, (targets, horizon, level); 0 where it never moved."""
    moved = rows[rows >= 0]
    out = np.zeros((len(rows), *calibration.quantiles.shape))
    offsets = calibration.offsets(applied.windows, applied.changes["engine"], moved)
    out[rows >= 0] = offsets * applied.windows.scale[moved, None, None]
    return out


def find_last_windows(targets: list[Series], applied: Applied) -> npt.NDArray[np.int64]:
    """Row of the window that ends where each target ends; -1 where it never moved and so has none."""
    windows = applied.windows
    places = np.arange(len(targets))
    last = np.searchsorted(windows.series, places, side="right") - 1
    ends = np.array([series.end for series in targets])
    if not len(windows.series):
        return np.full(len(targets), -1)
    found = (last >= 0) & (windows.series[last] == places) & (windows.period[last] == ends)
    return np.where(found, last, -1)


def forecast_latest(
    targets: list[Series],
    applied: Applied,
    rows: npt.NDArray[np.int64],
    horizon: int,
    freq: Frequency,
    *,
    singly: bool,
) -> dict[str, Floats]:
    """Forecasts of the targets from their last periods: model_id -> (targets, horizon).

    A target that never moved is forecast as its one value by naive, and by no other model.
    """
    models = MODELS if singly else ACROSS
    moved = np.flatnonzero(rows >= 0)
    out = {model_id: np.full((len(targets), horizon), np.nan) for model_id in models}
    made = forecast_all(ask(targets, applied, rows[moved], horizon, freq), models)
    for model_id, paths in made.items():
        out[model_id][moved] = paths
    for place in np.flatnonzero(rows < 0):
        out["naive"][place] = targets[place].values[-1]
    return out


def find_fallback(backtest: Backtest, freq: Frequency) -> str:
    """The last value, or that of the season before, whichever erred less over the panel."""
    if freq.season == 1:
        return "naive"
    naive, seasonal = (np.abs(backtest.scaled_errors(m)) for m in ("naive", "seasonal_naive"))
    both = np.isfinite(naive) & np.isfinite(seasonal)
    return "seasonal_naive" if seasonal[both].sum() < naive[both].sum() else "naive"
