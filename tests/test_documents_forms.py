"""The report as PDF and as a document: complete, numbered, accessible, deterministic, safe against labels."""

from __future__ import annotations

import dataclasses
import io
import os
import re
import shutil
import subprocess
import zipfile
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pandas as pd
import pytest
from edition_builder import build_edition, make_cell, make_number

from lma.contracts import Edition, TableSpec
from lma.languages import language
from lma.publish import charts, docx, layout, paper, pdf, report

W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
WP = "{http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing}"
SETTING = paper.Setting({}, {}, language("en"))


@pytest.fixture(scope="module")
def edition() -> Edition:
    return build_edition()


@pytest.fixture(scope="module")
def parts(edition: Edition) -> report.Report:
    return report.compose_report(edition)


@pytest.fixture(scope="module")
def document(edition: Edition) -> bytes:
    return docx.render(edition)


def list_blocks(composed: report.Report) -> list[Any]:
    """Every block, the two figures of a pair one by one."""
    blocks = [*composed.front, *composed.body, *composed.annex]
    return [
        one for block in blocks for one in (block.figures if isinstance(block, report.Pair) else (block,))
    ]


def list_cells(block: Any) -> list[paper.Cell]:
    """Every cell and sentence of a block."""
    if isinstance(block, paper.Table):
        rows = [cell for chunk in block.chunks for row in (chunk.header, *chunk.rows) for cell in row]
        return [*block.intro, *rows, *(chunk.note for chunk in block.chunks), *block.under]
    return list(getattr(block, "items", ())) or [getattr(block, "spans", ())]


def read_text(cells: list[paper.Cell]) -> str:
    return "\n".join("".join(span.text for span in cell) for cell in cells).replace("\u200b", "")


def read_body(content: bytes) -> ElementTree.Element:
    with zipfile.ZipFile(io.BytesIO(content)) as package:
        return ElementTree.fromstring(package.read("word/document.xml"))


def build_view(cells: list[dict[str, Any]]) -> layout.TableView:
    """The view of a table T2 made of these cells alone."""
    spec = TableSpec("T2", "Table", "What it shows.", "Sector")
    frame = pd.DataFrame(cells, columns=build_edition().cells.columns)
    return layout.lay_out_tables(build_edition(tables=(spec,), cells=frame))[0]


def build_texts(columns: dict[str, list[str]]) -> layout.TableView:
    """A table of texts: column id -> its texts."""
    cells = [
        make_cell(f"T2.R{row}.{name}", (row, f"Row {row}"), (place, name), text=text)
        for place, (name, texts) in enumerate(columns.items())
        for row, text in enumerate(texts)
    ]
    return build_view(cells)


# ---------------------------------------------------------------- what the report holds


def test_annex_has_every_figure_and_text_of_every_table(edition: Edition, parts: report.Report) -> None:
    shown = read_text([cell for block in list_blocks(parts) for cell in list_cells(block)])
    for view in layout.lay_out_tables(edition):
        for row in view.rows:
            for cell in row.cells:
                assert cell is None or cell.shown in shown, cell
    headings = [block.anchor for block in list_blocks(parts) if isinstance(block, report.Heading)]
    assert [anchor for anchor in headings if anchor] == ["T0", "T1", "T5", "T6", "T7", "T10", "T11"]


def test_every_link_leads_to_one_place(parts: report.Report) -> None:
    blocks = list_blocks(parts)
    anchors = [block.anchor for block in blocks if getattr(block, "anchor", "")]
    targets = {span.target for block in blocks for cell in list_cells(block) for span in cell if span.target}
    assert len(anchors) == len(set(anchors)) and targets <= set(anchors)
    assert {"T5", "T10", "note-n1"} <= targets


def test_figures_and_short_tables_are_numbered_in_their_order(parts: report.Report) -> None:
    blocks = list_blocks(parts)
    figures = [block.caption for block in blocks if isinstance(block, report.Figure)]
    tables = [block.caption for block in blocks if isinstance(block, paper.Table) and block.caption]
    assert figures and [text.split(".")[0] for text in figures] == [
        f"Figure {n}" for n in range(1, len(figures) + 1)
    ]
    assert tables and [text.split(".")[0] for text in tables] == [
        f"Table {n}" for n in range(1, len(tables) + 1)
    ]
    for block in blocks:
        if isinstance(block, paper.Table) and block.caption:
            assert block.under[-1][0].text.startswith("From table") and block.under[-1][1].target.startswith(
                "T"
            )


def test_every_picture_of_the_edition_is_in_the_report(edition: Edition, parts: report.Report) -> None:
    figures = [block for block in list_blocks(parts) if isinstance(block, report.Figure)]
    shown = [panel.chart.chart_id for figure in figures for panel in figure.panels]
    drawn = [chart.chart_id for chart in charts.list_figures(edition) if chart.is_drawn]
    assert sorted(shown) == sorted(drawn) and len(shown) >= 4


