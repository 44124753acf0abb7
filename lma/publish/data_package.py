"""datapackage.json: every data file of an edition, described by the Data Package standard v2.

Schemas come from the contracts of the tables, so that the files and the warehouse cannot drift apart.
Reference: Data Package v2.0, https://datapackage.org/standard/data-package/.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from lma.contracts import Column, Edition, TableSpec
from lma.publish.csv_package import (
    cell_columns,
    conflict_columns,
    note_columns,
    source_columns,
    unit_columns,
    write_json,
)
from lma.publish.grid import clean_text, format_date, is_missing, list_unit_words, split_sources
from lma.publish.licences import describe_licence
from lma.publish.sdmx_csv import list_columns

_PROFILES = "https://datapackage.org/profiles/2.0"
_TYPES = {
    "VARCHAR": "string",
    "VARCHAR[]": "string",
    "DOUBLE": "number",
    "INTEGER": "integer",
    "DATE": "date",
    "BOOLEAN": "boolean",
}
_UNIT = ("unit_measure",), "units", ("unit_measure",)
_FILE = ("snapshot_sha", "source_id")
Link = tuple[Sequence[str], str, Sequence[str]]  # fields of a file, the file they refer to, its fields


def render(edition: Edition, files: Mapping[str, bytes]) -> bytes:
    """JSON of the package; every data file among ``files`` is a resource with its bytes, sha256, sources and licences."""
    return write_json({**_describe_package(edition), "resources": list(_list_resources(edition, files))})


def _list_resources(edition: Edition, files: Mapping[str, bytes]) -> Iterator[dict[str, Any]]:
    for spec in edition.tables:
        yield {
            **_describe_table(edition, spec, files[f"tables/{spec.table_id}.csv"]),
            **_describe_twin(f"tables/{spec.table_id}.parquet", files),
        }
    if "source_conflicts.csv" in files:
        described = _describe_conflicts(edition, files["source_conflicts.csv"])
        yield {**described, **_describe_twin("source_conflicts.parquet", files)}
    for name, title, columns, key in (
        ("sources", "Files that the figures come from, with licence and sha256", source_columns(), _FILE),
        ("units", "Units of the figures", unit_columns(), ["unit_measure"]),
        ("notes", "Notes, by the ids in the column footnotes of the tables", note_columns(), ["note_id"]),
    ):
        described = _describe_csv(name, f"{name}.csv", files[f"{name}.csv"])
        yield {**described, "title": title, "schema": describe_schema(columns, key)}
    if "observations.sdmx.csv" in files:
        described = _describe_observations(edition, files["observations.sdmx.csv"])
        yield {**described, **_describe_twin("observations.parquet", files)}
        structure = "observations.structure.xml"
        media_type = "application/vnd.sdmx.structure+xml; version=2.1"
        title = "Structure of observations.sdmx.csv: concepts, codes (SDMX-ML 2.1)"
        yield {**_describe_file(structure, files[structure], media_type), "title": title}


def _describe_twin(path: str, files: Mapping[str, bytes]) -> dict[str, Any]:
    """``alternates``: the same table as Parquet. As a resource of its own the readers of packages would stumble over its lists."""
    if path not in files:
        return {}
    described = _describe_file(path, files[path], "application/vnd.apache.parquet")
    return {
        "alternates": [{name: described[name] for name in ("path", "format", "mediatype", "bytes", "hash")}]
    }


# ---------------------------------------------------------------- schemas


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


def describe_schema(
    columns: Iterable[Column], primary_key: Sequence[str], links: Sequence[Link] = ()
) -> dict[str, Any]:
    """Table Schema of a contract's columns."""
    keys = [
        {"fields": list(fields), "reference": {"resource": resource, "fields": list(referred)}}
        for fields, resource, referred in links
    ]
    return {
        "$schema": f"{_PROFILES}/tableschema.json",
        "fields": [_field(column) for column in columns],
        "fieldsMatch": "exact",
        "primaryKey": list(primary_key),
        **({"foreignKeys": keys} if keys else {}),
        "missingValues": [""],
    }


# ---------------------------------------------------------------- resources


def _describe_file(path: str, content: bytes, media_type: str) -> dict[str, Any]:
    """What every resource says about its file."""
    name = path.removeprefix("tables/").lower()
    return {
        "$schema": f"{_PROFILES}/dataresource.json",
        "name": name,
        "path": path,
        "format": name.rpartition(".")[2],
        "mediatype": media_type,
        "bytes": len(content),
        "hash": f"sha256:{hashlib.sha256(content).hexdigest()}",
    }


