"""Breaks in level: history before a break lends its growth, not its level.

At a break the figures on both sides measure different things, so the step between them is no growth. Everything
before is multiplied by one factor, such that the step becomes the median of the growth rates just before it;
the figures since the last break stay as published. Declared breaks are those of the publisher and of the
corrections; suspected ones are the lasting level shifts of lma/breaks.py, years of a world-wide shock apart.

The growth assumed is taken from before the break only, and a later break multiplies what came before by a
constant. So a declared break changes nothing that is said, relative to its level, at an origin before it. A
suspicion is judged by the three years after it, all known at the newest origin; in the backtest that judgement,
not its size, is hindsight for the origins in those years.

Evidence: ``python benchmarks/structure.py breaks WAREHOUSE``.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from lma.breaks import find_level_shifts, name_world_shock
from lma.contracts import RuleSet
from lma.forecasting.periods import Flags, Periods
from lma.forecasting.series import LONGEST_FILLED_GAP, Floats

STEPS_BEFORE = 5
"""Growth rates before a break whose median stands for the growth in the year of the break."""
FEWEST_STEPS = 2
"""Growth rates without which the history before a break lends nothing."""
_OWN = ["unique_id", "ds", "y"]


def adjust_levels(history: pd.DataFrame, rules: RuleSet) -> pd.DataFrame:
    """The history joined across its declared and suspected breaks; see ``join_levels``.

    ``history``: rows of marts.observations with unique_id, ds (year), y. ``rules``: those of breaks. Adds
    ``is_suspected``: a break here is suspected and not declared.
    """
    suspected = find_suspected(history, rules)
    joined = join_levels(history.assign(is_break=history["is_break"].astype(bool) | suspected))
    return joined.assign(
        is_suspected=suspected, is_break=joined["is_break"] & ~suspected
    )  # a suspicion never cuts


def find_suspected(history: pd.DataFrame, rules: RuleSet) -> pd.Series[bool]:
    """Whether a lasting, undeclared level shift is suspected at each row, outside years of a world shock."""
    shifts = find_level_shifts(history.drop(columns=_OWN), rules)
    lasting = shifts[(shifts["kind"] == "level_shift") & ~shifts["is_declared"].astype(bool)]
    own = [not name_world_shock(period, rules) for period in lasting["time_period"]]
    return history["observation_id"].isin(set(lasting["observation_id"][np.array(own, dtype=bool)]))


def join_levels(history: pd.DataFrame) -> pd.DataFrame:
    """The history with y before each break brought to the level after it.

    ``history``: unique_id, ds (year), y, is_break. Adds ``is_joined``: there was a break here and it was
    adjusted, so is_break is False. A break that cannot be adjusted keeps is_break: fewer than two growth rates
    before it, more than two years missing across it, or a figure of zero or less beside it.
    """
    ordered = history.sort_values(["unique_id", "ds"], kind="stable")
    years, was = ordered["ds"].to_numpy(dtype=np.int64), ordered["is_break"].to_numpy(dtype=np.bool_)
    y, left = ordered["y"].to_numpy(dtype=np.float64).copy(), was.copy()
    ids = ordered["unique_id"].to_numpy()
    cuts = np.flatnonzero(np.r_[True, ids[1:] != ids[:-1], True])
    for first, stop in zip(cuts[:-1], cuts[1:], strict=True):
        if was[first:stop].any():
            own = slice(first, stop)
            y[own], left[own] = join_series(years[own], y[own], was[own])
    return ordered.assign(y=y, is_break=left, is_joined=was & ~left).reindex(history.index)


def join_series(years: Periods, y: Floats, is_break: Flags) -> tuple[Floats, Flags]:
    """Values brought to the level of the end (NaN stays NaN), and the breaks that are left."""
    out, left, known = y.copy(), is_break.copy(), np.isfinite(y)
    for place in np.flatnonzero(is_break):
        factor = _factor(years, y, is_break, known, int(place))
        if factor is not None:
            out[:place] *= factor
            left[place] = False
    return out, left


def _factor(years: Periods, y: Floats, is_break: Flags, known: Flags, place: int) -> float | None:
    """Level after over the level expected from before; None where it cannot be told."""
    before, since = np.flatnonzero(known[:place]), np.flatnonzero(known[place:]) + place
    growth = _growth(years, y, is_break, before)
    if growth is None or not len(since):
        return None
    last, first = before[-1], since[0]
    gap = int(years[first] - years[last])
    if gap > LONGEST_FILLED_GAP + 1 or not (y[last] > 0 and y[first] > 0):
        return None
    return float(y[first] / (y[last] * np.exp(growth * gap)))


def _growth(years: Periods, y: Floats, is_break: Flags, before: Periods) -> float | None:
    """Median growth per year (log points) of the last steps between known values that cross no break."""
    steps = [
        np.log(y[b] / y[a]) / (years[b] - years[a])
        for a, b in zip(before[:-1], before[1:], strict=True)
        if not is_break[a + 1 : b + 1].any() and y[a] > 0 and y[b] > 0
    ]
    return float(np.median(steps[-STEPS_BEFORE:])) if len(steps) >= FEWEST_STEPS else None
