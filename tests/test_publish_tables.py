"""The tables a ministry receives: workbook, CSV package, SDMX-CSV, run record, and their folder."""

from __future__ import annotations

import csv
import dataclasses
import datetime as dt
import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import threading
import time
import zipfile
from pathlib import Path

import openpyxl
import pandas as pd
import pytest
from edition_builder import HOSTILE, build_cells, build_edition, make_cell, make_number

from lma.contracts import codelist, table_contract
from lma.errors import ContractError, OutputError, UsageError
from lma.publish import csv_package, data_package, grid, parquet, run_json, sdmx_csv, xlsx
from lma.publish import edition as editions

SHEETS = [
    "Cover",
    "Contents",
    "T0",
    "T1",
    "T5",
    "T6",
    "T7",
    "T10",
    "T11",
    "History",
    "Notes",
    "Sources",
    "Checks",
]
HEADER_ROW = 4


@pytest.fixture(scope="module", params=[False, True], ids=["plain", "hostile"])
def workbook_bytes(request):
    return xlsx.render(build_edition(hostile=request.param))


@pytest.fixture(scope="module")
def workbook(workbook_bytes):
    return openpyxl.load_workbook(io.BytesIO(workbook_bytes))


@pytest.fixture
def light_forms(monkeypatch):
    """Page and PDF replaced by short texts that depend on the edition: these tests are about the folder."""
    monkeypatch.setitem(
        editions.READER_FORMS, "assessment.html", lambda e: f"<p>{e.label} {e.edition}</p>".encode()
    )
    monkeypatch.setitem(editions.READER_FORMS, "assessment.pdf", lambda e: b"%PDF " + e.edition.encode())


def read_csv_text(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode("utf-8"), newline="")))


def table_rows(sheet) -> list[list]:
    """Header and body of the one table of a sheet."""
    (table,) = sheet.tables.values()
    return [[cell.value for cell in row] for row in sheet[table.ref]]


# ---------------------------------------------------------------- workbook


def test_workbook_has_its_sheets_in_order(workbook):
    assert workbook.sheetnames == SHEETS
    assert all(len(name) <= 31 for name in workbook.sheetnames)


def test_no_formula_no_external_link_no_macro_in_the_file(workbook_bytes):
    with zipfile.ZipFile(io.BytesIO(workbook_bytes)) as package:
        names = package.namelist()
        for name in names:
            text = package.read(name).decode("utf-8", "replace")
            if name.startswith("xl/worksheets/"):
                assert not re.search(r"<f[ >/]", text), name
                assert "mergeCell" not in text, name
            assert 'TargetMode="External"' not in text, name
        assert not [name for name in names if "vba" in name or "externalLink" in name]


def test_links_lead_to_sheets_only(workbook):
    links = {
        sheet.title: [cell.hyperlink.location for row in sheet for cell in row if cell.hyperlink]
        for sheet in workbook
    }
    assert [title for title, found in links.items() if found] == ["Contents"]
    assert links["Contents"] == [f"'{name}'!A1" for name in SHEETS[2:]]


def test_every_sheet_is_one_marked_table_from_column_a_under_a_frozen_header(workbook):
    for sheet in workbook.worksheets[1:]:
        assert not sheet.merged_cells.ranges
        assert sheet["A1"].value and sheet["A2"].value
        assert "one table" in sheet["A3"].value
        assert [table.ref.split(":")[0] for table in sheet.tables.values()] == [f"A{HEADER_ROW}"], sheet.title
        assert sheet.freeze_panes == f"B{HEADER_ROW + 1}", sheet.title
        header, *body = table_rows(sheet)
        assert len({str(name).casefold() for name in header}) == len(header)
        assert sheet.max_row == HEADER_ROW + len(body), "nothing stands below the table"
    assert not workbook["Cover"].tables


