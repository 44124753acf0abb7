"""Panels of the publishers' files, for the forecast benchmarks: every series in its latest vintage.

    python benchmarks/panels.py FOLDER --cache DIR [--panels labour weo ...]

Each source of FOLDER goes through lma's own landing, parsing, conforming and contract checks into a temporary
warehouse. Its observations and the panels made of them are kept as parquet files in DIR (outside the checkout),
named by the definition of the source, so that a changed mapping is loaded again.
"""

from __future__ import annotations

import argparse
import hashlib
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from lma import contracts
from lma.forecasting.periods import FREQUENCIES

KEY = [
    "ref_area", "counterpart_area", "indicator", "sex", "age", "activity_revision", "economic_activity",
    "occupation_revision", "occupation", "citizenship", "unit_measure",
]  # fmt: skip
TOTALS = {"_T", "_Z"}
COLUMNS = ["unique_id", "ds", "y", "source"]
MONTHS = {"A": 12, "Q": 3}


@dataclass(frozen=True)
class Part:
    """The series of one source that belong to a panel; ``monthly``: its months are averaged over full periods."""

    source_id: str
    keep: Callable[[pd.DataFrame], pd.Series] = lambda rows: pd.Series(True, rows.index)
    monthly: bool = False


@dataclass(frozen=True)
class Panel:
    """What a panel is made of and where it is cut.

    ``role``: labour (thresholds of its own), held_out (labour tables that nothing was tuned to) or general.
    ``sample``: so many series, evenly spaced over the sorted unique_id; 0: all.
    """

    freq: str
    role: str
    parts: tuple[Part, ...]
    origins: tuple[str, ...]
    sample: int = 0


def of_indicators(*indicators: str, unit: str = "") -> Callable[[pd.DataFrame], pd.Series]:
    """Whether a row is of one of the indicators (and of the unit)."""
    return lambda rows: rows["indicator"].isin(indicators) & (not unit or rows["unit_measure"] == unit)


def without_indicators(*indicators: str) -> Callable[[pd.DataFrame], pd.Series]:
    """Whether a row is of none of the indicators."""
    return lambda rows: ~rows["indicator"].isin(indicators)


def is_history(rows: pd.DataFrame) -> pd.Series:
    """Whether a row is no projection of the publisher."""
    return rows["basis"] != "projection"


CES, CES_MONTHS = Part("us_bls_ces_monthly", monthly=True), Part("us_bls_ces_monthly")
JOLTS = Part("us_jolts", monthly=True), Part("us_jolts_states", monthly=True)
JOLTS_MONTHS = Part("us_jolts"), Part("us_jolts_states")
SHARES = of_indicators("EMP_SHARE", "VA_SHARE")
NO_SHARES = without_indicators("EMP_SHARE", "VA_SHARE")

PANELS = {
    "labour": Panel(
        "A",
        "labour",
        (
            CES,
            Part("eurostat_employment_a10", of_indicators("EMP_NA", unit="PS")),
            Part("etd", of_indicators("EMP")),
            Part("ggdc_10sector", of_indicators("EMP")),
        ),
        ("1985", "1990", "1994", "1998", "2001", "2004", "2007", "2010", "2013"),
    ),
    "ilo_sector": Panel(
        "A", "held_out", (Part("ilo_emp_activity_reported"),), ("2017", "2018", "2019", "2020"), 600
    ),
    "ilo_labour_force": Panel(
        "A", "held_out", (Part("ilo_labour_force_modelled"),), ("2000", "2004", "2008", "2012", "2015"), 400
    ),
    "wdi_shares": Panel(
        "A",
        "held_out",
        (Part("wdi", SHARES), Part("wdi_labour", SHARES)),
        ("2000", "2005", "2010", "2013", "2016"),
        400,
    ),
    "jolts": Panel("A", "held_out", JOLTS, ("2009", "2011", "2013", "2015", "2016"), 300),
    "wdi_other": Panel(
        "A",
        "general",
        (Part("wdi", NO_SHARES), Part("wdi_labour", NO_SHARES)),
        ("2000", "2005", "2010", "2013", "2016"),
        500,
    ),
    "oecd_hours": Panel(
        "A", "general", (Part("oecd_hours_activity"),), ("1995", "2000", "2004", "2008", "2012"), 400
    ),
    "weo": Panel(
        "A", "general", (Part("imf_weo", is_history), Part("imf_weo_derived", is_history)), ("1995", "2000", "2005", "2010", "2014"), 400
    ),
    "exiobase": Panel("A", "general", (Part("exiobase_workforce"),), ("2002", "2007", "2012", "2016"), 300),
    "ces_quarterly": Panel(
        "Q", "held_out", (CES,), ("1994-Q4", "2001-Q2", "2008-Q1", "2014-Q3", "2016-Q4"), 60
    ),
    "jolts_quarterly": Panel("Q", "held_out", JOLTS, ("2009-Q4", "2013-Q2", "2016-Q3", "2019-Q1"), 60),
    "arm_quarterly": Panel(
        "Q",
        "held_out",
        (Part("arm_gdp_quarter"), Part("arm_gdp_volume")),
        ("2018-Q4", "2020-Q4", "2022-Q2", "2023-Q4"),
    ),
    "ces_monthly": Panel("M", "held_out", (CES_MONTHS,), ("1999-06", "2007-03", "2014-10", "2018-01"), 30),
    "jolts_monthly": Panel("M", "held_out", JOLTS_MONTHS, ("2012-06", "2016-09", "2019-03"), 30),
    "arm_transfers": Panel("M", "held_out", (Part("arm_transfers_monthly"),), ("2018-06", "2020-12", "2022-06"), 30),
    "aus_vacancies": Panel(
        "M", "held_out", (Part("aus_internet_vacancy_index"),), ("2012-06", "2016-03", "2019-06"), 30
    ),
}  # fmt: skip
HARD_SOURCES = ("us_bls_ces_monthly", "eurostat_employment_a10")


