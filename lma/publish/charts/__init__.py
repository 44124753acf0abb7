"""Figures of an edition as Vega-Lite specifications, with alternative text and the table behind each.

Specifications are plain data, which is what Vega-Lite is: to build them through a library takes three
times as long as to draw them. The figures come from ``edition.series``, ``edition.charted`` and ``edition.cells`` as they are.
Charts are drawn to SVG when the edition is built, so that the page needs no chart library, no ``eval`` and
no network, and prints as it looks. Periods become decimal years, because dates would make the drawing
depend on the time zone of the machine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from lma.contracts import Edition
from lma.languages import Language
from lma.publish.charts.balance import balance_chart, openings_chart
from lma.publish.charts.beveridge import beveridge_chart
from lma.publish.charts.chart import Chart, Mark, Spec
from lma.publish.charts.corridors import corridor_chart
from lma.publish.charts.drawing import draw_png, draw_svg, font_folder
from lma.publish.charts.employment import employment_chart
from lma.publish.charts.fans import fan_charts
from lma.publish.charts.foreign_share import dependency_chart, migrant_share_chart
from lma.publish.charts.heat_map import heat_maps
from lma.publish.charts.hindsight import hindsight_charts
from lma.publish.charts.marks import (
    BAND_80,
    BAND_95,
    HISTORY,
    LACKING,
    LINE,
    QUIET,
    ROW,
    WIDTH,
    decimal_year,
    finish_spec,
    make_layer,
    name_sectors,
    persons_axis,
    sector_axis,
    shorten_labels,
)
from lma.publish.charts.options import option_charts
from lma.publish.charts.people_money import development_charts
from lma.publish.charts.pyramids import pyramid_charts
from lma.publish.charts.scorecard import further_score_charts, scorecard_charts
from lma.publish.shared import make_once

__all__ = [
    "BAND_80",
    "BAND_95",
    "HISTORY",
    "LACKING",
    "LINE",
    "QUIET",
    "ROW",
    "WIDTH",
    "Chart",
    "Mark",
    "Spec",
    "balance_chart",
    "beveridge_chart",
    "decimal_year",
    "dependency_chart",
    "draw_png",
    "draw_svg",
    "employment_chart",
    "fan_charts",
    "finish_spec",
    "font_folder",
    "list_figures",
    "list_sections",
    "make_layer",
    "migrant_share_chart",
    "name_sectors",
    "openings_chart",
    "persons_axis",
    "scorecard_charts",
    "sector_axis",
    "shorten_labels",
]

Maker = Callable[[Edition], "Chart | None | list[Chart]"]
MAKERS: tuple[Maker, ...] = (
    heat_maps,
    employment_chart,
    pyramid_charts,
    beveridge_chart,
    balance_chart,
    openings_chart,
    fan_charts,
    scorecard_charts,
    hindsight_charts,
    option_charts,
    dependency_chart,
    corridor_chart,
    development_charts,
    further_score_charts,
)
"""Figures in the order of the edition."""


def list_sections(words: Language) -> dict[str, str]:
    """Sections of the figures in their order: id -> heading."""
    return {
        "activities": words.say("Sectors at a glance"),
        "workforce": words.say("The workforce"),
        "balance": words.say("Demand and supply of workers"),
        "projection": words.say("Employment: history and projection"),
        "accuracy": words.say("How good past forecasts were"),
        "options": words.say("What could be done"),
        "migration": words.say("Migration and dependency"),
        "further": words.say("Further scores of past forecasts"),
    }


@make_once
def list_figures(edition: Edition) -> tuple[Chart, ...]:
    """All figures of an edition in their order, numbered; those of a group are panels and share a number.

    A figure that the data do not allow is there too, not drawn (``is_drawn``), its ``words`` saying why.
    """
    found: list[Chart] = []
    for make in MAKERS:
        made = make(edition)
        found += made if isinstance(made, list) else [made] if made is not None else []
    return _number(found)


def _number(charts: Iterable[Chart]) -> tuple[Chart, ...]:
    numbered: list[Chart] = []
    numbers: dict[str, int] = {}
    for chart in charts:
        if chart.is_drawn:
            numbers.setdefault(chart.group or chart.chart_id, len(numbers) + 1)
        numbered.append(
            replace(chart, number=numbers[chart.group or chart.chart_id] if chart.is_drawn else 0)
        )
    return tuple(numbered)
