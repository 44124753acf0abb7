"""Cells of an edition -> tables as they are read: what the page and the PDF share.

Nothing is computed here: numbers are formatted, cells are put in order, and what holds for a whole column
(unit, basis, notes) is said once in its heading. Symbols, words and note numbers are those of ``grid``.
"""

from __future__ import annotations

import functools
import itertools
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lma.contracts import Edition, TableSpec, codelist
from lma.errors import OutputError
from lma.languages import ENGLISH, Language, language
from lma.publish.grid import (
    clean_text,
    format_date,
    is_missing,
    list_ids,
    list_notes,
    symbol_of,
)
from lma.publish.shared import make_once

BASIS_LETTERS = {"reported": "R", "modelled_estimate": "M", "projection": "P", "imputed": "I"}
_DECISIONS = "T10"
# Endings of column ids: lower end, upper end, the figure between them.
_RANGE_ENDS = (
    ("_low", "_high", ""),
    ("_lo80", "_hi80", ""),
    ("_lo95", "_hi95", ""),
    ("_q10", "_q90", "_q50"),
)
_FEW_COLUMNS, _LONG_TEXT, _MOST_GROUPS, _KEPT_GROUPS, _COMPONENTS = 8, 90, 20, 12, 5
# Counts of things the heading names: a unit after the number would say nothing.
_SILENT_UNITS = frozenset({"NR", "COUNT"})
_REFERENCE = re.compile(r"\bT\d{1,2}(?:\.[^.\s,;()]+\.[^\s,;()]*[^\s,;().])?")
_TEST = re.compile(r"D\d+")
# What a test of the decision says, as its code stands before the colon, and how it is set off.
_OUTCOMES = {"pass": "pass", "passed": "pass", "fail": "fail", "not passed": "fail", "not assessed": "plain"}

Record = Mapping[Any, Any]


@dataclass(frozen=True)
class CellView:
    """One cell as shown. ``shown`` is the number or text; what its column already says is left empty.

    ``outcome``: ``pass``, ``fail`` or ``plain`` for a test of the decision, whatever the language; else empty.
    ``code``: what the text says as a code, where it differs.
    """

    address: str
    shown: str
    is_number: bool
    unit: str
    basis: str
    symbol: str
    reason: str
    notes: tuple[str, ...]
    outcome: str
    code: str = ""

    @property
    def outcome_text(self) -> str:
        """The beginning of the text that says the outcome of a test, to be set off."""
        return self.shown.partition(":")[0] if self.outcome else ""


@dataclass(frozen=True)
class ColumnView:
    """Heading of one column, with unit, basis and notes where all its numbers share them."""

    column_id: str
    label: str
    unit: str
    basis: str
    is_number: bool
    notes: tuple[str, ...]
    unit_in_words: str = ""

    @property
    def unit_to_add(self) -> str:
        """Unit, unless the label says it already."""
        said = self.label.lower()
        names = {self.unit.lower(), self.unit_in_words.lower()} - {""}
        return "" if any(name in said for name in names) else self.unit


@dataclass(frozen=True)
class RowView:
    """One row: label and one cell per column, ``None`` where the edition has no such cell."""

    row_id: str
    label: str
    cells: tuple[CellView | None, ...]


@dataclass(frozen=True)
class GroupView:
    """Columns read as one: a figure and the two ends of its range (three places), two ends, or one column."""

    heading: str
    places: tuple[int, ...]