def test_no_cell_of_a_table_is_empty_and_every_symbol_has_its_reason(workbook):
    legend = {row[0]: row[1] for row in table_rows(workbook["Notes"])}
    for sheet in workbook.worksheets[1:]:
        header, *body = table_rows(sheet)
        for row in body:
            assert all(value not in (None, "") for value in row), (sheet.title, row)
            for symbol in {
                value for value in row if isinstance(value, str) and re.fullmatch(r"\[\w+\]", value)
            }:
                assert legend[symbol]
    header, *body = table_rows(workbook["T5"])
    mining = dict(zip(header, body[-1], strict=True))
    assert mining["2024 (persons)"] == "[c]"
    assert mining["2030 middle, q50 (persons)"] == "[x]"
    assert "[c] fewer than 10 firms" in mining["Symbols and reasons"]
    assert "[x] fewer than 12 years: no forecast" in mining["Symbols and reasons"]


def test_each_symbol_shown_for_a_figure_is_explained_in_its_row():
    edition = build_edition(hostile=True)
    for table in grid.lay_out_all(edition):
        for row in table.rows:
            symbols = {cell.text for cell in row[1 : table.n_figures + 1] if cell.text in grid.SYMBOLS}
            said = row[table.headers.index("Symbols and reasons")].text if symbols else ""
            assert all(symbol in said for symbol in symbols), (table.table_id, row[0])


def test_figures_are_numbers_with_their_decimals_and_codes_are_text(workbook):
    edition = build_edition()
    header, *body = table_rows(workbook["T7"])
    share = workbook["T7"].cell(HEADER_ROW + 2, header.index("Foreign share (per cent)") + 1)
    assert share.value == pytest.approx(100 * 11_160 / 32_640)
    assert share.number_format == "#,##0.0"
    assert workbook["T5"]["B5"].value == 28_400 and workbook["T5"]["B5"].number_format == "#,##0"
    assert all(isinstance(row[-1], str) for row in body), "row codes"
    figures = edition.cells[edition.cells["value"].notna() & (edition.cells["table_id"] == "T6")]
    shown = [
        value for row in table_rows(workbook["T6"])[1:] for value in row if isinstance(value, (int, float))
    ]
    assert shown == pytest.approx(figures["value"].tolist())


def test_number_of_numeric_cells_equals_the_number_of_figures(workbook, request):
    hostile = "hostile" in request.node.name
    cells = build_cells(hostile)
    for table_id, part in cells.groupby("table_id"):
        rows = table_rows(workbook[table_id])[1:]
        numeric = sum(isinstance(value, (int, float)) for row in rows for value in row)
        assert numeric == part["value"].notna().sum(), table_id


def test_mixed_units_basis_and_breaks_are_said_in_the_row(workbook):
    header, *body = table_rows(workbook["T1"])
    rows = {row[0]: dict(zip(header, row, strict=True)) for row in body}
    assert rows["Employment"]["Unit"] == "persons" and rows["Unemployment rate"]["Unit"] == "per cent"
    assert rows["Employment"]["Basis"] == "modelled estimate"
    assert rows["Unemployment rate"]["Symbols and reasons"] == "Value: [b] new questionnaire in 2024"
    assert rows["Employment"]["Notes"] == "[note 1]"
    notes = dict(row[:2] for row in table_rows(workbook["Notes"])[1:])
    assert notes["[note 1]"].startswith("Modelled estimate")
    header, *body = table_rows(workbook["T5"])
    manufacturing = dict(zip(header, body[1], strict=True))
    assert manufacturing["Basis"] == "projection, except 2024 (persons): modelled estimate"
    assert "Unit" not in header, "one unit for the whole table stands in the headings"


def test_a_table_with_its_own_source_column_gets_no_second_one(workbook):
    header = table_rows(workbook["T11"])[0]
    assert [name for name in header if name.casefold().startswith("source")] == ["Source"]


def test_rows_and_columns_follow_their_order_not_the_frame():
    edition = build_edition()
    shuffled = dataclasses.replace(edition, cells=edition.cells.sample(frac=1, random_state=3))
    assert xlsx.render(shuffled) == xlsx.render(edition)
    assert csv_package.render_tables(shuffled) == csv_package.render_tables(edition)


def test_hostile_text_stays_text():
    book = openpyxl.load_workbook(io.BytesIO(xlsx.render(build_edition(hostile=True))))
    sheet = book["T10"]
    texts = {
        cell.value: cell.data_type for row in sheet.iter_rows() for cell in row if isinstance(cell.value, str)
    }
    assert all(texts[text.strip()] == "s" for text in HOSTILE)
    assert "nul and bell and turned" in texts
    assert sheet["A1"].data_type == "s" and sheet["A1"].value.startswith("T10. =cmd")
    assert not [text for text in texts if re.search(r"[\x00-\x08\x0b-\x1f\u202e]", text)]


