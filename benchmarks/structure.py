"""What structure gains or costs: reconciliation, level adjustment at breaks, outliers, drivers.

    python benchmarks/structure.py WAREHOUSE [reconciliation] [breaks] [outliers] [drivers]

WAREHOUSE is a database of `lma run` (its copy for readers is opened). Every comparison forecasts the same
windows both ways with the engine of the pipeline. Nothing dated after an origin is seen: breaks, outliers and
drivers are cut at the origin before they are treated, covariances and elasticities come from outcomes already
known there. MASE: mean of |error| / mean absolute yearly step up to the origin, steps across declared breaks left
out. Outcomes after the next declared break are not scored.

No driver is in the pipeline. GDP and value added do not win anywhere; population wins for reported totals and loses
for modelled ones and for sectors, and the yearly population that is loaded ends in 2016, years before today's origins.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from lma import warehouse
from lma.contracts import rule_set
from lma.forecasting import level_breaks
from lma.forecasting.country import select_history
from lma.forecasting.intervals import LEVELS
from lma.forecasting.outliers import FAR, find_passing
from lma.forecasting.panel import PanelForecast, run_panel
from lma.forecasting.reconcile import find_sums, reconcile, shrink_covariance
from lma.forecasting.series import Floats

Treatment = Callable[[pd.DataFrame], pd.DataFrame]
ENDS = {
    name: LEVELS.index(level)
    for name, level in (("lo95", 0.025), ("lo80", 0.1), ("hi80", 0.9), ("hi95", 0.975))
}
KEY = ["panel", "origin", "unique_id", "h"]
ADMITTED = 0.99
"""A driver wins where the error with it is at most this part of the error without it."""


def read_world(path: Path) -> pd.DataFrame:
    wanted = {"indicator": ["EMP", "EMP_NA", "GDP_KN", "VA_KN", "POP"]}
    with warehouse.open_for_reading(path) as store:
        rows = store.read("marts.observations", any_of=wanted)
    return rows[
        (rows["freq"] == "A") & rows["obs_value"].notna() & rows["indicator"].isin(wanted["indicator"])
    ]


def employment(world: pd.DataFrame, sexes: tuple[str, ...] = ("_T",)) -> pd.DataFrame:
    rows = select_history(world[world["indicator"] == "EMP"], sexes)
    return rows.assign(is_break=rows["is_break"].astype(bool))


def as_panel(rows: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    ids = rows[keys].astype(str).agg("/".join, axis=1)
    panel = rows.assign(unique_id=ids, ds=rows["time_period"].astype(int), y=rows["obs_value"].astype(float))
    return panel.assign(is_break=panel["is_break"].astype(bool)).drop_duplicates(["unique_id", "ds"])


# ---------------------------------------------------------------- one treatment beside another


def compare(
    panel: pd.DataFrame,
    origin: int,
    horizon: int,
    treatments: dict[str, Treatment],
    pool: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """One row per treatment, series and horizon: forecast, intervals, naive, outcome, step, values since a break.

    ``pool``: further series, treated the same way, that the regression learns from.
    """
    past, future = (
        panel[panel["ds"] <= origin],
        panel[(panel["ds"] > origin) & (panel["ds"] <= origin + horizon)],
    )
    next_break = future[future["is_break"]].groupby("unique_id")["ds"].min()
    future = future[~(future["ds"] >= future["unique_id"].map(next_break).fillna(np.inf))]
    ordered = past.sort_values(["unique_id", "ds"])
    steps = ordered.groupby("unique_id")["y"].diff().abs().where(~ordered["is_break"])
    last_break = ordered[ordered["is_break"]].groupby("unique_id")["ds"].max()
    since = ordered[ordered["ds"] >= ordered["unique_id"].map(last_break)].groupby("unique_id").size()
    last = ordered[ordered["ds"] == origin].set_index("unique_id")["y"]
    world = past if pool is None else pd.concat([past, pool[pool["ds"] <= origin]])
    made = pd.concat(
        [
            _forecast(treat(world), set(past["unique_id"]), origin, horizon).assign(treatment=name)
            for name, treat in treatments.items()
        ]
    )
    made = made.merge(future[["unique_id", "ds", "y"]], on=["unique_id", "ds"])
    facts = {"naive": last, "step": steps.groupby(ordered["unique_id"]).mean(), "since": since}
    made = made.assign(
        origin=origin, **{name: made["unique_id"].map(values) for name, values in facts.items()}
    )
    return made[(made["step"] > 0) & made["naive"].notna()]


def _forecast(treated: pd.DataFrame, own: set[str], origin: int, horizon: int) -> pd.DataFrame:
    mine = treated["unique_id"].isin(own)
    result = run_panel(treated[mine], horizon, "A", treated[~mine])
    rows = []
    for place, series in enumerate(result.targets):
        if series.end == origin:
            mean = result.mean(place, result.champions[place])
            quantiles = result.quantiles(place, result.champions[place])
            rows += [
                (series.unique_id, origin + h + 1, h + 1, mean[h], *quantiles[h, list(ENDS.values())])
                for h in range(horizon)
            ]
    return pd.DataFrame(rows, columns=["unique_id", "ds", "h", "mean", *ENDS])


def table(made: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """Series, windows, MASE of naive and of each treatment, coverage and interval score, on the same windows."""
    treatments = made["treatment"].nunique()
    both = made[made.groupby(KEY)["treatment"].transform("nunique") == treatments]
    width = both["hi95"] - both["lo95"]
    outside = (both["lo95"] - both["y"]).clip(lower=0) + (both["y"] - both["hi95"]).clip(lower=0)
    scored = both.assign(
        naive=(both["naive"] - both["y"]).abs() / both["step"],
        mase=(both["mean"] - both["y"]).abs() / both["step"],
        cover80=both["y"].between(both["lo80"], both["hi80"]),
        cover95=both["y"].between(both["lo95"], both["hi95"]),
        score95=(width + 40 * outside) / both["step"],
    )
    groups = scored.groupby([*by, "treatment"], sort=False)
    means = groups[["naive", "mase", "cover80", "cover95", "score95"]].mean().round(4)
    return means.assign(windows=groups.size(), series=groups["unique_id"].nunique())


# ---------------------------------------------------------------- reconciliation


def structured_panels(world: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Panels of countries whose sectors (and sexes) sum: ref_area, sex, economic_activity, ds, y."""
    rows = employment(world, ("_T", "F", "M"))
    modelled = rows[rows["source_id"] == "ilo_emp_activity_modelled"]
    reported = rows[
        (rows["source_id"] == "ilo_emp_activity_reported") & (rows["activity_revision"] == "ISIC4")
    ]
    accounts = as_panel(world[world["indicator"] == "EMP_NA"], ["ref_area", "economic_activity"])
    panels = {
        "MUS and ARM, 14 sectors, modelled": modelled[modelled["sex"] == "_T"],
        "Eurostat accounts, 11 sectors": _add_totals(_sums_to_the_end(accounts)),
        "ETD, 12 sectors": _add_totals(rows[rows["source_id"] == "etd"]),
        "GGDC, 10 sectors": _add_totals(rows[rows["source_id"] == "ggdc_10sector"]),
        "ILO reported, 6 sectors by sex": _add_totals(_complete_by_sex(reported)),
    }
    return {
        name: panel[["ref_area", "sex", "economic_activity", "ds", "y"]] for name, panel in panels.items()
    }


