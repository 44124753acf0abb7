"""Traps of the ILO's files: revisions in one column, several sources for one cell, codes that carry a revision."""

from __future__ import annotations

import datetime as dt

import pandas as pd
import pytest

from lma import contracts, staging
from lma.errors import ClassificationError, ContractError
from lma.parsers import find_parser

HEADER = (
    "ref_area,source,indicator,sex,classif1,time,obs_value,obs_status,note_classif,note_indicator,note_source"
)
CELL = "KEN,{source},EMP_TEMP_SEX_ECO_NB,SEX_T,{code},2021,{value},,,,R1:3513"


def conform_text(text: str, source_id: str, freq: str = "A") -> staging.Conformed:
    source = contracts.source(source_id)
    small = source.model_copy(update={"expect": source.expect.model_copy(update={"min_rows": 1})})
    raw = find_parser(source.format)(text.encode(), source.options)
    facts = staging.FileFacts("0" * 64, "file.csv", dt.date(2023, 2, 14), {"freq": freq})
    return staging.conform(raw, small, facts)


def lines(*cells: str) -> str:
    return "\n".join([HEADER, *cells]) + "\n"


@pytest.mark.parametrize("name", ["ilo_bulk2015_activities", "ilo_activity_codes"])
def test_the_revision_of_an_activity_is_the_one_the_publisher_writes(name: str) -> None:
    table = contracts.crosswalk(name)
    kept = table[
        table["published"].str.contains(r"ISIC\d", regex=True) & ~table["economic_activity"].isin(["", "_T"])
    ]
    written = kept["published"].str.extract(r"ECO_(ISIC\d)[|_]")[0]
    assert len(kept) >= 48
    assert (kept["activity_revision"] == written).all()


def test_letters_of_two_revisions_stay_two_series() -> None:
    text = lines(
        CELL.format(source="BA:1", code="ECO_ISIC4_C", value="5"),
        CELL.format(source="BA:1", code="ECO_ISIC3_C", value="7"),
    )
    observations = conform_text(text, "ilo_emp_activity_code").observations
    found = dict(zip(observations["activity_revision"], observations["obs_value"], strict=True))
    assert found == {"ISIC4": 5000, "ISIC3": 7000}


def test_two_sources_with_different_figures_in_one_cell_are_refused() -> None:
    text = lines(
        CELL.format(source="BX:3465", code="ECO_SECTOR_AGR", value="5.585"),
        CELL.format(source="BA:8021", code="ECO_SECTOR_AGR", value="5.69"),
    )
    with pytest.raises(ContractError, match=r"5585 \(row 1\) and 5690 \(row 2\)"):
        conform_text(text, "ilo_emp_activity_code")


def test_a_code_no_crosswalk_lists_is_refused_with_its_row() -> None:
    text = lines(CELL.format(source="BA:1", code="ECO_ISIC5_C", value="5"))
    with pytest.raises(ClassificationError, match=r"'ECO_ISIC5_C' \(row 1; closest known: 'ECO_ISIC"):
        conform_text(text, "ilo_emp_activity_code")


def test_a_time_of_another_frequency_goes_to_quarantine() -> None:
    text = lines(CELL.format(source="BA:1", code="ECO_SECTOR_AGR", value="5").replace("2021", "2021Q1"))
    file = conform_text(text, "ilo_emp_activity_code")
    assert file.observations.empty
    assert file.rejected[["column", "value"]].to_numpy().tolist() == [["time", "2021Q1"]]


def test_second_surveys_of_the_bulk_file_are_in_exactly_one_of_two_sources() -> None:
    surveys = contracts.crosswalk("ilo_bulk2015_surveys")
    second = set(surveys.loc[surveys["ref_area"] == "", "published"])
    other = contracts.source("ilo_emp_activity_bulk2015_other").mapping.keep
    assert second == set(other["{Country_Code}|{Source_Code}|{Survey_Label}"])
    assert surveys.loc[surveys["ref_area"] == "", "reason"].ne("").all()
    first = pd.Series(surveys.loc[surveys["ref_area"] != "", "ref_area"])
    assert first.is_unique
