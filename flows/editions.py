"""Editions that are published: listed, compared, corrected by an erratum, and thinned out."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from flows.earlier import describe_making
from flows.evaluate import cut_text, print_frame, read_edition
from lma import contracts, user_tables
from lma.contracts import Erratum
from lma.errors import ContractError, UsageError
from lma.publish import shelf
from lma.publish.ledger import read_removals
from lma.publish.shelf import Published

if TYPE_CHECKING:
    from lma.assessment.changelog import Made

MOST = 10  # changes of each kind shown on a terminal
LONGEST_TABLE = 20  # of the largest movements


def _check_country(ref_area: str) -> str:
    """The code in capitals; ``UsageError`` where no country has it. An edition may be of a country without a file."""
    code = ref_area.strip().upper()
    if code not in contracts.known_country_codes():
        raise UsageError(f"{ref_area!r} is not an ISO 3166-1 alpha-3 country code (such as MUS or ARM).")
    return code


# ---------------------------------------------------------------- the list


def print_editions(out_dir: Path, ref_areas: Sequence[str], as_json: bool, console: Console) -> None:
    """Editions of the countries, the oldest first; ``ContractError`` after the list where one is damaged."""
    codes = [_check_country(code) for code in ref_areas] or shelf.list_countries(out_dir)
    published = [one for code in codes for one in shelf.list_published(out_dir, code)]
    if as_json:
        console.print(
            json.dumps([_as_record(one) for one in published], ensure_ascii=False, indent=2), markup=False
        )
    else:
        if not published:
            console.print(f"no edition in {out_dir} yet: `lma run` makes them.", markup=False)
            return
        _print_table(published, console)
        _print_remarks(published, console)
        for code in codes:
            for gone in read_removals(out_dir / code):
                console.print(
                    f"{code} {gone.edition}: removed on {gone.removed_on} by {gone.removed_by}", markup=False
                )
    if damaged := [one for one in published if not one.is_whole]:
        raise ContractError(
            f"{len(damaged)} of {len(published)} editions are damaged, such as {damaged[0].folder}: {damaged[0].faults[0]}. "
            "Restore the folder from a copy, or run `lma run` again: it makes the next number and leaves this one."
        )


def _as_record(one: Published) -> dict[str, Any]:
    """What a script reads of one edition."""
    return {
        "ref_area": one.ref_area,
        "edition": one.edition,
        "folder": str(one.folder),
        "as_of": one.as_of,
        "languages": list(one.languages),
        "version": one.version,
        "method": one.method,
        "n_files": one.n_files,
        "n_bytes": one.n_bytes,
        "is_whole": one.is_whole,
        "faults": list(one.faults),
        "errata": [vars(erratum) for erratum in one.errata],
        "corrects": list(one.corrects),
    }


def _print_table(published: Sequence[Published], console: Console) -> None:
    table = Table(box=None, pad_edge=False)
    for heading in ("country", "edition", "cut-off", "made by", "languages", "MB", "state", "errata"):
        table.add_column(heading, no_wrap=heading in ("edition", "cut-off"))
    for one in published:
        state = "whole" if one.is_whole else f"damaged ({len(one.faults)})"
        made_by = f"{one.version or 'unknown'} {one.method[:8]}".strip()
        shown = (
            one.ref_area, one.edition, one.as_of or "unknown", made_by, " ".join(one.languages), f"{one.n_bytes / 1e6:.1f}", state,
            _mark(one),
        )  # fmt: skip
        table.add_row(*map(escape, shown))
    console.print(table)


def _mark(one: Published) -> str:
    """Erratum mark of one edition in a few words."""
    n_open = sum(not erratum.corrected_by for erratum in one.errata)
    marks = [f"{len(one.errata)} ({n_open} open)"] if one.errata else []
    return ", ".join([*marks, *(f"corrects {name}" for name in one.corrects)])


def _print_remarks(published: Sequence[Published], console: Console) -> None:
    for one in published:
        for fault in one.faults[:MOST]:
            console.print(f"{one.ref_area} {one.edition}: damaged: {fault}", markup=False)
        for erratum in one.errata:
            console.print(f"{one.ref_area} {_describe_erratum(erratum)}", markup=False)


def _describe_erratum(erratum: Erratum) -> str:
    where = f"{erratum.edition} {erratum.address}".strip()
    corrected = f"corrected by {erratum.corrected_by}" if erratum.corrected_by else "not corrected yet"
    return f"{where}: erratum of {erratum.recorded_on} ({erratum.recorded_by}): {erratum.reason}; {corrected}"


# ---------------------------------------------------------------- errata


def record_erratum(out_dir: Path, ref_area: str, erratum: Erratum, console: Console) -> None:
    """Record what an edition says wrongly; its folder is not changed. ``UsageError`` for a cell that it does not have."""
    code = _check_country(ref_area)
    published = shelf.find_published(out_dir, code, erratum.edition)
    if erratum.corrected_by:
        _check_correction(out_dir, code, erratum)
    if not erratum.reason:
        found = _find_open(published, erratum)
        erratum = replace(erratum, reason=found.reason, address=found.address)
    if erratum.address:
        _check_address(published, erratum.address)
    is_new = shelf.record_erratum(out_dir, code, erratum)
    console.print(
        f"{code} {_describe_erratum(erratum)}" if is_new else f"{code} {erratum.edition}: recorded already",
        markup=False,
    )


def _find_open(published: Published, erratum: Erratum) -> Erratum:
    """The one open erratum that a correction without a reason of its own is about."""
    known = [
        one
        for one in published.errata
        if erratum.corrected_by and not one.corrected_by and erratum.address in ("", one.address)
    ]
    if len(known) == 1:
        return known[0]
    told = (
        f"{len(known)} open errata fit: " + "; ".join(one.reason for one in known)
        if known
        else "no open erratum fits"
    )
    raise UsageError(
        f"--reason is missing and {told}. Say what is wrong, in a sentence for readers; the same words as before for a correction."
    )


def _check_correction(out_dir: Path, code: str, erratum: Erratum) -> None:
    """A correction is an edition that is there, and comes after the one it corrects."""
    shelf.find_published(out_dir, code, erratum.corrected_by)
    before, after = shelf.read_name(erratum.edition), shelf.read_name(erratum.corrected_by)
    if before is None or after is None or after <= before:
        raise UsageError(
            f"--corrected-by {erratum.corrected_by} does not come after {erratum.edition}: name a later edition, see `lma editions {code}`."
        )


def _check_address(published: Published, address: str) -> None:
    import difflib

    known = read_edition(published.folder)["address"].tolist()
    tables = {name.split(".")[0] for name in known}
    if address not in known and address not in tables:
        close = ", ".join(difflib.get_close_matches(address, known, 3, 0.5)) or ", ".join(sorted(tables))
        raise UsageError(
            f"--address {address}: {published.ref_area} {published.edition} has no such cell or table. Close ones: {close}."
        )


# ---------------------------------------------------------------- retention


def print_retention(
    out_dir: Path, ref_areas: Sequence[str], keep: int, yes: bool, reviewer: str, console: Console
) -> None:
    """What may be taken away, with the reason each other stays; ``yes`` takes it away."""
    codes = [_check_country(code) for code in ref_areas] or shelf.list_countries(out_dir)
    plans = {code: shelf.plan_retention(shelf.list_published(out_dir, code), keep) for code in codes}
    table = Table("country", "edition", "", "why", box=None, pad_edge=False)
    for code, plan in plans.items():
        for verdict in plan:
            name = verdict.published.edition
            table.add_row(code, name, "keep" if verdict.is_kept else "remove", escape(verdict.reason))
    console.print(table)
    going = [verdict.published for plan in plans.values() for verdict in plan if not verdict.is_kept]
    size = sum(one.n_bytes for one in going) / 1e6
    if not yes:
        console.print(f"{len(going)} editions ({size:.1f} MB) would be removed; nothing was. --yes does it.")
        return
    today = dt.date.today().isoformat()
    gone = [one for code in codes for one in shelf.remove_editions(out_dir, code, keep, today, reviewer)]
    console.print(
        f"{len(gone)} editions removed; the hashes of their files stand in ledger.ndjson of the country."
    )


# ---------------------------------------------------------------- comparison


def print_comparison(
    out_dir: Path, ref_area: str, edition: str, other: str, table: Path | None, console: Console
) -> None:
    """What changed between two editions and why: summary, headline figures, ratings, largest movements; all in ``table``."""
    from lma.assessment.changelog import explain_changes

    code = _check_country(ref_area)
    published = [shelf.find_published(out_dir, code, name) for name in (edition, other)]
    before, after = (read_edition(one.folder) for one in published)
    made = [_read_making(one) for one in published]
    changed = explain_changes(before, after, (made[0], made[1]))
    if table is not None:
        user_tables.write_table(changed, table)
    most = max(len(before[before["table_id"] != "T13"]), len(after[after["table_id"] != "T13"]))
    counts = ", ".join(f"{n} {what}" for what, n in changed["what"].value_counts().sort_index().items())
    console.print(
        f"{code} {edition} to {other}: {len(changed)} of {most} cells differ"
        + (f" ({counts})" if counts else ""),
        markup=False,
    )
    _print_causes(before, after, (made[0], made[1]), console)
    for one in published:
        for fault in one.faults[:1]:
            console.print(f"  attention: {one.edition} is damaged: {fault}", markup=False)
        for erratum in one.errata:
            console.print(f"  erratum: {_describe_erratum(erratum)}", markup=False)
    _print_headline(after, changed, console)
    _print_ratings(changed, console)
    _print_largest(changed, console)
    if table is not None:
        console.print(f"{len(changed)} changed cells, texts in full, written to {table}", markup=False)


def _read_making(one: Published) -> Made:
    """Method and parameters of an edition; ``ContractError`` where its run.json does not say them any more."""
    try:
        run = json.loads((one.folder / "run.json").read_bytes())["run"]
        return describe_making(one.edition, run["versions"], run["parameters"])
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        fault = one.faults[0] if one.faults else "run.json does not say how it was made"
        raise ContractError(
            f"{one.folder} is damaged and cannot be compared: {fault}. Restore the folder from a copy; "
            f"`lma editions {one.ref_area}` lists what is whole."
        ) from error


def _print_causes(
    before: pd.DataFrame, after: pd.DataFrame, made: tuple[Made, Made], console: Console
) -> None:
    from lma.assessment.changelog import (
        describe_classifications,
        describe_method,
        list_moved_sources,
        list_vintages,
    )

    moved = list_moved_sources(list_vintages(before), list_vintages(after))
    data = "; ".join(f"{source} ({words})" for source, words in moved.items()) or "the same vintages"
    console.print(f"  data: {data}", markup=False)
    console.print(f"  method: {describe_method(made[0].method, made[1].method)}", markup=False)
    console.print(f"  classification: {describe_classifications(*made)}", markup=False)


def _print_headline(after: pd.DataFrame, changed: pd.DataFrame, console: Console) -> None:
    """Figures that the headline sentences of the later edition name, where they changed."""
    sentences = " ".join(after.loc[after["table_id"] == "T0", "text"].dropna())
    named = re.findall(r"T\d+\.[A-Za-z0-9_\-]+\.[A-Za-z0-9_]+", sentences)
    rows = changed[changed["address"].isin(named) & changed["change"].notna()]
    if len(rows):
        console.print("figures of the headline:", markup=False)
    _print_moves(rows, console)


def _print_ratings(changed: pd.DataFrame, console: Console) -> None:
    """Final ratings that changed."""
    rows = changed[
        changed["address"].str.fullmatch(r"T3\.[^.]+\.final_rating") & (changed["what"] == "reworded")
    ]
    if len(rows):
        console.print("ratings (T3):", markup=False)
    for row in rows.head(MOST).to_dict("records"):
        texts = f"{row['text_before']} to {row['text_after']}"
        console.print(f"  {row['row_label_after']}: {texts}; {row['why']}", markup=False)


def _print_moves(rows: pd.DataFrame, console: Console) -> None:
    for row in rows.head(MOST).to_dict("records"):
        values = f"{row['value_before']:,.10g} to {row['value_after']:,.10g} {row['unit_measure_after']}"
        label = f"{row['row_label_after']} / {row['column_label_after']}"
        console.print(f"  {row['address']} {label}: {values}; {row['why']}", markup=False)


def _print_largest(changed: pd.DataFrame, console: Console) -> None:
    if changed.empty:
        return
    columns = ["address", "what", "value_before", "value_after", "change", "text_before", "text_after", "why"]
    cut = {name: changed[name].map(cut_text, na_action="ignore") for name in columns[-3:]}
    print_frame(changed[columns].assign(**cut), console, longest=LONGEST_TABLE)
