"""Tables of an edition as they are set on paper: what `pdf` and `docx` write alike.

A column with one value for all rows is said once above the table, a figure and its range share a column, long
texts that rows share are numbered and stand below it, and what is too wide is set in parts that repeat the rows'
names. What is left out for length is said, with the place that has it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from lma.languages import Language
from lma.publish.grid import clean_text
from lma.publish.layout import (
    BASIS_LETTERS,
    CellView,
    ColumnView,
    TableView,
    marks_of,
    split_references,
)

PORTRAIT, LANDSCAPE = 120, 184
"""Width of paper in characters of 7.5 point type."""
_LONGEST_LABEL, _LONGEST_ROW = 140, 1500
_SPACE = re.compile(r"[\s\u200b]")
_LONG_WORD, _MARK = re.compile(r"\S{14,}"), re.compile(r"([_./&?=-])")
_VERY_LONG_WORD = re.compile(r"([^\s\u200b]{24})(?=[^\s\u200b]{6})")
# A part of a test that is longer on average is left out, a text that is longer and shared is numbered.
_LONG_PART, _LONG_TEXT = 45, 38
_MOST_REASONS = 10
# Characters for the rows' names where a table would else be set in parts.
_NARROWEST_NAMES = 18
_FEWEST_ROWS_SHARED = 3


class Span(NamedTuple):
    """A piece of text. ``style``: empty, strong, quiet, basis (a letter), mark (of a note), pass, fail or plain."""

    text: str
    style: str = ""
    target: str = ""


Cell = tuple[Span, ...]
NEW_LINE = Span("\n")


@dataclass(frozen=True)
class Chunk:
    """Columns of a table that fit side by side: ``widths`` in characters, the rows' names first."""

    header: tuple[Cell, ...]
    widths: tuple[int, ...]
    numeric: tuple[bool, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: Cell = ()

    @property
    def breaks_rows(self) -> bool:
        """True where a row may be longer than a page."""
        return any(sum(len(_text(cell)) for cell in row) > _LONGEST_ROW for row in self.rows)


@dataclass(frozen=True)
class Table:
    """One table on paper; ``intro`` and ``under`` are said above and below its ``chunks``, ``paper`` is their width."""

    title: str
    intro: tuple[Cell, ...]
    chunks: tuple[Chunk, ...]
    under: tuple[Cell, ...]
    paper: int
    kind: str = "table"
    anchor: str = ""
    caption: str = ""


@dataclass(frozen=True)
class _Lane:
    """One column on paper, made of one or several columns of the table."""

    label: str
    heading: Cell
    cells: tuple[Cell, ...]
    is_number: bool
    is_single: bool = True


@dataclass
class _Texts:
    """Long texts of a table by their number."""

    numbers: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Setting:
    """What all tables of a report share: note id -> mark, what a text may refer to -> its table, the language."""

    marks: Mapping[str, str]
    targets: Mapping[str, str]
    words: Language


# ---------------------------------------------------------------- texts


def break_words(text: str) -> str:
    """Long codes and addresses may break after a mark, so that they stay in their column."""
    marked = _LONG_WORD.sub(lambda word: _MARK.sub("\\1\u200b", word.group()), text)
    return _VERY_LONG_WORD.sub("\\1\u200b", marked)


def shorten(heading: str) -> str:
    """Heading that leaves room for what it heads; the page and the workbook have it in full."""
    return heading if len(heading) <= _LONGEST_LABEL else f"{heading[:_LONGEST_LABEL]}\u2026"


def refer(text: str, setting: Setting, style: str = "") -> Cell:
    """Text whose references to tables and cells lead to the table."""
    parts = split_references(text, setting.targets.__contains__)
    return tuple(Span(break_words(part), style, setting.targets.get(target, "")) for part, target in parts)


def list_marks(notes: Iterable[str], setting: Setting) -> Cell:
    """Marks of notes, each leading to its note."""
    return tuple(Span(mark, "mark", f"note-{mark}") for mark in marks_of(notes, setting.marks))


def _text(cell: Cell) -> str:
    return "".join(span.text for span in cell)


def _length(cell: Cell) -> int:
    return max(len(line) for line in _text(cell).split("\n"))


# ---------------------------------------------------------------- one cell


def show_cell(cell: CellView | None, setting: Setting) -> Cell:
    """What a cell shows: outcome, figure or text, unit, letter of the basis, symbol, marks of its notes."""
    if cell is None:
        return (Span("[z]", "quiet"),)
    outcome = cell.outcome_text
    spans = [Span(outcome, cell.outcome)] if outcome else []
    spans += [Span(cell.shown)] if cell.is_number else refer(cell.shown[len(outcome) :], setting)
    if cell.unit:
        spans.append(Span(f"\u00a0{cell.unit}", "quiet"))
    if cell.basis:
        spans.append(Span(BASIS_LETTERS.get(cell.basis, ""), "basis"))
    if cell.symbol:
        spans.append(Span(f"\u00a0{cell.symbol}" if spans else cell.symbol, "quiet"))
    return (*spans, *list_marks(cell.notes, setting))


def _show_heading(label: str, columns: Sequence[ColumnView], setting: Setting) -> Cell:
    """Label with the unit, the basis and the notes that hold for the whole column."""
    spans = [Span(break_words(shorten(label)), "strong")]
    shared = columns[0]
    if shared.unit_to_add and all(column.unit == shared.unit for column in columns):
        spans.append(Span(f" {shared.unit_to_add}", "quiet"))
    if all(column.basis == shared.basis for column in columns if column.is_number) and shared.basis:
        spans.append(Span(BASIS_LETTERS.get(shared.basis, ""), "basis"))
    return (*spans, *list_marks(shared.notes, setting))


def _join_range(cells: Sequence[CellView | None], setting: Setting) -> Cell:
    """A figure with its range, or the two ends alone; one symbol where nothing is known."""
    *main, low, high = cells
    first = show_cell(main[0], setting) if main else ()
    if low is None or high is None or not (low.is_number and high.is_number):
        missing = show_cell(low, setting)
        return (
            first if _text(first) == _text(missing) else (*first, Span(" "), *missing) if first else missing
        )
    if first:
        template = setting.words.say("({low} to {high})", low="\x00", high="\x01")
        opening = " "
    else:
        template, opening = setting.words.say("{low} to {high}", low="\x00", high="\x01"), ""
    before, _, rest = template.partition("\x00")
    between, _, after = rest.partition("\x01")
    ends = (*show_cell(low, setting), Span(between), *show_cell(high, setting))
    return (*first, Span(f"{opening}{before}"), *ends, Span(after))


def _join_parts(cells: Sequence[CellView | None], setting: Setting) -> Cell:
    """Outcome of a test, on the next line what it compared; symbols alone are said once."""
    first, *others = (show_cell(cell, setting) for cell in cells)
    texts = {_text(other) for other in others}
    if len(texts) == 1 and all(cell is None or not cell.shown for cell in cells[1:]):
        others = others[:1]
    joined: list[Span] = [*first]
    for place, other in enumerate(others):
        joined += [NEW_LINE if place == 0 else Span(" | ", "quiet"), *other]
    return tuple(joined)


# ---------------------------------------------------------------- columns on paper


def _list_lanes(view: TableView, setting: Setting, left_out: list[str]) -> Iterator[_Lane]:
    """Columns in their order; those of a test and those of a range together."""
    families = _list_tests(view)
    inside = {place for family in families.values() for place in family[1:]}
    for group in view.all_groups:
        if len(group.places) > 1:
            yield _lane(view, group.heading, group.places, _join_range, setting)
        elif group.places[0] in families:
            places = _short_parts(view, families[group.places[0]], left_out)
            columns = [view.columns[place] for place in places]
            yield _lane(view, columns[0].label, places, _join_parts, setting)
        elif group.places[0] not in inside:
            yield _lane(view, group.heading, group.places, _join_parts, setting)


def _list_tests(view: TableView) -> dict[int, tuple[int, ...]]:
    """Place of a test's outcome -> places of all its columns; a range is not a test."""
    ranged = {place for group in view.all_groups if len(group.places) > 1 for place in group.places}
    return {family[0]: family for family in view.families if not ranged & set(family)}


def _short_parts(view: TableView, family: Sequence[int], left_out: list[str]) -> tuple[int, ...]:
    """Places of a test without what is in long words, which ``left_out`` takes up."""
    kept = [family[0]]
    for place in family[1:]:
        lengths = [len(cell.shown) for row in view.rows if (cell := row.cells[place]) and cell.shown]
        if lengths and sum(lengths) / len(lengths) > _LONG_PART:
            left_out.append(view.columns[place].label)
        else:
            kept.append(place)
    return tuple(kept)


def _lane(
    view: TableView,
    label: str,
    places: Sequence[int],
    join: Callable[[Sequence[CellView | None], Setting], Cell],
    setting: Setting,
) -> _Lane:
    columns = [view.columns[place] for place in places]
    cells = tuple(join([row.cells[place] for place in places], setting) for row in view.rows)
    numeric = [column for column in columns if column.is_number]
    heading = _show_heading(label, numeric or columns, setting)
    return _Lane(label, heading, cells, len(numeric) == len(columns), len(columns) == 1)


def _is_shared(lane: _Lane) -> bool:
    return len(lane.cells) >= _FEWEST_ROWS_SHARED and len(set(lane.cells)) == 1


def _number_texts(lane: _Lane, texts: _Texts) -> _Lane:
    """The column with numbers for its texts, where they are long and rows share them."""
    shown = [_text(cell) for cell in lane.cells]
    distinct = dict.fromkeys(shown)
    mean = sum(map(len, distinct)) / max(len(distinct), 1)
    if lane.is_number or not lane.is_single or mean <= _LONG_TEXT or len(distinct) > max(len(shown) / 1.6, 1):
        return lane
    return _Lane(lane.label, lane.heading, tuple(_point_to(text, texts) for text in shown), False)


def _point_to(text: str, texts: _Texts) -> Cell:
    if len(text) <= _LONG_TEXT // 2:
        return (Span(text),)
    number = texts.numbers.setdefault(text, len(texts.numbers) + 1)
    return (Span(f"({number})"),)


def _drop_repeated(labels: Sequence[str], lanes: Sequence[_Lane]) -> list[_Lane]:
    """Columns without those of words that the rows' names end with, at most one other text aside."""
    return [lane for lane in lanes if lane.is_number or not _is_in_names(labels, lane)]


def _is_in_names(labels: Sequence[str], lane: _Lane) -> bool:
    texts = [_text(cell).replace("\u200b", "") for cell in lane.cells]
    others = [end for label, end in zip(labels, texts, strict=True) if not label.endswith(f": {end}")]
    return len(others) < len(texts) / 2 and len(set(others)) <= 1


# ---------------------------------------------------------------- widths


def _measure(lane: _Lane) -> tuple[int, int]:
    """Least and better width in characters: figures do not wrap, texts do, the more the longer they are."""
    label = _text(lane.heading)
    word = min(_longest_word(label) + 1, _WIDEST_WORD)
    heading = max(word, min(len(label) // 4, 14), 4)
    lengths = [_length(cell) for cell in lane.cells] or [1]
    if lane.is_number:
        return (3 + max(*lengths, heading),) * 2
    least = max(word, 4)
    word = min(max((_longest_word(_text(cell)) for cell in lane.cells), default=1), _WIDEST_WORD)
    mean = sum(lengths) / len(lengths)
    better = max(min(max(lengths), max(12, int(4.6 * mean**0.5))), word, heading)
    return 2 + max(min(better, max(word, int(2.4 * mean**0.5))), least), 3 + better


_WIDEST_WORD = 24
_WIDE_LETTER = re.compile("[\u0530-\u058f]")
"""Armenian letters are a quarter wider than Latin ones, and its words are long: counted alike they run into each other."""


def _longest_word(text: str) -> int:
    """Letters of the longest word, as wide as Latin ones."""
    return max((len(word) + len(_WIDE_LETTER.findall(word)) // 4 for word in _SPACE.split(text)), default=1)


def _spread(least: Sequence[int], better: Sequence[int], room: int) -> list[int]:
    """Widths from the least towards the better ones, as far as there is room."""
    wanted = sum(better) - sum(least)
    share = min(1.0, (room - sum(least)) / wanted) if wanted else 0.0
    return [low + int((high - low) * share) for low, high in zip(least, better, strict=True)]


def _split_columns(widths: Sequence[int], room: int) -> list[range]:
    """Columns in as few groups as fit beside the row heading, of about the same width."""
    groups = _fill_groups(widths, room)
    for limit in range(sum(widths) // max(len(groups), 1), room):
        even = _fill_groups(widths, limit)
        if len(even) == len(groups):
            return even
    return groups


def _fill_groups(widths: Sequence[int], limit: int) -> list[range]:
    """Columns one after the other in groups up to a width, each group at least one column."""
    starts, used = [0], 0
    for place, width in enumerate(widths):
        if used and used + width > limit:
            starts.append(place)
            used = 0
        used += width
    return [
        range(start, end)
        for start, end in zip(starts, [*starts[1:], len(widths)], strict=True)
        if end > start
    ]


def _list_chunks(
    heading: str, labels: Sequence[str], lanes: Sequence[_Lane], paper: int, words: Language
) -> Iterator[Chunk]:
    longest = max(len(heading), *(len(label) for label in labels)) if labels else len(heading)
    measured = [_measure(lane) for lane in lanes]
    least = [2 + min(longest, _NARROWEST_NAMES), *(low for low, _ in measured)]
    better = [3 + min(longest, paper // 4 - 2), *(high for _, high in measured)]
    if sum(better) < paper:  # room is left: for the names
        better[0] = min(3 + longest, better[0] + paper - sum(better))
    first, *widths = _spread(least, better, paper) if sum(least) <= paper else better
    groups = _split_columns(widths, paper - first) if labels else []
    for group in groups:
        cells = [lanes[place].cells for place in group]
        kept = [row for row in range(len(labels)) if len(groups) == 1 or any(_says(c[row]) for c in cells)]
        left = len(labels) - len(kept)
        note = words.count(
            "{n} row with no figure in these columns is left out here; the reasons stand below.",
            "{n} rows with no figure in these columns are left out here; the reasons stand below.",
            left,
        )
        yield Chunk(
            header=((Span(heading, "strong"),), *(lanes[place].heading for place in group)),
            widths=(first, *(widths[place] for place in group)),
            numeric=(False, *(lanes[place].is_number for place in group)),
            rows=tuple(
                ((Span(break_words(shorten(labels[row]))),), *(column[row] for column in cells))
                for row in kept
            ),
            note=(Span(note, "quiet"),) if left else (),
        )


def _says(cell: Cell) -> bool:
    """False for a symbol alone."""
    return not re.fullmatch(r"\[[a-z0-9]+\]", _text(cell).strip())


# ---------------------------------------------------------------- the table


def set_table(view: TableView, setting: Setting, paper: int = LANDSCAPE, brief: bool = False) -> Table:
    """A table laid out for paper of a width in characters; ``brief``: without description, notes and reasons."""
    words, left_out, texts = setting.words, list[str](), _Texts()
    lanes = list(_list_lanes(view, setting, left_out))
    shared = [lane for lane in lanes if _is_shared(lane)]
    rest = [lane for lane in lanes if not _is_shared(lane)] if len(shared) < len(lanes) else lanes
    shared = shared if len(rest) < len(lanes) else []
    labels = [row.label for row in view.rows]
    rest = _drop_repeated(labels, rest)
    rest = [_number_texts(lane, texts) for lane in rest]
    heading = clean_text(view.spec.row_heading) or words.say("Row")
    return Table(
        title=clean_text(view.spec.title),
        intro=tuple(_introduce(view, shared, left_out, setting, brief)),
        chunks=tuple(_list_chunks(heading, labels, rest, paper, words)),
        under=(*_explain_numbers(texts), *(() if brief else _explain(view, setting))),
        paper=paper,
        anchor="" if brief else view.spec.table_id,
    )


def _introduce(
    view: TableView, shared: Sequence[_Lane], left_out: Sequence[str], setting: Setting, brief: bool
) -> Iterator[Cell]:
    words = setting.words
    if not brief and (description := clean_text(view.spec.description)):
        yield (*refer(description, setting), *list_marks(view.spec.notes, setting))
    if not view.rows:
        yield (Span(words.say("No figures for this table in this edition.")),)
    if shared:
        parts: list[Span] = [Span(words.say("The same for all rows:"), "quiet")]
        for place, lane in enumerate(shared):
            between = ";" if place else ""
            parts += [
                Span(f"{between} "),
                *(s._replace(style=s.style.replace("strong", "")) for s in lane.heading),
            ]
            parts += [Span(": "), *lane.cells[0]]
        yield (*parts, Span("."))
    if _list_tests(view) and not brief:
        kept = [
            part
            for part in view.line_header
            if not any(label.lower().endswith(part.lower()) for label in left_out)
        ]
        yield (Span(words.say("In a column of a test: {parts}.", parts=" | ".join(kept)), "quiet"),)
    if left_out:
        said = words.say(
            "Left out here for its length: {columns}. The page and the workbook of this edition have it.",
            columns=words.join(left_out),
        )
        yield (Span(said, "quiet"),)


def _explain_numbers(texts: _Texts) -> Iterator[Cell]:
    for text, number in texts.numbers.items():
        yield (Span(f"({number}) ", "strong"), Span(text))


def _explain(view: TableView, setting: Setting) -> Iterator[Cell]:
    """Why cells are empty and what is said beside numbers, the first of them; then how many more there are."""
    said = [*view.reasons, *view.remarks]
    for text in said[:_MOST_REASONS]:
        yield refer(text, setting)
    rest = len(said) - _MOST_REASONS
    if rest > 0:
        words = setting.words.count(
            "{n} further explanation of cells of this table is on the page and in the workbook of this edition.",
            "{n} further explanations of cells of this table are on the page and in the workbook of this edition.",
            rest,
        )
        yield (Span(words, "quiet"),)
