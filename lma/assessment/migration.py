"""T7 migrant share and dependency, T10 when could labour migration fill the gap."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from lma.assessment.cells import Key, Lineage, TableCells, add_mart_number, fill_row
from lma.assessment.profile import read_labels
from lma.assessment.selection import latest, select, single
from lma.contracts import Country, TableSpec, Zone
from lma.migration.dependency import compute_headroom, pair_counts
from lma.migration.local_evidence import find_evidence
from lma.migration.safeguards import area_names

DEPENDENCY_COLUMNS = tuple(
    Key(*pair)
    for pair in (
        ("period", "Period"),
        ("total", "Workers, persons"),
        ("national", "National workers, persons"),
        ("foreign", "Foreign workers, persons"),
        ("share", "Foreign share, %"),
        ("change_5y", "Change of the share over 5 years or more, points"),
        ("ceiling", "Configured ceiling, %"),
        ("headroom", "Foreign workers that could still be added under the ceiling, persons"),
        ("claim", "Share as often quoted, %"),
        ("claim_minus_share", "Quoted share minus computed share, points"),
        ("origins", "Largest origins"),
        ("hhi", "Concentration of origins (HHI)"),
    )
)
DEPENDENCY_SPEC = TableSpec(
    "T7",
    "Migrant share and dependency",
    "Zones with their own count of national and foreign workers, every published quarter, and the country's whole migrant stock.",
    "Zone and period",
    ("N_EOE", "N_STOCK", "N_CEILING"),
)


def dependency_table(
    country: Country, observations: pd.DataFrame, indicators: pd.DataFrame, lineage: Lineage
) -> pd.DataFrame:
    """Cells of T7: the latest quarter of each zone, its history, and the migrant stock of the country."""
    table = TableCells(country.ref_area, "T7", DEPENDENCY_COLUMNS, lineage)
    observed, derived = (
        select(observations, ref_area=country.ref_area),
        select(indicators, ref_area=country.ref_area),
    )
    for zone in country.zones:
        _add_zone(table, country, zone, observed, derived)
    _add_evidence(table, country)
    _add_stock(table, observed, derived)
    return table.frame()


def _add_zone(
    table: TableCells, country: Country, zone: Zone, observed: pd.DataFrame, derived: pd.DataFrame
) -> None:
    counts = select(
        observed, indicator="EMP", economic_activity=zone.economic_activity, basis_kind="reported"
    )
    periods = sorted(counts["time_period"].unique(), reverse=True)
    if not periods:
        fill_row(
            table,
            Key(zone.economic_activity, zone.label),
            DEPENDENCY_COLUMNS,
            "no loaded source counts the workers of this zone",
        )
    for position, period in enumerate(periods):
        is_latest = position == 0
        row = Key(
            zone.economic_activity if is_latest else f"{zone.economic_activity}_{period}",
            f"{zone.label}, {period}",
        )
        _add_zone_period(
            table, row, zone, select(counts, time_period=period), select(derived, time_period=period)
        )
        _add_zone_policy(table, row, country, zone, is_latest)


def _add_zone_period(
    table: TableCells, row: Key, zone: Zone, counts: pd.DataFrame, derived: pd.DataFrame
) -> None:
    table.text(row, "period", counts.iloc[0]["time_period"], list(counts["observation_id"]))
    for column, citizenship in (("total", "_T"), ("national", "NAT"), ("foreign", "FOR")):
        record = single(counts, citizenship=citizenship)
        add_mart_number(
            table,
            row,
            column,
            record,
            "observation_id",
            "the bulletin does not give this count",
            decimals=0,
            footnotes=["N_EOE"],
        )
    for column, indicator in (("share", "FOREIGN_SHARE"), ("change_5y", "FOREIGN_SHARE_CHANGE_5Y")):
        record = single(derived, indicator=indicator, economic_activity=zone.economic_activity)
        add_mart_number(
            table,
            row,
            column,
            record,
            "indicator_id",
            "one of the two counts is missing",
            decimals=2,
            footnotes=["N_EOE"],
        )


def _add_zone_policy(table: TableCells, row: Key, country: Country, zone: Zone, is_latest: bool) -> None:
    cells = {cell["column_id"]: cell for cell in table.cells if cell["row_id"] == row.id}
    counts = {name: cells[name]["value"] for name in ("total", "foreign", "share")}
    ids = [node for name in ("share", "total", "foreign") for node in cells[name]["inputs"]]
    if is_latest and None not in counts.values():
        _add_ceiling(table, row, country, counts, ids, cells["share"]["time_period"])
    else:
        for column in ("ceiling", "headroom"):
            table.empty(row, column, "[z]", "shown for the latest quarter only")
    if is_latest and zone.claim_share is not None and counts["share"] is not None:
        _add_claim(table, row, zone, counts["share"], ids, cells["share"]["time_period"])
    else:
        for column in ("claim", "claim_minus_share"):
            table.empty(row, column, "[z]", "no quoted share to check for this row")
    for column in ("origins", "hhi"):
        table.empty(row, column, "[x]", "the bulletin does not give the origins of the workers")


def _add_ceiling(
    table: TableCells, row: Key, country: Country, counts: Mapping[str, float], ids: list[str], period: str
) -> None:
    """The ceiling is chosen, not reported, and the room under it is worked out here."""
    ceiling, notes = country.dependency_ceiling, ["N_CEILING"]
    if ceiling == 1:
        table.text(row, "ceiling", "none set", ids, "configured for the country, a policy choice", notes)
        table.empty(row, "headroom", "[z]", "no ceiling is set", notes)
        return
    table.number(
        row, "ceiling", ceiling * 100, "PC", "computed", ids, "configured for the country, a policy choice",
        decimals=0, period=period, footnotes=notes,
    )  # fmt: skip
    room = compute_headroom(counts["total"], counts["foreign"], ceiling)
    words = "(c x E - M) / (1 - c)"
    if room < 0:
        words += f" = {room:,.0f}: the ceiling is exceeded already, so nobody can be added"
    table.number(
        row, "headroom", max(0.0, room), "PS", "computed", ids, words, decimals=0, period=period,
        footnotes=notes,
    )  # fmt: skip


def _add_claim(table: TableCells, row: Key, zone: Zone, share: float, ids: list[str], period: str) -> None:
    """What others quote is reported by nobody."""
    quoted = float(zone.claim_share or 0)
    words = f"as quoted: {zone.claim_text} ({str(zone.reference).rstrip('.')})"
    notes = ["N_CLAIM"]
    table.number(
        row, "claim", quoted, "PC", "computed", ids, words, decimals=0, period=period, footnotes=notes
    )  # fmt: skip
    words = "quoted share minus computed share"
    table.number(
        row, "claim_minus_share", quoted - share, "PC", "computed", ids, words, decimals=2, period=period,
        footnotes=notes,
    )  # fmt: skip


def _add_evidence(table: TableCells, country: Country) -> None:
    """Activities whose workers only the country file counts: in words, because no publisher's row stands behind."""
    labels = read_labels("economic_activities")
    newest = sorted(country.evidence, key=lambda one: one.time_period, reverse=True)
    for activity in dict.fromkeys(one.economic_activity for one in newest if one.figure == "FOREIGN_WORKERS"):
        total, foreign = (find_evidence(newest, name, activity) for name in ("WORKERS", "FOREIGN_WORKERS"))
        counted = pair_counts(total, foreign)
        row = Key(f"{activity}_EVIDENCE", f"{labels[activity]}, evidence of the country file")
        if counted is None:
            fill_row(
                table, row, DEPENDENCY_COLUMNS, "the two counts of the country file make no share of one date"
            )
            continue
        ceiling = country.dependency_ceiling
        room = compute_headroom(counted.total.value, counted.foreign.value, ceiling)
        shown = {
            "period": counted.total.time_period,
            "total": f"{counted.total.value:,.0f}",
            "national": f"{counted.total.value - counted.foreign.value:,.0f}",
            "foreign": f"{counted.foreign.value:,.0f}",
            "share": f"{100 * counted.share:.2f}",
            "ceiling": "none set" if ceiling == 1 else f"{ceiling:.0%}",
            "headroom": "no ceiling" if ceiling == 1 else f"{max(0.0, room):,.0f}",
        }
        for column in DEPENDENCY_COLUMNS:
            if column.id in shown:
                table.text(row, column.id, shown[column.id], (), counted.foreign.note)
            else:
                table.empty(row, column.id, "[x]", "the country file does not give it")


