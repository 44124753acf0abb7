"""Corridors: affinity, safe pool and match size, registers, T8, gravity. Golden cases: tests/cases/{affinity,match}."""

from __future__ import annotations

import datetime as dt
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lma.assessment.cells import Lineage
from lma.assessment.corridors import corridor_table
from lma.contracts import Country, codelist, rule_set, table_contract
from lma.errors import UsageError
from lma.migration.affinity import PARTS, measure_affinity, weigh_parts
from lma.migration.agreements import (
    BINDING,
    compute_recruitment_cost,
    describe_origin_cost,
    find_agreement,
    find_recruitment_cost,
    find_shortage_list,
)
from lma.migration.corridors import list_corridors, rank_corridors
from lma.migration.gaps import Gap
from lma.migration.gravity import CIRCUMSTANCES, LAGGED, build_panel, fit_gravity, score_corridors
from lma.migration.matching import compute_match, compute_safe_pool, match_corridors
from lma.migration.safeguards import compute_emigration_rate, grade_drain, list_flags, shared_blocs

CASES = Path(__file__).parent / "cases"
RULES = rule_set("corridors")
WEIGHTS = {  # written down a second time, so that a changed weight is noticed
    "surplus": 0.2, "shortage": 0.2, "stock": 0.2, "language": 0.1, "wage": 0.1, "distance": 0.1, "agreement": 0.05, "cost": 0.05,
}  # fmt: skip


def list_cases(method: str) -> list[Path]:
    return sorted((CASES / method).iterdir())


def read_line(path: Path) -> dict[str, str]:
    return dict(pd.read_csv(path, dtype=str, keep_default_na=False).iloc[0])


def number(text: str) -> float | None:
    return float(text) if text else None


def complete(frame: pd.DataFrame, table: str, **defaults: object) -> pd.DataFrame:
    columns = table_contract(table).column_names
    return frame.assign(**{name: defaults.get(name) for name in columns if name not in frame})[columns]


# ---------------------------------------------------------------- golden cases


@pytest.mark.parametrize("folder", list_cases("affinity"), ids=lambda folder: folder.name)
def test_affinity_case(folder: Path) -> None:
    given_, expected = read_line(folder / "in.csv"), read_line(folder / "out.csv")
    found = measure_affinity(
        RULES, origin_rating=given_["origin_rating"] or None, destination_rating=given_["destination_rating"] or None,
        stock=number(given_["stock"]), largest_stock=float(given_["largest_stock"]), language=number(given_["language"]),
        wage_ratio=number(given_["wage_ratio"]), distance=number(given_["distance"]), agreement=given_["agreement"] == "1",
        cost=number(given_["cost"]),
    )  # fmt: skip
    for name in PARTS:
        assert found.parts[name] == pytest.approx(number(expected[name]), abs=1e-6), name
    assert found.score == pytest.approx(number(expected["score"]), abs=1e-5)


def build_balances(case: dict[str, str]) -> pd.DataFrame:
    rows = [
        {
            "balance_id": f"B:IND:{level}", "ref_area": "IND", "economic_activity": "C", "output_type_id": level,
            "time_period": f"2026-{2025 + int(case['years'])}", "value": float(case[column]),
        }
        for level, column in (("0.1", "q10"), ("0.5", "q50"), ("0.9", "q90"))
        if case[column]
    ]  # fmt: skip
    columns = ["balance_id", "ref_area", "economic_activity", "output_type_id", "time_period", "value"]
    return complete(
        pd.DataFrame(rows, columns=columns), "marts.balances", scenario="baseline", occupation="_T", measure="GAP",
        output_type="quantile", unit_measure="PS", basis="projection",
    )  # fmt: skip


def build_decisions(case: dict[str, str]) -> pd.DataFrame:
    steps = [
        {"step_id": "D4", "inputs": ["B:MUS:C", "0123456789ab:7"], "reason_code": None},
        {"step_id": "D7", "inputs": ["C:MUS:MDG:MUS:C"], "reason_code": None},
        {"step_id": "D8", "inputs": ["C:MUS:IND:MUS:C"], "reason_code": None},
        {
            "step_id": "RESULT", "inputs": ["D:MUS:C:D4"], "reason_code": None if case["need"] else "ACTIVATE_TRAIN",
            "value": number(case["need"]), "value_low": number(case["need_low"]), "value_high": number(case["need_high"]),
        },
    ]  # fmt: skip
    frame = pd.DataFrame(steps).assign(ref_area="MUS", economic_activity="C", occupation="_T")
    return complete(frame, "marts.decisions")


