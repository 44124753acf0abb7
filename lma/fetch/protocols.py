"""The publishers' protocols: how each is asked, and whether its answer is what was asked for.

A protocol is a function from a ``Job`` to a ``Saved`` file. Adding one is a function here and a line in PROTOCOLS.
"""

from __future__ import annotations

import contextlib
import csv
import gzip
import io
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from lma.contracts import Download
from lma.errors import DefinitionError, InputError, SourceMovedError
from lma.fetch.asking import Request, check_address
from lma.fetch.bodies import check_size
from lma.fetch.line import Line, Saved
from lma.fetch.structures import build_key, read_structure, write_key


@dataclass(frozen=True)
class Job:
    """One file to fetch: what is wanted, over which line, where to, and what is known of the last one."""

    download: Download
    source_id: str
    line: Line
    target: Path
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    known: Mapping[str, str] = field(default_factory=dict)
    min_bytes: float = 0

    @property
    def where(self) -> str:
        """The YAML a message points to."""
        return f"sources/{self.source_id}.yaml"

    def request(self, url: str, **changes: Any) -> Request:
        """A request within the limits of this source."""
        named = {"User-Agent": self.download.user_agent, "Accept": self.download.accept}
        asked = Request(
            url=url,
            file_name=self.download.file_name,
            source_id=self.source_id,
            secrets=self.secrets,
            headers={name: value for name, value in named.items() if value},
            hosts=tuple(host.lower() for host in self.download.hosts),
            pause_seconds=self.download.pause_seconds,
            timeout_seconds=self.download.timeout_seconds,
            min_bytes=self.min_bytes,
            max_bytes=self.download.max_bytes,
        )
        return replace(asked, **changes)

    def save(self, request: Request) -> Saved:
        """The file, unless it has not changed."""
        return self.line.save(request, self.target, self.known)


def with_query(url: str, query: Mapping[str, str | list[str]]) -> str:
    """An address with parameters; lists are joined by a plain + (encoded as %2B, ILOSTAT takes them for one code)."""
    pairs = [
        f"{quote(name, safe='')}={'+'.join(quote(v, safe=':,') for v in _as_list(value))}"
        for name, value in query.items()
    ]
    return url + (("&" if "?" in url else "?") + "&".join(pairs) if pairs else "")


