"""Parts of specifications that several figures share: layers, axes, names of rows, the common quiet look.

Colours are those of Okabe and Ito, some darkened so that marks have a contrast of 3:1 on white and text of
4.5:1. No figure tells by colour alone: shape, fill, dashes or words say the same.
"""

from __future__ import annotations

import functools
import itertools
import json
import re
import textwrap
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from lma.languages import Language, language
from lma.publish.charts.chart import Spec
from lma.publish.charts.drawing import font_folder
from lma.publish.grid import clean_text

BAND_95 = "#c6dbef"
BAND_80 = "#8dbcde"
BAND_50 = "#4f8fc0"
LINE = "#08457e"
HISTORY = "#222222"
QUIET = "#666666"
LACKING = "#b0450b"
EDGE = "#767676"
WHITE = "#ffffff"
LINE_COLOURS = ("#08457e", "#b0450b", "#1b7a4b", "#7b3294", "#8a6d00", "#a1325c", "#4d4d4d", "#1c8a9a")
SHAPES = (
    ("circle", "\u25cf"), ("square", "\u25a0"), ("triangle-up", "\u25b2"), ("diamond", "\u25c6"),
    ("triangle-down", "\u25bc"), ("triangle-right", "\u25b6"), ("triangle-left", "\u25c0"), ("cross", "\u271a"),
)  # fmt: skip
"""Shapes of points as Vega names them, and the same as a letter for a legend."""
DASHES: tuple[list[int], ...] = ([1, 0], [6, 3], [2, 2], [8, 3, 2, 3])
# Pixels: width that fits a phone, one row of bars with its name above, the bar, and how far it hangs below.
WIDTH, ROW, BAR, BAR_DROP = 320, 34, 11, 8
FONT_SIZE, _NAME_LETTERS = 11, 48
LETTER = 7.0
"""Pixels of a digit at that size, with some to spare."""
LETTER_WIDTH = 6.6
"""Pixels of a letter of common width at that size."""
_BEYOND_FONT = re.compile("[\u200d\ufe00-\ufe0f\U00010000-\U0010ffff]+")
MOST_ROWS = 25
"""Rows of one picture: more would not be read; the table behind it has them all."""


def make_layer(data: pd.DataFrame, mark: Mapping[str, Any], **encoding: Any) -> Spec:
    """One layer with the columns of ``data`` that its encoding names."""
    fields = sorted({part["field"] for part in encoding.values() if "field" in part})
    values = json.loads(data[fields].to_json(orient="records", double_precision=12))
    return {"data": {"values": values}, "mark": dict(mark), "encoding": encoding}


def finish_spec(layers: list[Spec], width: int, height: int, code: str = "en") -> Spec:
    """Specification with size, the common quiet look and the number format of a language."""
    axis = {
        "gridColor": "#e4e4e4",
        "domainColor": EDGE,
        "tickColor": EDGE,
        "labelColor": HISTORY,
        "labelFontSize": FONT_SIZE,
        "titleColor": QUIET,
        "titleFontSize": FONT_SIZE,
        "titleFontWeight": "normal",
    }
    config = {
        "font": "DejaVu Sans" if font_folder() else "Liberation Sans",
        "aria": False,
        "background": "transparent",
        "padding": 2,
        "axis": axis,
        "text": {"fontSize": FONT_SIZE},
        "legend": {"labelFontSize": FONT_SIZE, "labelLimit": WIDTH - 20, "symbolOpacity": 1},
        "view": {"stroke": None},
        "locale": {"number": number_locale(code)},
    }
    schema = "https://vega.github.io/schema/vega-lite/v6.json"
    return {"$schema": schema, "width": width, "height": height, "layer": layers, "config": config}


# ---------------------------------------------------------------- numbers in the reader's language


@functools.cache
def number_locale(code: str) -> Spec:
    """Separators of a language as d3 takes them."""
    shown = language(code).number(1234567.5, 1)
    marks = re.sub(r"\d", "", shown)
    return {"decimal": marks[-1], "thousands": marks[0], "grouping": [3], "currency": ["", ""]}


def show_number(words: Language, value: Any, decimals: Any = 0) -> str:
    """Number in the reader's language with a true minus sign, never -0; empty where there is none."""
    if pd.isna(value):
        return ""
    places = 0 if pd.isna(decimals) else int(decimals)
    rounded = round(float(value), places)
    return words.number(rounded + 0.0 if rounded else 0.0, places).replace("-", "\u2212")


