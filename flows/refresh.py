"""Refresh steps: land files, parse, conform, correct, check, load; then build what is derived from them."""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import itertools
import uuid
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from flows import bulk, fetching
from flows.request import RunRequest
from lma import contracts, releases, snapshots, staging, validation, withdrawals
from lma import warehouse as warehouses
from lma.contracts import Source, SourceFile
from lma.errors import ContractError, InputError, LmaError, LockedError, OutputError
from lma.fetch.line import Politeness
from lma.warehouse import Warehouse


@dataclass
class Run:
    """One run in progress: what was asked, the open warehouse, and what happened so far."""

    request: RunRequest
    warehouse: Warehouse
    run_id: str
    started_at: dt.datetime
    new_snapshots: set[tuple[str, str]] = field(default_factory=set)
    messages: list[str] = field(default_factory=list)
    checks: list[pd.DataFrame] = field(default_factory=list)
    assessments: dict[str, Any] = field(default_factory=dict)
    outcomes: list[fetching.Outcome] = field(default_factory=list)
    politeness: Politeness | None = None

    def land(self, path: Path, source: Source, as_of: dt.date, url: str) -> snapshots.Landed:
        """Land one fetched file: it is unproven until it is loaded."""
        return land_file(self, path, source, as_of, url, is_unproven=True)

    def say(self, message: str) -> None:
        """Keep one line for the person who started the run."""
        self.messages.append(message)

    def keep_checks(self, checks: pd.DataFrame) -> None:
        """Write the results of contract checks to the ledger."""
        if len(checks):
            self.checks.append(checks)
            self.warehouse.write_checks(self.run_id, checks)


def _now() -> dt.datetime:
    """The moment, to the microsecond: what lands in one second still has an order."""
    return dt.datetime.now(dt.UTC).replace(tzinfo=None)


@contextlib.contextmanager
def open_run(request: RunRequest) -> Iterator[Run]:
    """The warehouse held for one run, with its entry in the ledger; a failed run says so there."""
    opened = warehouses.open_for_writing(
        request.warehouse, request.wait_seconds, request.command, request.raw_store
    )
    with opened as warehouse:
        run = Run(request, warehouse, uuid.uuid4().hex, _now())
        warehouse.start_run(run.run_id, request.command, request.parameters(), run.started_at)
        try:
            check_own_sources(run)
            yield run
        except BaseException as error:
            # Only our own messages are kept: they never carry a value of a unit-level record.
            message = str(error) if isinstance(error, LmaError) else type(error).__name__
            warehouse.finish_run(run.run_id, "FAILED", _now(), message)
            raise
        warehouse.finish_run(run.run_id, "COMPLETED", _now())


def check_own_sources(run: Run) -> None:
    """Say which of the user's YAML cannot be used, and stop where the warehouse rests on one: nothing leaves a run silently."""
    withdrawn = withdrawals.list_withdrawn(run.request.raw_store)
    landed = snapshots.list_landed(run.request.raw_store)
    contracts.check_usable(
        file.source_id for file in landed if (file.source_id, file.snapshot_sha) not in withdrawn
    )
    for why in contracts.unusable_sources().values():
        run.say(f"warning: a source of your own is not used: {why}")


# ---------------------------------------------------------------- landing


def land_files(run: Run, source_ids: Sequence[str] = ()) -> int:
    """Land publishers' files (of the given sources, or all): from the data folder, and over the network.

    A source without any file in the folder given with --data falls back on the shipped sample, and the run
    says so.
    """
    sources = {name: s for name, s in contracts.sources().items() if name in source_ids or not source_ids}
    found, n_landed = land_folder(run, run.request.data_folder, sources)
    may_download = run.request.may_fetch(run.started_at.date()) and any(
        source.download for source in sources.values()
    )
    if not found and not may_download:
        raise InputError(
            f"{run.request.data_folder} holds no file that a source in data_contracts/sources describes "
            f"({', '.join(sources)}): give the folder of publishers' files with --data, or leave it out to use the sample."
        )
    lacking = {name: source for name, source in sources.items() if name not in found}
    if lacking and run.request.data is not None:
        run.say(
            f"no file in {run.request.data} for {', '.join(lacking)}: the shipped sample is used for them"
        )
        n_landed += land_folder(run, contracts.sample_dir(), lacking)[1]
    if run.request.may_fetch(run.started_at.date()):
        n_landed += fetching.fetch_files(run, sources)
    run.say(f"{n_landed} publishers' files landed")
    if drafts := contracts.draft_sources():
        run.say(
            f"not used, because they are drafts: {', '.join(map(str, map(contracts.source_path, drafts)))}"
        )
    return n_landed


