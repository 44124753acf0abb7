"""The only module that knows DuckDB: one file, one writer, many readers of a published copy.

Schemas are a closed list. Tables come from the table contracts. Facts carry no index, load transactions no
DDL, and every load ends in a checkpoint. Everything here can be rebuilt from the landed files to the same
``content_hash``, so nothing depends on the order of loading or on the number of threads.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import errno
import fcntl
import glob
import hashlib
import json
import os
import re
import shutil
import sys
import time
import types
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO

import duckdb
import pandas as pd

from lma import contracts
from lma.contract_rules import Rule, broken_rows, counts_of_broken_rows, list_rules
from lma.contracts import Column, Correction, Source, TableContract, TableRule
from lma.errors import ContractError, DefinitionError, InputError, LockedError, OutputError, UsageError

SCHEMAS = ("raw", "staging", "codelists", "marts", "meta")

# One thread: a sum of doubles then has one order, whatever the machine. Two million rows need no more.
_CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "threads": "1",
}

# A large file is loaded on every core, within a fixed share of memory; its rows have addresses, so their
# order does not matter, and nothing is summed.
_LARGE_SETTINGS = {"threads": str(os.cpu_count() or 1), "memory_limit": "2GB"}

_CODELIST_TABLES = {
    "codelists.sources": "source_id varchar, priority integer, break_notes varchar",
    "codelists.corrections": "correction_id varchar, action varchar, reason varchar",
}

# A row that a reviewer released from a rule keeps its figure, and the rule is not asked of it again.
_NOT_RELEASED = "(source_id, observation_id) not in (select (source_id, observation_id) from meta.releases where rule_id = {})"

_BATCHES = "staging.observations_of_batches"
"""Observations of the files that were loaded as frames; those of a large file have a table of their own."""

_UNFINISHED = " unfinished"
"""End of the name of a large file's table until all of it is checked: no view shows it, whatever happens."""

MOST_CONFLICTS = 100
"""Contradicting figures of a large file that are listed; there may be more."""

_UNFINISHED_FILE = re.compile(r"\.(?P<pid>\d+)\.tmp$")

_COUNT_WHERE = re.compile(r"\s*select count\(\*\) from \{object\} where (?P<condition>.+)", re.I | re.S)


# ---------------------------------------------------------------- opening and locking


def open_for_writing(
    path: Path | str, wait_seconds: float = 30, command: str | None = None, raw_store: Path | None = None
) -> Warehouse:
    """The warehouse of ``path``, held by this process alone until it is closed.

    ``raw_store``: the one folder whose files the database may read by itself (landed files too large for
    a frame); without it, none.

    A second writer waits up to ``wait_seconds``, then stops with ``LockedError`` naming the process that
    holds the lock and what it runs. ``command`` is what others are told about this process. A file that
    DuckDB cannot open is an ``InputError`` with the remedy, one of other contracts a ``DefinitionError``.
    """
    path = Path(path)
    _make_folder(path.parent)
    deadline = time.monotonic() + wait_seconds
    lock = _take_lock(path, deadline, command or _this_command())
    with contextlib.ExitStack() as on_failure:
        on_failure.callback(lock.close)
        connection = _connect_waiting(path, deadline, raw_store)
        on_failure.callback(connection.close)
        warehouse = Warehouse(connection, path, lock, raw_store)
        warehouse._drop_unfinished()
        warehouse._create_tables()
        on_failure.pop_all()
    remove_leftovers(path, raw_store)
    return warehouse


def remove_leftovers(path: Path, raw_store: Path | None) -> int:
    """Remove the unfinished copies that killed processes left; the number removed.

    To be called under the lock of ``path``: no other process then makes a copy of it. The raw store may be
    shared with another warehouse, so that a file there is left alone while the process in its name lives.
    """
    found = list(path.parent.glob(f"{glob.escape(read_copy_path(path).name)}.*.tmp"))
    if raw_store is not None:
        named = ((_UNFINISHED_FILE.search(other.name), other) for other in raw_store.rglob("*.tmp"))
        found += [other for match, other in named if match and not _is_alive(int(match["pid"]))]
    for leftover in found:
        with contextlib.suppress(OSError):  # it is in nobody's way
            leftover.unlink()
    return len(found)


def _is_alive(pid: int) -> bool:
    """Whether another process has this number."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return pid != os.getpid()


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except OSError as error:
        raise OutputError(
            f"{folder} cannot hold the warehouse: {error.strerror}. Choose another place with --warehouse, or make "
            "the folder writable."
        ) from error


def open_for_reading(path: Path | str) -> Warehouse:
    """The published copy of the warehouse of ``path``: never locked by a writer, never half a publish."""
    copy = read_copy_path(Path(path))
    if not copy.is_file():
        raise InputError(
            f"there is no {copy.absolute()}: go to the folder where you ran `lma run`, give its database with "
            "--warehouse, or run `lma run` here first."
        )
    return Warehouse(_connect(copy, read_only=True), Path(path), None)


def read_copy_path(path: Path) -> Path:
    """Where the copy for readers of the warehouse ``path`` stands."""
    return path.with_name(f"{path.stem}.read.duckdb")


def _this_command() -> str:
    return " ".join([Path(sys.argv[0]).name or "python", *sys.argv[1:]])


def _take_lock(path: Path, deadline: float, command: str) -> TextIO:
    """An exclusive lock of the operating system, which ends with the process however it ends."""
    lock = Path(f"{path}.lock").open("a+", encoding="utf-8")  # noqa: SIM115 (held until the warehouse closes)
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise _locked(path, *_read_holder(lock)) from None
            time.sleep(0.05)
    lock.seek(0)
    lock.truncate()
    lock.write(json.dumps({"pid": os.getpid(), "command": command}))
    lock.flush()
    return lock


def _read_holder(lock: TextIO) -> tuple[str, str]:
    lock.seek(0)
    try:
        holder = json.loads(lock.read())
    except ValueError:  # the holder has the lock but has not written its name yet
        return "unknown", "unknown"
    finally:
        lock.close()
    return str(holder["pid"]), str(holder["command"])


def _locked(path: Path, pid: str, command: str) -> LockedError:
    return LockedError(
        f"{path} is being written by process {pid} ({command}). "
        "Wait until it has ended and run the command again; only one process writes at a time."
    )


def _connect_waiting(path: Path, deadline: float, raw_store: Path | None) -> duckdb.DuckDBPyConnection:
    """A connection, waiting for a process that holds the file without our lock (such as a database shell)."""
    while True:
        try:
            return _connect(path, read_only=False, raw_store=raw_store)
        except LockedError:
            if time.monotonic() >= deadline:
                raise
            time.sleep(0.1)


def _connect(path: Path, *, read_only: bool, raw_store: Path | None = None) -> duckdb.DuckDBPyConnection:
    try:
        connection = duckdb.connect(str(path), read_only=read_only, config=_CONFIG)
    except duckdb.Error as error:
        found = re.search(r"Conflicting lock is held in (?P<command>.*?) \(PID (?P<pid>\d+)\)", str(error))
        if found:
            raise _locked(path, found["pid"], found["command"]) from error
        raise InputError(
            f"{path} cannot be opened as a warehouse: {error}. Move it (and {path.name}.wal) away and run "
            "`lma refresh`: it is built again from the landed files, to the same content."
        ) from error
    connection.execute("set timezone = 'UTC'")
    if raw_store is not None:
        connection.execute(f"set allowed_directories = [{_literal(str(raw_store.resolve()))}]")
    connection.execute("set enable_external_access = false")
    return connection


# ---------------------------------------------------------------- frames in and out


def _quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _columns(names: Sequence[str]) -> str:
    return ", ".join(map(_quote, names))


def _contract_file(contract: TableContract) -> str:
    return f"data_contracts/tables/{contract.name}.odcs.yaml"


def _check_columns(frame: pd.DataFrame, contract: TableContract) -> None:
    """Stop unless the frame has exactly the contract's columns, in order."""
    found, expected = list(frame.columns), contract.column_names
    if found != expected:
        missing, unknown = [c for c in expected if c not in found], [c for c in found if c not in expected]
        raise ContractError(
            f"a frame for {contract.name} does not have its columns: missing {missing or 'none'}, "
            f"unknown {unknown or 'none'}; the order must be that of {_contract_file(contract)}."
        )