# ---------------------------------------------------------------- axes


def persons_axis(ticks: int) -> Spec:
    """Axis of persons: 0, 20k, 1.5M."""
    words = "datum.value == 0 ? '0' : format(datum.value, '~s')"
    return {"labelExpr": words, "tickCount": ticks}


SCALES = ((1e9, 2e9), (1e6, 2e6), (1e3, 1e4))
"""Divisor of an axis, and the largest value from which it is used."""


def amount_axis(words: Language, values: Iterable[float], unit: str, ticks: int = 4) -> tuple[Spec, str]:
    """Axis of a unit (PS, USD) in ones, thousands, millions or billions as the largest value asks, and its title."""
    largest = max((abs(float(value)) for value in values if pd.notna(value)), default=0.0)
    divisor = next((size for size, least in SCALES if largest >= least), 1.0)
    shape = ",.4~r" if largest >= 0.01 or largest == 0 else ".3~g"
    label = f"datum.value == 0 ? '0' : format(datum.value / {divisor:.0f}, '{shape}')"
    axis = {"labelExpr": label, "tickCount": ticks, "labelOverlap": "greedy"}
    return axis, _scaled_unit(words, unit, divisor)


def _scaled_unit(words: Language, unit: str, divisor: float) -> str:
    if unit == "USD":
        return {
            1e9: words.say("billion US dollars"),
            1e6: words.say("million US dollars"),
            1e3: words.say("thousand US dollars"),
        }.get(divisor, words.say("US dollars"))
    return {
        1e9: words.say("billion persons"),
        1e6: words.say("million persons"),
        1e3: words.say("thousand persons"),
    }.get(divisor, words.say("persons"))


def plain_axis(ticks: int = 5) -> Spec:
    """Axis of per cent and of ratios; numbers too large or small to be written out as powers of ten."""
    odd = "abs(datum.value) >= 1e6 || (datum.value != 0 && abs(datum.value) < 1e-3)"
    return {
        "labelExpr": f"{odd} ? format(datum.value, '.3~e') : format(datum.value, ',.4~r')",
        "tickCount": ticks,
    }


def leave_room(ends: Iterable[float], labels: Iterable[str]) -> Spec:
    """Scale with zero on which every bar leaves room to the right of it for its words."""
    known = [(float(end), label) for end, label in zip(ends, labels, strict=True) if pd.notna(end)]
    low = min((end for end, _ in known if end < 0), default=0.0)
    tops = [
        low + (max(end, 0.0) - low) / (1 - min(0.75, (LETTER * len(label) + 8) / WIDTH))
        for end, label in known
    ]
    return {"domain": [low, max(tops, default=1.0) or 1.0], "nice": False}


def years_axis(field: str, span: tuple[float, float]) -> Spec:
    """Axis of decimal years."""
    long = span[1] - span[0] >= 3
    axis = {
        "format": "d" if long else ".2~f",
        "tickMinStep": 1 if long else 0.25,
        "tickCount": 6,
        "grid": False,
    }
    scale = {"domain": list(span), "nice": False, "zero": False}
    return {"field": field, "type": "quantitative", "title": None, "axis": axis, "scale": scale}


def pixels(field: str) -> Spec:
    """Place that is given in pixels."""
    return {"field": field, "type": "quantitative", "scale": None, "axis": None}


# ---------------------------------------------------------------- names of rows


def sector_axis(data: pd.DataFrame) -> Spec:
    """Rows in the order of ``data``, without labels: `name_sectors` writes them."""
    return {"field": "axis_label", "type": "nominal", "sort": list(data["axis_label"]), "axis": None}


def name_sectors(data: pd.DataFrame) -> list[Spec]:
    """Names above the bars, because beside them they would leave no room on a phone; on a white ground."""
    ends = [min(count_letters(label) * LETTER_WIDTH + 2, WIDTH) for label in data["axis_label"]]
    placed = data.assign(start=0, name_end=ends)
    ground = {"type": "bar", "color": WHITE, "height": 13, "yOffset": -8}
    mark = {"type": "text", "align": "left", "baseline": "bottom", "dy": -1, "color": HISTORY}
    y = sector_axis(data)
    return [
        make_layer(placed, ground, x=pixels("start"), x2={"field": "name_end"}, y=y),
        make_layer(data, mark, y=y, x={"value": 0}, text={"field": "axis_label"}),
    ]