def _sums_to_the_end(accounts: pd.DataFrame) -> pd.DataFrame:
    """Sectors of the accounts without the total and the sums of sectors (BTE is kept, C is a part of it)."""
    return accounts[~accounts["economic_activity"].isin(["_T", "C"])]


def _complete_by_sex(rows: pd.DataFrame) -> pd.DataFrame:
    """Countries with every sector by sex in ten years or more and no break."""
    rows = rows[~rows["economic_activity"].isin(["_T", "X", "MAN_MEL"])]
    years = rows.groupby(["ref_area", "sex", "economic_activity"])["ds"].nunique().unstack([1, 2])
    whole = years.index[(years >= 10).all(axis=1)]
    broken = rows.loc[rows["is_break"], "ref_area"]
    return rows[rows["ref_area"].isin(whole) & ~rows["ref_area"].isin(broken)]


def _add_totals(rows: pd.DataFrame) -> pd.DataFrame:
    """The sectors and, in years with all of them, their sum."""
    size = rows.groupby(["ref_area", "sex", "ds"])["y"].agg(["sum", "size"]).reset_index()
    size = size[size["size"] == size.groupby(["ref_area", "sex"])["size"].transform("max")]
    totals = size.rename(columns={"sum": "y"}).assign(economic_activity="_T")
    return pd.concat([rows, totals], ignore_index=True)