def land_folder(run: Run, folder: Path, sources: Mapping[str, Source]) -> tuple[set[str], int]:
    """Land the files of a folder that belong to a source: the sources found, and the number of files."""
    found: set[str] = set()
    n_landed = 0
    for path in snapshots.find_files(folder):
        matches = staging.match_sources(
            sources, path.name
        )  # a workbook may hold the tables of several sources
        for source, file, groups in matches:
            land_file(run, path, source, vintage_of(source, file, groups, path))
            found.add(source.source_id)
        n_landed += bool(matches)
    return found, n_landed


def vintage_of(
    source: Source, file: SourceFile, groups: Mapping[str, str], path: Path, given: dt.date | None = None
) -> dt.date:
    """Vintage of a file: given by hand, in its name, or declared; anything else is refused."""
    vintage = given or staging.read_vintage(file, groups)
    if vintage is None:
        raise InputError(
            f"{path} has no vintage: name it in files.as_of of sources/{source.source_id}.yaml, or give --vintage YYYY-MM-DD."
        )
    return vintage


def land_file(
    run: Run, path: Path, source: Source, as_of: dt.date, url: str | None = None, *, is_unproven: bool = False
) -> snapshots.Landed:
    """Land one file; its address is that of the source's page unless it was fetched from another."""
    landed = snapshots.land(
        path,
        source.source_id,
        path.name,
        url or source.url,
        as_of,
        run.request.raw_store,
        retrieved_at=run.started_at,
        is_unproven=is_unproven,
    )
    if landed.is_new:
        run.new_snapshots.add((landed.source_id, landed.snapshot_sha))
    return landed


# ---------------------------------------------------------------- loading


# What an unforeseen layout makes a parser raise; a fault of the machine or of the database is none of these.
STUMBLES = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError)


def load_landed_files(run: Run) -> int:
    """Parse, conform, correct, check and load every landed file not yet loaded; observations added.

    A fetched file, never loaded before, that is not what its source declares is set aside and reported; any other
    such file stops the run. What became of the fetched files is told in either case.
    """
    try:
        added = load_unloaded(run)
        run.say(f"{added:,} observations added")
    finally:
        fetching.say_outcomes(run)
    fetching.warn_of_stale(run)
    return added


def load_unloaded(run: Run) -> int:
    """Load every landed file not yet loaded, in the one order of loading; observations added."""
    run.warehouse.load_codelists()
    keep_withdrawals(run)
    say_unknown(run)
    unloaded = list_unloaded(run)
    for landed in unloaded:  # a killed run may have left a part of a file, read by other definitions
        run.warehouse.forget_unfinished(landed.source_id, landed.snapshot_sha)
    by_origin = itertools.groupby(unloaded, lambda landed: landed.is_unproven)
    return sum(
        load_fetched(run, files) if is_unproven else load_files(run, files)
        for is_unproven, files in by_origin
    )


def load_files(run: Run, files: Iterable[snapshots.Landed]) -> int:
    """Load files in their order, large ones by SQL and the others as frames; observations added."""
    added = 0
    for by_sql, group in itertools.groupby(files, goes_by_sql):
        if by_sql:
            added += sum(load_large(run, landed) for landed in group)
        else:
            # A generator: the files are parsed one after the other, so that one batch is in memory at a time.
            added += sum(
                load_checked(run, batch)
                for batch in batches(parse_or_refuse(run, landed) for landed in group)
            )
    return added


def goes_by_sql(landed: snapshots.Landed) -> bool:
    """Whether a landed file is too large for a frame, and its source one that SQL can conform."""
    return bulk.goes_by_sql(landed, describe_file(landed)[0])


