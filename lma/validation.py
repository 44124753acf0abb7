"""The only module that knows Great Expectations: a suite is generated from a table contract.

Division of work: everything a contract says about columns, keys and size is checked here, on frames in
memory; its rules written in SQL are run by ``lma.warehouse`` (``find_rule_breakers``, ``run_sql_rules``).
Great Expectations takes seconds to import, so it is imported only when something is checked.
"""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd

from lma.contract_rules import Rule, list_rules
from lma.contracts import TableContract, table_contract
from lma.errors import ContractError

_EXAMPLES = 5


@dataclass(frozen=True)
class RowCheck:
    """Rows sorted by the contract: those that hold, those refused and why, and the result of each rule.

    ``failed`` has the columns of meta.quarantine (a row that breaks two rules stands there twice);
    ``checks`` those of meta.contract_checks without run_id, plus ``examples`` (keys of up to five rows).
    """

    passed: pd.DataFrame
    failed: pd.DataFrame
    checks: pd.DataFrame


@dataclass(frozen=True)
class _Outcome:
    """What one rule found: positions of the rows that break it (none for a rule about the size)."""

    rule: Rule
    success: bool
    rows: tuple[int, ...] = ()


# ---------------------------------------------------------------- checks


def check_rows(
    frame: pd.DataFrame,
    contract: TableContract,
    sql_failed: pd.DataFrame | None = None,
    subject: str = "_T",
) -> RowCheck:
    """Sort rows into those that hold and those to be refused, before they are loaded.

    ``sql_failed`` is what ``lma.warehouse.find_rule_breakers`` found in the same frame. Of rows with one key
    all are refused: which is right cannot be known here. ``ContractError`` when the frame has other columns,
    or a rule could not be evaluated.
    """
    numbered = frame.reset_index(drop=True)
    outcomes = _evaluate(numbered, contract, _rules(contract, of_size=False))
    outcomes += _sql_outcomes(contract, sql_failed)
    refused = sorted({row for outcome in outcomes for row in outcome.rows})
    return RowCheck(
        passed=numbered.drop(index=refused).reset_index(drop=True),
        failed=_failed_rows(numbered, contract, outcomes),
        checks=_checks(numbered, contract, outcomes, subject),
    )


def check_table(frame: pd.DataFrame, contract: TableContract, subject: str = "_T") -> pd.DataFrame:
    """Result of every rule on a whole table, or on one country's part (``subject``); rules in SQL excepted.

    Columns of meta.contract_checks without run_id, plus ``examples``. Changes nothing and raises only when
    a rule could not be evaluated; ``require`` stops on a broken one.
    """
    numbered = frame.reset_index(drop=True)
    outcomes = _evaluate(numbered, contract, _rules(contract, of_size=True))
    return _checks(numbered, contract, outcomes, subject)


def require(checks: pd.DataFrame) -> None:
    """Stop with a ``ContractError`` that lists every broken rule, or return silently."""
    broken = checks[~checks["success"].astype(bool)]
    if broken.empty:
        return
    lines = [_broken_line(row) for row in broken.to_dict("records")]
    tables = ", ".join(sorted(set(broken["table_name"])))
    raise ContractError(
        f"{tables} breaks its contract ({len(broken)} of {len(checks)} rules); nothing is published and the "
        "last edition stays in place:\n" + "\n".join(lines) + "\nCorrect the source, mapping or step that "
        "made these rows, or declare the publisher's error in corrections.yaml; then run again."
    )


def _broken_line(row: dict[Any, Any]) -> str:
    column = f", column {row['column_name']}" if isinstance(row["column_name"], str) else ""
    subject = "" if row["subject"] == "_T" else f" [{row['subject']}]"
    examples = f", such as {row['examples']}" if row.get("examples") else ""
    return (
        f"  {row['table_name']}{subject}: rule {row['rule_id']}{column}: "
        f"{row['n_failed']} of {row['n_checked']} rows{examples}. {row['description']}"
    )


