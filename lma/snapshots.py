"""Landing: a URL or a file becomes bytes in the raw store, named by their sha256.

The raw store is the truth from which the warehouse can be rebuilt: ``<raw store>/<sha256>`` holds the
publisher's bytes unchanged, ``<sha256>.<source_id>.json`` beside it says what they are. Both are written
under another name and renamed, so that a killed process never leaves half a file under a good name.
"""

from __future__ import annotations

import datetime as dt
import gzip
import hashlib
import io
import json
import os
import random
import re
import shutil
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from lma.contracts import Download
from lma.errors import InputError, OutputError

if TYPE_CHECKING:
    import httpx

_CHUNK = 1 << 20


# ---------------------------------------------------------------- the raw store


@dataclass(frozen=True)
class Landed:
    """One landed file of one source; ``is_new`` says whether ``land`` has just added it."""

    source_id: str
    as_of: dt.date
    snapshot_sha: str
    file_name: str
    url: str
    retrieved_at: dt.datetime
    n_bytes: int
    is_new: bool = field(default=False, compare=False)


def raw_store_of(warehouse: Path) -> Path:
    """Where the landed files of a warehouse stand: ``raw`` beside the database."""
    return warehouse.parent / "raw"


def land(
    content: bytes | Path,
    source_id: str,
    file_name: str,
    url: str,
    as_of: dt.date,
    raw_store: Path,
    retrieved_at: dt.datetime | None = None,
) -> Landed:
    """Put bytes, or a file, into the raw store and describe them.

    The same bytes for the same source add nothing and keep their first description. ``retrieved_at`` (UTC)
    is now unless given. ``InputError`` for a missing or empty file or an unsafe name, ``OutputError`` when
    the store cannot be written.
    """
    sha, n_bytes = _fingerprint(content)
    if not n_bytes:
        raise InputError(f"{file_name} of {source_id} is empty: download it again from {url}.")
    sidecar = sidecar_path(raw_store, sha, source_id)
    is_new = not sidecar.is_file()
    try:
        if not (raw_store / sha).is_file():
            _write_whole(raw_store / sha, content)
        if is_new:
            moment = (retrieved_at or dt.datetime.now(dt.UTC)).replace(tzinfo=None)
            landed = Landed(source_id, as_of, sha, Path(file_name).name, url, moment, n_bytes)
            _write_whole(sidecar, _describe(landed))
    except OSError as error:
        raise OutputError(f"{raw_store} cannot take {file_name}: {error}. Check space and rights.") from error
    return replace(_read_sidecar(sidecar), is_new=is_new)


def discard(landed: Landed, raw_store: Path) -> None:
    """Take a refused file out of the raw store; bytes that another source also landed stay."""
    sidecar_path(raw_store, landed.snapshot_sha, landed.source_id).unlink(missing_ok=True)
    if not list(raw_store.glob(f"{landed.snapshot_sha}.*.json")):
        (raw_store / landed.snapshot_sha).unlink(missing_ok=True)


def sidecar_path(raw_store: Path, snapshot_sha: str, source_id: str) -> Path:
    """Where the description of a landed file stands; without it the file is not loaded again."""
    return raw_store / f"{snapshot_sha}.{_checked_id(source_id)}.json"


def _checked_id(source_id: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9_]+", source_id):
        raise InputError(f"{source_id!r} cannot be a source_id: use lower case letters, digits and _.")
    return source_id


def _read_file(path: Path) -> bytes:
    with _open_file(path) as file:
        return file.read()


def _fingerprint(content: bytes | Path) -> tuple[str, int]:
    """sha256 and size; a file is read in pieces, because it may be larger than memory."""
    if isinstance(content, bytes):
        return hashlib.sha256(content).hexdigest(), len(content)
    with _open_file(content) as file:
        return hashlib.file_digest(file, "sha256").hexdigest(), file.tell()


