"""Panels in, series out: the length ladder, gaps and breaks.

A panel is a long table of ``unique_id, ds, y`` (and optionally ``is_break``). Every series either becomes a
``Series`` or an ``Absence`` with a reason code; none is dropped.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from lma.forecasting.panel_rows import DEFECTS, Defect, describe_cell, refuse_table, tidy_rows
from lma.forecasting.periods import (
    FREQUENCIES,
    Flags,
    Frequency,
    Periods,
    format_period,
    frequency,
    parse_period,
)

__all__ = [
    "FREQUENCIES", "Absence", "Floats", "Frequency", "REASONS", "Reason", "Series", "format_period", "frequency",
    "is_count_like", "parse_period", "prepare_series", "read_panel",
]  # fmt: skip

Floats = npt.NDArray[np.float64]
Reason = Literal["TOO_SHORT", "SHORT_AFTER_BREAK", "GAPS", "ALL_MISSING"] | Defect

REASONS: dict[str, str] = {
    "TOO_SHORT": "fewer than 8 annual, 16 quarterly or 36 monthly values",
    "SHORT_AFTER_BREAK": "enough values, but too few after the last break",
    "GAPS": "too few values after the last gap of three periods or more, or over a fifth of them missing",
    "ALL_MISSING": "no value at all",
    "BAD_PERIOD": "a cell of ds is no period of this frequency",
    "NOT_A_NUMBER": "a cell of y is text, infinite, or beyond 1e18",
    "DUPLICATE_PERIOD": "more than one row for one period",
    "FUTURE_PERIOD": "a row is dated after today: a forecast starts from what has happened",
    "CONSTANT": "forecast as its one value: a series that never moved says nothing about how far it may",
}
LONGEST_FILLED_GAP = 2
LARGEST_FILLED_SHARE = 0.2


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
    """A series that cannot be forecast: why, its last period, and the cell that is to blame, in words."""

    unique_id: str
    reason: Reason
    end: int
    cell: str = ""


# ---------------------------------------------------------------- reading a panel


def read_panel(panel: pd.DataFrame, freq: Frequency) -> tuple[list[Series], list[Absence]]:
    """Series and absences of a panel, each sorted by unique_id.

    A series has no forecast, and a reason, where one of its periods cannot be read (BAD_PERIOD), a value is
    text, infinite or beyond 1e18 (NOT_A_NUMBER), a period stands twice (DUPLICATE_PERIOD), a row is marked
    ``is_future`` (FUTURE_PERIOD), or ``prepare_series`` finds too little. ``InputError`` for what is wrong
    with the whole table: see ``tidy_rows``; and where every series has such a defect, for then the table,
    and not a series, is wrong.
    """
    rows = tidy_rows(panel, freq)
    defective = _defective_series(panel, rows, freq)
    ids = rows["unique_id"].cat
    if len(defective) == len(ids.categories):
        raise refuse_table(panel, rows, freq)
    period, y, is_break = (rows[name].to_numpy() for name in ("period", "y", "is_break"))
    starts = np.flatnonzero(np.diff(ids.codes.to_numpy(), prepend=-1)).tolist()
    found = [
        defective[name]
        if name in defective
        else prepare_series(name, period[first:stop], y[first:stop], is_break[first:stop], freq)
        for name, first, stop in zip(ids.categories, starts, [*starts[1:], len(rows)], strict=True)
    ]
    return [s for s in found if isinstance(s, Series)], [s for s in found if isinstance(s, Absence)]


def _defective_series(panel: pd.DataFrame, rows: pd.DataFrame, freq: Frequency) -> dict[str, Absence]:
    """Series with a wrong cell, by unique_id; of several wrong cells the worst, of these the first."""
    wrong = rows[rows["defect"] < len(DEFECTS)].sort_values(["defect", "row"])
    first = wrong.drop_duplicates("unique_id")
    ends = rows.groupby("unique_id", observed=True)["period"].max()
    return {
        uid: Absence(uid, DEFECTS[defect], int(end), describe_cell(panel, row, DEFECTS[defect], freq))
        for uid, defect, row, end in zip(
            first["unique_id"], first["defect"], first["row"], ends[first["unique_id"]], strict=True
        )
    }


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
