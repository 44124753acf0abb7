"""Figures of an edition as the charts need them: cells of a table in order, where they come from."""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Iterable, Sequence
from typing import Any

import pandas as pd

from lma.contracts import Edition, codelist
from lma.languages import Language
from lma.publish.charts.marks import MOST_ROWS
from lma.publish.grid import clean_text, is_missing, split_sources

_MOST_PUBLISHERS = 4


def read_table(edition: Edition, table_id: str) -> pd.DataFrame:
    """Cells of one table in the order of its rows and columns."""
    cells = edition.cells[edition.cells["table_id"] == table_id]
    return cells.sort_values(["row_order", "column_order"], kind="stable")


def pivot_values(cells: pd.DataFrame, columns: Iterable[str]) -> pd.DataFrame:
    """One row per row of the table in its order: row_id, label, and the numbers of these columns (NaN where none)."""
    names = list(columns)
    found = cells[cells["column_id"].isin(names) & cells["value"].notna()]
    wide = found.pivot_table(index="row_id", columns="column_id", values="value", aggfunc="first", sort=False)
    wide = wide.reindex(columns=names).astype(float).reset_index()
    labels = dict(zip(cells["row_id"], cells["row_label"], strict=True))
    return wide.assign(label=[labels[row] for row in wide["row_id"]], economic_activity=wide["row_id"])


def code_of(record: Any) -> str:
    """What a cell of codes says before any translation; the first part where it has a reason after a colon."""
    code = record.get("code")
    return clean_text(record.get("text") if is_missing(code) else code)


def addresses_of(table_id: str, row_id: str, columns: Iterable[str], known: set[str]) -> tuple[str, ...]:
    """Addresses of a row's cells in these columns, those that the edition has."""
    wanted = (f"{table_id}.{row_id}.{column}" for column in columns)
    return tuple(address for address in wanted if address in known)


def keep_first(data: pd.DataFrame, words: Language) -> tuple[pd.DataFrame, str]:
    """The first rows, as many as a picture holds, and a sentence where some are left out."""
    if len(data) <= MOST_ROWS:
        return data, ""
    left_out = len(data) - MOST_ROWS
    sentence = words.say(
        "The picture shows the first {n}; the table behind it has {left} more.", n=MOST_ROWS, left=left_out
    )
    return data.head(MOST_ROWS), sentence


def join_sentences(*sentences: str) -> str:
    """Sentences one after the other, empty ones left out."""
    return " ".join(sentence for sentence in sentences if sentence)


def choose_sectors(edition: Edition, codes: Iterable[str]) -> list[str]:
    """All codes where a picture holds them; else those with most employment in their last published period, in order.

    Codes that the series do not have, such as those of zones, come last; the total is always kept.
    """
    given = list(dict.fromkeys(codes))
    if len(given) <= MOST_ROWS:
        return given
    series = edition.series
    observed = series[(series["measure"] == "observed") & series["value"].notna()]
    last = observed.sort_values("time_period", kind="stable").groupby("economic_activity")["value"].last()
    size = {code: float(last.get(code, -1.0)) for code in given}
    ranked = sorted(given, key=lambda code: (code not in ("_T", "T"), -size[code], given.index(code)))
    kept = set(ranked[:MOST_ROWS])
    return [code for code in given if code in kept]


def say_left_out(n_all: int, n_drawn: int, words: Language) -> str:
    """A sentence where a picture does not have every sector; empty where it has."""
    if n_all <= n_drawn:
        return ""
    return words.say(
        "Drawn are the {n} sectors with most employment of {all}; the table has all.", n=n_drawn, all=n_all
    )


def source_line(edition: Edition, words: Language, unit: str, addresses: Iterable[Iterable[str]]) -> str:
    """Unit, publishers and newest vintage of the cells and observations that a chart draws."""
    wanted = {address for group in addresses for address in group}
    cells = edition.cells[edition.cells["address"].isin(wanted)]
    facts = edition.observations[edition.observations["observation_id"].isin(wanted)]
    sources = {s for value in cells["source_id"] for s in split_sources(value)} | set(facts["source_id"])
    used = edition.sources[edition.sources["source_id"].isin(sources)]
    publishers = sorted({clean_text(name) for name in used["publisher"]})
    dates = [str(d)[:10] for d in [*cells["as_of"], *facts["as_of"]] if not is_missing(d)]
    if not publishers:
        return words.say("Unit: {unit}. Data cut-off: {date}.", unit=unit, date=edition.as_of)
    named = words.join(publishers[:_MOST_PUBLISHERS])
    if len(publishers) > _MOST_PUBLISHERS:
        more = len(publishers) - _MOST_PUBLISHERS
        named = words.say("{names} and {n} more publishers", names=named, n=more)
    newest = max(dates, default=str(edition.as_of))
    return words.say(
        "Unit: {unit}. Source: {sources}. Newest vintage: {date}.",
        unit=unit,
        sources=named,
        date=dt.date.fromisoformat(newest),
    )


def keep_pages(items: list[Any], size: int) -> list[tuple[int, int, list[Any]]]:
    """Number of the page, number of pages, and the items of each; pages as even as can be."""
    count = -(-len(items) // size)
    each = -(-len(items) // count) if count else 0
    return [(n + 1, count, items[n * each : (n + 1) * each]) for n in range(count)]


@functools.cache
def _areas() -> frozenset[str]:
    return frozenset(codelist("areas")["area"])


def is_area(code: str) -> bool:
    """Whether a code is that of a country."""
    return code in _areas()


def area_name(code: str, words: Language) -> str:
    """Name of a country in the reader's language; the code where there is none."""
    return words.area(code) or code


def is_origin_of(edition: Edition) -> bool:
    """Whether the corridors of T8 lead out of the country of the edition."""
    rows = edition.cells.loc[edition.cells["table_id"] == "T8", "row_id"].astype(str)
    return bool(len(rows)) and bool(rows.str.startswith(f"{edition.ref_area}-").all())


def read_rows(edition: Edition, table_id: str, columns: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Cells of a table by row and column, of these columns only; rows in the table's order."""
    cells = read_table(edition, table_id)
    rows: dict[str, dict[str, Any]] = {}
    for record in cells[cells["column_id"].isin(columns)].to_dict("records"):
        rows.setdefault(str(record["row_id"]), {})[str(record["column_id"])] = record
    return rows