def test_a_question_without_figures_says_so(parts: report.Report) -> None:
    said = [read_text(list_cells(block)) for block in list_blocks(parts)]
    assert said.count("This edition has no figures for this question.") == 1
    bare = report.compose_report(
        build_edition(
            tables=(), cells=build_edition().cells.iloc[0:0], series=build_edition().series.iloc[0:0]
        )
    )
    said = [read_text(list_cells(block)) for block in list_blocks(bare)]
    assert said.count("This edition has no figures for this question.") == 4


# ---------------------------------------------------------------- tables on paper


def test_a_column_with_one_value_is_said_once_above_the_table() -> None:
    table = paper.set_table(build_texts({"model": ["engine"] * 4, "period": ["a", "b", "c", "d"]}), SETTING)
    assert read_text(list(table.intro)).endswith("The same for all rows: model: engine.")
    assert [read_text([cell]) for cell in table.chunks[0].header] == ["Sector", "period"]


def test_long_texts_that_rows_share_are_numbered_below() -> None:
    texts = [
        "the first of two long reasons, shared by rows",
        "the second of two long reasons, shared by rows",
    ]
    table = paper.set_table(build_texts({"why": texts * 3, "n": list("abcdef")}), SETTING)
    assert [read_text([row[1]]) for row in table.chunks[0].rows] == ["(1)", "(2)"] * 3
    assert read_text(list(table.under)).splitlines() == [f"(1) {texts[0]}", f"(2) {texts[1]}"]


def test_a_figure_and_its_range_share_a_column() -> None:
    columns = (("2030", 20.0), ("2030_lo80", 10.0), ("2030_hi80", 30.0))
    cells = [
        make_cell(
            f"T2.R{row}.{name}",
            (row, f"Row {row}"),
            (place, name),
            **make_number(value + row, "PS", "ilostat_lfs_rates", []),
        )
        for row in range(2)
        for place, (name, value) in enumerate(columns)
    ]
    table = paper.set_table(build_view(cells), SETTING)
    assert [read_text([cell]) for cell in table.chunks[0].rows[1]] == ["Row 1", "21 (11 to 31)"]


def test_how_a_test_was_made_is_left_out_and_said() -> None:
    long = "how the test was made, in more words than a column has room for"
    columns = {
        f"D{n}{part}": [f"{word} {n}{row}" for row in range(3)]
        for n in range(3)
        for part, word in (("", "pass"), ("_value", "v"), ("_why", long))
    }
    table = paper.set_table(build_texts(columns), SETTING)
    assert long not in read_text([cell for row in table.chunks[0].rows for cell in row])
    assert "Left out here for its length: D0_why; D1_why; D2_why." in read_text(list(table.intro))


def test_a_wide_table_is_set_in_parts_that_have_every_column() -> None:
    columns = {f"c{n}": [f"{n} {row} {'word ' * 3}" for row in range(3)] for n in range(30)}
    table = paper.set_table(build_texts(columns), SETTING)
    headers = [read_text([cell]) for chunk in table.chunks for cell in chunk.header]
    assert len(table.chunks) > 1 and headers.count("Sector") == len(table.chunks)
    assert [name for name in headers if name != "Sector"] == list(columns)
    assert all(sum(chunk.widths) <= paper.LANDSCAPE for chunk in table.chunks)


def test_rows_without_a_figure_in_a_part_are_counted() -> None:
    columns = {
        f"c{n}": ["", "", ""] if n > 20 else [f"{n} {'word ' * 3}{row}" for row in range(3)]
        for n in range(30)
    }
    columns["c29"] = ["one text", "", ""]
    table = paper.set_table(build_texts(columns), SETTING)
    last = table.chunks[-1]
    assert len(table.chunks[0].rows) == 3
    if len(last.rows) < 3:
        assert read_text([last.note]).startswith(f"{3 - len(last.rows)} rows with no figure")


def test_very_long_words_may_break() -> None:
    assert (
        max(map(len, re.split("[\u200b ]", paper.break_words("x" * 300 + " file_name_that_is_long.csv"))))
        <= 30
    )
    assert paper.break_words("a short text of short words") == "a short text of short words"


# ---------------------------------------------------------------- both forms


@pytest.mark.parametrize(
    "change",
    ["hostile", "missing", "one sector", "200 sectors", "40 years"],
)  # fmt: skip
def test_difficult_editions_are_set(change: str) -> None:
    edition = build_difficult(change)
    content, page = docx.render(edition), pdf.render(edition)
    assert page.startswith(b"%PDF") and len(content) < 2_000_000
    text = "".join(read_body(content).itertext())
    assert not re.search("[\x00-\x08\x0e-\x1f\u202e]", text)


