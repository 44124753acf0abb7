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

from lma.assessment.quality import find_unresolved_areas
from lma.classifications import (
    activity_ancestors,
    activity_sections,
    area_codes,
    areas,
    check_codes,
    check_corridor_areas,
    classifications,
    convert,
    convert_revision,
    correspondence,
    correspondence_names,
    find_group,
    find_revisions,
    group_activities,
    list_unresolved_areas,
)
from lma.contracts import codelist, codelists_dir, countries, crosswalk, source
from lma.errors import ClassificationError, DefinitionError, UsageError
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


def test_codes_of_every_publisher_and_what_is_no_country_of_today() -> None:
    table = area_codes().set_index("code")[["area", "kind", "members"]]
    # Eurostat twice, Groningen, World Bank, and a code of ISO 3166-3 for the same country.
    for code, area in {"EL": "GRC", "UK": "GBR", "MOR": "MAR", "Bahamas, The": "BHS", "ROM": "ROU"}.items():
        assert set(table.loc[[code], "area"]) == {area}, code
    for code, members in {"CSK": "CZE SVK", "ANT": "BES CUW SXM", "DEW": "DEU"}.items():
        row = table.loc[[code]].iloc[0]
        assert (row["area"], row["kind"], row["members"]) == ("", "historic", members)


def test_one_code_means_one_area_in_every_system() -> None:
    table = area_codes()
    assert not table.duplicated(["system", "code"]).any()
    assert (table["kind"] != "").all(), table[table["kind"] == ""]
    known = set(areas()["area"])
    assert set(table["area"]) - {""} <= known
    members = {code for text in table["members"] for code in text.split()}
    assert members <= known
    found = table[table["area"] != ""].groupby(table["code"].str.casefold())["area"].nunique()
    assert found[found > 1].empty


def test_every_area_that_a_crosswalk_leaves_out_is_explained() -> None:
    explained = codelist("area_special")
    systems = codelist("area_systems")
    for system, names in zip(systems["system"], systems["crosswalks"], strict=True):
        listed = set(explained.loc[explained["system"] == system, "code"])
        for name in names.split():
            table = crosswalk(name)
            concept = "counterpart_area" if "counterpart_area" in table.columns else "ref_area"
            unexplained = sorted(set(table.loc[table[concept] == "", "published"]) - listed)
            assert not unexplained, (
                f"{name}: say in codelists/area_special.csv what {unexplained} are ({system})"
            )


def test_an_unresolved_corridor_country_stops_the_run() -> None:
    with pytest.raises(ClassificationError, match="MUS: .*'Channel Islands' of UN_NAME \\(may hold JEY\\)"):
        check_corridor_areas("MUS", ["IND", "JEY"])
    with pytest.raises(ClassificationError, match="CYP: 1 area\\(s\\).*NORTHERN CYPRUS"):
        check_corridor_areas("CYP", ["GRC"])
    for country in countries().values():
        check_corridor_areas(country.ref_area, country.partners)


def test_unresolved_areas_of_the_crosswalks_in_use() -> None:
    assert set(list_unresolved_areas(["undesa_origins"])["system"]) == {"UN_NAME"}
    assert list_unresolved_areas(["ilo_age_codes"]).empty


def test_the_quality_annex_names_the_areas_that_nobody_attributed() -> None:
    rows = {"observation_id": ["o:1", "o:2"], "time_period": ["2019", "2100"]}
    used = pd.DataFrame({**rows, "source_id": "undesa_migrant_stock", "basis": ["reported", "projection"]})
    found = find_unresolved_areas(used)
    assert found is not None and (found.period, found.inputs) == ("2019", ["o:1", "o:2"])
    assert "Guernsey and Jersey together (published as Channel Islands)" in found.text
    assert find_unresolved_areas(used.assign(source_id="mus_eoe")) is None


# ---------------------------------------------------------------- revisions


def check_one(code: str, revision: str, concept: str = "activity") -> None:
    one = [pd.Series([text], dtype=object) for text in (code, revision, 7)]
    check_codes(*one, concept, "file.csv (source s)")  # type: ignore[arg-type]


