"""The map of the countries that have an edition: drawn by Vega-Lite when the site is built, as plain SVG.

``world.json`` says where outlines and capitals come from; benchmarks/make_world.py cuts it.
"""

from __future__ import annotations

import functools
import html
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lma.contracts import codelist
from lma.publish.charts.drawing import draw_spec
from lma.publish.grid import clean_text
from lma.publish.markup import Html
from lma.publish.site.frame import read_asset

WIDTH, HEIGHT = 960, 440
LAND, WITH_GAP, WITHOUT_GAP = "#d5d9dd", "#08457e", "#7d5a00"
# Vega turns a relative link into one of its own web site, so links begin with a name that leads nowhere and is cut off again.
_HERE = "https://site.invalid/"


@dataclass(frozen=True)
class Mark:
    """One country on the map: ``label`` is what a screen reader says of its link."""

    ref_area: str
    label: str
    href: str
    has_gap: bool


@functools.cache
def _world() -> dict[str, Any]:
    return dict(json.loads(read_asset("world.json")))


def draw_map(marks: Sequence[Mark], label: str) -> Html:
    """SVG of the world; a country with an edition is a link, by its outline and by a dot at its capital.

    The dot alone is reached with the keyboard, so that no country is met twice; a country without a dot is reached by its outline.
    """
    svg = draw_spec(json.dumps(_specify(marks), sort_keys=True)).replace(_HERE, "")
    svg = re.sub(r"(\d+\.\d)\d+", r"\1", svg)
    dotted = {html.escape(mark.href, quote=True) for mark in marks if mark.ref_area in _world()["capitals"]}
    outlines, mark, dots = svg.partition('<g class="mark-symbol')
    outlines = re.sub(r'<a xlink:href="([^"]*)">', lambda found: _outline_link(found[1], dotted), outlines)
    dots = dots.replace("<a xlink:href=", '<a class="dot" href=')
    drawing = re.sub(
        r'role="graphics-(?:object|symbol)" aria-roledescription="[^"]*"', "", outlines + mark + dots
    )
    inside = drawing.split(">", 1)[1]
    said = html.escape(clean_text(label), quote=True)
    return Html(
        f'<svg class="world" viewBox="0 0 {WIDTH} {HEIGHT}" role="group" aria-label="{said}">{inside}'
    )


def _outline_link(href: str, dotted: set[str]) -> str:
    return f'<a href="{href}"' + (' tabindex="-1" aria-hidden="true">' if href in dotted else ">")


def _specify(marks: Sequence[Mark]) -> dict[str, Any]:
    listed = codelist("areas")
    numbers = dict(zip(listed["area"], listed["m49"], strict=True))
    rows = [
        {
            "id": numbers.get(mark.ref_area, ""),
            "label": clean_text(mark.label),
            "href": _HERE + mark.href,
            "has_gap": mark.has_gap,
            "place": _world()["capitals"].get(mark.ref_area),
        }
        for mark in marks
    ]
    land = {
        "data": _outlines(_world()["outlines"]),
        "mark": {"type": "geoshape", "fill": LAND, "stroke": "#fff", "strokeWidth": 0.5, "aria": False},
    }
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "width": WIDTH,
        "height": HEIGHT,
        "padding": 0,
        "background": None,
        "projection": {"type": "equalEarth"},
        "config": {"view": {"stroke": None}},
        "layer": [land, _assessed(rows), _dots([row for row in rows if row["place"]])],
    }


def _outlines(topology: dict[str, Any]) -> dict[str, Any]:
    return {"values": topology, "format": {"type": "topojson", "feature": "countries"}}


def _colour(inside: str = "") -> dict[str, Any]:
    return {"condition": {"test": f"datum.{inside}has_gap", "value": WITH_GAP}, "value": WITHOUT_GAP}


def _assessed(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Outlines of the countries with an edition, over the land."""
    known = {row["id"]: row for row in rows}
    all_outlines = _world()["outlines"]["objects"]["countries"]["geometries"]
    mine = [one | {"properties": known[one["id"]]} for one in all_outlines if one.get("id") in known]
    countries = {"type": "GeometryCollection", "geometries": mine}
    return {
        "data": _outlines({**_world()["outlines"], "objects": {"countries": countries}}),
        "mark": {"type": "geoshape", "stroke": "#fff", "strokeWidth": 0.5},
        "encoding": {
            "fill": _colour("properties."),
            "href": {"field": "properties.href"},
            "description": {"field": "properties.label"},
        },
    }


def _dots(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """A dot with a white rim; a square where there is no gap, so that colour is not the only sign."""
    shape = {"condition": {"test": "datum.has_gap", "value": "circle"}, "value": "square"}
    places = {
        axis: {"field": f"place[{n}]", "type": "quantitative"}
        for n, axis in enumerate(("longitude", "latitude"))
    }
    drawn = {"fill": _colour(), "shape": shape, "href": {"field": "href"}, "description": {"field": "label"}}
    return {
        "data": {"values": rows},
        "mark": {"type": "point", "size": 110, "stroke": "#fff", "strokeWidth": 1.5, "opacity": 1},
        "encoding": {**places, **drawn},
    }