@dataclass(frozen=True)
class TableView:
    """One table as shown. ``reasons`` says why cells are empty, ``remarks`` what is said beside numbers.

    ``code``: language of its texts.
    """

    spec: TableSpec
    columns: tuple[ColumnView, ...]
    rows: tuple[RowView, ...]
    notes: tuple[str, ...]
    reasons: tuple[str, ...]
    remarks: tuple[str, ...]
    code: str = ENGLISH

    @functools.cached_property
    def families(self) -> tuple[tuple[int, ...], ...]:
        """Places of columns that say several things of one test: ``D0``, ``D0_value``, ``D0_why``.

        Empty unless there are at least three families with the same parts, some of them in words.
        """
        found: dict[str, dict[str, int]] = {}
        for place, column in enumerate(self.columns):
            base, _, part = column.column_id.partition("_")
            found.setdefault(base, {})[part] = place
        shapes = Counter(tuple(parts) for parts in found.values() if "" in parts and len(parts) > 2)
        shape, count = shapes.most_common(1)[0] if shapes else ((), 0)
        families = tuple(tuple(parts.values()) for parts in found.values() if tuple(parts) == shape)
        has_words = any(not self.columns[place].is_number for family in families for place in family[1:])
        return families if count > 2 and has_words else ()

    @property
    def lines(self) -> tuple[tuple[int, ...], ...]:
        """Places to write on one line when a row is shown by itself: a family together, else one by one."""
        starts = {family[0]: family for family in self.families}
        later = {place for family in self.families for place in family[1:]}
        return tuple(starts.get(place, (place,)) for place in range(len(self.columns)) if place not in later)

    @property
    def line_header(self) -> tuple[str, ...]:
        """Heading of the columns of ``lines``: the last words that a part's labels have in common in all families."""
        if not self.families:
            return ()
        parts = list(zip(*self.families, strict=True))[1:]
        endings = (_shared_ending([self.columns[place].label for place in part]) for part in parts)
        return (language(self.code).say("Result"), *endings)

    @functools.cached_property
    def ranges(self) -> dict[int, tuple[int, ...]]:
        """Place that a range is shown at -> places of the figure, if it has one, and of its two ends."""
        places = {column.column_id: place for place, column in enumerate(self.columns)}
        found: dict[int, tuple[int, ...]] = {}
        for column_id, place in places.items():
            for low, high, middle in _RANGE_ENDS:
                base = column_id.removesuffix(low)
                if base == column_id or base + high not in places:
                    continue
                ends, main = (place, places[base + high]), places.get(base + middle)
                alone = main is None or main in found
                found[place if alone or main is None else main] = (
                    ends if alone or main is None else (main, *ends)
                )
        return found

    @functools.cached_property
    def groups(self) -> tuple[GroupView, ...]:
        """Columns in their order, a figure together with its range; without ``detail_places``."""
        apart = set(self.detail_places)
        return tuple(group for group in self.all_groups if group.places[0] not in apart)

    @functools.cached_property
    def detail_places(self) -> tuple[int, ...]:
        """Columns that read better by themselves, row by row: long texts, how a test was made, what follows the twelfth."""
        ranged = {place for places in self.ranges.values() for place in places}
        tests = {place for family in self.families for place in family[1:]} - ranged
        wordy = {place for place in range(len(self.columns)) if self._is_long(place)}
        apart = tests | wordy | self._components(ranged)
        groups = [group for group in self.all_groups if group.places[0] not in apart]
        if len(groups) > _MOST_GROUPS:
            apart |= {place for group in groups[_KEPT_GROUPS:] for place in group.places}
        return tuple(sorted(apart))

    def _components(self, ranged: set[int]) -> set[int]:
        """Numbers of one kind in many columns, such as the parts of an index: ``part_wage``, ``part_distance``, ..."""
        kinds: dict[str, set[int]] = {}
        for place, column in enumerate(self.columns):
            kind, _, part = column.column_id.partition("_")
            if part and place not in ranged:
                kinds.setdefault(kind, set()).add(place)
        return {place for places in kinds.values() if len(places) >= _COMPONENTS for place in places}

    def _is_long(self, place: int) -> bool:
        cells = (row.cells[place] for row in self.rows)
        lengths = [len(cell.shown) for cell in cells if cell and not cell.is_number and cell.shown]
        return len(self.columns) > _FEW_COLUMNS and bool(lengths) and sum(lengths) / len(lengths) > _LONG_TEXT

    @property
    def all_groups(self) -> list[GroupView]:
        """Columns in their order, a figure together with its range."""
        ranges = self.ranges
        later = {place for start, places in ranges.items() for place in places if place != start}
        return [
            GroupView(self._group_heading(places), places)
            for place in range(len(self.columns))
            if place not in later
            for places in [ranges.get(place, (place,))]
        ]

    def _group_heading(self, places: tuple[int, ...]) -> str:
        columns, words = [self.columns[place] for place in places], language(self.code)
        if len(columns) == 1:
            return columns[0].label
        if len(columns) == 3 and not columns[0].is_number:
            return columns[0].label
        label = columns[0].label if len(columns) == 3 else _shared_beginning([c.label for c in columns])
        ending = columns[-1].column_id
        if ending.endswith("_hi80"):
            return words.say("{label}, with 80 % interval", label=label)
        if ending.endswith("_hi95"):
            return words.say("{label}, 95 % interval", label=label)
        if ending.endswith("_q90"):
            return words.say("{label}, with 10th to 90th percentile", label=label)
        return words.say("{label}, from lower to upper end", label=label)


