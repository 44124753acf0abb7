"""Panels in, series out: periods as whole numbers, the length ladder, gaps and breaks.

A panel is a long table of ``unique_id, ds, y`` (and optionally ``is_break``). Every series either becomes a
``Series`` or an ``Absence`` with a reason code; none is dropped.
"""

from __future__ import annotations

import itertools
import math
import re
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from lma.errors import InputError, UsageError

Floats = npt.NDArray[np.float64]
Periods = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Reason = Literal["TOO_SHORT", "SHORT_AFTER_BREAK", "GAPS", "ALL_MISSING"]

LONGEST_FILLED_GAP = 2
LARGEST_FILLED_SHARE = 0.2
LARGEST_NUMBER = 1e15


@dataclass(frozen=True)
class Frequency:
    """What one frequency asks of a series."""

    code: str
    season: int
    min_points: int
    min_train: int
    scored_horizon: int


FREQUENCIES = {
    "A": Frequency("A", season=1, min_points=8, min_train=5, scored_horizon=5),
    "Q": Frequency("Q", season=4, min_points=16, min_train=12, scored_horizon=8),
    "M": Frequency("M", season=12, min_points=36, min_train=30, scored_horizon=12),
}


@dataclass(frozen=True)
class Series:
    """One series without holes: ``values[k]`` belongs to period ``start + k``.

    ``observed`` is False where a short gap was filled with the value before it; such a value is never scored.
    """

    unique_id: str
    start: int
    values: Floats
    observed: Flags

    @property
    def end(self) -> int:
        """Last period."""
        return self.start + len(self.values) - 1

    def until(self, period: int) -> Floats:
        """Values up to and including the period: all that a model may see at that origin."""
        return self.values[: period - self.start + 1]


@dataclass(frozen=True)
class Absence:
    """A series that cannot be forecast, and why."""

    unique_id: str
    reason: Reason
    end: int


# ---------------------------------------------------------------- periods


def frequency(code: str) -> Frequency:
    """The frequency of a code; ``UsageError`` lists the codes that exist."""
    if code not in FREQUENCIES:
        known = ", ".join(FREQUENCIES)
        raise UsageError(
            f"there is no frequency {code!r}. Frequencies: {known} (annual, quarterly, monthly)."
        )
    return FREQUENCIES[code]


_PERIOD = re.compile(r"^(\d{4})(?:\.0)?(?:-?Q([1-4])|-(\d{2})(?:-\d{2}(?:[T ].*)?)?)?$")


def parse_period(text: str, freq: Frequency) -> int | None:
    """Period as a whole number (2020, 2020-Q2 -> 8081, 2020-05 -> 24244); None where it is no such period.

    A date is read as the period it falls in. A year alone is no quarter and no month.
    """
    match = _PERIOD.match(text.strip())
    if not match:
        return None
    year, quarter, month = match.group(1), match.group(2), match.group(3)
    if month and not 1 <= int(month) <= 12:
        return None
    if freq.code == "A":
        return None if quarter else int(year)
    if freq.code == "Q":
        number = int(quarter) if quarter else (int(month) + 2) // 3 if month else None
        return None if number is None else int(year) * 4 + number - 1
    return int(year) * 12 + int(month) - 1 if month else None


def format_period(period: int, freq: Frequency) -> str:
    """Period as text: 2020, 2020-Q2 or 2020-05."""
    if freq.code == "A":
        return f"{period:04d}"
    year, part = divmod(period, freq.season)
    return f"{year:04d}-Q{part + 1}" if freq.code == "Q" else f"{year:04d}-{part + 1:02d}"


# ---------------------------------------------------------------- reading a panel


def read_panel(panel: pd.DataFrame, freq: Frequency) -> tuple[list[Series], list[Absence]]:
    """Series and absences of a panel, sorted by unique_id.

    ``InputError`` where a column is missing, a period or a number cannot be read, or a key stands twice.
    """
    rows = tidy_rows(panel, freq)
    ids, period = rows["unique_id"].to_numpy(), rows["period"].to_numpy(dtype=np.int64)
    y, is_break = rows["y"].to_numpy(dtype=np.float64), rows["is_break"].to_numpy(dtype=np.bool_)
    cuts = [0, *(np.flatnonzero(ids[1:] != ids[:-1]) + 1).tolist(), len(ids)]
    found = [
        prepare_series(str(ids[first]), period[first:stop], y[first:stop], is_break[first:stop], freq)
        for first, stop in itertools.pairwise(cuts)
    ]
    return [s for s in found if isinstance(s, Series)], [s for s in found if isinstance(s, Absence)]


