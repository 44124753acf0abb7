"""T3 shortage list, T4 the indicators behind it, T6 demand and supply."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pandas as pd

from lma.assessment.cells import Key, Lineage, TableCells
from lma.assessment.profile import level_rows
from lma.assessment.selection import select, single
from lma.contracts import TableSpec, codelist, rule_set
from lma.levels import Level
from lma.shortages import LABELS, RULE_SETS
from lma.shortages.rating import has_vote

METHODS = tuple((method, LABELS[method]) for method in RULE_SETS)
GAP_COLUMNS = (
    Key("p_shortage", "Probability of a shortage, %"),
    Key("gap_q10", "Gap, 10th percentile, persons"),
    Key("gap_q50", "Gap, median, persons"),
    Key("gap_q90", "Gap, 90th percentile, persons"),
    Key("gap_share", "Median gap over employment, %"),
)


def shortage_columns() -> tuple[Key, ...]:
    """Columns of T3: the rating, the vote of every rule set, the gap ahead, and what it all rests on."""
    said = {True: "vote", False: "years ahead, no vote"}
    return (
        Key("final_rating", "Rating, recent and projected together"),
        Key("confidence", "Confidence, A to D"),
        Key("forecast_rating", "Projected rating"),
        *GAP_COLUMNS,
        Key("rating_now", "Rating now: the middle vote"),
        Key("n_rated", "Rule sets that rate the present"),
        *(Key(f"{method}_rating", f"{label}: {said[has_vote(method)]}") for method, label in METHODS),
        Key("drivers", "What pushes the rating"),
        Key("rests_on", "What the rating rests on"),
        Key("confidence_why", "Confidence: tests"),
    )


def shortage_spec(level: Level) -> TableSpec:
    """Heading of T3, which names the level of detail of its rows."""
    return TableSpec(
        "T3",
        "Shortage list by economic activity",
        f"Rating by {len(METHODS)} rule sets as far as the data allow, and by the projected gap. The loaded sources hold no occupation "
        f"figures for this country, so rows are economic activities: {level.words}. Indicators and scores: T4; how firm a rating is: T16.",
        "Economic activity",
        ("N_LEVEL", "N_RATING", "N_VOTE", "N_CONFIDENCE", "N_RELATIVE", "N_GAP", "N_NO_MIGRATION"),
    )


def shortage_table(
    ref_area: str, shortages: pd.DataFrame, balances: pd.DataFrame, span: str, level: Level, lineage: Lineage
) -> pd.DataFrame:
    """Cells of T3. ``span``: the cumulated period of the gap, such as 2026-2030; ``level``: of its rows."""
    table = TableCells(ref_area, "T3", shortage_columns(), lineage)
    mine = select(shortages, ref_area=ref_area, occupation="_T")
    gaps = select(balances, ref_area=ref_area, occupation="_T", time_period=span, scenario="baseline")
    for row in level_rows(level):
        ratings = select(mine, economic_activity=row.id)
        _add_methods(table, row, ratings)
        _add_final(table, row, ratings)
        _add_gaps(table, row, select(gaps, economic_activity=row.id))
    return table.frame()


def _add_methods(table: TableCells, row: Key, ratings: pd.DataFrame) -> None:
    for method, _ in METHODS:
        score = single(ratings, method=method, indicator="_SCORE")
        if score is not None:
            words = score["reason"] or score["step"]
            table.text(row, f"{method}_rating", score["rating"] or "N", [score["shortage_id"]], words)
        elif row.id == "_T":
            absent = "the national total is the reference of the rule set, it is not rated"
            table.empty(row, f"{method}_rating", "[z]", absent)
        else:
            table.empty(row, f"{method}_rating", "[x]", "the rule set has no row for this activity")


FINAL_COLUMNS = ("final_rating", "rating_now", "forecast_rating", "n_rated", "drivers", "rests_on")


def _add_final(table: TableCells, row: Key, ratings: pd.DataFrame) -> None:
    absent = "the national total is not rated" if row.id == "_T" else "no rating for this activity"
    found = {
        str(record["indicator"]): record for record in select(ratings, method="rating").to_dict("records")
    }
    if "_SCORE" not in found:
        for column in (*FINAL_COLUMNS, "confidence", "confidence_why"):
            table.empty(row, column, "[z]" if row.id == "_T" else "[x]", absent)
        return
    final, now, ahead = (found[name] for name in ("_SCORE", "CURRENT", "FORECAST"))
    for column, record in zip(FINAL_COLUMNS[:3], (final, now, ahead), strict=True):
        words = record["reason"] or record["step"]
        table.text(row, column, record["rating"] or "N", [record["shortage_id"]], words)
    voting = sum(has_vote(method) for method, _ in METHODS)
    votes = f"{now['n_indicators'] or 0} of {voting}"
    table.text(row, "n_rated", votes, [now["shortage_id"]], now["step"])
    drivers, confidence = found["DRIVERS"], found["CONFIDENCE"]
    table.text(row, "drivers", name_codes(drivers["step"]), [drivers["shortage_id"]])
    table.text(row, "rests_on", final["reason"] or final["step"], [final["shortage_id"]])
    grade, _, why = str(confidence["step"]).partition(": ")
    table.text(row, "confidence", grade, [confidence["shortage_id"]], confidence["step"])
    table.text(row, "confidence_why", why, [confidence["shortage_id"]])


def name_codes(text: str) -> str:
    """A text with short names of indicators and rule sets in place of their codes."""
    short = {name: told.split(", ")[0] for (_, name), told in indicator_names().items()}
    words = {name: told[0].lower() + told[1:] for name, told in short.items()}
    named = re.sub(r"\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\b", lambda m: words.get(m.group(), m.group()), text)
    codes = "|".join(method for method, _ in METHODS)
    return re.sub(rf"(?<=[(, ])({codes})(?=[,):;]|$)", lambda m: dict(METHODS)[m.group()], named)


GAP_CELLS = (
    ("p_shortage", "GAP", "probability", 0), ("gap_q10", "GAP", "0.1", 0), ("gap_q50", "GAP", "0.5", 0), ("gap_q90", "GAP", "0.9", 0),
    ("gap_share", "GAP_PC", "0.5", 1),
)  # fmt: skip


NOT_SIMULATED = "not simulated for this activity: where no activity can be forecast, only the total is"


def _add_gaps(table: TableCells, row: Key, gaps: pd.DataFrame) -> None:
    for column, measure, output, decimals in GAP_CELLS:
        chosen = (
            {"output_type": output}
            if output == "probability"
            else {"output_type": "quantile", "output_type_id": output}
        )
        record = single(gaps, measure=measure, **chosen)
        _add_balance(table, row, column, record, decimals)


def _add_balance(
    table: TableCells, row: Key, column_id: str, record: Mapping[Any, Any] | None, decimals: int
) -> None:
    if record is None or pd.isna(record["value"]):
        table.empty(
            row,
            column_id,
            "[x]",
            NOT_SIMULATED if record is None else str(record["reason"]),
        )
        return
    is_share = record["unit_measure"] == "PROB"
    value, unit = (
        (round(record["value"] * 100, 2), "PC") if is_share else (record["value"], record["unit_measure"])
    )
    table.number(
        row, column_id, value, unit, record["basis"], [record["balance_id"]], record["step"], decimals=decimals,
        period=record["time_period"], status="F", footnotes=["N_GAP"] if column_id.startswith("gap") else [],
    )  # fmt: skip


def _add_number(
    table: TableCells,
    row: Key,
    column_id: str,
    record: Mapping[Any, Any],
    field: str,
    decimals: int,
    absent: str,
) -> None:
    if pd.isna(record[field]):
        table.empty(row, column_id, "[x]", absent)
        return
    table.number(
        row,
        column_id,
        record[field],
        record["unit_measure"],
        record["basis"],
        [record["shortage_id"]],
        record["step"],
        decimals=decimals,
        period=record["time_period"],
    )


INDICATOR_COLUMNS = tuple(
    Key(*pair)
    for pair in (
        ("method", "Rule set"),
        ("indicator", "Indicator"),
        ("period", "Period"),
        ("value", "Value"),
        ("threshold", "Threshold"),
        ("points", "Points or standardised value"),
        ("note", "Note"),
    )
)
INDICATOR_SPEC = TableSpec(
    "T4",
    "Indicators behind the ratings",
    "Every indicator and the score of every rule set. An indicator that no activity has stands in one row, with what is missing.",
    "Economic activity and indicator",
    ("N_RATING", "N_RELATIVE"),
)


RATES_NONE = "no activity is rated: too few indicators have figures"
ABSENT = "no loaded source has this indicator for any activity"
NO_FIGURE = {"MISSING": "no loaded source has this indicator for this activity"}


def indicator_names() -> dict[tuple[str, str], str]:
    """(rule set, indicator id) -> the indicator in words: the first sentence of its description; `_SCORE` too."""
    names = {
        (method, indicator.id): indicator.description.split(". ")[0].rstrip(".")
        for method, _ in METHODS
        for indicator in rule_set(method).indicators
    }
    return names | {(method, "_SCORE"): f"{label}, score" for method, label in METHODS}


def indicator_table(ref_area: str, shortages: pd.DataFrame, level: Level, lineage: Lineage) -> pd.DataFrame:
    """Cells of T4: one row per activity, rule set and indicator, its score among them."""
    table = TableCells(ref_area, "T4", INDICATOR_COLUMNS, lineage)
    shown = level_rows(level)
    mine = select(shortages, ref_area=ref_area, occupation="_T", method=list(dict(METHODS)))
    mine = select(mine, economic_activity=[row.id for row in shown])
    has_figure = mine.groupby(["method", "indicator"])["value"].transform("count") > 0
    labels, names = dict(METHODS), indicator_names()
    for activity in shown:
        rows = select(mine[has_figure], economic_activity=activity.id)
        for record in rows.sort_values(["method", "indicator"], kind="stable").to_dict("records"):
            key = (record["method"], record["indicator"])
            row = Key(f"{activity.id}-{_row_id(*key)}", f"{activity.label}: {names[key]}")
            _add_indicator_row(table, row, record, labels[record["method"]], names[key])
    _add_absent(table, mine[~has_figure], labels, names)
    return table.frame()


def _row_id(method: str, indicator: str) -> str:
    return f"{method}-{'SCORE' if indicator == '_SCORE' else indicator}"


def _add_absent(
    table: TableCells, absent: pd.DataFrame, labels: Mapping[str, str], names: Mapping[tuple[str, str], str]
) -> None:
    """One row for each indicator that no activity has, and for the score of a rule set that rates none."""
    pairs = absent[["method", "indicator"]].drop_duplicates().sort_values(["method", "indicator"])
    for method, indicator in pairs.itertuples(index=False, name=None):
        name = names[(method, indicator)]
        reason = RATES_NONE if indicator == "_SCORE" else ABSENT
        row = Key(f"ALL-{_row_id(method, indicator)}", f"All activities: {name}")
        table.text(row, "method", labels[method])
        table.text(row, "indicator", name)
        for column in ("period", "value", "threshold", "points"):
            table.empty(row, column, "[x]", reason)
        table.text(row, "note", reason)


def _add_indicator_row(
    table: TableCells, row: Key, record: Mapping[Any, Any], method: str, name: str
) -> None:
    inputs, reason = [record["shortage_id"]], NO_FIGURE.get(record["reason"], record["reason"])
    table.text(row, "method", method, inputs)
    table.text(row, "indicator", name, inputs)
    if record["time_period"] not in (None, "", "_Z"):
        table.text(row, "period", record["time_period"], inputs)
    else:
        table.empty(row, "period", "[x]", reason or "no figure")
    _add_number(table, row, "value", record, "value", 2, reason or "no figure")
    for column in ("threshold", "points"):
        if pd.isna(record[column]):
            table.empty(row, column, "[x]", reason or "not scored")
        else:
            table.number(
                row, column, record[column], "RATIO", record["basis"], inputs, record["step"], decimals=2
            )
    rating = f"{record['rating']}: " if record["rating"] else ""
    table.text(row, "note", f"{rating}{reason or record['step']}", inputs)


BALANCE_NOTES = ("N_LEVEL", "N_GAP", "N_REPLACEMENT", "N_SEEKERS")


SEXES = {"F": "women", "M": "men"}
PARTS_OF_REPLACEMENT = "REPLACEMENT_"


def find_not_known(balances: pd.DataFrame, ref_area: str, span: str) -> dict[str, str]:
    """Terms that no activity has a figure of, although the gap has one: measure -> reason. They count as none."""
    mine = select(balances, ref_area=ref_area, occupation="_T", time_period=span, scenario="baseline")
    gap = select(mine, measure="GAP", economic_activity="_T")
    if not gap["value"].notna().any():
        return {}
    known = mine.groupby("measure")["value"].transform("count")
    counted = ~mine["measure"].str.startswith(PARTS_OF_REPLACEMENT)
    lacking = mine[counted & (known == 0) & (mine["economic_activity"] == "_T")].drop_duplicates("measure")
    return dict(zip(lacking["measure"], lacking["reason"], strict=True))


def balance_spec(ref_area: str, balances: pd.DataFrame, span: str) -> TableSpec:
    """Heading of T6 for the cumulated period; names the terms that no source counts."""
    labels = codelist("balance_measures").set_index("measure")["label_en"]
    lacking = [str(labels[measure]).lower() for measure in find_not_known(balances, ref_area, span)]
    none = f" No loaded source counts, and the gap holds as none: {', '.join(lacking)}." if lacking else ""
    return TableSpec(
        "T6",
        f"Demand and supply, {span} cumulated",
        "Medians of the joint simulation, persons; the gap with its 80 % range. Medians of terms or of sectors need not add up: the "
        "identities hold in every draw, and sectors sum in every draw to the published forecast of the total (T5) where it covers the same "
        f"people.{none}",
        "Economic activity",
        BALANCE_NOTES,
    )


def balance_columns(present: set[str], lacking: set[str]) -> list[Key]:
    """Columns of T6: every term that is cumulated and known, then the gap's quantiles and probability.

    Parts of raw replacement and the sexes stand in marts.balances and not in columns of their own.
    """
    measures = codelist("balance_measures")
    labels = zip(measures["measure"], measures["label_en"], strict=True)
    hidden = {m for m in present if m.startswith(PARTS_OF_REPLACEMENT) and m != "REPLACEMENT_RAW"}
    hidden |= {m for m in present if m[-2:] in {f"_{sex}" for sex in SEXES}}
    shown = present - hidden - lacking - {"GAP", "GAP_PC"}
    return [*(Key(measure, label) for measure, label in labels if measure in shown), *GAP_COLUMNS]


OF_FOREIGN_WORKERS = ("CONTRACT_EXPIRY", "RECRUITED")
"""Terms known only where foreign workers are counted: a nought elsewhere would say that there are none."""


def balance_table(
    ref_area: str, balances: pd.DataFrame, span: str, level: Level, lineage: Lineage
) -> pd.DataFrame:
    """Cells of T6 for the cumulated period: activities, then women and men of the country where told apart."""
    mine = select(balances, ref_area=ref_area, occupation="_T", time_period=span, scenario="baseline")
    columns = balance_columns(set(mine["measure"]), set(find_not_known(balances, ref_area, span)))
    table = TableCells(ref_area, "T6", columns, lineage)
    gap_ids = {cell[0] for cell in GAP_CELLS}
    for row in level_rows(level):
        rows = select(mine, economic_activity=row.id)
        for column in columns:
            if column.id not in gap_ids:
                _add_term(table, row, column.id, select(rows, measure=column.id))
        _add_gaps(table, row, rows)
    for sex, word in SEXES.items():
        _add_sex(table, Key(f"SEX_{sex}", f"All activities: {word}"), columns, mine, sex)
    return table.frame()


def _add_sex(table: TableCells, row: Key, columns: list[Key], mine: pd.DataFrame, sex: str) -> None:
    """Seekers of one sex; the terms that no source tells apart by sex say so."""
    if not select(mine, measure=f"ENTRANTS_{sex}")["value"].notna().any():
        return
    for column in columns:
        rows = select(mine, measure=f"{column.id}_{sex}", economic_activity="_T")
        if len(rows):
            _add_term(table, row, column.id, rows)
        else:
            table.empty(row, column.id, "[x]", "NOT_BY_SEX: not told apart by sex")


def _add_term(table: TableCells, row: Key, column_id: str, rows: pd.DataFrame) -> None:
    if column_id in OF_FOREIGN_WORKERS and row.id != "_T" and len(rows) and rows["value"].eq(0).all():
        reason = "no source counts the foreign workers of this activity: the gap holds them as none"
        table.empty(row, column_id, "[x]", reason)
        return
    median = single(rows, output_type="quantile", output_type_id="0.5") or single(rows, output_type="mean")
    _add_balance(table, row, column_id, median, 0)
