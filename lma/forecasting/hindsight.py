"""Past forecasts and what came of them: what is kept, hindcasts, outcomes by vintage, scores.

A level that is revised is no forecast error. So the growth of an outcome is taken within one vintage, from the
origin to the target, and the forecast is carried into the levels of that vintage. The outcome is read twice: as
first published, and from the latest vintage of the same source. What lies between the two is told apart.
"""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from lma.contracts import table_contract
from lma.errors import InputError
from lma.forecasting import accuracy
from lma.forecasting.country import STANDARD, TOTAL, forecast_country, learn_from, own_history, select_history

PUBLISHED, AS_OF_VINTAGE, AS_CUT = "published", "hindcast_vintage", "hindcast_cut"
SECTORS = "_S"
"""Activity under which the scores of all sectors together stand."""

DECIMALS = 6
SERIES = ["ref_area", "indicator", "sex", "economic_activity", "basis_kind"]
FORECAST = [*SERIES, "evidence", "as_of", "origin_date", "horizon", "target_period"]
CELL = [*SERIES, "activity_revision", "time_period"]
ASKED = [*SERIES, "activity_revision", "source_id", "origin_date", "target_period"]
QUANTILES = {"0.025": "lo95", "0.1": "lo80", "0.9": "hi80", "0.975": "hi95"}
MEASURES = {
    "mae": "error_size", "naive_mae": "naive_error_size", "bias": "error", "growth_error": "growth_error",
    "forecast_growth": "forecast_size", "outcome_growth": "outcome_size", "coverage_80": "inside_80",
    "coverage_95": "inside_95", "sign_hit": "sign_hit", "rel_hit": "rel_hit",
}  # fmt: skip
REVISIONS = {"revision_error": "revision_size", "revision_bias": "revision"}


# ---------------------------------------------------------------- what is kept


def keep_forecasts(
    forecasts: pd.DataFrame,
    observations: pd.DataFrame,
    evidence: str,
    as_of: dt.date,
    edition: str | None = None,
) -> pd.DataFrame:
    """Rows of marts.past_forecasts from rows of marts.forecasts.

    ``observations``: the figures the forecasts were made from; the figure of each origin is read from them. A
    row without a forecast, or whose origin has no figure among its inputs, is left out.
    """
    made = forecasts[forecasts["role"].isin(("champion", "naive"))]
    origins = _find_origins(made, observations)
    rows = made.merge(origins, on=[*SERIES, "origin_date"])
    rows = rows.assign(evidence=evidence, as_of=as_of, edition=edition)
    contract = table_contract("marts.past_forecasts")
    rows = rows.assign(past_forecast_id=_name_rows(rows, "P:", list(contract.primary_key)))
    return rows[contract.column_names].sort_values("past_forecast_id", kind="stable", ignore_index=True)


def _name_rows(rows: pd.DataFrame, prefix: str, key: list[str]) -> list[str]:
    return [prefix + ":".join(map(str, values)) for values in rows[key].itertuples(index=False)]


def _find_origins(forecasts: pd.DataFrame, observations: pd.DataFrame) -> pd.DataFrame:
    """Figure of the origin of every series: SERIES, origin_date, origin_value, activity_revision, source_id."""
    one = forecasts.drop_duplicates([*SERIES, "origin_date"])[[*SERIES, "origin_date", "inputs"]]
    ids = one.explode("inputs").rename(columns={"inputs": "observation_id"})
    figures = observations.drop_duplicates("observation_id")
    wanted = ["observation_id", *CELL, "obs_value", "source_id"]
    found = ids.merge(_without_revision_of_totals(figures[wanted]), on=["observation_id", *SERIES])
    found = found[(found["time_period"] == found["origin_date"]) & found["obs_value"].notna()]
    found = found.rename(columns={"obs_value": "origin_value"}).drop_duplicates([*SERIES, "origin_date"])
    return found[[*SERIES, "origin_date", "origin_value", "activity_revision", "source_id"]]


def _without_revision_of_totals(rows: pd.DataFrame) -> pd.DataFrame:
    """The total of an economy is the same in every classification of its activities."""
    is_total = rows["economic_activity"] == TOTAL
    return rows.assign(activity_revision=rows["activity_revision"].mask(is_total, "_Z"))


# ---------------------------------------------------------------- hindcasts


