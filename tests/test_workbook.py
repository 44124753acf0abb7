"""The workbook as a ministry's analyst opens it, in both its files: what every sheet holds and how it is marked."""

from __future__ import annotations

import dataclasses
import io
import os
import re
import shutil
import subprocess
import time
import zipfile
from pathlib import Path

import pandas as pd
import pytest
from edition_builder import HOSTILE, build_cells, build_edition, build_series, make_cell, make_number
from workbook_reader import ReadBook, read

from lma.contracts import TableSpec
from lma.languages import translate_edition
from lma.publish import grid, ods, sheets, xlsx

FORMS = {"xlsx": xlsx.render, "ods": ods.render}
SHEETS = [
    "Cover",
    "Contents",
    "Notes",
    "T0 Headlines",
    "T1 Country profile",
    "T5 Projection of employment",
    "T6 Balance of demand and supply",
    "T7 Foreign share",
    "T10 Migration recommendation",
    "T11 Quality of the data",
    "Chart 1 Total employment",
    "Chart 2 Gap between demand",
    "Sources",
    "Checks",
]


def render_both(edition) -> dict[str, ReadBook]:
    return {form: read(render(edition), form) for form, render in FORMS.items()}


@pytest.fixture(scope="module", params=[False, True], ids=["plain", "hostile"])
def hostile(request) -> bool:
    return request.param


@pytest.fixture(scope="module")
def written(hostile) -> dict[str, bytes]:
    edition = build_edition(hostile=hostile)
    return {form: render(edition) for form, render in FORMS.items()}


@pytest.fixture(scope="module")
def books(written) -> dict[str, ReadBook]:
    return {form: read(content, form) for form, content in written.items()}


@pytest.fixture(scope="module", params=list(FORMS))
def book(request, books) -> ReadBook:
    return books[request.param]


@pytest.fixture(scope="module")
def plain() -> ReadBook:
    return render_both(build_edition())["xlsx"]


def row_of(book: ReadBook, sheet: str, number: int) -> dict:
    header, *body = book.sheet(sheet).body()
    return dict(zip(header, body[number], strict=True))


# ---------------------------------------------------------------- what the two files hold


def test_both_files_hold_the_same_cells_sheets_and_marked_tables(books):
    first, second = books["xlsx"], books["ods"]
    assert [sheet.name for sheet in first.sheets] == [sheet.name for sheet in second.sheets]
    for one, other in zip(first.sheets, second.sheets, strict=True):
        assert one.values == other.values, one.name
        assert one.tables == other.tables and one.frozen == other.frozen, one.name
        assert one.widths == pytest.approx(other.widths, abs=1) and one.heights == pytest.approx(
            other.heights, abs=1
        )
        assert list(one.links) == list(other.links) and one.pictures == other.pictures
    about = ("title", "author", "language", "made", "active")
    assert [getattr(first, name) for name in about] == [getattr(second, name) for name in about]


def test_workbook_has_its_sheets_in_order(plain):
    assert [sheet.name for sheet in plain.sheets] == SHEETS


def test_no_formula_no_external_link_no_macro_in_the_files(books):
    for name, text in books["xlsx"].texts.items():
        assert not re.search(r"<f[ >/]", text) or not name.startswith("xl/worksheets/"), name
        assert "mergeCell" not in text and 'TargetMode="External"' not in text, name
        assert "vba" not in name and "externalLink" not in name
    for name, text in books["ods"].texts.items():
        assert "table:formula" not in text and "office:script" not in text, name
        assert not re.search(r'xlink:href="(?!#|\./Object )', text), name


def test_links_lead_to_sheets_only(book, books):
    mark = "!" if book is books["xlsx"] else "."
    found = {
        sheet.name: [link.lstrip("#") for link in sheet.links.values()]
        for sheet in book.sheets
        if sheet.links
    }
    names = [sheet.name.replace("'", "''") for sheet in book.sheets[2:]]
    assert found == {"Contents": [f"'{name}'{mark}A1" for name in names]}


