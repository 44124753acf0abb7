"""Publishers' servers, played on the loopback address with their real protocols, traps included.

``PublishersServer`` answers with what a test puts on its routes and remembers what it was asked. The classes below it
play one publisher each: they answer as that publisher does, also to a wrong question.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import socket
import socketserver
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit


@dataclass(frozen=True)
class Asked:
    """One request as it came: the query is left as it was sent."""

    path: str
    query: str
    headers: Mapping[str, str]

    @property
    def parameters(self) -> dict[str, str]:
        """Parameters, percent-decoded; a literal + stays one."""
        pairs = (pair.partition("=") for pair in self.query.split("&") if pair)
        return {name: unquote(value) for name, _, value in pairs}


@dataclass(frozen=True)
class Reply:
    """One answer. ``cut`` closes the connection after so many bytes, ``silent`` never answers until the server stops."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: int | None = None
    silent: bool = False
    pieces: Iterator[bytes] | None = None


Answerer = Callable[[Asked], Reply]


class LoopbackServer(ThreadingHTTPServer):
    """A server that does not ask for the name of its own address."""

    daemon_threads = True

    def server_bind(self) -> None:
        """As in http.server, without the look-up of a name, which would leave this machine."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])


class PublishersServer:
    """A server on 127.0.0.1. Routes: path -> replies in turn (the last one stays), or a function."""

    def __init__(self) -> None:
        self.routes: dict[str, list[Reply] | Answerer] = {}
        self.asked: list[Asked] = []
        self.stopping = threading.Event()
        publishers = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self.close_connection = True
                parts = urlsplit(self.path)
                asked = Asked(parts.path, parts.query, dict(self.headers))
                publishers.asked.append(asked)
                send(self, publishers.answer(asked), publishers.stopping)

            def log_message(self, *arguments: Any) -> None:
                pass

        self.server = LoopbackServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(
            target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )
        self.thread.start()

    @property
    def url(self) -> str:
        """Address without a path."""
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def on(self, path: str, *replies: Reply | Answerer) -> None:
        """Answer a path with these replies in turn, or with a function of what was asked."""
        self.routes[path] = replies[0] if callable(replies[0]) else list(replies)  # type: ignore[assignment]

    def answer(self, asked: Asked) -> Reply:
        """The reply to a request; 404 for a path that no route has."""
        route = self.routes.get(asked.path)
        if route is None:
            return Reply(404, b"no such page")
        if callable(route):
            return route(asked)
        return route.pop(0) if len(route) > 1 else route[0]

    def stop(self) -> None:
        """Release the waiting, close, and end the thread."""
        self.stopping.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


def send(handler: BaseHTTPRequestHandler, reply: Reply, stopping: threading.Event) -> None:
    """Write one reply, whole, cut, or never."""
    if reply.silent:
        stopping.wait(30)
        return
    if "Date" in reply.headers:
        handler.send_response_only(reply.status)
    else:
        handler.send_response(reply.status)
    length = {} if reply.pieces or reply.status == 304 else {"Content-Length": str(len(reply.body))}
    for name, value in ({"Connection": "close"} | length | dict(reply.headers)).items():
        handler.send_header(name, value)
    handler.end_headers()
    try:
        for piece in reply.pieces or [reply.body[: reply.cut]]:
            handler.wfile.write(piece)
        handler.wfile.flush()
    except OSError:
        return
    if reply.cut is not None:  # hang up at once, as a failing line does
        handler.connection.shutdown(socket.SHUT_WR)


class RangeFile:
    """A file on a server that knows ETags and ranges; each transfer but the last breaks off after so many bytes."""

    def __init__(
        self, body: bytes, etag: str = '"v1"', cuts: list[int] | None = None, ranges: bool = True
    ) -> None:
        self.body, self.etag, self.cuts, self.ranges = body, etag, list(cuts or []), ranges

    def __call__(self, asked: Asked) -> Reply:
        if self.etag and asked.headers.get("If-None-Match") == self.etag:
            return Reply(304, headers={"ETag": self.etag})
        start, cut = 0, self.cuts.pop(0) if self.cuts else None
        wanted = asked.headers.get("Range", "")
        if self.ranges and wanted and asked.headers.get("If-Range") == self.etag:
            start = int(wanted.removeprefix("bytes=").partition("-")[0])
        headers = {"ETag": self.etag} if self.etag else {}
        if start:
            headers |= {"Content-Range": f"bytes {start}-{len(self.body) - 1}/{len(self.body)}"}
        return Reply(206 if start else 200, self.body[start:], headers, cut=cut)


# ---------------------------------------------------------------- ILOSTAT, rplumber


class Ilostat:
    """The bulk service: a parameter it does not know is ignored, a blank area means all, a list needs a literal +."""

    TABLE = "UNE_DEAP_SEX_AGE_RT"
    HEADER = (
        "ref_area", "source", "indicator", "sex", "classif1", "time", "obs_value", "obs_status", "note_classif", "note_indicator", "note_source",
    )  # fmt: skip
    KNOWN = {"id", "ref_area", "sex", "classif1", "timefrom", "timeto", "type", "format", "indicator"}

    def __init__(self, updated: str = "15/11/2026 09:30:12", years: range = range(2018, 2022)) -> None:
        self.updated = updated
        self.rows = [
            (
                area,
                "BX:3465",
                self.TABLE,
                sex,
                "AGE_YTHADULT_YGE15",
                str(year),
                f"{5 + i / 8:.3f}",
                "",
                "",
                "",
                "R1:3513",
            )
            for i, (area, sex, year) in enumerate(
                (a, s, y) for a in ("ARM", "KEN", "MUS") for s in ("SEX_T", "SEX_F") for y in years
            )
        ]

    def install(self, server: PublishersServer) -> PublishersServer:
        """Put the service's endpoints on a server."""
        server.on("/data/indicator", self.data)
        server.on("/data/ref_area", self.by_area)
        server.on("/metadata/toc/indicator", self.contents)
        return server

    def contents(self, asked: Asked) -> Reply:
        """Table of contents with the date of the last update."""
        lines = ["id,indicator,freq,data.start,data.end,last.update,n.records"]
        lines.append(f"{self.TABLE}_A,{self.TABLE},A,2018,2021,{self.updated},{len(self.rows)}")
        return Reply(body="\n".join(lines).encode())

    def data(self, asked: Asked) -> Reply:
        """A table; always an octet stream."""
        given = {name: value for name, value in asked.parameters.items() if name in self.KNOWN}
        ids = given.get("id", "").split("+")
        if any(name != f"{self.TABLE}_A" for name in ids):
            return Reply(400, b'{"error":"400 - deprecated or invalid dataset id"}')
        rows = [row for row in self.rows if self._is_wanted(row, given)]
        return self._answer(rows, given)

    def by_area(self, asked: Asked) -> Reply:
        """The same by area: an indicator with its frequency at the end is not known, and that is not said."""
        given = asked.parameters
        area = given["id"].rpartition("_")[0]
        rows = [
            row for row in self.rows if row[0] == area and given.get("indicator", self.TABLE) == self.TABLE
        ]
        return self._answer(rows, given) if rows else Reply(body=b"[]")

    def _is_wanted(self, row: tuple[str, ...], given: Mapping[str, str]) -> bool:
        areas, sexes = given.get("ref_area", "").split("+"), given.get("sex", row[3]).split("+")
        after, before = given.get("timefrom", "0"), given.get("timeto", "9999")
        return (areas == [""] or row[0] in areas) and row[3] in sexes and after <= row[5] <= before

    def _answer(self, rows: list[tuple[str, ...]], given: Mapping[str, str]) -> Reply:
        text = io.StringIO()
        csv.writer(text).writerows([self.HEADER, *rows])
        body = text.getvalue().encode()
        packed = gzip.compress(body, mtime=0) if given.get("format") == ".csv.gz" else body
        return Reply(body=packed, headers={"Content-Type": "application/octet-stream"})


