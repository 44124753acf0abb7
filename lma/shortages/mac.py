"""MAC-style rule: twelve indicators, each passed or not, and at least half of those available.

After the UK Migration Advisory Committee (Skilled, Shortage, Sensible, 2008, and the method of 2016). Contents
of the indicators and the rule of the median and 50 per cent are as recalled, so the rule is 'MAC-style'.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from lma.contracts import RuleIndicator, RuleSet
from lma.errors import DefinitionError
from lma.shortages.scorecard import is_economy, rate_units, refuse_marks

Array = npt.NDArray[np.float64]


def find_threshold(values: Array, above_median: float) -> tuple[float, str]:
    """Threshold of values that are high in a shortage, and how it was found.

    The median and so many per cent of it where the median is above zero; else the upper quartile (linear
    interpolation), because a multiple of a median at or below zero does not lie above it.
    """
    median = float(np.median(values))
    if median > 0:
        return (
            1 + above_median / 100
        ) * median, f"the median {median:.6g} and {above_median:g} per cent of it"
    return float(
        np.quantile(values, 0.75)
    ), f"the upper quartile, as the median {median:.6g} is not above zero"


def mark_by_threshold(rows: pd.DataFrame, indicator: RuleIndicator, rules: RuleSet) -> pd.DataFrame:
    """Units with 1 point where the threshold is reached (a tie reaches it), else 0; ``threshold`` in the indicator's unit."""
    units = rows[~is_economy(rows)]
    sign = 1.0 if indicator.shortage_when == "high" else -1.0
    values = sign * units["value"].to_numpy(dtype=float)
    if len(indicator.cuts) > 1:
        raise DefinitionError(
            f"indicator {indicator.id} has {len(indicator.cuts)} cuts: write one, the frozen threshold, or none."
        )
    if indicator.cuts:
        bar, origin = sign * indicator.cuts[0], "frozen threshold of the rules file"
    elif len(units) < rules.threshold("minimum_units"):
        needed = f"{rules.threshold('minimum_units'):g}"
        return refuse_marks(units, f"TOO_FEW_UNITS: {len(units)} of at least {needed} for a threshold")
    else:
        bar, origin = find_threshold(values, rules.threshold("above_median"))
        if bar <= values.min() or np.ptp(values) == 0:
            return refuse_marks(units, "NO_SPREAD: the threshold does not tell the units apart")
    side = "least" if sign > 0 else "most"
    step = f"1 point at {side} {sign * bar + 0.0:.6g}: {origin}, over {len(units)} units"
    step += " with the sign reversed" if sign < 0 and not indicator.cuts else ""
    points = (values >= bar).astype(float)
    return units.assign(threshold=sign * bar + 0.0, points=points, reason=None, step=step)


def classify_share(score: float, rules: RuleSet) -> tuple[str, float, str]:
    """SHORTAGE where at least the share of available indicators is passed, else NONE."""
    needed = rules.threshold("shortage_share")
    return "SHORTAGE" if score >= needed else "NONE", needed, f"shortage from {needed:g} of those available"


def rate(indicators: pd.DataFrame, rules: RuleSet) -> pd.DataFrame:
    """Rows of marts.shortages under the MAC-style rule; the score is the share of available indicators passed."""
    return rate_units(indicators, rules, mark_by_threshold, classify_share)
