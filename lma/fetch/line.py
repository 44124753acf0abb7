"""The only HTTP client: polite, patient, resumable, streamed to disk.

One ``Line`` serves one run. It keeps the distance between requests that each host is owed, tries again with
growing waits, takes up a broken transfer where it broke, follows redirects only within the publisher's own hosts,
and asks again only for what has changed. It knows nothing of what the files mean.
"""

from __future__ import annotations

import contextlib
import email.utils
import errno
import hashlib
import json
import logging
import random
import re
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TypeVar
from urllib.parse import urlsplit

from lma.errors import InputError, OutputError, SourceMovedError
from lma.fetch.asking import Request, UnfinishedError, follow, scrub
from lma.fetch.bodies import check_body, check_digest, check_size

if TYPE_CHECKING:
    import httpx

T = TypeVar("T")

_MOST_HOPS = 5
_MOST_TEXT = 64 << 20
_LOGGERS = (
    "httpx",
    "httpcore.connection",
    "httpcore.http11",
    "httpcore.http2",
    "httpcore.proxy",
    "httpcore.socks",
)

_REFUSALS = {
    401: "the publisher asks for a login",
    403: "the publisher refuses this program; a browser-like download.user_agent may be needed",
    404: "source moved, there is nothing here any more; find the new address on the publisher's page",
    410: "source moved, the publisher has withdrawn this address; find the new one on its page",
    413: "the publisher finds the request too large; ask for fewer countries or years",
    429: "the publisher asks to call less often; raise download.pause_seconds",
}
_MOVED = {404, 410}
_WORTH_RETRYING = {408, 425, 429, 500, 502, 503, 504}


@dataclass(frozen=True)
class Politeness:
    """How hard to try. The jitter keeps many ministries from calling in the same second."""

    attempts: int = 4
    first_wait_seconds: float = 2.0
    longest_wait_seconds: float = 300.0
    longest_transfer_seconds: float = 7200.0
    spare_bytes: int = 256 << 20
    wait: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    seed: int = 0


@dataclass(frozen=True)
class Answer:
    """A small answer, in memory."""

    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Saved:
    """An answer on disk; ``path`` is None when the publisher says that nothing has changed."""

    headers: Mapping[str, str]
    path: Path | None