def build_difficult(change: str) -> Edition:
    plain = build_edition()
    cells = plain.cells
    if change == "hostile":
        label = (
            "\U0001f600 \u0540\u0561\u0575 \u0645\u0631\u062d\u0628\u0627 \u65e5 \x00\u202e<w:p> ]]> =cmd "
            + "x" * 300
        )
        changed = build_edition(hostile=True, label=label).cells.assign(row_label=label)
        return build_edition(
            hostile=True, label=label, cells=changed, series=plain.series.assign(label=label)
        )
    if change == "missing":
        missing = cells.assign(value=float("nan"), text=None, symbol="[x]", reason="no source")
        return dataclasses.replace(plain, cells=missing, series=plain.series.iloc[0:0])
    if change == "one sector":
        one = plain.series[plain.series["economic_activity"] == "I"]
        return dataclasses.replace(plain, cells=cells[cells["row_id"].isin(["I", "1"])], series=one)
    many = pd.DataFrame(build_many(change == "200 sectors"), columns=cells.columns)
    return dataclasses.replace(plain, cells=many, series=plain.series.iloc[0:0])


def build_many(many_sectors: bool) -> list[dict[str, Any]]:
    """Cells of T5: 200 sectors, or 40 years ahead; figures from 1e-9 to 1e12."""
    sectors, years = (200, (2030,)) if many_sectors else (5, range(2026, 2066))
    columns = [f"{year}{end}" for year in years for end in ("", "_lo80", "_hi80")]
    sizes = (1e-9, 1e12, -1e12)
    cells = []
    for row in range(sectors):
        for place, name in enumerate(columns):
            given = make_number(sizes[(row + place) % 3], "PS", "ilostat_lfs_rates", [])
            cells.append(
                make_cell(f"T5.S{row}.{name}", (row, f"Sector {row}"), (place, f"{name}, persons"), **given)
            )
    return cells


def test_pdf_is_tagged_for_accessibility(edition: Edition) -> None:
    content = pdf.render(edition)
    assert b"/StructTreeRoot" in content and b"/Outlines" in content
    assert re.search(rb"<pdfuaid:part>1</pdfuaid:part>", content)
    assert re.search(rb"/Lang\s*\(en\)", content)
    assert len(re.findall(rb"/Alt\b", content)) >= 4


# ---------------------------------------------------------------- the document


