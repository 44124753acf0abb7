"""Country steps: balance, shortage, decision, assessment, publication."""

from __future__ import annotations

import datetime as dt
import platform
from importlib import metadata
from pathlib import Path
from typing import Any

import pandas as pd

from flows.refresh import Run, check_table
from lma import contracts
from lma.contracts import Country, Edition

COUNTRY_MARTS = ("marts.indicators", "marts.forecasts", "marts.forecast_scores", "marts.balances", "marts.shortages", "marts.decisions", "marts.corridors", "marts.assessments")
VERSIONED = ("lma", "duckdb", "pandas", "numpy", "scikit-learn", "statsforecast", "great-expectations")


def balance_country(run: Run, country: Country) -> int:
    """Simulate demand, supply and gap of one country; rows written."""
    from lma.balance.gap import balance_country as simulate

    read = run.warehouse.read
    observations, forecasts = read("marts.observations", country.ref_area), read("marts.forecasts", country.ref_area)
    rules = contracts.rule_set("balance")
    balances = simulate(observations, forecasts, rules, country, seed=run.request.seed, horizon=run.request.horizon, scenario=run.request.scenario)
    return run.warehouse.replace("marts.balances", balances, country.ref_area)


def rate_shortages(run: Run, country: Country) -> int:
    """Rate shortages by every rule set and together; rows written."""
    from lma.shortages import rate_country

    read = run.warehouse.read
    shortages = rate_country(country.ref_area, read("marts.indicators", country.ref_area), read("marts.balances", country.ref_area))
    return run.warehouse.replace("marts.shortages", shortages, country.ref_area)


def decide_migration(run: Run, country: Country) -> int:
    """Match corridors and test whether labour migration could fill each gap; rows written."""
    from lma.migration.corridors import match_corridors
    from lma.migration.decision import decide

    read, code = run.warehouse.read, country.ref_area
    observations, indicators = read("marts.observations"), read("marts.indicators", [code, *country.partners])
    corridors = match_corridors(country, observations, indicators)
    run.warehouse.replace("marts.corridors", corridors, code)
    decisions = decide(
        country, observations, indicators, read("marts.forecasts", code), read("marts.balances", code), read("marts.shortages", code), corridors,
        int(run.request.edition[:4]),
    )  # fmt: skip
    return run.warehouse.replace("marts.decisions", decisions, code)


def assess_country(run: Run, country: Country) -> int:
    """Lay out one country's figures as addressed cells; cells written."""
    assessment = compose_assessment(run, country)
    return run.warehouse.replace("marts.assessments", assessment.cells, country.ref_area)


def compose_assessment(run: Run, country: Country) -> Any:
    """The assessment of one country from the marts."""
    from lma.assessment.country import Marts, assess

    read, code = run.warehouse.read, country.ref_area
    names = ("indicators", "forecasts", "forecast_scores", "balances", "shortages", "decisions", "corridors")
    frames = {name: read(f"marts.{name}", code) for name in names}
    return assess(country, run.request.edition, Marts(observations=read("marts.observations"), snapshots=read("meta.snapshots"), **frames))


def check_marts(run: Run, countries: list[Country]) -> int:
    """Hold every mart of every country to its contract; a broken one stops the publish (exit 12)."""
    from lma import validation

    results = [check_table(run, "marts.observations", run.warehouse.read("marts.observations"), "_T")]
    for country in countries:
        for name in COUNTRY_MARTS:
            results.append(check_table(run, name, run.warehouse.read(name, country.ref_area), country.ref_area))
    checks = pd.concat(results, ignore_index=True)
    validation.require(checks)
    return len(checks)


def publish_country(run: Run, country: Country) -> Path:
    """Write the edition of one country and move it into place."""
    from lma.publish.edition import publish

    return publish(compose_edition(run, country), run.request.out)


def compose_edition(run: Run, country: Country) -> Edition:
    """Everything the publish room needs; deterministic for the same inputs."""
    assessment = compose_assessment(run, country)
    observations = run.warehouse.read("marts.observations")
    origins = trace_origins(run, assessment.cells)
    used = {node for ids in origins.values() for node in ids} | {node for ids in assessment.cells["inputs"] for node in ids}
    mine = observations[observations["observation_id"].isin(used)].reset_index(drop=True)
    snapshots = run.warehouse.read("meta.snapshots").drop(columns="retrieved_at")
    sources = snapshots[snapshots["snapshot_sha"].isin(set(mine["snapshot_sha"]))].reset_index(drop=True)
    return Edition(
        ref_area=country.ref_area, label=country.label, edition=run.request.edition, as_of=cut_off(run, sources), tables=assessment.tables,
        cells=assessment.cells, series=assessment.series, sources=sources, observations=mine, checks=run_checks(run, country),
        notes=assessment.notes, run=describe_run(run, country, assessment.limits), origins=origins,
    )  # fmt: skip


def trace_origins(run: Run, cells: pd.DataFrame) -> dict[str, list[str]]:
    """Computed row id -> ids of the published figures it rests on."""
    from lma.warehouse import trace_to_observations

    return trace_to_observations(run.warehouse, sorted({node for ids in cells["inputs"] for node in ids}))


def cut_off(run: Run, sources: pd.DataFrame) -> dt.date:
    """Newest vintage used, or the date asked for."""
    newest = pd.to_datetime(sources["as_of"]).max().date() if len(sources) else dt.date.min
    return run.request.as_of or newest


def run_checks(run: Run, country: Country) -> pd.DataFrame:
    """Contract checks of the run that speak of the country or of all."""
    checks = pd.concat(run.checks, ignore_index=True)
    return checks[checks["subject"].isin(["_T", country.ref_area])].reset_index(drop=True)


def describe_run(run: Run, country: Country, limits: tuple[str, ...]) -> dict[str, Any]:
    """Parameters, versions and content hashes: what a second run needs to reproduce the edition."""
    marts = {name: run.warehouse.content_hash(name, country.ref_area) for name in COUNTRY_MARTS}
    versions = {name: metadata.version(name) for name in VERSIONED}
    return {
        "parameters": run.request.parameters(), "versions": {**versions, "python": platform.python_version()}, "mart_hashes": marts, "limits": list(limits),
    }  # fmt: skip
