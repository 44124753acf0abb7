"""Accuracy of forecasts as publishers of projections report it: skill, direction, relative growth, dissimilarity.

Formulas: methods.md, section 3.8; the sign, relative growth and dissimilarity measures are those of the
evaluations of the United States Bureau of Labor Statistics. Growth is a ratio to the origin minus one, NaN
where it is unknown.
"""

from __future__ import annotations

import numpy as np

from lma.forecasting.series import Floats


def growth_since(value: Floats, origin: Floats) -> Floats:
    """``value / origin - 1``; NaN where the origin is not above zero."""
    base = np.where(np.asarray(origin, dtype=np.float64) > 0, origin, np.nan)
    return np.asarray(value / base - 1, dtype=np.float64)


def rebase(value: Floats, origin: Floats, vintage_origin: Floats) -> Floats:
    """A forecast in the levels of another vintage: its growth since the origin, from that vintage's origin.

    A later vintage that only rescales the series then leaves every error relative to its level as it was.
    """
    return np.asarray(vintage_origin * (1 + growth_since(value, origin)), dtype=np.float64)


def skill(mae: float, naive_mae: float) -> float:
    """``1 - MAE / MAE of naive``: 1 is perfect, 0 no better than no change; NaN where naive made no error."""
    return 1 - mae / naive_mae if naive_mae > 0 else float("nan")


def sign_hits(forecast: Floats, outcome: Floats) -> Floats:
    """1 where the direction of the growth was right, else 0; NaN where no change was forecast or one is unknown."""
    claims = np.isfinite(forecast) & np.isfinite(outcome) & (forecast != 0)
    return np.where(claims, np.sign(forecast) == np.sign(outcome), np.nan)


def relative_hits(forecast: Floats, outcome: Floats) -> Floats:
    """1 where growth above or below the mean growth of all the series given was right, else 0.

    Only series with both growths count, for the means too. NaN elsewhere, for fewer than two series, and where
    a forecast is the mean itself: it claims nothing.
    """
    known = np.isfinite(forecast) & np.isfinite(outcome)
    out = np.full(np.shape(forecast), np.nan)
    if known.sum() < 2:
        return out
    claimed, came = forecast - forecast[known].mean(), outcome - outcome[known].mean()
    claims = known & ~np.isclose(claimed, 0, atol=1e-12)
    out[claims] = (claimed[claims] > 0) == (came[claims] > 0)
    return out


def dissimilarity(forecast: Floats, outcome: Floats) -> float:
    """``D = 1/2 sum |s - s^|`` of the shares in two sets of levels: the part of all jobs in the wrong place."""
    if not (forecast.sum() > 0 and outcome.sum() > 0):
        return float("nan")
    return float(np.abs(forecast / forecast.sum() - outcome / outcome.sum()).sum() / 2)
