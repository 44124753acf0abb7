"""A grid of cells with words in them: rows with their name above, as a phone has no room beside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from lma.publish.charts.chart import Spec
from lma.publish.charts.marks import (
    EDGE,
    HISTORY,
    QUIET,
    WIDTH,
    count_letters,
    draw_legend,
    finish_spec,
    make_layer,
    pixels,
    wrap_text,
)

NAME_HEIGHT, SMALL = 16, 10
LETTERS_TO_PIXELS = 5.8
"""Mean width of a letter of DejaVu Sans at the small size."""


@dataclass(frozen=True)
class GridCell:
    """One cell: words, each part on lines of its own, and the shade behind them."""

    parts: tuple[str, ...]
    fill: str


@dataclass(frozen=True)
class Grid:
    """Rows of cells: ``names`` above each row; ``columns`` above all, or none where the cells say it."""

    names: Sequence[str]
    rows: Sequence[Sequence[GridCell]]
    columns: Sequence[str] = ()
    across: int = 4
    legend: Sequence[tuple[str, str, str]] = ()


def draw_grid(grid: Grid, code: str) -> Spec:
    """Specification of a grid; rows of more cells than stand side by side go on below."""
    across, width, letters = _divide(grid)
    heads = [wrap_text(column, letters, 6) for column in grid.columns]
    y = 13.0 * max((len(head) for head in heads), default=0) + 4
    titles = [
        line
        for n, head in enumerate(heads)
        for line in _place_lines(head, n * width + width / 2, (y - 2) / 2)
    ]
    names, boxes, lines = [], [], []
    for name, cells in zip(grid.names, grid.rows, strict=True):
        names.append({"x": 0, "y": y + NAME_HEIGHT / 2 + 1, "words": name})
        y += NAME_HEIGHT
        for start in range(0, len(cells), across):
            part = [(cell, _wrap(cell, letters)) for cell in cells[start : start + across]]
            height = 13.0 * max(len(said) for _, said in part) + 8
            for place, (cell, said) in enumerate(part):
                boxes.append(_box(place * width, y, width, height, cell.fill))
                lines += _place_lines(said, place * width + width / 2, y + height / 2)
            y += height
    layers = [*_draw_boxes(boxes, lines), *_draw_names(names), *_draw_lines(titles, QUIET)]
    layers += draw_legend(grid.legend, y + 12) if grid.legend else []
    return finish_spec(layers, WIDTH, round(y), code)


def _divide(grid: Grid) -> tuple[int, float, int]:
    """Cells side by side, their width and letters: fewer where a language has longer words and no heading binds."""
    words = (word for row in grid.rows for cell in row for part in cell.parts for word in part.split())
    longest = max(map(count_letters, words), default=0.0)
    fits = longest * LETTERS_TO_PIXELS <= WIDTH / grid.across - 4
    across = grid.across if fits or grid.columns else grid.across - 1
    width = WIDTH / across
    return across, width, int((width - 4) / LETTERS_TO_PIXELS)


def _wrap(cell: GridCell, letters: int) -> list[str]:
    return [line for part in cell.parts for line in wrap_text(part, letters)]


def _box(left: float, top: float, width: float, height: float, fill: str) -> dict[str, object]:
    return {"x": left + 1, "x2": left + width - 1, "y": top + 1, "y2": top + height - 1, "fill": fill}


def _place_lines(lines: Sequence[str], x: float, middle: float) -> list[dict[str, object]]:
    top = middle - 12 * (len(lines) - 1) / 2
    return [{"x": x, "y": top + 12 * n, "words": line} for n, line in enumerate(lines)]


def _draw_boxes(boxes: list[dict[str, object]], lines: list[dict[str, object]]) -> list[Spec]:
    fill = {"field": "fill", "type": "nominal", "scale": None}
    sides = {"x": pixels("x"), "x2": {"field": "x2"}, "y": pixels("y"), "y2": {"field": "y2"}}
    rect = {"type": "rect", "stroke": EDGE, "strokeWidth": 0.7}
    drawn = [make_layer(pd.DataFrame(boxes), rect, fill=fill, **sides)] if boxes else []
    return [*drawn, *_draw_lines(lines, HISTORY)]


def _draw_lines(lines: list[dict[str, object]], colour: str) -> list[Spec]:
    if not lines:
        return []
    mark = {"type": "text", "baseline": "middle", "fontSize": SMALL, "color": colour}
    place = {"x": pixels("x"), "y": pixels("y"), "text": {"field": "words"}}
    return [make_layer(pd.DataFrame(lines), mark, **place)]


def _draw_names(names: list[dict[str, object]]) -> list[Spec]:
    if not names:
        return []
    mark = {"type": "text", "align": "left", "baseline": "middle", "color": HISTORY}
    return [make_layer(pd.DataFrame(names), mark, x=pixels("x"), y=pixels("y"), text={"field": "words"})]
