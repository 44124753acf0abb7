"""Beveridge curve: vacancy rate against unemployment rate, years joined in their order."""

from __future__ import annotations

from typing import Any

import pandas as pd

from lma.contracts import Edition
from lma.languages import Language, language
from lma.publish.charts.chart import Chart, Spec
from lma.publish.charts.marks import (
    HISTORY,
    LACKING,
    LINE,
    WIDTH,
    finish_spec,
    list_rows,
    make_layer,
    plain_axis,
    show_number,
)
from lma.publish.charts.reading import source_line
from lma.publish.grid import list_ids

LEAST_YEARS = 3
_HEIGHT = 250
_NAME = (32, 13)
"""Pixels that the name of a year takes."""


def beveridge_chart(edition: Edition) -> Chart:
    """The curve, or a sentence that says which of the two rates is missing."""
    words, data = language(edition.language), _read(edition)
    both = data.dropna()
    title = words.say("Beveridge curve: vacancies and unemployment")
    if len(both) < LEAST_YEARS:
        return _not_drawn(title, data, words)
    first, last = both.iloc[0], both.iloc[-1]
    addresses = tuple((*row.vacant_ids, *row.unemployed_ids) for row in list_rows(both))
    return Chart(
        chart_id="chart-beveridge",
        title=title,
        alt=words.say(
            "Vacancy rate against unemployment rate, {start} to {end}. {start}: {v1} % vacant, {u1} % unemployed. "
            "{end}: {v2} % vacant, {u2} % unemployed.",
            start=str(first["year"]),
            end=str(last["year"]),
            v1=show_number(words, first["vacant"], 1),
            u1=show_number(words, first["unemployed"], 1),
            v2=show_number(words, last["vacant"], 1),
            u2=show_number(words, last["unemployed"], 1),
        ),
        spec=_draw(both, words),
        header=(words.say("Year"), words.say("Unemployment rate, %"), words.say("Vacancy rate, %")),
        rows=tuple(
            (str(row.year), show_number(words, row.unemployed, 1), show_number(words, row.vacant, 1))
            for row in list_rows(both)
        ),
        words=words.say(
            "Down and to the right: fewer vacancies for more unemployed, as in a downturn. Further out at the same "
            "unemployment: posts are harder to fill."
        ),
        section="workforce",
        source=source_line(edition, words, words.say("per cent"), addresses),
        addresses=addresses,
    )


def _read(edition: Edition) -> pd.DataFrame:
    """One row per year: vacant, unemployed (per cent), and the ids of both."""
    columns = ["year", "vacant", "unemployed", "vacant_ids", "unemployed_ids"]
    charted = edition.charted
    if charted.empty:
        return pd.DataFrame(columns=columns)
    rows: dict[str, dict[str, Any]] = {}
    for record in charted[charted["figure"] == "beveridge"].to_dict("records"):
        side = "unemployed" if record["measure"] == "UNE_RT" else "vacant"
        year = rows.setdefault(str(record["time_period"]), {"year": str(record["time_period"])})
        year |= {side: record["value"], f"{side}_ids": list_ids(record["inputs"])}
    return pd.DataFrame([rows[year] for year in sorted(rows)], columns=columns)


def _not_drawn(title: str, data: pd.DataFrame, words: Language) -> Chart:
    if data["vacant"].notna().sum() < LEAST_YEARS:
        why = words.say(
            "Not drawn: no loaded source has the job vacancy rate of this country in three years or more. The curve "
            "needs vacancies from employers beside the unemployment rate."
        )
    else:
        why = words.say(
            "Not drawn: no reported unemployment rate is loaded for three years or more in which the vacancy rate is "
            "known."
        )
    return Chart("chart-beveridge", title, "", {}, (), (), why, "workforce")


def _draw(data: pd.DataFrame, words: Language) -> Spec:
    numbered = data.assign(order=range(len(data)), words=data["year"].astype(str))
    x = _axis("unemployed", words.say("unemployment rate, %"))
    y = _axis("vacant", words.say("vacancy rate, %"))
    order = {"field": "order", "type": "quantitative"}
    line = {
        "type": "line",
        "color": LINE,
        "strokeWidth": 1.5,
        "point": {"filled": True, "size": 30, "color": LINE},
    }
    ends = numbered.iloc[[0, -1]] if len(numbered) > 1 else numbered
    named = numbered[_choose_names(numbered)]
    text = {"type": "text", "dy": -9, "fontSize": 10, "color": HISTORY}
    dot = {"type": "point", "filled": True, "size": 70, "color": LACKING, "opacity": 1, "shape": "diamond"}
    layers = [
        make_layer(numbered, line, x=x, y=y, order=order),
        make_layer(ends, dot, x=x, y=y),
        make_layer(named, text, x=x, y=y, text={"field": "words"}),
    ]
    return finish_spec(layers, WIDTH - 45, _HEIGHT, words.code)


def _choose_names(data: pd.DataFrame) -> pd.Series[bool]:
    """Which years bear their name: the last and the first, then all that have room."""
    spread = data[["unemployed", "vacant"]]
    place = (spread - spread.min()) / (spread.max() - spread.min()).replace(0, 1)
    points = [(x * (WIDTH - 45), y * _HEIGHT) for x, y in place.itertuples(index=False)]
    last = len(points) - 1
    named: list[int] = []
    for n in [last, 0, *range(last - 1, 0, -1)]:
        is_free = all(
            abs(points[n][0] - points[o][0]) > _NAME[0] or abs(points[n][1] - points[o][1]) > _NAME[1]
            for o in named
        )
        named += [n] if is_free else []
    return pd.Series([n in named for n in range(len(points))], index=data.index, dtype=bool)


def _axis(field: str, title: str) -> Spec:
    return {
        "field": field,
        "type": "quantitative",
        "title": title,
        "axis": plain_axis(),
        "scale": {"zero": False, "padding": 12},
    }
