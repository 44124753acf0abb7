"""Figures of the page: drawing, how to read it, source, the table behind it, and a way to where it comes from."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence

from lma.languages import Language
from lma.publish.charts import Chart, Mark
from lma.publish.markup import Html, bullet_list, element, escape_text, fold, inline_svg, join, plain_table

_MANY_PANELS = 4


def write_figures(charts: Iterable[Chart], words: Language) -> Html:
    """Figures one beside the other; panels of one figure together, with a choice where they are many."""
    parts: list[Html] = []
    for _, run in itertools.groupby(charts, key=lambda chart: chart.group or " "):
        found = list(run)
        parts.append(_write_panels(found, words) if found[0].group else _write_singles(found, words))
    return join(*parts)


def _write_singles(charts: Sequence[Chart], words: Language) -> Html:
    shown = [show_chart(chart, words) for chart in charts]
    return element("div", *shown, class_="charts singles")


def show_chart(chart: Chart, words: Language, heading: str = "h3") -> Html:
    """One figure with everything that belongs to it; where it cannot be drawn, why not."""
    caption = element("figcaption", element(heading, escape_text(_number(chart.title, chart.number, words))))
    how = element("p", escape_text(chart.words), class_="quiet") if chart.words else Html("")
    if not chart.is_drawn:
        return element("figure", caption, how, id=chart.chart_id, class_="single absent")
    content = (how, _legend(chart.legend), inline_svg(chart), _source(chart.source), _behind(chart, words))
    return element("figure", caption, *content, id=chart.chart_id, class_="single")


def _write_panels(charts: Sequence[Chart], words: Language) -> Html:
    first = charts[0]
    title = first.group_title or first.title
    return element(
        "div",
        element("h3", escape_text(_number(title, max(chart.number for chart in charts), words))),
        element("p", escape_text(first.group_words), class_="quiet") if first.group_words else Html(""),
        _legend(first.legend),
        _chooser(charts, words) if len(charts) > _MANY_PANELS else Html(""),
        element("div", *[_write_panel(chart, words) for chart in charts], class_="charts", id=first.group),
        _source(first.source),
        class_="panels",
    )


def _write_panel(chart: Chart, words: Language) -> Html:
    caption = element("figcaption", escape_text(chart.title))
    how = element("p", escape_text(chart.words), class_="quiet") if chart.words else Html("")
    drawn = inline_svg(chart) if chart.is_drawn else Html("")
    behind = _behind(chart, words) if chart.rows else Html("")
    return element("figure", caption, how, drawn, behind, id=chart.chart_id, class_="fan")


def _chooser(charts: Sequence[Chart], words: Language) -> Html:
    options = [element("option", escape_text(words.say("All sectors")), value="")]
    options += [element("option", escape_text(chart.title), value=chart.chart_id) for chart in charts]
    choice = element("select", *options, class_="choice", data_panels=charts[0].group)
    return element(
        "label", escape_text(words.say("Show")), Html(" "), choice, class_="choose", hidden="hidden"
    )


def _number(title: str, number: int, words: Language) -> str:
    return words.say("Figure {number}. {title}", number=number, title=title) if number else title


def _source(source: str) -> Html:
    return element("p", escape_text(source), class_="quiet source") if source else Html("")


def _legend(marks: Sequence[Mark]) -> Html:
    swatches = (Html(f"{_swatch(mark)}{escape_text(mark.words)}") for mark in marks)
    return bullet_list(swatches, class_="legend")


def _swatch(mark: Mark) -> Html:
    style = "background" if mark.kind in ("area", "dot") else "color"
    return element("i", class_=mark.kind, style=f"{style}:{mark.colour}", aria_hidden="true")


def _behind(chart: Chart, words: Language) -> Html:
    """Table of what is drawn, and the control that tells where it comes from."""
    rows = [tuple(escape_text(cell) for cell in row) for row in chart.rows]
    traced = {"data_figure": chart.chart_id} if any(chart.addresses) else {}
    table = plain_table(chart.title, chart.header, rows, "figures", **traced)
    parts = [fold(escape_text(words.say("Show the figures")), table)]
    if traced:
        said = escape_text(words.say("Where these figures come from"))
        name = words.say("Where these figures come from: {title}", title=chart.title)
        parts.append(
            element("button", said, type="button", class_="from", aria_label=name, hidden="hidden", **traced)
        )
    return element("div", *parts, class_="behind")
