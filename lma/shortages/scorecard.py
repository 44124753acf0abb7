"""What all rule sets share: newest common period, rows of marts.shortages, the rule on missing figures."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from lma.contracts import RuleIndicator, RuleSet, table_contract, weakest_basis

UNIT = ["economic_activity", "occupation"]

#: Rows of one indicator of one country in -> the same rows with threshold, points, reason and step.
Marker = Callable[[pd.DataFrame, RuleIndicator, RuleSet], pd.DataFrame]
#: Score in -> (rating, threshold applied, the rule in words).
Classifier = Callable[[float, RuleSet], tuple[str, float, str]]


def take_newest(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows of the newest period that any unit has, so that units are compared at the same time."""
    known = rows[rows["value"].notna()]
    newest: pd.DataFrame = known[known["time_period"] == known["time_period"].max()]
    return newest


def is_economy(rows: pd.DataFrame) -> pd.Series:
    """True for the row of the whole economy."""
    return (rows["economic_activity"] == "_T") & (rows["occupation"] == "_T")


def refuse_marks(units: pd.DataFrame, reason: str) -> pd.DataFrame:
    """The values shown without points, and why."""
    return units.assign(threshold=np.nan, points=np.nan, reason=reason, step="value shown; no points given")


def _refuse_impossible(newest: pd.DataFrame, indicator: RuleIndicator) -> pd.DataFrame:
    """Figures that cannot be, such as an unemployment rate below zero, without points and with the reason."""
    low = -np.inf if indicator.minimum is None else indicator.minimum
    high = np.inf if indicator.maximum is None else indicator.maximum
    wrong = newest[(newest["value"] < low) | (newest["value"] > high)]
    limits = [f"below {low:g}"] * bool(np.isfinite(low)) + [f"above {high:g}"] * bool(np.isfinite(high))
    return refuse_marks(wrong, f"IMPOSSIBLE: {indicator.id} cannot be {' or '.join(limits)}")


def list_units(indicators: pd.DataFrame) -> pd.DataFrame:
    """Units to rate, sorted; without the whole economy."""
    units = indicators[UNIT].drop_duplicates().sort_values(UNIT)
    return units[~is_economy(units)]


def _newest_year(rows: pd.DataFrame) -> float:
    """Year of the newest figure; NaN where none has a year."""
    periods = rows.loc[rows["value"].notna(), "time_period"].astype(str)
    years: float = pd.to_numeric(periods.drop_duplicates().str.extract(r"^(\d{4})")[0]).max()
    return years


def _say_behind(newest: pd.DataFrame, year: float, rules: RuleSet) -> str | None:
    """Why an indicator is too old to stand beside the others of the rule set; None where it is not, or has no year.

    ``year``: of the newest indicator of the rule set.
    """
    mine, allowed = _newest_year(newest), rules.threshold("maximum_years_apart")
    if not year - mine > allowed:
        return None
    return f"OUT_OF_STEP: {mine:.0f} is {year - mine:.0f} years before the newest indicator, more than {allowed:g}"


def _mark_indicator(
    rows: pd.DataFrame,
    units: pd.DataFrame,
    indicator: RuleIndicator,
    rules: RuleSet,
    mark: Marker,
    year: float,
) -> pd.DataFrame:
    """One row per unit: with a figure and its points, or missing."""
    newest = take_newest(rows[rows["indicator"] == indicator.id])
    behind = _say_behind(newest, year, rules)
    economy = newest[is_economy(newest)].assign(
        threshold=np.nan, points=np.nan, reason=None, step="the whole economy: the reference, not rated"
    )
    impossible = _refuse_impossible(newest, indicator)
    newest = newest.drop(impossible.index)
    marked = mark(newest, indicator, rules) if len(newest[~is_economy(newest)]) else newest.iloc[:0]
    if len(impossible):
        marked = pd.concat([marked, impossible]) if len(marked) else impossible
    if behind is not None:
        marked = pd.concat([refuse_marks(newest[~is_economy(newest)], behind), impossible])
    has_mark = pd.MultiIndex.from_frame(units).isin(pd.MultiIndex.from_frame(marked[UNIT]))
    absent = units[~has_mark]
    no_inputs: list[Any] = [[] for _ in range(len(absent))]
    empty = absent.assign(
        time_period="_Z",
        value=np.nan,
        unit_measure="_Z",
        basis="reported",
        inputs=no_inputs,
        threshold=np.nan,
        points=np.nan,
        reason="MISSING",
        step=f"no figure of {indicator.id}",
    )
    parts = [part for part in (economy, marked, empty) if len(part)]
    return (
        pd.concat(parts).assign(indicator=indicator.id, rating=None, n_indicators=None)
        if parts
        else empty.assign(indicator=indicator.id)
    )