def tidy_rows(panel: pd.DataFrame, freq: Frequency) -> pd.DataFrame:
    """Columns unique_id (text), period (whole number), y (float, NaN missing), is_break, sorted by key."""
    absent = [name for name in ("unique_id", "ds", "y") if name not in panel.columns]
    if absent:
        found = ", ".join(map(str, panel.columns))
        raise InputError(
            f"the panel has no column {', '.join(absent)}: it has {found}. Rename to unique_id, ds, y."
        )
    if panel.empty:
        raise InputError("the panel has no rows: give at least one row of unique_id, ds, y.")
    unnamed = np.flatnonzero(panel["unique_id"].isna())
    if len(unnamed):
        raise InputError(f"row {unnamed[0] + 1} of the panel has no unique_id: fill it or remove the row.")
    rows = panel[["unique_id", "ds"]].astype(str).reset_index(drop=True)
    rows["period"] = _periods(rows, freq)
    rows["y"] = _numbers(panel["y"], rows)
    rows["is_break"] = _flags(panel)
    _refuse_duplicates(rows)
    return rows.sort_values(["unique_id", "period"], kind="stable", ignore_index=True)


def _flags(panel: pd.DataFrame) -> Flags:
    if "is_break" not in panel.columns:
        return np.zeros(len(panel), dtype=np.bool_)
    truths = panel["is_break"].astype(str).str.strip().str.lower().isin(["true", "1", "1.0"])
    return truths.to_numpy(dtype=np.bool_)


def _periods(rows: pd.DataFrame, freq: Frequency) -> pd.Series[int]:
    known = {text: parse_period(text, freq) for text in rows["ds"].unique()}
    unread = [text for text, period in known.items() if period is None]
    if unread:
        shape = {"A": "2020", "Q": "2020-Q2", "M": "2020-05"}[freq.code]
        first = rows[rows["ds"] == unread[0]].index[0]
        raise InputError(
            f"{unread[0]!r} in column ds (unique_id {rows['unique_id'][first]!r}, row {first + 1}) is not a "
            f"period of frequency {freq.code}: write it as {shape}, or give another freq."
        )
    return rows["ds"].map(known).astype(int)


def _numbers(values: pd.Series[Any], rows: pd.DataFrame) -> Floats:
    text = values.astype(object).where(values.notna(), None)
    text = text.map(lambda cell: None if isinstance(cell, str) and not cell.strip() else cell)
    numbers = np.array(pd.to_numeric(text, errors="coerce"), dtype=np.float64)
    given = text.notna().to_numpy()
    wrong = given & ~(np.abs(numbers) <= LARGEST_NUMBER)
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        where = f"unique_id {rows['unique_id'][row]!r}, ds {rows['ds'][row]!r}, row {row + 1}"
        raise InputError(
            f"{text.iloc[row]!r} in column y ({where}) is not a number a forecast can use "
            f"({int(wrong.sum())} such rows): correct it, or leave it empty where it is missing."
        )
    return numbers


def _refuse_duplicates(rows: pd.DataFrame) -> None:
    key = ["unique_id", "period"]
    twice = rows[rows.duplicated(key)].drop_duplicates(key)
    if len(twice):
        named = ", ".join(f"({row.unique_id}, {row.ds})" for row in twice.head(5).itertuples())
        more = f" and {len(twice) - 5} more" if len(twice) > 5 else ""
        raise InputError(
            f"{named}{more}: more than one row for one (unique_id, ds) in the panel: keep one each."
        )


# ---------------------------------------------------------------- the ladder


def prepare_series(
    unique_id: str, period: Periods, y: Floats, is_break: Flags, freq: Frequency
) -> Series | Absence:
    """The usable end of one series (periods ascending, y NaN where missing), or why there is none.

    Only what follows the last break is used. A gap of at most two periods is filled with the value before it
    (never with a value after it: an origin inside the gap must not see the future); a longer gap cuts.
    """
    known = np.isfinite(y)
    if not known.any():
        return Absence(unique_id, "ALL_MISSING", int(period[-1]))
    end = int(period[known][-1])
    since = int(period[is_break][-1]) if is_break.any() else int(period[0])
    after = known & (period >= since)
    if int(after.sum()) < freq.min_points:
        return Absence(unique_id, "SHORT_AFTER_BREAK" if after.sum() < known.sum() else "TOO_SHORT", end)
    usable = _after_last_long_gap(period[after])
    if len(usable) < max(freq.min_points, (1 - LARGEST_FILLED_SHARE) * (end - int(usable[0]) + 1)):
        return Absence(unique_id, "GAPS", end)
    return _filled(unique_id, usable, y[np.isin(period, usable)])


def _after_last_long_gap(known: Periods) -> Periods:
    holes = np.flatnonzero(np.diff(known) > LONGEST_FILLED_GAP + 1)
    return known[int(holes[-1]) + 1 :] if len(holes) else known


def _filled(unique_id: str, known: Periods, y: Floats) -> Series:
    start, length = int(known[0]), int(known[-1] - known[0]) + 1
    latest = np.searchsorted(known, np.arange(start, start + length), side="right") - 1
    observed = np.isin(np.arange(start, start + length), known)
    return Series(unique_id, start, y[latest], observed)


def is_count_like(history: Floats) -> bool:
    """True where no value so far is negative: then no forecast may be."""
    return bool(np.min(history) >= 0)


def mean_step(history: Floats) -> float:
    """Mean absolute step: the in-sample mean absolute error of the one-step naive forecast."""
    return float(np.mean(np.abs(np.diff(history)))) if len(history) > 1 else math.nan
