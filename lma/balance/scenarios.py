"""An analyst's own question: demand, participation, retirement or migration different from the baseline.

Pure changes to the parts of one simulation, before anything is summed. All of them are per draw, and the
elasticities have random numbers of their own, so that a scenario and the baseline differ by the scenario alone.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt
import pandas as pd

from lma.classifications import activity_sections
from lma.contracts import RuleSet, Scenario, codelist, rule_set
from lma.errors import DefinitionError

Array = npt.NDArray[np.float64]

BASELINE = Scenario(
    name="baseline",
    description="Published forecasts and trends, nothing changed.",
)
BY_SECTOR = ("demand_growth_points", "wage_growth_points", "automation_pc")
BY_FOREIGN_WORKERS = ("recruitment_stop", "recruitment_quota", "foreign_ceiling")
EVERY = "_T"
WORLD = "WLD"


@dataclass(frozen=True)
class Elasticities:
    """How strongly people and employers answer, one figure per draw (draws,)."""

    wage_demand: Array
    wage_participation: Array
    retirement: Array
    automation: Array
    returnee_participation: Array


def draw_elasticities(
    n_draws: int, seed_of: Callable[[str], np.random.Generator], rules: RuleSet | None = None
) -> Elasticities:
    """Each elasticity evenly between its two ends, in random order; ``rules``: rule set ``scenarios``."""
    known = rules or rule_set("scenarios")
    drawn = {}
    for name in (field.name for field in fields(Elasticities)):
        low, high = known.threshold(f"{name}_low"), known.threshold(f"{name}_high")
        order = seed_of(f"elasticity {name}").permutation(n_draws)
        drawn[name] = low + (high - low) * (order + 0.5) / n_draws
    return Elasticities(**drawn)


# ---------------------------------------------------------------- activities


def find_activity(code: str, known: Iterable[str]) -> str | None:
    """The code itself, or the one of ``known`` with the same sections of ISIC Rev. 4 (MAN for C)."""
    listed = list(known)
    if code in listed or code == EVERY:
        return code
    sections = _sections_of(code)
    return next((one for one in listed if sections and _sections_of(one) == sections), None)


def _sections_of(code: str) -> tuple[str, ...]:
    listed = set(codelist("economic_activities")["code"])
    return activity_sections(code) if code in listed else ()


def check_activities(scenario: Scenario, sectors: Sequence[str], counted: Collection[str] = ()) -> None:
    """``DefinitionError`` names activities that are no sector of the balance, with the closest that is.

    ``counted``: activities whose foreign workers are counted, allowed where migration is asked about.
    """
    for key in (*BY_SECTOR, *BY_FOREIGN_WORKERS):
        known = list(dict.fromkeys([*sectors, *(counted if key in BY_FOREIGN_WORKERS else ())]))
        unknown = [code for code in getattr(scenario, key) if find_activity(code, known) is None]
        if unknown:
            raise DefinitionError(
                f"scenario {scenario.name!r}, {key}: {', '.join(unknown)} is no sector of the balance. "
                f"Use {EVERY} or one of {', '.join(known)}.{_suggest(unknown[0], known)}"
            )
    _check_named_once(scenario, sectors)


def _check_named_once(scenario: Scenario, sectors: Sequence[str]) -> None:
    for key in BY_SECTOR:
        found = [find_activity(code, sectors) for code in getattr(scenario, key)]
        twice = {code for code in found if found.count(code) > 1}
        if twice:
            raise DefinitionError(
                f"scenario {scenario.name!r}, {key}: two entries mean {', '.join(map(str, twice))}: keep one."
            )


def _suggest(unknown: str, known: Sequence[str]) -> str:
    """The closest sector by code or by name, in words; nothing where none is close."""
    listed = codelist("economic_activities").set_index("code")["label_en"]
    names = {str(listed.get(code, code)).lower(): code for code in known}
    words = {code.lower(): code for code in known} | names
    starts = [code for name, code in names.items() if name.startswith(unknown.lower()) and len(unknown) > 3]
    close = starts or [
        words[found] for found in difflib.get_close_matches(unknown.lower(), words, 1, cutoff=0.6)
    ]
    return f" Closest: {close[0]} ({listed.get(close[0], close[0])})." if close else ""


def spread_points(figures: Mapping[str, float], sectors: Sequence[str]) -> Array:
    """The figure of each sector (sectors,); a sector's own entry replaces that of `_T`, without any it is 0."""
    own = {find_activity(code, sectors): figure for code, figure in figures.items() if code != EVERY}
    return np.array([own.get(sector, figures.get(EVERY, 0.0)) for sector in sectors], dtype=float)


# ---------------------------------------------------------------- demand


def apply_growth_points(employment: Array, points: Array) -> Array:
    """Employment (draws, sectors, years; first year is the base) with ``points`` added to yearly growth.

    Growth never falls below -100 per cent. From or to nobody there is no growth: that step is taken to be none, so a
    sector that comes back has its workers again. Without points the draws come back unchanged.
    """
    if not points.any():
        return employment
    before, after = employment[:, :, :-1], employment[:, :, 1:]
    growth = np.divide(after, before, out=np.ones_like(after), where=(before > 0) & (after > 0))
    raised = np.maximum(growth + points[None, :, None] / 100, 0)
    return np.concatenate([employment[:, :, :1], after * np.cumprod(raised / growth, axis=2)], axis=2)


