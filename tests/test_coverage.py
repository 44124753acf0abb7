"""How much of an assessment the data of a country fill: statuses of tables, reasons, and the command."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from world_builder import World, run_lma

from lma.assessment.coverage import judge_table, measure_coverage, shorten_reason
from lma.contracts import TableSpec, country_or_plain
from lma.errors import UsageError

SPECS = [TableSpec(name, f"Title of {name}", "", "") for name in ("T1", "T2", "T3", "T4")]


def cells(*rows: tuple[str, float | None, str | None, str | None, str | None]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["table_id", "value", "text", "symbol", "reason"], dtype=object)


def test_cells_are_counted_by_table_and_the_commonest_reason_is_named() -> None:
    laid_out = cells(
        ("T1", 1.0, None, None, None),
        ("T1", None, "words", None, None),
        ("T2", 1.0, None, None, None),
        ("T2", None, None, "[x]", "NO_BALANCE: no gap was computed"),
        ("T2", None, None, "[x]", "NO_BALANCE: another sentence"),
        ("T2", None, None, "[x]", "no figure"),
        ("T3", None, None, "[z]", "no earlier edition"),
    )
    table = measure_coverage("MUS", SPECS, laid_out).set_index("table_id")
    assert table["status"].to_dict() == {
        "T1": "FILLED",
        "T2": "PARTLY",
        "T3": "NOT_APPLICABLE",
        "T4": "INSUFFICIENT_DATA",
    }
    assert table.loc["T2", ["n_cells", "n_filled", "reason", "n_reason"]].tolist() == [4, 1, "NO_BALANCE", 2]


@pytest.mark.parametrize(
    ("laid_out", "asked", "filled", "expected"),
    [
        (10, 10, 9, "FILLED"),
        (10, 10, 8, "PARTLY"),
        (10, 10, 0, "INSUFFICIENT_DATA"),
        (0, 0, 0, "INSUFFICIENT_DATA"),
        (5, 0, 0, "NOT_APPLICABLE"),
    ],
)
def test_status_of_a_table(laid_out: int, asked: int, filled: int, expected: str) -> None:
    assert judge_table(laid_out, asked, filled) == expected


def test_a_sentence_with_a_colon_is_no_code() -> None:
    assert shorten_reason("break in 2018: the survey changed") == "break in 2018: the survey changed"
    assert shorten_reason("NO_GAP: why") == "NO_GAP"


def test_a_country_without_a_file_is_a_plain_destination() -> None:
    found = country_or_plain("fra")
    assert (found.ref_area, found.label, found.role, found.partners) == ("FRA", "France", "destination", [])
    assert country_or_plain("ARM").role == "origin"
    with pytest.raises(UsageError, match="'XYZ' is not an ISO"):
        country_or_plain("XYZ")


def test_command_counts_what_a_country_without_a_file_can_fill(world: World, tmp_path: Path) -> None:
    copy, result = world.copy_to(tmp_path / "copy"), tmp_path / "coverage.csv"
    outcome = run_lma("coverage", result, "AND", "--warehouse", copy.warehouse)
    assert outcome.code == 0, outcome.err
    table = pd.read_csv(result)
    assert set(table["ref_area"]) == {"AND"}
    assert {"T0", "T9", "T10", "T16", "T17", "T18"} <= set(table["table_id"])
    assert table.set_index("table_id").loc["T6", "status"] != "FILLED"
    assert "countries with a gap" in outcome.out
    assert "1 countries" in outcome.out


def test_a_result_that_cannot_be_stored_is_refused_before_the_work(world: World, tmp_path: Path) -> None:
    outcome = run_lma("coverage", tmp_path / "coverage.txt", "AND", "--warehouse", world.warehouse)
    assert outcome.code == 2
    assert "must end in one of" in outcome.err
