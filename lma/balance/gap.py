"""The gap: demand and supply in one joint simulation, with the accounting identities exact in every draw.

openings = expansion + shrunk replacement + released (what a shrinking sector does not refill) + added openings;
seekers = the needed kinds + the added kinds; gap = openings - seekers (positive = shortage); sectors sum to the
country. Added kinds stand where their figures are known (`ADDED_OPENINGS`, `ADDED_SEEKERS`) and count as none,
with a reason, where they are not. reference/methods 4.2 to 4.5.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from lma.balance.demand import Demand, draw_employment, quantise
from lma.balance.scenarios import (
    BASELINE,
    Elasticities,
    add_participants,
    attract_by_wages,
    change_employment,
    check_activities,
    count_returnees,
    draw_elasticities,
    postpone_retirement,
)
from lma.balance.seekers import (
    count_seekers,
    draw_participation,
    draw_unemployed,
    find_shares,
    spread_seekers,
    spread_to_sectors,
)
from lma.balance.supply import Supply, estimate_supply
from lma.contracts import Country, RuleSet, Scenario
from lma.errors import UsageError
from lma.levels import find_main_level

Array = npt.NDArray[np.float64]
Draws = dict[str, Array]
"""Measure -> (draws, sectors, balance years), persons in steps of 1/1024."""

ADDED_OPENINGS = ("UNFILLED_VACANCIES", "CONTRACT_EXPIRY")
OPENING_KINDS = ("EXPANSION", "REPLACEMENT", "RELEASED", *ADDED_OPENINGS)
NEEDED_SEEKERS = ("ENTRANTS", "REENTRANTS", "PARTICIPATION", "UNEMPLOYED_USABLE", "DISPLACED", "IMMIGRATION")
ADDED_SEEKERS = ("RECRUITED", "RETURNS")
SEEKER_KINDS = (*NEEDED_SEEKERS, *ADDED_SEEKERS)
FLOWS = (
    "EXPANSION",
    "REPLACEMENT_RAW",
    "REPLACEMENT",
    "RELEASED",
    *ADDED_OPENINGS,
    "OPENINGS",
    *SEEKER_KINDS,
    "SEEKERS",
    "GAP",
)


@dataclass(frozen=True)
class Setting:
    """What every part of one simulation shares.

    ``seed_of(part)``: a stream of random numbers of its own for each country and part, so that the order of
    countries, an added part or a scenario changes no other part's numbers.
    """

    ref_area: str
    first_year: int
    last_year: int
    n_draws: int
    seed: int
    rules: RuleSet
    country: Country
    scenario: Scenario = BASELINE
    sectors: tuple[str, ...] = ()

    @property
    def years(self) -> tuple[int, ...]:
        """Balance years."""
        return tuple(range(self.first_year, self.last_year + 1))

    def seed_of(self, part: str) -> np.random.Generator:
        """The stream of one part."""
        names = [zlib.crc32(name.encode()) for name in (self.ref_area, part)]
        return np.random.Generator(np.random.PCG64(np.random.SeedSequence([self.seed, *names])))

    @property
    def elasticities(self) -> Elasticities:
        """How strongly people and employers answer a scenario, in every draw."""
        return draw_elasticities(self.n_draws, self.seed_of)


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
    draws: Draws
    demand: Demand
    supply: Supply
    reasons: dict[str, str]

    def total(self, measure: str) -> Array:
        """(draws, years) of the country: the sum of its sectors."""
        summed: Array = self.draws[measure].sum(axis=1)
        return summed


@dataclass(frozen=True)
class Added:
    """Openings or seekers beside the needed ones: their draws where known, else the reason, by measure."""

    draws: Draws = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)


def compute_released(expansion: Array, replacement: Array) -> Array:
    """Workers a shrinking sector lets go beyond those who leave of themselves; openings never fall below zero."""
    released: Array = np.maximum(0.0, -(expansion + replacement))
    return released


def compute_displaced(released: Array, share: float) -> Array:
    """Released workers who look for work."""
    displaced: Array = quantise(share * released)
    return displaced


def compute_balance(openings: Array, seekers: Array, base: Array) -> tuple[Array, Array, Array]:
    """Gap in persons, gap in per cent of base employment, openings per 100 seekers (NaN without seekers)."""
    gap = openings - seekers
    per_cent = 100 * np.divide(gap, base, out=np.full_like(gap, np.nan), where=base > 0)
    ratio = 100 * np.divide(openings, seekers, out=np.full_like(gap, np.nan), where=seekers > 0)
    return gap, per_cent, ratio


def draw_refill(n_draws: int, generator: np.random.Generator, rules: RuleSet) -> Array:
    """Share of raw replacement demand that is refilled (draws,): evenly over its range, in random order."""
    low, high = rules.threshold("shrinkage_low"), rules.threshold("shrinkage_high")
    refill: Array = low + (high - low) * (generator.permutation(n_draws) + 0.5) / n_draws
    return refill


def find_exit_rate(supply: Supply, setting: Setting) -> Array:
    """Exit rate (draws or 1, 1, years), less the retirements that a higher retirement age puts off."""
    rate = np.zeros(len(setting.years)) if supply.exit_rate is None else supply.exit_rate
    if not setting.scenario.retirement_age_years:
        return rate[None, None, :]
    postponed = postpone_retirement(setting.scenario, len(setting.years), setting.elasticities)
    retiring = rate  # the net method counts cohorts of 55 and over alone
    if supply.flows is not None and supply.labour_force is not None:
        retiring = supply.flows.retirement / supply.labour_force[:-1]
    return rate - postponed[:, None, None] * retiring


def simulate_openings(employment: Array, supply: Supply, setting: Setting) -> Draws:
    """Employment and the needed openings: expansion, replacement raw and shrunk, released.

    ``employment``: (draws, sectors, base year and balance years). Without an exit rate, expansion alone.
    """
    draws = {"EMP": employment[:, :, 1:], "EXPANSION": np.diff(employment, axis=2)}
    if supply.exit_rate is None:
        return draws
    refill = draw_refill(setting.n_draws, setting.seed_of("refill"), setting.rules)
    raw = quantise(employment[:, :, :-1] * find_exit_rate(supply, setting))
    shrunk = quantise(refill[:, None, None] * raw)
    released = compute_released(draws["EXPANSION"], shrunk)
    return {**draws, "REPLACEMENT_RAW": raw, "REPLACEMENT": shrunk, "RELEASED": released}


def add_openings(employment: Array, supply: Supply, setting: Setting) -> Added:
    """Openings where their figures are known (`ADDED_OPENINGS`): (draws, sectors, years) each, or the reason."""
    return Added()


def simulate_seekers(
    employment: Array, openings: Draws, supply: Supply, total: float, setting: Setting
) -> Draws:
    """The needed kinds of seekers of every sector. ``total``: employment of all sectors, not a number if unknown."""
    rules, base, n_years = setting.rules, employment[:, :, 0], len(setting.years)
    participation = draw_participation(supply, setting.n_draws, setting.seed_of("participation"))
    if participation is not None and supply.adults is not None:
        participation = participation + add_participants(supply.adults[0, 1:], setting.scenario)
    unemployed = draw_unemployed(
        supply, total, setting.n_draws, n_years, setting.seed_of("unemployed"), rules
    )
    national = count_seekers(supply, participation, unemployed, setting.n_draws)
    shares = dict.fromkeys(national, find_shares(base)[None, :])
    spread = spread_seekers(national, shares)
    if setting.scenario.wage_growth_points and "PARTICIPATION" in spread:
        joined = attract_by_wages(base, setting.scenario, setting.sectors, n_years, setting.elasticities)
        spread["PARTICIPATION"] = spread["PARTICIPATION"] + quantise(joined)
    if "RELEASED" not in openings:
        return spread
    displaced = compute_displaced(openings["RELEASED"], rules.threshold("displaced_share"))
    return {**spread, "DISPLACED": displaced}


def add_seekers(employment: Array, supply: Supply, setting: Setting) -> Added:
    """Seekers where their figures are known (`ADDED_SEEKERS`): (draws, sectors, years) each, or the reason."""
    returnees = count_returnees(setting.scenario, len(setting.years), setting.elasticities)
    if returnees is None:
        return Added()
    return Added({"RETURNS": spread_to_sectors(returnees, find_shares(employment[:, :, 0])[None, :])})


def close_balance(openings: Mapping[str, Array], seekers: Mapping[str, Array]) -> Draws:
    """All measures with their sums: OPENINGS, SEEKERS, GAP; a sum that lacks a needed part is left out.

    The one place where anything is summed: what a scenario changes before, stays consistent after.
    """
    draws = {**openings, **seekers}
    if "REPLACEMENT" in openings:
        draws["OPENINGS"] = np.sum([openings[kind] for kind in OPENING_KINDS if kind in openings], axis=0)
    if set(NEEDED_SEEKERS).issubset(seekers):
        draws["SEEKERS"] = np.sum([seekers[kind] for kind in SEEKER_KINDS if kind in seekers], axis=0)
    if {"OPENINGS", "SEEKERS"}.issubset(draws):
        draws["GAP"] = draws["OPENINGS"] - draws["SEEKERS"]
    return draws


def _explain_measures(supply: Supply, added: Mapping[str, str]) -> dict[str, str]:
    """Measure -> reason, for those that lack an ingredient."""
    ages, exits, jobless = (supply.reasons.get(name) for name in ("ages", "exits", "unemployment"))
    parts = {
        "ENTRANTS": ages,
        "REENTRANTS": ages,
        "PARTICIPATION": ages,
        "IMMIGRATION": ages,
        "UNEMPLOYED_USABLE": jobless,
    }
    demand = dict.fromkeys(
        ("REPLACEMENT_RAW", "REPLACEMENT", "RELEASED", "OPENINGS", "DISPLACED", "EXIT_RATE"), exits
    )
    balance = dict.fromkeys(("SEEKERS", "GAP", "GAP_PC", "OPENINGS_PC_SEEKERS"), ages or exits or jobless)
    country = dict.fromkeys(("LABOUR_FORCE", "RETIREMENT", "WITHDRAWAL", "MORTALITY"), ages)
    potentials = {"POTENTIAL_NEET": supply.reasons.get("potential_neet") or ages, "POTENTIAL_WOMEN": ages}
    every = {**parts, **demand, **balance, **country, **potentials, **added}
    return {measure: reason for measure, reason in every.items() if reason}


NOT_KNOWN = {
    "UNFILLED_VACANCIES": "NO_VACANCIES: no loaded source counts vacant posts of this country; counted as none",
    "CONTRACT_EXPIRY": "NO_FOREIGN_WORKERS: no loaded source counts foreign workers by activity; counted as none",
    "RECRUITED": "NO_FOREIGN_WORKERS: no loaded source counts foreign workers by activity; counted as none",
    "RETURNS": "NO_RETURNS: no loaded source counts returning nationals; they are inside the net migration of the "
    "population projection; counted as none",
}


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
    """All draws of one country. Same arguments, same bytes, for any number of threads and order of rows.

    Order: employment (scenario changes it), supply of the country, openings by kind, seekers by kind, both as
    dictionaries by measure, then the sums. A scenario may change any kind before the sums are taken.
    """
    if last_year < first_year or n_draws < 1:
        raise UsageError(
            f"a balance from {first_year} to {last_year} with {n_draws} draws is empty: "
            "give a last year not before the first."
        )
    area = country.ref_area
    setting = Setting(area, first_year, last_year, n_draws, seed, rules, country, scenario)
    level = find_main_level(observations, area)
    demand = draw_employment(
        observations, forecasts, area, first_year, last_year, n_draws, setting.seed_of("employment"), level
    )
    check_activities(scenario, demand.activities, [zone.economic_activity for zone in country.zones])
    setting = replace(setting, sectors=demand.sectors)
    changed = change_employment(demand.employment, scenario, demand.sectors, setting.elasticities)
    employment = quantise(changed)
    total = float(employment[:, :, 0].mean(axis=0).sum()) if not demand.reasons else float("nan")
    supply = estimate_supply(observations, area, first_year, last_year, total, rules)
    openings = simulate_openings(employment, supply, setting)
    seekers = simulate_seekers(employment, openings, supply, total, setting)
    more, others = add_openings(employment, supply, setting), add_seekers(employment, supply, setting)
    draws = close_balance({**openings, **more.draws}, {**seekers, **others.draws})
    added = {m: r for m, r in {**NOT_KNOWN, **more.reasons, **others.reasons}.items() if m not in draws}
    reasons = _explain_measures(supply, added)
    return Simulation(
        area, scenario, demand.sectors, setting.years, employment[:, :, 0], draws, demand, supply, reasons
    )
