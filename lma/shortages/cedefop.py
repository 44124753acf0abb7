"""Cedefop-style future indicator: expansion, replacement and imbalance in four bands, and their mean.

After the future shortage indicator of Cedefop, which combines growing demand, replacement needs and imbalances.
Bands by quartile and the cuts of the mean are this project's, so the rule is 'Cedefop-style'.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from lma.contracts import RuleIndicator, RuleSet
from lma.shortages import ba
from lma.shortages.indicators import COLUMNS
from lma.shortages.scorecard import is_economy, rate_units, refuse_marks

#: Component -> measure of the balance, and whether it must still be divided by base employment.
COMPONENTS = {
    "EXPANSION_PC": ("EXPANSION", True),
    "REPLACEMENT_PC": ("REPLACEMENT", True),
    "IMBALANCE_PC": ("GAP_PC", False),
}
KEYS = ["ref_area", "economic_activity", "occupation"]


def mark_bands(rows: pd.DataFrame, indicator: RuleIndicator, rules: RuleSet) -> pd.DataFrame:
    """Units with their band from 1 (low) to 4 (high) by quartile over units."""
    units, least = rows[~is_economy(rows)], rules.threshold("least_spread")
    low, high = np.quantile(units["value"].to_numpy(dtype=float), [0.25, 0.75])
    if not indicator.cuts and high - low < least:
        words = f"the quartiles are {high - low:.2g} points apart, less than {least:g}"
        return refuse_marks(units, f"NO_SPREAD: {words}; bands would rank what is the same")
    marked = ba.mark_by_cuts(rows, indicator, rules)
    steps = [step.replace("points =", "band = 1 +", 1) for step in marked["step"]]
    return marked.assign(points=marked["points"] + 1, step=steps)


def rate(indicators: pd.DataFrame, rules: RuleSet) -> pd.DataFrame:
    """Rows of marts.shortages under the Cedefop-style rule."""
    rated = rate_units(indicators, rules, mark_bands, ba.classify_mean)
    return cap_without_gap(rated, rules) if len(rated) else rated


def cap_without_gap(rated: pd.DataFrame, rules: RuleSet) -> pd.DataFrame:
    """Scores of units whose openings are known not to exceed their seekers become WATCH where they were SHORTAGE.

    Bands only rank the units, so the most pressed of them would be short even where none lacks workers.
    """
    gaps = rated[rated["indicator"] == "IMBALANCE_PC"].set_index(KEYS)["value"]
    gap = gaps.reindex(pd.MultiIndex.from_frame(rated[KEYS])).to_numpy(dtype=float)
    capped = (rated["rating"] == "SHORTAGE").to_numpy() & (gap <= rules.threshold("least_imbalance"))
    words = "; openings do not exceed seekers, so it is watched at most"
    return rated.assign(
        rating=np.where(capped, "WATCH", rated["rating"].to_numpy(dtype=object)),
        step=np.where(capped, rated["step"] + words, rated["step"]),
    )


def collect_components(
    balances: pd.DataFrame, ref_area: str, units: Sequence[str] = (), scenario: str = "baseline"
) -> pd.DataFrame:
    """Long indicators (COLUMNS) of one country from marts.balances, in per cent of base employment.

    Medians cumulated over the longest period. A unit without a balance, or with no
    employment in the base year, has no row, so that it is rated N.
    """
    b = balances
    mine = b[(b["ref_area"] == ref_area) & (b["scenario"] == scenario)]
    mine = mine[mine["economic_activity"].isin([*units, "_T"])] if units else mine
    spans = sorted({p for p in mine["time_period"].astype(str) if "-" in p})
    if not spans:
        return _empty_units(ref_area, units)
    longest, base = spans[-1], find_base_employment(mine)
    medians = mine[
        (mine["time_period"] == longest) & (mine["output_type_id"] == "0.5") & mine["value"].notna()
    ]
    parts = [_take_component(medians, base, *item) for item in COMPONENTS.items()]
    found = pd.concat(parts)[COLUMNS]
    lacking = [unit for unit in units if unit not in set(found["economic_activity"])]
    empty = _empty_units(ref_area, lacking)
    return pd.concat([part for part in (found, empty) if len(part)] or [empty], ignore_index=True)


def find_base_employment(balances: pd.DataFrame) -> pd.Series:
    """Employment before the first year of a balance, per unit, where it is above zero: mean employment of that year less
    its mean expansion, which holds exactly because means add up.
    """
    means = balances[balances["output_type"] == "mean"]
    employed = means[means["measure"] == "EMP"]
    first = str(employed["time_period"].min())
    level = employed[employed["time_period"] == first].set_index(KEYS)["value"]
    is_first = (means["measure"] == "EXPANSION") & (means["time_period"] == first)
    base: pd.Series = (level - means[is_first].set_index(KEYS)["value"]).dropna()
    return base[base > 0]


def _take_component(
    medians: pd.DataFrame, base: pd.Series, name: str, measure: tuple[str, bool]
) -> pd.DataFrame:
    rows = medians[medians["measure"] == measure[0]]
    divisor = base.reindex(pd.MultiIndex.from_frame(rows[KEYS])).to_numpy(dtype=float)
    values = rows["value"].to_numpy(dtype=float)
    inputs: list[Any] = [[identifier] for identifier in rows["balance_id"]]
    return rows.assign(
        indicator=name,
        value=100 * values / divisor if measure[1] else values,
        unit_measure="PC",
        time_period=rows["time_period"].astype(str),
        basis="projection",
        inputs=inputs,
    )


def _empty_units(ref_area: str, units: Sequence[str]) -> pd.DataFrame:
    """Units without any component, so that each is rated N."""
    row = {
        "ref_area": ref_area, "occupation": "_T", "indicator": "EXPANSION_PC", "time_period": "_Z", "value": float("nan"),
        "unit_measure": "_Z", "basis": "projection",
    }  # fmt: skip
    return pd.DataFrame([{**row, "economic_activity": u, "inputs": []} for u in units], columns=COLUMNS)