class Line:
    """One run's connection to publishers. Use as a context manager."""

    def __init__(self, politeness: Politeness | None = None, client: httpx.Client | None = None) -> None:
        import httpx

        self.politeness = politeness or Politeness()
        self._client = client or httpx.Client()
        self._free_from: dict[str, float] = {}
        self._unreachable: dict[str, str] = {}
        self._reached = False
        self._documents: dict[str, Answer] = {}

    def __enter__(self) -> Line:
        return self

    def __exit__(self, *error: object) -> None:
        self._client.close()

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.politeness.wait(seconds)

    # ------------------------------------------------------------ the two things one can ask for

    def read(self, request: Request) -> Answer:
        """A small document; ``InputError`` or ``SourceMovedError`` when it cannot be had."""
        return self._persist(request, lambda: self._read_once(request))

    def look_up(self, request: Request) -> Answer:
        """The same, asked for once a run: many tables stand in one list of tables."""
        if request.url not in self._documents:
            self._documents[request.url] = self.read(request)
        return self._documents[request.url]

    def save(self, request: Request, target: Path, known: Mapping[str, str] | None = None) -> Saved:
        """A file, streamed to ``target``, unless it has not changed since the headers ``known`` (ETag, Last-Modified).

        The transfer goes to a hidden file beside it, from which a later attempt, or a later run, goes on.
        """
        target.parent.mkdir(parents=True, exist_ok=True)
        return self._persist(request, lambda: self._save_once(request, target, known or {}))

    # ------------------------------------------------------------ patience

    def _persist(self, request: Request, attempt: Callable[[], T]) -> T:
        """The result of the first attempt that succeeds."""
        import httpx

        self._refuse_unreachable(request)
        jitter = random.Random(f"{self.politeness.seed}:{request.url}")
        # Where another host could not be reached and none answered yet, the machine is probably not connected.
        most = 1 if self._unreachable and not self._reached else self.politeness.attempts
        for number in range(1, most + 1):
            try:
                with no_secret_in_logs(request):
                    return attempt()
            except (httpx.UnsupportedProtocol, httpx.InvalidURL) as error:
                raise InputError(
                    f"{request.shown} of {request.source_id} is no usable address ({error}): correct it."
                ) from None
            except (UnfinishedError, httpx.TransportError) as error:
                pause = self.politeness.first_wait_seconds * 2 ** (number - 1) * (0.5 + jitter.random())
                pause = max(pause, getattr(error, "wait_seconds", 0.0))
                if number == most or pause > self.politeness.longest_wait_seconds:
                    raise self._give_up(request, number, error) from None
                self.wait(pause)
        raise AssertionError("an attempt ends with a result or an error")

    def _give_up(self, request: Request, attempts: int, error: Exception) -> InputError:
        import httpx

        reason = scrub(str(error) or type(error).__name__, request.secrets)
        if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
            self._unreachable[_host(request.url)] = reason
        asked = getattr(error, "wait_seconds", 0.0)
        later = f"in {asked:,.0f} seconds" if asked > self.politeness.longest_wait_seconds else "later"
        return InputError(
            f"{request.shown} of {request.source_id} could not be downloaded in {attempts} attempts: {reason}. "
            f"Try again {later}, or {request.advice}."
        )

    def _refuse_unreachable(self, request: Request) -> None:
        """A host that could not be reached a moment ago is not tried again in the same run."""
        reason = self._unreachable.get(_host(request.url))
        if reason:
            raise InputError(
                f"{request.shown} of {request.source_id} was not asked for: {_host(request.url)} could not be reached a moment ago "
                f"({reason}). Check the connection, or use --offline; the last landed vintage stays in use."
            )

    def _take_turn(self, url: str, pause_seconds: float) -> None:
        """Keep the distance between two requests to one host."""
        host, now = _host(url), self.politeness.clock()
        turn = max(now, self._free_from.get(host, now))
        if turn > now:
            self.wait(turn - now)
        self._free_from[host] = turn + pause_seconds

    # ------------------------------------------------------------ one attempt

    @contextlib.contextmanager
    def _open(self, request: Request, headers: Mapping[str, str]) -> Iterator[httpx.Response]:
        """The answer after redirects, its body still to come. Bytes are asked for as the publisher holds them."""
        url = request.address
        sent = {"Accept-Encoding": "identity", "User-Agent": "lma/0.1", **request.headers, **headers}
        for _ in range(_MOST_HOPS + 1):
            self._take_turn(url, request.pause_seconds)
            built = self._client.build_request("GET", url, headers=sent, timeout=request.timeout_seconds)
            response = self._client.send(built, stream=True, follow_redirects=False)
            self._reached = True
            try:
                if not response.has_redirect_location:
                    yield response
                    return
                url = follow(request, url, response.headers["Location"], response.status_code)
            finally:
                response.close()
        raise InputError(
            f"{request.shown} of {request.source_id} sends us on more than {_MOST_HOPS} times: {request.advice}."
        )

    def _read_once(self, request: Request) -> Answer:
        body = bytearray()
        with self._open(request, {}) as response:
            check_status(request, response)
            for chunk in _pieces(response):
                body += chunk
                check_size(len(body), _limited(request))
        return Answer(response.headers, bytes(body))

    def _save_once(self, request: Request, target: Path, known: Mapping[str, str]) -> Saved:
        part = Part(target, request)
        headers = part.ask_for_rest() or _ask_for_change(known)
        with self._open(request, headers) as response:
            if response.status_code == 304:
                return Saved(response.headers, None)
            if response.status_code == 416:
                part.drop()
                raise UnfinishedError("the server has no such part of the file")
            check_status(request, response)
            n_total = part.begin(response)
            if n_total is not None:
                check_size(n_total, request)
                self._check_space(request, part.path, n_total - part.n_bytes)
            self._stream(request, response, part)
        part.check(n_total, response.headers)
        return Saved(response.headers, part.finish())

    def _check_space(self, request: Request, path: Path, n_bytes: int) -> None:
        free = shutil.disk_usage(path.parent).free
        if free < n_bytes + self.politeness.spare_bytes:
            raise OutputError(
                f"{path.parent} has {free:,} bytes free, {request.file_name} of {request.source_id} needs {n_bytes:,} and "
                f"{self.politeness.spare_bytes:,} are kept spare: make room and run again."
            )

    def _stream(self, request: Request, response: httpx.Response, part: Part) -> None:
        ends = self.politeness.clock() + self.politeness.longest_transfer_seconds
        try:
            with part.open() as file:
                for chunk in _pieces(response):
                    check_size(part.add(file, chunk), _without_minimum(request))
                    if self.politeness.clock() > ends:
                        raise UnfinishedError(
                            f"not finished after {self.politeness.longest_transfer_seconds:,.0f} seconds"
                        )
        except InputError:
            part.drop()
            raise
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EIO):
                raise
            raise OutputError(
                f"{part.path} cannot take {request.file_name}: {error.strerror}. Make room and run again."
            ) from error


