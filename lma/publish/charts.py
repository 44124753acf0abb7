"""Charts of an edition as Vega-Lite specifications, with alternative text and the table behind each.

Specifications are plain data, which is what Vega-Lite is: to build them through a library takes three
times as long as to draw them. The figures come from ``edition.series`` and ``edition.cells`` as they are.
Charts are drawn to SVG when the edition is built, so that the page needs no chart library, no ``eval`` and
no network, and prints as it looks. Periods become decimal years, because dates would make the drawing
depend on the time zone of the machine.
"""

from __future__ import annotations

import functools
import importlib.util
import json
import re
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from lma.contracts import Edition
from lma.publish.grid import clean_text
from lma.publish.layout import format_number

BAND_95 = "#c6dbef"
BAND_80 = "#8dbcde"
LINE = "#08457e"
HISTORY = "#222222"
QUIET = "#666666"
LACKING = "#b0450b"
LINE_COLOURS = ("#08457e", "#b0450b", "#1b7a4b", "#7b3294", "#8a6d00", "#a1325c", "#4d4d4d", "#1c8a9a")
# Pixels: width that fits a phone, one row of bars with its name above, the bar, and how far it hangs below.
WIDTH, ROW, BAR, BAR_DROP = 320, 34, 11, 8
MEASURE_LABELS = {
    "observed": "published",
    "mean": "forecast",
    "q025": "95 % from",
    "q10": "80 % from",
    "q50": "median",
    "q90": "80 % to",
    "q975": "95 % to",
}
GAP_WORDS = (
    "Line: from the low to the high end (q10 to q90) of the simulated gap; dot: its median. Right of zero "
    "workers are lacking, left of zero there are more workers than jobs."
)
FAN_WORDS = (
    "The history is what the publisher says; for many countries it is itself a modelled estimate, and its last "
    "years a projection: table T5 gives the basis. The vertical axis does not begin at zero, and differs "
    "between charts."
)
NO_FORECAST_WORDS = "No forecast for this sector; table T5 says why."
EVIDENCE = (("", "backtest"), ("HINDCAST_", "hindcasts"), ("PUBLISHED_", "published"))
"""Beginning of row ids of T12, and what the forecasts of these rows are."""
SCORES = (
    ("skill", "Skill of the forecasts", "1 - error over the naive model's error", 0, 2,
     "Right of the line the forecasts were better than no change, left of it worse."),
    ("bias", "Bias of the forecasts", "forecast less outcome, persons", 0, 0,
     "Right of the line the forecasts were too high, left of it too low."),
    ("coverage_80", "Outcomes inside the 80 % interval", "per cent of outcomes", 80, 0,
     "Left of the line, at 80 %, the intervals were too narrow."),
    ("sign_hit", "Growth or decline said rightly", "per cent of forecasts", 50, 0,
     "The line at 50 % is what a coin would do."),
    ("rel_hit", "Faster or slower than the average sector said rightly", "per cent of forecasts", 50, 0,
     "The line at 50 % is what a coin would do."),
)  # fmt: skip
"""Charts of the scorecard: column of T12, title, axis, where the line is, decimals, how to read it."""
_FAN_QUANTILES = ("q025", "q10", "q90", "q975")
_NOT_A_SHARE_OVER_TIME = re.compile(r"change|delta|ceiling|headroom|claim|difference|target")


Spec = dict[str, Any]


@dataclass(frozen=True)
class Chart:
    """One chart: Vega-Lite ``spec``, alternative text, and ``header`` with ``rows`` of what it draws.

    ``words`` explain how to read it.
    """

    chart_id: str
    title: str
    alt: str
    spec: Spec
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    words: str = ""


def font_folder() -> Path | None:
    """Folder of DejaVu fonts (Latin, Cyrillic, Armenian) that the matplotlib package ships, or None."""
    found = importlib.util.find_spec("matplotlib")
    if found is None or found.submodule_search_locations is None:
        return None
    folder = Path(found.submodule_search_locations[0]) / "mpl-data" / "fonts" / "ttf"
    return folder if (folder / "DejaVuSans.ttf").is_file() else None


