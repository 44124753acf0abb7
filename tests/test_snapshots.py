"""Landing and downloading: against a real server on the loopback address, started and stopped here."""

from __future__ import annotations

import datetime as dt
import gzip
import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from lma.contracts import Download
from lma.errors import InputError, OutputError
from lma.snapshots import (
    Landed,
    Politeness,
    discard,
    download,
    find_files,
    land,
    list_landed,
    raw_store_of,
    read_landed,
)

pytestmark = pytest.mark.usefixtures("loopback")

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


# ---------------------------------------------------------------- the network


class Publisher:
    """A publisher's server: gives the answers it was told to, in turn, and remembers what it was asked."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, dict[str, str], bytes]] = []
        self.asked: list[dict[str, str]] = []
        publisher = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                publisher.asked.append(dict(self.headers))
                status, headers, body = publisher.answers.pop(0)
                self.send_response(status)
                for name, value in ({"Content-Length": str(len(body))} | headers).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)
                self.close_connection = True

            def log_message(self, *arguments: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def answer(self, status: int = 200, body: bytes = CSV, **headers: str) -> None:
        self.answers.append(
            (status, {name.replace("_", "-"): value for name, value in headers.items()}, body)
        )

    @property
    def wanted(self) -> Download:
        port = self.server.server_address[1]
        return Download(url=f"http://127.0.0.1:{port}/table", file_name="table.csv", user_agent="lma tests")

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def publisher() -> Iterator[Publisher]:
    started = Publisher()
    yield started
    started.stop()


def hurried(waits: list[float] | None = None, **settings: Any) -> Politeness:
    """Three attempts, and the waiting is written down instead of done."""
    return Politeness(**({"attempts": 3, "wait": (waits if waits is not None else []).append} | settings))


def test_file_is_downloaded(publisher: Publisher, tmp_path: Path) -> None:
    publisher.answer()
    found = download(publisher.wanted, tmp_path, politeness=hurried())
    assert (found.path, found.is_new) == (tmp_path / "table.csv", True)
    assert found.path.read_bytes() == CSV
    assert publisher.asked[0]["User-Agent"] == "lma tests"


def test_only_what_changed_is_downloaded_again(publisher: Publisher, tmp_path: Path) -> None:
    publisher.answer(ETag='"one"', Last_Modified="Fri, 31 Jan 2025 00:00:00 GMT")
    publisher.answer(304, b"")
    publisher.answer(200, CSV + b"ARM,2\n")
    download(publisher.wanted, tmp_path)
    unchanged = download(publisher.wanted, tmp_path)
    assert not unchanged.is_new
    assert unchanged.path.read_bytes() == CSV
    assert publisher.asked[1]["If-None-Match"] == '"one"'
    assert publisher.asked[1]["If-Modified-Since"] == "Fri, 31 Jan 2025 00:00:00 GMT"
    assert download(publisher.wanted, tmp_path).path.read_bytes().endswith(b"ARM,2\n")


def test_without_the_file_everything_is_asked_for(publisher: Publisher, tmp_path: Path) -> None:
    publisher.answer(ETag='"one"')
    publisher.answer(ETag='"one"')
    download(publisher.wanted, tmp_path).path.unlink()
    assert download(publisher.wanted, tmp_path).is_new
    assert "If-None-Match" not in publisher.asked[1]


@pytest.mark.parametrize(
    ("status", "advice"),
    [
        (403, "user_agent"),
        (404, "source moved"),
        (410, "source moved"),
        (413, "fewer countries"),
        (418, "browser"),
    ],
)
def test_refusal_says_what_to_do_and_is_not_repeated(
    publisher: Publisher, tmp_path: Path, status: int, advice: str
) -> None:
    publisher.answer(status, b"no")
    with pytest.raises(InputError, match=f"HTTP {status}.*{advice}"):
        download(publisher.wanted, tmp_path, politeness=hurried())
    assert len(publisher.asked) == 1
    assert not (tmp_path / "table.csv").exists()


@pytest.mark.parametrize(
    ("status", "advice"), [(429, "less often"), (500, "fault of its own"), (503, "fault")]
)
def test_passing_failure_is_tried_again_then_reported(
    publisher: Publisher, tmp_path: Path, status: int, advice: str
) -> None:
    waits: list[float] = []
    for _ in range(3):
        publisher.answer(status, b"busy")
    with pytest.raises(InputError, match=f"3 attempts: HTTP {status}.*{advice}.*lma ingest"):
        download(publisher.wanted, tmp_path, politeness=hurried(waits))
    assert len(waits) == 2
    assert 1.0 <= waits[0] <= 3.0
    assert 2.0 <= waits[1] <= 6.0


def test_second_attempt_succeeds_after_the_wait_asked_for(publisher: Publisher, tmp_path: Path) -> None:
    waits: list[float] = []
    publisher.answer(429, b"", Retry_After="17")
    publisher.answer(503, b"", Retry_After="86400")
    publisher.answer()
    assert download(publisher.wanted, tmp_path, politeness=hurried(waits)).path.read_bytes() == CSV
    assert waits == [17.0, 60.0]


@pytest.mark.parametrize(
    "page",
    [b"<!DOCTYPE html><title>Consent</title>", b"\xef\xbb\xbf \n<HTML>", b'<?xml version="1.0"?><html>'],
)
def test_page_with_status_200_is_refused(publisher: Publisher, tmp_path: Path, page: bytes) -> None:
    publisher.answer(body=page + b"x" * 1000)
    with pytest.raises(InputError, match="web page instead of data"):
        download(publisher.wanted, tmp_path, politeness=hurried())
    assert list(tmp_path.iterdir()) == []


def test_xml_data_is_no_page(publisher: Publisher, tmp_path: Path) -> None:
    publisher.answer(body=b'<?xml version="1.0"?><message:GenericData>' + b"x" * 1000)
    assert download(publisher.wanted, tmp_path).is_new


def test_truncated_body_is_tried_again(publisher: Publisher, tmp_path: Path) -> None:
    publisher.answer(Content_Length=str(len(CSV) + 1))
    publisher.answer()
    assert download(publisher.wanted, tmp_path, politeness=hurried()).path.read_bytes() == CSV
    for _ in range(3):
        publisher.answer(Content_Length=str(len(CSV) + 1))
    with pytest.raises(InputError, match="truncated"):
        download(publisher.wanted, tmp_path, politeness=hurried())
    assert (tmp_path / "table.csv").read_bytes() == CSV


def broken_gzip(how: str) -> bytes:
    packed = gzip.compress(CSV)
    return {
        "cut": packed[:-12],
        "no trailer": packed[:-8],
        "wrong sum": packed[:-8] + b"\0\0\0\0" + packed[-4:],
        "second member cut": packed + packed[:-9],
    }[how]


@pytest.mark.parametrize("how", ["cut", "no trailer", "wrong sum", "second member cut"])
def test_broken_gzip_is_refused(publisher: Publisher, tmp_path: Path, how: str) -> None:
    publisher.answer(body=broken_gzip(how))
    with pytest.raises(InputError, match="gzip"):
        download(publisher.wanted, tmp_path, politeness=hurried(attempts=1))
    assert list(tmp_path.iterdir()) == []


def test_whole_gzip_stays_packed(publisher: Publisher, tmp_path: Path) -> None:
    packed = gzip.compress(CSV) + gzip.compress(CSV)
    publisher.answer(body=packed)
    publisher.answer(body=packed, Content_Encoding="gzip")
    for _ in range(2):
        assert download(publisher.wanted, tmp_path).path.read_bytes() == packed


def test_file_out_of_proportion_is_refused(publisher: Publisher, tmp_path: Path) -> None:
    publisher.answer()
    publisher.answer(body=CSV[:50])
    publisher.answer(body=CSV * 10)
    download(publisher.wanted, tmp_path)
    with pytest.raises(InputError, match="50 bytes, the last file had 420"):
        download(publisher.wanted, tmp_path, politeness=hurried())
    with pytest.raises(InputError, match="more than 1,000 bytes"):
        download(publisher.wanted, tmp_path, politeness=hurried(max_bytes=1000))
    assert (tmp_path / "table.csv").read_bytes() == CSV


def test_server_that_is_not_there_is_reported(tmp_path: Path) -> None:
    started = Publisher()
    started.stop()
    with pytest.raises(InputError, match="2 attempts"):
        download(started.wanted, tmp_path, politeness=hurried(attempts=2))


def test_address_that_is_none_is_reported_at_once(tmp_path: Path) -> None:
    waits: list[float] = []
    wanted = Download(url="ftp://example.org/x", file_name="x.csv")
    with pytest.raises(InputError, match="no usable address"):
        download(wanted, tmp_path, politeness=hurried(waits))
    assert waits == []
