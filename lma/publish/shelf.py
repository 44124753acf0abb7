"""The editions that lie in an output folder: which there are, whether each is whole, what was said of them, what may go.

Editions are named by month: 2026-11, then 2026-11.2 for other content in the same month, and so on.
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from lma.contracts import Erratum
from lma.errors import InputError
from lma.publish.edition import (
    SUMS,
    TEMPORARY,
    lock_folder,
    refuse_folder,
)
from lma.publish.ledger import Removal, add_erratum, add_removal, read_errata, read_removals


@dataclass(frozen=True)
class Published:
    """One edition on disk. ``faults``: what is wrong with its files; ``errata``: what is wrong with what it says."""

    ref_area: str
    edition: str
    folder: Path
    as_of: str
    languages: tuple[str, ...]
    version: str
    method: str
    n_files: int
    n_bytes: int
    faults: tuple[str, ...]
    errata: tuple[Erratum, ...]
    corrects: tuple[str, ...]

    @property
    def is_whole(self) -> bool:
        """True when every file is as its SHA256SUMS says, and none is missing or added."""
        return not self.faults


def read_name(edition: str) -> tuple[str, int] | None:
    """Month and number of an edition; the first of a month has no number. None for another name."""
    match = re.fullmatch(r"(\d{4}-\d{2})(?:\.([1-9]\d*))?", edition)
    return (match[1], int(match[2] or 1)) if match else None


def list_countries(out_dir: Path) -> list[str]:
    """Countries with an edition in the folder; ``InputError`` where there is no folder."""
    if not out_dir.is_dir():
        what = "is a file, not a folder of editions" if out_dir.exists() else "does not exist"
        raise InputError(
            f"{out_dir} {what}: `lma run` makes editions there, or name another folder with --out."
        )
    return sorted(path.name for path in out_dir.iterdir() if path.is_dir() and _list_folders(path))


def _list_folders(country_folder: Path) -> list[Path]:
    """Folders of editions, the oldest first."""
    named = {path: read_name(path.name) for path in country_folder.glob("*") if path.is_dir()}
    found = {path: name for path, name in named.items() if name is not None}
    return sorted(found, key=lambda path: found[path])


def list_published(out_dir: Path, ref_area: str) -> list[Published]:
    """Editions of one country, the oldest first; ``InputError`` where there is none."""
    country_folder = out_dir / ref_area
    if ref_area not in list_countries(out_dir):
        there = ", ".join(list_countries(out_dir)) or "none"
        raise InputError(f"{country_folder} holds no edition. Countries with editions in {out_dir}: {there}.")
    errata = read_errata(country_folder)
    return [_read_published(folder, ref_area, errata) for folder in _list_folders(country_folder)]


def find_published(out_dir: Path, ref_area: str, edition: str) -> Published:
    """One edition; ``InputError`` names those there are, and tells one that was removed."""
    found = {one.edition: one for one in list_published(out_dir, ref_area)}
    if edition in found:
        return found[edition]
    for gone in read_removals(out_dir / ref_area):
        if gone.edition == edition:
            raise InputError(
                f"{ref_area} {edition} was removed on {gone.removed_on}; the hashes of its files stand in "
                f"{out_dir / ref_area / 'ledger.ndjson'}. Editions there: {', '.join(found)}."
            )
    raise InputError(f"{out_dir / ref_area / edition} is not an edition. Editions there: {', '.join(found)}.")


def _read_published(folder: Path, ref_area: str, errata: Sequence[Erratum]) -> Published:
    record = _read_record(folder / "run.json")
    files = _list_files(folder)
    run = record.get("run", {})
    versions = run.get("versions", {}) if isinstance(run, dict) else {}
    return Published(
        ref_area=ref_area,
        edition=folder.name,
        folder=folder,
        as_of=str(record.get("as_of", "")),
        languages=tuple(record.get("languages", ["en"] if record else [])),
        version=str(versions.get("lma", "")),
        method=str(versions.get("method", "")),
        n_files=len(files),
        n_bytes=sum(path.stat().st_size for path in files.values()),
        faults=tuple(find_faults(folder)),
        errata=tuple(one for one in errata if one.edition == folder.name),
        corrects=tuple(dict.fromkeys(one.edition for one in errata if one.corrected_by == folder.name)),
    )


def _read_record(path: Path) -> dict[str, Any]:
    """Content of run.json; nothing where it cannot be read (the faults of the edition say so)."""
    try:
        record = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}


def _list_files(folder: Path) -> dict[str, Path]:
    return {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()}


def read_sums(folder: Path) -> dict[str, str]:
    """File -> sha256 as SHA256SUMS says; empty where there is no such file."""
    try:
        text = (folder / SUMS).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return {}
    pairs = (line.partition("  ") for line in text.splitlines())
    return {name: digest for digest, _, name in pairs if name}


def find_faults(folder: Path) -> Iterator[str]:
    """What distinguishes an edition's files from its SHA256SUMS, in words; the disk is read."""
    sums = read_sums(folder)
    if not sums:
        yield f"{SUMS} is missing or empty"
        return
    files = {name: path for name, path in _list_files(folder).items() if name != SUMS}
    for name in sorted(sums.keys() | files.keys()):
        if name not in files:
            yield f"{name} is missing"
        elif name not in sums:
            yield f"{name} was added"
        elif _hash_file(files[name]) != sums[name]:
            yield f"{name} was changed"


