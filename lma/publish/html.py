"""assessment.html: one page that needs nothing else, for a screen, a phone and paper.

Charts are drawn when the page is made, so its only script is the small ``page.js`` (trace panel, choice of a
sector). The page forbids itself everything else by its Content-Security-Policy. ``Html`` marks text that is
safe to place in the page; every other text must pass ``escape_text`` or ``element``, and mypy holds this.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NewType
from urllib.parse import quote

from lma.contracts import Edition
from lma.languages import ENGLISH
from lma.publish.charts import (
    BAND_80,
    BAND_95,
    FAN_WORDS,
    HISTORY,
    LACKING,
    LINE,
    QUIET,
    Chart,
    balance_chart,
    draw_svg,
    employment_chart,
    fan_charts,
    migrant_share_chart,
    scorecard_charts,
)
from lma.publish.grid import BASIS_WORDS, SYMBOLS, clean_text, note_text
from lma.publish.layout import (
    BASIS_LETTERS,
    CHECK_HEADER,
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
from lma.publish.traces import collect_traces

Html = NewType("Html", str)

_HEADLINES = "T0"
_WIDE_COLUMNS = 9
_LONG_TEXT = 80
_LONG_LIST = 8
_FOLDER = Path(__file__).parent


def render(edition: Edition) -> str:
    """The whole page as text; the same edition gives the same bytes."""
    script = read_asset("page.js")
    content = join(
        _header(edition),
        element("main", _main(edition), id="main"),
        _trace_panel(),
        element("footer", _footer(edition)),
        Html(f'<script type="application/json" id="traces">{embed_json(collect_traces(edition))}</script>'),
        Html(f"<script>{script}</script>"),
    )
    return compose_page(_title(edition), content, script)


def compose_page(
    title: str, content: Html, script: str = "", language: str = ENGLISH, style: str | None = None
) -> str:
    """A whole page that allows itself nothing but its own style and, where there is one, its own script.

    ``style``: another style sheet than page.css.
    """
    head = _head(title, script, read_asset("page.css") if style is None else style)
    return f'<!DOCTYPE html>\n<html lang="{language}">\n{head}\n{element("body", content)}\n</html>\n'


# ---------------------------------------------------------------- composing HTML


def escape_text(text: object) -> Html:
    """Any text -> HTML that shows it."""
    return Html(html.escape(clean_text(text), quote=True))


def element(tag: str, *children: Html, **attributes: str) -> Html:
    """One element; ``_`` in attribute names stands for ``-``, a last one is dropped; values are escaped."""
    written = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{html.escape(value, quote=True)}"'
        for name, value in attributes.items()
    )
    return Html(f"<{tag}{written}>{''.join(children)}</{tag}>")


def join(*parts: Html) -> Html:
    """Parts one after the other, each on its line."""
    return Html("\n".join(part for part in parts if part))


def embed_json(data: object) -> Html:
    """JSON that cannot end its script element: ``<``, ``>`` and ``&`` are written as escapes."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Html(text)


def fragment(target: str) -> str:
    """Link to an id of this page."""
    return f"#{quote(target, safe='._-~')}"


def bullet_list(items: Iterable[Html], **attributes: str) -> Html:
    """A list; nothing where there is no item."""
    found = [element("li", item) for item in items]
    return element("ul", *found, **attributes) if found else Html("")


def read_asset(name: str) -> str:
    """Text of a file of this folder."""
    return (_FOLDER / name).read_text(encoding="utf-8")


# ---------------------------------------------------------------- head, header, footer


def _head(title: str, script: str, style: str) -> Html:
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    own_script = f"script-src 'sha256-{digest}'; " if script else ""
    policy = (
        f"default-src 'none'; {own_script}style-src 'unsafe-inline'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    return element(
        "head",
        Html('<meta charset="utf-8">'),
        Html(f'<meta http-equiv="Content-Security-Policy" content="{policy}">'),
        Html('<meta name="viewport" content="width=device-width, initial-scale=1">'),
        Html('<meta name="referrer" content="no-referrer"><link rel="icon" href="data:,">'),
        element("title", escape_text(title)),
        Html(f"<style>{style}</style>"),
    )


