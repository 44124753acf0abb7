"""OECD-style rule: sub-indices beside the economy and beside the unit's own past, standardised, weighted mean.

After OECD Skills for Jobs, which makes both comparisons; weights, the form of the trend (a long moving average) and
the standardisation are this project's reading (see rules/oecd.yaml).
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from lma.contracts import RuleIndicator, RuleSet
from lma.shortages.scorecard import UNIT, is_economy, rate_units, refuse_marks

Array = npt.NDArray[np.float64]


def standardise(values: Array, economy: float) -> Array:
    """z = (value - economy) / population standard deviation of these differences over units."""
    differences = values - economy
    scores: Array = differences / differences.std()
    return scores


def find_own_trends(indicators: pd.DataFrame, rules: RuleSet) -> pd.DataFrame:
    """Long-run trend per country, unit and indicator: index as such, columns trend, n_years and inputs.

    The mean of the annual figures of the last ``trend_years`` years before the newest of the indicator in the country.
    Only units with a figure in that newest year, and with ``minimum_years`` annual figures, that one counted.
    """
    keys = ["ref_area", *UNIT, "indicator"]
    is_year = indicators["time_period"].astype(str).str.fullmatch(r"\d{4}")
    annual = indicators[indicators["value"].notna() & is_year].reset_index(drop=True)
    annual = annual.assign(year=annual["time_period"].astype(int)).sort_values("year", ignore_index=True)
    age = annual.groupby(["ref_area", "indicator"])["year"].transform("max") - annual["year"]
    recent = annual.assign(age=age)[age <= rules.threshold("trend_years")]
    ages = recent.groupby(keys)["age"].agg(["min", "count"])
    past = recent[recent["age"] > 0].groupby(keys)
    trends = pd.DataFrame(
        {"trend": past["value"].mean(), "n_years": past["value"].count(), "inputs": past["inputs"].sum()}
    )
    fit = ages[(ages["min"] == 0) & (ages["count"] >= rules.threshold("minimum_years"))]
    return trends[trends.index.isin(fit.index)]


def mark_by_distance(
    rows: pd.DataFrame, indicator: RuleIndicator, rules: RuleSet, trends: pd.DataFrame
) -> pd.DataFrame:
    """Units with their standardised distance (positive: shortage); ``threshold``: economy-wide value."""
    units, economy = rows[~is_economy(rows)], rows[is_economy(rows)]
    values = units["value"].to_numpy(dtype=float)
    if len(units) < rules.threshold("minimum_units"):
        return refuse_marks(
            units,
            f"TOO_FEW_UNITS: {len(units)} of at least {rules.threshold('minimum_units'):g} to standardise",
        )
    if np.ptp(values) == 0:
        return refuse_marks(units, "NO_SPREAD: all units have the same value")
    reference = float(economy["value"].iloc[0]) if len(economy) else float(values.mean())
    origin = "economy-wide value" if len(economy) else "mean over units, for want of an economy-wide value"
    sign = 1.0 if indicator.shortage_when == "high" else -1.0
    step = (
        f"{'' if sign > 0 else 'minus '}(value less {reference:.6g}) / {(values - reference).std():.6g}: "
        f"{origin}, population standard deviation over {len(units)} units"
    )
    marked = units.assign(
        threshold=reference, points=sign * standardise(values, reference) + 0.0, reason=None, step=step
    )
    return _add_own_trend(marked, sign, rules, trends)


def _add_own_trend(marked: pd.DataFrame, sign: float, rules: RuleSet, trends: pd.DataFrame) -> pd.DataFrame:
    """Points averaged with the distance from the unit's own trend, where the history of enough units is long enough."""
    found = trends.reindex(pd.MultiIndex.from_frame(marked[["ref_area", *UNIT, "indicator"]]))
    distance = marked["value"].to_numpy(dtype=float) - found["trend"].to_numpy(dtype=float)
    known = ~np.isnan(distance)
    weight = rules.threshold("own_trend_weight")
    if weight == 0 or known.sum() < rules.threshold("minimum_units") or np.ptp(distance[known]) == 0:
        return marked
    spread = float(distance[known].std())
    own = sign * distance / spread
    points = marked["points"].to_numpy(dtype=float)
    both = np.where(known, (1 - weight) * points + weight * own, points)
    return marked.assign(
        points=both,
        step=[
            _say_both(*row, weight, spread)
            for row in zip(marked["step"], found["trend"], found["n_years"], strict=True)
        ],
        inputs=_join_inputs(marked, found),
    )


def _say_both(step: str, trend: float, n_years: float, weight: float, spread: float) -> str:
    if np.isnan(trend):
        return f"{step}; own history too short for the comparison with its trend"
    return (
        f"{step}; with weight {weight:g} its distance from its own trend {trend:.6g} (mean of {n_years:.0f} years before) "
        f"/ {spread:.6g}"
    )


def _join_inputs(marked: pd.DataFrame, found: pd.DataFrame) -> list[Any]:
    pairs = zip(marked["inputs"], found["inputs"], strict=True)
    return [[*own, *(past if isinstance(past, list) else [])] for own, past in pairs]


def classify_index(score: float, rules: RuleSet) -> tuple[str, float, str]:
    """SHORTAGE above the upper threshold, SURPLUS below the lower, else BALANCE."""
    above, below = rules.threshold("shortage_above"), rules.threshold("surplus_below")
    rating = "SHORTAGE" if score > above else "SURPLUS" if score < below else "BALANCE"
    return rating, above, f"shortage above {above:g}, surplus below {below:g}"


def rate(indicators: pd.DataFrame, rules: RuleSet) -> pd.DataFrame:
    """Rows of marts.shortages under the OECD-style rule."""
    trends = find_own_trends(indicators, rules)
    return rate_units(indicators, rules, functools.partial(mark_by_distance, trends=trends), classify_index)
