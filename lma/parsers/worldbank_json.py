"""The World Bank's API in JSON: pages of rows, one page a line."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pandas as pd

from lma.errors import InputError
from lma.parsers.safety import check_options


def read_worldbank_json(content: bytes, options: Mapping[str, Any]) -> pd.DataFrame:
    """Rows of all pages: indicator.id, indicator.value, country.id, country.value, countryiso3code, date, value, unit, obs_status.

    Figures stay as they are written; null is an empty cell. No options. Raises ``InputError`` where a line is no
    page, and where the rows are not as many as the first page announces.
    """
    check_options(options, set())
    pages = [
        _read_page(number, line) for number, line in enumerate(content.splitlines(), start=1) if line.strip()
    ]
    if not pages:
        raise InputError("the file holds no page of figures: download it again.")
    rows = [row for _, page in pages for row in page]
    if str(len(rows)) != str(pages[0][0].get("total")):
        raise InputError(
            f"the first page announces {pages[0][0].get('total')} rows, the file has {len(rows)}: it is cut off, download it again."
        )
    table = pd.json_normalize(rows).fillna("").astype(object)
    lacking = {"country.id", "countryiso3code", "date", "value"} - set(table.columns)
    if lacking:
        raise InputError(
            f"the rows have no {', '.join(sorted(lacking))}: the publisher has changed the layout."
        )
    return table


def _read_page(number: int, line: bytes) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Facts and rows of one page."""
    try:
        facts, rows = json.loads(line, parse_float=str, parse_int=str, parse_constant=str)
        if isinstance(facts, dict) and all(isinstance(row, dict) for row in rows):
            return facts, rows
    except (ValueError, TypeError, RecursionError, UnicodeDecodeError):
        pass
    raise InputError(f"line {number} is no page of the World Bank's API (it begins with {line[:40]!r}).")
