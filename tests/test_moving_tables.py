"""A table whose header line moves is found by a cell, ends at its notes, and no message shows what stands in it."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest
from openpyxl import Workbook

from lma.errors import DefinitionError, InputError
from lma.parsers import find_parser

SECRET = "Employer 1"
ROWS = [
    ["Positions, by place", "", ""],
    ["", "", ""],
    ["Place ", "Employer", "Positions"],
    ["North", SECRET, "2"],
    ["", SECRET, "3"],
    ["South", SECRET, "4"],
    ["Notes:", "", ""],
    ["1. Not a figure: 99", "", ""],
]


def as_csv(rows: list[list[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


def as_xlsx(rows: list[list[str]]) -> bytes:
    book, content = Workbook(), io.BytesIO()
    for row in rows:
        book.active.append([cell or None for cell in row])
    book.save(content)
    return content.getvalue()


FORMATS: dict[str, Callable[[list[list[str]]], bytes]] = {"csv": as_csv, "xlsx_table": as_xlsx}
formats = pytest.mark.parametrize("name", FORMATS)


def parse(name: str, rows: list[list[str]], **options: Any) -> pd.DataFrame:
    return find_parser(name)(FORMATS[name](rows), options)


@formats
@pytest.mark.parametrize("titles", [0, 1, 5])
def test_header_is_found_wherever_it_stands(name: str, titles: int) -> None:
    rows = [["A title", "", ""]] * titles + ROWS[2:]
    found = parse(name, rows, header_cell="Place", stop_at="Notes:")
    assert list(found.columns) == ["Place", "Employer", "Positions"]
    assert found["Positions"].tolist() == ["2", "3", "4"]


@formats
def test_blank_line_may_end_the_table(name: str) -> None:
    rows = [*ROWS[2:6], ["", "", ""], ["A remark", "", ""], ["North", "", "5"]]
    assert parse(name, rows, stop_at="blank")["Positions"].tolist() == ["2", "3", "4"]
    assert len(parse(name, rows)) == 5


@formats
def test_merged_cells_are_filled_from_above_where_declared(name: str) -> None:
    options = {"header_cell": "Place", "stop_at": "Notes:"}
    assert parse(name, ROWS, **options)["Place"].tolist() == ["North", "", "South"]
    filled = parse(name, ROWS, **options, fill_down=["Place"])
    assert filled["Place"].tolist() == ["North", "North", "South"]
    with pytest.raises(DefinitionError, match="`fill_down` names Region"):
        parse(name, ROWS, **options, fill_down=["Region"])


@formats
def test_first_empty_cells_stay_empty(name: str) -> None:
    rows = [ROWS[2], ["", SECRET, "1"], ROWS[3]]
    assert parse(name, rows, fill_down=["Place"])["Place"].tolist() == ["", "North"]


@formats
@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([["Region", "Employer", "Positions"], *ROWS[3:]], "no line of the file has a cell 'Place'"),
        (ROWS[:6], "no line below the table begins with 'Notes:'"),
    ],
    ids=["renamed header", "cut before the notes"],
)
def test_moved_or_cut_table_is_refused_without_its_cells(
    name: str, rows: list[list[str]], message: str
) -> None:
    with pytest.raises(InputError, match=message) as refused:
        parse(name, rows, header_cell="Place", stop_at="Notes:")
    assert SECRET not in str(refused.value)
