"""Gravity against the last stock: which predicts migrant stocks and flows between countries, out of sample.

    python benchmarks/corridors.py WAREHOUSE

WAREHOUSE is a database into which UN DESA stocks by origin and destination (undesa_migrant_stock), the populations of the
same publisher, CEPII distances and GDP per head (PPP, constant prices) are loaded; its copy for readers is opened. Each
target date (2010, 2015, 2019) is predicted from a model fitted on the dates before it alone; populations and incomes are
those of the date before the target or earlier. A flow is the growth of a stock between two dates, where positive.

Two things are known too early and favour every model alike: the stocks are one revision (2019), interpolated by the
publisher between censuses, and the incomes are one vintage (2024). Corridors that the destination does not itemise on both
dates are in no panel. The two R2 and CPC are those of lma.migration.gravity.score_corridors.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from lma import warehouse
from lma.migration.gravity import Floats, Scores, build_panel, fit_gravity, score_corridors

TARGETS = (2010, 2015, 2019)
LAST_TWO = (2015, 2019)
PAIR_MEASURES = {
    "DIST": "distance", "COMMON_LANGUAGE_OFF": "language", "COMMON_LANGUAGE_ETHNO": "language_spoken",
    "COLONIAL_LINK": "colony", "COMMON_COLONISER": "common_coloniser", "CONTIGUITY": "border",
}  # fmt: skip
AREAS = {
    "MIG_STOCK": "undesa_migrant_stock",
    "POP": "undesa_migrant_population",
    "GDP_PC_PPP_KD": "wb_wdi_api",
}

Prediction = Callable[[pd.DataFrame, pd.DataFrame, str], Floats]


def read_inputs(path: Path) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """(stocks, pairs, populations, incomes) as build_panel wants them."""
    with warehouse.open_for_reading(path) as store:
        rows = store.read("staging.observations", any_of={"indicator": [*AREAS, *PAIR_MEASURES]})
    rows = rows[rows["obs_value"].notna() & (rows["sex"] == "_T") & (rows["age"] == "_T")]
    rows = rows.rename(columns={"ref_area": "area", "time_period": "period", "obs_value": "value"})
    by = {
        name: rows[(rows["indicator"] == name) & (rows["source_id"] == source)]
        for name, source in AREAS.items()
    }
    single = {
        name: by[name].astype({"period": int})[["area", "period", "value"]]
        for name in ("POP", "GDP_PC_PPP_KD")
    }
    stocks = by["MIG_STOCK"][by["MIG_STOCK"]["counterpart_area"].str.fullmatch("[A-Z]{3}")].astype(
        {"period": int}
    )
    stocks = stocks[(stocks["area"] != "WLD") & (stocks["area"] != stocks["counterpart_area"])]
    stocks = stocks.rename(columns={"area": "destination", "counterpart_area": "origin", "value": "stock"})
    pairs = rows[rows["indicator"].isin(PAIR_MEASURES)].pivot_table(
        index=["counterpart_area", "area"], columns="indicator", values="value"
    )
    pairs = pairs.rename(columns=PAIR_MEASURES).rename_axis(["origin", "destination"]).dropna().reset_index()
    return stocks[["origin", "destination", "period", "stock"]], pairs, single["POP"], single["GDP_PC_PPP_KD"]


def gravity(**choices: bool) -> Prediction:
    """Prediction of a gravity model fitted on the earlier dates."""

    def predict(past: pd.DataFrame, now: pd.DataFrame, target: str) -> Floats:
        return fit_gravity(past, target, **choices).predict(now)

    return predict


def last_stock(past: pd.DataFrame, now: pd.DataFrame, target: str) -> Floats:
    """No change: the stock before; of flows the flow before, in proportion to the years."""
    if target == "stock":
        return now["last_stock"].to_numpy(dtype=float)
    return now["last_flow"].to_numpy(dtype=float)


def grown_stock(side: str) -> Prediction:
    """The stock before times the growth of the population of one side over the interval before."""

    def predict(past: pd.DataFrame, now: pd.DataFrame, target: str) -> Floats:
        grown = now["last_stock"] * now[f"growth_{side}"]
        values = grown if target == "stock" else (grown - now["last_stock"]).clip(lower=0)
        return values.to_numpy(dtype=float)

    return predict


MODELS: dict[str, Prediction] = {
    "last stock (of flows: last flow)": last_stock,
    "last stock x population growth of the origin": grown_stock("origin"),
    "last stock x population growth of the destination": grown_stock("destination"),
    "gravity without them": gravity(lagged=False),
    "gravity without them, country effects": gravity(lagged=False, country_effects=True),
    "gravity with last stock and flow": gravity(),
    "gravity with last stock and flow, country effects": gravity(country_effects=True),
}


def predict_targets(panel: pd.DataFrame, target: str) -> pd.DataFrame:
    """Rows of the target dates with one column per model, each fitted on earlier dates alone."""
    known = panel.dropna(subset=["growth_origin", "growth_destination"])
    parts = []
    for date in TARGETS:
        past, now = panel[panel["period"] < date], known[known["period"] == date]
        parts.append(now.assign(**{name: predict(past, now, target) for name, predict in MODELS.items()}))
    return pd.concat(parts, ignore_index=True)


def score(made: pd.DataFrame, target: str, name: str) -> Scores:
    """Scores of one model over some predictions."""
    ids = (made["origin"] + "-" + made["destination"]).tolist()
    return score_corridors(made[target].tolist(), made[name].tolist(), ids)


def print_scores(made: pd.DataFrame, target: str, title: str) -> None:
    """One table: models in rows."""
    print(f"\n### {title}\n")
    print("| model | pooled R2 | within-corridor R2 | relative MAE | CPC |")
    print("|---|---:|---:|---:|---:|")
    for name in MODELS:
        found = score(made, target, name)
        within = "needs two dates" if np.isnan(found.within_r2) else f"{found.within_r2:.3f}"
        print(f"| {name} | {found.pooled_r2:.4f} | {within} | {found.relative_mae:.4f} | {found.cpc:.4f} |")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("warehouse", type=Path)
    panel = build_panel(*read_inputs(parser.parse_args().warehouse))
    print(
        f"{len(panel):,} corridor-dates, {panel.groupby(['origin', 'destination']).ngroups:,} corridors, "
        f"{panel['destination'].nunique()} destinations, {panel['origin'].nunique()} origins"
    )
    for target in ("stock", "flow"):
        made = predict_targets(panel, target)
        shown = f"{target}s, {len(made):,} corridor-dates"
        print_scores(made, target, f"{shown}, targets {', '.join(map(str, TARGETS))}")
        two = made[made["period"].isin(LAST_TWO)]
        print_scores(two, target, f"{target}s, {len(two):,} corridor-dates, the last two dates")
        for area, side in (("MUS", "destination"), ("ARM", "origin")):
            mine = made[made[side] == area]
            print_scores(mine, target, f"{target}s, {len(mine):,} corridor-dates, {area} as {side}")
    fitted = fit_gravity(panel[panel["period"] < TARGETS[-1]], "stock")
    print(
        "\ncoefficients with last stock and flow: "
        + ", ".join(f"{k} {v:.3f}" for k, v in fitted.coefficients().items())
    )


if __name__ == "__main__":
    main()
