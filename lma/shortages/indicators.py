"""Indicators for the rule sets, from the warehouse's indicators or from any plain table."""

from __future__ import annotations

import difflib
import math
from collections.abc import Sequence
from typing import Any

import pandas as pd

from lma.contracts import BASIS_ORDER, RuleSet, rule_sets
from lma.errors import InputError

COLUMNS = [
    "ref_area",
    "economic_activity",
    "occupation",
    "indicator",
    "time_period",
    "value",
    "unit_measure",
    "basis",
    "inputs",
]
UNIT_COLUMNS = ("unit", "economic_activity", "occupation")
KEY_COLUMNS = (*UNIT_COLUMNS, "ref_area", "time_period", "unit_measure", "basis")
NO_AREA = "XXX"
RATIO, COUNTS = "JOBSEEKERS_PER_VACANCY", ("JOBSEEKERS", "VACANCIES")
LARGEST = 1e15
MISSING_TEXT = ("", "x", "z", "c", ":", "..", "na", "n/a", "nan", "none")


def _melt_wide(frame: pd.DataFrame, rules: RuleSet) -> pd.DataFrame:
    """One row per unit and indicator of the rule set; columns of other rule sets are left out."""
    known = [indicator.id for indicator in rules.indicators]
    named = {indicator.id for other in rule_sets().values() for indicator in other.indicators}
    others = [str(c) for c in frame.columns if c not in {*KEY_COLUMNS, *COUNTS, *named}]
    for column in others:
        close = difflib.get_close_matches(column.upper(), known, n=1, cutoff=0.85)
        if close and close[0] not in frame.columns:
            raise InputError(
                f"column {column!r} is no indicator of rule set {rules.rule_set!r}: did you mean {close[0]}?"
            )
    present = [c for c in known if c in frame.columns]
    if not present:
        raise InputError(
            f"the table has no indicator of rule set {rules.rule_set!r}. "
            f"Columns found: {', '.join(map(str, frame.columns))}. "
            f"Give one column per indicator ({', '.join(known)}), or the columns indicator and value."
        )
    keys = [c for c in frame.columns if c in KEY_COLUMNS]
    return frame.reset_index(names="row").melt(
        id_vars=["row", *keys], value_vars=present, var_name="indicator", value_name="value"
    )


def _check_long(frame: pd.DataFrame, rules: RuleSet) -> None:
    known = [indicator.id for indicator in rules.indicators]
    found = sorted(set(frame["indicator"].dropna().astype(str)))
    if not set(found) & set(known):
        raise InputError(
            f"column indicator has none of the indicators of rule set {rules.rule_set!r}. "
            f"Found: {', '.join(found[:10])}. "
            f"Expected some of: {', '.join(known)}."
        )


def _read_number(cell: object, row: int, indicator: str) -> float:
    text = "" if cell is None else str(cell).strip()
    if text.lower() in MISSING_TEXT:
        return float("nan")
    try:
        number = float(text)
    except ValueError:
        raise InputError(
            f"{text!r} is not a number - indicator {indicator}, row {row}: "
            "write 1234.5 without thousands separators or signs, and leave cells without figure empty."
        ) from None
    if math.isinf(number):
        raise InputError(
            f"{text!r} is not a finite number - indicator {indicator}, row {row}: where something was divided by "
            "zero there is no figure, so leave the cell empty."
        )
    if abs(number) > LARGEST:
        raise InputError(
            f"{text!r} is no value of an indicator - indicator {indicator}, row {row}: at most {LARGEST:g} to either side."
        )
    return number


def _divide_counts(frame: pd.DataFrame, rules: RuleSet) -> pd.DataFrame:
    """With jobseekers per vacancy from the columns of counts, where the rule set asks for it and the table lacks it.

    Without a vacancy there is no ratio, whatever the jobseekers.
    """
    asked = any(indicator.id == RATIO for indicator in rules.indicators)
    if not asked or RATIO in frame.columns or not set(COUNTS) <= set(frame.columns):
        return frame
    jobseekers, vacancies = (
        pd.Series(
            [_read_number(frame.at[row, name], int(row), name) for row in frame.index],
            frame.index,
            dtype=float,
        )
        for name in COUNTS
    )
    return frame.assign(**{RATIO: (jobseekers / vacancies).where(vacancies > 0)})


def read_indicator_table(frame: pd.DataFrame, rules: RuleSet) -> pd.DataFrame:
    """Long indicators (COLUMNS) from a plain table, wide or long; ``InputError`` says what to change.

    Units stand in ``unit`` (kept as occupation), ``economic_activity`` or ``occupation``; the unit `_T` is
    the whole economy. Long: columns ``indicator`` and ``value``. Wide: one column per indicator.
    """
    if not any(column in frame.columns for column in UNIT_COLUMNS):
        raise InputError(
            f"the table names no unit. Columns found: {', '.join(map(str, frame.columns))}. "
            f"Add a column {', '.join(UNIT_COLUMNS[:-1])} or {UNIT_COLUMNS[-1]}; "
            "write _T for the whole economy."
        )
    if {"unit", "occupation"} <= set(frame.columns):
        raise InputError("columns unit and occupation both name the unit: keep one of them.")
    if frame.empty:
        raise InputError("the table has a header and no rows: add one row per unit.")
    frame = frame.reset_index(drop=True)
    frame.index += 1
    if {"indicator", "value"}.issubset(frame.columns):
        _check_long(frame, rules)
        table = frame.reset_index(names="row")
    else:
        table = _melt_wide(_divide_counts(frame, rules), rules)
    values = [
        _read_number(*cell) for cell in zip(table["value"], table["row"], table["indicator"], strict=True)
    ]
    return _check_units(_fill_columns(table.assign(value=values)))


