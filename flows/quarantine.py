"""Quarantine: what was refused and why, and what a reviewer releases after looking at it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from flows.refresh import (
    Run,
    check_observations,
    derive_figures,
    load_landed_files,
    open_run,
    open_to_readers,
)
from flows.request import RunRequest
from lma import contracts, releases
from lma import warehouse as warehouses
from lma.errors import UsageError
from lma.releases import Release
from lma.warehouse import Warehouse

# Only of these are values shown: no other table of the quarantine may hold published figures.
PUBLISHED = ("staging.observations",)


# ---------------------------------------------------------------- looking


def list_quarantine(path: Path, source: str | None, rule: str | None, limit: int, console: Any) -> None:
    """Print how many rows are refused by source and rule, and a line each; rows that differ by nothing else share one."""
    with warehouses.open_for_reading(path) as warehouse:
        every = warehouse.read("meta.quarantine")
        released = warehouse.read("meta.releases")
    rows = _choose(_choose(every, "source_id", source), "rule_id", rule)
    if rows.empty:
        console.print(f"nothing in quarantine; {len(released)} row(s) released before.", markup=False)
        return
    console.print("rows  source, rule", markup=False)
    for (source_id, rule_id), part in rows.groupby(["source_id", "rule_id"], sort=True):
        console.print(f"{len(part):>4}  {source_id}, {rule_id}: {_reasons(part)}", markup=False)
    console.print("")
    lines = _collapse_alike(rows)
    for line in lines[:limit]:
        console.print(line, markup=False)
    if len(lines) > limit:
        console.print(f"... and {len(lines) - limit} more: --limit {len(lines)} shows all", markup=False)
    console.print("`lma quarantine show ID` shows one with the publisher's row.", markup=False)


def _collapse_alike(rows: pd.DataFrame) -> list[str]:
    """One line per source, rule and value, with the id of the first such row and how many more there are."""
    alike: dict[str, list[str]] = {}
    for row in rows.to_dict("records"):
        alike.setdefault(f"{row['source_id']}  {row['rule_id']}  {_value(row)}", []).append(
            row["observation_id"]
        )
    return [
        f"{first}  {words}" + (f"  (and {len(more)} alike)" if more else "")
        for words, (first, *more) in alike.items()
    ]


def _choose(rows: pd.DataFrame, column: str, wanted: str | None) -> pd.DataFrame:
    """Rows with one value; one that no row has is a ``UsageError`` listing those that exist."""
    if wanted is None or rows.empty:
        return rows
    chosen = rows[rows[column] == wanted]
    if chosen.empty:
        known = ", ".join(sorted(set(rows[column])))
        raise UsageError(f"no row in quarantine has the {column} {wanted!r}. In quarantine are: {known}.")
    return chosen.reset_index(drop=True)


def _value(row: dict[Any, Any]) -> str:
    """Column and value; of a table that may hold records of persons, nothing but the column."""
    shown = f" = {row['value']!r}" if row["table_name"] in PUBLISHED and row["value"] is not None else ""
    return f"{row['column_name'] or ''}{shown}"


def _reasons(part: pd.DataFrame) -> str:
    reasons = list(dict.fromkeys(part["reason"]))
    more = f" (and {len(reasons) - 1} other reasons)" if len(reasons) > 1 else ""
    return f"{reasons[0]}{more}"


def show_quarantined(path: Path, wanted: str, console: Any) -> None:
    """Print one refused row with the publisher's own, or every refused row of one file."""
    with warehouses.open_for_reading(path) as warehouse:
        rows = warehouse.read("meta.quarantine")
        files = warehouse.read("meta.snapshots")
        released = warehouse.read("meta.releases")
        chosen = find_rows(rows, released, files, wanted)
        for (source_id, observation_id), part in chosen.groupby(["source_id", "observation_id"], sort=False):
            _show_row(warehouse, str(source_id), str(observation_id), part, files, console)


def find_rows(rows: pd.DataFrame, released: pd.DataFrame, files: pd.DataFrame, wanted: str) -> pd.DataFrame:
    """Refused rows with this id, or of the file with this name or sha256 (its first 8 letters at least)."""
    named = set(files.loc[files["file_name"] == wanted, "snapshot_sha"])
    by_sha = rows["snapshot_sha"].str.startswith(wanted) & (len(wanted) >= 8)
    chosen = rows[(rows["observation_id"] == wanted) | rows["snapshot_sha"].isin(named) | by_sha]
    if len(chosen):
        return chosen
    done = released[released["observation_id"] == wanted]
    if len(done):
        first = done.iloc[0]
        raise UsageError(
            f"{wanted} was released by {first['reviewer']} on {first['released_on']} ({first['reason']}): it is not in quarantine."
        )
    if named:
        raise UsageError(f"no row of {wanted} is in quarantine.")
    raise UsageError(
        f"nothing in quarantine is called {wanted!r}: give an id or a file name; `lma quarantine list` shows the ids."
    )


