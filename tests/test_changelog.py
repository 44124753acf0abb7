"""The change log: which causes differ between two editions, which cells moved, and which edition is compared with."""

from __future__ import annotations

import datetime as dt
import json
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from flows import earlier
from flows.request import RunRequest
from lma.assessment.cells import Key, Lineage, TableCells
from lma.assessment.changelog import NO_EARLIER, Comparison, Made, change_table, list_moved_sources

DAY, LATER = dt.date(2025, 1, 1), dt.date(2026, 1, 1)
METHOD = {"method": "aaa", "horizon": "5"}


def lay_out(values: dict[str, float], day: dt.date, basis: str = "reported") -> tuple[pd.DataFrame, Lineage]:
    """Cells T1.<row>.value, one decimal, each resting on one figure of the source named after the row."""
    lineage = Lineage({f"{name}:1": (name.lower(), day) for name in values}, {})
    table = TableCells("ARM", "T1", [Key("value", "Value")], lineage)
    for name, value in values.items():
        table.number(Key(name, name), "value", value, "PS", basis, [f"{name}:1"], "as published")
    return table.frame(), lineage


def compare(
    now: Made, before: Made, old: dict[str, float], new: dict[str, float], **given: Any
) -> pd.DataFrame:
    cells, _ = lay_out(old, given.get("before_day", DAY))
    body, lineage = lay_out(new, given.get("day", DAY), given.get("basis", "reported"))
    found = change_table("ARM", body, Comparison(now, before, cells), lineage)
    return found.set_index(["row_id", "column_id"])


def test_without_an_earlier_edition_the_reason_stands_there() -> None:
    body, lineage = lay_out({"A": 1.0}, DAY)
    found = change_table("ARM", body, Comparison(), lineage)
    assert set(found["reason"]) == {NO_EARLIER} and set(found["row_id"]) == {"NONE"}


def test_newer_vintage_is_the_cause_of_what_rests_on_it() -> None:
    found = compare(
        Made("2026-01", METHOD, "x"), Made("2025-01", METHOD, "x"), {"A": 100.0}, {"A": 150.0}, day=LATER
    )
    assert found.loc[("DATA_a", "finding"), "text"] == "vintage 2025-01-01 replaced by 2026-01-01"
    assert found.loc[("METHOD", "finding"), "text"] == "program, libraries and parameters are the same"
    assert found.loc[("T1-A-value", "reason"), "text"] == "data (a)"
    assert found.loc[("T1-A-value", "before"), "text"] == "100.0 (2025-01)"
    numbers = [found.loc[("T1-A-value", column), "value"] for column in ("after", "change", "relative")]
    assert numbers == [150.0, 50.0, 50.0]


@pytest.mark.parametrize(
    ("now", "basis", "day", "reason"),
    [
        (Made("2026-01", METHOD | {"horizon": "6"}, "x"), "reported", DAY, "method"),
        (Made("2026-01", METHOD, "y"), "reported", DAY, "classification"),
        (
            Made("2026-01", METHOD | {"method": "b"}, "y"),
            "reported",
            LATER,
            "data (a) or method or classification",
        ),
        (Made("2026-01", METHOD, "x"), "reported", DAY, "passing of time"),
    ],
)
def test_cause_of_a_cell(now: Made, basis: str, day: dt.date, reason: str) -> None:
    found = compare(now, Made("2025-01", METHOD, "x"), {"A": 100.0}, {"A": 150.0}, basis=basis, day=day)
    assert found.loc[("T1-A-value", "reason"), "text"] == reason


def test_parameter_that_changed_is_named() -> None:
    found = compare(
        Made("2026-01", METHOD | {"horizon": "6"}, "x"), Made("2025-01", METHOD, "x"), {"A": 1.0}, {"A": 1.0}
    )
    assert found.loc[("METHOD", "finding"), "text"] == "changed: horizon 5 to 6"