@functools.cache
def _register_fonts() -> None:
    import vl_convert

    folder = font_folder()
    if folder is not None:
        vl_convert.register_font_directory(str(folder))


@functools.lru_cache(maxsize=64)
def _draw(spec: str) -> str:
    """SVG of one specification; kept, because the page and the PDF show the same charts."""
    import vl_convert

    _register_fonts()
    return str(vl_convert.vegalite_to_svg(spec, allowed_base_urls=[]))


def draw_svg(chart: Chart) -> str:
    """Chart -> SVG text. Ids are renamed after the chart, so that several drawings can stand in one page."""
    svg = _draw(json.dumps(chart.spec, allow_nan=False))
    for number, old in enumerate(dict.fromkeys(re.findall(r'\bid="([^"]+)"', svg))):
        svg = svg.replace(f'id="{old}"', f'id="{chart.chart_id}-{number}"')
        svg = svg.replace(f"url(#{old})", f"url(#{chart.chart_id}-{number})")
    return svg


# ---------------------------------------------------------------- the charts


def fan_charts(edition: Edition) -> list[Chart]:
    """One chart per sector: history, forecast mean, 80 and 95 per cent bands, last observed period."""
    years = [decimal_year(period) for period in edition.series["time_period"]]
    groups = edition.series.groupby(["economic_activity", "label"], sort=False)
    span = (min(years, default=0.0), max(years, default=0.0))
    return [_fan_chart(number, group, span) for number, (_, group) in enumerate(groups, start=1)]


def employment_chart(edition: Edition) -> Chart | None:
    """Bars of the last observed employment of each sector; None without sectors."""
    data = _last_observed(edition.series)
    if data.empty:
        return None
    data = data.sort_values(["value", "label"], ascending=[False, True], kind="stable")
    # Room after the longest bar for its number.
    scale = {"domain": [0, float(data["value"].max()) * 1.3], "nice": False}
    x = {
        "field": "value",
        "type": "quantitative",
        "title": "persons",
        "axis": persons_axis(4),
        "scale": scale,
    }
    first = data.iloc[0]
    alt = (
        f"Bars of employment in {len(data)} sectors, last published period. Largest: {first['label']} with "
        f"{first['shown']} persons in {first['time_period']}. The table below the chart has every figure."
    )
    rows = tuple((row.label, row.time_period, row.shown) for row in _records(data))
    spec = _bars(data, x, "shown")
    return Chart("chart-employment", "Employment by sector", alt, spec, ("Sector", "Period", "Persons"), rows)


def balance_chart(edition: Edition) -> Chart | None:
    """Range q10 to q90 and median of the gap per sector, from table T6; None when T6 has no such columns."""
    data = _gap_ranges(edition)
    if data.empty:
        return None
    lacking = [row.label for row in _records(data) if row.q10 > 0]
    alt = (
        f"Range of the gap between demand and supply in {len(data)} sectors. Even the low end lacks workers "
        f"in: {', '.join(lacking) if lacking else 'no sector'}. The table below the chart has every figure."
    )
    rows = tuple(
        (row.label, *(format_number(value, 0) for value in (row.q10, row.q50, row.q90)))
        for row in _records(data)
    )
    header = ("Sector", "Gap, low (q10)", "Gap, median", "Gap, high (q90)")
    title = "Gap between demand and supply"
    return Chart("chart-balance", title, alt, _ranges(data), header, rows, GAP_WORDS)


def migrant_share_chart(edition: Edition) -> Chart | None:
    """Foreign share of workers, one line or bar per zone or sector of T7; None when T7 has no shares."""
    data = _migrant_shares(edition)
    if data.empty:
        return None
    has_history = bool(data["label"].duplicated().any())
    spec = _share_lines(data, _ceiling(edition)) if has_history else _share_bars(data)
    rows = tuple((row.label, row.time_period, row.shown) for row in _records(data))
    header = ("Zone or sector", "Period", "Foreign workers, %")
    return Chart("chart-migrants", "Share of foreign workers", _share_words(data), spec, header, rows)