def load_large(run: Run, landed: snapshots.Landed) -> int:
    """Load one file too large for a frame; observations added."""
    source, facts = describe_file(landed, run.request.raw_store)
    large = run.warehouse.large_file(source.source_id, landed.snapshot_sha)
    try:
        result = bulk.conform_large(run.warehouse, run.request.raw_store, source, facts)
        n_judged = result.n_observations + int(result.quarantine["observation_id"].nunique())
        refuse_if_too_many(result.quarantine, landed, source, n_judged)
        refuse_conflicts(result.conflicts, landed)
    except LmaError as error:
        large.forget()
        raise refuse(run, landed, error) from error
    except BaseException as error:
        large.forget()
        if isinstance(error, STUMBLES):  # any other is a stop by hand, or of the machine
            discard_if_new(run, landed)
        raise
    run.keep_checks(result.checks)
    large.show()
    n_added = result.n_observations + run.warehouse.append_observations(result.verdict.passed)
    n_refused = keep_verdict(run, result.verdict, landed)
    run.warehouse.write_snapshot_facts(snapshot_facts(run, landed, result.n_rows, n_added, n_refused))
    return n_added


def describe_file(
    landed: snapshots.Landed, raw_store: Path | None = None
) -> tuple[Source, staging.FileFacts]:
    """The source as it reads one landed file, and what is known of the file besides its rows."""
    source = contracts.source(landed.source_id)
    match = staging.match_file({source.source_id: source}, landed.file_name)
    groups, constant = (match[2], match[1].constant) if match else ({}, {})
    mark = find_mark(raw_store, landed.source_id, landed.snapshot_sha) if raw_store else ""
    facts = staging.FileFacts(landed.snapshot_sha, landed.file_name, landed.as_of, groups, constant, mark)
    return (source.as_in(match[1]) if match else source), facts


def load_fetched(run: Run, files: Iterable[snapshots.Landed]) -> int:
    """Load fetched files, each on its own; observations added."""
    return sum(load_or_set_aside(run, landed) for landed in files)


def load_or_set_aside(run: Run, landed: snapshots.Landed) -> int:
    """Load a fetched file, or leave the last vintage in use; observations added."""
    try:
        added = load_files(run, [landed])
    except (LmaError, *STUMBLES) as error:
        if not is_fault_of_file(error):
            raise
        discard_if_new(run, landed)
        told = error if isinstance(error, LmaError) else as_input_error(landed, error)
        fetching.find_outcome(run, landed).fail(told)
        return 0
    snapshots.prove(landed, run.request.raw_store)
    return added


def is_fault_of_file(error: BaseException) -> bool:
    """Whether an error speaks against the file, and not against this machine: a full disk, a lock, or a stop by hand."""
    return isinstance(error, Exception) and not isinstance(
        error, OSError | MemoryError | OutputError | LockedError
    )


def as_input_error(landed: snapshots.Landed, error: Exception) -> InputError:
    """A file that a parser stumbled over instead of refusing it."""
    return InputError(
        f"{landed.file_name} of {landed.source_id} cannot be read ({type(error).__name__}: {error}): the publisher has probably changed "
        "its layout. Look at the file, and report this to the maintainers; the last landed vintage stays in use."
    )


def list_unloaded(run: Run) -> list[snapshots.Landed]:
    """Landed files of known sources that the warehouse does not hold yet, in the one order of loading."""
    forget_outdated(run)
    landed = snapshots.list_landed(run.request.raw_store)
    known = list_loaded(run) | set(withdrawals.list_withdrawn(run.request.raw_store))
    return [
        file
        for file in landed
        if file.source_id in contracts.sources() and (file.source_id, file.snapshot_sha) not in known
    ]


def say_unknown(run: Run) -> list[str]:
    """Sources that landed files belong to and that are defined nowhere, such as where a job starts in another folder."""
    landed = {file.source_id for file in snapshots.list_landed(run.request.raw_store)}
    if unknown := sorted(landed - contracts.sources().keys()):
        run.say(
            f"landed files of {', '.join(unknown)} are not loaded: no such source is defined {contracts.where_sources_are()}"
        )
    return unknown


def keep_withdrawals(run: Run) -> int:
    """Bring the ledger in line with the notes in the raw store and forget what they withdraw; files left out."""
    withdrawn = withdrawals.list_withdrawn(run.request.raw_store)
    run.warehouse.replace(
        "meta.withdrawals", withdrawals.tabulate(withdrawals.list_decisions(run.request.raw_store))
    )
    forget_vintages(run, {(one.source_id, one.as_of) for one in list_not_in_force(run, withdrawn)})
    for one in withdrawn.values():
        run.say(
            f"{one.file_name} ({one.source_id}, vintage {one.as_of}) is left out: withdrawn on {one.decided_on} by "
            f"{one.decided_by}: {one.reason}"
        )
    return len(withdrawn)


