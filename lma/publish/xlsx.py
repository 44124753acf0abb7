"""assessment.xlsx: the workbook of an edition, one marked table per sheet.

Follows the Analysis Function's guidance on accessible spreadsheets
(https://analysisfunction.civilservice.gov.uk/policy-store/releasing-statistics-in-spreadsheets/): title in
A1, description in A2, one marked table from column A, no merged cell, no blank row or column, no empty
cell without a symbol and a reason, no meaning by colour. No cell holds a formula; links lead to sheets only.
"""

from __future__ import annotations

import datetime as dt
import io
import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lma.contracts import Edition
from lma.publish.grid import (
    SYMBOLS,
    GridCell,
    clean_text,
    format_date,
    is_missing,
    lay_out_all,
    list_notes,
    note_text,
)

_FONT = {"font_name": "Arial", "font_size": 11}
_TOP = {"valign": "top", "text_wrap": True}
_FORMATS: dict[str, dict[str, Any]] = {
    "title": {"bold": True, "font_size": 15},
    "plain": {},
    "header": {**_TOP, "bold": True, "bottom": 1, "align": "left"},
    "figure header": {**_TOP, "bold": True, "bottom": 1, "align": "right", "indent": 1},
    "text": {**_TOP, "num_format": "@", "align": "left"},
    "figure text": {**_TOP, "num_format": "@", "align": "right", "indent": 1},
    "link": {"valign": "top", "align": "left", "font_color": "#0B0C78", "underline": 1},
}
_EXCEL_TEXT_LIMIT = 32_767
_WIDEST, _NARROWEST, _COVER_WIDTH, _LINE_POINTS = 46, 10, 72, 14.5
_HEADER_ROW = 3
_ABOUT = "This worksheet contains one table. Symbols and notes are explained on the sheet Notes."
_COVER = (
    "Which sectors will lack workers, by how many, how sure we are, and where labour migration could "
    "honestly fill the gap.",
    "Every figure says its basis: reported by a publisher, modelled estimate of a publisher, projection of "
    "ours, or imputed.",
    "Projections show what happens if trends continue. They are signals with a range, not targets.",
    "Contents lists the tables. Notes explains symbols and notes. Sources gives publishers and licences.",
    "The folder tables has the same tables as CSV, with the address of every cell (such as T5.C.2030).",
    "An address leads to the publisher's own row, for example: lma trace MUS T5.C.2030.",
)
_CHART_MEASURES = {
    "observed": "Observed",
    "q50": "Projected, middle (q50)",
    "q10": "Projected, low (q10)",
    "q90": "Projected, high (q90)",
}


@dataclass(frozen=True)
class _Sheet:
    """One sheet with one table."""

    name: str
    title: str
    description: str
    headers: tuple[str, ...]
    rows: tuple[tuple[GridCell, ...], ...]


def sheet_name(wanted: str, taken: set[str]) -> str:
    """A name Excel allows: 31 characters, none of []:*?/\\, no outer apostrophe, unlike all of ``taken``."""
    name = re.sub(r"[\[\]:*?/\\]", " ", clean_text(wanted)).strip(" '")[:31] or "Sheet"
    number = 2
    candidate = name
    while candidate.casefold() in {other.casefold() for other in taken}:
        candidate = f"{name[: 30 - len(str(number))]} {number}"
        number += 1
    return candidate


# ---------------------------------------------------------------- what the sheets say


def _cells(*values: Any) -> tuple[GridCell, ...]:
    """Numbers stay numbers, everything else is text; a missing value shows [x]."""
    return tuple(
        GridCell(float(value), "", 0)
        if isinstance(value, int) and not isinstance(value, bool)
        else GridCell(None, clean_text(value) or "[x]")
        for value in values
    )


def _table_sheets(edition: Edition) -> list[_Sheet]:
    names = {"Cover", "Contents", "Notes", "Sources", "Checks", "History"}
    sheets = []
    for grid in lay_out_all(edition):
        name = sheet_name(grid.table_id, names)
        names.add(name)
        sheets.append(
            _Sheet(name, f"{grid.table_id}. {grid.title}", grid.description, grid.headers, grid.rows)
        )
    return sheets


