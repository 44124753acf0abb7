"""Employment of one country by sector: observations in, rows of marts.forecasts and marts.forecast_scores
out.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from lma.contracts import rule_set, table_contract
from lma.errors import InputError, UsageError
from lma.forecasting.combine import JUDGED_ALONE, WORSE_THAN_NAIVE
from lma.forecasting.engine import Engine
from lma.forecasting.intervals import LEVELS, tidy_quantiles
from lma.forecasting.level_breaks import adjust_levels
from lma.forecasting.models import LABELS
from lma.forecasting.outliers import find_passing
from lma.forecasting.panel import DECIMALS, PanelForecast, prepare_engine, run_panel
from lma.forecasting.reconcile import Key
from lma.forecasting.scores import Inside, Score, measure_coverage, score_series
from lma.forecasting.series import Absence, frequency
from lma.forecasting.structure import SEXES, Judged, Member, Path, judge_sums, reconcile_members
from lma.levels import KINDS, REVISIONS, UNCLASSIFIED, find_level

TOTAL = "_T"
STANDARD = {
    "freq": "A", "indicator": "EMP", "sex": "_T", "age": "_T", "counterpart_area": "_Z",
    "occupation": "_T", "citizenship": "_T", "unit_measure": "PS",
}  # fmt: skip
NOTHING = "none"
NO_SPLIT = "NO_SEX_SPLIT"
"""Reason code: the sources publish this activity for both sexes together only."""
Row = dict[str, Any]
KEY = ["ref_area", "indicator", "sex", "economic_activity", "basis_kind"]


@dataclass(frozen=True)
class Run:
    """A country's panel forecast with the observations behind it, by series id."""

    result: PanelForecast
    rows: dict[str, pd.DataFrame]
    target_year: int
    sectors: dict[str, tuple[str, ...]]

    @cached_property
    def keys(self) -> dict[str, Row]:
        """Codes of every series, by its id."""
        return {
            uid: dict(zip(KEY, rows[KEY].iloc[0].astype(str), strict=True)) for uid, rows in self.rows.items()
        }

    @cached_property
    def used(self) -> list[pd.DataFrame]:
        """Rows of known figures that each target was forecast from, in order of time."""
        return [_used_rows(self.rows[series.unique_id], series.start) for series in self.result.targets]

    @cached_property
    def used_ids(self) -> list[list[str]]:
        """Their observation ids."""
        return [[str(identifier) for identifier in rows["observation_id"]] for rows in self.used]

    @cached_property
    def histories(self) -> list[str]:
        """The history of each target in words."""
        return [_describe_history(self, place) for place in range(len(self.result.targets))]

    @cached_property
    def structures(self) -> list[tuple[dict[Key, Member], list[Judged]]]:
        """Of each kind: the targets by (sex, activity), and the sums among them."""
        return [(_members(self, kind), _judged(self, kind)) for kind in self.sectors]


@dataclass(frozen=True)
class World:
    """Employment of all countries: what the engine learns from, the split by sex, and the engine itself."""

    history: pd.DataFrame
    by_sex: pd.DataFrame
    engine: Engine | None


def learn_from(observations: pd.DataFrame, horizon: int | None = None) -> World:
    """What all countries teach, learnt once for any number of calls of ``forecast_country``.

    ``horizon``: years ahead with a regression of their own, ten where it is not given.
    """
    history = adjust_levels(select_history(observations), rule_set("breaks"))
    engine = prepare_engine(history, horizon or frequency("A").longest_direct, "A")
    return World(history, select_history(observations, (TOTAL, *SEXES)), engine)