def choose_origins(observations: pd.DataFrame, ref_area: str, horizon: int, n_origins: int) -> list[int]:
    """Years to forecast from again: the last ones that leave an outcome ``horizon`` years ahead.

    Projections of the publisher are no outcomes. Empty where the country has no annual employment.
    """
    try:
        own = own_history(select_history(observations), ref_area)
    except InputError:
        return []
    known = own[own["obs_value"].notna() & (own["basis"] != "projection")]
    if known.empty:
        return []
    last = int(known["ds"].max()) - horizon
    return list(range(last - n_origins + 1, last + 1))


def hindcast_cut(
    observations: pd.DataFrame, origins: Mapping[str, Sequence[int]], horizon: int
) -> pd.DataFrame:
    """Rows of marts.past_forecasts: the engine run again at each origin on the figures up to it, of all countries.

    ``origins``: of each country. Model, intervals and reconciliation are chosen anew and see nothing dated after
    the origin. The figures are those of today's vintages: where vintages of the time exist,
    ``hindcast_vintage`` is the stricter test.
    """
    made, years = [], observations["time_period"].str[:4].astype(int)
    for origin in sorted({origin for asked in origins.values() for origin in asked}):
        asked = [code for code in origins if origin in origins[code]]
        known_on = observations["as_of"].max()
        rows = _hindcast(observations[years <= origin], asked, horizon, AS_CUT, known_on)
        made.append(rows[rows["origin_date"] == str(origin)])
    return stack(made)


def hindcast_vintage(
    known: pd.DataFrame, ref_areas: Sequence[str], horizon: int, as_of: dt.date
) -> pd.DataFrame:
    """Rows of marts.past_forecasts: the engine run on marts.observations as it was on a date."""
    return _hindcast(known, ref_areas, horizon, AS_OF_VINTAGE, as_of)


def _hindcast(
    observations: pd.DataFrame, ref_areas: Sequence[str], horizon: int, evidence: str, as_of: dt.date
) -> pd.DataFrame:
    world, made = learn_from(observations, horizon), []
    for code in ref_areas:
        with contextlib.suppress(InputError):  # nothing was known of the country yet
            forecasts, _ = forecast_country(observations, code, horizon=horizon, world=world, scored=False)
            made.append(keep_forecasts(forecasts, observations, evidence, as_of))
    return stack(made)


