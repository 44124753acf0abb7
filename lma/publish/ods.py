"""assessment.ods: the same workbook as assessment.xlsx, in OpenDocument, which offices without Excel open.

What the sheets hold comes from ``sheets``. Rows are handed to odfdo as XML, because cell by cell it needs twenty
times as long; every style is written once. Every text from data is escaped and stands in a text cell.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from lma.contracts import Edition
from lma.publish.grid import GridCell
from lma.publish.ods_charts import MEDIA_TYPE, SPACES, find_size, place, write_chart
from lma.publish.packages import rewrite_members
from lma.publish.sheets import (
    COVER_WIDTH,
    FONT,
    FONT_POINTS,
    LINE_POINTS,
    TEXT_LIMIT,
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

_VERSION = 'office:version="1.4"'
_URN = "urn:oasis:names:tc:opendocument:xmlns"
_SPACES = (
    f'{SPACES} xmlns:config="{_URN}:config:1.0" xmlns:meta="{_URN}:meta:1.0"'
    ' xmlns:xlink="http://www.w3.org/1999/xlink" xmlns:dc="http://purl.org/dc/elements/1.1/"'
)
_DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>'
_OF_THE_TEMPLATE = ("Thumbnails/", "Configurations2/", "manifest.rdf")
CHARACTER_POINTS = 6.1
"""Width of a figure of the font, in points."""
_COUNTRIES = {"en": "GB", "fr": "FR", "hy": "AM", "ru": "RU"}
_TOP = 'style:vertical-align="top" fo:wrap-option="wrap"'
_HEADER = f'{_TOP} fo:border-bottom="0.75pt solid #000000"'
_RIGHT = '<style:paragraph-properties fo:text-align="end" fo:margin-right="6pt"/>'
_LEFT = '<style:paragraph-properties fo:text-align="start"/>'
_BOLD = '<style:text-properties fo:font-weight="bold"/>'
_CELL_STYLES = {
    "title": '<style:text-properties fo:font-weight="bold" fo:font-size="15pt"/>',
    "plain": "",
    "header": f"<style:table-cell-properties {_HEADER}/>{_LEFT}{_BOLD}",
    "figure header": f"<style:table-cell-properties {_HEADER}/>{_RIGHT}{_BOLD}",
    "text": f"<style:table-cell-properties {_TOP}/>{_LEFT}",
    "link": f'<style:table-cell-properties {_TOP}/>{_LEFT}<style:text-properties fo:color="#0B0C78" style:text-underline-style="solid"/>',
    "figure text": f"<style:table-cell-properties {_TOP}/>{_RIGHT}",
}
_PARENTS = {"title": "Heading_20_1"}  # a heading that office programs know as one


# ---------------------------------------------------------------- cells


def _style_id(name: str) -> str:
    return name.replace(" ", "_")


def _text_cell(text: str, style: str) -> str:
    paragraph = escape(text[:TEXT_LIMIT])
    return f'<table:table-cell table:style-name="{_style_id(style)}" office:value-type="string"><text:p>{paragraph}</text:p></table:table-cell>'


def _link_cell(text: str, sheet: str) -> str:
    place = quoteattr("#'" + sheet.replace("'", "''") + "'.A1")
    link = f'<text:a xlink:type="simple" xlink:href={place}>{escape(text)}</text:a>'
    return f'<table:table-cell table:style-name="link" office:value-type="string"><text:p>{link}</text:p></table:table-cell>'


def _number_cell(cell: GridCell, styles: dict[str, str]) -> str:
    style = styles[number_format(cell)]
    return (
        f'<table:table-cell table:style-name="{style}" office:value-type="float" office:value="{cell.number!r}">'
        f"<text:p>{show(cell)}</text:p></table:table-cell>"
    )


def _row(cells: Iterable[str], height: str) -> str:
    return f'<table:table-row table:style-name="{height}">{"".join(cells)}</table:table-row>'


def _body_rows(content: Sheet, formats: dict[str, str], heights: Sequence[str]) -> str:
    figures, rows = content.figure_columns, []
    for number, (cells, height) in enumerate(zip(content.rows, heights, strict=True)):
        shown = [
            _text_cell(cell.text, style_of(cell, column, figures))
            if cell.number is None
            else _number_cell(cell, formats)
            for column, cell in enumerate(cells)
        ]
        if content.links:
            shown[0] = _link_cell(cells[0].text, content.links[number])
        rows.append(_row(shown, height))
    return "".join(rows)


# ---------------------------------------------------------------- styles


class _Styles:
    """Styles of the content, each once: rows by height, columns by width, numbers by format."""

    def __init__(self, numbers: Iterable[str]) -> None:
        self.formats = {form: f"number_{position}" for position, form in enumerate(sorted(numbers))}
        self._rows: dict[float, str] = {}
        self._columns: dict[int, str] = {}

    def row(self, points: float) -> str:
        """Name of the style of a row this high."""
        return self._rows.setdefault(points, f"row_{len(self._rows)}")

    def column(self, characters: int) -> str:
        """Name of the style of a column this wide."""
        return self._columns.setdefault(characters, f"column_{len(self._columns)}")

    def write(self, pages: Iterable[str]) -> str:
        """XML of all of them; ``pages``: names of the page styles that sheets use."""
        rows = (
            f'<style:style style:name="{name}" style:family="table-row">'
            f'<style:table-row-properties style:row-height="{points}pt" style:use-optimal-row-height="false"/></style:style>'
            for points, name in self._rows.items()
        )
        columns = (
            f'<style:style style:name="{name}" style:family="table-column">'
            f'<style:table-column-properties style:column-width="{width * CHARACTER_POINTS:.1f}pt"/></style:style>'
            for width, name in self._columns.items()
        )
        tables = (
            f'<style:style style:name="sheet_{page}" style:family="table" style:master-page-name="{page}">'
            '<style:table-properties table:display="true" style:writing-mode="lr-tb"/></style:style>'
            for page in pages
        )
        cells = (
            f'<style:style style:name="{_style_id(name)}" style:family="table-cell" '
            f'style:parent-style-name="{_PARENTS.get(name, "Default")}">{look}</style:style>'
            for name, look in _CELL_STYLES.items()
        )
        numbers = (_write_number_style(form, name) for form, name in self.formats.items())
        frame = '<style:graphic-properties draw:stroke="none" draw:fill="none"/>'
        frames = (f'<style:style style:name="frame" style:family="graphic">{frame}</style:style>',)
        return "".join((*rows, *columns, *tables, *cells, *numbers, *frames))


def _write_number_style(form: str, name: str) -> str:
    if form.startswith('"'):
        inner = f"<number:text>{escape(form.strip(chr(34)))}</number:text>"
    elif form == "General":
        inner = '<number:number number:min-integer-digits="1"/>'
    else:
        decimals = len(form.partition(".")[2])
        places = f'number:decimal-places="{decimals}" number:min-decimal-places="{decimals}"'
        inner = f'<number:number {places} number:min-integer-digits="1" number:grouping="true"/>'
    look = f"<style:table-cell-properties {_TOP}/>{_RIGHT}"
    return (
        f'<number:number-style style:name="form_{name}">{inner}</number:number-style>'
        f'<style:style style:name="{name}" style:family="table-cell" style:parent-style-name="Default" '
        f'style:data-style-name="form_{name}">{look}</style:style>'
    )


def _page_name(content: Sheet) -> str:
    return f"wide_{count_pages(find_widths(content))}"


def _write_page(name: str, page_words: str) -> tuple[str, str]:
    """Page layout and master page: landscape, as many pages side by side as the name says; the cover upright."""
    wide = int(name.rpartition("_")[2]) if "_" in name else 1
    size = 'fo:page-width="210mm" fo:page-height="297mm" style:print-orientation="portrait"'
    if "_" in name:
        size = 'fo:page-width="297mm" fo:page-height="210mm" style:print-orientation="landscape"'
    before, _, rest = escape(page_words).partition("{page}")
    between, _, after = rest.partition("{pages}")
    footer = (
        f"{before}<text:page-number>1</text:page-number>{between}<text:page-count>1</text:page-count>{after}"
    )
    layout = (
        f'<style:page-layout style:name="layout_{name}"><style:page-layout-properties {size} fo:margin="12mm" '
        f'style:scale-to-X="{wide}" style:scale-to-Y="0" style:print-page-order="ltr" style:first-page-number="continue"/>'
        "<style:header-style/><style:footer-style>"
        '<style:header-footer-properties fo:min-height="6mm" fo:margin-top="2mm"/></style:footer-style></style:page-layout>'
    )
    master = (
        f'<style:master-page style:name="{name}" style:page-layout-name="layout_{name}">'
        '<style:header style:display="false"/>'
        f"<style:footer><text:p>{footer}</text:p></style:footer></style:master-page>"
    )
    return layout, master


def _write_styles(workbook: Workbook, pages: Iterable[str]) -> str:
    layouts, masters = zip(*(_write_page(name, workbook.page_words) for name in pages), strict=True)
    country = _COUNTRIES.get(workbook.language, "none")
    font = (
        f'<style:font-face style:name="{FONT}" svg:font-family="{FONT}" style:font-family-generic="swiss"/>'
    )
    spoken = f'fo:language="{workbook.language}" fo:country="{country}"'
    text = f'<style:text-properties style:font-name="{FONT}" fo:font-size="{FONT_POINTS}pt" {spoken}/>'
    return (
        f"{_DECLARATION}<office:document-styles {_SPACES} {_VERSION}>"
        f"<office:font-face-decls>{font}</office:font-face-decls>"
        f'<office:styles><style:default-style style:family="table-cell">{text}</style:default-style>'
        '<style:style style:name="Default" style:family="table-cell"/>'
        '<style:style style:name="Heading_20_1" style:display-name="Heading 1" style:family="table-cell" '
        'style:parent-style-name="Default"/></office:styles>'
        f"<office:automatic-styles>{''.join(layouts)}</office:automatic-styles>"
        f"<office:master-styles>{''.join(masters)}</office:master-styles></office:document-styles>"
    )


# ---------------------------------------------------------------- sheets


def _write_columns(widths: Sequence[int], n_about: int, styles: _Styles) -> str:
    """Columns by width; the first repeats in print, those that describe the row may be folded."""
    columns = [f'<table:table-column table:style-name="{styles.column(width)}"/>' for width in widths]
    first = f"<table:table-header-columns>{columns[0]}</table:table-header-columns>"
    if not n_about:
        return first + "".join(columns[1:])
    about = "".join(columns[-n_about:])
    return (
        f"{first}{''.join(columns[1:-n_about])}<table:table-column-group>{about}</table:table-column-group>"
    )


def _write_shapes(content: Sheet, widths: Sequence[int], number: int) -> str:
    """The chart's frame beside the table, with its alternative text."""
    if content.picture is None:
        return ""
    width, height = find_size(content, content.picture)
    left = sum(widths) * CHARACTER_POINTS + 30
    top = (content.header_row + 1) * LINE_POINTS
    return (
        f'<table:shapes><draw:frame draw:style-name="frame" svg:x="{left:.0f}pt" svg:y="{top:.0f}pt" svg:width="{width}cm" svg:height="{height}cm">'
        f'<draw:object xlink:href="./Object {number}" xlink:type="simple" xlink:show="embed" xlink:actuate="onLoad"/>'
        f"<svg:title>{escape(content.title)}</svg:title><svg:desc>{escape(content.picture.alternative)}</svg:desc>"
        "</draw:frame></table:shapes>"
    )