# ---------------------------------------------------------------- SDMX 2.1 REST


class SdmxService:
    """An SDMX 2.1 service with one dataflow: structure as SDMX-ML, data as SDMX-CSV 1.0."""

    FLOW = "ILO,DF_UNE_DEAP_SEX_AGE_RT,1.0"
    DIMENSIONS = {
        "REF_AREA": ("ARM", "MUS", "KEN"), "FREQ": ("A", "Q"), "MEASURE": ("UNE_DEAP_RT",), "SEX": ("SEX_T", "SEX_F", "SEX_M"),
        "AGE": ("AGE_YTHADULT_YGE15", "AGE_YTHADULT_Y15-24"),
    }  # fmt: skip
    URN = "urn:sdmx:org.sdmx.infomodel"

    def install(self, server: PublishersServer) -> PublishersServer:
        """Put the structure on a server, and the data for every key."""
        agency, flow, version = self.FLOW.split(",")
        server.on(f"/rest/dataflow/{agency}/{flow}/{version}", Reply(body=self.structure()))
        return server

    def data(self, areas: tuple[str, ...] = ("MUS", "ARM"), sexes: tuple[str, ...] = ("SEX_T",)) -> bytes:
        """SDMX-CSV of these areas and sexes."""
        header = ("DATAFLOW", *self.DIMENSIONS, "TIME_PERIOD", "OBS_VALUE", "OBS_STATUS")
        named = "{}:{}({})".format(*self.FLOW.split(","))
        rows = [
            (named, area, "A", "UNE_DEAP_RT", sex, "AGE_YTHADULT_YGE15", str(year), "6.5", "")
            for area in areas for sex in sexes for year in (2019, 2020)
        ]  # fmt: skip
        text = io.StringIO()
        csv.writer(text).writerows([header, *rows])
        return text.getvalue().encode()

    def structure(self) -> bytes:
        """Structure message with dataflow, data structure, concepts and codelists."""
        codelists = "".join(self._codelist(name, codes) for name, codes in self.DIMENSIONS.items())
        concepts = "".join(
            f'<s:Concept id="{name}" urn="{self.URN}.conceptscheme.Concept=ILO:CS(1.0).{name}"><c:Name>{name}</c:Name></s:Concept>'
            for name in (*self.DIMENSIONS, "TIME_PERIOD", "OBS_VALUE")
        )
        # The order in the message is not the order of the key: that is `position`.
        dimensions = "".join(
            self._dimension(name, place)
            for place, name in reversed(list(enumerate(self.DIMENSIONS, start=1)))
        )
        return f"""<?xml version="1.0" encoding="UTF-8"?>
<m:Structure xmlns:m="http://www.sdmx.org/resources/sdmxml/schemas/v2_1/message"
 xmlns:s="http://www.sdmx.org/resources/sdmxml/schemas/v2_1/structure" xmlns:c="http://www.sdmx.org/resources/sdmxml/schemas/v2_1/common">
<m:Header><m:ID>IDREF1</m:ID><m:Test>false</m:Test><m:Prepared>2026-11-15T09:30:12Z</m:Prepared><m:Sender id="ILO"/></m:Header>
<m:Structures>
<s:Dataflows><s:Dataflow id="DF_UNE_DEAP_SEX_AGE_RT" agencyID="ILO" version="1.0"><c:Name>Unemployment rate</c:Name>
<s:Structure><Ref id="DSD_UNE" version="1.0" agencyID="ILO" package="datastructure" class="DataStructure"/></s:Structure></s:Dataflow></s:Dataflows>
<s:Codelists>{codelists}</s:Codelists>
<s:Concepts><s:ConceptScheme id="CS" agencyID="ILO" version="1.0"><c:Name>Concepts</c:Name>{concepts}</s:ConceptScheme></s:Concepts>
<s:DataStructures><s:DataStructure id="DSD_UNE" agencyID="ILO" version="1.0"><c:Name>Unemployment</c:Name><s:DataStructureComponents>
<s:DimensionList id="DimensionDescriptor">{dimensions}
<s:TimeDimension id="TIME_PERIOD" position="{len(self.DIMENSIONS) + 1}">{self._concept("TIME_PERIOD")}
<s:LocalRepresentation><s:TextFormat textType="ObservationalTimePeriod"/></s:LocalRepresentation></s:TimeDimension></s:DimensionList>
<s:MeasureList id="MeasureDescriptor"><s:PrimaryMeasure id="OBS_VALUE">{self._concept("OBS_VALUE")}</s:PrimaryMeasure></s:MeasureList>
</s:DataStructureComponents></s:DataStructure></s:DataStructures>
</m:Structures></m:Structure>""".encode()

    def _codelist(self, name: str, codes: tuple[str, ...]) -> str:
        items = "".join(f'<s:Code id="{code}"><c:Name>{code}</c:Name></s:Code>' for code in codes)
        return f'<s:Codelist id="CL_{name}" agencyID="ILO" version="1.0"><c:Name>{name}</c:Name>{items}</s:Codelist>'

    def _concept(self, name: str) -> str:
        return (
            f'<s:ConceptIdentity><Ref id="{name}" maintainableParentID="CS" maintainableParentVersion="1.0" agencyID="ILO" '
            'package="conceptscheme" class="Concept"/></s:ConceptIdentity>'
        )

    def _dimension(self, name: str, place: int) -> str:
        return (
            f'<s:Dimension id="{name}" position="{place}">{self._concept(name)}<s:LocalRepresentation><s:Enumeration>'
            f'<Ref id="CL_{name}" version="1.0" agencyID="ILO" package="codelist" class="Codelist"/></s:Enumeration>'
            "</s:LocalRepresentation></s:Dimension>"
        )


