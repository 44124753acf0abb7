"""How much of an activity's work rests on foreign workers, and how many more a ceiling leaves room for.

Formulas: share m = M / E; change over five years; concentration of origins HHI = sum of squared shares;
headroom under a ceiling c, x = (c E - M) / (1 - c), which keeps (M + x) / (E + x) at c or below.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd

from lma.contracts import weakest_basis
from lma.errors import UsageError
from lma.migration.evidence import (
    Figure,
    find_at,
    join_ids,
    order_newest_first,
    read_figure,
    select_figures,
    shift_years,
)


@dataclass(frozen=True)
class Dependency:
    """Foreign and total workers of one activity at one period, with the change over some years."""

    total: Figure
    foreign: Figure
    share: float
    earlier_share: float | None
    earlier_period: str | None
    total_change: float | None
    change_reason: str | None
    ids: tuple[str, ...]

    @property
    def basis(self) -> str:
        """The weaker basis of the two counts."""
        return weakest_basis([self.total.basis, self.foreign.basis])

    @property
    def share_change(self) -> float | None:
        """Change of the share (fraction), ``None`` where no earlier count is comparable."""
        return None if self.earlier_share is None else self.share - self.earlier_share


@dataclass(frozen=True)
class Concentration:
    """Herfindahl-Hirschman index of origins, of which migrants."""

    value: float
    time_period: str
    ids: tuple[str, ...]
    basis: str
    whose: str = "all migrants of the country stand for those of the activity"


def compute_share(foreign: float, total: float) -> float:
    """Foreign share of employment as a fraction; ``UsageError`` where the counts cannot be right."""
    if total <= 0 or not 0 <= foreign <= total:
        raise UsageError(
            f"{foreign:g} foreign workers of {total:g} in all is no share: check the two counts."
        )
    return foreign / total


def compute_headroom(employment: float, foreign: float, ceiling: float) -> float:
    """Persons x that may be added from abroad so that (M + x) / (E + x) is at the ceiling; negative above it.

    E = 1000, M = 400, c = 0.5 gives 200, because 600 / 1200 = 0.5. A ceiling of 1 is none: infinite.
    """
    if not 0 < ceiling <= 1:
        raise UsageError(
            f"a ceiling of {ceiling!r} is not above 0 and at most 1: correct dependency_ceiling of the country."
        )
    if ceiling == 1:
        return math.inf
    return (ceiling * employment - foreign) / (1 - ceiling)


def compute_hhi(stocks: Iterable[float], total: float | None = None) -> float | None:
    """Herfindahl-Hirschman index: sum of squared shares, 1 for a single origin; ``None`` without stocks.

    ``total``: all origins, also those not itemised, which then count as many small ones (a lower bound).
    """
    known = [stock for stock in stocks if stock > 0]
    base = sum(known) if total is None else total
    return sum((stock / base) ** 2 for stock in known) if known and base > 0 else None


def measure_dependency(
    observations: pd.DataFrame, ref_area: str, economic_activity: str, as_of_year: int, change_years: int
) -> Dependency | None:
    """Newest foreign share of an activity and its change; ``None`` where foreign workers are not counted."""
    keep = {"economic_activity": economic_activity}
    totals = select_figures(observations, as_of_year, "EMP", ref_area, **keep)
    foreign = select_figures(observations, as_of_year, "EMP", ref_area, citizenship="FOR", **keep)
    pair = _find_newest_pair(totals, foreign)
    if pair is None:
        return None
    total, migrants = pair
    share = compute_share(migrants.value, total.value)
    latest = shift_years(total.time_period, -change_years)
    earlier_pair = _find_newest_pair(*(rows[rows["time_period"] <= latest] for rows in (totals, foreign)))
    before, before_migrants = earlier_pair or (None, None)
    earlier_period = latest if before is None else before.time_period
    reason = _refuse_change(
        totals, foreign, before, before_migrants, earlier_period, total.time_period, change_years
    )
    earlier, growth = None, None
    if reason is None and before is not None and before_migrants is not None:
        earlier, growth = (
            compute_share(before_migrants.value, before.value),
            total.value / before.value - 1,
        )
    ids = join_ids([total, migrants, before, before_migrants])
    return Dependency(
        total, migrants, share, earlier, earlier_period if reason is None else None, growth, reason, ids
    )


def _find_newest_pair(totals: pd.DataFrame, foreign: pd.DataFrame) -> tuple[Figure, Figure] | None:
    for _, row in order_newest_first(foreign).iterrows():
        total = find_at(_of_kind(totals, row), str(row["time_period"]))
        # More foreign workers than workers is a slip of one of the counts: the quarter is passed over.
        if total is not None and _is_share(float(row["obs_value"]), total.value):
            return total, read_figure(row)
    return None


def _is_share(foreign: float, total: float) -> bool:
    return total > 0 and 0 <= foreign <= total


def pair_counts(total: Figure | None, foreign: Figure | None) -> Dependency | None:
    """Dependency from two counts of one date given without a history; ``None`` where they make no share."""
    if total is None or foreign is None or total.time_period != foreign.time_period:
        return None
    if not _is_share(foreign.value, total.value):
        return None
    share = compute_share(foreign.value, total.value)
    return Dependency(total, foreign, share, None, None, None, "no earlier count is given", ())


def explain_no_share(
    observations: pd.DataFrame, ref_area: str, economic_activity: str, as_of_year: int
) -> str:
    """Why an activity has no foreign share: nobody counts, or the counts contradict each other."""
    rows = select_figures(
        observations, as_of_year, "EMP", ref_area, economic_activity=economic_activity, citizenship="FOR"
    )
    if rows.empty:
        return "foreign workers of this activity are not counted"
    return (
        f"the counts of {', '.join(sorted(set(rows['time_period'])))} make no share: no total of the same date, "
        f"more foreign workers than workers, or fewer than none"
    )


def _of_kind(totals: pd.DataFrame, row: pd.Series) -> pd.DataFrame:
    """Totals of the same source first: a foreign count over another source's total is no share."""
    same = totals[totals["source_id"] == row["source_id"]]
    return same if not same.empty else totals