# ---------------------------------------------------------------- contract -> expectations


def _rules(contract: TableContract, *, of_size: bool) -> list[Rule]:
    """The rules that are checked on frames, in the order of the contract; ``of_size``: on whole tables only."""
    rules = [rule for rule in list_rules(contract) if rule.kind != "sql"]
    return [rule for rule in rules if of_size or rule.kind != "row_count"]


def _expectation(rule: Rule) -> tuple[str, dict[str, Any]]:
    """Name of the class in Great Expectations that stands for a rule, and its arguments."""
    if rule.kind == "row_count":
        return "ExpectTableRowCountToBeBetween", {"min_value": rule.minimum}
    if rule.kind == "unique" and len(rule.columns) > 1:
        arguments = {"column_list": list(rule.columns), "ignore_row_if": "never"}
        return "ExpectCompoundColumnsToBeUnique", arguments
    of_column: dict[str, tuple[str, dict[str, Any]]] = {
        "required": ("ExpectColumnValuesToNotBeNull", {}),
        "pattern": ("ExpectColumnValuesToMatchRegex", {"regex": _closed(rule.pattern)}),
        "range": ("ExpectColumnValuesToBeBetween", {"min_value": rule.minimum, "max_value": rule.maximum}),
        "valid_values": ("ExpectColumnValuesToBeInSet", {"value_set": list(rule.valid_values)}),
        "unique": ("ExpectColumnValuesToBeUnique", {}),
    }
    name, arguments = of_column[rule.kind]
    return name, {"column": rule.columns[0], **arguments}


def _closed(pattern: str) -> str:
    """A final ``$`` also lets a line break through; ``\\Z`` does not."""
    return pattern[:-1] + r"\Z" if pattern.endswith("$") and not pattern.endswith(r"\$") else pattern


# ---------------------------------------------------------------- rules -> Great Expectations -> outcomes


def _evaluate(frame: pd.DataFrame, contract: TableContract, rules: Sequence[Rule]) -> list[_Outcome]:
    """Outcome of each rule: a fast pass for the verdicts, then a full one for the broken rules only."""
    _check_columns(frame, contract)
    verdicts = _validate(frame, contract, rules, "BOOLEAN_ONLY")
    broken = [rule for rule in rules if not verdicts[rule.rule_id].success]
    found = _validate(frame, contract, broken, "COMPLETE") if broken else {}
    return [
        _Outcome(rule, rule.rule_id not in found, _rows(found[rule.rule_id]) if rule.rule_id in found else ())
        for rule in rules
    ]


def _rows(result: Any) -> tuple[int, ...]:
    return tuple(sorted(int(row) for row in result.result.get("unexpected_index_list") or ()))


