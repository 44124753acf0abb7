"""SDMX-CSV: both versions give the same rows; what is not the declared table is refused."""

from __future__ import annotations

import pandas as pd
import pytest

from lma.errors import DefinitionError, InputError
from lma.parsers import find_parser

FLOW = "ILO:DF_EMP_TEMP_SEX_ECO_NB"
VERSION_1 = "DATAFLOW,REF_AREA,OBS_VALUE\r\nILO:DF_EMP_TEMP_SEX_ECO_NB(1.0),MUS,530.2\r\n"
VERSION_2 = "STRUCTURE[;],STRUCTURE_ID,ACTION,REF_AREA,OBS_VALUE\ndataflow,ILO:DF_EMP_TEMP_SEX_ECO_NB(1.0),I,MUS,530.2\n"


def parse(text: str, **options: str) -> pd.DataFrame:
    return find_parser("sdmx_csv")(text.encode(), {"dataflow": FLOW, **options})


@pytest.mark.parametrize("text", [VERSION_1, VERSION_2])
def test_both_versions_give_the_same_figures(text: str) -> None:
    frame = parse(text)
    assert frame[["REF_AREA", "OBS_VALUE"]].to_numpy().tolist() == [["MUS", "530.2"]]


def test_first_column_of_version_2_loses_its_separator() -> None:
    assert list(parse(VERSION_2).columns) == ["STRUCTURE", "STRUCTURE_ID", "ACTION", "REF_AREA", "OBS_VALUE"]


@pytest.mark.parametrize("declared", [FLOW, FLOW + "(1.0)"])
def test_a_declared_version_is_the_version(declared: str) -> None:
    assert len(parse(VERSION_1, dataflow=declared)) == 1


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (VERSION_1.replace("EMP_TEMP", "UNE_DEAP"), r"row 1, DATAFLOW.*UNE_DEAP.*another table"),
        (VERSION_1.replace("(1.0)", "(1.0)x"), "another table"),
        (VERSION_1 + "ILO:DF_OTHER(1.0),ARM,1\n", r"row 2, DATAFLOW.*DF_OTHER"),
        (VERSION_1 + "ILO:DF_EMP_TEMP_SEX_ECO_NB(2.0),ARM,1\n", r"several versions.*1\.0.*2\.0"),
        (VERSION_1.replace("DATAFLOW", "ref_area"), "SDMX-CSV begins DATAFLOW"),
        (VERSION_2.replace("STRUCTURE_ID", "REF"), "SDMX-CSV begins DATAFLOW"),
        (VERSION_2.replace("\ndataflow", "\ndatastructure"), "STRUCTURE is 'datastructure'"),
        (VERSION_2.replace(",I,", ",D,"), r"row 1, ACTION: 'D'.*deletes"),
        (VERSION_1.replace("REF_AREA", "REF_AREA: Reference area"), "labels: both"),
        ("<html>", "web page"),
    ],
)
def test_what_is_not_the_declared_table_is_refused(text: str, told: str) -> None:
    with pytest.raises(InputError, match=told):
        parse(text)


def test_another_version_than_the_declared_one_is_refused() -> None:
    with pytest.raises(InputError, match=r"\(1\.0\).*\(1\.1\)"):
        parse(VERSION_1, dataflow=FLOW + "(1.1)")


def test_labels_beside_codes_are_cut_off_where_declared() -> None:
    text = (
        "DATAFLOW,REF_AREA: Area,OBS_VALUE: Value,NOTE: Note\n"
        f"{FLOW}(1.0): Employment,MUS: Mauritius,530.2,Two words: kept\n"
        f"{FLOW}(1.0): Employment,ARM: Armenia,,\n"
    )
    frame = parse(text, labels="both")
    assert list(frame.columns) == ["DATAFLOW", "REF_AREA", "OBS_VALUE", "NOTE"]
    assert frame["REF_AREA"].tolist() == ["MUS", "ARM"]
    assert frame["OBS_VALUE"].tolist() == ["530.2", ""]
    assert frame["NOTE"].tolist() == ["Two words: kept", ""]


def test_a_source_must_declare_its_dataflow() -> None:
    with pytest.raises(DefinitionError, match="dataflow"):
        find_parser("sdmx_csv")(VERSION_1.encode(), {})


def test_a_misspelt_choice_of_labels_is_refused() -> None:
    with pytest.raises(DefinitionError, match="id or both"):
        parse(VERSION_1, labels="name")
