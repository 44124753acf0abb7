"""How a table of an edition is laid out: one grid that every output form shows, so that none differs.

Rows are the table's ``row_id`` in ``row_order``, columns its ``column_id`` in ``column_order``; nothing is
computed. Columns that describe the figures (unit, basis, source, vintage, notes, symbols and reasons)
follow where the table needs them. No cell of a grid is empty: where there is no figure it shows a symbol,
and the row says why.
"""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lma.contracts import Edition, TableSpec, codelist
from lma.errors import ContractError

SYMBOLS = {
    "[x]": "figure not available",
    "[z]": "not applicable",
    "[c]": "confidential: withheld because it could identify persons or firms",
    "[b]": "break in the series: not comparable with the figure before it",
    "[low]": "not zero, but rounds to zero at the decimals shown",
    "[u]": "low reliability: use with care",
}
BASIS_WORDS = {
    "reported": "reported",
    "modelled_estimate": "modelled estimate",
    "projection": "projection",
    "imputed": "imputed",
    "computed": "computed here",
}
Record = Mapping[Any, Any]
_STATUS_SYMBOLS = {"B": "[b]", "U": "[u]"}
_NO_CELL = {"symbol": "[z]", "reason": "column does not apply to this row"}

# Controls, bidirectional overrides, surrogates, non-characters: illegal in XML or a disguise.
_CONTROLS = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufeff\ufffe\uffff]"
)
_LINE_SPACE = re.compile(r"[\t\n\v\f\r\u2028\u2029]+")


@dataclass(frozen=True)
class GridCell:
    """One cell: a number with its decimals, or a text that is never empty."""

    number: float | None
    text: str
    decimals: int | None = None


@dataclass(frozen=True)
class Grid:
    """One table ready to print; ``n_figures`` columns after the row heading hold the table's own cells."""

    table_id: str
    title: str
    description: str
    headers: tuple[str, ...]
    rows: tuple[tuple[GridCell, ...], ...]
    n_figures: int


# ---------------------------------------------------------------- values


def is_missing(value: Any) -> bool:
    """True for None, NaN, NaT, pandas' NA and the empty text."""
    if value is None or (isinstance(value, str) and not value):
        return True
    try:
        return bool(value != value)
    except TypeError:  # pandas' NA refuses to be a truth value
        return True


def clean_text(value: Any) -> str:
    """Text on one line, without control characters or bidirectional overrides."""
    if is_missing(value):
        return ""
    return _CONTROLS.sub("", _LINE_SPACE.sub(" ", str(value))).strip()


def format_date(value: Any) -> str:
    """ISO date of a date, a timestamp or a text; empty when missing."""
    return "" if is_missing(value) else str(value)[:10]


def format_number(value: float) -> str:
    """Shortest text that reads back as the same number; whole numbers without a decimal point."""
    return str(int(value)) if float(value).is_integer() and abs(value) < 1e15 else repr(float(value))


@functools.cache
def list_unit_words() -> dict[str, str]:
    """Unit code -> words for the middle of a sentence, from codelists/units.csv."""
    units = codelist("units")
    labels = zip(units["unit_measure"], units["label_en"], strict=True)
    return {code: label if label[:2].isupper() else label[:1].lower() + label[1:] for code, label in labels}


def list_ids(value: Any) -> list[str]:
    """Ids of a list column; empty when missing."""
    return [] if value is None or isinstance(value, float) else [str(item) for item in value]


def split_sources(value: Any) -> list[str]:
    """Source ids of a ``source_id`` cell, which may join several by `` + ``."""
    return [] if is_missing(value) else [part.strip() for part in str(value).split(" + ")]


# ---------------------------------------------------------------- checks


def _find_fault(cell: Record, edition: Edition) -> str:
    """What forbids to publish a cell, and the remedy; empty when nothing does."""
    if cell["table_id"] not in {spec.table_id for spec in edition.tables}:
        return f"the table {cell['table_id']} has no heading: add it to the edition's tables"
    if not is_missing(cell["value"]) and math.isinf(cell["value"]):
        return f"an infinite number: correct its computation ({cell['step']})"
    if all(is_missing(cell[name]) for name in ("value", "text", "reason")):
        return "no figure, no text and no reason: give the cell a symbol and a reason"
    unknown = [note for note in list_ids(cell["footnotes"]) if note not in edition.notes]
    return f"the note {', '.join(unknown)} has no text: add it to the notes" if unknown else ""


