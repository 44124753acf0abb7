"""The nine tests D0 to D8 and the recommendation, on plain records, so that each can be checked by hand.

A test without data is NOT_ASSESSED and never counts as passed. Thresholds: rules/decision.yaml.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace

import pandas as pd

from lma.contracts import RuleSet, weakest_basis
from lma.migration.alternatives import Alternative, split_sexes, total_alternatives
from lma.migration.dependency import Concentration, Dependency, compute_headroom
from lma.migration.evidence import Figure, describe, join_ids, year_of
from lma.migration.gaps import Gap, Modality, Need, find_opening_year
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


@dataclass(frozen=True)
class EarlierRating:
    """How an earlier assessment rated the activity. ``edition``: YYYY-MM, perhaps with a number."""

    edition: str
    rating: str


@dataclass(frozen=True)
class Pay:
    """What is known of an activity's pay. ``is_median``: the ratio compares medians, else means."""

    relative: Figure | None = None
    growth: Figure | None = None
    inflation: Figure | None = None
    real: Figure | None = None
    is_median: bool = False

    @property
    def figures(self) -> list[Figure]:
        """Those that are known."""
        return [one for one in (self.relative, self.growth, self.inflation, self.real) if one is not None]


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


def check_shortage(rating: Rating | None, within: str | None = None) -> Outcome:
    """D1: rated short, now or ahead. ``within``: the activity that a zone lies in, which is rated instead."""
    base = Outcome("D1", "Rated SHORTAGE or SEVERE, now or ahead", "", "", "NR")
    if rating is None or rating.rating == "N":
        ids = () if rating is None else rating.ids
        inside = "" if within is None else f"; it lies within {within}, which has a row of its own"
        return _leave_open(replace(base, ids=ids), f"there is no rating of this activity{inside}")
    text = f"Rating {rating.rating} of the triangulated rule sets; SHORTAGE or SEVERE needed."
    return _settle(
        replace(base, text=text, basis=rating.basis, ids=rating.ids),
        rating.rating in SHORT,
    )


def check_persistence(
    gap: Gap | None, rating: Rating | None, earlier: Sequence[EarlierRating], edition: str, rules: RuleSet
) -> Outcome:
    """D2: even the lower end of the gap is above zero at a long horizon, or assessments in a row rate it short.

    ``earlier``: ratings of earlier assessments, the newest first; ``edition``: YYYY-MM of this one.
    """
    years = rules.threshold("persistence_years")
    name = f"Lower end of the gap above zero at {years:g} years or more, or short in assessments in a row"
    base = Outcome("D2", name, "", "", "PS", threshold=0.0)
    lasting, words = find_assessments_in_a_row(rating, earlier, edition, rules)
    base = replace(base, ids=() if rating is None else rating.ids)
    if gap is None or gap.years < years:
        reach = "no gap" if gap is None else f"a gap over {gap.years} years only"
        ids = base.ids if gap is None else gap.ids + base.ids
        basis = "reported" if gap is None else "projection"
        base = replace(base, ids=ids, basis=basis, text=words)
        return _settle(base, passed=True) if lasting else _leave_open(base, f"the balance has {reach}")
    filled = replace(
        base,
        text=f"{gap.text}; q10 must be above 0. {words}",
        value=gap.q10,
        value_low=gap.q10,
        value_high=gap.q90,
        basis="projection",
        ids=gap.ids + base.ids,
    )
    return _settle(filled, gap.q10 > 0 or lasting)