def _add_stock(table: TableCells, observed: pd.DataFrame, derived: pd.DataFrame) -> None:
    row = Key("_T", "All migrants living in the country (all ages)")
    stock = latest(observed, indicator="MIG_STOCK", counterpart_area="_T", sex="_T", age="_T")
    if stock is None:
        fill_row(table, row, DEPENDENCY_COLUMNS, "no loaded source has the migrant stock of this country")
        return
    inputs = [stock["observation_id"]]
    table.text(row, "period", stock["time_period"], inputs)
    add_mart_number(table, row, "foreign", stock, "observation_id", "", decimals=0, footnotes=["N_STOCK"])
    for column in (
        "total",
        "national",
        "share",
        "change_5y",
        "ceiling",
        "headroom",
        "claim",
        "claim_minus_share",
    ):
        table.empty(row, column, "[z]", "the stock counts residents of all ages, not workers")
    shares = select(derived, indicator="ORIGIN_SHARE", time_period=stock["time_period"]).dropna(
        subset=["value"]
    )
    largest = (
        shares[shares["counterpart_area"] != "_X"]
        .sort_values("value", ascending=False, kind="stable")
        .head(5)
    )
    names = area_names()
    pairs = zip(largest["counterpart_area"], largest["value"], strict=True)
    words = ", ".join(f"{names.get(area, area)} {share:.1f} %" for area, share in pairs)
    if words:
        table.text(row, "origins", words, list(largest["indicator_id"]))
    else:
        table.empty(row, "origins", "[x]", "the source does not itemise origins")
    hhi = single(derived, indicator="ORIGIN_HHI", time_period=stock["time_period"])
    add_mart_number(
        table,
        row,
        "hhi",
        hhi,
        "indicator_id",
        "the source does not itemise origins",
        decimals=3,
        footnotes=["N_STOCK"],
    )


