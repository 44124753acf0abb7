"""Sectors, sexes and totals: sums exact to the last bit, minimum-trace arithmetic, years with unequal ends."""

import itertools
import pathlib
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lma.contracts import table_contract
from lma.forecasting import forecast_country
from lma.forecasting.backtest import NO_BACKTEST
from lma.forecasting.intervals import LEVELS
from lma.forecasting.reconcile import (
    Key,
    Sum,
    constraint_matrix,
    find_sums,
    reconcile,
    settle_sums,
    shrink_covariance,
)
from lma.forecasting.series import Series
from lma.forecasting.structure import Judged, Member, Path, reconcile_members

NO_ERRORS = replace(NO_BACKTEST, forecasts={"naive": np.zeros((0, 1))})
CASES = pathlib.Path(__file__).parent / "cases" / "forecasting"
SEXES, SECTORS = ("F", "M"), ("AGR", "MAN", "SRV")
CROSS = [(sex, code) for sex in ("_T", *SEXES) for code in ("_T", *SECTORS)]


def _obeyed(path: np.ndarray, sums: list[Sum]) -> bool:
    return all(path[whole] == path[list(parts)].sum() for whole, parts in sums)


# ---------------------------------------------------------------- the sums


def test_a_full_cross_has_a_sum_per_total_and_dimension() -> None:
    sums = find_sums(CROSS, (SEXES, SECTORS))
    assert len(sums) == 3 + 4  # every sex over sectors, every activity over sexes
    matrix = constraint_matrix(len(CROSS), sums)
    bottom = np.arange(1.0, 7).reshape(2, 3)
    table = np.zeros((3, 4))
    table[1:, 1:], table[1:, 0], table[0, 1:], table[0, 0] = (
        bottom,
        bottom.sum(1),
        bottom.sum(0),
        bottom.sum(),
    )
    assert (matrix @ table.ravel() == 0).all()


def test_a_part_that_is_missing_leaves_out_its_sums_only() -> None:
    keys = [key for key in CROSS if key != ("F", "MAN")]
    sums = find_sums(keys, (SEXES, SECTORS))
    named = {keys[whole] for whole, parts in sums if len(parts) == 3}
    assert named == {("_T", "_T"), ("M", "_T")}
    assert {keys[whole] for whole, parts in sums if len(parts) == 2} == {
        ("_T", "_T"),
        ("_T", "AGR"),
        ("_T", "SRV"),
    }


# ---------------------------------------------------------------- arithmetic by hand


def _case(scenario: str) -> tuple[pd.DataFrame, np.ndarray]:
    folder = next(CASES.glob(f"{scenario}_*"))
    expected = pd.read_csv(folder / "expected.csv")["reconciled"].to_numpy(dtype=float)
    return pd.read_csv(folder / "input.csv"), expected


@pytest.mark.parametrize("scenario", ["05", "06"])
def test_sectors_and_a_total_by_hand(scenario: str) -> None:
    base, expected = _case(scenario)
    sums = [(0, tuple(range(1, len(base))))]
    found = reconcile(base["forecast"].to_numpy(dtype=float), sums, np.diag(base["variance"]))
    np.testing.assert_allclose(found, expected, atol=1 / 64)
    assert found[0] == found[1:].sum()


def test_a_total_by_sex_and_by_sector_by_hand() -> None:
    """Gaps of 10 and 10; C W C' = [[3, 1], [1, 3]], so both pulls are 2.5: the total moves by 5, the rest by 2.5."""
    base, expected = _case("08")
    keys = list(zip(base["sex"], base["activity"], strict=True))
    sums = find_sums(keys, (SEXES, ("A", "B")))
    found = reconcile(base["forecast"].to_numpy(dtype=float), sums, np.diag(base["variance"]))
    np.testing.assert_array_equal(found, expected)


def test_same_as_the_summing_matrix_form() -> None:
    rng = np.random.default_rng(4)
    covariance = shrink_covariance(rng.normal(0, rng.uniform(3, 9, 12), (14, 12)))
    bottoms = [CROSS.index(key) for key in itertools.product(SEXES, SECTORS)]
    summing = np.array(
        [[all(w in ("_T", b) for w, b in zip(key, CROSS[i], strict=True)) for i in bottoms] for key in CROSS],
        dtype=float,
    )
    base = summing @ rng.uniform(200, 300, 6) + rng.normal(0, 15, 12)
    inverse = np.linalg.inv(covariance)
    general = summing @ np.linalg.solve(summing.T @ inverse @ summing, summing.T @ inverse @ base)
    found = reconcile(base, find_sums(CROSS, (SEXES, SECTORS)), covariance)
    np.testing.assert_allclose(found, general, atol=12 / 128)


