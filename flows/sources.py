"""What a person asks of the sources: which there are and how fresh, one in words, and a new one from a file."""

from __future__ import annotations

import datetime as dt
import textwrap
from itertools import groupby
from pathlib import Path
from typing import Any

import pandas as pd

from lma import contracts
from lma import warehouse as warehouses
from lma.contracts import Source
from lma.errors import InputError

WIDTH = 80


# ---------------------------------------------------------------- the list


def list_sources(path: Path, today: dt.date, console: Any) -> None:
    """Print every source under its publisher and licence: last vintage, figures, stale or not, table."""
    files = _read_files(path)
    listed = sorted(contracts.sources().values(), key=lambda one: (one.publisher, one.licence, one.source_id))
    for (publisher, licence), group in groupby(listed, key=lambda one: (one.publisher, one.licence)):
        for line in textwrap.wrap(f"{publisher}. Licence: {licence}", WIDTH, break_on_hyphens=False):
            console.print(line, markup=False, style="bold")
        for source in group:
            console.print("\n".join(_lines_of(source, files, today)), markup=False)
    for name in contracts.draft_sources():
        words = f"{name} is a draft and is not used: {contracts.source_path(name)}"
        console.print("\n".join(textwrap.wrap(words, WIDTH)), markup=False)
    if files is None:
        console.print("no warehouse here yet, so nothing has landed: `lma run` makes one.", markup=False)
    console.print("`lma sources show SOURCE` describes one.", markup=False)


def _read_files(path: Path) -> pd.DataFrame | None:
    """meta.snapshots, or None where there is no warehouse."""
    try:
        with warehouses.open_for_reading(path) as warehouse:
            return warehouse.read("meta.snapshots")
    except InputError:
        return None


def _lines_of(source: Source, files: pd.DataFrame | None, today: dt.date) -> list[str]:
    """Id, last vintage, figures of all vintages, stale or fresh, and the publisher's table."""
    own = pd.DataFrame() if files is None else files[files["source_id"] == source.source_id]
    facts = f"{'not here':<10} {'':>9} {'':<5}"
    if len(own):
        vintage = own["as_of"].max()
        state = "stale" if is_stale(source, vintage, today) else "fresh"
        facts = f"{vintage!s:<10} {own['n_observations'].sum():>9,} {state:<5}"
    first, *rest = textwrap.wrap(source.table_code, WIDTH - 59) or [""]
    lines = [f"{source.source_id:<31} {facts} {first}".rstrip(), *(" " * 59 + line for line in rest)]
    is_long = len(source.source_id) > 31
    return (
        [source.source_id, " " * 31 + lines[0].removeprefix(source.source_id), *lines[1:]]
        if is_long
        else lines
    )


def is_stale(source: Source, vintage: dt.date, today: dt.date) -> bool:
    """Whether a newer vintage was due, by the publisher's rhythm or the frequency of the figures (rules/staleness.yaml)."""
    rules = contracts.rule_set("staleness")
    days = source.expect.new_vintage_days or rules.threshold(
        f"days_{source.mapping.constant.get('freq', 'A')}"
    )
    return (today - vintage).days > days * rules.threshold("grace")


# ---------------------------------------------------------------- one source


def show_source(path: Path, source_id: str, today: dt.date, console: Any) -> None:
    """Print one source in words: facts, mapping, and the files of it that were landed."""
    from lma.documentation import mapping_in_words, source_facts

    source = contracts.source(source_id)
    _print(console, f"{source.source_id}: {source.title}", "")
    for name, words in source_facts(source):
        _print(console, f"{name}: {words}", "  ")
    _print(console, f"definition: {contracts.source_path(source_id)}", "  ")
    for line in ["mapping:", *(f"- {line}" for line in mapping_in_words(source))]:
        _print(console, line, "  ")
    files = _read_files(path)
    own = pd.DataFrame() if files is None else files[files["source_id"] == source_id]
    if own.empty:
        _print(console, "no file of it has landed here.", "  ")
        return
    for file in own.sort_values(["as_of", "file_name"]).to_dict("records"):
        state = "stale" if is_stale(source, file["as_of"], today) else "fresh"
        facts = f"{file['n_rows']:,} rows, {file['n_observations']:,} figures, {file['n_quarantined']:,} in quarantine"
        _print(console, f"landed: {file['file_name']}, vintage {file['as_of']} ({state}): {facts}", "  ")


def _print(console: Any, text: str, indent: str) -> None:
    """One paragraph, folded to the width; a long address or pattern stays whole."""
    lines = textwrap.wrap(
        text, WIDTH, initial_indent=indent, subsequent_indent=indent + "  ", break_long_words=False,
        break_on_hyphens=False,
    )  # fmt: skip
    console.print("\n".join(lines), markup=False)
