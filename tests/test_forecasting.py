"""Promises of the forecasting room: no look-ahead, exact sums, ordered intervals, reasons, determinism."""

import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lma.contracts import table_contract
from lma.errors import InputError, UsageError
from lma.forecasting import forecast_country, forecast_panel
from lma.forecasting.backtest import Backtest, run_backtest
from lma.forecasting.combine import JUDGED_ALONE, WORSE_THAN_NAIVE, choose_champions
from lma.forecasting.engine import Engine, fit_engine, list_fits
from lma.forecasting.features import build_windows
from lma.forecasting.intervals import (
    LEVELS,
    calibrate,
    conformal_quantile,
    tidy_quantiles,
    widen_for_shocks,
)
from lma.forecasting.models import ACROSS, LABELS, MODELS, SINGLY
from lma.forecasting.panel import COLUMNS, run_panel
from lma.forecasting.pooled import FEWEST_WINDOWS, known_rows
from lma.forecasting.scores import WITH_INTERVALS
from lma.forecasting.series import FREQUENCIES, Absence, Series, format_period, parse_period, read_panel

ROOT = Path(__file__).parent.parent
Tables = tuple[pd.DataFrame, pd.DataFrame]
ANNUAL = FREQUENCIES["A"]

SECTORS = {
    "modelled": ("A", "B", "C", "DE", "F", "G", "HJ", "I", "K", "LMN", "O", "P", "Q", "RSTU"),
    "reported": ("AGR", "MAN", "CON", "MEL", "MKT", "PUB", "X"),
}


def make_panel(n_series: int = 12, length: int = 24, seed: int = 1, start: int = 1996) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    walks = (
        1000
        + 50 * np.arange(n_series)[:, None]
        + np.cumsum(rng.normal(rng.normal(0, 8, (n_series, 1)), 20, (n_series, length)), axis=1)
    )
    return pd.DataFrame(
        {
            "unique_id": np.repeat([f"s{i:02d}" for i in range(n_series)], length),
            "ds": np.tile(np.arange(start, start + length), n_series),
            "y": np.abs(walks).ravel(),
        }
    )


def one_series(values: list[float], start: int = 2000, **columns: object) -> pd.DataFrame:
    return pd.DataFrame({"unique_id": "one", "ds": range(start, start + len(values)), "y": values, **columns})


@pytest.fixture(scope="module")
def panel_forecast() -> pd.DataFrame:
    return forecast_panel(make_panel(), 7, "A")


# ---------------------------------------------------------------- the shape of the answer


def test_one_row_per_series_and_horizon(panel_forecast: pd.DataFrame) -> None:
    assert list(panel_forecast.columns) == COLUMNS
    keys = list(zip(panel_forecast["unique_id"], panel_forecast["h"], strict=True))
    assert keys == [(f"s{i:02d}", h) for i in range(12) for h in range(1, 8)]
    assert panel_forecast.notna().all().all()
    assert (panel_forecast["ds"] == 2019 + panel_forecast["h"]).all()
    assert set(panel_forecast["model_id"]) <= set(MODELS)
    assert set(panel_forecast["reason"]) == {""}


def check_intervals(forecast: pd.DataFrame) -> None:
    ordered = forecast[["lo95", "lo80", "lo50", "q50", "hi50", "hi80", "hi95"]].to_numpy()
    assert np.isfinite(ordered).all()
    assert (np.diff(ordered, axis=1) >= -1e-6).all()
    for low, high in (("lo50", "hi50"), ("lo80", "hi80"), ("lo95", "hi95")):
        width = (forecast[high] - forecast[low]).groupby(forecast["unique_id"])
        assert (width.diff().fillna(0) >= -1e-5).all()


def test_intervals_are_ordered_and_never_narrow(panel_forecast: pd.DataFrame) -> None:
    check_intervals(panel_forecast)
    assert (panel_forecast["hi80"] > panel_forecast["lo80"]).all()


@settings(max_examples=25, deadline=None)
@given(st.lists(st.floats(-1e6, 1e6), min_size=8, max_size=16), st.booleans())
def test_any_single_series_gets_sound_intervals(values: list[float], is_count: bool) -> None:
    values = [abs(v) for v in values] if is_count else values
    forecast = forecast_panel(one_series(values), 4, "A")
    check_intervals(forecast)
    assert not is_count or (forecast[["mean", "lo95"]] >= 0).all().all()


