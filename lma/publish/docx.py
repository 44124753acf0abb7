"""assessment.docx: the report as a document that a ministry can edit.

Real styles, a contents field with its entries filled in, captions that count themselves, tables with a header row
that repeats. No macro, no address outside the document; dates are the data cut-off, so that the same edition
gives the same bytes.
"""

from __future__ import annotations

import datetime as dt
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape, quoteattr

from lma.contracts import Edition
from lma.publish.packages import rewrite_members
from lma.publish.paper import Cell, Chunk, Span, Table
from lma.publish.pdf import draw_pictures
from lma.publish.report import (
    Block,
    Bullets,
    Figure,
    Heading,
    Pair,
    Panel,
    Paragraph,
    Report,
    compose_report,
)

if TYPE_CHECKING:
    from docx.document import Document

_FONT, _ACCENT = "Arial", "08457E"
# Width of the text in twentieths of a point: A4 less its margins, upright and across.
_UPRIGHT, _ACROSS, _MARGIN = 10092, 15478, 907
_EMU_PER_MM = 36000
_ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NAMESPACES = (
    'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main" '
    'xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships" '
    'xmlns:wp="http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing" '
    'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main" '
    'xmlns:pic="http://schemas.openxmlformats.org/drawingml/2006/picture"'
)
_RUN_STYLES = {
    "strong": "<w:b/>",
    "plain": "<w:b/>",
    "quiet": '<w:color w:val="555555"/>',
    "basis": '<w:b/><w:color w:val="6B3FA0"/><w:sz w:val="11"/>',
    "mark": '<w:vertAlign w:val="superscript"/>',
    "pass": '<w:b/><w:color w:val="14622F"/>',
    "fail": '<w:b/><w:color w:val="9A2A06"/>',
}
_PARAGRAPH_STYLES = {"": "Normal", "small": "Note", "lead": "Subtitle", "question": "Question"}


def render(edition: Edition) -> bytes:
    """The whole document; the same edition gives the same bytes."""
    report = compose_report(edition)
    return rewrite_members(_Writer(report).write())


# ---------------------------------------------------------------- runs and paragraphs


def _clean(text: str) -> str:
    return escape(_ILLEGAL.sub("", text))


def _run(text: str, properties: str = "") -> str:
    """A run; a new line in its text is a line break."""
    shown = "<w:br/>".join(f'<w:t xml:space="preserve">{_clean(part)}</w:t>' for part in text.split("\n"))
    return f"<w:r>{f'<w:rPr>{properties}</w:rPr>' if properties else ''}{shown}</w:r>"


def _anchor(target: str) -> str:
    """Name of a bookmark: letters, digits and underscores."""
    return "to_" + re.sub(r"\W", "_", target, flags=re.ASCII)


def _spans(spans: Iterable[Span]) -> str:
    parts: list[str] = []
    previous = ""
    for text, style, target in spans:
        separated = f" {text}" if style == "basis" or (style == previous == "mark") else text
        colour = f'<w:color w:val="{_ACCENT}"/>' if target else ""
        run = _run(separated, colour + _RUN_STYLES.get(style, ""))
        parts.append(f'<w:hyperlink w:anchor="{_anchor(target)}">{run}</w:hyperlink>' if target else run)
        previous = style
    return "".join(parts)


def _paragraph(body: str, style: str = "Normal", properties: str = "") -> str:
    return f'<w:p><w:pPr><w:pStyle w:val="{style}"/>{properties}</w:pPr>{body}</w:p>'


def _field(instruction: str, shown: str) -> str:
    """A field with what it shows until it is updated."""
    return (
        '<w:r><w:fldChar w:fldCharType="begin"/></w:r>'
        f'<w:r><w:instrText xml:space="preserve"> {escape(instruction)} </w:instrText></w:r>'
        f'<w:r><w:fldChar w:fldCharType="separate"/></w:r>{_run(shown)}<w:r><w:fldChar w:fldCharType="end"/></w:r>'
    )