POSSIBLE = {
    "ISIC2": ("1", "9", "0", "39", "AGR", "X", "_T"),
    "ISIC3": ("A", "Q", "37", "99", "MKT"),
    "ISIC31": ("Q", "97", "96"),
    "ISIC4": ("A", "U", "DE", "HJ", "LMN", "RSTU", "AGR", "MAN_MEL", "SEC_IND", "X", "01", "45", "99", "_T"),
    "ISIC5": ("V", "K", "46", "SEC_SER"),
    "NACE2": ("A", "U", "LMN", "DE", "45"),
    "ETD12": ("ETD_AGR", "ETD_OTH"),
    "NATIONAL": ("EOE",),
}
IMPOSSIBLE = {
    "ISIC2": ("A", "10", "HJ"),
    "ISIC3": ("R", "38", "96", "DE", "HJ"),
    "ISIC31": ("R", "98", "LMN"),
    "ISIC4": ("V", "34", "67", "ETD_AGR", "EOE", "a", "1", "", " A"),
    "ISIC5": ("W", "45", "DE"),
    "NACE2": ("V", "ETD_AGR"),
    "ETD12": ("A", "AGR"),
    "NATIONAL": ("A", "ETD_AGR"),
    "_Z": ("A",),
}


@pytest.mark.parametrize(("revision", "code"), [(r, c) for r, codes in POSSIBLE.items() for c in codes])
def test_codes_of_the_declared_revision_pass(revision: str, code: str) -> None:
    check_one(code, revision)


@pytest.mark.parametrize(("revision", "code"), [(r, c) for r, codes in IMPOSSIBLE.items() for c in codes])
def test_codes_impossible_in_the_declared_revision_are_refused(revision: str, code: str) -> None:
    with pytest.raises(ClassificationError, match="file.csv \\(source s\\): 1 activity code"):
        check_one(code, revision)


def test_the_refusal_names_value_row_revision_and_where_it_would_be_possible() -> None:
    with pytest.raises(ClassificationError, match="'V' \\(row 7\\) in ISIC4; possible in ISIC5"):
        check_one("V", "ISIC4")
    with pytest.raises(ClassificationError, match="'HJ' .* in ISIC3; possible in ISIC4, NACE2"):
        check_one("HJ", "ISIC3")
    with pytest.raises(ClassificationError, match="under 'ISIC9', which is no registered revision"):
        check_one("A", "ISIC9")
    assert find_revisions("R") == ("ISIC4", "ISIC5", "NACE2")


def test_occupations_keep_to_the_structure_of_their_revision() -> None:
    for code in ("0", "9", "25", "251", "2511", "96", "_T", "_X"):
        check_one(code, "ISCO08", "occupation")
    for code in ("27", "219", "2271", "10", "A", "25110", "131a"):
        with pytest.raises(ClassificationError, match="impossible in the revision"):
            check_one(code, "ISCO08", "occupation")
    check_one("348", "ISCO88", "occupation")
    with pytest.raises(ClassificationError, match="'348' .* in ISCO08; possible in ISCO88"):
        check_one("348", "ISCO08", "occupation")
    check_one("11-1011", "SOC2018", "occupation")
    with pytest.raises(ClassificationError, match="possible in SOC2010, SOC2018"):
        check_one("11-1011", "ISCO08", "occupation")
    check_one("21232", "NOC2021", "occupation")
    with pytest.raises(ClassificationError, match="'27232' .* in NOC2021"):
        check_one("27232", "NOC2021", "occupation")


def test_the_numbers_of_divisions_are_those_of_the_standards() -> None:
    divisions = [f"{number:02d}" for number in range(100)]
    counted = {
        name: sum(classifications("activity")[name].allows(code) for code in divisions)
        for name in ("ISIC3", "ISIC31", "ISIC4", "ISIC5")
    }
    assert counted == {"ISIC3": 60, "ISIC31": 62, "ISIC4": 88, "ISIC5": 87}
    groups = [f"{number:03d}" for number in range(1000)]
    majors = [f"{number:02d}" for number in range(100)]
    isco = {
        name: tuple(sum(map(classifications("occupation")[name].allows, codes)) for codes in (majors, groups))
        for name in ("ISCO88", "ISCO08")
    }
    assert isco == {"ISCO88": (28, 116), "ISCO08": (43, 130)}


