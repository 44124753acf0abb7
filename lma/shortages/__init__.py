"""Rule sets that rate shortages from indicators, and their triangulation with the gap ahead."""

from collections.abc import Callable

import pandas as pd

from lma.contracts import RuleSet
from lma.shortages import ba, oecd

#: Rule set (also the name of its file in data_contracts/rules): indicators, rules -> rows of marts.shortages.
RULE_SETS: dict[str, Callable[[pd.DataFrame, RuleSet], pd.DataFrame]] = {
    "ba": ba.rate,
    "oecd": oecd.rate,
}
