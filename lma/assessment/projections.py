"""T5 projection, and the series of its charts."""

from __future__ import annotations

from typing import Any

import pandas as pd

from lma.assessment.accuracy import add_score_cell
from lma.assessment.cells import Key, Lineage, TableCells
from lma.assessment.profile import level_rows, series_rows
from lma.assessment.selection import latest, select, single
from lma.contracts import TableSpec
from lma.levels import REVISIONS, find_main_level

PROJECTION_NOTES = ("N_LEVEL", "N_PROJECTION", "N_MODELLED", "N_RECONCILED", "N_CHAMPION")


def projection_spec(first: int, last: int) -> TableSpec:
    """Heading of T5 for a span of years."""
    return TableSpec(
        "T5",
        f"Employment projection, {first}-{last}",
        "Central figure and 80 % interval of the champion model of each series, persons. The central figure is the middle (median) of what the "
        "model expects and stands for its mean; central figures of sectors sum to the total, ends of intervals do not. The champion may be the "
        "naive model. The backtest is of forecasts up to five years from the latest figure.",
        "Economic activity",
        PROJECTION_NOTES,
    )


def projection_columns(years: list[int]) -> list[Key]:
    """Columns of T5."""
    head = [
        Key("model", "Champion model"),
        Key("base", "Latest figure, persons"),
        Key("base_period", "Period of the latest figure"),
    ]
    yearly = [
        key
        for year in years
        for key in (
            Key(f"{year}", f"{year}, persons"),
            Key(f"{year}_lo80", f"{year}, lower end of 80 % interval"),
            Key(f"{year}_hi80", f"{year}, upper end of 80 % interval"),
        )
    ]
    last = years[-1]
    tail = [
        Key(f"{last}_lo95", f"{last}, lower end of 95 % interval"),
        Key(f"{last}_hi95", f"{last}, upper end of 95 % interval"),
        Key(f"{last}_naive", f"{last}, naive model, made to sum"),
        Key("growth", f"Growth from the latest figure to {last}, % a year"),
        Key("mase_ratio", "Error over the naive model's error, backtest"),
        Key("n_origins", "Backtest origins"),
    ]
    return head + yearly + tail


QUANTILES = {"_lo80": "0.1", "_hi80": "0.9", "_lo95": "0.025", "_hi95": "0.975"}


def projection_table(
    ref_area: str,
    years: list[int],
    observations: pd.DataFrame,
    forecasts: pd.DataFrame,
    scores: pd.DataFrame,
    lineage: Lineage,
) -> pd.DataFrame:
    """Cells of T5: champion's mean and intervals per series and year; a reason code where there is no forecast."""
    columns = projection_columns(years)
    table = TableCells(ref_area, "T5", columns, lineage)
    for row, activity, kind in series_rows(select(observations, ref_area=ref_area), ref_area):
        cell = {
            "ref_area": ref_area,
            "indicator": "EMP",
            "sex": "_T",
            "economic_activity": activity.id,
            "basis_kind": kind,
        }
        mine = select(forecasts, **cell)
        history = {"age": "_T", "citizenship": "_T", "freq": "A", "activity_revision": REVISIONS}
        _add_base(table, row, latest(observations, **history, **cell))
        _add_forecasts(table, row, mine, columns)
        _add_score(
            table,
            row,
            select(scores, ref_area=ref_area, sex="_T", economic_activity=activity.id, basis_kind=kind),
        )
    return table.frame()


def _add_base(table: TableCells, row: Key, base: Any) -> None:
    if base is None:
        table.empty(row, "base", "[x]", "no figure of this activity in the loaded sources")
        table.empty(row, "base_period", "[x]", "no figure of this activity in the loaded sources")
        return
    inputs = [base["observation_id"]]
    table.number(
        row,
        "base",
        base["obs_value"],
        base["unit_measure"],
        base["basis"],
        inputs,
        "as published",
        decimals=0,
        period=base["time_period"],
        status=base["obs_status"],
    )
    table.text(row, "base_period", base["time_period"], inputs)


def _add_forecasts(table: TableCells, row: Key, mine: pd.DataFrame, columns: list[Key]) -> None:
    refusal = select(mine, role="none")
    champion, naive = select(mine, role="champion"), select(mine, role="naive")
    reason = str(refusal.iloc[0]["reason"]) if len(refusal) else "no series to forecast"
    if champion.empty:
        table.text(
            row, "model", f"no forecast: {reason}", [] if refusal.empty else [refusal.iloc[0]["forecast_id"]]
        )
    else:
        table.text(row, "model", str(champion.iloc[0]["model_id"]), [champion.iloc[0]["forecast_id"]])
    for column in columns:
        if column.id[:4].isdigit():
            _add_forecast_cell(
                table, row, column.id, naive if column.id.endswith("_naive") else champion, reason
            )
    _add_growth(table, row, champion, columns, reason)


