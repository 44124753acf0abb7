"""Forecast step: all countries at once, because the pooled model learns from every series."""

from __future__ import annotations

import pandas as pd

from flows.refresh import Run, derive_figures, open_run, open_to_readers
from flows.request import RunRequest, Step
from lma import contracts
from lma.contracts import Country
from lma.errors import InputError


def forecast_countries(run: Run, countries: list[Country]) -> int:
    """Forecast employment by sector; rows written. A country of which no employment is known gets no forecast."""
    from lma.forecasting.country import forecast_country, learn_from

    observations, request = (
        run.warehouse.read("marts.observations", any_of={"indicator": ["EMP"]}),
        run.request,
    )
    rows, world = 0, learn_from(observations)
    for country in countries:
        code = country.ref_area
        try:
            forecasts, scores = forecast_country(
                observations, code, horizon=request.horizon, seed=request.seed, world=world
            )
        except InputError as error:
            known = f"as known on {request.as_of}: " if request.as_of else ""
            if run.warehouse.read("marts.observations", code).empty:
                raise InputError(f"{known}{error}") from error
            run.say(f"{known}{code} has no annual employment, so it gets no forecast and no gap")
            forecasts, scores = map(empty_table, ("marts.forecasts", "marts.forecast_scores"))
        rows += run.warehouse.replace("marts.forecasts", forecasts, code)
        run.warehouse.replace("marts.forecast_scores", scores, code)
    return rows


def empty_table(name: str) -> pd.DataFrame:
    """A table of the contracts without rows: what is known of a country of which nothing is known."""
    return pd.DataFrame(columns=contracts.table_contract(name).column_names)


def forecast_only(request: RunRequest, step: Step) -> None:
    """Forecast again from the observations the warehouse holds, as known on the date asked for."""
    countries = request.countries()
    with open_run(request) as run:
        step(derive_figures)(run)
        step(forecast_countries)(run, countries)
        step(open_to_readers)(run)
