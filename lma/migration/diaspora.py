"""Who lives abroad and who came: stocks by country and sex, and the flows that somebody counts."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from lma.contracts import Country, RuleSet
from lma.migration.dependency import WORLD, measure_dependency, select_stocks
from lma.migration.evidence import (
    Figure,
    find_newest,
    order_newest_first,
    read_figure,
    select_figures,
    year_of,
)
from lma.migration.lines import SEXES, BySex, Line, add_up, combine, in_order, subtract, take_share
from lma.migration.population import count_population
from lma.migration.safeguards import area_names

ABROAD, ARRIVED, FLOWS = "Living abroad", "Living here from abroad", "Flows in and out"


def list_stock(
    observations: pd.DataFrame, ref_area: str, as_of_year: int, topic: str, rules: RuleSet
) -> list[Line]:
    """Emigrants by destination or immigrants by origin at the newest date, by sex, and the yearly change of the total.

    The rows of countries and the row of the others add up to the total, for both sexes and for each of them.
    """
    prefix, label = (
        ("ABROAD", "Emigrants, all destinations")
        if topic == ABROAD
        else ("ARRIVED", "Immigrants, all origins")
    )
    total = find_stock_total(observations, ref_area, as_of_year, topic)
    if total["_T"] is None:
        reason = "no loaded source has the migrant stock of this country"
        return [Line(f"{prefix}_T", topic, label, "PS", "as published", code="NO_STOCK", reason=reason)]
    most = int(rules.threshold("top_partners"))
    listed = _read_partners(observations, ref_area, topic, total["_T"], most)
    names, word = area_names(), "Emigrants in" if topic == ABROAD else "Immigrants from"
    share = take_share(total["_T"], _count_all(observations, ref_area, as_of_year))
    lines = [
        _stock_line(
            f"{prefix}_T", topic, label, total, share, "as published; share of the population at home"
        )
    ]
    for area, found in listed.items():
        part = take_share(found["_T"], total["_T"])
        lines.append(
            _stock_line(
                f"{prefix}_{area}", topic, f"{word} {names.get(area, area)}", found, part, "as published"
            )
        )
    rest = {sex: _subtract_listed(total[sex], [found[sex] for found in listed.values()]) for sex in SEXES}
    return [
        *lines,
        _list_rest(prefix, topic, rest, total, len(listed), word),
        _stock_change(observations, ref_area, topic, prefix, total),
    ]


def _subtract_listed(whole: Figure | None, parts: list[Figure | None]) -> Figure | None:
    """What is left for the others; ``None`` where a listed country is not split by this sex."""
    return None if any(part is None for part in parts) else subtract(whole, parts)


def _stock_line(line_id: str, topic: str, label: str, by_sex: BySex, share: Figure | None, step: str) -> Line:
    return Line(
        line_id,
        topic,
        label,
        "PS",
        step,
        by_sex["_T"],
        by_sex["F"],
        by_sex["M"],
        share,
    )


def _side(topic: str, ref_area: str) -> tuple[str, str]:
    """(country where they live, country they come from) of the total of a topic."""
    return (WORLD, ref_area) if topic == ABROAD else (ref_area, "_T")


def find_stock_total(observations: pd.DataFrame, ref_area: str, as_of_year: int, topic: str) -> BySex:
    """Newest total of emigrants or immigrants by sex, all of one source and date; else the sum of the corridors."""
    home, origin = _side(topic, ref_area)
    rows = order_newest_first(
        select_figures(observations, as_of_year, "MIG_STOCK", home, counterpart_area=origin)
    )
    side = {"origin": ref_area} if topic == ABROAD else {"destination": ref_area}
    stocks = select_stocks(observations, as_of_year, **side)
    if rows.empty and stocks.empty:
        return dict.fromkeys(SEXES)
    newest = stocks["time_period"].max() if len(stocks) else ""
    if rows.empty or str(rows.iloc[0]["time_period"]) < str(newest):
        listed = _read_partners(
            observations, ref_area, topic, read_figure(stocks[stocks["time_period"] == newest].iloc[0])
        )
        return {sex: add_up(found[sex] for found in listed.values()) for sex in SEXES}
    return _read_sexes(observations, home, origin, rows.iloc[0])


def _read_sexes(observations: pd.DataFrame, home: str, origin: str, row: pd.Series) -> BySex:
    """One corridor's figures by sex, of the source and date of a row."""
    mask = (observations["indicator"] == "MIG_STOCK") & (observations["ref_area"] == home)
    mask &= (observations["counterpart_area"] == origin) & (observations["age"] == "_T")
    mask &= (observations["time_period"] == row["time_period"]) & observations["obs_value"].notna()
    same = observations[mask & (observations["source_id"] == row["source_id"])]
    found = {str(one["sex"]): read_figure(one) for _, one in same.iterrows()}
    return {sex: found.get(sex) for sex in SEXES}