def scorecard_charts(edition: Edition) -> list[Chart]:
    """Charts of T12, one per measure that has figures: dots by series and evidence, and a line to compare with."""
    return [chart for score in SCORES if (chart := _score_chart(_scores(edition, score[0]), *score))]


def _score_chart(
    data: pd.DataFrame, measure: str, title: str, axis: str, line: int, decimals: int, words: str
) -> Chart | None:
    if data.empty:
        return None
    shown = [format_number(value, decimals) for value in data["value"]]
    rows = tuple((row.label, row.evidence, text) for row, text in zip(_records(data), shown, strict=True))
    header = ("Series", "Forecasts", axis)
    by_evidence = [(name, data.loc[data["evidence"] == name, "value"]) for _, name in EVIDENCE]
    counts = ", ".join(f"{(v > line).sum()} of {len(v)} ({name})" for name, v in by_evidence if len(v))
    alt = f"{title}, {axis}. Above {line}: {counts} series. The table below the chart has every figure."
    words = f"Table T12, all years ahead together. {words}"
    return Chart(
        f"chart-{measure.replace('_', '-')}", title, alt, _score_dots(data, axis, line), header, rows, words
    )


def _fan_chart(number: int, group: pd.DataFrame, span: tuple[float, float]) -> Chart:
    label = clean_text(group["label"].iloc[0]) or clean_text(group["economic_activity"].iloc[0])
    wide = _pivot_measures(group)
    observed = wide.dropna(subset=["observed"])
    forecast = _forecast_with_anchor(wide)
    layers = [
        _band(forecast, "q025", "q975", BAND_95, span),
        _band(forecast, "q10", "q90", BAND_80, span),
        _line(forecast, "mean", LINE, [4, 2], span),
        _line(observed, "observed", HISTORY, [], span),
        *(_cut_off(observed.iloc[-1], span) if len(observed) else []),
    ]
    measures = [measure for measure in MEASURE_LABELS if wide[measure].notna().any()]
    rows = tuple(
        (str(row["time_period"]), *("" if pd.isna(row[m]) else format_number(row[m], 0) for m in measures))
        for row in wide.to_dict("records")
    )
    header = ("Period", *(MEASURE_LABELS[measure] for measure in measures))
    words = NO_FORECAST_WORDS if forecast.empty else ""
    spec = finish_spec(layers, 285, 150)
    return Chart(f"chart-fan-{number}", label, _fan_words(label, wide), spec, header, rows, words)


# ---------------------------------------------------------------- parts of specifications


def make_layer(data: pd.DataFrame, mark: Mapping[str, Any], **encoding: Any) -> Spec:
    """One layer with the columns of ``data`` that its encoding names."""
    fields = sorted({part["field"] for part in encoding.values() if "field" in part})
    values = json.loads(data[fields].to_json(orient="records", double_precision=6))
    return {"data": {"values": values}, "mark": dict(mark), "encoding": encoding}


def _band(data: pd.DataFrame, low: str, high: str, colour: str, span: tuple[float, float]) -> Spec:
    drawn = data.dropna(subset=[low, high])
    return make_layer(
        drawn, {"type": "area", "color": colour}, x=_years(span), y=_persons(low), y2={"field": high}
    )


def _line(data: pd.DataFrame, measure: str, colour: str, dash: list[int], span: tuple[float, float]) -> Spec:
    mark = {"type": "line", "color": colour, "strokeWidth": 1.8, "strokeDash": dash}
    return make_layer(data.dropna(subset=[measure]), mark, x=_years(span), y=_persons(measure))


def _cut_off(last: pd.Series[Any], span: tuple[float, float]) -> list[Spec]:
    """Dotted line at the last observation, with its period."""
    data = pd.DataFrame({"year": [last["year"]], "words": [f"last figure {last['time_period']}"]})
    words = {"type": "text", "align": "right", "dx": -4, "baseline": "top", "color": QUIET}
    place = {"y": {"value": 2}, "text": {"field": "words"}}
    return [
        make_layer(data, {"type": "rule", "color": QUIET, "strokeDash": [2, 2]}, x=_years(span)),
        make_layer(data, words, x=_years(span), **place),
    ]


