"""The World Bank's own API csv: four lines above the header, a comma at the end of every line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from lma.errors import InputError
from lma.parsers.csv import read_csv
from lma.parsers.safety import check_options

_HEADER_ROW = 5


def read_worldbank_csv(content: bytes, options: Mapping[str, Any]) -> pd.DataFrame:
    """Rows of an ``API_*.csv`` file: Country Name, Country Code, Indicator Name, Indicator Code, then years.

    No options. Raises ``InputError`` where line 5 is not that header.
    """
    check_options(options, set())
    frame = read_csv(content, {"header_row": _HEADER_ROW})
    if list(frame.columns[:2]) != ["Country Name", "Country Code"]:
        raise InputError(
            f"line {_HEADER_ROW} begins {list(frame.columns[:2])!r}, not 'Country Name', 'Country Code': "
            "this is not the World Bank's "
            "API csv; a plain table has the format `csv`."
        )
    unnamed = [name for name in frame.columns if name.startswith("column_") and not frame[name].any()]
    return frame.drop(columns=unnamed)
