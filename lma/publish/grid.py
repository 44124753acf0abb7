"""How a table of an edition is laid out: one grid that both workbooks show, so that neither differs.

Rows are the table's ``row_id`` in ``row_order``, columns its ``column_id`` in ``column_order``; nothing is
computed. Columns that describe the figures (unit, basis, source, vintage, notes, symbols and reasons)
follow where the table needs them. No cell of a grid is empty: where there is no figure it shows a symbol,
and the row says why, or names the note that does where the reasons of a row would fill the screen.
"""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from lma.contracts import Edition, TableSpec, codelist
from lma.errors import ContractError
from lma.languages import ENGLISH, Language, language

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

    @property
    def is_low(self) -> bool:
        """True for a number that is not zero but would be shown as zero."""
        return bool(self.number) and not round(
            self.number or 0.0, self.decimals if self.decimals is not None else 9
        )


@dataclass(frozen=True)
class Remark:
    """What is said about some columns of a row: a symbol with its reason, an exception of basis or unit."""

    meaning: str
    columns: str


@dataclass(frozen=True)
class Grid:
    """One table ready to print; ``n_figures`` columns after the row heading hold the table's own cells.

    ``remarks``: number of a note of this table alone -> what it says.
    """

    table_id: str
    title: str
    description: str
    headers: tuple[str, ...]
    rows: tuple[tuple[GridCell, ...], ...]
    n_figures: int
    remarks: Mapping[int, Remark] = field(default_factory=dict)


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
    if isinstance(value, str) and value.isprintable():  # neither a control nor any other space than " "
        return value.strip()
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
def list_unit_words(code: str = ENGLISH) -> dict[str, str]:
    """Unit code -> words for the middle of a sentence in a language, from codelists/units.csv."""
    units, words = codelist("units"), language(code)
    labels = zip(units["unit_measure"], map(words.text, units["label_en"]), strict=True)
    return {unit: label if label[:2].isupper() else label[:1].lower() + label[1:] for unit, label in labels}


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


def note_mark(words: Language, number: int) -> str:
    """How a table points to a note: ``[note 3]``."""
    return words.say("[note {number}]", number=str(number))


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


_UNIT, _BASIS, _SOURCE, _VINTAGE, _NOTES, _REASONS = "unit", "basis", "source", "vintage", "notes", "reasons"
_REMARKED = (_UNIT, _BASIS, _REASONS)
_ROOM = 120
"""Characters: where a row of a table needs more to explain itself, the table's explanations become notes."""


@dataclass(frozen=True)
class _About:
    """What a row says about its figures: words by kind (missing: nothing to say), and remarks by kind."""

    words: Mapping[str, str]
    remarks: Mapping[str, tuple[Remark, ...]]


def _explain(cells: Mapping[str, Record], labels: Mapping[str, str], words: Language) -> tuple[Remark, ...]:
    """Every symbol of a row with its reason, equal ones together; and the words beside a number."""
    columns: dict[str, list[str]] = {}
    for column_id, cell in cells.items():
        symbol = "[low]" if _show(cell).is_low else symbol_of(cell)
        if symbol:
            reason = clean_text(cell.get("reason")) or SYMBOLS[symbol]
            own = labels[column_id] if cell is not _NO_CELL else words.say("otherwise")
            columns.setdefault(f"{symbol} {words.text(reason)}", []).append(own)
        if not is_missing(cell.get("value")) and not is_missing(cell.get("text")):
            columns.setdefault(clean_text(cell["text"]), []).append(labels[column_id])
    if len(columns) == 1 and len(next(iter(columns.values()))) == len(labels):
        return (Remark(next(iter(columns)), words.say("all columns")),)
    return tuple(Remark(meaning, ", ".join(dict.fromkeys(names))) for meaning, names in columns.items())