def _years(span: tuple[float, float]) -> Spec:
    long = span[1] - span[0] >= 3
    axis = {
        "format": "d" if long else ".2~f",
        "tickMinStep": 1 if long else 0.25,
        "tickCount": 6,
        "grid": False,
    }
    scale = {"domain": list(span), "nice": False, "zero": False}
    return {"field": "year", "type": "quantitative", "title": None, "axis": axis, "scale": scale}


def _persons(measure: str) -> Spec:
    axis, scale = persons_axis(4), {"zero": False}
    return {"field": measure, "type": "quantitative", "title": None, "axis": axis, "scale": scale}


def persons_axis(ticks: int) -> Spec:
    """Axis of persons: 0, 20k, 1.5M."""
    words = "datum.value == 0 ? '0' : format(datum.value, '~s')"
    return {"labelExpr": words, "tickCount": ticks}


def sector_axis(data: pd.DataFrame) -> Spec:
    """Rows in the order of ``data``, without labels: `name_sectors` writes them."""
    return {"field": "axis_label", "type": "nominal", "sort": list(data["axis_label"]), "axis": None}


def name_sectors(data: pd.DataFrame) -> list[Spec]:
    """Names above the bars, because beside them they would leave no room on a phone; on a white ground."""
    mark = {"type": "text", "align": "left", "baseline": "bottom", "dy": -1, "color": HISTORY}
    place = {"y": sector_axis(data), "x": {"value": 0}, "text": {"field": "axis_label"}}
    ground = {**mark, "color": "#ffffff", "stroke": "#ffffff", "strokeWidth": 3}
    return [make_layer(data, ground, **place), make_layer(data, mark, **place)]


def _bars(data: pd.DataFrame, x: Spec, words: str) -> Spec:
    bar = {"type": "bar", "color": LINE, "height": BAR, "yOffset": BAR_DROP}
    text = {"type": "text", "align": "left", "dx": 4, "dy": BAR_DROP, "color": HISTORY}
    layers = [
        make_layer(data, bar, x=x, y=sector_axis(data)),
        make_layer(
            data,
            text,
            x={"field": "value", "type": "quantitative"},
            y=sector_axis(data),
            text={"field": words},
        ),
        *name_sectors(data),
    ]
    return finish_spec(layers, WIDTH, ROW * len(data))


def _ranges(data: pd.DataFrame) -> Spec:
    x = {"field": "q10", "type": "quantitative", "title": "persons", "axis": persons_axis(5)}
    common = {"y": sector_axis(data), "color": {"field": "colour", "type": "nominal", "scale": None}}
    rule = {"type": "rule", "strokeWidth": 5, "opacity": 0.55, "yOffset": BAR_DROP}
    point = {"type": "point", "filled": True, "size": 60, "opacity": 1, "yOffset": BAR_DROP}
    zero = pd.DataFrame({"q10": [0]})
    layers = [
        make_layer(zero, {"type": "rule", "color": HISTORY}, x=x),
        make_layer(data, rule, x=x, x2={"field": "q90"}, **common),
        make_layer(data, point, x={"field": "q50", "type": "quantitative"}, **common),
        *name_sectors(data),
    ]
    return finish_spec(layers, WIDTH, ROW * len(data))


def _score_dots(data: pd.DataFrame, axis: str, line: int) -> Spec:
    """Dots by series; the evidence is told by shape too, for those who do not see colours."""
    scale = {"domain": [0, 100]} if line else {"zero": False, "padding": 8}
    ticks = persons_axis(5) if axis.endswith("persons") else {"tickCount": 5}
    x = {"field": "value", "type": "quantitative", "title": axis, "axis": ticks, "scale": scale}
    names = [name for _, name in EVIDENCE]
    looks = dict(zip(names, zip(LINE_COLOURS, ("circle", "diamond", "square"), strict=False), strict=True))
    drawn = [name for name in names if name in set(data["evidence"])]
    legend = {"orient": "bottom", "title": None, "symbolOpacity": 1}
    evidence = {"field": "evidence", "type": "nominal", "legend": legend}
    colour, shape = (
        {**evidence, "scale": {"domain": drawn, "range": [looks[name][part] for name in drawn]}}
        for part in (0, 1)
    )
    point = {"type": "point", "filled": True, "size": 55, "opacity": 1, "yOffset": BAR_DROP}
    layers = [
        make_layer(pd.DataFrame({"value": [line]}), {"type": "rule", "color": HISTORY}, x=x),
        make_layer(data, point, x=x, y=sector_axis(data), color=colour, shape=shape),
        *name_sectors(data.drop_duplicates("economic_activity")),
    ]
    return finish_spec(layers, WIDTH, ROW * data["economic_activity"].nunique())