def check_edition(edition: Edition) -> None:
    """``ContractError``: an infinite number, a cell that explains nothing, a note without text."""
    for cell in edition.cells.to_dict("records"):
        fault = _find_fault(cell, edition)
        if fault:
            where = f"{cell['address']} of the edition {edition.edition} of {edition.ref_area}"
            raise ContractError(f"{where}: {fault}. Nothing is published.")


# ---------------------------------------------------------------- notes


def list_notes(edition: Edition) -> dict[str, tuple[int, tuple[str, ...]]]:
    """Notes in order of first use: note -> (number, its tables). A table's note may be its own text."""
    used: dict[str, list[str]] = {}
    footnotes = edition.cells.groupby("table_id", sort=False)["footnotes"]
    by_table = {table_id: [n for value in values for n in list_ids(value)] for table_id, values in footnotes}
    for spec in edition.tables:
        for note in [*spec.notes, *by_table.get(spec.table_id, [])]:
            tables = used.setdefault(note, [])
            if spec.table_id not in tables:
                tables.append(spec.table_id)
    return {note: (number, tuple(tables)) for number, (note, tables) in enumerate(used.items(), start=1)}


def note_text(edition: Edition, note: str) -> str:
    """Text of a note id, or the note itself where a table carries its note as text."""
    return clean_text(edition.notes.get(note, note))


# ---------------------------------------------------------------- the grid


def _ordered(records: Iterable[Record], kind: str) -> dict[str, str]:
    """Ids of the rows or columns in their order, with their labels."""
    labels: dict[str, str] = {}
    for cell in sorted(records, key=lambda cell: (cell[f"{kind}_order"], str(cell[f"{kind}_id"]))):
        labels.setdefault(cell[f"{kind}_id"], clean_text(cell[f"{kind}_label"]))
    return labels


def symbol_of(cell: Record) -> str:
    """Symbol of a cell: its own, that of its status, or ``[x]`` where it has neither figure nor text."""
    if not is_missing(cell.get("symbol")):
        return str(cell["symbol"])
    if is_missing(cell.get("value")) and is_missing(cell.get("text")):
        return "[x]"
    return _STATUS_SYMBOLS.get(str(cell.get("obs_status")), "")


def _show(cell: Record) -> GridCell:
    if not is_missing(cell.get("value")):
        decimals = cell.get("decimals")
        return GridCell(float(cell["value"]), "", None if is_missing(decimals) else int(decimals or 0))
    return GridCell(None, clean_text(cell.get("text")) or symbol_of(cell))


def _explain(cells: Mapping[str, Record], labels: Mapping[str, str]) -> str:
    """Every symbol of a row with its reason, equal ones together; and the words beside a number."""
    columns: dict[str, list[str]] = {}
    for column_id, cell in cells.items():
        symbol = symbol_of(cell)
        if symbol:
            reason = clean_text(cell.get("reason")) or SYMBOLS[symbol]
            columns.setdefault(f"{symbol} {reason}", []).append(
                "otherwise" if cell is _NO_CELL else labels[column_id]
            )
        if not is_missing(cell.get("value")) and not is_missing(cell.get("text")):
            columns.setdefault(clean_text(cell["text"]), []).append(labels[column_id])
    if len(columns) == 1 and len(next(iter(columns.values()))) == len(labels):
        return f"all columns: {next(iter(columns))}"
    return "; ".join(f"{', '.join(dict.fromkeys(names))}: {reason}" for reason, names in columns.items())


def _distinct(values: Iterable[str], empty: str = "[z]") -> str:
    return "; ".join(dict.fromkeys(value for value in values if value)) or empty


def _by_column(
    cells: Mapping[str, Record], labels: Mapping[str, str], name: str, words: Mapping[str, str]
) -> str:
    """The word of the row's figures; where they differ the most frequent one, then the exceptions."""
    found: dict[str, list[str]] = {}
    for column_id, cell in cells.items():
        if not is_missing(cell.get("value")) and not is_missing(cell.get(name)):
            found.setdefault(words.get(str(cell[name]), str(cell[name])), []).append(labels[column_id])
    if len(found) < 2:
        return next(iter(found), "[z]")
    usual = max(found, key=lambda word: len(found[word]))
    others = (f"{', '.join(columns)}: {word}" for word, columns in found.items() if word != usual)
    return f"{usual}, except {'; '.join(others)}"