def _score_unit(marks: pd.DataFrame, rules: RuleSet, classify: Classifier, prefix: str) -> dict[str, object]:
    """The `_SCORE` row of one unit: weighted mean of the points, or N with what is missing."""
    weights = {indicator.id: indicator.weight for indicator in rules.indicators}
    counted = marks[marks["points"].notna() & (marks["indicator"].map(weights) > 0)]
    needed, lacking = (
        rules.threshold("minimum_indicators"),
        [i for i, w in weights.items() if w > 0 and i not in set(counted["indicator"])],
    )
    shown = [f"{prefix}:{name}" for name in marks["indicator"]]
    row = {
        "indicator": "_SCORE",
        "time_period": marks.loc[
            marks["time_period"].notna() & (marks["time_period"] != "_Z"), "time_period"
        ].max(),
        "unit_measure": "IX",
        "n_indicators": len(counted),
        "basis": weakest_basis(counted["basis"]),
        "inputs": shown,
        "points": np.nan,
    }
    if len(counted) < needed:
        reason = (
            f"INSUFFICIENT_INDICATORS: {len(counted)} of at least {needed:g}; missing {', '.join(lacking)}"
        )
        return {
            **row,
            "value": np.nan,
            "threshold": np.nan,
            "rating": "N",
            "reason": reason,
            "step": "not rated: too few indicators",
        }
    weight = counted["indicator"].map(weights).astype(float)
    score = round(float((counted["points"].astype(float) * weight).sum() / weight.sum()), 6)
    rating, threshold, words = classify(score, rules)
    step = f"weighted mean of {len(counted)} indicators ({', '.join(counted['indicator'])}); {words}"
    return {**row, "value": score, "threshold": threshold, "rating": rating, "reason": None, "step": step}


def _rate_country(
    ref_area: str, rows: pd.DataFrame, rules: RuleSet, mark: Marker, classify: Classifier
) -> pd.DataFrame:
    units = list_units(rows)
    counted = rows["indicator"].isin([i.id for i in rules.indicators if i.weight > 0])
    year = _newest_year(rows[counted])
    marks = pd.concat(
        [_mark_indicator(rows, units, indicator, rules, mark, year) for indicator in rules.indicators]
    )
    scores = []
    for (activity, occupation), mine in marks[~is_economy(marks)].groupby(UNIT, sort=True):
        prefix = f"S:{rules.rule_set}:{ref_area}:{activity}:{occupation}"
        found = _score_unit(mine, rules, classify, prefix)
        scores.append({**found, "economic_activity": activity, "occupation": occupation})
    return (
        pd.concat([marks, pd.DataFrame(scores)]).assign(ref_area=ref_area)
        if scores
        else marks.assign(ref_area=ref_area, rating=None, n_indicators=float("nan"))
    )


def rate_units(indicators: pd.DataFrame, rules: RuleSet, mark: Marker, classify: Classifier) -> pd.DataFrame:
    """Rows of marts.shortages for every country and unit of long indicators (lma.shortages.indicators).

    One row per unit and indicator of the rule set, also for those missing, then `_SCORE` with the rating.
    """
    columns = table_contract("marts.shortages").column_names
    parts = [
        _rate_country(str(area), rows, rules, mark, classify)
        for area, rows in indicators.groupby("ref_area", sort=True)
    ]
    if not parts:
        return pd.DataFrame(columns=columns)
    rated = pd.concat(parts).assign(method=rules.rule_set)
    identified = rated.assign(
        shortage_id=[
            f"S:{':'.join(key)}"
            for key in zip(
                rated["method"],
                rated["ref_area"],
                rated["economic_activity"],
                rated["occupation"],
                rated["indicator"],
                strict=True,
            )
        ]
    )
    order = {name: k for k, name in enumerate([*(i.id for i in rules.indicators), "_SCORE"])}
    ordered = identified.assign(order=identified["indicator"].map(order)).sort_values(
        ["ref_area", *UNIT, "order"], kind="stable"
    )
    numbers = dict.fromkeys(("value", "threshold", "points"), float)
    plain = ordered[columns].astype({**numbers, "n_indicators": "Int64"})
    return plain.assign(
        **{
            c: plain[c].astype(object).where(plain[c].notna(), None)
            for c in ("rating", "reason", "time_period")
        }
    ).reset_index(drop=True)
