"""Scenarios beside the baseline: figures of both, and their difference in every draw."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from lma.balance.gap import ADDED_OPENINGS, ADDED_SEEKERS, FLOWS, Simulation
from lma.balance.table import cumulate_draws
from lma.errors import UsageError

Array = npt.NDArray[np.float64]

COLUMNS = (
    "scenario",
    "ref_area",
    "economic_activity",
    "time_period",
    "measure",
    "figure",
    "q10",
    "q50",
    "q90",
    "mean",
    "share_above_zero",
    "reason",
)
YEARLY = ("EMP", "OPENINGS", "SEEKERS", "GAP")
CUMULATED = (*FLOWS, "GAP_PC")
COUNTRY = "_T"
NOTHING = (None,) * 5


def compare_scenarios(baseline: Simulation, runs: Sequence[Simulation]) -> pd.DataFrame:
    """One row per scenario, activity, period, measure and figure, in the order asked for.

    ``figure``: ``value``, or ``difference`` from the baseline, whose quantiles are those of the difference of
    each draw (not the difference of two quantiles). A yearly period is 2026; since the first year it is
    2026-2030. ``share_above_zero``: share of draws. Without figures the reason stands. Persons to 0.1.
    ``UsageError`` for runs whose draws do not belong to those of the baseline.
    """
    _check_same_draws(baseline, runs)
    before = collect_draws(baseline)
    rows = list(_walk(baseline, before, "value"))
    for run in runs:
        after = collect_draws(run)
        rows += _walk(run, after, "value")
        rows += _walk(run, subtract_draws(after, before), "difference")
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _check_same_draws(baseline: Simulation, runs: Sequence[Simulation]) -> None:
    names = [baseline.scenario.name, *(run.scenario.name for run in runs)]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UsageError(f"two scenarios are called {', '.join(twice)}: give each a name of its own.")
    for run in runs:
        if (run.ref_area, run.sectors, run.years, run.base.shape) != (
            baseline.ref_area,
            baseline.sectors,
            baseline.years,
            baseline.base.shape,
        ):
            raise UsageError(
                f"scenario {run.scenario.name!r} has other sectors, years or draws than the baseline: "
                "simulate both with the same arguments."
            )


def collect_draws(simulation: Simulation) -> dict[tuple[str, str], Array]:
    """(measure, period) -> draws (draws, sectors and the country) of what is compared."""
    first, found = simulation.years[0], {}
    for measure in (m for m in YEARLY if m in simulation.draws):
        draws = simulation.draws[measure]
        whole = np.concatenate([draws, draws.sum(axis=1, keepdims=True)], axis=1)
        found.update({(measure, str(year)): whole[:, :, k] for k, year in enumerate(simulation.years)})
    summed = cumulate_draws(simulation)
    for measure in (m for m in CUMULATED if m in summed):
        spans = {(measure, f"{first}-{year}"): k for k, year in enumerate(simulation.years)}
        found.update({key: summed[measure][:, :, k] for key, k in spans.items()})
    return found


def subtract_draws(
    after: Mapping[tuple[str, str], Array], before: Mapping[tuple[str, str], Array]
) -> dict[tuple[str, str], Array]:
    """Scenario less baseline in every draw; an added kind that only one of them has counts as none in the other."""
    keys = dict.fromkeys([*before, *after])
    return {key: _or_none(after, before, key) - _or_none(before, after, key) for key in keys}


def _or_none(
    draws: Mapping[tuple[str, str], Array], others: Mapping[tuple[str, str], Array], key: tuple[str, str]
) -> Array:
    return draws[key] if key in draws else np.zeros_like(others[key])


def _walk(
    simulation: Simulation, draws: Mapping[tuple[str, str], Array], figure: str
) -> Iterator[tuple[object, ...]]:
    activities = list(dict.fromkeys([*simulation.demand.activities, COUNTRY]))
    first, last = simulation.years[0], simulation.years[-1]
    periods = [str(year) for year in simulation.years], [f"{first}-{year}" for year in simulation.years]
    asked = [(m, p) for m in YEARLY for p in periods[0]] + [(m, p) for m in CUMULATED for p in periods[1]]
    for measure, period in asked:
        values = draws.get((measure, period))
        if values is None and measure in (*ADDED_OPENINGS, *ADDED_SEEKERS) and period != f"{first}-{last}":
            continue  # once is enough to say why a kind is not counted
        summary = None if values is None else _summarise(values, 3 if measure == "GAP_PC" else 1)
        for activity in activities:
            reason = explain(simulation, activity, measure) if values is None else None
            reason = reason or _explain_activity(simulation, activity)
            column = _column(simulation, activity)
            known: Sequence[float | None] = NOTHING
            if summary is not None and column is not None and not reason:
                known = summary[column]
            if None in known or not np.isfinite(np.array(known, dtype=float)).all():
                known, reason = NOTHING, reason or f"NOT_COMPUTABLE: {measure} is not defined in every draw"
            key = (simulation.scenario.name, simulation.ref_area, activity, period, measure, figure)
            yield *key, *known, reason


def _column(simulation: Simulation, activity: str) -> int | None:
    if activity == COUNTRY:
        return len(simulation.sectors)
    return simulation.sectors.index(activity) if activity in simulation.sectors else None


def _summarise(draws: Array, decimals: int) -> list[list[float]]:
    """Rows of q10, q50, q90, mean and share above zero from draws (draws, sectors and the country)."""
    figures = [*np.quantile(draws, (0.1, 0.5, 0.9), axis=0), draws.mean(axis=0)]
    rounded = [np.round(figure, decimals) + 0.0 for figure in figures]
    summary: list[list[float]] = np.stack([*rounded, np.round((draws > 0).mean(axis=0), 4)], axis=1).tolist()
    return summary


def explain(simulation: Simulation, activity: str, measure: str) -> str:
    """Why there is no figure of this measure."""
    known = _explain_activity(simulation, activity) or simulation.reasons.get(measure)
    return known or f"NOT_COMPUTABLE: {measure} lacks an ingredient"


def _explain_activity(simulation: Simulation, activity: str) -> str | None:
    lacking = simulation.demand.reasons
    if activity in lacking:
        return lacking[activity]
    if activity == COUNTRY and lacking:
        return f"MISSING_SECTORS: no forecast for {', '.join(lacking)}"
    return None
