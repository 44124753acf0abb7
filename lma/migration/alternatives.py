"""What a country could do before it recruits abroad, in persons, each with a range, women and men apart where known.

D = usable unemployed + rho_NEET NEET + rho_F potential female labour force + rho_under underemployed, each
times the share that fits the activity, + rho_R surplus seekers of other activities. Yearly rates act on what is
left, so that over n years a pool gives 1 - (1 - rho)^n of itself. Whoever is new to the work is trained first:
with t years of training the first n - t years count (the upper end assumes training on the job, t = 0).
Every rate is an assumption of rules/decision.yaml and stands in the text.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pandas as pd

from lma.contracts import Evidence, RuleSet, weakest_basis
from lma.migration.evidence import (
    Figure,
    describe,
    find_newest,
    join_ids,
    order_newest_first,
    read_figure,
    select_figures,
    year_of,
)
from lma.migration.local_evidence import find_evidence
from lma.migration.population import count_population

CODES = ("UNEMPLOYED", "NEET", "WOMEN", "UNDEREMPLOYED", "RETRAIN")
"""The domestic alternatives, in the order in which they are shown."""


@dataclass(frozen=True)
class Alternative:
    """One domestic alternative: persons it could bring to the activity over the years, or why unknown.

    ``share_women``: fraction of the pool that are women, ``None`` where the sexes are not told apart.
    """

    code: str
    label: str
    value: float | None
    low: float | None
    high: float | None
    text: str
    basis: str
    ids: tuple[str, ...]
    share_women: float | None = None

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


@dataclass(frozen=True)
class Surplus:
    """Seekers beyond openings in the other activities of the same level, and how many activities lack workers."""

    persons: float
    n_short: int
    time_period: str
    ids: tuple[str, ...]


@dataclass(frozen=True)
class Span:
    """Over how many years people are found, of which how many pass in training."""

    years: int
    training: float

    @property
    def trained(self) -> float:
        """Years whose newcomers are trained before the span ends."""
        return max(0.0, self.years - self.training)


@dataclass(frozen=True)
class Unit:
    """Whose alternatives are counted: the country's figures and one activity."""

    observations: pd.DataFrame
    ref_area: str
    economic_activity: str
    as_of_year: int
    rules: RuleSet
    evidence: Sequence[Evidence] = ()


def compute_usable_unemployed(labour_force: float, rate: float, frictional_share: float) -> float:
    """Unemployed persons beyond those between jobs: U - share of employment, never below zero.

    ``rate`` and ``frictional_share`` in per cent.
    """
    unemployed = labour_force * rate / 100
    return max(0.0, unemployed - frictional_share / 100 * (labour_force - unemployed))


def compute_activated(pool: float, rho: float, years: float) -> float:
    """Persons of a pool activated over ``years`` at ``rho`` per cent a year of those left."""
    return float(pool * (1 - (1 - rho / 100) ** years))


def compute_potential_women(population: float, rate_women: float, rate_men: float) -> float:
    """Women who would join the labour force at the men's participation rate (per cent), never below zero."""
    return max(0.0, population * (rate_men - rate_women) / 100)


def match_activity(
    observations: pd.DataFrame, ref_area: str, economic_activity: str, as_of_year: int, rules: RuleSet
) -> Match | None:
    """The activity's share of employment stands for the share of the pool that fits it; ``None`` if unknown.

    Of the total the share is 1. Both counts come from one source, kind and period; a part below zero or above
    the whole is a slip and stands for nothing.
    """
    if economic_activity == "_T":
        return Match(1.0, 1.0, 1.0, "share of the pool that fits 100.0 %", ())
    parts = select_figures(observations, as_of_year, "EMP", ref_area, economic_activity=economic_activity)
    wholes = select_figures(observations, as_of_year, "EMP", ref_area)
    keys = ["time_period", "source_id", "basis"]
    both = parts.merge(wholes, on=keys, suffixes=("", "_all"))
    both = both[(both["obs_value_all"] > 0) & both["obs_value"].between(0, both["obs_value_all"])]
    if both.empty:
        return None
    row = both.sort_values(["time_period", "observation_id"]).iloc[-1]
    share = float(row["obs_value"]) / float(row["obs_value_all"])
    low = share * rules.threshold("matching_low_factor")
    high = min(1.0, share * rules.threshold("matching_high_factor"))
    text = (
        f"share of the pool that fits {share:.1%} (range {low:.1%} to {high:.1%}), the activity's share of "
        f"employment in {row['time_period']}: {row['obs_value']:,.0f} of {row['obs_value_all']:,.0f}"
    )
    ids = (str(row["observation_id"]), str(row["observation_id_all"]))
    return Match(share, low, high, text, ids, str(row["basis"]))


