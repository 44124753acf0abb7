"""Reads a written workbook back, xlsx by openpyxl and ods by odfdo, into one shape that tests look at."""

from __future__ import annotations

import io
import re
import zipfile
from dataclasses import dataclass, field
from typing import Any
from xml.etree import ElementTree

import openpyxl
from openpyxl.utils import get_column_letter

from lma.publish.ods import CHARACTER_POINTS

_ODF = "urn:oasis:names:tc:opendocument:xmlns:{}:1.0"
_T, _O, _S, _F, _X = (
    f"{{{_ODF.format(name)}}}" for name in ("table", "office", "style", "xsl-fo-compatible", "text")
)
_LINK = "{http://www.w3.org/1999/xlink}href"


@dataclass
class Look:
    """How a cell looks, as far as the guidance speaks of it."""

    bold: bool = False
    wrapped: bool = False
    font: str = ""
    points: float = 0
    colour: str = "000000"
    fill: str = "FFFFFF"
    number_format: str = ""


@dataclass
class ReadSheet:
    """One sheet. ``tables``: ranges such as A4:K30. ``frozen``: first cell that scrolls."""

    name: str
    values: list[list[Any]]
    looks: list[list[Look]]
    tables: dict[str, str]
    frozen: str
    merged: bool
    hidden: bool
    widths: list[float]
    heights: list[float]
    links: dict[str, str] = field(default_factory=dict)
    pictures: list[str] = field(default_factory=list)
    page: dict[str, Any] = field(default_factory=dict)

    def body(self) -> list[list[Any]]:
        """Headings and rows of the one marked table."""
        (place,) = self.tables.values()
        first, last = (int(re.sub(r"\D", "", end)) for end in place.split(":"))
        return self.values[first - 1 : last]

    @property
    def header_row(self) -> int:
        """Row of the headings, from 1."""
        return len(self.values) - len(self.body()) + 1

    def column(self, heading: str) -> int:
        """Column of a heading, from 0."""
        return self.body()[0].index(heading)


@dataclass
class ReadBook:
    """A whole file: ``texts`` are its XML members."""

    title: str
    author: str
    language: str
    made: str
    active: str
    sheets: list[ReadSheet]
    texts: dict[str, str]

    def sheet(self, start: str) -> ReadSheet:
        """The sheet whose name begins so."""
        return next(
            sheet for sheet in self.sheets if sheet.name == start or sheet.name.startswith(f"{start} ")
        )


def read(content: bytes, form: str) -> ReadBook:
    """``form``: xlsx or ods."""
    with zipfile.ZipFile(io.BytesIO(content)) as package:
        names = [name for name in package.namelist() if name.endswith((".xml", ".rels"))]
        texts = {name: package.read(name).decode("utf-8") for name in names}
    return (_read_xlsx if form == "xlsx" else _read_ods)(content, texts)


# ---------------------------------------------------------------- xlsx


def _look_of(cell: Any) -> Look:
    colour = (
        cell.font.color.rgb
        if cell.font.color is not None and isinstance(cell.font.color.rgb, str)
        else "FF000000"
    )
    fill = cell.fill.fgColor.rgb if cell.fill.fill_type == "solid" else "FFFFFFFF"
    return Look(
        bool(cell.font.b), bool(cell.alignment.wrap_text), cell.font.name, cell.font.sz, colour[-6:], fill[-6:],
        cell.number_format,
    )  # fmt: skip


def _read_xlsx(content: bytes, texts: dict[str, str]) -> ReadBook:
    book = openpyxl.load_workbook(io.BytesIO(content))
    properties = book.properties
    sheets = [_read_xlsx_sheet(sheet) for sheet in book.worksheets]
    drawings = sorted(
        (name for name in texts if name.startswith("xl/drawings/drawing")),
        key=lambda name: int(re.findall(r"\d+", name)[0]),
    )
    for name, sheet in zip(drawings, (s for s in book.worksheets if s._charts), strict=True):
        told = re.findall(r'<xdr:cNvPr [^>]*?descr="([^"]*)"', texts[name])
        next(s for s in sheets if s.name == sheet.title).pictures = told
    return ReadBook(
        properties.title,
        properties.creator,
        properties.language,
        str(properties.created),
        book.active.title,
        sheets,
        texts,
    )


def _read_xlsx_sheet(sheet: Any) -> ReadSheet:
    rows = list(sheet.iter_rows())
    dimensions = {**sheet.column_dimensions, **sheet.row_dimensions}
    widths: dict[int, float] = {}
    for dimension in sheet.column_dimensions.values():
        widths |= dict.fromkeys(range(dimension.min, dimension.max + 1), dimension.width)
    page = {
        "landscape": sheet.page_setup.orientation == "landscape",
        "repeated": sheet.print_title_rows,
        "footer": sheet.oddFooter.right.text,
    }
    return ReadSheet(
        name=sheet.title,
        values=[[_plain(cell.value) for cell in row] for row in rows],
        looks=[[_look_of(cell) for cell in row] for row in rows],
        tables={table.name: table.ref for table in sheet.tables.values()},
        frozen=sheet.freeze_panes or "",
        merged=bool(sheet.merged_cells.ranges),
        hidden=sheet.sheet_state != "visible" or any(d.hidden for d in dimensions.values()),
        widths=[widths.get(column, 0) for column in range(1, sheet.max_column + 1)],
        heights=[sheet.row_dimensions[row].height or 15 for row in range(1, sheet.max_row + 1)],
        links={cell.coordinate: cell.hyperlink.location for row in rows for cell in row if cell.hyperlink},
        page=page,
    )


