"""The balance put to the test: made again at an earlier year from the figures up to it, then set beside what came.

Nobody observes a gap. What can be observed is what it is made of: employment by sector, the labour force by sex and age,
and unemployment. So the realised gap is the same accounting with what happened in the place of what was forecast, and
the naive gap is the accounting with employment that stays as it was at the origin. Replacement demand and the usable
unemployed follow the same rules in all three and cancel in the comparison. A judge outside this accounting is the
unemployment rate: where openings exceed those who newly seek work, it should fall.

Population by sex and age is that of the loaded projection, also after the origin: whoever is of working age within
five years was born already. Everything else is cut at the origin. Figures are those of today's vintages.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from lma.balance.demand import select_sectors
from lma.balance.gap import Simulation, simulate_balance
from lma.balance.supply import read_unemployment_rate
from lma.balance.table import cumulate_draws
from lma.contracts import Country, RuleSet, table_contract
from lma.forecasting.country import World, forecast_country, learn_from
from lma.forecasting.periods import FREQUENCIES
from lma.levels import KINDS, TOTAL, Level, details, find_main_level, select_employment
from lma.shortages.rating import rate_gap

Array = npt.NDArray[np.float64]

SHORTEST, LONGEST = 3, 5
"""Years after an origin that are judged: five, or as many as have come, three at least."""
FEWEST_YEARS = FREQUENCIES["A"].min_points
LEVELS = (0.1, 0.5, 0.9)
SHORT = ("SHORTAGE", "SEVERE")


@dataclass(frozen=True)
class Origin:
    """One origin of one country: what is judged, from when to when, and at which detail."""

    country: Country
    year: int
    last_year: int
    level: Level

    @property
    def period(self) -> str:
        """First and last year of the cumulated gap."""
        return f"{self.year + 1}-{self.last_year}"


def cut_at(observations: pd.DataFrame, year: int) -> pd.DataFrame:
    """What is dated up to the year, and the population by sex and age of all years."""
    dated = observations["time_period"].str[:4].astype(int) <= year
    return observations[dated | (observations["indicator"] == "POP")]


def find_origin(observations: pd.DataFrame, country: Country, year: int) -> Origin | str:
    """The origin with its level of detail and the last year that can be judged, or the reason why none can.

    The finest level known at the origin with enough years to be forecast, else the total. ``observations``: of the country,
    all years. Publishers' own projections are no outcomes.
    """
    known = cut_at(observations, year)
    levels = [find_main_level(known, country.ref_area), *(Level(details()[-1], kind, None) for kind in KINDS)]
    found = [_judge_level(observations, country, year, level) for level in levels]
    return next((one for one in found if isinstance(one, Origin)), found[0])


def _judge_level(observations: pd.DataFrame, country: Country, year: int, level: Level) -> Origin | str:
    known = _employment(observations, country.ref_area, level)
    known = known[known["basis"] != "projection"]
    counts = known.groupby("year")["economic_activity"].nunique()
    complete = set(counts.index[counts == len(level.sectors)])
    if year not in complete:
        return f"NO_BASE: no complete employment of {year}"
    n_years = known[known["year"] <= year].groupby("economic_activity")["year"].nunique().min()
    if n_years < FEWEST_YEARS:
        return f"TOO_SHORT: {n_years} annual values of employment up to {year}, {FEWEST_YEARS} are needed"
    last = year
    while last + 1 in complete and last < year + LONGEST:
        last += 1
    if last < year + SHORTEST:
        return f"NO_OUTCOME: complete employment after {year} ends in {last}, {SHORTEST} years are needed"
    return Origin(country, year, last, level)


def _employment(observations: pd.DataFrame, ref_area: str, level: Level) -> pd.DataFrame:
    rows = select_sectors(observations, ref_area, level.basis_kind)
    return rows[rows["economic_activity"].isin(level.sectors)]


def keep_level(observations: pd.DataFrame, ref_area: str, level: Level) -> pd.DataFrame:
    """Without employment at other levels of detail than the one that was known at the origin."""
    employment = select_employment(observations, ref_area)
    others = employment[
        (employment["basis_kind"] != level.basis_kind)
        | ~employment["economic_activity"].isin([*level.sectors, TOTAL])
    ]
    return observations[~observations["observation_id"].isin(set(others["observation_id"]))]


def lay_out_outcome(observations: pd.DataFrame, origin: Origin) -> pd.DataFrame:
    """What happened in the shape of a forecast that was certain: all quantiles are the figure that came."""
    area = origin.country.ref_area
    rows = select_sectors(observations, area, origin.level.basis_kind)
    rows = rows[rows["year"].between(origin.year + 1, origin.last_year)]
    return pd.DataFrame(
        [
            {
                "ref_area": area, "indicator": "EMP", "sex": "_T", "basis_kind": origin.level.basis_kind, "role": "champion",
                "output_type": "quantile", "output_type_id": str(level), "value": float(value), "origin_date": str(origin.year),
                "economic_activity": activity, "target_period": str(year), "forecast_id": identifier,
            }
            for activity, year, value, identifier in zip(
                rows["economic_activity"], rows["year"], rows["obs_value"], rows["observation_id"], strict=True
            )
            for level in LEVELS
        ]
    )  # fmt: skip


def simulate_three(
    observations: pd.DataFrame,
    forecasts: pd.DataFrame,
    origin: Origin,
    rules: RuleSet,
    seed: int,
    n_draws: int,
) -> tuple[Simulation, Simulation, Simulation]:
    """The balance as it would have been predicted, with no change of employment, and with what came.

    ``observations``: of the country, all years; ``forecasts``: made at the origin from what is cut there. The second and
    third have one central draw.
    """
    area, last = origin.country.ref_area, origin.last_year
    known = keep_level(cut_at(observations, origin.year), area, origin.level)
    everything = keep_level(observations, area, origin.level)
    naive = forecasts[forecasts["role"] == "naive"].assign(role="champion")
    came = lay_out_outcome(observations, origin)
    return (
        simulate_balance(known, forecasts, rules, origin.country, origin.year + 1, last, seed, n_draws),
        simulate_balance(known, naive, rules, origin.country, origin.year + 1, last, seed, 1),
        simulate_balance(everything, came, rules, origin.country, origin.year + 1, last, seed, 1),
    )


def read_gap_shares(simulation: Simulation) -> Array | None:
    """Cumulated gap in per cent of base employment: (draws, sectors and the country); ``None`` without a gap."""
    summed = cumulate_draws(simulation)
    shares: Array | None = summed["GAP_PC"][:, :, -1] if "GAP_PC" in summed else None
    return shares


def read_flow_gap(simulation: Simulation) -> float:
    """Cumulated gap of the country without the stock of unemployed, median, per cent of base employment.

    Openings less those who newly seek work: above zero the stock of unemployed should shrink.
    """
    flows = simulation.total("GAP") + simulation.total("UNEMPLOYED_USABLE")
    return float(np.median(100 * flows.sum(axis=1) / simulation.base.sum(axis=1)))


def measure_unemployment_change(observations: pd.DataFrame, origin: Origin) -> tuple[float, float] | None:
    """Change of the unemployment rate over the judged years, and over as many before the origin, percentage points.

    ``None`` unless one series has all three years and no break between them.
    """
    span = origin.last_year - origin.year
    rates = read_unemployment_rate(observations, origin.country.ref_area, origin.last_year)
    if rates.empty:
        return None
    by_year = rates.drop_duplicates("year").set_index("year")["obs_value"].astype(float)
    broken = (
        rates.loc[rates["is_break"].astype(bool), "year"]
        .between(origin.year - span + 1, origin.last_year)
        .any()
    )
    years = (origin.year - span, origin.year, origin.last_year)
    if broken or not set(years) <= set(by_year.index):
        return None
    before, at, after = (float(by_year[year]) for year in years)
    return after - at, at - before


def measure_past_growth(observations: pd.DataFrame, origin: Origin) -> dict[str, float]:
    """Growth of employment by sector over as many years before the origin as are judged after it, per cent.

    Who knows nothing else would expect the sectors that grew most to lack workers next. A sector without a figure at both
    ends, or with a declared break between them, is left out.
    """
    rows = _employment(observations, origin.country.ref_area, origin.level)
    start = 2 * origin.year - origin.last_year
    span = rows[rows["year"].between(start, origin.year)]
    broken = set(span.loc[(span["year"] > start) & span["is_break"].astype(bool), "economic_activity"])
    wide = span.pivot(index="economic_activity", columns="year", values="obs_value").reindex(
        columns=[start, origin.year]
    )
    known = wide[(wide[start] > 0) & wide[origin.year].notna() & ~wide.index.isin(broken)]
    return {str(unit): float(100 * (row[origin.year] / row[start] - 1)) for unit, row in known.iterrows()}


def judge_origin(
    observations: pd.DataFrame,
    forecasts: pd.DataFrame,
    origin: Origin,
    rules: tuple[RuleSet, RuleSet],
    seed: int,
    n_draws: int = 2000,
) -> list[dict[str, object]]:
    """Rows of marts.past_balances of one origin: the country, then its sectors, in a fixed order.

    ``rules``: those of the balance and those of the rating. Where a gap lacks, one row of the country with the reason.
    """
    runs = simulate_three(observations, forecasts, origin, rules[0], seed, n_draws)
    predicted, naive, realised = (read_gap_shares(run) for run in runs)
    if predicted is None or naive is None or realised is None or runs[0].sectors != runs[2].sectors:
        reasons = [reason for run in runs for reason in (*run.demand.reasons.values(), *run.reasons.values())]
        return [
            name_row(origin, TOTAL, {"reason": reasons[0] if reasons else "NO_GAP: no gap could be computed"})
        ]
    change = measure_unemployment_change(observations, origin)
    growth = measure_past_growth(observations, origin)
    columns = {
        TOTAL: predicted.shape[1] - 1,
        **{unit: k for k, unit in enumerate(runs[0].sectors) if unit != TOTAL},
    }
    rows = []
    for unit, k in columns.items():
        gaps = {
            **describe_gap(predicted[:, k], rules[1]),
            "naive_gap_pc": naive[0, k],
            "realised_gap_pc": realised[0, k],
            "past_growth_pc": growth.get(unit),
        }
        outside = (
            dict(zip(OUTSIDE, (read_flow_gap(runs[0]), *(change or (None, None))), strict=True))
            if unit == TOTAL
            else {}
        )
        rows.append(name_row(origin, unit, {**gaps, **outside, "inputs": find_figures(runs[2], unit)}))
    return rows


OUTSIDE = ("flow_gap_pc", "unemployment_change", "unemployment_change_before")


def describe_gap(draws: Array, rules: RuleSet) -> dict[str, object]:
    """Quantiles of the gap in per cent of base employment, probability of a shortage, and the rating of the gap."""
    low, middle, high = (float(value) for value in np.quantile(draws, LEVELS))
    probability = float((draws > 0).mean())
    rating = rate_gap(low, middle, probability, rules)
    return {
        "gap_pc_q10": low,
        "gap_pc_q50": middle,
        "gap_pc_q90": high,
        "probability": probability,
        "rating": rating,
    }


def find_figures(realised: Simulation, unit: str) -> list[str]:
    """Ids of the employment at the origin and in the last year judged."""
    last = realised.years[-1]
    inputs, base_year = realised.demand.inputs, realised.demand.base_year
    units = realised.sectors if unit == TOTAL else (unit,)
    return [i for one in units for year in (base_year, last) for i in inputs.get((one, year), [])]


STEP = (
    "balance made again from figures dated up to {year} (today's vintages; population by age of the loaded projection), {period} cumulated, "
    "in per cent of employment in {year}; realised: the same accounting with the employment and labour force that came; naive: with "
    "employment unchanged"
)


def name_row(origin: Origin, unit: str, found: dict[str, object]) -> dict[str, object]:
    """One row of marts.past_balances with its key."""
    area, year = origin.country.ref_area, str(origin.year)
    return {
        "past_balance_id": f"G:{area}:{year}:{unit}", "ref_area": area, "origin_date": year, "economic_activity": unit,
        "time_period": origin.period, "basis_kind": origin.level.basis_kind, "inputs": [],
        "step": STEP.format(year=year, period=origin.period), **found,
    }  # fmt: skip


def tabulate(rows: Sequence[dict[str, object]]) -> pd.DataFrame:
    """Rows with exactly the columns of marts.past_balances."""
    table = table_contract("marts.past_balances")
    frame = pd.DataFrame(list(rows), columns=table.column_names)
    numbers = [column.name for column in table.columns if column.physical_type == "DOUBLE"]
    frame[numbers] = frame[numbers].astype(float).round(4)
    return frame


def hindcast_balances(
    observations: pd.DataFrame,
    countries: Sequence[Country],
    years: Sequence[int],
    rules: tuple[RuleSet, RuleSet],
    seed: int,
) -> pd.DataFrame:
    """Rows of marts.past_balances of these countries from these years.

    ``observations``: employment of all countries (the engine learns from them), all else of the countries asked for.
    The engine is taught anew at every origin and sees nothing dated after it.
    """
    rows: list[dict[str, object]] = []
    employment = observations[observations["indicator"] == "EMP"]
    own = {area: part for area, part in observations.groupby("ref_area", sort=False)}
    for year in years:
        world = learn_from(employment[employment["time_period"].str[:4].astype(int) <= year], LONGEST)
        for country in countries:
            rows += _hindcast_country(own.get(country.ref_area), country, year, world, rules, seed)
    return tabulate(rows)


def _hindcast_country(
    own: pd.DataFrame | None,
    country: Country,
    year: int,
    world: World,
    rules: tuple[RuleSet, RuleSet],
    seed: int,
) -> list[dict[str, object]]:
    if own is None:
        return []
    origin = find_origin(own, country, year)
    if isinstance(origin, str):
        return [
            name_row(
                Origin(country, year, year + LONGEST, find_main_level(own, country.ref_area)),
                TOTAL,
                {"reason": origin},
            )
        ]
    span = origin.last_year - year
    forecasts, _ = forecast_country(
        cut_at(own, year), country.ref_area, span, origin.last_year, world=world, scored=False
    )
    return judge_origin(own, forecasts, origin, rules, seed)


# ---------------------------------------------------------------- scores


def score_signs(rows: pd.DataFrame) -> dict[str, float]:
    """Hit rates, error and coverage of gaps (rows of marts.past_balances with a realised gap); NaN without rows.

    ``sign_hit``: shortage or surplus said rightly; ``mae``: mean absolute error, percentage points of base employment;
    ``coverage_80``: realised gaps inside q10 to q90; ``brier``: of the probability of a shortage, beside that of saying the
    share of shortages every time.
    """
    realised, short = rows["realised_gap_pc"], rows["realised_gap_pc"] > 0
    return {
        "n": float(len(rows)),
        "sign_hit": _mean(np.sign(rows["gap_pc_q50"]) == np.sign(realised)),
        "naive_sign_hit": _mean(np.sign(rows["naive_gap_pc"]) == np.sign(realised)),
        "mae": _mean((rows["gap_pc_q50"] - realised).abs()),
        "naive_mae": _mean((rows["naive_gap_pc"] - realised).abs()),
        "coverage_80": _mean(realised.between(rows["gap_pc_q10"], rows["gap_pc_q90"])),
        "brier": _mean((rows["probability"] - short) ** 2),
        "base_brier": _mean((short.mean() - short) ** 2) if len(rows) else float("nan"),
    }


def _mean(values: pd.Series) -> float:
    return float(values.mean()) if len(values) else float("nan")


def score_ranks(rows: pd.DataFrame) -> dict[str, float]:
    """Share of pairs of sectors of one country and origin that are in the right order of gap; equal gaps count half.

    ``naive_rank_hit``: the order of growth before the origin, which is what is known without any model.
    """
    rows = rows[rows["past_growth_pc"].notna()]
    hits: dict[str, list[Array]] = {"gap_pc_q50": [], "past_growth_pc": []}
    for _, one in rows.groupby(["ref_area", "origin_date"], sort=True):
        first, second = np.triu_indices(len(one), k=1)
        realised = one["realised_gap_pc"].to_numpy()
        truth = np.sign(realised[first] - realised[second])
        for name, found in hits.items():
            said = one[name].to_numpy()
            found.append(((1 + np.sign(said[first] - said[second]) * truth) / 2)[truth != 0])
    joined = {name: np.concatenate(found) if found else np.array([]) for name, found in hits.items()}
    return {
        "n_pairs": float(len(joined["gap_pc_q50"])),
        "rank_hit": _mean(pd.Series(joined["gap_pc_q50"])),
        "naive_rank_hit": _mean(pd.Series(joined["past_growth_pc"])),
    }


def score_ratings(rows: pd.DataFrame, rules: RuleSet) -> dict[str, float]:
    """Of the gaps rated short, the share that came to a shortage of the rated size; beside it the share of all, and the recall."""
    came = rows["realised_gap_pc"] >= rules.threshold("shortage_percent")
    said = rows["rating"].isin(SHORT)
    return {
        "n_rated_short": float(said.sum()),
        "precision": _mean(came[said]),
        "base_rate": _mean(came),
        "recall": _mean(said[came]),
    }


def score_unemployment(rows: pd.DataFrame) -> dict[str, float]:
    """Whether unemployment fell where openings were said to exceed new seekers, and rose where not; naive: as before the origin."""
    judged = rows[rows["unemployment_change"].notna() & (rows["unemployment_change"] != 0)]
    fell = judged["unemployment_change"] < 0
    return {
        "n": float(len(judged)),
        "hit": _mean((judged["flow_gap_pc"] > 0) == fell),
        "naive_hit": _mean((judged["unemployment_change_before"] < 0) == fell),
        "majority_hit": max(_mean(fell), 1 - _mean(fell)),
    }
