"""Forecasts that editions published, kept beside the landed files so that they can be judged years later.

``<raw store>/forecasts/<ISO3>.<as_of>.json`` holds the rows of marts.past_forecasts that the first edition of that
knowledge published. It is written once and never changed: what was published stands, whatever is found better
later. Like the landed files these are the truth: a warehouse built again from the raw store has the same rows.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from pathlib import Path

import pandas as pd

from lma.contracts import table_contract
from lma.errors import InputError
from lma.whole_file import write_entries

FOLDER = "forecasts"


def record_path(raw_store: Path, ref_area: str, as_of: dt.date) -> Path:
    """Where the forecasts published for one country from what was known on a date stand."""
    if not re.fullmatch(r"[A-Z]{3}", ref_area):
        raise InputError(f"{ref_area!r} is no country: give its ISO 3166-1 alpha-3 code.")
    return raw_store / FOLDER / f"{ref_area}.{as_of}.json"


def keep_published(raw_store: Path, ref_area: str, as_of: dt.date, rows: pd.DataFrame) -> int:
    """Rows written; 0 where an edition of the same knowledge has published before, or there is nothing to keep."""
    path = record_path(raw_store, ref_area, as_of)
    if path.exists() or rows.empty:
        return 0
    columns = table_contract("marts.past_forecasts").column_names
    entries = [dict(zip(columns, values, strict=True)) for values in rows[columns].itertuples(index=False)]
    write_entries(path, entries)
    return len(rows)


def read_published(raw_store: Path, ref_area: str) -> pd.DataFrame:
    """All rows published for a country, in the columns of marts.past_forecasts; ``InputError`` for a damaged record."""
    paths = sorted((raw_store / FOLDER).glob(f"{ref_area}.*.json"))
    frames = [_read_record(path) for path in paths]
    columns = table_contract("marts.past_forecasts").column_names
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=columns)


def _read_record(path: Path) -> pd.DataFrame:
    columns = table_contract("marts.past_forecasts").column_names
    try:
        rows = pd.DataFrame(json.loads(path.read_text(encoding="utf-8")))
        if list(rows.columns) != columns:
            raise ValueError(f"its columns are {', '.join(map(str, rows.columns)) or 'none'}")
        return rows.assign(as_of=[dt.date.fromisoformat(day) for day in rows["as_of"]])
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise InputError(
            f"{path} is damaged ({error}): restore it from a backup, or remove it: its forecasts are then never judged."
        ) from error