def find_assessments_in_a_row(
    rating: Rating | None, earlier: Sequence[EarlierRating], edition: str, rules: RuleSet
) -> tuple[bool, str]:
    """(enough assessments in a row rate the activity short, these in words). This one counts as the first.

    Editions come every month while the figures behind them change once a year: the first and the last of the row
    must be far enough apart, else one survey would count many times.
    """
    wanted, apart = rules.threshold("assessments_in_a_row"), rules.threshold("assessments_apart")
    asked = f"{wanted:g} in a row, at least {apart:g} months from first to last, suffice."
    if rating is None or rating.rating not in SHORT:
        return False, f"Not rated short now, so no assessments in a row; {asked}"
    row = list(itertools.takewhile(lambda one: one.rating in SHORT, earlier))
    if not row:
        before = (
            f"; {earlier[0].edition} rated it {earlier[0].rating}"
            if earlier
            else "; no earlier assessment lies beside it"
        )
        return False, f"Rated short in this assessment only{before}; {asked}"
    months = count_months(row[-1].edition, edition)
    named = ", ".join(f"{one.edition} {one.rating}" for one in (row if len(row) <= 3 else [row[0], row[-1]]))
    words = f"Rated short in {len(row) + 1} assessments in a row over {months} months (before this one {named}); {asked}"
    return len(row) + 1 >= wanted and months >= apart, words


def count_months(first: str, last: str) -> int:
    """Months from one edition (YYYY-MM...) to another."""
    return 12 * (int(last[:4]) - int(first[:4])) + int(last[5:7]) - int(first[5:7])


def check_decent_work(pay: Pay, as_of_year: int, rules: RuleSet) -> Outcome:
    """D3: pay at the configured share of the national median (else mean) or above, and real pay not falling.

    A ratio below the threshold fails at once; passing needs both figures. Figures out of date decide nothing.
    """
    floor, least = rules.threshold("min_wage_ratio"), rules.threshold("min_real_wage_growth")
    real = compute_real_growth(pay)
    kind = "Median" if pay.is_median else "Mean"
    stands = (
        ""
        if pay.is_median or pay.relative is None
        else " Means stand for medians, which no source at hand has."
    )
    text = (
        f"{describe(f'{kind} earnings over the national {kind.lower()}', pay.relative, 1, '%')}, at least "
        f"{floor:g} % needed; {_describe_real(pay, real)}, at least {least:g} % needed.{stands}"
    )
    figures = pay.figures
    base = Outcome(
        "D3",
        "Pay is decent and not falling in real terms",
        "",
        text,
        "PC",
        None if pay.relative is None else pay.relative.value,
        floor,
        basis=weakest_basis(figure.basis for figure in figures),
        ids=join_ids(figures),
    )
    if any(as_of_year - year_of(one.time_period) > rules.threshold("max_age") for one in figures):
        return _leave_open(base, "figures of pay are out of date")
    too_low = pay.relative is not None and pay.relative.value < floor
    if too_low or (real is not None and real < least):
        return _settle(base, passed=False)
    if pay.relative is None or real is None:
        return _leave_open(
            base, "earnings of the activity, or earnings and inflation of one year, are missing"
        )
    return _settle(base, passed=True)


def compute_real_growth(pay: Pay) -> float | None:
    """Growth of real pay in per cent: (1 + nominal) / (1 + inflation) - 1, or as given; ``None`` if unknown."""
    if pay.growth is not None and pay.inflation is not None and pay.inflation.value > -100:
        return ((1 + pay.growth.value / 100) / (1 + pay.inflation.value / 100) - 1) * 100
    return None if pay.real is None else pay.real.value


def _describe_real(pay: Pay, real: float | None) -> str:
    if pay.real is not None and (pay.growth is None or pay.inflation is None):
        return describe("real growth", pay.real, 1, "%")
    shown = "unknown" if real is None else f"{real:.1f} %"
    return (
        f"{describe('nominal growth', pay.growth, 1, '%')}, {describe('inflation', pay.inflation, 1, '%')}, "
        f"real growth {shown}"
    )


def check_domestic_capacity(
    alternatives: Sequence[Alternative], gap: Gap | None, matched: str = ""
) -> Outcome:
    """D4: what can be found at home, D, is smaller than the middle of the gap.

    ``matched``: how national pools were scaled to the activity. Where no gap opens there is nothing to fill: the
    test fails for want of a shortage, and asks nobody to be activated or trained.
    """
    total = total_alternatives(alternatives)
    listed = " ".join(f"({number}) {one.text}." for number, one in enumerate(alternatives, start=1)) + matched
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
    text = f"D = {value:,.0f} persons (range {low:,.0f} to {high:,.0f}; {_describe_sexes(alternatives)}) against {gap.text}. "
    filled = replace(base, threshold=gap.q50, ids=tuple(dict.fromkeys(gap.ids + ids)))
    if gap.q50 <= 0:
        text += f"No gap in the middle, so there is nothing to fill from home or from abroad. {listed}"
        return replace(filled, outcome="FAIL", reason_code=CODES["D1"], text=text)
    close = low < gap.q50 <= high
    text += (
        f"{'The range of D spans the gap, so the assumptions decide. ' if close else ''}"
        f"NEET and women outside the labour force may overlap with each other and with the unemployed, which "
        f"errs towards domestic capacity. {listed}"
    )
    return _settle(replace(filled, text=text), value < gap.q50)


