"""Held-out accuracy on a publisher's full file: a quarter of the countries of the ETD, cut at 2013."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lma.forecasting import forecast_panel

ETD = (
    Path(__file__).parent.parent.parent / "shared" / "data" / "ggdc_etd_2021release" / "etd-release2021.xlsx"
)


@pytest.fixture(scope="module")
def panel() -> pd.DataFrame:
    if not ETD.is_file():
        pytest.skip(f"{ETD.name} is not beside the checkout")
    wide = pd.read_excel(ETD, sheet_name="Data")
    wide = wide[(wide["var"] == "EMP") & wide["cnt"].isin(sorted(wide["cnt"].unique())[::4])]
    long = wide.drop(columns=["country", "var", "War flag"]).melt(["cnt", "year"], value_name="y").dropna()
    return pd.DataFrame(
        {"unique_id": long["cnt"] + "/" + long["variable"], "ds": long["year"].astype(int), "y": long["y"]}
    )


@pytest.mark.shared_data
def test_champions_beat_naive_and_cover_on_held_out_years(panel: pd.DataFrame) -> None:
    past = panel[panel["ds"] <= 2013]
    scored = forecast_panel(past, 5, "A").merge(panel, on=["unique_id", "ds"], validate="one_to_one")
    last = past.sort_values("ds").groupby("unique_id")["y"].last().rename("naive")
    step = (
        past.sort_values("ds").groupby("unique_id")["y"].agg(lambda y: y.diff().abs().mean()).rename("step")
    )
    scored = scored.join(last, on="unique_id").join(step, on="unique_id")
    error = (scored["mean"] - scored["y"]).abs() / scored["step"]
    naive = (scored["naive"] - scored["y"]).abs() / scored["step"]
    inside = {
        p: ((scored["y"] >= scored[f"lo{p}"]) & (scored["y"] <= scored[f"hi{p}"])).mean() for p in (80, 95)
    }
    assert error.mean() < 0.85 * naive.mean()
    assert 0.70 <= inside[80] <= 0.90
    assert 0.90 <= inside[95] <= 0.99
    assert np.isfinite(scored[["mean", "lo95", "hi95"]].to_numpy()).all()
