"""Single models of statsforecast, called directly, series by series: what the engine is measured against.

The histories are divided by their mean size first (the optimisers of some models stop early on large numbers),
and the forecasts of a history that was never negative are cut at zero: both help the baselines. A model that
fails on a series, or answers with infinities, is given the naive forecast there, and the number is reported.
"""

from __future__ import annotations

import hashlib
import time
import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

LEVELS = (0.025, 0.1, 0.25, 0.5, 0.75, 0.9, 0.975)
INTERVALS = {95: (0, 6), 80: (1, 5), 50: (2, 4)}
SLOW = ("auto_arima",)
POINTS_ONLY = ("auto_ces",)
"""Its intervals are simulated, and take more than a second for a series of nine years."""
MEMBERS = ("auto_ets", "dot", "damped", "drift")
"""Of the equal-weight median of cheap models, ``median4``."""


@dataclass(frozen=True)
class Forecasts:
    """One model's answers: ``mean`` (window, horizon), ``quantiles`` (window, horizon, level; NaN: it has none),
    CPU seconds, and for how many windows naive stands in.
    """

    mean: Floats
    quantiles: Floats
    seconds: float = 0.0
    n_failed: int = 0


def model_of(name: str, season: int) -> Any:
    """A model of statsforecast by the name it has in the tables."""
    import statsforecast.models as models

    seasonal = {"season_length": season}
    made = {
        "naive": lambda: models.Naive(),
        "seasonal_naive": lambda: models.SeasonalNaive(**seasonal),
        "drift": lambda: models.RandomWalkWithDrift(),
        "auto_ets": lambda: models.AutoETS(**seasonal),
        "auto_arima": lambda: models.AutoARIMA(**seasonal),
        "dot": lambda: models.DynamicOptimizedTheta(**seasonal),
        "theta": lambda: models.Theta(**seasonal),
        "damped": lambda: models.AutoETS(**seasonal, model="ZAN" if season == 1 else "ZAZ", damped=True),
        "auto_ces": lambda: models.AutoCES(**seasonal),
    }
    return made[name]()


def list_singles(season: int, *, is_slow_wanted: bool) -> list[str]:
    """Names of the single models for a frequency, naive first."""
    seasonal = ["seasonal_naive"] if season > 1 else []
    slow = list(SLOW) if is_slow_wanted else []
    return ["naive", *seasonal, "drift", "auto_ets", "dot", "theta", "damped", "auto_ces", *slow]


def fit_all(
    histories: list[Floats], names: list[str], season: int, horizon: int, cache: Path
) -> dict[str, Forecasts]:
    """Forecasts of the single models and of ``median4``, from the cache where the same was asked before.

    A member that fails on a series is left out of its median.
    """
    made = {name: _fit_or_read(histories, name, season, horizon, cache) for name in names}
    members = [made[name] for name in MEMBERS]
    mean = np.nanmedian([member.mean for member in members], axis=0)
    no_quantiles = np.full((*mean.shape, len(LEVELS)), np.nan)
    median = Forecasts(mean, no_quantiles, sum(member.seconds for member in members))
    return {name: _with_naive(one, made["naive"]) for name, one in made.items()} | {"median4": median}


def _with_naive(made: Forecasts, naive: Forecasts) -> Forecasts:
    failed = np.isnan(made.mean[:, :1])
    return replace(
        made,
        mean=np.where(failed, naive.mean, made.mean),
        quantiles=np.where(failed[:, :, None], naive.quantiles, made.quantiles),
        n_failed=int(failed.sum()),
    )


def _fit_or_read(histories: list[Floats], name: str, season: int, horizon: int, cache: Path) -> Forecasts:
    import statsforecast

    asked = f"{name} {season} {horizon} {statsforecast.__version__} {[len(y) for y in histories]}"
    digest = hashlib.sha256(asked.encode() + np.concatenate(histories).tobytes()).hexdigest()[:24]
    path = cache / "baselines" / f"{name}_{digest}.npz"
    if path.exists():
        kept = np.load(path)
        return Forecasts(kept["mean"], kept["quantiles"], float(kept["seconds"]))
    made = fit_model(histories, name, season, horizon)
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(path, mean=made.mean, quantiles=made.quantiles, seconds=made.seconds)
    return made


def fit_model(histories: list[Floats], name: str, season: int, horizon: int) -> Forecasts:
    """One model on every history, with its own intervals, NaN where it fails; the first call, which compiles, is not timed."""
    warnings.filterwarnings("ignore", module="statsforecast")
    model, levels = model_of(name, season), None if name in POINTS_ONLY else list(INTERVALS)
    _fit_one(model, histories[0], horizon, levels)
    start = time.process_time()
    answers = np.array([_fit_one(model, history, horizon, levels) for history in histories])
    seconds = time.process_time() - start
    return Forecasts(answers[:, :, 0], answers[:, :, 1:], seconds)


def _fit_one(model: Any, history: Floats, horizon: int, levels: list[int] | None) -> Floats:
    """Mean and quantiles (horizon, 1 + level) of one series; all NaN where the model fails."""
    unit, failed = float(np.mean(np.abs(history))) or 1.0, np.full((horizon, 1 + len(LEVELS)), np.nan)
    try:
        with np.errstate(all="ignore"):
            answer = model.forecast(y=history / unit, h=horizon, level=levels)
    except Exception:
        return failed
    named = ["mean", "lo-95", "lo-80", "lo-50", "mean", "hi-50", "hi-80", "hi-95"]
    given = named if levels else named[:1]
    out = failed.copy()
    out[:, : len(given)] = (
        np.column_stack([np.asarray(answer[name], dtype=np.float64) for name in given]) * unit
    )
    if not np.isfinite(out[:, : len(given)]).all():
        return failed
    return np.maximum(out, 0.0) if history.min() >= 0 else out
