"""Affinity of a corridor: a weighted mean of parts from 0 to 1, each of which a reader can recompute. No forecast.

A = 100 x sum(w_i x_i) / sum(w_i) over the parts that are known. Distance and cost enter as nearness and low cost, which
ranks as subtracting them does. What is unknown takes no part; with fewer than ``min_parts`` parts no affinity is given.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from lma.contracts import RuleSet

PARTS = ("surplus", "shortage", "stock", "language", "wage", "distance", "agreement", "cost")
SURPLUS_GRADES = {
    "SURPLUS": 1.0, "BALANCE": 0.5, "NONE": 0.5, "WATCH": 0.25, "SHORTAGE": 0.0, "SEVERE": 0.0,
}  # fmt: skip
SHORTAGE_GRADES = {
    "SEVERE": 1.0, "SHORTAGE": 0.75, "WATCH": 0.25, "BALANCE": 0.0, "NONE": 0.0, "SURPLUS": 0.0,
}  # fmt: skip


@dataclass(frozen=True)
class Affinity:
    """Score from 0 to 100 (``None`` with too few parts) and its parts from 0 to 1."""

    score: float | None
    parts: Mapping[str, float | None]

    @property
    def columns(self) -> dict[str, object]:
        """Columns of marts.corridors."""
        known = sum(part is not None for part in self.parts.values())
        return {
            "affinity": self.score,
            "n_parts": known,
            **{f"part_{name}": part for name, part in self.parts.items()},
        }

    @property
    def text(self) -> str:
        """The parts in words."""
        shown = ", ".join(f"{name} {part:.2f}" for name, part in self.parts.items() if part is not None)
        missing = ", ".join(name for name, part in self.parts.items() if part is None) or "none"
        return f"affinity from {shown or 'nothing'}; unknown parts: {missing}"


def measure_affinity(
    rules: RuleSet,
    *,
    origin_rating: str | None,
    destination_rating: str | None,
    stock: float | None,
    largest_stock: float,
    language: float | None,
    wage_ratio: float | None,
    distance: float | None,
    agreement: bool,
    cost: float | None,
) -> Affinity:
    """Affinity of one corridor. ``largest_stock``: of the corridors it is listed with; ``cost``: months (SDG 10.7.1)."""
    t = rules.threshold
    parts = {
        "surplus": SURPLUS_GRADES.get(origin_rating or ""),
        "shortage": SHORTAGE_GRADES.get(destination_rating or ""),
        "stock": None
        if stock is None or largest_stock <= 0
        else math.log1p(stock) / math.log1p(largest_stock),
        "language": language,
        "wage": grade_wage_gap(wage_ratio, t("wage_ratio_full")),
        "distance": grade_closeness(distance, t("distance_full")),
        "agreement": float(agreement),
        "cost": grade_closeness(cost, t("cost_full")),
    }
    return Affinity(weigh_parts(parts, rules), parts)


def weigh_parts(parts: Mapping[str, float | None], rules: RuleSet) -> float | None:
    """100 x weighted mean of the known parts; ``None`` with fewer than ``min_parts`` of them."""
    known = {name: part for name, part in parts.items() if part is not None}
    total = sum(rules.threshold(f"weight_{name}") for name in known)
    if len(known) < rules.threshold("min_parts") or total <= 0:
        return None
    return 100 * sum(rules.threshold(f"weight_{name}") * part for name, part in known.items()) / total


def grade_wage_gap(ratio: float | None, full: float) -> float | None:
    """ln(ratio) / ln(full), between 0 (no gain) and 1; ``None`` for an unknown or impossible ratio."""
    if ratio is None or ratio <= 0:
        return None
    return min(1.0, max(0.0, math.log(ratio) / math.log(full)))


def grade_closeness(amount: float | None, full: float) -> float | None:
    """1 - amount / full, not below 0: 1 for nothing, 0 from ``full`` on; ``None`` for an unknown amount."""
    return None if amount is None else max(0.0, 1.0 - max(0.0, amount) / full)
