"""Supply: the labour force by sex and age from population and participation, and who joins or leaves it.

LF = POP x LFPR by sex and age. Population: straight lines between the published years within an age
group. Participation: trend of the log-odds, damped and bounded, starting from the last observed rate so
that nothing jumps. Flows follow cohorts over five years, [t-3, t+2], and are divided by five.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from lma.contracts import RuleSet

Array = npt.NDArray[np.float64]

SEXES = ("F", "M")
AGES = (
    "Y15T19",
    "Y20T24",
    "Y25T29",
    "Y30T34",
    "Y35T39",
    "Y40T44",
    "Y45T49",
    "Y50T54",
    "Y55T59",
    "Y60T64",
    "Y_GE65",
)
CHILDREN = "Y10T14"
OLD_AGES = ("Y65T69", "Y70T74", "Y75T79", "Y80T84", "Y85T89", "Y90T94", "Y95T99", "Y_GE100")
START_AGES = tuple(range(10, 65, 5))
BACK, AHEAD = 3, 2
RATE_LIMITS = (0.0005, 0.995)


@dataclass(frozen=True)
class Flows:
    """Persons a year, each over the balance years. joined - left = change of the labour force a year."""

    entrants: Array
    reentrants: Array
    immigration: Array
    retirement: Array
    withdrawal: Array
    mortality: Array

    def exits(self) -> Array:
        """Everybody who leaves."""
        total: Array = self.retirement + self.withdrawal + self.mortality
        return total

    def scale(self, ratio: float) -> Flows:
        """The same flows on another level."""
        return Flows(*(ratio * getattr(self, name) for name in Flows.__dataclass_fields__))


@dataclass(frozen=True)
class Supply:
    """National supply over the balance years, persons; ``None`` with an entry in ``reasons`` where data lack.

    ``exit_rate``: share of the labour force that leaves in a year; ``exit_parts``: the same by reason, summing
    to it (``retirement``, ``withdrawal``, ``mortality``); ``exit_ages``: by reason and age (11,) around the
    first year. ``labour_force``: base year and balance years. ``adults``, ``rates``: (sex, base and balance years), population of 15 and over and its
    participation. ``inputs``: name of the ingredient -> observation ids.
    """

    exit_rate: Array | None = None
    exit_method: str = ""
    exit_parts: dict[str, Array] = field(default_factory=dict)
    exit_ages: dict[str, Array] = field(default_factory=dict)
    flows: Flows | None = None
    flows_by_sex: dict[str, Flows] = field(default_factory=dict)
    labour_force: Array | None = None
    labour_force_by_sex: dict[str, Array] = field(default_factory=dict)
    adults: Array | None = None
    rates: Array | None = None
    drift_sd: Array | None = None
    unemployment_rate: float | None = None
    unemployment_sd: float = 0.0
    unemployment_year: int | None = None
    potential_neet: Array | None = None
    potential_women: Array | None = None
    level_ratio: float | None = None
    reasons: dict[str, str] = field(default_factory=dict)
    inputs: dict[str, list[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class AgeTable:
    """Figures by sex, age and year of one indicator: ``values`` (sex, age, year)."""

    ages: tuple[str, ...]
    years: Array
    values: Array
    ids: dict[int, list[str]]


def read_age_table(
    observations: pd.DataFrame, ref_area: str, indicator: str, ages: Sequence[str]
) -> AgeTable | None:
    """Figures of the years in which both sexes and all ``ages`` are published; ``None`` without such a year.

    Modelled figures come before reported ones, because only they cover all ages and years.
    """
    o = observations
    chosen = o[
        (o["ref_area"] == ref_area)
        & (o["indicator"] == indicator)
        & (o["freq"] == "A")
        & o["sex"].isin(SEXES)
        & o["age"].isin(ages)
        & o["obs_value"].notna()
        & (o["citizenship"] == "_T")
        & (o["economic_activity"] == "_T")
    ]
    chosen = chosen.sort_values("basis_kind").drop_duplicates(["sex", "age", "time_period"])
    wide = chosen.pivot(index=["sex", "age"], columns="time_period", values="obs_value")
    wide = wide.reindex(pd.MultiIndex.from_product([SEXES, ages])).dropna(axis=1)
    if wide.empty or not len(wide.columns):
        return None
    kept = chosen[chosen["time_period"].isin(wide.columns)].sort_values(["time_period", "sex", "age"])
    ids = {
        int(year): kept.loc[kept["time_period"] == year, "observation_id"].tolist() for year in wide.columns
    }
    years = wide.columns.astype(int).to_numpy(dtype=float)
    return AgeTable(tuple(ages), years, wide.to_numpy(dtype=float).reshape(len(SEXES), len(ages), -1), ids)


def read_population(observations: pd.DataFrame, ref_area: str) -> AgeTable | None:
    """Population by sex of 10-14 and the age groups of the labour force; 65 and over summed if need be."""
    ages = (CHILDREN, *AGES)
    open_ended = read_age_table(observations, ref_area, "POP", ages)
    detailed = read_age_table(observations, ref_area, "POP", (CHILDREN, *AGES[:-1], *OLD_AGES))
    if detailed is None or (open_ended is not None and len(open_ended.years) >= len(detailed.years)):
        return open_ended
    young = len(AGES)
    values = np.concatenate(
        [detailed.values[:, :young], detailed.values[:, young:].sum(axis=1, keepdims=True)], axis=1
    )
    return AgeTable(ages, detailed.years, values, detailed.ids)


def interpolate_years(table: AgeTable, years: Sequence[int]) -> Array:
    """Values (sex, age, years): straight lines between the published years; beyond them not a number."""
    asked = np.asarray(years, dtype=float)
    rows = [
        np.interp(asked, table.years, row, left=np.nan, right=np.nan)
        for row in table.values.reshape(-1, len(table.years))
    ]
    return np.array(rows).reshape(*table.values.shape[:2], len(asked))


def bracket_ids(table: AgeTable, years: Sequence[int]) -> list[str]:
    """Ids of the published years that the asked years lie between."""
    published = sorted(table.ids)
    low = max([y for y in published if y <= min(years)], default=published[0])
    high = min([y for y in published if y >= max(years)], default=published[-1])
    return [i for year in published if low <= year <= high for i in table.ids[year]]


def _log_odds(rates: Array) -> Array:
    bounded = np.clip(rates, *RATE_LIMITS)
    odds: Array = np.log(bounded / (1 - bounded))
    return odds


def _rates_of(odds: Array) -> Array:
    rates: Array = 1 / (1 + np.exp(-odds))
    return rates


def fit_slopes(years: Array, odds: Array) -> Array:
    """Least-squares slope a year along the last axis."""
    centred = years - years.mean()
    slopes: Array = (
        (odds * centred).sum(axis=-1) / np.square(centred).sum()
        if len(years) > 1
        else np.zeros(odds.shape[:-1])
    )
    return slopes


def project_rates(history_years: Array, history: Array, years: Sequence[int], rules: RuleSet) -> Array:
    """Participation rates (sex, age, years): as observed, then the damped trend of the log-odds.

    Step i after the last year adds slope x damping^i; the slope is fitted over ``trend_years`` and bounded.
    """
    odds, damping, limit = (
        _log_odds(history),
        rules.threshold("trend_damping"),
        rules.threshold("trend_slope_limit"),
    )
    recent = history_years > history_years[-1] - rules.threshold("trend_years")
    slopes = np.clip(fit_slopes(history_years[recent], odds[..., recent]), -limit, limit)
    ahead = np.maximum(np.asarray(years, dtype=float) - history_years[-1], 0)
    way = np.array([sum(damping**i for i in range(1, int(steps) + 1)) for steps in ahead])
    known = np.stack(
        [np.array([np.interp(years, history_years, row) for row in one_sex]) for one_sex in odds]
    )
    return _rates_of(known + slopes[..., None] * way)


def _close_cohort(table: Array) -> Array:
    """Start of each cohort (sex, 11 cohorts): 10-14, ..., 55-59, and 60 and over together."""
    return np.concatenate([table[:, :-2], table[:, -2:].sum(axis=1, keepdims=True)], axis=1)


def follow_cohorts(
    people: tuple[Array, Array], force: tuple[Array, Array], rules: RuleSet
) -> dict[str, float]:
    """Who joined and left the labour force between two dates five years apart, persons over the five years.

    ``people``, ``force``: (before, after), each (sex, 12 ages from 10-14). A cohort that shrinks loses its
    share of the labour force (deaths and net emigration); one that grows brings it in (net immigration);
    what remains is people of the cohort joining or leaving. The six flows sum to the change exactly.
    """
    found = split_cohorts(people, force)
    start = np.array(START_AGES)
    young, old = start < rules.threshold("entrant_age"), start >= rules.threshold("retirement_age")
    return {
        "entrants": float(found.joined[young].sum()),
        "reentrants": float(found.joined[~young].sum()),
        "immigration": float(found.immigration.sum()),
        "retirement": float(found.left[old].sum()),
        "withdrawal": float(found.left[~old].sum()),
        "mortality": float(found.mortality.sum()),
    }


@dataclass(frozen=True)
class CohortFlows:
    """Persons of each of the 11 cohorts of ``START_AGES``, both sexes, over the five years."""

    joined: Array
    left: Array
    mortality: Array
    immigration: Array


def split_cohorts(people: tuple[Array, Array], force: tuple[Array, Array]) -> CohortFlows:
    """The flows of ``follow_cohorts`` by cohort."""
    p0, l0 = _close_cohort(people[0]), _close_cohort(force[0])
    p1, l1 = people[1][:, 1:], force[1][:, 1:]
    ratio = np.divide(p1, p0, out=np.ones_like(p1), where=p0 > 0)
    mortality = l0 * np.maximum(0, 1 - ratio)
    immigration = np.where(ratio > 1, l1 * (1 - 1 / np.maximum(ratio, 1)), 0.0)
    rest = l1 - l0 + mortality - immigration
    parts = (np.maximum(rest, 0), np.maximum(-rest, 0), mortality, immigration)
    return CohortFlows(*(part.sum(axis=0) for part in parts))


def profile_exits(
    people: tuple[Array, Array], force: tuple[Array, Array], rules: RuleSet
) -> dict[str, Array]:
    """Yearly rate of leaving at each age of ``AGES`` (11,) by reason: a fifth of the cohort's five-year flow.

    Cohorts of 60 and over are followed together, so 60-64 and 65 and over have one rate.
    """
    found, at_start = split_cohorts(people, force), _close_cohort(force[0]).sum(axis=0)
    old = np.array(START_AGES) >= rules.threshold("retirement_age")
    flows = {
        "retirement": np.where(old, found.left, 0.0),
        "withdrawal": np.where(old, 0.0, found.left),
        "mortality": found.mortality,
    }
    ages = np.minimum(np.arange(1, len(AGES) + 1), len(START_AGES) - 1)
    return {
        name: (np.divide(flow, at_start, out=np.zeros_like(flow), where=at_start > 0) / (BACK + AHEAD))[ages]
        for name, flow in flows.items()
    }


def measure_flows(people: Array, force: Array, n_years: int, rules: RuleSet) -> Flows:
    """Yearly flows of ``n_years`` balance years from (sex, 12 ages, years) that start BACK years before.

    Year t takes a fifth of the five-year flow [t-3, t+2], whose middle is the middle of year t.
    """
    span = BACK + AHEAD
    found = [
        follow_cohorts((people[..., i], people[..., i + span]), (force[..., i], force[..., i + span]), rules)
        for i in range(n_years)
    ]
    return Flows(*(np.array([one[name] / span for one in found]) for name in Flows.__dataclass_fields__))


def measure_net_exits(force: AgeTable, rules: RuleSet) -> float | None:
    """Net method: yearly loss of the cohorts of 55 and over in the last five observed years, as a share.

    R = -sum over cohorts of min(0, LF[a+5, t+5] - LF[a, t]) / 5 (reference/methods 4.3). ``None`` without a
    figure five years before the last.
    """
    last = force.years[-1]
    if last - 5 not in force.years:
        return None
    before, after = force.values[..., list(force.years).index(last - 5)], force.values[..., -1]
    old = np.array(START_AGES[1:]) >= rules.threshold("retirement_age")
    change = (after[:, 1:] - _close_cohort(before))[:, old]
    return float(-np.minimum(change, 0).sum() / 5 / before.sum())


def measure_drift(force: Array, people: Array, rules: RuleSet) -> Array:
    """Standard deviation a year (by sex) of the log-odds of participation around its own trend."""
    odds = _log_odds(force.sum(axis=1) / people.sum(axis=1))
    steps = np.diff(odds, axis=1)
    drift: Array = (
        np.maximum(steps.std(axis=1), rules.threshold("participation_sd_floor"))
        if steps.size
        else np.full(len(SEXES), rules.threshold("participation_sd_floor"))
    )
    return drift


def read_rate(
    observations: pd.DataFrame,
    ref_area: str,
    indicator: str,
    ages: Sequence[str],
    last_year: int,
    sex: str = "_T",
) -> pd.DataFrame:
    """Yearly series of a national rate up to ``last_year``: the basis and age with the newest figure."""
    o = observations
    rows = o[
        (o["ref_area"] == ref_area)
        & (o["indicator"] == indicator)
        & (o["freq"] == "A")
        & (o["sex"] == sex)
        & o["age"].isin(ages)
        & (o["citizenship"] == "_T")
        & (o["economic_activity"] == "_T")
        & o["obs_value"].notna()
    ]
    rows = rows.assign(year=rows["time_period"].astype(int), order=rows["age"].map(list(ages).index))
    rows = rows[rows["year"] <= last_year]
    if rows.empty:
        return rows
    best = rows.sort_values(
        ["year", "basis_kind", "order"], ascending=[False, True, True], kind="stable"
    ).iloc[0]
    same = rows[(rows["basis_kind"] == best["basis_kind"]) & (rows["age"] == best["age"])]
    newest: pd.DataFrame = same.sort_values("year")
    return newest


ADULTS = ("_T", "Y_GE15")


def read_unemployment_rate(observations: pd.DataFrame, ref_area: str, last_year: int) -> pd.DataFrame:
    """Yearly unemployment rate of both sexes with the ids behind each figure (column ``ids``).

    The published total, or the rates of women and men weighted by their newest labour force where these are
    newer: publishers update the rates by sex and leave the total behind.
    """
    whole = read_rate(observations, ref_area, "UNE_RT", ADULTS, last_year)
    whole = whole.assign(ids=whole["observation_id"].map(lambda one: [str(one)]))
    parts = _combine_sexes(observations, ref_area, last_year)
    is_newer = len(parts) and (whole.empty or parts["year"].iloc[-1] > whole["year"].iloc[-1])
    return parts if is_newer else whole


def _combine_sexes(observations: pd.DataFrame, ref_area: str, last_year: int) -> pd.DataFrame:
    rates = {sex: read_rate(observations, ref_area, "UNE_RT", ADULTS, last_year, sex) for sex in ("F", "M")}
    force = {sex: read_rate(observations, ref_area, "LF", ADULTS, last_year, sex) for sex in ("F", "M")}
    if any(frame.empty for frame in (*rates.values(), *force.values())):
        return pd.DataFrame()
    weights = {sex: force[sex].iloc[-1] for sex in force}
    both = rates["F"].merge(rates["M"], on="year", suffixes=("_F", "_M"))
    total = sum(float(weights[sex]["obs_value"]) for sex in weights)
    unemployed = sum(both[f"obs_value_{sex}"] * float(weights[sex]["obs_value"]) for sex in weights)
    breaks = both["is_break_F"].astype(bool) | both["is_break_M"].astype(bool)
    weight_ids = [str(weights[sex]["observation_id"]) for sex in ("F", "M")]
    pairs = zip(both["observation_id_F"].astype(str), both["observation_id_M"].astype(str), strict=True)
    ids = [[*pair, *weight_ids] for pair in pairs]
    return pd.DataFrame(
        {"year": both["year"], "obs_value": unemployed / total, "is_break": breaks, "ids": ids}
    )


def _read_unemployment(observations: pd.DataFrame, ref_area: str, base_year: int, rules: RuleSet) -> Supply:
    rates = read_unemployment_rate(observations, ref_area, base_year)
    if rates.empty:
        return Supply(
            reasons={
                "unemployment": "NO_UNEMPLOYMENT_RATE: no national unemployment rate up to the base year"
            }
        )
    last = rates.iloc[-1]
    if not 0 <= float(last["obs_value"]) < 100:
        found = f"{float(last['obs_value']):g} per cent of the labour force in {int(last['year'])}"
        return Supply(reasons={"unemployment": f"BAD_UNEMPLOYMENT_RATE: the unemployed are {found}"})
    steps = rates["obs_value"].diff()[(rates["year"].diff() == 1) & ~rates["is_break"].astype(bool)]
    floor = rules.threshold("unemployment_sd_floor")
    yearly = max(float(steps.std(ddof=0)), floor) if len(steps) >= 5 else floor
    age = min(max(base_year - int(last["year"]), 1), rules.threshold("unemployment_age_limit"))
    return Supply(
        unemployment_rate=float(last["obs_value"]),
        unemployment_sd=yearly * float(np.sqrt(age)),
        unemployment_year=int(last["year"]),
        inputs={"unemployment": list(last["ids"])},
    )


def _read_potentials(
    observations: pd.DataFrame, ref_area: str, people: Array, workers: Array, base_year: int
) -> Supply:
    """Young people not in employment, education or training, and women of 25-54 outside the labour force."""
    ages = (CHILDREN, *AGES)
    prime = slice(ages.index("Y25T29"), ages.index("Y50T54") + 1)
    women = (people[0, prime] - workers[0, prime]).sum(axis=0)
    neet = read_rate(observations, ref_area, "NEET_RT", ("_T", "Y15T24"), base_year)
    if neet.empty:
        reasons = {
            "potential_neet": "NO_NEET_RATE: no rate of young people not in employment, education or training"
        }
        return Supply(potential_women=women, reasons=reasons)
    youth = people[:, 1:3].sum(axis=(0, 1))
    inputs = {"potential_neet": [str(neet["observation_id"].iloc[-1])]}
    return Supply(
        potential_women=women, potential_neet=float(neet["obs_value"].iloc[-1]) / 100 * youth, inputs=inputs
    )


def _explain_ages(people: AgeTable | None, force: AgeTable | None, years: Sequence[int]) -> str | None:
    if force is None:
        return "NO_LABOUR_FORCE_BY_AGE: no labour force by sex and five-year age group"
    if people is None:
        return "NO_POPULATION_BY_AGE: no population by sex and five-year age group"
    if people.years[0] > min(years[0], force.years[0]) or people.years[-1] < years[-1]:
        found = f"{people.years[0]:.0f}-{people.years[-1]:.0f}"
        return f"POPULATION_TOO_SHORT: population by age covers {found}, {years[0]}-{years[-1]} is needed"
    return None


def _adjust_level(
    force: Array, employment: float, unemployment_rate: float | None, rules: RuleSet
) -> tuple[float | None, str]:
    """Ratio that puts the labour force by age on the level of the employment series, or why there is none."""
    if unemployment_rate is None:
        return None, "NO_UNEMPLOYMENT_RATE: no national unemployment rate up to the base year"
    if not employment > 0:
        return None, "NO_EMPLOYMENT: no employment of all sectors in the base year"
    ratio = employment / (1 - unemployment_rate / 100) / float(force.sum())
    low, high = rules.threshold("level_ratio_low"), rules.threshold("level_ratio_high")
    if not low <= ratio <= high:
        return (
            None,
            f"LEVELS_DISAGREE: employment with unemployment is {ratio:.2f} times the labour force by age "
            f"({low:g} to {high:g} accepted)",
        )
    return ratio, ""


def estimate_supply(
    observations: pd.DataFrame,
    ref_area: str,
    first_year: int,
    last_year: int,
    base_employment: float,
    rules: RuleSet,
) -> Supply:
    """National supply of one country; missing ingredients leave ``None`` and a reason, never an error.

    ``base_employment``: employment of all sectors in the year before ``first_year``, persons.
    """
    years = list(range(first_year - BACK, last_year + AHEAD + 1))
    jobless = _read_unemployment(observations, ref_area, first_year - 1, rules)
    people, force = (
        read_population(observations, ref_area),
        read_age_table(observations, ref_area, "LF", AGES),
    )
    reason = _explain_ages(people, force, years)
    if reason is not None or people is None or force is None:
        return _fall_back(jobless, force, last_year - first_year + 1, str(reason), rules)
    return _combine(observations, ref_area, years, people, force, jobless, base_employment, rules)


def _fall_back(jobless: Supply, force: AgeTable | None, n_years: int, reason: str, rules: RuleSet) -> Supply:
    """Exits by the net method where the cohorts of the population are not known; no entrants."""
    rate = None if force is None else measure_net_exits(force, rules)
    if rate is None or force is None:
        return replace(jobless, reasons={**jobless.reasons, "ages": reason, "exits": reason})
    last = int(force.years[-1])
    return replace(
        jobless,
        exit_rate=np.full(n_years, rate),
        exit_method="net method over cohorts of 55 and over in the last five observed years, kept constant",
        reasons={**jobless.reasons, "ages": reason},
        inputs={**jobless.inputs, "exits": force.ids[last - 5] + force.ids[last]},
    )


def _project_workers(
    people: AgeTable, force: AgeTable, years: list[int], rules: RuleSet
) -> tuple[Array, Array, Array]:
    """Population and labour force (sex, 12 ages from 10-14, years), and yearly drift of participation."""
    past = interpolate_years(people, [int(y) for y in force.years])[:, 1:]
    history = np.divide(force.values, past, out=np.zeros_like(force.values), where=past > 0)
    population = interpolate_years(people, years)
    rates = project_rates(force.years, history, years, rules)
    workers = population * np.concatenate([np.zeros_like(rates[:, :1]), rates], axis=1)
    recent = force.years > force.years[-1] - rules.threshold("trend_years")
    return population, workers, measure_drift(force.values[..., recent], past[..., recent], rules)


def _split_sexes(people: Array, workers: Array, ratio: float, rules: RuleSet) -> dict[str, Flows]:
    """Yearly flows of women and of men, on the level of the employment series; they sum to those of both."""
    n_years = people.shape[-1] - BACK - AHEAD
    return {
        sex: measure_flows(people[[i]], workers[[i]], n_years, rules).scale(ratio)
        for i, sex in enumerate(SEXES)
    }


def _combine(
    observations: pd.DataFrame,
    ref_area: str,
    years: list[int],
    people: AgeTable,
    force: AgeTable,
    jobless: Supply,
    base_employment: float,
    rules: RuleSet,
) -> Supply:
    population, workers, drift_sd = _project_workers(people, force, years, rules)
    balance = slice(BACK - 1, len(years) - AHEAD)
    now_people, now_workers = population[..., balance], workers[..., balance]
    ratio, problem = _adjust_level(now_workers[..., 0], base_employment, jobless.unemployment_rate, rules)
    problem = jobless.reasons.get("unemployment", problem)
    flows = measure_flows(population, workers, len(years) - BACK - AHEAD, rules)
    totals, adults = now_workers.sum(axis=(0, 1)), now_people[:, 1:].sum(axis=1)
    potentials = _read_potentials(
        observations, ref_area, now_people[..., 1:], now_workers[..., 1:], years[BACK - 1]
    )
    trend_from = force.years[-1] - rules.threshold("trend_years")
    trend_ids = [i for year in sorted(force.ids) if year > trend_from for i in force.ids[year]]
    return replace(
        jobless,
        exit_rate=flows.exits() / totals[:-1],
        exit_parts={
            name: getattr(flows, name) / totals[:-1] for name in ("retirement", "withdrawal", "mortality")
        },
        exit_ages=profile_exits(
            (population[..., 0], population[..., BACK + AHEAD]),
            (workers[..., 0], workers[..., BACK + AHEAD]),
            rules,
        ),
        exit_method="cohort-component over five years of the labour force by sex and age",
        flows=None if ratio is None else flows.scale(ratio),
        flows_by_sex={} if ratio is None else _split_sexes(population, workers, ratio, rules),
        labour_force_by_sex={}
        if ratio is None
        else {sex: ratio * now_workers[i].sum(axis=0) for i, sex in enumerate(SEXES)},
        labour_force=None if ratio is None else ratio * totals,
        adults=adults,
        rates=now_workers.sum(axis=1) / adults,
        level_ratio=ratio,
        drift_sd=drift_sd,
        potential_neet=potentials.potential_neet,
        potential_women=potentials.potential_women,
        reasons={**jobless.reasons, **potentials.reasons, **({"ages": problem} if problem else {})},
        inputs={**jobless.inputs, **potentials.inputs, "ages": bracket_ids(people, years) + trend_ids},
    )