def _arrow_column(series: pd.Series[Any], column: Column) -> Any:
    import pyarrow as pa

    types = {
        "VARCHAR": pa.string(),
        "DOUBLE": pa.float64(),
        "INTEGER": pa.int32(),
        "BOOLEAN": pa.bool_(),
        "DATE": pa.date32(),
        "TIMESTAMP": pa.timestamp("us"),
        "VARCHAR[]": pa.list_(pa.string()),
    }
    if column.physical_type in ("DATE", "TIMESTAMP") and series.dtype == object:
        series = pd.to_datetime(series, format="ISO8601")
    return pa.array(series, type=types[column.physical_type], from_pandas=True)


def _arrow_table(frame: pd.DataFrame, contract: TableContract) -> Any:
    """The frame with the contract's types, so that nothing is guessed from the first rows."""
    import pyarrow as pa

    _check_columns(frame, contract)
    arrays = []
    for column in contract.columns:
        try:
            arrays.append(_arrow_column(frame[column.name], column))
        except (pa.ArrowInvalid, pa.ArrowTypeError, ValueError, TypeError) as error:
            raise ContractError(
                f"column {column.name} of a frame for {contract.name} is not {column.physical_type}: "
                f"{error}. Correct the step that made the frame."
            ) from error
    return pa.Table.from_arrays(arrays, names=contract.column_names)


def _to_pandas(table: Any) -> pd.DataFrame:
    """Dates as ``datetime.date``, lists as python lists, missing text as None, missing numbers as NaN."""
    import pyarrow as pa

    frame: pd.DataFrame = table.to_pandas(date_as_object=True)
    lists = [field.name for field in table.schema if pa.types.is_list(field.type)]
    return frame.assign(**{name: frame[name].map(list, na_action="ignore") for name in lists})


def _text_table(frame: pd.DataFrame, names: Sequence[str]) -> Any:
    """An all-text frame of a publisher under the given column names."""
    import pyarrow as pa

    arrays = [pa.array(frame.iloc[:, i], type=pa.string(), from_pandas=True) for i in range(frame.shape[1])]
    return pa.Table.from_arrays(arrays, names=list(names))


def _distinct_names(names: Sequence[str]) -> list[str]:
    """Names that stay distinct where upper and lower case are one, as they are in DuckDB."""
    taken = {"snapshot_sha", "raw_row"}
    distinct = []
    for name in map(str, names):
        candidate, n = name or "column", 1
        while candidate.lower() in taken:
            n += 1
            candidate = f"{name or 'column'} ({n})"
        taken.add(candidate.lower())
        distinct.append(candidate)
    return distinct


def _quote_name(name: str) -> str:
    """``schema.table`` with the table quoted."""
    schema, _, table = name.partition(".")
    return f"{schema}.{_quote(table)}"


def _is_part(name: str) -> bool:
    """Whether a table holds the observations of one large file."""
    return name.startswith("staging.") and ":" in name and not name.endswith(_UNFINISHED)


def _is_of_large_file(name: str) -> bool:
    """Whether a table was made on the way of one large file into the warehouse: no other has a colon in its name."""
    return name.startswith(("staging.", "raw.")) and ":" in name


def _raw_table_name(source_id: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9_]+", source_id):
        raise DefinitionError(f"{source_id!r} cannot be a source_id: use lower case letters, digits and _.")
    return f"raw.{_quote(source_id)}"


def _own_query(file_name: str) -> Path:
    return contracts.resource_root() / "warehouse" / file_name


def _query_text(path: Path) -> str:
    if not path.is_file():
        raise DefinitionError(f"{path} does not exist: restore it, it belongs to the project.")
    return path.read_text(encoding="utf-8")


def _bind_dates(as_of: dt.date | None, bounds: Mapping[str, dt.date] | None) -> dict[str, Any]:
    """Parameters of the queries that know vintages: one date for all sources, and other dates for some."""
    ordered = sorted((bounds or {}).items())
    return {
        "as_of": as_of or dt.date.max,
        "bounded_sources": [source_id for source_id, _ in ordered],
        "bounds": [known_until for _, known_until in ordered],
    }


# ---------------------------------------------------------------- contract rules written in SQL


def find_rule_breakers(frame: pd.DataFrame, contract: TableContract) -> pd.DataFrame:
    """Rows of a frame that break the contract's SQL rules, one row per frame row and rule.

    Columns ``row`` (position in the frame, from 0), ``rule_id``, ``reason``. Needs no warehouse, so rows can
    be refused before they are loaded. Rules that are not ``select count(*) from {object} where ...`` speak
    of a whole table and are left to ``Warehouse.run_sql_rules``.
    """
    import pyarrow as pa

    rules = [(rule, found["condition"]) for rule in _sql_rules(contract) if (found := _row_condition(rule))]
    table = _arrow_table(frame, contract).append_column("row", pa.array(range(len(frame)), type=pa.int64()))
    broken = []
    with duckdb.connect(":memory:", config=_CONFIG) as connection:
        connection.register("incoming", table)
        for rule, condition in rules:
            query = f'select "row" from incoming where {condition} order by "row"'
            rows = [row for (row,) in _execute_rule(connection, query, rule, contract).fetchall()]
            broken += [(row, rule.rule_id, rule.description) for row in rows]
    return pd.DataFrame(broken, columns=["row", "rule_id", "reason"])


def _row_condition(rule: TableRule) -> re.Match[str] | None:
    """Match whose ``condition`` a row that breaks the rule meets; None for a rule about a whole table."""
    return _COUNT_WHERE.fullmatch(rule.query)


def _sql_rules(contract: TableContract) -> list[TableRule]:
    return [rule for rule in contract.rules if rule.kind == "sql"]


def _execute_rule(connection: Any, query: str, rule: TableRule, contract: TableContract) -> Any:
    try:
        return connection.execute(query)
    except duckdb.Error as error:
        raise DefinitionError(
            f"rule {rule.rule_id} of {_contract_file(contract)} cannot be run: {error}. Correct its query."
        ) from error


# ---------------------------------------------------------------- nodes on the path of a number


@dataclass(frozen=True)
class _NodeTable:
    """Where the ids with one prefix live, and how a node is shown."""

    prefix: str
    kind: str
    table: str
    id_column: str
    label: tuple[str, ...]
    value: str = "value"
    unit: str = "unit_measure"
    step: str = "step"
    basis: str = "basis"

    def query(self) -> str:
        """One row per asked id of this table, with the columns of ``Warehouse.trace``."""
        return f"""
            select
                {self.id_column} as node_id, '{self.kind}' as kind,
                concat_ws(' ', {", ".join(self.label)}) as label, {self.step} as step,
                {self.value} as value, {self.unit} as unit_measure, {self.basis} as basis,
                null as source_id, null as as_of, null as snapshot_sha, null as raw_row, null as raw_column,
                inputs
            from {self.table} where {self.id_column} in (select node_id from asked)"""


_NODE_TABLES = (
    _NodeTable(
        "I:", "indicator", "marts.indicators", "indicator_id",
        ("indicator", "ref_area", "counterpart_area", "sex", "economic_activity", "time_period"),
    ),
    _NodeTable(
        "F:", "forecast", "marts.forecasts", "forecast_id",
        ("indicator", "ref_area", "sex", "economic_activity", "model_id", "target_period",
         "output_type", "output_type_id"),
    ),
    _NodeTable(
        "K:", "forecast_score", "marts.forecast_scores", "score_id",
        ("indicator", "ref_area", "economic_activity", "model_id", "horizon"),
        value="mase", unit="'RATIO'", basis="null",
    ),
    _NodeTable(
        "P:", "past_forecast", "marts.past_forecasts", "past_forecast_id",
        ("evidence", "indicator", "ref_area", "sex", "economic_activity", "model_id", "'as of'", "as_of", "target_period",
         "output_type", "output_type_id"), basis="'projection'",
    ),
    _NodeTable(
        "E:", "past_forecast_score", "marts.past_forecast_scores", "past_score_id",
        ("evidence", "indicator", "ref_area", "sex", "economic_activity", "outcome", "horizon"),
        value="mae", basis="null",
    ),
    _NodeTable(
        "G:", "past_balance", "marts.past_balances", "past_balance_id",
        ("ref_area", "economic_activity", "'from'", "origin_date", "time_period"),
        value="gap_pc_q50", unit="'PC'", basis="'projection'",
    ),
    _NodeTable(
        "B:", "balance", "marts.balances", "balance_id",
        ("scenario", "ref_area", "economic_activity", "occupation", "time_period", "measure",
         "output_type", "output_type_id"),
    ),
    _NodeTable(
        "S:", "shortage", "marts.shortages", "shortage_id",
        ("method", "ref_area", "economic_activity", "occupation", "indicator", "rating"),
    ),
    _NodeTable(
        "D:", "decision", "marts.decisions", "decision_id",
        ("ref_area", "economic_activity", "occupation", "step_id", "outcome"),
    ),
    _NodeTable(
        "C:", "corridor", "marts.corridors", "corridor_id",
        ("origin", "'to'", "destination", "economic_activity", "stock_period"),
        value="stock", unit="'PS'",
    ),
    _NodeTable(
        "R:", "revision", "marts.revisions", "revision_id",
        ("indicator", "ref_area", "economic_activity", "time_period", "source_id", "as_of"),
        step="'new vintage minus the one before it'", basis="null",
    ),
)  # fmt: skip

