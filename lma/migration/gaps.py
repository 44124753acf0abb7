"""The gap of the balance as the decision reads it, and the persons that remain after alternatives."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pandas as pd

from lma.contracts import RuleSet, weakest_basis
from lma.migration.evidence import Figure, describe, order_newest_first

MONTHLY = ("JOB_OPENINGS", "VACANCIES_ONLINE", "EMPLOYEES", "EMP")
"""Monthly series that show a season, vacancies first."""
GAP, UNEMPLOYED_USABLE = "GAP", "UNEMPLOYED_USABLE"
QUANTILES = ("0.1", "0.5", "0.9")


@dataclass(frozen=True)
class Gap:
    """Demand minus supply, cumulated over ``years``, persons; above zero means a shortage."""

    years: int
    time_period: str
    q10: float
    q50: float
    q90: float
    ids: tuple[str, ...]

    @property
    def text(self) -> str:
        """The three quantiles in words."""
        low, middle, high = (f"{value:,.0f}" for value in (self.q10, self.q50, self.q90))
        return f"gap {self.time_period} cumulated (projection): q10 {low}, q50 {middle}, q90 {high} persons"


@dataclass(frozen=True)
class Need:
    """Persons that remain after the domestic alternatives, under the ceiling where one is known.

    ``wanted_low``, ``wanted_high``: the same before the ceiling.
    """

    value: float
    low: float
    high: float
    wanted_low: float
    wanted_high: float

    @property
    def is_stopped(self) -> bool:
        """True when the ceiling leaves room for less than what would be wanted."""
        return self.high < self.wanted_high

    @property
    def text(self) -> str:
        """The range in words; never one number: where the ceiling stops both ends it says of how many."""
        if not self.is_stopped:
            return f"{self.low:,.0f} to {self.high:,.0f}"
        before = f"of {self.wanted_low:,.0f} to {self.wanted_high:,.0f} before the ceiling"
        if self.low < self.high:
            return f"{self.low:,.0f} to {self.high:,.0f} ({before})"
        return f"at most {self.high:,.0f} ({before})"


@dataclass(frozen=True)
class Modality:
    """How long the work lasts: SEASONAL, CIRCULAR, LONGER_TERM, FIXED_TERM, or NONE where no gap opens."""

    code: str
    text: str
    value: float | None = None
    ids: tuple[str, ...] = ()
    basis: str = "projection"


def read_all_gaps(balances: pd.DataFrame, ref_area: str) -> dict[tuple[str, str], list[Gap]]:
    """(activity, occupation) -> cumulated gaps of the baseline, shortest first, those with all three quantiles."""
    mask = (balances["scenario"] == "baseline") & (balances["measure"] == GAP)
    mask &= (balances["output_type"] == "quantile") & balances["value"].notna()
    rows = balances[mask & (balances["ref_area"] == ref_area)]
    rows = rows.assign(_level=rows["output_type_id"].astype(float).map("{:g}".format))
    return {
        (str(activity), str(occupation)): _order_gaps(part)
        for (activity, occupation), part in rows.groupby(["economic_activity", "occupation"])
    }


def read_gaps(balances: pd.DataFrame, ref_area: str, economic_activity: str, occupation: str) -> list[Gap]:
    """Gaps of one activity and occupation, as ``read_all_gaps`` has them."""
    return read_all_gaps(balances, ref_area).get((economic_activity, occupation), [])


def _order_gaps(rows: pd.DataFrame) -> list[Gap]:
    gaps = [_read_gap(str(period), part, rows) for period, part in rows.groupby("time_period")]
    by_years = {gap.years: gap for gap in gaps if gap is not None}
    return [by_years[years] for years in sorted(by_years)]


def _read_gap(period: str, part: pd.DataFrame, rows: pd.DataFrame) -> Gap | None:
    first, last = period[:4], period[-4:]
    if len(period) == 4 and period != min(rows["time_period"].str[:4]):
        return None  # a later single year is not cumulated from the start
    by_level = part.drop_duplicates("_level").set_index("_level")
    if not set(QUANTILES) <= set(by_level.index):
        return None
    low, middle, high = by_level.loc[list(QUANTILES), "value"].astype(float).tolist()
    ids = tuple(str(by_level.loc[level, "balance_id"]) for level in QUANTILES)
    return Gap(int(last) - int(first) + 1, period, low, middle, high, ids)


def choose_gap(gaps: list[Gap], years: int) -> Gap | None:
    """The shortest gap of at least ``years``; else the longest there is; ``None`` without any."""
    long_enough = [gap for gap in gaps if gap.years >= years]
    return long_enough[0] if long_enough else (gaps[-1] if gaps else None)


def find_opening_year(gaps: list[Gap]) -> int | None:
    """First year whose cumulated gap is above zero in the middle; ``None`` when no gap opens."""
    return next((int(gap.time_period[-4:]) for gap in gaps if gap.q50 > 0), None)


def compute_need(gap: Gap, capacity: tuple[float, float, float], headroom: float | None) -> Need:
    """clip(q50 - D, 0, headroom), range from q10 with the most and q90 with the least domestic capacity.

    ``capacity`` is (D, low, high). Without a known ceiling only zero clips.
    """
    value, low, high = capacity
    wanted = [max(0.0, persons) for persons in (gap.q50 - value, gap.q10 - high, gap.q90 - low)]
    room = math.inf if headroom is None else max(0.0, headroom)
    middle, least, most = (min(persons, room) for persons in wanted)
    return Need(middle, least, most, wanted[1], wanted[2])


def measure_season(
    observations: pd.DataFrame, economic_activity: str, as_of_year: int, years: int
) -> Figure | None:
    """Busiest over quietest month of the activity's vacancies, else of its workers; ``None`` without such months.

    Each month is taken in per cent of its year, so that growth is no season, and averaged over the last complete
    years (at most three, at least ``years``). ``observations``: of one country. Seasonally adjusted series say
    nothing and are not read.
    """
    rows = observations[(observations["freq"] == "M") & observations["obs_value"].notna()]
    rows = rows[
        (rows["economic_activity"] == economic_activity)
        & (rows["time_period"].str[:4].astype(int) <= as_of_year)
    ]
    for column in ("sex", "age", "occupation", "citizenship"):
        rows = rows[rows[column] == "_T"]
    for indicator in MONTHLY:
        found = _compare_months(rows[rows["indicator"] == indicator], years)
        if found is not None:
            return found
    return None


def _compare_months(rows: pd.DataFrame, least: int) -> Figure | None:
    months = order_newest_first(rows).drop_duplicates("time_period")
    months = months.assign(year=months["time_period"].str[:4], month=months["time_period"].str[5:])
    complete = months.groupby("year")["month"].nunique()
    years = sorted(complete[complete == 12].index)[-3:]
    used = months[months["year"].isin(years)].sort_values("time_period")
    if len(years) < least or (used["obs_value"] <= 0).any():
        return None
    share = used["obs_value"] / used.groupby("year")["obs_value"].transform("mean")
    season = share.groupby(used["month"]).mean()
    ids = tuple(used["observation_id"].astype(str))
    value = float(season.max() / season.min())
    return Figure(value, f"{years[0]}-{years[-1]}", weakest_basis(used["basis"]), ids)


def judge_modality(gaps: list[Gap], season: Figure | None, rules: RuleSet) -> Modality:
    """Seasonal by its months; else by how long the middle of the cumulated gap stays above zero once it opened."""
    opened = next((place for place, gap in enumerate(gaps) if gap.q50 > 0), None)
    if opened is None:
        return Modality(
            "NONE", "none, because no gap opens within the horizon" if gaps else "none, no gap is known"
        )
    limit, ids = rules.threshold("seasonal_ratio"), gaps[-1].ids
    told = _describe_season(season, limit)
    if season is not None and season.value > limit:
        return Modality("SEASONAL", f"seasonal, because of {told}", season.value, season.ids, season.basis)
    years = [int(gap.time_period[-4:]) for gap in gaps]
    closes = next((years[place] for place in range(opened, len(gaps)) if gaps[place].q50 <= 0), None)
    if closes is not None and closes - years[opened] <= rules.threshold("circular_years"):
        why = f"the gap that opens in {years[opened]} is closed again in {closes}"
        return Modality("CIRCULAR", f"circular, up to 24 months, because {why}; {told}", None, ids)
    lasts = (closes or years[-1] + 1) - years[opened]
    if lasts >= rules.threshold("longer_years"):
        return Modality(
            "LONGER_TERM", f"longer-term, because the gap stays open for {lasts} years; {told}", None, ids
        )
    why = f"the gap is open for {lasts} years of the horizon"
    return Modality("FIXED_TERM", f"fixed-term, because {why}; {told}", None, ids)


def _describe_season(season: Figure | None, limit: float) -> str:
    if season is None:
        return "no monthly vacancies or workers of the activity to see a season in"
    return f"{describe('busiest over quietest month', season, 2)}, seasonal above {limit:g}"
