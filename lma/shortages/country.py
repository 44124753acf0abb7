"""Every rule set on one country, and their triangulation with the gap ahead."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from lma.contracts import rule_set
from lma.shortages import RULE_SETS
from lma.shortages.cedefop import collect_components
from lma.shortages.indicators import collect_indicators
from lma.shortages.rating import triangulate


def rate_country(
    ref_area: str, indicators: pd.DataFrame, balances: pd.DataFrame, units: Sequence[str] = ()
) -> pd.DataFrame:
    """Rows of marts.shortages of one country: every rule set on every unit, then method ``rating``.

    ``indicators``: marts.indicators; ``balances``: marts.balances; ``units``: activities to rate, also without a figure.
    """
    parts = []
    for method, rate in RULE_SETS.items():
        rules = rule_set(method)
        found = (
            collect_components(balances, ref_area, units)
            if rules.looks == "ahead"
            else collect_indicators(indicators, ref_area, rules, units)
        )
        parts.append(rate(found, rules))
    ratings = pd.concat([part for part in parts if len(part)] or parts[:1], ignore_index=True)
    together = triangulate(ratings, balances[balances["ref_area"] == ref_area], rule_set("rating"))
    return pd.concat([ratings, together], ignore_index=True)