def stack(parts: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Rows of marts.past_forecasts of several parts, which may be empty."""
    filled = [part for part in parts if len(part)]
    return pd.concat(filled, ignore_index=True) if filled else no_past_forecasts()


def no_past_forecasts() -> pd.DataFrame:
    """A table marts.past_forecasts without rows."""
    return pd.DataFrame(columns=table_contract("marts.past_forecasts").column_names)


# ---------------------------------------------------------------- outcomes


def list_outcomes(
    past: pd.DataFrame, vintages: pd.DataFrame, breaks: pd.DataFrame, priorities: Mapping[str, int]
) -> pd.DataFrame:
    """What came of every forecast: ASKED, outcome (first, latest), outcome_as_of, outcome_source, origin_then,
    actual, n_vintages, and the ids of both figures.

    ``vintages``: rows of staging.observations, every vintage of every source; ``breaks``: those of
    marts.observations that are a break; ``priorities``: of sources, lower is better. A vintage counts where it
    has the target as a figure, not a projection, and the origin in it or an earlier one of the same source; a
    source with less priority than that of the origin never counts, and nothing is compared across a break of
    the source. The first outcome is the oldest of these vintages, the latest the newest of the same source: a
    vintage that comes later never changes the first.
    """
    figures = _read_vintages(vintages, priorities)
    asked = (
        past[ASKED].drop_duplicates().assign(priority_allowed=lambda rows: rows["source_id"].map(priorities))
    )
    targets = figures[figures["basis"] != "projection"].rename(
        columns={"source_id": "outcome_source", "time_period": "target_period", "obs_value": "actual",
                 "observation_id": "target_id"}
    )  # fmt: skip
    found = asked.merge(targets, on=[*SERIES, "activity_revision", "target_period"])
    found = found[found["priority"] <= found["priority_allowed"]]
    found = _leave_out_broken(_add_origins(found, figures), breaks)
    return _take_first_and_latest(found)


def _read_vintages(vintages: pd.DataFrame, priorities: Mapping[str, int]) -> pd.DataFrame:
    """Annual employment, by sex too, of every vintage with its kind of basis, as marts.observations has it."""
    alike = {name: code for name, code in STANDARD.items() if name != "sex"}
    wanted = np.logical_and.reduce([vintages[column] == value for column, value in alike.items()])
    rows: pd.DataFrame = vintages[wanted & vintages["obs_value"].notna()]
    modelled = rows["basis"].isin(("modelled_estimate", "projection"))
    rows = rows.assign(
        basis_kind=np.where(modelled, "modelled", "reported"),
        known=pd.to_datetime(rows["as_of"]),
        priority=rows["source_id"].map(priorities),
    )
    columns = [*CELL, "source_id", "known", "obs_value", "basis", "observation_id", "priority"]
    return _without_revision_of_totals(rows[columns])


def _add_origins(found: pd.DataFrame, figures: pd.DataFrame) -> pd.DataFrame:
    """The figure of the origin as each vintage of the outcome knew it: its own, or the newest before it."""
    origins = figures.rename(
        columns={"source_id": "outcome_source", "time_period": "origin_date", "obs_value": "origin_then",
                 "observation_id": "origin_id"}
    )  # fmt: skip
    same = [*SERIES, "activity_revision", "outcome_source", "origin_date"]
    joined = pd.merge_asof(
        found.sort_values("known", kind="stable"),
        origins[[*same, "known", "origin_then", "origin_id"]].sort_values("known", kind="stable"),
        on="known",
        by=same,
    )
    with_origin: pd.DataFrame = joined[joined["origin_then"] > 0]
    return with_origin


def _leave_out_broken(found: pd.DataFrame, breaks: pd.DataFrame) -> pd.DataFrame:
    """Without outcomes that lie behind a break of their own source; a change of source is none."""
    own = breaks[~breaks["break_reason"].fillna("").str.startswith("source changes")]
    own = _without_revision_of_totals(own[[*CELL, "source_id"]]).rename(
        columns={"source_id": "outcome_source", "time_period": "break_period"}
    )
    rows = found.reset_index(drop=True)
    joined = rows.reset_index().merge(own, on=[*SERIES, "activity_revision", "outcome_source"])
    inside = (joined["break_period"] > joined["origin_date"]) & (
        joined["break_period"] <= joined["target_period"]
    )
    return rows[~rows.index.isin(joined.loc[inside, "index"])]


def _take_first_and_latest(found: pd.DataFrame) -> pd.DataFrame:
    ordered = found.sort_values(["known", "priority", "outcome_source"], kind="stable")
    first = ordered.drop_duplicates(ASKED)
    same_source = ordered.merge(first[[*ASKED, "outcome_source"]], on=[*ASKED, "outcome_source"])
    counts = same_source.groupby(ASKED)["known"].nunique().rename("n_vintages").reset_index()
    latest = same_source.drop_duplicates(ASKED, keep="last")
    both = pd.concat([first.assign(outcome="first"), latest.assign(outcome="latest")], ignore_index=True)
    return both.rename(columns={"known": "outcome_as_of"}).merge(counts, on=ASKED)


# ---------------------------------------------------------------- scores


def score_past_forecasts(past: pd.DataFrame, outcomes: pd.DataFrame) -> pd.DataFrame:
    """Rows of marts.past_forecast_scores: by series, evidence, outcome and horizon, and of all sectors together.

    ``past``: rows of marts.past_forecasts; ``outcomes``: of ``list_outcomes``. Forecasts without an outcome are
    not scored.
    """
    contract = table_contract("marts.past_forecast_scores")
    pairs = compare(past, outcomes)
    if pairs.empty:
        return pd.DataFrame(columns=contract.column_names)
    every = [pairs, pairs[pairs["economic_activity"] != TOTAL].assign(economic_activity=SECTORS)]
    both = pd.concat(every, ignore_index=True)
    scores = pd.concat([_summarise(both.assign(horizon=0)), _summarise(both)], ignore_index=True)
    scores = _add_words(_add_dissimilarity(scores, pairs, past))
    numbers = [c.name for c in contract.columns if c.physical_type == "DOUBLE"]
    scores[numbers] = scores[numbers].astype(float).round(DECIMALS)
    return scores[contract.column_names].sort_values("past_score_id", kind="stable", ignore_index=True)


def compare(past: pd.DataFrame, outcomes: pd.DataFrame) -> pd.DataFrame:
    """One row per forecast and outcome: the forecast in the levels of the outcome's vintage, errors and hits.

    Columns FORECAST, outcome, model_id, mean, naive, lo80 ... hi95, actual, origin_then, forecast_growth,
    outcome_growth (ratios), revision (percentage points; NaN for one vintage), and the columns of MEASURES.
    """
    wide = _widen(past)
    pairs = wide.merge(outcomes, on=ASKED)
    if pairs.empty:
        return pairs
    for name in ("mean", "naive", *QUANTILES.values()):
        seen, then = (pairs[column].to_numpy() for column in ("origin_value", "origin_then"))
        pairs[name] = accuracy.rebase(pairs[name].to_numpy(), seen, then)
    forecast = accuracy.growth_since(pairs["mean"].to_numpy(), pairs["origin_then"].to_numpy())
    outcome = accuracy.growth_since(pairs["actual"].to_numpy(), pairs["origin_then"].to_numpy())
    error = pairs["mean"] - pairs["actual"]
    # The naive model claims no direction, and what reconciliation moves it by is no claim either.
    claims = np.where(pairs["model_id"] == "naive", np.nan, forecast)
    pairs = pairs.assign(
        activity_code=pairs["economic_activity"], forecast_growth=forecast, outcome_growth=outcome, error=error, error_size=error.abs(),
        naive_error_size=(pairs["naive"] - pairs["actual"]).abs(), growth_error=np.abs(forecast - outcome) * 100,
        forecast_size=np.abs(forecast) * 100, outcome_size=np.abs(outcome) * 100,
        inside_80=_inside(pairs, "lo80", "hi80"), inside_95=_inside(pairs, "lo95", "hi95"),
        sign_hit=accuracy.sign_hits(claims, outcome),
    )  # fmt: skip
    return _add_revision(_add_relative_hits(pairs))


def _widen(past: pd.DataFrame) -> pd.DataFrame:
    """One row per forecast of a champion, with the mean, its quantiles and the naive forecast beside it."""
    champion = past[(past["role"] == "champion") & (past["output_type"] == "mean")]
    naive = past[(past["role"] == "naive") & (past["output_type"] == "mean")]
    wide = champion.rename(columns={"value": "mean"}).merge(
        naive[[*FORECAST, "value"]].rename(columns={"value": "naive"}), on=FORECAST, how="left"
    )
    ends = past[(past["role"] == "champion") & past["output_type_id"].isin(list(QUANTILES))]
    by_level = ends.assign(end=ends["output_type_id"].map(QUANTILES)).pivot_table(
        index=FORECAST, columns="end", values="value"
    )
    return wide.merge(
        by_level.reindex(columns=list(QUANTILES.values())).reset_index(), on=FORECAST, how="left"
    )


def _inside(pairs: pd.DataFrame, low: str, high: str) -> pd.Series[float]:
    inside = (pairs["actual"] >= pairs[low]) & (pairs["actual"] <= pairs[high])
    return inside.astype(float).where(pairs[low].notna() & pairs[high].notna())


def _add_relative_hits(pairs: pd.DataFrame) -> pd.DataFrame:
    """Growth against the mean of the sectors forecast from the same origin for the same period; none for a total."""
    together = [
        "ref_area",
        "sex",
        "basis_kind",
        "evidence",
        "as_of",
        "origin_date",
        "target_period",
        "outcome",
    ]
    hits = pd.Series(np.nan, index=pairs.index)
    for _, rows in pairs[pairs["economic_activity"] != TOTAL].groupby(together, sort=False):
        hits[rows.index] = accuracy.relative_hits(
            rows["forecast_growth"].to_numpy(), rows["outcome_growth"].to_numpy()
        )
    return pairs.assign(rel_hit=hits)


def _add_revision(pairs: pd.DataFrame) -> pd.DataFrame:
    """Growth of the latest vintage minus that of the first, in percentage points; NaN where there is one vintage."""
    by_outcome = pairs.pivot_table(index=FORECAST, columns="outcome", values="outcome_growth")
    moved = ((by_outcome["latest"] - by_outcome["first"]) * 100).rename("revision").reset_index()
    pairs = pairs.merge(moved, on=FORECAST, how="left")
    revision = pairs["revision"].where(pairs["n_vintages"] > 1)
    return pairs.assign(revision=revision, revision_size=revision.abs())


def _summarise(pairs: pd.DataFrame) -> pd.DataFrame:
    key = [*SERIES, "evidence", "outcome", "horizon"]
    grouped = pairs.groupby(key, sort=True)
    means = grouped.agg(**{name: (column, "mean") for name, column in (MEASURES | REVISIONS).items()})
    facts = grouped.agg(
        n_forecasts=("mean", "size"), n_origins=("origin_date", "nunique"), first_origin=("origin_date", "min"),
        last_origin=("origin_date", "max"), n_revised=("revision", "count"), unit_measure=("unit_measure", "first"),
    )  # fmt: skip
    ids = grouped[["past_forecast_id", "origin_id", "target_id"]].agg(list)
    sets = [{*forecasts, *first, *last} for forecasts, first, last in ids.itertuples(index=False)]
    inputs = pd.Series([sorted(found) for found in sets], index=ids.index, dtype=object)
    models = grouped[["activity_code", "as_of", "origin_date", "model_id"]].apply(_name_models)
    out = pd.concat([means, facts], axis=1).assign(inputs=inputs, models=models)
    pairs_of_errors = zip(out["mae"], out["naive_mae"], strict=True)
    return out.assign(skill=[accuracy.skill(mae, naive) for mae, naive in pairs_of_errors]).reset_index()


def _name_models(rows: pd.DataFrame) -> str:
    """Champions and for how many series and origins each was chosen, the most frequent first."""
    chosen = rows.drop_duplicates(["activity_code", "as_of", "origin_date"])
    counts = chosen["model_id"].value_counts().sort_index().sort_values(ascending=False, kind="stable")
    return ", ".join(f"{model} ({n})" for model, n in counts.items())


def _add_dissimilarity(scores: pd.DataFrame, pairs: pd.DataFrame, past: pd.DataFrame) -> pd.DataFrame:
    """Mean D over the forecasts of which every sector has an outcome, for the rows of all sectors."""
    made = past[past["economic_activity"] != TOTAL]
    run = ["ref_area", "indicator", "sex", "basis_kind", "evidence", "as_of", "origin_date"]
    n_forecast = made.groupby(run)["economic_activity"].nunique().to_dict()
    sectors = pairs[pairs["economic_activity"] != TOTAL]
    key, found = ["ref_area", "indicator", "sex", "basis_kind", "evidence", "outcome", "horizon"], []
    for group, rows in sectors.groupby([*run, "horizon", "outcome"], sort=True):
        record = dict(zip([*run, "horizon", "outcome"], group, strict=True))
        if len(rows) == n_forecast[group[: len(run)]] and len(rows) > 1:
            actual = rows["actual"].to_numpy()
            record["dissimilarity"] = accuracy.dissimilarity(rows["mean"].to_numpy(), actual)
            record["naive_dissimilarity"] = accuracy.dissimilarity(rows["naive"].to_numpy(), actual)
            found.append(record)
    measures = ["dissimilarity", "naive_dissimilarity"]
    each = pd.DataFrame(found, columns=[*run, "horizon", "outcome", *measures])
    each = pd.concat([each, each.assign(horizon=0)], ignore_index=True)
    each = each.astype(dict.fromkeys(measures, float) | {"horizon": "int64"})
    means = each.groupby(key, as_index=False)[measures].mean().assign(economic_activity=SECTORS)
    return scores.merge(means, on=[*key, "economic_activity"], how="left")


def _add_words(scores: pd.DataFrame) -> pd.DataFrame:
    """Ids, the step in words, and for all sectors together the scores of the sectors as inputs."""
    key = table_contract("marts.past_forecast_scores").primary_key
    out = scores.assign(past_score_id=_name_rows(scores, "E:", list(key)))
    others = [name for name in key if name != "economic_activity"]
    sectors = out[~out["economic_activity"].isin((TOTAL, SECTORS))]
    by_group = sectors.groupby(others)["past_score_id"].agg(list)
    inputs = [
        by_group[tuple(row[name] for name in others)]
        if row["economic_activity"] == SECTORS
        else row["inputs"]
        for row in out.to_dict("records")
    ]
    return out.assign(inputs=inputs, step=[_describe(row) for row in out.to_dict("records")])


HOW_MADE = {
    PUBLISHED: "as editions published them",
    AS_OF_VINTAGE: "made later from the vintages known at the time",
    AS_CUT: "made later from today's vintages cut after each origin",
}
WHICH = {"first": "as first published", "latest": "as the latest vintage of the same source has it"}


def _describe(row: Mapping[Hashable, Any]) -> str:
    of_all = row["economic_activity"] == SECTORS
    words = f"{row['n_forecasts']} forecasts of all sectors" if of_all else f"{row['n_forecasts']} forecasts"
    return (
        f"{words} from {row['n_origins']} origins {row['first_origin']}-{row['last_origin']}, {HOW_MADE[row['evidence']]}, "
        f"against the outcome {WHICH[row['outcome']]}; growth since the origin within one vintage; champions: {row['models']}"
    )
