"""Forecasts of short labour series: candidates, champion by backtest, calibrated intervals, exact sums."""

from lma.forecasting.country import forecast_country
from lma.forecasting.panel import forecast_panel

__all__ = ["forecast_country", "forecast_panel"]
