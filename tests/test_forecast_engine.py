"""The engine across frequencies: nothing later is seen, applying equals learning, and horizons beyond its own."""

import dataclasses
import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lma.errors import UsageError
from lma.forecasting import forecast_panel
from lma.forecasting.combine import measure_trust
from lma.forecasting.engine import Engine, fit_engine
from lma.forecasting.features import Windows, build_windows
from lma.forecasting.models import continued
from lma.forecasting.panel import prepare_engine, run_panel
from lma.forecasting.series import FREQUENCIES, Frequency, Series, format_period
from lma.forecasting.smoothing import Smoothed, remove_season, smooth

LENGTHS = {"A": 26, "Q": 44, "M": 66}
CODES = tuple(LENGTHS)


def make_series(freq: Frequency, seed: int = 1, n_series: int = 9) -> list[Series]:
    """Seasonal walks of unequal length that end in different years; some fall below zero, one never moves."""
    rng, found = np.random.default_rng(seed), []
    for place in range(n_series):
        length = LENGTHS[freq.code] - place % 3
        season = np.resize(rng.normal(0, 30, freq.season), length)
        values = 300 * (place % 4) + np.cumsum(rng.normal(3, 15, length)) + season
        end = 2020 * freq.season - (place % 2) * freq.season
        observed = rng.random(length) > 0.05
        found.append(Series(f"s{place}", end - length + 1, values, observed))
    still = found[-1]
    return [*found[:-1], dataclasses.replace(still, values=np.full_like(still.values, 7.0))]


def change_after(series: Series, period: int, rng: np.random.Generator) -> Series:
    """The series with other values after a period."""
    later = np.arange(len(series.values)) + series.start > period
    other = series.values * rng.lognormal(0, 2, len(later)) + rng.normal(0, 500, len(later))
    return dataclasses.replace(series, values=np.where(later, other, series.values))


def as_panel(series: list[Series], freq: Frequency) -> pd.DataFrame:
    rows = [
        (one.unique_id, format_period(one.start + k, freq), y)
        for one in series
        for k, y in enumerate(one.values)
    ]
    return pd.DataFrame(rows, columns=["unique_id", "ds", "y"])


def fit(series: list[Series], freq: Frequency) -> Engine:
    return fit_engine(series, freq, freq.scored_horizon)


# ---------------------------------------------------------------- nothing later is seen


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(CODES), st.integers(0, 2**31), st.integers(1, 60))
def test_smoothing_and_the_season_see_the_past_only(code: str, seed: int, ago: int) -> None:
    freq, rng = FREQUENCIES[code], np.random.default_rng(seed)
    values = np.cumsum(rng.normal(0, 10, (5, LENGTHS[code])), axis=1) + 100
    last = max(LENGTHS[code] - 1 - ago, 2 * freq.season - 1)
    changed = values.copy()
    changed[:, last + 1 :] += rng.normal(0, 1000, changed[:, last + 1 :].shape)
    known = np.s_[:, : last + 1]
    for before, after in zip(
        remove_season(values, freq.season), remove_season(changed, freq.season), strict=True
    ):
        np.testing.assert_array_equal(before[known], after[known])
    smoothed, other = smooth(values), smooth(changed)
    for field in dataclasses.fields(Smoothed):
        before, after = getattr(smoothed, field.name), getattr(other, field.name)
        np.testing.assert_array_equal(before[known], after[known], err_msg=field.name)


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(CODES), st.booleans(), st.integers(0, 2**31), st.integers(0, 12))
def test_a_window_sees_nothing_after_its_end(code: str, logs: bool, seed: int, ago: int) -> None:
    freq, rng = FREQUENCIES[code], np.random.default_rng(seed)
    panel = make_series(freq)
    origin = 2019 * freq.season - ago
    windows, other = (
        build_windows(given, freq, freq.scored_horizon, logs=logs)
        for given in (panel, [change_after(series, origin, rng) for series in panel])
    )
    known, still = windows.period <= origin, other.period <= origin
    for field in dataclasses.fields(Windows):
        before, after = getattr(windows, field.name), getattr(other, field.name)
        if field.name == "paths":
            before, after = before.swapaxes(0, 1), after.swapaxes(0, 1)
        if field.name == "targets":
            due = windows.period[known, None] + np.arange(1, freq.scored_horizon + 1)
            before, after = (np.where(due <= origin, made, 0.0) for made in (before[known], after[still]))
        else:
            before, after = before[known], after[still]
        np.testing.assert_array_equal(before, after, err_msg=field.name)


