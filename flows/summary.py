"""What a person reads on the terminal: a short summary of an edition, the environment."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from importlib import metadata
from pathlib import Path

import pandas as pd
from rich.console import Console

from lma import contracts
from lma.errors import LmaError


def summarise(folder: Path, console: Console) -> None:
    """Headline sentences and where the edition lies."""
    cells = pd.read_csv(folder / "tables" / "T0.csv", dtype=str, keep_default_na=False)
    console.print(f"\n{folder}", markup=False, style="bold")
    for text in cells["text"]:
        console.print(f"  - {text}", markup=False)
    console.print(f"  quality: {count_findings(folder)}", markup=False)
    files = sorted(path.name for path in folder.iterdir() if path.is_file())
    console.print(f"  files: {', '.join(files)}, tables/*.csv", markup=False)


def count_findings(folder: Path) -> str:
    """What T15 counts, in one line."""
    cells = pd.read_csv(folder / "tables" / "T15.csv", dtype=str, keep_default_na=False)
    counts = cells[cells["value"] != ""].pivot(index="row_id", columns="column_id", values="value")
    counts = counts.reindex(columns=["checked", "found"]).astype(float).fillna(0)
    kinds = {
        name: counts[counts.index.str.startswith(name)]
        for name in ("SHIFT_", "COH_", "APART_", "CELLS", "MIXED", "REVISED_")
    }
    return (
        f"{kinds['SHIFT_']['found'].sum():,.0f} series with a suspected, undeclared level shift or shock;"
        f" {kinds['COH_']['found'].sum():,.0f} of {kinds['COH_']['checked'].sum():,.0f} identities missed,"
        f" {kinds['APART_']['checked'].sum():,.0f} more not comparable (vintages differ);"
        f" {kinds['CELLS']['found'].sum():,.0f} of {kinds['CELLS']['checked'].sum():,.0f} cells with two sources differ widely,"
        f" {kinds['MIXED']['found'].sum():,.0f} of {kinds['MIXED']['checked'].sum():,.0f} with a reported and a modelled figure;"
        f" {kinds['REVISED_']['found'].sum():,.0f} figures revised (T15)"
    )


NEEDED = (
    "duckdb",
    "pandas",
    "sklearn",
    "statsforecast",
    "great_expectations",
    "vl_convert",
    "typst",
    "xlsxwriter",
    "openpyxl",
    "pyarrow",
)


def examine_environment(warehouse: Path, console: Console) -> bool:
    """True when everything a run needs is there; prints one line per finding."""
    findings = [
        _examine_python(),
        *map(_examine_library, NEEDED),
        _examine_prefect(),
        _examine_contracts(),
        _examine_folder(warehouse.parent),
        _examine_space(warehouse.parent),
    ]
    for is_fine, text in findings:
        console.print(f"{'ok     ' if is_fine else 'missing'} {text}", markup=False)
    return all(is_fine for is_fine, _ in findings)


def _examine_python() -> tuple[bool, str]:
    version = ".".join(map(str, sys.version_info[:3]))
    return (3, 11) <= sys.version_info[:2] < (3, 14), f"Python {version} (needs 3.11 to 3.13)"


def _examine_library(name: str) -> tuple[bool, str]:
    found = importlib.util.find_spec(name) is not None
    return found, f"{name}" if found else f"{name}: install the project again, `pip install .`"


def _examine_prefect() -> tuple[bool, str]:
    if importlib.util.find_spec("prefect") is None:
        return False, "prefect: needed for scheduled runs only, `pip install .`"
    return True, f"prefect {metadata.version('prefect')} (for scheduled runs; `lma run` does not use it)"


def _examine_contracts() -> tuple[bool, str]:
    try:
        counts = (
            len(contracts.table_contracts()),
            len(contracts.sources()),
            len(contracts.countries()),
            len(contracts.rule_sets()),
        )
        contracts.corrections()
    except LmaError as error:
        return False, str(error)
    if unusable := contracts.unusable_sources():
        return False, "; ".join(unusable.values())
    return True, "contracts: {} tables, {} sources, {} countries, {} rule sets".format(*counts)


def _examine_folder(folder: Path) -> tuple[bool, str]:
    existing = next(parent for parent in (folder.absolute(), *folder.absolute().parents) if parent.exists())
    is_writable = existing.is_dir() and os.access(existing, os.W_OK)
    return (
        is_writable,
        f"{folder} can be written"
        if is_writable
        else f"{existing} cannot be written: choose another place with --warehouse",
    )


def _examine_space(folder: Path) -> tuple[bool, str]:
    existing = next(parent for parent in (folder.absolute(), *folder.absolute().parents) if parent.exists())
    free = shutil.disk_usage(existing).free
    return free > 500_000_000, f"{free / 1e9:.1f} GB free (a run needs about 0.5)"
