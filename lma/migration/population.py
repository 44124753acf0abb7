"""Population of any age range, added up from the age groups that a source publishes."""

from __future__ import annotations

import re

import pandas as pd

from lma.contracts import weakest_basis
from lma.migration.evidence import Figure, order_newest_first

_CLOSED, _OPEN = re.compile(r"Y(\d+)T(\d+)"), re.compile(r"Y_GE(\d+)")
_NO_END = 10_000


def read_age(code: str) -> tuple[int, int] | None:
    """First and last year of an age code, the last far away for an open group; ``None`` for a total."""
    if found := _CLOSED.fullmatch(code):
        return int(found[1]), int(found[2])
    if found := _OPEN.fullmatch(code):
        return int(found[1]), _NO_END
    return None


def count_population(
    observations: pd.DataFrame, ref_area: str, as_of_year: int, sex: str, first: int, last: int | None
) -> Figure | None:
    """Persons from ``first`` to ``last`` (open if ``None``) at the newest period whose groups cover the range.

    Both sexes together are taken as published, else women and men are added. ``None`` where no period covers.
    """
    mask = (observations["indicator"] == "POP") & (observations["ref_area"] == ref_area)
    mask &= observations["obs_value"].notna() & (observations["counterpart_area"] == "_Z")
    rows = observations[mask]
    known = order_newest_first(rows[rows["time_period"].str[:4].astype(int) <= as_of_year])
    end = _NO_END if last is None else last
    periods = sorted(known["time_period"].unique(), reverse=True)
    choices = [["_T"], ["F", "M"]] if sex == "_T" else [[sex]]
    for period in periods:
        at_period = known[known["time_period"] == period]
        for sexes in choices:
            parts = [_cover(at_period[at_period["sex"] == one], first, end) for one in sexes]
            if all(part is not None for part in parts):
                return _add_up(pd.concat([part for part in parts if part is not None]), str(period))
    return None


def _cover(rows: pd.DataFrame, first: int, end: int) -> pd.DataFrame | None:
    """Age groups that follow each other from ``first`` to ``end`` without gap or overlap; ``None`` if none do.

    From each age the widest group that stays inside is taken, so that fewest figures are added.
    """
    groups: dict[int, tuple[int, int]] = {}
    for place, code in enumerate(rows["age"]):
        ages = read_age(str(code))
        if ages is not None and ages[1] <= end and ages[1] > groups.get(ages[0], (-1, 0))[0]:
            groups[ages[0]] = (ages[1], place)
    places, age = [], first
    while age <= end and age in groups:
        reached, place = groups[age]
        places.append(place)
        age = reached + 1
    return rows.iloc[places] if age > end else None


def _add_up(rows: pd.DataFrame, period: str) -> Figure:
    ids = tuple(rows["observation_id"].astype(str))
    return Figure(float(rows["obs_value"].sum()), period, weakest_basis(rows["basis"]), ids)
