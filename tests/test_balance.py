"""The balance: golden arithmetic, identities in every draw, determinism, and missing ingredients."""

from __future__ import annotations

import dataclasses
import hashlib
import subprocess
import sys
from pathlib import Path
from statistics import NormalDist

import numpy as np
import pandas as pd
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from lma.balance import demand, estimate_balance, gap, scenarios, simulate_balance, supply, tabulate_balance
from lma.balance.table import describe_steps
from lma.contracts import Country, Scenario, rule_set, table_contract
from lma.errors import DefinitionError, UsageError

CASES = Path(__file__).parent / "cases"
RULES = rule_set("balance")
COUNTRY = Country(ref_area="ARM", label="Testland", role="origin", partners=[])
FIRST, LAST, ORIGIN = 2026, 2030, 2025
SECTORS = ("A", "B", "C", "DE", "F", "G", "HJ", "I", "K", "LMN", "O", "P", "Q", "RSTU")
# Shrinking a failing simulation takes minutes and shows little.
QUICK = settings(max_examples=15, deadline=None, phases=(Phase.explicit, Phase.reuse, Phase.generate))
POPULATION_AGES = (supply.CHILDREN, *supply.AGES[:-1], *supply.OLD_AGES)

# ---------------------------------------------------------------- a country made up for the tests


def make_observations(seed: int = 0) -> pd.DataFrame:
    """Employment of 14 sectors, labour force and population by sex and age, unemployment and NEET rates."""
    rows = [*make_employment(seed), *make_population(), *make_labour_force()]
    for year, rate in enumerate((9.0, 8.0, 8.5, 9.5, 9.0, 8.4, 8.8), start=2016):
        rows.append({"indicator": "UNE_RT", "time_period": str(year), "obs_value": rate})
    rows.append({"indicator": "NEET_RT", "age": "Y15T24", "time_period": "2022", "obs_value": 25.0})
    return complete_observations(pd.DataFrame(rows))


def make_employment(seed: int) -> list[dict[str, object]]:
    steps = 0.01 + 0.03 * np.random.default_rng(seed).standard_normal((len(SECTORS), ORIGIN - 2004))
    levels = (20_000 + 7_000 * np.arange(len(SECTORS)))[:, None] * np.exp(steps.cumsum(axis=1))
    return [
        {"indicator": "EMP", "economic_activity": sector, "time_period": str(2005 + k), "obs_value": level}
        for sector, row in zip(SECTORS, levels, strict=True)
        for k, level in enumerate(row)
    ]


def make_population() -> list[dict[str, object]]:
    return [
        {
            "indicator": "POP",
            "sex": sex,
            "age": age,
            "time_period": str(year),
            "obs_value": people_of(i, year),
        }
        for sex in supply.SEXES
        for i, age in enumerate(POPULATION_AGES)
        for year in range(2000, 2041, 5)
    ]


def people_of(place: int, year: int) -> float:
    return 105_000 * 0.97**place * (1 + 0.002 * (year - 2000))


def make_labour_force() -> list[dict[str, object]]:
    rates = {"F": 0.8, "M": 1.0}
    return [
        {
            "indicator": "LF", "sex": sex, "age": age, "time_period": str(year),
            "obs_value": people_of(i, 2000) * share * (0.75 - 0.04 * abs(i - 4) + 0.002 * (year - 2005)),
        }
        for sex, share in rates.items()
        for i, age in enumerate(supply.AGES)
        for year in range(2005, 2021)
    ]  # fmt: skip


def complete_observations(rows: pd.DataFrame) -> pd.DataFrame:
    """The columns of marts.observations, in order."""
    text = {
        "ref_area": COUNTRY.ref_area,
        "counterpart_area": "_Z",
        "freq": "A",
        "sex": "_T",
        "age": "_T",
        "economic_activity": "_T",
        "activity_revision": "_Z",
        "occupation": "_T",
        "occupation_revision": "_Z",
        "citizenship": "_T",
        "unit_measure": "PS",
        "source_id": "made_up",
        "as_of": "2026-01-01",
        "obs_status": "A",
        "basis": "modelled_estimate",
        "note": "",
        "snapshot_sha": "0" * 64,
        "raw_column": "",
        "basis_kind": "modelled",
        "n_alternatives": 0,
        "preferred_because": "only one",
        "is_break": False,
        "break_reason": "",
    }
    filled = rows.assign(**{c: rows[c].fillna(v) if c in rows else v for c, v in text.items()})
    numbered = filled.assign(
        raw_row=range(1, len(rows) + 1), observation_id=[f"{'0' * 12}:{i}" for i in range(1, len(rows) + 1)]
    )
    return numbered[table_contract("marts.observations").column_names]


