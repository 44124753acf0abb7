"""T16 sensitivity: how many variants of indicators, weights and thresholds leave a rating what it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from lma.assessment.cells import Key, Lineage, TableCells
from lma.assessment.profile import level_rows
from lma.assessment.selection import select, single
from lma.assessment.shortage import METHODS, name_codes
from lma.contracts import TableSpec
from lma.levels import Level
from lma.shortages import CLASSIFIERS
from lma.shortages.sensitivity import summarise, vary_country

SENSITIVITY_COLUMNS = tuple(
    Key(*pair)
    for pair in (
        ("method", "Rule set"),
        ("rating", "Rating as configured"),
        ("n_variants", "Variants tried"),
        ("n_same", "Variants that keep the rating"),
        ("share_same", "Of the variants that rate, keep the rating, %"),
        ("n_not_rated", "Variants that leave too few indicators"),
        ("changes", "Variants that change the rating"),
    )
)
SENSITIVITY_SPEC = TableSpec(
    "T16",
    "Sensitivity of the ratings",
    "Would the rating be another? Within a rule set each indicator is left out and made heavy in turn, and all weigh alike. For the rating "
    "recent and projected together each vote is left out, the present and the gap ahead stand alone, and each threshold on the gap is moved.",
    "Economic activity and rule set",
    ("N_RATING", "N_SENSITIVITY"),
)


def sensitivity_table(
    ref_area: str, shortages: pd.DataFrame, balances: pd.DataFrame, level: Level, lineage: Lineage
) -> pd.DataFrame:
    """Cells of T16: one row per activity and rule set that rates it; one for each rule set that rates none."""
    table = TableCells(ref_area, "T16", SENSITIVITY_COLUMNS, lineage)
    mine = select(shortages, ref_area=ref_area, occupation="_T")
    found = summarise(vary_country(mine, select(balances, ref_area=ref_area, occupation="_T")))
    scores = select(mine, indicator="_SCORE")
    labels = {"rating": "Recent and projected together", **dict(METHODS)}
    for activity in level_rows(level):
        for method, label in labels.items():
            tried = single(found, economic_activity=activity.id, method=method)
            score = single(scores, economic_activity=activity.id, method=method)
            if tried is not None and score is not None:
                row = Key(f"{activity.id}-{method}", f"{activity.label}: {label}")
                _add_sensitivity(table, row, label, tried, score)
    for method, label in labels.items():
        if method not in set(found["method"]):
            row = Key(f"ALL-{method}", f"All activities: {label}")
            table.text(row, "method", label)
            reason = NOTHING_TO_VARY if method in CLASSIFIERS else ONE_INDICATOR
            for column in SENSITIVITY_COLUMNS[1:]:
                table.empty(row, column.id, "[x]", reason)
    return table.frame()


NOTHING_TO_VARY = "the rule set rates no activity of this country, so there is nothing to vary (T4)"
ONE_INDICATOR = "the rule set rests on one indicator, so there are no weights to vary (T4)"


def _add_sensitivity(
    table: TableCells, row: Key, label: str, tried: Mapping[Any, Any], score: Mapping[Any, Any]
) -> None:
    inputs, basis = [score["shortage_id"]], score["basis"]
    table.text(row, "method", label, inputs)
    table.text(row, "rating", tried["rating"], inputs, score["step"])
    counted = "variants of indicators, weights and thresholds, each rated again"
    for column in ("n_variants", "n_same", "n_not_rated"):
        table.number(row, column, tried[column], "NR", basis, inputs, counted, decimals=0)
    _add_share(table, row, tried, basis, inputs, f"{counted}; share of those that rate with the same rating")
    table.text(row, "changes", say_variants(tried["changes"]) or "none", inputs)


def _add_share(
    table: TableCells, row: Key, tried: Mapping[Any, Any], basis: str, inputs: list[str], step: str
) -> None:
    """A variant that rates nothing neither keeps nor turns the rating."""
    rating = int(tried["n_variants"] - tried["n_not_rated"])
    if rating > 0:
        table.number(row, "share_same", 100 * tried["n_same"] / rating, "PC", basis, inputs, step, decimals=0)
    else:
        table.empty(row, "share_same", "[x]", "no variant has enough indicators to rate")


THRESHOLDS = {
    "severe_percent": "severe from a gap of, per cent:",
    "shortage_percent": "shortage from a gap of, per cent:",
    "surplus_percent": "surplus from a gap of, per cent:",
    "shortage_probability": "shortage from a probability of",
    "watch_probability": "watched from a probability of",
    "surplus_probability": "surplus up to a probability of",
}


def say_variants(changes: str) -> str:
    """Variants with thresholds, indicators and rule sets by their names."""
    for code, words in THRESHOLDS.items():
        changes = changes.replace(f"{code} ", f"{words} ")
    return name_codes(changes)
