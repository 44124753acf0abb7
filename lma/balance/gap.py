"""The gap: demand and supply in one joint simulation, with the accounting identities exact in every draw.

openings = expansion + replacement (a shrinking sector does not refill below zero);
seekers = entrants + re-entrants + participation + usable unemployed + displaced + baseline immigration;
gap = openings - seekers (positive = shortage); sectors sum to the country. reference/methods 4.2 to 4.5.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from lma.balance.demand import Demand, draw_employment, quantise, spread_scores
from lma.balance.scenarios import BASELINE, add_participants, apply_growth_points, find_growth_points
from lma.balance.supply import Supply, estimate_supply
from lma.contracts import Country, RuleSet, Scenario
from lma.errors import UsageError
from lma.levels import find_main_level

Array = npt.NDArray[np.float64]

SEEKER_KINDS = ("ENTRANTS", "REENTRANTS", "PARTICIPATION", "UNEMPLOYED_USABLE", "DISPLACED", "IMMIGRATION")
FLOWS = ("EXPANSION", "REPLACEMENT_RAW", "REPLACEMENT", "OPENINGS", *SEEKER_KINDS, "SEEKERS", "GAP")


@dataclass(frozen=True)
class Simulation:
    """Every draw of one country and scenario, persons in steps of 1/1024.

    ``draws``: measure -> (draws, sectors, balance years). ``base``: (draws, sectors), employment in the
    year before the first. A measure that cannot be computed is absent, with its reason in ``reasons``.
    """

    ref_area: str
    scenario: Scenario
    sectors: tuple[str, ...]
    years: tuple[int, ...]
    base: Array
    draws: dict[str, Array]
    demand: Demand
    supply: Supply
    reasons: dict[str, str]

    def total(self, measure: str) -> Array:
        """(draws, years) of the country: the sum of its sectors."""
        summed: Array = self.draws[measure].sum(axis=1)
        return summed


def compute_openings(expansion: Array, replacement: Array) -> Array:
    """Openings; where a sector shrinks, separations are refilled only above the loss of jobs."""
    openings: Array = np.where(
        expansion < 0, np.maximum(0.0, expansion + replacement), expansion + replacement
    )
    return openings


def compute_displaced(expansion: Array, replacement: Array, share: float) -> Array:
    """Workers released beyond replacement who look for work."""
    displaced: Array = quantise(share * np.maximum(0.0, -(expansion + replacement)))
    return displaced


def compute_balance(openings: Array, seekers: Array, base: Array) -> tuple[Array, Array, Array]:
    """Gap in persons, gap in per cent of base employment, openings per 100 seekers (NaN without seekers)."""
    gap = openings - seekers
    per_cent = 100 * np.divide(gap, base, out=np.full_like(gap, np.nan), where=base > 0)
    ratio = 100 * np.divide(openings, seekers, out=np.full_like(gap, np.nan), where=seekers > 0)
    return gap, per_cent, ratio


def find_shares(base: Array) -> Array:
    """Share of each sector in employment of the base year (mean over the draws); sums to one."""
    employment = base.mean(axis=0)
    shares: Array = employment / employment.sum() if employment.sum() > 0 else np.zeros_like(employment)
    return shares


def spread_to_sectors(national: Array, shares: Array) -> Array:
    """National persons (draws, years) to sectors (draws, sectors, years) by fixed shares."""
    return quantise(national[:, None, :] * shares[None, :, None])


def draw_participation(
    supply: Supply, n_draws: int, generator: np.random.Generator, scenario: Scenario
) -> Array | None:
    """Yearly change (draws, years) of the labour force because participation leaves its trend.

    The log-odds of each sex drift by sd x root(years ahead); the scenario's women come on top.
    ``None`` without a labour force by age.
    """
    if supply.adults is None or supply.rates is None or supply.drift_sd is None or supply.level_ratio is None:
        return None
    scores = spread_scores(generator.standard_normal((n_draws, 2)))
    root = np.sqrt(np.arange(supply.adults.shape[1]))
    rates = np.clip(supply.rates, 0.0005, 0.9995)
    odds = np.log(rates / (1 - rates)) + (scores * supply.drift_sd)[:, :, None] * root
    away = (supply.adults * (1 / (1 + np.exp(-odds)) - rates)).sum(axis=1) * supply.level_ratio
    change: Array = np.diff(away, axis=1) + add_participants(supply.adults[0, 1:], scenario)[None, :]
    return change


def draw_unemployed(
    supply: Supply,
    employment: float,
    n_draws: int,
    n_years: int,
    generator: np.random.Generator,
    rules: RuleSet,
) -> Array | None:
    """Usable unemployed offered each year (draws, years): stock above the frictional share, counted once."""
    scores = spread_scores(generator.standard_normal((n_draws, 1)))[:, 0]
    if supply.unemployment_rate is None:
        return None
    rate = np.clip(supply.unemployment_rate + supply.unemployment_sd * scores, 0, 60) / 100
    usable = np.maximum(0, employment * rate / (1 - rate) - rules.threshold("frictional_share") * employment)
    over = rules.threshold("unemployed_years")
    offered: Array = usable[:, None] / over * np.clip(over - np.arange(n_years), 0, 1)
    return offered


def draw_refill(n_draws: int, generator: np.random.Generator, rules: RuleSet) -> Array:
    """Share of raw replacement demand that is refilled (draws,): evenly over its range, in random order."""
    low, high = rules.threshold("shrinkage_low"), rules.threshold("shrinkage_high")
    refill: Array = low + (high - low) * (generator.permutation(n_draws) + 0.5) / n_draws
    return refill


def _simulate_demand(employment: Array, supply: Supply, refill: Array, rules: RuleSet) -> dict[str, Array]:
    draws = {"EMP": employment[:, :, 1:], "EXPANSION": np.diff(employment, axis=2)}
    if supply.exit_rate is None:
        return draws
    raw = quantise(employment[:, :, :-1] * supply.exit_rate)
    shrunk = quantise(refill[:, None, None] * raw)
    displaced = compute_displaced(draws["EXPANSION"], shrunk, rules.threshold("displaced_share"))
    openings = compute_openings(draws["EXPANSION"], shrunk)
    return {
        **draws,
        "REPLACEMENT_RAW": raw,
        "REPLACEMENT": shrunk,
        "OPENINGS": openings,
        "DISPLACED": displaced,
    }


def _simulate_supply(national: Mapping[str, Array | None], base: Array) -> dict[str, Array]:
    shares = find_shares(base)
    return {
        measure: spread_to_sectors(persons, shares)
        for measure, persons in national.items()
        if persons is not None
    }


def _add_gap(draws: dict[str, Array]) -> dict[str, Array]:
    if not set(SEEKER_KINDS).issubset(draws):
        return draws
    seekers = np.sum([draws[kind] for kind in SEEKER_KINDS], axis=0)
    return {**draws, "SEEKERS": seekers, "GAP": draws["OPENINGS"] - seekers}


def _seed_generator(seed: int, ref_area: str) -> np.random.Generator:
    """A stream of its own for each country, so that the order of countries changes nothing."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, zlib.crc32(ref_area.encode())])))