def make_forecasts(observations: pd.DataFrame, drift: float = 0.01, spread: float = 0.03) -> pd.DataFrame:
    """Champion quantiles to 2031, in the columns of marts.forecasts."""
    last = observations[(observations["indicator"] == "EMP") & (observations["time_period"] == str(ORIGIN))]
    rows = [
        {
            "forecast_id": f"F:{sector}:{h}:{level}",
            "ref_area": COUNTRY.ref_area,
            "indicator": "EMP",
            "sex": "_T",
            "economic_activity": sector,
            "basis_kind": "modelled",
            "model_id": "made_up",
            "role": "champion",
            "origin_date": str(ORIGIN),
            "horizon": h,
            "target_period": str(ORIGIN + h),
            "output_type": "quantile",
            "output_type_id": str(level),
            "unit_measure": "PS",
            "basis": "projection",
            "reason": None,
            "step": "",
            "inputs": [],
            "value": value * np.exp(drift * h + spread * np.sqrt(h) * NormalDist().inv_cdf(level)),
        }
        for sector, value in zip(last["economic_activity"], last["obs_value"], strict=True)
        for h in range(1, 7)
        for level in (0.025, 0.1, 0.5, 0.9, 0.975)
    ]
    return pd.DataFrame(rows)[table_contract("marts.forecasts").column_names]


OBSERVATIONS = make_observations()
FORECASTS = make_forecasts(OBSERVATIONS)


def run(
    observations: pd.DataFrame = OBSERVATIONS,
    forecasts: pd.DataFrame = FORECASTS,
    n_draws: int = 200,
    seed: int = 7,
    scenario: Scenario = scenarios.BASELINE,
) -> gap.Simulation:
    return simulate_balance(observations, forecasts, RULES, COUNTRY, FIRST, LAST, seed, n_draws, scenario)


def read_value(table: pd.DataFrame, activity: str, period: str, measure: str, output: str = "0.5") -> float:
    row = table[
        (table["economic_activity"] == activity)
        & (table["time_period"] == period)
        & (table["measure"] == measure)
        & (table["output_type_id"] == output)
        & (table["output_type"] != "mean")
    ]
    return float(row["value"].item())


def test_words_of_the_sums_name_every_part() -> None:
    """Whoever adds up what the words name gets the sum: also exits without a post, and transfers on both sides."""
    plain = run(n_draws=4)
    moving = dataclasses.replace(plain, draws={**plain.draws, "TRANSFERS_OUT": plain.draws["EMP"]})
    steps, known = describe_steps(RULES, plain), describe_steps(RULES, moving)
    assert "exits that vacate no post" in steps["SEEKERS"] and "transfers in" in steps["SEEKERS"]
    assert "transfers out" in steps["OPENINGS"]
    assert "taken as zero" in steps["GAP"] and "taken as zero" not in known["GAP"]


# ---------------------------------------------------------------- golden cases


@pytest.mark.parametrize("case", sorted((CASES / "balance").glob("[0-9]*")), ids=lambda p: p.name)
def test_golden_balance(case: Path) -> None:
    given_, expected = pd.read_csv(case / "input.csv").iloc[0], pd.read_csv(case / "expected.csv").iloc[0]
    expansion = np.array([float(given_["growth"])])
    replacement = np.array([float(given_[["retirement", "death", "transfers_out"]].sum())])
    released = gap.compute_released(expansion, replacement)
    displaced = gap.compute_displaced(released, RULES.threshold("displaced_share"))
    openings = gap.close_balance(
        {"EXPANSION": expansion, "REPLACEMENT": replacement, "RELEASED": released}, {}
    )["OPENINGS"]
    seekers = displaced + float(given_[["leavers", "reentrants"]].sum())
    found = gap.compute_balance(openings, seekers, np.array([float(given_["base"])]))
    values = [openings[0], displaced[0], seekers[0], *(part[0] for part in found)]
    np.testing.assert_allclose(values, expected.to_numpy(dtype=float), atol=0.001)


