"""Held-out accuracy, coverage and speed of the panel forecasts against naive and AutoETS of the same run.

    python benchmarks/forecast_panel.py FOLDER [--horizon 5] [--origins 3] [--every 4]

FOLDER is searched, with its sub-folders, for files of three layouts: the Economic Transformation Database
workbook (etd*.xlsx), the GGDC 10-sector table (GGDC10S.parquet), and plain panels (*.csv with unique_id,
ds, y). At each held-out origin the panel is cut, forecast with `forecast_panel`'s own steps, and compared
with what followed.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import pandas as pd

from lma.forecasting.models import MODELS
from lma.forecasting.panel import PanelForecast, run_panel
from lma.forecasting.series import mean_step


def read_etd(path: Path) -> pd.DataFrame:
    wide = pd.read_excel(path, sheet_name="Data")
    wide = wide[wide["var"] == "EMP"].drop(columns=["country", "var", "War flag"])
    return tidy(wide.melt(["cnt", "year"], var_name="sector", value_name="y"), "cnt", "year")


def read_ggdc(path: Path) -> pd.DataFrame:
    wide = pd.read_parquet(path)
    wide = wide[wide["Variable"] == "EMP"].drop(columns=["Region", "Regioncode", "Variable"])
    return tidy(wide.melt(["Country", "Year"], var_name="sector", value_name="y"), "Country", "Year")


def tidy(long: pd.DataFrame, area: str, year: str) -> pd.DataFrame:
    long = long.dropna(subset=["y"]).drop_duplicates([area, "sector", year])
    return pd.DataFrame(
        {
            "unique_id": long[area] + "/" + long["sector"],
            "ds": long[year].astype(int),
            "y": long["y"].astype(float),
        }
    )


def read_folder(folder: Path) -> dict[str, pd.DataFrame]:
    panels = {f"ETD {path.name}": read_etd(path) for path in sorted(folder.rglob("etd*.xlsx"))}
    panels |= {f"GGDC {path.name}": read_ggdc(path) for path in sorted(folder.rglob("GGDC10S.parquet"))}
    for path in sorted(folder.rglob("*.csv")):
        if {"unique_id", "ds", "y"} <= set(pd.read_csv(path, nrows=0).columns):
            panels[path.name] = pd.read_csv(path)
    return panels


def score_origin(panel: pd.DataFrame, origin: int, horizon: int) -> tuple[pd.DataFrame, float, int]:
    """One row per series, model and horizon: absolute scaled error, sMAPE, inside the intervals; seconds;
    series.
    """
    started = time.perf_counter()
    result = run_panel(panel[panel["ds"] <= origin], horizon, "A")
    seconds = time.perf_counter() - started
    later = panel[panel["ds"] > origin]
    known = {
        (str(uid), ds): y for uid, ds, y in zip(later["unique_id"], later["ds"], later["y"], strict=True)
    }
    places = [place for place, series in enumerate(result.targets) if series.end == origin]
    rows = [row for place in places for row in score_series(result, place, known, horizon)]
    return pd.DataFrame(rows).assign(origin=origin), seconds, len(result.targets)


def score_series(
    result: PanelForecast, place: int, known: dict[tuple[str, int], float], horizon: int
) -> list[dict[str, object]]:
    series = result.targets[place]
    outcome = np.array([known.get((series.unique_id, series.end + h), np.nan) for h in range(1, horizon + 1)])
    step = mean_step(series.values)
    champion = result.champions[place]
    answers = {name: name for name in MODELS if np.isfinite(result.mean(place, name)).all()} | {
        "CHAMPION": champion
    }
    rows = []
    for label, model_id in answers.items():
        mean, quantiles = result.mean(place, model_id), result.quantiles(place, model_id)
        for h in np.flatnonzero(np.isfinite(outcome)):
            y, f, q = outcome[h], mean[h], quantiles[h]
            smape = 200 * abs(y - f) / (abs(y) + abs(f)) if abs(y) + abs(f) else 0.0
            scores = {"mase": abs(y - f) / step if step else np.nan, "smape": smape}
            inside = {"cover80": q[1] <= y <= q[3], "cover95": q[0] <= y <= q[4]}
            key = {"unique_id": series.unique_id, "model": label, "h": h + 1, "chosen": champion}
            rows.append({**key, **scores, **inside})
    return rows


def scorecard(scores: pd.DataFrame) -> pd.DataFrame:
    """Mean over all cells by model: MASE, sMAPE, OWA relative to naive, coverage."""
    every = scores.groupby(["origin", "unique_id"])["model"].transform("nunique")
    comparable = scores[every == every.max()]
    table = comparable.groupby("model")[["mase", "smape", "cover80", "cover95"]].mean()
    table.insert(
        2,
        "owa",
        (table["mase"] / table.loc["naive", "mase"] + table["smape"] / table.loc["naive", "smape"]) / 2,
    )
    return table.sort_values("owa").round(3)


def report(name: str, panel: pd.DataFrame, args: argparse.Namespace) -> None:
    last = int(panel["ds"].max()) - args.horizon
    origins = [last - k * args.every for k in range(args.origins)]
    parts = [score_origin(panel, origin, args.horizon) for origin in origins]
    scores = pd.concat([part[0] for part in parts], ignore_index=True)
    n_series = scores["unique_id"].nunique()
    print(f"\n## {name}: {n_series} series, held-out origins {sorted(origins)}, horizons 1-{args.horizon}")
    seconds = [round(part[1], 1) for part in parts]
    print(f"seconds per run {seconds} for {[part[2] for part in parts]} series\n")
    print(scorecard(scores).to_string())
    champion = scores[scores["model"] == "CHAMPION"]
    print(
        "\nchampion coverage by horizon\n"
        + champion.groupby("h")[["cover80", "cover95"]].mean().round(3).T.to_string()
    )
    print(
        "\nchampion coverage by origin\n"
        + champion.groupby("origin")[["cover80", "cover95"]].mean().round(3).T.to_string()
    )
    chosen = champion.drop_duplicates(["origin", "unique_id"])["chosen"].value_counts()
    print("\nchampions chosen: " + ", ".join(f"{model} {n}" for model, n in chosen.items()))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--horizon", type=int, default=5)
    parser.add_argument("--origins", type=int, default=3)
    parser.add_argument("--every", type=int, default=4)
    args = parser.parse_args()
    panels = read_folder(args.folder)
    if not panels:
        raise SystemExit(
            f"{args.folder} holds no etd*.xlsx, GGDC10S.parquet or csv panel: give a folder that does."
        )
    for name, panel in panels.items():
        report(name, panel, args)


if __name__ == "__main__":
    main()
