"""When could labour migration fill a gap: nine tests, each shown with its values, then a recommendation.

Every test is evaluated and shown, also after one has failed. RESULT names the first failing test in order.
The rule recommends, it never admits. Migration shares enter D7 only, never the shortage itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from lma.contracts import Country, RuleSet, rule_set, table_contract, weakest_basis
from lma.migration.alternatives import Alternative, list_alternatives, total_alternatives
from lma.migration.corridors import read_ratings
from lma.migration.dependency import (
    Dependency,
    compute_headroom,
    measure_concentration,
    measure_dependency,
)
from lma.migration.evidence import Figure, conform_frame, find_newest, year_of
from lma.migration.gaps import (
    GAP,
    UNEMPLOYED_USABLE,
    Gap,
    choose_gap,
    compute_need,
    read_gaps,
    suggest_modality,
)
from lma.migration.steps import (
    CurrentData,
    Outcome,
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
)


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
) -> pd.DataFrame:
    """Rows of marts.decisions: D0 to D8 and RESULT of every activity with a rating, a gap or a zone.

    Frames have the columns of their marts tables; ``corridors`` as list_corridors makes them;
    ``as_of_year`` is the year of the run. Rows are ordered by activity, occupation and step.
    """
    rules = rules or rule_set("decision")
    # Every test reads the country's own figures; without the other countries' each look-up is quick.
    own = observations[observations["ref_area"] == country.ref_area]
    room = _Room(country, as_of_year, balances, shortages, indicators, own, forecasts, corridors, rules)
    rows = [
        row for activity, occupation in _list_units(room) for row in _decide_unit(room, activity, occupation)
    ]
    return conform_frame(rows, table_contract("marts.decisions").column_names)


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
    """The ten rows of one activity and occupation."""
    gaps = read_gaps(room.balances, room.country.ref_area, activity, occupation)
    gap = choose_gap(gaps, int(room.rules.threshold("persistence_years")))
    alternatives = _consider_alternatives(room, activity, gap)
    capacity = total_alternatives(alternatives)
    change_years = int(room.rules.threshold("change_years"))
    dependency = measure_dependency(
        room.observations, room.country.ref_area, activity, room.as_of_year, change_years
    )
    need = (
        None
        if gap is None or capacity is None
        else compute_need(gap, capacity, _find_headroom(room, dependency))
    )
    outcomes = [
        check_data(_count_current_data(room, activity, occupation), room.as_of_year, room.rules),
        check_shortage(_find_rating(room, activity, occupation)),
        check_persistence(gap, room.rules),
        check_decent_work(*_find_pay(room, activity), room.rules),
        check_domestic_capacity(alternatives, gap),
        check_technology(_find_indicator(room, "AUTOMATION_RISK", activity), room.rules),
        check_time(gaps, activity, room.as_of_year, room.rules),
        check_dependency(
            dependency,
            need,
            room.country.dependency_ceiling,
            measure_concentration(room.observations, room.country.ref_area, room.as_of_year),
            room.as_of_year,
            room.rules,
        ),
        check_origin_safety(_select_corridors(room, activity), room.rules),
    ]
    result = conclude(outcomes, need, alternatives, suggest_modality(gaps))
    return _build_rows(room.country.ref_area, activity, occupation, [*outcomes, result])


def _consider_alternatives(room: _Room, activity: str, gap: Gap | None) -> list[Alternative]:
    """Domestic alternatives over the years of the gap; the unemployed count once, here or in the balance."""
    years = gap.years if gap is not None else int(room.rules.threshold("persistence_years"))
    mask = (room.balances["ref_area"] == room.country.ref_area) & (
        room.balances["economic_activity"] == activity
    )
    seekers = room.balances[mask & (room.balances["measure"] == UNEMPLOYED_USABLE)]
    return list_alternatives(
        room.observations,
        room.country.ref_area,
        activity,
        room.as_of_year,
        years,
        room.rules,
        unemployed_in_supply=bool((seekers["value"] > 0).any()),
    )


def _find_headroom(room: _Room, dependency: Dependency | None) -> float | None:
    if dependency is None:
        return None
    ceiling = room.country.dependency_ceiling
    return max(0.0, compute_headroom(dependency.total.value, dependency.foreign.value, ceiling))


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
        tuple(sorted(set(current["indicator"].astype(str)))),
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


def _find_indicator(room: _Room, indicator: str, activity: str) -> Figure | None:
    """Newest value of a derived indicator of the activity, reported before modelled."""
    frame = room.indicators
    mask = (frame["indicator"] == indicator) & (frame["ref_area"] == room.country.ref_area)
    mask &= (frame["economic_activity"] == activity) & (frame["sex"] == "_T") & frame["value"].notna()
    rows = frame[mask]
    known = rows[rows["time_period"].astype(str).str[:4].astype(int) <= room.as_of_year]
    if known.empty:
        return None
    row = known.sort_values(
        ["time_period", "basis_kind", "indicator_id"], ascending=[False, False, True]
    ).iloc[0]
    return Figure(
        float(row["value"]), str(row["time_period"]), str(row["basis"]), (str(row["indicator_id"]),)
    )


def _find_pay(room: _Room, activity: str) -> tuple[Figure | None, Figure | None, Figure | None]:
    """Relative earnings, their nominal growth, and inflation of the year of that growth."""
    growth = _find_indicator(room, "EARN_GROWTH_1Y", activity)
    inflation = None
    if growth is not None:
        year = year_of(growth.time_period)
        found = find_newest(room.observations, year, "CPI_YOY", room.country.ref_area)
        inflation = found if found is not None and found.time_period == growth.time_period else None
    return _find_indicator(room, "EARN_RELATIVE", activity), growth, inflation


def _select_corridors(room: _Room, activity: str) -> pd.DataFrame:
    frame = room.corridors
    inward = frame["destination"] == room.country.ref_area
    return frame[inward & (frame["economic_activity"] == activity)].sort_values("origin")


def _build_rows(
    ref_area: str, activity: str, occupation: str, outcomes: Sequence[Outcome]
) -> list[dict[str, object]]:
    """Outcomes as rows; RESULT is computed from the nine steps, so these are its inputs."""
    key = f"D:{ref_area}:{activity}:{occupation}"
    steps = tuple(f"{key}:{one.step_id}" for one in outcomes[:-1])
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
            "inputs": list(steps if one.step_id == "RESULT" else one.ids),
        }
        for one in outcomes
    ]
