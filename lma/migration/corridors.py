"""Corridors of a country: who comes from where, who goes where, and what stands against recruiting there.

Stocks and circumstances describe affinity; nothing here forecasts a flow. Where a destination asks, its origins
are listed; where an origin asks, its destinations. What is unknown stays unknown, with the reason.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from lma.contracts import Country, RuleSet, rule_set, table_contract, weakest_basis
from lma.migration.affinity import measure_affinity
from lma.migration.agreements import (
    Agreement,
    describe_origin_cost,
    find_agreement,
    find_recruitment_cost,
    find_shortage_list,
)
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
from lma.migration.safeguards import (
    SHORT,
    compute_emigration_rate,
    find_same_activity,
    find_wider_activity,
    grade_drain,
    judge_corridor,
    list_flags,
    list_unchecked,
    shared_blocs,
)

INDICATORS = ("UNE_RT", "GDP_PC_PPP", "EARN_PPP", "NEET_RT", "EMIG_TERTIARY", "POP_TERTIARY")
"""What is read of every country, because any may be a partner."""

PAIR_INDICATORS = ("MIG_STOCK", "REMIT", "DIST", "COMMON_LANGUAGE_OFF")
"""What is read of a pair of countries."""

VERDICTS = ("CANDIDATE", "NOT_ASSESSED", "NO")
FIGURES = (
    "stock", "women", "total", "remittances", "unemployment", "income_ratio", "wage_ratio", "distance", "language", "youth",
    "emigration",
)  # fmt: skip


@dataclass(frozen=True)
class _Pair:
    """One corridor with its figures (keys FIGURES), the same for every activity."""

    origin: str
    destination: str
    figures: Mapping[str, Figure | None]
    agreement: Agreement
    cost: tuple[float, str] | None
    shortage_list: str | None
    free_movement: bool
    known_until: str

    def value(self, name: str) -> float | None:
        """Value of a figure, ``None`` where it is unknown."""
        figure = self.figures[name]
        return None if figure is None else figure.value

    @property
    def share(self) -> float | None:
        """Per cent of all the country's migrants."""
        stock, total = self.value("stock"), self.value("total")
        return None if stock is None or not total else 100 * stock / total

    @property
    def gap(self) -> float | None:
        """Ratio of earnings, or of GDP per head where earnings are not known, destination over origin."""
        return self.value("wage_ratio") or self.value("income_ratio")


def list_corridors(
    country: Country,
    *,
    observations: pd.DataFrame,
    shortages: pd.DataFrame,
    as_of_year: int,
    rules: RuleSet | None = None,
    known_until: str | None = None,
) -> pd.DataFrame:
    """Rows of marts.corridors of one country, largest stock first, total before activities; no pool, need or match yet.

    Activities shown besides the total: health (the safeguard list), what the demanding side is short of and, for an
    origin, what it has too many workers for. ``shortages`` may hold other countries.
    ``known_until``: YYYY-MM-DD up to which registers are read, the end of ``as_of_year`` without one.
    """
    rules = rules or rule_set("corridors")
    observations = observations[observations["indicator"].isin([*INDICATORS, *PAIR_INDICATORS])]
    stocks = _newest_stocks(country, observations, as_of_year)
    partners = _choose_partners(country, stocks, int(rules.threshold("top_partners")))
    until = known_until or f"{as_of_year:04d}"
    pairs = [_describe_pair(country, one, stocks, observations, as_of_year, rules, until) for one in partners]
    ratings = read_ratings(shortages)
    largest = max((pair.value("stock") or 0.0 for pair in pairs), default=0.0)
    rows = [
        _build_row(country, pair, activity, ratings, largest, rules)
        for activity in _choose_activities(country, partners, ratings)
        for pair in pairs
    ]
    return rank_corridors(conform_corridors(rows))


def conform_corridors(rows: Sequence[Mapping[Any, object]]) -> pd.DataFrame:
    """Rows with the columns of marts.corridors; a column keeps its kind even where all of it is unknown."""
    contract = table_contract("marts.corridors")
    kinds = {column.name: column.physical_type for column in contract.columns}
    frame = conform_frame(
        [{str(key): value for key, value in row.items()} for row in rows], contract.column_names
    )
    words = [name for name, kind in kinds.items() if kind == "VARCHAR"]
    frame[words] = frame[words].astype(object).where(frame[words].notna(), None)
    return frame.astype({name: float for name, kind in kinds.items() if kind == "DOUBLE"})


def rank_corridors(corridors: pd.DataFrame) -> pd.DataFrame:
    """The same rows with ``rank`` within each activity: cleared before unknown before refused, then by affinity."""
    order = corridors.assign(
        _verdict=corridors["recommended"].map(VERDICTS.index), _known=-corridors["affinity"].fillna(-1),
        _stock=-corridors["stock"].fillna(-1),
    ).sort_values(["_verdict", "_known", "_stock", "origin", "destination"], kind="stable")  # fmt: skip
    ranks = order.groupby("economic_activity").cumcount() + 1
    return corridors.assign(rank=ranks.reindex(corridors.index).astype("Int64"))


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