def _title(edition: Edition) -> str:
    return f"Labour market assessment: {edition.label}, {edition.edition}"


def _header(edition: Edition) -> Html:
    links = [
        ("headlines", "Headlines"),
        ("charts", "Charts"),
        ("tables", "Tables"),
        ("sources", "Sources"),
        ("checks", "Checks"),
    ]
    tables = [(spec.table_id, f"{spec.table_id} {spec.title}") for spec in edition.tables]
    return element(
        "header",
        element("a", Html("Skip to the content"), class_="skip", href="#main"),
        element("h1", escape_text(f"Labour market assessment: {edition.label}")),
        element(
            "p",
            escape_text(f"Edition {edition.edition}. Data cut-off: {edition.as_of.isoformat()}."),
            class_="quiet",
        ),
        element("nav", _links(links), _links(tables), aria_label="Contents"),
    )


def _links(links: Iterable[tuple[str, str]]) -> Html:
    return bullet_list(element("a", escape_text(words), href=fragment(target)) for target, words in links)


def _footer(edition: Edition) -> Html:
    words = (
        f"{_title(edition)}. Data cut-off {edition.as_of.isoformat()}. Every number can be traced to its "
        "publisher's row: select it, or use the command lma trace. The same figures are in assessment.xlsx "
        "and in the folder tables."
    )
    return element("p", escape_text(words))


def _trace_panel() -> Html:
    return Html(
        '<dialog id="trace" aria-labelledby="trace-title"><div class="top">'
        '<h2 id="trace-title" tabindex="-1"></h2><button type="button" id="trace-close">Close</button></div>'
        '<div id="trace-body"></div></dialog>'
    )


# ---------------------------------------------------------------- sections


def _main(edition: Edition) -> Html:
    tables = lay_out_tables(edition)
    place = _TablePlace(edition, tables)
    headlines = [table for table in tables if table.spec.table_id == _HEADLINES]
    others = [table for table in tables if table.spec.table_id != _HEADLINES]
    hint = "Select a number to see where it comes from. With the keyboard: tab to a table, arrow keys, Enter."
    return join(
        section("headlines", "Headline findings", *[place.table(table) for table in headlines]),
        _limits_box(edition),
        section("charts", "Charts", *_charts(edition)),
        section(
            "tables",
            "Tables",
            element("p", Html(hint), class_="quiet hint"),
            *[place.table(t) for t in others],
        ),
        section("legend", "Symbols and letters", _legend()),
        section("notes", "Notes", _notes(edition)),
        section("sources", "Sources and licences", _sources(edition)),
        section("checks", "Checks of the data", _checks(edition)),
    )


def section(section_id: str, title: str, *content: Html) -> Html:
    """Section with its heading."""
    return element("section", element("h2", escape_text(title)), join(*content), id=section_id)


def _limits_box(edition: Edition) -> Html:
    items = bullet_list(escape_text(text) for text in limits_of(edition))
    return element(
        "aside",
        element("h2", Html("What this cannot tell you"), id="limits"),
        items,
        class_="box",
        aria_labelledby="limits",
    )


def _legend() -> Html:
    letters = (
        element("span", _basis_badge(basis), Html(" "), escape_text(BASIS_WORDS[basis]))
        for basis in BASIS_LETTERS
    )
    symbols = (
        Html(f"{element('strong', escape_text(mark))} {escape_text(words)}")
        for mark, words in SYMBOLS.items()
    )
    return join(
        element("h3", Html("What a number rests on")),
        bullet_list(letters),
        element("h3", Html("Where there is no number, or a doubtful one")),
        bullet_list(symbols),
    )


def _notes(edition: Edition) -> Html:
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
    return element("ul", *items) if items else element("p", Html("This edition has no notes."))


def _sources(edition: Edition) -> Html:
    rows = [
        (*map(escape_text, about), bullet_list(map(escape_text, files.split("\n"))), _outside_link(url))
        for *about, files, url in source_rows(edition)
    ]
    return plain_table("Files this edition was made from", SOURCE_HEADER, rows)


