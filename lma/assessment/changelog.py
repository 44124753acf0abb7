"""T13 change log: what changed since the last edition, and whether data, method or classification changed it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from lma.assessment.cells import Key, Lineage, TableCells
from lma.assessment.compare import compare_cells
from lma.contracts import Erratum, TableSpec

CHANGE_COLUMNS = tuple(
    Key(*pair)
    for pair in (
        ("reason", "Why: data, method, classification or the passing of time"), ("finding", "What changed"),
        ("before", "Last edition"), ("after", "This edition"), ("change", "Change"), ("relative", "Change, %"),
    )
)  # fmt: skip
CHANGE_SPEC = TableSpec(
    "T13",
    "Change log",
    "What changed since the last edition and why: first the causes, then the cells that moved most, by relative change,"
    " ten of each table. `lma news` tells which figure moved which cell by how much.",
    "Cause or cell",
)
NO_EARLIER = "no earlier edition of the country lies beside this one"
MOST_CELLS = 10
UNCOUNTED = (
    "T0",
    "T11",
    "T12",
    "T13",
    "T14",
    "T15",
    "T16",
)  # texts, and tables about the sources, models and ratings themselves


@dataclass(frozen=True)
class Made:
    """How an edition was made: hashes and versions of program and libraries, parameters, and the classifications."""

    edition: str
    method: Mapping[str, str]
    classifications: str


@dataclass(frozen=True)
class Comparison:
    """This edition's making, the last edition's making and cells (columns of a published table), or why there is none.

    ``errata``: what earlier editions say wrongly and no edition before this one has corrected.
    """

    now: Made | None = None
    before: Made | None = None
    cells: pd.DataFrame | None = None
    reason: str = NO_EARLIER
    errata: tuple[Erratum, ...] = ()


def change_table(ref_area: str, body: pd.DataFrame, compared: Comparison, lineage: Lineage) -> pd.DataFrame:
    """Cells of T13. Without an earlier edition one row says why."""
    table = TableCells(ref_area, "T13", CHANGE_COLUMNS, lineage)
    now, before, cells = compared.now, compared.before, compared.cells
    if now is None or before is None or cells is None:
        for column in CHANGE_COLUMNS:
            table.empty(Key("NONE", "Last edition"), column.id, "[z]", compared.reason)
        return table.frame()
    for number, erratum in enumerate(compared.errata, start=1):
        _add_cause(table, f"ERRATUM_{number}", "Erratum", "correction of an error", describe_erratum(erratum))
    moved = list_moved_sources(list_vintages(cells), list_vintages(body))
    for source_id, words in moved.items():
        _add_cause(table, f"DATA_{source_id}", source_id, "data", words)
    _add_cause(table, "METHOD", "Method", "method", describe_method(before.method, now.method))
    _add_cause(
        table, "CLASSIFICATION", "Classification", "classification", describe_classifications(before, now)
    )
    same_month = before.edition[:7] == now.edition[:7]
    passed = "one month, ages of data are counted alike" if same_month else "ages of data"
    _add_cause(
        table, "CALENDAR", "Edition", "passing of time", f"{before.edition} to {now.edition}: {passed}"
    )
    other = _name_other_causes(before, now)
    for record in list_largest_changes(cells, body).to_dict("records"):
        _add_change(table, record, set(moved), other, before.edition)
    return table.frame()


def list_vintages(cells: pd.DataFrame) -> dict[str, str]:
    """Source -> newest vintage behind the cells that rest on it alone (T11 has such cells for every source used)."""
    alone = cells[
        cells["source_id"].notna() & ~cells["source_id"].astype(str).str.contains(" + ", regex=False)
    ]
    return {
        str(source_id): str(max(str(day)[:10] for day in days))
        for source_id, days in alone.groupby("source_id")["as_of"]
    }


def list_moved_sources(before: Mapping[str, str], after: Mapping[str, str]) -> dict[str, str]:
    """Source -> what happened to its newest vintage, for those where something did."""
    words = {}
    for source_id in sorted(before.keys() | after.keys()):
        old, new = before.get(source_id), after.get(source_id)
        if old is None:
            words[source_id] = f"source not used before: vintage {new}"
        elif new is None:
            words[source_id] = f"source no longer used: vintage {old} before"
        elif old != new:
            words[source_id] = f"vintage {old} replaced by {new}"
    return words


def describe_method(before: Mapping[str, str], after: Mapping[str, str]) -> str:
    """Parameters, program and libraries that differ, in words."""
    differing = [
        f"{name} {before.get(name, 'not recorded')[:12]} to {after.get(name, 'not recorded')[:12]}"
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    ]
    return (
        "changed: " + ", ".join(differing) if differing else "program, libraries and parameters are the same"
    )


def describe_classifications(before: Made, now: Made) -> str:
    """Whether the classifications differ, in words."""
    if before.classifications == now.classifications:
        return "classifications and crosswalks are the same"
    return "classifications or crosswalks were changed"


def describe_erratum(one: Erratum) -> str:
    """What an earlier edition says wrongly, in words."""
    if one.address:
        return f"edition {one.edition}, {one.address}: {one.reason} (recorded {one.recorded_on})"
    return f"edition {one.edition}: {one.reason} (recorded {one.recorded_on})"


def explain_changes(before: pd.DataFrame, after: pd.DataFrame, made: tuple[Made, Made]) -> pd.DataFrame:
    """Cells that differ, as ``compare_cells`` gives them, with ``why``: data, method, classification or the passing of time.

    ``made``: how the two editions were made. T13 itself is left out, as it speaks of another edition in each of the two.
    """
    before, after = (frame[frame["table_id"] != "T13"] for frame in (before, after))
    moved = set(list_moved_sources(list_vintages(before), list_vintages(after)))
    other = _name_other_causes(*made)
    about = pd.concat([after, before]).drop_duplicates("address").set_index("address")
    changed = compare_cells(before, after)
    why = [name_reasons(about.loc[address].to_dict(), moved, other) for address in changed["address"]]
    return changed.assign(why=why)


def name_reasons(cell: Mapping[Any, Any], moved: set[str], other: list[str]) -> str:
    """Why a cell can have changed: sources of it that moved, else those a projection learns from, and what else differs."""
    sources = sorted(moved & set(str(cell["source_id"]).split(" + ")))
    reasons = [f"data ({', '.join(sources)})"] if sources else []
    if moved and not sources and cell["basis"] == "projection":
        reasons = ["data of other countries, from which the forecast model learns"]
    return " or ".join([*reasons, *other]) or "passing of time"


def _name_other_causes(before: Made, now: Made) -> list[str]:
    causes = [
        ("method", before.method != now.method),
        ("classification", before.classifications != now.classifications),
    ]
    return [name for name, differs in causes if differs]


def list_largest_changes(before: pd.DataFrame, after: pd.DataFrame) -> pd.DataFrame:
    """Cells that show another number than before, ten of each table by relative change, with all their columns."""
    changed = compare_cells(before, after)
    changed = changed[changed["change"].notna() & (changed["change"] != 0)]
    size = changed["value_before"].abs().where(changed["value_before"] != 0)
    changed = changed.assign(relative=100 * changed["change"] / size)[
        ["address", "value_before", "change", "relative"]
    ]
    both = after.merge(changed, on="address")
    digits = both["decimals"].fillna(0).astype(int)
    shown = [
        round(old, places) != round(new, places)
        for old, new, places in zip(both["value_before"], both["value"], digits, strict=True)
    ]
    both = both[~both["table_id"].isin(UNCOUNTED) & pd.Series(shown, index=both.index, dtype=bool)]
    ranked = both.sort_values("relative", key=lambda column: -column.abs(), kind="stable")
    return ranked.groupby("table_id", sort=False).head(MOST_CELLS).sort_values("table_id", kind="stable")


def _add_cause(table: TableCells, row_id: str, label: str, reason: str, words: str) -> None:
    row = Key(row_id, label)
    table.text(row, "reason", reason)
    table.text(row, "finding", words)
    for column in ("before", "after", "change", "relative"):
        table.empty(row, column, "[z]", "does not apply to a cause")


def _add_change(
    table: TableCells, cell: Mapping[Any, Any], moved: set[str], other: list[str], edition: str
) -> None:
    row = Key(
        cell["address"].replace(".", "-"), f"{cell['address']} {cell['row_label']} / {cell['column_label']}"
    )
    decimals, inputs = int(cell["decimals"] or 0), cell["inputs"]
    table.text(
        row,
        "reason",
        name_reasons(cell, moved, other),
        inputs,
    )
    table.text(
        row, "finding", f"period {cell['time_period']}" if cell["time_period"] else "number changed", inputs
    )
    table.text(row, "before", f"{cell['value_before']:,.{decimals}f} ({edition})", inputs)
    shared: dict[str, Any] = {
        "basis": cell["basis"],
        "inputs": inputs,
        "decimals": decimals,
        "period": cell["time_period"],
    }
    table.number(row, "after", cell["value"], cell["unit_measure"], step=f"as in {cell['address']}", **shared)
    step = f"{cell['address']} less the number printed in edition {edition}"
    table.number(row, "change", cell["change"], cell["unit_measure"], step=step, **shared)
    if pd.isna(cell["relative"]):
        table.empty(row, "relative", "[z]", "the number before was zero")
    else:
        percent = {**shared, "decimals": 1}
        table.number(
            row,
            "relative",
            cell["relative"],
            "PC",
            step=f"change / number of edition {edition} x 100",
            **percent,
        )
