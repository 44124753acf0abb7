"""Unfilled vacancies: posts that are vacant beyond the normal level, an addition to openings.

Some posts are vacant at any time, while they are being filled: those say nothing about a shortage. Normal is
the median ratio of vacancies to employment of past years. What is vacant beyond it is counted once, in equal
parts over some years, as the usable unemployed are on the other side.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pandas as pd

from lma.balance.demand import quantise
from lma.classifications import correspondence
from lma.contracts import RuleSet
from lma.levels import TOTAL

Array = npt.NDArray[np.float64]

INDICATORS = ("JOB_OPENINGS", "JOB_OPENINGS_SA")
"""Posts vacant at the end of a period, persons; the one with the newer figures is used, else the first."""
TABLES = {"CES": "jolts_isic4"}
"""Revision of the figures -> correspondence to the activities of a balance, where they are not those already."""
PERIODS_A_YEAR = {"A": 1, "Q": 4, "M": 12}


@dataclass(frozen=True)
class Vacancies:
    """Vacant posts of each sector: (sectors,) persons; zero, with an entry in ``reasons``, where not known.

    ``stock``: mean of the newest year. ``normal``: normal ratio times base employment. ``excess``: beyond
    normal, not below zero. ``period``: the newest year's periods.
    """

    stock: Array
    normal: Array
    excess: Array
    period: str = ""
    reasons: dict[str, str] = field(default_factory=dict)
    inputs: dict[str, list[str]] = field(default_factory=dict)


def read_vacancies(observations: pd.DataFrame, ref_area: str, last_year: int) -> pd.DataFrame:
    """Vacant posts by activity of the balance and year, means over the periods of years that are complete.

    Columns ``economic_activity, year, stock, period, ids``. The last twelve months (four quarters) up to the end
    of ``last_year`` are one year, named after the year they end in; so are those before them.
    """
    o = observations
    rows = o[
        (o["ref_area"] == ref_area)
        & o["indicator"].isin(INDICATORS)
        & o["freq"].isin(list(PERIODS_A_YEAR))
        & (o["sex"] == "_T")
        & (o["age"] == "_T")
        & (o["occupation"] == "_T")
        & (o["citizenship"] == "_T")
        & (o["counterpart_area"] == "_Z")
        & (o["obs_value"] >= 0)
        & (o["time_period"].str[:4].astype(int) <= last_year)
    ]
    parts = [_translate(group, str(revision)) for revision, group in rows.groupby("activity_revision")]
    if not sum(map(len, parts)):
        return pd.DataFrame(columns=["economic_activity", "year", "stock", "period", "ids"])
    known = pd.concat(parts).sort_values(["economic_activity", "time_period", "indicator"])
    newest = known.groupby(["economic_activity", "indicator"])["time_period"].transform("max")
    order = known.assign(newest=newest).sort_values(
        ["newest", "indicator"], ascending=[False, True], kind="stable"
    )
    best = order.groupby("economic_activity")["indicator"].transform("first")
    used = known[known["indicator"] == best.reindex(known.index)]
    found = [_average(group) for _, group in used.groupby(["economic_activity", "freq"], sort=True)]
    return pd.concat(found).drop_duplicates(["economic_activity", "year"]).reset_index(drop=True)


def _translate(rows: pd.DataFrame, revision: str) -> pd.DataFrame:
    """Rows with the activities of a balance; industries that are part of another are left out."""
    if revision not in TABLES:
        return rows
    weights = correspondence(TABLES[revision]).weights.set_index("source")["target"]
    return rows.assign(economic_activity=rows["economic_activity"].map(weights)).dropna(
        subset=["economic_activity"]
    )


def _average(rows: pd.DataFrame) -> pd.DataFrame:
    """Yearly means of the sum of one activity's parts, counted back from its newest period; no year with a gap in it."""
    n = PERIODS_A_YEAR[str(rows["freq"].iloc[0])]
    n_parts = rows.groupby("time_period")["observation_id"].size()
    whole = rows[rows["time_period"].map(n_parts) == n_parts.max()]
    sums = whole.groupby("time_period")["obs_value"].sum().sort_index()
    ids = whole.groupby("time_period")["observation_id"].agg(list)
    place = np.array([int(p[:4]) * n + int(p[4:].strip("-QM") or 0) for p in sums.index])
    blocks = [block for _, block in sums.groupby((place.max() - place) // n) if len(block) == n]
    return pd.DataFrame(
        {
            "economic_activity": rows["economic_activity"].iloc[0],
            "year": [int(block.index[-1][:4]) for block in blocks],
            "stock": [float(block.mean()) for block in blocks],
            "period": [f"{block.index[0]} to {block.index[-1]}" for block in blocks],
            "ids": [[i for period in block.index for i in ids[period]] for block in blocks],
        }
    )


def measure_normal(stock: pd.DataFrame, employment: pd.DataFrame, rules: RuleSet) -> float | None:
    """Normal ratio of vacancies to employment of one activity: median of the years before the newest.

    ``stock``: rows of ``read_vacancies``; ``employment``: ``year`` and ``obs_value``. ``None`` with fewer years
    than ``vacancy_minimum_years`` within ``vacancy_normal_years``.
    """
    newest = stock["year"].max()
    both = stock.merge(employment[["year", "obs_value"]], on="year")
    window = both["year"].between(newest - rules.threshold("vacancy_normal_years"), newest - 1)
    ratios = (both["stock"] / both["obs_value"].where(both["obs_value"] > 0))[window].dropna()
    return float(ratios.median()) if len(ratios) >= rules.threshold("vacancy_minimum_years") else None


def _explain(sector: str, stock: pd.DataFrame, normal: float | None, base_year: int, rules: RuleSet) -> str:
    """Why the vacancies of a sector are not counted; empty when they are."""
    limit = base_year - rules.threshold("vacancy_age_limit")
    if stock.empty:
        return f"NO_VACANCIES: no vacant posts of {sector} are counted; taken as none"
    if stock["year"].max() < limit:
        return (
            f"VACANCIES_TOO_OLD: the newest vacant posts of {sector} are of {stock['period'].iloc[0]}, "
            f"{limit:g} or later is accepted; taken as none"
        )
    if normal is None:
        return f"NO_NORMAL_VACANCIES: too few years of vacant posts and employment of {sector}; taken as none"
    return ""


def estimate_vacancies(
    observations: pd.DataFrame,
    ref_area: str,
    sectors: Sequence[str],
    employment: pd.DataFrame,
    base: Array,
    base_year: int,
    rules: RuleSet,
) -> Vacancies:
    """Vacant posts of each sector beyond the normal level in the base year.

    ``employment``: yearly rows by ``economic_activity`` (``demand.select_sectors``). ``base``: (sectors,)
    employment in the base year. Where only the country's vacancies are known they are spread by employment.
    """
    known = read_vacancies(observations, ref_area, base_year)
    asked = list(sectors)
    if not set(asked) & set(known["economic_activity"]) and TOTAL in set(known["economic_activity"]):
        whole = _estimate_each(known, [TOTAL], employment, np.array([base.sum()]), base_year, rules)
        return _spread_total(whole, asked, base)
    return _estimate_each(known, asked, employment, base, base_year, rules)


def _estimate_each(
    known: pd.DataFrame,
    sectors: list[str],
    employment: pd.DataFrame,
    base: Array,
    base_year: int,
    rules: RuleSet,
) -> Vacancies:
    stocks, normals, reasons, inputs, period = np.zeros(len(sectors)), np.zeros(len(sectors)), {}, {}, ""
    for i, sector in enumerate(sectors):
        rows = known[known["economic_activity"] == sector].sort_values("year", ascending=False)
        history = employment[employment["economic_activity"] == sector]
        normal = None if rows.empty else measure_normal(rows, history, rules)
        reason = _explain(sector, rows, normal, base_year, rules)
        if reason or normal is None:
            reasons[sector] = reason
            continue
        stocks[i], normals[i], period = float(rows["stock"].iloc[0]), normal * base[i], rows["period"].iloc[0]
        inputs[sector] = rows["ids"].iloc[0]
    return Vacancies(stocks, normals, np.maximum(0.0, stocks - normals), period, reasons, inputs)


def _spread_total(whole: Vacancies, sectors: list[str], base: Array) -> Vacancies:
    """The country's vacancies given to the sectors by their employment."""
    shares = base / base.sum() if base.sum() > 0 else np.zeros_like(base)
    reasons = dict.fromkeys(sectors, whole.reasons[TOTAL]) if whole.reasons else {}
    inputs = dict.fromkeys(sectors, whole.inputs[TOTAL]) if whole.inputs else {}
    stock, normal, excess = (shares * float(part[0]) for part in (whole.stock, whole.normal, whole.excess))
    return Vacancies(stock, normal, excess, whole.period, reasons, inputs)


def offer_vacancies(vacancies: Vacancies, n_draws: int, n_years: int, rules: RuleSet) -> Array:
    """Openings (draws, sectors, years): the excess once, in equal parts over ``vacancy_years``."""
    over = rules.threshold("vacancy_years")
    parts = np.clip(over - np.arange(n_years), 0, 1) / over
    offered = quantise(vacancies.excess[:, None] * parts)
    return np.broadcast_to(offered, (n_draws, *offered.shape)).copy()