@pytest.mark.parametrize("case", sorted((CASES / "cohorts").glob("[0-9]*")), ids=lambda p: p.name)
def test_golden_cohorts(case: Path) -> None:
    table = pd.read_csv(case / "input.csv").set_index("age").reindex(supply.START_AGES).fillna(0)
    before = {c: np.append(table[f"{c}_before"].to_numpy(), 0.0)[None, :] for c in ("people", "force")}
    after = {c: np.insert(table[f"{c}_after"].to_numpy(), 0, 0.0)[None, :] for c in ("people", "force")}
    found = supply.follow_cohorts(
        (before["people"], after["people"]), (before["force"], after["force"]), RULES
    )
    expected = pd.read_csv(case / "expected.csv").iloc[0]
    assert found == pytest.approx(expected.to_dict())


@settings(deadline=None)
@given(st.lists(st.tuples(*[st.floats(0, 1e5) for _ in range(4)]), min_size=12, max_size=12))
def test_cohort_flows_sum_to_the_change(cells: list[tuple[float, float, float, float]]) -> None:
    table = np.array(cells).T
    people = table[0][None, :] + 1, table[1][None, :] + 1
    force = people[0] * np.minimum(table[2] / 1e5, 1), people[1] * np.minimum(table[3] / 1e5, 1)
    force[1][:, 0] = force[0][:, 0] = 0.0
    flows = supply.follow_cohorts(people, force, RULES)
    joined = flows["entrants"] + flows["reentrants"] + flows["immigration"]
    left = flows["retirement"] + flows["withdrawal"] + flows["mortality"]
    assert joined - left == pytest.approx(float(force[1].sum() - force[0].sum()), abs=1e-6)
    assert min(flows.values()) >= 0


# ---------------------------------------------------------------- identities in every draw


@QUICK
@given(drift=st.floats(-0.15, 0.15), spread=st.floats(0.001, 0.2), seed=st.integers(0, 10_000))
def test_accounting_holds_in_every_draw(drift: float, spread: float, seed: int) -> None:
    s = run(forecasts=make_forecasts(OBSERVATIONS, drift, spread), n_draws=40, seed=seed)
    d = s.draws
    assert np.array_equal(d["OPENINGS"] - d["SEEKERS"], d["GAP"])
    assert (d["RELEASED"] >= 0).all()
    assert np.array_equal(sum(d[kind] for kind in gap.OPENING_KINDS if kind in d), d["OPENINGS"])
    assert np.array_equal(sum(d[kind] for kind in gap.SEEKER_KINDS if kind in d), d["SEEKERS"])
    assert np.array_equal(s.total("GAP"), s.total("OPENINGS") - s.total("SEEKERS"))
    assert np.array_equal(s.total("EMP")[:, -1] - s.base.sum(axis=1), s.total("EXPANSION").sum(axis=1))
    assert (d["OPENINGS"] >= 0).all() and (d["EMP"] >= 0).all()


@settings(QUICK, max_examples=4)
@given(low=st.floats(-5, 5), more=st.floats(0.01, 5), sector=st.sampled_from(SECTORS))
def test_gap_grows_with_demand(low: float, more: float, sector: str) -> None:
    def total(points: float) -> np.ndarray:
        asked = Scenario(
            name="asked", description="asked", demand_growth_points={sector: points}, participation_points=0
        )
        return run(n_draws=40, scenario=asked).draws["GAP"].sum(axis=2)

    before, after, i = total(low), total(low + more), SECTORS.index(sector)
    assert (after[:, i] > before[:, i]).all()
    assert (after.sum(axis=1) > before.sum(axis=1)).all()


def test_the_labour_force_closes_in_every_draw() -> None:
    """Gap of the country: change of employment less change of the labour force less usable unemployed."""
    s = run()
    flows = s.supply.flows
    assert flows is not None
    grown = flows.entrants + flows.reentrants + flows.immigration - flows.exits()
    expected = s.total("EXPANSION") - grown - s.total("PARTICIPATION")
    np.testing.assert_allclose(s.total("GAP") + s.total("UNEMPLOYED_USABLE"), expected, atol=0.01)