def backtest_structure(panel: pd.DataFrame, areas_at_once: int = 20) -> pd.DataFrame:
    """One row per series, origin and horizon: base and reconciled forecast, bottom-up, naive, outcome, step."""
    areas, rows = sorted(panel["ref_area"].unique()), []
    for first in range(0, len(areas), areas_at_once):
        mine = panel[panel["ref_area"].isin(areas[first : first + areas_at_once])]
        keys = ["ref_area", "sex", "economic_activity"]
        result = run_panel(mine.assign(unique_id=mine[keys].agg("/".join, axis=1)), 5, "A")
        for area in areas[first : first + areas_at_once]:
            rows += _reconcile_origins(result, area)
    columns = [
        "area",
        "sex",
        "activity",
        "origin",
        "h",
        "errors",
        "base",
        "reconciled",
        "bottom_up",
        "naive",
        "y",
        "step",
    ]
    return pd.DataFrame(rows, columns=columns)


def _reconcile_origins(result: PanelForecast, area: str) -> list[tuple[object, ...]]:
    backtest, found = result.backtest, [series.unique_id.split("/") for series in result.targets]
    places = [place for place, key in enumerate(found) if key[0] == area]
    keys = [(found[place][1], found[place][2]) for place in places]
    codes = (sorted({k[0] for k in keys} - {"_T"}), sorted({k[1] for k in keys} - {"_T"}))
    sums = find_sums(keys, codes)
    out: list[tuple[object, ...]] = []
    errors: list[tuple[int, Floats]] = []
    for origin in np.unique(backtest.period):
        at = [np.flatnonzero((backtest.series == place) & (backtest.period == origin)) for place in places]
        if not sums or not all(map(len, at)):
            continue
        rows = np.array([found[0] for found in at])
        base = np.array(
            [backtest.forecasts[result.champions[p]][r] for p, r in zip(places, rows, strict=True)]
        )
        if not np.isfinite(base).all():
            continue
        base, actual = np.maximum(base, 0), backtest.actual[rows]
        known = np.array([e for period, e in errors if period < origin and np.isfinite(e).all()]).reshape(
            -1, len(keys)
        )
        errors.append((origin, actual[:, 0] - base[:, 0]))
        moved = np.column_stack([reconcile(path, sums, shrink_covariance(known)) for path in base.T])
        for i, (sex, activity) in enumerate(keys):
            parts = [j for j, key in enumerate(keys) if key[0] == sex and key[1] != "_T"]
            added = base[parts].sum(axis=0) if activity == "_T" else base[i]
            facts = (backtest.last[rows[i]], backtest.step[rows[i]])
            out += [
                (
                    area,
                    sex,
                    activity,
                    origin,
                    h + 1,
                    len(known),
                    base[i, h],
                    moved[i, h],
                    added[h],
                    facts[0],
                    actual[i, h],
                    facts[1],
                )
                for h in range(5)
                if np.isfinite(actual[i, h]) and facts[1] > 0
            ]
    return out


def print_reconciliation(world: pd.DataFrame) -> None:
    for name, panel in structured_panels(world).items():
        made = backtest_structure(panel)
        ways = ["naive", "base", "reconciled", "bottom_up"]
        scaled = made[ways].sub(made["y"], axis=0).abs().div(made["step"], axis=0)
        level = np.where(made["activity"] == "_T", "total", "sector") + np.where(
            made["sex"] == "_T", "", " by sex"
        )
        groups = scaled.groupby(level, sort=False)
        shown = groups.mean().round(4).assign(windows=groups.size())
        print(f"\n{name}: {made['area'].nunique()} countries\n{shown.to_string()}", flush=True)


# ---------------------------------------------------------------- breaks


def _cut(history: pd.DataFrame) -> pd.DataFrame:
    return history


def _learn_across(history: pd.DataFrame) -> pd.DataFrame:
    return history.assign(is_break=False)


def _join_declared(history: pd.DataFrame) -> pd.DataFrame:
    return level_breaks.join_levels(history)


def _join_both(history: pd.DataFrame) -> pd.DataFrame:
    return level_breaks.adjust_levels(history, rule_set("breaks"))