# ---------------------------------------------------------------- a transfer that can be taken up again


class Part:
    """The unfinished file of one transfer, and beside it what is needed to go on with it."""

    def __init__(self, target: Path, request: Request) -> None:
        self._target, self._request = target, request
        self.path = target.with_name(f".{target.name}.part")
        self._notes = target.with_name(f".{target.name}.part.json")
        self.n_bytes = self.path.stat().st_size if self.path.is_file() else 0

    @property
    def _address(self) -> str:
        return hashlib.sha256(self._request.url.encode()).hexdigest()

    def ask_for_rest(self) -> dict[str, str]:
        """Headers that ask for the rest of the same file; none when there is nothing to go on with."""
        noted = _read_json(self._notes)
        if self.n_bytes and noted.get("address") == self._address and noted.get("validator"):
            return {"Range": f"bytes={self.n_bytes}-", "If-Range": noted["validator"]}
        return {}

    def begin(self, response: httpx.Response) -> int | None:
        """Take up where the answer begins; size of the whole file where the server tells it."""
        headers = response.headers
        length = int(headers["Content-Length"]) if headers.get("Content-Length", "").isdigit() else None
        if response.status_code == 206:
            found = re.fullmatch(r"bytes (\d+)-\d+/(\d+)", headers.get("Content-Range", ""))
            if found is None or int(found[1]) != self.n_bytes:
                self.drop()
                raise UnfinishedError(
                    f"the server sends another part than the one asked for ({headers.get('Content-Range')!r})"
                )
            return int(found[2])
        self.drop()
        self._notes.write_text(
            json.dumps({"address": self._address, "validator": _strong_validator(headers)}), encoding="utf-8"
        )
        return length

    def open(self) -> BinaryIO:
        """The file, to go on writing at its end."""
        return self.path.open("ab")

    def add(self, file: BinaryIO, chunk: bytes) -> int:
        """Write; bytes so far."""
        file.write(chunk)
        self.n_bytes += len(chunk)
        return self.n_bytes

    def check(self, n_total: int | None, headers: Mapping[str, str]) -> None:
        """The whole against its length, its checksum and its own form; what fails is not gone on with."""
        try:
            if n_total is not None and self.n_bytes != n_total:
                raise UnfinishedError(f"{self.n_bytes:,} bytes came, {n_total:,} were announced")
            check_digest(self.path, headers)
            check_body(self.path, self._request)
        except (UnfinishedError, InputError):
            self.drop()
            raise

    def finish(self) -> Path:
        """Give the whole its name."""
        self.path.replace(self._target)
        self._notes.unlink(missing_ok=True)
        return self._target

    def drop(self) -> None:
        """Begin anew."""
        self.path.unlink(missing_ok=True)
        self._notes.unlink(missing_ok=True)
        self.n_bytes = 0


