"""Country steps: balance, shortage, decision, assessment, publication."""

from __future__ import annotations

import datetime as dt
import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from typing import Any

import pandas as pd

import lma
from flows.earlier import compare_with_earlier, read_earlier_ratings
from flows.forecast import empty_table
from flows.refresh import Run, check_table, check_whole_table
from flows.request import RunRequest
from flows.trace import find_path
from lma import contracts, validation
from lma.contracts import Country, Edition
from lma.errors import InputError
from lma.languages import ENGLISH, list_texts, list_untranslated
from lma.warehouse import Warehouse

COUNTRY_MARTS = (
    "marts.indicators",
    "marts.forecasts",
    "marts.forecast_scores",
    "marts.past_forecast_scores",
    "marts.past_balances",
    "marts.balances",
    "marts.shortages",
    "marts.decisions",
    "marts.corridors",
    "marts.assessments",
)
# Everything installed that decides a figure or a byte of an edition: an edition made with other versions is another one.
VERSIONED = (
    "duckdb", "pandas", "numpy", "scipy", "scikit-learn", "statsforecast", "great-expectations", "xlsxwriter", "typst", "vl-convert-python",
    "matplotlib", "pyarrow", "sdmx1", "lxml", "babel", "odfdo", "python-docx",
)  # fmt: skip


def balance_country(run: Run, country: Country) -> int:
    """Simulate demand, supply and gap of one country; rows written (none without a forecast to start from)."""
    if run.warehouse.read("marts.forecasts", country.ref_area).empty:
        balances = empty_table("marts.balances")
    else:
        balances = simulate_gap(run.warehouse, run.request, country)
    return run.warehouse.replace("marts.balances", balances, country.ref_area)


def simulate_gap(warehouse: Warehouse, request: RunRequest, country: Country) -> pd.DataFrame:
    """Rows of marts.balances from what the warehouse holds."""
    from lma.balance import estimate_balance

    observations, forecasts, years = read_balance_inputs(warehouse, country)
    rules = contracts.rule_set("balance")
    return estimate_balance(observations, forecasts, rules, country, years[0], years[-1], request.seed)


def read_balance_inputs(
    warehouse: Warehouse, country: Country
) -> tuple[pd.DataFrame, pd.DataFrame, Sequence[int]]:
    """Observations, forecasts and balance years of one country; ``InputError`` before its first forecast."""
    from lma.assessment.country import forecast_years

    code = country.ref_area
    observations, forecasts = (
        warehouse.read(f"marts.{name}", code) for name in ("observations", "forecasts")
    )
    if forecasts.empty:
        raise InputError(f"the warehouse holds no forecast of {code}: run `lma run {code}` first.")
    return observations, forecasts, forecast_years(code, forecasts)


def rate_shortages(run: Run, country: Country) -> int:
    """Rate shortages by every rule set, then together with the projected gap; rows written."""
    from lma.levels import find_main_level
    from lma.shortages.country import rate_country

    code, read = country.ref_area, run.warehouse.read
    units = find_main_level(read("marts.observations", code), code).sectors
    ratings = rate_country(code, read("marts.indicators", code), read("marts.balances", code), units)
    return run.warehouse.replace("marts.shortages", ratings, code)


def decide_migration(run: Run, country: Country) -> int:
    """List corridors and test whether labour migration could fill each gap; rows of decisions written."""
    from lma.migration.corridors import list_corridors
    from lma.migration.decision import decide
    from lma.migration.local_evidence import keep_reviewed, rate_origins

    read, code, year = run.warehouse.read, country.ref_area, int(run.request.edition[:4])
    rules, country = contracts.rule_set("decision"), keep_reviewed(country, run.request.as_of)
    observations, ratings = read_around(run.warehouse, code), read_ratings(run, code)
    given = rate_origins(country.evidence, ratings, year, rules.threshold("max_age"))
    ratings = pd.concat([ratings, given], ignore_index=True) if len(given) else ratings
    corridors = list_corridors(
        country, observations=observations, shortages=ratings, as_of_year=year,
        known_until=None if run.request.as_of is None else str(run.request.as_of),
    )  # fmt: skip
    marts = {
        name: read(f"marts.{name}", code) for name in ("balances", "indicators", "forecasts", "shortages")
    }
    earlier = read_earlier_ratings(run.request, code, int(rules.threshold("assessments_apart")))
    decisions = decide(
        country, as_of_year=year, observations=observations, corridors=corridors,
        edition=run.request.edition, earlier=earlier, **marts,
    )  # fmt: skip
    run.warehouse.replace("marts.corridors", corridors, code)
    return run.warehouse.replace("marts.decisions", decisions, code)


