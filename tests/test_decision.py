"""The decision under missing data, its oracle and properties, the evidence of the country file, T7, T9 and T10."""

from __future__ import annotations

import datetime as dt
import itertools
import json
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from decision_builder import (
    CASES,
    build_balances,
    build_indicators,
    build_shortages,
    build_unit,
    observe,
    read_case,
    run_case,
)
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from flows.earlier import read_earlier_ratings
from flows.request import RunRequest
from lma.assessment.cells import Lineage
from lma.assessment.migration import decision_table, dependency_table
from lma.assessment.options import option_table
from lma.contracts import (
    EVIDENCE_CODES,
    Country,
    Evidence,
    Zone,
    codelist,
    read_yaml,
    rule_set,
    table_contract,
)
from lma.migration.alternatives import Alternative, Span, list_alternatives, total_alternatives
from lma.migration.decision import decide
from lma.migration.dependency import Concentration, Dependency, pair_counts
from lma.migration.evidence import Figure
from lma.migration.gaps import Gap, choose_gap, compute_need, judge_modality
from lma.migration.local_evidence import keep_reviewed, select_current
from lma.migration.options import OPTIONS, Case, list_options
from lma.migration.pools import measure_pools
from lma.migration.steps import (
    CurrentData,
    Outcome,
    Pay,
    Rating,
    check_data,
    check_decent_work,
    check_dependency,
    check_domestic_capacity,
    check_origin_safety,
    check_persistence,
    check_shortage,
    check_technology,
    check_time,
    conclude,
    find_training,
)
from lma.shortages.jsa import DRIVERS

RULES = rule_set("decision")


def figure(value: float, time_period: str = "2025") -> Figure:
    return Figure(value, time_period, "reported", (f"o:{value:g}",))


# ---------------------------------------------------------------- every subset of missing ingredients

INGREDIENTS: dict[str, Any] = {
    "data": CurrentData(tuple("abcde"), 3, 2025, "forecast", "reported", ("S:1",)),
    "rating": Rating("SHORTAGE", "reported", ("S:2",)),
    "gap": [
        Gap(1, "2026-2026", 1000, 4000, 7000, ("B:0",)),
        Gap(3, "2026-2028", 11000, 15000, 20000, ("B:1", "B:2", "B:3")),
    ],
    "pay": Pay(figure(80), figure(8), figure(4)),
    "alternatives": Alternative("NEET", "young people", 800.0, 100.0, 900.0, "young people: 800", "reported", ("o",), 0.5),
    "exposure": figure(55),
    "dependency": pair_counts(figure(57000), figure(11400)),
    "mix": Concentration(0.2, "2024", ("o:mix",), "reported"),
    "corridors": pd.DataFrame(
        [["IND", "C", "CANDIDATE", [], [], "no flag", "reported", "C:1"]],
        columns=["origin", "economic_activity", "recommended", "flags", "unchecked", "reason", "basis", "corridor_id"],
    ),
}  # fmt: skip
NEEDED_BY = {
    "data": "D0", "rating": "D1", "gap": "D2", "pay": "D3", "alternatives": "D4", "exposure": "D5", "dependency": "D7",
    "mix": "D7", "corridors": "D8",
}  # fmt: skip
NO_DATA = CurrentData((), 0, None, "none", "reported", ())


def judge(known: dict[str, Any]) -> list[Outcome]:
    """All rows of one activity from some of the ingredients, by the functions that ``decide`` calls."""
    gaps = known.get("gap", [])
    gap = choose_gap(gaps, 3)
    alternatives = [known["alternatives"]] if "alternatives" in known else []
    capacity, dependency = total_alternatives(alternatives), known.get("dependency")
    need = None if gap is None or capacity is None else compute_need(gap, capacity, None)
    outcomes = [
        check_data(known.get("data", NO_DATA), 2026, RULES),
        check_shortage(known.get("rating")),
        check_persistence(gap, known.get("rating"), (), "2026-11", RULES),
        check_decent_work(known.get("pay", Pay()), 2026, RULES),
        check_domestic_capacity(alternatives, gap),
        check_technology(known.get("exposure"), None, RULES),
        check_time(gaps, find_training("C", None, RULES), 2026),
        check_dependency(dependency, need, 0.5, known.get("mix"), 2026, RULES),
        check_origin_safety(known.get("corridors", INGREDIENTS["corridors"].iloc[:0]), RULES),
    ]
    result = conclude(outcomes, need, alternatives, judge_modality(gaps, None, RULES))
    steps = [*outcomes, result]
    return [*steps, *list_options(Case({one.step_id: one for one in steps}, alternatives, gap))]