def test_declining_counts_stay_at_zero_or_above() -> None:
    forecast = forecast_panel(one_series([90.0, 83, 70, 66, 51, 40, 33, 20, 12, 5]), 6, "A")
    assert (forecast[["mean", "lo80", "lo95"]] >= 0).all().all()


def test_keys_come_back_in_the_callers_types() -> None:
    panel = make_panel(2)
    numbered = panel.assign(unique_id=panel["unique_id"].map({"s00": 10, "s01": 9}))
    assert forecast_panel(numbered, 1, "A")["unique_id"].tolist() == [10, 9]
    assert forecast_panel(panel.assign(ds=panel["ds"].astype(str)), 1, "A")["ds"].tolist() == ["2020", "2020"]


@pytest.mark.parametrize(
    ("freq", "text", "later"),
    [
        ("A", "2019", "2020"),
        ("Q", "2019-Q4", "2020-Q1"),
        ("M", "2019-12", "2020-01"),
        ("Q", "2019-11-30", "2020-Q1"),
    ],
)
def test_periods_count_on(freq: str, text: str, later: str) -> None:
    kind = FREQUENCIES[freq]
    period = parse_period(text, kind)
    assert period is not None
    assert format_period(period + 1, kind) == later


def test_annual_periods_may_be_counted_throughout() -> None:
    years = make_panel(3)
    counted = years.assign(ds=years["ds"] - 1995)
    found, expected = forecast_panel(counted, 2, "A"), forecast_panel(years, 2, "A")
    assert found["ds"].tolist() == [25, 26] * 3
    pd.testing.assert_frame_equal(found.drop(columns="ds"), expected.drop(columns="ds"))
    mixed = pd.concat([counted[counted["unique_id"] == "s00"], years[years["unique_id"] != "s00"]])
    assert set(forecast_panel(mixed, 2, "A").query("unique_id == 's00'")["reason"]) == {"BAD_PERIOD"}


def test_quarters_keep_their_season() -> None:
    season = np.tile([0.0, 40.0, 10.0, -50.0], 12)
    ds = [f"{2008 + i // 4}-Q{i % 4 + 1}" for i in range(48)]
    y = 1000 + season + np.random.default_rng(3).normal(0, 3, 48)
    forecast = forecast_panel(pd.DataFrame({"unique_id": "q", "ds": ds, "y": y}), 4, "Q")
    assert forecast["ds"].tolist() == ["2020-Q1", "2020-Q2", "2020-Q3", "2020-Q4"]
    np.testing.assert_allclose(forecast["mean"], 1000 + season[:4], atol=12)


# ---------------------------------------------------------------- reasons

NAN = math.nan


@pytest.mark.parametrize(
    ("values", "breaks", "reason", "last"),
    [
        ([1.0] * 7, [], "TOO_SHORT", 2006),
        ([NAN] * 12, [], "ALL_MISSING", 2011),
        ([1, 2, 3, 4, 5, NAN, NAN, NAN, 6, 7, 8, 9, NAN], [], "GAPS", 2011),
        ([1, NAN, NAN, 2, NAN, NAN, 3, NAN, NAN, 4, NAN, NAN, 5, 6, 7, 8, 9], [], "GAPS", 2016),
        (list(range(1, 31)), [2023], "SHORT_AFTER_BREAK", 2029),
    ],
)
def test_no_forecast_has_a_reason_and_no_number(
    values: list[float], breaks: list[int], reason: str, last: int
) -> None:
    series = one_series(values).assign(is_break=lambda rows: rows["ds"].isin(breaks))
    both = pd.concat([series, make_panel(2)])
    forecast = forecast_panel(both, 3, "A")
    row = forecast[forecast["unique_id"] == "one"]
    assert row[["h", "ds", "model_id", "reason"]].to_numpy().tolist() == [[0, last, "none", reason]]
    assert row[["mean", "lo80", "hi80", "lo95", "hi95", "q50"]].isna().all().all()
    assert len(forecast) == 1 + 2 * 3, "one series without a forecast must not touch the others"


def test_eight_values_are_enough() -> None:
    assert len(forecast_panel(one_series([3.0, 5, 4, 6, 7, 6, 8, 9]), 2, "A")) == 2


