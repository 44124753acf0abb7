"""The rows of a panel, read and sorted, each with what is wrong with it.

What is wrong with a table (a column is missing, a row has no unique_id) stops the reading with one message.
What is wrong with a cell is the reason of its series, and of no other series.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from lma.errors import InputError
from lma.forecasting.periods import EXAMPLES, NO_PERIOD, Flags, Frequency, begin_after, parse_periods

LARGEST_NUMBER = 1e18
MISSING = {"", "na", "nan", "<na>", "none", "null"}  # as R, pandas and SQL write an empty cell
TRUTHS = {"true": True, "t": True, "yes": True, "y": True, "1": True, "1.0": True}
UNTRUTHS = {"false": False, "f": False, "no": False, "n": False, "0": False, "0.0": False}
Defect = Literal["BAD_PERIOD", "NOT_A_NUMBER", "DUPLICATE_PERIOD", "FUTURE_PERIOD"]
# Where a series has several defects the first of these is its reason, whatever the order of its rows.
DEFECTS: tuple[Defect, ...] = ("BAD_PERIOD", "NOT_A_NUMBER", "DUPLICATE_PERIOD", "FUTURE_PERIOD")
SHOWN = 5
NAMED = 8  # columns named in a message
YEAR_FIRST = re.compile(r"[12]\d{3}(\D|$)")


def tidy_rows(panel: pd.DataFrame, freq: Frequency) -> pd.DataFrame:
    """Rows sorted by series and period: unique_id (text), period, y (NaN missing), is_break, row (place in
    the panel), and defect: the place in ``DEFECTS`` of what is wrong with the row, or ``len(DEFECTS)``.

    ``InputError`` where a column is missing or stands twice, there is no row, a row has no unique_id, or a
    flag is neither true nor false.
    """
    _check_columns(panel)
    ids = _ids(panel["unique_id"])
    y, not_a_number = _numbers(panel["y"])
    rows = pd.DataFrame({"unique_id": ids, "period": parse_periods(panel["ds"], freq), "y": y})
    rows["is_break"] = _flags(panel, "is_break")
    rows["row"] = np.arange(len(rows))
    bad_period = (rows["period"] == NO_PERIOD).to_numpy()
    twice = rows.duplicated(["unique_id", "period"], keep=False).to_numpy()
    wrong = [bad_period, not_a_number, twice, _flags(panel, "is_future")]
    rows["defect"] = np.select(wrong, list(range(len(DEFECTS))), len(DEFECTS))
    return rows.sort_values(["unique_id", "period"], kind="stable", ignore_index=True)


def mark_future(panel: pd.DataFrame, freq: Frequency, day: dt.date) -> pd.DataFrame:
    """The panel with a column is_future: the period begins after the day, so nobody can have observed it."""
    _check_columns(panel)
    return panel.assign(is_future=begin_after(panel["ds"], freq, day))


def _check_columns(panel: pd.DataFrame) -> None:
    names = [str(name) for name in panel.columns]
    absent = [name for name in ("unique_id", "ds", "y") if name not in names]
    if absent:
        raise InputError(
            f"the panel has no column {', '.join(absent)}: it has {_listed(names)}. {_advise_columns(names)}"
        )
    twice = [name for name in ("unique_id", "ds", "y", "is_break") if names.count(name) > 1]
    if twice:
        raise InputError(f"column {twice[0]} stands {names.count(twice[0])} times in the panel: keep one.")
    if panel.empty:
        raise InputError("the panel has no rows: give at least one row of unique_id, ds, y.")


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more


def _advise_columns(names: list[str]) -> str:
    """What a user does about missing columns: turn a table with a column per period, or rename."""
    periods = [name for name in names if YEAR_FIRST.match(name)]
    if len(periods) > 1:
        return (
            f"It has a column per period ({periods[0]}, {periods[1]}, ...): write one row per series and period, "
            "with columns unique_id, ds, y."
        )
    return "Rename to unique_id, ds, y."


def _ids(column: pd.Series) -> pd.Categorical:
    """unique_id as text, in the order of the text."""
    text = column.astype(str)
    unnamed = np.flatnonzero(column.isna() | (text.str.strip() == ""))
    if len(unnamed):
        more = f" ({len(unnamed)} such rows)" if len(unnamed) > 1 else ""
        raise InputError(
            f"row {unnamed[0] + 1} of the panel has no unique_id{more}: fill it or remove the row."
        )
    return pd.Categorical(text, categories=sorted(text.unique()), ordered=True)


def _flags(panel: pd.DataFrame, name: str) -> Flags:
    if name not in panel.columns:
        return np.zeros(len(panel), dtype=np.bool_)
    if panel[name].dtype == np.bool_:
        return panel[name].to_numpy()
    text = panel[name].astype(str).str.strip().str.lower()
    truths = text.map(TRUTHS | UNTRUTHS | dict.fromkeys(MISSING, False))
    unread = np.flatnonzero(truths.isna())
    if len(unread):
        row = unread[0]
        raise InputError(
            f"{panel[name].iloc[row]!r} in column {name} (unique_id {str(panel['unique_id'].iloc[row])!r}, "
            f"row {row + 1}) is neither true nor false: write true, false, 1, 0, or leave it empty."
        )
    return truths.to_numpy(dtype=np.bool_)


def _numbers(values: pd.Series) -> tuple[npt.NDArray[np.float64], Flags]:
    """Numbers, NaN where there is none, and where a cell is filled with what is no usable number."""
    if values.dtype.kind in "iuf":
        numbers = values.to_numpy(dtype=np.float64, na_value=np.nan)
        given = ~np.isnan(numbers)
    else:
        given = ~(values.isna() | values.astype(str).str.strip().str.lower().isin(MISSING)).to_numpy()
        # pandas.to_numeric is off by the last digit for three texts of ten, and stops at a list
        numbers = np.array([_number(cell) for cell in values.astype(object)], dtype=np.float64)
    wrong = given & ~(np.abs(numbers) <= LARGEST_NUMBER)
    return np.where(wrong, np.nan, numbers), wrong


def _number(cell: Any) -> float:
    if isinstance(cell, bool | np.bool_):
        return math.nan
    try:
        return float(cell)
    except (TypeError, ValueError, OverflowError):
        return math.nan


# ---------------------------------------------------------------- what is wrong, in words


def describe_cell(panel: pd.DataFrame, row: int, reason: Defect, freq: Frequency) -> str:
    """What is wrong with one row of a panel, and where it stands."""
    uid, ds, y = (panel[name].iloc[row] for name in ("unique_id", "ds", "y"))
    where = f"unique_id {str(uid)!r}, ds {str(ds)!r}, row {row + 1}"
    texts = {
        "BAD_PERIOD": f"{str(ds)!r} in column ds (unique_id {str(uid)!r}, row {row + 1}) is not a period of "
        f"frequency {freq.code}",
        "NOT_A_NUMBER": f"{_plain(y)!r} in column y ({where}) is not a number a forecast can use",
        "DUPLICATE_PERIOD": f"({uid}, {ds}): more than one row for one (unique_id, ds), such as row {row + 1}",
        "FUTURE_PERIOD": f"{str(ds)!r} in column ds (unique_id {str(uid)!r}, row {row + 1}) has not begun yet",
    }
    return texts[reason]


def _plain(cell: Any) -> Any:
    return cell.item() if isinstance(cell, np.generic) else cell


def advise(reason: Defect, freq: Frequency) -> str:
    """What a user does about a defect."""
    return {
        "BAD_PERIOD": f"write it as {EXAMPLES[freq.code]}, or give another freq",
        "NOT_A_NUMBER": "write it in digits, without a separator between thousands, or leave it empty where it is missing",
        "DUPLICATE_PERIOD": "keep one each; where the panel has several rows a period, give another freq",
        "FUTURE_PERIOD": "a forecast starts from what has happened: remove such rows",
    }[reason]


def refuse_table(panel: pd.DataFrame, rows: pd.DataFrame, freq: Frequency) -> InputError:
    """The error for a panel of which no series can be read: its commonest defect, with the first rows."""
    wrong = rows[rows["defect"] < len(DEFECTS)]
    place = int(wrong.groupby("unique_id", observed=True)["defect"].min().mode()[0])
    found = wrong.loc[wrong["defect"] == place, "row"].sort_values()
    if DEFECTS[place] == "DUPLICATE_PERIOD":  # the second row of each pair
        keys = rows.set_index("row").loc[found, ["unique_id", "period"]]
        found = found[keys.duplicated().to_numpy()]
    more = ", ".join(str(row + 1) for row in found.head(SHOWN)) + (", ..." if len(found) > SHOWN else "")
    such = f" ({len(found)} such rows: {more})" if len(found) > 1 else ""
    cell = describe_cell(panel, int(found.iloc[0]), DEFECTS[place], freq)
    return InputError(f"no series can be read: {cell}{such}: {advise(DEFECTS[place], freq)}.")
