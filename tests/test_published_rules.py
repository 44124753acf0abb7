"""COPS-style and JSA-style rules: independent oracles, properties, reasons for what cannot be rated.

Their golden cases stand with those of the other rule sets (tests/test_shortages.py).
"""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lma.contracts import rule_set, table_contract
from lma.errors import InputError
from lma.shortages import TABLE_RULE_SETS
from lma.shortages.cops import (
    COPS_MATRIX,
    MATRIX_ROW,
    Cuts,
    gap_percent,
    grade_gap,
    move_condition,
    read_cuts,
)
from lma.shortages.indicators import read_indicator_table
from lma.shortages.jsa import DRIVER_OPTIONS, DRIVERS, fill_rate, find_drivers, route_options

COPS, JSA = rule_set("cops"), rule_set("jsa")
CUTS = read_cuts(COPS)
GAPS = st.floats(-100, 100, allow_nan=False)
GRADES = st.integers(-2, 2)


def rate_table(method: str, columns: dict[str, list[object]]) -> pd.DataFrame:
    rules = rule_set(method)
    return TABLE_RULE_SETS[method](read_indicator_table(pd.DataFrame(columns), rules), rules)


def scores_of(rated: pd.DataFrame) -> pd.DataFrame:
    return rated[rated["indicator"] == "_SCORE"].set_index("occupation")


# ---------------------------------------------------------------- COPS


def move_by_hand(recent: int, gap: float, cuts: Cuts) -> int:
    """The rule as a reader would write it down, case by case."""
    if recent == 0:
        if gap >= cuts.strong:
            return 2
        if gap >= cuts.emerging:
            return 1
        if gap <= -cuts.strong:
            return -2
        return -1 if gap <= -cuts.emerging else 0
    if recent < 0:
        return -move_by_hand(-recent, -gap, cuts)
    if gap >= cuts.deepening:
        return min(recent + 1, 2)
    return recent - 1 if gap <= -cuts.easing else recent


@settings(deadline=None)
@given(GRADES, GAPS)
def test_movement_is_the_one_written_down(recent: int, gap: float) -> None:
    found = move_condition(np.array([float(recent)]), np.array([gap]), CUTS)
    assert found.tolist() == [move_by_hand(recent, gap, CUTS)]


@settings(deadline=None)
@given(GRADES, GAPS, st.floats(0, 100))
def test_a_larger_gap_is_never_less_shortage(recent: int, gap: float, more: float) -> None:
    gaps = np.array([gap, gap + more])
    grades = move_condition(np.full(2, float(recent)), gaps, CUTS)
    assert grades[1] >= grades[0]
    alone = grade_gap(gaps, CUTS.emerging, CUTS.strong)
    assert alone[1] >= alone[0]


@settings(max_examples=8, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 900), st.integers(0, 900), GRADES), min_size=2, max_size=5),
    st.integers(1, 900),
    st.integers(1, 9),
)
def test_more_openings_never_less_shortage_and_no_other_unit_moves(
    units: list[tuple[int, int, int]], more: int, factor: int
) -> None:
    openings, seekers, recent = (list(column) for column in zip(*units, strict=True))

    def grades(opened: list[int], scale: int = 1) -> list[float]:
        columns = {
            "unit": [f"u{k}" for k in range(len(units))],
            "OPENINGS_SUM": [scale * o for o in opened],
            "SEEKERS_SUM": [scale * s for s in seekers],
            "EMP_BASE": [scale * 1000] * len(units),
            "SHORTAGE_NOW_COPS": recent,
        }
        return scores_of(rate_table("cops", columns))["points"].tolist()

    before, after = grades(openings), grades([openings[0] + more, *openings[1:]])
    assert math.isnan(before[0]) or after[0] >= before[0]
    assert after[1:] == pytest.approx(before[1:], nan_ok=True)
    assert grades(openings, factor) == pytest.approx(before, nan_ok=True)


def test_a_strong_cut_below_the_moderate_one_waits_for_it() -> None:
    gaps = np.array([4.0, 6, 9, 10, -10])
    assert grade_gap(gaps, moderate=10, strong=5).tolist() == [0, 0, 0, 2, -2]


