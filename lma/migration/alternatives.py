"""What a country could do before it recruits abroad, in persons, each with a range.

D = usable unemployed + rho_NEET NEET + rho_F potential female labour force + rho_under underemployed, each
times the share that fits the activity. Yearly rates act on what is left, so that over n years a pool gives
1 - (1 - rho)^n of itself. Every rate is an assumption of rules/decision.yaml and stands in the text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from lma.contracts import RuleSet, weakest_basis
from lma.migration.evidence import (
    Figure,
    describe,
    find_newest,
    join_ids,
    select_figures,
    year_of,
)
from lma.migration.population import count_population


@dataclass(frozen=True)
class Alternative:
    """One domestic alternative: persons it could bring to the activity over the years, or why unknown."""

    code: str
    label: str
    value: float | None
    low: float | None
    high: float | None
    text: str
    basis: str
    ids: tuple[str, ...]

    @property
    def is_assessed(self) -> bool:
        """True when the figures suffice for a number."""
        return self.value is not None


@dataclass(frozen=True)
class Match:
    """Share of a national pool that fits the activity, with a range."""

    value: float
    low: float
    high: float
    text: str
    ids: tuple[str, ...]
    basis: str = "reported"


def compute_usable_unemployed(labour_force: float, rate: float, frictional_share: float) -> float:
    """Unemployed persons beyond those between jobs: U - share of employment, never below zero.

    ``rate`` and ``frictional_share`` in per cent.
    """
    unemployed = labour_force * rate / 100
    return max(0.0, unemployed - frictional_share / 100 * (labour_force - unemployed))


def compute_activated(pool: float, rho: float, years: int) -> float:
    """Persons of a pool activated over ``years`` at ``rho`` per cent a year of those left."""
    return pool * (1 - (1 - rho / 100) ** years)


def compute_potential_women(population: float, rate_women: float, rate_men: float) -> float:
    """Women who would join the labour force at the men's participation rate (per cent), never below zero."""
    return max(0.0, population * (rate_men - rate_women) / 100)


def match_activity(
    observations: pd.DataFrame, ref_area: str, economic_activity: str, as_of_year: int, rules: RuleSet
) -> Match | None:
    """The activity's share of employment stands for the share of the pool that fits it; ``None`` if unknown.

    Of the total the share is 1. Both counts come from one source, kind and period.
    """
    if economic_activity == "_T":
        return Match(1.0, 1.0, 1.0, "share of the pool that fits 100.0 %", ())
    parts = select_figures(observations, as_of_year, "EMP", ref_area, economic_activity=economic_activity)
    wholes = select_figures(observations, as_of_year, "EMP", ref_area)
    keys = ["time_period", "source_id", "basis"]
    both = parts.merge(wholes, on=keys, suffixes=("", "_all"))
    both = both[both["obs_value_all"] > 0]
    if both.empty:
        return None
    row = both.sort_values(["time_period", "observation_id"]).iloc[-1]
    share = min(1.0, float(row["obs_value"]) / float(row["obs_value_all"]))
    low = share * rules.threshold("matching_low_factor")
    high = min(1.0, share * rules.threshold("matching_high_factor"))
    text = (
        f"share of the pool that fits {share:.1%} (range {low:.1%} to {high:.1%}), the activity's share of "
        f"employment in {row['time_period']}: {row['obs_value']:,.0f} of {row['obs_value_all']:,.0f}"
    )
    ids = (str(row["observation_id"]), str(row["observation_id_all"]))
    return Match(share, low, high, text, ids, str(row["basis"]))


