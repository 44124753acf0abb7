"""The suite generated from a contract, held against an independent check of the same rows."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from observation_builder import observations

from lma import contracts
from lma.contracts import Column, TableContract, TableRule
from lma.errors import ContractError
from lma.validation import check_rows, check_table, require
from lma.warehouse import find_rule_breakers

STAGING = "staging.observations"


def failures_by_hand(frame: pd.DataFrame, contract: TableContract) -> dict[str, set[int]]:
    """Rows that break each rule, by plain Python: independent of the suite under test."""
    broken: dict[str, set[int]] = {}
    for column in contract.columns:
        for row, cell in enumerate(frame[column.name].tolist()):
            for rule in broken_rules_of_cell(column, cell):
                broken.setdefault(f"{column.name}_{rule}", set()).add(row)
    for rule in contract.rules:
        if rule.kind == "duplicate_values":
            keys = [tuple(key) for key in frame[list(rule.columns)].to_numpy().tolist()]
            # One empty cell is no key at all; in a longer key two empty cells are the same.
            keyed = {row for row, key in enumerate(keys) if key != (None,)}
            repeated = {row for row in keyed if keys.count(keys[row]) > 1}
            broken |= {rule.rule_id: repeated} if repeated else {}
    return broken


def broken_rules_of_cell(column: Column, cell: Any) -> list[str]:
    if cell is None or (isinstance(cell, float) and np.isnan(cell)):
        return ["required"] if column.required else []
    too_small = column.minimum is not None and cell < column.minimum
    too_large = column.maximum is not None and cell > column.maximum
    found = {
        "pattern": column.pattern is not None and not follows(column.pattern, str(cell)),
        "range": too_small or too_large,
        "valid_values": bool(column.valid_values) and cell not in column.valid_values,
    }
    return [name for name, is_broken in found.items() if is_broken]


def follows(pattern: str, text: str) -> bool:
    whole = pattern.endswith("$")
    return bool(re.fullmatch(pattern[:-1], text) if whole else re.match(pattern, text))


def failures_found(frame: pd.DataFrame, failed: pd.DataFrame) -> dict[str, set[int]]:
    position = {key: row for row, key in enumerate(frame["observation_id"])}
    found: dict[str, set[int]] = {}
    for key, rule in zip(failed["observation_id"], failed["rule_id"], strict=True):
        row = position[key] if key in position else int(key.removeprefix("row ")) - 1
        found.setdefault(rule, set()).add(row)
    return found


BAD = {
    "ref_area": [None, "MU", "MUS\n", "mus", "MUSX", ""],
    "counterpart_area": ["_T", "_Z", "_Y", "ARM", None],
    "freq": ["A", "Q", "D", None],
    "sex": ["_T", "X", None],
    "age": ["Y15T24", "Y_GE65", "15-24", None],
    "time_period": ["2024", "2024-Q5", "2024-13", "2024-12", "24", None],
    "obs_value": [1.0, float("nan"), -1.0],
    "obs_status": ["A", "M", "?", None],
    "basis": ["reported", "guess", None],
    "snapshot_sha": ["a" * 64, "A" * 64, "a" * 63, None],
    "raw_row": [1, 0, -5],
    "note": [None, "a note"],
}
bad_rows = st.lists(
    st.dictionaries(st.sampled_from(sorted(BAD)), st.integers(0, 5), max_size=4), min_size=1, max_size=8
).map(lambda rows: [{name: BAD[name][i % len(BAD[name])] for name, i in row.items()} for row in rows])


@settings(max_examples=20, deadline=None)
@example(rows=[{}, *[{"age": None, "time_period": "2024"}] * 2, {"time_period": "2000"}])
@given(rows=bad_rows)
def test_suite_and_plain_check_refuse_the_same_rows(rows: list[dict[str, Any]]) -> None:
    contract = contracts.table_contract(STAGING)
    frame = observations(*({"time_period": str(2000 + n)} | row for n, row in enumerate(rows)))
    for name in ("snapshot_sha", "raw_row"):
        frame[name] = [row.get(name, own) for row, own in zip(rows, frame[name], strict=True)]
    expected = failures_by_hand(frame, contract)
    checked = check_rows(frame, contract)
    assert failures_found(frame, checked.failed) == expected
    refused = set().union(*expected.values()) if expected else set()
    assert len(checked.passed) == len(frame) - len(refused)
    counted = checked.checks.set_index("rule_id")["n_failed"]
    assert counted[counted > 0].to_dict() == {rule: len(found) for rule, found in expected.items()}


def test_line_break_at_the_end_of_a_code_is_refused() -> None:
    checks = check_table(observations({"ref_area": "MUS\n"}), contracts.table_contract(STAGING))
    assert checks.loc[~checks["success"], "rule_id"].tolist() == ["ref_area_pattern"]


def test_both_rows_of_one_key_are_refused_with_the_reason() -> None:
    contract = contracts.table_contract(STAGING)
    frame = observations({"obs_value": 1.0}, {"time_period": "2020"}, {"obs_value": 2.0})
    checked = check_rows(frame, contract)
    assert checked.passed["time_period"].tolist() == ["2020"]
    assert checked.failed.columns.tolist() == contracts.table_contract("meta.quarantine").column_names
    assert checked.failed["observation_id"].tolist() == frame["observation_id"].iloc[[0, 2]].tolist()
    assert checked.failed["source_id"].tolist() == ["survey"] * 2
    assert "cannot be known" in checked.failed["reason"].iloc[0]
    assert "MUS _Z A EMP" in checked.failed["value"].iloc[0]


def test_rules_in_sql_join_the_others() -> None:
    contract = contracts.table_contract(STAGING)
    frame = observations({"obs_value": -1.0}, {"time_period": "2020"}, {"time_period": "2021", "sex": "X"})
    checked = check_rows(frame, contract, find_rule_breakers(frame, contract), "survey:abc")
    assert checked.passed["time_period"].tolist() == ["2020"]
    assert set(checked.failed["rule_id"]) == {"persons_not_negative", "sex_valid_values"}
    assert checked.failed.set_index("rule_id")["value"]["sex_valid_values"] == "X"
    by_rule = checked.checks.set_index("rule_id")
    assert by_rule.loc["persons_not_negative", "n_failed"] == 1
    assert by_rule.loc["rates_within_0_100", "success"]
    assert set(by_rule["subject"]) == {"survey:abc"}


def test_frame_given_is_not_changed() -> None:
    frame = observations({"sex": "X"}, {})
    frame.index = pd.Index([7, 7])
    before = frame.copy()
    check_rows(frame, contracts.table_contract(STAGING))
    pd.testing.assert_frame_equal(frame, before)


def test_every_refused_row_is_found_however_many() -> None:
    frame = observations(*({"sex": "X", "time_period": str(1000 + n)} for n in range(3000)))
    checked = check_rows(frame, contracts.table_contract(STAGING))
    assert checked.passed.empty
    assert len(checked.failed) == 3000


def test_empty_table_breaks_the_rule_of_size_only() -> None:
    checks = check_table(observations({}).head(0), contracts.table_contract(STAGING))
    assert checks.loc[~checks["success"], "rule_id"].tolist() == ["row_count"]


@pytest.mark.parametrize("name", sorted(contracts.table_contracts()))
def test_every_contract_gives_a_suite_that_can_be_run(name: str) -> None:
    contract = contracts.table_contract(name)
    checks = check_table(empty_row(contract), contract)
    required = {f"{column.name}_required" for column in contract.columns if column.required}
    assert required <= set(checks.loc[~checks["success"], "rule_id"])
    assert not checks["rule_id"].duplicated().any()
    stored = contracts.table_contract("meta.contract_checks").column_names
    assert checks.columns.tolist() == [c for c in stored if c != "run_id"] + ["examples"]


def empty_row(contract: TableContract) -> pd.DataFrame:
    return pd.DataFrame([[None] * len(contract.columns)], columns=contract.column_names, dtype=object)


def small_contract(*columns: Column, rules: tuple[TableRule, ...] = ()) -> TableContract:
    return TableContract("marts.small", "one row per key", "Small.", columns, rules)


def test_lists_and_limits_are_checked() -> None:
    contract = small_contract(
        Column("small_id", "VARCHAR", "", required=True, primary_key=True),
        Column("share", "DOUBLE", "", minimum=0, maximum=1),
        Column("inputs", "VARCHAR[]", "", required=True),
    )
    frame = pd.DataFrame(
        {"small_id": ["a", "b", "c"], "share": [0.0, 1.0000001, np.nan], "inputs": [[], ["x"], None]}
    )
    checks = check_table(frame, contract).set_index("rule_id")
    assert checks["n_failed"].to_dict() == {"small_id_required": 0, "share_range": 1, "inputs_required": 1}
    assert checks["examples"].to_dict() == {
        "small_id_required": "",
        "share_range": "b",
        "inputs_required": "c",
    }


def test_rule_that_cannot_be_evaluated_is_a_state_of_its_own() -> None:
    contract = small_contract(Column("share", "DOUBLE", "", minimum=0, maximum=1))
    with pytest.raises(
        ContractError, match="rule share_range of marts.small could not be evaluated: .+ share"
    ):
        check_table(pd.DataFrame({"share": ["a half", 1.0]}), contract)


def test_frame_with_other_columns_is_refused() -> None:
    with pytest.raises(ContractError, match=r"missing \['note'\]"):
        check_rows(observations({}).drop(columns="note"), contracts.table_contract(STAGING))


def test_broken_rules_are_all_listed_with_five_keys() -> None:
    frame = observations(*({"sex": "X", "time_period": str(2000 + n)} for n in range(7)), {"basis": "guess"})
    checks = check_table(frame, contracts.table_contract(STAGING), "MUS")
    with pytest.raises(ContractError) as caught:
        require(checks)
    message = str(caught.value)
    assert caught.value.exit_code == 12
    assert "2 of" in message
    assert "staging.observations [MUS]: rule sex_valid_values, column sex: 7 of 8 rows, such as" in message
    assert message.count(":1;") == 1
    assert frame["observation_id"][4] in message
    assert frame["observation_id"][5] not in message
    assert "rule basis_valid_values" in message
    assert "corrections.yaml" in message


def test_kept_contract_is_silent() -> None:
    require(check_table(observations({}), contracts.table_contract(STAGING)))


def test_great_expectations_is_imported_only_to_check_and_says_nothing() -> None:
    program = """
import sys
import lma.validation, lma.warehouse, lma.snapshots
assert not {"great_expectations", "httpx"} & set(sys.modules), "imported too early"
sys.path.insert(0, "tests")
from observation_builder import observations
from lma.contracts import table_contract
lma.validation.check_table(observations({"sex": "X"}), table_contract("staging.observations"))
"""
    root = Path(__file__).parent.parent
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=root)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")
