"""OECD-style rule: sub-indices less the economy-wide value, standardised over units, weighted mean.

After OECD Skills for Jobs; weights and standardisation are this project's reading (see rules/oecd.yaml).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from lma.contracts import RuleIndicator, RuleSet
from lma.shortages.scorecard import is_economy, rate_units, refuse_marks

Array = npt.NDArray[np.float64]


def standardise(values: Array, economy: float) -> Array:
    """z = (value - economy) / population standard deviation of these differences over units."""
    differences = values - economy
    scores: Array = differences / differences.std()
    return scores


def mark_by_distance(rows: pd.DataFrame, indicator: RuleIndicator, rules: RuleSet) -> pd.DataFrame:
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
        f"{'' if sign > 0 else 'minus '}(value - {reference:.6g}) / {(values - reference).std():.6g}: "
        f"{origin}, population standard deviation over {len(units)} units"
    )
    return units.assign(
        threshold=reference, points=sign * standardise(values, reference) + 0.0, reason=None, step=step
    )


def classify_index(score: float, rules: RuleSet) -> tuple[str, float, str]:
    """SHORTAGE above the upper threshold, SURPLUS below the lower, else BALANCE."""
    above, below = rules.threshold("shortage_above"), rules.threshold("surplus_below")
    rating = "SHORTAGE" if score > above else "SURPLUS" if score < below else "BALANCE"
    return rating, above, f"shortage above {above:g}, surplus below {below:g}"


def rate(indicators: pd.DataFrame, rules: RuleSet) -> pd.DataFrame:
    """Rows of marts.shortages under the OECD-style rule."""
    return rate_units(indicators, rules, mark_by_distance, classify_index)
