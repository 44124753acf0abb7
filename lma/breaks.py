"""Suspected level shifts: a change of an annual series that is far from the series' own yearly changes.

A survey that changes its definition moves a series once and for good; a crisis moves it and, mostly, lets it
return. Neither is known from figures alone, so what is found is a suspicion with its measure, never a
correction: declared breaks (flag, note, correction, change of source) stay the only ones that empty a growth rate.
Rule and thresholds: data_contracts/rules/breaks.yaml.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from lma.contracts import RuleSet, codelist

SERIES = (
    "ref_area", "counterpart_area", "indicator", "sex", "age", "economic_activity", "activity_revision", "occupation",
    "occupation_revision", "citizenship", "unit_measure", "basis_kind",
)  # fmt: skip
SHIFT_COLUMNS = (
    *SERIES, "time_period", "source_id", "previous_period", "previous_value", "value", "expected", "change", "score", "kind",
    "is_declared", "n_changes", "observation_id", "previous_id",
)  # fmt: skip
"""``change``: per cent between the figure and the one expected from the figure before and the usual change."""
KINDS = {
    "level_shift": "level shift or lasting shock",
    "shock": "shock that did not last",
    "undecided": "level shift or shock, too recent to tell",
    "few_after": "level shift or shock, too few figures after it",
}
SIGNED = ("NET_MIG", "NET_MIG_5Y", "EMP_CHANGE", "SEEKERS_OTHER_SUM")
"""Indicators besides growth rates that can be negative: a balance near zero has no logarithm worth judging."""
_NORMAL = 1.4826  # median absolute deviation -> standard deviation of a normal distribution


def find_level_shifts(observations: pd.DataFrame, rules: RuleSet) -> pd.DataFrame:
    """One row per suspected shift in the columns SHIFT_COLUMNS, ordered by series and period.

    ``observations``: rows of marts.observations. Judged are annual counts, money and rates above zero, no
    projections, no growth rates and no balances. ``is_declared``: the publisher or a correction says so already.
    """
    return pick_level_shifts(score_changes(observations, rules), rules)


def pick_level_shifts(steps: pd.DataFrame, rules: RuleSet) -> pd.DataFrame:
    """The suspected shifts among scored changes, as find_level_shifts gives them."""
    found = steps[_is_far(steps, rules)]
    judged = found.assign(kind=[_judge_kind(row, rules) for row in found.to_dict("records")])
    kept = judged[~_undoes_a_shock(judged, int(rules.threshold("years_after")))]
    return kept[list(SHIFT_COLUMNS)].reset_index(drop=True)


def score_changes(observations: pd.DataFrame, rules: RuleSet) -> pd.DataFrame:
    """Every change of the series that can be judged, with its distance from the series' usual change.

    Adds to SHIFT_COLUMNS (without ``kind``) the excess in log points, and ``later``: what is left of it in
    the median of the years after (NaN where too few figures follow).
    """
    steps = _keep_long(
        _pair_neighbours(_list_histories(observations), int(rules.threshold("max_gap"))), rules
    )
    by_series, is_usual = steps["series"], ~steps["is_declared"]
    steps["usual"] = steps["per_year"].where(is_usual).groupby(by_series).transform("median")
    steps["excess"] = steps["log_change"] - steps["usual"] * steps["gap"]
    scaled = steps["excess"] / np.sqrt(steps["gap"])
    spread = scaled.abs().where(is_usual).groupby(by_series).transform("median") * _NORMAL
    steps["score"] = scaled.abs() / spread.clip(lower=rules.threshold("min_spread"))
    steps["expected"] = steps["previous_value"] * np.exp(steps["usual"] * steps["gap"])
    steps["change"] = 100 * np.expm1(steps["excess"])
    steps["later"], steps["n_later"] = _what_stays(steps, int(rules.threshold("years_after")))
    return steps


def _list_histories(observations: pd.DataFrame) -> pd.DataFrame:
    """Annual figures above zero, ordered by series and year, with a number per series."""
    kinds = codelist("indicators").set_index("indicator")["kind"]
    chosen = observations[
        (observations["freq"] == "A")
        & (observations["obs_value"] > 0)
        & (observations["basis"] != "projection")
        & (observations["indicator"].map(kinds) != "growth")
        & ~observations["indicator"].isin(SIGNED)
    ]
    chosen = chosen.rename(columns={"obs_value": "value", "is_break": "is_declared"})
    series = chosen.groupby(list(SERIES), sort=True, dropna=False).ngroup()
    listed = chosen.assign(
        series=series,
        year=chosen["time_period"].astype(int),
        log=np.log(chosen["value"].to_numpy(dtype=float)),
        is_declared=chosen["is_declared"].astype(bool),
    )
    listed["newest"] = listed.groupby("ref_area")["year"].transform("max")
    return listed.sort_values(["series", "year"], kind="stable", ignore_index=True)


def _pair_neighbours(history: pd.DataFrame, max_gap: int) -> pd.DataFrame:
    """Each figure beside the one before it in its series, and beside the two or three that follow."""
    before = history.groupby("series")[["year", "log", "value", "time_period", "observation_id"]].shift()
    paired = history.assign(
        gap=history["year"] - before["year"],
        log_change=history["log"] - before["log"],
        previous_value=before["value"],
        previous_period=before["time_period"],
        previous_id=before["observation_id"],
    )
    paired["per_year"] = paired["log_change"] / paired["gap"]
    return paired[paired["gap"] <= max_gap].copy()


def _keep_long(steps: pd.DataFrame, rules: RuleSet) -> pd.DataFrame:
    """Changes of series with enough other changes that are no declared breaks; their number is ``n_changes``."""
    is_usual = (~steps["is_declared"]).astype(int)
    others = is_usual.groupby(steps["series"]).transform("sum") - is_usual
    return steps.assign(n_changes=others)[others >= rules.threshold("min_changes")].copy()


def _what_stays(steps: pd.DataFrame, years_after: int) -> tuple[pd.Series[Any], pd.Series[Any]]:
    """Median excess over the level before the change in the years after it, and how many figures that rests on.

    Excesses add up along the series: what stays after h years is the change's own and the h that follow.
    """
    by_series = steps.groupby("series")
    total, paths = steps["excess"].copy(), []
    for step in range(1, years_after + 1):
        following = by_series[["excess", "year", "is_declared"]].shift(-step)
        is_near = (following["year"] - steps["year"] <= years_after) & ~following["is_declared"].eq(True)
        total = total + following["excess"].where(is_near)
        paths.append(total)
    stacked = pd.concat(paths, axis=1)
    return stacked.median(axis=1), stacked.notna().sum(axis=1)


def _is_far(steps: pd.DataFrame, rules: RuleSet) -> pd.Series[Any]:
    """Which changes pass the score and both guards."""
    least = {
        name.removeprefix("min_absolute_"): rule.value
        for name, rule in rules.thresholds.items()
        if name.startswith("min_absolute_")
    }
    distance = (steps["value"] - steps["expected"]).abs()
    relative = np.expm1(steps["excess"].abs()) * 100
    is_large = (relative >= rules.threshold("min_relative")) & (
        distance >= steps["unit_measure"].map(least).fillna(0.0)
    )
    far: pd.Series[Any] = (steps["score"] > rules.threshold("max_score")) & is_large
    return far


def _judge_kind(change: Mapping[Any, Any], rules: RuleSet) -> str:
    """Whether a change stayed, went back, is too recent to tell, or lies where the series ends or has a gap."""
    if change["n_later"] < rules.threshold("min_years_after"):
        is_recent = change["year"] > change["newest"] - rules.threshold("years_after")
        return "undecided" if is_recent else "few_after"
    return "level_shift" if change["later"] / change["excess"] >= rules.threshold("stays") else "shock"


def _undoes_a_shock(found: pd.DataFrame, years_after: int) -> pd.Series[Any]:
    """Changes that are the return from a shock found a few years before: the way back is no second suspicion."""
    shocks = found.loc[found["kind"] == "shock", ["series", "year", "excess"]]
    pairs = (
        found[["series", "year", "excess"]].reset_index().merge(shocks, on="series", suffixes=("", "_shock"))
    )
    is_return = (
        (pairs["year"] > pairs["year_shock"])
        & (pairs["year"] <= pairs["year_shock"] + years_after)
        & (pairs["excess"] * pairs["excess_shock"] < 0)
    )
    return pd.Series(found.index.isin(pairs.loc[is_return, "index"]), index=found.index)


def name_world_shock(period: str, rules: RuleSet) -> bool:
    """Whether the year is one in which many countries' series moved for one real reason."""
    shocks = [rule.value for name, rule in rules.thresholds.items() if name.startswith("world_shock_")]
    return int(period[:4]) in shocks
