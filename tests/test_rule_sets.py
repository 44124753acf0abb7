"""Rule sets against oracles in plain numpy, their properties, missing figures in every combination, sensitivity."""

from __future__ import annotations

import datetime as dt
import functools
import itertools
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lma.contracts import read_rule_set, rule_set, table_contract
from lma.errors import DefinitionError, InputError
from lma.shortages import CLASSIFIERS, RULE_SETS, TABLE_RULE_SETS
from lma.shortages.ba import give_relative_points
from lma.shortages.cedefop import collect_components
from lma.shortages.cops import COPS_MATRIX
from lma.shortages.country import rate_country
from lma.shortages.indicators import read_indicator_table
from lma.shortages.mac import find_threshold
from lma.shortages.rating import (
    MATRIX_ROW,
    SCALE,
    combine_ratings,
    count_votes,
    grade_confidence,
    list_drivers,
    rate_gap,
)
from lma.shortages.sensitivity import move_threshold, summarise, vary_final, vary_thresholds, vary_weights

CASES = Path(__file__).parent / "cases"
RATING = rule_set("rating")
RATINGS = sorted(SCALE)


def rate(method: str, table: pd.DataFrame) -> pd.DataFrame:
    rules = rule_set(method)
    return TABLE_RULE_SETS[method](read_indicator_table(table, rules), rules)


def scores_of(rated: pd.DataFrame) -> pd.DataFrame:
    return rated[rated["indicator"] == "_SCORE"].set_index("occupation").sort_index()


def make_table(method: str, n_units: int, seed: int, missing: float = 0.3) -> pd.DataFrame:
    """A table of random figures, some of them missing, some equal, without a row of the whole economy."""
    draw = np.random.default_rng(seed)
    ids = [indicator.id for indicator in rule_set(method).indicators]
    values = np.round(draw.normal(1.5, 3, (n_units, len(ids))), 1)
    values[draw.random(values.shape) < missing] = np.nan
    for place, indicator in enumerate(rule_set(method).indicators):
        if indicator.minimum is not None or indicator.id == "JOBSEEKERS_PER_VACANCY":
            values[:, place] = np.abs(values[:, place])
    return pd.DataFrame(
        {"unit": [f"u{k:03}" for k in range(n_units)]} | dict(zip(ids, values.T, strict=True))
    )


def read_case(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, dtype=str, keep_default_na=False)


# ---------------------------------------------------------------- independent oracles (plain numpy)


def columns_of(method: str, table: pd.DataFrame) -> list[tuple[str, np.ndarray]]:
    rules = rule_set(method)
    return [(i.shortage_when, table[i.id].to_numpy(float)) for i in rules.indicators if i.weight > 0]


def mean_points(columns: list[np.ndarray], least: int) -> list[float]:
    if not columns:
        return []
    rows = np.column_stack(columns)
    return [float(np.nanmean(r)) if np.sum(~np.isnan(r)) >= least else np.nan for r in rows]


def quartile_points(side: str, values: np.ndarray) -> np.ndarray:
    known = values[~np.isnan(values)] * (1 if side == "high" else -1)
    signed = values * (1 if side == "high" else -1)
    if len(known) < 4 or np.percentile(known, 25) == np.percentile(known, 75):
        return np.full(len(values), np.nan)
    cuts = np.percentile(known, [25, 50, 75])
    points = [
        np.nan if np.isnan(v) else 0.0 if v == known.min() else float(sum(v >= c for c in cuts))
        for v in signed
    ]
    return np.array(points)


def oracle_ba(table: pd.DataFrame) -> list[tuple[float, str]]:
    means = mean_points([quartile_points(*c) for c in columns_of("ba", table)], 3)
    return [
        (m, "N" if np.isnan(m) else "SHORTAGE" if m >= 2 else "WATCH" if m >= 1.5 else "NONE") for m in means
    ]


def oracle_mac(table: pd.DataFrame) -> list[tuple[float, str]]:
    passed = []
    for side, values in columns_of("mac", table):
        signed = values if side == "high" else -values
        known = np.sort(signed[~np.isnan(signed)])
        if len(known) < 4:
            continue
        middle = np.median(known)
        bar = 1.5 * middle if middle > 0 else np.percentile(known, 75)
        if bar > known[0] and known[0] < known[-1]:
            passed.append(np.where(np.isnan(signed), np.nan, signed >= bar))
    means = mean_points(passed, 5) or [np.nan] * len(table)
    return [(m, "N" if np.isnan(m) else "SHORTAGE" if m >= 0.5 else "NONE") for m in means]


def oracle_oecd(table: pd.DataFrame) -> list[tuple[float, str]]:
    scores = []
    for side, values in columns_of("oecd", table):
        known = values[~np.isnan(values)]
        if len(known) >= 3 and np.ptp(known) > 0:
            z = (values - known.mean()) / np.sqrt(np.mean((known - known.mean()) ** 2))
            scores.append(z if side == "high" else -z)
    means = mean_points(scores, 3) or [np.nan] * len(table)
    return [
        (m, "N" if np.isnan(m) else "SHORTAGE" if m > 0 else "SURPLUS" if m < 0 else "BALANCE") for m in means
    ]