def list_not_in_force(
    run: Run, withdrawn: Mapping[tuple[str, str], withdrawals.Decision]
) -> list[snapshots.Landed]:
    """Landed files that a note withdraws and that are still loaded, or that a note puts back and that are not."""
    loaded = list_loaded(run)
    decided = {(one.source_id, one.snapshot_sha) for one in withdrawals.list_decisions(run.request.raw_store)}
    return [
        file
        for file in snapshots.list_landed(run.request.raw_store)
        if (key := (file.source_id, file.snapshot_sha)) in decided
        and (key in withdrawn) == (key in loaded)
        and (key in loaded or file.source_id in contracts.sources())
    ]


def list_loaded(run: Run) -> set[tuple[str, str]]:
    """(source_id, snapshot_sha) of every file that the warehouse holds."""
    loaded = run.warehouse.read("meta.snapshots")
    return set(zip(loaded["source_id"], loaded["snapshot_sha"], strict=True))


def forget_vintages(run: Run, vintages: Collection[tuple[str, dt.date]]) -> int:
    """Forget every file of these sources and vintages, so that they are loaded again in their order.

    Of two files with one figure the first counted, and now perhaps the other does. The number of files forgotten.
    """
    loaded = run.warehouse.read("meta.snapshots")
    mine = [pair in vintages for pair in zip(loaded["source_id"], loaded["as_of"], strict=True)]
    for source_id, sha in loaded.loc[mine, ["source_id", "snapshot_sha"]].itertuples(index=False):
        run.warehouse.forget_snapshot(source_id, sha)
    return sum(mine)


def forget_outdated(run: Run) -> int:
    """Forget files loaded under another mapping, crosswalk or correction of their source: they are loaded again."""
    loaded, n_forgotten = run.warehouse.read("meta.snapshots"), 0
    for source_id, rows in loaded.groupby("source_id", sort=True):
        if source_id not in contracts.sources():
            continue
        for sha, loaded_as in zip(rows["snapshot_sha"], rows["definition_sha"], strict=True):
            if loaded_as != current_definition(run, str(source_id), sha):
                run.warehouse.forget_snapshot(str(source_id), sha)
                n_forgotten += 1
    if n_forgotten:
        run.say(
            f"{n_forgotten} files are loaded again, because the definition of their source has changed (or what is released from them)"
        )
    return n_forgotten


def current_definition(run: Run, source_id: str, snapshot_sha: str) -> str:
    """sha256 of all that decides what is loaded from one file: its source's definition, its mark, what was released."""
    definition, store = contracts.fingerprint_source(source_id), run.request.raw_store
    if mark := find_mark(store, source_id, snapshot_sha):
        definition = hashlib.sha256(f"{definition}\0{mark}".encode()).hexdigest()
    return releases.fingerprint_with_releases(definition, store, source_id, snapshot_sha)


def find_mark(raw_store: Path, source_id: str, snapshot_sha: str) -> str:
    """What stands in the addresses of an own source, where another source landed the same file before it.

    Row 5 of two sheets would have one address, and what rests on a figure knows it by its address alone. Sources of
    the project have no mark: their sheets differ in their columns, and unique_observation_id holds them to it.
    """
    shipped = contracts.shipped_sources()
    if source_id in shipped or len(list(raw_store.glob(f"{snapshot_sha}.*.json"))) < 2:
        return ""
    sharing = [one for one in snapshots.list_landed(raw_store) if one.snapshot_sha == snapshot_sha]
    first = min(sharing, key=lambda one: (one.source_id not in shipped, one.retrieved_at, one.source_id))
    return "" if first.source_id == source_id else f"@{source_id}"


@dataclass(frozen=True)
class ParsedFile:
    """One landed file after parsing, conforming and correcting: rows as published, observations, unreadable rows."""

    landed: snapshots.Landed
    source: Source
    raw: pd.DataFrame
    observations: pd.DataFrame
    rejected: pd.DataFrame


