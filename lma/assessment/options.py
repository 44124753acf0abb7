"""T9 policy options: what could be done about each gap, with reason code, range of persons, and time and cost bands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from lma.assessment.cells import Key, Lineage, TableCells
from lma.assessment.migration import list_decided
from lma.assessment.selection import single
from lma.contracts import RuleSet, TableSpec, rule_set
from lma.migration.options import OPTIONS, describe_cost, describe_time

COUNTED = ("TRAIN", "ACTIVATE", "NEET", "RECOGNISE", "MIGRATE")
"""Options whose persons can be counted."""
VERDICTS = {"FLAG": "try first", "PASS": "consider", "NOT_ASSESSED": "not assessed"}
REFUSALS = {
    "NO_SHORTAGE": "no gap to fill",
    "LITTLE_SCOPE": "not needed",
    "NO_CAPACITY": "not needed",
    "INSUFFICIENT_DATA": VERDICTS["NOT_ASSESSED"],
}
"""How a refusal is said by its reason code; the others rule an option out."""
OPTION_COLUMNS = (
    Key("drivers", "Why vacancies stay open"),
    *(
        key
        for code, label in OPTIONS.items()
        for key in (
            Key(code.lower(), label),
            *(
                Key(
                    f"{code.lower()}_{end}",
                    f"{label}: {'seekers of activities in surplus' if code == 'TRAIN' else 'persons'}, {word} end",
                )
                for end, word in (("low", "lower"), ("high", "upper"))
                if code in COUNTED
            ),
        )
    ),
    Key("why", "How each was judged"),
)
OPTION_SPEC = TableSpec(
    "T9",
    "Policy options",
    "Seven options side by side, recruitment abroad the last of them. Persons are what an option could bring over the years of the gap, "
    "to be read beside the gap in T10; they overlap and do not add up. The last two rows give bands of time and cost.",
    "Economic activity",
    ("N_OPTIONS", "N_DECISION"),
)
OPTION_NOTES = {
    "N_OPTIONS": "try first: its test speaks for it, or a driver leads to it. consider: it can do a part. no gap to fill: pay may be low "
    "all the same (T10). not needed, ruled out: by its test. not assessed: figures are missing, never a no. Bands are this project's own, "
    "to compare options, and published by nobody.",
}


def option_table(ref_area: str, decisions: pd.DataFrame, lineage: Lineage) -> pd.DataFrame:
    """Cells of T9: one row per economic activity (and zone), then the bands of time and cost."""
    table = TableCells(ref_area, "T9", OPTION_COLUMNS, lineage)
    for row, steps in list_decided(ref_area, decisions):
        _add_activity(table, row, steps)
    if table.rows:
        _add_bands(table, rule_set("options"))
    return table.frame()


def _add_activity(table: TableCells, row: Key, steps: pd.DataFrame) -> None:
    drivers, why = single(steps, step_id="DRIVERS"), []
    if drivers is None or not drivers["reason_code"]:
        table.empty(
            row, "drivers", "[x]", "no fill rates or applicants of the activity are known, nor evidence"
        )
    else:
        table.text(row, "drivers", drivers["text"], [drivers["decision_id"]], drivers["step"])
    for code in OPTIONS:
        record = single(steps, step_id=f"OPTION_{code}")
        if record is None:
            continue
        why.append(record)
        table.text(row, code.lower(), word_verdict(record), [record["decision_id"]], record["text"])
        if code in COUNTED:
            _add_persons(table, row, code, record)
    words = " ".join(f"({number}) {one['text']}" for number, one in enumerate(why, start=1))
    table.text(row, "why", words, [one["decision_id"] for one in why])


def word_verdict(record: Mapping[Any, Any]) -> str:
    """Verdict and reason code of an option in words, such as `try first: TRAIN_AHEAD`."""
    code = record["reason_code"]
    migrate = record["step_id"] == "OPTION_MIGRATE" and record["outcome"] == "FLAG"
    verdict = (
        "for review"
        if migrate
        else VERDICTS.get(str(record["outcome"]), REFUSALS.get(str(code), "ruled out"))
    )
    return f"{verdict}: {code}"


def _add_persons(table: TableCells, row: Key, code: str, record: Mapping[Any, Any]) -> None:
    absent = "see T10" if code == "MIGRATE" else "the figures at hand do not count them"
    stopped = code == "MIGRATE" and record["value_low"] == record["value_high"]
    for end in ("low", "high"):
        column, value = f"{code.lower()}_{end}", record[f"value_{end}"]
        if pd.isna(value):
            table.empty(row, column, "[x]", absent)
        elif code == "TRAIN" and record["value_high"] == 0:
            # "Try first: 0 to 0 persons" would be nonsense: the verdict is about time, the persons about who could move.
            table.empty(row, column, "[z]", "no activity has seekers to spare: training has nobody to move")
        elif stopped and end == "low":
            table.empty(row, column, "[z]", "the ceiling stops both ends: at most the upper end")
        else:
            table.number(
                row, column, value, "PS", record["basis"], [record["decision_id"]], record["text"], decimals=0
            )  # fmt: skip


def _add_bands(table: TableCells, rules: RuleSet) -> None:
    """Two rows of text: how long until an option helps, how dear it is, and whose bands these are."""
    rows = (
        (Key("_TIME", "Time until it helps (band)"), describe_time),
        (Key("_COST", "Cost for each place filled (band)"), describe_cost),
    )
    for row, describe in rows:
        for column in OPTION_COLUMNS:
            if column.id.upper() in OPTIONS:
                table.text(row, column.id, describe(column.id.upper(), rules), (), rules.title)
            else:
                table.empty(row, column.id, "[z]", "bands are given for options only")