def test_no_subset_of_missing_ingredients_is_an_option_an_exception_or_a_nan() -> None:
    names = list(INGREDIENTS)
    subsets = [set(some) for size in range(len(names) + 1) for some in itertools.combinations(names, size)]
    assert len(subsets) == 512
    for present in subsets:
        rows = {one.step_id: one for one in judge({name: INGREDIENTS[name] for name in present})}
        missing = set(names) - present
        for name in missing:
            assert rows[NEEDED_BY[name]].outcome != "PASS", (name, present)
        assert (rows["RESULT"].outcome == "FLAG") is not bool(missing), present
        assert (rows["OPTION_MIGRATE"].outcome == "FLAG") is not bool(missing), present
        for one in rows.values():
            numbers = [one.value, one.value_low, one.value_high, one.threshold]
            assert not any(number is not None and np.isnan(number) for number in numbers), (one, present)
            assert "nan" not in one.text.lower().split() and one.text, (one, present)
            assert one.outcome != "FAIL" or one.reason_code, (one, present)


PER_ACTIVITY = ("rating", "indicators", "gap", "pay", "foreign")


def build_world(national: bool) -> dict[str, Any]:
    """Frames of one country with one activity for every subset of five ingredients, with or without national figures."""
    folder = CASES[0]
    frames = {
        name: read_case(folder, f"{name}_in.csv")
        for name in ("observations", "shortages", "indicators", "balances")
    }
    subsets = {
        f"X{number}": {name for name, keep in zip(PER_ACTIVITY, bits, strict=True) if keep}
        for number, bits in enumerate(itertools.product([False, True], repeat=len(PER_ACTIVITY)))
    }
    parts: dict[str, list[pd.DataFrame]] = {name: [] for name in frames}
    for code, present in subsets.items():
        own = {
            name: frame[frame["economic_activity"] == "C"].assign(economic_activity=code)
            for name, frame in frames.items()
        }
        observed, rated = own["observations"], own["shortages"]
        parts["observations"].append(observed[(observed["citizenship"] == "_T") | ("foreign" in present)])
        parts["shortages"].append(rated[(rated["method"] != "rating") & ("indicators" in present)])
        parts["shortages"].append(rated[(rated["method"] == "rating") & ("rating" in present)])
        parts["indicators"].append(own["indicators"] if "pay" in present else own["indicators"].iloc[:0])
        parts["balances"].append(own["balances"] if "gap" in present else own["balances"].iloc[:0])
    whole = frames["observations"][frames["observations"]["economic_activity"] == "_T"]
    observations = pd.concat([*parts.pop("observations"), *([whole] if national else [])], ignore_index=True)
    merged = {name: pd.concat(some, ignore_index=True) for name, some in parts.items()}
    zones = [Zone(economic_activity=code, label=code) for code in subsets]
    return {
        "subsets": subsets,
        "country": Country(ref_area="MUS", label="MUS", role="destination", partners=["IND"], zones=zones),
        "frames": {
            "observations": observe(observations),
            "shortages": build_shortages(merged["shortages"]),
            "indicators": build_indicators(merged["indicators"], "MUS"),
            "balances": build_balances(merged["balances"], "MUS"),
            "forecasts": pd.DataFrame(columns=table_contract("marts.forecasts").column_names),
            "corridors": run_case(folder)[1],
        },
    }


