"""The gap: demand and supply in one joint simulation, with the accounting identities exact in every draw.

openings = expansion + shrunk replacement + released (what a shrinking sector does not refill) + added openings;
seekers = the needed kinds + the added kinds; gap = openings - seekers (positive = shortage); sectors sum to the
country. Added kinds stand where their figures are known (`ADDED_OPENINGS`, `ADDED_SEEKERS`) and count as none,
with a reason, where they are not. reference/methods 4.2 to 4.5.

The labour force closes: exits that vacate no post (EXITS_NO_POST) are taken off the seekers, so that replacement
is shrunk without people appearing from nowhere. For the country, in every draw, with all released workers
looking for work, gap = change of employment - change of the labour force (five-year flows) - usable unemployed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from lma.balance.demand import Demand, choose_sectors, draw_employment, quantise, select_sectors
from lma.balance.recruitment import NONE_COUNTED, Recruitment, recruit_abroad
from lma.balance.replacement import (
    EXITS,
    Replacement,
    draw_replacement,
    estimate_replacement,
    receive_transfers,
)
from lma.balance.scenarios import (
    BASELINE,
    add_participants,
    attract_by_wages,
    change_employment,
    check_activities,
    count_returnees,
    postpone_retirement,
)
from lma.balance.seekers import (
    Destinations,
    count_seekers,
    count_silent_exits,
    draw_participation,
    draw_unemployed,
    find_destinations,
    move_between_sectors,
    spread_to_sectors,
)
from lma.balance.setting import Setting
from lma.balance.supply import Supply, estimate_supply
from lma.balance.vacancies import Vacancies, estimate_vacancies, offer_vacancies
from lma.contracts import Country, RuleSet, Scenario
from lma.errors import UsageError
from lma.levels import find_main_level

Array = npt.NDArray[np.float64]
Draws = dict[str, Array]
"""Measure -> (draws, sectors, balance years), persons in steps of 1/1024."""

ADDED_OPENINGS = ("UNFILLED_VACANCIES", "CONTRACT_EXPIRY", "TRANSFERS_OUT")
OPENING_KINDS = ("EXPANSION", "REPLACEMENT", "RELEASED", *ADDED_OPENINGS)
NEWCOMERS = ("ENTRANTS", "REENTRANTS", "IMMIGRATION", "PARTICIPATION")
NEEDED_SEEKERS = (
    "ENTRANTS",
    "REENTRANTS",
    "IMMIGRATION",
    "PARTICIPATION",
    "EXITS_NO_POST",
    "UNEMPLOYED_USABLE",
    "DISPLACED",
)
ADDED_SEEKERS = ("RECRUITED", "TRANSFERS_IN", "RETURNS")
LEAVING = tuple(f"REPLACEMENT_{name}" for name in EXITS)
"""Parts of raw replacement."""
SEEKER_KINDS = (*NEEDED_SEEKERS, *ADDED_SEEKERS)
FLOWS = (
    "EXPANSION",
    *LEAVING,
    "REPLACEMENT_RAW",
    "REPLACEMENT",
    "RELEASED",
    *ADDED_OPENINGS,
    "OPENINGS",
    *SEEKER_KINDS,
    "SEEKERS",
    "GAP",
)


NO_VACANCIES = "NO_VACANCIES: no loaded source counts vacant posts of this country; counted as none"
NO_TRANSFERS = "NO_TRANSFERS: no loaded source tells who moves between sectors; counted as none on both sides"


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
    destinations: Destinations
    recruitment: Recruitment
    replacement: Replacement | None
    vacancies: Vacancies

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


def find_postponed(setting: Setting) -> Array | None:
    """Share (draws,) of retirements that a higher retirement age puts off; ``None`` where it stays."""
    if not setting.scenario.retirement_age_years:
        return None
    return postpone_retirement(setting.scenario, len(setting.years), setting.elasticities)


def find_exits(supply: Supply, labour_force: Array, setting: Setting) -> Array:
    """Persons who leave the labour force of the country (draws or 1, years), less the retirements put off."""
    rate = np.zeros(len(setting.years)) if supply.exit_rate is None else supply.exit_rate
    postponed, retiring = find_postponed(setting), supply.exit_parts.get("retirement", rate)
    kept = 0.0 if postponed is None else postponed[:, None] * retiring
    exits: Array = labour_force[:-1] * (rate - kept)
    return np.atleast_2d(exits)


def count_exits_without_post(openings: Draws, exits: Array, base: Array, to: Destinations) -> Array:
    """Minus the exits that vacate no post (draws, sectors, years), so that the labour force ends at its trend.

    Those of people without work, by employment, and in its own sector the part of replacement that is shrunk away
    or belongs to workers beyond those of the base year.
    """
    raw, before = openings["REPLACEMENT_RAW"], np.concatenate([base[:, :, None], openings["EMP"]], axis=2)
    today = np.divide(
        base[:, :, None], before[:, :, :-1], out=np.zeros_like(raw), where=before[:, :, :-1] > 0
    )
    of_today = quantise(raw * today)
    silent = spread_to_sectors(count_silent_exits(exits, of_today), to.employment[None, :])
    beyond: Array = silent + (raw - of_today) - (raw - openings["REPLACEMENT"])
    return beyond


def simulate_openings(
    employment: Array, supply: Supply, replacement: Replacement | None, contracts: Array, setting: Setting
) -> Draws:
    """Employment and the needed openings: expansion, replacement by component, raw and shrunk, released.

    ``employment``: (draws, sectors, base year and balance years); ``contracts``: (sectors,) workers who leave by
    the end of a contract instead. Without an exit rate, expansion alone.
    """
    draws = {"EMP": employment[:, :, 1:], "EXPANSION": np.diff(employment, axis=2)}
    if replacement is None:
        return draws
    refill = draw_refill(setting.n_draws, setting.seed_of("refill"), setting.rules)
    settled = np.maximum(employment[:, :, :-1] - contracts[None, :, None], 0.0)
    left = draw_replacement(settled, replacement, refill, find_postponed(setting))
    released = compute_released(draws["EXPANSION"], left["REPLACEMENT"])
    return {**draws, **left, "RELEASED": released}


def add_vacancies(vacancies: Vacancies, setting: Setting) -> Added:
    """Vacant posts beyond the normal level, where they are counted for at least one sector."""
    if len(vacancies.reasons) == len(setting.sectors):
        why = next(iter(vacancies.reasons.values()), NO_VACANCIES)
        return Added(reasons={"UNFILLED_VACANCIES": why})
    n_years = len(setting.years)
    return Added({"UNFILLED_VACANCIES": offer_vacancies(vacancies, setting.n_draws, n_years, setting.rules)})


def add_transfers(openings: Draws, to: Destinations) -> Added:
    """Where workers who moved to another sector look for work, where such moves are known."""
    if "TRANSFERS_OUT" not in openings:
        return Added(reasons=dict.fromkeys(("TRANSFERS_OUT", "TRANSFERS_IN"), NO_TRANSFERS))
    return Added({"TRANSFERS_IN": receive_transfers(openings["TRANSFERS_OUT"], to.employment)})


def count_national(supply: Supply, total: float, setting: Setting) -> Draws:
    """Kind of seeker -> persons of the country (draws, years). ``total``: employment, not a number if unknown."""
    participation = draw_participation(
        supply, setting.n_draws, setting.seed_of("participation"), setting.rules
    )
    if participation is not None and supply.adults is not None:
        participation = participation + add_participants(supply.adults[0, 1:], setting.scenario)
    unemployed = draw_unemployed(
        supply, total, setting.n_draws, len(setting.years), setting.seed_of("unemployed"), setting.rules
    )
    return count_seekers(supply, participation, unemployed, setting.n_draws)


def simulate_seekers(
    employment: Array, openings: Draws, supply: Supply, total: float, to: Destinations, setting: Setting
) -> Draws:
    """The needed kinds of seekers of every sector. ``total``: employment of all sectors, not a number if unknown."""
    national = count_national(supply, total, setting)
    spread = {kind: spread_to_sectors(national[kind], to.entry) for kind in NEWCOMERS if kind in national}
    if "UNEMPLOYED_USABLE" in national:
        worked = spread_to_sectors(national["UNEMPLOYED_USABLE"], to.previous[None, :])
        spread["UNEMPLOYED_USABLE"] = move_between_sectors(worked, to.entry, to.stay)
    if setting.scenario.wage_growth_points and "PARTICIPATION" in spread:
        joined = attract_by_wages(
            employment[:, :, 0], setting.scenario, setting.sectors, len(setting.years), setting.elasticities
        )
        spread["PARTICIPATION"] = spread["PARTICIPATION"] + quantise(joined)
    if "RELEASED" not in openings:
        return spread
    displaced = compute_displaced(openings["RELEASED"], setting.rules.threshold("displaced_share"))
    spread["DISPLACED"] = move_between_sectors(displaced, to.entry, to.stay)
    if supply.labour_force is not None:
        exits = find_exits(supply, supply.labour_force, setting)
        spread["EXITS_NO_POST"] = count_exits_without_post(openings, exits, employment[:, :, 0], to)
    return spread


def add_contracts(recruitment: Recruitment, setting: Setting) -> tuple[Added, Added]:
    """Ending contracts and recruitment of the sectors where foreign workers are counted; elsewhere none."""
    if not recruitment.counted:
        why = next(iter(recruitment.reasons.values()), NONE_COUNTED)
        return Added(reasons={"CONTRACT_EXPIRY": why}), Added(reasons={"RECRUITED": why})
    expiry, recruited = quantise(recruitment.expiry), quantise(recruitment.recruited)
    return Added({"CONTRACT_EXPIRY": expiry}), Added({"RECRUITED": recruited})


def add_seekers(employment: Array, supply: Supply, to: Destinations, setting: Setting) -> Added:
    """Seekers where their figures are known (`ADDED_SEEKERS`): (draws, sectors, years) each, or the reason."""
    returnees = count_returnees(setting.scenario, len(setting.years), setting.elasticities)
    if returnees is None:
        return Added()
    return Added({"RETURNS": spread_to_sectors(returnees, to.employment[None, :])})


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
        "EXITS_NO_POST": ages or exits,
        "UNEMPLOYED_USABLE": jobless,
    }
    demand = dict.fromkeys(
        (*LEAVING, "REPLACEMENT_RAW", "REPLACEMENT", "RELEASED", "OPENINGS", "DISPLACED", "EXIT_RATE"), exits
    )
    balance = dict.fromkeys(("SEEKERS", "GAP", "GAP_PC", "OPENINGS_PC_SEEKERS"), ages or exits or jobless)
    country = dict.fromkeys(("LABOUR_FORCE", "RETIREMENT", "WITHDRAWAL", "MORTALITY"), ages)
    potentials = {"POTENTIAL_NEET": supply.reasons.get("potential_neet") or ages, "POTENTIAL_WOMEN": ages}
    every = {**parts, **demand, **balance, **country, **potentials, **added}
    return {measure: reason for measure, reason in every.items() if reason}


NOT_KNOWN = {
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
    history = select_sectors(observations, area, choose_sectors(forecasts, area, level)[1])
    to = find_destinations(observations, history, supply, employment[:, :, 0], setting)
    recruitment = recruit_abroad(
        observations, country, demand.sectors, employment, first_year, rules, scenario
    )
    replacement = estimate_replacement(observations, area, demand.sectors, supply, first_year, last_year)
    openings = simulate_openings(employment, supply, replacement, recruitment.stock, setting)
    seekers = simulate_seekers(employment, openings, supply, total, to, setting)
    base = employment[:, :, 0].mean(axis=0)
    vacancies = estimate_vacancies(observations, area, demand.sectors, history, base, first_year - 1, rules)
    added = (
        add_vacancies(vacancies, setting),
        add_transfers(openings, to),
        add_seekers(employment, supply, to, setting),
        *add_contracts(recruitment, setting),
    )
    known = {measure: drawn for one in added for measure, drawn in one.draws.items()}
    lacking = {**NOT_KNOWN, **{measure: why for one in added for measure, why in one.reasons.items()}}
    if replacement is not None:
        lacking |= {f"REPLACEMENT_{name}": why for name, why in replacement.reasons.items()}
    draws = close_balance({**openings, **known}, {**seekers, **known})
    reasons = _explain_measures(supply, {m: r for m, r in lacking.items() if m not in draws})
    return Simulation(
        area, scenario, demand.sectors, setting.years, employment[:, :, 0], draws, demand, supply, reasons, to,
        recruitment, replacement, vacancies,
    )  # fmt: skip
