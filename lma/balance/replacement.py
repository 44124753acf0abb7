"""Replacement demand by component: who leaves an activity or an occupation for good, and why.

R = sum over ages of E x (retirement + exits to inactivity + mortality + emigration + transfers),
reference/methods 4.3. Where employment of a unit is known by age, its own ages decide (cohort-component); else
all units share the country's rate; without cohorts of the population the net method gives one rate that is not
told apart. A unit is an activity or an occupation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pandas as pd

from lma.balance.demand import quantise
from lma.balance.supply import AGES, Supply

Array = npt.NDArray[np.float64]

COMPONENTS = ("RETIREMENT", "INACTIVITY", "MORTALITY", "EMIGRATION", "TRANSFER")
SPAN = 5


@dataclass(frozen=True)
class Replacement:
    """Yearly shares of a unit's workers that leave, by component: (units, years) each.

    ``method``: how, in words. ``reasons``: component -> why it is not told apart or not known. ``inputs``: ids
    of the observations beyond those of the labour force.
    """

    rates: dict[str, Array]
    method: str
    reasons: dict[str, str] = field(default_factory=dict)
    inputs: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class UnitAges:
    """Employment by unit and age of ``AGES`` in the newest year that has all of them, and five years before.

    ``now``, ``before``: (units, 11); ``before`` is None without that year.
    """

    year: int
    now: Array
    before: Array | None
    ids: list[str]


def read_unit_ages(
    observations: pd.DataFrame, ref_area: str, units: Sequence[str], concept: str, last_year: int
) -> UnitAges | None:
    """Employment by age of all ``units`` of ``concept`` (``economic_activity`` or ``occupation``).

    ``None`` where no year up to ``last_year`` has every unit at every age: a sector without ages would have to
    be given those of another.
    """
    o, other = observations, {"economic_activity": "occupation", "occupation": "economic_activity"}[concept]
    chosen = o[
        (o["ref_area"] == ref_area)
        & (o["indicator"] == "EMP")
        & (o["freq"] == "A")
        & (o["sex"] == "_T")
        & (o["citizenship"] == "_T")
        & (o[other] == "_T")
        & o[concept].isin(units)
        & o["age"].isin(AGES)
        & (o["obs_value"] >= 0)
    ]
    chosen = chosen.assign(year=chosen["time_period"].astype(int)).sort_values("basis_kind")
    chosen = chosen[chosen["year"] <= last_year].drop_duplicates([concept, "age", "year"])
    wide = chosen.pivot(index=[concept, "age"], columns="year", values="obs_value")
    wide = wide.reindex(pd.MultiIndex.from_product([units, AGES])).dropna(axis=1)
    if not len(wide.columns):
        return None
    year, shape = int(max(wide.columns)), (len(units), len(AGES))
    before = wide[year - SPAN].to_numpy().reshape(shape) if year - SPAN in wide.columns else None
    used = chosen[chosen["year"].isin([year, *([] if before is None else [year - SPAN])])]
    ids = used.sort_values(["year", concept, "age"])["observation_id"].tolist()
    return UnitAges(year, wide[year].to_numpy(dtype=float).reshape(shape), before, ids)


def split_emigration(
    mortality: Array, supply: Supply, observations: pd.DataFrame, ref_area: str, years: Sequence[int]
) -> tuple[Array, Array, list[str]]:
    """Deaths and net emigration (years,) of the labour force from their sum; ids of the net migration.

    Net emigrants are those of the population projection (NET_MIG_5Y, a fifth a year), in the labour force as
    often as residents of 15 and over (own default, the publishers do not tell); never more than the cohorts lose.
    """
    o = observations
    rows = o[(o["ref_area"] == ref_area) & (o["indicator"] == "NET_MIG_5Y") & o["obs_value"].notna()]
    if rows.empty or supply.adults is None:
        return mortality, np.zeros_like(mortality), []
    middle = rows["time_period"].astype(int).to_numpy()
    nearest = [int(np.abs(middle - year).argmin()) for year in years]
    a_year = np.maximum(0.0, -rows["obs_value"].to_numpy(dtype=float)[nearest] / SPAN)
    emigration = np.minimum(mortality, a_year / supply.adults.sum(axis=0)[1:])
    ids = list(dict.fromkeys(rows["observation_id"].iloc[i] for i in nearest))
    return mortality - emigration, emigration, ids


def measure_transfers(before: Array, now: Array, exits: Array) -> Array:
    """Yearly share of each unit's workers (units,) that its cohorts lose to other units, net.

    ``before``, ``now``: (units, 11 ages) five years apart. ``exits``: (11,) yearly share that leaves work
    altogether, so a cohort is expected to keep (1 - exits)^5. What a cohort is short of that has moved to
    another unit; 60 and over are left out, where exits are not told apart from transfers.
    """
    cohorts = slice(0, AGES.index("Y55T59"))
    expected = before[:, cohorts] * (1 - exits[cohorts]) ** SPAN
    lost = np.maximum(0.0, expected - now[:, 1 : cohorts.stop + 1]).sum(axis=1)
    total = before.sum(axis=1)
    transfers: Array = np.divide(lost, total, out=np.zeros_like(lost), where=total > 0) / SPAN
    return transfers


def weigh_ages(by_unit: Array, profile: Array) -> Array:
    """Rate of each unit (units,) relative to that of all units together: its own ages under one age profile.

    ``by_unit``: (units, ages) workers. ``profile``: (ages,) rates. One where the profile is zero throughout or a
    unit has no workers; weighted by workers the result has mean one, so that the country's total is kept.
    """
    workers = by_unit.sum(axis=1)
    leaving = np.einsum("ua,a->u", by_unit, profile)
    own = np.divide(leaving, workers, out=np.zeros_like(workers), where=workers > 0)
    whole = float(leaving.sum() / workers.sum()) if workers.sum() > 0 else 0.0
    relative: Array = np.where(workers > 0, own / whole, 1.0) if whole > 0 else np.ones_like(workers)
    return relative


def estimate_replacement(
    observations: pd.DataFrame,
    ref_area: str,
    units: Sequence[str],
    supply: Supply,
    first_year: int,
    last_year: int,
    concept: str = "economic_activity",
) -> Replacement | None:
    """Rates of leaving by unit, year and component; ``None`` where no exit rate is known at all."""
    if supply.exit_rate is None:
        return None
    every, years = np.ones((len(units), 1)), list(range(first_year, last_year + 1))
    if not supply.exit_parts:
        reason = "NOT_TOLD_APART: the net method gives one rate of all who leave at 55 and over"
        others = dict.fromkeys(COMPONENTS[1:], reason)
        return Replacement({"RETIREMENT": every * supply.exit_rate}, supply.exit_method, others)
    deaths, emigration, ids = split_emigration(
        supply.exit_parts["mortality"], supply, observations, ref_area, years
    )
    national = {
        "RETIREMENT": supply.exit_parts["retirement"],
        "INACTIVITY": supply.exit_parts["withdrawal"],
        "MORTALITY": deaths,
        "EMIGRATION": emigration,
    }
    reasons = (
        {} if ids else {"EMIGRATION": "NOT_TOLD_APART: no net migration; net emigrants are in MORTALITY"}
    )
    ages = read_unit_ages(observations, ref_area, units, concept, first_year - 1)
    if ages is None:
        reasons["TRANSFER"] = "NO_TRANSFERS: no employment by age; taken as none in openings and in seekers"
        same = {name: every * rate for name, rate in national.items() if name not in reasons}
        return Replacement(same, f"{supply.exit_method}; the same rate everywhere", reasons, ids)
    return _weigh_components(ages, national, supply, reasons, ids)


PROFILES = {
    "RETIREMENT": "retirement",
    "INACTIVITY": "withdrawal",
    "MORTALITY": "mortality",
    "EMIGRATION": "mortality",
}


def _weigh_components(
    ages: UnitAges, national: Mapping[str, Array], supply: Supply, reasons: dict[str, str], ids: list[str]
) -> Replacement:
    """The country's rates spread over the units by their own ages; transfers where five years lie between."""
    rates = {
        name: weigh_ages(ages.now, supply.exit_ages[PROFILES[name]])[:, None] * rate
        for name, rate in national.items()
        if name not in reasons
    }
    if ages.before is None:
        why = f"NO_TRANSFERS: no employment by age five years before {ages.year}; taken as none"
        reasons = {**reasons, "TRANSFER": why}
    else:
        exits = np.sum(list(supply.exit_ages.values()), axis=0)
        years = np.ones((1, len(next(iter(national.values())))))
        rates["TRANSFER"] = measure_transfers(ages.before, ages.now, exits)[:, None] * years
    method = f"{supply.exit_method}; each by its own ages in {ages.year}, all together at the country's rate"
    return Replacement(rates, method, reasons, [*ages.ids, *ids])


