"""When could labour migration fill a gap: nine tests, each shown with its values, then a recommendation.

Every test is evaluated and shown, also after one has failed. RESULT names the first failing test in order.
The rule recommends, it never admits. Migration shares enter D7 only, never the shortage itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import pandas as pd

from lma.contracts import Country, Evidence, RuleSet, codelist, rule_set, table_contract, weakest_basis
from lma.migration.alternatives import (
    Alternative,
    Span,
    Surplus,
    Unit,
    describe_match,
    list_alternatives,
    total_alternatives,
)
from lma.migration.corridors import read_ratings
from lma.migration.dependency import (
    Concentration,
    Dependency,
    compute_headroom,
    explain_no_share,
    measure_concentration,
    measure_dependency,
    pair_counts,
)
from lma.migration.evidence import Figure, conform_frame, find_newest, select_figures, year_of
from lma.migration.gaps import (
    GAP,
    UNEMPLOYED_USABLE,
    Gap,
    Modality,
    choose_gap,
    compute_need,
    judge_modality,
    measure_season,
    read_all_gaps,
)
from lma.migration.local_evidence import find_code, find_evidence, list_indicators, select_current
from lma.migration.options import Case, Drivers, list_options
from lma.migration.pools import Pools, measure_pools
from lma.migration.steps import (
    CurrentData,
    EarlierRating,
    Outcome,
    Pay,
    Rating,
    check_data,
    check_decent_work,
    check_dependency,
    check_domestic_capacity,
    check_origin_safety,
    check_persistence,
    check_shortage,
    check_technology,
    check_time,
    conclude,
    find_training,
)
from lma.shortages.jsa import DRIVERS, route_options


def decide(
    country: Country,
    *,
    as_of_year: int,
    balances: pd.DataFrame,
    shortages: pd.DataFrame,
    indicators: pd.DataFrame,
    observations: pd.DataFrame,
    forecasts: pd.DataFrame,
    corridors: pd.DataFrame,
    rules: RuleSet | None = None,
    edition: str | None = None,
    earlier: Mapping[str, Sequence[EarlierRating]] | None = None,
) -> pd.DataFrame:
    """Rows of marts.decisions of every activity with a rating, a gap or a zone: D0 to D8, RESULT, MODALITY, options.

    Frames have the columns of their marts tables; ``corridors`` as list_corridors makes them;
    ``as_of_year`` is the year of the run, ``edition`` its month; ``earlier``: ratings of earlier assessments by
    activity, newest first. Rows are ordered by activity, occupation and step.
    """
    rules = rules or rule_set("decision")
    # Every test reads the country's own figures; without the other countries' each look-up is quick.
    own = observations[observations["ref_area"] == country.ref_area]
    room = _Room(
        country, as_of_year, balances, shortages, indicators, own, forecasts, corridors, rules,
        edition or f"{as_of_year}-12", earlier or {},
        measure_pools(own, country.ref_area, as_of_year, rules), read_all_gaps(balances, country.ref_area),
        measure_concentration(own, country.ref_area, as_of_year),
        select_current(country.evidence, as_of_year, rules.threshold("max_age")),
    )  # fmt: skip
    rows = [
        row for activity, occupation in _list_units(room) for row in _decide_unit(room, activity, occupation)
    ]
    return conform_frame(rows, table_contract("marts.decisions").column_names)


MEDIANS = ("EARN_MEDIAN", "EARN_MEDIAN_YEAR")
"""Published median pay, the monthly before the yearly."""


@dataclass(frozen=True)
class _Room:
    """The frames a decision reads, together."""

    country: Country
    as_of_year: int
    balances: pd.DataFrame
    shortages: pd.DataFrame
    indicators: pd.DataFrame
    observations: pd.DataFrame
    forecasts: pd.DataFrame
    corridors: pd.DataFrame
    rules: RuleSet
    edition: str
    earlier: Mapping[str, Sequence[EarlierRating]]
    pools: Pools
    gaps: Mapping[tuple[str, str], list[Gap]]
    concentration: Concentration | None
    evidence: Sequence[Evidence] = field(default_factory=list)

    def given(self, figure: str, activity: str) -> Figure | None:
        """Current evidence of the country file about an activity."""
        return find_evidence(self.evidence, figure, activity)


def _list_units(room: _Room) -> list[tuple[str, str]]:
    """(activity, occupation) pairs with a rating or a gap, and the zones of the country, sorted."""
    area = room.country.ref_area
    gaps = room.balances[(room.balances["ref_area"] == area) & (room.balances["measure"] == GAP)]
    rated = room.shortages[(room.shortages["ref_area"] == area) & (room.shortages["indicator"] == "_SCORE")]
    rated = rated[rated["method"] == "rating"]
    units = {
        (str(activity), str(occupation))
        for frame in (gaps, rated)
        for activity, occupation in zip(frame["economic_activity"], frame["occupation"], strict=True)
    }
    # The whole economy is no activity that could be filled: it has no row of its own.
    return sorted((units | {(zone.economic_activity, "_T") for zone in room.country.zones}) - {("_T", "_T")})


def _decide_unit(room: _Room, activity: str, occupation: str) -> list[dict[str, object]]:
    """The rows of one activity and occupation."""
    area, rules = room.country.ref_area, room.rules
    gaps = room.gaps.get((activity, occupation), [])
    gap = choose_gap(gaps, int(rules.threshold("persistence_years")))
    training = find_training(activity, room.given("TRAINING_YEARS", activity), rules)
    unit = Unit(room.observations, area, activity, room.as_of_year, rules, room.pools, room.evidence)
    alternatives = _consider_alternatives(room, unit, gap, training[0])
    capacity = total_alternatives(alternatives)
    dependency = _find_dependency(room, activity)
    headroom = _find_headroom(room, dependency)
    need = None if gap is None or capacity is None else compute_need(gap, capacity, headroom)
    rating = _find_rating(room, activity, occupation)
    outcomes = [
        check_data(_count_current_data(room, activity, occupation), room.as_of_year, rules),
        check_shortage(rating, _find_containing(room, activity)),
        check_persistence(gap, rating, room.earlier.get(activity, ()), room.edition, rules),
        check_decent_work(_find_pay(room, activity, occupation), room.as_of_year, rules),
        check_domestic_capacity(alternatives, gap, describe_match(alternatives, unit)),
        check_technology(*_find_technology(room, activity), rules),
        check_time(gaps, training, room.as_of_year),
        check_dependency(
            dependency,
            need,
            room.country.dependency_ceiling,
            _find_concentration(room, activity),
            room.as_of_year,
            rules,
            _explain_no_share(room, activity),
        ),
        check_origin_safety(_select_corridors(room, activity), rules),
    ]
    modality = judge_modality(gaps, _find_season(room, activity), rules)
    result = conclude(outcomes, need, alternatives, modality)
    steps = [*outcomes, result]
    case = Case(
        {one.step_id: one for one in steps},
        alternatives,
        gap,
        _find_drivers(room, activity, occupation),
        room.given("OVERQUALIFIED", activity),
    )
    rows = [*steps, _state_modality(modality, room.rules), *list_options(case), _state_drivers(case.drivers)]
    return _build_rows(area, activity, occupation, rows)


def _consider_alternatives(room: _Room, unit: Unit, gap: Gap | None, training: float) -> list[Alternative]:
    """Domestic alternatives over the years of the gap; the unemployed count once, here or in the balance."""
    years = gap.years if gap is not None else int(room.rules.threshold("persistence_years"))
    mask = (room.balances["ref_area"] == unit.ref_area) & (
        room.balances["economic_activity"] == unit.economic_activity
    )
    seekers = room.balances[mask & (room.balances["measure"] == UNEMPLOYED_USABLE)]
    return list_alternatives(
        unit,
        Span(years, training),
        _count_surplus(room, unit.economic_activity, gap),
        unemployed_in_supply=bool((seekers["value"] > 0).any()),
    )


def _count_surplus(room: _Room, activity: str, gap: Gap | None) -> Surplus | None:
    """Seekers beyond openings in the other activities of the same level, over the same years.

    How many activities lack workers counts this one, so that the size of its own gap never matters.
    """
    levels = codelist("economic_activities").set_index("code")["classification"]
    if gap is None or activity not in levels.index:
        return None
    others = [code for code in levels.index[levels == levels[activity]] if code != activity]
    found = [
        one
        for code in others
        for one in room.gaps.get((code, "_T"), [])
        if one.time_period == gap.time_period
    ]
    if not found:
        return None
    persons = sum(max(0.0, -one.q50) for one in found)
    ids = tuple(one.ids[1] for one in found if one.q50 < 0)
    return Surplus(persons, 1 + sum(one.q50 > 0 for one in found), gap.time_period, ids)


def _find_dependency(room: _Room, activity: str) -> Dependency | None:
    """Counts of a loaded source, else those of the country file."""
    published = measure_dependency(
        room.observations,
        room.country.ref_area,
        activity,
        room.as_of_year,
        int(room.rules.threshold("change_years")),
    )
    return published or pair_counts(room.given("WORKERS", activity), room.given("FOREIGN_WORKERS", activity))


def _find_containing(room: _Room, activity: str) -> str | None:
    """The activity that a zone lies within, as the country file says."""
    return next((zone.within for zone in room.country.zones if zone.economic_activity == activity), None)


def _explain_no_share(room: _Room, activity: str) -> str:
    """Why the activity has no foreign share; a zone inside it that has one gives the least there is."""
    why = explain_no_share(room.observations, room.country.ref_area, activity, room.as_of_year)
    inside = [zone for zone in room.country.zones if zone.within == activity]
    counted = [(zone, _find_dependency(room, zone.economic_activity)) for zone in inside]
    named = [
        f"{zone.label} inside it has {one.foreign.value:,.0f} ({one.foreign.time_period})"
        for zone, one in counted
        if one is not None
    ]
    return "; ".join([why, *named])


def _find_headroom(room: _Room, dependency: Dependency | None) -> float | None:
    if dependency is None:
        return None
    ceiling = room.country.dependency_ceiling
    return max(0.0, compute_headroom(dependency.total.value, dependency.foreign.value, ceiling))


def _find_concentration(room: _Room, activity: str) -> Concentration | None:
    """Of the activity's own foreign workers where the country file gives it, else of all migrants."""
    given = room.given("ORIGIN_HHI", activity)
    if given is not None:
        return Concentration(
            given.value, given.time_period, (), given.basis, f"of the activity, {given.note}"
        )
    return room.concentration