def _notes_sheet(edition: Edition) -> _Sheet:
    symbols = [_cells(symbol, meaning, "all tables") for symbol, meaning in SYMBOLS.items()]
    notes = [
        _cells(f"[note {number}]", note_text(edition, note), ", ".join(tables))
        for note, (number, tables) in list_notes(edition).items()
    ]
    return _Sheet(
        "Notes",
        "Notes and symbols",
        "What the symbols and notes in the tables mean.",
        ("Mark", "Meaning", "Used in"),
        (*symbols, *notes),
    )


def _sources_sheet(edition: Edition) -> _Sheet:
    names = [
        "source_id",
        "publisher",
        "title",
        "table_code",
        "url",
        "licence",
        "as_of",
        "file_name",
        "snapshot_sha",
    ]
    headers = (
        "Source",
        "Publisher",
        "Title",
        "Publisher's table",
        "Address",
        "Licence",
        "Vintage",
        "File",
        "SHA-256 of the file",
        "Rows",
        "Figures kept",
        "Rows refused",
    )
    rows = []
    for source in edition.sources.to_dict("records"):
        counts = [int(source[name]) for name in ("n_rows", "n_observations", "n_quarantined")]
        texts = [format_date(source[name]) if name == "as_of" else source[name] for name in names]
        rows.append(_cells(*texts, *counts))
    description = (
        "Every publisher's file behind the tables, the date the publisher stood by it, and its licence."
    )
    return _Sheet(
        "Sources",
        "Sources",
        description,
        headers,
        tuple(rows) or (_cells(*["[x] no source"] + ["[x]"] * 11),),
    )


def _checks_sheet(edition: Edition) -> _Sheet:
    headers = (
        "Table",
        "Subject",
        "Rule",
        "Column",
        "The rule in words",
        "Result",
        "Rows checked",
        "Rows that broke it",
    )
    ordered = edition.checks.sort_values(["table_name", "subject", "rule_id"], kind="stable")
    rows = [
        _cells(
            check["table_name"],
            check["subject"],
            check["rule_id"],
            "whole table" if is_missing(check["column_name"]) else check["column_name"],
            check["description"],
            "passed" if check["success"] else "not passed",
            int(check["n_checked"]),
            int(check["n_failed"]),
        )
        for check in ordered.to_dict("records")
    ]
    description = "Every contract the data were checked against before this edition was made."
    return _Sheet(
        "Checks",
        "Checks of the data",
        description,
        headers,
        tuple(rows) or (_cells(*["[x] no check"] + ["[x]"] * 7),),
    )


def _cover_lines(edition: Edition) -> list[str]:
    failed = int((~edition.checks["success"].astype(bool)).sum())
    return [
        f"Labour market assessment: {clean_text(edition.label)}",
        f"Edition {edition.edition}. Figures as known on {edition.as_of.isoformat()}.",
        *_COVER,
        f"{len(edition.checks)} checks of the data were made, {failed} not passed: see the sheet Checks.",
    ]


# ---------------------------------------------------------------- writing


def _number_format(cell: GridCell) -> str:
    if cell.decimals is None:
        return "General"
    return "#,##0" + ("." + "0" * cell.decimals if cell.decimals else "")


def _write_cell(
    book: Any, sheet: Any, formats: dict[str, Any], at: tuple[int, int], cell: GridCell, figures: set[int]
) -> None:
    if cell.number is None:
        style = "figure text" if cell.text in SYMBOLS and at[1] in figures else "text"
        sheet.write_string(*at, cell.text[:_EXCEL_TEXT_LIMIT], formats[style])
        return
    wanted = _number_format(cell)
    if wanted not in formats:
        look = {"num_format": wanted, "valign": "top", "align": "right", "indent": 1}
        formats[wanted] = book.add_format({**_FONT, **look})
    sheet.write_number(*at, cell.number, formats[wanted])


def _shown(cell: GridCell) -> str:
    return cell.text if cell.number is None else f"{cell.number:,.{cell.decimals or 0}f}"


