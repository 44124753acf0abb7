"""assessment.pdf: the report on paper, set by typst from ``page.typ``; tagged and accessible (PDF/UA-1).

The report goes to typst as one JSON text, so that no label is read as markup. Fonts of the machine are left
out and the date is the data cut-off: the same edition gives the same bytes.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lma.contracts import Edition
from lma.publish.charts import Chart, draw_svg, font_folder
from lma.publish.paper import Table
from lma.publish.report import Block, Figure, Pair, Report, compose_report

_PIXELS_PER_INCH = 160
_PICTURES = """#set page(width: auto, height: auto, margin: 0pt, fill: white)
#for svg in json(bytes(sys.inputs.document)) { page(image(bytes(svg), format: "svg")) }
"""


def render(edition: Edition) -> bytes:
    """The whole PDF; the same edition gives the same bytes."""
    report, folder = compose_report(edition), font_folder()
    compiler = _compiler((Path(__file__).parent / "page.typ").read_bytes(), _document(report))
    midnight = dt.datetime.combine(edition.as_of, dt.time(), dt.UTC)
    # Without the font of every script some label may have no glyph, which the standard forbids.
    content = compiler.compile(format="pdf", timestamp=midnight, pdf_standards=["ua-1"] if folder else [])
    assert isinstance(content, bytes)  # a list only where there is one file per page
    return content


def draw_pictures(charts: Sequence[Chart]) -> list[bytes]:
    """A PNG of each chart for a form that takes no SVG: all in one run, seven times as fast as one by one."""
    if not charts:
        return []
    compiler = _compiler(_PICTURES.encode(), [draw_svg(chart) for chart in charts])
    content = compiler.compile(format="png", ppi=_PIXELS_PER_INCH)
    return content if isinstance(content, list) else [content]


def _compiler(source: bytes, document: Any) -> Any:
    """A compiler of a source that reads only ``document``; it sees no font of the machine."""
    import typst

    folder = font_folder()
    return typst.Compiler(
        input=source,
        font_paths=typst.Fonts(include_system_fonts=False, font_paths=[str(folder)] if folder else []),
        sys_inputs={"document": json.dumps(document, ensure_ascii=False, allow_nan=False)},
    )


def _document(report: Report) -> dict[str, Any]:
    return {
        **vars(report),
        "as_of": report.as_of.isoformat(),
        "fonts": ["DejaVu Sans"] if font_folder() else ["Libertinus Serif", "New Computer Modern"],
        "front": [vars(block) for block in report.front],
        "body": [_block(block) for block in report.body],
        "annex": [_block(block) for block in report.annex],
    }


def _block(block: Block) -> dict[str, Any]:
    if isinstance(block, Figure):
        panels = [{**vars(panel), "chart": draw_svg(panel.chart)} for panel in block.panels]
        return {**vars(block), "panels": panels}
    if isinstance(block, Pair):
        return {"kind": block.kind, "figures": [_block(figure) for figure in block.figures]}
    if isinstance(block, Table):
        chunks = [{**vars(chunk), "breaks_rows": chunk.breaks_rows} for chunk in block.chunks]
        return {**vars(block), "chunks": chunks}
    return dict(vars(block))
