"""Reading evidence out of the frames: the newest figure with its period, basis and id.

Every step of the decision works on these plain records, so that it can be checked by hand.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from lma.contracts import BASIS_ORDER

# What a row must say where the caller does not care: the totals.
_TOTALS = {
    "counterpart_area": "_Z",
    "sex": "_T",
    "age": "_T",
    "economic_activity": "_T",
    "occupation": "_T",
    "citizenship": "_T",
}


@dataclass(frozen=True)
class Figure:
    """One number with its period, basis and the ids it came from.

    ``note``: where it stands when no loaded source has it; such a figure has no ids. ``low``, ``high``: its range.
    """

    value: float
    time_period: str
    basis: str
    ids: tuple[str, ...]
    note: str = ""
    low: float | None = None
    high: float | None = None


def year_of(time_period: str) -> int:
    """Year of a period such as 2025, 2025-Q3, 2025-03; of 2026-2028 the first."""
    return int(time_period[:4])


def select_figures(
    observations: pd.DataFrame, as_of_year: int, indicator: str, ref_area: str, **dimensions: str
) -> pd.DataFrame:
    """Rows of one series known in ``as_of_year``: a value, no later period, totals where nothing is asked.

    Projections stay out, because a test of today's need must not rest on a forecast made elsewhere; only
    population may be one, where the newest census is far away.
    """
    # Those that leave the fewest rows come first.
    wanted = {"indicator": indicator, "ref_area": ref_area, **dimensions}
    wanted |= {column: code for column, code in _TOTALS.items() if column not in dimensions}
    rows = observations
    for column, code in wanted.items():  # one column after the other: each look at fewer rows than the last
        rows = rows[rows[column] == code]
        if rows.empty:
            return rows
    rows = rows[rows["obs_value"].notna()]
    if indicator != "POP":
        rows = rows[rows["basis"] != "projection"]
    return rows[rows["time_period"].str[:4].astype(int) <= as_of_year]


def order_newest_first(rows: pd.DataFrame) -> pd.DataFrame:
    """Newest period first, reported before modelled, ids last, so that the input's order never matters."""
    if len(rows) < 2:
        return rows
    keyed = rows.assign(_basis=rows["basis"].map(BASIS_ORDER.index), _year=rows["time_period"].str[:4])
    ordered = keyed.sort_values(
        ["_year", "time_period", "_basis", "observation_id"], ascending=[False, False, True, True]
    )
    return ordered.drop(columns=["_basis", "_year"])


def read_figure(row: pd.Series) -> Figure:
    """One observation row as a figure."""
    return Figure(
        float(row["obs_value"]), str(row["time_period"]), str(row["basis"]), (str(row["observation_id"]),)
    )


def find_newest(
    observations: pd.DataFrame, as_of_year: int, indicator: str, ref_area: str, **dimensions: str
) -> Figure | None:
    """Newest figure of a series, reported before modelled; ``None`` where there is none."""
    rows = order_newest_first(select_figures(observations, as_of_year, indicator, ref_area, **dimensions))
    return None if rows.empty else read_figure(rows.iloc[0])


def find_at(rows: pd.DataFrame, time_period: str) -> Figure | None:
    """Figure of exactly one period among rows of one series."""
    found = order_newest_first(rows[rows["time_period"] == time_period])
    return None if found.empty else read_figure(found.iloc[0])


def shift_years(time_period: str, years: int) -> str:
    """The same month, quarter or year, so many years away (negative: earlier)."""
    return f"{year_of(time_period) + years:04d}{time_period[4:]}"


def join_ids(figures: Iterable[Figure | None]) -> tuple[str, ...]:
    """Ids of all figures, in order, each once."""
    return tuple(dict.fromkeys(one for figure in figures if figure is not None for one in figure.ids))


def describe(name: str, figure: Figure | None, decimals: int = 0, unit: str = "") -> str:
    """Name, value, period and basis of a figure in words, or that it is unknown."""
    if figure is None:
        return f"{name} unknown"
    shown = f"{figure.value:,.{decimals}f}{' ' + unit if unit else ''}"
    said = "; ".join(part for part in (figure.basis.replace("_", " "), figure.note) if part)
    return f"{name} {shown} ({figure.time_period}, {said})"


def conform_frame(rows: Sequence[Mapping[str, object]], columns: list[str]) -> pd.DataFrame:
    """Rows as a frame with exactly these columns, in this order."""
    return pd.DataFrame([dict(row) for row in rows], columns=pd.Index(columns))
