"""Combinations of forecasts, and the choice of the champion."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from lma.forecasting.series import Floats

POOL_WEIGHT = 30.0
FEWEST_ORIGINS = 3
JUDGED_ALONE = 8


def median_of(made: dict[str, Floats], *members: str) -> Floats:
    """Median of the members at every series and horizon; NaN where one is missing, for it is then another
    model.
    """
    return np.asarray(np.median(np.stack([made[m] for m in members]), axis=0), dtype=np.float64)


def mean_of(made: dict[str, Floats], *members: str) -> Floats:
    """Mean of the members at every series and horizon; NaN where one is missing."""
    return np.asarray(np.mean(np.stack([made[m] for m in members]), axis=0), dtype=np.float64)


def choose_champions(
    scaled_errors: dict[str, Floats],
    series: npt.NDArray[np.int64],
    available: dict[str, npt.NDArray[np.bool_]],
) -> list[str]:
    """Champion model_id of the first n series of a backtest, by rolling-origin error relative to naive.

    ``scaled_errors``: model -> (rows, horizons) of absolute error / scale, one row per series and origin;
    ``series``: whose row. ``available``: model -> (n,) True where the model forecasts the series today. The
    series' own ratio to naive counts n / (n + 30) for n origins (none below three), the ratio over the
    whole panel the rest: a short series is judged mostly by its peers. A model that lost to naive on eight
    or more of the series' own origins is no candidate: its own record says so. Nor is one without a single
    own origin to compare (where naive never erred, naive stays). Ties go to the simpler, which stands first.
    """
    naive, n_series = scaled_errors["naive"], len(available["naive"])
    scores = np.full((len(scaled_errors), n_series), np.inf)
    for place, (model_id, errors) in enumerate(scaled_errors.items()):
        own, pooled, origins = _ratios(errors, naive, series, n_series)
        weight = np.where(origins >= FEWEST_ORIGINS, origins / (origins + POOL_WEIGHT), 0.0)
        score = weight * own + (1 - weight) * pooled
        lost = ((origins >= JUDGED_ALONE) & (own > 1.0)) | ((origins == 0) & (model_id != "naive"))
        usable = available[model_id] & np.isfinite(score) & ~lost
        scores[place] = np.where(usable, np.round(score, 9), np.inf)
    models = list(scaled_errors)
    return [models[int(best)] for best in np.argmin(scores, axis=0)]


def _ratios(
    errors: Floats, naive: Floats, series: npt.NDArray[np.int64], n: int
) -> tuple[Floats, float, Floats]:
    """Own ratio to naive of the first n series, ratio over the panel, and how many own origins the former
    rests on.
    """
    both = np.isfinite(errors) & np.isfinite(naive)
    mine = np.bincount(series, np.where(both, errors, 0.0).sum(axis=1), n)
    base = np.bincount(series, np.where(both, naive, 0.0).sum(axis=1), n)
    origins = np.bincount(series, both.any(axis=1), n)[:n]
    pooled = float(mine.sum() / base.sum()) if base.sum() > 0 else 1.0
    mine, base = mine[:n], base[:n]
    own = np.divide(mine, base, out=np.ones(n), where=base > 0)
    return own, pooled, np.where(base > 0, origins, 0)
