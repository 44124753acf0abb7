"""Tables of the page: a figure with its range in one cell, long texts apart, every cell under its address.

An element of class ``c`` is a cell of the edition; ``page.js`` opens its trace.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

from lma.contracts import Edition
from lma.languages import language
from lma.publish.grid import BASIS_WORDS, SYMBOLS, clean_text
from lma.publish.layout import (
    BASIS_LETTERS,
    CellView,
    ColumnView,
    GroupView,
    RowView,
    TableView,
    marks_of,
    note_marks,
    outcome_kind,
    split_references,
)
from lma.publish.markup import (
    Html,
    bullet_list,
    element,
    escape_text,
    fill_holes,
    fold,
    fragment,
    hole,
    join,
    keep_spaces,
    make_scrolling,
)

HEADLINES = "T0"
_WIDE_GROUPS, _TALL_ROWS, _LONG_TEXT, _LONG_LIST, _SHARED_NOTES, _SHORT_TEXT = 9, 25, 80, 8, 3, 40
_LONG_HEADING = 40


class TableWriter:
    """Writes an edition's tables; knows which references exist and the mark of each note."""

    def __init__(self, edition: Edition, tables: Sequence[TableView]) -> None:
        cells = [cell for table in tables for row in table.rows for cell in row.cells if cell]
        self.cells = {cell.address: cell for cell in cells}
        self.targets = {table.spec.table_id for table in tables} | set(self.cells)
        self.marks = note_marks(edition)
        self.words = language(edition.language)

    def write(self, view: TableView, folded: bool = False) -> Html:
        """One table with its heading and everything that explains it."""
        spec = view.spec
        title = f"{spec.table_id}. {clean_text(spec.title)}"
        heading = element("h3", escape_text(title), id=f"{spec.table_id}-title")
        about = element("p", escape_text(spec.description), self._note_links(spec.notes), class_="quiet")
        body = join(about, self._grid(view), self._details(view), self._under(view))
        if folded:
            size = self.words.count("{n} row", "{n} rows", len(view.rows))
            summary = Html(f"{heading} {element('span', escape_text(size), class_='quiet')}")
            content = fold(summary, body, class_="fold")
        else:
            content = join(heading, body)
        return element("section", content, id=spec.table_id, class_="table")

    # ------------------------------------------------------------ the grid

    def _grid(self, view: TableView) -> Html:
        if not view.rows:
            return element("p", escape_text(self.words.say("No figures for this table in this edition.")))
        groups = view.groups
        label = {"aria_labelledby": f"{view.spec.table_id}-title"}
        heads = [self._join_columns(group, view) for group in groups]
        corner = view.spec.row_heading or self.words.say("Row")
        first = element("th", escape_text(corner), scope="col")
        head = element("tr", first, *[self._heading(column) for column in heads])
        repeated = [_find_repeated(view, group) for group in groups]
        cards = " cards" if _is_worded(view) else ""
        # Only cards say the heading of a column at each of its cells.
        said = heads if cards else [replace(column, label="") for column in heads]
        rows = [self._row(row, view, said, repeated) for row in view.rows]
        table = element(
            "table", element("thead", head), element("tbody", *rows), class_=f"grid{cards}", **label
        )
        sizes = ["wide"] * (len(groups) >= _WIDE_GROUPS) + ["tall"] * (len(view.rows) > _TALL_ROWS)
        return make_scrolling(table, " ".join(sizes), **label)

    def _join_columns(self, group: GroupView, view: TableView) -> ColumnView:
        """One heading for columns read as one: what all their numbers share."""
        columns = [view.columns[place] for place in group.places]
        numbers = [column for column in columns if column.is_number]
        notes = dict.fromkeys(note for column in columns for note in column.notes)
        return replace(
            columns[0],
            label=group.heading,
            unit=_shared([column.unit for column in numbers]),
            basis=_shared([column.basis for column in numbers]),
            unit_in_words=_shared([column.unit_in_words for column in numbers]),
            is_number=bool(numbers) and columns[0].is_number,
            notes=tuple(notes),
        )

    def _heading(self, column: ColumnView) -> Html:
        unit = column.unit_to_add
        shown = element("span", escape_text(unit), class_="unit") if unit else Html("")
        content = (escape_text(column.label), self.badge(column.basis), self._note_links(column.notes), shown)
        kinds = ["n"] * column.is_number + ["much"] * (len(column.label) > _LONG_HEADING)
        named = {"class_": " ".join(kinds)} if kinds else {}
        return element("th", *content, scope="col", **named)

    def _row(
        self, row: RowView, view: TableView, heads: Sequence[ColumnView], repeated: Sequence[str]
    ) -> Html:
        shared = _find_row_notes(row)
        label = element("th", escape_text(row.label), self._note_links(shared), scope="row", dir="auto")
        cells = [
            self._group_cell(
                [
                    _drop_notes(_fit(row.cells[place], view.columns[place], head), shared)
                    for place in group.places
                ],
                head,
                same,
            )
            for group, head, same in zip(view.groups, heads, repeated, strict=True)
        ]
        return element("tr", label, *cells)

    def _group_cell(self, cells: Sequence[CellView | None], head: ColumnView, repeated: str) -> Html:
        """One cell of the grid: one cell of the edition, or a figure and the ends of its range."""
        found = [cell for cell in cells if cell]
        if not found:
            return Html("<td></td>")
        label = {"data_label": head.label} if head.label else {}
        if len(cells) == 1:
            quiet = " same" if found[0].shown and found[0].shown == repeated else ""
            kind = f"c {_kind_of(found[0], head)}{quiet}"
            side = {} if found[0].is_number else {"dir": "auto"}
            return element("td", self._content(found[0]), id=found[0].address, class_=kind, **side, **label)
        ends = found if len(cells) == 2 else [_drop_notes(end, found[0].notes) for end in found[1:]]
        parts = [] if len(cells) == 2 else [self._span(found[0])]
        parts.append(element("span", self._range(ends), class_="range"))
        return element("td", Html(" ".join(parts)), class_="n" if found[0].is_number else "t", **label)

    def _range(self, ends: Sequence[CellView | None]) -> Html:
        found = [end for end in ends if end]
        spans = [self._span(end) for end in found]
        if len(spans) < 2 or not all(end.is_number for end in found):
            return Html(" ".join(spans))
        return fill_holes(self.words.say("{low} to {high}", low=hole(0), high=hole(1)), spans)

    def _span(self, cell: CellView) -> Html:
        return element("span", self._content(cell), id=cell.address, class_="c")

    # ------------------------------------------------------------ one cell

    def _content(self, cell: CellView) -> Html:
        notes = self._note_links(cell.notes)
        if not cell.is_number:
            return Html(f"{self.sentence(cell)}{self._symbol(cell)}{notes}")
        unit = element("span", Html(f"&nbsp;{escape_text(cell.unit)}"), class_="unit") if cell.unit else ""
        badge = self.badge(cell.basis)
        return Html(f"{escape_text(cell.shown)}{unit}{badge}{self._symbol(cell)}{notes}")

    def sentence(self, cell: CellView) -> Html:
        """Text with its references as links, and the outcome of a test set off."""
        said = cell.outcome_text
        word = element("span", escape_text(said), class_=outcome_kind(cell.outcome)) if said else Html("")
        return Html(f"{word}{self.link_references(cell.shown[len(said) :])}")

    def link_references(self, text: str) -> Html:
        """Text with the tables and cells it names as links."""
        parts = (
            element("a", keep_spaces(part), href=fragment(target)) if target else keep_spaces(part)
            for part, target in split_references(text, self.targets.__contains__)
        )
        return Html("".join(parts))

    def badge(self, basis: str) -> Html:
        """Letter of what a number rests on."""
        if not basis:
            return Html("")
        letter = BASIS_LETTERS.get(basis, "?")
        title = self.words.text(BASIS_WORDS.get(basis, basis))
        return element("abbr", escape_text(letter), class_=f"basis {letter}", title=title)

    def _symbol(self, cell: CellView) -> Html:
        if not cell.symbol:
            return Html("")
        said = cell.reason or self.words.text(SYMBOLS.get(cell.symbol, ""))
        space = Html("&nbsp;" if cell.shown else "")
        return Html(f"{space}{element('abbr', escape_text(cell.symbol), class_='symbol', title=said)}")

    def _note_links(self, notes: Iterable[str]) -> Html:
        marks = marks_of(notes, self.marks)
        return Html(
            "".join(element("sup", element("a", escape_text(m), href=fragment(f"note-{m}"))) for m in marks)
        )

    # ------------------------------------------------------------ what stands apart

    def _details(self, view: TableView) -> Html:
        """Long texts and how tests were made, one fold per row."""
        apart = view.detail_places
        if not apart:
            return Html("")
        families = [family for family in view.families if set(family[1:]) <= set(apart)]
        tested = {place for family in families for place in family[1:]}
        rest = [place for place in apart if place not in tested]
        folds = []
        for row in view.rows:
            parts = join(self._facts(row, view, rest), self._tests(row, view, families))
            if parts:
                folds.append(fold(escape_text(row.label), parts, class_="row"))
        title = element("h4", escape_text(self.words.say("In detail, row by row")))
        return element("div", title, *folds, class_="apart grid") if folds else Html("")

    def _facts(self, row: RowView, view: TableView, places: Sequence[int]) -> Html:
        items = [
            element(
                "div",
                element("dt", escape_text(view.columns[place].label)),
                element("dd", self._content(cell), id=cell.address, class_="c", dir="auto"),
                **({"class_": "long"} if len(cell.shown) > _SHORT_TEXT else {}),
            )
            for place in places
            if (cell := _fit(row.cells[place], view.columns[place]))
        ]
        return element("dl", *items) if items else Html("")

    def _tests(self, row: RowView, view: TableView, families: Sequence[tuple[int, ...]]) -> Html:
        """One line per test: its value, its threshold, how it was made."""
        lines, header = [], (self.words.say("Test or option"), *view.line_header[1:])
        for first, *parts in families:
            cells = [_fit(row.cells[place], view.columns[place]) for place in parts]
            if any(cells):
                heading = element("th", escape_text(view.columns[first].label), scope="row")
                lines.append(element("tr", heading, *map(self._line_cell, cells, header[1:])))
        if not lines:
            return Html("")
        head = element("tr", *[element("th", escape_text(words), scope="col") for words in header])
        body = element("tbody", *lines)
        return element("table", element("thead", head), body, class_="cards", aria_label=row.label)

    def _line_cell(self, cell: CellView | None, heading: str) -> Html:
        if cell is None:
            return Html("<td></td>")
        kind = f"c {_kind_of(cell)}"
        return element(
            "td", self._content(cell), id=cell.address, class_=kind, dir="auto", data_label=heading
        )

    def _under(self, view: TableView) -> Html:
        reasons = [escape_text(text) for text in (*view.reasons, *view.remarks)]
        found = bullet_list(reasons, class_="under")
        if len(reasons) <= _LONG_LIST:
            return found
        words = self.words.count(
            "Why cells are empty: {n} reason", "Why cells are empty: {n} reasons", len(reasons)
        )
        return fold(escape_text(words), found)


