"""A panel from a user's file, forecast into another; what the core may not know, the day, comes from here."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console

from lma import user_tables
from lma.errors import InputError

NAMED = 10  # refused series that are named on a terminal
Step = Callable[[Callable[..., Any]], Callable[..., Any]]


def forecast_user_panel(
    table: Path,
    result: Path,
    horizon: int,
    freq: str,
    console: Console,
    step: Step = lambda function: function,
) -> None:
    """Forecast a panel from a file and write the forecasts to another; nothing is written where it fails."""
    from lma.forecasting.panel import forecast_panel
    from lma.forecasting.panel_rows import mark_future
    from lma.forecasting.periods import check_horizon, frequency
    from lma.forecasting.series import read_panel

    kind = frequency(freq)
    check_horizon(horizon)
    user_tables.check_places(table, result)
    panel = user_tables.read_table(table, as_text=("unique_id",))
    try:
        panel = mark_future(panel, kind, dt.date.today())
        forecasts = step(forecast_panel)(panel, horizon, kind.code)
    except InputError as error:  # the core knows rows, not files
        raise InputError(f"{table}: {error}") from error
    user_tables.write_table(forecasts, result)
    done = forecasts[forecasts["h"] > 0]
    absences = read_panel(panel, kind)[1] if len(done) < len(forecasts) else []
    console.print(
        f"{done['unique_id'].nunique()} series forecast, {len(absences)} refused, written to {result}",
        markup=False,
    )
    if len(done):
        _tell_champions(done, console)
    else:
        console.print(f"  no series was forecast: is {kind.code} the frequency of the panel?", markup=False)
    _tell_refusals(absences, result, console)


def _tell_champions(forecasts: pd.DataFrame, console: Console) -> None:
    """Which model made how many series, how they did against naive, and which numbers say little."""
    first = forecasts.drop_duplicates("unique_id")
    counts = first["model_id"].value_counts()
    named = ", ".join(
        f"{model_id} {n}"
        for model_id, n in counts.sort_index().sort_values(ascending=False, kind="stable").items()
    )
    console.print(f"  champions: {named}", markup=False)
    judged = first[first["mase_ratio"].notna()]
    if len(judged):
        origins = judged["n_origins"].astype(int)
        console.print(
            f"  error in the backtest: {judged['mase_ratio'].median():.3f} of naive's (median of {len(judged)} series, "
            f"{origins.min()} to {origins.max()} origins each)",
            markup=False,
        )
    _tell_reasons("marked", first.loc[first["reason"] != "", "reason"], console)


def _tell_reasons(what: str, reasons: pd.Series, console: Console) -> None:
    from lma.forecasting.series import REASONS

    for reason, n in reasons.value_counts().sort_index().items():
        console.print(f"  {what} {reason}: {n} ({REASONS[str(reason)]})", markup=False)


def _tell_refusals(absences: list[Any], result: Path, console: Console) -> None:
    """Every reason with its count and meaning, and the first refused series with the cell to blame."""
    _tell_reasons("refused", pd.Series([absence.reason for absence in absences], dtype=str), console)
    for absence in absences[:NAMED]:
        cell = f": {absence.cell}" if absence.cell else ""
        console.print(f"  {absence.unique_id}: no forecast, {absence.reason}{cell}", markup=False)
    if len(absences) > NAMED:
        console.print(f"  ... and {len(absences) - NAMED} more, in column reason of {result}", markup=False)
