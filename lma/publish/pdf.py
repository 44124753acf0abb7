"""assessment.pdf: the report on paper, set by typst from ``page.typ``; tagged and accessible (PDF/UA-1).

The report goes to typst as one JSON text, so that no label is read as markup. Fonts of the machine are left
out and the date is the data cut-off: the same edition gives the same bytes.
"""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

from lma.contracts import Edition
from lma.publish.charts import draw_svg, font_folder
from lma.publish.report import Block, Figure, Pair, Report, compose_report


def render(edition: Edition) -> bytes:
    """The whole PDF; the same edition gives the same bytes."""
    import typst

    report, folder = compose_report(edition), font_folder()
    fonts = typst.Fonts(include_system_fonts=False, font_paths=[str(folder)] if folder else [])
    compiler = typst.Compiler(
        input=(Path(__file__).parent / "page.typ").read_bytes(),
        font_paths=fonts,
        sys_inputs={"document": json.dumps(_document(report), ensure_ascii=False, allow_nan=False)},
    )
    midnight = dt.datetime.combine(edition.as_of, dt.time(), dt.UTC)
    # Without the font of every script some label may have no glyph, which the standard forbids.
    content = compiler.compile(format="pdf", timestamp=midnight, pdf_standards=["ua-1"] if folder else [])
    assert isinstance(content, bytes)  # a list only where there is one file per page
    return content


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
    found = dict(vars(block))
    return found if "chunks" not in found else {**found, "chunks": [vars(chunk) for chunk in found["chunks"]]}
