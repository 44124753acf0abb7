"""Charts of scenarios beside the baseline: by sector, by year, and the difference."""

from __future__ import annotations

from typing import Any

import pandas as pd

from lma.contracts import Scenario, ScenarioResults
from lma.publish.charts import (
    LACKING,
    LINE,
    QUIET,
    ROW,
    WIDTH,
    Chart,
    Spec,
    finish_spec,
    make_layer,
    name_sectors,
    persons_axis,
    sector_axis,
    shorten_labels,
)
from lma.publish.layout import format_number

BASELINE_COLOUR, SCENARIO_COLOUR = QUIET, LINE
LOWER, HIGHER = "#1b7a4b", LACKING
# Pixels below the name of a sector: the line of the baseline, and that of the scenario under it.
DROPS = {"baseline": 5, "scenario": 13}
COUNTRY = "_T"
RANGE_WORDS = "Line: from q10 to q90 of the simulated figures; dot: their median."


def name_scenario(name: str) -> str:
    """Name of a scenario as a heading: More women."""
    return name.replace("_", " ").capitalize()


def select_gaps(results: ScenarioResults, name: str, figure: str, period: str | None = None) -> pd.DataFrame:
    """Rows of the gap of one scenario in the order of the sectors, with their labels; all years by default."""
    f = results.figures
    rows = f[(f["scenario"] == name) & (f["measure"] == "GAP") & (f["figure"] == figure)]
    rows = rows[rows["time_period"] == (period or results.span)]
    return rows.assign(label=[results.labels.get(code, code) for code in rows["economic_activity"]])


def overview_chart(results: ScenarioResults) -> Chart | None:
    """Difference of the country's gap, one row per scenario; None without any figure."""
    rows = pd.concat([select_gaps(results, s.name, "difference") for s in results.scenarios])
    rows = rows[(rows["economic_activity"] == COUNTRY) & rows["q50"].notna()]
    if rows.empty:
        return None
    named = rows.assign(
        label=[name_scenario(name) for name in rows["scenario"]], economic_activity=rows["scenario"]
    )
    title = f"What each scenario changes: gap of the country, {results.span}"
    return _difference_chart("chart-overview", title, named, "Scenario")


def difference_chart(results: ScenarioResults, scenario: Scenario) -> Chart | None:
    """Difference of the gap by sector under one scenario; None without any figure."""
    rows = select_gaps(results, scenario.name, "difference")
    rows = rows[(rows["economic_activity"] != COUNTRY) & rows["q50"].notna()]
    if rows.empty:
        return None
    title = f"Difference from the baseline by sector, {results.span}"
    return _difference_chart(f"chart-difference-{scenario.name}", title, rows, "Sector")


def _difference_chart(chart_id: str, title: str, rows: pd.DataFrame, heading: str) -> Chart:
    colours = [LOWER if q50 < 0 else HIGHER if q50 > 0 else QUIET for q50 in rows["q50"]]
    data = rows.assign(axis_label=shorten_labels(rows), colour=colours, drop=9)
    layers = [_zero_line(), *_range_layers(data, 9), *name_sectors(data)]
    shown = tuple(
        (row.label, *(_show(value) for value in (row.q10, row.q50, row.q90))) for row in _records(data)
    )
    words = (
        "Left of zero the scenario leaves fewer workers lacking than the baseline, right of zero more. The "
        f"range is that of the difference in each draw. {RANGE_WORDS}"
    )
    moved = [f"{row.label} {_show(row.q50)}" for row in _records(data) if row.q50]
    alt = f"{title}, persons, median: {'; '.join(moved) or 'no change'}."
    header = (heading, "Low (q10)", "Median", "High (q90)")
    return Chart(chart_id, title, alt, finish_spec(layers, WIDTH, ROW * len(data)), header, shown, words)


def sector_chart(results: ScenarioResults, scenario: Scenario) -> Chart | None:
    """Gap by sector, baseline above scenario; None without any figure."""
    pairs = {
        "baseline": select_gaps(results, "baseline", "value"),
        "scenario": select_gaps(results, scenario.name, "value"),
    }
    kept = {
        who: rows[(rows["economic_activity"] != COUNTRY) & rows["q50"].notna()] for who, rows in pairs.items()
    }
    if kept["scenario"].empty:
        return None
    colours = {"baseline": BASELINE_COLOUR, "scenario": SCENARIO_COLOUR}
    data = {
        who: rows.assign(axis_label=shorten_labels(rows), colour=colours[who]) for who, rows in kept.items()
    }
    layers = [_zero_line()]
    for who, drop in DROPS.items():
        layers += _range_layers(data[who], drop)
    layers += name_sectors(data["baseline"])
    both = zip(_records(data["baseline"]), _records(data["scenario"]), strict=True)
    shown = tuple((old.label, show_range(old), show_range(new)) for old, new in both)
    title = f"Gap by sector, {results.span}: baseline (grey) and scenario (blue)"
    alt = f"{title}. The table below the chart has every figure."
    words = f"Right of zero workers are lacking. {RANGE_WORDS}"
    header = ("Sector", "Baseline, median (q10 to q90)", "Scenario, median (q10 to q90)")
    spec = finish_spec(layers, WIDTH, ROW * len(data["baseline"]))
    return Chart(f"chart-sectors-{scenario.name}", title, alt, spec, header, shown, words)