EXITS = tuple(name for name in COMPONENTS if name != "TRANSFER")
"""Components that leave work altogether; they sum to REPLACEMENT_RAW."""


def draw_replacement(
    workers: Array, replacement: Replacement, refill: Array, postponed: Array | None = None
) -> dict[str, Array]:
    """Measure -> (draws, units, years): each component of exits, their sum raw, what of it is refilled, transfers.

    ``workers``: (draws, units, years) at the start of each year. ``refill``: (draws,) share refilled.
    ``postponed``: (draws,) share of retirements that a scenario puts off. Parts are in steps of 1/1024 and sum to
    REPLACEMENT_RAW exactly. TRANSFERS_OUT (only where known) are openings beside it, with ``receive_transfers``
    as their seekers.
    """
    parts = {}
    for name, rate in replacement.rates.items():
        held = 1.0 if postponed is None or name != "RETIREMENT" else 1 - postponed[:, None, None]
        parts[name] = quantise(workers * rate * held)
    exits = {f"REPLACEMENT_{name}": parts[name] for name in EXITS if name in parts}
    raw = np.sum(list(exits.values()), axis=0)
    moved = {"TRANSFERS_OUT": parts["TRANSFER"]} if "TRANSFER" in parts else {}
    return {**exits, "REPLACEMENT_RAW": raw, "REPLACEMENT": quantise(refill[:, None, None] * raw), **moved}


def receive_transfers(transfers: Array, shares: Array) -> Array:
    """Where transfers out of each unit look for work: seekers (draws, units, years) in the other units.

    ``transfers``: (draws, units, years). ``shares``: (units,) of employment. Everybody who leaves one unit is a
    seeker of another, so both sum to the same; where there is one unit alone they come back to it.
    """
    others = shares.sum() - shares
    leaving = np.divide(
        transfers, others[None, :, None], out=np.zeros_like(transfers), where=others[None, :, None] > 0
    )
    arriving = (leaving.sum(axis=1, keepdims=True) - leaving) * shares[None, :, None]
    received = quantise(arriving)
    largest = int(shares.argmax())
    received[:, largest] += transfers.sum(axis=1) - received.sum(axis=1)
    return received