def _refuse_change(
    totals: pd.DataFrame,
    foreign: pd.DataFrame,
    before: Figure | None,
    before_migrants: Figure | None,
    start: str,
    end: str,
    years: int,
) -> str | None:
    """Why no change over the years may be taken; ``None`` where it may."""
    if before is None or before_migrants is None:
        return f"no count of {start} or earlier, at least {years} years before"
    for rows in (totals, foreign):
        inside = rows[(rows["time_period"] > start) & (rows["time_period"] <= end)]
        if inside["is_break"].astype(bool).any():
            return f"a break in the series between {start} and {end}"
    return None


WORLD = "WLD"
"""All destinations together: the denominator of an origin's shares, never a destination."""


def measure_concentration(observations: pd.DataFrame, ref_area: str, as_of_year: int) -> Concentration | None:
    """HHI of migrant stocks by origin; ``None`` where origins are not known."""
    rows = select_stocks(observations, as_of_year, destination=ref_area)
    if rows.empty:
        return None
    newest = rows[rows["time_period"] == rows["time_period"].max()].sort_values("counterpart_area")
    period = str(newest["time_period"].iloc[0])
    totals = select_figures(observations, as_of_year, "MIG_STOCK", ref_area, counterpart_area="_T")
    total = find_at(totals, period)
    value = compute_hhi(newest["obs_value"].astype(float), None if total is None else total.value)
    if value is None:
        return None
    ids = (*newest["observation_id"].astype(str), *(total.ids if total else ()))
    return Concentration(value, period, ids, weakest_basis(newest["basis"]))


def select_stocks(
    observations: pd.DataFrame, as_of_year: int, destination: str | None = None, origin: str | None = None
) -> pd.DataFrame:
    """Migrant stocks by origin and destination, totals of sex and age, one row per corridor and period."""
    mask = (observations["indicator"] == "MIG_STOCK") & observations["obs_value"].notna()
    mask &= (observations["sex"] == "_T") & (observations["age"] == "_T")
    mask &= observations["counterpart_area"].str.fullmatch(r"[A-Z]{3}")
    if destination is not None:
        mask &= observations["ref_area"] == destination
    if origin is not None:
        mask &= observations["counterpart_area"] == origin
    rows = observations[mask & (observations["ref_area"] != WORLD)]
    known = rows[rows["time_period"].str[:4].astype(int) <= as_of_year]
    ordered = order_newest_first(known)
    return ordered.drop_duplicates(["ref_area", "counterpart_area", "time_period"], keep="first")