def _find_technology(room: _Room, activity: str) -> tuple[Figure | None, Figure | None]:
    """(exposure to automation, whether equipment is on offer): an indicator, else the country file."""
    exposure = _find_indicator(room, "AUTOMATION_RISK", activity) or room.given("AUTOMATION_RISK", activity)
    return exposure, room.given("CAPITAL_OPTION", activity)


def _find_season(room: _Room, activity: str) -> Figure | None:
    least = int(room.rules.threshold("seasonal_years"))
    published = measure_season(room.observations, activity, room.as_of_year, least)
    return published or room.given("PEAK_TO_TROUGH", activity)


def _find_drivers(room: _Room, activity: str, occupation: str) -> Drivers:
    """Drivers of the JSA-style rule that hold, else the one of the country file."""
    frame = room.shortages
    mask = (frame["ref_area"] == room.country.ref_area) & (frame["economic_activity"] == activity)
    mask &= (frame["occupation"] == occupation) & (frame["method"] == "jsa")
    rows = frame[mask & frame["indicator"].isin(DRIVERS) & (frame["points"] == 1)]
    if not rows.empty:
        codes = tuple(one for one in DRIVERS if one in set(rows["indicator"]))
        return Drivers(
            codes, f"{', '.join(codes)} by the JSA-style rule", tuple(rows["shortage_id"].astype(str))
        )
    given = find_code(room.evidence, "DRIVER", activity)
    return Drivers() if given is None else Drivers((given[0],), f"{given[0]} ({given[1]})")


