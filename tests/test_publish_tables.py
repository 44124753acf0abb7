"""The tables a ministry receives: CSV package, SDMX-CSV, run record, and their folder."""

from __future__ import annotations

import csv
import dataclasses
import datetime as dt
import hashlib
import io
import json
import os
import re
import threading
from pathlib import Path

import pandas as pd
import pytest
from edition_builder import HOSTILE, build_cells, build_edition, make_cell

from lma.contracts import codelist, table_contract
from lma.errors import ContractError, OutputError, UsageError
from lma.publish import csv_package, data_package, grid, parquet, run_json, sdmx_csv
from lma.publish import edition as editions


@pytest.fixture
def light_forms(monkeypatch):
    """Page and PDF replaced by short texts that depend on the edition: these tests are about the folder."""
    monkeypatch.setitem(editions.READER_FORMS, "assessment.ods", lambda e: e.edition.encode())
    monkeypatch.setitem(
        editions.READER_FORMS, "assessment.html", lambda e: f"<p>{e.label} {e.edition}</p>".encode()
    )
    monkeypatch.setitem(editions.READER_FORMS, "assessment.pdf", lambda e: b"%PDF " + e.edition.encode())
    monkeypatch.setitem(editions.READER_FORMS, "assessment.docx", lambda e: b"PK " + e.edition.encode())


def read_csv_text(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode("utf-8"), newline="")))


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
