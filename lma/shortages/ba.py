"""BA-style rule: six indicators of 0 to 3 points, and the published bands of their mean.

Bands: Statistik der Bundesagentur fuer Arbeit, Engpassanalyse. The cut points of the single indicators
were not found in a publication, so they are quartiles over the units unless the rules file gives cuts.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from lma.contracts import RuleIndicator, RuleSet
from lma.errors import DefinitionError
from lma.shortages.scorecard import is_economy, rate_units, refuse_marks

Array = npt.NDArray[np.float64]


def give_points(values: Array, cuts: Array, shortage_when: str) -> Array:
    """0 to 3 points: the number of cut points reached on the side of shortage; a tie reaches the cut."""
    reached = (
        values[:, None] >= cuts[None, :] if shortage_when == "high" else values[:, None] <= cuts[None, :]
    )
    points: Array = reached.sum(axis=1).astype(float)
    return points


def choose_cuts(values: Array, indicator: RuleIndicator) -> Array:
    """Three cut points, ascending: those configured, or the quartiles of the units."""
    if indicator.cuts and len(indicator.cuts) != 3:
        raise DefinitionError(
            f"indicator {indicator.id} has {len(indicator.cuts)} cuts: write three (points 1, 2, 3), or none for quartiles."
        )
    cuts: Array = np.array(indicator.cuts) if indicator.cuts else np.quantile(values, [0.25, 0.5, 0.75])
    return cuts


def give_relative_points(values: Array, cuts: Array, shortage_when: str) -> Array:
    """Points by quartiles of the values themselves; none for the least short units.

    Where many units are equal at that end, they reach a quartile themselves, which is no sign of a shortage.
    """
    least = values.min() if shortage_when == "high" else values.max()
    points: Array = np.where(values == least, 0.0, give_points(values, cuts, shortage_when))
    return points


def mark_by_cuts(rows: pd.DataFrame, indicator: RuleIndicator, rules: RuleSet) -> pd.DataFrame:
    """Units of one indicator with their points; ``threshold`` is the cut point of most points."""
    units = rows[~is_economy(rows)]
    values = units["value"].to_numpy(dtype=float)
    if not indicator.cuts and len(units) < rules.threshold("minimum_units"):
        return refuse_marks(
            units,
            f"TOO_FEW_UNITS: {len(units)} of at least {rules.threshold('minimum_units'):g} for quartiles",
        )
    cuts = choose_cuts(values, indicator)
    if not indicator.cuts and cuts[0] == cuts[-1]:
        return refuse_marks(units, "NO_SPREAD: the quartiles are equal")
    top = cuts[-1] if indicator.shortage_when == "high" else cuts[0]
    origin = "configured cut points" if indicator.cuts else f"quartiles over {len(units)} units"
    counted = "" if indicator.weight > 0 else "; weight 0: shown beside the score, not in it"
    reached = ", ".join(f"{cut:.6g}" for cut in cuts)
    step = f"points = cuts reached of {reached} ({origin}), shortage when {indicator.shortage_when}{counted}"
    give = give_points if indicator.cuts else give_relative_points
    return units.assign(
        threshold=top, points=give(values, cuts, indicator.shortage_when), reason=None, step=step
    )


def classify_mean(score: float, rules: RuleSet) -> tuple[str, float, str]:
    """SHORTAGE, WATCH or NONE by the bands of the rules file."""
    shortage, watch = rules.threshold("shortage_from"), rules.threshold("watch_from")
    rating = "SHORTAGE" if score >= shortage else "WATCH" if score >= watch else "NONE"
    return rating, shortage, f"shortage from {shortage:g}, watch from {watch:g}"


def rate(indicators: pd.DataFrame, rules: RuleSet) -> pd.DataFrame:
    """Rows of marts.shortages under the BA-style rule."""
    return rate_units(indicators, rules, mark_by_cuts, classify_mean)
