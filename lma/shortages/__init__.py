"""Rule sets that rate shortages from indicators, and their triangulation with the gap ahead."""

from collections.abc import Callable

import pandas as pd

from lma.contracts import RuleSet
from lma.shortages import austria, ba, cedefop, cops, jsa, mac, oecd
from lma.shortages.scorecard import Classifier

#: Rule set (also the name of its file in data_contracts/rules): indicators, rules -> rows of marts.shortages.
RULE_SETS: dict[str, Callable[[pd.DataFrame, RuleSet], pd.DataFrame]] = {
    "ba": ba.rate,
    "oecd": oecd.rate,
    "mac": mac.rate,
    "austria": austria.rate,
    "cedefop": cedefop.rate,
}
#: With those that need openings and seekers of a projection, or a survey of employers: no warehouse has these by
#: activity, so they rate tables of one's own.
TABLE_RULE_SETS = {**RULE_SETS, "cops": cops.rate, "jsa": jsa.rate}
#: How a rule set is called in a table.
LABELS = {
    "ba": "BA-style",
    "oecd": "OECD-style",
    "mac": "MAC-style",
    "austria": "Austria's ratio",
    "cedefop": "Cedefop-style",
    "cops": "COPS-style",
    "jsa": "JSA-style",
}
#: Rule sets whose score is the weighted mean of the points of their indicators: score, rules -> rating.
CLASSIFIERS: dict[str, Classifier] = {
    "ba": ba.classify_mean,
    "oecd": oecd.classify_index,
    "mac": mac.classify_share,
    "cedefop": ba.classify_mean,
}
