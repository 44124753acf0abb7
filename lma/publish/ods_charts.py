"""Charts of the OpenDocument workbook: each a document of its own that draws the cells of its sheet's table."""

from __future__ import annotations

from collections.abc import Iterator
from xml.sax.saxutils import escape, quoteattr

from lma.publish.sheets import FONT, Picture, Series, Sheet

SPACES = " ".join(
    f'xmlns:{prefix}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
    for prefix, name in {
        "office": "office",
        "style": "style",
        "text": "text",
        "table": "table",
        "draw": "drawing",
        "fo": "xsl-fo-compatible",
        "svg": "svg-compatible",
        "number": "datastyle",
        "chart": "chart",
    }.items()
)
MEDIA_TYPE = "application/vnd.oasis.opendocument.chart"
_WIDTH, _LEAST_HEIGHT, _MOST_HEIGHT = 24.0, 12.5, 60.0
# Told apart by their marks or their place, not by colour alone.
_LINES = {
    "main": ("#12436d", "none"),
    "middle": ("#12436d", "diamond"),
    "end": ("#801650", "arrow-up"),
    "other": ("#3d3d3d", "square"),
}
_BARS = {"main": "#12436d", "low": "#28a197", "middle": "#12436d", "end": "#801650"}


def column_letters(number: int) -> str:
    """Letters of a column counted from 0: 0 is A, 26 is AA."""
    return (column_letters(number // 26 - 1) if number > 25 else "") + chr(65 + number % 26)


def place(content: Sheet, first: tuple[int, int], last: tuple[int, int]) -> str:
    """Address of a range of a sheet, as OpenDocument writes it; rows and columns from 0."""
    quoted = "'" + content.name.replace("'", "''") + "'"
    return ":".join(f"{quoted}.{column_letters(column)}{row + 1}" for row, column in (first, last))


def find_size(content: Sheet, picture: Picture) -> tuple[float, float]:
    """Width and height of a chart in centimetres: room for every bar."""
    n_bars = len(content.rows) * len(picture.series) if picture.kind == "bars" else 0
    return _WIDTH, min(
        max(_LEAST_HEIGHT, 3.5 + (0.85 if len(picture.series) == 1 else 0.4) * n_bars), _MOST_HEIGHT
    )


# ---------------------------------------------------------------- styles


def _style(name: str, *properties: str, data: str = "") -> str:
    shown = f' style:data-style-name="{data}"' if data else ""
    return f'<style:style style:name="{name}" style:family="chart"{shown}>{"".join(properties)}</style:style>'


def _text(points: int, bold: bool = False) -> str:
    weight = ' fo:font-weight="bold"' if bold else ""
    return f'<style:text-properties fo:font-family="{FONT}" fo:font-size="{points}pt"{weight}/>'


def _graphic(fill: str = "", stroke: str = "", width: float = 0.0) -> str:
    filled = f'draw:fill="solid" draw:fill-color="{fill}"' if fill else 'draw:fill="none"'
    drawn = (
        f'draw:stroke="solid" svg:stroke-color="{stroke}" svg:stroke-width="{width}cm"'
        if stroke
        else 'draw:stroke="none"'
    )
    return f"<style:graphic-properties {filled} {drawn}/>"


def _chart_properties(**given: str) -> str:
    said = " ".join(f'chart:{name.replace("_", "-")}="{value}"' for name, value in given.items())
    return f"<style:chart-properties {said}/>"


def _series_style(number: int, picture: Picture, series: Series) -> str:
    if picture.kind == "bars":
        return _style(f"series_{number}", _chart_properties(), _graphic(fill=_BARS[series.look]))
    colour, symbol = _LINES[series.look]
    marked = (
        {"symbol_type": "none"}
        if symbol == "none"
        else {"symbol_type": "named-symbol", "symbol_name": symbol}
    )
    line = _chart_properties(**marked, symbol_width="0.2cm", symbol_height="0.2cm")
    return _style(f"series_{number}", line, _graphic(fill=colour, stroke=colour, width=0.06))


def _number_style(name: str, decimals: int, grouped: bool) -> str:
    return (
        f'<number:number-style style:name="{name}"><number:number number:decimal-places="{decimals}" '
        f'number:min-integer-digits="1" number:grouping="{str(grouped).lower()}"/></number:number-style>'
    )


def _write_styles(content: Sheet, picture: Picture) -> Iterator[str]:
    yield _number_style("values", picture.decimals, grouped=True)
    yield _number_style("years", 0, grouped=False)
    yield _style("chart", _graphic(fill="#ffffff"))
    yield _style("title", _text(12, bold=True))
    yield _style("words", _graphic(), _text(10))
    yield _style("wall", _graphic())
    shape = {"vertical": "true"} if picture.kind == "bars" else {"lines": "true", "symbol_type": "automatic"}
    yield _style("plot", _chart_properties(**shape, include_hidden_cells="true"))
    yield _style("grid", _graphic(stroke="#bfbfbf", width=0.01))
    if picture.kind == "bars":
        labels = _chart_properties(
            display_label="true", reverse_direction="true", axis_label_position="outside-start"
        )
        yield _style("categories", labels, _text(10))
    else:
        years = [row[picture.series[0].categories].number or 0.0 for row in content.rows]
        ends = {"minimum": str(int(min(years))), "maximum": str(int(max(years) + 0.999))}
        yield _style("categories", _chart_properties(display_label="true", **ends), _text(10), data="years")
    yield _style("numbers", _chart_properties(display_label="true"), _text(10), data="values")
    yield from (_series_style(number, picture, series) for number, series in enumerate(picture.series))


# ---------------------------------------------------------------- the chart


def _write_series(content: Sheet, picture: Picture, number: int, series: Series) -> str:
    first, last = (content.header_row + 1 + row for row in series.rows)
    values = place(content, (first, series.values), (last, series.values))
    name = (first, 0) if picture.kind == "lines" else (content.header_row, series.values)
    label = place(content, name, name).partition(":")[0]
    domain = ""
    if picture.kind == "lines":
        years = place(content, (first, series.categories), (last, series.categories))
        domain = f"<chart:domain table:cell-range-address={quoteattr(years)}/>"
    kind = "chart:bar" if picture.kind == "bars" else "chart:scatter"
    return (
        f'<chart:series chart:style-name="series_{number}" chart:class="{kind}" '
        f"chart:values-cell-range-address={quoteattr(values)} chart:label-cell-address={quoteattr(label)}>{domain}"
        f'<chart:data-point chart:repeated="{last - first + 1}"/></chart:series>'
    )


def _write_axes(content: Sheet, picture: Picture) -> str:
    first = picture.series[0]
    start, end = (content.header_row + 1 + row for row in first.rows)
    categories = place(content, (start, first.categories), (end, first.categories))
    bars = picture.kind == "bars"
    named = f"<chart:categories table:cell-range-address={quoteattr(categories)}/>" if bars else ""
    title = '<chart:title chart:style-name="words"><text:p>{}</text:p></chart:title>'
    across = "" if bars else title.format(escape(picture.category_title))
    return (
        f'<chart:axis chart:dimension="x" chart:name="primary-x" chart:style-name="categories">{across}{named}</chart:axis>'
        f'<chart:axis chart:dimension="y" chart:name="primary-y" chart:style-name="numbers">{title.format(escape(picture.value_title))}'
        '<chart:grid chart:style-name="grid" chart:class="major"/></chart:axis>'
    )


def write_chart(content: Sheet, picture: Picture) -> str:
    """The content of the chart's document."""
    width, height = find_size(content, picture)
    series = (_write_series(content, picture, number, one) for number, one in enumerate(picture.series))
    kind = "chart:bar" if picture.kind == "bars" else "chart:scatter"
    legend = (
        '<chart:legend chart:legend-position="bottom" chart:style-name="words"/>'
        if len(picture.series) > 1
        else ""
    )
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><office:document-content {SPACES} office:version="1.4">'
        f"<office:automatic-styles>{''.join(_write_styles(content, picture))}</office:automatic-styles>"
        f'<office:body><office:chart><chart:chart chart:class="{kind}" chart:style-name="chart" '
        f'svg:width="{width}cm" svg:height="{height}cm">'
        f'<chart:title chart:style-name="title"><text:p>{escape(content.title)}</text:p></chart:title>{legend}'
        f'<chart:plot-area chart:style-name="plot">{_write_axes(content, picture)}{"".join(series)}'
        '<chart:wall chart:style-name="wall"/></chart:plot-area>'
        "</chart:chart></office:chart></office:body></office:document-content>"
    )