def _by_column(
    cells: Mapping[str, Record], labels: Mapping[str, str], name: str, meanings: Mapping[str, str]
) -> tuple[str, tuple[Remark, ...]]:
    """The word of the row's figures; where they differ the most frequent one, and the exceptions."""
    found: dict[str, list[str]] = {}
    for column_id, cell in cells.items():
        if not is_missing(cell.get("value")) and not is_missing(cell.get(name)):
            found.setdefault(meanings.get(str(cell[name]), str(cell[name])), []).append(labels[column_id])
    if not found:
        return "", ()
    usual = max(found, key=lambda word: len(found[word]))
    others = (Remark(word, ", ".join(columns)) for word, columns in found.items() if word != usual)
    return usual, tuple(others)


def _describe(
    cells: Mapping[str, Record],
    labels: Mapping[str, str],
    notes: Mapping[str, tuple[int, Any]],
    words: Language,
) -> _About:
    """What the row says about its figures."""
    sources = (source for cell in cells.values() for source in split_sources(cell.get("source_id")))
    vintages = (format_date(cell.get("as_of")) for cell in cells.values())
    numbers = sorted({notes[note][0] for cell in cells.values() for note in list_ids(cell.get("footnotes"))})
    bases = {code: words.text(word) for code, word in BASIS_WORDS.items()}
    unit, units = _by_column(cells, labels, "unit_measure", list_unit_words(words.code))
    basis, others = _by_column(cells, labels, "basis", bases)
    said = {
        _UNIT: unit,
        _BASIS: basis,
        _SOURCE: "; ".join(dict.fromkeys(sources)),
        _VINTAGE: "; ".join(dict.fromkeys(vintage for vintage in vintages if vintage)),
        _NOTES: "; ".join(note_mark(words, number) for number in numbers),
    }
    return _About(said, {_UNIT: units, _BASIS: others, _REASONS: _explain(cells, labels, words)})


def _inline(about: _About, kind: str, words: Language) -> str:
    """What a row says of one kind, in full."""
    parts = [f"{remark.columns}: {remark.meaning}" for remark in about.remarks.get(kind, ())]
    if kind == _REASONS or not parts:
        return "; ".join(parts) or about.words.get(kind, "")
    return words.say("{usual}, except {exceptions}", usual=about.words[kind], exceptions="; ".join(parts))


def _as_note(kind: str, remark: Remark, words: Language) -> Remark:
    if kind == _BASIS:
        return replace(remark, meaning=words.say("Basis: {basis}", basis=remark.meaning))
    return (
        replace(remark, meaning=words.say("Unit: {unit}", unit=remark.meaning)) if kind == _UNIT else remark
    )


def _number_remarks(
    abouts: Sequence[_About], kinds: Sequence[str], words: Language, first: int
) -> dict[Remark, int]:
    """The explanations that become notes of this table, numbered on from ``first``."""
    found = (
        _as_note(kind, remark, words)
        for about in abouts
        for kind in kinds
        for remark in about.remarks.get(kind, ())
    )
    return {remark: number for number, remark in enumerate(dict.fromkeys(found), start=first)}


def _say_all(
    about: _About, noted: Sequence[str], numbers: Mapping[Remark, int], words: Language
) -> dict[str, str]:
    """Every kind of words of a row; what ``noted`` names stands in notes instead."""
    said = {kind: _inline(about, kind, words) for kind in (*about.words, _REASONS) if kind not in noted}
    marks = [about.words[_NOTES]] if about.words[_NOTES] else []
    for kind in noted:
        own = about.remarks.get(kind, ())
        marks += [note_mark(words, numbers[_as_note(kind, remark, words)]) for remark in own]
        usual = about.words.get(kind, "")
        said[kind] = words.say("{usual}, exceptions in the notes", usual=usual) if own and usual else usual
    return {**said, _NOTES: "; ".join(marks)}


def _describing_headers(words: Language) -> dict[str, str]:
    return {
        _UNIT: words.say("Unit"),
        _BASIS: words.say("Basis"),
        _SOURCE: words.say("Source"),
        _VINTAGE: words.say("Vintage"),
        _NOTES: words.say("Notes"),
        _REASONS: words.say("Symbols and reasons"),
    }