def _describe_sexes(alternatives: Sequence[Alternative]) -> str:
    women, men, unknown = split_sexes(alternatives)
    rest = f", {unknown:,.0f} not told apart" if round(unknown) else ""
    return f"women {women:,.0f}, men {men:,.0f}{rest}"


def check_technology(exposure: Figure | None, option: Figure | None, rules: RuleSet) -> Outcome:
    """D5: exposure below the high band, or no equipment on offer. Without either it stays open, never passed."""
    band = rules.threshold("automation_high_band")
    offered = "" if option is None else f" {describe('Equipment on offer (1 yes, 0 no)', option)}."
    text = f"{describe('Exposure to automation', exposure, 1, '%')}, high from {band:g} %.{offered}"
    name = "Exposure to automation below the high band, or no equipment on offer"
    base = Outcome("D5", name, "", text, "PC", threshold=band)
    figures = [one for one in (exposure, option) if one is not None]
    base = replace(base, basis=weakest_basis(one.basis for one in figures), ids=join_ids(figures))
    if option is not None and option.value == 0:
        return _settle(replace(base, value=None if exposure is None else exposure.value), passed=True)
    if exposure is None:
        return _leave_open(
            base, "no loaded source has exposure to automation; the country file may give it as evidence"
        )
    return _settle(replace(base, value=exposure.value), exposure.value < band)


def find_training(economic_activity: str, given: Figure | None, rules: RuleSet) -> tuple[float, str]:
    """(years of training, where they come from): the country file's evidence, else rules/decision.yaml."""
    if given is not None:
        return given.value, describe("Years of training", given, 1)
    own = f"training_years_{economic_activity}"
    needed = rules.threshold(own if own in rules.thresholds else "training_years")
    return needed, f"Years of training {needed:g} (assumption of rules/decision.yaml)"


def check_time(gaps: Sequence[Gap], training: tuple[float, str], as_of_year: int) -> Outcome:
    """D6: training takes longer than the time left until the gap opens. ``training``: of ``find_training``."""
    needed, words = training
    opening = find_opening_year(list(gaps))
    base = Outcome("D6", "Training takes longer than the time left", "", "", "YR", needed)
    if opening is None:
        basis = "projection" if gaps else "reported"
        return _leave_open(replace(base, text=f"{words}.", basis=basis), "no gap opens within the horizon")
    left = max(0, opening - as_of_year)
    text = (
        f"{words}; the gap opens in {opening}, years after {as_of_year}: {left}. "
        f"Temporary migration may bridge the time while training runs."
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
    why_no_share: str = "foreign workers of this activity are not counted",
) -> Outcome:
    """D7: the foreign share after admissions stays at the ceiling or below, and no origin dominates.

    Counts and a mix of origins that are out of date decide nothing.
    """
    name = "Foreign share stays under the ceiling, origins are mixed"
    base = Outcome("D7", name, "", "", "PC", threshold=100 * ceiling)
    mixed = _describe_concentration(concentration, as_of_year, rules)
    if dependency is None:
        return _leave_open(replace(base, text=mixed), why_no_share)
    headroom = compute_headroom(dependency.total.value, dependency.foreign.value, ceiling)
    added = 0.0 if need is None else min(need.value, max(headroom, 0.0))
    after = (dependency.foreign.value + added) / (dependency.total.value + added)
    text = (
        f"{_describe_dependency(dependency)} {describe_room(dependency, ceiling, headroom)}; with {added:,.0f} "
        f"admitted {after:.1%}. {mixed}"
    )
    ids = dependency.ids + (() if concentration is None else concentration.ids)
    # The value shown is the share, so its basis is that of the counts; the mix of origins is in the text alone.
    filled = replace(base, text=text, value=100 * after, ids=ids, basis=dependency.basis)
    if as_of_year - year_of(dependency.total.time_period) > rules.threshold("max_stock_age"):
        return _leave_open(filled, "the counts of foreign workers are out of date")
    if headroom <= 0:
        return _settle(filled, passed=False)
    if concentration is None:
        return _leave_open(filled, "the mix of origins is unknown")
    if as_of_year - year_of(concentration.time_period) > rules.threshold("max_stock_age"):
        return _leave_open(filled, "the mix of origins is out of date")
    return _settle(filled, concentration.value <= rules.threshold("max_hhi"))


