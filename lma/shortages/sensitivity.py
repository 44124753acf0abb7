"""Sensitivity of ratings: would the rating be another with one indicator less, other weights or other thresholds?"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

from lma.contracts import RuleSet, rule_set
from lma.shortages import CLASSIFIERS
from lma.shortages.rating import (
    SCALE,
    UNIT_KEY,
    collect_gaps,
    combine_ratings,
    count_votes,
    has_vote,
    rate_gap,
)
from lma.shortages.scorecard import Classifier

COLUMNS = [*UNIT_KEY, "method", "variant", "score", "rating", "configured_rating", "is_same"]
Rater = Callable[[pd.DataFrame, RuleSet], pd.DataFrame]


def score_points(points: Sequence[float], weights: Sequence[float]) -> float:
    """Weighted mean of points, rounded as the rule sets round; NaN where no weight is above zero."""
    given = np.asarray(weights, dtype=float)
    if not given.sum() > 0:
        return float("nan")
    return round(float(np.average(np.asarray(points, dtype=float), weights=given)), 6)


def list_weightings(weights: dict[str, float], heavy: float) -> Iterator[tuple[str, dict[str, float]]]:
    """Variants of the weights of one unit's indicators: equal ones, each indicator left out, each made heavy."""
    if len(set(weights.values())) > 1:
        yield "equal weights", dict.fromkeys(weights, 1.0)
    for name in weights:
        yield f"without {name}", {n: w for n, w in weights.items() if n != name}
    for name in weights if len(weights) > 1 else ():
        yield f"{heavy:g} x {name}", {n: w * heavy if n == name else w for n, w in weights.items()}


def _rate_weighting(
    points: dict[str, float], weights: dict[str, float], rules: RuleSet, classify: Classifier
) -> tuple[float, str]:
    """Score and rating under some weights; N where too few indicators are left."""
    if len(weights) < rules.threshold("minimum_indicators"):
        return float("nan"), "N"
    score = score_points([points[n] for n in weights], list(weights.values()))
    return score, classify(score, rules)[0]


def vary_weights(rated: pd.DataFrame, rules: RuleSet, heavy: float) -> pd.DataFrame:
    """Every variant of the weights for every unit that was rated (COLUMNS). ``rated``: rows of marts.shortages.

    Points stay what they were, because those of one indicator do not depend on another. A rule set whose score is no
    weighted mean of points has no such variants.
    """
    mine = rated[rated["method"] == rules.rule_set]
    given = {i.id: i.weight for i in rules.indicators if i.weight > 0}
    scores = (
        mine[(mine["indicator"] == "_SCORE") & (mine["rating"] != "N")]
        .set_index(UNIT_KEY)["rating"]
        .to_dict()
    )
    rows: list[dict[str, Any]] = []
    if rules.rule_set in CLASSIFIERS:
        counted = mine[mine["points"].notna() & mine["indicator"].isin(given)]
        for unit, marks in counted.groupby(UNIT_KEY, sort=True):
            if unit not in scores:
                continue
            points = {str(n): float(p) for n, p in zip(marks["indicator"], marks["points"], strict=True)}
            configured, classify = {n: given[n] for n in points}, CLASSIFIERS[rules.rule_set]
            plain = _rate_weighting(points, configured, rules, classify)[1]
            for variant, weights in list_weightings(configured, heavy):
                score, rating = _rate_weighting(points, weights, rules, classify)
                # Where a rule set rates milder than its score says, for a reason beside the score, so does a variant.
                is_capped = rating != "N" and SCALE[scores[unit]] < min(SCALE[plain], SCALE[rating])
                told = {"variant": variant, "score": score, "rating": scores[unit] if is_capped else rating}
                rows.append(
                    {**dict(zip(UNIT_KEY, unit, strict=True)), **told, "configured_rating": scores[unit]}
                )
    return _finish(rows, rules.rule_set)


def _finish(rows: list[dict[str, Any]], method: str) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=[c for c in COLUMNS if c not in ("method", "is_same")])
    same = frame["rating"] == frame["configured_rating"]
    return frame.assign(method=method, is_same=same)[COLUMNS]


def move_threshold(rules: RuleSet, name: str, value: float) -> RuleSet | None:
    """The rule set with one threshold at another value, kept within its allowed range; None where that changes nothing."""
    threshold = rules.thresholds[name]
    low = -np.inf if threshold.minimum is None else threshold.minimum
    high = np.inf if threshold.maximum is None else threshold.maximum
    kept = float(min(max(value, low), high))
    if kept == threshold.value:
        return None
    changed = {**rules.thresholds, name: threshold.model_copy(update={"value": kept})}
    return rules.model_copy(update={"thresholds": changed})


def vary_thresholds(
    indicators: pd.DataFrame, rules: RuleSet, rate: Rater, percent: float = 10
) -> pd.DataFrame:
    """Every unit rated again with each threshold so many per cent lower and higher (COLUMNS); least and most counts are left."""
    rated = rate(indicators, rules)
    base = rated[rated["indicator"] == "_SCORE"].set_index(UNIT_KEY)["rating"]
    rows: list[dict[str, Any]] = []
    for name, threshold in rules.thresholds.items():
        for sign in (-1, 1) if not name.startswith(("minimum_", "maximum_")) else ():
            moved = move_threshold(rules, name, threshold.value * (1 + sign * percent / 100))
            if moved is None:
                continue
            again = rate(indicators, moved)
            scores = again[
                (again["indicator"] == "_SCORE") & again.set_index(UNIT_KEY).index.isin(base.index)
            ]
            told = f"{name} {moved.threshold(name):g} instead of {threshold.value:g}"
            found = scores.assign(variant=told, score=scores["value"])
            configured = base.reindex(pd.MultiIndex.from_frame(found[UNIT_KEY])).to_numpy(dtype=object)
            found = found.assign(configured_rating=configured)
            columns = [*UNIT_KEY, "variant", "score", "rating", "configured_rating"]
            rows += [dict(zip(columns, row, strict=True)) for row in found[columns].itertuples(index=False)]
    return _finish(rows, rules.rule_set)