STEPS = ("D0", "D1", "D2", "D3", "D4", "D5", "D6", "D7", "D8")
STEP_NAMES = {
    "D0": "data", "D1": "shortage", "D2": "persistent", "D3": "decent work", "D4": "domestic capacity", "D5": "technology", "D6": "time",
    "D7": "dependency", "D8": "origin safety",
}  # fmt: skip
DECISION_COLUMNS = (
    Key("result", "Result"),
    Key("why", "Why"),
    Key("need_low", "Persons, lower end"),
    Key("need_high", "Persons, upper end"),
    Key("modality", "Seasonal, circular or longer-term"),
    *(
        key
        for step in STEPS
        for key in (
            Key(f"{step}", f"{step} {STEP_NAMES[step]}"),
            Key(f"{step}_value", f"{step} value"),
            Key(f"{step}_threshold", f"{step} threshold"),
            Key(f"{step}_why", f"{step} how it was tested"),
        )
    ),
    Key("reviewer", "Reviewer"),
    Key("sign_off", "Sign-off"),
)
DECISION_SPEC = TableSpec(
    "T10",
    "When could labour migration fill the gap",
    "Every test with the value used. A recommendation with reasons, never an automatic admission decision; blank for the reviewer to sign.",
    "Economic activity",
    ("N_DECISION",),
)


def decision_table(ref_area: str, decisions: pd.DataFrame, lineage: Lineage) -> pd.DataFrame:
    """Cells of T10: one row per economic activity (and zone), then per occupation, with every test D0 to D8."""
    table = TableCells(ref_area, "T10", DECISION_COLUMNS, lineage)
    for row, steps in list_decided(ref_area, decisions):
        _add_decision_row(table, row, steps)
    return table.frame()


def list_decided(ref_area: str, decisions: pd.DataFrame) -> list[tuple[Key, pd.DataFrame]]:
    """Key and rows of each activity in the order of the codelist, then of each activity and occupation."""
    mine = select(decisions, ref_area=ref_area)
    labels = read_labels("economic_activities")
    places = {code: place for place, code in enumerate(labels)}
    units = mine[["occupation", "economic_activity"]].drop_duplicates().itertuples(index=False, name=None)
    ordered = sorted(
        (unit for unit in units if unit[1] in places),
        key=lambda unit: (unit[0] != "_T", unit[0], places[unit[1]]),
    )
    return [
        (
            _name_unit(activity, occupation, labels),
            select(mine, economic_activity=activity, occupation=occupation),
        )
        for occupation, activity in ordered
    ]


