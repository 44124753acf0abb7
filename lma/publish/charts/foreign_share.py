"""Dependency: the foreign share of workers over time, with the configured ceiling."""

from __future__ import annotations

import re

import pandas as pd

from lma.contracts import Edition
from lma.languages import Language, language
from lma.publish.charts.chart import Chart, Spec
from lma.publish.charts.employment import draw_bars
from lma.publish.charts.marks import (
    DASHES,
    LINE_COLOURS,
    QUIET,
    SHAPES,
    WIDTH,
    decimal_year,
    draw_legend,
    finish_spec,
    leave_room,
    list_rows,
    make_layer,
    plain_axis,
    shorten_labels,
    show_number,
    years_axis,
)
from lma.publish.charts.reading import keep_first, source_line
from lma.publish.grid import clean_text

_NOT_A_SHARE_OVER_TIME = re.compile(r"change|delta|ceiling|headroom|claim|difference|target")
_MOST_LINES = 8


def migrant_share_chart(edition: Edition) -> Chart | None:
    """Foreign share of workers, one line or bar per zone or sector of T7; None when T7 has no shares."""
    words, data = language(edition.language), _migrant_shares(edition)
    if data.empty:
        return None
    has_history = bool(data["label"].duplicated().any())
    ceiling = _ceiling(edition)
    spec = _share_lines(data, ceiling, words) if has_history else _share_bars(data, words)
    addresses = tuple((address,) for address in data["address"])
    many = data["label"].nunique() > _MOST_LINES and has_history
    return Chart(
        chart_id="chart-migrants",
        title=words.say("Share of foreign workers"),
        alt=_share_words(data, ceiling, words),
        spec=spec,
        header=(words.say("Zone or sector"), words.say("Period"), words.say("Foreign workers, %")),
        rows=tuple((row.label, row.time_period, row.shown) for row in list_rows(data)),
        words=words.say("The picture shows the first {n} lines; the table has all.", n=_MOST_LINES)
        if many
        else "",
        section="migration",
        source=source_line(edition, words, words.say("per cent of workers"), addresses),
        addresses=addresses,
    )


def dependency_chart(edition: Edition) -> Chart:
    """The foreign share of workers over time, or a sentence that says what is missing."""
    chart = migrant_share_chart(edition)
    if chart is not None:
        return chart
    words = language(edition.language)
    why = words.say(
        "Not drawn: no loaded source counts the foreign among the workers of a zone or sector of this country."
    )
    return Chart("chart-migrants", words.say("Share of foreign workers"), "", {}, (), (), why, "migration")


def _share_bars(data: pd.DataFrame, words: Language) -> Spec:
    """Bars for zones with one period each, where a line would have nothing to join."""
    drawn, _ = keep_first(data, words)
    shown = [
        words.say("{share} % ({period})", share=row.shown, period=row.time_period) for row in list_rows(drawn)
    ]
    title = words.say("per cent of workers")
    x = {
        "field": "value",
        "type": "quantitative",
        "title": title,
        "scale": leave_room(drawn["value"], shown),
        "axis": plain_axis(),
    }
    return draw_bars(drawn.assign(axis_label=shorten_labels(drawn), words=shown), x, "words", words.code)


def _share_lines(data: pd.DataFrame, ceiling: float | None, words: Language) -> Spec:
    """Lines by zone, told apart by dashes and colour; no line over more than a year without figures."""
    names = list(dict.fromkeys(data["label"]))[:_MOST_LINES]
    drawn = data[data["label"].isin(names)]
    drawn = drawn.assign(stretch=_stretches(drawn))
    span = (float(drawn["year"].min()), float(drawn["year"].max()))
    y = {
        "field": "value",
        "type": "quantitative",
        "title": words.say("per cent of workers"),
        "axis": plain_axis(),
        "scale": {"zero": True},
    }
    detail = {"field": "stretch", "type": "nominal"}
    layers = _ceiling_rule(ceiling, words)
    for number, name in enumerate(names):
        colour, dash = LINE_COLOURS[number], DASHES[number % len(DASHES)]
        point = {"size": 34, "filled": True, "color": colour, "shape": SHAPES[number][0]}
        mark = {"type": "line", "strokeWidth": 2, "color": colour, "strokeDash": dash, "point": point}
        mine = drawn[drawn["label"] == name]
        layers.append(make_layer(mine, mark, x=years_axis("year", span), y=y, detail=detail))
    entries = [(SHAPES[number][1], LINE_COLOURS[number], name) for number, name in enumerate(names)]
    layers += draw_legend(entries, 236)
    return finish_spec(layers, WIDTH - 35, 200, words.code)