def answer_wages(points: Array, elasticity: Array, n_years: int) -> Array:
    """Factor (draws, sectors, years) of labour when wages grow ``points`` faster: (1 + w/100)^(years x elasticity)."""
    passed = np.arange(1, n_years + 1)
    answered: Array = (1 + points[None, :, None] / 100) ** (elasticity[:, None, None] * passed)
    return answered


def automate(per_cent: Array, lost: Array, n_years: int) -> Array:
    """Factor (draws, sectors, years) of employment: year i of n has i/n of the tasks automated, ``lost`` of them jobs."""
    way = np.arange(1, n_years + 1) / n_years
    kept: Array = 1 - lost[:, None, None] * per_cent[None, :, None] / 100 * way
    return kept


def change_employment(
    employment: Array, scenario: Scenario, sectors: Sequence[str], elasticities: Elasticities
) -> Array:
    """Employment (draws, sectors, base and balance years) under a scenario; the base year stays as it is."""
    points, wages, machines = (spread_points(getattr(scenario, key), sectors) for key in BY_SECTOR)
    changed, n_years = apply_growth_points(employment, points), employment.shape[2] - 1
    if not wages.any() and not machines.any():
        return changed
    factor = answer_wages(wages, elasticities.wage_demand, n_years)
    factor = factor * automate(machines, elasticities.automation, n_years)
    return np.concatenate([changed[:, :, :1], changed[:, :, 1:] * factor], axis=2)


def postpone_retirement(scenario: Scenario, n_years: int, elasticities: Elasticities) -> Array:
    """Share (draws,) of each year's retirements that does not take place in it.

    An age that rises by y years in n lets only 1 - y/n of a yearly cohort reach it each year; of those kept
    back, the elasticity is the share that works on. ``DefinitionError`` for an age that outruns the years.
    """
    if abs(scenario.retirement_age_years) > n_years:
        raise DefinitionError(
            f"scenario {scenario.name!r}, retirement_age_years: {scenario.retirement_age_years:g} within {n_years} "
            f"years is faster than people age: give at most {n_years}, or forecast further ahead (lma run --horizon)."
        )
    postponed: Array = elasticities.retirement * scenario.retirement_age_years / n_years
    return postponed


# ---------------------------------------------------------------- supply


def add_participants(women: Array, scenario: Scenario) -> Array:
    """Women who join each year so that female participation ends ``participation_points`` higher.

    ``women``: women of 15 and over in each year. Reached linearly: year i of n stands i/n of the way.
    """
    way = np.arange(len(women) + 1) / len(women)
    before = np.concatenate([women[:1], women[:-1]])
    points: Array = scenario.participation_points / 100 * (women * way[1:] - before * way[:-1])
    return points


def attract_by_wages(
    base: Array, scenario: Scenario, sectors: Sequence[str], n_years: int, elasticities: Elasticities
) -> Array:
    """People who join each year (draws, sectors, years) because wages are higher; ``base``: (draws, sectors)."""
    wages = spread_points(scenario.wage_growth_points, sectors)
    levels = answer_wages(wages, elasticities.wage_participation, n_years)
    steps = np.diff(levels, axis=2, prepend=1.0)
    joined: Array = base[:, :, None] * steps
    return joined


def count_returnees(scenario: Scenario, n_years: int, elasticities: Elasticities) -> Array | None:
    """Returnees who look for work (draws, years), in equal yearly parts; ``None`` without a return wave."""
    if not scenario.return_persons:
        return None
    yearly = np.full(n_years, scenario.return_persons / n_years)
    looking: Array = elasticities.returnee_participation[:, None] * yearly
    return looking


# ---------------------------------------------------------------- recruitment abroad


def read_limits(
    scenario: Scenario, activity: str, counted: Collection[str], sector: str | None = None
) -> tuple[float | None, float | None]:
    """Persons that may be recruited a year, and the ceiling on the foreign share; ``None`` is no limit.

    What is asked of the activity itself goes before what is asked of the ``sector`` it lies within, and that
    before what is asked of all.
    """

    def rank(code: str) -> int:
        if find_activity(code, counted) == activity and code != EVERY:
            return 0
        inside = sector is not None and code != EVERY and find_activity(code, (sector,)) == sector
        return 1 if inside else 2 if code == EVERY else 3

    def choose(figures: Mapping[str, float]) -> float | None:
        ranked = sorted((rank(code), figure) for code, figure in figures.items() if rank(code) < 3)
        return ranked[0][1] if ranked else None

    if any(rank(code) < 3 for code in scenario.recruitment_stop):
        return 0.0, None
    return choose(scenario.recruitment_quota), choose(scenario.foreign_ceiling)


