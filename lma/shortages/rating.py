"""Triangulation: the rule sets on the present, the balance on the years ahead, and both together."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from lma.contracts import RuleSet, rule_sets, table_contract, weakest_basis
from lma.shortages import CLASSIFIERS
from lma.shortages.cedefop import find_base_employment
from lma.shortages.cops import MATRIX_ROW, combine_conditions

UNIT_KEY = ["ref_area", "economic_activity", "occupation"]
#: Ratings on the scale of which the middle vote is taken.
SCALE = {"SURPLUS": -1, "NONE": 0, "BALANCE": 0, "WATCH": 1, "SHORTAGE": 2, "SEVERE": 3}
OF_SCALE = {-1: "SURPLUS", 0: "BALANCE", 1: "WATCH", 2: "SHORTAGE", 3: "SEVERE"}


def rate_gap(low: float, middle: float, probability: float, rules: RuleSet, watched: bool = False) -> str:
    """Rating of the years ahead from the gap in per cent of base employment (q10, q50) and P(shortage).

    ``watched``: the present is in the watch band. reference/methods 4.5, but a shortage that is likelier than the
    watch band and small stays WATCH: a larger gap is never rated lower.
    """
    t = rules.threshold
    if low > 0 and middle >= t("severe_percent"):
        return "SEVERE"
    if middle >= t("shortage_percent") and probability >= t("shortage_probability"):
        return "SHORTAGE"
    if watched or probability >= t("watch_probability"):
        return "WATCH"
    return (
        "SURPLUS" if probability <= t("surplus_probability") and middle <= t("surplus_percent") else "BALANCE"
    )


def count_votes(ratings: Sequence[str]) -> str:
    """The middle one of the ratings on the scale from SURPLUS to SEVERE, without N; N when none could rate.

    NONE counts as BALANCE. Between two middle ratings halfway, and where there is none halfway the one nearer to balance.
    """
    votes = [SCALE[rating] for rating in ratings if rating != "N"]
    return OF_SCALE[int(statistics.median(votes))] if votes else "N"


def has_vote(method: str) -> bool:
    """Whether a rule set votes on the present: those that look ahead do not, because the gap ahead is counted beside it."""
    return method not in rule_sets() or rule_sets()[method].looks == "now"


def combine_ratings(current: str, ahead: str) -> tuple[str, str | None]:
    """Final rating, and the reason where it rests on one side only."""
    if current == "N" and ahead == "N":
        return "N", "NOT_ASSESSABLE: neither the present nor the gap ahead could be rated"
    if current == "N":
        return ahead, "FORECAST_ONLY: no rule set could rate the present"
    if ahead == "N":
        return current, "CURRENT_ONLY: there is no gap ahead"
    return combine_conditions(current, ahead), None


def grade_confidence(
    votes: Sequence[str],
    current: str,
    ahead: str,
    probability: float | None,
    is_reported: bool,
    rules: RuleSet,
) -> tuple[str, dict[str, bool]]:
    """Grade A to D, and the five tests behind it: A where all hold, B three or four, C one or two, D none.

    ``votes``: ratings of the rule sets with a vote; ``is_reported``: none of those that rated rests on a modelled figure.
    """
    t, known = rules.threshold, [MATRIX_ROW[vote] for vote in votes if vote != "N"]
    agreed = known.count(MATRIX_ROW[current]) / len(known) if known else 0.0
    enough, decided = len(known) >= t("confidence_votes"), t("confidence_probability")
    tests = {
        "rule sets enough": enough,
        "rule sets agree": enough and agreed >= t("confidence_agreement"),
        "gap ahead clear": probability is not None and not 1 - decided < probability < decided,
        "present and ahead alike": "N" not in (current, ahead) and MATRIX_ROW[current] == MATRIX_ROW[ahead],
        "figures reported": bool(known) and is_reported,
    }
    held = sum(tests.values())
    grade = next((g for g in "ABC" if held >= t(f"confidence_{g.lower()}")), "D")
    return grade, tests


def collect_gaps(balances: pd.DataFrame) -> pd.DataFrame:
    """One row per unit: gap_pc at q10 and q50, P(shortage), over the longest period, with ids."""
    period = balances.loc[balances["time_period"].str.contains("-", regex=False), "time_period"].max()
    rows = balances[balances["time_period"] == period]
    wanted = {("GAP_PC", "0.1"): "low", ("GAP_PC", "0.5"): "middle", ("GAP", "_Z"): "probability"}
    rows = rows[(rows["output_type"] != "mean")]
    rows = rows.assign(
        name=[wanted.get(key) for key in zip(rows["measure"], rows["output_type_id"], strict=True)]
    ).dropna(subset="name")
    values = rows.pivot(index=UNIT_KEY, columns="name", values="value")
    ids = rows.groupby(UNIT_KEY)["balance_id"].agg(list)
    reasons = rows.groupby(UNIT_KEY)["reason"].first()
    gaps: pd.DataFrame = values.assign(ids=ids, reason=reasons, period=period)
    return gaps


def _rate_ahead(gap: pd.Series | None, current: str, rules: RuleSet) -> dict[str, Any]:
    row: dict[str, Any] = {
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


def _rate_present(scores: pd.DataFrame) -> dict[str, Any]:
    voting = scores[scores["method"].map(has_vote).astype(bool)]
    known = voting[voting["rating"] != "N"]
    votes = (
        ", ".join(f"{m} {r}" for m, r in zip(voting["method"], voting["rating"], strict=True))
        or "no rule set"
    )
    current = count_votes(voting["rating"].tolist())
    return {
        "indicator": "CURRENT",
        "unit_measure": "IX",
        "value": float((known["rating"] == "SHORTAGE").sum()),
        "rating": current,
        "n_indicators": len(known),
        "time_period": known["time_period"].dropna().max() if len(known) else None,
        "basis": weakest_basis(known["basis"]),
        "inputs": voting["shortage_id"].tolist(),
        "reason": "INSUFFICIENT_INDICATORS: no rule set could rate" if current == "N" else None,
        "step": f"votes: {votes}; the middle one of those that could rate",
    }


def _state_confidence(
    scores: pd.DataFrame, present: dict[str, Any], ahead: dict[str, Any], rules: RuleSet
) -> dict[str, Any]:
    votes = scores.loc[scores["method"].map(has_vote).astype(bool), "rating"].tolist()
    is_reported = present["basis"] == "reported"
    asked = (present["rating"], ahead["rating"], ahead.get("points"), is_reported)
    grade, tests = grade_confidence(votes, *asked, rules)
    told = ", ".join(f"{name} {'yes' if held else 'no'}" for name, held in tests.items())
    return {
        "indicator": "CONFIDENCE",
        "unit_measure": "NR",
        "value": float(sum(tests.values())),
        "n_indicators": present["n_indicators"],
        "basis": ahead["basis"] if ahead["rating"] != "N" else present["basis"],
        "step": f"{grade}: {sum(tests.values())} of {len(tests)} ({told})",
    }


def list_drivers(marks: pd.DataFrame) -> dict[str, list[str]]:
    """Indicators of one unit that push to a shortage (``up``) or away from one (``down``), each with its rule sets.

    An indicator pushes up in a rule set that would rate its points alone a shortage, and down where it would rate them
    neither shortage nor watched. Only rule sets with a vote that rated the unit, and indicators with a weight.
    """
    found: dict[str, dict[str, list[str]]] = {"up": {}, "down": {}}
    rated = set(marks.loc[(marks["indicator"] == "_SCORE") & (marks["rating"] != "N"), "method"])
    for record in marks[marks["points"].notna() & marks["method"].isin(rated)].to_dict("records"):
        method, name = str(record["method"]), str(record["indicator"])
        if method not in CLASSIFIERS or not has_vote(method):
            continue
        rules = rule_sets()[method]
        if not any(i.id == name and i.weight > 0 for i in rules.indicators):
            continue
        alone = CLASSIFIERS[method](float(record["points"]), rules)[0]
        if alone != "WATCH":
            side = "up" if SCALE[alone] > 0 else "down"
            found[side].setdefault(name, []).append(method)
    return {
        side: [f"{name} ({', '.join(methods)})" for name, methods in names.items()]
        for side, names in found.items()
    }


def _state_drivers(marks: pd.DataFrame, ahead: str, present: dict[str, Any], basis: str) -> dict[str, Any]:
    drivers = list_drivers(marks)
    words = [f"{side}: {', '.join(names)}" for side, names in drivers.items() if names]
    return {
        "indicator": "DRIVERS",
        "unit_measure": "NR",
        "value": float(len(drivers["up"])),
        "n_indicators": present["n_indicators"],
        "basis": basis,
        "step": "; ".join([*words, ahead] if ahead else words) or "none known",
    }


#: What the gap ahead is made of, in the order told. Those that depend on foreign workers stand on both sides.
TERMS = {
    "EXPANSION": "growth",
    "REPLACEMENT": "replacement",
    "UNFILLED_VACANCIES": "unfilled vacancies",
    "CONTRACT_EXPIRY": "ending contracts of foreign workers",
    "OPENINGS": "openings in all",
    "RECRUITED": "recruited abroad as today",
    "SEEKERS": "seekers in all",
}
#: Terms that most activities do not have are told only where they are not zero.
SOMETIMES = ("UNFILLED_VACANCIES", "CONTRACT_EXPIRY", "RECRUITED")


def describe_gaps(balances: pd.DataFrame) -> dict[tuple[str, str, str], str]:
    """Unit -> what the gap ahead is made of, medians in per cent of base employment, over the longest period."""
    base = find_base_employment(balances)
    period = balances.loc[balances["time_period"].str.contains("-", regex=False), "time_period"].max()
    rows = balances[(balances["time_period"] == period) & (balances["output_type_id"] == "0.5")]
    wide = rows[rows["measure"].isin(list(TERMS))].pivot(index=UNIT_KEY, columns="measure", values="value")
    shares = 100 * wide.div(base.reindex(wide.index), axis=0)
    found = {}
    for unit, values in shares.iterrows():
        known = {t: values[t] for t in TERMS if t in values and pd.notna(values[t])}
        told = [f"{TERMS[t]} {v:.1f}" for t, v in known.items() if t not in SOMETIMES or round(v, 1) != 0]
        if told:
            found[unit] = f"ahead, per cent of base employment: {', '.join(told)}"
    return found


def _rate_unit(
    key: tuple[str, ...], marks: pd.DataFrame, gap: pd.Series | None, made_of: str, rules: RuleSet
) -> list[dict[str, Any]]:
    """The rows of one unit: CURRENT, FORECAST, DRIVERS, CONFIDENCE and `_SCORE`."""
    scores = marks[marks["indicator"] == "_SCORE"]
    present = _rate_present(scores)
    ahead = _rate_ahead(gap, str(present["rating"]), rules)
    final, reason = combine_ratings(str(present["rating"]), str(ahead["rating"]))
    sides: Mapping[str, Any] = {"inputs": [f"S:rating:{':'.join(key)}:{n}" for n in ("CURRENT", "FORECAST")]}
    confidence = _state_confidence(scores, present, ahead, rules)
    drivers = _state_drivers(marks, made_of, present, confidence["basis"])
    total = {
        **ahead,
        "indicator": "_SCORE",
        "rating": final,
        "reason": reason,
        "n_indicators": present["n_indicators"],
        "step": f"present {present['rating']}, ahead {ahead['rating']}, combined by the matrix of COPS",
        **sides,
    }
    shared = {**dict(zip(UNIT_KEY, key, strict=True)), "method": "rating"}
    rows = (present, ahead, {**drivers, **sides}, {**confidence, **sides}, total)
    return [{**row, **shared, "shortage_id": f"S:rating:{':'.join(key)}:{row['indicator']}"} for row in rows]


def triangulate(
    shortages: pd.DataFrame, balances: pd.DataFrame, rules: RuleSet, scenario: str = "baseline"
) -> pd.DataFrame:
    """Rows of marts.shortages with method ``rating``: CURRENT, FORECAST, DRIVERS, CONFIDENCE and `_SCORE` of every unit.

    ``shortages``: rows of the rule sets; ``balances``: rows of marts.balances; ``rules``: set ``rating``.
    """
    columns = table_contract("marts.shortages").column_names
    mine = balances[balances["scenario"] == scenario]
    gaps, made_of = collect_gaps(mine), describe_gaps(mine)
    marks = shortages.set_index(UNIT_KEY, drop=False).sort_index()
    units = marks.index[marks["indicator"] == "_SCORE"]
    rows = [
        row
        for key in sorted({*gaps.index, *units})
        for row in _rate_unit(
            key,
            marks.loc[[key]] if key in units else marks.iloc[:0],
            gaps.loc[key] if key in gaps.index else None,
            made_of.get(key, ""),
            rules,
        )
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