# ---------------------------------------------------------------- activities


def test_hierarchy_of_activities() -> None:
    assert activity_ancestors("DE") == ("MEL", "SEC_IND", "_T")
    assert activity_sections("HJ") == ("H", "J")
    assert find_group("J", "ISIC4_7") == "MKT" and find_group("X", "ISIC4_3") == "X"
    with pytest.raises(ClassificationError, match="'EOE' has no group in 'ISIC4_7'"):
        find_group("EOE", "ISIC4_7")
    with pytest.raises(ClassificationError, match="'MELL' is no activity .* closest known: 'MEL'"):
        activity_sections("MELL")


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


def make_weights(rows: list[tuple[str, str, float]]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["source", "target", "weight"])


def test_convert_splits_by_weight_within_each_key() -> None:
    frame = pd.concat([activities({"D": 10.0, "E": 5.0}, sex="M"), activities({"D": 100.0}, sex="F")])
    table = make_weights([("D", "B", 0.25), ("D", "DE", 0.75), ("E", "DE", 1.0)])
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
    assert convert(frame, make_weights(rows))["obs_value"].sum() == pytest.approx(
        frame["obs_value"].sum(), rel=1e-9, abs=1e-9
    )


def test_convert_refuses_lost_totals_and_unknown_codes() -> None:
    frame = activities({"D": 10.0})
    with pytest.raises(DefinitionError, match="do not sum to one: 'D' \\(0.9\\)"):
        convert(frame, make_weights([("D", "DE", 0.9)]))
    with pytest.raises(DefinitionError, match="weights lie between 0 and 1"):
        convert(frame, make_weights([("D", "B", -0.5), ("D", "DE", 1.5)]))
    with pytest.raises(ClassificationError, match="not in the correspondence: 'D'"):
        convert(frame, make_weights([("E", "DE", 1.0)]))


# ---------------------------------------------------------------- the correspondences that ship


CONVERSIONS = Path(__file__).parent / "cases" / "correspondences"


@pytest.mark.parametrize("case", sorted(CONVERSIONS.glob("[0-9]*")), ids=lambda path: path.name)
def test_golden_conversion(case: Path) -> None:
    given, expected = (
        pd.read_csv(case / f"{name}.csv", dtype=str, keep_default_na=False).assign(
            obs_value=lambda table: pd.to_numeric(table["obs_value"])
        )
        for name in ("input", "expected")
    )
    name = given["table"].iloc[0]
    found = convert_revision(given.drop(columns="table"), name)
    keys = [column for column in expected.columns if column != "obs_value"]
    both = expected.merge(found, on=keys, how="outer", suffixes=("", "_found"), indicator=True)
    assert (both["_merge"] == "both").all(), both
    assert both["obs_value_found"].tolist() == pytest.approx(
        both["obs_value"].tolist(), abs=1e-9, nan_ok=True
    )


@pytest.mark.parametrize("name", correspondence_names())
def test_correspondences_join_registered_revisions(name: str) -> None:
    table = correspondence(name)
    concept = "occupation" if table.concept == "occupation" else "activity"
    revisions = classifications(concept)  # type: ignore[arg-type]
    for side in ("source", "target"):
        codes = set(table.weights[side]) - {"_T", "_X", "_Z", "X"}
        revision = revisions[getattr(table, side)]
        assert [code for code in sorted(codes) if not revision.allows(code)] == []
    assert not table.weights.duplicated(["source", "target"]).any()
    assert set(table.weights["weight_basis"].str.split(":").str[0]) <= {"exact", "assumed"}
    parts = table.weights.groupby("source")["target"].transform("size")
    assert (table.weights.loc[parts > 1, "weight_basis"].str.startswith("assumed")).all()
    assert table.citation and (codelists_dir() / "correspondences" / f"{name}.csv").is_file()


