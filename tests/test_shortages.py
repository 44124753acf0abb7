"""Rule sets on indicators and their triangulation: golden cases, teaching errors, honest N."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lma.contracts import rule_set, rule_sets, table_contract
from lma.errors import InputError
from lma.shortages import RULE_SETS, TABLE_RULE_SETS
from lma.shortages.ba import classify_mean, give_points
from lma.shortages.indicators import COLUMNS, collect_indicators, read_indicator_table
from lma.shortages.rating import combine_ratings, count_votes, rate_gap, triangulate

#: Rule sets that compare units with each other.
COMPARING = ("ba", "oecd", "mac", "cedefop")
CASES = Path(__file__).parent / "cases"
BA, OECD, RATING = rule_set("ba"), rule_set("oecd"), rule_set("rating")


def read_case(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, dtype=str, keep_default_na=False)


def rate_table(method: str, table: pd.DataFrame) -> pd.DataFrame:
    rules = rule_set(method)
    return TABLE_RULE_SETS[method](read_indicator_table(table, rules), rules)


def number(text: str) -> float:
    return float(text) if text else float("nan")


# ---------------------------------------------------------------- golden cases


@pytest.mark.parametrize("case", sorted((CASES / "shortages").glob("[0-9]*")), ids=lambda p: p.name)
def test_golden_rule_set(case: Path) -> None:
    rated = rate_table(case.name.split("_")[1], read_case(case / "input.csv")).set_index(
        ["occupation", "indicator"]
    )
    for row in read_case(case / "expected.csv").to_dict("records"):
        found = rated.loc[(row["unit"], row["indicator"])]
        assert [found["value"], found["points"]] == pytest.approx(
            [number(row["value"]), number(row["points"])], abs=5e-4, nan_ok=True
        ), row
        assert (found["rating"] or "") == row["rating"], row


def test_golden_bands() -> None:
    scores, expected = (
        read_case(CASES / "rating" / "01_bands_of_ba" / f"{n}.csv") for n in ("input", "expected")
    )
    assert [classify_mean(float(s), BA)[0] for s in scores["score"]] == expected["rating"].tolist()


def test_golden_gap_ratings() -> None:
    given_, expected = (
        read_case(CASES / "rating" / "02_gap_ahead" / f"{n}.csv") for n in ("input", "expected")
    )
    found = [
        rate_gap(
            float(r["gap_pc_q10"]),
            float(r["gap_pc_q50"]),
            float(r["probability"]),
            RATING,
            r["current"] == "WATCH",
        )
        for r in given_.to_dict("records")
    ]
    assert found == expected["rating"].tolist()


def test_golden_matrix() -> None:
    given_, expected = (
        read_case(CASES / "rating" / "03_cops_matrix" / f"{n}.csv") for n in ("input", "expected")
    )
    found = [combine_ratings(r["current"], r["ahead"]) for r in given_.to_dict("records")]
    assert [rating for rating, _ in found] == expected["rating"].tolist()
    assert [(reason or "").split(":")[0] for _, reason in found] == expected["rests_on"].tolist()


# ---------------------------------------------------------------- rules


def test_every_rule_set_has_its_file_and_every_number_a_reference() -> None:
    assert set(RULE_SETS) <= set(rule_sets())
    for name in (*RULE_SETS, "rating", "balance"):
        rules = rule_set(name)
        assert all(len(t.reference) > 10 for t in rules.thresholds.values())
        assert all(len(i.reference) > 10 for i in rules.indicators)


def test_migration_never_enters_a_score() -> None:
    for method in RULE_SETS:
        counted = [i.id for i in rule_set(method).indicators if i.weight > 0]
        assert not [i for i in counted if "FOREIGN" in i or "MIG" in i]


def test_published_form_may_count_the_foreign_share() -> None:
    table = read_case(CASES / "shortages" / "02_ba_foreign_share_stands_beside" / "input.csv")
    counted = [i.model_copy(update={"weight": 1.0}) for i in BA.indicators]
    published = BA.model_copy(update={"indicators": counted})
    rated = RULE_SETS["ba"](read_indicator_table(table, published), published)
    score = rated.query("occupation == 'welders' and indicator == '_SCORE'")
    assert score["value"].item() == 2.25 and score["n_indicators"].item() == 4


@settings(deadline=None)
@given(st.lists(st.floats(-1e6, 1e6), min_size=4, max_size=30), st.sampled_from(["high", "low"]))
def test_points_follow_the_order_of_values(values: list[float], side: str) -> None:
    array = np.array(values)
    points = give_points(array, np.quantile(array, [0.25, 0.5, 0.75]), side)
    ordered = points[np.argsort(array if side == "high" else -array, kind="stable")]
    assert (np.diff(ordered) >= 0).all() and set(points) <= {0.0, 1.0, 2.0, 3.0}


@settings(max_examples=6, deadline=None)
@given(
    st.lists(st.integers(-50, 50), min_size=3, max_size=12, unique=True),
    st.integers(-20, 20),
    st.integers(1, 9),
)
def test_oecd_scores_do_not_depend_on_scale(values: list[int], shift: int, factor: int) -> None:
    def points(numbers: list[int]) -> np.ndarray:
        table = pd.DataFrame({"unit": [f"u{k:02}" for k in range(len(numbers))], "EMP_GROWTH_1Y": numbers})
        rated = rate_table("oecd", table)
        return rated[rated["indicator"] == "EMP_GROWTH_1Y"]["points"].to_numpy()

    np.testing.assert_allclose(points(values), points([shift + factor * v for v in values]), atol=1e-9)


def test_equal_values_say_nothing() -> None:
    for method in COMPARING:
        table = pd.DataFrame(
            {"unit": list("abcde"), **{i.id: [5.0] * 5 for i in rule_set(method).indicators}}
        )
        rated = rate_table(method, table)
        shown = rated[rated["value"].notna()]
        assert set(rated["rating"].dropna()) == {"N"} and len(shown)
        assert shown["points"].isna().all() and shown["reason"].str.startswith("NO_SPREAD").all()


def test_units_are_compared_in_the_newest_common_period() -> None:
    table = pd.DataFrame(
        {
            "unit": list("abcd") * 2,
            "indicator": "UNE_RT",
            "time_period": ["2023"] * 4 + ["2024"] * 4,
            "value": [1, 2, 3, 4, 9, 8, 7, ""],
        }
    )
    rated = rate_table("oecd", table).query("indicator == 'UNE_RT'").set_index("occupation")
    assert rated.loc["a", ["value", "time_period"]].tolist() == [9.0, "2024"]
    assert rated.loc["d", "reason"] == "MISSING"


def test_rows_follow_the_contract() -> None:
    contract = table_contract("marts.shortages")
    for method in RULE_SETS:
        ids = [indicator.id for indicator in rule_set(method).indicators]
        table = {"unit": [*"abcd", "_T"], **{name: [1, 2, 4, 8, 3] for name in ids}}
        rated = rate_table(method, pd.DataFrame(table))
        assert list(rated.columns) == contract.column_names
        assert rated["shortage_id"].is_unique and not rated.duplicated(contract.primary_key).any()
        scores = rated[rated["indicator"] == "_SCORE"]
        assert scores["rating"].notna().all() and "_T" not in set(scores["occupation"])
        assert {i for inputs in scores["inputs"] for i in inputs} <= set(rated["shortage_id"])


def test_insufficient_indicators_are_named() -> None:
    rated = rate_table("ba", read_case(CASES / "shortages" / "03_ba_too_few_indicators" / "input.csv"))
    reason = rated.query("occupation == 'drivers' and indicator == '_SCORE'")["reason"].item()
    assert (
        reason == "INSUFFICIENT_INDICATORS: 1 of at least 3; "
        "missing JOBSEEKERS_PER_VACANCY, UNE_RT, EXIT_RATE, EARN_GROWTH_1Y"
    )


# ---------------------------------------------------------------- plain tables


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"job": ["a"], "UNE_RT": ["1"]}, "names no unit. Columns found: job, UNE_RT. Add a column unit"),
        ({"unit": ["a"], "vacancies": ["1"]}, "no indicator of rule set 'ba'.*VACANCY_TIME"),
        (
            {"unit": ["a"], "UNE_RT": ["1"], "VACANCY_TIM": ["3"]},
            "'VACANCY_TIM' is no indicator.*did you mean VACANCY_TIME",
        ),
        (
            {"unit": ["a", "b"], "UNE_RT": ["1", "1,234.5"]},
            "'1,234.5' is not a number - indicator UNE_RT, row 2: write 1234.5",
        ),
        ({"unit": ["a", "a"], "UNE_RT": ["1", "2"]}, "'a' has UNE_RT twice - rows 1, 2"),
        ({"unit": ["a", ""], "UNE_RT": ["1", "2"]}, "no name - row 2"),
        (
            {"unit": ["a", "b"], "UNE_RT": ["1", "1e300"]},
            "'1e300' is no value of an indicator - indicator UNE_RT, row 2",
        ),
        (
            {"unit": ["a"], "UNE_RT": ["1"], "time_period": ["soon"]},
            "'soon' is no time_period - row 1: write 2024",
        ),
        (
            {"unit": ["a", "b"], "UNE_RT": ["1", "2"], "time_period": [2024, None]},
            "'' is no time_period - row 2",
        ),
        (
            {"unit": ["a"], "UNE_RT": ["1"], "basis": ["guess"]},
            "'guess' is no basis - row 1: write one of reported",
        ),
        (
            {"unit": ["a"], "indicator": ["UNEMPLOYMENT"], "value": ["1"]},
            "Found: UNEMPLOYMENT. Expected some of: VACANCY_TIME",
        ),
    ],
)
def test_a_wrong_table_says_what_to_change(table: dict[str, list[str]], message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_indicator_table(pd.DataFrame(table), BA)


def test_wide_and_long_tables_read_alike() -> None:
    wide = pd.DataFrame(
        {"economic_activity": ["A", "B", "_T"], "UNE_RT": ["1", "x", "3"], "EMPLOYMENT": [1, 2, 3]}
    )
    long = pd.DataFrame(
        {"economic_activity": ["A", "B", "_T"], "indicator": "UNE_RT", "value": [1.0, np.nan, 3.0]}
    )
    pd.testing.assert_frame_equal(read_indicator_table(wide, BA), read_indicator_table(long, BA))


# ---------------------------------------------------------------- from the warehouse


def make_indicators(rows: list[tuple[str, str, str, str, float]]) -> pd.DataFrame:
    frame = pd.DataFrame(
        rows, columns=["indicator", "economic_activity", "basis_kind", "time_period", "value"]
    ).assign(
        ref_area="ARM",
        counterpart_area="_Z",
        sex="_T",
        unit_measure="PC",
        basis="reported",
        obs_status="A",
        reason=None,
        step="",
    )
    frame["indicator_id"] = [f"I:{k}" for k in range(len(frame))]
    frame["inputs"] = [[] for _ in range(len(frame))]
    return frame[table_contract("marts.indicators").column_names]


def test_collected_indicators_keep_every_unit_and_one_basis() -> None:
    mart = make_indicators(
        [
            ("EMP_GROWTH_1Y", "A", "modelled", "2025", 1.0),
            ("EMP_GROWTH_1Y", "C", "modelled", "2025", 2.0),
            ("EMP_GROWTH_1Y", "_T", "modelled", "2025", 1.5),
            ("EMP_GROWTH_1Y", "C", "reported", "2024", 7.0),
            ("UNE_RT", "_T", "reported", "2024", 9.0),
            ("GDP_GROWTH", "_T", "reported", "2024", 4.0),
        ]
    )
    found = collect_indicators(mart, "ARM", OECD, units=("A", "C", "F"))
    assert list(found.columns) == COLUMNS and set(found["economic_activity"]) == {"A", "C", "F", "_T"}
    assert sorted(found.loc[found["indicator"] == "EMP_GROWTH_1Y", "value"].dropna()) == [1.0, 1.5, 2.0]
    assert "GDP_GROWTH" not in set(found["indicator"])
    scores = RULE_SETS["oecd"](found, OECD).query("indicator == '_SCORE'").set_index("economic_activity")
    assert (
        scores["rating"].tolist() == ["N", "N", "N"]
        and scores["reason"].str.contains("missing EARN_GROWTH_1Y").all()
    )


def test_a_country_without_any_indicator_is_rated_n() -> None:
    found = collect_indicators(make_indicators([]), "ARM", BA, units=("A", "C"))
    rated = RULE_SETS["ba"](found, BA)
    assert rated[rated["indicator"] == "_SCORE"]["rating"].tolist() == ["N", "N"]
    assert collect_indicators(make_indicators([]), "ARM", BA).empty
    assert list(RULE_SETS["ba"](collect_indicators(make_indicators([]), "ARM", BA), BA).columns) == list(
        rated.columns
    )


# ---------------------------------------------------------------- triangulation


def make_balances(gaps: dict[str, tuple[float, float, float] | None]) -> pd.DataFrame:
    rows = []
    for activity, gap in gaps.items():
        for k, (measure, kind, level) in enumerate(
            [("GAP_PC", "quantile", "0.1"), ("GAP_PC", "quantile", "0.5"), ("GAP", "probability", "_Z")]
        ):
            for period in ("2026-2027", "2026-2030"):
                value = None if gap is None else gap[k] if period == "2026-2030" else -50.0
                rows.append(
                    {
                        "balance_id": f"B:{activity}:{period}:{k}",
                        "scenario": "baseline",
                        "ref_area": "ARM",
                        "economic_activity": activity,
                        "occupation": "_T",
                        "time_period": period,
                        "measure": measure,
                        "output_type": kind,
                        "output_type_id": level,
                        "value": value,
                        "reason": "NO_FORECAST: none" if gap is None else None,
                    }
                )
    return pd.DataFrame(rows).reindex(columns=table_contract("marts.balances").column_names)


def test_triangulation_joins_present_and_gap() -> None:
    table = pd.DataFrame(
        {
            "economic_activity": list("ACFG"),
            "EMP_GROWTH_1Y": [1, 2, 3, 9],
            "EARN_GROWTH_1Y": [1, 2, 3, 9],
            "UNE_RT": [9, 5, 4, 1],
        }
    )
    shortages = rate_table("oecd", table).assign(ref_area="ARM")
    balances = make_balances(
        {
            "A": (-9.0, -6.0, 0.1),
            "C": None,
            "F": (-1.0, 3.0, 0.9),
            "G": (1.0, 8.0, 0.99),
            "_T": (-9.0, -6.0, 0.1),
        }
    )
    combined = triangulate(shortages, balances, RATING)
    assert (
        list(combined.columns) == table_contract("marts.shortages").column_names
        and combined["shortage_id"].is_unique
    )
    final = combined[combined["indicator"] == "_SCORE"].set_index("economic_activity")
    assert final["rating"].to_dict() == {
        "A": "SURPLUS",
        "C": "SURPLUS",
        "F": "BALANCE",
        "G": "SEVERE",
        "_T": "SURPLUS",
    }
    assert final.loc["C", "reason"].startswith("CURRENT_ONLY") and final.loc["_T", "reason"].startswith(
        "FORECAST_ONLY"
    )
    ahead = combined[combined["indicator"] == "FORECAST"].set_index("economic_activity")
    assert ahead.loc["C", ["rating", "reason"]].tolist() == ["N", "NO_FORECAST: none"]
    assert ahead.loc["G", "time_period"] == "2030" and len(ahead.loc["G", "inputs"]) == 3


def test_the_middle_vote_counts() -> None:
    assert count_votes(["SHORTAGE", "NONE"]) == "WATCH"
    assert count_votes(["SHORTAGE", "SHORTAGE", "NONE"]) == "SHORTAGE"
    assert count_votes(["SHORTAGE", "BALANCE", "NONE"]) == "BALANCE"
    assert count_votes(["SHORTAGE", "SURPLUS"]) == "BALANCE"
    assert count_votes(["SURPLUS", "NONE"]) == "BALANCE"
    assert count_votes(["N", "SURPLUS"]) == "SURPLUS"
    assert count_votes(["N", "N"]) == count_votes([]) == "N"