@pytest.mark.parametrize("code", CODES)
@settings(max_examples=4, deadline=None)
@example(seed=1, ago=0)  # an origin at which the regressions were fitted
@given(seed=st.integers(0, 2**31), ago=st.integers(-5, 12))
def test_forecasts_trust_and_intervals_see_nothing_after_the_origin(code: str, seed: int, ago: int) -> None:
    freq, rng = FREQUENCIES[code], np.random.default_rng(seed)
    panel = make_series(freq)
    origin = 2017 * freq.season - ago
    engine, other = (
        fit(given, freq) for given in (panel, [change_after(series, origin, rng) for series in panel])
    )
    known, still = (e.learnt.windows.period <= origin for e in (engine, other))
    for model_id, changes in engine.learnt.changes.items():
        np.testing.assert_array_equal(changes[known], other.learnt.changes[model_id][still], err_msg=model_id)
    periods = np.arange(origin - 10, origin + 1)
    for mine, theirs in ((engine.trust, other.trust), (engine.trust_level, other.trust_level)):
        np.testing.assert_array_equal(mine.at(periods), theirs.at(periods))
    for model_id in ("engine", "naive", "seasonal_naive"):
        quantiles = [e.calibrated(model_id, origin, freq.scored_horizon).quantiles for e in (engine, other)]
        np.testing.assert_array_equal(*quantiles, err_msg=model_id)


@pytest.mark.parametrize("code", CODES)
def test_what_is_seen_does_change_the_forecast(code: str) -> None:
    """The tests above would pass with an engine that never looks at anything."""
    freq = FREQUENCIES[code]
    panel = make_series(freq)
    engine, other = (
        fit(given, freq)
        for given in (
            panel,
            [change_after(s, s.end - 2 * freq.season, np.random.default_rng(1)) for s in panel],
        )
    )
    last = engine.learnt.windows.period == engine.end
    still = other.learnt.windows.period == other.end
    for model_id, changes in engine.learnt.changes.items():
        assert (changes[last][:4] != other.learnt.changes[model_id][still][:4]).any(), model_id
    assert (
        engine.calibrated("engine", engine.end, 1).quantiles
        != other.calibrated("engine", other.end, 1).quantiles
    ).any()


# ---------------------------------------------------------------- applying


@pytest.mark.parametrize("code", CODES)
def test_what_was_learnt_is_applied_alike(code: str) -> None:
    """An engine applied to part of its own pool says of it what it said of the pool."""
    freq = FREQUENCIES[code]
    pool = make_series(freq)
    engine = fit(pool, freq)
    some = [1, 4, 6]
    applied = engine.apply([pool[place] for place in some])
    mine = np.flatnonzero(np.isin(engine.learnt.windows.series, some))
    np.testing.assert_array_equal(np.array(some)[applied.windows.series], engine.learnt.windows.series[mine])
    for model_id, changes in applied.changes.items():
        np.testing.assert_allclose(changes, engine.learnt.changes[model_id][mine], rtol=1e-9, atol=1e-9)


def test_a_calibration_is_kept_and_is_that_of_an_engine_without_memory() -> None:
    freq = FREQUENCIES["A"]
    engine, fresh = (fit(make_series(freq), freq) for _ in range(2))
    for origin, horizon in itertools.product((2012, 2019), (5, 8)):
        engine.calibrated("engine", origin, horizon)
    kept = engine.calibrated("engine", 2019, 5)
    assert engine.calibrated("engine", 2019, 5) is kept
    np.testing.assert_array_equal(kept.quantiles, fresh.calibrated("engine", 2019, 5).quantiles)


