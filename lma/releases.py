"""Rows that a reviewer released from quarantine: the records, and what they do when the file is loaded.

``<raw store>/released/<sha256>.<source_id>.json`` lists the releases of one landed file. Like the landed files
they are the truth: a warehouse built again from the raw store holds the same released rows. A release speaks
of one row of one file (by its sha256), one figure and one rule; where any of these is another, it does not apply.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import pandas as pd

from lma.contracts import TableContract, table_contract
from lma.errors import ContractError, InputError
from lma.whole_file import write_entries


@dataclass(frozen=True)
class Release:
    """One rule set aside for one row: by whom, why, when; in the order of meta.releases."""

    source_id: str
    snapshot_sha: str
    observation_id: str
    rule_id: str
    obs_value: float
    reviewer: str
    reason: str
    released_on: dt.date


@dataclass(frozen=True)
class Verdict:
    """Rows of one file after the releases: to be loaded, refused, and what was released.

    ``passed``: columns of staging.observations; ``refused``: of meta.quarantine; ``released``: of
    meta.releases; ``idle``: releases that do not apply any more, in words.
    """

    passed: pd.DataFrame
    refused: pd.DataFrame
    released: pd.DataFrame
    idle: tuple[str, ...] = ()


# ---------------------------------------------------------------- the records


def releases_path(raw_store: Path, source_id: str, snapshot_sha: str) -> Path:
    """Where the releases of one landed file stand; to withdraw them, remove it and run again."""
    if not re.fullmatch(r"[a-z][a-z0-9_]+", source_id) or not re.fullmatch(r"[0-9a-f]{64}", snapshot_sha):
        raise InputError(f"{source_id!r}, {snapshot_sha!r} name no landed file: see `lma quarantine list`.")
    return raw_store / "released" / f"{snapshot_sha}.{source_id}.json"


def list_releases(raw_store: Path, source_id: str, snapshot_sha: str) -> list[Release]:
    """Releases of one landed file by row and rule; [] where there is none."""
    path = releases_path(raw_store, source_id, snapshot_sha)
    if not path.is_file():
        return []
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        days = [dt.date.fromisoformat(entry.pop("released_on")) for entry in found]
        releases = [Release(**entry, released_on=day) for entry, day in zip(found, days, strict=True)]
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise InputError(
            f"{path} is damaged ({error}): restore it, or remove it and release the rows again with `lma quarantine release`."
        ) from error
    if any((one.source_id, one.snapshot_sha) != (source_id, snapshot_sha) for one in releases):
        raise InputError(
            f"{path} speaks of another file or source than its name: remove it and release the rows again."
        )
    return releases


def keep_releases(raw_store: Path, releases: Sequence[Release]) -> list[Path]:
    """Write releases beside the landed files, each file whole; one of the same row and rule takes the former's place."""
    written = []
    for source_id, sha in sorted({(one.source_id, one.snapshot_sha) for one in releases}):
        known = {(one.observation_id, one.rule_id): one for one in list_releases(raw_store, source_id, sha)}
        new = [one for one in releases if (one.source_id, one.snapshot_sha) == (source_id, sha)]
        known |= {(one.observation_id, one.rule_id): one for one in new}
        path = releases_path(raw_store, source_id, sha)
        write_entries(path, [asdict(known[key]) for key in sorted(known)])
        written.append(path)
    return written


def fingerprint_with_releases(definition_sha: str, raw_store: Path, source_id: str, snapshot_sha: str) -> str:
    """sha256 of a source's definition and of the releases of one file, so that either change loads it again."""
    releases = list_releases(raw_store, source_id, snapshot_sha)
    if not releases:
        return definition_sha
    return hashlib.sha256(f"{definition_sha}\0{releases!r}".encode()).hexdigest()


# ---------------------------------------------------------------- what may be released, and what a release does


def releasable_rules(contract: TableContract) -> set[str]:
    """Rules that judge a figure; those about keys, codes, types and addresses are never set aside."""
    return {rule.rule_id for rule in contract.rules if rule.releasable}


