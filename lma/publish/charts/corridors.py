"""Corridors: ribbons between a country and the places its migrants come from or live in, as wide as their numbers."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from lma.contracts import Edition
from lma.languages import Language, language
from lma.publish.charts.chart import Chart, Spec
from lma.publish.charts.marks import (
    HISTORY,
    LINE,
    QUIET,
    WIDTH,
    finish_spec,
    list_rows,
    make_layer,
    pixels,
    shorten_text,
    show_number,
    wrap_text,
)
from lma.publish.charts.reading import area_name, is_origin_of, join_sentences, read_table, source_line

MOST_CORRIDORS = 10
_LEFT, _RIGHT, _STEPS = 124, 242, 24
_RIBBONS, _GAP, _LEAST_ROW = 190.0, 8.0, 26.0


@dataclass(frozen=True)
class _Rest:
    """The other countries together, where table T17 counts them."""

    value: float
    address: str


def corridor_chart(edition: Edition) -> Chart | None:
    """Ribbons of migrants by corridor; None without corridors, a sentence where no stock of migrants is known."""
    words, data = language(edition.language), _read(edition)
    if data.empty:
        return None
    is_origin = is_origin_of(edition)
    known = data[data["value"].notna()].sort_values("value", ascending=False, kind="stable")
    title = (
        words.say("Where people from {country} live", country=edition.label)
        if is_origin
        else words.say("Where migrants in {country} come from", country=edition.label)
    )
    if known.empty:
        why = words.say("Not drawn: no stock of migrants is known for any corridor of table T8.")
        return Chart("chart-corridors", title, "", {}, (), (), why, "migration")
    drawn, more = known.head(MOST_CORRIDORS), known.iloc[MOST_CORRIDORS:]
    rest = _read_rest(edition, is_origin)
    addresses = tuple((address,) for address in known["address"])
    rows = tuple((row.label, str(row.time_period), show_number(words, row.value)) for row in list_rows(known))
    if rest is not None:
        addresses += ((rest.address,),)
        rows += ((words.say("other countries"), "", show_number(words, rest.value)),)
    return Chart(
        chart_id="chart-corridors",
        title=title,
        alt=_alt(drawn, title, words),
        spec=_draw(drawn, rest, edition, words),
        header=(words.say("Country"), words.say("Period"), words.say("Persons")),
        rows=rows,
        words=_how(data, more, words),
        section="migration",
        source=source_line(edition, words, words.say("persons of all ages"), addresses),
        addresses=addresses,
    )


def _read(edition: Edition) -> pd.DataFrame:
    """Corridors of all activities: origin, destination, label of the other country, stock of migrants."""
    cells = read_table(edition, "T8")
    stocks = cells[(cells["column_id"] == "stock") & (cells["row_id"].astype(str).str.count("-") == 1)]
    ends = [str(row).split("-") for row in stocks["row_id"]]
    data = stocks.assign(origin=[end[0] for end in ends], destination=[end[1] for end in ends])
    others = data["destination" if is_origin_of(edition) else "origin"]
    names = [area_name(str(code), language(edition.language)) for code in others]
    return data.assign(label=names, value=data["value"].astype(float))


def _read_rest(edition: Edition, is_origin: bool) -> _Rest | None:
    address = "T17.ABROAD_REST.value" if is_origin else "T17.ARRIVED_REST.value"
    found = edition.cells[(edition.cells["address"] == address) & edition.cells["value"].notna()]
    return None if found.empty else _Rest(float(found["value"].iloc[0]), address)


def _alt(drawn: pd.DataFrame, title: str, words: Language) -> str:
    largest = drawn.iloc[0]
    return words.say(
        "{title}: ribbons as wide as the number of people. Largest of {n}: {country}, {persons} persons in {period}.",
        title=title,
        n=len(drawn),
        country=str(largest["label"]),
        persons=show_number(words, largest["value"]),
        period=str(largest["time_period"]),
    )


def _how(data: pd.DataFrame, more: pd.DataFrame, words: Language) -> str:
    parts = [words.say("Residents of all ages, not workers: a stock, not a flow of one year.")]
    if len(more):
        parts.append(
            words.say("Smaller, only in the table: {countries}.", countries=", ".join(more["label"]))
        )
    unknown = data.loc[data["value"].isna(), "label"]
    if len(unknown):
        parts.append(words.say("No figure for: {countries}.", countries=", ".join(unknown)))
    return join_sentences(*parts)


def _draw(drawn: pd.DataFrame, rest: _Rest | None, edition: Edition, words: Language) -> Spec:
    flows = [(shorten_text(row.label, 20), float(row.value)) for row in list_rows(drawn)]
    if rest is not None and rest.value > 0:
        flows.append((words.say("other countries"), rest.value))
    total = sum(value for _, value in flows) or 1.0
    widths = [max(value / total * _RIBBONS, 1.2) for _, value in flows]
    rows = [max(width + _GAP, _LEAST_ROW) for width in widths]
    height = sum(rows)
    home = (height - sum(widths)) / 2
    layers: list[Spec] = []
    names, top, joined = [], 0.0, home
    for (label, value), width, row in zip(flows, widths, rows, strict=True):
        upper = top + (row - width) / 2
        layers.append(_ribbon(upper, joined, width))
        names.append({"x": _LEFT - 6, "y": top + row / 2 - 6, "name": label, "n": show_number(words, value)})
        top, joined = top + row, joined + width
    layers += [*_names(pd.DataFrame(names)), *_home(home, sum(widths), edition)]
    return finish_spec(layers, WIDTH, round(height), words.code)


def _ribbon(start: float, end: float, width: float) -> Spec:
    """A band from a country on the left to the bar on the right, bent once."""
    steps = [n / _STEPS for n in range(_STEPS + 1)]
    bends = [t * t * (3 - 2 * t) for t in steps]
    data = pd.DataFrame(
        {
            "x": [_LEFT + (_RIGHT - _LEFT) * t for t in steps],
            "y": [start + (end - start) * bend for bend in bends],
            "y2": [start + (end - start) * bend + width for bend in bends],
        }
    )
    mark = {"type": "area", "color": LINE, "opacity": 0.75, "stroke": "#ffffff", "strokeWidth": 0.4}
    return make_layer(data, mark, x=pixels("x"), y=pixels("y"), y2={"field": "y2"})


def _names(data: pd.DataFrame) -> list[Spec]:
    mark = {"type": "text", "align": "right", "baseline": "middle"}
    place = {"x": pixels("x"), "y": pixels("y")}
    return [
        make_layer(data, {**mark, "color": HISTORY}, text={"field": "name"}, **place),
        make_layer(data, {**mark, "color": QUIET, "dy": 12, "fontSize": 10}, text={"field": "n"}, **place),
    ]


def _home(top: float, width: float, edition: Edition) -> list[Spec]:
    data = pd.DataFrame([{"x": _RIGHT, "x2": _RIGHT + 7, "y": top, "y2": top + width}])
    sides = {"x": pixels("x"), "x2": {"field": "x2"}, "y": pixels("y"), "y2": {"field": "y2"}}
    lines = wrap_text(edition.label, 10, 4)
    start = top + width / 2 - 6 * (len(lines) - 1)
    name = pd.DataFrame(
        [{"x": _RIGHT + 12, "y": start + 12 * n, "words": line} for n, line in enumerate(lines)]
    )
    text = {
        "type": "text",
        "align": "left",
        "baseline": "middle",
        "color": HISTORY,
    }
    return [
        make_layer(data, {"type": "rect", "color": HISTORY}, **sides),
        make_layer(
            name,
            {**text, "fontWeight": "bold", "fontSize": 10},
            x=pixels("x"),
            y=pixels("y"),
            text={"field": "words"},
        ),
    ]
