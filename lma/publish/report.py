"""The report of an edition as an ordered list of parts: what `pdf` and `docx` only write.

First what a minister reads: findings, limits, the four questions with figures and short tables, quality. Then
notes and sources, and in an annex set across the page all tables. Nothing is computed; every short table is
part of a table of the annex and says so.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from lma.contracts import Edition
from lma.languages import Language, language
from lma.publish.grid import BASIS_WORDS, SYMBOLS, clean_text, note_text
from lma.publish.layout import (
    BASIS_LETTERS,
    TableView,
    check_header,
    check_rows,
    check_words,
    lay_out_tables,
    limits_of,
    note_marks,
    source_header,
    source_rows,
)
from lma.publish.paper import (
    PORTRAIT,
    Cell,
    Chunk,
    Setting,
    Span,
    Table,
    break_words,
    refer,
    set_table,
    shorten,
)
from lma.publish.shared import make_once

if TYPE_CHECKING:
    from lma.publish.charts import Chart

_FINDINGS, _QUALITY = "T0", "T14"
# Charts of the accuracy section that stand in the annex.
_MOST_SHORT_ROWS, _MOST_FILES, _LONGEST_RUNNING = 24, 3, 90
_LEGEND_GLYPHS = {
    "line": "\u2501\u2501",
    "dashed": "\u2505\u2505",
    "dotted": "\u2508\u2508",
    "area": "\u2588\u2588",
    "dot": "\u25cf",
}
# Pixels of a drawing to millimetres of paper, and the largest picture.
_MM_PER_PIXEL, _WIDEST_MM, _TALLEST_MM, _PANEL_MM, _NARROW_MM = 0.31, 178.0, 205.0, 85.0, 118.0
_TALLEST_PAIR_MM = 172.0


@dataclass(frozen=True)
class Heading:
    """A heading of level 1 or 2; ``anchor`` is what a link leads to; ``turns``: on a new page."""

    text: str
    level: int
    anchor: str = ""
    turns: bool = False
    kind: str = "heading"


@dataclass(frozen=True)
class Paragraph:
    """One paragraph; ``style``: empty, small or lead."""

    spans: Cell
    style: str = ""
    anchor: str = ""
    kind: str = "paragraph"


@dataclass(frozen=True)
class Bullets:
    """A list, with a title in a box where it has one."""

    items: tuple[Cell, ...]
    title: str = ""
    kind: str = "bullets"


@dataclass(frozen=True)
class Panel:
    """One picture: what it is called, what it shows in words, and its size on paper in millimetres."""

    title: str
    alt: str
    chart: Chart
    width: float
    height: float


@dataclass(frozen=True)
class Figure:
    """A numbered figure of one or several panels; ``legend``: colour, glyph and words of each mark."""

    caption: str
    panels: tuple[Panel, ...]
    words: tuple[str, ...]
    legend: tuple[tuple[str, str, str], ...]
    kind: str = "figure"


@dataclass(frozen=True)
class Pair:
    """Two narrow figures that may stand side by side."""

    figures: tuple[Figure, Figure]
    kind: str = "pair"


Block = Heading | Paragraph | Bullets | Figure | Pair | Table


@dataclass(frozen=True)
class Report:
    """The whole report: ``front`` is the title page, ``body`` what is read, ``annex`` is set across the page."""

    title: str
    shown_title: str
    description: str
    language: str
    direction: str
    as_of: dt.date
    running: tuple[str, str]
    page_words: str
    update_words: str
    contents: tuple[str, str, str]
    front: tuple[Paragraph, ...]
    body: tuple[Block, ...]
    annex: tuple[Block, ...]


class _Composer:
    """Numbers figures and short tables in the order in which they stand."""

    def __init__(self, edition: Edition) -> None:
        from lma.publish.charts import list_figures

        self.edition = edition
        self.words: Language = language(edition.language)
        self.views = {view.spec.table_id: view for view in lay_out_tables(edition)}
        self.setting = Setting(note_marks(edition), _link_targets(self.views.values()), self.words)
        self.figures = list_figures(edition)
        # Sections that no part of the report has shown yet: the annex has them, so that none is lost.
        self.sections = {chart.section for chart in self.figures}
        self.n_tables = 0

    # ---------------------------------------------------------- pieces

    def paragraph(self, text: str, style: str = "") -> Paragraph:
        return Paragraph(refer(clean_text(text), self.setting), style)

    def list_figures(self, section: str) -> Iterator[Block]:
        """Figures of a section, narrow ones in pairs; then a sentence for each that the data do not allow."""
        self.sections.discard(section)
        charts = [chart for chart in self.figures if chart.section == section]
        groups: dict[str, list[Chart]] = {}
        for chart in charts:
            groups.setdefault(chart.group or chart.chart_id, []).append(chart)
        drawn = [[chart for chart in group if chart.is_drawn] for group in groups.values()]
        yield from _pair(self._figure(group) for group in drawn if group)
        for group in groups.values():
            if not group[0].is_drawn and group[0].words:
                yield self.paragraph(self.words.say("{a}: {b}", a=group[0].title, b=group[0].words), "small")

    def _figure(self, charts: Sequence[Chart]) -> Figure:
        first = charts[0]
        caption = self.words.say(
            "Figure {number}. {title}", number=str(first.number), title=first.group_title or first.title
        )
        is_group = len(charts) > 1
        own = [chart.words for chart in charts if chart.words] if not is_group else []
        return Figure(
            caption=break_words(shorten(clean_text(caption))),
            panels=tuple(_panel(chart, is_group) for chart in charts),
            words=tuple(
                dict.fromkeys(clean_text(text) for text in (first.group_words, *own, first.source) if text)
            ),
            legend=tuple(
                (mark.colour, _LEGEND_GLYPHS[mark.kind], clean_text(mark.words)) for mark in first.legend
            ),
        )

    def short_table(
        self,
        table_id: str,
        title: str,
        columns: Iterable[str],
        rows: Iterable[str] = (),
        short_texts: bool = False,
    ) -> Iterator[Block]:
        """Some columns (regular expressions of their ids, in this order) and rows of a table; nothing where it has none."""
        view = self.views.get(table_id)
        part = _cut(view, list(columns), set(rows)) if view else None
        if part is None or view is None:
            return
        self.n_tables += 1
        part = _shorten_texts(part) if short_texts else part
        table = set_table(part, self.setting, PORTRAIT, brief=True)
        caption = self.words.say("Table {number}. {title}", number=str(self.n_tables), title=title)
        yield replace(
            table, caption=clean_text(caption), under=(*table.under, self._say_source(table_id, view, part))
        )

    def _say_source(self, table_id: str, view: TableView, part: TableView) -> Cell:
        left = len(view.rows) - len(part.rows)
        if left:
            text = self.words.say(
                "From table {table}, which has {left} more rows, all columns, notes and the reasons of empty cells.",
                table=table_id,
                left=left,
            )
        else:
            text = self.words.say(
                "From table {table}, which has all columns, notes and the reasons of empty cells.",
                table=table_id,
            )
        return refer(text, self.setting, "quiet")

    def series_rows(self) -> list[str]:
        """Codes of the sectors of the charts."""
        return list(dict.fromkeys(clean_text(code) for code in self.edition.series["economic_activity"]))


@make_once
def compose_report(edition: Edition) -> Report:
    """Every part of the report in the language of the edition."""
    composer = _Composer(edition)
    words, code = composer.words, edition.language
    title = clean_text(words.say("Labour market assessment: {country}", country=edition.label))
    shown = break_words(shorten(title))
    return Report(
        title=title,
        shown_title=shown,
        description=clean_text(
            words.say("Edition {edition} for {country}", edition=edition.edition, country=edition.label)
        ),
        language=code,
        direction=words.direction,
        as_of=edition.as_of,
        running=(
            shown[:_LONGEST_RUNNING],
            clean_text(
                words.say("Edition {edition}, {language}", edition=edition.edition, language=words.own_name)
            ),
        ),
        page_words=words.say("Page {n} of {m}", n="{n}", m="{m}"),
        update_words=words.say("To show page numbers here, click in a list and press F9."),
        contents=(words.say("Contents"), words.say("List of figures"), words.say("Short tables")),
        front=tuple(_front(composer)),
        body=tuple(_body(composer)),
        annex=tuple(_annex(composer)),
    )


def _link_targets(views: Iterable[TableView]) -> dict[str, str]:
    """What a sentence may refer to -> the table that shows it, the smallest unit a link jumps to."""
    found = list(views)
    cells = ((cell.address, t.spec.table_id) for t in found for row in t.rows for cell in row.cells if cell)
    return {**dict(cells), **{view.spec.table_id: view.spec.table_id for view in found}}


def _pair(figures: Iterable[Figure]) -> Iterator[Figure | Pair]:
    """Figures in their order; two narrow ones that follow each other as a pair, drawn to fit."""
    waiting: Figure | None = None
    for figure in figures:
        if len(figure.panels) > 1 or figure.panels[0].width > _NARROW_MM:
            yield from [waiting] if waiting else []
            waiting = None
            yield figure
        elif waiting:
            yield Pair((_narrow(waiting), _narrow(figure)))
            waiting = None
        else:
            waiting = figure
    yield from [waiting] if waiting else []


def _narrow(figure: Figure) -> Figure:
    panel = figure.panels[0]
    scale = min(1.0, _PANEL_MM / panel.width, _TALLEST_PAIR_MM / panel.height)
    small = replace(panel, width=round(panel.width * scale, 1), height=round(panel.height * scale, 1))
    return replace(figure, panels=(small,))


def _panel(chart: Chart, is_small: bool) -> Panel:
    from lma.publish.charts import draw_svg

    found = re.search(r'<svg[^>]*?\bwidth="([\d.]+)"[^>]*?\bheight="([\d.]+)"', draw_svg(chart))
    width, height = (float(size) for size in found.groups()) if found else (320.0, 200.0)
    scale = min(_MM_PER_PIXEL, _WIDEST_MM / width, _TALLEST_MM / height)
    scale = min(scale, _PANEL_MM / width) if is_small else scale
    return Panel(
        break_words(shorten(clean_text(chart.title))),
        clean_text(chart.alt),
        chart,
        round(width * scale, 1),
        round(height * scale, 1),
    )


def _cut(view: TableView, patterns: Sequence[str], rows: set[str]) -> TableView | None:
    """The columns of these ids and the rows wanted, or the first rows where there are very many; None where there are none."""
    ids = [column.column_id for column in view.columns]
    places = [place for pattern in patterns for place, name in enumerate(ids) if re.fullmatch(pattern, name)]
    found = [row for row in view.rows if row.row_id in rows] if rows else list(view.rows)
    kept = [
        replace(row, cells=tuple(row.cells[place] for place in places)) for row in found[:_MOST_SHORT_ROWS]
    ]
    if not places or not any(cell and (cell.shown or cell.symbol) for row in kept for cell in row.cells):
        return None
    return replace(view, columns=tuple(view.columns[place] for place in places), rows=tuple(kept))


def _shorten_texts(view: TableView) -> TableView:
    """Texts up to their colon: the verdict without its reason, which the whole table has."""
    rows = tuple(
        replace(
            row,
            cells=tuple(
                cell and replace(cell, shown=cell.shown.partition(":")[0].rstrip()) for cell in row.cells
            ),
        )
        for row in view.rows
    )
    return replace(view, rows=rows)


# ---------------------------------------------------------------- parts


def _front(composer: _Composer) -> Iterator[Paragraph]:
    words, edition = composer.words, composer.edition
    yield composer.paragraph(
        words.say("Edition {edition}. Data cut-off: {date}.", edition=edition.edition, date=edition.as_of),
        "lead",
    )
    yield composer.paragraph(
        words.say("Language of this document: {language}.", language=words.own_name), "lead"
    )
    yield composer.paragraph(
        words.say(
            "Which sectors will lack workers, by how many, how sure are we, and where could labour migration "
            "honestly fill the gap?"
        ),
        "question",
    )
    yield composer.paragraph(
        words.say(
            "A program made this report from published statistics; nobody changed a figure by hand. The page and the "
            "workbook of the same edition have every figure with its source, and the steps from one to the other."
        )
    )
    yield composer.paragraph(
        words.say(
            "The first part answers the four questions on a few pages. The annex has all tables. T1, T2 and so on are "
            "the numbers of the tables in every form of the edition."
        )
    )


def _body(composer: _Composer) -> Iterator[Block]:
    yield from _findings(composer)
    yield from _say_if_empty(composer, _which(composer))
    yield from _say_if_empty(composer, _how_many(composer))
    yield from _say_if_empty(composer, _how_sure(composer))
    yield from _say_if_empty(composer, _where_migration(composer))
    yield from _quality(composer)
    yield from _checks(composer)
    yield from _symbols(composer)
    yield from _sources(composer)


def _say_if_empty(composer: _Composer, blocks: Iterable[Block]) -> Iterator[Block]:
    """Blocks that answer a question, or a sentence that there is nothing to answer it with."""
    found = list(blocks)
    yield from found
    if not any(isinstance(block, Figure | Pair | Table) for block in found):
        yield composer.paragraph(composer.words.say("This edition has no figures for this question."))


def _head(text: str, blocks: Iterable[Block]) -> Iterator[Block]:
    """A heading of level 2 with its blocks; nothing where there are none."""
    found = list(blocks)
    if found:
        yield Heading(text, 2)
        yield from found


def _findings(composer: _Composer) -> Iterator[Block]:
    words, view = composer.words, composer.views.get(_FINDINGS)
    yield Heading(words.say("Headline findings"), 1, _FINDINGS if view else "")
    cells = [cell for row in (view.rows if view else ()) for cell in row.cells if cell and cell.shown]
    if cells:
        yield Bullets(tuple(refer(cell.shown, composer.setting) for cell in cells))
    else:
        yield composer.paragraph(words.say("This edition has no headline findings."))
    limits = tuple((Span(text),) for text in limits_of(composer.edition))
    yield Bullets(limits, words.say("What this cannot tell you"))


def _which(composer: _Composer) -> Iterator[Block]:
    words = composer.words
    yield Heading(words.say("Which sectors will lack workers?"), 1, turns=True)
    yield composer.paragraph(
        words.say(
            "A rating joins what rule sets say about the present with the gap that is projected. Confidence goes from A, "
            "the figures agree, to D, there is little to go by."
        )
    )
    yield from composer.list_figures("activities")
    columns = ["final_rating", "rating_now", "forecast_rating", "p_shortage", "confidence"]
    yield from composer.short_table("T3", words.say("Rating of each sector, and how sure it is"), columns)
    yield from composer.list_figures("workforce")


def _how_many(composer: _Composer) -> Iterator[Block]:
    words = composer.words
    yield Heading(words.say("By how many?"), 1, turns=True)
    yield composer.paragraph(
        words.say(
            "Read the range before the middle: eight in ten outcomes are expected inside it. Above zero workers are "
            "lacking, below zero there are more workers than jobs."
        )
    )
    yield from composer.list_figures("balance")
    columns = ["OPENINGS", "SEEKERS", "gap_q10", "gap_q50", "gap_q90", "gap_share"]
    yield from composer.short_table("T6", words.say("Openings, seekers and the gap, persons"), columns)
    years = (
        [column.column_id for column in composer.views["T5"].columns if column.column_id[:4].isdigit()]
        if "T5" in composer.views
        else []
    )
    last = max((column[:4] for column in years), default="none")
    columns = ["base", "base_period", last, f"{last}_lo80", f"{last}_hi80", "q10", "q50", "q90", "growth"]
    yield from composer.short_table(
        "T5", words.say("Employment now and as projected"), columns, composer.series_rows()
    )
    yield from composer.list_figures("projection")


def _how_sure(composer: _Composer) -> Iterator[Block]:
    words = composer.words
    yield Heading(words.say("How sure are we?"), 1, turns=True)
    yield composer.paragraph(
        words.say(
            "Forecasts made for years that are past are set beside what came. Skill above zero: better than to say that "
            "nothing changes. Where the intervals held fewer than 80 % of the outcomes, the ranges of this report are too narrow."
        )
    )
    yield from composer.list_figures("accuracy")
    columns = ["n_origins", "skill", "coverage_80", "bias", "sign_hit"]
    title = words.say("Scorecard of past forecasts, by sector")
    yield from composer.short_table("T12", title, columns, composer.series_rows())


def _where_migration(composer: _Composer) -> Iterator[Block]:
    words = composer.words
    yield Heading(words.say("Where could labour migration honestly fill the gap?"), 1, turns=True)
    yield composer.paragraph(
        words.say(
            "Recruitment abroad is the last of the options: a sector must be short, the lack must last, and pay, training and "
            "people at home must not be enough. A recommendation is a proposal for review by people."
        )
    )
    yield from _head(words.say("Options for each sector"), _options(composer))
    yield from _head(words.say("Decisions and their tests"), _decisions(composer))
    yield from _head(words.say("Corridors and foreign workers"), _corridors(composer))


def _options(composer: _Composer) -> Iterator[Block]:
    columns = ["pay", "train.*", "activate.*", "neet.*", "automate", "recognise.*", "migrate.*"]
    title = composer.words.say("Policy options, persons where they are known")
    yield from composer.short_table("T9", title, columns, short_texts=True)
    yield from composer.list_figures("options")


def _decisions(composer: _Composer) -> Iterator[Block]:
    title = composer.words.say("Tests of the decision on recruitment abroad")
    yield from composer.short_table("T10", title, [r"D\d"], short_texts=True)
    columns = ["result", "need_low", "need_high", "modality", "why"]
    yield from composer.short_table("T10", composer.words.say("Decision, persons and why"), columns)


def _corridors(composer: _Composer) -> Iterator[Block]:
    words, view = composer.words, composer.views.get("T8")
    # A corridor of all activities names two countries, one of an activity the activity too.
    whole = [row.row_id for row in (view.rows if view else ()) if row.row_id.count("-") == 1]
    columns = ["affinity", "stock", "share", "common_language", "agreement"]
    yield from composer.short_table("T8", words.say("Corridors, the largest first"), columns, whole)
    columns = ["period", "total", "national", "foreign", "share"]
    yield from composer.short_table("T7", words.say("Share of foreign workers"), columns)
    yield from composer.list_figures("migration")


def _quality(composer: _Composer) -> Iterator[Block]:
    view = composer.views.get(_QUALITY)
    if view is None:
        return
    yield Heading(_name_table(view, composer.words), 1, _QUALITY)
    yield replace(set_table(view, composer.setting, PORTRAIT), anchor="")


def _checks(composer: _Composer) -> Iterator[Block]:
    words, edition = composer.words, composer.edition
    yield Heading(words.say("Checks of the data"), 1)
    yield composer.paragraph(check_words(edition))
    if failed := check_rows(edition):
        yield _plain_table(check_header(words), failed, (22, 20, 44, 10, 10), PORTRAIT)


def _symbols(composer: _Composer) -> Iterator[Block]:
    words, edition = composer.words, composer.edition
    yield Heading(words.say("Symbols, letters and notes"), 1)
    letters: list[Span] = []
    for basis, letter in BASIS_LETTERS.items():
        letters += [Span(letter, "basis"), Span(f" {words.text(BASIS_WORDS[basis])}   ")]
    yield Paragraph(tuple(letters))
    symbols = [(symbol, words.text(meaning)) for symbol, meaning in SYMBOLS.items()]
    yield _plain_table((words.say("Symbol"), words.say("Meaning")), symbols, (10, 100), PORTRAIT)
    for note, mark in composer.setting.marks.items():
        text = (Span(mark, "strong"), Span("  "), *refer(note_text(edition, note), composer.setting))
        yield Paragraph(text, "small", f"note-{mark}")


def _sources(composer: _Composer) -> Iterator[Block]:
    words, edition = composer.words, composer.edition
    yield Heading(words.say("Sources and licences"), 1)
    widths = (17, 27, 16, 34, 26)
    rows = [[*row[:3], _shorten_files(row[3], words), row[4]] for row in source_rows(edition)]
    yield _plain_table(source_header(words), rows, widths, PORTRAIT)


def _shorten_files(names: str, words: Language) -> str:
    """The first files of a publisher's table, and how many more there are."""
    files = names.split("\n")
    if len(files) <= _MOST_FILES:
        return names
    rest = words.count(
        "and {n} more file, in the workbook",
        "and {n} more files, in the workbook",
        len(files) - _MOST_FILES + 1,
    )
    return "\n".join([*files[: _MOST_FILES - 1], rest])


