"""Unit-level records from the command line: make synthetic ones, count real ones, empty the store.

Only protected counts and the names of broken rules leave this module; never a row.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from lma import user_tables
from lma.errors import UsageError
from lma.records import (
    COUNT_COLUMNS,
    is_synthetic,
    load_key,
    process_records,
    purge_store,
    write_synthetic,
)

SYNTHETIC = "synthetic: about no real person"


def make_synthetic(path: Path, n: int, seed: int, console: Console) -> None:
    """Write synthetic permit records; a file that stands there already is not replaced."""
    if path.exists():
        raise UsageError(f"{path} exists: real records could be lost. Name another file.")
    write_synthetic(path, n, seed)
    console.print(
        f"{n:,} synthetic permit records of seed {seed} written to {path}; no row is about a real person",
        markup=False,
    )


def count_records(
    table: Path,
    result: Path,
    store: Path,
    key_file: Path | None,
    years: Sequence[int],
    n_min: int | None,
    console: Console,
) -> None:
    """Validate, pseudonymise, store and count a file of records; write the protected counts of each year."""
    from lma.contracts import rule_set
    from lma.disclosure import protect

    user_tables.check_places(table, result)
    rules = rule_set("disclosure")
    smallest = int(rules.threshold("n_min_migrants")) if n_min is None else n_min
    report = process_records(table, store, load_key(os.environ, key_file), years)
    dims = list(COUNT_COLUMNS[:-1])
    counts, done = protect(report.counts, dims, COUNT_COLUMNS[-1], smallest, int(rules.threshold("base")))
    if is_synthetic(table):
        counts = counts.assign(note=SYNTHETIC)
    user_tables.write_table(counts, result)
    broken = report.failures.groupby(["column", "rule"]).size()
    for (column, rule), rows in broken.items():
        console.print(f"{rows:,} rows: {column} {rule}", markup=False)
    console.print(
        f"{report.valid:,} of {report.rows:,} records counted; {done['published']:,} of {done['cells']:,} cells published, "
        f"{done['cells'] - done['published']:,} withheld (fewer than {done['n_min']}, or needed to hide such a cell), the rest rounded "
        f"to {done['base']}; written to {result}. The pseudonymised records lie in {store}: `lma records purge {store}` removes them",
        markup=False,
    )


def purge_records(store: Path, console: Console) -> None:
    """Remove the pseudonymised records of a store."""
    console.print(f"{purge_store(store):,} files of records removed from {store}", markup=False)