def _name_unit(activity: str, occupation: str, labels: Mapping[str, str]) -> Key:
    if occupation == "_T":
        return Key(activity, labels[activity])
    return Key(f"{activity}_{occupation}", f"{labels[activity]}, occupation {occupation}")


def _add_decision_row(table: TableCells, row: Key, steps: pd.DataFrame) -> None:
    result = single(steps, step_id="RESULT")
    if result is not None:
        table.text(row, "result", result["reason_code"], [result["decision_id"]], result["step"])
        table.text(row, "why", result["text"], [result["decision_id"]], result["step"])
        _add_need(table, row, result)
    _add_modality(table, row, steps, result)
    for step in STEPS:
        record = single(steps, step_id=step)
        if record is None:
            for column in (step, f"{step}_value", f"{step}_threshold", f"{step}_why"):
                table.empty(row, column, "[x]", "the test does not apply to this row")
            continue
        words = record["outcome"].replace("_", " ").lower() + (
            f": {record['reason_code']}" if record["reason_code"] else ""
        )
        table.text(row, step, words, [record["decision_id"]], record["step"])
        is_open = record["outcome"] == "NOT_ASSESSED"
        for column, field in ((f"{step}_value", "value"), (f"{step}_threshold", "threshold")):
            absent = (
                "the test was not assessed, see how it was tested"
                if is_open
                else f"the test has no numeric {field}"
            )
            _add_decision_number(table, row, column, record, field, absent)
        table.text(row, f"{step}_why", record["text"], [record["decision_id"]])
    for column in ("reviewer", "sign_off"):
        table.empty(row, column, "[z]", "for the ministry's reviewer to fill in")


def _add_modality(table: TableCells, row: Key, steps: pd.DataFrame, result: Mapping[Any, Any] | None) -> None:
    """Form of the migration proposed; none where none is: beside a failed decision it would read as advice."""
    modality = single(steps, step_id="MODALITY")
    if result is None or result["reason_code"] != "LABOUR_MIGRATION_OPTION":
        table.empty(row, "modality", "[z]", "labour migration is not recommended: no form of it is proposed")
    elif modality is None or modality["outcome"] == "NOT_ASSESSED":
        reason = "no gap opens within the horizon" if modality is None else modality["text"]
        table.empty(row, "modality", "[x]", reason)
    else:
        words = modality["reason_code"].replace("_", " ").lower()
        table.text(row, "modality", words, [modality["decision_id"]], modality["text"])


def _add_need(table: TableCells, row: Key, result: Mapping[Any, Any]) -> None:
    """Both ends of the need; where the ceiling stops both, the upper end only, because one number is no range."""
    stopped = pd.notna(result["value_low"]) and result["value_low"] == result["value_high"]
    for column, end in (("need_low", "value_low"), ("need_high", "value_high")):
        if stopped and column == "need_low":
            table.empty(row, column, "[z]", "the ceiling stops both ends: at most the upper end")
        else:
            _add_decision_number(
                table, row, column, result, end, f"no number is given: {result['reason_code']}"
            )


def _add_decision_number(
    table: TableCells, row: Key, column_id: str, record: Mapping[Any, Any], field: str, absent: str
) -> None:
    """One number of a test. A threshold is chosen, not reported or projected, but for those that are a figure."""
    if pd.isna(record[field]):
        table.empty(row, column_id, "[x]", absent)
        return
    decimals = 0 if record["unit_measure"] in ("PS", "NR", "YR") else 2
    inputs, is_chosen = [record["decision_id"]], (record["step_id"], field) in CHOSEN
    if is_chosen and not table.lineage.of_all(inputs).source_ids:
        table.text(row, column_id, f"{record[field]:,.{decimals}f} (of the rule)", inputs, record["text"])
        return
    basis = "computed" if is_chosen else record["basis"]
    table.number(
        row,
        column_id,
        record[field],
        record["unit_measure"],
        basis,
        inputs,
        record["text"],
        decimals=decimals,
    )


CHOSEN = {
    *((step, "threshold") for step in STEPS if step not in ("D4", "D6")),
    ("D6", "value"),
}
"""Numbers of the tests that a rule or a country file sets; those of D4 and D6 are the gap and its opening."""
