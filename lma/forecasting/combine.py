"""The combination: regressions across the panel leaning on smoothing, trusted as far as rolling origins bear out.

The mix is fixed: 80 parts pooled regression, half of it on values and half on their logarithms, 5 the best
smoother, 15 the smoothed level without any trend, which holds back a regression that has only seen booms. How
far the mix may move from the last value at all is learnt: at every origin, from all earlier outcomes of the
panel, each calendar period counting once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lma.forecasting.features import Windows
from lma.forecasting.series import Floats
from lma.forecasting.smoothing import MEMBERS

MIX = {"pooled": 0.80, "best": 0.05, "level": 0.15}
WITHOUT_POOLED = ("averaged", "best", "theta", "drift")
DOUBT, DOUBT_LEVEL = 1.5, 0.1
SHARES = np.linspace(0.0, 1.0, 11)
LARGEST_CHANGE = 20.0
JUDGED_ALONE = 8
WORSE_THAN_NAIVE = 1.3


def median_of(made: dict[str, Floats], *members: str) -> Floats:
    """Median of the members at every series and horizon; NaN where one is missing, for it is then another
    model.
    """
    return np.asarray(np.median(np.stack([made[m] for m in members]), axis=0), dtype=np.float64)


@dataclass(frozen=True)
class Trust:
    """Share of a forecast change that earlier outcomes bear out: ``share`` (origin, horizon), 0 to 1."""

    origins: npt.NDArray[np.int64]
    share: Floats

    def at(self, periods: npt.NDArray[np.int64]) -> Floats:
        """Shares (periods, horizon) as known at each period; 0 before the first origin."""
        place = np.searchsorted(self.origins, periods, side="right")
        return np.vstack([np.zeros((1, self.share.shape[1])), self.share])[place]


def mix(windows: Windows, pooled: Floats, relative: Floats) -> Floats:
    """Scaled change (windows, horizon) of the mix of regressions and smoothers.

    ``pooled``, ``relative``: the regressions on values and on logarithms, as scaled changes; where a history
    is not positive the first stands alone, and where the pool is too small for either the median of four
    smoothers stands in.
    """
    path = {member: windows.paths[place, :, : pooled.shape[1]] for place, member in enumerate(MEMBERS)}
    across = np.where(np.isfinite(relative), (pooled + relative) / 2, pooled)
    mixed = MIX["pooled"] * across + MIX["best"] * path["best"] + MIX["level"] * path["level"]
    without = np.median([path[m] for m in WITHOUT_POOLED], axis=0)
    return np.asarray(np.where(np.isfinite(across), mixed, without), dtype=np.float64)


def combine(windows: Windows, mixed: Floats, trust: Trust, trust_level: Trust) -> Floats:
    """The mix as far as it is trusted, and for the rest the smoothed level as far as that is.

    No change where the usual step of a positive series is larger than its level: after a leap of that size (a
    unit that changed, a slip of the publisher) its trend says nothing.
    """
    leapt = (windows.lowest > 0) & (windows.scale > windows.level)
    level = windows.paths[MEMBERS.index("level"), :, : mixed.shape[1]]
    share, share_level = trust.at(windows.period), trust_level.at(windows.period)
    changes = share * mixed + (1 - share) * share_level * level
    return np.where(leapt[:, None], 0.0, changes)


def measure_trust(windows: Windows, changes: Floats, doubt: float) -> Trust:
    """How far a forecast change (windows, horizon) is to be trusted, at every period of the windows.

    At each origin and horizon h the share that made the smallest error over all outcomes known by then, at
    horizons up to h; every calendar period counts the same, and ``doubt`` further periods are supposed in
    which the last value was right. So a short panel, or one that has seen a single shock, stays near naive.
    """
    origins = np.unique(windows.period)
    cost = np.zeros((len(origins), len(SHARES)))
    periods, moved = np.zeros(len(origins)), np.zeros(len(origins))
    share = np.zeros((len(origins), changes.shape[1]))
    for h in range(1, changes.shape[1] + 1):
        more_cost, more_periods, more_moved = _evidence(windows, changes[:, h - 1], h, origins)
        cost, periods, moved = cost + more_cost, periods + more_periods, moved + more_moved
        # Outcomes at several horizons are the same years seen again: on average over the horizons.
        doubts = doubt * SHARES * (moved / np.maximum(periods, 1))[:, None]
        chosen = SHARES[np.argmin(np.round(cost / h + doubts, 9), axis=1)]
        share[:, h - 1] = np.where(periods > 0, chosen, 0.0)
    return Trust(origins, share)


def _evidence(
    windows: Windows, changes: Floats, h: int, origins: npt.NDArray[np.int64]
) -> tuple[Floats, Floats, Floats]:
    """Sum over the calendar periods known at each origin: error by share, count, and size of the change."""
    known = np.isfinite(windows.targets[:, h - 1]) & np.isfinite(changes)
    if not known.any():
        return np.zeros((len(origins), len(SHARES))), np.zeros(len(origins)), np.zeros(len(origins))
    unit = np.sqrt(h)
    change = changes[known] / unit
    target = np.clip(windows.targets[known, h - 1], -LARGEST_CHANGE, LARGEST_CHANGE) / unit
    due, place, count = np.unique(windows.period[known] + h, return_inverse=True, return_counts=True)
    errors = [np.bincount(place, np.abs(target - share * change)) / count for share in SHARES]
    size = np.bincount(place, np.abs(change)) / count
    seen = np.searchsorted(due, origins, side="right")
    sums = np.vstack([np.zeros((1, len(SHARES))), np.cumsum(np.array(errors).T, axis=0)])
    return sums[seen], seen.astype(np.float64), np.concatenate([[0.0], np.cumsum(size)])[seen]


def choose_champions(
    scaled_errors: dict[str, Floats],
    series: npt.NDArray[np.int64],
    available: dict[str, npt.NDArray[np.bool_]],
    fallback: str = "naive",
) -> list[str]:
    """Champion of each series: ``engine``, unless its own record speaks against it; then the last value.

    ``scaled_errors``: model -> (rows, horizons) of absolute error / scale, one row per series and origin;
    ``series``: whose row. ``available``: model -> (n,) True where the model forecasts the series today. The
    record speaks against the engine where its error over eight or more of the series' own origins is over
    1.3 times that of ``fallback``. Choosing among more models, or at a ratio nearer 1, made the panels of
    docs/forecasting.md worse: a short record tells noise from skill too rarely.
    """
    n = len(available["engine"])
    ratio, origins = _own_ratio(scaled_errors["engine"], scaled_errors[fallback], series, n)
    against = (origins >= JUDGED_ALONE) & (ratio > WORSE_THAN_NAIVE)
    usable = available["engine"] & ~against
    return ["engine" if good else fallback for good in usable]


def _own_ratio(errors: Floats, naive: Floats, series: npt.NDArray[np.int64], n: int) -> tuple[Floats, Floats]:
    """Sum of errors over that of naive, per series, and how many of its origins it rests on."""
    both = np.isfinite(errors) & np.isfinite(naive)
    mine = np.bincount(series, np.where(both, errors, 0.0).sum(axis=1), n)[:n]
    base = np.bincount(series, np.where(both, naive, 0.0).sum(axis=1), n)[:n]
    origins = np.bincount(series, both.any(axis=1), n)[:n]
    return np.divide(mine, base, out=np.ones(n), where=base > 0), np.where(base > 0, origins, 0)
