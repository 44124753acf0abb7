"""conform: every figure is conformed, rejected, dropped or refused; none is changed or lost in silence."""

from __future__ import annotations

import datetime as dt
import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lma.contracts import Correction, Source, sources, table_contract
from lma.errors import ClassificationError, DefinitionError, InputError
from lma.parsers import find_parser
from lma.published_text import parse_numbers, parse_period, scale_numbers
from lma.staging import (
    OBSERVATION_COLUMNS,
    SERIES_KEY,
    Conformed,
    FileFacts,
    apply_corrections,
    conform,
    match_file,
    match_sources,
    name_columns_as_declared,
    read_vintage,
)

SPECIMENS = Path(__file__).parent / "specimens"
SHARED = Path(__file__).parents[2] / "shared" / "data"
SHA = hashlib.sha256(b"a file").hexdigest()

EMPLOYMENT: dict[str, Any] = {
    "source": {
        "ref_area": "ref_area",
        "sex": "sex",
        "time_period": "time",
        "obs_value": "obs_value",
        "note": "note",
    },
    "constant": {"indicator": "EMP", "unit_measure": "PS"},
    "codes": {"sex": {"SEX_T": "_T", "SEX_M": "M", "SEX_F": "F"}},
    "unit_multiplier": 1000,
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
        "mapping": EMPLOYMENT if mapping is None else mapping,
    }
    return Source.model_validate(facts | changes)


def facts(name: str = "file.csv", **changes: Any) -> FileFacts:
    return FileFacts(SHA, name, dt.date(2025, 1, 1), **changes)


def conform_specimen(name: str, source: Source | None = None) -> Conformed:
    source = source or make_source()
    raw = find_parser(source.format)((SPECIMENS / name).read_bytes(), source.options)
    return conform(raw, source, facts(name))


def frame(rows: list[dict[str, str]]) -> pd.DataFrame:
    return pd.DataFrame(rows, dtype=object)


def row(
    area: str = "ARM", time: str = "2020", value: str = "1", sex: str = "SEX_T", note: str = ""
) -> dict[str, str]:
    return {"ref_area": area, "sex": sex, "time": time, "obs_value": value, "note": note}


def count_cells(found: Conformed) -> int:
    return (
        len(found.observations)
        + len(found.rejected)
        + found.n_dropped
        + found.n_not_applicable
        + found.n_collapsed
    )


# ---------------------------------------------------------------- the shape of what comes out


def test_columns_are_those_of_the_contract() -> None:
    contract = table_contract("staging.observations")
    assert list(OBSERVATION_COLUMNS) == contract.column_names
    assert [*SERIES_KEY, "source_id", "as_of"] == contract.primary_key


def test_specimen_conforms_to_the_figure() -> None:
    found = conform_specimen("employment.csv")
    assert list(found.observations.columns) == list(OBSERVATION_COLUMNS)
    last = found.observations.iloc[-1]
    assert last["observation_id"] == f"{SHA[:12]}:4"
    assert (last["ref_area"], last["time_period"], last["obs_value"]) == ("MUS", "2020", 530250.0)
    assert (last["sex"], last["age"], last["counterpart_area"], last["freq"]) == ("_T", "_T", "_Z", "A")
    assert (last["obs_status"], last["basis"], last["as_of"]) == ("A", "reported", dt.date(2025, 1, 1))
    assert found.n_cells == 4 == count_cells(found)