def list_alternatives(
    unit: Unit, span: Span, surplus: Surplus | None = None, unemployed_in_supply: bool = False
) -> list[Alternative]:
    """The domestic alternatives of one activity, in the order of ``CODES``; unknown ones stay, without a number.

    ``surplus``: of the other activities, where the balance has them. ``unemployed_in_supply``: the balance's
    seekers already hold the usable unemployed, who add nothing here.
    """
    match = match_activity(
        unit.observations, unit.ref_area, unit.economic_activity, unit.as_of_year, unit.rules
    )
    return [
        _assess_unemployed(unit, match, unemployed_in_supply),
        _assess_neet(unit, match, span),
        _assess_women(unit, match, span),
        _assess_underemployed(unit, match, span),
        _assess_retraining(unit, surplus, span),
    ]


def describe_match(alternatives: Sequence[Alternative], unit: Unit) -> str:
    """How national pools are scaled to the activity, said once for all alternatives that need it."""
    match = match_activity(
        unit.observations, unit.ref_area, unit.economic_activity, unit.as_of_year, unit.rules
    )
    scaled = [one for one in alternatives if one.is_assessed and one.code not in ("RETRAIN",)]
    return f" Of national pools: {match.text}." if match is not None and scaled else ""


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


def split_sexes(alternatives: Sequence[Alternative]) -> tuple[float, float, float]:
    """(women, men, not told apart) of the middle of all alternatives that have a number."""
    known = [(one.value or 0.0, one.share_women) for one in alternatives if one.is_assessed]
    women = sum(value * share for value, share in known if share is not None)
    men = sum(value * (1 - share) for value, share in known if share is not None)
    return women, men, sum(value for value, share in known if share is None)


def _unknown(code: str, label: str, missing: str) -> Alternative:
    return Alternative(code, label, None, None, None, f"{label}: not assessed, {missing}", "reported", ())


# ---------------------------------------------------------------- unemployed


def _assess_unemployed(unit: Unit, match: Match | None, in_supply: bool) -> Alternative:
    code, label = "UNEMPLOYED", "place the unemployed"
    unemployed = _count_unemployed(unit)
    if unemployed is None or match is None:
        return _unknown(
            code,
            label,
            "unemployment with labour force or employment, or employment of the activity is missing",
        )
    frictional = unit.rules.threshold("frictional_share")
    force, jobless, words, figures, share_women = unemployed
    usable = compute_usable_unemployed(force, 100 * jobless / force, frictional)
    text = f"usable unemployed {usable:,.0f} = {words} - {frictional:g} % of employment"
    if in_supply:
        text += "; counted as 0 because the balance's seekers already hold them"
        usable = 0.0
    return _spread(code, label, (usable, usable, usable), match, text, figures, unit, share_women)


Counted = tuple[float, float, str, list[Figure], float | None]