def test_short_gap_is_filled_from_before_only() -> None:
    found, _ = read_panel(one_series([1, 2, 3, 4, 5, 6, NAN, NAN, 9, 10, 11, 12, NAN]), ANNUAL)
    assert found[0].values.tolist() == [1, 2, 3, 4, 5, 6, 6, 6, 9, 10, 11, 12]
    assert found[0].observed.sum() == 10
    backtest = _backtest(found)
    assert 2006 not in backtest.period
    assert {2005, 2008} <= set(backtest.period)


def test_constant_series_is_naive_and_says_so() -> None:
    forecast = forecast_panel(pd.concat([one_series([5.0] * 15), make_panel(4)]), 2, "A")
    rows = forecast[forecast["unique_id"] == "one"]
    assert rows["model_id"].tolist() == ["naive", "naive"]
    assert rows["mean"].tolist() == [5.0, 5.0]
    assert rows["reason"].tolist() == ["CONSTANT", "CONSTANT"]


def test_nothing_before_the_last_break_is_used() -> None:
    after = make_panel(1, 14)["y"].tolist()
    flags = [False] * 10 + [True] + [False] * 13
    before = [9e5 + 1e4 * i for i in range(10)]
    cut = forecast_panel(one_series(after, 2010), 3, "A")
    whole = forecast_panel(one_series(before + after, 2000, is_break=flags), 3, "A")
    pd.testing.assert_frame_equal(whole, cut)


# ---------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("ds", "freq"), [("2020-Q5", "Q"), ("20x0", "A"), ("2020-13", "M"), ("2020", "Q"), ("2020-Q1", "A")]
)
def test_what_is_no_period_is_named(ds: str, freq: str) -> None:
    with pytest.raises(InputError, match=f"'{ds}'.*ds.*'u'"):
        forecast_panel(pd.DataFrame({"unique_id": ["u"], "ds": [ds], "y": [1.0]}), 2, freq)


def test_missing_column_and_bad_calls() -> None:
    with pytest.raises(InputError, match="no column y"):
        forecast_panel(make_panel(1).rename(columns={"y": "value"}), 2, "A")
    with pytest.raises(InputError, match="no rows"):
        forecast_panel(make_panel(1).iloc[:0], 2, "A")
    with pytest.raises(UsageError, match="W"):
        forecast_panel(make_panel(1), 2, "W")
    with pytest.raises(UsageError, match="horizon 0"):
        forecast_panel(make_panel(1), 0, "A")


# ---------------------------------------------------------------- no look-ahead


def _backtest(series: list[Series], *, singly: bool = False) -> Backtest:
    engine = fit_engine(series, ANNUAL, 5)
    return run_backtest(series, engine, engine.apply(series), singly=singly)


def _backtest_forecasts(panel: pd.DataFrame, until: int) -> dict[str, np.ndarray]:
    series, _ = read_panel(panel, ANNUAL)
    backtest = _backtest(series, singly=True)
    seen = backtest.period <= until
    return {model_id: made[seen] for model_id, made in backtest.forecasts.items()}


@settings(max_examples=8, deadline=None)
@given(st.integers(2010, 2017), st.integers(0, 2**31), st.floats(-5000, 5000))
def test_values_after_an_origin_never_change_its_forecasts(origin: int, seed: int, shift: float) -> None:
    panel = make_panel(10)
    later = panel["ds"] > origin
    noise = np.random.default_rng(seed).normal(shift, 300, len(panel))
    changed = panel.assign(y=np.where(later, np.abs(panel["y"] + noise), panel["y"]))
    before, after = _backtest_forecasts(panel, origin), _backtest_forecasts(changed, origin)
    for model_id, made in before.items():
        np.testing.assert_array_equal(made, after[model_id], err_msg=model_id)


def test_pooled_model_is_there_and_learns_from_other_series() -> None:
    panel = make_panel(10)
    series, _ = read_panel(panel, ANNUAL)
    assert len(build_windows(series, ANNUAL, 5).last) > FEWEST_WINDOWS
    made = _backtest_forecasts(panel, 2018)["pooled"]
    other = panel.assign(y=np.where(panel["unique_id"] == "s09", panel["y"] ** 1.2, panel["y"]))
    changed = _backtest_forecasts(other, 2018)["pooled"]
    assert np.isfinite(made[-1]).all()
    both = np.isfinite(made) & np.isfinite(changed)
    assert (made != changed)[both][:-1].any()


