"""Scenarios: golden arithmetic, the same random numbers, monotone answers, refusals that teach, and the page."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from rich.console import Console
from test_balance import COUNTRY, FORECASTS, OBSERVATIONS, SECTORS, run
from typer.testing import CliRunner

from flows.cli import app
from flows.scenario import _print_answer
from lma import contracts
from lma import warehouse as warehouses
from lma.balance import comparison, scenarios
from lma.balance.gap import Simulation
from lma.contracts import Scenario, ScenarioResults, read_scenario, rule_set
from lma.errors import DefinitionError, UsageError
from lma.publish.scenario_page import render_scenarios

CASES = Path(__file__).parent / "cases" / "scenarios"
QUICK = settings(max_examples=4, deadline=None, phases=(Phase.explicit, Phase.reuse, Phase.generate))
SPAN = "2026-2030"
Array = npt.NDArray[np.float64]


def ask(**changes: Any) -> Scenario:
    return Scenario.model_validate({"name": "asked", "description": "A question", **changes})


def gap_of(simulation: Simulation) -> Array:
    """Gap of the country over all years, per draw."""
    return simulation.total("GAP").sum(axis=1)


# ---------------------------------------------------------------- golden cases


def _elasticities(figures: pd.DataFrame) -> scenarios.Elasticities:
    one = np.array([figures["elasticity"].iloc[0]], dtype=float) if "elasticity" in figures else np.ones(1)
    return scenarios.Elasticities(*[one] * 5)


def _women(asked: Scenario, figures: pd.DataFrame) -> Array:
    return scenarios.add_participants(figures["women"].to_numpy(float), asked)[:, None]


def _employment(asked: Scenario, figures: pd.DataFrame) -> Array:
    draws = figures["employment"].to_numpy(float)[None, None, :]
    return scenarios.change_employment(draws, asked, ("F",), _elasticities(figures))[0].T


def _people(asked: Scenario, figures: pd.DataFrame) -> Array:
    base, n_years = np.full((1, 1), figures["employment"].iloc[0], dtype=float), len(figures) - 1
    return scenarios.attract_by_wages(base, asked, ("F",), n_years, _elasticities(figures))[0].T


def _retirements(asked: Scenario, figures: pd.DataFrame) -> Array:
    postponed = scenarios.postpone_retirement(asked, len(figures), _elasticities(figures))
    return (figures["retirements"].to_numpy(float) * (1 - postponed[0]))[:, None]


def _recruits(asked: Scenario, figures: pd.DataFrame) -> Array:
    continued, employment = (figures[c].to_numpy(float)[None, :] for c in ("continued", "employment"))
    limits = scenarios.read_limits(asked, "F", ("F",))
    stock, contract = figures["stock"].to_numpy(float)[:1], int(figures["contract_years"].iloc[0])
    return np.stack(scenarios.recruit(continued, stock, employment, contract, limits), axis=-1)[0]


def _returnees(asked: Scenario, figures: pd.DataFrame) -> Array:
    found = scenarios.count_returnees(asked, len(figures), _elasticities(figures))
    assert found is not None
    return found.T


COMPUTED: dict[str, Callable[[Scenario, pd.DataFrame], Array]] = {
    "women_joining": _women,
    "employment": _employment,
    "people_joining": _people,
    "retirements": _retirements,
    "recruited": _recruits,
    "returnees": _returnees,
}


@pytest.mark.parametrize("case", sorted(CASES.glob("[0-9]*")), ids=lambda p: p.name)
def test_golden_scenario(case: Path) -> None:
    figures, expected = pd.read_csv(case / "input.csv"), pd.read_csv(case / "expected.csv")
    found = COMPUTED[expected.columns[0]](read_scenario(case / "scenario.yaml"), figures)
    np.testing.assert_allclose(found, expected.to_numpy(float), atol=0.001)


# ---------------------------------------------------------------- the same random numbers


def test_nothing_asked_is_the_baseline_bit_for_bit() -> None:
    before, after = run(), run(scenario=ask(name="same"))
    assert before.draws.keys() == after.draws.keys()
    assert all(np.array_equal(before.draws[m], after.draws[m]) for m in before.draws)


SUMS = {"SEEKERS", "GAP"}
LEAVING = {"REPLACEMENT_RAW", "REPLACEMENT", "RELEASED", "OPENINGS", "DISPLACED", "EXITS_NO_POST"}


@pytest.mark.parametrize(
    ("changes", "moved"),
    [
        ({"participation_points": 2.0}, {"PARTICIPATION"}),
        ({"return_persons": 5_000.0}, {"RETURNS"}),
        ({"retirement_age_years": 1.0}, LEAVING),
        ({"demand_growth_points": {"F": 1.0}}, LEAVING | {"EMP", "EXPANSION"}),
    ],
)
def test_scenario_moves_only_what_it_is_about(changes: dict[str, Any], moved: set[str]) -> None:
    before, after = run(n_draws=60), run(n_draws=60, scenario=ask(**changes))
    found = {m for m in after.draws if not np.array_equal(after.draws[m], before.draws.get(m))}
    parts = {m for m in found if m.startswith("REPLACEMENT") and "REPLACEMENT" in moved}
    assert found >= SUMS and found - parts <= moved | SUMS


def test_wage_rise_agrees_with_a_second_computation() -> None:
    """Plain numpy on the baseline's draws: E (1 + w)^(i e), and who joins by the other elasticity."""
    asked = ask(wage_growth_points={"C": 2.0})
    before, after = run(), run(scenario=asked)
    place, years = before.sectors.index("C"), np.arange(1, 6)
    answers = after.draws["EMP"][:, place] / before.draws["EMP"][:, place]
    elasticity = np.log(answers) / np.log(1.02) / years
    np.testing.assert_allclose(elasticity, np.broadcast_to(elasticity[:, :1], elasticity.shape), atol=1e-3)
    rules = rule_set("scenarios")
    low, high = rules.threshold("wage_demand_low"), rules.threshold("wage_demand_high")
    steps = low + (high - low) * (np.arange(200) + 0.5) / 200
    np.testing.assert_allclose(np.sort(elasticity[:, 4]), steps, atol=1e-3)
    joined = after.draws["PARTICIPATION"][:, place].sum(axis=1) - before.draws["PARTICIPATION"][:, place].sum(
        axis=1
    )
    shares = np.sort(np.log(1 + joined / before.base[:, place]) / np.log(1.02) / 5)
    assert rules.threshold("wage_participation_low") < shares[0] < 0.11
    assert 0.39 < shares[-1] < rules.threshold("wage_participation_high")
    others = [i for i in range(len(SECTORS)) if i != place]
    assert np.array_equal(before.draws["EMP"][:, others], after.draws["EMP"][:, others])


