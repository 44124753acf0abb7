"""tables/*.csv, source_conflicts.csv and datapackage.json: tidy files, described by the Data Package standard v2.

Schemas come from the contract of marts.assessments, so that the files and the warehouse cannot drift apart.
Reference: Data Package v2.0, https://datapackage.org/standard/data-package/.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from lma.contracts import Column, Edition, TableSpec, table_contract
from lma.publish.grid import (
    clean_text,
    format_date,
    format_number,
    is_missing,
    list_ids,
    list_unit_words,
    split_sources,
)

_PROFILES = "https://datapackage.org/profiles/2.0"
_TYPES = {
    "VARCHAR": "string",
    "VARCHAR[]": "string",
    "DOUBLE": "number",
    "INTEGER": "integer",
    "DATE": "date",
    "BOOLEAN": "boolean",
}
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


def _cell_columns() -> list[Column]:
    columns = table_contract("marts.assessments").columns
    count = Column(
        "n_inputs",
        "INTEGER",
        "How many rows this cell was computed from; `lma trace` follows them.",
        required=True,
        minimum=0,
    )
    return [count if column.name == "inputs" else column for column in columns]


def _ordered_cells(edition: Edition, table_id: str) -> pd.DataFrame:
    cells = edition.cells[edition.cells["table_id"] == table_id]
    counted = cells.assign(n_inputs=[len(list_ids(ids)) for ids in cells["inputs"]])
    return counted.sort_values(["row_order", "row_id", "column_order", "column_id"], kind="stable")


def render_table(edition: Edition, table_id: str) -> bytes:
    """CSV of one table: one row per cell, all columns of marts.assessments, ``n_inputs`` for ``inputs``."""
    columns = _cell_columns()
    records = _ordered_cells(edition, table_id).to_dict("records")
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


def _conflict_columns(conflicts: pd.DataFrame) -> list[Column]:
    """Columns of the conflicts; dimensions are described as those of marts.observations."""
    described = {column.name: column.description for column in table_contract("marts.observations").columns}
    return [
        Column(name, _CONFLICT_TYPES.get(name, "VARCHAR"), _CONFLICT_WORDS.get(name) or described[name])
        for name in conflicts.columns
    ]


def render_conflicts(conflicts: pd.DataFrame) -> bytes:
    """CSV of the cells for which two sources have a figure, both with their ids."""
    columns = _conflict_columns(conflicts)
    records = conflicts.to_dict("records")
    rows = ([format_value(record[c.name], c.physical_type) for c in columns] for record in records)
    return write_csv([c.name for c in columns], rows)


def _describe_conflicts(conflicts: pd.DataFrame, content: bytes) -> dict[str, Any]:
    key = ["observation_id", "source_id", "other_observation_id", "other_source_id"]
    return {
        **describe_file("source_conflicts", "source_conflicts.csv", content),
        "title": "Cells for which two sources have a figure, and by how much they differ",
        "schema": describe_schema(_conflict_columns(conflicts), key),
    }


# ---------------------------------------------------------------- datapackage.json


def _field(column: Column) -> dict[str, Any]:
    constraints: dict[str, Any] = {
        "required": column.required or None,
        "pattern": column.pattern,
        "minimum": column.minimum,
        "maximum": column.maximum,
        "enum": list(column.valid_values) or None,
    }
    kept = {name: rule for name, rule in constraints.items() if rule is not None}
    # An empty list is an empty text here, so the contract's "required" does not hold for the file.
    if column.physical_type.endswith("[]"):
        kept.pop("required", None)
    described = {"name": column.name, "type": _TYPES[column.physical_type], "description": column.description}
    return {**described, "constraints": kept} if kept else described


def describe_schema(columns: Iterable[Column], primary_key: Sequence[str]) -> dict[str, Any]:
    """Table Schema of a contract's columns."""
    return {
        "$schema": f"{_PROFILES}/tableschema.json",
        "fields": [_field(column) for column in columns],
        "primaryKey": list(primary_key),
        "missingValues": [""],
    }


def _describe_licence(licence: str) -> dict[str, str]:
    title = clean_text(licence) or "not stated by the publisher"
    return {"name": re.sub(r"[^A-Za-z0-9._]+", "-", title).strip("-") or "not-stated", "title": title}


def _describe_source(row: dict[Any, Any]) -> dict[str, str]:
    described = {
        "title": clean_text(f"{row['publisher']}: {row['title']} ({row['table_code']})"),
        "path": clean_text(row["url"]) if str(row["url"]).startswith(("http://", "https://")) else "",
        "version": format_date(row["as_of"]),
        "sourceId": clean_text(row["source_id"]),
        "licence": clean_text(row["licence"]),
        "fileName": clean_text(row["file_name"]),
        "hash": f"sha256:{row['snapshot_sha']}",
    }
    return {name: text for name, text in described.items() if text}