def _write_sheet(content: Sheet, styles: _Styles, number: int) -> str:
    widths, figures = find_widths(content), content.figure_columns
    heading = [_row([_text_cell(content.title, "title")], styles.row(21.0))]
    heading += [_row([_text_cell(line, "plain")], styles.row(LINE_POINTS)) for line in content.lines]
    headers = [
        _text_cell(header, "figure header" if position in figures else "header")
        for position, header in enumerate(content.headers)
    ]
    heights = [styles.row(find_height([show(cell) for cell in cells], widths)) for cells in content.rows]
    header = _row(headers, styles.row(find_header_height(content, widths)))
    return (
        f'<table:table table:name={quoteattr(content.name)} table:style-name="sheet_{_page_name(content)}">'
        f"<table:title>{escape(content.title)}</table:title><table:desc>{escape(' '.join(content.lines))}</table:desc>"
        f"{_write_shapes(content, widths, number)}"
        f"{_write_columns(widths, content.n_about, styles)}{''.join(heading)}"
        f"<table:table-header-rows>{header}</table:table-header-rows>"
        f"{_body_rows(content, styles.formats, heights)}</table:table>"
    )


def _write_cover(workbook: Workbook, styles: _Styles) -> str:
    rows = [
        _row(
            [_text_cell(line, "text" if number else "title")],
            styles.row(find_height([line], [COVER_WIDTH]) + 6 if number else 24.0),
        )
        for number, line in enumerate(workbook.cover)
    ]
    return (
        f'<table:table table:name={quoteattr(workbook.cover_name)} table:style-name="sheet_cover">'
        f'<table:table-column table:style-name="{styles.column(COVER_WIDTH)}"/>{"".join(rows)}</table:table>'
    )