def test_wide_table_melts_to_one_row_per_cell_with_its_header() -> None:
    raw = frame(
        [{"Area": "ARM", "2013|January|Inflow": "1.5", "2013|May|Inflow": "2", "2013|January|Net": "9"}]
    )
    source = make_source(
        {
            "source": {"ref_area": "Area", "time_period": "{year}-{month}"},
            "constant": {"indicator": "REMIT", "unit_measure": "USD", "freq": "M"},
            "unit_multiplier": 1000,
        },
        wide={"columns": r"(?P<year>\d{4})\|(?P<month>\w+)\|Inflow"},
    )
    found = conform(raw, source, facts()).observations
    assert found["time_period"].tolist() == ["2013-01", "2013-05"]
    assert found["obs_value"].tolist() == [1500.0, 2000.0]
    assert found["observation_id"].tolist() == [
        f"{SHA[:12]}:1:2013|January|Inflow",
        f"{SHA[:12]}:1:2013|May|Inflow",
    ]
    assert found["raw_column"].tolist() == ["2013|January|Inflow", "2013|May|Inflow"]


def test_wide_pattern_that_matches_everything_leaves_internal_columns_alone() -> None:
    raw = frame([{"Destination": "ARM", "Georgia": "7", "India": ".."}])
    source = make_source(
        {
            "source": {"ref_area": "Destination", "counterpart_area": "origin"},
            "constant": {"indicator": "MIG_STOCK", "unit_measure": "PS"},
            "codes": {"counterpart_area": {"Georgia": "GEO", "India": "IND"}},
        },
        wide={"columns": r"(?!Destination$)(?P<origin>.+)"},
        missing=[".."],
        files=[{"name": r"stock_(?P<time_period>\d{4})\.csv", "constant": {"sex": "M"}}],
    )
    found = conform(raw, source, facts(groups={"time_period": "2019"}, constant={"sex": "M"}))
    assert found.observations["counterpart_area"].tolist() == ["GEO", "IND"]
    assert found.observations["obs_status"].tolist() == ["A", "M"]
    assert set(found.observations["sex"]) == {"M"} and set(found.observations["time_period"]) == {"2019"}
    assert found.n_cells == 2


def test_totals_of_activity_carry_no_revision() -> None:
    raw = frame([row() | {"activity": "Total"}, row() | {"activity": "Agriculture"}])
    mapping = EMPLOYMENT | {
        "codes": EMPLOYMENT["codes"] | {"economic_activity": {"Total": "_T", "Agriculture": "A"}},
        "source": EMPLOYMENT["source"] | {"economic_activity": "activity"},
        "constant": EMPLOYMENT["constant"] | {"activity_revision": "ISIC4"},
    }
    found = conform(raw, make_source(mapping), facts()).observations
    assert found["activity_revision"].tolist() == ["_Z", "ISIC4"]


def test_crosswalk_gives_concepts_and_multiplier_and_drops_what_it_leaves_empty() -> None:
    raw = frame([row("Armenia"), row("Africa"), row("Türkiye", value="3")])
    mapping = EMPLOYMENT | {"codes": EMPLOYMENT["codes"] | {"ref_area": "area_names_ilo"}}
    found = conform(raw, make_source(mapping), facts())
    assert found.observations["ref_area"].tolist() == ["ARM", "TUR"]
    assert found.n_dropped == 1
    etd = {
        "source": {"ref_area": "area", "time_period": "time", "obs_value": "value"},
        "codes": {"var": "etd_variables"},
    }
    one = conform(
        frame([{"area": "MUS", "time": "2018", "value": "0.07", "var": "VA"}]), make_source(etd), facts()
    )
    assert one.observations.loc[0, ["indicator", "unit_measure", "obs_value"]].tolist() == [
        "VA",
        "XDC",
        70000.0,
    ]


def test_status_break_note_basis_and_missing() -> None:
    raw = frame(
        [
            row(time="2019") | {"flag": ""},
            row(time="2020") | {"flag": "Unreliable"},
            row(time="2021", note="Break in series: methodology revised") | {"flag": ""},
            row(time="2022", value="..", note="Break in series") | {"flag": "Unreliable"},
        ]
    )
    source = make_source(
        EMPLOYMENT | {"source": EMPLOYMENT["source"] | {"obs_status": "flag"}},
        status={"Unreliable": "U"},
        break_notes="Break in series",
        missing=["", ".."],
        basis={"default": "reported", "projection_from": "2021"},
    )
    found = conform(raw, source, facts()).observations
    assert found["obs_status"].tolist() == ["A", "U", "B", "M"]
    assert found["basis"].tolist() == ["reported", "reported", "projection", "projection"]
    assert np.isnan(found["obs_value"].iloc[3])
    with pytest.raises(ClassificationError, match="are not in `status` of .*: 'Unreliable'"):
        conform(
            raw, make_source(EMPLOYMENT | {"source": EMPLOYMENT["source"] | {"obs_status": "flag"}}), facts()
        )