def _outside_link(url: str) -> Html:
    """Link to a publisher; anything that is not http(s) stays text."""
    if not url.lower().startswith(("https://", "http://")):
        return escape_text(url)
    return element("a", escape_text(url), href=url, rel="noopener noreferrer")


def _checks(edition: Edition) -> Html:
    summary = element("p", escape_text(check_words(edition)))
    rows = [tuple(map(escape_text, row)) for row in check_rows(edition)]
    return join(summary, plain_table("Checks that did not pass", CHECK_HEADER, rows)) if rows else summary


def plain_table(caption: str, header: Sequence[str], rows: Iterable[Sequence[Html]]) -> Html:
    """Table that scrolls sideways by itself; the first cell of a row heads it."""
    head = element("tr", *[element("th", escape_text(name), scope="col") for name in header])
    body = [
        element("tr", element("th", row[0], scope="row"), *[element("td", cell) for cell in row[1:]])
        for row in rows
    ]
    table = element(
        "table", element("caption", escape_text(caption)), element("thead", head), element("tbody", *body)
    )
    return _scrolling(table, caption)


def _scrolling(table: Html, label: str, extra_class: str = "") -> Html:
    """Region that scrolls sideways by itself, reachable with the keyboard."""
    return element(
        "div", table, class_=f"scroll {extra_class}".strip(), role="region", aria_label=label, tabindex="0"
    )


# ---------------------------------------------------------------- charts


def _charts(edition: Edition) -> list[Html]:
    fans = fan_charts(edition)
    found = (employment_chart(edition), balance_chart(edition), migrant_share_chart(edition))
    drawn = [*(chart for chart in found if chart is not None), *scorecard_charts(edition)]
    singles = [show_chart(chart, "h3", *_chart_words(chart)) for chart in drawn]
    parts = [_fan_section(fans)] if fans else []
    parts += [element("div", *singles, class_="charts singles")] if singles else []
    return parts or [element("p", Html("This edition has no series to draw."))]


def _fan_section(fans: Sequence[Chart]) -> Html:
    options = [element("option", Html("All sectors"), value="")]
    options += [element("option", escape_text(chart.title), value=chart.chart_id) for chart in fans]
    chooser = element(
        "label", Html("Show "), element("select", *options, id="sector"), class_="choose", hidden=""
    )
    return join(
        element("h3", Html("Employment by sector: history and projection, persons")),
        _fan_legend(),
        element("p", escape_text(FAN_WORDS), class_="quiet"),
        chooser,
        element(
            "div",
            *[show_chart(chart, "span", *_chart_words(chart)) for chart in fans],
            class_="charts",
            id="fans",
        ),
    )


def _fan_legend() -> Html:
    entries = [
        (Html(f'<i class="line" style="color:{HISTORY}"></i>'), "history as published"),
        (Html(f'<i class="line dashed" style="color:{LINE}"></i>'), "projection"),
        (Html(f'<i style="background:{BAND_80}"></i>'), "80 % interval"),
        (Html(f'<i style="background:{BAND_95}"></i>'), "95 % interval"),
        (Html(f'<i class="dotted" style="color:{QUIET}"></i>'), "last published figure"),
    ]
    return bullet_list((Html(f"{swatch}{escape_text(words)}") for swatch, words in entries), class_="legend")


def _chart_words(chart: Chart) -> list[Html]:
    words = element("p", escape_text(chart.words), class_="quiet")
    return [words, _balance_legend()] if chart.chart_id == "chart-balance" else [words] if chart.words else []


def _balance_legend() -> Html:
    entries = [
        (LACKING, "workers lacking, even at the low end"),
        (LINE, "surplus, even at the high end"),
        (QUIET, "the range includes zero"),
    ]
    swatches = (Html(f'<i style="background:{colour}"></i>{escape_text(words)}') for colour, words in entries)
    return bullet_list(swatches, class_="legend")