def list_alternatives(
    observations: pd.DataFrame,
    ref_area: str,
    economic_activity: str,
    as_of_year: int,
    years: int,
    rules: RuleSet,
    unemployed_in_supply: bool = False,
) -> list[Alternative]:
    """The domestic alternatives of one activity, in a fixed order; unknown ones stay, without a number.

    ``unemployed_in_supply``: the balance's seekers already hold the usable unemployed, who add nothing here.
    """
    match = match_activity(observations, ref_area, economic_activity, as_of_year, rules)
    known = (observations, ref_area, as_of_year)
    return [
        _assess_unemployed(known, match, rules, unemployed_in_supply),
        _assess_neet(known, match, rules, years),
        _assess_women(known, match, rules, years),
        Alternative(
            "UNDEREMPLOYED",
            "full hours for the underemployed",
            None,
            None,
            None,
            "time-related underemployment is not among the observations",
            "reported",
            (),
        ),
    ]


def total_alternatives(alternatives: Sequence[Alternative]) -> tuple[float, float, float] | None:
    """Sum (value, low, high) of the alternatives that have a number; ``None`` when none has."""
    known = [one for one in alternatives if one.is_assessed]
    if not known:
        return None
    return (
        sum(one.value or 0.0 for one in known),
        sum(one.low or 0.0 for one in known),
        sum(one.high or 0.0 for one in known),
    )


Known = tuple[pd.DataFrame, str, int]


def _unknown(code: str, label: str, missing: str) -> Alternative:
    return Alternative(code, label, None, None, None, f"not assessed, {missing}", "reported", ())


def _assess_unemployed(known: Known, match: Match | None, rules: RuleSet, in_supply: bool) -> Alternative:
    code, label = "UNEMPLOYED", "place the unemployed"
    as_of_year = known[2]
    unemployed = _count_unemployed(known)
    if unemployed is None or match is None:
        return _unknown(
            code, label, "labour force, unemployment rate or employment of the activity is missing"
        )
    frictional = rules.threshold("frictional_share")
    force, jobless, words, figures = unemployed
    usable = compute_usable_unemployed(force, 100 * jobless / force, frictional)
    text = f"usable unemployed {usable:,.0f} = {words} - {frictional:g} % of employment; {match.text}"
    if in_supply:
        text += "; counted as 0 because the balance's seekers already hold them"
        usable = 0.0
    return _spread(
        code, label, (usable, usable, usable), match, text + _name_old(figures, as_of_year, rules), figures
    )


def _count_unemployed(known: Known) -> tuple[float, float, str, list[Figure]] | None:
    """(labour force, unemployed, words, figures): from the total, or from both sexes where these are newer."""
    whole, parts = _pair_rates(known, ["_T"]), _pair_rates(known, ["F", "M"])
    pairs = parts if not whole or (parts and _oldest(parts) > _oldest(whole)) else whole
    if not pairs:
        return None
    words = " + ".join(
        f"{describe('labour force', force)} x {describe('unemployment rate', rate, 1, '%')}"
        for force, rate in pairs
    )
    jobless = sum(force.value * rate.value / 100 for force, rate in pairs)
    return sum(force.value for force, _ in pairs), jobless, words, [one for pair in pairs for one in pair]


def _pair_rates(known: Known, sexes: Sequence[str]) -> list[tuple[Figure, Figure]]:
    """Labour force and unemployment rate of each sex; empty unless every one is known."""
    observations, ref_area, as_of_year = known
    pairs = []
    for sex in sexes:
        force = find_newest(observations, as_of_year, "LF", ref_area, sex=sex)
        rate = find_newest(observations, as_of_year, "UNE_RT", ref_area, sex=sex)
        if force is None or rate is None:
            return []
        pairs.append((force, rate))
    return pairs


def _oldest(pairs: Sequence[tuple[Figure, Figure]]) -> str:
    return min(rate.time_period for _, rate in pairs)


def _name_old(figures: Sequence[Figure], as_of_year: int, rules: RuleSet) -> str:
    """Periods of figures that are older than the limit, as an addition to the text."""
    limit = rules.threshold("max_age")
    old = sorted({one.time_period for one in figures if year_of(one.time_period) < as_of_year - limit})
    return f"; older than {limit:g} years in {as_of_year}: {', '.join(old)}" if old else ""


