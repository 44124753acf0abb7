"""Where each number of an edition comes from, as one compact record for the page's trace panel.

Repeated texts (steps, sources, labels) are stored once and referred to by position, because a page has
thousands of cells and must stay small.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from typing import Any

import pandas as pd

from lma.contracts import Edition
from lma.publish.grid import BASIS_WORDS, clean_text, list_ids
from lma.publish.layout import format_number, unit_words

FIRST_ROWS = 5
STATUS_WORDS = {
    "A": "normal",
    "B": "break in the series",
    "D": "definition differs",
    "E": "estimated",
    "F": "forecast",
    "I": "imputed",
    "M": "missing",
    "P": "provisional",
    "U": "low reliability",
}
_SOURCE_FIELDS = ("publisher", "title", "table_code", "file_name", "as_of", "url", "licence", "snapshot_sha")


class Pool:
    """Texts or tuples by position; each is stored once."""

    def __init__(self) -> None:
        self.items: list[Any] = []
        self._positions: dict[Hashable, int] = {}

    def position(self, item: Hashable) -> int:
        """Position of an item, added when it is new."""
        if item not in self._positions:
            self._positions[item] = len(self.items)
            self.items.append(item)
        return self._positions[item]


def collect_traces(edition: Edition) -> dict[str, Any]:
    """Traces of all numeric cells.

    ``cells``: address -> [title, shown, unit, basis, period, status, step, sources, vintage, rows, number of
    rows (0 where only the first are known), inputs, number of inputs], where texts are positions in ``words`` and rows in ``rows``; ``rows``:
    [observation_id, source position, row, column, period, value, note]; ``sources``: publisher, title, table,
    file, vintage, URL, licence, sha256.
    """
    words, rows = Pool(), Pool()
    sources, positions = _sources(edition.sources)
    facts = _observation_facts(edition, positions)
    numbers = edition.cells[edition.cells["value"].notna()]
    cells = {
        clean_text(record["address"]): _trace(record, edition.origins, facts, words, rows)
        for record in numbers.to_dict("records")
    }
    return {
        "words": words.items,
        "rows": rows.items,
        "sources": sources,
        "cells": cells,
        "country": edition.ref_area,
    }


def observation_ids(
    inputs: Iterable[str], origins: Mapping[str, list[str]], known: Mapping[str, Any]
) -> list[str]:
    """Published rows behind a cell: its inputs that are observations, and the origins of the rest."""
    found: dict[str, None] = {}
    for name in inputs:
        for observation_id in [name] if name in known else origins.get(name, []):
            if observation_id in known:
                found[observation_id] = None
    return list(found)


def _sources(frame: pd.DataFrame) -> tuple[list[list[str]], dict[tuple[str, str], int]]:
    records = frame.to_dict("records")
    positions = {(str(r["snapshot_sha"]), str(r["source_id"])): place for place, r in enumerate(records)}
    return [[clean_text(record[name]) for name in _SOURCE_FIELDS] for record in records], positions


def _observation_facts(
    edition: Edition, positions: Mapping[tuple[str, str], int]
) -> dict[str, tuple[Any, ...]]:
    return {
        clean_text(record["observation_id"]): (
            clean_text(record["observation_id"]),
            positions.get((str(record["snapshot_sha"]), str(record["source_id"])), -1),
            clean_text(record["raw_row"]),
            clean_text(record["raw_column"]),
            clean_text(record["time_period"]),
            _published(record),
            clean_text(record["note"])[:200],
        )
        for record in edition.observations.to_dict("records")
    }


def _published(record: Mapping[Hashable, Any]) -> str:
    """Published value with its unit; empty where the publisher has no figure."""
    if clean_text(record["obs_value"]) == "":
        return ""
    return f"{format_number(record['obs_value'])} {unit_words(record['unit_measure'])}".strip()


def _trace(
    record: Mapping[Hashable, Any],
    origins: Mapping[str, list[str]],
    facts: Mapping[str, tuple[Any, ...]],
    words: Pool,
    rows: Pool,
) -> list[Any]:
    inputs = list_ids(record["inputs"])
    found = observation_ids(inputs, origins, facts)
    basis = clean_text(record["basis"])
    status = clean_text(record["obs_status"])
    texts = (
        unit_words(record["unit_measure"]),
        BASIS_WORDS.get(basis, basis),
        clean_text(record["time_period"]),
        f"{status}, {STATUS_WORDS[status]}" if status in STATUS_WORDS else status,
        clean_text(record["step"]),
        clean_text(record["source_id"]),
        clean_text(record["as_of"])[:10],
    )
    shown_inputs = [words.position(name) for name in inputs[:FIRST_ROWS]]
    shown_rows = [rows.position(facts[name]) for name in found[:FIRST_ROWS]]
    title = f"{clean_text(record['row_label'])} | {clean_text(record['column_label'])}"
    shown = format_number(record["value"], record["decimals"])
    return [
        words.position(title),
        shown,
        *map(words.position, texts),
        shown_rows,
        len(inputs) if all(name in facts for name in inputs) else 0,
        shown_inputs,
        len(inputs),
    ]