def _sources_of(edition: Edition, cells: pd.DataFrame) -> list[dict[str, str]]:
    used = {source for value in cells["source_id"] for source in split_sources(value)}
    return [_describe_source(row) for row in edition.sources.to_dict("records") if row["source_id"] in used]


def describe_file(name: str, path: str, content: bytes) -> dict[str, Any]:
    """What every tabular resource says about its file: path, format, size, hash and rows."""
    return {
        "$schema": f"{_PROFILES}/dataresource.json",
        "name": name,
        "path": path,
        "type": "table",
        "format": "csv",
        "mediatype": "text/csv",
        "encoding": "utf-8",
        "dialect": {"delimiter": ",", "lineTerminator": "\n", "header": True},
        "bytes": len(content),
        "hash": f"sha256:{hashlib.sha256(content).hexdigest()}",
        "rowCount": sum(1 for _ in csv.reader(io.StringIO(content.decode("utf-8"), newline=""))) - 1,
    }


def _describe_table(edition: Edition, spec: TableSpec, content: bytes) -> dict[str, Any]:
    cells = edition.cells[edition.cells["table_id"] == spec.table_id]
    units = sorted({unit for unit in cells["unit_measure"] if not is_missing(unit)})
    sources = _sources_of(edition, cells)
    described = {
        **describe_file(spec.table_id.lower(), f"tables/{spec.table_id}.csv", content),
        "title": clean_text(spec.title),
        "description": clean_text(spec.description),
        "units": {unit: list_unit_words().get(unit, unit) for unit in units},
        "schema": describe_schema(_cell_columns(), ["ref_area", "address"]),
    }
    return {**described, "sources": sources} if sources else described


def _describe_package(edition: Edition) -> dict[str, Any]:
    licences = sorted({clean_text(value) for value in edition.sources["licence"]})
    described: dict[str, Any] = {
        "$schema": f"{_PROFILES}/datapackage.json",
        "name": f"lma-{edition.ref_area.lower()}",
        "title": f"Labour market assessment of {clean_text(edition.label)}",
        "description": (
            f"Edition {edition.edition}, figures as known on {edition.as_of.isoformat()}. Projections show "
            "what happens if trends continue; they are not targets. A text that begins with = + - @ is "
            "preceded by an apostrophe; numbers never are."
        ),
        "version": edition.edition,
        "created": f"{edition.as_of.isoformat()}T00:00:00Z",
        "notes": {note: clean_text(text) for note, text in sorted(edition.notes.items())},
    }
    lists = {
        "sources": [_describe_source(row) for row in edition.sources.to_dict("records")],
        "licenses": [_describe_licence(licence) for licence in licences],
    }
    return {**described, **{name: items for name, items in lists.items() if items}}


def write_json(content: Any) -> bytes:
    """Readable JSON with one form for the same content: keys as given, two spaces, UTF-8, LF at the end."""
    return (json.dumps(content, ensure_ascii=False, indent=2, allow_nan=False) + "\n").encode("utf-8")


def render_tables(edition: Edition) -> dict[str, bytes]:
    """``tables/<table>.csv`` of every table, and ``source_conflicts.csv`` where sources were compared."""
    files = {f"tables/{spec.table_id}.csv": render_table(edition, spec.table_id) for spec in edition.tables}
    if len(edition.conflicts.columns):
        files["source_conflicts.csv"] = render_conflicts(edition.conflicts)
    return files


def render_package(edition: Edition, files: Mapping[str, bytes]) -> bytes:
    """datapackage.json, which describes every tabular file among ``files``."""
    resources = [
        _describe_table(edition, spec, files[f"tables/{spec.table_id}.csv"]) for spec in edition.tables
    ]
    if (content := files.get("source_conflicts.csv")) is not None:
        resources.append(_describe_conflicts(edition.conflicts, content))
    if (content := files.get("observations.sdmx.csv")) is not None:
        resources.append(_describe_observations(content))
    return write_json({**_describe_package(edition), "resources": resources})


def _describe_observations(content: bytes) -> dict[str, Any]:
    """The SDMX-CSV has its own columns, which its structure message describes, and no Table Schema."""
    return {
        **describe_file("observations.sdmx", "observations.sdmx.csv", content),
        "title": "Published figures that the tables were computed from (SDMX-CSV 2.0)",
        "mediatype": "application/vnd.sdmx.data+csv; version=2.0.0",
    }
