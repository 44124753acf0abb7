"""Figures that must fit together, and two sources for one cell."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from observation_builder import known_sources, observations

from lma import contracts, warehouse
from lma.coherence import CHECKS, compare_figures, count_cells, months_since, summarise_conflicts
from lma.contracts import rule_set

RULES = rule_set("coherence")
GROUPS = ("A", "B", "C", "DE", "F", "G", "HJ", "I", "K", "LMN", "O", "P", "Q", "RSTU")


def figures(*rows: dict[str, Any]) -> pd.DataFrame:
    built = observations(*({"economic_activity": "_T", "activity_revision": "_Z"} | row for row in rows))
    modelled = built["basis"].isin(["modelled_estimate", "projection"])
    return built.assign(basis_kind=modelled.map({True: "modelled", False: "reported"}), is_break=False)


def check(check_id: str, *rows: dict[str, Any]) -> pd.DataFrame:
    compared = compare_figures(figures(*rows), RULES)
    return compared[compared["check_id"] == check_id].reset_index(drop=True)


def activities(each: float, total: float, source: str = "survey") -> list[dict[str, Any]]:
    parts = [
        {"economic_activity": code, "activity_revision": "ISIC4", "obs_value": each, "source_id": source}
        for code in GROUPS
    ]
    return [*parts, {"obs_value": total}]


def test_activities_that_miss_their_total() -> None:
    found = check("sectors", *activities(100, 1500))
    assert found["fails"].tolist() == [True]
    assert found["deviation"].item() == pytest.approx(100 * (1400 / 1500 - 1))
    assert len(found["ids"].item()) == 15
    assert not check("sectors", *activities(100, 1405))["fails"].any()


def test_an_incomplete_set_of_activities_or_one_of_another_source_is_not_summed() -> None:
    assert check("sectors", *activities(100, 1500)[1:]).empty
    assert check("sectors", *activities(100, 1500, source="census")).empty


def test_men_and_women_against_both() -> None:
    sexes = [{"sex": "M", "obs_value": 60}, {"sex": "F", "obs_value": 50}]
    assert check("sexes", *sexes, {"obs_value": 100})["deviation"].tolist() == [pytest.approx(10)]
    assert not check("sexes", *sexes, {"obs_value": 110.5})["fails"].any()
    assert check("sexes", sexes[0], {"obs_value": 100}).empty


def test_age_bands_against_all_ages() -> None:
    bands = [f"Y{age}T{age + 4}" for age in range(15, 65, 5)] + ["Y_GE65"]
    rows = [{"age": band, "obs_value": 10} for band in bands]
    assert check("ages", *rows, {"obs_value": 120})["fails"].tolist() == [True]
    assert check("ages", *rows, {"obs_value": 110})["fails"].tolist() == [False]
    assert check("ages", *rows[1:], {"obs_value": 110}).empty


def test_employed_unemployed_and_labour_force() -> None:
    rate = {"indicator": "UNE_RT", "unit_measure": "PC", "obs_value": 10}
    rows = [rate, {"indicator": "LF", "obs_value": 1000}]
    assert check("labour_force", *rows, {"obs_value": 900})["fails"].tolist() == [False]
    found = check("labour_force", *rows, {"obs_value": 950})
    assert found["fails"].tolist() == [True] and found["deviation"].item() == pytest.approx(5)
    assert len(found["ids"].item()) == 3


@pytest.mark.parametrize(
    ("check_id", "part"),
    [
        ("labour_force_population", {"indicator": "LF"}),
        ("migrants_population", {"indicator": "MIG_STOCK", "counterpart_area": "_T"}),
    ],
)
def test_a_part_may_not_exceed_the_population(check_id: str, part: dict[str, Any]) -> None:
    people = {"indicator": "POP", "obs_value": 1000}
    assert check(check_id, people, part | {"obs_value": 1001})["fails"].tolist() == [True]
    assert check(check_id, people, part | {"obs_value": 400})["fails"].tolist() == [False]


def test_foreign_workers_within_all_workers_of_a_quarter() -> None:
    zone = {
        "economic_activity": "EOE",
        "activity_revision": "NATIONAL",
        "freq": "Q",
        "time_period": "2025-Q3",
    }
    everybody = zone | {"obs_value": 28434}
    foreign = zone | {"citizenship": "FOR"}
    assert not check("foreign_workers", everybody, foreign | {"obs_value": 13499})["fails"].any()
    assert check("foreign_workers", everybody, foreign | {"obs_value": 28435})["fails"].all()


OLD, NEW = dt.date(2018, 8, 1), dt.date(2025, 12, 17)


def test_shares_are_summed_inside_each_vintage_and_never_across() -> None:
    """Made-up shares that miss 100 by as much as two vintages of one table did for women in Armenia, 1992."""
    share = {"indicator": "EMP_SHARE", "unit_measure": "PC", "sex": "F", "activity_revision": "ISIC4"}
    old = [
        share | {"economic_activity": code, "obs_value": value, "as_of": OLD}
        for code, value in (("SEC_AGR", 30.0), ("SEC_IND", 30.0), ("SEC_SER", 40.0))
    ]
    newer = share | {"economic_activity": "SEC_SER", "obs_value": 13.2, "as_of": NEW}
    whole = check("shares", *old, newer)
    assert whole[["value", "fails", "is_comparable"]].values.tolist() == [[100.0, False, True]]
    mixed = check("shares", *old[:2], newer)
    assert mixed["deviation"].item() == pytest.approx(-26.8)
    assert mixed[["fails", "is_comparable"]].values.tolist() == [[False, False]]


def test_men_and_women_of_two_vintages_are_not_comparable() -> None:
    sexes = [{"sex": "M", "obs_value": 60, "as_of": OLD}, {"sex": "F", "obs_value": 50, "as_of": NEW}]
    found = check("sexes", *sexes, {"obs_value": 100, "as_of": NEW})
    assert found[["fails", "is_comparable"]].values.tolist() == [[False, False]]
    one = check("sexes", *[row | {"as_of": NEW} for row in (*sexes, {"obs_value": 100})])
    assert one[["fails", "is_comparable"]].values.tolist() == [[True, True]]


@pytest.mark.parametrize(
    ("days", "source", "is_comparable"),
    [(183, "model", True), (184, "model", False), (0, "survey", True), (1, "survey", False)],
)
def test_figures_of_several_sources_need_vintages_close_together(
    days: int, source: str, is_comparable: bool
) -> None:
    force = {"indicator": "LF", "obs_value": 1000, "as_of": NEW}
    people = {"indicator": "POP", "obs_value": 900, "source_id": source, "as_of": NEW + dt.timedelta(days)}
    found = check("labour_force_population", force, people)
    assert found[["fails", "is_comparable"]].values.tolist() == [[is_comparable, is_comparable]]


def test_vintage_of_the_unemployment_rate_counts_too() -> None:
    rate = {"indicator": "UNE_RT", "unit_measure": "PC", "obs_value": 10, "as_of": OLD}
    force = {"indicator": "LF", "obs_value": 1000, "as_of": NEW}
    rows = [rate | {"source_id": "model"}, force, {"obs_value": 950, "as_of": NEW}]
    assert check("labour_force", *rows)[["fails", "is_comparable"]].values.tolist() == [[False, False]]
    rows[0]["as_of"] = NEW
    assert check("labour_force", *rows)[["fails", "is_comparable"]].values.tolist() == [[True, True]]


def test_shares_that_miss_a_hundred() -> None:
    share = {"indicator": "EMP_SHARE", "unit_measure": "PC"}
    rows = [
        share | {"economic_activity": code, "activity_revision": "ISIC4", "obs_value": value}
        for code, value in (("SEC_AGR", 30.2), ("SEC_IND", 20.0), ("SEC_SER", 49.9))
    ]
    assert check("shares", *rows)["deviation"].item() == pytest.approx(0.1)
    assert not check("shares", *rows)["fails"].any()
    assert check("shares", *rows[:2], rows[2] | {"obs_value": 23.0})["fails"].all()


def test_projections_and_missing_figures_are_not_compared() -> None:
    sexes = [{"sex": "M", "obs_value": 60}, {"sex": "F", "obs_value": None}, {"obs_value": 100}]
    assert check("sexes", *sexes).empty
    projected = [{"basis": "projection", "sex": sex, "obs_value": 60} for sex in ("M", "F", "_T")]
    assert check("sexes", *projected).empty
    assert compare_figures(figures({"obs_value": 1.0}), RULES).empty


def test_every_check_has_a_title_and_a_tolerance() -> None:
    assert set(CHECKS) <= set(RULES.thresholds)


@settings(max_examples=10, deadline=None)
@given(st.lists(st.integers(1, 10**6), min_size=14, max_size=14))
def test_exact_sums_never_fail(parts: list[int]) -> None:
    rows = activities(1, sum(parts))
    for row, value in zip(rows, parts, strict=False):
        row["obs_value"] = value
    found = check("sectors", *rows)
    assert len(found) == 1 and not found["fails"].any() and found["deviation"].item() == pytest.approx(0)


@pytest.mark.parametrize(
    ("period", "months"), [("2025", 6), ("2025-Q3", 9), ("2026-Q1", 3), ("2026-06", 0), ("2024", 18)]
)
def test_months_between_the_end_of_a_period_and_the_edition(period: str, months: int) -> None:
    assert months_since(period, "2026-06") == months


# ---------------------------------------------------------------- two sources for one cell


@pytest.fixture
def compared(tmp_path: Any) -> pd.DataFrame:
    survey = [{"time_period": year, "obs_value": 100.0} for year in ("2022", "2023", "2024")]
    census = [
        {"time_period": year, "obs_value": value, "source_id": "census"}
        for year, value in (("2022", 101.0), ("2023", 130.0), ("2024", None))
    ]
    model = [{"time_period": "2024", "obs_value": 95.0, "source_id": "model", "basis": "modelled_estimate"}]
    model.append({"time_period": "2023", "obs_value": 95.0, "source_id": "model", "basis": "projection"})
    with warehouse.open_for_writing(tmp_path / "w.duckdb", command="tests") as opened:
        opened.load_codelists(known_sources(), ())
        opened.append_observations(observations(*survey))
        opened.append_observations(observations(*census))
        opened.append_observations(observations(*model))
        return opened.compare_sources("MUS")


def test_each_pair_of_figures_for_one_cell_is_compared_once(compared: pd.DataFrame) -> None:
    shown = compared[["time_period", "source_id", "other_source_id", "relative_difference"]].values.tolist()
    assert shown == [
        ["2022", "survey", "census", 1.0],
        ["2023", "survey", "census", 30.0],
        ["2024", "survey", "model", -5.0],
    ]
    assert compared["observation_id"].str.match(r"[0-9a-f]{12}:\d+").all()


def test_pairs_are_summarised_with_their_largest_example(compared: pd.DataFrame) -> None:
    found = summarise_conflicts(compared, 5).set_index("other_source_id")
    assert found.loc["census", ["n_cells", "n_beyond", "median", "largest", "cell"]].tolist() == [
        2,
        1,
        15.5,
        30.0,
        "Employment, Manufacturing, 2023",
    ]
    assert found.loc["census", "other_value"] == 130.0
    assert found.index.tolist() == ["census", "model"]
    assert summarise_conflicts(compared.head(0), 5).empty


def test_cells_are_counted_once_kinds_of_basis_apart_and_copies_left_out(compared: pd.DataFrame) -> None:
    pairs = compared[["time_period", "other_source_id"]]
    again = compared.assign(other_source_id=pairs["other_source_id"] + "_again")
    copy = compared.assign(other_source_id="copy", relative_difference=0.0)
    lonely = copy.assign(time_period="1999")
    counted = count_cells(pd.concat([compared, again, copy, lonely], ignore_index=True), 5)
    assert counted[["is_mixed", "n_cells", "n_beyond"]].values.tolist() == [[False, 2, 1], [True, 1, 0]]
    assert count_cells(compared.head(0), 5).empty


def test_the_query_belongs_to_the_warehouse() -> None:
    assert (contracts.resource_root() / "warehouse" / "source_conflicts.sql").is_file()
