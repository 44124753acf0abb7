"""Policy options by activity: seven options side by side, the verdict on each as a symbol and a word."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from lma.contracts import Edition
from lma.languages import Language, language
from lma.publish.charts.chart import Chart
from lma.publish.charts.grids import Grid, GridCell, draw_grid
from lma.publish.charts.marks import shorten_text
from lma.publish.charts.reading import (
    choose_sectors,
    code_of,
    join_sentences,
    keep_pages,
    read_rows,
    say_left_out,
    source_line,
)
from lma.publish.grid import clean_text, symbol_of

VERDICTS = {
    "try first": ("\u25b2", "#f8cba8"),
    "for review": ("\u2605", "#e3cfee"),
    "consider": ("\u25c6", "#fbe9c6"),
    "no gap to fill": ("=", "#ececec"),
    "not needed": ("=", "#ececec"),
    "ruled out": ("\u00d7", "#d5d5d5"),
    "not assessed": ("?", "#ffffff"),
}
"""Verdict, as codes of T9 begin -> its symbol and shade."""
OPTION_COLUMNS = ("pay", "train", "activate", "neet", "automate", "recognise", "migrate")
_PAGE = 8


def option_words(words: Language) -> dict[str, str]:
    """Options in one word or two: they stand in cells of a narrow picture."""
    return {
        "pay": words.say("pay"),
        "train": words.say("train"),
        "activate": words.say("activate"),
        "neet": words.say("youth"),
        "automate": words.say("automate"),
        "recognise": words.say("recognise"),
        "migrate": words.say("hire abroad"),
    }


def verdict_words(words: Language) -> dict[str, str]:
    """Verdicts on an option in words."""
    return {
        "try first": words.say("try first"),
        "for review": words.say("for review"),
        "consider": words.say("consider"),
        "no gap to fill": words.say("no gap"),
        "not needed": words.say("not needed"),
        "ruled out": words.say("ruled out"),
        "not assessed": words.say("not assessed"),
    }


def option_charts(edition: Edition) -> list[Chart]:
    """Matrix of T9, in pages; none where T9 has no rows."""
    words, found = language(edition.language), read_rows(edition, "T9", OPTION_COLUMNS)
    records = {row: cells for row, cells in found.items() if not row.startswith("_")}
    drawn = choose_sectors(edition, records)
    left_out = say_left_out(len(records), len(drawn), words)
    pages = keep_pages([(row, records[row]) for row in drawn], _PAGE)
    charts = [_matrix(edition, dict(page), number, count, words) for number, count, page in pages]
    return [replace(chart, words=join_sentences(chart.words, left_out)) for chart in charts]


def _matrix(
    edition: Edition, rows: dict[str, dict[str, Mapping[Any, Any]]], number: int, count: int, words: Language
) -> Chart:
    names = {row: clean_text(next(iter(cells.values()))["row_label"]) for row, cells in rows.items()}
    options, verdicts = option_words(words), verdict_words(words)
    used = {split_verdict(record)[0] for cells in rows.values() for record in cells.values()}
    legend = [(symbol, "#000000", verdicts[v]) for v, (symbol, _) in VERDICTS.items() if v in used]
    grid = Grid(
        names=[shorten_text(name, 48) for name in names.values()],
        rows=[[_cell(cells.get(o), options[o], verdicts) for o in OPTION_COLUMNS] for cells in rows.values()],
        across=4,
    )
    addresses = tuple(
        tuple(str(cells[o]["address"]) for o in OPTION_COLUMNS if o in cells) for cells in rows.values()
    )
    first = [
        f"{names[row]} ({', '.join(options[o] for o in OPTION_COLUMNS if o in cells and split_verdict(cells[o])[0] == 'try first')})"
        for row, cells in rows.items()
        if any(split_verdict(record)[0] == "try first" for record in cells.values())
    ]
    title = words.say("What could be done about each gap: seven options")
    if count > 1:
        title = words.say(
            "What could be done about each gap: seven options ({number} of {count})",
            number=number,
            count=count,
        )
    return Chart(
        chart_id="chart-options" if number == 1 else f"chart-options-{number}",
        title=title,
        alt=words.say(
            "Grid of seven options for {n} sectors. To be tried first: {options}.",
            n=len(rows),
            options=words.join(first) if first else words.say("none"),
        ),
        spec=draw_grid(grid, words.code),
        header=(words.say("Sector"), *(options[o] for o in OPTION_COLUMNS)),
        rows=tuple(
            (names[row], *(_in_full(cells.get(o), verdicts) for o in OPTION_COLUMNS))
            for row, cells in rows.items()
        ),
        words=join_legend(words, legend),
        section="options",
        source=source_line(edition, words, words.say("verdict"), addresses),
        addresses=addresses,
        group="options",
        group_title=words.say("What could be done about each gap: seven options"),
    )


def join_legend(words: Language, legend: list[tuple[str, str, str]]) -> str:
    """What the symbols stand for, and where the reasons are."""
    signs = words.join(f"{symbol} {verdict}" for symbol, _, verdict in legend)
    return words.say(
        "Signs: {signs}. The figures behind the picture give the reason code, table T9 the persons an option could "
        "bring.",
        signs=signs,
    )


def split_verdict(record: Mapping[Any, Any]) -> tuple[str, str]:
    """Verdict and reason code of a cell such as `try first: TRAIN_AHEAD`, before any translation."""
    verdict, _, reason = code_of(record).partition(":")
    return verdict.strip(), reason.strip()


def _cell(record: Mapping[Any, Any] | None, option: str, verdicts: dict[str, str]) -> GridCell:
    if record is None:
        return GridCell((option, "[z]"), "#ffffff")
    verdict, _ = split_verdict(record)
    symbol, fill = VERDICTS.get(verdict, ("", "#ffffff"))
    return GridCell(
        (
            f"{symbol} {option}".strip(),
            verdicts.get(verdict, clean_text(record.get("text")) or symbol_of(record)),
        ),
        fill,
    )


def _in_full(record: Mapping[Any, Any] | None, verdicts: dict[str, str]) -> str:
    """Verdict with its reason code; the symbol of what is missing."""
    if record is None:
        return "[z]"
    verdict, reason = split_verdict(record)
    said = verdicts.get(verdict, clean_text(record.get("text")) or symbol_of(record))
    return f"{said}: {reason}" if reason and verdict in verdicts else said
