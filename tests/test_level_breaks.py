"""History across a break lends its growth, not its level; years that stand out and pass are named."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from observation_builder import observations

from lma.contracts import rule_set
from lma.forecasting import forecast_panel
from lma.forecasting.level_breaks import adjust_levels, find_suspected, join_levels, join_series
from lma.forecasting.outliers import find_passing

NAN = float("nan")


def _join(
    values: list[float], breaks: list[int], years: list[int] | None = None
) -> tuple[list[float], list[int]]:
    y = np.array(values, dtype=float)
    when = np.array(years or range(2000, 2000 + len(y)), dtype=np.int64)
    flags = np.isin(when, breaks)
    joined, left = join_series(when, y, flags)
    return joined.round(6).tolist(), when[left].tolist()


# ---------------------------------------------------------------- by hand


def test_the_step_at_a_break_becomes_the_growth_before_it() -> None:
    """Growth of 10 % a year, then a level of 50: the years before are scaled so that 2004 is 10 % above 2003."""
    joined, left = _join([100, 110, 121, 133.1, 50, 60, 54], [2004])
    assert joined[3] == pytest.approx(50 / 1.1)
    assert joined[0] == pytest.approx(50 / 1.1**4)
    assert joined[4:] == [50, 60, 54]
    assert left == []


def test_the_growth_is_the_median_of_the_last_five_steps() -> None:
    """Factors 2, 2, 4, 4, 4, 2, 1.5: the median of the last five is 4, of all seven 2."""
    values = np.cumprod([1, 2, 2, 4, 4, 4, 2, 1.5]).tolist()
    joined, _ = _join([*values, 8.0], [2008])
    assert joined[-2] == pytest.approx(8 / 4)


def test_two_breaks_multiply() -> None:
    """Flat at 10, flat at 30, flat at 60: all at 60."""
    joined, left = _join([10, 10, 10, 30, 30, 30, 60, 60], [2003, 2006])
    assert joined == [60] * 8
    assert left == []


def test_missing_years_across_a_break_grow_as_many_times() -> None:
    """Doubling every year, nothing known of 2003, break in 2004: from 2002 two doublings lead to 2004."""
    joined, _ = _join([1, 2, 4, NAN, 100], [2004])
    assert joined[2] == 25
    assert np.isnan(joined[3])


@pytest.mark.parametrize(
    ("values", "years"),
    [
        ([10, 11, 50, 51], None),  # one growth rate before the break
        ([10, 11, 0, 50, 51], None),  # a zero beside it, and one rate that is known
        ([10, 11, 12, 50, 51], [2000, 2001, 2002, 2006, 2007]),  # three years missing
    ],
)
def test_a_break_that_cannot_be_adjusted_stays(values: list[float], years: list[int] | None) -> None:
    at = (years or list(range(2000, 2010)))[len(values) - 2]
    joined, left = _join(values, [at], years)
    assert left == [at]
    assert joined == values


def test_only_the_part_after_a_break_that_stays_is_joined_to_the_end() -> None:
    joined, left = _join([7, 0, 10, 10, 10, 30, 30], [2002, 2005])
    assert left == [2002]
    assert joined[2:] == [30] * 5


# ---------------------------------------------------------------- properties


_values = st.lists(st.floats(1, 1e6), min_size=5, max_size=25)


@settings(max_examples=100, deadline=None)
@given(_values, st.sets(st.integers(0, 24)), st.integers(1, 24))
def test_values_after_an_origin_change_nothing_before_it_but_the_level(
    values: list[float], breaks: set[int], origin: int
) -> None:
    """Up to a common factor the joined history up to the origin is what was joined at the origin."""
    y, when = np.array(values), np.arange(len(values))
    flags, cut = np.isin(when, list(breaks)), min(origin, len(values))
    whole, left = join_series(when, y, flags)
    past, past_left = join_series(when[:cut], y[:cut], flags[:cut])
    np.testing.assert_array_equal(left[:cut], past_left)
    assert whole[0] > 0
    start = np.flatnonzero(left[:cut])[-1] if left[:cut].any() else 0
    np.testing.assert_allclose(whole[start:cut] / whole[cut - 1], past[start:] / past[-1], rtol=1e-9)


@settings(max_examples=50, deadline=None)
@given(_values, st.sets(st.integers(0, 24)), st.randoms())
def test_series_and_rows_in_any_order(values: list[float], breaks: set[int], random: object) -> None:
    one = pd.DataFrame({"ds": range(len(values)), "y": values})
    one["is_break"] = one["ds"].isin(breaks)
    panel = pd.concat([one.assign(unique_id="a"), one[::2].assign(unique_id="b")], ignore_index=True)
    order = panel.index.to_numpy().copy()
    random.shuffle(order)  # type: ignore[attr-defined]
    straight, turned = join_levels(panel), join_levels(panel.loc[order])
    pd.testing.assert_frame_equal(turned.sort_index(), straight)
    assert list(turned.index) == list(order)
    alone = join_levels(one.assign(unique_id="a"))["y"].tolist()
    assert straight.loc[straight["unique_id"] == "a", "y"].tolist() == alone


def test_without_a_break_nothing_changes() -> None:
    panel = pd.DataFrame({"unique_id": "a", "ds": range(9), "y": np.arange(9.0), "is_break": False})
    pd.testing.assert_frame_equal(join_levels(panel)[panel.columns], panel)


def test_a_break_of_level_only_is_forgotten_by_the_forecast() -> None:
    """Growth of 3 % before and after a fall by half: joined, the forecast goes on as if it had not been."""
    smooth = 1000 * 1.03 ** np.arange(15)
    broken = np.where(np.arange(15) < 12, 2 * smooth, smooth)
    panel = pd.DataFrame({"unique_id": "a", "ds": range(2000, 2015), "y": broken})
    joined = join_levels(panel.assign(is_break=panel["ds"] == 2012))
    expected = forecast_panel(panel.assign(y=smooth), 3, "A")
    pd.testing.assert_frame_equal(forecast_panel(joined, 3, "A"), expected, rtol=1e-6)


# ---------------------------------------------------------------- suspicions


def _history(values: list[float], first: int = 2000, broken: int | None = None) -> pd.DataFrame:
    rows = [{"time_period": str(first + k), "obs_value": value} for k, value in enumerate(values)]
    frame = observations(*rows).assign(unique_id="a", basis_kind="reported")
    frame["ds"], frame["y"] = frame["time_period"].astype(int), frame["obs_value"]
    return frame.assign(is_break=frame["ds"] == broken)


WOBBLE = [300_000 * (1 + 0.01 * (-1) ** k) for k in range(10)]
AFTER = [430_000.0, 425_000.0, 433_000.0, 428_000.0]


def test_a_lasting_shift_nobody_declared_is_joined_and_never_cuts() -> None:
    found = adjust_levels(_history([*WOBBLE, *AFTER]), rule_set("breaks"))
    assert found.loc[found["is_suspected"], "ds"].tolist() == [2010]
    assert found.loc[found["is_joined"], "ds"].tolist() == [2010]
    assert not found["is_break"].any()
    assert found["y"].iloc[9] > 400_000
    assert found["y"].iloc[10:].tolist() == AFTER


def test_a_suspicion_that_cannot_be_joined_cuts_nothing() -> None:
    """One growth rate before the shift is too little to join by; the series stays whole all the same."""
    later = [430_000 * (1 + 0.01 * (-1) ** k) for k in range(12)]
    found = adjust_levels(_history([*WOBBLE[:2], *later], first=1990), rule_set("breaks"))
    assert found.loc[found["is_suspected"], "ds"].tolist() == [1992]
    assert not found["is_joined"].any()
    assert not found["is_break"].any()
    assert found["y"].tolist() == [*WOBBLE[:2], *later]


def test_a_shift_in_the_year_of_a_world_shock_is_no_break() -> None:
    history = _history([*WOBBLE, *AFTER], first=2010)
    assert not find_suspected(history, rule_set("breaks")).any()


def test_a_declared_break_is_not_called_suspected() -> None:
    found = adjust_levels(_history([*WOBBLE, *AFTER], broken=2010), rule_set("breaks"))
    assert found.loc[found["is_joined"], "ds"].tolist() == [2010]
    assert not found["is_suspected"].any()


# ---------------------------------------------------------------- years that stand out and pass


STEADY = [100 * 1.02**k for k in range(8)]


def test_a_fall_of_one_year_stands_out_and_passes() -> None:
    values = np.array([*STEADY, 80.0, 100 * 1.02**9, 100 * 1.02**10])
    assert find_passing(values) == [(8, 8)]


def test_a_fall_of_two_years_stands_out_for_both() -> None:
    values = np.array([*STEADY, 80.0, 84.0, 100 * 1.02**10, 100 * 1.02**11])
    assert find_passing(values) == [(8, 9)]


@pytest.mark.parametrize(
    "end",
    [
        [80.0, 82.0, 83.0, 85.0],  # the fall stays
        [118.0, 119.0, 121.0],  # a step of two per cent is usual
        [80.0],  # too recent to tell
        [0.0, 120.0, 122.0],  # zero has no growth rate
    ],
)
def test_what_is_no_passing_year(end: list[float]) -> None:
    assert find_passing(np.array([*STEADY, *end])) == []


def test_a_passing_year_is_judged_by_the_years_before_it() -> None:
    """Later turmoil does not hide it: the spread is that of the changes before."""
    calm = np.array([*STEADY, 80.0, *[100 * 1.02**k for k in range(9, 13)]])
    wild = np.array([*calm, 60.0, 190.0, 50.0, 220.0, 40.0])
    assert find_passing(calm)[0] == find_passing(wild)[0] == (8, 8)
