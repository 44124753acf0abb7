"""The nine tests D0 to D8 and the recommendation, on plain records, so that each can be checked by hand.

A test without data is NOT_ASSESSED and never counts as passed. Thresholds: rules/decision.yaml.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pandas as pd

from lma.contracts import RuleSet, weakest_basis
from lma.migration.alternatives import Alternative, total_alternatives
from lma.migration.dependency import Dependency, compute_headroom
from lma.migration.evidence import Figure, describe, join_ids, year_of
from lma.migration.gaps import Gap, Need, find_opening_year
from lma.migration.safeguards import DO_NOT_RECRUIT, SHORT, area_names


@dataclass(frozen=True)
class Outcome:
    """One step of the decision. ``outcome`` is PASS, FAIL, NOT_ASSESSED, or FLAG for the recommendation."""

    step_id: str
    test: str
    outcome: str
    text: str
    unit_measure: str
    value: float | None = None
    threshold: float | None = None
    value_low: float | None = None
    value_high: float | None = None
    reason_code: str | None = None
    basis: str = "reported"
    ids: tuple[str, ...] = ()


@dataclass(frozen=True)
class CurrentData:
    """How many indicators of an activity are current, and how old the newest is."""

    indicators: tuple[str, ...]
    sub_indices: int
    newest_year: int | None
    coverage: str
    basis: str
    ids: tuple[str, ...]


@dataclass(frozen=True)
class Rating:
    """Final rating of an activity."""

    rating: str
    basis: str
    ids: tuple[str, ...]


Concentration = tuple[float, str, tuple[str, ...], str]
CODES = {
    "D0": "INSUFFICIENT_DATA",
    "D1": "NO_SHORTAGE",
    "D2": "CYCLICAL_MONITOR",
    "D3": "IMPROVE_PAY_CONDITIONS",
    "D4": "ACTIVATE_TRAIN",
    "D5": "AUTOMATE_OR_REORGANISE",
    "D6": "TRAIN_AHEAD",
    "D7": "DEPENDENCY_LIMIT",
    "D8": "ORIGIN_RISK",
}


def _settle(outcome: Outcome, passed: bool) -> Outcome:
    """The outcome as passed or failed; a failed step raises its flag."""
    code = None if passed else CODES[outcome.step_id]
    return replace(outcome, outcome="PASS" if passed else "FAIL", reason_code=code)


def _leave_open(outcome: Outcome, why: str) -> Outcome:
    """The outcome without a verdict, because data are missing."""
    return replace(outcome, outcome="NOT_ASSESSED", text=f"Not assessed: {why}. {outcome.text}".rstrip())


def check_data(data: CurrentData, as_of_year: int, rules: RuleSet) -> Outcome:
    """D0: enough current indicators, or enough current sub-indices of the OECD-style index."""
    need, sub_need = rules.threshold("min_indicators"), rules.threshold("min_sub_indices")
    max_age = rules.threshold("max_age")
    newest = "none" if data.newest_year is None else str(data.newest_year)
    text = (
        f"{len(data.indicators)} current indicators ({', '.join(data.indicators) or 'none'}), at least "
        f"{need:g} needed, or {data.sub_indices} current sub-indices of at least {sub_need:g}; newest year "
        f"{newest}, current means no projection and no older than {max_age:g} years in {as_of_year}; {data.coverage}."
    )
    enough = len(data.indicators) >= need
    by_index = not enough and data.sub_indices >= sub_need
    value, threshold = (data.sub_indices, sub_need) if by_index else (len(data.indicators), need)
    name = "Enough current indicators to judge"
    base = Outcome("D0", name, "", text, "NR", float(value), threshold, basis=data.basis, ids=data.ids)
    return _settle(base, enough or by_index)


def check_shortage(rating: Rating | None) -> Outcome:
    """D1: rated short, now or ahead."""
    base = Outcome("D1", "Rated SHORTAGE or SEVERE, now or ahead", "", "", "NR")
    if rating is None or rating.rating == "N":
        ids = () if rating is None else rating.ids
        return _leave_open(replace(base, ids=ids), "there is no rating of this activity")
    text = f"Rating {rating.rating} of the triangulated rule sets; SHORTAGE or SEVERE needed."
    return _settle(
        replace(base, text=text, basis=rating.basis, ids=rating.ids),
        rating.rating in SHORT,
    )


def check_persistence(gap: Gap | None, rules: RuleSet) -> Outcome:
    """D2: even the lower end of the gap is above zero at a horizon of at least the configured years."""
    years = rules.threshold("persistence_years")
    base = Outcome(
        "D2", f"Lower end of the gap above zero at {years:g} years or more", "", "", "PS", threshold=0.0
    )
    if gap is None or gap.years < years:
        reach = "no gap" if gap is None else f"a gap over {gap.years} years only"
        ids = () if gap is None else gap.ids
        basis = "reported" if gap is None else "projection"
        return _leave_open(replace(base, ids=ids, basis=basis), f"the balance has {reach}")
    text = (
        f"{gap.text}; q10 must be above 0. Earlier assessments are unknown here, two in a row are not tested."
    )
    filled = replace(
        base,
        text=text,
        value=gap.q10,
        value_low=gap.q10,
        value_high=gap.q90,
        basis="projection",
        ids=gap.ids,
    )
    return _settle(filled, gap.q10 > 0)


def check_decent_work(
    relative: Figure | None, growth: Figure | None, inflation: Figure | None, rules: RuleSet
) -> Outcome:
    """D3: pay at the configured share of the national mean or above, and real pay not falling.

    A ratio below the threshold fails at once; passing needs both figures.
    """
    floor, least = rules.threshold("min_wage_ratio"), rules.threshold("min_real_wage_growth")
    real = None
    if growth is not None and inflation is not None:
        real = ((1 + growth.value / 100) / (1 + inflation.value / 100) - 1) * 100
    shown = "unknown" if real is None else f"{real:.1f} %"
    text = (
        f"{describe('Mean earnings over the national mean', relative, 1, '%')}, at least {floor:g} % needed; "
        f"{describe('nominal growth', growth, 1, '%')}, {describe('inflation', inflation, 1, '%')}, "
        f"real growth {shown}, at least {least:g} % needed. Means stand for medians, which are not published."
    )
    figures = [figure for figure in (relative, growth, inflation) if figure is not None]
    base = Outcome(
        "D3",
        "Pay is decent and not falling in real terms",
        "",
        text,
        "PC",
        None if relative is None else relative.value,
        floor,
        basis=weakest_basis(figure.basis for figure in figures),
        ids=join_ids(figures),
    )
    if (relative is not None and relative.value < floor) or (real is not None and real < least):
        return _settle(base, passed=False)
    if relative is None or real is None:
        return _leave_open(base, "earnings or inflation of the same year are missing")
    return _settle(base, passed=True)


def check_domestic_capacity(alternatives: Sequence[Alternative], gap: Gap | None) -> Outcome:
    """D4: what can be found at home, D, is smaller than the middle of the gap."""
    total = total_alternatives(alternatives)
    listed = " ".join(f"({number}) {one.text}." for number, one in enumerate(alternatives, start=1))
    ids = tuple(dict.fromkeys(one for alternative in alternatives for one in alternative.ids))
    bases = [one.basis for one in alternatives if one.is_assessed]
    base = Outcome("D4", "Domestic capacity D is smaller than the gap (q50)", "", listed, "PS", ids=ids)
    if total is None:
        return _leave_open(replace(base, basis=weakest_basis(bases)), "no domestic alternative has figures")
    value, low, high = total
    base = replace(
        base, value=value, value_low=low, value_high=high, basis=weakest_basis([*bases, "projection"])
    )
    if gap is None:
        return _leave_open(replace(base, basis=weakest_basis(bases)), "the balance has no gap")
    close = low < gap.q50 <= high
    text = (
        f"D = {value:,.0f} persons (range {low:,.0f} to {high:,.0f}) against {gap.text}. "
        f"{'The range of D spans the gap, so the assumptions decide. ' if close else ''}"
        f"NEET and women outside the labour force may overlap with each other and with the unemployed, which "
        f"errs towards domestic capacity. {listed}"
    )
    return _settle(replace(base, text=text, threshold=gap.q50, ids=gap.ids + ids), value < gap.q50)


def check_technology(exposure: Figure | None, rules: RuleSet) -> Outcome:
    """D5: automation exposure below the high band. Without an exposure figure it stays open, never passed."""
    band = rules.threshold("automation_high_band")
    text = f"{describe('Exposure to automation', exposure, 1, '%')}, high from {band:g} %."
    base = Outcome("D5", "Exposure to automation below the high band", "", text, "PC", threshold=band)
    if exposure is None:
        return _leave_open(base, "exposure to automation is not among the indicators")
    filled = replace(base, value=exposure.value, basis=exposure.basis, ids=exposure.ids)
    return _settle(filled, exposure.value < band)


def check_time(gaps: Sequence[Gap], economic_activity: str, as_of_year: int, rules: RuleSet) -> Outcome:
    """D6: training takes longer than the time left until the gap opens."""
    own = f"training_years_{economic_activity}"
    needed = rules.threshold(own if own in rules.thresholds else "training_years")
    opening = find_opening_year(list(gaps))
    base = Outcome("D6", "Training takes longer than the time left", "", "", "YR", needed)
    if opening is None:
        text = f"Years of training {needed:g} (assumption of rules/decision.yaml)."
        basis = "projection" if gaps else "reported"
        return _leave_open(replace(base, text=text, basis=basis), "no gap opens within the horizon")
    left = max(0, opening - as_of_year)
    text = (
        f"Years of training {needed:g} (assumption of rules/decision.yaml); the gap opens in {opening}, years "
        f"after {as_of_year}: {left}. Temporary migration may bridge the time while training runs."
    )
    ids = next(gap.ids for gap in gaps if gap.q50 > 0)
    filled = replace(base, text=text, threshold=float(left), basis="projection", ids=ids)
    return _settle(filled, needed > left)


def check_dependency(
    dependency: Dependency | None,
    need: Need | None,
    ceiling: float,
    concentration: Concentration | None,
    as_of_year: int,
    rules: RuleSet,
) -> Outcome:
    """D7: the foreign share after admissions stays at the ceiling or below, and no origin dominates."""
    limit = rules.threshold("max_hhi")
    base = Outcome(
        "D7",
        "Foreign share stays under the ceiling, origins are mixed",
        "",
        "",
        "PC",
        threshold=100 * ceiling,
    )
    mixed = _describe_concentration(concentration, as_of_year, rules)
    if dependency is None:
        return _leave_open(replace(base, text=mixed), "foreign workers of this activity are not counted")
    headroom = compute_headroom(dependency.total.value, dependency.foreign.value, ceiling)
    added = 0.0 if need is None else min(need.value, max(headroom, 0.0))
    after = (dependency.foreign.value + added) / (dependency.total.value + added)
    text = (
        f"{_describe_dependency(dependency)} Ceiling {ceiling:.0%} (set by the country file), headroom "
        f"{headroom:,.0f} persons; with {added:,.0f} admitted {after:.1%}. {mixed}"
    )
    ids = dependency.ids + (() if concentration is None else concentration[2])
    basis = weakest_basis([dependency.basis, *([] if concentration is None else [concentration[3]])])
    filled = replace(base, text=text, value=100 * after, ids=ids, basis=basis)
    if headroom <= 0 or (concentration is not None and concentration[0] > limit):
        return _settle(filled, passed=False)
    if concentration is None:
        return _leave_open(filled, "the mix of origins is unknown")
    return _settle(filled, passed=True)


def _describe_concentration(concentration: Concentration | None, as_of_year: int, rules: RuleSet) -> str:
    if concentration is None:
        return "Mix of origins unknown."
    age, limit = as_of_year - year_of(concentration[1]), rules.threshold("max_hhi")
    old = f", {age} years before {as_of_year}" if age > rules.threshold("max_age") else ""
    return (
        f"Concentration of origins (HHI) {concentration[0]:.3f} in {concentration[1]}{old}, at most {limit:g}; "
        f"all migrants of the country stand for those of the activity."
    )


def _describe_dependency(dependency: Dependency) -> str:
    """Numerator, denominator, date and change; a rising share in a shrinking activity is named as such."""
    text = (
        f"Foreign {dependency.foreign.value:,.0f} of {dependency.total.value:,.0f} workers in "
        f"{dependency.total.time_period} = {dependency.share:.2%}."
    )
    if dependency.share_change is None or dependency.total_change is None:
        return f"{text} Change unknown: {dependency.change_reason}."
    text += (
        f" Share {100 * dependency.share_change:+.2f} points and all workers {dependency.total_change:+.1%} "
        f"since {dependency.earlier_period}."
    )
    if dependency.share_change > 0 > dependency.total_change:
        text += " A rising foreign share in a shrinking activity is not evidence of need."
    return text


def check_origin_safety(corridors: pd.DataFrame, rules: RuleSet) -> Outcome:
    """D8: an origin that no safeguard forbids. ``corridors``: rows of the activity into the country."""
    least = rules.threshold("min_candidate_origins")
    base = Outcome("D8", "An origin exists that no safeguard forbids", "", "", "NR", threshold=least)
    if corridors.empty:
        return _leave_open(base, "no corridor into the country was examined for this activity")
    verdicts = group_origins(corridors)
    candidates = verdicts["candidates"]
    text = "; ".join(f"{label}: {', '.join(origins) or 'none'}" for label, origins in verdicts.items())
    named = zip(corridors["origin"].map(area_names()), corridors["reason"], strict=True)
    reasons = " ".join(sorted({f"{name}: {reason}" for name, reason in named}))
    filled = replace(
        base,
        text=f"Origins {text}. {reasons}",
        value=float(len(candidates)),
        basis=weakest_basis(corridors["basis"]),
        ids=tuple(corridors["corridor_id"].astype(str)),
    )
    if len(candidates) < least and verdicts["not asked for, no shortage here"]:
        return _leave_open(filled, "without a shortage in this activity nobody asks for recruitment")
    if len(candidates) < least and verdicts["not assessed"]:
        return _leave_open(filled, "no origin is cleared and some are not assessed")
    return _settle(filled, len(candidates) >= least)


def group_origins(corridors: pd.DataFrame) -> dict[str, list[str]]:
    """Names of origins by what stands in the way; an origin without a safeguard is never called forbidden."""
    names = area_names()
    forbidden = corridors["flags"].map(lambda flags: any(flag in DO_NOT_RECRUIT for flag in flags))
    refused = corridors["recommended"] == "NO"
    groups = {
        "candidates": corridors["recommended"] == "CANDIDATE",
        "not to be recruited from": refused & forbidden,
        "not asked for, no shortage here": refused & ~forbidden,
        "not assessed": corridors["recommended"] == "NOT_ASSESSED",
    }
    return {label: sorted(corridors.loc[mask, "origin"].map(names)) for label, mask in groups.items()}


# ---------------------------------------------------------------- the recommendation


def conclude(
    outcomes: Sequence[Outcome], need: Need | None, alternatives: Sequence[Alternative], modality: str
) -> Outcome:
    """RESULT: the first failing flag; else what is untested; else the option with a range of persons."""
    base = Outcome(
        "RESULT",
        "Recommendation with reasons, not an admission decision",
        "",
        "",
        "PS",
        basis=weakest_basis(one.basis for one in outcomes),
    )
    failed = [one for one in outcomes if one.outcome == "FAIL"]
    untested = [one.step_id for one in outcomes if one.outcome == "NOT_ASSESSED"]
    considered = [one.label for one in alternatives if one.is_assessed]
    if failed:
        also = ", ".join(f"{one.step_id} {one.reason_code}" for one in failed)
        text = f"Not recommended. Failed: {also}. Not assessed: {', '.join(untested) or 'none'}."
        return replace(base, outcome="FAIL", reason_code=failed[0].reason_code, text=text)
    if untested or need is None or not considered or need.high <= 0:
        return replace(
            base, outcome="NOT_ASSESSED", reason_code="TESTS_MISSING", text=_describe_open(untested, need)
        )
    text = (
        f"Labour migration could fill {need.low:,.0f} to {need.high:,.0f} places (middle {need.value:,.0f}), "
        f"after {', '.join(considered)}, and under the ceiling. "
        f"Passed: {', '.join(one.step_id for one in outcomes)}. "
        f"Modality: {modality}."
    )
    return replace(
        base,
        outcome="FLAG",
        reason_code="LABOUR_MIGRATION_OPTION",
        text=text,
        value=need.value,
        value_low=need.low,
        value_high=need.high,
    )


def _describe_open(untested: Sequence[str], need: Need | None) -> str:
    text = (
        f"No recommendation: no test failed, but not every test could be made. "
        f"Not assessed: {', '.join(untested) or 'none'}."
    )
    if need is None or need.high <= 0:
        return text
    return (
        f"{text} Were they passed, {need.low:,.0f} to {need.high:,.0f} persons would remain after domestic "
        f"alternatives; this is not an option yet."
    )