def _forecast_record(rows: pd.DataFrame, column_id: str) -> Any:
    year, suffix = column_id[:4], column_id[4:]
    if suffix in QUANTILES:
        return single(rows, target_period=year, output_type="quantile", output_type_id=QUANTILES[suffix])
    return single(rows, target_period=year, output_type="mean")


def _add_forecast_cell(table: TableCells, row: Key, column_id: str, rows: pd.DataFrame, reason: str) -> None:
    record = _forecast_record(rows, column_id)
    if record is None or pd.isna(record["value"]):
        table.empty(row, column_id, "[x]", f"no forecast: {reason}")
        return
    notes = ["N_PROJECTION"] if record["basis_kind"] == "reported" else ["N_PROJECTION", "N_MODELLED"]
    table.number(
        row, column_id, record["value"], record["unit_measure"], record["basis"], [record["forecast_id"]], record["step"],
        decimals=0, period=record["target_period"], status="F", footnotes=notes,
    )  # fmt: skip


def _add_growth(table: TableCells, row: Key, champion: pd.DataFrame, columns: list[Key], reason: str) -> None:
    base = next((c for c in table.cells if c["row_id"] == row.id and c["column_id"] == "base"), None)
    last_year = max(column.id[:4] for column in columns if column.id[:4].isdigit())
    record = _forecast_record(champion, last_year)
    if record is None or base is None or base["value"] is None or not base["value"] > 0:
        table.empty(row, "growth", "[x]", f"no forecast: {reason}")
        return
    span = int(last_year) - int(base["time_period"])
    growth = ((record["value"] / base["value"]) ** (1 / span) - 1) * 100
    inputs = [record["forecast_id"], *base["inputs"]]
    table.number(
        row,
        "growth",
        growth,
        "PC",
        "projection",
        inputs,
        f"compound growth a year over {span} years",
        period=last_year,
        status="F",
    )


def _add_score(table: TableCells, row: Key, scores: pd.DataFrame) -> None:
    champion = single(scores, horizon=0, is_champion=True)
    absent = "no backtest: the series is too short or is not forecast"
    add_score_cell(table, row, "mase_ratio", champion, "mase_ratio", 2, "RATIO", 1, absent)
    add_score_cell(table, row, "n_origins", champion, "n_origins", 0, "NR", 1, absent)


def chart_series(ref_area: str, observations: pd.DataFrame, forecasts: pd.DataFrame) -> pd.DataFrame:
    """Tidy history and forecast for charts: economic_activity, label, time_period, measure, value, inputs.

    The series are those of the country's main level, of one kind of figures. ``inputs``: the observation behind a
    point of the history; the forecast is in the cells of T5.
    """
    level = find_main_level(observations, ref_area)
    labels = {key.id: key.label for key in level_rows(level)}
    cell = {
        "ref_area": ref_area,
        "indicator": "EMP",
        "sex": "_T",
        "basis_kind": level.basis_kind,
        "economic_activity": list(labels),
    }
    known = {"freq": "A", "age": "_T", "citizenship": "_T", "activity_revision": REVISIONS}
    history = select(observations, **known, **cell)
    history = history.assign(measure="observed", value=history["obs_value"])
    history["inputs"] = [[observation_id] for observation_id in history["observation_id"]]
    ahead = select(forecasts, role="champion", **cell)
    names = {"0.025": "q025", "0.1": "q10", "0.5": "q50", "0.9": "q90", "0.975": "q975", "_Z": "mean"}
    ahead = ahead.assign(measure=ahead["output_type_id"].map(names), time_period=ahead["target_period"])
    ahead["inputs"] = [[] for _ in ahead.index]
    columns = ["economic_activity", "time_period", "measure", "value", "inputs"]
    series = pd.concat([history[columns], ahead[columns]], ignore_index=True).dropna(subset=["value"])
    series.insert(1, "label", series["economic_activity"].map(labels))
    order = {code: position for position, code in enumerate(labels)}
    return series.sort_values(
        ["economic_activity", "measure", "time_period"],
        key=lambda c: c.map(order) if c.name == "economic_activity" else c,
        ignore_index=True,
    )