@pytest.mark.parametrize(
    ("form", "member", "place"),
    [("xlsx", "xl/charts/chart", r"<c:f>(.*?)</c:f>"), ("ods", "Object ", r'address="(.*?)"')],
)
def test_charts_draw_the_cells_of_their_table_and_no_text_of_data(books, form, member, place):
    charts = [text for name, text in books[form].texts.items() if name.startswith(member)]
    assert len(charts) == 2
    for text in charts:
        places = [found.replace("&#39;", "'") for found in re.findall(place, text)]
        assert len(places) >= 7 and all(found.startswith("'Chart ") for found in places), places
        assert "<c:numLit>" not in text and "table:table-cell" not in text
        sheet = books[form].sheet(re.match(r"'(Chart \d+) ", places[0])[1])
        wide = [re.findall(r"[A-Z]\$?(\d+)", found) for found in places if ":" in found]
        rows = sorted({int(row) for ends in wide for row in ends})
        assert (rows[0], rows[-1]) == (sheet.header_row + 1, len(sheet.values)), (
            "the rows of the table, no more, no less"
        )


def test_no_cell_of_a_table_is_empty_and_every_symbol_has_its_reason(book, hostile):
    legend = {row[0]: row[1] for row in book.sheet("Notes").body()}
    for sheet in book.sheets[1:]:
        for row in sheet.body():
            assert all(value not in (None, "") for value in row), (sheet.name, row)
            for text in (value for value in row if isinstance(value, str)):
                assert all(legend[mark] for mark in re.findall(r"^\[\w+\]$|\[note \d+\]", text)), text
    mining = row_of(book, "T5", -1)
    assert mining["2024 (persons)"] == "[c]" and mining["2030 middle, q50 (persons)"] == "[x]"
    meanings = [legend[mark] for mark in mining["Notes"].split("; ")]
    assert "[c] fewer than 10 firms" in meanings
    assert "[x] fewer than 12 years: no forecast" in meanings


def test_the_note_of_a_reason_names_its_columns_and_table(plain):
    notes = {row[1]: row[2:] for row in plain.sheet("Notes").body()}
    columns = ", ".join(f"2030 {name} (persons)" for name in ("low, q10", "middle, q50", "high, q90"))
    assert notes["[x] fewer than 12 years: no forecast"] == [columns, "T5"]
    marks = [row[0] for row in plain.sheet("Notes").body()[1:] if row[0] not in grid.SYMBOLS]
    assert marks == [f"[note {number}]" for number in range(1, len(marks) + 1)]


def test_checks_say_which_rule_was_not_passed(plain):
    header, *body = plain.sheet("Checks").body()
    results = {row[1]: row[header.index("Result")] for row in body}
    assert results == {"MUS": "passed", "ilostat_lfs_rates": "passed", "statsmauritius_eoe": "not passed"}
    assert "3 checks of the data were made, 1 not passed: see the sheet Checks." in plain.sheets[0].values[-1]


def test_each_symbol_shown_for_a_figure_is_explained_in_its_row_or_its_notes():
    edition = build_edition(hostile=True)
    for table in grid.lay_out_all(edition):
        for row in table.rows:
            symbols = {cell.text for cell in row[1 : table.n_figures + 1] if cell.text in grid.SYMBOLS}
            numbers = [int(number) for cell in row for number in re.findall(r"\[note (\d+)\]", cell.text)]
            said = " ".join(
                [
                    *(cell.text for cell in row[table.n_figures + 1 :]),
                    *(table.remarks[n].meaning for n in numbers if n in table.remarks),
                ]
            )
            assert all(symbol in said for symbol in symbols), (table.table_id, row[0])


def test_figures_are_numbers_with_their_decimals_and_codes_are_text(plain):
    share = plain.sheet("T7")
    row, column = share.header_row + 1, share.column("Foreign share (per cent)")
    assert share.values[row][column] == pytest.approx(100 * 11_160 / 32_640)
    assert share.looks[row][column].number_format == "#,##0.0"
    sector = plain.sheet("T5")
    assert (
        sector.values[sector.header_row][1] == 28_400
        and sector.looks[sector.header_row][1].number_format == "#,##0"
    )
    assert all(isinstance(row[-1], str) for row in sector.body()), "row codes"
    figures = build_cells()
    wanted = figures[figures["value"].notna() & (figures["table_id"] == "T6")]["value"].tolist()
    shown = [value for row in plain.sheet("T6").body() for value in row if not isinstance(value, str)]
    assert shown == pytest.approx(wanted)