def test_refill_spans_its_range() -> None:
    s = run(n_draws=500)
    ratio = s.draws["REPLACEMENT"][:, 0, 0] / s.draws["REPLACEMENT_RAW"][:, 0, 0]
    assert (ratio.min(), ratio.mean(), ratio.max()) == pytest.approx((0.6, 0.8, 1.0), abs=0.002)


def test_usable_unemployed_are_counted_once() -> None:
    s = run()
    employed, rate = float(s.base[0].sum()), 0.088
    stock = employed * rate / (1 - rate) - 0.03 * employed
    assert np.median(s.total("UNEMPLOYED_USABLE").sum(axis=1)) == pytest.approx(stock, rel=0.01)


# ---------------------------------------------------------------- agreement with the forecasts


def test_draws_agree_with_published_quantiles() -> None:
    table = tabulate_balance(run(n_draws=2000), RULES)
    for sector in SECTORS:
        for level in ("0.1", "0.5", "0.9"):
            published = FORECASTS.query(
                "economic_activity == @sector and horizon == 3 and output_type_id == @level"
            )["value"].item()
            assert read_value(table, sector, "2028", "EMP", level) == pytest.approx(published, rel=5e-4)


def test_quantile_function_runs_on_beyond_the_published_levels() -> None:
    z = np.array([NormalDist().inv_cdf(p) for p in (0.001, 0.5, 0.999)])
    drawn = demand.read_quantiles(np.array([0.1, 0.5, 0.9]), np.array([50.0, 100.0, 200.0]), z)
    assert drawn[0] < 50 and drawn[1] == 100 and drawn[2] > 200
    assert demand.read_quantiles(np.array([0.1, 0.5, 0.9]), np.array([1.0, 100.0, 200.0]), z)[0] == 0


def test_correlation_equals_ledoit_wolf_of_scikit_learn() -> None:
    sklearn = pytest.importorskip("sklearn.covariance")
    changes = np.random.default_rng(3).standard_normal((20, 6)) @ np.triu(np.ones((6, 6)))
    standard = (changes - changes.mean(axis=0)) / changes.std(axis=0)
    covariance, _ = sklearn.ledoit_wolf(standard)
    spread = np.sqrt(np.diag(covariance))
    np.testing.assert_allclose(
        demand.shrink_correlation(changes), covariance / np.outer(spread, spread), atol=1e-12
    )


def test_sectors_that_moved_together_widen_the_national_interval() -> None:
    def spread_of_total(observations: pd.DataFrame) -> float:
        return float(run(observations, n_draws=2000).total("EMP")[:, -1].std())

    shared = OBSERVATIONS.copy()
    employment = (shared["indicator"] == "EMP") & (shared["time_period"] != str(ORIGIN))
    shocks = np.random.default_rng(1).standard_normal(40)
    years = shared.loc[employment, "time_period"].astype(int).to_numpy() - 2005
    shared.loc[employment, "obs_value"] = 10_000 * np.exp(0.2 * shocks[years])
    assert spread_of_total(shared) > 1.5 * spread_of_total(OBSERVATIONS)


def test_no_change_is_measured_across_a_break() -> None:
    employment = demand.select_sectors(OBSERVATIONS, "ARM", "modelled")
    whole = demand.measure_changes(employment, SECTORS)
    broken = employment.assign(
        is_break=(employment["economic_activity"] == "C") & (employment["year"] == 2015)
    )
    assert len(demand.measure_changes(broken, SECTORS)) == len(whole) - 1
    gap_year = employment[employment["year"] != 2015]
    assert len(demand.measure_changes(gap_year, SECTORS)) == len(whole) - 2


# ---------------------------------------------------------------- participation


def test_participation_starts_where_it_was_observed_and_stays_bounded() -> None:
    years = np.arange(2010.0, 2020.0)
    history = np.array([[0.9 + 0.009 * np.arange(10), 0.5 - 0.04 * np.arange(10)]])
    projected = supply.project_rates(years, history, [2018, 2019, 2020, 2021, 2060], RULES)
    np.testing.assert_allclose(projected[..., 1], history[..., -1])
    assert (projected < 1).all() and (projected > 0).all()
    steps = np.abs(np.diff(np.log(projected / (1 - projected)), axis=-1))
    assert (steps[..., 1:3] <= RULES.threshold("trend_slope_limit") + 1e-9).all()
    assert (steps[..., 2] < steps[..., 1]).all()


