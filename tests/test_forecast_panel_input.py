"""What becomes of a bad panel: one message for a bad table, a reason for a bad series, and the rest is forecast."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_forecasting import make_observations
from world_builder import Outcome, run_lma

from lma import user_tables
from lma.errors import InputError, UsageError
from lma.forecasting import forecast_country, forecast_panel
from lma.forecasting.panel_rows import DEFECTS, mark_future
from lma.forecasting.periods import FREQUENCIES, parse_period
from lma.forecasting.rounding import round_by_series
from lma.forecasting.series import REASONS, read_panel

ANNUAL, QUARTERLY, MONTHLY = (FREQUENCIES[code] for code in "AQM")
NAN, INF = float("nan"), float("inf")
THIS_YEAR = dt.date.today().year


def one(
    values: list[Any], start: int = 2000, uid: object = "one", years: list[Any] | None = None
) -> pd.DataFrame:
    """One annual series."""
    ds = years if years is not None else list(range(start, start + len(values)))
    return pd.DataFrame({"unique_id": [uid] * len(values), "ds": ds, "y": values})


def good(uid: str = "good", length: int = 20, start: int = 2000) -> pd.DataFrame:
    """A series that can be forecast."""
    steps = np.random.default_rng(len(uid) + length).normal(3, 5, length)
    return one((500 + np.cumsum(steps)).tolist(), start, uid)


def check_sound(forecast: pd.DataFrame) -> None:
    """One block per series, and no nonsense in a number: what every result must be, whatever went in."""
    numbers = [c for c in forecast.columns if c == "mean" or c[:2] in ("lo", "hi") or c == "q50"]
    refused = forecast[forecast["h"] == 0]
    assert refused[numbers].isna().all(axis=None) and (refused["model_id"] == "none").all()
    assert set(refused["reason"]) <= set(REASONS) - {"CONSTANT"}
    made = forecast[forecast["h"] > 0]
    assert set(made["reason"]) <= {"", "CONSTANT"} and not (made["model_id"] == "none").any()
    assert np.isfinite(made[numbers].to_numpy(dtype=float)).all()
    blocks = [rows["h"].tolist() for _, rows in forecast.groupby("unique_id", sort=False)]
    steps = list(range(1, int(forecast["h"].max()) + 1))
    assert all(block in ([0], steps) for block in blocks)
    assert [uid for uid, _ in forecast.groupby("unique_id")] == list(forecast["unique_id"].unique())
    sizes = made[numbers].abs().max(axis=1).groupby(made["unique_id"]).transform("max")
    check_intervals(made, np.maximum(1e-9 * sizes, 1e-300))


def check_intervals(made: pd.DataFrame, tolerance: pd.Series) -> None:
    """Quantiles in order; no interval narrower at a later horizon."""
    names = [n for n in ("lo95", "lo80", "lo50", "q50", "hi50", "hi80", "hi95") if n in made]
    gaps = np.diff(made[names].to_numpy(), axis=1)
    assert (gaps >= -tolerance.to_numpy()[:, None]).all()
    for level in {name[2:] for name in names} - {"0"}:
        width = (made[f"hi{level}"] - made[f"lo{level}"]).groupby(made["unique_id"])
        assert (width.diff().fillna(0) >= -2 * tolerance).all()


def reasons(forecast: pd.DataFrame) -> dict[Any, str]:
    return dict(forecast.drop_duplicates("unique_id").set_index("unique_id")["reason"])


# ---------------------------------------------------------------- a bad series beside a good one

STEADY = [float(v) for v in range(10, 30)]


def replaced(place: int, value: Any) -> pd.DataFrame:
    return one([*STEADY[:place], value, *STEADY[place + 1 :]])


BAD_SERIES: list[tuple[str, pd.DataFrame, str, int]] = [
    ("text in y", replaced(3, "many"), "NOT_A_NUMBER", 2019),
    ("a decimal comma", replaced(3, "12,5"), "NOT_A_NUMBER", 2019),
    ("a thousands separator", replaced(3, "1 234"), "NOT_A_NUMBER", 2019),
    ("a word for missing that no software writes", replaced(3, "n/a"), "NOT_A_NUMBER", 2019),
    ("infinity", replaced(3, INF), "NOT_A_NUMBER", 2019),
    ("minus infinity in text", replaced(19, "-inf"), "NOT_A_NUMBER", 2019),
    ("a number out of range", replaced(3, 1.1e18), "NOT_A_NUMBER", 2019),
    ("a number that overflows", replaced(3, "1e999"), "NOT_A_NUMBER", 2019),
    ("true for a number", replaced(3, True), "NOT_A_NUMBER", 2019),
    ("a list", replaced(3, [1, 2]), "NOT_A_NUMBER", 2019),
    ("a date for a number", replaced(3, pd.Timestamp("2020-01-01")), "NOT_A_NUMBER", 2019),
    ("a key twice", pd.concat([one(STEADY), one([1.0], 2005)]), "DUPLICATE_PERIOD", 2019),
    ("the same row twice", pd.concat([one(STEADY), one(STEADY[5:6], 2005)]), "DUPLICATE_PERIOD", 2019),
    ("a year and a date in it", pd.concat([one(STEADY), one([1.0], years=["2005-06-30"])]), "DUPLICATE_PERIOD", 2019),
    ("no period", one(STEADY, years=["20x0", *range(2001, 2020)]), "BAD_PERIOD", 2019),
    ("no period at all", one(STEADY[:2], years=["2020-13-01", ""]), "BAD_PERIOD", -1),
    ("a day that is not", one(STEADY, years=["2000-02-30", *range(2001, 2020)]), "BAD_PERIOD", 2019),
    ("a missing date", one(STEADY, years=[None, *range(2001, 2020)]), "BAD_PERIOD", 2019),
    ("quarters among years", one(STEADY, years=["2000-Q1", *range(2001, 2020)]), "BAD_PERIOD", 2019),
    ("several defects", one(["x", "x", *STEADY[2:]], years=[*range(2000, 2018), 2017, "?"]), "BAD_PERIOD", 2017),
    ("one point", one([5.0]), "TOO_SHORT", 2000),
    ("seven points", one(STEADY[:7]), "TOO_SHORT", 2006),
    ("nothing but blanks", one([None, "", "NA", "nan", " "] * 4), "ALL_MISSING", 2019),
    ("long gaps", one(STEADY, years=[*range(1990, 2004), *range(2010, 2016)]), "GAPS", 2015),
    ("a gap of three", one(STEADY[:19], years=[*range(2000, 2013), *range(2016, 2022)]), "GAPS", 2021),
    ("alternating gaps", one(STEADY, years=list(range(1980, 2020, 2))), "GAPS", 2018),
    ("a year that is a typing mistake", one(STEADY, years=[*range(2000, 2019), 2109]), "GAPS", 2109),
    ("a break too late", one(STEADY).assign(is_break=lambda f: f["ds"] == 2015), "SHORT_AFTER_BREAK", 2019),
    ("has not happened", one(STEADY).assign(is_future=lambda f: f["ds"] > 2017), "FUTURE_PERIOD", 2019),
]  # fmt: skip


@pytest.mark.parametrize(
    ("bad", "reason", "last"), [case[1:] for case in BAD_SERIES], ids=[c[0] for c in BAD_SERIES]
)
def test_a_bad_series_has_a_reason_and_the_others_a_forecast(
    bad: pd.DataFrame, reason: str, last: int
) -> None:
    forecast = forecast_panel(pd.concat([good(), bad], ignore_index=True), 2, "A")
    check_sound(forecast)
    assert reasons(forecast) == {"good": "", "one": reason}
    assert forecast.loc[forecast["unique_id"] == "one", "ds"].astype(str).tolist() == [
        str(last) if last > 0 else ""
    ]
    without = forecast_panel(good(), 2, "A")
    pd.testing.assert_frame_equal(
        forecast[forecast["unique_id"] == "good"].drop(columns="ds"), without.drop(columns="ds")
    )


@pytest.mark.parametrize(
    ("spoil", "reason", "words"),
    [
        (lambda rows, bad: pd.concat([rows, rows[bad]], ignore_index=True), "DUPLICATE_PERIOD", "more than one row"),
        (lambda rows, bad: rows.assign(obs_value=rows["obs_value"].mask(bad, INF)), "NOT_A_NUMBER", "inf in column y"),
    ],
    ids=["twice", "infinite"],
)  # fmt: skip
def test_a_bad_series_never_fails_its_country(spoil: Any, reason: str, words: str) -> None:
    rows = make_observations()
    rows = rows[rows["ref_area"] == "MUS"]
    bad = (
        (rows["economic_activity"] == "C")
        & (rows["time_period"] == "2010")
        & (rows["basis_kind"] == "modelled")
    )
    assert bad.sum() == 1
    forecasts, _ = forecast_country(spoil(rows, bad), "MUS", horizon=3)
    refused = forecasts[forecasts["role"] == "none"]
    mine = refused[(refused["economic_activity"] == "C") & (refused["sex"] == "_T")]
    assert mine["reason"].tolist() == [reason] and words in mine["step"].iloc[0]
    assert set(forecasts.loc[forecasts["role"] == "champion", "economic_activity"]) > {"A", "F", "_T"}


def test_every_reason_is_tried_and_explained() -> None:
    tried = {case[2] for case in BAD_SERIES}
    assert tried == set(REASONS) - {"CONSTANT"} and set(DEFECTS) < tried


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (replaced(3, "many"), "'many' in column y (unique_id 'one', ds '2003', row 24)"),
        (pd.concat([one(STEADY), one([1.0], 2005)]), "(one, 2005): more than one row"),
        (one(STEADY, years=["20x0", *range(2001, 2020)]), "'20x0' in column ds (unique_id 'one', row 21)"),
    ],
    ids=["number", "key", "period"],
)
def test_a_refused_series_names_the_cell_to_blame(bad: pd.DataFrame, words: str) -> None:
    _, absences = read_panel(pd.concat([good(), bad], ignore_index=True), ANNUAL)
    assert words in absences[0].cell


# ---------------------------------------------------------------- a bad table

Table = Callable[[], pd.DataFrame]
BAD_TABLES: list[tuple[str, Table, str]] = [
    ("a column is missing", lambda: good().drop(columns="y"), "no column y: it has unique_id, ds"),
    ("no column at all", pd.DataFrame, "no column unique_id, ds, y"),
    ("no row", lambda: good().iloc[:0], "no rows"),
    ("a column twice", lambda: pd.concat([good(), good()[["y"]]], axis=1), "column y stands 2 times"),
    ("no unique_id", lambda: good().assign(unique_id=[None, *["a"] * 19]), "row 1 of the panel has no unique_id"),
    ("NaN unique_id", lambda: good().assign(unique_id=[1.0, NAN, *[1.0] * 18]), "row 2 of the panel has no unique_id"),
    ("empty unique_id", lambda: good().assign(unique_id=[*["a"] * 18, "", " "]), "row 19 .* has no unique_id .2 such rows"),
    ("a flag in other words", lambda: good().assign(is_break="perhaps"), "'perhaps' in column is_break .unique_id 'good', row 1"),
    ("text in every series", lambda: pd.concat([replaced(3, "x"), replaced(0, "x").assign(unique_id="b")], ignore_index=True),
     "no series can be read: 'x' in column y .unique_id 'one', ds '2003', row 4.*2 such rows: 4, 21"),
    ("quarters as years", lambda: good().assign(ds=[f"{2000 + i // 4}-Q{i % 4 + 1}" for i in range(20)]),
     "'2000-Q1' in column ds .* not a period of frequency A .20 such rows: 1, 2, 3, 4, 5, ....: .*another freq"),
    ("months as years", lambda: good().assign(ds=pd.date_range("2020-01-01", periods=20, freq="MS")),
     r"\(good, 2020-02-01.*more than one row for one .*another freq"),
    ("dates for numbers", lambda: good().assign(y=pd.date_range("2020-01-01", periods=20)), "column y .* not a number"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("table", "message"), [case[1:] for case in BAD_TABLES], ids=[c[0] for c in BAD_TABLES]
)
def test_a_bad_table_is_one_clear_message(table: Table, message: str) -> None:
    with pytest.raises(InputError, match=message):
        forecast_panel(table(), 2, "A")


@pytest.mark.parametrize("horizon", [0, -1, 121, 500, 2.5, "5", None, True])
def test_a_horizon_that_cannot_be_is_named(horizon: Any) -> None:
    with pytest.raises(UsageError, match=r"horizon .*1 to 120 periods"):
        forecast_panel(good(), horizon, "A")


@pytest.mark.parametrize("freq", ["W", "D", "", "annual"])
def test_a_frequency_that_does_not_exist_is_named(freq: str) -> None:
    with pytest.raises(UsageError, match=r"A \(annual\), Q \(quarterly\), M \(monthly\)"):
        forecast_panel(good(), 2, freq)


def test_the_longest_horizon_is_forecast() -> None:
    forecast = forecast_panel(pd.concat([good(), good("other")]), 120, "A")
    check_sound(forecast)
    assert len(forecast) == 240 and forecast["ds"].max() == 2139


# ---------------------------------------------------------------- odd, but to be forecast

ODD: list[tuple[str, pd.DataFrame]] = [
    ("zeros", one([0.0] * 20)),
    ("constant", one([7.5] * 20)),
    ("constant until yesterday", one([7.5] * 19 + [8.0])),
    ("zeros until yesterday", one([0.0] * 19 + [1.0])),
    ("negative", one([-v for v in STEADY])),
    ("through zero", one([(-1.0) ** k * k for k in range(20)])),
    ("one jump", one([1.0] * 10 + [1e9] * 10)),
    ("eight points", one(STEADY[:8])),
    ("a short gap", one(STEADY, years=[*range(2000, 2010), *range(2012, 2022)])),
    ("blanks at the end", one([*STEADY, NAN, NAN, NAN])),
    ("blanks at the start", one([*[NAN] * 10, *STEADY])),
    ("a break with room", one(STEADY).assign(is_break=lambda f: f["ds"] == 2010)),
    ("numbers in text", one([f" {v} " for v in STEADY])),
    ("decimals", one([Decimal(str(v)) for v in STEADY])),
    ("a long history", one(np.random.default_rng(1).normal(9, 1, 200).tolist(), start=1800)),
]


@pytest.mark.parametrize("odd", [case[1] for case in ODD], ids=[case[0] for case in ODD])
@pytest.mark.parametrize("alone", [True, False], ids=["alone", "beside"])
def test_an_odd_series_is_forecast(odd: pd.DataFrame, alone: bool) -> None:
    forecast = forecast_panel(odd if alone else pd.concat([good(), odd]), 6, "A")
    check_sound(forecast)
    mine = forecast[forecast["unique_id"] == "one"]
    assert mine["h"].tolist() == [1, 2, 3, 4, 5, 6]
    if (pd.to_numeric(odd["y"]).dropna() >= 0).all():
        assert (mine[["mean", "lo80", "lo95"]] >= 0).all(axis=None)


def spelled(freq: str, length: int) -> list[str]:
    """So many periods, the last of them that of 2020-12."""
    return (
        pd.period_range(end="2020-12", periods=length, freq=f"{freq}-DEC" if freq != "M" else "M")
        .astype(str)
        .tolist()
    )


@pytest.mark.parametrize("alone", [True, False], ids=["alone", "beside"])
@pytest.mark.parametrize(
    "values",
    [[5.0], [0.0], [1.0, 2.0], [1.0, 1.0, 1.0, 2.0]],
    ids=["constant", "zeros", "up and down", "a peak"],
)
@pytest.mark.parametrize(("freq", "length"), [("A", 8), ("Q", 16), ("Q", 40), ("M", 36), ("M", 60)])
def test_the_shortest_and_plainest_series_of_each_frequency_are_forecast(
    freq: str, length: int, values: list[float], alone: bool
) -> None:
    plain = one(np.resize(values, length).tolist(), years=spelled(freq, length))
    moving = one(np.random.default_rng(1).normal(50, 4, 70).tolist(), years=spelled(freq, 70), uid="moving")
    forecast = forecast_panel(plain if alone else pd.concat([moving, plain]), 6, freq)
    check_sound(forecast)
    mine = forecast[forecast["unique_id"] == "one"]
    assert mine["h"].tolist() == [1, 2, 3, 4, 5, 6]
    assert mine["mean"].between(min(values) - 0.1, max(values) + 0.1).all()


@pytest.mark.parametrize("leap", [1e3, 1e9, 1e15])
def test_a_series_that_leaps_does_not_speak_for_a_small_panel(leap: float) -> None:
    """Two steady series and one that stood still and leapt: intervals of the two stay within sight of them."""
    steady = [good("s1", 20), good("s2", 21)]
    leaping = one([*(1.0 + np.arange(18) % 2 * 1e-9), leap, leap])
    forecast = forecast_panel(pd.concat([*steady, leaping]), 3, "A")
    check_sound(forecast)
    others = forecast[forecast["unique_id"] != "one"]
    assert others["hi95"].max() < 10 * 600
    assert forecast["hi95"].max() < 1000 * leap


@pytest.mark.parametrize("size", [1e-12, 1e-6, 1e6, 1e12])
def test_the_unit_does_not_matter(size: float) -> None:
    """Shares, persons or pesos: the same forecast in another unit."""
    panel = pd.concat([good(), good("other"), one(STEADY)])
    forecast = forecast_panel(panel, 3, "A")
    scaled = forecast_panel(panel.assign(y=panel["y"].astype(float) * size), 3, "A")
    assert scaled["model_id"].tolist() == forecast["model_id"].tolist()
    columns = ["mean", "lo80", "hi80", "lo95", "hi95", "q50"]
    np.testing.assert_allclose(scaled[columns] / size, forecast[columns], rtol=1e-6)


def test_magnitudes_may_differ_within_a_panel() -> None:
    sizes = {f"s{k}": 10.0**k for k in (-60, -12, 0, 12)}
    forecast = forecast_panel(pd.concat([one([v * size for v in STEADY], uid=uid) for uid, size in sizes.items()]), 3, "A")  # fmt: skip
    check_sound(forecast)
    first = forecast[forecast["h"] == 1].set_index("unique_id")["mean"]
    for uid, size in sizes.items():
        assert 20 < first[uid] / size < 40, uid


def test_identical_series_have_identical_forecasts() -> None:
    panel = pd.concat([good().assign(unique_id=f"s{i:03d}") for i in range(70)])
    forecast = forecast_panel(panel, 2, "A")
    check_sound(forecast)
    assert forecast["unique_id"].nunique() == 70
    assert len(forecast.drop(columns="unique_id").drop_duplicates()) == 2


def test_lengths_may_differ_greatly() -> None:
    panel = pd.concat([good("long", 150, 1870), *(good(f"s{n}", n, 2020 - n) for n in (1, 8, 9, 30))])
    forecast = forecast_panel(panel, 3, "A")
    check_sound(forecast)
    assert {uid: reason for uid, reason in reasons(forecast).items() if reason} == {"s1": "TOO_SHORT"}


def test_all_series_too_short_is_a_result_of_reasons() -> None:
    forecast = forecast_panel(pd.concat([good("a", 3), good("b", 7)]), 3, "A")
    check_sound(forecast)
    assert reasons(forecast) == {"a": "TOO_SHORT", "b": "TOO_SHORT"}


# ---------------------------------------------------------------- spellings

QUARTERS = pd.period_range("2012Q1", periods=40, freq="Q")
MONTHS = pd.period_range("2016-01", periods=60, freq="M")
SPELLINGS: list[tuple[str, str, Any]] = [
    ("A: whole numbers", "A", list(range(2000, 2020))),
    ("A: floats", "A", [float(y) for y in range(2000, 2020)]),
    ("A: text", "A", [str(y) for y in range(2000, 2020)]),
    ("A: last days", "A", [f"{y}-12-31" for y in range(2000, 2020)]),
    ("A: timestamps", "A", pd.date_range("2000-01-01", periods=20, freq="YS")),
    ("A: with a zone", "A", pd.date_range("2000-01-01", periods=20, freq="YS", tz="UTC")),
    ("A: dates", "A", [dt.date(y, 7, 1) for y in range(2000, 2020)]),
    ("A: periods", "A", pd.period_range("2000", periods=20, freq="Y")),
    ("Q: 2012-Q1", "Q", [f"{p.year}-Q{p.quarter}" for p in QUARTERS]),
    ("Q: 2012q1", "Q", [f"{p.year}q{p.quarter}" for p in QUARTERS]),
    ("Q: 2012 Q1", "Q", [f"{p.year} Q{p.quarter}" for p in QUARTERS]),
    ("Q: periods", "Q", QUARTERS),
    ("Q: last days", "Q", QUARTERS.to_timestamp(how="end")),
    ("M: 2016-01", "M", [str(p) for p in MONTHS]),
    ("M: 2016M01", "M", [f"{p.year}M{p.month:02d}" for p in MONTHS]),
    ("M: 201601 as a number", "M", [p.year * 100 + p.month for p in MONTHS]),
    ("M: 20160101", "M", [f"{p.year}{p.month:02d}01" for p in MONTHS]),
    ("M: periods", "M", MONTHS),
    ("M: timestamps", "M", MONTHS.to_timestamp()),
]


@pytest.mark.parametrize(
    ("freq", "ds"), [case[1:] for case in SPELLINGS], ids=[case[0] for case in SPELLINGS]
)
def test_a_period_may_be_spelled_as_publishers_do(freq: str, ds: Any) -> None:
    y = 50 + np.sin(np.arange(len(ds)))
    series, absences = read_panel(pd.DataFrame({"unique_id": "a", "ds": ds, "y": y}), FREQUENCIES[freq])
    first = {"A": "2000", "Q": "2012-Q1", "M": "2016-01"}[freq]
    assert absences == []
    assert series[0].start == parse_period(first, FREQUENCIES[freq]) and len(series[0].values) == len(ds)


NO_PERIODS = [
    "",
    "nan",
    "20",
    "20205",
    "2020-Q0",
    "2020-Q5",
    "2020-00",
    "2020-13",
    "202013",
    "31/12/2020",
    "2020-01-32",
    "Q1",
]


@pytest.mark.parametrize("text", NO_PERIODS)
@pytest.mark.parametrize("freq", FREQUENCIES.values(), ids=FREQUENCIES)
def test_what_is_no_period_is_not_read(text: str, freq: Any) -> None:
    assert parse_period(text, freq) is None


def test_months_as_numbers_come_back_as_text() -> None:
    ds = [p.year * 100 + p.month for p in MONTHS]
    y = 50 + np.sin(np.arange(60))
    forecast = forecast_panel(pd.DataFrame({"unique_id": "a", "ds": ds, "y": y}), 2, "M")
    assert forecast["ds"].tolist() == ["2021-01", "2021-02"]


@pytest.mark.parametrize(
    "y",
    [pd.array([*range(19), None], dtype="Int64"), pd.array([*range(19), None], dtype="Float64"), np.arange(20, dtype=np.uint8)],
    ids=["Int64", "Float64", "uint8"],
)  # fmt: skip
def test_any_kind_of_number_is_read(y: Any) -> None:
    series, _ = read_panel(good().assign(y=y), ANNUAL)
    assert series[0].values[:19].tolist() == list(range(19))


@pytest.mark.parametrize("yes", [True, "true", "TRUE", "yes", "1", 1, 1.0, "t"])
def test_a_break_may_be_flagged_as_software_does(yes: object) -> None:
    flags = [None] * 10 + [yes] + [None] * 9
    series, _ = read_panel(good().assign(is_break=flags), ANNUAL)
    assert series[0].start == 2010


def test_unique_ids_of_any_kind_come_back_as_they_were() -> None:
    for ids in ([3, 20], [1.5, 2.0], ["007", "7"], [pd.Timestamp("2020-01-01"), "a"]):
        panel = pd.concat([good().assign(unique_id=uid) for uid in ids])
        assert forecast_panel(panel, 1, "A")["unique_id"].tolist() == sorted(ids, key=str)
    panel = pd.concat([good("b"), good("a")]).astype({"unique_id": "category"})
    assert forecast_panel(panel, 1, "A")["unique_id"].tolist() == ["a", "b"]


def test_only_what_has_begun_has_happened() -> None:
    day = dt.date(2020, 5, 31)
    for freq, ds, future in [
        (ANNUAL, [2019, 2020, 2021, "?"], [False, False, True, False]),
        (QUARTERLY, ["2020-Q1", "2020-Q2", "2020-Q3"], [False, False, True]),
        (MONTHLY, ["2020-05", "2020-06", "2020-05-31"], [False, True, False]),
    ]:
        panel = pd.DataFrame({"unique_id": "a", "ds": ds, "y": 1.0})
        assert mark_future(panel, freq, day)["is_future"].tolist() == future


def test_figures_carry_no_noise_in_their_last_digits() -> None:
    numbers = forecast_panel(good(), 3, "A")[["mean", "lo95", "hi80"]].to_numpy()
    np.testing.assert_array_equal(numbers, np.round(numbers, 9))


def test_the_order_of_rows_and_series_does_not_matter() -> None:
    panel = pd.concat([good("b"), good("a", 25), one(STEADY, uid="c")])
    shuffled = panel.sample(frac=1, random_state=3)
    pd.testing.assert_frame_equal(forecast_panel(shuffled, 3, "A"), forecast_panel(panel, 3, "A"))
    assert [series.unique_id for series in read_panel(shuffled, ANNUAL)[0]] == ["a", "b", "c"]


def test_small_figures_keep_their_digits() -> None:
    frame = pd.DataFrame(
        {"unique_id": ["a", "a", "b", "c"], "y": [1.23456789012345e-12, 1e-13, 1234.123456789, NAN]}
    )
    assert round_by_series(frame, ["y"])["y"].tolist()[:3] == [1.23456789012e-12, 1e-13, 1234.12345679]  # fmt: skip


# ---------------------------------------------------------------- any mixture of dirt

CELLS = st.one_of(
    st.floats(-1e6, 1e6),
    st.sampled_from([0.0, 0.0, 1e-12, 1e15, -1e15, 1e300, INF, None, NAN, "", "x", "12,5", " 7 ", "NA"]),
)
DIRT = st.sampled_from(["none", "none", "none", "gap", "twice", "period", "break", "future", "cell"])


@st.composite
def series_of_a_panel(draw: st.DrawFn, uid: str) -> pd.DataFrame:
    length = draw(st.integers(1, 14))
    kind = draw(st.sampled_from(["walk", "walk", "constant", "zeros", "small", "cells"]))
    steps = draw(st.lists(st.integers(-9, 9), min_size=length, max_size=length))
    values: list[Any] = {
        "walk": (100 + np.cumsum(steps)).astype(float).tolist(),
        "constant": [float(steps[0])] * length,
        "zeros": [0.0] * length,
        "small": [abs(step) * 1e-13 for step in steps],
        "cells": draw(st.lists(CELLS, min_size=length, max_size=length)) if kind == "cells" else [],
    }[kind]
    frame = one(values, draw(st.integers(1995, 2005)), uid).astype({"ds": object, "y": object})
    frame = frame.assign(is_break=False, is_future=False)
    place, dirt = draw(st.integers(0, length - 1)), draw(DIRT)
    if dirt == "gap":
        frame = pd.concat([frame.iloc[:place], frame.iloc[place + 1 :]]) if length > 1 else frame
    elif dirt == "twice":
        frame = pd.concat([frame, frame.iloc[[place]]])
    elif dirt == "period":
        frame.loc[place, "ds"] = draw(st.sampled_from(["", "20x0", "2020-Q1", None]))
    elif dirt in ("break", "future"):
        frame.loc[place, f"is_{dirt}"] = True
    elif dirt == "cell":
        frame.loc[place, "y"] = draw(CELLS)
    return frame


@st.composite
def panels(draw: st.DrawFn) -> pd.DataFrame:
    n_series = draw(st.integers(1, 5))
    return pd.concat([draw(series_of_a_panel(f"s{i}")) for i in range(n_series)], ignore_index=True)


def forecast_or_refusal(panel: pd.DataFrame) -> pd.DataFrame | str:
    """The forecast; for a table of nothing but defective series, that it was refused."""
    try:
        return forecast_panel(panel, 3, "A")
    except InputError as error:
        assert "no series can be read" in str(error)
        return "refused"


@settings(max_examples=40, deadline=None)
@given(panels(), st.integers(0, 2**31))
def test_any_mixture_of_dirt_is_survived(panel: pd.DataFrame, seed: int) -> None:
    before = panel.copy(deep=True)
    result = forecast_or_refusal(panel)
    pd.testing.assert_frame_equal(panel, before)
    order = np.random.default_rng(seed).permutation(len(panel))
    again = forecast_or_refusal(panel.iloc[order])
    if isinstance(result, str) or isinstance(again, str):
        assert isinstance(result, str) and isinstance(again, str)
        return
    pd.testing.assert_frame_equal(again, result)
    assert result["unique_id"].unique().tolist() == sorted(panel["unique_id"].unique())
    check_sound(result)
    for uid, rows in result[result["h"] > 0].groupby("unique_id"):
        history = read_panel(panel[panel["unique_id"] == uid], ANNUAL)[0][0].values
        assert history.min() < 0 or (rows[["mean", "lo80", "lo95"]] >= 0).all(axis=None)
        assert rows["ds"].astype(int).min() > 1995


@settings(max_examples=10, deadline=None)
@given(panels(), st.integers(2003, 2012))
def test_what_comes_after_the_end_of_a_panel_is_not_seen(panel: pd.DataFrame, year: int) -> None:
    """Rows that are empty, and rows of refused series, change nothing in the forecasts of the others."""
    panel = pd.concat([good(), panel[panel["unique_id"] != "s0"]], ignore_index=True)
    blank = one([None, ""], uid="good", years=[2020, 2021])
    spoilt = one([1e6 * k for k in range(6)], start=year, uid="short")
    base = forecast_panel(panel, 2, "A")
    more = forecast_panel(pd.concat([spoilt, panel, blank], ignore_index=True), 2, "A")
    kept = more[more["unique_id"] != "short"].reset_index(drop=True)
    pd.testing.assert_frame_equal(kept, base)


# ---------------------------------------------------------------- the command


def forecast_file(folder: Path, *options: object, name: str = "in.csv", out: str = "out.csv") -> Outcome:
    return run_lma("forecast-panel", name, out, *options, folder=folder)


def as_csv(panel: pd.DataFrame, separator: str = ",", comma: bool = False) -> str:
    return panel.to_csv(index=False, sep=separator, decimal="," if comma else ".")


FILES: list[tuple[str, bytes]] = [
    ("commas", as_csv(good()).encode()),
    ("a byte order mark", as_csv(good()).encode("utf-8-sig")),
    ("semicolons", as_csv(good(), ";").encode()),
    ("semicolons and decimal commas", as_csv(good(), ";", comma=True).encode("utf-8-sig")),
    ("tabs", as_csv(good(), "\t").encode()),
    ("lines as Windows ends them", as_csv(good()).replace("\n", "\r\n").encode()),
    ("empty lines", ("\n" + as_csv(good()).replace("\n", "\n\n")).encode()),
    ("every cell in quotes", good().to_csv(index=False, quoting=1).encode()),
    ("rows in any order", as_csv(good().sample(frac=1, random_state=1)).encode()),
    ("other columns beside", as_csv(good().assign(note="a, b", z=1)[["z", "y", "note", "ds", "unique_id"]]).encode()),
]  # fmt: skip


@pytest.mark.parametrize("content", [case[1] for case in FILES], ids=[case[0] for case in FILES])
def test_a_csv_is_read_as_software_writes_it(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_bytes(content)
    outcome = forecast_file(tmp_path, "--horizon", 3)
    assert outcome.code == 0, outcome.err
    made = pd.read_csv(tmp_path / "out.csv")
    expected = forecast_panel(good(), 3, "A")
    np.testing.assert_allclose(made["mean"], expected["mean"], rtol=1e-9)
    assert "1 series forecast, 0 refused, written to out.csv" in outcome.out
    assert f"champions: {expected['model_id'][0]} 1" in outcome.out


BAD_FILES: list[tuple[str, bytes, list[str]]] = [
    ("nothing in it", b"", ["in.csv", "cannot be read as csv"]),
    ("a header alone", b"unique_id,ds,y\n", ["in.csv", "no rows"]),
    ("no header", as_csv(good()).split("\n", 1)[1].encode(), ["in.csv", "no column unique_id, ds, y"]),
    ("other names", b"country,year,value\na,2000,1\n", ["in.csv", "country, year, value", "Rename"]),
    ("two columns of one name", b"unique_id,ds,y,y\na,2000,1,2\n", ["in.csv", "2 columns 'y'"]),
    ("a row with a cell too many", b"unique_id,ds,y\na,2000,1\na,2001,1,2\n", ["in.csv", "line 3"]),
    ("a decimal comma between commas", b"unique_id,ds,y\na,2000,1,5\na,2001,2,5\n", ["in.csv", "more cells", "decimal comma"]),
    ("another alphabet", "unique_id,ds,y\n\u00e9,2000,1\n".encode("latin-1"), ["in.csv", "UTF-8"]),
    ("as Excel calls Unicode", as_csv(good()).encode("utf-16"), ["in.csv", "UTF-8"]),
    ("text for all numbers", b"unique_id,ds,y\na,2000,?\na,2001,?\n", ["in.csv", "'?' in column y", "row 1"]),
    ("a quote that never ends", b'unique_id,ds,y\n"a,2000,1\n', ["in.csv", "cannot be read as csv"]),
    ("nobody's row", b"unique_id,ds,y\na,2000,1\n,2001,2\n", ["in.csv", "row 2", "no unique_id"]),
    ("nothing but the future", as_csv(good(start=THIS_YEAR + 1)).encode(), ["in.csv", f"'{THIS_YEAR + 1}' in column ds", "has not begun", "remove"]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("content", "words"), [case[1:] for case in BAD_FILES], ids=[case[0] for case in BAD_FILES]
)
def test_a_bad_file_is_one_message_and_no_result(content: bytes, words: list[str], tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_bytes(content)
    outcome = forecast_file(tmp_path)
    assert outcome.code == 11, (outcome.out, outcome.err)
    message = outcome.err[outcome.err.index("lma: ") :]
    assert message.count("\n") == 1 and [word for word in words if word not in message] == [], message
    assert [path.name for path in tmp_path.iterdir()] == ["in.csv"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--horizon", 0], ["horizon 0", "1 to 120"]),
        (["--horizon", 500], ["horizon 500", "1 to 120"]),
        (["--horizon", "many"], ["--horizon"]),
        (["--freq", "W"], ["'W'", "A (annual), Q (quarterly), M (monthly)"]),
    ],
)
def test_a_wrong_option_stops_before_the_file_is_read(
    options: list[object], words: list[str], tmp_path: Path
) -> None:
    outcome = forecast_file(tmp_path, *options)
    assert outcome.code == 2 and [word for word in words if word not in outcome.err] == [], outcome.err


def test_a_result_never_replaces_its_own_table(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text(as_csv(good()), encoding="utf-8")
    outcome = forecast_file(tmp_path, out="./in.csv")
    assert outcome.code == 2 and "in.csv is the table itself" in outcome.err
    assert (tmp_path / "in.csv").read_text(encoding="utf-8") == as_csv(good())
    assert forecast_file(tmp_path, out="out.xls").code == 2


def test_the_summary_names_champions_and_refusals(tmp_path: Path) -> None:
    bad = [replaced(3, "many"), good("future", start=THIS_YEAR - 5), one([5.0], uid="short")]
    lots = [one([5.0], uid=f"z{i:02d}") for i in range(12)]
    panel = pd.concat([good("01"), good("02"), good("AB"), *bad, *lots])
    (tmp_path / "in.csv").write_text(as_csv(panel), encoding="utf-8")
    outcome = forecast_file(tmp_path, "--horizon", 2)
    assert outcome.code == 0, outcome.err
    lines = [line.strip() for line in outcome.out.splitlines()]
    made = pd.read_csv(tmp_path / "out.csv", dtype={"unique_id": str}, keep_default_na=False)
    counts = made[made["h"] == 1]["model_id"].value_counts()
    assert lines[0] == "3 series forecast, 15 refused, written to out.csv"
    assert lines[1].startswith("champions: ") and all(f"{name} {n}" in lines[1] for name, n in counts.items())
    assert f"refused TOO_SHORT: 13 ({REASONS['TOO_SHORT']})" in lines
    assert any(
        line.startswith("future: no forecast, FUTURE_PERIOD: ") and str(THIS_YEAR + 1) in line
        for line in lines
    )
    assert any(line.startswith("one: no forecast, NOT_A_NUMBER: 'many' in column y") for line in lines)
    assert "... and 5 more, in column reason of out.csv" in lines
    assert made["unique_id"].unique().tolist() == sorted(panel["unique_id"].unique())


def test_a_panel_of_another_frequency_is_suspected(tmp_path: Path) -> None:
    quarters = pd.DataFrame(
        {"unique_id": "a", "ds": QUARTERS.to_timestamp().strftime("%Y-%m"), "y": range(40)}
    )
    (tmp_path / "in.csv").write_text(as_csv(quarters), encoding="utf-8")
    outcome = forecast_file(tmp_path, "--freq", "M")
    assert (
        outcome.code == 0
        and "is M the frequency of the panel?" in outcome.out
        and "refused GAPS: 1" in outcome.out
    )


def test_codes_that_look_like_numbers_stay_codes(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text(as_csv(pd.concat([good("1.1"), good("1.10")])), encoding="utf-8")
    assert forecast_file(tmp_path, "--horizon", 1).code == 0
    assert pd.read_csv(tmp_path / "out.csv", dtype=str)["unique_id"].tolist() == ["1.1", "1.10"]


def test_csv_and_parquet_give_the_same_result(tmp_path: Path) -> None:
    panel = pd.concat([good("01"), good("1")])
    panel.to_csv(tmp_path / "in.csv", index=False)
    panel.to_parquet(tmp_path / "in.parquet", index=False)
    panel.set_index("unique_id").to_parquet(tmp_path / "indexed.parquet")
    for name in ("in.csv", "in.parquet", "indexed.parquet"):
        assert forecast_file(tmp_path, name=name, out=f"{name}.out.csv").code == 0
    results = [
        (tmp_path / f"{name}.out.csv").read_bytes() for name in ("in.csv", "in.parquet", "indexed.parquet")
    ]
    assert results[0] == results[1] == results[2]


# ---------------------------------------------------------------- tables from a file


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["1,5", "2,25"], [1.5, 2.25]),
        (["1,5", "1,234"], [1.5, 1.234]),
        (["1234,567", "2"], [1234.567, 2.0]),
        (["0,123", "0,456"], [0.123, 0.456]),
        (["1,234", "2,345"], ["1,234", "2,345"]),
        (["a,b", "1,5", "b,c"], ["a,b", "1,5", "b,c"]),
        (["01", "02"], ["01", "02"]),
        (["7", "8"], [7, 8]),
    ],
)
def test_a_decimal_comma_is_read_where_it_can_be_nothing_else(
    cells: list[str], expected: list[Any], tmp_path: Path
) -> None:
    (tmp_path / "in.csv").write_text("k;v\n" + "".join(f"x;{cell}\n" for cell in cells), encoding="utf-8")
    assert user_tables.read_table(tmp_path / "in.csv")["v"].tolist() == expected


@pytest.mark.parametrize("cells", [["987", "1.010"], ["1.234.567", "1.234"], ["-5", "-1.234"]])
def test_points_between_thousands_are_not_read_as_decimals(cells: list[str], tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("k;v\n" + "".join(f"x;{cell}\n" for cell in cells), encoding="utf-8")
    with pytest.raises(InputError, match="seems to part thousands .column 'v', data row") as refused:
        user_tables.read_table(tmp_path / "in.csv")
    assert repr(cells[0]) in str(refused.value)


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["1.125", "2.250"], [1.125, 2.25]),
        (["0", "1.125"], [0.0, 1.125]),
        (["7", "1.125", "2.5"], [7.0, 1.125, 2.5]),
        (["7", "0.125"], [7.0, 0.125]),
    ],
)
def test_points_of_decimals_are_read(cells: list[str], expected: list[float], tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("k;v\n" + "".join(f"x;{cell}\n" for cell in cells), encoding="utf-8")
    assert user_tables.read_table(tmp_path / "in.csv")["v"].tolist() == expected


def test_a_column_per_year_is_told_to_become_rows() -> None:
    wide = pd.DataFrame({"sector": ["A"], **{str(year): [1.0] for year in range(1996, 2026)}})
    with pytest.raises(InputError) as refused:
        forecast_panel(wide, 5, "A")
    assert "a column per period (1996, 1997, ...): write one row per series and period" in str(refused.value)
    assert "and 23 more" in str(refused.value) and "2025" not in str(refused.value)


def test_thousands_separators_are_named_where_no_series_can_be_read() -> None:
    panel = pd.DataFrame({"unique_id": "a", "ds": range(2000, 2020), "y": "1 234"})
    with pytest.raises(InputError, match="without a separator between thousands"):
        forecast_panel(panel, 5, "A")


def test_a_workbook_is_told_to_be_saved_as_csv(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="save the sheet of the workbook as CSV"):
        user_tables.read_table(tmp_path / "in.xlsx")


def test_a_number_is_read_to_its_last_digit(tmp_path: Path) -> None:
    numbers = np.random.default_rng(5).normal(0, 1, 2000) * 10.0 ** np.random.default_rng(6).integers(
        -12, 12, 2000
    )
    pd.DataFrame({"v": numbers}).to_csv(tmp_path / "in.csv", index=False)
    assert user_tables.read_table(tmp_path / "in.csv")["v"].tolist() == numbers.tolist()


def test_codes_that_are_asked_for_as_text_stay_text(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("unique_id,v\n1.1,3\n1.10,4\n", encoding="utf-8")
    assert user_tables.read_table(tmp_path / "in.csv", as_text=("unique_id",))["unique_id"].tolist() == [
        "1.1",
        "1.10",
    ]


def test_a_large_panel_is_read_at_once() -> None:
    """No work per series that can be done per table: 4,000 series, a wrong cell in each but one."""
    ids, years = np.repeat([f"s{i}" for i in range(4000)], 20), np.tile(np.arange(2000, 2020), 4000)
    panel = pd.concat([good("ok"), pd.DataFrame({"unique_id": ids, "ds": years, "y": "x"})])
    started = dt.datetime.now()
    series, absences = read_panel(panel, ANNUAL)
    assert (len(series), len(absences)) == (1, 4000)
    assert dt.datetime.now() - started < dt.timedelta(seconds=5)
