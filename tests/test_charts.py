"""Figures of an edition: what they draw, say and rest on, in every language and with every bad input."""

from __future__ import annotations

import dataclasses
import json
import re
from typing import Any
from xml.etree import ElementTree

import pandas as pd
import pytest

from lma.assessment.charted import CHARTED_COLUMNS, list_charted
from lma.contracts import Edition, TableSpec
from lma.languages import language
from lma.publish import charts, html
from lma.publish.charts import Chart, beveridge, drawing, foreign_share, heat_map, marks, options, pyramids
from tests.edition_builder import build_edition, make_cell, make_number


@pytest.fixture(scope="module")
def edition() -> Edition:
    """The synthetic edition of all tests of this file."""
    return build_edition()


def test_drawings_are_svg(edition: Edition) -> None:
    for chart in charts.fan_charts(edition):
        assert ElementTree.fromstring(charts.draw_svg(chart)).tag.endswith("svg")


def test_drawings_have_ids_of_their_own(edition: Edition, monkeypatch: pytest.MonkeyPatch) -> None:
    svg = '<svg><clipPath id="clip7"/><g clip-path="url(#clip7)"/></svg>'
    monkeypatch.setattr(drawing, "draw_spec", lambda spec: svg)
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
    assert chart.words == "No forecast for this sector; table T5 says why." and chart.alt.endswith(
        "No forecast."
    )


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
    accuracy = [c.chart_id for c in charts.list_figures(scored) if c.section == "accuracy"]
    assert accuracy == ["chart-skill", "chart-coverage-80"]


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


# ---------------------------------------------------------------- all figures of an edition

LONG, EMOJI = "A" * 300, "\U0001f469\u200d\U0001f527 tools " * 20
HOSTILE_LABELS = ("=cmd|' /C calc'!A0", "<script>alert(1)</script>", "\u202eturned", EMOJI, LONG, "nul\x00")


def _table(table_id: str, rows: dict[str, str], columns: dict[str, Any]) -> list[dict[str, Any]]:
    """Cells of one table: text where the given value is a text, else a number with its unit."""
    cells = []
    for order, (row, label) in enumerate(rows.items()):
        for place, (column, given) in enumerate(columns.items()):
            content: dict[str, Any] = {"text": given}
            if isinstance(given, float):
                content = make_number(
                    given, "PS", "ilostat_2emp_sector", ["a1a1a1a1a1a1:2"], time_period="2024"
                )
            cells.append(make_cell(f"{table_id}.{row}.{column}", (order, label), (place, column), **content))
    return cells


def _ages() -> pd.DataFrame:
    rows = [
        (
            "population",
            "POP",
            sex,
            f"Y{n}T{n + 4}",
            year,
            100.0 * (n + 1),
            "PS",
            "projection",
            "wpp",
            ["a1a1a1a1a1a1:2"],
        )
        for sex in ("F", "M")
        for year in ("2025", "2030")
        for n in (0, 15, 20)
    ]
    rates = [
        (
            "beveridge",
            measure,
            "_T",
            "_T",
            str(year),
            2.0 + year % 3,
            "PC",
            "reported",
            "x",
            ["b2b2b2b2b2b2:4"],
        )
        for measure in ("JOB_OPENINGS_RT", "UNE_RT")
        for year in range(2018, 2022)
    ]
    return pd.DataFrame([*rows, *rates], columns=list(CHARTED_COLUMNS))


