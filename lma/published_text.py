"""Numbers and periods as publishers write them: text in, exact figures and SDMX periods out.

Nothing ambiguous is guessed: ``1.397,7`` needs declared separators, ``01/02/2023`` is no period at all.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from lma.errors import DefinitionError

_BLANKS = str.maketrans({"\u00a0": " ", "\u202f": " ", "\u2009": " "})
_PLAIN = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_NOT_ZERO = re.compile(r"[^1-9eE]*[1-9]")
_MONTHS = (
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
)
_MONTH_NUMBERS = {name: number for number, full in enumerate(_MONTHS, start=1) for name in (full, full[:3])}
_PERIODS = (
    re.compile(r"(?P<year>\d{4})", re.ASCII),
    re.compile(r"(?P<year>\d{4})-?S(?P<half>[12])", re.ASCII),
    re.compile(r"(?P<year>\d{4})[- ]?Q(?P<quarter>[1-4])", re.ASCII),
    re.compile(r"(?P<year>\d{4})(?:-|-?M)(?P<month>0[1-9]|1[0-2])", re.ASCII),
    re.compile(r"(?P<year>\d{4})-(?P<month>0[1-9]|1[0-2])-(?P<day>0[1-9]|[12]\d|3[01])", re.ASCII),
    re.compile(r"(?P<year>\d{4})[- ](?P<name>[A-Za-z]{3,9})", re.ASCII),
    re.compile(r"(?P<name>[A-Za-z]{3,9})[- ](?P<year>\d{4})", re.ASCII),
)


def number_pattern(thousands: str = "", decimal: str = ".") -> re.Pattern[str]:
    """Pattern of a whole cell that is a number, with the separators the source declares."""
    if thousands == decimal or len(decimal) != 1 or len(thousands) > 1:
        raise DefinitionError(
            f"options: thousands {thousands!r} and decimal {decimal!r} must be two different single "
            "characters."
        )
    mark, thousands = re.escape(decimal), thousands.translate(_BLANKS)
    if not thousands:
        return (
            _PLAIN
            if decimal == "."
            else re.compile(rf"[+-]?(?:[0-9]+{mark}?[0-9]*|{mark}[0-9]+)(?:[eE][+-]?[0-9]+)?")
        )
    # No group begins with a zero: `0,123` has a decimal comma, whatever the source declares.
    grouped = rf"[1-9][0-9]{{0,2}}(?:{re.escape(thousands)}[0-9]{{3}})+"
    return re.compile(rf"[+-]?(?:(?:{grouped}|[0-9]+)(?:{mark}[0-9]*)?|{mark}[0-9]+)(?:[eE][+-]?[0-9]+)?")


def parse_numbers(
    cells: Sequence[str], thousands: str = "", decimal: str = "."
) -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]:
    """Cells as plain decimal text (``""`` where not a number), and which cells are numbers.

    Inputs are stripped texts; ``NaN``, ``inf`` and figures beyond the range of a double are not numbers.
    """
    pattern = number_pattern(thousands, decimal)
    if thousands or decimal != ".":
        plain = [
            _plain(cell, thousands, decimal) if pattern.fullmatch(cell.translate(_BLANKS)) else ""
            for cell in cells
        ]
    else:
        plain = [cell if pattern.fullmatch(cell) else "" for cell in cells]
    texts = np.array(plain, dtype=object)
    return texts, texts != ""


def _plain(cell: str, thousands: str, decimal: str) -> str:
    return (
        cell.translate(_BLANKS).replace(thousands.translate(_BLANKS), "").replace(decimal, ".")
        if thousands
        else cell.replace(decimal, ".")
    )


def scale_numbers(
    texts: npt.NDArray[Any], multiplier: float | npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Decimal texts times a multiplier; powers of ten are exact (``0.07`` times 1000 is 70).

    A figure too large for a double comes out infinite, one too small for it (``1e-400``) not a number.
    """
    multipliers = np.broadcast_to(np.asarray(multiplier, dtype=float), texts.shape)
    values: npt.NDArray[np.float64] = texts.astype(float) * multipliers
    for one in np.unique(multipliers):
        power = power_of_ten(float(one))
        if power:
            here = np.flatnonzero(multipliers == one)
            values[here] = [
                float(text + power) if text.find("e") < 0 and text.find("E") < 0 else float(text) * one
                for text in texts[here]
            ]
    for position in np.flatnonzero(values == 0):
        if _NOT_ZERO.match(texts[position]):
            values[position] = np.nan
    return values


def power_of_ten(multiplier: float) -> str:
    """``e3`` for 1000; empty for 1 and for what is no power of ten."""
    if multiplier <= 0 or multiplier == 1:
        return ""
    power = round(math.log10(multiplier))
    return f"e{power}" if float(f"1e{power}") == multiplier else ""


def parse_period(text: str, freq: str, date_format: str = "") -> str | None:
    """SDMX period of a published period; None where it is none, or finer or coarser than ``freq``.

    Frequencies are A, S (half-years), Q and M.

    A date is cut to the frequency (``2018-03-31`` is ``2018``, ``2018-Q1`` or ``2018-03``). Dates in
    another order are read only in the ``date_format`` that the source declares (``%d/%m/%Y``); what does not
    follow it and is no unambiguous period either is none.
    """
    text = _read_date(text, date_format) if date_format else text
    found = next((match for match in (pattern.fullmatch(text) for pattern in _PERIODS) if match), None)
    if found is None:
        return None
    parts = found.groupdict()
    month = _MONTH_NUMBERS.get((parts.get("name") or "").lower()) or int(parts.get("month") or 0)
    if parts.get("name") and not month:
        return None
    if parts.get("day") and not _is_date(text):
        return None
    part = next((sign for sign, name in (("S", "half"), ("Q", "quarter")) if parts.get(name)), "A")
    written = "D" if parts.get("day") else "M" if month else part
    if written not in ("D", freq):
        return None
    quarter = parts.get("quarter") or str((month + 2) // 3)
    half = parts.get("half") or str((month + 5) // 6)
    ends = {"A": "", "S": f"-S{half}", "Q": f"-Q{quarter}", "M": f"-{month:02d}"}
    return parts["year"] + ends[freq] if freq in ends else None


def _is_date(text: str) -> bool:
    """Whether the calendar has the day: ``2023-02-31`` it has not."""
    try:
        dt.date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _read_date(text: str, date_format: str) -> str:
    """A published date as an ISO date, month or year, as fine as its format says; other texts as they are."""
    try:
        found = dt.datetime.strptime(text, date_format)
    except ValueError:
        return text
    if re.search("%[dj]", date_format):
        return found.date().isoformat()
    return f"{found:%Y-%m}" if re.search("%[mbB]", date_format) else f"{found:%Y}"


def check_date_format(date_format: str) -> None:
    """Refuse a date format that leaves the year, or its century, to be guessed."""
    try:
        moment = dt.datetime(2023, 2, 1)
        sound = (
            "%Y" in date_format and dt.datetime.strptime(f"{moment:{date_format}}", date_format).year == 2023
        )
    except ValueError:
        sound = False
    if not sound or re.search("%[yxcGu]", date_format):
        raise DefinitionError(
            f"options: date_format {date_format!r} is none: write it as %d/%m/%Y, %m/%d/%Y, %d %B %Y or %m.%Y, with "
            "a year of four digits."
        )