def test_number_of_numeric_cells_equals_the_number_of_figures(book, hostile):
    for table_id, part in build_cells(hostile).groupby("table_id"):
        numeric = sum(not isinstance(value, str) for row in book.sheet(table_id).body() for value in row)
        assert numeric == part["value"].notna().sum(), table_id


def test_mixed_units_basis_and_breaks_are_said_in_the_row(plain):
    employment, rate = row_of(plain, "T1", 0), row_of(plain, "T1", 1)
    assert rate["Indicator"] == "Unemployment rate"
    assert employment["Unit"] == "persons" and rate["Unit"] == "per cent"
    assert employment["Basis"] == "modelled estimate" and employment["Notes"] == "[note 1]"
    assert rate["Symbols and reasons"] == "Value: [b] new questionnaire in 2024"
    assert dict(row[:2] for row in plain.sheet("Notes").body())["[note 1]"].startswith("Modelled estimate")
    assert row_of(plain, "T5", 1)["Basis"] == "projection, except 2024 (persons): modelled estimate"
    assert "Unit" not in plain.sheet("T5").body()[0], "one unit for the whole table stands in the headings"


def test_a_heading_that_does_not_say_its_unit_gets_it():
    values = {
        "Openings": make_number(5, "PS", "ilostat_lfs_rates", ["a:1"]),
        "Seekers, persons": make_number(6, "PS", "ilostat_lfs_rates", ["a:1"]),
    }
    cells = [
        make_cell(f"T6.C.{i}", (0, "C"), (i, label), **given)
        for i, (label, given) in enumerate(values.items())
    ]
    table = lay_out_one("T6", cells)
    assert table.headers[1:3] == ("Openings (persons)", "Seekers, persons")


def test_a_table_with_its_own_source_column_gets_no_second_one(plain):
    header = plain.sheet("T11").body()[0]
    assert [name for name in header if name.casefold().startswith("source")] == ["Source"]


def lay_out_one(table_id: str, cells: list[dict]) -> grid.Grid:
    edition = build_edition(cells=pd.DataFrame(cells))
    return next(table for table in grid.lay_out_all(edition) if table.table_id == table_id)


def test_number_beside_text_shows_the_number_and_keeps_the_words():
    given = {"text": "first estimate", **make_number(3, "PS", "ilostat_lfs_rates", ["a:1"])}
    table = lay_out_one("T1", [make_cell("T1.X.value", (0, "X"), (0, "Value"), **given)])
    assert table.rows[0][1].number == 3
    assert table.rows[0][table.headers.index("Symbols and reasons")].text == "all columns: first estimate"


def test_a_table_of_tests_is_two_sheets_the_second_with_one_row_per_test():
    cells = []
    for test in ("D0", "D1"):
        cells.append(make_cell(f"T10.C.{test}", (0, "Manufacturing"), (0, f"{test} data"), text="pass"))
        number = make_number(5, "PS" if test == "D0" else "PC", "ilostat_lfs_rates", ["a:1"])
        cells.append(make_cell(f"T10.C.{test}_value", (0, "Manufacturing"), (1, f"{test} value"), **number))
        missing = {"symbol": "[x]", "reason": "none is set"}
        cells.append(
            make_cell(f"T10.C.{test}_threshold", (0, "Manufacturing"), (2, f"{test} threshold"), **missing)
        )
        cells.append(make_cell(f"T10.C.{test}_why", (0, "Manufacturing"), (3, f"{test} how"), text="because"))
    edition = build_edition(cells=pd.DataFrame(cells))
    short, long = (t for t in grid.lay_out_all(edition) if t.table_id.startswith("T10"))
    assert short.headers == ("Sector", "D0 data", "D1 data", "Row code")
    assert long.headers[:6] == (
        "Sector",
        "Test",
        "Result of the test",
        "Value",
        "Threshold",
        "How it was tested",
    )
    assert [[cell.text or cell.number for cell in row[:6]] for row in long.rows] == [
        ["Manufacturing", f"{test} data", "pass", 5, "[x]", "because"] for test in ("D0", "D1")
    ]
    assert [row[long.headers.index("Unit")].text for row in long.rows] == ["persons", "per cent"]
    assert [row[-1].text for row in long.rows] == ["C.D0", "C.D1"]


