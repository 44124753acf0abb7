"""assessment.html: one page that needs nothing else, for a screen, a phone and paper.

First the findings, then one section for each of four questions (which sectors lack workers, how many, how
sure, where migration could honestly fill the gap) with its answer, figures and tables, then the background.
Figures are drawn when the page is made, so its only script is the small ``page.js`` (trace panel, choice of a
sector). The page forbids itself everything else by its Content-Security-Policy.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from lma.contracts import Edition
from lma.languages import Language, language
from lma.publish.charts import Chart, list_figures
from lma.publish.edition import name_form
from lma.publish.grid import BASIS_WORDS, SYMBOLS, note_text
from lma.publish.layout import (
    BASIS_LETTERS,
    CellView,
    ColumnView,
    TableView,
    check_header,
    check_rows,
    check_words,
    lay_out_tables,
    limits_of,
    note_marks,
    source_header,
    source_rows,
    split_references,
)
from lma.publish.markup import (
    Html,
    boxed_list,
    bullet_list,
    compose_page,
    element,
    embed_json,
    escape_text,
    fill_holes,
    fold,
    fragment,
    hole,
    join,
    link_outside,
    list_links,
    plain_table,
    read_asset,
    section,
)
from lma.publish.page_figures import show_chart, write_figures
from lma.publish.page_tables import HEADLINES, TableWriter
from lma.publish.traces import collect_traces

__all__ = [
    "Html",
    "bullet_list",
    "compose_page",
    "element",
    "escape_text",
    "fragment",
    "join",
    "plain_table",
    "read_asset",
    "render",
    "section",
    "show_chart",
]

# Section of the page -> its tables, and sections of figures, in their order. What is named nowhere is background.
TABLES = {
    "which": ("T3", "T4", "T16"),
    "many": ("T6", "T5"),
    "sure": ("T12", "T18", "T14", "T11", "T15", "T13"),
    "where": ("T10", "T9", "T7", "T8", "T17"),
    "background": ("T1", "T2"),
}
FIGURES = {
    "which": ("activities", "workforce"),
    "many": ("balance", "projection"),
    "sure": ("accuracy",),
    "where": ("options", "migration"),
    "background": (),
}
# Long tables, folded until they are wanted.
FOLDED = ("T4", "T16", "T18", "T11", "T15", "T8", "T17", "T12")
_ACCURACY = "T14.ACCURACY.statement"


def render(edition: Edition) -> str:
    """The whole page as text; the same edition gives the same bytes."""
    script = read_asset("page.js")
    words, charts = language(edition.language), list_figures(edition)
    traces = {**collect_traces(edition, charts), "say": _panel_words(words)}
    content = join(
        _header(edition, words),
        element("main", _main(edition, charts, words), id="main"),
        _trace_panel(words),
        element("footer", element("p", escape_text(_footer_words(edition, words)))),
        Html(f'<script type="application/json" id="traces">{embed_json(traces)}</script>'),
        Html(f"<script>{script}</script>"),
    )
    return compose_page(_title(edition, words), content, script, edition.language)


# ---------------------------------------------------------------- header, footer, trace panel


def _title(edition: Edition, words: Language) -> str:
    return words.say(
        "Labour market assessment: {country}, {edition}", country=edition.label, edition=edition.edition
    )


def name_sections(words: Language) -> dict[str, str]:
    """Headings of the sections that the contents lead to."""
    return {
        "findings": words.say("Main findings"),
        "which": words.say("Which sectors lack workers?"),
        "many": words.say("How many workers?"),
        "sure": words.say("How sure is this?"),
        "where": words.say("Where could labour migration fill the gap?"),
        "background": words.say("The country and its workforce"),
        "sources": words.say("Sources and licences"),
    }


def _header(edition: Edition, words: Language) -> Html:
    heading = words.say("Labour market assessment: {country}", country=edition.label)
    about = words.say("Edition {edition}. Data cut-off: {date}.", edition=edition.edition, date=edition.as_of)
    tables = [(spec.table_id, f"{spec.table_id} {spec.title}") for spec in edition.tables]
    return element(
        "header",
        element("a", escape_text(words.say("Skip to the content")), class_="skip", href="#main"),
        _language_links(edition, words),
        element("h1", escape_text(heading)),
        element("p", escape_text(about), class_="quiet"),
        element(
            "nav",
            list_links(name_sections(words).items()),
            fold(escape_text(words.say("All tables")), list_links(tables), class_="contents"),
            aria_label=words.say("Contents"),
        ),
    )


def _language_links(edition: Edition, words: Language) -> Html:
    """The same page in the other languages of the edition, each named in itself."""
    if len(edition.languages) < 2:
        return Html("")
    items = []
    for code in edition.languages:
        name = escape_text(language(code).own_name)
        address = name_form("assessment.html", code)
        items.append(
            element("span", name, lang=code, aria_current="page")
            if code == edition.language
            else element("a", name, lang=code, hreflang=code, href=address)
        )
    return element("nav", bullet_list(items), class_="languages", aria_label=words.say("Languages"))


def _footer_words(edition: Edition, words: Language) -> str:
    return words.say(
        "{title}. Data cut-off {date}. Every number can be traced to its publisher's row: select it, or use the "
        "command lma trace. The same figures are in {workbook} and in the folder tables.",
        title=_title(edition, words),
        date=edition.as_of,
        workbook=name_form("assessment.xlsx", edition.language),
    )


def _trace_panel(words: Language) -> Html:
    title = element("h2", id="trace-title", tabindex="-1")
    close = element("button", escape_text(words.say("Close")), type="button", id="trace-close")
    return element(
        "dialog",
        element("div", title, close, class_="top"),
        element("div", id="trace-body"),
        id="trace",
        aria_labelledby="trace-title",
    )


def _panel_words(words: Language) -> dict[str, str]:
    """What the trace panel says around texts and numbers; ``{0}``, ``{1}`` stand for what it fills in."""
    first, second = "{0}", "{1}"
    return {
        "value": words.say("Value"),
        "text": words.say("Text"),
        "reason": words.say("Why there is no number"),
        "code": words.say("Code"),
        "unit": words.say("Unit"),
        "basis": words.say("Basis"),
        "period": words.say("Period"),
        "status": words.say("Status"),
        "how": words.say("How"),
        "sources": words.say("Sources"),
        "vintage": words.say("Newest vintage"),
        "rows": words.say("Publisher's rows"),
        "some": words.say("Publisher's rows ({shown} of {all})", shown=first, all=second),
        "behind": words.say("First of the publisher's rows behind it"),
        "none": words.say(
            "No publisher's row stands behind this cell by itself; the steps below say what does."
        ),
        "back": words.say("One step back"),
        "backSome": words.say("One step back ({shown} of {all})", shown=first, all=second),
        "path": words.say("The whole path"),
        "noFigure": words.say("no figure"),
        "period_of": words.say("for {period}", period=first),
        "file": words.say("vintage {date}, file {file}", date=first, file=second),
        "row": words.say("row {row} after the header", row=first),
        "column": words.say("column {column}", column=first),
        "licence": words.say("Licence: {licence}", licence=first),
        "note": words.say("Publisher's note: {note}", note=first),
        "figure": words.say("Where these figures come from"),
        "cells": words.say("Cells of the tables"),
        "goTo": words.say("Show it in its table"),
        "computed": words.say("Computed here from: {ids}", ids=first),
    }


# ---------------------------------------------------------------- sections


def _main(edition: Edition, charts: Sequence[Chart], words: Language) -> Html:
    tables = lay_out_tables(edition)
    writer = TableWriter(edition, tables)
    headlines = [table for table in tables if table.spec.table_id == HEADLINES]
    titles = name_sections(words)
    hint = words.say(
        "Select any cell to see where it comes from. With the keyboard: tab to a table, arrow keys, Enter."
    )
    placed = _place_tables(tables)
    return join(
        section("findings", titles["findings"], *[_findings(table, writer) for table in headlines]),
        _key_figures(tables, writer),
        boxed_list("limits", words.say("What this cannot tell you"), limits_of(edition)),
        element("p", escape_text(hint), class_="quiet hint"),
        *[
            section(name, titles[name], *_question(name, placed[name], charts, headlines, writer))
            for name in TABLES
        ],
        section("legend", words.say("Symbols and letters"), _legend(writer)),
        section("notes", words.say("Notes"), _notes(edition, words)),
        section("sources", titles["sources"], _sources(edition, words)),
        section("checks", words.say("Checks of the data"), _checks(edition, words)),
    )


def _place_tables(tables: Sequence[TableView]) -> dict[str, list[TableView]]:
    """Section -> its tables; a table that no section names goes to the last."""
    by_id = {table.spec.table_id: table for table in tables}
    placed = {name: [by_id[t] for t in ids if t in by_id] for name, ids in TABLES.items()}
    named = {HEADLINES, *(table_id for ids in TABLES.values() for table_id in ids)}
    placed["background"] += [table for table in tables if table.spec.table_id not in named]
    return placed


def _question(
    name: str,
    tables: Sequence[TableView],
    charts: Sequence[Chart],
    headlines: Sequence[TableView],
    writer: TableWriter,
) -> list[Html]:
    """A section: what the findings say about it, its figures, its tables."""
    ids = TABLES[name]
    said = [cell.shown for cell in _sentences(headlines) if _first_table(cell.shown, writer) in ids]
    said += [writer.cells[_ACCURACY].shown] if name == "sure" and _ACCURACY in writer.cells else []
    answers = [element("p", writer.link_references(text), class_="answer", dir="auto") for text in said]
    known = {part for parts in FIGURES.values() for part in parts}
    mine = [chart for part in FIGURES[name] for chart in charts if chart.section == part]
    mine += [chart for chart in charts if name == "background" and chart.section not in known]
    figures = write_figures(mine, writer.words) if mine else Html("")
    folded = {table.spec.table_id: table.spec.table_id in FOLDED for table in tables}
    return [*answers, figures, *[writer.write(table, folded[table.spec.table_id]) for table in tables]]


def _sentences(headlines: Sequence[TableView]) -> list[CellView]:
    return [cell for table in headlines for row in table.rows for cell in row.cells if cell]


def _first_table(text: str, writer: TableWriter) -> str:
    """Table that the first reference of a sentence leads to."""
    targets = [target for _, target in split_references(text, writer.targets.__contains__) if target]
    return targets[0].split(".")[0] if targets else ""


def _findings(table: TableView, writer: TableWriter) -> Html:
    """Sentences of the headline table, each a cell with its trace."""
    cells = [cell for row in table.rows for cell in row.cells if cell]
    if not cells:
        return element("p", escape_text(writer.words.say("No figures for this table in this edition.")))
    items = [element("li", writer.sentence(cell), id=cell.address, class_="c", dir="auto") for cell in cells]
    return element("ol", *items, class_="grid sentences", id=table.spec.table_id)


# ---------------------------------------------------------------- key figures


def _key_figures(tables: Sequence[TableView], writer: TableWriter) -> Html:
    """A few cells of the edition at a glance: employment, its projection, the gap, the foreign share."""
    by_id = {table.spec.table_id: table for table in tables}
    tiles = [
        tile
        for table_id, row_id, main, ends, more in _choose_key_cells(by_id)
        if (tile := _tile(by_id[table_id], row_id, main, ends, more, writer))
    ]
    return bullet_list(tiles, class_="keys") if tiles else Html("")


_KeyCells = tuple[str, str, str, tuple[str, ...], tuple[str, ...]]


def _choose_key_cells(tables: Mapping[str, TableView]) -> list[_KeyCells]:
    """Table, row, column of the figure, columns of its range, columns that say more; by id, never by words."""
    chosen: list[_KeyCells] = []
    if "T5" in tables:
        years = [c.column_id for c in tables["T5"].columns if c.column_id.isdigit()]
        chosen.append(("T5", "_T", "base", (), ("base_period",)))
        chosen += [("T5", "_T", year, (f"{year}_lo80", f"{year}_hi80"), ()) for year in years[-1:]]
    if "T3" in tables:
        chosen.append(("T3", "_T", "gap_q50", ("gap_q10", "gap_q90"), ("p_shortage", "confidence")))
    if "T7" in tables:
        place = next((n for n, c in enumerate(tables["T7"].columns) if c.column_id == "share"), None)
        rows = [row for row in tables["T7"].rows if place is not None and _has_number(row.cells[place])]
        chosen += [("T7", row.row_id, "share", (), ("period",)) for row in rows[:1]]
    return chosen


def _has_number(cell: CellView | None) -> bool:
    return cell is not None and cell.is_number


def _tile(
    table: TableView, row_id: str, main: str, ends: Sequence[str], more: Sequence[str], writer: TableWriter
) -> Html:
    """One figure with its range and what it rests on; nothing where the edition has no such number."""
    row = next((row for row in table.rows if row.row_id == row_id), None)
    if row is None:
        return Html("")
    found = {
        column.column_id: (column, cell)
        for column, cell in zip(table.columns, row.cells, strict=True)
        if cell is not None
    }
    if main not in found or not found[main][1].is_number:
        return Html("")
    words = writer.words
    title = words.say("{row}: {column}", row=row.label, column=found[main][0].label)
    range_cells = [found[name][1] for name in ends if name in found and found[name][1].is_number]
    span = (
        fill_holes(
            words.say("80 % range: {low} to {high}", low=hole(0), high=hole(1)),
            [_to_cell(cell, cell.shown) for cell in range_cells],
        )
        if len(range_cells) == 2
        else Html("")
    )
    lines = [_told(*found[name], words) for name in more if name in found]
    table_link = element("a", escape_text(table.spec.table_id), href=fragment(table.spec.table_id))
    return join(
        element("span", escape_text(title), class_="what"),
        element("strong", _to_cell(found[main][1], found[main][1].shown)),
        *[element("span", line) for line in (span, *lines) if line],
        element("span", fill_holes(words.say("Table {table}", table=hole(0)), [table_link]), class_="quiet"),
    )


def _to_cell(cell: CellView, shown: str) -> Html:
    return element("a", escape_text(shown), href=fragment(cell.address))


def _told(column: ColumnView, cell: CellView, words: Language) -> Html:
    return fill_holes(
        words.say("{a}: {b}", a=column.label, b=hole(0)), [_to_cell(cell, cell.shown or cell.symbol)]
    )


# ---------------------------------------------------------------- legend, notes, sources, checks


def _legend(writer: TableWriter) -> Html:
    words = writer.words
    letters = (
        element("span", writer.badge(basis), Html(" "), escape_text(words.text(BASIS_WORDS[basis])))
        for basis in BASIS_LETTERS
    )
    symbols = (
        Html(f"{element('strong', escape_text(mark))} {escape_text(words.text(said))}")
        for mark, said in SYMBOLS.items()
    )
    return join(
        element("h3", escape_text(words.say("What a number rests on"))),
        bullet_list(letters),
        element("h3", escape_text(words.say("Where there is no number, or a doubtful one"))),
        bullet_list(symbols),
    )


def _notes(edition: Edition, words: Language) -> Html:
    items = [
        element(
            "li",
            element("strong", escape_text(mark)),
            Html(" "),
            escape_text(note_text(edition, note)),
            id=f"note-{mark}",
        )
        for note, mark in note_marks(edition).items()
    ]
    if items:
        return element("ul", *items)
    return element("p", escape_text(words.say("This edition has no notes.")))


def _sources(edition: Edition, words: Language) -> Html:
    rows = [
        (*map(escape_text, about), bullet_list(map(escape_text, files.split("\n"))), link_outside(url))
        for *about, files, url in source_rows(edition)
    ]
    return plain_table(words.say("Files this edition was made from"), source_header(words), rows)


def _checks(edition: Edition, words: Language) -> Html:
    summary = element("p", escape_text(check_words(edition)))
    rows: Iterable[tuple[Html, ...]] = [tuple(map(escape_text, row)) for row in check_rows(edition)]
    if not rows:
        return summary
    return join(summary, plain_table(words.say("Checks that did not pass"), check_header(words), rows))
