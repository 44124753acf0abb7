"""The engine: fitted once on a pool of series, applied to any.

An ``Engine`` holds what the pool taught: the regressions at every origin they were fitted, how far the mix is to
be trusted at every origin, and the pool's own rolling-origin errors, from which intervals are calibrated. What it
says of a series at a period uses only what was fitted at or before that period.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt

from lma.forecasting.combine import DOUBT, DOUBT_LEVEL, Trust, combine, measure_trust, mix
from lma.forecasting.features import Windows, build_windows
from lma.forecasting.intervals import Calibration, calibrate
from lma.forecasting.pooled import Regression, as_changes, fit_pooled
from lma.forecasting.series import Floats, Frequency, Series
from lma.forecasting.smoothing import MEMBERS

YEARS_BETWEEN_FITS = 3
YEARS_TRAINED = 40


@dataclass(frozen=True)
class Applied:
    """Windows of a panel, and what the models across the pool forecast from each, in scaled changes.

    ``changes``: model_id -> (windows, near horizons).
    """

    windows: Windows
    changes: dict[str, Floats]

    def errors(self, model_id: str) -> Floats:
        """Scaled errors (windows, near horizons) of a model that intervals are published of; NaN if unknown.

        ``KeyError`` for a model that makes no forecast of every window.
        """
        targets = self.windows.targets[:, : self.changes["engine"].shape[1]]
        if model_id in self.changes:
            return np.asarray(targets - self.changes[model_id], dtype=np.float64)
        last = {"naive": self.windows.last[:, None], "seasonal_naive": self.windows.year_ago}
        values = last[model_id]
        change = values - self.windows.level[:, None] - self.windows.season
        unit = np.where(self.windows.scale > 0, self.windows.scale, np.nan)[:, None]
        return np.asarray(targets - change[:, : targets.shape[1]] / unit, dtype=np.float64)


@dataclass(frozen=True)
class Engine:
    """What a pool of series taught; ``learnt`` is the pool itself, with what the engine says of it.

    ``end``: the last period of the pool. Calibrations are made when first asked for, and kept.
    """

    freq: Frequency
    end: int
    regression: Regression
    relative: Regression
    trust: Trust
    trust_level: Trust
    learnt: Applied
    calibrations: dict[tuple[str, int, int], Calibration] = field(default_factory=dict, compare=False)

    @property
    def near(self) -> int:
        """Horizons that have a regression of their own; beyond, a path goes on damped."""
        return self.regression.horizon

    @cached_property
    def n_series(self) -> int:
        """Series of the pool that ever moved."""
        return len(np.unique(self.learnt.windows.series))

    def apply(self, panel: list[Series]) -> Applied:
        """What the engine says of every window of a panel."""
        windows, logs = _windows(panel, self.freq, self.near)
        across = _across(windows, logs, self.regression, self.relative)
        return _applied(windows, across, mix(windows, *across.values()), self.trust, self.trust_level)

    def calibrated(self, model_id: str, origin: int, horizon: int) -> Calibration:
        """Quantiles of the pool's errors of a model, as known at the origin."""
        key = (model_id, origin, horizon)
        if key not in self.calibrations:
            windows, changes = self.learnt.windows, self.learnt.changes["engine"]
            errors = self.learnt.errors(model_id)
            self.calibrations[key] = calibrate(windows, errors, changes, origin, horizon, self.freq)
        return self.calibrations[key]


def fit_engine(pool: list[Series], freq: Frequency, near: int) -> Engine:
    """The engine fitted on a pool, for ``near`` horizons: every three years, and at the pool's end."""
    windows, logs = _windows(pool, freq, near)
    fits = list_fits(windows.period, freq)
    regression, relative = fit_pooled(windows, fits, near), fit_pooled(logs, fits, near)
    across = _across(windows, logs, regression, relative)
    mixed = mix(windows, *across.values())
    trust = measure_trust(windows, mixed, DOUBT)
    trust_level = measure_trust(windows, windows.paths[MEMBERS.index("level")], DOUBT_LEVEL)
    learnt = _applied(windows, across, mixed, trust, trust_level)
    end = max((series.end for series in pool), default=0)
    return Engine(freq, end, regression, relative, trust, trust_level, learnt)


def _windows(panel: list[Series], freq: Frequency, near: int) -> tuple[Windows, Windows]:
    """Windows of the values, and the same rows of their logarithms."""
    return build_windows(panel, freq, near), build_windows(panel, freq, near, logs=True)


def _across(
    windows: Windows, logs: Windows, regression: Regression, relative: Regression
) -> dict[str, Floats]:
    """What the two regressions across the pool forecast, in scaled changes: pooled, then relative."""
    return {
        "pooled": regression.apply(windows),
        "relative": as_changes(windows, logs, relative.apply(logs)),
    }


def _applied(
    windows: Windows, across: dict[str, Floats], mixed: Floats, trust: Trust, trust_level: Trust
) -> Applied:
    return Applied(windows, {**across, "engine": combine(windows, mixed, trust, trust_level)})


def list_fits(period: npt.NDArray[np.int64], freq: Frequency) -> list[int]:
    """Origins at which the regressions are fitted: the last, and every three years back from it, for 40 years."""
    if not len(period):
        return []
    last, first = int(period.max()), max(int(period.min()), int(period.max()) - YEARS_TRAINED * freq.season)
    return sorted(range(last, first - 1, -YEARS_BETWEEN_FITS * freq.season))