def oracle_austria(table: pd.DataFrame) -> list[tuple[float, str]]:
    ratios, pay = (table[c].to_numpy(float) for c in ("JOBSEEKERS_PER_VACANCY", "EARN_GROWTH_1Y"))
    faster = pay > np.nanmean(pay)
    said = [
        "N" if np.isnan(r) else "SHORTAGE" if r <= 1.5 else "WATCH" if r <= 1.8 and f else "NONE"
        for r, f in zip(ratios, faster, strict=True)
    ]
    return list(zip(ratios.tolist(), said, strict=True))


def oracle_cedefop(table: pd.DataFrame) -> list[tuple[float, str]]:
    bands = []
    for side, values in columns_of("cedefop", table):
        low, high = np.nanpercentile(values, [25, 75])
        if high - low >= 1:
            bands.append(1 + quartile_points(side, values))
    means = mean_points(bands, 2) or [np.nan] * len(table)
    gap = table["IMBALANCE_PC"].to_numpy(float)
    said = []
    for mean, lacking in zip(means, gap, strict=True):
        rating = "N" if np.isnan(mean) else "SHORTAGE" if mean >= 3 else "WATCH" if mean >= 2.5 else "NONE"
        said.append((mean, "WATCH" if rating == "SHORTAGE" and lacking <= 0 else rating))
    return said


ORACLES = {
    "ba": oracle_ba,
    "mac": oracle_mac,
    "oecd": oracle_oecd,
    "austria": oracle_austria,
    "cedefop": oracle_cedefop,
}


@pytest.mark.parametrize("method", RULE_SETS)
@pytest.mark.parametrize(("n_units", "seed"), [(5, 1), (40, 2), (41, 3)])
def test_rule_sets_agree_with_an_oracle(method: str, n_units: int, seed: int) -> None:
    table = make_table(method, n_units, seed)
    found, expected = scores_of(rate(method, table)), ORACLES[method](table)
    np.testing.assert_allclose(found["value"].to_numpy(float), [s for s, _ in expected], atol=1e-6)
    assert found["rating"].tolist() == [rating for _, rating in expected]


def test_own_trends_agree_with_an_oracle() -> None:
    draw, years = np.random.default_rng(7), list(range(2010, 2025))
    values = {unit: draw.normal(0, 2, len(years)) for unit in "abcde"}
    rows = [
        (u, "EMP_GROWTH_1Y", str(y), v[k])
        for u, v in values.items()
        for k, y in enumerate(years)
        if (u, k) != ("e", 14)
    ]
    rated = rate("oecd", pd.DataFrame(rows, columns=["unit", "indicator", "time_period", "value"]))
    found = rated[rated["indicator"] == "EMP_GROWTH_1Y"].set_index("occupation")
    newest = np.array([values[u][-1] for u in "abcd"])
    own = newest - np.array([values[u][-11:-1].mean() for u in "abcd"])
    expected = 0.5 * (newest - newest.mean()) / newest.std() + 0.5 * own / own.std()
    np.testing.assert_allclose(found.loc[list("abcd"), "points"].to_numpy(float), expected)
    assert found.loc["e", "reason"] == "MISSING"


# ---------------------------------------------------------------- missing, equal and impossible figures


@pytest.mark.parametrize("method", TABLE_RULE_SETS)
def test_any_combination_of_figures_is_rated_or_says_why(method: str) -> None:
    ids = [indicator.id for indicator in rule_set(method).indicators]
    sizes = [n for n in range(len(ids) + 1) if len(ids) < 8 or n <= 2 or n >= len(ids) - 1]
    subsets = [set(s) for n in sizes for s in itertools.combinations(ids, n)]
    draw = np.random.default_rng(1)
    cells = {
        name: [
            round(v, 2) if name in s else None
            for s, v in zip(subsets, draw.uniform(0.5, 9, len(subsets)), strict=True)
        ]
        for name in ids
    }
    rated = rate(method, pd.DataFrame({"unit": [f"u{k:03}" for k in range(len(subsets))], **cells}))
    scores = scores_of(rated)
    assert len(scores) == len(subsets) and set(scores["rating"]) <= {*SCALE, "N"}
    unrated = scores["rating"] == "N"
    assert scores.loc[unrated, "value"].isna().all() and scores.loc[unrated, "reason"].str.len().gt(0).all()
    assert scores.loc[~unrated, "value"].notna().all() and unrated.iloc[0]
    marks = rated[(rated["indicator"] != "_SCORE") & rated["value"].isna()]
    assert marks["points"].isna().all() and marks["reason"].notna().all()
    assert not np.isinf(rated[["value", "points", "threshold"]].to_numpy(float)).any()


