"""An analyst's own question: demand or participation different from the baseline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from lma.contracts import Scenario
from lma.errors import DefinitionError

Array = npt.NDArray[np.float64]

BASELINE = Scenario(
    name="baseline",
    description="Published forecasts and trends, nothing changed.",
    participation_points=0.0,
)


def find_growth_points(scenario: Scenario, sectors: Sequence[str]) -> Array:
    """Percentage points a year for each sector; a sector's own entry replaces that of `_T`.

    ``DefinitionError`` names entries that are no sector of the balance.
    """
    points: Mapping[str, float] = scenario.demand_growth_points
    unknown = sorted(set(points) - set(sectors) - {"_T"})
    if unknown:
        raise DefinitionError(
            f"scenario {scenario.name!r}, demand_growth_points: {', '.join(unknown)} is no sector "
            f"of the balance. Use _T or one of {', '.join(sectors)}."
        )
    return np.array([points.get(sector, points.get("_T", 0.0)) for sector in sectors])


def apply_growth_points(employment: Array, points: Array) -> Array:
    """Employment (draws, sectors, years; first year is the base) with ``points`` added to yearly growth.

    Growth never falls below -100 per cent. Without points the draws come back unchanged.
    """
    if not points.any():
        return employment
    before, after = employment[:, :, :-1], employment[:, :, 1:]
    growth = np.divide(after, before, out=np.ones_like(after), where=before > 0)
    raised = np.maximum(growth + points[None, :, None] / 100, 0)
    return np.concatenate([employment[:, :, :1], employment[:, :, :1] * np.cumprod(raised, axis=2)], axis=2)


def add_participants(women: Array, scenario: Scenario) -> Array:
    """Women who join each year so that female participation ends ``participation_points`` higher.

    ``women``: women of 15 and over in each year. Reached linearly: year i of n stands i/n of the way.
    """
    way = np.arange(len(women) + 1) / len(women)
    before = np.concatenate([women[:1], women[:-1]])
    points: Array = scenario.participation_points / 100 * (women * way[1:] - before * way[:-1])
    return points
