"""Landing: what the raw store holds, and that nothing else gets in."""

from __future__ import annotations

import datetime as dt
import hashlib
from pathlib import Path

import pytest

from lma.errors import InputError, OutputError
from lma.snapshots import (
    Landed,
    discard,
    find_files,
    land,
    list_landed,
    raw_store_of,
    read_landed,
)

URL = "https://example.org/table"
VINTAGE = dt.date(2025, 1, 31)
MOMENT = dt.datetime(2025, 2, 1, 12, 30)
CSV = b"ref_area,value\nMUS,1\n" * 20


def land_bytes(store: Path, data: bytes = CSV, source_id: str = "survey", as_of: dt.date = VINTAGE) -> Landed:
    return land(data, source_id, "table.csv", URL, as_of, store, MOMENT)


# ---------------------------------------------------------------- the raw store


def test_landed_file_is_described_and_read_back(tmp_path: Path) -> None:
    landed = land_bytes(tmp_path / "raw")
    assert landed == Landed(
        "survey", VINTAGE, hashlib.sha256(CSV).hexdigest(), "table.csv", URL, MOMENT, len(CSV)
    )
    assert landed.is_new
    assert read_landed(tmp_path / "raw", landed.snapshot_sha) == CSV
    assert list_landed(tmp_path / "raw") == [landed]
    assert raw_store_of(tmp_path / "lma.duckdb") == tmp_path / "raw"


def test_file_on_disk_lands_as_its_bytes(tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_bytes(CSV)
    landed = land(tmp_path / "table.csv", "survey", "table.csv", URL, VINTAGE, tmp_path / "raw")
    assert read_landed(tmp_path / "raw", landed.snapshot_sha) == CSV
    assert landed.retrieved_at.tzinfo is None
    with pytest.raises(InputError, match=r"absent\.csv does not exist"):
        land(tmp_path / "absent.csv", "survey", "absent.csv", URL, VINTAGE, tmp_path / "raw")


def test_landing_the_same_bytes_again_adds_nothing(tmp_path: Path) -> None:
    first = land_bytes(tmp_path)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    again = land(CSV, "survey", "renamed.csv", "https://elsewhere", dt.date(2026, 1, 1), tmp_path)
    assert again == first
    assert not again.is_new
    assert {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == before


def test_landed_files_are_listed_in_one_order(tmp_path: Path) -> None:
    later, earlier = dt.date(2026, 1, 1), dt.date(2024, 1, 1)
    land_bytes(tmp_path, b"c", "survey", later)
    land_bytes(tmp_path, b"b", "survey", earlier)
    land_bytes(tmp_path, b"a", "census", later)
    two = sorted(
        [land_bytes(tmp_path, b"x", "zone").snapshot_sha, land_bytes(tmp_path, b"y", "zone").snapshot_sha]
    )
    found = list_landed(tmp_path)
    assert [(item.source_id, item.as_of) for item in found[:3]] == [
        ("census", later), ("survey", earlier), ("survey", later)
    ]  # fmt: skip
    assert [item.snapshot_sha for item in found[3:]] == two


def test_file_landed_first_is_listed_first(tmp_path: Path) -> None:
    contents = [b"x", b"y", b"z", b"w"]
    for day, content in enumerate(contents, start=1):
        land(content, "survey", "table.csv", URL, VINTAGE, tmp_path, dt.datetime(2025, 2, day))
    shas = [hashlib.sha256(content).hexdigest() for content in contents]
    assert [item.snapshot_sha for item in list_landed(tmp_path)] == shas != sorted(shas)


def test_discarded_file_stays_while_another_source_has_it(tmp_path: Path) -> None:
    refused, kept = land_bytes(tmp_path), land_bytes(tmp_path, source_id="census")
    discard(refused, tmp_path)
    assert list_landed(tmp_path) == [kept]
    assert read_landed(tmp_path, kept.snapshot_sha) == CSV
    discard(kept, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_damaged_or_missing_bytes_are_refused_with_the_remedy(tmp_path: Path) -> None:
    landed = land_bytes(tmp_path)
    path = tmp_path / landed.snapshot_sha
    path.write_bytes(CSV[:-1] + b"2")
    with pytest.raises(InputError, match=f"{landed.snapshot_sha} is damaged.*ingest"):
        read_landed(tmp_path, landed.snapshot_sha)
    path.unlink()
    with pytest.raises(InputError, match="missing from the raw store.*ingest"):
        read_landed(tmp_path, landed.snapshot_sha)


def test_damaged_sidecar_is_named(tmp_path: Path) -> None:
    landed = land_bytes(tmp_path)
    sidecar = tmp_path / f"{landed.snapshot_sha}.survey.json"
    for text in ("{", '{"as_of": "2025-01-31"}', "[]"):
        sidecar.write_text(text)
        with pytest.raises(InputError, match=r"survey\.json is damaged"):
            list_landed(tmp_path)


def test_store_that_cannot_be_written_is_an_output_error(tmp_path: Path) -> None:
    (tmp_path / "raw").write_text("a file where the folder should be")
    with pytest.raises(OutputError, match=r"table\.csv"):
        land_bytes(tmp_path / "raw")


@pytest.mark.parametrize("source_id", ["../up", "A", "a/b", "", "a\0b"])
def test_source_id_cannot_leave_the_store(tmp_path: Path, source_id: str) -> None:
    with pytest.raises(InputError):
        land_bytes(tmp_path / "raw", source_id=source_id)
    assert list(tmp_path.iterdir()) == []


def test_empty_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is empty"):
        land_bytes(tmp_path, b"")


def test_files_of_a_folder_are_found_in_order(tmp_path: Path) -> None:
    for name in ("b.csv", "a/z.csv", "a/y.csv", ".hidden", "c.csv.77.tmp"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")
    assert [str(path.relative_to(tmp_path)) for path in find_files(tmp_path)] == [
        "a/y.csv",
        "a/z.csv",
        "b.csv",
    ]
    with pytest.raises(InputError, match="not a folder"):
        find_files(tmp_path / "absent")
