"""What newer vintages changed: direction and size of each revision, and the bias of first figures."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from observation_builder import known_sources, observations
from world_builder import World, run_lma

from flows.revisions import explain_none, judge_bias, leave_out_rounding
from lma.warehouse import Warehouse, open_for_writing

DAYS = [dt.date(2020, 1, 1), dt.date(2021, 1, 1), dt.date(2022, 1, 1)]


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[Warehouse]:
    with open_for_writing(tmp_path / "lma.duckdb") as opened:
        opened.load_codelists(known_sources(), [])
        yield opened


def load(warehouse: Warehouse, *values: tuple[str, int, float | None]) -> None:
    """Figures of one source: time period, number of the vintage, value."""
    rows = (
        {
            "time_period": period,
            "as_of": DAYS[day],
            "obs_value": value,
            "obs_status": "M" if value is None else "A",
        }
        for period, day, value in values
    )
    warehouse.append_observations(observations(*rows))


def test_revision_says_direction_and_relative_change(warehouse: Warehouse) -> None:
    changed = [
        ("2015", 0, 50.0),
        ("2015", 1, 60.0),
        ("2016", 0, -4.0),
        ("2016", 1, -5.0),
        ("2019", 0, 0.0),
        ("2019", 1, 2.0),
    ]
    lacking = [("2017", 0, 8.0), ("2017", 2, None), ("2018", 0, None), ("2018", 2, 3.0), ("2020", 1, 9.0)]
    load(warehouse, *changed, *lacking)
    warehouse.build_revisions()
    found = warehouse.read("marts.revisions").set_index("time_period")
    assert found["direction"].to_dict() == {
        "2015": "up", "2016": "down", "2017": "withdrawn", "2018": "supplied", "2019": "up",
    }  # fmt: skip
    assert found.loc[["2015", "2016"], "relative_change"].tolist() == [20.0, -25.0]
    assert found.loc[["2017", "2018", "2019"], "relative_change"].isna().all()


def test_sources_are_bounded_one_by_one(warehouse: Warehouse) -> None:
    load(warehouse, ("2015", 0, 50.0), ("2015", 1, 60.0), ("2015", 2, 70.0))
    warehouse.build_observations(DAYS[0], {"survey": DAYS[1]})
    assert warehouse.read("marts.observations")["obs_value"].tolist() == [60.0]
    warehouse.build_observations(DAYS[2], {"survey": DAYS[0], "census": DAYS[2]})
    assert warehouse.read("marts.observations")["obs_value"].tolist() == [50.0]
    assert warehouse.build_revisions(DAYS[0], {"survey": DAYS[1]}) == 1


def test_summary_compares_first_with_latest_and_counts_what_did_not_change(warehouse: Warehouse) -> None:
    thrice = [("2015", 0, 100.0), ("2015", 1, 300.0), ("2015", 2, 110.0)]
    load(
        warehouse,
        *thrice,
        ("2016", 0, 100.0),
        ("2016", 2, 100.0),
        ("2017", 0, 50.0),
        ("2017", 1, 65.0),
        ("2018", 0, 1.0),
    )
    found = warehouse.summarise_revisions(["MUS"]).set_index("indicator")
    assert set(found.index) == {"_T", "EMP"}
    row = found.loc["EMP"]
    assert (row["n_pairs"], row["n_revised"], row["share_up"]) == (3, 2, 100.0)
    assert row["mean_revision"] == pytest.approx(25 / 3) and row["mean_relative"] == pytest.approx(40 / 3)
    relative = pd.Series([10.0, 0.0, 30.0])
    assert row["bias_t"] == pytest.approx(relative.mean() / (relative.std() / 3**0.5))
    assert (
        pd.isna(found.loc["_T", "mean_revision"]) and found.loc["_T", "mean_relative"] == row["mean_relative"]
    )
    assert warehouse.summarise_revisions(["ARM"]).empty
    later = warehouse.summarise_revisions(["MUS"], DAYS[1]).set_index("indicator")
    assert later.loc["EMP", "n_pairs"] == 2
    earlier = warehouse.summarise_revisions(["MUS"], as_of=DAYS[1]).set_index("indicator")
    assert earlier.loc["EMP", "mean_revision"] == pytest.approx((200 + 15) / 2)


@pytest.mark.parametrize(
    ("n_pairs", "n_revised", "t", "words"),
    [
        (9, 9, 5.0, "fewer than 10 pairs"),
        (10, 0, float("nan"), "never revised"),
        (10, 5, 2.0, "first figure low"),
        (10, 5, -2.5, "first figure high"),
        (10, 5, 1.9, "no clear bias"),
    ],
)
def test_bias_is_named(n_pairs: int, n_revised: int, t: float, words: str) -> None:
    factors = {"median_factor": 1.0, "low_factor": 0.9, "high_factor": 1.1}
    assert judge_bias({"n_pairs": n_pairs, "n_revised": n_revised, "bias_t": t, **factors}) == words


@pytest.mark.parametrize(
    ("factors", "words"),
    [
        ((1.2, 1.18, 1.22), "rebased or rescaled, x 1.200"),
        ((0.001, 0.001, 0.001), "rebased or rescaled, x 0.001"),
        ((1.2, 1.17, 1.23), "first figure low"),  # too far apart for one factor
        ((1.04, 1.04, 1.04), "first figure low"),  # too near to 1
    ],
)
def test_a_common_factor_is_no_bias(factors: tuple[float, float, float], words: str) -> None:
    row = dict(zip(("median_factor", "low_factor", "high_factor"), factors, strict=True))
    assert judge_bias({"n_pairs": 30, "n_revised": 30, "bias_t": 9.0, **row}) == words


def test_movements_below_rounding_are_left_out_of_the_largest() -> None:
    rows = pd.DataFrame(
        {
            "indicator": ["EMP", "EMP", "UNE_RT", "UNE_RT"],
            "previous_value": [100.2, 100.2, 7.8201, 7.82],
            "value": [100.4, 101.4, 7.8202, 8.82],
        }
    )
    assert leave_out_rounding(rows).index.tolist() == [1, 3]


@pytest.mark.parametrize(
    ("after", "words"),
    [
        (
            dt.date(2026, 1, 1),
            "no file in the warehouse has a vintage after 2026-01-01: the newest is of 2025-12-17",
        ),
        (dt.date(2025, 1, 1), "no source has two vintages of one figure with the later one after 2025-01-01"),
        (None, "no source has two vintages of one figure"),
    ],
)
def test_why_nothing_was_revised(after: dt.date | None, words: str) -> None:
    assert explain_none([dt.date(2018, 8, 1), dt.date(2025, 12, 17)], after) == words


def test_largest_revisions_of_the_sample(world: World, tmp_path: Path) -> None:
    """Armenia's labour force of 2002 rose by 15 % between the World Bank's editions of 2018 and 2025."""
    table = tmp_path / "revisions.csv"
    outcome = run_lma("revisions", "MUS", "ARM", "--out", table, folder=world.folder)
    assert outcome.code == 0, outcome.err
    assert "wdi_labour, largest by persons:" in outcome.out and "first figure low" in outcome.out
    found = pd.read_csv(table, dtype={"time_period": str})
    chosen = found[
        (found["ref_area"] == "ARM") & (found["indicator"] == "LF") & (found["time_period"] == "2002")
    ]
    row = chosen[chosen["source_id"] == "wdi_labour"].iloc[0]
    assert (row["previous_value"], row["value"], row["change"]) == (1294489, 1491404, 196915)
    assert row["relative_change"] == pytest.approx(15.2118, abs=1e-4) and row["direction"] == "up"
    recent = run_lma("revisions", "ARM", "--after", "2025-12-31", folder=world.folder)
    assert recent.code == 0 and "arm_gdp_quarter" in recent.out and "wdi_labour" not in recent.out