def test_pool_is_learnt_from_but_not_forecast() -> None:
    panel, pool = make_panel(2), make_panel(30, seed=5).assign(unique_id=lambda rows: "p" + rows["unique_id"])
    alone, helped = forecast_panel(panel, 2, "A"), forecast_panel(panel, 2, "A", pool=pool)
    assert helped["unique_id"].unique().tolist() == ["s00", "s01"]
    assert not np.allclose(alone["hi95"], helped["hi95"])


# ---------------------------------------------------------------- champion


def test_champion_is_the_model_that_made_the_row() -> None:
    panel = make_panel(6)
    forecast = forecast_panel(panel, 1, "A").set_index("unique_id")
    series, _ = read_panel(panel, ANNUAL)
    for one in series:
        if forecast.loc[one.unique_id, "model_id"] == "naive":
            assert forecast.loc[one.unique_id, "mean"] == pytest.approx(one.values[-1], abs=1e-6)
        if forecast.loc[one.unique_id, "model_id"] == "drift":
            step = (one.values[-1] - one.values[0]) / (len(one.values) - 1)
            assert forecast.loc[one.unique_id, "mean"] == pytest.approx(one.values[-1] + step, abs=1e-5)


@pytest.mark.parametrize(
    ("n_origins", "ratio", "champion"), [(8, 1.4, "naive"), (7, 1.4, "engine"), (8, 1.2, "engine")]
)
def test_naive_where_the_own_record_speaks_against_the_engine(
    n_origins: int, ratio: float, champion: str
) -> None:
    naive, series = np.ones((n_origins, 2)), np.zeros(n_origins, dtype=int)
    errors = {"naive": naive, "engine": naive * ratio}
    assert choose_champions(errors, series, {"engine": np.array([True])}) == [champion]


def test_an_engine_that_cannot_forecast_today_is_no_champion() -> None:
    errors = {"naive": np.ones((12, 2)), "engine": np.zeros((12, 2))}
    assert choose_champions(errors, np.zeros(12, dtype=int), {"engine": np.array([False])}) == ["naive"]


def test_own_record_is_published(panel_forecast: pd.DataFrame) -> None:
    backtest = run_panel(make_panel(), 7, "A").backtest
    first = backtest.series == 0
    errors = {m: np.abs(backtest.actual - backtest.forecasts[m])[first] for m in ("engine", "naive")}
    known = np.isfinite(errors["engine"])
    row = panel_forecast.iloc[0]
    assert row["n_origins"] == first.sum() == 24 - 5
    assert row["mase_ratio"] == pytest.approx(
        errors["engine"][known].sum() / errors["naive"][known].sum(), abs=1e-4
    )


def test_failing_model_takes_no_other_name_and_fails_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    import statsforecast.models as statistical

    def fail(*_: object, **__: object) -> None:
        raise ValueError("tiny datasets")

    monkeypatch.setattr(statistical.AutoETS, "forecast", fail)
    result = run_panel(make_panel(6), 2, "A", singly=True)
    failed = {"auto_ets", "damped", "median4"}
    assert {m for m in SINGLY if np.isnan(result.forecasts[m]).all()} == failed
    assert not set(result.champions) & failed
    made = _backtest_forecasts(make_panel(6), 2018)
    assert {model_id for model_id, rows in made.items() if np.isnan(rows).all()} == {
        *failed,
        "seasonal_naive",
    }


def test_every_model_that_is_published_has_a_label() -> None:
    assert set(LABELS) == set(WITH_INTERVALS) <= set(MODELS)