def test_not_applicable_cells_make_no_row() -> None:
    raw = frame([row(time="2019"), row(time="2020", value=""), row(time="2021", value="..")])
    found = conform(raw, make_source(missing=[".."], not_applicable=[""]), facts())
    assert found.n_not_applicable == 1 and len(found.observations) == 2 and count_cells(found) == 3


def test_keep_filters_and_counts() -> None:
    raw = frame([row(time="2019"), row(time="2020", sex="SEX_O")])
    found = conform(raw, make_source(EMPLOYMENT | {"keep": {"sex": ["SEX_T"]}}), facts())
    assert (len(found.observations), found.n_dropped) == (1, 1)
    with pytest.raises(InputError, match="no row passes `keep`"):
        conform(raw, make_source(EMPLOYMENT | {"keep": {"sex": ["SEX_X"]}}), facts())


def test_conform_does_not_change_its_input() -> None:
    raw = frame([row(), row(time="2021")])
    before = raw.copy(deep=True)
    conform(raw, make_source(), facts())
    pd.testing.assert_frame_equal(raw, before)


# ---------------------------------------------------------------- bad input


def test_equal_repeats_collapse_to_the_first_and_are_counted() -> None:
    found = conform_specimen("broken/equal_repeats.csv")
    assert (len(found.observations), found.n_collapsed, found.n_cells) == (4, 1, 5)
    assert found.observations["raw_row"].tolist() == [1, 2, 3, 4]


def test_cells_that_are_no_figure_go_to_quarantine_and_negatives_pass() -> None:
    found = conform_specimen("broken/nan_and_negative.csv")
    assert found.rejected[["raw_row", "column", "value"]].to_numpy().tolist() == [
        [1, "obs_value", "NaN"],
        [2, "obs_value", "inf"],
        [4, "obs_value", "1,049.5"],
        [6, "time", "01/02/2023"],
    ]
    assert found.rejected["reason"].tolist()[0] == "not a number, and not declared as missing"
    assert found.rejected["reason"].tolist()[3] == "not a period of frequency A"
    assert found.observations["obs_value"].iloc[0] == -1049500.0
    assert found.observations["obs_status"].tolist() == ["A", "M"]
    assert count_cells(found) == found.n_cells == 6


def test_declared_separators_are_read_and_ill_grouped_ones_are_not() -> None:
    raw = frame(
        [row(time="2019", value="1,397.7"), row(time="2020", value="1,39"), row(time="2021", value="12,345")]
    )
    found = conform(
        raw, make_source(EMPLOYMENT | {"unit_multiplier": 1}, options={"thousands": ","}), facts()
    )
    assert found.observations["obs_value"].tolist() == [1397.7, 12345.0]
    assert found.rejected["value"].tolist() == ["1,39"]


def test_definition_errors_of_a_mapping() -> None:
    raw = frame([row()])
    with pytest.raises(DefinitionError, match="gives no indicator"):
        conform(raw, make_source(EMPLOYMENT | {"constant": {"unit_measure": "PS"}}), facts())
    with pytest.raises(DefinitionError, match="is given both by `source` and by `constant`"):
        conform(raw, make_source(EMPLOYMENT | {"constant": EMPLOYMENT["constant"] | {"sex": "_T"}}), facts())
    with pytest.raises(DefinitionError, match="sector, which is no concept"):
        conform(
            raw, make_source(EMPLOYMENT | {"constant": EMPLOYMENT["constant"] | {"sector": "A"}}), facts()
        )
    with pytest.raises(InputError, match="no column header matches wide.columns"):
        conform(raw, make_source(wide={"columns": r"\d{4}"}), facts())


