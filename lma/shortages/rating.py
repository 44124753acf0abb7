"""Triangulation: the rule sets on the present, the balance on the years ahead, and both together."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from lma.contracts import RuleSet, table_contract, weakest_basis
from lma.shortages.cops import combine_conditions

MILDEST_FIRST = ("BALANCE", "NONE", "WATCH", "SURPLUS", "SHORTAGE", "SEVERE")


def rate_gap(low: float, middle: float, probability: float, rules: RuleSet, watched: bool = False) -> str:
    """Rating of the years ahead from the gap in per cent of base employment (q10, q50) and P(shortage).

    ``watched``: the present is in the watch band. reference/methods 4.5.
    """
    t = rules.threshold
    if low > 0 and middle >= t("severe_percent"):
        return "SEVERE"
    if middle >= t("shortage_percent") and probability >= t("shortage_probability"):
        return "SHORTAGE"
    if watched or t("watch_probability") <= probability < t("shortage_probability"):
        return "WATCH"
    return (
        "SURPLUS" if probability <= t("surplus_probability") and middle <= t("surplus_percent") else "BALANCE"
    )


def count_votes(ratings: Sequence[str]) -> str:
    """The rating most rule sets give, without N; when equal the milder one; N when none could rate."""
    votes = [rating for rating in ratings if rating != "N"]
    if not votes:
        return "N"
    return max(MILDEST_FIRST, key=lambda rating: (votes.count(rating), -MILDEST_FIRST.index(rating)))


def combine_ratings(current: str, ahead: str) -> tuple[str, str | None]:
    """Final rating, and the reason where it rests on one side only."""
    if current == "N" and ahead == "N":
        return "N", "NOT_ASSESSABLE: neither the present nor the gap ahead could be rated"
    if current == "N":
        return ahead, "FORECAST_ONLY: no rule set could rate the present"
    if ahead == "N":
        return current, "CURRENT_ONLY: there is no gap ahead"
    return combine_conditions(current, ahead), None


def _read_gap(balances: pd.DataFrame) -> pd.DataFrame:
    """One row per unit: gap_pc at q10 and q50, P(shortage), over the longest period, with ids."""
    period = balances.loc[balances["time_period"].str.contains("-", regex=False), "time_period"].max()
    rows = balances[balances["time_period"] == period]
    wanted = {("GAP_PC", "0.1"): "low", ("GAP_PC", "0.5"): "middle", ("GAP", "_Z"): "probability"}
    rows = rows[(rows["output_type"] != "mean")]
    rows = rows.assign(
        name=[wanted.get(key) for key in zip(rows["measure"], rows["output_type_id"], strict=True)]
    ).dropna(subset="name")
    keys = ["ref_area", "economic_activity", "occupation"]
    values = rows.pivot(index=keys, columns="name", values="value")
    ids = rows.groupby(keys)["balance_id"].agg(list)
    reasons = rows.groupby(keys)["reason"].first()
    gaps: pd.DataFrame = values.assign(ids=ids, reason=reasons, period=period)
    return gaps


def _rate_ahead(gap: pd.Series | None, current: str, rules: RuleSet) -> dict[str, object]:
    row: dict[str, object] = {
        "indicator": "FORECAST",
        "unit_measure": "PC",
        "threshold": rules.threshold("shortage_percent"),
        "basis": "projection",
    }
    if gap is None or pd.isna(gap["middle"]) or pd.isna(gap["probability"]):
        reason = "NO_BALANCE: no gap was computed" if gap is None else str(gap["reason"])
        return {
            **row,
            "rating": "N",
            "reason": reason,
            "inputs": [] if gap is None else gap["ids"],
            "step": "not rated: no gap",
        }
    rating = rate_gap(gap["low"], gap["middle"], gap["probability"], rules, watched=current == "WATCH")
    step = (
        f"gap {gap['middle']:.2f} per cent of base employment (q10 {gap['low']:.2f}), "
        f"probability of a shortage {gap['probability']:.2f}"
    )
    return {
        **row,
        "time_period": str(gap["period"])[-4:],
        "value": gap["middle"],
        "points": gap["probability"],
        "rating": rating,
        "inputs": gap["ids"],
        "step": step,
    }


def _rate_present(scores: pd.DataFrame) -> dict[str, object]:
    known = scores[scores["rating"] != "N"]
    votes = (
        ", ".join(f"{m} {r}" for m, r in zip(scores["method"], scores["rating"], strict=True))
        or "no rule set"
    )
    current = count_votes(scores["rating"].tolist())
    return {
        "indicator": "CURRENT",
        "unit_measure": "IX",
        "value": float((known["rating"] == "SHORTAGE").sum()),
        "rating": current,
        "n_indicators": len(known),
        "time_period": scores["time_period"].dropna().max() if len(scores) else None,
        "basis": weakest_basis(known["basis"]),
        "inputs": scores["shortage_id"].tolist(),
        "reason": "INSUFFICIENT_INDICATORS: no rule set could rate" if current == "N" else None,
        "step": f"votes: {votes}; most frequent rating, the milder when equal",
    }


def triangulate(
    shortages: pd.DataFrame, balances: pd.DataFrame, rules: RuleSet, scenario: str = "baseline"
) -> pd.DataFrame:
    """Rows of marts.shortages with method ``rating``: CURRENT, FORECAST and `_SCORE` of every unit.

    ``shortages``: rows of the rule sets; ``balances``: rows of marts.balances; ``rules``: set ``rating``.
    """
    columns = table_contract("marts.shortages").column_names
    gaps = _read_gap(balances[balances["scenario"] == scenario])
    scores = (
        shortages[shortages["indicator"] == "_SCORE"]
        .set_index(["ref_area", "economic_activity", "occupation"])
        .sort_index()
    )
    rows: list[dict[str, object]] = []
    for key in sorted({*gaps.index, *scores.index}):
        mine = scores.loc[[key]] if key in scores.index else scores.iloc[:0]
        present = _rate_present(mine)
        ahead = _rate_ahead(gaps.loc[key] if key in gaps.index else None, str(present["rating"]), rules)
        final, reason = combine_ratings(str(present["rating"]), str(ahead["rating"]))
        ids = [f"S:rating:{':'.join(key)}:{name}" for name in ("CURRENT", "FORECAST")]
        total = {
            **ahead,
            "indicator": "_SCORE",
            "rating": final,
            "reason": reason,
            "n_indicators": present["n_indicators"],
            "inputs": ids,
            "step": f"present {present['rating']}, ahead {ahead['rating']}, combined by the matrix of COPS",
        }
        shared = dict(zip(("ref_area", "economic_activity", "occupation"), key, strict=True))
        rows += [
            {
                **row,
                **shared,
                "method": "rating",
                "shortage_id": f"S:rating:{':'.join(key)}:{row['indicator']}",
            }
            for row in (present, ahead, total)
        ]
    table = pd.DataFrame(rows, columns=columns).astype(
        {"value": float, "threshold": float, "points": float, "n_indicators": "Int64"}
    )
    return table.assign(
        **{
            c: table[c].astype(object).where(table[c].notna(), None)
            for c in ("rating", "reason", "time_period")
        }
    )
