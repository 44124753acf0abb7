"""The finest complete level of detail is shown and named, for a country with any mix of sources."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lma.assessment.cells import Lineage
from lma.assessment.country import forecast_years
from lma.assessment.profile import sector_profile, sector_spec, series_rows
from lma.assessment.shortage import balance_table, shortage_spec, shortage_table
from lma.balance import estimate_balance
from lma.classifications import activity_sections
from lma.contracts import Country, rule_set, source, table_contract
from lma.forecasting import forecast_country
from lma.levels import Level, details, find_level, find_levels, find_main_level
from lma.parsers import find_parser
from lma.staging import FileFacts, conform

SHARED = Path(__file__).parents[2] / "shared" / "data"
FOURTEEN = ("A", "B", "C", "DE", "F", "G", "HJ", "I", "K", "LMN", "O", "P", "Q", "RSTU")
SIX = ("AGR", "MAN", "CON", "MEL", "MKT", "PUB")
THREE = ("SEC_AGR", "SEC_IND", "SEC_SER")
ETD = tuple(
    f"ETD_{name}"
    for name in ["AGR", "MIN", "MAN", "UTI", "CON", "TRA", "TRS", "BUS", "FIN", "REA", "GOV", "OTH"]
)
YEARS = range(2001, 2021)
GEORGIA = Country(ref_area="GEO", label="Georgia", role="origin", partners=["TUR"])


def employ(codes: Iterable[str], kind: str = "modelled", years: Iterable[int] = YEARS) -> pd.DataFrame:
    """Employment of Georgia by activity, slowly rising; rows as in marts.observations."""
    basis = {"modelled": "modelled_estimate", "reported": "reported"}[kind]
    rows: list[Mapping[str, Any]] = [
        {
            "observation_id": f"{kind}:{code}:{year}", "economic_activity": code, "time_period": str(year),
            "activity_revision": "_Z" if code == "_T" else "ETD12" if code.startswith("ETD") else "ISIC4",
            "obs_value": 1000.0 * (place + 5) * (1.01 + place / 1000) ** (year - 2000) + 7 * (year % 3),
            "basis": basis, "basis_kind": kind, "source_id": kind,
        }
        for place, code in enumerate(codes)
        for year in years
    ]  # fmt: skip
    same = {
        "ref_area": "GEO", "counterpart_area": "_Z", "freq": "A", "indicator": "EMP", "sex": "_T", "age": "_T",
        "occupation": "_T", "occupation_revision": "_Z", "citizenship": "_T", "unit_measure": "PS", "obs_status": "A",
        "is_break": False,
    }  # fmt: skip
    return (
        pd.DataFrame(rows).assign(**same).reindex(columns=table_contract("marts.observations").column_names)
    )


def join(*frames: pd.DataFrame) -> pd.DataFrame:
    return pd.concat(frames, ignore_index=True)


def name_level(level: Level) -> tuple[str, str, int]:
    return level.detail.name, level.basis_kind, len(level.codes)


SCENARIOS = {
    "fourteen_modelled_groups_before_all": (
        join(employ(FOURTEEN), employ(SIX, "reported"), employ(ETD)),
        ("ISIC4_14", "modelled", 14),
    ),
    "reported_groups_serve_where_the_model_has_only_agriculture": (
        join(employ(("_T", "AGR")), employ((*SIX, "_T"), "reported")),
        ("ISIC4_7", "reported", 6),
    ),
    "reported_groups_before_the_twelve_sectors_of_etd": (
        join(employ(ETD), employ(SIX, "reported", [2015])),
        ("ISIC4_7", "reported", 6),
    ),
    "manufacturing_published_with_utilities": (
        employ(("AGR", "MAN_MEL", "CON", "MKT", "PUB"), "reported"),
        ("ISIC4_7", "reported", 5),
    ),
    "thirteen_of_fourteen_groups_are_not_complete": (
        join(employ(FOURTEEN[:-1]), employ(THREE, "reported")),
        ("ISIC4_3", "reported", 3),
    ),
    "groups_of_different_years_are_not_complete": (
        join(employ(SIX[:3], years=[2010]), employ(SIX[3:], years=[2011]), employ(ETD)),
        ("ETD12", "modelled", 12),
    ),
    "the_total_alone": (employ(("_T", "AGR")), ("_T", "modelled", 0)),
    "modelled_before_reported_where_both_are_as_fine": (
        join(employ(SIX, "reported"), employ(SIX)),
        ("ISIC4_7", "modelled", 6),
    ),
}


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_finest_complete_level_is_chosen(scenario: str) -> None:
    observations, expected = SCENARIOS[scenario]
    assert name_level(find_main_level(observations, "GEO")) == expected


def test_a_group_without_a_figure_is_not_there() -> None:
    observations = employ(FOURTEEN, years=[2019])
    observations.loc[observations["economic_activity"] == "K", "obs_value"] = np.nan
    assert name_level(find_level(observations, "GEO", "modelled")) == ("_T", "modelled", 0)
    assert find_level(employ(FOURTEEN), "GEO", "modelled").year == 2020


def test_another_country_or_revision_completes_nothing() -> None:
    others = employ(FOURTEEN).assign(ref_area="ARM")
    assert find_main_level(others, "GEO").codes == ()
    assert find_main_level(employ(SIX).assign(activity_revision="ISIC3"), "GEO").codes == ()


def test_every_level_divides_the_whole_economy_once() -> None:
    every = sorted("ABCDEFGHIJKLMNOPQRSTU")
    for detail in details():
        if detail.codes:
            assert sorted(s for code in detail.codes for s in activity_sections(code)) == every, detail.label


@settings(deadline=None, max_examples=40)
@given(
    st.sets(st.sampled_from([*FOURTEEN, *SIX, *THREE, *ETD])),
    st.sampled_from([*FOURTEEN, *SIX, *THREE, *ETD]),
)
def test_one_figure_more_never_makes_the_level_coarser(codes: set[str], more: str) -> None:
    order = [detail.label for detail in details()]
    before, after = (
        order.index(find_main_level(employ(("_T", *sorted(found)), years=[2019]), "GEO").detail.label)
        for found in (codes, codes | {more})
    )
    assert after <= before


# ---------------------------------------------------------------- what the tables say


def profile_of(observations: pd.DataFrame) -> pd.DataFrame:
    indicators = pd.DataFrame(columns=table_contract("marts.indicators").column_names)
    leaves = {
        str(node): (str(source), None)
        for node, source in zip(observations["observation_id"], observations["source_id"], strict=True)
    }
    return sector_profile("GEO", observations, indicators, Lineage(leaves, {}))  # type: ignore[arg-type]


def test_the_sector_table_names_the_level_of_every_row() -> None:
    observations = join(employ(("_T", "AGR")), employ((*SIX, "_T", "X"), "reported"))
    cells = profile_of(observations)
    levels = cells[cells["column_id"] == "level"].set_index("row_id")["text"]
    assert list(levels.index) == ["_T", "REP_T", *(f"REP_{code}" for code in SIX), "REP_X"]
    assert levels["_T"] == levels["REP_T"] == "total"
    assert set(levels.iloc[2:]) == {"6 aggregate groups of ISIC Rev. 4"}
    words = sector_spec(find_levels(observations, "GEO")).description
    assert "first the total only" in words
    assert words.endswith("then 6 aggregate groups of ISIC Rev. 4 (reported figures).")
    assert "N_LEVEL" in sector_spec(find_levels(observations, "GEO")).notes


def test_the_shortage_list_names_its_level() -> None:
    level = find_main_level(employ(ETD), "GEO")
    assert (
        "12 sectors of the Economic Transformation Database (modelled figures)"
        in shortage_spec(level).description
    )


def test_figures_of_a_finer_incomplete_level_are_not_mixed_in() -> None:
    observations = join(employ(FOURTEEN[:-1]), employ(SIX))
    rows = [row.id for row, _, kind in series_rows(observations, "GEO") if kind == "modelled"]
    assert rows == ["_T", *SIX]


# ---------------------------------------------------------------- forecast and balance at that level


def forecast_and_balance(observations: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    forecasts, _ = forecast_country(observations, "GEO")
    years = forecast_years("GEO", forecasts)
    balances = estimate_balance(
        observations, forecasts, rule_set("balance"), GEORGIA, years[0], years[-1], seed=1, n_draws=50
    )
    return forecasts, balances


def median_of(balances: pd.DataFrame, measure: str, period: str) -> pd.Series[Any]:
    wanted = (balances["measure"] == measure) & (balances["time_period"] == period)
    rows = balances[wanted & (balances["output_type"] == "mean")]
    return rows.set_index("economic_activity")["value"]


def test_a_country_with_reported_groups_only_is_forecast_and_balanced_by_them() -> None:
    total = employ(SIX, "reported").groupby("time_period")["obs_value"].sum()
    whole = employ(("_T",), "reported").assign(obs_value=total.to_numpy())
    observations = join(whole, employ(SIX, "reported"))
    forecasts, balances = forecast_and_balance(observations)
    assert set(forecasts["economic_activity"]) == {*SIX, "_T"}
    assert set(forecasts["basis_kind"]) == {"reported"}
    expansion = median_of(balances, "EXPANSION", "2021")
    assert set(expansion.index) == {*SIX, "_T"}
    assert expansion.drop("_T").sum() == pytest.approx(expansion["_T"], abs=0.5)
    level = find_main_level(observations, "GEO")
    cells = balance_table("GEO", balances, "2021-2025", level, Lineage({}, {}))
    assert list(dict.fromkeys(cells["row_id"])) == ["_T", *SIX]


def test_a_country_with_a_total_only_is_balanced_as_one() -> None:
    _, balances = forecast_and_balance(employ(("_T",)))
    assert set(balances["economic_activity"]) == {"_T"}
    assert median_of(balances, "EXPANSION", "2021")["_T"] > 0
    assert not balances["balance_id"].duplicated().any()
    refers_to_itself = [row["balance_id"] in row["inputs"] for _, row in balances.iterrows()]
    assert not any(refers_to_itself)


def test_groups_that_cannot_be_forecast_leave_the_balance_of_the_whole() -> None:
    observations = join(employ(("_T",)), employ(SIX, "reported", years=[2018, 2019, 2020]))
    _, balances = forecast_and_balance(observations)
    assert find_main_level(observations, "GEO").codes == SIX
    assert median_of(balances, "EXPANSION", "2021")["_T"] > 0
    shortages = pd.DataFrame(columns=table_contract("marts.shortages").column_names)
    level = find_main_level(observations, "GEO")
    cells = shortage_table("GEO", shortages, balances, "2021-2025", level, Lineage({}, {}))
    assert list(dict.fromkeys(cells["row_id"])) == ["_T", *SIX]


def test_forecast_years_follow_the_newest_figure_of_the_kind_with_most_detail() -> None:
    observations = join(
        employ(("_T",), years=range(2001, 2018)), employ((*SIX, "_T"), "reported", range(2001, 2021))
    )
    forecasts, _ = forecast_country(observations, "GEO")
    assert forecast_years("GEO", forecasts) == [2021, 2022, 2023, 2024, 2025]


def test_years_before_the_newest_figure_of_a_country_are_not_forecast_years() -> None:
    observations = join(employ(SIX, "reported", range(2001, 2019)), employ(("_T",), "reported"))
    forecasts, _ = forecast_country(observations, "GEO")
    assert forecasts.loc[forecasts["role"] != "none", "target_period"].min() == "2019"
    assert forecast_years("GEO", forecasts) == [2021, 2022, 2023, 2024, 2025]


def test_the_same_letter_of_another_revision_is_never_shown() -> None:
    newer = employ(("C", "_T"), "modelled", [2023]).assign(activity_revision=["ISIC3", "_Z"])
    observations = join(
        employ((*FOURTEEN, "_T")), newer.iloc[:1].assign(obs_value=9e9, observation_id="isic3")
    )
    cells = profile_of(observations)
    shown = cells[(cells["row_id"] == "C") & (cells["column_id"] == "employment")].iloc[0]
    assert shown["time_period"] == "2020" and shown["value"] < 9e9


# ---------------------------------------------------------------- the publisher's own figures


@pytest.mark.shared_data
@pytest.mark.skipif(not SHARED.is_dir(), reason="the publishers' full files are not beside the checkout")
def test_levels_of_countries_in_the_publishers_own_table() -> None:
    ilo = source("ilo_emp_activity_reported")
    content = (SHARED / "ilostat_emp_sector_xlsx_2022-05" / "EMP_TEMP_SEX_ECO_NB_A_EN.xlsx").read_bytes()
    about = FileFacts(
        hashlib.sha256(content).hexdigest(), "EMP_TEMP_SEX_ECO_NB_A_EN.xlsx", dt.date(2022, 5, 8)
    )
    rows = conform(find_parser(ilo.format)(content, ilo.options), ilo, about).observations
    rows = rows.assign(basis_kind="reported")
    levels = {code: find_level(rows, code, "reported") for code in sorted(rows["ref_area"].unique())}
    assert [name_level(levels[code])[2] for code in ("GEO", "IND", "KEN", "PHL", "QAT")] == [6] * 5
    assert (levels["GEO"].year, levels["KEN"].year) == (2020, 2019)
    found = pd.Series([name_level(level)[2] for level in levels.values()]).value_counts().to_dict()
    assert found == {6: 188, 0: 9}