# ---------------------------------------------------------------- numbers and periods


@pytest.mark.parametrize(
    ("text", "freq", "period"),
    [
        ("2013", "A", "2013"),
        ("2013-Q1", "Q", "2013-Q1"),
        ("2013Q1", "Q", "2013-Q1"),
        ("2018-01-31", "M", "2018-01"),
        ("2018-03-31", "Q", "2018-Q1"),
        ("2018-12-31", "A", "2018"),
        ("2017M01", "M", "2017-01"),
        ("2013-February", "M", "2013-02"),
        ("1939 Jan", "M", "1939-01"),
        ("May 2024", "M", "2024-05"),
        ("2013", "M", None),
        ("2013-Q1", "A", None),
        ("2018-13", "M", None),
        ("3Qtr25", "Q", None),
        ("01/02/2023", "M", None),
        ("2013-Smarch", "M", None),
        ("NA", "A", None),
        ("", "A", None),
    ],
)
def test_periods(text: str, freq: str, period: str | None) -> None:
    assert parse_period(text, freq) == period


@pytest.mark.parametrize(
    ("text", "thousands", "decimal", "plain"),
    [
        ("1 234,5", " ", ",", "1234.5"),
        ("1\u00a0234,5", " ", ",", "1234.5"),
        ("1.397,7", ".", ",", "1397.7"),
        ("-3,5", "", ",", "-3.5"),
        ("1_000", "", ".", ""),
        ("1234,567", ",", ".", ""),
        ("٣", "", ".", ""),
        ("1e5", "", ".", "1e5"),
        ("--", "", ".", ""),
    ],
)
def test_numbers(text: str, thousands: str, decimal: str, plain: str) -> None:
    texts, is_number = parse_numbers([text], thousands, decimal)
    assert (texts[0], bool(is_number[0])) == (plain, plain != "")


@settings(deadline=None)
@given(st.decimals(min_value=-(10**9), max_value=10**9, places=3), st.sampled_from([1.0, 10.0, 1000.0, 1e6]))
def test_scaling_by_a_power_of_ten_is_exact(number: Any, multiplier: float) -> None:
    text = format(number, "f")
    assert scale_numbers(np.array([text], dtype=object), multiplier)[0] == float(number * int(multiplier))


# ---------------------------------------------------------------- properties

CELLS = st.sampled_from(["1", "2.5", "-3", "NaN", "inf", "..", "", "n.a.", "x", "1e400", "0"])
AREAS = st.sampled_from(["Armenia", "Africa", "Mauritius", "Türkiye"])


@settings(deadline=None)
@given(
    st.lists(st.tuples(AREAS, CELLS, st.sampled_from(["SEX_T", "SEX_M", "SEX_O"])), min_size=1, max_size=30)
)
def test_no_figure_is_lost_in_silence(cells: list[tuple[str, str, str]]) -> None:
    raw = frame(
        [row(area, str(1950 + at), value, sex) for at, (area, value, sex) in enumerate(cells)]
        + [row("Armenia", "1949")]
    )
    mapping = EMPLOYMENT | {
        "codes": EMPLOYMENT["codes"] | {"ref_area": "area_names_ilo"},
        "keep": {"sex": ["SEX_T", "SEX_M"]},
    }
    found = conform(raw, make_source(mapping, missing=[".."], not_applicable=[""]), facts())
    assert count_cells(found) == found.n_cells == len(raw)
    kept = [
        value
        for area, value, sex in [*cells, ("Armenia", "1", "SEX_T")]
        if area != "Africa" and sex != "SEX_O"
    ]
    numbers = [float(value) * 1000 for value in kept if value in ("1", "2.5", "-3", "0")]
    assert sorted(found.observations["obs_value"].dropna()) == sorted(numbers)
    assert (found.observations["obs_status"] == "M").sum() == kept.count("..")