def _shared_beginning(labels: list[str]) -> str:
    """The first words all labels begin with, to the last comma in them; the first label where they share none."""
    columns = zip(*(label.split() for label in labels), strict=False)
    shared = [words[0] for words in itertools.takewhile(lambda words: len(set(words)) == 1, columns)]
    # `Need, borne inférieure` and `Need, borne supérieure` share half a phrase, which means nothing alone.
    whole = [place for place, word in enumerate(shared, 1) if word[-1] in ",:;"]
    shared = shared[: whole[-1]] if whole else shared
    return " ".join(shared).rstrip(",:;") or labels[0]


def _shared_ending(labels: list[str]) -> str:
    """The last words all labels end with, with a capital; the first label where they share none."""
    columns = zip(*(reversed(label.split()) for label in labels), strict=False)
    shared = [words[0] for words in itertools.takewhile(lambda words: len(set(words)) == 1, columns)]
    return " ".join(reversed(shared)).capitalize() or labels[0]


def format_number(value: Any, decimals: Any = None, code: str = ENGLISH) -> str:
    """Number with the separators of a language and a true minus sign; never ``-0``."""
    number = float(value)
    places = int(decimals) if not is_missing(decimals) else (0 if number.is_integer() else 2)
    shown = f"{number:,.{places}f}" if code == ENGLISH else language(code).number(number, places)
    if not shown.strip("-\u2212 0.,\u00a0\u202f"):
        shown = shown.lstrip("-\u2212")
    return shown.replace("-", "\u2212")


@functools.cache
def _unit_labels() -> dict[str, tuple[str, str]]:
    """Unit code -> symbol (or short words) and words."""
    units = codelist("units").to_dict("records")
    return {
        unit["unit_measure"]: (unit["symbol"] or str(unit["label_en"]), str(unit["label_en"]))
        for unit in units
    }


def unit_words(unit: Any, code: str = ENGLISH) -> str:
    """Unit code -> symbol or short words in a language; an unknown code is shown as it is."""
    shown = clean_text(unit)
    if shown not in _unit_labels():
        return shown
    symbol, label = _unit_labels()[shown]
    words = language(code).text(symbol)
    return words.lower() if symbol == label else words


def _unit_in_words(unit: Any, code: str) -> str:
    return language(code).text(_unit_labels().get(clean_text(unit), ("", ""))[1])


@make_once
def lay_out_tables(edition: Edition) -> list[TableView]:
    """All tables in the order of ``edition.tables``; ``OutputError`` for cells whose table has no heading."""
    records: dict[str, list[Record]] = {spec.table_id: [] for spec in edition.tables}
    cells = edition.cells.sort_values(["row_order", "column_order"], kind="stable")
    for record in cells.to_dict("records"):
        if record["table_id"] not in records:
            raise OutputError(
                f"cells of the table {record['table_id']} have no heading - {record['address']}, edition "
                f"{edition.edition} of {edition.ref_area} - add a TableSpec for it to Edition.tables."
            )
        records[record["table_id"]].append(record)
    note_order = list(list_notes(edition))
    code = edition.language
    return [_lay_out_table(spec, records[spec.table_id], note_order, code) for spec in edition.tables]


def note_marks(edition: Edition) -> dict[str, str]:
    """Note id -> its mark ``n1``, ``n2``, ... as in every other output form."""
    return {note: f"n{number}" for note, (number, _) in list_notes(edition).items()}


def marks_of(notes: Iterable[str], marks: Mapping[str, str]) -> list[str]:
    """Marks of notes in the order of their numbers."""
    return sorted((marks[note] for note in notes), key=lambda mark: int(mark[1:]))


def split_references(text: str, is_target: Callable[[str], bool]) -> list[tuple[str, str]]:
    """Sentence -> parts (text, target): ``T5`` and ``T5.C.2030`` where they exist; else without a target."""
    parts: list[tuple[str, str]] = []
    position = 0
    for match in _REFERENCE.finditer(text):
        if is_target(match.group()):
            parts += [(text[position : match.start()], ""), (match.group(), match.group())]
            position = match.end()
    return [part for part in [*parts, (text[position:], "")] if part[0]]