def _show_row(
    warehouse: Warehouse,
    source_id: str,
    observation_id: str,
    part: pd.DataFrame,
    files: pd.DataFrame,
    console: Any,
) -> None:
    file = files[(files["source_id"] == source_id) & (files["snapshot_sha"] == part.iloc[0]["snapshot_sha"])]
    fact = file.iloc[0]
    console.print(f"{observation_id}", markup=False, style="bold")
    console.print(
        f"  {fact['publisher']}, {fact['file_name']} (source {source_id}, vintage {fact['as_of']})",
        markup=False,
    )
    for row in part.to_dict("records"):
        console.print(f"  {row['rule_id']}: {_value(row)}: {row['reason']}", markup=False)
    if set(part["table_name"]) <= set(PUBLISHED):
        raw = warehouse.raw_row(source_id, fact["snapshot_sha"], int(observation_id.split(":")[1]))
        shown = ", ".join(f"{key}={value}" for key, value in raw.items() if value)
        console.print(f"  publisher's row: {shown[:600]}", markup=False)
    fixed = sorted(set(part["rule_id"]) - _releasable())
    words = (
        f"cannot be released: {', '.join(fixed)} (key, code, type or status is wrong, not the size)"
        if fixed
        else "may be released"
    )
    console.print(f"  {words}", markup=False)


def _releasable() -> set[str]:
    return releases.releasable_rules(contracts.table_contract("staging.observations"))


# ---------------------------------------------------------------- releasing


def release_rows(
    request: RunRequest, wanted: Sequence[str], reason: str, reviewer: str | None, step: Any
) -> None:
    """Record that a reviewer releases rows, and load their files again with them; all or none."""
    who = _named(reviewer)
    why = reason.strip()
    if len(why) < 10:
        raise UsageError(
            f"--reason {reason!r} says too little: write what you looked at and why the figure is right."
        )
    if not request.warehouse.is_file():
        raise UsageError(
            f"there is no warehouse {request.warehouse}: run `lma run` first, or give --warehouse."
        )
    with open_run(request) as run:
        step(record_releases)(run, list(wanted), why, who)
        step(load_landed_files)(run)
        step(check_observations)(run)
        step(derive_figures)(run)
        step(open_to_readers)(run)


def _named(reviewer: str | None) -> str:
    if reviewer is None or not reviewer.strip():
        raise UsageError(
            "a release needs the name of its reviewer: give --reviewer NAME, or set LMA_REVIEWER. The name is printed beside the figure."
        )
    return reviewer.strip()


def record_releases(run: Run, wanted: Sequence[str], reason: str, reviewer: str) -> int:
    """Write the releases beside the landed files; nothing is written where one of the rows may not be released."""
    rows, files = run.warehouse.read("meta.quarantine"), run.warehouse.read("meta.snapshots")
    released = run.warehouse.read("meta.releases")
    found = pd.concat([find_rows(rows, released, files, one) for one in wanted]).drop_duplicates()
    chosen = found[found["observation_id"].isin(wanted)]  # a file is not released, a row is
    if chosen.empty:
        raise UsageError(
            f"{', '.join(wanted)} names no single row: a release takes ids, see `lma quarantine show FILE`."
        )
    contract = contracts.table_contract("staging.observations")
    for observation_id, part in chosen.groupby("observation_id", sort=False):
        releases.check_releasable(list(part["rule_id"]), str(observation_id), contract)
    day = run.started_at.date()
    made = [_release(row, reason, reviewer, day) for row in chosen.to_dict("records")]
    paths = releases.keep_releases(run.request.raw_store, made)
    run.say(
        f"{chosen['observation_id'].nunique()} row(s) released by {reviewer}; recorded in {', '.join(map(str, paths))}"
    )
    return len(made)


def _release(row: dict[Any, Any], reason: str, reviewer: str, day: dt.date) -> Release:
    """The record of one row and rule; the figure is the one in quarantine, the reviewer saw no other."""
    return Release(
        source_id=row["source_id"],
        snapshot_sha=row["snapshot_sha"],
        observation_id=row["observation_id"],
        rule_id=row["rule_id"],
        obs_value=float(row["value"]),
        reviewer=reviewer,
        reason=reason,
        released_on=day,
    )
