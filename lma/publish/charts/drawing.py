"""Chart -> SVG or PNG, drawn without a browser or the network, in a font that has Latin, Cyrillic and Armenian."""

from __future__ import annotations

import functools
import importlib.util
import json
import re
from pathlib import Path

from lma.publish.charts.chart import Chart


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


@functools.lru_cache(maxsize=256)
def draw_spec(spec: str) -> str:
    """SVG of one specification; kept, because page, PDF and document of a language show the same charts."""
    import vl_convert

    _register_fonts()
    return str(vl_convert.vegalite_to_svg(spec, allowed_base_urls=[]))


def draw_svg(chart: Chart) -> str:
    """Chart -> SVG text. Ids are renamed after the chart, so that several drawings can stand in one page."""
    svg = draw_spec(json.dumps(chart.spec, allow_nan=False))
    for number, old in enumerate(dict.fromkeys(re.findall(r'\bid="([^"]+)"', svg))):
        svg = svg.replace(f'id="{old}"', f'id="{chart.chart_id}-{number}"')
        svg = svg.replace(f"url(#{old})", f"url(#{chart.chart_id}-{number})")
    return svg


def draw_png(chart: Chart, scale: float = 2.0) -> bytes:
    """Chart -> PNG on white, ``scale`` pixels to the unit; the same chart gives the same bytes."""
    import vl_convert

    svg = draw_spec(json.dumps({**chart.spec, "background": "#ffffff"}, allow_nan=False))
    return bytes(vl_convert.svg_to_png(svg, scale=scale))
