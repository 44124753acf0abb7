"""Cells: the unit of an edition. Every number carries unit, basis, source, vintage and the ids it came from."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import pandas as pd

from lma.contracts import table_contract


class Key(NamedTuple):
    """Id and label of a row or a column."""

    id: str
    label: str


class Leaf(NamedTuple):
    """What the published figures behind a node say of themselves."""

    source_ids: frozenset[str]
    as_of: dt.date | None


@dataclass
class Lineage:
    """From the id of any row of a mart to the sources of the published figures behind it.

    ``leaves``: observation_id -> (source_id, as_of). ``inputs``: id of a derived row -> ids one step back.
    """

    leaves: Mapping[str, tuple[str, dt.date]]
    inputs: Mapping[str, Iterable[str]]
    _known: dict[str, Leaf] = field(default_factory=dict)

    def of(self, node_id: str) -> Leaf:
        """Sources and newest vintage behind one id; empty for an unknown id."""
        if node_id not in self._known:
            self._known[node_id] = self._resolve(node_id)
        return self._known[node_id]

    def of_all(self, node_ids: Iterable[str]) -> Leaf:
        """Sources and newest vintage behind several ids."""
        found = [self.of(node_id) for node_id in node_ids]
        dates = [leaf.as_of for leaf in found if leaf.as_of is not None]
        return Leaf(frozenset().union(*(leaf.source_ids for leaf in found)), max(dates) if dates else None)

    def _resolve(self, node_id: str) -> Leaf:
        if node_id in self.leaves:
            source_id, as_of = self.leaves[node_id]
            return Leaf(frozenset({source_id}), as_of)
        return self.of_all(self.inputs.get(node_id, ()))


class TableCells:
    """Collects the cells of one table in order of appearance of rows and columns."""

    def __init__(self, ref_area: str, table_id: str, columns: Iterable[Key], lineage: Lineage) -> None:
        self.ref_area = ref_area
        self.table_id = table_id
        self.columns = {key.id: (position, key.label) for position, key in enumerate(columns)}
        self.rows: dict[str, int] = {}
        self.lineage = lineage
        self.cells: list[dict[str, Any]] = []

    def number(
        self,
        row: Key,
        column_id: str,
        value: float,
        unit: str,
        basis: str,
        inputs: Iterable[str],
        step: str,
        *,
        decimals: int = 1,
        period: str | None = None,
        status: str = "A",
        footnotes: Iterable[str] = (),
    ) -> None:
        """Add one number with everything needed to defend it.

        A number behind which no published figure stands (the threshold of a test that had nothing to compare,
        a count of nothing) is a text that says so: every number of an edition leads to a publisher's row.
        """
        ids = list(dict.fromkeys(inputs))
        leaf = self.lineage.of_all(ids)
        if not leaf.source_ids:
            self.text(
                row, column_id, f"{value:,.{decimals}f} (rests on no published figure)", ids, step, footnotes
            )
            return
        self._add(
            row, column_id, value=float(value), unit_measure=unit, decimals=decimals, basis=basis, time_period=period,
            source_id=" + ".join(sorted(leaf.source_ids)), as_of=leaf.as_of, obs_status=status,
            footnotes=list(footnotes), step=step, inputs=ids,
        )  # fmt: skip

    def text(
        self,
        row: Key,
        column_id: str,
        text: str,
        inputs: Iterable[str] = (),
        step: str = "text",
        footnotes: Iterable[str] = (),
    ) -> None:
        """Add one text cell."""
        self._add(
            row,
            column_id,
            text=str(text),
            footnotes=list(footnotes),
            step=step,
            inputs=list(dict.fromkeys(inputs)),
        )

    def empty(
        self, row: Key, column_id: str, symbol: str, reason: str, footnotes: Iterable[str] = ()
    ) -> None:
        """Add one empty cell with its shorthand symbol and the reason why it is empty."""
        self._add(
            row,
            column_id,
            symbol=symbol,
            reason=reason,
            footnotes=list(footnotes),
            step="no figure",
            inputs=[],
        )

    def _add(self, row: Key, column_id: str, **content: Any) -> None:
        column_order, column_label = self.columns[column_id]
        cell = dict.fromkeys(table_contract("marts.assessments").column_names)
        cell.update(
            ref_area=self.ref_area, address=f"{self.table_id}.{row.id}.{column_id}", table_id=self.table_id, row_id=row.id,
            column_id=column_id, row_order=self.rows.setdefault(row.id, len(self.rows)), column_order=column_order,
            row_label=row.label, column_label=column_label, **content,
        )  # fmt: skip
        self.cells.append(cell)

    def frame(self) -> pd.DataFrame:
        """The cells as rows of marts.assessments, ordered by row and column."""
        frame = pd.DataFrame(self.cells, columns=table_contract("marts.assessments").column_names)
        # A table without numbers has columns of numbers all the same: they keep their kind beside other tables.
        frame = frame.astype({"value": float, "decimals": float})
        return frame.sort_values(["row_order", "column_order"], kind="stable", ignore_index=True)


def add_mart_number(
    table: TableCells,
    row: Key,
    column_id: str,
    record: Mapping[Any, Any] | None,
    id_column: str,
    absent: str,
    *,
    decimals: int = 1,
    footnotes: Iterable[str] = (),
) -> None:
    """Add the value of a mart row (or published figure) to a table, or say why there is none.

    ``record``: the row as a mapping, None when there is no such row (``absent`` says why).
    """
    if record is None:
        table.empty(row, column_id, "[x]", absent, footnotes)
        return
    value = record["obs_value"] if "obs_value" in record else record["value"]
    if pd.isna(value):
        reason = record.get("reason") or "the publisher gives no figure"
        table.empty(row, column_id, "[b]" if "break" in str(reason) else "[x]", str(reason), footnotes)
        return
    table.number(
        row, column_id, value, record["unit_measure"], record["basis"], [record[id_column]],
        record.get("step") or "as published", decimals=decimals, period=record.get("time_period"),
        status=record.get("obs_status") or "A", footnotes=footnotes,
    )  # fmt: skip


def fill_row(table: TableCells, row: Key, columns: Iterable[Key], reason: str) -> None:
    """Mark every cell of a row as unavailable for one reason."""
    for column in columns:
        table.empty(row, column.id, "[x]", reason)
