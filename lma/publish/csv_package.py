"""tables/*.csv, source_conflicts.csv and what they refer to: tidy files, which datapackage.json describes.

Columns come from the contract of marts.assessments, so that the files and the warehouse cannot drift apart.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from lma.contracts import Column, Edition, table_contract
from lma.publish.grid import (
    clean_text,
    format_date,
    format_number,
    is_missing,
    list_ids,
    list_unit_words,
)

# The characters a spreadsheet takes for the start of a formula, with their full-width twins.
_TRIGGERS = tuple("=+-@＝＋－＠")


def guard_text(value: Any) -> str:
    """Clean text that no spreadsheet runs as a formula: an apostrophe precedes = + - @ (CWE-1236)."""
    text = clean_text(value)
    return f"'{text}" if text.lstrip().startswith(_TRIGGERS) else text


def write_csv(header: Sequence[str], rows: Iterable[Sequence[str]]) -> bytes:
    """UTF-8 CSV without a byte-order mark, lines ended by LF, quotes only where needed."""
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return buffer.getvalue().encode("utf-8")


def format_value(value: Any, physical_type: str) -> str:
    """Text of one value of a contract's column: numbers stay numbers, texts are guarded, missing is empty."""
    if physical_type.endswith("[]"):
        return guard_text(";".join(list_ids(value)))
    if is_missing(value):
        return ""
    if physical_type == "DOUBLE":
        return format_number(value)
    if physical_type == "INTEGER":
        return str(int(value))
    if physical_type == "DATE":
        return format_date(value)
    return str(bool(value)).lower() if physical_type == "BOOLEAN" else guard_text(value)


def cell_columns() -> list[Column]:
    """Columns of a table: those of marts.assessments, with ``n_inputs`` for ``inputs``."""
    columns = table_contract("marts.assessments").columns
    count = Column(
        "n_inputs",
        "INTEGER",
        "How many rows this cell was computed from; `lma trace` follows them.",
        required=True,
        minimum=0,
    )
    return [count if column.name == "inputs" else column for column in columns]


def order_cells(edition: Edition, table_id: str) -> pd.DataFrame:
    """Cells of one table by row and column, with ``n_inputs``: the number of their inputs."""
    cells = edition.cells[edition.cells["table_id"] == table_id]
    counted = cells.assign(n_inputs=[len(list_ids(ids)) for ids in cells["inputs"]])
    return counted.sort_values(["row_order", "row_id", "column_order", "column_id"], kind="stable")


def render_table(edition: Edition, table_id: str) -> bytes:
    """CSV of one table: one row per cell, all columns of marts.assessments, ``n_inputs`` for ``inputs``."""
    columns = cell_columns()
    records = order_cells(edition, table_id).to_dict("records")
    rows = ([format_value(cell[c.name], c.physical_type) for c in columns] for cell in records)
    return write_csv([c.name for c in columns], rows)


# ---------------------------------------------------------------- source_conflicts.csv


_CONFLICT_WORDS = {
    "source_id": "Source that goes first.",
    "as_of": "Vintage of the first source.",
    "basis": "Kind of figure of the first source.",
    "obs_value": "Figure of the first source.",
    "other_source_id": "The other source.",
    "other_as_of": "Vintage of the other source.",
    "other_basis": "Kind of figure of the other source.",
    "other_value": "Figure of the other source.",
    "difference": "other_value - obs_value.",
    "relative_difference": "100 x difference / |obs_value|; empty where that is zero.",
    "observation_id": "First 12 digits of the file's sha256, and the row, of the first figure.",
    "other_observation_id": "The same of the other figure.",
    "snapshot_sha": "sha256 of the file of the first figure.",
    "other_snapshot_sha": "sha256 of the file of the other figure.",
}
_CONFLICT_TYPES = {
    "obs_value": "DOUBLE",
    "other_value": "DOUBLE",
    "difference": "DOUBLE",
    "relative_difference": "DOUBLE",
    "as_of": "DATE",
    "other_as_of": "DATE",
}


def conflict_columns(conflicts: pd.DataFrame) -> list[Column]:
    """Columns of source_conflicts.csv; dimensions are described as those of marts.observations."""
    described = {column.name: column.description for column in table_contract("marts.observations").columns}
    return [
        Column(name, _CONFLICT_TYPES.get(name, "VARCHAR"), _CONFLICT_WORDS.get(name) or described[name])
        for name in conflicts.columns
    ]


def render_conflicts(conflicts: pd.DataFrame) -> bytes:
    """CSV of the cells for which two sources have a figure, both with their ids."""
    columns = conflict_columns(conflicts)
    records = conflicts.to_dict("records")
    rows = ([format_value(record[c.name], c.physical_type) for c in columns] for record in records)
    return write_csv([c.name for c in columns], rows)


def write_json(content: Any) -> bytes:
    """Readable JSON with one form for the same content: keys as given, two spaces, UTF-8, LF at the end."""
    return (json.dumps(content, ensure_ascii=False, indent=2, allow_nan=False) + "\n").encode("utf-8")


# ---------------------------------------------------------------- what the tables refer to


def source_columns() -> list[Column]:
    """Columns of sources.csv: those of meta.snapshots but the moment of retrieval, which no edition holds."""
    return [c for c in table_contract("meta.snapshots").columns if c.name != "retrieved_at"]


def unit_columns() -> list[Column]:
    """Columns of units.csv."""
    return [
        Column("unit_measure", "VARCHAR", "Unit as in the tables.", required=True),
        Column("label_en", "VARCHAR", "Name of the unit.", required=True),
    ]


def note_columns() -> list[Column]:
    """Columns of notes.csv."""
    return [
        Column("note_id", "VARCHAR", "Id as in the column footnotes of the tables.", required=True),
        Column("text", "VARCHAR", "Text of the note.", required=True),
    ]


def _list_units(edition: Edition) -> list[dict[str, str]]:
    frames = (edition.cells, edition.observations, edition.conflicts)
    columns = [frame["unit_measure"] for frame in frames if "unit_measure" in frame]
    units = sorted({str(unit) for column in columns for unit in column if not is_missing(unit)})
    return [{"unit_measure": unit, "label_en": list_unit_words().get(unit, unit)} for unit in units]


def _render_rows(columns: Sequence[Column], records: Iterable[Mapping[Any, Any]]) -> bytes:
    rows = ([format_value(record[c.name], c.physical_type) for c in columns] for record in records)
    return write_csv([c.name for c in columns], rows)


def render_tables(edition: Edition) -> dict[str, bytes]:
    """``tables/<table>.csv`` of every table, ``source_conflicts.csv`` where sources were compared, and what both refer to.

    That is ``sources.csv`` (files used, with licence and sha256), ``units.csv`` and ``notes.csv``.
    """
    files = {f"tables/{spec.table_id}.csv": render_table(edition, spec.table_id) for spec in edition.tables}
    if len(edition.conflicts.columns):
        files["source_conflicts.csv"] = render_conflicts(edition.conflicts)
    sources = edition.sources.sort_values(["source_id", "as_of", "snapshot_sha"], kind="stable")
    notes = [{"note_id": name, "text": text} for name, text in sorted(edition.notes.items())]
    return {
        **files,
        "sources.csv": _render_rows(source_columns(), sources.to_dict("records")),
        "units.csv": _render_rows(unit_columns(), _list_units(edition)),
        "notes.csv": _render_rows(note_columns(), notes),
    }
