"""Every country of the warehouse assessed, and how much of each assessment its data can fill."""

from __future__ import annotations

import resource
import time
from pathlib import Path

import pandas as pd
from rich.console import Console

from flows import assess, forecast, hindsight, refresh
from flows.evaluate import print_frame
from flows.request import RunRequest, Step
from lma import contracts, user_tables
from lma.contracts import Country
from lma.errors import InputError

STATUSES = ("FILLED", "PARTLY", "INSUFFICIENT_DATA", "NOT_APPLICABLE")
FRAMES = ("balances", "shortages", "decisions")


def measure_coverage(request: RunRequest, result: Path, step: Step, console: Console) -> None:
    """Assess the countries asked for (all that the warehouse knows by default), count what is filled, write and print it.

    Forecasts, balances, ratings and decisions of all of them stay in the warehouse; nothing is published.
    """
    user_tables.check_result(result)
    with refresh.open_run(request) as run:
        refresh.require_figures(run)
        countries = list_countries(run, request.ref_areas)
        step(derive_for)(run, countries)
        step(forecast.forecast_countries)(run, countries)
        started = time.perf_counter()
        step(hindsight.hindcast_gaps)(run, countries)
        step(rate_each)(run, countries)
        table = step(assess_each)(run, countries)
        seconds = time.perf_counter() - started
        step(refresh.open_to_readers)(run)
        codes = [country.ref_area for country in countries]
        marts = {name: run.warehouse.read(f"marts.{name}", codes) for name in FRAMES}
    user_tables.write_table(table, result)
    print_coverage(table, marts, console)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    console.print(
        f"\n{len(countries)} countries, {seconds / len(countries):.1f} s each after the forecasts, "
        f"at most {peak:.1f} GB; every table of every country is in {result}",
        markup=False,
    )


def list_countries(run: refresh.Run, ref_areas: tuple[str, ...]) -> list[Country]:
    """The countries asked for, or all that have annual employment."""
    if ref_areas:
        return [contracts.country_or_plain(code) for code in ref_areas]
    known = contracts.known_country_codes()
    employed = run.warehouse.read("marts.observations", any_of={"indicator": ["EMP"]})
    found = sorted(set(employed.loc[employed["freq"] == "A", "ref_area"]) & known)
    if not found:
        raise InputError(
            "the warehouse holds no annual employment of any country: refresh or ingest a source that has it."
        )
    return [contracts.country_or_plain(code) for code in found]


def derive_for(run: refresh.Run, countries: list[Country]) -> int:
    """Indicators of all these countries; rows written."""
    areas = {code for country in countries for code in (country.ref_area, *country.partners)}
    return run.warehouse.run_indicators(sorted(areas))


def rate_each(run: refresh.Run, countries: list[Country]) -> int:
    """Gap and ratings of each country; rows of ratings."""
    rows = 0
    for country in countries:
        assess.balance_country(run, country)
        rows += assess.rate_shortages(run, country)
    return rows


def assess_each(run: refresh.Run, countries: list[Country]) -> pd.DataFrame:
    """Coverage of each country; after all ratings, because corridors read those of both ends."""
    from lma.assessment import coverage

    found = []
    for country in countries:
        assess.decide_migration(run, country)
    for country in countries:
        assess.match_migration(run, country)
        assessment = assess.compose_assessment(run, country)
        found.append(coverage.measure_coverage(country.ref_area, assessment.tables, assessment.cells))
    return pd.concat(found, ignore_index=True)


def print_coverage(table: pd.DataFrame, marts: dict[str, pd.DataFrame], console: Console) -> None:
    """Tables by status, the reasons, and what the ratings and decisions came to."""
    tables = table.assign(
        title=table["title"].str.replace(r",? \d{4}-\d{4}.*| of emigrants| of migrants", "", regex=True)
    )
    counts = tables.pivot_table(
        index="table_id", columns="status", values="ref_area", aggfunc="count", fill_value=0
    )
    counts = counts.reindex(columns=list(STATUSES), fill_value=0)
    sums = tables.groupby("table_id").agg(
        title=("title", "first"), filled=("n_filled", "sum"), asked=("n_cells", "sum")
    )
    counts = counts.assign(title=sums["title"], **{"cells filled": sums["filled"] / sums["asked"]})
    by_number = counts.reset_index().sort_values("table_id", key=lambda ids: ids.str[1:].astype(int))
    print_frame(by_number, console, {"cells filled": ".0%"})
    empty = (
        table[table["n_reason"] > 0]
        .groupby("reason")
        .agg(cells=("n_reason", "sum"), tables=("table_id", "count"))
    )
    console.print("\nmost frequent reasons of empty cells:")
    print_frame(empty.sort_values("cells", ascending=False).reset_index(), console, {}, longest=15)
    console.print("\ngaps, ratings and decisions:")
    print_frame(count_results(marts, list(dict.fromkeys(table["ref_area"]))), console)


def count_results(marts: dict[str, pd.DataFrame], codes: list[str]) -> pd.DataFrame:
    """Countries with a gap, activities by final rating, and by recommendation."""
    b, s, d = (marts[name] for name in FRAMES)
    gaps = b[
        (b["measure"] == "GAP")
        & (b["output_type_id"] == "0.5")
        & (b["economic_activity"] == "_T")
        & b["time_period"].str.contains("-")
    ]
    with_gap = set(gaps.loc[gaps["value"].notna(), "ref_area"])
    rated = s[(s["method"] == "rating") & (s["indicator"] == "_SCORE")]
    results = d[d["step_id"] == "RESULT"]
    rows = [("countries with a gap", "yes" if code in with_gap else "no") for code in codes]
    rows += [("activities by final rating", rating) for rating in rated["rating"].fillna("N")]
    rows += [("activities by recommendation", code) for code in results["reason_code"].fillna("none")]
    counted = pd.DataFrame(rows, columns=["what", "result"]).value_counts(sort=False)
    return counted.rename("n").reset_index()
