"""Employment by activity in the last published period, as bars."""

from __future__ import annotations

from typing import Any

import pandas as pd

from lma.contracts import Edition
from lma.languages import language
from lma.publish.charts.chart import Chart, Spec
from lma.publish.charts.marks import (
    BAR,
    BAR_DROP,
    HISTORY,
    LINE,
    ROW,
    WIDTH,
    amount_axis,
    decimal_year,
    finish_spec,
    leave_room,
    list_rows,
    make_layer,
    name_sectors,
    sector_axis,
    shorten_labels,
    show_number,
)
from lma.publish.charts.reading import join_sentences, keep_first, source_line
from lma.publish.grid import clean_text, list_ids


def employment_chart(edition: Edition) -> Chart | None:
    """Bars of the last observed employment of each sector; None without sectors."""
    words = language(edition.language)
    data = _last_observed(edition.series)
    if data.empty:
        return None
    data = data.assign(shown=[show_number(words, value) for value in data["value"]])
    data = data.sort_values(["value", "label"], ascending=[False, True], kind="stable")
    drawn, left_out = keep_first(data, words)
    axis, unit = amount_axis(words, data["value"], "PS")
    scale = leave_room(data["value"], data["shown"])
    x = {"field": "value", "type": "quantitative", "title": unit, "axis": axis, "scale": scale}
    first = data.iloc[0]
    known = set(edition.cells["address"])
    addresses = tuple(_addresses(row, known) for row in list_rows(data))
    return Chart(
        chart_id="chart-employment",
        title=words.say("Employment by sector"),
        alt=words.say(
            "Bars of employment in {n} sectors, last published period. Largest: {sector} with {persons} persons in "
            "{period}. The table below the chart has every figure.",
            n=len(data),
            sector=clean_text(first["label"]),
            persons=first["shown"],
            period=str(first["time_period"]),
        ),
        spec=draw_bars(drawn, x, "shown", words.code),
        header=(words.say("Sector"), words.say("Period"), words.say("Persons")),
        rows=tuple((clean_text(row.label), str(row.time_period), row.shown) for row in list_rows(data)),
        words=join_sentences(left_out),
        section="activities",
        source=source_line(edition, words, words.say("persons"), addresses),
        addresses=addresses,
    )


def _addresses(row: Any, known: set[str]) -> tuple[str, ...]:
    cells = [
        address
        for table, column in (("T2", "employment"), ("T5", "base"))
        if (address := f"{table}.{row.economic_activity}.{column}") in known
    ]
    return (*list_ids(getattr(row, "inputs", None)), *cells)


def draw_bars(data: pd.DataFrame, x: Spec, words: str, code: str) -> Spec:
    """Horizontal bars with the names above and the words of a column behind them."""
    bar = {"type": "bar", "color": LINE, "height": BAR, "yOffset": BAR_DROP}
    text = {"type": "text", "align": "left", "dx": 4, "dy": BAR_DROP, "color": HISTORY}
    end = {"field": "end", "type": "quantitative"}
    placed = data.assign(end=data["value"].clip(lower=0))
    layers = [
        make_layer(data, bar, x=x, y=sector_axis(data)),
        make_layer(placed, text, x=end, y=sector_axis(data), text={"field": words}),
        *name_sectors(data),
    ]
    return finish_spec(layers, WIDTH, ROW * len(data), code)


def _last_observed(series: pd.DataFrame) -> pd.DataFrame:
    observed = series[
        (series["measure"] == "observed") & series["value"].notna() & (series["economic_activity"] != "_T")
    ]
    observed = observed.assign(year=[decimal_year(period) for period in observed["time_period"]])
    last = observed.sort_values("year", kind="stable").groupby("economic_activity", sort=False).tail(1)
    return last.assign(axis_label=shorten_labels(last))