def _annex(composer: _Composer) -> Iterator[Block]:
    words = composer.words
    yield Heading(words.say("Annex: all tables"), 1)
    yield composer.paragraph(
        words.say(
            "A column with one value for all rows is said above its table, long texts that rows share are numbered and stand "
            "below it. The steps behind each figure, too long for paper, are on the page and in the workbook of this edition."
        ),
        "small",
    )
    for view in composer.views.values():
        table_id = view.spec.table_id
        if table_id not in (_FINDINGS, _QUALITY):
            yield Heading(_name_table(view, words), 2, table_id)
            yield replace(set_table(view, composer.setting), anchor="")
    if further := list(composer.list_figures("further")):
        yield Heading(words.say("Further figures"), 2)
        yield from further


def _name_table(view: TableView, words: Language) -> str:
    return words.say("{table}. {title}", table=view.spec.table_id, title=clean_text(view.spec.title))


def _plain_table(
    header: Sequence[str], rows: Iterable[Sequence[str]], widths: tuple[int, ...], paper: int
) -> Table:
    body = tuple(tuple((Span(break_words(text)),) for text in row) for row in rows)
    chunk = Chunk(tuple((Span(text, "strong"),) for text in header), widths, (False,) * len(widths), body)
    return Table("", (), (chunk,), (), paper)
