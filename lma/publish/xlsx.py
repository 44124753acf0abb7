"""assessment.xlsx: the workbook of an edition, as ``sheets`` lays it out.

One marked table per sheet with frozen headings, charts that draw the cells of their table. Every text is
written as text: nothing that comes from data becomes a formula or a link.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

from lma.contracts import Edition
from lma.publish.grid import GridCell
from lma.publish.packages import rewrite_members
from lma.publish.sheets import (
    COVER_WIDTH,
    FONT,
    FONT_POINTS,
    TEXT_LIMIT,
    Picture,
    Series,
    Sheet,
    Workbook,
    compose_workbook,
    count_pages,
    find_header_height,
    find_height,
    find_widths,
    number_format,
    show,
    style_of,
)

_FONT = {"font_name": FONT, "font_size": FONT_POINTS}
_TOP = {"valign": "top", "text_wrap": True}
_HEADER = {**_TOP, "bold": True, "bottom": 1}
_FORMATS: dict[str, dict[str, Any]] = {
    "title": {"bold": True, "font_size": 15},
    "plain": {},
    "header": {**_HEADER, "align": "left"},
    "figure header": {**_HEADER, "align": "right", "indent": 1},
    "text": {**_TOP, "num_format": "@", "align": "left"},
    "figure text": {**_TOP, "num_format": "@", "align": "right", "indent": 1},
    "link": {**_TOP, "align": "left", "font_color": "#0B0C78", "underline": 1},
}
# Told apart by dash, marker and place, not by colour alone.
_LINES: dict[str, dict[str, Any]] = {
    "main": {"color": "#12436D", "width": 2.25},
    "middle": {"color": "#12436D", "width": 2.25, "dash_type": "dash"},
    "end": {"color": "#801650", "width": 1.75, "dash_type": "round_dot"},
    "other": {"color": "#3D3D3D", "width": 1.75, "dash_type": "long_dash_dot"},
}
_BARS: dict[str, dict[str, Any]] = {
    "main": {"fill": {"color": "#12436D"}, "gap": 40},
    "low": {"fill": {"color": "#28A197"}, "gap": 60},
    "middle": {"fill": {"color": "#12436D"}, "gap": 60},
    "end": {"fill": {"color": "#801650"}, "gap": 60},
}
_CHART_WIDTH, _CHART_HEIGHT, _BAR_HEIGHT, _THIN_BAR_HEIGHT, _ALTERNATIVE_LIMIT = 900, 480, 32, 14, 2000


# ---------------------------------------------------------------- cells


def _write_cell(
    book: Any,
    sheet: Any,
    formats: dict[str, Any],
    at: tuple[int, int],
    cell: GridCell,
    figures: frozenset[int],
) -> None:
    if cell.number is None:
        sheet.write_string(*at, cell.text[:TEXT_LIMIT], formats[style_of(cell, at[1], figures)])
        return
    wanted = number_format(cell)
    if wanted not in formats:
        look = {"num_format": wanted, "valign": "top", "align": "right", "indent": 1}
        formats[wanted] = book.add_format({**_FONT, **look})
    sheet.write_number(*at, cell.number, formats[wanted])


def _write_heading(sheet: Any, formats: dict[str, Any], content: Sheet) -> None:
    sheet.write_string(0, 0, content.title[:TEXT_LIMIT], formats["title"])
    for row, line in enumerate(content.lines, start=1):
        sheet.write_string(row, 0, line[:TEXT_LIMIT], formats["plain"])
    sheet.set_row(0, 21)


def _mark_table(sheet: Any, formats: dict[str, Any], content: Sheet) -> None:
    """Tag the cells as one table with a header row, so that a screen reader announces them as one."""
    figures = content.figure_columns
    columns = [
        {"header": header, "header_format": formats["figure header" if position in figures else "header"]}
        for position, header in enumerate(content.headers)
    ]
    last = (content.header_row + len(content.rows), len(content.headers) - 1)
    options = {"name": content.table_name, "columns": columns, "autofilter": False, "style": None}
    sheet.add_table(content.header_row, 0, *last, options)


def _size_cells(sheet: Any, content: Sheet, widths: Sequence[int]) -> None:
    first_about = len(widths) - content.n_about
    for column, width in enumerate(widths):
        level = {"level": 1} if column >= first_about else {}
        sheet.set_column(column, column, width, None, level)
    sheet.set_row(content.header_row, find_header_height(content, widths))
    for row, cells in enumerate(content.rows, start=content.header_row + 1):
        sheet.set_row(row, find_height([show(cell) for cell in cells], widths))


def _prepare_page(sheet: Any, content: Sheet, widths: Sequence[int], page_words: str) -> None:
    sheet.set_landscape()
    sheet.set_paper(9)
    sheet.set_margins(left=0.5, right=0.5, top=0.6, bottom=0.7)
    sheet.freeze_panes(content.header_row + 1, 1)
    sheet.repeat_rows(content.header_row)
    if count_pages(widths) > 1:
        sheet.repeat_columns(0)
    sheet.print_across()
    sheet.fit_to_pages(count_pages(widths), 0)
    # Page numbers alone: what stands in a footer is not read out by a screen reader.
    sheet.set_footer("&R" + page_words.replace("{page}", "&P").replace("{pages}", "&N"))


def _write_sheet(book: Any, formats: dict[str, Any], content: Sheet, page_words: str) -> None:
    sheet = book.add_worksheet(content.name)
    _write_heading(sheet, formats, content)
    figures, widths = content.figure_columns, find_widths(content)
    for row, cells in enumerate(content.rows, start=content.header_row + 1):
        for column, cell in enumerate(cells):
            _write_cell(book, sheet, formats, (row, column), cell, figures)
    for row, target in enumerate(content.links, start=content.header_row + 1):
        place = f"internal:'{target.replace(chr(39), chr(39) * 2)}'!A1"
        sheet.write_url(row, 0, place, formats["link"], string=target)
    _mark_table(sheet, formats, content)
    _size_cells(sheet, content, widths)
    _prepare_page(sheet, content, widths, page_words)
    if content.picture:
        _add_chart(book, sheet, content, content.picture)


def _write_cover(book: Any, formats: dict[str, Any], workbook: Workbook) -> None:
    sheet = book.add_worksheet(workbook.cover_name)
    for row, line in enumerate(workbook.cover):
        sheet.write_string(row, 0, line[:TEXT_LIMIT], formats["text" if row else "title"])
        sheet.set_row(row, find_height([line], [COVER_WIDTH]) + 6 if row else 24)
    sheet.set_column(0, 0, COVER_WIDTH)
    sheet.set_paper(9)
    sheet.fit_to_pages(1, 0)


# ---------------------------------------------------------------- charts


def _series_options(content: Sheet, series: Series, kind: str) -> dict[str, Any]:
    first, last = (content.header_row + 1 + row for row in series.rows)
    options: dict[str, Any] = {
        "name": [content.name, *((first, 0) if kind == "lines" else (content.header_row, series.values))],
        "categories": [content.name, first, series.categories, last, series.categories],
        "values": [content.name, first, series.values, last, series.values],
    }
    if kind == "lines":
        return {**options, "line": _LINES[series.look]}
    return {**options, **_BARS[series.look]}


def _set_axes(chart: Any, content: Sheet, picture: Picture) -> None:
    font = {"name": FONT, "size": 10}
    named = {"name_font": {**font, "bold": False}, "num_font": font}
    faint = {"visible": True, "line": {"color": "#BFBFBF"}}
    form = "#,##0" + ("." + "0" * picture.decimals if picture.decimals else "")
    values = {"name": picture.value_title, "num_format": form, "major_gridlines": faint, **named}
    categories: dict[str, Any] = {"name": picture.category_title, **named}
    if picture.kind == "lines":
        years = [row[picture.series[0].categories].number or 0.0 for row in content.rows]
        categories |= {"min": int(min(years)), "max": int(max(years) + 0.999), "num_format": "0"}
        categories |= {"major_gridlines": {"visible": False}}
        # Years lie between two ends that are not zero: the lines would be flat above a zero.
        chart.set_x_axis(categories)
        chart.set_y_axis(values)
        return
    # The vertical axis of bars holds the categories; the first row stands on top.
    chart.set_y_axis({**categories, "reverse": True, "name": "", "interval_unit": 1, "label_position": "low"})
    chart.set_x_axis(values)


def _add_chart(book: Any, sheet: Any, content: Sheet, picture: Picture) -> None:
    kinds = {
        "lines": {"type": "scatter", "subtype": "straight"},
        "bars": {"type": "bar"},
    }
    chart = book.add_chart(kinds[picture.kind])
    for series in picture.series:
        chart.add_series(_series_options(content, series, picture.kind))
    chart.set_title({"name": content.title, "overlay": False, "name_font": {"name": FONT, "size": 12}})
    _set_axes(chart, content, picture)
    chart.set_legend(
        {"none": True}
        if len(picture.series) == 1
        else {"position": "bottom", "font": {"name": FONT, "size": 10}}
    )
    n_bars = len(content.rows) * len(picture.series) if picture.kind == "bars" else 0
    bars = 120 + (_BAR_HEIGHT if len(picture.series) == 1 else _THIN_BAR_HEIGHT) * n_bars
    chart.set_size({"width": _CHART_WIDTH, "height": min(max(_CHART_HEIGHT, bars), 3000)})
    options = {"description": picture.alternative[:_ALTERNATIVE_LIMIT], "object_position": 2}
    sheet.insert_chart(content.header_row, len(content.headers) + 1, chart, options)


# ---------------------------------------------------------------- the workbook


def write_workbook(workbook: Workbook) -> bytes:
    """The file: the same workbook gives the same bytes, because neither it nor its members carry a time of now."""
    import xlsxwriter

    buffer = io.BytesIO()
    as_text = dict.fromkeys(("strings_to_formulas", "strings_to_urls", "strings_to_numbers"), False)
    options = {
        "in_memory": True,
        "default_format_properties": {**_FONT},  # a copy: the library writes into what it is given
        **as_text,
    }
    with xlsxwriter.Workbook(buffer, options) as book:
        book.set_properties(
            {
                "title": workbook.title,
                "subject": workbook.subject,
                "author": workbook.author,
                "created": workbook.made,
            }
        )
        formats = {name: book.add_format({**_FONT, **look}) for name, look in _FORMATS.items()}
        _write_cover(book, formats, workbook)
        for content in workbook.sheets:
            _write_sheet(book, formats, content, workbook.page_words)
    # The library has no property for the language of a document.
    said = f"<dc:language>{workbook.language}</dc:language></cp:coreProperties>".encode()
    changed = {"docProps/core.xml": lambda content: content.replace(b"</cp:coreProperties>", said)}
    return rewrite_members(buffer.getvalue(), changed)


def render(edition: Edition) -> bytes:
    """Workbook of the edition: Cover, Contents, Notes, a sheet per table in order, charts, Sources, Checks."""
    return write_workbook(compose_workbook(edition))