def _open_file(path: Path) -> BinaryIO:
    if not path.is_file():
        raise InputError(f"{path} does not exist or is not a file: check the name.")
    try:
        return path.open("rb")
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}. Check its rights.") from error


def _write_whole(path: Path, data: bytes | Path) -> None:
    """Write under another name, make it durable, then rename."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        with unfinished.open("wb") as file:
            if isinstance(data, bytes):
                file.write(data)
            else:
                with _open_file(data) as published:
                    shutil.copyfileobj(published, file, _CHUNK)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def _describe(landed: Landed) -> bytes:
    described = {name: value for name, value in vars(landed).items() if name != "is_new"}
    return json.dumps(described, indent=1, sort_keys=True, default=str, ensure_ascii=False).encode()


def _read_sidecar(path: Path) -> Landed:
    try:
        described = json.loads(path.read_text(encoding="utf-8"))
        as_of = dt.date.fromisoformat(described.pop("as_of"))
        retrieved_at = dt.datetime.fromisoformat(described.pop("retrieved_at"))
        return Landed(as_of=as_of, retrieved_at=retrieved_at, **described)
    except (ValueError, TypeError, KeyError) as error:
        raise InputError(f"{path} is damaged ({error}): remove it and ingest the file again.") from error


def list_landed(raw_store: Path) -> list[Landed]:
    """Every landed file by source, vintage, time of landing and sha256: the one order in which to load.

    The time of landing goes before the hash: of two files with the same figure of one vintage the first
    landed counts, so loading again from nothing must meet them in the order in which they came.
    """
    landed = [_read_sidecar(path) for path in raw_store.glob("*.json")]
    return sorted(landed, key=lambda file: (file.source_id, file.as_of, file.retrieved_at, file.snapshot_sha))


def read_landed(raw_store: Path, snapshot_sha: str) -> bytes:
    """The bytes of a landed file; ``InputError`` when they are gone or no longer what was landed."""
    path = raw_store / snapshot_sha
    if not path.is_file():
        raise InputError(
            f"{path} is missing from the raw store: restore it from a backup, or ingest its file again."
        )
    data = _read_file(path)
    found = hashlib.sha256(data).hexdigest()
    if found != snapshot_sha:
        raise _damaged(path, snapshot_sha, found)
    return data


def _damaged(path: Path, snapshot_sha: str, found: str) -> InputError:
    return InputError(
        f"{path} is damaged: its content has sha256 {found[:12]}..., not {snapshot_sha[:12]}.... "
        "Remove it and ingest the publisher's file again, or restore it from a backup."
    )


def read_beginning(path: Path, n_bytes: int) -> bytes:
    """The first bytes of a landed file, unpacked where it is gzipped."""
    with _open_file(path) as file:
        packed = file.read(2) == b"\x1f\x8b"
        file.seek(0)
        try:
            return gzip.GzipFile(fileobj=file).read(n_bytes) if packed else file.read(n_bytes)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise InputError(f"the gzip file is truncated or broken ({error}): download it again.") from error


def check_landed(raw_store: Path, snapshot_sha: str) -> None:
    """Read a landed file through, in pieces: it is what was landed and, where it is gzipped, whole.

    Only the end of a gzip file says whether it is whole, and not every reader looks there.
    """
    path = raw_store / snapshot_sha
    if (found := _fingerprint(path)[0]) != snapshot_sha:
        raise _damaged(path, snapshot_sha, found)
    with _open_file(path) as file:
        if file.read(2) != b"\x1f\x8b":
            return
        file.seek(0)
        unpacked = gzip.GzipFile(fileobj=file)
        try:
            while unpacked.read(_CHUNK):
                pass
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise InputError(f"the gzip file is truncated or broken ({error}): download it again.") from error


def find_files(folder: Path) -> list[Path]:
    """All files of a folder and its subfolders by path; hidden and unfinished ones are left out."""
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder: check the name.")
    found = (path for path in folder.rglob("*") if path.is_file())
    return sorted(path for path in found if not path.name.startswith(".") and path.suffix != ".tmp")


# ---------------------------------------------------------------- the network


@dataclass(frozen=True)
class Downloaded:
    """A file got from its publisher; ``is_new`` is False when the publisher says it has not changed."""

    path: Path
    is_new: bool


@dataclass(frozen=True)
class Politeness:
    """How hard to try. ``wait`` sleeps; the jitter keeps many ministries from calling in the same second."""

    attempts: int = 4
    first_wait_seconds: float = 2.0
    timeout_seconds: float = 60.0
    max_bytes: int = 2 << 30
    min_share_of_last: float = 0.5
    wait: Callable[[float], None] = time.sleep
    seed: int = 0


_REFUSALS = {
    401: "the publisher asks for a login. Download the file by hand",
    403: "the publisher refuses this program. Set download.user_agent in the source's YAML",
    404: "source moved, there is nothing here any more. Find the new address on the publisher's page",
    410: "source moved, the publisher has withdrawn this address. Find the new one on the publisher's page",
    413: "the publisher finds the request too large. Ask for fewer countries or years in the address",
    429: "the publisher asks to call less often. Try again in an hour",
}
_WORTH_RETRYING = {408, 425, 429, 500, 502, 503, 504}


class _UnfinishedError(Exception):
    """A failure that may pass; the text says what."""

    def __init__(self, reason: str, wait_seconds: float = 0.0) -> None:
        super().__init__(reason)
        self.wait_seconds = wait_seconds


def download(
    wanted: Download,
    destination: Path,
    client: httpx.Client | None = None,
    politeness: Politeness | None = None,
) -> Downloaded:
    """Get a publisher's file into the folder ``destination``, unless it has not changed since the last time.

    A page instead of data, a truncated or broken body, a file out of proportion with the last one, and
    every refusal of the server is an ``InputError`` that says what to do; the last file stays as it was.
    """
    import httpx

    politeness = politeness or Politeness()
    target = destination / Path(wanted.file_name).name
    own = None if client else httpx.Client(timeout=politeness.timeout_seconds)
    jitter = random.Random(f"{politeness.seed}:{wanted.url}")
    try:
        for attempt in range(1, politeness.attempts + 1):
            try:
                return _get_once(wanted, target, client or own, politeness)
            except (httpx.UnsupportedProtocol, httpx.InvalidURL, httpx.TooManyRedirects) as error:
                raise InputError(
                    f"{wanted.url} is no usable address ({error}): correct download.url."
                ) from error
            except (_UnfinishedError, httpx.TransportError) as error:
                if attempt == politeness.attempts:
                    raise _give_up(wanted, attempt, error) from error
                pause = politeness.first_wait_seconds * 2 ** (attempt - 1) * (0.5 + jitter.random())
                politeness.wait(max(pause, getattr(error, "wait_seconds", 0.0)))
    finally:
        if own:
            own.close()
    raise AssertionError("a download ends with a file or an error")


def _give_up(download: Download, attempts: int, error: Exception) -> InputError:
    reason = str(error) or type(error).__name__
    return InputError(
        f"{download.url} could not be downloaded in {attempts} attempts: {reason}. Try again later, or "
        f"download {download.file_name} by hand and give it to `lma ingest`; the last good file is kept."
    )


def _get_once(download: Download, target: Path, client: Any, politeness: Politeness) -> Downloaded:
    headers = _request_headers(download, target)
    with client.stream("GET", download.url, headers=headers, follow_redirects=True) as response:
        if response.status_code == 304:
            return Downloaded(target, is_new=False)
        _check_status(download, response)
        body = _read_body(download, response, politeness.max_bytes)
    _check_body(download, body, target, politeness)
    _write_whole(target, body)
    _write_whole(_validators_path(target), json.dumps(_validators(download, response)).encode())
    return Downloaded(target, is_new=True)


def _request_headers(download: Download, target: Path) -> dict[str, str]:
    """Bytes are asked for as they are, so that what is landed is what the publisher holds."""
    headers = {"Accept-Encoding": "identity"}
    if download.user_agent:
        headers["User-Agent"] = download.user_agent
    if target.is_file() and _validators_path(target).is_file():
        known = json.loads(_validators_path(target).read_text(encoding="utf-8"))
        if known.get("url") == download.url:
            names = {"ETag": "If-None-Match", "Last-Modified": "If-Modified-Since"}
            headers |= {names[name]: known[name] for name in names if name in known}
    return headers


def _validators_path(target: Path) -> Path:
    return target.with_name(f".{target.name}.http.json")


def _validators(download: Download, response: Any) -> dict[str, str]:
    known = {name: response.headers[name] for name in ("ETag", "Last-Modified") if name in response.headers}
    return {"url": download.url, **known}


def _check_status(download: Download, response: Any) -> None:
    status = response.status_code
    if status in _WORTH_RETRYING or status >= 500:
        reason = _REFUSALS.get(status, "the publisher's server has a fault of its own")
        raise _UnfinishedError(f"HTTP {status}, {reason}", _retry_after(response.headers))
    if status != 200:
        reason = _REFUSALS.get(status, "an answer that is no data. Look at the address in a browser")
        raise InputError(
            f"{download.url} answers HTTP {status}: {reason}, then correct download.url in "
            f"data_contracts/sources or give {download.file_name} to `lma ingest`."
        )


def _retry_after(headers: Mapping[str, str]) -> float:
    """Seconds the publisher asks to wait, at most a minute: an unattended run must end."""
    asked = headers.get("Retry-After", "")
    return min(float(asked), 60.0) if asked.isdigit() else 0.0


def _read_body(download: Download, response: Any, max_bytes: int) -> bytes:
    body = bytearray()
    for chunk in _chunks(response):
        body += chunk
        if len(body) > max_bytes:
            raise InputError(
                f"{download.url} sends more than {max_bytes:,} bytes: ask for fewer countries or years."
            )
    return bytes(body)


def _chunks(response: Any) -> Iterator[bytes]:
    """Bytes as sent; the client itself holds their number against Content-Length."""
    import httpx

    try:
        yield from response.iter_raw(_CHUNK)
    except httpx.RemoteProtocolError as error:
        raise _UnfinishedError(f"the file is truncated, the connection ended early ({error})") from error


def _check_body(download: Download, body: bytes, target: Path, politeness: Politeness) -> None:
    """Refuse what is no data. Nothing of the last good file has been touched yet."""
    if not body.strip():
        raise _UnfinishedError("the answer is empty")
    if _is_page(body):
        raise InputError(
            f"{download.url} answers with a web page instead of data (it begins with {_beginning(body)!r}): "
            "source moved, or the publisher asks for consent or a login. Look at the address in a browser."
        )
    if body[:2] == b"\x1f\x8b":
        _check_gzip(body)
    last = target.stat().st_size if target.is_file() else 0
    if len(body) < last * politeness.min_share_of_last:
        raise InputError(
            f"{download.url} sends {len(body):,} bytes, the last file had {last:,}: probably cut by the "
            f"publisher. Compare it with {target}; if the small file is right, remove that one and run again."
        )


def _is_page(body: bytes) -> bool:
    beginning = body.removeprefix(b"\xef\xbb\xbf").lstrip()[:512].lower()
    return beginning.startswith(b"<") and (b"<html" in beginning or beginning.startswith(b"<!doctype html"))


def _beginning(body: bytes) -> str:
    return body.lstrip()[:40].decode("utf-8", "replace")


def _check_gzip(body: bytes) -> None:
    """Read through to the end, because only the end says whether the file is whole."""
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(body)) as file:
            while file.read(_CHUNK):
                pass
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise _UnfinishedError(f"the gzip file is truncated or broken ({error})") from error
