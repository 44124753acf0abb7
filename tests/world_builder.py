"""The command run in this process, a whole world (warehouse, raw store, editions), and how two are compared."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from flows import cli
from lma import contracts, warehouse
from lma.warehouse import Warehouse

COUNTRIES = ("MUS", "ARM")
EDITION = "2026-06"
SAMPLE = contracts.sample_dir()
# What a run did and when is another matter than what it found out.
LEDGER = ("meta.runs", "meta.contract_checks")


@dataclass(frozen=True)
class Outcome:
    """What a command left: exit code, standard output, standard error."""

    code: int
    out: str
    err: str


def run_lma(*arguments: object, folder: Path | None = None) -> Outcome:
    """`lma` with these arguments, in this process and in ``folder``; what it does not catch goes through."""
    out, err = io.StringIO(), io.StringIO()
    before, code = sys.argv, 0
    sys.argv = ["lma", *map(str, arguments)]
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), _inside(folder):
            cli.main()
    except SystemExit as stop:
        code = int(stop.code or 0)
    finally:
        sys.argv = before
    return Outcome(code, out.getvalue(), err.getvalue())


@contextlib.contextmanager
def _inside(folder: Path | None) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(folder or before)
    try:
        yield
    finally:
        os.chdir(before)


@dataclass(frozen=True)
class World:
    """One folder with everything a run makes, at the command's own places."""

    folder: Path

    @property
    def warehouse(self) -> Path:
        return self.folder / "warehouse" / "lma.duckdb"

    @property
    def raw(self) -> Path:
        return self.folder / "warehouse" / "raw"

    def edition(self, ref_area: str) -> Path:
        return self.folder / "editions" / ref_area / EDITION

    def lma(self, *arguments: object) -> Outcome:
        return run_lma(*arguments, folder=self.folder)

    def read(self, table: str, ref_area: str | Sequence[str] | None = None) -> pd.DataFrame:
        with self.open() as opened:
            return opened.read(table, ref_area)

    def open(self) -> Warehouse:
        """The copy for readers."""
        return warehouse.open_for_reading(self.warehouse)

    def copy_to(self, folder: Path) -> World:
        shutil.copytree(self.folder, folder, dirs_exist_ok=True)
        return World(folder)


def hash_files(folder: Path) -> dict[str, str]:
    """sha256 of every file below a folder by its path."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def describe_warehouse(world: World) -> dict[str, tuple[int, str]]:
    """Rows and content hash of every table but the ledger, read from the database itself."""
    with warehouse.open_for_writing(world.warehouse, command="tests") as opened:
        names = [name for name in contracts.table_contracts() if name not in LEDGER]
        return {name: (opened.count_rows(name), opened.content_hash(name)) for name in names}