# ---------------------------------------------------------------- Eurostat


EUROSTAT_TSV = (
    b"freq,nace_r2,geo\\TIME_PERIOD\t2023-Q1 \t2023-Q2 \nQ,B-S,IT\t2.1 \t2.0 p\nQ,B-S,DE\t4.1 \t: \n"
)

EUROSTAT_QUEUED = """<env:Envelope xmlns:env="http://schemas.xmlsoap.org/soap/envelope/"><env:Header/><env:Body>
<ns0:asyncResponse xmlns:ns0="http://estat.ec.europa.eu/disschain/soap/extraction"><status>
<id xmlns="http://estat.ec.europa.eu/disschain/asynchronous">{id}</id>
<status xmlns="http://estat.ec.europa.eu/disschain/asynchronous">{status}</status></status></ns0:asyncResponse></env:Body></env:Envelope>"""

EUROSTAT_FOOTER = """<?xml version="1.0" encoding="UTF-8"?>
<m:StructureSpecificData xmlns:m="http://www.sdmx.org/resources/sdmxml/schemas/v2_1/message"
 xmlns:footer="http://www.sdmx.org/resources/sdmxml/schemas/v2_1/message/footer" xmlns:c="http://www.sdmx.org/resources/sdmxml/schemas/v2_1/common">
<footer:Footer><footer:Message code="413" severity="Information"><c:Text>Due to the large query the response will be written to a file
which will be located under URL: {url}</c:Text><c:Text>The generation of the file can take some time</c:Text></footer:Message></footer:Footer>
</m:StructureSpecificData>"""