def _read_partners(
    observations: pd.DataFrame, ref_area: str, topic: str, total: Figure, most: int | None = None
) -> dict[str, BySex]:
    """Partner -> figures by sex at the date of the total, largest first, ``most`` of them or all."""
    side = {"origin": ref_area} if topic == ABROAD else {"destination": ref_area}
    stocks = select_stocks(observations, year_of(total.time_period), **side)
    stocks = stocks[(stocks["time_period"] == total.time_period) & (stocks["obs_value"] > 0)]
    partner = "ref_area" if topic == ABROAD else "counterpart_area"
    stocks = stocks.sort_values(["obs_value", partner], ascending=[False, True], kind="stable")
    return {
        str(row[partner]): _read_sexes(observations, str(row["ref_area"]), str(row["counterpart_area"]), row)
        for _, row in stocks.head(len(stocks) if most is None else most).iterrows()
    }


def _list_rest(
    prefix: str,
    topic: str,
    rest: BySex,
    total: BySex,
    n_listed: int,
    word: str,
) -> Line:
    label, step = f"{word} all other countries", f"total less the {n_listed} countries listed"
    line = _stock_line(f"{prefix}_REST", topic, label, rest, take_share(rest["_T"], total["_T"]), step)
    if any(one is not None and one.value < 0 for one in rest.values()):
        reason = "the listed countries exceed the published total: check the two"
        return replace(
            line, figure=None, women=None, men=None, share=None, code="PARTNERS_EXCEED_TOTAL", reason=reason
        )
    return line


def _stock_change(observations: pd.DataFrame, ref_area: str, topic: str, prefix: str, total: BySex) -> Line:
    """Change of the total a year since the date before, within one source: arrivals less departures and deaths."""
    changes = {sex: _change_a_year(observations, ref_area, topic, sex, total[sex]) for sex in SEXES}
    line = Line(
        f"{prefix}_CHANGE", topic, f"{topic}: change a year since the date before", "PS",
        "(stock - stock of the date before) / years between; moves in less moves back and deaths", *in_order(changes),
    )  # fmt: skip
    if line.figure is not None:
        return line
    return replace(line, code="NO_EARLIER_DATE", reason="no total of an earlier date from the same source")


def _change_a_year(
    observations: pd.DataFrame, ref_area: str, topic: str, sex: str, total: Figure | None
) -> Figure | None:
    if total is None:
        return None
    home, origin = _side(topic, ref_area)
    year = year_of(total.time_period)
    rows = select_figures(observations, year, "MIG_STOCK", home, counterpart_area=origin, sex=sex)
    own = rows[rows["observation_id"].isin(total.ids)]
    same = rows[rows["source_id"].isin(own["source_id"]) & (rows["time_period"] < total.time_period)]
    if same.empty:
        return None
    before = read_figure(order_newest_first(same).iloc[0])
    value = (total.value - before.value) / (year - year_of(before.time_period))
    return combine(value, [total, before], f"{before.time_period}-{total.time_period}")


def _count_all(observations: pd.DataFrame, ref_area: str, as_of_year: int) -> Figure | None:
    """Population of all ages: as published, else added up from the age groups."""
    found = find_newest(observations, as_of_year, "POP", ref_area)
    return found or count_population(observations, ref_area, as_of_year, "_T", 0, None)


