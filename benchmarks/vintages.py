"""Forecasts made from an old vintage against what a later vintage says came: the World Bank's labour figures of 2018.

    python benchmarks/vintages.py FOLDER

FOLDER holds the publishers' files (wdi_vintages). The series that both vintages have are forecast from 2017 in three
ways: by the engine and by no change from the vintage of August 2018, which is all that was known then, and by the
engine from the vintage of December 2025 cut after 2017, which is what a hindcast without old vintages does. The
outcomes, 2018 to 2023, are those of the later vintage. Three errors, each in per cent or points of the level:
raw (the old vintage's forecast against the later level), rebased (growth since 2017, each within its vintage), and
revision (how far the level of 2017, and the growth from 2012 to 2017, moved between the vintages).
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from panels import load_source, name_series

from lma.forecasting import accuracy, forecast_panel

ORIGIN, HORIZON, BEFORE = 2017, 6, 5
INDICATORS = ("LF", "EMP_SHARE", "LFPR")
COLUMNS = (
    "indicator", "made from", "series", "forecasts", "raw error, %", "rebased error, pp", "skill", "in 80 %", "in 95 %", "sign right",
)  # fmt: skip


def read_vintages(folder: Path) -> dict[str, pd.DataFrame]:
    """Vintage -> the series of the chosen indicators that both vintages have: unique_id, ds, y, indicator."""
    rows = load_source("wdi_labour", folder).dropna(subset=["obs_value"])
    rows = rows[rows["indicator"].isin(INDICATORS) & (rows["freq"] == "A")]
    rows = rows.assign(unique_id=name_series(rows), ds=rows["time_period"].astype(int), y=rows["obs_value"])
    by_date = {str(as_of): part for as_of, part in rows.groupby("as_of")}
    common = set.intersection(*(set(part["unique_id"]) for part in by_date.values()))
    columns = ["unique_id", "ds", "y", "indicator"]
    return {day: part[part["unique_id"].isin(common)][columns] for day, part in sorted(by_date.items())}


def judge(made: pd.DataFrame, seen: pd.DataFrame, came: pd.DataFrame) -> pd.DataFrame:
    """One row per forecast with an outcome: errors, hits and whether it was inside the intervals.

    ``made``: unique_id, ds, mean and ends of intervals; ``seen``, ``came``: the vintage it was made from, and
    that of the outcomes.
    """
    origins = [part[part["ds"] == ORIGIN].set_index("unique_id")["y"] for part in (seen, came)]
    rows = made.merge(came.rename(columns={"y": "actual"}), on=["unique_id", "ds"])
    before, then = (rows["unique_id"].map(origin).to_numpy(dtype=float) for origin in origins)
    actual, mean = rows["actual"].to_numpy(dtype=float), rows["mean"].to_numpy(dtype=float)
    said, grew = accuracy.growth_since(mean, before), accuracy.growth_since(actual, then)
    ends = {
        name: accuracy.rebase(rows[name].to_numpy(dtype=float), before, then)
        for name in ("lo80", "hi80", "lo95", "hi95")
    }
    inside = {p: (actual >= ends[f"lo{p}"]) & (actual <= ends[f"hi{p}"]) for p in (80, 95)}
    return pd.DataFrame(
        {
            "unique_id": rows["unique_id"], "indicator": rows["indicator"], "raw error, %": np.abs(mean / actual - 1) * 100,
            "rebased error, pp": np.abs(said - grew) * 100, "naive": np.abs(grew) * 100,
            "in 80 %": inside[80], "in 95 %": inside[95], "sign right": accuracy.sign_hits(said, grew),
        }
    ).dropna(subset=["rebased error, pp"])  # fmt: skip


def summarise(rows: pd.DataFrame, name: str) -> list[dict[str, object]]:
    """One row of the table per indicator."""
    out: list[dict[str, object]] = []
    for indicator, part in rows.groupby("indicator", sort=False):
        means = part.drop(columns=["unique_id", "indicator"]).astype(float).mean()
        skill = accuracy.skill(means["rebased error, pp"], means["naive"])
        counts = {"series": part["unique_id"].nunique(), "forecasts": len(part)}
        row = {"indicator": indicator, "made from": name, **counts, **means, "skill": skill}
        if name == "no change":
            row |= dict.fromkeys(("in 80 %", "in 95 %", "sign right"), float("nan"))
        out.append(row)
    return out


def say_revisions(old: pd.DataFrame, new: pd.DataFrame) -> None:
    """How far levels and growth up to the origin moved between the vintages."""
    wide = [
        part.pivot(index="unique_id", columns="ds", values="y")[[ORIGIN - BEFORE, ORIGIN]].dropna()
        for part in (old, new)
    ]
    wide = [part.loc[wide[0].index.intersection(wide[1].index)] for part in wide]
    kind = old.drop_duplicates("unique_id").set_index("unique_id")["indicator"].reindex(wide[0].index)
    level = (wide[1][ORIGIN] / wide[0][ORIGIN] - 1).abs() * 100
    growth = [part[ORIGIN] / part[ORIGIN - BEFORE] - 1 for part in wide]
    moved = (growth[1] - growth[0]).abs() * 100
    for indicator in INDICATORS:
        chosen = kind == indicator
        print(
            f"{indicator}: {int(chosen.sum())} series; level of {ORIGIN} revised by {level[chosen].median():.1f} % (median), "
            f"{level[chosen].mean():.1f} % (mean); growth {ORIGIN - BEFORE}-{ORIGIN} by {moved[chosen].mean():.1f} points (mean), "
            f"of {growth[1][chosen].abs().mean() * 100:.1f} per cent of growth"
        )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    old, new = list(read_vintages(parser.parse_args().folder).values())
    say_revisions(old, new)
    rows: list[dict[str, object]] = []
    for name, seen in (("the vintage of 2018", old), ("the vintage of 2025, cut", new)):
        history = seen[seen["ds"] <= ORIGIN]
        ends = history.groupby("unique_id")["ds"].transform("max") == ORIGIN
        made = forecast_panel(history[ends][["unique_id", "ds", "y"]], HORIZON, "A")
        made = made[made["reason"] == ""]
        rows += summarise(judge(made, seen, new), name)
        if seen is old:
            last = history[history["ds"] == ORIGIN].set_index("unique_id")["y"]
            still = made["unique_id"].map(last)
            ends_of_naive = dict.fromkeys(("mean", "lo80", "hi80", "lo95", "hi95"), still)
            rows += summarise(judge(made.assign(**ends_of_naive), seen, new), "no change")
    print(f"\n| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}")
    for row in sorted(rows, key=lambda row: INDICATORS.index(str(row["indicator"]))):
        cells = [row[name] for name in COLUMNS]
        shown = [("" if np.isnan(c) else f"{c:.2f}") if isinstance(c, float) else str(c) for c in cells]
        print(f"| {' | '.join(shown)} |")


if __name__ == "__main__":
    main()