def test_later_retirement_keeps_as_many_as_do_not_retire() -> None:
    """The labour force is larger by the retirements put off, whoever's posts they hold: the gap falls by them."""
    before, after = run(), run(scenario=ask(retirement_age_years=1.0))
    force, parts = before.supply.labour_force, before.supply.exit_parts
    assert force is not None
    rules, retiring = rule_set("scenarios"), float((force[:-1] * parts["retirement"]).sum())
    low, high = rules.threshold("retirement_low"), rules.threshold("retirement_high")
    shares = (low + (high - low) * (np.arange(200) + 0.5) / 200) / 5
    np.testing.assert_allclose(np.sort(gap_of(before) - gap_of(after)), shares * retiring, rtol=1e-3)


def test_identities_hold_in_every_draw_of_every_ready_scenario() -> None:
    for asked in contracts.scenarios().values():
        found = run(scenario=scenarios.settle_returns(asked, 100_000), n_draws=20)
        assert np.array_equal(found.draws["GAP"], found.draws["OPENINGS"] - found.draws["SEEKERS"]), (
            asked.name
        )
        assert np.array_equal(found.total("GAP"), found.total("OPENINGS") - found.total("SEEKERS"))
        assert all(np.isfinite(draws).all() for draws in found.draws.values()), asked.name
        assert (found.draws["OPENINGS"] >= 0).all(), asked.name


# ---------------------------------------------------------------- monotone


@QUICK
@given(st.floats(0, 10), st.floats(0.5, 10))
def test_more_women_never_widen_the_gap(points: float, more: float) -> None:
    less, most = (run(scenario=ask(participation_points=p), n_draws=40) for p in (points, points + more))
    assert (most.draws["GAP"] <= less.draws["GAP"]).all()