# ---------------------------------------------------------------- observations of one source


def load_source(source_id: str, folder: Path) -> pd.DataFrame:
    """All observations of one source's files in the folder, by way of a temporary warehouse."""
    from flows import refresh
    from flows.request import RunRequest

    with tempfile.TemporaryDirectory() as name:
        request = RunRequest((), Path(name) / "out", Path(name) / "lma.duckdb", "2026-11", offline=True)
        with refresh.open_run(request) as run:
            found, _ = refresh.land_folder(run, folder, {source_id: contracts.source(source_id)})
            if not found:
                raise SystemExit(
                    f"{folder} holds no file of {source_id}: give the folder of publishers' files."
                )
            refresh.load_landed_files(run)
            return run.warehouse.read("staging.observations", any_of={"source_id": [source_id]})


def read_source(source_id: str, folder: Path, cache: Path) -> pd.DataFrame:
    """Observations with a value of one source, each series in its latest vintage: the key, as_of, ds, y, basis."""
    path = cache / f"{source_id}.{contracts.fingerprint_source(source_id)[:12]}.parquet"
    if not path.exists():
        start = time.perf_counter()
        rows = load_source(source_id, folder).dropna(subset=["obs_value"])
        rows = rows.rename(columns={"time_period": "ds", "obs_value": "y"})[
            [*KEY, "as_of", "ds", "y", "basis"]
        ]
        rows.insert(0, "unique_id", name_series(rows))
        rows[rows["as_of"] == rows.groupby("unique_id")["as_of"].transform("max")].to_parquet(path)
        print(f"loaded {source_id}: {len(rows):,} figures, {time.perf_counter() - start:.0f} s", flush=True)
    return pd.read_parquet(path)


def name_series(rows: pd.DataFrame) -> pd.Series:
    """The parts of the key that say something, such as USA/EMPLOYEES/CES/CES_10000000/PS."""
    keys = rows[KEY].drop_duplicates()
    names = keys.apply(lambda key: "/".join(code for code in key if code not in TOTALS), axis=1)
    named = keys.assign(unique_id=names)
    return rows[KEY].merge(named, on=KEY, how="left")["unique_id"].set_axis(rows.index)


# ---------------------------------------------------------------- panels


def average_months(rows: pd.DataFrame, freq: str) -> pd.DataFrame:
    """Means over full years or quarters of monthly figures; a period that lacks a month is left out."""
    year, month = rows["ds"].str[:4], rows["ds"].str[5:7].astype(int)
    period = year if freq == "A" else year + "-Q" + ((month + 2) // 3).astype(str)
    means = rows.groupby(["unique_id", period])["y"].agg(["mean", "count"]).reset_index()
    return means[means["count"] == MONTHS[freq]].rename(columns={"mean": "y"})


def build_part(part: Part, freq: str, folder: Path, cache: Path) -> pd.DataFrame:
    """Rows of one source: unique_id, ds, y, source; series shorter than the shortest that is forecast are left out."""
    rows = read_source(part.source_id, folder, cache)
    rows = rows[part.keep(rows)]
    rows = average_months(rows, freq) if part.monthly else rows
    rows = rows.assign(source=part.source_id)[COLUMNS]
    return rows[rows.groupby("unique_id")["y"].transform("count") >= FREQUENCIES[freq].min_points]


def take_sample(rows: pd.DataFrame, size: int) -> pd.DataFrame:
    """So many series, evenly spaced over the sorted names; all of them where size is 0."""
    names = np.sort(rows["unique_id"].unique())
    if not size or size >= len(names):
        return rows
    return rows[rows["unique_id"].isin(names[np.linspace(0, len(names) - 1, size).round().astype(int)])]


def build_panel(name: str, folder: Path, cache: Path) -> pd.DataFrame:
    """One panel of ``PANELS``: unique_id, ds (text), y, source, sorted."""
    panel = PANELS[name]
    definitions = "".join(contracts.fingerprint_source(part.source_id) for part in panel.parts)
    path = (
        cache
        / f"panel_{name}.{hashlib.sha256(f'{definitions}{panel.sample}'.encode()).hexdigest()[:12]}.parquet"
    )
    if not path.exists():
        cache.mkdir(parents=True, exist_ok=True)
        rows = pd.concat([build_part(part, panel.freq, folder, cache) for part in panel.parts])
        rows = take_sample(rows, panel.sample)
        rows.sort_values(["unique_id", "ds"], ignore_index=True).to_parquet(path)
    return pd.read_parquet(path)


def describe(name: str, rows: pd.DataFrame) -> str:
    """One line: how many series of which sources, and from when to when."""
    series = rows.groupby("source")["unique_id"].nunique()
    sources = ", ".join(f"{source} {n}" for source, n in series.items())
    lengths = rows.groupby("unique_id").size()
    sampled = " (an even sample)" if PANELS[name].sample else ""
    return (
        f"{lengths.size} series{sampled}: {sources}; {rows['ds'].min()} to {rows['ds'].max()}, "
        f"median length {lengths.median():.0f}"
    )


def panel_parser(
    description: str | None, names: Sequence[str] = tuple(PANELS), default: Sequence[str] = ()
) -> argparse.ArgumentParser:
    """Command line of a benchmark on panels: folder, --cache, --panels (all the names where none is the default)."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--panels", nargs="+", choices=list(names), default=list(default or names))
    return parser


def main() -> None:
    args = panel_parser(__doc__).parse_args()
    for name in args.panels:
        print(f"{name}: {describe(name, build_panel(name, args.folder, args.cache))}", flush=True)


if __name__ == "__main__":
    main()