def parse_or_refuse(run: Run, landed: snapshots.Landed) -> ParsedFile:
    """Parse one landed file; a file that this run brought and that is refused does not stay in the raw store."""
    try:
        source, raw, conformed = read_observations(run.request.raw_store, landed)
        observations, _ = staging.apply_corrections(conformed.observations, contracts.corrections())
        return ParsedFile(landed, source, raw, observations, conformed.rejected)
    except LmaError as error:
        raise refuse(run, landed, error) from error
    except Exception as error:  # whatever is wrong with the file, it must not meet the next run again
        if is_fault_of_file(error):
            discard_if_new(run, landed)
        raise


def refuse(run: Run, landed: snapshots.Landed, error: LmaError) -> LmaError:
    """The error to raise for a refused file: one of this run leaves the raw store, an older one is named."""
    if not is_fault_of_file(error) or discard_if_new(run, landed):
        return error
    place = snapshots.sidecar_path(run.request.raw_store, landed.snapshot_sha, landed.source_id)
    return type(error)(
        f"{error} An earlier run landed this file; to leave it out from now on, remove {place}."
    )


def discard_if_new(run: Run, landed: snapshots.Landed) -> bool:
    """Take a refused file of this run out of the raw store, or a fetched one that an earlier run did not come to load.

    What else earlier runs landed is never touched.
    """
    is_new = landed.is_unproven or (landed.source_id, landed.snapshot_sha) in run.new_snapshots
    if is_new:
        snapshots.discard(landed, run.request.raw_store)
    return is_new


def batches(parsed: Iterable[ParsedFile], most_rows: int = 40_000) -> Iterator[list[ParsedFile]]:
    """Files grouped so that each group is checked at once: the fixed cost of a check is paid per group.

    Files that share a key of staging.observations never stand in one group: each meets the figures of those
    before it in the warehouse, as it did on the day it came, so loading again gives the same content.
    """
    key = contracts.table_contract("staging.observations").primary_key
    batch: list[ParsedFile] = []
    taken: set[int] = set()
    for file in parsed:
        keys = set(pd.util.hash_pandas_object(file.observations[key], index=False))
        n_rows = sum(len(other.observations) for other in batch) + len(file.observations)
        if batch and (n_rows > most_rows or not taken.isdisjoint(keys)):
            yield batch
            batch, taken = [], set()
        batch.append(file)
        taken |= keys
    if batch:
        yield batch


def load_checked(run: Run, batch: list[ParsedFile]) -> int:
    """Check the observations of several files and load those that hold; observations added."""
    contract = contracts.table_contract("staging.observations")
    observations = pd.concat([file.observations for file in batch], ignore_index=True)
    checked = validation.check_rows(
        observations, contract, warehouses.find_rule_breakers(observations, contract), "incoming"
    )
    run.keep_checks(checked.checks)
    verdicts = [judge_file(run, file, checked) for file in batch]
    for file, verdict in zip(batch, verdicts, strict=True):
        try:
            n_rows = len(file.observations) + len(file.rejected)
            refuse_if_too_many(verdict.refused, file.landed, file.source, n_rows)
            refuse_conflicts(run.warehouse.find_conflicts(verdict.passed), file.landed)
        except LmaError as error:
            raise refuse(run, file.landed, error) from error
    return sum(map(load_file, [run] * len(batch), batch, verdicts))


def judge_file(run: Run, file: ParsedFile, checked: validation.RowCheck) -> releases.Verdict:
    """Rows of one file that hold, those in quarantine, and those that a reviewer released from it."""
    own = releases.list_releases(run.request.raw_store, file.source.source_id, file.landed.snapshot_sha)
    refused = list_quarantine(_part(checked.failed, file), file)
    contract = contracts.table_contract("staging.observations")
    return releases.apply_releases(file.observations, _part(checked.passed, file), refused, own, contract)


def _part(frame: pd.DataFrame, file: ParsedFile) -> pd.DataFrame:
    mine = (frame["source_id"] == file.source.source_id) & (frame["snapshot_sha"] == file.landed.snapshot_sha)
    return frame[mine].reset_index(drop=True)


