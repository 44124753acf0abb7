"""What the sheets of a workbook hold, so that the xlsx and the ods file cannot differ.

Follows the Analysis Function's guidance on accessible spreadsheets
(https://analysisfunction.civilservice.gov.uk/policy-store/releasing-statistics-in-spreadsheets/): title in
A1, one marked table from column A, no merged cell, no blank row or column, no empty cell without a symbol
and a reason, no meaning by colour. Nothing is a formula; links lead to sheets only. Charts draw the cells of
the table they stand beside.
"""

from __future__ import annotations

import datetime as dt
import functools
import re
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil
from typing import Any

import pandas as pd

from lma.contracts import Edition
from lma.languages import Language, language
from lma.publish.grid import (
    SYMBOLS,
    Grid,
    GridCell,
    clean_text,
    format_date,
    is_missing,
    lay_out_all,
    list_notes,
    note_mark,
    note_text,
)
from lma.publish.shared import make_once

FONT, FONT_POINTS = "Arial", 11
TEXT_LIMIT = 32_767
"""Characters that a cell of Excel can hold."""
LINE_POINTS, TALLEST_POINTS = 14.5, 409.0
_NARROWEST, _WIDEST, _WIDEST_PROSE, COVER_WIDTH = 10, 46, 100, 80
_LINE = 125
"""Characters of a line above a table: what a screen shows without scrolling."""
_MOST_LINES = 6
_PAGE = 200
"""Characters of a landscape page that can be read in print."""
_LETTERS = 1.12
"""Letters of running text that stand in the width of one figure, on the safe side."""
_WIDE_LETTERS = (("\u0400", "\u052f", 1.1), ("\u0530", "\u058f", 1.4), ("\u2e80", "\uffef", 1.9))
"""Scripts whose letters are wider than Latin ones: Cyrillic, Armenian, East Asian."""


@dataclass(frozen=True)
class Series:
    """One line or set of bars: columns of the sheet's table, and its rows, both from 0. ``look`` is its role.

    A line is named by its first row's first cell, bars by the heading of their column.
    """

    look: str
    categories: int
    values: int
    rows: tuple[int, int]


@dataclass(frozen=True)
class Picture:
    """A chart beside the table whose cells it draws. ``kind``: lines (over years) or bars."""

    kind: str
    series: tuple[Series, ...]
    category_title: str
    value_title: str
    alternative: str
    decimals: int = 0


@dataclass(frozen=True)
class Sheet:
    """One sheet with one table; ``links`` are the sheets that the first column's cells lead to.

    ``n_about``: last columns that describe the row, which a reader may fold away.
    """

    name: str
    title: str
    lines: tuple[str, ...]
    headers: tuple[str, ...]
    rows: tuple[tuple[GridCell, ...], ...]
    links: tuple[str, ...] = ()
    n_about: int = 0
    picture: Picture | None = None

    @property
    def header_row(self) -> int:
        """Row of the headings, from 0: after the title, the lines and the way back."""
        return 1 + len(self.lines)

    @property
    def figure_columns(self) -> frozenset[int]:
        """Columns that hold a number, or nothing but symbols in the place of numbers."""
        columns = zip(*self.rows, strict=True)
        return frozenset(number for number, cells in enumerate(columns) if _is_figures(cells))

    @property
    def table_name(self) -> str:
        """Name of the marked table: letters, digits and underscores only."""
        return "table_" + re.sub(r"\W", "_", self.name)


def _is_figures(cells: Sequence[GridCell]) -> bool:
    return any(cell.number is not None for cell in cells) or all(cell.text in SYMBOLS for cell in cells)


@dataclass(frozen=True)
class Workbook:
    """A whole workbook. ``made``: its creation date, which is the cut-off of the data."""

    title: str
    subject: str
    author: str
    language: str
    made: dt.datetime
    cover_name: str
    cover: tuple[str, ...]
    sheets: tuple[Sheet, ...]
    page_words: str


# ---------------------------------------------------------------- names


def sheet_name(wanted: str, taken: Iterable[str]) -> str:
    """A name Excel allows: 31 characters, none of []:*?/\\, no outer apostrophe, unlike all of ``taken``.

    A longer one ends after a whole word.
    """
    clean = " ".join(re.sub(r"[\[\]:*?/\\]", " ", clean_text(wanted)).split()).strip("' ")
    name = (clean if len(clean) < 32 else _cut(clean)).rstrip(" ',;-(") or "Sheet"
    known, number, candidate = {other.casefold() for other in taken}, 2, name
    # Excel keeps History for itself.
    while candidate.casefold() in known or candidate.casefold() == "history":
        candidate = f"{name[: 30 - len(str(number))]} {number}"
        number += 1
    return candidate