def _state_drivers(drivers: Drivers) -> Outcome:
    """Why vacancies stay open, as a row of its own."""
    base = Outcome(
        "DRIVERS", "Why vacancies stay open", "NOT_ASSESSED", f"{drivers.text}.", "NR", ids=drivers.ids
    )
    if not drivers.codes:
        return base
    routed = ", ".join(route_options(list(drivers.codes)))
    text = f"{drivers.text}; leads to {routed}."
    return replace(base, outcome="PASS", reason_code=" ".join(drivers.codes), text=text)


def _state_modality(modality: Modality, rules: RuleSet) -> Outcome:
    """How long the work lasts, as a row of its own."""
    return Outcome(
        "MODALITY",
        "Seasonal, circular or longer-term",
        "NOT_ASSESSED" if modality.code == "NONE" else "PASS",
        f"{modality.text[:1].upper()}{modality.text[1:]}.",
        "RATIO",
        modality.value,
        rules.threshold("seasonal_ratio"),
        reason_code=modality.code,
        basis=modality.basis,
        ids=modality.ids,
    )


def _count_current_data(room: _Room, activity: str, occupation: str) -> CurrentData:
    """Indicators of the rule sets with a value, a past period and an age within the limit."""
    frame = room.shortages
    mask = (frame["ref_area"] == room.country.ref_area) & (frame["economic_activity"] == activity)
    mask &= (
        (frame["occupation"] == occupation) & (frame["method"] != "rating") & (frame["indicator"] != "_SCORE")
    )
    mask &= frame["value"].notna() & (frame["basis"] != "projection")
    rows = frame[mask & frame["time_period"].astype(str).str.match(r"\d{4}")]
    years = rows["time_period"].map(_last_year).astype(int)
    current = rows[(years <= room.as_of_year) & (years >= room.as_of_year - room.rules.threshold("max_age"))]
    return CurrentData(
        (*sorted(set(current["indicator"].astype(str))), *list_indicators(room.evidence, activity)),
        int(((current["method"] == "oecd") & current["points"].notna()).sum()),
        None if rows.empty else int(years.max()),
        _describe_coverage(room, activity),
        weakest_basis(current["basis"]),
        tuple(current["shortage_id"].astype(str)),
    )


