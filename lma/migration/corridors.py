"""Corridors of a country: who comes from where, who goes where, and what stands against recruiting there.

Stocks describe affinity; nothing here forecasts a flow. Where a destination asks, its origins are listed;
where an origin asks, its destinations.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from lma.contracts import Country, RuleSet, rule_set, table_contract, weakest_basis
from lma.migration.dependency import WORLD, select_stocks
from lma.migration.evidence import (
    Figure,
    conform_frame,
    describe,
    find_newest,
    join_ids,
    read_figure,
    select_figures,
    year_of,
)
from lma.migration.safeguards import SHORT, judge_corridor, list_flags


@dataclass(frozen=True)
class _Pair:
    """One corridor with its figures, the same for every activity."""

    origin: str
    destination: str
    stock: Figure | None
    share: float | None
    total: Figure
    remittances: Figure | None
    unemployment: Figure | None
    ratio: Figure | None


INDICATORS = ("MIG_STOCK", "REMIT", "UNE_RT", "GDP_PC_PPP")
"""What is read of a corridor."""


def list_corridors(
    country: Country,
    *,
    observations: pd.DataFrame,
    shortages: pd.DataFrame,
    as_of_year: int,
    rules: RuleSet | None = None,
) -> pd.DataFrame:
    """Rows of marts.corridors of one country, largest stock first, total before activities.

    Activities shown besides the total: health (the safeguard list) and every activity that the country (a
    destination) or one of its partners (for an origin) is short in. ``shortages`` may hold other countries.
    """
    rules = rules or rule_set("corridors")
    observations = observations[observations["indicator"].isin(INDICATORS)]
    stocks = _newest_stocks(country, observations, as_of_year)
    partners = _choose_partners(country, stocks, int(rules.threshold("top_partners")))
    pairs = [_describe_pair(country, partner, stocks, observations, as_of_year) for partner in partners]
    ratings = read_ratings(shortages)
    rows = [
        _build_row(country, pair, activity, ratings)
        for activity in _choose_activities(country, partners, ratings)
        for pair in pairs
    ]
    return conform_frame(rows, table_contract("marts.corridors").column_names)


Ratings = dict[tuple[str, str], tuple[str, str, str]]


def read_ratings(shortages: pd.DataFrame) -> Ratings:
    """(country, activity) -> (rating, shortage id, basis) of the triangulated rating, all occupations."""
    mask = (shortages["method"] == "rating") & (shortages["indicator"] == "_SCORE")
    rows = shortages[mask & (shortages["occupation"] == "_T") & shortages["rating"].notna()]
    return {
        (str(row["ref_area"]), str(row["economic_activity"])): (
            str(row["rating"]),
            str(row["shortage_id"]),
            str(row["basis"]),
        )
        for _, row in rows.iterrows()
    }


def _newest_stocks(country: Country, observations: pd.DataFrame, as_of_year: int) -> pd.DataFrame:
    """Stocks of the newest period, one row per partner (column ``partner``), largest first."""
    destination = country.role == "destination"
    side = {"destination": country.ref_area} if destination else {"origin": country.ref_area}
    rows = select_stocks(observations, as_of_year, **side)
    newest: pd.DataFrame = rows[rows["time_period"] == rows["time_period"].max()]
    partner = newest["counterpart_area"] if destination else newest["ref_area"]
    ranked: pd.DataFrame = newest.assign(partner=partner)
    return ranked.sort_values(["obs_value", "partner"], ascending=[False, True])


def _choose_partners(country: Country, stocks: pd.DataFrame, top: int) -> list[str]:
    largest = [str(partner) for partner in stocks.head(top)["partner"]]
    listed = set(largest) | set(country.partners)
    ranked = [str(partner) for partner in stocks["partner"] if partner in listed]
    return ranked + [partner for partner in country.partners if partner not in ranked]


def _choose_activities(country: Country, partners: Sequence[str], ratings: Ratings) -> list[str]:
    """The total, then by code: health, and what the demanding side is short of."""
    demanding = [country.ref_area] if country.role == "destination" else partners
    short = {
        activity for (area, activity), found in ratings.items() if area in demanding and found[0] in SHORT
    }
    return ["_T", *sorted((short | {"Q"}) - {"_T"})]


def _describe_pair(
    country: Country, partner: str, stocks: pd.DataFrame, observations: pd.DataFrame, as_of_year: int
) -> _Pair:
    destination = country.role == "destination"
    origin, target = (partner, country.ref_area) if destination else (country.ref_area, partner)
    found = stocks[stocks["partner"] == partner]
    stock = None if found.empty else read_figure(found.iloc[0])
    total = _total_stock(country, stocks, observations)
    return _Pair(
        origin,
        target,
        stock,
        None if stock is None or total.value <= 0 else 100 * stock.value / total.value,
        total,
        find_newest(observations, as_of_year, "REMIT", origin, counterpart_area=target),
        find_newest(observations, as_of_year, "UNE_RT", partner),
        compare_gdp(observations, as_of_year, origin, target),
    )


def _total_stock(country: Country, stocks: pd.DataFrame, observations: pd.DataFrame) -> Figure:
    """All migrants: the total the publisher gives beside the newest stocks, else the sum of the stocks."""
    if not stocks.empty:
        period = str(stocks["time_period"].iloc[0])
        pair = (country.ref_area, "_T") if country.role == "destination" else (WORLD, country.ref_area)
        rows = select_figures(observations, year_of(period), "MIG_STOCK", pair[0], counterpart_area=pair[1])
        same = rows[(rows["time_period"] == period) & (rows["source_id"] == stocks["source_id"].iloc[0])]
        if not same.empty:
            return read_figure(same.iloc[0])
    period = "" if stocks.empty else str(stocks["time_period"].iloc[0])
    ids = tuple(stocks["observation_id"].astype(str))
    return Figure(float(stocks["obs_value"].sum()), period, weakest_basis(stocks["basis"]), ids)


def compare_gdp(observations: pd.DataFrame, as_of_year: int, origin: str, destination: str) -> Figure | None:
    """GDP per head (PPP), destination over origin, at the newest period both have from one source."""
    sides = [select_figures(observations, as_of_year, "GDP_PC_PPP", area) for area in (destination, origin)]
    both = sides[0].merge(sides[1], on=["time_period", "source_id", "as_of"], suffixes=("", "_origin"))
    both = both[both["obs_value_origin"] > 0].sort_values(["time_period", "observation_id"])
    if both.empty:
        return None
    row = both.iloc[-1]
    ids = (str(row["observation_id"]), str(row["observation_id_origin"]))
    basis = weakest_basis([str(row["basis"]), str(row["basis_origin"])])
    return Figure(
        float(row["obs_value"]) / float(row["obs_value_origin"]), str(row["time_period"]), basis, ids
    )


def _build_row(country: Country, pair: _Pair, activity: str, ratings: Ratings) -> dict[str, object]:
    """One row; stock, share and remittances stand at the total only, because no activity is published."""
    origin_found = ratings.get((pair.origin, activity))
    destination_found = ratings.get((pair.destination, activity))
    origin_rating = origin_found[0] if origin_found else None
    flags = list_flags(pair.origin, pair.destination, activity, origin_rating)
    recommended, reason = judge_corridor(
        activity, flags, origin_rating, destination_found[0] if destination_found else None
    )
    total = activity == "_T"
    figures = [pair.unemployment, pair.ratio] + ([pair.stock, pair.total, pair.remittances] if total else [])
    found = [one for one in (origin_found, destination_found) if one is not None and not total]
    ids = (*join_ids(figures), *(one[1] for one in found))
    bases = [figure.basis for figure in figures if figure is not None] + [one[2] for one in found]
    stock = pair.stock if total else None
    return {
        "corridor_id": f"C:{country.ref_area}:{pair.origin}:{pair.destination}:{activity}",
        "origin": pair.origin,
        "destination": pair.destination,
        "economic_activity": activity,
        "ref_area": country.ref_area,
        "stock": None if stock is None else stock.value,
        "stock_period": None if stock is None else stock.time_period,
        "share": pair.share if total else None,
        "remittances": pair.remittances.value if total and pair.remittances else None,
        "unemployment_rate": None if pair.unemployment is None else pair.unemployment.value,
        "gdp_pc_ratio": None if pair.ratio is None else pair.ratio.value,
        "flags": flags,
        "recommended": recommended,
        "reason": reason,
        "basis": weakest_basis(bases),
        "step": _describe_step(country, pair, total),
        "inputs": list(dict.fromkeys(ids)),
    }


def _describe_step(country: Country, pair: _Pair, total: bool) -> str:
    """What stands in the row and of when."""
    other = "origin" if country.role == "destination" else "destination"
    parts = [
        describe(f"unemployment rate of the {other}", pair.unemployment, 1, "%"),
        describe("GDP per head (PPP) of the destination over the origin's", pair.ratio, 2),
    ]
    if total:
        share = (
            "unknown"
            if pair.share is None
            else f"{pair.share:.1f} % of {pair.total.value:,.0f} in the stocks at hand"
        )
        remitted = describe("remittances", pair.remittances, 0, "USD")
        parts = [describe("stock", pair.stock), f"share {share}", remitted, *parts]
    return "; ".join(parts)