def build_rich(
    sectors: dict[str, str] | None = None, value: float | None = None, label: str = "Mauritius"
) -> Edition:
    """An edition with every table that a figure draws, for these sectors, and one value everywhere if given."""
    sectors = sectors or {"C": "Manufacturing", "F": "Construction"}
    edition = build_edition()
    hindsight = {f"2012_{code}": name for code, name in sectors.items()}
    people = {f"ARRIVED_{code}": code for code in ("IND", "BGD", "REST")}
    money = {f"REMIT_OUT_{code}": code for code in ("IND", "CHN")}
    vintages = {f"REVISION_{code}_{end}": code for code in ("T", "IND") for end in ("EARLIER", "LATER")}
    verdicts = {
        "pay": "not assessed: PAY_UNKNOWN",
        "train": "try first: TRAIN_AHEAD",
        "migrate": "ruled out: NO",
    }
    ratings = {"rating_now": "N", "gap_share": 5.5, "p_shortage": 71.0, "final_rating": "SHORTAGE"}
    gaps = {"OPENINGS": 900.0, "SEEKERS": 700.0, "gap_q10": -50.0, "gap_q50": 200.0, "gap_q90": 600.0}
    past = {"gap_pc_q10": -5.0, "gap_pc_q50": 1.0, "gap_pc_q90": 6.0, "realised_gap_pc": 7.0}
    rows = [
        *_table("T3", sectors, ratings), *_table("T6", sectors, gaps), *_table("T9", sectors, verdicts),
        *_table("T18", hindsight, past), *_table("T12", sectors, {"skill": 0.25}),
        *_table("T8", {"IND-MUS": "India to Mauritius", "BGD-MUS": "Bangladesh to Mauritius"}, {"stock": 900.0}),
        *_table("T17", people, {"value": 500.0, "women": 200.0, "men": 300.0}),
        *_table("T17", {**money, **vintages}, {"value": 5e6}),
    ]  # fmt: skip
    kept = edition.cells[edition.cells["table_id"] == "T7"]
    cells = pd.concat([kept, pd.DataFrame(rows, columns=edition.cells.columns)], ignore_index=True)
    one = edition.series[edition.series["economic_activity"] == "C"]
    series = pd.concat([one.assign(economic_activity=code, label=name) for code, name in sectors.items()])
    charted = _ages()
    if value is not None:
        cells["value"] = cells["value"].where(cells["value"].isna(), value)
        series, charted = series.assign(value=value), charted.assign(value=value)
    return dataclasses.replace(edition, label=label, cells=cells, series=series, charted=charted)


def _sizes(svg: str) -> tuple[float, float, list[float]]:
    """Width, height and sizes of letters of a drawing; wrong numbers in it fail here."""
    root = ElementTree.fromstring(svg)
    width, height = map(float, root.attrib["viewBox"].split()[2:])
    letters = [float(size.rstrip("px")) for size in re.findall(r'font-size="([^"]+)"', svg)]
    assert "NaN" not in svg and "Infinity" not in svg
    return width, height, letters


def check_figures(edition: Edition) -> tuple[Chart, ...]:
    """All figures drawn: narrow enough for a phone, letters not small, nothing that runs."""
    figures = charts.list_figures(edition)
    for chart in figures:
        assert chart.title and chart.section in charts.list_sections(language("en"))
        assert len(chart.addresses) == len(chart.rows)
        if not chart.is_drawn:
            assert chart.words
            continue
        svg = charts.draw_svg(chart)
        width, height, letters = _sizes(svg)
        assert width <= 375 and height <= 1300 and min(letters, default=11) >= 10
        assert "<script" not in svg and "<style" not in svg and "<image" not in svg
        assert chart.alt and chart.source and chart.rows and set(map(len, chart.rows)) == {len(chart.header)}
    return figures


def test_figures_are_numbered_in_order_and_traced() -> None:
    edition = build_rich()
    figures = check_figures(edition)
    assert [c.chart_id for c in figures] == [
        "chart-heat", "chart-employment", "chart-population", "chart-beveridge", "chart-balance", "chart-openings",
        "chart-fan-1", "chart-fan-2", "chart-skill", "chart-hindsight-2012", "chart-options", "chart-migrants",
        "chart-corridors", "chart-people", "chart-money", "chart-vintages",
    ]  # fmt: skip
    # Panels of one figure share its number; sections follow each other.
    assert [c.number for c in figures] == [1, 2, 3, 4, 5, 6, 7, 7, 8, 9, 10, 11, 12, 13, 14, 15]
    sections = list(charts.list_sections(language("en")))
    assert [sections.index(c.section) for c in figures] == sorted(sections.index(c.section) for c in figures)
    known = {*edition.cells["address"], *edition.observations["observation_id"]}
    assert all(address in known for c in figures for row in c.addresses for address in row)
    untraced = {c.chart_id for c in figures if not all(c.addresses)}
    assert untraced == {"chart-fan-1", "chart-fan-2"}  # their forecasts are in T5, which this edition lacks