def _as_list(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


# ---------------------------------------------------------------- a file at an address


def fetch_file(job: Job) -> Saved:
    """A file at a plain address (UN WPP, UN DESA, Data360, World Bank bulk files, national offices)."""
    return job.save(job.request(with_query(job.download.url, job.download.query)))


# ---------------------------------------------------------------- ILOSTAT rplumber

# The service ignores a parameter it does not know and takes a blank area for all areas, so both are refused here.
_RPLUMBER = {
    "/data/indicator": {"id", "ref_area", "sex", "classif1", "classif2", "source", "time", "timefrom", "timeto", "latestyear",
                        "best_source", "type", "format", "lang"},
    "/data/ref_area": {"id", "indicator", "sex", "classif1", "classif2", "source", "time", "timefrom", "timeto", "latestyear",
                       "best_source", "type", "format", "lang"},
}  # fmt: skip
_RPLUMBER_FILTERS = ("ref_area", "sex", "classif1", "classif2", "source")
_SUFFIX = re.compile(r"_[AQM]$")


def fetch_rplumber(job: Job) -> Saved:
    """A table of ILOSTAT's bulk service, held against what was asked: it answers a wrong question with other data."""
    query = job.download.query
    check_rplumber_query(job)
    saved = job.save(
        job.request(with_query(job.download.url, query), explain=lambda s, b: _explain_rplumber(job, s, b))
    )
    if saved.path:
        check_rplumber_answer(job, saved.path)
    return saved


def check_rplumber_query(job: Job) -> None:
    """Refuse what the service would answer with something else, before it is sent."""
    query, endpoint = job.download.query, _rplumber_endpoint(job)
    unknown = sorted(set(query) - _RPLUMBER[endpoint])
    if unknown:
        raise DefinitionError(
            f"{job.where}: {endpoint} has no parameter {', '.join(unknown)} and would ignore it: correct download.query."
        )
    blank = [
        name for name, value in query.items() if not value or any(not v.strip() for v in _as_list(value))
    ]
    if blank:
        raise DefinitionError(
            f"{job.where}: download.query has a blank {', '.join(blank)}, which asks for everything: leave it out or fill it."
        )
    if not query.get("id") or not all(_SUFFIX.search(name) for name in _as_list(query["id"])):
        raise DefinitionError(
            f"{job.where}: download.query.id {query.get('id')!r} needs a frequency at its end: _A, _Q or _M."
        )
    suffixed = [name for name in _as_list(query.get("indicator", [])) if _SUFFIX.search(name)]
    if suffixed:
        raise DefinitionError(
            f"{job.where}: download.query.indicator {', '.join(suffixed)} must not have a frequency at its end: {endpoint} answers [] to that."
        )
    filters = [name for name in _RPLUMBER_FILTERS if name in query]
    if filters and query.get("type") == "label":
        raise DefinitionError(
            f"{job.where}: with type: label the answer holds no codes, so that {', '.join(filters)} cannot be checked: use type: code or both."
        )


def _rplumber_endpoint(job: Job) -> str:
    path = urlsplit(job.download.url).path.rstrip("/")
    endpoint = next((known for known in _RPLUMBER if path.endswith(known)), None)
    if endpoint is None:
        raise DefinitionError(
            f"{job.where}: {job.download.url} is none of {', '.join(_RPLUMBER)}: correct download.url."
        )
    return endpoint


def _explain_rplumber(job: Job, status: int, body: bytes) -> Exception | None:
    if status == 400 and b"deprecated or invalid" in body.lower():
        request = job.request(job.download.url)
        return SourceMovedError(
            f"{request.shown} of {job.source_id} answers that {job.download.query['id']!r} is a deprecated or invalid dataset id: source moved. "
            f"Find its new id in ILOSTAT's list of tables, then {request.advice}."
        )
    return None


def check_rplumber_answer(job: Job, path: Path) -> None:
    """Every row within what was asked: a parameter that was ignored shows as rows that nobody asked for."""
    query = job.download.query
    with open_text(path) as text:
        if text.read(2).lstrip() in ("[]", "["):
            raise InputError(
                f"{job.download.url} of {job.source_id} answers [] to {query!r}: it knows no such table or area. Correct download.query."
            )
        text.seek(0)
        rows = csv.DictReader(text)
        columns = rows.fieldnames or []
        _check_columns(job, columns, ["obs_value", "time"])
        n_rows = _check_rows(job, rows, _asked_of_rplumber(job, columns), _asked_years(query))
    if not n_rows:
        raise InputError(
            f"{job.download.url} of {job.source_id} answers {query!r} with a header and no row: correct download.query."
        )


def _asked_of_rplumber(job: Job, columns: Any) -> dict[str, set[str]]:
    """Column: values asked for."""
    query = job.download.query
    asked = {name: set(_as_list(query[name])) for name in _RPLUMBER_FILTERS if name in query}
    ids = {_SUFFIX.sub("", name) for name in _as_list(query["id"])}
    if _rplumber_endpoint(job) == "/data/ref_area":
        asked |= {"ref_area": ids} | (
            {"indicator": set(_as_list(query["indicator"]))} if "indicator" in query else {}
        )
    else:
        asked["indicator"] = ids
    if query.get("best_source") == "yes" and "best_source" in columns:
        asked["best_source"] = {"1"}
    # With labels only there is no code to look at; filters were refused before, so that nothing else was asked.
    return {name: values for name, values in asked.items() if name in columns or name in query}


def _asked_years(query: Mapping[str, str | list[str]]) -> tuple[str, str]:
    first, last = (query.get(name) for name in ("timefrom", "timeto"))
    return str(first or "0000"), str(last or "9999")


def _check_rows(
    job: Job, rows: csv.DictReader[str], asked: Mapping[str, set[str]], years: tuple[str, str]
) -> int:
    """Number of rows; ``InputError`` at the first one that was not asked for."""
    _check_columns(job, rows.fieldnames or [], list(asked))
    n_rows = 0
    for n_rows, row in enumerate(rows, start=1):
        for name, values in asked.items():
            if row[name] not in values:
                raise _not_asked_for(job, n_rows, name, row[name], sorted(values))
        if not years[0] <= (row["time"] or "")[:4] <= years[1]:
            raise _not_asked_for(job, n_rows, "time", row["time"], list(years))
    return n_rows


def _check_columns(job: Job, columns: Any, needed: list[str]) -> None:
    lacking = [name for name in needed if name not in columns]
    if lacking:
        raise InputError(
            f"{job.download.url} of {job.source_id} answers without a column {', '.join(lacking)} (columns: {', '.join(list(columns)[:12])}): "
            "it is not what was asked for. Look at the address in a browser, then correct download.query."
        )


def _not_asked_for(job: Job, number: int, name: str, value: str | None, asked: list[str]) -> InputError:
    return InputError(
        f"{job.download.url} of {job.source_id} answers with {name} {value!r} in row {number}, {', '.join(asked[:8])} was asked for: "
        "a part of the question was ignored. Correct download.query."
    )


@contextlib.contextmanager
def open_text(path: Path) -> Iterator[io.TextIOWrapper]:
    """A text file, packed with gzip or not, to be read row by row; ``InputError`` for one that is no UTF-8."""
    with path.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    try:
        with io.TextIOWrapper(
            gzip.open(path) if packed else path.open("rb"), encoding="utf-8-sig", newline=""
        ) as text:
            yield text
    except UnicodeDecodeError as error:
        raise InputError(f"{path.name} is no UTF-8 text ({error}): look at it.") from None


# ---------------------------------------------------------------- SDMX 2.1 REST, answer in SDMX-CSV


def fetch_sdmx(job: Job) -> Saved:
    """Series of a dataflow as SDMX-CSV; the key is held against the data structure first, the answer against the key."""
    flow = job.download.flow or ""
    if len(flow.split(",")) != 3:
        raise DefinitionError(f"{job.where}: download.flow is {flow!r}: write agency,dataflow,version.")
    asked = build_key(_read_flow(job, flow), job.download.key, job.where)
    url = with_query(f"{job.download.url.rstrip('/')}/data/{flow}/{write_key(asked)}", job.download.query)
    request = job.request(url, explain=lambda s, b: _explain_sdmx(job, url, s))
    accept = job.download.accept or "application/vnd.sdmx.data+csv;version=1.0.0"
    saved = job.save(replace(request, headers={**request.headers, "Accept": accept}))
    if saved.path:
        check_sdmx_answer(job, saved.path, asked)
    return saved


def _read_flow(job: Job, flow: str) -> Any:
    agency, dataflow, version = flow.split(",")
    url = f"{job.download.url.rstrip('/')}/dataflow/{agency}/{dataflow}/{version}?references=descendants"
    request = job.request(url)
    accept = "application/vnd.sdmx.structure+xml;version=2.1"
    try:
        return read_structure(
            job.line.read(replace(request, headers={**request.headers, "Accept": accept})).body, flow
        )
    except SourceMovedError:
        raise
    except InputError as error:
        raise InputError(f"{request.shown} of {job.source_id}: {error}") from None


def _explain_sdmx(job: Job, url: str, status: int) -> Exception | None:
    """The structure was found a moment ago, so that 404 here means that there are no figures for this key."""
    if status == 404:
        return InputError(
            f"{url} of {job.source_id} has no figures for this key (HTTP 404): ask for other codes or years in download.key."
        )
    return None


def check_sdmx_answer(job: Job, path: Path, asked: Mapping[str, list[str]]) -> None:
    """SDMX-CSV 1.0 or 2.0 of the dataflow asked for, every row within the key."""
    with open_text(path) as text:
        rows = csv.DictReader(text)
        columns = rows.fieldnames or []
        if not columns or columns[0] not in ("DATAFLOW", "STRUCTURE"):
            raise InputError(
                f"{job.download.url} of {job.source_id} answers with no SDMX-CSV (first column {columns[:1]}): "
                "set download.accept to what this service offers."
            )
        _check_columns(job, columns, [*asked, "TIME_PERIOD", "OBS_VALUE"])
        named = "DATAFLOW" if columns[0] == "DATAFLOW" else "STRUCTURE_ID"
        n_rows = 0
        for n_rows, row in enumerate(rows, start=1):
            _check_sdmx_row(job, n_rows, row, named, asked)
    if not n_rows:
        raise InputError(
            f"{job.download.url} of {job.source_id} answers with a header and no row: ask for other codes or years in download.key."
        )


def _check_sdmx_row(
    job: Job, number: int, row: Mapping[str, str], named: str, asked: Mapping[str, list[str]]
) -> None:
    agency, dataflow, version = (job.download.flow or "").split(",")
    if row[named] != f"{agency}:{dataflow}({version})":
        raise _not_asked_for(job, number, named, row[named], [f"{agency}:{dataflow}({version})"])
    for name, codes in asked.items():
        if codes and row[name].partition(":")[0] not in codes:
            raise _not_asked_for(job, number, name, row[name], codes)


# ---------------------------------------------------------------- Eurostat

_MOST_POLLS = 40
_POLL_SECONDS = (5.0, 10.0, 20.0, 30.0)
_WAITING = {"SUBMITTED", "PROCESSING", "DATA_NOT_YET_AVAILABLE"}


def fetch_eurostat(job: Job) -> Saved:
    """A table of Eurostat. A large query is answered with a place in a queue: an id to ask after, or an address in a footer."""
    url = with_query(job.download.url, job.download.query)
    request = job.request(url, explain=lambda s, b: _explain_eurostat(job, url, s, b))
    # A place in the queue is a short document, so that the size of the last file says nothing about it.
    saved = job.line.save(replace(request, min_bytes=0), job.target, job.known)
    queued = read_queue_place(saved.path) if saved.path else None
    if saved.path is None or queued is None:
        if saved.path:
            check_not_smaller(saved.path, request)
        return saved
    if queued.get("url"):
        return _wait_for_file(job, replace(request, url=check_address(request, queued["url"])))
    if queued.get("id"):
        return _wait_for_queue(job, request, queued["id"], queued.get("status", ""))
    raise InputError(
        f"{request.shown} of {job.source_id} answers with XML instead of a table ({request.quote(queued.get('text', '').encode(), 200)!r}): "
        "correct download.query."
    )


def check_not_smaller(path: Path, request: Request) -> None:
    """The size gate, where it could not be applied during the transfer."""
    check_size(path.stat().st_size, request)


def _explain_eurostat(job: Job, url: str, status: int, body: bytes) -> Exception | None:
    if status == 413:
        said = re.sub(r"<[^>]*>", " ", body.decode("utf-8", "replace")).strip()
        return InputError(
            f"{job.request(url).shown} of {job.source_id} answers HTTP 413, the extraction is too large ({said[:200]}): "
            "ask for fewer countries or years in download.query, or take the whole table as a bulk file."
        )
    return None


def read_queue_place(path: Path) -> dict[str, str] | None:
    """Place in the queue: id and status, or an address, or the text of another message; None for data."""
    with path.open("rb") as file:
        body = file.read(1 << 20)
    if not body.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"<"):
        return None
    import defusedxml
    from defusedxml.ElementTree import ParseError, fromstring

    try:
        texts = [
            (element.tag.rpartition("}")[2], (element.text or "").strip())
            for element in fromstring(body).iter()
        ]
    except (ParseError, defusedxml.DefusedXmlException):
        return {"text": body[:4096].decode("utf-8", "replace")}
    found = {name: text for name, text in reversed(texts) if name in ("id", "status") and text}
    said = " ".join(text for name, text in texts if name in ("Text", "faultstring") and text)
    address = re.search(r"https?://[^\s<>\"']+", said)
    return found | {"text": said} | ({"url": address[0].rstrip(".,;)")} if address else {})


