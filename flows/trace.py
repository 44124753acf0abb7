"""The path of one number, from an edition's cell back to the publisher's row."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console
from rich.markup import escape
from rich.tree import Tree

from lma import warehouse as warehouses
from lma.errors import UsageError
from lma.warehouse import Warehouse

SHOWN = 3  # nodes shown of each level; the rest is counted


def find_cell(warehouse: Warehouse, ref_area: str, address: str) -> dict[str, Any]:
    """The cell at an address; ``UsageError`` gives the closest addresses that exist."""
    cells = warehouse.read("marts.assessments", ref_area)
    if cells.empty:
        raise UsageError(
            f"there is no assessment of {ref_area} in the warehouse: run `lma run {ref_area}` first."
        )
    found = cells[cells["address"].str.lower() == address.lower()]
    if found.empty and address.upper() in set(cells["table_id"]):
        first = cells.loc[(cells["table_id"] == address.upper()) & cells["value"].notna(), "address"]
        raise UsageError(
            f"{address} is a table; trace one of its cells, for example {' '.join(first.head(1)) or 'none'}. "
            f"All of them stand in tables/{address.upper()}.csv of the edition."
        )
    if found.empty:
        near = difflib.get_close_matches(address, cells["address"], n=5, cutoff=0.5)
        raise UsageError(
            f"{ref_area} has no cell {address!r}. Close to it: {', '.join(near) or 'none'}. Addresses are table.row.column, as in T5.C.2030."
        )
    return dict(found.iloc[0].to_dict())


def find_path(warehouse: Warehouse, node_ids: Sequence[str]) -> pd.DataFrame:
    """Every node behind the given ids, level by level, in the columns of ``Warehouse.trace`` plus ``level``."""
    levels, seen, ask = [], set(), list(dict.fromkeys(node_ids))
    while ask:
        found = warehouse.trace(ask)
        levels.append(found.assign(level=len(levels)))
        seen.update(ask)
        ask = list(dict.fromkeys(node for inputs in found["inputs"] for node in inputs if node not in seen))
    return pd.concat(levels, ignore_index=True) if levels else pd.DataFrame()


def print_trace(path: Path, ref_area: str, address: str, console: Console) -> None:
    """Print one cell's path: what it says, how it was computed, from which published rows, under which licence."""
    with warehouses.open_for_reading(path) as warehouse:
        cell = find_cell(warehouse, ref_area, address)
        tree = Tree(_describe_cell(cell))
        nodes = find_path(warehouse, cell["inputs"])
        if nodes.empty:
            tree.add(escape(f"no published figure stands behind this cell: {cell['reason'] or cell['step']}"))
        else:
            _add_nodes(
                tree, cell["inputs"], nodes.drop_duplicates("node_id").set_index("node_id"), warehouse, set()
            )
        console.print(tree)
        if len(nodes):
            _print_licences(nodes, warehouse, console)


def _describe_cell(cell: dict[str, Any]) -> str:
    shown = (
        f"{cell['value']:,.{int(cell['decimals'] or 0)}f} {cell['unit_measure']}"
        if pd.notna(cell["value"])
        else cell["text"] or f"{cell['symbol']} {cell['reason']}"
    )
    place = f"{cell['row_label']} / {cell['column_label']}"
    basis = (
        f"\nbasis {cell['basis']}, vintage {cell['as_of']}, sources {cell['source_id']}"
        if cell["basis"]
        else ""
    )
    return escape(f"{cell['ref_area']} {cell['address']}  {place}\n= {shown}\nhow: {cell['step']}{basis}")


def _add_nodes(
    branch: Tree, node_ids: Sequence[str], nodes: pd.DataFrame, warehouse: Warehouse, shown: set[str]
) -> None:
    for node_id in list(reversed(node_ids))[:SHOWN]:  # histories end with the newest figure
        if node_id not in nodes.index:
            branch.add(escape(f"{node_id}: not in the warehouse"))
            continue
        node = nodes.loc[node_id]
        if node["kind"] == "observation":
            branch.add(_describe_observation(node_id, node, warehouse))
        else:
            value = "" if pd.isna(node["value"]) else f" = {node['value']:,.6g} {node['unit_measure']}"
            title = f"{node['kind']} {node['label']}{value}"
            if node_id in shown:
                branch.add(escape(f"{title} (shown above)"))
                continue
            shown.add(node_id)
            inner = branch.add(escape(f"{title}\nhow: {node['step']}"))
            _add_nodes(inner, node["inputs"], nodes, warehouse, shown)
    if len(node_ids) > SHOWN:
        branch.add(f"... and {len(node_ids) - SHOWN} more of this kind")


def _describe_observation(node_id: str, node: Any, warehouse: Warehouse) -> str:
    raw = warehouse.raw_row(node["source_id"], node["snapshot_sha"], int(node["raw_row"]))
    column = node["raw_column"]
    filled = {key: value for key, value in raw.items() if value and key != column}
    shown = dict(list(filled.items())[:8]) | ({column: raw[column]} if column in raw else {})
    row = ", ".join(f"{key}={value}" for key, value in shown.items())[:400]
    figure = "missing" if pd.isna(node["value"]) else f"{node['value']:,.10g} {node['unit_measure']}"
    return escape(
        f"published figure {node['label']} = {figure} ({node['basis']}, vintage {node['as_of']})\n"
        f"{node['source_id']} row {node['raw_row']:.0f} [{node_id}]\npublisher's row: {row}"
    )


def _print_licences(nodes: pd.DataFrame, warehouse: Warehouse, console: Console) -> None:
    leaves = nodes[nodes["kind"] == "observation"].drop_duplicates("node_id")
    console.print(f"{len(leaves)} published figures stand behind this cell:")
    for fact in warehouse.snapshot_facts(sorted(leaves["snapshot_sha"].unique())).to_dict("records"):
        console.print(
            f"  {fact['publisher']}, {fact['table_code']}: {fact['file_name']} (vintage {fact['as_of']}, sha256 {fact['snapshot_sha'][:12]})",
            markup=False,
        )
        console.print(f"    {fact['url']}  licence: {fact['licence']}", markup=False)
