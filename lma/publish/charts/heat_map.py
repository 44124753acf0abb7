"""Heat map of the sectors: rating now, gap ahead, probability of a shortage and final rating, in words and symbols."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from lma.contracts import Edition
from lma.languages import Language, language
from lma.publish.charts.chart import Chart
from lma.publish.charts.grids import Grid, GridCell, draw_grid
from lma.publish.charts.marks import shorten_text, show_number
from lma.publish.charts.reading import (
    choose_sectors,
    code_of,
    join_sentences,
    keep_pages,
    read_rows,
    say_left_out,
    source_line,
)
from lma.publish.grid import clean_text, is_missing, symbol_of

COLUMNS = ("rating_now", "gap_share", "p_shortage", "final_rating")
SYMBOLS = {
    "SEVERE": "\u25b2\u25b2",
    "SHORTAGE": "\u25b2",
    "WATCH": "\u25c6",
    "BALANCE": "=",
    "SURPLUS": "\u25bc",
}
FILLS = {
    "SEVERE": "#f0a070",
    "SHORTAGE": "#f8cba8",
    "WATCH": "#fbe9c6",
    "BALANCE": "#ececec",
    "SURPLUS": "#b9d7ee",
}
NOTHING = "#ffffff"
_PAGE = 16
# Shading of the gap in per cent of employment and of the probability in per cent: from this value upwards.
_GAP_STEPS = ((5.0, "SEVERE"), (2.0, "SHORTAGE"), (-2.0, "BALANCE"))
_PROBABILITY_STEPS = ((70.0, "SHORTAGE"), (50.0, "WATCH"), (30.0, "BALANCE"))


def rating_words(words: Language) -> dict[str, str]:
    """Ratings in words."""
    return {
        "SEVERE": words.say("severe shortage"),
        "SHORTAGE": words.say("shortage"),
        "WATCH": words.say("watch"),
        "BALANCE": words.say("balance"),
        "SURPLUS": words.say("surplus"),
        "N": words.say("not rated"),
    }


def heat_maps(edition: Edition) -> list[Chart]:
    """One grid of all activities of T3, or several where there are many; none without ratings."""
    words, records = language(edition.language), read_rows(edition, "T3", COLUMNS)
    drawn = choose_sectors(edition, records)
    left_out = say_left_out(len(records), len(drawn), words)
    pages = keep_pages([(row, records[row]) for row in drawn], _PAGE)
    charts = [_heat_map(edition, dict(page), number, count, words) for number, count, page in pages]
    return [replace(chart, words=join_sentences(chart.words, left_out)) for chart in charts]


def _heat_map(
    edition: Edition, rows: dict[str, dict[str, Mapping[Any, Any]]], number: int, count: int, words: Language
) -> Chart:
    names = {row: clean_text(next(iter(cells.values()))["row_label"]) for row, cells in rows.items()}
    grid = Grid(
        names=[shorten_text(name, 48) for name in names.values()],
        rows=[[_cell(cells.get(column), column, words) for column in COLUMNS] for cells in rows.values()],
        columns=_headings(words),
        legend=[
            (SYMBOLS["SEVERE"], "#000000", words.say("severe shortage, even at the low end")),
            (SYMBOLS["SHORTAGE"], "#000000", words.say("shortage, or more openings than seekers")),
            (SYMBOLS["WATCH"], "#000000", words.say("watch")),
            (SYMBOLS["BALANCE"], "#000000", words.say("balance")),
            (SYMBOLS["SURPLUS"], "#000000", words.say("surplus, or fewer openings than seekers")),
        ],
    )
    addresses = tuple(
        tuple(str(cells[column]["address"]) for column in COLUMNS if column in cells)
        for cells in rows.values()
    )
    return Chart(
        chart_id="chart-heat" if number == 1 else f"chart-heat-{number}",
        title=_title(words, number, count),
        alt=_alt(rows, names, words),
        spec=draw_grid(grid, words.code),
        header=(words.say("Sector"), *_headings(words)),
        rows=tuple(
            (names[row], *(_in_words(cells.get(column), column, words) for column in COLUMNS))
            for row, cells in rows.items()
        ),
        words=words.say(
            "Shading repeats the words: the gap from 2 and 5 % of employment, the probability from 50 and 70 %. "
            "Table T3 has the reasons of each rating."
        ),
        section="activities",
        source=source_line(edition, words, words.say("rating; per cent"), addresses),
        addresses=addresses,
    )


def _headings(words: Language) -> tuple[str, ...]:
    return (
        words.say("Rating now"),
        words.say("Gap ahead, % of employment"),
        words.say("Probability of a shortage, %"),
        words.say("Rating, now and ahead"),
    )


def _title(words: Language, number: int, count: int) -> str:
    if count == 1:
        return words.say("Where workers lack: ratings and gap ahead by sector")
    return words.say(
        "Where workers lack: ratings and gap ahead by sector ({number} of {count})",
        number=number,
        count=count,
    )


def _alt(rows: dict[str, dict[str, Mapping[Any, Any]]], names: dict[str, str], words: Language) -> str:
    found = [
        names[row]
        for row, cells in rows.items()
        if row != "_T" and code_of(cells.get("final_rating", {})) in ("SEVERE", "SHORTAGE")
    ]
    return words.say(
        "Grid of {n} rows with rating now, gap ahead, probability of a shortage and final rating. Finally rated short: "
        "{sectors}.",
        n=len(rows),
        sectors=", ".join(found) if found else words.say("no sector"),
    )


def _in_words(record: Mapping[Any, Any] | None, column: str, words: Language) -> str:
    """A cell in words without its symbol of direction; the symbol of what is missing."""
    if record is None:
        return "[z]"
    if column.endswith("rating") or column == "rating_now":
        return rating_words(words).get(code_of(record), clean_text(record.get("text"))) or symbol_of(record)
    if is_missing(record.get("value")):
        return symbol_of(record)
    return show_number(words, record["value"], 1 if column == "gap_share" else 0)


def _cell(record: Mapping[Any, Any] | None, column: str, words: Language) -> GridCell:
    said = _in_words(record, column, words)
    if record is None:
        return GridCell((said,), NOTHING)
    if column.endswith("rating") or column == "rating_now":
        code = code_of(record)
        return GridCell((f"{SYMBOLS.get(code, '')} {said}".strip(),), FILLS.get(code, NOTHING))
    if is_missing(record.get("value")):
        return GridCell((said,), NOTHING)
    steps = _GAP_STEPS if column == "gap_share" else _PROBABILITY_STEPS
    value = float(record["value"])
    code = next((code for least, code in steps if value >= least), "SURPLUS")
    symbol = "" if column == "p_shortage" else "\u25b2" if value > 0 else "\u25bc" if value < 0 else "="
    return GridCell((f"{symbol} {said} %".strip(),), FILLS[code])