def _wait_for_queue(job: Job, request: Request, queue_id: str, status: str) -> Saved:
    """Ask after a queued extraction until it is there, then get it."""
    if not re.fullmatch(r"[A-Za-z0-9-]{1,128}", queue_id):
        raise InputError(
            f"{request.shown} of {job.source_id} names {request.quote(queue_id.encode(), 60)!r} as the id of its queue: "
            "look at the address in a browser."
        )
    base = request.url.partition("/sdmx/")[0].partition("/statistics/")[0]
    for number in range(_MOST_POLLS):
        if status not in _WAITING:
            break
        job.line.wait(_POLL_SECONDS[min(number, len(_POLL_SECONDS) - 1)])
        status = _read_status(job, replace(request, url=f"{base}/1.0/async/status/{queue_id}"))
    if status != "AVAILABLE":
        raise InputError(
            f"{request.shown} of {job.source_id} was put in a queue and is {status or 'UNKNOWN'} there: "
            "run again later; the last landed vintage stays in use."
        )
    wanted = {
        name: value for name, value in job.download.query.items() if name in ("format", "compressed", "lang")
    }
    ready = replace(request, url=with_query(f"{base}/1.0/async/data/{queue_id}", wanted))
    return Saved({}, job.line.save(ready, job.target).path)


