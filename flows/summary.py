"""What a person reads on the terminal after a run: what was found, how sure it is, where the edition lies."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console
from rich.table import Table

MOST_ROWS = 6
"""Activities shown: the rest is a command or a click away."""

_FIRST_FORMS = ("assessment.html", "assessment.pdf", "assessment.docx", "assessment.xlsx", "assessment.ods")


def summarise(folder: Path, console: Console) -> None:
    """Headline findings, the activities with the largest gaps, the quality of the data, and what to open."""
    console.print(f"\n{_read_title(folder)}, edition {folder.name}", markup=False, style="bold")
    for number, text in enumerate(_read_table(folder, "T0")["text"], start=1):
        console.print(f"  {number}. {text}", markup=False)
    gaps = list_gaps(folder)
    if len(gaps):
        console.print()
        console.print(_draw_gaps(gaps, console))
    console.print(f"\n  Data: {count_findings(folder)}", markup=False)
    console.print(f"  Folder: {folder}", markup=False)
    console.print(f"  Open: {_list_forms(folder)}", markup=False)
    address = f"T3.{gaps['row_id'].iloc[0]}.gap_q50" if len(gaps) else "T1.EMP.value"
    console.print(f"  Where a figure comes from: lma trace {folder.parent.name} {address}", markup=False)


def describe_edition(folder: Path) -> str:
    """The same in Markdown, for a run that nobody watches: findings, largest gaps, files."""
    findings = [f"{number}. {text}" for number, text in enumerate(_read_table(folder, "T0")["text"], start=1)]
    parts = [f"## {_read_title(folder)}, edition {folder.name}", "\n".join(findings)]
    gaps = list_gaps(folder)
    if len(gaps):
        lines = [
            "| Activity | Gap, persons | 80 % range | P(shortage) | Rating | Labour migration (T10) |",
            "|---|---|---|---|---|---|",
        ]
        lines += [f"| {' | '.join(_say_gap(row))} |" for row in gaps.head(MOST_ROWS).itertuples()]
        parts.append("\n".join(lines))
    return "\n\n".join([*parts, f"Data: {count_findings(folder)}", f"Files: `{folder}`"]) + "\n"


def _say_gap(row: Any) -> tuple[str, ...]:
    low, high = (f"{value:,.0f}" for value in (row.gap_q10, row.gap_q90))
    words = (say_code(row.final_rating), say_code(row.result))
    return (
        str(row.label).replace("|", "/"),
        f"{row.gap_q50:,.0f}",
        f"{low} to {high}",
        f"{row.p_shortage:.0f} %",
        *words,
    )


def _read_table(folder: Path, table_id: str) -> pd.DataFrame:
    return pd.read_csv(folder / "tables" / f"{table_id}.csv", dtype=str, keep_default_na=False)


def _read_title(folder: Path) -> str:
    """Title of the data package; the country's code where it has none."""
    package = json.loads((folder / "datapackage.json").read_text(encoding="utf-8"))
    return str(package.get("title") or folder.parent.name)


def list_gaps(folder: Path) -> pd.DataFrame:
    """Activities with a simulated gap, the largest first: row_id, label, gap_q10, gap_q50, gap_q90, p_shortage, rating, result, span.

    Numbers are as published in T3, results as in T10; empty texts where a table has none. The total is left out.
    """
    cells = _read_table(folder, "T3")
    wide = cells.assign(shown=cells["value"].where(cells["value"] != "", cells["text"])).pivot(
        index="row_id", columns="column_id", values="shown"
    )
    wide = wide.reindex(columns=["gap_q10", "gap_q50", "gap_q90", "p_shortage", "final_rating", "confidence"])
    labels = cells.drop_duplicates("row_id").set_index("row_id")["row_label"]
    spans = cells[cells["column_id"] == "gap_q50"].set_index("row_id")["time_period"]
    wide = wide.assign(label=labels, span=spans, result=_read_results(folder)).drop(
        index="_T", errors="ignore"
    )
    numbers = wide[["gap_q10", "gap_q50", "gap_q90", "p_shortage"]].apply(pd.to_numeric, errors="coerce")
    known = wide.assign(**numbers).dropna(subset=["gap_q50"]).reset_index()
    return known.sort_values(["gap_q50", "row_id"], ascending=[False, True], ignore_index=True)


def _read_results(folder: Path) -> pd.Series:
    cells = _read_table(folder, "T10")
    return cells[cells["column_id"] == "result"].set_index("row_id")["text"]


def _draw_gaps(gaps: pd.DataFrame, console: Console) -> Table:
    """The first rows as a table; on a terminal within its width, else in whole lines."""
    span = next((text for text in gaps["span"] if isinstance(text, str) and text), "")
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), title_justify="left", show_edge=False)
    table.add_column(f"  Largest gaps {span}", overflow="fold", min_width=24)
    for name in ("persons", "80 % range", "P(shortage)"):
        table.add_column(name, justify="right", no_wrap=True)
    for name in ("rating", "confidence", "labour migration (T10)"):
        table.add_column(name, overflow="fold")
    for row in gaps.head(MOST_ROWS).itertuples():
        label, *figures, rating, result = _say_gap(row)
        table.add_row(f"  {label}", *figures, rating, say_code(row.confidence), result)
    if len(gaps) > MOST_ROWS:
        table.caption = f"  {len(gaps) - MOST_ROWS} more activities in T3; below zero: a surplus"
        table.caption_justify = "left"
    return table


def say_code(code: object) -> str:
    """A code of ours in plain words: ``INSUFFICIENT_DATA`` is insufficient data; nothing for a missing one."""
    text = code if isinstance(code, str) else ""
    return text if len(text) < 2 else text.replace("_", " ").lower()


def _list_forms(folder: Path) -> str:
    """Files a person opens, other languages counted (named where English is not made), and where the rest is."""
    present = {path.name for path in folder.iterdir()}
    first = [name for name in _FIRST_FORMS if name in present]
    others = sorted(name for name in present if name.startswith("assessment.") and name.count(".") == 2)
    if not first:
        return ", ".join([*others, "tables/*.csv"])
    languages = sorted({name.split(".")[1] for name in others})
    also = f" (people read it also in {', '.join(languages)})" if languages else ""
    return f"{', '.join([*first, 'tables/*.csv'])}{also}"


def count_findings(folder: Path) -> str:
    """What T15 counts, in one line."""
    cells = _read_table(folder, "T15")
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