def _explain_measures(supply: Supply) -> dict[str, str]:
    """Measure -> reason, for those that lack an ingredient."""
    ages, exits, jobless = (supply.reasons.get(name) for name in ("ages", "exits", "unemployment"))
    parts = {
        "ENTRANTS": ages,
        "REENTRANTS": ages,
        "PARTICIPATION": ages,
        "IMMIGRATION": ages,
        "UNEMPLOYED_USABLE": jobless,
    }
    demand = dict.fromkeys(("REPLACEMENT_RAW", "REPLACEMENT", "OPENINGS", "DISPLACED", "EXIT_RATE"), exits)
    balance = dict.fromkeys(("SEEKERS", "GAP", "GAP_PC", "OPENINGS_PC_SEEKERS"), ages or exits or jobless)
    country = dict.fromkeys(("LABOUR_FORCE", "RETIREMENT", "WITHDRAWAL", "MORTALITY"), ages)
    potentials = {"POTENTIAL_NEET": supply.reasons.get("potential_neet") or ages, "POTENTIAL_WOMEN": ages}
    every = {**parts, **demand, **balance, **country, **potentials}
    return {measure: reason for measure, reason in every.items() if reason}


def simulate_balance(
    observations: pd.DataFrame,
    forecasts: pd.DataFrame,
    rules: RuleSet,
    country: Country,
    first_year: int,
    last_year: int,
    seed: int,
    n_draws: int = 2000,
    scenario: Scenario = BASELINE,
) -> Simulation:
    """All draws of one country. Same arguments, same bytes, for any number of threads and order of rows."""
    if last_year < first_year or n_draws < 1:
        raise UsageError(
            f"a balance from {first_year} to {last_year} with {n_draws} draws is empty: "
            "give a last year not before the first."
        )
    area, generator = country.ref_area, _seed_generator(seed, country.ref_area)
    level = find_main_level(observations, area)
    demand = draw_employment(observations, forecasts, area, first_year, last_year, n_draws, generator, level)
    points = find_growth_points(scenario, (*demand.sectors, *demand.reasons))[: len(demand.sectors)]
    employment = quantise(apply_growth_points(demand.employment, points))
    base = employment[:, :, 0]
    total = float(base.mean(axis=0).sum()) if not demand.reasons else float("nan")
    supply = estimate_supply(observations, area, first_year, last_year, total, rules)
    n_years = last_year - first_year + 1
    participation = draw_participation(supply, n_draws, generator, scenario)
    unemployed = draw_unemployed(supply, total, n_draws, n_years, generator, rules) if total > 0 else None
    every = np.ones((n_draws, 1))
    flows = supply.flows
    national = {
        "ENTRANTS": None if flows is None else every * flows.entrants,
        "REENTRANTS": None if flows is None else every * flows.reentrants,
        "IMMIGRATION": None if flows is None else every * flows.immigration,
        "PARTICIPATION": participation,
        "UNEMPLOYED_USABLE": unemployed,
    }
    draws = {
        **_simulate_demand(employment, supply, draw_refill(n_draws, generator, rules), rules),
        **_simulate_supply(national, base),
    }
    years = tuple(range(first_year, last_year + 1))
    return Simulation(
        area,
        scenario,
        demand.sectors,
        years,
        base,
        _add_gap(draws),
        demand,
        supply,
        _explain_measures(supply),
    )
