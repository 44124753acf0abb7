"""Seconds and bytes of every output form of an edition, by form and language.

    python benchmarks/form_cost.py WAREHOUSE [--countries MUS ARM | --first 50] [--languages en fr]

WAREHOUSE is copied, not changed. Countries that nobody has described are assessed as `lma coverage` does it, all of
them in one process, as a monthly run of many countries would. Times are of this machine, now: compare them only
within one run.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import pandas as pd

from flows import assess, coverage, forecast, hindsight, refresh
from flows.request import RunRequest
from lma.contracts import Country, Edition
from lma.languages import translate_edition
from lma.publish import edition as editions


def measure_forms(edition: Edition, languages: list[str]) -> pd.DataFrame:
    """Rows ref_area, form, language, seconds, bytes of one edition; machine forms once, with language ``-``."""
    rows = []
    for name, machine in editions.MACHINE_FORMS.items():
        started = time.perf_counter()
        files = machine(edition)
        rows.append((name, "-", time.perf_counter() - started, sum(map(len, files.values()))))
    for code in languages:
        started = time.perf_counter()
        translated = translate_edition(edition, code)
        rows.append(("(translation)", code, time.perf_counter() - started, 0))
        for name, form in editions.READER_FORMS.items():
            started = time.perf_counter()
            content = form(translated)
            rows.append((name, code, time.perf_counter() - started, len(content)))
    found = pd.DataFrame(rows, columns=["form", "language", "seconds", "bytes"])
    return found.assign(ref_area=edition.ref_area)


def assess_all(run: refresh.Run, countries: list[Country]) -> None:
    """Everything before the editions."""
    coverage.derive_for(run, countries)
    forecast.forecast_countries(run, countries)
    hindsight.hindcast_gaps(run, countries)
    coverage.rate_each(run, countries)
    for country in countries:
        assess.decide_migration(run, country)
    for country in countries:
        assess.match_migration(run, country)


def measure_countries(
    warehouse: Path, out: Path, chosen: list[str], first: int | None, languages: list[str]
) -> pd.DataFrame:
    request = RunRequest(tuple(chosen), out, warehouse, "2026-11", offline=True, command="benchmark")
    found = []
    with refresh.open_run(request) as run:
        countries = coverage.list_countries(run, () if first else request.ref_areas)[:first]
        refresh.check_observations(run)
        assess_all(run, countries)
        for country in countries:
            run.assessments[country.ref_area] = assess.compose_assessment(run, country)
            started = time.perf_counter()
            composed = assess.compose_edition(run, country)
            composed = replace(composed, languages=tuple(languages))
            found.append(pd.DataFrame([("(edition)", "-", time.perf_counter() - started, 0, country.ref_area)],
                                      columns=["form", "language", "seconds", "bytes", "ref_area"]))  # fmt: skip
            found.append(measure_forms(composed, languages))
    return pd.concat(found, ignore_index=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("warehouse", type=Path)
    parser.add_argument("--countries", nargs="*", default=["MUS", "ARM"])
    parser.add_argument("--first", type=int)
    parser.add_argument("--languages", nargs="*", default=["en"])
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "lma.duckdb"
        shutil.copy(given.warehouse, copy)
        found = measure_countries(copy, Path(folder), given.countries, given.first, given.languages)
    by = ["form", "language"] if given.first else ["ref_area", "form", "language"]
    table = found.groupby(by, sort=False).agg(
        n=("seconds", "count"),
        seconds=("seconds", "sum"),
        longest=("seconds", "max"),
        megabytes=("bytes", "sum"),
    )
    print(table.assign(megabytes=table["megabytes"] / 1e6).round(2).to_string())
    print(
        f"\n{found['ref_area'].nunique()} countries: {found['seconds'].sum():.1f} s, {found['bytes'].sum() / 1e6:.1f} MB"
    )


if __name__ == "__main__":
    main()
