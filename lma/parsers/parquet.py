"""Parquet files of tables that a publisher or mirror keeps in that form."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import pandas as pd

from lma.errors import InputError
from lma.parsers.headers import name_columns
from lma.parsers.safety import (
    MAX_CELL_LETTERS,
    MAX_CELLS,
    STRANGE_LETTERS,
    check_letters,
    check_not_page,
    check_options,
    check_size,
)

_MAGIC = b"PAR1"


def read_parquet(content: bytes, options: Mapping[str, Any]) -> pd.DataFrame:
    """Rows of a Parquet file, all text: shortest exact decimals, integral numbers without ``.0``.

    No options. A null is an empty cell; a stored NaN is the text ``nan``. Raises ``InputError`` where the
    file is cut, damaged or not Parquet.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    check_options(options, set())
    check_not_page(content)
    if not (content.startswith(_MAGIC) and content.endswith(_MAGIC)):
        raise InputError(
            "the file does not begin and end with PAR1: it is cut off or not Parquet; download it again."
        )
    try:
        file = pq.ParquetFile(io.BytesIO(content))
        check_size(len(content), _expanded_size(file.metadata))
        names = name_columns(file.schema_arrow.names)
        _check_types(file.schema_arrow)
        _check_cells(file.metadata.num_rows, len(names))
        table = file.read()
        cells = [_cells_as_text(column) for column in table.columns]
    except (pa.ArrowException, OSError) as error:
        shown = " ".join("".join(filter(str.isprintable, str(error))).split())
        raise InputError(f"the Parquet file is damaged ({shown}): download it again.") from error
    return pd.DataFrame(dict(zip(names, cells, strict=True)))


def _check_types(schema: Any) -> None:
    nested = [f"{column.name} ({column.type})" for column in schema if column.type.num_fields]
    if nested:
        raise InputError(
            f"the cells of {', '.join(nested[:3])} hold lists or records, not single values: flatten the table."
        )


def _check_cells(n_rows: int, n_columns: int) -> None:
    """Refuse a table that would fill the memory: a repeated value takes hardly a byte in the file."""
    if n_rows * n_columns > MAX_CELLS:
        raise InputError(
            f"the file has {n_rows:,} rows and {n_columns:,} columns, at most {MAX_CELLS:,} cells are read: keep "
            "only the rows and columns that are needed."
        )


def _expanded_size(metadata: Any) -> int:
    return sum(metadata.row_group(i).total_byte_size for i in range(metadata.num_row_groups))


def _cells_as_text(column: Any) -> pd.Series[Any]:
    """Column as text (a float as its shortest exact decimal); a null is ``""``."""
    import pyarrow as pa
    import pyarrow.compute as pc

    texts = pc.cast(column, pa.large_string())
    if (pc.max(pc.binary_length(texts)).as_py() or 0) > MAX_CELL_LETTERS:
        raise InputError(
            f"the file has a cell of more than {MAX_CELL_LETTERS:,} bytes, which no table has: it is damaged or "
            "no table."
        )
    strange = pc.index(pc.match_substring_regex(texts, STRANGE_LETTERS), value=True).as_py()
    if strange >= 0:
        check_letters(texts[strange].as_py(), f"row {strange + 1}")
    filled: pd.Series[Any] = pc.fill_null(texts, "").to_pandas().astype(object)
    return filled
