"""National pools of people without enough work: counted once for a country, women and men apart where known.

Each activity draws on them by its own share (alternatives.py).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pandas as pd

from lma.contracts import RuleSet, weakest_basis
from lma.migration.evidence import (
    Figure,
    describe,
    find_newest,
    join_ids,
    order_newest_first,
    read_figure,
    select_figures,
)
from lma.migration.population import count_population


@dataclass(frozen=True)
class Pool:
    """Persons of one national pool, how they were counted, and the share of women where it is known."""

    persons: float
    text: str
    figures: tuple[Figure, ...]
    share_women: float | None


@dataclass(frozen=True)
class Pools:
    """The pools of a country; ``None`` where its figures are missing or impossible."""

    unemployed: Pool | None
    neet: Pool | None
    women: Pool | None
    underemployed: Figure | None


@dataclass(frozen=True)
class Known:
    """The figures of one country known in a year."""

    observations: pd.DataFrame
    ref_area: str
    as_of_year: int
    rules: RuleSet


def measure_pools(observations: pd.DataFrame, ref_area: str, as_of_year: int, rules: RuleSet) -> Pools:
    """Usable unemployed, young people neither in work nor in education, potential women, and underemployed (FTE)."""
    own = observations[observations["indicator"].isin(INDICATORS) & (observations["ref_area"] == ref_area)]
    known = Known(own, ref_area, as_of_year, rules)
    return Pools(
        _count_usable_unemployed(known), _count_neet(known), _count_women(known), _count_underemployed(known)
    )


INDICATORS = ("LF", "EMP", "UNE_RT", "LFPR", "NEET_RT", "POP", "TRU", "TRU_RT")
"""What is read of a country."""


def compute_usable_unemployed(labour_force: float, rate: float, frictional_share: float) -> float:
    """Unemployed persons beyond those between jobs: U - share of employment, never below zero.

    ``rate`` and ``frictional_share`` in per cent.
    """
    unemployed = labour_force * rate / 100
    return max(0.0, unemployed - frictional_share / 100 * (labour_force - unemployed))


def compute_potential_women(population: float, rate_women: float, rate_men: float) -> float:
    """Women who would join the labour force at the men's participation rate (per cent), never below zero."""
    return max(0.0, population * (rate_men - rate_women) / 100)


def _count_usable_unemployed(known: Known) -> Pool | None:
    unemployed = _count_unemployed(known)
    if unemployed is None:
        return None
    frictional = known.rules.threshold("frictional_share")
    force, jobless, words, figures, share_women = unemployed
    usable = compute_usable_unemployed(force, 100 * jobless / force, frictional)
    text = f"usable unemployed {usable:,.0f} = {words} - {frictional:g} % of those at work"
    return Pool(usable, text, tuple(figures), share_women)


Counted = tuple[float, float, str, list[Figure], float | None]