def test_what_already_sums_does_not_move() -> None:
    path = np.array([100.0, 60.0, 40.0])
    np.testing.assert_array_equal(reconcile(path, [(0, (1, 2))], np.diag([4.0, 1.0, 2.0])), path)


def test_a_figure_that_is_certain_does_not_move() -> None:
    found = reconcile(np.array([120.0, 60.0, 40.0]), [(0, (1, 2))], np.diag([0.0, 3.0, 1.0]))
    np.testing.assert_allclose(found, [120.0, 75.0, 45.0], atol=1 / 64)


def test_where_all_is_certain_the_gap_is_shared_by_size() -> None:
    found = reconcile(np.array([120.0, 60.0, 40.0]), [(0, (1, 2))], np.zeros((3, 3)))
    np.testing.assert_allclose(found, [120 - 120 / 11, 60 + 60 / 11, 40 + 40 / 11], atol=1 / 64)


# ---------------------------------------------------------------- properties


@settings(max_examples=300, deadline=None)
@example({*CROSS} - {("F", "SRV"), ("M", "AGR"), ("M", "SRV")}, 233344, False)
@given(st.sets(st.sampled_from(CROSS), min_size=1), st.integers(0, 2**31), st.booleans())
def test_every_sum_holds_to_the_last_bit_and_nothing_is_negative(
    chosen: set[tuple[str, str]], seed: int, certain: bool
) -> None:
    keys, rng = sorted(chosen), np.random.default_rng(seed)
    sums = find_sums(keys, (SEXES, SECTORS))
    size = 10.0 ** rng.integers(0, 9)
    path = np.abs(rng.normal(0, size, len(keys))) * rng.integers(0, 2, len(keys)).astype(float)
    covariance = shrink_covariance(np.zeros((0, len(keys))) if certain else rng.normal(0, 10, (9, len(keys))))
    given_path = path.copy()
    found = reconcile(path, sums, covariance)
    assert _obeyed(found, sums)
    assert (found >= 0).all()
    assert (found.round(6) == found).all()
    np.testing.assert_array_equal(path, given_path)