def _list_units(records: Sequence[Record]) -> dict[str, set[str]]:
    """Column id -> units of its figures."""
    units: dict[str, set[str]] = {}
    for cell in records:
        if not is_missing(cell.get("unit_measure")):
            units.setdefault(cell["column_id"], set()).add(cell["unit_measure"])
    return units


def _list_kinds(records: Sequence[Record], taken: set[str], words: Language) -> dict[str, str]:
    """Kinds of describing columns that a table has no column of its own for, with their headings."""
    mixed = any(len(found) > 1 for found in _list_units(records).values())
    return {
        kind: header
        for kind, header in _describing_headers(words).items()
        if not {kind, header.casefold()} & taken and (kind != _UNIT or mixed)
    }


def _unique(headers: Iterable[str]) -> tuple[str, ...]:
    """Headers that differ also when case is ignored, none empty, none too long for a marked table."""
    seen: dict[str, int] = {}
    result = []
    for header in headers:
        text = (header or "-")[:240]
        seen[text.casefold()] = seen.get(text.casefold(), 0) + 1
        result.append(text if seen[text.casefold()] == 1 else f"{text} ({seen[text.casefold()]})")
    return tuple(result)


_SAID_UNITS = ("PS", "JOBS", "USD", "XDC", "YR", "MO", "HR", "KM")


def _with_units(columns: Mapping[str, str], records: Sequence[Record], words: Language) -> list[str]:
    """Headings of the columns, with the unit of their figures where the heading does not say it."""
    units, names = _list_units(records), list_unit_words(words.code)
    symbols = dict(zip(codelist("units")["unit_measure"], codelist("units")["symbol"], strict=True))
    headers = []
    for column, label in columns.items():
        (unit, *others) = units.get(column) or {""}
        said = (
            {names.get(unit, ""), symbols.get(unit, ""), words.text("persons")}
            if unit == "PS"
            else {names.get(unit, ""), symbols.get(unit, "")}
        )
        known = (
            others
            or unit not in _SAID_UNITS
            or any(word and word.casefold() in label.casefold() for word in said)
        )
        headers.append(label if known else words.say("{label} ({unit})", label=label, unit=names[unit]))
    return headers


def _empty_grid(spec: TableSpec, words: Language) -> Grid:
    row = (
        GridCell(None, "[x]"),
        GridCell(None, f"[x] {words.say('no figures for this table in this edition')}"),
    )
    headers = (words.say("Row"), words.say("Symbols and reasons"))
    return Grid(spec.table_id, clean_text(spec.title), clean_text(spec.description), headers, (row,), 0)


def _texts(values: Iterable[str]) -> tuple[GridCell, ...]:
    return tuple(GridCell(None, value) for value in values)


