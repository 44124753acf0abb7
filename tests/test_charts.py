"""Figures of an edition: what they draw, say and rest on, in every language and with every bad input."""

from __future__ import annotations

import dataclasses
import re
from xml.etree import ElementTree

import pandas as pd
import pytest

from lma.contracts import Edition, TableSpec
from lma.publish import charts, html
from lma.publish.charts import drawing, foreign_share
from tests.edition_builder import build_edition, make_cell


@pytest.fixture(scope="module")
def edition() -> Edition:
    """The synthetic edition of all tests of this file."""
    return build_edition()


def test_drawings_are_svg(edition: Edition) -> None:
    for chart in charts.fan_charts(edition):
        assert ElementTree.fromstring(charts.draw_svg(chart)).tag.endswith("svg")


def test_drawings_have_ids_of_their_own(edition: Edition, monkeypatch: pytest.MonkeyPatch) -> None:
    svg = '<svg><clipPath id="clip7"/><g clip-path="url(#clip7)"/></svg>'
    monkeypatch.setattr(drawing, "_draw", lambda spec: svg)
    drawn = [charts.draw_svg(chart) for chart in charts.fan_charts(edition)[:2]]
    assert [re.findall(r'id="([^"]+)"|#([^)]+)', svg) for svg in drawn] == [
        [("chart-fan-1-0", ""), ("", "chart-fan-1-0")],
        [("chart-fan-2-0", ""), ("", "chart-fan-2-0")],
    ]


def test_fan_chart_draws_the_series_as_it_is(edition: Edition) -> None:
    chart = charts.fan_charts(edition)[1]
    assert chart.title == "Manufacturing"
    assert chart.rows[-1][0] == "2030" and chart.rows[12] == ("2024", "81,250", "", "", "", "", "", "")
    areas = [layer for layer in chart.spec["layer"] if layer["mark"]["type"] == "area"]
    assert [layer["encoding"]["y"]["field"] for layer in areas] == ["q025", "q10"]
    # The fan opens from the last observation, then has one point a year.
    assert [len(layer["data"]["values"]) for layer in areas] == [7, 7]
    assert areas[0]["data"]["values"][0] == {"q025": 81250.0, "q975": 81250.0, "year": 2024.0}
    assert "last figure 2024" in charts.draw_svg(chart)


def test_sector_without_forecast_says_so(edition: Edition) -> None:
    is_ahead = (edition.series["economic_activity"] == "A") & (edition.series["measure"] != "observed")
    chart = charts.fan_charts(dataclasses.replace(edition, series=edition.series[~is_ahead]))[0]
    assert chart.words == charts.NO_FORECAST_WORDS and chart.alt.endswith("No forecast.")


def test_balance_chart_takes_the_gap_of_t6(edition: Edition) -> None:
    chart = charts.balance_chart(edition)
    assert chart is not None
    assert chart.rows[0] == ("Accommodation and food services", "1,500", "3,350", "5,200")
    assert "Even the low end lacks workers in: Accommodation and food services." in chart.alt
    without = dataclasses.replace(edition, cells=edition.cells[edition.cells["table_id"] != "T6"])
    assert charts.balance_chart(without) is None


def _with_scores(edition: Edition, figures: dict[str, float]) -> Edition:
    """The edition with a T12 of these cells: address -> value."""
    rows = [
        make_cell(address, (n, "Series"), (0, "Skill"), value=value, unit_measure="RATIO", decimals=2)
        for n, (address, value) in enumerate(figures.items())
    ]
    return dataclasses.replace(
        edition,
        cells=pd.concat([edition.cells, pd.DataFrame(rows)], ignore_index=True),
        tables=(*edition.tables, TableSpec("T12", "Accuracy of the forecasts", "", "Series")),
    )


def test_scorecard_is_drawn_per_measure_with_every_evidence(edition: Edition) -> None:
    figures = {
        "T12.C.skill": 0.25,
        "T12.HINDCAST_C.skill": -0.5,
        "T12.F.skill": 0.1,
        "T12.HINDCAST_T.skill": 9.0,
    }
    scored = _with_scores(edition, figures | {"T12.C.coverage_80": 65.0, "T12.REP_MAN.skill": 0.9})
    skill, coverage = charts.scorecard_charts(scored)
    # Series of the charts only, and the backtest apart from hindcasts.
    assert skill.rows == (
        ("Manufacturing", "backtest", "0.25"),
        ("Manufacturing", "hindcasts", "\u22120.50"),
        ("Construction", "backtest", "0.10"),
        ("All sectors", "hindcasts", "9.00"),
    )
    assert "Above 0: 2 of 2 (backtest), 1 of 2 (hindcasts) series" in skill.alt
    assert coverage.chart_id == "chart-coverage-80" and "at 80 %" in coverage.words
    assert "600m" not in charts.draw_svg(skill)
    assert 'id="chart-skill"' in html.render(scored)
    assert [c.chart_id for c in charts.list_figures(scored)][-2:] == ["chart-skill", "chart-coverage-80"]


def test_edition_without_scores_has_no_scorecard(edition: Edition) -> None:
    assert charts.scorecard_charts(edition) == []


def test_share_chart_joins_the_periods_of_a_zone(edition: Edition) -> None:
    bars = charts.migrant_share_chart(edition)
    assert bars is not None and [row[:2] for row in bars.rows] == [("Export oriented enterprises", "2025-Q2")]
    earlier = edition.cells[edition.cells["address"] == "T7.EOE.share"].assign(
        address="T7.EOE_2024-Q2.share", row_id="EOE_2024-Q2", time_period="2024-Q2", value=30.0,
        row_label="Export oriented enterprises, 2024-Q2",
    )  # fmt: skip
    lines = charts.migrant_share_chart(
        dataclasses.replace(edition, cells=pd.concat([edition.cells, earlier]))
    )
    assert lines is not None and [row[2] for row in lines.rows] == ["30.0", "34.2"]
    assert [point["stretch"] for point in lines.spec["layer"][2]["data"]["values"]] == [0, 0]
    assert "configured ceiling 50 %" in charts.draw_svg(lines)


def test_no_line_is_drawn_over_years_without_figures() -> None:
    data = pd.DataFrame({"label": ["a", "a", "a", "b"], "year": [2015.0, 2015.75, 2019.0, 2019.25]})
    assert foreign_share._stretches(data) == [0, 0, 2, 3]


def test_sectors_that_look_the_same_are_drawn_apart(edition: Edition) -> None:
    chart = charts.employment_chart(dataclasses.replace(edition, series=edition.series.assign(label="Same")))
    assert chart is not None
    values = chart.spec["layer"][0]["data"]["values"]
    assert len({row["axis_label"] for row in values}) == len(values) == 4


def test_periods_become_years_without_a_clock() -> None:
    assert [charts.decimal_year(p) for p in ("2025", "2025-Q3", "2025-07")] == [2025.0, 2025.5, 2025.5]
