"""Forecast step: all countries at once, because the pooled model learns from every series."""

from __future__ import annotations

from flows.refresh import Run, derive_figures, open_run, open_to_readers
from flows.request import RunRequest, Step
from lma.contracts import Country
from lma.errors import InputError


def forecast_countries(run: Run, countries: list[Country]) -> int:
    """Forecast employment by sector; rows written."""
    from lma.forecasting.country import forecast_country

    observations, request = run.warehouse.read("marts.observations"), run.request
    rows = 0
    for country in countries:
        try:
            forecasts, scores = forecast_country(
                observations, country.ref_area, horizon=request.horizon, seed=request.seed
            )
        except InputError as error:
            known = f"as known on {request.as_of}: " if request.as_of else ""
            raise InputError(f"{known}{error}") from error
        rows += run.warehouse.replace("marts.forecasts", forecasts, country.ref_area)
        run.warehouse.replace("marts.forecast_scores", scores, country.ref_area)
    return rows


def forecast_only(request: RunRequest, step: Step) -> None:
    """Forecast again from the observations the warehouse holds, as known on the date asked for."""
    countries = request.countries()
    with open_run(request) as run:
        step(derive_figures)(run)
        step(forecast_countries)(run, countries)
        step(open_to_readers)(run)