def _fit(cell: CellView | None, column: ColumnView, head: ColumnView | None = None) -> CellView | None:
    """Cell with the unit and basis of its column where the heading above it does not say them."""
    if cell is None or not cell.is_number:
        return cell
    unit = "" if head and head.unit else cell.unit or column.unit
    basis = "" if head and head.basis else cell.basis or column.basis
    notes = cell.notes if head else (*column.notes, *cell.notes)
    return replace(cell, unit=unit, basis=basis, notes=notes)


def _find_row_notes(row: RowView) -> tuple[str, ...]:
    """Notes that most numbers of a row have, which speak of its series: they are said once, at its heading."""
    notes = [cell.notes for cell in row.cells if cell and cell.is_number]
    if len(notes) < _SHARED_NOTES:
        return ()
    counts = Counter(note for found in notes for note in found)
    return tuple(note for note, count in counts.items() if 3 * count >= 2 * len(notes))


def _drop_notes(cell: CellView | None, said: Sequence[str]) -> CellView | None:
    """Cell without the notes that are said elsewhere."""
    if cell is None or not set(cell.notes) & set(said):
        return cell
    return replace(cell, notes=tuple(note for note in cell.notes if note not in said))


def _kind_of(cell: CellView, column: ColumnView | None = None) -> str:
    if cell.is_number or (column and column.is_number and not cell.shown):
        return "n"
    if len(cell.shown) > _LONG_TEXT:
        return "t long"
    return "t some" if len(cell.shown) > _SHORT_TEXT else "t"


def _shared(values: Sequence[str]) -> str:
    return values[0] if len(set(values)) == 1 else ""


def _find_repeated(view: TableView, group: GroupView) -> str:
    """Text that nearly all cells of a column say, which is then set quietly; else empty."""
    cells = (row.cells[group.places[0]] for row in view.rows)
    said = [cell.shown for cell in cells if cell and not cell.is_number]
    common = max(set(said), key=lambda text: (said.count(text), text), default="")
    return common if len(said) >= 10 and said.count(common) >= 0.8 * len(said) else ""


def _is_worded(view: TableView) -> bool:
    """True for a table of more words than numbers, which a phone shows row by row."""
    shown = [row.cells[place] for row in view.rows for group in view.groups for place in group.places]
    numbers = sum(1 for cell in shown if cell and cell.is_number)
    texts = sum(1 for cell in shown if cell and not cell.is_number and cell.shown)
    return len(view.groups) > 4 and texts >= numbers
