"""T12 accuracy of the forecasts: the backtest of every candidate, hindcasts, and what past editions published."""

from __future__ import annotations

from typing import Any

import pandas as pd

from lma.assessment.cells import Key, Lineage, TableCells
from lma.assessment.profile import series_rows
from lma.assessment.selection import Record, select, single
from lma.contracts import TableSpec

ACCURACY_SPEC = TableSpec(
    "T12",
    "Accuracy of the forecasts",
    "First the backtest: each candidate on the country's own series, before sectors are made to sum to the total. Then hindcasts: the "
    "whole forecast made again today from the figures up to an earlier year, with no sight of later ones. Then what past editions "
    "published. All are compared with what came, and with the naive model, which says that nothing changes.",
    "Economic activity",
    ("N_BACKTEST", "N_CANDIDATES", "N_CHAMPION", "N_SCORES", "N_VINTAGE"),
)
HEAD = (
    Key("champion", "Champion model"), Key("evidence", "Forecasts"), Key("n_origins", "Origins"), Key("n_forecasts", "Forecasts scored"),
    Key("mase", "MASE: error over the mean yearly step"), Key("mase_ratio", "Error over the naive model's error"),
    Key("skill", "Skill: 1 - error over the naive model's error"), Key("skill_first", "Skill against the outcome as first published"),
    Key("coverage_80", "Outcomes inside the 80 % interval, %"), Key("coverage_95", "Outcomes inside the 95 % interval, %"),
    Key("bias", "Bias: forecast less outcome, persons"), Key("sign_hit", "Growth or decline said rightly, %"),
    Key("rel_hit", "Faster or slower than the average sector said rightly, %"),
    Key("growth_error", "Mean error of growth since the origin, percentage points"),
    Key("growth_error_first", "The same against the outcome as first published, percentage points"),
    Key("revision_error", "Growth revised from first to latest vintage, percentage points"),
    Key("dissimilarity", "Jobs put in the wrong sector (dissimilarity D), %"), Key("naive_dissimilarity", "The same for the naive model, %"),
)  # fmt: skip
BACKTEST_CELLS = (
    ("n_origins", "n_origins", 0, "NR", 1), ("mase", "mase", 2, "RATIO", 1), ("mase_ratio", "mase_ratio", 2, "RATIO", 1),
    ("skill", "skill", 2, "RATIO", 1), ("coverage_80", "coverage_80", 0, "PC", 100), ("coverage_95", "coverage_95", 0, "PC", 100),
    ("bias", "bias", 0, "PS", 1), ("sign_hit", "sign_hit", 0, "PC", 100),
)  # fmt: skip
PAST_CELLS = (
    ("n_origins", "n_origins", 0, "NR", 1), ("n_forecasts", "n_forecasts", 0, "NR", 1), ("mase_ratio", "mase_ratio", 2, "RATIO", 1),
    ("skill", "skill", 2, "RATIO", 1), ("coverage_80", "coverage_80", 0, "PC", 100), ("coverage_95", "coverage_95", 0, "PC", 100),
    ("bias", "bias", 0, "PS", 1), ("sign_hit", "sign_hit", 0, "PC", 100), ("rel_hit", "rel_hit", 0, "PC", 100),
    ("growth_error", "growth_error", 1, "PT", 1), ("revision_error", "revision_error", 2, "PT", 1), ("dissimilarity", "dissimilarity", 1, "PC", 100),
    ("naive_dissimilarity", "naive_dissimilarity", 1, "PC", 100),
)  # fmt: skip
FIRST_CELLS = (("skill_first", "skill", 2, "RATIO", 1), ("growth_error_first", "growth_error", 1, "PT", 1))
BLOCKS = (
    ("hindcast_cut", "HINDCAST", "hindcast", "hindcasts, made today from figures up to"),
    ("published", "PUBLISHED", "published", "published by past editions from figures up to"),
)
"""Evidence, beginning of its row ids, end of its row labels, and its name in words, before the years of the origins."""
SECTORS = "_S"


def accuracy_columns(scores: pd.DataFrame) -> list[Key]:
    """Columns of T12: the record, then one error ratio per candidate model."""
    return [
        *HEAD,
        *(
            Key(f"ratio_{model}", f"Error over naive's, candidate {model}")
            for model in sorted(scores["model_id"].unique())
        ),
    ]


def accuracy_table(
    ref_area: str, observations: pd.DataFrame, scores: pd.DataFrame, past: pd.DataFrame, lineage: Lineage
) -> pd.DataFrame:
    """Cells of T12: one row per series with a backtest, then per series and kind of past forecast.

    ``scores``: rows of marts.forecast_scores; ``past``: of marts.past_forecast_scores.
    """
    mine = select(scores, ref_area=ref_area, sex="_T", horizon=0)
    judged = select(past, ref_area=ref_area, sex="_T", horizon=0)
    columns = accuracy_columns(mine)
    table = TableCells(ref_area, "T12", columns, lineage)
    series = series_rows(select(observations, ref_area=ref_area), ref_area)
    for row, activity, kind in series:
        scored = select(mine, economic_activity=activity.id, basis_kind=kind)
        _add_backtest_row(table, row, scored, columns)
    for evidence, start, label, words in BLOCKS:
        _add_past_rows(table, (start, label, words), series, select(judged, evidence=evidence), columns)
    return table.frame()


