"""Steps that judge past forecasts: made again from earlier knowledge, kept when published, scored against outcomes."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

import pandas as pd
from rich.console import Console

from flows.assess import keep_known
from flows.evaluate import print_frame
from flows.refresh import Run, derive_figures, open_run, open_to_readers, require_figures
from flows.request import RunRequest, Step
from lma import contracts, kept_forecasts
from lma.contracts import Country
from lma.errors import InputError

N_ORIGINS = 3
"""Origins of the hindcasts of every run: three for each horizon (methods, section 3.8)."""
BALANCE_ORIGINS = (2008, 2012, 2015)
"""Years from which balances are made again: before the crisis of 2009, after it, and the last with three years before 2019."""
BALANCE_INPUTS = ["LF", "POP", "UNE_RT", "NEET_RT"]
"""What those balances are made from, besides employment."""
LONGEST_SCORED = 5
EMPLOYMENT = {"indicator": ["EMP"]}


def hindcast_countries(run: Run, countries: list[Country], n_origins: int = N_ORIGINS) -> pd.DataFrame:
    """Hindcasts of all countries from earlier years, by cutting today's figures; rows of marts.past_forecasts."""
    from lma.forecasting.hindsight import choose_origins, hindcast_cut

    observations = run.warehouse.read("marts.observations", any_of=EMPLOYMENT)
    horizon = min(run.request.horizon, LONGEST_SCORED)
    codes = [country.ref_area for country in countries]
    origins = {code: choose_origins(observations, code, horizon, n_origins) for code in codes}
    return hindcast_cut(observations, origins, horizon)


def hindcast_from_vintages(run: Run, countries: list[Country]) -> pd.DataFrame:
    """Hindcasts from what was known on every date on which a vintage of a country's employment came."""
    from lma.forecasting.hindsight import hindcast_vintage, stack

    dates = {country.ref_area: list_vintage_dates(run, country.ref_area) for country in countries}
    horizon, made = min(run.request.horizon, LONGEST_SCORED), []
    for day in sorted(set().union(*dates.values())):
        known = run.warehouse.observations_as_of(day, any_of=EMPLOYMENT)
        asked = [code for code, days in dates.items() if day in days]
        made.append(hindcast_vintage(known, asked, horizon, day))
    return stack(made)


def hindcast_gaps(run: Run, countries: list[Country]) -> int:
    """Balances of all countries made again from earlier years and set beside what came; rows written."""
    from lma.balance.hindsight import hindcast_balances

    codes = [country.ref_area for country in countries]
    employment = run.warehouse.read("marts.observations", any_of=EMPLOYMENT)
    others = run.warehouse.read("marts.observations", codes, any_of={"indicator": BALANCE_INPUTS})
    rules = (contracts.rule_set("balance"), contracts.rule_set("rating"))
    observations = pd.concat([employment, others], ignore_index=True)
    made = hindcast_balances(observations, countries, BALANCE_ORIGINS, rules, run.request.seed)
    return sum(
        run.warehouse.replace("marts.past_balances", made[made["ref_area"] == code], code) for code in codes
    )


def judge_forecasts(run: Run, country: Country, *hindcasts: pd.DataFrame) -> int:
    """Score published forecasts and hindcasts of one country against what came; rows of scores."""
    code = country.ref_area
    return keep_scores(run, country, [rows[rows["ref_area"] == code] for rows in hindcasts])


def keep_scores(run: Run, country: Country, hindcasts: Iterable[pd.DataFrame]) -> int:
    """Write past forecasts and their scores; rows of scores. What is published later than the date asked for is not judged."""
    from lma.forecasting.hindsight import list_outcomes, score_past_forecasts

    code = country.ref_area
    published = kept_forecasts.read_published(run.request.raw_store, code)
    parts = [part for part in (published, *hindcasts) if len(part)]
    past = pd.concat(parts, ignore_index=True) if parts else published
    run.warehouse.replace("marts.past_forecasts", past, code)
    if run.request.as_of is not None:
        past = past[past["as_of"] <= run.request.as_of]
    observed = run.warehouse.read("marts.observations", code)
    priorities = {name: source.priority for name, source in contracts.sources().items()}
    breaks = observed[observed["is_break"].astype(bool)]
    outcomes = list_outcomes(past, read_vintages(run, code), breaks, priorities)
    scores = score_past_forecasts(past, outcomes)
    return run.warehouse.replace("marts.past_forecast_scores", scores, code)


def read_vintages(run: Run, ref_area: str) -> pd.DataFrame:
    """Employment of a country in every vintage of every source known on the date asked for."""
    return keep_known(run, run.warehouse.read("staging.observations", ref_area, any_of=EMPLOYMENT))


def list_vintage_dates(run: Run, ref_area: str) -> list[dt.date]:
    """Dates on which a vintage of the country's annual employment came, without the newest: that is today's knowledge."""
    rows = read_vintages(run, ref_area)
    return sorted(set(rows.loc[rows["freq"] == "A", "as_of"]))[:-1]