def _contents_field(instruction: str, entries: Sequence[tuple[int, str, str]]) -> Iterator[str]:
    """Paragraphs of a contents field: (level, text, bookmark) of each entry, as links."""
    begin = (
        '<w:r><w:fldChar w:fldCharType="begin"/></w:r>'
        f'<w:r><w:instrText xml:space="preserve"> {escape(instruction)} </w:instrText></w:r>'
        '<w:r><w:fldChar w:fldCharType="separate"/></w:r>'
    )
    for place, (level, text, bookmark) in enumerate(entries):
        link = f'<w:hyperlink w:anchor="{bookmark}" w:history="1">{_run(text)}</w:hyperlink>'
        end = '<w:r><w:fldChar w:fldCharType="end"/></w:r>' if place == len(entries) - 1 else ""
        yield _paragraph(("" if place else begin) + link + end, f"TOC{level}")


# ---------------------------------------------------------------- tables


def _cell(body: str, width: int) -> str:
    return f'<w:tc><w:tcPr><w:tcW w:w="{width}" w:type="dxa"/></w:tcPr>{body}</w:tc>'


def _row(cells: Sequence[Cell], widths: Sequence[int], numeric: Sequence[bool], is_header: bool) -> str:
    longest = max((sum(len(span.text) for span in cell) for cell in cells), default=0)
    # A row that cannot fit on a page must be free to break.
    whole = "<w:cantSplit/>" if longest < 1500 else ""
    shown = "".join(
        _cell(_paragraph(_spans(cell), "TableText", '<w:jc w:val="right"/>' if right else ""), width)
        for cell, width, right in zip(cells, widths, numeric, strict=True)
    )
    return f"<w:tr><w:trPr>{whole}{'<w:tblHeader/>' if is_header else ''}</w:trPr>{shown}</w:tr>"


