"""Where a table begins and ends in a file whose header line moves: titles above it, footnotes below it.

The same options in every format that has lines: ``header_cell`` (text of a cell of the header line),
``stop_at`` (``blank``, or a regular expression on the first cell of the first line that is no row of the
table), ``fill_down`` (columns whose empty cells stand for the cell above, because the publisher merged them).
No message shows a cell: the lines searched may name persons or employers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from lma.errors import DefinitionError, InputError
from lma.parsers.headers import tidy_cell

EXTENT_OPTIONS = frozenset({"header_cell", "stop_at", "fill_down"})


def find_header(rows: Sequence[Sequence[str]], options: Mapping[str, Any], otherwise: int) -> int:
    """1-based line of the header: the first that holds ``header_cell``, or ``otherwise`` without that option."""
    wanted = options.get("header_cell")
    if wanted is None:
        return otherwise
    for number, row in enumerate(rows, start=1):
        if any(tidy_cell(cell) == wanted for cell in row):
            return number
    raise InputError(
        f"no line of the file has a cell {wanted!r}, by which its source knows the header: the layout changed, "
        "or the file is another one; correct `header_cell` in the source's options."
    )


def find_end(rows: Sequence[Sequence[str]], options: Mapping[str, Any], first: int) -> int:
    """Number of the last line of the table; ``first`` is the 1-based line below the header.

    ``InputError`` where ``stop_at`` is declared and no line meets it: the file is cut off.
    """
    stop = options.get("stop_at")
    if stop is None:
        return len(rows)
    below = [[tidy_cell(cell) for cell in row] for row in rows[first - 1 :]]
    ends = (not any(row) if stop == "blank" else bool(row and re.match(stop, row[0])) for row in below)
    found = next((position for position, is_end in enumerate(ends) if is_end), None)
    if found is None and stop != "blank":
        raise InputError(
            f"no line below the table begins with {stop!r}: the file is cut off before its notes; download it "
            "again, or correct `stop_at` in the source's options."
        )
    return len(rows) if found is None else first - 1 + found


def fill_down(frame: pd.DataFrame, options: Mapping[str, Any]) -> pd.DataFrame:
    """Frame with the empty cells of the declared columns filled from the row above them."""
    names = [str(name) for name in options.get("fill_down", [])]
    # A column may have had other names; `fill_down` lists them all, and a file has one of each.
    present = [name for name in names if name in frame.columns]
    if names and not present:
        raise DefinitionError(f"`fill_down` names {', '.join(names)}, none of which is a column of the file.")
    filled = {
        name: frame[name].where(frame[name].map(tidy_cell) != "").ffill().fillna("") for name in present
    }
    return frame.assign(**filled)
