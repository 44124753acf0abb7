"""T18 past gaps: the balance made again from earlier years, beside what came."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from lma.assessment.cells import Key, Lineage, TableCells
from lma.assessment.selection import select
from lma.balance.hindsight import score_ranks, score_signs
from lma.contracts import TableSpec, codelist

HINDSIGHT_SPEC = TableSpec(
    "T18",
    "Gaps and ratings in hindsight",
    "The balance made again today from the figures up to an earlier year, with no sight of later employment, set beside the same accounting "
    "with what came. Good or bad, it is shown.",
    "Origin and economic activity",
    ("N_HINDSIGHT",),
)
COLUMNS = (
    Key("period", "Years judged"), Key("gap_pc_q50", "Gap predicted, % of employment at the origin"),
    Key("gap_pc_q10", "Lower end of its 80 % range"), Key("gap_pc_q90", "Upper end of its 80 % range"),
    Key("probability", "Probability of a shortage"), Key("rating", "Rating of the predicted gap"),
    Key("realised_gap_pc", "Gap that came, %"), Key("naive_gap_pc", "Gap with employment unchanged, %"),
    Key("sign", "Shortage or surplus said rightly"), Key("inside", "What came is inside the range"),
    Key("sign_hit", "Sectors said rightly, %"), Key("naive_sign_hit", "The same by unchanged employment, %"),
    Key("rank_hit", "Pairs of sectors in the right order, %"), Key("naive_rank_hit", "The same by past growth, %"),
    Key("unemployment_change", "Change of the unemployment rate, points"),
    Key("unemployment", "Unemployment fell or rose as openings less new seekers said"),
)  # fmt: skip
NUMBERS = (
    ("gap_pc_q50", 1, "PC"), ("gap_pc_q10", 1, "PC"), ("gap_pc_q90", 1, "PC"), ("probability", 2, "PROB"),
    ("realised_gap_pc", 1, "PC"), ("naive_gap_pc", 1, "PC"),
)  # fmt: skip
TOTAL = "_T"
SCORES = ("sign_hit", "naive_sign_hit", "rank_hit", "naive_rank_hit")


def hindsight_table(ref_area: str, past: pd.DataFrame, lineage: Lineage) -> pd.DataFrame:
    """Cells of T18: per origin the country with the scores of its sectors, then each sector. ``past``: marts.past_balances."""
    table = TableCells(ref_area, "T18", COLUMNS, lineage)
    mine = select(past, ref_area=ref_area)
    if mine.empty:
        row = Key("NONE", "No balance was made again")
        _fill(
            table,
            row,
            "no balance of an earlier year was made again: no annual employment of the country is known",
        )
    for origin, rows in mine.groupby("origin_date", sort=True):
        sectors = rows[(rows["economic_activity"] != TOTAL) & rows["realised_gap_pc"].notna()]
        first = rows.sort_values("economic_activity", key=lambda codes: codes != TOTAL, kind="stable")
        for record in first.to_dict("records"):
            _add_row(table, str(origin), record, sectors)
    return table.frame()


def _add_row(table: TableCells, year: str, record: Any, sectors: pd.DataFrame) -> None:
    unit = str(record["economic_activity"])
    row = Key(f"{year}_{unit.strip('_')}", f"{_labels()[unit]}, from {year}")
    if pd.isna(record["realised_gap_pc"]):
        _fill(table, row, str(record["reason"]))
        return
    ids, step = [record["past_balance_id"]], record["step"]
    table.text(row, "period", record["time_period"], ids)
    for column, decimals, unit_measure in NUMBERS:
        table.number(row, column, record[column], unit_measure, "projection", ids, step, decimals=decimals)
    table.text(row, "rating", record["rating"], ids)
    table.text(row, "sign", _yes(np.sign(record["gap_pc_q50"]) == np.sign(record["realised_gap_pc"])), ids)
    inside = record["gap_pc_q10"] <= record["realised_gap_pc"] <= record["gap_pc_q90"]
    table.text(row, "inside", _yes(inside), ids)
    _add_scores(table, row, record, sectors if unit == TOTAL else sectors.iloc[:0])
    _add_unemployment(table, row, record)


def _add_scores(table: TableCells, row: Key, record: Any, sectors: pd.DataFrame) -> None:
    """Hit rates over the sectors, in the row of the country."""
    if len(sectors) < 2:
        for column in SCORES:
            table.empty(row, column, "[z]", "a measure of all sectors together, in the row of the country")
        return
    scores = {**score_signs(sectors), **score_ranks(sectors)}
    ids = sectors["past_balance_id"].tolist()
    for column in SCORES:
        if np.isnan(scores[column]):
            table.empty(row, column, "[x]", "no figures of as many years before the origin")
            continue
        step = f"over {len(sectors)} sectors, or {scores['n_pairs']:.0f} pairs of them"
        table.number(row, column, 100 * scores[column], "PC", "projection", ids, step, decimals=0)


def _add_unemployment(table: TableCells, row: Key, record: Any) -> None:
    change, ids = record["unemployment_change"], [record["past_balance_id"]]
    if record["economic_activity"] != TOTAL:
        for column in ("unemployment_change", "unemployment"):
            table.empty(row, column, "[z]", "unemployment is not known by economic activity")
        return
    if pd.isna(change):
        for column in ("unemployment_change", "unemployment"):
            table.empty(
                row, column, "[x]", "no unemployment rate of one series at the origin, before and after"
            )
        return
    table.number(
        row, "unemployment_change", change, "PT", "modelled_estimate", ids, record["step"], decimals=1
    )
    table.text(row, "unemployment", _yes((record["flow_gap_pc"] > 0) == (change < 0)), ids)


def _fill(table: TableCells, row: Key, reason: str) -> None:
    for column in COLUMNS:
        table.empty(row, column.id, "[x]", reason)


def _yes(is_so: bool) -> str:
    return "yes" if is_so else "no"


def _labels() -> dict[str, str]:
    listed = codelist("economic_activities")
    return {**dict(zip(listed["code"], listed["label_en"], strict=True)), TOTAL: "All activities"}