def recruit(
    continued: Array,
    stock: Array,
    employment: Array,
    contract_years: int,
    limits: tuple[float | None, float | None],
) -> tuple[Array, Array]:
    """Recruited and ending contracts (draws, years) of one activity under a quota or ceiling.

    ``continued``: yearly recruitment that keeps today's ``stock`` (draws,) as it is, equal to the contracts
    that end; ``employment``: workers of the activity (draws, years). Whoever is not recruited has no contract
    that ends ``contract_years`` later. Under a ceiling c, recruits are at most c x workers less the
    foreign workers who stay, and no more than without it; nobody is sent home.
    """
    quota, ceiling = limits
    recruited, ending, foreign = np.zeros_like(continued), continued.copy(), stock.astype(float)
    for t in range(continued.shape[1]):
        if t >= contract_years:
            ending[:, t] -= continued[:, t - contract_years] - recruited[:, t - contract_years]
        wanted = continued[:, t] if quota is None else np.full(len(stock), quota)
        room = np.inf if ceiling is None else ceiling * employment[:, t] - (foreign - ending[:, t])
        recruited[:, t] = np.clip(room, 0.0, wanted)
        foreign = foreign - ending[:, t] + recruited[:, t]
    return recruited, ending


@dataclass(frozen=True)
class Ground:
    """What the data of a country can answer.

    ``sectors``: of its balance. ``counted``: activities whose foreign workers are counted, and the sector each
    lies within. ``reasons``: why a count cannot be used, by activity or sector. ``abroad``: migrants of the
    country's origin.
    """

    sectors: tuple[str, ...]
    counted: Mapping[str, str]
    reasons: Mapping[str, str]
    abroad: float | None

    def lacks(self, key: str, code: str) -> bool:
        """Whether ``code`` is an activity, but not one that this key can be answered for."""
        if key in BY_SECTOR:
            return find_activity(code, self.sectors) is None and _is_listed(code)
        if code == EVERY:
            return not self.counted
        known = [*self.counted, *self.counted.values()]
        return find_activity(code, known) is None and (_is_listed(code) or code in self.sectors)


def _is_listed(code: str) -> bool:
    return code in set(codelist("economic_activities")["code"])


def find_obstacles(scenario: Scenario, ground: Ground) -> dict[str, str]:
    """Key of the scenario -> why the country's data cannot answer it, or a part of it."""
    found = {}
    for key in (*BY_SECTOR, *BY_FOREIGN_WORKERS):
        lacking = [str(code) for code in getattr(scenario, key) if ground.lacks(key, code)]
        if lacking:
            explain = _explain_no_sector if key in BY_SECTOR else _explain_uncounted
            found[key] = explain(lacking, ground)
    if scenario.return_pc and ground.abroad is None:
        found["return_pc"] = "NO_STOCK_ABROAD: no loaded source counts the country's migrants abroad"
    return found


def _explain_no_sector(asked: Sequence[str], ground: Ground) -> str:
    return (
        f"NO_SECTOR: {', '.join(asked)} is no sector of this balance, which has {', '.join(ground.sectors)}"
    )


def _explain_uncounted(asked: Sequence[str], ground: Ground) -> str:
    reasons, counted = ground.reasons, ground.counted
    given = [reasons[code] for code in (reasons if EVERY in asked else asked) if code in reasons]
    if given:
        return given[0]
    where = "any activity" if EVERY in asked else ", ".join(asked)
    others = f"; they are counted in {', '.join(sorted(counted))}" if counted else ""
    return f"NO_FOREIGN_WORKERS: no loaded source counts foreign workers in {where}{others}"


def keep_answerable(scenario: Scenario, ground: Ground) -> Scenario:
    """The scenario without what `find_obstacles` names; its return wave in persons."""
    kept: dict[str, object] = {}
    for key in (*BY_SECTOR, *BY_FOREIGN_WORKERS):
        asked = getattr(scenario, key)
        codes = [code for code in asked if not ground.lacks(key, code)]
        kept[key] = {code: asked[code] for code in codes} if isinstance(asked, dict) else codes
    if ground.abroad is None:
        kept["return_pc"] = 0.0
    return settle_returns(scenario.model_copy(update=kept), ground.abroad)


def settle_returns(scenario: Scenario, abroad: float | None) -> Scenario:
    """The scenario with its return wave in persons; unchanged where it gives persons or the stock is not known."""
    if not scenario.return_pc or abroad is None:
        return scenario
    persons = scenario.return_pc / 100 * abroad
    return scenario.model_copy(update={"return_persons": persons, "return_pc": 0.0})


def measure_abroad(observations: pd.DataFrame, ref_area: str, as_of_year: int) -> float | None:
    """Migrants of the country's origin in the world, newest count; ``None`` where no destination is known."""
    o = observations
    rows = o[(o["indicator"] == "MIG_STOCK") & (o["counterpart_area"] == ref_area) & o["obs_value"].notna()]
    rows = rows[(rows["sex"] == "_T") & (rows["age"] == "_T")]
    rows = rows[rows["time_period"].str[:4].astype(int) <= as_of_year]
    if rows.empty:
        return None
    newest = rows[rows["time_period"] == rows["time_period"].max()]
    world = newest[newest["ref_area"] == WORLD]
    counted = world.head(1) if len(world) else newest.drop_duplicates("ref_area")
    return float(counted["obs_value"].sum())
