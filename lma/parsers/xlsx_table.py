"""One table of one sheet of an Excel workbook (.xlsx, or the old .xls), with one or more header rows."""

from __future__ import annotations

import datetime as dt
import io
import re
import zipfile
import zlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from lma.errors import InputError
from lma.parsers.extent import EXTENT_OPTIONS, fill_down, find_end, find_header
from lma.parsers.headers import join_headers, name_columns
from lma.parsers.safety import (
    MAX_CELL_LETTERS,
    MAX_CELLS,
    MAX_COLUMNS,
    MAX_ROWS,
    check_letters,
    check_not_page,
    check_options,
    open_zip,
)
from lma.parsers.sheets import OLD_WORKBOOK, choose_sheet, load_old_rows

_OPTIONS = {"sheet", "header_rows", "first_row", "last_row", "last_column", "stop_at_blank"} | EXTENT_OPTIONS

Row = tuple[Any, ...]


def read_xlsx_table(content: bytes, options: Mapping[str, Any]) -> pd.DataFrame:
    """Rows of the table below its header, all text; wholly blank rows are left out.

    Options: ``sheet`` (name or 1-based number, 1), ``header_rows`` (1-based rows, ``[1]``), ``first_row``
    and ``last_row`` of the figures, ``last_column`` (letter), ``stop_at_blank`` (a blank row ends the
    table, for footnotes below it), and those of ``lma.parsers.extent`` for a header line that
    moves. Dates are ISO, numbers the shortest exact decimal. An error such as
    ``#N/A`` is its text in an .xlsx and an empty cell in an .xls. Raises ``InputError`` for web pages,
    cut files, zip bombs, XML entities, formulas without a saved value.
    """
    check_options(options, _OPTIONS)
    rows = read_sheet(content, options.get("sheet", 1))
    texts = [[cell_text(cell) for cell in row] for row in rows] if EXTENT_OPTIONS & set(options) else []
    found = find_header(texts, options, 0)
    header_rows = [found] if found else [int(row) for row in options.get("header_rows", [1])]
    if max(header_rows) > len(rows):
        raise InputError(
            f"the sheet has {len(rows)} rows, its header is expected in row {max(header_rows)}: the file "
            "is cut off or changed its layout."
        )
    width = _table_width(rows, options.get("last_column"))
    names = name_columns(
        join_headers(
            [
                [cell_text(cell) for cell in rows[row - 1][:width]] + [""] * (width - len(rows[row - 1]))
                for row in header_rows
            ]
        )
    )
    rows = rows[: find_end(texts, options, max(header_rows) + 1)] if texts else rows
    figures = _rows_of_figures(rows, max(header_rows), options)
    return fill_down(_build_frame(figures, names), options)


def _table_width(rows: Sequence[Row], last_column: str | None) -> int:
    from openpyxl.utils import column_index_from_string

    widest = max(
        (position for row in rows for position, cell in enumerate(row, start=1) if cell is not None),
        default=0,
    )
    return min(widest, column_index_from_string(last_column)) if last_column else widest


def _rows_of_figures(rows: Sequence[Row], last_header: int, options: Mapping[str, Any]) -> list[Row]:
    first = int(options.get("first_row", last_header + 1))
    last = int(options.get("last_row", len(rows)))
    figures = list(rows[first - 1 : last])
    if options.get("stop_at_blank"):
        blank = next((position for position, row in enumerate(figures) if _is_blank(row)), len(figures))
        return figures[:blank]
    return [row for row in figures if not _is_blank(row)]


def _is_blank(row: Row) -> bool:
    return all(cell is None or cell == "" for cell in row)


def _build_frame(rows: Sequence[Row], names: Sequence[str]) -> pd.DataFrame:
    width = len(names)
    table = [[cell_text(cell) for cell in row[:width]] + [""] * (width - len(row)) for row in rows]
    columns = list(zip(*table, strict=True)) or [()] * width
    return pd.DataFrame(
        {name: pd.Series(cells, dtype=object) for name, cells in zip(names, columns, strict=True)}
    )


def cell_text(cell: Any) -> str:
    """Text of one cell: ISO dates, shortest exact decimals, ``TRUE``/``FALSE``, ``""`` for nothing."""
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "TRUE" if cell else "FALSE"
    if isinstance(cell, float):
        return repr(cell).removesuffix(".0")
    if isinstance(cell, dt.datetime) and cell.time() == dt.time.min:
        return cell.date().isoformat()
    if isinstance(cell, dt.date):
        return cell.isoformat()
    return str(cell)


def read_sheet(content: bytes, sheet: str | int) -> list[Row]:
    """All rows of one sheet as stored values, row 1 first."""
    check_not_page(content)
    if content.startswith(OLD_WORKBOOK):
        return _take_rows(load_old_rows(content, sheet))
    has_formulas = _inspect_parts(content)
    rows = _load_rows(content, sheet, values=True)
    if has_formulas:
        _check_formulas_have_values(_load_rows(content, sheet, values=False), rows)
    return rows