def _hash_file(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


# ---------------------------------------------------------------- errata


def record_erratum(out_dir: Path, ref_area: str, erratum: Erratum) -> bool:
    """Record that an edition says something wrong; False where that is recorded. ``OutputError`` where it cannot be written."""
    country_folder = out_dir / ref_area
    find_published(out_dir, ref_area, erratum.edition)
    try:
        with lock_folder(country_folder):
            return add_erratum(country_folder, erratum)
    except OSError as error:
        raise refuse_folder(country_folder, error) from error


# ---------------------------------------------------------------- retention


@dataclass(frozen=True)
class Verdict:
    """One edition and whether retention would take it away, with the reason."""

    published: Published
    is_kept: bool
    reason: str


def plan_retention(editions: Sequence[Published], keep: int) -> list[Verdict]:
    """What may go: of each month the editions between its first and its last.

    Kept in any case: the newest ``keep``, those an erratum names as wrong or as correcting, and damaged ones,
    which a person has to look at first. ``editions``: of one country, the oldest first.
    """
    newest = {one.edition for one in editions[-max(keep, 1) :]}
    ends: dict[str, str] = {}
    for _, group in groupby(editions, key=lambda one: one.edition[:7]):
        of_month = list(group)
        ends[of_month[-1].edition] = "last of its month"
        ends[of_month[0].edition] = "first of its month"
    return [_judge(one, newest, ends) for one in editions]


def _judge(one: Published, newest: set[str], ends: dict[str, str]) -> Verdict:
    reasons = [
        (one.edition in newest, "among the newest"),
        (bool(one.errata), "an erratum names it"),
        (bool(one.corrects), f"corrects {', '.join(one.corrects)}"),
        (not one.is_whole, "damaged: look at it first"),
        (one.edition in ends, ends.get(one.edition, "")),
    ]
    said = [words for holds, words in reasons if holds]
    return Verdict(one, bool(said), "; ".join(said) or "neither first nor last of its month")


def remove_editions(
    out_dir: Path, ref_area: str, keep: int, removed_on: str, removed_by: str
) -> list[Published]:
    """Take away what the plan does not keep, each edition after its hashes are in the ledger; those taken away.

    The plan is made again under the folder's lock, so that an erratum or an edition of this moment counts.
    ``OutputError`` where the folder cannot be written.
    """
    country_folder = out_dir / ref_area
    try:
        with lock_folder(country_folder):
            plan = plan_retention(list_published(out_dir, ref_area), keep)
            gone = [verdict.published for verdict in plan if not verdict.is_kept]
            for one in gone:
                _remove(one, country_folder, removed_on, removed_by)
            return gone
    except OSError as error:
        raise refuse_folder(country_folder, error) from error


def _remove(one: Published, country_folder: Path, removed_on: str, removed_by: str) -> None:
    sums = _hash_file(one.folder / SUMS)
    add_removal(
        country_folder,
        Removal(one.edition, removed_on, removed_by, one.as_of, sums, read_sums(one.folder)),
    )
    # Renamed first: what a run that dies here leaves behind is no edition any more.
    hidden = country_folder / f"{TEMPORARY}{secrets.token_hex(6)}"
    one.folder.rename(hidden)
    shutil.rmtree(hidden)