def _count_unemployed(known: Known) -> Counted | None:
    """(labour force, unemployed, words, figures, share of women), from the newest figures that give it.

    Labour force x rate; or the labour force as population 15+ x participation; or employment x rate / (100 - rate)
    of one year and kind: three forms of one identity. Both sexes stand for the total where they are newer. A tie
    goes to the first of these.
    """
    ways = [
        (pairs, form)
        for form, pair in (("LF", _pair_labour_force), ("LF", _pair_participation), ("EMP", _pair_employment))
        for pairs in (_pair_rates(known, ["_T"], pair), _pair_rates(known, ["F", "M"], pair))
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
    share = _share_women(known, counts if len(pairs) == 2 else None)
    return force, jobless, words, [one for pair in pairs for one in pair], share


def _count_pair(stock: float, rate: float, form: str) -> tuple[float, float]:
    """(labour force, unemployed) of one sex or of both."""
    force = stock if form == "LF" else stock / (1 - rate / 100)
    return force, force * rate / 100


def _share_women(known: Known, counts: Sequence[tuple[float, float]] | None) -> float | None:
    """Women among the unemployed: of the counts used, else of the newest labour force and rates by sex."""
    if counts is None:
        pairs = _pair_rates(known, ["F", "M"], _pair_labour_force) or _pair_rates(
            known, ["F", "M"], _pair_employment
        )
        if not pairs:
            return None
        counts = [(stock.value, stock.value * rate.value) for stock, rate in pairs]
    women, men = counts[0][1], counts[1][1]
    return women / (women + men) if women + men > 0 else None


Pairing = Callable[[Known, str], tuple[Figure, Figure] | None]


def _pair_rates(known: Known, sexes: Sequence[str], pair: Pairing) -> list[tuple[Figure, Figure]]:
    """Stock and unemployment rate of each sex; empty unless every one is known and possible."""
    pairs = [pair(known, sex) for sex in sexes]
    possible = [one for one in pairs if one is not None and one[0].value >= 0 and 0 <= one[1].value < 100]
    return possible if len(possible) == len(sexes) else []


def _pair_labour_force(known: Known, sex: str) -> tuple[Figure, Figure] | None:
    force = find_newest(known.observations, known.as_of_year, "LF", known.ref_area, sex=sex)
    rate = find_newest(known.observations, known.as_of_year, "UNE_RT", known.ref_area, sex=sex)
    return None if force is None or rate is None else (force, rate)


def _pair_participation(known: Known, sex: str) -> tuple[Figure, Figure] | None:
    """Labour force as population 15+ x participation, dated by the older of the two, and unemployment rate."""
    people = count_population(known.observations, known.ref_area, known.as_of_year, sex, 15, None)
    taking_part = find_newest(known.observations, known.as_of_year, "LFPR", known.ref_area, sex=sex)
    rate = find_newest(known.observations, known.as_of_year, "UNE_RT", known.ref_area, sex=sex)
    if people is None or taking_part is None or rate is None or not 0 <= taking_part.value <= 100:
        return None
    basis = weakest_basis([people.basis, taking_part.basis])
    period = min(people.time_period, taking_part.time_period)
    note = f"population 15+ of {people.time_period} x participation {taking_part.value:.1f} %"
    ids = join_ids([people, taking_part])
    return Figure(people.value * taking_part.value / 100, period, basis, ids, note), rate


def _pair_employment(known: Known, sex: str) -> tuple[Figure, Figure] | None:
    """Employment and unemployment rate of the newest year that both have of one kind."""
    series = [
        select_figures(known.observations, known.as_of_year, indicator, known.ref_area, sex=sex)
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


def _count_neet(known: Known) -> Pool | None:
    """Women and men added up where both are known, as in the table of development; else the rate of both sexes."""
    by_sex = [_count_neet_of(known, sex, name) for sex, name in (("F", "women"), ("M", "men"))]
    parts = [part for part in by_sex if part is not None] if all(by_sex) else []
    if not parts:
        whole = _count_neet_of(known, "_T", "population")
        parts = [] if whole is None else [whole]
    if not parts:
        return None
    pool = sum(persons for persons, _, _ in parts)
    text = f"NEET {pool:,.0f} = {' + '.join(words for _, words, _ in parts)}"
    share_women = parts[0][0] / pool if len(parts) > 1 and pool > 0 else None
    return Pool(pool, text, tuple(figure for _, _, figures in parts for figure in figures), share_women)


def _count_neet_of(known: Known, sex: str, name: str) -> tuple[float, str, tuple[Figure, Figure]] | None:
    """Persons, the words for them and the rate and population they come from; ``None`` where one lacks."""
    rate = _find_neet_rate(known, sex)
    youth = count_population(known.observations, known.ref_area, known.as_of_year, sex, 15, 24)
    if rate is None or youth is None or not 0 <= rate.value <= 100 or youth.value < 0:
        return None
    words = f"{describe(f'{name} 15-24', youth)} x {describe('rate', rate, 1, '%')}"
    return youth.value * rate.value / 100, words, (rate, youth)


def _find_neet_rate(known: Known, sex: str) -> Figure | None:
    asked = (known.observations, known.as_of_year, "NEET_RT", known.ref_area)
    return find_newest(*asked, sex=sex) or find_newest(*asked, sex=sex, age="Y15T24")


def _count_women(known: Known) -> Pool | None:
    women = find_newest(known.observations, known.as_of_year, "LFPR", known.ref_area, sex="F")
    men = find_newest(known.observations, known.as_of_year, "LFPR", known.ref_area, sex="M")
    adults = _count_adult_women(known, women)
    if women is None or men is None or adults is None or adults.value < 0:
        return None
    pool = compute_potential_women(adults.value, women.value, men.value)
    text = (
        f"potential {pool:,.0f} = {describe('women 15+', adults)} x ({describe('men', men, 1, '%')} - "
        f"{describe('women', women, 1, '%')})"
    )
    return Pool(pool, text, (women, men, adults), 1.0)


def _count_adult_women(known: Known, rate: Figure | None) -> Figure | None:
    """Women of 15 and over: published, summed over ages, or the female labour force over its rate."""
    direct = count_population(known.observations, known.ref_area, known.as_of_year, "F", 15, None)
    if direct is not None or rate is None or rate.value <= 0:
        return direct
    force = find_newest(known.observations, known.as_of_year, "LF", known.ref_area, sex="F")
    if force is None:
        return None
    value = force.value / rate.value * 100
    return Figure(value, force.time_period, weakest_basis([force.basis, rate.basis]), force.ids + rate.ids)


def _count_underemployed(known: Known) -> Figure | None:
    """Full-time equivalents that the underemployed of the country lack, from persons or their rate."""
    factor = known.rules.threshold("fte_underemployed")
    persons = find_newest(known.observations, known.as_of_year, "TRU", known.ref_area)
    if persons is not None:
        return Figure(persons.value * factor, persons.time_period, persons.basis, persons.ids)
    rate = find_newest(known.observations, known.as_of_year, "TRU_RT", known.ref_area)
    employed = find_newest(known.observations, known.as_of_year, "EMP", known.ref_area)
    if rate is None or employed is None or rate.value < 0:
        return None
    value = employed.value * rate.value / 100 * factor
    return Figure(
        value, rate.time_period, weakest_basis([rate.basis, employed.basis]), rate.ids + employed.ids
    )
