"""Demand: draws that agree with the total, replacement by component, vacancies, staffing pattern; bad input."""

from __future__ import annotations

import itertools
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from lma.balance import demand, occupations, replacement, staffing, totals, vacancies
from lma.balance.supply import AGES, Supply
from lma.contracts import rule_set, table_contract
from lma.levels import details, find_main_level

CASES = Path(__file__).parent / "cases"
RULES = rule_set("balance")
ARRAY = np.ndarray[Any, np.dtype[np.float64]]
QUICK = settings(max_examples=25, deadline=None, phases=(Phase.explicit, Phase.reuse, Phase.generate))
GROUPS = details()[1].codes
LEVELS = (0.025, 0.1, 0.5, 0.9, 0.975)
ORIGIN, FIRST, LAST = 2025, 2026, 2030


def list_cases(method: str) -> Any:
    return pytest.mark.parametrize(
        "case", sorted((CASES / method).glob("[0-9]*")), ids=lambda path: path.name
    )


def read_case(case: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    return pd.read_csv(case / "input.csv"), pd.read_csv(case / "expected.csv", keep_default_na=False)


def observe(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Rows in the columns of marts.observations, the rest filled with totals."""
    fixed = {
        "ref_area": "XXX", "counterpart_area": "_Z", "indicator": "EMP", "freq": "A", "sex": "_T", "age": "_T",
        "economic_activity": "_T", "activity_revision": "ISIC4", "occupation": "_T", "occupation_revision": "_Z",
        "citizenship": "_T", "unit_measure": "PS", "source_id": "made_up", "obs_status": "A",
        "basis_kind": "modelled", "is_break": False,
    }  # fmt: skip
    filled = [{**fixed, "observation_id": f"{'0' * 12}:{i}", **row} for i, row in enumerate(rows, start=1)]
    return pd.DataFrame(filled, columns=table_contract("marts.observations").column_names)


# ---------------------------------------------------------------- a country made up for the tests


def make_employment(levels: dict[str, float], moves: ARRAY | None = None) -> pd.DataFrame:
    """Employment of every group and of the total, 2010 to 2025."""
    years = range(2010, ORIGIN + 1)
    steps = np.random.default_rng(1).normal(0.01, 0.03, (len(levels), len(years))) if moves is None else moves
    values = np.array(list(levels.values()))[:, None] * np.exp(np.cumsum(steps[:, ::-1], axis=1)[:, ::-1])
    series = {**dict(zip(levels, values, strict=True)), "_T": values.sum(axis=0)}
    return observe(
        [
            {"economic_activity": code, "time_period": str(year), "obs_value": float(value)}
            for code, row in series.items()
            for year, value in zip(years, row, strict=True)
        ]
    )


def forecast(levels: dict[str, float], total_spread: float | None, spread: float = 0.06) -> pd.DataFrame:
    """Quantiles that widen with the root of time; the total with its own spread, or none published."""
    shares = {code: (level, spread) for code, level in levels.items()}
    if total_spread is not None:
        shares["_T"] = (sum(levels.values()), total_spread)
    rows = [
        {
            "forecast_id": f"F:{code}:{h}:{level}", "ref_area": "XXX", "indicator": "EMP", "sex": "_T",
            "economic_activity": code, "basis_kind": "modelled", "role": "champion", "output_type": "quantile",
            "output_type_id": str(level), "origin_date": str(ORIGIN), "horizon": h,
            "target_period": str(ORIGIN + h), "value": value * np.exp(width * np.sqrt(h) * NormalDist().inv_cdf(level)),
        }
        for code, (value, width) in shares.items()
        for h in range(1, 6)
        for level in LEVELS
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=table_contract("marts.forecasts").column_names)


LEVELS_OF = {code: 10_000.0 * (i + 1) for i, code in enumerate(GROUPS)}
EMPLOYMENT = make_employment(LEVELS_OF)


def draw(
    observations: pd.DataFrame = EMPLOYMENT,
    forecasts: pd.DataFrame | None = None,
    n_draws: int = 2000,
) -> demand.Demand:
    level = find_main_level(observations, "XXX")
    given_ = forecast(LEVELS_OF, 0.04) if forecasts is None else forecasts
    return demand.draw_employment(
        observations, given_, "XXX", FIRST, LAST, n_draws, np.random.default_rng(3), level
    )


# ---------------------------------------------------------------- agreement with the published total


@list_cases("totals")
def test_golden_total(case: Path) -> None:
    given_, expected = read_case(case)
    found = totals.fit_total(given_[["first", "second"]].to_numpy(float), given_["total"].to_numpy(float))
    np.testing.assert_allclose(found, expected.to_numpy(float), atol=1e-9)


@pytest.mark.parametrize("width", [0.01, 0.03, 0.05, 0.09])
def test_sum_of_the_sectors_has_the_published_quantiles_of_the_total(width: float) -> None:
    """An independent reading of the published quantiles, from narrower than the sectors to wider than all together."""
    forecasts = forecast(LEVELS_OF, width)
    found = draw(forecasts=forecasts)
    summed = found.employment.sum(axis=1)
    published = forecasts[forecasts["economic_activity"] == "_T"].pivot(
        index="horizon", columns="output_type_id", values="value"
    )
    for horizon, level in itertools.product(range(1, 6), LEVELS):
        expected = published.loc[horizon, str(level)]
        assert np.quantile(summed[:, horizon], level) == pytest.approx(expected, rel=2e-3)
    assert found.agreement.startswith("sectors sum in every draw to a draw of the published forecast")


def test_sectors_keep_their_own_quantiles_where_a_common_factor_explains_the_total() -> None:
    forecasts = forecast(LEVELS_OF, 0.05)
    found = draw(forecasts=forecasts)
    last = forecasts[forecasts["horizon"] == 5]
    for i, code in enumerate(found.sectors):
        own = last[last["economic_activity"] == code].set_index("output_type_id")["value"]
        for level in (0.1, 0.5, 0.9):
            assert np.quantile(found.employment[:, i, -1], level) == pytest.approx(own[str(level)], rel=0.02)


def test_without_a_forecast_of_the_total_the_sectors_stay_and_it_is_said() -> None:
    found = draw(forecasts=forecast(LEVELS_OF, None))
    assert (
        found.agreement == "not fitted to a forecast of the total: the total has no forecast for these years"
    )


def test_a_total_of_other_people_is_not_fitted() -> None:
    observations = EMPLOYMENT.assign(
        obs_value=EMPLOYMENT["obs_value"].where(
            EMPLOYMENT["economic_activity"] != "_T", 2 * EMPLOYMENT["obs_value"]
        )
    )
    assert "activities sum to 0.50 of the published total" in draw(observations).agreement


def observe_late(is_break: bool = False) -> pd.DataFrame:
    """Groups known to 2023, the total to 2026, above what the groups come to."""
    groups = EMPLOYMENT[(EMPLOYMENT["economic_activity"] != "_T") & (EMPLOYMENT["time_period"] <= "2023")]
    whole = EMPLOYMENT[EMPLOYMENT["economic_activity"] == "_T"]
    later = {"economic_activity": "_T", "time_period": "2026", "obs_value": 240_000.0, "is_break": is_break}
    return pd.concat([groups, whole, observe([later])], ignore_index=True)


def forecast_late() -> pd.DataFrame:
    groups = forecast(LEVELS_OF, None)
    earlier = groups.assign(
        target_period=(groups["target_period"].astype(int) - 2).astype(str), origin_date="2023"
    )
    rest = forecast(LEVELS_OF, 0.03)
    rest = rest[(rest["economic_activity"] == "_T") | (rest["target_period"] > "2028")]
    rest = rest.assign(origin_date=rest["origin_date"].where(rest["economic_activity"] == "_T", "2023"))
    return pd.concat([earlier, rest], ignore_index=True)


def test_a_total_already_observed_binds_the_sectors_in_that_year() -> None:
    observations = observe_late()
    known = observations[observations["economic_activity"] == "_T"].set_index("time_period")["obs_value"]
    found = draw(observations, forecast_late())
    summed = found.employment.sum(axis=1)
    assert summed[:, 0] == pytest.approx(np.full(2000, known["2025"]), abs=0.01)
    assert summed[:, 1] == pytest.approx(np.full(2000, 240_000.0), abs=0.01)
    assert summed[:, 2].std() > 1000 and found.employment[:, 0, 0].std() > 100


def test_no_growth_is_taken_across_a_break_of_the_total() -> None:
    found = draw(observe_late(is_break=True), forecast_late())
    assert found.agreement.endswith("the total has a break in 2026, within the balance")


def test_total_keeps_its_own_surprises_where_the_sectors_are_older() -> None:
    """Oracle: horizons 4 to 6 of a random walk against 1 to 3; the correlation asked for is that of 1 to 3."""
    generator = np.random.default_rng(5)
    sectors = demand.correlate_years(0.5, np.array([4, 5, 6]))
    own = demand.correlate_years(0.5, np.array([1, 2, 3]))
    factor, own_factor = np.linalg.cholesky(sectors), np.linalg.cholesky(own)
    scores = generator.standard_normal((20_000, 3)) @ factor.T
    anew = totals.accumulate_anew(scores, factor, own_factor)
    np.testing.assert_allclose(np.corrcoef(anew.T), own, atol=0.02)
    np.testing.assert_allclose(totals.accumulate_anew(scores, factor, factor), scores, atol=1e-9)


@QUICK
@given(st.integers(1, 5), st.integers(2, 30), st.integers(0, 1000), st.floats(0, 3))
def test_fitted_sectors_sum_to_the_total_and_are_never_negative(
    n_sectors: int, n_draws: int, seed: int, scale: float
) -> None:
    generator = np.random.default_rng(seed)
    drawn = generator.gamma(1.0, 100.0, (n_draws, n_sectors)) * generator.integers(0, 2, n_sectors)
    total = scale * generator.gamma(2.0, 100.0, n_draws)
    fitted = totals.fit_total(drawn, total)
    assert (fitted >= 0).all()
    np.testing.assert_allclose(fitted.sum(axis=1), total, rtol=1e-9, atol=1e-9)


@QUICK
@given(st.integers(0, 1000), st.floats(1.0, 1.5))
def test_more_demand_in_total_is_never_less_in_a_sector(seed: int, more: float) -> None:
    drawn = np.random.default_rng(seed).gamma(3.0, 100.0, (50, 4))
    total = 0.9 * drawn.sum(axis=1)
    assert (totals.fit_total(drawn, more * total) >= totals.fit_total(drawn, total) - 1e-9).all()


@QUICK
@given(st.integers(0, 1000), st.floats(0.1, 4.0))
def test_common_factor_gives_the_variance_asked_for(seed: int, asked: float) -> None:
    """Oracle: the variance of the weighted sum written out, 0 and 1 where the asked one lies outside."""
    generator = np.random.default_rng(seed)
    spreads, mixed = generator.uniform(1, 5, (4, 1)), generator.normal(size=(4, 6))
    correlation = np.corrcoef(mixed)
    weight = totals.find_common_weight(correlation, spreads, np.array([asked * np.sqrt((spreads**2).sum())]))
    raised = totals.raise_correlation(correlation, weight)
    found = sum(spreads[i, 0] * spreads[j, 0] * raised[i, j] for i in range(4) for j in range(4))
    wanted = asked**2 * (spreads**2).sum()
    alone, together = (spreads.T @ correlation @ spreads).item(), spreads.sum() ** 2
    assert found == pytest.approx(min(max(wanted, alone), together), rel=1e-9)


def test_surprises_of_a_random_walk_do_not_last() -> None:
    """Oracle: for intervals that grow with the root of time, cov(h, k) = min(h, k)."""
    assert demand.measure_growth_of_spread(np.sqrt(np.arange(1, 7))) == pytest.approx(0.5)
    horizons = np.arange(0, 5)
    found = demand.correlate_years(0.5, horizons)
    for h, k in itertools.product(range(1, 5), repeat=2):
        assert found[h, k] == pytest.approx(min(h, k) / np.sqrt(h * k))
    assert demand.measure_growth_of_spread(np.arange(1.0, 7.0)) == pytest.approx(0.99)
    assert demand.measure_growth_of_spread(np.zeros(3)) == 0.5


def test_yearly_changes_are_as_uncertain_late_as_early() -> None:
    changes = np.diff(draw().employment.sum(axis=1), axis=1).std(axis=0)
    assert changes.max() / changes.min() < 1.15


# ---------------------------------------------------------------- bad input to demand


def test_one_sector_only_is_the_total() -> None:
    observations = EMPLOYMENT[EMPLOYMENT["economic_activity"] == "_T"]
    found = draw(observations, forecast({"_T": 90_000.0}, None))
    assert found.sectors == ("_T",)
    assert np.quantile(found.employment[:, 0, -1], 0.5) == pytest.approx(90_000, rel=1e-3)


def test_identical_sectors_are_drawn_alike_and_still_sum() -> None:
    levels = dict.fromkeys(GROUPS, 10_000.0)
    moves = np.tile(np.random.default_rng(2).normal(0.01, 0.03, ORIGIN - 2009), (len(GROUPS), 1))
    found = draw(make_employment(levels, moves), forecast(levels, 0.06))
    assert np.isfinite(found.employment).all()
    assert np.quantile(found.employment[:, :, -1].sum(axis=1), 0.5) == pytest.approx(
        10_000 * len(GROUPS), rel=1e-3
    )


def test_zero_employment_stays_zero_and_harms_nobody() -> None:
    levels = {**LEVELS_OF, GROUPS[0]: 0.0}
    found = draw(make_employment(levels), forecast(levels, 0.04))
    assert not found.employment[:, 0].any() and np.isfinite(found.employment).all()
    assert np.median(found.employment[:, :, -1].sum(axis=1)) == pytest.approx(sum(levels.values()), rel=1e-3)


def test_negative_employment_is_left_out_with_its_value() -> None:
    bad = (EMPLOYMENT["economic_activity"] == GROUPS[1]) & (EMPLOYMENT["time_period"] == str(ORIGIN))
    found = draw(EMPLOYMENT.assign(obs_value=EMPLOYMENT["obs_value"].mask(bad, -5.0)))
    assert found.reasons == {
        GROUPS[1]: f"BAD_EMPLOYMENT: employment in {GROUPS[1]} in 2025 is -5, below zero"
    }
    assert found.agreement.endswith("not all activities have a forecast")


# ---------------------------------------------------------------- replacement by component


@list_cases("replacement")
def test_golden_replacement(case: Path) -> None:
    given_, expected = read_case(case)
    workers = given_.pivot(index="unit", columns="age", values="workers").loc[expected["unit"]]
    profile = given_.drop_duplicates("age").set_index("age")["rate_at_age"].loc[workers.columns]
    found = expected["national"] * replacement.weigh_ages(workers.to_numpy(float), profile.to_numpy(float))
    assert found.tolist() == pytest.approx(expected["rate"].tolist())


def test_golden_openings_of_the_reference() -> None:
    """Reference/methods 4.5: growth 300, retirement 250, deaths 30, transfers 120 on 10,000 are 700 openings."""
    rates = {"RETIREMENT": 0.025, "MORTALITY": 0.003, "TRANSFER": 0.012}
    held = replacement.Replacement({name: np.full((1, 1), rate) for name, rate in rates.items()}, "by hand")
    found = replacement.draw_replacement(np.full((1, 1, 1), 10_000.0), held, np.ones(1))
    values = {name: part.item() for name, part in found.items()}
    assert values == {
        "REPLACEMENT_RETIREMENT": 250, "REPLACEMENT_MORTALITY": 30, "REPLACEMENT_RAW": 280, "REPLACEMENT": 280,
        "TRANSFERS_OUT": 120,
    }  # fmt: skip
    assert 300 + values["REPLACEMENT"] + values["TRANSFERS_OUT"] == 700


def test_transfers_are_what_a_cohort_is_short_of_beyond_exits() -> None:
    """1,000 of 25-29, of whom 1 in 100 leaves work a year, should be 950.99 at 30-34; 800 are: 150.99 moved."""
    before, now, exits = np.zeros((1, 11)), np.zeros((1, 11)), np.full(11, 0.01)
    before[0, AGES.index("Y25T29")], now[0, AGES.index("Y30T34")] = 1000, 800
    found = replacement.measure_transfers(before, now, exits)
    assert found == pytest.approx([(1000 * 0.99**5 - 800) / 1000 / 5])
    assert replacement.measure_transfers(before, 2 * before, exits)[0] == pytest.approx(0.99**5 / 5)
    assert replacement.measure_transfers(np.zeros((1, 11)), now, exits) == pytest.approx([0.0])


AGE_PROFILES = {
    "retirement": np.array([0.0] * 8 + [0.04, 0.15, 0.15]),
    "withdrawal": np.array([0.03] + [0.01] * 7 + [0.0] * 3),
    "mortality": np.linspace(0.001, 0.02, 11),
}
NATIONAL = {"retirement": 0.02, "withdrawal": 0.01, "mortality": 0.006}
UNITS = ("A", "B")


def make_supply(n_years: int = 5) -> Supply:
    parts = {name: np.full(n_years, rate) for name, rate in NATIONAL.items()}
    return Supply(
        exit_rate=np.full(n_years, sum(NATIONAL.values())), exit_method="cohorts", exit_parts=parts,
        exit_ages=AGE_PROFILES, adults=np.full((2, n_years + 1), 50_000.0),
    )  # fmt: skip


def make_ages(years: tuple[int, ...] = (2020, 2025)) -> pd.DataFrame:
    weights = {"A": np.arange(11, 0, -1), "B": np.arange(1, 12)}
    rows = [
        {
            "economic_activity": unit,
            "age": age,
            "time_period": str(year),
            "obs_value": 100.0 * weights[unit][k],
        }
        for unit, year in itertools.product(UNITS, years)
        for k, age in enumerate(AGES)
    ]
    migration = {"indicator": "NET_MIG_5Y", "time_period": "2027", "obs_value": -1000.0}
    return observe([*rows, migration])


def estimate(observations: pd.DataFrame, supply: Supply | None = None) -> replacement.Replacement:
    found = replacement.estimate_replacement(observations, "XXX", UNITS, supply or make_supply(), FIRST, LAST)
    assert found is not None
    return found


def test_replacement_by_age_equals_the_formula_written_out() -> None:
    """Oracle in loops: R_o = sum of E_a x rate_a, scaled so that both units together lose the country's share."""
    found = estimate(make_ages())
    for component, name in (("RETIREMENT", "retirement"), ("INACTIVITY", "withdrawal")):
        lost = {unit: 0.0 for unit in UNITS}
        workers = {unit: 0.0 for unit in UNITS}
        for k in range(11):
            for unit, n in (("A", 100.0 * (11 - k)), ("B", 100.0 * (k + 1))):
                lost[unit] += n * AGE_PROFILES[name][k]
                workers[unit] += n
        scale = NATIONAL[name] * sum(workers.values()) / sum(lost.values())
        for i, unit in enumerate(UNITS):
            assert found.rates[component][i, 0] == pytest.approx(scale * lost[unit] / workers[unit])
    assert found.rates["RETIREMENT"][1, 0] > found.rates["RETIREMENT"][0, 0]
    assert (found.rates["TRANSFER"] > 0).any() and not found.reasons


def test_emigration_is_taken_out_of_deaths_and_the_sum_stays() -> None:
    """1,000 net emigrants in five years of 100,000 adults are 0.002 a year; 0.006 leave 0.004 deaths."""
    found = estimate(make_ages((2024,))[lambda o: o["indicator"] == "NET_MIG_5Y"])
    assert found.rates["EMIGRATION"][:, 0] == pytest.approx([0.002, 0.002])
    assert found.rates["MORTALITY"][:, 0] == pytest.approx([0.004, 0.004])
    assert found.reasons == {
        "TRANSFER": "NO_TRANSFERS: no employment by age; taken as none in openings and in seekers"
    }


def test_what_is_not_known_is_named() -> None:
    assert set(estimate(observe([{"time_period": "2020", "obs_value": 1.0}])).reasons) == {
        "EMIGRATION",
        "TRANSFER",
    }
    one_year = estimate(make_ages((2025,)))
    assert one_year.reasons == {
        "TRANSFER": "NO_TRANSFERS: no employment by age five years before 2025; taken as none"
    }
    net = Supply(exit_rate=np.full(5, 0.03), exit_method="net method")
    assert set(estimate(make_ages(), net).reasons) == {"INACTIVITY", "MORTALITY", "EMIGRATION", "TRANSFER"}
    assert replacement.estimate_replacement(make_ages(), "XXX", UNITS, Supply(), FIRST, LAST) is None


def test_a_unit_without_ages_sends_all_back_to_the_country() -> None:
    partly = make_ages()
    partly = partly[~((partly["economic_activity"] == "A") & (partly["age"] == "Y20T24"))]
    assert "the same rate everywhere" in estimate(partly).method


@QUICK
@given(st.integers(0, 10_000), st.integers(1, 6))
def test_all_units_together_lose_what_the_country_loses(seed: int, n_units: int) -> None:
    generator = np.random.default_rng(seed)
    workers = generator.integers(0, 3, (n_units, 11)) * generator.gamma(1.0, 1e4, (n_units, 11))
    relative = replacement.weigh_ages(workers, generator.uniform(0, 0.2, 11))
    weights = workers.sum(axis=1)
    if weights.sum() > 0:
        assert (relative * weights).sum() == pytest.approx(weights.sum())


@QUICK
@given(st.integers(0, 10_000), st.floats(0, 0.4), st.floats(0, 0.4))
def test_components_sum_exactly_and_more_workers_never_leave_fewer_openings(
    seed: int, first: float, second: float
) -> None:
    generator = np.random.default_rng(seed)
    workers = demand.quantise(generator.gamma(1.0, 1e5, (20, 3, 4)))
    rates = {"RETIREMENT": np.full((3, 4), first), "MORTALITY": np.full((3, 4), second)}
    held, refill = replacement.Replacement(rates, ""), np.linspace(0.6, 1, 20)
    found = replacement.draw_replacement(workers, held, refill)
    assert np.array_equal(
        found["REPLACEMENT_RETIREMENT"] + found["REPLACEMENT_MORTALITY"], found["REPLACEMENT_RAW"]
    )
    assert (found["REPLACEMENT"] <= found["REPLACEMENT_RAW"]).all()
    more = replacement.draw_replacement(2 * workers, held, refill)
    assert (more["REPLACEMENT"] >= found["REPLACEMENT"]).all()


@QUICK
@given(st.integers(0, 10_000), st.integers(1, 5))
def test_whoever_leaves_one_unit_is_a_seeker_of_another(seed: int, n_units: int) -> None:
    generator = np.random.default_rng(seed)
    leaving = demand.quantise(generator.gamma(1.0, 1e3, (10, n_units, 3)))
    received = replacement.receive_transfers(leaving, generator.dirichlet(np.ones(n_units)))
    assert np.array_equal(received.sum(axis=1), leaving.sum(axis=1))


def test_a_higher_retirement_age_puts_off_retirements_alone() -> None:
    held = replacement.Replacement(
        {"RETIREMENT": np.full((1, 1), 0.02), "MORTALITY": np.full((1, 1), 0.01)}, ""
    )
    found = replacement.draw_replacement(np.full((2, 1, 1), 1000.0), held, np.ones(2), np.array([0.0, 0.5]))
    assert found["REPLACEMENT_RETIREMENT"].ravel().tolist() == [20, 10]
    assert found["REPLACEMENT_MORTALITY"].ravel().tolist() == [10, 10]


# ---------------------------------------------------------------- unfilled vacancies


def count_posts(posts: dict[str, float], **more: str) -> list[dict[str, Any]]:
    fixed = {"indicator": "JOB_OPENINGS", **more}
    return [{**fixed, "time_period": period, "obs_value": value} for period, value in posts.items()]


def estimate_posts(
    observations: pd.DataFrame, base: list[float], base_year: int, sectors: tuple[str, ...] = ("MAN",)
) -> vacancies.Vacancies:
    history = demand.select_sectors(observations, "XXX", "modelled")
    return vacancies.estimate_vacancies(
        observations, "XXX", sectors, history, np.array(base), base_year, RULES
    )


@list_cases("vacancies")
def test_golden_vacancies(case: Path) -> None:
    given_, expected = read_case(case)
    wanted = expected.iloc[0]
    rows = count_posts(
        dict(zip(given_["year"].astype(str), given_["vacancies"].astype(float), strict=True)),
        economic_activity="MAN",
    )
    rows += [
        {"economic_activity": "MAN", "time_period": str(y), "obs_value": float(e)}
        for y, e in zip(given_["year"], given_["employment"], strict=True)
    ]
    found = estimate_posts(observe(rows), [float(wanted["base"])], int(wanted["base_year"]))
    assert [found.stock[0], found.normal[0], found.excess[0]] == pytest.approx(
        [wanted["stock"], wanted["normal"], wanted["excess"]]
    )
    offered = vacancies.offer_vacancies(found, 2, 7, RULES)
    assert offered[1, 0].tolist() == pytest.approx([float(wanted["each_year"])] * 5 + [0.0, 0.0], abs=1e-3)
    assert found.reasons.get("MAN", "").split(":")[0] == wanted["reason"]
    assert bool(found.inputs) == (not wanted["reason"])


MONTHS = {f"{year}-{month:02d}": 10.0 * (year - 2009) for year in range(2010, 2020) for month in range(1, 13)}


def test_industries_of_another_classification_are_translated_once() -> None:
    """Retail and wholesale are summed to market services; the part of a part and the total are not added."""
    rows = [
        *count_posts(MONTHS, freq="M", activity_revision="CES", economic_activity="CES_42000000"),
        *count_posts(MONTHS, freq="M", activity_revision="CES", economic_activity="CES_41420000"),
        *count_posts(MONTHS, freq="M", activity_revision="CES", economic_activity="CES_40000000"),
    ]
    found = vacancies.read_vacancies(observe(rows), "XXX", 2018)
    assert set(found["economic_activity"]) == {"MKT"}
    assert found.set_index("year")["stock"].to_dict() == {y: 20.0 * (y - 2009) for y in range(2010, 2019)}


def test_the_newest_twelve_months_are_one_year() -> None:
    posts = {period: value for period, value in MONTHS.items() if period <= "2019-06"}
    found = vacancies.read_vacancies(
        observe(count_posts(posts, freq="M", economic_activity="MAN")), "XXX", 2019
    )
    newest = found.iloc[0]
    assert (newest["period"], newest["stock"], len(newest["ids"])) == ("2018-07 to 2019-06", 95.0, 12)


def test_a_year_with_a_month_missing_is_no_year() -> None:
    """May 2018 is not published: neither twelve months around it nor those of other years stand in for it."""
    posts = {period: value for period, value in MONTHS.items() if period != "2018-05"}
    rows = count_posts(posts, freq="M", economic_activity="MAN")
    found = vacancies.read_vacancies(observe(rows), "XXX", 2019)
    years = {int(period[:4]) for period in MONTHS} - {2018}
    assert set(found["year"]) == years and found["period"].str.contains("-01 to").all()


def test_only_the_total_is_known_so_it_is_spread_by_employment() -> None:
    rows = count_posts({str(2010 + k): v for k, v in enumerate((20, 20, 20, 20, 20, 20, 60))})
    rows += [{"time_period": str(year), "obs_value": 1000.0} for year in range(2010, 2017)]
    found = estimate_posts(observe(rows), [600.0, 400.0], 2016, ("MAN", "CON"))
    assert found.excess.tolist() == pytest.approx([24.0, 16.0]) and not found.reasons


def test_no_vacancies_anywhere_is_said_for_every_sector() -> None:
    found = estimate_posts(EMPLOYMENT, [1.0, 2.0], 2025, ("MAN", "CON"))
    assert not found.inputs and not found.excess.any() and set(found.reasons) == {"MAN", "CON"}


# ---------------------------------------------------------------- staffing pattern


def make_pattern(table: pd.DataFrame) -> pd.DataFrame:
    return observe(
        [
            {
                "economic_activity": row["activity"], "occupation": row["occupation"], "occupation_revision": "ISCO08",
                "time_period": str(row["year"]), "obs_value": float(row["workers"]),
            }
            for row in table.to_dict("records")
        ]
    )  # fmt: skip


@list_cases("staffing")
def test_golden_staffing(case: Path) -> None:
    given_, expected = read_case(case)
    sectors = tuple(sorted(set(given_["activity"])))
    pattern = staffing.read_staffing(make_pattern(given_), "XXX", sectors, 2020)
    assert pattern is not None
    shares = staffing.project_shares(pattern, expected["year"].tolist(), RULES)
    employment = expected[list(sectors)].to_numpy(float).T[None]
    found = staffing.staff_activities(employment, shares)[0].T
    np.testing.assert_allclose(found, expected[list(pattern.occupations)].to_numpy(float), atol=0.002)


@QUICK
@given(st.integers(0, 10_000), st.integers(1, 4), st.integers(1, 5))
def test_occupations_sum_to_activities_exactly(seed: int, n_sectors: int, n_occupations: int) -> None:
    generator = np.random.default_rng(seed)
    counts = (
        generator.integers(0, 4, (n_sectors, n_occupations, 6)) * 1000.0
        + np.eye(n_sectors, n_occupations)[..., None]
    )
    counts[:, -1] += 1
    pattern = staffing.Staffing(
        tuple(map(str, range(n_sectors))), tuple(map(str, range(n_occupations))), tuple(range(2015, 2021)),
        counts / counts.sum(axis=1, keepdims=True), [],
    )  # fmt: skip
    shares = staffing.project_shares(pattern, range(2021, 2026), RULES)
    assert shares.sum(axis=1) == pytest.approx(np.ones((n_sectors, 5)))
    employment = demand.quantise(generator.gamma(1.0, 1e5, (8, n_sectors, 5)))
    found = staffing.staff_activities(employment, shares)
    assert np.array_equal(found.sum(axis=1), employment.sum(axis=1)) and (found >= 0).all()
    more = staffing.staff_activities(2 * employment, shares)
    assert (more >= found - 0.01).all()


def test_no_pattern_without_every_activity_and_codes_of_one_length() -> None:
    table = pd.DataFrame(
        {
            "activity": ["A", "A", "A", "B"],
            "occupation": ["OC1", "OC11", "OC12", "OC1"],
            "year": 2020,
            "workers": 10,
        }
    )
    observations = make_pattern(table)
    assert staffing.read_staffing(observations, "XXX", ("A", "C"), 2020) is None
    assert staffing.read_staffing(observations, "XXX", ("A", "B"), 2019) is None
    pattern = staffing.read_staffing(observations, "XXX", ("A", "B"), 2020)
    assert pattern is not None and pattern.occupations == ("OC1",)


def test_pattern_is_of_the_newest_isco() -> None:
    """ISCO-88 sorts behind ISCO-08 as text and is twenty years older."""
    table = pd.DataFrame({"activity": "A", "occupation": ["1", "2"], "year": 2020, "workers": [30, 10]})
    newer, older = make_pattern(table), make_pattern(table.assign(workers=[10, 30]))
    both = pd.concat([newer, older.assign(occupation_revision="ISCO88")], ignore_index=True)
    pattern = staffing.read_staffing(both, "XXX", ("A",), 2020)
    assert pattern is not None and pattern.shares[0, :, 0].tolist() == [0.75, 0.25]


def test_pattern_of_the_publishers_layout_gives_occupations_that_sum() -> None:
    """From the file of activity and occupation to demand by occupation: professionals gain the share they gained."""
    from test_publishers import conform_specimens

    rows = pd.concat([file.observations for file in conform_specimens("ilo_emp_activity_occupation")])
    pattern = staffing.read_staffing(rows.assign(basis_kind="reported"), "CHL", GROUPS, 2020)
    assert pattern is not None and pattern.years == (2019, 2020) and len(pattern.inputs) == 25
    shares = staffing.project_shares(pattern, [2021], RULES)
    employment = np.full((3, len(GROUPS), 1), 1000.0)
    found = staffing.staff_activities(employment, shares)
    assert (found.sum(axis=1) == 1000.0 * len(GROUPS)).all()
    at = GROUPS.index("PUB"), pattern.occupations.index("2")
    assert shares[at][0] > pattern.shares[(*at, 1)] > pattern.shares[(*at, 0)]
    assert [code for code, n in zip(pattern.occupations, found[0, :, 0], strict=True) if n <= 0] == []


def test_demand_by_occupation_sums_to_the_activities_and_follows_the_contract() -> None:
    """Two activities of 100 and 200 with fixed patterns: 110 and 190; with 10 and 20 leavers, 11 and 19."""
    table = read_case(CASES / "staffing" / "01_constant_pattern")[0]
    pattern = staffing.read_staffing(make_pattern(table), "XXX", ("A", "B"), 2020)
    assert pattern is not None
    base = np.tile([100.0, 200.0], (3, 1))
    emp = np.repeat(base[:, :, None], 2, axis=2) * np.array([1.0, 1.1])
    draws = {
        "EMP": demand.quantise(emp),
        "REPLACEMENT_RAW": emp / 10,
        "REPLACEMENT": demand.quantise(emp / 10),
    }
    divided = occupations.divide_demand(base, draws, pattern, [2021, 2022], RULES)
    assert divided["EMP"][0].tolist() == pytest.approx(np.array([[110, 121], [190, 209]]), abs=0.01)
    assert divided["OPENINGS"][0, :, 1] == pytest.approx([11 + 12.1, 19 + 20.9], abs=0.01)
    for measure in ("EMP", "REPLACEMENT"):
        assert np.array_equal(divided[measure].sum(axis=1), draws[measure].sum(axis=1))
    rows = occupations.tabulate_occupations("XXX", "baseline", [2021, 2022], divided, pattern)
    assert list(rows.columns) == table_contract("marts.balances").column_names
    assert not rows.duplicated(
        ["occupation", "time_period", "measure", "output_type", "output_type_id"]
    ).any()
    assert rows["value"].notna().all() and len(rows) == 5 * 2 * 2 * 4