def _add_backtest_row(table: TableCells, row: Key, scores: pd.DataFrame, columns: list[Key]) -> None:
    champion = single(scores, is_champion=True)
    absent = "no backtest: the series is too short or is not forecast"
    if champion is None:
        table.text(row, "champion", "no forecast")
    else:
        table.text(row, "champion", champion["model_id"], [champion["score_id"]])
    table.text(row, "evidence", "backtest of the candidates")
    for column, measure, decimals, unit, factor in BACKTEST_CELLS:
        add_score_cell(table, row, column, _with_skill(champion), measure, decimals, unit, factor, absent)
    for key in columns:
        if key.id.startswith("ratio_"):
            record = _of_candidate(single(scores, model_id=key.id.removeprefix("ratio_")))
            add_score_cell(table, row, key.id, record, "mase_ratio", 2, "RATIO", 1, absent)
    _fill_rest(table, row, columns, "given for hindcasts and published forecasts")


def _of_candidate(record: Record | None) -> Record | None:
    """A candidate's score with the origins it rests on: models fitted singly are asked at the last few only."""
    if record is None:
        return None
    origins = f"{record['n_origins']:.0f} {'origin' if record['n_origins'] == 1 else 'origins'}"
    return {**record, "step": f"mean absolute error of {record['model_id']} over that of naive, {origins}"}


def _with_skill(record: Record | None) -> Record | None:
    return None if record is None else {**record, "skill": 1 - record["mase_ratio"]}


def _add_past_rows(
    table: TableCells,
    words: tuple[str, str, str],
    series: list[tuple[Key, Key, str]],
    past: pd.DataFrame,
    columns: list[Key],
) -> None:
    """One row for the sectors of each kind of figures together, then one per series that has an outcome."""
    start, label, evidence = words
    if past.empty:
        row = Key(start, f"All series: {label}")
        table.text(row, "champion", "none scored")
        table.text(row, "evidence", evidence)
        _fill_rest(table, row, columns, f"no forecast has an outcome yet: {evidence}")
    together = [
        (Key(f"ALL_{kind.upper()}", f"All sectors, {kind} figures"), Key(SECTORS, ""), kind)
        for kind in ("modelled", "reported")
    ]
    for row, activity, kind in (*together, *series):
        scored = select(past, economic_activity=activity.id, basis_kind=kind)
        if len(scored):
            _add_past_row(
                table, Key(f"{start}_{row.id.strip('_')}", f"{row.label}: {label}"), scored, evidence, columns
            )


def _add_past_row(
    table: TableCells, row: Key, scored: pd.DataFrame, evidence: str, columns: list[Key]
) -> None:
    latest, first = (_with_ratio(single(scored, outcome=outcome)) for outcome in ("latest", "first"))
    table.text(row, "champion", latest["models"], [latest["score_id"]])
    table.text(row, "evidence", f"{evidence}, {latest['first_origin']}-{latest['last_origin']}")
    for column, measure, decimals, unit, factor in PAST_CELLS:
        add_score_cell(
            table, row, column, latest, measure, decimals, unit, factor, "no outcome", _why_empty(measure)
        )
    _add_first_cells(table, row, first)
    _fill_rest(table, row, columns, "given for the backtest")


def _add_first_cells(table: TableCells, row: Key, first: Record) -> None:
    """Scores against first outcomes; empty where only one vintage is loaded, which is the first by chance only."""
    for column, measure, decimals, unit, factor in FIRST_CELLS:
        if not first["n_revised"]:
            table.empty(row, column, "[x]", "the outcomes have one vintage only")
            continue
        add_score_cell(
            table, row, column, first, measure, decimals, unit, factor, "no outcome", _why_empty(measure)
        )


def _with_ratio(record: Record | None) -> dict[Any, Any]:
    """A score of past forecasts with the names of a backtest's."""
    found = dict(record or {})
    return {**found, "mase_ratio": 1 - found["skill"], "score_id": found["past_score_id"]}


def _why_empty(measure: str) -> str:
    return {
        "revision_error": "the outcomes have one vintage only",
        "dissimilarity": "a measure of all sectors together",
        "naive_dissimilarity": "a measure of all sectors together",
        "rel_hit": "needs several sectors with an outcome; a total has none to compare with",
        "sign_hit": "the naive model claims no direction",
    }.get(measure, "the naive model made no error")


def _fill_rest(table: TableCells, row: Key, columns: list[Key], reason: str) -> None:
    done = {cell["column_id"] for cell in table.cells if cell["row_id"] == row.id}
    for key in columns:
        if key.id not in done:
            table.empty(row, key.id, "[z]", reason)


def add_score_cell(
    table: TableCells,
    row: Key,
    column_id: str,
    record: Any,
    measure: str,
    decimals: int,
    unit: str,
    factor: int,
    absent: str,
    unscored: str = "not scored for this model",
) -> None:
    """Add one measure of a score (a row with score_id and step), or say why there is none."""
    if record is None or pd.isna(record[measure]):
        table.empty(row, column_id, "[x]", absent if record is None else unscored)
        return
    table.number(
        row,
        column_id,
        record[measure] * factor,
        unit,
        "projection",
        [record["score_id"]],
        record["step"],
        decimals=decimals,
    )