def limits_of(edition: Edition) -> list[str]:
    """Sentences of the box 'what this cannot tell you': the edition's own, then those that always hold."""
    own = [clean_text(text) for text in edition.run.get("limits", ())]
    return own + list_general_limits(language(edition.language))


def list_general_limits(words: Language) -> list[str]:
    """What no assessment can tell."""
    return [
        words.say(
            "Projections show what happens if the trends and assumptions used here continue. They are signals to "
            "look closer, not predictions of what will happen."
        ),
        words.say(
            "Totals of a sector hide regions, occupations and firms: a sector in balance can hold occupations that "
            "lack workers."
        ),
        words.say(
            "A number marked M or P comes from a model. It is less sure than a number that somebody counted."
        ),
        words.say(
            "A flag for labour migration is a proposal for review by people. It is neither a decision on admission "
            "nor a quota."
        ),
    ]


def source_header(words: Language) -> tuple[str, ...]:
    """Headings of ``source_rows``."""
    return (
        words.say("Publisher"),
        words.say("Table"),
        words.say("Licence"),
        words.say("Files: vintage, name, rows, start of sha256"),
        words.say("Address"),
    )


def check_header(words: Language) -> tuple[str, ...]:
    """Headings of ``check_rows``."""
    return (
        words.say("Table"),
        words.say("Subject"),
        words.say("Rule"),
        words.say("Rows checked"),
        words.say("Rows failed"),
    )


SOURCE_HEADER = source_header(language(ENGLISH))
CHECK_HEADER = check_header(language(ENGLISH))


def source_rows(edition: Edition) -> list[list[str]]:
    """One row per publisher's table, columns ``SOURCE_HEADER``; its files on a line each, the address last."""
    files: dict[tuple[str, str, str, str], list[str]] = {}
    for record in edition.sources.to_dict("records"):
        title = f"{clean_text(record['title'])} ({clean_text(record['table_code'])})"
        key = (
            clean_text(record["publisher"]),
            title,
            clean_text(record["licence"]),
            clean_text(record["url"]),
        )
        files.setdefault(key, []).append(_file_words(record))
    return [
        [publisher, title, licence, "\n".join(sorted(names)), url]
        for (publisher, title, licence, url), names in files.items()
    ]


def _file_words(record: Record) -> str:
    name, sha = clean_text(record["file_name"]), str(record["snapshot_sha"])[:12]
    return f"{format_date(record['as_of'])}, {name}, {record['n_rows']}, {sha}"


def check_rows(edition: Edition) -> list[list[str]]:
    """Contract checks that did not pass, columns ``CHECK_HEADER``."""
    names = ("table_name", "subject", "description", "n_checked", "n_failed")
    checks = edition.checks.to_dict("records")
    return [[clean_text(check[name]) for name in names] for check in checks if not check["success"]]


def check_words(edition: Edition) -> str:
    """How many contract checks were made and how many did not pass."""
    words, made, failed = language(edition.language), len(edition.checks), len(check_rows(edition))
    if not made:
        return words.say("No checks of the data contracts are recorded for this edition.")
    if not failed:
        return words.count(
            "{n} check of the data contracts was made for this edition; it passed.",
            "{n} checks of the data contracts were made for this edition; all passed.",
            made,
        )
    return words.count(
        "{n} check of the data contracts was made for this edition; {failed} did not pass.",
        "{n} checks of the data contracts were made for this edition; {failed} did not pass.",
        made,
        failed=failed,
    )


def outcome_kind(outcome: str) -> str:
    """``pass``, ``fail`` or ``plain`` for the outcome of a test."""
    return outcome if outcome in ("pass", "fail") else "plain"


def find_outcome(record: Record) -> str:
    """``pass``, ``fail`` or ``plain`` of a test of the decision, from its code; empty for any other cell."""
    if record["table_id"] != _DECISIONS or not _TEST.fullmatch(str(record["column_id"])):
        return ""
    code = clean_text(record.get("code")) or clean_text(record["text"])
    return _OUTCOMES.get(code.partition(":")[0].strip().lower(), "")


def _lay_out_table(
    spec: TableSpec, records: Sequence[Record], note_order: Sequence[str], code: str
) -> TableView:
    columns = _columns(records, code)
    used = {*spec.notes, *(note for record in records for note in list_ids(record["footnotes"]))}
    return TableView(
        spec=spec,
        columns=columns,
        rows=_rows(records, columns, code),
        notes=tuple(note for note in note_order if note in used),
        reasons=_group_places(records, _reason, code),
        remarks=_group_places(records, _remark, code),
        code=code,
    )


