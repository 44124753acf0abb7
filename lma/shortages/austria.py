"""Austria's ratio: registered jobseekers per reported vacancy, with an optional second threshold.

First threshold: list of shortage occupations (Mangelberufe) under section 13 of the Auslaenderbeschaeftigungsgesetz.
The second, with pay growing faster than average, is as recalled.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from lma.contracts import RuleIndicator, RuleSet
from lma.shortages.scorecard import is_economy, rate_units, refuse_marks

RATIO, PAY = "JOBSEEKERS_PER_VACANCY", "EARN_GROWTH_1Y"


def mark_ratio(rows: pd.DataFrame, indicator: RuleIndicator, rules: RuleSet) -> pd.DataFrame:
    """Units with their ratio as points, or their pay growth less that of the whole economy (or of the mean unit)."""
    units, economy = rows[~is_economy(rows)], rows[is_economy(rows)]
    values = units["value"].to_numpy(dtype=float)
    if indicator.id == RATIO:
        step = "registered jobseekers per reported vacancy, as given"
        given = units.assign(threshold=rules.threshold("ratio"), points=values, reason=None, step=step)
        below = given[given["value"] < 0]
        refused = refuse_marks(below, "NEGATIVE: jobseekers per vacancy cannot be below zero")
        return pd.concat([given.drop(below.index), refused]) if len(below) else given
    average = float(economy["value"].iloc[0]) if len(economy) else float(values.mean())
    origin = "the whole economy" if len(economy) else f"the mean of {len(units)} units"
    step = f"growth of pay less {average:.6g}, that of {origin}; beside the score, for the second threshold"
    return units.assign(threshold=average, points=values - average, reason=None, step=step)


def classify_ratio(score: float, rules: RuleSet) -> tuple[str, float, str]:
    """SHORTAGE at or below the ratio, else NONE; the second threshold needs the pay beside it."""
    ratio = rules.threshold("ratio")
    return "SHORTAGE" if score <= ratio else "NONE", ratio, f"shortage up to {ratio:g} jobseekers per vacancy"


def watch_second(rated: pd.DataFrame, rules: RuleSet) -> pd.DataFrame:
    """Scores above the first and up to the second threshold, where pay grew faster than average, become WATCH."""
    keys, second = ["ref_area", "economic_activity", "occupation"], rules.threshold("second_ratio")
    pay = rated[rated["indicator"] == PAY].set_index(keys)["points"]
    faster = pay.reindex(pd.MultiIndex.from_frame(rated[keys])).to_numpy(dtype=float) > 0
    is_between = (
        (rated["indicator"] == "_SCORE") & (rated["rating"] == "NONE") & (rated["value"] <= second)
    ).to_numpy()
    watched = is_between & faster
    words = f"; up to {second:g} (as recalled) watched where pay grew faster than average"
    return rated.assign(
        rating=np.where(watched, "WATCH", rated["rating"].to_numpy(dtype=object)),
        step=np.where(is_between, rated["step"] + words, rated["step"]),
    )


def rate(indicators: pd.DataFrame, rules: RuleSet) -> pd.DataFrame:
    """Rows of marts.shortages under Austria's ratio; the score is the ratio itself."""
    rated = rate_units(indicators, rules, mark_ratio, classify_ratio)
    return watch_second(rated, rules) if len(rated) else rated