def _cut(text: str) -> str:
    """The first words of a text in 31 characters, none of the short ones (of, the, by) last."""
    words = text[:32].split(" ")[:-1]
    while len(words) > 2 and len(words[-1]) < 4:
        words.pop()
    return " ".join(words) if len(" ".join(words)) > 11 else text[:31]


def _name_all(sheets: Sequence[Sheet], taken: Sequence[str]) -> tuple[Sheet, ...]:
    """The sheets under names that are allowed and differ."""
    named: list[Sheet] = []
    for sheet in sheets:
        others = [*taken, *(other.name for other in named)]
        named.append(replace(sheet, name=sheet_name(sheet.name, others)))
    return tuple(named)


# ---------------------------------------------------------------- looks that both files share


def number_format(cell: GridCell) -> str:
    """Format of a number, in the notation both programs know and show by the reader's locale."""
    if cell.is_low:
        return '"[low]"'
    if cell.decimals is None:
        return "General"
    return "#,##0" + ("." + "0" * cell.decimals if cell.decimals else "")


def show(cell: GridCell) -> str:
    """A cell as a reader sees it, in English notation: what its width is measured by."""
    if cell.number is None:
        return cell.text
    return "[low]" if cell.is_low else f"{cell.number:,.{cell.decimals or 0}f}"