def _table(chunk: Chunk, paper: int, room: int, description: str) -> str:
    """A table of real rows, the first marked as the header that repeats on every page."""
    total = sum(chunk.widths)
    width = int(room * min(1.0, max(0.5, 1.15 * total / paper)))
    widths = [width * part // total for part in chunk.widths]
    grid = "".join(f'<w:gridCol w:w="{part}"/>' for part in widths)
    rows = [_row(chunk.header, widths, chunk.numeric, True)]
    rows += [_row(row, widths, chunk.numeric, False) for row in chunk.rows]
    return (
        f'<w:tbl><w:tblPr><w:tblStyle w:val="LmaTable"/><w:tblW w:w="{sum(widths)}" w:type="dxa"/>'
        '<w:tblLayout w:type="fixed"/><w:tblLook w:val="0020" w:firstRow="1" w:lastRow="0" w:firstColumn="0" '
        f'w:lastColumn="0" w:noHBand="1" w:noVBand="1"/><w:tblDescription w:val={quoteattr(_ILLEGAL.sub("", description))}/>'
        f"</w:tblPr><w:tblGrid>{grid}</w:tblGrid>{''.join(rows)}</w:tbl>"
    )


def _side_by_side(cells: Sequence[Sequence[str]]) -> str:
    """Two cells to a row, without lines: places pictures, says nothing itself."""
    half = _UPRIGHT // 2
    rows = []
    for start in range(0, len(cells), 2):
        pair = [*cells[start : start + 2], *([[_paragraph("", "Note")]] if start + 1 == len(cells) else [])]
        rows.append(
            f"<w:tr><w:trPr><w:cantSplit/></w:trPr>{''.join(_cell(''.join(cell), half) for cell in pair)}</w:tr>"
        )
    return (
        f'<w:tbl><w:tblPr><w:tblW w:w="{2 * half}" w:type="dxa"/><w:tblLayout w:type="fixed"/></w:tblPr>'
        f'<w:tblGrid><w:gridCol w:w="{half}"/><w:gridCol w:w="{half}"/></w:tblGrid>{"".join(rows)}</w:tbl>'
    )


# ---------------------------------------------------------------- the document


class _Writer:
    """Writes the blocks of a report into a document, numbering bookmarks and pictures as they come."""

    def __init__(self, report: Report) -> None:
        import docx

        self.report = report
        self.document: Document = docx.Document()
        self.n_bookmarks = self.n_pictures = 0
        self.entries = _list_entries([*report.body, *report.annex])
        self.room = _UPRIGHT
        charts = [panel.chart for figure in _list_panels([*report.body, *report.annex]) for panel in figure]
        self.pictures = dict(zip([chart.chart_id for chart in charts], draw_pictures(charts), strict=True))

    def write(self) -> bytes:
        """The package as python-docx saves it."""
        report = self.report
        _set_styles(self.document, report.language)
        _set_properties(self.document, report)
        self._add(_paragraph(_run(report.shown_title), "Title"))
        self._add(*(self._show(block) for block in report.front))
        self._add(*self._list_contents())
        self._add(*(xml for block in report.body for xml in self._block(block)))
        self._turn()
        self._add(*(xml for block in report.annex for xml in self._block(block)))
        _set_pages(self.document, report)
        saved = io.BytesIO()
        self.document.save(saved)
        return saved.getvalue()

    def _add(self, *parts: str) -> None:
        from docx.oxml import parse_xml

        body: Any = self.document.element.body
        # One parse for all: tables of thousands of cells are slow to build element by element.
        for element in list(parse_xml(f"<w:body {_NAMESPACES}>{''.join(parts)}</w:body>")):
            body.sectPr.addprevious(element)

    def _turn(self) -> None:
        """From here on pages are set across."""
        from docx.enum.section import WD_ORIENT, WD_SECTION

        upright = self.document.sections[0]
        section = self.document.add_section(WD_SECTION.NEW_PAGE)
        section.orientation = WD_ORIENT.LANDSCAPE
        section.page_width, section.page_height = upright.page_height, upright.page_width
        self.room = _ACROSS

    def _bookmark(self, names: Iterable[str], body: str) -> str:
        for name in names:
            self.n_bookmarks += 1
            number = self.n_bookmarks
            body = f'<w:bookmarkStart w:id="{number}" w:name="{name}"/>{body}<w:bookmarkEnd w:id="{number}"/>'
        return body

    # ---------------------------------------------------------- contents

    def _list_contents(self) -> Iterator[str]:
        contents, figures, tables = self.report.contents
        yield _paragraph(_run(contents), "ContentsHeading", "<w:pageBreakBefore/>")
        yield _paragraph(_run(self.report.update_words), "Note")
        headings, captions = self.entries["heading"], self.entries
        yield from _contents_field('TOC \\o "1-2" \\h \\z \\u', headings)
        for title, kind in ((figures, "Figure"), (tables, "Table")):
            if captions[kind]:
                yield _paragraph(_run(title), "ContentsHeading")
                yield from _contents_field(f'TOC \\h \\z \\c "{kind}"', captions[kind])

    # ---------------------------------------------------------- blocks

    def _block(self, block: Block) -> Iterator[str]:
        if isinstance(block, Heading):
            yield self._heading(block)
        elif isinstance(block, Paragraph):
            yield self._show(block)
        elif isinstance(block, Bullets):
            yield from _bullets(block)
        elif isinstance(block, Figure):
            yield from self._figure(block)
        elif isinstance(block, Pair):
            yield _side_by_side([list(self._figure(figure)) for figure in block.figures])
            yield _paragraph("", "Note")
        else:
            yield from self._show_table(block)

    def _heading(self, block: Heading) -> str:
        names = [_name_entry("heading", block.text), *([_anchor(block.anchor)] if block.anchor else [])]
        turned = "<w:pageBreakBefore/>" if block.turns or block is self.report.body[0] else ""
        return _paragraph(self._bookmark(names, _run(block.text)), f"Heading{block.level}", turned)

    def _show(self, block: Paragraph) -> str:
        body = _spans(block.spans)
        body = self._bookmark([_anchor(block.anchor)], body) if block.anchor else body
        return _paragraph(body, _PARAGRAPH_STYLES[block.style])

    def _caption(self, kind: str, caption: str) -> str:
        """A caption whose number is a field that Word counts."""
        found = re.match(r"(\D*)(\d+)(.*)", caption, re.DOTALL)
        before, number, after = found.groups() if found else (caption, "", "")
        body = _run(before) + (_field(f"SEQ {kind} \\* ARABIC", number) if number else "") + _run(after)
        return _paragraph(self._bookmark([_name_entry(kind, caption)], body), "Caption", "<w:keepNext/>")

    def _figure(self, block: Figure) -> Iterator[str]:
        yield self._caption("Figure", block.caption)
        # Words above several panels stay with them.
        stays = "<w:keepNext/>" if len(block.panels) > 1 else ""
        words = [_paragraph(_run(text), "Note", stays) for text in block.words]
        if block.legend:
            shown = "".join(
                _run(f"{glyph} ", f'<w:color w:val="{colour.lstrip("#")}"/>') + _run(f"{text}   ")
                for colour, glyph, text in block.legend
            )
            words.insert(0, _paragraph(shown, "Note", stays))
        if len(block.panels) == 1:
            yield self._picture(block.panels[0])
            yield from words
            return
        yield from words
        yield _side_by_side(
            [
                [_paragraph(_run(p.title, "<w:b/>"), "Note", "<w:keepNext/>"), self._picture(p)]
                for p in block.panels
            ]
        )
        yield _paragraph("", "Note")

    def _picture(self, panel: Panel) -> str:
        """A picture in its own line with its alternative text."""
        relation, _ = self.document.part.get_or_add_image(io.BytesIO(self.pictures[panel.chart.chart_id]))
        self.n_pictures += 1
        size = f'cx="{int(panel.width * _EMU_PER_MM)}" cy="{int(panel.height * _EMU_PER_MM)}"'
        words = quoteattr(_ILLEGAL.sub("", panel.alt))
        about = f'id="{self.n_pictures}" name="Picture {self.n_pictures}" descr={words}'
        return _paragraph(
            f'<w:r><w:drawing><wp:inline distT="0" distB="0" distL="0" distR="0"><wp:extent {size}/><wp:docPr {about}/>'
            '<a:graphic><a:graphicData uri="http://schemas.openxmlformats.org/drawingml/2006/picture"><pic:pic>'
            f'<pic:nvPicPr><pic:cNvPr {about}/><pic:cNvPicPr/></pic:nvPicPr><pic:blipFill><a:blip r:embed="{relation}"/>'
            f'<a:stretch><a:fillRect/></a:stretch></pic:blipFill><pic:spPr><a:xfrm><a:off x="0" y="0"/><a:ext {size}/></a:xfrm>'
            '<a:prstGeom prst="rect"><a:avLst/></a:prstGeom></pic:spPr></pic:pic></a:graphicData></a:graphic></wp:inline>'
            "</w:drawing></w:r>"
        )

    def _show_table(self, block: Table) -> Iterator[str]:
        if block.caption:
            yield self._caption("Table", block.caption)
        for words in block.intro:
            yield _paragraph(_spans(words), "Note", "<w:keepNext/>")
        for chunk in block.chunks:
            yield _table(chunk, block.paper, self.room, block.title)
            # Two tables that touch would become one.
            yield _paragraph(_spans(chunk.note), "Note")
        for words in block.under:
            yield _paragraph(_spans(words), "Note")


def _bullets(block: Bullets) -> Iterator[str]:
    if block.title:
        yield _paragraph(_run(block.title), "BoxTitle", "<w:keepNext/>")
    for item in block.items:
        yield _paragraph(_spans(item), "ListBullet")


def _name_entry(kind: str, text: str) -> str:
    """Name of the bookmark of a heading or caption; Word takes 40 characters."""
    import zlib

    return f"_Toc{kind[:1]}{zlib.crc32(text.encode('utf-8', 'replace')):010d}"


def _list_panels(blocks: Iterable[Block]) -> Iterator[tuple[Panel, ...]]:
    for block in blocks:
        for one in block.figures if isinstance(block, Pair) else (block,):
            if isinstance(one, Figure):
                yield one.panels


def _list_entries(blocks: Sequence[Block]) -> dict[str, list[tuple[int, str, str]]]:
    """(level, text, bookmark) of every heading, figure and table that has a caption, by kind."""
    found: dict[str, list[tuple[int, str, str]]] = {"heading": [], "Figure": [], "Table": []}
    for block in blocks:
        for one in block.figures if isinstance(block, Pair) else (block,):
            if isinstance(one, Heading):
                found["heading"].append((one.level, one.text, _name_entry("heading", one.text)))
            elif isinstance(one, Figure | Table) and one.caption:
                kind = "Figure" if isinstance(one, Figure) else "Table"
                found[kind].append((1, one.caption, _name_entry(kind, one.caption)))
    return found


# ---------------------------------------------------------------- styles, pages, properties


def _set_styles(document: Document, language: str) -> None:
    """One font for every script, the language of the texts, and the styles of this report."""
    from docx.oxml import parse_xml
    from docx.oxml.ns import qn
    from docx.shared import Pt, RGBColor

    styles: Any = document.styles
    for fonts in styles.element.iter(qn("w:rFonts")):
        fonts.attrib.clear()
        for script in ("ascii", "hAnsi", "cs", "eastAsia"):
            fonts.set(qn(f"w:{script}"), _FONT)
    for spoken in styles.element.iter(qn("w:lang")):
        spoken.set(qn("w:val"), "en-GB" if language == "en" else language)
    for style in list(parse_xml((Path(__file__).parent / "styles.xml").read_bytes())):
        styles.element.append(style)
    styles["Normal"].font.size = Pt(10)
    sizes = {"Title": 26, "Subtitle": 12, "Heading 1": 15, "Heading 2": 11.5, "Caption": 9}
    for name, size in sizes.items():
        font = styles[name].font
        font.size, font.italic, font.color.rgb = Pt(size), False, RGBColor.from_string(_ACCENT)
    styles["Caption"].font.color.rgb = RGBColor(0x1B, 0x1B, 0x1B)


def _set_pages(document: Document, report: Report) -> None:
    """A4 with running head and page number; the title page has neither."""
    from docx.shared import Mm, Twips

    first, last = document.sections[0], document.sections[-1]
    for section, room in ((first, _UPRIGHT), (last, _ACROSS)):
        width, height = (Mm(210), Mm(297)) if section is first else (Mm(297), Mm(210))
        section.page_width, section.page_height = width, height
        section.left_margin = section.right_margin = Twips(_MARGIN if section is first else 680)
        section.top_margin, section.bottom_margin = Mm(20), Mm(17)
        section.header.is_linked_to_previous = section.footer.is_linked_to_previous = False
        left, right = report.running
        _fill_margin(
            section.header, _run(f"{left}\t".replace("\t", "")) + "<w:r><w:tab/></w:r>" + _run(right), room
        )
        before, _, rest = report.page_words.partition("{n}")
        between, _, after = rest.partition("{m}")
        pages = _run(before) + _field("PAGE", "1") + _run(between) + _field("NUMPAGES", "1") + _run(after)
        _fill_margin(section.footer, "<w:r><w:tab/></w:r>" + pages, room)
    first.different_first_page_header_footer = True
    last.different_first_page_header_footer = False


def _fill_margin(margin: Any, body: str, room: int) -> None:
    """One paragraph in a header or footer, its end at the right edge of the text."""
    from docx.oxml import parse_xml

    tabs = f'<w:tabs><w:tab w:val="clear" w:pos="4320"/><w:tab w:val="clear" w:pos="8640"/><w:tab w:val="right" w:pos="{room}"/></w:tabs>'
    paragraph = _paragraph(body, "Note", tabs).replace("<w:p>", f"<w:p {_NAMESPACES}>", 1)
    old = margin.paragraphs[0]._p
    old.addprevious(parse_xml(paragraph))
    old.getparent().remove(old)


def _set_properties(document: Document, report: Report) -> None:
    """Title, language and dates of the document; nothing of the machine or of the template."""
    from docx.opc.constants import RELATIONSHIP_TYPE

    core = document.core_properties
    midnight = dt.datetime.combine(report.as_of, dt.time())
    core.title, core.subject, core.author, core.last_modified_by = (
        report.title[:255],
        report.description[:255],
        "lma",
        "lma",
    )
    core.comments, core.keywords, core.language, core.revision = "", "", report.language, 1
    core.created = core.modified = midnight
    package = document.part.package
    assert package is not None  # a document that was opened always has one
    for name, relation in list(package.rels.items()):
        if relation.reltype == RELATIONSHIP_TYPE.THUMBNAIL:
            del package.rels[name]
