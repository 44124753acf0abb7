"""Whether a source is due for a new vintage: the alarm for a publisher that silently stopped, or that we stopped hearing."""

from __future__ import annotations

import datetime as dt

# A publisher may be late by this share of its interval before we say so: a yearly release moves by weeks.
_GRACE = 0.25


def stale_since(last_vintage: dt.date, every_days: int, today: dt.date) -> dt.date | None:
    """Date on which a new vintage was due, where that is longer ago than a publisher may be late; else None."""
    due = last_vintage + dt.timedelta(days=every_days)
    return due if today > due + dt.timedelta(days=round(every_days * _GRACE)) else None


def missed_dates(last_vintage: dt.date, every_days: int, today: dt.date) -> int:
    """Number of due dates since the last vintage."""
    return max((today - last_vintage).days // every_days, 0)