def test_scenario_adds_exactly_its_participation_points() -> None:
    asked = Scenario(name="more_women", description="asked", participation_points=3.0)
    before, after = run(), run(scenario=asked)
    assert after.supply.adults is not None
    extra = (after.total("PARTICIPATION") - before.total("PARTICIPATION")).sum(axis=1)
    np.testing.assert_allclose(extra, 0.03 * after.supply.adults[0, -1], atol=1)
    assert np.array_equal(after.draws["OPENINGS"], before.draws["OPENINGS"])


def test_scenario_points_are_added_to_yearly_growth() -> None:
    everywhere = Scenario(
        name="boom", description="asked", demand_growth_points={"_T": 1.0, "C": 2.0}, participation_points=0
    )
    before, after = run(), run(scenario=everywhere)
    growth = [s.draws["EMP"][:, :, 1] / s.draws["EMP"][:, :, 0] - 1 for s in (before, after)]
    points = np.where(np.array(SECTORS) == "C", 0.02, 0.01)
    np.testing.assert_allclose(growth[1] - growth[0], np.broadcast_to(points, growth[0].shape), atol=1e-6)


def test_scenario_refuses_an_unknown_sector() -> None:
    asked = Scenario(
        name="wrong", description="asked", demand_growth_points={"MANUFACTURING": 1.0}, participation_points=0
    )
    with pytest.raises(DefinitionError, match="MANUFACTURING.*_T or one of A, B, C"):
        run(scenario=asked)


# ---------------------------------------------------------------- the table


def test_table_follows_its_contract() -> None:
    table, contract = tabulate_balance(run(), RULES), table_contract("marts.balances")
    assert list(table.columns) == contract.column_names
    assert table["balance_id"].is_unique and not table.duplicated(contract.primary_key).any()
    assert (table["value"].isna() == table["reason"].notna()).all()
    shares = table[table["output_type"] == "probability"]["value"]
    assert shares.between(0, 1).all()
    allowed = {c.name: set(c.valid_values) for c in contract.columns if c.valid_values}
    assert all(set(table[name]) <= values for name, values in allowed.items())


def test_quantiles_are_ordered_and_means_add_up() -> None:
    table = tabulate_balance(run(), RULES)
    wide = table[table["output_type"] == "quantile"].pivot(
        index=["economic_activity", "time_period", "measure"], columns="output_type_id", values="value"
    )
    wide = wide.dropna()
    assert (wide["0.1"] <= wide["0.5"]).all() and (wide["0.5"] <= wide["0.9"]).all()
    means = table[(table["output_type"] == "mean") & (table["measure"] == "GAP")].pivot(
        index="time_period", columns="economic_activity", values="value"
    )
    np.testing.assert_allclose(means.drop(columns="_T").sum(axis=1), means["_T"], atol=0.8)


def test_every_input_leads_to_a_row_a_forecast_or_an_observation() -> None:
    table = tabulate_balance(run(), RULES)
    ids, known = set(table["balance_id"]), {*OBSERVATIONS["observation_id"], *FORECASTS["forecast_id"]}
    used = {i for inputs in table["inputs"] for i in inputs}
    assert (
        used <= ids | known
        and used & set(FORECASTS["forecast_id"])
        and used & set(OBSERVATIONS["observation_id"])
    )
    assert table["inputs"].map(len).between(1, 400).all()
    links = dict(zip(table["balance_id"], table["inputs"], strict=True))

    def reaches_leaf(identifier: str, path: tuple[str, ...] = ()) -> bool:
        assert identifier not in path, f"{identifier} leads back to itself"
        return identifier in known or all(reaches_leaf(i, (*path, identifier)) for i in links[identifier])

    assert reaches_leaf("B:baseline:ARM:_T:_T:2026-2030:GAP:probability:_Z")