def check_releasable(rule_ids: Sequence[str], observation_id: str, contract: TableContract) -> None:
    """``ContractError`` where a row breaks a rule that nobody may set aside."""
    fixed = sorted(set(rule_ids) - releasable_rules(contract))
    if fixed:
        raise ContractError(
            f"row {observation_id} breaks {', '.join(fixed)} of {contract.name}, which no reviewer can set aside: its key, code, type or "
            f"status is wrong, not its size. May be released: {', '.join(sorted(releasable_rules(contract)))}. Correct the mapping or the "
            "crosswalk of the source, declare the publisher's error in corrections.yaml, or ask the publisher."
        )


def apply_releases(
    observations: pd.DataFrame,
    passed: pd.DataFrame,
    refused: pd.DataFrame,
    releases: Sequence[Release],
    contract: TableContract,
) -> Verdict:
    """Sort the rows of one file again with what a reviewer released; nothing given is changed.

    A release applies where the row is there, has the figure the reviewer saw, and breaks no rule but those
    released and releasable. A released row keeps its status and carries reviewer, day and reason in ``note``.
    """
    columns = table_contract("meta.releases").column_names
    if not releases:
        return Verdict(passed, refused, pd.DataFrame(columns=columns))
    applying, idle = _sort_releases(observations, refused, releases, releasable_rules(contract))
    ids = list(dict.fromkeys(one.observation_id for one in applying))
    rows = observations[observations["observation_id"].isin(ids)]
    words = {one: _describe([r for r in applying if r.observation_id == one]) for one in ids}
    notes = [
        "; ".join(filter(None, [note if isinstance(note, str) else "", words[one]]))
        for note, one in zip(rows["note"], rows["observation_id"], strict=True)
    ]
    released = pd.DataFrame([asdict(one) for one in applying], columns=columns)
    if not ids:
        return Verdict(passed, refused, released, tuple(idle))
    kept = pd.concat([passed, rows.assign(note=notes)], ignore_index=True)
    return Verdict(
        kept, refused[~refused["observation_id"].isin(ids)].reset_index(drop=True), released, tuple(idle)
    )


def _sort_releases(
    observations: pd.DataFrame, refused: pd.DataFrame, releases: Sequence[Release], releasable: set[str]
) -> tuple[list[Release], list[str]]:
    """Releases that apply, and the others in words."""
    applying: list[Release] = []
    idle: list[str] = []
    for observation_id in dict.fromkeys(one.observation_id for one in releases):
        own = [one for one in releases if one.observation_id == observation_id]
        broken = set(refused.loc[refused["observation_id"] == observation_id, "rule_id"])
        values = observations.loc[observations["observation_id"] == observation_id, "obs_value"].tolist()
        reason = _reason_not_to_apply(own, broken, values, releasable)
        if reason:
            idle.append(f"the release of {observation_id} by {own[0].reviewer} does not apply: {reason}")
        else:
            applying += [one for one in own if one.rule_id in broken]
    return applying, idle


def _reason_not_to_apply(
    own: Sequence[Release], broken: set[str], values: Sequence[float], releasable: set[str]
) -> str:
    """Why the releases of one row do not apply, or nothing."""
    if not values:
        return "the row gives no figure now"
    if not broken:
        return "the row breaks no rule now"
    # The quarantine shows fifteen digits, so no reviewer saw more.
    if any(f"{one.obs_value:.15g}" != f"{values[0]:.15g}" for one in own):
        return f"the row now gives {values[0]:.15g}, the reviewer saw {own[0].obs_value:.15g}"
    others = sorted(broken - ({one.rule_id for one in own} & releasable))
    return f"the row also breaks {', '.join(others)}" if others else ""


def _describe(own: Sequence[Release]) -> str:
    first, rules = own[0], ", ".join(one.rule_id for one in own)
    return f"Released from quarantine ({rules}) by {first.reviewer} on {first.released_on}: {first.reason}"
