"""T17 migration and development, origin side: money, people, skills, the young, returns, training."""

from __future__ import annotations

import re
from collections.abc import Iterable

import pandas as pd

from lma.assessment.cells import Key, Lineage, TableCells
from lma.assessment.profile import read_labels
from lma.contracts import Country, TableSpec, rule_set, table_contract
from lma.migration.development import Evidence, list_development
from lma.migration.evidence import Figure
from lma.migration.lines import Line

VINTAGE_COLUMNS = table_contract("staging.observations").column_names
DEVELOPMENT_COLUMNS = tuple(
    Key(*pair)
    for pair in (
        ("topic", "Topic"),
        ("value", "Value"),
        ("women", "Women"),
        ("men", "Men"),
        ("share", "Share of its total, %"),
        ("code", "Reason code"),
        ("unit", "Unit"),
        ("period", "Period"),
        ("basis", "Basis"),
        ("source", "Source"),
        ("how", "How it was made, or why it is missing"),
    )
)
DEVELOPMENT_SPEC = TableSpec(
    "T17",
    "Migration and development",
    "Money, people and skills across the border, by sex where a source splits them; what returns would mean; training seats that the flagged "
    "flows imply. Returns and seats rest on assumptions (rules/development.yaml), they are no forecast. No figure here enters a shortage score.",
    "Figure",
    notes=("N_RETURNS", "N_MONEY", "N_STOCK"),
)
DEVELOPMENT_NOTES = {
    "N_RETURNS": "Three rates of return are assumptions with their references in rules/development.yaml; stocks count persons of all ages.",
    "N_MONEY": "Money is counted by the country it is sent from or to, not by the citizenship of the sender; cash carried by hand is not in it. "
    "Where a source is loaded in two vintages, the transfers that both hold are set side by side; they may include payments for trade.",
}


def development_table(country: Country, edition: str, evidence: Evidence, lineage: Lineage) -> pd.DataFrame:
    """Cells of T17: one row per figure, or per figure that no source has, with its reason code.

    ``edition``: YYYY-MM, from which the age of a figure is counted.
    """
    year = int(edition[:4])
    oldest = year - int(rule_set("decision").threshold("max_age"))
    table = TableCells(country.ref_area, "T17", DEVELOPMENT_COLUMNS, lineage)
    for line in list_development(country, year, evidence):
        _add_line(table, line, oldest)
    return table.frame()


def _add_line(table: TableCells, line: Line, oldest: int) -> None:
    row = Key(line.line_id, line.label)
    table.text(row, "topic", line.topic)
    reason = f"{line.code}: {line.reason}"
    _add_figure(table, row, "value", line, line.figure, reason, oldest)
    sexes = reason if line.figure is None else line.sex_reason
    _add_figure(table, row, "women", line, line.women, sexes, oldest)
    _add_figure(table, row, "men", line, line.men, sexes, oldest)
    _add_share(table, row, line, reason)
    _describe_figure(table, row, line, reason)
    table.text(row, "code", line.code or "none")
    words = [line.step, line.reason] if line.figure is not None else [line.reason]
    table.text(row, "how", "; ".join(word for word in words if word), _ids(line.figure))


def _add_figure(
    table: TableCells, row: Key, column: str, line: Line, figure: Figure | None, absent: str, oldest: int
) -> None:
    if figure is None:
        table.empty(row, column, "[x]", absent)
        return
    years = re.findall(r"\d{4}", figure.time_period)
    is_old = bool(years) and int(years[-1]) < oldest
    table.number(
        row, column, figure.value, line.unit, figure.basis, figure.ids, line.step, decimals=line.decimals,
        period=figure.time_period or None, footnotes=["N_OLD"] if is_old else [],
    )  # fmt: skip


def _add_share(table: TableCells, row: Key, line: Line, reason: str) -> None:
    if line.share is not None:
        table.number(
            row, "share", line.share.value, "PC", line.share.basis, line.share.ids, "part / its total x 100",
            period=line.share.time_period or None,
        )  # fmt: skip
    elif line.figure is None:
        table.empty(row, "share", "[x]", reason)
    else:
        table.empty(row, "share", "[z]", "the row is no part of a total")


def _describe_figure(table: TableCells, row: Key, line: Line, reason: str) -> None:
    """Unit, period, basis and source of the figure in words."""
    if line.figure is None:
        for column in ("unit", "period", "basis", "source"):
            table.empty(row, column, "[x]", reason)
        return
    ids = _ids(line.figure)
    sources = " + ".join(sorted(table.lineage.of_all(ids).source_ids))
    table.text(row, "unit", read_labels("units").get(line.unit, line.unit), ids)
    if line.figure.time_period:
        table.text(row, "period", line.figure.time_period, ids)
    else:
        table.empty(row, "period", "[z]", "several periods, see the tables named beside it")
    table.text(row, "basis", line.figure.basis.replace("_", " "), ids)
    if sources:
        table.text(row, "source", f"{sources}, {line.source}" if line.source else sources, ids)
    else:
        table.empty(row, "source", "[z]", "rests on no published figure")


def _ids(figure: Figure | None) -> Iterable[str]:
    return () if figure is None else figure.ids