def test_steps_name_the_numbers_of_their_assumptions() -> None:
    steps = tabulate_balance(run(), RULES).drop_duplicates("measure").set_index("measure")["step"]
    assert "0.6 to 1" in steps["REPLACEMENT"] and "8.8 per cent (2022)" in steps["UNEMPLOYED_USABLE"]
    assert "0.03" in steps["UNEMPLOYED_USABLE"] and "straight lines" in steps["LABOUR_FORCE"]


# ---------------------------------------------------------------- same inputs, same bytes


def fingerprint(table: pd.DataFrame) -> str:
    return hashlib.sha256(table.to_csv(index=False).encode()).hexdigest()


def test_seed_decides_and_order_of_rows_does_not() -> None:
    first = fingerprint(tabulate_balance(run(), RULES))
    assert fingerprint(tabulate_balance(run(OBSERVATIONS.copy(), FORECASTS.copy()), RULES)) == first
    shuffled = run(OBSERVATIONS.sample(frac=1, random_state=1), FORECASTS.sample(frac=1, random_state=2))
    assert fingerprint(tabulate_balance(shuffled, RULES)) == first
    assert fingerprint(tabulate_balance(run(seed=8), RULES)) != first


def test_bytes_do_not_depend_on_threads() -> None:
    program = "import tests.test_balance as t; print(t.fingerprint(t.tabulate_balance(t.run(), t.RULES)))"
    root = Path(__file__).parent.parent
    found = {
        subprocess.run(
            [sys.executable, "-c", program],
            cwd=root,
            check=True,
            capture_output=True,
            text=True,
            env={
                "OMP_NUM_THREADS": n,
                "OPENBLAS_NUM_THREADS": n,
                "PYTHONHASHSEED": n,
                "PATH": "",
                "PYTHONPATH": str(root),
            },
        ).stdout
        for n in ("1", "3")
    }
    assert len(found) == 1


def test_arguments_are_not_changed() -> None:
    observations, forecasts = OBSERVATIONS.copy(deep=True), FORECASTS.copy(deep=True)
    run(observations, forecasts)
    pd.testing.assert_frame_equal(observations, OBSERVATIONS)
    pd.testing.assert_frame_equal(forecasts, FORECASTS)


# ---------------------------------------------------------------- missing ingredients


def reasons_of(observations: pd.DataFrame, forecasts: pd.DataFrame = FORECASTS) -> pd.Series:
    """Reason of the national figure of 2028 by measure; None where there is a value."""
    table = estimate_balance(observations, forecasts, RULES, COUNTRY, FIRST, LAST, seed=1, n_draws=50)
    assert (table["value"].isna() == table["reason"].notna()).all()
    chosen = table[
        (table["economic_activity"] == "_T")
        & (table["time_period"] == "2028")
        & (table["output_type_id"] == "0.5")
    ]
    return chosen.set_index("measure")["reason"]


def test_without_labour_force_by_age_demand_stays() -> None:
    reasons = reasons_of(OBSERVATIONS[OBSERVATIONS["indicator"] != "LF"])
    assert reasons["EXPANSION"] is None and reasons["UNEMPLOYED_USABLE"] is None
    assert all(
        reasons[m].startswith("NO_LABOUR_FORCE_BY_AGE")
        for m in ("REPLACEMENT", "OPENINGS", "ENTRANTS", "GAP", "POTENTIAL_WOMEN")
    )


def test_without_population_the_net_method_gives_exits() -> None:
    observations = OBSERVATIONS[OBSERVATIONS["indicator"] != "POP"]
    reasons = reasons_of(observations)
    assert reasons["OPENINGS"] is None and reasons["GAP"].startswith("NO_POPULATION_BY_AGE")
    force = supply.read_age_table(observations, "ARM", "LF", supply.AGES)
    assert force is not None
    before, after = force.values[..., -6], force.values[..., -1]
    lost = (
        np.minimum(after[:, 9] - before[:, 8], 0).sum()
        + np.minimum(after[:, 10] - before[:, 9:].sum(axis=1), 0).sum()
    )
    assert supply.measure_net_exits(force, RULES) == pytest.approx(-lost / 5 / before.sum())


def test_population_that_ends_too_early_is_not_extended() -> None:
    short = OBSERVATIONS[(OBSERVATIONS["indicator"] != "POP") | (OBSERVATIONS["time_period"] <= "2030")]
    assert reasons_of(short)["GAP"].startswith("POPULATION_TOO_SHORT: population by age covers 2000-2030")