_OBSERVATION_NODES = """
    select
        staged.observation_id as node_id, 'observation' as kind,
        concat_ws(' ', staged.indicator, staged.ref_area, staged.counterpart_area, staged.sex, staged.age,
            staged.economic_activity, staged.time_period) as label,
        coalesce(preferred.preferred_because, 'published figure') as step,
        staged.obs_value as value, staged.unit_measure, staged.basis, staged.source_id, staged.as_of,
        staged.snapshot_sha, staged.raw_row, staged.raw_column, cast([] as varchar[]) as inputs
    from staging.observations as staged
    left join marts.observations as preferred using (observation_id, source_id)
    where staged.observation_id in (select node_id from asked)"""

_TRACE_COLUMNS = """
    asked.node_id, coalesce(nodes.kind, 'unknown') as kind, nodes.label, nodes.step, nodes.value,
    nodes.unit_measure, nodes.basis, nodes.source_id, nodes.as_of, nodes.snapshot_sha, nodes.raw_row,
    nodes.raw_column, coalesce(nodes.inputs, []) as inputs"""


def _trace_query(asked: Sequence[str]) -> str:
    """Query of the table ``asked`` (node_id, position); only the tables that the ids point to are scanned."""
    tables = [table for table in _NODE_TABLES if any(node.startswith(table.prefix) for node in asked)]
    nodes = " union all ".join([_OBSERVATION_NODES, *(table.query() for table in tables)])
    return f"""
        select {_TRACE_COLUMNS} from asked left join ({nodes}) as nodes using (node_id)
        order by asked.position"""


# ---------------------------------------------------------------- the warehouse