def test_rows_and_columns_follow_their_order_not_the_frame():
    edition = build_edition()
    shuffled = dataclasses.replace(edition, cells=edition.cells.sample(frac=1, random_state=3))
    assert sheets.compose_workbook(shuffled) == sheets.compose_workbook(edition)


def test_a_table_without_cells_says_so():
    edition = build_edition()
    without = dataclasses.replace(edition, cells=edition.cells[edition.cells["table_id"] != "T7"])
    for book in render_both(without).values():
        assert book.sheet("T7").body()[1:] == [["[x]", "[x] no figures for this table in this edition"]]


def test_a_pair_of_row_and_column_without_a_cell_is_not_applicable_with_a_reason():
    edition = build_edition()
    cut = dataclasses.replace(edition, cells=edition.cells[edition.cells["address"] != "T6.C.gap_q10"])
    row = next(table for table in grid.lay_out_all(cut) if table.table_id == "T6").rows[0]
    assert row[1].text == "[z]"
    assert any("[z] column does not apply to this row" in cell.text for cell in row)


# ---------------------------------------------------------------- charts


def test_the_chart_sheets_hold_the_figures_of_series_and_cells(plain):
    header, *body = plain.sheet("Chart 1").body()
    series = build_series()
    total = series[
        (series["economic_activity"] == "_T") & series["measure"].isin(["observed", "q10", "q50", "q90"])
    ]
    assert len(body) == len(total) and sum(row[3] for row in body) == pytest.approx(total["value"].sum())
    gaps = plain.sheet("Chart 2").body()[1:]
    assert [row[2] for row in gaps] == [3_350, 1_450, -900] and gaps[0][
        0
    ] == "Accommodation and food services"
    assert [len(sheet.pictures) for sheet in plain.sheets] == [
        int(s.name.startswith("Chart")) for s in plain.sheets
    ]


def test_without_a_total_and_without_gaps_there_is_no_chart_sheet():
    edition = build_edition()
    series, cells = edition.series, edition.cells
    bare = dataclasses.replace(
        edition, series=series[series["economic_activity"] != "_T"], cells=cells[cells["table_id"] != "T6"]
    )
    names = [sheet.name for sheet in sheets.compose_workbook(bare).sheets]
    assert not [name for name in names if name.startswith("Chart")]


def test_foreign_shares_of_several_periods_are_one_line_each():
    cells = []
    for number, (zone, period) in enumerate(
        [("=Zone", "2024-Q2"), ("=Zone", "2025-Q1"), ("Other", "2025-Q1")]
    ):
        share = make_number(10.0 + number, "PC", "ilostat_lfs_rates", ["a:1"], time_period=period)
        cells.append(
            make_cell(f"T7.Z{number}.share", (number, f"{zone}, {period}"), (0, "Foreign share, %"), **share)
        )
    content = xlsx.render(build_edition(cells=pd.DataFrame(cells)))
    book = read(content, "xlsx")
    rows = book.sheet("Chart 2").body()[1:]
    assert rows == [["=Zone", "2024-Q2", 2024.375, 10], ["=Zone", "2025-Q1", 2025.125, 11]]
    assert "from 10.0 % in 2024-Q2 to 11.0 % in 2025-Q1" in book.sheet("Chart 2").pictures[0]
    drawn = re.findall(r"<c:tx><c:strRef><c:f>(.*?)</c:f>", book.texts["xl/charts/chart2.xml"])
    assert drawn == ["'Chart 2 Foreign share'!$A$5"], "a label of data names the line only through its cell"


@pytest.mark.parametrize(
    ("period", "year"), [("2025", 2025.0), ("2025-Q1", 2025.125), ("2025-03", 2025 + 2.5 / 12)]
)
def test_periods_become_years_for_the_chart(period, year):
    assert sheets.as_year(period) == pytest.approx(year)


# ---------------------------------------------------------------- bad input


def test_hostile_text_stays_text():
    for form, book in render_both(build_edition(hostile=True)).items():
        sheet = book.sheet("T10")
        texts = {value for row in sheet.values for value in row if isinstance(value, str)}
        assert {text.strip() for text in HOSTILE} <= texts, form
        assert "nul and bell and turned" in texts
        assert sheet.values[0][0].startswith("T10. =cmd")
        assert not [text for text in texts if re.search(r"[\x00-\x08\x0b-\x1f\u202e]", text)]
        assert sheet.name == "T10 =cmd|' C calc'!A0 What"
    content = xlsx.render(build_edition(hostile=True))
    with zipfile.ZipFile(io.BytesIO(content)) as package:
        stored = [package.read(name) for name in package.namelist() if name.startswith("xl/worksheets/sheet")]
    assert not any(b' t="str"' in text or b"<f>" in text for text in stored), (
        "texts are shared strings, never results"
    )