def test_without_unemployment_rate_there_is_no_gap() -> None:
    reasons = reasons_of(OBSERVATIONS[OBSERVATIONS["indicator"] != "UNE_RT"])
    assert reasons["OPENINGS"] is None and reasons["GAP"].startswith("NO_UNEMPLOYMENT_RATE")


def test_without_neet_rate_only_that_potential_is_empty() -> None:
    reasons = reasons_of(OBSERVATIONS[OBSERVATIONS["indicator"] != "NEET_RT"])
    assert reasons["POTENTIAL_NEET"].startswith("NO_NEET_RATE") and reasons["GAP"] is None


def test_a_sector_without_forecast_is_named() -> None:
    forecasts = FORECASTS[FORECASTS["economic_activity"] != "C"]
    table = estimate_balance(OBSERVATIONS, forecasts, RULES, COUNTRY, FIRST, LAST, seed=1, n_draws=50)
    reason = table[(table["economic_activity"] == "C") & (table["measure"] == "EMP")]["reason"]
    assert reason.str.startswith("NO_FORECAST").all()
    assert reasons_of(OBSERVATIONS, forecasts)["EMP"] == "MISSING_SECTORS: no forecast for C"


def test_levels_that_disagree_stop_the_gap() -> None:
    doubled = OBSERVATIONS.assign(
        obs_value=OBSERVATIONS["obs_value"].where(
            OBSERVATIONS["indicator"] != "LF", OBSERVATIONS["obs_value"] / 3
        )
    )
    assert reasons_of(doubled)["GAP"].startswith("LEVELS_DISAGREE")


def test_nothing_at_all_gives_reasons_everywhere() -> None:
    reasons = reasons_of(OBSERVATIONS.iloc[:0], FORECASTS.iloc[:0])
    assert reasons.notna().all()


def test_an_empty_period_is_refused() -> None:
    with pytest.raises(UsageError, match="2030 to 2026"):
        simulate_balance(OBSERVATIONS, FORECASTS, RULES, COUNTRY, 2030, 2026, 1)


def test_a_later_first_year_starts_from_the_forecast() -> None:
    s = simulate_balance(OBSERVATIONS, FORECASTS, RULES, COUNTRY, 2028, 2030, 1, 200)
    assert s.base.std(axis=0).min() > 0
    assert s.demand.inputs[("C", 2027)][0].startswith("F:")


def test_population_is_not_read_beyond_its_published_years() -> None:
    people = supply.read_population(OBSERVATIONS, "ARM")
    assert people is not None
    values = supply.interpolate_years(people, [1999, 2000, 2002, 2040, 2041])[0, 0]
    assert np.isnan(values[[0, 4]]).all() and values[1] == people_of(0, 2000)
    assert values[2] == pytest.approx(people_of(0, 2002))


def test_unemployment_rate_is_built_from_both_sexes_where_these_are_newer() -> None:
    from lma.balance.supply import read_unemployment_rate

    common = {
        "ref_area": "MUS",
        "freq": "A",
        "age": "_T",
        "citizenship": "_T",
        "economic_activity": "_T",
        "is_break": False,
    }
    figures = [
        ("UNE_RT", "_T", "2020", 9.0),
        ("UNE_RT", "F", "2024", 8.0),
        ("UNE_RT", "M", "2024", 4.0),
        ("LF", "F", "2019", 100.0),
        ("LF", "M", "2019", 300.0),
    ]
    rows = [
        {
            **common,
            "indicator": i,
            "sex": sex,
            "time_period": year,
            "obs_value": value,
            "basis_kind": "modelled",
            "observation_id": f"{i}{sex}",
        }
        for i, sex, year, value in figures
    ]
    found = read_unemployment_rate(pd.DataFrame(rows), "MUS", 2025).iloc[-1]
    assert (found["year"], found["obs_value"]) == (2024, 5.0)  # (8 x 100 + 4 x 300) / 400
    assert found["ids"] == ["UNE_RTF", "UNE_RTM", "LFF", "LFM"]
    total_only = read_unemployment_rate(pd.DataFrame(rows[:1]), "MUS", 2025).iloc[-1]
    assert (total_only["year"], total_only["ids"]) == (2020, ["UNE_RT_T"])
