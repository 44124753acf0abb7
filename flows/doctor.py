"""`lma doctor`: what is missing in the environment, and the remedy."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from rich.console import Console

from lma import contracts
from lma.errors import LmaError
from lma.languages import language, list_languages
from lma.publish.charts.drawing import font_folder

NEEDED = {
    "duckdb": "the warehouse",
    "pandas": "every table",
    "sklearn": "the forecasts",
    "statsforecast": "the forecasts it compares with",
    "great_expectations": "the checks of the data",
    "vl_convert": "charts",
    "typst": "the PDF",
    "docx": "the Word document",
    "xlsxwriter": "the Excel workbook",
    "odfdo": "the OpenDocument workbook",
    "babel": "languages",
    "openpyxl": "publishers' workbooks",
    "pyarrow": "Parquet",
    "httpx": "fetching publishers' files",
}
"""Library -> what a run needs it for."""

RUN_BYTES = 500_000_000

Finding = tuple[str, str]
"""How it is (ok, note, missing) and what was found, with the remedy where it is missing."""


def examine_environment(warehouse: Path, out: Path, console: Console) -> bool:
    """True when everything a run needs is there; prints one line per finding, what is missing with its remedy."""
    findings = list(_examine(warehouse, out))
    for state, text in findings:
        console.print(f"{state:<7} {text}", markup=False)
    missing = sum(state == "missing" for state, _ in findings)
    last = (
        "everything a run needs is here: `lma run MUS ARM --offline`" if not missing else f"{missing} missing"
    )
    console.print(last, markup=False)
    return not missing


def _examine(warehouse: Path, out: Path) -> Iterator[Finding]:
    yield _examine_python()
    yield from (_examine_library(name, use) for name, use in NEEDED.items())
    yield _examine_prefect()
    yield _examine_contracts()
    yield from (_examine_language(code) for code in list_languages())
    yield _examine_font()
    yield _examine_folder(warehouse.parent, "--warehouse")
    yield _examine_folder(out, "--out")
    yield _examine_space(warehouse.parent)
    yield from _examine_data_folder()
    yield from _examine_secrets()


def _tell(is_fine: bool, text: str) -> Finding:
    return ("ok" if is_fine else "missing"), text


def _examine_python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    return _tell((3, 11) <= sys.version_info[:2] < (3, 14), f"Python {version} (needs 3.11 to 3.13)")


def _examine_library(name: str, use: str) -> Finding:
    found = importlib.util.find_spec(name) is not None
    return _tell(
        found, f"{name} ({use})" if found else f"{name} ({use}): install the project again, `pip install .`"
    )


def _examine_prefect() -> Finding:
    if importlib.util.find_spec("prefect") is None:
        return "missing", "prefect: needed for scheduled runs only, `pip install .`"
    return "ok", f"prefect {metadata.version('prefect')} (for scheduled runs; `lma run` does not use it)"


def _examine_contracts() -> Finding:
    try:
        counts = (
            len(contracts.table_contracts()),
            len(contracts.sources()),
            len(contracts.countries()),
            len(contracts.rule_sets()),
        )
        contracts.corrections()
    except LmaError as error:
        return "missing", str(error)
    if unusable := contracts.unusable_sources():
        return "missing", "; ".join(unusable.values())
    return "ok", "contracts: {} tables, {} sources, {} countries, {} rule sets".format(*counts)


def _examine_language(code: str) -> Finding:
    try:
        messages = len(language(code).messages)
    except LmaError as error:
        return "missing", str(error)
    return "ok", f"language {code}" + (
        f": {messages:,} messages" if messages else " (the language of the code)"
    )


def _examine_font() -> Finding:
    """The one face that has Latin, Cyrillic and Armenian: without it charts and PDF fall back to another."""
    is_there = font_folder() is not None
    return _tell(
        is_there, "font DejaVu Sans" + ("" if is_there else ": install the project again, `pip install .`")
    )


def _find_existing(folder: Path) -> Path:
    return next(parent for parent in (folder.absolute(), *folder.absolute().parents) if parent.exists())


def _examine_folder(folder: Path, option: str) -> Finding:
    existing = _find_existing(folder)
    if existing.is_dir() and os.access(existing, os.W_OK):
        return "ok", f"{folder} can be written"
    return "missing", f"{existing} cannot be written: choose another place with {option}"


def _examine_space(folder: Path) -> Finding:
    free = shutil.disk_usage(_find_existing(folder)).free
    return _tell(free > RUN_BYTES, f"{free / 1e9:.1f} GB free (a run needs about {RUN_BYTES / 1e9:.1f})")


def _examine_data_folder() -> Iterator[Finding]:
    """The folder that LMA_DATA names, where it names one: a wrong one stops every run."""
    named = os.environ.get("LMA_DATA")
    if named:
        is_there = Path(named).is_dir()
        remedy = "" if is_there else " is not a folder: correct LMA_DATA or unset it"
        yield _tell(is_there, f"LMA_DATA: {named}{remedy}")


def _examine_secrets() -> Iterator[Finding]:
    """Keys of publishers: their variables by name, never their values."""
    asking = [
        (name, s.source_id)
        for s in contracts.sources().values()
        if s.download
        for name in s.download.secret.values()
    ]
    for name in sorted({name for name, _ in asking}):
        sources = ", ".join(source_id for variable, source_id in asking if variable == name)
        if name in os.environ:
            yield "ok", f"{name} is set (key of {sources})"
        else:
            yield "note", f"{name} is not set: {sources} cannot be fetched"
