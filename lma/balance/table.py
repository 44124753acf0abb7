"""Rows of marts.balances from a simulation: quantiles, means and probabilities, with their path back."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pandas as pd

from lma.balance.gap import (
    ADDED_OPENINGS,
    FLOWS,
    LEAVING,
    OPENING_KINDS,
    SEEKER_KINDS,
    Simulation,
    compute_balance,
    simulate_balance,
)
from lma.balance.occupations import divide_demand, tabulate_occupations
from lma.balance.scenarios import BASELINE
from lma.balance.staffing import read_staffing
from lma.balance.supply import SEXES, Supply
from lma.contracts import Country, RuleSet, Scenario, codelist, table_contract

Array = npt.NDArray[np.float64]

LEVELS = (0.1, 0.5, 0.9)
OUTPUTS = [("quantile", "0.1"), ("quantile", "0.5"), ("quantile", "0.9"), ("mean", "_Z")]
ANNUAL = ("EMP", *FLOWS)
WITHOUT_SEEKERS = 1e12
"""Openings per 100 seekers in a draw without seekers: above any ratio; a quantile that meets it is not shown."""
SHARES = ("GAP_PC", "OPENINGS_PC_SEEKERS")
NATIONAL = (
    "LABOUR_FORCE",
    "EXIT_RATE",
    "RETIREMENT",
    "WITHDRAWAL",
    "MORTALITY",
    "POTENTIAL_NEET",
    "POTENTIAL_WOMEN",
)
BY_SEX = tuple(
    f"{measure}_{sex}"
    for measure in (
        "ENTRANTS",
        "REENTRANTS",
        "IMMIGRATION",
        "RETIREMENT",
        "WITHDRAWAL",
        "MORTALITY",
        "LABOUR_FORCE",
    )
    for sex in SEXES
)
"""Measures of women and of men, of the country; those of both sexes are their sum."""
LOCAL = (
    *LEAVING,
    "EMP",
    "EXPANSION",
    "REPLACEMENT_RAW",
    "REPLACEMENT",
    "RELEASED",
    *ADDED_OPENINGS,
    "OPENINGS",
    "DISPLACED",
)
FLOW_WINDOW = "five-year flow [t-3, t+2] of the labour force by sex and age, divided by five"
FROM_AGES = ("ENTRANTS", "REENTRANTS", "IMMIGRATION", "PARTICIPATION")


def describe_steps(rules: RuleSet, simulation: Simulation) -> dict[str, str]:
    """How each measure is computed, in words, with the numbers of its assumptions."""
    country = _describe_country(rules, simulation)
    flows = f"{FLOW_WINDOW}, not simulated, by the ages of that sex"
    return {
        **dict.fromkeys(BY_SEX, flows),
        **{f"LABOUR_FORCE_{sex}": country["LABOUR_FORCE"] for sex in SEXES},
        **_describe_demand(rules, simulation),
        **_describe_supply(rules, simulation),
        **country,
        "GAP": f"openings - seekers in every draw{_describe_transfers(simulation)}",
        "GAP_PC": "100 x gap since the first year / employment in the base year, in every draw",
        "OPENINGS_PC_SEEKERS": "100 x openings / seekers since the first year, in every draw",
    }


def _describe_transfers(simulation: Simulation) -> str:
    known = "TRANSFERS_OUT" in simulation.draws
    return "" if known else "; transfers between sectors taken as zero (no data)"


def _describe_demand(rules: RuleSet, simulation: Simulation) -> dict[str, str]:
    t, known = rules.threshold, simulation.replacement
    ways = "not known" if known is None else known.method
    added = ", ".join(f"{k} {v:g}" for k, v in sorted(simulation.scenario.demand_growth_points.items()))
    scenario = f"; scenario adds to yearly growth, percentage points: {added}" if added else ""
    return {
        "EMP": "drawn from the published quantiles of the champion forecast; sectors correlated "
        f"as their past yearly changes (Ledoit-Wolf); {simulation.demand.agreement}{scenario}",
        "EXPANSION": "employment less employment of the year before, in every draw",
        "REPLACEMENT_RAW": f"sum of retirement, inactivity, deaths and net emigration of workers; {ways}",
        **dict.fromkeys(
            LEAVING,
            f"employment of the year before, without foreign workers on contracts, x exit rate; {ways}",
        ),
        "TRANSFERS_OUT": "workers whose cohorts move to another sector",
        "REPLACEMENT": "raw replacement x share refilled, drawn evenly "
        f"from {t('shrinkage_low'):g} to {t('shrinkage_high'):g}",
        "RELEASED": "-(expansion + shrunk replacement) where that is above zero: separations that a shrinking "
        "sector does not refill",
        "UNFILLED_VACANCIES": f"vacant posts of {simulation.vacancies.period or 'no year'} beyond the normal level, once "
        f"over {t('vacancy_years'):g} years",
        "CONTRACT_EXPIRY": "contracts of foreign workers that end, whose posts open; "
        + _describe_contracts(rules, simulation),
        "OPENINGS": "expansion + shrunk replacement + released (so that openings do not fall below zero) + "
        "unfilled vacancies, ending contracts and transfers out where known",
    }


def _describe_contracts(rules: RuleSet, simulation: Simulation) -> str:
    counted = simulation.recruitment.words_of() or "no foreign workers counted"
    return f"contracts of {rules.threshold('contract_years'):g} years, as many ending each year (assumption): {counted}"


def _describe_supply(rules: RuleSet, simulation: Simulation) -> dict[str, str]:
    t, supply = rules.threshold, simulation.supply
    to, rate = simulation.destinations, f"{supply.unemployment_rate} per cent ({supply.unemployment_year})"
    share = f"; to sectors: {to.words['entry']}"
    window = f"{FLOW_WINDOW}, not simulated{share}"
    moved = f"{to.stay:g} look for work in the sector they worked in, the others where newcomers go"
    points = simulation.scenario.participation_points
    return {
        "ENTRANTS": f"cohorts under {t('entrant_age'):g} joining the labour force: {window}",
        "REENTRANTS": f"cohorts of {t('entrant_age'):g} and over joining the labour force: {window}",
        "IMMIGRATION": "net immigration that the population projection itself assumes (cohorts that grow); "
        f"nothing is added, for want of other data: {window}",
        "PARTICIPATION": "yearly change of the labour force as participation drifts around its trend (women and men "
        f"correlated {t('participation_sex_correlation'):g}, growing with years to the power "
        f"{t('participation_sd_power'):g}), and {points:g} points more women by the last year{share}",
        "EXITS_NO_POST": "- (exits of the labour force - shrunk replacement): exits of people without work, by "
        "employment, and the part of replacement that is shrunk away, in its own sector; so the labour force ends "
        "where its trend does",
        "UNEMPLOYED_USABLE": f"unemployment rate {rate} less {t('frictional_share'):g} of employment as "
        f"frictional; the stock counted once, over {t('unemployed_years'):g} years, or all years of a longer balance; "
        f"{to.words['previous']}; {moved}",
        "DISPLACED": f"{t('displaced_share'):g} x workers released beyond shrunk replacement; {moved}",
        "RECRUITED": f"recruitment abroad that keeps today's number of foreign workers; {_describe_contracts(rules, simulation)}",
        "TRANSFERS_IN": "workers who left another sector, by employment",
        "RETURNS": "returning nationals, where they are counted",
        "SEEKERS": "entrants + re-entrants + participation + usable unemployed + displaced + baseline "
        "immigration + exits that vacate no post (below zero) + recruited, transfers in and returning where known, in "
        "every draw",
    }


def _describe_country(rules: RuleSet, simulation: Simulation) -> dict[str, str]:
    t, supply = rules.threshold, simulation.supply
    level = (
        "" if supply.level_ratio is None else f", x {supply.level_ratio:.3f} (level of the employment series)"
    )
    return {
        "LABOUR_FORCE": "population x participation by sex and age; population on straight lines between "
        f"published years; log-odds of participation on the trend of {t('trend_years'):g} years, damped by "
        f"{t('trend_damping'):g} a year{level}",
        "EXIT_RATE": f"100 x yearly exits / labour force a year before; {supply.exit_method or 'not known'}",
        "RETIREMENT": f"cohorts of {t('retirement_age'):g} and over leaving: {FLOW_WINDOW}{level}",
        "WITHDRAWAL": f"cohorts under {t('retirement_age'):g} leaving: {FLOW_WINDOW}{level}",
        "MORTALITY": f"cohorts that shrink (deaths and net emigration): {FLOW_WINDOW}{level}",
        "POTENTIAL_NEET": "NEET rate x population of 15-24; a potential, not in seekers",
        "POTENTIAL_WOMEN": "women of 25-54 less their labour force; a potential, not in seekers",
    }


def name_row(
    simulation: Simulation, activity: str, period: str, measure: str, output: tuple[str, str] = OUTPUTS[1]
) -> str:
    """Id of one row; without ``output`` that of the median, by which rows refer to each other."""
    key = (simulation.scenario.name, simulation.ref_area, activity, "_T", period, measure, *output)
    return f"B:{':'.join(key)}"


def _find_inputs(simulation: Simulation, activity: str, year: int, measure: str) -> list[str]:
    """Ids one step back for a yearly row: forecasts and observations, or the rows it is computed from."""

    def at(name: str, where: str = activity, when: int = year) -> str:
        return name_row(simulation, where, str(when), name)

    supply, demand = simulation.supply, simulation.demand
    base = [i for s in simulation.sectors for i in demand.inputs[(s, demand.base_year)]]
    here = demand.inputs.get((activity, demand.base_year), [])
    leavers = [] if simulation.replacement is None else simulation.replacement.inputs
    before = here if year - 1 == demand.base_year else [at("EMP", when=year - 1)]
    if activity == "_T" and measure in LOCAL and "_T" not in simulation.demand.activities:
        fitted = demand.inputs.get(("_T", year), []) if measure == "EMP" else []
        return [*(at(measure, sector) for sector in simulation.sectors), *fitted]
    table = {
        "EMP": list(
            dict.fromkeys(demand.inputs.get((activity, year), []) + demand.inputs.get(("_T", year), []))
        ),
        "EXPANSION": [at("EMP"), *before],
        **dict.fromkeys(LEAVING, [*before, at("EXIT_RATE", "_T"), *leavers]),
        "REPLACEMENT_RAW": [at(part) for part in LEAVING if part in simulation.draws] or before,
        "TRANSFERS_OUT": [*before, *leavers],
        "TRANSFERS_IN": [at("TRANSFERS_OUT", sector) for sector in simulation.sectors],
        "UNFILLED_VACANCIES": [*simulation.vacancies.inputs.get(activity, []), *here] or base,
        "REPLACEMENT": [at("REPLACEMENT_RAW")],
        "RELEASED": [at("EXPANSION"), at("REPLACEMENT")],
        "OPENINGS": [at(kind) for kind in OPENING_KINDS if kind in simulation.draws],
        "DISPLACED": [at("RELEASED")],
        "SEEKERS": [at(kind) for kind in SEEKER_KINDS if kind in simulation.draws],
        "GAP": [at("OPENINGS"), at("SEEKERS")],
        "LABOUR_FORCE": supply.inputs.get("ages", []) + supply.inputs.get("unemployment", []) + base,
        "EXIT_RATE": supply.inputs.get("exits", [])
        or [at(m) for m in ("RETIREMENT", "WITHDRAWAL", "MORTALITY", "LABOUR_FORCE")],
        "POTENTIAL_NEET": [*supply.inputs.get("potential_neet", []), at("LABOUR_FORCE")],
        "EXITS_NO_POST": [
            at("REPLACEMENT_RAW"),
            at("REPLACEMENT"),
            at("LABOUR_FORCE", "_T"),
            at("EXIT_RATE", "_T"),
        ],
        "UNEMPLOYED_USABLE": supply.inputs.get("unemployment", []) + base
        if activity == "_T"
        else [at("UNEMPLOYED_USABLE", "_T"), *here, *simulation.destinations.ids],
        "CONTRACT_EXPIRY": simulation.recruitment.ids_of(activity) or here or base,
        "RECRUITED": simulation.recruitment.ids_of(activity) or here or base,
        "RETURNS": here or base,
    }
    if measure in FROM_AGES and activity != "_T":
        return [at(measure, "_T"), *here]
    if measure.startswith("LABOUR_FORCE_"):
        return table["LABOUR_FORCE"]
    return table.get(measure, [at("LABOUR_FORCE", "_T")])


def _summarise(draws: Array) -> Array:
    """(outputs, ...) from (draws, ...): quantiles 0.1, 0.5, 0.9 and the mean."""
    return np.concatenate([np.quantile(draws, LEVELS, axis=0), draws.mean(axis=0)[None]])


def _with_country(simulation: Simulation, draws: Array) -> Array:
    """Draws (draws, sectors and the country, years)."""
    return np.concatenate([draws, draws.sum(axis=1, keepdims=True)], axis=1)


def _find_draws(simulation: Simulation, measure: str) -> Array | None:
    draws = simulation.draws.get(measure)
    return None if draws is None else _with_country(simulation, draws)


def _national_values(simulation: Simulation, measure: str) -> Array | None:
    """(years,) of a measure that only the country has."""
    supply = simulation.supply
    if measure in BY_SEX:
        return _values_of_sex(supply, *measure.rsplit("_", 1))
    if measure == "EXIT_RATE":
        return None if supply.exit_rate is None else 100 * supply.exit_rate
    if measure == "LABOUR_FORCE":
        return None if supply.labour_force is None else supply.labour_force[1:]
    if measure.startswith("POTENTIAL"):
        found: Array | None = getattr(supply, measure.lower())
        return found
    return None if supply.flows is None else getattr(supply.flows, measure.lower())


def _values_of_sex(supply: Supply, measure: str, sex: str) -> Array | None:
    if sex not in supply.flows_by_sex:
        return None
    if measure == "LABOUR_FORCE":
        return supply.labour_force_by_sex[sex][1:]
    found: Array = getattr(supply.flows_by_sex[sex], measure.lower())
    return found


def _explain(simulation: Simulation, activity: str, measure: str) -> str | None:
    """Why a cell has no value; ``None`` when it should have one."""
    lacking = simulation.demand.reasons
    if activity in lacking:
        return lacking[activity]
    if activity == "_T" and lacking and measure not in (*NATIONAL, *BY_SEX):
        return f"MISSING_SECTORS: no forecast for {', '.join(lacking)}"
    if measure == "UNFILLED_VACANCIES" and activity in simulation.vacancies.reasons:
        return simulation.vacancies.reasons[activity]
    whole = measure.rsplit("_", 1)[0] if measure in BY_SEX else measure
    return simulation.reasons.get(whole)


Cell = tuple[str, str, str, tuple[str, str], float | None, str | None, list[str]]


def _cells(
    simulation: Simulation, activity: str, period: str, measure: str, values: Array | None, inputs: list[str]
) -> Iterator[Cell]:
    """One cell per output of a measure; without finite values the reason takes their place."""
    reason = _explain(simulation, activity, measure)
    decimals = 3 if measure in (*SHARES, "EXIT_RATE") else 1
    for output, value in zip(OUTPUTS, [None] * len(OUTPUTS) if values is None else values, strict=True):
        usable = reason is None and value is not None and _is_defined(measure, value)
        number = round(float(value), decimals) + 0.0 if usable and value is not None else None
        why = None if usable else reason or _explain_undefined(measure)
        yield activity, period, measure, output, number, why, inputs


def _is_defined(measure: str, value: float) -> bool:
    """Whether a figure is a number that no draw without seekers has entered."""
    return bool(np.isfinite(value)) and (measure != "OPENINGS_PC_SEEKERS" or value < WITHOUT_SEEKERS / 1e5)


def _explain_undefined(measure: str) -> str:
    if measure == "OPENINGS_PC_SEEKERS":
        return (
            "NO_SEEKERS: nobody looks for work in too many draws, so this figure of the ratio is not defined"
        )
    return f"NO_EMPLOYMENT: {measure} is not defined where nobody works in the base year"


def _walk_annual(simulation: Simulation, activities: list[str]) -> Iterator[Cell]:
    for measure in ANNUAL:
        draws = _find_draws(simulation, measure)
        summary = None if draws is None else _summarise(draws)
        for activity in activities:
            for k, year in enumerate(simulation.years):
                column = _column(simulation, activity)
                values = None if summary is None or column is None else summary[:, column, k]
                yield from _cells(
                    simulation,
                    activity,
                    str(year),
                    measure,
                    values,
                    _find_inputs(simulation, activity, year, measure),
                )


def _walk_national(simulation: Simulation) -> Iterator[Cell]:
    for measure in (*NATIONAL, *BY_SEX):
        found = _national_values(simulation, measure)
        for k, year in enumerate(simulation.years):
            values = None if found is None else np.full(len(OUTPUTS), found[k])
            yield from _cells(
                simulation, "_T", str(year), measure, values, _find_inputs(simulation, "_T", year, measure)
            )
        if measure in BY_SEX and measure.rsplit("_", 1)[0] in FLOWS:
            yield from _cumulate_national(simulation, measure, found)


def _cumulate_national(simulation: Simulation, measure: str, found: Array | None) -> Iterator[Cell]:
    """A kind of seekers of one sex since the first year."""
    summed = None if found is None else np.cumsum(found)
    for k, year in enumerate(simulation.years):
        values = None if summed is None else np.full(len(OUTPUTS), summed[k])
        inputs = [name_row(simulation, "_T", str(one), measure) for one in simulation.years[: k + 1]]
        yield from _cells(simulation, "_T", f"{simulation.years[0]}-{year}", measure, values, inputs)


def _column(simulation: Simulation, activity: str) -> int | None:
    """Position of a sector, or of the country behind them; ``None`` for a sector without forecast."""
    if activity == "_T":
        return len(simulation.sectors)
    return simulation.sectors.index(activity) if activity in simulation.sectors else None


def cumulate_draws(simulation: Simulation) -> dict[str, Array]:
    """Measure -> (draws, sectors and the country, years) summed since the first year, with the two ratios."""
    summed = {
        m: np.cumsum(_with_country(simulation, d), axis=2) for m, d in simulation.draws.items() if m in FLOWS
    }
    if "GAP" not in summed:
        return summed
    base = np.concatenate([simulation.base, simulation.base.sum(axis=1, keepdims=True)], axis=1)[:, :, None]
    _, per_cent, ratio = compute_balance(
        summed["OPENINGS"], summed["SEEKERS"], np.broadcast_to(base, summed["GAP"].shape)
    )
    return {
        **summed,
        "GAP_PC": per_cent,
        "OPENINGS_PC_SEEKERS": np.where(summed["SEEKERS"] > 0, ratio, WITHOUT_SEEKERS),
    }


def _find_cumulated_inputs(simulation: Simulation, activity: str, upto: int, measure: str) -> list[str]:
    years, period = simulation.years[: upto + 1], f"{simulation.years[0]}-{simulation.years[upto]}"
    if measure == "OPENINGS_PC_SEEKERS":
        return [name_row(simulation, activity, period, part) for part in ("OPENINGS", "SEEKERS")]
    if measure == "GAP_PC":
        sectors = simulation.sectors if activity == "_T" else (activity,)
        base = [
            i for s in sectors for i in simulation.demand.inputs.get((s, simulation.demand.base_year), [])
        ]
        return [name_row(simulation, activity, period, "GAP"), *base]
    return [name_row(simulation, activity, str(year), measure) for year in years]


def _walk_cumulated(
    simulation: Simulation, activities: list[str], summed: dict[str, Array]
) -> Iterator[Cell]:
    for measure in (*FLOWS, *SHARES):
        summary = _summarise(summed[measure]) if measure in summed else None
        for activity in activities:
            column = _column(simulation, activity)
            for k, year in enumerate(simulation.years):
                values = None if summary is None or column is None else summary[:, column, k]
                inputs = _find_cumulated_inputs(simulation, activity, k, measure)
                yield from _cells(
                    simulation, activity, f"{simulation.years[0]}-{year}", measure, values, inputs
                )


def _walk_probabilities(
    simulation: Simulation, activities: list[str], summed: dict[str, Array]
) -> Iterator[Cell]:
    """Share of draws with a gap above zero, of each year and since the first year."""
    annual = _find_draws(simulation, "GAP")
    for cumulated, draws in ((False, annual), (True, summed.get("GAP"))):
        for activity in activities:
            column = _column(simulation, activity)
            for k, year in enumerate(simulation.years):
                period = f"{simulation.years[0]}-{year}" if cumulated else str(year)
                reason = _explain(simulation, activity, "GAP")
                known = reason is None and draws is not None and column is not None
                share = (
                    round(float((draws[:, column, k] > 0).mean()), 4) if known and draws is not None else None
                )
                inputs = [name_row(simulation, activity, period, "GAP")]
                yield activity, period, "GAP", ("probability", "_Z"), share, reason, inputs


def tabulate_balance(simulation: Simulation, rules: RuleSet) -> pd.DataFrame:
    """Rows of marts.balances in a fixed order, persons to 0.1; rows refer to each other by the median row."""
    summed = cumulate_draws(simulation)
    activities = list(dict.fromkeys([*simulation.demand.activities, "_T"]))
    cells = [
        *_walk_annual(simulation, activities),
        *_walk_national(simulation),
        *_walk_cumulated(simulation, activities, summed),
        *_walk_probabilities(simulation, activities, summed),
    ]
    steps = describe_steps(rules, simulation)
    units = codelist("balance_measures").set_index("measure")["unit"].to_dict()
    columns = table_contract("marts.balances").column_names
    rows = [
        (
            name_row(simulation, activity, period, measure, output),
            simulation.scenario.name,
            simulation.ref_area,
            activity,
            "_T",
            period,
            measure,
            output[0],
            output[1],
            value,
            "PROB" if output[0] == "probability" else units[measure],
            "projection",
            reason,
            _name_output(output) + steps[measure],
            inputs,
        )
        for activity, period, measure, output, value, reason, inputs in cells
    ]
    return pd.DataFrame(rows, columns=columns).astype({"value": float})


def _name_output(output: tuple[str, str]) -> str:
    names = {"probability": "share of draws with a gap above zero: ", "mean": "mean of the draws: "}
    return names.get(output[0], f"quantile {output[1]} of the draws: ")


def estimate_balance(
    observations: pd.DataFrame,
    forecasts: pd.DataFrame,
    rules: RuleSet,
    country: Country,
    first_year: int,
    last_year: int,
    seed: int,
    n_draws: int = 2000,
    scenario: Scenario = BASELINE,
) -> pd.DataFrame:
    """Demand, supply and gap of one country as rows of marts.balances.

    ``rules``: rule set ``balance``. Missing ingredients give rows without value and with a reason. Demand by
    occupation follows where employment by activity and occupation is published.
    """
    simulation = simulate_balance(
        observations, forecasts, rules, country, first_year, last_year, seed, n_draws, scenario
    )
    table = tabulate_balance(simulation, rules)
    staffing = read_staffing(observations, country.ref_area, simulation.sectors, first_year - 1)
    if staffing is None or simulation.demand.reasons:
        return table
    divided = divide_demand(simulation.base, simulation.draws, staffing, simulation.years, rules)
    more = tabulate_occupations(country.ref_area, scenario.name, simulation.years, divided, staffing)
    return pd.concat([table, more], ignore_index=True)
