"""Panels in, series out: periods as whole numbers, the length ladder, gaps and breaks.

A panel is a long table of ``unique_id, ds, y`` (and optionally ``is_break``). Every series either becomes a
``Series`` or an ``Absence`` with a reason code; none is dropped.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from lma.errors import InputError, UsageError

Floats = npt.NDArray[np.float64]
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
    observed: npt.NDArray[np.bool_]

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
        raise UsageError(f"there is no frequency {code!r}. Frequencies: {', '.join(FREQUENCIES)} (annual, quarterly, monthly).")
    return FREQUENCIES[code]


_PERIOD = re.compile(r"^(\d{4})(?:\.0)?(?:-?Q([1-4])|-(\d{2})(?:-\d{2}(?:[T ].*)?)?)?$")


def parse_period(text: str, freq: Frequency) -> int | None:
    """Period as a whole number (2020 -> 2020, 2020-Q2 -> 8081, 2020-05 -> 24244); None where it is no such period.

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
    found = [prepare_series(str(uid), group, freq) for uid, group in rows.groupby("unique_id", sort=True)]
    return [s for s in found if isinstance(s, Series)], [s for s in found if isinstance(s, Absence)]


def tidy_rows(panel: pd.DataFrame, freq: Frequency) -> pd.DataFrame:
    """Columns unique_id (text), period (whole number), y (float, NaN missing), is_break, sorted by key."""
    absent = [name for name in ("unique_id", "ds", "y") if name not in panel.columns]
    if absent:
        raise InputError(f"the panel has no column {', '.join(absent)}: it has {', '.join(map(str, panel.columns))}. Rename to unique_id, ds, y.")
    if panel.empty:
        raise InputError("the panel has no rows: give at least one row of unique_id, ds, y.")
    if panel["unique_id"].isna().any():
        raise InputError(f"row {_row(panel, panel['unique_id'].isna())} of the panel has no unique_id: fill it or remove the row.")
    rows = pd.DataFrame({"unique_id": panel["unique_id"].astype(str).to_numpy(), "ds": panel["ds"].astype(str).to_numpy()})
    rows["period"] = _periods(rows, freq)
    rows["y"] = _numbers(panel["y"], rows)
    rows["is_break"] = panel["is_break"].fillna(False).astype(bool).to_numpy() if "is_break" in panel.columns else False
    _refuse_duplicates(rows)
    return rows.sort_values(["unique_id", "period"], kind="stable", ignore_index=True)


def _row(panel: pd.DataFrame, mask: Any) -> int:
    return int(np.flatnonzero(np.asarray(mask))[0]) + 1


def _periods(rows: pd.DataFrame, freq: Frequency) -> pd.Series[int]:
    known = {text: parse_period(text, freq) for text in rows["ds"].unique()}
    unread = [text for text, period in known.items() if period is None]
    if unread:
        shape = {"A": "2020", "Q": "2020-Q2", "M": "2020-05"}[freq.code]
        first = rows[rows["ds"] == unread[0]].index[0]
        raise InputError(
            f"{unread[0]!r} in column ds (unique_id {rows['unique_id'][first]!r}, row {first + 1}) is not a period of "
            f"frequency {freq.code}: write it as {shape}, or give another freq."
        )
    return rows["ds"].map(known).astype(int)


def _numbers(values: pd.Series[Any], rows: pd.DataFrame) -> Floats:
    text = values.astype(object).where(values.notna(), None)
    text = text.map(lambda cell: None if isinstance(cell, str) and not cell.strip() else cell)
    numbers = np.array(pd.to_numeric(text, errors="coerce"), dtype=np.float64)
    given = text.notna().to_numpy()
    wrong = given & ~(np.abs(numbers) <= LARGEST_NUMBER)
    if wrong.any():
        first = int(np.flatnonzero(wrong)[0])
        raise InputError(
            f"{text.iloc[first]!r} in column y (unique_id {rows['unique_id'][first]!r}, ds {rows['ds'][first]!r}, row {first + 1}) "
            f"is not a number a forecast can use ({int(wrong.sum())} such rows): correct it, or leave it empty where it is missing."
        )
    return numbers


def _refuse_duplicates(rows: pd.DataFrame) -> None:
    twice = rows[rows.duplicated(["unique_id", "period"], keep=False)].drop_duplicates(["unique_id", "period"])
    if len(twice):
        named = ", ".join(f"({uid}, {ds})" for uid, ds in zip(twice["unique_id"][:5], twice["ds"][:5], strict=True))
        more = f" and {len(twice) - 5} more" if len(twice) > 5 else ""
        raise InputError(f"{named}{more}: more than one row for the same (unique_id, ds) in the panel: keep one row each.")


# ---------------------------------------------------------------- the ladder


def prepare_series(unique_id: str, rows: pd.DataFrame, freq: Frequency) -> Series | Absence:
    """The usable end of one series, or why there is none.

    Only what follows the last break is used. A gap of at most two periods is filled with the value before it
    (never with a value after it: an origin inside the gap must not see the future); a longer gap cuts.
    """
    rows = rows[["period", "y", "is_break"]]
    known = rows[rows["y"].notna()]
    if known.empty:
        return Absence(unique_id, "ALL_MISSING", int(rows["period"].max()))
    end = int(known["period"].max())
    after = _after_last_break(known, rows)
    if len(after) < freq.min_points:
        return Absence(unique_id, "SHORT_AFTER_BREAK" if len(after) < len(known) else "TOO_SHORT", end)
    usable = _after_last_long_gap(after)
    span = end - int(usable["period"].iloc[0]) + 1 if len(usable) else 0
    if len(usable) < freq.min_points or len(usable) < (1 - LARGEST_FILLED_SHARE) * span:
        return Absence(unique_id, "GAPS", end)
    return _filled(unique_id, usable)


def _after_last_break(known: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    breaks = rows.loc[rows["is_break"], "period"]
    return known[known["period"] >= breaks.max()] if len(breaks) else known


def _after_last_long_gap(known: pd.DataFrame) -> pd.DataFrame:
    holes = known["period"].diff().to_numpy() > LONGEST_FILLED_GAP + 1
    return known.iloc[int(np.flatnonzero(holes)[-1]) if holes.any() else 0 :]


def _filled(unique_id: str, known: pd.DataFrame) -> Series:
    start, end = int(known["period"].iloc[0]), int(known["period"].iloc[-1])
    values = known.set_index("period")["y"].reindex(range(start, end + 1))
    return Series(unique_id, start, values.ffill().to_numpy(dtype=np.float64), values.notna().to_numpy())


def is_count_like(history: Floats) -> bool:
    """True where no value so far is negative: then no forecast may be."""
    return bool(np.min(history) >= 0)


def mean_step(history: Floats) -> float:
    """Mean absolute step: the in-sample mean absolute error of the one-step naive forecast."""
    return float(np.mean(np.abs(np.diff(history)))) if len(history) > 1 else math.nan