def list_rule_variants(rules: RuleSet) -> Iterator[tuple[str, RuleSet]]:
    """Variants of the set ``rating``: each threshold on the gap ahead moved down and up."""
    percent, step = rules.threshold("percent_change") / 100, rules.threshold("probability_change")
    for name in ("severe_percent", "shortage_percent", "surplus_percent"):
        for factor in (1 - percent, 1 + percent):
            yield from _name_variant(rules, name, rules.threshold(name) * factor)
    for name in ("shortage_probability", "watch_probability", "surplus_probability"):
        for change in (-step, step):
            yield from _name_variant(rules, name, round(rules.threshold(name) + change, 6))


def _name_variant(rules: RuleSet, name: str, value: float) -> Iterator[tuple[str, RuleSet]]:
    moved = move_threshold(rules, name, value)
    if moved is not None:
        yield f"{name} {moved.threshold(name):g} instead of {rules.threshold(name):g}", moved


def _rate_final(votes: Sequence[str], gap: pd.Series | None, rules: RuleSet) -> str:
    current, ahead = count_votes(votes), "N"
    if gap is not None and pd.notna(gap["middle"]) and pd.notna(gap["probability"]):
        numbers = (gap["low"], gap["middle"], gap["probability"])
        ahead = rate_gap(*numbers, rules, watched=current == "WATCH")
    return combine_ratings(current, ahead)[0]


def vary_final(shortages: pd.DataFrame, balances: pd.DataFrame, rules: RuleSet) -> pd.DataFrame:
    """Variants of the triangulated rating of every unit that has one (COLUMNS), the score being the gap in per cent.

    Each rule set that voted left out; the present or the gap ahead alone, where there are both; each threshold on the
    gap ahead moved. ``shortages``: rows of the rule sets; ``balances``: of one scenario; ``rules``: set ``rating``.
    """
    gaps, variants = collect_gaps(balances), list(list_rule_variants(rules))
    scores = shortages[(shortages["indicator"] == "_SCORE") & (shortages["method"] != "rating")]
    scores = scores[scores["method"].map(has_vote).astype(bool)].set_index(UNIT_KEY).sort_index()
    rows: list[dict[str, Any]] = []
    for unit in sorted({*gaps.index, *scores.index}):
        mine = scores.loc[[unit]] if unit in scores.index else scores.iloc[:0]
        votes = dict(zip(mine["method"].astype(str), mine["rating"].astype(str), strict=True))
        gap = gaps.loc[unit] if unit in gaps.index else None
        base = _rate_final(list(votes.values()), gap, rules)
        told = {**dict(zip(UNIT_KEY, unit, strict=True)), "configured_rating": base}
        told["score"] = np.nan if gap is None else gap["middle"]
        if base != "N":
            rows += [
                {**told, "variant": v, "rating": r} for v, r in _list_finals(votes, gap, rules, variants)
            ]
    return _finish(rows, rules.rule_set)


def _list_finals(
    votes: dict[str, str], gap: pd.Series | None, rules: RuleSet, variants: Sequence[tuple[str, RuleSet]]
) -> Iterator[tuple[str, str]]:
    known = {method: rating for method, rating in votes.items() if rating != "N"}
    has_gap = gap is not None and pd.notna(gap["middle"]) and pd.notna(gap["probability"])
    for method in known:
        yield f"without {method}", _rate_final([r for m, r in known.items() if m != method], gap, rules)
    if known and has_gap:
        yield "present alone", _rate_final(list(known.values()), None, rules)
        yield "gap ahead alone", _rate_final([], gap, rules)
    for variant, moved in variants if has_gap else ():
        yield variant, _rate_final(list(known.values()), gap, moved)


def vary_country(shortages: pd.DataFrame, balances: pd.DataFrame, scenario: str = "baseline") -> pd.DataFrame:
    """All variants of one country (COLUMNS): weights within each rule set, then of the triangulated rating."""
    rules = rule_set("rating")
    methods = [m for m in CLASSIFIERS if m in set(shortages["method"])]
    parts = [vary_weights(shortages, rule_set(m), rules.threshold("heavy_weight")) for m in methods]
    parts.append(vary_final(shortages, balances[balances["scenario"] == scenario], rules))
    return pd.concat([part for part in parts if len(part)] or parts[:1], ignore_index=True)


def summarise(variants: pd.DataFrame) -> pd.DataFrame:
    """One row per unit and rule set: rating, variants tried, how many keep it, how many leave none, and in words those
    that change it.
    """
    rows = []
    for (area, activity, occupation, method), tried in variants.groupby([*UNIT_KEY, "method"], sort=True):
        other = tried[~tried["is_same"].astype(bool) & (tried["rating"] != "N")]
        changes = "; ".join(f"{v}: {r}" for v, r in zip(other["variant"], other["rating"], strict=True))
        rows.append({
            "ref_area": area, "economic_activity": activity, "occupation": occupation, "method": method,
            "rating": tried["configured_rating"].iloc[0], "n_variants": len(tried), "n_same": int(tried["is_same"].sum()),
            "n_not_rated": int((tried["rating"] == "N").sum()), "changes": changes,
        })  # fmt: skip
    names = ["rating", "n_variants", "n_same", "n_not_rated", "changes"]
    return pd.DataFrame(rows, columns=[*UNIT_KEY, "method", *names])
