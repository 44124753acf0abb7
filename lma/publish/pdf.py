"""assessment.pdf: the content of the page on paper, set by typst from ``page.typ``.

The edition goes to typst as one JSON text, so that no label is read as markup. Fonts of the machine are left
out and the date is the data cut-off: the same edition gives the same bytes.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from lma.contracts import Edition
from lma.publish.charts import (
    FAN_WORDS,
    Chart,
    balance_chart,
    draw_svg,
    employment_chart,
    fan_charts,
    font_folder,
    migrant_share_chart,
    scorecard_charts,
)
from lma.publish.grid import BASIS_WORDS, SYMBOLS, clean_text, note_text
from lma.publish.layout import (
    BASIS_LETTERS,
    SOURCE_HEADER,
    CellView,
    ColumnView,
    RowView,
    TableView,
    check_rows,
    check_words,
    in_full,
    lay_out_tables,
    limits_of,
    marks_of,
    note_marks,
    outcome_kind,
    source_rows,
    split_references,
)

_HEADLINES = "T0"
# Width of paper in characters of 7.5 point type.
_PORTRAIT, _LANDSCAPE = 112, 178
_LONG_WORD, _MARK = re.compile(r"\S{18,}"), re.compile(r"([_./&?=-])")
_LONGEST_HEADING = 140
# Characters of a row shown by itself that surely fit one page.
_LONGEST_CARD = 2500
_FAN_LEGEND = (
    "Black: history as published. Dashed: projection. Dark band: 80 % interval; light band: 95 % interval. "
    "Dotted: last published figure. "
)


def render(edition: Edition) -> bytes:
    """The whole PDF; the same edition gives the same bytes."""
    import typst

    folder = font_folder()
    fonts = typst.Fonts(include_system_fonts=False, font_paths=[str(folder)] if folder else [])
    compiler = typst.Compiler(
        input=(Path(__file__).parent / "page.typ").read_bytes(),
        font_paths=fonts,
        sys_inputs={"document": json.dumps(_document(edition), ensure_ascii=False, allow_nan=False)},
    )
    midnight = dt.datetime.combine(edition.as_of, dt.time(), dt.UTC)
    content = compiler.compile(format="pdf", timestamp=midnight)
    assert isinstance(content, bytes)  # a list only where there is one file per page
    return content


def _document(edition: Edition) -> dict[str, Any]:
    tables = lay_out_tables(edition)
    marks = note_marks(edition)
    targets = _link_targets(tables)
    return {
        "title": clean_text(f"Labour market assessment: {edition.label}"),
        "description": clean_text(f"Edition {edition.edition} for {edition.label}"),
        "cutoff": clean_text(f"Edition {edition.edition}. Data cut-off: {edition.as_of.isoformat()}."),
        "fonts": ["DejaVu Sans"] if font_folder() else ["Libertinus Serif", "New Computer Modern"],
        "headlines": [_headlines(table, targets) for table in tables if table.spec.table_id == _HEADLINES],
        "limits": limits_of(edition),
        "fan_words": _FAN_LEGEND + FAN_WORDS,
        "fans": [_drawing(chart) for chart in fan_charts(edition)],
        "charts": [_drawing(chart) for chart in _single_charts(edition)],
        "tables": [
            {**_table(table, marks, targets), "first": place == 0}
            for place, table in enumerate(t for t in tables if t.spec.table_id != _HEADLINES)
        ],
        "source_header": SOURCE_HEADER,
        "letters": [[letter, BASIS_WORDS[basis]] for basis, letter in BASIS_LETTERS.items()],
        "symbols": [[symbol, words] for symbol, words in SYMBOLS.items()],
        "notes": [{"mark": mark, "text": note_text(edition, note)} for note, mark in marks.items()],
        "sources": [[_breakable(text) for text in row] for row in source_rows(edition)],
        "checks": {"words": check_words(edition), "rows": check_rows(edition)},
    }


def _link_targets(tables: Sequence[TableView]) -> dict[str, str]:
    """What a sentence may refer to -> the table that shows it, the smallest unit a PDF link jumps to."""
    cells = ((cell.address, t.spec.table_id) for t in tables for row in t.rows for cell in row.cells if cell)
    return {**dict(cells), **{table.spec.table_id: table.spec.table_id for table in tables}}


def _single_charts(edition: Edition) -> list[Chart]:
    found = (employment_chart(edition), balance_chart(edition), migrant_share_chart(edition))
    return [*(chart for chart in found if chart is not None), *scorecard_charts(edition)]


def _drawing(chart: Chart) -> dict[str, str]:
    return {"title": chart.title, "alt": clean_text(chart.alt), "svg": draw_svg(chart), "words": chart.words}


def _headlines(table: TableView, targets: Mapping[str, str]) -> dict[str, Any]:
    sentences = [
        _parts(cell.shown, targets) for row in table.rows for cell in row.cells if cell and cell.shown
    ]
    return {"id": table.spec.table_id, "sentences": sentences}


def _parts(text: str, targets: Mapping[str, str]) -> list[list[str]]:
    parts = split_references(text, targets.__contains__)
    return [[_breakable(words), targets.get(target, "")] for words, target in parts]


def _breakable(text: str) -> str:
    """Long codes and addresses may break after a mark, so that they stay in their column."""
    return _LONG_WORD.sub(lambda word: _MARK.sub("\\1\u200b", word.group()), text)


# ---------------------------------------------------------------- tables


def _table(view: TableView, marks: Mapping[str, str], targets: Mapping[str, str]) -> dict[str, Any]:
    widths = [_width(view, place) for place in range(len(view.columns))]
    first = min(26, max([len(view.spec.row_heading), *(len(row.label) for row in view.rows)], default=8)) + 3
    total = first + sum(widths)
    as_cards = bool(view.families) or view.is_wordy
    wide = total > _PORTRAIT and not as_cards
    paper = _LANDSCAPE if wide else _PORTRAIT
    groups = [] if as_cards else list(_split_columns(widths, paper - first))
    return {
        "id": view.spec.table_id,
        "title": clean_text(view.spec.title),
        "description": clean_text(view.spec.description),
        "heading": clean_text(view.spec.row_heading) or "Row",
        "marks": marks_of(view.spec.notes, marks),
        "wide": wide,
        "chunks": [_chunk(view, list(group), first, widths, marks, targets) for group in groups if view.rows],
        "header": view.line_header,
        "cards": [_card(view, row, marks, targets) for row in view.rows] if as_cards else [],
        "under": [*view.reasons, *view.remarks],
    }


def _width(view: TableView, place: int) -> int:
    """Width of a column in characters: numbers do not wrap, texts do."""
    column = view.columns[place]
    cells = [row.cells[place] for row in view.rows]
    longest_word = max((len(word) for word in column.label.split()), default=1)
    lengths = [
        len(f"{c.shown} {c.unit}{c.basis and ' M'} {c.symbol}".rstrip()) + 2 * len(c.notes)
        for c in cells
        if c
    ]
    longest = max(lengths, default=1)
    heading = max(min(longest_word, 16), min(len(column.label) // 4, 14))
    room = 22 if longest <= 120 else 44
    return 3 + max(longest if column.is_number else min(longest, room), heading, 4)


def _split_columns(widths: Sequence[int], paper: int) -> Iterator[range]:
    """Columns in groups of about the same width that fit beside the row heading, each at least one column."""
    total = sum(widths)
    groups = max(1, -(-total // paper))
    limit = min(paper, total // groups + max(widths, default=0))
    start, used = 0, 0
    for place, width in enumerate(widths):
        if used and used + width > limit:
            yield range(start, place)
            start, used = place, 0
        used += width
    yield range(start, len(widths))


def _chunk(
    view: TableView,
    places: Sequence[int],
    first: int,
    widths: Sequence[int],
    marks: Mapping[str, str],
    targets: Mapping[str, str],
) -> dict[str, Any]:
    rows = [
        {"label": _shorten(row.label), "cells": [_cell(row.cells[place], marks, targets) for place in places]}
        for row in view.rows
    ]
    return {
        "columns": [_column(view.columns[place], marks) for place in places],
        "widths": [first, *(widths[place] for place in places)],
        "rows": rows,
        "size": 7.5,
    }


def _card(
    view: TableView, row: RowView, marks: Mapping[str, str], targets: Mapping[str, str]
) -> dict[str, Any]:
    """One row by itself: a line per column, or per family of columns."""
    size = max(len(view.line_header), 1)
    lines = []
    for places in view.lines:
        found = [in_full(row.cells[place], view.columns[place]) for place in places]
        cells = [*(_cell(cell, marks, targets) for cell in found), *[None] * (size - len(places))]
        if any(cells):
            lines.append({"label": _shorten(view.columns[places[0]].label), "cells": cells})
    length = sum(len(cell.shown) for cell in row.cells if cell)
    return {"label": _shorten(row.label), "lines": lines, "breaks": length > _LONGEST_CARD}


def _shorten(heading: str) -> str:
    """Heading that leaves room for what it heads; the page and the workbook have it in full."""
    return heading if len(heading) <= _LONGEST_HEADING else f"{heading[:_LONGEST_HEADING]}\u2026"


def _column(column: ColumnView, marks: Mapping[str, str]) -> dict[str, Any]:
    return {
        "label": _shorten(column.label),
        "unit": column.unit_to_add,
        "basis": BASIS_LETTERS.get(column.basis, ""),
        "marks": marks_of(column.notes, marks),
        "number": column.is_number,
    }


def _cell(
    cell: CellView | None, marks: Mapping[str, str], targets: Mapping[str, str]
) -> dict[str, Any] | None:
    if cell is None:
        return None
    outcome = len(cell.outcome_text)
    return {
        "outcome": cell.shown[:outcome],
        "kind": outcome_kind(cell.outcome),
        "parts": [[cell.shown, ""]] if cell.is_number else _parts(cell.shown[outcome:], targets),
        "unit": cell.unit,
        "basis": BASIS_LETTERS.get(cell.basis, ""),
        "symbol": cell.symbol,
        "marks": marks_of(cell.notes, marks),
        "number": cell.is_number,
    }
