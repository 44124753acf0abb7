"""Whether what a publisher sent is data and is whole. Files are read in pieces: they may be larger than memory."""

from __future__ import annotations

import base64
import binascii
import gzip
import hashlib
import re
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path

from lma.errors import InputError
from lma.fetch.asking import Request, UnfinishedError

_CHUNK = 1 << 20
_GZIP, _ZIP = b"\x1f\x8b", b"PK"
_MOST_TIMES = 200  # tables of text shrink to a tenth or a fiftieth; what shrinks more is made to harm
_DIGESTS = {"sha-256": "sha256", "sha-512": "sha512"}


def check_body(path: Path, request: Request) -> None:
    """Refuse what is no data: an empty answer, a web page, a broken gzip or zip file, a file out of proportion.

    ``UnfinishedError`` where another attempt may help, else ``InputError``.
    """
    beginning = _read_beginning(path)
    if not beginning.strip() and path.stat().st_size <= len(beginning):
        raise UnfinishedError("the answer is empty")
    if beginning.startswith(_GZIP):
        check_gzip(path)
        beginning = _unpack_beginning(path)
    elif beginning.startswith(_ZIP):
        check_zip(path)
    if is_page(beginning):
        raise InputError(
            f"{request.shown} of {request.source_id} answers with a web page instead of data (it begins with "
            f"{request.quote(beginning, 40)!r}): source moved, or the publisher asks for consent or a login. "
            f"Look at the address in a browser, then {request.advice}."
        )
    check_size(path.stat().st_size, request)


def check_size(n_bytes: int, request: Request) -> None:
    """Refuse a file that is larger than allowed, or much smaller than the last one; before and after the transfer."""
    if n_bytes > request.max_bytes:
        raise InputError(
            f"{request.shown} of {request.source_id} sends more than {request.max_bytes:,} bytes: ask for fewer countries or "
            "years, or raise download.max_bytes."
        )
    if n_bytes < request.min_bytes:
        raise InputError(
            f"{request.shown} of {request.source_id} sends {n_bytes:,} bytes, at least {request.min_bytes:,.0f} are expected after "
            "the last file: probably cut by the publisher. If the small file is right, lower download.min_share_of_last; "
            "the last landed vintage stays in use."
        )


def is_page(beginning: bytes) -> bool:
    """Whether these first bytes are those of a web page."""
    start = beginning.removeprefix(b"\xef\xbb\xbf").lstrip()[:512].lower()
    return start.startswith(b"<") and (b"<html" in start or start.startswith(b"<!doctype html"))


def _read_beginning(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(4096)


def _unpack_beginning(path: Path) -> bytes:
    with gzip.open(path) as file:
        return file.read(4096)


def check_gzip(path: Path) -> None:
    """Read through to the end, because only the end says whether the file is whole."""
    most = path.stat().st_size * _MOST_TIMES + _CHUNK
    try:
        with gzip.open(path) as file:
            while file.read(_CHUNK):
                _check_expansion(path, file.tell(), most)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise UnfinishedError(f"the gzip file is truncated or broken ({error})") from error


def _check_expansion(path: Path, n_bytes: int, most: int) -> None:
    if n_bytes > most:
        raise InputError(
            f"the file of {path.stat().st_size:,} bytes unpacks to more than {_MOST_TIMES} times that: it looks like a zip bomb "
            "and was not read. Look at the address in a browser."
        )


def check_zip(path: Path) -> None:
    """Every member is read through and held against its checksum."""
    try:
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(member.file_size for member in archive.infolist())
            _check_expansion(path, unpacked, path.stat().st_size * _MOST_TIMES + _CHUNK)
            broken = archive.testzip()
    except (zipfile.BadZipFile, EOFError, zlib.error, NotImplementedError, RuntimeError) as error:
        raise UnfinishedError(f"the zip file is truncated or broken ({error})") from error
    if broken:
        raise UnfinishedError(f"the zip file is broken: {broken} does not match its checksum")


# ---------------------------------------------------------------- checksums that the publisher sends along


def check_digest(path: Path, headers: Mapping[str, str]) -> None:
    """Hold a file against Repr-Digest, Digest or Content-MD5 where the server sends one (RFC 9530, RFC 3230, RFC 1864)."""
    for algorithm, expected in list_digests(headers):
        with path.open("rb") as file:
            found = hashlib.file_digest(file, algorithm).digest()
        if found != expected:
            raise UnfinishedError(f"the file does not match the {algorithm} that the publisher sends with it")


def list_digests(headers: Mapping[str, str]) -> list[tuple[str, bytes]]:
    """Algorithm and value of every checksum of the whole file that the headers hold and that we can compute."""
    named = re.findall(
        r"(sha-\d+)=:?([A-Za-z0-9+/]+=*):?",
        f"{headers.get('Repr-Digest', '')},{headers.get('Digest', '')}",
        re.I,
    )
    found = [(_DIGESTS[name.lower()], value) for name, value in named if name.lower() in _DIGESTS]
    if "Content-MD5" in headers and "Content-Range" not in headers:
        found.append(("md5", headers["Content-MD5"]))
    return [(algorithm, _decode(value)) for algorithm, value in found]


def _decode(value: str) -> bytes:
    try:
        return base64.b64decode(value, validate=True)
    except binascii.Error:
        return b""
