"""The table of contents of the project: refresh, check, forecast, judge, balance, shortage, decision, assess, publish.

``step`` decides how each function is run: as the plain function it is (`lma run`), or as a Prefect task with
retries and artifacts (``flows/deployments.py``). The functions and their order are the same.
"""

from __future__ import annotations

from pathlib import Path

from flows import assess, forecast, hindsight, refresh
from flows.request import RunRequest, Step, call_directly
from lma.contracts import Country

FIRST_STEPS, COMMON_STEPS, COUNTRY_STEPS = 2, 7, 8
"""Steps of a run: landing and loading, those over all countries, those of each; a test counts them."""


def count_steps(n_countries: int) -> int:
    """Steps of a whole run, for a bar of its progress."""
    return FIRST_STEPS + COMMON_STEPS + COUNTRY_STEPS * n_countries


def run_pipeline(request: RunRequest, step: Step = call_directly) -> list[Path]:
    """Folders of the editions, one per country. Nothing is published unless every check of every country holds."""
    countries = request.countries()
    assess.check_places(request, countries)
    assess.check_corridors(countries)
    with refresh.open_run(request) as run:
        step(refresh.land_files)(run)
        step(refresh.load_landed_files)(run)
        step(refresh.check_observations)(run)
        step(refresh.derive_figures)(run)
        return assess_countries(run, countries, step)


def assess_countries(run: refresh.Run, countries: list[Country], step: Step) -> list[Path]:
    """From the observations to the editions of these countries: forecast, hindsight, balance, shortage, decision, publication."""
    step(forecast.forecast_countries)(run, countries)
    hindcasts = step(hindsight.hindcast_countries)(run, countries)
    step(hindsight.hindcast_gaps)(run, countries)
    for country in countries:
        step(hindsight.judge_forecasts)(run, country, hindcasts)
        step(assess.balance_country)(run, country)
        step(assess.rate_shortages)(run, country)
    # Corridors compare both ends: all countries of the run are rated before any decides, and decide before any is matched.
    for country in countries:
        step(assess.decide_migration)(run, country)
    for country in countries:
        step(assess.match_migration)(run, country)
    for country in countries:
        step(assess.assess_country)(run, country)
    step(assess.check_marts)(run, countries)
    folders = [step(assess.publish_country)(run, country) for country in countries]
    for country, folder in zip(countries, folders, strict=True):
        step(hindsight.keep_published)(run, country, folder.name)
    step(refresh.open_to_readers)(run)
    return folders


def assess_only(request: RunRequest, step: Step = call_directly) -> list[Path]:
    """The same from the figures the warehouse already holds; nothing is landed or loaded."""
    countries = request.countries()
    assess.check_places(request, countries)
    assess.check_corridors(countries)
    with refresh.open_run(request) as run:
        refresh.require_figures(run)
        step(refresh.check_observations)(run)
        step(refresh.derive_figures)(run)
        return assess_countries(run, countries, step)
