"""Landing: a file becomes bytes in the raw store, named by their sha256.

The raw store is the truth from which the warehouse can be rebuilt: ``<raw store>/<sha256>`` holds the
publisher's bytes unchanged, ``<sha256>.<source_id>.json`` beside it says what they are. Both are written
under another name and renamed, so that a killed process never leaves half a file under a good name.
"""

from __future__ import annotations

import datetime as dt
import gzip
import hashlib
import json
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from io import BufferedReader
from pathlib import Path

from lma.errors import InputError, OutputError
from lma.whole_file import write_whole

_CHUNK = 1 << 20


# ---------------------------------------------------------------- the raw store


@dataclass(frozen=True)
class Landed:
    """One landed file of one source; ``is_new`` says whether ``land`` has just added it.

    ``is_unproven``: it was fetched and has never been loaded, so nobody knows yet whether it is what it should be.
    """

    source_id: str
    as_of: dt.date
    snapshot_sha: str
    file_name: str
    url: str
    retrieved_at: dt.datetime
    n_bytes: int
    is_unproven: bool = False
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
    *,
    is_unproven: bool = False,
) -> Landed:
    """Put bytes, or a file, into the raw store and describe them.

    The same bytes for the same source add nothing and keep their first description. ``retrieved_at`` (UTC)
    is now unless given; ``is_unproven`` notes that they were fetched. ``InputError`` for a missing or empty
    file or an unsafe name, ``OutputError`` when the store cannot be written.
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
            landed = Landed(source_id, as_of, sha, Path(file_name).name, url, moment, n_bytes, is_unproven)
            _write_whole(sidecar, _describe(landed))
    except OSError as error:
        raise OutputError(f"{raw_store} cannot take {file_name}: {error}. Check space and rights.") from error
    return replace(_read_sidecar(sidecar), is_new=is_new)


def prove(landed: Landed, raw_store: Path) -> None:
    """Note that a fetched file was loaded; ``OutputError`` when the store cannot be written."""
    sidecar = sidecar_path(raw_store, landed.snapshot_sha, landed.source_id)
    try:
        _write_whole(sidecar, _describe(replace(landed, is_unproven=False)))
    except OSError as error:
        raise OutputError(
            f"{sidecar} cannot be written: {error.strerror}. Check space and rights."
        ) from error


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


def _open_file(path: Path) -> BufferedReader:
    if not path.is_file():
        raise InputError(f"{path} does not exist or is not a file: check the name.")
    try:
        return path.open("rb")
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}. Check its rights.") from error


def _write_whole(path: Path, data: bytes | Path) -> None:
    if isinstance(data, bytes):
        return write_whole(path, data)
    with _open_file(data) as published:
        return write_whole(path, published)


def _describe(landed: Landed) -> bytes:
    left_out = {"is_new"} if landed.is_unproven else {"is_new", "is_unproven"}
    described = {name: value for name, value in vars(landed).items() if name not in left_out}
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


def read_pieces(path: Path) -> Iterator[bytes]:
    """The text of a landed file in pieces of 1 MB, unpacked where it is gzipped."""
    with _open_file(path) as file:
        packed = file.read(2) == b"\x1f\x8b"
        file.seek(0)
        text = gzip.GzipFile(fileobj=file) if packed else file
        try:
            while piece := text.read(_CHUNK):
                yield piece
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise InputError(f"the gzip file is truncated or broken ({error}): download it again.") from error


def read_landed_pieces(raw_store: Path, snapshot_sha: str) -> Iterator[bytes]:
    """The text of a landed file in pieces; it is what was landed and, where it is gzipped, whole to its end.

    Only the end of a gzip file says whether it is whole, and not every reader looks there.
    """
    path = raw_store / snapshot_sha
    if (found := _fingerprint(path)[0]) != snapshot_sha:
        raise _damaged(path, snapshot_sha, found)
    yield from read_pieces(path)


def find_files(folder: Path) -> list[Path]:
    """All files of a folder and its subfolders by path; hidden and unfinished ones are left out."""
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder: check the name.")
    found = (path for path in folder.rglob("*") if path.is_file())
    return sorted(path for path in found if not path.name.startswith(".") and path.suffix != ".tmp")