def show_chart(chart: Chart, heading: str, *above: Html) -> Html:
    """Chart with title, alternative text, and its figures behind 'Show the figures'."""
    rows = [tuple(escape_text(cell) for cell in row) for row in chart.rows]
    table = plain_table(chart.title, chart.header, rows)
    return element(
        "figure",
        element("figcaption", element(heading, escape_text(chart.title))),
        *above,
        _inline_svg(chart),
        element("details", element("summary", Html("Show the figures")), table),
        id=chart.chart_id,
        class_="fan" if heading == "span" else "single",
    )


def _inline_svg(chart: Chart) -> Html:
    """SVG for use inside HTML: no namespaces and fixed size, but a role and the alternative text."""
    svg = draw_svg(chart)
    tag, rest = svg.split(">", 1)
    found = re.search(r'viewBox="([^"]+)"', tag)
    view = found.group(1) if found else "0 0 300 200"
    label = html.escape(clean_text(chart.alt), quote=True)
    return Html(f'<svg viewBox="{view}" role="img" aria-label="{label}">{_round_coordinates(rest)}')


def _round_coordinates(svg: str) -> str:
    """Coordinates to a hundredth, as no eye sees more; only inside tags, never in the text between them."""
    return re.sub(r"<[^>]+>", lambda tag: re.sub(r"(\d+\.\d\d)\d+", r"\1", tag.group()), svg)


# ---------------------------------------------------------------- tables of the edition


