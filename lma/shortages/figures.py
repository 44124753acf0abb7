"""What the rule sets that judge each unit by itself share: its figures in one row, its verdicts as rows of the mart."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any, NamedTuple

import pandas as pd

from lma.contracts import RuleSet, table_contract, weakest_basis
from lma.shortages.scorecard import is_economy, take_newest

UNIT_KEY = ["ref_area", "economic_activity", "occupation"]


class Verdict(NamedTuple):
    """What a rule set says of one unit under one name (`_SCORE` holds the rating)."""

    indicator: str
    value: float
    unit_measure: str
    threshold: float
    points: float
    rating: str | None
    reason: str | None
    step: str


def show_figures(indicators: pd.DataFrame, rules: RuleSet) -> pd.DataFrame:
    """One row per unit and indicator of the rule set, in its newest period; MISSING where there is no figure.

    The whole economy is left out: a unit is judged by its own figures.
    """
    units = indicators.loc[~is_economy(indicators), UNIT_KEY].drop_duplicates()
    wanted = pd.DataFrame({"indicator": [i.id for i in rules.indicators]})
    newest = [take_newest(rows) for _, rows in indicators.groupby(["ref_area", "indicator"], sort=True)]
    known = pd.concat(newest) if newest else indicators
    figures = units.merge(wanted, how="cross").merge(known, on=[*UNIT_KEY, "indicator"], how="left")
    lacks = figures["value"].isna()
    inputs: list[Any] = [
        [] if missing else list(i) for missing, i in zip(lacks, figures["inputs"], strict=True)
    ]
    return figures.assign(
        inputs=inputs,
        time_period=figures["time_period"].fillna("_Z"),
        unit_measure=figures["unit_measure"].fillna("_Z"),
        basis=figures["basis"].fillna("reported"),
        reason=lacks.map({True: "MISSING", False: None}),
        step=("no figure of " + figures["indicator"]).where(lacks, "as given"),
    )


def spread_values(figures: pd.DataFrame, rules: RuleSet) -> pd.DataFrame:
    """One row per unit, one column per indicator of the rule set; NaN where there is no figure."""
    wide = figures.pivot(index=UNIT_KEY, columns="indicator", values="value")
    return wide.reindex(columns=[i.id for i in rules.indicators]).astype(float)


def _verdict_rows(
    unit: Sequence[Hashable], mine: pd.DataFrame, verdicts: Sequence[Verdict], rules: RuleSet
) -> list[dict[str, object]]:
    """Verdicts of one unit as rows, with the ids of what they rest on."""
    known = mine[mine["value"].notna()]
    counted = {i.id for i in rules.indicators if i.weight > 0}
    prefix = f"S:{rules.rule_set}:{':'.join(map(str, unit))}"
    shared = {
        **dict(zip(UNIT_KEY, unit, strict=True)),
        "time_period": known["time_period"].max() if len(known) else "_Z",
        "n_indicators": int(known["indicator"].isin(counted).sum()),
        "basis": weakest_basis(known["basis"]),
        "inputs": [f"{prefix}:{name}" for name in mine["indicator"]],
    }
    return [{**verdict._asdict(), **shared} for verdict in verdicts]


def lay_out_rows(
    figures: pd.DataFrame, verdicts: Mapping[Hashable, Sequence[Verdict]], rules: RuleSet
) -> pd.DataFrame:
    """Rows of marts.shortages: the figures, then the verdicts of every unit. ``verdicts``: by unit key."""
    made = [
        row
        for unit, mine in figures.groupby(UNIT_KEY, sort=True)
        for row in _verdict_rows(unit, mine, verdicts[unit], rules)
    ]
    columns = table_contract("marts.shortages").column_names
    if not made:
        return pd.DataFrame(columns=columns)
    rows = pd.concat([figures, pd.DataFrame(made)])
    rows = rows.assign(method=rules.rule_set).reindex(columns=columns)
    keys = rows[["method", *UNIT_KEY, "indicator"]]
    names = [
        *(i.id for i in rules.indicators),
        *dict.fromkeys(v.indicator for vs in verdicts.values() for v in vs),
    ]
    order = rows["indicator"].map({name: k for k, name in enumerate(names)})
    laid = (
        rows.assign(shortage_id="S:" + keys.agg(":".join, axis=1), order=order)
        .sort_values([*UNIT_KEY, "order"], kind="stable")[columns]
        .astype({"value": float, "threshold": float, "points": float, "n_indicators": "Int64"})
    )
    texts = {
        c: laid[c].astype(object).where(laid[c].notna(), None) for c in ("rating", "reason", "time_period")
    }
    return laid.assign(**texts).reset_index(drop=True)