EUROSTAT_TOO_BIG = (
    b'<S:Fault xmlns:S="http://schemas.xmlsoap.org/soap/envelope/"><faultcode>413</faultcode>'
    b"<faultstring>EXTRACTION_TOO_BIG: estimated 420709314 rows, max authorised is 5000000</faultstring></S:Fault>"
)


# ---------------------------------------------------------------- World Bank, paged JSON


class WorldBank:
    """The indicator service: pages of rows, with the date of the last update on each."""

    SERIES = "NY.GDP.MKTP.KN"

    def __init__(self, updated: str = "2026-10-07", n_rows: int = 5) -> None:
        self.updated = updated
        self.rows = [
            {
                "indicator": {"id": self.SERIES, "value": "GDP (constant LCU)"},
                "country": {"id": "MU", "value": "Mauritius"},
                "countryiso3code": "MUS", "date": str(2020 + i), "value": 350000000000.10 + i, "unit": "", "obs_status": "", "decimal": 0,
            }
            for i in range(n_rows)
        ]  # fmt: skip

    @property
    def path(self) -> str:
        """Where the series is served."""
        return f"/v2/country/all/indicator/{self.SERIES}"

    def __call__(self, asked: Asked) -> Reply:
        given = asked.parameters
        size, page = int(given.get("per_page", 50)), int(given.get("page", 1))
        pages = -(-len(self.rows) // size)
        facts = {
            "page": page, "pages": pages, "per_page": size, "total": len(self.rows), "sourceid": "2", "lastupdated": self.updated,
        }  # fmt: skip
        rows = self.rows[(page - 1) * size : page * size]
        return Reply(body=b"\xef\xbb\xbf" + json.dumps([facts, rows], indent=1).encode())

    @staticmethod
    def message(number: str, value: str) -> Reply:
        """What the service says, with status 200, when it cannot answer."""
        return Reply(
            body=json.dumps([{"message": [{"id": number, "key": "Invalid value", "value": value}]}]).encode()
        )
