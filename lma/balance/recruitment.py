"""Foreign workers on contracts: the posts their ending contracts open, and the recruitment that fills them.

Where foreign workers of an activity are counted, a contract that ends is an opening (CONTRACT_EXPIRY) and the
recruitment that keeps today's number is a kind of seeker (RECRUITED). In the baseline the two are equal, so they
leave the gap as it is; a scenario that stops or limits recruitment opens it. These workers leave by the end of
their contracts, so replacement demand is not counted for them again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from lma.balance.scenarios import find_activity, read_limits, recruit
from lma.contracts import Country, RuleSet, Scenario

Array = npt.NDArray[np.float64]

NONE_COUNTED = "NO_FOREIGN_WORKERS: no loaded source counts foreign workers of this activity; counted as none"


@dataclass(frozen=True)
class ForeignWorkers:
    """Foreign workers counted in one activity: ``sector`` is the sector of the balance it lies in."""

    activity: str
    sector: str
    foreign: float
    workers: float
    period: str
    ids: tuple[str, ...]


@dataclass(frozen=True)
class Recruitment:
    """Who is counted, why others are not (by activity), and what it means for each sector.

    ``stock``: (sectors,) foreign workers today; ``expiry``, ``recruited``: (draws, sectors, years), persons.
    """

    counted: tuple[ForeignWorkers, ...]
    reasons: dict[str, str]
    stock: Array
    expiry: Array
    recruited: Array

    def ids_of(self, sector: str) -> list[str]:
        """Observations behind one sector, or behind the country."""
        return [i for one in self.counted if sector in ("_T", one.sector) for i in one.ids]

    def words_of(self) -> str:
        """Activities, counts and periods, in words."""
        return "; ".join(
            f"{one.foreign:,.0f} foreign of {one.workers:,.0f} workers in {one.activity} ({one.period}), "
            f"in sector {one.sector}"
            for one in self.counted
        )


def _select_counts(observations: pd.DataFrame, ref_area: str, base_year: int) -> pd.DataFrame:
    """Employment by citizenship and activity up to the base year, newest period last."""
    o = observations
    rows = o[
        (o["ref_area"] == ref_area)
        & (o["indicator"] == "EMP")
        & o["citizenship"].isin(("FOR", "NAT", "_T"))
        & (o["sex"] == "_T")
        & (o["age"] == "_T")
        & (o["occupation"] == "_T")
        & o["obs_value"].notna()
    ]
    rows = rows[rows["time_period"].str[:4].astype(int) <= base_year]
    known = rows.loc[rows["citizenship"] == "FOR", "economic_activity"].unique()
    return rows[rows["economic_activity"].isin(known)].sort_values(
        ["economic_activity", "time_period", "citizenship"], kind="stable"
    )


def _read_count(rows: pd.DataFrame, activity: str, sector: str, most: float) -> ForeignWorkers | str:
    """The newest count of one activity, or why it cannot be used. ``most``: workers of the sector."""
    newest = rows[rows["citizenship"] == "FOR"].iloc[-1]
    same = rows[rows["time_period"] == newest["time_period"]].drop_duplicates("citizenship", keep="last")
    by = same.set_index("citizenship")["obs_value"]
    foreign = float(by["FOR"])
    workers = float(by["_T"]) if "_T" in by else foreign + float(by["NAT"]) if "NAT" in by else most
    period = str(newest["time_period"])
    if foreign < 0:
        return f"NEGATIVE_COUNT: {foreign:,.0f} foreign workers in {activity} in {period}"
    if foreign > workers:
        return (
            f"FOREIGN_ABOVE_TOTAL: {foreign:,.0f} foreign of {workers:,.0f} workers in {activity} in {period}"
        )
    if foreign > most:
        return (
            f"FOREIGN_ABOVE_SECTOR: {foreign:,.0f} foreign workers in {activity} in {period}, but {most:,.0f} "
            f"people work in {sector}"
        )
    return ForeignWorkers(activity, sector, foreign, workers, period, tuple(same["observation_id"]))


def _place_activities(activities: Sequence[str], country: Country, sectors: Sequence[str]) -> dict[str, str]:
    """Counted activity -> sector of the balance; a zone gives way to a count of the sector it lies within."""
    within = {zone.economic_activity: zone.within for zone in country.zones if zone.within}
    placed = {a: s for a in activities if (s := find_activity(a, sectors)) is not None and s in sectors}
    whole = set(placed.values())
    for activity in sorted(set(within) & set(activities) - set(placed)):
        sector = find_activity(str(within[activity]), sectors)
        if sector is not None and sector in sectors and sector not in whole:
            placed[activity] = sector
    return placed


def count_foreign_workers(
    observations: pd.DataFrame, country: Country, sectors: Sequence[str], base: Array, base_year: int
) -> tuple[tuple[ForeignWorkers, ...], dict[str, str]]:
    """Foreign workers by counted activity, and the reason for each activity that is left out.

    ``base``: (sectors,) workers in the base year.
    """
    rows = _select_counts(observations, country.ref_area, base_year)
    activities = [str(a) for a in rows["economic_activity"].unique()]
    placed = _place_activities(activities, country, sectors)
    found, reasons = [], {}
    for activity in activities:
        if activity not in placed:
            reasons[activity] = (
                f"NO_SECTOR: foreign workers are counted in {activity}, which lies in no sector"
            )
            continue
        most = float(base[list(sectors).index(placed[activity])])
        read = _read_count(rows[rows["economic_activity"] == activity], activity, placed[activity], most)
        if isinstance(read, str):
            reasons[placed[activity]] = read
        else:
            found.append(read)
    return tuple(found), reasons


def recruit_abroad(
    observations: pd.DataFrame,
    country: Country,
    sectors: Sequence[str],
    employment: Array,
    first_year: int,
    rules: RuleSet,
    scenario: Scenario,
) -> Recruitment:
    """Ending contracts and recruitment of every sector. ``employment``: (draws, sectors, base and balance years).

    Contracts last ``contract_years``, and as many end in each year. The workers of an activity grow as those of
    its sector.
    """
    n_draws, n_sectors, n_years = employment.shape[0], employment.shape[1], employment.shape[2] - 1
    base = employment[:, :, 0].mean(axis=0)
    counted, reasons = count_foreign_workers(observations, country, sectors, base, first_year - 1)
    stock, years = np.zeros(n_sectors), int(rules.threshold("contract_years"))
    expiry, recruited = np.zeros((2, n_draws, n_sectors, n_years))
    for one in counted:
        place = list(sectors).index(one.sector)
        growth = employment[:, place, 1:] / base[place] if base[place] > 0 else np.ones((n_draws, n_years))
        continued = np.full((n_draws, n_years), one.foreign / years)
        limits = read_limits(scenario, one.activity, [found.activity for found in counted], one.sector)
        workers = np.maximum(one.workers * growth, 0.0)
        came, ended = recruit(continued, np.full(n_draws, one.foreign), workers, years, limits)
        stock[place] += one.foreign
        expiry[:, place] += ended
        recruited[:, place] += came
    return Recruitment(counted, reasons, stock, expiry, recruited)
