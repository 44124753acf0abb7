"""T1 country profile and T2 sector profile."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import pandas as pd

from lma.assessment.cells import Key, Lineage, TableCells, add_mart_number, fill_row
from lma.assessment.selection import latest, select, single
from lma.contracts import TableSpec, codelist, rule_set
from lma.levels import REVISIONS, Level, find_levels


class ProfileRow(NamedTuple):
    """One line of the country profile: where to look and how to print it."""

    id: str
    label: str
    mart: str  # observations or indicators
    conditions: dict[str, Any]
    decimals: int = 1


ANNUAL = {"freq": "A", "age": "_T", "economic_activity": "_T", "citizenship": "_T"}
PROFILE_ROWS = (
    ProfileRow("POP", "Population", "observations", {"indicator": "POP", "sex": "_T", "age": "_T"}, 0),
    ProfileRow(
        "LF", "Labour force, 15 and over", "observations", {**ANNUAL, "indicator": "LF", "sex": "_T"}, 0
    ),
    ProfileRow(
        "LFPR_M", "Participation rate, men", "observations", {**ANNUAL, "indicator": "LFPR", "sex": "M"}
    ),
    ProfileRow(
        "LFPR_F", "Participation rate, women", "observations", {**ANNUAL, "indicator": "LFPR", "sex": "F"}
    ),
    ProfileRow(
        "LFPR_GAP", "Participation gap, men minus women (points)", "indicators", {"indicator": "LFPR_GAP"}
    ),
    ProfileRow("EMP", "Employment", "observations", {**ANNUAL, "indicator": "EMP", "sex": "_T"}, 0),
    ProfileRow("UNE_RT", "Unemployment rate", "observations", {**ANNUAL, "indicator": "UNE_RT", "sex": "_T"}),
    ProfileRow(
        "UNE_RT_M", "Unemployment rate, men", "observations", {**ANNUAL, "indicator": "UNE_RT", "sex": "M"}
    ),
    ProfileRow(
        "UNE_RT_F", "Unemployment rate, women", "observations", {**ANNUAL, "indicator": "UNE_RT", "sex": "F"}
    ),
    ProfileRow(
        "UNE_RT_Y",
        "Unemployment rate, ages 15-24",
        "observations",
        {**ANNUAL, "indicator": "UNE_RT", "sex": "_T", "age": "Y15T24"},
    ),
    ProfileRow(
        "NEET_RT",
        "Not in employment, education or training, ages 15-24",
        "observations",
        {"indicator": "NEET_RT", "sex": "_T"},
    ),
    ProfileRow(
        "NEET_RT_F",
        "Not in employment, education or training, women 15-24",
        "observations",
        {"indicator": "NEET_RT", "sex": "F"},
    ),
    ProfileRow(
        "INFORMAL_RT", "Informal employment", "observations", {"indicator": "INFORMAL_RT", "sex": "_T"}
    ),
    ProfileRow(
        "GDP",
        "GDP, current US dollars",
        "observations",
        {"indicator": "GDP", "freq": "A", "unit_measure": "USD", "economic_activity": "_T"},
        0,
    ),
    ProfileRow("GDP_GROWTH", "GDP growth, constant prices", "observations", {"indicator": "GDP_GROWTH"}),
    ProfileRow(
        "GDP_PC_PPP", "GDP per head, purchasing power parity", "observations", {"indicator": "GDP_PC_PPP"}, 0
    ),
    ProfileRow(
        "VA_AGR",
        "Agriculture, share of GDP",
        "observations",
        {"indicator": "VA_SHARE", "economic_activity": "SEC_AGR"},
    ),
    ProfileRow(
        "VA_IND",
        "Industry, share of GDP",
        "observations",
        {"indicator": "VA_SHARE", "economic_activity": "SEC_IND"},
    ),
    ProfileRow(
        "EARN",
        "Mean monthly earnings, national currency (annual mean)",
        "indicators",
        {"indicator": "EARN_ANNUAL", "economic_activity": "_T"},
        0,
    ),
    ProfileRow(
        "MIG_STOCK",
        "Migrants living in the country",
        "observations",
        {"indicator": "MIG_STOCK", "counterpart_area": "_T", "sex": "_T", "age": "_T"},
        0,
    ),
    ProfileRow("NET_MIG", "Net migration", "observations", {"indicator": "NET_MIG"}, 0),
    ProfileRow(
        "REMIT",
        "Remittances received, US dollars",
        "observations",
        {"indicator": "REMIT", "counterpart_area": "_T", "freq": "A"},
        0,
    ),
    ProfileRow(
        "REMIT_GDP", "Remittances received, share of GDP", "indicators", {"indicator": "REMIT_GDP_SHARE"}
    ),
)
PROFILE_COLUMNS = tuple(
    Key(*pair)
    for pair in (
        ("value", "Value"),
        ("unit", "Unit"),
        ("period", "Period"),
        ("basis", "Basis"),
        ("source", "Source"),
        ("status", "Status"),
    )
)
PROFILE_SPEC = TableSpec(
    "T1",
    "Country profile",
    "Latest published figure of each concept, reported and modelled apart.",
    "Indicator",
)

BASIS_KINDS = (("reported", "REP", "reported"), ("modelled", "MOD", "modelled"))


def country_profile(
    ref_area: str, edition: str, observations: pd.DataFrame, indicators: pd.DataFrame, lineage: Lineage
) -> pd.DataFrame:
    """Cells of T1: one row per concept and kind of basis that exists; concepts without any figure say so.

    ``edition``: YYYY-MM, from which the age of a figure is counted.
    """
    oldest = int(edition[:4]) - int(rule_set("decision").threshold("max_age"))
    table = TableCells(ref_area, "T1", PROFILE_COLUMNS, lineage)
    marts = {"observations": observations, "indicators": indicators}
    for line in PROFILE_ROWS:
        frame = select(marts[line.mart], ref_area=ref_area)
        found = [
            (suffix, words, latest(frame, basis_kind=kind, **line.conditions))
            for kind, suffix, words in BASIS_KINDS
        ]
        present = [(suffix, words, record) for suffix, words, record in found if record is not None]
        for suffix, words, record in present:
            row = Key(f"{line.id}_{suffix}", f"{line.label} ({words})")
            _add_profile_row(table, row, record, line, list_profile_notes(line, record, suffix, oldest))
        if not present:
            fill_row(
                table,
                Key(line.id, line.label),
                PROFILE_COLUMNS,
                "no loaded source has a figure for this country",
            )
    return table.frame()


def read_labels(name: str) -> dict[str, str]:
    """Code (first column) to English label of a codelist."""
    codes = codelist(name)
    return dict(zip(codes.iloc[:, 0], codes["label_en"], strict=True))


SURVEY_RATES = ("LFPR", "UNE_RT", "EMP", "LF")


def list_profile_notes(line: ProfileRow, record: Any, suffix: str, oldest: int) -> list[str]:
    """Footnotes of one figure: too old for a decision, a survey with age limits of its own."""
    old = ["N_OLD"] if int(str(record["time_period"])[:4]) < oldest else []
    survey = suffix == "REP" and line.conditions["indicator"].removesuffix("_GAP") in SURVEY_RATES
    return old + (["N_SURVEY_AGES"] if survey else [])


def _add_profile_row(table: TableCells, row: Key, record: Any, line: ProfileRow, notes: list[str]) -> None:
    id_column = "observation_id" if line.mart == "observations" else "indicator_id"
    add_mart_number(table, row, "value", record, id_column, "", decimals=line.decimals, footnotes=notes)
    inputs, leaf = [record[id_column]], table.lineage.of(record[id_column])
    units, statuses = read_labels("units"), read_labels("obs_statuses")
    table.text(row, "unit", units.get(record["unit_measure"], record["unit_measure"]), inputs)
    table.text(row, "period", record["time_period"], inputs)
    table.text(row, "basis", record["basis"].replace("_", " "), inputs)
    table.text(row, "source", " + ".join(sorted(leaf.source_ids)), inputs)
    table.text(row, "status", statuses.get(record["obs_status"], record["obs_status"]), inputs)


SECTOR_COLUMNS = tuple(
    Key(*pair)
    for pair in (
        ("employment", "Employment, persons"),
        ("period", "Period"),
        ("basis", "Basis"),
        ("share", "Share of employment, %"),
        ("growth_1y", "Growth over 1 year, % a year"),
        ("growth_5y", "Growth over 5 years, % a year"),
        ("female", "Women, %"),
        ("earnings", "Mean monthly earnings, national currency"),
        ("earnings_period", "Period of the earnings"),
        ("earnings_relative", "Earnings relative to the national mean, %"),
        ("hours", "Weekly hours"),
        ("vacancy_rate", "Vacancy rate, %"),
        ("informal", "Informal employment, %"),
        ("informal_period", "Period of informal employment"),
        ("migrant_share", "Foreign workers, %"),
        ("level", "Level of detail"),
    )
)


def sector_spec(levels: Mapping[str, Level]) -> TableSpec:
    """Heading of T2, which names the level of detail of both blocks."""
    return TableSpec(
        "T2",
        "Sector profile",
        f"Employment by economic activity, first {levels['modelled'].words}, then {levels['reported'].words}.",
        "Economic activity",
        notes=("N_LEVEL", "N_MODELLED", "N_REPORTED", "N_BREAK"),
    )


LEVEL_COLUMN = "level"
ALTERNATIVE_GROUPS = {
    "MAN_MEL",
    "X",
}  # published instead of others, or only where something stays unclassified
NOT_PUBLISHED = {
    "hours": "no loaded source has weekly hours by economic activity for this country",
    "vacancy_rate": "no loaded source has job vacancies by economic activity for this country",
}


def sector_rows(classification: str) -> list[Key]:
    """Code and label of each economic activity of a classification, total first."""
    activities = codelist("economic_activities")
    chosen = activities[activities["classification"] == classification]
    return [
        Key("_T", "All activities"),
        *(Key(code, label) for code, label in zip(chosen["code"], chosen["label_en"], strict=True)),
    ]


def sector_profile(
    ref_area: str, observations: pd.DataFrame, indicators: pd.DataFrame, lineage: Lineage
) -> pd.DataFrame:
    """Cells of T2: modelled rows, then reported rows (row ids starting REP_), each at its finest complete level."""
    table = TableCells(ref_area, "T2", SECTOR_COLUMNS, lineage)
    observed, derived = select(observations, ref_area=ref_area), select(indicators, ref_area=ref_area)
    levels = find_levels(observed, ref_area)
    for row, activity, kind in series_rows(observed, ref_area):
        _add_sector_row(table, row, activity, kind, observed, derived)
        table.text(row, LEVEL_COLUMN, "total" if activity.id == "_T" else levels[kind].detail.label)
    return table.frame()


def series_rows(observed: pd.DataFrame, ref_area: str) -> list[tuple[Key, Key, str]]:
    """(row, activity, kind of figures) of every series a table lists: the modelled level, then the reported one.

    Persons whose activity is not classified stand beside the reported level where they are published.
    """
    levels = find_levels(observed, ref_area)
    modelled = [(key, key, "modelled") for key in level_rows(levels["modelled"])]
    reports = select(observed, indicator="EMP", basis_kind="reported", activity_revision=REVISIONS)
    published = set(reports["economic_activity"])
    rest = [key for key in sector_rows("ISIC4_7") if key.id == "X" and key.id in published]
    reported = [*level_rows(levels["reported"]), *(rest if levels["reported"].codes else [])]
    rows = [(Key(f"REP_{key.id.strip('_')}", f"{key.label} (reported)"), key, "reported") for key in reported]
    return modelled + rows


def level_rows(level: Level) -> list[Key]:
    """Code and label of each economic activity of a level, total first."""
    labels = read_labels("economic_activities")
    return [Key("_T", "All activities"), *(Key(code, labels[code]) for code in level.codes)]


def _add_sector_row(
    table: TableCells, row: Key, activity: Key, kind: str, observed: pd.DataFrame, derived: pd.DataFrame
) -> None:
    employment = latest(
        observed,
        indicator="EMP",
        freq="A",
        sex="_T",
        age="_T",
        citizenship="_T",
        economic_activity=activity.id,
        activity_revision=REVISIONS,
        basis_kind=kind,
    )
    notes = ["N_MODELLED"] if kind == "modelled" else ["N_REPORTED"]
    if employment is None:
        figures = [column for column in SECTOR_COLUMNS if column.id != LEVEL_COLUMN]
        fill_row(table, row, figures, f"no {kind} employment of this activity in the loaded sources")
        return
    add_mart_number(table, row, "employment", employment, "observation_id", "", decimals=0, footnotes=notes)
    table.text(row, "period", employment["time_period"], [employment["observation_id"]])
    table.text(row, "basis", employment["basis"].replace("_", " "), [employment["observation_id"]])
    _add_sector_indicators(table, row, activity, kind, employment["time_period"], derived)
    _add_sector_extras(table, row, activity, observed, derived)


def _add_sector_indicators(
    table: TableCells, row: Key, activity: Key, kind: str, period: str, derived: pd.DataFrame
) -> None:
    cell = {"economic_activity": activity.id, "basis_kind": kind}
    if activity.id == "_T":
        table.empty(row, "share", "[z]", "the total is the base of the shares")
    else:
        share = single(derived, indicator="EMP_SHARE_OF_TOTAL", sex="_T", time_period=period, **cell)
        add_mart_number(table, row, "share", share, "indicator_id", "no total for the same period")
    for column, indicator in (("growth_1y", "EMP_GROWTH_1Y"), ("growth_5y", "EMP_GROWTH_5Y")):
        growth = single(derived, indicator=indicator, sex="_T", time_period=period, **cell)
        is_broken = growth is not None and "break" in str(growth.get("reason"))
        add_mart_number(
            table,
            row,
            column,
            growth,
            "indicator_id",
            "no earlier figure",
            footnotes=["N_BREAK"] if is_broken else [],
        )
    women = single(derived, indicator="FEMALE_SHARE", time_period=period, **cell)
    add_mart_number(
        table,
        row,
        "female",
        women,
        "indicator_id",
        "no figures by sex for this activity and period on this basis",
    )


def _add_sector_extras(
    table: TableCells, row: Key, activity: Key, observed: pd.DataFrame, derived: pd.DataFrame
) -> None:
    for column, indicator, decimals in (
        ("earnings", "EARN_ANNUAL", 0),
        ("earnings_relative", "EARN_RELATIVE", 1),
    ):
        earnings = latest(derived, indicator=indicator, economic_activity=activity.id)
        if column == "earnings_relative" and activity.id == "_T":
            table.empty(row, column, "[z]", "the national mean is the base")
        else:
            add_mart_number(
                table,
                row,
                column,
                earnings,
                "indicator_id",
                "no loaded source has earnings of this activity",
                decimals=decimals,
            )
    absent = "no loaded source has earnings of this activity"
    _add_period(table, row, "earnings_period", "earnings", absent)
    for column, reason in NOT_PUBLISHED.items():
        table.empty(row, column, "[x]", reason)
    informal = latest(observed, indicator="INFORMAL_RT", sex="_T", economic_activity=activity.id)
    add_mart_number(
        table,
        row,
        "informal",
        informal,
        "observation_id",
        "no loaded source has informality of this activity",
    )
    _add_period(
        table, row, "informal_period", "informal", "no loaded source has informality of this activity"
    )
    table.empty(
        row,
        "migrant_share",
        "[x]",
        "no loaded source has foreign workers by economic activity; zones stand in T7",
    )


def _add_period(table: TableCells, row: Key, column_id: str, of_column: str, absent: str) -> None:
    """Say of which year a figure is that is not of the row's own period."""
    figure = next(c for c in table.cells if c["row_id"] == row.id and c["column_id"] == of_column)
    if figure["time_period"] is None:
        table.empty(row, column_id, "[x]", absent)
    else:
        table.text(row, column_id, figure["time_period"], figure["inputs"])
