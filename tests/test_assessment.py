"""What a reader of the tables must not be told: ages below zero, false reasons, refusals that nobody pronounced."""

from __future__ import annotations

import datetime as dt

import pandas as pd

from lma.assessment.cells import Key, Lineage, TableCells
from lma.assessment.migration import DECISION_COLUMNS, decision_table
from lma.assessment.profile import PROFILE_ROWS, list_profile_notes
from lma.assessment.quality import QUALITY_COLUMNS, _add_counts, _add_finding
from lma.assessment.selection import single
from lma.contracts import rule_set, table_contract
from lma.migration.steps import check_origin_safety

ROW = Key("s", "s")


def describe_source(basis: str, *periods: str) -> pd.DataFrame:
    rows = pd.DataFrame({"time_period": periods, "basis": basis, "obs_value": 1.0, "is_break": False})
    rows["observation_id"] = [f"o:{period}" for period in periods]
    return rows


def write_quality(rows: pd.DataFrame) -> pd.DataFrame:
    leaves = {str(node): ("s", dt.date(2026, 1, 1)) for node in rows["observation_id"]}
    table = TableCells("MUS", "T11", QUALITY_COLUMNS, Lineage(leaves, {}))
    ids = list(rows["observation_id"])
    _add_counts(table, ROW, rows, rows, ids, 2026)
    _add_finding(table, ROW, rows, rows, ids, 2026)
    return table.frame().set_index("column_id")


def test_projections_have_no_age() -> None:
    cells = write_quality(describe_source("projection", "2025", "2100"))
    assert cells.loc["age", "symbol"] == "[z]"
    assert cells.loc["last_period", "text"] == "2100"
    assert cells.loc["finding", "symbol"] == "[z]"


def test_an_old_source_is_reported_and_a_recent_one_is_not() -> None:
    old = write_quality(describe_source("reported", "2010", "2018"))
    assert old.loc["age", "value"] == 8
    assert old.loc["finding", "text"].startswith("Out of date: the last figure is of 2018, more than 3 years")
    assert write_quality(describe_source("reported", "2023")).loc["finding", "symbol"] == "[z]"


def test_old_figures_and_survey_figures_carry_their_note() -> None:
    lines = {line.id: line for line in PROFILE_ROWS}
    assert list_profile_notes(lines["REMIT"], {"time_period": "2016"}, "REP", 2023) == ["N_OLD"]
    assert list_profile_notes(lines["LFPR_GAP"], {"time_period": "2024"}, "REP", 2023) == ["N_SURVEY_AGES"]
    assert list_profile_notes(lines["LFPR_M"], {"time_period": "2024"}, "MOD", 2023) == []


def make_decision(step: str, outcome: str, text: str) -> dict[str, object]:
    known = {
        "decision_id": f"D:{step}", "ref_area": "MUS", "economic_activity": "C", "occupation": "_T", "step_id": step, "outcome": outcome,
        "text": text, "unit_measure": "NR", "basis": "projection", "inputs": [], "step": step,
    }  # fmt: skip
    return dict.fromkeys(table_contract("marts.decisions").column_names) | known


def test_a_test_without_a_number_is_not_called_untested() -> None:
    failed = make_decision("D1", "FAIL", "Rating SURPLUS.")
    open_test = make_decision("D5", "NOT_ASSESSED", "Not assessed: no exposure.")
    cells = decision_table("MUS", pd.DataFrame([failed, open_test]), Lineage({}, {}))
    reasons = {
        name: single(cells, column_id=name)["reason"] for name in ("D1_value", "D5_value", "D5_threshold")
    }
    assert reasons["D1_value"] == "the test has no numeric value"
    assert (
        reasons["D5_value"] == reasons["D5_threshold"] == "the test was not assessed, see how it was tested"
    )
    assert {key.id for key in DECISION_COLUMNS} >= set(reasons)


def make_corridor(origin: str, flags: list[str], reason: str) -> dict[str, object]:
    return {
        "origin": origin, "recommended": "NO", "flags": flags, "reason": reason, "basis": "projection", "corridor_id": f"C:{origin}",
    }  # fmt: skip


def test_without_a_shortage_no_origin_is_called_forbidden() -> None:
    idle = make_corridor("FRA", [], "The destination is not short in this activity (rated BALANCE).")
    listed = make_corridor("NPL", ["WHO_SSL"], "Do not recruit: WHO_SSL.")
    found = check_origin_safety(pd.DataFrame([idle, listed]), rule_set("decision"))
    assert found.outcome == "NOT_ASSESSED"
    assert "not to be recruited from: Nepal; not asked for, no shortage here: France;" in found.text
    assert check_origin_safety(pd.DataFrame([listed]), rule_set("decision")).reason_code == "ORIGIN_RISK"


def test_open_flags_of_a_candidate_are_said_where_it_passes() -> None:
    cleared = {
        "origin": "IND", "recommended": "CANDIDATE", "flags": ["SKILLED_DRAIN_RED"], "unchecked": ["EDUCATION_RISK"],
        "reason": "no flag forbids it", "basis": "reported", "corridor_id": "C:1",
    }  # fmt: skip
    found = check_origin_safety(pd.DataFrame([cleared]), rule_set("decision"))
    assert found.outcome == "PASS"
    assert "must weigh: India (raised SKILLED_DRAIN_RED; not checked EDUCATION_RISK)" in found.text


def _published(
    period: str,
    activity: str,
    value: float,
    kind: str = "reported",
    indicator: str = "EMP",
    source: str = "a",
) -> dict:
    return {
        "freq": "A", "sex": "_T", "age": "_T", "citizenship": "_T", "indicator": indicator, "basis_kind": kind,
        "economic_activity": activity, "time_period": period, "obs_value": value, "source_id": source, "as_of": "2022-05-08",
        "observation_id": f"{source}:{activity}:{period}:{indicator}",
    }  # fmt: skip


GROUPS = ("AGR", "MAN", "CON", "MEL", "MKT", "PUB")


def test_more_employed_than_active_is_a_conflict() -> None:
    from lma.assessment.quality import find_conflicts

    rows = [
        _published("2024", "_T", 600.0, "modelled"),
        _published("2024", "_T", 588.0, "modelled", "LF", "b"),
    ]
    found = find_conflicts(pd.DataFrame(rows))
    assert [conflict.id for conflict in found] == ["CONFLICT_EMP_LF"]
    assert "600 employed" in found[0].text and "labour force of 588" in found[0].text
    assert found[0].inputs == ["a:_T:2024:EMP", "b:_T:2024:LF"]
    assert find_conflicts(pd.DataFrame([rows[0] | {"obs_value": 500.0}, rows[1]])) == []


def test_activities_that_miss_a_revised_total_are_a_conflict() -> None:
    from lma.assessment.quality import find_conflicts

    rows = [_published("2020", code, 10.0) for code in GROUPS] + [_published("2020", "_T", 55.0, source="b")]
    assert [conflict.id for conflict in find_conflicts(pd.DataFrame(rows))] == ["CONFLICT_EMP_TOTAL"]
    assert find_conflicts(pd.DataFrame([*rows[:-1], rows[-1] | {"obs_value": 60.2}])) == []
    assert find_conflicts(pd.DataFrame(rows[1:])) == []  # one group missing: nothing can be summed