def _last_year(time_period: str) -> int:
    """Year of a period; of a span such as 2020-2025 the last."""
    span = len(time_period) == 9 and time_period[4] == "-"
    return int(time_period[5:]) if span else year_of(time_period)


def _describe_coverage(room: _Room, activity: str) -> str:
    """Whether the activity has an employment forecast, and how far."""
    frame = room.forecasts
    mask = (frame["ref_area"] == room.country.ref_area) & (frame["economic_activity"] == activity)
    rows = frame[mask & (frame["indicator"] == "EMP") & (frame["sex"] == "_T")]
    champion = rows[rows["role"] == "champion"]
    if not champion.empty:
        return f"employment forecast to {champion['target_period'].max()}"
    reasons = sorted({str(reason) for reason in rows["reason"].dropna()})
    return f"no employment forecast{': ' + ', '.join(reasons) if reasons else ''}"


def _find_rating(room: _Room, activity: str, occupation: str) -> Rating | None:
    rows = room.shortages[room.shortages["occupation"] == occupation].assign(occupation="_T")
    found = read_ratings(rows).get((room.country.ref_area, activity))
    return None if found is None else Rating(found[0], found[2], (found[1],))


def _find_indicator(room: _Room, indicator: str, activity: str, until: int | None = None) -> Figure | None:
    """Newest value of a derived indicator of the activity up to a year, reported before modelled."""
    frame = room.indicators
    mask = (frame["indicator"] == indicator) & (frame["ref_area"] == room.country.ref_area)
    mask &= (frame["economic_activity"] == activity) & (frame["sex"] == "_T") & frame["value"].notna()
    rows = frame[mask]
    last = room.as_of_year if until is None else until
    known = rows[rows["time_period"].astype(str).str[:4].astype(int) <= last]
    if known.empty:
        return None
    row = known.sort_values(
        ["time_period", "basis_kind", "indicator_id"], ascending=[False, False, True]
    ).iloc[0]
    return Figure(
        float(row["value"]), str(row["time_period"]), str(row["basis"]), (str(row["indicator_id"]),)
    )