@pytest.mark.parametrize("method", ["ba", "oecd", "mac", "cedefop"])
@pytest.mark.parametrize("n_units", [1, 2, 30])
def test_one_unit_or_equal_units_are_not_compared(method: str, n_units: int) -> None:
    ids = [indicator.id for indicator in rule_set(method).indicators]
    rated = rate(
        method, pd.DataFrame({"unit": [f"u{k}" for k in range(n_units)]} | {i: [4.0] * n_units for i in ids})
    )
    assert set(scores_of(rated)["rating"]) == {"N"}
    reasons = rated.loc[rated["value"].notna(), "reason"].str.split(":").str[0]
    assert set(reasons) <= {"NO_SPREAD", "TOO_FEW_UNITS"}


@pytest.mark.parametrize("value", ["inf", "-inf", "1e999", "Infinity", np.inf])
def test_an_infinite_value_is_refused(value: object) -> None:
    with pytest.raises(
        InputError, match="not a finite number - indicator UNE_RT, row 2: where something was divided"
    ):
        read_indicator_table(pd.DataFrame({"unit": ["a", "b"], "UNE_RT": [1, value]}), rule_set("ba"))


def test_a_negative_ratio_is_no_shortage() -> None:
    rated = rate("austria", pd.DataFrame({"unit": ["a", "b"], "JOBSEEKERS_PER_VACANCY": [-1, 1]}))
    assert scores_of(rated)["rating"].to_dict() == {"a": "N", "b": "SHORTAGE"}
    assert (
        rated.query("occupation == 'a' and indicator == 'JOBSEEKERS_PER_VACANCY'")["reason"]
        .item()
        .startswith("NEGATIVE")
    )


def test_figures_of_another_time_are_shown_without_points() -> None:
    rows = [
        (u, i, y, v + k)
        for k, u in enumerate("abcd")
        for i, y, v in (("UNE_RT", "2025", 4), ("EXIT_RATE", "2022-Q3", 9), ("VACANCY_TIME", "2021", 50))
    ]
    rated = rate("ba", pd.DataFrame(rows, columns=["unit", "indicator", "time_period", "value"])).query(
        "occupation == 'b'"
    )
    found = rated.set_index("indicator")
    assert (
        found.loc["VACANCY_TIME", "reason"]
        == "OUT_OF_STEP: 2021 is 4 years before the newest indicator, more than 3"
    )
    assert found.loc["VACANCY_TIME", "value"] == 51 and np.isnan(found.loc["VACANCY_TIME", "points"])
    assert found.loc[["UNE_RT", "EXIT_RATE"], "points"].notna().all() and found.loc["_SCORE", "rating"] == "N"


# ---------------------------------------------------------------- properties


@pytest.mark.parametrize("method", RULE_SETS)
def test_order_of_units_and_columns_says_nothing(method: str) -> None:
    table = make_table(method, 17, 5)
    shuffled = table.sample(frac=1, random_state=3)[["unit", *reversed(table.columns[1:])]]
    pd.testing.assert_frame_equal(rate(method, table), rate(method, shuffled))


@pytest.mark.parametrize("method", ["ba", "oecd", "mac"])
def test_the_unit_of_measure_says_nothing(method: str) -> None:
    table = make_table(method, 17, 6)
    names = list(table.columns[1:])
    scaled = table.assign(**{name: table[name] * 0.5 ** (k + 1) for k, name in enumerate(names)})
    first, second = scores_of(rate(method, table)), scores_of(rate(method, scaled))
    assert first["rating"].tolist() == second["rating"].tolist()
    np.testing.assert_allclose(first["value"].to_numpy(float), second["value"].to_numpy(float), atol=1e-6)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(-9, 9), min_size=4, max_size=12), st.sampled_from(["high", "low"]))
def test_relative_points_ascend_and_the_least_short_have_none(numbers: list[int], side: str) -> None:
    values = np.array(numbers, dtype=float)
    points = give_relative_points(values, np.quantile(values, [0.25, 0.5, 0.75]), side)
    order = np.argsort(values if side == "high" else -values, kind="stable")
    assert (np.diff(points[order]) >= 0).all() and points[order[0]] == 0
    assert all(len(set(points[values == v])) == 1 for v in values)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=20), st.floats(1e-3, 1e3))
def test_the_mac_threshold_moves_with_its_unit(numbers: list[float], factor: float) -> None:
    values = np.array(numbers)
    assert find_threshold(values * factor, 50)[0] == pytest.approx(
        find_threshold(values, 50)[0] * factor, rel=1e-9, abs=1e-6
    )
    assert (
        find_threshold(values, 50)[0] <= 1.5 * max(values.max(), 0)
        or find_threshold(values, 50)[0] <= values.max()
    )