@pytest.mark.parametrize(
    ("wanted", "taken", "name"),
    [
        ("T5", set(), "T5"),
        ("a/b:c?*[x]\\", set(), "a b c x"),
        ("'x'", set(), "x"),
        ("x" * 40, set(), "x" * 31),
        ("Notes", {"notes"}, "Notes 2"),
        ("y" * 40, {"y" * 31}, "y" * 29 + " 2"),
        ("\x00", set(), "Sheet"),
        ("History", set(), "History 2"),
        ("T4 Indicators behind the ratings", set(), "T4 Indicators behind"),
        ("T16 Чувствительность оценок и так далее", set(), "T16 Чувствительность оценок"),
    ],
)  # fmt: skip
def test_sheet_names_are_allowed_and_unique(wanted, taken, name):
    assert sheets.sheet_name(wanted, taken) == name


def test_tables_with_one_title_get_sheets_of_different_names():
    titles = [
        TableSpec(name, "The same long title of many tables", "d", "Row") for name in ("T1", "t1", "T1 The")
    ]
    edition = build_edition(tables=tuple(titles), cells=build_cells().iloc[:0])
    names = [sheet.name for sheet in sheets.compose_workbook(edition).sheets]
    assert len({name.casefold() for name in names}) == len(names) and all(len(name) <= 31 for name in names)
    ranges = [sheet.table_name.casefold() for sheet in sheets.compose_workbook(edition).sheets]
    assert len(set(ranges)) == len(ranges)


def test_numbers_from_tiny_to_huge_keep_their_value_and_never_show_as_zero():
    values = {
        "tiny": (1e-9, 0),
        "small": (-0.3, 0),
        "huge": (1e12, 0),
        "fine": (1e-9, None),
        "exact": (0.0, 0),
    }
    cells = [
        make_cell(
            f"T1.{name}.value",
            (i, name),
            (0, "Value"),
            **{**make_number(value, "PS", "ilostat_lfs_rates", ["a:1"]), "decimals": decimals},
        )
        for i, (name, (value, decimals)) in enumerate(values.items())
    ]
    edition = build_edition(cells=pd.DataFrame(cells))
    for book in render_both(edition).values():
        rows = {row[0]: row for row in book.sheet("T1").body()[1:]}
        assert [rows[name][1] for name in values] == [value for value, _ in values.values()]
        reasons = {name: row[book.sheet("T1").column("Symbols and reasons")] for name, row in rows.items()}
        low = "all columns: [low] not zero, but rounds to zero at the decimals shown"
        assert reasons == {"tiny": low, "small": low, "huge": "none", "fine": "none", "exact": "none"}
        assert book.sheet("T1").widths[1] >= len("1,000,000,000,000")
    written = read(xlsx.render(edition), "xlsx").sheet("T1")
    formats = [row[1].number_format for row in written.looks[written.header_row :]]
    assert formats == ['"[low]"', '"[low]"', "#,##0", "General", "#,##0"]
    shown = {
        name: sheets.show(grid.GridCell(value, "", decimals)) for name, (value, decimals) in values.items()
    }
    assert (
        shown["tiny"] == shown["small"] == "[low]"
        and shown["huge"] == "1,000,000,000,000"
        and shown["exact"] == "0"
    )


def test_two_hundred_sectors_and_no_figures_at_all_still_make_a_workbook():
    many = []
    for order in range(200):
        for position, name in enumerate(("gap_q10", "gap_q50", "gap_q90")):
            number = make_number(order * 10.0 + position, "PS", "ilostat_lfs_rates", ["a:1"])
            many.append(
                make_cell(
                    f"T6.S{order}.{name}",
                    (order, f"Sector {order}"),
                    (position, f"Gap {name}, persons"),
                    **number,
                )
            )
    for book in render_both(build_edition(cells=pd.DataFrame(many))).values():
        assert len(book.sheet("T6").body()) == 201 and len(book.sheet("Chart 2").body()) == 201
    nothing = build_cells().assign(value=None, text=None, symbol="[x]", reason="nothing is known")
    empty = build_edition(
        cells=nothing, series=build_series().iloc[:0], sources=build_edition().sources.iloc[:0]
    )
    for book in render_both(empty).values():
        assert [sheet.name for sheet in book.sheets if sheet.name.startswith("Chart")] == []
        assert (
            book.sheet("T5").body()[1][1] == "[x]" and book.sheet("Sources").body()[1][0] == "[x] no source"
        )