def build_corridor(case: dict[str, str]) -> pd.DataFrame:
    row = {
        "corridor_id": "C:MUS:IND:MUS:C", "origin": "IND", "destination": "MUS", "economic_activity": "C", "ref_area": "MUS",
        "rank": 1, "n_parts": 5, "origin_rating": case["origin_rating"], "recommended": case["recommended"],
        "quota": number(case["quota_a_year"]), "flags": [], "unchecked": [], "inputs": ["S:1"], "step": "stock known",
        "basis": "reported", "drain": "NOT_ASSESSED", "agreement": "none in the register",
    }  # fmt: skip
    return complete(pd.DataFrame([row]), "marts.corridors")


@pytest.mark.parametrize("folder", list_cases("match"), ids=lambda folder: folder.name)
def test_match_case(folder: Path) -> None:
    case, expected = read_line(folder / "in.csv"), read_line(folder / "out.csv")
    matched = match_corridors(
        build_corridor(case), balances=build_balances(case), decisions=build_decisions(case)
    )
    found = matched.iloc[0]
    columns = {
        "pool": "safe_pool",
        "match": "match_size",
        "match_low": "match_low",
        "match_high": "match_high",
    }
    for name in ("pool_low", "pool", "pool_high", "match_low", "match", "match_high"):
        column = columns.get(name, name.replace("pool", "safe_pool"))
        wanted = number(expected[name])
        assert found[column] == pytest.approx(math.nan if wanted is None else wanted, nan_ok=True), name
    assert expected["reason_contains"] in found["match_reason"]
    # A number never rests on itself: what the corridor is decided by (D8) is not among its inputs.
    assert not any(one.startswith(("C:", "D:")) for one in found["inputs"])


def test_match_traces_to_the_balance_and_to_what_the_need_rests_on() -> None:
    case = read_line(CASES / "match" / "01_the_need_bounds" / "in.csv")
    matched = match_corridors(
        build_corridor(case), balances=build_balances(case), decisions=build_decisions(case)
    )
    ids = list(matched.iloc[0]["inputs"])
    assert ids == ["S:1", "B:IND:0.1", "B:IND:0.5", "B:IND:0.9", "B:MUS:C", "0123456789ab:7"]


def test_sdg_10_7_1_golden() -> None:
    """Ratios 0, 1, 1.6, 3 and 5 months: mean 2.12, median 1.6, upper bound of the fourth quintile 3.4."""
    costs, earnings = [0, 300, 640, 600, 2500], [200, 300, 400, 200, 500]
    for statistic, months in (("mean", 2.12), ("median", 1.6), ("quintile4", 3.4)):
        assert compute_recruitment_cost(costs, earnings, statistic) == pytest.approx(months)