def _read_status(job: Job, request: Request) -> str:
    body = job.line.read(replace(request, min_bytes=0)).body
    found = re.search(rb"<(?:\w+:)?status(?:\s[^>]*)?>\s*(\w+)\s*<", body)
    return found[1].decode() if found else ""


def _wait_for_file(job: Job, request: Request) -> Saved:
    """Ask for a file that is still being written: until then its address answers 404."""
    missing = _NotYetError("the file is not there yet")
    waiting = replace(request, explain=lambda status, body: missing if status in (202, 404) else None)
    for number in range(_MOST_POLLS):
        try:
            return Saved({}, job.line.save(waiting, job.target).path)
        except _NotYetError:
            job.line.wait(_POLL_SECONDS[min(number, len(_POLL_SECONDS) - 1)])
    raise InputError(
        f"{request.shown} of {job.source_id} was announced but is not there: "
        "run again later; the last landed vintage stays in use."
    )


class _NotYetError(Exception):
    """A file that was announced is still being written."""


# ---------------------------------------------------------------- World Bank, paged JSON


def fetch_worldbank(job: Job) -> Saved:
    """All pages of a series, one page a line as the publisher sent it. Totals are held against the rows that came."""
    query = {"per_page": "10000", **job.download.query, "format": "json"}
    request = job.request(with_query(job.download.url, query), min_bytes=0)
    job.target.parent.mkdir(parents=True, exist_ok=True)
    first, n_rows, number = {}, 0, 0  # type: dict[str, Any], int, int
    with job.target.open("wb") as file:
        while number == 0 or number < int(first["pages"]):
            number += 1
            facts, rows, line = _read_page(job, replace(request, url=f"{request.url}&page={number}"))
            first = first or facts
            _check_page(request, first, facts, number)
            n_rows += len(rows)
            file.write(line + b"\n")
    if n_rows != int(first["total"]):
        raise InputError(
            f"{request.shown} of {job.source_id} announces {int(first['total']):,} rows and sends {n_rows:,}: run again later."
        )
    check_not_smaller(job.target, job.request(request.url))
    return Saved({}, job.target)