def _columns(records: Sequence[Record], code: str) -> tuple[ColumnView, ...]:
    by_column: dict[str, list[Record]] = {}
    for record in sorted(records, key=lambda item: (item["column_order"], item["column_id"])):
        by_column.setdefault(record["column_id"], []).append(record)
    return tuple(_column(column_id, found, code) for column_id, found in by_column.items())


def _column(column_id: str, records: Sequence[Record], code: str) -> ColumnView:
    numbers = [record for record in records if not is_missing(record["value"])]
    label = clean_text(records[0]["column_label"])
    unit = _shared([_shown_unit(record, code) for record in numbers])
    in_words = _shared([_unit_in_words(record["unit_measure"], code) for record in numbers])
    notes = [list_ids(record["footnotes"]) for record in numbers]
    return ColumnView(
        column_id=clean_text(column_id),
        label=label,
        unit=unit,
        basis=_shared([_shown_basis(record) for record in numbers]),
        is_number=bool(numbers),
        notes=tuple(note for note in (notes[0] if notes else []) if all(note in found for found in notes)),
        unit_in_words=in_words,
    )


def _shown_unit(record: Record, code: str) -> str:
    unit = clean_text(record["unit_measure"])
    return "" if unit in _SILENT_UNITS else unit_words(unit, code)


def _shown_basis(record: Record) -> str:
    """The basis that a letter is shown for; a count made here has none."""
    basis = clean_text(record["basis"])
    return basis if basis in BASIS_LETTERS else ""


def _shared(values: Sequence[str]) -> str:
    """The value that all share, else empty."""
    return values[0] if len(set(values)) == 1 else ""


def _rows(records: Sequence[Record], columns: Sequence[ColumnView], code: str) -> tuple[RowView, ...]:
    by_row: dict[str, dict[str, Record]] = {}
    for record in records:
        by_row.setdefault(record["row_id"], {})[clean_text(record["column_id"])] = record
    says_units = any(column.column_id == "unit" for column in columns)
    return tuple(
        RowView(
            row_id=clean_text(row_id),
            label=clean_text(next(iter(found.values()))["row_label"]) or clean_text(row_id),
            cells=tuple(
                _cell(found[column.column_id], column, says_units, code)
                if column.column_id in found
                else None
                for column in columns
            ),
        )
        for row_id, found in by_row.items()
    )


def _cell(record: Record, column: ColumnView, says_units: bool, code: str) -> CellView:
    is_number = not is_missing(record["value"])
    text = clean_text(record["text"])
    shown = format_number(record["value"], record["decimals"], code) if is_number else text
    return CellView(
        address=clean_text(record["address"]),
        shown=shown,
        is_number=is_number,
        unit=_shown_unit(record, code) if is_number and not says_units and not column.unit else "",
        basis=_shown_basis(record) if is_number and not column.basis else "",
        symbol=symbol_of(record),
        reason=clean_text(record["reason"]),
        notes=tuple(
            note for note in list_ids(record["footnotes"]) if not is_number or note not in column.notes
        ),
        outcome="" if is_number else find_outcome(record),
        code=clean_text(record.get("code")),
    )


def _reason(record: Record) -> str:
    reason = clean_text(record["reason"])
    return f"{symbol_of(record)} {reason}".strip() if reason else ""


def _remark(record: Record) -> str:
    return "" if is_missing(record["value"]) else clean_text(record["text"])


def _group_places(records: Sequence[Record], words: Callable[[Record], str], code: str) -> tuple[str, ...]:
    """What ``words`` says about cells, each sentence once, with the first cells it holds for."""
    places: dict[str, list[str]] = {}
    for record in records:
        said = words(record)
        if said:
            place = f"{clean_text(record['row_label'])} / {clean_text(record['column_label'])}"
            places.setdefault(said, []).append(place)
    speech = language(code)
    return tuple(
        speech.say("{a}: {b}", a=said, b=_shorten_list(found, speech)) for said, found in places.items()
    )


def _shorten_list(items: Sequence[str], words: Language, keep: int = 3) -> str:
    rest, named = len(items) - keep, words.join(items[:keep])
    if rest <= 0:
        return named
    return words.count("{named}; and {n} more cell", "{named}; and {n} more cells", rest, named=named)
