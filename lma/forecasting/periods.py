"""Periods as whole numbers: what a frequency asks of a series, and how a period is read and written."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from lma.errors import UsageError

Periods = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

NO_PERIOD = -1
LONGEST_HORIZON = 120  # ten years of months


@dataclass(frozen=True)
class Frequency:
    """What one frequency asks of a series."""

    code: str
    season: int
    min_points: int
    min_train: int
    scored_horizon: int
    longest_direct: int


FREQUENCIES = {
    "A": Frequency("A", season=1, min_points=8, min_train=5, scored_horizon=5, longest_direct=10),
    "Q": Frequency("Q", season=4, min_points=16, min_train=12, scored_horizon=8, longest_direct=12),
    "M": Frequency("M", season=12, min_points=36, min_train=30, scored_horizon=12, longest_direct=12),
}
WORDS = {"A": "annual", "Q": "quarterly", "M": "monthly"}
EXAMPLES = {"A": "2020", "Q": "2020-Q2", "M": "2020-05"}


def frequency(code: str) -> Frequency:
    """The frequency of a code, in capitals or not; ``UsageError`` lists the codes that exist."""
    found = FREQUENCIES.get(str(code).strip().upper())
    if found is None:
        known = ", ".join(f"{name} ({word})" for name, word in WORDS.items())
        raise UsageError(f"there is no frequency {code!r}. Frequencies: {known}.")
    return found


_PERIOD = re.compile(
    r"(?P<year>\d{4})(?:\.0)?"
    r"(?:[- ]?Q(?P<quarter>[1-4])|-?M?(?P<month>\d{2})(?:-?(?P<day>\d{2})(?:[T ].*)?)?)?",
    re.IGNORECASE,
)


_COUNT = re.compile(r"\d{1,3}(?:\.0)?")


def parse_period(text: str, freq: Frequency) -> int | None:
    """Period as a whole number (2020, 2020-Q2 -> 8081, 2020-05 -> 24244); None where it is no such period.

    Also read: 2020Q2, 2020M05, 202005, 20200531, and a date with or without a time, as the period it falls
    in. A year alone is no quarter and no month.
    """
    match = _PERIOD.fullmatch(text.strip())
    if not match:
        return None
    year, quarter, month = int(match["year"]), match["quarter"], match["month"]
    if month and not _is_a_day(year, int(month), int(match["day"] or 1)):
        return None
    if freq.code == "A":
        return None if quarter else year
    if freq.code == "Q":
        number = int(quarter) if quarter else (int(month) + 2) // 3 if month else None
        return None if number is None else year * 4 + number - 1
    return year * 12 + int(month) - 1 if month else None


def _is_a_day(year: int, month: int, day: int) -> bool:
    try:
        dt.date(year, month, day)
    except ValueError:
        return False
    return True


def format_period(period: int, freq: Frequency) -> str:
    """Period as text: 2020, 2020-Q2 or 2020-05; nothing for ``NO_PERIOD``."""
    if period == NO_PERIOD:
        return ""
    if freq.code == "A":
        return str(period)
    year, part = divmod(period, freq.season)
    return f"{year:04d}-Q{part + 1}" if freq.code == "Q" else f"{year:04d}-{part + 1:02d}"


def parse_periods(ds: pd.Series, freq: Frequency) -> Periods:
    """Periods of a column of texts, years, dates or pandas periods; ``NO_PERIOD`` where a cell is none.

    Annual periods may also be counted: 1, 2, 3 ... throughout the column, as archives of series do.
    """
    codes, cells = pd.factorize(ds.astype(str))
    if freq.code == "A" and all(_COUNT.fullmatch(str(cell)) for cell in cells):
        return cells.to_numpy().astype(np.float64).astype(np.int64)[codes]
    known = [parse_period(str(cell), freq) for cell in cells]
    return np.array([NO_PERIOD if period is None else period for period in known], dtype=np.int64)[codes]


def begin_after(ds: pd.Series, freq: Frequency, day: dt.date) -> Flags:
    """True for the periods that begin after a day: nobody can have observed them by then."""
    latest = parse_period(day.isoformat(), freq)
    return np.asarray(parse_periods(ds, freq) > (latest or 0), dtype=np.bool_)


def check_horizon(horizon: int) -> int:
    """The horizon, a whole number of periods from 1 to ``LONGEST_HORIZON``; ``UsageError`` otherwise."""
    if isinstance(horizon, bool) or not isinstance(horizon, int | np.integer):
        raise UsageError(f"horizon {horizon!r} is not a whole number: give 1 to {LONGEST_HORIZON} periods.")
    if not 1 <= horizon <= LONGEST_HORIZON:
        raise UsageError(f"horizon {horizon} is out of range: give 1 to {LONGEST_HORIZON} periods.")
    return int(horizon)