def forecast_country(
    observations: pd.DataFrame,
    ref_area: str,
    horizon: int = 5,
    horizon_year: int | None = None,
    seed: int = 0,
    world: World | None = None,
    *,
    scored: bool = True,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Forecasts and scorecard of employment (EMP) of one country, in persons.

    ``observations``: rows of marts.observations of *all* countries: the pooled model learns from every
    annual employment series. Two histories are forecast, each on its own, modelled and reported: the total
    and the finest complete level of each, both also by sex where that is published; before a break only the
    growth is used. The last year is ``horizon_year``, or ``horizon`` years after the country's latest figure.
    Champion and naive stand side by side, with mean and quantiles; sectors and sexes sum to their totals for
    both. A series without a forecast has one row, role none, with a reason.

    Returns frames with exactly the columns of marts.forecasts and marts.forecast_scores. ``InputError``
    where the country has no annual employment at all; ``UsageError`` where horizon_year is not after the
    latest figure. Nothing random is used; ``seed`` is accepted and changes nothing. ``world``: of the same
    observations, where several countries are forecast. Without ``scored`` the scorecard is empty, and the models
    that are only on it are not asked.
    """
    world = world or learn_from(observations)
    own = adjust_levels(own_history(world.by_sex, ref_area), rule_set("breaks"))
    known = own[own["obs_value"].notna()]
    latest = (own if known.empty else known)["ds"].max()
    target_year = _target_year(ref_area, int(latest), horizon, horizon_year)
    earliest = known.groupby("unique_id")["ds"].max().min() if len(known) else target_year - 1
    result = run_panel(own, max(target_year - int(earliest), 1), "A", singly=scored, engine=world.engine)
    by_series = {str(uid): rows for uid, rows in own.groupby("unique_id")}
    run = Run(result, by_series, target_year, find_sectors(world.history, ref_area))
    return _as_table(list_forecasts(run), "marts.forecasts"), _as_table(
        list_scores(run) if scored else [], "marts.forecast_scores"
    )


def _target_year(ref_area: str, latest: int, horizon: int, horizon_year: int | None) -> int:
    target = latest + horizon if horizon_year is None else horizon_year
    if target <= latest:
        raise UsageError(
            f"{target} is not after {latest}, the latest employment figure of {ref_area}: give a later year."
        )
    return target


def _as_table(rows: list[Row], name: str) -> pd.DataFrame:
    table = table_contract(name)
    key = table.column_names[0]
    out = pd.DataFrame(rows, columns=table.column_names)
    numbers = [c.name for c in table.columns if c.physical_type == "DOUBLE"]
    out[numbers] = out[numbers].astype(float).round(DECIMALS)
    return out.sort_values(key, kind="stable", ignore_index=True)


# ---------------------------------------------------------------- history


def select_history(observations: pd.DataFrame, sexes: tuple[str, ...] = (TOTAL,)) -> pd.DataFrame:
    """Annual employment series of all countries as a panel: unique_id, ds (year), y, is_break, and the
    row's own columns. Parts of countries (``CA-BC``) are not among them.

    unique_id is basis_kind/ref_area/activity_revision/economic_activity/sex.
    """
    alike = {name: code for name, code in STANDARD.items() if name != "sex"}
    wanted = np.logical_and.reduce([observations[column] == value for column, value in alike.items()])
    wanted &= observations["sex"].isin(sexes)
    rows: pd.DataFrame = observations[
        wanted & ~observations["ref_area"].str.contains("-", regex=False, na=False)
    ]
    series = ["basis_kind", "ref_area", "activity_revision", "economic_activity", "sex"]
    ids = ["/".join(codes) for codes in zip(*(rows[name].astype(str) for name in series), strict=True)]
    years, values = rows["time_period"].astype(int), rows["obs_value"].astype(float)
    return rows.assign(unique_id=pd.Series(ids, index=rows.index, dtype=object), ds=years, y=values)


def find_sectors(history: pd.DataFrame, ref_area: str) -> dict[str, tuple[str, ...]]:
    """Activities that are forecast beside the total, by kind of figures: the finest complete level.

    Reported persons whose activity is not classified are a part of the reported total.
    """
    codes = {kind: find_level(history, ref_area, kind).codes for kind in KINDS}
    return {
        kind: (*found, UNCLASSIFIED) if found and kind == "reported" else found
        for kind, found in codes.items()
    }


def own_history(history: pd.DataFrame, ref_area: str) -> pd.DataFrame:
    """Rows of the country's own series that are forecast; ``InputError`` where there is none.

    By sex only what is forecast for both sexes, in the same classification.
    """
    rows = history[(history["ref_area"] == ref_area) & history["activity_revision"].isin(REVISIONS)]
    sectors = find_sectors(history, ref_area)
    mine = [
        code in (*sectors[kind], TOTAL)
        for code, kind in zip(rows["economic_activity"], rows["basis_kind"], strict=True)
    ]
    own = rows[np.array(mine, dtype=bool)]
    preferred = own["activity_revision"].map(REVISIONS.index)
    both = preferred.where(own["sex"] == TOTAL)
    best = both.groupby([own["basis_kind"], own["economic_activity"]]).transform("min")
    own = own[preferred == best]
    if own.empty:
        raise InputError(
            f"{ref_area} has no annual employment (EMP, {TOTAL} or sectors) in marts.observations: "
            "refresh or ingest a source that has it."
        )
    return own


# ---------------------------------------------------------------- forecasts


def list_forecasts(run: Run) -> list[Row]:
    """Rows of marts.forecasts: champion and naive of every series, one row of role none where there is no
    forecast.
    """
    rows = [_absence_row(run, absence) for absence in run.result.absences] + _unsplit_rows(run)
    for role in ("champion", "naive"):
        models = run.result.champions if role == "champion" else ["naive"] * len(run.result.targets)
        paths = reconciled_paths(run, models)
        for place, path in enumerate(paths):
            rows += _path_rows(run, place, models[place], role, path)
    return rows


def reconciled_paths(run: Run, models: list[str]) -> list[Path]:
    """Path of every target by the given models; sectors, sexes and totals reconciled where possible."""
    result = run.result
    paths = [Path(result.mean(p, m), result.raw_quantiles(p, m)) for p, m in enumerate(models)]
    for members, judged in run.structures:
        for place, path in reconcile_members(members, judged, paths, result.backtest, models).items():
            paths[place] = path
    return [replace(p, quantiles=tidy_quantiles(p.quantiles, not_negative=True)) for p in paths]


def _members(run: Run, kind: str) -> dict[Key, Member]:
    """The targets of one kind by (sex, activity), totals and both sexes first."""
    found: dict[Key, Member] = {}
    for place, series in enumerate(run.result.targets):
        rows, key = run.rows[series.unique_id], run.keys[series.unique_id]
        if key["basis_kind"] == kind:
            code = (key["sex"], key["economic_activity"])
            found[code] = Member(place, code, series, rows)
    return found


def _judged(run: Run, kind: str) -> list[Judged]:
    published = _published(run, kind)
    sectors = [code for code in run.sectors[kind] if (TOTAL, code) in published]
    return judge_sums(_members(run, kind), list(published), (SEXES, sectors))


def _published(run: Run, kind: str) -> dict[Key, str]:
    """Series ids of one kind by (sex, activity), forecast or not."""
    return {
        (key["sex"], key["economic_activity"]): uid
        for uid, key in run.keys.items()
        if key["basis_kind"] == kind
    }


def _path_rows(run: Run, place: int, model_id: str, role: str, path: Path) -> list[Row]:
    series = run.result.targets[place]
    key = {
        **run.keys[series.unique_id],
        "model_id": model_id,
        "role": role,
        "origin_date": f"{series.end:04d}",
    }
    inputs = [*run.used_ids[place], *path.borrowed]
    rows = []
    for h in range(1, run.target_year - series.end + 1):
        step = describe_step(run, place, model_id, path.reconciled, h)
        values = [("mean", "_Z", path.mean[h - 1])]
        values += [
            ("quantile", str(level), q) for level, q in zip(LEVELS, path.quantiles[h - 1], strict=True)
        ]
        rows += [
            _forecast_row(key, h, series.end + h, kind, level, value, None, step, inputs)
            for kind, level, value in values
        ]
    return rows


def _forecast_row(
    key: Row,
    horizon: int,
    year: int,
    kind: str,
    level: str,
    value: float | None,
    reason: str | None,
    step: str,
    inputs: list[str],
) -> Row:
    row = {**key, "horizon": horizon, "output_type": kind, "output_type_id": level}
    named = ":".join(str(row[name]) for name in table_contract("marts.forecasts").primary_key)
    return {
        **row, "forecast_id": f"F:{named}", "target_period": f"{year:04d}", "value": value,
        "unit_measure": "PS", "basis": "projection", "reason": reason, "step": step, "inputs": list(inputs),
    }  # fmt: skip


def _absence_row(run: Run, absence: Absence) -> Row:
    key = {
        **run.keys[absence.unique_id],
        "model_id": NOTHING,
        "role": NOTHING,
        "origin_date": f"{absence.end:04d}",
    }
    rows = run.rows[absence.unique_id]
    known, breaks = rows[rows["y"].notna()], rows.loc[rows["is_break"].astype(bool), "ds"]
    words = {
        "ALL_MISSING": "every figure is missing",
        "GAPS": "too many years are missing",
        "TOO_SHORT": f"{len(known)} annual values, at least 8 are needed",
        "SHORT_AFTER_BREAK": f"break in {breaks.max()}, too few values since: at least 8 are needed",
    }
    step = f"no forecast: {words.get(absence.reason, absence.cell)}"
    return _forecast_row(
        key, 0, absence.end, "mean", "_Z", None, absence.reason, step, rows["observation_id"].tolist()
    )


def _unsplit_rows(run: Run) -> list[Row]:
    """One row of role none for every activity and sex that the sources do not publish apart."""
    return [
        _unsplit_row(run, uid, sex)
        for kind in run.sectors
        for (both, code), uid in _published(run, kind).items()
        for sex in SEXES
        if both == TOTAL and (sex, code) not in _published(run, kind)
    ]


def _unsplit_row(run: Run, unique_id: str, sex: str) -> Row:
    rows = run.rows[unique_id]
    last = rows[rows["ds"] == rows["ds"].max()]
    key = {**run.keys[unique_id], "sex": sex, "model_id": NOTHING, "role": NOTHING}
    key["origin_date"] = f"{int(last['ds'].iloc[0]):04d}"
    step = f"no forecast: the sources publish {key['economic_activity']} for both sexes together only"
    ids = [str(identifier) for identifier in last["observation_id"]]
    return _forecast_row(key, 0, int(last["ds"].iloc[0]), "mean", "_Z", None, NO_SPLIT, step, ids)


def _used_rows(rows: pd.DataFrame, start: int) -> pd.DataFrame:
    return rows[(rows["ds"] >= start) & rows["y"].notna()].sort_values("ds")


def describe_step(run: Run, place: int, model_id: str, reconciled: str, h: int) -> str:
    """How one forecast was made, in words: model, history, intervals, reconciliation."""
    offsets = run.result.offsets[model_id]
    pooled = f"{offsets.n_errors[h - 1]} rolling-origin errors pooled over {run.result.n_learnt} series"
    if offsets.across_horizons[h - 1]:
        pooled += ", all horizons together scaled by the square root of the horizon"
    return f"{LABELS[model_id]}, from {run.histories[place]}; 50, 80 and 95 % intervals from {pooled}; {reconciled}"


def _describe_history(run: Run, place: int) -> str:
    series, used = run.result.targets[place], run.used[place]
    words = f"{len(used)} annual values {series.start}-{series.end}"
    if len(used) < len(series.values):
        words += f" ({len(series.values) - len(used)} missing filled with the value before)"
    words += _describe_breaks(run.rows[series.unique_id], series.start)
    passing = [
        series.start + place
        for first, last in find_passing(series.values)
        for place in range(first, last + 1)
    ]
    if passing:
        words += f" ({_listed(passing)} stands out and passed, left as published)"
    projected = used.loc[used["basis"] == "projection", "ds"].tolist()
    if projected:
        words += f" (the publisher's own projection in {', '.join(map(str, projected))})"
    return (
        f"{words}, modelled estimates of the publisher"
        if "modelled_estimate" in set(used["basis"])
        else words
    )


def _describe_breaks(rows: pd.DataFrame, start: int) -> str:
    """Which breaks were adjusted, and whether one was not and cuts the history."""
    since = rows[rows["ds"] > start]
    joined, suspected = since["is_joined"], since["is_suspected"]
    words = "".join(
        f" (values before the {kind} of {_listed(since.loc[chosen, 'ds'])} brought to the level since)"
        for kind, chosen in (("break", joined & ~suspected), ("suspected break", joined & suspected))
        if chosen.any()
    )
    is_cut = rows["is_break"].astype(bool).any() and start > int(rows["ds"].min())
    return f"{words} (after the last break)" if is_cut else words


def _listed(years: Iterable[int]) -> str:
    return ", ".join(map(str, sorted(years)))


# ---------------------------------------------------------------- scores


def list_scores(run: Run) -> list[Row]:
    """Rows of marts.forecast_scores: every model that could forecast the series at some origin, horizon 0 =
    all.
    """
    backtest = run.result.backtest
    rows = []
    for model_id in backtest.forecasts:
        inside = measure_coverage(backtest, model_id)
        for place in range(len(run.result.targets)):
            rows += _score_rows(run, place, model_id, inside)
    return rows


def _score_rows(run: Run, place: int, model_id: str, inside: Inside) -> list[Row]:
    scores = score_series(run.result.backtest, place, model_id, inside)
    if not scores[0].n_origins:
        return []
    step, inputs = _describe_backtest(run, place), run.used_ids[place]
    champion = run.result.champions[place] == model_id
    return [_score_row(run, place, model_id, score, champion, step, inputs) for score in scores]


def _score_row(
    run: Run, place: int, model_id: str, score: Score, champion: bool, step: str, inputs: list[str]
) -> Row:
    key = {**run.keys[run.result.targets[place].unique_id], "model_id": model_id, "horizon": score.horizon}
    named = ":".join(str(key[name]) for name in table_contract("marts.forecast_scores").primary_key)
    return {
        **key,
        **score.__dict__,
        "score_id": f"K:{named}",
        "is_champion": champion,
        "step": step,
        "inputs": list(inputs),
    }


def _describe_backtest(run: Run, place: int) -> str:
    backtest = run.result.backtest
    origins = backtest.period[backtest.series == place]
    return (
        f"forecast at {len(origins)} rolling origins {origins.min()}-{origins.max()}, each seeing nothing "
        "dated after it, before reconciliation; coverage of intervals calibrated on errors dated before each "
        "origin; the champion is the combination, and the last value where over "
        f"{JUDGED_ALONE} origins or more of the series the combination erred over {WORSE_THAN_NAIVE} times as much"
    )
