"""Eurostat's bulk tsv: dimensions packed into the first column, flags inside the cells."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from lma.errors import InputError
from lma.parsers.csv import read_csv
from lma.parsers.safety import check_options


def read_eurostat_tsv(content: bytes, options: Mapping[str, Any]) -> pd.DataFrame:
    """Rows of a ``.tsv`` or ``.tsv.gz`` file: one column per dimension, then per period value and flags.

    A period's flags (``83.5 p``, ``: c``) stand in their own column ``flags_<period>``. No options.
    Raises ``InputError`` where the first header is not packed (``unit,geo\\time``).
    """
    check_options(options, set())
    table = read_csv(content, {"delimiter": "\t"})
    packed = str(table.columns[0])
    if "\\" not in packed:
        raise InputError(
            f"the first header is {packed!r}, not dimensions and `\\time`: this is not Eurostat's bulk tsv."
        )
    names = packed.split("\\")[0].split(",")
    rows = [cell.split(",") for cell in table[packed]]
    uneven = next((number for number, row in enumerate(rows, start=1) if len(row) != len(names)), None)
    if uneven is not None:
        raise InputError(
            f"row {uneven} packs {len(rows[uneven - 1])} dimensions where the header has {len(names)}: "
            "the file is damaged."
        )
    columns: dict[str, pd.Series[Any]] = {
        name: pd.Series([row[position].strip() for row in rows], dtype=object)
        for position, name in enumerate(names)
    }
    for period in table.columns[1:]:
        cells = [cell.strip().partition(" ") for cell in table[period]]
        columns[str(period)] = pd.Series([value for value, _, _ in cells], dtype=object)
        columns[f"flags_{period}"] = pd.Series([flags.strip() for _, _, flags in cells], dtype=object)
    return pd.DataFrame(columns)
