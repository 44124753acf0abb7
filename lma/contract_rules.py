"""What a table contract demands, rule by rule: one list for every engine that holds a table to it.

``lma.validation`` turns these rules into a Great Expectations suite for frames; ``lma.warehouse`` runs them
as SQL, written here, on tables too large for a frame. A test holds both to the same verdict.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

from lma.contracts import Column, TableContract, TableRule

Kind = Literal["required", "pattern", "range", "valid_values", "unique", "row_count", "sql"]


@dataclass(frozen=True)
class Rule:
    """One demand of a contract. An empty cell breaks only ``required``; keys count empty cells as equal."""

    rule_id: str
    kind: Kind
    description: str
    columns: tuple[str, ...] = ()
    pattern: str = ""
    minimum: float | None = None
    maximum: float | None = None
    valid_values: tuple[str, ...] = ()
    query: str = ""

    @property
    def column_name(self) -> str | None:
        """The column the rule speaks of, where it speaks of one."""
        return self.columns[0] if len(self.columns) == 1 else None


def list_rules(contract: TableContract) -> list[Rule]:
    """Every rule of a contract: columns in their order, then keys, size and the rules written in SQL."""
    of_columns = [rule for column in contract.columns for rule in _rules_of_column(column)]
    return of_columns + [_rule_of_table(rule) for rule in contract.rules]


def _rules_of_column(column: Column) -> list[Rule]:
    name, rules = column.name, []
    if column.required:
        rules.append(Rule(f"{name}_required", "required", f"{name} is never empty.", (name,)))
    if column.pattern is not None:
        words = f"{name} follows {column.pattern}."
        rules.append(Rule(f"{name}_pattern", "pattern", words, (name,), pattern=column.pattern))
    if column.minimum is not None or column.maximum is not None:
        words = f"{name} lies between {_bound(column.minimum)} and {_bound(column.maximum)}."
        limits = (column.minimum, column.maximum)
        rules.append(Rule(f"{name}_range", "range", words, (name,), minimum=limits[0], maximum=limits[1]))
    if column.valid_values:
        words = f"{name} is one of {', '.join(column.valid_values)}."
        rules.append(
            Rule(f"{name}_valid_values", "valid_values", words, (name,), valid_values=column.valid_values)
        )
    return rules


def _bound(value: float | None) -> str:
    return "any" if value is None else f"{value:g}"


def _rule_of_table(rule: TableRule) -> Rule:
    kinds: dict[str, Kind] = {"duplicate_values": "unique", "row_count": "row_count", "sql": "sql"}
    return Rule(
        rule.rule_id,
        kinds[rule.kind],
        rule.description,
        rule.columns,
        minimum=rule.minimum_rows if rule.kind == "row_count" else None,
        query=rule.query,
    )


# ---------------------------------------------------------------- the same rules in SQL


def broken_rows(rule: Rule, table: str) -> str:
    """Query of the rows of ``table`` (a name, or a query in parentheses) that break a rule about rows."""
    if rule.kind != "unique":
        return f"select * from {table} where {_broken(rule)}"
    key = ", ".join(map(_quoted, rule.columns))
    same = " and ".join(f"t.{c} is not distinct from repeated.{c}" for c in map(_quoted, rule.columns))
    # A hash first: rows with one key have one hash, and hashes are cheap to count where keys are long.
    suspects = f"select hash({key}) as h from {table} group by h having count(*) > 1"
    repeated = f"select {key} from {table} where hash({key}) in ({suspects}) group by all having count(*) > 1"
    empty = f" where t.{key} is not null" if len(rule.columns) == 1 else ""
    return f"select t.* from {table} as t join ({repeated}) as repeated on {same}{empty}"


def counts_of_broken_rows(rules: Sequence[Rule], table: str, codes: Collection[str] = ()) -> str:
    """Query of one row: how many rows break each rule about single columns.

    One pass over the table; columns among ``codes`` have few distinct texts, so each of these is judged once.
    """
    counted = [
        _count_by_code(rule, table)
        if rule.columns[0] in codes
        else f"count(*) filter (where {_broken(rule)})"
        for rule in rules
    ]
    return f"select {', '.join(counted)} from {table}"


def _count_by_code(rule: Rule, table: str) -> str:
    column = _quoted(rule.columns[0])
    by_code = f"select {column}, count(*) as n from {table} group by all"
    return f"(select coalesce(sum(n), 0) from ({by_code}) where {_broken(rule)})"


def _broken(rule: Rule) -> str:
    """Condition that a row meets when it breaks a rule about one column; an empty cell meets none but the first."""
    column = _quoted(rule.columns[0])
    if rule.kind == "required":
        return f"{column} is null"
    if rule.kind == "pattern":
        return f"not regexp_matches({column}, {_literal(rule.pattern)})"
    if rule.kind == "valid_values":
        return f"{column} not in ({', '.join(map(_literal, rule.valid_values))})"
    limits = [f"{column} < {rule.minimum!r}"] if rule.minimum is not None else []
    limits += [f"{column} > {rule.maximum!r}"] if rule.maximum is not None else []
    return f"({' or '.join(limits)})"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