def _find_widths(headers: Sequence[str], rows: Sequence[Sequence[GridCell]]) -> list[int]:
    """Column widths in characters: the longest content within limits; a header's words are not broken."""
    widths = []
    for position, header in enumerate(headers):
        word = max((len(part) for part in header.split()), default=0)
        content = max((len(_shown(row[position])) for row in rows), default=0)
        # About three lines of heading: a taller one would fill the screen, because it stays in sight.
        widths.append(min(max(content, word, len(header) // 3, _NARROWEST) + 3, _WIDEST))
    return widths


def _find_height(texts: Sequence[str], widths: Sequence[int]) -> float:
    """Height in points that shows every wrapped text of a row: not every program fits heights by itself."""
    lines = (len(textwrap.wrap(text, width)) for text, width in zip(texts, widths, strict=True))
    return min(_LINE_POINTS * max([1, *lines]) + 1, 409)


def _prepare_page(sheet: Any) -> None:
    sheet.set_landscape()
    sheet.set_paper(9)
    sheet.fit_to_pages(1, 0)
    sheet.freeze_panes(_HEADER_ROW + 1, 1)
    sheet.repeat_rows(_HEADER_ROW)


def _size_cells(sheet: Any, content: _Sheet) -> None:
    widths = _find_widths(content.headers, content.rows)
    for column, width in enumerate(widths):
        sheet.set_column(column, column, width)
    shown = [content.headers, *([_shown(cell) for cell in cells] for cells in content.rows)]
    for row, texts in enumerate(shown, start=_HEADER_ROW):
        sheet.set_row(row, _find_height(texts, widths))


def _write_heading(sheet: Any, formats: dict[str, Any], content: _Sheet) -> None:
    for row, (line, style) in enumerate(
        [(content.title, "title"), (content.description, "plain"), (_ABOUT, "plain")]
    ):
        sheet.write_string(row, 0, line[:_EXCEL_TEXT_LIMIT], formats[style])
    sheet.set_row(0, 21)


def _mark_table(sheet: Any, formats: dict[str, Any], content: _Sheet, figures: set[int]) -> None:
    """Tag the cells as one table with a header row, so that a screen reader announces them as one."""
    columns = [
        {"header": header, "header_format": formats["figure header" if position in figures else "header"]}
        for position, header in enumerate(content.headers)
    ]
    last = (_HEADER_ROW + len(content.rows), len(content.headers) - 1)
    name = "table_" + re.sub(r"\W", "_", content.name)
    options = {"name": name, "columns": columns, "autofilter": False, "style": None}
    sheet.add_table(_HEADER_ROW, 0, *last, options)


def _write_sheet(book: Any, formats: dict[str, Any], content: _Sheet, links: Sequence[str] = ()) -> Any:
    """One sheet with its table; ``links`` are the sheets that the first column's cells lead to."""
    sheet = book.add_worksheet(content.name)
    _write_heading(sheet, formats, content)
    figures = {
        column for cells in content.rows for column, cell in enumerate(cells) if cell.number is not None
    }
    for row, cells in enumerate(content.rows, start=_HEADER_ROW + 1):
        for column, cell in enumerate(cells):
            _write_cell(book, sheet, formats, (row, column), cell, figures)
    for row, target in enumerate(links, start=_HEADER_ROW + 1):
        sheet.write_url(row, 0, f"internal:'{target}'!A1", formats["link"], string=target)
    _mark_table(sheet, formats, content, figures)
    _size_cells(sheet, content)
    _prepare_page(sheet)
    return sheet


def _write_cover(book: Any, formats: dict[str, Any], edition: Edition) -> None:
    sheet = book.add_worksheet("Cover")
    for row, line in enumerate(_cover_lines(edition)):
        sheet.write_string(row, 0, line[:_EXCEL_TEXT_LIMIT], formats["text" if row else "title"])
        sheet.set_row(row, _find_height([line], [_COVER_WIDTH]) + 5 if row else 24)
    sheet.set_column(0, 0, _COVER_WIDTH)
    sheet.set_paper(9)
    sheet.fit_to_pages(1, 0)


def _contents_sheet(sheets: Sequence[_Sheet]) -> _Sheet:
    rows = tuple(_cells(sheet.name, sheet.title, len(sheet.rows)) for sheet in sheets)
    return _Sheet(
        "Contents",
        "Contents",
        "Every sheet of this workbook; its name is a link to it.",
        ("Sheet", "Title", "Rows"),
        rows,
    )


# ---------------------------------------------------------------- chart


def _as_year(period: str) -> float:
    """Year as a number: 2025, 2025-Q3 (middle of the quarter) or 2025-03 (middle of the month)."""
    year, _, part = period.partition("-")
    if not part:
        return float(year)
    return (
        int(year) + (int(part[1:]) - 0.5) / 4 if part.startswith("Q") else int(year) + (int(part) - 0.5) / 12
    )


def _history_sheet(edition: Edition) -> _Sheet | None:
    """Long table of total employment, observed and projected, that the chart draws; None without a total."""
    total = (
        edition.series[edition.series["economic_activity"] == "_T"] if len(edition.series) else edition.series
    )
    rows = []
    for measure, label in _CHART_MEASURES.items():
        part = total[total["measure"] == measure].sort_values("time_period") if len(total) else total
        for record in part.to_dict("records"):
            year = _as_year(str(record["time_period"]))
            rows.append(
                (
                    *_cells(label, str(record["time_period"])),
                    GridCell(year, "", None),
                    GridCell(float(record["value"]), "", 0),
                )
            )
    if not rows:
        return None
    description = "All sectors together. The chart beside the table shows the same figures as the table."
    return _Sheet(
        "History",
        "Total employment, observed and projected",
        description,
        ("Measure", "Period", "Year", "Employment (persons)"),
        tuple(rows),
    )


def _add_chart(book: Any, sheet: Any, content: _Sheet) -> None:
    """Lines told apart by dash and marker, not by colour alone."""
    chart = book.add_chart({"type": "scatter", "subtype": "straight"})
    looks = {"Observed": ("solid", "#12436D"), "Projected, middle (q50)": ("dash", "#12436D")}
    labels = [row[0].text for row in content.rows]
    for label in dict.fromkeys(labels):
        first, last = (
            labels.index(label) + _HEADER_ROW + 1,
            len(labels) - labels[::-1].index(label) + _HEADER_ROW,
        )
        dash, colour = looks.get(label, ("round_dot", "#801650"))
        line = {"color": colour, "width": 2.0, "dash_type": dash}
        chart.add_series(
            {
                "name": label,
                "categories": ["History", first, 2, last, 2],
                "values": ["History", first, 3, last, 3],
                "line": line,
            }
        )
    chart.set_title({"name": content.title, "overlay": False, "name_font": {"size": 12}})
    years = [row[2].number or 0.0 for row in content.rows]
    chart.set_x_axis(
        {
            "name": "Year",
            "min": int(min(years)),
            "max": int(max(years) + 0.999),
            "num_format": "0",
            "major_gridlines": {"visible": False},
        }
    )
    chart.set_y_axis({"name": "Persons", "num_format": "#,##0"})
    chart.set_legend({"position": "bottom"})
    chart.set_size({"width": 760, "height": 420})
    described = f"{content.title}. {content.description}"
    sheet.insert_chart(4, 5, chart, {"description": described[:255], "object_position": 2})


# ---------------------------------------------------------------- the workbook


def render(edition: Edition) -> bytes:
    """Workbook of the edition: Cover, Contents, a sheet per table in order, History, Notes, Sources, Checks.

    The same edition gives the same bytes: the creation date is ``as_of``, the members carry no time.
    """
    import xlsxwriter

    buffer = io.BytesIO()
    options = {
        "in_memory": True,
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
    }
    with xlsxwriter.Workbook(buffer, options) as book:
        made = dt.datetime.combine(edition.as_of, dt.time())
        book.set_properties(
            {
                "title": f"Labour market assessment: {clean_text(edition.label)}",
                "subject": f"Edition {edition.edition}",
                "author": "lma",
                "created": made,
            }
        )
        formats = {name: book.add_format({**_FONT, **look}) for name, look in _FORMATS.items()}
        history = _history_sheet(edition)
        sheets = [
            *_table_sheets(edition),
            *([history] if history else []),
            _notes_sheet(edition),
            _sources_sheet(edition),
            _checks_sheet(edition),
        ]
        _write_cover(book, formats, edition)
        _write_sheet(book, formats, _contents_sheet(sheets), links=[sheet.name for sheet in sheets])
        for content in sheets:
            sheet = _write_sheet(book, formats, content)
            if content is history:
                _add_chart(book, sheet, content)
    return buffer.getvalue()