def keep_published(run: Run, country: Country, edition: str) -> int:
    """Keep the forecasts an edition has published, so that later runs can judge them; rows kept.

    An edition made as of a past date publishes nothing that was said then: it is a hindcast, and not kept.
    """
    from lma.forecasting.hindsight import PUBLISHED, keep_forecasts

    code, as_of = country.ref_area, run.request.as_of
    if as_of is not None and as_of < run.started_at.date():
        return 0
    observations = run.warehouse.read("marts.observations", any_of=EMPLOYMENT)
    forecasts = run.warehouse.read("marts.forecasts", code)
    if observations.empty or forecasts.empty:
        return 0
    known_on = observations["as_of"].max()
    rows = keep_forecasts(forecasts, observations, PUBLISHED, known_on, edition)
    n_kept = kept_forecasts.keep_published(run.request.raw_store, code, known_on, rows)
    hindcasts = run.warehouse.read("marts.past_forecasts", code).query("evidence != @PUBLISHED")
    published = kept_forecasts.read_published(run.request.raw_store, code)
    parts = [part for part in (published, hindcasts) if len(part)]
    if parts:
        run.warehouse.replace("marts.past_forecasts", pd.concat(parts, ignore_index=True), code)
    return n_kept


# ---------------------------------------------------------------- by hand


def evaluate_only(request: RunRequest, n_origins: int, step: Step, console: Console) -> None:
    """Judge past forecasts from what the warehouse holds, hindcasts from every vintage among them, and print the scorecard."""
    countries = request.countries()
    with open_run(request) as run:
        require_figures(run)
        step(derive_figures)(run)
        made = (
            step(hindcast_countries)(run, countries, n_origins),
            step(hindcast_from_vintages)(run, countries),
        )
        for country in countries:
            step(judge_forecasts)(run, country, *made)
        step(open_to_readers)(run)
        codes = [country.ref_area for country in countries]
        scores = run.warehouse.read("marts.past_forecast_scores", codes)
        kept = run.warehouse.read("marts.past_forecasts", codes)
    print_evaluation(kept, scores, codes, console)


SHOWN = {
    "economic_activity": "activity", "n_origins": "origins", "n_forecasts": "forecasts", "skill": "skill", "first_skill": "first",
    "bias": "bias", "growth_error": "error, pp", "first_growth_error": "first, pp", "revision_error": "revision, pp",
    "coverage_80": "in 80 %", "coverage_95": "in 95 %", "sign_hit": "sign", "rel_hit": "relative", "dissimilarity": "D", "models": "champions",
}  # fmt: skip
FORMATS = {"bias": ",.0f", "error, pp": ".1f", "first, pp": ".1f", "revision, pp": ".2f"}


def print_evaluation(kept: pd.DataFrame, scores: pd.DataFrame, codes: list[str], console: Console) -> None:
    """Scorecard of every country, both sexes, all horizons together; what is not yet judged is counted."""
    if kept.empty:
        raise InputError(
            f"no past forecast of {', '.join(codes)} is known and none can be made: the warehouse holds no annual employment of "
            "an earlier year. Refresh or ingest a source that has it."
        )
    means = kept[(kept["role"] == "champion") & (kept["output_type"] == "mean")]
    table = lay_out(scores)
    for code in codes:
        counts = means.loc[means["ref_area"] == code, "evidence"].value_counts().sort_index()
        words = ", ".join(f"{n:,} {evidence}" for evidence, n in counts.items())
        console.print(f"\n{code}: {counts.sum():,} past forecasts ({words or 'none'})", markup=False)
        mine = table[table["ref_area"] == code]
        if mine.empty:
            console.print("none of them has an outcome yet", markup=False)
        for (evidence, kind), rows in mine.groupby(["evidence", "basis_kind"], sort=True):
            console.print(
                f"{evidence}, {kind} figures, origins {rows['first_origin'].min()}-{rows['last_origin'].max()}",
                markup=False,
            )
            print_frame(rows[list(SHOWN)].rename(columns=SHOWN), console, FORMATS)
    console.print(
        "\nskill: 1 - error over the naive model's error, all horizons. Growth is taken within one vintage of the outcome: the newest "
        "of its source, and under `first` the one that published it first; what lies between the two is under `revision`.",
        markup=False,
    )


def lay_out(scores: pd.DataFrame) -> pd.DataFrame:
    """One row per series and evidence for both sexes and all horizons: the latest outcome, beside it the first."""
    both = scores[(scores["horizon"] == 0) & (scores["sex"] == "_T")]
    key = ["ref_area", "evidence", "basis_kind", "economic_activity"]
    first = both[both["outcome"] == "first"].set_index(key)[["skill", "growth_error"]].add_prefix("first_")
    latest = both[both["outcome"] == "latest"].merge(first, left_on=key, right_index=True)
    return latest.sort_values(key, kind="stable", ignore_index=True)
