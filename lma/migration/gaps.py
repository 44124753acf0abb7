"""The gap of the balance as the decision reads it, and the persons that remain after alternatives."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

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
    """Persons that remain after the domestic alternatives, under the ceiling where one is known."""

    value: float
    low: float
    high: float


def read_gaps(balances: pd.DataFrame, ref_area: str, economic_activity: str, occupation: str) -> list[Gap]:
    """Cumulated gaps of the baseline by length, shortest first, those with all three quantiles."""
    mask = (balances["scenario"] == "baseline") & (balances["measure"] == GAP)
    mask &= (balances["output_type"] == "quantile") & balances["value"].notna()
    mask &= (balances["ref_area"] == ref_area) & (balances["economic_activity"] == economic_activity)
    rows = balances[mask & (balances["occupation"] == occupation)]
    rows = rows.assign(_level=rows["output_type_id"].astype(float).map("{:g}".format))
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
    return Need(
        _clip(gap.q50 - value, headroom), _clip(gap.q10 - high, headroom), _clip(gap.q90 - low, headroom)
    )


def _clip(persons: float, headroom: float | None) -> float:
    upper = persons if headroom is None else min(persons, headroom)
    return max(0.0, upper)


def suggest_modality(gaps: list[Gap]) -> str:
    """Seasonal work cannot be told without monthly vacancies; else by how long the gap stays open."""
    if any(gap.q50 <= 0 for gap in gaps if gap.years > 1):
        return "circular, up to 24 months, because the gap closes again within the horizon"
    if any(gap.years >= 5 for gap in gaps):
        return "longer-term, because the gap stays open for five years or more"
    return "fixed-term, because the horizon is shorter than five years"