def _strong_validator(headers: Mapping[str, str]) -> str:
    """What identifies these very bytes (RFC 9110, 13.1.5): a strong ETag, else the date of the last change."""
    if headers.get("Accept-Ranges", "").lower() == "none":
        return ""
    etag = headers.get("ETag", "")
    return etag if etag and not etag.startswith("W/") else "" if etag else headers.get("Last-Modified", "")


def _ask_for_change(known: Mapping[str, str]) -> dict[str, str]:
    names = {"ETag": "If-None-Match", "Last-Modified": "If-Modified-Since"}
    return {names[name]: known[name] for name in names if known.get(name)}


def _read_json(path: Path) -> dict[str, str]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


# ---------------------------------------------------------------- statuses


def check_status(request: Request, response: httpx.Response) -> None:
    """Raise what a status other than success means: worth another attempt, moved, or refused."""
    status = response.status_code
    if status in (200, 206):
        return
    meaning = request.explain(status, request.quote(_read_some(response), 4096).encode())
    if meaning is not None:
        raise meaning
    reason = _REFUSALS.get(
        status,
        "the publisher's server has a fault of its own" if status >= 500 else "an answer that is no data",
    )
    if status in _WORTH_RETRYING or status >= 500:
        raise UnfinishedError(f"HTTP {status}, {reason}", _retry_after(response.headers))
    kind = SourceMovedError if status in _MOVED else InputError
    raise kind(
        f"{request.shown} of {request.source_id} answers HTTP {status}: {reason}. Then {request.advice}."
    )


def _read_some(response: httpx.Response, most: int = 4096) -> bytes:
    """The beginning of a body that explains an error; an explanation that breaks off is still one."""
    import httpx

    body = b""
    with contextlib.suppress(httpx.TransportError):
        for chunk in response.iter_bytes():
            body += chunk
            if len(body) >= most:
                break
    return body[:most]


def _retry_after(headers: Mapping[str, str]) -> float:
    """Seconds the publisher asks to wait: given as such, or as a date that is held against the server's own clock."""
    asked = headers.get("Retry-After", "")
    if asked.isdigit():
        return float(asked)
    try:
        until, now = (
            email.utils.parsedate_to_datetime(headers.get(name, "")) for name in ("Retry-After", "Date")
        )
        return max((until - now).total_seconds(), 0.0)
    except (TypeError, ValueError):
        return 0.0


def _pieces(response: httpx.Response) -> Iterator[bytes]:
    """Bytes as sent; the client itself holds their number against Content-Length."""
    import httpx

    try:
        yield from response.iter_raw()
    except httpx.RemoteProtocolError as error:
        raise UnfinishedError(f"the file is truncated, the connection ended early ({error})") from error


def _limited(request: Request) -> Request:
    return replace(request, min_bytes=0, max_bytes=min(request.max_bytes, _MOST_TEXT))


def _without_minimum(request: Request) -> Request:
    return replace(request, min_bytes=0)


def _host(url: str) -> str:
    return urlsplit(url).netloc.rpartition("@")[2].lower()


# ---------------------------------------------------------------- secrets


@contextlib.contextmanager
def no_secret_in_logs(request: Request) -> Iterator[None]:
    """While a request is under way, what the client's loggers write is masked."""

    def masked(record: logging.LogRecord) -> bool:
        record.msg, record.args = scrub(record.getMessage(), request.secrets), ()
        return True

    loggers = [logging.getLogger(name) for name in _LOGGERS]
    for logger in loggers:
        logger.addFilter(masked)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeFilter(masked)
