"""Vintages withdrawn by hand: the notes beside the landed files, and which files are out of use.

``<raw store>/withdrawn/<sha256>.<source_id>.json`` lists what was decided about one landed file, first to last; the
last decision holds. The file itself stays. Like the landed files the notes are the truth: a warehouse built again from
the raw store leaves out the same files and has the same ledger, meta.withdrawals.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import pandas as pd

from lma.contracts import table_contract
from lma.errors import InputError
from lma.whole_file import write_entries

WITHDRAWN, RESTORED = "withdrawn", "restored"
FOLDER = "withdrawn"


@dataclass(frozen=True)
class Decision:
    """One decision about one landed file, in the order of meta.withdrawals."""

    source_id: str
    snapshot_sha: str
    number: int
    action: str
    file_name: str
    as_of: dt.date
    reason: str
    decided_by: str
    decided_on: dt.date


def note_path(raw_store: Path, source_id: str, snapshot_sha: str) -> Path:
    """Where the decisions about one landed file stand."""
    if not re.fullmatch(r"[a-z][a-z0-9_]+", source_id) or not re.fullmatch(r"[0-9a-f]{64}", snapshot_sha):
        raise InputError(f"{source_id!r}, {snapshot_sha!r} name no landed file: see `lma sources`.")
    return raw_store / FOLDER / f"{snapshot_sha}.{source_id}.json"


def list_decisions(raw_store: Path) -> list[Decision]:
    """Every decision, by source, file and number; ``InputError`` for a damaged note."""
    decisions = [one for path in (raw_store / FOLDER).glob("*.json") for one in _read_note(path)]
    return sorted(decisions, key=lambda one: (one.source_id, one.snapshot_sha, one.number))


def list_withdrawn(raw_store: Path) -> dict[tuple[str, str], Decision]:
    """(source_id, snapshot_sha) of every file out of use, with the decision that holds."""
    last = {(one.source_id, one.snapshot_sha): one for one in list_decisions(raw_store)}
    return {key: one for key, one in last.items() if one.action == WITHDRAWN}


def tabulate(decisions: Sequence[Decision]) -> pd.DataFrame:
    """Rows of meta.withdrawals."""
    columns = table_contract("meta.withdrawals").column_names
    return pd.DataFrame([asdict(one) for one in decisions], columns=columns)


def keep_decision(raw_store: Path, decision: Decision) -> Path:
    """Add a decision to the note of its file, under the next number; what was decided before stays in it."""
    path = note_path(raw_store, decision.source_id, decision.snapshot_sha)
    before = _read_note(path) if path.is_file() else []
    write_entries(path, [asdict(one) for one in [*before, replace(decision, number=len(before) + 1)]])
    return path


def _read_note(path: Path) -> list[Decision]:
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
        days = [
            {name: dt.date.fromisoformat(entry[name]) for name in ("as_of", "decided_on")}
            for entry in entries
        ]
        return [Decision(**(entry | dates)) for entry, dates in zip(entries, days, strict=True)]
    except (ValueError, TypeError, KeyError) as error:
        raise InputError(
            f"{path} is damaged ({error}): restore it from a backup, or remove it and withdraw the vintage again."
        ) from error
