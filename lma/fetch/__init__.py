"""Fetching publishers' files: each asked in its own protocol, politely, and only for what has changed.

``fetch`` puts a new file into a folder of incoming files and says which vintage it is; whoever calls it lands the
file and then calls ``remember``, so that a run that dies in between fetches again instead of losing it.
"""

from __future__ import annotations

import contextlib
import csv
import datetime as dt
import gzip
import hashlib
import json
import os
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lma.contracts import Download, LastUpdate
from lma.errors import DefinitionError, InputError, LmaError, OutputError
from lma.fetch.asking import mask, scrub
from lma.fetch.line import Line, Politeness
from lma.fetch.protocols import PROTOCOLS, Job, with_query
from lma.fetch.updates import date_of_document, date_of_header

__all__ = ["Fetched", "Line", "Politeness", "drop_stale_parts", "fetch", "mask", "remember"]

# What an unforeseen answer makes its reader raise. A fault of this machine's disk is none of these.
_STUMBLES = (
    ValueError, LookupError, TypeError, AttributeError, ArithmeticError, EOFError, csv.Error, zlib.error, gzip.BadGzipFile,
)  # fmt: skip


@dataclass(frozen=True)
class Fetched:
    """What became of one request: ``path`` is None when the publisher has nothing new.

    ``vintage`` is the publisher's date of the last update, or the day of retrieval where its protocol tells none.
    """

    file_name: str
    path: Path | None
    vintage: dt.date
    says_vintage: bool
    url: str
    n_bytes: int
    memory: dict[str, str] = field(repr=False)


def fetch(
    wanted: Download, source_id: str, folder: Path, line: Line, is_held: Callable[[str], bool], today: dt.date
) -> Fetched:
    """Get one file into ``folder`` unless it is already held.

    ``is_held`` tells whether a file of this sha256 is landed for the source. Every failure is an ``LmaError`` that
    says what to do: ``SourceMovedError`` where the address is gone, ``DefinitionError`` where the YAML asks for
    something the publisher does not have, ``OutputError`` where this machine cannot take the file, else
    ``InputError``. No message carries the value of a secret.
    """
    secrets = read_secrets(wanted, source_id)
    try:
        return _fetch(wanted, source_id, folder, line, is_held, today, secrets)
    except (LmaError, OSError, *_STUMBLES) as error:
        with contextlib.suppress(OSError):
            (folder / wanted.file_name).unlink(missing_ok=True)
        told = _tell(error, wanted, source_id, folder)
        raise type(told)(scrub(str(told), secrets)) from None


def _tell(error: Exception, wanted: Download, source_id: str, folder: Path) -> LmaError:
    """The error as a person is told: a publisher's odd answer, or a disk of ours that cannot take the file."""
    if isinstance(error, LmaError):
        return error
    if isinstance(error, _STUMBLES):
        return InputError(
            f"{_shown(wanted)} of {source_id} is answered with something that cannot be read ({type(error).__name__}: "
            f"{str(error)[:200]}): a page of a login or a proxy stands in its place, or the publisher has changed its service. "
            f"Look at the address in a browser, then correct download in sources/{source_id}.yaml, or download "
            f"{wanted.file_name} by hand and give it to `lma ingest`; the last landed vintage stays in use."
        )
    return _cannot_take(error, folder, wanted.file_name)


def _cannot_take(error: Exception, folder: Path, file_name: str) -> OutputError:
    place = getattr(error, "filename", None) or folder
    reason = getattr(error, "strerror", None) or error
    return OutputError(f"{place} cannot take {file_name}: {reason}. Check space and rights, then run again.")


def read_secrets(wanted: Download, source_id: str) -> dict[str, str]:
    """Values of the declared secrets from the environment; ``DefinitionError`` names a variable that is not set."""
    lacking = sorted(name for name in wanted.secret.values() if not os.environ.get(name))
    if lacking:
        raise DefinitionError(
            f"sources/{source_id}.yaml needs the environment variable {', '.join(lacking)}: set it, or use --offline."
        )
    return {parameter: os.environ[name] for parameter, name in wanted.secret.items()}