@settings(deadline=None)
@given(st.lists(st.floats(0, 1e6, allow_nan=False), min_size=1, max_size=40))
def test_conform_conserves_the_total(values: list[float]) -> None:
    raw = frame([row(time=str(1900 + at), value=repr(value)) for at, value in enumerate(values)])
    found = conform(raw, make_source(), facts()).observations
    assert found["obs_value"].sum() == pytest.approx(sum(values) * 1000, rel=1e-9)


# ---------------------------------------------------------------- file names


def test_file_names_find_their_source_and_vintage() -> None:
    source = make_source(files=[{"name": r"(?P<as_of>\d{4}-\d{2}-\d{2})__(?P<series>[a-z.]+)\.csv"}])
    found = match_file({"test_source": source}, "2025-12-17__sl.tlf.csv")
    assert found is not None
    assert found[2] == {"as_of": "2025-12-17", "series": "sl.tlf"}
    assert read_vintage(found[1], found[2]) == dt.date(2025, 12, 17)
    assert read_vintage(found[1], {"as_of": "20260325T1614"}) == dt.date(2026, 3, 25)
    assert match_file({"test_source": source}, "other.csv") is None
    with pytest.raises(DefinitionError, match="no date"):
        read_vintage(found[1], {"as_of": "20261399"})


def test_a_file_of_two_sources_is_not_guessed() -> None:
    both = {"one": make_source(source_id="one"), "two": make_source(source_id="two")}
    assert [source.source_id for source, _, _ in match_sources(both, "a.csv")] == ["one", "two"]
    with pytest.raises(DefinitionError, match="matches 2 patterns"):
        match_file(both, "a.csv")


# ---------------------------------------------------------------- corrections


def correction(**changes: Any) -> Correction:
    what: dict[str, Any] = {
        "id": "arm_2020",
        "where": {"source_id": "test_source", "ref_area": "ARM", "time_period": "2020"},
        "action": "set_value",
        "value": 1000000,
        "reason": "typing error",
        "reference": "a letter of the publisher",
        "expect": {"rows": 1, "value": 1049500},
    }
    return Correction.model_validate(what | changes)


def test_corrections_change_flag_and_drop_with_a_report() -> None:
    observations = conform_specimen("employment.csv").observations
    corrected, report = apply_corrections(observations, [correction()])
    changed = corrected[corrected["correction_id"] == "arm_2020"].iloc[0]
    assert (changed["obs_value"], changed["uncorrected_value"]) == (1000000.0, 1049500.0)
    assert report[["correction_id", "n_rows", "outcome"]].to_numpy().tolist() == [["arm_2020", 1, "applied"]]
    flagged, _ = apply_corrections(observations, [correction(action="flag_break", value=None)])
    assert flagged["obs_status"].tolist() == ["A", "B", "A", "A"]
    assert flagged["obs_value"].tolist() == observations["obs_value"].tolist()
    dropped, _ = apply_corrections(observations, [correction(action="drop", value=None)])
    assert len(dropped) == 3
    scaled, _ = apply_corrections(observations, [correction(action="multiply", value=0.5)])
    assert scaled.loc[1, "obs_value"] == 524750.0
    assert observations["correction_id"].isna().all()


