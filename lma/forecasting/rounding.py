"""Figures without the noise of their last digits, whatever the unit: persons, millions or shares."""

from __future__ import annotations

import numpy as np
import pandas as pd

FEWEST_DECIMALS = 6
DIGITS = 12
MOST_DECIMALS = 290  # ten to this power is still a number


def round_by_series(forecasts: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    """The same frame with ``columns`` rounded to 6 decimals, or more where a series is so small that fewer
    than 12 digits of its largest figure would be left. One grid per unique_id keeps quantiles in order.
    """
    out = forecasts.assign(**{name: forecasts[name].astype(float) for name in columns})
    largest = out[columns].abs().max(axis=1).groupby(out["unique_id"].to_numpy()).transform("max")
    exponents = np.floor(np.log10(largest.where(largest > 0, 1.0)))
    decimals = (DIGITS - 1 - exponents).clip(FEWEST_DECIMALS, MOST_DECIMALS).astype(int)
    for places in decimals.unique():
        own = decimals == places
        rows = out.loc[own, columns]  # numpy multiplies by a power of ten that is exact up to 22
        out.loc[own, columns] = rows.round(places) if places <= 22 else rows.map(round, ndigits=places)
    return out
