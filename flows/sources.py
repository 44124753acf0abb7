"""What a person asks of the sources: which there are and how fresh, one in words, and a new one from a file."""

from __future__ import annotations

import datetime as dt
import re
import sys
import textwrap
import unicodedata
from collections.abc import Mapping
from itertools import groupby
from pathlib import Path
from typing import Any

import pandas as pd

from lma import contracts, snapshots, withdrawals
from lma import warehouse as warehouses
from lma.contracts import Source
from lma.errors import InputError, OutputError, UsageError
from lma.withdrawals import Decision

WIDTH = 80


# ---------------------------------------------------------------- the list


def list_sources(path: Path, today: dt.date, console: Any, *, only_here: bool = False) -> None:
    """Print every source, or those with files, by publisher and licence: last vintage, figures, stale or not, table."""
    files = _read_files(path)
    listed = sorted(contracts.sources().values(), key=lambda one: (one.publisher, one.licence, one.source_id))
    newest = {} if files is None else files.groupby("source_id")["as_of"].max().to_dict()
    here = [one for one in listed if one.source_id in newest]
    n_stale = sum(is_stale(one, newest[one.source_id], today) for one in here)
    listed = here if only_here else listed
    withdrawn = withdrawals.list_withdrawn(snapshots.raw_store_of(path))
    console.print(f"{len(here)} of {len(contracts.sources())} sources have files here, {n_stale} stale")
    console.print(f"{'source':<31} {'vintage':<10} {'figures':>9} {'state':<5} table", style="bold")
    for (publisher, licence), group in groupby(listed, key=lambda one: (one.publisher, one.licence)):
        for line in textwrap.wrap(f"{publisher}. Licence: {licence}", WIDTH, break_on_hyphens=False):
            console.print(line, markup=False, style="bold")
        for source in group:
            console.print("\n".join(_lines_of(source, files, today)), markup=False)
            for one in _withdrawn_of(source.source_id, withdrawn):
                _print(console, one, "  ")
    for name in contracts.draft_sources():
        words = f"{name} is a draft and is not used: {contracts.source_path(name)}"
        console.print("\n".join(textwrap.wrap(words, WIDTH)), markup=False)
    for name, why in contracts.unusable_sources().items():
        console.print("\n".join(textwrap.wrap(f"{name} is not usable: {why}", WIDTH)), markup=False)
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


def _withdrawn_of(source_id: str, withdrawn: Mapping[tuple[str, str], Decision]) -> list[str]:
    """Each file of a source that is out of use: vintage, who took it out, when and why, and how it comes back."""
    return [
        f"withdrawn: {one.file_name}, vintage {one.as_of}, on {one.decided_on} by {one.decided_by}: {one.reason} "
        f"(back with `lma withdraw {source_id} {one.as_of} --restore`)"
        for (name, _), one in withdrawn.items()
        if name == source_id
    ]


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


def stale_since(source: Source, last_vintage: dt.date, today: dt.date) -> dt.date | None:
    """Date on which a new vintage was due, where the last one is older than rules/staleness.yaml allows; else None."""
    days, grace = days_between_vintages(source), contracts.rule_set("staleness").threshold("grace")
    return last_vintage + dt.timedelta(days=days) if (today - last_vintage).days > days * grace else None


def days_between_vintages(source: Source) -> int:
    """Usual time between two vintages, by the publisher's rhythm, else by the frequency of the figures."""
    frequency = source.mapping.constant.get("freq", "A")
    return source.expect.new_vintage_days or round(
        contracts.rule_set("staleness").threshold(f"days_{frequency}")
    )


def is_stale(source: Source, vintage: dt.date, today: dt.date) -> bool:
    """Whether a newer vintage was due long ago."""
    return stale_since(source, vintage, today) is not None


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
    for words in _withdrawn_of(source_id, withdrawals.list_withdrawn(snapshots.raw_store_of(path))):
        _print(console, words, "  ")
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


# ---------------------------------------------------------------- a new one


