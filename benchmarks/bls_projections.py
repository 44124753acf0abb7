"""The published projections of the United States Bureau of Labor Statistics against what came, simple models beside.

    python benchmarks/bls_projections.py FOLDER

FOLDER holds the publishers' files (us_bls_employment_projections, us_bls_ces_monthly). Two markdown tables are
printed.

Occupations: each edition gives a base year and a target ten years on; the base year of a later edition is what
became of an earlier one, so errors after two, four and six years can be known. BLS publishes no path between the
two years: its own straight line is read off it. An occupation has one figure per edition, four at most, so the
engine has no history to work on (it needs eight) and says so: beside BLS stand the naive model (no change), a
constant share of BLS's own projected total, and, where an earlier edition has the occupation, its last change
continued. Codes compare only where both editions have them; in 2018 they are those of the SOC 2010, and a code
that stayed may have changed its content.

Industries: BLS's projections by industry are not among the files, so nothing of BLS stands in that table. The
monthly payroll series (CES) give a history to 2018, the last full year: the engine, the naive model and the
straight line through the last ten years (the naive model of BLS's evaluations) are compared from several origins.

Growth: ratio to the base year minus one; error in percentage points. Hits and dissimilarity: lma.forecasting.accuracy.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from panels import average_months, load_source

from lma.forecasting import accuracy, forecast_panel

HEADER = (
    "sector", "codes", "model", "mean growth forecast, %", "mean growth actual, %", "error, pp", "skill", "sign right",
    "relative growth right", "D, %",
)  # fmt: skip
INDUSTRY_ORIGINS = (1993, 1998, 2003, 2008, 2013)
HORIZONS = (5, 10)
OWN_AGGREGATES = ("05", "06", "07", "08")  # total private, goods, services, private services


def score(
    forecast: pd.Series, base: pd.Series, actual: pd.Series, *, naive: bool = False
) -> dict[str, float]:
    """The measures of one model over many series, in the units of the table."""
    origin, ahead, came = (values.to_numpy(dtype=float) for values in (base, forecast, actual))
    g, o = accuracy.growth_since(ahead, origin), accuracy.growth_since(came, origin)
    claims = np.full(len(g), np.nan) if naive else g
    return {
        "mean growth forecast, %": 100 * float(np.mean(np.abs(g))),
        "mean growth actual, %": 100 * float(np.mean(np.abs(o))),
        "error, pp": 100 * float(np.mean(np.abs(g - o))),
        "skill": accuracy.skill(float(np.mean(np.abs(ahead - came))), float(np.mean(np.abs(origin - came)))),
        "sign right": mean(accuracy.sign_hits(claims, o)),
        "relative growth right": mean(accuracy.relative_hits(g, o)),
        "D, %": 100 * accuracy.dissimilarity(ahead, came),
    }


def mean(values: np.ndarray) -> float:
    """Mean of the known values; NaN where there is none."""
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else float("nan")


def print_table(rows: list[dict[str, object]], first: str) -> None:
    """Rows as a markdown table: per cent and points with one decimal, ratios with two, unknown ones empty."""
    names = [first, *HEADER[1:]]
    print(f"| {' | '.join(names)} |\n|{'---|' * len(names)}")
    for row in rows:
        print(f"| {' | '.join(show(row.get(name, ''), name) for name in names)} |")
    print()


def show(value: object, name: str) -> str:
    """One cell as text."""
    if not isinstance(value, float):
        return str(value)
    digits = 1 if name.endswith(("%", "pp")) else 2
    return "" if np.isnan(value) else f"{value:.{digits}f}"


# ---------------------------------------------------------------- occupations


def read_editions(folder: Path) -> dict[int, pd.DataFrame]:
    """Base year -> jobs by occupation in the columns base and target (ten years on)."""
    rows = load_source("us_bls_employment_projections", folder)
    jobs = rows[(rows["indicator"] == "EMP_JOBS") & rows["obs_value"].notna()]
    editions = {}
    for _, edition in jobs.groupby("as_of"):
        wide = edition.pivot(index="occupation", columns="time_period", values="obs_value").dropna()
        base, target = sorted(wide.columns)
        editions[int(base)] = wide.rename(columns={base: "base", target: "target"})
    return dict(sorted(editions.items()))


def forecast_occupations(editions: Mapping[int, pd.DataFrame], base: int, years: int) -> pd.DataFrame:
    """What each model says of every occupation so many years after a base year; NaN where it says nothing."""
    edition = editions[base]
    line = edition["base"] + (edition["target"] - edition["base"]) * years / 10
    share = edition["base"] / edition["base"].sum()
    models = {
        "BLS, straight line": line,
        "naive": edition["base"],
        "constant share of BLS's total": share * line.sum(),
    }
    earlier = [year for year in editions if year < base]
    if earlier:
        before = editions[earlier[-1]]["base"].reindex(edition.index)
        change = (edition["base"] - before) / (base - earlier[-1])
        models["last change continued"] = (edition["base"] + change * years).clip(lower=0)
    return pd.DataFrame(models)


def compare_occupations(editions: Mapping[int, pd.DataFrame]) -> list[dict[str, object]]:
    """One row per pair of editions and model, over the codes that both (and for the last change all) have."""
    rows: list[dict[str, object]] = []
    for base in editions:
        for later in (year for year in editions if year > base):
            forecasts = forecast_occupations(editions, base, later - base)
            actual = editions[later]["base"].reindex(forecasts.index)
            both = (actual.notna() & (editions[base]["base"] > 0)).to_numpy()
            for name, forecast in forecasts.items():
                known = both & forecast.notna().to_numpy()
                measures = score(
                    forecast[known], editions[base]["base"][known], actual[known], naive=name == "naive"
                )
                rows.append(
                    {
                        "base, outcome": f"{base}, {later}",
                        "codes": int(known.sum()),
                        "model": name,
                        **measures,
                    }
                )
    return rows


def try_engine_on_occupations(editions: Mapping[int, pd.DataFrame]) -> str:
    """What the engine says to the base-year figures of all editions."""
    known = pd.concat([edition["base"].rename(year) for year, edition in editions.items()], axis=1)
    long = (
        known.rename_axis("unique_id").reset_index().melt("unique_id", var_name="ds", value_name="y").dropna()
    )
    made = forecast_panel(long.astype({"ds": int}), 2, "A")
    reasons = made.groupby("reason")["unique_id"].nunique()
    return ", ".join(
        f"{n} of {made['unique_id'].nunique()} occupations: {reason or 'forecast'}"
        for reason, n in reasons.items()
    )


# ---------------------------------------------------------------- industries


def read_industries(folder: Path) -> pd.DataFrame:
    """Annual means of the payroll series: unique_id (industry), ds (year), y (jobs), full years only."""
    rows = load_source("us_bls_ces_monthly", folder).dropna(subset=["obs_value"])
    months = pd.DataFrame(
        {"unique_id": rows["economic_activity"], "ds": rows["time_period"], "y": rows["obs_value"]}
    )
    return average_months(months, "A").astype({"ds": int})[["unique_id", "ds", "y"]]


def find_leaves(codes: list[str]) -> list[str]:
    """Industries that are no aggregate of others in the list: no other code begins with theirs."""
    stems = {code: code.removeprefix("CES_").rstrip("0") for code in codes}
    detail = {c: s for c, s in stems.items() if c.removeprefix("CES_")[:2] not in OWN_AGGREGATES and s}
    return [c for c, s in detail.items() if not any(o != s and o.startswith(s) for o in detail.values())]


def ten_year_line(history: pd.DataFrame, horizon: int) -> pd.Series:
    """Least-squares line through the last ten years of every series, so many years on; not below zero."""
    recent = history[history["ds"] > history["ds"].max() - 10]
    wide = recent.pivot(index="ds", columns="unique_id", values="y").dropna(axis=1)
    slope, intercept = np.polyfit(wide.index, wide.to_numpy(), 1)
    ahead = slope * (history["ds"].max() + horizon) + intercept
    return pd.Series(np.maximum(ahead, 0), index=wide.columns)


def compare_industries(panel: pd.DataFrame) -> list[dict[str, object]]:
    """One row per origin, horizon and model, over the leaves with ten years of history and an outcome."""
    rows: list[dict[str, object]] = []
    leaves, last = find_leaves(sorted(panel["unique_id"].unique())), int(panel["ds"].max())
    wide = panel.pivot(index="ds", columns="unique_id", values="y")
    for origin in INDUSTRY_ORIGINS:
        history = panel[panel["ds"] <= origin]
        made = forecast_panel(history, max(HORIZONS), "A").set_index(["unique_id", "h"])
        for horizon in (h for h in HORIZONS if origin + h <= last):
            base, actual = wide.loc[origin, leaves], wide.loc[origin + horizon, leaves]
            engine = made.xs(horizon, level="h").reindex(leaves)
            models = {
                "engine": engine["mean"],
                "naive": base,
                "ten-year line": ten_year_line(history, horizon).reindex(leaves),
            }
            known = np.logical_and.reduce([m.notna() for m in (*models.values(), base, actual)])
            for name, forecast in models.items():
                measures = score(forecast[known], base[known], actual[known], naive=name == "naive")
                row = {
                    "origin, outcome": f"{origin}, {origin + horizon}",
                    "codes": int(known.sum()),
                    "model": name,
                    **measures,
                }
                rows.append(row)
            inside = {
                p: ((actual >= engine[f"lo{p}"]) & (actual <= engine[f"hi{p}"]))[known].mean()
                for p in (80, 95)
            }
            print(
                f"{origin} to {origin + horizon}: {inside[80]:.2f} of outcomes in the engine's 80 % interval, {inside[95]:.2f} in its 95 %"
            )
    return rows


def pool(rows: list[dict[str, object]], horizon: int) -> list[dict[str, object]]:
    """Means over the origins of one horizon, by model."""
    frame = pd.DataFrame(rows)
    years = frame["origin, outcome"].str.split(", ", expand=True).astype(int)
    frame = frame[years[1] - years[0] == horizon]
    means = frame.groupby("model", sort=False).mean(numeric_only=True).reset_index()
    return [
        {"origin, outcome": f"all, {horizon} years on", **row, "codes": round(row["codes"])}
        for row in means.to_dict("records")
    ]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    editions = read_editions(folder)
    print("## Occupations\n")
    print_table(compare_occupations(editions), "base, outcome")
    print(f"The engine on the base years: {try_engine_on_occupations(editions)}.\n\n## Industries\n")
    rows = compare_industries(read_industries(folder))
    print()
    print_table([*rows, *(row for h in HORIZONS for row in pool(rows, h))], "origin, outcome")


if __name__ == "__main__":
    main()