def _stretches(data: pd.DataFrame) -> list[int]:
    """Number of the unbroken stretch each point is in: no line is drawn over more than a year without figures."""
    stretches: list[int] = []
    previous: tuple[str, float] | None = None
    for row in list_rows(data):
        joined = previous is not None and previous[0] == row.label and row.year - previous[1] <= 1
        stretches.append(stretches[-1] if joined else len(stretches))
        previous = (row.label, row.year)
    return stretches


def _ceiling_rule(ceiling: float | None, words: Language) -> list[Spec]:
    """Dashed line at the configured ceiling."""
    if ceiling is None:
        return []
    said = words.say("configured ceiling {ceiling} %", ceiling=show_number(words, ceiling))
    data = pd.DataFrame({"value": [ceiling], "words": [said]})
    y = {"field": "value", "type": "quantitative"}
    text = {"type": "text", "align": "left", "baseline": "bottom", "dy": -2, "color": QUIET}
    return [
        make_layer(data, {"type": "rule", "color": QUIET, "strokeDash": [5, 3]}, y=y),
        make_layer(data, text, y=y, x={"value": 2}, text={"field": "words"}),
    ]


def _migrant_shares(edition: Edition) -> pd.DataFrame:
    """Rows label, time_period, year, value, shown, address: numeric T7 cells in per cent, shares of a period."""
    words = language(edition.language)
    cells = edition.cells[(edition.cells["table_id"] == "T7") & (edition.cells["unit_measure"] == "PC")]
    names = cells["column_id"].astype(str)
    is_share = names.str.contains("share") & ~names.str.contains(_NOT_A_SHARE_OVER_TIME)
    found = cells[is_share & cells["value"].notna() & cells["time_period"].notna()]
    periods = [clean_text(period) for period in found["time_period"]]
    pairs = zip(found["row_label"], periods, strict=True)
    labels = [clean_text(label).replace(period, "").strip(" ,-()") for label, period in pairs]
    shown = [show_number(words, v, d) for v, d in zip(found["value"], found["decimals"], strict=True)]
    data = pd.DataFrame(
        {
            "economic_activity": found["row_id"].to_list(),
            "label": labels,
            "time_period": periods,
            "value": found["value"].astype(float).to_list(),
            "shown": shown,
            "address": found["address"].to_list(),
        }
    )
    data = data.assign(year=[decimal_year(period) for period in periods])
    return data.drop_duplicates(["label", "time_period"]).sort_values(["label", "year"], kind="stable")


def _ceiling(edition: Edition) -> float | None:
    """Configured ceiling in per cent, when T7 shows one and the same everywhere."""
    cells = edition.cells[(edition.cells["table_id"] == "T7") & (edition.cells["unit_measure"] == "PC")]
    values = set(cells.loc[cells["column_id"] == "ceiling", "value"].dropna())
    return float(values.pop()) if len(values) == 1 else None


def _share_words(data: pd.DataFrame, ceiling: float | None, words: Language) -> str:
    parts = [_zone_words(str(label), group, words) for label, group in data.groupby("label", sort=False)]
    said = words.say("Share of foreign workers among all workers: {zones}.", zones=words.join(parts))
    if ceiling is None:
        return said
    return f"{said} " + words.say(
        "The configured ceiling is {ceiling} %.", ceiling=show_number(words, ceiling)
    )


def _zone_words(label: str, group: pd.DataFrame, words: Language) -> str:
    first, last = group.iloc[0], group.iloc[-1]
    given = {"zone": label, "share": first["shown"], "period": first["time_period"]}
    if len(group) == 1:
        return words.say("{zone} {share} % in {period}", **given)
    return words.say(
        "{zone} {share} % in {period} to {last} % in {end}",
        last=last["shown"],
        end=last["time_period"],
        **given,
    )