def test_corrections_of_stacked_files_hit_only_their_own_rows() -> None:
    one = conform_specimen("employment.csv").observations
    other = one.assign(source_id="other", observation_id="x")
    corrected, _ = apply_corrections(pd.concat([other, one]), [correction(action="drop", value=None)])
    assert corrected["source_id"].value_counts().to_dict() == {"other": 4, "test_source": 3}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"expect": {"rows": 2}}, "1 rows meet `where`, 2 are expected"),
        ({"expect": {"rows": 1, "value": 5}}, "is 1049500, 5 is expected"),
        ({"value": None}, "`value` is needed by set_value"),
        ({"where": {"source_id": "test_source", "sector": "A"}}, "names sector, which is no column"),
        ({"where": {"ref_area": "ARM"}}, "`where` needs source_id"),
        ({"expect": {"value": 5}}, "`expect` needs rows"),
    ],
)
def test_a_correction_whose_guard_fails_stops_the_run(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        apply_corrections(conform_specimen("employment.csv").observations, [correction(**changes)])
    assert message in str(caught.value) and "arm_2020" in str(caught.value)


def test_a_correction_of_something_absent_is_skipped() -> None:
    observations = conform_specimen("employment.csv").observations
    other_source = correction(where={"source_id": "other"})
    other_area = correction(where={"source_id": "test_source", "ref_area": "GEO"})
    other_vintage = correction(where={"source_id": "test_source", "as_of": "2024-01-01"})
    same, report = apply_corrections(observations, [other_source, other_area, other_vintage])
    pd.testing.assert_frame_equal(same, observations)
    assert report["outcome"].tolist() == ["skipped"] * 3


# ---------------------------------------------------------------- the publishers' own files


def _conform_all(folder: Path) -> dict[str, Conformed]:
    found = {}
    for path in sorted(folder.rglob("*.*")):
        for source, file, groups in match_sources(sources(), path.name):
            vintage = read_vintage(file, groups)
            assert vintage is not None, path.name
            content = path.read_bytes()
            about = FileFacts(hashlib.sha256(content).hexdigest(), path.name, vintage, groups, file.constant)
            own = source.as_in(file)
            parsed = find_parser(own.format)(content, own.options)
            raw = name_columns_as_declared(parsed, own, path.name)
            found[f"{source.source_id} {path.name}"] = conform(raw, own, about)
    return found


def test_every_sample_conforms_and_accounts_for_every_cell() -> None:
    found = _conform_all(Path(__file__).parents[1] / "warehouse" / "sample")
    assert found
    for name, one in found.items():
        assert count_cells(one) == one.n_cells, name
        assert len(one.observations) > 0, name
        assert not one.observations["observation_id"].duplicated().any(), name


@pytest.mark.shared_data
@pytest.mark.skipif(not SHARED.is_dir(), reason="the publishers' full files are not beside the checkout")
def test_fourteen_groups_sum_to_the_publishers_total() -> None:
    found = _conform_all(SHARED / "ilostat_2emp_14sector_ARM_MUS")
    rows = pd.concat([one.observations for one in found.values()])
    assert set(rows["ref_area"]) == {"ARM", "MUS"}
    wide = rows.pivot_table(
        index=["ref_area", "time_period"], columns="economic_activity", values="obs_value"
    )
    assert wide.shape == (70, 15) and not wide.isna().any().any()
    assert (wide.drop(columns="_T").sum(axis=1) - wide["_T"]).abs().max() <= 2.0 + 1e-6  # 0.002 thousand


@pytest.mark.parametrize(
    ("concept", "value", "code"),
    [("ref_area", "MU", "MUS"), ("indicator", "EMPLOYMENT", "EMP"), ("unit_measure", "persons", "PS")],
)
def test_wrong_constant_is_corrected_in_its_yaml_not_in_the_codelist(
    concept: str, value: str, code: str
) -> None:
    mapping = EMPLOYMENT | {"constant": EMPLOYMENT["constant"] | {concept: value}}
    source = make_source(mapping | {"source": {k: v for k, v in mapping["source"].items() if k != concept}})
    with pytest.raises(ClassificationError) as told:
        conform(frame([row()]), source, facts())
    assert f"correct mapping.constant.{concept} in " in str(told.value) and f"to {code} (" in str(told.value)
    assert ".yaml" in str(told.value) and "Add each there" not in str(told.value)