@QUICK
@given(st.floats(-10, 10), st.floats(0.1, 10), st.sampled_from(SECTORS))
def test_a_larger_shock_of_demand_never_lacks_fewer(points: float, more: float, sector: str) -> None:
    small, large = (
        run(scenario=ask(demand_growth_points={sector: p}), n_draws=40) for p in (points, points + more)
    )
    place, near = SECTORS.index(sector), 0.1  # persons stand in steps of 1/1024, rounded part by part
    own = [s.draws["GAP"][:, place].sum(axis=1) for s in (small, large)]
    assert (own[1] >= own[0] - near).all() and (gap_of(large) >= gap_of(small) - near).all()


@pytest.mark.parametrize(
    ("key", "small", "large"),
    [
        ("wage_growth_points", {"_T": 0.5}, {"_T": 2.0}),
        ("automation_pc", {"_T": 2.0}, {"_T": 10.0}),
        ("retirement_age_years", 0.5, 2.0),
        ("return_persons", 100.0, 5_000.0),
    ],
)
def test_stronger_answers_never_widen_the_gap(key: str, small: object, large: object) -> None:
    less, most = (run(scenario=ask(**{key: figure}), n_draws=60) for figure in (small, large))
    assert (gap_of(most) <= gap_of(less)).all() and (gap_of(less) <= gap_of(run(n_draws=60))).all()


@given(st.floats(0, 1000), st.floats(0.05, 0.9), st.floats(0, 500), st.integers(1, 6))
@settings(deadline=None, max_examples=50)
def test_recruitment_is_bounded(stock: float, ceiling: float, quota: float, contract: int) -> None:
    continued = np.full((3, 6), stock / contract)
    foreign, workers = np.full(3, stock), np.full((3, 6), 1000.0)
    free, ended = scenarios.recruit(continued, foreign, workers, contract, (None, None))
    assert np.allclose(free, continued) and np.allclose(ended, continued)
    recruited, ending = scenarios.recruit(continued, foreign, workers, contract, (quota, ceiling))
    assert (recruited >= 0).all() and (recruited <= quota).all() and (ending >= -1e-9).all()
    stocks = stock + np.cumsum(recruited - ending, axis=1)
    assert (stocks >= -1e-6).all() and (stocks <= np.maximum(stock, ceiling * 1000) + 1e-6).all()
    stopped, gone = scenarios.recruit(continued, foreign, workers, contract, (0.0, None))
    assert not stopped.any() and (gone.sum(axis=1) <= stock + 1e-6).all()


def with_foreign_workers(number: float) -> pd.DataFrame:
    """The country of the tests with foreign workers counted in manufacturing."""
    row = OBSERVATIONS[
        (OBSERVATIONS["indicator"] == "EMP")
        & (OBSERVATIONS["economic_activity"] == "C")
        & (OBSERVATIONS["time_period"] == "2025")
    ].assign(citizenship="FOR", obs_value=number, observation_id="f" * 12 + ":1")
    return pd.concat([OBSERVATIONS, row], ignore_index=True)


def test_a_stop_opens_every_post_of_todays_foreign_workers_once() -> None:
    counted, place = with_foreign_workers(6_000), SECTORS.index("C")
    before, after = run(counted, n_draws=40), run(counted, n_draws=40, scenario=ask(recruitment_stop=["C"]))
    opened = (after.draws["GAP"] - before.draws["GAP"]).sum(axis=2)
    assert np.array_equal(before.draws["CONTRACT_EXPIRY"], before.draws["RECRUITED"])
    assert (opened[:, place] == 6_000).all() and not np.delete(opened, place, axis=1).any()
    assert np.array_equal(after.total("GAP"), after.total("OPENINGS") - after.total("SEEKERS"))


def test_a_lower_ceiling_never_narrows_the_gap() -> None:
    counted = with_foreign_workers(12_000)
    gaps = [
        gap_of(run(counted, n_draws=40, scenario=ask(foreign_ceiling={"C": share})))
        for share in (0.9, 0.3, 0.1, 0.01)
    ]
    assert np.array_equal(gaps[0], gap_of(run(counted, n_draws=40)))
    assert all((later >= earlier).all() for earlier, later in itertools.pairwise(gaps))
    assert (gaps[-1] > gaps[0]).all()


# ---------------------------------------------------------------- the comparison