def path_chart(results: ScenarioResults, scenario: Scenario) -> Chart | None:
    """Gap of the country since the first year, year by year, with its range; None without any figure."""
    data = {
        who: _read_path(results, name)
        for who, name in (("baseline", "baseline"), ("scenario", scenario.name))
    }
    if data["scenario"].empty or data["baseline"].empty:
        return None
    years = [float(results.years[0]), float(max(results.years[-1], results.years[0] + 1))]
    x = {
        "field": "year",
        "type": "quantitative",
        "title": None,
        "axis": {"format": "d", "tickMinStep": 1, "tickCount": 6, "grid": False},
        "scale": {"domain": years, "nice": False},
    }
    layers = [_zero_line("y")]
    for who, colour in (("baseline", BASELINE_COLOUR), ("scenario", SCENARIO_COLOUR)):
        layers += _path_layers(data[who], colour, x)
    both = zip(_records(data["baseline"]), _records(data["scenario"]), strict=True)
    shown = tuple((old.time_period, show_range(old), show_range(new)) for old, new in both)
    title = "Gap of the country since the first year: baseline (grey) and scenario (blue)"
    alt = f"{title}, persons. In {results.span}: baseline {shown[-1][1]}, scenario {shown[-1][2]}."
    words = "Lines: medians; shaded: q10 to q90. Above zero workers are lacking."
    header = ("Since the first year", "Baseline, median (q10 to q90)", "Scenario, median (q10 to q90)")
    return Chart(
        f"chart-path-{scenario.name}", title, alt, finish_spec(layers, 285, 180), header, shown, words
    )


def _read_path(results: ScenarioResults, name: str) -> pd.DataFrame:
    spans = [f"{results.years[0]}-{year}" for year in results.years]
    parts = [select_gaps(results, name, "value", span) for span in spans]
    rows = pd.concat([part[part["economic_activity"] == COUNTRY] for part in parts])
    rows = rows.assign(year=[float(period.partition("-")[2]) for period in rows["time_period"]])
    return rows[rows["q50"].notna()]


def _path_layers(data: pd.DataFrame, colour: str, x: Spec) -> list[Spec]:
    y = {"field": "q10", "type": "quantitative", "title": None, "axis": persons_axis(5)}
    middle = {**y, "field": "q50"}
    band = {"type": "area", "color": colour, "opacity": 0.18}
    line = {"type": "line", "color": colour, "strokeWidth": 2, "point": {"filled": True, "color": colour}}
    return [
        make_layer(data, band, x=x, y=y, y2={"field": "q90"}),
        make_layer(data, line, x=x, y=middle),
    ]


def _range_layers(data: pd.DataFrame, drop: int) -> list[Spec]:
    """A line from q10 to q90 and a dot at the median, so many pixels below the middle of the row."""
    axis = {**persons_axis(5), "labelOverlap": "greedy"}
    x = {"field": "q10", "type": "quantitative", "title": "persons", "axis": axis}
    common = {"y": sector_axis(data), "color": {"field": "colour", "type": "nominal", "scale": None}}
    rule = {"type": "rule", "strokeWidth": 4, "opacity": 0.5, "yOffset": drop}
    point = {"type": "point", "filled": True, "size": 45, "opacity": 1, "yOffset": drop}
    return [
        make_layer(data, rule, x=x, x2={"field": "q90"}, **common),
        make_layer(data, point, x={"field": "q50", "type": "quantitative"}, **common),
    ]


def _zero_line(axis: str = "x") -> Spec:
    place = {"field": "zero", "type": "quantitative", "title": "persons" if axis == "x" else None}
    return make_layer(pd.DataFrame({"zero": [0]}), {"type": "rule", "color": "#999999"}, **{axis: place})


def _show(value: Any) -> str:
    return "" if pd.isna(value) else format_number(value, 0)


def show_range(row: Any) -> str:
    """Median with its range, such as '1,200 (-300 to 2,900)'; the reason where there is no figure."""
    if pd.isna(row.q50):
        return str(row.reason or "")
    if row.q10 == row.q90:
        return f"{_show(row.q50)} in every draw" if row.q50 else "none"
    return f"{_show(row.q50)} ({_show(row.q10)} to {_show(row.q90)})"


def _records(data: pd.DataFrame) -> list[Any]:
    return list(data.itertuples())