def _fill_columns(table: pd.DataFrame) -> pd.DataFrame:
    filled = (
        table.assign(occupation=table["unit"])
        if "unit" in table.columns and "occupation" not in table.columns
        else table
    )
    defaults = {
        "ref_area": NO_AREA,
        "economic_activity": "_T",
        "occupation": "_T",
        "time_period": "_Z",
        "unit_measure": "_Z",
        "basis": "reported",
    }
    missing = {name: value for name, value in defaults.items() if name not in filled.columns}
    no_inputs: list[Any] = [[] for _ in range(len(filled))]
    filled = filled.assign(**missing, inputs=no_inputs)
    texts = {
        c: filled[c].astype(object).where(filled[c].notna(), "").astype(str).str.strip() for c in defaults
    }
    # A column of years with an empty cell is read as numbers with a fraction.
    years = texts["time_period"].str.replace(r"^(\d{4})\.0$", r"\1", regex=True)
    return filled.assign(**{**texts, "time_period": years})


def _check_words(table: pd.DataFrame) -> None:
    """Periods that begin with a year and bases of the list, or what to write."""
    for column, pattern, remedy in (
        ("time_period", r"_Z|\d{4}(\D.*)?", "write 2024, 2024-Q3 or 2024-05, or leave the column out"),
        ("basis", "|".join(BASIS_ORDER), f"write one of {', '.join(BASIS_ORDER)}, or leave the column out"),
    ):
        wrong = table[~table[column].str.fullmatch(pattern)]
        if len(wrong):
            first = wrong.iloc[0]
            raise InputError(f"{first[column]!r} is no {column} - row {first['row']}: {remedy}.")


def _check_units(table: pd.DataFrame) -> pd.DataFrame:
    _check_words(table)
    unnamed = table[(table["economic_activity"] == "") | (table["occupation"] == "")]
    if len(unnamed):
        raise InputError(
            f"a unit has no name - row {unnamed['row'].iloc[0]}: name it, or write _T for the whole economy."
        )
    keys = ["ref_area", "economic_activity", "occupation", "indicator", "time_period"]
    twice = table[table.duplicated(keys, keep=False)]
    if len(twice):
        first = twice.iloc[0]
        unit = first["occupation"] if first["occupation"] != "_T" else first["economic_activity"]
        where = ", ".join(map(str, twice["row"].unique()[:5]))
        raise InputError(
            f"{unit!r} has {first['indicator']} twice - rows {where}: keep one, or add time_period."
        )
    return table[COLUMNS]


def _prefer_basis(rows: pd.DataFrame) -> pd.DataFrame:
    """Reported or modelled, never both: per indicator the kind with more units; reported when equal."""
    units = rows.groupby(["indicator", "basis_kind"])["economic_activity"].nunique().reset_index(name="units")
    best = units.sort_values(
        ["indicator", "units", "basis_kind"], ascending=[True, False, False]
    ).drop_duplicates("indicator")
    return rows.merge(best[["indicator", "basis_kind"]], on=["indicator", "basis_kind"])


def collect_indicators(
    indicators: pd.DataFrame, ref_area: str, rules: RuleSet, units: Sequence[str] = ()
) -> pd.DataFrame:
    """Long indicators (COLUMNS) of one country from marts.indicators: those whose code the rule set names.

    ``units``: activities to rate; each appears even without any figure, so that the rating can say N. Empty:
    all activities found. The whole economy `_T` is always kept as the reference.
    """
    i = indicators
    wanted = [indicator.id for indicator in rules.indicators]
    rows = i[
        (i["ref_area"] == ref_area)
        & i["indicator"].isin(wanted)
        & (i["sex"] == "_T")
        & (i["counterpart_area"] == "_Z")
        & i["value"].notna()
    ]
    rows = rows[rows["economic_activity"].isin([*units, "_T"])] if units else rows
    rows = _prefer_basis(rows).assign(occupation="_T")
    inputs: list[Any] = [[identifier] for identifier in rows["indicator_id"]]
    rows = rows.assign(inputs=inputs)[COLUMNS]
    lacking = [unit for unit in units if unit not in set(rows["economic_activity"])]
    empty = {
        "ref_area": ref_area,
        "occupation": "_T",
        "indicator": wanted[0],
        "time_period": "_Z",
        "value": float("nan"),
        "unit_measure": "_Z",
        "basis": "reported",
    }
    extra = pd.DataFrame(
        [{**empty, "economic_activity": unit, "inputs": []} for unit in lacking], columns=COLUMNS
    )
    return (
        rows.reset_index(drop=True)
        if extra.empty
        else pd.concat([rows, extra], ignore_index=True)
        if len(rows)
        else extra
    )