@settings(deadline=None, max_examples=40)
@given(st.sampled_from(correspondence_names()), st.data())
def test_every_shipped_correspondence_conserves_the_total(name: str, data: st.DataObject) -> None:
    table = correspondence(name)
    column = table.concept
    revision = {"economic_activity": "activity_revision", "occupation": "occupation_revision"}[column]
    codes = sorted(set(table.weights["source"]) - {"_T"})
    values = data.draw(st.lists(st.floats(0, 1e9), min_size=len(codes), max_size=len(codes)))
    frame = pd.DataFrame({column: codes, revision: table.source, "obs_value": values})
    found = convert_revision(frame, name)
    assert found["obs_value"].sum() == pytest.approx(frame["obs_value"].sum(), rel=1e-9, abs=1e-9)
    assert set(found[revision]) <= {table.target, "_Z"}


def test_a_conversion_is_visible_and_never_from_another_revision() -> None:
    frame = activities({"D": 10.0, "_T": 10.0}).assign(activity_revision=["ISIC3", "_Z"])
    found = convert_revision(frame, "isic3_isic4").set_index("economic_activity")
    assert found.loc["C", "activity_revision"] == "ISIC4"
    assert found.loc["C", "step"] == "converted from ISIC3 by isic3_isic4, weights assumed"
    assert found.loc["_T", ["activity_revision", "step"]].tolist() == ["_Z", ""]
    assert correspondence("nace2_isic4").step == "converted from NACE2 by nace2_isic4, exact"
    with pytest.raises(ClassificationError, match="isic4_isic5 converts ISIC4, the figures declare ISIC3"):
        convert_revision(frame, "isic4_isic5")
    with pytest.raises(UsageError, match="there is no correspondence 'isic3_isic9'"):
        convert_revision(frame, "isic3_isic9")


def test_letters_of_another_revision_are_never_grouped_as_isic4() -> None:
    frame = activities({"D": 10.0}).assign(activity_revision="ISIC3")
    with pytest.raises(ClassificationError, match="activities of ISIC3 cannot be grouped"):
        group_activities(frame, "ISIC4_7", allow_absent=True)


@settings(deadline=None, max_examples=30)
@given(st.lists(st.floats(0, 1e7), min_size=14, max_size=14))
def test_grouping_twice_is_grouping_once(values: list[float]) -> None:
    frame = activities(dict(zip(FOURTEEN, values, strict=True)))
    seven = group_activities(frame, "ISIC4_7")
    pd.testing.assert_frame_equal(group_activities(seven, "ISIC4_7"), seven)
    straight, by_seven = (
        by_activity(group_activities(table, "ISIC4_3").sort_values("economic_activity"))
        for table in (frame, seven)
    )
    assert by_seven == pytest.approx(straight, rel=1e-9, abs=1e-9)


@settings(deadline=None)
@given(
    st.sampled_from(codelist("economic_activities").query("sections != '' and code != '_T'")["code"].tolist())
)
def test_whatever_is_above_holds_all_that_is_below(code: str) -> None:
    held = set(activity_sections(code))
    for ancestor in activity_ancestors(code):
        above = set(activity_sections(ancestor)) or held  # national groups may not be made of whole sections
        assert held <= above
        held = above


# ---------------------------------------------------------------- the publisher's own figures


@pytest.mark.shared_data
@pytest.mark.skipif(not SHARED.is_dir(), reason="the publishers' full files are not beside the checkout")
def test_groups_of_the_publishers_own_figures_keep_its_total() -> None:
    ilo = source("ilo_emp_activity_modelled")
    files = sorted((SHARED / "ilostat_2emp_14sector_ARM_MUS").glob("*.csv"))
    assert files
    for path in files:
        content = path.read_bytes()
        about = FileFacts(hashlib.sha256(content).hexdigest(), path.name, dt.date(2025, 11, 30))
        rows = conform(find_parser(ilo.format)(content, ilo.options), ilo, about).observations
        frame = rows[["ref_area", "time_period", "economic_activity", "obs_value"]]
        grouped = group_activities(frame, "ISIC4_7")
        parts = grouped[grouped["economic_activity"] != "_T"]
        assert sorted(parts["economic_activity"].unique()) == sorted(SEVEN)
        totals = frame[frame["economic_activity"] == "_T"].set_index("time_period")["obs_value"]
        assert (parts.groupby("time_period")["obs_value"].sum() - totals).abs().max() <= 2.0 + 1e-6