def test_change_below_the_printed_digits_is_none() -> None:
    made = Made("2026-01", METHOD, "x"), Made("2025-01", METHOD, "x")
    found = compare(*made, {"A": 100.0, "B": 7.0}, {"A": 100.0 + 1e-10, "B": 7.2})
    rows = {row for row, _ in found.index}
    assert "T1-B-value" in rows and "T1-A-value" not in rows


def test_moved_sources() -> None:
    found = list_moved_sources(
        {"a": "2020-01-01", "b": "2020-01-01", "c": "x"}, {"a": "2021-01-01", "c": "x", "d": "y"}
    )
    assert found == {
        "a": "vintage 2020-01-01 replaced by 2021-01-01",
        "b": "source no longer used: vintage 2020-01-01 before",
        "d": "source not used before: vintage y",
    }


# ---------------------------------------------------------------- which edition is compared with


def put_edition(folder: Path, name: str, as_of: str) -> None:
    """An edition as far as the comparison reads it."""
    cells, _ = lay_out({"A": 1.0}, DAY)
    (folder / name / "tables").mkdir(parents=True)
    cells.drop(columns=["inputs", "footnotes"]).to_csv(folder / name / "tables" / "T1.csv", index=False)
    run = {"versions": {"code": "c", "classifications": "x", "method": "m"}, "parameters": {"horizon": 5}}
    (folder / name / "run.json").write_text(json.dumps({"as_of": as_of, "run": run}), encoding="utf-8")


def ask(out: Path, as_of: dt.date | None = None) -> RunRequest:
    return RunRequest(("ARM",), out, out / "lma.duckdb", "2026-06", as_of=as_of, offline=True)


def test_newest_of_the_earlier_months_is_compared_with(tmp_path: Path) -> None:
    for name in ("2026-04", "2026-05", "2026-05.2", "2026-05.10", "2026-06", "2026-07"):
        put_edition(tmp_path / "ARM", name, "2026-03-25")
    found = earlier.compare_with_earlier(
        ask(tmp_path), "ARM", {"code": "other", "classifications": "x", "method": "m"}
    )
    assert found.before is not None and found.before.edition == "2026-05.10"
    assert found.now is not None and found.before.classifications == found.now.classifications == "x"
    assert found.now.method["method"] == "m" and "code" not in found.now.method


@pytest.mark.parametrize(
    ("name", "before"), [("2026-06.2", "2026-06"), ("2026-06.3", "2026-06.2"), ("2026-06.10", "2026-06.9")]
)
def test_second_edition_of_a_month_is_compared_with_the_first(tmp_path: Path, name: str, before: str) -> None:
    for there in ("2026-05", "2026-06", "2026-06.2", "2026-06.9", "2026-06.10", "notes"):
        put_edition(tmp_path / "ARM", there, "2026-03-25")
    if name == "2026-06.3":
        shutil.rmtree(tmp_path / "ARM" / "2026-06.9")
    found = earlier.compare_with_earlier(ask(tmp_path), "ARM", {}, name)
    assert found.before is not None and found.before.edition == before
    assert found.now is not None and found.now.edition == name


def test_edition_that_knows_later_vintages_is_passed_over(tmp_path: Path) -> None:
    put_edition(tmp_path / "ARM", "2026-04", "2025-12-31")
    put_edition(tmp_path / "ARM", "2026-05", "2026-03-25")
    found = earlier.compare_with_earlier(ask(tmp_path, dt.date(2026, 1, 31)), "ARM", {})
    assert found.before is not None and found.before.edition == "2026-04"
    none = earlier.compare_with_earlier(ask(tmp_path, dt.date(2020, 1, 31)), "ARM", {})
    assert none.cells is None and "knows of later vintages" in none.reason


def test_no_edition_lies_beside(tmp_path: Path) -> None:
    assert earlier.compare_with_earlier(ask(tmp_path), "ARM", {}).reason == NO_EARLIER