BREAKS: dict[str, Treatment] = {
    "cut at the break": _cut, "break ignored": _learn_across,
    "joined": _join_declared, "joined, suspected too": _join_both,
}  # fmt: skip


def print_breaks(world: pd.DataFrame) -> None:
    rows = employment(world)
    reported = rows[rows["basis_kind"] == "reported"]
    totals = reported[reported["economic_activity"] == "_T"]
    sectors = reported[
        (reported["source_id"] == "ilo_emp_activity_reported") & (reported["economic_activity"] != "_T")
    ]
    sectors = sectors[sectors["activity_revision"] == "ISIC4"]
    made = [compare(totals, origin, 3, BREAKS).assign(panel="totals") for origin in range(2006, 2023)]
    made += [compare(sectors, origin, 2, BREAKS).assign(panel="sectors") for origin in (2017, 2018, 2019)]
    both = pd.concat(made, ignore_index=True)
    has_cut = both.groupby(KEY)["treatment"].transform(lambda names: (names == "cut at the break").any())
    state = np.where(
        both["since"].isna(), "no break", np.where(has_cut, "long since", "short since: no forecast if cut")
    )
    print("\nBreaks, all series with a forecast by every way")
    print(table(both.assign(state=state)[has_cut], ["panel", "state"]).to_string())
    short = both.assign(state=state)[~has_cut & both["since"].notna()]
    print("\nBreaks, series that have no forecast if cut, by values since the break")
    bands = pd.cut(short["since"], [0, 1, 2, 4, 7], labels=["1", "2", "3-4", "5-7"]).astype(str)
    print(table(short.assign(since=bands), ["panel", "since"]).to_string(), flush=True)
    print_suspected(rows)


def print_suspected(rows: pd.DataFrame) -> None:
    """Suspected breaks as in the pipeline: a third of the countries forecast, all series learnt from."""
    areas = [*sorted(rows["ref_area"].unique())[::3], "MUS", "ARM"]
    totals = rows[(rows["basis_kind"] == "reported") & (rows["economic_activity"] == "_T")]
    panels = {
        "totals reported": (totals[totals["ref_area"].isin(areas)], (2010, 2014, 2018, 2021)),
        "ETD": (rows[(rows["source_id"] == "etd") & rows["ref_area"].isin(areas)], (2010, 2013)),
        "MUS and ARM modelled": (
            rows[rows["source_id"] == "ilo_emp_activity_modelled"],
            (2010, 2014, 2018, 2021),
        ),
    }
    ways = {name: BREAKS[name] for name in ("joined", "joined, suspected too")}
    made = [
        compare(panel, origin, 3, ways, rows[~rows["unique_id"].isin(panel["unique_id"])]).assign(panel=name)
        for name, (panel, origins) in panels.items()
        for origin in origins
    ]
    print("\nSuspected breaks, learning from all countries")
    print(table(pd.concat(made, ignore_index=True), ["panel"]).to_string(), flush=True)


# ---------------------------------------------------------------- outliers


def bridge_passing(history: pd.DataFrame) -> pd.DataFrame:
    """Years that stand out and pass replaced by the straight line between their neighbours, in logarithms."""
    ordered = history.sort_values(["unique_id", "ds"])
    y, ids = ordered["y"].to_numpy(dtype=float).copy(), ordered["unique_id"].to_numpy()
    cuts = np.flatnonzero(np.r_[True, ids[1:] != ids[:-1], True])
    for first, stop in zip(cuts[:-1], cuts[1:], strict=True):
        for start, last in find_passing(y[first:stop]):
            a, b = first + start - 1, first + last + 1
            y[a + 1 : b] = np.exp(np.interp(np.arange(a + 1, b), [a, b], np.log(y[[a, b]])))
    return ordered.assign(y=y)


def take_back_half(history: pd.DataFrame) -> pd.DataFrame:
    """Half of the last step taken back in every series where it stands out, if it does in a fifth of them."""
    logs = np.log(history["y"].where(history["y"] > 0))
    ordered = history.assign(logs=logs).sort_values(["unique_id", "ds"])
    steps = ordered.groupby("unique_id")["logs"].diff()
    is_last = ordered["ds"] == ordered["ds"].max()
    ids = ordered["unique_id"]
    usual = steps.where(~is_last).groupby(ids).transform("median")
    spread = (
        (steps - usual).abs().where(~is_last).groupby(ids).transform("median").mul(1.4826).clip(lower=0.01)
    )
    far = is_last & ((steps - usual).abs() > FAR * spread)
    if far.sum() < 0.2 * is_last.sum():
        return history
    return ordered.assign(y=ordered["y"] * np.exp(-0.5 * (steps - usual).where(far, 0.0))).drop(
        columns="logs"
    )