def find_widths(sheet: Sheet) -> list[int]:
    """Column widths in characters: the longest content within limits; a header's words are not broken."""
    widths = []
    for position, header in enumerate(sheet.headers):
        word = max((ceil(_measure(part)) for part in header.split()), default=0)
        content = max((ceil(_measure(show(row[position]))) for row in sheet.rows), default=0)
        # About three lines of heading: a taller one would fill the screen, because it stays in sight.
        wanted = max(min(content, _WIDEST), min(word + 1, _WIDEST), ceil(_measure(header)) // 3, _NARROWEST)
        # Longer prose gets a wider column, so that it takes about four lines, not the whole screen.
        widths.append(min(max(min(wanted, _WIDEST), content // 4), _WIDEST_PROSE) + 3)
    return widths


def find_height(texts: Sequence[str], widths: Sequence[int]) -> float:
    """Height in points that shows every wrapped text of a row: not every program fits heights by itself."""
    room = (
        max(int(width * _LETTERS * len(text) / (_measure(text) or 1)), 1)
        for text, width in zip(texts, widths, strict=True)
    )
    lines = (_count_lines(text, width) for text, width in zip(texts, room, strict=True))
    return min(LINE_POINTS * max([1, *lines]) + 1, TALLEST_POINTS)


def _count_lines(text: str, width: int) -> int:
    """Lines of a wrapped text; most texts fit on one, which needs no wrapping to be known."""
    return 1 if len(text) <= width and "\t" not in text else len(textwrap.wrap(text, width))


def find_header_height(sheet: Sheet, widths: Sequence[int]) -> float:
    """Height in points of the headings, which are bold and so take more room."""
    return find_height(sheet.headers, [max(width - 3, 1) for width in widths])


def _measure(text: str) -> float:
    """Width of a text in Latin letters."""
    if text.isascii():
        return len(text)
    return _measure_letters(text)


@functools.lru_cache(maxsize=20_000)
def _measure_letters(text: str) -> float:
    """Kept, because a text is measured for its column and for its row, and again by every program's form."""
    return sum(map(_widen, text))


@functools.cache
def _widen(letter: str) -> float:
    return next((wide for first, last, wide in _WIDE_LETTERS if first <= letter <= last), 1.0)


def count_pages(widths: Sequence[int]) -> int:
    """Pages side by side on which a table can still be read; the first column stands on each."""
    first, *others = widths
    room = max(_PAGE - first, _PAGE // 2)
    return max(1, -(-sum(others) // room))


def style_of(cell: GridCell, column: int, figures: frozenset[int]) -> str:
    """Name of the look of a text cell: symbols stand where the numbers of their column stand."""
    return "figure text" if cell.text in SYMBOLS and column in figures else "text"


# ---------------------------------------------------------------- what the sheets say


def _cells(*values: Any) -> tuple[GridCell, ...]:
    """Numbers stay numbers, everything else is text; a missing value shows [x]."""
    return tuple(
        GridCell(float(value), "", 0)
        if isinstance(value, int) and not isinstance(value, bool)
        else GridCell(None, clean_text(value) or "[x]")
        for value in values
    )


def _lines(text: str, words: Language) -> tuple[str, ...]:
    """Lines above a table: its description, then what holds for every sheet."""
    clean = clean_text(text)
    width = max(_LINE, -(-len(clean) // (_MOST_LINES - 1)))
    about = words.say(
        "This sheet holds one table. Symbols and notes are explained on the sheet {sheet}.",
        sheet=words.say("Notes"),
    )
    return (*textwrap.wrap(clean, width), about)


def _table_sheet(grid: Grid, words: Language) -> Sheet:
    about = len(grid.headers) - 1 - grid.n_figures
    return Sheet(
        name=f"{grid.table_id} {grid.title}",
        title=f"{grid.table_id}. {grid.title}",
        lines=_lines(grid.description, words),
        headers=grid.headers,
        rows=grid.rows,
        n_about=about if len(grid.headers) > 12 else 0,
    )


def _notes_sheet(edition: Edition, grids: Sequence[Grid], words: Language) -> Sheet:
    everywhere, whole = words.say("all tables"), words.say("whole row")
    symbols = [_cells(symbol, words.text(meaning), whole, everywhere) for symbol, meaning in SYMBOLS.items()]
    notes = [
        _cells(note_mark(words, number), note_text(edition, note), whole, ", ".join(tables))
        for note, (number, tables) in list_notes(edition).items()
    ]
    remarks = [
        _cells(note_mark(words, number), remark.meaning, remark.columns, grid.table_id)
        for grid in grids
        for number, remark in grid.remarks.items()
    ]
    return Sheet(
        name=words.say("Notes"),
        title=words.say("Notes and symbols"),
        lines=_lines(
            words.say(
                "What the symbols and notes in the tables mean, and the reason why a figure is missing."
            ),
            words,
        ),
        headers=(words.say("Mark"), words.say("Meaning"), words.say("Columns"), words.say("Tables")),
        rows=(*symbols, *notes, *remarks),
    )


_SOURCE_COLUMNS = ("source_id", "publisher", "title", "table_code", "url", "licence", "as_of", "file_name")


def _sources_sheet(edition: Edition, words: Language) -> Sheet:
    headers = (
        words.say("Source"),
        words.say("Publisher"),
        words.say("Title"),
        words.say("Publisher's table"),
        words.say("Address"),
        words.say("Licence"),
        words.say("Vintage"),
        words.say("File"),
        words.say("SHA-256 of the file"),
        words.say("Rows"),
        words.say("Figures kept"),
        words.say("Rows refused"),
    )
    rows = []
    for source in edition.sources.to_dict("records"):
        counts = [int(source[name]) for name in ("n_rows", "n_observations", "n_quarantined")]
        texts = [format_date(source[name]) if name == "as_of" else source[name] for name in _SOURCE_COLUMNS]
        rows.append(_cells(*texts, source["snapshot_sha"], *counts))
    description = words.say(
        "Every publisher's file behind the tables, the date the publisher stood by it, and its licence."
    )
    nothing = _cells(f"[x] {words.say('no source')}", *["[x]"] * (len(headers) - 1))
    name = words.say("Sources")
    return Sheet(name, name, _lines(description, words), headers, tuple(rows) or (nothing,))


def _check_row(check: Mapping[Any, Any], words: Language) -> tuple[GridCell, ...]:
    return _cells(
        check["table_name"],
        check["subject"],
        check["rule_id"],
        words.say("whole table") if is_missing(check["column_name"]) else check["column_name"],
        words.text(clean_text(check["description"])),
        words.say("passed") if check["success"] else words.say("not passed"),
        int(check["n_checked"]),
        int(check["n_failed"]),
    )


def _checks_sheet(edition: Edition, words: Language) -> Sheet:
    headers = (
        words.say("Table"),
        words.say("Subject"),
        words.say("Rule"),
        words.say("Column"),
        words.say("The rule in words"),
        words.say("Result"),
        words.say("Rows checked"),
        words.say("Rows that broke it"),
    )
    ordered = edition.checks.sort_values(["table_name", "subject", "rule_id"], kind="stable")
    rows = tuple(_check_row(check, words) for check in ordered.to_dict("records"))
    nothing = _cells(f"[x] {words.say('no check')}", *["[x]"] * (len(headers) - 1))
    description = words.say("Every contract the data were checked against before this edition was made.")
    title = words.say("Checks of the data")
    return Sheet(words.say("Checks"), title, _lines(description, words), headers, rows or (nothing,))


def _contents_sheet(sheets: Sequence[Sheet], words: Language) -> Sheet:
    shown = {True: words.say("table and chart"), False: words.say("table")}
    rows = tuple(
        _cells(sheet.name, sheet.title, shown[bool(sheet.picture)], len(sheet.rows)) for sheet in sheets
    )
    name = words.say("Contents")
    return Sheet(
        name=name,
        title=name,
        lines=(
            words.say("Every sheet of this workbook; its name is a link to it. This sheet holds one table."),
        ),
        headers=(words.say("Sheet"), words.say("Title"), words.say("Holds"), words.say("Rows of the table")),
        rows=rows,
        links=tuple(sheet.name for sheet in sheets),
    )


def _cover_lines(edition: Edition, words: Language) -> tuple[str, ...]:
    failed = int((~edition.checks["success"].astype(bool)).sum())
    checks = words.count(
        "{n} check of the data was made, {failed} not passed: see the sheet {sheet}.",
        "{n} checks of the data were made, {failed} not passed: see the sheet {sheet}.",
        len(edition.checks),
        failed=failed,
        sheet=words.say("Checks"),
    )
    return (
        _title(edition, words),
        words.say(
            "Figures as known on {date}: edition {edition}.", edition=edition.edition, date=edition.as_of
        ),
        words.say(
            "Which sectors will lack workers, by how many, how sure we are, and where labour migration could "
            "honestly fill the gap."
        ),
        words.say(
            "Every figure says its basis: reported by a publisher, modelled estimate of a publisher, projection of "
            "ours, or imputed."
        ),
        words.say(
            "Projections show what happens if trends continue. They are signals with a range, not targets."
        ),
        words.say(
            "Contents lists the tables and charts. Notes explains symbols and notes. Sources gives publishers and licences."
        ),
        words.say(
            "A cell without a figure shows a symbol in square brackets; the row or its note says why. No sheet holds a "
            "formula, a macro or a link to another file."
        ),
        words.say(
            "The folder tables has the same tables as CSV, with the address of every cell (such as T5.C.2030)."
        ),
        words.say(
            "An address leads to the publisher's own row, for example: lma trace {country} T5.C.2030.",
            country=edition.ref_area,
        ),
        checks,
    )


def _title(edition: Edition, words: Language) -> str:
    return words.say("Labour market assessment: {country}", country=clean_text(edition.label))


# ---------------------------------------------------------------- charts


def as_year(period: str) -> float:
    """Year as a number: 2025, 2025-Q3 (middle of the quarter) or 2025-03 (middle of the month)."""
    year, _, part = period.partition("-")
    if not part:
        return float(year)
    return (
        int(year) + (int(part[1:]) - 0.5) / 4 if part.startswith("Q") else int(year) + (int(part) - 0.5) / 12
    )


def _list_lines(
    rows: Sequence[tuple[GridCell, ...]], looks: Sequence[str], x: int, y: int
) -> tuple[Series, ...]:
    """One line per text of the first column, whose rows stand together."""
    labels = [row[0].text for row in rows]
    return tuple(
        Series(
            looks[min(number, len(looks) - 1)],
            x,
            y,
            (labels.index(label), len(labels) - 1 - labels[::-1].index(label)),
        )
        for number, label in enumerate(dict.fromkeys(labels))
    )


def _total_sheet(edition: Edition, words: Language) -> Sheet | None:
    """Total employment, observed and projected; None without a total."""
    measures = {
        "observed": words.say("Observed"),
        "q50": words.say("Projected, middle (q50)"),
        "q10": words.say("Projected, low (q10)"),
        "q90": words.say("Projected, high (q90)"),
    }
    series = edition.series
    total = series[series["economic_activity"] == "_T"] if len(series) else pd.DataFrame(columns=["measure"])
    known = total[total["measure"].isin(measures)]
    if known.empty:
        return None
    rows = []
    for measure, label in measures.items():
        for record in known[known["measure"] == measure].sort_values("time_period").to_dict("records"):
            period, value = str(record["time_period"]), float(record["value"])
            rows.append((*_cells(label, period), GridCell(as_year(period), "", None), GridCell(value, "", 0)))
    title = words.say("Total employment, observed and projected")
    last = max(rows, key=lambda row: (row[0].text == measures["observed"], row[2].number))
    alternative = words.say(
        "Line chart. Observed employment reaches {value} persons in {period}; dashed and dotted lines show the middle, low and "
        "high projection after it. The table beside the chart has every figure.",
        value=words.number(last[3].number or 0.0),
        period=last[1].text,
    )
    return _picture_sheet(
        title,
        words.say("All sectors together. Low and high are the ends of the 80 % interval."),
        (words.say("Measure"), words.say("Period"), words.say("Year"), words.say("Employment (persons)")),
        rows,
        Picture(
            "lines",
            _list_lines(rows, ("main", "middle", "end"), 2, 3),
            words.say("Year"),
            words.say("Persons"),
            alternative,
        ),
        words,
    )


def _by_row(edition: Edition, table_id: str, columns: Sequence[str]) -> list[dict[str, Any]]:
    """Rows of a table that have a number in every one of the columns: label and those cells, in order."""
    cells = edition.cells
    part = cells[(cells["table_id"] == table_id) & cells["column_id"].isin(columns) & cells["value"].notna()]
    rows: dict[str, dict[str, Any]] = {}
    for cell in part.sort_values(["row_order", "row_id"], kind="stable").to_dict("records"):
        row = rows.setdefault(cell["row_id"], {"id": cell["row_id"], "label": clean_text(cell["row_label"])})
        row[cell["column_id"]] = cell
    return [row for row in rows.values() if all(column in row for column in columns)]


def _number_cell(cell: Mapping[str, Any]) -> GridCell:
    decimals = cell["decimals"]
    return GridCell(float(cell["value"]), "", None if is_missing(decimals) else int(decimals))


def _gap_sheet(edition: Edition, words: Language) -> Sheet | None:
    """The gap of each sector with its range, most lacking first; None when T6 has no such columns."""
    columns = ("gap_q10", "gap_q50", "gap_q90")
    found = [row for row in _by_row(edition, "T6", columns) if row["id"] != "_T"]
    if not found:
        return None
    ordered = sorted(found, key=lambda row: -row["gap_q50"]["value"])
    rows = [(*_cells(row["label"]), *(_number_cell(row[column]) for column in columns)) for row in ordered]
    headers = (
        words.say("Economic activity"),
        words.say("Gap, low end (persons)"),
        words.say("Gap, median (persons)"),
        words.say("Gap, high end (persons)"),
    )
    looks = {1: "low", 2: "middle", 3: "end"}
    bars = tuple(Series(look, 0, column, (0, len(rows) - 1)) for column, look in looks.items())
    alternative = words.say(
        "Bar chart: three bars for each activity, the low end, the median and the high end of its gap. "
        "Most workers are lacking in {first}, by the median of its range; fewest, or a surplus, in {last}. "
        "The table beside the chart has every figure.",
        first=rows[0][0].text,
        last=rows[-1][0].text,
    )
    return _picture_sheet(
        words.say("Gap between demand and supply by economic activity"),
        words.say(
            "From table T6, largest median first. Above 0 workers are lacking, below 0 there are more workers than jobs. "
            "The low and high ends are the 10th and 90th percentile of the simulation."
        ),
        headers,
        rows,
        Picture("bars", bars, headers[0], words.say("Persons"), alternative),
        words,
    )


def _share_sheet(edition: Edition, words: Language) -> Sheet | None:
    """Foreign share over time, for every zone or sector that T7 has for more than one period; None without."""
    lines: dict[str, dict[str, GridCell]] = {}
    for row in _by_row(edition, "T7", ("share",)):
        period = clean_text(row["share"]["time_period"])
        if re.fullmatch(r"\d{4}(-(Q[1-4]|\d\d))?", period):
            label = row["label"].replace(period, "").strip(" ,-()")
            lines.setdefault(label, {}).setdefault(period, _number_cell(row["share"]))
    rows = [
        (*_cells(label, period), GridCell(as_year(period), "", None), share)
        for label, shares in lines.items()
        if len(shares) > 1
        for period, share in sorted(shares.items())
    ]
    if not rows:
        return None
    first, last = rows[0], [row for row in rows if row[0] == rows[0][0]][-1]
    alternative = words.say(
        "Line chart of the foreign share. {zone}: from {first} % in {start} to {last} % in {end}. The table beside the chart "
        "has every figure.",
        zone=first[0].text,
        first=words.number(first[3].number or 0.0, 1),
        start=first[1].text,
        last=words.number(last[3].number or 0.0, 1),
        end=last[1].text,
    )
    headers = (
        words.say("Zone or sector"),
        words.say("Period"),
        words.say("Year"),
        words.say("Foreign share, %"),
    )
    looks = ("main", "middle", "end", "other")
    return _picture_sheet(
        words.say("Foreign share of workers"),
        words.say("From table T7: zones and sectors that count national and foreign workers."),
        headers,
        rows,
        Picture(
            "lines", _list_lines(rows, looks, 2, 3), words.say("Year"), headers[3], alternative, decimals=1
        ),
        words,
    )


def _bars_sheet(
    edition: Edition, place: tuple[str, str], texts: Sequence[str], words: Language, decimals: int = 0
) -> Sheet | None:
    """Bars of one column of a table, highest first; ``texts``: title, description, axis, what the alternative says."""
    title, description, axis, told = texts
    others = ("_T", "REP_", "HINDCAST", "PUBLISHED")
    found = [row for row in _by_row(edition, place[0], (place[1],)) if not row["id"].startswith(others)]
    if not found:
        return None
    ordered = sorted(found, key=lambda row: -row[place[1]]["value"])
    rows = [(*_cells(row["label"]), _number_cell(row[place[1]])) for row in ordered]
    headers = (words.say("Economic activity"), axis)
    bars = Series("main", 0, 1, (0, len(rows) - 1))
    return _picture_sheet(
        title, description, headers, rows, Picture("bars", (bars,), headers[0], axis, told, decimals), words
    )


def _employment_sheet(edition: Edition, words: Language) -> Sheet | None:
    texts = (
        words.say("Employment by economic activity, latest figure"),
        words.say("From table T5, largest first; the period of each figure is there."),
        words.say("Latest figure (persons)"),
        words.say(
            "Bar chart of the latest employment of each activity, largest first. The table beside the chart has every figure."
        ),
    )
    return _bars_sheet(edition, ("T5", "base"), texts, words)


def _score_sheet(edition: Edition, words: Language) -> Sheet | None:
    texts = (
        words.say("Error of the forecasts beside the naive model's"),
        words.say(
            "From the backtest in table T12. Below 1 the forecasts were better than saying that nothing changes, above 1 worse."
        ),
        words.say("Error over the naive model's error (ratio)"),
        words.say(
            "Bar chart of the error of the forecasts of each activity over that of the naive model, largest first. "
            "The table beside the chart has every figure."
        ),
    )
    return _bars_sheet(edition, ("T12", "mase_ratio"), texts, words, decimals=2)


def _picture_sheet(
    title: str,
    description: str,
    headers: tuple[str, ...],
    rows: Sequence[tuple[GridCell, ...]],
    picture: Picture,
    words: Language,
) -> Sheet:
    about = words.say("The chart beside the table shows the cells of the table.")
    lines = (*textwrap.wrap(description, _LINE), about)
    return Sheet("", title, lines, headers, tuple(rows), picture=picture)


def _picture_sheets(edition: Edition, words: Language) -> list[Sheet]:
    makers = (_total_sheet, _employment_sheet, _gap_sheet, _share_sheet, _score_sheet)
    found = [sheet for maker in makers if (sheet := maker(edition, words))]
    return [
        replace(
            sheet,
            name=words.say("Chart {number} {title}", number=str(number), title=sheet.title),
            title=words.say("Chart {number}. {title}", number=str(number), title=sheet.title),
        )
        for number, sheet in enumerate(found, start=1)
    ]


# ---------------------------------------------------------------- the workbook


@make_once
def compose_workbook(edition: Edition) -> Workbook:
    """Cover, Contents, Notes, a sheet per table in order, the charts, Sources, Checks; in the edition's language."""
    words = language(edition.language)
    grids = lay_out_all(edition)
    cover, contents = words.say("Cover"), words.say("Contents")
    sheets = [
        _notes_sheet(edition, grids, words),
        *(_table_sheet(grid, words) for grid in grids),
        *_picture_sheets(edition, words),
        _sources_sheet(edition, words),
        _checks_sheet(edition, words),
    ]
    named = _name_all(sheets, [cover, contents])
    return Workbook(
        title=_title(edition, words),
        subject=words.say("Edition {edition}", edition=edition.edition),
        author=words.say("Labour market assessment"),
        language=edition.language,
        made=dt.datetime.combine(edition.as_of, dt.time()),
        cover_name=sheet_name(cover, ()),
        cover=_cover_lines(edition, words),
        sheets=(replace(_contents_sheet(named, words), name=sheet_name(contents, (cover,))), *named),
        page_words=words.say("Page {page} of {pages}", page="{page}", pages="{pages}"),
    )
