"""Demand, supply and the gap between them, with its uncertainty."""

from lma.balance.gap import Simulation, simulate_balance
from lma.balance.table import estimate_balance, tabulate_balance

__all__ = ["Simulation", "estimate_balance", "simulate_balance", "tabulate_balance"]