OUTLIERS: dict[str, Treatment] = {
    "as published": _cut,
    "bridged": bridge_passing,
    "half taken back": take_back_half,
}


def print_outliers(world: pd.DataFrame) -> None:
    rows = employment(world)
    accounts = as_panel(world[world["indicator"] == "EMP_NA"], ["ref_area", "economic_activity"])
    totals = rows[(rows["basis_kind"] == "reported") & (rows["economic_activity"] == "_T")]
    crisis, both = (2008, 2009, 2010), (2008, 2009, 2010, 2020, 2021, 2022)
    panels = {
        "totals reported": (_learn_joined(totals), both),
        "MUS and ARM modelled": (rows[rows["source_id"] == "ilo_emp_activity_modelled"], both),
        "Eurostat accounts": (accounts, crisis),
        "ETD": (rows[rows["source_id"] == "etd"], crisis),
    }
    made = [
        compare(panel, origin, 3, OUTLIERS).assign(panel=name)
        for name, (panel, origins) in panels.items()
        for origin in origins
    ]
    print("\nOutliers")
    print(table(pd.concat(made, ignore_index=True), ["panel", "origin"]).to_string())
    print(table(pd.concat(made, ignore_index=True), []).to_string(), flush=True)


def _learn_joined(history: pd.DataFrame) -> pd.DataFrame:
    """Declared breaks joined beforehand, so that they are no outliers."""
    return level_breaks.join_levels(history).assign(is_break=False)


# ---------------------------------------------------------------- drivers


def champion_backtest(panel: pd.DataFrame, series_at_once: int = 290) -> pd.DataFrame:
    """One row per series, origin and horizon: the champion's forecast, outcome, last value and step."""
    ids, rows = sorted(panel["unique_id"].unique()), []
    for first in range(0, len(ids), series_at_once):
        result = run_panel(panel[panel["unique_id"].isin(ids[first : first + series_at_once])], 5, "A")
        b = result.backtest
        for row in np.flatnonzero(b.series < len(result.targets)):
            place = b.series[row]
            made = b.forecasts[result.champions[place]][row]
            key = (result.targets[place].unique_id, b.period[row])
            rows += [(*key, h + 1, made[h], b.actual[row, h], b.last[row], b.step[row]) for h in range(5)]
    made = pd.DataFrame(rows, columns=["unique_id", "origin", "h", "forecast", "y", "last", "step"])
    return made[(made["forecast"] > 0) & (made["last"] > 0)]


def add_driver(target: pd.DataFrame, driver: pd.DataFrame, key: pd.Series) -> pd.DataFrame:
    """The target's forecasts moved by an elasticity times (growth forecast of the driver - of the target).

    The elasticity, 0 to 1 by horizon, pooled over all countries, is the one with the least scaled error at
    origins whose outcomes are known at the origin. ``oracle``: the same with the driver's later truth.
    """
    d = driver.rename(columns={"unique_id": "driver", "forecast": "d_forecast", "y": "d_y", "last": "d_last"})
    m = target.assign(driver=target["unique_id"].map(key)).merge(
        d.drop(columns="step"), on=["driver", "origin", "h"]
    )
    m = m[(m[["d_forecast", "d_last"]] > 0).all(axis=1) & ~(m["d_y"] <= 0)].reset_index(drop=True)
    growth = m[["forecast", "d_forecast", "d_y"]].to_numpy() / m[["last", "d_last", "d_last"]].to_numpy()
    own, forecast, truth = np.log(growth).T
    grid, out = np.linspace(0, 1, 21), m.assign(with_driver=np.nan, with_truth=np.nan, elasticity=np.nan)
    for column, gap in (("with_driver", forecast - own), ("with_truth", truth - own)):
        size = np.clip(np.nan_to_num(gap), -1, 1)[:, None]
        ways = m["forecast"].to_numpy()[:, None] * np.exp(size * grid)
        errors = np.abs(ways - m["y"].to_numpy()[:, None]) / m["step"].to_numpy()[:, None]
        known = (m["y"].notna() & (m["step"] > 0)).to_numpy()
        for origin, h in m[["origin", "h"]].drop_duplicates().itertuples(index=False):
            past = known & ((m["origin"] + h <= origin) & (m["h"] == h)).to_numpy()
            now = ((m["origin"] == origin) & (m["h"] == h)).to_numpy()
            if past.sum() >= 100:
                best = int(np.argmin(errors[past].mean(axis=0)))
                out.loc[now, column] = ways[now, best]
                if column == "with_driver":
                    out.loc[now, "elasticity"] = grid[best]
    return out[out["with_driver"].notna() & out["y"].notna() & (out["step"] > 0)]