def test_cells_of_the_heat_map_are_words_with_symbols() -> None:
    heat = charts.list_figures(build_rich())[0]
    assert heat.rows[0] == ("Manufacturing", "not rated", "5.5", "71", "shortage")
    assert "\u25b2 shortage" in charts.draw_svg(heat) and "Manufacturing, Construction" in heat.alt


def test_options_keep_their_reason_code_and_decide_on_codes() -> None:
    edition = build_rich()
    (options,) = (c for c in charts.list_figures(edition) if c.section == "options")
    assert options.rows[0][1:3] == ("not assessed: PAY_UNKNOWN", "try first: TRAIN_AHEAD")
    assert "\u25b2 train" in charts.draw_svg(options)
    # A translated text beside its code changes nothing of the verdict.
    said = edition.cells.assign(code=edition.cells["text"], text="autre chose")
    (again,) = (
        c for c in charts.list_figures(dataclasses.replace(edition, cells=said)) if c.section == "options"
    )
    assert again.spec == options.spec


@pytest.mark.parametrize("value", [1e-9, 1e12, -1e12, 0.0])
def test_numbers_of_any_size_are_drawn(value: float) -> None:
    check_figures(build_rich({"C": "Manufacturing"}, value))


def test_any_label_is_drawn_and_nothing_runs() -> None:
    labels = {f"X{n}": text for n, text in enumerate(HOSTILE_LABELS)}
    for name in (LONG, EMOJI):
        check_figures(build_rich(labels, label=name))


def test_the_heat_map_names_every_symbol_it_uses() -> None:
    heat = next(c for c in charts.list_figures(build_rich()) if c.chart_id == "chart-heat")
    drawn = json.dumps(heat.spec, ensure_ascii=False)
    assert [symbol for symbol in heat_map.SYMBOLS.values() if f'"{symbol}"' not in drawn] == []


def test_two_hundred_sectors_are_drawn_in_part_and_said_so() -> None:
    figures = charts.list_figures(build_rich({f"X{n}": f"Sector {n}" for n in range(200)}))
    assert len([c for c in figures if c.group == "fans"]) == 25
    heat = [c for c in figures if c.chart_id.startswith("chart-heat")]
    assert [len(c.rows) for c in heat] == [13, 12] and all("25" in c.words and "200" in c.words for c in heat)
    balance = next(c for c in figures if c.chart_id == "chart-balance")
    assert len(balance.rows) == 200 and len(balance.spec["layer"][1]["data"]["values"]) == 25
    assert _sizes(charts.draw_svg(balance))[1] < 1000


def test_nothing_known_is_said_in_sentences() -> None:
    edition = build_rich()
    unknown = edition.cells.assign(value=float("nan"), symbol="[x]", reason="none")
    bare = dataclasses.replace(edition, cells=unknown, series=edition.series.iloc[:0], charted=pd.DataFrame())
    figures = check_figures(bare)
    said = {c.chart_id: c.words for c in figures if not c.is_drawn}
    assert set(said) == {"chart-population", "chart-beveridge", "chart-migrants", "chart-corridors"}
    assert "job vacancy rate" in said["chart-beveridge"]
    assert all(c.number == 0 for c in figures if not c.is_drawn)


def test_forty_years_ahead_are_drawn(edition: Edition) -> None:
    ahead: list[tuple[Any, ...]] = [
        ("C", "Manufacturing", str(year), m, 9.0, [])
        for year in range(2025, 2065)
        for m in ("mean", "q10", "q90")
    ]
    series = pd.concat([edition.series, pd.DataFrame(ahead, columns=list(edition.series.columns))])
    fan = charts.fan_charts(dataclasses.replace(edition, series=series[series["economic_activity"] == "C"]))[
        0
    ]
    assert _sizes(charts.draw_svg(fan))[0] < 345 and fan.rows[-1][0] == "2064"


def test_beveridge_curve_needs_both_rates() -> None:
    edition = build_rich()
    curve = charts.beveridge_chart(edition)
    assert curve.rows[0] == ("2018", "4.0", "4.0") and curve.addresses[0] == ("b2b2b2b2b2b2:4",) * 2
    only = edition.charted[edition.charted["measure"] != "UNE_RT"]
    without = charts.beveridge_chart(dataclasses.replace(edition, charted=only))
    assert not without.is_drawn and "unemployment rate" in without.words