def test_the_workbook_speaks_the_language_of_its_edition():
    english, french = (
        sheets.compose_workbook(translate_edition(build_edition(), code)) for code in ("en", "fr")
    )
    assert [english.language, french.language] == ["en", "fr"]
    assert french.title != english.title or french.cover != english.cover
    figures = [
        [[cell.number for cell in row] for row in sheet.rows]
        for book in (english, french)
        for sheet in book.sheets
    ]
    half = len(figures) // 2
    assert figures[:half] == figures[half:]


# ---------------------------------------------------------------- the files


def test_same_edition_same_bytes_in_any_time_zone(written, hostile, monkeypatch):
    monkeypatch.setenv("TZ", "Pacific/Kiritimati")
    time.tzset()
    try:
        again = {form: render(build_edition(hostile=hostile)) for form, render in FORMS.items()}
    finally:
        monkeypatch.undo()
        time.tzset()
    assert again == written
    for content in written.values():
        with zipfile.ZipFile(io.BytesIO(content)) as package:
            assert {info.date_time for info in package.infolist()} == {(1980, 1, 1, 0, 0, 0)}
            texts = "".join(
                package.read(name).decode()
                for name in package.namelist()
                if re.search(r"core|meta\.xml", name)
            )
        assert set(re.findall(r"\d{4}-\d\d-\d\dT[\d:]+", texts)) == {"2025-09-30T00:00:00"}


def test_an_opendocument_file_begins_with_its_type_as_stored_bytes(written):
    with zipfile.ZipFile(io.BytesIO(written["ods"])) as package:
        first = package.infolist()[0]
        assert (first.filename, first.compress_type) == ("mimetype", zipfile.ZIP_STORED)
        assert package.read("mimetype") == b"application/vnd.oasis.opendocument.spreadsheet"
        told = {
            path
            for path in re.findall(r'full-path="([^"]+)"', package.read("META-INF/manifest.xml").decode())
            if not re.fullmatch(r"Object \d+/", path)
        }
        assert told == {"/"} | {name for name in package.namelist() if name.endswith(".xml")} - {
            "META-INF/manifest.xml"
        }


def test_an_office_program_opens_both_files_without_repair(written, hostile, tmp_path: Path):
    """Read by the program and written anew by it, every cell is still what it was."""
    soffice = shutil.which("soffice")
    if soffice is None:
        pytest.skip("soffice is not installed: the workbook was not opened by an office program")
    if not hostile:
        pytest.skip("the hostile edition is opened: it holds all that the plain one does")
    for form, content in written.items():
        (tmp_path / f"from_{form}.{form}").write_bytes(content)
    paths = [str(tmp_path / f"from_{form}.{form}") for form in FORMS]
    profile = f"-env:UserInstallation={(tmp_path / 'profile').as_uri()}"
    out = tmp_path / "out"
    command = [soffice, "--headless", profile, "--convert-to", "xlsx", "--outdir", str(out), *paths]
    subprocess.run(
        command, check=True, capture_output=True, timeout=240, env={**os.environ, "LC_ALL": "C.UTF-8"}
    )
    for form in FORMS:
        opened = read((out / f"from_{form}.xlsx").read_bytes(), "xlsx")
        for after, before in zip(opened.sheets, read(written[form], form).sheets, strict=True):
            assert after.name == before.name
            assert [row[: len(before.values[-1])] for row in after.values] == before.values, (
                form,
                after.name,
            )


def test_the_first_workbook_of_a_process_is_like_every_later_one() -> None:
    """The library writes into the properties it is given: what one workbook leaves there would change the next."""
    xlsx.render(build_edition())
    assert set(xlsx._FONT) == {"font_name", "font_size"}