@pytest.mark.parametrize("national", [True, False])
def test_frames_that_lack_anything_give_reasons(national: bool) -> None:
    world = build_world(national)
    rows = decide(world["country"], as_of_year=2026, **world["frames"])
    assert not (rows["reason_code"] == "LABOUR_MIGRATION_OPTION").any()
    assert rows["text"].str.len().gt(10).all() and not rows["text"].str.contains(r"\bnan\b").any()
    by_step = rows.set_index(["economic_activity", "step_id"])["outcome"]
    needs = {"rating": "D1", "indicators": "D0", "gap": "D2", "pay": "D3", "foreign": "D7"}
    for code, present in world["subsets"].items():
        for name in set(needs) - present:
            assert by_step[code, needs[name]] != "PASS", (code, name)
        if national and "gap" in present:
            assert by_step[code, "D4"] == "PASS", code


def test_figures_out_of_date_decide_nothing() -> None:
    old = [Figure(one.value, "2020", one.basis, one.ids) for one in (figure(80), figure(8), figure(4))]
    assert check_decent_work(Pay(*old), 2023, RULES).outcome == "PASS"
    late = check_decent_work(Pay(*old), 2024, RULES)
    assert (late.outcome, "out of date" in late.text) == ("NOT_ASSESSED", True)
    counted, mix = (
        pair_counts(figure(1000, "2020"), figure(100, "2020")),
        Concentration(0.2, "2024", (), "reported"),
    )
    assert check_dependency(counted, None, 0.5, mix, 2025, RULES).outcome == "PASS"
    assert check_dependency(counted, None, 0.5, mix, 2026, RULES).outcome == "NOT_ASSESSED"
    assert check_dependency(pair_counts(figure(10), figure(9)), None, 0.5, mix, 2026, RULES).outcome == "FAIL"


def test_negative_and_zero_counts_stand_for_nothing() -> None:
    folder = CASES[0]
    rows = read_case(folder, "observations_in.csv")
    for bad in ("-5", "0"):
        observations = observe(rows.assign(obs_value=bad))
        found = list_alternatives(build_unit(observations, "C"), Span(3, 1))
        assert all(one.value is None or one.value == 0 for one in found)
    impossible = rows.assign(obs_value=rows["obs_value"].mask(rows["indicator"] == "UNE_RT", "140"))
    unemployed = list_alternatives(build_unit(observe(impossible), "C"), Span(3, 1))[0]
    assert unemployed.value is None and "not assessed" in unemployed.text


# ---------------------------------------------------------------- oracle: need and headroom without the formulas


def find_headroom_by_search(total: int, foreign: int, ceiling: float) -> int:
    """Largest number of persons that may be added, found by trying every one."""
    added = np.arange(0, 200_000)
    allowed = (foreign + added) / (total + added) <= ceiling + 1e-12
    return int(added[allowed][-1]) if allowed.any() else 0


def simulate_pool(pool: float, rate: float, years: int, training: int) -> float:
    """Persons working by the end: each year some of those left start, and work once they are trained."""
    left, working = pool, 0.0
    for year in range(1, years + 1):
        started = left * rate
        left -= started
        if year + training <= years:
            working += started
    return working


@pytest.mark.parametrize("foreign", [11400, 28000])
@pytest.mark.parametrize("unemployment", [2.0, 9.0])
def test_need_agrees_with_an_oracle(foreign: int, unemployment: float) -> None:
    folder = CASES[0]
    rows = read_case(folder, "observations_in.csv")
    values = rows["obs_value"].mask(rows["citizenship"] == "FOR", str(foreign))
    rows = rows.assign(obs_value=values.mask(rows["indicator"] == "UNE_RT", str(unemployment)))
    frames = build_world(True)["frames"] | {
        "observations": observe(rows),
        "shortages": build_shortages(read_case(folder, "shortages_in.csv")),
        "indicators": build_indicators(read_case(folder, "indicators_in.csv"), "MUS"),
        "balances": build_balances(read_case(folder, "balances_in.csv"), "MUS"),
    }
    country = Country(ref_area="MUS", label="MUS", role="destination", partners=["IND"])
    found = decide(country, as_of_year=2026, **frames).set_index("step_id").loc["RESULT"]
    jobless = 600_000 * unemployment / 100
    usable = max(0.0, jobless - 0.03 * (600_000 - jobless))
    ends = []  # (usable share, NEET rate, women's rate, training) of the middle, low and high end
    for fit, neet, women, training in ((0.1, 0.1, 0.05, 1), (0.05, 0.05, 0.025, 1), (0.2, 0.15, 0.075, 0)):
        people = (
            usable + simulate_pool(30_000, neet, 3, training) + simulate_pool(125_000, women, 3, training)
        )
        ends.append(fit * people)
    room = find_headroom_by_search(57_000, foreign, 0.5)
    wanted = [15_000 - ends[0], 11_000 - ends[2], 20_000 - ends[1]]
    expected = np.clip(wanted, 0, room)
    assert found["reason_code"] == "LABOUR_MIGRATION_OPTION"
    np.testing.assert_allclose(found[["value", "value_low", "value_high"]].astype(float), expected, rtol=1e-9)


