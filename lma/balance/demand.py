"""Demand: employment by sector in every draw, from the published forecasts and their intervals.

Sectors move together: a Gaussian copula with the correlation of their past yearly changes (shrunk after
Ledoit and Wolf 2004), raised until the sum spreads as the published total does. The marginals are the
published quantiles of the sectors and of the total (``totals``). From year to year the surprises of a draw
accumulate, as fast as the published intervals widen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import numpy.typing as npt
import pandas as pd

from lma.balance import totals
from lma.levels import KINDS, TOTAL, Level, select_employment

Array = npt.NDArray[np.float64]

NEEDED_LEVELS = (0.1, 0.5, 0.9)
QUANTUM = 1024.0


@dataclass(frozen=True)
class Demand:
    """Employment in every draw, and where it comes from.

    ``activities``: what was asked for; ``sectors``: those of them with a forecast, or the economy as one (`_T`).
    ``employment``: (draws, sectors, years) in persons; the first year is the base year, before the first
    balance year. ``reasons``: sector without employment -> why. ``inputs``: (sector, year) -> ids; the year's
    forecast of the total is under `_T`. ``agreement``: how the sum relates to the published total, in words.
    """

    sectors: tuple[str, ...]
    activities: tuple[str, ...]
    base_year: int
    employment: Array
    reasons: dict[str, str]
    inputs: dict[tuple[str, int], list[str]]
    agreement: str = ""


def quantise(persons: Array) -> Array:
    """Persons to 1/1024: such numbers add up exactly, so identities hold and bytes do not depend on order."""
    rounded: Array = np.round(persons * QUANTUM) / QUANTUM
    return rounded


def select_sectors(observations: pd.DataFrame, ref_area: str, basis_kind: str) -> pd.DataFrame:
    """Yearly employment by activity of one country, sorted; one row per activity and year."""
    rows = select_employment(observations, ref_area)
    chosen = rows[rows["basis_kind"] == basis_kind]
    return chosen.assign(year=chosen["time_period"].astype(int)).sort_values(["economic_activity", "year"])


def select_forecasts(forecasts: pd.DataFrame, ref_area: str, basis_kind: str) -> pd.DataFrame:
    """Champion quantiles of employment of one country at the newest origin, sorted."""
    f = forecasts
    chosen = f[
        (f["ref_area"] == ref_area)
        & (f["indicator"] == "EMP")
        & (f["sex"] == "_T")
        & (f["basis_kind"] == basis_kind)
        & (f["role"] == "champion")
        & (f["output_type"] == "quantile")
        & f["value"].notna()
    ]
    newest = chosen[
        chosen["origin_date"] == chosen.groupby("economic_activity")["origin_date"].transform("max")
    ]
    return newest.assign(
        year=newest["target_period"].astype(int), level=newest["output_type_id"].astype(float)
    ).sort_values(["economic_activity", "year", "level"])


def shrink_correlation(changes: Array) -> Array:
    """Correlation (sectors, sectors) of yearly changes (years, sectors), shrunk towards none at all.

    Ledoit and Wolf (2004), 'A well-conditioned estimator for large-dimensional covariance matrices', on
    standardised changes. Fewer than three years, or a sector that never moved, count as uncorrelated.
    """
    n_years, n_sectors = changes.shape
    if n_years < 3:
        return np.eye(n_sectors)
    spread = changes.std(axis=0)
    standard = np.where(spread > 0, (changes - changes.mean(axis=0)) / np.where(spread > 0, spread, 1.0), 0.0)
    sample = np.einsum("ti,tj->ij", standard, standard) / n_years
    target = np.trace(sample) / n_sectors * np.eye(n_sectors)
    distance = np.square(sample - target).sum()
    noise = sum(np.square(np.outer(row, row) - sample).sum() for row in standard) / n_years**2
    shrinkage = min(1.0, noise / distance) if distance > 0 else 1.0
    covariance = (1 - shrinkage) * sample + shrinkage * target
    scale = np.sqrt(np.where(np.diag(covariance) > 0, np.diag(covariance), 1.0))
    correlation: Array = covariance / np.outer(scale, scale)
    np.fill_diagonal(correlation, 1.0)
    return correlation


def factor_correlation(correlation: Array) -> Array:
    """Lower Cholesky factor, in plain loops so that no linear-algebra library decides the last digit."""
    size = len(correlation)
    factor = np.zeros((size, size))
    for i in range(size):
        for j in range(i + 1):
            rest = correlation[i, j] - sum(factor[i, k] * factor[j, k] for k in range(j))
            factor[i, j] = np.sqrt(max(rest, 1e-12)) if i == j else rest / factor[j, j]
    return factor


def spread_scores(draws: Array) -> Array:
    """Normal scores with the ranks of ``draws`` (draws, columns): each column has normal quantiles."""
    n_draws = len(draws)
    normal = NormalDist()
    scores = np.array([normal.inv_cdf((i + 0.5) / n_draws) for i in range(n_draws)])
    order = np.argsort(np.round(draws, 9), axis=0, kind="stable")
    ranks = np.argsort(order, axis=0, kind="stable")
    spread: Array = scores[ranks]
    return spread


def measure_growth_of_spread(spread: Array) -> float:
    """Exponent H with which intervals widen: spread at horizon h goes with h^H, by least squares on logs.

    ``spread``: width of the published interval 1, 2, ... years ahead. One half: surprises of one year have
    nothing to do with those of the next (a random walk). One: they last. Kept within 0.05 and 0.99; one half
    where fewer than two widths are above zero.
    """
    ahead, known = np.log(np.arange(1, len(spread) + 1)), spread > 0
    if known.sum() < 2:
        return 0.5
    x, y = ahead[known] - ahead[known].mean(), np.log(spread[known])
    return float(np.clip((x * y).sum() / np.square(x).sum(), 0.05, 0.99))


def correlate_years(exponent: float, horizons: Array) -> Array:
    """Correlation (years, years) of the errors at ``horizons`` (years ahead; 0 for an observed year).

    Errors accumulate in yearly surprises of one size (fractional Brownian motion, Mandelbrot and Van Ness
    1968): with variance V(h) = h^2H, cov(h, k) = (V(h) + V(k) - V(k - h)) / 2.
    """
    first, second = np.meshgrid(horizons.astype(float), horizons.astype(float))
    before, after = first ** (2 * exponent), second ** (2 * exponent)
    covariance = (before + after - abs(first - second) ** (2 * exponent)) / 2
    scale = np.sqrt(before * after)
    correlation: Array = np.divide(covariance, scale, out=np.zeros_like(covariance), where=scale > 0)
    np.fill_diagonal(correlation, 1.0)
    return correlation


def draw_scores(correlation: Array, in_time: Array, n_draws: int, generator: np.random.Generator) -> Array:
    """Normal scores (draws, sectors, years), correlated between sectors and between years."""
    shape = (n_draws, len(correlation), len(in_time))
    between, along = factor_correlation(correlation), factor_correlation(in_time)
    drawn = np.einsum("sk,dkt,yt->dsy", between, generator.standard_normal(shape), along)
    return spread_scores(drawn.reshape(n_draws, -1)).reshape(shape)


def read_quantiles(levels: Array, values: Array, scores: Array) -> Array:
    """Value of the published quantile function at each normal score; never negative.

    Straight lines between the published quantiles on the normal scale; the outer lines run on beyond the
    outermost levels.
    """
    normal = NormalDist()
    knots = np.array([normal.inv_cdf(level) for level in levels])
    rising = np.maximum.accumulate(values)
    slope_low = (rising[1] - rising[0]) / (knots[1] - knots[0])
    slope_high = (rising[-1] - rising[-2]) / (knots[-1] - knots[-2])
    reach = 8.0
    wide_knots = np.concatenate([[-reach], knots, [reach]])
    low, high = rising[0] - slope_low * (knots[0] + reach), rising[-1] + slope_high * (reach - knots[-1])
    wide_values = np.concatenate([[low], rising, [high]])
    drawn: Array = np.maximum(np.interp(scores, wide_knots, wide_values), 0.0)
    return drawn


def measure_changes(employment: pd.DataFrame, sectors: Sequence[str]) -> Array:
    """Yearly log changes (years, sectors) of the years that all sectors have; none across a break.

    A sector without any history counts as never moving.
    """
    years = np.unique(employment["year"].to_numpy(dtype=int))
    values = _spread_sectors(employment, "obs_value", sectors)
    breaks = _spread_sectors(employment, "is_break", sectors)[1:] == 1
    with np.errstate(divide="ignore", invalid="ignore"):
        changes = np.diff(np.where(values > 0, np.log(values), np.nan), axis=0)
    changes = np.where(breaks, np.nan, changes)[np.diff(years) == 1]
    changes[:, np.isnan(values).all(axis=0)] = 0.0
    complete: Array = changes[~np.isnan(changes).any(axis=1)]
    return complete


def _spread_sectors(employment: pd.DataFrame, column: str, sectors: Sequence[str]) -> Array:
    wide = employment.pivot(index="year", columns="economic_activity", values=column)
    spread: Array = wide.reindex(columns=list(sectors)).to_numpy(dtype=float)
    return spread


def _explain_missing(
    sector: str, years: Sequence[int], quantiles: pd.DataFrame, base: pd.DataFrame
) -> str | None:
    figures = base.loc[base["year"] == years[0], "obs_value"]
    if (figures < 0).any():
        return f"BAD_EMPLOYMENT: employment in {sector} in {years[0]} is {figures.min():g}, below zero"
    for year in years:
        levels = set(quantiles.loc[quantiles["year"] == year, "level"])
        if year == years[0] and len(figures):
            continue
        if not levels.issuperset(NEEDED_LEVELS):
            return f"NO_FORECAST: no champion quantiles 0.1, 0.5, 0.9 of employment in {sector} for {year}"
    return None


def _draw_sector(
    years: Sequence[int], quantiles: pd.DataFrame, base: pd.DataFrame, scores: Array
) -> tuple[Array, list[list[str]]]:
    """Employment (draws, years) of one sector from its scores (draws, years), and the ids of each year."""
    drawn, ids = [], []
    for k, year in enumerate(years):
        known = base[base["year"] == year]
        if k == 0 and len(known):
            drawn.append(np.full(len(scores), float(known["obs_value"].iloc[0])))
            ids.append([str(known["observation_id"].iloc[0])])
            continue
        rows = quantiles[quantiles["year"] == year]
        drawn.append(read_quantiles(rows["level"].to_numpy(), rows["value"].to_numpy(), scores[:, k]))
        ids.append(rows["forecast_id"].tolist())
    return np.stack(drawn, axis=1), ids


def choose_sectors(forecasts: pd.DataFrame, ref_area: str, level: Level) -> tuple[tuple[str, ...], str]:
    """Activities and kind of figures to draw: those of the level, or the economy as one where none is forecast."""
    forecast = {kind: set(select_forecasts(forecasts, ref_area, kind)["economic_activity"]) for kind in KINDS}
    if forecast[level.basis_kind] & set(level.sectors):
        return level.sectors, level.basis_kind
    whole = [kind for kind in KINDS if TOTAL in forecast[kind]]
    return ((TOTAL,), whole[0]) if whole else (level.sectors, level.basis_kind)


def measure_spreads(quantiles: pd.DataFrame, activities: Sequence[str], years: Sequence[int]) -> Array:
    """Width from quantile 0.1 to 0.9 (activities, years); zero where a year has no forecast."""
    wide = quantiles[quantiles["level"].isin((0.1, 0.9))].pivot(
        index="economic_activity", columns=["level", "year"], values="value"
    )
    low, high = (wide.reindex(columns=[(level, y) for y in years]).to_numpy() for level in (0.1, 0.9))
    spreads = pd.DataFrame(high - low, index=wide.index).reindex(list(activities)).fillna(0.0)
    return spreads.to_numpy(dtype=float)


def _correlate_forecast_years(quantiles: pd.DataFrame, sectors: Sequence[str], years: Sequence[int]) -> Array:
    first = int(quantiles["year"].min()) if len(quantiles) else years[-1] + 1
    horizons = np.maximum(np.array(years) - first + 1, 0)
    ahead = measure_spreads(quantiles, sectors, range(first, years[-1] + 1)).sum(axis=0)
    return correlate_years(measure_growth_of_spread(ahead), horizons)


@dataclass(frozen=True)
class _Total:
    """Published total that the sectors are to sum to, on their level (``ratio``): forecast, or already observed."""

    quantiles: pd.DataFrame
    observed: pd.DataFrame
    ratio: float = 1.0
    reason: str = ""

    def read(self, year: int) -> tuple[Array, Array, list[str]]:
        """Levels and values of the quantile function of one year, and its ids; a single value where observed."""
        known, rows = (
            self.observed[self.observed["year"] == year],
            self.quantiles[self.quantiles["year"] == year],
        )
        if len(known):
            value = self.ratio * known["obs_value"].to_numpy(dtype=float)[[0, 0]]
            return np.array([0.25, 0.75]), value, known["observation_id"].astype(str).tolist()[:1]
        values = self.ratio * rows["value"].to_numpy(dtype=float)
        return rows["level"].to_numpy(dtype=float), values, rows["forecast_id"].tolist()


COVERED = (0.9, 1.02)
"""Sum of the sectors over the published total: the range in which both still describe the same people."""


def _find_total(
    employment: pd.DataFrame,
    quantiles: pd.DataFrame,
    years: Sequence[int],
    present: Sequence[str],
    n_asked: int,
) -> _Total:
    rows = quantiles[quantiles["economic_activity"] == TOTAL]
    known = employment[employment["economic_activity"] == TOTAL]
    if TOTAL in present:
        return _Total(rows, known, reason="the economy is drawn as one")
    if len(present) < n_asked:
        return _Total(rows, known, reason="not all activities have a forecast")
    if any(_explain_missing(TOTAL, [year], rows, known) for year in years):
        return _Total(rows, known, reason="the total has no forecast for these years")
    broken = known.loc[known["is_break"].astype(bool) & (known["year"] > years[0]), "year"]
    if len(broken):
        return _Total(rows, known, reason=f"the total has a break in {broken.max()}, within the balance")
    wide = employment.pivot(index="year", columns="economic_activity", values="obs_value")
    whole = wide.reindex(columns=[TOTAL, *present]).dropna()
    whole = whole[whole[TOTAL] > 0]
    ratio = 1.0 if whole.empty else float(whole[list(present)].iloc[-1].sum() / whole[TOTAL].iloc[-1])
    if not COVERED[0] <= ratio <= COVERED[1]:
        return _Total(rows, known, ratio, f"the activities sum to {ratio:.2f} of the published total")
    return _Total(rows, known, ratio)


def _agree(
    drawn: Array, total: _Total, years: Sequence[int], in_time: Array
) -> tuple[Array, dict[tuple[str, int], list[str]]]:
    """Employment (draws, sectors, years) that sums to draws of the published total; ids of the total.

    ``in_time``: correlation of the sectors' scores between years. The total keeps its own: it is often known
    for later years than the sectors.
    """
    agreed, inputs = drawn.copy(), {}
    scores = np.stack([totals.order_scores(drawn[:, :, k].sum(axis=1)) for k in range(len(years))], axis=1)
    own = _correlate_forecast_years(total.quantiles, [TOTAL], years)
    scores = spread_scores(
        totals.accumulate_anew(scores, factor_correlation(in_time), factor_correlation(own))
    )
    for k, year in enumerate(years):
        if not drawn[:, :, k].std(axis=0).any():
            continue
        levels, values, inputs[(TOTAL, year)] = total.read(year)
        agreed[:, :, k] = totals.fit_total(drawn[:, :, k], read_quantiles(levels, values, scores[:, k]))
    return agreed, inputs


def draw_employment(
    observations: pd.DataFrame,
    forecasts: pd.DataFrame,
    ref_area: str,
    first_year: int,
    last_year: int,
    n_draws: int,
    generator: np.random.Generator,
    level: Level,
) -> Demand:
    """Employment by sector and year in every draw, from the year before ``first_year`` to ``last_year``.

    The base year is the observed figure where there is one, else the forecast. A sector without a complete
    forecast is left out with its reason; where no sector has one, the economy is drawn as one.
    """
    sectors, kind = choose_sectors(forecasts, ref_area, level)
    employment = select_sectors(observations, ref_area, kind)
    quantiles = select_forecasts(forecasts, ref_area, kind)
    years = list(range(first_year - 1, last_year + 1))
    parts = {
        s: (quantiles[quantiles["economic_activity"] == s], employment[employment["economic_activity"] == s])
        for s in sectors
    }
    found = {s: _explain_missing(s, years, *parts[s]) for s in sectors}
    present = tuple(s for s in sectors if found[s] is None)
    total = _find_total(employment, quantiles, years, present, len(sectors))
    spreads = measure_spreads(quantiles, sectors, years)
    correlation = shrink_correlation(measure_changes(employment, sectors))
    if not total.reason:
        width = total.ratio * measure_spreads(total.quantiles, [TOTAL], years)[0]
        correlation = totals.raise_correlation(
            correlation, totals.find_common_weight(correlation, spreads[:, 1:], width[1:])
        )
    in_time = _correlate_forecast_years(
        quantiles[quantiles["economic_activity"].isin(sectors)], sectors, years
    )
    scores = draw_scores(correlation, in_time, n_draws, generator)
    drawn, inputs = np.zeros((n_draws, len(present), len(years))), {}
    for i, sector in enumerate(present):
        drawn[:, i, :], ids = _draw_sector(years, *parts[sector], scores[:, list(sectors).index(sector)])
        inputs.update({(sector, year): ids[k] for k, year in enumerate(years)})
    if not total.reason:
        drawn, ids_of_total = _agree(drawn, total, years, in_time)
        inputs.update(ids_of_total)
    return Demand(
        present,
        tuple(sectors),
        years[0],
        quantise(drawn),
        {s: r for s, r in found.items() if r is not None},
        inputs,
        _describe_agreement(total),
    )


def _describe_agreement(total: _Total) -> str:
    if total.reason:
        return f"not fitted to a forecast of the total: {total.reason}"
    level = "" if total.ratio == 1 else f", x {total.ratio:.4f} (activities over the total, latest year)"
    return f"sectors sum in every draw to a draw of the published forecast of the total{level}"