# ---------------------------------------------------------------- flows


def list_flows(observations: pd.DataFrame, country: Country, as_of_year: int) -> list[Line]:
    """Net migration, recruited workers of the zones, registered departures and arrivals, students: what is known."""
    code = country.ref_area
    net = find_newest(observations, as_of_year, "NET_MIG", code)
    line = Line(
        "NET_MIG", FLOWS, "Net migration, a year", "PS", "as published; arrivals less departures", net
    )
    if net is None:
        line = replace(line, code="NO_NET_MIGRATION", reason="no loaded source has the net migration")
    students = [
        Line(
            f"STUDENTS_{way}", FLOWS, label, "PS", "not computed", code="NO_STUDENT_FIGURES",
            reason="no loaded source counts students who cross the border (UNESCO Institute for Statistics does)",
        )
        for way, label in (("OUT", "Students who study abroad"), ("IN", "Students from abroad"))
    ]  # fmt: skip
    return [
        line,
        *_list_recruited(observations, country, as_of_year),
        *_list_registered(observations, code, as_of_year),
        *students,
    ]


def _list_recruited(observations: pd.DataFrame, country: Country, as_of_year: int) -> list[Line]:
    """Foreign workers counted in the zones of the country."""
    lines = []
    for zone in country.zones:
        found = measure_dependency(observations, country.ref_area, zone.economic_activity, as_of_year, 5)
        line = Line(
            f"RECRUITED_{zone.economic_activity}", FLOWS, f"Recruited foreign workers: {zone.label}", "PS",
            "as published; share of the workers of the zone", None if found is None else found.foreign,
            share=None if found is None else take_share(found.foreign, found.total),
        )  # fmt: skip
        if found is None:
            line = replace(
                line,
                code="NO_FOREIGN_WORKERS",
                reason="no loaded source counts the foreign workers of this zone",
            )
        lines.append(line)
    if lines:
        return lines
    reason = "no loaded source counts workers recruited abroad for this country"
    label = "Recruited foreign workers"
    return [Line("RECRUITED", FLOWS, label, "PS", "as published", code="NO_FOREIGN_WORKERS", reason=reason)]


def _read_departures(observations: pd.DataFrame, ref_area: str, as_of_year: int) -> BySex:
    """Registered emigrants to all destinations by sex; both sexes added up where only they are published."""
    found: BySex = dict.fromkeys(SEXES)
    for area in ("_T", "_Z"):
        for sex in SEXES:
            figure = find_newest(
                observations, as_of_year, "EMIGRANTS", ref_area, counterpart_area=area, sex=sex
            )
            found[sex] = found[sex] or figure
    return found if found["_T"] is not None else found | {"_T": add_up([found["F"], found["M"]])}


def _list_registered(observations: pd.DataFrame, ref_area: str, as_of_year: int) -> list[Line]:
    """Emigrants registered by the country, and those whom another country registered as leaving for it."""
    label = "Registered departures, a year"
    by_sex = _read_departures(observations, ref_area, as_of_year)
    step = "as published, or the sum of women and men"
    line = Line("DEPARTURES", FLOWS, label, "PS", step, *in_order(by_sex))
    if line.figure is None:
        reason = "no loaded source registers the departures from this country"
        line = replace(line, code="NO_DEPARTURES", reason=reason)
    mask = (observations["indicator"] == "EMIGRANTS") & (observations["counterpart_area"] == ref_area)
    mask &= observations["obs_value"].notna() & (observations["sex"] == "_T") & (observations["age"] == "_T")
    rows = order_newest_first(observations[mask]).drop_duplicates("ref_area")
    names = area_names()
    arrivals = [
        Line(
            f"ARRIVALS_{row['ref_area']}", FLOWS, f"Registered by {names.get(str(row['ref_area']), row['ref_area'])} as leaving for here",
            "PS", "as published by the country of departure", read_figure(row),
        )
        for _, row in rows.iterrows()
        if year_of(str(row["time_period"])) <= as_of_year
    ]  # fmt: skip
    return [line, *arrivals]