# ---------------------------------------------------------------- properties

PERSONS = st.floats(-1e5, 1e5)
CAPACITY = st.tuples(*[st.floats(0, 1e5)] * 3).map(lambda ends: tuple(sorted(ends)))


def need_of(ends: tuple[float, ...], capacity: tuple[float, ...], headroom: float | None) -> list[float]:
    low, middle, high = sorted(ends)
    least, value, most = capacity
    need = compute_need(Gap(3, "2026-2028", low, middle, high, ()), (value, least, most), headroom)
    return [need.value, need.low, need.high, need.wanted_low, need.wanted_high]


@given(
    ends=st.tuples(PERSONS, PERSONS, PERSONS),
    capacity=CAPACITY,
    more=st.floats(0, 1e5),
    room=st.none() | st.floats(0, 1e5),
)
def test_a_larger_gap_never_lowers_and_more_capacity_never_raises_the_need(
    ends: tuple[float, float, float], capacity: tuple[float, float, float], more: float, room: float | None
) -> None:
    before = need_of(ends, capacity, room)
    larger = need_of(tuple(end + more for end in ends), capacity, room)
    richer = need_of(ends, tuple(end + more for end in capacity), room)
    assert all(new >= old - 1e-6 for new, old in zip(larger, before, strict=True))
    assert all(new <= old + 1e-6 for new, old in zip(richer, before, strict=True))


@given(training=st.integers(0, 4), longer=st.integers(0, 3), years=st.integers(1, 8))
def test_longer_training_never_finds_more_people(training: int, longer: int, years: int) -> None:
    from lma.migration.alternatives import _activate

    rhos = [10.0, 5.0, 15.0]
    short, long = (_activate(1000, rhos, Span(years, t)) for t in (training, training + longer))
    assert all(one >= other for one, other in zip(short, long, strict=True))
    assert long[1] <= long[0] <= long[2] <= 1000


def test_order_of_rows_and_of_sectors_changes_nothing() -> None:
    world = build_world(True)
    kept = [f"X{number}" for number in (0, 7, 15, 23, 31)]
    frames = {
        name: frame[frame["economic_activity"].isin([*kept, "_T"])] for name, frame in world["frames"].items()
    }
    world |= {
        "frames": frames,
        "country": world["country"].model_copy(update={"zones": world["country"].zones[:2]}),
    }
    first = decide(world["country"], as_of_year=2026, **world["frames"])
    shuffled = {name: frame.sample(frac=1, random_state=7) for name, frame in world["frames"].items()}
    zones = list(reversed(world["country"].zones))
    second = decide(world["country"].model_copy(update={"zones": zones}), as_of_year=2026, **shuffled)
    columns = [
        "decision_id",
        "value",
        "value_low",
        "value_high",
        "threshold",
        "outcome",
        "reason_code",
        "text",
    ]
    pd.testing.assert_frame_equal(first[columns], second[columns])