def shorten_labels(data: pd.DataFrame) -> list[str]:
    """Labels of one line; those that would look the same get their code, else a chart draws them as one."""
    short = [shorten_text(label, _NAME_LETTERS) for label in data["label"]]
    rows = zip(short, data["label"], map(clean_text, data["economic_activity"]), strict=True)
    return [
        f"{shorten_text(label, max(_NAME_LETTERS - len(code) - 4, 8))} ({code})"
        if short.count(name) > 1
        else name
        for name, label, code in rows
    ]


def shorten_text(text: Any, width: int) -> str:
    """Text of one line and at most so many letters of common width, cut between words where that is possible."""
    cleaned = drawable_text(text)
    if count_letters(cleaned) <= width:
        return cleaned
    kept = list(itertools.accumulate(map(_letters_of, cleaned)))
    cut = cleaned[: sum(size <= width - 1 for size in kept)]
    words = cut.rpartition(" ")[0]
    return (words if len(words) > len(cut) / 2 else cut).rstrip(" ,;.") + "\u2026"


def count_letters(text: str) -> float:
    """Width of a text in letters of common width."""
    return sum(map(_letters_of, text))


def _letters_of(letter: str) -> float:
    if unicodedata.east_asian_width(letter) in "WF" or letter in "mwMW@%":
        return 1.65
    if "\u0530" <= letter <= "\u058f":  # Armenian
        return 1.24
    return 1.12 if letter > "\u0370" or letter.isupper() else 1.0


def drawable_text(text: Any) -> str:
    """Text without what the font lacks: pictographs, whose halves the drawing library cannot cut."""
    return _BEYOND_FONT.sub("", clean_text(text)).strip()


def wrap_text(text: str, width: int, most: int = 3) -> list[str]:
    """Text in at most so many lines of so many letters of common width."""
    drawn = drawable_text(text)
    fitting = max(int(width * len(drawn) / (count_letters(drawn) or 1)), 4)
    divided = " ".join(_divide_word(word, fitting) for word in drawn.split())
    return textwrap.wrap(divided, fitting, max_lines=most, placeholder="\u2026") or [""]


def _divide_word(word: str, width: int) -> str:
    """A word too long for a line in parts with hyphens; figures are left as they are."""
    if len(word) <= width or any(letter.isdigit() for letter in word):
        return word
    size = width - 1
    parts = [word[start : start + size] for start in range(0, len(word), size)]
    return "- ".join(parts)


def decimal_year(period: object) -> float:
    """``2025`` -> 2025, ``2025-Q3`` -> 2025.5, ``2025-03`` -> 2025.1667 (start of the period)."""
    text = str(period)
    year, _, part = text.partition("-")
    if not part:
        return float(year)
    return float(year) + ((int(part[1:]) - 1) / 4 if part.startswith("Q") else (int(part[:2]) - 1) / 12)


def list_rows(data: pd.DataFrame) -> list[Any]:
    """Rows as named tuples, whose column types pandas does not know."""
    return list(data.itertuples())


def draw_legend(entries: Sequence[tuple[str, str, str]], top: float) -> list[Spec]:
    """Legend in the picture, below so many pixels: a symbol, its colour, and words on a line or two."""
    signs, lines, y = [], [], top
    for symbol, ink, words in entries:
        signs.append({"x": 8, "y": y, "symbol": symbol, "colour": ink})
        for line in wrap_text(words, 44, 2):
            lines.append({"x": 22, "y": y, "words": line})
            y += 14
        y += 2
    place = {"x": pixels("x"), "y": pixels("y")}
    colour = {"field": "colour", "type": "nominal", "scale": None}
    middle = {"type": "text", "baseline": "middle"}
    return [
        make_layer(
            pd.DataFrame(signs),
            {**middle, "align": "center"},
            text={"field": "symbol"},
            color=colour,
            **place,
        ),
        make_layer(
            pd.DataFrame(lines),
            {**middle, "align": "left", "color": HISTORY},
            text={"field": "words"},
            **place,
        ),
    ]
