"""How far participation has drifted from its trend: the measured thresholds of rules/balance.yaml.

    python -m benchmarks.participation WAREHOUSE      # a published read copy, with ilo_labour_force_modelled and WPP loaded

Stands at 2004, 2009 and 2014 with the labour force by sex and age of those years (of today's vintage), projects
participation as the balance does, and compares with what came one, three and five years later, in log-odds by sex.
Prints the share of outcomes within the 80 per cent band for several floors and powers, the correlation of women and
men, and the error of the labour force in per cent.
"""

from __future__ import annotations

import sys
from pathlib import Path
from statistics import NormalDist

import numpy as np
import pandas as pd

from lma.balance import supply
from lma.contracts import rule_set
from lma.warehouse import open_for_reading

CUTS, AHEAD = (2004, 2009, 2014), (1, 3, 5)
RULES = rule_set("balance")
Z80 = NormalDist().inv_cdf(0.9)


def measure_country(observations: pd.DataFrame, area: str) -> list[dict[str, object]]:
    """One row per origin, years ahead and sex: error in log-odds, yearly drift seen before, error of the labour force."""
    people = supply.read_population(observations, area)
    force = supply.read_age_table(observations, area, "LF", supply.AGES)
    if people is None or force is None:
        return []
    past = supply.interpolate_years(people, [int(y) for y in force.years])[:, 1:]
    rates, years, rows = force.values / past, list(force.years), []
    for cut in CUTS:
        known = force.years <= cut
        if np.isnan(past).any() or known.sum() < 8:
            continue
        recent = known & (force.years > cut - RULES.threshold("trend_years"))
        steps = np.diff(
            _log_odds(force.values[..., recent].sum(axis=1) / past[..., recent].sum(axis=1)), axis=1
        )
        for ahead in (h for h in AHEAD if cut + h in years):
            at = years.index(cut + ahead)
            projected = supply.project_rates(force.years[known], rates[..., known], [cut + ahead], RULES)[
                ..., 0
            ]
            joined, came, all_people = (
                (projected * past[..., at]).sum(1),
                force.values[..., at].sum(1),
                past[..., at].sum(1),
            )
            error = _log_odds(joined / all_people) - _log_odds(came / all_people)
            whole = 100 * (joined.sum() / came.sum() - 1)
            rows += [
                {
                    "area": area,
                    "cut": cut,
                    "ahead": ahead,
                    "sex": sex,
                    "error": error[i],
                    "sd": steps[i].std(),
                    "force_pc": whole,
                }
                for i, sex in enumerate(supply.SEXES)
            ]
    return rows


def _log_odds(rates: supply.Array) -> supply.Array:
    odds: supply.Array = np.log(rates / (1 - rates))
    return odds


def main(path: Path) -> None:
    with open_for_reading(path) as warehouse:
        found = warehouse.read("marts.observations", any_of={"indicator": ["LF", "POP"]})
    groups = found.groupby("ref_area")
    table = pd.DataFrame([row for area, one in groups for row in measure_country(one, str(area))])
    print(f"{table['area'].nunique()} countries, {len(table)} outcomes")
    for floor in (0.01, 0.02, 0.03):
        for power in (0.5, 0.75, 1.0):
            inside = [
                (rows["error"].abs() < Z80 * rows["sd"].clip(lower=floor) * ahead**power).mean()
                for ahead, rows in table.groupby("ahead")
            ]
            print(f"floor {floor:g}, power {power:g}: " + ", ".join(f"{share:.2f}" for share in inside))
    wide = table.pivot(index=["area", "cut", "ahead"], columns="sex", values="error")
    print(
        "correlation of women and men:",
        wide.groupby("ahead").apply(lambda g: round(g["F"].corr(g["M"]), 2)).to_dict(),
    )
    print("labour force, mean error, per cent:", table.groupby("ahead")["force_pc"].mean().round(2).to_dict())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