@pytest.mark.parametrize(
    ("ends", "code"),
    [
        ([-5, -3], "NONE"), ([5, 6, 7], "FIXED_TERM"), ([5, 6, 7, 8, 9], "LONGER_TERM"), ([5, -1, -1], "CIRCULAR"),
        ([5, 6, 7, 8, -1], "FIXED_TERM"), ([-1, 5, 6, 7, -2], "CIRCULAR"), ([], "NONE"),
    ],
)  # fmt: skip
def test_modality_by_how_long_the_gap_is_open(ends: list[float], code: str) -> None:
    gaps = [Gap(n, f"2026-{2025 + n}", end - 1, end, end + 1, ("B",)) for n, end in enumerate(ends, start=1)]
    assert judge_modality(gaps, None, RULES).code == code
    season = judge_modality(gaps, figure(1.6), RULES).code
    assert season == ("NONE" if code == "NONE" else "SEASONAL")
    assert judge_modality(gaps, figure(1.5), RULES).code == code


# ---------------------------------------------------------------- evidence of the country file


def evidence(**fields: object) -> Evidence:
    basic = {
        "economic_activity": "C",
        "time_period": "2025",
        "basis": "reported",
        "source": "Ministry survey",
        "reviewed_on": "2026-03-01",
    }
    return Evidence.model_validate(basic | fields)  # fmt: skip


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"figure": "RISK", "value": 4}, "is none of"),
        ({"figure": "AUTOMATION_RISK", "value": 140}, "from 0 to 100"),
        ({"figure": "AUTOMATION_RISK"}, "takes a value"),
        ({"figure": "AUTOMATION_RISK", "value": 40, "low": 50}, "must not fall"),
        ({"figure": "DRIVER", "code": "LAZINESS"}, "one of LONG_TRAINING"),
        ({"figure": "ORIGIN_RATING", "code": "SURPLUS"}, "counterpart_area '_Z'"),
        ({"figure": "AUTOMATION_RISK", "value": 4, "source": ""}, "at least 5 characters"),
        ({"figure": "AUTOMATION_RISK", "value": 4, "reviewed_on": "soon"}, "valid date"),
        ({"figure": "AUTOMATION_RISK", "value": 4, "by": "me"}, "Extra inputs"),
    ],
)
def test_evidence_that_cannot_stand_is_refused(fields: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        evidence(**fields)


def test_example_of_the_documentation_is_evidence(tmp_path: Path) -> None:
    page = (Path(__file__).parent.parent / "docs" / "decision.md").read_text(encoding="utf-8")
    shown = page[page.index("    evidence:") : page.index("\nIt fills gaps only")]
    (tmp_path / "evidence.yaml").write_text(textwrap.dedent(shown), encoding="utf-8")
    given = [Evidence.model_validate(one) for one in read_yaml(tmp_path / "evidence.yaml")["evidence"]]
    assert [one.figure for one in given] == ["AUTOMATION_RISK", "ORIGIN_RATING"]


def test_evidence_of_an_unknown_activity_is_refused() -> None:
    with pytest.raises(ValidationError, match="neither in codelists"):
        Country(
            ref_area="MUS", label="Mauritius", role="destination", partners=[],
            evidence=[evidence(figure="AUTOMATION_RISK", value=4, economic_activity="ZZ")],
        )  # fmt: skip


def test_evidence_is_seen_from_its_review_and_until_it_is_old() -> None:
    one = evidence(figure="AUTOMATION_RISK", value=4)
    country = Country(ref_area="MUS", label="Mauritius", role="destination", partners=[], evidence=[one])
    assert keep_reviewed(country, dt.date(2026, 2, 28)).evidence == []
    assert keep_reviewed(country, dt.date(2026, 3, 1)).evidence == [one]
    assert [len(select_current([one], year, 3)) for year in (2024, 2025, 2028, 2029)] == [0, 1, 1, 0]


def test_codelist_of_evidence_names_steps_units_and_the_drivers_of_the_rule_set() -> None:
    kinds = codelist("evidence_figures")
    assert set(kinds["serves"]) <= {*(f"D{n}" for n in range(9)), "MODALITY", "T9"}
    assert set(EVIDENCE_CODES) == set(kinds.loc[kinds["unit_measure"] == "CODE", "figure"])
    assert EVIDENCE_CODES["DRIVER"] == DRIVERS


# ---------------------------------------------------------------- earlier assessments


def write_edition(folder: Path, name: str, rating: str, as_of: str = "2025-01-01") -> None:
    (folder / "MUS" / name / "tables").mkdir(parents=True)
    (folder / "MUS" / name / "run.json").write_text(json.dumps({"as_of": as_of}))
    cells = pd.DataFrame(
        {"row_id": ["C", "C"], "column_id": ["final_rating", "score"], "text": [rating, "x"]}
    )
    cells.to_csv(folder / "MUS" / name / "tables" / "T3.csv", index=False)


def test_earlier_ratings_are_of_the_last_edition_of_each_month_back_to_the_span(tmp_path: Path) -> None:
    for name, rating in (
        ("2026-11", "SEVERE"), ("2026-10", "BALANCE"), ("2026-10.2", "SHORTAGE"), ("2025-11", "WATCH"), ("2025-06", "N"),
    ):  # fmt: skip
        write_edition(tmp_path, name, rating)
    request = RunRequest(
        ref_areas=("MUS",), out=tmp_path, warehouse=tmp_path / "lma.duckdb", edition="2026-11"
    )
    found = read_earlier_ratings(request, "MUS", 12)
    assert [(one.edition, one.rating) for one in found["C"]] == [
        ("2026-10.2", "SHORTAGE"),
        ("2025-11", "WATCH"),
    ]


def test_editions_that_know_later_vintages_are_not_read(tmp_path: Path) -> None:
    write_edition(tmp_path, "2026-10", "SHORTAGE", "2026-09-30")
    request = RunRequest(
        ref_areas=("MUS",),
        out=tmp_path,
        warehouse=tmp_path / "lma.duckdb",
        edition="2026-11",
        as_of=dt.date(2026, 1, 1),
    )
    assert read_earlier_ratings(request, "MUS", 12) == {}


# ---------------------------------------------------------------- what the ministry reads


def cells_of(number: int, table: Any, **changed: float) -> pd.DataFrame:
    """Cells of a table of one case, by row and column; ``changed`` gives steps another range, such as OPTION_TRAIN=0."""
    decisions = run_case(CASES[number - 1])[0]
    for step, value in changed.items():
        decisions.loc[decisions["step_id"] == step, ["value_low", "value", "value_high"]] = value
    leaves = {node: ("case", dt.date(2026, 1, 1)) for ids in decisions["inputs"] for node in ids}
    inputs = dict(zip(decisions["decision_id"], decisions["inputs"], strict=True))
    lineage = Lineage({k: v for k, v in leaves.items() if k not in inputs}, inputs)
    return table("MUS", decisions, lineage).set_index(["row_id", "column_id"])


def test_young_people_without_work_are_added_up_by_sex_where_both_are_known() -> None:
    """As T17 does, so that T10 and T17 name one number: 80,000 x 30 % + 90,000 x 10 %, not 170,000 x 20 %."""
    rows = pd.DataFrame(
        [("NEET_RT", "_T", "_T", 20), ("NEET_RT", "F", "_T", 30), ("NEET_RT", "M", "_T", 10)]
        + [("POP", "F", "Y15T24", 80_000), ("POP", "M", "Y15T24", 90_000)],
        columns=["indicator", "sex", "age", "obs_value"],
    )
    rows = rows.assign(ref_area="MUS", counterpart_area="_Z", economic_activity="_T", citizenship="_T")
    known = observe(rows.assign(time_period="2025").astype(str))
    both = measure_pools(known, "MUS", 2026, RULES).neet
    assert both is not None and both.persons == 33_000 and both.share_women == 24_000 / 33_000
    assert both.text.startswith("NEET 33,000 = women 15-24 80,000") and " + men 15-24 90,000" in both.text
    alone = measure_pools(known[known["sex"].ne("F") | known["indicator"].ne("NEET_RT")], "MUS", 2026, RULES)
    assert alone.neet is not None and alone.neet.persons == 34_000 and alone.neet.share_women is None


def test_the_foreign_share_of_d7_keeps_the_basis_of_the_counts() -> None:
    total, foreign = (Figure(value, "2025", "reported", (str(value),)) for value in (1000.0, 400.0))
    counts = Dependency(total, foreign, 0.4, None, None, None, None, ("1000.0", "400.0"))
    origins = Concentration(0.2, "2025", ("o",), "modelled_estimate")
    shown = check_dependency(counts, None, 0.5, origins, 2026, RULES)
    assert shown.value == 40 and shown.basis == "reported"


def test_t10_leaves_the_reviewer_blank_and_never_shows_one_number_as_a_range() -> None:
    for number in (1, 2, 14, 17, 23):
        cells = cells_of(number, decision_table)
        row = cells.index[0][0]
        for column in ("reviewer", "sign_off"):
            assert cells.loc[(row, column), "symbol"] == "[z]" and pd.isna(cells.loc[(row, column), "value"])
        low, high = (cells.loc[(row, f"need_{end}"), "value"] for end in ("low", "high"))
        assert pd.isna(low) or low < high, CASES[number - 1].name
    chosen = cells_of(1, decision_table)
    assert chosen.loc[("C", "D7_threshold"), "basis"] == chosen.loc[("C", "D6_value"), "basis"] == "computed"
    assert chosen.loc[("C", "D4_threshold"), "basis"] == "projection"
    stopped = cells_of(17, decision_table)
    assert stopped.loc[("C", "need_low"), "reason"] == "the ceiling stops both ends: at most the upper end"
    assert stopped.loc[("C", "need_high"), "value"] == 200
    assert cells_of(23, decision_table).loc[("C", "modality"), "text"] == "seasonal"


def test_t9_has_seven_options_with_codes_bands_and_whose_bands_they_are() -> None:
    cells = cells_of(10, option_table)
    assert cells.loc[("C", "pay"), "text"] == "try first: IMPROVE_PAY_CONDITIONS"
    assert cells.loc[("C", "migrate"), "text"] == "ruled out: IMPROVE_PAY_CONDITIONS"
    assert cells.loc[("C", "automate"), "text"] == "not needed: LITTLE_SCOPE"
    assert cells.loc[("C", "drivers"), "symbol"] == "[x]"
    assert cells.loc[("C", "neet_low"), "value"] == pytest.approx(146.25)
    for row in ("_TIME", "_COST"):
        assert all("(own" in cells.loc[(row, code.lower()), "text"] for code in OPTIONS)
    flagged = cells_of(1, option_table)
    assert flagged.loc[("C", "migrate"), "text"] == "for review: LABOUR_MIGRATION_OPTION"
    assert flagged.loc[("C", "migrate_low"), "value"] < flagged.loc[("C", "migrate_high"), "value"]
    assert cells_of(2, option_table).loc[("C", "train"), "text"] == "no gap to fill: NO_SHORTAGE"


def test_a_gap_that_opens_later_is_time_to_train_ahead() -> None:
    gaps = [Gap(n, f"2026-{2025 + n}", -9.0, end, 9.0, ("B",)) for n, end in ((1, -5.0), (3, -2.0), (5, 4.0))]
    rows = {one.step_id: one for one in judge({"rating": Rating("BALANCE", "reported", ()), "gap": gaps})}
    assert rows["OPTION_TRAIN"].reason_code == rows["D6"].reason_code == "TRAIN_AHEAD"
    rows = {one.step_id: one for one in judge({"rating": Rating("BALANCE", "reported", ()), "gap": gaps[:2]})}
    assert rows["OPTION_TRAIN"].reason_code == rows["OPTION_PAY"].reason_code == "NO_SHORTAGE"


def test_occupations_follow_the_activities() -> None:
    decisions = run_case(CASES[0])[0]
    nurses = decisions.assign(
        occupation="OC2", decision_id=decisions["decision_id"].str.replace(":_T:", ":OC2:")
    )
    both = pd.concat([nurses, decisions], ignore_index=True)
    for table in (decision_table, option_table):
        rows = table("MUS", both, Lineage({}, {}))["row_label"].unique()
        assert list(rows[:2]) == ["Manufacturing", "Manufacturing, occupation OC2"]


def test_nothing_is_recommended_without_another_option_considered() -> None:
    for folder in [CASES[number - 1] for number in (1, 2, 12, 17, 22)]:
        for _, unit in run_case(folder)[0].groupby("economic_activity"):
            outcomes = unit.set_index("step_id")["outcome"]
            if outcomes["OPTION_MIGRATE"] == "FLAG":
                others = [outcomes[f"OPTION_{code}"] for code in OPTIONS if code != "MIGRATE"]
                assert set(others) != {"NOT_ASSESSED"}, folder.name


def lay_out_t7(foreign: int, ceiling: float, given: list[Evidence] | None = None) -> pd.DataFrame:
    counts = pd.DataFrame(
        [("_T", 1000), ("FOR", foreign), ("NAT", 1000 - foreign)], columns=["citizenship", "obs_value"]
    ).assign(indicator="EMP", ref_area="MUS", economic_activity="EOE", time_period="2025-Q3")
    observations = observe(counts).assign(unit_measure="PS")
    share = {
        "indicator": "FOREIGN_SHARE",
        "economic_activity": "EOE",
        "time_period": "2025-Q3",
        "value": foreign / 10,
    }
    derived = build_indicators(pd.DataFrame([share]), "MUS")
    derived = derived.assign(unit_measure="PC", step="f / t", inputs=[list(observations["observation_id"])])
    country = Country(
        ref_area="MUS", label="Mauritius", role="destination", partners=[], dependency_ceiling=ceiling,
        zones=[Zone(economic_activity="EOE", label="Export zone")], evidence=given or [],
    )  # fmt: skip
    leaves = dict.fromkeys(observations["observation_id"], ("case", dt.date(2026, 1, 1)))
    lineage = Lineage(leaves, dict(zip(derived["indicator_id"], derived["inputs"], strict=True)))
    return dependency_table(country, observations, derived, lineage).set_index(["row_id", "column_id"])


def test_t7_says_that_the_ceiling_is_chosen_and_when_it_is_exceeded() -> None:
    cells = lay_out_t7(400, 0.5)
    assert (cells.loc[("EOE", "ceiling"), "value"], cells.loc[("EOE", "ceiling"), "basis"]) == (
        50,
        "computed",
    )
    assert cells.loc[("EOE", "headroom"), "value"] == 200
    exceeded = lay_out_t7(600, 0.5).loc[("EOE", "headroom")]
    assert exceeded["value"] == 0 and "-200: the ceiling is exceeded already" in exceeded["step"]
    assert lay_out_t7(600, 1.0).loc[("EOE", "ceiling"), "text"] == "none set"
    assert lay_out_t7(600, 1.0).loc[("EOE", "headroom"), "reason"] == "no ceiling is set"


def test_t7_shows_counts_of_the_country_file_as_words_with_their_source() -> None:
    given = [evidence(figure="WORKERS", value=60000), evidence(figure="FOREIGN_WORKERS", value=9000)]
    cells = lay_out_t7(400, 0.5, given)
    assert cells.loc[("C_EVIDENCE", "share"), "text"] == "15.00"
    assert "Ministry survey, reviewed 2026-03-01" in cells.loc[("C_EVIDENCE", "share"), "step"]
    assert cells.loc[("C_EVIDENCE", "headroom"), "text"] == "42,000"
    impossible = [evidence(figure="WORKERS", value=600), evidence(figure="FOREIGN_WORKERS", value=9000)]
    assert "make no share" in lay_out_t7(400, 0.5, impossible).loc[("C_EVIDENCE", "share"), "reason"]


def test_no_form_of_migration_stands_beside_a_decision_that_refuses_it() -> None:
    refused = cells_of(10, decision_table).loc["C"]
    assert refused.loc["result", "text"] == "IMPROVE_PAY_CONDITIONS"
    assert pd.isna(refused.loc["modality", "text"]) and refused.loc["modality", "symbol"] == "[z]"
    assert "not recommended" in refused.loc["modality", "reason"]


def test_training_without_seekers_to_spare_shows_no_range_of_nobody() -> None:
    cells = cells_of(10, option_table, OPTION_TRAIN=0.0)
    assert set(cells.loc[[("C", "train_low"), ("C", "train_high")], "symbol"]) == {"[z]"}
