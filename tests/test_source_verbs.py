"""What a source may declare beside the plain mapping: parts of cells, exceptions, words, sums, files that differ."""

from __future__ import annotations

import datetime as dt
import io
from typing import Any

import pandas as pd
import pytest

from lma import contracts
from lma.contracts import Source, SourceFile
from lma.errors import ClassificationError, DefinitionError, InputError
from lma.forecasting.country import STANDARD, select_history
from lma.staging import Conformed, FileFacts, conform, name_columns_as_declared

FACTS = FileFacts("a" * 64, "table.csv", dt.date(2026, 1, 31))
MAPPING: dict[str, Any] = {
    "source": {"ref_area": "place", "time_period": "year"},
    "constant": {"indicator": "EMP", "unit_measure": "PS", "occupation_revision": "NOC2011"},
    "unlisted": ["occupation"],
    "codes": {"occupation": {"0": "_T"}},
}


def make_source(mapping: dict[str, Any] | None = None, **changes: Any) -> Source:
    facts: dict[str, Any] = {
        "source_id": "test_source",
        "publisher": "A publisher",
        "title": "A table",
        "table_code": "T",
        "url": "https://example.org",
        "licence": "CC BY 4.0",
        "files": [{"name": r".*\.csv"}],
        "format": "csv",
        "basis": {"default": "reported"},
        "priority": 1,
        "extract": {"job": r"(?P<occupation>\d{1,4})-.*"},
        "mapping": mapping or MAPPING,
    }
    return Source.model_validate(facts | changes)


def conform_text(text: str, source: Source) -> Conformed:
    raw = pd.read_csv(io.StringIO(text), dtype=str, keep_default_na=False)
    found = conform(name_columns_as_declared(raw, source, "table.csv"), source, FACTS)
    n_out = len(found.observations) + len(found.rejected) + found.n_dropped + found.n_not_applicable
    assert n_out + found.n_collapsed == found.n_cells == len(raw)
    return found


HEADER = "place,year,job,obs_value\n"


def test_codes_are_taken_out_of_a_cell_and_the_others_go_to_quarantine() -> None:
    found = conform_text(
        HEADER + "CAN,2020,6322-Cooks,5\nCAN,2020,Cooks,7\nCAN,2020,0-All,12\n", make_source()
    )
    figures = dict(zip(found.observations["occupation"], found.observations["obs_value"], strict=True))
    assert figures == {"6322": 5, "_T": 12}
    assert found.observations["occupation_revision"].tolist() == ["NOC2011", "_Z"]
    refused = found.rejected.iloc[0]
    assert (refused["raw_row"], refused["column"], refused["value"]) == (2, "job", "Cooks")
    assert refused["observation_id"] == "aaaaaaaaaaaa:2"


def test_codes_that_are_no_exceptions_are_refused_unless_the_source_keeps_them() -> None:
    strict = make_source({name: part for name, part in MAPPING.items() if name != "unlisted"})
    with pytest.raises(ClassificationError, match="'6322' \\(row 1"):
        conform_text(HEADER + "CAN,2020,6322-Cooks,5\n", strict)


def test_an_empty_code_is_never_kept_as_published() -> None:
    source = make_source(extract={"job": r"(?P<occupation>\d{4})?(?:-.*)?"})
    with pytest.raises(ClassificationError, match="'' \\(row 1"):
        conform_text(HEADER + "CAN,2020,-Cooks,5\n", source)


@pytest.mark.parametrize(
    "pattern", [r"\d{4}-.*", r"(?P<year>\d{4})-.*"], ids=["no group", "a column of the file"]
)
def test_extract_needs_groups_of_its_own(pattern: str) -> None:
    with pytest.raises(DefinitionError, match="`extract` of 'job'"):
        conform_text(HEADER + "CAN,2020,6322-Cooks,5\n", make_source(extract={"job": pattern}))


def test_words_stand_for_figures() -> None:
    grades = {"Balance": "0", "Shortage": "2"}
    mapping = MAPPING | {"codes": MAPPING["codes"] | {"obs_value": grades}}
    rows = "CAN,2020,1-A,Balance\nCAN,2020,2-B,Shortage\nCAN,2020,3-C,shortage\nCAN,2020,4-D,\n"
    found = conform_text(HEADER + rows, make_source(mapping))
    assert found.observations["obs_value"].tolist()[:2] == [0, 2]
    assert found.observations["obs_status"].tolist() == ["A", "A", "M"]
    assert found.rejected["value"].tolist() == ["shortage"]


def test_rows_of_one_key_are_added_up() -> None:
    rows = "CAN,2020,1-A,2\nCAN,2020,2-B,7\nCAN,2020,1-A,3\nCAN,2020,1-A,3\n"
    found = conform_text(HEADER + rows, make_source(aggregate="sum"))
    summed = found.observations.set_index("occupation")
    assert summed["obs_value"].to_dict() == {"1": 8, "2": 7}
    assert summed["note"].to_dict() == {"1": "sum of 3 rows", "2": ""}
    assert summed["observation_id"].to_dict() == {"1": "aaaaaaaaaaaa:1", "2": "aaaaaaaaaaaa:2"}
    assert (found.n_collapsed, len(found.rejected)) == (2, 0)