def test_gap_is_missing_where_there_is_nothing_to_compare() -> None:
    openings = np.array([0.0, 5, 5, np.nan, 5, -4])
    seekers = np.array([0.0, 5, 5, 5, 0, -2])
    employment = np.array([10.0, 0, -1, 10, 10, 10])
    np.testing.assert_array_equal(
        gap_percent(openings, seekers, employment), [np.nan, np.nan, np.nan, np.nan, 50, -20]
    )
    assert np.isnan(move_condition(np.array([2.0]), np.array([np.nan]), CUTS)).all()


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ((0, 0, 1000, 1), "NO_FLOWS: neither openings nor seekers"),
        ((300, 100, 0, 1), "NO_EMPLOYMENT: employment of the base year is 0"),
        (("", "", 1000, 1), "INSUFFICIENT_INDICATORS: missing OPENINGS_SUM, SEEKERS_SUM"),
        ((300, 100, 1000, ""), "PROJECTED_ONLY: no recent condition"),
        ((300, 100, 1000, 7), "PROJECTED_ONLY: 7 is no grade from -2 to 2"),
    ],
)
def test_cops_says_why(row: tuple[object, ...], reason: str) -> None:
    names = ("unit", "OPENINGS_SUM", "SEEKERS_SUM", "EMP_BASE", "SHORTAGE_NOW_COPS")
    columns = {name: [cell] for name, cell in zip(names, ("a", *row), strict=True)}
    assert scores_of(rate_table("cops", columns))["reason"].tolist() == [reason]


def test_matrix_is_complete_and_never_milder_where_the_gap_is_larger() -> None:
    order = ("SURPLUS", "BALANCE", "WATCH", "SHORTAGE", "SEVERE")
    assert set(COPS_MATRIX) == {(r, p) for r in MATRIX_ROW.values() for p in order}
    for recent in set(MATRIX_ROW.values()):
        ranks = [order.index(COPS_MATRIX[recent, projected]) for projected in order]
        assert ranks == sorted(ranks)


# ---------------------------------------------------------------- JSA


def test_fill_rate_needs_sound_counts() -> None:
    assert fill_rate(30, 60) == 50
    assert all(math.isnan(fill_rate(*counts)) for counts in [(0, 0), (3, 2), (-1, 5), (math.nan, 5), (1, -5)])


NUMBERS = st.one_of(st.just(math.nan), st.floats(0, 20))


@settings(deadline=None)
@given(NUMBERS, NUMBERS, NUMBERS, NUMBERS, NUMBERS)
def test_drivers_follow_their_definitions(
    q: float, s: float, years: float, stay: float, usual: float
) -> None:
    values = pd.Series(
        {"QUALIFIED_PER_VACANCY": q, "SUITABLE_PER_VACANCY": s, "TRAINING_YEARS": years, "RETENTION_RT": stay}
    )
    found = {driver: holds for driver, (holds, _) in find_drivers(values, usual, JSA).items()}
    few = q < JSA.threshold("few_qualified")
    training = (found["LONG_TRAINING"], found["SHORT_TRAINING"])
    if math.isnan(q) or (few and math.isnan(years)):
        assert training == (None, None)
    else:
        long = years >= JSA.threshold("long_training_years")
        assert training == (few and long, few and not long)
    if few:
        assert found["SUITABILITY"] is False
    elif not math.isnan(q + s):
        assert found["SUITABILITY"] == (s < JSA.threshold("suitable_share") * q)
    assert found["RETENTION"] == (None if math.isnan(stay + usual) else stay < usual)