def _write_ranges(workbook: Workbook) -> str:
    """The marked tables: a named range with headings for each sheet."""
    ranges = []
    for content in workbook.sheets:
        last = (content.header_row + len(content.rows), len(content.headers) - 1)
        spot = place(content, (content.header_row, 0), last)
        ranges.append(
            f"<table:database-range table:name={quoteattr(content.table_name)} "
            f'table:target-range-address={quoteattr(spot)} table:contains-header="true" table:display-filter-buttons="false"/>'
        )
    return f"<table:database-ranges>{''.join(ranges)}</table:database-ranges>"


def _write_content(workbook: Workbook) -> str:
    numbers = {
        number_format(cell)
        for content in workbook.sheets
        for cells in content.rows
        for cell in cells
        if cell.number is not None
    }
    styles = _Styles(numbers)
    sheets = (_write_sheet(content, styles, number) for number, content in enumerate(workbook.sheets))
    tables = [_write_cover(workbook, styles), *sheets]
    return (
        f"{_DECLARATION}<office:document-content {_SPACES} {_VERSION}>"
        f"<office:automatic-styles>{styles.write(_list_pages(workbook))}</office:automatic-styles>"
        f"<office:body><office:spreadsheet>{''.join(tables)}{_write_ranges(workbook)}</office:spreadsheet></office:body>"
        "</office:document-content>"
    )