def test_a_sum_with_an_unreadable_part_is_missing_and_the_part_is_in_quarantine() -> None:
    rows = 'CAN,2020,1-A,"1,000"\nCAN,2020,1-A,10\nCAN,2020,1-A,5\nCAN,2020,2-B,7\nCAN,2020,3-C,many\n'
    found = conform_text(HEADER + rows, make_source(aggregate="sum"))
    summed = found.observations.set_index("occupation")
    assert summed["obs_status"].to_dict() == {"1": "M", "2": "A"}, (
        "a key of unreadable parts alone has no row"
    )
    assert pd.isna(summed.loc["1", "obs_value"]) and summed.loc["2", "obs_value"] == 7
    assert summed["note"].to_dict() == {"1": "sum of 3 rows; 1 of them unreadable", "2": ""}
    assert summed.loc["1", "observation_id"] == "aaaaaaaaaaaa:2", "the first readable part lends its address"
    assert found.rejected["value"].tolist() == ["1,000", "many"]
    assert found.n_collapsed == 1


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("CAN,2020,1 A,1000\n", "job is not written as `extract` says"),
        ("CAN,soon,1-A,1000\n", "there is no period"),
        ("CAN,soon,1-A,many\n", "there is no period"),
    ],
)
def test_a_part_of_nobody_knows_which_sum_refuses_the_file(row: str, words: str) -> None:
    rows = "CAN,2020,1-A,10\nCAN,2020,1-A,5\n"
    with pytest.raises(
        InputError, match=f"1 row\\(s\\), the first of them row 3, are parts of a sum.*{words}"
    ):
        conform_text(HEADER + rows + row, make_source(aggregate="sum"))


def test_a_sum_with_a_missing_part_is_missing_and_a_flag_is_carried() -> None:
    mapping = MAPPING | {"source": MAPPING["source"] | {"obs_status": "flag"}}
    rows = "CAN,2020,1-A,2,\nCAN,2020,1-A,,\nCAN,2020,2-B,2,\nCAN,2020,2-B,4,p\n"
    source = make_source(mapping, aggregate="sum", status={"p": "P"})
    found = conform_text("place,year,job,obs_value,flag\n" + rows, source).observations
    assert found["obs_status"].tolist() == ["M", "P"]
    assert pd.isna(found["obs_value"].iloc[0]) and found["obs_value"].iloc[1] == 6


def test_a_file_may_have_its_own_options_layout_and_format() -> None:
    source = make_source(
        options={"encoding": "cp1252", "header_cell": "place"}, wide={"columns": r"(?P<year>\d{4})"}
    )
    again = source.as_in(SourceFile(name="a.csv", options={"encoding": "cp850"}))
    assert again.options == {"encoding": "cp850", "header_cell": "place"} and again.wide == source.wide
    other = source.as_in(SourceFile(name="a.xlsx", format="xlsx_table", columns=r"(?P<sex>M|F)"))
    assert (other.format, other.options) == ("xlsx_table", {})
    assert other.wide is not None and other.wide.columns == r"(?P<sex>M|F)"
    assert source.as_in(SourceFile(name="a.csv")) == source


def test_every_published_grade_is_in_the_codelist_of_ratings() -> None:
    ratings = contracts.codelist("ratings")
    listed = set(zip(ratings["published"], ratings["obs_value"], strict=True))
    mapped = {
        (word, figure)
        for source_id in ("aus_osl_2021_2023", "can_cops_2024_2033")
        for word, figure in dict(contracts.source(source_id).mapping.codes["obs_value"]).items()
    }
    assert mapped == listed
    units = contracts.codelist("indicators").set_index("indicator")["unit_measure"]
    assert set(units[units == "RATING"].index) == set(ratings["indicator"])


def test_parts_of_countries_name_their_country_and_are_none() -> None:
    areas = contracts.codelist("areas").set_index("area")["parent"]
    parts = areas[areas != ""]
    assert set(parts) <= set(areas.index)
    assert not set(parts.index) & contracts.known_country_codes()
    assert parts["CA-5910"] == "CA-BC" and parts["AU-NSW"] == "AUS"
    assert {area for area in areas.index if "-" in area} == set(parts.index)


def test_parts_of_countries_do_not_teach_the_forecasts_of_countries() -> None:
    national = {"basis_kind": "reported", "time_period": "2020", "obs_value": 1.0, "activity_revision": "_Z"}
    rows = pd.DataFrame(
        [
            {**STANDARD, **national, "economic_activity": "_T", "ref_area": area}
            for area in ("CAN", "CA-BC", "CA-X")
        ]
    )
    assert select_history(rows)["ref_area"].tolist() == ["CAN"]
    assert select_history(rows.iloc[:0]).empty
