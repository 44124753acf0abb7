"""Golden cases that a methodologist can check by hand and edit: tests/cases/forecasting/<nn_scenario>/."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lma.forecasting.backtest import Backtest
from lma.forecasting.features import build_windows
from lma.forecasting.intervals import conformal_quantile, running_scale
from lma.forecasting.models import MODELS, Asked
from lma.forecasting.scores import measure_coverage, score_series
from lma.forecasting.series import FREQUENCIES, Series

CASES = Path(__file__).parent / "cases" / "forecasting"


def _read(scenario: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    folder = next(CASES.glob(f"{scenario}_*"))
    return pd.read_csv(folder / "input.csv"), pd.read_csv(folder / "expected.csv")


def _forecast(model_id: str, history: pd.DataFrame, horizon: int) -> np.ndarray:
    values = history["value"].to_numpy(dtype=float)
    series = Series("a", int(history["year"].iloc[0]), values, np.ones(len(values), dtype=bool))
    windows = build_windows([series], FREQUENCIES["A"], horizon)
    asked = Asked(windows, np.array([len(windows.period) - 1]), (values,), horizon, 1, {})
    return MODELS[model_id](asked)[0]


@pytest.mark.parametrize(("scenario", "model_id"), [("01", "naive"), ("02", "drift")])
def test_model_arithmetic(scenario: str, model_id: str) -> None:
    history, expected = _read(scenario)
    found = _forecast(model_id, history, len(expected))
    np.testing.assert_allclose(found, expected["mean"], rtol=1e-9)


def test_scores_by_hand() -> None:
    rows, expected = _read("03")
    later = rows["forecast"].notna().to_numpy()
    history = rows.loc[~later, "value"].to_numpy(dtype=float)
    actual, forecast, naive = (
        rows.loc[later, c].to_numpy(dtype=float)[None, :] for c in ("value", "forecast", "naive")
    )
    step = np.array([np.mean(np.abs(np.diff(history)))])
    backtest = Backtest(
        np.array([0]),
        np.array([2018]),
        history[-1:],
        step,
        step,
        actual,
        {"naive": naive, "other": forecast},
        np.array([0]),
        None,
        None,
    )
    score = score_series(backtest, 0, "other", measure_coverage(backtest, "other"))[0]
    for measure, value in zip(expected["measure"], expected["value"], strict=True):
        assert getattr(score, measure) == pytest.approx(value, abs=1e-6), measure


def test_conformal_quantiles_by_hand() -> None:
    errors, expected = _read("04")
    found = [conformal_quantile(errors["error"].to_numpy(dtype=float), level) for level in expected["level"]]
    assert found == expected["quantile"].tolist()


def test_scale_by_hand() -> None:
    history, expected = _read("07")
    scale = pd.Series(running_scale(history["value"].to_numpy(dtype=float)), index=history["year"])
    np.testing.assert_allclose(scale[expected["year"]], expected["scale"], atol=1e-6)


def test_every_case_is_used() -> None:
    tests = (Path(__file__), Path(__file__).parent / "test_forecast_structure.py")
    text = "".join(path.read_text(encoding="utf-8") for path in tests)
    assert all(f'"{folder.name[:2]}"' in text for folder in CASES.iterdir())