def match_migration(run: Run, country: Country) -> int:
    """Size the match of each corridor of a country; rows written.

    The need is the destination's own decision: all countries of a run decide before any of them is matched.
    """
    from lma.migration.matching import match_corridors

    read, code = run.warehouse.read, country.ref_area
    corridors, rated = read("marts.corridors", code), set(read_ratings(run, code)["ref_area"])
    balances = read("marts.balances", sorted(rated & set(corridors["origin"])))
    decided = read("marts.decisions", sorted(rated & set(corridors["destination"])))
    matched = match_corridors(corridors, balances=balances, decisions=decided)
    return run.warehouse.replace("marts.corridors", matched, code)


RATING_COMMANDS = ("lma run", "lma assess", "lma coverage", "assess-countries")
"""Commands whose runs rate countries, as meta.runs names them."""


def read_ratings(run: Run, ref_area: str) -> pd.DataFrame:
    """Scores of a country and of every other rated on the same knowledge: by this run, or last by another as of that date.

    What an earlier run as of another date left in the warehouse is not seen. A run that failed may have stopped before or
    after its ratings, so that nobody vouches for those of its countries.
    """
    scores = run.warehouse.read("marts.shortages", any_of={"indicator": ["_SCORE"]})
    last: dict[str, str | None] = {}
    for row in run.warehouse.read("meta.runs").sort_values("started_at", kind="stable").to_dict("records"):
        if not row["command"].startswith(RATING_COMMANDS):
            continue
        values = json.loads(row["parameters"])
        everyone = scores["ref_area"].unique() if row["command"].startswith("lma coverage") else ()
        left_by = "a failed run" if row["status"] == "FAILED" else values.get("as_of")
        last.update(dict.fromkeys(values.get("ref_areas") or everyone, left_by))
    asked = None if run.request.as_of is None else str(run.request.as_of)
    known = {code for code, as_of in last.items() if as_of == asked} | {ref_area, *run.request.ref_areas}
    return scores[scores["ref_area"].isin(known)].reset_index(drop=True)


def assess_country(run: Run, country: Country) -> int:
    """Lay out one country's figures as addressed cells; cells written."""
    run.assessments[country.ref_area] = compose_assessment(run, country)
    return run.warehouse.replace(
        "marts.assessments", run.assessments[country.ref_area].cells, country.ref_area
    )


def compose_assessment(run: Run, country: Country, name: str | None = None) -> Any:
    """The assessment of one country from the marts; ``name``: of the edition, where it is not the month alone."""
    from lma.assessment.country import assess

    compared = compare_with_earlier(run.request, country.ref_area, list_versions(), name)
    return assess(country, run.request.edition, collect_marts(run, country), compared)


def collect_marts(run: Run, country: Country) -> Any:
    """The frames one country is assessed from."""
    from lma.assessment.country import Marts

    read, code = run.warehouse.read, country.ref_area
    names = (
        "indicators",
        "forecasts",
        "forecast_scores",
        "past_forecast_scores",
        "past_balances",
        "balances",
        "shortages",
        "decisions",
        "corridors",
        "revisions",
    )
    frames = {name: read(f"marts.{name}", code) for name in names}
    conflicts = run.warehouse.compare_sources(code, run.request.as_of, dict(run.request.bounds))
    known = count_releases(list_known_snapshots(run), run.warehouse.read("meta.releases"))
    observations = read_around(run.warehouse, code)
    vintages = read_transfer_vintages(run, code)
    return Marts(observations=observations, snapshots=known, conflicts=conflicts, vintages=vintages, **frames)


def read_transfer_vintages(run: Run, ref_area: str) -> pd.DataFrame:
    """Money received by a country in every vintage known on the date asked for."""
    from lma.migration.remittances import VINTAGE_INDICATORS

    any_of = {"indicator": VINTAGE_INDICATORS}
    return keep_known(run, run.warehouse.read("staging.observations", ref_area, any_of=any_of))


def keep_known(run: Run, rows: pd.DataFrame) -> pd.DataFrame:
    """Rows of the vintages known on the date asked for."""
    bounds, known_until = dict(run.request.bounds), run.request.as_of or dt.date.max
    pairs = zip(rows["source_id"], rows["as_of"], strict=True)
    known = [as_of <= bounds.get(source_id, known_until) for source_id, as_of in pairs]
    return rows[pd.Series(known, index=rows.index, dtype=bool)]