@settings(max_examples=40, deadline=None)
@given(st.permutations(range(len(CROSS))), st.integers(0, 2**31))
def test_the_order_of_the_series_does_not_matter(order: list[int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    path, covariance = rng.uniform(0, 1000, len(CROSS)), shrink_covariance(rng.normal(0, 10, (9, 12)))
    straight = reconcile(path, find_sums(CROSS, (SEXES, SECTORS)), covariance)
    keys = [CROSS[i] for i in order]
    turned = reconcile(path[order], find_sums(keys, (SEXES, SECTORS)), covariance[np.ix_(order, order)])
    np.testing.assert_allclose(turned, straight[order], atol=8 / 64)


def test_two_divisions_of_a_total_are_both_settled_without_going_below_zero() -> None:
    """By sex 1 + 1 grains, by sector 0.6 + 0 of a grain: the sector that is larger takes up the difference."""
    path = np.array([2.0, 1.0, 1.0, 0.6, 0.0]) / 64
    found = settle_sums(path, [(0, (3, 4)), (0, (1, 2))]) * 64
    assert found.tolist() == [2, 1, 1, 2, 0]
    turned = settle_sums(np.array([2.0, 1.4, 0.0, 1.0, 1.0]) / 64, [(0, (3, 4)), (0, (1, 2))]) * 64
    assert turned.tolist() == [2, 2, 0, 1, 1]


def test_a_division_that_other_sums_have_settled_decides() -> None:
    """Sexes by two sectors; the second sector is not the sum of its sexes, so it takes up the difference."""
    sums = [(0, (1, 2)), (0, (3, 4)), (1, (5, 6)), (2, (7, 8)), (3, (5, 7))]
    path = np.array([40.0, 20, 20, 20, 20.5, 10, 10, 10, 10])
    out = settle_sums(path, sums)
    assert all(out[whole] == out[list(parts)].sum() for whole, parts in sums)
    assert out[[0, 4]].tolist() == [40, 20]


def test_settling_moves_nothing_by_more_than_its_roundings() -> None:
    rng = np.random.default_rng(9)
    table = np.zeros((3, 4))
    table[1:, 1:] = rng.uniform(0, 1e6, (2, 3))
    table[1:, 0], table[0] = table[1:].sum(1), table[1:].sum(0) + [table[1:].sum(), 0, 0, 0]
    table[0, 0] = table[1:, 1:].sum()
    found = settle_sums(table.ravel(), find_sums(CROSS, (SEXES, SECTORS)))
    np.testing.assert_allclose(found, table.ravel(), atol=6 / 128)


def test_shrinking_keeps_variances_and_weakens_correlations() -> None:
    errors = np.random.default_rng(2).normal(0, 1, (8, 5)) + np.random.default_rng(3).normal(0, 1, (8, 1))
    raw, shrunk = errors.T @ errors / 8, shrink_covariance(errors)
    off = ~np.eye(5, dtype=bool)
    np.testing.assert_allclose(np.diag(shrunk), np.diag(raw))
    assert (np.abs(shrunk[off]) <= np.abs(raw[off]) + 1e-12).all()
    assert np.abs(shrunk[off]).sum() < np.abs(raw[off]).sum()
    assert (np.linalg.eigvalsh(shrunk) > 0).all()


def test_shrinking_by_hand() -> None:
    """Nine errors, one sign apart: correlation 7/9, its noise (1 - 49/81) / 8 = 4/81, so 4/49 is taken off: 5/7."""
    errors = np.column_stack([np.ones(9), [*[1.0] * 8, -1.0]])
    np.testing.assert_allclose(shrink_covariance(errors), [[1, 5 / 7], [5 / 7, 1]])


def test_quantiles_move_with_their_mean() -> None:
    """A gap of 20 shared by size, for there is no error yet: the total moves by 20 x 100/220, a part by -20 x 60/220."""
    members: dict[Key, Member] = {}
    paths = []
    for place, (key, value) in enumerate({("_T", "_T"): 100.0, ("_T", "A"): 60.0, ("_T", "B"): 60.0}.items()):
        series = Series("x", 2020, np.array([value]), np.array([True]))
        rows = pd.DataFrame(
            {"ds": [2020], "y": [value], "is_break": False, "is_joined": False, "is_suspected": False}
        )
        members[key] = Member(place, key, series, rows.assign(observation_id="o"))
        paths.append(Path(np.array([value]), value + np.linspace(-30, 30, len(LEVELS))[None, :]))
    judged = [Judged(("_T", "_T"), (("_T", "A"), ("_T", "B")), "")]
    found = reconcile_members(members, judged, paths, NO_ERRORS, ["naive"] * 3)
    for place, moved in enumerate((20 * 100 / 220, -20 * 60 / 220, -20 * 60 / 220)):
        np.testing.assert_allclose(found[place].mean - paths[place].mean, moved, atol=2 / 64)
        np.testing.assert_allclose(found[place].quantiles - paths[place].quantiles, moved, atol=2 / 64)


# ---------------------------------------------------------------- a country by sector and sex


def make_country(sector_end: int = 2020, total_end: int = 2023) -> pd.DataFrame:
    """Reported employment of MUS in seven groups by sex from 2001; the total by sex goes on for three years."""
    codes = ("AGR", "MAN", "CON", "MEL", "MKT", "PUB", "X")
    rng = np.random.default_rng(5)
    n_years = max(sector_end, total_end) - 2000
    walks = np.cumsum(rng.normal(40, 300, (2, len(codes), n_years)), axis=2) + 30_000
    rows = []
    for s, c in itertools.product(range(3), range(8)):
        part = walks.sum(axis=0, keepdims=True) if s == 2 else walks[s : s + 1]
        values = part[0].sum(axis=0) if c == 7 else part[0, c]
        for k in range((total_end if c == 7 else sector_end) - 2000):
            rows.append(_row((*SEXES, "_T")[s], (*codes, "_T")[c], 2001 + k, round(float(values[k]))))
    frame = pd.DataFrame(rows, columns=table_contract("marts.observations").column_names)
    return frame.assign(observation_id=[f"{i:012x}:{i + 1}" for i in range(len(frame))])


def _row(sex: str, code: str, year: int, value: float) -> dict[str, object]:
    return {
        "ref_area": "MUS", "counterpart_area": "_Z", "freq": "A", "indicator": "EMP", "sex": sex, "age": "_T",
        "economic_activity": code, "activity_revision": "_Z" if code == "_T" else "ISIC4", "occupation": "_T",
        "citizenship": "_T", "unit_measure": "PS", "time_period": str(year), "obs_value": value,
        "obs_status": "A", "basis": "reported", "basis_kind": "reported", "is_break": False,
    }  # fmt: skip


@pytest.fixture(scope="module")
def by_sex() -> pd.DataFrame:
    return forecast_country(make_country(), "MUS", horizon=4)[0]


def test_sexes_and_sectors_sum_exactly_in_every_year_to_come(by_sex: pd.DataFrame) -> None:
    means = by_sex[(by_sex["output_type"] == "mean") & (by_sex["role"] == "champion")]
    wide = means.pivot(index=["sex", "economic_activity"], columns="target_period", values="value")
    sectors = [code for code in wide.loc["_T"].index if code != "_T"]
    assert len(sectors) == 7
    for year in ("2024", "2025", "2026", "2027"):
        cube = {key: wide.loc[key, year] for key in wide.index}
        for code in (*sectors, "_T"):
            assert cube["_T", code] == cube["F", code] + cube["M", code]
        for sex in ("_T", "F", "M"):
            assert cube[sex, "_T"] == sum(cube[sex, code] for code in sectors)


def test_a_total_already_published_is_kept_and_the_sectors_meet_it(by_sex: pd.DataFrame) -> None:
    means = by_sex[(by_sex["output_type"] == "mean") & (by_sex["role"] == "champion")]
    observed = (
        make_country()
        .query("economic_activity == '_T' and sex == '_T'")
        .set_index("time_period")["obs_value"]
    )
    sectors = means[(means["sex"] == "_T") & (means["economic_activity"] != "_T")]
    for year in ("2021", "2022", "2023"):
        found = sectors.loc[sectors["target_period"] == year, "value"].sum()
        assert found == pytest.approx(observed[year], abs=2)
    assert sectors["step"].str.contains("figures published to 2023 kept", regex=False).all()
    later = make_country().query("economic_activity == '_T' and sex == '_T' and time_period > '2020'")
    assert set(later["observation_id"]) <= set(sectors["inputs"].iloc[0])


def test_quantiles_by_sex_are_ordered_and_hold_their_mean(by_sex: pd.DataFrame) -> None:
    rows = by_sex[(by_sex["role"] == "champion")]
    wide = rows.pivot(
        index=["sex", "economic_activity", "target_period"], columns="output_type_id", values="value"
    )
    quantiles = wide[[str(level) for level in LEVELS]].to_numpy()
    assert (quantiles >= 0).all()
    assert (np.diff(quantiles, axis=1) >= 0).all()
    assert ((wide["_Z"] >= wide["0.025"]) & (wide["_Z"] <= wide["0.975"])).all()


@pytest.mark.parametrize(
    "early",
    [
        "economic_activity == 'CON' and time_period > '2016'",
        "economic_activity == 'X' and sex == 'F' and time_period > '2015'",
        "sex != '_T' and time_period > '2017'",
        "sex == '_T' and time_period > '2016'",
    ],
)
def test_series_that_end_early_reach_the_same_year(early: str) -> None:
    """Whichever series ends first: a sector in the middle of the list, or one that is split by sex only."""
    given = make_country()
    found, _ = forecast_country(given.drop(given.query(early).index), "MUS", horizon=4)
    champions = found[found["role"] == "champion"]
    last = champions.groupby(["sex", "economic_activity"])["target_period"].max()
    assert (last == "2027").all()
    assert len(last) == 3 * 8
    means = champions[(champions["output_type"] == "mean") & (champions["target_period"] == "2027")]
    cube = means.set_index(["sex", "economic_activity"])["value"]
    assert cube["_T", "_T"] == cube["_T"].drop("_T").sum()
    assert cube["_T", "_T"] == cube["F", "_T"] + cube["M", "_T"]


def test_a_split_that_is_not_published_is_absent_with_its_reason() -> None:
    given = make_country()
    no_split = given[~((given["economic_activity"] == "MAN") & (given["sex"] != "_T"))]
    found = forecast_country(no_split, "MUS", horizon=4)[0]
    absent = found[found["role"] == "none"]
    assert sorted(zip(absent["sex"], absent["economic_activity"], strict=True)) == [
        ("F", "MAN"),
        ("M", "MAN"),
    ]
    assert set(absent["reason"]) == {"NO_SEX_SPLIT"}
    means = found[(found["output_type"] == "mean") & (found["role"] == "champion")]
    cube = means[means["target_period"] == "2025"].set_index(["sex", "economic_activity"])["value"]
    assert cube["_T", "_T"] == cube["F", "_T"] + cube["M", "_T"]
    assert cube["_T", "_T"] == cube["_T"].drop("_T").sum()


def test_sexes_that_do_not_sum_are_not_reconciled_and_say_so() -> None:
    given = make_country()
    women = (given["sex"] == "F") & (given["economic_activity"] == "_T")
    found = forecast_country(
        given.assign(obs_value=given["obs_value"].where(~women, given["obs_value"] * 0.9)), "MUS"
    )
    total = found[0].query("economic_activity == '_T' and sex == '_T' and role == 'champion'")
    assert (
        total["step"].str.contains("not reconciled: the sexes published for 2023 sum to", regex=False).all()
    )
    assert total["step"].str.contains("reconciled (MinT", regex=False).all()


def test_a_break_after_the_sectors_end_stops_their_reconciliation() -> None:
    given = make_country()
    breaks = (given["economic_activity"] == "_T") & (given["time_period"] == "2022")
    found = forecast_country(given.assign(is_break=breaks), "MUS")[0]
    sector = found.query("economic_activity == 'AGR' and sex == '_T' and role != 'none'")
    assert not sector["step"].str.contains("figures published to", regex=False).any()
    assert (sector["step"].str.contains("breaks after 2020|no forecast for _T", regex=True)).all()
