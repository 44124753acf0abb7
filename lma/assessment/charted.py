"""Published figures that pictures draw although no table shows each of them: ages of the workforce, vacancies.

Every row says which observations it rests on, so that a point of a picture is traced like a cell.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import pandas as pd

from lma.assessment.selection import select
from lma.contracts import weakest_basis

CHARTED_COLUMNS = (
    "figure", "measure", "sex", "age", "time_period", "value", "unit_measure", "basis", "source_id", "inputs",
)  # fmt: skip
"""``figure``: population, labour_force or beveridge; ``inputs``: ids of the observations behind a row."""
VACANCY_RATES = ("JOB_OPENINGS_RT_SA", "JOB_OPENINGS_RT")
"""Vacant posts in per cent of employment and vacant posts, the seasonally adjusted first."""
ALL_INDUSTRIES = ("_T", "CES_00000000")
"""All activities; or all but farms, as the survey of job openings counts."""
MONTHS, YEARS_BACK = 12, 10
_BAND = re.compile(r"Y(\d+)T(\d+)|Y_GE(\d+)")


def list_charted(ref_area: str, edition: str, horizon: int, observations: pd.DataFrame) -> pd.DataFrame:
    """Rows of all pictures of one country. ``edition``: YYYY-MM, whose year is now; ``horizon``: last year of the forecasts."""
    mine = select(observations, ref_area=ref_area, citizenship="_T").dropna(subset=["obs_value"])
    rows = [*_workforce(mine, int(edition[:4]), horizon), *_beveridge(mine)]
    return pd.DataFrame(rows, columns=list(CHARTED_COLUMNS))


def _workforce(mine: pd.DataFrame, now: int, horizon: int) -> list[tuple[object, ...]]:
    """Population now and in the last year ahead; labour force of its latest year, and ten years before."""
    population, force = _by_age(mine, "POP"), _by_age(mine, "LF")
    today = max((y for y in population if y <= now), default=None)
    ahead = min((y for y in population if y >= horizon), default=max(population, default=None))
    rows: list[tuple[object, ...]] = []
    for year in dict.fromkeys(y for y in (today, ahead) if y is not None):
        rows += _as_rows("population", population[year])
    working = max((y for y in force if y <= now), default=None)
    if working is not None:
        rows += _as_rows("labour_force", force[working])
        rows += _as_rows("labour_force", force.get(working - YEARS_BACK, force[working].iloc[:0]))
    return rows


def _by_age(mine: pd.DataFrame, indicator: str) -> dict[int, pd.DataFrame]:
    """Year -> rows of both sexes by five-year age band, those of the source that has most bands."""
    yearly = select(mine, indicator=indicator, freq="A", sex=["F", "M"], economic_activity=["_T", "_Z"])
    yearly = yearly[yearly["age"].map(_is_band).astype(bool)]
    found: dict[int, pd.DataFrame] = {}
    for period, group in yearly.groupby("time_period"):
        sizes = group.groupby("source_id").size()
        chosen = group[group["source_id"] == sizes.idxmax()].drop_duplicates(["sex", "age"])
        if chosen["sex"].nunique() == 2:
            found[int(str(period)[:4])] = chosen
    return found


def _is_band(age: str) -> bool:
    found = _BAND.fullmatch(age)
    return found is not None and (found[3] is not None or int(found[2]) - int(found[1]) == 4)


def _as_rows(figure: str, facts: pd.DataFrame) -> list[tuple[object, ...]]:
    columns = [
        "indicator",
        "sex",
        "age",
        "time_period",
        "obs_value",
        "unit_measure",
        "basis",
        "source_id",
        "observation_id",
    ]
    ordered = facts.sort_values(["sex", "age"], key=lambda c: c.map(_first_age) if c.name == "age" else c)
    return [(figure, *row[:-1], [row[-1]]) for row in ordered[columns].itertuples(index=False, name=None)]


def _first_age(age: str) -> int:
    found = _BAND.fullmatch(age)
    return int(found[1] or found[3]) if found else 0


def _beveridge(mine: pd.DataFrame) -> list[tuple[object, ...]]:
    """Vacancy rate and unemployment rate of each year; one of them alone where the other is not published."""
    adult = select(mine, sex="_T", age="_T", freq="A", economic_activity=["_T", "_Z"])
    unemployed = select(adult, indicator="UNE_RT", basis_kind="reported")
    vacant: list[tuple[object, ...]] = []
    for indicator in VACANCY_RATES:
        vacant = vacant or _yearly_means(
            select(mine, indicator=indicator, sex="_T", economic_activity=list(ALL_INDUSTRIES))
        )
    years = {row[4] for row in vacant}
    unemployed = unemployed[unemployed["time_period"].isin(years)].drop_duplicates("time_period")
    return [*vacant, *_as_rows("beveridge", unemployed)]


def _yearly_means(facts: pd.DataFrame) -> list[tuple[object, ...]]:
    """Yearly figures as published, or the mean of the twelve months of a year where all are known."""
    rows: list[tuple[object, ...]] = []
    by_year = facts.assign(year=facts["time_period"].astype(str).str[:4]).sort_values(
        "time_period", kind="stable"
    )
    for year, group in by_year.groupby("year"):
        published = group[group["freq"] == "A"]
        months = group[group["freq"] == "M"].drop_duplicates("time_period")
        used = published.head(1) if len(published) else months if len(months) == MONTHS else months.iloc[:0]
        if used.empty:
            continue
        first = used.iloc[0]
        rows.append(
            (
                "beveridge", str(first["indicator"]), "_T", "_T", str(year), float(used["obs_value"].mean()),
                str(first["unit_measure"]), weakest_basis(used["basis"]), _join(used["source_id"]),
                list(used["observation_id"]),
            )
        )  # fmt: skip
    return rows


def _join(sources: Iterable[str]) -> str:
    return " + ".join(sorted(set(sources)))