def test_a_table_without_cells_says_so():
    edition = build_edition()
    without = dataclasses.replace(edition, cells=edition.cells[edition.cells["table_id"] != "T7"])
    book = openpyxl.load_workbook(io.BytesIO(xlsx.render(without)))
    assert table_rows(book["T7"])[1:] == [["[x]", "[x] no figures for this table in this edition"]]


def test_a_pair_of_row_and_column_without_a_cell_is_not_applicable_with_a_reason():
    edition = build_edition()
    cut = dataclasses.replace(edition, cells=edition.cells[edition.cells["address"] != "T6.C.gap_q10"])
    row = next(table for table in grid.lay_out_all(cut) if table.table_id == "T6").rows[0]
    assert row[1].text == "[z]"
    assert any("[z] column does not apply to this row" in cell.text for cell in row)


def test_the_chart_sheet_holds_the_figures_of_the_series(workbook):
    header, *body = table_rows(workbook["History"])
    series = build_edition().series
    total = series[
        (series["economic_activity"] == "_T") & series["measure"].isin(["observed", "q10", "q50", "q90"])
    ]
    assert len(body) == len(total)
    assert sum(row[3] for row in body) == pytest.approx(total["value"].sum())
    assert len(workbook["History"]._charts) == 1


def test_without_a_total_there_is_no_chart_sheet():
    edition = build_edition()
    series = edition.series[edition.series["economic_activity"] != "_T"]
    book = openpyxl.load_workbook(io.BytesIO(xlsx.render(dataclasses.replace(edition, series=series))))
    assert "History" not in book.sheetnames


@pytest.mark.parametrize(
    ("period", "year"), [("2025", 2025.0), ("2025-Q1", 2025.125), ("2025-03", 2025 + 2.5 / 12)]
)
def test_periods_become_years_for_the_chart(period, year):
    assert xlsx._as_year(period) == pytest.approx(year)


@pytest.mark.parametrize(
    ("wanted", "taken", "name"),
    [
        ("T5", set(), "T5"),
        ("a/b:c?*[x]\\", set(), "a b c   x"),
        ("'x'", set(), "x"),
        ("x" * 40, set(), "x" * 31),
        ("Notes", {"notes"}, "Notes 2"),
        ("y" * 40, {"y" * 31}, "y" * 29 + " 2"),
        ("\x00", set(), "Sheet"),
    ],
)
def test_sheet_names_are_allowed_and_unique(wanted, taken, name):
    assert xlsx.sheet_name(wanted, taken) == name