def find_rating(ratings: Ratings, area: str, activity: str, cautious: bool) -> tuple[str, str, str] | None:
    """Rating of an activity in a country, also where the country is assessed at another level of detail.

    Only a unit of the very same sections speaks for it. ``cautious``: a wider unit that is short is taken too, because
    then the part may be short as well; that a wider unit is not short clears nobody.
    """
    codes = {code for one, code in ratings if one == area}
    same = find_same_activity(activity, codes)
    if same is not None:
        return ratings[area, same]
    wider = find_wider_activity(activity, codes) if cautious else None
    found = None if wider is None else ratings[area, wider]
    return found if found is not None and found[0] in SHORT else None


def _choose_activities(country: Country, partners: Sequence[str], ratings: Ratings) -> list[str]:
    """The total, then by code: health, what the demanding side is short of, what an origin has too many for.

    What a destination of an origin is short of is shown under the origin's own code where it has one.
    """
    destination = country.role == "destination"
    own = {code for area, code in ratings if area == country.ref_area}
    demanding = [country.ref_area] if destination else partners
    short = {
        find_same_activity(activity, own) or activity
        for (area, activity), found in ratings.items()
        if area in demanding and found[0] in SHORT
    }
    surplus = {code for code in own if not destination and ratings[country.ref_area, code][0] == "SURPLUS"}
    return ["_T", *sorted((short | surplus | {"Q"}) - {"_T"})]


def _describe_pair(
    country: Country,
    partner: str,
    stocks: pd.DataFrame,
    observations: pd.DataFrame,
    as_of_year: int,
    rules: RuleSet,
    until: str,
) -> _Pair:
    destination = country.role == "destination"
    origin, target = (partner, country.ref_area) if destination else (country.ref_area, partner)
    found = stocks[stocks["partner"] == partner]
    stock = None if found.empty else read_figure(found.iloc[0])
    apart = int(rules.threshold("earnings_years_apart"))

    def newest(indicator: str, area: str, **dimensions: str) -> Figure | None:
        return find_newest(observations, as_of_year, indicator, area, **dimensions)

    figures = {
        "stock": stock,
        "women": _find_women(observations, origin, target, stock),
        "total": _total_stock(country, stocks, observations),
        "remittances": newest("REMIT", origin, counterpart_area=target),
        "unemployment": newest("UNE_RT", partner),
        "income_ratio": compare_sides(observations, as_of_year, "GDP_PC_PPP", origin, target),
        "wage_ratio": compare_sides(observations, as_of_year, "EARN_PPP", origin, target, apart),
        "distance": newest("DIST", target, counterpart_area=origin),
        "language": newest("COMMON_LANGUAGE_OFF", target, counterpart_area=origin),
        "youth": newest("NEET_RT", origin, age="Y15T24"),
        "emigration": measure_emigration(observations, as_of_year, origin),
    }
    return _Pair(
        origin, target, figures, find_agreement(origin, target, until), find_recruitment_cost(origin, target, until),
        find_shortage_list(origin, target, until), bool(shared_blocs(origin, target, "free", until)), until,
    )  # fmt: skip


def _find_women(observations: pd.DataFrame, origin: str, target: str, stock: Figure | None) -> Figure | None:
    """Women among the migrants of a corridor, of the very period of the stock; ``None`` where not published."""
    if stock is None:
        return None
    rows = select_figures(
        observations, year_of(stock.time_period), "MIG_STOCK", target, counterpart_area=origin, sex="F"
    )
    same = rows[(rows["time_period"] == stock.time_period) & (rows["obs_value"] <= stock.value)]
    return None if same.empty else read_figure(same.sort_values("observation_id").iloc[0])


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


def compare_sides(
    observations: pd.DataFrame, as_of_year: int, indicator: str, origin: str, destination: str, apart: int = 0
) -> Figure | None:
    """One figure of two countries from one source, destination over origin, of the newest years that both have.

    ``apart``: years the two figures may lie apart. ``None`` where no two figures fit or the origin's is not positive.
    """
    sides = [select_figures(observations, as_of_year, indicator, area) for area in (destination, origin)]
    both = sides[0].merge(sides[1], on=["source_id", "as_of"], suffixes=("", "_origin"))
    first, second = (
        both[name].astype(str).str[:4].astype(int) for name in ("time_period", "time_period_origin")
    )
    fits = ((first - second).abs() <= apart) & (both["obs_value_origin"] > 0)
    both = both.assign(oldest=np.minimum(first, second), newest=np.maximum(first, second))[fits]
    if both.empty:
        return None
    row = both.sort_values(["oldest", "newest", "observation_id"]).iloc[-1]
    ids = (str(row["observation_id"]), str(row["observation_id_origin"]))
    basis = weakest_basis([str(row["basis"]), str(row["basis_origin"])])
    period = str(min(row["time_period"], row["time_period_origin"]))
    return Figure(float(row["obs_value"]) / float(row["obs_value_origin"]), period, basis, ids)


