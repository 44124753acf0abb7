"""Gaps in hindsight: nothing after the origin is seen, what is judged and what is not, scores by hand, and table T18."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from test_balance import COUNTRY, make_observations

from lma.assessment.cells import Lineage
from lma.assessment.hindsight import hindsight_table
from lma.balance import hindsight
from lma.contracts import rule_set, table_contract

RULES = (rule_set("balance"), rule_set("rating"))
PREDICTED = [
    "gap_pc_q10",
    "gap_pc_q50",
    "gap_pc_q90",
    "probability",
    "rating",
    "naive_gap_pc",
    "past_growth_pc",
]
OBSERVATIONS = make_observations()


@pytest.fixture(scope="module")
def past() -> pd.DataFrame:
    return hindsight.hindcast_balances(OBSERVATIONS, [COUNTRY], [2018], RULES, 1)


def test_every_sector_and_the_country_are_judged(past: pd.DataFrame) -> None:
    assert list(past.columns) == table_contract("marts.past_balances").column_names
    assert len(past) == 15
    assert past["economic_activity"].iloc[0] == "_T"
    assert set(past["time_period"]) == {"2019-2023"}
    assert (
        past[["gap_pc_q10", "gap_pc_q50", "gap_pc_q90", "naive_gap_pc", "realised_gap_pc"]]
        .notna()
        .all(axis=None)
    )
    assert (past["gap_pc_q10"] <= past["gap_pc_q50"]).all() and (
        past["gap_pc_q50"] <= past["gap_pc_q90"]
    ).all()


def test_what_came_later_changes_only_what_is_realised(past: pd.DataFrame) -> None:
    later = OBSERVATIONS["time_period"].astype(int) > 2018
    moved = OBSERVATIONS["indicator"].isin(["EMP", "LF", "UNE_RT"]) & later
    other = OBSERVATIONS.assign(
        obs_value=OBSERVATIONS["obs_value"].where(~moved, OBSERVATIONS["obs_value"] * 1.3)
    )
    again = hindsight.hindcast_balances(other, [COUNTRY], [2018], RULES, 1)
    pd.testing.assert_frame_equal(again[PREDICTED], past[PREDICTED])
    assert (again["realised_gap_pc"] != past["realised_gap_pc"]).all()


def test_a_realised_gap_rises_with_the_employment_that_came(past: pd.DataFrame) -> None:
    grown = (OBSERVATIONS["economic_activity"] == "C") & (OBSERVATIONS["time_period"].astype(int) > 2018)
    other = OBSERVATIONS.assign(
        obs_value=OBSERVATIONS["obs_value"].where(~grown, OBSERVATIONS["obs_value"] * 1.5)
    )
    again = hindsight.hindcast_balances(other, [COUNTRY], [2018], RULES, 1)
    gaps = [frame.set_index("economic_activity").loc["C", "realised_gap_pc"] for frame in (past, again)]
    assert gaps[1] > gaps[0] + 20


@pytest.mark.parametrize(
    ("year", "expected"),
    [
        (2004, "NO_BASE: no complete employment of 2004"),
        (2023, "NO_OUTCOME: complete employment after 2023 ends in 2025, 3 years are needed"),
    ],
)
def test_an_origin_that_cannot_be_judged_says_why(year: int, expected: str) -> None:
    assert hindsight.find_origin(OBSERVATIONS, COUNTRY, year) == expected


def test_a_shorter_span_is_judged_and_projections_are_no_outcomes() -> None:
    found = hindsight.find_origin(OBSERVATIONS, COUNTRY, 2021)
    assert isinstance(found, hindsight.Origin) and found.period == "2022-2025"
    projected = OBSERVATIONS["time_period"].isin(["2024", "2025"]) & (OBSERVATIONS["indicator"] == "EMP")
    marked = OBSERVATIONS.assign(basis=OBSERVATIONS["basis"].where(~projected, "projection"))
    assert hindsight.find_origin(marked, COUNTRY, 2021) == (
        "NO_OUTCOME: complete employment after 2021 ends in 2023, 3 years are needed"
    )


def test_a_country_without_its_ingredients_has_one_row_with_the_reason() -> None:
    bare = OBSERVATIONS[OBSERVATIONS["indicator"] == "EMP"]
    row = hindsight.hindcast_balances(bare, [COUNTRY], [2018], RULES, 1)
    assert row["reason"].tolist() == [
        "NO_LABOUR_FORCE_BY_AGE: no labour force by sex and five-year age group"
    ]
    cells = hindsight_table("ARM", row, Lineage({}, {}))
    assert set(cells["reason"]) == {"NO_LABOUR_FORCE_BY_AGE: no labour force by sex and five-year age group"}


# ---------------------------------------------------------------- scores by hand


def gaps(**columns: list[object]) -> pd.DataFrame:
    """Sectors of one country and origin; predicted range is the median less and plus 3."""
    n = len(next(iter(columns.values())))
    frame = pd.DataFrame({"ref_area": "ARM", "origin_date": "2012", **columns}, index=range(n))
    middle = frame["gap_pc_q50"]
    return frame.assign(gap_pc_q10=middle - 3, gap_pc_q90=middle + 3)


def test_signs_by_hand() -> None:
    """Predicted +4, -2, +1, came +5, +1, -1: one sign of three right; errors 1, 3, 2; two inside, one on the edge."""
    rows = gaps(
        gap_pc_q50=[4.0, -2.0, 1.0],
        naive_gap_pc=[-1.0, -1.0, -1.0],
        realised_gap_pc=[5.0, 1.0, -1.0],
        probability=[0.9, 0.2, 0.6],
    )
    scores = hindsight.score_signs(rows)
    assert scores["sign_hit"] == pytest.approx(1 / 3)
    assert scores["naive_sign_hit"] == pytest.approx(1 / 3)
    assert (scores["mae"], scores["naive_mae"]) == (pytest.approx(2.0), pytest.approx(8 / 3))
    assert scores["coverage_80"] == 1.0
    assert scores["brier"] == pytest.approx((0.01 + 0.64 + 0.36) / 3)
    assert scores["base_brier"] == pytest.approx(2 / 9)


def test_ranks_by_hand() -> None:
    """Came 5 > 1 > -1; predicted 4 > 1 > -2 puts one of three pairs wrong; past growth has one tie, half a hit."""
    rows = gaps(gap_pc_q50=[4.0, -2.0, 1.0], realised_gap_pc=[5.0, 1.0, -1.0], past_growth_pc=[3.0, 3.0, 0.0])
    assert hindsight.score_ranks(rows) == {
        "n_pairs": 3,
        "rank_hit": pytest.approx(2 / 3),
        "naive_rank_hit": pytest.approx(2.5 / 3),
    }
    assert hindsight.score_ranks(rows.assign(past_growth_pc=[3.0, math.nan, 0.0]))["n_pairs"] == 1


def test_pairs_are_made_within_a_country_and_origin_only() -> None:
    rows = gaps(gap_pc_q50=[4.0, 1.0], realised_gap_pc=[5.0, 1.0], past_growth_pc=[1.0, 0.0])
    both = pd.concat([rows, rows.assign(ref_area="MUS"), rows.assign(origin_date="2015")])
    assert hindsight.score_ranks(both)["n_pairs"] == 3


def test_ratings_by_hand() -> None:
    """Two rated short, of which one came to 2 per cent or more; three of four came: recall a third."""
    rows = gaps(gap_pc_q50=[4.0, 9.0, 0.0, 0.0], realised_gap_pc=[5.0, 1.0, 2.0, 8.0]).assign(
        rating=["SHORTAGE", "SEVERE", "BALANCE", "WATCH"]
    )
    scores = hindsight.score_ratings(rows, RULES[1])
    assert scores == {"n_rated_short": 2, "precision": 0.5, "base_rate": 0.75, "recall": pytest.approx(1 / 3)}


def test_unemployment_by_hand() -> None:
    """Falls after a shortage and rises after a surplus are hits; a country without the rate is not counted."""
    rows = gaps(gap_pc_q50=[0.0] * 4).assign(
        flow_gap_pc=[4.0, -2.0, 1.0, 3.0],
        unemployment_change=[-1.0, -0.5, 2.0, math.nan],
        unemployment_change_before=[-1.0, 1.0, 1.0, 1.0],
    )
    scores = hindsight.score_unemployment(rows)
    assert scores == {
        "n": 3, "hit": pytest.approx(1 / 3), "naive_hit": pytest.approx(2 / 3), "majority_hit": pytest.approx(2 / 3),
    }  # fmt: skip


def test_unemployment_is_not_compared_across_a_break() -> None:
    origin = hindsight.find_origin(OBSERVATIONS, COUNTRY, 2019)
    assert isinstance(origin, hindsight.Origin)
    rates = pd.DataFrame(
        {
            "indicator": "UNE_RT",
            "time_period": [str(y) for y in range(2014, 2025)],
            "obs_value": np.arange(11.0),
        }
    )
    other = OBSERVATIONS[OBSERVATIONS["indicator"] != "UNE_RT"]
    rows = pd.concat(
        [
            other,
            other.iloc[: len(rates)].assign(
                **{c: rates[c].to_numpy() for c in rates}, sex="_T", age="_T", economic_activity="_T"
            ),
        ]
    )
    assert hindsight.measure_unemployment_change(rows, origin) == (5.0, 5.0)
    broken = rows.assign(is_break=(rows["indicator"] == "UNE_RT") & (rows["time_period"] == "2021"))
    assert hindsight.measure_unemployment_change(broken, origin) is None


# ---------------------------------------------------------------- the table


def test_table_shows_scores_with_the_country_and_every_sector(past: pd.DataFrame) -> None:
    leaves = {i: ("made_up", pd.Timestamp("2026-01-01").date()) for i in OBSERVATIONS["observation_id"]}
    inputs = dict(zip(past["past_balance_id"], past["inputs"], strict=True))
    cells = hindsight_table("ARM", past.sort_values("economic_activity"), Lineage(leaves, inputs))
    assert cells["row_id"].iloc[0] == "2018_T"
    shown = cells.set_index("address")
    assert len(set(cells["row_id"])) == 15
    sectors = past[past["economic_activity"] != "_T"]
    assert shown.loc["T18.2018_T.sign_hit", "value"] == pytest.approx(
        100 * hindsight.score_signs(sectors)["sign_hit"]
    )
    assert shown.loc["T18.2018_C.sign_hit", "symbol"] == "[z]"
    right = np.sign(past["gap_pc_q50"]) == np.sign(past["realised_gap_pc"])
    assert shown.loc["T18.2018_T.sign", "text"] == ("yes" if right.iloc[0] else "no")
    assert (cells["value"].notna() | cells["text"].notna() | cells["reason"].notna()).all()