def test_errors_are_of_models_that_have_intervals() -> None:
    learnt = fit(make_series(FREQUENCIES["A"]), FREQUENCIES["A"]).learnt
    with pytest.raises(KeyError, match="drift"):
        learnt.errors("drift")


@pytest.mark.parametrize("near", [9, 12])
def test_beyond_the_horizons_of_an_engine_the_season_goes_on(near: int) -> None:
    freq = FREQUENCIES["Q"]
    season = np.resize([0.0, 400.0, 100.0, -500.0], 44)
    walks = np.cumsum(np.random.default_rng(2).normal(0, 1, (6, 44)), axis=1)
    panel = as_panel(
        [
            Series(f"s{k}", 8000, 1000 + season + walk, np.ones(44, dtype=bool))
            for k, walk in enumerate(walks)
        ],
        freq,
    )
    result = run_panel(panel, 14, "Q", engine=prepare_engine(panel, near, "Q"))
    expected = 1000 + np.resize(season[:4], 14)
    for model_id in ("engine", "smoothing", "seasonal_naive"):
        np.testing.assert_allclose(result.forecasts[model_id], np.tile(expected, (6, 1)), atol=40)


def test_an_engine_of_another_frequency_is_refused() -> None:
    engine = prepare_engine(as_panel(make_series(FREQUENCIES["Q"]), FREQUENCIES["Q"]), 4, "Q")
    annual = as_panel(make_series(FREQUENCIES["A"]), FREQUENCIES["A"])
    with pytest.raises(UsageError, match=r"fitted on frequency Q.*A"):
        run_panel(annual, 4, "A", engine=engine)


@pytest.mark.parametrize("code", CODES)
def test_arguments_are_left_as_they_were(code: str) -> None:
    freq = FREQUENCIES[code]
    panel, pool = (as_panel(make_series(freq, seed), freq) for seed in (1, 2))
    pool = pool.assign(unique_id="p" + pool["unique_id"])
    kept = panel.copy(deep=True), pool.copy(deep=True)
    forecast_panel(panel, 3, code, pool=pool)
    pd.testing.assert_frame_equal(panel, kept[0])
    pd.testing.assert_frame_equal(pool, kept[1])
    series = make_series(freq)
    for one in series:
        one.values.setflags(write=False)
    fit(series, freq).apply(series)


# ---------------------------------------------------------------- trust and continuation, by hand


def _windows(targets: np.ndarray, periods: np.ndarray) -> Windows:
    others = {field.name: np.ones((len(periods), 1)) for field in dataclasses.fields(Windows)}
    return Windows(**others | {"period": periods, "targets": targets})


def test_trust_grows_with_the_periods_that_bore_a_forecast_out() -> None:
    """Forecast 1, outcome 1 each year: every full share saves 1 a year, and doubt supposes 1.5 years of no change."""
    periods = np.arange(2000, 2010)
    trust = measure_trust(_windows(np.ones((10, 1)), periods), np.ones((10, 1)), 1.5)
    assert trust.at(np.array([1999, 2000, 2001, 2002, 2009]))[:, 0].tolist() == [0, 0, 0, 1, 1]


def test_trust_counts_every_period_once_however_many_series_it_has() -> None:
    """A hundred series were wrong in one year, one series was right in each of four."""
    periods = np.array([2000] * 100 + [2001, 2002, 2003, 2004])
    targets = np.array([-1.0] * 100 + [1.0] * 4)[:, None]
    trust = measure_trust(_windows(targets, periods), np.ones((104, 1)), 0.1)
    assert trust.at(np.array([2001, 2005]))[:, 0].tolist() == [0, 1]


def test_a_path_goes_on_with_its_last_step_damped() -> None:
    changes = np.array([[1.0, 3.0], [1.0, np.nan], [np.nan, np.nan]])
    steps = [[1, 3, 4, 4.5], [1, 1.5, 1.75, 1.875], [np.nan] * 4]
    np.testing.assert_allclose(continued(changes, 4, 0.5), steps)
    np.testing.assert_allclose(continued(changes, 1, 0.5)[:2, 0], [1, 1])