def _describe_csv(name: str, path: str, content: bytes) -> dict[str, Any]:
    """What every table says about its file: dialect and number of rows too."""
    rows = csv.reader(io.StringIO(content.decode("utf-8"), newline=""))
    return {
        **_describe_file(path, content, "text/csv"),
        "name": name,
        "type": "table",
        "encoding": "utf-8",
        "dialect": {
            "$schema": f"{_PROFILES}/tabledialect.json",
            "delimiter": ",",
            "lineTerminator": "\n",
            "header": True,
        },
        "rowCount": sum(1 for _ in rows) - 1,
    }


def _describe_table(edition: Edition, spec: TableSpec, content: bytes) -> dict[str, Any]:
    cells = edition.cells[edition.cells["table_id"] == spec.table_id]
    units = sorted({unit for unit in cells["unit_measure"] if not is_missing(unit)})
    used = {source for value in cells["source_id"] for source in split_sources(value)}
    return {
        **_describe_csv(spec.table_id.lower(), f"tables/{spec.table_id}.csv", content),
        "title": clean_text(spec.title),
        "description": clean_text(spec.description),
        "units": {unit: list_unit_words().get(unit, unit) for unit in units},
        "schema": describe_schema(cell_columns(), ["ref_area", "address"], [_UNIT]),
        **_describe_origins(edition.sources[edition.sources["source_id"].isin(used)]),
    }


def _describe_conflicts(edition: Edition, content: bytes) -> dict[str, Any]:
    conflicts = edition.conflicts
    key = ["observation_id", "source_id", "other_observation_id", "other_source_id"]
    links: list[Link] = [_UNIT] if "unit_measure" in conflicts else []
    for prefix in ("", "other_"):
        own = [f"{prefix}{name}" for name in _FILE]
        links += [(own, "sources", _FILE)] if set(own) <= set(conflicts.columns) else []
    return {
        **_describe_csv("source_conflicts", "source_conflicts.csv", content),
        "title": "Cells for which two sources have a figure, and by how much they differ",
        "schema": describe_schema(conflict_columns(conflicts), key, links),
    }


def _describe_observations(edition: Edition, content: bytes) -> dict[str, Any]:
    dimensions, measure, attributes = list_columns()
    begin = [
        Column("STRUCTURE", "VARCHAR", "Kind of structure that STRUCTURE_ID names.", required=True),
        Column("STRUCTURE_ID", "VARCHAR", "Dataflow, in observations.structure.xml.", required=True),
        Column("ACTION", "VARCHAR", "I: for information.", required=True, valid_values=("I",)),
    ]
    own = [replace(column, name=column.name.upper()) for column in (*dimensions, measure, *attributes)]
    end = Column("UNIT_MULT", "INTEGER", "Power of ten of the figure: 0, the unit itself.", required=True)
    key = [column.name.upper() for column in dimensions]
    links: list[Link] = [
        (["UNIT_MEASURE"], "units", ["unit_measure"]),
        (["SNAPSHOT_SHA", "SOURCE_ID"], "sources", _FILE),
    ]
    return {
        **_describe_csv("observations", "observations.sdmx.csv", content),
        "title": "Published figures that the tables were computed from (SDMX-CSV 2.0)",
        "mediatype": "application/vnd.sdmx.data+csv; version=2.0.0",
        "schema": describe_schema([*begin, *own, end], key, links),
        **_describe_origins(edition.sources),
    }


# ---------------------------------------------------------------- the package


def _describe_source(row: Mapping[Any, Any]) -> dict[str, str]:
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


def _describe_origins(sources: pd.DataFrame) -> dict[str, Any]:
    """``sources`` and ``licenses`` of the files that figures come from; nothing where there is none."""
    licences = sorted({clean_text(value) for value in sources["licence"]})
    lists = {
        "sources": [_describe_source(row) for row in sources.to_dict("records")],
        "licenses": [describe_licence(licence) for licence in licences],
    }
    return {name: items for name, items in lists.items() if items}


def _describe_package(edition: Edition) -> dict[str, Any]:
    return {
        "$schema": f"{_PROFILES}/datapackage.json",
        "name": f"lma-{edition.ref_area.lower()}",
        "title": f"Labour market assessment of {clean_text(edition.label)}",
        "description": (
            f"Edition {edition.edition}, figures as known on {edition.as_of.isoformat()}. Projections show "
            "what happens if trends continue; they are not targets. In CSV files a text that begins with = + - @ is "
            "preceded by an apostrophe; numbers never are."
        ),
        "version": edition.edition,
        "created": f"{edition.as_of.isoformat()}T00:00:00Z",
        "keywords": [
            "labour market",
            "labour shortage",
            "employment projection",
            "labour migration",
            edition.ref_area,
        ],
        "notes": {note: clean_text(text) for note, text in sorted(edition.notes.items())},
        **_describe_origins(edition.sources),
    }