def test_same_edition_same_workbook_bytes_in_any_time_zone(monkeypatch):
    first = xlsx.render(build_edition())
    monkeypatch.setenv("TZ", "Pacific/Kiritimati")
    time.tzset()
    try:
        assert xlsx.render(build_edition()) == first
    finally:
        monkeypatch.undo()
        time.tzset()
    with zipfile.ZipFile(io.BytesIO(first)) as package:
        assert {info.date_time for info in package.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        core = package.read("docProps/core.xml").decode()
    assert set(re.findall(r"\d{4}-\d\d-\d\dT[\d:]+Z", core)) == {"2025-09-30T00:00:00Z"}


def test_an_office_program_opens_the_workbook(workbook_bytes, tmp_path):
    soffice = shutil.which("soffice")
    if soffice is None:
        pytest.skip("soffice is not installed: the workbook was not opened by an office program")
    path = tmp_path / "assessment.xlsx"
    path.write_bytes(workbook_bytes)
    profile = f"-env:UserInstallation={(tmp_path / 'profile').as_uri()}"
    command = [soffice, "--headless", profile, "--convert-to", "pdf", "--outdir", str(tmp_path), str(path)]
    subprocess.run(command, check=True, capture_output=True, timeout=240)
    assert (tmp_path / "assessment.pdf").read_bytes().startswith(b"%PDF")


# ---------------------------------------------------------------- CSV package


@pytest.fixture(scope="module")
def package():
    edition = build_edition(hostile=True)
    forms = (csv_package.render_tables, sdmx_csv.render_files, parquet.render_files)
    files = {name: content for form in forms for name, content in form(edition).items()}
    return {**files, "datapackage.json": data_package.render(edition, files)}


def test_package_describes_every_file_with_its_hash_size_and_rows(package):
    described = json.loads(package["datapackage.json"])
    assert described["$schema"] == "https://datapackage.org/profiles/2.0/datapackage.json"
    paths = [resource["path"] for resource in described["resources"]]
    twins = [twin for resource in described["resources"] for twin in resource.get("alternates", [])]
    assert sorted([*paths, *(twin["path"] for twin in twins)]) == sorted(set(package) - {"datapackage.json"})
    assert all(
        twin["hash"] == f"sha256:{hashlib.sha256(package[twin['path']]).hexdigest()}" for twin in twins
    )
    for resource in described["resources"]:
        content = package[resource["path"]]
        assert resource["hash"] == f"sha256:{hashlib.sha256(content).hexdigest()}"
        assert resource["bytes"] == len(content)
        assert resource.get("type") != "table" or resource["rowCount"] == len(read_csv_text(content)) > 0
        assert re.fullmatch(r"[a-z0-9._-]+", resource["name"])


def test_schema_fits_its_file(package):
    described = json.loads(package["datapackage.json"])
    for resource in described["resources"]:
        if "schema" not in resource:
            continue
        rows = read_csv_text(package[resource["path"]])
        fields = resource["schema"]["fields"]
        assert [field["name"] for field in fields] == list(rows[0])
        for field in fields:
            values = [row[field["name"]] for row in rows]
            rules = field.get("constraints", {})
            assert all(values) or not rules.get("required"), field["name"]
            given = [value for value in values if value]
            kinds = {"integer": int, "number": float, "date": dt.date.fromisoformat, "string": str}
            read = [{**kinds, "boolean": {"true": True, "false": False}.get}[field["type"]](v) for v in given]
            assert len(read) == len(given)
            assert all(re.search(rules.get("pattern", ""), value) for value in given), field["name"]
            assert all(value in rules.get("enum", [value]) for value in given), field["name"]
        keys = [tuple(row[name] for name in resource["schema"]["primaryKey"]) for row in rows]
        assert len(keys) == len(set(keys))
        for link in resource["schema"].get("foreignKeys", []):
            parent = next(r for r in described["resources"] if r["name"] == link["reference"]["resource"])
            there = read_csv_text(package[parent["path"]])
            known = {tuple(row[name] for name in link["reference"]["fields"]) for row in there}
            used = {tuple(row[name] for name in link["fields"]) for row in rows}
            assert {values for values in used if all(values)} <= known, (resource["name"], link)


def test_package_gives_units_sources_and_licences(package):
    described = json.loads(package["datapackage.json"])
    t7 = next(resource for resource in described["resources"] if resource["name"] == "t7")
    assert t7["units"] == {"PC": "per cent", "PS": "persons"}
    assert [source["sourceId"] for source in t7["sources"]] == ["ilostat_2emp_sector", "statsmauritius_eoe"]
    assert all(source["hash"].startswith("sha256:") and source["version"] for source in t7["sources"])
    path = "https://creativecommons.org/licenses/by/4.0/"
    assert (
        described["licenses"] == [{"name": "CC-BY-4.0", "path": path, "title": "CC BY 4.0"}] == t7["licenses"]
    )


def test_csv_has_every_cell_once_with_lf_and_utf8(package):
    cells = build_cells(hostile=True)
    addresses = []
    for path, content in package.items():
        if path.startswith("tables/") and path.endswith(".csv"):
            assert (
                b"\r" not in content and not content.startswith(b"\xef\xbb\xbf") and content.endswith(b"\n")
            )
            addresses += [row["address"] for row in read_csv_text(content)]
    assert sorted(addresses) == sorted(cells["address"])


def test_csv_values_read_back_exactly(package):
    cells = build_cells(hostile=True).set_index("address")
    for table_id in ("T1", "T5", "T10"):
        for row in read_csv_text(package[f"tables/{table_id}.csv"]):
            cell = cells.loc[row["address"]]
            assert (float(row["value"]) if row["value"] else None) == (
                None if pd.isna(cell["value"]) else cell["value"]
            )
            assert int(row["n_inputs"]) == len(cell["inputs"])


def test_text_that_would_run_is_quoted_and_a_negative_number_is_not(package):
    rows = {row["address"]: row for row in read_csv_text(package["tables/T10.csv"])}
    for order, text in enumerate(HOSTILE[:5], start=20):
        assert rows[f"T10.H{order}.D0"]["text"] == f"'{text.strip()}"
        assert rows[f"T10.H{order}.D0"]["row_label"].startswith("'")
        assert rows[f"T10.H{order}.number"]["value"] == "-5"
        assert rows[f"T10.H{order}.number"]["column_label"] == "'=1+1"
    assert rows["T10.H26.D0"]["text"] == "nul and bell and turned"


@pytest.mark.parametrize(
    ("text", "guarded"),
    [
        ("=1", "'=1"),
        ("-", "'-"),
        ("\r=1", "'=1"),
        (" \t@x", "'@x"),
        ("＝1", "'＝1"),
        ("a=1", "a=1"),
        ("'x", "'x"),
    ],
)
def test_guard(text, guarded):
    assert csv_package.guard_text(text) == guarded


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (-5.0, "-5"),
        (0.1, "0.1"),
        (1 / 3, "0.3333333333333333"),
        (560_800, "560800"),
        (1e22, "1e+22"),
        (-0.0, "0"),
    ],
)
def test_number_text_is_the_shortest_that_reads_back(number, text):
    assert grid.format_number(number) == text
    assert float(text) == number


