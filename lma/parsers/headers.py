"""Column names out of header cells, the same way for every format."""

from __future__ import annotations

from collections.abc import Sequence

from lma.errors import InputError
from lma.parsers.safety import MAX_COLUMNS


def tidy_cell(text: str) -> str:
    """Header cell with white space collapsed to single blanks and stripped at both ends."""
    return " ".join(text.split())


def name_columns(cells: Sequence[str]) -> list[str]:
    """Unique column names: unnamed columns are ``column_<n>`` (1-based), repeats get ``~2``, ``~3``."""
    if len(cells) > MAX_COLUMNS:
        raise InputError(
            f"the header has {len(cells):,} columns, at most {MAX_COLUMNS:,} are read: the file is damaged, no "
            "table, or has another delimiter than its source declares."
        )
    if not any(tidy_cell(cell) for cell in cells):
        raise InputError("the header row is empty: correct the row of the header in the source's options.")
    seen: dict[str, int] = {}
    names = []
    for position, cell in enumerate(cells, start=1):
        name = tidy_cell(cell) or f"column_{position}"
        seen[name] = seen.get(name, 0) + 1
        names.append(name if seen[name] == 1 else f"{name}~{seen[name]}")
    return names


def join_headers(rows: Sequence[Sequence[str]]) -> list[str]:
    """One header per column out of several header rows.

    Upper rows are filled forward (their cells are merged over several columns), parts are joined with
    ``|``. A column whose lowest cell is empty has no header.
    """
    width = max(map(len, rows))
    own = [[tidy_cell(cell) for cell in row] + [""] * (width - len(row)) for row in rows]
    filled = [*map(_fill_forward, own[:-1]), own[-1]]
    return ["|".join(filter(None, parts)) if parts[-1] else "" for parts in zip(*filled, strict=True)]


def _fill_forward(row: Sequence[str]) -> list[str]:
    filled, last = [], ""
    for cell in row:
        last = cell or last
        filled.append(last)
    return filled