@settings(max_examples=80, deadline=None)
@given(st.lists(st.sampled_from([*RATINGS, "N"]), min_size=1, max_size=6), st.data())
def test_a_higher_vote_never_lowers_the_rating(votes: list[str], data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(votes) - 1))
    if votes[place] == "N":
        return
    higher = data.draw(st.sampled_from([r for r in RATINGS if SCALE[r] >= SCALE[votes[place]]]))
    raised = [*votes[:place], higher, *votes[place + 1 :]]
    assert SCALE[count_votes(raised)] >= SCALE[count_votes(votes)]
    assert count_votes(votes[::-1]) == count_votes(votes)


@settings(max_examples=100, deadline=None)
@given(
    st.floats(-20, 20),
    st.floats(0, 10),
    st.floats(0, 1),
    st.floats(0, 5),
    st.floats(0, 0.5),
    st.sampled_from(RATINGS),
)
def test_a_larger_gap_is_never_rated_lower(
    middle: float, width: float, probability: float, more: float, likelier: float, current: str
) -> None:
    watched = current == "WATCH"
    before = rate_gap(middle - width, middle, probability, RATING, watched)
    after = rate_gap(middle - width + more, middle + more, min(1.0, probability + likelier), RATING, watched)
    assert SCALE[after] >= SCALE[before]
    assert SCALE[combine_ratings(current, after)[0]] >= SCALE[combine_ratings(current, before)[0]]


def test_the_matrix_ascends_with_the_present() -> None:
    for (recent, ahead), (other, same) in itertools.product(COPS_MATRIX, COPS_MATRIX):
        if ahead == same and SCALE[recent] <= SCALE[other]:
            assert SCALE[COPS_MATRIX[recent, ahead]] <= SCALE[COPS_MATRIX[other, same]]


@pytest.mark.parametrize("method", ["ba", "oecd", "mac", "cedefop"])
def test_a_unit_that_becomes_shorter_never_scores_lower(method: str) -> None:
    table = make_table(method, 12, 8, missing=0.0)
    rules = rule_set(method)
    better = table.copy()
    for indicator in rules.indicators:
        better.loc[3, indicator.id] += 5 if indicator.shortage_when == "high" else -5
    before, after = (scores_of(rate(method, t)).loc["u003"] for t in (table, better))
    assert after["value"] >= before["value"] and SCALE[after["rating"]] >= SCALE[before["rating"]]


# ---------------------------------------------------------------- triangulation


def test_golden_middle_vote() -> None:
    given_, expected = (
        read_case(CASES / "rating" / "04_middle_vote" / f"{n}.csv") for n in ("input", "expected")
    )
    assert [count_votes(votes.split()) for votes in given_["votes"]] == expected["rating"].tolist()


def test_golden_confidence() -> None:
    given_, expected = (
        read_case(CASES / "rating" / "05_confidence_grade" / f"{n}.csv") for n in ("input", "expected")
    )
    for row, wanted in zip(given_.to_dict("records"), expected.to_dict("records"), strict=True):
        probability = float(row["probability"]) if row["probability"] else None
        asked = (row["votes"].split(), row["current"], row["ahead"], probability, row["reported"] == "yes")
        grade, tests = grade_confidence(*asked, RATING)
        assert (grade, sum(tests.values())) == (wanted["grade"], int(wanted["held"])), row


BALANCE_TERMS = {"EXPANSION": 0.0, "REPLACEMENT": 8.0, "OPENINGS": 8.0, "SEEKERS": 5.0}


def make_balances(gap_pc: dict[str, tuple[float, float, float]]) -> pd.DataFrame:
    """Balances of units with 1,000 employed in the base year: GAP_PC at q10 and q50, and P(shortage)."""
    rows = []
    for activity, (low, middle, probability) in gap_pc.items():
        told = [
            ("GAP_PC", "quantile", "0.1", low),
            ("GAP_PC", "quantile", "0.5", middle),
            ("GAP", "probability", "_Z", probability),
        ]
        told += [
            (m, "quantile", "0.5", 10 * (v + middle * (m == "EXPANSION"))) for m, v in BALANCE_TERMS.items()
        ]
        rows += [("2026-2030", activity, *row) for row in told]
        rows += [
            ("2026", activity, "EMP", "mean", "_Z", 1010.0),
            ("2026", activity, "EXPANSION", "mean", "_Z", 10.0),
        ]
    names = ["time_period", "economic_activity", "measure", "output_type", "output_type_id", "value"]
    frame = pd.DataFrame(rows, columns=names).assign(
        ref_area="ARM", occupation="_T", scenario="baseline", reason=None
    )
    frame["balance_id"] = [f"B:{k}" for k in range(len(frame))]
    return frame.reindex(columns=table_contract("marts.balances").column_names)


GAPS = {
    "A": (-9.0, -6.0, 0.1),
    "C": (-3.0, 1.0, 0.6),
    "F": (-1.0, 3.0, 0.72),
    "G": (1.0, 8.0, 0.99),
    "H": (2.0, 9.0, 0.99),
}