def test_growth_points_outlive_a_year_without_workers() -> None:
    """A step from or to nobody is no growth: 50 x 1.02 x 1.02, then 1.2 + 0.02 as fast again."""
    employment = np.array([[[100.0, 0.0, 50.0, 60.0], [0.0, 10.0, 20.0, 30.0]]])
    more = scenarios.apply_growth_points(employment, np.array([2.0, 2.0]))
    assert more[0, 0] == pytest.approx([100, 0, 52.02, 50 * 1.02**2 * 1.22])
    assert more[0, 1] == pytest.approx([0, 10.2, 10.2 * 2.02, 10.2 * 2.02 * 1.52])
    assert (scenarios.apply_growth_points(employment, np.array([-2.0, -2.0])) <= employment).all()


def test_difference_is_that_of_each_draw() -> None:
    before, after = run(), run(scenario=ask(demand_growth_points={"F": 3.0}))
    table = comparison.compare_scenarios(before, [after])
    rows = table[(table["measure"] == "GAP") & (table["time_period"] == SPAN)]
    for activity, place in (("F", SECTORS.index("F")), ("_T", None)):
        own = [s.total("GAP") if place is None else s.draws["GAP"][:, place] for s in (before, after)]
        drawn = own[1].sum(axis=1) - own[0].sum(axis=1)
        row = rows[(rows["economic_activity"] == activity) & (rows["figure"] == "difference")].iloc[0]
        found = [row["q10"], row["q50"], row["q90"], row["mean"]]
        np.testing.assert_allclose(found, [*np.quantile(drawn, (0.1, 0.5, 0.9)), drawn.mean()], atol=0.051)
        assert row["share_above_zero"] == pytest.approx((drawn > 0).mean(), abs=1e-4)
    change = rows[rows["figure"] == "difference"].set_index("economic_activity")["mean"]
    assert change.drop("_T").sum() == pytest.approx(change["_T"], abs=1) and change["F"] > 0
    assert (table["q50"].isna() == table["reason"].notna()).all()


def test_missing_ages_are_said_not_shown_as_no_change() -> None:
    bare = OBSERVATIONS[OBSERVATIONS["indicator"] != "LF"]
    before = run(bare, n_draws=20)
    table = comparison.compare_scenarios(
        before, [run(bare, n_draws=20, scenario=ask(participation_points=2.0))]
    )
    gaps = table[table["measure"] == "GAP"]
    assert gaps["q50"].isna().all() and gaps["reason"].str.startswith("NO_LABOUR_FORCE_BY_AGE").all()


def test_runs_that_do_not_belong_together_are_refused() -> None:
    with pytest.raises(UsageError, match="other sectors, years or draws"):
        comparison.compare_scenarios(
            run(n_draws=20), [run(n_draws=30, scenario=ask(participation_points=1.0))]
        )
    with pytest.raises(UsageError, match="two scenarios are called baseline"):
        comparison.compare_scenarios(run(n_draws=20), [run(n_draws=20)])


# ---------------------------------------------------------------- scenario files


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("particpation_points: 2", ["particpation_points", "closest: 'participation_points'"]),
        ("participation_points: '2'", ["participation_points", "valid number", "'2'"]),
        ("participation_points: true", ["participation_points", "valid number"]),
        ("participation_points: 90", ["less than or equal to 30", "90", "Percentage points"]),
        ("participation_points: .nan", ["participation_points"]),
        ("foreign_ceiling: {C: 40}", ["foreign_ceiling.C", "less than 1", "0.4 for 40 per cent"]),
        ("recruitment_stop: C", ["recruitment_stop", "a list"]),
        ("participation_points: 0", ["changes nothing", "participation_points"]),
        ("demand_growth_points: {F: 0}", ["changes nothing"]),
        ("recruitment_stop: [C]\nrecruitment_quota: {C: 5}", ["contradiction", "recruitment_quota (C: 5)"]),
        ("recruitment_stop: [_T]\nforeign_ceiling: {C: 0.3}", ["contradiction", "foreign_ceiling"]),
        ("recruitment_stop: [C, C]", ["C twice"]),
        ("return_persons: 10\nreturn_pc: 1", ["contradiction", "return_pc"]),
    ],
)
def test_scenario_file_is_refused_in_words(tmp_path: Path, text: str, words: list[str]) -> None:
    path = tmp_path / "s.yaml"
    path.write_text(f"name: x\ndescription: y\n{text}\n", encoding="utf-8")
    with pytest.raises(DefinitionError) as refused:
        read_scenario(path)
    assert all(word in str(refused.value) for word in [str(path), *words]), str(refused.value)