def print_driver(name: str, made: pd.DataFrame) -> None:
    ways = ["last", "forecast", "with_driver", "with_truth"]
    scaled = made[ways].sub(made["y"], axis=0).abs().div(made["step"], axis=0)
    shown = scaled.groupby(made["h"]).mean()
    shown.loc["all"] = scaled.mean()
    shown["elasticity"] = made.groupby("h")["elasticity"].mean()
    ratio = scaled["with_driver"].mean() / scaled["forecast"].mean()
    area = made["unique_id"].str.split("/").str[1]
    by_area = scaled.groupby(area).mean()
    better = int((by_area["with_driver"] < by_area["forecast"]).sum())
    verdict = "wins" if ratio <= ADMITTED else "does not win"
    half = made["origin"] > made["origin"].median()
    recent = scaled.loc[half, "with_driver"].mean() / scaled.loc[half, "forecast"].mean()
    print(
        f"\n{name}: {made['unique_id'].nunique()} series, {len(made)} windows\n{shown.round(4).to_string()}"
    )
    print(
        f"ratio {ratio:.4f} ({recent:.4f} at origins after {made['origin'].median():.0f}), better in {better} of "
        f"{len(by_area)} countries: {verdict}; newest origin {made['origin'].max()}",
        flush=True,
    )


def print_drivers(world: pd.DataFrame) -> None:
    rows = employment(world)
    etd = rows[rows["source_id"] == "etd"]
    totals = _learn_joined(rows[(rows["basis_kind"] == "reported") & (rows["economic_activity"] == "_T")])
    modelled = rows[rows["source_id"] == "ilo_emp_activity_modelled"]
    world_model = rows[
        (rows["source_id"] == "ilo_emp_agr_total_modelled") & (rows["economic_activity"] == "_T")
    ]
    value_added = as_panel(world[world["indicator"] == "VA_KN"], ["ref_area", "economic_activity"])
    gdp = as_panel(world[world["indicator"] == "GDP_KN"], ["ref_area"])
    people = world[(world["indicator"] == "POP") & (world["sex"] == "_T") & (world["age"] == "_T")]
    people = as_panel(
        people[(people["source_id"] == "wdi_labour") & (people["counterpart_area"] == "_Z")], ["ref_area"]
    )
    targets = {
        "ETD sectors": (champion_backtest(etd), 2018),
        "totals reported": (champion_backtest(totals[totals["ds"] <= 2023]), 2023),
        "totals modelled": (champion_backtest(world_model), 2023),
        "MUS and ARM modelled": (champion_backtest(modelled[modelled["ds"] <= 2023]), 2023),
    }
    for name, (made, end) in targets.items():
        ids = pd.Series(made["unique_id"].unique(), index=made["unique_id"].unique())
        area = ids.str.split("/").str[1]
        for driver, panel in (("GDP", gdp), ("population", people)):
            recent = panel[(panel["ds"] <= end) & (panel["ds"] >= 1980)]
            print_driver(f"{name}, driver {driver}", add_driver(made, champion_backtest(recent), area))
        if name == "ETD sectors":
            sector = area + "/" + ids.str.split("/").str[3]
            driven = add_driver(made, champion_backtest(value_added), sector)
            print_driver(f"{name}, driver value added of the sector", driven)


PARTS = {
    "reconciliation": print_reconciliation, "breaks": print_breaks,
    "outliers": print_outliers, "drivers": print_drivers,
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("warehouse", type=Path)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], default=[])
    asked = parser.parse_args()
    world = read_world(asked.warehouse)
    for name in asked.parts or PARTS:
        print(f"\n== {name}")
        PARTS[name](world)


if __name__ == "__main__":
    main()