def make_indicators(values: dict[str, dict[str, float]]) -> pd.DataFrame:
    rows = [(i, a, v) for i, by_activity in values.items() for a, v in by_activity.items()]
    frame = pd.DataFrame(rows, columns=["indicator", "economic_activity", "value"]).assign(
        ref_area="ARM", counterpart_area="_Z", sex="_T", basis_kind="reported", time_period="2025", unit_measure="PC",
        basis="reported", obs_status="A", reason=None, step="",
    )  # fmt: skip
    frame["indicator_id"] = [f"I:{k}" for k in range(len(frame))]
    frame["inputs"] = [[] for _ in range(len(frame))]
    return frame[table_contract("marts.indicators").column_names]


@functools.cache
def rate_armenia() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Pay, employment and unemployment of five activities, and the balance above."""
    growth = dict(zip("ACFGH", [1.0, 2.0, 3.0, 7.0, 9.0], strict=True))
    indicators = make_indicators(
        {"EARN_GROWTH_1Y": growth, "EMP_GROWTH_1Y": growth, "UNE_RT": {a: 10 - v for a, v in growth.items()}}
    )
    balances = make_balances(GAPS)
    return rate_country("ARM", indicators, balances, tuple("ACFGH")), balances


def test_a_country_is_rated_by_every_rule_set_and_the_gap_is_counted_once() -> None:
    rated, _ = rate_armenia()
    assert (
        list(rated.columns) == table_contract("marts.shortages").column_names
        and rated["shortage_id"].is_unique
    )
    scores = rated[rated["indicator"] == "_SCORE"].pivot(
        index="economic_activity", columns="method", values="rating"
    )
    assert scores["oecd"].tolist() == ["SURPLUS", "SURPLUS", "SURPLUS", "SHORTAGE", "SHORTAGE"]
    assert set(scores["mac"]) == set(scores["ba"]) == {"N"} and scores.loc["H", "cedefop"] == "SHORTAGE"
    now = rated[(rated["method"] == "rating") & (rated["indicator"] == "CURRENT")].set_index(
        "economic_activity"
    )
    assert now["rating"].tolist() == scores["oecd"].tolist() and set(now["n_indicators"]) == {1}
    assert not now["step"].str.contains("cedefop").any() and not any(
        "cedefop" in i for ids in now["inputs"] for i in ids
    )
    assert scores["rating"].tolist() == ["SURPLUS", "BALANCE", "BALANCE", "SEVERE", "SEVERE"]


def test_drivers_and_confidence_say_what_pushes_and_how_sure() -> None:
    rated, _ = rate_armenia()
    told = rated[(rated["method"] == "rating") & (rated["economic_activity"] == "G")].set_index("indicator")[
        "step"
    ]
    assert told["DRIVERS"] == (
        "up: EARN_GROWTH_1Y (oecd), EMP_GROWTH_1Y (oecd), UNE_RT (oecd); "
        "ahead, per cent of base employment: growth 8.0, replacement 8.0, openings in all 8.0, seekers in all 5.0"
    )
    assert told["CONFIDENCE"].startswith(
        "B: 3 of 5 (rule sets enough no, rule sets agree no, gap ahead clear yes"
    )
    low = rated[rated["economic_activity"] == "A"]
    assert list_drivers(low) == {
        "up": [],
        "down": [f"{i} (oecd)" for i in ("EARN_GROWTH_1Y", "EMP_GROWTH_1Y", "UNE_RT")],
    }


def test_components_of_a_balance_are_shares_of_base_employment() -> None:
    found = collect_components(make_balances(GAPS), "ARM", ("A", "G", "Z")).set_index(
        ["economic_activity", "indicator"]
    )["value"]
    assert found["A"].to_dict() == {"EXPANSION_PC": -6.0, "REPLACEMENT_PC": 8.0, "IMBALANCE_PC": -6.0}
    assert found["G"]["IMBALANCE_PC"] == 8.0 and found["Z"].isna().all()
    assert collect_components(make_balances({}), "ARM", ("A",))["value"].isna().all()


def test_a_country_without_figures_is_n_everywhere() -> None:
    rated = rate_country("ARM", make_indicators({}), make_balances({}), ("A", "C"))
    assert set(rated.loc[rated["indicator"] == "_SCORE", "rating"]) == {"N"}
    told = rated[(rated["method"] == "rating") & (rated["indicator"] == "CONFIDENCE")]["step"]
    assert told.str.startswith("D: 0 of 5").all()


# ---------------------------------------------------------------- sensitivity


@pytest.mark.parametrize("case", sorted((CASES / "sensitivity").glob("[0-9]*")), ids=lambda p: p.name)
def test_golden_sensitivity(case: Path) -> None:
    rules, given_ = rule_set("ba"), read_case(case / "input.csv")
    points = given_["points"].astype(float)
    shared = {"ref_area": "ARM", "economic_activity": "C", "occupation": "_T", "method": "ba"}
    marks = pd.DataFrame({**shared, "indicator": given_["indicator"], "points": points, "rating": None})
    score = pd.DataFrame(
        [
            {
                **shared,
                "indicator": "_SCORE",
                "points": np.nan,
                "rating": CLASSIFIERS["ba"](points.mean(), rules)[0],
            }
        ]
    )
    found = vary_weights(pd.concat([marks, score]), rules, RATING.threshold("heavy_weight"))
    expected = read_case(case / "expected.csv")
    assert (
        found["variant"].tolist() == expected["variant"].tolist()
        and found["rating"].tolist() == expected["rating"].tolist()
    )
    wanted = [float(s) if s else np.nan for s in expected["score"]]
    np.testing.assert_allclose(found["score"].to_numpy(float), wanted, atol=1e-6)


@pytest.mark.parametrize("method", CLASSIFIERS)
def test_variants_are_what_the_rule_set_itself_rates(method: str) -> None:
    """Leaving an indicator out of the score gives what the rule set gives with that weight at zero."""
    rules, table = rule_set(method), make_table(method, 15, 4)
    rated = rate(method, table)
    variants = vary_weights(rated, rules, 3)
    name = next(i.id for i in rules.indicators if i.weight > 0)
    dropped = [i.model_copy(update={"weight": 0.0 if i.id == name else i.weight}) for i in rules.indicators]
    again = rules.model_copy(update={"indicators": dropped})
    expected = scores_of(RULE_SETS[method](read_indicator_table(table, again), again))["rating"]
    found = variants[variants["variant"] == f"without {name}"].set_index("occupation")["rating"]
    assert len(found) and found.to_dict() == expected.reindex(found.index).to_dict()


def test_final_ratings_vary_with_votes_and_thresholds() -> None:
    rated, balances = rate_armenia()
    summary = summarise(vary_final(rated, balances, RATING)).set_index("economic_activity")
    assert summary["rating"].to_dict() == {
        "A": "SURPLUS",
        "C": "BALANCE",
        "F": "BALANCE",
        "G": "SEVERE",
        "H": "SEVERE",
    }
    assert summary.loc["A", "n_same"] == summary.loc["A", "n_variants"] == 15
    assert summary.loc["F", "changes"].startswith(
        "without oecd: SHORTAGE; present alone: SURPLUS; gap ahead alone: SHORTAGE"
    )
    assert "severe_percent" not in summary.loc["F", "changes"] and (summary["n_not_rated"] == 0).all()


def test_thresholds_move_within_their_range() -> None:
    rules = rule_set("ba")
    assert move_threshold(rules, "shortage_from", 9).threshold("shortage_from") == 3
    assert move_threshold(rules, "shortage_from", 2.0) is None
    table = read_case(CASES / "shortages" / "12_austria_first_threshold" / "input.csv")
    austria = rule_set("austria")
    found = vary_thresholds(read_indicator_table(table, austria), austria, RULE_SETS["austria"])
    changed = found[~found["is_same"].astype(bool)]
    assert [tuple(r) for r in changed[["occupation", "variant", "rating"]].itertuples(index=False)] == [
        ("cooks", "ratio 1.35 instead of 1.5", "NONE"),
        ("clerks", "ratio 1.65 instead of 1.5", "SHORTAGE"),
    ]


# ---------------------------------------------------------------- a rules file of one's own


def write_rules(folder: Path, method: str, *changes: tuple[str, str]) -> Path:
    from lma.contracts import contracts_dir

    text = (contracts_dir() / "rules" / f"{method}.yaml").read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path = folder / "own.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_rules_file_of_ones_own_counts_what_it_says(tmp_path: Path) -> None:
    own = read_rule_set(
        write_rules(tmp_path, "ba", ("weight: 0.0", "weight: 1.0"), ("value: 2.0", "value: 2.5")), "ba"
    )
    assert own.threshold("shortage_from") == 2.5 and all(i.weight == 1 for i in own.indicators)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ([("weight: 0.0", "wieght: 0.0")], r"indicators.3.wieght: Extra inputs.*closest: 'weight'"),
        ([("value: 2.0", "value: 9")], r"thresholds.shortage_from.value: .*9 is out of range: at least 0 and at most 3"),
        ([("value: 2.0", "value: 9"), ("    maximum: 3\n", "")], r"thresholds.shortage_from.value: 9 is out of range"),
        ([("value: 2.0", "value: high")], "thresholds.shortage_from.value: .*number"),
        ([("value: 2.0", "value: .inf")], "thresholds.shortage_from.value: .*number"),
        ([("value: 2.0", "value: true")], "thresholds.shortage_from.value: .*number"),
        ([("weight: 0.0", "weight: -1")], "indicators.3.weight: .*greater than or equal to 0"),
        ([("shortage_from:", "shortge_from:")], "'shortge_from' is unknown.*closest: 'shortage_from'"),
        ([("  watch_from:", "  watched:")], "thresholds.watch_from is missing: add it"),
        ([("id: UNE_RT", "id: UNE_RATE")], "'UNE_RATE' is unknown.*closest: 'UNE_RT'"),
        ([("id: UNE_RT", "id: EXIT_RATE")], "named twice: EXIT_RATE"),
        ([("rule_set: ba", "rule_set: bb")], "rule_set is 'bb': write 'ba'"),
        ([("weight: 0.0", "cuts: [3, 2, 1]")], "must ascend"),
    ],
)  # fmt: skip
def test_a_wrong_rules_file_says_what_to_change(
    tmp_path: Path, changes: list[tuple[str, str]], message: str
) -> None:
    with pytest.raises(DefinitionError, match=f"(?s){message}"):
        read_rule_set(write_rules(tmp_path, "ba", *changes), "ba")


@pytest.mark.parametrize(("method", "cuts"), [("ba", "[1, 2]"), ("mac", "[1, 2]")])
def test_the_number_of_cut_points_is_checked(tmp_path: Path, method: str, cuts: str) -> None:
    rules = read_rule_set(
        write_rules(
            tmp_path, method, ("    shortage_when: low\n", f"    shortage_when: low\n    cuts: {cuts}\n")
        ),
        method,
    )
    with pytest.raises(DefinitionError, match="has 2 cuts: write"):
        RULE_SETS[method](read_indicator_table(make_table(method, 6, 1, 0.0), rules), rules)


def test_a_frozen_threshold_holds_for_one_unit(tmp_path: Path) -> None:
    path = write_rules(
        tmp_path, "mac", ("    shortage_when: low\n", "    shortage_when: low\n    cuts: [-5]\n")
    )
    rules = read_rule_set(path, "mac")
    rated = RULE_SETS["mac"](
        read_indicator_table(pd.DataFrame({"unit": ["a"], "UNEMPLOYED_GROWTH_1Y": [-5]}), rules), rules
    )
    assert rated.loc[
        rated["indicator"] == "UNEMPLOYED_GROWTH_1Y", ["threshold", "points"]
    ].to_numpy().tolist() == [[-5.0, 1.0]]


def test_every_threshold_of_these_rule_sets_has_a_range() -> None:
    for method in ("ba", "oecd", "mac", "austria", "cedefop", "rating"):
        for name, threshold in rule_set(method).thresholds.items():
            assert threshold.minimum is not None and threshold.maximum is not None, (method, name)
    assert set(MATRIX_ROW) == set(SCALE)


# ---------------------------------------------------------------- the tables of an edition


def lay_out(name: str, units: tuple[str, ...] = tuple("ACFGH")) -> pd.DataFrame:
    """Cells of T3, T4 or T16 of the country above by address."""
    from lma.assessment.cells import Lineage
    from lma.assessment.sensitivity import sensitivity_table
    from lma.assessment.shortage import indicator_table, shortage_table
    from lma.levels import Detail, Level

    rated, balances = rate_armenia()
    behind = [*balances["balance_id"], *(f"I:{k}" for k in range(15))]
    lineage = Lineage(
        {node: ("survey", dt.date(2026, 1, 1)) for node in behind},
        dict(zip(rated["shortage_id"], rated["inputs"], strict=True)),
    )
    level = Level(Detail("five", units, "five activities"), "reported", 2025)
    made = {
        "T3": lambda: shortage_table("ARM", rated, balances, "2026-2030", level, lineage),
        "T4": lambda: indicator_table("ARM", rated, level, lineage),
        "T16": lambda: sensitivity_table("ARM", rated, balances, level, lineage),
    }
    return made[name]().set_index("address")


def test_t3_shows_every_vote_the_drivers_and_the_confidence() -> None:
    cells = lay_out("T3")
    said = {
        c: cells.loc[f"T3.G.{c}", "text"]
        for c in (
            "final_rating",
            "rating_now",
            "n_rated",
            "ba_rating",
            "oecd_rating",
            "cedefop_rating",
            "confidence",
        )
    }
    assert said == {
        "final_rating": "SEVERE", "rating_now": "SHORTAGE", "n_rated": "1 of 4", "ba_rating": "N", "oecd_rating": "SHORTAGE",
        "cedefop_rating": "SHORTAGE", "confidence": "B",
    }  # fmt: skip
    drivers = cells.loc["T3.G.drivers", "text"]
    assert drivers.startswith(
        "up: growth of (median) pay over one year (OECD-style), employment growth (OECD-style), unemployment rate of the unit (OECD-style); ahead,"
    )
    assert cells.loc["T3._T.oecd_rating", "symbol"] == cells.loc["T3._T.final_rating", "symbol"] == "[z]"
    labels = dict(zip(cells["column_id"], cells["column_label"], strict=True))
    assert labels["oecd_rating"].endswith(": vote") and labels["cedefop_rating"].endswith("no vote")


def test_t4_shows_scores_and_says_once_what_no_activity_has() -> None:
    cells = lay_out("T4")
    assert cells.loc["T4.G-oecd-SCORE.note", "text"].startswith("SHORTAGE: weighted mean of 3 indicators")
    assert cells.loc["T4.G-oecd-EMP_GROWTH_1Y.value", "value"] == 7
    assert (
        cells.loc["T4.ALL-ba-VACANCY_TIME.note", "text"]
        == "no loaded source has this indicator for any activity"
    )
    assert cells.loc["T4.ALL-mac-SCORE.note", "text"].startswith("no activity is rated")
    assert not cells.index.str.contains(r"T4\.[A-H]-mac").any()


def test_t16_counts_the_variants_that_keep_a_rating() -> None:
    cells = lay_out("T16")
    assert (
        cells.loc["T16.A-rating.share_same", "value"] == 100
        and cells.loc["T16.A-rating.changes", "text"] == "none"
    )
    assert cells.loc["T16.F-rating.changes", "text"].startswith(
        "without OECD-style: SHORTAGE; present alone: SURPLUS"
    )
    found = cells.loc[[f"T16.H-oecd.{c}" for c in ("n_variants", "n_same", "n_not_rated")], "value"].tolist()
    assert found == [6, 3, 3]
    assert cells.loc["T16.H-oecd.share_same", "value"] == 100  # of the three variants that rate
    assert cells.loc["T16.ALL-mac.rating", "symbol"] == "[x]" and "T16.H-mac.rating" not in cells.index
    assert "one indicator" in cells.loc["T16.ALL-austria.n_same", "reason"]


def test_a_country_of_one_activity_has_its_tables() -> None:
    rated = rate_country(
        "ARM", make_indicators({"UNE_RT": {"_T": 9.0}}), make_balances({"_T": GAPS["G"]}), ("_T",)
    )
    scores = rated[rated["indicator"] == "_SCORE"]
    assert scores["method"].tolist() == ["rating"] and scores["rating"].tolist() == ["SEVERE"]
    assert not rated.duplicated(table_contract("marts.shortages").primary_key).any()


# ---------------------------------------------------------------- from a source to a vote


def test_signals_that_a_source_publishes_reach_the_rule_sets(tmp_path: Path) -> None:
    from observation_builder import known_sources, observations

    from lma.warehouse import open_for_writing

    signals = {"VACANCY_TIME": 90.0, "JOBSEEKERS_PER_VACANCY": 1.0, "UNE_RT": 3.0}
    rows = [
        {
            "ref_area": "ARM",
            "indicator": i,
            "economic_activity": a,
            "obs_value": v * (1 + k) if i != "VACANCY_TIME" else v / (1 + k),
            "unit_measure": "NR",
        }
        for i, v in signals.items()
        for k, a in enumerate("ACFG")
    ]
    rows.append(
        {
            "ref_area": "MUS",
            "indicator": "UNE_RT",
            "economic_activity": "_T",
            "activity_revision": "_Z",
            "unit_measure": "PC",
        }
    )
    with open_for_writing(tmp_path / "lma.duckdb") as opened:
        opened.load_codelists(known_sources(), [])
        opened.append_observations(observations(*rows))
        opened.build_observations(None)
        opened.run_indicators(["ARM", "MUS"])
        indicators = opened.read("marts.indicators")
    assert set(indicators.loc[indicators["indicator"].isin(list(signals)), "ref_area"]) == {"ARM"}
    rated = rate_country("ARM", indicators, make_balances({}), tuple("ACFG"))
    scores = rated[(rated["indicator"] == "_SCORE") & (rated["method"] == "ba")].set_index(
        "economic_activity"
    )["rating"]
    assert scores.to_dict() == {"A": "SHORTAGE", "C": "SHORTAGE", "F": "NONE", "G": "NONE"}
    known = rated[(rated["method"] == "ba") & rated["points"].notna() & (rated["indicator"] != "_SCORE")]
    assert all(ids and ids[0].startswith("I:") for ids in known["inputs"])


def test_an_unemployment_rate_that_cannot_be_gives_no_points_and_moves_no_threshold() -> None:
    rules = rule_set("ba")
    table = pd.DataFrame({"unit": list("ABCDEF"), "UNE_RT": ["-5", "150", "1", "2", "3", "4"]})
    rated = TABLE_RULE_SETS["ba"](read_indicator_table(table, rules), rules)
    marks = rated[rated["indicator"] == "UNE_RT"].set_index("occupation")
    assert marks.loc[["A", "B"], "points"].isna().all()
    assert set(marks.loc[["A", "B"], "reason"]) == {"IMPOSSIBLE: UNE_RT cannot be below 0 or above 100"}
    assert marks.loc[["C", "D", "E", "F"], "points"].tolist() == [3, 2, 1, 0]