def new_source(file: Path, source_id: str | None, *, take_guesses: bool, console: Any) -> Path:
    """Write a first YAML for a user's own table, asking on a terminal, or guessing visibly; its path."""
    from lma.source_draft import draft_source

    name = source_id or suggest_id(file.name)
    path = contracts.user_sources_dir() / f"{name}.yaml"
    _check_new(name, path, file)
    if not take_guesses and not sys.stdin.isatty():
        raise UsageError(
            "there is no terminal to ask on: give --yes to have every guess written down and marked for you to check."
        )
    try:
        content = file.read_bytes()
        text = draft_source(content, file.name, name, _take_guess if take_guesses else ask_person)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except InputError as error:
        raise InputError(f"{file.name}: {str(error).removeprefix(f'{file.name}: ')}") from error
    except OSError as error:
        raise OutputError(f"{error.filename}: {error.strerror}. Check the name, space and rights.") from error
    _tell_new(text, path, name, file, console)
    contracts.check_usable([name])  # a wrong answer is told now, not at the first file
    return path


def suggest_id(file_name: str) -> str:
    """A source_id out of a file name, without date, accents and signs."""
    stem = re.sub(r"(19|20)\d\d[-_]?\d\d[-_]?\d\d", "", file_name.split(".")[0])
    plain = unicodedata.normalize("NFKD", stem).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "_", plain).strip("_")


def _check_new(name: str, path: Path, file: Path) -> None:
    if not file.is_file():
        raise InputError(f"{file} does not exist: check the name.")
    if not re.fullmatch(r"[a-z][a-z0-9_]+", name):
        raise UsageError(
            f"{name!r} cannot be a source_id: give one with --id, in lower case letters, digits and _."
        )
    if name in contracts.shipped_sources():
        raise UsageError(f"{name} is a source of the project itself: give another id with --id.")
    if path.exists():
        raise UsageError(f"{path} exists and is not overwritten: remove it, or give another id with --id.")


def _take_guess(question: Any) -> None:
    """Nobody answers: the guess stays and is marked."""


def ask_person(question: Any) -> str:
    """The answer of the person at the terminal; Enter takes the guess, which is then confirmed."""
    import typer

    is_open = question.guess.value == "?"
    shown = "\n".join(textwrap.wrap(f"{question.words}: {question.guess.why}", WIDTH))
    hint = "leave open" if is_open else repr(question.guess.value)
    answer = typer.prompt(
        f"\n{shown}\n[Enter: {hint}]", default=question.guess.value, show_default=False, prompt_suffix=" "
    )
    return str(answer)


def _tell_new(text: str, path: Path, name: str, file: Path, console: Any) -> None:
    marked = [line.strip() for line in text.splitlines() if "# guessed" in line or "# unresolved" in line]
    console.print(f"{path}", markup=False, style="bold")
    for line in marked:
        console.print(f"  {line}", markup=False)
    if "\ndraft: true\n" in text:
        words = f"A draft: check the {len(marked)} marked lines, then remove `draft: true`; no run reads it before. After that:"
        console.print("\n".join(textwrap.wrap(words, WIDTH)), markup=False)
    vintage = "" if "(?P<as_of>" in text else " --vintage YYYY-MM-DD"
    console.print(f"lma ingest {name} {file}{vintage}", markup=False)


def tell_next(source_id: str, console: Any) -> None:
    """After a table of the user's own has gone in: what makes an edition with it, and where its figures then stand."""
    if source_id not in contracts.user_sources():
        return
    area = contracts.source(source_id).mapping.constant.get("ref_area", "ISO3")
    words = (
        f"Next: `lma run {area} --offline` makes an edition with these figures. They stand in the tables that use their "
        "indicator, unless a source with a smaller `priority` has the same figure; where no table uses the indicator, they "
        f"are only listed in observations.sdmx.csv and T11. `lma sources show {source_id}` counts them."
    )
    console.print("\n".join(textwrap.wrap(words, WIDTH)), markup=False)
