"""Picking rows out of the marts by the words of a table: latest figure, a given year, one dimension."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

Record = Mapping[Any, Any]


def select(frame: pd.DataFrame, **conditions: Any) -> pd.DataFrame:
    """Rows where every named column equals the given value (or is one of a list)."""
    chosen = frame
    for column, wanted in conditions.items():
        matches = (
            chosen[column].isin(wanted)
            if isinstance(wanted, list | tuple | set)
            else chosen[column] == wanted
        )
        chosen = chosen[matches]
    return chosen


def latest(frame: pd.DataFrame, **conditions: Any) -> Record | None:
    """The row of the newest period among those that match and hold a figure; None when there is none."""
    chosen = select(frame, **conditions)
    value = "obs_value" if "obs_value" in chosen else "value"
    chosen = chosen[chosen[value].notna()]
    return None if chosen.empty else chosen.sort_values("time_period", kind="stable").iloc[-1].to_dict()


def single(frame: pd.DataFrame, **conditions: Any) -> Record | None:
    """The one row that matches, with or without a figure; None when there is none."""
    chosen = select(frame, **conditions)
    return None if chosen.empty else chosen.iloc[-1].to_dict()