def count_releases(files: pd.DataFrame, releases: pd.DataFrame) -> pd.DataFrame:
    """Rows of meta.snapshots with ``n_released``: rows of the file that a reviewer released from quarantine."""
    key = ["snapshot_sha", "source_id"]
    counted = releases.groupby(key)["observation_id"].nunique().rename("n_released").reset_index()
    return files.merge(counted, on=key, how="left").fillna({"n_released": 0})


def read_around(warehouse: Warehouse, ref_area: str) -> pd.DataFrame:
    """Observations that an assessment of one country can need: its own, and what corridors compare everywhere."""
    from lma.migration.corridors import INDICATORS

    columns = {"ref_area": [ref_area], "counterpart_area": [ref_area], "indicator": INDICATORS}
    return warehouse.read("marts.observations", any_of=columns)


def list_known_snapshots(run: Run) -> pd.DataFrame:
    """Rows of meta.snapshots as known on the date asked for: a file that came later says nothing about the run."""
    snapshots, bounds = run.warehouse.read("meta.snapshots"), dict(run.request.bounds)
    known_until = run.request.as_of or dt.date.max
    pairs = zip(snapshots["source_id"], snapshots["as_of"], strict=True)
    return snapshots[[as_of <= bounds.get(source_id, known_until) for source_id, as_of in pairs]]


def check_marts(run: Run, countries: list[Country]) -> int:
    """Hold every mart of every country to its contract; a broken one stops the publish (exit 12)."""
    results = [check_whole_table(run, "marts.observations")]
    for country in countries:
        for name in COUNTRY_MARTS:
            results.append(
                check_table(run, name, run.warehouse.read(name, country.ref_area), country.ref_area)
            )
    checks = pd.concat(results, ignore_index=True)
    validation.require(checks)
    return len(checks)


def check_places(request: RunRequest, countries: list[Country]) -> None:
    """Stop before the work, not after it, where an edition could not be written or a catalogue it needs is wrong."""
    from lma.languages import language
    from lma.publish.edition import check_place

    for country in countries:
        check_place(request.out / country.ref_area)
        for code in choose_languages(request, country):
            language(code)


def check_corridors(countries: list[Country]) -> None:
    """Stop where a country or a partner of its corridors is on the unresolved list of areas."""
    from lma.classifications import check_corridor_areas

    for country in countries:
        check_corridor_areas(country.ref_area, country.partners)


def publish_country(run: Run, country: Country) -> Path:
    """Write the edition of one country and move it into place."""
    from lma.publish.edition import publish

    edition = settle_edition(run, country)
    count_untranslated(run, edition)
    return publish(edition, run.request.out)


def count_untranslated(run: Run, edition: Edition) -> None:
    """Say how many texts of an edition a language of it lacks: readers see them in English."""
    for code in edition.languages:
        if missing := list_untranslated(edition, code):
            run.say(
                f"{edition.ref_area} in {code}: {len(missing)} of {len(list_texts(edition))} texts stay English, such as "
                f"{missing[0][:80]!r} (`lma languages` shows what is missing)"
            )


def settle_edition(run: Run, country: Country) -> Edition:
    """The edition as it stands under the first name that is free or holds it already.

    Its change log speaks of the edition before that name. So for every name taken by other content it is laid out
    again: the same inputs find the edition they made, and other inputs are compared with the newest one there is.
    """
    from lma.publish.edition import is_taken_by_another

    edition, number = compose_edition(run, country), 1
    name = edition.edition
    while is_taken_by_another(replace(edition, edition=name), run.request.out):
        number += 1
        name = f"{edition.edition}.{number}"
        lay_out_again(run, country, name)
        edition = compose_edition(run, country)
    return edition


def lay_out_again(run: Run, country: Country, name: str) -> None:
    """The assessment under another name, held to its contract like the one before, which it replaces."""
    code, table = country.ref_area, "marts.assessments"
    run.assessments[code] = compose_assessment(run, country, name)
    run.warehouse.replace(table, run.assessments[code].cells, code)
    is_former = [(frame["table_name"] == table) & (frame["subject"] == code) for frame in run.checks]
    run.checks = [frame[~former] for frame, former in zip(run.checks, is_former, strict=True)]
    validation.require(check_table(run, table, run.warehouse.read(table, code), code))


