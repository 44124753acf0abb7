"""A landed file too large for a frame: staged, conformed and checked by SQL, by the same definitions as any other."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from lma import contracts, pushdown, releases, snapshots, staging
from lma.contract_rules import list_rules
from lma.contracts import Source, TableContract
from lma.errors import ContractError, InputError
from lma.parsers.csv import read_csv, swallowed_lines
from lma.parsers.safety import MAX_EXPANDED_BYTES, MAX_RATIO, check_pieces, check_size
from lma.staging import FileFacts
from lma.warehouse import LargeFile, Warehouse

LARGE_BYTES = 50 << 20
"""From here on a csv file goes by SQL; below, frames are as fast and do more (corrections, sums, wide tables)."""

_PACKED = 10  # csv of codes and figures packs about tenfold
_HEADER_BYTES = 1 << 20
_AHEAD_BYTES = 256 << 20


@dataclass(frozen=True)
class LargeResult:
    """What became of a large file: rows as published, observations, rows in quarantine, results of the rules.

    ``verdict``: rows that a reviewer released (``passed``, not among the observations), and what was refused.
    """

    n_rows: int
    n_observations: int
    n_dropped: int
    n_not_applicable: int
    n_collapsed: int
    verdict: releases.Verdict
    conflicts: pd.DataFrame
    checks: pd.DataFrame

    @property
    def quarantine(self) -> pd.DataFrame:
        """Rows that stay in quarantine."""
        return self.verdict.refused


def goes_by_sql(landed: snapshots.Landed, source: Source) -> bool:
    """Whether a landed file is large, and its source one that SQL can conform."""
    text_bytes = landed.n_bytes * (_PACKED if landed.file_name.endswith(".gz") else 1)
    return text_bytes >= LARGE_BYTES and not pushdown.reason_for_frames(source, contracts.corrections())


def conform_large(warehouse: Warehouse, raw_store: Path, source: Source, file: FileFacts) -> LargeResult:
    """Stage, conform and check one file; its observations are complete, but not yet shown.

    Raises what ``staging.conform`` and the parser raise; then nothing of the file is left in the warehouse.
    """
    large = warehouse.large_file(source.source_id, file.snapshot_sha)
    large.forget()  # what a run that died may have left
    try:
        with warehouse.on_all_cores():
            n_rows, header = stage_file(large, raw_store, source, file)
            plan = make_plan(large, source, file, header)
            large.prepare(plan.tables, plan.codes, pushdown.CODED)
            refuse_unknown(large, plan, f"{file.file_name} (source {source.source_id})")
            large.fill(plan.observations)
            where = f"{file.file_name} (source {source.source_id})"
            own = releases.list_releases(raw_store, source.source_id, file.snapshot_sha)
            return judge(warehouse, large, plan, source, n_rows, where, own)
    except BaseException:
        large.forget()
        raise


def stage_file(large: LargeFile, raw_store: Path, source: Source, file: FileFacts) -> tuple[int, list[str]]:
    """Rows of the file as published, and its columns; it is read through for damage at the same time."""
    path, where = raw_store / file.snapshot_sha, f"{file.file_name} (source {source.source_id})"
    try:
        header = read_header(path, source)
        loaded = list(staging.name_columns_as_declared(pd.DataFrame(columns=header), source, where).columns)
        present = {old: name for name, olds in source.aliases.items() for old in olds if old in header}
        named = [present.get(name, name) for name in header]
        delimiter, quotechar = (
            str(source.options.get(k, v)) for k, v in (("delimiter", ","), ("quotechar", '"'))
        )
        with read_through_beside(large, raw_store, file.snapshot_sha) as n_lines:
            n_rows = large.stage_csv(path, named, loaded, delimiter, quotechar)
        if n_lines.result() != n_rows + 1:  # a cell holds a line break, or a line is empty
            refuse_swallowed(large.find_swallowed(path, named, delimiter, quotechar))
    except InputError as error:
        raise InputError(str(error) if str(error).startswith(where) else f"{where}: {error}") from error
    if n_rows < source.expect.min_rows:
        raise staging.too_few_rows(n_rows, source, where)
    return n_rows, loaded


def refuse_swallowed(line: int | None) -> None:
    """Refuse a file with whole lines of its table inside one cell of the record that ends on ``line``."""
    if line is not None:
        raise swallowed_lines(line)


@contextlib.contextmanager
def read_through_beside(large: LargeFile, raw_store: Path, snapshot_sha: str) -> Iterator[Future[int]]:
    """While SQL reads the file, a second reader some way ahead looks for what SQL would not find; its lines.

    That is a gzip file that is cut or damaged at its end, or a zip bomb, another content than was landed, letters
    lost before the file came here, and a line too long for any table. What it finds goes before what SQL says, and stops SQL.
    """
    ahead, damaged = threading.Event(), threading.Event()

    def read_through() -> int:
        try:
            n_packed = (raw_store / snapshot_sha).stat().st_size
            pieces = snapshots.read_landed_pieces(raw_store, snapshot_sha)
            return check_pieces(_signalling(pieces, ahead, n_packed))
        except BaseException:
            damaged.set()
            large.interrupt()
            raise
        finally:
            ahead.set()

    with ThreadPoolExecutor(1) as second_reader:
        reading = second_reader.submit(read_through)
        ahead.wait()
        if damaged.is_set():  # SQL must not start: a giant line would fill the memory with its error message
            reading.result()
        try:
            yield reading
        except Exception:  # also that of a query which the second reader interrupted
            reading.result()
            raise
        reading.result()


def _signalling(pieces: Iterable[bytes], ahead: threading.Event, n_packed: int) -> Iterator[bytes]:
    """The same pieces; tells when a good part of them has passed, and refuses more than ``n_packed`` bytes can hold."""
    passed = 0
    for piece in pieces:
        passed += len(piece)
        check_size(n_packed, passed, max(n_packed * MAX_RATIO, MAX_EXPANDED_BYTES))
        yield piece
        if passed > _AHEAD_BYTES:
            ahead.set()


def read_header(path: Path, source: Source) -> list[str]:
    """Columns of a csv file, read as the parser of smaller files reads them."""
    beginning = snapshots.read_beginning(path, _HEADER_BYTES)
    first, _, rest = beginning.partition(b"\n")
    if not rest and len(beginning) == _HEADER_BYTES:
        raise InputError(
            f"the first line is longer than {_HEADER_BYTES:,} bytes: this is no table; look at the file."
        )
    return [str(name) for name in read_csv(first + b"\n", source.options).columns]


def make_plan(large: LargeFile, source: Source, file: FileFacts, header: list[str]) -> pushdown.Plan:
    """The queries of one file, from the distinct texts of its code columns."""
    references = pushdown.list_references(source, file, header)
    distinct = {reference.text: large.distinct(reference.columns) for reference in references}
    return pushdown.plan(source, file, header, distinct, large.staged, large.code_type_name)


def refuse_unknown(large: LargeFile, plan: pushdown.Plan, where: str) -> None:
    """Stop for texts that a code map does not list, as conform does."""
    for unknown in plan.unknown:
        rows = large.ask(unknown.rows)
        strange = pd.Series(True, index=rows.index).to_numpy()
        staging.check_known(
            unknown.key, unknown.origin, rows["published"], strange, rows["raw_row"], unknown.listed, where
        )


def count_rows(large: LargeFile, plan: pushdown.Plan, n_rows: int) -> dict[str, int]:
    """What became of the rows: kept by the filters, blank, dropped; all are kept where all became observations."""
    if large.n_observations == n_rows:
        return {"n_kept": n_rows, "n_not_applicable": 0, "n_dropped": 0}
    return {name: int(counts[0]) for name, counts in large.ask(plan.counts).items()}


def settle_repeats(
    warehouse: Warehouse, large: LargeFile, contract: TableContract, where: str
) -> tuple[int, pd.DataFrame]:
    """Equal repeats taken out, and the verdict on what is left; figures that contradict each other are refused."""
    checks = check_rules(warehouse, large, contract)
    repeated = checks["rule_id"].isin(r.rule_id for r in list_rules(contract) if len(r.columns) > 1)
    if checks.loc[repeated, "success"].all():
        return 0, checks
    n_keys, contradictory = large.find_contradictions()
    if n_keys:
        raise ContractError(staging.describe_conflict(contradictory, where, n_keys))
    return large.collapse_repeats(), check_rules(warehouse, large, contract)


def settle_with_loaded(warehouse: Warehouse, large: LargeFile, released: pd.DataFrame) -> pd.DataFrame:
    """Figures that differ from those loaded before, among the rows that hold; equal ones are taken out."""
    conflicts = warehouse.find_conflicts(released)
    if large.has_company():
        conflicts = pd.concat([large.find_conflicts_with_loaded(), conflicts], ignore_index=True)
        large.drop_what_is_loaded()
    return conflicts


def check_rules(warehouse: Warehouse, large: LargeFile, contract: TableContract) -> pd.DataFrame:
    """Result of every rule on the observations of one file; that of size speaks of the whole table."""
    checks = warehouse.run_rules(contract, "_T", large.observations, pushdown.CODE_COLUMNS)
    return checks[checks["rule_id"] != "row_count"].reset_index(drop=True)


def judge(
    warehouse: Warehouse,
    large: LargeFile,
    plan: pushdown.Plan,
    source: Source,
    n_rows: int,
    where: str,
    own: Sequence[releases.Release] = (),
) -> LargeResult:
    """Hold the file's observations to codelists and contract; rows that break it are taken out."""
    n_unreadable = large.drop_unreadable()
    counts = count_rows(large, plan, n_rows)
    if source.mapping.keep and n_rows and not counts["n_kept"]:
        raise staging.nothing_kept(source, where)
    for codes in large.distinct_codes(staging.CHECKED_TOGETHER):
        staging.check_codelists(codes, where)
    contract = contracts.table_contract("staging.observations")
    n_collapsed, checks = settle_repeats(warehouse, large, contract, where)
    quarantine = large.list_broken(contract, checks)
    asked = large.rows([release.observation_id for release in own])
    if len(quarantine):
        large.remove(sorted(set(quarantine["observation_id"])))
    unreadable = plan.rejected if n_unreadable else f"from ({plan.rejected}) limit 0"
    rejected = large.ask(unreadable).rename(columns={"column": "column_name"}).assign(rule_id="readable")
    both = pd.concat([part for part in (quarantine, rejected) if len(part)] or [quarantine])
    verdict = releases.apply_releases(asked, asked.head(0), both.reset_index(drop=True), own, contract)
    conflicts = settle_with_loaded(warehouse, large, verdict.passed)
    return LargeResult(
        n_rows=n_rows,
        n_observations=large.n_observations,
        n_dropped=n_rows - counts["n_kept"] + counts["n_dropped"],
        n_not_applicable=counts["n_not_applicable"],
        n_collapsed=n_collapsed,
        verdict=verdict,
        conflicts=conflicts,
        checks=checks.assign(subject="incoming"),
    )