def lay_out(
    spec: TableSpec,
    records: Sequence[Record],
    notes: Mapping[str, tuple[int, Any]],
    words: Language,
    first: int,
) -> Grid:
    """Grid of one table from its cells; ``notes`` as ``list_notes`` gives them; its own are numbered from ``first``.

    Without cells, one row says so.
    """
    if not records:
        return _empty_grid(spec, words)
    rows, columns = _ordered(records, "row"), _ordered(records, "column")
    heading = clean_text(spec.row_heading) or words.say("Row")
    place = {(cell["row_id"], cell["column_id"]): cell for cell in records}
    cells = {row: {column: place.get((row, column), _NO_CELL) for column in columns} for row in rows}
    abouts = [_describe(cells[row], columns, notes, words) for row in rows]
    kinds = _list_kinds(records, {name.casefold() for name in (heading, *columns, *columns.values())}, words)
    noted = [
        kind
        for kind in _REMARKED
        if kind in kinds and max(len(_inline(about, kind, words)) for about in abouts) > _ROOM
    ]
    numbers = _number_remarks(abouts, noted, words, first)
    said = [_say_all(about, noted, numbers, words) for about in abouts]
    extra = {kind: header for kind, header in kinds.items() if any(row.get(kind) for row in said)}
    # Codes stand beside their labels' row, as text, where the label does not say them already.
    coded = any(label != clean_text(row) for row, label in rows.items())
    body = []
    for (row, label), about in zip(rows.items(), said, strict=True):
        told = (
            about.get(kind) or ("[z]" if kind in (_UNIT, _BASIS, _SOURCE, _VINTAGE) else words.say("none"))
            for kind in extra
        )
        code = [clean_text(row)] if coded else []
        shown = (_show(cell) for cell in cells[row].values())
        body.append((*_texts([label or row]), *shown, *_texts([*told, *code])))
    named = [heading, *_with_units(columns, records, words), *extra.values()]
    return Grid(
        spec.table_id,
        clean_text(spec.title),
        clean_text(spec.description),
        _unique([*named, *([words.say("Row code")] if coded else [])]),
        tuple(body),
        len(columns),
        {number: remark for remark, number in numbers.items()},
    )


# ---------------------------------------------------------------- tests of a decision


_PARTS = ("value", "threshold", "why")


def _list_tests(records: Sequence[Record]) -> list[str]:
    """Columns that are tests with columns of their own for value, threshold and reasons: D0 beside D0_why."""
    names = {cell["column_id"] for cell in records}
    return sorted(name for name in names if all(f"{name}_{part}" in names for part in _PARTS))


def split_tests(
    spec: TableSpec, records: Sequence[Record], words: Language
) -> list[tuple[TableSpec, Sequence[Record]]]:
    """A table of tests as two: who passed which test; then one row per test, with the value it used.

    Side by side, value, threshold and reasons of nine tests would be 36 columns that nobody reads across.
    """
    tests = _list_tests(records)
    if not tests:
        return [(spec, records)]
    apart = {f"{test}_{part}" for test in tests for part in _PARTS}
    title = words.say("{title}: each test with its value", title=spec.title)
    name = words.say("{table} tests", table=spec.table_id)
    detail = replace(spec, table_id=name, title=title, notes=())
    return [
        (spec, [cell for cell in records if cell["column_id"] not in apart]),
        (detail, _list_test_cells(records, tests, words)),
    ]


def _list_test_cells(records: Sequence[Record], tests: Sequence[str], words: Language) -> list[Record]:
    headers = {
        "": words.say("Result of the test"),
        "value": words.say("Value"),
        "threshold": words.say("Threshold"),
        "why": words.say("How it was tested"),
    }
    place = {f"{test}_{part}" if part else test: (test, part) for test in tests for part in headers}
    found: list[Record] = []
    for cell in records:
        if cell["column_id"] in place:
            test, part = place[cell["column_id"]]
            row = {
                "row_id": f"{cell['row_id']}.{test}",
                "row_order": cell["row_order"] * 100 + tests.index(test),
            }
            column = {
                "column_id": part or "result",
                "column_label": headers[part],
                "column_order": 1 + list(headers).index(part),
            }
            found.append({**cell, **row, **column})
            if not part:
                name = {"column_id": "test", "column_label": words.say("Test"), "column_order": 0}
                found.append(
                    {**row, **name, "row_label": cell["row_label"], "text": clean_text(cell["column_label"])}
                )
    return found


def lay_out_all(edition: Edition) -> list[Grid]:
    """Grids of all tables, in the edition's order."""
    notes, words = list_notes(edition), language(edition.language)
    by_table = {key: part.to_dict("records") for key, part in edition.cells.groupby("table_id", sort=False)}
    grids: list[Grid] = []
    for spec in edition.tables:
        for own, records in split_tests(spec, by_table.get(spec.table_id, []), words):
            first = 1 + len(notes) + sum(len(grid.remarks) for grid in grids)
            grids.append(lay_out(own, records, notes, words, first))
    return grids