def _fetch(
    wanted: Download,
    source_id: str,
    folder: Path,
    line: Line,
    is_held: Callable[[str], bool],
    today: dt.date,
    secrets: Mapping[str, str],
) -> Fetched:
    memory = read_memory(folder, wanted)
    known = memory if is_held(memory.get("sha256", "")) else {}
    least = wanted.min_share_of_last * float(memory.get("n_bytes", 0))
    job = Job(wanted, source_id, line, folder / wanted.file_name, secrets, known, least)
    updated = read_last_update(job, today) if wanted.last_update else None
    if updated and known.get("last_update") == updated.isoformat():
        return _unchanged(wanted, known)
    saved = PROTOCOLS[wanted.protocol](job)
    if saved.path is None:
        return _unchanged(wanted, known)
    if wanted.last_update and wanted.last_update.reads == "header":
        updated = date_of_header(saved.headers, wanted.last_update.name)
    new = _remembered(wanted, saved.path, saved.headers, updated)
    fetched = Fetched(
        wanted.file_name,
        saved.path,
        updated or today,
        updated is not None,
        _shown(wanted),
        int(new["n_bytes"]),
        new,
    )
    return _unchanged(wanted, _write_memory(folder, wanted, new)) if is_held(new["sha256"]) else fetched


def read_last_update(job: Job, today: dt.date) -> dt.date | None:
    """The publisher's date of the last update where it has to be asked for; one in the future is refused."""
    last_update: LastUpdate | None = job.download.last_update
    if last_update is None or last_update.reads == "header":
        return None
    request = job.request(last_update.url or job.download.url, min_bytes=0)
    updated = date_of_document(job.line.look_up(request).body, last_update, request)
    if updated > today + dt.timedelta(days=1):
        raise InputError(
            f"{request.shown} of {job.source_id} dates the last update {updated}, which is not yet: "
            "check download.last_update.date_formats and the clock."
        )
    return updated


def drop_stale_parts(incoming: Path, now: dt.datetime, most_days: int = 60) -> int:
    """Remove unfinished transfers that nobody has gone on with for so many days, of all sources; their number."""
    oldest = (now - dt.timedelta(days=most_days)).replace(tzinfo=dt.UTC).timestamp()
    parts = [*incoming.glob("*/.*.part"), *incoming.glob("*/.*.part.json")]
    stale = [part for part in parts if part.stat().st_mtime < oldest]
    for part in stale:
        part.unlink(missing_ok=True)
    return len(stale)


# ---------------------------------------------------------------- what is remembered of the last file


def remember(fetched: Fetched) -> None:
    """Note, once a file is landed, what tells next time that it has not changed; its copy is no longer needed."""
    if fetched.path is None:
        return
    folder = fetched.path.parent
    try:
        _memory_path(folder, fetched.file_name).write_text(json.dumps(fetched.memory), encoding="utf-8")
        fetched.path.unlink(missing_ok=True)
    except OSError as error:
        raise _cannot_take(error, folder, fetched.file_name) from error


def read_memory(folder: Path, wanted: Download) -> dict[str, str]:
    """What was noted of the last file of the same address and question; empty where there is nothing."""
    try:
        noted = json.loads(_memory_path(folder, wanted.file_name).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return noted if isinstance(noted, dict) and noted.get("asked") == _asked(wanted) else {}


def _memory_path(folder: Path, file_name: str) -> Path:
    return folder / f".{file_name}.last.json"


def _asked(wanted: Download) -> str:
    """Identity of a question, without showing it: another question has another last file."""
    asked = wanted.model_dump_json(include={"protocol", "url", "query", "flow", "key"})
    return hashlib.sha256(asked.encode()).hexdigest()


def _remembered(
    wanted: Download, path: Path, headers: Mapping[str, str], updated: dt.date | None
) -> dict[str, str]:
    with path.open("rb") as file:
        sha = hashlib.file_digest(file, "sha256").hexdigest()
    noted = {name: headers[name] for name in ("ETag", "Last-Modified") if name in headers}
    noted |= {"asked": _asked(wanted), "sha256": sha, "n_bytes": str(path.stat().st_size)}
    return noted | ({"last_update": updated.isoformat()} if updated else {})


def _write_memory(folder: Path, wanted: Download, memory: dict[str, str]) -> dict[str, str]:
    """Note a file whose bytes are held already, and drop the copy."""
    _memory_path(folder, wanted.file_name).write_text(json.dumps(memory), encoding="utf-8")
    (folder / wanted.file_name).unlink(missing_ok=True)
    return memory


def _shown(wanted: Download) -> str:
    """The address that was asked, with its question and without its secrets."""
    return mask(with_query(wanted.url + (f"/data/{wanted.flow}" if wanted.flow else ""), wanted.query))


def _unchanged(wanted: Download, memory: Mapping[str, str]) -> Fetched:
    updated = memory.get("last_update")
    vintage = dt.date.fromisoformat(updated) if updated else dt.date.min
    return Fetched(
        wanted.file_name,
        None,
        vintage,
        bool(updated),
        _shown(wanted),
        int(memory.get("n_bytes", 0)),
        dict(memory),
    )