def measure_emigration(observations: pd.DataFrame, as_of_year: int, origin: str) -> Figure | None:
    """Tertiary emigration rate of an origin in per cent; ``None`` where no source counts both sides in one year."""
    sides = [
        select_figures(observations, as_of_year, one, origin) for one in ("EMIG_TERTIARY", "POP_TERTIARY")
    ]
    both = sides[0].merge(sides[1], on="time_period", suffixes=("", "_residents"))
    if both.empty:
        return None
    row = both.sort_values(["time_period", "observation_id"]).iloc[-1]
    rate = compute_emigration_rate(float(row["obs_value"]), float(row["obs_value_residents"]))
    ids = (str(row["observation_id"]), str(row["observation_id_residents"]))
    return Figure(
        100 * rate, str(row["time_period"]), weakest_basis([row["basis"], row["basis_residents"]]), ids
    )


def _build_row(
    country: Country, pair: _Pair, activity: str, ratings: Ratings, largest: float, rules: RuleSet
) -> dict[str, object]:
    """One row; share and remittances stand at the total only, because no activity of them is published."""
    found = {
        "origin": find_rating(ratings, pair.origin, activity, cautious=True),
        "destination": find_rating(ratings, pair.destination, activity, cautious=False),
    }
    rating = {side: one[0] if one else None for side, one in found.items()}
    emigration = pair.value("emigration")
    drain = grade_drain(None if emigration is None else emigration / 100, rules)
    flags = list_flags(pair.origin, pair.destination, activity, rating["origin"], drain, pair.known_until)
    recommended, reason = judge_corridor(activity, flags, rating["origin"], rating["destination"])
    used = [
        figure
        for name, figure in pair.figures.items()
        if activity == "_T" or name not in ("total", "remittances")
    ]
    rated = [one for one in found.values() if one is not None]
    affinity = measure_affinity(
        rules, origin_rating=rating["origin"], destination_rating=rating["destination"], stock=pair.value("stock"),
        largest_stock=largest, language=pair.value("language"), wage_ratio=pair.gap, distance=pair.value("distance"),
        agreement=pair.agreement.concluded or pair.free_movement, cost=pair.cost[0] if pair.cost else None,
    )  # fmt: skip
    return {
        "corridor_id": f"C:{country.ref_area}:{pair.origin}:{pair.destination}:{activity}",
        "origin": pair.origin,
        "destination": pair.destination,
        "economic_activity": activity,
        "ref_area": country.ref_area,
        **_list_figures(pair, activity),
        **affinity.columns,
        "origin_rating": rating["origin"],
        "destination_rating": rating["destination"],
        "drain": drain,
        "flags": flags,
        "unchecked": list_unchecked(activity, rating["origin"], drain),
        "recommended": recommended,
        "reason": reason,
        "basis": weakest_basis([figure.basis for figure in used if figure] + [one[2] for one in rated]),
        "step": f"{_describe_step(country, pair, activity == '_T')}; {affinity.text}",
        "inputs": list(dict.fromkeys((*join_ids(used), *(one[1] for one in rated)))),
    }


def _list_figures(pair: _Pair, activity: str) -> dict[str, object]:
    """Columns of what is known of the pair itself."""
    total, stock = activity == "_T", pair.figures["stock"]
    return {
        "stock": pair.value("stock"),
        "stock_period": None if stock is None else stock.time_period,
        "stock_women": pair.value("women"),
        "share": pair.share if total else None,
        "remittances": pair.value("remittances") if total else None,
        "unemployment_rate": pair.value("unemployment"),
        "gdp_pc_ratio": pair.value("income_ratio"),
        "wage_ratio": pair.value("wage_ratio"),
        "distance": pair.value("distance"),
        "common_language": pair.value("language"),
        "youth_neet": pair.value("youth"),
        "emigration_rate": pair.value("emigration"),
        "agreement": pair.agreement.text,
        "quota": pair.agreement.quota,
        "recruitment_cost": pair.cost[0] if pair.cost else None,
        "cost_source": pair.cost[1] if pair.cost else describe_origin_cost(pair.origin, pair.known_until),
        "shortage_list": pair.shortage_list,
    }


def _describe_step(country: Country, pair: _Pair, total: bool) -> str:
    """What stands in the row and of when."""
    other = "origin" if country.role == "destination" else "destination"
    figures = pair.figures
    parts = [
        describe("stock of all activities", figures["stock"]),
        describe(f"unemployment rate of the {other}", figures["unemployment"], 1, "%"),
        describe("GDP per head (PPP) of the destination over the origin's", figures["income_ratio"], 2),
        describe("mean earnings (PPP) of the destination over the origin's", figures["wage_ratio"], 2),
        describe("distance between the largest cities", figures["distance"], 0, "km"),
    ]
    if total:
        whole = figures["total"]
        share = (
            "unknown"
            if pair.share is None or whole is None
            else f"{pair.share:.1f} % of {whole.value:,.0f} in the stocks at hand"
        )
        parts += [f"share {share}", describe("remittances", figures["remittances"], 0, "USD")]
    return "; ".join(parts)