def test_a_new_model_is_one_line(observations: pd.DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    for table in (ACROSS, MODELS):  # the second is made of the first where it stands
        monkeypatch.setitem(
            table, "mean", lambda asked: np.array([[h.mean()] * asked.horizon for h in asked.histories])
        )
    forecasts, scores = forecast_country(observations, "MUS", horizon=5)
    assert (scores.loc[scores["model_id"] == "mean", "mase"] > 0).sum() > 0
    assert set(forecasts["model_id"]) <= {"engine", "naive", "none"}


# ---------------------------------------------------------------- intervals


def _fitted(n_series: int, length: int) -> Engine:
    return fit_engine(read_panel(make_panel(n_series, length), ANNUAL)[0], ANNUAL, 5)


def test_small_pools_use_all_horizons_by_the_square_root() -> None:
    learnt = _fitted(2, 12).learnt
    n = len(learnt.windows.period)
    errors = np.random.default_rng(1).normal(0, 1, (n, 5)) * np.sqrt(np.arange(1, 6))
    known = learnt.windows.period[:, None] + np.arange(1, 6) <= 2007
    found = calibrate(learnt.windows, errors, learnt.changes["engine"], 2007, 7, ANNUAL)
    assert found.across_horizons == (True,) * 7
    assert found.n_errors == (known.sum(),) * 7
    years = len(np.unique((learnt.windows.period[:, None] + np.arange(1, 6))[known]))
    np.testing.assert_allclose(
        found.quantiles, -found.quantiles[:, ::-1]
    )  # so few errors do not tell a safe side
    first, fourth = (found.quantiles[h - 1] / widen_for_shocks(years, h) for h in (1, 4))
    np.testing.assert_allclose(fourth, first * 2)


def test_large_pools_use_their_own_horizon_and_are_widened_by_the_years() -> None:
    learnt = _fitted(12, 24).learnt
    errors = np.full((len(learnt.windows.period), 5), np.nan)
    known = (learnt.windows.period + 1 <= 2019) & (learnt.windows.length >= ANNUAL.min_points)
    errors[known, 0] = np.linspace(-1, 1, known.sum())
    found = calibrate(learnt.windows, errors, learnt.changes["engine"], 2019, 1, ANNUAL)
    assert found.n_errors == (12 * 16,)
    high = conformal_quantile(np.linspace(-1, 1, 12 * 16), 0.9) * widen_for_shocks(16, 1)[LEVELS.index(0.9)]
    np.testing.assert_allclose(found.quantiles[0, [1, 3, 5]], [-high, 0.0, high])


def test_after_a_leap_beyond_its_level_a_series_stays_where_it_is() -> None:
    thousandfold = make_panel(1)["y"].to_numpy() * np.where(np.arange(24) < 18, 1000.0, 1.0)
    leapt = pd.DataFrame({"unique_id": "leapt", "ds": range(1996, 2020), "y": thousandfold})
    forecast = forecast_panel(pd.concat([leapt, make_panel(12, seed=3)]), 5, "A").set_index("unique_id")
    np.testing.assert_allclose(forecast.loc["leapt", "mean"], thousandfold[-1])


def test_few_periods_widen_as_student_does() -> None:
    factor = dict(zip(LEVELS, widen_for_shocks(30, 5), strict=True))  # 12 degrees of freedom
    assert factor[0.975] == pytest.approx(2.1788 / 1.9600, abs=1e-4)
    assert factor[0.1] == pytest.approx(1.3562 / 1.2816, abs=1e-4)
    assert factor[0.5] == 1.0
    assert widen_for_shocks(1, 5)[0] == pytest.approx(3.1824 / 1.9600, abs=1e-4)


def test_errors_after_the_origin_do_not_calibrate() -> None:
    learnt = _fitted(12, 24).learnt
    errors = np.where(learnt.windows.period[:, None] + np.arange(1, 6) > 2012, 99.0, 1.0)
    found = calibrate(learnt.windows, errors, learnt.changes["engine"], 2012, 5, ANNUAL)
    assert found.quantiles.max() < 2


def test_the_regression_is_fitted_every_three_years_and_at_the_end() -> None:
    assert list_fits(np.array([2010, 2019]), ANNUAL) == [2010, 2013, 2016, 2019]
    assert list_fits(np.array([8000, 8030]), FREQUENCIES["Q"]) == [8006, 8018, 8030]


def test_what_the_regression_learns_from_is_dated_before_the_origin() -> None:
    windows = _fitted(8, 20).learnt.windows
    rows = known_rows(windows, 3, 2013)
    assert (windows.period[rows] + 3).max() == 2013


def test_nothing_is_learnt_from_fewer_than_eight_periods() -> None:
    windows = _fitted(40, 20).learnt.windows
    assert len(known_rows(windows, 3, 2009)) == 0
    assert len(known_rows(windows, 3, 2010)) == 40 * 8


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.floats(-1e4, 1e4), min_size=7, max_size=7), min_size=1, max_size=6))
def test_any_quantiles_are_tidied(rows: list[list[float]]) -> None:
    out = tidy_quantiles(np.array(rows), not_negative=True)
    assert (out >= 0).all()
    assert (np.diff(out, axis=1) >= -1e-9).all()
    for lower in range(3):
        assert (np.diff(out[:, 6 - lower] - out[:, lower]) >= -1e-9).all()


