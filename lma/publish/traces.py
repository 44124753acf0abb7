"""Where each cell and figure of an edition comes from, as one compact record for the page's trace panel.

Repeated texts (steps, sources, labels) are stored once and referred to by position, because a page has
thousands of cells and must stay small.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from lma.contracts import Edition
from lma.languages import Language, language
from lma.publish.charts import Chart
from lma.publish.grid import BASIS_WORDS, clean_text, is_missing, list_ids, symbol_of
from lma.publish.layout import format_number, unit_words

FIRST_ROWS = 5
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


def name_statuses(words: Language) -> dict[str, str]:
    """Status of an observation (SDMX code) -> words."""
    return {
        "A": words.say("normal"),
        "B": words.say("break in the series"),
        "D": words.say("definition differs"),
        "E": words.say("estimated"),
        "F": words.say("forecast"),
        "I": words.say("imputed"),
        "M": words.say("missing"),
        "P": words.say("provisional"),
        "U": words.say("low reliability"),
    }


def collect_traces(edition: Edition, charts: Sequence[Chart] = ()) -> dict[str, Any]:
    """Traces of all cells and of all rows of figures.

    ``cells``: row of a table (``T5.C``) -> [row label, {column: trace}], a trace being [column label, facts,
    step, rows, number of rows (0 where only the first are known), inputs, number of inputs, said], where texts
    are positions in ``words``, facts in ``facts`` (unit, basis, period, status, sources, vintage), rows in
    ``rows`` (observation_id, source position, row, column, period, value, note), and said is what a cell without
    a number says: symbol, reason, code. ``figures``: figure -> for each row of its table [addresses of cells,
    positions in ``rows``, ids of computed rows]. ``sources``: publisher, title, table, file, vintage, URL, licence,
    sha256.
    """
    tracer = _Tracer(edition)
    cells: dict[str, list[Any]] = {}
    for record in edition.cells.to_dict("records"):
        address = clean_text(record["address"])
        column = clean_text(record["column_id"])
        row = address.removesuffix(f".{column}")
        label = tracer.words.position(clean_text(record["row_label"]))
        cells.setdefault(row, [label, {}])[1][column] = tracer.trace(record)
    addresses = {clean_text(address) for address in edition.cells["address"]}
    return {
        "cells": cells,
        "figures": {chart.chart_id: tracer.trace_figure(chart, addresses) for chart in charts},
        "words": tracer.words.items,
        "facts": tracer.groups.items,
        "rows": tracer.rows.items,
        "sources": tracer.sources,
        "country": edition.ref_area,
    }


def find_trace(traces: Mapping[str, Any], address: str) -> list[Any] | None:
    """Trace of a cell by its address, as the page's script finds it."""
    places = [place for place, character in enumerate(address) if character == "."]
    for place in places:
        row = traces["cells"].get(address[:place])
        if row and address[place + 1 :] in row[1]:
            found: list[Any] = row[1][address[place + 1 :]]
            return found
    return None


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


def count_traced(
    traces: Mapping[str, Any], addresses: Iterable[str], charts: Sequence[Chart]
) -> tuple[int, int]:
    """Cells and rows of figures that lead somewhere: to a step, a published row or a reason; and how many there are."""
    cells = [find_trace(traces, clean_text(address)) for address in addresses]
    led = [t is not None and _leads_somewhere(t, traces["words"]) for t in cells]
    figures = [any(parts) for chart in charts for parts in traces["figures"][chart.chart_id]]
    return sum(led) + sum(figures), len(led) + len(figures)


def _leads_somewhere(trace: Sequence[Any], words: Sequence[str]) -> bool:
    """True for a trace with a step, a published row, an input, or a reason why there is no number."""
    reason = len(trace) > 7 and words[trace[7][1]]
    return bool(words[trace[2]] or trace[3] or trace[5] or reason)


class _Tracer:
    """Follows cells of one edition, and keeps what they share."""

    def __init__(self, edition: Edition) -> None:
        self.code = edition.language
        self.language = language(edition.language)
        self.statuses = name_statuses(self.language)
        self.origins = edition.origins
        self.words, self.rows, self.groups = Pool(), Pool(), Pool()
        self.sources, positions = _list_sources(edition.sources)
        self.facts = _observation_facts(edition, positions)

    def trace(self, record: Mapping[Hashable, Any]) -> list[Any]:
        """Trace of one cell, as ``collect_traces`` describes it."""
        inputs = list_ids(record["inputs"])
        found = observation_ids(inputs, self.origins, self.facts)
        said = () if not is_missing(record["value"]) else _say_why(record)
        return [
            self.words.position(clean_text(record["column_label"])),
            self.groups.position(self._list_facts(record)),
            self.words.position(clean_text(record["step"])),
            [self.rows.position(self.facts[name]) for name in found[:FIRST_ROWS]],
            len(inputs) if all(name in self.facts for name in inputs) else 0,
            [self.words.position(name) for name in inputs[:FIRST_ROWS]],
            len(inputs),
            *([[self.words.position(text) for text in said]] if said else []),
        ]

    def trace_figure(self, chart: Chart, addresses: set[str]) -> list[list[Any]]:
        """For each row of the table behind a figure: its cells, its published rows, its computed rows."""
        return [self._trace_row(ids, addresses) for ids in chart.addresses]

    def _trace_row(self, ids: Iterable[str], addresses: set[str]) -> list[Any]:
        cells = [name for name in ids if name in addresses]
        others = [name for name in ids if name not in addresses]
        published = observation_ids(others, self.origins, self.facts)
        return [
            cells,
            [self.rows.position(self.facts[name]) for name in published[:FIRST_ROWS]],
            [self.words.position(name) for name in others if name not in self.facts][:FIRST_ROWS],
        ]

    def _list_facts(self, record: Mapping[Hashable, Any]) -> tuple[int, ...]:
        basis, status = clean_text(record["basis"]), clean_text(record["obs_status"])
        said = f"{status}, {self.statuses[status]}" if status in self.statuses else status
        texts = (
            unit_words(record["unit_measure"], self.code),
            self.language.text(BASIS_WORDS.get(basis, basis)),
            clean_text(record["time_period"]),
            said,
            clean_text(record["source_id"]),
            clean_text(record["as_of"])[:10],
        )
        return tuple(map(self.words.position, texts))


def _say_why(record: Mapping[Hashable, Any]) -> tuple[str, ...]:
    """Symbol, reason and code of a cell without a number; nothing where it has none."""
    said = (symbol_of(record), clean_text(record["reason"]), clean_text(record.get("code")))
    return said if any(said) else ()


def _list_sources(frame: pd.DataFrame) -> tuple[list[list[str]], dict[tuple[str, str], int]]:
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
            _published(record, edition.language),
            clean_text(record["note"])[:200],
        )
        for record in edition.observations.to_dict("records")
    }


def _published(record: Mapping[Hashable, Any], code: str) -> str:
    """Published value with its unit; empty where the publisher has no figure."""
    if clean_text(record["obs_value"]) == "":
        return ""
    return (
        f"{format_number(record['obs_value'], None, code)} {unit_words(record['unit_measure'], code)}".strip()
    )
