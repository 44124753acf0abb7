"""Dependency, alternatives, corridors and the decision. Golden cases: tests/cases/decision/<nn_scenario>/."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from decision_builder import (
    CASES,
    build_balances,
    build_country,
    build_shortages,
    build_unit,
    observe,
    read_case,
    run_case,
)
from hypothesis import given
from hypothesis import strategies as st

from lma.contracts import Country, codelist, rule_set, table_contract
from lma.errors import UsageError
from lma.migration.alternatives import (
    CODES,
    Span,
    compute_activated,
    list_alternatives,
)
from lma.migration.corridors import list_corridors
from lma.migration.dependency import (
    Concentration,
    compute_headroom,
    compute_hhi,
    compute_share,
    measure_dependency,
)
from lma.migration.evidence import find_newest
from lma.migration.gaps import Gap, compute_need, read_gaps
from lma.migration.pools import compute_potential_women, compute_usable_unemployed
from lma.migration.population import count_population
from lma.migration.safeguards import judge_corridor, list_flags
from lma.migration.steps import check_dependency, check_shortage, check_technology


def assert_row(found: pd.Series, expected: dict[str, str]) -> None:
    where = f"{expected['economic_activity']} {expected['step_id']}: {found['text']}"
    assert found["outcome"] == expected["outcome"], where
    assert (found["reason_code"] or "") == expected["reason_code"], where
    assert expected["text_contains"] in found["text"], where
    for column in ("value", "value_low", "value_high", "threshold"):
        if expected[column]:
            assert found[column] == pytest.approx(float(expected[column]), abs=5e-4), (column, where)


# ---------------------------------------------------------------- golden cases


@pytest.mark.parametrize("folder", CASES, ids=[folder.name for folder in CASES])
def test_decision_case(folder: Path) -> None:
    decisions, corridors = run_case(folder)
    rows = decisions.set_index(["economic_activity", "step_id"])
    expected = read_case(folder, "decisions_out.csv").to_dict("records")
    for row in expected:
        assert_row(rows.loc[(row["economic_activity"], row["step_id"])], row)
    assert len(expected) >= 10
    if (folder / "corridors_out.csv").exists():
        shown = corridors.assign(flags=corridors["flags"].str.join(" "))
        found = shown[["origin", "economic_activity", "recommended", "flags"]].sort_values(
            ["origin", "economic_activity"]
        )
        pd.testing.assert_frame_equal(
            found.reset_index(drop=True),
            read_case(folder, "corridors_out.csv")
            .sort_values(["origin", "economic_activity"])
            .reset_index(drop=True),
            check_dtype=False,
        )


@pytest.mark.parametrize("folder", CASES, ids=[folder.name for folder in CASES])
def test_rows_follow_the_table_contracts(folder: Path) -> None:
    decisions, corridors = run_case(folder)
    for table, frame in (("marts.decisions", decisions), ("marts.corridors", corridors)):
        contract = table_contract(table)
        assert list(frame.columns) == contract.column_names
        assert not frame.duplicated(contract.primary_key).any()
        for column in contract.columns:
            if column.required:
                assert frame[column.name].notna().all(), (table, column.name)
            if column.valid_values and not frame.empty:
                assert set(frame[column.name].dropna()) <= set(column.valid_values), (table, column.name)
    assert decisions.groupby("economic_activity")["step_id"].apply(list).map(len).eq(19).all()


def test_an_option_always_has_every_pass_a_range_and_an_alternative() -> None:
    for folder in CASES:
        decisions, _ = run_case(folder)
        for _, rows in decisions.groupby("economic_activity"):
            by_step = rows.set_index("step_id")
            if by_step.loc["RESULT", "reason_code"] != "LABOUR_MIGRATION_OPTION":
                assert pd.isna(by_step.loc["RESULT", "value_high"])
                continue
            assert set(by_step.loc["D0":"D8", "outcome"]) == {"PASS"}
            low, high = by_step.loc["RESULT", ["value_low", "value_high"]]
            assert low < high or "at most" in by_step.loc["RESULT", "text"]
            assert by_step.loc["D4", "value"] > 0


def test_result_traces_to_its_nine_steps_and_steps_to_their_inputs() -> None:
    decisions, _ = run_case(CASES[0])
    rows = decisions.set_index("step_id")
    assert list(rows.loc["RESULT", "inputs"]) == list(rows.loc["D0":"D8", "decision_id"])
    assert {one[:2] for one in rows.loc["D2", "inputs"]} == {"B:", "S:"}
    assert {one[:2] for one in rows.loc["D8", "inputs"]} == {"C:"}
    assert rows.loc["D7", "inputs"] and rows.loc["D4", "inputs"] and rows.loc["D0", "inputs"]


def test_no_input_frame_is_changed() -> None:
    folder = CASES[0]
    observations = observe(read_case(folder, "observations_in.csv"))
    before = observations.copy(deep=True)
    shortages = build_shortages(read_case(folder, "shortages_in.csv"))
    country = build_country(dict(read_case(folder, "case.csv").to_numpy()))
    list_corridors(country, observations=observations, shortages=shortages, as_of_year=2026)
    pd.testing.assert_frame_equal(observations, before)


# ---------------------------------------------------------------- dependency


def test_headroom_golden() -> None:
    assert compute_headroom(1000, 400, 0.5) == 200
    assert compute_headroom(1000, 600, 0.5) == -200


@given(
    employment=st.integers(1, 10**7), share=st.floats(0, 1), ceiling=st.floats(0.01, 0.99),
    part=st.floats(0, 1),
)  # fmt: skip
def test_headroom_keeps_the_ratio_under_the_ceiling(
    employment: int, share: float, ceiling: float, part: float
) -> None:
    foreign = share * employment
    headroom = compute_headroom(employment, foreign, ceiling)
    if headroom <= 0:
        assert foreign / employment >= ceiling * (1 - 1e-9)
        return
    added = part * headroom
    assert (foreign + added) / (employment + added) <= ceiling * (1 + 1e-9)
    beyond = headroom * 1.01 + 1
    assert (foreign + beyond) / (employment + beyond) > ceiling


@pytest.mark.parametrize("ceiling", [0, -0.2, 1.5])
def test_ceiling_must_lie_above_0_and_at_most_at_1(ceiling: float) -> None:
    with pytest.raises(UsageError, match="dependency_ceiling"):
        compute_headroom(1000, 400, ceiling)


def test_share_refuses_impossible_counts() -> None:
    with pytest.raises(UsageError, match="no share"):
        compute_share(1100, 1000)


def test_a_slip_of_one_count_is_passed_over() -> None:
    slipped = [(who, period, 434 if (who, period) == ("_T", "2020-Q1") else n) for who, period, n in EOE]
    found = measure_dependency(observe_zone(slipped), "MUS", "EOE", 2020, 5)
    assert found is not None
    assert (found.total.value, found.total.time_period) == (54417, "2015-Q1")


def test_hhi() -> None:
    assert compute_hhi([10]) == 1
    assert compute_hhi([10, 10, 10, 10]) == 0.25
    assert compute_hhi([0, 0]) is None


EOE = [
    ("_T", "2015-Q1", 54417), ("FOR", "2015-Q1", 22951), ("_T", "2020-Q1", 43488), ("FOR", "2020-Q1", 20112),
]  # fmt: skip


def observe_zone(rows: list[tuple[str, str, int]], **columns: object) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["citizenship", "time_period", "obs_value"])
    return observe(frame.assign(indicator="EMP", ref_area="MUS", economic_activity="EOE", **columns))


def test_dependency_of_the_export_zone_as_published() -> None:
    found = measure_dependency(observe_zone(EOE), "MUS", "EOE", 2020, 5)
    assert found is not None
    assert (found.total.value, found.foreign.value) == (43488, 20112)
    assert round(100 * found.share, 2) == 46.25
    assert found.share_change == pytest.approx(0.4625 - 0.4218, abs=1e-3)
    assert found.total_change == pytest.approx(-0.2008, abs=1e-3)


def test_no_change_is_taken_across_a_break() -> None:
    observations = observe_zone([*EOE, ("_T", "2018-Q1", 50000)])
    broken = observations.assign(is_break=observations["time_period"] == "2018-Q1")
    found = measure_dependency(broken, "MUS", "EOE", 2020, 5)
    assert found is not None
    assert found.share_change is None
    assert "break" in str(found.change_reason)


def test_later_knowledge_and_projections_are_not_seen() -> None:
    rows = pd.DataFrame(
        [("2024", 5.0, "reported"), ("2025", 6.0, "projection"), ("2027", 7.0, "reported")],
        columns=["time_period", "obs_value", "basis"],
    )
    found = find_newest(observe(rows.assign(indicator="UNE_RT", ref_area="MUS")), 2026, "UNE_RT", "MUS")
    assert found is not None
    assert (found.time_period, found.value) == ("2024", 5.0)


# ---------------------------------------------------------------- alternatives and need


def test_alternative_formulas() -> None:
    assert compute_usable_unemployed(600_000, 5, 3) == 30_000 - 0.03 * 570_000
    assert compute_usable_unemployed(1000, 1, 3) == 0
    assert compute_activated(1000, 10, 1) == pytest.approx(100)
    assert compute_activated(1000, 10, 2) == pytest.approx(190)
    assert compute_potential_women(500_000, 45, 70) == 125_000
    assert compute_potential_women(500_000, 70, 60) == 0


def test_unknown_alternatives_stay_in_the_list_without_a_number() -> None:
    empty = observe(
        pd.DataFrame({"obs_value": [], "indicator": [], "ref_area": [], "time_period": []}).astype(str)
    )
    found = list_alternatives(build_unit(empty, "C"), Span(3, 1))
    assert tuple(one.code for one in found) == CODES
    assert all(one.value is None and "not assessed" in one.text for one in found)


AGES = ["Y15T19", "Y20T24", "Y15T24", "Y25T64", "Y65T69", "Y_GE70"]


def observe_ages(time_period: str, sexes: list[str], ages: list[str], value: float = 10.0) -> pd.DataFrame:
    rows = [(sex, age, time_period, value) for sex in sexes for age in ages]
    return pd.DataFrame(rows, columns=["sex", "age", "time_period", "obs_value"])


def test_population_covers_the_range_without_overlap() -> None:
    frame = observe(observe_ages("2025", ["F"], AGES).assign(indicator="POP", ref_area="MUS"))
    assert getattr(count_population(frame, "MUS", 2026, "F", 15, 24), "value", None) == 10
    assert getattr(count_population(frame, "MUS", 2026, "F", 15, None), "value", None) == 40
    assert count_population(frame, "MUS", 2026, "F", 10, None) is None
    assert count_population(frame, "MUS", 2026, "_T", 15, 24) is None


def test_population_adds_the_sexes_and_falls_back_on_a_complete_year() -> None:
    parts = [
        observe_ages("2020", ["F", "M"], AGES),
        observe_ages("2025", ["F"], AGES),
        observe_ages("2030", ["F", "M"], AGES),
    ]
    frame = observe(pd.concat(parts, ignore_index=True).assign(indicator="POP", ref_area="MUS"))
    found = count_population(frame, "MUS", 2026, "_T", 15, 24)
    assert found is not None
    assert (found.value, found.time_period, len(found.ids)) == (20, "2020", 2)


def test_both_sexes_stand_for_an_older_total_and_old_figures_are_named() -> None:
    rows = pd.DataFrame(
        [
            ("LF", "_T", "2025", 1000.0), ("UNE_RT", "_T", "2017", 20.0), ("EMP", "_T", "2025", 900.0),
            ("LF", "F", "2025", 400.0), ("UNE_RT", "F", "2024", 10.0), ("LF", "M", "2025", 600.0),
            ("UNE_RT", "M", "2024", 5.0),
        ],
        columns=["indicator", "sex", "time_period", "obs_value"],
    ).assign(ref_area="MUS")  # fmt: skip
    newer = list_alternatives(build_unit(observe(rows), "_T"), Span(3, 1))[0]
    assert newer.value == pytest.approx(70 - 0.03 * 930)
    assert "older than" not in newer.text
    total = observe(rows[rows["sex"] == "_T"])
    older = list_alternatives(build_unit(total, "_T"), Span(3, 1))[0]
    assert older.value == pytest.approx(200 - 0.03 * 800)
    assert older.text.endswith("older than 3 years in 2026: 2017")


def test_unemployed_count_once() -> None:
    observations = observe(read_case(CASES[0], "observations_in.csv"))
    unit = build_unit(observations, "C")
    alone = list_alternatives(unit, Span(3, 1))[0]
    already = list_alternatives(unit, Span(3, 1), unemployed_in_supply=True)[0]
    assert alone.value == pytest.approx(1290)
    assert already.value == 0
    assert "seekers already hold them" in already.text


QUANTILE = st.floats(-1e6, 1e6)


@given(
    gap=st.tuples(QUANTILE, QUANTILE, QUANTILE), capacity=st.tuples(*[st.floats(0, 1e6)] * 3),
    headroom=st.none() | st.floats(0, 1e6),
)  # fmt: skip
def test_need_is_a_range_within_zero_and_the_headroom(
    gap: tuple[float, float, float], capacity: tuple[float, float, float], headroom: float | None
) -> None:
    low, middle, high = sorted(gap)
    least, value, most = sorted(capacity)
    need = compute_need(Gap(3, "2026-2028", low, middle, high, ()), (value, least, most), headroom)
    assert 0 <= need.low <= need.value <= need.high
    assert headroom is None or need.high <= headroom


def test_gaps_are_read_cumulated_and_complete_only() -> None:
    frame = pd.DataFrame(
        {
            "economic_activity": "C",
            "time_period": ["2026", "2027", "2026-2028"],
            "q10": "1",
            "q50": "2",
            "q90": "3",
        }
    )
    balances = build_balances(frame, "MUS")
    assert [gap.time_period for gap in read_gaps(balances, "MUS", "C", "_T")] == ["2026", "2026-2028"]
    partial = balances[balances["output_type_id"] != "0.9"]
    assert read_gaps(partial, "MUS", "C", "_T") == []


# ---------------------------------------------------------------- single steps and safeguards


def test_an_old_mix_of_origins_is_named() -> None:
    mix = Concentration(0.2, "2019", (), "modelled_estimate")
    assert (
        "in 2019, 7 years before 2026"
        in check_dependency(None, None, 0.5, mix, 2026, rule_set("decision")).text
    )
    assert "before" not in check_dependency(None, None, 0.5, mix, 2021, rule_set("decision")).text


def test_no_data_never_passes() -> None:
    assert check_technology(None, None, rule_set("decision")).outcome == "NOT_ASSESSED"
    assert check_shortage(None).outcome == "NOT_ASSESSED"


def test_short_at_home_is_never_a_candidate() -> None:
    for rating in ("SHORTAGE", "SEVERE"):
        flags = list_flags("IND", "MUS", "C", rating)
        assert flags == ["ORIGIN_SHORTAGE"]
        assert judge_corridor("C", flags, rating, "SEVERE")[0] == "NO"


@pytest.mark.parametrize("activity", ["Q", "PUB", "SEC_SER", "ETD_GOV"])
def test_listed_origins_are_refused_wherever_health_work_is_inside(activity: str) -> None:
    for origin in ("BGD", "NPL", "MDG"):
        flags = list_flags(origin, "MUS", activity, "SURPLUS")
        assert judge_corridor(activity, flags, "SURPLUS", "SEVERE")[0] == "NO"
    assert "WHO_SSL" not in list_flags("BGD", "MUS", "C", "SURPLUS")


@pytest.mark.parametrize("rating", [None, "N", "WATCH"])
def test_unknown_at_the_origin_is_not_a_candidate(rating: str | None) -> None:
    assert judge_corridor("C", [], rating, "SEVERE")[0] == "NOT_ASSESSED"


def test_the_list_has_55_countries_and_says_how_each_was_checked() -> None:
    listed = codelist("who_safeguards_2023")
    assert listed["area"].is_unique
    assert len(listed) == 55
    assert set(listed["verified"]) <= {"primary", "secondary", "inferred", "memory"}
    assert set(listed["area"]) <= set(codelist("areas")["area"])


def test_eurasian_union_is_a_bloc() -> None:
    assert list_flags("ARM", "RUS", "F", None) == ["FREE_MOVEMENT_EAEU"]
    assert list_flags("ARM", "QAT", "F", None) == []


def test_origin_view_lists_destinations_by_stock() -> None:
    rows = pd.DataFrame(
        [
            ("MIG_STOCK", "RUS", "ARM", 500.0), ("MIG_STOCK", "FRA", "ARM", 30.0),
            ("MIG_STOCK", "ARM", "GEO", 9.0),
            ("REMIT", "ARM", "RUS", 1e9), ("UNE_RT", "RUS", "_Z", 2.5),
            ("GDP_PC_PPP", "RUS", "_Z", 40000.0), ("GDP_PC_PPP", "ARM", "_Z", 20000.0),
        ],
        columns=["indicator", "ref_area", "counterpart_area", "obs_value"],
    )  # fmt: skip
    country = Country(ref_area="ARM", label="Armenia", role="origin", partners=["RUS", "FRA", "QAT"])
    shortages = build_shortages(
        pd.DataFrame(
            columns=[
                "ref_area",
                "economic_activity",
                "method",
                "indicator",
                "time_period",
                "value",
                "rating",
            ],
            dtype=str,
        )
    )
    found = list_corridors(
        country, observations=observe(rows.assign(time_period="2024")), shortages=shortages, as_of_year=2026
    )
    total = found[found["economic_activity"] == "_T"].set_index("destination")
    assert list(total.index) == ["RUS", "FRA", "QAT"]
    assert total.loc["RUS", ["stock", "remittances", "unemployment_rate", "gdp_pc_ratio"]].tolist() == [
        500,
        1e9,
        2.5,
        2.0,
    ]
    assert total.loc["RUS", "share"] == pytest.approx(100 * 500 / 530)
    assert total.loc["RUS", "flags"] == ["FREE_MOVEMENT_EAEU"]
    assert pd.isna(total.loc["QAT", "stock"])
    assert set(found["origin"]) == {"ARM"}