class _TablePlace:
    """Writes the edition's tables; knows which references exist and the mark of each note."""

    def __init__(self, edition: Edition, tables: Sequence[TableView]) -> None:
        cells = (cell for table in tables for row in table.rows for cell in row.cells if cell)
        self.targets = {table.spec.table_id for table in tables} | {cell.address for cell in cells}
        self.marks = note_marks(edition)

    def table(self, view: TableView) -> Html:
        """One table with everything that explains it."""
        spec = view.spec
        classes = [
            "grid",
            *(["sentences"] if spec.table_id == _HEADLINES else []),
            *(["stacked"] if view.families else ["wordy"] if view.is_wordy else []),
        ]
        body = self._stacked_body(view) if view.families else self._body(view)
        table = element("table", self._caption(view), *body, class_=" ".join(classes))
        wide = "wide" if len(view.columns) >= _WIDE_COLUMNS and not view.families else ""
        empty = Html("") if view.rows else element("p", Html("No figures for this table in this edition."))
        scrolling = _scrolling(table, f"{spec.table_id} {clean_text(spec.title)}", wide)
        return element("section", scrolling, empty, self._under(view), id=spec.table_id, class_="table")

    def _caption(self, view: TableView) -> Html:
        title = element("strong", escape_text(f"{view.spec.table_id}. {clean_text(view.spec.title)}"))
        about = element("span", escape_text(view.spec.description), class_="about")
        return element("caption", element("div", title, self._note_links(view.spec.notes), about))

    def _body(self, view: TableView) -> list[Html]:
        rows = [self._row(row, view.columns) for row in view.rows]
        return [element("thead", self._head_row(view)), element("tbody", *rows)]

    def _stacked_body(self, view: TableView) -> list[Html]:
        """One group of lines per row of the table, one line per test: a test reads from left to right."""
        header = [
            element("th", escape_text(words), scope="col") for words in ("Test or option", *view.line_header)
        ]
        groups = [self._stacked_row(row, view) for row in view.rows]
        return [element("thead", element("tr", *header)), *groups]

    def _stacked_row(self, row: RowView, view: TableView) -> Html:
        span = str(len(view.line_header) + 1)
        label = element(
            "th", escape_text(row.label), scope="rowgroup", colspan=span, dir="auto", class_="group"
        )
        lines = []
        for places in view.lines:
            if not any(row.cells[place] for place in places):
                continue
            heading = element("th", escape_text(view.columns[places[0]].label), scope="row")
            found = [
                (in_full(row.cells[place], view.columns[place]), view.columns[place]) for place in places
            ]
            cells = [self._cell(cell, column) for cell, column in found]
            rest = [Html("<td></td>")] * (len(view.line_header) - len(cells))
            lines.append(element("tr", heading, *cells, *rest))
        return element("tbody", element("tr", label), *lines)

    def _head_row(self, view: TableView) -> Html:
        first = element("th", escape_text(view.spec.row_heading or "Row"), scope="col")
        return element("tr", first, *[self._heading(column) for column in view.columns])

    def _heading(self, column: ColumnView) -> Html:
        unit = (
            element("span", escape_text(column.unit_to_add), class_="unit")
            if column.unit_to_add
            else Html("")
        )
        badge = _basis_badge(column.basis)
        name = escape_text(column.label)
        content = (name, badge, self._note_links(column.notes), unit)
        return element("th", *content, scope="col", **({"class_": "n"} if column.is_number else {}))

    def _row(self, row: RowView, columns: Sequence[ColumnView]) -> Html:
        label = element("th", escape_text(row.label), scope="row", dir="auto")
        cells = [self._cell(cell, column) for cell, column in zip(row.cells, columns, strict=True)]
        return element("tr", label, *cells)

    def _cell(self, cell: CellView | None, column: ColumnView) -> Html:
        if cell is None:
            return Html("<td></td>")
        notes = self._note_links(cell.notes)
        if cell.is_number:
            unit = (
                element("span", Html(f"&nbsp;{escape_text(cell.unit)}"), class_="unit")
                if cell.unit
                else Html("")
            )
            badge = _basis_badge(cell.basis) if cell.basis else Html("")
            shown = (escape_text(cell.shown), unit, badge, _symbol(cell), notes)
            return element("td", *shown, id=cell.address, class_="n", data_n="", data_label=column.label)
        kind = (
            "n" if column.is_number and not cell.shown else "t long" if len(cell.shown) > _LONG_TEXT else "t"
        )
        content = (self._sentence(cell), _symbol(cell), notes)
        return element("td", *content, id=cell.address, class_=kind, dir="auto", data_label=column.label)

    def _sentence(self, cell: CellView) -> Html:
        """Text with its references as links, and the outcome of a test set off."""
        start = len(cell.outcome)
        word = element("span", escape_text(cell.shown[:start]), class_=outcome_kind(cell.outcome))
        outcome = word if start else Html("")
        parts = [
            element("a", _keep_spaces(text), href=fragment(target)) if target else _keep_spaces(text)
            for text, target in split_references(cell.shown[start:], self.targets.__contains__)
        ]
        return Html("".join((outcome, *parts)))

    def _note_links(self, notes: Iterable[str]) -> Html:
        marks = marks_of(notes, self.marks)
        return Html(
            "".join(element("sup", element("a", escape_text(m), href=fragment(f"note-{m}"))) for m in marks)
        )

    def _under(self, view: TableView) -> Html:
        reasons = [escape_text(text) for text in (*view.reasons, *view.remarks)]
        found = bullet_list(reasons, class_="under")
        if len(reasons) <= _LONG_LIST:
            return found
        return element(
            "details", element("summary", Html(f"Why cells are empty: {len(reasons)} reasons")), found
        )


def _keep_spaces(text: str) -> Html:
    """Escaped text whose outer spaces stay, for parts of one sentence."""
    return Html(html.escape(text, quote=True))


def _unit(unit: str) -> Html:
    return element("span", Html(f"&nbsp;{escape_text(unit)}"), class_="unit") if unit else Html("")


def _basis_badge(basis: str) -> Html:
    if not basis:
        return Html("")
    letter = BASIS_LETTERS.get(basis, "?")
    return element("abbr", escape_text(letter), class_=f"basis {letter}", title=BASIS_WORDS.get(basis, basis))


def _symbol(cell: CellView) -> Html:
    if not cell.symbol:
        return Html("")
    words = cell.reason or SYMBOLS.get(cell.symbol, "")
    space = Html("&nbsp;" if cell.shown else "")
    return Html(f"{space}{element('abbr', escape_text(cell.symbol), class_='symbol', title=words)}")