def test_pictures_write_numbers_as_the_language_does() -> None:
    assert marks.number_locale("fr") == {
        "decimal": ",", "thousands": "\u202f", "grouping": [3], "currency": ["", ""],
    }  # fmt: skip
    chart = charts.employment_chart(dataclasses.replace(build_rich(value=1234.0), language="fr"))
    assert chart is not None and "1\u202f234" in charts.draw_svg(chart) and chart.rows[0][2] == "1\u202f234"


def test_png_is_a_picture_and_the_same_twice() -> None:
    chart = charts.list_figures(build_rich())[0]
    first = charts.draw_png(chart, 1.0)
    assert first.startswith(b"\x89PNG") and charts.draw_png(chart, 1.0) == first


def _contrast(colour: str, ground: str = "#ffffff") -> float:
    """Ratio of luminances as WCAG 2 defines it."""

    def luminance(code: str) -> float:
        parts = [int(code[n : n + 2], 16) / 255 for n in (1, 3, 5)]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    light, dark = sorted((luminance(colour), luminance(ground)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_marks_and_words_stand_out() -> None:
    lines = (
        *marks.LINE_COLOURS,
        marks.LINE,
        marks.HISTORY,
        marks.LACKING,
        marks.EDGE,
        pyramids.WOMEN,
        pyramids.MEN,
    )
    assert [colour for colour in lines if _contrast(colour) < 3] == []
    shades = (*heat_map.FILLS.values(), *(fill for _, fill in options.VERDICTS.values()), "#ffffff")
    assert [shade for shade in shades if _contrast(marks.HISTORY, shade) < 4.5] == []
    assert _contrast(marks.QUIET) >= 4.5


# ---------------------------------------------------------------- figures that only pictures draw


def _fact(indicator: str, period: str, value: float, **given: str) -> dict[str, Any]:
    known = {
        "ref_area": "MUS", "indicator": indicator, "freq": "A", "sex": "_T", "age": "_T", "citizenship": "_T",
        "economic_activity": "_T", "time_period": period, "obs_value": value, "unit_measure": "PS",
        "basis": "reported", "basis_kind": "reported", "source_id": "s",
        "observation_id": f"{indicator}:{period}:{given.get('sex', '')}{given.get('age', '')}",
    }  # fmt: skip
    return known | given


def test_charted_takes_the_ages_of_now_and_of_the_horizon() -> None:
    facts = [
        _fact("POP", year, 5.0, sex=sex, age=age)
        for year in ("2020", "2025", "2030", "2035")
        for sex in ("F", "M")
        for age in ("Y15T19", "Y5T9", "Y15T64")
    ]
    found = list_charted("MUS", "2026-11", 2029, pd.DataFrame(facts))
    assert sorted(set(found["time_period"])) == ["2025", "2030"]
    assert list(found["age"][:2]) == ["Y5T9", "Y15T19"] and found["inputs"][0] == ["POP:2025:FY5T9"]


def test_charted_means_whole_years_of_months_only() -> None:
    months = [_fact("JOB_OPENINGS_RT", f"2019-{n:02}", float(n), freq="M") for n in range(1, 13)]
    months += [_fact("JOB_OPENINGS_RT", "2020-01", 9.0, freq="M")]
    rates = [_fact("UNE_RT", year, 5.0) for year in ("2018", "2019", "2020")]
    found = list_charted("MUS", "2026-11", 2030, pd.DataFrame([*months, *rates]))
    assert list(zip(found["measure"], found["time_period"], found["value"], strict=True)) == [
        ("JOB_OPENINGS_RT", "2019", 6.5),
        ("UNE_RT", "2019", 5.0),
    ]
    assert len(found["inputs"][0]) == 12


def test_charted_of_no_observations_is_empty() -> None:
    facts = pd.DataFrame([_fact("EMP", "2020", 1.0)])
    assert list_charted("MUS", "2026-11", 2030, facts).empty


def test_years_of_the_curve_bear_their_name_where_it_has_room() -> None:
    data = pd.DataFrame({"unemployed": [4.0, 4.0, 8.0, 4.01], "vacant": [2.0, 2.0, 1.0, 2.0]})
    assert list(beveridge._choose_names(data)) == [False, False, True, True]