def describe_room(dependency: Dependency, ceiling: float, headroom: float) -> str:
    """The ceiling and the room under it; above it, by how many workers."""
    if ceiling == 1:
        return "No ceiling (set to 100% by the country file), headroom without limit"
    words = f"Ceiling {ceiling:.0%} (set by the country file), headroom {headroom:,.0f} persons"
    over = dependency.foreign.value - ceiling * dependency.total.value
    if headroom > 0 or over <= 0:
        return words
    more = dependency.foreign.value / ceiling - dependency.total.value
    return (
        f"{words}: the ceiling is exceeded already, by {over:,.0f} foreign workers of the present total; "
        f"{more:,.0f} more national workers would bring the share down to it"
    )


def _describe_concentration(concentration: Concentration | None, as_of_year: int, rules: RuleSet) -> str:
    if concentration is None:
        return "Mix of origins unknown."
    age, limit = as_of_year - year_of(concentration.time_period), rules.threshold("max_hhi")
    old = f", {age} years before {as_of_year}" if age > rules.threshold("max_age") else ""
    return (
        f"Concentration of origins (HHI) {concentration.value:.3f} in {concentration.time_period}{old}, at most {limit:g}; "
        f"{concentration.whose}."
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
    named = corridors.assign(name=corridors["origin"].map(area_names())).groupby("reason", sort=True)["name"]
    reasons = " ".join(f"{', '.join(sorted(set(names)))}: {reason}" for reason, names in named)
    filled = replace(
        base,
        text=f"Origins {text}. {describe_open_flags(corridors)}{reasons}",
        value=float(len(candidates)),
        basis=weakest_basis(corridors["basis"]),
        ids=tuple(corridors["corridor_id"].astype(str)),
    )
    if len(candidates) < least and verdicts["not asked for, no shortage here"]:
        return _leave_open(filled, "without a shortage in this activity nobody asks for recruitment")
    if len(candidates) < least and verdicts["not assessed"]:
        return _leave_open(filled, "no origin is cleared and some are not assessed")
    return _settle(filled, len(candidates) >= least)


def describe_open_flags(corridors: pd.DataFrame) -> str:
    """Flags of the candidates that forbid nothing, and those that no figure could check; empty where there are none."""
    names, words = area_names(), []
    for row in corridors[corridors["recommended"] == "CANDIDATE"].sort_values("origin").to_dict("records"):
        raised = ", ".join(row["flags"])
        unchecked = ", ".join(row["unchecked"])
        told = [f"raised {raised}"] * bool(raised) + [f"not checked {unchecked}"] * bool(unchecked)
        if told:
            words.append(f"{names.get(row['origin'], row['origin'])} ({'; '.join(told)})")
    return f"Flags of candidates that a reviewer must weigh: {', '.join(words)}. " if words else ""


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
    outcomes: Sequence[Outcome], need: Need | None, alternatives: Sequence[Alternative], modality: Modality
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
        f"Labour migration could fill {need.text} places over the years of the gap, beyond what the balance "
        f"already counts as recruited; considered first: {', '.join(considered)}. "
        f"Passed: {', '.join(one.step_id for one in outcomes)}. Modality: {modality.text}."
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
        f"{text} Were they passed, {need.text} persons would remain after domestic "
        f"alternatives; this is not an option yet."
    )
