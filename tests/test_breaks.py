"""Suspected level shifts: the undeclared break of Armenia in 2018, crises that passed, and series that are merely quiet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from observation_builder import observations

from lma.breaks import SHIFT_COLUMNS, find_level_shifts, name_world_shock, score_changes
from lma.contracts import rule_set

RULES = rule_set("breaks")

# Thousand persons as the country reported them to the ILO (ILOSTAT EMP_TEMP_SEX_ECO_NB_A, web export of 2022-05-08, CC BY 4.0).
ARMENIA_TOTAL = (
    1185.190,
    1175.130,
    1173.575,
    1163.626,
    1133.541,
    1072.642,
    1006.153,
    1011.725,
    1322.585,
    1372.315,
    1364.181,
)
ARMENIA_AGRICULTURE = (
    457.440,
    457.390,
    437.159,
    422.122,
    394.765,
    378.953,
    338.055,
    317.111,
    681.420,
    681.301,
    714.592,
)
YEARS = tuple(str(year) for year in range(2010, 2021))


def build_series(
    values: Sequence[float], years: Sequence[str], declared: Sequence[str] = (), **constant: str
) -> pd.DataFrame:
    rows = observations(
        *(
            {"time_period": year, "obs_value": value, **constant}
            for year, value in zip(years, values, strict=True)
        )
    )
    kind = "modelled" if constant.get("basis") == "modelled_estimate" else "reported"
    return rows.assign(basis_kind=kind, is_break=rows["time_period"].isin(declared))


def thousands(values: Sequence[float]) -> list[float]:
    return [1000 * value for value in values]


@pytest.mark.parametrize("values", [ARMENIA_TOTAL, ARMENIA_AGRICULTURE], ids=["total", "agriculture"])
def test_undeclared_break_of_armenia_2018_is_suspected(values: Sequence[float]) -> None:
    found = find_level_shifts(build_series(thousands(values), YEARS), RULES)
    assert found["time_period"].tolist() == ["2018"]
    shift = found.iloc[0]
    assert shift["kind"] == "level_shift" and not shift["is_declared"]
    assert shift["previous_value"] == 1000 * values[7] and shift["value"] == 1000 * values[8]
    assert shift["change"] > 30
    assert tuple(found.columns) == SHIFT_COLUMNS


def test_a_declared_break_is_said_to_be_declared() -> None:
    found = find_level_shifts(build_series(thousands(ARMENIA_TOTAL), YEARS, declared=["2018"]), RULES)
    assert found["is_declared"].tolist() == [True]


def test_declared_breaks_do_not_hide_an_undeclared_one() -> None:
    """Half of the changes are declared breaks of 40 per cent: they are not what the series usually does."""
    steps = [0.0, *([0.4, 0.01] * 4), 0.3, *([0.4, 0.01] * 5), 0.4]
    years = [str(2000 + n) for n in range(len(steps))]
    values = list(100_000 * np.exp(np.cumsum([step * (-1) ** n for n, step in enumerate(steps)])))
    declared = [year for year, step in zip(years, steps, strict=True) if step == 0.4]
    known = find_level_shifts(build_series(values, years, declared), RULES)
    assert known.loc[~known["is_declared"], "time_period"].tolist() == ["2009"]
    unknown = find_level_shifts(build_series(values, years), RULES)
    assert "2009" not in unknown["time_period"].tolist()


STEADY = [500_000 * 1.01**n for n in range(16)]
LONG = [str(year) for year in range(2009, 2025)]


def test_a_crisis_that_passes_is_a_shock_and_its_end_no_second_suspicion() -> None:
    values = list(STEADY)
    values[11] *= 0.82  # 2020 only
    found = find_level_shifts(build_series(values, LONG), RULES)
    assert found[["time_period", "kind"]].values.tolist() == [["2020", "shock"]]
    assert name_world_shock("2020", RULES) and not name_world_shock("2018", RULES)


def test_a_change_that_stays_is_a_level_shift_and_one_of_last_year_undecided() -> None:
    values = [value * (0.82 if year >= "2020" else 1) for value, year in zip(STEADY, LONG, strict=True)]
    assert find_level_shifts(build_series(values, LONG), RULES)["kind"].tolist() == ["level_shift"]
    values = [value * (0.82 if year >= "2024" else 1) for value, year in zip(STEADY, LONG, strict=True)]
    assert find_level_shifts(build_series(values, LONG), RULES)["kind"].tolist() == ["undecided"]


def test_too_recent_is_said_only_of_what_is_recent() -> None:
    """The same last figure: the newest of the country, and one of a series that ended ten years before the others."""
    values = [value * (0.82 if year >= "2024" else 1) for value, year in zip(STEADY, LONG, strict=True)]
    recent = build_series(values, LONG)
    ended = build_series(values, [str(int(year) - 10) for year in LONG], sex="F")
    found = find_level_shifts(pd.concat([recent, ended], ignore_index=True), RULES)
    assert found.sort_values("sex")[["sex", "time_period", "kind"]].values.tolist() == [
        ["F", "2014", "few_after"],
        ["_T", "2024", "undecided"],
    ]


@pytest.mark.parametrize(
    ("values", "facts"),
    [
        ([value * (1.09 if n > 7 else 1) for n, value in enumerate(STEADY)], {}),  # below the relative guard
        ([200.0 * (2 if n > 7 else 1) for n in range(16)], {}),  # below the absolute guard of persons
        ([3.0 + (1.5 if n > 7 else 0) for n in range(16)], {"indicator": "UNE_RT", "unit_measure": "PC"}),
        ([5.0 * (4 if n > 7 else 1) for n in range(16)], {"indicator": "GDP_GROWTH", "unit_measure": "PC"}),
        ([value * (2 if n > 7 else 1) for n, value in enumerate(STEADY)], {"basis": "projection"}),
        ([value * (2 if n > 7 else 1) for n, value in enumerate(STEADY)], {"indicator": "NET_MIG"}),
        ([value * (2 if n > 7 else 1) for n, value in enumerate(STEADY)], {"indicator": "NET_MIG_5Y"}),
        ([500_000.0] * 16, {}),
    ],
    ids=[
        "9 per cent",
        "200 persons",
        "1.5 points",
        "growth rate",
        "projection",
        "net migration",
        "net migration 5 years",
        "constant",
    ],
)
def test_what_is_no_suspicion(values: Sequence[float], facts: Mapping[str, str]) -> None:
    assert find_level_shifts(build_series(values, LONG, **facts), RULES).empty


def test_a_short_series_is_not_judged() -> None:
    short = build_series(thousands(ARMENIA_TOTAL[-8:]), YEARS[-8:])
    assert score_changes(short, RULES).empty and find_level_shifts(short, RULES).empty


def test_figures_more_than_two_years_apart_are_not_compared() -> None:
    values = [value * (2 if n >= 8 else 1) for n, value in enumerate(STEADY)]
    years = [str(2000 + n + (5 if n >= 8 else 0)) for n in range(16)]
    assert find_level_shifts(build_series(values, years), RULES).empty


noise = st.lists(st.floats(-0.02, 0.02), min_size=16, max_size=16)


@settings(max_examples=40, deadline=None)
@given(noise=noise, size=st.floats(0.35, 1.0), at=st.integers(3, 12), scale=st.floats(0.5, 20))
def test_a_large_shift_is_found_wherever_it_lies_and_whatever_the_scale(
    noise: list[float], size: float, at: int, scale: float
) -> None:
    levels = np.cumsum(noise) + np.where(np.arange(16) >= at, size, 0.0)
    found = find_level_shifts(build_series(list(200_000 * scale * np.exp(levels)), LONG), RULES)
    assert LONG[at] in found["time_period"].tolist()
    assert set(found["time_period"]) == {LONG[at]}


@settings(max_examples=40, deadline=None)
@given(noise=noise, growth=st.floats(-0.05, 0.05))
def test_series_without_a_shift_raise_no_alarm(noise: list[float], growth: float) -> None:
    values = 500_000 * np.exp(np.cumsum(noise) + growth * np.arange(16))
    assert find_level_shifts(build_series(list(values), LONG), RULES).empty


def test_the_order_of_rows_does_not_matter_and_nothing_is_changed() -> None:
    rows = build_series(thousands(ARMENIA_TOTAL), YEARS)
    before = rows.copy(deep=True)
    mixed = find_level_shifts(rows.sample(frac=1, random_state=1), RULES)
    pd.testing.assert_frame_equal(mixed, find_level_shifts(rows, RULES))
    pd.testing.assert_frame_equal(rows, before)
