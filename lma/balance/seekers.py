"""Who looks for work, in every draw: people of the whole country, and the sectors they go to.

A kind of seeker is first counted for the country, (draws, years), then divided among the sectors by transition
shares. What goes to the sectors sums to the country's figure exactly, in every draw.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from lma.balance.demand import quantise, spread_scores
from lma.balance.setting import Setting
from lma.balance.supply import Supply
from lma.contracts import RuleSet

Array = npt.NDArray[np.float64]


def draw_participation(
    supply: Supply, n_draws: int, generator: np.random.Generator, rules: RuleSet
) -> Array | None:
    """Yearly change (draws, years) of the labour force because participation leaves its trend.

    The log-odds of each sex drift by sd x (years ahead)^power, women and men together. ``None`` without a labour
    force by age.
    """
    if supply.adults is None or supply.rates is None or supply.drift_sd is None or supply.level_ratio is None:
        return None
    together = rules.threshold("participation_sex_correlation")
    women, own = generator.standard_normal((2, n_draws))
    men = together * women + np.sqrt(1 - together**2) * own
    scores = spread_scores(np.stack([women, men], axis=1))
    far = np.arange(supply.adults.shape[1]) ** rules.threshold("participation_sd_power")
    rates = np.clip(supply.rates, 0.0005, 0.9995)
    odds = np.log(rates / (1 - rates)) + (scores * supply.drift_sd)[:, :, None] * far
    away = (supply.adults * (1 / (1 + np.exp(-odds)) - rates)).sum(axis=1) * supply.level_ratio
    change: Array = np.diff(away, axis=1)
    return change


def draw_unemployed(
    supply: Supply,
    employment: float,
    n_draws: int,
    n_years: int,
    generator: np.random.Generator,
    rules: RuleSet,
) -> Array | None:
    """Usable unemployed offered each year (draws, years): stock above the frictional share, counted once.

    A balance longer than ``unemployed_years`` spreads the stock over all its years: one without any would open a gap.
    """
    if supply.unemployment_rate is None or not employment > 0:
        return None
    scores = spread_scores(generator.standard_normal((n_draws, 1)))[:, 0]
    rate = np.clip(supply.unemployment_rate + supply.unemployment_sd * scores, 0, 60) / 100
    usable = np.maximum(0, employment * rate / (1 - rate) - rules.threshold("frictional_share") * employment)
    over = max(rules.threshold("unemployed_years"), n_years)
    offered: Array = usable[:, None] / over * np.clip(over - np.arange(n_years), 0, 1)
    return offered


def count_seekers(
    supply: Supply, participation: Array | None, unemployed: Array | None, n_draws: int
) -> dict[str, Array]:
    """Kind of seeker -> persons of the country (draws, years); a kind whose figures lack is absent."""
    every, flows = np.ones((n_draws, 1)), supply.flows
    found = {
        "ENTRANTS": None if flows is None else every * flows.entrants,
        "REENTRANTS": None if flows is None else every * flows.reentrants,
        "PARTICIPATION": participation,
        "UNEMPLOYED_USABLE": unemployed,
        "IMMIGRATION": None if flows is None else every * flows.immigration,
    }
    return {kind: persons for kind, persons in found.items() if persons is not None}


def count_silent_exits(exits: Array, raw: Array) -> Array:
    """Minus the exits of the labour force (draws or 1, years) beyond raw replacement (draws, sectors, years).

    They are those of people without work: nobody has to be replaced, and the labour force is smaller by them.
    """
    silent: Array = raw.sum(axis=1) - exits
    return silent


# ---------------------------------------------------------------- which sectors they go to


def find_shares(base: Array) -> Array:
    """Share of each sector in employment of the base year (mean over the draws); sums to one."""
    employment = base.mean(axis=0)
    shares: Array = employment / employment.sum() if employment.sum() > 0 else np.zeros_like(employment)
    return shares


def measure_past_inflow(
    employment: pd.DataFrame, sectors: Sequence[str], base_year: int, exit_rate: float, rules: RuleSet
) -> Array | None:
    """Share of each sector (sectors,) in the people who came into a job in the past ``entry_years``.

    Inflow of a sector: change of employment plus exits, summed over the years that all sectors have, not below
    zero; no step across a break. ``employment``: rows by activity and year. ``None`` where no step is left.
    """
    recent = employment[employment["year"].between(base_year - rules.threshold("entry_years"), base_year)]
    wide = recent.pivot(index="year", columns="economic_activity", values=["obs_value", "is_break"])
    values, breaks = (
        wide.reindex(columns=[(name, sector) for sector in sectors]).to_numpy(dtype=float)
        for name in ("obs_value", "is_break")
    )
    steps = np.diff(values, axis=0) + exit_rate * values[:-1]
    usable = (np.diff(wide.index.to_numpy(dtype=int)) == 1)[:, None] & (breaks[1:] != 1) & np.isfinite(steps)
    inflow = np.maximum(steps[usable.all(axis=1)].sum(axis=0), 0.0)
    shares: Array | None = inflow / inflow.sum() if inflow.sum() > 0 else None
    return shares


def draw_entry_shares(
    shares: Array, past: Array | None, n_draws: int, generator: np.random.Generator, rules: RuleSet
) -> Array:
    """Share of newcomers that each sector gets (draws, sectors): a mix of past inflow and employment.

    The weight of the past lies evenly between its two ends, in random order. Without a past, employment alone.
    """
    low, high = rules.threshold("entry_past_low"), rules.threshold("entry_past_high")
    weight = (low + (high - low) * (generator.permutation(n_draws) + 0.5) / n_draws)[:, None]
    before = shares if past is None else past
    mixed: Array = weight * before + (1 - weight) * shares
    return mixed


def read_previous_sectors(
    observations: pd.DataFrame, ref_area: str, sectors: Sequence[str], base_year: int
) -> tuple[Array | None, list[str]]:
    """Share of each sector (sectors,) in the unemployed by the activity they worked in, newest year, and its ids.

    ``None`` where no source counts them in every sector.
    """
    o = observations
    rows = o[
        (o["ref_area"] == ref_area)
        & (o["indicator"] == "UNE")
        & (o["freq"] == "A")
        & (o["sex"] == "_T")
        & (o["age"] == "_T")
        & o["economic_activity"].isin(set(sectors) - {"_T"})
        & (o["obs_value"] >= 0)
    ]
    rows = rows.assign(year=rows["time_period"].str[:4].astype(int))
    rows = (
        rows[rows["year"] <= base_year]
        .sort_values("basis_kind")
        .drop_duplicates(["economic_activity", "year"])
    )
    complete = rows.groupby("year")["economic_activity"].transform("nunique") == len(sectors)
    newest = rows[complete & (rows["year"] == rows.loc[complete, "year"].max())]
    people = newest.set_index("economic_activity")["obs_value"].reindex(list(sectors)).to_numpy(dtype=float)
    if newest.empty or not people.sum() > 0:
        return None, []
    return people / people.sum(), sorted(newest["observation_id"])


@dataclass(frozen=True)
class Destinations:
    """Transition shares: where people of each kind look for work; every row sums to one.

    ``entry``: (draws, sectors), newcomers. ``previous``: (sectors,), the sectors the unemployed worked in.
    ``employment``: (sectors,). ``words``: how each was found. ``ids``: observations behind ``previous``.
    """

    entry: Array
    previous: Array
    employment: Array
    stay: float
    words: dict[str, str]
    ids: list[str]


def find_destinations(
    observations: pd.DataFrame,
    history: pd.DataFrame,
    supply: Supply,
    base: Array,
    setting: Setting,
) -> Destinations:
    """Transition shares from what is loaded. ``history``: employment by activity and year; ``base``: (draws, sectors)."""
    shares, rules, base_year = find_shares(base), setting.rules, setting.first_year - 1
    rate = 0.0 if supply.exit_rate is None else float(supply.exit_rate.mean())
    past = measure_past_inflow(history, setting.sectors, base_year, rate, rules)
    generator = setting.seed_of("entry")
    entry = draw_entry_shares(shares, past, setting.n_draws, generator, rules)
    previous, ids = read_previous_sectors(observations, setting.ref_area, setting.sectors, base_year)
    low, high = rules.threshold("entry_past_low"), rules.threshold("entry_past_high")
    by_employment = "by share of employment in the base year (assumption: no figures of past inflow)"
    mixed = (
        f"a share drawn evenly from {low:g} to {high:g} as newcomers went in the past {rules.threshold('entry_years'):g} "
        "years (change of employment plus exits), the others by employment in the base year (assumption: no source "
        "counts entrants by activity)"
    )
    assumed = (
        "taken to have worked where people work (assumption: no source counts them by previous activity)"
    )
    words = {
        "entry": by_employment if past is None else mixed,
        "previous": assumed if previous is None else "counted by the activity they worked in",
    }
    return Destinations(
        entry, shares if previous is None else previous, shares, rules.threshold("stay_share"), words, ids
    )


def spread_to_sectors(national: Array, shares: Array) -> Array:
    """National persons (draws, years) to sectors (draws, sectors, years) by shares (draws or 1, sectors).

    In steps of 1/1024; the largest sector takes what rounding leaves, so that sectors sum to the country.
    """
    spread = quantise(national[:, None, :] * shares[:, :, None])
    if shares.any():
        largest = int(shares.mean(axis=0).argmax())
        spread[:, largest] += quantise(national) - spread.sum(axis=1)
    return spread


def move_between_sectors(persons: Array, entry: Array, stay: float) -> Array:
    """People who come from a sector (draws, sectors, years) to the sectors where they look for work.

    ``stay`` of them stay with their own; the others look where newcomers go, ``entry`` (draws, sectors).
    """
    staying = quantise(stay * persons)
    moved: Array = staying + spread_to_sectors((persons - staying).sum(axis=1), entry)
    return moved
