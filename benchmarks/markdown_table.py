"""Rows printed as a markdown table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd


def print_table(rows: Iterable[Mapping[str, object]]) -> None:
    """Rows with the columns of the first; floats with three decimals, unknown cells empty."""
    table = pd.DataFrame(list(rows), dtype=object)
    print(f"| {' | '.join(map(str, table.columns))} |\n|{'---|' * len(table.columns)}")
    for row in table.itertuples(index=False):
        print(f"| {' | '.join(show(cell) for cell in row)} |")
    print(flush=True)


def show(cell: object) -> str:
    """One cell as text."""
    if isinstance(cell, float):
        return "" if np.isnan(cell) else f"{cell:.3f}"
    return str(cell)
