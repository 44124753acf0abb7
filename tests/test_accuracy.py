"""Formulas of accuracy against cases that can be checked by hand: tests/cases/accuracy/<nn_scenario>/."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lma.forecasting import accuracy

CASES = Path(__file__).parent / "cases" / "accuracy"


def _read(scenario: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    folder = next(CASES.glob(f"{scenario}_*"))
    return pd.read_csv(folder / "input.csv"), pd.read_csv(folder / "expected.csv")


def _growth(rows: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    origin = rows["origin"].to_numpy(dtype=float)
    forecast, outcome = (
        accuracy.growth_since(rows[name].to_numpy(dtype=float), origin) for name in ("forecast", "outcome")
    )
    return forecast, outcome


def test_three_sectors_by_hand() -> None:
    rows, expected = _read("01")
    forecast, outcome = _growth(rows)
    mae, naive_mae = ((rows[name] - rows["outcome"]).abs().mean() for name in ("forecast", "origin"))
    found = {
        "skill": accuracy.skill(mae, naive_mae),
        "sign_hit": accuracy.sign_hits(forecast, outcome).mean(),
        "rel_hit": accuracy.relative_hits(forecast, outcome).mean(),
        "dissimilarity": accuracy.dissimilarity(rows["forecast"].to_numpy(), rows["outcome"].to_numpy()),
    }
    assert found == pytest.approx(dict(zip(expected["measure"], expected["value"], strict=True)), abs=1e-6)


def test_rebased_forecasts_by_hand() -> None:
    rows, expected = _read("02")
    found = accuracy.rebase(*(rows[name].to_numpy(dtype=float) for name in rows))
    np.testing.assert_allclose(found, expected["rebased"], rtol=1e-12)


def test_claims_by_hand() -> None:
    rows, expected = _read("03")
    forecast, outcome = _growth(rows)
    np.testing.assert_array_equal(accuracy.sign_hits(forecast, outcome), expected["sign"])
    np.testing.assert_array_equal(accuracy.relative_hits(forecast, outcome), expected["relative"])


def test_nothing_is_measured_where_there_is_nothing_to_compare() -> None:
    assert np.isnan(accuracy.skill(1.0, 0.0))
    assert np.isnan(accuracy.relative_hits(np.array([0.1]), np.array([0.2]))).all()
    assert np.isnan(accuracy.dissimilarity(np.zeros(2), np.ones(2)))


LEVELS = st.floats(min_value=1, max_value=1e6)


@given(
    st.lists(st.tuples(LEVELS, LEVELS, LEVELS), min_size=2, max_size=8),
    st.floats(min_value=0.01, max_value=100),
)
def test_a_rescaled_vintage_changes_no_error_relative_to_its_level(
    series: list[tuple[float, float, float]], factor: float
) -> None:
    origin, forecast, outcome = (np.array(values) for values in zip(*series, strict=True))
    first = accuracy.rebase(forecast, origin, origin) - outcome
    later = accuracy.rebase(forecast, origin, origin * factor) - outcome * factor
    np.testing.assert_allclose(later / factor, first, rtol=1e-6, atol=1e-6 * outcome.max())


@given(st.lists(st.tuples(LEVELS, LEVELS), min_size=2, max_size=8))
def test_dissimilarity_is_a_share_and_does_not_see_the_total(pairs: list[tuple[float, float]]) -> None:
    forecast, outcome = (np.array(values) for values in zip(*pairs, strict=True))
    found = accuracy.dissimilarity(forecast, outcome)
    assert 0 <= found <= 1
    assert accuracy.dissimilarity(forecast * 3, outcome) == pytest.approx(found, abs=1e-9)
    assert accuracy.dissimilarity(outcome, outcome) == 0