_FORMULA = re.compile(rb"<(?:\w+:)?f[ >/]")
_ENTITIES = re.compile(rb"<!DOCTYPE|<!ENTITY")
_OTHER_UNICODE = (b"\xff\xfe", b"\xfe\xff", b"\0<", b"<\0")
_PIECE = 1 << 20
_OVERLAP = 16  # longer than any mark that is looked for, which may stand across two pieces


def _inspect_parts(content: bytes) -> bool:
    """Whether any sheet holds a formula; reads every part once, so that damage and entities show here."""
    found = False
    with open_zip(content) as archive:
        for name in archive.namelist():
            try:
                found |= _inspect_part(archive, name) and name.startswith("xl/worksheets/")
            except (
                zipfile.BadZipFile,
                zlib.error,
                EOFError,
                OSError,
                ValueError,
                RuntimeError,
            ) as error:
                raise InputError(
                    f"the workbook is damaged in {name} ({error}): download it again."
                ) from error
    return found


def _inspect_part(archive: zipfile.ZipFile, name: str) -> bool:
    """Whether one part holds a formula; read in pieces, and refused where its XML declares entities."""
    found, before = False, b""
    with archive.open(name) as part:
        while piece := part.read(_PIECE):
            whole = before + piece
            if name.endswith((".xml", ".rels")) and (
                _ENTITIES.search(whole) or (not before and whole.startswith(_OTHER_UNICODE))
            ):
                raise InputError(
                    f"the workbook declares XML entities in {name}, or hides its XML in another encoding, which no "
                    "table needs: it was not read."
                )
            found |= _FORMULA.search(whole) is not None
            before = whole[-_OVERLAP:]
    return found


def _load_rows(content: bytes, sheet: str | int, *, values: bool) -> list[Row]:
    """Rows of a sheet; openpyxl reads XML through defusedxml, the second line of defence."""
    from openpyxl import load_workbook

    try:
        workbook = load_workbook(io.BytesIO(content), read_only=True, data_only=values)
        page = workbook[choose_sheet(_sheets_shown(workbook), sheet)]
        page.reset_dimensions()
        return _take_rows(page.iter_rows(values_only=True))
    except InputError:
        raise
    except Exception as error:  # openpyxl raises whatever its XML reader meets
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(
            f"the workbook cannot be read ({first}): it is damaged; download it again."
        ) from error


def _take_rows(rows: Iterable[Row]) -> list[Row]:
    """The rows as long as the sheet is a table that fits into memory."""
    taken: list[Row] = []
    n_cells = 0
    for number, row in enumerate(rows, start=1):
        n_cells += len(row)
        if number > MAX_ROWS or len(row) > MAX_COLUMNS or n_cells > MAX_CELLS:
            raise InputError(
                f"row {number:,} of the sheet brings it to {n_cells:,} cells ({len(row):,} in this row); at most "
                f"{MAX_ROWS:,} rows, {MAX_COLUMNS:,} columns and {MAX_CELLS:,} cells are read: the file is damaged "
                "or no table."
            )
        long = next((column for column, cell in enumerate(row, start=1) if _is_giant(cell)), None)
        if long is not None:
            raise InputError(
                f"row {number}, column {long} of the sheet holds a text of more than {MAX_CELL_LETTERS:,} letters, "
                "which no cell of a table does: the file is damaged or no table."
            )
        for column, cell in enumerate(row, start=1):
            if isinstance(cell, str):
                check_letters(cell, f"row {number}, column {column} of the sheet")
        taken.append(tuple(row))
    return taken


def _is_giant(cell: Any) -> bool:
    return isinstance(cell, str) and len(cell) > MAX_CELL_LETTERS


def _sheets_shown(workbook: Any) -> dict[str, bool]:
    return {page.title: page.sheet_state == "visible" for page in workbook.worksheets}


def _check_formulas_have_values(formulas: Sequence[Row], rows: Sequence[Row]) -> None:
    """Refuse a formula whose value was never saved: it would read as a missing figure."""
    from openpyxl.utils import get_column_letter

    empty = [
        f"{get_column_letter(column)}{row}"
        for row, (cells, stored) in enumerate(zip(formulas, rows, strict=True), start=1)
        for column, (cell, value) in enumerate(zip(cells, stored, strict=False), start=1)
        if value is None and isinstance(cell, str) and cell.startswith("=")
    ]
    if empty:
        raise InputError(
            f"{len(empty)} formulas have no saved value (first: {', '.join(empty[:3])}): open the "
            "workbook in a spreadsheet programme, save it, and try again."
        )