def _assess_neet(known: Known, match: Match | None, rules: RuleSet, years: int) -> Alternative:
    code, label = "NEET", "activate young people neither in work nor in education"
    observations, ref_area, as_of_year = known
    rate = find_newest(observations, as_of_year, "NEET_RT", ref_area) or find_newest(
        observations, as_of_year, "NEET_RT", ref_area, age="Y15T24"
    )
    youth = count_population(observations, ref_area, as_of_year, "_T", 15, 24)
    if rate is None or youth is None or match is None:
        return _unknown(code, label, "NEET rate, population 15-24 or employment of the activity is missing")
    pool = youth.value * rate.value / 100
    rhos = [rules.threshold(name) for name in ("rho_neet", "rho_neet_low", "rho_neet_high")]
    text = (
        f"NEET {pool:,.0f} = {describe('population 15-24', youth)} x {describe('rate', rate, 1, '%')}; "
        f"{rhos[0]:g} % a year activated (range {rhos[1]:g} to {rhos[2]:g}) over {years} years; {match.text}"
    )
    figures = [rate, youth]
    return _spread(
        code,
        label,
        _activate(pool, rhos, years),
        match,
        text + _name_old(figures, as_of_year, rules),
        figures,
    )


def _assess_women(known: Known, match: Match | None, rules: RuleSet, years: int) -> Alternative:
    code, label = "WOMEN", "raise the participation of women"
    observations, ref_area, as_of_year = known
    women = find_newest(observations, as_of_year, "LFPR", ref_area, sex="F")
    men = find_newest(observations, as_of_year, "LFPR", ref_area, sex="M")
    adults = _count_adult_women(known, women)
    if women is None or men is None or adults is None or match is None:
        return _unknown(
            code, label, "participation by sex, women 15+ or employment of the activity is missing"
        )
    pool = compute_potential_women(adults.value, women.value, men.value)
    rhos = [rules.threshold(name) for name in ("rho_women", "rho_women_low", "rho_women_high")]
    text = (
        f"potential {pool:,.0f} = {describe('women 15+', adults)} x ({describe('men', men, 1, '%')} - "
        f"{describe('women', women, 1, '%')}); {rhos[0]:g} % a year (range {rhos[1]:g} to {rhos[2]:g}) "
        f"over {years} years; {match.text}"
    )
    figures = [women, men, adults]
    return _spread(
        code,
        label,
        _activate(pool, rhos, years),
        match,
        text + _name_old(figures, as_of_year, rules),
        figures,
    )


def _activate(pool: float, rhos: Sequence[float], years: int) -> tuple[float, float, float]:
    value, low, high = (compute_activated(pool, rho, years) for rho in rhos)
    return value, low, high


def _spread(
    code: str,
    label: str,
    persons: tuple[float, float, float],
    match: Match,
    text: str,
    figures: Sequence[Figure],
) -> Alternative:
    """Persons of a national pool as persons of the activity, low with low and high with high."""
    value, low, high = persons[0] * match.value, persons[1] * match.low, persons[2] * match.high
    shown = f"{label}: {value:,.0f} persons (range {low:,.0f} to {high:,.0f}); {text}"
    basis = weakest_basis([*(figure.basis for figure in figures), match.basis])
    return Alternative(code, label, value, low, high, shown, basis, join_ids(figures) + match.ids)


def _count_adult_women(known: Known, rate: Figure | None) -> Figure | None:
    """Women of 15 and over: published, summed over ages, or the female labour force over its rate."""
    observations, ref_area, as_of_year = known
    direct = count_population(observations, ref_area, as_of_year, "F", 15, None)
    if direct is not None or rate is None or rate.value <= 0:
        return direct
    force = find_newest(observations, as_of_year, "LF", ref_area, sex="F")
    if force is None:
        return None
    value = force.value / rate.value * 100
    return Figure(value, force.time_period, weakest_basis([force.basis, rate.basis]), force.ids + rate.ids)