def _share_bars(data: pd.DataFrame) -> Spec:
    """Bars for zones with one period each, where a line would have nothing to join."""
    words = [f"{row.shown} % ({row.time_period})" for row in _records(data)]
    scale = {"domain": [0, 100]}
    x = {"field": "value", "type": "quantitative", "title": "per cent of workers", "scale": scale}
    return _bars(
        data.assign(axis_label=shorten_labels(data), words=words), {**x, "axis": {"tickCount": 5}}, "words"
    )


def _share_lines(data: pd.DataFrame, ceiling: float | None) -> Spec:
    span = (float(data["year"].min()), float(data["year"].max()))
    drawn = data.assign(stretch=_stretches(data))
    mark = {"type": "line", "strokeWidth": 2, "point": {"size": 30, "filled": True}}
    title, axis = "per cent of workers", {"tickCount": 5}
    y = {"field": "value", "type": "quantitative", "title": title, "axis": axis, "scale": {"zero": True}}
    colour = {
        "field": "label",
        "type": "nominal",
        "scale": {"domain": list(dict.fromkeys(data["label"])), "range": list(LINE_COLOURS)},
        "legend": {"orient": "bottom", "columns": 1, "title": None, "labelLimit": WIDTH},
    }
    detail = {"field": "stretch", "type": "nominal"}
    lines = make_layer(drawn, mark, x=_years(span), y=y, color=colour, detail=detail)
    return finish_spec([*_ceiling_rule(ceiling), lines], WIDTH - 35, 200)


def _stretches(data: pd.DataFrame) -> list[int]:
    """Number of the unbroken stretch each point is in: no line is drawn over more than a year without figures."""
    stretches: list[int] = []
    previous: tuple[str, float] | None = None
    for row in _records(data):
        joined = previous is not None and previous[0] == row.label and row.year - previous[1] <= 1
        stretches.append(stretches[-1] if joined else len(stretches))
        previous = (row.label, row.year)
    return stretches


def _ceiling_rule(ceiling: float | None) -> list[Spec]:
    """Dashed line at the configured ceiling."""
    if ceiling is None:
        return []
    data = pd.DataFrame({"value": [ceiling], "words": [f"configured ceiling {format_number(ceiling, 0)} %"]})
    y = {"field": "value", "type": "quantitative"}
    words = {"type": "text", "align": "left", "baseline": "bottom", "dy": -2, "color": QUIET}
    return [
        make_layer(data, {"type": "rule", "color": QUIET, "strokeDash": [5, 3]}, y=y),
        make_layer(data, words, y=y, x={"value": 2}, text={"field": "words"}),
    ]


def finish_spec(layers: list[Spec], width: int, height: int) -> Spec:
    """Specification with size and the common quiet look."""
    axis = {
        "gridColor": "#e4e4e4",
        "domainColor": "#999999",
        "tickColor": "#999999",
        "labelColor": HISTORY,
        "labelFontSize": 11,
        "titleColor": QUIET,
        "titleFontSize": 11,
        "titleFontWeight": "normal",
    }
    config = {
        "font": "DejaVu Sans" if font_folder() else "Liberation Sans",
        "aria": False,
        "background": "transparent",
        "padding": 2,
        "axis": axis,
        "text": {"fontSize": 11},
        "legend": {"labelFontSize": 11},
        "view": {"stroke": None},
    }
    schema = "https://vega.github.io/schema/vega-lite/v6.json"
    return {"$schema": schema, "width": width, "height": height, "layer": layers, "config": config}