def test_every_unit_of_the_codelist_has_words():
    words = grid.list_unit_words()
    assert set(codelist("units")["unit_measure"]) == set(words)
    assert words["PS"] == "persons" and words["USD"] == "US dollars"


def test_every_symbol_and_basis_of_the_contract_is_explained():
    columns = {
        column.name: set(column.valid_values) for column in table_contract("marts.assessments").columns
    }
    assert columns["symbol"] == set(grid.SYMBOLS)
    assert columns["basis"] == set(grid.BASIS_WORDS)


# ---------------------------------------------------------------- SDMX-CSV


def test_sdmx_csv_begins_as_version_2_asks_and_its_dimensions_identify_rows():
    content = sdmx_csv.render(build_edition())
    rows = read_csv_text(content)
    header = list(rows[0])
    assert header[:3] == ["STRUCTURE", "STRUCTURE_ID", "ACTION"]
    dimensions = [name.upper() for name in table_contract("marts.observations").primary_key]
    assert header[3 : 3 + len(dimensions) + 1] == [*dimensions, "OBS_VALUE"]
    assert len({tuple(row[name] for name in dimensions) for row in rows}) == len(rows) == 7
    assert {row["STRUCTURE"] for row in rows} == {"dataflow"} and {row["ACTION"] for row in rows} == {"I"}
    assert all(re.fullmatch(r"[A-Z]+:\w+\(\d+\.\d+\.\d+\)", row["STRUCTURE_ID"]) for row in rows)


def test_sdmx_csv_keeps_a_missing_figure_as_a_row_with_its_status():
    rows = {
        row["ECONOMIC_ACTIVITY"]: row
        for row in read_csv_text(sdmx_csv.render(build_edition()))
        if row["INDICATOR"] == "EMP"
    }
    assert (rows["B"]["OBS_VALUE"], rows["B"]["OBS_STATUS"]) == ("", "M")
    assert rows["C"]["OBS_VALUE"] == "81250"
    assert rows["C"]["NOTE"] == '\'=note, "quoted"'


# ---------------------------------------------------------------- run.json


def test_run_record_has_inputs_checks_and_hashes_but_no_clock():
    content = run_json.render(build_edition(), {"tables/T1.csv": b"a\n"})
    record = json.loads(content)
    assert [entry["snapshot_sha"] for entry in record["inputs"]] == ["a1" * 32, "b2" * 32, "c3" * 32]
    assert (record["checks_passed"], record["checks_failed"]) == (2, 1)
    assert record["run"]["mart_hashes"] == {"marts.observations": "d4" * 32}
    assert record["run"]["parameters"] == {"horizon": 6, "seed": 1}
    sha = hashlib.sha256(b"a\n").hexdigest()
    assert record["files"] == [{"path": "tables/T1.csv", "bytes": 2, "sha256": sha}]
    assert b"run-17" not in content and b"2025-10-01T02" not in content and b"NaN" not in content