# ---------------------------------------------------------------- ods


def _read_ods(content: bytes, texts: dict[str, str]) -> ReadBook:
    from odfdo import Document

    document = Document(io.BytesIO(content))
    root, settings = (
        ElementTree.fromstring(texts["content.xml"]),
        ElementTree.fromstring(texts["settings.xml"]),
    )
    styles = {style.get(f"{_S}name"): style for style in root.iter(f"{_S}style")}
    ranges = {
        found.get(f"{_T}name"): found.get(f"{_T}target-range-address")
        for found in root.iter(f"{_T}database-range")
    }
    trees = {tree.get(f"{_T}name"): tree for tree in root.iter(f"{_T}table")}
    sheets = [
        _read_ods_sheet(table, trees[table.name], styles, ranges, texts, settings)
        for table in document.body.get_tables()
    ]
    items = {item.get(f"{{{_ODF.format('config')}}}name"): item.text for item in settings.iter()}
    meta = document.meta
    return ReadBook(
        meta.title,
        meta.initial_creator,
        meta.language,
        str(meta.creation_date),
        items["ActiveTable"],
        sheets,
        texts,
    )


def _plain(value: Any) -> Any:
    """Numbers as float, to the digits that every program keeps; the words of a link without its target, which odfdo writes behind them."""
    if isinstance(value, str) and value.startswith("["):
        return re.sub(r"^\[(.*)\]\(#'.*'\.A1\)$", r"\1", value)
    return value if value is None or isinstance(value, str) else float(f"{value:.11g}")


def _first(element: Any, name: str) -> dict[str, str]:
    found = element.find(f".//{_S}{name}")
    return {} if found is None else {key.rpartition("}")[2]: value for key, value in found.attrib.items()}


def _ods_look(style: Any, texts: dict[str, str]) -> Look:
    text, cell = _first(style, "text-properties"), _first(style, "table-cell-properties")
    default = re.search(r'fo:font-size="([\d.]+)pt"', texts["styles.xml"])
    family = re.search(r'style:font-name="([^"]+)"', texts["styles.xml"])
    assert default and family
    points = float(text.get("font-size", default[1] + "pt").removesuffix("pt"))
    fill = cell.get("background-color", "#FFFFFF")[1:]
    number = style.get(f"{_S}data-style-name") or ""
    return Look(
        text.get("font-weight") == "bold", cell.get("wrap-option") == "wrap", family[1], points,
        text.get("color", "#000000")[1:], fill, number,
    )  # fmt: skip


def _points(style: Any, name: str, attribute: str) -> float:
    return float(_first(style, name)[attribute].removesuffix("pt"))


def _read_ods_sheet(
    table: Any,
    tree: Any,
    styles: dict[str, Any],
    ranges: dict[str, str],
    texts: dict[str, str],
    settings: Any,
) -> ReadSheet:
    known = {
        name: _ods_look(style, texts)
        for name, style in styles.items()
        if style.get(f"{_S}family") == "table-cell"
    }
    rows = list(tree.iter(f"{_T}table-row"))
    cells = [row.findall(f"{_T}table-cell") for row in rows]
    config = f"{{{_ODF.format('config')}}}name"
    view = next((entry for entry in settings.iter() if entry.get(config) == table.name), ())
    split = {item.get(config): item.text for item in view}
    columns = list(tree.iter(f"{_T}table-column"))
    links = {
        f"{get_column_letter(position + 1)}{number}": found.get(_LINK)
        for number, row in enumerate(cells, start=1)
        for position, cell in enumerate(row)
        for found in cell.iter(f"{_X}a")
    }
    quoted = "'" + table.name.replace("'", "''") + "'."
    mine = {name: place.replace(quoted, "") for name, place in ranges.items() if place.startswith(quoted)}
    frozen = (
        f"B{int(split['VerticalSplitPosition']) + 1}" if split.get("HorizontalSplitPosition") == "1" else ""
    )
    return ReadSheet(
        name=table.name,
        values=[[_plain(value) for value in row] for row in table.get_values()],
        looks=[[known[cell.get(f"{_T}style-name")] for cell in row] for row in cells],
        tables=mine,
        frozen=frozen,
        merged=any(f"{_T}number-columns-spanned" in cell.attrib for row in cells for cell in row),
        hidden=any(f"{_T}visibility" in part.attrib for part in [*rows, *columns]),
        widths=[
            _points(styles[c.get(f"{_T}style-name")], "table-column-properties", "column-width")
            / CHARACTER_POINTS
            for c in columns
        ],
        heights=[
            _points(styles[row.get(f"{_T}style-name")], "table-row-properties", "row-height") for row in rows
        ],
        links={place: target for place, target in links.items() if target},
        pictures=[found.text or "" for found in tree.iter(f"{{{_ODF.format('svg-compatible')}}}desc")],
        page={
            "repeated": bool(list(tree.iter(f"{_T}table-header-rows"))),
            "landscape": "wide" in tree.get(f"{_T}style-name"),
        },
    )
