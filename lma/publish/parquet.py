"""tables/*.parquet: the same tables as the CSV files, typed, for analysts; deterministic bytes.

Numbers are double, orders and decimals int32, dates date32, notes and inputs lists of text. Texts are as in
the CSV but without its apostrophe before = + - @, because no spreadsheet runs a Parquet file. ``inputs``
names every row that a cell was computed from, where the CSV has their number only.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from lma.contracts import Column, Edition, TableSpec, table_contract
from lma.publish.csv_package import conflict_columns, order_cells
from lma.publish.grid import clean_text, format_date, is_missing, list_ids


def render_files(edition: Edition) -> dict[str, bytes]:
    """``tables/<table>.parquet`` of every table, ``observations.parquet`` and, where there are, ``source_conflicts.parquet``."""
    columns = table_contract("marts.assessments").columns
    files = {
        f"tables/{spec.table_id}.parquet": _write(columns, order_cells(edition, spec.table_id), edition, spec)
        for spec in edition.tables
    }
    observed = table_contract("marts.observations")
    ordered = edition.observations.sort_values(observed.primary_key, kind="stable")
    files["observations.parquet"] = _write(observed.columns, ordered, edition)
    if len(edition.conflicts.columns):
        described = conflict_columns(edition.conflicts)
        files["source_conflicts.parquet"] = _write(described, edition.conflicts, edition)
    return files


def _write(
    columns: Sequence[Column], frame: pd.DataFrame, edition: Edition, spec: TableSpec | None = None
) -> bytes:
    import pyarrow as pa
    from pyarrow import parquet

    fields = [_field(column) for column in columns]
    about = _describe(edition, spec)
    arrays = [
        pa.array([_value(value, column.physical_type) for value in frame[column.name]], field.type)
        for column, field in zip(columns, fields, strict=True)
    ]
    table = pa.Table.from_arrays(arrays, schema=pa.schema(fields, metadata=about))
    buffer = io.BytesIO()
    parquet.write_table(table, buffer, compression="zstd", version="2.6")
    return buffer.getvalue()


def _field(column: Column) -> Any:
    """Arrow field of a contract's column, with its description."""
    import pyarrow as pa

    types = {
        "VARCHAR": pa.string(),
        "VARCHAR[]": pa.list_(pa.string()),
        "DOUBLE": pa.float64(),
        "INTEGER": pa.int32(),
        "DATE": pa.date32(),
        "BOOLEAN": pa.bool_(),
    }
    return pa.field(column.name, types[column.physical_type], metadata={"description": column.description})


def _value(value: Any, physical_type: str) -> Any:
    """Python value of Arrow's type; None where missing."""
    if physical_type.endswith("[]"):
        return [clean_text(one) for one in list_ids(value)]
    if is_missing(value):
        return None
    readers: Mapping[str, Any] = {
        "DOUBLE": float, "INTEGER": int, "BOOLEAN": bool, "VARCHAR": clean_text,
        "DATE": lambda day: pd.Timestamp(format_date(day)).date(),
    }  # fmt: skip
    return readers[physical_type](value)


def _describe(edition: Edition, spec: TableSpec | None) -> dict[str, str]:
    """Metadata of the file: which edition it is of, and the heading of its table."""
    about: Iterable[tuple[str, str]] = (
        ("ref_area", edition.ref_area),
        ("edition", edition.edition),
        ("as_of", edition.as_of.isoformat()),
    )
    heading = {"title": clean_text(spec.title), "description": clean_text(spec.description)} if spec else {}
    return {**dict(about), **heading}