def load_file(run: Run, file: ParsedFile, verdict: releases.Verdict) -> int:
    """Load one file's rows as published, its observations, quarantine and releases; observations added."""
    run.warehouse.load_raw(file.source.source_id, file.raw, file.landed.snapshot_sha)
    added = run.warehouse.append_observations(verdict.passed)
    n_refused = keep_verdict(run, verdict, file.landed)
    facts = snapshot_facts(run, file.landed, len(file.raw), added, n_refused)
    run.warehouse.write_snapshot_facts(facts)
    return added


def keep_verdict(run: Run, verdict: releases.Verdict, landed: snapshots.Landed) -> int:
    """Write what a file has in quarantine and what was released from it, and say so; the number of refused rows."""
    quarantine = verdict.refused
    n_refused = int(quarantine["observation_id"].nunique())
    if n_refused:
        run.warehouse.write_quarantine(quarantine)
        run.say(
            f"{landed.file_name}: {n_refused} row(s) in quarantine, such as {_describe_refused(quarantine)}"
        )
    if len(verdict.released):
        run.warehouse.write_releases(verdict.released)
    for words in verdict.idle:
        run.say(f"{landed.file_name}: {words}")
    return n_refused


def read_observations(
    raw_store: Path, landed: snapshots.Landed
) -> tuple[Source, pd.DataFrame, staging.Conformed]:
    """Source, rows as published and as conformed of one landed file; errors name the file as its publisher does."""
    from lma.parsers import find_parser
    from lma.parsers.safety import check_fits

    source, facts = describe_file(landed, raw_store)
    try:
        check_fits(landed.n_bytes)
        content = snapshots.read_landed(raw_store, landed.snapshot_sha)
        parsed = find_parser(source.format)(content, source.options)
    except InputError as error:
        raise InputError(f"{landed.file_name} (source {source.source_id}): {error}") from error
    raw = staging.name_columns_as_declared(parsed, source, f"{landed.file_name} (source {source.source_id})")
    if len(raw) < source.expect.min_rows:
        raise InputError(
            f"{landed.file_name} has {len(raw)} rows, source {source.source_id} expects at least {source.expect.min_rows}: "
            "the file is probably truncated; fetch it again, or lower expect.min_rows if the table really shrank."
        )
    return source, raw, staging.conform(raw, source, facts)


def list_quarantine(failed: pd.DataFrame, file: ParsedFile) -> pd.DataFrame:
    """Refused rows of one file in the columns of meta.quarantine; a rule without a column speaks of the figure."""
    columns = contracts.table_contract("meta.quarantine").column_names
    figures = file.observations.set_index("observation_id")["obs_value"].map("{:.15g}".format)
    by_rule = failed.assign(
        column_name=failed["column_name"].fillna("obs_value"),
        value=failed["value"].fillna(failed["observation_id"].map(figures)),
    )
    unreadable = file.rejected.rename(columns={"column": "column_name"}).assign(rule_id="readable")
    both = pd.concat([part for part in (by_rule, unreadable) if len(part)] or [by_rule], ignore_index=True)
    both = both.assign(
        table_name="staging.observations",
        source_id=file.source.source_id,
        snapshot_sha=file.landed.snapshot_sha,
    )
    return both.reindex(columns=columns).drop_duplicates(["observation_id", "rule_id"], ignore_index=True)


def _describe_refused(quarantine: pd.DataFrame) -> str:
    """The first refused row in words: its address, column, value and why."""
    first = quarantine.iloc[0]
    return f"{first['observation_id']}, {first['column_name']} = {first['value']!r}: {first['reason'].rstrip('.')}."


def refuse_if_too_many(
    quarantine: pd.DataFrame, landed: snapshots.Landed, source: Source, n_rows: int
) -> None:
    """Refuse a file in which more rows break the contract than its source allows."""
    refused = quarantine["observation_id"].nunique()
    if refused <= source.expect.max_quarantined_share * max(n_rows, 1):
        return
    raise ContractError(
        f"{landed.file_name} (source {source.source_id}): {refused} of {n_rows} rows break the contract of staging.observations, "
        f"more than {source.expect.max_quarantined_share:.0%}. First: row {_describe_refused(quarantine)} "
        f"Nothing of the file was loaded; correct the mapping in {contracts.source_path(source.source_id)} or ask the publisher. "
        f"In a small table one row is a large share: `expect.max_quarantined_share: {min(1, refused / max(n_rows, 1) + 0.005):.2f}` "
        "there loads the others and keeps these in quarantine, from which `lma quarantine release` may release a row."
    )