def _validate(
    frame: pd.DataFrame,
    contract: TableContract,
    rules: Sequence[Rule],
    result_format: Literal["BOOLEAN_ONLY", "COMPLETE"],
) -> dict[str, Any]:
    """Great Expectations' result by rule; an exception inside an expectation is no failed check: it stops."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    import great_expectations as gx
    import great_expectations.expectations as gxe
    from great_expectations.data_context.types.base import ProgressBarsConfig

    # It announces a temporary folder for every context it makes.
    logging.getLogger("great_expectations").setLevel(logging.WARNING)
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    asset = context.data_sources.add_pandas("frames").add_dataframe_asset(contract.name)
    batch = asset.add_batch_definition_whole_dataframe("whole").get_batch({"dataframe": frame})
    suite = gx.ExpectationSuite(name=contract.name)
    for rule in rules:
        name, arguments = _expectation(rule)
        suite.add_expectation(getattr(gxe, name)(**arguments, meta={"rule_id": rule.rule_id}))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        validated = batch.validate(suite, result_format=result_format)
    results = {_rule_id(result): result for result in validated.results}
    for rule in rules:
        _check_evaluated(results[rule.rule_id], rule, contract)
    return results


def _rule_id(result: Any) -> str:
    return str(result.expectation_config.meta["rule_id"])


def _check_evaluated(result: Any, rule: Rule, contract: TableContract) -> None:
    info = result.exception_info or {}
    found = [info] if "raised_exception" in info else list(info.values())
    for exception in found:
        if exception.get("raised_exception"):
            raise ContractError(
                f"rule {rule.rule_id} of {contract.name} could not be evaluated: "
                f"{exception.get('exception_message')}. It is neither kept nor broken; correct the type of "
                f"{', '.join(rule.columns) or 'the table'}, or the rule in the contract of {contract.name}."
            )


def _check_columns(frame: pd.DataFrame, contract: TableContract) -> None:
    found, expected = list(frame.columns), contract.column_names
    if found != expected:
        raise ContractError(
            f"a frame for {contract.name} has not its columns: missing {sorted(set(expected) - set(found))}, "
            f"unknown {sorted(set(found) - set(expected))}; their order is that of the contract."
        )


def _sql_outcomes(contract: TableContract, sql_failed: pd.DataFrame | None) -> list[_Outcome]:
    """Outcomes of the contract's SQL rules, from the rows that the warehouse found."""
    if sql_failed is None:
        return []
    outcomes = []
    for rule in list_rules(contract):
        if rule.kind == "sql":
            rows = tuple(int(row) for row in sql_failed.loc[sql_failed["rule_id"] == rule.rule_id, "row"])
            outcomes.append(_Outcome(rule, not rows, rows))
    return outcomes


# ---------------------------------------------------------------- outcomes -> frames


def _checks(
    frame: pd.DataFrame, contract: TableContract, outcomes: Sequence[_Outcome], subject: str
) -> pd.DataFrame:
    columns = [column for column in table_contract("meta.contract_checks").column_names if column != "run_id"]
    keys = _keys(frame, contract)
    rows = [
        (
            contract.name,
            subject,
            outcome.rule.rule_id,
            outcome.rule.column_name,
            outcome.rule.description,
            outcome.success,
            len(frame),
            len(outcome.rows),
            "; ".join(keys.iloc[list(outcome.rows[:_EXAMPLES])]),
        )
        for outcome in outcomes
    ]
    return pd.DataFrame(rows, columns=[*columns, "examples"])


def _keys(frame: pd.DataFrame, contract: TableContract) -> pd.Series[str]:
    """How a row is named in messages: its id where it has one, else its primary key."""
    first = contract.column_names[0]
    names = [first] if first.endswith("_id") else contract.primary_key or [first]
    keys = frame[names[0]].astype(str)
    for name in names[1:]:
        keys = keys + " " + frame[name].astype(str)
    return keys.where(frame[names].notna().all(axis=1), "row " + pd.Series(frame.index + 1).astype(str))


def _failed_rows(frame: pd.DataFrame, contract: TableContract, outcomes: Sequence[_Outcome]) -> pd.DataFrame:
    """Rows of meta.quarantine; values are shown, because no unit-level table passes here."""
    keys = _keys(frame, contract)
    rows = [
        {
            "table_name": contract.name,
            "source_id": _cell(frame, "source_id", row),
            "snapshot_sha": _cell(frame, "snapshot_sha", row),
            "observation_id": keys.iloc[row],
            "rule_id": outcome.rule.rule_id,
            "column_name": outcome.rule.column_name,
            "value": _values(frame, outcome.rule.columns, row),
            "reason": outcome.rule.description,
        }
        for outcome in outcomes
        for row in outcome.rows
    ]
    return pd.DataFrame(rows, columns=table_contract("meta.quarantine").column_names)


def _cell(frame: pd.DataFrame, column: str, row: int) -> str:
    value = frame[column].iloc[row] if column in frame.columns else None
    return value if isinstance(value, str) else "_Z"


def _values(frame: pd.DataFrame, columns: Sequence[str], row: int) -> str | None:
    shown = [str(frame[column].iloc[row]) for column in columns]
    return " ".join(shown) if shown else None