def test_coverage_on_random_walks_is_near_nominal() -> None:
    rng = np.random.default_rng(11)
    walks = 10_000 + np.cumsum(rng.normal(0, 1, (120, 35)) * rng.lognormal(3, 1, (120, 1)), axis=1)
    long = pd.DataFrame(
        {
            "unique_id": np.repeat(np.arange(120), 35),
            "ds": np.tile(np.arange(1990, 2025), 120),
            "y": walks.ravel(),
        }
    )
    forecast = forecast_panel(long[long["ds"] < 2020], 5, "A").merge(long, on=["unique_id", "ds"])
    inside80 = ((forecast["y"] >= forecast["lo80"]) & (forecast["y"] <= forecast["hi80"])).mean()
    inside95 = ((forecast["y"] >= forecast["lo95"]) & (forecast["y"] <= forecast["hi95"])).mean()
    assert 0.72 <= inside80 <= 0.88
    assert 0.90 <= inside95 <= 0.99


# ---------------------------------------------------------------- determinism


def test_row_order_does_not_matter(panel_forecast: pd.DataFrame) -> None:
    shuffled = make_panel().sample(frac=1, random_state=7)
    pd.testing.assert_frame_equal(forecast_panel(shuffled, 7, "A"), panel_forecast)


_PRINT_BYTES = """
import hashlib, sys
sys.path.insert(0, "tests")
from test_forecasting import make_panel
from lma.forecasting import forecast_panel
print(hashlib.sha256(forecast_panel(make_panel(), 7, "A").to_csv(index=False).encode()).hexdigest())
"""


