"""Areas are found or refused; regrouping and conversion conserve totals."""

from __future__ import annotations

import datetime as dt
import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lma.classifications import (
    activity_ancestors,
    activity_children,
    activity_sections,
    areas,
    convert,
    find_area,
    find_group,
    group_activities,
)
from lma.contracts import codelist, source
from lma.errors import ClassificationError, DefinitionError
from lma.parsers import find_parser
from lma.staging import FileFacts, conform

SHARED = Path(__file__).parents[2] / "shared" / "data"
FOURTEEN = ["A", "B", "C", "DE", "F", "G", "HJ", "I", "K", "LMN", "O", "P", "Q", "RSTU"]
SEVEN = ["AGR", "MAN", "CON", "MEL", "MKT", "PUB"]


def activities(values: dict[str, float], **keys: str) -> pd.DataFrame:
    return pd.DataFrame(
        {"ref_area": "ARM", **keys, "economic_activity": list(values), "obs_value": list(values.values())}
    )


def by_activity(frame: pd.DataFrame) -> dict[str, float]:
    return dict(zip(frame["economic_activity"], frame["obs_value"], strict=True))


# ---------------------------------------------------------------- areas


@pytest.mark.parametrize(
    ("text", "area"),
    [
        ("ARM", "ARM"),
        ("arm", "ARM"),
        ("051", "ARM"),
        ("51", "ARM"),
        ("Armenia", "ARM"),
        (" mauritius ", "MUS"),
    ],
)
def test_areas_are_found_by_code_and_name(text: str, area: str) -> None:
    assert find_area(text) == area


def test_an_unknown_area_is_refused_with_the_closest() -> None:
    with pytest.raises(
        ClassificationError, match="'Armenai' is no area .* closest known: 'armenia' \\(ARM\\)"
    ):
        find_area("Armenai")


def test_codelist_names_find_their_own_code() -> None:
    table = areas()
    assert [find_area(label) for label in table["label_en"]] == table["area"].tolist()


# ---------------------------------------------------------------- activities


def test_hierarchy_of_activities() -> None:
    assert activity_children("MEL") == ("B", "DE")
    assert activity_children("MKT") == ("G", "HJ", "I", "K", "LMN")
    assert activity_ancestors("DE") == ("MEL", "SEC_IND", "_T")
    assert activity_sections("HJ") == ("H", "J")
    assert find_group("J", "ISIC4_7") == "MKT" and find_group("X", "ISIC4_3") == "X"
    with pytest.raises(ClassificationError, match="'EOE' has no group in 'ISIC4_7'"):
        find_group("EOE", "ISIC4_7")
    with pytest.raises(ClassificationError, match="'MELL' is no activity .* closest known: 'MEL'"):
        activity_children("MELL")


def test_each_classification_of_isic_covers_every_section_once() -> None:
    table = codelist("economic_activities")
    every = list("ABCDEFGHIJKLMNOPQRSTU")
    for name in ("ISIC4_14", "ISIC4_7", "ISIC4_3"):
        codes = table.loc[(table["classification"] == name) & ~table["code"].isin(["X", "MAN_MEL"]), "code"]
        assert sorted(section for code in codes for section in activity_sections(code)) == every, name


def test_fourteen_groups_sum_to_seven_and_to_three() -> None:
    values = {code: float(10**at) for at, code in enumerate(FOURTEEN)} | {"X": 0.5, "_T": 11111111111111.5}
    seven = by_activity(group_activities(activities(values), "ISIC4_7"))
    assert seven["MEL"] == values["B"] + values["DE"]
    assert seven["MKT"] == sum(values[code] for code in ("G", "HJ", "I", "K", "LMN"))
    assert seven["PUB"] == sum(values[code] for code in ("O", "P", "Q", "RSTU"))
    assert (seven["X"], seven["_T"]) == (0.5, values["_T"])
    three = by_activity(group_activities(group_activities(activities(values), "ISIC4_7"), "ISIC4_3"))
    assert three == by_activity(group_activities(activities(values), "ISIC4_3"))
    assert three["SEC_IND"] == values["B"] + values["C"] + values["DE"] + values["F"]


def test_manufacturing_with_utilities_belongs_to_industry() -> None:
    values = {"AGR": 1.0, "MAN_MEL": 2.0, "CON": 4.0, "MKT": 8.0, "PUB": 16.0}
    assert by_activity(group_activities(activities(values), "ISIC4_3")) == {
        "SEC_AGR": 1,
        "SEC_IND": 6,
        "SEC_SER": 24,
    }


def test_a_missing_part_makes_its_group_missing() -> None:
    seven = by_activity(group_activities(activities(dict.fromkeys(FOURTEEN, 1.0) | {"B": np.nan}), "ISIC4_7"))
    assert np.isnan(seven["MEL"]) and seven["MAN"] == 1.0


