"""What happened to editions after they were published: errata and removals, in a file beside them that only grows.

``OUT/<ISO3>/ledger.ndjson`` has one JSON object a line. Each holds the sha256 of everything before it, so that a
line that somebody changed or took away is noticed. An edition's own folder is never touched by an erratum.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lma.contracts import Erratum
from lma.errors import InputError

LEDGER = "ledger.ndjson"


@dataclass(frozen=True)
class Removal:
    """An edition that retention took away: its SHA256SUMS (file -> sha256) stays, so that a citation can be checked."""

    edition: str
    removed_on: str
    removed_by: str
    as_of: str
    sums_sha256: str
    files: Mapping[str, str]


def read_errata(country_folder: Path) -> list[Erratum]:
    """Errata in the order of their record; a later record of the same fault adds by which edition it was corrected.

    ``InputError`` where the file was changed by hand.
    """
    found: dict[tuple[str, str, str], Erratum] = {}
    for entry in _read_entries(country_folder / LEDGER):
        if entry["kind"] != "erratum":
            continue
        key = (entry["edition"], entry["address"], entry["reason"])
        first = found.get(key)
        found[key] = Erratum(
            edition=entry["edition"],
            address=entry["address"],
            reason=entry["reason"],
            recorded_on=first.recorded_on if first else entry["on"],
            recorded_by=first.recorded_by if first else entry["by"],
            corrected_by=entry["corrected_by"] or (first.corrected_by if first else ""),
        )
    return list(found.values())


def read_removals(country_folder: Path) -> list[Removal]:
    """Editions that were removed, in the order of their removal."""
    return [
        Removal(e["edition"], e["on"], e["by"], e["as_of"], e["sums_sha256"], e["files"])
        for e in _read_entries(country_folder / LEDGER)
        if e["kind"] == "removal"
    ]


def add_erratum(country_folder: Path, erratum: Erratum) -> bool:
    """Append an erratum; False where it says nothing new. The caller holds the folder's lock."""
    if any(
        (known.edition, known.address, known.reason) == (erratum.edition, erratum.address, erratum.reason)
        and erratum.corrected_by in ("", known.corrected_by)
        for known in read_errata(country_folder)
    ):
        return False
    _append(
        country_folder / LEDGER,
        {
            "kind": "erratum",
            "edition": erratum.edition,
            "address": erratum.address,
            "reason": erratum.reason,
            "corrected_by": erratum.corrected_by,
            "on": erratum.recorded_on,
            "by": erratum.recorded_by,
        },
    )
    return True


def add_removal(country_folder: Path, removal: Removal) -> bool:
    """Append a removal; False where it is recorded already (a run that died may have got so far)."""
    if any(known.edition == removal.edition for known in read_removals(country_folder)):
        return False
    _append(
        country_folder / LEDGER,
        {
            "kind": "removal",
            "edition": removal.edition,
            "as_of": removal.as_of,
            "sums_sha256": removal.sums_sha256,
            "files": dict(removal.files),
            "on": removal.removed_on,
            "by": removal.removed_by,
        },
    )
    return True


_KEYS = {
    "erratum": {"edition", "address", "reason", "corrected_by", "on", "by"},
    "removal": {"edition", "as_of", "sums_sha256", "files", "on", "by"},
}


def _read_entries(path: Path) -> list[dict[str, Any]]:
    """Entries of a ledger; none where there is no file."""
    if not path.is_file():
        return []
    entries, before = [], hashlib.sha256()
    for number, line in enumerate(path.read_bytes().splitlines(keepends=True), start=1):
        entry = _read_line(line)
        if entry is None or entry["previous"] != before.hexdigest() or not line.endswith(b"\n"):
            raise InputError(
                f"{path}, line {number}: it is not what was recorded (changed, cut or out of order). The file only grows: "
                "restore it from a copy of the folder."
            )
        before.update(line)
        entries.append(entry)
    return entries


def _read_line(line: bytes) -> dict[str, Any] | None:
    """The entry on a line; None where it is none."""
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    if not isinstance(entry, dict) or entry.get("kind") not in _KEYS:
        return None
    return entry if _KEYS[entry["kind"]] | {"kind", "previous"} == set(entry) else None


def _append(path: Path, entry: dict[str, Any]) -> None:
    before = path.read_bytes() if path.is_file() else b""
    line = {**entry, "previous": hashlib.sha256(before).hexdigest()}
    with path.open("ab") as file:
        file.write((json.dumps(line, ensure_ascii=False) + "\n").encode("utf-8"))
        file.flush()
        os.fsync(file.fileno())
