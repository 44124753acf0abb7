"""Gaps and ratings in hindsight, for as many countries as the data give: what T18 shows for one.

    python benchmarks/gaps_in_hindsight.py WAREHOUSE [--years 2008 2012 2015] [--rows FILE]

WAREHOUSE is a database of `lma run` or `lma refresh` (its copy for readers is opened). Markdown tables are printed; FILE
keeps the single rows. How the predicted, the naive and the realised gap are made: lma/balance/hindsight.py.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
from markdown_table import print_table

from flows.hindsight import BALANCE_INPUTS, BALANCE_ORIGINS
from flows.request import SEED
from lma import contracts, user_tables, warehouse
from lma.balance.hindsight import (
    hindcast_balances,
    score_ranks,
    score_ratings,
    score_signs,
    score_unemployment,
)

TOTAL = "_T"
Scorer = Callable[[pd.DataFrame], dict[str, float]]


def read_world(path: Path) -> pd.DataFrame:
    with warehouse.open_for_reading(path) as store:
        return store.read("marts.observations", any_of={"indicator": ["EMP", *BALANCE_INPUTS]})


def make_rows(world: pd.DataFrame, years: list[int]) -> pd.DataFrame:
    known = contracts.known_country_codes()
    codes = sorted(set(world.loc[(world["indicator"] == "EMP") & (world["freq"] == "A"), "ref_area"]) & known)
    countries = [contracts.country_or_plain(code) for code in codes]
    return hindcast_balances(
        world, countries, years, (contracts.rule_set("balance"), contracts.rule_set("rating")), SEED
    )


def by_origin(rows: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    yield "all", rows
    for origin, part in rows.groupby("origin_date", sort=True):
        yield str(origin), part


def score(rows: pd.DataFrame, scorer: Scorer) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {"origin": origin, "countries": part["ref_area"].nunique(), **count_whole(scorer(part))}
            for origin, part in by_origin(rows)
        ]
    )


def count_whole(scores: dict[str, float]) -> dict[str, float]:
    """Counts as whole numbers, rates as they are."""
    return {
        name: int(value) if name.startswith("n") and "hit" not in name and "mae" not in name else value
        for name, value in scores.items()
    }


def report(rows: pd.DataFrame) -> None:
    judged = rows[rows["realised_gap_pc"].notna()]
    countries, sectors = (
        judged[(judged["economic_activity"] == TOTAL) == is_total] for is_total in (True, False)
    )
    rules = contracts.rule_set("rating")
    print("\nCountries: gap of the whole economy\n")
    print_table(score(countries, score_signs).to_dict("records"))
    print("\nSectors\n")
    print_table(score(sectors, score_signs).to_dict("records"))
    print("\nOrder of sectors within a country\n")
    print_table(score(sectors, score_ranks).to_dict("records"))
    print("\nSectors rated SHORTAGE or SEVERE\n")
    print_table(score(sectors, lambda part: score_ratings(part, rules)).to_dict("records"))
    print("\nUnemployment: fell where openings were said to exceed new seekers, rose where not\n")
    print_table(score(countries, score_unemployment).to_dict("records"))
    print("\nNot judged\n")
    reasons = rows.loc[rows["reason"].notna()].assign(reason=rows["reason"].str.partition(":")[0])
    counted = reasons.pivot_table(
        index="reason", columns="origin_date", values="ref_area", aggfunc="count", fill_value=0
    )
    print_table(counted.reset_index().to_dict("records"))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("warehouse", type=Path)
    parser.add_argument("--years", type=int, nargs="+", default=list(BALANCE_ORIGINS))
    parser.add_argument("--rows", type=Path)
    asked = parser.parse_args()
    world, started = read_world(asked.warehouse), time.process_time()
    rows = make_rows(world, asked.years)
    if asked.rows:
        user_tables.write_table(rows.drop(columns=["inputs", "step"]), asked.rows)
    report(rows)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    print(
        f"\n{rows['ref_area'].nunique()} countries, {time.process_time() - started:.0f} s of CPU, at most {peak:.1f} GB"
    )


if __name__ == "__main__":
    main()
