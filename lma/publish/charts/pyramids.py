"""Workforce pyramids: population and labour force by age and sex, with the outline of another year."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import pandas as pd

from lma.contracts import Edition
from lma.languages import Language, language
from lma.publish.charts.chart import Chart, Spec
from lma.publish.charts.marks import (
    HISTORY,
    LACKING,
    LINE,
    QUIET,
    WIDTH,
    amount_axis,
    draw_legend,
    finish_spec,
    list_rows,
    make_layer,
    show_number,
)
from lma.publish.charts.reading import source_line
from lma.publish.grid import clean_text, list_ids

_BAND = re.compile(r"Y(\d+)T(\d+)|Y_GE(\d+)")
_LINE_HEIGHT = 15
WOMEN, MEN = "#c4662c", "#5b8fc2"


@dataclass(frozen=True)
class _Pyramid:
    """What one pyramid says: figure and measure of ``charted``, and its words."""

    figure: str
    measure: str
    chart_id: str


_PYRAMIDS = (
    _Pyramid("labour_force", "LF", "chart-labour-force"),
    _Pyramid("population", "POP", "chart-population"),
)


def pyramid_charts(edition: Edition) -> list[Chart]:
    """Labour force and population by age and sex; a sentence where the data have no ages."""
    words = language(edition.language)
    found = [chart for pyramid in _PYRAMIDS if (chart := _pyramid(edition, pyramid, words)) is not None]
    return found or [_no_pyramid(words)]


def age_words(age: str, words: Language) -> str:
    """Age band as people read it: 15-19, 65 and over."""
    found = _BAND.fullmatch(age)
    if found is None:
        return clean_text(age)
    if found[3]:
        return words.say("{age} and over", age=found[3])
    return f"{found[1]}\u2013{found[2]}"


def _short_age(age: str) -> str:
    found = _BAND.fullmatch(age)
    if found is None:
        return clean_text(age)
    return f"{found[3]}+" if found[3] else f"{found[1]}\u2013{found[2]}"


def _pyramid(edition: Edition, pyramid: _Pyramid, words: Language) -> Chart | None:
    data = _read(edition, pyramid)
    if data.empty:
        return None
    years = sorted({str(year) for year in data["time_period"]})
    drawn = years[-1] if pyramid.figure == "labour_force" else years[0]
    other = next((year for year in years if year != drawn), None)
    rows, addresses = _rows(data, drawn, other, words)
    columns = [words.say("women {year}", year=drawn), words.say("men {year}", year=drawn)]
    if other:
        columns += [words.say("women {year}", year=other), words.say("men {year}", year=other)]
    title = _title(pyramid, drawn, other, data, words)
    return Chart(
        chart_id=pyramid.chart_id,
        title=title,
        alt=_alt(data, title, drawn, words),
        spec=_draw(data, drawn, other, words),
        header=(words.say("Age"), *columns),
        rows=rows,
        words=_how(drawn, other, words),
        section="workforce",
        source=source_line(edition, words, words.say("persons"), addresses),
        addresses=addresses,
    )


def _read(edition: Edition, pyramid: _Pyramid) -> pd.DataFrame:
    charted = edition.charted
    if charted.empty:
        return charted
    data = charted[(charted["figure"] == pyramid.figure) & (charted["measure"] == pyramid.measure)]
    data = data[data["value"].notna()]
    return data.assign(first=[_first_age(age) for age in data["age"]]).sort_values(
        ["time_period", "sex", "first"], kind="stable"
    )


def _first_age(age: Any) -> int:
    found = _BAND.fullmatch(str(age))
    return int(found[1] or found[3]) if found else 0


def _title(pyramid: _Pyramid, drawn: str, other: str | None, data: pd.DataFrame, words: Language) -> str:
    is_projected = "projection" in set(data.loc[data["time_period"] == drawn, "basis"])
    if pyramid.figure == "labour_force":
        if other:
            return words.say("Labour force by age and sex, {year} and {other}", year=drawn, other=other)
        return words.say("Labour force by age and sex, {year}", year=drawn)
    if other:
        return words.say("Population by age and sex, {year} and {other}", year=drawn, other=other)
    if is_projected:
        return words.say("Population by age and sex, projection for {year}", year=drawn)
    return words.say("Population by age and sex, {year}", year=drawn)


def _how(drawn: str, other: str | None, words: Language) -> str:
    bars = words.say("Bars: {year}. Women left, men right.", year=drawn)
    return f"{bars} " + words.say("Outline: {year}.", year=other) if other else bars


def _rows(
    data: pd.DataFrame, drawn: str, other: str | None, words: Language
) -> tuple[tuple[tuple[str, ...], ...], tuple[tuple[str, ...], ...]]:
    """Figures and their observations by age, the youngest first."""
    place = {(row.time_period, row.sex, row.age): row for row in list_rows(data)}
    ages = list(dict.fromkeys(data.sort_values("first", kind="stable")["age"]))
    keys = [(year, sex) for year in (drawn, other) if year for sex in ("F", "M")]
    rows, addresses = [], []
    for age in ages:
        found = [place.get((year, sex, age)) for year, sex in keys]
        rows.append(
            (
                age_words(age, words),
                *("[x]" if one is None else show_number(words, one.value) for one in found),
            )
        )
        addresses.append(tuple(name for one in found if one is not None for name in list_ids(one.inputs)))
    return tuple(rows), tuple(addresses)


def _alt(data: pd.DataFrame, title: str, drawn: str, words: Language) -> str:
    mine = data[data["time_period"] == drawn]
    largest = mine.sort_values("value", kind="stable").iloc[-1]
    given = {
        "title": title,
        "age": age_words(str(largest["age"]), words),
        "n": show_number(words, largest["value"]),
    }
    if largest["sex"] == "F":
        return words.say("{title}: pyramid of bars. Largest group: women aged {age}, {n} persons.", **given)
    return words.say("{title}: pyramid of bars. Largest group: men aged {age}, {n} persons.", **given)


def _draw(data: pd.DataFrame, drawn: str, other: str | None, words: Language) -> Spec:
    """Women left of the middle, men right; ages in the middle column, the oldest on top."""
    ages = list(dict.fromkeys(data.sort_values("first", kind="stable")["age"]))
    height, middle = _LINE_HEIGHT * len(ages), 54.0
    half = (WIDTH - middle) / 2 - 4
    largest = float(data["value"].max()) or 1.0
    places = {age: height - _LINE_HEIGHT * (n + 1) for n, age in enumerate(ages)}
    layers: list[Spec] = []
    for year, is_outline in ((drawn, False), (other, True)):
        for sex, fill in (("F", WOMEN), ("M", MEN)):
            part = data[(data["time_period"] == year) & (data["sex"] == sex)]
            if len(part):
                layers.append(_bars(part, places, half, largest, middle, fill, is_outline))
    layers += [_age_names(ages, places), *_scale(largest, half, middle, height, words)]
    layers += _heads(words, half)
    entries = [("\u25a0", HISTORY, drawn), *([("\u25a1", HISTORY, other)] if other else [])]
    layers += draw_legend(entries, height + 44)
    return finish_spec(layers, WIDTH, height + 52 + 16 * (len(entries) - 1), words.code)


def _bars(
    part: pd.DataFrame,
    places: dict[str, int],
    half: float,
    largest: float,
    middle: float,
    fill: str,
    is_outline: bool,
) -> Spec:
    records = []
    for row in list_rows(part):
        length = float(row.value) / largest * half
        start = half if row.sex == "F" else half + middle + 8
        end = start - length if row.sex == "F" else start + length
        top = places[row.age] + 1
        records.append({"x": start, "x2": end, "y": top, "y2": top + _LINE_HEIGHT - 2})
    mark: Spec = {"type": "rect", "fill": fill, "stroke": fill, "strokeWidth": 0.5}
    if is_outline:
        mark = {"type": "rect", "fill": None, "stroke": HISTORY, "strokeWidth": 1.2}
    sides = {"x": _pixels("x"), "x2": {"field": "x2"}, "y": _pixels("y"), "y2": {"field": "y2"}}
    return make_layer(pd.DataFrame(records), mark, **sides)


def _pixels(field: str) -> Spec:
    return {"field": field, "type": "quantitative", "scale": None, "axis": None}


def _age_names(ages: list[str], places: dict[str, int]) -> Spec:
    records = [
        {"x": WIDTH / 2, "y": places[age] + _LINE_HEIGHT / 2, "words": _short_age(age)} for age in ages
    ]
    mark = {"type": "text", "baseline": "middle", "fontSize": 10, "color": HISTORY}
    return make_layer(pd.DataFrame(records), mark, x=_pixels("x"), y=_pixels("y"), text={"field": "words"})


def _scale(largest: float, half: float, middle: float, height: int, words: Language) -> list[Spec]:
    """The length of the longest bar, said below both sides."""
    axis, unit = amount_axis(words, [largest], "PS")
    size = float(axis["labelExpr"].split("/ ")[1].split(",")[0])
    shown = show_number(words, largest / size, 0 if largest / size >= 10 else 1)
    records = [
        {"x": 0.0, "y": height + 12, "words": shown},
        {"x": half, "y": height + 12, "words": "0"},
        {"x": half + middle + 8, "y": height + 12, "words": "0"},
        {"x": float(WIDTH), "y": height + 12, "words": shown},
        {"x": WIDTH / 2, "y": height + 27, "words": unit},
    ]
    layers = []
    for align, part in (
        ("left", records[:1]),
        ("center", [records[1], records[2], records[4]]),
        ("right", records[3:4]),
    ):
        mark = {"type": "text", "align": align, "baseline": "middle", "color": QUIET}
        layers.append(
            make_layer(pd.DataFrame(part), mark, x=_pixels("x"), y=_pixels("y"), text={"field": "words"})
        )
    return layers


def _heads(words: Language, half: float) -> list[Spec]:
    layers = []
    for align, x, said, colour in (
        ("left", 0.0, words.say("women"), LACKING),
        ("right", float(WIDTH), words.say("men"), LINE),
    ):
        mark = {"type": "text", "align": align, "baseline": "top", "color": colour, "fontWeight": "bold"}
        data = pd.DataFrame([{"x": x, "y": -16, "words": said}])
        layers.append(make_layer(data, mark, x=_pixels("x"), y=_pixels("y"), text={"field": "words"}))
    return layers


def _no_pyramid(words: Language) -> Chart:
    return Chart(
        chart_id="chart-population",
        title=words.say("Workforce by age and sex"),
        alt="",
        spec={},
        header=(),
        rows=(),
        words=words.say(
            "Not drawn: the loaded sources have neither population nor labour force by five-year age and sex."
        ),
        section="workforce",
    )