def compose_edition(run: Run, country: Country) -> Edition:
    """Everything the publish room needs; deterministic for the same inputs."""
    assessment = run.assessments[country.ref_area]
    origins = trace_origins(run, assessment.cells)
    drawn = [*assessment.series["inputs"], *assessment.charted["inputs"]]
    used = {node for ids in origins.values() for node in ids} | {
        node for ids in (*assessment.cells["inputs"], *drawn) for node in ids
    }
    mine = run.warehouse.read("marts.observations", any_of={"observation_id": used})
    snapshots = list_known_snapshots(run).drop(columns="retrieved_at")
    compared = assessment.conflicts
    files = {*mine["snapshot_sha"], *compared["snapshot_sha"], *compared["other_snapshot_sha"]}
    sources = snapshots[snapshots["snapshot_sha"].isin(files)].reset_index(drop=True)
    return Edition(
        ref_area=country.ref_area, label=country.label, edition=run.request.edition, as_of=cut_off(run, sources), tables=assessment.tables,
        cells=assessment.cells, series=assessment.series, sources=sources, observations=mine, checks=run_checks(run, country),
        notes=assessment.notes, run=describe_run(run, country, assessment.limits), origins=origins, conflicts=compared,
        languages=choose_languages(run.request, country), forms=run.request.forms, charted=assessment.charted,
    )  # fmt: skip


def choose_languages(request: RunRequest, country: Country) -> tuple[str, ...]:
    """Languages of an edition, English first: those asked for, or English and those of the country's file."""
    chosen = dict.fromkeys(request.languages or (ENGLISH, *country.languages))
    return tuple(sorted(chosen, key=lambda code: code != ENGLISH))


def trace_origins(run: Run, cells: pd.DataFrame) -> dict[str, list[str]]:
    """Computed row id -> ids of the first published figures it rests on."""
    nodes = find_path(
        run.warehouse, sorted({node for ids in cells["inputs"] for node in ids})
    ).drop_duplicates("node_id")
    inputs = dict(zip(nodes["node_id"], nodes["inputs"], strict=True))
    leaves = set(nodes.loc[nodes["kind"] == "observation", "node_id"])
    return {node: first_leaves(node, inputs, leaves) for node in inputs if node not in leaves}


def first_leaves(node: str, inputs: Mapping[str, list[str]], leaves: set[str], most: int = 3) -> list[str]:
    """A few published figures behind a row, those named last first: histories end with the newest."""
    found: list[str] = []
    queue = list(reversed(inputs.get(node, [])))
    while queue and len(found) < most:
        following = queue.pop(0)
        if following in leaves and following not in found:
            found.append(following)
        queue = [*reversed(inputs.get(following, [])), *queue]
    return found


def cut_off(run: Run, sources: pd.DataFrame) -> dt.date:
    """Newest vintage used, or the date asked for."""
    newest = pd.to_datetime(sources["as_of"]).max().date() if len(sources) else dt.date.min
    return run.request.as_of or newest


def run_checks(run: Run, country: Country) -> pd.DataFrame:
    """Contract checks of the run that speak of the country or of all.

    As of a date the check of everything loaded is left out: it counts what came later.
    """
    checks = pd.concat(run.checks, ignore_index=True)
    if run.request.as_of is not None:
        checks = checks[checks["table_name"] != "staging.observations"]
    return checks[checks["subject"].isin(["_T", country.ref_area])].reset_index(drop=True)


def describe_run(run: Run, country: Country, limits: tuple[str, ...]) -> dict[str, Any]:
    """Parameters, versions and content hashes: what a second run needs to reproduce the edition."""
    from lma.publish.edition import list_forms

    marts = {name: run.warehouse.content_hash(name, country.ref_area) for name in COUNTRY_MARTS}
    corridors = run.warehouse.read("marts.corridors", country.ref_area)
    partners = {*corridors["origin"], *corridors["destination"]} - {country.ref_area}
    rated = sorted(partners & set(read_ratings(run, country.ref_area)["ref_area"]))
    return {
        # Of the countries done besides only those say something here whose ratings the corridors read.
        "parameters": {
            **run.request.parameters(),
            "ref_areas": [country.ref_area],
            "rated_partners": rated,
            "languages": list(choose_languages(run.request, country)),
            "forms": list(run.request.forms) or list(list_forms()),
        },
        "versions": list_versions(),
        "mart_hashes": marts,
        "limits": list(limits),
    }


def list_versions() -> dict[str, str]:
    """Hashes of the project (whole, method, classifications) and versions of what it runs on."""
    from lma.publish.edition import fingerprint_classifications, fingerprint_code, fingerprint_method

    return {
        "lma": lma.__version__,
        "code": fingerprint_code(),
        "method": fingerprint_method(),
        "classifications": fingerprint_classifications(),
        **{name: metadata.version(name) for name in VERSIONED},
        "python": platform.python_version(),
    }