def _find_pay(room: _Room, activity: str, occupation: str) -> Pay:
    """Medians where a source or the country file has them, else means; growth and inflation of one year."""
    median = _compare_medians(room, activity, occupation) or room.given("EARN_RELATIVE_MEDIAN", activity)
    growth, inflation = _find_real_growth(room, activity)
    return Pay(
        median or _find_indicator(room, "EARN_RELATIVE", activity),
        growth,
        inflation,
        room.given("REAL_EARN_GROWTH", activity),
        is_median=median is not None,
    )


def _compare_medians(room: _Room, activity: str, occupation: str) -> Figure | None:
    """Median pay of the activity (and occupation) in per cent of the national median, of one source and period."""
    area, year = room.country.ref_area, room.as_of_year
    for indicator in MEDIANS:
        own = select_figures(
            room.observations, year, indicator, area, economic_activity=activity, occupation=occupation
        )
        national = select_figures(room.observations, year, indicator, area)
        both = own.merge(national, on=["time_period", "source_id"], suffixes=("", "_all"))
        both = both[(both["obs_value"] > 0) & (both["obs_value_all"] > 0)]
        if not both.empty:
            row = both.sort_values(["time_period", "observation_id"]).iloc[-1]
            basis = weakest_basis([str(row["basis"]), str(row["basis_all"])])
            ids = (str(row["observation_id"]), str(row["observation_id_all"]))
            ratio = 100 * float(row["obs_value"]) / float(row["obs_value_all"])
            return Figure(ratio, str(row["time_period"]), basis, ids)
    return None


def _find_real_growth(room: _Room, activity: str) -> tuple[Figure | None, Figure | None]:
    """Nominal growth and inflation of the newest current year that has both; else the newest growth alone."""
    newest = _find_indicator(room, "EARN_GROWTH_1Y", activity)
    if newest is None:
        return None, None
    oldest = room.as_of_year - int(room.rules.threshold("max_age"))
    for year in range(year_of(newest.time_period), oldest - 1, -1):
        growth = _find_indicator(room, "EARN_GROWTH_1Y", activity, year)
        inflation = find_newest(room.observations, year, "CPI_YOY", room.country.ref_area)
        if growth is None or growth.time_period != str(year) or inflation is None:
            continue
        if inflation.time_period == growth.time_period:
            return growth, inflation
    return newest, None


def _select_corridors(room: _Room, activity: str) -> pd.DataFrame:
    frame = room.corridors
    inward = frame["destination"] == room.country.ref_area
    return frame[inward & (frame["economic_activity"] == activity)].sort_values("origin")


def _build_rows(
    ref_area: str, activity: str, occupation: str, outcomes: Sequence[Outcome]
) -> list[dict[str, object]]:
    """Outcomes as rows. RESULT is computed from the nine steps, an option also from one of them: their inputs."""
    key = f"D:{ref_area}:{activity}:{occupation}"
    names = {one.step_id for one in outcomes}
    tests = tuple(f"{key}:{one.step_id}" for one in outcomes[:9])
    return [
        {
            "decision_id": f"{key}:{one.step_id}",
            "ref_area": ref_area,
            "economic_activity": activity,
            "occupation": occupation,
            "step_id": one.step_id,
            "test": one.test,
            "value": one.value,
            "value_low": one.value_low,
            "value_high": one.value_high,
            "threshold": one.threshold,
            "unit_measure": one.unit_measure,
            "outcome": one.outcome,
            "reason_code": one.reason_code,
            "text": one.text,
            "basis": one.basis,
            "step": f"{one.test}; thresholds of rules/decision.yaml",
            "inputs": [
                f"{key}:{i}" if i in names else i for i in (tests if one.step_id == "RESULT" else one.ids)
            ],
        }
        for one in outcomes
    ]
