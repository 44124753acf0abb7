"""T8 corridors: ranked partners per shortage with circumstances, flags, affinity by parts and match size."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from lma.assessment.cells import Key, Lineage, TableCells
from lma.assessment.profile import read_labels
from lma.assessment.selection import select
from lma.contracts import Country, TableSpec, weakest_basis
from lma.migration.affinity import PARTS
from lma.migration.safeguards import area_names, shared_blocs

PART_LABELS = {
    "surplus": "surplus at the origin", "shortage": "shortage at the destination", "stock": "migrants there already",
    "language": "common language", "wage": "wage gap", "distance": "nearness", "agreement": "agreement or free movement",
    "cost": "low cost",
}  # fmt: skip
CORRIDOR_COLUMNS = tuple(
    Key(*pair)
    for pair in (
        ("activity", "Economic activity"),
        ("rank", "Rank within the activity"),
        ("affinity", "Affinity, 0 to 100"),
        ("n_parts", "Parts of the affinity that are known, of 8"),
        *((f"part_{name}", f"Part: {PART_LABELS[name]}, 0 to 1") for name in PARTS),
        ("safe_pool_low", "Workers the origin could spare, lower end"),
        ("safe_pool_high", "Workers the origin could spare, upper end"),
        ("need_low", "Need of the destination, lower end"),
        ("need_high", "Need of the destination, upper end"),
        ("match_low", "Match size, lower end"),
        ("match_high", "Match size, upper end"),
        ("match_reason", "What bounds the match, or why there is none"),
        ("stock", "Migrants of all activities, persons"),
        ("stock_period", "Period of the migrants"),
        ("women_share", "Women among the migrants, %"),
        ("share", "Share of the country's migrants, %"),
        ("remittances", "Remittances along the corridor, US dollars"),
        ("unemployment_rate", "Unemployment rate of the other country, %"),
        ("youth_neet", "Young people of the origin not in employment, education or training, %"),
        ("gdp_pc_ratio", "GDP per head (PPP), destination over origin"),
        ("wage_ratio", "Mean earnings (PPP), destination over origin"),
        ("distance", "Distance, km"),
        ("common_language", "Common official language"),
        ("agreement", "Agreements in the register"),
        ("recruitment_cost", "Recruitment cost paid by the worker, months of earnings (SDG 10.7.1)"),
        ("emigration_rate", "Tertiary emigration rate of the origin, %"),
        ("origin_rating", "Rating at the origin"),
        ("destination_rating", "Rating at the destination"),
        ("flags", "Safety and ethical flags"),
        ("recommended", "Active recruitment"),
        ("reason", "Why"),
    )
)
# column, decimals, unit, indicators of the published figures behind it, how it comes about
PUBLISHED = (
    ("stock", 0, "PS", ("MIG_STOCK",), "as published, all activities and ages"),
    ("share", 1, "PC", ("MIG_STOCK",), "100 x stock / all migrants of the publisher's total, or of the stocks at hand"),
    ("remittances", 0, "USD", ("REMIT",), "as published"),
    ("unemployment_rate", 1, "PC", ("UNE_RT",), "as published"),
    ("youth_neet", 1, "PC", ("NEET_RT",), "as published"),
    ("gdp_pc_ratio", 2, "RATIO", ("GDP_PC_PPP",), "destination / origin, newest year both have"),
    ("wage_ratio", 2, "RATIO", ("EARN_PPP",), "destination / origin, newest years both have"),
    ("distance", 0, "KM", ("DIST",), "as published"),
    ("emigration_rate", 1, "PC", ("EMIG_TERTIARY", "POP_TERTIARY"), "emigrants / (emigrants + residents)"),
)  # fmt: skip
COMPUTED = (
    ("rank", 0, "NR", "place within the activity: cleared, unknown, refused; then by affinity"),
    ("n_parts", 0, "NR", "number of parts of the affinity that are known"),
    ("affinity", 1, "IX", "100 x weighted mean of the known parts (weights: rules/corridors.yaml)"),
    *((f"part_{name}", 2, "IX", f"part of the affinity: {PART_LABELS[name]}") for name in PARTS),
    *((f"{name}_{end}", 0, "PS", words) for name, words in (
        ("safe_pool", "0.5 (safe_share) x surplus of the origin's own balance"),
        ("need", "need of the destination's own decision"),
        ("match", "smallest of safe pool, need and quota"),
    ) for end in ("low", "high")),
)  # fmt: skip
NOT_LOADED = "no loaded source has this figure for the corridor"
NOT_BY_ACTIVITY = "not published by activity: see the row of the whole corridor"
ABSENT = {
    "wage_ratio": "no loaded source has earnings of both countries in years that fit",
    "emigration_rate": "no loaded source counts emigrants and residents by education",
    "affinity": "too few parts are known (min_parts in rules/corridors.yaml)",
}
LANGUAGE = {1.0: "yes", 0.0: "no"}


def corridor_spec(country: Country) -> TableSpec:
    """Heading of T8: origins for a destination country, destinations for an origin country."""
    side = "origins of migrants" if country.role == "destination" else "destinations of emigrants"
    limits = (
        ""
        if country.role == "destination"
        else " Shares are of all its emigrants, the publisher's world total."
    )
    return TableSpec(
        "T8",
        f"Corridors: {side}",
        "Each corridor as a whole, largest first, then the corridors of each activity that is short, in surplus or under a safeguard, "
        f"ranked. Affinity describes today, it is no forecast of flows; unknown parts count neither for nor against.{limits}",
        "Corridor",
        ("N_STOCK",),
    )


def corridor_columns(country: Country) -> tuple[Key, ...]:
    """Columns of T8: for an origin the share is of its emigrants all over the world."""
    if country.role == "destination":
        return CORRIDOR_COLUMNS
    share = Key("share", "Share of all its emigrants, %")
    return tuple(share if column.id == share.id else column for column in CORRIDOR_COLUMNS)


def corridor_table(
    country: Country, corridors: pd.DataFrame, observations: pd.DataFrame, lineage: Lineage
) -> pd.DataFrame:
    """Cells of T8: whole corridors by stock, then by activity and rank.

    ``observations``: those the corridors rest on; each published figure shows its own source, period and basis.
    """
    table = TableCells(country.ref_area, "T8", corridor_columns(country), lineage)
    mine = select(corridors, ref_area=country.ref_area)
    used = {one for ids in mine["inputs"] for one in ids}
    figures = observations[observations["observation_id"].isin(used)].set_index("observation_id")
    labels = read_labels("economic_activities")
    for record in _order_rows(mine).to_dict("records"):
        _add_corridor(table, _name_row(record, labels), record, figures, labels)
    return table.frame()


def _order_rows(mine: pd.DataFrame) -> pd.DataFrame:
    whole = mine["economic_activity"] == "_T"
    first = mine[whole].sort_values(
        ["stock", "origin", "destination"], ascending=[False, True, True], kind="stable"
    )
    then = mine[~whole].sort_values(["economic_activity", "rank"], kind="stable")
    return pd.concat([first, then])


def _name_row(record: Mapping[Any, Any], labels: Mapping[str, str]) -> Key:
    names = area_names()
    pair = f"{record['origin']}-{record['destination']}"
    words = " to ".join(names.get(record[side], record[side]) for side in ("origin", "destination"))
    activity = record["economic_activity"]
    if activity == "_T":
        return Key(pair, words)
    return Key(f"{pair}-{activity}", f"{words}: {labels.get(activity, activity)}")


def _add_corridor(
    table: TableCells, row: Key, record: Mapping[Any, Any], figures: pd.DataFrame, labels: Mapping[str, str]
) -> None:
    inputs = [record["corridor_id"]]
    own = figures[figures.index.isin(list(record["inputs"]))]
    activity = record["economic_activity"]
    table.text(row, "activity", labels.get(activity, activity) if activity != "_T" else "all", inputs)
    for column, decimals, unit, words in COMPUTED:
        _add_computed(table, row, record, column, decimals, unit, words)
    for column, decimals, unit, indicators, words in PUBLISHED:
        found = own[own["indicator"].isin(indicators) & (own["sex"] == "_T")]
        if pd.isna(record[column]) or found.empty:
            table.empty(row, column, *_say_why(column, activity))
        else:
            _add_published(table, row, column, float(record[column]), decimals, unit, found, words)
    _add_women(table, row, record, own)
    _add_words(table, row, record, inputs)


def _say_why(column: str, activity: str) -> tuple[str, str]:
    """Symbol and reason of an empty figure."""
    if column in ("share", "remittances") and activity != "_T":
        return "[z]", NOT_BY_ACTIVITY
    return "[x]", ABSENT.get(column, NOT_LOADED)


def _add_published(
    table: TableCells,
    row: Key,
    column: str,
    value: float,
    decimals: int,
    unit: str,
    found: pd.DataFrame,
    words: str,
) -> None:
    if column == "stock":
        found = found[found["counterpart_area"].str.fullmatch("[A-Z]{3}") & (found["ref_area"] != "WLD")]
        found = found[found["obs_value"] == value]
    table.number(
        row, column, value, unit, weakest_basis(found["basis"].astype(str)), list(found.index.astype(str)), words,
        decimals=decimals, period=str(found["time_period"].min()),
    )  # fmt: skip


def _add_women(table: TableCells, row: Key, record: Mapping[Any, Any], own: pd.DataFrame) -> None:
    women, stock = record["stock_women"], record["stock"]
    if pd.isna(women) or pd.isna(stock) or stock <= 0:
        table.empty(row, "women_share", "[x]", "no loaded source has the migrants of this corridor by sex")
        return
    wanted = pd.Series({"F": women, "_T": stock})
    both = own[(own["indicator"] == "MIG_STOCK") & (own["obs_value"] == own["sex"].map(wanted))]
    table.number(
        row, "women_share", 100 * women / stock, "PC", weakest_basis(both["basis"].astype(str)),
        list(both.index.astype(str)), "100 x women / both sexes of the same period", period=record["stock_period"],
    )  # fmt: skip


def _add_computed(
    table: TableCells, row: Key, record: Mapping[Any, Any], column: str, decimals: int, unit: str, words: str
) -> None:
    value = record[column]
    if not pd.isna(value):
        table.number(
            row, column, float(value), unit, record["basis"], [record["corridor_id"]], f"{words}. {record['step']}",
            decimals=decimals,
        )  # fmt: skip
        return
    if column.startswith("part_"):
        reason = "unknown: it takes no part in the affinity"
    elif column.startswith(("safe_pool", "need", "match")):
        name = column.removeprefix("safe_").split("_")[0]
        reason = str(record[f"{name}_reason"] or "not matched")
    else:
        reason = ABSENT.get(column, "not computed")
    whole = record["economic_activity"] == "_T" and column.startswith(("safe_pool", "need", "match"))
    table.empty(row, column, "[z]" if whole else "[x]", reason)


def _add_words(table: TableCells, row: Key, record: Mapping[Any, Any], inputs: list[str]) -> None:
    if record["stock_period"]:
        table.text(row, "stock_period", record["stock_period"], inputs)
    else:
        table.empty(row, "stock_period", "[x]", "no stock published")
    if pd.isna(record["common_language"]):
        table.empty(row, "common_language", "[x]", "no loaded source has the languages of this pair")
    else:
        table.text(row, "common_language", LANGUAGE.get(float(record["common_language"]), "unclear"), inputs)
    table.text(row, "agreement", describe_rights(record), inputs)
    _add_cost(table, row, record, inputs)
    for side in ("origin", "destination"):
        rating = record[f"{side}_rating"]
        if rating:
            table.text(row, f"{side}_rating", rating, inputs)
        else:
            reason = f"{record[side]} was not rated: `lma coverage coverage.csv {record[side]}` rates it"
            table.empty(row, f"{side}_rating", "[x]", reason)
    table.text(row, "match_reason", record["match_reason"] or "not matched", inputs)
    table.text(row, "flags", describe_flags(record), inputs)
    table.text(row, "recommended", record["recommended"].replace("_", " ").lower(), inputs)
    table.text(row, "reason", record["reason"] or "see the flags", inputs)


def _add_cost(table: TableCells, row: Key, record: Mapping[Any, Any], inputs: list[str]) -> None:
    cost = record["recruitment_cost"]
    if not pd.isna(cost):
        table.text(row, "recruitment_cost", f"{cost:g} ({record['cost_source']})", inputs)
        return
    known = record["cost_source"]
    words = f"; {known}" if known else ""
    table.empty(row, "recruitment_cost", "[x]", f"no figure for this corridor in the register{words}")


FREE = "FREE_MOVEMENT_"


def describe_rights(record: Mapping[Any, Any]) -> str:
    """What governments agreed along a corridor: agreements, blocs with and without free movement, lists with force of law."""
    words = [str(record["agreement"])]
    for work, text in (
        ("free", "free movement of workers"),
        ("planned", "protocol on free movement not in force"),
    ):
        free = [flag.removeprefix(FREE) for flag in record["flags"] if flag.startswith(FREE)]
        blocs = free if work == "free" else shared_blocs(record["origin"], record["destination"], work)
        words += [f"{', '.join(blocs)}: {text}"] if blocs else []
    if record["shortage_list"]:
        words.append(f"{record['shortage_list']}")
    return "; ".join(words)


def describe_flags(record: Mapping[Any, Any]) -> str:
    """Flags raised, and those that could not be checked: silence about a flag is never a clearance."""
    raised = ", ".join(record["flags"]) or "none raised of those checked"
    unchecked = ", ".join(record["unchecked"])
    return f"{raised}; not checked for lack of figures: {unchecked}" if unchecked else raised
