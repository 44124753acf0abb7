"""Years that stand out and pass, such as 2020: named beside a forecast, and left as they were published.

The rule is that of an additive outlier or a short temporary change (Chen and Liu 1993) with robust scales: a
yearly change more than ``FAR`` robust standard deviations (1.4826 x median absolute deviation, at least one per
cent) from the median of the changes before it, of which less than half is left one or two years later. A
lasting fall is not one, nor is a step too recent to have been undone.

Bridging such years before forecasting was tested at origins 2008-2010 and 2020-2022, and taking back half of a
common shock at the origin itself; neither lowers the error, so neither is done. Evidence:
``python benchmarks/structure.py outliers WAREHOUSE``.
"""

from __future__ import annotations

import numpy as np

from lma.forecasting.series import Floats

FAR = 4.0
FEWEST_CHANGES = 5
LEAST_SPREAD = 0.01
LONGEST = 2
LEFT = 0.5
_NORMAL = 1.4826  # median absolute deviation -> standard deviation of a normal distribution


def find_passing(values: Floats) -> list[tuple[int, int]]:
    """Stretches (first, last place) of one or two values that stand out and pass.

    ``values``: one series without holes; where one is zero or less, nothing is found.
    """
    if not (values > 0).all():
        return []
    logs, found, place = np.log(values), [], FEWEST_CHANGES + 1
    while place < len(values) - 1:
        length = _stretch(logs, place)
        if length:
            found.append((place, place + length - 1))
        place += length + 1
    return found


def _stretch(logs: Floats, place: int) -> int:
    """How many values from this place on stand out before the series is back; 0 where none does."""
    changes = np.diff(logs[:place])
    usual = float(np.median(changes))
    spread = max(_NORMAL * float(np.median(np.abs(changes - usual))), LEAST_SPREAD)
    jump = float(logs[place] - logs[place - 1]) - usual
    if abs(jump) <= FAR * spread:
        return 0
    left = logs[place + 1 : place + 1 + LONGEST] - logs[place - 1]
    left = np.abs(left - usual * np.arange(2, 2 + len(left)))
    back = np.flatnonzero(left < LEFT * abs(jump))
    return int(back[0]) + 1 if len(back) else 0