def _list_pages(workbook: Workbook) -> list[str]:
    return ["cover", *sorted({_page_name(content) for content in workbook.sheets})]


# ---------------------------------------------------------------- settings


def _item(name: str, kind: str, value: object) -> str:
    return f'<config:config-item config:name="{name}" config:type="{kind}">{value}</config:config-item>'


def _write_settings(workbook: Workbook) -> str:
    """Frozen headings of every sheet; the cover is the sheet that opens."""
    views = []
    for content in workbook.sheets:
        row = content.header_row + 1
        items = (
            _item("HorizontalSplitMode", "short", 2)
            + _item("VerticalSplitMode", "short", 2)
            + _item("HorizontalSplitPosition", "int", 1)
            + _item("VerticalSplitPosition", "int", row)
            + _item("ActiveSplitRange", "short", 3)
            + _item("PositionRight", "int", 1)
            + _item("PositionBottom", "int", row)
        )
        views.append(
            f"<config:config-item-map-entry config:name={quoteattr(content.name)}>{items}</config:config-item-map-entry>"
        )
    return (
        f"{_DECLARATION}<office:document-settings {_SPACES} {_VERSION}><office:settings>"
        '<config:config-item-set config:name="ooo:view-settings"><config:config-item-map-indexed config:name="Views">'
        f"<config:config-item-map-entry>{_item('ViewId', 'string', 'view1')}"
        f'<config:config-item-map-named config:name="Tables">{"".join(views)}</config:config-item-map-named>'
        f"{_item('ActiveTable', 'string', escape(workbook.cover_name))}"
        "</config:config-item-map-entry></config:config-item-map-indexed></config:config-item-set>"
        "</office:settings></office:document-settings>"
    )


# ---------------------------------------------------------------- the workbook


def _describe(document: Any, workbook: Workbook) -> None:
    """Properties of the document, none of them of the template or of now."""
    meta = document.meta
    meta.set_title(workbook.title)
    meta.set_subject(workbook.subject)
    meta.set_initial_creator(workbook.author)
    meta.set_creator(workbook.author)
    meta.set_language(workbook.language)
    meta.set_creation_date(workbook.made)
    meta.set_modification_date(workbook.made)
    meta.set_generator("lma")
    meta.clear_user_defined_metadata()


def _write_charts(workbook: Workbook) -> dict[str, bytes]:
    """Member name -> content of every chart."""
    return {
        f"Object {number}/content.xml": write_chart(content, content.picture).encode("utf-8")
        for number, content in enumerate(workbook.sheets)
        if content.picture is not None
    }


def write_workbook(workbook: Workbook) -> bytes:
    """The file: the same workbook gives the same bytes."""
    from odfdo import Document

    document = Document("spreadsheet")
    container: Any = document.container
    for part in [name for name in container.get_parts() if name.startswith(_OF_THE_TEMPLATE)]:
        container.del_part(part)
    for path in [path for path in document.manifest.get_paths() if path.startswith(_OF_THE_TEMPLATE)]:
        document.manifest.del_full_path(path)
    _describe(document, workbook)
    charts = _write_charts(workbook)
    for name in charts:
        document.manifest.add_full_path(name.removesuffix("content.xml"), MEDIA_TYPE)
        document.manifest.add_full_path(name, "text/xml")
    parts = {
        **charts,
        "content.xml": _write_content(workbook).encode("utf-8"),
        "styles.xml": _write_styles(workbook, _list_pages(workbook)).encode("utf-8"),
        "settings.xml": _write_settings(workbook).encode("utf-8"),
        "meta.xml": document.meta.serialize(),
        "META-INF/manifest.xml": document.manifest.serialize(),
    }
    for name, content in parts.items():
        container.set_part(name, content)
    buffer = io.BytesIO()
    # Not the document's own save: it would add columns to those that stand in groups.
    container.save(buffer)
    return rewrite_members(buffer.getvalue())


def render(edition: Edition) -> bytes:
    """OpenDocument workbook of the edition, with the sheets of assessment.xlsx."""
    return write_workbook(compose_workbook(edition))