@settings(max_examples=15, deadline=None)
@given(st.integers(10, 500), st.integers(0, 500), st.integers(1, 100))
def test_more_advertised_at_the_same_hires_is_never_less_shortage(n: int, filled: int, more: int) -> None:
    filled = min(filled, n)
    columns = {"unit": ["a", "b"], "VACANCIES_FILLED": [filled] * 2, "VACANCIES_ADVERTISED": [n, n + more]}
    ratings = scores_of(rate_table("jsa", columns))["rating"].tolist()
    assert ratings != ["SHORTAGE", "NONE"] and "N" not in ratings


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ((0, 0, ""), "NO_VACANCIES: 0 advertised"),
        ((60, 50, ""), "OUT_OF_RANGE: 60 filled of 50 advertised"),
        ((5, 9, ""), "TOO_FEW_VACANCIES: 9 of at least 10 advertised"),
        (("", 9, 0), "TOO_FEW_VACANCIES: 9 of at least 10 advertised"),
        (("", "", 120), "OUT_OF_RANGE: a fill rate of 120 per cent, expected 0 to 100"),
        ((5, "", ""), "INSUFFICIENT_INDICATORS: missing FILL_RATE, or VACANCIES_ADVERTISED"),
    ],
)
def test_jsa_says_why(row: tuple[object, ...], reason: str) -> None:
    names = ("unit", "VACANCIES_FILLED", "VACANCIES_ADVERTISED", "FILL_RATE")
    rated = rate_table("jsa", {name: [cell] for name, cell in zip(names, ("a", *row), strict=True)})
    assert scores_of(rated)["reason"].tolist() == [reason]
    drivers = rated[rated["indicator"].isin(DRIVERS)]
    assert drivers["points"].isna().all() and set(drivers["reason"]) == {"NOT_RATED: no usable fill rate"}


def test_retention_is_set_against_the_economy_or_the_mean_of_units() -> None:
    columns = {"unit": ["a", "b"], "FILL_RATE": [50, 50], "RETENTION_RT": [60, 80]}
    alone = rate_table("jsa", columns).query("indicator == 'RETENTION'")["points"].tolist()
    economy = {
        key: [*cells, extra] for (key, cells), extra in zip(columns.items(), ("_T", "", 90), strict=True)
    }
    beside = rate_table("jsa", economy).query("indicator == 'RETENTION'")["points"].tolist()
    assert (alone, beside) == ([1, 0], [1, 1])


def test_every_driver_routes_to_an_option() -> None:
    assert set(DRIVER_OPTIONS) == set(DRIVERS) and all(DRIVER_OPTIONS.values())
    assert route_options(["LONG_TRAINING", "SHORT_TRAINING", "RETENTION"]) == ("TRAIN", "MIGRATE", "PAY")
    assert route_options([]) == ()


# ---------------------------------------------------------------- both


@pytest.mark.parametrize("method", ["cops", "jsa"])
def test_rows_follow_the_contract(method: str) -> None:
    first = rule_set(method).indicators[0].id
    rated = rate_table(method, {"unit": ["b", "a", "_T"], first: [1, "", 3]})
    contract = table_contract("marts.shortages")
    assert list(rated.columns) == contract.column_names and rated["shortage_id"].is_unique
    assert not rated.duplicated(contract.primary_key).any() and "_T" not in set(rated["occupation"])
    assert {i for inputs in scores_of(rated)["inputs"] for i in inputs} <= set(rated["shortage_id"])
    assert scores_of(rated).index.tolist() == ["a", "b"] and scores_of(rated)["rating"].notna().all()


@pytest.mark.parametrize("method", ["cops", "jsa"])
def test_order_of_units_does_not_matter(method: str) -> None:
    names = [i.id for i in rule_set(method).indicators]
    table = pd.DataFrame(
        {"unit": list("abc"), **{n: [10.0 * k + j for j in range(3)] for k, n in enumerate(names)}}
    )
    rules = rule_set(method)
    one, other = (
        TABLE_RULE_SETS[method](read_indicator_table(t, rules), rules) for t in (table, table.iloc[::-1])
    )
    pd.testing.assert_frame_equal(one, other)


@pytest.mark.parametrize("method", ["cops", "jsa"])
def test_only_the_economy_gives_no_rating(method: str) -> None:
    first = rule_set(method).indicators[0].id
    rated = rate_table(method, {"unit": ["_T"], first: [1]})
    assert rated.empty and list(rated.columns) == table_contract("marts.shortages").column_names


def test_a_table_of_another_rule_set_is_refused_in_words() -> None:
    with pytest.raises(InputError, match="no indicator of rule set 'cops'.*OPENINGS_SUM"):
        rate_table("cops", {"unit": ["a"], "FILL_RATE": [50]})