def test_absent_and_doubled_parts_are_refused() -> None:
    whole = dict.fromkeys(FOURTEEN, 1.0)
    lacking = activities({code: value for code, value in whole.items() if code != "DE"})
    with pytest.raises(ClassificationError, match="ARM MEL lacks 2 section"):
        group_activities(lacking, "ISIC4_7")
    assert by_activity(group_activities(lacking, "ISIC4_7", allow_absent=True))["MEL"] == 1.0
    with pytest.raises(ClassificationError, match="ARM MEL counts 3 section\\(s\\) twice"):
        group_activities(activities(whole | {"MEL": 2.0}), "ISIC4_7", allow_absent=True)


@settings(deadline=None)
@given(st.lists(st.floats(0, 1e7), min_size=14, max_size=14), st.floats(0, 1e5))
def test_grouping_conserves_the_total(values: list[float], unclassified: float) -> None:
    frame = activities(dict(zip(FOURTEEN, values, strict=True)) | {"X": unclassified})
    for classification in ("ISIC4_14", "ISIC4_7", "ISIC4_3"):
        grouped = group_activities(frame, classification)
        assert grouped["obs_value"].sum() == pytest.approx(frame["obs_value"].sum(), rel=1e-9, abs=1e-9)
        assert list(grouped.columns) == list(frame.columns)


# ---------------------------------------------------------------- correspondences


def correspondence(rows: list[tuple[str, str, float]]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["source", "target", "weight"])


def test_convert_splits_by_weight_within_each_key() -> None:
    frame = pd.concat([activities({"D": 10.0, "E": 5.0}, sex="M"), activities({"D": 100.0}, sex="F")])
    table = correspondence([("D", "B", 0.25), ("D", "DE", 0.75), ("E", "DE", 1.0)])
    found = convert(frame, table).set_index(["sex", "economic_activity"])["obs_value"].to_dict()
    assert found == {("M", "B"): 2.5, ("M", "DE"): 12.5, ("F", "B"): 25.0, ("F", "DE"): 75.0}


@settings(deadline=None)
@given(st.lists(st.tuples(st.floats(0, 1e6), st.floats(0.01, 0.99)), min_size=1, max_size=20))
def test_convert_conserves_the_total(parts: list[tuple[float, float]]) -> None:
    frame = activities({f"s{at}": value for at, (value, _) in enumerate(parts)})
    rows = [
        row
        for at, (_, w) in enumerate(parts)
        for row in ((f"s{at}", "t1", w), (f"s{at}", f"t{at % 3}2", 1 - w))
    ]
    assert convert(frame, correspondence(rows))["obs_value"].sum() == pytest.approx(
        frame["obs_value"].sum(), rel=1e-9, abs=1e-9
    )


def test_convert_refuses_lost_totals_and_unknown_codes() -> None:
    frame = activities({"D": 10.0})
    with pytest.raises(DefinitionError, match="do not sum to one: 'D' \\(0.9\\)"):
        convert(frame, correspondence([("D", "DE", 0.9)]))
    with pytest.raises(DefinitionError, match="weights lie between 0 and 1"):
        convert(frame, correspondence([("D", "B", -0.5), ("D", "DE", 1.5)]))
    with pytest.raises(ClassificationError, match="not in the correspondence: 'D'"):
        convert(frame, correspondence([("E", "DE", 1.0)]))


# ---------------------------------------------------------------- the publisher's own figures


@pytest.mark.shared_data
@pytest.mark.skipif(not SHARED.is_dir(), reason="the publishers' full files are not beside the checkout")
def test_groups_of_the_publishers_own_figures_keep_its_total() -> None:
    ilo = source("ilo_emp_activity_modelled")
    for path in sorted((SHARED / "ilostat_2emp_14sector_ARM_MUS").glob("*.csv")):
        content = path.read_bytes()
        about = FileFacts(hashlib.sha256(content).hexdigest(), path.name, dt.date(2025, 11, 30))
        rows = conform(find_parser(ilo.format)(content, ilo.options), ilo, about).observations
        frame = rows[["ref_area", "time_period", "economic_activity", "obs_value"]]
        grouped = group_activities(frame, "ISIC4_7")
        parts = grouped[grouped["economic_activity"] != "_T"]
        assert sorted(parts["economic_activity"].unique()) == sorted(SEVEN)
        totals = frame[frame["economic_activity"] == "_T"].set_index("time_period")["obs_value"]
        assert (parts.groupby("time_period")["obs_value"].sum() - totals).abs().max() <= 2.0 + 1e-6