def test_a_stop_and_a_quota_of_nobody_agree() -> None:
    assert ask(recruitment_stop=["C"], recruitment_quota={"C": 0.0}).changes


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"demand_growth_points": {"Manufacturing": 1.0}}, "Closest: C"),
        ({"wage_growth_points": {"QQ": 1.0}}, "QQ is no sector.*_T or one of A, B, C"),
        ({"automation_pc": {"C": 1.0, "MAN": 2.0}}, "two entries mean C"),
        ({"recruitment_stop": ["Z9"]}, "Z9 is no sector"),
        ({"retirement_age_years": 7.0}, "faster than people age: give at most 5"),
    ],
)
def test_what_the_balance_does_not_have_is_refused(changes: dict[str, object], words: str) -> None:
    with pytest.raises(DefinitionError, match=words):
        run(scenario=ask(**changes), n_draws=10)


def test_another_code_with_the_same_sections_is_understood() -> None:
    one, other = (run(scenario=ask(demand_growth_points={c: -2.0}), n_draws=20) for c in ("C", "MAN"))
    assert np.array_equal(one.draws["GAP"], other.draws["GAP"])


def test_ready_scenarios_say_what_they_rest_on() -> None:
    ready = contracts.scenarios()
    assert len(ready) == 8 and len({key for one in ready.values() for key in one.changes}) == 8
    assert all(one.assumption and one.reference for one in ready.values())
    assert all(one.reference for one in rule_set("scenarios").thresholds.values())
    with pytest.raises(UsageError, match="Closest: more_women"):
        contracts.scenario("more_woman")


def ground(counted: dict[str, str] | None = None, reasons: dict[str, str] | None = None) -> scenarios.Ground:
    return scenarios.Ground(SECTORS, counted or {}, reasons or {}, None)


def test_what_a_country_lacks_is_an_obstacle() -> None:
    stop, wave, in_c = ask(recruitment_stop=["_T"]), ask(return_pc=5.0), ask(recruitment_stop=["C"])
    key, none, zone = "recruitment_stop", ground(), ground({"EOE": "C"})
    find = scenarios.find_obstacles
    assert (
        "NO_FOREIGN_WORKERS" in find(stop, none)[key] and "NO_STOCK_ABROAD" in find(wave, none)["return_pc"]
    )
    assert "counted in EOE" in find(ask(recruitment_stop=["F"]), zone)[key]
    assert (
        find(in_c, ground(reasons={"C": "FOREIGN_ABOVE_TOTAL: 5 of 4"}))[key] == "FOREIGN_ABOVE_TOTAL: 5 of 4"
    )
    assert find(stop, zone) == find(in_c, zone) == {}
    mixed = ask(
        recruitment_stop=["EOE", "F"],
        foreign_ceiling={"G": 0.2},
        return_pc=1.0,
        automation_pc={"H": 5, "A": 5},
    )
    assert find(mixed, zone).keys() == {key, "foreign_ceiling", "return_pc", "automation_pc"}
    assert "NO_SECTOR: H is no sector" in find(mixed, zone)["automation_pc"]
    assert scenarios.keep_answerable(mixed, zone).changes == {key: ["EOE"], "automation_pc": {"A": 5.0}}
    typing_error = ask(recruitment_stop=["Z9"])
    assert find(typing_error, zone) == {} and scenarios.keep_answerable(typing_error, zone) == typing_error
    assert scenarios.settle_returns(wave, 2_000.0).return_persons == 100.0


def test_an_entry_of_ones_own_goes_before_that_of_the_sector_and_of_all() -> None:
    asked = ask(foreign_ceiling={"_T": 0.1, "C": 0.2, "EOE": 0.3}, recruitment_quota={"MAN": 7.0, "_T": 9.0})
    assert scenarios.read_limits(asked, "EOE", ("EOE",), "C") == (7.0, 0.3)
    assert scenarios.read_limits(asked, "F", ("EOE", "F"), "F") == (9.0, 0.1)
    assert scenarios.read_limits(ask(recruitment_stop=["C"]), "EOE", ("EOE",), "C") == (0.0, None)
    assert scenarios.read_limits(ask(recruitment_stop=["F"]), "EOE", ("EOE",), "C") == (None, None)


# ---------------------------------------------------------------- the command and the page


