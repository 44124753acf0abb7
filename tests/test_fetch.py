"""Fetching, against publishers' servers played on the loopback address. Waiting is written down, not done."""

from __future__ import annotations

import base64
import datetime as dt
import gzip
import hashlib
import io
import itertools
import json
import logging
import shutil
import tracemalloc
import zipfile
from collections import namedtuple
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from publishers_server import (
    EUROSTAT_FOOTER,
    EUROSTAT_QUEUED,
    EUROSTAT_TOO_BIG,
    EUROSTAT_TSV,
    Asked,
    Ilostat,
    PublishersServer,
    RangeFile,
    Reply,
    SdmxService,
    WorldBank,
)

from lma.contracts import Download
from lma.errors import DefinitionError, InputError, LmaError, OutputError, SourceMovedError
from lma.fetch import Fetched, Line, Politeness, fetch, mask, remember
from lma.fetch.asking import Request, check_address, follow
from lma.fetch.structures import read_structure

pytestmark = pytest.mark.usefixtures("loopback")

CSV = b"ref_area,value\nMUS,1\n" * 20
TODAY = dt.date(2026, 11, 24)


class Hours:
    """A clock that only waiting moves."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.waits: list[float] = []

    def wait(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds

    def clock(self) -> float:
        return self.now


class Ministry:
    """One who fetches: a folder, a clock, and the files landed so far."""

    def __init__(self, server: PublishersServer, folder: Path) -> None:
        self.server, self.folder, self.hours = server, folder, Hours()
        self.held: set[str] = set()
        self.today = TODAY
        self.settings: dict[str, Any] = {"attempts": 3}
        self.line = self.pick_up()

    def pick_up(self, **settings: Any) -> Line:
        """A new line, as each run has one."""
        self.settings |= settings
        self.line = Line(Politeness(**{"wait": self.hours.wait, "clock": self.hours.clock} | self.settings))
        return self.line

    def wanted(self, **changes: Any) -> Download:
        given = {
            "url": f"{self.server.url}/table.csv",
            "file_name": "table.csv",
            "pause_seconds": 0,
        } | changes
        return Download.model_validate(given)

    def fetch(self, **changes: Any) -> Fetched:
        return fetch(
            self.wanted(**changes), "survey", self.folder, self.line, self.held.__contains__, self.today
        )

    def land(self, **changes: Any) -> bytes | None:
        """Fetch and land: the bytes, or None when nothing is new."""
        fetched = self.fetch(**changes)
        if fetched.path is None:
            return None
        content = fetched.path.read_bytes()
        self.held.add(hashlib.sha256(content).hexdigest())
        remember(fetched)
        return content

    def refused(self, kind: type[LmaError] = InputError, **changes: Any) -> str:
        """The message of a refusal; nothing is left in the folder but what serves to go on with a transfer."""
        with pytest.raises(LmaError) as caught:
            self.fetch(**changes)
        assert type(caught.value) is kind, repr(caught.value)
        assert [path.name for path in self.folder.glob("[!.]*")] == []
        return str(caught.value)


@pytest.fixture
def server() -> Iterator[PublishersServer]:
    started = PublishersServer()
    yield started
    started.stop()


@pytest.fixture
def ministry(server: PublishersServer, tmp_path: Path) -> Iterator[Ministry]:
    made = Ministry(server, tmp_path / "incoming")
    yield made
    made.line.__exit__()


# ---------------------------------------------------------------- a plain file, and what has not changed


def test_file_is_fetched_and_remembered(ministry: Ministry, server: PublishersServer) -> None:
    server.on("/table.csv", Reply(body=CSV))
    fetched = ministry.fetch(user_agent="lma tests")
    assert fetched.path is not None
    assert fetched.path.read_bytes() == CSV
    assert (fetched.vintage, fetched.says_vintage, fetched.n_bytes) == (TODAY, False, len(CSV))
    assert server.asked[0].headers["User-Agent"] == "lma tests"
    assert server.asked[0].headers["Accept-Encoding"] == "identity"
    remember(fetched)
    assert not fetched.path.exists()


def test_only_what_changed_is_fetched_again(ministry: Ministry, server: PublishersServer) -> None:
    server.on(
        "/table.csv",
        Reply(body=CSV, headers={"ETag": '"one"', "Last-Modified": "Fri, 31 Jan 2025 00:00:00 GMT"}),
        Reply(304),
        Reply(body=CSV + b"ARM,2\n"),
    )
    assert ministry.land() == CSV
    assert ministry.land() is None
    assert server.asked[1].headers["If-None-Match"] == '"one"'
    assert server.asked[1].headers["If-Modified-Since"] == "Fri, 31 Jan 2025 00:00:00 GMT"
    assert ministry.land() == CSV + b"ARM,2\n"


def test_same_bytes_are_nothing_new_where_the_server_knows_no_dates(
    ministry: Ministry, server: PublishersServer
) -> None:
    server.on("/table.csv", Reply(body=CSV))
    assert ministry.land() == CSV
    assert ministry.land() is None
    assert [path.name for path in ministry.folder.glob("[!.]*")] == []


def test_a_file_that_was_not_landed_is_fetched_whole_again(
    ministry: Ministry, server: PublishersServer
) -> None:
    server.on("/table.csv", RangeFile(CSV))
    remember(ministry.fetch())  # noted, and then refused by the parser: not among the held
    assert ministry.fetch().path is not None
    assert "If-None-Match" not in server.asked[1].headers


def test_another_question_has_another_last_file(ministry: Ministry, server: PublishersServer) -> None:
    server.on("/table.csv", RangeFile(CSV))
    assert ministry.land(query={"year": "2024"}) == CSV
    ministry.held.clear()
    assert ministry.land(query={"year": "2025"}) == CSV
    assert "If-None-Match" not in server.asked[1].headers


def test_vintage_is_the_date_in_a_declared_header(ministry: Ministry, server: PublishersServer) -> None:
    server.on("/table.csv", Reply(body=CSV, headers={"Last-Modified": "Thu, 11 Jul 2024 23:30:00 GMT"}))
    fetched = ministry.fetch(last_update={"reads": "header", "name": "Last-Modified"})
    assert (fetched.vintage, fetched.says_vintage) == (dt.date(2024, 7, 11), True)
    assert ministry.fetch(last_update={"reads": "header", "name": "X-Nothing"}).vintage == TODAY


# ---------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("status", "kind", "advice"),
    [
        (401, InputError, "login"),
        (403, InputError, "user_agent"),
        (404, SourceMovedError, "source moved"),
        (410, SourceMovedError, "source moved"),
        (413, InputError, "fewer countries"),
        (418, InputError, "no data"),
    ],
)
def test_refusal_says_what_to_do_and_is_not_repeated(
    ministry: Ministry, server: PublishersServer, status: int, kind: type[LmaError], advice: str
) -> None:
    server.on("/table.csv", Reply(status, b"no"))
    message = ministry.refused(kind)
    assert f"HTTP {status}" in message
    assert advice in message
    assert "sources/survey.yaml" in message
    assert "lma ingest" in message
    assert len(server.asked) == 1


def test_source_moved_has_an_exit_code_of_its_own() -> None:
    codes = [kind.exit_code for kind in LmaError.__subclasses__()]
    assert SourceMovedError.exit_code == 15
    assert issubclass(SourceMovedError, InputError)
    assert SourceMovedError.exit_code not in codes


@pytest.mark.parametrize(
    ("status", "advice"), [(429, "less often"), (500, "fault of its own"), (503, "fault"), (408, "no data")]
)
def test_passing_failure_is_tried_again_then_reported(
    ministry: Ministry, server: PublishersServer, status: int, advice: str
) -> None:
    server.on("/table.csv", Reply(status, b"busy"))
    message = ministry.refused()
    assert f"3 attempts: HTTP {status}" in message
    assert advice in message
    assert len(server.asked) == 3
    assert 1.0 <= ministry.hours.waits[0] <= 3.0
    assert 2.0 <= ministry.hours.waits[1] <= 6.0


def test_503_then_ok(ministry: Ministry, server: PublishersServer) -> None:
    server.on("/table.csv", Reply(503), Reply(body=CSV))
    assert ministry.land() == CSV


def test_waiting_is_as_long_as_the_publisher_asks(ministry: Ministry, server: PublishersServer) -> None:
    dates = {"Date": "Tue, 24 Nov 2026 10:00:00 GMT", "Retry-After": "Tue, 24 Nov 2026 10:01:30 GMT"}
    server.on(
        "/table.csv", Reply(429, headers={"Retry-After": "17"}), Reply(503, headers=dates), Reply(body=CSV)
    )
    assert ministry.land() == CSV
    assert ministry.hours.waits == [17.0, 90.0]


def test_a_publisher_that_asks_for_a_day_is_left_alone(ministry: Ministry, server: PublishersServer) -> None:
    server.on("/table.csv", Reply(429, headers={"Retry-After": "86400"}))
    assert "in 86,400 seconds" in ministry.refused()
    assert len(server.asked) == 1
    assert ministry.hours.waits == []


def test_browser_like_user_agent_opens_the_door(ministry: Ministry, server: PublishersServer) -> None:
    def door(asked: Asked) -> Reply:
        return (
            Reply(body=gzip.compress(CSV))
            if asked.headers["User-Agent"].startswith("Mozilla/5.0")
            else Reply(403)
        )

    server.on("/wpp.csv.gz", door)
    wpp = {"url": f"{server.url}/wpp.csv.gz", "file_name": "wpp.csv.gz"}
    assert "download.user_agent" in ministry.refused(**wpp)
    assert ministry.land(**wpp, user_agent="Mozilla/5.0 (X11; Linux x86_64)") == gzip.compress(CSV)


@pytest.mark.parametrize(
    "page",
    [
        b"<!DOCTYPE html><title>Consent</title>",
        b"\xef\xbb\xbf \n<HTML>",
        b'<?xml version="1.0"?><html>',
        gzip.compress(b"<html><body>Sign in</body></html>" + b"x" * 5000),
    ],
    ids=["consent", "byte order mark", "xml", "gzipped"],
)
def test_page_with_status_200_is_refused(ministry: Ministry, server: PublishersServer, page: bytes) -> None:
    server.on("/table.csv", Reply(body=page if page.startswith(b"\x1f\x8b") else page + b"x" * 1000))
    assert "web page instead of data" in ministry.refused()


def test_xml_data_is_no_page(ministry: Ministry, server: PublishersServer) -> None:
    server.on("/table.csv", Reply(body=b'<?xml version="1.0"?><message:GenericData>' + b"x" * 1000))
    assert ministry.land()


@pytest.mark.parametrize("body", [b"", b" \n\n "])
def test_empty_answer_is_refused(ministry: Ministry, server: PublishersServer, body: bytes) -> None:
    server.on("/table.csv", Reply(body=body))
    assert "the answer is empty" in ministry.refused()


# ---------------------------------------------------------------- broken transfers


@pytest.mark.parametrize("share", range(0, 100, 10))
def test_body_cut_at_every_tenth_is_refused(ministry: Ministry, server: PublishersServer, share: int) -> None:
    server.on("/table.csv", Reply(body=CSV, cut=len(CSV) * share // 100))
    assert "truncated" in ministry.refused()
    assert len(server.asked) == 3


def test_transfer_goes_on_where_it_broke(ministry: Ministry, server: PublishersServer) -> None:
    body = bytes(range(256)) * 4000
    server.on("/table.csv", RangeFile(body, cuts=[400_000, 300_000]))
    assert ministry.land() == body
    assert [asked.headers.get("Range") for asked in server.asked] == [None, "bytes=400000-", "bytes=700000-"]
    assert [asked.headers.get("If-Range") for asked in server.asked] == [None, '"v1"', '"v1"']
    assert list(ministry.folder.glob(".*part*")) == []


def test_next_run_goes_on_where_the_last_one_gave_up(ministry: Ministry, server: PublishersServer) -> None:
    body = bytes(range(256)) * 4000
    server.on("/table.csv", RangeFile(body, cuts=[100_000, 100_000, 100_000]))
    assert "3 attempts" in ministry.refused()
    ministry.pick_up()
    assert ministry.land() == body
    assert server.asked[-1].headers["Range"] == "bytes=300000-"


def test_file_that_changed_in_between_is_begun_anew(ministry: Ministry, server: PublishersServer) -> None:
    old, new = b"a" * 500_000, b"b" * 500_000
    first, second = RangeFile(old, '"old"', cuts=[200_000]), RangeFile(new, '"new"')
    server.on("/table.csv", lambda asked: first(asked) if len(server.asked) == 1 else second(asked))
    assert ministry.land() == new


@pytest.mark.parametrize(("etag", "ranges"), [("", True), ('W/"weak"', True), ('"v1"', False)])
def test_without_a_strong_validator_or_ranges_it_is_begun_anew(
    ministry: Ministry, server: PublishersServer, etag: str, ranges: bool
) -> None:
    server.on("/table.csv", RangeFile(CSV * 5000, etag, cuts=[200_000], ranges=ranges))
    assert ministry.land() == CSV * 5000


def test_wrong_part_is_not_glued_on(ministry: Ministry, server: PublishersServer) -> None:
    body = bytes(range(256)) * 2000
    wrong = {"Content-Range": f"bytes 0-{len(body) - 1}/{len(body)}"}
    server.on(
        "/table.csv",
        Reply(body=body, cut=200_000, headers={"ETag": '"v1"'}),
        Reply(206, body, wrong),
        Reply(body=body),
    )
    assert ministry.land() == body


def test_part_that_the_server_does_not_have_is_begun_anew(
    ministry: Ministry, server: PublishersServer
) -> None:
    server.on(
        "/table.csv", Reply(body=CSV * 900, cut=9000, headers={"ETag": '"v1"'}), Reply(416), Reply(body=CSV)
    )
    assert ministry.land() == CSV


def broken_gzip(how: str) -> bytes:
    packed = gzip.compress(CSV)
    return {
        "cut": packed[:-12],
        "no trailer": packed[:-8],
        "wrong sum": packed[:-8] + b"\0\0\0\0" + packed[-4:],
        "second member cut": packed + packed[:-9],
    }[how]


@pytest.mark.parametrize("how", ["cut", "no trailer", "wrong sum", "second member cut"])
def test_broken_gzip_is_refused_and_not_gone_on_with(
    ministry: Ministry, server: PublishersServer, how: str
) -> None:
    server.on("/table.csv", Reply(body=broken_gzip(how), headers={"ETag": '"v1"'}))
    assert "gzip file is truncated or broken" in ministry.refused()
    assert [asked.headers.get("Range") for asked in server.asked] == [None] * 3


def test_whole_gzip_stays_packed(ministry: Ministry, server: PublishersServer) -> None:
    packed = gzip.compress(CSV) + gzip.compress(CSV)
    server.on("/table.csv", Reply(body=packed, headers={"Content-Encoding": "gzip"}))
    assert ministry.land() == packed


def zipped(**members: bytes) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        for name, body in members.items():
            file.writestr(f"{name}.csv", body)
    return archive.getvalue()


def test_zip_with_side_files_is_landed_as_it_is(ministry: Ministry, server: PublishersServer) -> None:
    body = zipped(API_NY_GDP=CSV, Metadata_Country=b"x" * 500, Metadata_Indicator=b"y")
    server.on("/table.csv", Reply(body=body))
    assert ministry.land() == body


@pytest.mark.parametrize("how", ["end missing", "member changed"])
def test_broken_zip_is_refused(ministry: Ministry, server: PublishersServer, how: str) -> None:
    whole = zipped(API_NY_GDP=CSV)
    server.on(
        "/table.csv",
        Reply(body=whole[:-30] if how == "end missing" else whole.replace(b"MUS,1", b"MUS,9", 1)),
    )
    assert "zip file is" in ministry.refused()


@pytest.mark.parametrize("kind", ["gzip", "zip"])
def test_file_that_unpacks_to_a_thousand_times_its_size_is_refused(
    ministry: Ministry, server: PublishersServer, kind: str
) -> None:
    zeros = bytes(40 << 20)
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as members:
        members.writestr("zeros.csv", zeros)
    server.on("/table.csv", Reply(body=gzip.compress(zeros) if kind == "gzip" else archive.getvalue()))
    assert "looks like a zip bomb" in ministry.refused()
    assert len(server.asked) == 1


@pytest.mark.parametrize("header", ["Repr-Digest", "Digest", "Content-MD5"])
def test_checksum_that_is_sent_along_is_checked(
    ministry: Ministry, server: PublishersServer, header: str
) -> None:
    algorithm = "md5" if header == "Content-MD5" else "sha256"
    sums = [base64.b64encode(hashlib.new(algorithm, body).digest()).decode() for body in (CSV, CSV + b"x")]
    forms = {"Repr-Digest": "sha-256=:{}:", "Digest": "sha-256={}", "Content-MD5": "{}"}
    right, wrong = ({header: forms[header].format(value)} for value in sums)
    server.on("/table.csv", Reply(body=CSV, headers=wrong), Reply(body=CSV, headers=right))
    assert ministry.land() == CSV
    assert len(server.asked) == 2
    server.on("/table.csv", Reply(body=CSV, headers=wrong))
    assert f"does not match the {algorithm}" in ministry.refused(query={"again": "1"})


def test_silent_server_is_given_up(ministry: Ministry, server: PublishersServer) -> None:
    server.on("/table.csv", Reply(silent=True))
    assert "3 attempts" in ministry.refused(timeout_seconds=0.05)


def test_endless_transfer_is_given_up(ministry: Ministry, server: PublishersServer) -> None:
    server.on("/table.csv", Reply(body=CSV * 50_000))
    minutes = itertools.count(0.0, 60.0)  # a minute passes between any two looks at the clock
    ministry.pick_up(attempts=1, longest_transfer_seconds=600.0, clock=lambda: next(minutes))
    assert "not finished after 600 seconds" in ministry.refused()


# ---------------------------------------------------------------- size and space


def test_file_out_of_proportion_is_refused_before_the_transfer(
    ministry: Ministry, server: PublishersServer
) -> None:
    server.on("/table.csv", Reply(body=CSV), Reply(body=CSV[:50]), Reply(body=CSV * 10))
    assert ministry.land() == CSV
    assert "50 bytes, at least 210 are expected" in ministry.refused()
    assert "more than 1,000 bytes" in ministry.refused(max_bytes=1000)
    assert len(server.asked) == 3


def test_file_that_announces_too_much_is_not_transferred(
    ministry: Ministry, server: PublishersServer
) -> None:
    sent: list[int] = []

    def flood() -> Iterator[bytes]:
        for number in range(480):
            sent.append(number)
            yield b"x" * 65536

    server.on("/table.csv", lambda asked: Reply(pieces=flood(), headers={"Content-Length": str(480 * 65536)}))
    assert "more than 20,000,000 bytes" in ministry.refused(max_bytes=20_000_000)
    assert len(sent) < 300
    assert list(ministry.folder.glob(".*part")) == []


def test_size_is_watched_during_a_transfer_of_unknown_length(
    ministry: Ministry, server: PublishersServer
) -> None:
    sent: list[int] = []

    def flood() -> Iterator[bytes]:
        for number in range(10_000):
            sent.append(number)
            yield b"x" * 65536

    server.on("/table.csv", lambda asked: Reply(pieces=flood()))
    assert "more than 1,000,000 bytes" in ministry.refused(max_bytes=1_000_000)
    assert len(sent) < 1000
    assert list(ministry.folder.glob(".*part")) == []


def test_no_room_is_told_before_the_transfer(
    ministry: Ministry, server: PublishersServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**9, 0, 200_000_000))
    server.on("/table.csv", Reply(body=CSV))
    message = ministry.refused(OutputError)
    assert "200,000,000 bytes free" in message
    assert "needs 420" in message
    assert str(ministry.folder) in message


def test_large_file_takes_little_memory(ministry: Ministry, server: PublishersServer) -> None:
    piece, n_pieces = bytes(range(256)) * 256, 1024
    server.on(
        "/table.csv",
        lambda asked: Reply(
            pieces=(piece for _ in range(n_pieces)), headers={"Content-Length": str(len(piece) * n_pieces)}
        ),
    )
    tracemalloc.start()
    fetched = ministry.fetch()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert fetched.n_bytes == 64 << 20
    assert peak < 8 << 20


# ---------------------------------------------------------------- politeness


def test_requests_to_one_host_keep_their_distance(ministry: Ministry, server: PublishersServer) -> None:
    server.on("/table.csv", Reply(body=CSV))
    for year in ("2023", "2024", "2025"):
        ministry.land(query={"year": year}, pause_seconds=1.5)
    assert ministry.hours.waits == [1.5, 1.5]


def test_unreachable_host_is_tried_once_more_by_nobody(ministry: Ministry, tmp_path: Path) -> None:
    gone = PublishersServer()
    gone.stop()
    first = ministry.refused(url=f"{gone.url}/table.csv")
    assert "3 attempts" in first
    n_waits = len(ministry.hours.waits)
    assert "could not be reached a moment ago" in ministry.refused(url=f"{gone.url}/other.csv")
    assert len(ministry.hours.waits) == n_waits
    # No host has answered yet: the machine is not connected, and the next host gets one attempt.
    also_gone = PublishersServer()
    also_gone.stop()
    assert "1 attempts" in ministry.refused(url=f"{also_gone.url}/table.csv")


@pytest.mark.parametrize("url", ["ftp://example.org/x", "file:///etc/passwd", "no address"])
def test_address_that_is_none_is_reported_at_once(ministry: Ministry, url: str) -> None:
    assert "no usable address" in ministry.refused(url=url)
    assert ministry.hours.waits == []


# ---------------------------------------------------------------- redirects


def test_redirect_within_the_publisher_is_followed(ministry: Ministry, server: PublishersServer) -> None:
    server.on("/table.csv", Reply(302, headers={"Location": "/files/2026/table.csv"}))
    server.on("/files/2026/table.csv", Reply(307, headers={"Location": f"{server.url}/final.csv"}))
    server.on("/final.csv", Reply(body=CSV))
    assert ministry.land() == CSV


@pytest.mark.parametrize(
    ("location", "reason"),
    [
        ("file:///etc/passwd", "file is neither http nor https"),
        ("ftp://127.0.0.1/x", "ftp is neither"),
        ("http://localhost:1/x", "localhost is no public host"),
        ("http://[::1]:1/x", "::1 is no public host"),
        ("http://169.254.169.254/latest/meta-data", "is no public host"),
        ("http://192.168.1.1/x", "is no public host"),
        ("http://metadata.internal/x", "is no public host"),
        ("http://example.org/x", "no host of this publisher"),
        ("http://127.0.0.1.example.org/x", "no host of this publisher"),
    ],
)
def test_redirect_away_is_refused(
    ministry: Ministry, server: PublishersServer, location: str, reason: str
) -> None:
    server.on("/table.csv", Reply(302, headers={"Location": location}))
    assert reason in ministry.refused()
    server.on("/table.csv", Reply(301, headers={"Location": location}))
    message = ministry.refused(SourceMovedError)
    assert "(HTTP 301), which is refused: " in message and reason in message
    assert "correct download in sources/survey.yaml" in message
    assert {asked.path for asked in server.asked} == {"/table.csv"}


def test_redirect_in_a_circle_ends(ministry: Ministry, server: PublishersServer) -> None:
    server.on("/table.csv", Reply(302, headers={"Location": "/table.csv"}))
    assert "more than 5 times" in ministry.refused()
    assert len(server.asked) == 6


def request_to(url: str, *hosts: str) -> Request:
    return Request(url=url, file_name="x.csv", source_id="survey", hosts=hosts)


def test_declared_hosts_and_their_subdomains_are_followed() -> None:
    wdi = request_to("https://databank.worldbank.org/data/WDI_CSV.zip", "worldbank.org")
    target = "https://databankfiles.worldbank.org/public/WDI_CSV.zip"
    assert follow(wdi, wdi.url, target, 302) == target
    with pytest.raises(InputError, match=r"evilworldbank\.org is no host of this publisher"):
        follow(wdi, wdi.url, "https://evilworldbank.org/WDI_CSV.zip", 302)
    own = request_to("https://www.un.org/stock.xlsx")
    assert follow(own, own.url, "https://un.org/stock.xlsx", 301) == "https://un.org/stock.xlsx"


def test_https_is_never_given_up() -> None:
    asked = request_to("https://ec.europa.eu/data")
    with pytest.raises(InputError, match="from https to unprotected http"):
        follow(asked, asked.url, "http://ec.europa.eu/data", 302)
    assert (
        follow(
            request_to("http://ec.europa.eu/data"), "http://ec.europa.eu/data", "https://ec.europa.eu/x", 302
        )
        == "https://ec.europa.eu/x"
    )
    assert check_address(asked, "http://ec.europa.eu/file.zip") == "https://ec.europa.eu/file.zip"
    with pytest.raises(InputError, match="no host of this publisher"):
        check_address(asked, "https://example.org/file.zip")


# ---------------------------------------------------------------- secrets


CANARY = "canary/9f3zq b+21"


def secret_forms() -> list[str]:
    return [CANARY, "canary%2F9f3zq%20b%2B21", "9f3zq"]


@pytest.mark.parametrize("status", [200, 302, 401, 404, 413, 429, 500])
def test_no_secret_is_ever_shown_or_kept(
    ministry: Ministry,
    server: PublishersServer,
    status: int,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv("LMA_TEST_KEY", CANARY)
    caplog.set_level(logging.DEBUG)

    def echo(asked: Asked) -> Reply:
        assert asked.parameters["registrationkey"] == CANARY
        said = f"your key {CANARY} of {asked.query}".encode()
        where = {"Location": f"http://example.org/?{asked.query}"} if status == 302 else {}
        return Reply(status, b"<html>" + said if status == 200 else said, where)

    server.on("/table.csv", echo)
    kind = SourceMovedError if status == 404 else InputError
    message = ministry.refused(kind, secret={"registrationkey": "LMA_TEST_KEY"}, query={"api_key": "9f3zq"})
    kept = "".join(path.read_text(errors="replace") for path in ministry.folder.rglob("*") if path.is_file())
    for form in secret_forms():
        assert form not in message
        assert form not in caplog.text
        assert form not in kept
    assert "api_key=***" in message
    assert server.asked


def test_no_half_of_a_secret_is_shown_and_none_under_another_name(
    ministry: Ministry, server: PublishersServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LMA_TEST_KEY", CANARY)
    secret = {"secret": {"user": "LMA_TEST_KEY"}}
    server.on(EUROSTAT_PATH, Reply(413, b"x" * 190 + CANARY.encode()))
    assert "canary" not in ministry.refused(**eurostat(server), **secret)
    server.on("/table.csv", Reply(body=b"<html>" + b"x" * 28 + CANARY.encode()))
    assert "canary" not in ministry.refused(**secret)
    server.on(
        "/table.csv", lambda asked: Reply(302, headers={"Location": f"http://example.org/?{asked.query}"})
    )
    assert "example.org/?user=***" in ministry.refused(**secret)


def test_secret_that_is_not_set_is_named(ministry: Ministry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LMA_TEST_KEY", raising=False)
    assert "LMA_TEST_KEY" in ministry.refused(DefinitionError, secret={"key": "LMA_TEST_KEY"})


def test_what_is_remembered_and_shown_of_a_file_holds_no_secret(
    ministry: Ministry, server: PublishersServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LMA_TEST_KEY", CANARY)
    server.on("/table.csv", Reply(body=CSV, headers={"ETag": '"v1"'}))
    fetched = ministry.fetch(
        secret={"key": "LMA_TEST_KEY"}, url=f"{server.url}/table.csv?token=9f3zq&year=2025"
    )
    remember(fetched)
    assert fetched.url.endswith("/table.csv?token=***&year=2025")
    kept = "".join(path.read_text() for path in ministry.folder.iterdir()) + repr(fetched)
    assert [form for form in secret_forms() if form in kept] == []


def test_mask_hides_users_and_keys_only() -> None:
    text = "https://user:pass@example.org/a?api_key=1&Ocp-Apim-Subscription-Key=2&year=2025&geo=MU"
    assert (
        mask(text) == "https://***@example.org/a?api_key=***&Ocp-Apim-Subscription-Key=***&year=2025&geo=MU"
    )


# ---------------------------------------------------------------- ILOSTAT, rplumber


def ilostat(server: PublishersServer, **query: Any) -> dict[str, Any]:
    return {
        "protocol": "rplumber",
        "url": f"{server.url}/data/indicator",
        "query": {"id": "UNE_DEAP_SEX_AGE_RT_A", "type": "code", "format": ".csv"} | query,
        "last_update": {
            "reads": "row",
            "url": f"{server.url}/metadata/toc/indicator?lang=en&format=.csv",
            "where": {"id": "UNE_DEAP_SEX_AGE_RT_A"},
            "name": "last.update",
            "date_formats": ["%Y-%m-%d", "%d/%m/%Y %H:%M:%S"],
        },
    }


def test_ilostat_vintage_is_the_date_in_its_table_of_contents(
    ministry: Ministry, server: PublishersServer
) -> None:
    Ilostat().install(server)
    fetched = ministry.fetch(**ilostat(server))
    assert (fetched.vintage, fetched.says_vintage) == (dt.date(2026, 11, 15), True)


def test_ilostat_is_asked_for_data_only_after_an_update(ministry: Ministry, server: PublishersServer) -> None:
    service = Ilostat()
    service.install(server)
    assert ministry.land(**ilostat(server))
    assert ministry.land(**ilostat(server)) is None
    assert [asked.path for asked in server.asked].count("/data/indicator") == 1
    service.updated, service.rows = "20/11/2026 08:00:00", service.rows[:-1]
    assert ministry.land(**ilostat(server)) is None  # the list of tables is asked for once a run
    ministry.pick_up()
    assert ministry.land(**ilostat(server))
    assert [asked.path for asked in server.asked].count("/metadata/toc/indicator") == 2


def test_ilostat_lists_are_joined_by_a_plain_plus(ministry: Ministry, server: PublishersServer) -> None:
    Ilostat().install(server)
    asked = ilostat(server, ref_area=["MUS", "ARM"], sex="SEX_T", timefrom="2020")
    assert "&ref_area=MUS+ARM&sex=SEX_T&" in ministry.fetch(**asked).url
    body = ministry.land(**asked)
    assert "ref_area=MUS+ARM&" in server.asked[-1].query
    assert body is not None
    assert {line.split(b",")[0] for line in body.splitlines()[1:]} == {b"MUS", b"ARM"}


@pytest.mark.parametrize(
    ("query", "advice"),
    [
        ({"ref_area": ""}, "blank ref_area"),
        ({"ref_area": ["MUS", " "]}, "blank ref_area"),
        ({"ref_area": []}, "blank ref_area"),
        ({"country": "MUS"}, "no parameter country and would ignore it"),
        ({"id": "UNE_DEAP_SEX_AGE_RT"}, "needs a frequency"),
        ({"id": ""}, "blank id"),
        ({"ref_area": "MUS", "type": "label"}, "cannot be checked"),
    ],
)
def test_ilostat_question_that_would_be_answered_wrongly_is_not_sent(
    ministry: Ministry, server: PublishersServer, query: dict[str, Any], advice: str
) -> None:
    Ilostat().install(server)
    assert advice in ministry.refused(DefinitionError, **ilostat(server, **query))
    assert "/data/indicator" not in [asked.path for asked in server.asked]


def test_ilostat_retired_table_is_source_moved(ministry: Ministry, server: PublishersServer) -> None:
    Ilostat().install(server)
    asked = ilostat(server, id="UNE_OLD_SEX_AGE_RT_A")
    assert "no longer lists id UNE_OLD" in ministry.refused(
        SourceMovedError,
        **asked | {"last_update": asked["last_update"] | {"where": {"id": "UNE_OLD_SEX_AGE_RT_A"}}},
    )
    assert "deprecated or invalid dataset id: source moved" in ministry.refused(SourceMovedError, **asked)


def test_ilostat_ignored_part_of_a_question_is_found_in_the_answer(
    ministry: Ministry, server: PublishersServer
) -> None:
    service = Ilostat().install(server)
    everything = Ilostat()
    service.on(
        "/data/indicator", lambda asked: everything.data(Asked(asked.path, "id=UNE_DEAP_SEX_AGE_RT_A", {}))
    )
    assert "ref_area 'KEN'" in ministry.refused(**ilostat(server, ref_area=["MUS", "ARM"]))
    assert "sex 'SEX_F'" in ministry.refused(**ilostat(server, sex="SEX_T"))
    assert "time '2018'" in ministry.refused(**ilostat(server, timefrom="2020"))
    other = everything.data(Asked("", "id=UNE_DEAP_SEX_AGE_RT_A", {})).body.replace(
        b"UNE_DEAP_SEX_AGE_RT", b"EAP_DWAP_SEX_AGE_RT"
    )
    service.on("/data/indicator", Reply(body=other))
    assert "indicator 'EAP_DWAP_SEX_AGE_RT' in row 1" in ministry.refused(**ilostat(server))


@pytest.mark.parametrize(
    ("body", "advice"),
    [
        (b"[]", "answers [] to"),
        (b'[{"ref_area":"MUS"}]', "without a column obs_value"),
        (b"<rows/>", "without a column"),
        (b"ref_area,indicator,time,obs_value\n", "a header and no row"),
        (
            b"ref_area,indicator,time,obs_value\nMUS,UNE_DEAP_SEX_AGE_RT,2020,1\nC\xf4te,x,2020,1\n",
            "no UTF-8",
        ),
    ],
)
def test_ilostat_answer_that_is_no_table_is_refused(
    ministry: Ministry, server: PublishersServer, body: bytes, advice: str
) -> None:
    Ilostat().install(server).on("/data/indicator", Reply(body=body))
    assert advice in ministry.refused(**ilostat(server))


def test_ilostat_by_area_answers_nothing_to_a_suffixed_indicator(
    ministry: Ministry, server: PublishersServer
) -> None:
    Ilostat().install(server)
    asked = ilostat(server, id="MUS_A") | {"url": f"{server.url}/data/ref_area", "last_update": None}
    asked["query"]["indicator"] = "UNE_DEAP_SEX_AGE_RT_A"
    assert "must not have a frequency" in ministry.refused(DefinitionError, **asked)
    asked["query"]["indicator"] = "UNE_DEAP_SEX_AGE_RT"
    assert ministry.land(**asked)
    asked["query"]["id"] = "TUV_A"
    assert "answers []" in ministry.refused(**asked)


def test_ilostat_packed_answer_is_checked_unpacked(ministry: Ministry, server: PublishersServer) -> None:
    Ilostat().install(server)
    assert ministry.land(**ilostat(server, format=".csv.gz", ref_area="MUS"))
    everything = Ilostat().data(Asked("", "id=UNE_DEAP_SEX_AGE_RT_A&format=.csv.gz", {}))
    server.on("/data/indicator", everything)
    assert "ref_area 'ARM' in row 1" in ministry.refused(**ilostat(server, format=".csv.gz", ref_area="KEN"))


@pytest.mark.parametrize(
    ("updated", "advice"),
    [
        ("yesterday", "not as %Y-%m-%d or %d/%m/%Y"),
        ("15/11/2027 09:30:12", "which is not yet"),
        ("", "not as"),
    ],
)
def test_date_that_cannot_be_read_is_not_guessed(
    ministry: Ministry, server: PublishersServer, updated: str, advice: str
) -> None:
    Ilostat(updated).install(server)
    assert advice in ministry.refused(**ilostat(server))


def test_changed_table_of_contents_is_told(ministry: Ministry, server: PublishersServer) -> None:
    Ilostat().install(server).on(
        "/metadata/toc/indicator", Reply(body=b"id,updated\nUNE_DEAP_SEX_AGE_RT_A,2026-01-01\n")
    )
    assert "has no column last.update" in ministry.refused(**ilostat(server))


# ---------------------------------------------------------------- SDMX


def sdmx(server: PublishersServer, key: Any) -> dict[str, Any]:
    return {
        "protocol": "sdmx",
        "url": f"{server.url}/rest",
        "flow": SdmxService.FLOW,
        "key": key,
        "query": {"startPeriod": "2019"},
    }


KEY = {"REF_AREA": ["MUS", "ARM"], "FREQ": "A", "SEX": "SEX_T"}


def test_sdmx_key_follows_the_order_of_the_structure(ministry: Ministry, server: PublishersServer) -> None:
    service = SdmxService()
    service.install(server).on(f"/rest/data/{SdmxService.FLOW}/MUS+ARM.A..SEX_T.", Reply(body=service.data()))
    assert ministry.land(**sdmx(server, dict(reversed(KEY.items())))) == service.data()
    assert server.asked[-1].query == "startPeriod=2019"
    assert "sdmx.data+csv" in server.asked[-1].headers["Accept"]
    assert ministry.land(**sdmx(server, "MUS+ARM.A..SEX_T.")) is None


@pytest.mark.parametrize(
    ("key", "advice"),
    [
        ("CHL.A..SEX_T", "has 4 parts, the structure has 5: REF_AREA.FREQ.MEASURE.SEX.AGE"),
        ("A.MUS..SEX_T.", "REF_AREA 'A', which the publisher's codelist does not have"),
        ({"GEO": "MUS"}, "names GEO, the dimensions are REF_AREA"),
        ({"SEX": "SEX_X"}, "SEX 'SEX_X'"),
        ({"AGE": "AGE_YTHADULT_YGE25"}, "close: AGE_YTHADULT_YGE15, AGE_YTHADULT_Y15-24"),
        ({"REF_AREA": ""}, "leave REF_AREA out"),
        ({"REF_AREA": "MUS+ARM"}, "leave REF_AREA out"),
    ],
)
def test_sdmx_key_that_is_none_is_not_sent(
    ministry: Ministry, server: PublishersServer, key: Any, advice: str
) -> None:
    SdmxService().install(server)
    assert advice in ministry.refused(DefinitionError, **sdmx(server, key))
    assert not [asked for asked in server.asked if "/data/" in asked.path]


def test_sdmx_answer_is_held_against_the_key(ministry: Ministry, server: PublishersServer) -> None:
    service, path = SdmxService(), f"/rest/data/{SdmxService.FLOW}/MUS+ARM.A..SEX_T."
    service.install(server).on(path, Reply(body=service.data(("MUS", "KEN"))))
    assert "REF_AREA 'KEN' in row 3" in ministry.refused(**sdmx(server, KEY))
    server.on(path, Reply(body=service.data().replace(b"RT(1.0)", b"RT(2.0)")))
    assert "DATAFLOW 'ILO:DF_UNE_DEAP_SEX_AGE_RT(2.0)'" in ministry.refused(**sdmx(server, KEY))
    server.on(path, Reply(body=b'<?xml version="1.0"?><m:GenericData/>'))
    assert "no SDMX-CSV" in ministry.refused(**sdmx(server, KEY))
    server.on(path, Reply(body=service.data().splitlines()[0]))
    assert "a header and no row" in ministry.refused(**sdmx(server, KEY))
    server.on(path, Reply(body=service.data().replace(b",AGE,", b",AGE_GROUP,")))
    assert "without a column AGE" in ministry.refused(**sdmx(server, KEY))


def test_sdmx_404_means_no_figures_once_the_structure_was_found(
    ministry: Ministry, server: PublishersServer
) -> None:
    assert "source moved" in ministry.refused(SourceMovedError, **sdmx(server, KEY))
    SdmxService().install(server)
    assert "no figures for this key" in ministry.refused(**sdmx(server, KEY))
    server.on(f"/rest/data/{SdmxService.FLOW}/MUS+ARM.A..SEX_T.", Reply(413))
    assert "ask for fewer countries" in ministry.refused(**sdmx(server, KEY))


@pytest.mark.parametrize(
    "body",
    [
        b"<m:Structure/>", b"no xml", b"", SdmxService().structure().replace(b'"DF_UNE', b'"DF_EMP'),
        b'<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>', SdmxService().structure().decode().encode("utf-16"),
    ],
)  # fmt: skip
def test_sdmx_structure_that_is_none_is_refused(
    ministry: Ministry, server: PublishersServer, body: bytes
) -> None:
    with pytest.raises(InputError):
        read_structure(body, SdmxService.FLOW)
    SdmxService().install(server).on("/rest/dataflow/ILO/DF_UNE_DEAP_SEX_AGE_RT/1.0", Reply(body=body))
    assert "structure" in ministry.refused(**sdmx(server, KEY))


def test_sdmx_flow_must_be_whole(ministry: Ministry, server: PublishersServer) -> None:
    assert "agency,dataflow,version" in ministry.refused(
        DefinitionError, **sdmx(server, KEY) | {"flow": "DF_UNE"}
    )


# ---------------------------------------------------------------- Eurostat


def eurostat(server: PublishersServer) -> dict[str, Any]:
    return {
        "protocol": "eurostat",
        "url": f"{server.url}/api/dissemination/sdmx/2.1/data/jvs_q_nace2",
        "query": {"format": "TSV", "compressed": "false"},
        "file_name": "jvs_q_nace2.tsv",
    }


EUROSTAT_PATH = "/api/dissemination/sdmx/2.1/data/jvs_q_nace2"
QUEUE = "98de05ea-540a-43d3-903b-7c9e14faf808"


def test_eurostat_table_that_is_small_comes_at_once(ministry: Ministry, server: PublishersServer) -> None:
    server.on(EUROSTAT_PATH, Reply(body=EUROSTAT_TSV))
    assert ministry.land(**eurostat(server)) == EUROSTAT_TSV


def test_eurostat_queue_is_asked_until_the_file_is_there(
    ministry: Ministry, server: PublishersServer
) -> None:
    states = [
        Reply(body=EUROSTAT_QUEUED.format(id=QUEUE, status=s).encode())
        for s in ("PROCESSING", "PROCESSING", "AVAILABLE")
    ]
    server.on(EUROSTAT_PATH, Reply(body=EUROSTAT_QUEUED.format(id=QUEUE, status="SUBMITTED").encode()))
    server.on(f"/api/dissemination/1.0/async/status/{QUEUE}", *states)
    server.on(f"/api/dissemination/1.0/async/data/{QUEUE}", Reply(body=EUROSTAT_TSV))
    assert ministry.land(**eurostat(server)) == EUROSTAT_TSV
    assert ministry.hours.waits == [5.0, 10.0, 20.0]
    assert server.asked[-1].query == "format=TSV&compressed=false"


@pytest.mark.parametrize("status", ["EXPIRED", "ERROR", "PROCESSING"])
def test_eurostat_queue_that_fails_or_never_ends_is_told(
    ministry: Ministry, server: PublishersServer, status: str
) -> None:
    server.on(EUROSTAT_PATH, Reply(body=EUROSTAT_QUEUED.format(id=QUEUE, status="SUBMITTED").encode()))
    server.on(
        f"/api/dissemination/1.0/async/status/{QUEUE}",
        Reply(body=EUROSTAT_QUEUED.format(id=QUEUE, status=status).encode()),
    )
    assert f"is {status} there" in ministry.refused(**eurostat(server))
    assert sum(ministry.hours.waits) < 3600


def test_eurostat_footer_leads_to_the_file(ministry: Ministry, server: PublishersServer) -> None:
    server.on(
        EUROSTAT_PATH, Reply(body=EUROSTAT_FOOTER.format(url=f"{server.url}/files/extraction.zip.").encode())
    )
    archive = zipped(extraction=EUROSTAT_TSV)
    server.on("/files/extraction.zip", Reply(404), Reply(404), Reply(body=archive))
    assert ministry.land(**eurostat(server)) == archive


def test_eurostat_footer_may_not_lead_elsewhere(ministry: Ministry, server: PublishersServer) -> None:
    for url in ("http://example.org/x.zip", "http://localhost:1/x.zip", "http://169.254.169.254/x"):
        server.on(EUROSTAT_PATH, Reply(body=EUROSTAT_FOOTER.format(url=url).encode()))
        assert "is refused" in ministry.refused(**eurostat(server))
    server.on(EUROSTAT_PATH, Reply(body=EUROSTAT_QUEUED.format(id="../../x", status="SUBMITTED").encode()))
    assert "as the id of its queue" in ministry.refused(**eurostat(server))


def test_eurostat_extraction_that_is_too_large_says_so(ministry: Ministry, server: PublishersServer) -> None:
    server.on(EUROSTAT_PATH, Reply(413, EUROSTAT_TOO_BIG))
    message = ministry.refused(**eurostat(server))
    assert "EXTRACTION_TOO_BIG: estimated 420709314 rows" in message
    assert "fewer countries" in message


@pytest.mark.parametrize(
    "body",
    [
        b"<S:Fault><faultstring>No results</faultstring></S:Fault>",
        b'<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>',
    ],
)
def test_eurostat_other_xml_is_no_table(ministry: Ministry, server: PublishersServer, body: bytes) -> None:
    server.on(EUROSTAT_PATH, Reply(body=body))
    assert "XML instead of a table" in ministry.refused(**eurostat(server))


def test_eurostat_vintage_comes_from_the_inventory(ministry: Ministry, server: PublishersServer) -> None:
    inventory = "Code\tType\tLast data change\nJVS_Q_NACE2\tDATASET\t2026-09-16T11:00:00+0200\n"
    server.on("/files/inventory", Reply(body=inventory.encode()))
    server.on(EUROSTAT_PATH, Reply(body=EUROSTAT_TSV))
    last_update = {
        "reads": "row", "url": f"{server.url}/files/inventory?type=data", "delimiter": "\t", "where": {"Code": "JVS_Q_NACE2"},
        "name": "Last data change", "date_formats": ["%Y-%m-%dT%H:%M:%S%z"],
    }  # fmt: skip
    assert ministry.fetch(**eurostat(server), last_update=last_update).vintage == dt.date(2026, 9, 16)


# ---------------------------------------------------------------- World Bank


def worldbank(server: PublishersServer, service: WorldBank, **query: str) -> dict[str, Any]:
    last_update = {
        "reads": "json",
        "url": f"{server.url}{service.path}?format=json&per_page=1",
        "name": "0.lastupdated",
    }
    return {
        "protocol": "worldbank", "url": f"{server.url}{service.path}", "query": query, "file_name": "gdp.json", "last_update": last_update,
    }  # fmt: skip


def test_worldbank_pages_are_all_fetched_as_published(ministry: Ministry, server: PublishersServer) -> None:
    service = WorldBank()
    server.on(service.path, service)
    fetched = ministry.fetch(**worldbank(server, service, per_page="2"))
    assert fetched.vintage == dt.date(2026, 10, 7)
    assert fetched.path is not None
    lines = fetched.path.read_bytes().splitlines()
    assert [row for line in lines for row in json.loads(line)[1]] == service.rows
    assert b"350000000000.1" in lines[0]
    assert [asked.parameters.get("page") for asked in server.asked] == [None, "1", "2", "3"]
    assert {asked.parameters["format"] for asked in server.asked} == {"json"}


def test_worldbank_is_asked_for_pages_only_after_an_update(
    ministry: Ministry, server: PublishersServer
) -> None:
    service = WorldBank()
    server.on(service.path, service)
    assert ministry.land(**worldbank(server, service))
    ministry.pick_up()
    assert ministry.land(**worldbank(server, service)) is None
    assert len(server.asked) == 3


def test_worldbank_update_between_two_pages_is_refused(ministry: Ministry, server: PublishersServer) -> None:
    service = WorldBank()

    def moving(asked: Asked) -> Reply:
        service.updated = "2026-10-08" if asked.parameters.get("page") == "2" else "2026-10-07"
        return service(asked)

    server.on(service.path, moving)
    assert "changed while its pages were read (page 2" in ministry.refused(
        **worldbank(server, service, per_page="2")
    )


def test_worldbank_total_is_held_against_the_rows(ministry: Ministry, server: PublishersServer) -> None:
    service = WorldBank()
    whole = json.loads(service(Asked("", "per_page=100", {})).body)
    server.on(service.path, Reply(body=json.dumps([whole[0], whole[1][:-1]]).encode()))
    assert "announces 5 rows and sends 4" in ministry.refused(**worldbank(server, service))


@pytest.mark.parametrize(
    ("reply", "kind", "advice"),
    [
        (
            WorldBank.message("120", "The provided parameter value is not valid"),
            InputError,
            "not valid (id 120)",
        ),
        (
            WorldBank.message("175", "The indicator was not found. It may have been deleted or archived."),
            SourceMovedError,
            "source moved",
        ),
        (Reply(body=b"[" * 100_000), InputError, "no JSON"),
        (Reply(body=b"{}"), InputError, "no page of figures"),
        (Reply(body=b'[{"page":1,"pages":1,"total":0},null]'), InputError, "no page of figures"),
    ],
)
def test_worldbank_answer_that_is_no_page_is_refused(
    ministry: Ministry, server: PublishersServer, reply: Reply, kind: type[LmaError], advice: str
) -> None:
    service = WorldBank()
    server.on(service.path, reply)
    assert advice in ministry.refused(kind, **worldbank(server, service) | {"last_update": None})


# ---------------------------------------------------------------- one file for each value


def test_one_file_is_fetched_for_each_value(server: PublishersServer) -> None:
    wanted = Download.model_validate({
        "url": "https://api.example.org/v2/{series}", "file_name": "{series}.csv", "query": {"id": ["{series}", "{other}"]},
        "each": {"series": ["A.B", "C"]}, "last_update": {"reads": "row", "name": "x", "where": {"id": "{series}"}},
    })  # fmt: skip
    files = wanted.files()
    assert [file.file_name for file in files] == ["A.B.csv", "C.csv"]
    assert [file.url for file in files] == ["https://api.example.org/v2/A.B", "https://api.example.org/v2/C"]
    assert files[1].query == {"id": ["C", "{other}"]}
    assert files[1].last_update is not None
    assert files[1].last_update.where == {"id": "C"}


@pytest.mark.parametrize("file_name", ["../x.csv", "a/b.csv", "/etc/passwd", ".hidden", "a\\b.csv"])
def test_file_name_stays_in_its_folder(file_name: str) -> None:
    with pytest.raises(ValueError, match="no plain file name"):
        Download(url="https://example.org", file_name=file_name)