def refuse_conflicts(conflicts: pd.DataFrame, landed: snapshots.Landed) -> None:
    """Refuse a file that gives other figures than a file of the same source and vintage loaded before it."""
    if conflicts.empty:
        return
    first, source_id = conflicts.iloc[0], landed.source_id
    many = f"at least {len(conflicts)}" if len(conflicts) >= warehouses.MOST_CONFLICTS else len(conflicts)
    raise ContractError(
        f"{landed.file_name} (source {source_id}): {many} figures differ from those loaded before of the same vintage, "
        f"{landed.as_of}. First: {first['key']} is {first['obs_value']:.15g} (row {first['observation_id']}), loaded is "
        f"{first['loaded_value']:.15g} (row {first['loaded_id']}). Nothing of the file was loaded; if the publisher revised the table, give "
        f"the date with `lma ingest {source_id} FILE --vintage YYYY-MM-DD` or in files.as_of of sources/{source_id}.yaml."
    )


def snapshot_facts(
    run: Run, landed: snapshots.Landed, n_rows: int, n_observations: int, n_quarantined: int
) -> pd.DataFrame:
    """One row of meta.snapshots."""
    source = contracts.source(landed.source_id)
    facts: dict[str, Any] = {
        "snapshot_sha": landed.snapshot_sha, "source_id": source.source_id, "file_name": landed.file_name, "publisher": source.publisher,
        "table_code": source.table_code, "title": source.title, "url": landed.url, "licence": source.licence, "as_of": landed.as_of,
        "retrieved_at": landed.retrieved_at, "n_bytes": landed.n_bytes, "n_rows": n_rows, "n_observations": n_observations,
        "n_quarantined": n_quarantined, "definition_sha": current_definition(run, source.source_id, landed.snapshot_sha),
    }  # fmt: skip
    return pd.DataFrame([facts], columns=contracts.table_contract("meta.snapshots").column_names)


# ---------------------------------------------------------------- checking and deriving


LARGE_ROWS = 200_000
"""Above this a table is held to its contract by SQL: Great Expectations would need the whole of it in memory."""


def check_table(run: Run, name: str, frame: pd.DataFrame, subject: str) -> pd.DataFrame:
    """Every rule of one table's contract on one batch; results go to the ledger and come back."""
    contract = contracts.table_contract(name)
    by_sql = run.warehouse.run_sql_rules(contract, subject)
    checks = pd.concat([validation.check_table(frame, contract, subject), by_sql], ignore_index=True)
    run.keep_checks(checks)
    return checks


def check_whole_table(run: Run, name: str) -> pd.DataFrame:
    """Every rule of a table's contract on all of it: as a batch, or by SQL where it is too large for one."""
    if run.warehouse.count_rows(name) <= LARGE_ROWS:
        return check_table(run, name, run.warehouse.read(name), "_T")
    with run.warehouse.on_all_cores():
        checks = run.warehouse.run_rules(contracts.table_contract(name))
    run.keep_checks(checks)
    return checks


def require_figures(run: Run) -> None:
    """Stop where nothing was ever loaded, and say what to do first."""
    if not run.warehouse.count_rows("staging.observations"):
        areas = " ".join(run.request.ref_areas)
        raise InputError(
            f"the warehouse {run.request.warehouse} holds no figures yet: run `lma run {areas}` first."
        )


def check_observations(run: Run) -> int:
    """Hold staging.observations to its contract; a broken one stops the run (exit 12)."""
    checks = check_whole_table(run, "staging.observations")
    validation.require(checks)
    return len(checks)


def derive_figures(run: Run) -> int:
    """Build marts.observations as of the asked date, revisions, and the derived indicators."""
    bounds = dict(run.request.bounds)
    run.warehouse.build_observations(run.request.as_of, bounds)
    run.warehouse.build_revisions(run.request.as_of, bounds)
    countries = run.request.countries() or contracts.countries().values()
    areas = sorted({code for country in countries for code in (country.ref_area, *country.partners)})
    return run.warehouse.run_indicators(areas)


# ---------------------------------------------------------------- the commands that only refresh, ingest or check