def make_results(description: str = "A question") -> ScenarioResults:
    asked = Scenario(name="asked", description=description, demand_growth_points={"F": 3.0})
    lacking = ask(name="stop", recruitment_stop=["_T"])
    figures = comparison.compare_scenarios(run(), [run(scenario=asked)])
    return ScenarioResults(
        "ARM", "Testland", (2026, 2027, 2028, 2029, 2030), 200, (asked, lacking), figures,
        {"stop": {"recruitment_stop": "NO_FOREIGN_WORKERS: none counted"}}, {"F": "Construction"}, rule_set("scenarios"),
        "2025", {"demand_growth_points": "five of ten"},
    )  # fmt: skip


def test_page_needs_nothing_else_and_shows_everything() -> None:
    hostile = "<script>alert(1)</script> & what if"
    page = render_scenarios(make_results(hostile))
    assert page == render_scenarios(make_results(hostile))
    assert "<script" not in page and "&lt;script&gt;alert(1)" in page
    assert not any(word in page for word in ("src=", "@import", 'href="http', "url(http"))
    assert page.count('role="img"') == 4 and "default-src 'none'" in page
    for words in (
        "Construction",
        "NO_FOREIGN_WORKERS: none counted",
        "Hamermesh",
        "What this cannot tell you",
    ):
        assert words in page, words
    assert not re.search(r"\b(nan|None|NaN)\b", page)


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("scenario") / "lma.duckdb"
    with warehouses.open_for_writing(path) as opened:
        opened.replace("marts.observations", OBSERVATIONS)
        opened.replace("marts.forecasts", FORECASTS)
        opened.publish_read_copy()
    return path


def call(*arguments: object) -> tuple[int, str]:
    from lma.errors import LmaError

    outcome = CliRunner().invoke(app, [str(a) for a in arguments])
    if isinstance(outcome.exception, LmaError):
        return outcome.exception.exit_code, str(outcome.exception)
    return outcome.exit_code, outcome.output


def test_command_answers_several_side_by_side(warehouse: Path, tmp_path: Path) -> None:
    own = tmp_path / "my.yaml"
    own.write_text("name: mine\ndescription: Mine\nwage_growth_points: {F: 1}\n", encoding="utf-8")
    code, said = call(
        "scenario", COUNTRY.ref_area, "more_women", own, "recruitment_stop", "--warehouse", warehouse, "--out", tmp_path / "out"
    )  # fmt: skip
    assert code == 0, said
    for words in (
        "more_women",
        "mine",
        "not answered, recruitment_stop: NO_FOREIGN_WORKERS",
        "scenarios_ARM.html",
    ):
        assert words in said, said
    table = pd.read_csv(tmp_path / "out" / "scenarios_ARM.csv")
    assert list(dict.fromkeys(table["scenario"])) == ["baseline", "more_women", "mine"]
    assert "Construction" in (tmp_path / "out" / "scenarios_ARM.html").read_text(encoding="utf-8")


def test_command_refuses_in_words(warehouse: Path, tmp_path: Path) -> None:
    place, wrong = ("--warehouse", warehouse), tmp_path / "my.yaml"
    wrong.write_text(
        "name: mine\ndescription: Mine\nwage_growth_points: {Construction: 1}\n", encoding="utf-8"
    )
    for arguments, wanted, words in (
        ((), 2, "--all"),
        (("ARM",), 2, "more_women"),
        (("ARM", "more_man"), 2, "no ready scenario"),
        (("ARM", "none.yaml"), 10, "does not exist"),
        (("ARM", "recruitment_stop"), 11, "NO_FOREIGN_WORKERS"),
        (("ARM", wrong), 10, f"{wrong}: scenario 'mine', wage_growth_points: Construction is no sector"),
    ):
        code, said = call("scenario", *arguments, *place)
        assert code == wanted and words in said, (arguments, said)
    assert all(name in call("scenario", "--list")[1] for name in contracts.scenarios())


def test_printed_gaps_say_what_they_count() -> None:
    console = Console(record=True, width=200)
    results = make_results("What if?")
    _print_answer(results, results.scenarios[0], console)
    assert "persons; above zero workers are lacking" in console.export_text()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "Should be keys with values"),
        ("name: a\ndescription: b\ndemand_growth_points: 3\n", "such as {F: 1}"),
        ("name: a\ndescription: b\nrecruitment_stop: C\n", "Should be a list, such as"),
    ],
)
def test_shape_of_a_scenario_is_asked_for_in_plain_words(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(text)
    with pytest.raises(DefinitionError, match=re.escape(words)):
        read_scenario(path)