class Warehouse:
    """An open warehouse; use it in a ``with`` block. Made by ``open_for_writing`` or ``open_for_reading``."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        path: Path,
        lock: TextIO | None,
        raw_store: Path | None = None,
    ) -> None:
        self._connection = connection
        self._lock = lock
        self._raw_store = raw_store
        self.path = path

    def __enter__(self) -> Warehouse:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file, then let the next writer in."""
        self._connection.close()
        if self._lock:
            self._lock.close()

    # ------------------------------------------------------------ tables

    def _create_tables(self) -> None:
        """Everything the contracts name, in one transaction of its own: hundreds of statements, one wait."""
        existing = self._existing_columns()
        query = _query_text(_own_query("observations.sql")).replace("$as_of", "known_at")
        query = query.replace("$bounded_sources", "[]").replace("$bounds", "[]")
        with self._transaction() as connection:
            for schema in SCHEMAS:
                connection.execute(f"create schema if not exists {schema}")
            for name, columns in _CODELIST_TABLES.items():
                connection.execute(f"create table if not exists {name} ({columns})")
            for contract in contracts.table_contracts().values():
                if contract.name == "staging.observations":
                    self._create_observations(contract, existing)
                elif contract.name not in existing:
                    self._create_table(contract)
                elif existing[contract.name] != contract.column_names:
                    raise self._made_by_other_contracts(contract, existing[contract.name])
            macro = "create or replace macro marts.observations_as_of(known_at) as table"
            connection.execute(f"{macro} {query}")

    def _drop_unfinished(self) -> int:
        """Drop what a killed load of a large file left behind: tables that no view shows; their number."""
        large = [name for name in self._existing_columns() if _is_of_large_file(name)]
        parts = {name.partition(".")[2] for name in large if _is_part(name)}
        left = [name for name in large if name.partition(".")[2] not in parts]
        if left:
            with self._transaction() as connection:
                for name in left:
                    connection.execute(f"drop table if exists {_quote_name(name)}")
                for name in {one.partition(".")[2].removesuffix(_UNFINISHED) for one in left} - parts:
                    connection.execute(f"drop type if exists {_quote_name(f'staging.codes of {name}')}")
        return len(left)

    def _create_table(self, contract: TableContract) -> None:
        for statement in [contract.ddl(), *contract.comments()]:
            self._connection.execute(statement)

    def _create_observations(self, contract: TableContract, existing: Mapping[str, list[str]]) -> None:
        """All observations are one view: a table for files loaded as frames, and one for each large file."""
        if contract.name in existing and _BATCHES not in existing:
            raise self._made_by_other_contracts(contract, existing[contract.name])
        if _BATCHES not in existing:
            self._connection.execute(replace(contract, name=_BATCHES).ddl())
        elif existing[_BATCHES] != contract.column_names:
            raise self._made_by_other_contracts(contract, existing[_BATCHES])
        self._show_observations([name for name in existing if _is_part(name)])

    def _show_observations(self, parts: Sequence[str]) -> None:
        """Make ``staging.observations`` the union of the batches and these parts."""
        contract = contracts.table_contract("staging.observations")
        listed = [
            f"cast({_quote(c.name)} as {c.physical_type}) as {_quote(c.name)}" for c in contract.columns
        ]
        selects = [f"select * from {_BATCHES}"]
        selects += [f"select {', '.join(listed)} from {_quote_name(part)}" for part in sorted(set(parts))]
        self._connection.execute(f"create or replace view {contract.name} as {' union all '.join(selects)}")

    def _parts(self) -> list[str]:
        return [name for name in self._existing_columns() if _is_part(name)]

    def _existing_columns(self) -> dict[str, list[str]]:
        rows = self._connection.execute(
            "select schema_name || '.' || table_name, list(column_name order by column_index) "
            "from duckdb_columns() where not internal group by all"
        ).fetchall()
        return dict(rows)

    def _made_by_other_contracts(self, contract: TableContract, found: list[str]) -> DefinitionError:
        differing = sorted(set(found) ^ set(contract.column_names)) or ["the order of columns"]
        return DefinitionError(
            f"{contract.name} in {self.path} was made by another version of its contract (differs in: "
            f"{', '.join(differing)}). Move the file away and run `lma refresh`: it is built again from the "
            "landed files."
        )

    @contextlib.contextmanager
    def _transaction(self, incoming: Any = None) -> Iterator[duckdb.DuckDBPyConnection]:
        """All or nothing, then a checkpoint. ``incoming`` is visible as a table of that name."""
        if incoming is not None:
            self._connection.register("incoming", incoming)
        self._connection.begin()
        try:
            yield self._connection
            self._connection.commit()
        except BaseException as error:
            with contextlib.suppress(duckdb.Error):
                self._connection.rollback()
            if isinstance(error, duckdb.ConstraintException):
                raise ContractError(f"{error}. The rows were refused and nothing was changed.") from error
            raise
        finally:
            if incoming is not None:
                self._connection.unregister("incoming")
        self._connection.execute("checkpoint")

    def _insert(self, name: str, columns: Sequence[str], where: str = "true") -> int:
        listed = _columns(columns)
        query = f"insert into {name} ({listed}) select {listed} from incoming where {where}"
        return int(self._connection.execute(query).fetchall()[0][0])

    def _upsert(self, name: str, frame: pd.DataFrame, key: Sequence[str]) -> int:
        """Rows of the frame take the place of those with the same values in ``key``."""
        contract = contracts.table_contract(name)
        same = " and ".join(f"t.{column} = incoming.{column}" for column in key)
        with self._transaction(_arrow_table(frame, contract)) as connection:
            connection.execute(f"delete from {name} as t using incoming where {same}")
            return self._insert(name, contract.column_names)

    # ------------------------------------------------------------ loading

    def load_raw(self, source_id: str, frame: pd.DataFrame, snapshot_sha: str) -> int:
        """Rows added to ``raw.<source_id>``: every column of the file as text, with ``raw_row`` from 1.

        A later file may bring new columns. A file already loaded for this source adds nothing (0).
        """
        import pyarrow as pa

        name, columns = _raw_table_name(source_id), _distinct_names(list(frame.columns))
        self._prepare_raw_table(source_id, columns)
        query = f"select 1 from {name} where snapshot_sha = ? limit 1"
        if self._connection.execute(query, [snapshot_sha]).fetchall():
            return 0
        table = _text_table(frame, columns)
        table = table.append_column("snapshot_sha", pa.array([snapshot_sha] * len(frame), type=pa.string()))
        table = table.append_column("raw_row", pa.array(range(1, len(frame) + 1), type=pa.int32()))
        with self._transaction(table):
            return self._insert(name, ["snapshot_sha", "raw_row", *columns])

    def _prepare_raw_table(self, source_id: str, columns: Sequence[str]) -> None:
        """Create the table, or add the columns it lacks: before the load, never in its transaction."""
        name, found = _raw_table_name(source_id), self._existing_columns().get(f"raw.{source_id}", [])
        present = {column.lower() for column in found}
        missing = [column for column in columns if column.lower() not in present]
        if found and not missing:
            return
        with self._transaction() as connection:
            first = "snapshot_sha varchar not null, raw_row integer not null"
            connection.execute(f"create table if not exists {name} ({first})")
            for column in missing:
                connection.execute(f"alter table {name} add column {_quote(column)} varchar")

    def load_codelists(
        self, sources: Mapping[str, Source] | None = None, corrections: Sequence[Correction] | None = None
    ) -> None:
        """Codelist CSV, and what the preference of sources needs (priority, break notes, declared breaks)."""
        sources = contracts.sources() if sources is None else sources
        corrections = contracts.corrections() if corrections is None else corrections
        with self._transaction():
            for path in sorted(contracts.codelists_dir().glob("*.csv")):
                self._replace_codelist(path.stem)
        with self._transaction() as connection:
            connection.execute("delete from codelists.sources")
            connection.execute("delete from codelists.corrections")
            for source in sources.values():
                row = [source.source_id, source.priority, source.break_notes]
                connection.execute("insert into codelists.sources values (?, ?, ?)", row)
            for correction in corrections:
                row = [correction.id, correction.action, correction.reason]
                connection.execute("insert into codelists.corrections values (?, ?, ?)", row)

    def _replace_codelist(self, name: str) -> None:
        frame = contracts.codelist(name)
        self._connection.register("incoming", _text_table(frame, list(frame.columns)))
        try:
            table = f"codelists.{_quote(name)}"
            self._connection.execute(f"create or replace table {table} as from incoming")
        finally:
            self._connection.unregister("incoming")

    def append_observations(self, frame: pd.DataFrame) -> int:
        """Rows added to ``staging.observations``.

        A row whose address this source already has adds nothing; nor does one whose key and figure stand
        there from another file of the same vintage (the publisher's table saved again in other bytes). The
        same key with another figure is added, so that the contract's uniqueness rule finds the conflict.
        """
        contract = contracts.table_contract("staging.observations")
        key = " and ".join(f"s.{column} = incoming.{column}" for column in contract.primary_key)
        same_address = "s.source_id = incoming.source_id and s.observation_id = incoming.observation_id"
        same_figure = f"{key} and s.obs_value is not distinct from incoming.obs_value"
        known = "select 1 from staging.observations as s where"
        with self._transaction(_arrow_table(frame, contract)):
            where = f"not exists ({known} {same_address}) and not exists ({known} {same_figure})"
            return self._insert(_BATCHES, contract.column_names, where)

    def find_conflicts(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Rows whose key stands in ``staging.observations`` with another figure, from another row.

        Columns key (in words), observation_id, obs_value, loaded_id, loaded_value, in the order of observation_id.
        """
        contract = contracts.table_contract("staging.observations")
        same_key = " and ".join(f"s.{column} = incoming.{column}" for column in contract.primary_key)
        words = "concat_ws(' ', s.indicator, s.ref_area, s.counterpart_area, s.sex, s.age, s.economic_activity, s.time_period)"
        self._connection.register("incoming", _arrow_table(frame, contract))
        try:
            found = self._connection.execute(
                f"select {words} as key, incoming.observation_id, incoming.obs_value, s.observation_id as loaded_id, "
                f"s.obs_value as loaded_value from incoming join staging.observations as s on {same_key} "
                "where s.obs_value is distinct from incoming.obs_value and s.observation_id <> incoming.observation_id "
                "order by incoming.observation_id, loaded_id"
            )
            return _to_pandas(found.to_arrow_table())
        finally:
            self._connection.unregister("incoming")

    def forget_snapshot(self, source_id: str, snapshot_sha: str) -> int:
        """Remove what one landed file brought in, so that it can be loaded again under changed definitions.

        The landed file itself stays. Returns the number of observations removed.
        """
        raw = [_raw_table_name(source_id)] if f"raw.{source_id}" in self._existing_columns() else []
        where, file = "snapshot_sha = $sha", {"sha": snapshot_sha}
        n_large = self.large_file(source_id, snapshot_sha).forget()
        with self._transaction() as connection:
            for name in raw:
                connection.execute(f"delete from {name} where {where}", file)
            for name in ["meta.snapshots", "meta.quarantine", "meta.releases", _BATCHES]:
                query = f"delete from {name} where {where} and source_id = $source_id"
                removed = connection.execute(query, file | {"source_id": source_id}).fetchall()
        return n_large + int(removed[0][0])

    def forget_unfinished(self, source_id: str, snapshot_sha: str) -> bool:
        """Remove what a killed process left of a file that it did not load to the end; whether there was anything.

        meta.snapshots is written last: a file that stands there is whole and stays.
        """
        file, existing = {"source_id": source_id, "sha": snapshot_sha}, self._existing_columns()

        def holds(table: str, where: str = "snapshot_sha = $sha and source_id = $source_id") -> bool:
            own = {name: value for name, value in file.items() if f"${name}" in where}
            return bool(
                self._connection.execute(f"select 1 from {table} where {where} limit 1", own).fetchall()
            )

        large, raw = self.large_file(source_id, snapshot_sha), f"raw.{source_id}"
        is_part = not existing.keys().isdisjoint((large.part, large.stage))
        is_part = is_part or (raw in existing and holds(_raw_table_name(source_id), "snapshot_sha = $sha"))
        is_part = is_part or holds(_BATCHES)
        if not is_part or holds("meta.snapshots"):
            return False
        self.forget_snapshot(source_id, snapshot_sha)
        return True

    def large_file(self, source_id: str, snapshot_sha: str) -> LargeFile:
        """A landed file that is loaded by SQL, without ever being a frame."""
        return LargeFile(self, source_id, snapshot_sha)

    @contextlib.contextmanager
    def on_all_cores(self) -> Iterator[None]:
        """For the time of loading a large file: every core, and a bounded share of memory."""
        usual = self._connection.execute("select current_setting('memory_limit')").fetchall()[0][0]
        try:
            for name, value in _LARGE_SETTINGS.items():
                self._connection.execute(f"set {name} = {_literal(value)}")
            yield
        finally:
            # `reset` would show the usual limit again, but leave the former one in force.
            self._connection.execute(f"set memory_limit = {_literal(usual)}")
            self._connection.execute("set threads = 1")

    # ------------------------------------------------------------ building marts

    def build_observations(
        self, as_of: dt.date | None = None, bounds: Mapping[str, dt.date] | None = None
    ) -> int:
        """Rows of ``marts.observations`` for all countries, as known at ``as_of`` (default: all known).

        ``bounds``: sources whose knowledge ends on another date than ``as_of``.
        """
        self._check_sources_are_known()
        return self._rebuild("marts.observations", "observations.sql", _bind_dates(as_of, bounds))

    def build_revisions(
        self, as_of: dt.date | None = None, bounds: Mapping[str, dt.date] | None = None
    ) -> int:
        """Rows of ``marts.revisions``: every figure that a newer vintage changed; dates as above."""
        return self._rebuild("marts.revisions", "revisions.sql", _bind_dates(as_of, bounds))

    def summarise_revisions(
        self, ref_areas: Sequence[str], after: dt.date | None = None, as_of: dt.date | None = None
    ) -> pd.DataFrame:
        """First figure against latest, by source, indicator and country: see warehouse/revision_summary.sql.

        ``after``: only figures first published after that date count; ``as_of``: only what was known then.
        """
        parameters = {**_bind_dates(as_of, None), "after": after or dt.date.min, "ref_areas": list(ref_areas)}
        query = _query_text(_own_query("revision_summary.sql"))
        return _to_pandas(self._connection.execute(query, parameters).to_arrow_table())

    def compare_sources(
        self, ref_area: str, as_of: dt.date | None = None, bounds: Mapping[str, dt.date] | None = None
    ) -> pd.DataFrame:
        """Cells of a country for which two sources have a figure: see warehouse/source_conflicts.sql; dates as above."""
        parameters = {**_bind_dates(as_of, bounds), "ref_areas": [ref_area]}
        query = _query_text(_own_query("source_conflicts.sql"))
        return _to_pandas(self._connection.execute(query, parameters).to_arrow_table())

    def _rebuild(self, name: str, file_name: str, parameters: Mapping[str, Any]) -> int:
        with self._transaction() as connection:
            connection.execute(f"delete from {name}")
            return self._insert_query(name, _own_query(file_name), parameters)

    def _insert_query(self, name: str, path: Path, parameters: Mapping[str, Any]) -> int:
        columns = contracts.table_contract(name).column_names
        query = _query_text(path).strip().rstrip(";")
        try:
            described = self._connection.execute(f"describe {query}", dict(parameters)).fetchall()
            if (found := [row[0] for row in described]) != columns:
                raise DefinitionError(f"{path} gives {found}; {name} has {columns}. Make them equal.")
            inserted = self._connection.execute(f"insert into {name} {query}", dict(parameters))
            return int(inserted.fetchall()[0][0])
        except duckdb.ConstraintException:
            raise
        except duckdb.Error as error:
            bound = ", ".join(f"${parameter}" for parameter in parameters) or "none"
            raise DefinitionError(
                f"{path} cannot be run: {error}. It must use its parameters ({bound}); correct it."
            ) from error

    def _check_sources_are_known(self) -> None:
        unknown = self._connection.execute(
            "select distinct source_id from staging.observations "
            "where source_id not in (select source_id from codelists.sources) order by source_id"
        ).fetchall()
        if unknown:
            raise DefinitionError(
                f"staging.observations has figures of {', '.join(row[0] for row in unknown)}, and no such source is "
                f"defined {contracts.where_sources_are()} If you gave the source up, move the database away "
                "and run `lma refresh`: it is built again without these figures."
            )

    def observations_as_of(
        self,
        as_of: dt.date,
        ref_area: str | Sequence[str] | None = None,
        any_of: Mapping[str, Collection[str]] | None = None,
    ) -> pd.DataFrame:
        """What ``marts.observations`` was at a date; it never sees later knowledge. ``any_of``: as for ``read``."""
        contract = contracts.table_contract("marts.observations")
        relation = "marts.observations_as_of($as_of)"
        return self._read(relation, contract, ref_area, {"as_of": as_of}, any_of or {})

    def run_indicators(self, ref_areas: Sequence[str], folder: Path | None = None) -> int:
        """Rows of ``marts.indicators`` computed for these countries, in place of their former ones.

        Each ``warehouse/indicators/*.sql`` runs in the order of file names, with ``$ref_areas`` bound, and
        may select from ``marts.observations`` and from indicators of files before it. All or nothing.
        """
        paths = sorted((folder or _own_query("indicators")).glob("*.sql"))
        parameters = {"ref_areas": list(ref_areas)}
        with self._transaction() as connection:
            connection.execute(
                "delete from marts.indicators where ref_area in (select unnest($ref_areas))", parameters
            )
            return sum(self._insert_query("marts.indicators", path, parameters) for path in paths)

    def replace(self, table: str, frame: pd.DataFrame, ref_area: str | None = None) -> int:
        """Rows written: the frame takes the place of the table, or of one country's part of it.

        A frame with other columns or types, or with rows of another country, is a ``ContractError`` and
        changes nothing.
        """
        contract = contracts.table_contract(table)
        incoming = _arrow_table(frame, contract)
        if ref_area is not None and (others := sorted(set(frame["ref_area"]) - {ref_area})):
            raise ContractError(
                f"a frame for the {ref_area} part of {table} has rows of {', '.join(map(str, others))}: "
                "write each country by itself."
            )
        with self._transaction(incoming) as connection:
            if ref_area is None:
                connection.execute(f"delete from {table}")
            else:
                connection.execute(f"delete from {table} where ref_area = ?", [ref_area])
            return self._insert(table, contract.column_names)

    # ------------------------------------------------------------ reading

    def read(
        self,
        table: str,
        ref_area: str | Sequence[str] | None = None,
        any_of: Mapping[str, Collection[str]] | None = None,
    ) -> pd.DataFrame:
        """A table of the contracts in the order of its key: dates as ``datetime.date``, lists as lists.

        Missing text is None, missing numbers NaN (an integer column with missing values is float). ``any_of``:
        only rows in which at least one of these columns has one of its values.
        """
        return self._read(table, contracts.table_contract(table), ref_area, {}, any_of or {})

    def _read(
        self,
        relation: str,
        contract: TableContract,
        ref_area: str | Sequence[str] | None,
        parameters: Mapping[str, Any],
        any_of: Mapping[str, Collection[str]] = types.MappingProxyType({}),
    ) -> pd.DataFrame:
        conditions, bound = [], dict(parameters)
        if ref_area is not None:
            if "ref_area" not in contract.column_names:
                raise UsageError(f"{contract.name} has no ref_area: read the whole table.")
            conditions.append("ref_area in (select unnest($ref_areas))")
            bound["ref_areas"] = [ref_area] if isinstance(ref_area, str) else list(ref_area)
        if any_of:
            named = [f"{_quote(column)} in (select unnest($any_{column}))" for column in any_of]
            conditions.append(f"({' or '.join(named)})")
            bound |= {f"any_{column}": sorted(values) for column, values in any_of.items()}
        where = f"where {' and '.join(conditions)}" if conditions else ""
        order = _columns([*contract.primary_key, contract.column_names[0]])
        query = f"select {_columns(contract.column_names)} from {relation} {where} order by {order}"
        return _to_pandas(self._connection.execute(query, bound).to_arrow_table())

    def count_rows(self, table: str) -> int:
        """Number of rows of a table of the contracts."""
        name = contracts.table_contract(table).name
        return int(self._connection.execute(f"select count(*) from {name}").fetchall()[0][0])

    def content_hash(self, table: str, ref_area: str | None = None) -> str:
        """sha256 of the rows of a table, or of one country's, in whatever order they stand.

        Times of landing and running are left out, so a rebuilt warehouse has the same hashes.
        """
        contract = contracts.table_contract(table)
        cells = [_hashed_cell(column) for column in contract.columns if column.physical_type != "TIMESTAMP"]
        where = "" if ref_area is None else "where ref_area = ?"
        row_hash = f"sha256(concat({', chr(31), '.join(cells)}))"
        query = f"select {row_hash} as row_hash from {table} {where} order by row_hash"
        result = self._connection.execute(query, [] if ref_area is None else [ref_area])
        digest = hashlib.sha256()
        while rows := result.fetchmany(50_000):
            digest.update("".join(row[0] for row in rows).encode())
        return digest.hexdigest()

    # ------------------------------------------------------------ checks and the ledger

    def run_sql_rules(self, contract: TableContract, subject: str = "_T") -> pd.DataFrame:
        """Result of the contract's SQL rules: meta.contract_checks without run_id, plus ``examples``.

        ``subject`` is a country (rows of that ref_area), or ``_T`` for the whole table.
        """
        of_country = f"(from {contract.name} where ref_area = {_literal(subject)})"
        source = contract.name if subject == "_T" else of_country
        columns = [c for c in contracts.table_contract("meta.contract_checks").column_names if c != "run_id"]
        n_rows = self._count(source)
        return pd.DataFrame(
            [self._run_sql_rule(rule, contract, source, n_rows, subject) for rule in _sql_rules(contract)],
            columns=[*columns, "examples"],
        )

    def run_rules(
        self,
        contract: TableContract,
        subject: str = "_T",
        table: str | None = None,
        codes: Collection[str] = (),
    ) -> pd.DataFrame:
        """Result of every rule of the contract by SQL, for a table too large for a frame; as ``run_sql_rules``.

        ``table``: SQL name of rows to check instead of the contract's own; ``codes``: its columns of few texts.
        """
        source = table or contract.name
        source = source if subject == "_T" else f"(from {source} where ref_area = {_literal(subject)})"
        rules = list_rules(contract)
        of_columns = [rule for rule in rules if rule.kind not in ("unique", "row_count", "sql")]
        n_rows = self._count(source)
        counts = self._connection.execute(counts_of_broken_rows(of_columns, source, codes)).fetchall()[0]
        n_failed = dict(zip((rule.rule_id for rule in of_columns), counts, strict=True))
        results = [
            self._run_rule(rule, contract, source, n_rows, subject, n_failed.get(rule.rule_id))
            for rule in rules
            if rule.kind != "sql"
        ]
        results += [
            self._run_sql_rule(rule, contract, source, n_rows, subject) for rule in _sql_rules(contract)
        ]
        columns = [c for c in contracts.table_contract("meta.contract_checks").column_names if c != "run_id"]
        return pd.DataFrame(results, columns=[*columns, "examples"])

    def _run_rule(
        self, rule: Rule, contract: TableContract, source: str, n_rows: int, subject: str, counted: int | None
    ) -> dict[str, Any]:
        """Result of one rule about columns, keys or size; ``counted``: rows that break it, where known."""
        examples = ""
        if rule.kind == "row_count":
            success, n_failed = n_rows >= (rule.minimum or 0), 0
        else:
            broken = f"({broken_rows(rule, source)})"
            n_failed = counted if counted is not None else self._count(broken)
            success = n_failed == 0
            examples = "" if success else self._first_keys(contract, broken)
        return {
            "table_name": contract.name,
            "subject": subject,
            "rule_id": rule.rule_id,
            "column_name": rule.column_name,
            "description": rule.description,
            "success": success,
            "n_checked": n_rows,
            "n_failed": n_failed,
            "examples": examples,
        }

    def _count(self, source: str) -> int:
        return int(self._connection.execute(f"select count(*) from {source}").fetchall()[0][0])

    def _first_keys(self, contract: TableContract, source: str) -> str:
        first = contract.column_names[0]
        key = first if first.endswith("_id") else f"concat_ws(' ', {_columns(contract.primary_key)})"
        query = f"select cast({key} as varchar) as k from {source} order by k limit 5"
        return "; ".join(str(row[0]) for row in self._connection.execute(query).fetchall())

    def _run_sql_rule(
        self, rule: TableRule, contract: TableContract, source: str, n_rows: int, subject: str
    ) -> dict[str, Any]:
        if rule.releasable and "observation_id" in contract.column_names:
            source = f"(from {source} where {_NOT_RELEASED.format(_literal(rule.rule_id))})"
        counted = _execute_rule(self._connection, rule.query.replace("{object}", source), rule, contract)
        n_failed = int(counted.fetchall()[0][0])
        return {
            "table_name": contract.name,
            "subject": subject,
            "rule_id": rule.rule_id,
            "column_name": None,
            "description": rule.description,
            "success": n_failed == 0,
            "n_checked": n_rows,
            "n_failed": n_failed,
            "examples": self._example_keys(rule, contract, source) if n_failed else "",
        }

    def _example_keys(self, rule: TableRule, contract: TableContract, source: str) -> str:
        found = _row_condition(rule)
        if not found:
            return ""
        return self._first_keys(contract, f"(from {source} where {found['condition']})")

    def write_checks(self, run_id: str, checks: pd.DataFrame) -> int:
        """Rows written to meta.contract_checks; a column ``examples`` is for messages and is not stored."""
        contract = contracts.table_contract("meta.contract_checks")
        rows = checks.assign(run_id=run_id)[contract.column_names]
        return self._upsert(contract.name, rows, contract.primary_key)

    def write_quarantine(self, frame: pd.DataFrame) -> int:
        """Rows written to meta.quarantine, in place of those of the same table, source and file."""
        return self._upsert("meta.quarantine", frame, ["table_name", "source_id", "snapshot_sha"])

    def write_releases(self, frame: pd.DataFrame) -> int:
        """Rows written to meta.releases, in place of those of the same file and source."""
        return self._upsert("meta.releases", frame, ["snapshot_sha", "source_id"])

    def write_snapshot_facts(self, frame: pd.DataFrame) -> int:
        """Rows written to meta.snapshots, in place of those of the same file and source."""
        return self._upsert("meta.snapshots", frame, ["snapshot_sha", "source_id"])

    def start_run(
        self, run_id: str, command: str, parameters: Mapping[str, Any], started_at: dt.datetime
    ) -> None:
        """Open an entry of the ledger."""
        row = [run_id, command, json.dumps(dict(parameters), sort_keys=True, default=str), started_at]
        with self._transaction() as connection:
            connection.execute("insert into meta.runs values (?, ?, ?, ?, null, 'RUNNING', null)", row)

    def finish_run(self, run_id: str, status: str, ended_at: dt.datetime, message: str | None = None) -> None:
        """Close an entry of the ledger as COMPLETED or FAILED."""
        query = "update meta.runs set status = ?, ended_at = ?, message = ? where run_id = ?"
        with self._transaction() as connection:
            connection.execute(query, [status, ended_at, message, run_id])

    # ------------------------------------------------------------ the path of a number

    def trace(self, node_ids: Sequence[str]) -> pd.DataFrame:
        """One step back for many ids at once, in the order asked (each id once).

        Columns node_id, kind, label, step, value, unit_measure, basis, and for observations source_id, as_of,
        snapshot_sha, raw_row, raw_column; ``inputs`` lists the ids before it ([] for an observation). An id
        that no table has is a row of kind ``unknown``.
        """
        import pyarrow as pa

        asked = list(dict.fromkeys(node_ids))
        table = pa.table([pa.array(asked, pa.string()), pa.array(range(len(asked)))], ["node_id", "position"])
        self._connection.register("asked", table)
        try:
            return _to_pandas(self._connection.execute(_trace_query(asked)).to_arrow_table())
        finally:
            self._connection.unregister("asked")

    def raw_row(self, source_id: str, snapshot_sha: str, raw_row: int) -> dict[str, str]:
        """The publisher's own row, column by column, as published."""
        name, existing = _raw_table_name(source_id), self._existing_columns()
        large = self.large_file(source_id, snapshot_sha)
        if large.stage in existing:
            return large.raw_row(raw_row)
        if f"raw.{source_id}" not in existing:
            raise UsageError(f"no file of {source_id} has been loaded: `lma refresh {source_id}` loads it.")
        where = "snapshot_sha = ? and raw_row = ?"
        query = f"select * exclude (snapshot_sha, raw_row) from {name} where {where}"
        found = self._connection.execute(query, [snapshot_sha, raw_row])
        columns, rows = [column[0] for column in found.description or []], found.fetchall()
        if not rows:
            raise UsageError(f"raw.{source_id} has no row {raw_row} of file {snapshot_sha[:12]}.")
        return {column: cell for column, cell in zip(columns, rows[0], strict=True) if cell is not None}

    def snapshot_facts(self, snapshot_shas: Sequence[str]) -> pd.DataFrame:
        """meta.snapshots of these files: publisher, title, url, licence, file name, vintage."""
        frame = self.read("meta.snapshots")
        return frame[frame["snapshot_sha"].isin(list(snapshot_shas))].reset_index(drop=True)

    # ------------------------------------------------------------ publishing

    def publish_read_copy(self) -> Path:
        """Path of the copy for readers, put in place by one rename; readers of the one before keep theirs."""
        copy = read_copy_path(self.path)
        unfinished = copy.with_name(f"{copy.name}.{os.getpid()}.tmp")
        try:
            self._connection.execute("checkpoint")
            # Closed first: closing any other handle of the file would drop DuckDB's own lock on it.
            self._connection.close()
            shutil.copyfile(self.path, unfinished)
            with unfinished.open("rb") as written:
                os.fsync(written.fileno())
            unfinished.replace(copy)
        except (OSError, duckdb.IOException) as error:
            raise OutputError(
                f"{copy} could not be made anew: {error}. What was loaded and published is in place, but `lma trace` and other readers "
                "still see the copy of an earlier run: make room, then run `lma refresh --offline`."
            ) from error
        finally:
            unfinished.unlink(missing_ok=True)
            self._connection.close()
            self._connection = _connect_waiting(self.path, time.monotonic() + 30, self._raw_store)
        return copy


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _hashed_cell(column: Column) -> str:
    """Text of one cell for the hash; chr(30) and chr(31) stand in no published text."""
    if column.physical_type == "VARCHAR[]":
        return f"coalesce(array_to_string({column.name}, chr(30)), chr(29))"
    return f"coalesce(cast({column.name} as varchar), chr(29))"


# ---------------------------------------------------------------- files too large for a frame


class LargeFile:
    """One landed file on its way into the warehouse by SQL: staged as published, conformed, checked, shown.

    Nothing of it is visible in ``staging.observations`` before ``show``; until then ``forget`` undoes all.
    """

    def __init__(self, warehouse: Warehouse, source_id: str, snapshot_sha: str) -> None:
        _raw_table_name(source_id)
        self._warehouse, self._connection = warehouse, warehouse._connection
        name = f"{source_id}:{snapshot_sha[:12]}"
        self.stage, self.part, self.code_type = f"raw.{name}", f"staging.{name}", f"staging.codes of {name}"

    @property
    def staged(self) -> str:
        """SQL name of the file as published: its columns as text, in file order by ``rowid``."""
        return _quote_name(self.stage)

    @property
    def code_type_name(self) -> str:
        """SQL name of the type of the file's code columns."""
        return _quote_name(self.code_type)

    @property
    def observations(self) -> str:
        """SQL name of the file's observations, while they are made."""
        return _quote_name(self.part + _UNFINISHED)

    def stage_csv(
        self, path: Path, header: Sequence[str], loaded: Sequence[str], delimiter: str, quotechar: str
    ) -> int:
        """Rows of a csv file put into a table as they are, all text; columns not in ``loaded`` are left out.

        ``InputError`` (without the file's name) where lines do not fit the header or are no UTF-8.
        """
        names = _distinct_names(header)
        kept = _columns([d for d, n in zip(names, header, strict=True) if n in loaded])
        is_filled = " or ".join(f"{_quote(name)} <> ''" for name in names)
        read = f"select {kept} from {_csv_reader(path, names, delimiter, quotechar)} where {is_filled}"
        try:
            self._execute(f"create or replace table {self.staged} as {read}")
        except duckdb.Error as error:
            raise InputError(_describe_csv_error(str(error))) from error
        return self._warehouse._count(self.staged)

    def find_swallowed(self, path: Path, header: Sequence[str], delimiter: str, quotechar: str) -> int | None:
        """Line on which the first record ends that has whole lines of the table inside one cell; None without.

        The file is read once more, so this is asked only where some cell holds a line break.
        """
        names = _distinct_names(header)
        parts = (
            f"list_transform({{}}, part -> length(part) - length(replace(part, {_literal(delimiter)}, '')))"
        )
        lines = {c: f"regexp_split_to_array({c}, '\\r\\n|\\n|\\r')" for c in map(_quote, names)}
        swallowed = " or ".join(
            f"case when regexp_matches({c}, '[\\r\\n]') then list_max({parts.format(split)}) >= {max(len(names) - 1, 2)} "
            "else false end"
            for c, split in lines.items()
        )
        breaks = " + ".join(f"coalesce(len({split}) - 1, 0)" for split in lines.values())
        records = f"select *, row_number() over () as n from {_csv_reader(path, names, delimiter, quotechar)}"
        query = f"""
            with records as ({records}), first as (select min(n) as n from records where {swallowed})
            select 1 + count(*) + sum({breaks}) as line from records, first where records.n <= first.n"""
        line = self.ask(query)["line"].iloc[0]
        return None if line is None or line != line else int(line)

    def interrupt(self) -> None:
        """Stop the query that another thread is running."""
        self._connection.interrupt()

    def _execute(self, query: str, parameters: Sequence[object] = ()) -> duckdb.DuckDBPyConnection:
        """A query whose want of memory or disk is told as the machine's fault, not the file's or its source's."""
        with _machine_faults(self._warehouse.path):
            return self._connection.execute(query, parameters or None)

    def distinct(self, columns: Sequence[str]) -> pd.DataFrame:
        """Distinct rows of some columns as published; one empty row for no column."""
        if not columns:
            return pd.DataFrame(index=range(1))
        return self.ask(f"select distinct {_columns(columns)} from {self.staged} order by all")

    def ask(self, query: str) -> pd.DataFrame:
        """Rows of a query over the staged file, its lookups or its observations."""
        try:
            with _machine_faults(self._warehouse.path):
                return _to_pandas(self._connection.execute(query).to_arrow_table())
        except duckdb.Error as error:
            raise DefinitionError(f"{self.part} cannot be read as its source says: {error}") from error

    def prepare(self, tables: Mapping[str, pd.DataFrame], codes: Sequence[str], coded: str) -> None:
        """Make the lookups that queries join; columns that begin with ``coded`` get the type of the code columns."""
        self._connection.execute(f"drop table if exists {self.observations}")
        self._connection.execute(f"drop type if exists {self.code_type_name}")
        kinds = ", ".join(map(_literal, codes))
        self._connection.execute(f"create type {self.code_type_name} as enum ({kinds})")
        for name, frame in tables.items():
            listed = [
                f"cast({_quote(c)} as {self.code_type_name if c.startswith(coded) else 'varchar'}) as {_quote(c)}"
                if frame[c].dtype == object
                else _quote(c)
                for c in frame.columns
            ]
            self._connection.register(f"{name} as frame", frame)
            self._connection.execute(
                f'create or replace temp table {name} as select {", ".join(listed)} from "{name} as frame"'
            )
            self._connection.unregister(f"{name} as frame")

    def fill(self, query: str) -> None:
        """Make the file's own table of observations; their order does not matter, their addresses do."""
        self._connection.execute("set preserve_insertion_order = false")
        try:
            self._execute(f"create table {self.observations} as {query}")
        except duckdb.Error as error:
            raise DefinitionError(f"{self.part} cannot be conformed as its source says: {error}") from error
        finally:
            self._connection.execute("set preserve_insertion_order = true")

    def drop_unreadable(self) -> int:
        """Rows taken out because their figure is no number, or their period none."""
        query = f"delete from {self.observations} where isnan(obs_value) or time_period is null"
        return int(self._execute(query).fetchall()[0][0])

    def distinct_codes(self, together: Sequence[Sequence[str]]) -> Iterator[pd.DataFrame]:
        """For each group of columns its distinct codes, with the first row of each; other columns as anywhere."""
        anywhere = self.ask(f"select * from {self.observations} limit 1")
        for columns in together if len(anywhere) else ():
            query = (
                f"select {_columns(columns)}, min(raw_row) as raw_row from {self.observations} group by all"
            )
            codes = self.ask(f"from ({query}) order by raw_row").astype({c: str for c in columns})
            rest = anywhere.drop(columns=[*columns, "raw_row"]).loc[[0] * len(codes)]
            yield pd.concat([codes, rest.reset_index(drop=True)], axis="columns")

    def list_broken(self, contract: TableContract, checks: pd.DataFrame) -> pd.DataFrame:
        """Rows that break a rule which ``checks`` found broken, in the columns of meta.quarantine."""
        columns = contracts.table_contract("meta.quarantine").column_names
        broken = set(checks.loc[~checks["success"].astype(bool), "rule_id"])
        found = [self._list_broken(rule, contract) for rule in list_rules(contract) if rule.rule_id in broken]
        rows = pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=columns)
        return rows.reindex(columns=columns)

    def _list_broken(self, rule: Rule, contract: TableContract) -> pd.DataFrame:
        if rule.kind == "sql":
            found = _COUNT_WHERE.fullmatch(rule.query)
            rows = f"(select * from {self.observations} where {found['condition'] if found else 'false'})"
        else:
            rows = f"({broken_rows(rule, self.observations)})"
        shown = ", ".join(f"cast({_quote(c)} as varchar)" for c in rule.columns or ("obs_value",))
        return self.ask(
            f"select {_literal(contract.name)} as table_name, cast(source_id as varchar) as source_id, "
            f"cast(snapshot_sha as varchar) as snapshot_sha, observation_id, {_literal(rule.rule_id)} as rule_id, "
            f"{_literal(rule.column_name or 'obs_value')} as column_name, concat_ws(' ', {shown}) as value, "
            f"{_literal(rule.description)} as reason from {rows} order by raw_row"
        )

    @property
    def n_observations(self) -> int:
        """Number of the file's observations."""
        return self._warehouse._count(self.observations)

    def rows(self, observation_ids: Sequence[str]) -> pd.DataFrame:
        """Observations of the file with these addresses, in the columns and types of staging.observations."""
        columns = contracts.table_contract("staging.observations").columns
        cast = ", ".join(f"cast({_quote(c.name)} as {c.physical_type}) as {_quote(c.name)}" for c in columns)
        query = f"select {cast} from {self.observations} where observation_id in (select unnest(?)) order by raw_row"
        found = self._connection.execute(query, [list(observation_ids)])
        return _to_pandas(found.to_arrow_table())

    def remove(self, observation_ids: Sequence[str]) -> int:
        """Rows taken out of the file's observations, because they are in quarantine."""
        query = f"delete from {self.observations} where observation_id in (select unnest(?))"
        return int(self._execute(query, [list(observation_ids)]).fetchall()[0][0])

    def collapse_repeats(self) -> int:
        """Rows taken out because their key and figure stand in the file before; the first of each stays."""
        key = contracts.table_contract("staging.observations").primary_key
        same = " and ".join(f"t.{c} = repeated.{c}" for c in map(_quote, key))
        repeated = f"select {_columns(key)}, min(raw_row) as first from {self._repeats()} group by all"
        query = f"delete from {self.observations} as t using ({repeated}) as repeated where {same} and raw_row > first"
        return int(self._execute(query).fetchall()[0][0])

    def find_contradictions(self) -> tuple[int, pd.DataFrame]:
        """Number of keys with different figures in this file, and the rows of the first: key, obs_value, raw_row."""
        key = contracts.table_contract("staging.observations").primary_key
        cast = ", ".join(f"cast({c} as varchar) as {c}" for c in map(_quote, key))
        query = f"""
            with figures as (select {cast}, obs_value, min(raw_row) as raw_row from {self._repeats()} group by all),
            contradictory as (
                select *, min(raw_row) over (partition by {_columns(key)}) as first_row from figures
                qualify count(*) over (partition by {_columns(key)}) > 1)
            select *, (select count(distinct first_row) from contradictory) as n_keys from contradictory
            order by first_row, raw_row limit {MOST_CONFLICTS}"""
        found = self.ask(query)
        return int(found["n_keys"].max()) if len(found) else 0, found.drop(columns=["n_keys", "first_row"])

    def find_conflicts_with_loaded(self) -> pd.DataFrame:
        """Keys that stand with another figure in files loaded before, of the same source and vintage.

        At most ``MOST_CONFLICTS``: the key in words, both figures and addresses.
        """
        key = contracts.table_contract("staging.observations").primary_key
        same = " and ".join(f"a.{c} = b.{c}" for c in map(_quote, key))
        return self.ask(
            "select concat_ws(' ', a.indicator, a.ref_area, a.counterpart_area, a.sex, a.age, a.economic_activity, "
            "a.time_period) as key, a.observation_id, a.obs_value, b.observation_id as loaded_id, b.obs_value as loaded_value "
            f"from {self.observations} as a join {self._loaded_before()} as b on {same} "
            f"where a.obs_value is distinct from b.obs_value order by all limit {MOST_CONFLICTS}"
        )

    def has_company(self) -> bool:
        """Whether other files of the same source and vintage are loaded."""
        return bool(self.ask(f"select 1 as found from {self._loaded_before()} limit 1").shape[0])

    def drop_what_is_loaded(self) -> int:
        """Rows taken out because another file of the same vintage brought their key and figure before."""
        contract = contracts.table_contract("staging.observations")
        same = " and ".join(f"t.{c} = s.{c}" for c in map(_quote, contract.primary_key))
        query = (
            f"delete from {self.observations} as t using {self._loaded_before()} as s "
            f"where {same} and t.obs_value is not distinct from s.obs_value"
        )
        return int(self._execute(query).fetchall()[0][0])

    def _loaded_before(self) -> str:
        """What other files of the same source and vintage have brought."""
        own = f"select source_id from {self.observations} limit 1"
        vintage = f"select as_of from {self.observations} limit 1"
        return f"(select * from staging.observations where source_id = ({own}) and as_of = ({vintage}))"

    def _repeats(self) -> str:
        """Rows of the file that share their key with another row of it."""
        key = tuple(contracts.table_contract("staging.observations").primary_key)
        return f"({broken_rows(Rule('repeated', 'unique', '', key), self.observations)})"

    def show(self) -> None:
        """Make the file's observations part of ``staging.observations``."""
        with self._warehouse._transaction() as connection:
            connection.execute(
                f"alter table {self.observations} rename to {_quote(self.part.split('.', 1)[1])}"
            )
            self._warehouse._show_observations([*self._warehouse._parts(), self.part])

    def forget(self) -> int:
        """Remove all that was loaded of the file; the number of its observations."""
        existing, tables = (
            self._warehouse._existing_columns(),
            (self.part, self.part + _UNFINISHED, self.stage),
        )
        n = self._warehouse._count(_quote_name(self.part)) if self.part in existing else 0
        if not existing.keys().isdisjoint(tables):
            with self._warehouse._transaction() as connection:
                self._warehouse._show_observations([p for p in self._warehouse._parts() if p != self.part])
                for table in tables:
                    connection.execute(f"drop table if exists {_quote_name(table)}")
                connection.execute(f"drop type if exists {self.code_type_name}")
        return n

    def raw_row(self, raw_row: int) -> dict[str, str]:
        """The publisher's own row, column by column."""
        found = self._connection.execute(f"select * from {self.staged} where rowid = ?", [raw_row - 1])
        columns, rows = [column[0] for column in found.description or []], found.fetchall()
        if not rows:
            raise UsageError(f"{self.stage} has no row {raw_row}.")
        return {column: cell for column, cell in zip(columns, rows[0], strict=True) if cell is not None}


@contextlib.contextmanager
def _machine_faults(path: Path) -> Iterator[None]:
    """Want of memory or disk as ``OutputError``: no fault of the file or of its source."""
    try:
        yield
    except (duckdb.OutOfMemoryException, duckdb.IOException) as error:
        raise OutputError(
            f"the machine could not finish the work in {path.parent.absolute()}: {str(error).splitlines()[0]} Nothing of "
            "the file was loaded, and nothing is wrong with it. Make room on the disk of that folder and leave more "
            "memory free, or choose another place with --warehouse; then run the same command again."
        ) from error


def _csv_reader(path: Path, names: Sequence[str], delimiter: str, quotechar: str) -> str:
    """SQL of a csv file's records, all text under distinct ``names``."""
    listed = ", ".join(f"{_literal(name)}: 'VARCHAR'" for name in names)
    return (
        f"read_csv({_literal(str(path.resolve()))}, columns = {{{listed}}}, header = true, auto_detect = false, "
        f"delim = {_literal(delimiter)}, quote = {_literal(quotechar)}, escape = {_literal(quotechar)}, "
        "strict_mode = true, compression = " + ("'gzip'" if _is_gzip(path) else "'none'") + ")"
    )


def _is_gzip(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(2) == b"\x1f\x8b"


def _describe_csv_error(text: str) -> str:
    """What is wrong with a csv file, in our words, from what DuckDB says of it."""
    line = re.search(r"on Line: (\d+)", text)
    at = f"line {line[1]}" if line else "a line"
    widths = re.search(r"Expected Number of Columns: (\d+) Found: (\d+)", text)
    if widths:
        return (
            f"{at} has {widths[2]} fields where the header has {widths[1]}: the file is cut off or damaged, or has "
            "another delimiter than its source declares; download it again."
        )
    if "not utf-8" in text or "unicode" in text:
        return f"{at} is not utf-8: set `encoding` in the source's options to what the publisher uses."
    if "Maximum line size" in text:
        return f"{at} is longer than 2 MB: this is no table; look at the file."
    if "unterminated quote" in text:
        return f"{at} opens quotes that never close: the file is cut off inside quotes, or damaged; download it again."
    return f"the file cannot be read as csv: {text.splitlines()[0]}. Download it again, or correct the source's options."