def test_run_record_does_not_depend_on_the_order_of_rows_or_keys():
    edition = build_edition()
    turned = dataclasses.replace(
        edition,
        checks=edition.checks.iloc[::-1],
        sources=edition.sources.iloc[::-1],
        run=dict(reversed(edition.run.items())),
    )
    assert run_json.render(turned, {}) == run_json.render(edition, {})
    assert run_json.is_of(run_json.render(turned, {"a": b""}), edition)
    assert not run_json.is_of(run_json.render(turned, {}), dataclasses.replace(edition, label="Maurice"))
    assert not run_json.is_of(b"[]", edition) and not run_json.is_of(b"{", edition)


# ---------------------------------------------------------------- the folder


def list_files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


def test_publish_writes_every_form_and_sums_that_hold(light_forms, tmp_path):
    folder = editions.publish(build_edition(), tmp_path / "out")
    assert folder == tmp_path / "out" / "MUS" / "2025-09"
    files = list_files(folder)
    names = ("T0", "T1", "T5", "T6", "T7", "T10", "T11")
    tables = {f"tables/{table}.{ending}" for table in names for ending in ("csv", "parquet")}
    assert set(files) == tables | set(editions.READER_FORMS) | set(editions.DESCRIPTIONS) | {
        "observations.sdmx.csv",
        "observations.structure.xml",
        "observations.parquet",
        "sources.csv",
        "units.csv",
        "notes.csv",
        "SHA256SUMS",
    }
    sums = dict(reversed(line.split("  ")) for line in files.pop("SHA256SUMS").decode().splitlines())
    assert sums == {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    assert [path.name for path in folder.parent.iterdir()] == ["2025-09"], "no temporary folder is left"
    assert os.access(folder, os.R_OK) and folder.stat().st_mode & 0o055 == 0o777 & ~read_umask() & 0o055


def read_umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_same_content_again_changes_nothing(light_forms, tmp_path):
    folder = editions.publish(build_edition(), tmp_path)
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    assert editions.publish(build_edition(), tmp_path) == folder
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before
    assert [path.name for path in folder.parent.iterdir()] == ["2025-09"]


def test_an_edition_of_fewer_forms_and_languages_has_those_alone_and_the_tables(light_forms, tmp_path):
    edition = build_edition(languages=("fr",), forms=("html",))
    folder = editions.publish(edition, tmp_path)
    made = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    others = {name for name in made if not name.startswith("tables/")}
    looked_up = {"sources.csv", "units.csv", "notes.csv"}
    assert others == {"assessment.fr.html", "run.json", "datapackage.json", "SHA256SUMS", *looked_up}
    assert "tables/T1.csv" in made
    paths = [r["path"] for r in json.loads((folder / "datapackage.json").read_text())["resources"]]
    assert "observations.sdmx.csv" not in paths
    assert editions.choose_forms([]) == () and editions.choose_forms(["pdf", "html"]) == (
        "html",
        "pdf",
        "csv",
    )
    with pytest.raises(UsageError, match=r"no form 'exe'.*xlsx.*sdmx"):
        editions.choose_forms(["exe"])


def test_other_content_gets_the_next_id_and_finds_it_again(light_forms, tmp_path):
    first = editions.publish(build_edition(), tmp_path)
    before = list_files(first)
    second = editions.publish(build_edition(label="Republic of Mauritius"), tmp_path)
    third = editions.publish(build_edition(label="Maurice"), tmp_path)
    assert [folder.name for folder in (first, second, third)] == ["2025-09", "2025-09.2", "2025-09.3"]
    assert json.loads((second / "run.json").read_text())["edition"] == "2025-09.2"
    assert list_files(first) == before
    assert editions.publish(build_edition(label="Republic of Mauritius"), tmp_path) == second
    assert editions.publish(build_edition(), tmp_path) == first


def test_an_edition_that_somebody_changed_is_not_taken_for_the_same(light_forms, tmp_path):
    first = editions.publish(build_edition(), tmp_path)
    (first / "tables" / "T5.csv").write_text("changed")
    assert editions.publish(build_edition(), tmp_path).name == "2025-09.2"
    assert (first / "tables" / "T5.csv").read_text() == "changed"


@pytest.mark.parametrize("form", ["assessment.xlsx", "assessment.pdf", "run.json"])
def test_a_form_that_fails_leaves_the_last_edition_and_nothing_else(light_forms, tmp_path, monkeypatch, form):
    def fail(_):
        raise RuntimeError("half way")

    first = editions.publish(build_edition(), tmp_path)
    before = list_files(tmp_path)
    monkeypatch.setitem(editions.READER_FORMS, form, fail)
    for out in (tmp_path, tmp_path / "new"):
        with pytest.raises(RuntimeError, match="half way"):
            editions.publish(build_edition(label="Maurice"), out)
    assert list_files(tmp_path) == before
    assert [path.name for path in tmp_path.iterdir()] == ["MUS"]
    assert [path.name for path in first.parent.iterdir()] == ["2025-09"]


def test_a_file_that_a_form_misses_is_not_blamed_on_the_output_folder(light_forms, tmp_path, monkeypatch):
    def fail(_):
        raise FileNotFoundError(2, "No such file or directory", "page.css")

    monkeypatch.setitem(editions.READER_FORMS, "assessment.html", fail)
    with pytest.raises(OutputError, match="cannot make assessment.html of MUS 2025-09: .*page.css"):
        editions.publish(build_edition(), tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_full_disk_names_the_folder_and_leaves_nothing(light_forms, tmp_path, monkeypatch):
    written = []
    real = editions._write_file

    def write_until_full(path, content):
        if len(written) == 5:
            raise OSError(28, "No space left on device")
        written.append(path)
        real(path, content)

    first = editions.publish(build_edition(), tmp_path)
    monkeypatch.setattr(editions, "_write_file", write_until_full)
    with pytest.raises(OutputError, match="No space left on device") as caught:
        editions.publish(build_edition(label="Maurice"), tmp_path)
    assert caught.value.exit_code == 14 and str(tmp_path / "MUS") in str(caught.value)
    assert "--out" in str(caught.value)
    assert [path.name for path in first.parent.iterdir()] == ["2025-09"]


def test_a_folder_that_cannot_be_written_is_an_output_error(light_forms, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    with pytest.raises(OutputError) as caught:
        editions.publish(build_edition(), blocked)
    assert str(blocked) in str(caught.value) and caught.value.exit_code == 14
    assert blocked.read_text() == "not a folder"


def test_a_read_only_folder_is_an_output_error(light_forms, tmp_path):
    if os.geteuid() == 0:
        pytest.skip("the superuser may write everywhere: permission bits were not tested")
    tmp_path.chmod(0o555)
    try:
        with pytest.raises(OutputError, match="Permission denied"):
            editions.publish(build_edition(), tmp_path)
    finally:
        tmp_path.chmod(0o755)


def test_what_a_dead_run_left_is_removed(light_forms, tmp_path):
    dead = tmp_path / "MUS" / ".unfinished-0123456789ab" / "tables"
    dead.mkdir(parents=True)
    (dead / "T0.csv").write_text("half")
    (tmp_path / "MUS" / "notes-of-the-ministry").mkdir()
    editions.publish(build_edition(), tmp_path)
    assert sorted(path.name for path in (tmp_path / "MUS").iterdir()) == ["2025-09", "notes-of-the-ministry"]


def test_without_a_lock_only_old_leftovers_are_removed(tmp_path):
    old, young = tmp_path / ".unfinished-old", tmp_path / ".unfinished-young"
    old.mkdir()
    young.mkdir()
    os.utime(old, (1, 1))
    assert editions.remove_abandoned(tmp_path, locked=False) == 1
    assert [path.name for path in tmp_path.iterdir()] == [".unfinished-young"]


def test_two_publishers_at_once_do_not_meet(light_forms, tmp_path):
    found, failed = [], []

    def publish(label):
        try:
            found.append(editions.publish(build_edition(label=label), tmp_path).name)
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=publish, args=(label,)) for label in ("A", "B", "A", "B")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    assert sorted(found) == ["2025-09", "2025-09", "2025-09.2", "2025-09.2"]
    assert sorted(path.name for path in (tmp_path / "MUS").iterdir()) == ["2025-09", "2025-09.2"]


@pytest.mark.parametrize("name", ["../2025", "a/b", "", ".hidden", "2025\x00", "x" * 200, "a\\b"])
def test_a_name_that_leads_elsewhere_is_refused(light_forms, tmp_path, name):
    for edition in (build_edition(edition=name), build_edition(ref_area=name)):
        with pytest.raises(OutputError):
            editions.publish(edition, tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"value": float("inf"), "unit_measure": "PS", "basis": "reported"}, "infinite"),
        ({"symbol": "[x]"}, "no figure, no text and no reason"),
        ({"text": "x", "footnotes": ["unknown"]}, "unknown"),
        ({"text": "x", "table_id": "T99"}, "T99 has no heading"),
    ],
)
def test_a_cell_that_cannot_be_shown_stops_the_edition(light_forms, tmp_path, changes, message):
    edition = build_edition()
    bad = pd.DataFrame([make_cell("T1.BAD.value", (9, "Bad"), (0, "Value"), **changes)])
    broken = dataclasses.replace(edition, cells=pd.concat([edition.cells, bad], ignore_index=True))
    with pytest.raises(ContractError, match=message) as caught:
        editions.publish(broken, tmp_path)
    assert "T1.BAD.value" in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_nan_values_and_array_lists_of_the_database_are_read_as_missing(light_forms, tmp_path):
    import numpy as np

    edition = build_edition()
    cells = edition.cells.assign(
        value=edition.cells["value"].astype(float),
        footnotes=[np.array(ids, dtype=object) for ids in edition.cells["footnotes"]],
        inputs=[np.array(ids, dtype=object) for ids in edition.cells["inputs"]],
        as_of=pd.to_datetime(edition.cells["as_of"]),
        decimals=edition.cells["decimals"].astype("Int32"),
        text=edition.cells["text"].astype("string"),
    )
    as_loaded = dataclasses.replace(edition, cells=cells)
    assert editions.publish(as_loaded, tmp_path) == editions.publish(edition, tmp_path)