def _count_unemployed(unit: Unit) -> Counted | None:
    """(labour force, unemployed, words, figures, share of women), from the newest figures that give it.

    Either labour force x rate, or employment x rate / (100 - rate) of one year and kind: the two are the same
    identity. Both sexes stand for the total where they are newer. A tie goes to the first of these.
    """
    ways = [
        (pairs, form)
        for form, pair in (("LF", _pair_labour_force), ("EMP", _pair_employment))
        for pairs in (_pair_rates(unit, ["_T"], pair), _pair_rates(unit, ["F", "M"], pair))
        if pairs
    ]
    if not ways:
        return None
    pairs, form = max(ways, key=lambda way: min(_oldest(pair) for pair in way[0]))
    counts = [_count_pair(stock.value, rate.value, form) for stock, rate in pairs]
    named = "labour force" if form == "LF" else "employment"
    shown = "unemployment rate" if form == "LF" else "u / (100 - u), unemployment rate u"
    words = " + ".join(f"{describe(named, stock)} x {describe(shown, rate, 1, '%')}" for stock, rate in pairs)
    force, jobless = (sum(part) for part in zip(*counts, strict=True))
    if force <= 0:
        return None
    share = _share_women(unit, counts if len(pairs) == 2 else None)
    return force, jobless, words, [one for pair in pairs for one in pair], share


def _count_pair(stock: float, rate: float, form: str) -> tuple[float, float]:
    """(labour force, unemployed) of one sex or of both."""
    force = stock if form == "LF" else stock / (1 - rate / 100)
    return force, force * rate / 100


def _share_women(unit: Unit, counts: Sequence[tuple[float, float]] | None) -> float | None:
    """Women among the unemployed: of the counts used, else of the newest labour force and rates by sex."""
    if counts is None:
        pairs = _pair_rates(unit, ["F", "M"], _pair_labour_force) or _pair_rates(
            unit, ["F", "M"], _pair_employment
        )
        if not pairs:
            return None
        counts = [(stock.value, stock.value * rate.value) for stock, rate in pairs]
    women, men = counts[0][1], counts[1][1]
    return women / (women + men) if women + men > 0 else None


Pairing = Callable[[Unit, str], tuple[Figure, Figure] | None]


def _pair_rates(unit: Unit, sexes: Sequence[str], pair: Pairing) -> list[tuple[Figure, Figure]]:
    """Stock and unemployment rate of each sex; empty unless every one is known and possible."""
    pairs = [pair(unit, sex) for sex in sexes]
    known = [one for one in pairs if one is not None and one[0].value >= 0 and 0 <= one[1].value < 100]
    return known if len(known) == len(sexes) else []


def _pair_labour_force(unit: Unit, sex: str) -> tuple[Figure, Figure] | None:
    force = find_newest(unit.observations, unit.as_of_year, "LF", unit.ref_area, sex=sex)
    rate = find_newest(unit.observations, unit.as_of_year, "UNE_RT", unit.ref_area, sex=sex)
    return None if force is None or rate is None else (force, rate)


def _pair_employment(unit: Unit, sex: str) -> tuple[Figure, Figure] | None:
    """Employment and unemployment rate of the newest year that both have of one kind."""
    series = [
        select_figures(unit.observations, unit.as_of_year, indicator, unit.ref_area, sex=sex)
        for indicator in ("EMP", "UNE_RT")
    ]
    employed, rates = (order_newest_first(rows) for rows in series)
    keys = ["time_period", "basis"]
    both = employed.drop_duplicates(keys).merge(rates.drop_duplicates(keys)[keys], on=keys)
    if both.empty:
        return None
    first = both.iloc[0]
    same = rates[(rates["time_period"] == first["time_period"]) & (rates["basis"] == first["basis"])]
    return read_figure(first), read_figure(same.iloc[0])


def _oldest(pair: tuple[Figure, Figure]) -> str:
    return min(one.time_period for one in pair)


def _name_old(figures: Sequence[Figure], unit: Unit) -> str:
    """Periods of figures that are older than the limit, as an addition to the text."""
    limit = unit.rules.threshold("max_age")
    old = sorted({one.time_period for one in figures if year_of(one.time_period) < unit.as_of_year - limit})
    return f"; older than {limit:g} years in {unit.as_of_year}: {', '.join(old)}" if old else ""