def test_same_bytes_for_any_number_of_threads() -> None:
    def run(threads: str) -> str:
        env = {
            **os.environ,
            "OMP_NUM_THREADS": threads,
            "OPENBLAS_NUM_THREADS": threads,
            "PYTHONHASHSEED": threads,
        }
        env["PYTHONPATH"] = str(ROOT)
        done = subprocess.run(
            [sys.executable, "-c", _PRINT_BYTES],
            cwd=ROOT,
            env=env,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout

    assert run("1") == run("4")


def test_importing_the_room_is_light() -> None:
    heavy = ("sklearn", "statsforecast", "hierarchicalforecast")
    code = f"import sys, lma.forecasting; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# ---------------------------------------------------------------- a country


def make_observations() -> pd.DataFrame:
    """Two countries with 14 modelled sectors; MUS reports 20 years, ARM breaks three years before its end."""
    rows = []
    for area, seed, break_year in (("MUS", 1, None), ("ARM", 2, 2018)):
        for kind, first, last in (("modelled", 1995, 2025), ("reported", 2001, 2020)):
            rng = np.random.default_rng([seed, first])
            walks = np.cumsum(rng.normal(50, 400, (len(SECTORS[kind]), last - first + 1)), axis=1) + 30_000
            walks = np.vstack([walks, walks.sum(axis=0)])
            for code, walk in zip((*SECTORS[kind], "_T"), walks, strict=True):
                rows += [_observation(area, kind, code, first + k, y, break_year) for k, y in enumerate(walk)]
    frame = pd.DataFrame(rows, columns=table_contract("marts.observations").column_names)
    return frame.assign(observation_id=[f"{i:012x}:{i + 1}" for i in range(len(frame))])


def _observation(
    area: str, kind: str, code: str, year: int, value: float, break_year: int | None
) -> dict[str, object]:
    basis = "reported" if kind == "reported" else "projection" if year == 2025 else "modelled_estimate"
    return {
        "ref_area": area, "counterpart_area": "_Z", "freq": "A", "indicator": "EMP", "sex": "_T", "age": "_T",
        "economic_activity": code, "activity_revision": "_Z" if code == "_T" else "ISIC4",
        "occupation": "_T",
        "citizenship": "_T", "unit_measure": "PS", "time_period": str(year), "obs_value": value,
        "obs_status": "A", "basis": basis, "basis_kind": kind, "is_break": kind == "reported" and year == break_year,
    }  # fmt: skip


@pytest.fixture(scope="module")
def observations() -> pd.DataFrame:
    return make_observations()


@pytest.fixture(scope="module")
def mauritius(observations: pd.DataFrame) -> Tables:
    return forecast_country(observations, "MUS", horizon=5)


def test_country_tables_follow_their_contracts(mauritius: Tables) -> None:
    for table, name in zip(mauritius, ("marts.forecasts", "marts.forecast_scores"), strict=True):
        contract = table_contract(name)
        assert list(table.columns) == contract.column_names
        assert not table.duplicated(contract.primary_key).any()
        assert not table.duplicated(contract.column_names[0]).any()
        for column in contract.columns:
            values = table[column.name].dropna()
            assert not column.required or len(values) == len(table), column.name
            assert not column.pattern or values.astype(str).str.fullmatch(column.pattern).all(), column.name
            assert not column.valid_values or set(values) <= set(column.valid_values), column.name
            assert column.minimum is None or (values >= column.minimum).all(), column.name
            assert column.maximum is None or (values <= column.maximum).all(), column.name
    forecasts = mauritius[0]
    assert (forecasts["value"].isna() == forecasts["reason"].notna()).all()


def test_country_has_champion_and_naive_to_the_target_year(
    mauritius: Tables,
) -> None:
    forecasts = mauritius[0][mauritius[0]["role"] != "none"]
    counts = forecasts.groupby(["basis_kind", "economic_activity", "role"]).size()
    assert (counts["modelled"] == 5 * 8).all()
    assert (counts["reported"] == 10 * 8).all()
    assert forecasts["target_period"].max() == "2030"
    assert (forecasts.loc[forecasts["role"] == "naive", "model_id"] == "naive").all()
    assert set(forecasts.loc[forecasts["output_type"] == "quantile", "output_type_id"]) == {
        str(q) for q in LEVELS
    }


def test_country_sectors_sum_to_the_total(mauritius: Tables) -> None:
    means = mauritius[0][(mauritius[0]["output_type"] == "mean") & (mauritius[0]["role"] != "none")]
    for key, part in means.groupby(["basis_kind", "role", "target_period"]):
        total = part.loc[part["economic_activity"] == "_T", "value"].item()
        assert part.loc[part["economic_activity"] != "_T", "value"].sum() == pytest.approx(total, abs=1e-6), (
            key
        )
    assert means["step"].str.contains("reconciled (MinT", regex=False).all()


def test_country_quantiles_are_ordered(mauritius: Tables) -> None:
    rows = mauritius[0][mauritius[0]["output_type"] == "quantile"]
    key = ["basis_kind", "economic_activity", "role", "horizon"]
    wide = rows.pivot(index=key, columns="output_type_id", values="value")[[str(level) for level in LEVELS]]
    assert (wide.to_numpy() >= 0).all()
    assert (np.diff(wide.to_numpy(), axis=1) >= -1e-6).all()
    width = (wide["0.975"] - wide["0.025"]).groupby(level=[0, 1, 2])
    assert (width.diff().fillna(0) >= -1e-5).all()


def test_inputs_are_the_history_that_was_used(observations: pd.DataFrame, mauritius: Tables) -> None:
    forecasts = mauritius[0]
    row = forecasts.query("economic_activity == 'C' and basis_kind == 'modelled' and sex == '_T'").iloc[0]
    mine = observations[(observations["ref_area"] == "MUS") & (observations["economic_activity"] == "C")]
    assert row["inputs"] == mine[mine["basis_kind"] == "modelled"]["observation_id"].tolist()
    assert "31 annual values 1995-2025 (the publisher's own projection in 2025)" in row["step"]


def test_steps_name_the_pool_and_the_rule_of_the_champion(mauritius: Tables) -> None:
    """Both countries teach: 15 modelled and 8 reported series each; what a country is forecast from is its own."""
    forecasts, scores = mauritius
    made = forecasts.loc[forecasts["role"] != "none", "step"]
    assert made.str.contains("errors pooled over 46 series", regex=False).all()
    assert (
        scores["step"]
        .str.contains(
            f"over {JUDGED_ALONE} origins or more of the series the combination erred over {WORSE_THAN_NAIVE} times",
            regex=False,
        )
        .all()
    )


def test_before_a_break_only_the_growth_is_used(observations: pd.DataFrame) -> None:
    """Half the level before the break, and a tenth of it, lend the same growth: the same forecast."""
    before = (observations["basis_kind"] == "reported") & (observations["time_period"] < "2018")
    tables = [
        forecast_country(
            observations.assign(
                obs_value=observations["obs_value"].where(~before, observations["obs_value"] * f)
            ),
            "ARM",
        )[0].query("basis_kind == 'reported' and sex == '_T'")
        for f in (0.5, 0.1)
    ]
    assert set(tables[0]["role"]) == {"champion", "naive"}
    assert (
        tables[0]["step"]
        .str.contains("values before the break of 2018 brought to the level since", regex=False)
        .all()
    )
    np.testing.assert_allclose(tables[0]["value"], tables[1]["value"], rtol=1e-3)


def test_too_little_before_a_break_lends_nothing(observations: pd.DataFrame) -> None:
    long_ago = (observations["ref_area"] == "ARM") & (observations["time_period"] < "2016")
    given = observations[~(long_ago & (observations["basis_kind"] == "reported"))]
    forecasts, scores = forecast_country(given, "ARM", horizon=5)
    reported = forecasts[(forecasts["basis_kind"] == "reported") & (forecasts["sex"] == "_T")]
    assert set(reported["reason"]) == {"SHORT_AFTER_BREAK"}
    assert set(reported["role"]) == {"none"}
    assert len(reported) == 8
    assert "break in 2018" in reported["step"].iloc[0]
    assert set(scores["basis_kind"]) == {"modelled"}


def test_an_absent_sector_stops_the_reconciliation_and_says_so(observations: pd.DataFrame) -> None:
    short = (
        (observations["ref_area"] == "MUS")
        & (observations["economic_activity"] == "K")
        & (observations["time_period"] < "2020")
    )
    forecasts, _ = forecast_country(observations[~short], "MUS", horizon=5)
    modelled = forecasts[(forecasts["basis_kind"] == "modelled") & (forecasts["sex"] == "_T")]
    assert modelled.loc[modelled["economic_activity"] == "K", "reason"].tolist() == ["TOO_SHORT"]
    others = modelled.loc[modelled["economic_activity"] != "K", "step"]
    assert others.str.contains("not reconciled: no forecast for K", regex=False).all()


def test_other_countries_are_learnt_from(observations: pd.DataFrame, mauritius: Tables) -> None:
    alone, _ = forecast_country(observations[observations["ref_area"] == "MUS"], "MUS", horizon=5)
    assert not np.allclose(alone["value"], mauritius[0]["value"])


def test_country_refusals(observations: pd.DataFrame) -> None:
    with pytest.raises(InputError, match="FRA has no annual employment"):
        forecast_country(observations, "FRA")
    with pytest.raises(UsageError, match="2025"):
        forecast_country(observations, "MUS", horizon_year=2025)


def test_scores_compare_with_naive(mauritius: Tables) -> None:
    scores = mauritius[1]
    naive = scores[scores["model_id"] == "naive"]
    np.testing.assert_allclose(naive["mase_ratio"], 1.0)
    assert naive["sign_hit"].isna().all()
    champions = scores[scores["is_champion"] & (scores["horizon"] == 0)]
    assert len(champions) == 15 + 8
    assert (champions["n_origins"] >= 3).all()
    assert champions["coverage_95"].notna().all()
    assert (champions["mase_ratio"] <= 1.1).all()


def test_absences_know_their_last_period() -> None:
    _, absences = read_panel(one_series([1.0, 2, 3, NAN]), ANNUAL)
    assert absences == [Absence("one", "TOO_SHORT", 2002)]


def test_series_is_cut_at_the_origin() -> None:
    series = Series("a", 2000, np.arange(10.0), np.ones(10, dtype=bool))
    assert series.until(2004).tolist() == [0, 1, 2, 3, 4]