def refresh_sources(request: RunRequest, source_ids: list[str], step: Any) -> list[fetching.Outcome]:
    """Land and load the given sources (default: all) and rebuild what is derived; no forecast, no edition.

    What became of each file that was asked of a publisher; the error of a source that was named is raised at the end.
    """
    wanted = [contracts.source(source_id).source_id for source_id in source_ids]
    with open_run(request) as run:
        step(land_files)(run, wanted)
        step(load_landed_files)(run)
        step(check_observations)(run)
        step(derive_figures)(run)
        step(open_to_readers)(run)
        fetching.raise_for_named(run, wanted)
        return run.outcomes


def ingest_files(
    request: RunRequest, source_id: str, files: list[Path], vintage: dt.date | None, step: Any
) -> None:
    """Land and load files of one source by hand."""
    source = contracts.source(source_id)
    with open_run(request) as run:
        for path in files:
            step(ingest_file)(run, path, source, vintage)
        if not run.new_snapshots and not list_unloaded(run):
            if withdrawals.list_withdrawn(run.request.raw_store):
                step(keep_withdrawals)(run)  # says which of them stay out of use
            say_unknown(run)
            return
        step(load_landed_files)(run)
        step(check_observations)(run)
        step(derive_figures)(run)
        step(open_to_readers)(run)
        fetching.raise_for_named(
            run, [source_id]
        )  # a file given by hand that was fetched before, and set aside


def ingest_file(run: Run, path: Path, source: Source, vintage: dt.date | None) -> snapshots.Landed:
    """Land one file given by hand; its name tells the vintage unless it is given."""
    if not path.is_file():
        raise InputError(f"{path} does not exist: check the name.")
    match = staging.match_file({source.source_id: source}, path.name)
    file, groups = (match[1], match[2]) if match else (SourceFile(name=".*"), {})
    landed = land_file(run, path, source, vintage_of(source, file, groups, path, vintage))
    if vintage is not None and landed.as_of != vintage:
        raise InputError(
            f"{path} was landed before, as vintage {landed.as_of}, and --vintage {vintage} cannot change that: nothing landed is overwritten. "
            f"If {landed.as_of} is wrong, remove {landed.snapshot_sha}.{source.source_id}.json from {run.request.raw_store}, move the "
            "database away and ingest the file again: the database is built again from the landed files."
        )
    if not landed.is_new:
        run.say(
            f"{path.name} was landed before, {landed.retrieved_at:%Y-%m-%d %H:%M} UTC, as vintage {landed.as_of}: it adds nothing"
        )
    if (landed.source_id, landed.snapshot_sha) in withdrawals.list_withdrawn(run.request.raw_store):
        run.say(
            f"it stays out of use: `lma withdraw {landed.source_id} {landed.as_of} --restore --reason ...` puts it back"
        )
    return landed


def check_warehouse(request: RunRequest, tables: list[str], console: Any) -> None:
    """Hold tables of the warehouse to their contracts and print the result; exit 12 when one is broken."""
    asked = [contracts.table_contract(name).name for name in tables]
    if not request.warehouse.is_file():
        raise InputError(
            f"there is no warehouse {request.warehouse} to check: run `lma run` first, or give --warehouse."
        )
    with open_run(request) as run:
        names = asked or list_filled_tables(run, console)
        results = [check_whole_table(run, name) for name in names]
    checks = pd.concat(results, ignore_index=True)
    for name, results in checks.groupby("table_name", sort=True):
        console.print(
            f"{name}: {int(results['success'].sum())} of {len(results)} rules hold, {int(results['n_checked'].max()):,} rows",
            markup=False,
        )
    validation.require(checks)


def list_filled_tables(run: Run, console: Any) -> list[str]:
    """Tables of figures to check when none is named: a mart that no run has filled yet is told, not failed."""
    names = [name for name in contracts.table_contracts() if not name.startswith("meta.")]
    unfilled = [name for name in names if name.startswith("marts.") and not run.warehouse.count_rows(name)]
    if unfilled:
        console.print(f"no rows yet: {', '.join(unfilled)}", markup=False)
    return [name for name in names if name not in unfilled]


def open_to_readers(run: Run) -> Path:
    """Swap in the copy of the warehouse that `lma trace` and other readers open."""
    return run.warehouse.publish_read_copy()