# ---------------------------------------------------------------- young people, women, underemployed, retraining


def _assess_neet(unit: Unit, match: Match | None, span: Span) -> Alternative:
    code, label = "NEET", "activate young people neither in work nor in education"
    rate = _find_neet_rate(unit, "_T")
    youth = count_population(unit.observations, unit.ref_area, unit.as_of_year, "_T", 15, 24)
    if rate is None or youth is None or match is None or not 0 <= rate.value <= 100 or youth.value < 0:
        return _unknown(code, label, "NEET rate, population 15-24 or employment of the activity is missing")
    pool = youth.value * rate.value / 100
    rhos, words = _read_rhos(unit, "rho_neet", span)
    text = f"NEET {pool:,.0f} = {describe('population 15-24', youth)} x {describe('rate', rate, 1, '%')}; {words}"
    persons = _activate(pool, rhos, span)
    return _spread(code, label, persons, match, text, [rate, youth], unit, _share_neet_women(unit))


def _find_neet_rate(unit: Unit, sex: str) -> Figure | None:
    known = (unit.observations, unit.as_of_year, "NEET_RT", unit.ref_area)
    return find_newest(*known, sex=sex) or find_newest(*known, sex=sex, age="Y15T24")


def _share_neet_women(unit: Unit) -> float | None:
    """Women among young people neither in work nor in education, from rates and young population by sex."""
    pools = []
    for sex in ("F", "M"):
        rate = _find_neet_rate(unit, sex)
        youth = count_population(unit.observations, unit.ref_area, unit.as_of_year, sex, 15, 24)
        if rate is None or youth is None or rate.value < 0 or youth.value < 0:
            return None
        pools.append(rate.value * youth.value)
    return pools[0] / sum(pools) if sum(pools) > 0 else None


def _assess_women(unit: Unit, match: Match | None, span: Span) -> Alternative:
    code, label = "WOMEN", "raise the participation of women"
    women = find_newest(unit.observations, unit.as_of_year, "LFPR", unit.ref_area, sex="F")
    men = find_newest(unit.observations, unit.as_of_year, "LFPR", unit.ref_area, sex="M")
    adults = _count_adult_women(unit, women)
    if women is None or men is None or adults is None or match is None or adults.value < 0:
        return _unknown(
            code, label, "participation by sex, women 15+ or employment of the activity is missing"
        )
    pool = compute_potential_women(adults.value, women.value, men.value)
    rhos, words = _read_rhos(unit, "rho_women", span)
    text = (
        f"potential {pool:,.0f} = {describe('women 15+', adults)} x ({describe('men', men, 1, '%')} - "
        f"{describe('women', women, 1, '%')}); {words}"
    )
    persons = _activate(pool, rhos, span)
    return _spread(code, label, persons, match, text, [women, men, adults], unit, 1.0)


def _count_adult_women(unit: Unit, rate: Figure | None) -> Figure | None:
    """Women of 15 and over: published, summed over ages, or the female labour force over its rate."""
    direct = count_population(unit.observations, unit.ref_area, unit.as_of_year, "F", 15, None)
    if direct is not None or rate is None or rate.value <= 0:
        return direct
    force = find_newest(unit.observations, unit.as_of_year, "LF", unit.ref_area, sex="F")
    if force is None:
        return None
    value = force.value / rate.value * 100
    return Figure(value, force.time_period, weakest_basis([force.basis, rate.basis]), force.ids + rate.ids)