def _read_page(job: Job, request: Request) -> tuple[dict[str, Any], list[Any], bytes]:
    """Facts of one page, its rows, and its bytes on one line."""
    body = job.line.read(request).body
    try:
        page = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise InputError(
            f"{request.shown} of {job.source_id} answers with no JSON ({error}; it begins with {request.quote(body, 40)!r}): look at it."
        ) from None
    said = page[0].get("message") if isinstance(page, list) and page and isinstance(page[0], dict) else None
    if said:
        raise _told_by_worldbank(job, request, said)
    if not (
        isinstance(page, list)
        and len(page) == 2
        and isinstance(page[1], list)
        and {"pages", "total", "page"} <= set(page[0])
    ):
        raise InputError(
            f"{request.shown} of {job.source_id} answers with no page of figures (it begins with {request.quote(body, 80)!r}): correct download.url."
        )
    # A line end inside a JSON document stands between its parts, never within a text: the figures stay as published.
    one_line = body.removeprefix(b"\xef\xbb\xbf").strip().replace(b"\r", b" ").replace(b"\n", b" ")
    return page[0], page[1], one_line


def _told_by_worldbank(job: Job, request: Request, said: list[dict[str, str]]) -> InputError:
    text = "; ".join(
        f"{item.get('key', '')}: {item.get('value', '')} (id {item.get('id', '')})" for item in said
    )
    if any(str(item.get("id")) == "175" for item in said):
        return SourceMovedError(
            f"{request.shown} of {job.source_id} answers {text}: source moved. Find the new code of the series, then {request.advice}."
        )
    return InputError(
        f"{request.shown} of {job.source_id} answers {text}: correct download.url or download.query."
    )


def _check_page(request: Request, first: Mapping[str, Any], facts: Mapping[str, Any], number: int) -> None:
    """Pages of one answer: the total and the date of the last update must not move while they are read."""
    same = all(first.get(name) == facts.get(name) for name in ("pages", "total", "lastupdated"))
    if not same or int(facts["page"]) != number:
        raise InputError(
            f"{request.shown} of {request.source_id} changed while its pages were read "
            f"(page {number}: {dict(facts)!r}, first: {dict(first)!r}): run again."
        )


PROTOCOLS: dict[str, Callable[[Job], Saved]] = {
    "file": fetch_file,
    "rplumber": fetch_rplumber,
    "sdmx": fetch_sdmx,
    "eurostat": fetch_eurostat,
    "worldbank": fetch_worldbank,
}