@pytest.mark.parametrize(
    ("costs", "earnings", "statistic", "words"),
    [
        ([], [], "mean", "0 costs"), ([1], [1, 2], "mean", "2 earnings"), ([-1], [1], "mean", "above zero"),
        ([1], [0], "mean", "above zero"), ([1], [1], "mode", "'mode'"),
    ],
)  # fmt: skip
def test_recruitment_cost_refuses_what_gives_no_ratio(
    costs: list[float], earnings: list[float], statistic: str, words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        compute_recruitment_cost(costs, earnings, statistic)


def test_tertiary_emigration_rate_and_its_grades() -> None:
    assert compute_emigration_rate(25, 75) == 0.25
    grades = {0.0: "NONE", 0.10: "NONE", 0.11: "AMBER", 0.20: "AMBER", 0.21: "RED"}
    assert {rate: grade_drain(rate, RULES) for rate in grades} == grades
    assert grade_drain(None, RULES) == "NOT_ASSESSED"
    for counts in ((0, 0), (-1, 5), (5, -1)):
        with pytest.raises(UsageError, match="no emigration rate"):
            compute_emigration_rate(*counts)


# ---------------------------------------------------------------- registers


def test_registers_say_source_and_how_far_each_row_was_checked() -> None:
    areas = set(codelist("areas")["area"])
    for name in ("bilateral_agreements", "mobility_blocs", "shortage_lists", "recruitment_costs"):
        register = codelist(name)
        assert set(register["verified"]) <= {"primary", "secondary", "memory"}, name
        assert register[("reference" if name == "mobility_blocs" else "source")].str.len().gt(10).all(), name
    agreements = codelist("bilateral_agreements")
    assert agreements["agreement_id"].is_unique
    assert set(agreements["type"]) <= BINDING | {"declaration"}
    assert {*agreements["origin"], *agreements["destination"], *codelist("mobility_blocs")["area"]} <= areas
    for column in ("signed", "in_force", "expires", "source_date"):
        for day in agreements[column]:
            assert not day or dt.date.fromisoformat(day), column


def test_blocs_with_and_without_free_movement() -> None:
    assert shared_blocs("ARM", "RUS") == ["EAEU"]
    assert shared_blocs("QAT", "ARE") == ["GCC"]
    assert shared_blocs("GHA", "NGA") == ["ECOWAS"]
    assert shared_blocs("BFA", "NGA") == ["ECOWAS"]  # left in 2025, free movement kept until further notice
    assert shared_blocs("MDG", "MUS") == []
    assert shared_blocs("MDG", "MUS", "planned") == ["COMESA", "SADC"]
    assert shared_blocs("POL", "DEU") == ["EEA"]
    assert list_flags("MDG", "MUS", "C", None) == []


def test_agreements_of_the_two_worked_countries() -> None:
    nepal = find_agreement("NPL", "MUS")
    assert nepal.concluded and "2019-06-11" in nepal.text and "employer pays" in nepal.text
    assert not find_agreement("BGD", "MUS").concluded and not find_agreement("MDG", "MUS").concluded
    assert find_agreement("MUS", "FRA").quota == 850
    assert find_agreement("ARM", "BGR").concluded and not find_agreement("ARM", "POL").concluded
    assert find_agreement("ARM", "POL").text.startswith("declaration")
    assert find_agreement("LKA", "MUS").text == "none in the register"


def test_the_union_wide_list_applies_to_third_countries_only() -> None:
    assert "2026/1047" in (find_shortage_list("ARM", "DEU") or "")
    assert find_shortage_list("POL", "DEU") is None
    assert find_shortage_list("IND", "MUS") is None


def test_what_is_agreed_later_is_not_seen() -> None:
    assert find_agreement("NPL", "MUS", "2018").text == "none in the register"
    assert find_agreement("NPL", "MUS", "2019").concluded
    assert find_agreement("MDG", "MUS", "2025").text == "none in the register"
    assert find_shortage_list("ARM", "DEU", "2025") is None
    assert find_shortage_list("ARM", "DEU", "2026")
    assert find_shortage_list("ARM", "DEU", "2026-04-28") is None  # the day before
    assert find_agreement("ARM", "ARE", "2022-12-13").text == "none in the register"
    assert find_agreement("ARM", "ARE", "2022-12-14").concluded
    assert "date not read" in find_agreement("ARM", "QAT", "2010").text
    assert shared_blocs("ARM", "RUS", "free", "2014-12-31") == []
    assert shared_blocs("ARM", "RUS", "free", "2015-01-01") == ["EAEU"]
    assert describe_origin_cost("BGD", "2019-12-31") is None


def test_the_cost_of_all_destinations_stands_for_no_corridor() -> None:
    assert find_recruitment_cost("BGD", "MUS") is None
    assert "17.6 months" in (describe_origin_cost("BGD") or "")
    assert describe_origin_cost("IND") is None


# ---------------------------------------------------------------- the list of corridors


def observe(rows: list[tuple[str, str, str, str, str, float]], source_id: str = "case") -> pd.DataFrame:
    frame = pd.DataFrame(
        rows, columns=["indicator", "ref_area", "counterpart_area", "sex", "time_period", "obs_value"]
    )
    frame = frame.assign(observation_id=[f"0123456789ab:{row}" for row in range(1, len(frame) + 1)])
    return complete(
        frame, "marts.observations", basis="reported", basis_kind="reported", source_id=source_id, as_of=dt.date(2026, 1, 1),
        occupation="_T", age="_T", economic_activity="_T", citizenship="_T", obs_status="A", is_break=False,
    )  # fmt: skip


ROWS = [
    ("MIG_STOCK", "MUS", "IND", "_T", "2019", 8741.0), ("MIG_STOCK", "MUS", "IND", "F", "2019", 2000.0),
    ("MIG_STOCK", "MUS", "MDG", "_T", "2019", 2298.0), ("MIG_STOCK", "MUS", "_T", "_T", "2019", 28893.0),
    ("DIST", "MUS", "IND", "_T", "2011", 5828.0), ("DIST", "MUS", "MDG", "_T", "2011", 1100.0),
    ("COMMON_LANGUAGE_OFF", "MUS", "IND", "_T", "2011", 1.0), ("COMMON_LANGUAGE_OFF", "MUS", "MDG", "_T", "2011", 1.0),
    ("GDP_PC_PPP", "MUS", "_Z", "_T", "2023", 30000.0), ("GDP_PC_PPP", "IND", "_Z", "_T", "2023", 10000.0),
    ("EARN_PPP", "MUS", "_Z", "_T", "2022", 1500.0), ("EARN_PPP", "IND", "_Z", "_T", "2020", 500.0),
    ("EARN_PPP", "MDG", "_Z", "_T", "2012", 100.0), ("UNE_RT", "IND", "_Z", "_T", "2023", 4.0),
]  # fmt: skip
MAURITIUS = Country(ref_area="MUS", label="Mauritius", role="destination", partners=["IND", "MDG", "NPL"])


def rate(**ratings: str) -> pd.DataFrame:
    """Triangulated ratings, such as MUS_C="SHORTAGE"."""
    rows = [
        {"ref_area": key[:3], "economic_activity": key[4:], "rating": value, "shortage_id": f"S:{key}"}
        for key, value in ratings.items()
    ]
    frame = pd.DataFrame(rows, columns=["ref_area", "economic_activity", "rating", "shortage_id"])
    return complete(
        frame, "marts.shortages", method="rating", indicator="_SCORE", occupation="_T", basis="projection"
    )


def list_for(country: Country, observations: pd.DataFrame, **ratings: str) -> pd.DataFrame:
    return list_corridors(country, observations=observations, shortages=rate(**ratings), as_of_year=2026)


def test_a_row_has_the_circumstances_of_its_pair() -> None:
    found = list_for(MAURITIUS, observe(ROWS), MUS_C="SHORTAGE", IND_C="SURPLUS")
    row = found[(found["origin"] == "IND") & (found["economic_activity"] == "C")].iloc[0]
    assert (row["stock"], row["stock_women"], row["distance"], row["common_language"]) == (
        8741,
        2000,
        5828,
        1,
    )
    assert (row["wage_ratio"], row["gdp_pc_ratio"], row["recommended"], row["rank"]) == (3, 3, "CANDIDATE", 1)
    assert row["unchecked"] == ["SKILLED_DRAIN"]
    whole = found[(found["origin"] == "IND") & (found["economic_activity"] == "_T")].iloc[0]
    assert whole["share"] == pytest.approx(100 * 8741 / 28893)
    assert pd.isna(row["share"])
    nepal = found[(found["origin"] == "NPL") & (found["economic_activity"] == "C")].iloc[0]
    assert pd.isna(nepal["stock"]) and "ORIGIN_SHORTAGE" in nepal["unchecked"]
    madagascar = found[found["origin"] == "MDG"].iloc[0]
    assert pd.isna(madagascar["wage_ratio"])  # 2012 and 2022 lie too far apart


def test_tertiary_emigration_raises_its_flag_where_it_is_known() -> None:
    more = [
        ("EMIG_TERTIARY", "IND", "_Z", "_T", "2020", 30.0),
        ("POP_TERTIARY", "IND", "_Z", "_T", "2020", 70.0),
    ]
    found = list_for(MAURITIUS, observe([*ROWS, *more]), MUS_C="SHORTAGE", IND_C="SURPLUS")
    row = found[(found["origin"] == "IND") & (found["economic_activity"] == "C")].iloc[0]
    assert (row["drain"], row["emigration_rate"], row["flags"]) == ("RED", 30, ["SKILLED_DRAIN_RED"])
    assert row["unchecked"] == []


def test_an_origin_sees_what_it_has_too_many_for_and_who_is_short() -> None:
    armenia = Country(ref_area="ARM", label="Armenia", role="origin", partners=["RUS", "DEU"])
    stocks = [
        ("MIG_STOCK", "RUS", "ARM", "_T", "2019", 500.0),
        ("MIG_STOCK", "DEU", "ARM", "_T", "2019", 50.0),
    ]
    found = list_for(
        armenia, observe(stocks), ARM_A="SURPLUS", ARM_F="SHORTAGE", RUS_F="SEVERE", DEU_A="SHORTAGE"
    )
    assert set(found["economic_activity"]) == {"_T", "A", "F", "Q"}
    verdicts = found.set_index(["destination", "economic_activity"])["recommended"]
    assert verdicts["DEU", "A"] == "CANDIDATE"
    assert verdicts["RUS", "F"] == "NO"
    assert verdicts["RUS", "A"] == "NOT_ASSESSED"
    assert found[found["economic_activity"] == "A"].set_index("destination")["rank"].to_dict() == {
        "DEU": 1,
        "RUS": 2,
    }


def test_countries_at_another_level_of_detail_are_compared_by_sections() -> None:
    ratings = {"MUS_A": "SHORTAGE", "MUS_B": "SHORTAGE", "MUS_I": "SHORTAGE"}
    partner = {"IND_AGR": "SURPLUS", "IND_MEL": "BALANCE", "IND_MKT": "SEVERE"}
    found = list_for(MAURITIUS, observe(ROWS), **ratings, **partner)
    india = found[found["origin"] == "IND"].set_index("economic_activity")
    assert india.loc["A", ["origin_rating", "recommended"]].tolist() == ["SURPLUS", "CANDIDATE"]
    assert india.loc["B", "recommended"] == "NOT_ASSESSED"  # mining is only a part of what is in balance
    assert india.loc["I", "flags"] == ["ORIGIN_SHORTAGE"]  # hotels may be short where all market services are
    armenia = Country(ref_area="ARM", label="Armenia", role="origin", partners=["DEU"])
    stocks = [("MIG_STOCK", "DEU", "ARM", "_T", "2019", 50.0)]
    found = list_for(armenia, observe(stocks), ARM_A="SURPLUS", DEU_AGR="SHORTAGE", DEU_MKT="SHORTAGE")
    assert found.set_index("economic_activity").loc["A", "recommended"] == "CANDIDATE"
    assert list(found["economic_activity"]) == ["_T", "A", "MKT", "Q"]


def test_no_partner_no_rating_no_stock_is_a_row_without_numbers() -> None:
    found = list_for(MAURITIUS, observe(ROWS).iloc[:0])
    assert len(found) == 6
    assert found["affinity"].isna().all() and (found["n_parts"] == 1).all()
    matched = match_corridors(
        found,
        balances=complete(pd.DataFrame(), "marts.balances"),
        decisions=complete(pd.DataFrame(), "marts.decisions"),
    )
    assert matched["match_size"].isna().all() and matched["match_reason"].notna().all()
    assert list(matched.columns) == table_contract("marts.corridors").column_names


def test_affinity_oracle() -> None:
    """The same score a second time in plain numpy, from the parts of the row and the weights written above."""
    found = list_for(MAURITIUS, observe(ROWS), MUS_C="SHORTAGE", IND_C="SURPLUS", MDG_C="BALANCE")
    for row in found.to_dict("records"):
        parts = np.array([row[f"part_{name}"] for name in WEIGHTS], dtype=float)
        weights = np.array(list(WEIGHTS.values()))[~np.isnan(parts)]
        known = parts[~np.isnan(parts)]
        if len(known) < 4:
            assert math.isnan(row["affinity"])
            continue
        assert row["affinity"] == pytest.approx(100 * np.average(known, weights=weights))
    india = found[(found["origin"] == "IND") & (found["economic_activity"] == "C")].iloc[0]
    stock, wage, near = 1.0, math.log(3) / math.log(10), 1 - 5828 / 20000
    by_hand = (0.2 + 0.2 * 0.75 + 0.2 * stock + 0.1 + 0.1 * wage + 0.1 * near) / 0.95
    assert india["affinity"] == pytest.approx(100 * by_hand)


def test_the_order_of_the_input_does_not_matter() -> None:
    ratings = {"MUS_C": "SHORTAGE", "IND_C": "SURPLUS", "MDG_C": "BALANCE"}
    observations = observe(ROWS)
    first = list_for(MAURITIUS, observations, **ratings)
    again = list_for(
        MAURITIUS, observations.iloc[::-1].reset_index(drop=True), **dict(reversed(ratings.items()))
    )
    pd.testing.assert_frame_equal(first, again)
    shuffled = rank_corridors(first.sample(frac=1, random_state=1)).sort_index()
    pd.testing.assert_frame_equal(first, shuffled)


# ---------------------------------------------------------------- T8


def lay_out(**ratings: str) -> pd.DataFrame:
    observations = observe(ROWS)
    found = match_corridors(
        list_for(MAURITIUS, observations, **ratings), balances=complete(pd.DataFrame(), "marts.balances"),
        decisions=complete(pd.DataFrame(), "marts.decisions"),
    )  # fmt: skip
    leaves = {one: ("case", dt.date(2026, 1, 1)) for one in observations["observation_id"]}
    inputs = dict(zip(found["corridor_id"], found["inputs"], strict=True))
    return corridor_table(MAURITIUS, found, observations, Lineage(leaves, inputs)).set_index("address")


def test_every_published_figure_has_its_own_period_and_inputs() -> None:
    cells = lay_out(MUS_C="SHORTAGE", IND_C="SURPLUS")
    stock, women, distance = (
        cells.loc[f"T8.IND-MUS.{name}"] for name in ("stock", "women_share", "distance")
    )
    assert (stock["value"], stock["time_period"], stock["inputs"]) == (8741, "2019", ["0123456789ab:1"])
    assert women["value"] == pytest.approx(100 * 2000 / 8741)
    assert (distance["time_period"], distance["inputs"]) == ("2011", ["0123456789ab:5"])
    assert cells.loc["T8.IND-MUS.gdp_pc_ratio", "time_period"] == "2023"
    assert cells.loc["T8.IND-MUS.wage_ratio", "time_period"] == "2020"
    assert cells.loc["T8.IND-MUS-C.affinity", "value"] > 0
    assert cells.loc["T8.IND-MUS-C.share", "symbol"] == "[z]"
    assert cells.loc["T8.NPL-MUS.stock", "symbol"] == "[x]"


def test_silence_about_a_flag_is_no_clearance() -> None:
    cells = lay_out(MUS_C="SHORTAGE", IND_C="SURPLUS")
    assert cells.loc["T8.IND-MUS-C.flags", "text"] == (
        "none raised of those checked; not checked for lack of figures: SKILLED_DRAIN"
    )
    assert "ORIGIN_SHORTAGE" in cells.loc["T8.NPL-MUS-C.flags", "text"]
    assert (
        cells.loc["T8.NPL-MUS-C.origin_rating", "reason"]
        == "NPL was not rated: `lma coverage coverage.csv NPL` rates it"
    )
    assert "coverage.csv IND" in cells.loc["T8.IND-MUS-C.match_reason", "text"]
    assert "2019-06-11" in cells.loc["T8.NPL-MUS.agreement", "text"]
    assert "protocol on free movement not in force" in cells.loc["T8.MDG-MUS.agreement", "text"]


# ---------------------------------------------------------------- properties


PART = st.none() | st.floats(0, 1)


@given(
    parts=st.fixed_dictionaries({name: PART for name in PARTS}),
    name=st.sampled_from(PARTS),
    more=st.floats(0, 1),
)
def test_affinity_is_bounded_and_never_falls_when_a_part_rises(
    parts: dict[str, float | None], name: str, more: float
) -> None:
    score = weigh_parts(parts, RULES)
    known = [value for value in parts.values() if value is not None]
    assert (score is None) == (len(known) < 4)
    if score is None:
        return
    assert 100 * min(known) - 1e-9 <= score <= 100 * max(known) + 1e-9
    before = parts[name]
    if before is not None:
        raised = weigh_parts({**parts, name: max(before, more)}, RULES)
        assert raised is not None and raised >= score - 1e-9


PERSONS = st.integers(0, 10**7).map(float)


@given(
    gap=st.tuples(*[st.floats(-1e6, 1e6)] * 3), share=st.floats(0, 1), need=PERSONS, quota=st.none() | PERSONS
)
def test_match_is_never_larger_than_any_ingredient(
    gap: tuple[float, float, float], share: float, need: float, quota: float | None
) -> None:
    low, middle, high = sorted(gap)
    pools = compute_safe_pool(Gap(5, "2026-2030", low, middle, high, ()), share)
    assert 0 <= pools[0] <= pools[1] <= pools[2]
    assert pools[2] == share * max(0.0, -low)  # the safe pool as the methods write it
    for pool in pools:
        match = compute_match(pool, need, quota)
        assert 0 <= match <= min(pool, need)
        assert quota is None or match <= quota


# ---------------------------------------------------------------- gravity


def test_scores_golden() -> None:
    """Two corridors, two dates: observed 10, 20 and 100, 120; predicted 10, 10 and 110, 110.

    Errors 0, 10, 10, 10: relative MAE 30 / 250; CPC 2 x 230 / 490; observed around 62.5: squares 2756.25 + 1806.25 +
    1406.25 + 3306.25 = 9275, errors squared 300. Within: the predictions do not move, so nothing is explained.
    """
    found = score_corridors([10, 20, 100, 120], [10, 10, 110, 110], ["a", "a", "b", "b"])
    assert found.pooled_r2 == pytest.approx(1 - 300 / 9275)
    assert found.within_r2 == pytest.approx(0)
    assert found.relative_mae == pytest.approx(30 / 250)
    assert found.cpc == pytest.approx(2 * 230 / 490)
    assert math.isnan(score_corridors([5, 7], [5, 7], ["a", "b"]).within_r2)
    assert math.isnan(score_corridors([0.0], [0.0], ["a"]).cpc)


@given(
    st.lists(st.tuples(PERSONS, PERSONS, st.sampled_from("abc")), min_size=2, max_size=12),
    st.floats(0.01, 100),
)
def test_scores_do_not_depend_on_the_unit_or_the_order(
    rows: list[tuple[float, float, str]], unit: float
) -> None:
    observed, predicted, ids = ([row[place] for row in rows] for place in range(3))
    first = score_corridors(observed, predicted, ids)
    scaled = score_corridors([unit * one for one in observed], [unit * one for one in predicted], ids)
    turned = score_corridors(observed[::-1], predicted[::-1], ids[::-1])
    for other in (scaled, turned):
        assert other.relative_mae == pytest.approx(first.relative_mae, rel=1e-6, nan_ok=True)
        assert other.cpc == pytest.approx(first.cpc, rel=1e-6, nan_ok=True)
    assert math.isnan(first.cpc) or 0 <= first.cpc <= 1 + 1e-12
    perfect = score_corridors(observed, observed, ids)
    assert math.isnan(perfect.cpc) or perfect.cpc == pytest.approx(1)


@pytest.mark.parametrize(
    ("observed", "predicted", "ids"),
    [([], [], []), ([1.0], [1.0], ["a", "b"]), ([-1.0], [1.0], ["a"]), ([math.nan], [1.0], ["a"])],
)
def test_scores_refuse_what_is_no_count(
    observed: list[float], predicted: list[float], ids: list[str]
) -> None:
    with pytest.raises(UsageError):
        score_corridors(observed, predicted, ids)


def build_world(seed: int = 3, countries: int = 12) -> dict[str, pd.DataFrame]:
    """Stocks of five dates that follow distance and the stock before, and what build_panel needs."""
    generator = np.random.default_rng(seed)
    codes = [f"C{number:02d}"[:3] for number in range(countries)]
    pairs = pd.DataFrame([(o, d) for o in codes for d in codes if o != d], columns=["origin", "destination"])
    pairs = pairs.assign(distance=generator.uniform(100, 10000, len(pairs)))
    for name in ("language", "language_spoken", "colony", "common_coloniser", "border"):
        pairs[name] = generator.integers(0, 2, len(pairs)).astype(float)
    stock = np.exp(12 - np.log(pairs["distance"]))
    parts = []
    for period in (1990, 1995, 2000, 2005, 2010):
        parts.append(pairs[["origin", "destination"]].assign(period=period, stock=stock))
        stock = generator.poisson(stock * 1.1).astype(float)
    years = [(area, year) for area in codes for year in (1990, 1995, 2000, 2005)]
    series = pd.DataFrame(years, columns=["area", "period"])
    return {
        "stocks": pd.concat(parts, ignore_index=True), "pairs": pairs,
        "populations": series.assign(value=generator.uniform(1e6, 1e7, len(series))),
        "incomes": series.assign(value=generator.uniform(1e3, 1e4, len(series))),
    }  # fmt: skip


def test_a_panel_knows_nothing_later_than_the_date_before() -> None:
    world = build_world()
    panel = build_panel(**world)
    assert set(panel["period"]) == {2000, 2005, 2010}
    assert (panel["previous"] < panel["period"]).all()
    future = {
        name: frame.assign(value=frame["value"].where(frame["period"] < 2005, 1.0))
        for name, frame in world.items()
        if name in ("populations", "incomes")
    }
    changed = build_panel(**{**world, **future})
    until = panel["period"] <= 2005
    pd.testing.assert_frame_equal(panel[until], changed[until])


def test_gravity_oracle() -> None:
    """Poisson pseudo maximum likelihood a second time: Newton's steps in plain numpy on the same columns."""
    panel = build_panel(**build_world())
    model = fit_gravity(panel, "stock", alpha=1e-10)
    x = np.column_stack([np.ones(len(panel)), panel[list(LAGGED)].to_numpy(dtype=float)])
    y = panel["stock"].to_numpy(dtype=float)
    beta = np.linalg.lstsq(x, np.log(y + 1), rcond=None)[0]
    for _ in range(50):
        mean = np.exp(x @ beta)
        beta = beta + np.linalg.lstsq((x * mean[:, None]).T @ x, x.T @ (y - mean), rcond=None)[0]
    assert model.predict(panel) == pytest.approx(np.exp(x @ beta), rel=1e-4)
    assert model.predict(panel).sum() == pytest.approx(y.sum(), rel=1e-6)  # the score of the constant
    assert list(model.coefficients()) == list(LAGGED)


def test_gravity_finds_the_law_the_stocks_were_made_by() -> None:
    world = build_world()
    panel = build_panel(**world)
    without = fit_gravity(panel, "stock", lagged=False).coefficients()
    assert list(without) == list(CIRCUMSTANCES)
    assert without["ln_distance"] == pytest.approx(-1, abs=0.05)
    assert fit_gravity(panel, "stock").coefficients()["ln_last_stock"] == pytest.approx(1, abs=0.1)


def test_a_country_unknown_to_the_fit_has_no_effect_of_its_own() -> None:
    panel = build_panel(**build_world())
    model = fit_gravity(panel[panel["origin"] != "C03"], "stock", country_effects=True, alpha=1e-4)
    assert np.isfinite(model.predict(panel)).all()


@settings(max_examples=5)
@given(st.sampled_from(["flows", "", "STOCK"]))
def test_gravity_refuses_an_unknown_target(target: str) -> None:
    with pytest.raises(UsageError, match="no target"):
        fit_gravity(build_panel(**build_world()), target)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda panel: panel.iloc[:0], "empty"), (lambda panel: panel.drop(columns="ln_distance"), "ln_distance"),
        (lambda panel: panel.assign(stock=-1.0), "below zero"), (lambda panel: panel.assign(language=math.inf), "infinite"),
        (lambda panel: panel.assign(stock=0.0), "every stock"),
    ],
)  # fmt: skip
def test_gravity_refuses_a_panel_it_cannot_fit(spoil: Any, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        fit_gravity(spoil(build_panel(**build_world())), "stock")


# ---------------------------------------------------------------- ratings of other countries


class FakeRun:
    """A run with just what read_ratings reads."""

    def __init__(
        self,
        runs: list[tuple[str, list[str], str | None]],
        scores: pd.DataFrame,
        as_of: dt.date | None,
        failed: int | None = None,
    ) -> None:
        frame = pd.DataFrame(
            [
                {
                    "command": command,
                    "started_at": place,
                    "status": "FAILED" if place == failed else "COMPLETED",
                    "parameters": json.dumps({"ref_areas": codes, "as_of": day}),
                }
                for place, (command, codes, day) in enumerate(runs)
            ]
        )
        self.warehouse = self
        self.request = type("Request", (), {"as_of": as_of, "ref_areas": ("MUS",)})()
        self._frames = {"meta.runs": frame, "marts.shortages": scores}

    def read(self, table: str, any_of: object = None) -> pd.DataFrame:
        return self._frames[table]


def test_ratings_left_by_a_run_as_of_another_date_are_not_seen() -> None:
    from flows.assess import read_ratings

    scores = rate(MUS_C="SHORTAGE", IND_C="SURPLUS", BGD_C="BALANCE")
    runs = [("lma run", ["IND"], "2020-01-01"), ("lma run", ["BGD"], None)]
    now = read_ratings(FakeRun(runs, scores, None), "MUS")  # type: ignore[arg-type]
    assert set(now["ref_area"]) == {"MUS", "BGD"}
    then = read_ratings(FakeRun(runs, scores, dt.date(2020, 1, 1)), "MUS")  # type: ignore[arg-type]
    assert set(then["ref_area"]) == {"MUS", "IND"}
    everyone = [*runs, ("lma coverage", [], None)]
    assert set(read_ratings(FakeRun(everyone, scores, None), "MUS")["ref_area"]) == {"MUS", "IND", "BGD"}  # type: ignore[arg-type]


def test_ratings_of_a_run_that_failed_or_that_rates_nobody_are_not_vouched_for() -> None:
    from flows.assess import read_ratings

    def find(later: str, failed: int | None = None) -> set[str]:
        runs: list[tuple[str, list[str], str | None]] = [
            ("lma run", ["IND"], "2020-01-01"),
            (later, ["IND"], None),
        ]
        run = FakeRun(runs, rate(MUS_C="SHORTAGE", IND_C="SURPLUS"), None, failed)
        return set(read_ratings(run, "MUS")["ref_area"])  # type: ignore[arg-type]

    assert find("lma run IND") == {"IND", "MUS"}
    assert find("lma run IND", failed=1) == {"MUS"}
    assert find("lma backtest IND") == {"MUS"}