def test_document_is_the_same_every_time_and_reaches_for_nothing(edition: Edition, document: bytes) -> None:
    assert docx.render(dataclasses.replace(edition)) == document
    with zipfile.ZipFile(io.BytesIO(document)) as package:
        assert {member.date_time for member in package.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        texts = {name: package.read(name) for name in package.namelist() if name.endswith((".xml", ".rels"))}
    assert not any("vba" in name.lower() or "thumbnail" in name for name in texts)
    assert not any(b'TargetMode="External"' in text or b"INCLUDETEXT" in text for text in texts.values())
    core = texts["docProps/core.xml"].decode()
    assert set(re.findall(r"\d{4}-\d\d-\d\dT", core)) == {"2025-09-30T"}
    assert "Labour market assessment: Mauritius" in core and ">en</dc:language>" in core


def test_document_has_real_styles_and_a_contents_field(parts: report.Report, document: bytes) -> None:
    body = read_body(document)
    styled: dict[str, list[str]] = {}
    for paragraph in body.iter(f"{W}p"):
        style = paragraph.find(f"{W}pPr/{W}pStyle")
        text = "".join(node.text or "" for node in paragraph.iter(f"{W}t"))
        styled.setdefault("" if style is None else style.attrib[f"{W}val"], []).append(text)
    headings = [block.text for block in [*parts.body, *parts.annex] if isinstance(block, report.Heading)]
    captions = [block.caption for block in list_blocks(parts) if getattr(block, "caption", "")]
    assert sorted(styled["Heading1"] + styled["Heading2"]) == sorted(headings)
    assert sorted(styled["Caption"]) == sorted(captions)
    assert sorted(styled["TOC1"] + styled["TOC2"]) == sorted(headings + captions)
    with zipfile.ZipFile(io.BytesIO(document)) as package:
        known = set(re.findall(r'w:styleId="([^"]+)"', package.read("word/styles.xml").decode()))
    assert set(styled) - {""} <= known  # the end of a section has no style
    fields = [node.text for node in body.iter(f"{W}instrText")]
    assert ' TOC \\o "1-2" \\h \\z \\u ' in fields and " SEQ Table \\* ARABIC " in fields


def test_tables_of_the_document_repeat_their_header(document: bytes) -> None:
    tables = [
        table
        for table in read_body(document).iter(f"{W}tbl")
        if table.find(f"{W}tblPr/{W}tblStyle") is not None
    ]
    assert len(tables) > 8
    for table in tables:
        rows = table.findall(f"{W}tr")
        assert rows[0].find(f"{W}trPr/{W}tblHeader") is not None
        assert len({len(row.findall(f"{W}tc")) for row in rows}) == 1


def test_pictures_of_the_document_have_words(parts: report.Report, document: bytes) -> None:
    words = [node.attrib.get("descr", "") for node in read_body(document).iter(f"{WP}docPr")]
    panels = [
        panel.alt
        for block in list_blocks(parts)
        if isinstance(block, report.Figure)
        for panel in block.panels
    ]
    assert words == panels and all(len(text) > 20 for text in words)


def test_links_of_the_document_have_a_bookmark(document: bytes) -> None:
    body = read_body(document)
    names = [node.attrib[f"{W}name"] for node in body.iter(f"{W}bookmarkStart")]
    wanted = {node.attrib[f"{W}anchor"] for node in body.iter(f"{W}hyperlink")}
    assert len(names) == len(set(names)) and wanted <= set(names) and all(len(name) <= 40 for name in names)


def test_wide_tables_of_the_document_stand_across(document: bytes) -> None:
    import docx as library

    opened = library.Document(io.BytesIO(document))
    assert [section.orientation for section in opened.sections] == [0, 1]
    upright, across = opened.sections
    sizes = [(int(s.page_width or 0), int(s.page_height or 0)) for s in (upright, across)]
    assert sizes[0][0] < sizes[0][1] and sizes[1] == sizes[0][::-1]
    assert (
        "Mauritius" in across.header.paragraphs[0].text
        and across.footer.paragraphs[0].text == "\tPage 1 of 1"
    )


def test_an_office_program_opens_the_document(tmp_path: Path) -> None:
    """Read and written anew by LibreOffice, the hostile document still has its tables and texts."""
    import docx as library

    soffice = shutil.which("soffice")
    if soffice is None or not (Path(soffice).resolve().parent / "libswlo.so").is_file():
        pytest.skip("LibreOffice Writer is not installed: the document was not opened by an office program")
    source = tmp_path / "assessment.docx"
    source.write_bytes(docx.render(build_difficult("hostile")))
    profile = f"-env:UserInstallation={(tmp_path / 'profile').as_uri()}"
    command = [
        soffice,
        "--headless",
        profile,
        "--convert-to",
        "docx",
        "--outdir",
        str(tmp_path / "out"),
        str(source),
    ]
    subprocess.run(
        command, check=True, capture_output=True, timeout=240, env={**os.environ, "LC_ALL": "C.UTF-8"}
    )
    before, after = (library.Document(str(path)) for path in (source, tmp_path / "out" / source.name))
    assert len(after.tables) == len(before.tables) and len(after.inline_shapes) == len(before.inline_shapes)
    headings = [
        [p.text for p in opened.paragraphs if p.style and p.style.name.startswith("Heading")]
        for opened in (before, after)
    ]
    assert headings[0] == headings[1] and len(headings[0]) > 8


def test_no_short_table_gives_the_gap_without_its_range(
    edition: Edition, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A middle alone is read as a promise: the gap stands with its range or not at all."""
    asked: list[list[str]] = []
    monkeypatch.setattr(
        report._Composer,
        "short_table",
        lambda self, table, title, columns, *rest, **more: asked.append(columns) or (),
    )
    report.compose_report(dataclasses.replace(edition))
    gaps = [set(columns) for columns in asked if "gap_q50" in columns]
    assert gaps and all({"gap_q10", "gap_q90"} <= columns for columns in gaps)


def test_a_long_armenian_word_gets_a_column_that_holds_it() -> None:
    """Eighteen of its letters are as wide as 22 Latin ones; two such columns ran into each other."""
    word = "հավասարակշռություն"
    cells = ((paper.Span(word),),) * 3
    lane = paper._Lane("A", (paper.Span("A"),), cells, False)
    assert paper._measure(lane)[0] >= len(word) * 5 // 4


def test_forms_of_a_language_share_what_is_made_of_the_edition() -> None:
    """PDF and document come from one report, the workbooks from one layout; another edition gets its own."""
    edition = build_edition()
    assert report.compose_report(edition) is report.compose_report(edition)
    assert charts.list_figures(edition) is charts.list_figures(edition)
    other = dataclasses.replace(edition, language="fr")
    assert report.compose_report(other).language == "fr"
    assert report.compose_report(edition).language == "en"


def test_a_number_kept_for_the_next_form_keeps_its_sign_and_its_places() -> None:
    """Equal numbers are not written alike: 0.0 and -0.0 are kept apart, and so are 1 and 1.25."""
    words = language("fr")
    assert words.number(0.0) != words.number(-0.0)
    assert [words.number(value, 1) for value in (1, 1.25, 1)] == ["1,0", "1,2", "1,0"]