def _assess_underemployed(unit: Unit, match: Match | None, span: Span) -> Alternative:
    """They work in the activity already and need no training: every year of the span counts."""
    code, label = "UNDEREMPLOYED", "full hours for the underemployed"
    given = find_evidence(unit.evidence, "UNDEREMPLOYED", unit.economic_activity)
    national = find_evidence(unit.evidence, "UNDEREMPLOYED", "_T")
    published = _count_underemployed(unit)
    found = given or published or national
    if found is None or found.value < 0 or (given is None and match is None):
        return _unknown(code, label, "time-related underemployment is not among the observations")
    fits = Match(1.0, 1.0, 1.0, "", ()) if given is not None or match is None else match
    rhos, words = _read_rhos(unit, "rho_underemployed", Span(span.years, 0.0))
    text = f"{describe('full-time equivalents', found)}; {words}"
    no_training = Span(span.years, 0.0)
    ends = [found.value if end is None else end for end in (found.value, found.low, found.high)]
    persons = [_activate(end, rhos, no_training)[place] for place, end in enumerate(ends)]
    return _spread(code, label, persons, fits, text, [found], unit, None)


def _count_underemployed(unit: Unit) -> Figure | None:
    """Full-time equivalents that the underemployed of the country lack, from persons or their rate."""
    factor = unit.rules.threshold("fte_underemployed")
    persons = find_newest(unit.observations, unit.as_of_year, "TRU", unit.ref_area)
    if persons is not None:
        return Figure(persons.value * factor, persons.time_period, persons.basis, persons.ids)
    rate = find_newest(unit.observations, unit.as_of_year, "TRU_RT", unit.ref_area)
    employed = find_newest(unit.observations, unit.as_of_year, "EMP", unit.ref_area)
    if rate is None or employed is None or rate.value < 0:
        return None
    value = employed.value * rate.value / 100 * factor
    return Figure(
        value, rate.time_period, weakest_basis([rate.basis, employed.basis]), rate.ids + employed.ids
    )


def _assess_retraining(unit: Unit, surplus: Surplus | None, span: Span) -> Alternative:
    code, label = "RETRAIN", "retrain seekers of activities in surplus"
    if surplus is None:
        return _unknown(code, label, "the balance has no other activities of this level")
    part = surplus.persons / max(1, surplus.n_short)
    rhos, words = _read_rhos(unit, "rho_retrain", span)
    value, low, high = _activate(part, rhos, span)
    text = (
        f"{label}: {value:,.0f} persons (range {low:,.0f} to {high:,.0f}); {surplus.persons:,.0f} seekers beyond "
        f"openings in the other activities (middle of the gap {surplus.time_period}, projection), divided evenly by "
        f"{max(1, surplus.n_short)} activities that lack workers; {words}"
    )
    return Alternative(code, label, value, low, high, text, "projection", surplus.ids)


def _read_rhos(unit: Unit, name: str, span: Span) -> tuple[list[float], str]:
    """Yearly rate with its low and high end, and the words for it and for the years they act."""
    rhos = [unit.rules.threshold(one) for one in (name, f"{name}_low", f"{name}_high")]
    words = f"{rhos[0]:g} % a year (range {rhos[1]:g} to {rhos[2]:g}) over {span.years} years"
    if span.training > 0:
        words += f", of which {span.training:g} in training (none at the upper end)"
    return rhos, words


def _activate(pool: float, rhos: Sequence[float], span: Span) -> tuple[float, float, float]:
    """Middle and lower end train first, the upper end on the job."""
    value, low = (compute_activated(pool, rho, span.trained) for rho in rhos[:2])
    return value, low, compute_activated(pool, rhos[2], span.years)


def _spread(
    code: str,
    label: str,
    persons: Sequence[float],
    match: Match,
    text: str,
    figures: Sequence[Figure],
    unit: Unit,
    share_women: float | None,
) -> Alternative:
    """Persons of a national pool as persons of the activity, low with low and high with high."""
    value, low, high = persons[0] * match.value, persons[1] * match.low, persons[2] * match.high
    shown = (
        f"{label}: {value:,.0f} persons (range {low:,.0f} to {high:,.0f}); {text}{_name_old(figures, unit)}"
    )
    basis = weakest_basis([*(figure.basis for figure in figures), match.basis])
    ids = join_ids(figures) + match.ids
    return Alternative(code, label, value, low, high, shown, basis, ids, share_women)