# ---------------------------------------------------------------- figures to draw


def _records(data: pd.DataFrame) -> list[Any]:
    """Rows as named tuples, whose column types pandas does not know."""
    return list(data.itertuples())


def _pivot_measures(group: pd.DataFrame) -> pd.DataFrame:
    """One row per period in time order, one column per measure, and the decimal year."""
    wide = group.pivot_table(index="time_period", columns="measure", values="value", aggfunc="first")
    wide = wide.reindex(columns=list(MEASURE_LABELS)).astype(float).reset_index()
    dated = wide.assign(year=[decimal_year(period) for period in wide["time_period"]])
    return pd.DataFrame(dated.sort_values("year"))


def _forecast_with_anchor(wide: pd.DataFrame) -> pd.DataFrame:
    """Forecast periods, begun by the last observation, so that the fan opens from the line."""
    forecast = wide[wide["mean"].notna() | wide["q50"].notna()]
    forecast = forecast.assign(mean=forecast["mean"].fillna(forecast["q50"]))
    observed = wide.dropna(subset=["observed"])
    if forecast.empty or observed.empty:
        return forecast
    last = observed.iloc[[-1]]
    anchor = last.assign(**{name: last["observed"] for name in ("mean", *_FAN_QUANTILES)})
    ahead = forecast[forecast["year"] > float(last["year"].iloc[0])]
    return pd.DataFrame(pd.concat([anchor, ahead], ignore_index=True))


def decimal_year(period: object) -> float:
    """``2025`` -> 2025, ``2025-Q3`` -> 2025.5, ``2025-03`` -> 2025.1667 (start of the period)."""
    text = str(period)
    year, _, part = text.partition("-")
    if not part:
        return float(year)
    return float(year) + ((int(part[1:]) - 1) / 4 if part.startswith("Q") else (int(part[:2]) - 1) / 12)


def _last_observed(series: pd.DataFrame) -> pd.DataFrame:
    observed = series[
        (series["measure"] == "observed") & series["value"].notna() & (series["economic_activity"] != "_T")
    ]
    observed = observed.assign(year=[decimal_year(period) for period in observed["time_period"]])
    last = observed.sort_values("year", kind="stable").groupby("economic_activity", sort=False).tail(1)
    return last.assign(
        axis_label=shorten_labels(last), shown=[format_number(value, 0) for value in last["value"]]
    )


def shorten_labels(data: pd.DataFrame) -> list[str]:
    """Labels of one line; those that would look the same get their code, else a chart draws them as one."""
    short = [textwrap.shorten(clean_text(label), 48, placeholder="\u2026") for label in data["label"]]
    codes = [clean_text(code) for code in data["economic_activity"]]
    return [f"{s} ({c})" if short.count(s) > 1 else s for s, c in zip(short, codes, strict=True)]


def _gap_ranges(edition: Edition) -> pd.DataFrame:
    """One row per sector of T6 that has q10, q50 and q90 of the gap, largest median first."""
    cells = edition.cells[(edition.cells["table_id"] == "T6") & edition.cells["value"].notna()]
    quantile = cells["column_id"].astype(str).str.extract(r"gap_(q10|q50|q90)$", expand=False)
    found = cells.assign(quantile=quantile).dropna(subset=["quantile"])
    wide = found.pivot_table(index="row_id", columns="quantile", values="value", aggfunc="first", sort=False)
    wide = wide.reindex(columns=["q10", "q50", "q90"]).dropna().astype(float).reset_index()
    labels = dict(zip(found["row_id"], found["row_label"], strict=True))
    named = wide.assign(economic_activity=wide["row_id"], label=[labels[row] for row in wide["row_id"]])
    named = named.assign(
        axis_label=shorten_labels(named), colour=[_gap_colour(row.q10, row.q90) for row in _records(named)]
    )
    return named[named["row_id"] != "_T"].sort_values("q50", ascending=False, kind="stable")


