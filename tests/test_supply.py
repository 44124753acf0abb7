"""Supply and gap: who looks for work where, ending contracts, bad input, and the whole balance a second time in numpy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lma.balance import (
    estimate_balance,
    gap,
    recruitment,
    seekers,
    simulate_balance,
    supply,
    tabulate_balance,
)
from lma.contracts import Country, Scenario, Zone, rule_set
from tests.test_balance import (
    CASES,
    COUNTRY,
    FIRST,
    FORECASTS,
    LAST,
    OBSERVATIONS,
    QUICK,
    RULES,
    SECTORS,
    complete_observations,
    make_forecasts,
    run,
)

Frame = pd.DataFrame


def with_rules(**values: float) -> object:
    changed = {name: RULES.thresholds[name].model_copy(update={"value": v}) for name, v in values.items()}
    return RULES.model_copy(update={"thresholds": {**RULES.thresholds, **changed}})


def add_rows(*rows: dict[str, object]) -> Frame:
    """The made-up country with more observations."""
    more = complete_observations(Frame(rows))
    named = more.assign(observation_id=[f"{'1' * 12}:{i}" for i in range(len(more))])
    return pd.concat([OBSERVATIONS, named], ignore_index=True)


def count_foreign(
    activity: str, foreign: float, national: float, period: str = "2025-Q3"
) -> list[dict[str, object]]:
    common = {"indicator": "EMP", "economic_activity": activity, "freq": "Q", "time_period": period}
    return [
        {**common, "citizenship": citizenship, "obs_value": value}
        for citizenship, value in (("FOR", foreign), ("NAT", national))
    ]


# ---------------------------------------------------------------- golden cases


@pytest.mark.parametrize("case", sorted((CASES / "recruitment").glob("[0-9]*")), ids=lambda p: p.name)
def test_golden_recruitment(case: Path) -> None:
    asked, expected = pd.read_csv(case / "input.csv").iloc[0], pd.read_csv(case / "expected.csv")
    quota = asked["allowed"]
    changes = (
        {}
        if np.isnan(quota)
        else {"recruitment_stop": ["C"]}
        if quota == 0
        else {"recruitment_quota": {"C": float(quota)}}
    )
    scenario = Scenario(name="asked", description="asked", **changes)
    observations = complete_observations(Frame(count_foreign("C", asked["foreign"], 700)))
    found = recruitment.recruit_abroad(
        observations, COUNTRY, ("C",), np.full((2, 1, int(asked["years"]) + 1), 1000.0), FIRST,
        with_rules(contract_years=asked["contract_years"]), scenario,
    )  # fmt: skip
    np.testing.assert_allclose(found.expiry[1, 0], expected["ending"])
    np.testing.assert_allclose(found.recruited[1, 0], expected["recruited"])


@pytest.mark.parametrize("case", sorted((CASES / "entry").glob("[0-9]*")), ids=lambda p: p.name)
def test_golden_entry(case: Path) -> None:
    table, expected = pd.read_csv(case / "input.csv"), pd.read_csv(case / "expected.csv")
    weight, stay, persons = (float(table[name].iloc[0]) for name in ("weight", "stay", "persons"))
    shares = seekers.find_shares(table["employment"].to_numpy(float)[None, :])
    inflow = table["inflow"].to_numpy(float)
    rules = with_rules(entry_past_low=weight, entry_past_high=weight)
    entry = seekers.draw_entry_shares(shares, inflow / inflow.sum(), 2, np.random.default_rng(0), rules)
    newcomers = seekers.spread_to_sectors(np.full((2, 1), persons), entry)
    without = table["without_work"].to_numpy(float)[None, :, None] * np.ones((2, 1, 1))
    moved = seekers.move_between_sectors(without, entry, stay)
    np.testing.assert_allclose(newcomers[1, :, 0], expected["newcomers"], atol=0.01)
    np.testing.assert_allclose(moved[1, :, 0], expected["without_work"], atol=0.01)


# ---------------------------------------------------------------- the whole balance a second time


def interpolate(rows: Frame, age: str, sex: str, years: np.ndarray) -> np.ndarray:
    one = rows[(rows["age"] == age) & (rows["sex"] == sex)].sort_values("time_period")
    return np.interp(years, one["time_period"].astype(float), one["obs_value"])


def follow_by_hand() -> dict[str, np.ndarray]:
    """Population, labour force and its flows of the made-up country, cell by cell from the definition."""
    people, force = (OBSERVATIONS[OBSERVATIONS["indicator"] == name] for name in ("POP", "LF"))
    years, seen = np.arange(FIRST - 3, LAST + 3), np.arange(2005, 2021)
    old = ["Y65T69", "Y70T74", "Y75T79", "Y80T84", "Y85T89", "Y90T94", "Y95T99", "Y_GE100"]
    names = ["Y10T14", *supply.AGES]
    pop, lf = np.zeros((2, 12, len(years))), np.zeros((2, 12, len(years)))
    for s, sex in enumerate("FM"):
        for a, age in enumerate(names):
            parts = old if age == "Y_GE65" else [age]
            pop[s, a] = sum(interpolate(people, part, sex, years) for part in parts)
            if a == 0:
                continue
            rate = interpolate(force, age, sex, seen) / sum(interpolate(people, p, sex, seen) for p in parts)
            odds = np.log(np.clip(rate, 0.0005, 0.995) / (1 - np.clip(rate, 0.0005, 0.995)))
            slope = np.clip(np.polyfit(seen[-10:], odds[-10:], 1)[0], -0.06, 0.06)
            for t, year in enumerate(years):
                ahead = odds[-1] + slope * sum(0.85**i for i in range(1, year - 2020 + 1))
                lf[s, a, t] = pop[s, a, t] / (1 + np.exp(-ahead))
    flows = {name: np.zeros(LAST - FIRST + 1) for name in ("in_young", "in_old", "immigrants", "out")}
    for t in range(LAST - FIRST + 1):
        for s in range(2):
            for c in range(11):
                before = (
                    (pop[s, c, t], lf[s, c, t]) if c < 10 else (pop[s, 10:, t].sum(), lf[s, 10:, t].sum())
                )
                p1, l1 = pop[s, c + 1, t + 5], lf[s, c + 1, t + 5]
                died = before[1] * max(0.0, 1 - p1 / before[0])
                came = l1 * (1 - before[0] / p1) if p1 > before[0] else 0.0
                rest = l1 - before[1] + died - came
                flows["in_young" if 10 + 5 * c < 25 else "in_old"][t] += max(rest, 0) / 5
                flows["out"][t] += (died + max(-rest, 0)) / 5
                flows["immigrants"][t] += came / 5
    return {**flows, "labour_force": lf.sum(axis=(0, 1))[2 : 2 + LAST - FIRST + 1]}


def test_the_balance_equals_a_second_computation() -> None:
    """From the rows of the observations and the drawn employment, refill, participation and unemployment alone."""
    s, hand = run(n_draws=60), follow_by_hand()
    d, base = s.draws, s.base
    before = np.concatenate([base[:, :, None], d["EMP"][:, :, :-1]], axis=2)
    exits = hand["out"] / hand["labour_force"]
    level = base[0].sum() / (1 - 0.088) / hand["labour_force"][0]
    raw = before * exits
    refill = (d["REPLACEMENT"] / d["REPLACEMENT_RAW"])[:, :1, :1]
    released = np.maximum(0, -(d["EMP"] - before + refill * raw))
    openings = d["EMP"] - before + refill * raw + released
    entry = s.destinations.entry[:, :, None]
    joined = level * (hand["in_young"] + hand["in_old"] + hand["immigrants"])
    nation = joined + s.total("PARTICIPATION")
    shares = (base[0] / base[0].sum())[None, :, None]
    today = base[:, :, None] * exits
    silent = (today.sum(axis=1) - level * hand["labour_force"] * exits)[:, None, :] * shares
    silent = silent + raw - today - (1 - refill) * raw
    jobless = s.total("UNEMPLOYED_USABLE")[:, None, :]
    idle = 0.5 * (jobless * shares + released) + 0.5 * entry * (jobless + released.sum(axis=1, keepdims=True))
    looking = nation[:, None, :] * entry + silent + idle
    for name, found in (("OPENINGS", openings), ("SEEKERS", looking), ("GAP", openings - looking)):
        np.testing.assert_allclose(d[name], found, atol=0.05, err_msg=name)


def test_newcomers_follow_the_past_by_a_second_computation() -> None:
    s = run(n_draws=50)
    rate = float(s.supply.exit_rate.mean())  # type: ignore[union-attr]
    wide = OBSERVATIONS[OBSERVATIONS["indicator"] == "EMP"].pivot(
        index="time_period", columns="economic_activity", values="obs_value"
    )[list(SECTORS)]
    recent = wide.loc["2015":"2025"].to_numpy()  # type: ignore[misc]
    inflow = np.maximum(recent[-1] - recent[0] + rate * recent[:-1].sum(axis=0), 0)
    weights = np.sort((np.arange(50) + 0.5) / 50)
    shares = s.base[0] / s.base[0].sum()
    found = np.sort(s.destinations.entry[:, 0])
    expected = np.sort(weights * inflow[0] / inflow.sum() + (1 - weights) * shares[0])
    np.testing.assert_allclose(found, expected)


# ---------------------------------------------------------------- properties


@QUICK
@given(
    drift=st.floats(-0.2, 0.2), spread=st.floats(0, 0.3), foreign=st.floats(0, 15_000), stop=st.booleans(),
    seed=st.integers(0, 999),
)  # fmt: skip
def test_identities_are_exact_in_every_draw(
    drift: float, spread: float, foreign: float, stop: bool, seed: int
) -> None:
    observations = add_rows(*count_foreign("C", foreign, 20_000))
    asked = Scenario(name="asked", description="asked", **({"recruitment_stop": ["C"]} if stop else {}))
    s = run(observations, make_forecasts(OBSERVATIONS, drift, spread), n_draws=20, seed=seed, scenario=asked)
    d = s.draws
    assert not any(np.isnan(drawn).any() for drawn in d.values())
    assert np.array_equal(sum(d[k] for k in gap.OPENING_KINDS if k in d), d["OPENINGS"])
    assert np.array_equal(sum(d[k] for k in gap.SEEKER_KINDS if k in d), d["SEEKERS"])
    assert np.array_equal(d["OPENINGS"] - d["SEEKERS"], d["GAP"])
    assert np.array_equal(sum(d[k] for k in gap.LEAVING if k in d), d["REPLACEMENT_RAW"])
    assert np.array_equal(s.total("GAP"), s.total("OPENINGS") - s.total("SEEKERS"))
    assert np.array_equal(s.total("DISPLACED"), s.total("RELEASED"))
    assert stop or np.array_equal(d["CONTRACT_EXPIRY"], d["RECRUITED"])
    assert (s.total("RECRUITED") <= s.total("CONTRACT_EXPIRY")).all()


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=14), st.floats(-1e6, 1e6))
@QUICK
def test_what_goes_to_sectors_sums_to_the_country(employment: list[float], persons: float) -> None:
    shares = seekers.find_shares(np.array([employment]))
    spread = seekers.spread_to_sectors(np.full((3, 2), persons), shares[None, :])
    assert spread.shape == (3, len(employment), 2)
    total = np.round(persons * 1024) / 1024 if sum(employment) > 0 else 0.0
    assert np.array_equal(spread.sum(axis=1), np.full((3, 2), total))


def test_a_recruitment_stop_opens_exactly_the_gap_of_the_contracts() -> None:
    observations = add_rows(*count_foreign("C", 9_000, 20_000))
    stop = Scenario(name="stop", description="stop", recruitment_stop=["C"])
    before, after = run(observations), run(observations, scenario=stop)
    opened = (after.draws["GAP"] - before.draws["GAP"]).sum(axis=2)
    assert np.array_equal(opened[:, SECTORS.index("C")], np.full(200, 9_000.0))
    assert not np.delete(opened, SECTORS.index("C"), axis=1).any()


def test_counted_foreign_workers_are_replaced_once() -> None:
    counted, plain = run(add_rows(*count_foreign("C", 9_000, 20_000))), run()
    place = SECTORS.index("C")
    less = plain.draws["REPLACEMENT_RAW"][0, place, 0] - counted.draws["REPLACEMENT_RAW"][0, place, 0]
    assert less == pytest.approx(9_000 * plain.supply.exit_rate[0], abs=0.01)  # type: ignore[index]


def test_women_and_men_sum_to_both() -> None:
    table = tabulate_balance(run(), RULES)
    rows = table[(table["economic_activity"] == "_T") & (table["output_type_id"] == "0.5")]
    for period in ("2028", "2026-2030"):
        value = rows[rows["time_period"] == period].set_index("measure")["value"]
        for measure in ("ENTRANTS", "REENTRANTS", "IMMIGRATION"):
            assert value[f"{measure}_F"] + value[f"{measure}_M"] == pytest.approx(value[measure], abs=0.3)
    value = rows[rows["time_period"] == "2028"].set_index("measure")["value"]
    assert value["LABOUR_FORCE_F"] + value["LABOUR_FORCE_M"] == pytest.approx(value["LABOUR_FORCE"], abs=0.3)


@pytest.mark.parametrize("n_years", [3, 5, 6, 9])
def test_no_year_of_a_longer_balance_is_left_without_the_unemployed(n_years: int) -> None:
    """A last year without the stock would open a gap out of nothing."""
    known = supply.Supply(unemployment_rate=10.0, unemployment_sd=0.0)
    found = seekers.draw_unemployed(known, 900.0, 4, n_years, np.random.default_rng(1), RULES)
    assert found is not None
    each_year = (100 - 0.03 * 900) / max(5, n_years)
    np.testing.assert_allclose(found, np.full((4, n_years), each_year))


def test_the_unemployed_come_from_the_sectors_they_worked_in() -> None:
    counts = [
        {
            "indicator": "UNE",
            "economic_activity": s,
            "time_period": "2024",
            "obs_value": 900.0 if s == "F" else 10.0,
        }
        for s in SECTORS
    ]
    known, plain, place = run(add_rows(*counts)), run(), SECTORS.index("F")
    assert known.destinations.previous[place] == pytest.approx(900 / 1030)
    assert known.destinations.ids and not plain.destinations.ids
    assert np.array_equal(known.total("UNEMPLOYED_USABLE"), plain.total("UNEMPLOYED_USABLE"))
    assert (known.draws["UNEMPLOYED_USABLE"][:, place] >= 0.4 * known.total("UNEMPLOYED_USABLE")).all()


# ---------------------------------------------------------------- bad input


def medians(observations: Frame, forecasts: Frame = FORECASTS, country: Country = COUNTRY) -> Frame:
    """Median rows; every row has a finite value or a reason."""
    table = estimate_balance(observations, forecasts, RULES, country, FIRST, LAST, seed=1, n_draws=40)
    assert (table["value"].isna() == table["reason"].notna()).all()
    assert np.isfinite(table["value"].dropna()).all()
    return table[table["output_type_id"] == "0.5"].set_index(["economic_activity", "time_period", "measure"])


@pytest.mark.parametrize(
    ("foreign", "national", "reason"),
    [(9_000, -1_000, "FOREIGN_ABOVE_TOTAL"), (5e6, 1e6, "FOREIGN_ABOVE_SECTOR"), (-5, 100, "NEGATIVE_COUNT")],
)
def test_impossible_foreign_counts_are_left_out_with_a_reason(
    foreign: float, national: float, reason: str
) -> None:
    found = medians(add_rows(*count_foreign("C", foreign, national)))
    assert found.loc[("_T", "2028", "RECRUITED"), "reason"].startswith(reason)
    assert found.loc[("_T", "2028", "GAP"), "reason"] is None


def test_a_zone_is_counted_in_the_sector_it_lies_within_and_only_once() -> None:
    zone = Zone(economic_activity="EOE", label="Zone", within="C")
    country = COUNTRY.model_copy(update={"zones": [zone]})
    rows = count_foreign("EOE", 3_000, 4_000)
    found = medians(add_rows(*rows), country=country)
    assert found.loc[("C", "2028", "CONTRACT_EXPIRY"), "value"] == 1_000
    assert found.loc[("F", "2028", "CONTRACT_EXPIRY"), "value"] == 0
    both = medians(add_rows(*rows, *count_foreign("C", 6_000, 9_000)), country=country)
    assert both.loc[("C", "2028", "CONTRACT_EXPIRY"), "value"] == 2_000
    outside = medians(add_rows(*rows))
    assert outside.loc[("_T", "2028", "RECRUITED"), "reason"].startswith("NO_SECTOR")


@pytest.mark.parametrize("rate", [0.0, 60.0, 99.0, 100.0, 250.0])
def test_any_unemployment_rate_gives_figures_or_a_reason(rate: float) -> None:
    observations = OBSERVATIONS.assign(
        obs_value=OBSERVATIONS["obs_value"].where(OBSERVATIONS["indicator"] != "UNE_RT", rate)
    )
    reason = medians(observations).loc[("_T", "2028", "GAP"), "reason"]
    assert (reason is None) == (rate == 0.0), reason


@pytest.mark.parametrize(("value", "reason"), [(0.0, "NO_EMPLOYMENT"), (-50.0, "BAD_EMPLOYMENT")])
def test_negative_and_zero_employment_is_no_shortage(value: float, reason: str) -> None:
    is_c = (OBSERVATIONS["indicator"] == "EMP") & (OBSERVATIONS["economic_activity"] == "C")
    observations = OBSERVATIONS.assign(obs_value=OBSERVATIONS["obs_value"].where(~is_c, value))
    forecasts = FORECASTS.assign(value=FORECASTS["value"].where(FORECASTS["economic_activity"] != "C", 0.0))
    found = medians(observations, forecasts)
    assert found.loc[("C", "2026-2030", "GAP_PC"), "reason"].startswith(reason)
    assert np.isfinite(found.loc[("F", "2026-2030", "EXPANSION"), "value"])


def test_one_sector_only() -> None:
    only = OBSERVATIONS[OBSERVATIONS["indicator"] != "EMP"]
    total = (
        OBSERVATIONS[OBSERVATIONS["indicator"] == "EMP"]
        .groupby("time_period", as_index=False)["obs_value"]
        .sum()
    )
    rows = complete_observations(total.assign(indicator="EMP", economic_activity="_T"))
    observations = pd.concat(
        [only, rows.assign(observation_id=[f"{'2' * 12}:{i}" for i in range(len(rows))])]
    )
    forecasts = make_forecasts(rows)
    found = medians(observations, forecasts)
    assert np.isfinite(found.loc[("_T", "2026-2030", "GAP"), "value"])
    s = simulate_balance(observations, forecasts, RULES, COUNTRY, FIRST, LAST, 1, 40)
    assert s.sectors == ("_T",) and np.array_equal(s.destinations.entry, np.ones((40, 1)))


def test_identical_sectors_have_the_same_gap() -> None:
    is_sector = OBSERVATIONS["indicator"] == "EMP"
    row = OBSERVATIONS[is_sector].groupby("time_period")["obs_value"].mean()
    same = OBSERVATIONS.assign(
        obs_value=OBSERVATIONS["obs_value"].where(~is_sector, OBSERVATIONS["time_period"].map(row))
    )
    s = run(same, make_forecasts(same), n_draws=400)
    middle = np.median(s.draws["GAP"].sum(axis=2), axis=0)
    assert np.ptp(middle) < 0.02 * s.base[0, 0]
    np.testing.assert_allclose(
        s.draws["ENTRANTS"], s.draws["ENTRANTS"][:, :1] * np.ones((1, 14, 1)), atol=0.01
    )


def test_thresholds_out_of_range_are_refused() -> None:
    assert rule_set("balance").thresholds["contract_years"].complain(0) is not None
    assert rule_set("balance").thresholds["stay_share"].complain(1.5) is not None
    assert all(one.minimum is not None for one in rule_set("balance").thresholds.values())


def test_a_sector_that_shrank_beyond_its_exits_got_no_newcomers() -> None:
    rows = [
        ("A", 2024, 1000.0),
        ("A", 2025, 800.0),
        ("B", 2024, 1000.0),
        ("B", 2025, 1010.0),
        ("C", 2024, 500.0),
        ("C", 2025, 500.0),
    ]
    history = Frame(rows, columns=["economic_activity", "year", "obs_value"]).assign(is_break=False)
    shares = seekers.measure_past_inflow(history, "ABC", 2025, 0.02, RULES)
    np.testing.assert_allclose(shares, [0, 0.75, 0.25])  # -180, 10 + 20 and 10
    broken = history.assign(is_break=(history["economic_activity"] == "B") & (history["year"] == 2025))
    assert seekers.measure_past_inflow(broken, "ABC", 2025, 0.02, RULES) is None
    assert seekers.measure_past_inflow(history.iloc[:0], "ABC", 2025, 0.02, RULES) is None
