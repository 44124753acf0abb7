"""Staffing pattern: which occupations work in each activity, and demand by occupation from demand by activity.

E_o = sum over activities of share x E_s (reference/methods 4.2). The shares of an activity move on the trend of
their log-odds, damped and bounded, and are scaled so that they sum to one again: so occupations sum exactly to
the activities they come from, in every draw.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from lma.balance.demand import quantise
from lma.balance.supply import fit_slopes
from lma.classifications import classifications
from lma.contracts import RuleSet

Array = npt.NDArray[np.float64]

FLOOR = 1e-4
"""Smallest share in the log-odds: an occupation that is absent in one year may come back."""


@dataclass(frozen=True)
class Staffing:
    """Share of each occupation in each activity: ``shares`` (activities, occupations, years), summing to one.

    ``occupations``: codes in order. ``years``: of the observed pattern. ``inputs``: observations of the newest year.
    """

    sectors: tuple[str, ...]
    occupations: tuple[str, ...]
    years: tuple[int, ...]
    shares: Array
    inputs: list[str]


def read_staffing(
    observations: pd.DataFrame, ref_area: str, sectors: Sequence[str], last_year: int
) -> Staffing | None:
    """Observed pattern of the years up to ``last_year`` in which every one of ``sectors`` has workers by occupation.

    An occupation without a figure in a year has none there. ``None`` without such a year, which is the rule:
    few countries publish employment by activity and occupation together. Only one revision of ISCO is used, the
    newest; codes of one length, the longest that every activity has, so that no occupation is counted twice.
    """
    o = observations
    rows = o[
        (o["ref_area"] == ref_area)
        & (o["indicator"] == "EMP")
        & (o["freq"] == "A")
        & (o["sex"] == "_T")
        & (o["age"] == "_T")
        & (o["citizenship"] == "_T")
        & o["economic_activity"].isin(list(sectors))
        & ~o["occupation"].isin(["_T", "_X"])
        & (o["obs_value"] >= 0)
    ]
    rows = rows.assign(year=rows["time_period"].astype(int), length=rows["occupation"].str.len())
    rows = rows[rows["year"] <= last_year].sort_values("basis_kind")
    rows = _choose_classification(rows, len(sectors))
    if rows.empty:
        return None
    wide = rows.drop_duplicates(["economic_activity", "occupation", "year"]).pivot(
        index=["economic_activity", "occupation"], columns="year", values="obs_value"
    )
    return _count_shares(wide, rows, tuple(sectors))


def _choose_classification(rows: pd.DataFrame, n_sectors: int) -> pd.DataFrame:
    """Rows of the newest revision and the longest codes that every activity has; ISCO goes before national ones."""
    keys = ["occupation_revision", "length"]
    complete = rows.groupby(keys)["economic_activity"].nunique()
    complete = complete[complete == n_sectors]
    if complete.empty:
        return rows[:0]
    # Names of revisions do not sort by age: ISCO88 comes after ISCO08.
    age = {name: (name.startswith("ISCO"), k) for k, name in enumerate(classifications("occupation"))}
    revision, length = max(complete.index, key=lambda key: (age.get(key[0], (False, -1)), key[1]))
    chosen: pd.DataFrame = rows[(rows["occupation_revision"] == revision) & (rows["length"] == length)]
    return chosen


def _count_shares(wide: pd.DataFrame, rows: pd.DataFrame, sectors: tuple[str, ...]) -> Staffing | None:
    occupations = tuple(sorted(set(wide.index.get_level_values("occupation"))))
    full = wide.reindex(pd.MultiIndex.from_product([sectors, occupations])).fillna(0.0)
    counts = full.to_numpy(dtype=float).reshape(len(sectors), len(occupations), -1)
    workers = counts.sum(axis=1)
    kept = (workers > 0).all(axis=0)
    if not kept.any():
        return None
    years = tuple(int(y) for y, is_kept in zip(full.columns, kept, strict=True) if is_kept)
    newest = rows[rows["year"] == years[-1]].sort_values(["economic_activity", "occupation"])
    shares = counts[..., kept] / workers[:, None, kept]
    return Staffing(sectors, occupations, years, shares, newest["observation_id"].tolist())


def project_shares(staffing: Staffing, years: Sequence[int], rules: RuleSet) -> Array:
    """Shares (activities, occupations, years): the damped trend of the log-odds from the newest pattern.

    Step i after the newest year adds slope x damping^i; the slope is that of the last ``trend_years``, bounded.
    The rules are those of participation (``trend_years``, ``trend_damping``, ``trend_slope_limit``). Every
    activity's shares are then divided by their sum.
    """
    damping, limit = rules.threshold("trend_damping"), rules.threshold("trend_slope_limit")
    observed = np.array(staffing.years, dtype=float)
    bounded = np.clip(staffing.shares, FLOOR, 1 - FLOOR)
    odds = np.log(bounded / (1 - bounded))
    recent = observed > observed[-1] - rules.threshold("trend_years")
    slopes = np.clip(fit_slopes(observed[recent], odds[..., recent]), -limit, limit)
    ahead = [max(0, int(year - observed[-1])) for year in years]
    way = np.array([sum(damping**i for i in range(1, steps + 1)) for steps in ahead])
    moved = 1 / (1 + np.exp(-(odds[..., -1:] + slopes[..., None] * way)))
    present = np.where(staffing.shares[..., -1:] > 0, moved, 0.0)
    projected: Array = present / present.sum(axis=1, keepdims=True)
    return projected


def staff_activities(employment: Array, shares: Array) -> Array:
    """Employment by occupation (draws, occupations, years) from that by activity (draws, activities, years).

    In steps of 1/1024. The largest occupation of each activity takes what rounding leaves, so that occupations
    sum to activities exactly in every draw.
    """
    summed = np.zeros((employment.shape[0], shares.shape[1], employment.shape[2]))
    for i, own in enumerate(shares):
        parts = quantise(employment[:, i, None, :] * own)
        parts[:, int(own.sum(axis=1).argmax())] += employment[:, i] - parts.sum(axis=1)
        summed += parts
    return summed
