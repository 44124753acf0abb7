"""Every promise of every contract is kept by a check: each rule is broken once and seen to fail.

Nothing here is listed by hand. From a contract come a row that keeps it, and for each of its rules a change
of one or few cells that breaks that rule; both the suite on frames and the generated SQL must say so.
"""

from __future__ import annotations

import datetime as dt
import itertools
import re
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from hypothesis import Phase, find, settings
from hypothesis import strategies as st

from lma import contracts
from lma.contract_rules import Rule, list_rules
from lma.contracts import Column, TableContract
from lma.errors import DefinitionError
from lma.validation import check_table
from lma.warehouse import find_rule_breakers

CONTRACTS = contracts.table_contracts()
SQL_RULES = [
    (name, rule.rule_id)
    for name, contract in CONTRACTS.items()
    for rule in list_rules(contract)
    if rule.kind == "sql"
]
FIRST = settings(phases=[Phase.generate], database=None, derandomize=True)  # any text, not the shortest
PLAIN = {
    "VARCHAR": "x", "DOUBLE": 1.0, "INTEGER": 1, "BOOLEAN": True, "DATE": dt.date(2025, 1, 31),
    "TIMESTAMP": dt.datetime(2025, 1, 31, 12), "VARCHAR[]": ["x"],
}  # fmt: skip


@cache
def keeping_value(column: Column) -> Any:
    """A value that keeps every rule of one column."""
    if column.valid_values:
        return column.valid_values[0]
    if column.pattern is not None:
        return find(st.from_regex(column.pattern, fullmatch=True), lambda _: True, settings=FIRST)
    if column.minimum is not None or column.maximum is not None:
        least = column.minimum if column.minimum is not None else column.maximum
        return type(PLAIN[column.physical_type])(least)
    return PLAIN[column.physical_type]


@cache
def keeping_row(name: str) -> dict[str, Any]:
    """A row that keeps every rule of a contract: optional cells are filled or empty, whichever keeps them."""
    contract = CONTRACTS[name]
    row = {column.name: keeping_value(column) for column in contract.columns}
    # Rules in SQL speak of several cells at once; the first combination that keeps them all is taken.
    spoken_of = [c for c in contract.columns if any(mentions(rule, c) for rule in sql_rules(contract))]
    combinations = itertools.product(*(candidates(contract, column) for column in spoken_of))
    names = [column.name for column in spoken_of]
    rows = [row | dict(zip(names, values, strict=True)) for values in itertools.islice(combinations, 2000)]
    breaking = set(find_rule_breakers(frame_of(contract, *rows), contract)["row"])
    return next(row for position, row in enumerate(rows) if position not in breaking)


def sql_rules(contract: TableContract) -> list[Rule]:
    return [rule for rule in list_rules(contract) if rule.kind == "sql"]


def mentions(rule: Rule, column: Column) -> bool:
    return re.search(rf"\b{column.name}\b", rule.query) is not None


def candidates(contract: TableContract, column: Column) -> list[Any]:
    """Values worth trying in one column: one that keeps its rules, those that the SQL names, extremes, nothing."""
    keeps = keeping_value(column)
    named: list[Any] = []
    if column.physical_type == "VARCHAR":
        named = [v for rule in sql_rules(contract) for v in re.findall(r"'([^']*)'", rule.query)]
        named = [v for v in dict.fromkeys(named) if not column.valid_values or v in column.valid_values]
    elif column.physical_type in ("DOUBLE", "INTEGER"):
        bounds = [column.minimum, column.maximum]
        named = [v for v in (-1.0, 101.0, 0.5) if within(v, *bounds)]
    elif column.physical_type == "VARCHAR[]":
        named = [[]]
    return [keeps, *named, *([] if column.required else [None])]


def within(value: float, minimum: float | None, maximum: float | None) -> bool:
    return (minimum is None or value >= minimum) and (maximum is None or value <= maximum)


def frame_of(contract: TableContract, *rows: dict[str, Any]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=contract.column_names).astype(object)


def wrong_value(rule: Rule) -> Any:
    """A value of one column that breaks one rule about it, and is right in every other way where it can be."""
    if rule.kind == "required":
        return None
    if rule.kind == "range":
        return rule.minimum - 1 if rule.minimum is not None else (rule.maximum or 0) + 1
    texts = ("no such text \n", " ")
    return next(text for text in texts if not rule.pattern or not re.match(rule.pattern, text))


def failing(contract: TableContract, rows: list[dict[str, Any]]) -> dict[str, int]:
    """Number of rows that break each broken rule, by the checks of a run."""
    frame = frame_of(contract, *rows)
    checks = check_table(frame, contract)
    broken = checks[~checks["success"].astype(bool)]
    by_sql = find_rule_breakers(frame, contract)["rule_id"].value_counts().to_dict()
    return dict(zip(broken["rule_id"], broken["n_failed"], strict=True)) | by_sql


@pytest.mark.parametrize("name", CONTRACTS)
def test_a_row_that_keeps_the_contract_breaks_no_rule(name: str) -> None:
    """Without this a check that always fails would pass the tests below."""
    assert failing(CONTRACTS[name], [keeping_row(name)]) == {}


