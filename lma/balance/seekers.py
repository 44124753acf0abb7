"""Who looks for work, in every draw: people of the whole country, and the sectors they go to.

A kind of seeker is first counted for the country, (draws, years), then divided among the sectors by transition
shares. What goes to the sectors sums to the country's figure exactly, in every draw.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from lma.balance.demand import quantise, spread_scores
from lma.balance.supply import Supply
from lma.contracts import RuleSet

Array = npt.NDArray[np.float64]


def draw_participation(supply: Supply, n_draws: int, generator: np.random.Generator) -> Array | None:
    """Yearly change (draws, years) of the labour force because participation leaves its trend.

    The log-odds of each sex drift by sd x root(years ahead). ``None`` without a labour force by age.
    """
    if supply.adults is None or supply.rates is None or supply.drift_sd is None or supply.level_ratio is None:
        return None
    scores = spread_scores(generator.standard_normal((n_draws, 2)))
    root = np.sqrt(np.arange(supply.adults.shape[1]))
    rates = np.clip(supply.rates, 0.0005, 0.9995)
    odds = np.log(rates / (1 - rates)) + (scores * supply.drift_sd)[:, :, None] * root
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
    """Usable unemployed offered each year (draws, years): stock above the frictional share, counted once."""
    if supply.unemployment_rate is None or not employment > 0:
        return None
    scores = spread_scores(generator.standard_normal((n_draws, 1)))[:, 0]
    rate = np.clip(supply.unemployment_rate + supply.unemployment_sd * scores, 0, 60) / 100
    usable = np.maximum(0, employment * rate / (1 - rate) - rules.threshold("frictional_share") * employment)
    over = rules.threshold("unemployed_years")
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


def find_shares(base: Array) -> Array:
    """Share of each sector in employment of the base year (mean over the draws); sums to one."""
    employment = base.mean(axis=0)
    shares: Array = employment / employment.sum() if employment.sum() > 0 else np.zeros_like(employment)
    return shares


def spread_to_sectors(national: Array, shares: Array) -> Array:
    """National persons (draws, years) to sectors (draws, sectors, years) by shares (draws or 1, sectors).

    In steps of 1/1024; the largest sector takes what rounding leaves, so that sectors sum to the country.
    """
    spread = quantise(national[:, None, :] * shares[:, :, None])
    largest = int(shares.mean(axis=0).argmax())
    spread[:, largest] += quantise(national) - spread.sum(axis=1)
    return spread


def spread_seekers(national: Mapping[str, Array], shares: Mapping[str, Array]) -> dict[str, Array]:
    """Kind of seeker -> (draws, sectors, years), each kind by its own ``shares``."""
    return {kind: spread_to_sectors(persons, shares[kind]) for kind, persons in national.items()}
