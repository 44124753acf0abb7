"""Every shipped sample is owned by a source, conforms, and says what the publisher's file says."""

from __future__ import annotations

import datetime as dt
import hashlib

import pandas as pd
import pytest

from lma import contracts, staging
from lma.classifications import check_codes
from lma.parsers import PARSERS

WRITTEN_BY_HAND = {"README.md"}
KNOWN_FIGURES = [
    (
        "ilo_emp_activity_modelled",
        {"ref_area": "ARM", "economic_activity": "A", "time_period": "1991"},
        750487,
    ),
    (
        "ilo_emp_activity_modelled",
        {"ref_area": "MUS", "economic_activity": "_T", "time_period": "2025"},
        598853,
    ),
    (
        "ilo_emp_agr_total_modelled",
        {"ref_area": "MUS", "economic_activity": "_T", "time_period": "2023"},
        568075,
    ),
    (
        "ilo_emp_activity_reported",
        {"ref_area": "ARM", "economic_activity": "AGR", "sex": "_T", "time_period": "2018"},
        681420,
    ),
    ("ilo_emp_age_reported", {"ref_area": "MUS", "age": "_T", "sex": "_T", "time_period": "2024"}, 547105),
    (
        "ilo_labour_force_modelled",
        {"ref_area": "ARM", "age": "Y20T24", "sex": "M", "time_period": "2019"},
        59668,
    ),
    ("ilo_lfpr_reported", {"ref_area": "MUS", "age": "_T", "sex": "_T", "time_period": "2020"}, 71.52),
    (
        "ilo_unemployment_reported",
        {"ref_area": "ARM", "age": "Y15T24", "sex": "_T", "time_period": "2020"},
        23.95,
    ),
    ("ilo_informality_reported", {"ref_area": "ARM", "sex": "F", "time_period": "2022"}, 53.205),
    ("un_sdg_neet", {"ref_area": "MUS", "sex": "_T", "time_period": "2018"}, 20.5),
    (
        "undesa_migrant_stock",
        {"ref_area": "MUS", "counterpart_area": "BGD", "sex": "_T", "time_period": "2019"},
        8403,
    ),
    ("wb_bilateral_remittances", {"ref_area": "ARM", "counterpart_area": "RUS"}, 812_000_000),
    ("arm_wages_monthly", {"indicator": "EARN", "economic_activity": "J", "time_period": "2024-06"}, 824100),
    (
        "arm_gdp_quarter",
        {"economic_activity": "C", "time_period": "2024-Q1", "as_of": "2024-06-10"},
        232_980_900_000,
    ),
    (
        "etd",
        {"ref_area": "MUS", "indicator": "EMP", "economic_activity": "ETD_MAN", "time_period": "2018"},
        92720.643,
    ),
    ("mus_eoe", {"citizenship": "FOR", "time_period": "2025-Q3"}, 13499),
]


def conform_file(path) -> pd.DataFrame:
    """What a sample becomes for every source that reads it."""
    owned = staging.match_sources(contracts.sources(), path.name)
    assert owned, f"no source knows {path.name}"
    return pd.concat([conform_for(path, *match) for match in owned])


def conform_for(path, source, file, groups) -> pd.DataFrame:
    content = path.read_bytes()
    facts = staging.FileFacts(
        snapshot_sha=hashlib.sha256(content).hexdigest(),
        file_name=path.name,
        as_of=staging.read_vintage(file, groups),
        groups=groups,
        constant=file.constant,
    )
    source = source.as_in(file)
    parsed = PARSERS[source.format](content, source.options)
    raw = staging.name_columns_as_declared(parsed, source, path.name)
    return staging.conform(raw, source, facts).observations


@pytest.fixture(scope="module")
def observations() -> pd.DataFrame:
    files = sorted(p for p in contracts.sample_dir().iterdir() if p.name not in WRITTEN_BY_HAND)
    return pd.concat([conform_file(path) for path in files], ignore_index=True)


def test_no_key_stands_twice(observations):
    key = [*staging.SERIES_KEY, "source_id", "as_of"]
    assert not observations.duplicated(key).any()
    assert observations["observation_id"].is_unique


@pytest.mark.parametrize(("source_id", "where", "expected"), KNOWN_FIGURES)
def test_figure_is_the_published_one(observations, source_id, where, expected):
    chosen = observations[observations["source_id"] == source_id]
    for concept, value in where.items():
        chosen = chosen[chosen[concept].astype(str) == value]
    assert chosen["obs_value"].tolist() == pytest.approx([expected])


def test_groups_add_up_to_the_total(observations):
    employment = observations[observations["source_id"] == "ilo_emp_activity_modelled"]
    table = employment.pivot(
        index=["ref_area", "time_period"], columns="economic_activity", values="obs_value"
    )
    assert (table.drop(columns="_T").sum(axis=1) - table["_T"]).abs().max() <= 2.5


def test_nationals_and_foreigners_add_up(observations):
    zone = observations[observations["source_id"] == "mus_eoe"]
    table = zone.pivot(index="time_period", columns="citizenship", values="obs_value")
    assert len(table) == 13
    assert (table["NAT"] + table["FOR"] == table["_T"]).all()


def test_no_vintage_knows_the_future(observations):
    """A period that had not begun at the vintage's date must be a projection."""
    past = observations[
        ~observations["basis"].eq("projection") & ~observations["source_id"].str.startswith("wpp_")
    ]
    first_day = {
        period: pd.Period(period.replace("-Q", "Q")).start_time.date()
        for period in past["time_period"].unique()
    }
    late = past[past["time_period"].map(first_day) > past["as_of"].map(lambda day: pd.Timestamp(day).date())]
    assert late.empty, late[["source_id", "time_period", "as_of"]].drop_duplicates().to_string()


def test_every_correction_still_holds(observations):
    """Those of sources without a sample are held to the whole files in test_publishers."""
    _, report = staging.apply_corrections(observations, contracts.corrections())
    in_sample = report["source_id"].map(
        lambda ids: bool(set([ids] if isinstance(ids, str) else ids) & set(observations["source_id"]))
    )
    assert set(report.loc[in_sample, "outcome"]) == {"applied"}


def test_crosswalks_give_known_codes():
    known = {"ref_area": set(contracts.codelist("areas")["area"])}
    known["counterpart_area"] = known["ref_area"] | {"_T", "_Z", "_X"}
    known["indicator"] = set(contracts.codelist("indicators")["indicator"])
    known["unit_measure"] = set(contracts.codelist("units")["unit_measure"])
    known["age"] = set(contracts.codelist("ages")["age"])
    for path in sorted((contracts.codelists_dir() / "crosswalks").glob("*.csv")):
        table = contracts.crosswalk(path.stem)
        for concept in set(table.columns) & set(known) if "published" in table.columns else ():
            assert set(table[concept]) - {""} <= known[concept], f"{path.name}, {concept}"
        if {"published", "economic_activity", "activity_revision"} <= set(table.columns):
            kept = table[table["economic_activity"] != ""]
            check_codes(
                kept["economic_activity"], kept["activity_revision"], kept["published"], "activity", path.name
            )


def test_vintages_are_dates(observations):
    assert all(isinstance(day, dt.date) for day in observations["as_of"].unique().tolist())