@pytest.mark.parametrize("name", CONTRACTS)
def test_each_rule_about_a_column_is_broken_once_and_seen(name: str) -> None:
    """One row per rule, each wrong in the one cell that its rule speaks of: each rule finds its own row."""
    contract, row = CONTRACTS[name], keeping_row(name)
    rules = [
        rule for rule in list_rules(contract) if rule.kind in ("required", "pattern", "range", "valid_values")
    ]
    assert rules
    found = failing(contract, [row | {rule.columns[0]: wrong_value(rule)} for rule in rules])
    assert {rule.rule_id: found.get(rule.rule_id) for rule in rules} == {rule.rule_id: 1 for rule in rules}


@pytest.mark.parametrize("name", CONTRACTS)
def test_each_rule_about_keys_and_size_is_broken_and_seen(name: str) -> None:
    contract, row = CONTRACTS[name], keeping_row(name)
    keys = {rule.rule_id: 2 for rule in list_rules(contract) if rule.kind == "unique"}
    assert failing(contract, [row, dict(row)]) == keys
    sizes = {rule.rule_id for rule in list_rules(contract) if rule.kind == "row_count"}
    assert set(failing(contract, [])) == sizes


@pytest.mark.parametrize(("name", "rule_id"), SQL_RULES)
def test_each_rule_in_sql_is_broken_once_and_seen(name: str, rule_id: str) -> None:
    contract, row = CONTRACTS[name], keeping_row(name)
    rule = next(rule for rule in sql_rules(contract) if rule.rule_id == rule_id)
    columns = [column for column in contract.columns if mentions(rule, column)]
    combinations = itertools.product(*(candidates(contract, column) for column in columns))
    rows = [row | dict(zip([c.name for c in columns], values, strict=True)) for values in combinations]
    found = find_rule_breakers(frame_of(contract, *rows), contract)
    assert rule_id in set(found["rule_id"]), "it can never fail, or this test cannot find how"
    assert len(found[found["rule_id"] == rule_id]) < len(rows), "it always fails"


def test_patterns_mean_the_same_in_the_suite_and_in_sql() -> None:
    """The suite matches from the beginning, SQL anywhere: only a pattern that says so itself is the same in both."""
    patterns = [
        c.pattern for contract in CONTRACTS.values() for c in contract.columns if c.pattern is not None
    ]
    assert [pattern for pattern in patterns if not pattern.startswith("^")] == []


# ---------------------------------------------------------------- nothing is promised that nothing checks


def test_every_promise_in_the_yaml_becomes_a_rule() -> None:
    """Counted in the YAML itself, by other code than the one that reads it."""
    for path in sorted((contracts.contracts_dir() / "tables").glob("*.odcs.yaml")):
        table = yaml.safe_load(path.read_text(encoding="utf-8"))["schema"][0]
        promised = sum(bool(column.get("required")) for column in table["properties"])
        for column in table["properties"]:
            options = column.get("logicalTypeOptions", {})
            promised += ("pattern" in options) + bool({"minimum", "maximum"} & set(options))
            promised += len(column.get("quality", []))
        promised += len(table.get("quality", []))
        assert len(list_rules(CONTRACTS[table["physicalName"]])) == promised, path.name


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("logicalTypeOptions: {maxLength: 3}", "logicalTypeOptions.maxLength"),
        ("logicalTypeOptions: {exclusiveMinimum: 0}", "logicalTypeOptions.exclusiveMinimum"),
        ("unique: true", "unique"),
        ("quality: [{metric: nullValues, mustBe: 0, severity: error}]", "quality nullValues"),
        (
            "quality: [{metric: invalidValues, arguments: {validValues: [a]}, mustBeLessThan: 5, severity: error}]",
            "quality invalidValues",
        ),
        (
            "quality: [{metric: invalidValues, arguments: {validValues: [a]}, mustBe: 0, severity: warning}]",
            "quality invalidValues",
        ),
    ],
)
def test_promise_that_nothing_would_check_is_refused(written: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "marts.small.odcs.yaml"
    path.write_text(
        "version: 1.0.0\nkind: DataContract\napiVersion: v3.1.0\nid: lma.marts.small\nname: marts.small\nstatus: active\n"
        "schema:\n- name: small\n  physicalName: marts.small\n  physicalType: table\n  logicalType: object\n"
        "  description: Small.\n  dataGranularityDescription: one row per code\n  properties:\n  - name: code\n"
        f"    logicalType: string\n    physicalType: VARCHAR\n    description: Code.\n    {written}\n",
        encoding="utf-8",
    )
    with pytest.raises(DefinitionError, match=f"promises what nothing would check: code: {re.escape(words)}"):
        contracts.read_table_contract(path)


def test_every_table_that_sql_reads_or_python_fills_has_a_contract() -> None:
    """Tables named in our SQL and Python, in the schemas that contracts describe."""
    root = Path(__file__).parent.parent
    texts = [path.read_text(encoding="utf-8") for path in (root / "warehouse").rglob("*.sql")]
    texts += [
        path.read_text(encoding="utf-8") for room in ("lma", "flows") for path in (root / room).rglob("*.py")
    ]
    table = r"(?:staging|marts|meta)\.[a-z_]+"
    found = [
        re.findall(rf"(?:\b(?:from|join|into|update) ({table})\b(?!\()|\"({table})\")", text)
        for text in texts
    ]
    named = {name for pairs in found for pair in pairs for name in pair if name}
    assert {"marts.observations", "meta.releases", "marts.indicators"} <= named
    # Observations loaded as frames have the columns of staging.observations, which is the view of all of them.
    assert named - set(CONTRACTS) - {"meta.xml"} == {
        "staging.observations_of_batches"
    }  # a file of a workbook