def test_the_real_forms_give_the_same_bytes_twice(tmp_path):
    first = editions.publish(build_edition(), tmp_path / "a")
    second = editions.publish(build_edition(), tmp_path / "b")
    assert list_files(first) == list_files(second)
    assert (first / "assessment.pdf").read_bytes().startswith(b"%PDF")
    assert "</html>" in (first / "assessment.html").read_text(encoding="utf-8")


def test_number_beside_text_shows_the_number_and_keeps_the_words():
    cell = make_cell(
        "T1.X.value",
        (0, "X"),
        (0, "Value"),
        text="first estimate",
        **make_number(3, "PS", "ilostat_lfs_rates", ["a:1"]),
    )
    table = next(t for t in grid.lay_out_all(build_edition(cells=pd.DataFrame([cell]))) if t.table_id == "T1")
    assert table.rows[0][1].number == 3
    assert table.rows[0][table.headers.index("Symbols and reasons")].text == "all columns: first estimate"


def test_a_run_that_names_its_code_is_not_rendered_twice(tmp_path, monkeypatch):
    from lma.publish import edition as room

    edition = build_edition()
    edition.run.setdefault("versions", {})["code"] = "abc"
    folder = room.publish(edition, tmp_path)
    monkeypatch.setattr(room, "render_files", lambda _: pytest.fail("rendered again"))
    assert room.publish(edition, tmp_path) == folder


def test_a_damaged_edition_of_the_same_run_is_not_taken_for_whole(tmp_path):
    from lma.publish import edition as room

    edition = build_edition()
    edition.run.setdefault("versions", {})["code"] = "abc"
    folder = room.publish(edition, tmp_path)
    (folder / "assessment.html").write_text("damaged", encoding="utf-8")
    assert room.publish(edition, tmp_path) == tmp_path / "MUS" / f"{edition.edition}.2"


def test_fingerprint_is_that_of_the_code_on_disk():
    from lma.publish.edition import fingerprint_code

    assert len(fingerprint_code()) == 64
    assert fingerprint_code.__wrapped__() == fingerprint_code()