def _scores(edition: Edition, measure: str) -> pd.DataFrame:
    """One row per series of the charts and kind of forecast that T12 has this measure of, in the order of T12."""
    cells = edition.cells[(edition.cells["table_id"] == "T12") & (edition.cells["column_id"] == measure)]
    known = cells[cells["value"].notna()].set_index("row_id")
    codes = list(dict.fromkeys(edition.series["economic_activity"]))
    labels = dict(zip(edition.series["economic_activity"], edition.series["label"], strict=True))
    wanted = [(code, start, name) for code in codes for start, name in EVIDENCE]
    rows = [
        (code, clean_text(labels[code]), name, float(known.loc[row_id, "value"]))
        for code, start, name in wanted
        if (row_id := start + (code.strip("_") if start else code)) in known.index
    ]
    data = pd.DataFrame(rows, columns=["economic_activity", "label", "evidence", "value"])
    one = data.drop_duplicates("economic_activity")
    names = dict(zip(one["economic_activity"], shorten_labels(one), strict=True))
    return data.assign(axis_label=data["economic_activity"].map(names))


def _gap_colour(low: Any, high: Any) -> str:
    return LACKING if low > 0 else LINE if high < 0 else QUIET


def _migrant_shares(edition: Edition) -> pd.DataFrame:
    """Rows label, time_period, year, value, shown: numeric T7 cells in per cent, shares of a period."""
    cells = edition.cells[(edition.cells["table_id"] == "T7") & (edition.cells["unit_measure"] == "PC")]
    names = cells["column_id"].astype(str)
    is_share = names.str.contains("share") & ~names.str.contains(_NOT_A_SHARE_OVER_TIME)
    found = cells[is_share & cells["value"].notna() & cells["time_period"].notna()]
    periods = [clean_text(period) for period in found["time_period"]]
    labels = [
        clean_text(label).replace(period, "").strip(" ,-()")
        for label, period in zip(found["row_label"], periods, strict=True)
    ]
    shown = [
        format_number(value, decimals)
        for value, decimals in zip(found["value"], found["decimals"], strict=True)
    ]
    data = pd.DataFrame(
        {
            "economic_activity": found["row_id"].to_list(),
            "label": labels,
            "time_period": periods,
            "value": found["value"].astype(float).to_list(),
            "shown": shown,
        }
    )
    data = data.assign(year=[decimal_year(period) for period in periods])
    return data.drop_duplicates(["label", "time_period"]).sort_values(["label", "year"], kind="stable")


def _ceiling(edition: Edition) -> float | None:
    """Configured ceiling in per cent, when T7 shows one and the same everywhere."""
    cells = edition.cells[(edition.cells["table_id"] == "T7") & (edition.cells["unit_measure"] == "PC")]
    values = set(cells.loc[cells["column_id"] == "ceiling", "value"].dropna())
    return float(values.pop()) if len(values) == 1 else None


def _share_words(data: pd.DataFrame) -> str:
    parts = []
    for label, group in data.groupby("label", sort=False):
        first, last = group.iloc[0], group.iloc[-1]
        start = f"{first['shown']} % in {first['time_period']}"
        end = f" to {last['shown']} % in {last['time_period']}" if len(group) > 1 else ""
        parts.append(f"{label} {start}{end}")
    return "Share of foreign workers among all workers: " + "; ".join(parts) + "."


def _fan_words(label: str, wide: pd.DataFrame) -> str:
    observed = wide.dropna(subset=["observed"])
    forecast = wide.dropna(subset=["mean"])
    text = f"Employment, {label}."
    if len(observed):
        first, last = observed.iloc[0], observed.iloc[-1]
        text += (
            f" Published: {format_number(first['observed'], 0)} in {first['time_period']}, "
            f"{format_number(last['observed'], 0)} in {last['time_period']}."
        )
    if forecast.empty:
        return f"{text} No forecast."
    end = forecast.iloc[-1]
    low, high = end["q10"], end["q90"]
    interval = f", 80 % interval {format_number(low, 0)} to {format_number(high, 0)}"
    span = "" if pd.isna(low) or pd.isna(high) else interval
    return f"{text} Forecast {format_number(end['mean'], 0)} in {end['time_period']}{span}."