def _describe(
    cells: Mapping[str, Record], labels: Mapping[str, str], notes: Mapping[str, tuple[int, Any]]
) -> dict[str, str]:
    """What the row says about its figures, by heading."""
    sources = (source for cell in cells.values() for source in split_sources(cell.get("source_id")))
    numbers = sorted({notes[note][0] for cell in cells.values() for note in list_ids(cell.get("footnotes"))})
    return {
        "Unit": _by_column(cells, labels, "unit_measure", list_unit_words()),
        "Basis": _by_column(cells, labels, "basis", BASIS_WORDS),
        "Source": _distinct(sources),
        "Vintage": _distinct(format_date(cell.get("as_of")) for cell in cells.values()),
        "Notes": _distinct((f"[note {number}]" for number in numbers), empty="none"),
        "Symbols and reasons": _explain(cells, labels) or "none",
    }


def _needed(described: list[dict[str, str]], records: Sequence[Record], taken: set[str]) -> list[str]:
    """Describing columns that this table needs: not those it has itself, nor those with nothing to say."""
    units: dict[str, set[str]] = {}
    for cell in records:
        if not is_missing(cell.get("unit_measure")):
            units.setdefault(cell["column_id"], set()).add(cell["unit_measure"])
    mixed = any(len(found) > 1 for found in units.values())
    said = {
        name: any(row[name] not in ("[z]", "none") for row in described)
        for name in (described[0] if described else {})
    }
    return [
        name
        for name, says in said.items()
        if says and name.casefold() not in taken and (name != "Unit" or mixed)
    ]


def _unique(headers: Iterable[str]) -> tuple[str, ...]:
    """Headers that differ also when case is ignored, none empty, none too long for a marked table."""
    seen: dict[str, int] = {}
    result = []
    for header in headers:
        text = (header or "column")[:240]
        seen[text.casefold()] = seen.get(text.casefold(), 0) + 1
        result.append(text if seen[text.casefold()] == 1 else f"{text} ({seen[text.casefold()]})")
    return tuple(result)


def _empty_grid(spec: TableSpec) -> Grid:
    row = (GridCell(None, "[x]"), GridCell(None, "[x] no figures for this table in this edition"))
    return Grid(
        spec.table_id,
        clean_text(spec.title),
        clean_text(spec.description),
        ("Row", "Symbols and reasons"),
        (row,),
        0,
    )


def _texts(values: Iterable[str]) -> tuple[GridCell, ...]:
    return tuple(GridCell(None, value) for value in values)


def lay_out(edition: Edition, spec: TableSpec, notes: Mapping[str, tuple[int, Any]]) -> Grid:
    """Grid of one table; ``notes`` as ``list_notes`` gives them. Without cells, one row says so."""
    records = edition.cells[edition.cells["table_id"] == spec.table_id].to_dict("records")
    if not records:
        return _empty_grid(spec)
    rows, columns = _ordered(records, "row"), _ordered(records, "column")
    heading = clean_text(spec.row_heading) or "Row"
    place = {(cell["row_id"], cell["column_id"]): cell for cell in records}
    cells = {row: {column: place.get((row, column), _NO_CELL) for column in columns} for row in rows}
    described = [_describe(cells[row], columns, notes) for row in rows]
    extra = _needed(described, records, {name.casefold() for name in (heading, *columns, *columns.values())})
    # Codes stand beside their labels' row, as text, where the label does not say them already.
    coded = any(label != clean_text(row) for row, label in rows.items())
    body = []
    for (row, label), about in zip(rows.items(), described, strict=True):
        shown = tuple(_show(cell) for cell in cells[row].values())
        code = [clean_text(row)] if coded else []
        body.append((*_texts([label or row]), *shown, *_texts([*(about[name] for name in extra), *code])))
    headers = _unique([heading, *columns.values(), *extra, *(["Row code"] if coded else [])])
    return Grid(
        spec.table_id,
        clean_text(spec.title),
        clean_text(spec.description),
        headers,
        tuple(body),
        len(columns),
    )


def lay_out_all(edition: Edition) -> list[Grid]:
    """Grids of all tables, in the edition's order."""
    notes = list_notes(edition)
    return [lay_out(edition, spec, notes) for spec in edition.tables]
